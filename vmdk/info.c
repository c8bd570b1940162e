/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What is known of an open disk. */
#include "vmdk/delta_priv.h"
#include "vmdk/sparse_priv.h"

#include "iopath/base/fmt.h"

#define ALLOC_RUNS_MAX 100000u	/* runs looked at before a disk counts as what it was so far */

static uint32_t number_of(const struct desc *d, const char *key)
{
	const char *text = desc_get(d, key);
	uint64_t n = 0;

	return text && fmt_parse_u64(text, &n) == ST_OK && n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* Holes: thin. Room that was never written: lazily zeroed. Else eagerly. A store that shows
 * reserved room as a hole is known by files that take as much room as they are long. */
static enum status alloc_of(struct vmdk_disk *d, uint64_t allocated, enum vmdk_alloc *alloc)
{
	uint64_t at = 0;

	*alloc = VMDK_THIN;
	if (d->desc.parent_cid != DESC_NO_PARENT || d->kind == VMDK_VMFS_SPARSE ||
	    d->kind == VMDK_SE_SPARSE)
		return ST_OK;	/* deltas grow as they are written */
	*alloc = VMDK_EAGER;
	for (uint32_t i = 0; at < d->bytes && i < ALLOC_RUNS_MAX; i++) {
		struct vmdk_run run;
		enum status st = vmdk_map(d, at, &run);

		if (st != ST_OK)
			return st;
		if (!run.present) {
			*alloc = allocated >= d->bytes ? VMDK_LAZY : VMDK_THIN;
			break;
		}
		if (run.zero)
			*alloc = VMDK_LAZY;
		at += run.bytes;
	}
	return ST_OK;
}

static void text_info(struct vmdk_disk *d, struct vmdk_info *info)
{
	const char *type = desc_get(&d->desc, "createType");
	const char *adapter = desc_get(&d->desc, "ddb.adapterType");
	const char *uuid = desc_get(&d->desc, "ddb.uuid");
	const char *thin = desc_get(&d->desc, "ddb.thinProvisioned");

	mem_copy_text(info->create_type, sizeof(info->create_type), type ? type : "raw");
	mem_copy_text(info->adapter, sizeof(info->adapter), adapter ? adapter : "");
	mem_copy_text(info->uuid, sizeof(info->uuid), uuid ? uuid : "");
	info->thin_flag = thin && strcmp(thin, "1") == 0;
	info->cylinders = number_of(&d->desc, "ddb.geometry.cylinders");
	info->heads = number_of(&d->desc, "ddb.geometry.heads");
	info->sectors = number_of(&d->desc, "ddb.geometry.sectors");
}

enum status vmdk_info(struct vmdk_disk *disk, struct vmdk_info *info)
{
	enum status st;

	*info = (struct vmdk_info){
		.kind = disk->kind, .bytes = disk->bytes, .version = disk->desc.version,
		.cid = disk->desc.cid, .parent_cid = disk->desc.parent_cid,
		.extent_count = disk->extent_count, .links = vmdk_link_count(disk),
	};
	text_info(disk, info);
	for (uint32_t i = 0; i < disk->extent_count; i++) {
		struct vmdk_extent *x = &disk->extents[i];
		struct store_stat stat;

		if (!x->file)
			continue;
		st = x->file->store->ops->file_stat(x->file, &stat);
		if (st != ST_OK)
			return st;
		info->allocated_bytes += stat.allocated_bytes;
		if (x->state)
			info->dirty |= x->ops->submit ? ((struct sparse *)x->state)->h.unclean :
				       ((struct delta *)x->state)->dirty;
	}
	if (info->thin_flag) {	/* also when every block has been written by now */
		info->alloc = VMDK_THIN;
		return ST_OK;
	}
	return alloc_of(disk, info->allocated_bytes, &info->alloc);
}

static void raw_extent_info(struct vmdk_disk *d, struct vmdk_extent_info *info)
{
	mem_copy_text(info->access, sizeof(info->access), "RW");
	mem_copy_text(info->type, sizeof(info->type), "FLAT");
	mem_copy_text(info->file, sizeof(info->file), path_base(d->path));
	info->sectors = d->bytes / SECTOR_BYTES;
}

enum status vmdk_extent_info(struct vmdk_disk *disk, uint32_t index, struct vmdk_extent_info *info)
{
	struct store_stat stat = { 0 };
	const struct desc_extent *e;
	enum status st = ST_OK;

	*info = (struct vmdk_extent_info){ 0 };
	if (index >= disk->extent_count)
		return ST_RANGE;
	if (disk->extents[index].file)
		st = disk->store->ops->file_stat(disk->extents[index].file, &stat);
	if (st != ST_OK)
		return st;
	info->file_bytes = stat.size_bytes;
	info->allocated_bytes = stat.allocated_bytes;
	if (index >= disk->desc.extent_count) {
		raw_extent_info(disk, info);
		return ST_OK;
	}
	e = &disk->desc.extents[index];
	mem_copy_text(info->access, sizeof(info->access), desc_access_word(e->access));
	mem_copy_text(info->type, sizeof(info->type), desc_type_word(e->type));
	mem_copy_text(info->file, sizeof(info->file), e->file ? e->file : "");
	info->sectors = e->sectors;
	info->offset_sectors = e->offset_sectors;
	return ST_OK;
}
