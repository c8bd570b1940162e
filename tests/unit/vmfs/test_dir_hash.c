/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* dir_hash - a name in another bucket is one that hosts do not find; a chain that lost a link, one
 * that nobody does. Hashes are compared with those of a genuine volume, and a directory is grown
 * and emptied in another order, with every name looked up through the table. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/dir_hash_priv.h"
#include "iopath/base/fmt.h"

#define NAMES	3000u

static void test_hashes_of_a_genuine_volume(void)
{
	static const struct { int root; const char *name; uint32_t hash, bucket; } t[] = {
		{ 1, "directory", 0x0DBC9F66, 0x3C82 }, { 0, "file1", 0xD2B970EB, 0x10FC },
		{ 0, "file2", 0x38CF07B1, 0x386C },	 { 0, "file3", 0x56528F47, 0x2840 },
		{ 0, "file4", 0x7490219A, 0x25D0 },	 { 0, "file5", 0x048D0480, 0x22FA },
		{ 0, "symlink", 0xFCDD1580, 0x1A6F },	 { 1, ".jbc.sf", 0, 0x3E6D },
	};

	for (size_t i = 0; i < ARRAY_COUNT(t); i++) {
		uint64_t h = vmfs_name_hash(t[i].name);

		CU_ASSERT(!t[i].hash || (uint32_t)h == t[i].hash);
		CU_ASSERT_EQUAL(vmfs_dir_hash_bucket(t[i].root, t[i].name, h), t[i].bucket);
	}
}

static void vol6_mount(struct vol *v)
{
	struct vmfs_mkfs_opts opts = { .label = "ds1", .version = 6 };
	struct io_dev *dev;
	struct why why;

	(void)!port_path_remove(DISK);
	CU_ASSERT_EQUAL_FATAL(sim_disk_create(DISK, 1100 * MIB, 0), ST_OK);
	CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &dev, &why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(vmfs_mkfs(&dev, 1, &opts, NULL, &why), ST_OK);
	io_dev_close(dev);
	vol_mount(v, 1);
}

static void path_of(uint32_t i, char path[40])
{
	fmt(path, 40, "/d/name %u", i * 7919 % NAMES);
}

static void test_grow_and_empty(void)
{
	struct vmfs_info before, after;
	struct store_stat st;
	struct why why = { 0 };
	char path[40];
	struct vol v;

	vol6_mount(&v);
	CU_ASSERT_EQUAL(vmfs_info(v.volume, &before, &why), ST_OK);
	CU_ASSERT_EQUAL(v.s->ops->mkdir(v.s, "/d", 0755, &why), ST_OK);
	for (uint32_t i = 0; i < NAMES; i++) {
		path_of(i, path);
		CU_ASSERT_EQUAL_FATAL(v.s->ops->symlink(v.s, "x", path, &why), ST_OK);
	}
	for (uint32_t i = NAMES; i-- > 0;) {
		fmt(path, sizeof(path), "/d/name %u", i);
		CU_ASSERT_EQUAL_FATAL(v.s->ops->stat(v.s, path, &st, &why), ST_OK);
	}
	for (uint32_t i = 0; i < NAMES; i++) {
		fmt(path, sizeof(path), "/d/name %u", i);
		CU_ASSERT_EQUAL_FATAL(v.s->ops->remove(v.s, path, &why), ST_OK);
		CU_ASSERT_EQUAL_FATAL(v.s->ops->stat(v.s, path, &st, &why), ST_NOENT);
	}
	CU_ASSERT_EQUAL(v.s->ops->remove(v.s, "/d", &why), ST_OK);
	CU_ASSERT_EQUAL(v.s->ops->sync(v.s), ST_OK);
	CU_ASSERT_EQUAL(vmfs_info(v.volume, &after, &why), ST_OK);
	CU_ASSERT_EQUAL(after.fds.free, before.fds.free);
	CU_ASSERT_EQUAL(after.sub_blocks.free, before.sub_blocks.free);
	CU_ASSERT_EQUAL(after.blocks.free, before.blocks.free);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

static const struct cu_case cases[] = {
	{ "hashes of a genuine volume", test_hashes_of_a_genuine_volume },
	{ "grow and empty a directory", test_grow_and_empty },
};
CU_MAIN("vmfs/dir_hash", cases)
