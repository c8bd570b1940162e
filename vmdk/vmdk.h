/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmdk - virtual disks: descriptors, flat and sparse extents, conversion, check.
 * Source: VMware, Virtual Disk Format 5.0 (technical note); FORMAT.md tells what else is known.
 * A disk lies in a store; control calls run in a world on the store's pCPU. Sectors are 512 bytes.
 * */
#ifndef CAIRN_VMDK_H
#define CAIRN_VMDK_H

#include "iopath/store.h"

struct vmdk_disk;

enum vmdk_kind {
	VMDK_RAW,		/* not a VMDK: a plain image; only for convert, compare, map */
	VMDK_VMFS,		/* descriptor + "-flat": thin, lazily or eagerly zeroed */
	VMDK_MONO_FLAT, VMDK_MONO_SPARSE, VMDK_SPLIT_FLAT, VMDK_SPLIT_SPARSE, VMDK_STREAM,
	/* Recognised and refused with the reason until their release: */
	VMDK_VMFS_SPARSE, VMDK_SE_SPARSE, VMDK_RDM, VMDK_RDMP, VMDK_OTHER,
};
enum vmdk_alloc { VMDK_THIN, VMDK_LAZY, VMDK_EAGER };
enum vmdk_adapter { VMDK_LSILOGIC, VMDK_BUSLOGIC, VMDK_IDE, VMDK_LEGACY_ESX };

#define VMDK_BYTES_MIN	(1024ull * 1024)
#define VMDK_BYTES_MAX	(62ull << 40)

/* createType as ESXi and the technote spell it; the words of vmkfstools -d. */
const char *vmdk_kind_word(enum vmdk_kind kind);

/* ---- open, read, write ----------------------------------------------------------------------- */

enum vmdk_open {
	VMDK_READ = 0, VMDK_WRITE = 1, VMDK_FORMAT_RAW = 2, VMDK_DIRECT = 4,
	VMDK_IGNORE_CID = 8,	/* take a parent whose content id is not what its child expects */
};

/* path: the descriptor (a "-flat" and the like is refused, naming the descriptor when there is
 * one), or any image with VMDK_FORMAT_RAW. Opening for writing a sparse extent that was not closed
 * cleanly runs its check first.
 *   ST_NOENT  ST_BUSY  ST_READONLY (stream, RDONLY extents)
 *   ST_UNSUPPORTED  a kind or version of a later release: the reason is in why
 *   ST_REFUSED      a parent whose content id is not the one expected (VMDK_IGNORE_CID)
 * A delta is opened with all that lies below it, wherever its parents are found; for reading only:
 * ST_READONLY. A link that is missing is ST_NOENT.
 *   ST_CORRUPT      the bad field is in why */
MUST_USE enum status vmdk_open(struct store *s, const char *path, unsigned flags,
			       struct vmdk_disk **disk, struct why *why);
/* Ends with everything durable and marked clean when it was open for writing. */
enum status vmdk_close(struct vmdk_disk *disk);
uint64_t vmdk_bytes(const struct vmdk_disk *disk);
enum vmdk_kind vmdk_kind(const struct vmdk_disk *disk);
/* READ WRITE FLUSH ZERO UNMAP in virtual bytes, any alignment to a sector. */
void vmdk_submit(struct vmdk_disk *disk, struct io_req *req);
MUST_USE enum status vmdk_read(struct vmdk_disk *disk, uint64_t offset, void *buf, uint64_t bytes);
MUST_USE enum status vmdk_write(struct vmdk_disk *disk, uint64_t offset, const void *buf,
				uint64_t bytes);

/* What lies at a virtual offset; merged as far as it goes. */
struct vmdk_run {
	uint64_t	offset, bytes;
	uint8_t		present;	/* allocated in this disk */
	uint8_t		zero;		/* reads as zeros */
	uint8_t		compressed;
	uint32_t	depth;		/* which link of the chain says so: 0 the disk itself */
	uint32_t	extent;		/* index of the extent in that link */
	uint64_t	where;		/* byte in that extent's file; ~0: none, or damaged */
};
MUST_USE enum status vmdk_map(struct vmdk_disk *disk, uint64_t offset, struct vmdk_run *run);

/* Where the bytes at a virtual offset can be read from without the disk: for readers that are no
 * world. Valid while nobody writes the disk. */
enum vmdk_place_kind {
	VMDK_PLACE_HOLE,	/* zeros, not allocated */
	VMDK_PLACE_ZERO,	/* zeros, allocated */
	VMDK_PLACE_DEVICE,	/* dev_offset of dev */
	VMDK_PLACE_DISK,	/* only vmdk_submit() can: compressed, or inside of an inode */
};
struct vmdk_place {
	uint64_t	offset, bytes;	/* virtual; bytes > 0, and as far as is cheap to tell */
	enum vmdk_place_kind kind;
	struct io_dev	*dev;
	uint64_t	dev_offset;
};
/* ST_RANGE at the end of the disk. */
MUST_USE enum status vmdk_place(struct vmdk_disk *disk, uint64_t offset, struct vmdk_place *place);

/* store_ops.file_check() of each file of the disk and its links, in a world: what was read since
 * the open, or since the last call, was of one moment. The first that is not is in why. */
MUST_USE enum status vmdk_files_check(struct vmdk_disk *disk, struct why *why);

/* Links of an open disk's chain, itself included; 1: it has no parent. Link 0 is the disk, the last
 * one its base. They live as long as the disk and are for vmdk_info(), vmdk_extent_info() and
 * vmdk_descriptor_text() only. NULL past the end. */
uint32_t vmdk_link_count(const struct vmdk_disk *disk);
struct vmdk_disk *vmdk_link(struct vmdk_disk *disk, uint32_t depth);
/* In its store, as vmdk_open() takes them. */
const char *vmdk_path(const struct vmdk_disk *disk);
struct store *vmdk_store(const struct vmdk_disk *disk);

/* ---- information ----------------------------------------------------------------------------- */

struct vmdk_extent_info {
	char		access[9], type[12];
	uint64_t	sectors, offset_sectors;
	char		file[1024];	/* as the descriptor spells it */
	uint64_t	file_bytes, allocated_bytes;
};

struct vmdk_info {
	enum vmdk_kind		kind;
	enum vmdk_alloc		alloc;		/* thin by its descriptor, or what the blocks say */
	uint64_t		bytes, allocated_bytes;
	uint32_t		version, cid, parent_cid;
	char			create_type[64];
	char			adapter[16];
	uint32_t		cylinders, heads, sectors;
	char			uuid[64];
	uint8_t			thin_flag;	/* ddb.thinProvisioned */
	uint8_t			dirty;		/* a sparse extent was not closed cleanly */
	uint32_t		extent_count;
	uint32_t		links;		/* of its chain, itself included */
};
MUST_USE enum status vmdk_info(struct vmdk_disk *disk, struct vmdk_info *info);
MUST_USE enum status vmdk_extent_info(struct vmdk_disk *disk, uint32_t index,
				      struct vmdk_extent_info *info);
/* The descriptor's text as it lies on the disk; valid until close. */
const char *vmdk_descriptor_text(const struct vmdk_disk *disk);

/* ---- links ----------------------------------------------------------------------------------- */
/* One link of a chain as its own descriptor tells: no extent and no parent is opened, and nothing
 * is refused. Let go with vmdk_close(); the texts live until then. */

struct vmdk_link_info {
	enum vmdk_kind	kind;		/* VMDK_OTHER: a createType that nobody here knows */
	uint8_t		embedded;	/* the descriptor lies in its first extent: one file */
	uint8_t		is_delta;	/* it has a parent */
	uint32_t	cid, parent_cid;
	uint64_t	bytes;		/* virtual, of all extents */
	uint32_t	extent_count;
	/* As spelt, names in UTF-8; NULL: absent. */
	const char	*create_type, *adapter, *uuid, *change_track, *parent_hint;
};

struct vmdk_link_extent {
	const char	*type;		/* "VMFS", "SPARSE", ... */
	const char	*file;		/* as spelt; NULL: none */
	uint64_t	bytes, offset;	/* of the disk; into the file */
	uint8_t		flat;		/* the file must have offset + bytes */
	uint8_t		on_device;	/* the file is a device, or a part of one */
};

MUST_USE enum status vmdk_link_open(struct store *s, const char *path, struct vmdk_disk **link,
				    struct why *why);
void vmdk_link_info(const struct vmdk_disk *link, struct vmdk_link_info *info);
/* 0: there is no extent of that index. */
int vmdk_link_extent(const struct vmdk_disk *link, uint32_t index, struct vmdk_link_extent *x);

/* fn for the disk and each link below it, opened as by vmdk_link_open() until the walk ends. It
 * ends at the base; or where a link's descriptor or its parent cannot be had, or the two do not
 * fit: what vmdk_open() says of such a chain. Links before that were shown. */
MUST_USE enum status vmdk_chain_walk(struct store *s, const char *path, unsigned flags,
				     void (*fn)(void *arg, struct vmdk_disk *link, uint32_t depth),
				     void *arg, struct why *why);

/* Where `name` in the file `from` leads in the same store: relative to the directory of `from`, or
 * absolute; either slash separates; "/vmfs/volumes/X/rest" is "/rest" of the volume X, and it is
 * the caller who asks vmdk_path_volume() whether that is this one. ST_NAME: too long, or above the
 * root. */
MUST_USE enum status vmdk_path_at(const char *from, const char *name, char *out, size_t size);
/* 1: name starts with "/vmfs/volumes/X/": X is in volume. */
int vmdk_path_volume(const char *name, char *volume, size_t size);
/* Where the parent of the link `child` may be, best first: n = 0 as its hint says, 1 beside the
 * child, 2 in a directory beside the child's that is called as in the hint. ST_NOENT: no more. */
MUST_USE enum status vmdk_parent_path(const char *child, const char *hint, unsigned n, char *out,
				      size_t size);
/* 1 when the name is one that extents have ("-flat.vmdk", "-delta.vmdk", "-s001.vmdk", ...); the
 * name that its descriptor has then goes to owner. */
int vmdk_is_extent_name(const char *path, char *owner, size_t size);

/* ---- long work ------------------------------------------------------------------------------- */

/* How long work reports and is stopped. All may be NULL. */
struct vmdk_job {
	/* Called a few times a second; non-zero stops the work with ST_CANCELLED after clean-up. */
	int	(*progress)(struct vmdk_job *job, uint64_t done_bytes, uint64_t total_bytes);
	uint64_t	rate_bytes_per_s;	/* 0: no limit */
	uint32_t	depth;			/* requests in flight; 0: the default */
	/* out, for the summary */
	uint64_t	bytes_read, bytes_written, bytes_skipped;
	uint64_t	resumed_bytes;	/* done by an interrupted run before */
};

struct vmdk_create_opts {
	/* VMDK_VMFS, _MONO_*, _SPLIT_*, _STREAM (empty), _RAW */
	enum vmdk_kind		kind;
	enum vmdk_alloc		alloc;		/* of flat kinds */
	enum vmdk_adapter	adapter;
	uint64_t		bytes;
	uint8_t			zeroed_grain;	/* sparse: version 2 with zero-grain entries */
	uint8_t			reproducible;	/* fixed CID and uuid (tests) */
};
/* Extents first, the descriptor under its final name last; on any failure nothing is left. */
MUST_USE enum status vmdk_create(struct store *s, const char *path,
				 const struct vmdk_create_opts *opts, struct vmdk_job *job,
				 struct why *why);

/* What to do with what an interrupted copy has left beside the destination. */
enum vmdk_remains {
	VMDK_REMAINS_REFUSE,	/* ST_EXIST */
	VMDK_REMAINS_CONTINUE,
	VMDK_REMAINS_ANEW,	/* take it away */
	VMDK_REMAINS_NONE,	/* there can be none: the store has room for the one file only */
};

struct vmdk_convert_opts {
	/* bytes 0: the source's; adapter is the source's unless set_adapter */
	struct vmdk_create_opts	create;
	uint8_t			set_adapter;
	uint8_t			verify;		/* read back and compare */
	int			level;		/* stream: 0 the default, 1 fast ... 9 small */
	uint8_t			no_sparse;	/* write zeros too */
	enum vmdk_remains	remains;
	uint8_t			keep;		/* stopped or failed, leave what can be continued */
};
/* Copy what the source shows into a new disk. Zeros stay holes where the kind can.
 * A failure, ST_CANCELLED included, leaves nothing, unless `keep` is set. A process that is killed
 * leaves files and a journal. VMDK_REMAINS_CONTINUE goes on: flat and raw destinations at the last
 * safe point (every five seconds), streams and sparse kinds from the start, and so does a copy of a
 * source that has changed; what was killed behind its very end is found complete. The job's
 * resumed_bytes tells.
 *   ST_NAME ST_INVAL ST_EXIST ST_NOSPACE ST_READONLY ST_LIMIT (2 TiB of grains in one sparse file)
 * */
MUST_USE enum status vmdk_convert(struct vmdk_disk *src, struct store *dst, const char *path,
				  const struct vmdk_convert_opts *opts, struct vmdk_job *job,
				  struct why *why);

/* 0 equal, 1 different (*at: the first byte that differs); the rest of a longer disk must be zeros.
 * */
MUST_USE enum status vmdk_compare(struct vmdk_disk *a, struct vmdk_disk *b, struct vmdk_job *job,
				  int *different, uint64_t *at, struct why *why);

/* Whole-disk operations of vmkfstools on the disk `path`, closed. */
MUST_USE enum status vmdk_delete(struct store *s, const char *path, int force, struct why *why);
MUST_USE enum status vmdk_rename(struct store *s, const char *old_path, const char *new_path,
				 struct why *why);
MUST_USE enum status vmdk_extend(struct store *s, const char *path, uint64_t bytes, int eager,
				 struct vmdk_job *job, struct why *why);
enum vmdk_fill { VMDK_INFLATE, VMDK_EAGER_ZERO, VMDK_PUNCH_ZERO, VMDK_WRITE_ZEROS };
MUST_USE enum status vmdk_fill(struct store *s, const char *path, enum vmdk_fill what,
			       struct vmdk_job *job, struct why *why);

/* ---- a lost descriptor ----------------------------------------------------------------------- */

struct vmdk_rebuild_opts {
	const char	*parent;	/* of a delta: its descriptor, in the same store */
	uint8_t		set_cid;	/* cid is what a child expects; else a new one is made */
	uint32_t	cid;
	enum vmdk_adapter adapter;	/* of a base */
	uint32_t	hardware_version;	/* of a base; 0: not known */
	uint8_t		dry_run;	/* write nothing */
};

struct vmdk_rebuilt {
	char		path[2048];	/* of the descriptor */
	enum vmdk_kind	kind;
	uint64_t	bytes;		/* exactly what the extent holds */
	uint32_t	cid, parent_cid;
	uint8_t		thin;
	char		text[8192];
};

/* Write the descriptor of an extent ("-flat", "-delta" or "-sesparse") that has none. extent: its
 * path, or that of the descriptor. The extent is only read, and nothing is replaced.
 *   ST_EXIST        there is a descriptor
 *   ST_REFUSED      a delta without a parent, or with one of another size
 *   ST_UNSUPPORTED  an extent of a split disk, a raw device mapping
 *   ST_CORRUPT      the extent's header, or its size, is wrong */
MUST_USE enum status vmdk_rebuild(struct store *s, const char *extent,
				  const struct vmdk_rebuild_opts *opts, struct vmdk_rebuilt *out,
				  struct why *why);

/* ---- check ----------------------------------------------------------------------------------- */

struct vmdk_check_result {
	uint32_t	corruptions;	/* repairable or not */
	uint32_t	leaks;		/* room that no grain uses */
	uint32_t	unrepairable;
	uint32_t	repaired;
	uint8_t		dirty;
};
/* finding(arg, text): one line per class with its count and first address. repair: fix and check
 * again. */
MUST_USE enum status vmdk_check(struct store *s, const char *path, int repair,
				void (*finding)(void *arg, const char *text), void *arg,
				struct vmdk_check_result *result, struct why *why);

#endif
