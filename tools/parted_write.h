/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* parted_write - a partition table onto a device, by libfdisk. */
#ifndef CAIRN_TOOLS_PARTED_WRITE_H
#define CAIRN_TOOLS_PARTED_WRITE_H

#include "iopath/part.h"

#define PARTED_ENTRIES_MAX 128

struct parted_entry {
	unsigned	number;		/* from 1 */
	uint64_t	start, end;	/* sectors, the end inclusive */
	char		type[33];	/* GPT: 32 hex digits as partedUtil writes them */
	unsigned	mbr_type;
	uint8_t		boot;		/* one to boot from: MBR active, GPT legacy boot */
};

#define PARTED_EFI_SYSTEM	"C12A7328F81F11D2BA4B00A0C93EC93B"
/* Attribute bit 2 of a GPT entry: UEFI Specification 2.10, table 5.8. */
#define PARTED_LEGACY_BOOT	4ull

/* Replace the table at path. Old tables are wiped; data is not touched. Entries are checked
 * against the usable sectors before anything is written.
 *   ST_RANGE  an entry does not fit    ST_DEVICE  the kernel refused: the reason is in why */
MUST_USE enum status parted_write(const char *path, enum part_scheme scheme,
				  const struct parted_entry *entry, size_t count, struct why *why);

#endif
