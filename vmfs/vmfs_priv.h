/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmfs_priv - a mounted volume, from the inside.
 * Who calls whom: store_vmfs -> path, dir, file -> fd -> alloc -> meta -> journal, heartbeat.
 * Functions that change something run inside an operation (vmfs_meta_run); all but the data path
 * run between vmfs_enter() and vmfs_leave(). */
#ifndef CAIRN_VMFS_PRIV_H
#define CAIRN_VMFS_PRIV_H

#include "iopath/base/fmt.h"
#include "iopath/base/plant.h"
#include "vmfs/geom_priv.h"
#include "vmfs/lock_priv.h"
#include "vmfs/meta_priv.h"
#include "vmfs/peer_priv.h"

/* ---- a descriptor on the disk ---------------------------------------------------------------- */

/* Where its metadata record lies in the cache; valid as long as the bracket, or pinned by a node.
 * Content or pointers follow the record in the same page. */
struct vmfs_fd {
	struct meta_page	*page;
	uint32_t		off;
	uint32_t		addr;
};

static inline const struct vmfs_fd_disk *vmfs_fd_meta(const struct vmfs_fd *fd)
{
	return (const void *)(fd->page->data + fd->off);
}
/* Content of a resident file, or an RDM's identity. */
static inline const uint8_t *vmfs_fd_inline(const struct vmfs_fd *fd)
{
	return fd->page->data + fd->off + VMFS_FD_INLINE_AT;
}
static inline uint64_t vmfs_fd_length(const struct vmfs_fd *fd)
{
	return le64_get(vmfs_fd_meta(fd)->length);
}
static inline uint32_t vmfs_fd_zla(const struct vmfs_fd *fd)
{
	return le32_get(vmfs_fd_meta(fd)->zla);
}
static inline uint32_t vmfs_fd_type(const struct vmfs_fd *fd)
{
	return le32_get(vmfs_fd_meta(fd)->type);
}

/* Where the pointer to a block lies. page NULL: no pointer block there, so a hole. */
struct vmfs_slot {
	struct meta_page	*page;
	uint32_t		off;
};

/* fd.c */
MUST_USE enum status vmfs_fd_get(struct vmfs_volume *vol, uint32_t addr, struct vmfs_fd *fd);
/* Its lock, which may lie in a page of its own. */
MUST_USE enum status vmfs_fd_lock(struct vmfs_volume *vol, const struct vmfs_fd *fd,
				  struct vmfs_lock_disk *lock);
MUST_USE enum status vmfs_fd_lock_slot(struct vmfs_volume *vol, const struct vmfs_fd *fd,
				       struct vmfs_slot *where);
uint64_t vmfs_fd_lock_at(const struct vmfs_volume *vol, const struct vmfs_fd *fd);
/* 1 when its pointers are of large blocks only: such a file is not changed. */
int vmfs_fd_is_large(const struct vmfs_volume *vol, const struct vmfs_fd *fd);
/* log2 of the blocks that vmfs_fd_slot() and its like count in. */
uint32_t vmfs_fd_block_shift(const struct vmfs_volume *vol, const struct vmfs_fd *fd);
/* Levels of pointer blocks, 0 to 2, and how many blocks one pointer of the descriptor covers. */
uint32_t vmfs_fd_levels(const struct vmfs_fd *fd);
uint64_t vmfs_fd_unit(const struct vmfs_volume *vol, const struct vmfs_fd *fd);
MUST_USE enum status vmfs_fd_slot(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t block,
				  enum meta_how how, struct vmfs_slot *slot);
/* The pointer to a block, checked for this file; 0: a hole. */
MUST_USE enum status vmfs_fd_pointer(struct vmfs_volume *vol, const struct vmfs_fd *fd,
				     uint64_t block, enum meta_how how, uint64_t *addr);
/* Bytes of a file through the metadata cache: directories, links, small files. Holes read 0. */
MUST_USE enum status vmfs_fd_read(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t at,
				  void *buf, uint64_t bytes);
void vmfs_fd_stat(const struct vmfs_volume *vol, const struct vmfs_fd *fd, struct store_stat *st);
/* In operations. */
MUST_USE enum status vmfs_fd_make(struct vmfs_volume *vol, enum vmfs_type type, uint32_t mode,
				  struct vmfs_fd *fd);
struct vmfs_fd_disk *vmfs_fd_edit(struct vmfs_volume *vol, const struct vmfs_fd *fd);
/* mtime and ctime are now. */
MUST_USE enum status vmfs_fd_touch(struct vmfs_volume *vol, const struct vmfs_fd *fd);
MUST_USE enum status vmfs_fd_set_length(struct vmfs_volume *vol, const struct vmfs_fd *fd,
					uint64_t length);
MUST_USE enum status vmfs_fd_count(struct vmfs_volume *vol, const struct vmfs_fd *fd,
				   int64_t blocks, int64_t tbz, int64_t pbs);
/* Large blocks come or go. */
MUST_USE enum status vmfs_fd_count_large(struct vmfs_volume *vol, const struct vmfs_fd *fd,
					 int64_t large);
MUST_USE enum status vmfs_fd_write(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t at,
				   const void *buf, uint64_t bytes);
/* Clear the descriptor and give it back; it has no blocks any more. */
MUST_USE enum status vmfs_fd_clear(struct vmfs_volume *vol, const struct vmfs_fd *fd);

/* map.c: how a file's block map grows and shrinks. In operations. */
#define MAP_STEP	1024u	/* pointers that one operation changes */
#define MAP_TRIM_NEED	1100u	/* sectors of one step of a trim */
#define MAP_REACH_NEED	64u
uint64_t vmfs_map_reach(const struct vmfs_volume *vol, const struct vmfs_fd *fd);
/* Make the map able to name every byte below `bytes`, moving data that lies in smaller things. */
MUST_USE enum status vmfs_map_extend(struct vmfs_volume *vol, const struct vmfs_fd *fd,
				     uint64_t bytes);
/* As vmfs_fd_slot, but with pointer blocks made where none are. */
MUST_USE enum status vmfs_map_slot(struct vmfs_volume *vol, const struct vmfs_fd *fd,
				   uint64_t block, struct vmfs_slot *slot);
MUST_USE enum status vmfs_map_set(struct vmfs_volume *vol, const struct vmfs_slot *slot,
				  uint64_t addr);
/* A large block that is about to lose a part, at block `at` of the file, becomes small ones. */
MUST_USE enum status vmfs_map_split(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t at);
/* Free blocks from the tail on down to `keep` blocks, at most MAP_STEP; *more: call again in a new
 * operation. */
MUST_USE enum status vmfs_map_trim(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t keep,
				   int *more);
/* 1 when a pointer at or past block `keep` is not null. */
MUST_USE enum status vmfs_map_beyond(struct vmfs_volume *vol, const struct vmfs_fd *fd,
				     uint64_t keep, int *beyond);
/* Make a new sub-block or pointer block all zeros: what its last owner left there must not come
 * back. */
MUST_USE enum status vmfs_fresh(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t at,
				uint64_t bytes);
/* The pointers of a system file move into a secondary pointer block, the first pointer names it.
 * Once that is durable the others go, behind those that `blocks` need. */
MUST_USE enum status vmfs_map_system_level(struct vmfs_volume *vol, const struct vmfs_fd *fd);
MUST_USE enum status vmfs_map_system_tidy(struct vmfs_volume *vol, const struct vmfs_fd *fd,
					  uint64_t blocks);
/* A file block that will be read through the cache becomes zeros. */
MUST_USE enum status vmfs_block_fresh(struct vmfs_volume *vol, uint64_t block);
/* Make a block that is about to become part of a file read as zeros. */
MUST_USE enum status vmfs_block_clean(struct vmfs_volume *vol, uint64_t first, uint64_t count);

/* ---- resources: alloc.c ---------------------------------------------------------------------- */

#define ALLOC_PENDING_HASH	4096u	/* power of two, over twice META_GROUP_SECTORS */

struct vmfs_pool {			/* one kind of resource */
	uint8_t		*full;		/* bit per cluster: seen without a free resource */
	uint32_t	rover;		/* cluster of the last allocation */
	uint64_t	counted;	/* 0: no; else locks.strangers + 1 when it was */
	uint64_t	free;		/* valid once counted; deferred frees are in it */
	int64_t		op_taken;	/* by the current operation */
};

struct vmfs_free { uint32_t cluster; uint16_t resource; uint8_t kind; };

struct vmfs_pending { /* resources of a cluster, freed by the group, not yet in the bitmap */
	struct meta_page *page;
	uint32_t	off, cluster;
	uint8_t		kind;
	uint8_t		bits[64];
};

struct vmfs_alloc {
	struct vmfs_pool	pool[VMFS_RES_COUNT];
	enum vmfs_res		wanted;		/* what the running operation found none of */
	uint32_t		op_frees;
	struct vmfs_free	op_free[META_OP_SECTORS];
	uint32_t		pendings;
	struct vmfs_pending	*pending;			/* META_GROUP_SECTORS */
	uint16_t		hash[ALLOC_PENDING_HASH];	/* index + 1 */
};

MUST_USE enum status vmfs_alloc_init(struct vmfs_volume *vol);
void vmfs_alloc_fini(struct vmfs_volume *vol);
/* In operations. ST_NOSPACE: none left, deferred frees aside. */
MUST_USE enum status vmfs_alloc_one(struct vmfs_volume *vol, enum vmfs_res kind, uint64_t *addr);
/* 1..want contiguous file blocks, from `goal` on when that is free. */
MUST_USE enum status vmfs_alloc_blocks(struct vmfs_volume *vol, uint64_t goal, uint64_t want,
				       uint64_t *first, uint64_t *count);
/* A whole large block: its first file block. ST_NOSPACE: no cluster is all free. */
MUST_USE enum status vmfs_alloc_large(struct vmfs_volume *vol, uint64_t goal, uint64_t *first);
/* Deferred: the resource can be taken again once the group is durable. ST_CORRUPT: it is free. */
MUST_USE enum status vmfs_alloc_free(struct vmfs_volume *vol, uint64_t addr);
/* ++ of the generation counter of an FD's cluster. */
MUST_USE enum status vmfs_alloc_generation(struct vmfs_volume *vol, uint32_t fd,
					   uint32_t *generation);
void vmfs_alloc_op_end(struct vmfs_volume *vol);
void vmfs_alloc_op_abort(struct vmfs_volume *vol);
/* At the start of a commit: put deferred frees into the bitmaps. */
void vmfs_alloc_apply(struct vmfs_volume *vol);
/* The file of a kind has got `count` resources more, in clusters from old_clusters - 1 on. */
MUST_USE enum status vmfs_alloc_grown(struct vmfs_volume *vol, enum vmfs_res kind,
				      uint32_t old_clusters, uint64_t count);
/* res_grow.c. What the last operation wanted gets more, if its version allows that; not in an
 * operation. ST_NOSPACE: it does not, or there are no blocks for it. */
MUST_USE enum status vmfs_res_grow(struct vmfs_volume *vol);
/* res_reload.c. Hold the lock of a resource file over several groups; and let go of it. */
MUST_USE enum status vmfs_res_lock(struct vmfs_volume *vol, enum vmfs_res kind);
void vmfs_res_unlock(struct vmfs_volume *vol, enum vmfs_res kind);
/* Take notice of what other hosts have added. *more: there was something. */
MUST_USE enum status vmfs_res_reload(struct vmfs_volume *vol, int *more);
/* Counts exactly; the first time it walks all bitmaps. */
MUST_USE enum status vmfs_alloc_count(struct vmfs_volume *vol, enum vmfs_res kind,
				      struct vmfs_count *count);
/* The next free run at or after *block: inside one cluster, at most `want` long. *count 0: none. */
MUST_USE enum status vmfs_alloc_next_free(struct vmfs_volume *vol, uint64_t *block, uint64_t want,
					  uint64_t *count);
/* For the mount, before there is a journal: find a free resource, take or free it in place. */
MUST_USE enum status vmfs_alloc_find(struct vmfs_volume *vol, enum vmfs_res kind, uint64_t *addr);
MUST_USE enum status vmfs_alloc_take_now(struct vmfs_volume *vol, uint64_t addr);
MUST_USE enum status vmfs_alloc_free_now(struct vmfs_volume *vol, uint64_t addr);

/* ---- journal: journal.c ---------------------------------------------------------------------- */

#define JOURNAL_MAGIC		0x4C4E524A4E524143ull	/* "CARNJRNL" */
#define JOURNAL_ORPHANS		29u
#define JOURNAL_BUF_BYTES	(1u << 20)

struct vmfs_orphan { uint32_t fd, generation; };

/* Our header, the first sector of the last 4 KiB of the journal's block. */
struct vmfs_journal_disk {
	le64		magic;		/* 0x00 */
	le32		version;	/* 0x08  1 */
	le32		state;		/* 0x0C  0 empty, 1 committed */
	vmfs_uuid_disk	host;		/* 0x10 */
	le64		hb_at;		/* 0x20 */
	le64		hb_gen;		/* 0x28 */
	le64		txn;		/* 0x30 */
	le32		records;	/* 0x38 */
	le32		end;		/* 0x3C  offset of the end of the records */
	le32		records_crc;	/* 0x40  of bytes 0x350 .. end */
	le32		locks;		/* 0x44  0: one writer */
	uint8_t		lock[192];	/* 0x48  room for 8 lock entries */
	le32		orphans;	/* 0x108 */
	struct { le32 fd, generation; } orphan[JOURNAL_ORPHANS];	/* 0x10C */
	uint8_t		zero[8];	/* 0x1F4 */
	le32		crc;		/* 0x1FC  of the sector with this field 0 */
};
DISK_SIZE(struct vmfs_journal_disk, 512);
DISK_AT(struct vmfs_journal_disk, orphans, 0x108);
DISK_AT(struct vmfs_journal_disk, crc, 0x1FC);

struct vmfs_journal {
	uint64_t		at;		/* volume offset of the block, 0: none */
	struct vmfs_uuid	host;		/* whose it is: ours, or the dead host we act for */
	uint64_t		hb_at, hb_gen;
	uint64_t		txn;
	uint8_t			committing;
	uint8_t			*buf;		/* JOURNAL_BUF_BYTES */
	uint32_t		orphans, orphans_saved;
	struct vmfs_orphan	orphan[JOURNAL_ORPHANS];
	struct vmfs_orphan	saved[JOURNAL_ORPHANS];	/* as the current operation found them */
};

enum journal_find {
	JOURNAL_IDLE,		/* nothing of ours, nothing foreign */
	JOURNAL_OURS,		/* our header: replay may have work */
	JOURNAL_FOREIGN,	/* another format's unfinished transaction */
};

MUST_USE enum status vmfs_journal_init(struct vmfs_volume *vol);
void vmfs_journal_fini(struct vmfs_volume *vol);
/* What the journal of a slot holds. */
MUST_USE enum status vmfs_journal_look(struct vmfs_volume *vol, const struct vmfs_hb_disk *slot,
				       enum journal_find *find);
/* Act for that slot: write its committed records to their places, know its orphans. */
MUST_USE enum status vmfs_journal_replay(struct vmfs_volume *vol, const struct vmfs_hb_disk *slot);
/* The header of a slot's journal as it is now; *ours: it belongs to this mount of that slot.
 * ST_CORRUPT: the slot names no block. */
MUST_USE enum status vmfs_journal_head(struct vmfs_volume *vol, const struct vmfs_hb_disk *slot,
				       struct vmfs_journal_disk *head, int *ours);
/* For a volume that is read: what that transaction changes, to vmfs_live_record(). Nothing when the
 * records are those of a later one that is being written. */
MUST_USE enum status vmfs_journal_overlay(struct vmfs_volume *vol, const struct vmfs_hb_disk *slot,
					  const struct vmfs_journal_disk *head);
/* Make the running group durable. The mutex is held. */
MUST_USE enum status vmfs_journal_commit(struct vmfs_volume *vol);
/* 1 when a commit would have something to do, or is at it. */
int vmfs_journal_busy(const struct vmfs_volume *vol);
/* Write the header as empty. */
MUST_USE enum status vmfs_journal_clear(struct vmfs_volume *vol);
/* Before the block is given back: in VMFS-6 its first and last page are left zero. */
MUST_USE enum status vmfs_journal_blank(struct vmfs_volume *vol);
/* The content of a record of locks: ST_BUSY when the host of that header has one of them no more,
 * so that its transaction is over. */
MUST_USE enum status vmfs_journal_locks_stand(struct lvm *lvm, const struct vmfs_journal_disk *h,
					      const uint8_t *data, uint64_t bytes);
void vmfs_journal_op_begin(struct vmfs_volume *vol);
void vmfs_journal_op_abort(struct vmfs_volume *vol);
/* In operations. ST_LIMIT: the table is full. */
MUST_USE enum status vmfs_journal_add_orphan(struct vmfs_volume *vol, uint32_t fd,
					     uint32_t generation);
void vmfs_journal_drop_orphan(struct vmfs_volume *vol, uint32_t fd);

/* ---- heartbeat: heartbeat.c ------------------------------------------------------------------ */

struct vmfs_beat {
	uint64_t		at, gen;	/* our slot; at 0: none */
	struct vmfs_uuid	host;
	uint64_t		lease_ns;	/* of the volume, kept by all hosts */
	uint64_t		period_ns;	/* from beat to beat */
	/* The slot as it was last written; next, when it differs: what may have arrived. */
	struct vmfs_slot_change	own;
	struct io_mutex		own_mutex;	/* it changes: a beat, or mount and unmount */
	uint64_t		ok_ns;		/* when the last beat that succeeded was issued */
	uint64_t		began_ns;	/* start of the one under way */
	uint64_t		ended_ns;	/* of the one before */
	uint64_t		beats, failures, late, false_misses;	/* for who wonders */
	uint8_t			due, stopping;
	struct port_timer	timer;
	struct port_world	*world;		/* beats; NULL: none is running */
	struct port_world	*waiter;	/* for the beat that is due, or the world's end */
};

MUST_USE enum status vmfs_beat_init(struct vmfs_volume *vol);
void vmfs_beat_fini(struct vmfs_volume *vol);
/* The lease of the volume. ST_UNSUPPORTED: one that no host keeps. */
MUST_USE enum status vmfs_beat_lease(struct vmfs_volume *vol, struct why *why);
/* Take a slot and start the beat. */
MUST_USE enum status vmfs_beat_start(struct vmfs_volume *vol, struct why *why);
MUST_USE enum status vmfs_beat_take_journal(struct vmfs_volume *vol, struct why *why);
/* All is committed: the beat stops, journal block and slot are given back. */
MUST_USE enum status vmfs_beat_end(struct vmfs_volume *vol);
/* The same for a mount that did not come about. */
void vmfs_beat_give_up(struct vmfs_volume *vol);
/* Stop the timer and wait for the beat under way. */
void vmfs_beat_stop(struct vmfs_volume *vol);
/* Before metadata is written: the lease holds, or a beat proves now that the slot is still ours. */
MUST_USE enum status vmfs_beat_check(struct vmfs_volume *vol);
/* 1 when the lease is over, as far as is known now: others may have what was ours. */
static inline int vmfs_beat_lapsed(const struct vmfs_beat *b)
{
	return b->at && port_now_ns() - b->ok_ns >= b->lease_ns;
}
/* We are not a host of this volume any more: no write passes the devices. */
void vmfs_beat_close_gate(struct vmfs_volume *vol);
/* 1 when a slot is the one this mount took. */
int vmfs_beat_is_ours(const struct vmfs_volume *vol, const struct vmfs_hb_disk *slot);

/* recover.c. Before our slot is taken: foreign hosts are watched for a lease and a beat (ST_BUSY:
 * one lives). alone: and so is everybody else. */
MUST_USE enum status vmfs_recover_look(struct vmfs_volume *vol, struct why *why);
/* With our slot: recover who is known to be dead. */
MUST_USE enum status vmfs_recover_dead(struct vmfs_volume *vol, struct why *why);

struct vmfs_node;

/* ---- reading beside hosts that write: live.c, live_io.c -------------------------------------- */

#define LIVE_PEERS_MAX	64u

struct vmfs_peer {			/* a slot that another host uses */
	struct vmfs_hb_disk	slot;		/* as it was sampled last */
	struct vmfs_journal_disk head;		/* of its journal, as this look found it */
	int64_t			since_ns;	/* since when the slot is as it is */
	uint64_t		met;		/* the last sample that had it */
	uint8_t			moved;		/* it changed while we looked */
	uint8_t			journal;	/* head is of our kind, and this slot's */
};

struct vmfs_overlay {			/* committed by a peer, maybe not in place yet */
	uint64_t	at, bytes;
	uint8_t		*data;
};

struct vmfs_seen { uint64_t at; uint32_t crc; };	/* a page that a look used */

struct vmfs_live {
	uint8_t			reading;	/* mounted for reading */
	uint8_t			on;		/* and some slot is in use: looks are verified */
	uint8_t			blind, crowded, stale, held, lost, looks, arrived;
	/* The slots have changed since the mount, even if nobody is in one now: from then on
	 * nothing that is cached is believed without a look. */
	uint8_t			visited;
	uint32_t		region_crc;	/* of the slots as last sampled */
	uint64_t		look, sample, samples, sampled_ns, quiet_ns;
	struct vmfs_peer	*peer;		/* LIVE_PEERS_MAX */
	uint32_t		peers, overlays, overlays_max, seen_count, seen_max;
	struct vmfs_overlay	*overlay;	/* by place */
	struct vmfs_seen	*seen;
	uint64_t		held_at, held_token;	/* a directory's lock, seen held */
	uint64_t		bore_at, bore_token;	/* one that is held for long */
	uint64_t		epoch;		/* grows when cached pages were refreshed */
	uint32_t		doubts;
	struct why		doubt;		/* the first one */
	char			complaint[200];	/* of the running look, the first one */
};

/* Run fn until all the metadata that it saw was of one moment. It may run several times and must
 * compute everything anew. The mutex is held; volumes mounted for writing use locks (cover.c).
 *   ST_BUSY  the metadata does not hold still, or another host keeps a lock (vol->locks.who) */
MUST_USE enum status vmfs_look(struct vmfs_volume *vol, vmfs_op_fn *fn, void *arg);
/* Metadata is damaged: told on the console, but by a look only when it is believed. */
void vmfs_complain(struct vmfs_volume *vol, const char *format, ...) PRINTF_LIKE(2, 3);
/* A page is used by the running look. */
void vmfs_live_seen(struct vmfs_volume *vol, struct meta_page *page);
/* A directory is used by the running look. */
void vmfs_live_dir(struct vmfs_volume *vol, const struct vmfs_fd *dir);
/* What peers committed, over bytes that were just read. */
void vmfs_live_overlay(const struct vmfs_volume *vol, uint64_t at, uint8_t *data, uint64_t bytes);
MUST_USE enum status vmfs_live_record(struct vmfs_volume *vol, uint64_t at, const uint8_t *data,
				      uint64_t bytes);
/* Look at all slots now. */
MUST_USE enum status vmfs_live_sample(struct vmfs_volume *vol);
/* 1 when the picture of the slots is too old for a read. */
int vmfs_live_due(const struct vmfs_volume *vol);
/* A slot that has not moved for a lease and a beat. */
int vmfs_live_silent(const struct vmfs_volume *vol, const struct vmfs_peer *peer);
/* 1: some host is not known to be gone. */
int vmfs_live_any(const struct vmfs_volume *vol);
/* Who holds a lock that lets it write; NULL: nobody, or one that is silent. */
const struct vmfs_peer *vmfs_live_holder(const struct vmfs_volume *vol,
					 const struct vmfs_lock_disk *lock);
/* Something that was read may not be of one moment; the first why is kept for the verdict. */
void vmfs_live_doubt(struct vmfs_volume *vol, const struct why *why);
MUST_USE enum status vmfs_live_start(struct vmfs_volume *vol, uint64_t quiet_ns, struct why *why);
void vmfs_live_fini(struct vmfs_volume *vol);
/* The descriptor of an open file, read in a look. ST_BUSY: the file was removed. */
MUST_USE enum status vmfs_live_fd(struct vmfs_volume *vol, const struct vmfs_node *n,
				  struct vmfs_fd *fd);
/* Requests of the worker that read: each gets data of blocks that were its file's then. */
void vmfs_live_serve(struct vmfs_volume *vol, struct list *requests);
/* What was read of this file since the open, or since the last call, is of one moment. */
MUST_USE enum status vmfs_live_mark(struct vmfs_node *node);	/* at the open */
MUST_USE enum status vmfs_live_settled(struct vmfs_node *node, struct why *why);

/* ---- names: dir.c, dir_array.c, path.c ------------------------------------------------------- */

#define DIR_INDEXES	16u

struct vmfs_dir_index {			/* the names of one directory, hashed */
	uint32_t	fd, generation;	/* fd 0: not in use */
	uint32_t	count, max, mask;
	uint32_t	*head, *next, *hash;	/* head by hash, next and hash by entry number */
	enum status	gap;		/* not ST_OK: some entries could not be read */
	uint64_t	used, op;	/* when it was asked, which operation changed it */
	uint64_t	token;		/* of the directory's lock when it was built */
};

struct vmfs_dirs {
	struct vmfs_dir_index	index[DIR_INDEXES];
	uint64_t		clock, op;
};

struct vmfs_entry {
	uint32_t	number;		/* of its place in the directory; 0 is ".", 1 is ".." */
	uint32_t	type, fd, generation;
	char		name[VMFS_NAME_MAX + 1];
};

/* An entry as it lies in a directory; its name has room for VMFS_NAME_MAX bytes or more. */
void vmfs_entry_decode(const struct vmfs_dirent_head *d, const uint8_t *name, uint32_t number,
		       struct vmfs_entry *entry);

/* The shape of a directory file. dir is one. Those that change it run in operations. */
struct vmfs_dir_ops {
	/* ST_NOENT when there is no such name. */
	enum status	(*find)(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				const char *name, struct vmfs_entry *entry);
	enum status	(*entry)(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				 uint32_t number, struct vmfs_entry *entry);
	/* The first entry at or behind place *number that is one; ST_NOENT: no more. */
	enum status	(*next)(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				uint32_t *number, struct vmfs_entry *entry);
	/* "." and ".."; the caller counts the links. */
	enum status	(*init)(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				const struct vmfs_fd *parent);
	/* ST_LIMIT: it cannot grow any more. */
	enum status	(*add)(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			       const char *name, const struct vmfs_fd *child);
	enum status	(*remove)(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				  uint32_t number);
	/* Let an entry name another descriptor. */
	enum status	(*point)(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				 uint32_t number, const struct vmfs_fd *child);
	const struct check_dir_shape *check;	/* how the checker walks it */
};

/* What is kept in memory of directories. */
void vmfs_dir_fini(struct vmfs_volume *vol);
void vmfs_dir_op_abort(struct vmfs_volume *vol);
int vmfs_is_dir(const struct vmfs_fd *fd);
/* As vmfs_dir_ops tells. */
MUST_USE enum status vmfs_dir_find(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				   const char *name, struct vmfs_entry *entry);
MUST_USE enum status vmfs_dir_entry(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				    uint32_t number, struct vmfs_entry *entry);
MUST_USE enum status vmfs_dir_next(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				   uint32_t *number, struct vmfs_entry *entry);
MUST_USE enum status vmfs_dir_empty(struct vmfs_volume *vol, const struct vmfs_fd *dir, int *empty);
/* In operations. */
#define DIR_NEED	64u
MUST_USE enum status vmfs_dir_init(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				   uint32_t parent);
MUST_USE enum status vmfs_dir_add(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				  const char *name, const struct vmfs_fd *child);
MUST_USE enum status vmfs_dir_remove(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				     uint32_t number);
MUST_USE enum status vmfs_dir_point(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				    uint32_t number, const struct vmfs_fd *child);

struct vmfs_path {			/* the last name of a path and the directory it is in */
	struct vmfs_fd	dir;
	char		name[VMFS_NAME_MAX + 1];	/* empty: the root itself */
};

/* ST_NOENT, ST_NOTDIR: a directory on the way; ST_NAME: a name that cannot be. */
MUST_USE enum status vmfs_path_fd(struct vmfs_volume *vol, const char *path, struct vmfs_fd *fd,
				  struct why *why);
MUST_USE enum status vmfs_path_make(struct vmfs_volume *vol, const char *path, enum vmfs_type type,
				    uint32_t mode, const char *target, uint32_t *fd,
				    struct why *why);
MUST_USE enum status vmfs_path_remove(struct vmfs_volume *vol, const char *path, struct why *why);
MUST_USE enum status vmfs_path_rename(struct vmfs_volume *vol, const char *old_path,
				      const char *new_path, int replace, struct why *why);

/* ---- files: file.c, file_io.c ---------------------------------------------------------------- */

#define NODE_MEMOS	16u

struct vmfs_memo {			/* a page of pointers to file blocks */
	struct meta_page	*page;
	uint64_t		at, number;	/* number: of all such pages of the file */
};

struct vmfs_node {			/* a file that somebody has open */
	struct list		link;		/* vol->nodes */
	struct vmfs_volume	*vol;
	struct vmfs_fd		fd;		/* its page is pinned */
	uint32_t		refs, writers;
	uint32_t		frozen;		/* control calls at work: requests are held back */
	uint32_t		inflight;	/* transfers below */
	uint8_t			locked;		/* on the disk, by this node */
	uint8_t			written;	/* mtime is due */
	uint8_t			trimmed;	/* no pointers past the end: looked at once */
	struct list		held;
	/* of a volume that is read: the descriptor as it was, and whether its data was read */
	uint32_t		generation, mark;
	uint8_t			data_read, many_reads;
	struct port_world	*drainer;
	struct vmfs_memo	memo[NODE_MEMOS];
};

struct vmfs_file {
	struct store_file	base;
	struct vmfs_node	*node;
	uint8_t			writable;
};

enum group_age { GROUP_NONE, GROUP_YOUNG, GROUP_OLD };

struct vmfs_worker {			/* per volume: what cannot be done outside of a world */
	struct port_world	*world;
	struct list		slow;		/* requests that need the mutex */
	struct list		flushers;	/* flushes that need a commit */
	uint8_t			stopping, age;	/* enum group_age */
	struct port_world	*waiter;
	struct port_timer	timer;		/* the age limit of a group */
};

struct vmfs_node *vmfs_node_find(struct vmfs_volume *vol, uint32_t fd);
void vmfs_node_freeze(struct vmfs_node *node);
/* Wait until no transfer of this file is under way; it is frozen. */
void vmfs_node_drain(struct vmfs_node *node);
void vmfs_node_thaw(struct vmfs_node *node);
MUST_USE enum status vmfs_file_open(struct vmfs_volume *vol, uint32_t fd, unsigned flags,
				    struct vmfs_file **file);
enum status vmfs_file_close(struct vmfs_file *file);
MUST_USE enum status vmfs_file_resize(struct vmfs_node *node, uint64_t bytes);
MUST_USE enum status vmfs_file_allocate(struct vmfs_node *node, uint64_t offset, uint64_t bytes,
					enum store_alloc how);
MUST_USE enum status vmfs_file_map(struct vmfs_node *node, uint64_t offset, struct store_run *run);
/* Free whole blocks of a range, zero its edges. */
MUST_USE enum status vmfs_file_punch(struct vmfs_node *node, uint64_t offset, uint64_t bytes);
/* Before a file grows: blocks past its end, which may be old, go. Once per open; it is frozen. */
MUST_USE enum status vmfs_file_trim_beyond(struct vmfs_node *node);
/* In operations: the file is about to be `bytes` long or longer; what becomes visible reads 0 up to
 * `written`. */
MUST_USE enum status vmfs_file_grow(struct vmfs_node *node, uint64_t bytes, uint64_t written);
/* Free all blocks past the length in bounded operations. */
MUST_USE enum status vmfs_file_trim(struct vmfs_volume *vol, uint32_t fd);
/* Finish what the orphan table of the journal says. */
MUST_USE enum status vmfs_file_finish_orphans(struct vmfs_volume *vol);
/* mtimes that are due, into the group. */
void vmfs_file_stamp(struct vmfs_volume *vol);

void vmfs_io_submit(struct store_file *file, struct io_req *req);
MUST_USE enum status vmfs_worker_start(struct vmfs_volume *vol);
void vmfs_worker_stop(struct vmfs_volume *vol);
void vmfs_worker_wake(struct vmfs_volume *vol);
/* Called when a request that was held back may go on. */
void vmfs_io_resume(struct io_req *req);

/* ---- the volume ------------------------------------------------------------------------------ */

#define GROUP_AGE_NS	(500ull * 1000000)
#define GROUP_SHORT_NS	(20ull * 1000000)	/* with another host about */
#define GROUP_CROWD_NS	(10ull * 1000000000)	/* for so long after it was noticed */
#define GROUP_LOCKS	512u
#define FILE_BYTES_MAX	(62 * TIB)

struct vmfs_volume {
	struct store		store;
	struct lvm		lvm;
	struct vmfs_layout	layout;
	uint64_t		sb_bytes;
	uint64_t system_blocks; /* 0 .. n - 1 are the system's; known when writable */
	uint8_t			writable;
	uint8_t			alone;		/* nobody else may have it mounted */
	enum status		failed;		/* not ST_OK: nothing is written any more (I8) */
	struct io_mutex		mutex;
	struct vmfs_meta	meta;
	struct vmfs_alloc	alloc;
	struct vmfs_journal	journal;
	struct vmfs_locks	locks;
	struct vmfs_beat	beat;
	struct vmfs_peers	peers;
	struct vmfs_dirs	dirs;
	struct vmfs_live	live;
	struct vmfs_worker	worker;
	struct list		nodes;
	uint32_t		foreign_slots;	/* in use, and left alone */
	struct vmfs_hb_disk	*foreign;
};

static inline struct vmfs_volume *vmfs_of(struct store *s)
{
	return container_of(s, struct vmfs_volume, store);
}

void vmfs_enter(struct vmfs_volume *vol);
void vmfs_leave(struct vmfs_volume *vol);
/* From now on nothing is written. Returns the status that every writer gets. */
enum status vmfs_fail(struct vmfs_volume *vol, enum status st, const char *what);
static inline uint32_t vmfs_now_s(void) { return (uint32_t)(port_wall_us() / 1000000); }
static inline uint32_t vmfs_block_shift(const struct vmfs_volume *vol)
{
	return vol->layout.block_shift;
}
static inline const struct vmfs_form *vmfs_form(const struct vmfs_volume *vol)
{
	return vol->layout.form;
}
/* Bytes of the resource that is a host's journal. */
static inline uint32_t vmfs_journal_bytes(const struct vmfs_volume *vol)
{
	return vmfs_form(vol)->journal_bytes ? vmfs_form(vol)->journal_bytes
					     : vol->layout.block_bytes;
}
/* locking.c. ST_REFUSED: a device cannot do what the volume wants of all its hosts. */
MUST_USE enum status vmfs_locking_check(struct vmfs_volume *vol, struct why *why);
/* foreign.c. ST_REFUSED: a VMFS-6 that is not only ours. */
MUST_USE enum status vmfs_foreign_check(struct vmfs_volume *vol, int join_foreign,
					struct why *why);
/* volume.c: fn for the heartbeat slots in use; free: for those that are free, instead. */
MUST_USE enum status vmfs_slots(struct vmfs_volume *vol, int free,
				int (*fn)(void *arg, const struct vmfs_host_slot *), void *arg);
/* The pointer in a slot, 0 where there is no pointer block. */
static inline uint64_t vmfs_map_value(const struct vmfs_volume *vol, const struct vmfs_slot *slot)
{
	return slot->page ? vmfs_ptr_get(vmfs_form(vol), slot->page->data + slot->off) : 0;
}

extern const struct store_ops vmfs_store_ops, vmfs_store_read_ops;

#endif
