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
 * files, for a dead host may be recovered here.
 *   ST_OK       it is over and its journal dealt with: its locks are stale
 *   ST_BUSY     it lives (view->decided), or that is not known yet: ask again later
 *   ST_REFUSED  a foreign host, silent, that left an unfinished transaction
 *   ST_CORRUPT  the lock names no slot
 *   ST_LOST     it is us who are not sure of our slot any more
 * and what a failing device gives. */
MUST_USE enum status vmfs_peer_settle(struct vmfs_volume *vol, const struct vmfs_holder *holder,
				      struct vmfs_peer_view *view, struct why *why);

#endif
