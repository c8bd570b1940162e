/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What vmdk_open() takes and what it refuses, with which status; content ids; streams that are cut
 * or changed. */
#include "tests/unit/vmdk/disks.h"

#include "vmdk/sparse_format.h"

#define HEAD "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"

static enum status open_text(struct disks *t, const char *text)
{
	struct vmdk_disk *d;
	enum status st;

	disks_put(t, DIR "/t.vmdk", text, strlen(text));
	t->why = (struct why){ 0 };
	st = vmdk_open(t->s, DIR "/t.vmdk", VMDK_READ, &d, &t->why);
	if (st == ST_OK)
		(void)vmdk_close(d);
	else
		CU_ASSERT(t->why.text[0]);
	return st;
}

static void test_refused(void)
{
	static const struct { const char *text; enum status st;
	} cases[] = {
	    {HEAD "createType=\"vmfs\"\nRW 2 VMFS \"f\"\n", ST_OK},
	    {HEAD "createType=\"vmfsThin\"\nRW 2 VMFS \"f\" 0\n", ST_OK},
	    {HEAD "createType=\"custom\"\nRW 1 FLAT \"f\" 1\nRW 3 ZERO\nRW 1 FLAT \"./f\" 0\n",
	     ST_OK},
	    {HEAD "createType=\"vmfs\"\nRW 5 VMFS \"f\"\n", ST_CORRUPT}, /* truncated */
	    {HEAD "createType=\"vmfs\"\nRW 2 VMFS \"missing\"\n", ST_NOENT},
	    {HEAD "createType=\"vmfs\"\nRW 2 VMFS \"/d/f\"\n", ST_REFUSED},
	    {HEAD "createType=\"vmfs\"\nRW 2 VMFS \"../d/f\"\n", ST_REFUSED},
	    {HEAD "createType=\"vmfs\"\nRW 2 VMFS \"x/..\\..\\f\"\n", ST_REFUSED},
	    {HEAD "createType=\"vmfs\"\nRW 2 VMFS \"C:\\f\"\n", ST_REFUSED},
	    {HEAD "createType=\"seSparse\"\nRW 2 SESPARSE \"f\"\n", ST_CORRUPT},
	    {HEAD "createType=\"vmfsSparse\"\nRW 2 VMFSSPARSE \"f\"\n", ST_CORRUPT},
	    {HEAD "createType=\"vmfsRawDeviceMap\"\nRW 2 VMFSRDM \"f\"\n", ST_UNSUPPORTED},
	    {HEAD "createType=\"vsanSparse\"\nRW 2 VSANSPARSE \"f\"\n", ST_UNSUPPORTED},
	    {HEAD "createType=\"custom\"\nRW 2 VSANSPARSE \"f\"\n", ST_UNSUPPORTED},
	    {HEAD "createType=\"fullDevice\"\nRW 2 FLAT \"f\" 0\n", ST_UNSUPPORTED},
	    {HEAD "createType=\"custom\"\nRW 2 FLAT \"f\" 0 uuid dev\n", ST_UNSUPPORTED},
	    {HEAD "isNativeSnapshot=\"yes\"\ncreateType=\"vmfs\"\nRW 2 VMFS \"f\"\n",
	     ST_UNSUPPORTED},
	    {"version=1\nCID=1\nparentCID=2\nparentFileNameHint=\"p.vmdk\"\ncreateType=\"vmfs\"\n"
	     "RW 2 VMFS \"f\"\n",
	     ST_NOENT},
	    {"some other text\n", ST_CORRUPT},
	    {"COWD and more", ST_INVAL},
	    {"kdmv and more", ST_UNSUPPORTED},
	    {"KDMV and more", ST_UNSUPPORTED},
	    {"", ST_CORRUPT},
	};
	struct disks t;

	disks_begin(&t);
	disks_put(&t, DIR "/f", t.pattern, 2 * SECTOR_BYTES);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		enum status st = open_text(&t, cases[i].text);

		if (st != cases[i].st)
			printf("\n%zu: %s: %s\n", i, status_word(st), t.why.text);
		CU_ASSERT_EQUAL(st, cases[i].st);
	}
	disks_end(&t);
}

/* An extent is not the disk: the text names the descriptor. */
static void test_extent_is_not_the_disk(void)
{
	struct vmdk_create_opts opts = { .kind = VMDK_VMFS, .bytes = MIB };
	struct vmdk_disk *d;
	struct disks t;

	disks_begin(&t);
	CU_ASSERT_EQUAL(vmdk_create(t.s, DIR "/a.vmdk", &opts, NULL, &t.why), ST_OK);
	CU_ASSERT_EQUAL(vmdk_open(t.s, DIR "/a-flat.vmdk", VMDK_READ, &d, &t.why), ST_INVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.why.text, DIR "/a.vmdk"));
	disks_end(&t);
}

/* Reading leaves the content id, the first write of an opening changes it, once. */
static void test_content_id(void)
{
	static const enum vmdk_kind kinds[] = { VMDK_VMFS, VMDK_MONO_SPARSE, VMDK_SPLIT_SPARSE };
	struct disks t;

	disks_begin(&t);
	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
		struct vmdk_create_opts opts = { .kind = kinds[i], .bytes = MIB };
		struct vmdk_info before, after;
		struct vmdk_disk *d;

		CU_ASSERT_EQUAL(vmdk_create(t.s, DIR "/a.vmdk", &opts, NULL, &t.why), ST_OK);
		d = disks_open(&t, DIR "/a.vmdk", VMDK_WRITE);
		CU_ASSERT_EQUAL(vmdk_info(d, &before), ST_OK);
		CU_ASSERT_EQUAL(before.cid, 0xfffffffe);
		CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
		d = disks_open(&t, DIR "/a.vmdk", VMDK_WRITE);
		CU_ASSERT_EQUAL(vmdk_info(d, &before), ST_OK);
		CU_ASSERT_EQUAL(before.cid, 0xfffffffe);
		CU_ASSERT_EQUAL(vmdk_write(d, 512, t.pattern, 512), ST_OK);
		CU_ASSERT_EQUAL(vmdk_write(d, 1024, t.pattern, 512), ST_OK);
		CU_ASSERT_EQUAL(vmdk_info(d, &before), ST_OK);
		CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
		d = disks_open(&t, DIR "/a.vmdk", VMDK_READ);
		CU_ASSERT_EQUAL(vmdk_info(d, &after), ST_OK);
		CU_ASSERT_EQUAL(before.cid, after.cid);
		CU_ASSERT_NOT_EQUAL(after.cid, 0xfffffffe);
		CU_ASSERT_EQUAL(vmdk_write(d, 0, t.pattern, 512), ST_READONLY);
		CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
		disks_clear(&t);
	}
	disks_end(&t);
}

static void test_ranges(void)
{
	struct vmdk_create_opts opts = { .kind = VMDK_VMFS, .bytes = MIB };
	struct vmdk_disk *d;
	struct disks t;
	struct vmdk_run run;

	disks_begin(&t);
	CU_ASSERT_EQUAL(vmdk_create(t.s, DIR "/a.vmdk", &opts, NULL, &t.why), ST_OK);
	d = disks_open(&t, DIR "/a.vmdk", VMDK_WRITE);
	for (int again = 0; again < 2; again++) {	/* before and after the first write */
		CU_ASSERT_EQUAL(vmdk_write(d, MIB - 512, t.pattern, 1024), ST_RANGE);
		CU_ASSERT_EQUAL(vmdk_read(d, ~0ull - 511, t.pattern, 512), ST_RANGE);
		CU_ASSERT_EQUAL(vmdk_write(d, MIB, t.pattern, 512), ST_RANGE);
		CU_ASSERT_EQUAL(vmdk_write(d, 0, t.pattern, 512), ST_OK);
	}
	CU_ASSERT_EQUAL(vmdk_map(d, MIB, &run), ST_RANGE);
	CU_ASSERT_EQUAL(vmdk_close(d), ST_OK);
	disks_end(&t);
}

/* ---- streams --------------------------------------------------------------------------------- */

static uint64_t make_stream(struct disks *t)
{
	struct store_stat st;

	disks_put_raw(t, DIR "/src");
	CU_ASSERT_EQUAL(disks_convert(t, DIR "/src", VMDK_FORMAT_RAW, DIR "/s.vmdk", VMDK_STREAM,
				      VMDK_THIN), ST_OK);
	CU_ASSERT_EQUAL(t->s->ops->stat(t->s, DIR "/s.vmdk", &st, NULL), ST_OK);
	return st.size_bytes;
}

static void put_stream(struct disks *t, const uint8_t *data, uint64_t n)
{
	disks_put(t, DIR "/t.vmdk", data, n);
}

/* A stream that is cut anywhere is refused, and leaves no destination; bytes behind it do not
 * matter. */
static void test_cut_stream(void)
{
	struct disks t;
	uint64_t n, bytes;
	char *data;
	uint8_t *longer;

	disks_begin(&t);
	n = make_stream(&t);
	CU_ASSERT_EQUAL_FATAL(store_read_all(t.s, DIR "/s.vmdk", n + 1, &data, &bytes, &t.why),
			      ST_OK);
	for (uint64_t cut = 0; cut < n; cut += 1 + n / 97) {
		put_stream(&t, (uint8_t *)data, cut);
		CU_ASSERT_NOT_EQUAL(disks_convert(&t, DIR "/t.vmdk", VMDK_READ, DIR "/x", VMDK_RAW,
						  VMDK_THIN), ST_OK);
		CU_ASSERT_EQUAL(disks_files(&t), 3);
	}
	longer = malloc(n + 5000);
	memcpy(longer, data, n);
	port_free(data);
	memset(longer + n, 0x5a, 5000);
	put_stream(&t, longer, n + 5000);
	CU_ASSERT(disks_equal(&t, DIR "/t.vmdk", VMDK_READ, t.pattern, PATTERN_BYTES));
	free(longer);
	disks_end(&t);
}

/* One byte changed anywhere behind the descriptor: an error, or what the disk showed before (a byte
 * that nobody looks at), never other data. Sparse steps, so that it ends in time. */
static void test_changed_stream(void)
{
	struct disks t;
	uint64_t n, bytes;
	char *data;
	unsigned errors = 0;

	disks_begin(&t);
	n = make_stream(&t);
	CU_ASSERT_EQUAL_FATAL(store_read_all(t.s, DIR "/s.vmdk", n + 1, &data, &bytes, &t.why),
			      ST_OK);
	for (uint64_t at = 65536; at < n; at += 1 + n / 211) {
		uint8_t *got = calloc(1, PATTERN_BYTES);
		struct vmdk_disk *d;

		data[at] ^= 0x41;
		put_stream(&t, (uint8_t *)data, n);
		data[at] ^= 0x41;
		if (vmdk_open(t.s, DIR "/t.vmdk", VMDK_READ, &d, &t.why) != ST_OK) {
			errors++;
		} else {
			if (vmdk_read(d, 0, got, PATTERN_BYTES) != ST_OK)
				errors++;
			else
				CU_ASSERT(memcmp(got, t.pattern, PATTERN_BYTES) == 0);
			(void)vmdk_close(d);
		}
		free(got);
	}
	CU_ASSERT(errors > 50);
	port_free(data);
	disks_end(&t);
}

static const struct cu_case cases[] = {
	{ "taken and refused", test_refused },
	{ "an extent is not the disk", test_extent_is_not_the_disk },
	{ "content id", test_content_id },
	{ "ranges", test_ranges },
	{ "a cut stream", test_cut_stream },
	{ "a changed stream", test_changed_stream },
};
CU_MAIN("vmdk/open", cases)
