/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The journal: a power cut after every single device write of a scenario. After recovery the
 * checker finds nothing, what was synced is there, and each operation has happened whole or not
 * at all. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/vmfs_priv.h"

#define VOLUME_BYTES	(320 * MIB)

struct scenario {
	const char	*name;
	void		(*before)(struct vol *v);	/* synced before the machine may stop */
	enum status	(*run)(struct vol *v);		/* ends early once it has */
	void (*after)(struct vol *v, enum status ran);	/* what must hold after recovery */
};

static int exists(struct vol *v, const char *path)
{
	struct store_stat st;

	return v->s->ops->stat(v->s, path, &st, NULL) == ST_OK;
}

static enum status make(struct vol *v, const char *path, const char *text)
{
	struct store_file *f;
	enum status st = v->s->ops->create(v->s, path, 0644, &f, NULL), end;

	if (st != ST_OK)
		return st;
	st = store_write(f, 0, text, strlen(text));
	end = v->s->ops->file_close(f);
	return st == ST_OK ? end : st;
}

static void has_text(struct vol *v, const char *path, const char *text)
{
	char *got = NULL;
	uint64_t n = 0;

	CU_ASSERT_EQUAL_FATAL(store_read_all(v->s, path, MIB, &got, &n, NULL), ST_OK);
	CU_ASSERT_STRING_EQUAL(got, text);
	port_free(got);
}

/* ---- scenarios ------------------------------------------------------------------------------- */

static void before_names(struct vol *v)
{
	CU_ASSERT_EQUAL(make(v, "/keep", "kept"), ST_OK);
	CU_ASSERT_EQUAL(make(v, "/old", "new text"), ST_OK);
	CU_ASSERT_EQUAL(make(v, "/target", "old text"), ST_OK);
	CU_ASSERT_EQUAL(v->s->ops->mkdir(v->s, "/d", 0755, NULL), ST_OK);
}

static enum status run_names(struct vol *v)
{
	enum status st = v->s->ops->rename(v->s, "/old", "/target", 1, NULL);

	if (st == ST_OK)
		st = v->s->ops->mkdir(v->s, "/d/e", 0755, NULL);
	if (st == ST_OK)
		st = make(v, "/d/e/f", "deep");
	if (st == ST_OK)
		st = v->s->ops->sync(v->s);
	if (st == ST_OK)
		st = v->s->ops->rename(v->s, "/d/e", "/e", 0, NULL);
	if (st == ST_OK)
		st = v->s->ops->remove(v->s, "/d", NULL);
	return st == ST_OK ? v->s->ops->sync(v->s) : st;
}

static void after_names(struct vol *v, enum status ran)
{
	int moved = !exists(v, "/old");

	has_text(v, "/keep", "kept");
	has_text(v, "/target", moved ? "new text" : "old text");
	CU_ASSERT(exists(v, "/d/e/f") + exists(v, "/e/f") <= 1);
	if (ran == ST_OK) {
		CU_ASSERT(moved);
		has_text(v, "/e/f", "deep");
		CU_ASSERT(!exists(v, "/d"));
	}
}

static void before_growth(struct vol *v) { CU_ASSERT_EQUAL(make(v, "/f", "small"), ST_OK); }

/* Resident, sub-block, file blocks, pointer block. */
static enum status run_growth(struct vol *v)
{
	static const uint64_t at[] = { 2000, 20000, 3 * MIB, 257 * MIB };
	struct store_file *f;
	enum status st = v->s->ops->open(v->s, "/f", STORE_WRITE, &f, NULL), end;

	if (st != ST_OK)
		return st;
	for (uint32_t i = 0; i < ARRAY_COUNT(at) && st == ST_OK; i++) {
		st = store_write(f, at[i], "mark", 4);
		if (st == ST_OK)
			st = store_flush(f);
	}
	if (st == ST_OK)
		st = v->s->ops->file_resize(f, 20004);
	if (st == ST_OK)
		st = store_flush(f);
	end = v->s->ops->file_close(f);
	return st == ST_OK ? end : st;
}

static void after_growth(struct vol *v, enum status ran)
{
	struct store_file *f = vol_open(v, "/f", STORE_READ);
	struct store_stat st;
	char buf[8] = { 0 };

	CU_ASSERT_EQUAL(store_read(f, 0, buf, 5), ST_OK);
	CU_ASSERT_STRING_EQUAL(buf, "small");
	CU_ASSERT_EQUAL(v->s->ops->file_stat(f, &st), ST_OK);
	if (st.size_bytes >= 20004 && ran == ST_OK) {
		CU_ASSERT_EQUAL(store_read(f, 20000, buf, 4), ST_OK);
		CU_ASSERT(!memcmp(buf, "mark", 4));
		CU_ASSERT_EQUAL(st.size_bytes, 20004);
	}
	vol_close(v, f);
}

static void before_big(struct vol *v)
{
	struct store_file *f = vol_create(v, "/big");

	CU_ASSERT_EQUAL(v->s->ops->file_resize(f, 600 * GIB), ST_OK);
	for (uint64_t i = 0; i < 25; i++)
		CU_ASSERT_EQUAL(store_write(f, i * 15 * GIB, "x", 1), ST_OK);
	vol_close(v, f);
}

/* More than one operation frees it, here each a group of its own: an orphan in between. */
static enum status run_big(struct vol *v)
{
	enum status st;

	v->volume->meta.sectors_max = MAP_TRIM_NEED;
	st = v->s->ops->remove(v->s, "/big", NULL);

	return st == ST_OK ? v->s->ops->sync(v->s) : st;
}

static void after_big(struct vol *v, enum status ran)
{
	if (ran == ST_OK)
		CU_ASSERT(!exists(v, "/big"));
	if (v->s->writable && exists(v, "/big"))
		CU_ASSERT_EQUAL(vol_remove(v, "/big"), ST_OK);
}

static void before_allocate(struct vol *v) { CU_ASSERT_EQUAL(make(v, "/t", "t"), ST_OK); }

static enum status run_allocate(struct vol *v)
{
	struct store_file *f;
	enum status st = v->s->ops->open(v->s, "/t", STORE_WRITE, &f, NULL), end;

	if (st != ST_OK)
		return st;
	st = v->s->ops->file_allocate(f, 0, 20 * MIB, STORE_ALLOC_LAZY);
	if (st == ST_OK)
		st = store_write(f, 5 * MIB, "five", 4);
	if (st == ST_OK)
		st = store_flush(f);
	if (st == ST_OK)
		st = vol_io(f, PORT_UNMAP, 7 * MIB, 6 * MIB);
	if (st == ST_OK)
		st = v->s->ops->file_allocate(f, 0, 30 * MIB, STORE_ALLOC_EAGER);
	if (st == ST_OK)
		st = store_flush(f);
	end = v->s->ops->file_close(f);
	return st == ST_OK ? end : st;
}

static void after_allocate(struct vol *v, enum status ran)
{
	struct store_file *f = vol_open(v, "/t", STORE_READ);
	char buf[4];

	if (ran == ST_OK) {
		CU_ASSERT_EQUAL(store_read(f, 5 * MIB, buf, 4), ST_OK);
		CU_ASSERT(!memcmp(buf, "five", 4));
	}
	vol_close(v, f);
}

static void before_many(struct vol *v)
{
	CU_ASSERT_EQUAL(v->s->ops->mkdir(v->s, "/m", 0755, NULL), ST_OK);
}

static enum status run_many(struct vol *v)
{
	enum status st = ST_OK;
	char path[32];

	for (int i = 0; i < 30 && st == ST_OK; i++) {
		snprintf(path, sizeof(path), "/m/%d", i);
		st = make(v, path, "some text that fits");
		if (st == ST_OK && i % 3 == 2) {
			snprintf(path, sizeof(path), "/m/%d", i - 2);
			st = v->s->ops->remove(v->s, path, NULL);
		}
		if (st == ST_OK && i % 10 == 9)
			st = v->s->ops->sync(v->s);
	}
	return st;
}

static void after_many(struct vol *v, enum status ran)
{
	if (ran == ST_OK)
		has_text(v, "/m/29", "some text that fits");
}

static const struct scenario scenarios[] = {
	{ "names", before_names, run_names, after_names },
	{ "growth", before_growth, run_growth, after_growth },
	{ "big unlink", before_big, run_big, after_big },
	{ "allocate", before_allocate, run_allocate, after_allocate },
	{ "many", before_many, run_many, after_many },
};

/* ---- the sweep ------------------------------------------------------------------------------- */

static void abandon(struct vol *v)
{
	(void)!vol_unmount(v);	/* the machine has stopped: it fails, and frees the memory */
}

/* One run that stops after n writes, unmount included. 0: it was not stopped any more. */
static int run_stopped(const struct scenario *sc, uint64_t n, uint64_t seed, int drop)
{
	struct vol v;
	enum status st;
	int stopped;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	sc->before(&v);
	CU_ASSERT_EQUAL(v.s->ops->sync(v.s), ST_OK);
	sim_stop_after_writes(n);
	st = sc->run(&v);
	abandon(&v);
	stopped = sim_has_stopped();
	sim_crash(seed, drop);
	sim_stop_after_writes(UINT64_MAX);

	/* A reader sees what a recovery would leave, and does not recover. */
	vol_mount(&v, 0);
	sc->after(&v, st);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	vol_mount(&v, 1);
	sc->after(&v, st);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	if (vol_finding_count())
		fprintf(stderr, "%s: the checker finds something after %llu writes, drop %d\n",
			sc->name, (unsigned long long)n, drop);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
	return stopped;
}

static void sweep(int drop)
{
	for (size_t i = 0; i < ARRAY_COUNT(scenarios); i++)
		for (uint64_t n = 0; run_stopped(&scenarios[i], n, n, drop); n++)
			CU_ASSERT_FATAL(n < 2000);
}

static void test_power_cut_after_every_write(void) { sweep(0); }
static void test_power_cut_that_loses_unflushed_writes(void) { sweep(1); }

/* A cut during recovery, at every write of it: the next recovery ends the same way. */
static void test_power_cut_during_recovery(void)
{
	for (uint64_t cut = 0;; cut++) {
		struct vol v;
		enum status st;
		int stopped;

		vol_format(VOLUME_BYTES);
		vol_mount(&v, 1);
		before_big(&v);
		CU_ASSERT_EQUAL(v.s->ops->sync(v.s), ST_OK);
		sim_stop_after_writes(25);	/* some of its pointer blocks are freed */
		(void)!run_big(&v);
		abandon(&v);
		sim_crash(cut, 1);
		sim_stop_after_writes(cut);
		st = vol_try_mount(&v, 1);
		if (st == ST_OK)
			abandon(&v);
		stopped = sim_has_stopped();
		sim_crash(cut + 1, 1);
		sim_stop_after_writes(UINT64_MAX);
		vol_mount(&v, 1);
		CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
		CU_ASSERT_EQUAL(vol_finding_count(), 0);
		if (!stopped)
			break;
		CU_ASSERT_FATAL(cut < 500);
	}
}

static const struct cu_case cases[] = {
	{ "power cut after every write", test_power_cut_after_every_write },
	{ "power cut that loses unflushed writes", test_power_cut_that_loses_unflushed_writes },
	{ "power cut during recovery", test_power_cut_during_recovery },
};
CU_MAIN("vmfs/journal", cases)
