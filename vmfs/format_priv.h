/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* format - what mkfs, grow and span share: new LVM headers, new cluster headers, fast writing.
 *   lvm_format.c  headers of devices  res_format.c  resource files  writer.c  requests in flight */
#ifndef CAIRN_VMFS_FORMAT_PRIV_H
#define CAIRN_VMFS_FORMAT_PRIV_H

#include "vmfs/geom_priv.h"

/* ---- LVM headers ----------------------------------------------------------------------------- */

/* How many PEs of 256 MiB a device has room for, chained metadata regions taken off. */
uint32_t lvm_room_pes(const struct lvm_form *form, uint64_t device_bytes);
/* Where we put PE `number` of a device, and metadata region `index` (1 and up). */
uint64_t lvm_pe_place(uint32_t number);
uint64_t lvm_region_place(uint32_t index);
/* Where we put what PE record `number` is for. */
uint64_t lvm_record_place(const struct lvm_form *form, uint32_t number);
/* Write the records and bitmap bits of PEs first .. first + count - 1, logically from `logical` on,
 * each `pe_bytes` long (256 MiB but for a test volume), and the headers of regions that begin
 * there. */
MUST_USE enum status lvm_write_pes(struct io_dev *dev, uint32_t first, uint32_t count,
				   uint64_t logical, uint64_t pe_bytes, struct why *why);
/* All records of a new device; pe_bytes: 256 MiB but for a test volume of LVM5. */
MUST_USE enum status lvm_write_device_pes(const struct lvm_device *d, uint64_t pe_bytes,
					  struct why *why);
/* Records of a device that has `old` PEs and will have `pes`; those that count stay as they are. */
MUST_USE enum status lvm_extend_pes(const struct lvm_device *d, uint32_t old, uint32_t pes,
				    struct why *why);
/* Fields of the device record and volume entry that follow from the number of PEs. */
void lvm_set_pes(struct lvm_device *d, uint32_t pes);
/* Write the name that device `index` of the volume has into the head's table. */
MUST_USE enum status lvm_write_name(const struct lvm_device *head, uint32_t index,
				    const char *name);
MUST_USE enum status lvm_write_volume(const struct lvm_device *d);
MUST_USE enum status lvm_write_record(const struct lvm_device *d);
/* A new device's record and entry in memory; `pes` of them from logical PE `first` on. */
void lvm_new_device(struct lvm_device *d, struct io_dev *dev, const struct vmfs_uuid *dev_id,
		    uint64_t now_us, const char *disk_id, const struct lvm_form *form);
/* Make [at, at + bytes) of a device read as zeros; holes are left holes. */
MUST_USE enum status lvm_clear(struct io_dev *dev, uint64_t at, uint64_t bytes);
/* The lvm of devices whose records are in memory already (dev[].region is filled in). */
MUST_USE enum status lvm_plan(struct lvm *lvm, uint64_t pe_bytes);

/* ---- resource files -------------------------------------------------------------------------- */

/* A cluster header of VMFS-5. */
struct vmfs_cluster_header { struct vmfs_lock_disk lock; struct vmfs_cluster_disk meta; };
DISK_SIZE(struct vmfs_cluster_header, VMFS_CLUSTER_BYTES);
/* A cluster header (zeroed, vmfs_header_bytes() long) with all of its resources free. */
void vmfs_cluster_make(uint8_t *header, const struct vmfs_geom *g, enum vmfs_res kind,
		       uint32_t cluster, uint64_t at, uint64_t mtime);
/* Take [first, first + count) in a bitmap record and set the counts; they were all free. */
void vmfs_cluster_take(const struct vmfs_geom *g, enum vmfs_res kind, void *rec, uint32_t first,
		       uint32_t count);

/* Image of the part of file block `index` of a resource file that holds the header or cluster
 * headers >= first_cluster. taken: this many first resources are in use. mtime: of cluster 0.
 * [*low, *high) of the block is what was filled in; equal when there is nothing. buf is zeroed. */
struct vmfs_res_fill {
	const struct vmfs_layout	*layout;
	enum vmfs_res			kind;
	uint32_t			first_cluster;
	uint64_t			taken, mtime;
};
void vmfs_res_fill_block(const struct vmfs_res_fill *fill, uint32_t index, uint8_t *buf,
			 uint32_t *low, uint32_t *high);

/* The file system takes the room that the logical volume has behind its blocks (grow_fs.c). The
 * volume is not mounted and its devices are locked. *added_bytes: 0 when there was none. */
MUST_USE enum status vmfs_fs_grow(struct lvm *lvm, uint64_t *added_bytes, struct why *why);
/* The same of a version whose .fbb.sf grows by operations of the journal, so of a volume that is
 * mounted for writing (res_grow.c). ST_NOSPACE: not a block is free for the map of the new ones. */
MUST_USE enum status vmfs_blocks_grow(struct vmfs_volume *vol, uint64_t *added_bytes);

/* ---- hashed directories: dir_hash.c ---------------------------------------------------------- */

/* A new directory into a zeroed image: header, allocation map, and with `entries` a block of
 * entries, block 1. */
void vmfs_dir_hash_make(uint8_t *image, int entries, uint32_t type, uint32_t fd,
			uint32_t generation, uint32_t parent, uint32_t parent_generation);
/* A system file into a slot of block 1; returns its place, for the caller's choice of a bucket. */
uint32_t vmfs_dir_hash_put(uint8_t *image, uint32_t slot, uint32_t type, uint32_t fd,
			   const char *name);

/* The trace that tells our own VMFS-6 (foreign.c). */
MUST_USE enum status vmfs_mark_write(struct lvm *lvm, const struct vmfs_layout *layout,
				     const struct vmfs_uuid *fs_uuid);

/* ---- writer: a few large writes in flight ---------------------------------------------------- */

#define WRITER_DEPTH 4u

struct vmfs_writer {
	struct lvm	*lvm;
	uint32_t	chunk_bytes, next;
	enum status	status;		/* the first failure */
	uint8_t		*buf[WRITER_DEPTH];
	struct io_wait	wait[WRITER_DEPTH];
	uint8_t		busy[WRITER_DEPTH];
};
MUST_USE enum status vmfs_writer_init(struct vmfs_writer *w, struct lvm *lvm, uint32_t chunk_bytes);
/* A zeroed buffer of chunk_bytes; waits for the oldest write when all are in flight. */
uint8_t *vmfs_writer_buffer(struct vmfs_writer *w);
/* Write bytes [low, high) of the buffer got last to volume offset at + low. */
void vmfs_writer_put(struct vmfs_writer *w, uint64_t at, uint32_t low, uint32_t high);
/* Wait for everything; the first failure, if any. Frees the buffers. */
MUST_USE enum status vmfs_writer_fini(struct vmfs_writer *w);

#endif
