/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* wait - asynchronous calls for worlds that prefer to wait. The request lives on the world's stack;
 * its done() only sets a flag and wakes, so a wake meant for something else does no harm. */
#include "iopath/iopath.h"

#define ZERO_CHUNK_BYTES (256 * KIB)

static void wait_done(struct io_req *req)
{
	struct io_wait *w = container_of(req, struct io_wait, req);

	w->ended = 1;
	port_world_wake(w->world);
}

void io_wait_begin(struct io_wait *w, enum port_io_op op, uint64_t offset, void *buf,
		   uint64_t bytes)
{
	io_req_init(&w->req, op, offset, buf, bytes, wait_done);
	w->world = port_world_self();
	w->ended = 0;
}

enum status io_wait_end(struct io_wait *w)
{
	while (!w->ended)
		port_world_park();
	return w->req.status;
}

static enum status transfer(struct io_dev *dev, enum port_io_op op, uint64_t offset, void *buf,
			    uint64_t bytes)
{
	struct io_wait w;

	io_wait_begin(&w, op, offset, buf, bytes);
	io_dev_submit(dev, &w.req);
	return io_wait_end(&w);
}

enum status io_dev_read(struct io_dev *dev, uint64_t offset, void *buf, uint64_t bytes)
{
	return transfer(dev, PORT_READ, offset, buf, bytes);
}

enum status io_dev_write(struct io_dev *dev, uint64_t offset, const void *buf, uint64_t bytes)
{
	return transfer(dev, PORT_WRITE, offset, (void *)buf, bytes);
}

enum status io_dev_flush(struct io_dev *dev)
{
	return transfer(dev, PORT_FLUSH, 0, NULL, 0);
}

static enum status write_zeros(struct io_dev *dev, uint64_t offset, uint64_t bytes)
{
	void *zeros = port_dma_alloc(ZERO_CHUNK_BYTES);
	enum status st = zeros ? ST_OK : ST_NOMEM;

	while (st == ST_OK && bytes) {
		uint64_t n = MIN(bytes, ZERO_CHUNK_BYTES);

		st = io_dev_write(dev, offset, zeros, n);
		offset += n;
		bytes -= n;
	}
	if (zeros)
		port_dma_free(zeros, ZERO_CHUNK_BYTES);
	return st;
}

enum status io_dev_zero(struct io_dev *dev, uint64_t offset, uint64_t bytes)
{
	enum status st = transfer(dev, PORT_ZERO, offset, NULL, bytes);

	return st == ST_UNSUPPORTED ? write_zeros(dev, offset, bytes) : st;
}
