/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Requests on a disk. One flat extent at offset 0: the request goes to the file as it is. Otherwise
 * it is cut at the borders of extents, one piece after the other.
 *
 * What may wait (storing a new CID before the first write, loading a grain table, allocating a
 * grain) is done by the disk's worker, a world that runs straight-line code; so there is one order
 * of such steps and no lock. */
#include "vmdk/vmdk_priv.h"

#include "iopath/base/fmt.h"
#include "iopath/base/search.h"

static void route(struct vmdk_disk *d, struct io_req *req);

/* The extent that has the byte; the first one starts at 0. */
struct vmdk_extent *disk_extent_at(struct vmdk_disk *d, uint64_t offset)
{
	return &d->extents[search_border(i, d->extent_count, d->extents[i].start <= offset) - 1];
}

/* ---- cutting at extents ---------------------------------------------------------------------- */

/* May this extent take such a request? */
static enum status refuse(const struct vmdk_extent *x, uint8_t op)
{
	if (x->access == DESC_NOACCESS)
		return ST_REFUSED;
	if (op != PORT_READ && x->access == DESC_RDONLY)
		return ST_READONLY;
	return ST_OK;
}

/* Pass on the next piece, from frame->cursor bytes into the request on. */
static void next_piece(struct io_req *req, int inside_submit)
{
	struct io_frame *f = io_top(req);
	struct vmdk_disk *d = f->ctx;
	uint64_t at = f->offset + f->cursor;
	struct vmdk_extent *x;
	enum status st = req->status;

	if (st == ST_OK && f->cursor < f->bytes) {
		x = disk_extent_at(d, at);
		st = refuse(x, req->io.op);
		if (st == ST_OK) {
			req->io.offset = at - x->start;
			req->io.bytes = MIN(f->bytes - f->cursor, x->start + x->bytes - at);
			req->io.skip = f->skip + f->cursor;
			f->cursor += req->io.bytes;
			if (req->io.op != PORT_READ)
				x->written = 1;
			x->ops->submit(x, req);
			return;
		}
	}
	io_pop(req);
	if (inside_submit) {
		io_finish_later(req, st);
		return;
	}
	req->status = st;
	req->done(req);
}

static void piece_done(struct io_req *req) { next_piece(req, 0); }

static void route(struct vmdk_disk *d, struct io_req *req)
{
	struct vmdk_extent *x = &d->extents[0];

	if (d->chain) {
		chain_submit(d->chain, req);
		return;
	}
	if (d->extent_count == 1 && x->access == DESC_RW) {
		if (req->io.op != PORT_READ)
			x->written = 1;
		x->ops->submit(x, req);
		return;
	}
	io_push(req, piece_done, d)->cursor = 0;
	req->status = ST_OK;
	next_piece(req, 1);
}

static void submit_checked(struct vmdk_disk *d, struct io_req *req)
{
	if (req->io.op == PORT_FLUSH) {
		if (!d->writable) {
			io_finish_later(req, ST_OK);
			return;
		}
		list_add_tail(&d->worker.flushes, &req->link);
		worker_kick(d);
		return;
	}
	if (req->io.offset > d->bytes || req->io.bytes > d->bytes - req->io.offset) {
		io_finish_later(req, ST_RANGE);
	} else if ((req->io.offset | req->io.bytes) % SECTOR_BYTES) {
		io_finish_later(req, ST_INVAL);
	} else if (req->io.op != PORT_READ && (!d->writable || d->broken != ST_OK)) {
		io_finish_later(req, d->writable ? d->broken : ST_READONLY);
	} else if (req->io.bytes == 0) {
		io_finish_later(req, ST_OK);
	} else if (req->io.op != PORT_READ && !d->stamped) {
		list_add_tail(&d->worker.unstamped, &req->link);
		worker_kick(d);
	} else {
		route(d, req);
	}
}

void vmdk_submit(struct vmdk_disk *disk, struct io_req *req)
{
	if (disk->direct &&
	    (req->io.op == PORT_READ || (disk->stamped && req->io.op != PORT_UNMAP)) &&
	    req->io.offset <= disk->bytes && req->io.bytes <= disk->bytes - req->io.offset) {
		disk->direct->store->ops->submit(disk->direct, req);
		return;
	}
	submit_checked(disk, req);
}

static enum status transfer(struct vmdk_disk *d, enum port_io_op op, uint64_t offset, void *buf,
			    uint64_t bytes)
{
	struct io_wait w;

	io_wait_begin(&w, op, offset, buf, bytes);
	vmdk_submit(d, &w.req);
	return io_wait_end(&w);
}

enum status vmdk_read(struct vmdk_disk *disk, uint64_t offset, void *buf, uint64_t bytes)
{
	return transfer(disk, PORT_READ, offset, buf, bytes);
}

enum status vmdk_write(struct vmdk_disk *disk, uint64_t offset, const void *buf, uint64_t bytes)
{
	return transfer(disk, PORT_WRITE, offset, (void *)(uintptr_t)buf, bytes);
}

/* Runs of one kind that follow each other are one, also over the border of two extents when there
 * is nothing to tell them apart. */
static int same_kind(const struct vmdk_run *a, const struct vmdk_run *b)
{
	if (a->present != b->present || a->zero != b->zero || a->compressed != b->compressed ||
	    a->depth != b->depth)
		return 0;
	if (a->where == ~0ull || b->where == ~0ull)
		return a->where == b->where && (!a->present || a->zero);
	return !a->compressed && a->extent == b->extent && a->where + a->bytes == b->where;
}

static enum status map_once(struct vmdk_disk *d, uint64_t offset, struct vmdk_run *run)
{
	struct vmdk_extent *x = disk_extent_at(d, offset);
	enum status st;

	if (d->chain) {
		run->offset = offset;
		return chain_map(d->chain, offset, run);
	}
	run->depth = 0;
	run->offset = offset - x->start;
	run->extent = (uint32_t)(x - d->extents);
	st = x->ops->map(x, run);
	run->offset = offset;
	return st;
}

#define MAP_MERGES_MAX 4096	/* pieces looked at in one call: it stays short */

enum status vmdk_map(struct vmdk_disk *disk, uint64_t offset, struct vmdk_run *run)
{
	struct vmdk_run next;
	enum status st;

	if (offset >= disk->bytes)
		return ST_RANGE;
	st = map_once(disk, offset, run);
	for (int i = 0; st == ST_OK && i < MAP_MERGES_MAX; i++) {
		if (run->offset + run->bytes >= disk->bytes)
			break;
		st = map_once(disk, run->offset + run->bytes, &next);
		if (st != ST_OK || !same_kind(run, &next))
			break;
		run->bytes += next.bytes;
	}
	return st;
}

/* ---- the worker ------------------------------------------------------------------------------ */

static void transfer_done(struct io_req *req)
{
	struct vmdk_disk *d = io_top(req)->ctx;

	io_pop(req);
	d->worker.io_done = 1;
	port_world_wake(d->worker.world);
}

enum status worker_transfer(struct vmdk_disk *d, struct store_file *f, struct io_req *req,
			    uint64_t offset, uint64_t bytes, uint64_t skip)
{
	io_push(req, transfer_done, d);
	req->io.offset = offset;
	req->io.bytes = bytes;
	req->io.skip = skip;
	d->worker.io_done = 0;
	f->store->ops->submit(f, req);
	while (!d->worker.io_done)
		port_world_park();
	return req->status;
}

enum status desc_write_embedded(const struct desc *desc, struct store_file *f, uint64_t lba,
				uint64_t sectors, struct why *why)
{
	size_t size = sectors * SECTOR_BYTES;
	char *buf = port_dma_alloc(size);
	enum status st;

	if (!buf)
		return ST_NOMEM;
	if (desc_write(desc, buf, size) >= size)
		st = why_set(why, ST_LIMIT, "the descriptor does not fit its %llu sectors",
			     (unsigned long long)sectors);
	else
		st = store_write(f, lba * SECTOR_BYTES, buf, size);
	port_dma_free(buf, size);
	return st;
}

/* A file of its own is replaced in one step; one inside of the extent is written in place. */
enum status disk_write_descriptor(struct vmdk_disk *d, struct why *why)
{
	size_t n = desc_write(&d->desc, NULL, 0);
	char *text;
	enum status st;

	if (n >= DESC_TEXT_MAX)
		return ST_LIMIT;
	text = port_alloc(n + 1);
	if (!text)
		return ST_NOMEM;
	desc_write(&d->desc, text, n + 1);
	st = store_replace(d->store, d->path, 0600, text, n, why);
	if (st == ST_OK) {
		port_free(d->text);
		d->text = text;
	} else {
		port_free(text);
	}
	return st;
}

/* Before the first write of an opening: each extent marks itself unclean, then the disk gets a new
 * content id. A disk whose id cannot be stored is not written to. */
static enum status stamp(struct vmdk_disk *d)
{
	enum status st = ST_OK;
	uint32_t old = d->desc.cid;

	for (uint32_t i = 0; i < d->extent_count && st == ST_OK; i++)
		if (d->extents[i].ops->first_write && d->extents[i].access == DESC_RW)
			st = d->extents[i].ops->first_write(&d->extents[i]);
	if (st == ST_OK && !d->no_descriptor) {
		d->desc.cid = ident_new_cid(old);
		if (desc_get(&d->desc, "ddb.longContentID"))
			st = ident_set_long_id(&d->desc, 0);
		if (st == ST_OK && !d->embedded)
			st = disk_write_descriptor(d, NULL);
		else if (st == ST_OK)
			st = sparse_write_descriptor(&d->extents[0]);
	}
	if (st == ST_OK)
		d->stamped = 1;
	else
		d->desc.cid = old;
	return st;
}

static void serve_unstamped(struct vmdk_disk *d)
{
	struct list *n;

	if (list_empty(&d->worker.unstamped))
		return;
	if (!d->stamped && d->broken == ST_OK)
		d->broken = stamp(d);
	while ((n = list_pop(&d->worker.unstamped)) != NULL) {
		struct io_req *req = list_entry(n, struct io_req, link);

		if (d->stamped)
			route(d, req);
		else
			io_finish_later(req, d->broken);
	}
}

static void serve_slow(struct vmdk_disk *d)
{
	if (d->chain)
		chain_work(d->chain);
	for (uint32_t i = 0; i < d->extent_count; i++) {
		struct vmdk_extent *x = &d->extents[i];
		struct list batch;

		if (list_empty(&x->slow))
			continue;
		list_init(&batch);
		list_splice_tail(&batch, &x->slow);
		x->ops->work(x, &batch);
	}
}

static enum status flush_files(struct vmdk_disk *d)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < d->extent_count && st == ST_OK; i++) {
		if (!d->extents[i].file || !(d->extents[i].written || d->direct))
			continue;
		d->extents[i].written = 0;
		st = store_flush(d->extents[i].file);
		if (st != ST_OK)
			d->extents[i].written = 1;
	}
	return st;
}

/* Flushes that came together are one. */
static void serve_flushes(struct vmdk_disk *d)
{
	struct list batch, *n;
	enum status st;

	if (list_empty(&d->worker.flushes))
		return;
	list_init(&batch);
	list_splice_tail(&batch, &d->worker.flushes);
	st = flush_files(d);
	while ((n = list_pop(&batch)) != NULL)
		io_finish_later(list_entry(n, struct io_req, link), st);
}

static void worker_main(void *arg)
{
	struct vmdk_disk *d = arg;

	while (!d->worker.stop) {
		d->worker.wake = 0;
		serve_unstamped(d);
		serve_slow(d);
		serve_flushes(d);
		while (!d->worker.wake && !d->worker.stop)
			port_world_park();
	}
	d->worker.running = 0;
	port_world_wake(d->worker.closer);
}

/* No world: what waits ends with ST_NOMEM. */
static void fail_waiting(struct vmdk_disk *d)
{
	struct list all, *n;

	list_init(&all);
	list_splice_tail(&all, &d->worker.unstamped);
	list_splice_tail(&all, &d->worker.flushes);
	while ((n = list_pop(&all)) != NULL)
		io_finish_later(list_entry(n, struct io_req, link), ST_NOMEM);
	if (d->chain)
		chain_fail_waiting(d->chain, ST_NOMEM);
	for (uint32_t i = 0; i < d->extent_count; i++)
		while ((n = list_pop(&d->extents[i].slow)) != NULL) {
			struct io_req *req = list_entry(n, struct io_req, link);

			io_pop(req);
			io_finish_later(req, ST_NOMEM);
		}
}

void worker_kick(struct vmdk_disk *d)
{
	d->worker.wake = 1;
	if (d->worker.running) {
		port_world_wake(d->worker.world);
		return;
	}
	d->worker.world = port_world_start("vmdk", worker_main, d);
	if (d->worker.world)
		d->worker.running = 1;
	else
		fail_waiting(d);
}

void disk_defer(struct vmdk_extent *x, struct io_req *req)
{
	list_add_tail(&x->slow, &req->link);
	worker_kick(x->disk);
}

void worker_stop(struct vmdk_disk *d)
{
	d->worker.closer = port_world_self();
	d->worker.stop = 1;
	if (d->worker.running)
		port_world_wake(d->worker.world);
	while (d->worker.running)
		port_world_park();
}
