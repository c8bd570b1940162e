/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The lines of a manifest, as several programs write them. */
#include "tools/manifest.h"

#include <string.h>

#include "tests/unit/cu.h"

#define H40 "0123456789abcdef0123456789ABCDEF01234567"
#define H64 H40 "0123456789abcdef01234567"
#define H128 H64 H64

static void lines_are_taken_apart_from_behind(void)
{
	struct manifest mf;

	CU_ASSERT_EQUAL(manifest_parse(&mf, "SHA1(a.ovf)= " H40 "\r\n\n"
				       "SHA256(a b (1).vmdk)= " H64 "\n"
				       "sha2-512 (x)y=z) = " H128), 0);
	CU_ASSERT_EQUAL_FATAL(mf.line_count, 3);
	CU_ASSERT_EQUAL(mf.bad_lines, 0);
	CU_ASSERT_STRING_EQUAL(mf.line[0].name, "a.ovf");
	CU_ASSERT_EQUAL(mf.line[0].kind, MANIFEST_SHA1);
	CU_ASSERT_STRING_EQUAL(mf.line[0].hex, "0123456789abcdef0123456789abcdef01234567");
	CU_ASSERT(manifest_find(&mf, "a b (1).vmdk") == &mf.line[1]);
	CU_ASSERT_EQUAL(mf.line[2].kind, MANIFEST_SHA512);
	CU_ASSERT_STRING_EQUAL(mf.line[2].name, "x)y=z");
	CU_ASSERT(manifest_find(&mf, "b") == NULL);
	manifest_free(&mf);
}

static void what_is_no_sum_is_counted(void)
{
	static const char *const bad[] = {
		"SHA1(a)= " H64, "SHA256(a)= " H40, "MD5(a)= " H40, "(a)= " H40, "SHA1(a) " H40,
		"SHA1a)= " H40,	 "SHA1(a= " H40,    "SHA1()= " H40, "=",	 ")= " H40,
		"SHA1(a)= " H40 "x", H40,
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		char text[300];
		struct manifest mf;

		snprintf(text, sizeof(text), "SHA1(good)= " H40 "\n%s\n", bad[i]);
		CU_ASSERT_EQUAL(manifest_parse(&mf, text), 0);
		CU_ASSERT_EQUAL(mf.line_count, 1);
		CU_ASSERT_EQUAL(mf.bad_lines, 1);
		CU_ASSERT_EQUAL(mf.first_bad, 2);
		manifest_free(&mf);
	}
}

static const struct cu_case cases[] = {
	{ "lines are taken apart from behind", lines_are_taken_apart_from_behind },
	{ "what is no sum is counted", what_is_no_sum_is_counted },
};
CU_MAIN("tools/manifest", cases)
