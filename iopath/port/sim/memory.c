/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* memory - port_alloc() from libc, so that AddressSanitizer sees each block; counted, and failing
 * where the test says so.
 *
 * AddressSanitizer maps and unmaps each large block anew, and the sweeps, which mount a volume a
 * thousand times, spent most of their time in page faults. So a freed DMA buffer of that size
 * rests, poisoned, and is given out again when more of its length have been freed after it. */
#include "iopath/port/sim/sim_priv.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <sys/mman.h>

#define GUARD_BYTES	4096
#define REST_MIN_BYTES	65536u	/* smaller ones do not come from a mapping of their own */
#define REST_MIN_COUNT	4u	/* freed after it, before a buffer may come back */

static int must_fail(void)
{
	if (sim.faults.alloc_countdown == 0 || --sim.faults.alloc_countdown > 0)
		return 0;
	sim.faults.alloc_failed = 1;
	return 1;
}

/* A block is given out, or comes back. */
static void count_block(void *p)
{
	uint32_t host = sim.pcpu[sim.here].host;

	sim.alloc_live += p != NULL;
	if (p && host)
		blocks_add(p, host);
}

static void forget_block(void *p)
{
	sim.alloc_live -= p != NULL;
	if (p && sim.pcpu[sim.here].host)
		blocks_remove(p);
}

void *port_alloc(size_t bytes)
{
	void *p = must_fail() ? NULL : calloc(1, bytes ? bytes : 1);

	count_block(p);
	return p;
}

void port_free(void *p)
{
	forget_block(p);
	free(p);
}

/* ---- DMA buffers ----------------------------------------------------------------------------- */

static size_t dma_whole(size_t bytes) { return round_up(MAX(bytes, (size_t)1), 4096); }

/* Take the buffer out of place i; those behind it move up. */
static void *dma_wake(size_t i)
{
	void *p = sim.dma[i].p;

	ASAN_UNPOISON_MEMORY_REGION(p, sim.dma[i].bytes);
	memmove(&sim.dma[i], &sim.dma[i + 1], (DMA_RESTING_MAX - 1 - i) * sizeof(sim.dma[0]));
	sim.dma[DMA_RESTING_MAX - 1] = (struct dma_resting){ 0 };
	return p;
}

/* The oldest of that length that has rested long enough; NULL: none. */
static void *dma_rested(size_t bytes)
{
	size_t oldest = 0, count = 0;

	for (size_t i = DMA_RESTING_MAX; i-- > 0;)
		if (sim.dma[i].p && sim.dma[i].bytes == bytes) {
			oldest = i;
			count++;
		}
	return count > REST_MIN_COUNT ? dma_wake(oldest) : NULL;
}

static void dma_rest(void *p, size_t bytes)
{
	size_t i = 0;

	while (i < DMA_RESTING_MAX && sim.dma[i].p)
		i++;
	if (i == DMA_RESTING_MAX) {
		free(dma_wake(0));
		i--;
	}
	ASAN_POISON_MEMORY_REGION(p, bytes);
	sim.dma[i] = (struct dma_resting){ p, bytes };
}

void memory_free_resting(void)
{
	while (sim.dma[0].p)
		free(dma_wake(0));
}

void *port_dma_alloc(size_t bytes)
{
	size_t whole = dma_whole(bytes);
	void *p = NULL;

	if (must_fail() || whole < bytes)
		return NULL;
	if (whole >= REST_MIN_BYTES)
		p = dma_rested(whole);
	if (p == NULL)
		p = aligned_alloc(4096, whole);
	if (p != NULL)
		memset(p, 0, whole);
	count_block(p);
	return p;
}

void port_dma_free(void *p, size_t bytes)
{
	size_t whole = dma_whole(bytes);

	if (p == NULL || whole < REST_MIN_BYTES) {
		port_free(p);
		return;
	}
	forget_block(p);
	dma_rest(p, whole);
}

uint64_t sim_alloc_live(void)
{
	return sim.alloc_live;
}

void *sched_stack_map(void)
{
	char *base = mmap(NULL, GUARD_BYTES + WORLD_STACK_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	if (mprotect(base, GUARD_BYTES, PROT_NONE) != 0) {
		munmap(base, GUARD_BYTES + WORLD_STACK_BYTES);
		return NULL;
	}
	return base + GUARD_BYTES;
}

/* A world that lost power left its frames' marks in the shadow memory; the next mapping here must
 * not find them. */
void sched_stack_unmap(void *stack)
{
	ASAN_UNPOISON_MEMORY_REGION(stack, WORLD_STACK_BYTES);
	munmap((char *)stack - GUARD_BYTES, GUARD_BYTES + WORLD_STACK_BYTES);
}
