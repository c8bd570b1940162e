/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* ova - an archive of a virtual machine: a tar file (POSIX ustar) of the OVF descriptor, the
 * manifest of sums and the disks, in this order, written in one pass without a temporary copy. The
 * first two tell of sizes and sums that are known last: they get their room at once and their text
 * at the end.
 * Source: DMTF DSP0243, Open Virtualization Format, sections 5.1 (packages) and 6 (sums). */
#ifndef CAIRN_TOOLS_OVA_H
#define CAIRN_TOOLS_OVA_H

#include "iopath/store.h"
#include "tools/sha256.h"
#include "vmdk/vmdk.h"

struct ova {
	struct store		*store;
	char			*path, *tmp;	/* its name, and the one until it is whole */
	struct store_file	*file;
	uint64_t		at;		/* where the next member begins */
	char			*ovf_name, *mf_name;
	uint64_t		ovf_bytes, mf_bytes;
};

/* name: of the members, without a suffix, at most 80 bytes. ovf_bytes, mf_bytes: room for texts.
 *   ST_EXIST  path is there    ST_BUSY  another process is writing it */
MUST_USE enum status ova_begin(struct ova *o, struct store *s, const char *path, const char *name,
			       uint64_t ovf_bytes, uint64_t mf_bytes, struct why *why);
/* Append what a disk shows as a stream-optimized member. *bytes, sum: of the member. */
MUST_USE enum status ova_add_disk(struct ova *o, struct vmdk_disk *disk, const char *name,
				  int level, struct vmdk_job *job, uint64_t *bytes,
				  char sum[SHA256_TEXT], struct why *why);
/* st ST_OK: write the two texts, which fit, and give the archive its name; else take it away.
 * Frees the struct's memory in any case. */
MUST_USE enum status ova_end(struct ova *o, const char *ovf, const char *mf, enum status st,
			     struct why *why);

/* The text of a member as long as its room: newlines at the end, which XML allows. NULL: no memory,
 * or it does not fit. free() it. */
char *ova_pad(const char *text, uint64_t bytes);

#endif
