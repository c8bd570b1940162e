/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mkfs - a new volume is right at every size, and an interrupted one is none. */
#include "tests/unit/vmfs/disks.h"

static void test_sizes(void)
{
	static const uint64_t size[] = { 64 * MIB, 100 * MIB, 273 * MIB, 1 * GIB,
					 8 * GIB,  100 * GIB, 2 * TIB,	 15 * TIB };

	for (size_t i = 0; i < ARRAY_COUNT(size); i++) {
		struct disks d;
		struct vmfs_probe p;

		disk_format(size[i]);
		disks_open(&d, 1);
		disks_assert_clean(&d);
		CU_ASSERT_EQUAL(vmfs_probe(d.dev[0], &p, &d.why), ST_OK);
		CU_ASSERT_STRING_EQUAL(p.label, "ds1");
		CU_ASSERT_EQUAL(p.logical_bytes, size[i] < 273 * MIB ? size[i] - 17 * MIB :
				(size[i] - 17 * MIB) / LVM_PE_BYTES * LVM_PE_BYTES);
		disks_close(&d);
	}
}

/* A thin image must stay thin: on 15 TiB nothing but metadata is written. */
static void test_writes_metadata_only(void)
{
	disk_format(15 * TIB);
	CU_ASSERT(sim_disk_bytes_written(disk_name(0)) < 120 * MIB);
}

static void test_several_devices(void)
{
	struct disks d;

	disk_make(0, 1 * GIB);
	disk_make(1, 300 * MIB);
	disk_make(2, 3 * GIB);
	disks_open(&d, 3);
	CU_ASSERT_EQUAL(disks_mkfs(&d, 0), ST_OK);
	disks_assert_clean(&d);
	disks_close(&d);
}

static void test_refusals(void)
{
	struct disks d;
	struct io_dev *twice[2];
	struct vmfs_mkfs_opts opts = { .block_bytes = 2 * MIB };

	disk_make(0, 63 * MIB);
	disks_open(&d, 1);
	CU_ASSERT_EQUAL(disks_mkfs(&d, 0), ST_RANGE);
	CU_ASSERT_EQUAL(vmfs_mkfs(d.dev, 1, &opts, NULL, &d.why), ST_INVAL);
	twice[0] = twice[1] = d.dev[0];
	CU_ASSERT_EQUAL(vmfs_mkfs(twice, 2, &(struct vmfs_mkfs_opts){ 0 }, NULL, &d.why), ST_INVAL);
	CU_ASSERT_EQUAL(
	    vmfs_mkfs(d.dev, 1, &(struct vmfs_mkfs_opts){ .label = "\xff\xfe" }, NULL, &d.why),
	    ST_INVAL);
	CU_ASSERT_EQUAL(sim_disk_bytes_written(disk_name(0)), 0);
	disks_close(&d);
}

/* What is there is kept without force, and while somebody has it locked also with it. */
static void test_keeps_what_is_there(void)
{
	struct disks d, other;
	uint64_t written;

	disk_format(300 * MIB);
	disks_open(&d, 1);
	disks_open(&other, 1);
	written = sim_disk_bytes_written(disk_name(0));
	CU_ASSERT_EQUAL(disks_mkfs(&d, 0), ST_EXIST);
	CU_ASSERT_EQUAL(lvm_lock_dev(other.dev[0], 1, &other.why), ST_OK);
	CU_ASSERT_EQUAL(disks_mkfs(&d, 1), ST_BUSY);
	CU_ASSERT_EQUAL(sim_disk_bytes_written(disk_name(0)), written);
	lvm_unlock_dev(other.dev[0]);
	CU_ASSERT_EQUAL(disks_mkfs(&d, 1), ST_OK);
	disks_assert_clean(&d);
	disks_close(&other);
	disks_close(&d);
}

/* Old bytes everywhere: what mkfs does not clear would show as garbage in bitmaps or
 * descriptors. */
static void test_over_old_data(void)
{
	struct disks d;
	uint8_t *junk = port_alloc(MIB);

	disk_make(0, 300 * MIB);
	memset(junk, 0xa5, MIB);
	for (uint64_t at = 0; at < 60 * MIB; at += MIB)
		CU_ASSERT_EQUAL(sim_disk_poke(disk_name(0), at, junk, MIB), ST_OK);
	port_free(junk);
	disks_open(&d, 1);
	CU_ASSERT_EQUAL(disks_mkfs(&d, 0), ST_OK);
	disks_assert_clean(&d);
	disks_close(&d);
}

/* Stop after each write in turn, over an old volume, with and without the unflushed writes: there
 * is a whole volume (the old or the new one) or none. */
static void stop_sweep(int drop)
{
	for (uint64_t n = 0;; n++) {
		struct disks d;
		struct findings all;
		int stopped;

		disk_make(0, 300 * MIB);
		disk_make(1, 300 * MIB);
		disks_open(&d, 2);
		CU_ASSERT_EQUAL(disks_mkfs(&d, 0), ST_OK);
		sim_stop_after_writes(n);
		(void)!disks_mkfs(&d, 1);
		stopped = sim_has_stopped();
		sim_crash(n, drop);
		disks_close(&d);
		disks_open(&d, 2);
		disks_check(&d, 0, &all);
		if (all.status != ST_NOENT && (all.status != ST_OK || findings_errors(&all))) {
			fprintf(stderr, "stopped after %lu writes, drop %d\n", (unsigned long)n,
				drop);
			findings_print(&all);
			CU_FAIL("half a volume");
		}
		disks_close(&d);
		if (!stopped)
			break;
	}
}

static void test_interrupted_leaves_no_half_volume(void)
{
	stop_sweep(0);
	stop_sweep(1);
}

static void test_no_memory(void)
{
	for (uint64_t n = 1;; n++) {
		struct disks d;
		uint64_t live;
		enum status st;
		int failed;

		disk_make(0, 300 * MIB);
		disks_open(&d, 1);
		live = sim_alloc_live();
		sim_fail_alloc(n);
		st = disks_mkfs(&d, 0);
		failed = sim_alloc_failed();
		sim_fail_alloc(0);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		CU_ASSERT_EQUAL(st, failed ? ST_NOMEM : ST_OK);
		disks_close(&d);
		if (!failed)
			break;
	}
}

static const struct cu_case cases[] = {
	{ "sizes", test_sizes },
	{ "writes metadata only", test_writes_metadata_only },
	{ "several devices", test_several_devices },
	{ "refusals", test_refusals },
	{ "keeps what is there", test_keeps_what_is_there },
	{ "over old data", test_over_old_data },
	{ "interrupted leaves no half volume", test_interrupted_leaves_no_half_volume },
	{ "no memory", test_no_memory },
};
CU_MAIN("vmfs/mkfs", cases)
