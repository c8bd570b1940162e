/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* grow - the volume is never less than it was, wherever growing it stops, and repeating it
 * finishes. */
#include "tests/unit/vmfs/grow.h"

static uint64_t blocks_of(uint64_t device_bytes)
{
	return lvm_room_pes(&lvm_form_5, device_bytes) * 256ull;
}

/* Sizes that change nothing, the last partial cluster, a longer .fbb.sf, a second PE map. */
static void test_grow_steps(void)
{
	static const uint64_t size[] = { 1 * GIB, 1 * GIB + 200 * MIB, 10 * GIB, 300 * GIB, 3 * TIB,
					 15 * TIB };
	uint64_t added = 0;

	disk_format(size[0]);
	for (size_t i = 1; i < ARRAY_COUNT(size); i++) {
		enlarge(0, size[i]);
		CU_ASSERT_EQUAL(grow(1, &added), ST_OK);
		CU_ASSERT_EQUAL(added, (blocks_of(size[i]) - blocks_of(size[i - 1])) * MIB);
		assert_blocks(1, blocks_of(size[i]));
		CU_ASSERT_EQUAL(grow(1, &added), ST_OK);
		CU_ASSERT_EQUAL(added, 0);
	}
}

static void test_grow_over_a_region(void)
{
	uint64_t added;

	disk_format(15 * TIB);
	enlarge(0, 17 * TIB);
	CU_ASSERT_EQUAL(grow(1, &added), ST_OK);
	assert_blocks(1, blocks_of(17 * TIB));
}

static void test_grow_a_test_volume(void)
{
	uint64_t added;

	disk_format(64 * MIB);
	enlarge(0, 100 * MIB);
	CU_ASSERT_EQUAL(grow(1, &added), ST_OK);
	assert_blocks(1, 83);
	enlarge(0, 2 * GIB);
	CU_ASSERT_EQUAL(grow(1, &added), ST_OK);
	assert_blocks(1, blocks_of(2 * GIB));
}

static void test_span(void)
{
	uint64_t added;

	disk_format(1 * GIB);
	for (uint32_t i = 1; i < 4; i++) {
		disk_make(i, i * GIB);
		CU_ASSERT_EQUAL(span(i), ST_OK);
	}
	assert_blocks(4, blocks_of(1 * GIB) * 2 + blocks_of(2 * GIB) + blocks_of(3 * GIB));
	enlarge(3, 5 * GIB);
	CU_ASSERT_EQUAL(grow(4, &added), ST_OK);
	assert_blocks(4, blocks_of(1 * GIB) * 2 + blocks_of(2 * GIB) + blocks_of(5 * GIB));
}

static void test_refusals(void)
{
	struct vmfs_mount_opts opts = { .write = 1 };
	struct vmfs_volume *vol;
	struct disks d, again;
	uint64_t added;

	disk_format(1 * GIB);
	disk_make(1, 200 * MIB);
	CU_ASSERT_EQUAL(span(1), ST_RANGE);
	disk_make(1, 1 * GIB);
	disks_open(&d, 2);
	CU_ASSERT_EQUAL(vmfs_span(d.dev, 1, d.dev[0], &d.why), ST_INVAL);
	CU_ASSERT_EQUAL(vmfs_grow(d.dev + 1, 1, &added, &d.why), ST_NOENT);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, 1, &opts, &vol, &d.why), ST_OK);
	disks_open(&again, 2);
	CU_ASSERT_EQUAL(vmfs_grow(again.dev, 1, &added, &again.why), ST_BUSY);
	CU_ASSERT_EQUAL(vmfs_span(again.dev, 1, again.dev[1], &again.why), ST_BUSY);
	CU_ASSERT_EQUAL(sim_disk_bytes_written(disk_name(1)), 0);
	disks_close(&again);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_close(&d);
}

/* After a stop: readable without damage, and the same command ends with the full size. */
static void after_stop(uint32_t before, uint32_t after, uint64_t blocks, uint64_t n, int drop)
{
	struct findings all;
	struct disks d;
	uint64_t added;

	disks_open(&d, before);
	disks_check(&d, 0, &all);
	if (before != after && all.status == ST_NOENT) {	/* the new device counts already */
		disks_close(&d);
		disks_open(&d, after);
		disks_check(&d, 0, &all);
	}
	if (all.status != ST_OK || all.result.damage) {
		fprintf(stderr, "stopped after %lu writes, drop %d\n", (unsigned long)n, drop);
		findings_print(&all);
		CU_FAIL("damage");
	}
	/* What the stop leaked or left wrong is repaired, and then nothing is left to find. */
	disks_check(&d, 1, &all);
	disks_assert_clean(&d);
	before = d.count;
	disks_close(&d);
	CU_ASSERT_EQUAL(before == after ? grow(after, &added) : span(before), ST_OK);
	assert_blocks(after, blocks);
}

static void test_interrupted_grow(void)
{
	for (int drop = 0; drop < 2; drop++)
		for (uint64_t n = 0;; n++) {
			uint64_t added;
			int stopped;

			/* 10 GiB to 300 GiB: one more block of .fbb.sf, and a partial cluster to
			 * complete. */
			disk_format(10 * GIB);
			enlarge(0, 300 * GIB);
			sim_stop_after_writes(n);
			(void)!grow(1, &added);
			stopped = sim_has_stopped();
			sim_crash(n, drop);
			after_stop(1, 1, blocks_of(300 * GIB), n, drop);
			if (!stopped)
				break;
		}
}

static void test_interrupted_span(void)
{
	for (int drop = 0; drop < 2; drop++)
		for (uint64_t n = 0;; n++) {
			int stopped;

			disk_format(1 * GIB);
			disk_make(1, 300 * GIB);
			sim_stop_after_writes(n);
			(void)!span(1);
			stopped = sim_has_stopped();
			sim_crash(n, drop);
			after_stop(1, 2, blocks_of(1 * GIB) + blocks_of(300 * GIB), n, drop);
			if (!stopped)
				break;
		}
}

static void test_no_memory(void)
{
	for (uint64_t n = 1;; n++) {
		uint64_t added, live;
		enum status st;
		struct disks d;
		int failed;

		disk_format(10 * GIB);
		enlarge(0, 300 * GIB);
		disks_open(&d, 1);
		live = sim_alloc_live();
		sim_fail_alloc(n);
		st = vmfs_grow(d.dev, 1, &added, &d.why);
		failed = sim_alloc_failed();
		sim_fail_alloc(0);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		CU_ASSERT_EQUAL(st, failed ? ST_NOMEM : ST_OK);
		disks_close(&d);
		after_stop(1, 1, blocks_of(300 * GIB), n, 0);
		if (!failed)
			break;
	}
}

static const struct cu_case cases[] = {
	{ "grow in steps", test_grow_steps },
	{ "grow over a region", test_grow_over_a_region },
	{ "grow a test volume", test_grow_a_test_volume },
	{ "span", test_span },
	{ "refusals", test_refusals },
	{ "interrupted grow", test_interrupted_grow },
	{ "interrupted span", test_interrupted_span },
	{ "no memory", test_no_memory },
};
CU_MAIN("vmfs/grow", cases)
