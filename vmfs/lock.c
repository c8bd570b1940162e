/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lock - the locks that this host holds on the disk.
 *
 *	hold   for the running group: one ATS from the cached image, so it also proves the cache
 *	open   for a file, until it is closed
 *	release after the commit, when all that the lock protects is in its place and durable
 *
 * The page of a held lock is pinned and its sector is as on the disk: the image to compare with. A
 * descriptor that the group makes has its lock in the group itself; until the commit no other host
 * can find it. Locks are taken in the name of vol->journal: recovery acts as a dead host, and what
 * that host held is then ours. */
#include "vmfs/vmfs_priv.h"

#define TRIES	16u	/* to take or leave a lock that others take and leave too */

int vmfs_lock_owned(const struct meta_page *page, uint32_t off)
{
	return ((page->held | page->dirty) & vmfs_lock_bit(off)) != 0;
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
	page->held |= vmfs_lock_bit(off);
	return h;
}

static void held_drop(struct vmfs_volume *vol, struct vmfs_held *h)
{
	struct vmfs_locks *l = &vol->locks;

	h->page->pins--;
	h->page->held &= (uint8_t)~vmfs_lock_bit(h->off);
	h->page->grouped &= (uint8_t)~vmfs_lock_bit(h->off);
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
		if (l->held[i].page->grouped & vmfs_lock_bit(l->held[i].off))
			return 1;
	return 0;
}

/* ---- taking ---------------------------------------------------------------------------------- */

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
		const struct vmfs_lock_disk *lock = vmfs_lock_in(page, off);
		const char *bad = vmfs_lock_bad(lock, at);
		enum vmfs_swap how = SWAP_DONE;
		uint64_t token = le64_get(lock->token);

		/* Of the host in whose name we act: it may have changed things since we read it. */
		if (vmfs_lock_is_ours(vol, lock) && !bad && page->fresh == vol->locks.look) {
			*out = held_add(vol, page, off);
			return ST_OK;
		}
		if (bad || vmfs_lock_blocks(lock, mode) || vmfs_lock_is_ours(vol, lock)) {
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
		vmfs_lock_taken(vol, page, off, mode);
		if (PLANT(lock_by_write))
			st = vmfs_lock_write_over(vol, page, off, &how);
		else
			st = vmfs_lock_swap(vol, page, off, &how);
		if (st == ST_OK && (how == SWAP_DONE || PLANT(miscompare_ignored))) {
			vmfs_cover_raised(vol, at, token, token + 1);
			*out = held_add(vol, page, off);
			return ST_OK;
		}
	}
	return st == ST_OK ? met(vol, vmfs_lock_in(page, off), mode, use) : st;
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
	*out = page->held & vmfs_lock_bit(off) ? held_at(vol, page, off) : NULL;
	if (*out || page->dirty & vmfs_lock_bit(off))
		return ST_OK;
	token = le64_get(vmfs_lock_in(page, off)->token);
	st = take(vol, page, off, mode, use, out);
	*changed = st == ST_OK && le64_get(vmfs_lock_in(page, off)->token) != token + 1;
	return st;
}

enum status vmfs_lock_hold(struct vmfs_volume *vol, uint64_t at, enum vmfs_lock_use use,
			   int *changed)
{
	struct vmfs_held *h = NULL;
	enum status st = hold(vol, at, VMFS_LOCK_EXCLUSIVE, use, changed, &h);

	if (st == ST_OK && h) {
		/* Open to read is not enough to change it. */
		if (le32_get(vmfs_lock_in(h->page, h->off)->mode) != VMFS_LOCK_EXCLUSIVE)
			return ST_BUSY;
		h->page->grouped |= vmfs_lock_bit(h->off);
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
	page->grouped |= page->held & vmfs_lock_bit(off);
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
	if (!(where.page->dirty & vmfs_lock_bit(where.off)))
		return ST_RANGE;	/* committed meanwhile: it is on the disk */
	vmfs_lock_taken(vol, where.page, where.off, f->mode);
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
				  le64_get(vmfs_lock_in(where.page, where.off)->token) - 1,
				  le64_get(vmfs_lock_in(where.page, where.off)->token));
	}
	return st;
}

/* The group still has it, in another mode: an open before, or an operation. */
static int held_otherwise(struct vmfs_volume *vol, const struct vmfs_slot *where, uint32_t mode)
{
	const struct vmfs_held *h = held_at(vol, where->page, where->off);

	return h && le32_get(vmfs_lock_in(h->page, h->off)->mode) != mode;
}

enum status vmfs_lock_open(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint32_t mode)
{
	uint64_t at = vmfs_fd_lock_at(vol, fd);
	struct vmfs_held *h = NULL;
	struct vmfs_slot where;
	int changed = 0;
	enum status st = vmfs_fd_lock_slot(vol, fd, &where);

	if (st == ST_OK && held_otherwise(vol, &where, mode)) {
		st = vmfs_journal_commit(vol);
		if (st == ST_OK)
			st = vmfs_fd_lock_slot(vol, fd, &where);
	}
	if (st != ST_OK)
		return st;
	if (where.page->dirty & ~where.page->held & vmfs_lock_bit(where.off)) {
		st = open_fresh(vol, fd, mode);
		if (st != ST_RANGE)
			return st;
	}
	st = hold(vol, at, mode, LOCK_LONG, &changed, &h);
	if (st != ST_OK)
		return st;
	VERIFY(h);
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
		h->page->grouped |= vmfs_lock_bit(h->off);
	else if (release(vol, h) != ST_OK)
		log_line(LOG_WARN, "vmfs: %s: a lock could not be released", vol->store.name);
	vmfs_meta_group_begins(vol);
}

/* ---- releasing ------------------------------------------------------------------------------- */

static enum status release(struct vmfs_volume *vol, struct vmfs_held *h)
{
	uint64_t at = h->page->at + h->off;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < TRIES; i++) {
		const struct vmfs_lock_disk *lock = vmfs_lock_in(h->page, h->off);
		uint64_t token = le64_get(lock->token);
		int shared = le32_get(lock->mode) != VMFS_LOCK_EXCLUSIVE;
		enum vmfs_swap how = SWAP_DONE;

		vmfs_lock_freed(vol, h->page, h->off);
		st = vmfs_lock_swap(vol, h->page, h->off, &how);
		if (st == ST_BUSY && !shared)
			st = vmfs_lock_write_over(vol, h->page, h->off, &how);
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
	return le32_get(vmfs_lock_in(h->page, h->off)->type) != VMFS_LOCK_TYPE_BASE + VMFS_LOCK_FD;
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

			if (!(h->page->grouped & vmfs_lock_bit(h->off)) ||
			    is_cluster(h) != clusters)
				continue;
			if (h->open)
				h->page->grouped &= (uint8_t)~vmfs_lock_bit(h->off);
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
		if (!(h->page->grouped & vmfs_lock_bit(h->off)) || h->fresh ||
		    le32_get(vmfs_lock_in(h->page, h->off)->mode) != VMFS_LOCK_EXCLUSIVE)
			continue;
		VERIFY(bytes + sizeof(e) <= room);
		le64_set(&e.at, h->page->at + h->off);
		le64_set(&e.token, le64_get(vmfs_lock_in(h->page, h->off)->token));
		le64_set(&e.hb_gen, vol->journal.hb_gen);
		memcpy(to + bytes, &e, sizeof(e));
		bytes += (uint32_t)sizeof(e);
	}
	return bytes;
}
