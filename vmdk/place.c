/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* place - for readers that go past the disk: from virtual bytes to bytes of a device (the disk's
 * map gives a piece of an extent's file, the store's map of that file the device), and whether what
 * they read there was good. */
#include "vmdk/vmdk_priv.h"

/* The first part of a run that the store keeps in one piece. */
static enum status ask_store(struct vmdk_disk *d, const struct vmdk_run *run,
			     struct vmdk_place *place)
{
	struct store_run r;
	enum status st = extent_file_map(&vmdk_link(d, run->depth)->extents[run->extent],
					 run->where, &r);

	if (st != ST_OK)
		return st;
	place->bytes = MIN(run->bytes, r.offset + r.bytes - run->where);
	switch (r.kind) {
	case STORE_RUN_HOLE:
		place->kind = VMDK_PLACE_HOLE;
		break;
	case STORE_RUN_ZERO:
		place->kind = VMDK_PLACE_ZERO;
		break;
	case STORE_RUN_DATA:
		place->kind = r.dev ? VMDK_PLACE_DEVICE : VMDK_PLACE_DISK;
		place->dev = r.dev;
		place->dev_offset = r.dev_offset;
		break;
	}
	return ST_OK;
}

/* Of the file of a raw image a last sector may be there by half: only the disk reads that. */
static uint64_t whole_sectors_end(const struct vmdk_disk *disk)
{
	return disk->kind == VMDK_RAW ? round_down(disk->extents[0].file_bytes, SECTOR_BYTES)
				      : disk->bytes;
}

enum status vmdk_place(struct vmdk_disk *disk, uint64_t offset, struct vmdk_place *place)
{
	uint64_t end = whole_sectors_end(disk);
	struct vmdk_run run;
	enum status st = vmdk_map(disk, offset, &run);

	if (st != ST_OK)
		return st;
	*place = (struct vmdk_place){ .offset = offset, .bytes = run.bytes };
	if (run.zero)
		place->kind = run.present ? VMDK_PLACE_ZERO : VMDK_PLACE_HOLE;
	else if (run.compressed || run.where == ~0ull || offset >= end)
		place->kind = VMDK_PLACE_DISK;
	else
		st = ask_store(disk, &run, place);
	if (offset < end)
		place->bytes = MIN(place->bytes, end - offset);
	return st;
}

static enum status check_extent(const struct vmdk_extent *x, struct why *why)
{
	struct why what = { 0 };
	enum status st = ST_OK;

	if (x->file && x->file->store->ops->file_check)
		st = x->file->store->ops->file_check(x->file, &what);
	return st == ST_OK ? st : why_set(why, st, "%s: %s", x->name, what.text);
}

enum status vmdk_files_check(struct vmdk_disk *disk, struct why *why)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < vmdk_link_count(disk) && st == ST_OK; i++) {
		const struct vmdk_disk *link = vmdk_link(disk, i);

		for (uint32_t k = 0; k < link->extent_count && st == ST_OK; k++)
			st = check_extent(&link->extents[k], why);
	}
	return st;
}
