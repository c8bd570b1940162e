/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* On-disk structs of the two delta formats of ESXi.
 * COWD ("vmfsSparse"): VMware, Virtual Disk Format 5.0 (technical note), "ESX Server Sparse
 * Extents". SESparse ("seSparse"): no document is public; offsets, entries and grain types are
 * those that qemu-img reads, which tests/interop/chain.sh holds us to. */
#ifndef CAIRN_VMDK_DELTA_FORMAT_H
#define CAIRN_VMDK_DELTA_FORMAT_H

#include "iopath/base/le.h"

#define COWD_MAGIC		0x44574f43u	/* "COWD" on disk */
#define COWD_GTES		4096u		/* entries of a grain table, 4 bytes each */
#define COWD_GRAIN_MAX		2048u		/* sectors */

/* Sectors 0 to 3. What lies between is the parent's name and generation, a name and a description,
 * which hosts leave zero: the descriptor has them. */
struct cowd_disk {
	le32	magic;			/*    0 */
	le32	version;		/*    4  1 */
	le32	flags;			/*    8  3 */
	le32	capacity_sectors;	/*   12 */
	le32	grain_sectors;		/*   16  1 written by hosts; a power of two */
	le32	gd_lba;			/*   20  4 */
	le32	gd_entries;		/*   24  grain tables that the capacity needs */
	le32	free_lba;		/*   28  next sector to be given out */
	uint8_t	names[1616];		/*   32 */
	le32	unclean;		/* 1648  1 while open for writing */
	uint8_t	zero[396];		/* 1652 */
};
DISK_SIZE(struct cowd_disk, 2048);
DISK_AT(struct cowd_disk, free_lba, 28);
DISK_AT(struct cowd_disk, unclean, 1648);

#define SESPARSE_MAGIC		0xcafebabeull
#define SESPARSE_MAGIC_VOLATILE	0xcafecafeull
#define SESPARSE_VERSION	0x0000000200000001ull
#define SESPARSE_GRAIN		8u	/* sectors */
#define SESPARSE_GT_SECTORS	64u	/* 4096 entries of 8 bytes */
#define SESPARSE_GTES		4096u

struct sesparse_region { le64 lba, sectors; };

/* Sector 0; never changes after creation. */
struct sesparse_disk {
	le64			magic;			/*   0 */
	le64			version;		/*   8  major in the high half */
	le64			capacity_sectors;	/*  16 */
	le64			grain_sectors;		/*  24  8 */
	le64			gt_sectors;		/*  32  64 */
	le64			flags;			/*  40  0 */
	le64			reserved[4];		/*  48 */
	struct sesparse_region	volatile_header;	/*  80  1, 1 */
	struct sesparse_region	journal_header;		/*  96  2, 2 */
	struct sesparse_region	journal;		/* 112 */
	struct sesparse_region	gd;			/* 128 */
	struct sesparse_region	gts;			/* 144 */
	struct sesparse_region	bitmap;			/* 160  of grain slots; not read here */
	struct sesparse_region	back_map;		/* 176  not read here */
	struct sesparse_region	grains;			/* 192 */
	uint8_t			zero[304];		/* 208 */
};
DISK_SIZE(struct sesparse_disk, 512);
DISK_AT(struct sesparse_disk, volatile_header, 80);
DISK_AT(struct sesparse_disk, gd, 128);
DISK_AT(struct sesparse_disk, grains, 192);

struct sesparse_volatile_disk {
	le64	magic;			/*   0 */
	le64	free_gt;		/*   8  next table never used */
	le64	next_txn;		/*  16  sequence of the next journal transaction */
	le64	replay_journal;		/*  24  1: the tables may be older than the journal */
	uint8_t	zero[480];		/*  32 */
};
DISK_SIZE(struct sesparse_volatile_disk, 512);
DISK_AT(struct sesparse_volatile_disk, replay_journal, 24);

/* Directory entry: 0, or 1 in the top four bits and the number of a table in the low 32.
 * Table entry: the type in the top four bits; then the low 12 bits of the grain's slot, then its
 * higher bits. */
#define SESPARSE_GDE_TYPE	1u
enum sesparse_gte_type {
	SESPARSE_NONE = 0,		/* the whole entry is 0: ask the parent */
	SESPARSE_UNMAPPED = 1,		/* zeros; the slot waits to be reclaimed */
	SESPARSE_ZERO = 2,		/* zeros; no slot */
	SESPARSE_DATA = 3,
};
#define SESPARSE_TYPE(e)	((unsigned)((e) >> 60))
#define SESPARSE_SLOT(e)	(((e) >> 48 & 0xfff) | ((e) & 0xffffffffffffull) << 12)

#endif
