/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* form - the tables of the versions, and how each packs addresses. Sizes and limits are what
 * FORMAT.md tells under "Addresses", "Resource files" and "File descriptors". */
#include "vmfs/geom_priv.h"

/* ---- VMFS-3 and -5: 32 bits ------------------------------------------------------------------ */

static void split_5(const struct vmfs_geom *g, enum vmfs_res kind, uint64_t wide, int dense_sb,
		    uint32_t *cluster, uint32_t *resource)
{
	uint32_t addr = (uint32_t)wide;

	switch (kind) {
	case VMFS_RES_FB:
		*cluster = VMFS_FB_BLOCK(addr) / g->per_cluster;
		*resource = VMFS_FB_BLOCK(addr) % g->per_cluster;
		break;
	case VMFS_RES_FD:
		*cluster = VMFS_FD_CLUSTER(addr);
		*resource = VMFS_FD_RESOURCE(addr);
		break;
	case VMFS_RES_SB:
		*cluster = VMFS_SUB_CLUSTER(addr);
		*resource = VMFS_SB_RESOURCE(addr, dense_sb);
		break;
	default:
		*cluster = VMFS_SUB_CLUSTER(addr);
		*resource = VMFS_PB_RESOURCE(addr);
		break;
	}
}

static uint64_t make_5(const struct vmfs_geom *g, enum vmfs_res kind, uint32_t cluster,
		       uint32_t resource)
{
	switch (kind) {
	case VMFS_RES_FB:
		return VMFS_FB_MAKE(cluster * g->per_cluster + resource);
	case VMFS_RES_FD:
		return VMFS_FD_MAKE(cluster, resource);
	case VMFS_RES_SB:
		return VMFS_SB_MAKE(cluster, resource);
	case VMFS_RES_PB:
		return VMFS_PB_MAKE(cluster, resource);
	default:
		return VMFS_PB2_MAKE(cluster, resource);
	}
}

static uint64_t block_5(const struct vmfs_layout *l, uint64_t addr)
{
	(void)l;
	return VMFS_FB_BLOCK((uint32_t)addr);
}

static uint64_t block_addr_5(const struct vmfs_layout *l, uint64_t block)
{
	(void)l;
	return VMFS_FB_MAKE(block);
}

const struct vmfs_form vmfs_form_5 = {
	.name = "VMFS-5",
	.md_bytes = SECTOR_BYTES,
	.hb_slots = VMFS_HB_SLOTS,
	.fd_bytes = VMFS_FD_BYTES,
	.ptrs_at = VMFS_FD_INLINE_AT,
	.ptrs = VMFS_FD_POINTERS, .ptr_bytes = sizeof(le32),
	.resident_max = VMFS_RESIDENT_MAX,
	.pb_bytes = VMFS_PB_BYTES, .pb_ptrs = VMFS_PB_POINTERS,
	.leaf_res = VMFS_RES_PB, .upper_res = VMFS_RES_PB2,
	.zlas = 1u << VMFS_ZLA_FB | 1u << VMFS_ZLA_SB | 1u << VMFS_ZLA_PB,
	.res_of_type = { VMFS_RES_COUNT, VMFS_RES_FB, VMFS_RES_SB, VMFS_RES_PB, VMFS_RES_FD,
			 VMFS_RES_PB2, VMFS_RES_COUNT, VMFS_RES_COUNT },
	.pb_types = 1u << VMFS_ADDR_PB | 1u << VMFS_ADDR_PB2,
	.fb_cow = VMFS_FB_COW, .fb_tbz = VMFS_FB_TBZ, .sub_cow = VMFS_SUB_COW,
	.split = split_5, .make = make_5, .block = block_5, .block_addr = block_addr_5,
	.cluster = { .number = { 0x00, 4 }, .total = { 0x04, 4 }, .free = { 0x08, 4 },
		     .next_free = { 0x0C, 4 }, .fd_generation = { 0x50, 4 },
		     .bitmap_at = 0x10, .bitmap_bytes = VMFS_CLUSTER_RESOURCES_MAX / 8 },
	.res = {
		[VMFS_RES_FB] = { VMFS_CLUSTER_RESOURCES_MAX, 0, 0, VMFS_FB_MAX, 1, 1, 0 },
		[VMFS_RES_FD] = { VMFS_CLUSTER_RESOURCES_MAX, VMFS_FD_BYTES, VMFS_FD_BYTES,
				  1u << 16, 1, 1, 0 },
		[VMFS_RES_SB] = { 64, VMFS_SB_BYTES, VMFS_SB_BYTES_OLD, 1u << 22, 1, 1, 1 },
		[VMFS_RES_PB] = { 16, VMFS_PB_BYTES, VMFS_PB_BYTES, 1u << 22, 1, 1, 1 },
		[VMFS_RES_PB2] = { 16, VMFS_PB_BYTES, VMFS_PB_BYTES, 1u << 22, 1, 1, 1 },
	},
	.read_order = { VMFS_RES_PB, VMFS_RES_FB, VMFS_RES_FD, VMFS_RES_SB, VMFS_RES_PB2 },
	.read_count = 5,
	.journal_res = VMFS_RES_FB,
	.dir = &vmfs_dir_array,
};

const struct vmfs_form *vmfs_form_of(uint32_t fs_major)
{
	switch (fs_major) {
	case VMFS_MAJOR_3:
	case VMFS_MAJOR_5:
		return &vmfs_form_5;
	default:
		return NULL;
	}
}
