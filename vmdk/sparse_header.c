/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The header of a sparse extent: decode with every check a reader needs, and encode. */
#include "vmdk/sparse_priv.h"

static const uint8_t newlines[4] = { '\n', ' ', '\r', '\n' };

static void decode(const struct sparse_disk *d, struct sparse_header *h)
{
	h->version = le32_get(d->version);
	h->flags = le32_get(d->flags);
	h->capacity = le64_get(d->capacity_sectors);
	h->grain = le64_get(d->grain_sectors);
	h->descriptor_lba = le64_get(d->descriptor_lba);
	h->descriptor_sectors = le64_get(d->descriptor_sectors);
	h->gtes = le32_get(d->gtes_per_gt);
	h->rgd_lba = le64_get(d->rgd_lba);
	h->gd_lba = le64_get(d->gd_lba);
	h->overhead = le64_get(d->overhead_sectors);
	h->unclean = d->unclean != 0;
	h->compressed = (h->flags & SPARSE_COMPRESSED) != 0;
}

static int is_power_of_two(uint64_t n) { return n && !(n & (n - 1)); }

static const char *check_geometry(const struct sparse_header *h)
{
	if (h->capacity == 0 || h->capacity > DESC_SECTORS_MAX)
		return "capacity is 0 or above 128 TiB";
	if (!is_power_of_two(h->grain) || h->grain > SPARSE_GRAIN_MAX)
		return "grainSize is not a power of two up to 2048 sectors";
	if (!is_power_of_two(h->gtes) || h->gtes < 128 || h->gtes > 4096)
		return "numGTEsPerGT is not a power of two from 128 to 4096";
	if (4 * sparse_tables(h) > SPARSE_GD_BYTES_MAX)
		return "the grain directory would be larger than 64 MiB";
	if (h->descriptor_lba && (h->descriptor_lba > 1u << 30 || h->descriptor_sectors == 0 ||
				  h->descriptor_sectors > DESC_TEXT_MAX / SECTOR_BYTES))
		return "descriptorOffset or descriptorSize is out of range";
	if (h->gd_lba != SPARSE_GD_IN_FOOTER && (h->gd_lba == 0 || h->gd_lba > UINT32_MAX))
		return "gdOffset is out of range";
	if ((h->flags & SPARSE_REDUNDANT) && !h->compressed && h->gd_lba != SPARSE_GD_IN_FOOTER &&
	    (h->rgd_lba == 0 || h->rgd_lba > UINT32_MAX))
		return "rgdOffset is out of range";
	return NULL;
}

const char *sparse_header_check(const struct sparse_disk *d, struct sparse_header *h,
				int *unsupported)
{
	uint16_t compression = le16_get(d->compression);

	decode(d, h);
	*unsupported = 1;
	if (le32_get(d->magic) == SPARSE_MAGIC_UNFINISHED)
		return "the image is still being written by the program that makes it";
	if (h->version > 3)
		return "version is above 3";
	if (h->flags & SPARSE_FLAGS_REFUSED)
		return "flags name an incompatible feature that is not known";
	if (compression > 1)
		return "compressAlgorithm is not known";
	*unsupported = 0;
	if (le32_get(d->magic) != SPARSE_MAGIC)
		return "the magic number is wrong";
	if (h->version == 0)
		return "version is 0";
	if ((h->flags & SPARSE_NEWLINES_VALID) && memcmp(d->newlines, newlines, 4) != 0)
		return "the newline bytes are changed: a text-mode transfer damaged the file";
	if (h->compressed != (compression == 1))
		return "compressAlgorithm and the compressed flag differ";
	if ((h->flags & SPARSE_MARKERS) && !h->compressed)
		return "markers without compression";
	return check_geometry(h);
}

void sparse_header_make(struct sparse_disk *d, const struct sparse_header *h)
{
	memset(d, 0, sizeof(*d));
	le32_set(&d->magic, SPARSE_MAGIC);
	le32_set(&d->version, h->version);
	le32_set(&d->flags, h->flags);
	le64_set(&d->capacity_sectors, h->capacity);
	le64_set(&d->grain_sectors, h->grain);
	le64_set(&d->descriptor_lba, h->descriptor_lba);
	le64_set(&d->descriptor_sectors, h->descriptor_sectors);
	le32_set(&d->gtes_per_gt, h->gtes);
	le64_set(&d->rgd_lba, h->rgd_lba);
	le64_set(&d->gd_lba, h->gd_lba);
	le64_set(&d->overhead_sectors, h->overhead);
	d->unclean = h->unclean;
	memcpy(d->newlines, newlines, sizeof(newlines));
	le16_set(&d->compression, h->compressed);
}

void sparse_layout(struct sparse_header *h, uint64_t capacity, int with_descriptor, int zero_grains)
{
	uint64_t tables;

	*h = (struct sparse_header){
		.version = zero_grains ? 2 : 1,
		.flags = SPARSE_NEWLINES_VALID | SPARSE_REDUNDANT |
			 (zero_grains ? SPARSE_ZERO_GRAINS : 0),
		.gtes = SPARSE_GTES, .capacity = capacity, .grain = SPARSE_GRAIN_SECTORS,
		.descriptor_lba = with_descriptor ? 1 : 0,
		.descriptor_sectors = with_descriptor ? DESC_EMBEDDED_SECTORS : 0,
	};
	tables = sparse_gd_sectors(h) + sparse_tables(h) * sparse_gt_sectors(h);
	h->rgd_lba = 1 + h->descriptor_sectors;
	h->gd_lba = h->rgd_lba + tables;
	h->overhead = round_up(h->gd_lba + tables, h->grain);
}
