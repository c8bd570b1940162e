/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Hosted sparse extents: random operations against memory, power cuts after every write, and every
 * class of damage, found and mended. */
#include "tests/unit/vmdk/disks.h"

#include "vmdk/sparse_format.h"

#define BYTES (40 * MIB + 24 * SECTOR_BYTES)	/* two tables, a short last grain */
#define PATH DIR "/s.vmdk"

static enum status op(struct vmdk_disk *d, enum port_io_op what, uint64_t offset, void *buf,
		      uint64_t bytes)
{
	struct io_wait w;

	io_wait_begin(&w, what, offset, buf, bytes);
	vmdk_submit(d, &w.req);
	return io_wait_end(&w);
}

static void create(struct disks *t, enum vmdk_kind kind, int zero_grains)
{
	struct vmdk_create_opts opts = {
		.kind = kind, .bytes = BYTES, .zeroed_grain = (uint8_t)zero_grains,
	};

	CU_ASSERT_EQUAL_FATAL(vmdk_create(t->s, PATH, &opts, NULL, &t->why), ST_OK);
}

static struct vmdk_check_result check(struct disks *t, int repair)
{
	struct vmdk_check_result r;

	CU_ASSERT_EQUAL(vmdk_check(t->s, PATH, repair, NULL, NULL, &r, &t->why), ST_OK);
	return r;
}

/* ---- model ----------------------------------------------------------------------------------- */

static void random_op(struct vmdk_disk *d, uint8_t *model, uint64_t *rng)
{
	static uint8_t buf[300 * 1024];
	uint64_t bytes = (1 + disks_random(rng) % (sizeof(buf) / SECTOR_BYTES)) * SECTOR_BYTES;
	uint64_t offset = disks_random(rng) % (BYTES / SECTOR_BYTES) * SECTOR_BYTES;
	unsigned what = disks_random(rng) % 8;

	bytes = MIN(bytes, BYTES - offset);
	if (what < 4) {
		disks_noise(buf, bytes, disks_random(rng));
		CU_ASSERT_EQUAL(op(d, PORT_WRITE, offset, buf, bytes), ST_OK);
		memcpy(model + offset, buf, bytes);
	} else if (what < 6) {
		CU_ASSERT_EQUAL(op(d, PORT_READ, offset, buf, bytes), ST_OK);
		CU_ASSERT(memcmp(buf, model + offset, bytes) == 0);
	} else if (what == 6) {
		enum port_io_op how = disks_random(rng) & 1 ? PORT_ZERO : PORT_UNMAP;

		CU_ASSERT_EQUAL(op(d, how, offset, NULL, bytes), ST_OK);
		memset(model + offset, 0, bytes);
	} else {
		CU_ASSERT_EQUAL(op(d, PORT_FLUSH, 0, NULL, 0), ST_OK);
	}
}

static void run_model(enum vmdk_kind kind, int zero_grains, uint64_t seed)
{
	struct disks t;
	uint8_t *model = calloc(1, BYTES);
	uint64_t rng = seed;

	disks_begin(&t);
	create(&t, kind, zero_grains);
	for (int round = 0; round < 8; round++) {
		struct vmdk_disk *d = disks_open(&t, PATH, VMDK_WRITE);
		struct vmdk_check_result r;

		for (int i = 0; i < 40; i++)
			random_op(d, model, &rng);
		CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
		r = check(&t, 0);
		CU_ASSERT_EQUAL(r.corruptions, 0);
		CU_ASSERT_EQUAL(r.dirty, 0);
	}
	CU_ASSERT(disks_equal(&t, PATH, VMDK_READ, model, BYTES));
	free(model);
	disks_end(&t);
}

static void test_model(void)
{
	for (uint64_t seed = 1; seed <= 6; seed++)
		run_model(seed & 1 ? VMDK_MONO_SPARSE : VMDK_SPLIT_SPARSE, seed & 2, seed);
}

/* ---- many requests at once ------------------------------------------------------------------- */

#define FLIGHT 32

static struct { struct io_req req; uint8_t buf[8192]; } flight[FLIGHT];
static struct port_world *waiter;
static int landed;

static void on_done(struct io_req *req)
{
	CU_ASSERT_EQUAL(req->status, ST_OK);
	landed++;
	port_world_wake(waiter);
}

/* 32 writes of 8 KiB, four to a grain, none of which exists: each grain is made once. */
static void test_writes_at_once(void)
{
	struct disks t;
	struct vmdk_disk *d;
	uint8_t *want = calloc(1, BYTES);

	disks_begin(&t);
	create(&t, VMDK_MONO_SPARSE, 0);
	d = disks_open(&t, PATH, VMDK_WRITE);
	waiter = port_world_self();
	landed = 0;
	for (int i = 0; i < FLIGHT; i++) {
		uint64_t at = (uint64_t)i * 16384 + 512;

		disks_noise(flight[i].buf, 8192, (uint64_t)i);
		memcpy(want + at, flight[i].buf, 8192);
		io_req_init(&flight[i].req, PORT_WRITE, at, flight[i].buf, 8192, on_done);
		vmdk_submit(d, &flight[i].req);
		CU_ASSERT_EQUAL(landed, 0);	/* never from inside the call */
	}
	while (landed < FLIGHT)
		port_world_park();
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	CU_ASSERT(disks_equal(&t, PATH, VMDK_READ, want, BYTES));
	CU_ASSERT_EQUAL(check(&t, 0).leaks, 0);
	free(want);
	disks_end(&t);
}

/* ---- power cuts ------------------------------------------------------------------------------ */

/* Writes of known content, each with a flush: what was acknowledged must be there. */
static uint64_t write_some(struct vmdk_disk *d, uint64_t count)
{
	uint8_t buf[4096];
	uint64_t safe = 0;

	for (uint64_t i = 0; i < count; i++) {
		memset(buf, (int)(i + 1), sizeof(buf));
		if (op(d, PORT_WRITE, i * 40960, buf, sizeof(buf)) != ST_OK ||
		    op(d, PORT_FLUSH, 0, NULL, 0) != ST_OK)
			break;
		safe = i + 1;
	}
	return safe;
}

static void check_after_cut(struct disks *t, uint64_t safe, uint64_t n)
{
	struct vmdk_check_result r;
	struct vmdk_disk *d;
	uint8_t got[4096], want[4096];

	CU_ASSERT_EQUAL(hostfs_open("/", &t->s, &t->why), ST_OK);
	r = check(t, 1);
	if (r.corruptions || r.unrepairable)
		printf("\ncut after %llu: %u left\n", (unsigned long long)n, r.corruptions);
	CU_ASSERT_EQUAL(r.corruptions, 0);
	d = disks_open(t, PATH, VMDK_WRITE);
	for (uint64_t i = 0; i < safe; i++) {
		memset(want, (int)(i + 1), sizeof(want));
		CU_ASSERT_EQUAL(vmdk_read(d, i * 40960, got, sizeof(got)), ST_OK);
		CU_ASSERT(memcmp(got, want, sizeof(got)) == 0);
	}
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	CU_ASSERT_EQUAL(check(t, 0).dirty, 0);
}

static int cut_after(uint64_t n, int drop)
{
	struct disks t;
	struct vmdk_disk *d;
	uint64_t safe;
	int stopped;

	disks_begin(&t);
	create(&t, VMDK_MONO_SPARSE, 1);
	CU_ASSERT_EQUAL(t.s->ops->sync(t.s), ST_OK);
	d = disks_open(&t, PATH, VMDK_WRITE);
	sim_stop_after_writes(n);
	safe = write_some(d, 12);
	stopped = sim_has_stopped();
	(void)vmdk_close(d);
	stopped |= sim_has_stopped();
	(void)t.s->ops->close(t.s);
	sim_crash(n, drop);
	check_after_cut(&t, safe, n);
	disks_end(&t);
	return stopped;
}

static void test_power_cut(void)
{
	uint64_t n = 0;

	while (cut_after(n, n & 1))
		n++;
	CU_ASSERT(n > 25);	/* or the sweep stopped nothing */
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* The layout of BYTES with a descriptor: RGD at 21, its tables at 22 and 26, GD at 30, tables at
 * 31, 35. */
#define RGT0 (22 * SECTOR_BYTES)
#define GD   (30 * SECTOR_BYTES)
#define GT0  (31 * SECTOR_BYTES)
#define OVERHEAD 128u

static void poke32(uint64_t at, uint32_t value)
{
	le32 v = le32_make(value);

	CU_ASSERT_EQUAL(sim_disk_poke(PATH, at, &v, sizeof(v)), ST_OK);
}

static void damage_begin(struct disks *t)
{
	struct vmdk_disk *d;
	uint8_t buf[65536];

	disks_begin(t);
	create(t, VMDK_MONO_SPARSE, 0);
	d = disks_open(t, PATH, VMDK_WRITE);
	for (int i = 0; i < 4; i++) {
		memset(buf, 'a' + i, sizeof(buf));
		CU_ASSERT_EQUAL(vmdk_write(d, (uint64_t)i * 65536, buf, sizeof(buf)), ST_OK);
	}
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	CU_ASSERT_EQUAL(check(t, 0).corruptions, 0);
}

/* After the repair: clean, and the four grains show these letters (0: zeros). */
static void expect_repair(struct disks *t, uint32_t found, const char letters[4])
{
	struct vmdk_check_result r = check(t, 0);
	struct vmdk_disk *d;

	CU_ASSERT_EQUAL(r.corruptions, found);
	r = check(t, 1);
	CU_ASSERT_EQUAL(r.corruptions, 0);
	CU_ASSERT_EQUAL(r.repaired, found);
	d = disks_open(t, PATH, VMDK_READ);
	for (int i = 0; i < 4; i++) {
		uint8_t got[SECTOR_BYTES];

		CU_ASSERT_EQUAL(vmdk_read(d, (uint64_t)i * 65536 + 4096, got, sizeof(got)), ST_OK);
		CU_ASSERT_EQUAL(got[0], letters[i]);
		CU_ASSERT_EQUAL(got[511], letters[i]);
	}
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	disks_end(t);
}

static void test_damage(void)
{
	struct disks t;

	damage_begin(&t);		/* an entry lost from the table: the copy has it */
	poke32(GT0 + 4, 0);
	expect_repair(&t, 1, "abcd");
	damage_begin(&t);		/* lost from the copy */
	poke32(RGT0 + 8, 0);
	expect_repair(&t, 1, "abcd");
	damage_begin(&t);		/* the table points nowhere, the copy is right */
	poke32(GT0 + 4, 0x40000000);
	expect_repair(&t, 1, "abcd");
	damage_begin(&t);		/* both copies past the end: the grain is lost */
	poke32(GT0 + 4, 0x40000000);
	poke32(RGT0 + 4, 0x40000000);
	expect_repair(&t, 1, "a\0cd");
	damage_begin(&t);		/* unaligned */
	poke32(GT0 + 12, OVERHEAD + 3 * 128 + 1);
	poke32(RGT0 + 12, OVERHEAD + 3 * 128 + 1);
	expect_repair(&t, 1, "abc\0");
	damage_begin(&t);		/* inside the metadata */
	poke32(GT0, 5);
	poke32(RGT0, 5);
	expect_repair(&t, 1, "\0bcd");
	damage_begin(&t);		/* entry 1 without the flag for it */
	poke32(GT0, 1);
	poke32(RGT0, 1);
	expect_repair(&t, 1, "\0bcd");
	damage_begin(&t);		/* two share a grain: the later one gets a copy */
	poke32(GT0 + 8, OVERHEAD);
	poke32(RGT0 + 8, OVERHEAD);
	expect_repair(&t, 1, "abad");
	/* a directory entry past the end: its copy leads to the tables */
	damage_begin(&t);
	poke32(GD, 0x40000000);
	expect_repair(&t, 1, "abcd");
}

/* What the checker calls wrong is never read as data, and a dirty disk with it is not written. */
static void test_damage_is_not_read(void)
{
	struct disks t;
	struct vmdk_disk *d;
	uint8_t buf[SECTOR_BYTES], one = 1;

	damage_begin(&t);
	poke32(GT0 + 4, 5);
	d = disks_open(&t, PATH, VMDK_READ);
	CU_ASSERT_EQUAL(vmdk_read(d, 65536, buf, sizeof(buf)), ST_CORRUPT);
	CU_ASSERT_EQUAL(vmdk_read(d, 0, buf, sizeof(buf)), ST_OK);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	CU_ASSERT_EQUAL(sim_disk_poke(PATH, 72, &one, 1), ST_OK);
	CU_ASSERT_EQUAL(vmdk_open(t.s, PATH, VMDK_WRITE, &d, &t.why), ST_CORRUPT);
	CU_ASSERT_EQUAL(check(&t, 1).dirty, 1);
	d = disks_open(&t, PATH, VMDK_WRITE);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	disks_end(&t);
}

/* Each field of the header set to 0, to ones, to one bit more: an answer with a text, or a disk. */
static void test_header_fields(void)
{
	struct disks t;
	uint8_t good[SECTOR_BYTES], bad[SECTOR_BYTES];

	damage_begin(&t);
	CU_ASSERT_EQUAL(sim_disk_peek(PATH, 0, good, sizeof(good)), ST_OK);
	for (size_t at = 0; at < 79; at++)
		for (int how = 0; how < 4; how++) {
			struct vmdk_disk *d;
			uint8_t buf[4096];

			memcpy(bad, good, sizeof(bad));
			bad[at] = how == 0   ? 0
				  : how == 1 ? 0xff
				  : how == 2 ? good[at] ^ 1
					     : good[at] ^ 0x80;
			CU_ASSERT_EQUAL(sim_disk_poke(PATH, 0, bad, sizeof(bad)), ST_OK);
			t.why.text[0] = 0;
			if (vmdk_open(t.s, PATH, VMDK_READ, &d, &t.why) != ST_OK) {
				CU_ASSERT(t.why.text[0]);
				continue;
			}
			(void)!vmdk_read(d, 0, buf, sizeof(buf));
			(void)!vmdk_read(d, vmdk_bytes(d) - sizeof(buf), buf, sizeof(buf));
			CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
		}
	disks_end(&t);
}

static const struct cu_case cases[] = {
	{ "random operations against memory", test_model },
	{ "many first writes at once", test_writes_at_once },
	{ "power cut after every write", test_power_cut },
	{ "damage is found and mended", test_damage },
	{ "damage is not read as data", test_damage_is_not_read },
	{ "header fields", test_header_fields },
};
CU_MAIN("vmdk/sparse", cases)
