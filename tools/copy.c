/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* copy - a ring of buffers. A reader that knows where the holes are fills it in file order; what
 * happens to a full buffer is the difference between the two copies: to a file, its write is
 * submitted from the completion of its read; to a descriptor, the world takes the buffers in
 * order. */
#include "tools/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES	MIB
#define PIECES		8u	/* in flight: what an O_DIRECT device needs to stream */
#define MEND_BYTES	4096u	/* unit in which a damaged piece is read again */

enum piece_state {
	PIECE_FREE, PIECE_READING, PIECE_WRITING, PIECE_READY,
	PIECE_BAD,	/* a part of it cannot be read: the world finds out which */
};

struct piece {
	struct io_req		req;
	struct copier		*copier;
	void			*buf;
	uint64_t		offset, bytes;
	enum piece_state	state;
};

struct copier {
	struct store_file	*src, *dst;	/* dst NULL: to a descriptor */
	struct port_world	*world;
	struct copy_job		*job;
	struct piece		piece[PIECES];
	uint64_t		moved;		/* not told to the job yet */
	uint64_t		at;		/* the next byte to read */
	uint64_t		end;
	struct store_run	run;		/* the run that `at` lies in; bytes 0: look again */
	enum status		status;		/* the first failure */
	struct {
		uint64_t	at, bytes, where;
		enum status	st;
	} gap;				/* not told yet */
};

static int copier_init(struct copier *c, struct store_file *src, struct store_file *dst,
		       uint64_t bytes, struct copy_job *job)
{
	*c = (struct copier){ .src = src, .dst = dst, .end = bytes, .job = job };
	c->world = port_world_self();
	for (unsigned i = 0; i < PIECES; i++) {
		c->piece[i].copier = c;
		c->piece[i].buf = port_dma_alloc(PIECE_BYTES);
		if (!c->piece[i].buf)
			return -1;
	}
	return 0;
}

static void copier_fini(struct copier *c)
{
	for (unsigned i = 0; i < PIECES; i++)
		if (c->piece[i].buf)
			port_dma_free(c->piece[i].buf, PIECE_BYTES);
}

static void fail(struct copier *c, enum status st)
{
	if (st != ST_OK && c->status == ST_OK)
		c->status = st;
}

static void source_failed(struct copier *c, uint64_t at, enum status st)
{
	if (c->status == ST_OK) {
		c->job->source_failed = 1;
		c->job->source_at = at;
	}
	fail(c, st);
}

/* Damage is passed over when the caller wants that; a source that changes is no damage. */
static int may_mend(const struct copier *c, enum status st)
{
	return c->job->gap && c->status == ST_OK && st != ST_BUSY && st != ST_CANCELLED &&
	       st != ST_NOMEM;
}

/* ---- completions: outside of any world ------------------------------------------------------- */

static void write_done(struct io_req *req)
{
	struct piece *p = container_of(req, struct piece, req);

	if (req->status != ST_OK)
		fail(p->copier, req->status);
	p->copier->job->bytes_written += p->bytes;
	p->copier->moved += p->bytes;
	p->state = PIECE_FREE;
	port_world_wake(p->copier->world);
}

static void read_done(struct io_req *req)
{
	struct piece *p = container_of(req, struct piece, req);
	struct copier *c = p->copier;

	c->job->bytes_read += p->bytes;
	if (req->status != ST_OK && may_mend(c, req->status)) {
		p->state = PIECE_BAD;
		port_world_wake(c->world);
		return;
	}
	if (req->status != ST_OK)
		source_failed(c, p->offset, req->status);
	if (c->status != ST_OK) {
		p->state = PIECE_FREE;
	} else if (c->dst) {
		p->state = PIECE_WRITING;
		io_req_init(&p->req, PORT_WRITE, p->offset, p->buf, p->bytes, write_done);
		c->dst->store->ops->submit(c->dst, &p->req);
		return;
	} else {
		p->state = PIECE_READY;
	}
	port_world_wake(c->world);
}

/* ---- in the world ---------------------------------------------------------------------------- */

/* Tell the job what moved since the last time. */
static void report(struct copier *c)
{
	uint64_t moved = c->moved;

	c->moved = 0;
	if (c->job->moved && c->job->moved(c->job, moved))
		fail(c, ST_CANCELLED);
	else if (port_interrupted())
		fail(c, ST_CANCELLED);
}

static void tell_gap(struct copier *c)
{
	if (c->gap.bytes)
		c->job->gap(c->job, c->gap.at, c->gap.bytes, c->gap.where, c->gap.st);
	c->gap.bytes = 0;
}

/* Gaps that touch are told as one. */
static void note_gap(struct copier *c, uint64_t at, uint64_t bytes, uint64_t where, enum status st)
{
	uint64_t next = c->gap.where == UINT64_MAX ? UINT64_MAX : c->gap.where + c->gap.bytes;

	if (c->gap.bytes && c->gap.at + c->gap.bytes == at && next == where) {
		c->gap.bytes += bytes;
		return;
	}
	tell_gap(c);
	c->gap.at = at;
	c->gap.bytes = bytes;
	c->gap.where = where;
	c->gap.st = st;
}

/* Read a damaged piece again in small parts: those that fail become zeros. */
static void mend(struct copier *c, struct piece *p)
{
	const struct store_ops *ops = c->src->store->ops;

	for (uint64_t at = 0; at < p->bytes && !port_interrupted(); at += MEND_BYTES) {
		uint64_t n = MIN(p->bytes - at, MEND_BYTES), where = UINT64_MAX;
		char *to = (char *)p->buf + at;
		enum status st = store_read(c->src, p->offset + at, to, n);
		struct store_run run;

		if (st == ST_OK)
			continue;
		memset(to, 0, n);
		if (ops->file_map(c->src, p->offset + at, &run) == ST_OK)
			where = run.where;
		note_gap(c, p->offset + at, n, where, st);
	}
	p->state = PIECE_READY;
	if (!c->dst)
		return;
	p->state = PIECE_WRITING;
	io_req_init(&p->req, PORT_WRITE, p->offset, p->buf, p->bytes, write_done);
	c->dst->store->ops->submit(c->dst, &p->req);
}

static void mend_all(struct copier *c)
{
	for (unsigned i = 0; i < PIECES; i++)
		if (c->piece[i].state == PIECE_BAD)
			mend(c, &c->piece[i]);
}

/* The run at c->at, up to the end of the copy. */
static int next_run(struct copier *c)
{
	struct store_run *r = &c->run;
	enum status st;

	if (c->at >= c->end)
		return 0;
	if (r->bytes && c->at - r->offset < r->bytes)
		return 1;
	st = c->src->store->ops->file_map(c->src, c->at, r);
	if (st == ST_OK && (r->bytes == 0 || c->at < r->offset || c->at - r->offset >= r->bytes))
		st = ST_CORRUPT;
	if (st != ST_OK && may_mend(c, st)) {
		*r = (struct store_run){ .offset = c->at, .kind = STORE_RUN_HOLE,
					 .bytes = MIN(PIECE_BYTES - c->at % PIECE_BYTES,
						      c->end - c->at) };
		note_gap(c, r->offset, r->bytes, UINT64_MAX, st);
		st = ST_OK;
	}
	if (st != ST_OK) {
		source_failed(c, c->at, st);
		return 0;
	}
	return 1;
}

/* Bytes from c->at to the end of its run. */
static uint64_t run_left(const struct copier *c)
{
	return MIN(c->run.bytes - (c->at - c->run.offset), c->end - c->at);
}

static void start_read(struct copier *c, struct piece *p)
{
	p->offset = c->at;
	p->bytes = MIN(run_left(c), PIECE_BYTES - c->at % PIECE_BYTES);
	p->state = PIECE_READING;
	c->at += p->bytes;
	io_req_init(&p->req, PORT_READ, p->offset, p->buf, p->bytes, read_done);
	c->src->store->ops->submit(c->src, &p->req);
}

static struct piece *free_piece(struct copier *c)
{
	for (unsigned i = 0; i < PIECES; i++)
		if (c->piece[i].state == PIECE_FREE)
			return &c->piece[i];
	return NULL;
}

static int any_busy(const struct copier *c)
{
	for (unsigned i = 0; i < PIECES; i++)
		if (c->piece[i].state == PIECE_READING || c->piece[i].state == PIECE_WRITING)
			return 1;
	return 0;
}

static void drain(struct copier *c)
{
	for (mend_all(c); any_busy(c); mend_all(c))
		port_world_park();
	if (c->job->gap)
		tell_gap(c);
}

static void copy_runs(struct copier *c)
{
	while (c->status == ST_OK && next_run(c)) {
		struct piece *p;

		if (c->run.kind != STORE_RUN_DATA) {
			uint64_t skipped = run_left(c);

			c->job->bytes_skipped += skipped;
			c->at += skipped;
			report(c);
			continue;
		}
		for (mend_all(c); (p = free_piece(c)) == NULL; mend_all(c))
			port_world_park();
		if (c->status == ST_OK)
			start_read(c, p);
		report(c);
	}
}

enum status copy_file(struct store_file *src, struct store_file *dst, uint64_t bytes,
		      struct copy_job *job)
{
	struct copier *c = malloc(sizeof(*c));
	enum status st;

	if (!c)
		return ST_NOMEM;
	if (copier_init(c, src, dst, bytes, job) != 0)
		fail(c, ST_NOMEM);
	if (c->status == ST_OK && bytes)
		fail(c, dst->store->ops->file_resize(dst, bytes));
	copy_runs(c);
	drain(c);
	report(c);
	st = c->status;
	copier_fini(c);
	free(c);
	return st;
}

/* ---- to a descriptor ------------------------------------------------------------------------- */

static enum status write_fd(struct copy_job *job, int fd, const char *buf, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = write(fd, buf, bytes);

		if (n < 0 && errno == EINTR && !port_interrupted())
			continue;
		if (n < 0 && port_interrupted())
			return ST_CANCELLED;
		if (n < 0) {
			job->fd_errno = errno;
			return ST_DEVICE;
		}
		buf += n;
		bytes -= (uint64_t)n;
	}
	return ST_OK;
}

/* Fill the ring: pieces are used in turn, so that piece number `head` is always the oldest. */
static void read_ahead(struct copier *c, unsigned *tail)
{
	while (c->status == ST_OK && c->piece[*tail % PIECES].state == PIECE_FREE && next_run(c)) {
		struct piece *p = &c->piece[*tail % PIECES];

		(*tail)++;
		if (c->run.kind == STORE_RUN_DATA) {
			start_read(c, p);
			continue;
		}
		p->bytes = MIN(run_left(c), PIECE_BYTES);
		memset(p->buf, 0, p->bytes);
		c->job->bytes_skipped += p->bytes;
		c->at += p->bytes;
		p->state = PIECE_READY;
	}
}

enum status copy_to_fd(struct store_file *src, uint64_t bytes, int fd, struct copy_job *job)
{
	struct copier *c = malloc(sizeof(*c));
	unsigned head = 0, tail = 0;
	enum status st;

	if (!c)
		return ST_NOMEM;
	if (copier_init(c, src, NULL, bytes, job) != 0)
		fail(c, ST_NOMEM);
	for (;;) {
		struct piece *p = &c->piece[head % PIECES];

		read_ahead(c, &tail);
		if (c->status != ST_OK || head == tail)
			break;
		for (; p->state == PIECE_READING || p->state == PIECE_BAD; mend_all(c))
			if (p->state == PIECE_READING)
				port_world_park();
		if (p->state != PIECE_READY)
			break;
		fail(c, write_fd(job, fd, p->buf, p->bytes));
		c->moved += p->bytes;
		job->bytes_written += p->bytes;
		p->state = PIECE_FREE;
		head++;
		report(c);
	}
	drain(c);
	st = c->status;
	copier_fini(c);
	free(c);
	return st;
}
