/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* geom - where in a resource file a cluster header or a resource lies.
 *
 * A resource file is a header, padding up to 64 KiB, then cluster groups. A group is the headers of
 * its clusters (lock and bitmap) followed by their resources, cluster by cluster. So two
 * numbers, resources per cluster and clusters per group, decide everything else. No I/O here. */
#include "vmfs/geom_priv.h"

const struct vmfs_res_traits vmfs_res_traits[VMFS_RES_COUNT] = {
	[VMFS_RES_FB] = { ".fbb.sf", VMFS_FD_FBB, VMFS_LOCK_FBC, VMFS_ADDR_FB },
	[VMFS_RES_FD] = { ".fdc.sf", VMFS_FD_FDC, VMFS_LOCK_FDC, VMFS_ADDR_FD },
	[VMFS_RES_SB] = { ".sbc.sf", VMFS_FD_SBC, VMFS_LOCK_SBC, VMFS_ADDR_SB },
	[VMFS_RES_PB] = { ".pbc.sf", VMFS_FD_PBC, VMFS_LOCK_PBC, VMFS_ADDR_PB },
	[VMFS_RES_PB2] = { ".pb2.sf", VMFS_FD_PB2, VMFS_LOCK_PB2, VMFS_ADDR_PB2 },
	[VMFS_RES_JB] = { ".jbc.sf", VMFS_FD_JBC, VMFS_LOCK_JBC, VMFS_ADDR_JB },
	[VMFS_RES_LFB] = { ".fbb.sf", VMFS_FD_FBB, VMFS_LOCK_LFBC, VMFS_ADDR_LFB },
};

void vmfs_geom_derive(struct vmfs_geom *g)
{
	uint64_t headers = (uint64_t)g->clusters_per_group * vmfs_header_bytes(g->form);

	g->clusters = g->count ? (uint32_t)div_round_up(g->count, g->per_cluster) : 0;
	g->groups = (uint32_t)div_round_up(g->clusters, g->clusters_per_group);
	g->group_bytes =
	    headers + (uint64_t)g->clusters_per_group * g->per_cluster * g->resource_bytes;
	g->file_bytes = VMFS_RES_GROUP_AT + g->groups * headers + g->count * g->resource_bytes;
}

static uint64_t clamp(uint64_t n, uint64_t low, uint64_t high)
{
	return n < low ? low : n > high ? high : n;
}

/* FB and the caps are the vendor's; F/4 and F are what genuine small volumes show. The floor of one
 * full cluster, the 2048 at which clusters become larger, F/8 and F/32 are our choices. */
void vmfs_geom_for_volume(struct vmfs_geom g[VMFS_RES_COUNT], uint64_t blocks)
{
	uint64_t fds = clamp(blocks / 4, 32, 130000), sbs = clamp(blocks, 32, 32000);

	memset(g, 0, VMFS_RES_COUNT * sizeof(*g));
	g[VMFS_RES_FB] = (struct vmfs_geom){ .per_cluster = 200, .count = blocks };
	g[VMFS_RES_FD] = (struct vmfs_geom){ .per_cluster = fds <= 2048 ? 32 : 200, .count = fds,
					     .resource_bytes = VMFS_FD_BYTES };
	g[VMFS_RES_SB] = (struct vmfs_geom){ .per_cluster = sbs <= 2048 ? 32 : 64, .count = sbs,
					     .resource_bytes = VMFS_SB_BYTES };
	g[VMFS_RES_PB] = (struct vmfs_geom){ .per_cluster = 16,
					     .count = clamp(blocks / 8, 16, 64512),
					     .resource_bytes = VMFS_PB_BYTES };
	g[VMFS_RES_PB2] = (struct vmfs_geom){ .per_cluster = 16,
					      .count = clamp(blocks / 32, 16, 256),
					      .resource_bytes = VMFS_PB_BYTES };
	for (int kind = 0; kind < VMFS_RES_COUNT; kind++) {
		if (!g[kind].count)
			continue;
		g[kind].form = &vmfs_form_5;
		g[kind].clusters_per_group = 64;
		vmfs_geom_derive(&g[kind]);
	}
}

#define SB_BLOCKS_MAX	320u	/* as many as the descriptor of .sbc.sf points to */
#define FDS_6		16384u
#define JBS_6		128u

/* All counts but that of sub-blocks are what the genuine volume had when it was made; 5116
 * sub-blocks there are what fits 320 blocks. On a small volume: 7/8 of what is left (ours). */
void vmfs_geom_for_volume_6(struct vmfs_geom g[VMFS_RES_COUNT], uint64_t blocks)
{
	uint64_t used = VMFS6_FDC_BLOCK + 2, sb_blocks;

	memset(g, 0, VMFS_RES_COUNT * sizeof(*g));
	g[VMFS_RES_LFB] = (struct vmfs_geom){ .per_cluster = 16, .clusters_per_group = 8,
					      .count = div_round_up(blocks, 1u << VMFS6_LFB_SHIFT),
					      .resource_bytes = VMFS6_LFB_BYTES };
	g[VMFS_RES_FB] = (struct vmfs_geom){ .per_cluster = 1u << VMFS6_LFB_SHIFT,
					     .clusters_per_group = 8, .count = blocks };
	g[VMFS_RES_FD] = (struct vmfs_geom){ .per_cluster = 256, .clusters_per_group = 8,
					     .count = FDS_6, .resource_bytes = VMFS6_FD_BYTES };
	g[VMFS_RES_PB] = (struct vmfs_geom){ .clusters_per_group = 8,
					     .resource_bytes = VMFS6_SB_BYTES };
	g[VMFS_RES_PB2] = (struct vmfs_geom){ .per_cluster = 32, .clusters_per_group = 8,
					      .count = 1, .resource_bytes = VMFS6_SB_BYTES };
	g[VMFS_RES_JB] = (struct vmfs_geom){ .per_cluster = 8, .clusters_per_group = 4,
					     .count = JBS_6, .resource_bytes = VMFS6_JB_BYTES };
	for (int kind = 0; kind < VMFS_RES_COUNT; kind++) {
		g[kind].form = &vmfs_form_6;
		if (!g[kind].clusters_per_group)
			continue;
		vmfs_geom_derive(&g[kind]);
		if (kind != VMFS_RES_FB)	/* lies in the LFBs */
			used += div_round_up(g[kind].file_bytes, VMFS6_BLOCK_BYTES);
	}
	sb_blocks = blocks > used ? MIN((blocks - used) * 7 / 8, SB_BLOCKS_MAX) : 0;
	g[VMFS_RES_SB] = (struct vmfs_geom){ .form = &vmfs_form_6, .per_cluster = 256,
					     .clusters_per_group = 8,
					     .resource_bytes = VMFS6_SB_BYTES };
	do {	/* headers of its groups take room, too */
		g[VMFS_RES_SB].count = sb_blocks * 16 - MIN(sb_blocks * 16,
							    1 + g[VMFS_RES_SB].groups);
		vmfs_geom_derive(&g[VMFS_RES_SB]);
	} while (g[VMFS_RES_SB].file_bytes > sb_blocks * VMFS6_BLOCK_BYTES);
}

void vmfs_geom_encode(const struct vmfs_geom *g, enum vmfs_res kind, void *sector)
{
	struct vmfs_res_disk *disk = sector;

	le32_set(&disk->resources_per_cluster, g->per_cluster);
	le32_set(&disk->clusters_per_group, g->clusters_per_group);
	le32_set(&disk->group_offset, VMFS_RES_GROUP_AT);
	le32_set(&disk->resource_bytes, g->resource_bytes);
	le32_set(&disk->group_bytes, (uint32_t)g->group_bytes);
	le32_set(&disk->num_resources_lo, (uint32_t)g->count);
	le32_set(&disk->num_groups, g->groups);
	le32_set(&disk->num_resources_hi, (uint32_t)(g->count >> 32));
	if (g->form->encode_tail)
		g->form->encode_tail(g, kind, sector);
}

/* NULL, or what is wrong with numbers that are within the limits of their own fields. */
static const char *counts_check(const struct vmfs_geom *g, enum vmfs_res kind)
{
	const struct vmfs_res_limits *max = &g->form->res[kind];

	if (g->resource_bytes != max->resource_bytes &&
	    g->resource_bytes != max->resource_bytes_old)
		return "resourceSize is not one of this kind";
	if (g->count > max->clusters_max * g->per_cluster ||
	    (kind == VMFS_RES_FB && g->count > max->clusters_max))
		return "more resources than addresses can name";
	if (g->count == 0 && !max->optional)
		return "no resources";
	return NULL;
}

const char *vmfs_geom_decode(const struct vmfs_form *form, const struct vmfs_res_disk *disk,
			     enum vmfs_res kind, struct vmfs_geom *g)
{
	const char *bad;

	*g = (struct vmfs_geom){
		.form = form,
		.per_cluster = le32_get(disk->resources_per_cluster),
		.clusters_per_group = le32_get(disk->clusters_per_group),
		.resource_bytes = le32_get(disk->resource_bytes),
		.count = (uint64_t)le32_get(disk->num_resources_hi) << 32 |
			 le32_get(disk->num_resources_lo),
	};
	/* A file of no resources may leave it 0, as .pbc.sf of VMFS-6 does. */
	if ((g->per_cluster == 0 && g->count) || g->per_cluster > form->res[kind].per_cluster_max)
		return "resources per cluster are out of range";
	if (g->clusters_per_group == 0 || g->clusters_per_group > VMFS_GROUP_CLUSTERS_MAX)
		return "clusters per group are out of range";
	if (le32_get(disk->group_offset) != VMFS_RES_GROUP_AT)
		return "the first cluster group is not at 0x10000";
	bad = counts_check(g, kind);
	if (bad)
		return bad;
	vmfs_geom_derive(g);
	if (g->group_bytes != le32_get(disk->group_bytes))
		return "clusterGroupSize does not follow from the other fields";
	if (g->groups != le32_get(disk->num_groups))
		return "numClusterGroups does not follow from the other fields";
	return NULL;
}

uint64_t vmfs_geom_cluster_at(const struct vmfs_geom *g, uint32_t cluster)
{
	return VMFS_RES_GROUP_AT + cluster / g->clusters_per_group * g->group_bytes +
	       cluster % g->clusters_per_group * (uint64_t)vmfs_header_bytes(g->form);
}

uint64_t vmfs_geom_resource_at(const struct vmfs_geom *g, uint32_t cluster, uint32_t resource)
{
	uint64_t in_group = cluster % g->clusters_per_group * (uint64_t)g->per_cluster + resource;

	return VMFS_RES_GROUP_AT + cluster / g->clusters_per_group * g->group_bytes +
	       g->clusters_per_group * (uint64_t)vmfs_header_bytes(g->form) +
	       in_group * g->resource_bytes;
}

uint32_t vmfs_geom_cluster_total(const struct vmfs_geom *g, uint32_t cluster)
{
	uint64_t first = (uint64_t)cluster * g->per_cluster;

	ASSERT(cluster < g->clusters);
	return (uint32_t)MIN(g->per_cluster, g->count - first);
}

int vmfs_geom_split(const struct vmfs_geom *g, enum vmfs_res kind, uint64_t addr, int dense_sb,
		    uint32_t *cluster, uint32_t *resource)
{
	if (g->count == 0 || g->form->res_of_type[VMFS_ADDR_TYPE(addr)] != kind)
		return 0;
	g->form->split(g, kind, addr, dense_sb, cluster, resource);
	return *cluster < g->clusters && *resource < vmfs_geom_cluster_total(g, *cluster);
}

uint64_t vmfs_geom_addr(enum vmfs_res kind, const struct vmfs_geom *g, uint32_t cluster,
			uint32_t resource)
{
	return g->form->make(g, kind, cluster, resource);
}
