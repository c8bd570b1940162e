/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmfs_format - the on-disk layout of LVM and VMFS-3/5, as FORMAT.md tells it.
 * All offsets marked "volume" are bytes of the logical volume; "partition" of the device. */
#ifndef CAIRN_VMFS_FORMAT_H
#define CAIRN_VMFS_FORMAT_H

#include "iopath/base/le.h"

typedef struct {
	uint8_t b[16];
} vmfs_uuid_disk; /* u32 time_lo, u32 time_hi, u16 rand, u8[6] mac */

/* ---- LVM (partition offsets) ----------------------------------------------------------------- */

#define LVM_MAGIC		0xC001D00Du
#define LVM_HEADER_AT		0x100000ull /* device record; everything below is relative to it */
#define LVM_VOLUME_AT		0x200u		/* volume table entry 0 */
#define LVM_NAMES_AT		0x7E200u	/* 32 names of 256 bytes */
/* LVM6 gives each its own 4 KiB and moves what follows. */
#define LVM6_VOLUME_AT		0x1000u
#define LVM6_NAMES_AT		0x7F000u
#define LVM6_PE_MAP_AT		0x81000u
#define LVM6_PE_TABLE_AT	0x82000u
#define LVM6_PE_STRIDE		0x101000u
#define LVM6_MD_ALIGNMENT	0x1000u
#define LVM6_RECORD_PES		65536u		/* 256 MiB units in one record, at most */
#define LVM_NAME_BYTES		256u
#define LVM_DEVICES_MAX		32u
#define LVM_PE_MAP_AT(i)	(0x80200ull + (i) * 0x100400ull)	/* bitmap of table i */
#define LVM_PE_TABLE_AT(i)	(0x80600ull + (i) * 0x100400ull)
#define LVM_PES_PER_MAP		8192u
#define LVM_MAPS_PER_REGION	8u
#define LVM_REGION_PES		(LVM_MAPS_PER_REGION * LVM_PES_PER_MAP)	/* 16 TiB */
#define LVM_REGION_BYTES	0x1000000ull	/* from a chained region to its data */
#define LVM_REGIONS_MAX		4u		/* 64 TiB */
#define LVM_PE_BYTES		0x10000000ull	/* 256 MiB */
#define LVM_DATA_AT		0x1100000ull	/* of the partition */

struct lvm_scsi_id {			/* also the body of an RDM file */
	uint8_t	type;			/*  0 */
	uint8_t	len;			/*  1  valid bytes of id */
	le16	lun;			/*  2 */
	uint8_t	device_type;		/*  4 */
	uint8_t	scsi_level;		/*  5 */
	uint8_t	vendor[8];		/*  6 */
	uint8_t	model[16];		/* 14 */
	uint8_t	revision[4];		/* 30 */
	uint8_t	id[44];			/* 34 */
};
DISK_SIZE(struct lvm_scsi_id, 78);

struct lvm_device_disk {
	le32	magic;			/* 0x00 */
	le32	major;			/* 0x04  3, 5, 6 */
	le32	minor;			/* 0x08 */
	struct lvm_scsi_id disk_id;	/* 0x0C */
	le32	block_bytes;		/* 0x5A  512 */
	le64	total_bytes;		/* 0x5E  of the partition */
	le32	num_volumes;		/* 0x66  1 */
	le32	num_pes;		/* 0x6A */
	le32	last_pe;		/* 0x6E */
	le64	generation;		/* 0x72 */
	le64	data_offset;		/* 0x7A */
	vmfs_uuid_disk dev_id;		/* 0x82 */
	le64	init_time_us;		/* 0x92 */
	le64	mod_time_us;		/* 0x9A */
	vmfs_uuid_disk locked_by;	/* 0xA2 */
	le64	locked_when_us;		/* 0xB2 */
	le32	zero0;			/* 0xBA */
	le32	num_pe_maps;		/* 0xBE */
	le64	ext_offset;		/* 0xC2  next metadata region, 0: none */
	le32	md_alignment;		/* 0xCA  LVM6 */
	le32	num_pes6;		/* 0xCE  LVM6 */
	le32	flags;			/* 0xD2 */
	uint8_t	zero[0x200 - 0xD6];
};
DISK_SIZE(struct lvm_device_disk, 512);
DISK_AT(struct lvm_device_disk, total_bytes, 0x5E);
DISK_AT(struct lvm_device_disk, dev_id, 0x82);
DISK_AT(struct lvm_device_disk, ext_offset, 0xC2);

struct lvm_volume_disk {
	le64	logical_bytes;		/* 0x00 */
	le64	generation;		/* 0x08 */
	le32	state;			/* 0x10  1 normal */
	uint8_t	name[64];		/* 0x14 */
	vmfs_uuid_disk lv_id;		/* 0x54 */
	le32	snap_id;		/* 0x64 */
	le64	creation_us;		/* 0x68 */
	le32	volume_id;		/* 0x70 */
	le32	num_pes;		/* 0x74  on this device */
	le64	first_pe;		/* 0x78  logical */
	le64	last_pe;		/* 0x80 */
	le64	mod_time_us;		/* 0x88 */
	le32	num_devs;		/* 0x90 */
	uint8_t	zero1[124];		/* 0x94 */
	le32	consumed_pes;		/* 0x110  LVM6 */
	uint8_t	zero2[236];
};
DISK_SIZE(struct lvm_volume_disk, 512);
DISK_AT(struct lvm_volume_disk, lv_id, 0x54);
DISK_AT(struct lvm_volume_disk, first_pe, 0x78);
DISK_AT(struct lvm_volume_disk, consumed_pes, 0x110);

struct lvm_pe_disk {
	uint8_t	used;			/* 0x00 */
	le32	pe_id;			/* 0x01 */
	le32	volume_id;		/* 0x05 */
	le64	physical;		/* 0x09  partition bytes */
	le64	logical;		/* 0x11  volume bytes */
	le64	bytes;			/* 0x19 */
	le32	version;		/* 0x21  1 */
	uint8_t	zero[91];
};
DISK_SIZE(struct lvm_pe_disk, 128);

struct lvm_region_disk {		/* a further metadata region of a device over 16 TiB */
	le32	magic;
	le32	num_pe_maps;
	le64	data_offset;
	le64	next;			/* partition offset, 0: none */
	uint8_t	zero[512 - 24];
};
DISK_SIZE(struct lvm_region_disk, 512);

/* ---- file system (volume offsets) ------------------------------------------------------------ */

#define VMFS_FS_AT		0x200000ull
#define VMFS_FS_MAGIC		0x2FABF15Eu
#define VMFS_HB_AT		0x300000ull
#define VMFS_HB_SLOTS		2048u
#define VMFS_FDC_MIN_AT		0x400000ull	/* rounded up to a file block */
#define VMFS_LEASE_NS		(16ull * 1000000000)
#define VMFS_BEAT_NS		(3ull * 1000000000)

#define VMFS_MAJOR_3		4u		/* raw major numbers of the descriptor */
#define VMFS_MAJOR_5		14u
#define VMFS_MAJOR_6		24u
#define VMFS_CONFIG_DENSE_SB	0x4u

struct vmfs_fs_disk {
	le32	magic;			/* 0x000 */
	le32	major;			/* 0x004 */
	uint8_t	minor;			/* 0x008 */
	vmfs_uuid_disk uuid;		/* 0x009 */
	le32	config;			/* 0x019 */
	uint8_t	label[128];		/* 0x01d */
	le32	disk_block_bytes;	/* 0x09d */
	le64	file_block_bytes;	/* 0x0a1 */
	le32	creation_time;		/* 0x0a9 */
	le32	snap_id;		/* 0x0ad */
	vmfs_uuid_disk lv_id;		/* 0x0b1  volInfo: LV UUID, snapshot id, 12 zeros */
	le32	lv_snap_id;		/* 0x0c1 */
	uint8_t	lv_zero[12];		/* 0x0c5 */
	le32	fdc_group_offset;	/* 0x0d1 */
	le32	fdc_clusters_per_group;	/* 0x0d5 */
	le32	sub_block_bytes;	/* 0x0d9 */
	le32	max_journal_slots;	/* 0x0dd */
	le64	pb2_at;			/* 0x0e1 */
	le32	pb2_fd;			/* 0x0e9 */
	vmfs_uuid_disk host;		/* 0x0ed */
	le64	generation;		/* 0x0fd */
	le64	sdd_at;			/* 0x105 */
	le32	sdd_fd;			/* 0x10d */
	uint8_t	checksum_type;		/* 0x111  0: none; what others mean is not public */
	le16	unmap_priority;		/* 0x112  0 none 1 low; from here on zero in VMFS-5 */
	uint8_t	unknown1[0x130 - 0x114];
	le32	phys_block_bytes;	/* 0x130 */
	le32	md_alignment;		/* 0x134  4096 */
	le16	sfb_to_lfb_shift;	/* 0x138  9: a large file block is 512 small ones */
	uint8_t	unknown2[4];
	le16	ptr_block_shift;	/* 0x13e  16 */
	le16	sfb_addr_bits;		/* 0x140  44 */
	uint8_t	unknown3[2];
	le32	tbz_granularity;	/* 0x144 */
	le32	journal_block_bytes;	/* 0x148  2 MiB */
	le32	lease_ms;		/* 0x14c */
	le32	reclaim_ms;		/* 0x150 */
	uint8_t	tail[0x1f8 - 0x154];
	le32	ours;			/* 0x1f8  VMFS_FS_OURS: the next field is one */
	le32	locking;		/* 0x1fc  enum vmfs_locking */
};
DISK_SIZE(struct vmfs_fs_disk, 512);
DISK_AT(struct vmfs_fs_disk, label, 0x1d);
DISK_AT(struct vmfs_fs_disk, lv_id, 0xb1);
DISK_AT(struct vmfs_fs_disk, pb2_at, 0xe1);
DISK_AT(struct vmfs_fs_disk, sdd_fd, 0x10d);
DISK_AT(struct vmfs_fs_disk, sfb_to_lfb_shift, 0x138);
DISK_AT(struct vmfs_fs_disk, reclaim_ms, 0x150);

#define VMFS_FS_OURS		0x4E524143u	/* "CARN" */
enum vmfs_locking { VMFS_LOCKING_ANY, VMFS_LOCKING_ATS_ONLY };

#define VMFS_LOCK_TYPE_BASE	0x10C00000u
enum vmfs_lock_kind {
	VMFS_LOCK_FD = 1, VMFS_LOCK_FBC = 2, VMFS_LOCK_SBC = 3, VMFS_LOCK_PBC = 4,
	VMFS_LOCK_FDC = 5, VMFS_LOCK_PB2 = 6, VMFS_LOCK_JBC = 7, VMFS_LOCK_LFBC = 8,
};

enum vmfs_lock_mode {
	VMFS_LOCK_FREE = 0, VMFS_LOCK_EXCLUSIVE = 1, VMFS_LOCK_READ_ONLY = 2,
	VMFS_LOCK_MULTI_WRITER = 3,
};

struct vmfs_holder_disk { le64 hb_at; le64 hb_gen; vmfs_uuid_disk host; };
DISK_SIZE(struct vmfs_holder_disk, 32);

struct vmfs_lock_disk {
	le32	type;			/* 0x00  VMFS_LOCK_TYPE_BASE + kind */
	le64	at;			/* 0x04  volume offset of this sector */
	le64	hb_at;			/* 0x0C  slot of the (last) holder, 0: never held */
	le64	hb_gen;			/* 0x14 */
	le64	token;			/* 0x1C  + 1 at every acquire and release */
	le32	mode;			/* 0x24  0 free 1 exclusive 2 read-only 3 multi-writer */
	vmfs_uuid_disk owner;		/* 0x28 */
	le64	mtime;			/* 0x38 */
	le32	num_holders;		/* 0x40 */
	struct vmfs_holder_disk holders[8];	/* 0x44 */
	uint8_t	zero1[32];		/* 0x144 */
	le32	gbl_holders;		/* 0x164 */
	le64	gbl_gen;		/* 0x168 */
	le32	gbl_brk;		/* 0x170 */
	uint8_t	zero2[0x200 - 0x174];
};
DISK_SIZE(struct vmfs_lock_disk, 512);
DISK_AT(struct vmfs_lock_disk, holders, 0x44);
DISK_AT(struct vmfs_lock_disk, gbl_brk, 0x170);

#define VMFS_HB_FREE		0xABCDEF01u
#define VMFS_HB_USED		0xABCDEF02u

struct vmfs_hb_disk {
	le32	state;			/* 0x00 */
	le64	at;			/* 0x04 */
	le64	gen;			/* 0x0C */
	le64	stamp_us;		/* 0x14  host uptime */
	vmfs_uuid_disk owner;		/* 0x1C */
	le32	journal_fb;		/* 0x2C  FB address */
	le32	drv_major;		/* 0x30 */
	uint8_t	drv_minor;		/* 0x34 */
	uint8_t	lock_impl;		/* 0x35 */
	uint8_t	ip[46];			/* 0x36 */
	le64	journal_at;		/* 0x64 */
	vmfs_uuid_disk replay_host;	/* 0x6C */
	uint8_t	unknown[24];		/* 0x7C */
	le64	replay_hb_at;		/* 0x94 */
	le64	replay_hb_gen;		/* 0x9C */
	uint8_t	zero[0x200 - 0xA4];
};
DISK_SIZE(struct vmfs_hb_disk, 512);
DISK_AT(struct vmfs_hb_disk, journal_at, 0x64);
DISK_AT(struct vmfs_hb_disk, replay_hb_at, 0x94);

/* ---- addresses ------------------------------------------------------------------------------- */

enum vmfs_addr_type {
	VMFS_ADDR_NULL = 0, VMFS_ADDR_FB = 1, VMFS_ADDR_SB = 2, VMFS_ADDR_PB = 3,
	VMFS_ADDR_FD = 4, VMFS_ADDR_PB2 = 5, VMFS_ADDR_JB = 6, VMFS_ADDR_LFB = 7,
};
#define VMFS_ADDR_TYPE(a)	((uint32_t)(a) & 7u)
#define VMFS_FB_COW		(1u << 4)
#define VMFS_FB_TBZ		(1u << 5)
#define VMFS_FB_BLOCK(a)	((a) >> 6)
#define VMFS_FB_MAKE(block)	(((uint32_t)(block) << 6) | VMFS_ADDR_FB)
#define VMFS_FB_MAX		(1u << 26)
#define VMFS_SUB_COW		(1u << 5)	/* SB, PB, PB2 */
#define VMFS_SUB_CLUSTER(a)	(((a) >> 6) & 0x3FFFFFu)
#define VMFS_PB_RESOURCE(a)	((a) >> 28)
#define VMFS_PB_MAKE(c, r)	(((uint32_t)(r) << 28) | ((uint32_t)(c) << 6) | VMFS_ADDR_PB)
#define VMFS_PB2_MAKE(c, r)	(((uint32_t)(r) << 28) | ((uint32_t)(c) << 6) | VMFS_ADDR_PB2)
#define VMFS_SB_RESOURCE(a, dense) (((a) >> 28) | ((dense) ? (((a) >> 3) & 3u) << 4 : 0))
#define VMFS_SB_MAKE(c, r)	((((uint32_t)(r) & 15) << 28) | ((uint32_t)(c) << 6) | \
				 (((uint32_t)(r) >> 4) << 3) | VMFS_ADDR_SB)
#define VMFS_FD_CLUSTER(a)	(((a) >> 6) & 0xFFFFu)
#define VMFS_FD_RESOURCE(a)	((a) >> 22)
#define VMFS_FD_MAKE(c, r)	(((uint32_t)(r) << 22) | ((uint32_t)(c) << 6) | VMFS_ADDR_FD)

enum vmfs_fixed_fd {
	VMFS_FD_ROOT = 0x00000004, VMFS_FD_FBB = 0x00400004, VMFS_FD_FDC = 0x00800004,
	VMFS_FD_PBC = 0x00C00004, VMFS_FD_SBC = 0x01000004, VMFS_FD_VH = 0x01400004,
	VMFS_FD_PB2 = 0x01800004, VMFS_FD_SDD = 0x01C00004, VMFS_FD_JBC = 0x02000004,
};

/* ---- resource files -------------------------------------------------------------------------- */

#define VMFS_RES_GROUP_AT	0x10000u	/* file offset of cluster group 0, always */
#define VMFS_CLUSTER_BYTES	   1024u /* header of one cluster: lock sector, bitmap sector */
#define VMFS_CLUSTER_RESOURCES_MAX 512u		/* bits of its bitmap */
#define VMFS_GROUP_CLUSTERS_MAX	1024u		/* 32 and 64 are what hosts write */
#define VMFS_SB_BYTES		0x2000u
#define VMFS_SB_BYTES_OLD	0x10000u	/* VMFS-3 */

struct vmfs_res_disk {			/* offset 0 of each resource file */
	le32	resources_per_cluster;	/* 0x00 */
	le32	clusters_per_group;	/* 0x04 */
	le32	group_offset;		/* 0x08 */
	le32	resource_bytes;		/* 0x0C  0 for FB */
	le32	group_bytes;		/* 0x10 */
	le32	num_resources_lo;	/* 0x14 */
	le32	num_groups;		/* 0x18 */
	le32	num_resources_hi;	/* 0x1C */
};
DISK_SIZE(struct vmfs_res_disk, 32);

struct vmfs_cluster_disk {		/* second sector of a cluster header */
	le32	cluster;		/* 0x00 */
	le32	total;			/* 0x04 */
	le32	free;			/* 0x08 */
	le32	next_free;		/* 0x0C  lowest free, 0 when none */
	uint8_t	bitmap[64];		/* 0x10  1: free, LSB first */
	le32	fd_generation;		/* 0x50  FDC: last FD generation issued */
	uint8_t	type_data[12];
	le32	priority;		/* 0x60 */
	uint8_t	zero[0x200 - 0x64];
};
DISK_SIZE(struct vmfs_cluster_disk, 512);
DISK_AT(struct vmfs_cluster_disk, fd_generation, 0x50);

/* ---- file descriptors ------------------------------------------------------------------------ */

#define VMFS_FD_BYTES		2048u
#define VMFS_FD_META_AT		0x200u
#define VMFS_FD_DATA_AT		0x400u
#define VMFS_FD_INLINE_AT	0x200u	/* content, from the metadata record on */
#define VMFS_FD_POINTERS	256u
#define VMFS_RESIDENT_MAX	1024u
#define VMFS_PB_BYTES		4096u
#define VMFS_PB_POINTERS	1024u
#define VMFS_NAME_MAX		127u
#define VMFS_LENGTH_MAX		(1ull << 51)	/* double-indirect reach with blocks of 8 MiB */

enum vmfs_type {
	VMFS_TYPE_VOLUME = 1, VMFS_TYPE_DIR = 2, VMFS_TYPE_FILE = 3, VMFS_TYPE_SYMLINK = 4,
	VMFS_TYPE_SYSTEM = 5, VMFS_TYPE_RDM = 6,
};

enum vmfs_zla {
	VMFS_ZLA_FB = 1, VMFS_ZLA_SB = 2, VMFS_ZLA_PB = 3,
	VMFS_ZLA_SYS = 5,	/* VMFS-6 system files: one level of secondary pointer blocks */
	VMFS_ZLA_PB2 = 0x10D0, VMFS_ZLA_RESIDENT = 0x10D1,
};

struct vmfs_fd_disk {			/* metadata sector of a file descriptor */
	le32	fd;			/* 0x00  own address */
	le32	generation;		/* 0x04 */
	le32	links;			/* 0x08 */
	le32	type;			/* 0x0C */
	le32	flags;			/* 0x10 */
	le64	length;			/* 0x14 */
	le64	block_bytes;		/* 0x1C */
	le64	num_blocks;		/* 0x24 */
	le32	mtime;			/* 0x2C */
	le32	ctime;			/* 0x30 */
	le32	atime;			/* 0x34 */
	le32	uid;			/* 0x38 */
	le32	gid;			/* 0x3C */
	le32	mode;			/* 0x40 */
	le32	zla;			/* 0x44 */
	le32	tbz_lo;			/* 0x48 */
	le32	cow_lo;			/* 0x4C */
	le32	new_lo;			/* 0x50  newSinceEpoch */
	le32	tbz_hi;			/* 0x54 */
	le32	cow_hi;			/* 0x58 */
	le32	num_pbs;		/* 0x5C */
	le32	new_hi;			/* 0x60 */
	le32	signature;		/* 0x64  0 in VMFS-5 */
	le32	affinity_fd;		/* 0x68 */
	le32	tbz_shift;		/* 0x6C */
	le32	parent_fd;		/* 0x70  VMFS-6 */
	uint8_t	zero1[0x89 - 0x74];	/* VMFS-6 has more here, which nobody needs to read */
	uint8_t	block_shift;		/* 0x89  0 in VMFS-3: take log2(block_bytes) */
	uint8_t	zero2[2];
	le32	large_blocks;		/* 0x8C  VMFS-6 */
	uint8_t	zero3[0x200 - 0x90];
};
DISK_SIZE(struct vmfs_fd_disk, 512);
DISK_AT(struct vmfs_fd_disk, length, 0x14);
DISK_AT(struct vmfs_fd_disk, zla, 0x44);
DISK_AT(struct vmfs_fd_disk, affinity_fd, 0x68);
DISK_AT(struct vmfs_fd_disk, block_shift, 0x89);
DISK_AT(struct vmfs_fd_disk, large_blocks, 0x8C);

struct vmfs_fd_record {			/* a whole file descriptor */
	struct vmfs_lock_disk	lock;
	struct vmfs_fd_disk	meta;
	union {
		uint8_t	data[VMFS_RESIDENT_MAX];
		le32	ptr[VMFS_FD_POINTERS];
	};
};
DISK_SIZE(struct vmfs_fd_record, VMFS_FD_BYTES);
DISK_AT(struct vmfs_fd_record, meta, VMFS_FD_META_AT);
DISK_AT(struct vmfs_fd_record, data, VMFS_FD_DATA_AT);

/* How an entry of a directory begins in all versions; its name comes later. */
struct vmfs_dirent_head {
	le32	type;			/* 0x00 */
	le32	fd;			/* 0x04  0: no entry */
	le32	generation;		/* 0x08 */
};

struct vmfs_dirent_disk {
	struct vmfs_dirent_head head;
	uint8_t	name[128];		/* 0x0C  zero padded, at most 127 bytes */
};
DISK_SIZE(struct vmfs_dirent_disk, 140);

/* ---- VMFS-6 ---------------------------------------------------------------------------------- */

#define VMFS6_MD_BYTES		0x1000u		/* mdAlignment */
#define VMFS6_HB_SLOTS		1024u
#define VMFS6_BLOCK_BYTES	0x100000u
#define VMFS6_FDC_BLOCK		7u		/* of .fdc.sf's header and first FDs */
#define VMFS6_LFB_SHIFT		9u		/* 512 small file blocks are a large one */
#define VMFS6_SB_BYTES		0x10000u	/* sub-blocks; pointer blocks lie in them */
#define VMFS6_PB_POINTERS	8192u
#define VMFS6_FD_BYTES		0x2000u
#define VMFS6_FD_POINTERS	320u
#define VMFS6_FD_PTRS_AT	0x600u		/* from the metadata record on */
#define VMFS6_RESIDENT_MAX	3584u
#define VMFS6_JB_BYTES		0x200000u
#define VMFS6_LFB_BYTES		0x2000u		/* of .fbb.sf: the header of its 512 small blocks */
#define VMFS6_SFB_HEADER_AT	0x1000u		/* in .fbb.sf; that of the LFBs is at 0 */
#define VMFS6_FD_SIGNATURE	0x66646D64u	/* "dmdf" */
#define VMFS6_RES_SIGNATURE	0x72666D64u	/* "dmfr" */
#define VMFS6_CLUSTER_SIGNATURE	0x72636D64u	/* "dmcr" */
#define VMFS6_LFB_GIVEN		4u		/* 3-bit code: its blocks are in the small pool */

/* 64-bit addresses. FD and JB keep 32 bits. */
#define VMFS6_FB_COW		(1ull << 5)
#define VMFS6_FB_TBZ		(0xFFull << 7)	/* a bit per eighth of the block */
#define VMFS6_FB_TBZ_SHIFT	7
#define VMFS6_TBZ_PARTS		8u
#define VMFS6_FB_CLUSTER(a)	((uint32_t)((a) >> 15) & 0x7FFFFFFFu)
#define VMFS6_FB_RESOURCE(a)	((uint32_t)((a) >> 51))
#define VMFS6_FB_MAKE(c, r)	((uint64_t)(r) << 51 | (uint64_t)(c) << 15 | VMFS_ADDR_FB)
#define VMFS6_LFB_MAKE(n)	((uint64_t)(n) << 15 | VMFS_ADDR_LFB)
#define VMFS6_SUB_CLUSTER(a)	((a) >> 6 & 0xFFFFFFFFFull)
#define VMFS6_SUB_RESOURCE(a)	((uint32_t)((a) >> 56))
#define VMFS6_SUB_MAKE(c, r, t)	((uint64_t)(r) << 56 | (uint64_t)(c) << 6 | (t))
#define VMFS6_JB_CLUSTER(a)	((uint32_t)(a) >> 3 & 0x1FFFu)
#define VMFS6_JB_RESOURCE(a)	((uint32_t)(a) >> 26)
#define VMFS6_JB_MAKE(c, r)	((uint64_t)(r) << 26 | (uint64_t)(c) << 3 | VMFS_ADDR_JB)

struct vmfs6_res_disk {			/* a resource file header goes on after 32 bytes */
	struct vmfs_res_disk common;
	le32	signature;		/* 0x20 */
	le32	version;		/* 0x24  1 */
	le32	flags;			/* 0x28 */
	le16	affinity_per_cluster;	/* 0x2C */
	le16	affinity_per_resource;	/* 0x2E */
	le32	bits_per_resource;	/* 0x30 */
	le32	child_at;		/* 0x34  LFB: file offset of the SFB header */
	le32	parent_per_cluster;	/* 0x38  SFB: geometry of the LFBs */
	le32	parent_per_group;	/* 0x3C */
	le32	parent_group_bytes;	/* 0x40 */
	uint8_t	zero[0x54 - 0x44];
	le32	converted;		/* 0x54  SFB: clusters handed down from LFBs */
};
DISK_SIZE(struct vmfs6_res_disk, 0x58);
DISK_AT(struct vmfs6_res_disk, converted, 0x54);

struct vmfs6_cluster_disk {		/* bitmap record: its first sector */
	uint8_t	zero0[16];
	le32	signature;		/* 0x10 */
	le32	priority;		/* 0x14 */
	le64	cluster;		/* 0x18 */
	le16	total;			/* 0x20 */
	le16	free;			/* 0x22 */
	le16	unknown24;
	le16	affinity_pairs;		/* 0x26 */
	le16	unknown28;
	le16	kind;			/* 0x2A  SFB 0x100, LFB 7, else 0 */
	uint8_t	zero1[4];
	le32	one;			/* 0x30  1 */
	uint8_t	zero2[0x58 - 0x34];
	le32	changes;		/* 0x58 */
	uint8_t	mac[6];			/* 0x5C  of the host that changed it last */
	le32	changed_s;		/* 0x62 */
	uint8_t	zero3[2];
	le32	fd_generation;		/* 0x68 */
	uint8_t	zero4[0x7C - 0x6C];
	le32	next_free;		/* 0x7C */
	uint8_t	bitmap[0x180];		/* 0x80  the lowest bit first */
};
DISK_SIZE(struct vmfs6_cluster_disk, 512);
DISK_AT(struct vmfs6_cluster_disk, kind, 0x2A);
DISK_AT(struct vmfs6_cluster_disk, changes, 0x58);
DISK_AT(struct vmfs6_cluster_disk, fd_generation, 0x68);
DISK_AT(struct vmfs6_cluster_disk, bitmap, 0x80);

/* Directories: a header of 64 KiB, then blocks of 4 KiB. */
#define VMFS6_DIR_VERSION	0x00F50001u
#define VMFS6_DIR_VERSION_DEBUG	0x00FDC001u
#define VMFS6_DIR_BLOCKS_AT	0x10000u
#define VMFS6_DIR_BLOCK_BYTES	0x1000u
#define VMFS6_DIR_BUCKETS	16001u
#define VMFS6_DIR_ROOT_BUCKETS	15973u		/* the last 28 of the root are system files' */
#define VMFS6_DIR_MAPS_MAX	128u
#define VMFS6_DIR_SLOTS		14u		/* entries of a block */
#define VMFS6_DIR_GROUPS	48u		/* link groups of a block */
#define VMFS6_DIR_LINKS		12u		/* links of a group */

struct vmfs6_dirent_disk {
	struct vmfs_dirent_head head;
	le32	hash;			/* 0x0C  low half; 0 for "." and ".." and system files */
	le64	at;			/* 0x10  own offset in the file */
	uint8_t	name[256];		/* 0x18 */
	uint8_t	zero[8];
};
DISK_SIZE(struct vmfs6_dirent_disk, 288);

struct vmfs6_dir_head_disk {
	le32	version;		/* 0x000 */
	le32	entries;		/* 0x004  "." and ".." too */
	le32	allocated;		/* 0x008 */
	le32	maps;			/* 0x00C */
	le32	map[VMFS6_DIR_MAPS_MAX];	/* 0x010  block numbers */
	uint8_t	zero[0x3A8 - 0x210];
	le64	checksum, checksum_gen;	/* 0x3A8  0 */
};

struct vmfs6_dir_disk {
	struct vmfs6_dir_head_disk head;
	struct vmfs6_dirent_disk self;	/* 0x3B8 */
	struct vmfs6_dirent_disk parent;	/* 0x4D8 */
	le32	bucket[VMFS6_DIR_BUCKETS];	/* 0x5F8 */
	uint8_t	pad[4];
};
DISK_SIZE(struct vmfs6_dir_disk, VMFS6_DIR_BLOCKS_AT);
DISK_AT(struct vmfs6_dir_disk, self, 0x3B8);
DISK_AT(struct vmfs6_dir_disk, bucket, 0x5F8);

/* Where something is: block, slot. */
enum vmfs6_place { VMFS6_PLACE_NONE, VMFS6_PLACE_ENTRY, VMFS6_PLACE_LINKS, VMFS6_PLACE_MAP };
#define VMFS6_PLACE(type, block, slot)	((uint32_t)(slot) << 24 | (uint32_t)(block) << 2 | (type))
#define VMFS6_PLACE_TYPE(p)	((p) & 3u)
#define VMFS6_PLACE_BLOCK(p)	((p) >> 2 & 0x3FFFFFu)
#define VMFS6_PLACE_SLOT(p)	((p) >> 24)

struct vmfs6_dir_block_disk {		/* the first 64 bytes of a block */
	le16	version;		/* 0x00  1; 0 in an allocation map */
	le16	type;			/* 0x02  enum vmfs6_place */
	le16	slots;			/* 0x04 */
	le16	free;			/* 0x06 */
	uint8_t	bitmap[56];		/* 0x08  1: free */
};
DISK_SIZE(struct vmfs6_dir_block_disk, 64);

struct vmfs6_dir_group_disk {		/* names of one bucket */
	le16	bucket;
	uint8_t	links, free;		/* how many it has room for, and has left */
	uint8_t	next_free;
	uint8_t	zero;
	struct { le32 place; le16 hash; } link[VMFS6_DIR_LINKS];
	le32	next;			/* place of the next group of this bucket */
	le16	zero2;
};
DISK_SIZE(struct vmfs6_dir_group_disk, 84);

/* A nibble of the allocation map: what a block is. */
#define VMFS6_NIBBLE_TYPE(n)	((n) & 3u)
#define VMFS6_NIBBLE_ROOM	4u		/* it has free slots */
#define VMFS6_NIBBLE_NEVER	8u		/* it was never written */
#define VMFS6_MAP_NIBBLES	((VMFS6_DIR_BLOCK_BYTES - 64u) * 2u)

/* ---- journal --------------------------------------------------------------------------------- */

#define VMFS_JOURNAL_RECORDS_AT	0x350u
#define VMFS_JOURNAL_TAIL_BYTES 4096u /* ours: the last 4 KiB of the block hold our header */

struct vmfs_journal_rec_disk {
	le32	type;			/* 0x00  1: write */
	le32	index;			/* 0x04 */
	le64	zero;			/* 0x08 */
	le64	at;			/* 0x10  volume offset */
	le64	bytes;			/* 0x18  multiple of 512; the after-image follows */
};
DISK_SIZE(struct vmfs_journal_rec_disk, 32);

#define VMFS_JOURNAL_WRITE	1u
#define VMFS_JOURNAL_LOCKS	2u	/* ours: the locks that the group holds, see below */

struct vmfs_journal_lock_disk {		/* a replay wants all of them as they are here */
	le64	at;			/* 0x00  volume offset of the lock */
	le64	token;			/* 0x08 */
	le64	hb_gen;			/* 0x10  of its holder's slot */
};
DISK_SIZE(struct vmfs_journal_lock_disk, 24);

#endif
