/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mem_dev - a device in memory, for tests of what sits above io_dev. */
#ifndef CAIRN_TESTS_MEM_DEV_H
#define CAIRN_TESTS_MEM_DEV_H

#include "iopath/iopath.h"

struct mem_dev {
	struct io_dev	dev;
	uint8_t		*bytes;
	uint64_t	reads;
};

static inline void mem_submit(struct io_dev *dev, struct io_req *req)
{
	struct mem_dev *m = container_of(dev, struct mem_dev, dev);
	enum status st = ST_OK;

	m->reads += req->io.op == PORT_READ;
	if (req->io.offset > dev->size_bytes || req->io.bytes > dev->size_bytes - req->io.offset)
		st = ST_RANGE;
	else if (req->io.op == PORT_READ)
		io_req_copy_in(req, 0, m->bytes + req->io.offset, req->io.bytes);
	else if (req->io.op == PORT_WRITE)
		io_req_copy_out(req, 0, m->bytes + req->io.offset, req->io.bytes);
	else
		st = ST_UNSUPPORTED;
	io_finish_later(req, st);
}

static inline void mem_close(struct io_dev *dev) { (void)dev; }

static inline void mem_dev_init(struct mem_dev *m, uint64_t bytes)
{
	static const struct io_dev_ops ops = { .submit = mem_submit, .close = mem_close };

	*m = (struct mem_dev){ .dev = { .ops = &ops, .size_bytes = bytes, .block_bytes = 512,
					.writable = 1, .name = "memory" } };
	m->bytes = port_alloc(bytes);
	VERIFY(m->bytes != NULL);
}

static inline void mem_dev_fini(struct mem_dev *m) { port_free(m->bytes); }

#endif
