/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* geom - arithmetic of resource files, maps of system files, checks of records.
 * No I/O but where said. Source: FORMAT.md, "Addresses" and "Resource files". */
#ifndef CAIRN_VMFS_GEOM_PRIV_H
#define CAIRN_VMFS_GEOM_PRIV_H

#include "vmfs/form_priv.h"
#include "vmfs/lvm_priv.h"

/* ".fbb.sf" and so on; the fixed FD address; the lock kind of its clusters; the address type. */
struct vmfs_res_traits {
	const char		*file;
	uint32_t		fd;
	enum vmfs_lock_kind	lock;
	enum vmfs_addr_type	addr;
};
extern const struct vmfs_res_traits vmfs_res_traits[VMFS_RES_COUNT];

/* Host form of a resource file header. All zero: the volume has no such resources. */
struct vmfs_geom {
	const struct vmfs_form *form;
	uint32_t	per_cluster, clusters_per_group, resource_bytes;
	uint64_t	count;			/* resources */
	/* derived */
	uint32_t	clusters, groups;
	uint64_t	group_bytes, file_bytes;
};

/* Fill the derived fields from the first five. */
void vmfs_geom_derive(struct vmfs_geom *g);
/* The same for a VMFS-6; the number of sub-blocks depends on the room that the rest leaves. */
void vmfs_geom_for_volume_6(struct vmfs_geom g[VMFS_RES_COUNT], uint64_t blocks);
/* Counts, R/C and C/CG that mkfs picks for a VMFS-5 of `blocks` file blocks (FORMAT.md, mkfs). */
void vmfs_geom_for_volume(struct vmfs_geom g[VMFS_RES_COUNT], uint64_t blocks);
/* The header of a resource file, into a zeroed sector. */
void vmfs_geom_encode(const struct vmfs_geom *g, enum vmfs_res kind, void *sector);
/* NULL, or the text naming the bad field. Limits: what addresses and the bitmap array can hold. */
const char *vmfs_geom_decode(const struct vmfs_form *form, const struct vmfs_res_disk *disk,
			     enum vmfs_res kind, struct vmfs_geom *g);

/* Bytes of a cluster header: lock and bitmap record. */
static inline uint32_t vmfs_header_bytes(const struct vmfs_form *form)
{
	return 2 * form->md_bytes;
}

/* File offsets inside the resource file. */
uint64_t vmfs_geom_cluster_at(const struct vmfs_geom *g, uint32_t cluster);
uint64_t vmfs_geom_resource_at(const struct vmfs_geom *g, uint32_t cluster, uint32_t resource);
/* Resources of a cluster: per_cluster, or fewer in the last one. */
uint32_t vmfs_geom_cluster_total(const struct vmfs_geom *g, uint32_t cluster);
/* Split an address of this kind; 0 when it names no resource of this geometry. */
int vmfs_geom_split(const struct vmfs_geom *g, enum vmfs_res kind, uint64_t addr, int dense_sb,
		    uint32_t *cluster, uint32_t *resource);
uint64_t vmfs_geom_addr(enum vmfs_res kind, const struct vmfs_geom *g, uint32_t cluster,
			uint32_t resource);

/* ---- bitmap records: records.c --------------------------------------------------------------- */

/* rec: the bitmap record of a cluster of this kind, at least its first sector. */
uint32_t vmfs_cluster_total(const struct vmfs_geom *g, const void *rec);
uint32_t vmfs_cluster_free(const struct vmfs_geom *g, const void *rec);
int vmfs_cluster_is_free(const struct vmfs_geom *g, enum vmfs_res kind, const void *rec,
			 uint32_t resource);
void vmfs_cluster_set(const struct vmfs_geom *g, enum vmfs_res kind, void *rec, uint32_t resource,
		      int free);
/* The lowest free resource; 0 when there is none. */
uint32_t vmfs_cluster_lowest(const struct vmfs_geom *g, enum vmfs_res kind, const void *rec);
/* Free ones as the bitmap has them. */
uint32_t vmfs_cluster_popcount(const struct vmfs_geom *g, enum vmfs_res kind, const void *rec);
/* freeResources is `free`; nextFreeIdx follows. */
void vmfs_cluster_set_free(const struct vmfs_geom *g, enum vmfs_res kind, void *rec, uint32_t free);
/* Recompute freeResources and nextFreeIdx from the bitmap. */
void vmfs_cluster_count(const struct vmfs_geom *g, enum vmfs_res kind, void *rec);
/* The code of a resource in a bitmap: `bits` bits, the lowest first. */
uint32_t vmfs_code_get(const uint8_t *map, uint32_t bits, uint32_t resource);
void vmfs_code_set(uint8_t *map, uint32_t bits, uint32_t resource, uint32_t code);
/* lock NULL: it is not looked at. total: what the geometry says. */
const char *vmfs_cluster_check(const struct vmfs_geom *g, enum vmfs_res kind,
			       const struct vmfs_lock_disk *lock, const void *rec, uint64_t at,
			       uint32_t number);

/* The block map of a system file, whole, in memory. */
struct vmfs_sysmap {
	uint64_t	file_bytes;
	uint32_t	block_count;
	uint32_t	*block;		/* FB number of each file block */
	uint32_t	block_shift;
};
void vmfs_sysmap_free(struct vmfs_sysmap *map);
/* Volume offset of a file offset; ~0 when outside. A resource starts there and goes on in one
 * piece: units of VMFS-5 never straddle a block, and vmfs_layout_read() refuses a VMFS-3 whose 64
 * KiB sub-blocks straddle blocks that do not follow each other. */
uint64_t vmfs_sysmap_at(const struct vmfs_sysmap *map, uint64_t file_offset);

/* Everything needed to find a resource of a volume: read once at mount, mkfs-check and grow. */
struct vmfs_layout {
	const struct vmfs_form	*form;
	struct vmfs_fs_disk	fs;		/* as read */
	uint32_t		block_bytes, block_shift, sub_block_bytes;
	uint64_t		fdc_base;	/* volume offset */
	uint8_t			dense_sb, version;	/* version 3, 5 or 6 */
	uint8_t			lfb_shift;	/* VMFS-6: 1 << this file blocks are a large one */
	uint64_t		blocks;		/* file blocks of .fbb.sf */
	struct vmfs_geom	geom[VMFS_RES_COUNT];
	struct vmfs_sysmap	map[VMFS_RES_COUNT];	/* PB2 is empty on VMFS-3 */
};
/* Steps 3 and 4 of mounting: descriptor, FDC header, fixed FDs, the other headers. I/O.
 * lenient: the volume is only read; of a resource file that is damaged nothing is known, but for
 * that of the descriptors. */
MUST_USE enum status vmfs_layout_read(struct lvm *lvm, struct vmfs_layout *layout, int lenient,
				      struct why *why);
void vmfs_layout_free(struct vmfs_layout *layout);
/* Volume offset of a resource or cluster header; ~0 when the address is out of range. */
uint64_t vmfs_layout_addr_at(const struct vmfs_layout *layout, uint64_t addr);
uint64_t vmfs_layout_cluster_at(const struct vmfs_layout *layout, enum vmfs_res kind,
				uint32_t cluster);
/* File offset of a cluster header; `kind` has that cluster. */
uint64_t vmfs_layout_header_at(const struct vmfs_layout *layout, enum vmfs_res kind,
			       uint32_t cluster);
/* 1 when a resource that is longer than a file block is one piece of the volume. */
int vmfs_layout_whole(const struct vmfs_layout *layout, uint64_t addr);
/* The map of the file that a kind lies in. */
static inline const struct vmfs_sysmap *vmfs_layout_map(const struct vmfs_layout *layout,
							 enum vmfs_res kind)
{
	return &layout->map[kind == VMFS_RES_LFB ? VMFS_RES_FB : kind];
}
/* What an address names: VMFS_RES_COUNT when its type is none of this version. */
static inline enum vmfs_res vmfs_addr_res(const struct vmfs_layout *layout, uint64_t addr)
{
	return (enum vmfs_res)layout->form->res_of_type[VMFS_ADDR_TYPE(addr)];
}
/* 1 when it names file blocks. */
static inline int vmfs_is_block(const struct vmfs_layout *layout, uint64_t addr)
{
	return vmfs_addr_res(layout, addr) == VMFS_RES_FB;
}
/* 1 when it may name a pointer block. */
static inline int vmfs_is_pb(const struct vmfs_layout *layout, uint64_t addr)
{
	return layout->form->pb_types >> VMFS_ADDR_TYPE(addr) & 1;
}
/* To be zeroed: reserved, and all or parts of it read as zeros. */
static inline int vmfs_is_tbz(const struct vmfs_layout *layout, uint64_t addr)
{
	return vmfs_is_block(layout, addr) && (addr & layout->form->fb_tbz);
}
/* Of several TBZ bits only some are set: nobody knows which parts of the block hold data. */
static inline int vmfs_is_part_tbz(const struct vmfs_layout *layout, uint64_t addr)
{
	uint64_t set = addr & layout->form->fb_tbz;

	return set && set != layout->form->fb_tbz;
}
/* The file block that an address names, and back; the number may be out of range. */
static inline uint64_t vmfs_layout_block(const struct vmfs_layout *layout, uint64_t addr)
{
	return layout->form->block(layout, addr);
}
/* A pointer as that of a small block: pointer k of a file may name the large one around it. */
static inline uint64_t vmfs_piece(const struct vmfs_layout *layout, uint64_t addr, uint64_t k)
{
	return layout->form->piece ? layout->form->piece(layout, addr, k) : addr;
}
/* How many small blocks are a large one; 0: there are none. */
static inline uint64_t vmfs_large_blocks(const struct vmfs_layout *layout)
{
	return layout->form->piece ? 1ull << layout->lfb_shift : 0;
}
static inline int vmfs_is_large(const struct vmfs_layout *layout, uint64_t addr)
{
	return layout->form->piece && VMFS_ADDR_TYPE(addr) == VMFS_ADDR_LFB;
}
static inline uint64_t vmfs_layout_block_addr(const struct vmfs_layout *layout, uint64_t block)
{
	return layout->form->block_addr(layout, block);
}

/* How many bits are set. */
uint32_t vmfs_count_bits(const uint8_t *bytes, size_t n);

/* locking.c. What a new descriptor says of it; 1: hosts without atomic test and set are refused. */
void vmfs_locking_set(struct vmfs_fs_disk *fs, int ats_only);
int vmfs_locking_ats_only(const struct vmfs_fs_disk *fs);

/* x_check of the records: NULL, or a text that names the bad field. */
const char *vmfs_fs_check(const struct vmfs_fs_disk *fs);
const char *vmfs_fd_check(const struct vmfs_form *form, const struct vmfs_fd_disk *fd,
			  uint32_t addr);
/* log2 of an FD's unit, also where VMFS-3 left it 0. */
uint32_t vmfs_fd_shift(const struct vmfs_fd_disk *fd);

#endif
