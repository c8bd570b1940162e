/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* COWD, the "vmfsSparse" delta: 32-bit sectors, grains of one sector as hosts write them, tables
 * and grains one after the other in order of first use. It has no way to say "zeros": what is not
 * there is the parent's. */
#include "vmdk/delta_priv.h"

static int is_power_of_two(uint32_t n) { return n && !(n & (n - 1)); }

static const char *cowd_decode(struct delta *dl, const uint8_t *header, int *unsupported)
{
	const struct cowd_disk *d = (const struct cowd_disk *)(const void *)header;
	uint64_t capacity = le32_get(d->capacity_sectors), gd_lba = le32_get(d->gd_lba);
	uint32_t grain = le32_get(d->grain_sectors);

	if (le32_get(d->magic) != COWD_MAGIC)
		return "the magic number is wrong";
	*unsupported = 1;
	if (le32_get(d->version) != 1)
		return "version is not 1";
	*unsupported = 0;
	if (capacity == 0)
		return "numSectors is 0";
	if (!is_power_of_two(grain) || grain > COWD_GRAIN_MAX)
		return "grainSize is not a power of two up to 2048 sectors";
	if (gd_lba < DELTA_HEADER_MAX / SECTOR_BYTES)
		return "gdOffset lies inside the header";
	dl->capacity_bytes = capacity * SECTOR_BYTES;
	dl->grain_bytes = (uint64_t)grain * SECTOR_BYTES;
	dl->table_count = div_round_up(capacity, (uint64_t)grain * COWD_GTES);
	if (le32_get(d->gd_entries) < dl->table_count)
		return "numGDEntries is too small for numSectors";
	dl->gd_at = gd_lba * SECTOR_BYTES;
	dl->data_at = dl->gd_at + round_up(dl->table_count * 4, SECTOR_BYTES);
	dl->data_end = UINT64_MAX;
	dl->place_bytes = SECTOR_BYTES;
	dl->table_mark = dl->grain_mark = (uint64_t)le32_get(d->free_lba) * SECTOR_BYTES;
	dl->dirty = le32_get(d->unclean) != 0;
	return NULL;
}

static enum look cowd_table(const struct delta *dl, uint64_t gde, uint64_t *at)
{
	*at = gde * SECTOR_BYTES;
	if (gde == 0)
		return LOOK_NONE;
	return *at < dl->data_at ? LOOK_BAD : LOOK_DATA;
}

static enum look cowd_grain(const struct delta *dl, uint64_t grain, uint64_t gte, uint64_t *at)
{
	uint64_t used = MIN(dl->grain_bytes, dl->capacity_bytes - grain * dl->grain_bytes);

	*at = gte * SECTOR_BYTES;
	if (gte == 0)
		return LOOK_NONE;
	return *at < dl->data_at || *at + used > dl->file_bytes ? LOOK_BAD : LOOK_DATA;
}

const struct delta_ops cowd_ops = {
	.name = "COWD", .header_bytes = sizeof(struct cowd_disk), .entry_bytes = 4,
	.gd_entry_bytes = 4, .decode = cowd_decode, .table = cowd_table, .grain = cowd_grain,
};
