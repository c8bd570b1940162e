/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* size - numbers as people type and read them: "1.5G", "0x40", "12.0 MiB". */
#include "iopath/base/fmt.h"
#include "iopath/base/mem.h"

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Digits of a base at *text; moves *text behind them. */
static enum status parse_digits(const char **text, unsigned base, uint64_t *value)
{
	const char *s = *text;
	uint64_t n = 0;

	for (; (unsigned)digit_of(*s) < base; s++) {
		if (__builtin_mul_overflow(n, (uint64_t)base, &n) ||
		    __builtin_add_overflow(n, (uint64_t)digit_of(*s), &n))
			return ST_RANGE;
	}
	if (s == *text)
		return ST_INVAL;
	*text = s;
	*value = n;
	return ST_OK;
}

enum status fmt_parse_u64(const char *text, uint64_t *value)
{
	unsigned base = 10;
	enum status st;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	st = parse_digits(&text, base, value);
	if (st != ST_OK)
		return st;
	return *text ? ST_INVAL : ST_OK;
}

/* The unit of a suffix: "", "k", "KB", "KiB", ... "s". 0: unknown. */
static uint64_t unit_of(const char *suffix, uint64_t bare_unit)
{
	static const char letters[] = "kmgtpe";
	char c = (char)(*suffix | 0x20);
	const char *at;

	if (*suffix == '\0')
		return bare_unit;
	if (suffix[1] == '\0' && c == 's')
		return SECTOR_BYTES;
	if (suffix[1] == '\0' && c == 'b')
		return 1;
	at = strchr(letters, c);
	if (at == NULL)
		return 0;
	suffix++;
	if (*suffix && mem_compare_nocase(suffix, "b") != 0 &&
	    mem_compare_nocase(suffix, "ib") != 0)
		return 0;
	return 1ull << (10 * (at - letters + 1));
}

/* The digits behind a point; moves *text behind them. */
static enum status parse_fraction(const char **text, uint64_t *digits)
{
	const char *s = *text;

	while (*s >= '0' && *s <= '9')
		s++;
	*digits = (uint64_t)(s - *text);
	*text = s;
	return *digits ? ST_OK : ST_INVAL;
}

/* unit * 0.DIGITS, rounded up. From the last digit to the first, as one divides by hand: a
 * remainder anywhere means that the exact value is a little more. */
static uint64_t fraction_bytes(const char *digits, uint64_t count, uint64_t unit)
{
	uint64_t bytes = 0;
	int inexact = 0;

	while (count-- > 0) {
		bytes += unit * (uint64_t)(digits[count] - '0');
		inexact |= bytes % 10 != 0;
		bytes /= 10;
	}
	return bytes + (uint64_t)inexact;
}

enum status fmt_parse_size(const char *text, uint64_t bare_unit, uint64_t *bytes)
{
	uint64_t whole, unit, count = 0;
	const char *digits = NULL;
	enum status st;

	st = parse_digits(&text, 10, &whole);
	if (st == ST_OK && *text == '.') {
		digits = ++text;
		st = parse_fraction(&text, &count);
	}
	if (st != ST_OK)
		return st;
	unit = unit_of(text, bare_unit);
	if (unit == 0)
		return ST_INVAL;
	if (__builtin_mul_overflow(whole, unit, &whole) ||
	    __builtin_add_overflow(whole, fraction_bytes(digits, count, unit), &whole))
		return ST_RANGE;
	*bytes = whole;
	return ST_OK;
}

/* Three digits of meaning: bytes whole, larger units with one decimal, rounded to the nearest. */
void fmt_size(char *buf, size_t size, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned u = 0;
	uint64_t tenths;

	while (u + 1 < ARRAY_COUNT(units) && bytes >> (10 * u) >= 1024)
		u++;
	if (u == 0) {
		fmt(buf, size, "%llu B", (unsigned long long)bytes);
		return;
	}
	/* In units of 1/1024 of the unit, so that the product fits. */
	tenths = ((bytes >> (10 * (u - 1))) * 10 + 512) / 1024;
	if (tenths >= 10240 && u + 1 < ARRAY_COUNT(units)) {
		tenths = 10;
		u++;
	}
	fmt(buf, size, "%llu.%llu %s", (unsigned long long)(tenths / 10),
	    (unsigned long long)(tenths % 10), units[u]);
}
