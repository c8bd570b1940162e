/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* parent - where a parent is looked for, in which order, and what proves that it is the one. */
#include "tests/unit/vmdk/disks.h"
#include "vmdk/vmdk_priv.h"

#define WANTED	0x600dc1du

static void make_dir(struct disks *t, const char *path)
{
	CU_ASSERT_EQUAL_FATAL(t->s->ops->mkdir(t->s, path, 0700, NULL), ST_OK);
}

/* A descriptor with this content id; hint NULL: a base. */
static void put_disk(struct disks *t, const char *path, uint32_t cid, const char *hint)
{
	char text[900];
	int n = snprintf(text, sizeof(text),
			 "version=1\nCID=%08x\nparentCID=%08x\ncreateType=\"vmfs\"\n%s%s%s\n"
			 "RW 4 VMFS \"x-flat.vmdk\"\n", cid, hint ? WANTED : 0xffffffffu,
			 hint ? "parentFileNameHint=\"" : "", hint ? hint : "", hint ? "\"" : "");

	disks_put(t, path, text, (size_t)n);
}

/* What is found for the child at DIR/vm/c.vmdk with this hint; NULL: nothing. */
static enum status find(struct disks *t, const char *hint, unsigned flags, const char *want)
{
	struct vmdk_disk *child, *parent = NULL;
	enum status st;

	put_disk(t, DIR "/vm/c.vmdk", 7, hint);
	t->why = (struct why){ 0 };
	CU_ASSERT_EQUAL_FATAL(disk_load(t->s, DIR "/vm/c.vmdk", &child, &t->why), ST_OK);
	st = parent_find(child, flags, &parent, &t->why);
	CU_ASSERT_EQUAL(st == ST_OK, parent != NULL);
	CU_ASSERT_EQUAL(st == ST_OK, want != NULL);
	CU_ASSERT(st == ST_OK || t->why.text[0]);
	if (parent && want && strcmp(parent->path, want))
		printf("\n%s led to %s\n", hint, parent->path);
	CU_ASSERT(!parent || !want || !strcmp(parent->path, want));
	if (parent)
		CU_ASSERT_EQUAL(vmdk_close(parent), ST_OK);
	CU_ASSERT_EQUAL(vmdk_close(child), ST_OK);
	return st;
}

static void begin(struct disks *t)
{
	disks_begin(t);
	make_dir(t, DIR "/vm");
	make_dir(t, DIR "/base");
}

static void clear_dir(struct disks *t, const char *path)
{
	static const char *const names[] = { "c.vmdk", "b.vmdk", "d.vmdk" };
	char file[100];

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]);
		(void)!t->s->ops->remove(t->s, file, NULL);
	}
}

static void end(struct disks *t)
{
	clear_dir(t, DIR "/vm");
	clear_dir(t, DIR "/base");
	CU_ASSERT_EQUAL(t->s->ops->remove(t->s, DIR "/vm", NULL), ST_OK);
	CU_ASSERT_EQUAL(t->s->ops->remove(t->s, DIR "/base", NULL), ST_OK);
	disks_end(t);
}

/* The hint as written comes first, then its name beside the child, then its directory beside. */
static void test_order(void)
{
	struct disks t;

	begin(&t);
	put_disk(&t, DIR "/base/b.vmdk", WANTED, NULL);
	find(&t, "../base/b.vmdk", 0, DIR "/base/b.vmdk");
	find(&t, "/elsewhere/base/b.vmdk", 0, DIR "/base/b.vmdk");
	find(&t, "/vmfs/volumes/5c0d/base/b.vmdk", 0, DIR "/base/b.vmdk");
	find(&t, "b.vmdk", 0, NULL);
	put_disk(&t, DIR "/vm/b.vmdk", WANTED, NULL);
	find(&t, "../base/b.vmdk", 0, DIR "/base/b.vmdk");
	find(&t, "/elsewhere/base/b.vmdk", 0, DIR "/vm/b.vmdk");
	find(&t, "C:\\old\\base\\b.vmdk", 0, DIR "/vm/b.vmdk");
	find(&t, "b.vmdk", 0, DIR "/vm/b.vmdk");
	end(&t);
}

/* The name says nothing, the id all: a wrong one is passed over for a right one further on. */
static void test_the_id_proves(void)
{
	struct disks t;

	begin(&t);
	put_disk(&t, DIR "/vm/b.vmdk", 0xbad, NULL);
	put_disk(&t, DIR "/base/b.vmdk", WANTED, NULL);
	find(&t, "b.vmdk", 0, NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.why.text, "00000bad"));
	CU_ASSERT_PTR_NOT_NULL(strstr(t.why.text, "0600dc1d"));
	CU_ASSERT_EQUAL(t.why.status, ST_REFUSED);
	find(&t, "/elsewhere/base/b.vmdk", 0, DIR "/base/b.vmdk");
	/* Who ignores ids gets the first. */
	find(&t, "/elsewhere/base/b.vmdk", VMDK_IGNORE_CID, DIR "/vm/b.vmdk");
	/* Both are wrong: the first is told. */
	put_disk(&t, DIR "/base/b.vmdk", 0xbad2, NULL);
	CU_ASSERT_EQUAL(find(&t, "/elsewhere/base/b.vmdk", 0, NULL), ST_REFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.why.text, "00000bad"));
	CU_ASSERT_PTR_NULL(strstr(t.why.text, "0000bad2"));
	end(&t);
}

/* Something that is no disk stands in the way: it is told unless a parent is found behind it. */
static void test_garbage_in_the_way(void)
{
	struct disks t;

	begin(&t);
	disks_put(&t, DIR "/vm/b.vmdk", "\0\1\2", 3);
	CU_ASSERT_NOT_EQUAL(find(&t, "/elsewhere/base/b.vmdk", 0, NULL), ST_NOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.why.text, DIR "/vm/b.vmdk"));
	put_disk(&t, DIR "/base/b.vmdk", WANTED, NULL);
	find(&t, "/elsewhere/base/b.vmdk", 0, DIR "/base/b.vmdk");
	end(&t);
}

/* A child is not its own parent, though its name and id may say so: a clone keeps the name. */
static void test_not_itself(void)
{
	struct disks t;

	begin(&t);
	find(&t, "c.vmdk", VMDK_IGNORE_CID, NULL);
	find(&t, "./c.vmdk", VMDK_IGNORE_CID, NULL);
	find(&t, "../vm/c.vmdk", VMDK_IGNORE_CID, NULL);
	put_disk(&t, DIR "/base/c.vmdk", WANTED, NULL);
	find(&t, "../base/c.vmdk", 0, DIR "/base/c.vmdk");
	find(&t, "/elsewhere/base/c.vmdk", 0, DIR "/base/c.vmdk");
	end(&t);
}

/* Hints that name nothing, lead out of the store, or are longer than any path. */
static void test_hostile_hints(void)
{
	static const char *const hint[] = {
		"../../../../../../etc/passwd", "/", "..", ".", "/vmfs/volumes/", "/vmfs/volumes/x",
		DIR "/vm/", DIR "/vm", "\\", "b.vmdk\\..\\..", "//",
	};
	static char long_hint[700];
	struct disks t;

	begin(&t);
	CU_ASSERT_EQUAL(find(&t, "", 0, NULL), ST_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.why.text, "parentFileNameHint"));
	for (size_t i = 0; i < ARRAY_COUNT(hint); i++)
		find(&t, hint[i], 0, NULL);
	memset(long_hint, 'a', sizeof(long_hint) - 1);
	find(&t, long_hint, 0, NULL);
	for (size_t i = 0; i < sizeof(long_hint) - 1; i += 2)
		long_hint[i] = '/';
	find(&t, long_hint, 0, NULL);
	end(&t);
}

/* ---- stores that know others ----------------------------------------------------------------- */

struct elsewhere { struct store_names names; struct store *store; enum status answer; };

static enum status find_elsewhere(struct store_names *names, const char *name, struct store **s,
				  char *path, size_t size)
{
	struct elsewhere *e = container_of(names, struct elsewhere, names);

	(void)name;
	if (e->answer != ST_OK)
		return e->answer;
	*s = e->store;
	snprintf(path, size, "/b.vmdk");
	return ST_OK;
}

/* Another volume is asked first, for names of volumes only, and its refusal is not the end. */
static void test_other_volumes(void)
{
	struct elsewhere e = { .names.find = find_elsewhere };
	struct disks t;

	begin(&t);
	CU_ASSERT_EQUAL_FATAL(hostfs_open(DIR "/base", &e.store, &t.why), ST_OK);
	t.s->names = &e.names;
	put_disk(&t, DIR "/base/b.vmdk", WANTED, NULL);
	find(&t, "/vmfs/volumes/ds2/x/b.vmdk", 0, "/b.vmdk");
	find(&t, "/x/b.vmdk", 0, NULL);
	put_disk(&t, DIR "/vm/b.vmdk", WANTED, NULL);
	e.answer = ST_DEVICE;
	find(&t, "/vmfs/volumes/ds2/x/b.vmdk", 0, DIR "/vm/b.vmdk");
	/* What that volume has is not the one; what is beside the child is. */
	e.answer = ST_OK;
	put_disk(&t, DIR "/base/b.vmdk", 1, NULL);
	find(&t, "/vmfs/volumes/ds2/x/b.vmdk", 0, DIR "/vm/b.vmdk");
	t.s->names = NULL;
	CU_ASSERT_EQUAL(e.store->ops->close(e.store), ST_OK);
	end(&t);
}

static void test_same(void)
{
	struct vmdk_disk *a, *b, *c;
	struct disks t;

	begin(&t);
	put_disk(&t, DIR "/vm/b.vmdk", 1, NULL);
	put_disk(&t, DIR "/vm/d.vmdk", 1, NULL);
	CU_ASSERT_EQUAL_FATAL(disk_load(t.s, DIR "/vm/b.vmdk", &a, &t.why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(disk_load(t.s, DIR "/vm/b.vmdk", &b, &t.why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(disk_load(t.s, DIR "/vm/d.vmdk", &c, &t.why), ST_OK);
	CU_ASSERT(parent_is_same(a, a));
	CU_ASSERT(parent_is_same(a, b));	/* loaded twice */
	CU_ASSERT(!parent_is_same(a, c));
	CU_ASSERT_EQUAL(t.s->ops->remove(t.s, DIR "/vm/b.vmdk", NULL), ST_OK);
	CU_ASSERT(parent_is_same(a, a));	/* no file to ask: the name decides */
	CU_ASSERT(!parent_is_same(a, c));
	CU_ASSERT_EQUAL(vmdk_close(a), ST_OK);
	CU_ASSERT_EQUAL(vmdk_close(b), ST_OK);
	CU_ASSERT_EQUAL(vmdk_close(c), ST_OK);
	end(&t);
}

static void test_no_memory(void)
{
	struct vmdk_disk *child;
	struct disks t;
	int failed = 1;

	begin(&t);
	put_disk(&t, DIR "/base/b.vmdk", WANTED, NULL);
	put_disk(&t, DIR "/vm/c.vmdk", 7, "../base/b.vmdk");
	CU_ASSERT_EQUAL_FATAL(disk_load(t.s, DIR "/vm/c.vmdk", &child, &t.why), ST_OK);
	for (uint64_t n = 1; failed; n++) {
		struct vmdk_disk *parent = NULL;
		uint64_t live = disks_live(&t);
		enum status st;

		t.why = (struct why){ 0 };
		sim_fail_alloc(n);
		st = parent_find(child, 0, &parent, &t.why);
		failed = sim_alloc_failed();
		sim_fail_alloc(0);
		CU_ASSERT(st == ST_OK || (failed && st == ST_NOMEM && t.why.text[0]));
		if (parent)
			CU_ASSERT_EQUAL(vmdk_close(parent), ST_OK);
		CU_ASSERT_EQUAL(disks_live(&t), live);
		CU_ASSERT_FATAL(n < 500);
	}
	CU_ASSERT_EQUAL(vmdk_close(child), ST_OK);
	end(&t);
}

static const struct cu_case cases[] = {
	{ "the order", test_order },
	{ "the id proves", test_the_id_proves },
	{ "garbage in the way", test_garbage_in_the_way },
	{ "not itself", test_not_itself },
	{ "hostile hints", test_hostile_hints },
	{ "other volumes", test_other_volumes },
	{ "the same descriptor", test_same },
	{ "no memory", test_no_memory },
};
CU_MAIN("vmdk/parent", cases)
