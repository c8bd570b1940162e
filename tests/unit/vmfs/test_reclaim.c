/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Free blocks go back to the device; files keep theirs. */
#include "tests/unit/vmfs/vol.h"

#define MARK	(20 * MIB)	/* bytes written and then deleted */

static int stop_after_two(void *arg, uint64_t done, uint64_t total)
{
	uint32_t *calls = arg;

	CU_ASSERT(done <= total);
	return ++*calls == 2;
}

static void fill(struct vol *v, const char *path, uint8_t byte)
{
	uint8_t *buf = port_dma_alloc(MIB);
	struct store_file *f = vol_create(v, path);

	memset(buf, byte, MIB);
	for (uint64_t at = 0; at < MARK; at += MIB)
		CU_ASSERT_EQUAL(store_write(f, at, buf, MIB), ST_OK);
	vol_close(v, f);
	port_dma_free(buf, MIB);
}

static void test_free_blocks_become_holes(void)
{
	struct store_run run = { 0 };
	struct store_file *f;
	struct vmfs_info info;
	uint64_t bytes = 0;
	uint32_t calls = 0;
	uint8_t byte = 1;
	struct vol v;

	vol_format(600 * MIB);
	vol_mount(&v, 1);
	fill(&v, "/keep", 7);
	fill(&v, "/go", 8);
	f = vol_open(&v, "/go", STORE_READ);
	CU_ASSERT_EQUAL(v.s->ops->file_map(f, 0, &run), ST_OK);
	vol_close(&v, f);
	CU_ASSERT_EQUAL(vol_remove(&v, "/go"), ST_OK);
	vol_info(&v, &info);
	CU_ASSERT_EQUAL(vmfs_reclaim(v.volume, 16, stop_after_two, &calls, &bytes), ST_CANCELLED);
	CU_ASSERT_EQUAL(bytes, 32 * MIB);
	CU_ASSERT_EQUAL(vmfs_reclaim(v.volume, 0, NULL, NULL, &bytes), ST_OK);
	CU_ASSERT_EQUAL(bytes, info.blocks.free * MIB);
	CU_ASSERT_EQUAL(sim_disk_peek(DISK, 0x1100000 + run.where, &byte, 1), ST_OK);
	CU_ASSERT_EQUAL(byte, 0);
	f = vol_open(&v, "/keep", STORE_READ);
	for (uint64_t at = 0; at < MARK; at += MIB) {
		CU_ASSERT_EQUAL(store_read(f, at, &byte, 1), ST_OK);
		CU_ASSERT_EQUAL(byte, 7);
	}
	vol_close(&v, f);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

static const struct cu_case cases[] = {
	{ "free blocks become holes", test_free_blocks_become_holes },
};
CU_MAIN("vmfs/reclaim", cases)
