/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What sim.h promises beyond a well-behaved disk: faults by chance that can be taken away one by
 * one, compare and write, disks that are frozen, copied and cut to a chosen content, and a watcher
 * that sees each transfer take effect. */
#include "tests/unit/cu.h"

#include "iopath/port/sim/sim.h"
#include "tests/unit/port/scratch.h"

#define DISK	"odd"
#define SECTORS 16u

static void new_disk(void)
{
	(void)!port_path_remove(DISK);
	VERIFY(sim_disk_create(DISK, SECTORS * 512, 1) == ST_OK);
}

static struct port_disk *open_disk(void)
{
	struct port_disk *disk;

	VERIFY(port_disk_open(DISK, PORT_OPEN_WRITE, &disk, NULL) == ST_OK);
	return disk;
}

static enum status put(struct port_disk *disk, uint64_t sector, unsigned char byte)
{
	unsigned char buf[512];

	memset(buf, byte, sizeof(buf));
	return do_io(disk, PORT_WRITE, sector * 512, buf, sizeof(buf));
}

static unsigned char first_of(const char *path, uint64_t sector)
{
	unsigned char byte;

	VERIFY(sim_disk_peek(path, sector * 512, &byte, 1) == ST_OK);
	return byte;
}

/* ---- faults by chance ------------------------------------------------------------------------ */

/* How many of 1000 chances fire. */
static uint64_t fire(uint32_t fault)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < 1000; i++)
		n += (uint64_t)sim_fault_now(fault);
	return n;
}

static void test_chances_are_counted(void)
{
	uint32_t one = SIM_FAULT_OWN, other = SIM_FAULT_OWN + 1;
	uint64_t n;

	CU_ASSERT_EQUAL(fire(one), 0);
	CU_ASSERT_EQUAL(sim_fault_counted(one).chances, 0);	/* off: no chance */
	sim_fault_set(one, 50000);
	n = fire(one);
	CU_ASSERT(n > 20 && n < 90);
	CU_ASSERT_EQUAL(sim_fault_counted(one).chances, 1000);
	CU_ASSERT_EQUAL(sim_fault_counted(one).fired, n);
	CU_ASSERT_EQUAL(sim_fault_counted(other).chances, 0);
	sim_fault_set(other, 100000);
	sim_fault_window(other, 3, 5);	/* its fourth firing and its fifth */
	CU_ASSERT_EQUAL(fire(other), 2);
	sim_faults_heal();
	CU_ASSERT_EQUAL(fire(one) + fire(other), 0);
	CU_ASSERT_EQUAL(sim_fault_counted(one).chances, 1000);
}

static void flaky_main(void *arg)
{
	struct port_disk *disk = open_disk();
	uint32_t *failed = arg;

	for (uint32_t i = 0; i < 200; i++)
		*failed += put(disk, i % SECTORS, 1) != ST_OK;
	port_disk_close(disk);
}

static uint32_t fail_count(enum sim_fault fault)
{
	static uint32_t host;
	uint32_t failed = 0;

	new_disk();
	host = host ? host : sim_host_add("flaky");
	sim_fault_set(fault, 100000);
	VERIFY(sim_host_boot(host, flaky_main, &failed) == ST_OK);
	while (sim_host_is_on(host))
		port_world_sleep_ns(1000000);
	sim_faults_heal();
	return failed;
}

static void test_what_a_disk_does_to_a_host(void)
{
	CU_ASSERT(fail_count(SIM_FAULT_ERROR) > 5);
	CU_ASSERT(fail_count(SIM_FAULT_NO_ANSWER) > 5);
	CU_ASSERT_EQUAL(fail_count(SIM_FAULT_LOST), 0);
	CU_ASSERT_EQUAL(fail_count(SIM_FAULT_MISDIRECTED), 0);
	CU_ASSERT_EQUAL(fail_count(SIM_FAULT_STUCK), 0);
	CU_ASSERT(sim_fault_counted(SIM_FAULT_LOST).fired > 5);
}

/* ---- compare and write ----------------------------------------------------------------------- */

struct try { struct sim_ats ats; struct port_world *world; uint8_t ended; };

static void try_ended(struct port_io *io)
{
	struct try *t = container_of(container_of(io, struct sim_ats, io), struct try, ats);

	t->ended = 1;
	port_world_wake(t->world);
}

static int compare_and_write(struct port_disk *disk, unsigned char old, unsigned char new)
{
	unsigned char a[512], b[512], seen[512];
	struct try t = { .ats = { .old = a, .new = b, .seen = seen }, .world = port_world_self() };

	memset(a, old, sizeof(a));
	memset(b, new, sizeof(b));
	t.ats.io.offset = 512;
	t.ats.io.bytes = 512;
	t.ats.io.done = try_ended;
	sim_ats_submit(disk, &t.ats);
	while (!t.ended)
		port_world_park();
	CU_ASSERT_EQUAL(t.ats.io.status, ST_OK);
	return t.ats.written ? -1 : seen[0];
}

static void test_compare_and_write(void)
{
	struct port_disk *disk;

	new_disk();
	disk = open_disk();
	CU_ASSERT_EQUAL(compare_and_write(disk, 0, 7), -1);
	CU_ASSERT_EQUAL(compare_and_write(disk, 0, 9), 7);
	CU_ASSERT_EQUAL(first_of(DISK, 1), 7);
	port_disk_close(disk);
}

/* ---- copies and cuts ------------------------------------------------------------------------- */

static void test_a_frozen_disk_stays_as_it_was(void)
{
	struct sim_frozen *frozen;
	struct port_disk *disk;

	new_disk();
	disk = open_disk();
	CU_ASSERT_EQUAL(put(disk, 3, 5), ST_OK);
	port_disk_close(disk);
	frozen = sim_disk_freeze(DISK);
	CU_ASSERT(frozen != NULL);
	for (int i = 0; i < 2; i++) {
		VERIFY(port_path_remove(DISK) == ST_OK);
		CU_ASSERT_EQUAL(sim_disk_thaw(DISK, frozen), ST_OK);
		CU_ASSERT_EQUAL(first_of(DISK, 3), 5);
		disk = open_disk();
		CU_ASSERT_EQUAL(put(disk, 3, 6), ST_OK);
		CU_ASSERT_EQUAL(do_io(disk, PORT_ZERO, 0, NULL, SECTORS * 512), ST_OK);
		CU_ASSERT_EQUAL(first_of(DISK, 3), 0);
		port_disk_close(disk);
	}
	VERIFY(port_path_remove(DISK) == ST_OK);
	sim_frozen_free(frozen);
}

/* Two sectors, one of them written twice, none flushed: 3 x 2 contents, each once. */
static void test_every_content_a_cut_may_leave(void)
{
	struct port_disk *disk;
	uint32_t met = 0;

	new_disk();
	disk = open_disk();
	CU_ASSERT_EQUAL(put(disk, 0, 1), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_FLUSH, 0, NULL, 0), ST_OK);
	CU_ASSERT_EQUAL(put(disk, 0, 2), ST_OK);
	CU_ASSERT_EQUAL(put(disk, 0, 3), ST_OK);
	CU_ASSERT_EQUAL(put(disk, 5, 1), ST_OK);
	CU_ASSERT_EQUAL(sim_disk_states(DISK), 6);
	for (uint64_t k = 0; k < 6; k++) {
		CU_ASSERT_EQUAL(sim_disk_copy(DISK, "copy"), ST_OK);
		CU_ASSERT_EQUAL(sim_disk_states("copy"), 6);
		sim_disk_cut_to("copy", k);
		CU_ASSERT_EQUAL(sim_disk_states("copy"), 1);
		met |= 1u << (first_of("copy", 0) * 2 + first_of("copy", 5));
		VERIFY(port_path_remove("copy") == ST_OK);
	}
	CU_ASSERT_EQUAL(met, 0xfc);	/* 1, 2 or 3; 0 or 1 */
	CU_ASSERT_EQUAL(first_of(DISK, 0), 3);
	port_disk_close(disk);
}

/* ---- the watcher ----------------------------------------------------------------------------- */

struct seen { uint32_t events, changes; unsigned char before, after; };

static void watch(void *arg, const struct sim_event *e)
{
	struct seen *s = arg;

	s->events++;
	s->changes += e->changed;
	if (e->op == PORT_WRITE)
		sim_event_read(e, e->offset, e->done ? &s->after : &s->before, 1);
}

static void test_a_watcher_sees_before_and_after(void)
{
	struct seen s = { 0 };
	struct port_disk *disk;

	new_disk();
	disk = open_disk();
	CU_ASSERT_EQUAL(put(disk, 2, 1), ST_OK);
	sim_watch(watch, &s);
	CU_ASSERT_EQUAL(put(disk, 2, 8), ST_OK);
	CU_ASSERT(s.events == 2 && s.changes == 1 && s.before == 1 && s.after == 8);
	CU_ASSERT_EQUAL(compare_and_write(disk, 1, 2), 0);	/* differs: nothing changed */
	CU_ASSERT_EQUAL(s.changes, 1);
	sim_watch(NULL, NULL);
	port_disk_close(disk);
}

static const struct cu_case cases[] = {
	{ "chances are counted", test_chances_are_counted },
	{ "what a disk does to a host", test_what_a_disk_does_to_a_host },
	{ "compare and write", test_compare_and_write },
	{ "a frozen disk stays as it was", test_a_frozen_disk_stays_as_it_was },
	{ "every content a cut may leave", test_every_content_a_cut_may_leave },
	{ "a watcher sees before and after", test_a_watcher_sees_before_and_after },
};

CU_MAIN("port/odds", cases)
