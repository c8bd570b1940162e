/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cairn - read VMFS datastores and the virtual disks on them: libcairn, the public C interface.
 *
 *	struct cairn_error error;
 *	struct cairn *c = cairn_create(NULL, &error);
 *	cairn_add_device(c, "/dev/sdb:1", &error);
 *	cairn_start(c, &error);
 *	cairn_open_disk(c, "/vmfs/volumes/ds1/vm/vm.vmdk", NULL, &image, &error);
 *	cairn_read(image, buf, bytes, offset, &error);
 *
 * Reading only: nothing is ever written to a device, not even a heartbeat, so a LUN that hosts are
 * using may be opened. Nothing is kept outside of the handle, no signal is touched, and nothing
 * ends the process, except for a broken invariant of the library itself, which aborts it.
 *
 * Threads: all calls on a started handle, and on what was opened through it, may come from any
 * thread, several at once; only a close or cairn_destroy() needs everybody else to be done with the
 * object. cairn_read() of data that lies on a device as it is reads on the calling thread, straight
 * into its buffer; what must be worked out (metadata, compressed grains) goes to a thread that
 * cairn_start() makes. So do not fork() between cairn_start() and cairn_destroy() and use the
 * handle in the child; a daemon starts it after its fork.
 *
 * Errors: functions return CAIRN_OK or the reason, and put a line for people into *error (which may
 * be NULL), naming the object and the way out. Sizes and offsets are bytes. Names are UTF-8. */
#ifndef CAIRN_H
#define CAIRN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* ---- errors ---------------------------------------------------------------------------------- */

/* Kept: values are never renumbered, new ones may come. Treat an unknown one as CAIRN_FAILED. */
enum cairn_status {
	CAIRN_OK = 0,
	CAIRN_FAILED = 1,	/* for a reason that has no number of its own */
	CAIRN_INVALID = 2,	/* an argument is wrong */
	CAIRN_NOT_FOUND = 3,
	CAIRN_NOT_A_DIRECTORY = 4,
	CAIRN_IS_A_DIRECTORY = 5,
	CAIRN_NO_MEMORY = 6,
	CAIRN_LIMIT = 7,	/* larger or longer than anything sensible */
	CAIRN_RANGE = 8,	/* beyond the end of the object */
	CAIRN_BUSY = 9,		/* in use in a way that forbids reading now; later may help */
	CAIRN_REFUSED = 10,	/* permission, or two objects that cannot be told apart */
	CAIRN_UNSUPPORTED = 11,	/* a format or version that this release does not read */
	CAIRN_CORRUPT = 12,	/* what is on the device is wrong */
	CAIRN_IO = 13,		/* the device failed the transfer, or the caller's function did */
};

struct cairn_error {
	enum cairn_status	status;
	char			text[512];	/* one line, no newline; empty with CAIRN_OK */
};

/* "not-found" and the like: a word for programs. Never NULL. */
const char *cairn_status_word(enum cairn_status status);
/* Of the library that runs: "0.1.0". */
const char *cairn_version(void);

/* ---- a handle -------------------------------------------------------------------------------- */

struct cairn;

enum cairn_log_level { CAIRN_LOG_ERROR, CAIRN_LOG_WARNING, CAIRN_LOG_INFO, CAIRN_LOG_DEBUG };

/* Zero it, then set what you need: fields are only added at the end. */
struct cairn_options {
	size_t		size;		/* sizeof(struct cairn_options) */
	/* Lines of the library's log, from any of its threads. NULL: there are none. */
	void		(*log)(void *arg, enum cairn_log_level level, const char *line);
	void		*log_arg;
	enum cairn_log_level log_level;	/* lines above are not made */
	/* Image files past the page cache too, as block devices always are. */
	int		direct;
	const char	*engine;	/* "io_uring", "libaio", "threads"; NULL: what works best */
	/* Read files that a living host has open for writing: else that is CAIRN_BUSY. What is read
	 * of them may mix moments; the log says so. */
	int		live;
};

/* options may be NULL. Starts nothing, opens nothing. NULL: no memory, or an option is wrong. */
struct cairn *cairn_create(const struct cairn_options *options, struct cairn_error *error);

/* A block device or image file, "PATH" or "PATH:N" for partition N. Devices of one volume in any
 * order. Before cairn_start(). */
enum cairn_status cairn_add_device(struct cairn *c, const char *uri, struct cairn_error *error);

/* A device that the caller reads: a backup, a tunnel, another format. */
struct cairn_source {
	size_t		size;		/* sizeof(struct cairn_source) */
	const char	*name;		/* for messages; not empty, no '/', each its own */
	uint64_t	size_bytes;
	uint32_t	block_bytes;	/* logical block; 0: 512 */
	/* Fill buf with all the bytes, which lie inside the device, and return 0, or a value of
	 * errno. Called by threads in cairn_read() and by one of the library's, several at once. It
	 * may block. It must not call this library on the same handle. */
	int		(*read)(void *arg, void *buf, size_t bytes, uint64_t offset);
	/* Optional: called once, when the handle lets go of the source. */
	void		(*close)(void *arg);
	void		*arg;
};
/* Takes a copy of *source. When it fails, close() is not called. Before cairn_start(). */
enum cairn_status cairn_add_source(struct cairn *c, const struct cairn_source *source,
				   struct cairn_error *error);

/* Start the thread and look at the devices. One that cannot be opened, or holds no VMFS, is an
 * error that names it; the handle can then only be destroyed. */
enum cairn_status cairn_start(struct cairn *c, struct cairn_error *error);
/* All that was opened through it must be closed. NULL is fine. */
void cairn_destroy(struct cairn *c);

/* ---- volumes, directories -------------------------------------------------------------------- */

struct cairn_volume {
	char		label[129];	/* empty: it has none */
	char		uuid[40];
	uint32_t	version;	/* of VMFS: 3, 5, 6; 0: its first device is missing */
	uint32_t	devices, devices_found;
	uint64_t	size_bytes;
	uint64_t	reserved[8];
};
/* *volumes: an array to be given to cairn_free(). */
enum cairn_status cairn_volumes(struct cairn *c, struct cairn_volume **volumes, size_t *count,
				struct cairn_error *error);

/* Paths: "/vmfs/volumes/LABEL-or-UUID/..."; a relative one on the only volume that there is. Any
 * other absolute path is a file of this machine. */

enum cairn_kind {
	CAIRN_FILE, CAIRN_DIR, CAIRN_SYMLINK,
	CAIRN_RDM,		/* raw device mapping: its data is another device's */
	CAIRN_SYSTEM,		/* a file of the file system itself */
	CAIRN_OTHER,
};

struct cairn_stat {
	enum cairn_kind	kind;
	uint32_t	mode;		/* permission bits */
	uint32_t	uid, gid;
	uint64_t	size_bytes, allocated_bytes;
	int64_t		mtime_s;	/* seconds since 1970 */
	uint64_t	id;		/* equal on one volume: the same file */
	uint64_t	reserved[4];
};
enum cairn_status cairn_stat(struct cairn *c, const char *path, struct cairn_stat *st,
			     struct cairn_error *error);

struct cairn_entry {
	char		name[256];
	struct cairn_stat stat;
};
/* All names but . and ..; *entries is to be given to cairn_free(). */
enum cairn_status cairn_list(struct cairn *c, const char *path, struct cairn_entry **entries,
			     size_t *count, struct cairn_error *error);
/* The target, NUL at its end; CAIRN_RANGE when it does not fit. */
enum cairn_status cairn_readlink(struct cairn *c, const char *path, char *buf, size_t size,
				 struct cairn_error *error);
void cairn_free(void *p);	/* what a call above returned; NULL is fine */

/* ---- images: files and virtual disks --------------------------------------------------------- */

struct cairn_image;

/* The bytes of a file. */
enum cairn_status cairn_open_file(struct cairn *c, const char *path, struct cairn_image **image,
				  struct cairn_error *error);
/* A virtual disk by its descriptor: what a guest sees, all links of its chain composed.
 * snapshot: NULL for the disk as it is now; or an earlier state, the disk as one link of the chain
 * holds it: by the file name of that link's descriptor ("vm-000001.vmdk"), as "N" links towards
 * the base ("0" is the disk itself), or by a snapshot's name, of the machine in the disk's
 * folder. */
enum cairn_status cairn_open_disk(struct cairn *c, const char *path, const char *snapshot,
				  struct cairn_image **image, struct cairn_error *error);
void cairn_close(struct cairn_image *image);	/* NULL is fine */

uint64_t cairn_size(const struct cairn_image *image);

/* All of it or an error. Any alignment. */
enum cairn_status cairn_read(struct cairn_image *image, void *buf, size_t bytes, uint64_t offset,
			     struct cairn_error *error);

/* Was all that was read of the image so far as it was at one moment? Ask before trusting a copy of
 * a disk on a LUN that hosts are using. CAIRN_BUSY: a host has it open for writing, or changed it;
 * the line says which and what. cairn_read() and cairn_extents() ask by themselves once a second,
 * and fail from then on: open it again to read the new state. */
enum cairn_status cairn_check(struct cairn_image *image, struct cairn_error *error);

enum cairn_extent_kind {
	CAIRN_DATA,		/* must be read to be known */
	CAIRN_ZERO,		/* allocated, reads as zeros */
	CAIRN_HOLE,		/* not allocated, reads as zeros */
};
struct cairn_extent {
	uint64_t		offset, bytes;
	enum cairn_extent_kind	kind;
	uint32_t		reserved;
};
/* What lies in [offset, offset + bytes), in order and without gaps, neighbours of one kind merged,
 * the last one cut to the end of the range: at most `max` extents, which then may end earlier. At
 * least one, unless bytes is 0. */
enum cairn_status cairn_extents(struct cairn_image *image, uint64_t offset, uint64_t bytes,
				struct cairn_extent *extents, size_t max, size_t *count,
				struct cairn_error *error);

struct cairn_info {
	uint64_t	size_bytes;
	uint64_t	allocated_bytes;	/* room taken below, by all links */
	uint32_t	block_bytes;		/* reads of whole blocks cost the least */
	uint32_t	links;			/* of the chain, this one included; a file: 1 */
	uint32_t	cid;			/* content ID; 0 of a file */
	char		kind[32];		/* createType: "vmfs", "monolithicSparse"; "file" */
	char		name[1024];		/* of the descriptor that was opened */
	uint64_t	reserved[8];
};
enum cairn_status cairn_info(struct cairn_image *image, struct cairn_info *info,
			     struct cairn_error *error);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
