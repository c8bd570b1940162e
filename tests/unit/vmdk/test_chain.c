/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Chains against a model: what is read, what the map says, what happens without memory and with
 * devices that fail; parents that are elsewhere, missing, wrong; links that are damaged. */
#include "tests/unit/vmdk/links.h"

#define SMALL_SECTORS	(19 * 2048 + 5)		/* two windows, the last grain cut short */

static const enum link_kind mixes[][5] = {
	{ LINK_FLAT, LINK_COWD, LINK_COWD, LINK_COWD, LINK_COWD },
	{ LINK_FLAT, LINK_SESPARSE, LINK_SESPARSE, LINK_SESPARSE, LINK_SESPARSE },
	{ LINK_FLAT, LINK_COWD, LINK_SESPARSE, LINK_COWD, LINK_SESPARSE },
	{ LINK_COWD, LINK_SESPARSE, LINK_COWD, LINK_SESPARSE, LINK_COWD },
};

static void make_mix(struct links *l, size_t mix, uint32_t run)
{
	for (size_t i = 0; i < ARRAY_COUNT(mixes[mix]); i++) {
		links_draw(l, run, mixes[mix][i] == LINK_SESPARSE);
		links_add(l, mixes[mix][i]);
	}
}

/* ---- reading --------------------------------------------------------------------------------- */

#define AT_ONCE 24

struct flight { struct io_wait wait; struct port_vec vec[5]; uint8_t *buf; };

/* Many requests under way at a time, of any length, in one buffer or in several of odd lengths. */
static void read_at_random(struct links *l, struct vmdk_disk *d, int rounds)
{
	static struct flight flight[AT_ONCE];
	const uint64_t room = 3 * MIB;

	for (int r = 0; r < rounds; r++) {
		for (int i = 0; i < AT_ONCE; i++) {
			struct flight *f = &flight[i];
			uint64_t from = disks_random(&l->seed) % l->sectors;
			uint64_t most = i % 3 ? 60 : room / SECTOR_BYTES;
			uint64_t n = 1 + disks_random(&l->seed) % most;
			uint64_t bytes = MIN(n, l->sectors - from) * SECTOR_BYTES, cut;

			f->buf = calloc(1, bytes);
			io_wait_begin(&f->wait, PORT_READ, from * SECTOR_BYTES, f->buf, bytes);
			cut = MIN(bytes, 1000);
			f->vec[0] = (struct port_vec){ f->buf, cut };
			f->vec[1] = (struct port_vec){ f->buf + cut, bytes - cut };
			if (i % 2) {
				f->wait.req.io.vec = f->vec;
				f->wait.req.io.vec_count = 2;
			}
			vmdk_submit(d, &f->wait.req);
		}
		for (int i = 0; i < AT_ONCE; i++) {
			struct flight *f = &flight[i];

			CU_ASSERT_EQUAL(io_wait_end(&f->wait), ST_OK);
			CU_ASSERT_EQUAL(memcmp(f->buf, l->model + f->wait.req.io.offset,
					       f->wait.req.io.bytes), 0);
			free(f->buf);
		}
	}
}

/* The map covers the disk; what it calls zero is zero, and data is in the file it names. */
static void check_map(struct links *l, struct vmdk_disk *d)
{
	uint64_t at = 0;
	struct vmdk_run run;

	while (at < l->sectors * SECTOR_BYTES) {
		struct vmdk_extent_info x;
		uint8_t got[SECTOR_BYTES];
		struct store_file *f;
		char path[300];

		CU_ASSERT_EQUAL_FATAL(vmdk_map(d, at, &run), ST_OK);
		CU_ASSERT_EQUAL_FATAL(run.offset, at);
		CU_ASSERT_FATAL(run.bytes > 0);
		at += run.bytes;
		if (run.zero) {
			CU_ASSERT(l->model[run.offset] == 0);
			CU_ASSERT(memcmp(l->model + run.offset, l->model + run.offset + 1,
					 run.bytes - 1) == 0);
			continue;
		}
		CU_ASSERT_EQUAL(vmdk_extent_info(vmdk_link(d, run.depth), run.extent, &x), ST_OK);
		snprintf(path, sizeof(path), DIR "/%.200s", x.file);
		CU_ASSERT_EQUAL_FATAL(l->t.s->ops->open(l->t.s, path, STORE_READ, &f, NULL), ST_OK);
		CU_ASSERT_EQUAL(store_read(f, run.where + run.bytes - SECTOR_BYTES, got,
					   SECTOR_BYTES), ST_OK);
		CU_ASSERT_EQUAL(memcmp(got, l->model + at - SECTOR_BYTES, SECTOR_BYTES), 0);
		CU_ASSERT_EQUAL(l->t.s->ops->file_close(f), ST_OK);
	}
}

static void test_reads(void)
{
	for (size_t mix = 0; mix < ARRAY_COUNT(mixes); mix++) {
		struct links l;
		struct vmdk_disk *d;

		links_begin(&l, SMALL_SECTORS);
		make_mix(&l, mix, mix % 2 ? 1 : 20);
		d = disks_open(&l.t, l.path, VMDK_READ);
		CU_ASSERT_EQUAL(vmdk_link_count(d), 5);
		CU_ASSERT_EQUAL(vmdk_bytes(d), l.sectors * SECTOR_BYTES);
		read_at_random(&l, d, 3);
		check_map(&l, d);
		CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
		CU_ASSERT(disks_equal(&l.t, l.path, VMDK_READ, l.model,
				      l.sectors * SECTOR_BYTES));
		links_end(&l);
	}
}

/* A delta is never written to, whatever is asked of it. */
static void test_read_only(void)
{
	struct links l;
	struct vmdk_disk *d;
	struct vmdk_check_result result;

	links_begin(&l, 4096);
	make_mix(&l, 2, 4);
	CU_ASSERT_EQUAL(vmdk_open(l.t.s, l.path, VMDK_WRITE, &d, &l.t.why), ST_READONLY);
	d = disks_open(&l.t, l.path, VMDK_READ);
	CU_ASSERT_EQUAL(vmdk_write(d, 0, l.model, SECTOR_BYTES), ST_READONLY);
	CU_ASSERT_EQUAL(vmdk_read(d, 4096 * SECTOR_BYTES, l.file, SECTOR_BYTES), ST_RANGE);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	CU_ASSERT_EQUAL(vmdk_check(l.t.s, l.path, 1, NULL, NULL, &result, &l.t.why), ST_OK);
	CU_ASSERT_EQUAL(result.corruptions + result.leaks, 0);
	CU_ASSERT_EQUAL(vmdk_extend(l.t.s, l.path, 8192 * SECTOR_BYTES, 0, NULL, &l.t.why),
			ST_READONLY);
	links_end(&l);
}

/* A link of 62 TiB with a grain at its end is opened and read with little memory and work. */
static void test_huge(void)
{
	const uint64_t sectors = 62 * TIB / SECTOR_BYTES, grains = sectors / 8;
	const uint64_t tables = div_round_up(grains, 4096), gd = 8;
	const uint64_t gts = gd + div_round_up(tables, 64), data = gts + 64;
	const uint64_t regions[][2] = { { 1, 1 }, { 2, 2 }, { 4, 1 }, { gd, gts - gd }, { gts, 64 },
					{ 5, 1 }, { 6, 1 }, { data, sectors } };
	struct vmdk_check_result result;
	struct links l;
	struct vmdk_disk *d;
	uint8_t buf[2 * GRAIN_4K];
	struct vmdk_run run;

	links_begin(&l, 2048);
	l.sectors = sectors;
	links_put64(l.file, 0xcafebabe);
	links_put64(l.file + 8, 0x0000000200000001ull);
	links_put64(l.file + 16, sectors);
	links_put64(l.file + 24, 8);
	links_put64(l.file + 32, 64);
	for (size_t i = 0; i < ARRAY_COUNT(regions); i++) {
		links_put64(l.file + 80 + i * 16, regions[i][0]);
		links_put64(l.file + 88 + i * 16, regions[i][1]);
	}
	links_put64(l.file + 512, 0xcafecafe);
	links_put64(l.file + 520, 1);
	links_put64(l.file + gd * SECTOR_BYTES + (tables - 1) * 8, 1ull << 60);
	links_put64(l.file + gts * SECTOR_BYTES + (grains - 1) % 4096 * 8, 3ull << 60);
	links_fill(l.file + data * SECTOR_BYTES, 3, 5);
	disks_put(&l.t, DIR "/h.vmdk-x", l.file, (data + 8) * SECTOR_BYTES);
	links_descriptor(&l, DIR "/h.vmdk", LINK_SESPARSE, 1, 0, NULL);
	d = disks_open(&l.t, DIR "/h.vmdk", VMDK_READ);
	CU_ASSERT_EQUAL(vmdk_bytes(d), 62 * TIB);
	CU_ASSERT_EQUAL(vmdk_read(d, 62 * TIB - 2 * GRAIN_4K, buf, sizeof(buf)), ST_OK);
	CU_ASSERT_EQUAL(memcmp(buf + GRAIN_4K, l.file + data * SECTOR_BYTES, GRAIN_4K), 0);
	CU_ASSERT_EQUAL(buf[0], 0);
	CU_ASSERT_EQUAL(vmdk_map(d, 62 * TIB - GRAIN_4K, &run), ST_OK);
	CU_ASSERT_EQUAL(run.where, data * SECTOR_BYTES);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	CU_ASSERT_EQUAL(vmdk_check(l.t.s, DIR "/h.vmdk", 0, NULL, NULL, &result, &l.t.why), ST_OK);
	CU_ASSERT_EQUAL(result.corruptions, 0);
	l.sectors = 2048;
	links_end(&l);
}

/* ---- without memory, with faults ------------------------------------------------------------- */

static enum status use_once(struct links *l)
{
	struct vmdk_disk *d;
	struct vmdk_run run;
	enum status st = vmdk_open(l->t.s, l->path, VMDK_READ, &d, &l->t.why), one;

	if (st != ST_OK)
		return st;
	memset(l->file, 0xdd, l->sectors * SECTOR_BYTES);
	st = vmdk_read(d, 0, l->file, l->sectors * SECTOR_BYTES);
	if (st == ST_OK) {
		CU_ASSERT_EQUAL(memcmp(l->file, l->model, l->sectors * SECTOR_BYTES), 0);
	}
	one = vmdk_map(d, 0, &run);
	if (st == ST_OK)
		st = one;
	one = vmdk_close(d);
	return st == ST_OK ? one : st;
}

static void test_no_memory(void)
{
	struct links l;
	uint64_t live;

	links_begin(&l, SMALL_SECTORS);
	make_mix(&l, 2, 30);
	live = disks_live(&l.t);
	for (uint64_t n = 1; ; n++) {
		enum status st;

		l.t.why = (struct why){ 0 };
		sim_fail_alloc(n);
		st = use_once(&l);
		if (!sim_alloc_failed()) {
			sim_fail_alloc(0);
			CU_ASSERT_EQUAL(st, ST_OK);
			CU_ASSERT(n > 20);
			break;
		}
		sim_fail_alloc(0);
		CU_ASSERT(st == ST_OK || st == ST_NOMEM);
		CU_ASSERT_EQUAL(disks_live(&l.t), live);
	}
	links_end(&l);
}

static void test_device_fails(void)
{
	struct links l;
	uint64_t live;

	links_begin(&l, SMALL_SECTORS);
	make_mix(&l, 2, 30);
	live = disks_live(&l.t);
	for (uint64_t n = 1; ; n += 1 + n / 8) {
		enum status st;

		sim_fail_io(PORT_READ, n, ST_DEVICE);
		st = use_once(&l);
		if (!sim_io_failed()) {
			sim_fail_io(PORT_READ, 0, ST_OK);
			CU_ASSERT_EQUAL(st, ST_OK);
			break;
		}
		sim_fail_io(PORT_READ, 0, ST_OK);
		CU_ASSERT(st == ST_DEVICE || st == ST_OK);	/* OK: a window made ahead */
		CU_ASSERT_EQUAL(disks_live(&l.t), live);
	}
	links_end(&l);
}

/* ---- parents --------------------------------------------------------------------------------- */

static enum status opens(struct links *l, const char *path, unsigned flags)
{
	struct vmdk_disk *d;
	enum status st;

	l->t.why = (struct why){ 0 };
	st = vmdk_open(l->t.s, path, VMDK_READ | flags, &d, &l->t.why);
	if (st != ST_OK) {
		CU_ASSERT(l->t.why.text[0]);
		return st;
	}
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	return ST_OK;
}

static void test_depth(void)
{
	struct links l;

	links_begin(&l, 2048);
	for (int i = 0; i < 33; i++) {
		links_draw(&l, 3, 0);
		links_add(&l, i ? LINK_COWD : LINK_FLAT);
	}
	CU_ASSERT_EQUAL(opens(&l, DIR "/l31.vmdk", 0), ST_OK);
	CU_ASSERT_EQUAL(opens(&l, DIR "/l32.vmdk", 0), ST_LIMIT);
	links_end(&l);
}

static void test_wrong_parents(void)
{
	struct links l;

	links_begin(&l, 2048);
	make_mix(&l, 2, 4);
	/* Another content id: both are told. */
	links_descriptor(&l, DIR "/l3.vmdk", LINK_COWD, 103, 0xabcd, "l2.vmdk");
	CU_ASSERT_EQUAL(opens(&l, l.path, 0), ST_REFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.t.why.text, "0000abcd"));
	CU_ASSERT_PTR_NOT_NULL(strstr(l.t.why.text, "00000066"));
	CU_ASSERT_EQUAL(opens(&l, l.path, VMDK_IGNORE_CID), ST_OK);
	/* Missing; and found beside the child for a hint that leads elsewhere. */
	links_descriptor(&l, DIR "/l3.vmdk", LINK_COWD, 103, 102, "none.vmdk");
	CU_ASSERT_EQUAL(opens(&l, l.path, 0), ST_NOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.t.why.text, "none.vmdk"));
	links_descriptor(&l, DIR "/l3.vmdk", LINK_COWD, 103, 102, "C:\\other\\l2.vmdk");
	CU_ASSERT_EQUAL(opens(&l, l.path, 0), ST_OK);
	links_descriptor(&l, DIR "/l3.vmdk", LINK_COWD, 103, 102,
			 "/vmfs/volumes/5c0d-99/vm/l2.vmdk");
	CU_ASSERT_EQUAL(opens(&l, l.path, 0), ST_OK);
	/* A ring of links that all fit each other. */
	links_descriptor(&l, DIR "/l3.vmdk", LINK_COWD, 103, 104, "l4.vmdk");
	CU_ASSERT_EQUAL(opens(&l, l.path, 0), ST_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.t.why.text, "ring"));
	/* Itself, which is not its parent even when the id fits. */
	links_descriptor(&l, DIR "/l3.vmdk", LINK_COWD, 103, 103, "l3.vmdk");
	CU_ASSERT_EQUAL(opens(&l, l.path, 0), ST_NOENT);
	/* No hint; another size; a flat extent that claims a parent. */
	links_descriptor(&l, DIR "/l3.vmdk", LINK_COWD, 103, 102, "");
	CU_ASSERT_EQUAL(opens(&l, l.path, 0), ST_CORRUPT);
	l.sectors = 1024;
	links_descriptor(&l, DIR "/l3.vmdk", LINK_COWD, 103, 102, "l2.vmdk");
	CU_ASSERT_EQUAL(opens(&l, l.path, 0), ST_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.t.why.text, "capacity"));
	l.sectors = 2048;
	links_descriptor(&l, DIR "/l3.vmdk", LINK_FLAT, 103, 102, "l2.vmdk");
	disks_put(&l.t, DIR "/l3.vmdk-x", l.file, 2048 * SECTOR_BYTES);
	CU_ASSERT_EQUAL(opens(&l, l.path, 0), ST_UNSUPPORTED);
	links_end(&l);
}

struct elsewhere { struct store_names names; struct store *store; int asked; };

static enum status find_elsewhere(struct store_names *names, const char *name, struct store **s,
				  char *path, size_t size)
{
	struct elsewhere *e = container_of(names, struct elsewhere, names);

	e->asked++;
	if (strncmp(name, "/vmfs/volumes/ds2/", 18) != 0)
		return ST_NOENT;
	*s = e->store;
	snprintf(path, size, "/%s", name + 18);
	return ST_OK;
}

/* A linked clone: its parent lies on another volume, which somebody else knows. */
static void test_other_volume(void)
{
	struct elsewhere e = { .names.find = find_elsewhere };
	struct links l;

	links_begin(&l, 2048);
	make_mix(&l, 2, 4);
	if (l.t.s->ops->mkdir(l.t.s, "/e", 0700, NULL) != ST_OK)
		CU_FAIL_FATAL("mkdir");
	CU_ASSERT_EQUAL_FATAL(hostfs_open(DIR, &e.store, &l.t.why), ST_OK);
	CU_ASSERT_EQUAL(l.t.s->ops->rename(l.t.s, l.path, "/e/c.vmdk", 0, NULL), ST_OK);
	CU_ASSERT_EQUAL(l.t.s->ops->rename(l.t.s, DIR "/l4.vmdk-x", "/e/c.vmdk-x", 0, NULL), ST_OK);
	links_descriptor(&l, "/e/c.vmdk", LINK_SESPARSE, 104, 103, "/vmfs/volumes/ds2/l3.vmdk");
	CU_ASSERT_EQUAL(opens(&l, "/e/c.vmdk", 0), ST_NOENT);
	l.t.s->names = &e.names;
	CU_ASSERT(disks_equal(&l.t, "/e/c.vmdk", VMDK_READ, l.model, l.sectors * SECTOR_BYTES));
	CU_ASSERT(e.asked > 0);
	l.t.s->names = NULL;
	CU_ASSERT_EQUAL(e.store->ops->close(e.store), ST_OK);
	CU_ASSERT_EQUAL(l.t.s->ops->remove(l.t.s, "/e/c.vmdk", NULL), ST_OK);
	CU_ASSERT_EQUAL(l.t.s->ops->remove(l.t.s, "/e/c.vmdk-x", NULL), ST_OK);
	CU_ASSERT_EQUAL(l.t.s->ops->remove(l.t.s, "/e", NULL), ST_OK);
	links_end(&l);
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* Change bytes of the leaf's extent; the grain of byte `bad` must not be read, another must, and
 * the check must find so many. */
static void damage(struct links *l, uint64_t at, uint64_t value, unsigned bytes, uint64_t bad,
		   uint32_t corruptions)
{
	struct vmdk_check_result result;
	uint8_t good[8], now[8], buf[SECTOR_BYTES];
	struct vmdk_disk *d;
	char extent[80];

	snprintf(extent, sizeof(extent), "%s-x", l->path);
	CU_ASSERT_EQUAL(sim_disk_peek(extent, at, good, bytes), ST_OK);
	links_put64(now, value);
	CU_ASSERT_EQUAL(sim_disk_poke(extent, at, now, bytes), ST_OK);
	d = disks_open(&l->t, l->path, VMDK_READ);
	if (bad != ~0ull) {
		struct vmdk_run run;

		CU_ASSERT_EQUAL(vmdk_read(d, bad, buf, sizeof(buf)), ST_CORRUPT);
		CU_ASSERT_EQUAL(vmdk_map(d, bad, &run), ST_OK);
		CU_ASSERT(run.present && !run.zero && run.where == ~0ull);
		/* A grain of another table is not touched by that. */
		CU_ASSERT_EQUAL(vmdk_read(d, 4096ull * GRAIN_4K, buf, sizeof(buf)), ST_OK);
		CU_ASSERT_EQUAL(memcmp(buf, l->model + 4096ull * GRAIN_4K, sizeof(buf)), 0);
	}
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	CU_ASSERT_EQUAL(vmdk_check(l->t.s, l->path, 0, NULL, NULL, &result, &l->t.why), ST_OK);
	if (result.corruptions != corruptions)
		printf("\nat %llu: %u corruptions\n", (unsigned long long)at, result.corruptions);
	CU_ASSERT_EQUAL(result.corruptions, corruptions);
	CU_ASSERT_EQUAL(sim_disk_poke(extent, at, good, bytes), ST_OK);
}

/* The leaf has grains 0 and 1 of the first table, and grain 4096 * 8 / 8 of a later one. */
static void make_damageable(struct links *l, enum link_kind kind)
{
	links_begin(l, SMALL_SECTORS);
	links_add(l, LINK_FLAT);
	l->what[0] = l->what[1] = l->what[4096] = G_DATA;
	links_add(l, kind);
}

static void test_cowd_damage(void)
{
	struct links l;
	const uint64_t gd = 4 * SECTOR_BYTES, table = 5 * SECTOR_BYTES;

	make_damageable(&l, LINK_COWD);
	damage(&l, gd, 1, 4, 0, 1);			/* a table in the header */
	damage(&l, gd, 0x7fffffff, 4, 0, 1);		/* past the end */
	damage(&l, table, 1, 4, 0, 1);			/* grains there */
	damage(&l, table, 0xffffffff, 4, 0, 1);
	damage(&l, table + 4, 37, 4, ~0ull, 1);		/* the place of sector 0 */
	damage(&l, table + 4, 6, 4, ~0ull, 1);		/* inside of its own table */
	damage(&l, 28, 40, 4, ~0ull, 24 - 3 + 1);	/* the mark: sectors and a table past it */
	links_end(&l);
}

static void test_sesparse_damage(void)
{
	struct links l;
	const uint64_t gd = 8 * SECTOR_BYTES, table = 9 * SECTOR_BYTES, type = 1ull << 60;

	make_damageable(&l, LINK_SESPARSE);
	damage(&l, gd, 2 * type, 8, 0, 1);
	damage(&l, gd, type | 1ull << 33, 8, 0, 1);
	damage(&l, gd, type | 9, 8, 0, 1);		/* past the region */
	damage(&l, gd, type | 1, 8, ~0ull, 1);		/* the table of another range */
	damage(&l, table, 4 * type, 8, 0, 1);
	damage(&l, table, 5, 8, 0, 1);			/* no type, not empty */
	damage(&l, table, 3 * type | 0xffff, 8, 0, 1);	/* a slot past the region */
	damage(&l, table, 3 * type | 100ull << 48, 8, 0, 1);	/* past the end of the file */
	damage(&l, table, 3 * type | 1ull << 48, 8, ~0ull, 1);	/* shared */
	damage(&l, table, type | 1ull << 48, 8, ~0ull, 1);	/* unmapped, and shared */
	damage(&l, table, type, 8, ~0ull, 0);		/* unmapped without a slot */
	damage(&l, 520, 1, 8, ~0ull, 1);		/* a table past the mark */
	links_end(&l);
}

/* Not closed cleanly: believed when its tables agree with themselves. */
static void test_dirty(void)
{
	struct links l;
	struct vmdk_disk *d;
	struct vmdk_info info;
	char extent[80];
	uint8_t one[8] = { 1 }, bad[8] = { 0, 0, 0, 0, 0, 0, 0, 0x70 };

	make_damageable(&l, LINK_SESPARSE);
	snprintf(extent, sizeof(extent), "%s-x", l.path);
	CU_ASSERT_EQUAL(sim_disk_poke(extent, 536, one, 8), ST_OK);
	d = disks_open(&l.t, l.path, VMDK_READ);
	CU_ASSERT_EQUAL(vmdk_info(d, &info), ST_OK);
	CU_ASSERT_EQUAL(info.dirty, 1);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	CU_ASSERT_EQUAL(sim_disk_poke(extent, 9 * SECTOR_BYTES, bad, 8), ST_OK);
	CU_ASSERT_EQUAL(opens(&l, l.path, 0), ST_CORRUPT);
	links_end(&l);
}

/* Each byte of both headers, changed in four ways: opened and read, or refused with a reason. */
static void test_header_bytes(void)
{
	for (int kind = LINK_COWD; kind <= LINK_SESPARSE; kind++) {
		struct links l;
		size_t bytes = kind == LINK_COWD ? 48 : 552;
		uint8_t good[600];
		char extent[80];

		make_damageable(&l, (enum link_kind)kind);
		snprintf(extent, sizeof(extent), "%s-x", l.path);
		CU_ASSERT_EQUAL(sim_disk_peek(extent, 0, good, bytes), ST_OK);
		for (size_t at = 0; at < bytes; at++)
			for (int how = 0; how < 4; how++) {
				uint8_t b = how == 0 ? 0 : how == 1 ? 0xff :
					    good[at] ^ (how == 2 ? 1 : 0x80);
				struct vmdk_disk *d;

				CU_ASSERT_EQUAL(sim_disk_poke(extent, at, &b, 1), ST_OK);
				l.t.why = (struct why){ 0 };
				if (vmdk_open(l.t.s, l.path, VMDK_READ, &d, &l.t.why) == ST_OK) {
					(void)!vmdk_read(d, 0, l.file, MIB);
					CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
				} else {
					CU_ASSERT(l.t.why.text[0]);
				}
				CU_ASSERT_EQUAL(sim_disk_poke(extent, at, &good[at], 1), ST_OK);
			}
		links_end(&l);
	}
}

static const struct cu_case cases[] = {
	{ "mixes against a model", test_reads },
	{ "never written to", test_read_only },
	{ "62 TiB", test_huge },
	{ "without memory", test_no_memory },
	{ "a device that fails", test_device_fails },
	{ "32 links and no more", test_depth },
	{ "parents that are not", test_wrong_parents },
	{ "a parent on another volume", test_other_volume },
	{ "damaged COWD", test_cowd_damage },
	{ "damaged SESparse", test_sesparse_damage },
	{ "not closed cleanly", test_dirty },
	{ "header bytes", test_header_bytes },
};
CU_MAIN("vmdk/chain", cases)
