/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Mounting: who may, what a second one is told, dead hosts, full volumes, faults at every step. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/vmfs_priv.h"

#define VOLUME_BYTES	(320 * MIB)
#define PARTITION_AT	LVM_DATA_AT	/* of volume offset 0 on this disk */

static void peek_slot(uint64_t at, struct vmfs_hb_disk *s)
{
	CU_ASSERT_EQUAL_FATAL(sim_disk_peek(DISK, PARTITION_AT + at, s, sizeof(*s)), ST_OK);
}

static uint32_t slots_in_use(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < VMFS_HB_SLOTS; i++) {
		struct vmfs_hb_disk s;

		peek_slot(VMFS_HB_AT + i * 512ull, &s);
		n += le32_get(s.state) == VMFS_HB_USED;
	}
	return n;
}

/* Mounted: one slot, one block for the journal. Unmounted: the image is as it was, but for the
 * slot's generation and stamp. */
static void test_mount_leaves_nothing_behind(void)
{
	struct vmfs_info before, during;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 0);
	vol_info(&v, &before);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(slots_in_use(), 0);
	vol_mount(&v, 1);
	vol_info(&v, &during);
	CU_ASSERT_EQUAL(during.blocks.free, before.blocks.free - 1);
	CU_ASSERT_EQUAL(slots_in_use(), 1);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(slots_in_use(), 0);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

static void test_reading_writes_nothing(void)
{
	struct vol v;
	struct vmfs_info info;
	uint64_t writes;

	vol_format(VOLUME_BYTES);
	writes = sim_write_count();
	vol_mount(&v, 0);
	vol_info(&v, &info);
	CU_ASSERT_PTR_NULL(v.s->ops->create);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(sim_write_count(), writes);
}

/* A second one is a host of its own; who wants the volume alone is refused, and has not written. */
static void test_second_writer_is_welcome_beside(void)
{
	struct vmfs_mkfs_opts opts = { .force = 1 };
	struct vmfs_uuid uuid;
	struct io_dev *dev;
	struct vol v, w;
	struct why why = { 0 };
	uint64_t writes;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	vol_mount(&w, 1);
	CU_ASSERT_EQUAL(slots_in_use(), 2);
	writes = sim_write_count();
	CU_ASSERT_EQUAL_FATAL(io_dev_open(DISK, IO_OPEN_WRITE, &dev, &why), ST_OK);
	CU_ASSERT_EQUAL(vmfs_mkfs(&dev, 1, &opts, &uuid, &why), ST_BUSY);
	CU_ASSERT(why.text[0] != 0);
	CU_ASSERT_EQUAL(sim_write_count(), writes);
	io_dev_close(dev);
	CU_ASSERT_EQUAL(vol_unmount(&w), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* A slot of a host with another MAC. */
static void poke_foreign(uint64_t at, uint64_t journal_at)
{
	struct vmfs_hb_disk s;

	peek_slot(at, &s);
	le32_set(&s.state, VMFS_HB_USED);
	le64_set(&s.stamp_us, 4711);
	memset(&s.owner, 0x5A, sizeof(s.owner));
	memcpy(s.ip, "10.0.0.7", 8);
	le64_set(&s.journal_at, journal_at);
	le32_set(&s.journal_fb, journal_at ? VMFS_FB_MAKE(journal_at / MIB) : 0);
	CU_ASSERT_EQUAL_FATAL(sim_disk_poke(DISK, PARTITION_AT + at, &s, sizeof(s)), ST_OK);
}

static void beat_for_other(void *arg)
{
	struct vmfs_hb_disk s;

	(void)arg;
	port_world_sleep_ns(5ull * 1000000000);
	peek_slot(VMFS_HB_AT, &s);
	le64_set(&s.stamp_us, 4712);
	CU_ASSERT_EQUAL(sim_disk_poke(DISK, PARTITION_AT + VMFS_HB_AT, &s, sizeof(s)), ST_OK);
}

static void test_live_host_makes_it_busy(void)
{
	struct vol v = { 0 };
	uint64_t writes;

	vol_format(VOLUME_BYTES);
	poke_foreign(VMFS_HB_AT, 0);
	writes = sim_write_count();
	CU_ASSERT_PTR_NOT_NULL(port_world_start("other", beat_for_other, NULL));
	CU_ASSERT_EQUAL(vol_try_mount(&v, 1), ST_BUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.why.text, "10.0.0.7"));
	CU_ASSERT_EQUAL(sim_write_count(), writes);
}

static void test_silent_idle_host_is_left_alone_after_a_lease(void)
{
	struct vmfs_hb_disk before, after;
	struct vol v;
	uint64_t start;

	vol_format(VOLUME_BYTES);
	poke_foreign(VMFS_HB_AT + 512, 100 * MIB);
	peek_slot(VMFS_HB_AT + 512, &before);
	start = port_now_ns();
	vol_mount(&v, 1);
	CU_ASSERT(port_now_ns() - start >= VMFS_LEASE_NS);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	peek_slot(VMFS_HB_AT + 512, &after);
	CU_ASSERT(!memcmp(&before, &after, sizeof(before)));
}

static void test_unfinished_foreign_journal_refuses(void)
{
	struct vol v = { 0 };
	uint64_t writes;

	vol_format(VOLUME_BYTES);
	poke_foreign(VMFS_HB_AT + 512, 100 * MIB);
	CU_ASSERT_EQUAL(sim_disk_poke(DISK, PARTITION_AT + 100 * MIB + 0x210, "x", 1), ST_OK);
	writes = sim_write_count();
	CU_ASSERT_EQUAL(vol_try_mount(&v, 1), ST_REFUSED);
	CU_ASSERT_EQUAL(sim_write_count(), writes);
	vol_mount(&v, 0);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

/* Somebody else takes our slot: from the next beat on nothing is written. */
static void test_lost_slot_stops_all_writing(void)
{
	struct vol v;
	struct vmfs_hb_disk s;
	struct store_file *f;
	uint64_t writes;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	f = vol_create(&v, "/f");
	CU_ASSERT_EQUAL(store_write(f, 0, "data", 4), ST_OK);
	CU_ASSERT_EQUAL(v.s->ops->sync(v.s), ST_OK);
	peek_slot(v.volume->beat.at, &s);
	memset(&s.owner, 1, sizeof(s.owner));
	CU_ASSERT_EQUAL(sim_disk_poke(DISK, PARTITION_AT + v.volume->beat.at, &s, sizeof(s)),
			ST_OK);
	port_world_sleep_ns(2 * VMFS_BEAT_NS);
	writes = sim_write_count();
	CU_ASSERT_EQUAL(store_write(f, 0, "more", 4), ST_LOST);
	CU_ASSERT_EQUAL(v.s->ops->mkdir(v.s, "/d", 0755, NULL), ST_LOST);
	CU_ASSERT_EQUAL(v.s->ops->sync(v.s), ST_LOST);
	CU_ASSERT_EQUAL(v.s->ops->file_close(f), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_LOST);
	CU_ASSERT_EQUAL(sim_write_count(), writes);
}

/* Every block is taken: still it can be unmounted, mounted again and emptied. So a journal block is
 * always to be had: the last mount gave one back. */
static void test_full_volume_can_be_mounted_and_emptied(void)
{
	struct vmfs_info empty, info;
	struct store_file *f;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	vol_info(&v, &empty);
	f = vol_create(&v, "/all");
	CU_ASSERT_EQUAL(
	    v.s->ops->file_allocate(f, 0, (empty.blocks.free + 1) * MIB, STORE_ALLOC_LAZY),
	    ST_NOSPACE);
	vol_info(&v, &info);
	CU_ASSERT_EQUAL(info.blocks.free, empty.blocks.free);
	CU_ASSERT_EQUAL(v.s->ops->file_allocate(f, 0, empty.blocks.free * MIB, STORE_ALLOC_LAZY),
			ST_OK);
	CU_ASSERT_EQUAL(store_write(f, empty.blocks.free * MIB, "x", 1), ST_NOSPACE);
	vol_close(&v, f);
	vol_info(&v, &info);
	CU_ASSERT_EQUAL(info.blocks.free, 0);
	vol_remount(&v);
	CU_ASSERT_EQUAL(vol_remove(&v, "/all"), ST_OK);
	/* What was just freed can be had again at once: the group is committed first. */
	f = vol_create(&v, "/again");
	CU_ASSERT_EQUAL(v.s->ops->file_allocate(f, 0, empty.blocks.free * MIB, STORE_ALLOC_LAZY),
			ST_OK);
	vol_close(&v, f);
	CU_ASSERT_EQUAL(vol_remove(&v, "/again"), ST_OK);
	vol_info(&v, &info);
	CU_ASSERT_EQUAL(info.blocks.free, empty.blocks.free);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* A power cut on a full volume: recovery needs no free block. */
static void test_full_volume_can_be_recovered(void)
{
	struct vmfs_info info;
	struct store_file *f;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	vol_info(&v, &info);
	f = vol_create(&v, "/all");
	CU_ASSERT_EQUAL(v.s->ops->file_allocate(f, 0, info.blocks.free * MIB, STORE_ALLOC_LAZY),
			ST_OK);
	vol_close(&v, f);
	CU_ASSERT_EQUAL(v.s->ops->sync(v.s), ST_OK);
	sim_stop_after_writes(0);
	(void)!vol_unmount(&v);
	sim_crash(1, 1);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(vol_remove(&v, "/all"), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static enum status some_work(struct vol *v)
{
	struct store_file *f = NULL;
	enum status st = v->s->ops->mkdir(v->s, "/d", 0755, NULL), end;

	if (st == ST_OK)
		st = v->s->ops->create(v->s, "/d/f", 0644, &f, NULL);
	if (st != ST_OK)
		return st;
	st = store_write(f, 0, "first", 5);
	if (st == ST_OK)
		st = store_write(f, 3 * MIB, "second", 6);
	if (st == ST_OK)
		st = v->s->ops->file_allocate(f, 4 * MIB, 3 * MIB, STORE_ALLOC_EAGER);
	if (st == ST_OK)
		st = store_flush(f);
	end = v->s->ops->file_close(f);
	st = st == ST_OK ? end : st;
	if (st == ST_OK)
		st = v->s->ops->rename(v->s, "/d/f", "/g", 0, NULL);
	if (st == ST_OK)
		st = v->s->ops->remove(v->s, "/d", NULL);
	return st == ST_OK ? v->s->ops->sync(v->s) : st;
}

static void work_and_unmount(void)
{
	struct vol v = { 0 };

	if (vol_try_mount(&v, 1) != ST_OK)
		return;
	(void)!some_work(&v);
	(void)!vol_unmount(&v);
}

/* The n-th allocation fails, for every n: nothing leaks, nothing breaks. */
static void test_every_allocation_may_fail(void)
{
	for (uint64_t n = 1;; n++) {
		uint64_t live;
		int failed;

		vol_format(VOLUME_BYTES);
		live = sim_alloc_live();
		sim_fail_alloc(n);
		work_and_unmount();
		failed = sim_alloc_failed();
		sim_fail_alloc(0);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		CU_ASSERT_EQUAL(vol_finding_count(), 0);
		if (!failed)
			break;
		CU_ASSERT_FATAL(n < 2000);
	}
}

/* The n-th transfer of a kind fails: the volume recovers at the next mount. */
static void fail_transfers(int op)
{
	for (uint64_t n = 1;; n++) {
		struct vol v;
		uint64_t live;
		int failed;

		vol_format(VOLUME_BYTES);
		live = sim_alloc_live();
		sim_fail_io(op, n, ST_DEVICE);
		work_and_unmount();
		failed = sim_io_failed();
		sim_fail_io(op, 0, ST_OK);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		vol_mount(&v, 1);
		CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
		CU_ASSERT_EQUAL(vol_finding_count(), 0);
		if (!failed)
			break;
		CU_ASSERT_FATAL(n < 2000);
	}
}

static void test_every_read_may_fail(void) { fail_transfers(PORT_READ); }
static void test_every_write_may_fail(void) { fail_transfers(PORT_WRITE); }
static void test_every_flush_may_fail(void) { fail_transfers(PORT_FLUSH); }

static const struct cu_case cases[] = {
    {"mount leaves nothing behind", test_mount_leaves_nothing_behind},
    {"reading writes nothing", test_reading_writes_nothing},
    {"a second writer is welcome beside", test_second_writer_is_welcome_beside},
    {"a live host makes it busy", test_live_host_makes_it_busy},
    {"a silent idle host is left alone after a lease",
     test_silent_idle_host_is_left_alone_after_a_lease},
    {"an unfinished foreign journal refuses", test_unfinished_foreign_journal_refuses},
    {"a lost slot stops all writing", test_lost_slot_stops_all_writing},
    {"a full volume can be mounted and emptied", test_full_volume_can_be_mounted_and_emptied},
    {"a full volume can be recovered", test_full_volume_can_be_recovered},
    {"every allocation may fail", test_every_allocation_may_fail},
    {"every read may fail", test_every_read_may_fail},
    {"every write may fail", test_every_write_may_fail},
    {"every flush may fail", test_every_flush_may_fail},
};
CU_MAIN("vmfs/volume", cases)
