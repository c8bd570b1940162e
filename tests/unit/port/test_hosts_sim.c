/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What sim.h promises of hosts: they share disks and the clock, and nothing else; one can lose
 * power between two of its writes, freeze, and lose its paths, and the others go on. */
#include "tests/unit/cu.h"

#include "iopath/port/sim/sim.h"
#include "tests/unit/port/scratch.h"

#define SECTORS 64u

static struct port_disk *open_disk(void)
{
	struct port_disk *disk;

	VERIFY(port_disk_open("shared", PORT_OPEN_WRITE, &disk, NULL) == ST_OK);
	return disk;
}

static void new_disk(void)
{
	(void)!port_path_remove("shared");
	VERIFY(sim_disk_create("shared", SECTORS * 512, 1) == ST_OK);
}

static int sector(uint64_t number)
{
	unsigned char buf[512];

	VERIFY(sim_disk_peek("shared", number * 512, buf, sizeof(buf)) == ST_OK);
	for (int i = 1; i < 512; i++)
		CU_ASSERT_EQUAL(buf[i], buf[0]);	/* a sector is never torn inside */
	return buf[0];
}

static enum status put(struct port_disk *disk, uint64_t number, unsigned char byte)
{
	unsigned char buf[512];

	memset(buf, byte, sizeof(buf));
	return do_io(disk, PORT_WRITE, number * 512, buf, sizeof(buf));
}

static void wait_until_off(uint32_t host)
{
	while (sim_host_is_on(host))
		port_world_sleep_ns(1000000);
}

/* ---- each for itself ------------------------------------------------------------------------- */

struct self { char name[32]; uint8_t mac[6]; uint32_t pcpus, pcpu; };

static void say_who(void *arg)
{
	struct self *self = arg;

	port_host_name(self->name, sizeof(self->name));
	port_host_mac(self->mac);
	self->pcpus = port_pcpu_count();
	self->pcpu = port_pcpu_self();
}

static void test_each_host_has_a_name_of_its_own(void)
{
	uint32_t a = sim_host_add("a"), b = sim_host_add("b");
	struct self self[2];

	CU_ASSERT_EQUAL(sim_host_boot(a, say_who, &self[0]), ST_OK);
	CU_ASSERT_EQUAL(sim_host_boot(b, say_who, &self[1]), ST_OK);
	wait_until_off(a);
	wait_until_off(b);
	CU_ASSERT_STRING_EQUAL(self[0].name, "a");
	CU_ASSERT_STRING_EQUAL(self[1].name, "b");
	CU_ASSERT(memcmp(self[0].mac, self[1].mac, 6) != 0);
	CU_ASSERT_EQUAL(self[0].pcpus, 1);
	CU_ASSERT_EQUAL(self[1].pcpu, 0);
}

/* ---- power ----------------------------------------------------------------------------------- */

/* Fill all sectors, with everything a host can own left open. */
static void fill(void *arg)
{
	struct port_disk *disk = open_disk();
	char *memory = port_alloc(100), *buffer = port_dma_alloc(100000);

	(void)arg;
	VERIFY(memory && buffer && port_disk_lock(disk, 0, 512, 1) == ST_OK);
	for (uint64_t n = 0; n < SECTORS; n++)
		VERIFY(put(disk, n, 7) == ST_OK);
	port_world_park();	/* for ever */
}

static void test_a_host_dies_after_its_nth_write(void)
{
	uint32_t h = sim_host_add("mortal");
	uint64_t live = sim_alloc_live();

	for (uint64_t n = 1; n <= 5; n++) {
		struct port_disk *disk;

		new_disk();
		CU_ASSERT_EQUAL(sim_host_boot(h, fill, NULL), ST_OK);
		sim_host_die_after(h, n);
		wait_until_off(h);
		for (uint64_t s = 0; s < SECTORS; s++)
			CU_ASSERT_EQUAL(sector(s), s < n ? 7 : 0);
		CU_ASSERT_EQUAL(sim_host_blocks_left(h), 2);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		disk = open_disk();
		CU_ASSERT_EQUAL(port_disk_lock(disk, 0, 512, 1), ST_OK);
		port_disk_close(disk);
	}
}

static unsigned char big[SECTORS * 512];

static void write_at_once(void *arg)
{
	struct port_disk *disk = open_disk();

	(void)arg;
	memset(big, 9, sizeof(big));
	VERIFY(do_io(disk, PORT_WRITE, 0, big, sizeof(big)) == ST_OK);
	port_world_park();
}

/* What is in flight arrives whole, in part from its start, or not; over some tries all of that. */
static void test_a_write_in_flight_may_arrive_in_part(void)
{
	uint32_t h = sim_host_add("torn");
	int none = 0, part = 0;

	for (int i = 0; i < 60; i++) {
		uint64_t arrived = 0;

		new_disk();
		CU_ASSERT_EQUAL(sim_host_boot(h, write_at_once, NULL), ST_OK);
		port_world_yield();
		port_world_yield();	/* submitted and not ended: no time has passed */
		sim_host_kill(h);
		while (arrived < SECTORS && sector(arrived) == 9)
			arrived++;
		for (uint64_t s = arrived; s < SECTORS; s++)
			CU_ASSERT_EQUAL(sector(s), 0);
		none += arrived == 0;
		part += arrived > 0 && arrived < SECTORS;
	}
	CU_ASSERT(part > 10 && none < 50);
}

static void end_well(void *arg)
{
	struct port_disk *disk = open_disk();
	void *p = port_dma_alloc(70000);

	(void)arg;
	CU_ASSERT_EQUAL(put(disk, 0, 1), ST_OK);
	port_dma_free(p, 70000);
	port_disk_close(disk);
}

static void test_an_orderly_end_leaves_nothing(void)
{
	uint32_t h = sim_host_add("orderly");

	new_disk();
	CU_ASSERT_EQUAL(sim_host_boot(h, end_well, NULL), ST_OK);
	wait_until_off(h);
	CU_ASSERT_EQUAL(sim_host_blocks_left(h), 0);
	CU_ASSERT_EQUAL(sim_host_writes(h), 1);
	CU_ASSERT_EQUAL(sector(0), 1);
}

/* ---- frozen, cut off ------------------------------------------------------------------------- */

struct pace { uint64_t ticks, late_ns; };

static void tick(void *arg)
{
	struct pace *pace = arg;

	for (int i = 0; i < 20; i++) {
		uint64_t due = port_now_ns() + 1000000;

		port_world_sleep_ns(1000000);
		pace->late_ns = MAX(pace->late_ns, port_now_ns() - due);
		pace->ticks++;
	}
}

static void test_a_paused_host_wakes_up_late(void)
{
	uint32_t frozen = sim_host_add("frozen"), other = sim_host_add("other");
	struct pace of_frozen = { 0 }, of_other = { 0 };

	CU_ASSERT_EQUAL(sim_host_boot(frozen, tick, &of_frozen), ST_OK);
	CU_ASSERT_EQUAL(sim_host_boot(other, tick, &of_other), ST_OK);
	port_world_sleep_ns(5500000);
	sim_host_pause(frozen, 17ull * 1000000000);
	port_world_sleep_ns(100000000);
	CU_ASSERT_EQUAL(of_frozen.ticks, 5);
	CU_ASSERT_EQUAL(of_other.ticks, 20);
	wait_until_off(frozen);
	CU_ASSERT_EQUAL(of_frozen.ticks, 20);
	CU_ASSERT(of_frozen.late_ns > 16ull * 1000000000);
	CU_ASSERT_EQUAL(of_other.late_ns, 0);
}

static void write_and_look(void *arg)
{
	struct port_disk *disk = open_disk();
	uint64_t began = port_now_ns();

	CU_ASSERT_EQUAL(put(disk, 3, 5), ST_OK);
	*(uint64_t *)arg = port_now_ns() - began;
	port_disk_close(disk);
}

/* The zombie's case: the disk has the write long before its host hears of it. */
static void test_what_a_paused_host_wrote_arrives(void)
{
	uint32_t h = sim_host_add("zombie");
	uint64_t took = 0;

	new_disk();
	CU_ASSERT_EQUAL(sim_host_boot(h, write_and_look, &took), ST_OK);
	port_world_yield();
	port_world_yield();
	sim_host_pause(h, 1000000000);
	port_world_sleep_ns(10000000);
	CU_ASSERT_EQUAL(sector(3), 5);
	CU_ASSERT_EQUAL(took, 0);
	wait_until_off(h);
	CU_ASSERT(took > 900000000);
}

struct tries { enum status while_cut, after; };

static void try_twice(void *arg)
{
	struct port_disk *disk = open_disk();
	struct tries *tries = arg;

	tries->while_cut = put(disk, 1, 1);
	port_world_sleep_ns(10000000);
	tries->after = put(disk, 2, 2);
	port_disk_close(disk);
}

static void test_a_host_without_paths_reaches_nothing(void)
{
	uint32_t h = sim_host_add("lonely");
	struct port_disk *disk;
	struct tries tries;

	new_disk();
	disk = open_disk();
	CU_ASSERT_EQUAL(sim_host_boot(h, try_twice, &tries), ST_OK);
	sim_host_cut(h, 1);
	port_world_sleep_ns(5000000);
	CU_ASSERT_EQUAL(put(disk, 4, 4), ST_OK);
	sim_host_cut(h, 0);
	wait_until_off(h);
	port_disk_close(disk);
	CU_ASSERT_EQUAL(tries.while_cut, ST_DEVICE);
	CU_ASSERT_EQUAL(tries.after, ST_OK);
	CU_ASSERT(sector(1) == 0 && sector(2) == 2 && sector(4) == 4);
}

static const struct cu_case cases[] = {
	{ "each host has a name of its own", test_each_host_has_a_name_of_its_own },
	{ "a host dies after its nth write", test_a_host_dies_after_its_nth_write },
	{ "a write in flight may arrive in part", test_a_write_in_flight_may_arrive_in_part },
	{ "an orderly end leaves nothing", test_an_orderly_end_leaves_nothing },
	{ "a paused host wakes up late", test_a_paused_host_wakes_up_late },
	{ "what a paused host wrote arrives", test_what_a_paused_host_wrote_arrives },
	{ "a host without paths reaches nothing", test_a_host_without_paths_reaches_nothing },
};

CU_MAIN("port/hosts", cases)
