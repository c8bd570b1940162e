/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_sum - manifests and receipts: the SHA-256 of each 1 MiB block, and of the whole.
 *	cairn-manifest 1
 *	bytes 1073741824
 *	block 1048576
 *	all <64 hex>
 *	<64 hex> <block number>		only blocks that are not all zeros
 * Version 1 tells what a disk shows: any copy of it, in any format, can be compared. Version 2
 * tells of the files of a disk, as they lie in its directory: a section for each, that starts with
 *	file <name>			as line_word() spells it
 * and goes on as above. */
#ifndef CAIRN_TOOLS_DISK_SUM_H
#define CAIRN_TOOLS_DISK_SUM_H

#include "tools/content.h"
#include "tools/disk.h"
#include "tools/lines.h"
#include "tools/sha256.h"

/* ---- writing one ----------------------------------------------------------------------------- */

struct disk_sum_out {
	struct store	*store;
	const char	*path, *tmp;	/* the caller's */
	struct line_out	lines;
	uint64_t	all_at;		/* where the whole sum of this section belongs */
};

/* tmp: a name in the same directory, removed first when it is there. Ends with disk_sum_end(). */
MUST_USE enum status disk_sum_begin(struct disk_sum_out *o, struct store *s, const char *path,
				    const char *tmp, int version, struct why *why);
/* file: of version 2, else NULL. */
void disk_sum_section(struct disk_sum_out *o, const char *file, uint64_t bytes);
void disk_sum_block(struct disk_sum_out *o, const char *sum, uint64_t block);
/* Ends the section. */
void disk_sum_all(struct disk_sum_out *o, const char all[SHA256_TEXT]);
/* Put it in place in one step when st is ST_OK, else take it away. Returns st or the first
 * failure. The name is durable after the store's sync. */
MUST_USE enum status disk_sum_end(struct disk_sum_out *o, enum status st, struct why *why);

/* A manifest of what the disk shows now, replaced in one step. */
MUST_USE enum status disk_sum_write(struct cmd *cmd, struct vmdk_disk *disk, const char *manifest,
				    struct vmdk_job *job, struct why *why);

/* ---- comparing with one ---------------------------------------------------------------------- */

struct disk_sum_range {
	char		*file;		/* NULL: of the disk */
	uint64_t	offset, bytes;
};

struct disk_sum_result {
	uint64_t		blocks, bad;
	struct disk_sum_range	*range;		/* what differs, joined, in order */
	size_t			range_count;
};

/* Compare the disk (or the files in its directory) with a manifest. flags: how to open it.
 *   ST_CORRUPT  the manifest is none, is damaged, or tells of a disk of another size
 * disk_sum_result_free() in any case. */
MUST_USE enum status disk_sum_check(struct cmd *cmd, const char *disk, unsigned flags,
				    const char *manifest, struct disk_job *job,
				    struct disk_sum_result *result, struct why *why);
void disk_sum_result_free(struct disk_sum_result *result);

#endif
