/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Flat extents: virtual byte b is byte file_offset + b of the file. Also raw images, whose last
 * sector may be cut short, and ZERO extents, which have no file. */
#include "vmdk/vmdk_priv.h"

static void flat_done(struct io_req *req)
{
	io_pop(req);
	req->done(req);
}

static void flat_submit(struct vmdk_extent *x, struct io_req *req)
{
	if (req->io.op == PORT_UNMAP && !desc_get(&x->disk->desc, "ddb.thinProvisioned") &&
	    x->disk->kind != VMDK_RAW) {
		io_finish_later(req, ST_UNSUPPORTED);	/* a thick disk keeps its room */
		return;
	}
	if (x->file_offset) {
		io_push(req, flat_done, x);
		req->io.offset += x->file_offset;
	}
	x->file->store->ops->submit(x->file, req);
}

enum status extent_file_map(struct vmdk_extent *x, uint64_t at, struct store_run *run)
{
	struct store_run *known = &x->known;
	const struct store_ops *ops = x->file->store->ops;
	enum status st = ST_OK;
	uint64_t skip;

	/* Grains are met in any order: one question about where they start mostly does for all. */
	if (x->data_at && known->bytes == 0)
		(void)!ops->file_map(x->file, x->data_at, known);
	if (x->disk->writable || at < known->offset || at - known->offset >= known->bytes)
		st = ops->file_map(x->file, at, known);
	if (st != ST_OK) {
		known->bytes = 0;
		return st;
	}
	*run = *known;
	skip = at - run->offset;
	run->offset += skip;
	run->bytes -= skip;
	if (run->where != ~0ull)
		run->where += skip;
	if (run->dev)
		run->dev_offset += skip;
	return ST_OK;
}

/* What the file says of a range, cut to the extent. */
static enum status flat_map(struct vmdk_extent *x, struct vmdk_run *run)
{
	struct store_run r;
	uint64_t at = x->file_offset + run->offset;
	enum status st = extent_file_map(x, at, &r);

	if (st != ST_OK)
		return st;
	run->bytes = MIN(r.offset + r.bytes - at, x->bytes - run->offset);
	run->present = r.kind != STORE_RUN_HOLE;
	run->zero = r.kind != STORE_RUN_DATA;
	run->compressed = 0;
	run->where = run->present ? at : ~0ull;
	return ST_OK;
}

/* All of it is data: whether the file has a hole there is asked when a map needs it. */
static enum status flat_look(struct vmdk_extent *x, uint64_t offset, uint64_t bytes,
			     struct look_run *run)
{
	*run = (struct look_run){ LOOK_DATA, bytes, x->file_offset + offset };
	return ST_OK;
}

const struct vmdk_extent_ops flat_extent_ops = {
	.name = "flat", .submit = flat_submit, .map = flat_map, .look = flat_look,
};

/* ---- raw images ------------------------------------------------------------------------------ */

static void raw_read_done(struct io_req *req)
{
	uint64_t got = req->io.bytes;

	io_pop(req);
	if (req->status == ST_OK)
		io_req_set_zero(req, got, req->io.bytes - got);
	req->done(req);
}

/* The last sector of a file that does not end on one reads as if zeros followed. */
static void raw_submit(struct vmdk_extent *x, struct io_req *req)
{
	uint64_t end = req->io.offset + req->io.bytes;

	if (req->io.op == PORT_READ && end > x->file_bytes) {
		io_push(req, raw_read_done, x);
		req->io.bytes = x->file_bytes - req->io.offset;
	} else if (req->io.op != PORT_READ && end > x->file_bytes) {
		x->file_bytes = x->bytes;	/* the write extends the file */
	}
	flat_submit(x, req);
}

static enum status raw_map(struct vmdk_extent *x, struct vmdk_run *run)
{
	enum status st = flat_map(x, run);

	if (st == ST_OK && run->offset + run->bytes == x->file_bytes)
		run->bytes = x->bytes - run->offset;
	return st;
}

const struct vmdk_extent_ops raw_extent_ops = {
	.name = "raw", .submit = raw_submit, .map = raw_map,
};

/* ---- no file --------------------------------------------------------------------------------- */

static void zero_submit(struct vmdk_extent *x, struct io_req *req)
{
	(void)x;
	if (req->io.op == PORT_WRITE) {
		io_finish_later(req, ST_READONLY);
		return;
	}
	if (req->io.op == PORT_READ)
		io_req_set_zero(req, 0, req->io.bytes);
	io_finish_later(req, ST_OK);
}

static enum status zero_map(struct vmdk_extent *x, struct vmdk_run *run)
{
	run->bytes = x->bytes - run->offset;
	run->present = 0;
	run->zero = 1;
	run->compressed = 0;
	run->where = ~0ull;
	return ST_OK;
}

static enum status zero_look(struct vmdk_extent *x, uint64_t offset, uint64_t bytes,
			     struct look_run *run)
{
	(void)x;
	(void)offset;
	*run = (struct look_run){ LOOK_ZERO, bytes, 0 };
	return ST_OK;
}

const struct vmdk_extent_ops zero_extent_ops = {
	.name = "zero", .submit = zero_submit, .map = zero_map, .look = zero_look,
};
