/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* recover - what dead hosts left is brought to an end, whatever fails meanwhile and whatever a slot
 * says. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/slot_priv.h"

#define PARTITION_AT	LVM_DATA_AT	/* of volume offset 0 on this disk */
#define SECOND		1000000000ull

static const struct { uint32_t version; uint64_t bytes; } volumes[] = {
	{ 5, 320 * MIB }, { 6, 800 * MIB },
};

/* A slot on the disk, wherever it lies. */
static void peek_at(uint64_t at, struct vmfs_hb_disk *s)
{
	CU_ASSERT_EQUAL_FATAL(sim_disk_peek(DISK, PARTITION_AT + at, s, sizeof(*s)), ST_OK);
}

static void poke_at(uint64_t at, const struct vmfs_hb_disk *s)
{
	CU_ASSERT_EQUAL_FATAL(sim_disk_poke(DISK, PARTITION_AT + at, s, sizeof(*s)), ST_OK);
}

/* The place of the only slot in use. */
static uint64_t used_slot(uint32_t version)
{
	uint32_t md = version == 6 ? VMFS6_MD_BYTES : SECTOR_BYTES;
	uint32_t slots = version == 6 ? VMFS6_HB_SLOTS : VMFS_HB_SLOTS, found = 0;
	uint64_t at = 0;

	for (uint32_t i = 0; i < slots; i++) {
		struct vmfs_hb_disk s;

		peek_at(VMFS_HB_AT + (uint64_t)i * md, &s);
		if (le32_get(s.state) != VMFS_HB_USED)
			continue;
		at = VMFS_HB_AT + (uint64_t)i * md;
		found++;
	}
	CU_ASSERT_EQUAL_FATAL(found, 1);
	return at;
}

static void write_file(struct vol *v, const char *path, uint64_t bytes)
{
	struct store_file *f = vol_create(v, path);

	CU_ASSERT_EQUAL(store_write(f, bytes - 5, "hello", 5), ST_OK);
	vol_close(v, f);
}

/* A process of this machine dies in the middle of a commit: its journal has what is not in place
 * yet, its orphan table a file that is half freed. Returns the frozen disk, and its slot. */
static struct sim_frozen *leave_behind(uint32_t version, uint64_t bytes, struct vmfs_hb_disk *slot)
{
	struct sim_frozen *frozen;
	struct vol v;
	uint64_t before;

	vol_format_as(version, bytes);
	vol_mount(&v, 1);
	write_file(&v, "/large", 40 * MIB);
	write_file(&v, "/gone", 3 * MIB);
	CU_ASSERT_EQUAL(v.s->ops->sync(v.s), ST_OK);
	/* How many writes a commit is: its last ones bring sectors to their places. */
	CU_ASSERT_EQUAL(v.s->ops->mkdir(v.s, "/d", 0755, NULL), ST_OK);
	before = sim_write_count();
	CU_ASSERT_EQUAL(v.s->ops->sync(v.s), ST_OK);
	before = sim_write_count() - before;
	CU_ASSERT_EQUAL(v.s->ops->mkdir(v.s, "/e", 0755, NULL), ST_OK);
	CU_ASSERT_EQUAL(vol_remove(&v, "/gone"), ST_OK);
	sim_stop_after_writes(before - 1);
	(void)!v.s->ops->sync(v.s);
	(void)!vol_unmount(&v);
	sim_crash(1, 0);
	peek_at(used_slot(version), slot);
	frozen = sim_disk_freeze(DISK);
	CU_ASSERT_PTR_NOT_NULL_FATAL(frozen);
	return frozen;
}

static void thaw(const struct sim_frozen *frozen)
{
	(void)!port_path_remove(DISK);
	CU_ASSERT_EQUAL_FATAL(sim_disk_thaw(DISK, frozen), ST_OK);
}

/* The slot is free, /large is whole, the rest is whole or not there, and nothing is lost. */
static void assert_recovered(const struct vmfs_hb_disk *was)
{
	struct vmfs_hb_disk s;
	struct store_stat st;
	struct vol v;

	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(v.s->ops->stat(v.s, "/large", &st, NULL), ST_OK);
	CU_ASSERT_EQUAL(st.size_bytes, 40 * MIB);
	CU_ASSERT_EQUAL(v.s->ops->stat(v.s, "/d", &st, NULL), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
	peek_at(le64_get(was->at), &s);
	CU_ASSERT_EQUAL(le32_get(s.state), VMFS_HB_FREE);
	/* Locks under the old one are void. */
	CU_ASSERT(le64_get(s.gen) > le64_get(was->gen));
}

/* Our own dead are not watched: a tool that was killed does not make the next one wait. */
static void test_own_dead_at_once(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(volumes); i++) {
		struct vmfs_hb_disk slot;
		struct sim_frozen *frozen =
		    leave_behind(volumes[i].version, volumes[i].bytes, &slot);
		uint64_t start = port_now_ns();

		thaw(frozen);
		assert_recovered(&slot);
		CU_ASSERT(port_now_ns() - start < 2 * SECOND);
		sim_frozen_free(frozen);
	}
}

/* Two processes were killed, one after the other. */
static void test_two_dead(void)
{
	struct vmfs_hb_disk slot, second;
	struct sim_frozen *frozen = leave_behind(5, volumes[0].bytes, &slot);
	uint64_t other = le64_get(slot.at) == VMFS_HB_AT ? VMFS_HB_AT + 512 : VMFS_HB_AT;

	thaw(frozen);
	second = slot;
	le64_set(&second.at, other);
	le64_set(&second.journal_at, 0);	/* died before it had one */
	le32_set(&second.journal_fb, 0);
	poke_at(other, &second);
	assert_recovered(&slot);
	peek_at(other, &second);
	CU_ASSERT_EQUAL(le32_get(second.state), VMFS_HB_FREE);
	sim_frozen_free(frozen);
}

/* The n-th allocation, read, write or flush of the mount fails: it says so, nothing leaks, and the
 * next one ends the recovery. */
static void sweep(int op)
{
	struct vmfs_hb_disk slot;
	struct sim_frozen *frozen = leave_behind(5, volumes[0].bytes, &slot);
	int failed = 1;

	for (uint64_t n = 1; failed; n++) {
		struct vol v = { 0 };
		uint64_t live = sim_alloc_live();
		enum status st;

		thaw(frozen);
		if (op == SIM_ANY_OP)
			sim_fail_alloc(n);
		else
			sim_fail_io(op, n, ST_DEVICE);
		st = vol_try_mount(&v, 1);
		failed = op == SIM_ANY_OP ? sim_alloc_failed() : sim_io_failed();
		sim_fail_alloc(0);
		sim_fail_io(PORT_READ, 0, ST_OK);
		CU_ASSERT(st == ST_OK || v.why.text[0] != 0);
		CU_ASSERT(st == ST_OK || failed);
		if (st == ST_OK)
			(void)!vol_unmount(&v);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		assert_recovered(&slot);
		CU_ASSERT_FATAL(n < 2000);
	}
	sim_frozen_free(frozen);
}

static void test_every_allocation_may_fail(void) { sweep(SIM_ANY_OP); }
static void test_every_read_may_fail(void) { sweep(PORT_READ); }
static void test_every_write_may_fail(void) { sweep(PORT_WRITE); }
static void test_every_flush_may_fail(void) { sweep(PORT_FLUSH); }

/* A slot that lies about itself is refused, with a reason, and nothing is written. */
static void test_lies(void)
{
	static const struct { uint32_t at, bytes; uint64_t value; const char *why; } lie[] = {
		{ 0x04, 8, 0, "names" }, { 0x04, 8, VMFS_HB_AT + MIB, "names" },
		{ 0x04, 8, UINT64_MAX, "names" },
		{ 0x64, 8, UINT64_MAX, "" }, { 0x64, 8, 1ull << 62, "" },
		{ 0x64, 8, 319 * MIB, "" },	/* a block across the end */
	};
	struct vmfs_hb_disk slot;
	struct sim_frozen *frozen = leave_behind(5, volumes[0].bytes, &slot);

	for (size_t i = 0; i < ARRAY_COUNT(lie); i++) {
		le64 value = le64_make(lie[i].value);
		struct vol v = { 0 };
		uint64_t writes;

		thaw(frozen);
		CU_ASSERT_EQUAL(sim_disk_poke(DISK, PARTITION_AT + le64_get(slot.at) +
					      lie[i].at, &value, lie[i].bytes), ST_OK);
		writes = sim_write_count();
		CU_ASSERT_EQUAL(vol_try_mount(&v, 1), ST_CORRUPT);
		CU_ASSERT_PTR_NOT_NULL(strstr(v.why.text, lie[i].why));
		CU_ASSERT(v.why.text[0] != 0);
		CU_ASSERT_EQUAL(sim_write_count(), writes);
		vol_mount(&v, 0);	/* reading needs none of it */
		CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	}
	sim_frozen_free(frozen);
}

static void interrupt(void *arg)
{
	(void)arg;
	port_world_sleep_ns(4 * SECOND);
	sim_interrupt(2);
}

/* Who is tired of watching a stranger's slot gets away, and has written nothing. */
static void test_watching_can_be_stopped(void)
{
	struct vmfs_hb_disk slot;
	struct vol v = { 0 };
	uint64_t writes, start, live, at = VMFS_HB_AT + 3 * SECTOR_BYTES;

	vol_format(volumes[0].bytes);
	peek_at(at, &slot);
	le32_set(&slot.state, VMFS_HB_USED);
	memset(&slot.owner, 0x5A, sizeof(slot.owner));
	memcpy(slot.ip, "10.0.0.7", 8);
	poke_at(at, &slot);
	writes = sim_write_count();
	live = sim_alloc_live();
	start = port_now_ns();
	CU_ASSERT_PTR_NOT_NULL(port_world_start("signal", interrupt, NULL));
	CU_ASSERT_EQUAL(vol_try_mount(&v, 1), ST_CANCELLED);
	sim_interrupt(0);
	CU_ASSERT(port_now_ns() - start < 6 * SECOND);
	CU_ASSERT_EQUAL(sim_write_count(), writes);
	CU_ASSERT_EQUAL(sim_alloc_live(), live);
}

static const struct cu_case cases[] = {
	{ "our own dead at once", test_own_dead_at_once },
	{ "two dead", test_two_dead },
	{ "every allocation may fail", test_every_allocation_may_fail },
	{ "every read may fail", test_every_read_may_fail },
	{ "every write may fail", test_every_write_may_fail },
	{ "every flush may fail", test_every_flush_may_fail },
	{ "a slot that lies", test_lies },
	{ "watching can be stopped", test_watching_can_be_stopped },
};
CU_MAIN("vmfs/recover", cases)
