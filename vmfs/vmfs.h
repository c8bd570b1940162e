/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmfs - a cluster file system: many hosts, one shared LUN, no server.
 * This release has one writer at a time: a second one is refused before it writes anything.
 * Layout: FORMAT.md. Invariants and recovery: README.md. Everything here runs in a world on the
 * pCPU that opened the devices; the devices stay the caller's and must outlive the volume. */
#ifndef CAIRN_VMFS_H
#define CAIRN_VMFS_H

#include "iopath/store.h"

struct vmfs_volume;	/* a mounted volume */

struct vmfs_uuid { uint8_t b[16]; };
#define VMFS_UUID_TEXT 36	/* "61137dd5-df6bc2c8-f0e7-000c29801686" and a NUL */
void vmfs_uuid_format(const struct vmfs_uuid *uuid, char text[VMFS_UUID_TEXT]);
void vmfs_uuid_make(struct vmfs_uuid *uuid);	/* time, chance and this machine's MAC */

/* ---- looking --------------------------------------------------------------------------------- */

/* What a device says of itself, without mounting. Nothing is written. */
struct vmfs_probe {
	uint32_t	lvm_major;
	struct vmfs_uuid lv_uuid, dev_uuid;
	uint32_t	snap_id;
	uint64_t	logical_bytes;		/* of the whole volume */
	uint64_t	device_bytes;		/* totalBytes of the device record */
	uint32_t	num_devs;		/* devices the volume has */
	uint64_t first_pe; /* 0: this is the head, the fields below are valid */
	uint32_t	fs_major;		/* 4 VMFS-3, 14 VMFS-5, 24 VMFS-6 */
	uint8_t		fs_minor;
	struct vmfs_uuid fs_uuid;
	uint8_t		ats_only;		/* its hosts must compare and write */
	char		label[129];
};
/* ST_NOENT: no VMFS here. ST_CORRUPT: there was one. */
MUST_USE enum status vmfs_probe(struct io_dev *dev, struct vmfs_probe *probe, struct why *why);

/* ---- mount ----------------------------------------------------------------------------------- */

struct vmfs_mount_opts {
	uint8_t		write;		/* take a heartbeat slot and a journal */
	uint8_t		join;		/* taken, and without effect: others are always welcome */
	/* Nobody else may have it mounted: hosts of any kind are watched for a lease and a beat,
	 * then recovered. For repairs. */
	uint8_t		alone;
	/* Write on a VMFS-6 that another system made or has used. How it marks free blocks and
	 * large ones, and its journal, are not public: what we write there is a guess. */
	uint8_t join_foreign;
	uint64_t	cache_bytes;	/* metadata cache; 0: 32 MiB */
	/* When reading: for so long nobody wrote to the devices, as far as the caller knows (an
	 * image file has a time of its last change). 0: not known. */
	uint64_t	quiet_ns;
};
/* devs in any order. To write, all devices of the volume must be there; to read, its first one:
 * what lies on others that are missing ends in ST_DEVICE, and a line on the console names the gap.
 *   ST_NOENT      no VMFS on a device, or a device of the volume is missing (named)
 *   ST_BUSY       another process or host has the volume open for writing; nothing was written
 *   ST_REFUSED    a foreign journal with an unfinished transaction, a snapshot copy, a version that
 *                 is read only here (VMFS-3): mount for reading
 *                 or a VMFS-6 that is not only ours, without join_foreign
 *   ST_UNSUPPORTED a version that is not known
 *   ST_CORRUPT    named in why */
MUST_USE enum status vmfs_mount(struct io_dev *const *devs, uint32_t dev_count,
				const struct vmfs_mount_opts *opts, struct vmfs_volume **vol,
				struct why *why);
/* Commits, releases journal and slot. Frees everything also when that fails. */
enum status vmfs_unmount(struct vmfs_volume *vol);
/* The volume as a place for files; valid until vmfs_unmount(). Its ops->close unmounts. */
struct store *vmfs_store(struct vmfs_volume *vol);

/* One kind of resource, counted exactly. */
struct vmfs_count { uint64_t total, free; };

struct vmfs_info {
	struct vmfs_probe	head;
	uint64_t		creation_s;
	uint32_t		block_bytes, sub_block_bytes, config;
	uint32_t		dev_count;
	char			dev_name[32][256];	/* in volume order */
	struct vmfs_count	blocks, fds, sub_blocks, pbs, pb2s;
};
/* Counting walks all bitmaps: it may take I/O. */
MUST_USE enum status vmfs_info(struct vmfs_volume *vol, struct vmfs_info *info, struct why *why);

/* A heartbeat slot in use, or a lock: what vmkfstools -D, --activehosts and messages print. */
struct vmfs_host_slot {
	uint64_t	slot_at, generation, stamp_us;
	struct vmfs_uuid owner;
	char		address[47];
	uint64_t	journal_at;
	uint8_t		ours;
	uint8_t		moved;		/* it beat while this mount looked: the host is alive */
	uint8_t		silent;		/* no beat for a lease and more: the host is gone */
	uint64_t	still_ns;	/* since the last beat, or since when there was none */
};
/* fn for every slot in use; non-zero ends the walk. Reads the slots anew. */
MUST_USE enum status vmfs_hosts(struct vmfs_volume *vol,
				int (*fn)(void *arg, const struct vmfs_host_slot *), void *arg);

/* Sample the slots of other hosts until all have moved, or for at most max_ns. Mounted for reading.
 * ST_CANCELLED: the user was tired of it. */
MUST_USE enum status vmfs_hosts_watch(struct vmfs_volume *vol, uint64_t max_ns);

/* What was read through a volume mounted for reading since then was of one moment each time: every
 * call by itself, every file for as long as it was open. ST_BUSY: not so, or not known; why names
 * the first case. Ask when all files are closed. */
MUST_USE enum status vmfs_read_verdict(struct vmfs_volume *vol, struct why *why);

/* Raw values of one file's lock and descriptor. */
struct vmfs_file_meta {
	uint32_t	lock_type, lock_mode, lock_holders;
	uint64_t	lock_at, lock_hb_at, lock_hb_gen, lock_token, lock_mtime;
	struct vmfs_uuid lock_owner;
	uint32_t	fd, generation, links, type, flags, uid, gid, mode, zla, num_pbs;
	uint64_t	length, block_bytes, num_blocks, tbz_blocks, cow_blocks, new_since_epoch;
	uint32_t	mtime, ctime, atime;
};
MUST_USE enum status vmfs_file_meta(struct vmfs_volume *vol, const char *path,
				    struct vmfs_file_meta *meta, struct why *why);
/* ---- locks ----------------------------------------------------------------------------------- */

/* What became of a host that a lock names, as far as this mount knows. */
enum vmfs_life {
	VMFS_LIFE_OURS,		/* this mount */
	VMFS_LIFE_ALIVE,	/* its slot moved while this mount looked */
	VMFS_LIFE_UNKNOWN,	/* it has its slot; no beat was seen, but not for long enough */
	VMFS_LIFE_SILENT,	/* no beat for a lease and a beat: gone, and not recovered yet */
	VMFS_LIFE_OVER,		/* that mount has ended: the lock is stale, anybody may take it */
	VMFS_LIFE_DAMAGED,	/* the lock names no heartbeat slot */
};

struct vmfs_lock_holder {
	struct vmfs_host_slot	host;	/* OVER, DAMAGED: only slot_at, generation and owner */
	uint64_t		started_s;	/* since 1970; when its host UUID was made */
	enum vmfs_life		life;
};

#define VMFS_HOLDERS_MAX 8

struct vmfs_lock_info {
	uint64_t	at, token, mtime;
	uint32_t	type;
	uint32_t	mode;		/* 0 free, 1 exclusive, 2 readers, 3 several writers */
	uint32_t	fd;		/* of the file it protects; 0: the bitmap of a cluster */
	uint32_t	cluster;	/* that one, */
	char		file[8];	/* of ".fbb.sf" and so on */
	uint8_t		damaged;	/* type or address are not those of its place */
	uint32_t	holder_count;
	struct vmfs_lock_holder holder[VMFS_HOLDERS_MAX];
};

/* The lock of a file or directory, read from the disk now. Nothing is written. */
MUST_USE enum status vmfs_lock_show(struct vmfs_volume *vol, const char *path,
				    struct vmfs_lock_info *info, struct why *why);
/* fn for every lock of the volume that is not free, descriptors first; non-zero ends the walk. The
 * locks change while it goes on. ST_CANCELLED: the user was tired of it. */
MUST_USE enum status vmfs_lock_each(struct vmfs_volume *vol,
				    int (*fn)(void *arg, const struct vmfs_lock_info *info),
				    void *arg, struct why *why);
/* Free the lock of a file or directory whose holder is gone: its host is recovered first, which
 * takes a lease when it is another machine's. Mounted for writing; the next one that needs the lock
 * would do the same.
 *   ST_OK       it is free, or was
 *   ST_BUSY     a holder lives (named in why), or the file is open here
 *   ST_REFUSED  a foreign host left an unfinished transaction */
MUST_USE enum status vmfs_lock_break(struct vmfs_volume *vol, const char *path, struct why *why);
/* "host 61137dd5-... (cairn@name), alive, which started 12 s ago", for messages. */
void vmfs_holder_text(const struct vmfs_lock_holder *holder, char *text, size_t size);
/* "alive", "gone", ...: one word for tables and documents. */
const char *vmfs_life_word(enum vmfs_life life);

/* The SCSI identity stored in an RDM file: its id text and the length of the device. */
MUST_USE enum status vmfs_rdm_identity(struct vmfs_volume *vol, const char *path, char id[64],
				       uint64_t *bytes, struct why *why);

/* Give all free file blocks back to the devices (UNMAP), at most unit_blocks in one request (0:
 * 200). Mounted for writing. progress may be NULL; non-zero from it stops with ST_CANCELLED.
 * *reclaimed_bytes is right on every return. ST_UNSUPPORTED: a device cannot unmap. */
MUST_USE enum status vmfs_reclaim(struct vmfs_volume *vol, uint32_t unit_blocks,
				  int (*progress)(void *arg, uint64_t done_bytes,
						  uint64_t total_bytes),
				  void *arg, uint64_t *reclaimed_bytes);

/* ---- make, grow, span ------------------------------------------------------------------------ */

struct vmfs_mkfs_opts {
	const char	*label;		/* up to 128 bytes of UTF-8; NULL: none */
	uint32_t	version;	/* 0 or 5: VMFS-5; 6: VMFS-6 */
	uint32_t	block_bytes;	/* 0 or 1 MiB */
	uint8_t		ats_only;	/* hosts without atomic test and set are refused */
	uint8_t		force;		/* also over a volume that is there and not in use */
	/* For reproducible images (tests): all zero means "now" and chance. */
	struct vmfs_uuid fs_uuid, lv_uuid, dev_uuid, host_uuid;
	uint64_t	now_us;
	char		disk_id[45];	/* LVM disk identity; empty: "vmhba0:C0:T0:L0" */
	void (*progress)(void *arg, uint64_t done_bytes, uint64_t total_bytes); /* may be NULL */
	void		*progress_arg;
};
/* A volume over one or more whole partitions, in this order.
 *   ST_RANGE too small (VMFS-5 needs 64 MiB, and under 273 MiB it is a test-only volume; VMFS-6 529
 *            MiB) or over 64 TiB in all
 *   ST_BUSY  in use; nothing was written    ST_EXIST a VMFS volume is there and force is 0 */
MUST_USE enum status vmfs_mkfs(struct io_dev *const *devs, uint32_t dev_count,
			       const struct vmfs_mkfs_opts *opts, struct vmfs_uuid *fs_uuid,
			       struct why *why);
/* The last device has grown: take its new room. Not mounted by anybody; a VMFS-6 is mounted by the
 * call itself. Repeating one that was interrupted finishes it. *added_bytes: 0 when there is none.
 *   ST_NOSPACE  VMFS-6: not a block is free to describe the new ones
 *   ST_REFUSED  VMFS-6: not only ours */
MUST_USE enum status vmfs_grow(struct io_dev *const *devs, uint32_t dev_count,
			       uint64_t *added_bytes, struct why *why);
/* Add an empty device at the end. What is on it is lost. */
MUST_USE enum status vmfs_span(struct io_dev *const *devs, uint32_t dev_count, struct io_dev *added,
			       struct why *why);

/* The management lock of a volume: the host that is changing its LVM headers (grow, span), or that
 * died over it. */
struct vmfs_header_lock {
	uint32_t	devices;	/* that carry it; 0: nobody */
	struct vmfs_uuid owner;		/* of the first one */
	uint64_t	when_us;	/* since 1970; 0: not said */
};
MUST_USE enum status vmfs_header_lock_look(struct io_dev *const *devs, uint32_t dev_count,
					   struct vmfs_header_lock *lock, struct why *why);
/* Take it away: the caller knows that its owner is gone. ST_BUSY: somebody is changing it now. */
MUST_USE enum status vmfs_header_lock_clear(struct io_dev *const *devs, uint32_t dev_count,
					    struct why *why);

/* ---- check ----------------------------------------------------------------------------------- */

enum vmfs_severity {
	VMFS_FIND_NOTE,	  /* allowed: a used heartbeat slot, its journal, a test-only volume */
	VMFS_FIND_LEAK,	  /* resources that nobody owns: safe, repairable */
	VMFS_FIND_WRONG,  /* a count or copy is wrong; the right value is known: repairable */
	VMFS_FIND_DAMAGE, /* information is lost or contradictory: not repaired by guessing */
};

struct vmfs_finding {
	enum vmfs_severity	severity;
	const char		*rule;		/* "L1" ... "G1" of README.md */
	uint64_t		at;		/* volume offset; ~0: none */
	const char		*text;		/* one line naming the object and both values */
	uint8_t			fixed;		/* repaired now */
};

struct vmfs_check_opts {
	uint8_t fix; /* repair what VMFS_FIND_LEAK and _WRONG say, in place, in a safe order */
	void		(*finding)(void *arg, const struct vmfs_finding *finding);
	void (*phase)(void *arg, const char *phase); /* "LVM", "Resource files" ... may be NULL */
	void		(*progress)(void *arg, uint64_t done, uint64_t total);	/* may be NULL */
	void		*arg;
};

struct vmfs_check_result {
	uint64_t	notes, leaks, wrong, damage, fixed;
	uint64_t	files, dirs, blocks_used;
};
/* ST_OK: the check ran (look at the result); damage that hides everything behind it ended it early.
 * fix recovers dead hosts first, which takes a lease when one of them is another machine's.
 *   ST_BUSY      fix wanted and the volume is in use: nothing was written
 *   ST_REFUSED   fix wanted, but a journal is another host's business
 *   ST_READONLY  fix wanted on a VMFS-3, or on a device opened for reading */
MUST_USE enum status vmfs_check(struct io_dev *const *devs, uint32_t dev_count,
				const struct vmfs_check_opts *opts,
				struct vmfs_check_result *result, struct why *why);

#endif
