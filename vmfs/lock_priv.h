/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lock_priv - on-disk locks, and how far cached metadata may be believed.
 *
 * Every descriptor and every cluster of resources has a lock sector. Whoever changes what a lock
 * protects holds it, on the disk; taking and releasing it is an ATS from the image that was read,
 * and each raises its *token*. So a copy in memory is good for as long as the token is the one it
 * was read under, or only this host has raised it since.
 *
 * Nobody waits for a lock while it holds others: the operation that met it is undone, the group is
 * committed, its locks are released, and only then the host waits and tries again. So hosts cannot
 * wait for each other in a circle. */
#ifndef CAIRN_VMFS_LOCK_PRIV_H
#define CAIRN_VMFS_LOCK_PRIV_H

#include "vmfs/meta_priv.h"
#include "vmfs/vmfs_format.h"

struct vmfs_fd;

/* How long others usually keep a lock: for a group of operations, or for as long as a file is
 * open. */
enum vmfs_lock_use { LOCK_SHORT, LOCK_LONG };

/* Why an operation or a look ended with ST_BUSY and has to run anew. */
enum vmfs_again { AGAIN_NOT, AGAIN_CHANGED, AGAIN_HELD };

struct vmfs_held {			/* a lock that is ours on the disk */
	struct meta_page	*page;	/* pinned; its sector is as on the disk */
	uint32_t		off;
	uint64_t		since;	/* the look in which it was taken */
	uint8_t			open;	/* a file is open under it */
	uint8_t			fresh;	/* the group makes it: on the disk with the commit */
};

struct vmfs_known {			/* only we have raised this token from `since` on */
	uint64_t	at, since, token;
};

struct vmfs_read_under { uint64_t at, token; };

struct vmfs_locks {
	struct vmfs_held	*held;
	uint32_t		count, max;
	struct vmfs_known	*known;		/* by place, LOCK_KNOWN of them */
	uint8_t			*next, *seen, *fill;
	uint64_t		look;		/* number of the running look or operation */
	struct vmfs_read_under	*check;		/* to be looked at again when it ends */
	uint32_t		checks, checks_max;
	/* of the last that has to run anew */
	uint8_t			again, want;	/* enum vmfs_again; the mode that was wanted */
	uint8_t			use;		/* enum vmfs_lock_use */
	struct vmfs_lock_disk	busy;
	char			who[160];	/* holds it, for messages */
	uint64_t		met_ns;		/* when another host was noticed last */
	uint64_t		strangers;	/* how often a lock had been changed by others */
	uint32_t		doubts;		/* reruns because of damage that may be none */
};

MUST_USE enum status vmfs_locks_init(struct vmfs_volume *vol);
void vmfs_locks_fini(struct vmfs_volume *vol);

/* ---- one lock sector: lock_disk.c ------------------------------------------------------------ */

enum vmfs_swap { SWAP_DONE, SWAP_OTHER };

static inline struct vmfs_lock_disk *vmfs_lock_in(const struct meta_page *page, uint32_t off)
{
	return (void *)(page->data + off);
}
static inline uint8_t vmfs_lock_bit(uint32_t off) { return (uint8_t)(1u << (off / SECTOR_BYTES)); }
/* NULL, or what is wrong with it. */
const char *vmfs_lock_bad(const struct vmfs_lock_disk *lock, uint64_t at);
/* 1 when `mode` cannot be had beside what the lock says. */
int vmfs_lock_blocks(const struct vmfs_lock_disk *lock, uint32_t mode);
/* The next image, in locks.next: with the token raised; taken by us in that mode; left by us. */
struct vmfs_lock_disk *vmfs_lock_next(struct vmfs_volume *vol, const struct meta_page *page,
				      uint32_t off);
void vmfs_lock_taken(struct vmfs_volume *vol, const struct meta_page *page, uint32_t off,
		     uint32_t mode);
void vmfs_lock_freed(struct vmfs_volume *vol, const struct meta_page *page, uint32_t off);
/* Holder i of a shared lock goes; the last one frees it. */
void vmfs_lock_leave(struct vmfs_lock_disk *next, uint32_t i);
/* From the cached image to locks.next. */
MUST_USE enum status vmfs_lock_swap(struct vmfs_volume *vol, struct meta_page *page, uint32_t off,
				    enum vmfs_swap *how);
/* The same by a plain write, for an exclusive lock of ours. */
MUST_USE enum status vmfs_lock_write_over(struct vmfs_volume *vol, struct meta_page *page,
					  uint32_t off, enum vmfs_swap *how);

/* ---- lock.c ---------------------------------------------------------------------------------- */

/* Hold the lock at volume offset `at` exclusively for the running group.
 * *changed: others have had it since it was read here: what was computed from what it protects is
 * void. ST_BUSY: another host holds it; `again` says what to do. */
MUST_USE enum status vmfs_lock_hold(struct vmfs_volume *vol, uint64_t at, enum vmfs_lock_use use,
				    int *changed);
/* The same for a descriptor; one that others have changed makes the operation run anew. */
MUST_USE enum status vmfs_fd_hold(struct vmfs_volume *vol, const struct vmfs_fd *fd);
/* The running group changes it: its lock, which is held, goes into the journal. */
void vmfs_fd_used(struct vmfs_volume *vol, const struct vmfs_fd *fd);
/* Take the lock of a file for as long as it is open: mode 1 to write, 2 to read, 3 to write beside
 * others; on the disk before this returns. */
MUST_USE enum status vmfs_lock_open(struct vmfs_volume *vol, const struct vmfs_fd *fd,
				    uint32_t mode);
/* The file is closed; the lock falls with the group that last needed it. */
void vmfs_lock_close(struct vmfs_volume *vol, const struct vmfs_fd *fd);
/* After a commit: all locks that only the group needed. */
MUST_USE enum status vmfs_locks_release(struct vmfs_volume *vol);
/* 1 when the running group holds some. */
int vmfs_locks_grouped(const struct vmfs_volume *vol);
/* Their entries for the journal, 24 bytes each, at most `room` bytes. Returns the bytes. */
uint32_t vmfs_locks_record(const struct vmfs_volume *vol, uint8_t *to, uint32_t room);
/* Another host is changing what this lock protects: the look has to wait. Returns ST_BUSY. */
enum status vmfs_lock_met(struct vmfs_volume *vol, const struct vmfs_lock_disk *lock);
/* With nothing held but open files: wait until the lock that was met is free, or its holder gone.
 * ST_BUSY: its holder lives and keeps it; `who` names it. */
MUST_USE enum status vmfs_lock_wait(struct vmfs_volume *vol);
/* lock_admin.c. ST_BUSY, and in why who has the lock that was met last, of this path. */
enum status vmfs_lock_say(const struct vmfs_volume *vol, const char *path, struct why *why);
/* The look in which a lock that we hold was taken; UINT64_MAX: we do not hold it. */
uint64_t vmfs_lock_since(struct vmfs_volume *vol, uint64_t at);
/* 1: a call outside of operations and looks met a lock, which is free now; vmfs_cover_begin(), and
 * the call again. */
int vmfs_lock_retry(struct vmfs_volume *vol, enum status st);
/* 1 when this lock names the mount in whose name we act. */
int vmfs_lock_is_ours(const struct vmfs_volume *vol, const struct vmfs_lock_disk *lock);
/* 1 when this host need not ask the disk: it holds the lock, or the group makes it. */
int vmfs_lock_owned(const struct meta_page *page, uint32_t off);

/* ---- cover.c --------------------------------------------------------------------------------- */

/* A look or an operation begins: nothing has been looked at yet. */
void vmfs_cover_begin(struct vmfs_volume *vol);
/* The page of a lock is as on the disk, from this look, unless we hold the lock. */
MUST_USE enum status vmfs_cover(struct vmfs_volume *vol, uint64_t lock_at);
/* As vmfs_meta_get() for a page whose content that lock protects; vmfs_cover() came before. */
MUST_USE enum status vmfs_meta_under(struct vmfs_volume *vol, uint64_t at, enum meta_how how,
				     uint64_t lock_at, struct meta_page **page);
/* Something that was computed while the lock had this token still stands. */
int vmfs_cover_stands(const struct vmfs_volume *vol, uint64_t lock_at, uint64_t token);
uint64_t vmfs_cover_token(const struct vmfs_volume *vol, uint64_t lock_at);
/* Run a look on a volume that is mounted for writing, as vmfs_look(). */
MUST_USE enum status vmfs_cover_look(struct vmfs_volume *vol, vmfs_op_fn *fn, void *arg);
/* What looks damaged may be a change under way: with others about it is looked at again before
 * it is believed. 1: once more. */
int vmfs_cover_doubts(struct vmfs_volume *vol, enum status st);
/* At the end: what was read under locks of others was not changed meanwhile. ST_BUSY: it was. */
MUST_USE enum status vmfs_cover_end(struct vmfs_volume *vol);
/* Read a page anew; what the group has changed in it stays. */
MUST_USE enum status vmfs_page_refresh(struct vmfs_volume *vol, struct meta_page *page);
/* We raised a token. */
void vmfs_cover_raised(struct vmfs_volume *vol, uint64_t at, uint64_t from, uint64_t to);
/* Run anew, at once. */
enum status vmfs_cover_again(struct vmfs_volume *vol);

#endif
