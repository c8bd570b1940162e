/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Plain memory and the pool of I/O buffers. */
#include "tests/unit/cu.h"

static int all_zero(const void *p, size_t bytes)
{
	return accel_plain.is_zero(p, bytes);
}

static void test_alloc_is_zeroed_each_time(void)
{
	for (int i = 0; i < 3; i++) {
		char *p = port_alloc(5000);

		CU_ASSERT_PTR_NOT_NULL_FATAL(p);
		CU_ASSERT(all_zero(p, 5000));
		memset(p, 0xff, 5000);
		port_free(p);
	}
	port_free(NULL);
	port_dma_free(NULL, 4096);
}

/* A pool buffer that is used again must not show what its last user left. */
static void test_dma_is_aligned_and_zeroed_each_time(void)
{
	static const size_t sizes[] = { 1, 512, 4096, 4097, 65536, 1 << 20, 2 << 20,
					(2 << 20) + 1, 9 << 20 };

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
			char *p = port_dma_alloc(sizes[i]);

			CU_ASSERT_PTR_NOT_NULL_FATAL(p);
			CU_ASSERT_EQUAL((uintptr_t)p % 4096, 0);
			CU_ASSERT(all_zero(p, sizes[i]));
			memset(p, 0xff, sizes[i]);
			port_dma_free(p, sizes[i]);
		}
	}
}

/* Three times the pool's 64 MiB: the rest comes from plain memory. No two buffers may overlap, and
 * all must fit again after they were freed in another order. */
static void test_more_than_the_pool_holds(void)
{
	enum { COUNT = 192, BYTES = 1 << 20 };
	static uint32_t *buffer[COUNT];

	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < COUNT; i++) {
			buffer[i] = port_dma_alloc(BYTES);
			CU_ASSERT_PTR_NOT_NULL_FATAL(buffer[i]);
			buffer[i][0] = buffer[i][BYTES / 4 - 1] = i;
		}
		for (uint32_t i = 0; i < COUNT; i++)
			CU_ASSERT(buffer[i][0] == i && buffer[i][BYTES / 4 - 1] == i);
		for (uint32_t i = 0; i < COUNT; i++)
			port_dma_free(buffer[(i * 7 + 3) % COUNT], BYTES);
	}
}

/* Random sizes against a map of what is whose. */
static void test_random_allocs_never_overlap(void)
{
	enum { COUNT = 64 };
	struct { unsigned char *p; size_t bytes; unsigned char mark; } b[COUNT] = { 0 };
	uint32_t rng = 1;

	for (int step = 0; step < 4000; step++) {
		size_t i = (rng = rng * 1664525 + 1013904223) >> 26;

		if (b[i].p) {
			CU_ASSERT(b[i].p[0] == b[i].mark && b[i].p[b[i].bytes - 1] == b[i].mark);
			port_dma_free(b[i].p, b[i].bytes);
			b[i].p = NULL;
			continue;
		}
		b[i].bytes = 1 + (rng >> 8) % 100000;
		b[i].mark = (unsigned char)step;
		b[i].p = port_dma_alloc(b[i].bytes);
		CU_ASSERT_PTR_NOT_NULL_FATAL(b[i].p);
		CU_ASSERT(all_zero(b[i].p, b[i].bytes));
		memset(b[i].p, b[i].mark, b[i].bytes);
	}
	for (size_t i = 0; i < COUNT; i++)
		port_dma_free(b[i].p, b[i].bytes);
}

static const struct cu_case cases[] = {
	{ "alloc is zeroed each time", test_alloc_is_zeroed_each_time },
	{ "dma is aligned and zeroed each time", test_dma_is_aligned_and_zeroed_each_time },
	{ "more than the pool holds", test_more_than_the_pool_holds },
	{ "random allocs never overlap", test_random_allocs_never_overlap },
};

CU_MAIN("port/memory", cases)
