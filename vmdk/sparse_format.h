/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* On-disk structs of hosted sparse and stream-optimized extents.
 * Source: VMware, Virtual Disk Format 5.0 (technical note), "Hosted Sparse Extents" and
 * "Stream-Optimized Compressed Sparse Extents". */
#ifndef CAIRN_VMDK_SPARSE_FORMAT_H
#define CAIRN_VMDK_SPARSE_FORMAT_H

#include "iopath/base/le.h"

#define SPARSE_MAGIC		0x564d444bu	/* "KDMV" on disk */
#define SPARSE_MAGIC_UNFINISHED	0x766d646bu	/* "kdmv": open-vmdk is still writing it */

#define SPARSE_NEWLINES_VALID	(1u << 0)
#define SPARSE_REDUNDANT	(1u << 1)
#define SPARSE_ZERO_GRAINS	(1u << 2)
#define SPARSE_COMPRESSED	(1u << 16)
#define SPARSE_MARKERS		(1u << 17)
#define SPARSE_FLAGS_REFUSED	0xfffc0000u	/* incompatible and not known */

#define SPARSE_GD_IN_FOOTER	(~0ull)
#define SPARSE_GTE_ZERO		1u		/* with SPARSE_ZERO_GRAINS: a grain of zeros */

/* Sector 0, and again as the footer of a stream. */
struct sparse_disk {
	le32	magic;			/*   0 */
	/*   4  1; 2 with zero grains; 3 stream or change tracking */
	le32	version;
	le32	flags;			/*   8  SPARSE_* */
	le64	capacity_sectors;	/*  12  need not be a multiple of grain_sectors */
	le64	grain_sectors;		/*  20  power of two; 128 written */
	le64	descriptor_lba;		/*  28  0: no embedded descriptor */
	le64	descriptor_sectors;	/*  36  20 written */
	le32	gtes_per_gt;		/*  44  512 written */
	le64	rgd_lba;		/*  48  redundant grain directory */
	le64	gd_lba;			/*  56  all ones: see the footer */
	le64	overhead_sectors;	/*  64  metadata before the first grain */
	uint8_t	unclean;		/*  72  1 while open for writing */
	uint8_t	newlines[4];		/*  73  \n space \r \n: gives away a text-mode copy */
	le16	compression;		/*  77  0 none, 1 deflate */
	uint8_t	zero[433];		/*  79  written 0, ignored on read */
};
DISK_SIZE(struct sparse_disk, 512);
DISK_AT(struct sparse_disk, capacity_sectors, 12);
DISK_AT(struct sparse_disk, gtes_per_gt, 44);
DISK_AT(struct sparse_disk, gd_lba, 56);
DISK_AT(struct sparse_disk, unclean, 72);
DISK_AT(struct sparse_disk, compression, 77);

enum stream_marker_type {
	MARKER_EOS = 0, MARKER_GT = 1, MARKER_GD = 2, MARKER_FOOTER = 3, MARKER_PROGRESS = 4,
};

/* Before each block of a stream. A grain's has bytes > 0 and its data starts at type. */
struct stream_marker {
	/*   0  grain: its first virtual sector; else sectors that follow */
	le64	value;
	le32	bytes;			/*   8  grain: compressed bytes; else 0 */
	le32	type;			/*  12  enum stream_marker_type; grain: data starts here */
	uint8_t	zero[496];		/*  16 */
};
DISK_SIZE(struct stream_marker, 512);
DISK_AT(struct stream_marker, type, 12);
#define MARKER_GRAIN_HEAD	12u	/* bytes before a grain's data */

#endif
