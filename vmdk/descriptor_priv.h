/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* descriptor - the text that describes a virtual disk, as pairs and extents. Pure: no I/O.
 * Anything that hosts and other programs write is read; unknown keys are kept and written back.
 * Source: VMware, Virtual Disk Format 5.0 (technical note), "The Descriptor File". */
#ifndef CAIRN_VMDK_DESCRIPTOR_H
#define CAIRN_VMDK_DESCRIPTOR_H

#include "iopath/base/mem.h"
#include "iopath/base/why.h"
#include "vmdk/vmdk.h"

#define DESC_TEXT_MAX		(1u << 20)	/* of a file of its own */
#define DESC_EMBEDDED_SECTORS	20u
#define DESC_PAIRS_MAX		4096u
#define DESC_NO_PARENT		0xffffffffu	/* parentCID of a base */
#define DESC_CID_NEW		0xfffffffeu	/* CID of a disk never written to */
#define DESC_SECTORS_MAX	(1ull << 38)	/* 128 TiB: more than any program makes */

enum desc_access { DESC_RW, DESC_RDONLY, DESC_NOACCESS };
enum desc_type {
	DESC_FLAT, DESC_SPARSE, DESC_ZERO, DESC_VMFS, DESC_VMFSSPARSE, DESC_SESPARSE, DESC_VMFSRDM,
	DESC_VMFSRAW, DESC_VSANSPARSE, DESC_TYPE_COUNT,
};

struct desc_extent {
	enum desc_access access;
	enum desc_type	type;
	uint64_t	sectors;
	uint64_t	offset_sectors;	/* into the file: FLAT only */
	char		*file;		/* as spelt; NULL: none (ZERO) */
	char		*rest;		/* partition uuid and device id, verbatim; NULL: none */
};

struct desc_pair {
	char	*name;
	char	*value;
	uint8_t	quoted;
};

struct desc {
	uint32_t		version, cid, parent_cid;
	struct desc_pair	*pairs;		/* header and ddb.*, in the order read */
	uint32_t		pair_count, pair_room;
	struct desc_extent	*extents;
	uint32_t		extent_count, extent_room;
	uint64_t		sectors;	/* of all extents */
};

const char *desc_access_word(enum desc_access access);
const char *desc_type_word(enum desc_type type);

void desc_init(struct desc *d);
void desc_fini(struct desc *d);
/* Parse text up to a NUL or `bytes`. `name` is for messages.
 *   ST_CORRUPT      the line or field is in why
 *   ST_UNSUPPORTED  a version above 3 or an extent type nobody here knows */
MUST_USE enum status desc_parse(struct desc *d, const char *name, const char *text, size_t bytes,
				struct why *why);
/* Does text look like a descriptor? (The first line that is not a comment is a pair.) */
int desc_probe(const char *text, size_t bytes);
/* The text as ESXi writes it. Returns its length, writes at most size bytes. */
size_t desc_write(const struct desc *d, char *buf, size_t size);

/* Value of a key, case ignored; NULL: absent. */
const char *desc_get(const struct desc *d, const char *name);
MUST_USE enum status desc_set(struct desc *d, const char *name, const char *value);
void desc_unset(struct desc *d, const char *name);
/* Copies file; NULL for ZERO. */
MUST_USE enum status desc_add_extent(struct desc *d, enum desc_access access, enum desc_type type,
				     uint64_t sectors, const char *file);
MUST_USE enum status desc_set_extent_file(struct desc *d, uint32_t index, const char *file);

#endif
