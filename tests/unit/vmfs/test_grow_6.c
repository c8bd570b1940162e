/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* grow, of a VMFS-6: the same promises. Its LVM has a record for a whole run, and its .fbb.sf grows
 * by the journal. */
#include "tests/unit/vmfs/grow.h"

static uint64_t blocks_of(uint64_t device_bytes)
{
	return (device_bytes - LVM_DATA_AT) / LVM_PE_BYTES * 256;
}

/* A file that is there before, and after. */
static void put_file(uint32_t count, uint64_t bytes)
{
	struct vmfs_mount_opts opts = { .write = 1 };
	struct vmfs_volume *vol;
	struct store_file *f;
	struct disks d;

	disks_open(&d, count);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, count, &opts, &vol, &d.why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(vmfs_store(vol)->ops->create(vmfs_store(vol), "/kept", 0644, &f,
							   &d.why), ST_OK);
	CU_ASSERT_EQUAL(store_write(f, bytes - 4, "kept", 4), ST_OK);
	CU_ASSERT_EQUAL(vmfs_store(vol)->ops->file_close(f), ST_OK);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_close(&d);
}

static void assert_file(uint32_t count, uint64_t bytes)
{
	struct vmfs_mount_opts opts = { 0 };
	struct vmfs_volume *vol;
	struct store_file *f;
	struct disks d;
	char text[5] = { 0 };

	disks_open(&d, count);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, count, &opts, &vol, &d.why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(vmfs_store(vol)->ops->open(vmfs_store(vol), "/kept", STORE_READ, &f,
							 &d.why), ST_OK);
	CU_ASSERT_EQUAL(store_read(f, bytes - 4, text, 4), ST_OK);
	CU_ASSERT_STRING_EQUAL(text, "kept");
	CU_ASSERT_EQUAL(vmfs_store(vol)->ops->file_close(f), ST_OK);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_close(&d);
}

/* Partial clusters of both kinds, a longer .fbb.sf, a second LVM record past 16 TiB, and a map that
 * moves behind a pointer block (320 blocks, at 19 TiB). */
static void test_steps(void)
{
	static const uint64_t size[] = { 1 * GIB, 1 * GIB + 300 * MIB, 10 * GIB, 300 * GIB, 3 * TIB,
					 15 * TIB, 17 * TIB, 24 * TIB };
	uint64_t added = 0;

	disks_format(6, 1, size[0]);
	put_file(1, 3 * MIB);
	for (size_t i = 1; i < ARRAY_COUNT(size); i++) {
		enlarge(0, size[i]);
		CU_ASSERT_EQUAL(grow(1, &added), ST_OK);
		CU_ASSERT_EQUAL(added, (blocks_of(size[i]) - blocks_of(size[i - 1])) * MIB);
		assert_blocks(1, blocks_of(size[i]));
		CU_ASSERT_EQUAL(grow(1, &added), ST_OK);
		CU_ASSERT_EQUAL(added, 0);
	}
	assert_file(1, 3 * MIB);
}

/* Grown to a size, a volume has the geometry of one that was made with it. */
static void test_same_as_made(void)
{
	static const uint64_t size[] = { 2 * GIB, 100 * GIB, 2 * TIB };

	for (size_t i = 0; i < ARRAY_COUNT(size); i++) {
		struct vmfs_layout grown, made;
		struct disks d;
		uint64_t added;
		struct lvm lvm;

		disks_format(6, 1, 1 * GIB);
		enlarge(0, size[i]);
		CU_ASSERT_EQUAL(grow(1, &added), ST_OK);
		disks_open(&d, 1);
		CU_ASSERT_EQUAL_FATAL(lvm_open(&lvm, d.dev, 1, &d.why), ST_OK);
		CU_ASSERT_EQUAL_FATAL(vmfs_layout_read(&lvm, &grown, 0, &d.why), ST_OK);
		lvm_close(&lvm);
		disks_close(&d);
		disks_format(6, 1, size[i]);
		disks_open(&d, 1);
		CU_ASSERT_EQUAL_FATAL(lvm_open(&lvm, d.dev, 1, &d.why), ST_OK);
		CU_ASSERT_EQUAL_FATAL(vmfs_layout_read(&lvm, &made, 0, &d.why), ST_OK);
		lvm_close(&lvm);
		disks_close(&d);
		CU_ASSERT(!memcmp(&grown.geom[VMFS_RES_FB], &made.geom[VMFS_RES_FB],
				  sizeof(made.geom[0])));
		CU_ASSERT(!memcmp(&grown.geom[VMFS_RES_LFB], &made.geom[VMFS_RES_LFB],
				  sizeof(made.geom[0])));
		CU_ASSERT_EQUAL(grown.map[VMFS_RES_FB].block_count,
				made.map[VMFS_RES_FB].block_count);
		vmfs_layout_free(&grown);
		vmfs_layout_free(&made);
	}
}

/* The new blocks can be used, and given back. */
static void test_new_blocks_are_used(void)
{
	struct vmfs_mount_opts opts = { .write = 1 };
	struct vmfs_volume *vol;
	struct store_file *f;
	struct store *s;
	struct disks d;
	uint64_t added;

	disks_format(6, 1, 1 * GIB);
	enlarge(0, 4 * GIB);
	CU_ASSERT_EQUAL(grow(1, &added), ST_OK);
	disks_open(&d, 1);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, 1, &opts, &vol, &d.why), ST_OK);
	s = vmfs_store(vol);
	CU_ASSERT_EQUAL_FATAL(s->ops->create(s, "/big", 0644, &f, &d.why), ST_OK);
	CU_ASSERT_EQUAL(s->ops->file_allocate(f, 0, 3 * GIB, STORE_ALLOC_LAZY), ST_OK);
	CU_ASSERT_EQUAL(store_write(f, 3 * GIB - 4, "last", 4), ST_OK);
	CU_ASSERT_EQUAL(s->ops->file_close(f), ST_OK);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_assert_clean(&d);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, 1, &opts, &vol, &d.why), ST_OK);
	CU_ASSERT_EQUAL(vmfs_store(vol)->ops->remove(vmfs_store(vol), "/big", &d.why), ST_OK);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_close(&d);
	assert_blocks(1, blocks_of(4 * GIB));
}

static void test_span(void)
{
	uint64_t added;

	disks_format(6, 1, 1 * GIB);
	put_file(1, 2 * MIB);
	for (uint32_t i = 1; i < 4; i++) {
		disk_make(i, i * GIB);
		CU_ASSERT_EQUAL(span(i), ST_OK);
	}
	assert_blocks(4, blocks_of(1 * GIB) * 2 + blocks_of(2 * GIB) + blocks_of(3 * GIB));
	enlarge(3, 5 * GIB);
	CU_ASSERT_EQUAL(grow(4, &added), ST_OK);
	assert_blocks(4, blocks_of(1 * GIB) * 2 + blocks_of(2 * GIB) + blocks_of(5 * GIB));
	assert_file(4, 2 * MIB);
}

/* Full to the last block: what has room in the file as it is still gets larger; what needs a block
 * for that says so, and works once there is one. */
static void test_full(void)
{
	struct vmfs_mount_opts opts = { .write = 1 };
	struct vmfs_volume *vol;
	struct store_file *f;
	struct vmfs_info info;
	struct store *s;
	struct disks d;
	uint64_t added;

	disks_format(6, 1, 1 * GIB);
	disks_open(&d, 1);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(d.dev, 1, &opts, &vol, &d.why), ST_OK);
	s = vmfs_store(vol);
	CU_ASSERT_EQUAL(vmfs_info(vol, &info, &d.why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(s->ops->create(s, "/all", 0644, &f, &d.why), ST_OK);
	CU_ASSERT_EQUAL(s->ops->file_allocate(f, 0, info.blocks.free * MIB, STORE_ALLOC_LAZY),
			ST_OK);
	CU_ASSERT_EQUAL(s->ops->file_close(f), ST_OK);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	disks_close(&d);
	enlarge(0, 2 * GIB);
	CU_ASSERT_EQUAL(grow(1, &added), ST_OK);
	assert_blocks(1, blocks_of(2 * GIB));
	/* Now there are blocks again; the step after this one takes one. */
	enlarge(0, 200 * GIB);
	CU_ASSERT_EQUAL(grow(1, &added), ST_OK);
	assert_blocks(1, blocks_of(200 * GIB));
}

/* Another system's volume is left alone before anything is changed. */
static void test_foreign_is_refused(void)
{
	uint8_t zero[512] = { 0 };
	struct vmfs_layout layout;
	uint64_t added, written, at;
	struct disks d;
	struct lvm lvm;

	disks_format(6, 1, 1 * GIB);
	disks_open(&d, 1);
	CU_ASSERT_EQUAL_FATAL(lvm_open(&lvm, d.dev, 1, &d.why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(vmfs_layout_read(&lvm, &layout, 0, &d.why), ST_OK);
	at = vmfs_sysmap_at(&layout.map[VMFS_RES_JB], VMFS_RES_GROUP_AT - 512);
	vmfs_layout_free(&layout);
	lvm_close(&lvm);
	disks_close(&d);
	CU_ASSERT_EQUAL(sim_disk_poke(disk_name(0), LVM_DATA_AT + at, zero, 512), ST_OK);
	enlarge(0, 2 * GIB);
	disk_make(1, 1 * GIB);
	written = sim_disk_bytes_written(disk_name(0));
	CU_ASSERT_EQUAL(grow(1, &added), ST_REFUSED);
	CU_ASSERT_EQUAL(span(1), ST_REFUSED);
	CU_ASSERT_EQUAL(sim_disk_bytes_written(disk_name(0)), written);
	CU_ASSERT_EQUAL(sim_disk_bytes_written(disk_name(1)), 0);
}

/* ---- interrupted ----------------------------------------------------------------------------- */

/* Mounted, a volume is whole: for reading as it lies, for writing after recovery. */
static enum status mounts(uint32_t count, int write, struct why *why)
{
	struct vmfs_mount_opts opts = { .write = (uint8_t)write };
	struct vmfs_volume *vol;
	struct disks d;
	enum status st;

	disks_open(&d, count);
	st = vmfs_mount(d.dev, count, &opts, &vol, why);
	if (st == ST_OK)
		st = vmfs_unmount(vol);
	disks_close(&d);
	return st;
}

/* After a stop: it can be mounted, there is no damage, and the same command ends with the full
 * size. */
static void after_stop(uint32_t before, uint32_t after, uint64_t blocks, uint64_t n, int drop)
{
	struct findings all;
	struct why why = { 0 };
	struct disks d;
	uint64_t added;
	uint32_t count = mounts(before, 1, &why) == ST_NOENT ? after : before;

	CU_ASSERT_EQUAL(mounts(count, 1, &why), ST_OK);
	disks_open(&d, count);
	disks_check(&d, 0, &all);
	if (all.status != ST_OK || all.result.damage) {
		fprintf(stderr, "stopped after %lu writes, drop %d: %s\n", (unsigned long)n, drop,
			why.text);
		findings_print(&all);
		CU_FAIL("damage");
	}
	disks_check(&d, 1, &all);
	disks_assert_clean(&d);
	disks_close(&d);
	CU_ASSERT_EQUAL(count == after ? grow(after, &added) : span(count), ST_OK);
	assert_blocks(after, blocks);
}

/* One in 29; CAIRN_LONG=1: each of some hundred. */
static uint64_t step(void) { return getenv("CAIRN_LONG") ? 1 : 29; }

/* Stopped after the n-th write, what was not flushed kept or lost. Without a second disk it is a
 * grow. */
static void sweep(uint64_t first, uint64_t larger, uint64_t second, uint64_t blocks)
{
	struct sim_frozen *frozen;

	disks_format(6, 1, first);
	enlarge(0, larger);
	frozen = sim_disk_freeze(disk_name(0));
	for (int drop = 0; drop < 2; drop++)
		for (uint64_t n = (uint64_t)drop, stopped = 1; stopped; n += step()) {
			struct why why = { 0 };
			uint64_t added;

			(void)!port_path_remove(disk_name(0));
			CU_ASSERT_EQUAL(sim_disk_thaw(disk_name(0), frozen), ST_OK);
			if (second)
				disk_make(1, second);
			sim_stop_after_writes(n);
			(void)!(second ? span(1) : grow(1, &added));
			stopped = (uint64_t)sim_has_stopped();
			sim_crash(n, drop);
			/* What recovery would change is not needed to read. */
			CU_ASSERT(mounts(1, 0, &why) == ST_OK);
			after_stop(1, second ? 2 : 1, blocks, n, drop);
		}
	sim_frozen_free(frozen);
}

/* Two steps, a block more of .fbb.sf, partial clusters of both kinds. */
static void test_interrupted_grow(void)
{
	sweep(10 * GIB, 90 * GIB, 0, blocks_of(90 * GIB));
}

static void test_interrupted_span(void)
{
	sweep(1 * GIB, 1 * GIB, 2 * GIB, blocks_of(1 * GIB) + blocks_of(2 * GIB));
}

/* An interrupted grow, and then a span instead: the record of the first device that ran ahead does
 * not reach into the second. */
static void test_span_after_interrupted_grow(void)
{
	for (uint64_t n = 8; n < 40; n += 1 + step() / 4) {
		struct why why = { 0 };
		uint64_t added;
		struct disks d;

		disks_format(6, 1, 1 * GIB);
		enlarge(0, 2 * GIB);
		disk_make(1, 1 * GIB);
		sim_stop_after_writes(n);
		(void)!grow(1, &added);
		sim_crash(n, 0);
		CU_ASSERT_EQUAL(mounts(1, 1, &why), ST_OK);
		CU_ASSERT_EQUAL(span(1), ST_OK);
		CU_ASSERT_EQUAL(grow(2, &added), ST_OK);
		disks_open(&d, 2);
		disks_assert_clean(&d);
		disks_close(&d);
	}
}

static void test_no_memory(void)
{
	struct sim_frozen *frozen;
	int failed = 1;

	disks_format(6, 1, 10 * GIB);
	enlarge(0, 90 * GIB);
	frozen = sim_disk_freeze(disk_name(0));
	for (uint64_t n = 1; failed; n += n < 40 ? 1 : step()) {
		uint64_t added, live;
		enum status st;
		struct disks d;

		(void)!port_path_remove(disk_name(0));
		CU_ASSERT_EQUAL(sim_disk_thaw(disk_name(0), frozen), ST_OK);
		disks_open(&d, 1);
		live = sim_alloc_live();
		sim_fail_alloc(n);
		st = vmfs_grow(d.dev, 1, &added, &d.why);
		failed = sim_alloc_failed();
		sim_fail_alloc(0);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		CU_ASSERT(st == ST_OK || (failed && d.why.text[0]));
		disks_close(&d);
		if (n % 7 == 0 || !failed)
			after_stop(1, 1, blocks_of(90 * GIB), n, 0);
	}
	sim_frozen_free(frozen);
}

static const struct cu_case cases[] = {
	{ "in steps", test_steps },
	{ "the same as made", test_same_as_made },
	{ "new blocks are used", test_new_blocks_are_used },
	{ "span", test_span },
	{ "a full volume", test_full },
	{ "another system's", test_foreign_is_refused },
	{ "interrupted grow", test_interrupted_grow },
	{ "interrupted span", test_interrupted_span },
	{ "a span after an interrupted grow", test_span_after_interrupted_grow },
	{ "no memory", test_no_memory },
};
CU_MAIN("vmfs/grow, VMFS-6", cases)
