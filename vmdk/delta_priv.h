/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* delta - what the files on COWD and SESparse extents share. Both are a directory of grain tables
 * of 4096 entries; a struct delta_ops tells how they differ. They are only read, and only through a
 * chain: nothing of their tables is kept here but the part that is being looked at, so that a disk
 * of 62 TiB costs no more memory than a small one. */
#ifndef CAIRN_VMDK_DELTA_PRIV_H
#define CAIRN_VMDK_DELTA_PRIV_H

#include "vmdk/delta_format.h"
#include "vmdk/vmdk_priv.h"

#define DELTA_HEADER_MAX	2048u
#define DELTA_GTES		4096u
#define DELTA_GD_PAGE		4096u	/* bytes of the directory that are kept */
/* Tables that a range of CHAIN_WINDOW bytes touches: 2 MiB each at COWD's smallest grain, and one
 * more when it does not start with one. */
#define DELTA_TABLES_MAX	(CHAIN_WINDOW / (DELTA_GTES * SECTOR_BYTES) + 1)

struct delta;

struct delta_ops {
	const char	*name;
	uint32_t	header_bytes, entry_bytes, gd_entry_bytes;

	/* Fill in the geometry. NULL, or the text of the bad field; *unsupported: it is right, but
	 * of a kind not read here. */
	const char *(*decode)(struct delta *dl, const uint8_t *header, int *unsupported);
	/* LOOK_NONE: no table. LOOK_DATA: *at is where it starts, in bytes. LOOK_BAD. */
	enum look (*table)(const struct delta *dl, uint64_t gde, uint64_t *at);
	/* The same of a grain; *at is where its data starts. */
	enum look (*grain)(const struct delta *dl, uint64_t grain, uint64_t gte, uint64_t *at);
	/* Optional: LOOK_DATA and the place that an entry keeps though it shows zeros. */
	enum look (*held)(const struct delta *dl, uint64_t gte, uint64_t *at);
};

struct delta {
	const struct delta_ops	*ops;
	struct store_file	*file;
	const char		*name;		/* of the file, for messages */
	uint64_t		file_bytes, capacity_bytes, grain_bytes;
	uint64_t		gd_at, table_count;
	uint64_t		data_at;	/* no grain lies before it */
	uint64_t		data_end;	/* SESparse: end of the region of grains */
	uint64_t		gts_at, gts_bytes;	/* where tables lie; 0: among the grains */
	/* For the check: grains lie in places of so many bytes, counted from place_at; no table and
	 * no grain ends past its mark. */
	uint64_t		place_at, place_bytes, table_mark, grain_mark;
	uint8_t			dirty;		/* not closed cleanly */

	/* The part that is looked at: entries of grains from `first` on. */
	uint8_t			*gd_page, *entries;
	uint64_t		gd_page_at;	/* byte of the directory; ~0: none */
	uint64_t		first, count, first_table;
	size_t			entries_room;
	enum look		table[DELTA_TABLES_MAX];
	struct io_wait		wait[DELTA_TABLES_MAX];
	uint32_t		waiting;	/* reads under way */
};

extern const struct delta_ops cowd_ops, sesparse_ops;

/* Attach to an extent whose file is open. The disk must have a chain before anything is read. */
MUST_USE enum status delta_open(struct vmdk_extent *x, enum desc_type type, struct why *why);
/* The state alone, also of an extent that delta_open() would refuse. */
MUST_USE enum status delta_create(struct store_file *file, const char *name, enum desc_type type,
				  struct delta **dl, struct why *why);
void delta_destroy(struct delta *dl);
/* Entry i of a table or of the part that was read. */
uint64_t delta_entry(const uint8_t *entries, uint32_t entry_bytes, uint64_t i);
/* Where a table starts; ST_OK with LOOK_BAD when its entry is wrong. In a world. */
MUST_USE enum status delta_table(struct delta *dl, uint64_t table, enum look *what, uint64_t *at);

/* delta_check.c */
MUST_USE enum status delta_check(struct delta *dl, const struct sparse_check_opts *opts,
				 struct vmdk_check_result *result, struct why *why);

#endif
