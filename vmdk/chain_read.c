/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Reads of a chain. The merged map cuts a request into pieces; zeros are filled in at once. The
 * others are sorted by file and place, and what lies together there becomes one transfer with a
 * list of buffers, whatever the order in the disk: grains that a guest wrote one by one are read as
 * they lie. All transfers of a request are submitted together.
 *
 * A piece of a gap is read too, into memory that nobody looks at, when that costs less than a
 * transfer of its own would.
 *
 * Requests are planned in order of arrival, at most BATCH pieces at a time, each piece with a
 * transfer set aside for it: so planning never stops half way, and memory is bounded. A request
 * has ended when its frame's cursor says that all of its bytes have. */
#include "vmdk/chain_priv.h"

#define BATCH		256u	/* pieces planned together */
#define SUBS		1024u	/* transfers under way */
#define VECTORS		64u	/* buffers of one transfer: what the ports take in one call */
#define GAP_BYTES	(16 * KIB)

/* A part of a request that lies in one place. */
struct piece {
	uint64_t	where;
	uint64_t	at;		/* byte of the request */
	uint32_t	bytes;
	uint16_t	source;
};

/* A transfer of one or more pieces of `parent`. */
struct chain_sub {
	struct io_req	req;
	struct list	link;		/* in chain.free_subs */
	struct chain	*chain;
	struct io_req	*parent;
	uint64_t	bytes;		/* of the parent that it fills */
	uint32_t	vec_count;
	struct port_vec	vec[VECTORS];
};

static void plan(struct chain *c);

/* ---- the end of things ----------------------------------------------------------------------- */

/* Bytes of a request are done, well or not; 1 when those were the last. */
static int count_done(struct io_req *req, uint64_t bytes, enum status st)
{
	struct io_frame *f = io_top(req);

	if (req->status == ST_OK)
		req->status = st;
	f->cursor += bytes;
	return f->cursor == f->bytes;
}

static void sub_done(struct io_req *io)
{
	struct chain_sub *sub = container_of(io, struct chain_sub, req);
	struct chain *c = sub->chain;
	struct io_req *req = sub->parent;
	int last = count_done(req, sub->bytes, io->status);

	list_add_head(&c->free_subs, &sub->link);
	c->free_count++;
	if (last) {
		io_pop(req);
		req->done(req);
	}
	plan(c);
}

/* ---- transfers ------------------------------------------------------------------------------- */

static struct chain_sub *take_sub(struct chain *c, struct io_req *req)
{
	struct list *n = list_pop(&c->free_subs);
	struct chain_sub *sub = list_entry(n, struct chain_sub, link);

	ASSERT(n != NULL);
	c->free_count--;
	sub->chain = c;
	sub->parent = req;
	sub->vec_count = 0;
	sub->bytes = 0;
	return sub;
}

static void submit(struct chain *c, struct chain_sub *sub, const struct piece *first,
		   uint64_t bytes)
{
	struct chain_source *s = &c->sources[first->source];

	sub->req.io.offset = first->where;
	sub->req.io.bytes = bytes;
	if (s->through)
		s->x->ops->submit(s->x, &sub->req);
	else
		s->x->file->store->ops->submit(s->x->file, &sub->req);
}

/* Buffers of a request may be many: a piece of such a one goes by itself, with all of them. */
static void submit_alone(struct chain *c, struct io_req *req, const struct piece *p)
{
	struct io_frame *f = io_top(req);
	struct chain_sub *sub = take_sub(c, req);

	io_req_init(&sub->req, PORT_READ, 0, NULL, 0, sub_done);
	sub->req.io.vec = req->io.vec;
	sub->req.io.vec_count = req->io.vec_count;
	sub->req.io.skip = f->skip + p->at;
	sub->bytes = p->bytes;
	submit(c, sub, p, p->bytes);
}

static void add_buffer(struct chain_sub *sub, void *base, size_t bytes)
{
	struct port_vec *last = sub->vec_count ? &sub->vec[sub->vec_count - 1] : NULL;

	if (last && (char *)last->base + last->bytes == base)
		last->bytes += bytes;
	else
		sub->vec[sub->vec_count++] = (struct port_vec){ base, bytes };
}

/* May q follow p, which ends at `end`, in one transfer? */
static int lies_together(const struct chain *c, const struct piece *p, uint64_t end,
			 const struct piece *q)
{
	return q->source == p->source && !c->sources[p->source].through && q->where >= end &&
	       q->where - end <= GAP_BYTES;
}

/* One transfer from pieces[0] on; returns how many it takes. */
static uint32_t submit_together(struct chain *c, struct io_req *req, const struct piece *pieces,
				uint32_t count)
{
	struct io_frame *f = io_top(req);
	char *base = (char *)req->io.vec[0].base + f->skip;
	struct chain_sub *sub = take_sub(c, req);
	uint64_t end = pieces[0].where;
	uint32_t n = 0;

	do {
		const struct piece *p = &pieces[n];

		if (p->where > end)
			add_buffer(sub, c->junk, p->where - end);
		add_buffer(sub, base + p->at, p->bytes);
		sub->bytes += p->bytes;
		end = p->where + p->bytes;
		n++;
	} while (n < count && sub->vec_count + 2 <= VECTORS &&
		 lies_together(c, pieces, end, &pieces[n]));
	io_req_init(&sub->req, PORT_READ, 0, NULL, 0, sub_done);
	sub->req.io.vec = sub->vec;
	sub->req.io.vec_count = sub->vec_count;
	submit(c, sub, pieces, end - pieces[0].where);
	return n;
}

/* ---- order ----------------------------------------------------------------------------------- */

static int is_before(const struct piece *a, const struct piece *b)
{
	return a->source < b->source || (a->source == b->source && a->where < b->where);
}

static int is_sorted(const struct piece *p, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		if (is_before(&p[i], &p[i - 1]))
			return 0;
	return 1;
}

/* A merge sort: pieces are few, and often in order. The result is in one of the two. */
static struct piece *sort(struct piece *p, struct piece *other, uint32_t count)
{
	if (is_sorted(p, count))
		return p;
	for (uint32_t run = 1; run < count; run *= 2) {
		struct piece *t = p;

		for (uint32_t from = 0; from < count; from += 2 * run) {
			uint32_t i = from, mid = MIN(from + run, count), j = mid;
			uint32_t end = MIN(mid + run, count), n = from;

			while (n < end)
				other[n++] = j == end || (i < mid && !is_before(&p[j], &p[i])) ?
					     p[i++] : p[j++];
		}
		p = other;
		other = t;
	}
	return p;
}

/* ---- planning -------------------------------------------------------------------------------- */

/* The pieces of a request from c->planned on, as far as the window and a batch go. Zeros are done
 * at once; *zeros counts them. */
static uint32_t cut(struct chain *c, struct io_req *req, const struct chain_window *w,
		    uint64_t *zeros, enum status *st)
{
	struct io_frame *f = io_top(req);
	uint64_t base = w->index * CHAIN_WINDOW;
	uint32_t i = chain_run_at(w, f->offset + c->planned), n = 0;

	for (; i < w->count && n < BATCH && c->planned < f->bytes; i++) {
		const struct chain_run *r = &w->runs[i];
		uint64_t start = base + r->start * (uint64_t)SECTOR_BYTES;
		uint64_t end = base + (i + 1 < w->count ? r[1].start : w->sectors) *
				      (uint64_t)SECTOR_BYTES;
		uint64_t at = f->offset + c->planned;
		uint64_t bytes = MIN(end - at, f->bytes - c->planned);

		if (r->what == LOOK_DATA) {
			c->pieces[n++] = (struct piece){
				.where = r->where + (at - start), .at = c->planned,
				.bytes = (uint32_t)bytes, .source = r->source,
			};
		} else {
			if (r->what == LOOK_BAD)
				*st = ST_CORRUPT;
			else
				io_req_set_zero(req, c->planned, bytes);
			*zeros += bytes;
		}
		c->planned += bytes;
	}
	return n;
}

static void submit_pieces(struct chain *c, struct io_req *req, uint32_t count)
{
	struct piece *p = c->pieces;

	if (req->io.vec_count != 1) {
		for (uint32_t i = 0; i < count; i++)
			submit_alone(c, req, &p[i]);
		return;
	}
	p = sort(p, c->sorted, count);
	for (uint32_t i = 0; i < count; )
		i += submit_together(c, req, p + i, count - i);
}

/* Who reads one window after the other finds the next one made: its tables are read while the data
 * of this one is. */
static void look_ahead(struct chain *c, uint64_t index)
{
	uint64_t next = (index + 1) * CHAIN_WINDOW;

	if (index == c->current)
		return;
	if (index == c->current + 1 && next < c->link[0]->bytes && !chain_window_find(c, next)) {
		c->ahead = index + 1;
		worker_kick(c->link[0]);
	}
	c->current = index;
}

/* One batch of the first request. 0: its window is missing. */
static int plan_batch(struct chain *c, struct io_req *req)
{
	struct io_frame *f = io_top(req);
	struct chain_window *w = chain_window_find(c, f->offset + c->planned);
	enum status st = ST_OK;
	uint64_t zeros = 0;
	uint32_t count;
	int last;

	if (!w)
		return 0;
	look_ahead(c, w->index);
	/* The buffers are described from the frame: what is pushed is the request as it came. */
	req->io.skip = f->skip;
	count = cut(c, req, w, &zeros, &st);
	if (c->planned == f->bytes) {
		list_del(&req->link);
		c->planned = 0;
	}
	last = count_done(req, zeros, st);
	submit_pieces(c, req, count);
	if (last) {
		st = req->status;
		io_pop(req);
		io_finish_later(req, st);
	}
	return 1;
}

static void plan(struct chain *c)
{
	while (!list_empty(&c->queue) && c->free_count >= BATCH) {
		if (!plan_batch(c, list_first(&c->queue, struct io_req, link))) {
			worker_kick(c->link[0]);
			return;
		}
	}
}

void chain_submit(struct chain *c, struct io_req *req)
{
	io_push(req, NULL, c)->cursor = 0;
	req->status = ST_OK;
	list_add_tail(&c->queue, &req->link);
	if (c->queue.next == &req->link)
		plan(c);
}

/* ---- in the worker --------------------------------------------------------------------------- */

/* End the first request with an error, for the bytes that were not planned yet. */
static void fail_first(struct chain *c, enum status st)
{
	struct io_req *req = list_first(&c->queue, struct io_req, link);
	uint64_t left = io_top(req)->bytes - c->planned;

	list_del(&req->link);
	c->planned = 0;
	if (count_done(req, left, st)) {
		st = req->status;
		io_pop(req);
		io_finish_later(req, st);
	}
}

/* What fails here is met again by the reader, who is told. */
static void make_ahead(struct chain *c)
{
	uint64_t offset = c->ahead * CHAIN_WINDOW;
	struct chain_window *w;
	enum status st = ST_OK;

	c->ahead = 0;
	if (offset)
		st = chain_window_load(c, offset, &w);
	(void)st;
}

void chain_work(struct chain *c)
{
	while (!list_empty(&c->queue) && c->free_count >= BATCH) {
		struct io_req *req = list_first(&c->queue, struct io_req, link);
		struct chain_window *w;
		enum status st = chain_window_load(c, io_top(req)->offset + c->planned, &w);

		if (st != ST_OK && list_first(&c->queue, struct io_req, link) == req)
			fail_first(c, st);
		plan(c);
	}
	make_ahead(c);
}

void chain_fail_waiting(struct chain *c, enum status st)
{
	while (!list_empty(&c->queue))
		fail_first(c, st);
}

/* ---- set-up ---------------------------------------------------------------------------------- */

enum status chain_read_init(struct chain *c)
{
	c->subs = port_alloc(SUBS * sizeof(*c->subs));
	c->pieces = port_alloc(BATCH * sizeof(*c->pieces));
	c->sorted = port_alloc(BATCH * sizeof(*c->sorted));
	c->junk = port_dma_alloc(GAP_BYTES);
	if (!c->subs || !c->pieces || !c->sorted || !c->junk)
		return ST_NOMEM;
	for (uint32_t i = 0; i < SUBS; i++)
		list_add_tail(&c->free_subs, &c->subs[i].link);
	c->free_count = SUBS;
	return ST_OK;
}

void chain_read_fini(struct chain *c)
{
	if (c->junk)
		port_dma_free(c->junk, GAP_BYTES);
	port_free(c->sorted);
	port_free(c->pieces);
	port_free(c->subs);
}
