/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Names made safe, tables, values and the JSON contract. */
#include "tests/unit/cu.h"

#include <string.h>

#include "tools/out.h"

static void test_names_cannot_reach_the_terminal(void)
{
	static const char *const pairs[][2] = {
		{ "plain.vmdk", "plain.vmdk" },
		{ "M\xC3\xBCller", "M\xC3\xBCller" },
		{ "a\nb\tc\\d", "a\\nb\\tc\\\\d" },
		{ "\x1b[2J", "\\x1b[2J" },
		{ "bad\xff" "end", "bad\\xffend" },
		{ "\xC3", "\\xc3" },			/* a character that was cut */
		{ "\xC2\x9b" "31m", "\\xc2\\x9b31m" },	/* CSI as one character */
		{ "\x7f", "\\x7f" },
	};
	char buf[64];

	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++)
		CU_ASSERT_STRING_EQUAL(out_name(buf, sizeof(buf), pairs[i][0]), pairs[i][1]);
}

/* A long name is cut between characters and escapes, and stays inside its buffer. */
static void test_long_names_are_cut_whole(void)
{
	char buf[8];

	CU_ASSERT_STRING_EQUAL(out_name(buf, sizeof(buf), "123456\x1b"), "123456");
	CU_ASSERT_STRING_EQUAL(out_name(buf, sizeof(buf), "123456\xC3\xBC"), "123456");
	CU_ASSERT_STRING_EQUAL(out_name(buf, sizeof(buf), "12345\xC3\xBC"), "12345\xC3\xBC");
	CU_ASSERT_STRING_EQUAL(out_name(buf, sizeof(buf), "12345678"), "1234567");
}

static const struct out_column columns[] = { { "name", 0 }, { "size", 1 } };

static char *printed(enum out_form form, const char *fields, int *rc)
{
	const char *const rows[][2] = { { "a", "1" }, { "\xC3\xBC" "ber", "1000" } };
	struct out_table *t = out_table_create(columns, 2);
	char *text = NULL, bad[64] = "";
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		CU_ASSERT_EQUAL(out_table_row(t, rows[i]), 0);
	*rc = out_table_print(t, f, form, fields, bad);
	if (*rc != 0)
		fputs(bad, f);
	fclose(f);
	out_table_destroy(t);
	return text;
}

static void expect_table(enum out_form form, const char *fields, int want_rc, const char *want)
{
	int rc;
	char *text = printed(form, fields, &rc);

	CU_ASSERT_EQUAL(rc, want_rc);
	CU_ASSERT_STRING_EQUAL(text, want);
	free(text);
}

static void test_tables(void)
{
	expect_table(OUT_COLUMNS, NULL, 0, "NAME  SIZE\na        1\n\xC3\xBC" "ber  1000\n");
	expect_table(OUT_TABS, NULL, 0, "a\t1\n\xC3\xBC" "ber\t1000\n");
	expect_table(OUT_PLAIN, NULL, 0, "a       1\n\xC3\xBC" "ber 1000\n");
	expect_table(OUT_TABS, "size,name", 0, "1\ta\n1000\t\xC3\xBC" "ber\n");
	expect_table(OUT_TABS, "size", 0, "1\n1000\n");
	expect_table(OUT_TABS, "size,siz", -1, "siz");
}

static void test_values(void)
{
	char buf[32], mode[11];

	CU_ASSERT_STRING_EQUAL(out_size(buf, sizeof(buf), 1536, 1), "1536");
	CU_ASSERT_STRING_EQUAL(out_size(buf, sizeof(buf), 1536, 0), "1.5 KiB");
	CU_ASSERT_STRING_EQUAL(out_time_utc(buf, sizeof(buf), 0), "1970-01-01T00:00:00Z");
	CU_ASSERT_STRING_EQUAL(out_time(buf, sizeof(buf), 1234567890, 1), "1234567890");
	CU_ASSERT_STRING_EQUAL(out_mode(mode, 'd', 0755), "drwxr-xr-x");
	CU_ASSERT_STRING_EQUAL(out_mode(mode, '-', 04600), "-rwS------");
	CU_ASSERT_STRING_EQUAL(out_mode(mode, 'd', 01777), "drwxrwxrwt");
}

static void test_json_keeps_its_contract(void)
{
	json_t *items, *doc = out_doc("test/1", &items), *v;

	CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(doc, "schema")), "test/1");
	CU_ASSERT(json_is_true(json_object_get(doc, "ok")));
	CU_ASSERT_PTR_EQUAL(json_object_get(doc, "items"), items);
	out_doc_fail(doc, ST_BUSY, "ds1", "ds1: in use by another host; try again later");
	CU_ASSERT(json_is_false(json_object_get(doc, "ok")));
	v = json_object_get(doc, "error");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(v, "status")), "busy");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(v, "next")), "try again later");
	CU_ASSERT(json_is_array(json_object_get(v, "cause")));
	json_decref(doc);

	v = out_json_bytes(1ull << 53);		/* jq would round it as a number */
	CU_ASSERT_STRING_EQUAL(json_string_value(v), "9007199254740992");
	json_decref(v);
	v = out_json_bytes((1ull << 53) - 1);
	CU_ASSERT(json_is_integer(v));
	json_decref(v);
	v = out_json_name("a\xff\xC3");
	CU_ASSERT_STRING_EQUAL(json_string_value(v), "a\xEF\xBF\xBD\xEF\xBF\xBD");
	json_decref(v);
}

static const struct cu_case cases[] = {
	{ "names cannot reach the terminal", test_names_cannot_reach_the_terminal },
	{ "long names are cut whole", test_long_names_are_cut_whole },
	{ "tables", test_tables },
	{ "values", test_values },
	{ "JSON keeps its contract", test_json_keeps_its_contract },
};
CU_MAIN("tools/out", cases)
