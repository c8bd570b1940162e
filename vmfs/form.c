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
	.parent_of_fb = VMFS_RES_FB,
	.journal_res = VMFS_RES_FB,
	.dir = &vmfs_dir_array,
};

/* ---- VMFS-6: 64 bits ------------------------------------------------------------------------- */

static void split_6(const struct vmfs_geom *g, enum vmfs_res kind, uint64_t addr, int dense_sb,
		    uint32_t *cluster, uint32_t *resource)
{
	(void)g;
	(void)dense_sb;
	switch (kind) {
	case VMFS_RES_FB:	/* a large one: its first small block */
		*cluster = VMFS6_FB_CLUSTER(addr);
		*resource = VMFS_ADDR_TYPE(addr) == VMFS_ADDR_LFB ? 0 : VMFS6_FB_RESOURCE(addr);
		break;
	case VMFS_RES_FD:
		*cluster = VMFS_FD_CLUSTER((uint32_t)addr);
		*resource = VMFS_FD_RESOURCE((uint32_t)addr);
		break;
	case VMFS_RES_JB:
		*cluster = VMFS6_JB_CLUSTER(addr);
		*resource = VMFS6_JB_RESOURCE(addr);
		break;
	default:		/* 36 bits of cluster; more than 32 is none that exists */
		*cluster = (uint32_t)MIN(VMFS6_SUB_CLUSTER(addr), (uint64_t)UINT32_MAX);
		*resource = VMFS6_SUB_RESOURCE(addr);
		break;
	}
}

static uint64_t make_6(const struct vmfs_geom *g, enum vmfs_res kind, uint32_t cluster,
		       uint32_t resource)
{
	(void)g;
	switch (kind) {
	case VMFS_RES_FB:
		return VMFS6_FB_MAKE(cluster, resource);
	case VMFS_RES_FD:
		return VMFS_FD_MAKE(cluster, resource);
	case VMFS_RES_JB:
		return VMFS6_JB_MAKE(cluster, resource);
	case VMFS_RES_LFB:
		return VMFS6_LFB_MAKE(cluster * g->per_cluster + resource);
	default:
		return VMFS6_SUB_MAKE(cluster, resource, vmfs_res_traits[kind].addr);
	}
}

static uint64_t block_6(const struct vmfs_layout *l, uint64_t addr)
{
	uint64_t first = (uint64_t)VMFS6_FB_CLUSTER(addr) << l->lfb_shift;

	return VMFS_ADDR_TYPE(addr) == VMFS_ADDR_LFB ? first : first + VMFS6_FB_RESOURCE(addr);
}

static uint64_t block_addr_6(const struct vmfs_layout *l, uint64_t block)
{
	return VMFS6_FB_MAKE(block >> l->lfb_shift, block & ((1ull << l->lfb_shift) - 1));
}

static uint64_t piece_6(const struct vmfs_layout *l, uint64_t addr, uint64_t k)
{
	uint64_t flags = addr & (VMFS6_FB_COW | VMFS6_FB_TBZ);
	uint64_t in = k & ((1ull << l->lfb_shift) - 1);

	if (VMFS_ADDR_TYPE(addr) != VMFS_ADDR_LFB)
		return addr;
	return VMFS6_FB_MAKE(VMFS6_FB_CLUSTER(addr), in) | flags;
}

static uint64_t large_addr_6(const struct vmfs_layout *l, uint64_t block)
{
	return VMFS6_LFB_MAKE(block >> l->lfb_shift);
}

static void encode_tail_6(const struct vmfs_geom *g, enum vmfs_res kind, void *header)
{
	struct vmfs6_res_disk *d = header;
	uint32_t per_lfb = VMFS6_LFB_BYTES, headers = 8 * vmfs_header_bytes(g->form);

	le32_set(&d->signature, VMFS6_RES_SIGNATURE);
	le32_set(&d->version, 1);
	le32_set(&d->flags, kind == VMFS_RES_JB ? 0 : kind == VMFS_RES_LFB ? 0x35 :
			    kind == VMFS_RES_FB ? 0x2A : 4);
	le32_set(&d->bits_per_resource, g->form->res[kind].bits);
	if (kind == VMFS_RES_FD || kind == VMFS_RES_SB || kind == VMFS_RES_PB2) {
		le16_set(&d->affinity_per_cluster, (uint16_t)g->per_cluster);
		le16_set(&d->affinity_per_resource, 1);
	}
	if (kind == VMFS_RES_LFB)
		le32_set(&d->child_at, VMFS6_SFB_HEADER_AT);
	if (kind != VMFS_RES_FB)
		return;
	le32_set(&d->parent_per_cluster, 16);
	le32_set(&d->parent_per_group, 8);
	le32_set(&d->parent_group_bytes, headers + 8 * 16 * per_lfb);
	le32_set(&d->converted, g->clusters);	/* all: large blocks are given as whole clusters */
}

static void init_6(const struct vmfs_geom *g, enum vmfs_res kind, void *record)
{
	struct vmfs6_cluster_disk *d = record;

	le32_set(&d->signature, VMFS6_CLUSTER_SIGNATURE);
	le32_set(&d->one, 1);
	le16_set(&d->kind, kind == VMFS_RES_FB ? 0x100 : kind == VMFS_RES_LFB ? 7 : 0);
	if (kind != VMFS_RES_LFB)
		return;
	/* Large blocks that are in the small pool, whose allocation they leave to it. */
	for (uint32_t i = 0; i < vmfs_cluster_total(g, record); i++)
		vmfs_code_set(d->bitmap, 3, i, VMFS6_LFB_GIVEN);
	memset(d->bitmap + 0x60, 0xff, 16);
	le16_set(&d->free, 0);
	le32_set(&d->next_free, 0);
}

static void stamp_6(void *record)
{
	struct vmfs6_cluster_disk *d = record;

	le32_set(&d->changes, le32_get(d->changes) + 1);
	port_host_mac(d->mac);
	le32_set(&d->changed_s, (uint32_t)(port_wall_us() / 1000000));
}

const struct vmfs_form vmfs_form_6 = {
	.name = "VMFS-6",
	.md_bytes = VMFS6_MD_BYTES,
	.hb_slots = VMFS6_HB_SLOTS,
	.fd_bytes = VMFS6_FD_BYTES, .fd_signature = VMFS6_FD_SIGNATURE,
	.ptrs_at = VMFS6_FD_PTRS_AT,
	.ptrs = VMFS6_FD_POINTERS, .ptr_bytes = sizeof(le64),
	.resident_max = VMFS6_RESIDENT_MAX,
	.pb_bytes = VMFS6_SB_BYTES, .pb_ptrs = VMFS6_PB_POINTERS,
	.leaf_res = VMFS_RES_SB, .upper_res = VMFS_RES_SB,
	.zlas = 1u << VMFS_ZLA_FB | 1u << VMFS_ZLA_SB | 1u << VMFS_ZLA_PB | 1u << VMFS_ZLA_SYS,
	.res_of_type = { VMFS_RES_COUNT, VMFS_RES_FB, VMFS_RES_SB, VMFS_RES_PB, VMFS_RES_FD,
			 VMFS_RES_PB2, VMFS_RES_JB, VMFS_RES_FB },
	.pb_types = 1u << VMFS_ADDR_SB | 1u << VMFS_ADDR_PB | 1u << VMFS_ADDR_PB2,
	.fb_cow = VMFS6_FB_COW, .fb_tbz = VMFS6_FB_TBZ, .sub_cow = VMFS_SUB_COW,
	.split = split_6, .make = make_6, .block = block_6, .block_addr = block_addr_6,
	.piece = piece_6, .large_addr = large_addr_6,
	.cluster = { .number = { 0x18, 4 }, .total = { 0x20, 2 }, .free = { 0x22, 2 },
		     .next_free = { 0x7C, 4 }, .fd_generation = { 0x68, 4 },
		     .signature = { 0x10, 4 }, .signed_as = VMFS6_CLUSTER_SIGNATURE,
		     .bitmap_at = 0x80 },
	.res = {
		[VMFS_RES_FB] = { 512, 0, 0, VMFS_FB_MAX, 2, 1, 0 },
		[VMFS_RES_FD] = { 512, VMFS6_FD_BYTES, VMFS6_FD_BYTES, 1u << 16, 1, 1, 0 },
		[VMFS_RES_SB] = { 256, VMFS6_SB_BYTES, VMFS6_SB_BYTES, 1u << 31, 1, 1, 1 },
		[VMFS_RES_PB] = { 256, VMFS6_SB_BYTES, VMFS6_SB_BYTES, 1u << 31, 1, 1, 1 },
		[VMFS_RES_PB2] = { 256, VMFS6_SB_BYTES, VMFS6_SB_BYTES, 1u << 31, 1, 1, 1 },
		[VMFS_RES_JB] = { 64, VMFS6_JB_BYTES, VMFS6_JB_BYTES, 1u << 13, 1, 1, 1 },
		[VMFS_RES_LFB] = { 16, VMFS6_LFB_BYTES, VMFS6_LFB_BYTES, 1u << 26, 3, 1, 0 },
	},
	.read_order = { VMFS_RES_PB2, VMFS_RES_SB, VMFS_RES_PB, VMFS_RES_FB, VMFS_RES_FD,
			VMFS_RES_JB },
	.read_count = 6,
	.growing = 1u << VMFS_RES_FD | 1u << VMFS_RES_SB | 1u << VMFS_RES_PB2,
	.header_at = { [VMFS_RES_FB] = VMFS6_SFB_HEADER_AT },
	.parent_of_fb = VMFS_RES_LFB,
	.encode_tail = encode_tail_6, .init = init_6, .stamp = stamp_6,
	.journal_res = VMFS_RES_JB, .journal_bytes = VMFS6_JB_BYTES,
	.dir = &vmfs_dir_hash,
};

const struct vmfs_form *vmfs_form_of(uint32_t fs_major)
{
	switch (fs_major) {
	case VMFS_MAJOR_3:
	case VMFS_MAJOR_5:
		return &vmfs_form_5;
	case VMFS_MAJOR_6:
		return &vmfs_form_6;
	default:
		return NULL;
	}
}
