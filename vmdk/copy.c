/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Moving data from an open disk into a target: pieces of 1 MiB, several on their way at a time. One
 * world starts reads in order, hands what has been read to the sink in the same order, and parks;
 * completions only change a piece's state and wake it. Holes are not read. Where the target's store
 * can copy a piece by itself (move.c), that takes the place of its read, and there is nothing to
 * hand on. */
#include "vmdk/target_priv.h"

#define DEPTH_DEFAULT	8u
#define DEPTH_STREAM                                                                               \
	2u /* inflating is the work: what it made is written while it is in the cache */
#define DEPTH_MAX     64u
#define SAFE_POINT_NS 5000000000ull

struct copy {
	const struct copy_opts	*opts;
	struct target		*t;
	struct port_world	*world;
	struct piece		*pieces;
	uint32_t		depth;
	struct list		reading;	/* in order of offset */
	uint64_t		next, end;	/* the source is read to here; where it ends */
	struct vmdk_run		run;		/* of the source, around next; bytes 0: not known */
	struct vmdk_place	place;		/* for piece_move() */
	enum status		failed;		/* of a write */
	uint64_t		safe_ns;
	struct job_clock	clock;
};

/* ---- pieces ---------------------------------------------------------------------------------- */

void piece_release(struct piece *p)
{
	p->state = PIECE_FREE;
	port_world_wake(p->copy->world);
}

static void write_done(struct io_req *req)
{
	struct piece *p = container_of(req, struct piece, req);

	if (req->status != ST_OK && p->copy->failed == ST_OK)
		p->copy->failed = req->status;
	piece_release(p);
}

void piece_write(struct piece *p, struct store_file *f, uint64_t offset, uint64_t bytes,
		 uint32_t vec_count)
{
	io_req_init(&p->req, PORT_WRITE, offset, p->buf, bytes, write_done);
	p->req.io.vec = p->vec;
	p->req.io.vec_count = vec_count;
	p->state = PIECE_WRITING;
	if (p->copy->opts->job)
		p->copy->opts->job->bytes_written += bytes;
	f->store->ops->submit(f, &p->req);
}

void piece_arrived(struct piece *p)
{
	p->state = PIECE_READ;
	port_world_wake(p->copy->world);
}

static void read_done(struct io_req *req) { piece_arrived(container_of(req, struct piece, req)); }

void piece_read(struct piece *p)
{
	io_req_init(&p->req, PORT_READ, p->offset, p->buf, p->bytes, read_done);
	vmdk_submit(p->copy->opts->src, &p->req);
}

static struct piece *free_piece(struct copy *c)
{
	for (uint32_t i = 0; i < c->depth; i++)
		if (c->pieces[i].state == PIECE_FREE)
			return &c->pieces[i];
	return NULL;
}

static int all_free(const struct copy *c)
{
	for (uint32_t i = 0; i < c->depth; i++)
		if (c->pieces[i].state != PIECE_FREE)
			return 0;
	return 1;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The piece that starts at an offset: to the end of its block, its extent, the disk. */
static uint64_t piece_bytes(struct copy *c, uint64_t offset)
{
	struct target_extent *x = target_extent_at(c->t, offset);
	uint64_t in_extent = offset - x->start;

	return MIN(PIECE_BYTES - in_extent % PIECE_BYTES,
		   MIN(x->bytes - in_extent, c->end - offset));
}

/* How far zeros go from `next`, in whole pieces. */
static enum status zeros_ahead(struct copy *c, uint64_t *bytes)
{
	uint64_t end, n = piece_bytes(c, c->next);
	struct target_extent *x;
	enum status st = ST_OK;

	*bytes = 0;
	if (c->next >= c->run.offset + c->run.bytes)
		st = vmdk_map(c->opts->src, c->next, &c->run);
	if (st != ST_OK || !c->run.zero)
		return st;
	end = c->run.offset + c->run.bytes;
	if (c->next + n > end)
		return ST_OK;
	x = target_extent_at(c->t, c->next);
	*bytes = n;
	if (n == PIECE_BYTES)	/* whole blocks, as long as the extent goes on */
		*bytes = round_down(MIN(end, x->start + x->bytes) - c->next, PIECE_BYTES);
	return ST_OK;
}

static enum status skip_zeros(struct copy *c)
{
	uint64_t bytes;
	enum status st = ST_OK;

	if (c->t->no_sparse)
		return ST_OK;
	while (c->next < c->end && st == ST_OK) {
		st = zeros_ahead(c, &bytes);
		if (st != ST_OK || bytes == 0)
			break;
		if (c->t->sink->skip)
			st = c->t->sink->skip(c->t, c->next, bytes);
		c->next += bytes;
		if (c->opts->job)
			c->opts->job->bytes_skipped += bytes;
		if (st == ST_OK)
			st = job_step(&c->clock, c->next);
	}
	return st;
}

static void start_piece(struct copy *c, struct piece *p)
{
	p->offset = c->next;
	p->bytes = (uint32_t)piece_bytes(c, c->next);
	memset(p->buf + p->bytes, 0, PIECE_BYTES - p->bytes);
	p->state = PIECE_READING;
	list_add_tail(&c->reading, &p->link);
	c->next += p->bytes;
	if (c->opts->job)
		c->opts->job->bytes_read += p->bytes;
	if (!piece_move(p, c->opts->src, &c->place))
		piece_read(p);
}

static enum status start_pieces(struct copy *c)
{
	struct piece *p;
	enum status st = ST_OK;

	while (c->next < c->end && (p = free_piece(c)) != NULL) {
		st = skip_zeros(c);
		if (st != ST_OK || c->next >= c->end)
			break;
		start_piece(c, p);
	}
	return st;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The oldest read has ended: to the sink with it. */
static enum status put_oldest(struct copy *c)
{
	struct piece *p = list_first(&c->reading, struct piece, link);
	uint64_t done = p->offset + p->bytes;
	enum status st = p->req.status;

	list_del(&p->link);
	if (st == ST_OK)
		st = c->failed;
	if (st != ST_OK) {
		piece_release(p);
		return st;
	}
	if (p->moved) {
		if (c->opts->job)
			c->opts->job->bytes_written += p->bytes;
		piece_release(p);
	} else {
		st = c->t->sink->put(c->t, p);
	}
	return st == ST_OK ? job_step(&c->clock, done) : st;
}

/* Nothing is on its way any more. */
static enum status settle(struct copy *c)
{
	enum status st = ST_OK;

	while (!list_empty(&c->reading)) {
		struct piece *p = list_first(&c->reading, struct piece, link);

		while (p->state == PIECE_READING)
			port_world_park();
		list_del(&p->link);
		piece_release(p);
	}
	if (c->t->sink->drain)
		st = c->t->sink->drain(c->t, 1);
	while (!all_free(c))
		port_world_park();
	return st == ST_OK ? c->failed : st;
}

/* Now and then: let all that has been read arrive, and tell. */
static enum status maybe_safe_point(struct copy *c)
{
	enum status st = ST_OK;

	if (!c->opts->safe_point || port_now_ns() < c->safe_ns || c->next >= c->end)
		return ST_OK;
	while (!list_empty(&c->reading) && st == ST_OK) {
		struct piece *p = list_first(&c->reading, struct piece, link);

		while (p->state == PIECE_READING)
			port_world_park();
		st = put_oldest(c);
	}
	if (st == ST_OK)
		st = settle(c);
	if (st == ST_OK)
		st = c->opts->safe_point(c->opts->arg, c->next);
	c->safe_ns = port_now_ns() + SAFE_POINT_NS;
	return st;
}

static enum status pump(struct copy *c)
{
	enum status st = ST_OK;

	while (st == ST_OK) {
		struct piece *oldest;

		st = maybe_safe_point(c);
		if (st == ST_OK)
			st = start_pieces(c);
		if (st != ST_OK)
			break;
		oldest =
		    list_empty(&c->reading) ? NULL : list_first(&c->reading, struct piece, link);
		if (oldest && oldest->state == PIECE_READ) {
			st = put_oldest(c);
			continue;
		}
		if (!oldest && c->next >= c->end)
			break;
		if (c->t->sink->drain)
			st = c->t->sink->drain(c->t, 0);
		if (st == ST_OK && (oldest ? oldest->state == PIECE_READING : !free_piece(c)))
			port_world_park();
	}
	return st;
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static enum status make_pieces(struct copy *c)
{
	uint32_t want = c->opts->src->kind == VMDK_STREAM ? DEPTH_STREAM : DEPTH_DEFAULT;

	if (c->opts->job && c->opts->job->depth)
		want = c->opts->job->depth;
	want = MIN(MAX(want, 2 * port_pcpu_count()), DEPTH_MAX);
	c->pieces = port_alloc(want * sizeof(*c->pieces));
	if (!c->pieces)
		return ST_NOMEM;
	for (; c->depth < want; c->depth++) {
		struct piece *p = &c->pieces[c->depth];

		p->copy = c;
		p->target = c->t;
		p->buf = port_dma_alloc(PIECE_BYTES);
		if (!p->buf)
			return c->depth ? ST_OK : ST_NOMEM;	/* fewer will do */
	}
	return ST_OK;
}

static void free_pieces(struct copy *c)
{
	for (uint32_t i = 0; i < c->depth; i++) {
		port_dma_free(c->pieces[i].buf, PIECE_BYTES);
		port_free(c->pieces[i].packed);
	}
	port_free(c->pieces);
}

enum status copy_run(const struct copy_opts *opts, struct why *why)
{
	struct copy c = {
		.opts = opts, .t = opts->target, .world = port_world_self(), .next = opts->start,
		.end = opts->src->bytes, .safe_ns = port_now_ns() + SAFE_POINT_NS,
	};
	enum status st, settled;

	list_init(&c.reading);
	job_begin(&c.clock, opts->job, opts->target->opts.bytes);
	c.t->clock = &c.clock;
	st = make_pieces(&c);
	if (st == ST_OK)
		st = pump(&c);
	settled = settle(&c);
	if (st == ST_OK)
		st = settled;
	if (st == ST_OK && c.end < c.t->opts.bytes && c.t->sink->skip)
		st = c.t->sink->skip(c.t, c.end, c.t->opts.bytes - c.end);
	if (st == ST_OK && c.t->sink->finish)
		st = c.t->sink->finish(c.t);
	if (st == ST_OK)
		st = job_end(&c.clock);
	c.t->clock = NULL;
	free_pieces(&c);
	if (st != ST_OK)
		why_set(why, st, "%s: the copy of %s stopped: %s", c.t->path, opts->src->path,
			status_text(st));
	return st;
}
