/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* res_format - new resource file headers and cluster headers. */
#include "vmfs/format_priv.h"

void vmfs_cluster_count(struct vmfs_cluster_disk *c)
{
	uint32_t total = le32_get(c->total), free = vmfs_count_bits(c->bitmap, total / 8), next = 0;

	for (uint32_t i = total - total % 8; i < total; i++)
		free += c->bitmap[i / 8] >> (i % 8) & 1;
	while (free && !(c->bitmap[next / 8] >> (next % 8) & 1))
		next++;
	le32_set(&c->free, free);
	le32_set(&c->next_free, next);
}

void vmfs_cluster_take(struct vmfs_cluster_disk *c, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		c->bitmap[i / 8] &= (uint8_t)~(1u << (i % 8));
	vmfs_cluster_count(c);
}

void vmfs_cluster_make(struct vmfs_cluster_header *h, const struct vmfs_geom *g, enum vmfs_res kind,
		       uint32_t cluster, uint64_t at, uint64_t mtime)
{
	uint32_t total = vmfs_geom_cluster_total(g, cluster);

	le32_set(&h->lock.type, VMFS_LOCK_TYPE_BASE + vmfs_res_traits[kind].lock);
	le64_set(&h->lock.at, at);
	le64_set(&h->lock.token, 1);
	le64_set(&h->lock.mtime, mtime);
	le32_set(&h->meta.cluster, cluster);
	le32_set(&h->meta.total, total);
	le32_set(&h->meta.free, total);
	memset(h->meta.bitmap, 0xff, total / 8);
	if (total % 8)
		h->meta.bitmap[total / 8] = (uint8_t)((1u << total % 8) - 1);
}

/* Take those of the first `taken` resources that are in this cluster. */
static void take_first(const struct vmfs_res_fill *fill, uint32_t cluster,
		       struct vmfs_cluster_disk *c)
{
	uint64_t first = (uint64_t)cluster * fill->layout->geom[fill->kind].per_cluster;

	if (first < fill->taken)
		vmfs_cluster_take(c, 0, (uint32_t)MIN(le32_get(c->total), fill->taken - first));
}

static void widen(uint32_t *low, uint32_t *high, uint64_t at, uint32_t bytes)
{
	*low = (uint32_t)MIN(*low, at);
	*high = (uint32_t)MAX(*high, at + bytes);
}

void vmfs_res_fill_block(const struct vmfs_res_fill *fill, uint32_t index, uint8_t *buf,
			 uint32_t *low, uint32_t *high)
{
	const struct vmfs_layout *l = fill->layout;
	const struct vmfs_geom *g = &l->geom[fill->kind];
	uint64_t start = (uint64_t)index << l->block_shift, end = start + l->block_bytes;
	uint64_t group =
	    start > VMFS_RES_GROUP_AT ? (start - VMFS_RES_GROUP_AT) / g->group_bytes : 0;

	*low = l->block_bytes;
	*high = 0;
	if (index == 0 && fill->first_cluster == 0) {
		vmfs_geom_encode(g, (struct vmfs_res_disk *)buf);
		widen(low, high, 0, SECTOR_BYTES);
	}
	for (uint64_t c = MAX(group * g->clusters_per_group, fill->first_cluster); c < g->clusters;
	     c++) {
		uint64_t at = vmfs_geom_cluster_at(g, (uint32_t)c);
		struct vmfs_cluster_header *h;

		if (at >= end)
			break;
		if (at < start)
			continue;
		h = (struct vmfs_cluster_header *)(buf + (at - start));
		vmfs_cluster_make(h, g, fill->kind, (uint32_t)c,
				  vmfs_layout_cluster_at(l, fill->kind, (uint32_t)c),
				  fill->mtime + c);
		take_first(fill, (uint32_t)c, &h->meta);
		widen(low, high, at - start, VMFS_CLUSTER_BYTES);
	}
	if (*low > *high)
		*low = *high = 0;
}
