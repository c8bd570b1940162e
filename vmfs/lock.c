/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lock - the locks that this host holds on the disk.
 *
 *	hold   for the running group: one ATS from the cached image, so it also proves the cache
 *	open   for a file, until it is closed
 *	release after the commit, when all that the lock protects is in its place and durable
 *	wait   for another host: with nothing held, and its heartbeat watched
 *
 * The page of a held lock is pinned and its sector is as on the disk: the image to compare with. A
 * descriptor that the group makes has its lock in the group itself; until the commit no other host
 * can find it. Locks are taken in the name of vol->journal: recovery acts as a dead host, and what
 * that host held is then ours. */
#include "vmfs/vmfs_priv.h"

#define TRIES		16u		/* of an ATS: others came first, or the device said so */
#define FIRST_NS	200000u		/* between two looks at a lock that is held */
#define LAST_NS		(20ull * 1000000)
#define LONG_NS		(2ull * 1000000000)	/* patience with a file that somebody has open */
#define SHORT_NS	(120ull * 1000000000)	/* and with a group of a host that lives */

static struct vmfs_lock_disk *lock_in(const struct meta_page *page, uint32_t off)
{
	return (void *)(page->data + off);
}

static uint8_t bit_of(uint32_t off) { return (uint8_t)(1u << (off / SECTOR_BYTES)); }

int vmfs_lock_owned(const struct meta_page *page, uint32_t off)
{
	return ((page->held | page->dirty) & bit_of(off)) != 0;
}

static int names_us(const struct vmfs_volume *vol, le64 hb_at, le64 hb_gen,
		    const vmfs_uuid_disk *host)
{
	const struct vmfs_journal *j = &vol->journal;

	return le64_get(hb_at) == j->hb_at && le64_get(hb_gen) == j->hb_gen &&
	       !memcmp(host, &j->host, sizeof(*host));
}

int vmfs_lock_is_ours(const struct vmfs_volume *vol, const struct vmfs_lock_disk *l)
{
	return le32_get(l->mode) == VMFS_LOCK_EXCLUSIVE &&
	       names_us(vol, l->hb_at, l->hb_gen, &l->owner);
}

/* ---- what is held ---------------------------------------------------------------------------- */

static struct vmfs_held *held_at(struct vmfs_volume *vol, const struct meta_page *page,
				 uint32_t off)
{
	struct vmfs_locks *l = &vol->locks;

	for (uint32_t i = l->count; i-- > 0;)
		if (l->held[i].page == page && l->held[i].off == off)
			return &l->held[i];
	return NULL;
}

/* Room for one more, before anything is written. */
static enum status held_room(struct vmfs_locks *l)
{
	uint32_t max = l->max ? 2 * l->max : 64;
	struct vmfs_held *h;

	if (l->count < l->max)
		return ST_OK;
	h = port_alloc(max * sizeof(*h));
	if (!h)
		return ST_NOMEM;
	if (l->count)
		memcpy(h, l->held, l->count * sizeof(*h));
	port_free(l->held);
	l->held = h;
	l->max = max;
	return ST_OK;
}

static struct vmfs_held *held_add(struct vmfs_volume *vol, struct meta_page *page, uint32_t off)
{
	struct vmfs_locks *l = &vol->locks;
	struct vmfs_held *h = &l->held[l->count++];

	*h = (struct vmfs_held){ .page = page, .off = off, .since = l->look };
	page->pins++;
	page->held |= bit_of(off);
	return h;
}

static void held_drop(struct vmfs_volume *vol, struct vmfs_held *h)
{
	struct vmfs_locks *l = &vol->locks;

	h->page->pins--;
	h->page->held &= (uint8_t)~bit_of(h->off);
	h->page->grouped &= (uint8_t)~bit_of(h->off);
	*h = l->held[--l->count];
}

uint64_t vmfs_lock_since(struct vmfs_volume *vol, uint64_t at)
{
	struct meta_page *page = vmfs_meta_peek(vol, at);
	const struct vmfs_held *h =
	    page ? held_at(vol, page, (uint32_t)(at % META_PAGE_BYTES)) : NULL;

	return h ? h->since : UINT64_MAX;
}

int vmfs_locks_grouped(const struct vmfs_volume *vol)
{
	const struct vmfs_locks *l = &vol->locks;

	for (uint32_t i = 0; i < l->count; i++)
		if (l->held[i].page->grouped & bit_of(l->held[i].off))
			return 1;
	return 0;
}

/* ---- one lock on the disk -------------------------------------------------------------------- */

enum swap { SWAP_DONE, SWAP_OTHER };

/* ATS of a lock sector from its cached image to locks.next. SWAP_OTHER: others changed it, and the
 * page is as it is now. An answer that is false, late or lost is no answer: what the disk holds
 * decides. */
static enum status swap(struct vmfs_volume *vol, struct meta_page *page, uint32_t off,
			enum swap *how)
{
	struct vmfs_locks *l = &vol->locks;
	uint32_t bytes = vmfs_form(vol)->md_bytes;
	uint64_t at = page->at + off;
	struct lvm_swap s = { .old = page->data + off, .new = l->next, .seen = l->seen,
			      .bytes = bytes };
	enum vaai_ats_result result = VAAI_ATS_DIFFERS;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < TRIES; i++) {
		st = lvm_ats(&vol->lvm, at, &s, &result);
		if (st == ST_LOST || st == ST_READONLY)
			return st;
		if (st != ST_OK) {
			enum status seen_st = lvm_read(&vol->lvm, at, l->seen, bytes);

			if (seen_st != ST_OK)
				return st;
			result = VAAI_ATS_DIFFERS;
		}
		if (result == VAAI_ATS_WRITTEN || !memcmp(l->seen, l->next, bytes)) {
			memcpy(page->data + off, l->next, bytes);
			*how = SWAP_DONE;
			return ST_OK;
		}
		if (memcmp(l->seen, s.old, bytes)) {
			*how = SWAP_OTHER;
			l->met_ns = port_now_ns();
			l->strangers++;
			return vmfs_page_refresh(vol, page);
		}
		port_world_sleep_ns(FIRST_NS << MIN(i, 8u));
	}
	return st == ST_OK ? ST_BUSY : st;
}

/* 1 when `mode` cannot be had beside what the lock says. */
static int blocks(const struct vmfs_lock_disk *l, uint32_t mode)
{
	uint32_t now = le32_get(l->mode);

	if (now == VMFS_LOCK_FREE)
		return 0;
	return now != mode || mode == VMFS_LOCK_EXCLUSIVE ||
	       le32_get(l->num_holders) >= ARRAY_COUNT(l->holders);
}

static struct vmfs_lock_disk *next_image(struct vmfs_volume *vol, const struct meta_page *page,
					 uint32_t off)
{
	struct vmfs_lock_disk *n = (void *)vol->locks.next;

	memcpy(n, page->data + off, vmfs_form(vol)->md_bytes);
	le64_set(&n->token, le64_get(n->token) + 1);
	le64_set(&n->mtime, 0x200 + vol->dirs.op);
	return n;
}

static void name_holder(const struct vmfs_volume *vol, le64 *hb_at, le64 *hb_gen,
			vmfs_uuid_disk *host)
{
	le64_set(hb_at, vol->journal.hb_at);
	le64_set(hb_gen, vol->journal.hb_gen);
	memcpy(host, &vol->journal.host, sizeof(*host));
}

/* Of modes 2 and 3, `owner` is the first holder. What a free lock says of holders is old. */
static void taken(struct vmfs_volume *vol, const struct meta_page *page, uint32_t off,
		  uint32_t mode)
{
	struct vmfs_lock_disk *n = next_image(vol, page, off);

	if (le32_get(n->mode) == VMFS_LOCK_FREE) {
		name_holder(vol, &n->hb_at, &n->hb_gen, &n->owner);
		le32_set(&n->num_holders, 0);
		memset(n->holders, 0, sizeof(n->holders));
	}
	le32_set(&n->mode, mode);
	if (mode != VMFS_LOCK_EXCLUSIVE) {
		uint32_t i = le32_get(n->num_holders);

		name_holder(vol, &n->holders[i].hb_at, &n->holders[i].hb_gen,
			    &n->holders[i].host);
		le32_set(&n->num_holders, i + 1);
	}
}

/* Holder i goes; the last one frees the lock. */
static void leave(struct vmfs_lock_disk *n, uint32_t i)
{
	uint32_t left = le32_get(n->num_holders) - 1;

	n->holders[i] = n->holders[left];
	memset(&n->holders[left], 0, sizeof(n->holders[left]));
	le32_set(&n->num_holders, left);
	if (left) {
		n->hb_at = n->holders[0].hb_at;
		n->hb_gen = n->holders[0].hb_gen;
		memcpy(&n->owner, &n->holders[0].host, sizeof(n->owner));
		return;
	}
	le32_set(&n->mode, VMFS_LOCK_FREE);
	memset(&n->owner, 0, sizeof(n->owner));
}

static void freed(struct vmfs_volume *vol, const struct meta_page *page, uint32_t off)
{
	struct vmfs_lock_disk *n = next_image(vol, page, off);
	uint32_t count = MIN(le32_get(n->num_holders), (uint32_t)ARRAY_COUNT(n->holders));

	if (le32_get(n->mode) == VMFS_LOCK_EXCLUSIVE) {
		le32_set(&n->mode, VMFS_LOCK_FREE);
		memset(&n->owner, 0, sizeof(n->owner));
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		if (names_us(vol, n->holders[i].hb_at, n->holders[i].hb_gen,
			     &n->holders[i].host)) {
			leave(n, i);
			return;
		}
}

/* ---- taking ---------------------------------------------------------------------------------- */

static const char *lock_bad(const struct vmfs_lock_disk *l, uint64_t at)
{
	if (le32_get(l->type) >> 8 != VMFS_LOCK_TYPE_BASE >> 8)
		return "not a lock";
	if (le64_get(l->at) != at)
		return "names another place";
	if (le32_get(l->mode) > VMFS_LOCK_MULTI_WRITER ||
	    le32_get(l->num_holders) > ARRAY_COUNT(l->holders))
		return "mode or holders out of range";
	return NULL;
}

static enum status met(struct vmfs_volume *vol, const struct vmfs_lock_disk *lock, uint32_t mode,
		       enum vmfs_lock_use use)
{
	struct vmfs_locks *l = &vol->locks;

	l->busy = *lock;
	l->want = (uint8_t)mode;
	l->use = (uint8_t)use;
	l->again = AGAIN_HELD;
	l->met_ns = port_now_ns();
	return ST_BUSY;
}

enum status vmfs_lock_met(struct vmfs_volume *vol, const struct vmfs_lock_disk *lock)
{
	return met(vol, lock, VMFS_LOCK_READ_ONLY, LOCK_SHORT);
}

/* Take a lock that we do not have. */
static enum status take(struct vmfs_volume *vol, struct meta_page *page, uint32_t off,
			uint32_t mode, enum vmfs_lock_use use, struct vmfs_held **out)
{
	uint64_t at = page->at + off;
	enum status st = held_room(&vol->locks);

	for (uint32_t i = 0; st == ST_OK && i < TRIES; i++) {
		const struct vmfs_lock_disk *lock = lock_in(page, off);
		const char *bad = lock_bad(lock, at);
		enum swap how = SWAP_DONE;
		uint64_t token = le64_get(lock->token);

		if (vmfs_lock_is_ours(vol, lock) && !bad) {	/* of the host in whose name we act */
			*out = held_add(vol, page, off);
			return ST_OK;
		}
		if (bad || blocks(lock, mode)) {
			if (page->fresh == vol->locks.look && !bad)
				return met(vol, lock, mode, use);
			if (page->fresh == vol->locks.look) {
				vmfs_complain(vol, "lock at 0x%llx: %s -> check the volume",
					      (unsigned long long)at, bad);
				return ST_CORRUPT;
			}
			st = vmfs_page_refresh(vol, page);
			continue;
		}
		taken(vol, page, off, mode);
		st = swap(vol, page, off, &how);
		if (st == ST_OK && how == SWAP_DONE) {
			vmfs_cover_raised(vol, at, token, token + 1);
			*out = held_add(vol, page, off);
			return ST_OK;
		}
	}
	return st == ST_OK ? met(vol, lock_in(page, off), mode, use) : st;
}

static enum status hold(struct vmfs_volume *vol, uint64_t at, uint32_t mode,
			enum vmfs_lock_use use, int *changed, struct vmfs_held **out)
{
	uint32_t off = (uint32_t)(at % META_PAGE_BYTES);
	struct meta_page *page;
	uint64_t token;
	enum status st = vmfs_meta_get(vol, at, META_READ, &page);

	*changed = 0;
	if (st != ST_OK)
		return st;
	*out = page->held & bit_of(off) ? held_at(vol, page, off) : NULL;
	if (*out || page->dirty & bit_of(off))
		return ST_OK;
	token = le64_get(lock_in(page, off)->token);
	st = take(vol, page, off, mode, use, out);
	*changed = st == ST_OK && le64_get(lock_in(page, off)->token) != token + 1;
	return st;
}

enum status vmfs_lock_hold(struct vmfs_volume *vol, uint64_t at, enum vmfs_lock_use use,
			   int *changed)
{
	struct vmfs_held *h = NULL;
	enum status st = hold(vol, at, VMFS_LOCK_EXCLUSIVE, use, changed, &h);

	if (st == ST_OK && h) {
		/* Open to read is not enough to change it. */
		if (le32_get(lock_in(h->page, h->off)->mode) != VMFS_LOCK_EXCLUSIVE)
			return ST_BUSY;
		h->page->grouped |= bit_of(h->off);
	}
	return st;
}

enum status vmfs_fd_hold(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	uint32_t type = vmfs_fd_type(fd);
	int changed = 0;
	enum status st =
	    vmfs_lock_hold(vol, vmfs_fd_lock_at(vol, fd),
			   type == VMFS_TYPE_FILE ? LOCK_LONG : LOCK_SHORT, &changed);

	return st == ST_OK && changed ? vmfs_cover_again(vol) : st;
}

void vmfs_fd_used(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	uint64_t at = vmfs_fd_lock_at(vol, fd);
	struct meta_page *page = vmfs_meta_peek(vol, at);
	uint32_t off = (uint32_t)(at % META_PAGE_BYTES);

	VERIFY(page && vmfs_lock_owned(page, off));	/* L1: no change without the lock */
	page->grouped |= page->held & bit_of(off);
}

/* ---- files that are open --------------------------------------------------------------------- */

struct fresh { struct vmfs_fd fd; uint32_t mode; };

/* A descriptor of the running group: its lock goes with it. */
static enum status fresh_op(struct vmfs_volume *vol, void *arg)
{
	struct fresh *f = arg;
	struct vmfs_slot where;
	enum status st = vmfs_fd_lock_slot(vol, &f->fd, &where);

	if (st != ST_OK)
		return st;
	if (!(where.page->dirty & bit_of(where.off)))
		return ST_RANGE;	/* committed meanwhile: it is on the disk */
	taken(vol, where.page, where.off, f->mode);
	if (!vmfs_meta_edit(vol, where.page, where.off, SECTOR_BYTES, META_RANK_OBJECT))
		return ST_NOMEM;
	memcpy(where.page->data + where.off, vol->locks.next, SECTOR_BYTES);
	return held_room(&vol->locks);
}

static enum status open_fresh(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint32_t mode)
{
	struct fresh f = { *fd, mode };
	struct vmfs_slot where;
	enum status st = vmfs_meta_run_once(vol, 1, fresh_op, &f);

	if (st == ST_OK)
		st = vmfs_fd_lock_slot(vol, fd, &where);
	if (st == ST_OK) {
		struct vmfs_held *h = held_add(vol, where.page, where.off);

		h->open = h->fresh = 1;
		vmfs_cover_raised(vol, where.page->at + where.off,
				  le64_get(lock_in(where.page, where.off)->token) - 1,
				  le64_get(lock_in(where.page, where.off)->token));
	}
	return st;
}

enum status vmfs_lock_open(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint32_t mode)
{
	uint64_t at = vmfs_fd_lock_at(vol, fd);
	struct vmfs_held *h = NULL;
	struct vmfs_slot where;
	int changed = 0;
	enum status st = vmfs_fd_lock_slot(vol, fd, &where);

	if (st != ST_OK)
		return st;
	if (where.page->dirty & bit_of(where.off) && !(where.page->held & bit_of(where.off))) {
		st = open_fresh(vol, fd, mode);
		if (st != ST_RANGE)
			return st;
	}
	st = hold(vol, at, mode, LOCK_LONG, &changed, &h);
	if (st != ST_OK)
		return st;
	VERIFY(h);
	/* Still ours from an open before; a reader's is given back first. */
	if (mode != le32_get(lock_in(h->page, h->off)->mode) && mode != VMFS_LOCK_READ_ONLY)
		return ST_BUSY;
	h->open = 1;
	if (!changed)
		return ST_OK;
	vmfs_lock_close(vol, fd);
	return vmfs_cover_again(vol);
}

static enum status release(struct vmfs_volume *vol, struct vmfs_held *h);

void vmfs_lock_close(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	struct vmfs_slot where;
	struct vmfs_held *h;

	if (vmfs_fd_lock_slot(vol, fd, &where) != ST_OK)
		return;
	h = held_at(vol, where.page, where.off);
	if (!h)
		return;
	h->open = 0;
	/* What the group still has of it must reach the disk first. */
	if (h->fresh || vol->meta.sectors || vol->failed != ST_OK)
		h->page->grouped |= bit_of(h->off);
	else if (release(vol, h) != ST_OK)
		log_line(LOG_WARN, "vmfs: %s: a lock could not be released", vol->store.name);
	vmfs_meta_group_begins(vol);
}

/* ---- releasing ------------------------------------------------------------------------------- */

/* A process that was stopped inside an ATS of this sector keeps it busy. Nobody but the holder
 * changes an exclusive lock, and that ATS can only find that it lost; so it is not waited for. */
static enum status write_over(struct vmfs_volume *vol, struct meta_page *page, uint32_t off,
			      enum swap *how)
{
	uint32_t bytes = vmfs_form(vol)->md_bytes;
	enum status st = lvm_write(&vol->lvm, page->at + off, vol->locks.next, bytes);

	if (st == ST_OK)
		memcpy(page->data + off, vol->locks.next, bytes);
	*how = SWAP_DONE;
	return st;
}

static enum status release(struct vmfs_volume *vol, struct vmfs_held *h)
{
	uint64_t at = h->page->at + h->off;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < TRIES; i++) {
		const struct vmfs_lock_disk *lock = lock_in(h->page, h->off);
		uint64_t token = le64_get(lock->token);
		int shared = le32_get(lock->mode) != VMFS_LOCK_EXCLUSIVE;
		enum swap how = SWAP_DONE;

		freed(vol, h->page, h->off);
		st = swap(vol, h->page, h->off, &how);
		if (st == ST_BUSY && !shared)
			st = write_over(vol, h->page, h->off, &how);
		if (st != ST_OK)
			return vmfs_fail(vol, st, "releasing a lock");
		if (how == SWAP_DONE) {
			vmfs_cover_raised(vol, at, token, token + 1);
			held_drop(vol, h);
			return ST_OK;
		}
		if (!shared)	/* only the holder changes a lock, or who has broken it */
			return vmfs_fail(vol, ST_LOST, "a lock of ours was broken");
	}
	return vmfs_fail(vol, ST_DEVICE, "releasing a lock");
}

static int is_cluster(const struct vmfs_held *h)
{
	return le32_get(lock_in(h->page, h->off)->type) != VMFS_LOCK_TYPE_BASE + VMFS_LOCK_FD;
}

/* Descriptors before clusters: one that was freed may be taken by others when its cluster is. */
enum status vmfs_locks_release(struct vmfs_volume *vol)
{
	struct vmfs_locks *l = &vol->locks;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < l->count; i++)
		l->held[i].fresh = 0;
	for (int clusters = 0; clusters < 2; clusters++)
		for (uint32_t i = l->count; i-- > 0 && st == ST_OK;) {
			struct vmfs_held *h = &l->held[i];

			if (!(h->page->grouped & bit_of(h->off)) || is_cluster(h) != clusters)
				continue;
			if (h->open)
				h->page->grouped &= (uint8_t)~bit_of(h->off);
			else
				st = release(vol, h);
		}
	return st;
}

uint32_t vmfs_locks_record(const struct vmfs_volume *vol, uint8_t *to, uint32_t room)
{
	const struct vmfs_locks *l = &vol->locks;
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < l->count; i++) {
		const struct vmfs_held *h = &l->held[i];
		struct vmfs_journal_lock_disk e;

		/* One that is shared protects no change; it only waits to be given back. */
		if (!(h->page->grouped & bit_of(h->off)) || h->fresh ||
		    le32_get(lock_in(h->page, h->off)->mode) != VMFS_LOCK_EXCLUSIVE)
			continue;
		VERIFY(bytes + sizeof(e) <= room);
		le64_set(&e.at, h->page->at + h->off);
		le64_set(&e.token, le64_get(lock_in(h->page, h->off)->token));
		le64_set(&e.hb_gen, vol->journal.hb_gen);
		memcpy(to + bytes, &e, sizeof(e));
		bytes += (uint32_t)sizeof(e);
	}
	return bytes;
}

/* ---- waiting for others ---------------------------------------------------------------------- */

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
	struct vmfs_locks *l = &vol->locks;
	uint64_t at = le64_get(lock->at);
	struct meta_page *page;
	enum swap how;
	enum status st;

	forget_page(vol, at);
	st = vmfs_cover(vol, at);
	if (st == ST_OK)
		st = vmfs_meta_get(vol, at, META_READ, &page);
	if (st != ST_OK || memcmp(lock_in(page, (uint32_t)(at % META_PAGE_BYTES)), lock,
				  sizeof(*lock)))
		return st;
	{
		struct vmfs_lock_disk *n =
		    next_image(vol, page, (uint32_t)(at % META_PAGE_BYTES));

		if (le32_get(n->mode) != VMFS_LOCK_EXCLUSIVE && le32_get(n->num_holders)) {
			leave(n, i);
		} else {
			le32_set(&n->mode, VMFS_LOCK_FREE);
			memset(&n->owner, 0, sizeof(n->owner));
		}
	}
	log_line(LOG_INFO, "vmfs: %s: lock at 0x%llx of %s, which is gone -> broken",
		 vol->store.name, (unsigned long long)at, l->who);
	st = swap(vol, page, (uint32_t)(at % META_PAGE_BYTES), &how);
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
		if (st != ST_OK || !blocks(&now, want) || lock_bad(&now, at))
			break;
		st = settle(vol, &now, &lives);
		if (st != ST_BUSY)
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
