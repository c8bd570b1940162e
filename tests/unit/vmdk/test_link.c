/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Links without opening them, where names lead, and descriptors that are written again. */
#include "tests/unit/vmdk/disks.h"

static void put(struct disks *t, const char *path, const void *data, size_t n)
{
	CU_ASSERT_EQUAL_FATAL(store_replace(t->s, path, 0600, data, n, &t->why), ST_OK);
}

static void leads_to(const char *from, const char *name, const char *want)
{
	char out[64];
	enum status st = vmdk_path_at(from, name, out, sizeof(out));

	if ((st == ST_OK) != (want != NULL) || (want && strcmp(out, want) != 0))
		printf("\n'%s' in %s: %s %s\n", name, from, status_word(st), out);
	CU_ASSERT_EQUAL(st, want ? ST_OK : ST_NAME);
	CU_ASSERT(!want || strcmp(out, want) == 0);
}

static void test_paths(void)
{
	leads_to("/a/b.vmx", "c.vmdk", "/a/c.vmdk");
	leads_to("/b.vmx", "c.vmdk", "/c.vmdk");
	leads_to("/a/b.vmx", "../x/c.vmdk", "/x/c.vmdk");
	leads_to("/a/b.vmx", "..\\x\\c.vmdk", "/x/c.vmdk");
	leads_to("/a/b.vmx", "./c//d.vmdk", "/a/c/d.vmdk");
	leads_to("/a/b.vmx", "/c.vmdk", "/c.vmdk");
	leads_to("/a/b.vmx", "/vmfs/volumes/ds1/x/c.vmdk", "/x/c.vmdk");
	leads_to("/a/b.vmx", "/vmfs/volumes/ds1", NULL);	/* its root is no file */
	leads_to("/a/b.vmx", "../../c.vmdk", NULL);
	leads_to("/b.vmx", "..", NULL);
	leads_to("/b.vmx", "", NULL);
	leads_to("/a/b.vmx", "0123456789012345678901234567890123456789012345678901234567890123",
		 NULL);
}

static void parents_are(const char *hint, const char *const want[3])
{
	char out[100];

	for (unsigned n = 0; n < 3; n++) {
		enum status st = vmdk_parent_path("/vm/d.vmdk", hint, n, out, sizeof(out));

		CU_ASSERT_EQUAL(st == ST_OK, want[n] != NULL);
		if (st == ST_OK && want[n])
			CU_ASSERT_STRING_EQUAL(out, want[n]);
	}
	CU_ASSERT_EQUAL(vmdk_parent_path("/vm/d.vmdk", hint, 3, out, sizeof(out)), ST_NOENT);
}

static void test_parent_paths(void)
{
	static const char *const plain[] = { "/vm/b.vmdk", "/vm/b.vmdk", NULL };
	static const char *const up[] = { "/m/b.vmdk", "/vm/b.vmdk", "/m/b.vmdk" };
	static const char *const far[] = { "/m/b.vmdk", "/vm/b.vmdk", "/m/b.vmdk" };
	static const char *const above[] = { "/b.vmdk", "/vm/b.vmdk", NULL };

	parents_are("b.vmdk", plain);
	parents_are("../m/b.vmdk", up);
	parents_are("/vmfs/volumes/x/m/b.vmdk", far);
	parents_are("../b.vmdk", above);
}

/* A descriptor in windows-1252 opens the file of that name in UTF-8; one that is called byte for
 * byte as it says comes first. */
static void test_encoding(void)
{
	static const char text[] = "version=1\nencoding=\"windows-1252\"\nCID=7\n"
				   "parentCID=ffffffff\ncreateType=\"vmfs\"\n"
				   "RW 4 VMFS \"\xfc-flat.vmdk\"\n";
	uint8_t utf8[2048], bytes[2048];
	struct disks t;

	disks_begin(&t);
	memset(utf8, 'u', sizeof(utf8));
	memset(bytes, 'b', sizeof(bytes));
	put(&t, DIR "/d.vmdk", text, sizeof(text) - 1);
	put(&t, DIR "/\xc3\xbc-flat.vmdk", utf8, sizeof(utf8));
	CU_ASSERT(disks_equal(&t, DIR "/d.vmdk", VMDK_READ, utf8, sizeof(utf8)));
	put(&t, DIR "/\xfc-flat.vmdk", bytes, sizeof(bytes));
	CU_ASSERT(disks_equal(&t, DIR "/d.vmdk", VMDK_READ, bytes, sizeof(bytes)));
	disks_end(&t);
}

/* ---- rebuilding ------------------------------------------------------------------------------ */

static enum status rebuild(struct disks *t, const char *extent, struct vmdk_rebuild_opts opts,
			   struct vmdk_rebuilt *out)
{
	return vmdk_rebuild(t->s, extent, &opts, out, &t->why);
}

/* A disk whose descriptor is removed shows the same afterwards, with the ids that were given. */
static void test_rebuild_flat(void)
{
	struct vmdk_create_opts o = { .kind = VMDK_VMFS, .alloc = VMDK_THIN,
				      .bytes = PATTERN_BYTES };
	static struct vmdk_rebuilt out;
	struct disks t;
	struct vmdk_disk *d;
	struct vmdk_info info;

	disks_begin(&t);
	CU_ASSERT_EQUAL_FATAL(vmdk_create(t.s, DIR "/d.vmdk", &o, NULL, &t.why), ST_OK);
	d = disks_open(&t, DIR "/d.vmdk", VMDK_WRITE);
	CU_ASSERT_EQUAL(vmdk_write(d, 0, t.pattern, PATTERN_BYTES), ST_OK);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/d-flat.vmdk", (struct vmdk_rebuild_opts){ 0 }, &out),
			ST_EXIST);
	CU_ASSERT_EQUAL(t.s->ops->remove(t.s, DIR "/d.vmdk", NULL), ST_OK);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/d-flat.vmdk",
				(struct vmdk_rebuild_opts){ .dry_run = 1 }, &out), ST_OK);
	CU_ASSERT_EQUAL(disks_files(&t), 1);
	CU_ASSERT_EQUAL(out.bytes, PATTERN_BYTES);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/d.vmdk", (struct vmdk_rebuild_opts){
			.set_cid = 1, .cid = 0x1234, .adapter = VMDK_IDE,
			.hardware_version = 14 }, &out), ST_OK);
	CU_ASSERT(disks_equal(&t, DIR "/d.vmdk", VMDK_READ, t.pattern, PATTERN_BYTES));
	d = disks_open(&t, DIR "/d.vmdk", VMDK_READ);
	CU_ASSERT_EQUAL(vmdk_info(d, &info), ST_OK);
	CU_ASSERT_EQUAL(info.cid, 0x1234);
	CU_ASSERT_STRING_EQUAL(info.adapter, "ide");
	CU_ASSERT_EQUAL(info.heads, 16);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	disks_end(&t);
}

static void test_rebuild_refuses(void)
{
	static const char base[] = "version=1\nCID=7\nparentCID=ffffffff\ncreateType=\"vmfs\"\n"
				   "RW 1 VMFS \"b-flat.vmdk\"\n";
	static struct vmdk_rebuilt out;
	struct vmdk_rebuild_opts none = { 0 }, on_base = { .parent = DIR "/b.vmdk" };
	struct disks t;

	disks_begin(&t);
	put(&t, DIR "/odd-flat.vmdk", t.pattern, 100);	/* no whole sector */
	put(&t, DIR "/empty-flat.vmdk", t.pattern, 0);
	put(&t, DIR "/d-delta.vmdk", t.pattern, 100);	/* no header */
	put(&t, DIR "/two-flat.vmdk", t.pattern, 512);
	put(&t, DIR "/two-delta.vmdk", t.pattern, 100);
	put(&t, DIR "/s-s001.vmdk", t.pattern, 512);
	put(&t, DIR "/f-flat.vmdk", t.pattern, 512);
	put(&t, DIR "/b.vmdk", base, sizeof(base) - 1);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/odd-flat.vmdk", none, &out), ST_CORRUPT);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/empty-flat.vmdk", none, &out), ST_CORRUPT);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/d-delta.vmdk", on_base, &out), ST_CORRUPT);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/two.vmdk", none, &out), ST_REFUSED);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/s-s001.vmdk", none, &out), ST_UNSUPPORTED);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/nope.vmdk", none, &out), ST_NOENT);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/nope-flat.vmdk", none, &out), ST_NOENT);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/f-flat.vmdk", on_base, &out), ST_INVAL);
	CU_ASSERT_EQUAL(disks_files(&t), 8);
	/* What a killed one left is not taken over: who says that it was killed? */
	put(&t, DIR "/.f.vmdk.cairn-new", "x", 1);
	CU_ASSERT_EQUAL(rebuild(&t, DIR "/f-flat.vmdk", none, &out), ST_EXIST);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.why.text, "remove the file"));
	disks_end(&t);
}

static void test_rebuild_without_memory(void)
{
	static struct vmdk_rebuilt out;
	struct disks t;
	uint64_t n, live;

	disks_begin(&t);
	put(&t, DIR "/d-flat.vmdk", t.pattern, MIB);
	live = disks_live(&t);
	for (n = 1; n < 1000; n++) {
		enum status st;

		sim_fail_alloc(n);
		st = rebuild(&t, DIR "/d-flat.vmdk", (struct vmdk_rebuild_opts){ .dry_run = 1 },
			     &out);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		if (!sim_alloc_failed()) {
			CU_ASSERT_EQUAL(st, ST_OK);
			break;
		}
		CU_ASSERT_EQUAL(st, ST_NOMEM);
	}
	sim_fail_alloc(0);
	CU_ASSERT(n > 5);
	disks_end(&t);
}

static const struct cu_case cases[] = {
	{ "where names lead", test_paths },
	{ "where parents may be", test_parent_paths },
	{ "names in windows-1252", test_encoding },
	{ "a flat disk gets a descriptor", test_rebuild_flat },
	{ "what is refused", test_rebuild_refuses },
	{ "each allocation fails", test_rebuild_without_memory },
};
CU_MAIN("vmdk/link", cases)
