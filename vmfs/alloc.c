/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* alloc - resources of a volume: file blocks, sub-blocks, pointer blocks, descriptors.
 *
 * A bit of a cluster's bitmap is taken inside an operation and given back, with the rest of it,
 * when that fails. A free is deferred: it is noted by the operation, moves to the group when
 * that ends, and reaches the bitmap at the start of the commit. So nothing freed can be taken
 * again, and be overwritten, while a crash could still bring its old owner back (I5).
 *
 * Each host starts to look at another cluster (a hash of its UUID), stays where there is room,
 * and remembers clusters that it saw full, so a search is short on a full volume too. */
#include "vmfs/vmfs_priv.h"

static const struct vmfs_geom *geom_of(const struct vmfs_volume *vol, enum vmfs_res kind)
{
	return &vol->layout.geom[kind];
}

/* ---- cluster headers ------------------------------------------------------------------------- */

struct cluster {
	struct meta_page	*page;
	const uint8_t		*rec;	/* the bitmap record, in the page */
	uint32_t		off;	/* where in the page */
	uint32_t		number;
};

/* The bitmap record follows the lock; where both lie in one page the lock is checked, too. */
static enum status check_cluster(struct vmfs_volume *vol, enum vmfs_res kind, uint32_t number,
				 uint64_t at, struct cluster *c)
{
	uint32_t md = vol->layout.form->md_bytes;
	const struct vmfs_lock_disk *lock = NULL;
	const char *bad;

	c->off = (uint32_t)((at + md) % META_PAGE_BYTES);
	c->number = number;
	c->rec = c->page->data + c->off;
	if (c->off >= md)
		lock = (const void *)(c->rec - md);
	bad = vmfs_cluster_check(geom_of(vol, kind), kind, lock, c->rec, at, number);
	if (!bad)
		return ST_OK;
	vmfs_complain(vol, "cluster %u of %s at 0x%llx: %s -> check the volume",
		      number, vmfs_res_traits[kind].file, (unsigned long long)at, bad);
	return ST_CORRUPT;
}

/* As it is cached: where somebody else may write, only a hint. */
static enum status load(struct vmfs_volume *vol, enum vmfs_res kind, uint32_t number,
			enum meta_how how, struct cluster *c)
{
	uint64_t at = vmfs_layout_cluster_at(&vol->layout, kind, number);
	enum status st = ST_CORRUPT;

	if (at != UINT64_MAX)
		st = vmfs_meta_get(vol, at + vol->layout.form->md_bytes, how, &c->page);
	return st == ST_OK ? check_cluster(vol, kind, number, at, c) : st;
}

/* With its lock held for the running group. */
static enum status load_held(struct vmfs_volume *vol, enum vmfs_res kind, uint32_t number,
			     struct cluster *c)
{
	uint64_t at = vmfs_layout_cluster_at(&vol->layout, kind, number);
	enum status st = ST_CORRUPT;
	int changed;

	if (at != UINT64_MAX)
		st = vmfs_lock_hold(vol, at, LOCK_SHORT, &changed);
	if (st == ST_OK)
		st = vmfs_meta_under(vol, at + vol->layout.form->md_bytes, META_READ, at,
				     &c->page);
	return st == ST_OK ? check_cluster(vol, kind, number, at, c) : st;
}

/* As the disk has it now. */
static enum status load_anew(struct vmfs_volume *vol, enum vmfs_res kind, uint32_t number,
			     struct cluster *c)
{
	uint64_t at = vmfs_layout_cluster_at(&vol->layout, kind, number);
	enum status st = at == UINT64_MAX ? ST_CORRUPT : vmfs_cover(vol, at);

	if (st == ST_OK)
		st = vmfs_meta_under(vol, at + vol->layout.form->md_bytes, META_READ, at,
				     &c->page);
	return st == ST_OK ? check_cluster(vol, kind, number, at, c) : st;
}

static uint32_t total_of(const struct vmfs_volume *vol, enum vmfs_res kind,
			 const struct cluster *c)
{
	return vmfs_cluster_total(geom_of(vol, kind), c->rec);
}

static uint32_t free_of(const struct vmfs_volume *vol, enum vmfs_res kind, const struct cluster *c)
{
	return vmfs_cluster_free(geom_of(vol, kind), c->rec);
}

static int is_free(const struct vmfs_volume *vol, enum vmfs_res kind, const struct cluster *c,
		   uint32_t r)
{
	return vmfs_cluster_is_free(geom_of(vol, kind), kind, c->rec, r);
}

static uint32_t lowest_free(const struct vmfs_volume *vol, enum vmfs_res kind,
			    const struct cluster *c)
{
	return vmfs_cluster_lowest(geom_of(vol, kind), kind, c->rec);
}

static void stamp(const struct vmfs_volume *vol, void *rec)
{
	if (vol->layout.form->stamp)
		vol->layout.form->stamp(rec);
}

/* ---- taking ---------------------------------------------------------------------------------- */

static enum status take(struct vmfs_volume *vol, enum vmfs_res kind, const struct cluster *c,
			uint32_t first, uint32_t count)
{
	const struct vmfs_geom *g = geom_of(vol, kind);
	struct vmfs_pool *pool = &vol->alloc.pool[kind];
	void *rec = vmfs_meta_edit(vol, c->page, c->off, SECTOR_BYTES, META_RANK_TAKE);

	if (!rec)
		return ST_NOMEM;
	for (uint32_t r = first; r < first + count; r++) {
		VERIFY(is_free(vol, kind, c, r));	/* I4: one owner */
		vmfs_cluster_set(g, kind, rec, r, 0);
	}
	vmfs_cluster_set_free(g, kind, rec,
			      vmfs_cluster_free(g, rec) - count + PLANT(count_forgotten));
	stamp(vol, rec);
	pool->op_taken += count;
	pool->free -= count;
	pool->rover = c->number;
	return ST_OK;
}

static int known_full(const struct vmfs_pool *pool, uint32_t c)
{
	return pool->full[c / 8] >> (c % 8) & 1;
}
static void set_full(struct vmfs_pool *pool, uint32_t c)
{
	pool->full[c / 8] |= (uint8_t)(1u << (c % 8));
}
static void set_not_full(struct vmfs_pool *pool, uint32_t c)
{
	pool->full[c / 8] &= (uint8_t) ~(1u << (c % 8));
}

/* Once round from `start` on: the first cluster with room whose lock we can have. Those that other
 * hosts are at are passed over; *held counts them. anew: hints are not believed. */
static enum status go_round(struct vmfs_volume *vol, enum vmfs_res kind, uint32_t start, int anew,
			    struct cluster *c, uint32_t *held)
{
	struct vmfs_pool *pool = &vol->alloc.pool[kind];
	uint32_t clusters = geom_of(vol, kind)->clusters;

	for (uint32_t i = 0; i < clusters; i++) {
		uint32_t number = (start + i) % clusters;
		enum status st;

		if (!anew && known_full(pool, number))
			continue;
		st = anew ? load_anew(vol, kind, number, c)
			  : load(vol, kind, number, META_WALK, c);
		if (st == ST_OK && free_of(vol, kind, c))
			st = load_held(vol, kind, number, c);
		if (st == ST_BUSY) {
			++*held;
			continue;
		}
		if (st != ST_OK)
			return st;
		if (free_of(vol, kind, c))
			return ST_OK;
		set_full(pool, number);
	}
	return ST_NOSPACE;
}

/* The first cluster with room. Other hosts may have freed something since it was seen full, so
 * before there is none all are looked at as they are now. */
static enum status find_cluster(struct vmfs_volume *vol, enum vmfs_res kind, uint32_t start,
				struct cluster *c)
{
	struct vmfs_pool *pool = &vol->alloc.pool[kind];
	uint32_t held = 0;
	enum status st = ST_NOSPACE;

	vol->alloc.wanted = kind;
	if (!pool->counted || pool->free)
		st = go_round(vol, kind, start, 0, c, &held);
	if (st == ST_NOSPACE && !held)
		st = go_round(vol, kind, start, 1, c, &held);
	if (st == ST_NOSPACE && held)
		return ST_BUSY;		/* wait for the last one that was met */
	vol->locks.again = st == ST_BUSY ? vol->locks.again : AGAIN_NOT;
	return st;
}

enum status vmfs_alloc_one(struct vmfs_volume *vol, enum vmfs_res kind, uint64_t *addr)
{
	struct cluster c;
	uint32_t r;
	enum status st = find_cluster(vol, kind, vol->alloc.pool[kind].rover, &c);

	if (st != ST_OK)
		return st;
	r = lowest_free(vol, kind, &c);
	*addr = vmfs_geom_addr(kind, geom_of(vol, kind), c.number, r);
	return take(vol, kind, &c, r, 1);
}

static uint32_t run_from(const struct vmfs_volume *vol, const struct cluster *c, uint32_t r,
			 uint64_t want)
{
	uint32_t n = 0, total = total_of(vol, VMFS_RES_FB, c);

	while (n < want && r + n < total && is_free(vol, VMFS_RES_FB, c, r + n))
		n++;
	return n;
}

/* The goal's cluster when the goal is free there, else any with room. *r: where to start. */
static enum status find_block(struct vmfs_volume *vol, uint64_t goal, struct cluster *c,
			      uint32_t *r)
{
	const struct vmfs_geom *g = geom_of(vol, VMFS_RES_FB);
	uint32_t start = vol->alloc.pool[VMFS_RES_FB].rover;
	enum status st;

	if (goal && goal < g->count) {
		start = (uint32_t)(goal / g->per_cluster);
		*r = (uint32_t)(goal % g->per_cluster);
		st = load_held(vol, VMFS_RES_FB, start, c);
		if (st != ST_BUSY && (st != ST_OK || is_free(vol, VMFS_RES_FB, c, *r)))
			return st;
		vol->locks.again = AGAIN_NOT;
	}
	st = find_cluster(vol, VMFS_RES_FB, start, c);
	if (st == ST_OK)
		*r = lowest_free(vol, VMFS_RES_FB, c);
	return st;
}

enum status vmfs_alloc_blocks(struct vmfs_volume *vol, uint64_t goal, uint64_t want,
			      uint64_t *first, uint64_t *count)
{
	struct cluster c;
	uint32_t r = 0;
	enum status st = find_block(vol, goal, &c, &r);

	if (st != ST_OK)
		return st;
	*first = (uint64_t)c.number * geom_of(vol, VMFS_RES_FB)->per_cluster + r;
	*count = run_from(vol, &c, r, want);
	return take(vol, VMFS_RES_FB, &c, r, (uint32_t)*count);
}

/* The first cluster of file blocks that is all free, from the goal's on, once round. */
enum status vmfs_alloc_large(struct vmfs_volume *vol, uint64_t goal, uint64_t *first)
{
	const struct vmfs_geom *g = geom_of(vol, VMFS_RES_FB);
	uint32_t start = (uint32_t)(MIN(goal, g->count - 1) / g->per_cluster);

	for (uint32_t i = 0; i < g->clusters; i++) {
		uint32_t number = (start + i) % g->clusters;
		struct cluster c;
		enum status st;

		if (known_full(&vol->alloc.pool[VMFS_RES_FB], number))
			continue;
		st = load(vol, VMFS_RES_FB, number, META_READ, &c);
		if (st != ST_OK)
			return st;
		if (free_of(vol, VMFS_RES_FB, &c) != g->per_cluster)
			continue;
		st = load_held(vol, VMFS_RES_FB, number, &c);
		vol->locks.again = st == ST_BUSY ? AGAIN_NOT : vol->locks.again;
		if (st == ST_BUSY || (st == ST_OK &&
				      free_of(vol, VMFS_RES_FB, &c) != g->per_cluster))
			continue;
		if (st != ST_OK)
			return st;
		*first = (uint64_t)number * g->per_cluster;
		return take(vol, VMFS_RES_FB, &c, 0, g->per_cluster);
	}
	return ST_NOSPACE;
}

enum status vmfs_alloc_generation(struct vmfs_volume *vol, uint32_t fd, uint32_t *generation)
{
	struct vmfs_field field = vol->layout.form->cluster.fd_generation;
	struct cluster c;
	void *rec;
	enum status st = load_held(vol, VMFS_RES_FD, VMFS_FD_CLUSTER(fd), &c);

	if (st != ST_OK)
		return st;
	rec = vmfs_meta_edit(vol, c.page, c.off, SECTOR_BYTES, META_RANK_TAKE);
	if (!rec)
		return ST_NOMEM;
	*generation = vmfs_field_get(rec, field) + 1;
	vmfs_field_set(rec, field, *generation);
	return ST_OK;
}

/* ---- freeing --------------------------------------------------------------------------------- */

static uint32_t pending_hash(uint8_t kind, uint32_t cluster)
{
	return (cluster * 8 + kind) * 0x9E3779B1u >> 20 & (ALLOC_PENDING_HASH - 1);
}

static struct vmfs_pending *find_pending(struct vmfs_alloc *a, uint8_t kind, uint32_t cluster)
{
	for (uint32_t i = pending_hash(kind, cluster); a->hash[i];
	     i = (i + 1) % ALLOC_PENDING_HASH) {
		struct vmfs_pending *p = &a->pending[a->hash[i] - 1];

		if (p->kind == kind && p->cluster == cluster)
			return p;
	}
	return NULL;
}

enum status vmfs_alloc_free(struct vmfs_volume *vol, uint64_t addr)
{
	struct vmfs_alloc *a = &vol->alloc;
	enum vmfs_res kind = vmfs_addr_res(&vol->layout, addr);
	const struct vmfs_pending *p;
	uint32_t number, r;
	struct cluster c;
	enum status st;

	VERIFY(vol->meta.in_op);
	if (kind == VMFS_RES_COUNT ||
	    !vmfs_geom_split(geom_of(vol, kind), kind, addr, vol->layout.dense_sb, &number, &r) ||
	    (kind == VMFS_RES_FB && vmfs_layout_block(&vol->layout, addr) < vol->system_blocks))
		return ST_CORRUPT;
	st = load_held(vol, kind, number, &c);
	if (st != ST_OK)
		return st;
	p = find_pending(a, (uint8_t)kind, number);
	if (is_free(vol, kind, &c, r) || (p && p->bits[r / 8] >> (r % 8) & 1))
		return ST_CORRUPT;
	if (a->op_frees == ARRAY_COUNT(a->op_free))
		return ST_NOMEM;
	a->op_free[a->op_frees++] = (struct vmfs_free){ number, (uint16_t)r, (uint8_t)kind };
	return ST_OK;
}

/* Room for it was reserved by the operation's need. */
static struct vmfs_pending *add_pending(struct vmfs_volume *vol, const struct vmfs_free *f)
{
	struct vmfs_alloc *a = &vol->alloc;
	struct vmfs_pending *p;
	struct cluster c;
	uint32_t i;

	VERIFY(a->pendings < META_GROUP_SECTORS);
	/* vmfs_alloc_free() got the page in this bracket, so it is still there. */
	VERIFY(load(vol, (enum vmfs_res)f->kind, f->cluster, META_PEEK, &c) == ST_OK);
	p = &a->pending[a->pendings++];
	memset(p->bits, 0, sizeof(p->bits));
	p->page = c.page;
	p->off = c.off;
	p->cluster = f->cluster;
	p->kind = f->kind;
	p->page->pins++;
	for (i = pending_hash(f->kind, f->cluster); a->hash[i]; i = (i + 1) % ALLOC_PENDING_HASH)
		;
	a->hash[i] = (uint16_t)a->pendings;
	return p;
}

void vmfs_alloc_op_end(struct vmfs_volume *vol)
{
	struct vmfs_alloc *a = &vol->alloc;

	for (uint32_t i = 0; i < a->op_frees; i++) {
		const struct vmfs_free *f = &a->op_free[i];
		struct vmfs_pending *p = find_pending(a, f->kind, f->cluster);

		if (!p)
			p = add_pending(vol, f);
		if (!(p->bits[f->resource / 8] >> (f->resource % 8) & 1))
			a->pool[f->kind].free++;
		p->bits[f->resource / 8] |= (uint8_t)(1u << (f->resource % 8));
	}
	a->op_frees = 0;
	for (int k = 0; k < VMFS_RES_COUNT; k++)
		a->pool[k].op_taken = 0;
}

void vmfs_alloc_op_abort(struct vmfs_volume *vol)
{
	struct vmfs_alloc *a = &vol->alloc;

	a->op_frees = 0;
	for (int k = 0; k < VMFS_RES_COUNT; k++) {
		struct vmfs_pool *pool = &a->pool[k];

		if (!pool->op_taken)
			continue;
		pool->free += (uint64_t)pool->op_taken;
		pool->op_taken = 0;
		memset(pool->full, 0, geom_of(vol, (enum vmfs_res)k)->clusters / 8 + 1);
	}
}

static void apply_one(struct vmfs_volume *vol, struct vmfs_pending *p)
{
	enum vmfs_res kind = (enum vmfs_res)p->kind;
	const struct vmfs_geom *g = geom_of(vol, kind);
	void *rec = vmfs_meta_touch(vol, p->page, p->off, META_RANK_FREE);
	uint32_t n = 0, total = vmfs_cluster_total(g, rec);

	for (uint32_t r = 0; r < total; r++) {
		if (!(p->bits[r / 8] >> (r % 8) & 1))
			continue;
		VERIFY(!vmfs_cluster_is_free(g, kind, rec, r));	/* I4 */
		vmfs_cluster_set(g, kind, rec, r, 1);
		n++;
	}
	vmfs_cluster_set_free(g, kind, rec, vmfs_cluster_free(g, rec) + n);
	stamp(vol, rec);
	set_not_full(&vol->alloc.pool[kind], p->cluster);
	p->page->pins--;
}

void vmfs_alloc_apply(struct vmfs_volume *vol)
{
	struct vmfs_alloc *a = &vol->alloc;

	if (!a->pendings)
		return;
	for (uint32_t i = 0; i < a->pendings; i++)
		apply_one(vol, &a->pending[i]);
	a->pendings = 0;
	memset(a->hash, 0, sizeof(a->hash));
}

enum status vmfs_alloc_grown(struct vmfs_volume *vol, enum vmfs_res kind, uint32_t old_clusters,
			     uint64_t count)
{
	struct vmfs_pool *pool = &vol->alloc.pool[kind];
	uint8_t *full = port_alloc(geom_of(vol, kind)->clusters / 8 + 1);

	pool->free += count;
	if (!full)
		return vmfs_fail(vol, ST_NOMEM, "no memory for a longer resource file");
	memcpy(full, pool->full, old_clusters / 8 + 1);
	port_free(pool->full);
	pool->full = full;
	if (old_clusters)
		set_not_full(pool, old_clusters - 1);
	pool->rover = old_clusters ? old_clusters - 1 : 0;
	return ST_OK;
}

/* ---- counting -------------------------------------------------------------------------------- */

static uint64_t pending_count(const struct vmfs_alloc *a, enum vmfs_res kind)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < a->pendings; i++)
		if (a->pending[i].kind == kind)
			n += vmfs_count_bits(a->pending[i].bits, sizeof(a->pending[i].bits));
	return n;
}

enum status vmfs_alloc_count(struct vmfs_volume *vol, enum vmfs_res kind, struct vmfs_count *count)
{
	const struct vmfs_geom *g = geom_of(vol, kind);
	struct vmfs_pool *pool = &vol->alloc.pool[kind];
	uint64_t free = 0;

	count->total = g->count;
	if (pool->counted != vol->locks.strangers + 1)
		pool->counted = 0;
	for (uint32_t i = 0; i < g->clusters && !pool->counted; i++) {
		struct cluster c;
		enum status st = vol->locks.strangers ? load_anew(vol, kind, i, &c)
						      : load(vol, kind, i, META_WALK, &c);

		if (st != ST_OK)
			return st;
		free += free_of(vol, kind, &c);
		if (!free_of(vol, kind, &c))
			set_full(pool, i);
	}
	if (!pool->counted) {
		pool->free = free + pending_count(&vol->alloc, kind);
		/* Another host may change it under a reader, and until we notice one. */
		pool->counted = vol->writable ? vol->locks.strangers + 1 : 0;
	}
	count->free = pool->free;
	return ST_OK;
}

/* Deferred frees are not in it: their old owner could still come back. */
enum status vmfs_alloc_next_free(struct vmfs_volume *vol, uint64_t *block, uint64_t want,
				 uint64_t *count)
{
	const struct vmfs_geom *g = geom_of(vol, VMFS_RES_FB);

	for (*count = 0; *block < g->count;) {
		uint32_t number = (uint32_t)(*block / g->per_cluster),
			 r = (uint32_t)(*block % g->per_cluster);
		struct cluster c;
		enum status st = load(vol, VMFS_RES_FB, number, META_WALK, &c);

		if (st == ST_OK && free_of(vol, VMFS_RES_FB, &c))
			st = load_held(vol, VMFS_RES_FB, number, &c);
		if (st != ST_OK)
			return st;
		while (r < total_of(vol, VMFS_RES_FB, &c) && !is_free(vol, VMFS_RES_FB, &c, r))
			r++;
		*block = (uint64_t)number * g->per_cluster + r;
		*count = run_from(vol, &c, r, want);
		if (*count)
			return ST_OK;
	}
	return ST_OK;
}

/* ---- for the mount --------------------------------------------------------------------------- */

enum status vmfs_alloc_find(struct vmfs_volume *vol, enum vmfs_res kind, uint64_t *addr)
{
	struct cluster c;
	enum status st;

	do {
		vmfs_cover_begin(vol);
		st = find_cluster(vol, kind, vol->alloc.pool[kind].rover, &c);
	} while (vmfs_lock_retry(vol, st));
	if (st == ST_OK)
		*addr = vmfs_geom_addr(kind, geom_of(vol, kind), c.number,
				       lowest_free(vol, kind, &c));
	return st;
}

static enum status load_addr(struct vmfs_volume *vol, uint64_t addr, enum vmfs_res *kind,
			     struct cluster *c, uint32_t *r)
{
	uint32_t number;
	enum status st;

	*kind = vmfs_addr_res(&vol->layout, addr);
	if (*kind == VMFS_RES_COUNT ||
	    !vmfs_geom_split(geom_of(vol, *kind), *kind, addr, vol->layout.dense_sb, &number, r))
		return ST_CORRUPT;
	do {
		vmfs_cover_begin(vol);
		st = load_held(vol, *kind, number, c);
	} while (vmfs_lock_retry(vol, st));
	return st;
}

/* One sector, one write: whole or not at all. */
static enum status write_bit(struct vmfs_volume *vol, enum vmfs_res kind, const struct cluster *c,
			     uint32_t r, int free)
{
	const struct vmfs_geom *g = geom_of(vol, kind);
	void *rec = c->page->data + c->off;
	uint32_t change = free ? 1u : ~0u;
	enum status st;

	if (vol->failed != ST_OK)	/* I8: also not what this host holds no more */
		return vol->failed;
	VERIFY(is_free(vol, kind, c, r) == !free);
	VERIFY(!c->page->dirty);
	vmfs_cluster_set(g, kind, rec, r, free);
	vmfs_cluster_set_free(g, kind, rec, vmfs_cluster_free(g, rec) + change);
	stamp(vol, rec);
	vol->alloc.pool[kind].free += (uint64_t)(int64_t)(int32_t)change;
	st = lvm_write(&vol->lvm, c->page->at + c->off, rec, SECTOR_BYTES);
	return st == ST_OK ? lvm_flush(&vol->lvm) : st;
}

enum status vmfs_alloc_take_now(struct vmfs_volume *vol, uint64_t addr)
{
	enum vmfs_res kind;
	struct cluster c;
	uint32_t r = 0;
	enum status st = load_addr(vol, addr, &kind, &c, &r);

	if (st == ST_OK)
		st = write_bit(vol, kind, &c, r, 0);
	return st == ST_OK ? vmfs_locks_release(vol) : st;
}

enum status vmfs_alloc_free_now(struct vmfs_volume *vol, uint64_t addr)
{
	enum vmfs_res kind;
	struct cluster c;
	uint32_t r = 0;
	enum status st = load_addr(vol, addr, &kind, &c, &r);

	if (st != ST_OK || is_free(vol, kind, &c, r))
		return st;	/* a crash between this and the slot's clearing */
	set_not_full(&vol->alloc.pool[kind], c.number);
	return write_bit(vol, kind, &c, r, 1);
}

/* ---- begin and end --------------------------------------------------------------------------- */

enum status vmfs_alloc_init(struct vmfs_volume *vol)
{
	struct vmfs_alloc *a = &vol->alloc;

	for (int k = 0; k < VMFS_RES_COUNT; k++) {
		const struct vmfs_geom *g = geom_of(vol, (enum vmfs_res)k);

		a->pool[k].full = port_alloc(g->clusters / 8 + 1);
		if (!a->pool[k].full)
			return ST_NOMEM;
		if (g->clusters)
			a->pool[k].rover = port_accel()->crc32c((uint32_t)k, &vol->beat.host,
								sizeof(vol->beat.host)) %
					   g->clusters;
	}
	a->pending = port_alloc(META_GROUP_SECTORS * sizeof(struct vmfs_pending));
	return a->pending ? ST_OK : ST_NOMEM;
}

void vmfs_alloc_fini(struct vmfs_volume *vol)
{
	for (int k = 0; k < VMFS_RES_COUNT; k++)
		port_free(vol->alloc.pool[k].full);
	port_free(vol->alloc.pending);
}
