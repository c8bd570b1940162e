/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* utf8 - is a text well-formed UTF-8? Source: Unicode 15, table 3-7. */
#include "iopath/base/fmt.h"

/* Length of the character that starts with this byte, and the range of its second byte: the narrow
 * ranges keep out overlong forms, surrogates and values past U+10FFFF. 0: no character
 * starts so. */
static size_t lead(unsigned char c, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef) {
		if (c == 0xe0)
			*low = 0xa0;
		if (c == 0xed)
			*high = 0x9f;
		return 3;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		if (c == 0xf0)
			*low = 0x90;
		if (c == 0xf4)
			*high = 0x8f;
		return 4;
	}
	return 0;
}

int fmt_utf8_valid(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char low, high;

	for (size_t i = 0; i < n;) {
		size_t len;

		if (s[i] == 0)
			return 0;
		if (s[i] < 0x80) {
			i++;
			continue;
		}
		len = lead(s[i], &low, &high);
		if (len == 0 || len > n - i || s[i + 1] < low || s[i + 1] > high)
			return 0;
		for (size_t k = 2; k < len; k++) {
			if (s[i + k] < 0x80 || s[i + k] > 0xbf)
				return 0;
		}
		i += len;
	}
	return 1;
}
