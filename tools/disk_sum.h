/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_sum - manifests: the SHA-256 of each 1 MiB block of a disk, and of the whole.
 *	cairn-manifest 1
 *	bytes 1073741824
 *	block 1048576
 *	all <64 hex>
 *	<64 hex> <block number>		only blocks that are not all zeros */
#ifndef CAIRN_TOOLS_DISK_SUM_H
#define CAIRN_TOOLS_DISK_SUM_H

#include "tools/disk.h"

struct disk_sum_result { uint64_t blocks, bad, first_bad_at; };

/* A manifest of what the disk shows now, replaced in one step. */
MUST_USE enum status disk_sum_write(struct cmd *cmd, struct vmdk_disk *disk, const char *manifest,
				    struct vmdk_job *job, struct why *why);
/*   ST_CORRUPT  the manifest is none, or of a disk of another size */
MUST_USE enum status disk_sum_check(struct cmd *cmd, struct vmdk_disk *disk, const char *manifest,
				    struct vmdk_job *job, struct disk_sum_result *result,
				    struct why *why);

#endif
