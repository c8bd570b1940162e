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
	uint8_t		instructions;	/* the processor's own are used */
};

#define SHA256_TEXT 65	/* hex and a NUL */

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t bytes);
/* Ends the sum; init before the next one. */
void sha256_end(struct sha256 *s, char text[SHA256_TEXT]);

/* A sum on its way, after a multiple of 64 bytes, as text: it can go on in another process. */
void sha256_save(const struct sha256 *s, char text[SHA256_TEXT]);
/* 0; -1: not the text of one. bytes: how many it has seen, a multiple of 64. */
int sha256_load(struct sha256 *s, const char *text, uint64_t bytes);

#endif
