/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mem - helpers on top of the few functions that every port brings (memcpy, strlen, ...). */
#include "iopath/base/mem.h"

size_t mem_copy_text(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (size > 0) {
		size_t n = MIN(len, size - 1);

		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}

int mem_ends_with(const char *text, const char *tail)
{
	size_t len = strlen(text), tail_len = strlen(tail);

	return len >= tail_len && memcmp(text + len - tail_len, tail, tail_len) == 0;
}

static int lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
}

int mem_compare_nocase(const char *a, const char *b)
{
	while (*a && lower((unsigned char)*a) == lower((unsigned char)*b)) {
		a++;
		b++;
	}
	return lower((unsigned char)*a) - lower((unsigned char)*b);
}
