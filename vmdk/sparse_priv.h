/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* sparse - what the files on hosted sparse extents share. Sectors of 512 bytes; a "table" is a
 * grain table, known by its index in the grain directory. */
#ifndef CAIRN_VMDK_SPARSE_PRIV_H
#define CAIRN_VMDK_SPARSE_PRIV_H

#include "vmdk/sparse_format.h"
#include "vmdk/vmdk_priv.h"

#define SPARSE_GRAIN_SECTORS	128u	/* written */
#define SPARSE_GTES		512u
#define SPARSE_GRAIN_MAX	2048u /* sectors; read: 1 MiB grains are the most that make sense */
#define SPARSE_GD_BYTES_MAX	(64u * 1024 * 1024)
#define SPARSE_SLOTS_MAX	4096u /* cached tables: 8 MiB, 128 GiB of disk */

struct sparse_header {
	uint32_t	version, flags, gtes;
	uint64_t capacity, grain, descriptor_lba, descriptor_sectors, rgd_lba, gd_lba, overhead;
	uint8_t		unclean, compressed;
};

/* NULL, or the text of the bad field. *unsupported: it is right, but of a kind not read here. */
const char *sparse_header_check(const struct sparse_disk *disk, struct sparse_header *h,
				int *unsupported);
void sparse_header_make(struct sparse_disk *disk, const struct sparse_header *h);
/* Fill in a header for a new extent: the layout that VMware's own tools write. */
void sparse_layout(struct sparse_header *h, uint64_t capacity, int with_descriptor,
		   int zero_grains);

static inline uint64_t sparse_tables(const struct sparse_header *h)
{
	return div_round_up(div_round_up(h->capacity, h->grain), h->gtes);
}
static inline uint64_t sparse_gd_sectors(const struct sparse_header *h)
{
	return div_round_up(4 * sparse_tables(h), SECTOR_BYTES);
}
static inline uint32_t sparse_gt_sectors(const struct sparse_header *h)
{
	return (uint32_t)div_round_up(4ull * h->gtes, SECTOR_BYTES);
}

/* A cached grain table. Direct mapped: a disk that is used in order, or fits, never misses. */
struct gt_slot {
	struct list	dirty;		/* in sparse.dirty while entries differ from the disk */
	le32		*entries;
	uint32_t	table;
	uint8_t		loaded;
};

/* The part of a stream's file read last. */
struct stream_window {
	uint8_t		*buf;
	uint64_t	offset, bytes;
};

struct sparse {
	struct vmdk_extent	*x;
	struct store_file	*file;
	const char		*name;		/* of the file, for messages; the disk's path */
	struct sparse_disk	raw;		/* sector 0 */
	struct sparse_header	h;		/* of a stream: gd_lba is the footer's */
	le32			*gd, *rgd;
	uint32_t		table_count, slot_count;
	struct gt_slot		*slots;
	struct list		dirty;
	uint64_t		file_bytes;	/* entries are checked against it */
	uint64_t		next_free;	/* sector of the next new grain */
	uint8_t			gd_dirty;
	struct stream_window	window;
	uint8_t			*grain_buf;	/* one inflated grain */
	uint64_t		grain_at;	/* which; ~0: none */
};

/* What lies at byte offset, from cached tables only. */
void sparse_look(struct sparse *sp, uint64_t offset, uint64_t bytes, struct look_run *run);
enum look sparse_entry_kind(const struct sparse *sp, uint64_t grain, uint32_t gte);
/* Bring the table of a byte into the cache; in a world. */
MUST_USE enum status sparse_load(struct sparse *sp, uint64_t offset, struct gt_slot **slot);
/* Go on with a request where its frame's cursor is. */
void sparse_step(struct io_req *req, int inside_submit);
MUST_USE enum status sparse_create_state(struct vmdk_extent *x, const char *name,
					 struct sparse **sp, struct why *why);
void sparse_destroy_state(struct sparse *sp);

/* sparse_alloc.c: the worker's side */
void sparse_work(struct vmdk_extent *x, struct list *reqs);
MUST_USE enum status sparse_commit(struct sparse *sp);
enum status sparse_first_write(struct vmdk_extent *x);
enum status sparse_close(struct vmdk_extent *x);
MUST_USE enum status sparse_write_header(struct sparse *sp);

/* stream.c */
MUST_USE enum status stream_find_footer(struct sparse *sp, struct why *why);
MUST_USE enum status stream_read(struct sparse *sp, struct io_req *req);
/* Walk the blocks in file order. Each function may be NULL. Ends at the end-of-stream marker. */
struct stream_walk {
	enum status (*grain)(struct stream_walk *w, uint64_t lba, uint64_t at, const uint8_t *data,
			     uint32_t bytes);
	enum status (*meta)(struct stream_walk *w, uint32_t type, uint64_t at, uint64_t sectors);
	struct why *why;
};
MUST_USE enum status stream_walk(struct sparse *sp, struct stream_walk *w);

/* sparse_check.c */
MUST_USE enum status sparse_check(struct sparse *sp, const struct sparse_check_opts *opts,
				  struct vmdk_check_result *result, struct why *why);
MUST_USE enum status stream_check(struct sparse *sp, const struct sparse_check_opts *opts,
				  struct vmdk_check_result *result, struct why *why);

#endif
