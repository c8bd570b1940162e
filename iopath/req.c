/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* req - ending a request later, where a copy comes from, and moving bytes between a request's
 * buffers and memory. */
#include "iopath/iopath.h"

static void finish(struct port_msg *msg)
{
	struct io_req *req = container_of(msg, struct io_req, msg);

	req->done(req);
}

void io_finish_later(struct io_req *req, enum status st)
{
	req->status = st;
	req->msg.fn = finish;
	port_pcpu_post(port_pcpu_self(), &req->msg);
}

enum status io_req_copy_from(struct io_req *req, struct io_dev *dev, uint64_t offset)
{
	uint64_t start;

	if (!dev->ops->port_disk)
		return ST_UNSUPPORTED;
	if (offset > dev->size_bytes || req->io.bytes > dev->size_bytes - offset)
		return ST_RANGE;
	req->io.from = dev->ops->port_disk(dev, &start);
	req->io.from_offset = start + offset;
	return ST_OK;
}

/* ---- buffers --------------------------------------------------------------------------------- */

/* A place in the request's buffers. */
struct spot {
	const struct port_vec	*vec, *end;
	uint64_t		at;	/* in *vec */
};

static struct spot spot_find(const struct io_req *req, uint64_t at)
{
	struct spot s = { req->io.vec, req->io.vec + req->io.vec_count, req->io.skip + at };

	while (s.vec < s.end && s.at >= s.vec->bytes) {
		s.at -= s.vec->bytes;
		s.vec++;
	}
	return s;
}

/* The next contiguous piece, at most `want` bytes of it. A request whose buffers are shorter than
 * what it asks for is a bug of the layer that built it. */
static uint8_t *spot_next(struct spot *s, uint64_t want, uint64_t *bytes)
{
	uint8_t *p;

	while (s->vec < s->end && s->at == s->vec->bytes) {
		s->vec++;
		s->at = 0;
	}
	VERIFY(s->vec < s->end);
	p = (uint8_t *)s->vec->base + s->at;
	*bytes = MIN(want, s->vec->bytes - s->at);
	s->at += *bytes;
	return p;
}

void io_req_copy_in(struct io_req *req, uint64_t at, const void *src, uint64_t bytes)
{
	struct spot s = spot_find(req, at);
	const uint8_t *from = src;
	uint64_t n;

	for (; bytes; bytes -= n, from += n) {
		uint8_t *p = spot_next(&s, bytes, &n);

		memcpy(p, from, n);
	}
}

void io_req_copy_out(const struct io_req *req, uint64_t at, void *dst, uint64_t bytes)
{
	struct spot s = spot_find(req, at);
	uint8_t *to = dst;
	uint64_t n;

	for (; bytes; bytes -= n, to += n) {
		const uint8_t *p = spot_next(&s, bytes, &n);

		memcpy(to, p, n);
	}
}

void io_req_set_zero(struct io_req *req, uint64_t at, uint64_t bytes)
{
	struct spot s = spot_find(req, at);
	uint64_t n;

	for (; bytes; bytes -= n) {
		uint8_t *p = spot_next(&s, bytes, &n);

		memset(p, 0, n);
	}
}
