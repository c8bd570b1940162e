/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A hostile archive: its members, manifest and descriptor. An input is the .ova; the checksums of
 * its headers are made right first, or hardly an input would get past them. */
#include "tests/fuzz/package.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tar.h"

void fuzz_setup(void)
{
}

/* What looks like a header, at the blocks of the archive, gets its sum. */
static void mend_sums(uint8_t *archive, size_t bytes)
{
	for (size_t at = 0; at + TAR_BLOCK <= bytes; at += TAR_BLOCK) {
		struct tar_header h;

		memcpy(&h, archive + at, sizeof(h));
		if (memcmp(h.magic, "ustar", 5) != 0)
			continue;
		snprintf(h.checksum, sizeof(h.checksum), "%06o", tar_sum(&h) & 0777777);
		memcpy(archive + at, &h, sizeof(h));
	}
}

void fuzz_input(const uint8_t *data, size_t bytes)
{
	uint8_t *archive = malloc(bytes + 1);
	struct mem_store m;

	if (!archive)
		return;
	memcpy(archive, data, bytes);
	mend_sums(archive, bytes);
	mem_store_init(&m);
	mem_store_add(&m, "/p.ova", archive, bytes, bytes);
	use_package(&m.store, "/p.ova");
	mem_store_fini(&m);
	free(archive);
}
