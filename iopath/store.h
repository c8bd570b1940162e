/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* store - a place for files: what vmdk and the tools need of a datastore.
 * vmfs implements it, hostfs (the machine's own files) too, later vsan and NFS. Paths are absolute
 * inside the store ("/vm/vm.vmdk"), UTF-8, without "." and "..".
 * Everything but `submit` is a control call: it may park, so it runs in a world. */
#ifndef CAIRN_STORE_H
#define CAIRN_STORE_H

#include "iopath/iopath.h"

enum store_kind {
	STORE_FILE, STORE_DIR, STORE_SYMLINK,
	STORE_RDM,	/* a raw device mapping: has a length, its data is a device's */
	STORE_SYSTEM,	/* a file of the store itself: readable, never changed through this seam */
	STORE_OTHER,	/* host sockets and the like */
};

struct store_stat {
	enum store_kind	kind;
	uint64_t	id;		/* equal ids in one store: the same file */
	uint64_t	size_bytes;
	uint64_t	allocated_bytes;
	uint32_t	block_bytes;	/* unit of allocation; 0 when the data lies in the inode */
	uint32_t	mode, uid, gid, links;
	int64_t		mtime_s, ctime_s, atime_s;
};

struct store_space {
	uint64_t	total_bytes, free_bytes;
	uint64_t	small_bytes;	/* besides: free room that only small files can use */
	uint32_t	block_bytes;
};

enum store_open {
	STORE_READ = 0,
	STORE_WRITE = 1,	/* exclusive: ST_BUSY when it is open already */
	STORE_DIRECT = 2,	/* hostfs: past the page cache */
};

enum store_alloc {
	STORE_ALLOC_LAZY,	/* reserved, reads as zeros, zeroed at the first write */
	STORE_ALLOC_EAGER,	/* reserved and zeros written (or zeroed by the device) */
};

enum store_run_kind {
	STORE_RUN_HOLE,
	STORE_RUN_ZERO,		/* reserved, reads as zeros */
	STORE_RUN_DATA,
};

/* A piece of a file that is one thing below. */
struct store_run {
	uint64_t		offset, bytes;	/* in the file; bytes > 0 before the end */
	enum store_run_kind	kind;
	uint64_t		where;		/* offset in the store's own space; ~0: unknown */
	/* DATA: all of it lies at dev_offset of this device, for readers that go there by
	 * themselves while nobody writes the file. NULL: only the store can read it. */
	struct io_dev		*dev;
	uint64_t		dev_offset;
};

struct store;
struct store_file;

struct store_ops {
	const char *name;	/* "vmfs", "host" */

	/* Required, all of them. `why` may be NULL. */
	enum status (*stat)(struct store *s, const char *path, struct store_stat *st,
			    struct why *why);
	/* fn for each name but . and ..; non-zero ends the walk. fn may call into the store. Of a
	 * damaged directory fn gets what can be read, and then the damage is the status. */
	enum status (*list)(struct store *s, const char *dir,
			    int (*fn)(void *arg, const char *name, const struct store_stat *st),
			    void *arg, struct why *why);
	enum status (*readlink)(struct store *s, const char *path, char *buf, size_t size);
	enum status (*space)(struct store *s, struct store_space *space);

	/* These are NULL in a store that is read only: callers give ST_READONLY. */

	/* Exclusive: ST_EXIST when it is there. Open for writing. */
	enum status (*create)(struct store *s, const char *path, uint32_t mode,
			      struct store_file **file, struct why *why);
	enum status (*mkdir)(struct store *s, const char *path, uint32_t mode, struct why *why);
	enum status (*symlink)(struct store *s, const char *target, const char *path,
			       struct why *why);
	/* A file or an empty directory. */
	enum status (*remove)(struct store *s, const char *path, struct why *why);
	/* One step, also after a crash. replace 0: ST_EXIST when new_path exists. */
	enum status (*rename)(struct store *s, const char *old_path, const char *new_path,
			      int replace, struct why *why);
	/* Permission bits and times; ~0 and INT64_MIN leave a value. */
	enum status (*set_attr)(struct store *s, const char *path, uint32_t mode, int64_t mtime_s);
	/* Everything acknowledged so far, names included, survives a power cut. */
	enum status (*sync)(struct store *s);
	/* Unmount or let go; no file may be open. Frees all memory also when it fails. */
	enum status (*close)(struct store *s);

	enum status (*open)(struct store *s, const char *path, unsigned flags,
			    struct store_file **file, struct why *why);
	enum status (*file_close)(struct store_file *f);
	enum status (*file_stat)(struct store_file *f, struct store_stat *st);
	/* Longer: a hole. Shorter: the rest is freed. */
	enum status (*file_resize)(struct store_file *f, uint64_t size_bytes);
	/* Reserve [offset, offset + bytes), extending the file to its end; data there is kept. */
	enum status (*file_allocate)(struct store_file *f, uint64_t offset, uint64_t bytes,
				     enum store_alloc how);
	/* The run at offset, merged as far as is cheap; offset at or past the end: ST_RANGE. */
	enum status (*file_map)(struct store_file *f, uint64_t offset, struct store_run *run);
	/* Optional; NULL: nobody else writes to this store. ST_OK: what was read through f since
	 * the open, or since the last call, is the file as it was at one moment. ST_BUSY: it is
	 * not, or may not be; why goes on after the name: "is open for writing on host ...".
	 * Asked before the first read: whether it would be. Read again to try again. */
	enum status (*file_check)(struct store_file *f, struct why *why);
	/* READ WRITE FLUSH ZERO UNMAP. A read past the end is ST_RANGE; a write there extends the
	 * file. UNMAP frees whole blocks and zeroes the edges. FLUSH: data and size of it. */
	void (*submit)(struct store_file *f, struct io_req *req);
	/* Optional; NULL: read and write. A COPY (io_req_copy_from), under the rules of submit. Any
	 * failure leaves the range to be read and written, which tells what is wrong, if anything
	 * is. */
	void (*copy)(struct store_file *f, struct io_req *req);
};

/* Who knows names that lead from one store into another, as a snapshot's parent may lie. */
struct store_names {
	/* "/vmfs/volumes/<label or UUID>/a/b" -> the store and "/a/b"; may park. ST_NOENT. */
	enum status (*find)(struct store_names *names, const char *name, struct store **s,
			    char *path, size_t size);
};

struct store {
	const struct store_ops	*ops;
	char			name[256];	/* label or path, for messages */
	uint8_t			writable;
	/* A name that is durable leads to data that ended before it was given. 0: flush a file
	 * before it gets its final name. */
	uint8_t			ordered;
	struct store_names	*names;		/* NULL: this store stands alone */
};

struct store_file {
	struct store	*store;
};

/* Waiting forms of submit. */
MUST_USE enum status store_read(struct store_file *f, uint64_t offset, void *buf, uint64_t bytes);
MUST_USE enum status store_write(struct store_file *f, uint64_t offset, const void *buf,
				 uint64_t bytes);
MUST_USE enum status store_flush(struct store_file *f);
/* A whole small file into port_alloc memory, NUL put behind it; larger than max: ST_LIMIT. */
MUST_USE enum status store_read_all(struct store *s, const char *path, uint64_t max, char **text,
				    uint64_t *bytes, struct why *why);
/* Replace a small file in one step: temporary in the same directory, flush, rename, sync. */
MUST_USE enum status store_replace(struct store *s, const char *path, uint32_t mode,
				   const void *data, uint64_t bytes, struct why *why);

/* The same by way of a name in the same directory that the caller chose: what a killed process has
 * left under it is replaced too. mode 0600. For files that one process writes. */
MUST_USE enum status store_replace_by(struct store *s, const char *path, const char *tmp,
				      const void *data, uint64_t bytes);

/* The machine's own files below a directory ("" or "/" for all of them). */
MUST_USE enum status hostfs_open(const char *root, struct store **store, struct why *why);

#endif
