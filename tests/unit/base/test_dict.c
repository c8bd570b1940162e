/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The dictionary: each form of line, escapes, encodings, and no byte behind the end. */
#include "iopath/base/dict.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/cu.h"

/* The text is copied into a block of its own length, so that ASan sees a read past its end. */
static char *open_text(struct dict *d, const char *text, size_t n)
{
	char *copy = malloc(n ? n : 1);

	memcpy(copy, text, n);
	dict_init(d, copy, n);
	return copy;
}

static void test_lines(void)
{
	static const struct { const char *line; enum dict_line kind; const char *name, *value; }
	cases[] = {
		{ "a = \"b\"", DICT_PAIR, "a", "b" },
		{ "a=b", DICT_PAIR, "a", "b" },
		{ "\t scsi0:1.fileName\t=\t\"x y.vmdk\" # why", DICT_PAIR, "scsi0:1.fileName",
		  "x y.vmdk" },
		{ "a = \"b\"\r", DICT_PAIR, "a", "b" },
		{ "a = \"\"", DICT_PAIR, "a", "" },
		{ "a =", DICT_PAIR, "a", "" },
		{ "a = # nothing", DICT_PAIR, "a", "" },
		{ "a = b#c", DICT_PAIR, "a", "b" },
		{ "a = b\"c", DICT_PAIR, "a", "b\"c" },
		{ "a = \"b # c\"", DICT_PAIR, "a", "b # c" },
		{ "a = \"b\\\"", DICT_PAIR, "a", "b\\" },
		{ "", DICT_EMPTY, "", "" },
		{ " \t\r", DICT_EMPTY, "", "" },
		{ "# a = \"b\"", DICT_EMPTY, "", "" },
		{ "#!/usr/bin/vmware", DICT_EMPTY, "", "" },
		{ "a", DICT_BAD, "", "" },
		{ "= b", DICT_BAD, "", "" },
		{ "a b = c", DICT_BAD, "", "" },
		{ "a = b c", DICT_BAD, "", "" },
		{ "a = \"b", DICT_BAD, "", "" },
		{ "a = \"b\" c", DICT_BAD, "", "" },
		{ "a = \"b\"\"c\"", DICT_BAD, "", "" },
		{ "a # = b", DICT_BAD, "", "" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct dict d;
		char *copy = open_text(&d, cases[i].line, strlen(cases[i].line)), text[64];
		enum dict_line kind = cases[i].line[0] ? dict_next(&d) : DICT_EMPTY;

		if (kind != cases[i].kind)
			printf("\nline '%s' is %d\n", cases[i].line, kind);
		CU_ASSERT_EQUAL(kind, cases[i].kind);
		if (kind == DICT_PAIR) {
			dict_text(&d, text, sizeof(text));
			CU_ASSERT_STRING_EQUAL(text, cases[i].value);
			CU_ASSERT(dict_is(&d, cases[i].name));
		}
		CU_ASSERT_EQUAL(dict_next(&d), DICT_END);
		free(copy);
	}
}

static void test_a_file(void)
{
	static const char text[] = "\xef\xbb\xbf.encoding = \"UTF-8\"\r\nA = \"1\"\nbroken\n"
				   "a = \"2\"\n\0x = 1\nlast = \"no newline\"";
	struct dict d;
	char *copy = open_text(&d, text, sizeof(text) - 1), value[20];

	CU_ASSERT_EQUAL(dict_next(&d), DICT_PAIR);
	CU_ASSERT(dict_is(&d, ".Encoding"));
	CU_ASSERT_EQUAL(dict_next(&d), DICT_PAIR);
	CU_ASSERT(dict_is(&d, "a"));
	CU_ASSERT_EQUAL(dict_next(&d), DICT_BAD);
	CU_ASSERT_EQUAL(d.line, 3);
	CU_ASSERT_EQUAL(dict_next(&d), DICT_PAIR);	/* a second one: the caller's last wins */
	CU_ASSERT_EQUAL(dict_next(&d), DICT_BAD);	/* a NUL */
	CU_ASSERT_EQUAL(dict_next(&d), DICT_PAIR);
	CU_ASSERT_EQUAL(dict_text(&d, value, 5), 10);	/* cut, ended, and its whole length told */
	CU_ASSERT_STRING_EQUAL(value, "no n");
	CU_ASSERT_EQUAL(dict_next(&d), DICT_END);
	CU_ASSERT_EQUAL(dict_next(&d), DICT_END);
	free(copy);
}

static void text_is(const char *line, const char *want)
{
	struct dict d;
	char *copy = open_text(&d, line, strlen(line)), text[100];

	while (dict_next(&d) == DICT_PAIR && dict_is(&d, ".encoding"))
		;
	CU_ASSERT(dict_text(&d, text, sizeof(text)) <= dict_text_max(&d));
	if (strcmp(text, want) != 0)
		printf("\n'%s' became '%s'\n", line, text);
	CU_ASSERT_STRING_EQUAL(text, want);
	free(copy);
}

static void test_escapes(void)
{
	text_is("a = \"say |22hi|22 |7C |0A|0a\"", "say \"hi\" | \n\n");
	text_is("a = \"|\"", "|");
	text_is("a = \"|2\"", "|2");
	text_is("a = \"|2g|zz|| |22\"", "|2g|zz|| \"");
	text_is("a = \"|00\"", "|00");	/* a text cannot hold a NUL */
	text_is("a = |41b", "Ab");
}

static void test_encodings(void)
{
	text_is("a = \"M\xc3\xbcller\"", "M\xc3\xbcller");
	text_is(".encoding = \"windows-1252\"\na = \"M\xfcller \x80 |FC\"",
		"M\xc3\xbcller \xe2\x82\xac \xc3\xbc");
	text_is(".encoding = \"Windows-1252\"\na = \"\x81\"", "\xef\xbf\xbd");
	text_is(".encoding = \"GBK\"\na = \"\xd6\xd0\"", "\xd6\xd0");
	/* Where the word stands does not matter. */
	text_is("a = \"\xe4\"\n.encoding = \"ISO-8859-1\"", "\xc3\xa4");
}

static void number_is(const char *line, int known, int64_t want)
{
	struct dict d;
	char *copy = open_text(&d, line, strlen(line));
	int64_t n = 7;

	CU_ASSERT_EQUAL(dict_next(&d), DICT_PAIR);
	CU_ASSERT_EQUAL(dict_number(&d, &n), known);
	CU_ASSERT_EQUAL(n, known ? want : 7);
	free(copy);
}

static void test_numbers_and_words(void)
{
	struct dict d;

	number_is("a = 0", 1, 0);
	number_is("a = \"-1304\"", 1, -1304);
	number_is("a = 9223372036854775807", 1, INT64_MAX);
	number_is("a = -9223372036854775808", 1, INT64_MIN);
	number_is("a = 9223372036854775808", 0, 0);
	number_is("a = -9223372036854775809", 0, 0);
	number_is("a = -", 0, 0);
	number_is("a = \"\"", 0, 0);
	number_is("a = 12x", 0, 0);
	dict_init(&d, "a = tRUE\nb = \"0\"\nc = maybe\n", 28);
	CU_ASSERT_EQUAL(dict_next(&d), DICT_PAIR);
	CU_ASSERT_EQUAL(dict_bool(&d, 0), 1);
	CU_ASSERT_STRING_EQUAL(dict_behind(&d, "A") ? "found" : "", "found");
	CU_ASSERT_PTR_NULL(dict_behind(&d, "ab"));
	CU_ASSERT_EQUAL(dict_next(&d), DICT_PAIR);
	CU_ASSERT_EQUAL(dict_bool(&d, 1), 0);
	CU_ASSERT_EQUAL(dict_next(&d), DICT_PAIR);
	CU_ASSERT_EQUAL(dict_bool(&d, 1), 1);
	CU_ASSERT_EQUAL(dict_bool(&d, 0), 0);
}

/* Every length of a text with everything in it, bytes changed: it ends, and ASan is quiet. */
static void test_mutations(void)
{
	static const char text[] = "\xef\xbb\xbf.encoding = \"windows-1252\"\n# c\n"
				   "scsi0:0.x = \"a|22b\" # d\r\nplain=|41 \n bad line\n";
	static const char bytes[] = "\"= \n\0#|\r\xff";

	for (size_t n = 0; n < sizeof(text); n++)
		for (size_t b = 0; b < sizeof(bytes); b++) {
			struct dict d;
			char *copy = malloc(n + 1), value[16];
			uint32_t lines = 0;

			memcpy(copy, text, n);
			copy = realloc(copy, n ? n : 1);
			if (n)
				copy[n - 1 - (b * 7) % n] = bytes[b];
			dict_init(&d, copy, n);
			for (enum dict_line k; (k = dict_next(&d)) != DICT_END; lines++)
				if (k == DICT_PAIR)
					dict_text(&d, value, sizeof(value));
			CU_ASSERT_EQUAL(lines, d.line);
			free(copy);
		}
}

static const struct cu_case cases[] = {
	{ "forms of a line", test_lines },
	{ "a file", test_a_file },
	{ "escapes", test_escapes },
	{ "encodings", test_encodings },
	{ "numbers and words", test_numbers_and_words },
	{ "mutations", test_mutations },
};
CU_MAIN("base/dict", cases)
