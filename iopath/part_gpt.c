/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* part_gpt - the GUID partition table: a header in sector 1 and its copy in the last sector, each
 * with the checksum of itself and of its array of entries. The first one that holds is used. */
#include "iopath/part_priv.h"

#include "iopath/base/le.h"

/* Source: UEFI Specification 2.10, tables 5.5 and 5.6. */
struct gpt_disk {
	uint8_t	magic[8];		/*  0  "EFI PART" */
	le32	revision;		/*  8  0x00010000 */
	le32	header_bytes;		/* 12  92 or more */
	le32	header_crc;		/* 16  with this field zero */
	le32	zero;			/* 20 */
	le64	own_lba;		/* 24 */
	le64	other_lba;		/* 32 */
	le64	first_usable;		/* 40 */
	le64	last_usable;		/* 48 */
	uint8_t	disk_id[16];		/* 56 */
	le64	entries_lba;		/* 72 */
	le32	entry_count;		/* 80 */
	le32	entry_bytes;		/* 84 */
	le32	entries_crc;		/* 88 */
};
DISK_SIZE(struct gpt_disk, 92);
DISK_AT(struct gpt_disk, disk_id, 56);

struct gpt_entry_disk {
	uint8_t	type[16];		/*  0  zero: unused */
	uint8_t	id[16];			/* 16 */
	le64	first;			/* 32 */
	le64	last;			/* 40  inclusive */
	le64	attributes;		/* 48 */
	le16	name[36];		/* 56  UTF-16 */
};
DISK_SIZE(struct gpt_entry_disk, 128);

#define ENTRY_BYTES_MAX	4096u

uint32_t part_crc32(uint32_t crc, const void *data, size_t bytes)
{
	const uint8_t *p = data;

	crc = ~crc;
	while (bytes--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
	}
	return ~crc;
}

/* sector: a whole sector with the header at its start. */
static int header_holds(uint8_t *sector, uint32_t sector_bytes, uint64_t lba)
{
	struct gpt_disk *h = (struct gpt_disk *)(void *)sector;
	uint32_t bytes = le32_get(h->header_bytes);
	le32 saved = h->header_crc;
	uint32_t crc;

	if (memcmp(h->magic, "EFI PART", 8) != 0 || bytes < sizeof(*h) || bytes > sector_bytes)
		return 0;
	le32_set(&h->header_crc, 0);
	crc = part_crc32(0, sector, bytes);
	h->header_crc = saved;
	return crc == le32_get(saved) && le64_get(h->own_lba) == lba;
}

/* The size of the array, or 0 when no sane table has it. */
static uint64_t entries_bytes(const struct gpt_disk *h)
{
	uint32_t count = le32_get(h->entry_count), bytes = le32_get(h->entry_bytes);

	if (!count || count > PART_COUNT_MAX || bytes < sizeof(struct gpt_entry_disk) ||
	    bytes > ENTRY_BYTES_MAX || bytes % 8)
		return 0;
	return (uint64_t)count * bytes;
}

static size_t utf8_put(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	out[0] = (char)(0xE0 | c >> 12);
	out[1] = (char)(0x80 | (c >> 6 & 0x3F));
	out[2] = (char)(0x80 | (c & 0x3F));
	return 3;
}

/* Surrogates become '?': no name that people give partitions needs them. */
static void name_decode(const le16 name[36], char out[112])
{
	size_t at = 0;

	for (size_t i = 0; i < 36 && le16_get(name[i]); i++) {
		uint32_t c = le16_get(name[i]);

		at += utf8_put(out + at, c < 0x20 || (c >= 0xD800 && c < 0xE000) ? '?' : c);
	}
	out[at] = 0;
}

static enum status add_entry(struct part_table *t, const struct gpt_entry_disk *e, uint32_t number,
			     uint64_t sectors_max)
{
	static const uint8_t unused[16];
	uint64_t first = le64_get(e->first), last = le64_get(e->last);
	struct part *p;

	if (memcmp(e->type, unused, 16) == 0)
		return ST_OK;
	if (last < first || last >= sectors_max)	/* cannot be turned into bytes */
		return ST_CORRUPT;
	p = part_add(t);
	if (!p)
		return ST_NOMEM;
	p->number = number;
	p->start = first * t->sector_bytes;
	p->bytes = (last - first + 1) * t->sector_bytes;
	memcpy(p->type, e->type, 16);
	memcpy(p->id, e->id, 16);
	p->attributes = le64_get(e->attributes);
	name_decode(e->name, p->name);
	return ST_OK;
}

static enum status decode(const struct gpt_disk *h, const uint8_t *entries, struct part_table *t)
{
	uint64_t sectors_max = (1ull << 63) / t->sector_bytes;
	enum status st = ST_OK;

	t->scheme = PART_GPT;
	memcpy(t->id, h->disk_id, 16);
	t->first_usable = le64_get(h->first_usable);
	t->last_usable = le64_get(h->last_usable);
	for (uint32_t i = 0; i < le32_get(h->entry_count) && st == ST_OK; i++) {
		struct gpt_entry_disk e;

		memcpy(&e, entries + (uint64_t)i * le32_get(h->entry_bytes), sizeof(e));
		st = add_entry(t, &e, i + 1, sectors_max);
	}
	return st;
}

static enum status read_entries(struct io_dev *dev, const struct gpt_disk *h, struct part_table *t)
{
	uint64_t bytes = entries_bytes(h), lba = le64_get(h->entries_lba);
	uint8_t *entries;
	enum status st;

	if (!bytes || lba >= dev->size_bytes / t->sector_bytes ||
	    bytes > dev->size_bytes - lba * t->sector_bytes)
		return ST_CORRUPT;
	entries = port_alloc(bytes);
	if (!entries)
		return ST_NOMEM;
	st = io_dev_read(dev, lba * t->sector_bytes, entries, bytes);
	if (st == ST_OK && part_crc32(0, entries, bytes) != le32_get(h->entries_crc))
		st = ST_CORRUPT;
	if (st == ST_OK)
		st = decode(h, entries, t);
	port_free(entries);
	return st;
}

/* One header with its entries. ST_NOENT: there is none here. */
static enum status read_one(struct io_dev *dev, uint64_t lba, struct part_table *t)
{
	uint8_t *sector = port_alloc(t->sector_bytes);
	enum status st;

	if (!sector)
		return ST_NOMEM;
	st = io_dev_read(dev, lba * t->sector_bytes, sector, t->sector_bytes);
	if (st == ST_OK && !header_holds(sector, t->sector_bytes, lba))
		st = ST_NOENT;
	if (st == ST_OK)
		st = read_entries(dev, (struct gpt_disk *)(void *)sector, t);
	port_free(sector);
	if (st != ST_OK)
		part_table_free(t);
	return st;
}

enum status part_gpt_read(struct io_dev *dev, uint32_t sector_bytes, struct part_table *t,
			  struct why *why)
{
	uint64_t sectors = dev->size_bytes / sector_bytes;
	enum status first, last;

	if (sectors < 3)
		return ST_NOENT;
	t->sector_bytes = sector_bytes;
	first = read_one(dev, 1, t);
	if (first == ST_OK)
		return ST_OK;
	if (first == ST_NOMEM)
		return why_set(why, first, "%s: no memory for the partition table", dev->name);
	last = read_one(dev, sectors - 1, t);
	if (last == ST_OK) {
		t->from_backup = 1;
		return ST_OK;
	}
	t->scheme = PART_NONE;
	if (first == ST_NOENT && last == ST_NOENT)
		return ST_NOENT;
	return why_set(why, first == ST_NOENT ? last : first,
		       "%s: the GPT is damaged and its copy at the "
		       "end cannot be used",
		       dev->name);
}
