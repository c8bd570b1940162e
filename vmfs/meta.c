/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* meta - cached pages, operations, the running group.
 *
 * Pages sit in a hash by place and in an array that a clock hand goes round: the page that was not
 * used since the last round is given away. A page is safe from that while it is pinned, belongs to
 * the group, or was got in this bracket (its era is the current one).
 *
 * Only whole changed sectors travel, never their neighbours: the next sector may be the lock of
 * another host. An operation saves a sector before it changes it for the first time. */
#include "vmfs/vmfs_priv.h"

/* ---- the cache ------------------------------------------------------------------------------- */

static struct meta_page **bucket_of(struct vmfs_meta *m, uint64_t at)
{
	uint64_t h = (at / META_PAGE_BYTES) * 0x9E3779B97F4A7C15ull;

	return &m->bucket[(h >> 32) & m->mask];
}

struct meta_page *vmfs_meta_peek(struct vmfs_volume *vol, uint64_t at)
{
	struct meta_page *p;

	at -= at % META_PAGE_BYTES;
	for (p = *bucket_of(&vol->meta, at); p && p->at != at; p = p->next)
		;
	if (p)
		p->used = 1;
	return p;
}

static void insert(struct vmfs_meta *m, struct meta_page *p, uint64_t at)
{
	struct meta_page **b = bucket_of(m, at);

	p->at = at;
	p->next = *b;
	*b = p;
}

static void remove_page(struct vmfs_meta *m, struct meta_page *p)
{
	struct meta_page **b;

	if (p->at == META_NOWHERE)
		return;
	for (b = bucket_of(m, p->at); *b != p; b = &(*b)->next)
		;
	*b = p->next;
	p->at = META_NOWHERE;
}

static struct meta_page *new_page(struct vmfs_meta *m)
{
	struct meta_page *p;

	if (m->pages == m->pages_max)
		return NULL;
	p = port_alloc(sizeof(*p));
	if (!p)
		return NULL;
	p->data = port_dma_alloc(META_PAGE_BYTES);
	if (!p->data) {
		port_free(p);
		return NULL;
	}
	p->at = META_NOWHERE;
	m->page[m->pages++] = p;
	return p;
}

static int may_go(const struct vmfs_meta *m, const struct meta_page *p)
{
	return !p->pins && !p->listed && !p->saved && p->era != m->era;
}

/* An empty page that is in no chain; NULL when all are in use. */
static struct meta_page *take_page(struct vmfs_meta *m)
{
	struct meta_page *p = new_page(m);

	for (uint32_t i = 0; !p && i < 2 * m->pages; i++) {
		struct meta_page *c = m->page[m->hand];

		m->hand = (m->hand + 1) % m->pages;
		if (!may_go(m, c))
			continue;
		if (c->used)
			c->used = 0;
		else
			p = c;
	}
	if (!p)
		return NULL;
	remove_page(m, p);
	p->era = m->era;
	p->look = p->fresh = p->owner = p->token = 0;
	p->used = 1;
	p->rank = META_RANK_TAKE;
	return p;
}

/* Read `count` pages that are not cached, in one request. Gets as many as there are pages for. */
static enum status read_pages(struct vmfs_volume *vol, uint64_t at, uint32_t count)
{
	struct port_vec vec[META_AHEAD];
	struct meta_page *page[META_AHEAD];
	struct io_wait wait;
	enum status st;
	uint32_t n;

	for (n = 0; n < count; n++) {
		page[n] = take_page(&vol->meta);
		if (!page[n])
			break;
		vec[n] = (struct port_vec){ .base = page[n]->data, .bytes = META_PAGE_BYTES };
	}
	if (!n)
		return ST_NOMEM;
	io_wait_begin(&wait, PORT_READ, at, NULL, (uint64_t)n * META_PAGE_BYTES);
	wait.req.io.vec = vec;
	wait.req.io.vec_count = n;
	lvm_submit(&vol->lvm, &wait.req);
	st = io_wait_end(&wait);
	if (st == ST_RANGE)
		st = ST_DEVICE;		/* one that was cut short */
	for (uint32_t i = 0; i < n; i++) {
		uint64_t page_at = at + (uint64_t)i * META_PAGE_BYTES;

		page[i]->era = 0;
		if (st != ST_OK)
			continue;
		vmfs_live_overlay(vol, page_at, page[i]->data, META_PAGE_BYTES);
		page[i]->fresh = vol->locks.look;
		insert(&vol->meta, page[i], page_at);
	}
	return st;
}

/* How many pages from `at` on a walk may read at once: up to the first that is there. */
static uint32_t missing_from(struct vmfs_volume *vol, uint64_t at)
{
	uint64_t left = (vol->lvm.bytes - at) / META_PAGE_BYTES;
	uint32_t n = 1;

	while (n < META_AHEAD && n < left &&
	       !vmfs_meta_peek(vol, at + (uint64_t)n * META_PAGE_BYTES))
		n++;
	return n;
}

/* How many pages to read for one that is missed. A listing looks at descriptors in the order in
 * which they lie: who goes on where the last read ended is given what follows, too. Only where
 * nobody writes, for what follows may be a file's data, which does not come through these pages. */
static uint32_t pages_for(struct vmfs_volume *vol, uint64_t at, enum meta_how how)
{
	uint64_t end = vol->meta.read_end;
	int goes_on = at >= end && at - end < META_AHEAD * META_PAGE_BYTES;

	if (how == META_WALK)
		return missing_from(vol, at);
	if (how != META_READ || vol->writable || vol->live.on || !goes_on)
		return 1;
	return missing_from(vol, at);
}

static enum status read_missed(struct vmfs_volume *vol, uint64_t at, enum meta_how how)
{
	uint32_t count = pages_for(vol, at, how);
	enum status st = read_pages(vol, at, count);

	vol->meta.read_end = at + (uint64_t)count * META_PAGE_BYTES;
	/* A later one may be damaged, this one not. */
	return st != ST_OK && st != ST_NOMEM && count > 1 ? read_pages(vol, at, 1) : st;
}

static enum status fill_fresh(struct vmfs_volume *vol, uint64_t at, struct meta_page *p)
{
	if (!p) {
		p = take_page(&vol->meta);
		if (!p)
			return ST_NOMEM;
		insert(&vol->meta, p, at);
	}
	memset(p->data, 0, META_PAGE_BYTES);
	return ST_OK;
}

enum status vmfs_meta_get(struct vmfs_volume *vol, uint64_t at, enum meta_how how,
			  struct meta_page **page)
{
	struct meta_page *p;
	enum status st = ST_OK;

	at -= at % META_PAGE_BYTES;
	if (at >= vol->lvm.bytes)
		return ST_CORRUPT;
	p = vmfs_meta_peek(vol, at);
	if (how == META_PEEK && !p)
		return ST_BUSY;
	if (how == META_FRESH)
		st = fill_fresh(vol, at, p);
	else if (!p)
		st = read_missed(vol, at, how);
	if (st != ST_OK)
		return st;
	p = vmfs_meta_peek(vol, at);
	if (how != META_PEEK && how != META_WALK)
		p->era = vol->meta.era;
	if (vol->live.on)
		vmfs_live_seen(vol, p);
	*page = p;
	return ST_OK;
}

void vmfs_meta_relax(struct vmfs_volume *vol) { vol->meta.era++; }

void vmfs_meta_forget(struct vmfs_volume *vol)
{
	struct vmfs_meta *m = &vol->meta;

	VERIFY(!m->sectors);
	for (uint32_t i = 0; i < m->pages; i++)
		if (!m->page[i]->pins)
			remove_page(m, m->page[i]);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* One more before-image; the records stay for later operations. */
static struct meta_undo *new_undo(struct vmfs_meta *m)
{
	if (m->undos == META_OP_SECTORS)
		return NULL;
	if (m->undos == m->undos_made) {
		m->undo[m->undos] = port_alloc(sizeof(struct meta_undo));
		if (!m->undo[m->undos])
			return NULL;
		m->undos_made++;
	}
	return m->undo[m->undos++];
}

/* Enter a page into the group's list; 0 when the list is full. */
static int enlist(struct vmfs_meta *m, struct meta_page *page)
{
	if (page->listed)
		return 1;
	if (m->listed == META_GROUP_SECTORS)
		return 0;
	m->list[m->listed++] = page;
	page->listed = 1;
	page->rank = META_RANK_TAKE;
	return 1;
}

static void mark_dirty(struct vmfs_meta *m, struct meta_page *page, uint32_t sector)
{
	if (page->dirty & (1u << sector))
		return;
	page->dirty |= (uint8_t)(1u << sector);
	m->sectors++;
}

static int save(struct vmfs_meta *m, struct meta_page *page, uint32_t sector)
{
	struct meta_undo *u;

	if (page->saved & (1u << sector))
		return 1;
	u = enlist(m, page) ? new_undo(m) : NULL;
	if (!u)
		return 0;
	u->page = page;
	u->sector = (uint8_t)sector;
	u->was_dirty = page->dirty >> sector & 1;
	u->was_rank = page->rank;
	memcpy(u->image, page->data + sector * SECTOR_BYTES, SECTOR_BYTES);
	page->saved |= (uint8_t)(1u << sector);
	mark_dirty(m, page, sector);
	return 1;
}

void *vmfs_meta_edit(struct vmfs_volume *vol, struct meta_page *page, uint32_t off, uint32_t bytes,
		     enum meta_rank rank)
{
	VERIFY(vol->meta.in_op);
	ASSERT(bytes > 0 && off + bytes <= META_PAGE_BYTES);
	for (uint32_t s = off / SECTOR_BYTES; s <= (off + bytes - 1) / SECTOR_BYTES; s++)
		if (!save(&vol->meta, page, s))
			return NULL;
	page->rank = MAX(page->rank, (uint8_t)rank);
	return page->data + off;
}

void *vmfs_meta_touch(struct vmfs_volume *vol, struct meta_page *page, uint32_t off,
		      enum meta_rank rank)
{
	VERIFY(!vol->meta.in_op);
	VERIFY(enlist(&vol->meta, page)); /* I3: room was reserved when the free was deferred */
	mark_dirty(&vol->meta, page, off / SECTOR_BYTES);
	page->rank = MAX(page->rank, (uint8_t)rank);
	return page->data + off;
}

static void undo_all(struct vmfs_meta *m)
{
	while (m->undos) {
		struct meta_undo *u = m->undo[--m->undos];

		memcpy(u->page->data + u->sector * SECTOR_BYTES, u->image, SECTOR_BYTES);
		u->page->saved &= (uint8_t)~(1u << u->sector);
		u->page->rank = u->was_rank;
		if (!u->was_dirty) {
			u->page->dirty &= (uint8_t)~(1u << u->sector);
			m->sectors--;
		}
	}
}

static void op_end(struct vmfs_volume *vol)
{
	struct vmfs_meta *m = &vol->meta;

	while (m->undos)
		m->undo[--m->undos]->page->saved = 0;
	m->in_op = 0;
	vmfs_alloc_op_end(vol);
	vmfs_meta_group_begins(vol);
}

static void op_abort(struct vmfs_volume *vol)
{
	undo_all(&vol->meta);
	vol->meta.in_op = 0;
	vmfs_alloc_op_abort(vol);
	vmfs_journal_op_abort(vol);
	vmfs_dir_op_abort(vol);
	vmfs_meta_group_begins(vol);	/* it may have taken locks */
}

/* Others may wait for what the group holds: as soon as one was met, groups are short. */
void vmfs_meta_group_begins(struct vmfs_volume *vol)
{
	uint64_t now = port_now_ns();
	int crowd = vol->locks.met_ns && now - vol->locks.met_ns < GROUP_CROWD_NS;

	if (vol->worker.age != GROUP_NONE || (!vol->meta.sectors && !vmfs_locks_grouped(vol)))
		return;
	vol->worker.age = GROUP_YOUNG;
	port_timer_start(&vol->worker.timer, now + (crowd ? GROUP_SHORT_NS : GROUP_AGE_NS));
}

/* Commit first when the group could not take an operation of this size. */
static enum status make_room(struct vmfs_volume *vol, uint32_t need)
{
	struct vmfs_meta *m = &vol->meta;

	VERIFY(need <= META_OP_SECTORS);
	if (!m->sectors && !vol->alloc.pendings)
		return ST_OK;
	if (MAX(m->sectors, m->listed) + vol->alloc.pendings + need <= m->sectors_max &&
	    vol->locks.count < GROUP_LOCKS)
		return ST_OK;
	return vmfs_journal_commit(vol);
}

enum status vmfs_meta_run_once(struct vmfs_volume *vol, uint32_t need, vmfs_op_fn *fn, void *arg)
{
	enum status st = make_room(vol, need);

	if (st != ST_OK)
		return st;
	vmfs_cover_begin(vol);
	vol->meta.in_op = 1;
	vol->dirs.op++;
	vol->alloc.wanted = VMFS_RES_COUNT;
	vmfs_journal_op_begin(vol);
	st = fn(vol, arg);
	if (st != ST_BUSY) {	/* also an error may come from what others changed meanwhile */
		enum status still = vmfs_cover_end(vol);

		st = still == ST_OK ? st : still;
	}
	if (st == ST_OK && vol->failed != ST_OK)
		st = vol->failed;
	if (st == ST_OK)
		op_end(vol);
	else
		op_abort(vol);
	return st;
}

#define ROOM_TRIES	4u	/* a commit, and two kinds that grow */
#define CHANGED_TRIES	64u	/* others are faster each time */

enum status vmfs_meta_run_alone(struct vmfs_volume *vol, uint32_t need, vmfs_op_fn *fn, void *arg)
{
	enum status st = ST_OK;

	vol->locks.doubts = 0;
	for (uint32_t tries = 0; st == ST_OK && tries < CHANGED_TRIES; tries++) {
		st = vmfs_meta_run_once(vol, need, fn, arg);
		if ((st != ST_BUSY || vol->locks.again == AGAIN_NOT) &&
		    !vmfs_cover_doubts(vol, st))
			return st;
		st = ST_OK;
		if (vol->locks.again == AGAIN_HELD) {
			st = vmfs_lock_wait(vol);
			tries = 0;
		}
	}
	return st == ST_OK ? ST_BUSY : st;
}

enum status vmfs_meta_run(struct vmfs_volume *vol, uint32_t need, vmfs_op_fn *fn, void *arg)
{
	enum status st, more = ST_OK;

	VERIFY(!vol->meta.in_op);
	if (!vol->writable)
		return ST_READONLY;
	st = vmfs_beat_check(vol);
	if (st != ST_OK)
		return st;
	st = vmfs_meta_run_alone(vol, need, fn, arg);
	/* Frees that wait in the group come first; then what can get more of its kind. */
	for (uint32_t i = 0; i < ROOM_TRIES && st == ST_NOSPACE && more == ST_OK; i++) {
		more = vol->alloc.pendings ? vmfs_journal_commit(vol) : vmfs_res_grow(vol);
		if (more == ST_OK)
			st = vmfs_meta_run_alone(vol, need, fn, arg);
	}
	return more == ST_OK || more == ST_NOSPACE ? st : more;
}

/* ---- the group ------------------------------------------------------------------------------- */

static int comes_before(const struct meta_page *a, const struct meta_page *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void sift(struct meta_page **a, uint32_t i, uint32_t n)
{
	for (uint32_t c; (c = 2 * i + 1) < n; i = c) {
		struct meta_page *t;

		if (c + 1 < n && comes_before(a[c], a[c + 1]))
			c++;
		if (!comes_before(a[i], a[c]))
			return;
		t = a[i];
		a[i] = a[c];
		a[c] = t;
	}
}

/* By rank, then by place: the order of the records and of the way home (I6). */
uint32_t vmfs_meta_sort(struct vmfs_volume *vol)
{
	struct vmfs_meta *m = &vol->meta;

	for (uint32_t i = m->listed / 2; i-- > 0;)
		sift(m->list, i, m->listed);
	for (uint32_t n = m->listed; n > 1;) {
		struct meta_page *t = m->list[0];

		m->list[0] = m->list[--n];
		m->list[n] = t;
		sift(m->list, 0, n);
	}
	return m->listed;
}

int vmfs_meta_next_run(const struct vmfs_meta *m, uint32_t *page, uint32_t *sector,
		       struct meta_run *run)
{
	run->bytes = 0;
	while (*page < m->listed) {
		const struct meta_page *p = m->list[*page];
		uint64_t at = p->at + *sector * SECTOR_BYTES;

		if (run->bytes && (at != run->at + run->bytes ||
				   p->rank != m->list[run->first_page]->rank))
			return 1;
		if (p->dirty >> *sector & 1) {
			if (!run->bytes)
				*run = (struct meta_run){ at, 0, *page, *sector };
			run->bytes += SECTOR_BYTES;
		} else if (run->bytes) {
			return 1;
		}
		if (++*sector == META_PAGE_SECTORS) {
			*sector = 0;
			++*page;
		}
	}
	return run->bytes != 0;
}

#define WRITES_AT_ONCE	32u

/* The buffers of a run are pieces of its pages. Returns how many. */
static uint32_t gather(struct vmfs_meta *m, const struct meta_run *run, struct port_vec *vec)
{
	uint32_t n = 0, off = run->first_sector * SECTOR_BYTES;

	for (uint32_t left = run->bytes; left;) {
		uint32_t part = MIN(left, META_PAGE_BYTES - off);

		vec[n] = (struct port_vec){ m->list[run->first_page + n]->data + off, part };
		n++;
		left -= part;
		off = 0;
	}
	return n;
}

static enum status wait_all(struct vmfs_meta *m, uint32_t count, enum status st)
{
	for (uint32_t i = 0; i < count; i++) {
		enum status one = io_wait_end(&m->wait[i]);

		st = st == ST_OK ? one : st;
	}
	return st;
}

/* Write every dirty sector to its place, one rank after the other. */
enum status vmfs_meta_write_back(struct vmfs_volume *vol)
{
	struct vmfs_meta *m = &vol->meta;
	uint32_t page = 0, sector = 0, n = 0, vecs = 0;
	uint8_t rank = META_RANK_TAKE;
	enum status st = ST_OK;
	struct meta_run run;

	while (st == ST_OK && vmfs_meta_next_run(m, &page, &sector, &run)) {
		struct io_wait *w;

		if (n == WRITES_AT_ONCE || m->list[run.first_page]->rank != rank) {
			st = wait_all(m, n, st);
			n = vecs = 0;
			rank = m->list[run.first_page]->rank;
		}
		w = &m->wait[n++];
		io_wait_begin(w, PORT_WRITE, run.at, NULL, run.bytes);
		w->req.io.vec = m->vec + vecs;
		w->req.io.vec_count = gather(m, &run, m->vec + vecs);
		vecs += w->req.io.vec_count;
		lvm_submit(&vol->lvm, &w->req);
	}
	return wait_all(m, n, st);
}

void vmfs_meta_group_done(struct vmfs_volume *vol)
{
	struct vmfs_meta *m = &vol->meta;

	for (uint32_t i = 0; i < m->listed; i++) {
		m->list[i]->dirty = 0;
		m->list[i]->listed = 0;
		m->list[i]->rank = META_RANK_TAKE;
	}
	m->listed = 0;
	m->sectors = 0;
}

/* ---- begin and end --------------------------------------------------------------------------- */

enum status vmfs_meta_init(struct vmfs_volume *vol, uint64_t cache_bytes)
{
	struct vmfs_meta *m = &vol->meta;
	uint64_t pages = (cache_bytes ? cache_bytes : 32 * MIB) / META_PAGE_BYTES;
	uint32_t buckets = 1024;

	m->pages_max = (uint32_t)MIN(MAX(pages, META_PAGES_MIN), (uint64_t)1 << 22);
	while (buckets < m->pages_max)
		buckets *= 2;
	m->mask = buckets - 1;
	m->era = 1;
	m->sectors_max = META_GROUP_SECTORS;
	m->bucket = port_alloc(buckets * sizeof(struct meta_page *));
	m->page = port_alloc(m->pages_max * sizeof(struct meta_page *));
	m->wait = port_alloc(WRITES_AT_ONCE * sizeof(struct io_wait));
	m->vec = port_alloc(META_GROUP_SECTORS * sizeof(struct port_vec));
	return m->bucket && m->page && m->wait && m->vec ? ST_OK : ST_NOMEM;
}

void vmfs_meta_fini(struct vmfs_volume *vol)
{
	struct vmfs_meta *m = &vol->meta;

	for (uint32_t i = 0; i < m->pages; i++) {
		port_dma_free(m->page[i]->data, META_PAGE_BYTES);
		port_free(m->page[i]);
	}
	for (uint32_t i = 0; i < m->undos_made; i++)
		port_free(m->undo[i]);
	port_free(m->bucket);
	port_free(m->page);
	port_free(m->wait);
	port_free(m->vec);
}
