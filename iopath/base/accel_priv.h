/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* accel_priv - the plain twins behind struct accel, and what they share. */
#ifndef CAIRN_BASE_ACCEL_PRIV_H
#define CAIRN_BASE_ACCEL_PRIV_H

#include "iopath/base/accel.h"
#include "iopath/base/mem.h"

uint32_t crc32c_plain(uint32_t crc, const void *data, size_t bytes);
/* Adler-32 (RFC 1950); start with 1. */
uint32_t adler32_plain(uint32_t adler, const void *data, size_t bytes);

size_t deflate_plain(int level, const void *in, size_t in_bytes, void *out, size_t out_max);
enum status inflate_plain(const void *in, size_t in_bytes, void *out, size_t out_max,
			  size_t *out_bytes);

/* ---- constants of RFC 1951 that both directions need ----------------------------------------- */

enum {
	DEFLATE_LITLEN_MAX = 288,	/* literal and length codes; 286 and 287 never occur */
	DEFLATE_DIST_MAX = 30,
	DEFLATE_BITS_MAX = 15,		/* longest code */
	DEFLATE_WINDOW = 32768,
	DEFLATE_END = 256,		/* the symbol that ends a block */
};

struct deflate_base {
	uint16_t base;
	uint8_t extra_bits;
};
extern const struct deflate_base deflate_lengths[29];	/* of symbols 257 ... 285 */
extern const struct deflate_base deflate_distances[DEFLATE_DIST_MAX];
extern const uint8_t deflate_code_order[19];	/* order of the code length code lengths */

#endif
