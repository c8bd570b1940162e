/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lock_wait - a lock that another host holds: wait for it, or break it when its holder is gone.
 * Nothing is held meanwhile but the locks of open files, for a dead host may be recovered here. */
#include "vmfs/vmfs_priv.h"

#define FIRST_NS	200000u		/* between two looks at a lock that is held */
#define LAST_NS		(20ull * 1000000)
#define LONG_NS		(2ull * 1000000000)	/* patience with a file that somebody has open */
#define SHORT_NS	(120ull * 1000000000)	/* with a group of a host that lives */
#define RECOVERY_NS	(200ull * 1000000)	/* with anybody, in the middle of a recovery */

/* Bring a cached page of a lock up to date after it was changed past the cache. */
static void forget_page(struct vmfs_volume *vol, uint64_t at)
{
	struct meta_page *page = vmfs_meta_peek(vol, at);

	if (page)
		page->fresh = 0;
}

/* The mount that took it is over. Holder i of a shared lock leaves it, an exclusive one is freed;
 * who else saw that comes first or second, the ATS tells. */
static enum status break_lock(struct vmfs_volume *vol, const struct vmfs_lock_disk *lock,
			      uint32_t i)
{
	uint32_t off = (uint32_t)(le64_get(lock->at) % META_PAGE_BYTES);
	uint64_t at = le64_get(lock->at);
	struct vmfs_lock_disk *next;
	struct meta_page *page;
	enum vmfs_swap how;
	enum status st;

	forget_page(vol, at);
	st = vmfs_cover(vol, at);
	if (st == ST_OK)
		st = vmfs_meta_get(vol, at, META_READ, &page);
	if (st != ST_OK || memcmp(vmfs_lock_in(page, off), lock, sizeof(*lock)))
		return st;
	next = vmfs_lock_next(vol, page, off);
	if (le32_get(next->mode) != VMFS_LOCK_EXCLUSIVE && le32_get(next->num_holders)) {
		vmfs_lock_leave(next, i);
	} else {
		le32_set(&next->mode, VMFS_LOCK_FREE);
		memset(&next->owner, 0, sizeof(next->owner));
	}
	log_line(LOG_INFO, "vmfs: %s: lock at 0x%llx of %s, which is gone -> broken",
		 vol->store.name, (unsigned long long)at, vol->locks.who);
	st = vmfs_lock_swap(vol, page, off, &how);
	page->fresh = 0;
	return st;
}

static struct vmfs_holder holder_at(const struct vmfs_lock_disk *lock, uint32_t i)
{
	const struct vmfs_holder_disk *d = &lock->holders[i];
	struct vmfs_holder h = { .hb_at = le64_get(d->hb_at), .hb_gen = le64_get(d->hb_gen) };

	memcpy(h.host.b, d->host.b, sizeof(h.host.b));
	return h;
}

/* One look at everybody who is in the way. *lives: somebody surely is. */
static enum status settle(struct vmfs_volume *vol, const struct vmfs_lock_disk *lock, int *lives)
{
	uint32_t n = MIN(le32_get(lock->num_holders), (uint32_t)ARRAY_COUNT(lock->holders));
	int shared = le32_get(lock->mode) != VMFS_LOCK_EXCLUSIVE && n;
	enum status st = ST_OK;

	*lives = 0;
	for (uint32_t i = 0; i < (shared ? n : 1); i++) {
		struct vmfs_holder who = shared ? holder_at(lock, i) : vmfs_holder_of(lock);
		struct vmfs_peer_view view = { .decided = 0 };
		struct why why = { 0 };

		st = vmfs_peer_settle(vol, &who, &view, &why);
		mem_copy_text(vol->locks.who, sizeof(vol->locks.who), view.who);
		if (st == ST_OK)
			return break_lock(vol, lock, i);
		if (st != ST_BUSY)
			return st;
		*lives |= view.decided;
	}
	return ST_BUSY;
}

static void pause_before(uint64_t *wait)
{
	uint32_t chance;

	port_random(&chance, sizeof(chance));
	port_world_sleep_ns(*wait / 2 + chance % (*wait / 2));
	*wait = MIN(2 * *wait, LAST_NS);
}

enum status vmfs_lock_wait(struct vmfs_volume *vol)
{
	struct vmfs_locks *l = &vol->locks;
	uint64_t start = port_now_ns(), wait = FIRST_NS, at = le64_get(l->busy.at);
	uint64_t patience = l->use == LOCK_LONG ? LONG_NS : SHORT_NS;
	uint32_t want = l->want;
	enum status st = vmfs_journal_commit(vol);	/* gives up all that the group holds */

	while (st == ST_OK) {
		struct vmfs_lock_disk now;
		int lives = 0;

		st = lvm_read(&vol->lvm, at, &now, sizeof(now));
		if (st != ST_OK || !vmfs_lock_blocks(&now, want) || vmfs_lock_bad(&now, at))
			break;
		st = settle(vol, &now, &lives);
		/* A recovery does not wait for who may be dead himself: see peer.c. */
		if (st != ST_BUSY || (vol->peers.acting && port_now_ns() - start >= RECOVERY_NS))
			break;
		st = ST_OK;
		if (port_interrupted())
			st = ST_CANCELLED;
		else if (lives && port_now_ns() - start >= patience)
			st = ST_BUSY;
		else
			pause_before(&wait);
	}
	forget_page(vol, at);
	return st;
}

int vmfs_lock_retry(struct vmfs_volume *vol, enum status st)
{
	return st == ST_BUSY && vol->locks.again == AGAIN_HELD && vmfs_lock_wait(vol) == ST_OK;
}
