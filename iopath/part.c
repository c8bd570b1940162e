/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* part - which table a device has, and the MBR with its chain of logical partitions. A boot sector
 * without a table ends with the same two bytes as an MBR: only entries that make sense (a status
 * of 00 or 80, a start inside the device) make it one. */
#include "iopath/part_priv.h"

#include "iopath/base/fmt.h"
#include "iopath/base/le.h"

struct mbr_entry_disk {
	uint8_t	status;			/*  0  80: active */
	uint8_t	chs_first[3];		/*  1 */
	uint8_t	type;			/*  4 */
	uint8_t	chs_last[3];		/*  5 */
	le32	start;			/*  8  sectors */
	le32	sectors;		/* 12 */
};
DISK_SIZE(struct mbr_entry_disk, 16);

struct mbr_disk {
	uint8_t			code[446];
	struct mbr_entry_disk	entry[4];
	le16			magic;	/* 0xAA55 */
};
DISK_SIZE(struct mbr_disk, 512);
DISK_AT(struct mbr_disk, entry, 446);

#define MBR_MAGIC	0xAA55u
#define MBR_PROTECTIVE	0xEEu
#define LOGICAL_MAX	256u	/* links of the chain that are followed */

const char *part_scheme_word(enum part_scheme scheme)
{
	static const char *const words[] = { "none", "msdos", "gpt" };

	return words[scheme];
}

void part_guid_format(const uint8_t g[16], char text[PART_GUID_TEXT])
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	size_t at = 0;

	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[at++] = '-';
		at += fmt(text + at, PART_GUID_TEXT - at, "%02X", g[order[i]]);
	}
}

struct part *part_add(struct part_table *t)
{
	if (t->count == PART_COUNT_MAX)
		return NULL;
	if ((t->count & (t->count - 1)) == 0) {		/* 0, 1, 2, 4 ...: full */
		struct part *more = port_alloc(MAX(2 * t->count, 1u) * sizeof(*more));

		if (!more)
			return NULL;
		if (t->part)
			memcpy(more, t->part, t->count * sizeof(*more));
		port_free(t->part);
		t->part = more;
	}
	memset(&t->part[t->count], 0, sizeof(*t->part));
	return &t->part[t->count++];
}

const struct part *part_find(const struct part_table *t, uint32_t number)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->part[i].number == number)
			return &t->part[i];
	return NULL;
}

void part_table_free(struct part_table *t)
{
	port_free(t->part);
	t->part = NULL;
	t->count = 0;
}

/* ---- MBR ------------------------------------------------------------------------------------- */

static int is_extended(uint8_t type) { return type == 0x05 || type == 0x0F || type == 0x85; }

static int is_mbr(const struct mbr_disk *mbr, uint64_t device_sectors)
{
	int used = 0;

	if (le16_get(mbr->magic) != MBR_MAGIC)
		return 0;
	for (size_t i = 0; i < 4; i++) {
		const struct mbr_entry_disk *e = &mbr->entry[i];

		if (e->status & 0x7F)
			return 0;
		if (!e->type)
			continue;
		if (!le32_get(e->sectors) || !le32_get(e->start) ||
		    le32_get(e->start) >= device_sectors)
			return 0;
		used++;
	}
	return used;
}

static int is_protective(const struct mbr_disk *mbr)
{
	if (le16_get(mbr->magic) != MBR_MAGIC)
		return 0;
	for (size_t i = 0; i < 4; i++)
		if (mbr->entry[i].type == MBR_PROTECTIVE)
			return 1;
	return 0;
}

static enum status add_mbr(struct part_table *t, const struct mbr_entry_disk *e, uint32_t number,
			   uint64_t base)
{
	struct part *p = part_add(t);

	if (!p)
		return ST_NOMEM;
	p->number = number;
	p->start = (base + le32_get(e->start)) * t->sector_bytes;
	p->bytes = (uint64_t)le32_get(e->sectors) * t->sector_bytes;
	p->mbr_type = e->type;
	p->active = e->status == 0x80;
	return ST_OK;
}

/* Each link describes one partition relative to itself and names the next link relative to the
 * extended partition. It must move forward: that alone ends every loop. */
static enum status read_logical(struct io_dev *dev, struct part_table *t, uint64_t extended)
{
	struct mbr_disk link;
	uint64_t at = extended, next;

	for (uint32_t i = 0; i < LOGICAL_MAX; i++, at = next) {
		enum status st;

		if ((at + 1) * t->sector_bytes > dev->size_bytes)
			return ST_OK;
		st = io_dev_read(dev, at * t->sector_bytes, &link, sizeof(link));
		if (st != ST_OK)
			return st;
		if (le16_get(link.magic) != MBR_MAGIC)
			return ST_OK;
		if (link.entry[0].type && le32_get(link.entry[0].sectors)) {
			st = add_mbr(t, &link.entry[0], 5 + i, at);
			if (st != ST_OK)
				return st;
		}
		next = extended + le32_get(link.entry[1].start);
		if (!is_extended(link.entry[1].type) || next <= at)
			return ST_OK;
	}
	return ST_OK;
}

static enum status read_mbr(struct io_dev *dev, const struct mbr_disk *mbr, struct part_table *t)
{
	enum status st = ST_OK;

	t->scheme = PART_MBR;
	for (uint32_t i = 0; i < 4 && st == ST_OK; i++)
		if (mbr->entry[i].type)
			st = add_mbr(t, &mbr->entry[i], i + 1, 0);
	for (uint32_t i = 0; i < 4 && st == ST_OK; i++)
		if (is_extended(mbr->entry[i].type))
			st = read_logical(dev, t, le32_get(mbr->entry[i].start));
	return st;
}

/* ---- which one ------------------------------------------------------------------------------- */

/* An image file may come from a disk with 4096-byte sectors: only the header's place tells. */
static enum status find_gpt(struct io_dev *dev, struct part_table *t, struct why *why)
{
	static const uint32_t sizes[] = { 512, 4096 };
	enum status st = ST_NOENT;

	if (dev->is_device)
		return part_gpt_read(dev, dev->block_bytes, t, why);
	for (size_t i = 0; i < ARRAY_COUNT(sizes) && st == ST_NOENT; i++)
		st = part_gpt_read(dev, sizes[i], t, why);
	return st;
}

static enum status read_table(struct io_dev *dev, struct part_table *t, struct why *why)
{
	struct mbr_disk mbr;
	enum status st;

	if (dev->size_bytes < 2 * sizeof(mbr))
		return ST_OK;
	st = io_dev_read(dev, 0, &mbr, sizeof(mbr));
	if (st != ST_OK)
		return why_set(why, st, "%s: cannot read the first sector: %s", dev->name,
			       status_text(st));
	if (is_protective(&mbr) || !is_mbr(&mbr, dev->size_bytes / SECTOR_BYTES)) {
		st = find_gpt(dev, t, why);
		if (st == ST_NOENT && is_protective(&mbr))
			return why_set(why, ST_CORRUPT,
				       "%s: a GPT is announced, but the headers at both "
				       "ends are bad",
				       dev->name);
		return st == ST_NOENT ? ST_OK : st;
	}
	t->sector_bytes = dev->is_device ? dev->block_bytes : SECTOR_BYTES;
	st = read_mbr(dev, &mbr, t);
	return st == ST_OK ? st : why_set(why, st, "%s: cannot read the MBR partition table: %s",
					  dev->name, status_text(st));
}

enum status part_table_read(struct io_dev *dev, struct part_table *t, struct why *why)
{
	enum status st;

	memset(t, 0, sizeof(*t));
	t->sector_bytes = SECTOR_BYTES;
	st = read_table(dev, t, why);
	if (st != ST_OK)
		part_table_free(t);
	return st;
}
