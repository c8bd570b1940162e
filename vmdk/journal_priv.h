/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* journal - the small file beside a destination that lets a killed copy go on where it was. */
#ifndef CAIRN_VMDK_JOURNAL_H
#define CAIRN_VMDK_JOURNAL_H

#include "vmdk/target_priv.h"

#define JOURNAL_TEXT_MAX 1024

struct journal {
	struct store	*store;
	char		path[VMDK_PATH_MAX];
	char		temp[VMDK_PATH_MAX];	/* while it is written */
	char		identity[JOURNAL_TEXT_MAX];	/* what source and destination are */
	uint8_t		written;
};

/* Name the journal of a target, and say what is copied to where. */
MUST_USE enum status journal_init(struct journal *j, struct target *t, struct vmdk_disk *src,
				  struct why *why);
enum journal_found {
	JOURNAL_NONE,
	JOURNAL_OTHER,	/* of another source or destination, or damaged */
	JOURNAL_SAME,
};
/* *copied: bytes that a journal with the same identity says are there. */
enum journal_found journal_read(struct journal *j, uint64_t *copied);
MUST_USE enum status journal_write(struct journal *j, uint64_t copied);
void journal_remove(struct journal *j);

#endif
