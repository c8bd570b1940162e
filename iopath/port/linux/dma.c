/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* dma - buffers for disk I/O. Each pCPU reserves one range of addresses and cuts it into chunks of
 * 2 MiB. A chunk is faulted in and registered with the engine when the first buffer is cut from it,
 * so that a small tool pins one chunk, or none; the number of the chunk is the number of the
 * registered buffer, and a transfer finds it by one subtraction and shift.
 *
 * A buffer never crosses a chunk. What is larger, or comes when the pool is full or the kernel does
 * not let us pin (RLIMIT_MEMLOCK), is ordinary memory: it works, and costs the kernel a page walk
 * per transfer. Within a chunk: first fit by pages. */
#include "iopath/port/linux/linux_priv.h"

#include <stdlib.h>
#include <sys/mman.h>

#define CHUNK_SHIFT 21
#define CHUNK_BYTES (1ul << CHUNK_SHIFT)
#define PAGE_BYTES 4096ul
#define CHUNK_PAGES (CHUNK_BYTES / PAGE_BYTES)
#define POOL_CHUNKS_MAX 4096		/* 8 GiB */

struct chunk {
	uint64_t	used[CHUNK_PAGES / 64];	/* a bit per page */
	uint32_t	used_pages;
	uint8_t		registered;
};

struct dma_pool {
	struct pcpu	*pcpu;
	char		*map, *base;	/* as mapped, and aligned to a chunk */
	size_t		map_bytes;
	uint32_t	chunk_count, chunks_begun;
	uint8_t		refused;	/* the engine registers no more */
	struct chunk	chunk[];
};

struct dma_pool *dma_create(struct pcpu *p, uint64_t bytes)
{
	uint32_t count = (uint32_t)MIN(div_round_up(bytes, CHUNK_BYTES), (uint64_t)POOL_CHUNKS_MAX);
	struct dma_pool *pool = calloc(1, sizeof(*pool) + count * sizeof(struct chunk));

	if (pool == NULL)
		return NULL;
	pool->pcpu = p;
	pool->chunk_count = count;
	pool->refused = p->engine->memory_added == NULL;
	pool->map_bytes = (count + 1ul) * CHUNK_BYTES;
	pool->map = mmap(NULL, pool->map_bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->map == MAP_FAILED) {
		free(pool);
		return NULL;
	}
	pool->base = (char *)round_up((uintptr_t)pool->map, CHUNK_BYTES);
	return pool;
}

void dma_destroy(struct dma_pool *pool)
{
	munmap(pool->map, pool->map_bytes);
	free(pool);
}

int dma_index(const struct dma_pool *pool, const void *base, size_t bytes)
{
	size_t at = (size_t)((const char *)base - pool->base);
	size_t index = at >> CHUNK_SHIFT;

	if (index >= pool->chunks_begun || !pool->chunk[index].registered ||
	    (at & (CHUNK_BYTES - 1)) + bytes > CHUNK_BYTES)
		return -1;
	return (int)index;
}

/* ---- pages of a chunk ------------------------------------------------------------------------ */

static int page_is_used(const struct chunk *c, size_t page)
{
	return c->used[page / 64] >> (page % 64) & 1;
}

static void mark(struct chunk *c, size_t page, size_t count, int used)
{
	for (size_t i = page; i < page + count; i++) {
		if (used)
			c->used[i / 64] |= 1ull << (i % 64);
		else
			c->used[i / 64] &= ~(1ull << (i % 64));
	}
	c->used_pages += used ? (uint32_t)count : -(uint32_t)count;
}

/* First run of `count` free pages, or CHUNK_PAGES. */
static size_t find_run(const struct chunk *c, size_t count)
{
	size_t run = 0;

	if (CHUNK_PAGES - c->used_pages < count)
		return CHUNK_PAGES;
	for (size_t page = 0; page < CHUNK_PAGES; page++) {
		run = page_is_used(c, page) ? 0 : run + 1;
		if (run == count)
			return page + 1 - count;
	}
	return CHUNK_PAGES;
}

/* Take the next chunk into use. A refusal by the kernel ends registration for good. */
static void begin_chunk(struct dma_pool *pool)
{
	uint32_t index = pool->chunks_begun++;
	char *base = pool->base + index * CHUNK_BYTES;

	/* One huge page where the system has one: a single fault, and a single segment to pin. */
	madvise(base, CHUNK_BYTES, MADV_HUGEPAGE);
	if (pool->refused)
		return;
	pool->chunk[index].registered = (uint8_t)pool->pcpu->engine->memory_added(
		pool->pcpu, index, base, CHUNK_BYTES);
	if (!pool->chunk[index].registered) {
		pool->refused = 1;
		log_line(LOG_INFO, "port: the kernel pins no more I/O buffers (RLIMIT_MEMLOCK?) -> "
				   "plain memory from here on");
	}
}

static void *pool_take(struct dma_pool *pool, size_t pages)
{
	for (uint32_t i = 0; i < pool->chunk_count; i++) {
		size_t page;

		if (i == pool->chunks_begun)
			begin_chunk(pool);
		page = find_run(&pool->chunk[i], pages);
		if (page == CHUNK_PAGES)
			continue;
		mark(&pool->chunk[i], page, pages, 1);
		return pool->base + i * CHUNK_BYTES + page * PAGE_BYTES;
	}
	return NULL;
}

/* ---- port.h ---------------------------------------------------------------------------------- */

void *port_dma_alloc(size_t bytes)
{
	size_t whole = round_up(MAX(bytes, (size_t)1), PAGE_BYTES);
	void *p = NULL;

	if (whole < bytes)
		return NULL;
	if (whole <= CHUNK_BYTES)
		p = pool_take(pcpu_here()->dma, whole / PAGE_BYTES);
	if (p == NULL)
		p = aligned_alloc(PAGE_BYTES, whole);
	if (p != NULL)
		memset(p, 0, whole);
	return p;
}

void port_dma_free(void *p, size_t bytes)
{
	struct dma_pool *pool = pcpu_here()->dma;
	size_t at = (size_t)((char *)p - pool->base), index = at >> CHUNK_SHIFT;

	if (p == NULL)
		return;
	if (index >= pool->chunks_begun) {
		free(p);
		return;
	}
	mark(&pool->chunk[index], at % CHUNK_BYTES / PAGE_BYTES,
	     div_round_up(MAX(bytes, (size_t)1), PAGE_BYTES), 0);
}
