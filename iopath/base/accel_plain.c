/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* accel_plain - the table of plain C twins; what it holds is in crc.c, deflate.c and inflate.c. */
#include "iopath/base/accel.h"

#include "iopath/base/accel_priv.h"

/* A word at a time; memcpy, because the caller's buffer need not be aligned. */
static int is_zero_plain(const void *data, size_t bytes)
{
	const unsigned char *p = data;
	uint64_t seen = 0, word;

	for (; bytes >= sizeof(word); p += sizeof(word), bytes -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		if (word != 0)
			return 0;
	}
	while (bytes-- > 0)
		seen |= *p++;
	return seen == 0;
}

const struct accel accel_plain = {
	.name = "plain",
	.crc32c = crc32c_plain,
	.is_zero = is_zero_plain,
	.deflate = deflate_plain,
	.inflate = inflate_plain,
};
