/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Two writers on one volume: what one holds the other waits for or is told of, and what one has
 * changed the other does not miss. */
#include "tests/unit/vmfs/vol.h"

#include "vmfs/vmfs_priv.h"

#define VOLUME_BYTES (4 * GIB)

static struct vol a, b;

static void begin(uint32_t version)
{
	vol_format_as(version, VOLUME_BYTES);
	vol_mount(&a, 1);
	vol_mount(&b, 1);
}

static void end(void)
{
	CU_ASSERT_EQUAL(vol_unmount(&a), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&b), ST_OK);
}

static enum status try_open(struct vol *v, const char *path, unsigned flags,
			    struct store_file **f)
{
	v->why.text[0] = 0;
	return v->s->ops->open(v->s, path, flags, f, &v->why);
}

static void make(struct vol *v, const char *path)
{
	vol_close(v, vol_create(v, path));
}

static enum status stat_of(struct vol *v, const char *path)
{
	struct store_stat st;

	return v->s->ops->stat(v->s, path, &st, &v->why);
}

/* ---- who may open ---------------------------------------------------------------------------- */

static void test_a_writer_locks_everybody_out(void)
{
	struct store_file *f, *g = NULL;

	begin(5);
	f = vol_create(&a, "/f");
	CU_ASSERT_EQUAL(a.s->ops->sync(a.s), ST_OK);
	CU_ASSERT_EQUAL(try_open(&b, "/f", STORE_WRITE, &g), ST_BUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(b.why.text, "locked by host"));
	CU_ASSERT_EQUAL(try_open(&b, "/f", STORE_READ, &g), ST_BUSY);
	CU_ASSERT_EQUAL(vol_remove(&b, "/f"), ST_BUSY);
	/* Here it is no other host's doing. */
	CU_ASSERT_EQUAL(try_open(&a, "/f", STORE_WRITE, &g), ST_BUSY);
	CU_ASSERT_PTR_NULL(strstr(a.why.text, "locked by host"));
	CU_ASSERT_PTR_NULL(strstr(a.why.text, "changing"));
	CU_ASSERT(a.why.text[0] != 0);
	vol_close(&a, f);
	CU_ASSERT_EQUAL(try_open(&b, "/f", STORE_WRITE, &g), ST_OK);
	vol_close(&b, g);
	end();
}

static void test_readers_share(void)
{
	struct store_file *f, *g;

	begin(5);
	make(&a, "/f");
	f = vol_open(&a, "/f", STORE_READ);
	g = vol_open(&b, "/f", STORE_READ);
	vol_close(&a, f);
	CU_ASSERT_EQUAL(try_open(&a, "/f", STORE_WRITE, &f), ST_BUSY);
	vol_close(&b, g);
	CU_ASSERT_EQUAL(try_open(&a, "/f", STORE_WRITE, &f), ST_OK);
	vol_close(&a, f);
	end();
}

/* ---- what is seen ---------------------------------------------------------------------------- */

/* Every change of one is acknowledged before the other looks, who has all of it cached. */
static void test_no_change_is_missed(void)
{
	char name[16];

	begin(5);
	CU_ASSERT_EQUAL(a.s->ops->mkdir(a.s, "/d", 0755, &a.why), ST_OK);
	for (uint32_t i = 0; i < 200; i++) {
		struct vol *one = i % 2 ? &a : &b, *other = i % 2 ? &b : &a;

		fmt(name, sizeof(name), "/d/%u", i);
		CU_ASSERT_EQUAL(stat_of(other, name), ST_NOENT);
		make(one, name);
		CU_ASSERT_EQUAL(stat_of(other, name), ST_OK);
		if (i % 3)
			continue;
		CU_ASSERT_EQUAL(vol_remove(other, name), ST_OK);
		CU_ASSERT_EQUAL(stat_of(one, name), ST_NOENT);
	}
	CU_ASSERT_EQUAL(vol_remove(&a, "/d"), ST_NOTEMPTY);
	end();
	vol_mount(&a, 1);
	CU_ASSERT_EQUAL(stat_of(&a, "/d/199"), ST_OK);
	CU_ASSERT_EQUAL(stat_of(&a, "/d/198"), ST_NOENT);
	CU_ASSERT_EQUAL(vol_unmount(&a), ST_OK);
}

/* The token of a descriptor goes on where its last owner left it. */
static void test_tokens_never_go_back(void)
{
	struct vmfs_file_meta m;
	uint64_t token = 0;

	begin(5);
	for (uint32_t i = 0; i < 20; i++) {
		struct vol *v = i % 2 ? &a : &b;

		make(v, "/f");
		CU_ASSERT_EQUAL(v->s->ops->sync(v->s), ST_OK);
		CU_ASSERT_EQUAL(vmfs_file_meta(v->volume, "/f", &m, &v->why), ST_OK);
		CU_ASSERT_EQUAL(m.lock_mode, VMFS_LOCK_FREE);
		token = m.lock_token;
		CU_ASSERT_EQUAL(vol_remove(i % 3 ? &a : &b, "/f"), ST_OK);
		CU_ASSERT_EQUAL(a.s->ops->sync(a.s), ST_OK);
		CU_ASSERT_EQUAL(b.s->ops->sync(b.s), ST_OK);
	}
	CU_ASSERT(token >= 20);
	end();
}

/* A resource file that one makes longer: the other finds what lies in the new part, and does not
 * make it longer from what it was. */
static void test_files_grow_under_others(void)
{
	struct vmfs_layout *l;
	uint64_t fds;
	char name[16];

	begin(6);
	l = &a.volume->layout;
	fds = l->geom[VMFS_RES_FD].count;
	for (uint32_t i = 0; l->geom[VMFS_RES_FD].count == fds && i < 20000; i++) {
		fmt(name, sizeof(name), "/%u", i);
		make(&a, name);
	}
	CU_ASSERT(l->geom[VMFS_RES_FD].count > fds);
	CU_ASSERT_EQUAL(b.volume->layout.geom[VMFS_RES_FD].count, fds);
	CU_ASSERT_EQUAL(stat_of(&b, name), ST_OK);
	make(&b, "/of-b");
	CU_ASSERT_EQUAL(b.volume->layout.geom[VMFS_RES_FD].count, l->geom[VMFS_RES_FD].count);
	CU_ASSERT_EQUAL(stat_of(&a, "/of-b"), ST_OK);
	end();
}

/* ---- when it fails --------------------------------------------------------------------------- */

/* The n-th allocation of an open fails: no lock stays behind that keeps the other out. */
static void test_failed_open_leaves_no_lock(void)
{
	for (uint64_t n = 1; n < 100; n++) {
		struct store_file *f = NULL, *g = NULL;
		enum status st;

		begin(5);
		make(&a, "/f");
		CU_ASSERT_EQUAL(a.s->ops->sync(a.s), ST_OK);
		sim_fail_alloc(n);
		st = try_open(&a, "/f", STORE_WRITE, &f);
		sim_fail_alloc(0);
		CU_ASSERT(st == ST_OK || st == ST_NOMEM);
		if (st == ST_OK)
			vol_close(&a, f);
		CU_ASSERT_EQUAL(a.s->ops->sync(a.s), ST_OK);
		CU_ASSERT_EQUAL(try_open(&b, "/f", STORE_WRITE, &g), ST_OK);
		if (g)
			vol_close(&b, g);
		end();
		if (!sim_alloc_failed())
			break;
	}
}

static const struct cu_case cases[] = {
	{ "a writer locks everybody out", test_a_writer_locks_everybody_out },
	{ "readers share", test_readers_share },
	{ "no change is missed", test_no_change_is_missed },
	{ "tokens never go back", test_tokens_never_go_back },
	{ "files grow under others", test_files_grow_under_others },
	{ "a failed open leaves no lock", test_failed_open_leaves_no_lock },
};

CU_MAIN("vmfs/lock", cases)
