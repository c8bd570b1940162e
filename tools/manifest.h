/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* manifest - the .mf file of a package: a sum for each of its files. `SHA256(web.ovf)= 3b1f...`, a
 * line a file, as openssl dgst writes them.
 * Source: DMTF DSP0243 1.1 and 2.1, section 6; the words of OpenSSL 3 ("SHA2-256") too. */
#ifndef CAIRN_TOOLS_MANIFEST_H
#define CAIRN_TOOLS_MANIFEST_H

#include <stdint.h>

#include "iopath/store.h"

#define MANIFEST_HEX_MAX 129	/* of SHA-512, and a NUL */

enum manifest_kind { MANIFEST_SHA1, MANIFEST_SHA256, MANIFEST_SHA384, MANIFEST_SHA512 };

struct manifest_line {
	char			*name;
	enum manifest_kind	kind;
	char			hex[MANIFEST_HEX_MAX];	/* lower case */
};

struct manifest {
	struct manifest_line	*line;
	size_t			line_count;
	uint32_t		bad_lines;	/* that are not understood */
	uint32_t		first_bad;	/* number of the first of them, from 1; 0: none */
};

const char *manifest_word(enum manifest_kind kind);	/* "SHA-256" */

/* Blank lines are nothing; others that are no sum are counted. 0; -1: no memory. manifest_free()
 * in any case. */
int manifest_parse(struct manifest *mf, const char *text);
void manifest_free(struct manifest *mf);
/* NULL: the file has no line. */
const struct manifest_line *manifest_find(const struct manifest *mf, const char *name);

/* The sum of bytes of a file from `at` on, as hex. moved: called for each piece that was read;
 * non-zero ends it with ST_CANCELLED. In a world. */
MUST_USE enum status manifest_sum(enum manifest_kind kind, struct store_file *f, uint64_t at,
				  uint64_t bytes, int (*moved)(void *arg, uint64_t bytes),
				  void *arg, char hex[MANIFEST_HEX_MAX]);

#endif
