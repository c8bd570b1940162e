/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The merged map. A window is made by asking the uppermost link what it has of the range, and the
 * link below for each part that it has not; the tables of all links are read at once. Windows
 * are kept until their runs together reach a limit; then those go that were used longest ago. */
#include "vmdk/chain_priv.h"

#include "iopath/base/search.h"

#define WINDOW_SECTORS ((uint32_t)(CHAIN_WINDOW / SECTOR_BYTES))

/* ---- windows --------------------------------------------------------------------------------- */

static struct chain_window **slot_of(struct chain *c, uint64_t index)
{
	return &c->slots[index % c->slot_count];
}

static void drop(struct chain *c, struct chain_window *w)
{
	*slot_of(c, w->index) = NULL;
	c->runs -= w->count;
	list_del(&w->link);
	port_free(w);
}

struct chain_window *chain_window_find(struct chain *c, uint64_t offset)
{
	uint64_t index = offset / CHAIN_WINDOW;
	struct chain_window *w = c->slots ? *slot_of(c, index) : NULL;

	if (!w || w->index != index)
		return NULL;
	list_del(&w->link);
	list_add_tail(&c->used, &w->link);
	return w;
}

void chain_windows_fini(struct chain *c)
{
	while (!list_empty(&c->used))
		drop(c, list_first(&c->used, struct chain_window, link));
	port_free(c->slots);
	port_free(c->scratch);
}

static enum status make_slots(struct chain *c)
{
	uint64_t windows = div_round_up(c->link[0]->bytes, CHAIN_WINDOW);

	if (c->slots)
		return ST_OK;
	if (!c->scratch)	/* a run for each sector, if every second one differs */
		c->scratch = port_alloc(WINDOW_SECTORS * sizeof(*c->scratch));
	if (!c->scratch)
		return ST_NOMEM;
	c->slot_count = (uint32_t)MIN(windows, CHAIN_SLOTS_MAX);
	c->slots = port_alloc(c->slot_count * sizeof(*c->slots));
	return c->slots ? ST_OK : ST_NOMEM;
}

/* ---- reading the tables of a range ----------------------------------------------------------- */

typedef enum status range_fn(struct vmdk_extent *x, uint64_t offset, uint64_t bytes);

/* fn for the part of each extent of each link that lies in the range. */
static enum status each_extent(struct chain *c, uint64_t offset, uint64_t bytes, range_fn *fn)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < c->link_count; i++) {
		struct vmdk_disk *d = c->link[i];
		struct vmdk_extent *x = disk_extent_at(d, offset);

		for (; x < d->extents + d->extent_count && x->start < offset + bytes; x++) {
			uint64_t from = MAX(offset, x->start);
			enum status one =
			    fn(x, from - x->start, MIN(offset + bytes, x->start + x->bytes) - from);

			if (st == ST_OK)
				st = one;
		}
	}
	return st;
}

static enum status begin(struct vmdk_extent *x, uint64_t offset, uint64_t bytes)
{
	return x->ops->look_begin ? x->ops->look_begin(x, offset, bytes) : ST_OK;
}

/* Also after a failure: what is under way has to come back. */
static enum status end(struct vmdk_extent *x, uint64_t offset, uint64_t bytes)
{
	(void)offset;
	(void)bytes;
	return x->ops->look_end ? x->ops->look_end(x) : ST_OK;
}

/* ---- merging --------------------------------------------------------------------------------- */

static int continues(const struct chain_run *a, uint64_t length, const struct chain_run *b)
{
	if (a->what != b->what || a->depth != b->depth)
		return 0;
	if (a->what != LOOK_DATA)
		return 1;
	return a->source == b->source && a->where + length * SECTOR_BYTES == b->where;
}

static void emit(struct chain *c, const struct chain_run *run)
{
	struct chain_run *last = c->scratch_count ? &c->scratch[c->scratch_count - 1] : NULL;

	if (last && continues(last, run->start - last->start, run))
		return;
	c->scratch[c->scratch_count++] = *run;
}

/* What link `depth` says at a byte of the disk. */
static enum status look(struct chain *c, uint32_t depth, uint64_t at, uint64_t bytes,
			struct look_run *r, uint16_t *source)
{
	struct vmdk_disk *d = c->link[depth];
	struct vmdk_extent *x = disk_extent_at(d, at);

	*source = (uint16_t)(c->first_source[depth] + (uint32_t)(x - d->extents));
	return x->ops->look(x, at - x->start, MIN(bytes, x->start + x->bytes - at), r);
}

/* end[i] is how far link i is asked for what the links above have not. */
static enum status merge(struct chain *c, uint64_t start, uint64_t bytes)
{
	uint64_t ends[CHAIN_LINKS_MAX], at = start;
	uint32_t depth = 0;

	c->scratch_count = 0;
	ends[0] = start + bytes;
	while (at < start + bytes) {
		struct look_run r = { 0 };
		uint16_t source;
		enum status st = look(c, depth, at, ends[depth] - at, &r, &source);

		if (st != ST_OK)
			return st;
		VERIFY(r.bytes > 0);
		if (r.what == LOOK_NONE && depth + 1 < c->link_count) {
			ends[++depth] = at + r.bytes;
			continue;
		}
		emit(c, &(struct chain_run){
			    .where = r.what == LOOK_DATA ? r.where : 0,
			    .start = (uint32_t)((at - start) / SECTOR_BYTES), .source = source,
			    .what = (uint8_t)r.what, .depth = (uint8_t)depth });
		at += r.bytes;
		while (depth > 0 && at == ends[depth])
			depth--;
	}
	return ST_OK;
}

static enum status keep(struct chain *c, uint64_t index, uint64_t bytes, struct chain_window **out)
{
	struct chain_window **slot = slot_of(c, index);
	struct chain_window *w =
	    port_alloc(sizeof(*w) + c->scratch_count * sizeof(c->scratch[0]));

	if (!w)
		return ST_NOMEM;
	if (*slot)
		drop(c, *slot);
	while (c->runs + c->scratch_count > CHAIN_RUNS_MAX && !list_empty(&c->used))
		drop(c, list_first(&c->used, struct chain_window, link));
	w->index = index;
	w->count = c->scratch_count;
	w->sectors = (uint32_t)(bytes / SECTOR_BYTES);
	memcpy(w->runs, c->scratch, w->count * sizeof(w->runs[0]));
	c->runs += w->count;
	list_add_tail(&c->used, &w->link);
	*slot = *out = w;
	return ST_OK;
}

static enum status build(struct chain *c, uint64_t offset, struct chain_window **w)
{
	uint64_t start = round_down(offset, CHAIN_WINDOW);
	uint64_t bytes = MIN(CHAIN_WINDOW, c->link[0]->bytes - start);
	enum status st = make_slots(c), ended;

	if (st != ST_OK)
		return st;
	st = each_extent(c, start, bytes, begin);
	ended = each_extent(c, start, bytes, end);
	if (st == ST_OK)
		st = ended;
	if (st == ST_OK)
		st = merge(c, start, bytes);
	return st == ST_OK ? keep(c, start / CHAIN_WINDOW, bytes, w) : st;
}

enum status chain_window_load(struct chain *c, uint64_t offset, struct chain_window **w)
{
	enum status st = ST_OK;

	io_mutex_lock(&c->building);
	*w = chain_window_find(c, offset);	/* another world may have made it meanwhile */
	if (!*w)
		st = build(c, offset, w);
	io_mutex_unlock(&c->building);
	return st;
}

uint32_t chain_run_at(const struct chain_window *w, uint64_t offset)
{
	uint32_t sector = (uint32_t)(offset % CHAIN_WINDOW / SECTOR_BYTES);

	return search_border(i, w->count, w->runs[i].start <= sector) - 1;
}

/* ---- the map for others ---------------------------------------------------------------------- */

/* Flat data may be a hole in its file; what can tell is asked now, and not kept. */
static enum status refine(struct chain *c, const struct chain_run *r, struct vmdk_run *run)
{
	struct vmdk_extent *x = c->sources[r->source].x;
	struct vmdk_run own = { .offset = run->offset - x->start };
	enum status st;

	if (x->ops->look != flat_extent_ops.look)
		return ST_OK;
	st = x->ops->map(x, &own);
	if (st != ST_OK)
		return st;
	run->bytes = MIN(run->bytes, own.bytes);
	run->present = own.present;
	run->zero = own.zero;
	run->where = own.where;
	return ST_OK;
}

enum status chain_map(struct chain *c, uint64_t offset, struct vmdk_run *run)
{
	struct chain_window *w;
	enum status st = chain_window_load(c, offset, &w);
	const struct chain_run *r;
	uint64_t skip;
	uint32_t i;

	if (st != ST_OK)
		return st;
	i = chain_run_at(w, offset);
	r = &w->runs[i];
	skip = offset % CHAIN_WINDOW - r->start * (uint64_t)SECTOR_BYTES;
	run->bytes = (i + 1 < w->count ? r[1].start : w->sectors) * (uint64_t)SECTOR_BYTES -
		     offset % CHAIN_WINDOW;
	run->depth = r->depth;
	run->present = r->what != LOOK_NONE;
	/* What is damaged is there, has no place, and ends the read that meets it, not the map. */
	run->zero = r->what == LOOK_NONE || r->what == LOOK_ZERO;
	run->compressed = r->what == LOOK_DATA && c->sources[r->source].through;
	run->extent = r->source - c->first_source[r->depth];
	run->where = r->what == LOOK_DATA && !run->compressed ? r->where + skip : ~0ull;
	return r->what == LOOK_DATA && !run->compressed ? refine(c, r, run) : ST_OK;
}
