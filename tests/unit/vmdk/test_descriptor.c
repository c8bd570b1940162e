/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Descriptors: what is found in the wild is read, what is written is what ESXi writes, and what is
 * wrong is refused with the line. */
#include "vmdk/descriptor_priv.h"

#include <string.h>

#include "iopath/port/sim/sim.h"
#include "tests/unit/cu.h"

static const char esxi[] =
    "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=fffffffe\nparentCID=ffffffff\n"
    "createType=\"vmfs\"\n\n# Extent description\nRW 20480 VMFS \"a-flat.vmdk\"\n\n"
    "# The Disk Data Base\n#DDB\n\nddb.adapterType = \"lsilogic\"\nddb.deletable = \"true\"\n"
    "ddb.geometry.cylinders = \"10\"\nddb.geometry.heads = \"64\"\nddb.geometry.sectors = \"32\"\n"
    "ddb.longContentID = \"0123456789abcdef01234567fffffffe\"\n"
    "ddb.uuid = \"60 00 C2 9f 28 1e 65 bf-3d cc 5e f0 f5 42 1e f6\"\nddb.virtualHWVersion = "
    "\"13\"\n";

static enum status parse(struct desc *d, const char *text, size_t n)
{
	struct why why = { 0 };

	desc_init(d);
	return desc_parse(d, "t.vmdk", text, n, &why);
}

static enum status parse_text(const char *text)
{
	struct desc d;
	enum status st = parse(&d, text, strlen(text));

	desc_fini(&d);
	return st;
}

/* What ESXi wrote comes back byte for byte. */
static void test_round_trip(void)
{
	struct desc d;
	char out[2048];

	CU_ASSERT_EQUAL_FATAL(parse(&d, esxi, sizeof(esxi) - 1), ST_OK);
	CU_ASSERT_EQUAL(d.cid, DESC_CID_NEW);
	CU_ASSERT_EQUAL(d.parent_cid, DESC_NO_PARENT);
	CU_ASSERT_EQUAL(d.extent_count, 1);
	CU_ASSERT_EQUAL(d.sectors, 20480);
	CU_ASSERT_EQUAL(desc_write(&d, out, sizeof(out)), sizeof(esxi) - 1);
	CU_ASSERT_STRING_EQUAL(out, esxi);
	desc_fini(&d);
}

/* Other writers: CR LF, blanks and case, short CIDs, NUL padding, a 0 behind a VMFS extent. */
static void test_foreign(void)
{
	static const char text[] =
		"# disk descriptor of somebody\r\nVERSION = 1\r\ncid=1a2\r\nParentCid=FFFFFFFF\r\n"
		"CREATETYPE = \"monolithicFlat\"\r\n\r\nrw 4192256 flat \"b \xc3\xa4.vmdk\" 0\r\n"
		"RW 2048 VMFS \"c.vmdk\" 0\r\nNOACCESS 63 ZERO\r\nmyKey=some thing\r\n"
		"ddb.comment = \"\"\r\nddb.uuid.image=\"x\"\r\n\0\0\0garbage =\" behind";
	struct desc d;
	char out[2048];

	CU_ASSERT_EQUAL_FATAL(parse(&d, text, sizeof(text)), ST_OK);
	CU_ASSERT_EQUAL(d.cid, 0x1a2);
	CU_ASSERT_EQUAL(d.extent_count, 3);
	CU_ASSERT_EQUAL(d.sectors, 4192256 + 2048 + 63);
	CU_ASSERT_EQUAL(d.extents[2].access, DESC_NOACCESS);
	CU_ASSERT_STRING_EQUAL(d.extents[0].file, "b \xc3\xa4.vmdk");
	desc_write(&d, out, sizeof(out));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "CID=000001a2\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "\nmyKey=some thing\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "ddb.comment = \"\"\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "RW 2048 VMFS \"c.vmdk\"\n"));
	desc_fini(&d);
}

#define HEAD "version=1\nCID=1\nparentCID=ffffffff\ncreateType=\"vmfs\"\n"

static void test_hostile(void)
{
	static const struct { const char *text; enum status st; } cases[] = {
		{ "", ST_CORRUPT },
		{ HEAD, ST_CORRUPT },	/* no extent */
		{ HEAD "RW 1 VMFS \"a\"\n", ST_OK },
		{ HEAD "RW 0 VMFS \"a\"\n", ST_CORRUPT },
		{ HEAD "RW -1 VMFS \"a\"\n", ST_CORRUPT },
		{ HEAD "RW 18446744073709551616 VMFS \"a\"\n", ST_CORRUPT },
		{ HEAD "RW 18446744073709551615 VMFS \"a\"\n", ST_CORRUPT },
		{ HEAD "RW 274877906944 VMFS \"a\"\nRW 1 VMFS \"a\"\n", ST_CORRUPT },
		{ HEAD "RW 1 VMFS a\n", ST_CORRUPT },
		{ HEAD "RW 1 VMFS \"a\n", ST_CORRUPT },
		{ HEAD "RW 1 VMFS \"\"\n", ST_CORRUPT },
		{ HEAD "RW 1 VMFS\n", ST_CORRUPT },
		{ HEAD "RW 1 FLAT \"a\"\n", ST_CORRUPT },	/* needs an offset */
		{ HEAD "RW 1 FLAT \"a\" 36028797018963968\n", ST_CORRUPT },
		{ HEAD "RW 1 SPARSE \"a\" 5\n", ST_CORRUPT },
		{ HEAD "RW 1 NEWTYPE \"a\"\n", ST_UNSUPPORTED },
		{ HEAD "RW 1 VSANSPARSE \"a\"\n", ST_OK },	/* known by name; refused at open */
		{ HEAD "CID=2\nRW 1 VMFS \"a\"\n", ST_CORRUPT },
		{ HEAD "createtype=\"vmfs\"\nRW 1 VMFS \"a\"\n", ST_CORRUPT },
		{ HEAD "RW 1 VMFS \"a\"\nddb.x=\"1\"\nddb.x=\"2\"\n", ST_CORRUPT },
		{ HEAD "RW 1 VMFS \"a\"\nno pair\n", ST_CORRUPT },
		{ HEAD "RW 1 VMFS \"a\"\nx=\"1\" 2\n", ST_CORRUPT },
		{ HEAD "RW 1 VMFS \"a\"\n=1\n", ST_CORRUPT },
		{ "version=4\nCID=1\ncreateType=vmfs\nRW 1 VMFS \"a\"\n", ST_UNSUPPORTED },
		{ "version=x\nCID=1\ncreateType=vmfs\nRW 1 VMFS \"a\"\n", ST_CORRUPT },
		{ "version=1\nCID=123456789\ncreateType=vmfs\nRW 1 VMFS \"a\"\n", ST_CORRUPT },
		{ "version=1\nCID=xyz\ncreateType=vmfs\nRW 1 VMFS \"a\"\n", ST_CORRUPT },
		{ "version=1\nCID=1\nRW 1 VMFS \"a\"\n", ST_CORRUPT },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		enum status st = parse_text(cases[i].text);

		if (st != cases[i].st)
			printf("\n%zu: %s for:\n%s", i, status_word(st), cases[i].text);
		CU_ASSERT_EQUAL(st, cases[i].st);
	}
}

/* Every single byte changed, every length: an answer, no crash, no byte behind the end (ASan). */
static void test_mutations(void)
{
	for (size_t n = 0; n < sizeof(esxi); n++) {
		char *text = malloc(n + 1);
		struct desc d;

		memcpy(text, esxi, n);
		(void)!parse(&d, text, n);
		desc_fini(&d);
		(void)desc_probe(text, n);
		if (n) {
			static const char bytes[] = "\"= \n\0#9";

			for (size_t b = 0; b < sizeof(bytes); b++) {
				text[n - 1] = bytes[b];
				(void)!parse(&d, text, n);
				desc_fini(&d);
			}
		}
		free(text);
	}
}

/* More keys than the limit, and as many extents as a megabyte holds: an answer in time. */
static void test_many(void)
{
	char *text = malloc(DESC_TEXT_MAX);
	size_t n = (size_t)sprintf(text, "%s", HEAD);
	struct desc d;

	while (n < DESC_TEXT_MAX - 40)
		n += (size_t)sprintf(text + n, "RW 1 VMFS \"a\"\n");
	CU_ASSERT_EQUAL(parse(&d, text, n), ST_OK);
	CU_ASSERT(d.extent_count > 60000);
	desc_fini(&d);
	n = (size_t)sprintf(text, "%s", HEAD);
	for (int i = 0; n < DESC_TEXT_MAX - 40; i++)
		n += (size_t)sprintf(text + n, "ddb.k%d=\"a\"\n", i);
	CU_ASSERT_EQUAL(parse(&d, text, n), ST_LIMIT);
	desc_fini(&d);
	free(text);
}

static void test_memory(void)
{
	for (uint64_t n = 1; ; n++) {
		struct desc d;
		struct why why = { 0 };
		uint64_t live = sim_alloc_live();
		enum status st;

		desc_init(&d);
		sim_fail_alloc(n);
		st = desc_parse(&d, "t", esxi, sizeof(esxi) - 1, &why);
		desc_fini(&d);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		if (!sim_alloc_failed()) {
			CU_ASSERT_EQUAL(st, ST_OK);
			break;
		}
		CU_ASSERT_EQUAL(st, ST_NOMEM);
	}
	sim_fail_alloc(0);
}

static const struct cu_case cases[] = {
	{ "what ESXi wrote comes back", test_round_trip },
	{ "other writers", test_foreign },
	{ "hostile text", test_hostile },
	{ "mutations", test_mutations },
	{ "limits", test_many },
	{ "each allocation fails", test_memory },
};
CU_MAIN("vmdk/descriptor", cases)
