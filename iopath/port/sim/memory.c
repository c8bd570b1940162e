/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* memory - port_alloc() from libc, so that AddressSanitizer sees each block; counted, and failing
 * where the test says so. */
#include "iopath/port/sim/sim_priv.h"

#include <stdlib.h>
#include <sys/mman.h>

#define GUARD_BYTES 4096

static int must_fail(void)
{
	if (sim.faults.alloc_countdown == 0 || --sim.faults.alloc_countdown > 0)
		return 0;
	sim.faults.alloc_failed = 1;
	return 1;
}

void *port_alloc(size_t bytes)
{
	void *p = must_fail() ? NULL : calloc(1, bytes ? bytes : 1);

	sim.alloc_live += p != NULL;
	return p;
}

void port_free(void *p)
{
	sim.alloc_live -= p != NULL;
	free(p);
}

void *port_dma_alloc(size_t bytes)
{
	size_t whole = round_up(MAX(bytes, (size_t)1), 4096);
	void *p = must_fail() || whole < bytes ? NULL : aligned_alloc(4096, whole);

	if (p != NULL)
		memset(p, 0, whole);
	sim.alloc_live += p != NULL;
	return p;
}

void port_dma_free(void *p, size_t bytes)
{
	(void)bytes;
	port_free(p);
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

void sched_stack_unmap(void *stack)
{
	munmap((char *)stack - GUARD_BYTES, GUARD_BYTES + WORLD_STACK_BYTES);
}
