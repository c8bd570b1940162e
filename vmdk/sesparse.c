/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* SESparse, the delta of VMFS-6 and of disks above 2 TiB: grains of 4 KiB in numbered slots, the
 * tables in a region of their own, entries that can say "zeros". The bitmap of free slots and the
 * map back from slots to grains serve a writer and are not looked at: nobody has published what
 * exactly hosts keep in them. */
#include "vmdk/delta_priv.h"

#define REGION_LBA_MAX (1ull << 48)	/* so that sums and products of offsets cannot overflow */

struct region { uint64_t at, bytes; };

/* A region in bytes; 0 when its place makes no sense. */
static int take_region(const struct sesparse_region *r, struct region *out)
{
	uint64_t lba = le64_get(r->lba), sectors = le64_get(r->sectors);

	if (lba > REGION_LBA_MAX || sectors > REGION_LBA_MAX)
		return 0;
	out->at = lba * SECTOR_BYTES;
	out->bytes = sectors * SECTOR_BYTES;
	return lba > 0 && sectors > 0;
}

static const char *take_volatile(struct delta *dl, const uint8_t *sector)
{
	const struct sesparse_volatile_disk *v =
	    (const struct sesparse_volatile_disk *)(const void *)sector;

	if (le64_get(v->magic) != SESPARSE_MAGIC_VOLATILE)
		return "the magic number of the volatile header is wrong";
	dl->table_mark = MIN(le64_get(v->free_gt), dl->gts_bytes) * SESPARSE_GT_SECTORS *
				 SECTOR_BYTES + dl->gts_at;
	dl->dirty = le64_get(v->replay_journal) != 0;
	return NULL;
}

static const char *take_regions(struct delta *dl, const struct sesparse_disk *d)
{
	struct region gd, gts, grains;

	if (!take_region(&d->gd, &gd) || gd.bytes / 8 < dl->table_count)
		return "the region of the grain directory is missing or too small";
	if (!take_region(&d->gts, &gts))
		return "the region of the grain tables is missing";
	if (!take_region(&d->grains, &grains))
		return "the region of the grains is missing";
	if (grains.at < gd.at + gd.bytes || grains.at < gts.at + gts.bytes)
		return "the regions overlap";
	dl->gd_at = gd.at;
	dl->gts_at = gts.at;
	dl->gts_bytes = gts.bytes;
	dl->data_at = grains.at;
	/* A capacity that is not whole grains leaves the last slot of the region cut short. */
	dl->data_end = grains.at + round_up(grains.bytes, dl->grain_bytes);
	dl->place_at = grains.at;
	dl->place_bytes = dl->grain_bytes;
	dl->grain_mark = UINT64_MAX;	/* slots are given back: there is no mark */
	return NULL;
}

static const char *sesparse_decode(struct delta *dl, const uint8_t *header, int *unsupported)
{
	const struct sesparse_disk *d = (const struct sesparse_disk *)(const void *)header;
	uint64_t capacity = le64_get(d->capacity_sectors);
	const char *bad;

	if (le64_get(d->magic) != SESPARSE_MAGIC)
		return "the magic number is wrong";
	*unsupported = 1;
	if (le64_get(d->version) != SESPARSE_VERSION)
		return "version is not 2.1";
	if (le64_get(d->grain_sectors) != SESPARSE_GRAIN)
		return "grainSize is not 8 sectors";
	if (le64_get(d->gt_sectors) != SESPARSE_GT_SECTORS)
		return "grainTableSize is not 64 sectors";
	if (le64_get(d->flags) != 0)
		return "flags name a feature that is not known";
	*unsupported = 0;
	if (capacity == 0 || capacity > DESC_SECTORS_MAX)
		return "capacity is 0 or above 128 TiB";
	if (le64_get(d->volatile_header.lba) != 1)
		return "the volatile header is not in sector 1";
	dl->capacity_bytes = capacity * SECTOR_BYTES;
	dl->grain_bytes = SESPARSE_GRAIN * SECTOR_BYTES;
	dl->table_count = div_round_up(capacity, SESPARSE_GRAIN * SESPARSE_GTES);
	bad = take_regions(dl, d);
	return bad ? bad : take_volatile(dl, header + SECTOR_BYTES);
}

static enum look sesparse_table(const struct delta *dl, uint64_t gde, uint64_t *at)
{
	const uint64_t bytes = SESPARSE_GT_SECTORS * SECTOR_BYTES;
	uint64_t slot = gde & 0xffffffffu;

	if (gde == 0)
		return LOOK_NONE;
	if (gde >> 32 != SESPARSE_GDE_TYPE << 28 || slot >= dl->gts_bytes / bytes)
		return LOOK_BAD;
	*at = dl->gts_at + slot * bytes;
	return LOOK_DATA;
}

static enum look sesparse_grain(const struct delta *dl, uint64_t grain, uint64_t gte, uint64_t *at)
{
	uint64_t used = MIN(dl->grain_bytes, dl->capacity_bytes - grain * dl->grain_bytes);
	uint64_t slot = SESPARSE_SLOT(gte);

	switch (SESPARSE_TYPE(gte)) {
	case SESPARSE_NONE:
		return gte ? LOOK_BAD : LOOK_NONE;
	case SESPARSE_UNMAPPED:
	case SESPARSE_ZERO:
		return LOOK_ZERO;
	case SESPARSE_DATA:
		if (slot >= (dl->data_end - dl->data_at) / dl->grain_bytes)
			return LOOK_BAD;
		*at = dl->data_at + slot * dl->grain_bytes;
		return *at + used <= dl->file_bytes ? LOOK_DATA : LOOK_BAD;
	default:
		return LOOK_BAD;
	}
}

/* An unmapped grain keeps its slot until that is reclaimed; hosts also write 0, for none. */
static enum look sesparse_held(const struct delta *dl, uint64_t gte, uint64_t *at)
{
	uint64_t slot = SESPARSE_SLOT(gte);

	if (SESPARSE_TYPE(gte) != SESPARSE_UNMAPPED || slot == 0)
		return LOOK_NONE;
	if (slot >= (dl->data_end - dl->data_at) / dl->grain_bytes)
		return LOOK_BAD;
	*at = dl->data_at + slot * dl->grain_bytes;
	return LOOK_DATA;
}

const struct delta_ops sesparse_ops = {
	.name = "SESparse", .header_bytes = 2 * SECTOR_BYTES, .entry_bytes = 8,
	.gd_entry_bytes = 8, .decode = sesparse_decode, .table = sesparse_table,
	.grain = sesparse_grain,
	.held = sesparse_held,
};
