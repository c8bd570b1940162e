/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What sim.h promises: the same seed gives the same run, power cuts keep exactly what they may
 * keep, ordered faults happen at their place. */
#include "tests/unit/cu.h"

#include "iopath/port/sim/sim.h"
#include "tests/unit/port/scratch.h"

static struct port_disk *open_disk(const char *path)
{
	struct port_disk *disk;

	VERIFY(port_disk_open(path, PORT_OPEN_WRITE, &disk, NULL) == ST_OK);
	return disk;
}

static struct port_disk *new_disk(const char *path, uint64_t bytes)
{
	(void)!port_path_remove(path);
	VERIFY(sim_disk_create(path, bytes, 1) == ST_OK);
	return open_disk(path);
}

/* Fill one sector with a byte, and look at one. */
static enum status put(struct port_disk *disk, uint64_t sector, unsigned char byte)
{
	unsigned char buf[512];

	memset(buf, byte, sizeof(buf));
	return do_io(disk, PORT_WRITE, sector * 512, buf, sizeof(buf));
}

static int get(const char *path, uint64_t sector)
{
	unsigned char buf[512];

	CU_ASSERT_EQUAL(sim_disk_peek(path, sector * 512, buf, sizeof(buf)), ST_OK);
	for (int i = 1; i < 512; i++)
		CU_ASSERT_EQUAL(buf[i], buf[0]);	/* a sector is never torn inside */
	return buf[0];
}

/* ---- power cuts ------------------------------------------------------------------------------ */

/* Each of 64 sectors is written three times, flushed after the first. After a cut any of the three
 * versions may stand, the one before the flush never; over some seeds all three do, mixed. */
static void test_a_cut_leaves_any_version_since_the_flush(void)
{
	int seen[4] = { 0 }, mixed = 0;

	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct port_disk *disk = new_disk("d", 1 << 20);
		int first;

		for (int version = 1; version <= 3; version++) {
			for (uint64_t s = 0; s < 64; s++)
				CU_ASSERT_EQUAL(put(disk, s, (unsigned char)version), ST_OK);
			if (version == 1)
				CU_ASSERT_EQUAL(do_io(disk, PORT_FLUSH, 0, NULL, 0), ST_OK);
		}
		sim_crash(seed, 1);
		port_disk_close(disk);
		first = get("d", 0);
		for (uint64_t s = 0; s < 64; s++) {
			int version = get("d", s);

			CU_ASSERT_FATAL(version >= 1 && version <= 3);
			seen[version]++;
			mixed |= version != first;
		}
		CU_ASSERT_EQUAL(get("d", 64), 0);
	}
	CU_ASSERT(seen[1] > 0 && seen[2] > 0 && seen[3] > 0 && mixed);
}

static void test_a_cut_without_drop_keeps_all_that_ended(void)
{
	struct port_disk *disk = new_disk("d", 1 << 20);

	for (uint64_t s = 0; s < 10; s++)
		CU_ASSERT_EQUAL(put(disk, s, 9), ST_OK);
	sim_crash(1, 0);
	for (uint64_t s = 0; s < 10; s++)
		CU_ASSERT_EQUAL(get("d", s), 9);
	port_disk_close(disk);
}

/* A flush covers what had ended when it was submitted, not what ends while it runs. */
static void test_a_flush_does_not_cover_what_is_in_flight(void)
{
	int kept = 0, dropped = 0;

	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct port_disk *disk = new_disk("d", 1 << 20);
		unsigned char buf[512];
		struct waiting w, f;

		memset(buf, 5, sizeof(buf));
		io_start(&w, disk, PORT_WRITE, 0, buf, sizeof(buf));
		io_start(&f, disk, PORT_FLUSH, 0, NULL, 0);
		CU_ASSERT_EQUAL(io_finish(&w), ST_OK);
		CU_ASSERT_EQUAL(io_finish(&f), ST_OK);
		sim_crash(seed, 1);
		port_disk_close(disk);
		kept += get("d", 0) == 5;
		dropped += get("d", 0) == 0;
	}
	CU_ASSERT_EQUAL(kept + dropped, 40);
	CU_ASSERT(dropped > 0);
}

/* Zeros and unmaps are versions like any other. */
static void test_a_cut_may_take_back_an_unmap(void)
{
	int kept = 0;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct port_disk *disk = new_disk("d", 1 << 20);

		for (uint64_t s = 0; s < 16; s++)
			CU_ASSERT_EQUAL(put(disk, s, 7), ST_OK);
		CU_ASSERT_EQUAL(do_io(disk, PORT_FLUSH, 0, NULL, 0), ST_OK);
		CU_ASSERT_EQUAL(do_io(disk, PORT_UNMAP, 0, NULL, 8192), ST_OK);
		sim_crash(seed, 1);
		port_disk_close(disk);
		for (uint64_t s = 0; s < 16; s++) {
			CU_ASSERT(get("d", s) == 7 || get("d", s) == 0);
			kept += get("d", s) == 7;
		}
	}
	CU_ASSERT(kept > 0 && kept < 20 * 16);
}

static void test_a_cut_tears_by_blocks(void)
{
	struct port_disk *disk = new_disk("d", 1 << 20);

	CU_ASSERT_EQUAL(sim_disk_set_block_bytes("d", 4096), ST_OK);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		unsigned char buf[4096];

		memset(buf, (int)seed, sizeof(buf));
		CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 0, buf, sizeof(buf)), ST_OK);
		sim_crash(seed, 1);
		port_disk_close(disk);
		for (uint64_t s = 1; s < 8; s++)
			CU_ASSERT_EQUAL(get("d", s), get("d", 0));
		disk = open_disk("d");
	}
	port_disk_close(disk);
}

/* After a cut the old opening is dead, its locks are gone, and transfers in flight fail. */
static void test_a_cut_ends_openings_locks_and_transfers(void)
{
	struct port_disk *old = new_disk("d", 1 << 20), *disk;
	unsigned char buf[512] = "";
	struct waiting w;

	CU_ASSERT_EQUAL(port_disk_lock(old, 0, 1, 1), ST_OK);
	io_start(&w, old, PORT_WRITE, 0, buf, sizeof(buf));
	sim_crash(1, 1);
	CU_ASSERT_EQUAL(io_finish(&w), ST_DEVICE);
	CU_ASSERT_EQUAL(do_io(old, PORT_READ, 0, buf, sizeof(buf)), ST_DEVICE);
	CU_ASSERT_EQUAL(port_disk_lock(old, 0, 1, 1), ST_DEVICE);
	disk = open_disk("d");
	CU_ASSERT_EQUAL(port_disk_lock(disk, 0, 1, 1), ST_OK);
	port_disk_close(old);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, sizeof(buf)), ST_OK);
	port_disk_close(disk);
}

/* ---- ordered faults -------------------------------------------------------------------------- */

static void test_the_machine_stops_after_the_nth_write(void)
{
	for (uint64_t n = 0; n <= 5; n++) {
		struct port_disk *disk = new_disk("d", 1 << 20);
		uint64_t before = sim_write_count();

		sim_stop_after_writes(n);
		for (uint64_t s = 0; s < 5; s++)
			CU_ASSERT_EQUAL(put(disk, s, 3), s < n ? ST_OK : ST_DEVICE);
		CU_ASSERT_EQUAL(sim_write_count() - before, n);
		CU_ASSERT_EQUAL(sim_has_stopped(), 1);
		CU_ASSERT_EQUAL(do_io(disk, PORT_FLUSH, 0, NULL, 0), ST_DEVICE);
		CU_ASSERT_EQUAL(port_path_mkdir("x", 0755), ST_DEVICE);
		sim_crash(1, 0);
		port_disk_close(disk);
		for (uint64_t s = 0; s < 5; s++)
			CU_ASSERT_EQUAL(get("d", s), s < n ? 3 : 0);
	}
}

static void test_the_nth_transfer_fails(void)
{
	struct port_disk *disk = new_disk("d", 1 << 20);
	unsigned char buf[512];

	sim_fail_io(PORT_WRITE, 2, ST_NOSPACE);
	CU_ASSERT_EQUAL(put(disk, 0, 1), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, 512), ST_OK);	/* not counted */
	CU_ASSERT_EQUAL(sim_io_failed(), 0);
	CU_ASSERT_EQUAL(put(disk, 1, 1), ST_NOSPACE);
	CU_ASSERT_EQUAL(sim_io_failed(), 1);
	CU_ASSERT_EQUAL(get("d", 1), 0);
	CU_ASSERT_EQUAL(put(disk, 1, 1), ST_OK);
	sim_fail_io(SIM_ANY_OP, 1, ST_DEVICE);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, 512), ST_DEVICE);
	port_disk_close(disk);
}

static void test_the_nth_allocation_fails(void)
{
	uint64_t live = sim_alloc_live();
	void *a, *b;

	sim_fail_alloc(2);
	a = port_alloc(1);
	CU_ASSERT_PTR_NOT_NULL(a);
	CU_ASSERT_PTR_NULL(port_dma_alloc(1));
	CU_ASSERT_EQUAL(sim_alloc_failed(), 1);
	b = port_alloc(1);
	CU_ASSERT_PTR_NOT_NULL(b);
	CU_ASSERT_EQUAL(sim_alloc_live(), live + 2);
	port_free(a);
	port_free(b);
	CU_ASSERT_EQUAL(sim_alloc_live(), live);
	sim_fail_alloc(0);
}

static void test_a_full_disk(void)
{
	struct port_disk *disk = new_disk("d", 1 << 20);
	unsigned char buf[4096];

	memset(buf, 1, sizeof(buf));
	CU_ASSERT_EQUAL(sim_disk_limit_bytes("d", 3 * 4096), ST_OK);
	for (uint64_t i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, i * 4096, buf, 4096),
				i < 3 ? ST_OK : ST_NOSPACE);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 0, buf, 4096), ST_OK);	/* rewriting needs none */
	CU_ASSERT_EQUAL(do_io(disk, PORT_UNMAP, 0, NULL, 4096), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 4 * 4096, buf, 4096), ST_OK);
	port_disk_close(disk);
}

static void test_reading_writes_nothing(void)
{
	struct port_disk *disk = new_disk("d", 1 << 20);
	unsigned char buf[512];

	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, 512), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_FLUSH, 0, NULL, 0), ST_OK);
	CU_ASSERT_EQUAL(sim_disk_bytes_written("d"), 0);
	CU_ASSERT_EQUAL(put(disk, 0, 1), ST_OK);
	CU_ASSERT_EQUAL(sim_disk_bytes_written("d"), 512);
	port_disk_close(disk);
}

/* ---- size, images, seeds --------------------------------------------------------------------- */

static void test_a_disk_of_64_tib_costs_what_is_written(void)
{
	struct port_disk *disk = new_disk("d", 64ull << 40);
	uint64_t data, hole, places[] = { 0, 1ull << 40, (64ull << 40) - 512 };
	struct port_stat st;

	for (size_t i = 0; i < ARRAY_COUNT(places); i++)
		CU_ASSERT_EQUAL(put(disk, places[i] / 512, 1), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_ZERO, 1 << 20, NULL, 60ull << 40), ST_OK);
	CU_ASSERT_EQUAL(port_path_stat("d", &st), ST_OK);
	CU_ASSERT_EQUAL(st.allocated_bytes, 2 * 4096);
	port_disk_next_data(disk, 4096, &data, &hole);
	CU_ASSERT_EQUAL(data, (64ull << 40) - 4096);
	port_disk_close(disk);
}

static void test_export_and_import(void)
{
	char host[] = "/tmp/cairn-sim.XXXXXX";
	struct port_disk *disk = new_disk("d", 40ull << 30);
	int fd = mkstemp(host);

	VERIFY(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL(put(disk, 0, 1), ST_OK);
	CU_ASSERT_EQUAL(put(disk, 33ull << 21, 2), ST_OK);
	port_disk_close(disk);
	CU_ASSERT_EQUAL(sim_disk_export("d", host), ST_OK);
	CU_ASSERT_EQUAL(sim_disk_import("e", host), ST_OK);
	CU_ASSERT(get("e", 0) == 1 && get("e", 33ull << 21) == 2 && get("e", 1) == 0);
	CU_ASSERT_EQUAL(sim_disk_bytes_written("e"), 0);
	CU_ASSERT_EQUAL(sim_disk_import("e", host), ST_EXIST);
	CU_ASSERT_EQUAL(sim_disk_import("f", "/nonexistent"), ST_NOENT);
	CU_ASSERT_EQUAL(port_path_remove("e"), ST_OK);
	unlink(host);
}

/* ---- deterministic, and different for another seed ------------------------------------------- */

struct script { uint64_t hash; struct port_disk *disk; int left; struct port_world *main; };

static void script_world(void *arg)
{
	struct script *s = arg;
	unsigned char buf[512] = "";

	for (int i = 0; i < 5; i++) {
		VERIFY(do_io(s->disk, PORT_WRITE, 512 * (uint64_t)s->left, buf, 512) == ST_OK);
		s->hash = s->hash * 31 + port_now_ns() + (uintptr_t)s->left;
	}
	s->left--;
	port_world_wake(s->main);
}

/* Runs in a machine of its own: port_run() cannot be nested, so each run is a child process. */
static uint64_t hash_of_run(uint64_t seed)
{
	char command[600], line[64] = "";
	FILE *f;

	snprintf(command, sizeof(command), "SEED=%llu CAIRN_SIM_SCRIPT=1 /proc/%d/exe",
		 (unsigned long long)seed, (int)getpid());
	f = popen(command, "r");
	VERIFY(f != NULL && fgets(line, sizeof(line), f) != NULL && pclose(f) == 0);
	return strtoull(line, NULL, 16);
}

static void script_main(void *arg)
{
	struct script s = { .left = 8, .main = port_world_self() };

	(void)arg;
	s.disk = new_disk("d", 1 << 20);
	for (int i = 0; i < 8; i++)
		VERIFY(port_world_start("script", script_world, &s) != NULL);
	while (s.left > 0)
		port_world_park();
	port_disk_close(s.disk);
	printf("%llx\n", (unsigned long long)s.hash);
}

static void test_a_seed_decides_the_run(void)
{
	uint64_t one = hash_of_run(1);

	CU_ASSERT_EQUAL(hash_of_run(1), one);
	CU_ASSERT_NOT_EQUAL(hash_of_run(2), one);
}

/* ---- a deadlock is an end with a text, not a hang -------------------------------------------- */

static void park_forever(void *arg)
{
	(void)arg;
	port_world_park();
}

static void deadlock_main(void *arg)
{
	VERIFY(port_world_start("sleeper", park_forever, NULL) != NULL);
	park_forever(arg);
}

static void test_a_deadlock_names_the_parked_worlds(void)
{
	char command[200], text[400] = "";
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "SEED=5 CAIRN_SIM_SCRIPT=deadlock /proc/%d/exe 2>&1",
		 (int)getpid());
	f = popen(command, "r");
	VERIFY(f != NULL);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	CU_ASSERT_NOT_EQUAL(pclose(f), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "deadlock"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "main sleeper"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "seed 5"));
}

static const struct cu_case cases[] = {
	{ "a cut leaves any version", test_a_cut_leaves_any_version_since_the_flush },
	{ "a cut without drop keeps all", test_a_cut_without_drop_keeps_all_that_ended },
	{ "a flush covers only what ended", test_a_flush_does_not_cover_what_is_in_flight },
	{ "a cut may take back an unmap", test_a_cut_may_take_back_an_unmap },
	{ "a cut tears by blocks", test_a_cut_tears_by_blocks },
	{ "a cut ends openings, locks, transfers", test_a_cut_ends_openings_locks_and_transfers },
	{ "the machine stops after the nth write", test_the_machine_stops_after_the_nth_write },
	{ "the nth transfer fails", test_the_nth_transfer_fails },
	{ "the nth allocation fails", test_the_nth_allocation_fails },
	{ "a full disk", test_a_full_disk },
	{ "reading writes nothing", test_reading_writes_nothing },
	{ "a disk of 64 TiB", test_a_disk_of_64_tib_costs_what_is_written },
	{ "export and import", test_export_and_import },
	{ "a seed decides the run", test_a_seed_decides_the_run },
	{ "a deadlock names the parked worlds", test_a_deadlock_names_the_parked_worlds },
};

int main(void)
{
	const char *script = getenv("CAIRN_SIM_SCRIPT");
	struct port_config config = { 0 };

	if (script) {
		int deadlock = strcmp(script, "deadlock") == 0;

		config.seed = strtoull(getenv("SEED"), NULL, 0);
		return port_run(&config, deadlock ? deadlock_main : script_main, NULL, NULL);
	}
	return cu_run_all("port/faults", cases, ARRAY_COUNT(cases));
}
