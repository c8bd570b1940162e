/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lvm_header - the LVM metadata of one device.
 *
 * At 1 MiB of the partition stand the device record and, a sector later, the only entry of the
 * volume table; after them bitmap and table pairs, each for 8192 physical extents (PEs) of 256 MiB.
 * Eight pairs are a region; a device over 16 TiB chains further regions between its data, and PE
 * numbers go on through them. Everything is checked here before anybody computes with it. */
#include "vmfs/lvm_priv.h"

#define PE_BATCH 2048u		/* PE records read at a time: 256 KiB */

const struct lvm_form lvm_form_5 = {
	.major = 5, .volume_at = LVM_VOLUME_AT, .names_at = LVM_NAMES_AT,
	.map_at = LVM_PE_MAP_AT(0), .table_at = LVM_PE_TABLE_AT(0),
	.stride = LVM_PE_MAP_AT(1) - LVM_PE_MAP_AT(0), .record_pes = 1,
};

const struct lvm_form lvm_form_6 = {
	.major = 6, .md_alignment = LVM6_MD_ALIGNMENT, .volume_at = LVM6_VOLUME_AT,
	.names_at = LVM6_NAMES_AT, .map_at = LVM6_PE_MAP_AT, .table_at = LVM6_PE_TABLE_AT,
	.stride = LVM6_PE_STRIDE, .record_pes = LVM6_RECORD_PES,
};

static const char *record_check(const struct lvm_form *form, const struct lvm_device_disk *r)
{
	uint32_t pes = le32_get(r->num_pes);

	if (le32_get(r->num_volumes) != 1)
		return "numVolumes is not 1";
	if (le32_get(r->block_bytes) != SECTOR_BYTES)
		return "the block size is not 512";
	if (pes == 0 || pes > LVM_PES_MAX)
		return "numPEs is out of range";
	if (le32_get(r->num_pe_maps) > LVM_MAPS_PER_REGION)
		return "numPEMaps is more than 8";
	if (form->md_alignment && le32_get(r->md_alignment) != form->md_alignment)
		return "mdAlignment is not 4096";
	return NULL;
}

static const char *volume_check(const struct lvm_volume_disk *v)
{
	uint64_t first = le64_get(v->first_pe), last = le64_get(v->last_pe);
	uint32_t devs = le32_get(v->num_devs);

	if (devs == 0 || devs > LVM_DEVICES_MAX)
		return "numDevs is not 1..32";
	if (last >= LVM_PES_MAX || first > last)
		return "firstPE and lastPE are out of range";
	if (le32_get(v->num_pes) != last - first + 1)
		return "numPEs is not lastPE - firstPE + 1";
	if (le64_get(v->logical_bytes) == 0 ||
	    le64_get(v->logical_bytes) > LVM_PES_MAX * LVM_PE_BYTES)
		return "logicalSize is out of range";
	if (le32_get(v->volume_id) != 0)
		return "volumeID is not 0";
	if (le32_get(v->state) != 1)
		return "a resignature is not finished (state is not 1)";
	return NULL;
}

/* Add a region of `maps` pairs (0, as old hosts write it: as many as are needed). */
static const char *region_add(struct lvm_device *d, uint64_t at, uint32_t maps)
{
	struct lvm_region *r = &d->region[d->region_count];
	uint32_t pes = le32_get(d->record.num_pes);

	if (d->region_count == LVM_REGIONS_MAX)
		return "more than 4 metadata regions";
	if (maps > LVM_MAPS_PER_REGION)
		return "a metadata region with more than 8 PE maps";
	r->at = at;
	r->first = d->region_count ? r[-1].first + r[-1].pes : 0;
	r->pes = MIN(pes - r->first, (maps ? maps : LVM_MAPS_PER_REGION) * LVM_PES_PER_MAP);
	d->region_count++;
	return NULL;
}

/* Follow the chain until all PE records have a place. A loop ends at the limit of regions. */
static enum status regions_read(struct lvm_device *d, struct why *why)
{
	struct lvm_region_disk link;
	uint64_t at = LVM_HEADER_AT, next = le64_get(d->record.ext_offset);
	uint32_t maps = le32_get(d->record.num_pe_maps), pes = le32_get(d->record.num_pes);
	const char *bad;
	enum status st;

	for (;;) {
		const struct lvm_region *last;

		bad = region_add(d, at, maps);
		if (bad)
			return why_set(why, ST_CORRUPT, "%s: LVM header: %s", d->dev->name, bad);
		last = &d->region[d->region_count - 1];
		if (last->first + last->pes == pes)
			return ST_OK;
		if (next < LVM_DATA_AT || next % SECTOR_BYTES || next > d->dev->size_bytes ||
		    d->dev->size_bytes - next < LVM_REGION_BYTES)
			return why_set(
			    why, ST_CORRUPT,
			    "%s: LVM header: %u PEs need one more metadata region, the chain "
			    "points to 0x%jx",
			    d->dev->name, pes, next);
		st = io_dev_read(d->dev, next, &link, sizeof(link));
		if (st != ST_OK)
			return why_set(why, st, "%s: LVM region at 0x%jx: %s", d->dev->name, next,
				       status_text(st));
		if (le32_get(link.magic) != LVM_MAGIC || le32_get(link.num_pe_maps) == 0)
			return why_set(why, ST_CORRUPT,
				       "%s: no LVM metadata region at 0x%jx, where the "
				       "chain points to",
				       d->dev->name, next);
		at = next;
		maps = le32_get(link.num_pe_maps);
		next = le64_get(link.next);
	}
}

enum status lvm_device_read(struct lvm_device *d, struct io_dev *dev, struct why *why)
{
	const char *bad;
	enum status st;

	memset(d, 0, sizeof(*d));
	d->dev = dev;
	if (dev->size_bytes < LVM_HEADER_AT + LVM6_VOLUME_AT + sizeof(d->volume))
		return why_set(why, ST_NOENT, "%s: too small for a VMFS (%ju bytes)", dev->name,
			       dev->size_bytes);
	st = io_dev_read(dev, LVM_HEADER_AT, &d->record, sizeof(d->record));
	if (st != ST_OK)
		return why_set(why, st, "%s: LVM header: %s", dev->name, status_text(st));
	if (le32_get(d->record.magic) != LVM_MAGIC)
		return why_set(why, ST_NOENT, "%s: no VMFS here (no LVM header at 1 MiB)",
			       dev->name);
	if (le32_get(d->record.major) < 3 || le32_get(d->record.major) > 6)
		return why_set(why, ST_UNSUPPORTED,
			       "%s: LVM version %u.%u is not known (3, 4, 5 and 6 are)", dev->name,
			       le32_get(d->record.major), le32_get(d->record.minor));
	d->form = le32_get(d->record.major) == 6 ? &lvm_form_6 : &lvm_form_5;
	st = io_dev_read(dev, LVM_HEADER_AT + d->form->volume_at, &d->volume, sizeof(d->volume));
	if (st != ST_OK)
		return why_set(why, st, "%s: LVM volume entry: %s", dev->name, status_text(st));
	bad = record_check(d->form, &d->record);
	if (bad)
		return why_set(why, ST_CORRUPT, "%s: LVM device record at 0x100000: %s", dev->name,
			       bad);
	bad = volume_check(&d->volume);
	if (bad)
		return why_set(why, ST_CORRUPT, "%s: LVM volume entry at 0x%jx: %s", dev->name,
			       (uint64_t)(LVM_HEADER_AT + d->form->volume_at), bad);
	return regions_read(d, why);
}

/* 1 when [at, at + bytes) touches LVM metadata of the device. */
static int in_metadata(const struct lvm_device *d, uint64_t at, uint64_t bytes)
{
	if (at < LVM_DATA_AT)
		return 1;
	for (uint32_t i = 1; i < d->region_count; i++)
		if (at < d->region[i].at + LVM_REGION_BYTES && d->region[i].at < at + bytes)
			return 1;
	return 0;
}

const char *lvm_pe_check(const struct lvm_device *d, const struct lvm_pe_disk *pe, uint32_t number)
{
	uint64_t bytes = le64_get(pe->bytes), physical = le64_get(pe->physical);
	uint64_t logical = le64_get(pe->logical), size = d->dev->size_bytes;
	int alone = le32_get(d->volume.num_devs) == 1 && le32_get(d->volume.num_pes) == 1;
	int whole = bytes && bytes % LVM_PE_BYTES == 0 &&
		    bytes / LVM_PE_BYTES <= d->form->record_pes;

	if (pe->used != 1)
		return "is not marked used";
	if (le32_get(pe->pe_id) != number)
		return "carries another number";
	if (le32_get(pe->volume_id) != 0)
		return "belongs to another volume";
	/* A single short PE: a test volume under 256 MiB. */
	if (!whole && !(alone && bytes && bytes < LVM_PE_BYTES && bytes % MIB == 0))
		return d->form->record_pes == 1 ? "is not 256 MiB long"
						: "is not a number of 256 MiB long";
	if (logical % LVM_PE_BYTES || logical / LVM_PE_BYTES >= LVM_PES_MAX)
		return "has an impossible logical offset";
	if (physical % SECTOR_BYTES || physical > UINT64_MAX - bytes)
		return "has an impossible place on the device";
	/* An image that was cut short can be read up to there. */
	if (physical + bytes > size && d->dev->writable)
		return "ends past the end of the device (cut short?)";
	if (in_metadata(d, physical, bytes))
		return "lies over LVM metadata";
	return NULL;
}

struct pe_batch {
	struct lvm_pe_disk	pe[PE_BATCH];
	uint8_t bits[PE_BATCH / 8]; /* the bitmap's part, from a whole byte on */
};

/* Read the records `number` .. number + n - 1 of a region; they are in one table. */
static enum status pe_read(struct lvm_device *d, const struct lvm_region *r, uint32_t number,
			   uint32_t n, struct pe_batch *b)
{
	uint32_t map = (number - r->first) / LVM_PES_PER_MAP;
	uint32_t index = (number - r->first) % LVM_PES_PER_MAP;
	enum status st;

	st = io_dev_read(d->dev, r->at + d->form->table_at + (uint64_t)map * d->form->stride +
			 index * sizeof(b->pe[0]),
			 b->pe, n * sizeof(b->pe[0]));
	if (st != ST_OK)
		return st;
	return io_dev_read(d->dev, r->at + d->form->map_at + (uint64_t)map * d->form->stride +
			 index / 8, b->bits,
			   div_round_up(n, 8));
}

enum status lvm_pe_walk(struct lvm_device *d,
			enum status (*fn)(void *arg, uint32_t number, const struct lvm_pe_disk *pe,
					  int in_map),
			void *arg, struct why *why)
{
	struct pe_batch *b = port_dma_alloc(sizeof(*b));
	enum status st = ST_OK;

	if (!b)
		return why_set(why, ST_NOMEM, "%s: no memory for its PE records", d->dev->name);
	for (uint32_t i = 0; i < d->region_count && st == ST_OK; i++) {
		const struct lvm_region *r = &d->region[i];

		/* PE_BATCH divides LVM_PES_PER_MAP: a batch never leaves its table. */
		for (uint32_t k = 0; k < r->pes && st == ST_OK; k += PE_BATCH) {
			uint32_t n = MIN(PE_BATCH, r->pes - k);

			st = pe_read(d, r, r->first + k, n, b);
			if (st != ST_OK)
				why_set(why, st, "%s: PE records from %u: %s", d->dev->name,
					r->first + k, status_text(st));
			for (uint32_t j = 0; j < n && st == ST_OK; j++)
				st = fn(arg, r->first + k + j, &b->pe[j],
					b->bits[j / 8] >> (j % 8) & 1);
		}
	}
	port_dma_free(b, sizeof(*b));
	return st;
}

enum status lvm_lock_dev(struct io_dev *dev, int exclusive, struct why *why)
{
	enum status st;

	if (!dev->ops->lock)
		return ST_OK;
	st = dev->ops->lock(dev, LVM_HEADER_AT, LVM_DATA_AT - LVM_HEADER_AT, exclusive);
	if (st == ST_BUSY)
		return why_set(why, st,
			       exclusive ? "%s: another process has the volume open for writing"
					 : "%s: another process formats, grows or repairs it",
			       dev->name);
	if (st != ST_OK)
		return why_set(why, st, "%s: cannot lock the LVM header: %s", dev->name,
			       status_text(st));
	return ST_OK;
}

void lvm_unlock_dev(struct io_dev *dev)
{
	if (dev->ops->unlock)
		dev->ops->unlock(dev, LVM_HEADER_AT, LVM_DATA_AT - LVM_HEADER_AT);
}
