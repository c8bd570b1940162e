/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* part - private: the table under construction, and what part.c and part_gpt.c share. */
#ifndef CAIRN_IOPATH_PART_PRIV_H
#define CAIRN_IOPATH_PART_PRIV_H

#include "iopath/part.h"

#define PART_COUNT_MAX 1024u

/* The next free entry, zeroed; NULL: no memory or more than PART_COUNT_MAX. */
struct part *part_add(struct part_table *t);

/* ST_NOENT: no valid header at either end for this sector size. */
MUST_USE enum status part_gpt_read(struct io_dev *dev, uint32_t sector_bytes, struct part_table *t,
				   struct why *why);

#endif
