/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* form - what differs between the versions of the format, in one table each.
 *
 * The structure of VMFS-3, -5 and -6 is one: resource files of clusters, descriptors of a lock, a
 * metadata record and pointers. Sizes, the packing of addresses, the fields of a bitmap record and
 * the shape of a directory are not. The rest of the module asks the table of its volume
 * (vol->layout.form) and never which version it is. */
#ifndef CAIRN_VMFS_FORM_PRIV_H
#define CAIRN_VMFS_FORM_PRIV_H

#include "vmfs/vmfs.h"
#include "vmfs/vmfs_format.h"

enum vmfs_res {
	VMFS_RES_FB, VMFS_RES_FD, VMFS_RES_SB, VMFS_RES_PB, VMFS_RES_PB2,
	VMFS_RES_JB,		/* journal blocks: VMFS-6 */
	VMFS_RES_LFB,		/* large file blocks: VMFS-6 */
	VMFS_RES_COUNT
};

struct vmfs_geom;
struct vmfs_layout;
struct vmfs_dir_ops;
struct check_dir_shape;

/* An integer of a record: where, and its 2 or 4 bytes. */
struct vmfs_field { uint16_t at; uint8_t bytes; };

/* The bitmap record of a cluster. All of it that is used lies in its first sector. */
struct vmfs_cluster_form {
	struct vmfs_field	number, total, free, next_free, fd_generation;
	struct vmfs_field	signature;	/* bytes 0: it has none */
	uint32_t		signed_as;
	uint16_t		bitmap_at;
	uint16_t		bitmap_bytes;	/* 0: as many as its resources need */
};

struct vmfs_form {
	const char	*name;			/* "VMFS-5" */
	uint32_t	md_bytes;		/* of a lock; a heartbeat slot; a bitmap record */
	uint32_t	hb_slots;
	/* descriptors: a lock of md_bytes, then the metadata record, to which these are relative */
	uint32_t	fd_bytes;		/* all of a descriptor */
	uint32_t	fd_signature;		/* 0: none */
	uint32_t	ptrs_at;		/* its pointers */
	uint32_t	ptrs, ptr_bytes;
	uint32_t	resident_max;		/* content in their place, at VMFS_FD_INLINE_AT */
	uint32_t	pb_bytes, pb_ptrs;	/* a pointer block */
	enum vmfs_res	leaf_res, upper_res;	/* what new ones are made of */
	uint8_t		zlas;			/* bit per ZLA below 8 */
	/* addresses */
	uint8_t		res_of_type[8];		/* enum vmfs_res, VMFS_RES_COUNT: none */
	uint8_t		pb_types;		/* bit per type that may be a pointer block */
	uint64_t	fb_cow, fb_tbz, sub_cow;	/* flags; TBZ may be several bits */
	void		(*split)(const struct vmfs_geom *g, enum vmfs_res kind, uint64_t addr,
				 int dense_sb, uint32_t *cluster, uint32_t *resource);
	uint64_t	(*make)(const struct vmfs_geom *g, enum vmfs_res kind, uint32_t cluster,
				uint32_t resource);
	/* number of a file block; needed before .fbb.sf can be read */
	uint64_t	(*block)(const struct vmfs_layout *l, uint64_t addr);
	uint64_t	(*block_addr)(const struct vmfs_layout *l, uint64_t block);
	/* NULL: there are no large blocks. The small block that pointer k of a file means when it
	 * names a large one; and back, for the first small block of one. */
	uint64_t	(*piece)(const struct vmfs_layout *l, uint64_t addr, uint64_t k);
	uint64_t	(*large_addr)(const struct vmfs_layout *l, uint64_t block);
	/* resource files; kinds that a version does not have are all zero */
	struct vmfs_cluster_form cluster;
	struct vmfs_res_limits {
		uint32_t	per_cluster_max, resource_bytes, resource_bytes_old;
		uint64_t	clusters_max;
		uint8_t		bits, free_code, optional;	/* of the bitmap, one resource */
	} res[VMFS_RES_COUNT];
	uint8_t		growing;	/* bit per kind whose file gets longer on demand */
	/* in which order the files can be read: what locates pointer blocks goes first */
	uint8_t		read_order[VMFS_RES_COUNT], read_count;
	uint32_t	header_at[VMFS_RES_COUNT];	/* of the header in the file */
	/* whose resources are the headers of clusters of file blocks; FB: they are none */
	enum vmfs_res	parent_of_fb;
	/* NULL: the header ends after its 32 common bytes */
	void		(*encode_tail)(const struct vmfs_geom *g, enum vmfs_res kind, void *header);
	/* NULL: nothing. What a new bitmap record has besides counts and free resources. */
	void		(*init)(const struct vmfs_geom *g, enum vmfs_res kind, void *record);
	/* NULL: nothing. A bitmap record is about to be changed. */
	void		(*stamp)(void *record);
	/* journals */
	enum vmfs_res	journal_res;
	uint32_t	journal_bytes;		/* 0: a file block */
	/* names */
	const struct vmfs_dir_ops *dir;
};

extern const struct check_dir_shape check_dir_array, check_dir_hash;
extern const struct vmfs_dir_ops vmfs_dir_array;	/* dir_array.c */
extern const struct vmfs_form vmfs_form_5;	/* and VMFS-3, which is read only */

extern const struct vmfs_form vmfs_form_6;
extern const struct vmfs_dir_ops vmfs_dir_hash;		/* dir_hash.c */

/* The table for a descriptor's major version; NULL: unknown. */
const struct vmfs_form *vmfs_form_of(uint32_t fs_major);

static inline uint32_t vmfs_field_get(const void *record, struct vmfs_field f)
{
	const uint8_t *p = (const uint8_t *)record + f.at;

	return f.bytes == 2 ? le16_get(*(const le16 *)(const void *)p)
			    : le32_get(*(const le32 *)(const void *)p);
}
static inline void vmfs_field_set(void *record, struct vmfs_field f, uint32_t value)
{
	uint8_t *p = (uint8_t *)record + f.at;

	if (f.bytes == 2)
		le16_set((le16 *)(void *)p, (uint16_t)value);
	else
		le32_set((le32 *)(void *)p, value);
}

/* The beginning of a directory's entry. */
static inline void vmfs_dirent_set(struct vmfs_dirent_head *d, uint32_t type, uint32_t fd,
				   uint32_t generation)
{
	le32_set(&d->type, type);
	le32_set(&d->fd, fd);
	le32_set(&d->generation, generation);
}

/* A pointer where it lies, in a descriptor or a pointer block. */
static inline uint64_t vmfs_ptr_get(const struct vmfs_form *form, const void *p)
{
	return form->ptr_bytes == sizeof(le32) ? le32_get(*(const le32 *)p)
					       : le64_get(*(const le64 *)p);
}
static inline void vmfs_ptr_set(const struct vmfs_form *form, void *p, uint64_t addr)
{
	if (form->ptr_bytes == sizeof(le32))
		le32_set((le32 *)p, (uint32_t)addr);
	else
		le64_set((le64 *)p, addr);
}

#endif
