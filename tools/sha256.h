/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* sha256 - FIPS 180-4, for manifests. */
#ifndef CAIRN_TOOLS_SHA256_H
#define CAIRN_TOOLS_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
	uint32_t	h[8];
	uint64_t	bytes;
	uint8_t		block[64];
};

#define SHA256_TEXT 65	/* hex and a NUL */

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t bytes);
/* Ends the sum; init before the next one. */
void sha256_end(struct sha256 *s, char text[SHA256_TEXT]);

#endif
