/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* search - the border is found wherever it lies, in few steps, and never looked for outside. */
#include "iopath/base/search.h"
#include "tests/unit/cu.h"

#define LIMIT 70u

/* Every border in arrays of every length, both ends included. */
static void test_every_border(void)
{
	for (uint32_t count = 0; count <= LIMIT; count++)
		for (uint32_t border = 0; border <= count; border++) {
			uint32_t outside = 0;
			uint32_t found =
			    search_border(i, count, (outside += i >= count, i < border));

			CU_ASSERT_EQUAL(found, border);
			CU_ASSERT_EQUAL(outside, 0);
		}
}

/* Equal keys: the border is behind the last of them with <=, before the first with <. */
static void test_equal_keys(void)
{
	static const uint64_t key[] = { 0, 10, 10, 10, 20, ~0ull };
	uint32_t count = ARRAY_COUNT(key);

	CU_ASSERT_EQUAL(search_border(i, count, key[i] <= 10), 4);
	CU_ASSERT_EQUAL(search_border(i, count, key[i] < 10), 1);
	CU_ASSERT_EQUAL(search_border(i, count, key[i] <= 9), 1);
	CU_ASSERT_EQUAL(search_border(i, count, key[i] <= ~0ull), 6);
	CU_ASSERT_EQUAL(search_border(i, count, key[i] < key[0]), 0);
}

/* As many elements as the type can count: the sum of the two ends would not fit it. */
static void test_full_range(void)
{
	static const uint32_t border[] = { 0, 1, 1u << 31, UINT32_MAX - 1, UINT32_MAX };

	for (size_t k = 0; k < ARRAY_COUNT(border); k++) {
		uint32_t steps = 0;

		CU_ASSERT_EQUAL(search_border(i, UINT32_MAX, (steps++, i < border[k])), border[k]);
		CU_ASSERT(steps <= 32);
	}
	CU_ASSERT_EQUAL(search_border(i, SIZE_MAX, i < SIZE_MAX - 1), SIZE_MAX - 1);
}

static const struct cu_case cases[] = {
	{ "every border", test_every_border },
	{ "equal keys", test_equal_keys },
	{ "as many as can be counted", test_full_range },
};
CU_MAIN("base/search", cases)
