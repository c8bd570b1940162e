/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* meta - the metadata of a volume in memory: cached pages, operations, the running group.
 *
 * A *page* is 4 KiB of the volume. A control call holds the volume's mutex between vmfs_enter() and
 * vmfs_leave(); a page it got stays where it is until it leaves or calls vmfs_meta_relax().
 * The data path looks at pages without the mutex (vmfs_meta_peek) but keeps none across turns.
 *
 * An *operation* changes pages between begin and end (vmfs_meta_run) and is undone as a whole when
 * it fails. Ended operations gather in the *running group*, which the journal makes durable at
 * once: after a crash all of a group is there, or nothing. */
#ifndef CAIRN_VMFS_META_PRIV_H
#define CAIRN_VMFS_META_PRIV_H

#include "iopath/iopath.h"

struct vmfs_volume;

#define META_PAGE_BYTES		4096u
#define META_PAGE_SECTORS	8u
#define META_NOWHERE		UINT64_MAX
#define META_GROUP_SECTORS	1800u	/* of 544 bytes each, and locks, they fit 1 MiB */
#define META_OP_SECTORS		1200u	/* of one operation, deferred frees included */
#define META_PAGES_MIN		3072u	/* a full group, an operation, and room to read */
#define META_AHEAD		64u	/* pages of one read-ahead */

/* In which order sectors go to their places (I6). */
enum meta_rank { META_RANK_TAKE, META_RANK_OBJECT, META_RANK_FREE };

struct meta_page {
	uint64_t		at;	/* volume offset, META_NOWHERE: nothing in it */
	uint8_t			*data;
	struct meta_page	*next;	/* of the hash chain */
	uint64_t		era;	/* last bracket that got it */
	uint64_t		look;	/* last look that used it (live.c) */
	uint64_t		fresh;	/* the look that read it from the disk (cover.c) */
	uint64_t		owner, token;	/* the lock it was read under, and its token */
	uint32_t		pins;	/* long-lived users */
	uint8_t			dirty;	/* bit per sector: changed in the running group */
	uint8_t			saved;	/* bit per sector: this operation holds its before-image */
	uint8_t			listed;	/* in the group's list */
	uint8_t			used;	/* since the clock's hand passed */
	uint8_t			rank;	/* enum meta_rank */
	uint8_t			held;	/* bit per sector: a lock that is ours (lock.c) */
	uint8_t			grouped;	/* of these: the running group needs it */
};

struct meta_undo {
	struct meta_page	*page;
	uint8_t			sector, was_dirty, was_rank;
	uint8_t			image[SECTOR_BYTES];
};

struct vmfs_meta {
	struct meta_page	**bucket;
	uint32_t		mask;
	struct meta_page	**page;
	uint32_t		pages, pages_max, hand;
	uint64_t		read_end;	/* of the last read for a page that was missed */
	uint64_t		era;
	/* the operation */
	uint8_t			in_op;
	uint32_t		undos, undos_made;
	struct meta_undo	*undo[META_OP_SECTORS];
	/* the running group */
	uint32_t listed, sectors, sectors_max; /* max: META_GROUP_SECTORS; tests take less */
	struct meta_page	*list[META_GROUP_SECTORS];
	/* of pages that go to their places */
	struct io_wait		*wait;
	struct port_vec		*vec;
};

enum meta_how {
	META_READ,	/* read it when it is not there */
	META_WALK,	/* and what follows it too; the page may go at the next call */
	META_FRESH,	/* all zeros: what lies on the disk does not matter */
	META_PEEK,	/* ST_BUSY when it is not there; needs no mutex */
};

MUST_USE enum status vmfs_meta_init(struct vmfs_volume *vol, uint64_t cache_bytes);
void vmfs_meta_fini(struct vmfs_volume *vol);

/* The page that holds volume offset `at`. ST_CORRUPT: outside of the volume. */
MUST_USE enum status vmfs_meta_get(struct vmfs_volume *vol, uint64_t at, enum meta_how how,
				   struct meta_page **page);
/* The page when it is cached, else NULL. Needs no mutex and no world. */
struct meta_page *vmfs_meta_peek(struct vmfs_volume *vol, uint64_t at);
/* Pages got so far may go. */
void vmfs_meta_relax(struct vmfs_volume *vol);
/* Forget what was read: the disk was changed below (replay). Nothing is pinned or dirty. */
void vmfs_meta_forget(struct vmfs_volume *vol);

/* Make bytes of a page ready to be changed in this operation. NULL: no memory, or the operation
 * grew past META_OP_SECTORS; it must then fail with ST_NOMEM. */
void *vmfs_meta_edit(struct vmfs_volume *vol, struct meta_page *page, uint32_t off, uint32_t bytes,
		     enum meta_rank rank);
/* The same for the commit itself, which is not undone; room was reserved. */
void *vmfs_meta_touch(struct vmfs_volume *vol, struct meta_page *page, uint32_t off,
		      enum meta_rank rank);

typedef enum status vmfs_op_fn(struct vmfs_volume *vol, void *arg);
/* Run fn as one operation that changes at most `need` sectors and frees resources of at most as
 * many clusters, both together. On ST_NOSPACE with deferred frees in the group, the group is
 * committed and fn runs a second time, and again when a resource file could be made longer; it also
 * runs again when it met a lock of another host, or what one had changed: it must compute
 * everything anew. ST_BUSY: another host keeps a lock; vol->locks.who names it. */
MUST_USE enum status vmfs_meta_run(struct vmfs_volume *vol, uint32_t need, vmfs_op_fn *fn,
				   void *arg);
/* The running group has something to commit or to release: not for longer than its age. */
void vmfs_meta_group_begins(struct vmfs_volume *vol);

/* The same without looking for room: until it met neither locks of others nor what they had
 * changed. For what vmfs_meta_run() itself needs. */
MUST_USE enum status vmfs_meta_run_alone(struct vmfs_volume *vol, uint32_t need, vmfs_op_fn *fn,
					 void *arg);
/* The same, once, without looking for room; for what vmfs_meta_run() itself needs. */
MUST_USE enum status vmfs_meta_run_once(struct vmfs_volume *vol, uint32_t need, vmfs_op_fn *fn,
					void *arg);

/* For the journal: the dirty pages by place, and their way there. */
uint32_t vmfs_meta_sort(struct vmfs_volume *vol);
MUST_USE enum status vmfs_meta_write_back(struct vmfs_volume *vol);
void vmfs_meta_group_done(struct vmfs_volume *vol);

/* A run of dirty sectors over neighbouring pages, from *page and *sector on in the sorted list;
 * 0 bytes: no more. */
struct meta_run { uint64_t at; uint32_t bytes, first_page, first_sector; };
int vmfs_meta_next_run(const struct vmfs_meta *m, uint32_t *page, uint32_t *sector,
		       struct meta_run *run);

#endif
