/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* res_format - new resource file headers and cluster headers. */
#include "vmfs/format_priv.h"

void vmfs_cluster_take(const struct vmfs_geom *g, enum vmfs_res kind, void *rec, uint32_t first,
		       uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		vmfs_cluster_set(g, kind, rec, i, 0);
	vmfs_cluster_count(g, kind, rec);
}

void vmfs_cluster_make(uint8_t *header, const struct vmfs_geom *g, enum vmfs_res kind,
		       uint32_t cluster, uint64_t at, uint64_t mtime)
{
	uint32_t total = vmfs_geom_cluster_total(g, cluster);
	struct vmfs_lock_disk *lock = (void *)header;
	uint8_t *rec = header + g->form->md_bytes;

	le32_set(&lock->type, VMFS_LOCK_TYPE_BASE + vmfs_res_traits[kind].lock);
	le64_set(&lock->at, at);
	le64_set(&lock->token, 1);
	le64_set(&lock->mtime, mtime);
	vmfs_field_set(rec, g->form->cluster.number, cluster);
	vmfs_field_set(rec, g->form->cluster.total, total);
	vmfs_field_set(rec, g->form->cluster.free, total);
	for (uint32_t i = 0; i < total; i++)
		vmfs_cluster_set(g, kind, rec, i, 1);
	if (g->form->init)
		g->form->init(g, kind, rec);
}

/* Take those of the first `taken` resources that are in this cluster. */
static void take_first(const struct vmfs_res_fill *fill, uint32_t cluster, uint8_t *rec)
{
	const struct vmfs_geom *g = &fill->layout->geom[fill->kind];
	uint64_t first = (uint64_t)cluster * g->per_cluster;

	if (first < fill->taken)
		vmfs_cluster_take(g, fill->kind, rec, 0,
				  (uint32_t)MIN(vmfs_cluster_total(g, rec), fill->taken - first));
}

static void widen(uint32_t *low, uint32_t *high, uint64_t at, uint32_t bytes)
{
	*low = (uint32_t)MIN(*low, at);
	*high = (uint32_t)MAX(*high, at + bytes);
}

/* The first cluster whose header may lie at or behind file offset `start`. */
static uint64_t cluster_from(const struct vmfs_layout *l, enum vmfs_res kind, uint64_t start)
{
	enum vmfs_res holder = kind == VMFS_RES_FB ? l->form->parent_of_fb : kind;
	const struct vmfs_geom *g = &l->geom[holder];
	uint64_t group =
	    start > VMFS_RES_GROUP_AT ? (start - VMFS_RES_GROUP_AT) / g->group_bytes : 0;

	return group * g->clusters_per_group * (holder == kind ? 1 : g->per_cluster);
}

static void fill_kind(const struct vmfs_res_fill *fill, uint32_t index, uint8_t *buf, uint32_t *low,
		      uint32_t *high)
{
	const struct vmfs_layout *l = fill->layout;
	const struct vmfs_geom *g = &l->geom[fill->kind];
	uint64_t start = (uint64_t)index << l->block_shift, end = start + l->block_bytes;

	if (index == 0 && fill->first_cluster == 0) {
		vmfs_geom_encode(g, fill->kind, buf + l->form->header_at[fill->kind]);
		widen(low, high, l->form->header_at[fill->kind], SECTOR_BYTES);
	}
	for (uint64_t c = MAX(cluster_from(l, fill->kind, start), fill->first_cluster);
	     c < g->clusters; c++) {
		uint64_t at = vmfs_layout_header_at(l, fill->kind, (uint32_t)c);

		if (at >= end)
			break;
		if (at < start)
			continue;
		vmfs_cluster_make(buf + (at - start), g, fill->kind, (uint32_t)c,
				  vmfs_layout_cluster_at(l, fill->kind, (uint32_t)c),
				  fill->mtime + c);
		take_first(fill, (uint32_t)c, buf + (at - start) + g->form->md_bytes);
		widen(low, high, at - start, vmfs_header_bytes(g->form));
	}
}

void vmfs_res_fill_block(const struct vmfs_res_fill *fill, uint32_t index, uint8_t *buf,
			 uint32_t *low, uint32_t *high)
{
	const struct vmfs_layout *l = fill->layout;
	struct vmfs_res_fill parent = *fill;

	*low = l->block_bytes;
	*high = 0;
	fill_kind(fill, index, buf, low, high);
	if (fill->kind == VMFS_RES_FB && l->form->parent_of_fb != VMFS_RES_FB) {
		parent.kind = l->form->parent_of_fb;
		parent.mtime = fill->mtime + l->geom[VMFS_RES_FB].clusters;
		parent.taken = 0;
		fill_kind(&parent, index, buf, low, high);
	}
	if (*low > *high)
		*low = *high = 0;
}
