/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lvm_io - requests in volume offsets.
 * Nearly all requests lie in the run that the last one used: one compare, and the device has
 * them. */
#include "vmfs/lvm_priv.h"

#include "iopath/base/search.h"

const struct lvm_run *lvm_find(struct lvm *lvm, uint64_t at)
{
	ASSERT(at < lvm->bytes);
	/* Runs are sorted and gapless: the last one that starts at or before `at`. */
	lvm->last_run = search_border(i, lvm->run_count, lvm->run[i].at <= at) - 1;
	return &lvm->run[lvm->last_run];
}

/* A frame's cursor counts the bytes of the request that have been handed down. */
static void piece_submit(struct lvm *lvm, struct io_req *req)
{
	struct io_frame *f = io_top(req);
	uint64_t at = f->offset + f->cursor;
	const struct lvm_run *run = lvm_find(lvm, at);

	req->io.offset = run->physical + (at - run->at);
	req->io.bytes = MIN(f->bytes - f->cursor, run->at + run->bytes - at);
	req->io.skip = f->skip + f->cursor;
	f->cursor += req->io.bytes;
	io_dev_submit(lvm->dev[run->dev].dev, req);
}

static void piece_done(struct io_req *req)
{
	struct io_frame *f = io_top(req);

	if (req->status == ST_OK && f->cursor < f->bytes) {
		piece_submit(f->ctx, req);
		return;
	}
	io_pop(req);
	req->done(req);
}

/* The frame's cursor is the next device to flush. */
static void flush_done(struct io_req *req)
{
	struct io_frame *f = io_top(req);
	struct lvm *lvm = f->ctx;

	if (req->status == ST_OK && f->cursor < lvm->dev_count) {
		io_dev_submit(lvm->dev[f->cursor++].dev, req);
		return;
	}
	io_pop(req);
	req->done(req);
}

static void submit_slow(struct lvm *lvm, struct io_req *req)
{
	uint64_t at = req->io.offset, bytes = req->io.bytes;
	const struct lvm_run *run;

	if (req->io.op == PORT_FLUSH) {
		io_push(req, flush_done, lvm)->cursor = 1;
		io_dev_submit(lvm->dev[0].dev, req);
		return;
	}
	if (at >= lvm->bytes || bytes > lvm->bytes - at) {
		io_finish_later(req, ST_RANGE);
		return;
	}
	run = lvm_find(lvm, at);
	if (bytes <= run->at + run->bytes - at) {
		req->io.offset = run->physical + (at - run->at);
		io_dev_submit(lvm->dev[run->dev].dev, req);
		return;
	}
	io_push(req, piece_done, lvm)->cursor = 0;
	piece_submit(lvm, req);
}

void lvm_submit(struct lvm *lvm, struct io_req *req)
{
	const struct lvm_run *run = &lvm->run[lvm->last_run];
	uint64_t in = req->io.offset - run->at;	/* wraps below the run: then larger than bytes */

	if (in < run->bytes && req->io.bytes <= run->bytes - in && req->io.op != PORT_FLUSH) {
		req->io.offset = run->physical + in;
		io_dev_submit(lvm->dev[run->dev].dev, req);
		return;
	}
	submit_slow(lvm, req);
}

static enum status submit_wait(struct lvm *lvm, enum port_io_op op, uint64_t at, void *buf,
			       uint64_t bytes)
{
	struct io_wait w;

	io_wait_begin(&w, op, at, buf, bytes);
	lvm_submit(lvm, &w.req);
	return io_wait_end(&w);
}

enum status lvm_read(struct lvm *lvm, uint64_t at, void *buf, uint64_t bytes)
{
	return submit_wait(lvm, PORT_READ, at, buf, bytes);
}

enum status lvm_write(struct lvm *lvm, uint64_t at, const void *buf, uint64_t bytes)
{
	return submit_wait(lvm, PORT_WRITE, at, (void *)(uintptr_t)buf, bytes);
}

enum status lvm_flush(struct lvm *lvm)
{
	return submit_wait(lvm, PORT_FLUSH, 0, NULL, 0);
}

enum status lvm_ats(struct lvm *lvm, uint64_t at, const struct lvm_swap *swap,
		    enum vaai_ats_result *result)
{
	struct io_ats ats = { .bytes = swap->bytes, .old = swap->old, .new = swap->new,
			      .seen = swap->seen, .exempt = swap->exempt };
	const struct lvm_run *run;

	if (at >= lvm->bytes || swap->bytes > lvm->bytes - at)
		return ST_RANGE;
	run = lvm_find(lvm, at);
	if (swap->bytes > run->at + run->bytes - at)
		return ST_RANGE;	/* no record of the format lies over a seam */
	ats.offset = run->physical + (at - run->at);
	return vaai_ats(lvm->dev[run->dev].dev, &ats, result);
}

enum status lvm_zero(struct lvm *lvm, uint64_t at, uint64_t bytes)
{
	enum status st = ST_OK;

	if (at > lvm->bytes || bytes > lvm->bytes - at)
		return ST_RANGE;
	while (bytes && st == ST_OK) {
		const struct lvm_run *run = lvm_find(lvm, at);
		uint64_t in = at - run->at, n = MIN(bytes, run->bytes - in);

		st = io_dev_zero(lvm->dev[run->dev].dev, run->physical + in, n);
		at += n;
		bytes -= n;
	}
	return st;
}

int lvm_known_zero(struct lvm *lvm, uint64_t at, uint64_t bytes)
{
	if (at > lvm->bytes || bytes > lvm->bytes - at)
		return 0;
	while (bytes) {
		const struct lvm_run *run = lvm_find(lvm, at);
		struct io_dev *dev = lvm->dev[run->dev].dev;
		uint64_t in = at - run->at, n = MIN(bytes, run->bytes - in);
		uint64_t data = 0, hole = 0;

		if (!dev->ops->next_data)
			return 0;
		dev->ops->next_data(dev, run->physical + in, &data, &hole);
		if (data < run->physical + in + n)
			return 0;
		at += n;
		bytes -= n;
	}
	return 1;
}
