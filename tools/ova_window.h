/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* ova_window - a store of one new file, which is a part of another file: what vmdk_convert() writes
 * there lands in the middle of an archive, and is summed on its way. */
#ifndef CAIRN_TOOLS_OVA_WINDOW_H
#define CAIRN_TOOLS_OVA_WINDOW_H

#include "iopath/store.h"
#include "tools/sha256.h"

struct ova_window {
	struct store		store;
	struct store_file	file;		/* the one of this store */
	struct store_file	*under;		/* the archive, the caller's */
	uint64_t		start;		/* where the file begins in it */
	uint64_t		bytes;		/* its length so far */
	struct sha256		sum;
	uint64_t		summed;		/* bytes, from the start */
	uint8_t			exists;
};

void ova_window_init(struct ova_window *w, struct store_file *under, uint64_t start);
/* The sum of the file; what was not written from front to back is read again. */
MUST_USE enum status ova_window_sum(struct ova_window *w, char text[SHA256_TEXT]);

#endif
