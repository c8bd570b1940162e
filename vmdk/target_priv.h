/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* target - a disk that is being made: its files, its descriptor, and the sink that fills them.
 * Extents come first and the descriptor last; files that are disks by themselves are written under
 * a hidden name and renamed. Until target_commit() has returned there is no disk. */
#ifndef CAIRN_VMDK_TARGET_H
#define CAIRN_VMDK_TARGET_H

#include "vmdk/sparse_priv.h"
#include "vmdk/vmdk_priv.h"

#define PIECE_BYTES	MIB
#define PIECE_GRAINS	(PIECE_BYTES / (SPARSE_GRAIN_SECTORS * SECTOR_BYTES))

struct target;

enum piece_state {
	PIECE_FREE,
	PIECE_READING,
	PIECE_READ,
	PIECE_PACKING,
	PIECE_PACKED,
	PIECE_WRITING
};

/* A part of the disk on its way: at most PIECE_BYTES, inside one extent, and inside one block of
 * that size counted from the extent's start. */
struct piece {
	struct io_req	req;
	struct list	link;
	struct copy	*copy;
	struct target	*target;
	uint64_t	offset;			/* in the disk */
	uint32_t	bytes;
	uint8_t		*buf;			/* PIECE_BYTES; what is behind `bytes` is zero */
	enum piece_state state;
	uint8_t		moved;			/* PIECE_READ: the store has copied it already */
	struct io_dev	*from;			/* of a piece that is moved: where it lies */
	uint64_t	from_offset;
	struct port_vec	vec[PIECE_GRAINS];
	/* of a stream: */
	struct port_msg	msg;
	uint8_t		*packed;
	uint32_t	packed_bytes;
	uint32_t	grain_sectors[PIECE_GRAINS];	/* 0: a grain of zeros */
};

/* How data gets into the files of one family of kinds. All run in the target's world. */
struct sink_ops {
	/* Required. The files are there and empty: lay out what comes before the data. */
	enum status (*begin)(struct target *t, struct why *why);
	/* Required. Takes the piece over; ends with piece_release(), then or later. Pieces come in
	 * ascending order. */
	enum status (*put)(struct target *t, struct piece *p);
	/* Optional. A range that reads as zeros: NULL: nothing to do. */
	enum status (*skip)(struct target *t, uint64_t offset, uint64_t bytes);
	/* Optional. Start the writes that put() held back; all: wait until none is held back. */
	enum status (*drain)(struct target *t, int all);
	/* Optional. No piece is under way: write what comes behind the data. */
	enum status (*finish)(struct target *t);
	/* Optional. Free the sink's state. */
	void (*fini)(struct target *t);
	/* The files hold the disk's bytes as they are: pieces may be moved there, see move.c. */
	uint8_t in_place;
};

struct target_extent {
	char			*path;		/* of the file while it is made */
	struct store_file	*file;
	uint64_t		start, bytes;
	uint8_t			made;		/* remove it on failure */
	/* of a sparse extent: */
	struct sparse_header	h;
	le32			*tables;	/* a window of grain tables, see sink_sparse.c */
	uint64_t		window;		/* its first table */
	uint64_t		next;		/* sector of the next grain */
};

struct target {
	struct store		*store;
	const char		*path;
	struct vmdk_create_opts	opts;
	const struct sink_ops	*sink;
	struct desc		desc;
	struct target_extent	*extents;
	uint32_t		count;
	int			level;		/* of a stream */
	uint8_t			no_sparse;
	uint8_t			no_moves;	/* the store cannot copy from this source */
	/* on failure leave the files: a journal tells of them */
	uint8_t			keep;
	uint8_t			reopen;		/* continue the files that are there */
	void			*state;		/* the sink's */
	struct job_clock	*clock;
};

extern const struct sink_ops sink_flat, sink_sparse, sink_stream;

/* Check the name and size, plan extents and descriptor; creates nothing. */
MUST_USE enum status target_plan(struct target *t, struct why *why);
/* Create (or reopen) the files and let the sink begin. */
MUST_USE enum status target_begin(struct target *t, struct why *why);
/* Make it a disk. */
MUST_USE enum status target_commit(struct target *t, struct why *why);
/* Undo all of target_begin() unless t->keep. */
void target_abort(struct target *t);
void target_fini(struct target *t);
MUST_USE enum status target_flush(struct target *t);
struct target_extent *target_extent_at(struct target *t, uint64_t offset);

/* ---- copy.c ---- */
/* Read a piece that was started; ends with piece_arrived(). In any context. */
void piece_read(struct piece *p);
/* It is PIECE_READ now. */
void piece_arrived(struct piece *p);
void piece_release(struct piece *p);
/* Submit a piece's bytes from its vec array to a file; piece_release() at the end. */
void piece_write(struct piece *p, struct store_file *f, uint64_t offset, uint64_t bytes,
		 uint32_t vec_count);

struct copy_opts {
	struct vmdk_disk	*src;
	struct target		*target;
	struct vmdk_job		*job;
	uint64_t		start;		/* what is before this is there already */
	/* Optional: all before `done` is in the files; called now and then. */
	enum status		(*safe_point)(void *arg, uint64_t done);
	void			*arg;
};
MUST_USE enum status copy_run(const struct copy_opts *opts, struct why *why);

/* ---- move.c ---- */
/* In the target's world: have the store copy a piece that was started, if it can. 1: under way,
 * ends with piece_arrived(), moved or read after all. 0: read it. *known: what was found out about
 * the source for the last piece; bytes 0 at first. */
int piece_move(struct piece *p, struct vmdk_disk *src, struct vmdk_place *known);

#endif
