/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Descriptors and block maps: the shapes real hosts use, their counts, and what damage does. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/vmfs_priv.h"

#define VOLUME_BYTES	(600 * MIB)

static struct vmfs_file_meta meta_of(struct vol *v, const char *path)
{
	struct vmfs_file_meta m = { 0 };

	CU_ASSERT_EQUAL(vmfs_file_meta(v->volume, path, &m, &v->why), ST_OK);
	return m;
}

static void expect(struct vol *v, uint32_t zla, uint64_t block_bytes, uint64_t blocks, uint32_t pbs)
{
	struct vmfs_file_meta m = meta_of(v, "/f");

	CU_ASSERT_EQUAL(m.zla, zla);
	CU_ASSERT_EQUAL(m.block_bytes, block_bytes);
	CU_ASSERT_EQUAL(m.num_blocks, blocks);
	CU_ASSERT_EQUAL(m.num_pbs, pbs);
}

/* 1024, 8192, 256 blocks, 256 pointer blocks: at each border the next shape, as hosts pick it. */
static void test_shapes_by_length(void)
{
	struct store_file *f;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	f = vol_create(&v, "/f");
	expect(&v, VMFS_ZLA_RESIDENT, 8192, 0, 0);
	CU_ASSERT_EQUAL(store_write(f, 1023, "a", 1), ST_OK);
	expect(&v, VMFS_ZLA_RESIDENT, 8192, 0, 0);
	CU_ASSERT_EQUAL(store_write(f, 1024, "b", 1), ST_OK);
	expect(&v, VMFS_ZLA_SB, 8192, 1, 0);
	CU_ASSERT_EQUAL(store_write(f, 8191, "c", 1), ST_OK);
	expect(&v, VMFS_ZLA_SB, 8192, 1, 0);
	CU_ASSERT_EQUAL(store_write(f, 8192, "d", 1), ST_OK);
	expect(&v, VMFS_ZLA_FB, MIB, 1, 0);
	CU_ASSERT_EQUAL(store_write(f, 256 * MIB - 1, "e", 1), ST_OK);
	expect(&v, VMFS_ZLA_FB, MIB, 2, 0);
	CU_ASSERT_EQUAL(store_write(f, 256 * MIB, "f", 1), ST_OK);
	expect(&v, VMFS_ZLA_PB, MIB, 3, 1);
	CU_ASSERT_EQUAL(store_write(f, 256 * GIB - 1, "g", 1), ST_OK);
	expect(&v, VMFS_ZLA_PB, MIB, 4, 2);
	CU_ASSERT_EQUAL(store_write(f, 256 * GIB, "h", 1), ST_OK);
	expect(&v, VMFS_ZLA_PB2, MIB, 5, 4);
	CU_ASSERT_EQUAL(v.s->ops->file_resize(f, 62 * TIB), ST_OK);
	CU_ASSERT_EQUAL(v.s->ops->file_resize(f, 62 * TIB + 1), ST_LIMIT);
	CU_ASSERT_EQUAL(store_write(f, 62 * TIB - 1, "i", 1), ST_OK);
	expect(&v, VMFS_ZLA_PB2, MIB, 6, 6);
	CU_ASSERT_EQUAL(v.s->ops->file_resize(f, 0), ST_OK);
	expect(&v, VMFS_ZLA_RESIDENT, 8192, 0, 0);
	vol_close(&v, f);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

static void test_reserved_blocks_are_counted(void)
{
	struct store_file *f;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	f = vol_create(&v, "/f");
	CU_ASSERT_EQUAL(v.s->ops->file_allocate(f, 0, 10 * MIB, STORE_ALLOC_LAZY), ST_OK);
	CU_ASSERT_EQUAL(meta_of(&v, "/f").tbz_blocks, 10);
	CU_ASSERT_EQUAL(store_write(f, 3 * MIB + 5, "x", 1), ST_OK);
	CU_ASSERT_EQUAL(meta_of(&v, "/f").tbz_blocks, 9);
	CU_ASSERT_EQUAL(vol_io(f, PORT_UNMAP, 5 * MIB, 2 * MIB), ST_OK);
	CU_ASSERT_EQUAL(meta_of(&v, "/f").tbz_blocks, 7);
	CU_ASSERT_EQUAL(meta_of(&v, "/f").num_blocks, 8);
	CU_ASSERT_EQUAL(v.s->ops->file_allocate(f, 0, 10 * MIB, STORE_ALLOC_EAGER), ST_OK);
	CU_ASSERT_EQUAL(meta_of(&v, "/f").tbz_blocks, 0);
	CU_ASSERT_EQUAL(meta_of(&v, "/f").num_blocks, 10);
	vol_close(&v, f);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* A volume with a file of one pointer block; returns where its descriptor lies on the device. */
static uint64_t make_victim(void)
{
	struct store_file *f;
	struct vol v;
	uint64_t at;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	f = vol_create(&v, "/f");
	CU_ASSERT_EQUAL(v.s->ops->file_resize(f, 300 * MIB), ST_OK);
	CU_ASSERT_EQUAL(store_write(f, 0, "data", 4), ST_OK);
	vol_close(&v, f);
	at = meta_of(&v, "/f").lock_at;
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	return LVM_DATA_AT + at;
}

static void poke32(uint64_t at, uint32_t value)
{
	le32 v = le32_make(value);

	CU_ASSERT_EQUAL(sim_disk_poke(DISK, at, &v, sizeof(v)), ST_OK);
}

/* Every call on the damaged file ends with an error or with data, none writes anywhere. */
static void try_everything(void)
{
	struct store_run run;
	struct store_file *f;
	struct vol v;
	char buf[16];
	uint64_t writes;

	vol_mount(&v, 1);
	if (v.s->ops->open(v.s, "/f", STORE_WRITE, &f, &v.why) != ST_OK) {
		CU_ASSERT(v.why.text[0] != 0);
		CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
		return;
	}
	writes = sim_write_count();
	CU_ASSERT_NOT_EQUAL(store_read(f, 0, buf, 4), ST_OK);
	CU_ASSERT_NOT_EQUAL(store_write(f, 0, "evil", 4), ST_OK);
	CU_ASSERT_NOT_EQUAL(v.s->ops->file_map(f, 0, &run), ST_OK);
	CU_ASSERT_EQUAL(sim_write_count(), writes);
	vol_close(&v, f);
	CU_ASSERT_NOT_EQUAL(vol_remove(&v, "/f"), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

static void test_damaged_pointers_are_not_followed(void)
{
	static const uint32_t bad[] = {
	    VMFS_PB_MAKE(0x3FFFFF, 15),
	    VMFS_PB_MAKE(0, 15) | 0x3FC0,
	    VMFS_FB_MAKE(VMFS_FB_MAX - 1),
	    VMFS_FB_MAKE(5),
	    VMFS_FD_ROOT,
	    0xFFFFFFFF,
	    7,
	    VMFS_SB_MAKE(0, 3),
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		uint64_t at = make_victim();

		poke32(at + VMFS_FD_DATA_AT, bad[i]);
		try_everything();
	}
}

/* The file block pointer itself, inside of the pointer block. */
static void test_damaged_leaf_pointers_are_not_followed(void)
{
	static const uint32_t bad[] = {VMFS_FB_MAKE(VMFS_FB_MAX - 1), VMFS_PB_MAKE(0, 0),
				       0xFFFFFFFF, 6};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		uint64_t at = make_victim(), leaf;
		struct vmfs_slot slot;
		struct vmfs_fd fd;
		struct vol v;

		(void)at;
		vol_mount(&v, 0);
		vmfs_enter(v.volume);
		CU_ASSERT_EQUAL(vmfs_path_fd(v.volume, "/f", &fd, NULL), ST_OK);
		CU_ASSERT_EQUAL(vmfs_fd_slot(v.volume, &fd, 0, META_READ, &slot), ST_OK);
		leaf = slot.page->at;
		vmfs_leave(v.volume);
		CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
		poke32(LVM_DATA_AT + leaf, bad[i]);
		try_everything();
	}
}

/* A pointer into the blocks of a system file is a good address; a write through it must not
 * happen. */
static void test_system_blocks_are_not_written(void)
{
	uint64_t at = make_victim(), writes;
	struct store_file *f;
	struct vol v;

	poke32(at + VMFS_FD_META_AT + offsetof(struct vmfs_fd_disk, zla), VMFS_ZLA_FB);
	poke32(at + VMFS_FD_META_AT + offsetof(struct vmfs_fd_disk, length), 4096);
	poke32(at + VMFS_FD_DATA_AT, VMFS_FB_MAKE(4));
	vol_mount(&v, 1);
	f = vol_open(&v, "/f", STORE_WRITE);
	writes = sim_write_count();
	CU_ASSERT_EQUAL(store_write(f, 0, "evil", 4), ST_CORRUPT);
	CU_ASSERT_EQUAL(sim_write_count(), writes);
	vol_close(&v, f);
	CU_ASSERT_EQUAL(vol_remove(&v, "/f"), ST_CORRUPT);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

/* Any single byte of the descriptor's metadata: no call crashes, hangs, or reports success
 * twice. */
static void test_any_byte_of_metadata_may_be_wrong(void)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7F, 0xFF };
	uint64_t at = make_victim();

	for (uint32_t off = 0; off < 0x90; off++) {
		uint8_t was;

		CU_ASSERT_EQUAL(sim_disk_peek(DISK, at + VMFS_FD_META_AT + off, &was, 1), ST_OK);
		for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
			struct store_file *f;
			struct store_run run;
			struct vol v;
			char buf[4];

			CU_ASSERT_EQUAL(
			    sim_disk_poke(DISK, at + VMFS_FD_META_AT + off, &values[i], 1), ST_OK);
			vol_mount(&v, 0);
			if (v.s->ops->open(v.s, "/f", STORE_READ, &f, NULL) == ST_OK) {
				(void)!store_read(f, 0, buf, sizeof(buf));
				(void)!store_read(f, 299 * MIB, buf, sizeof(buf));
				(void)!v.s->ops->file_map(f, MIB, &run);
				vol_close(&v, f);
			}
			CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
		}
		CU_ASSERT_EQUAL(sim_disk_poke(DISK, at + VMFS_FD_META_AT + off, &was, 1), ST_OK);
	}
}

static const struct cu_case cases[] = {
	{ "shapes by length", test_shapes_by_length },
	{ "reserved blocks are counted", test_reserved_blocks_are_counted },
	{ "damaged pointers are not followed", test_damaged_pointers_are_not_followed },
	{ "damaged leaf pointers are not followed", test_damaged_leaf_pointers_are_not_followed },
	{ "system blocks are not written", test_system_blocks_are_not_written },
	{ "any byte of metadata may be wrong", test_any_byte_of_metadata_may_be_wrong },
};
CU_MAIN("vmfs/fd", cases)
