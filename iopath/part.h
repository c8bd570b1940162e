/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* part - read the partition table of a device: GPT or MBR. Nothing is written.
 * A table is hostile input: every field is checked before use, loops of logical partitions end.
 * Sources: UEFI Specification 2.10, chapter 5 (GPT); the PC's master boot record by common use. */
#ifndef CAIRN_PART_H
#define CAIRN_PART_H

#include "iopath/iopath.h"

enum part_scheme { PART_NONE, PART_MBR, PART_GPT };

struct part {
	uint32_t	number;		/* from 1; MBR: logical ones from 5 */
	uint64_t start, bytes; /* of the device; may lie behind its end when the image was cut */
	uint8_t		mbr_type;	/* MBR */
	uint8_t		active;		/* MBR: the boot flag */
	uint8_t		type[16], id[16];	/* GPT: GUIDs as they lie on the disk */
	uint64_t	attributes;	/* GPT */
	char		name[112];	/* GPT, in UTF-8 */
};

struct part_table {
	enum part_scheme scheme;
	uint32_t	sector_bytes;	/* the unit of the table */
	uint8_t		from_backup;	/* GPT: the first header was bad, the last one was used */
	uint8_t		id[16];		/* GPT: the disk's GUID */
	uint64_t	first_usable, last_usable;	/* GPT: sectors */
	uint32_t	count;
	struct part	*part;		/* in the order of their numbers */
};

/* "none", "msdos", "gpt": the words of partedUtil. */
const char *part_scheme_word(enum part_scheme scheme);
/* No table at all is PART_NONE and ST_OK.
 *   ST_CORRUPT  a GPT is announced and both its headers are bad
 *   ST_LIMIT    a table larger than anybody makes (named in why) */
MUST_USE enum status part_table_read(struct io_dev *dev, struct part_table *t, struct why *why);
void part_table_free(struct part_table *t);
const struct part *part_find(const struct part_table *t, uint32_t number);

/* CRC-32 of IEEE 802.3, as GPT uses it; start with 0. */
uint32_t part_crc32(uint32_t crc, const void *data, size_t bytes);
#define PART_GUID_TEXT 37	/* "AA31E02A-400F-11DB-9590-000C2911D1B8" and a NUL */
void part_guid_format(const uint8_t guid[16], char text[PART_GUID_TEXT]);

#endif
