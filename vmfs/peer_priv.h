/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* peer - what a host that has the volume mounted for writing knows of the other ones.
 * A host is known by its mount: slot, generation of the slot, and the UUID it took for that mount.
 * Locks name their holder in that way, so the question is always whether a *mount* is over. */
#ifndef CAIRN_VMFS_PEER_PRIV_H
#define CAIRN_VMFS_PEER_PRIV_H

#include "vmfs/vmfs.h"
#include "vmfs/vmfs_format.h"

struct vmfs_holder {
	uint64_t		hb_at, hb_gen;
	struct vmfs_uuid	host;
};

/* Who has a lock in mode 1, or is the first holder of one in mode 2 or 3. */
static inline struct vmfs_holder vmfs_holder_of(const struct vmfs_lock_disk *lock)
{
	struct vmfs_holder h = { .hb_at = le64_get(lock->hb_at), .hb_gen = le64_get(lock->hb_gen) };

	memcpy(h.host.b, lock->owner.b, sizeof(h.host.b));
	return h;
}

struct vmfs_peer_view {			/* for messages */
	char		who[128];	/* "host <name> (<uuid>)" */
	uint8_t		decided;	/* 1: it is known to live */
	uint64_t	silent_ns;	/* how long its slot has not changed, as far as we saw */
};

/* Is the mount that took a lock over? One step: at most a few I/Os, or one recovery; never waits.
 * The mutex is held, no operation and no group is running, and no lock is held but those of open
 * files, for a dead host may be recovered here. While one is, vol->peers.acting is set: whoever
 * meets a lock then does not wait for it but gives up with ST_BUSY, after asking this, which notes
 * whom to deal with first.
 *   ST_OK       it is over and its journal dealt with: its locks are stale
 *   ST_BUSY     it lives (view->decided), or that is not known yet: ask again later
 *   ST_REFUSED  a foreign host, silent, that left an unfinished transaction
 *   ST_CORRUPT  the lock names no slot
 *   ST_LOST     it is us who are not sure of our slot any more
 * and what a failing device gives. */
MUST_USE enum status vmfs_peer_settle(struct vmfs_volume *vol, const struct vmfs_holder *holder,
				      struct vmfs_peer_view *view, struct why *why);

/* ---- of heartbeat.c, recover.c and peer.c ---------------------------------------------------- */

/* A slot on its way from one content to another; each a buffer for ATS. */
struct vmfs_slot_change { struct vmfs_hb_disk *image, *next, *seen; };
MUST_USE enum status vmfs_slot_change_init(struct vmfs_slot_change *c);
void vmfs_slot_change_fini(struct vmfs_slot_change *c);

#define PEER_WATCHES	128u		/* twice the hosts that a volume may have */

struct vmfs_watch {			/* a slot that another mount uses */
	struct vmfs_hb_disk	image;	/* as it was read last */
	uint64_t		since_ns;	/* end of the read that showed it first */
	uint64_t		asked;	/* the larger, the later somebody wanted to know */
	uint8_t			moved;	/* it has changed since we look */
};

struct vmfs_peers {
	struct vmfs_watch	*watch;		/* PEER_WATCHES */
	uint32_t		watches;
	uint64_t		clock;		/* of vmfs_watch.asked */
	/* While we mount: slots in use that were watched before we wrote anything. */
	struct vmfs_hb_disk	*stranger;
	uint32_t		strangers;
	/* The recovery that is under way. */
	struct vmfs_slot_change	slot;		/* of the dead host */
	struct io_mutex		slot_mutex;	/* it changes: the recovery, or the beat's stamp */
	uint8_t			acting;		/* the journal and the locks are that host's */
	struct vmfs_holder	blocker;	/* has a lock that it needs; hb_at 0: nobody */
	uint8_t			patrol;		/* it is time to look at all slots */
	uint64_t		recovered;	/* hosts, since the mount */
};

MUST_USE enum status vmfs_peers_init(struct vmfs_volume *vol);
void vmfs_peers_fini(struct vmfs_volume *vol);
/* Look at all slots soon: the volume's worker then calls vmfs_peer_patrol(). */
void vmfs_peer_patrol_due(struct vmfs_volume *vol);
/* Hosts of ours that have been silent for long are recovered, so that their journal blocks come
 * back. As vmfs_peer_settle(). */
void vmfs_peer_patrol(struct vmfs_volume *vol);

#endif
