/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Operations and the group: undone whole, written sector by sector, bounded in memory. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/vmfs_priv.h"

#define VOLUME_BYTES	(320 * MIB)
#define SOMEWHERE	(200 * MIB)	/* a free block: nothing else writes there */

struct edit { uint64_t at; uint8_t byte; enum status end; };

static enum status edit_op(struct vmfs_volume *vol, void *arg)
{
	const struct edit *e = arg;
	struct meta_page *page;
	enum status st = vmfs_meta_get(vol, e->at, META_READ, &page);
	uint8_t *p = st == ST_OK ? vmfs_meta_edit(vol, page, (uint32_t)(e->at % META_PAGE_BYTES), 1,
						  META_RANK_OBJECT) : NULL;

	if (!p)
		return ST_NOMEM;
	*p = e->byte;
	return e->end;
}

static enum status edit(struct vol *v, uint64_t at, uint8_t byte, enum status end)
{
	struct edit e = { at, byte, end };
	enum status st;

	vmfs_enter(v->volume);
	st = vmfs_meta_run(v->volume, 1, edit_op, &e);
	vmfs_leave(v->volume);
	return st;
}

static uint8_t cached(struct vol *v, uint64_t at)
{
	struct meta_page *page;
	uint8_t byte;

	vmfs_enter(v->volume);
	CU_ASSERT_EQUAL_FATAL(vmfs_meta_get(v->volume, at, META_READ, &page), ST_OK);
	byte = page->data[at % META_PAGE_BYTES];
	vmfs_leave(v->volume);
	return byte;
}

static uint8_t on_disk(uint64_t at)
{
	uint8_t byte = 0;

	CU_ASSERT_EQUAL(sim_disk_peek(DISK, LVM_DATA_AT + at, &byte, 1), ST_OK);
	return byte;
}

static void test_failed_operation_is_undone(void)
{
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(edit(&v, SOMEWHERE, 1, ST_OK), ST_OK);
	CU_ASSERT_EQUAL(edit(&v, SOMEWHERE, 2, ST_LIMIT), ST_LIMIT);
	CU_ASSERT_EQUAL(edit(&v, SOMEWHERE + 600, 3, ST_LIMIT), ST_LIMIT);
	CU_ASSERT_EQUAL(cached(&v, SOMEWHERE), 1);
	CU_ASSERT_EQUAL(cached(&v, SOMEWHERE + 600), 0);
	CU_ASSERT_EQUAL(on_disk(SOMEWHERE), 0);
	CU_ASSERT_EQUAL(v.s->ops->sync(v.s), ST_OK);
	CU_ASSERT_EQUAL(on_disk(SOMEWHERE), 1);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

/* The neighbour of a changed sector may have changed below: it is another host's. */
static void test_neighbour_sectors_are_not_written(void)
{
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(cached(&v, SOMEWHERE), 0);
	CU_ASSERT_EQUAL(sim_disk_poke(DISK, LVM_DATA_AT + SOMEWHERE + 512, "o", 1), ST_OK);
	CU_ASSERT_EQUAL(edit(&v, SOMEWHERE, 1, ST_OK), ST_OK);
	CU_ASSERT_EQUAL(edit(&v, SOMEWHERE + 1024, 1, ST_OK), ST_OK);
	CU_ASSERT_EQUAL(v.s->ops->sync(v.s), ST_OK);
	CU_ASSERT_EQUAL(on_disk(SOMEWHERE + 512), 'o');
	CU_ASSERT_EQUAL(on_disk(SOMEWHERE + 1024), 1);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

/* A group that would not fit the journal is committed before the operation that would overflow
 * it. */
static void test_group_stays_within_its_limit(void)
{
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	for (uint32_t i = 0; i < 2 * META_GROUP_SECTORS; i++) {
		CU_ASSERT_EQUAL_FATAL(edit(&v, SOMEWHERE + i * 1024ull, 1, ST_OK), ST_OK);
		CU_ASSERT_FATAL(v.volume->meta.sectors <= META_GROUP_SECTORS);
	}
	CU_ASSERT_EQUAL(on_disk(SOMEWHERE), 1);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(on_disk(SOMEWHERE + (2 * META_GROUP_SECTORS - 1) * 1024ull), 1);
}

/* Left alone, a group is durable after half a second. */
static void test_group_is_committed_when_it_is_old(void)
{
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(edit(&v, SOMEWHERE, 1, ST_OK), ST_OK);
	port_world_sleep_ns(GROUP_AGE_NS / 2);
	CU_ASSERT_EQUAL(on_disk(SOMEWHERE), 0);
	port_world_sleep_ns(GROUP_AGE_NS);
	CU_ASSERT_EQUAL(on_disk(SOMEWHERE), 1);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

static void test_cache_is_bounded(void)
{
	struct vmfs_mount_opts opts = { .write = 1, .cache_bytes = 1 };
	struct io_dev *dev;
	struct vmfs_volume *vol;
	struct why why = { 0 };

	vol_format(VOLUME_BYTES);
	CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &dev, &why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(&dev, 1, &opts, &vol, &why), ST_OK);
	vmfs_enter(vol);
	for (uint64_t at = 4 * MIB; at < 200 * MIB; at += META_PAGE_BYTES) {
		struct meta_page *page;

		CU_ASSERT_EQUAL_FATAL(vmfs_meta_get(vol, at, META_WALK, &page), ST_OK);
	}
	CU_ASSERT_EQUAL(vol->meta.pages, META_PAGES_MIN);
	vmfs_leave(vol);
	CU_ASSERT_EQUAL(vmfs_unmount(vol), ST_OK);
	io_dev_close(dev);
}

static const struct cu_case cases[] = {
	{ "a failed operation is undone", test_failed_operation_is_undone },
	{ "neighbour sectors are not written", test_neighbour_sectors_are_not_written },
	{ "a group stays within its limit", test_group_stays_within_its_limit },
	{ "a group is committed when it is old", test_group_is_committed_when_it_is_old },
	{ "the cache is bounded", test_cache_is_bounded },
};
CU_MAIN("vmfs/meta", cases)
