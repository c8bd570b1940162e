/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* block_copy - a ring of blocks: read ahead of the sum, written behind it, told of in order.
 *
 *	   told        summed, written        read          next
 *	----|---------------|-----------------|--------------|------->
 *	   head            mid                              tail
 *
 * All is done by one world; completions only change a slot's state and wake it. */
#include "tools/block_copy.h"

#include <stdlib.h>
#include <string.h>

#define DURABLE_NS	5000000000ull	/* between two flushes of the data */
#define YIELD_BYTES	(16 * MIB)	/* of zeros that are summed at a time */

enum slot_state { SLOT_READING, SLOT_READ, SLOT_WRITING, SLOT_ARRIVED };

struct slot {
	struct io_req		req;
	struct ring		*ring;
	uint8_t			*buf;
	uint64_t		offset, bytes;
	enum slot_state		state;
	uint8_t			hole, bad;
	char			sum[SHA256_TEXT];	/* of the block */
	char			all[SHA256_TEXT];	/* of everything up to its end */
};

struct ring {
	struct block_copy	*bc;
	struct port_world	*world;
	struct slot		slot[BLOCK_COPY_DEPTH];
	uint64_t		head, mid, tail;	/* numbers of slots, see above */
	uint64_t		durable_ns;
	uint8_t			told;			/* since the last flush */
	uint8_t			*zeros;
	enum status		status;			/* the first failure */
};

static void fail(struct ring *r, enum status st)
{
	if (st != ST_OK && r->status == ST_OK)
		r->status = st;
}

static struct slot *slot_at(struct ring *r, uint64_t n) { return &r->slot[n % BLOCK_COPY_DEPTH]; }

/* ---- reading --------------------------------------------------------------------------------- */

static void read_done(struct io_req *req)
{
	struct slot *s = container_of(req, struct slot, req);

	fail(s->ring, req->status);
	s->bad = req->status != ST_OK;
	s->state = SLOT_READ;
	port_world_wake(s->ring->world);
}

/* Whole blocks of zeros from bc->next on; the last block may be short. */
static uint64_t hole_ahead(struct ring *r)
{
	struct block_copy *bc = r->bc;
	uint64_t zeros;

	fail(r, content_zeros(bc->src, bc->next, &zeros));
	if (r->status != ST_OK)
		return 0;
	return bc->next + zeros == bc->src->bytes ? zeros : round_down(zeros, CONTENT_BLOCK);
}

static void start_slot(struct ring *r)
{
	struct block_copy *bc = r->bc;
	struct slot *s = slot_at(r, r->tail);
	uint64_t hole = hole_ahead(r);

	if (r->status != ST_OK)
		return;
	s->offset = bc->next;
	s->hole = hole > 0;
	s->bad = 0;
	s->bytes = hole ? hole : MIN(bc->src->bytes - bc->next, CONTENT_BLOCK);
	s->state = hole ? SLOT_READ : SLOT_READING;
	bc->next += s->bytes;
	r->tail++;
	if (hole) {
		bc->bytes_skipped += hole;
		return;
	}
	bc->bytes_read += s->bytes;
	io_req_init(&s->req, PORT_READ, s->offset, s->buf, s->bytes, read_done);
	content_submit(bc->src, &s->req);
}

static void start_slots(struct ring *r)
{
	while (r->status == ST_OK && r->tail - r->head < BLOCK_COPY_DEPTH &&
	       r->bc->next < r->bc->src->bytes)
		start_slot(r);
}

/* ---- summing and writing --------------------------------------------------------------------- */

static void write_done(struct io_req *req)
{
	struct slot *s = container_of(req, struct slot, req);

	fail(s->ring, req->status);
	s->bad = req->status != ST_OK;
	s->state = SLOT_ARRIVED;
	port_world_wake(s->ring->world);
}

static void sum_hole(struct ring *r, struct slot *s)
{
	struct block_copy *bc = r->bc;

	for (uint64_t at = 0; at < s->bytes && r->status == ST_OK; at += CONTENT_BLOCK) {
		sha256_add(&bc->sum, r->zeros, MIN(s->bytes - at, CONTENT_BLOCK));
		if (at % YIELD_BYTES == 0) {
			port_world_yield();
			if (port_interrupted())
				fail(r, ST_CANCELLED);
		}
	}
	s->state = SLOT_ARRIVED;
}

static void sum_block(struct ring *r, struct slot *s)
{
	struct block_copy *bc = r->bc;
	struct sha256 one;

	sha256_add(&bc->sum, s->buf, s->bytes);
	sha256_save(&bc->sum, s->all);
	if (port_accel()->is_zero(s->buf, s->bytes)) {
		strcpy(s->sum, "0");
		s->state = SLOT_ARRIVED;
		return;
	}
	s->state = SLOT_WRITING;
	io_req_init(&s->req, PORT_WRITE, s->offset, s->buf, s->bytes, write_done);
	content_submit(bc->dst, &s->req);
	bc->bytes_written += s->bytes;
	sha256_init(&one);	/* while the block is on its way */
	sha256_add(&one, s->buf, s->bytes);
	sha256_end(&one, s->sum);
}

static void sum_slots(struct ring *r)
{
	while (r->status == ST_OK && r->mid < r->tail && slot_at(r, r->mid)->state == SLOT_READ) {
		struct slot *s = slot_at(r, r->mid);

		if (s->hole)
			sum_hole(r, s);
		else
			sum_block(r, s);
		r->mid++;
	}
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell(struct ring *r, struct slot *s)
{
	struct block_copy *bc = r->bc;

	if (bc->journal && !s->hole) {
		line_put(bc->journal, "%s %llu %s\n", s->sum,
			 (unsigned long long)(s->offset / CONTENT_BLOCK), s->all);
		r->told = 1;
	}
	if (bc->moved && bc->moved(bc, s->hole ? 0 : s->bytes))
		fail(r, ST_CANCELLED);
}

/* Also after a failure: what has arrived in order is worth its line. */
static void tell_slots(struct ring *r)
{
	while (r->head < r->mid && slot_at(r, r->head)->state == SLOT_ARRIVED &&
	       !slot_at(r, r->head)->bad) {
		tell(r, slot_at(r, r->head));
		r->head++;
	}
	if (r->bc->journal)
		fail(r, line_out_write(r->bc->journal));
}

static enum status flush(struct content *c)
{
	struct io_wait w;

	io_wait_begin(&w, PORT_FLUSH, 0, NULL, 0);
	content_submit(c, &w.req);
	return io_wait_end(&w);
}

/* The lines that were put before the flush began speak of writes that had ended by then. */
static void make_durable(struct ring *r)
{
	fail(r, flush(r->bc->dst));
	if (r->status == ST_OK && r->bc->journal) {
		line_put(r->bc->journal, "durable\n");
		fail(r, line_out_write(r->bc->journal));
	}
	r->told = 0;
	r->durable_ns = port_now_ns() + DURABLE_NS;
}

/* ---- the run --------------------------------------------------------------------------------- */

static int in_flight(struct ring *r)
{
	for (uint64_t n = r->head; n < r->tail; n++) {
		enum slot_state state = slot_at(r, n)->state;

		if (state == SLOT_READING || state == SLOT_WRITING)
			return 1;
	}
	return 0;
}

/* Can the world do anything before a completion comes? */
static int must_wait(struct ring *r)
{
	int oldest_waits = r->head < r->mid && slot_at(r, r->head)->state == SLOT_WRITING;
	int sum_waits = r->mid < r->tail && slot_at(r, r->mid)->state == SLOT_READING;
	int full = r->tail - r->head == BLOCK_COPY_DEPTH || r->bc->next >= r->bc->src->bytes;

	return full && (r->head == r->mid || oldest_waits) && (r->mid == r->tail || sum_waits);
}

static void pump(struct ring *r)
{
	while (r->status == ST_OK) {
		start_slots(r);
		sum_slots(r);
		tell_slots(r);
		if (r->head == r->tail && r->bc->next >= r->bc->src->bytes)
			break;
		if (r->told && port_now_ns() >= r->durable_ns)
			make_durable(r);
		if (r->status == ST_OK && must_wait(r))
			port_world_park();
	}
	while (in_flight(r))
		port_world_park();
	tell_slots(r);
}

static int ring_init(struct ring *r, struct block_copy *bc)
{
	r->bc = bc;
	r->world = port_world_self();
	r->durable_ns = port_now_ns() + DURABLE_NS;
	r->zeros = calloc(1, CONTENT_BLOCK);
	for (int i = 0; i < BLOCK_COPY_DEPTH; i++) {
		r->slot[i].ring = r;
		r->slot[i].buf = port_dma_alloc(CONTENT_BLOCK);
		if (!r->slot[i].buf)
			return -1;
	}
	return r->zeros ? 0 : -1;
}

static void ring_fini(struct ring *r)
{
	for (int i = 0; i < BLOCK_COPY_DEPTH; i++)
		if (r->slot[i].buf)
			port_dma_free(r->slot[i].buf, CONTENT_BLOCK);
	free(r->zeros);
}

enum status block_copy_run(struct block_copy *bc, char all[SHA256_TEXT])
{
	struct ring *r = calloc(1, sizeof(*r));
	enum status st;

	if (!r)
		return ST_NOMEM;
	if (ring_init(r, bc) != 0)
		fail(r, ST_NOMEM);
	else
		pump(r);
	if (r->status == ST_OK)
		make_durable(r);
	st = r->status;
	if (st == ST_OK)
		sha256_end(&bc->sum, all);
	ring_fini(r);
	free(r);
	return st;
}

int block_line_parse(char *line, struct block_line *out)
{
	char *block = strchr(line, ' '), *state = block ? strchr(block + 1, ' ') : NULL, *end;
	size_t n = block ? (size_t)(block - line) : 0;

	if (!state || strlen(state + 1) != SHA256_TEXT - 1 ||
	    !(n == SHA256_TEXT - 1 || (n == 1 && line[0] == '0')) ||
	    strspn(line, "0123456789abcdef") != n)
		return 0;
	*block++ = 0;
	*state++ = 0;
	out->sum = line;
	out->state = state;
	out->block = strtoull(block, &end, 10);
	return *block >= '0' && *block <= '9' && *end == 0;
}
