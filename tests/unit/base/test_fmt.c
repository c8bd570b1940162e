/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* fmt against the C library's printf, sizes, UTF-8, why. */
#include "tests/unit/cu.h"

#include <limits.h>

#include "iopath/base/fmt.h"

/* Where fmt knows a conversion it must agree with the library, in text and in returned length, for
 * each size of buffer. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		for (size_t size = 0; size < 70; size++) {                                         \
			char a[80], b[80];                                                         \
			memset(a, 'x', sizeof(a));                                                 \
			memset(b, 'x', sizeof(b));                                                 \
			CU_ASSERT_EQUAL(fmt(a, size, __VA_ARGS__),                                 \
					(size_t)snprintf(b, size, __VA_ARGS__));                   \
			CU_ASSERT_EQUAL(memcmp(a, b, sizeof(a)), 0);                               \
		}                                                                                  \
	} while (0)

static void test_conversions_agree_with_the_library(void)
{
	SAME("plain");
	SAME("%%|%c|%s|%d", 'q', "text", 42);
	SAME("%d %d %d", 0, -1, INT_MIN);
	SAME("%i|%5d|%-5d|%05d|%5d", 7, 42, 42, -42, -42);
	SAME("%u %u %x %X %x", 0u, UINT_MAX, 0xdeadbeefu, 0xBEEFu, 0u);
	SAME("%ld %lu %lx", LONG_MIN, ULONG_MAX, 255ul);
	SAME("%lld %llu %llX", LLONG_MIN, ULLONG_MAX, 0x123456789abcdefull);
	SAME("%zu %zd %jd %td", (size_t)-1, (ssize_t)-5, (intmax_t)-6, (ptrdiff_t)-7);
	SAME("%hhd %hhu %hd %hu", (signed char)-1, (unsigned char)200, (short)-300,
	     (unsigned short)65535);
	SAME("%016llx|%-8x|%08X", 0xabcull, 0xau, 0xfu);
	SAME("%s|%10s|%-10s|%.3s|%10.2s|%.0s", "abc", "abc", "abc", "abcdef", "abcdef", "abc");
	SAME("%*d|%-*d|%*d", 6, 42, 6, 42, -6, 42);
	SAME("%.*s|%.*s", 2, "abc", -1, "abc");
	SAME("%3c|%-3c|", 'a', 'b');
}

static void test_what_is_not_known_is_copied(void)
{
	const char *volatile none = NULL;
	char buf[40];

	CU_ASSERT_EQUAL(fmt(buf, sizeof(buf), "%s", none), 6);
	CU_ASSERT_STRING_EQUAL(buf, "(null)");
	fmt(buf, sizeof(buf), "%p", (void *)0x1234);
	CU_ASSERT_STRING_EQUAL(buf, "0x1234");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
	fmt(buf, sizeof(buf), "a%qb%", 1);
	CU_ASSERT_STRING_EQUAL(buf, "a%qb%");
#pragma GCC diagnostic pop
}

/* A precision lets a text be read that has no end. */
static void test_precision_bounds_the_read(void)
{
	char *raw = port_alloc(4), buf[10];

	memcpy(raw, "abcd", 4);
	fmt(buf, sizeof(buf), "%.4s", raw);	/* the sanitizer watches byte 5 */
	CU_ASSERT_STRING_EQUAL(buf, "abcd");
	port_free(raw);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void parse_ok(const char *text, uint64_t unit, uint64_t want)
{
	uint64_t bytes = 0;

	CU_ASSERT_EQUAL(fmt_parse_size(text, unit, &bytes), ST_OK);
	if (bytes != want)
		printf("\n%s: %llu\n", text, (unsigned long long)bytes);
	CU_ASSERT_EQUAL(bytes, want);
}

static void parse_fails(const char *text, enum status want)
{
	uint64_t bytes;

	CU_ASSERT_EQUAL(fmt_parse_size(text, 1, &bytes), want);
}

static void test_sizes_as_people_type_them(void)
{
	parse_ok("512", 1, 512);
	parse_ok("3", 1024, 3072);
	parse_ok("4k", 1, 4096);
	parse_ok("4K", 1, 4096);
	parse_ok("4KB", 1, 4096);
	parse_ok("4KiB", 1, 4096);
	parse_ok("10m", 1, 10 * MIB);
	parse_ok("1g", 1, GIB);
	parse_ok("3TiB", 1, 3 * TIB);
	parse_ok("15e", 1, 15ull << 60);
	parse_ok("10s", 1, 5120);
	parse_ok("7b", 1024, 7);
	parse_ok("1.5G", 1, 1536 * MIB);
	parse_ok("0.1k", 1, 103);			/* 102.4, rounded up */
	parse_ok("0.5", 1, 1);
	parse_ok("1.0000000000000000000000000000000000001", 1, 2);
	parse_ok("0.999999999999999999999999e", 1, 1ull << 60);
	parse_ok("18446744073709551615", 1, UINT64_MAX);
}

static void test_sizes_that_are_none(void)
{
	static const char *const bad[] = { "", "k", "-1", "1kk", "1.k", "1 k", "0x10", "1x",
					   "1kbb", ".5", "1.5.5", "1mib2" };

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		parse_fails(bad[i], ST_INVAL);
	parse_fails("18446744073709551616", ST_RANGE);
	parse_fails("16e", ST_RANGE);
	parse_fails("99999999999999999999k", ST_RANGE);
	parse_fails("15.99999999999999999999999999999e", ST_RANGE);
}

static void test_whole_numbers(void)
{
	uint64_t n = 0;

	CU_ASSERT(fmt_parse_u64("0", &n) == ST_OK && n == 0);
	CU_ASSERT(fmt_parse_u64("0xFfFfFfFfFfFfFfFf", &n) == ST_OK && n == UINT64_MAX);
	CU_ASSERT(fmt_parse_u64("18446744073709551615", &n) == ST_OK && n == UINT64_MAX);
	CU_ASSERT_EQUAL(fmt_parse_u64("18446744073709551616", &n), ST_RANGE);
	CU_ASSERT_EQUAL(fmt_parse_u64("0x10000000000000000", &n), ST_RANGE);
	CU_ASSERT_EQUAL(fmt_parse_u64("", &n), ST_INVAL);
	CU_ASSERT_EQUAL(fmt_parse_u64("0x", &n), ST_INVAL);
	CU_ASSERT_EQUAL(fmt_parse_u64("12a", &n), ST_INVAL);
	CU_ASSERT_EQUAL(fmt_parse_u64("-1", &n), ST_INVAL);
	CU_ASSERT_EQUAL(fmt_parse_u64(" 1", &n), ST_INVAL);
}

static void test_sizes_for_people(void)
{
	static const struct { uint64_t bytes; const char *text; } cases[] = {
		{ 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" }, { 1536, "1.5 KiB" },
		{ 1048575, "1.0 MiB" }, { 1ull << 30, "1.0 GiB" }, { 3ull << 29, "1.5 GiB" },
		{ 62ull << 40, "62.0 TiB" }, { UINT64_MAX, "16.0 EiB" },
		{ 1023ull << 20, "1023.0 MiB" },
	};
	char buf[16];

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		fmt_size(buf, sizeof(buf), cases[i].bytes);
		CU_ASSERT_STRING_EQUAL(buf, cases[i].text);
	}
}

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

/* Every code point's encoding is good; surrogates, overlong forms and cut ones are not. */
static void test_utf8(void)
{
	static const char *const bad[] = {
		"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
		"\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82",
		"\xf0\x9f\x98", "a\xff", "\xc3(",
	};

	for (uint32_t c = 1; c <= 0x10ffff; c += c < 0x800 ? 1 : 37) {
		char s[4];
		size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		int surrogate = c >= 0xd800 && c < 0xe000;

		for (size_t i = n; i-- > 1;)
			s[i] = (char)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
		s[0] = (char)(n == 1 ? c : ((0xf00u >> n) & 0xff) | c >> (6 * (n - 1)));
		CU_ASSERT_EQUAL(fmt_utf8_valid(s, n), !surrogate);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		CU_ASSERT_EQUAL(fmt_utf8_valid(bad[i], strlen(bad[i])), 0);
	CU_ASSERT_EQUAL(fmt_utf8_valid("a\0b", 3), 0);
	CU_ASSERT_EQUAL(fmt_utf8_valid("", 0), 1);
}

/* ---- why and status -------------------------------------------------------------------------- */

static void test_why_keeps_the_first_text_and_puts_objects_in_front(void)
{
	struct why why = { 0 };

	CU_ASSERT_EQUAL(why_set(&why, ST_CORRUPT, "block %d: bad", 7), ST_CORRUPT);
	CU_ASSERT_EQUAL(why_at(&why, ST_CORRUPT, "%s", "ds1"), ST_CORRUPT);
	CU_ASSERT_STRING_EQUAL(why.text, "ds1: block 7: bad");
	why = (struct why){ 0 };
	why_at(&why, ST_NOSPACE, "ds1");
	CU_ASSERT_STRING_EQUAL(why.text, "ds1: no space left");
	CU_ASSERT_EQUAL(why_set(NULL, ST_BUSY, "x"), ST_BUSY);
	why_set(&why, ST_INVAL, "a\nb");
	CU_ASSERT_PTR_NULL(strchr(why.text, '\n'));	/* one line, whatever a name holds */
}

/* A text that does not fit is cut at a whole character. */
static void test_why_is_cut_at_a_character(void)
{
	char name[600];
	struct why why = { 0 };

	for (size_t skew = 0; skew < 4; skew++) {
		memset(name, 'a', skew);
		for (size_t i = skew; i + 4 < sizeof(name); i += 4)
			memcpy(name + i, "\xf0\x9f\x98\x80", 5);
		why_set(&why, ST_INVAL, "%s", name);
		CU_ASSERT(strlen(why.text) >= WHY_TEXT_MAX - 5);
		CU_ASSERT_EQUAL(fmt_utf8_valid(why.text, strlen(why.text)), 1);
	}
}

static void test_each_status_has_its_own_word(void)
{
	for (int a = 0; a < ST_COUNT; a++) {
		CU_ASSERT(status_text(a)[0] != '\0');
		for (int b = 0; b < a; b++)
			CU_ASSERT_STRING_NOT_EQUAL(status_word(a), status_word(b));
		CU_ASSERT_STRING_NOT_EQUAL(status_word(a), status_word(ST_COUNT));
	}
	CU_ASSERT_STRING_EQUAL(status_word((enum status)-1), "unknown");
}

static void test_text_helpers(void)
{
	char buf[4];

	CU_ASSERT_EQUAL(mem_copy_text(buf, sizeof(buf), "abcdef"), 6);
	CU_ASSERT_STRING_EQUAL(buf, "abc");
	CU_ASSERT_EQUAL(mem_copy_text(NULL, 0, "abc"), 3);
	CU_ASSERT(mem_ends_with("disk.vmdk", ".vmdk") && !mem_ends_with("vmdk", ".vmdk"));
	CU_ASSERT_EQUAL(mem_compare_nocase("ParentCID", "parentcid"), 0);
	CU_ASSERT(mem_compare_nocase("a", "B") < 0 && mem_compare_nocase("ab", "a") > 0);
}

static const struct cu_case cases[] = {
	{ "conversions agree with the library", test_conversions_agree_with_the_library },
	{ "what is not known is copied", test_what_is_not_known_is_copied },
	{ "precision bounds the read", test_precision_bounds_the_read },
	{ "sizes as people type them", test_sizes_as_people_type_them },
	{ "sizes that are none", test_sizes_that_are_none },
	{ "whole numbers", test_whole_numbers },
	{ "sizes for people", test_sizes_for_people },
	{ "UTF-8", test_utf8 },
	{ "why keeps the first text", test_why_keeps_the_first_text_and_puts_objects_in_front },
	{ "why is cut at a character", test_why_is_cut_at_a_character },
	{ "each status has its own word", test_each_status_has_its_own_word },
	{ "text helpers", test_text_helpers },
};

CU_MAIN("base/fmt", cases)
