/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What the files of vmdk/ share: the disk, its extents, the worker that does what may wait. */
#ifndef CAIRN_VMDK_PRIV_H
#define CAIRN_VMDK_PRIV_H

#include "vmdk/descriptor_priv.h"
#include "vmdk/path_priv.h"
#include "vmdk/vmdk.h"

#define SPLIT_SPARSE_SECTORS	4192256u	/* 2047 MiB */
#define SPLIT_FLAT_SECTORS	4193792u
#define BLOCK_BYTES		MIB		/* thin disks keep holes of this size */

#define CHAIN_WINDOW		(16 * MIB)	/* of the disk, mapped at a time */

struct chain;
struct vmdk_extent;

/* What tables say of a range. */
enum look { LOOK_NONE, LOOK_ZERO, LOOK_DATA, LOOK_BAD, LOOK_MISS };

struct look_run {
	enum look	what;
	uint64_t	bytes;		/* as far as one thing goes, at most what was asked */
	uint64_t	where;		/* LOOK_DATA: byte in the file */
};

/* One kind of extent. Offsets are bytes from the start of the extent, checked by the disk. */
struct vmdk_extent_ops {
	const char *name;

	/* READ WRITE ZERO UNMAP of a range inside the extent. NULL: only read through a chain. */
	void (*submit)(struct vmdk_extent *x, struct io_req *req);
	/* In a world. Fills all of run but `extent`; run->offset comes in. NULL with `submit`. */
	enum status (*map)(struct vmdk_extent *x, struct vmdk_run *run);
	/* Required of what can be in a chain; in a world. What the extent itself says of a range,
	 * as far as one thing goes. Never LOOK_MISS. */
	enum status (*look)(struct vmdk_extent *x, uint64_t offset, uint64_t bytes,
			    struct look_run *run);
	/* Optional: start reading what `look` will need of a range of at most CHAIN_WINDOW bytes,
	 * and wait for it. No other range until then. */
	enum status (*look_begin)(struct vmdk_extent *x, uint64_t offset, uint64_t bytes);
	enum status (*look_end)(struct vmdk_extent *x);
	/* Optional: called once before the first write of this opening, in the worker. */
	enum status (*first_write)(struct vmdk_extent *x);
	/* Optional: requests that `submit` handed to the worker; in the worker. Ends or resubmits
	 * each of them. */
	void (*work)(struct vmdk_extent *x, struct list *reqs);
	/* Optional: let go of the state; with the file still open. */
	enum status (*close)(struct vmdk_extent *x);
};

struct vmdk_extent {
	const struct vmdk_extent_ops *ops;
	struct vmdk_disk	*disk;
	struct store_file	*file;		/* NULL: ZERO */
	uint64_t		start, bytes;	/* in the disk */
	uint64_t		file_offset;	/* of flat data */
	uint64_t		file_bytes;	/* RAW: where the file ends, if not on a sector */
	struct list		slow;		/* requests that wait for the worker */
	void			*state;		/* of sparse kinds */
	struct store_run	known;		/* of extent_file_map(): the last answer */
	uint64_t		data_at;	/* of a delta: no grain lies before it */
	char			*name;		/* path of the file, for messages */
	enum desc_access	access;
	uint8_t			marked;		/* first_write has run */
	uint8_t			written;	/* since the last flush */
};

struct vmdk_worker {
	struct port_world	*world;
	struct list		unstamped;	/* writes that came before the disk's first one */
	struct list		flushes;
	uint8_t			running, stop, io_done, wake;
	struct port_world	*closer;
};

struct vmdk_disk {
	/* The data path looks at these only: all data lies at offset 0 of one file. */
	struct store_file	*direct;	/* NULL: the long way */
	uint64_t		bytes;
	uint8_t			stamped;	/* the CID of this opening is on the disk */
	uint8_t			writable;
	uint8_t			embedded;	/* the descriptor lies in extent 0 */
	uint8_t			no_descriptor;	/* RAW, or a disk being made */
	enum vmdk_kind		kind;
	struct vmdk_extent	*extents;
	uint32_t		extent_count;
	struct chain		*chain;		/* of a delta: all reads go through it */
	struct desc		desc;
	char			*text;		/* the descriptor as it was read */
	struct store		*store;
	/* the first write could not be recorded: writes fail */
	enum status		broken;
	struct vmdk_worker	worker;
	char			path[VMDK_PATH_MAX];
};

/* ---- disk.c ---- */
struct vmdk_extent *disk_extent_at(struct vmdk_disk *d, uint64_t offset);
/* Hand a request to the worker; x->ops->work gets it. */
void disk_defer(struct vmdk_extent *x, struct io_req *req);
void worker_kick(struct vmdk_disk *d);
/* In the worker: pass the request to a file and wait; its description is restored. */
enum status worker_transfer(struct vmdk_disk *d, struct store_file *f, struct io_req *req,
			    uint64_t offset, uint64_t bytes, uint64_t skip);
void worker_stop(struct vmdk_disk *d);
enum status disk_write_descriptor(struct vmdk_disk *d, struct why *why);
/* Write the descriptor's text into its place in a sparse extent. */
enum status desc_write_embedded(const struct desc *d, struct store_file *f, uint64_t lba,
				uint64_t sectors, struct why *why);

/* ---- delete.c ---- */
/* ST_REFUSED when another disk in the directory names d as its parent. */
MUST_USE enum status disk_refuse_parent(struct vmdk_disk *d, struct why *why);

/* ---- open.c ---- */
/* Open the extents of a disk that was loaded. */
MUST_USE enum status disk_open_extents(struct vmdk_disk *d, unsigned flags, struct why *why);
/* The descriptor only: no extent is opened, nothing is refused. Let go with vmdk_close(). */
MUST_USE enum status disk_load(struct store *s, const char *path, struct vmdk_disk **disk,
			       struct why *why);

/* ---- encoding.c ---- */
/* Names of a descriptor in windows-1252 as UTF-8. */
MUST_USE enum status disk_decode_names(struct vmdk_disk *d, struct why *why);

/* ---- flat.c ---- */
/* What the store says of a byte of the extent's file. Of a disk that is only read the last answer
 * serves as far as it goes: a store may have to walk the rest of a file for each. */
MUST_USE enum status extent_file_map(struct vmdk_extent *x, uint64_t at, struct store_run *run);
extern const struct vmdk_extent_ops flat_extent_ops, raw_extent_ops, zero_extent_ops;

/* ---- check.c ---- */
typedef void check_fn(void *arg, const char *text);
struct sparse_check_opts {
	int		repair;
	check_fn	*finding;	/* NULL: quiet */
	void		*arg;
};

/* ---- parent.c ---- */
/* Where the descriptor that `child` names as its parent is: loaded, its content id as the child
 * expects it unless flags have VMDK_IGNORE_CID. Let go with vmdk_close().
 *   ST_NOENT    it is nowhere it could be
 *   ST_REFUSED  what is there has another content id: both are in why */
MUST_USE enum status parent_find(struct vmdk_disk *child, unsigned flags,
				 struct vmdk_disk **parent, struct why *why);
/* Do two disks have the same descriptor? */
int parent_is_same(struct vmdk_disk *a, struct vmdk_disk *b);

/* ---- chain.c ---- */
/* Of d, a delta whose extents are open: find and open what lies below it. */
MUST_USE enum status chain_open(struct vmdk_disk *d, unsigned flags, struct why *why);
enum status chain_close(struct chain *c);
void chain_submit(struct chain *c, struct io_req *req);
/* Fills all of run but run->offset. */
MUST_USE enum status chain_map(struct chain *c, uint64_t offset, struct vmdk_run *run);
/* In the worker: requests that waited for a window. */
void chain_work(struct chain *c);
void chain_fail_waiting(struct chain *c, enum status st);

/* ---- sparse.c ---- */
enum status sparse_open(struct vmdk_extent *x, const char *name, int writable, struct why *why);
/* Write the embedded descriptor of the disk, of which x is the first extent. */
enum status sparse_write_descriptor(struct vmdk_extent *x);
/* Is it read through the extent, as its data has to be inflated? */
int sparse_is_compressed(const struct vmdk_extent *x);

/* ---- ident.c ---- */
int ident_kind(const char *create_type, enum vmdk_kind *kind);
uint32_t ident_new_cid(uint32_t old);
enum status ident_set_long_id(struct desc *d, int reproducible);
enum status ident_set_uuid(struct desc *d, int reproducible);
enum status ident_set_geometry(struct desc *d, enum vmdk_adapter adapter);
const char *ident_adapter_word(enum vmdk_adapter adapter);
enum vmdk_adapter ident_adapter(const char *word);

/* ---- job.c ---- */
struct job_clock {
	struct vmdk_job	*job;
	uint64_t	start_ns, next_ns, total, rate_base;
};
void job_begin(struct job_clock *c, struct vmdk_job *job, uint64_t total);
/* Report, wait for the rate; ST_CANCELLED when the user stopped it. */
MUST_USE enum status job_step(struct job_clock *c, uint64_t done);
MUST_USE enum status job_end(struct job_clock *c);

#endif
