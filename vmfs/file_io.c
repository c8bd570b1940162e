/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* file_io - the data path.
 *
 *	submit -> step: look the block up where its pointer lies -> one transfer below per run
 *	            |                                                     |
 *	            '-- what needs the mutex: to the worker --> resume <--'
 *
 * A request inside one contiguous run is one transfer; no lock, no allocation, no world. Holes and
 * blocks to be zeroed read as zeros. The worker, one world per volume, does the rest in straight
 * line: first writes to a block, growth, small files, uncached pointer blocks, and flushes that
 * need a commit. Then the request goes on by itself.
 *
 * A block is made all zeros before its pointer is set (I9), unless it is known to read so. One that
 * the write covers whole is written first instead. */
#include "vmfs/vmfs_priv.h"

static void transfer_done(struct io_req *req);

static struct vmfs_file *file_of(struct io_req *req) { return io_top(req)->ctx; }

/* ---- endings --------------------------------------------------------------------------------- */

static void end_now(struct io_req *req, enum status st)
{
	io_pop(req);
	req->status = st;
	req->done(req);
}

static void end(struct io_req *req, enum status st, int submitting)
{
	if (!submitting) {
		end_now(req, st);
		return;
	}
	io_pop(req);
	io_finish_later(req, st);
}

/* From a world: the request goes on outside of it, with nothing transferred now. */
void vmfs_io_resume(struct io_req *req)
{
	req->io.bytes = 0;
	io_finish_later(req, ST_OK);
}

static void give_to_worker(struct vmfs_volume *vol, struct list *queue, struct io_req *req)
{
	list_add_tail(queue, &req->link);
	vmfs_worker_wake(vol);
}

/* ---- lookups --------------------------------------------------------------------------------- */

/* The pointer to a block of a file with pointer blocks, through the memo of its page. */
static enum status leaf_pointer(struct vmfs_node *n, uint64_t block, uint64_t *addr)
{
	const struct vmfs_form *form = vmfs_form(n->vol);
	uint32_t per_page = META_PAGE_BYTES / form->ptr_bytes;
	uint64_t number = block / per_page;
	struct vmfs_memo *m = &n->memo[number % NODE_MEMOS];
	struct vmfs_slot slot;
	enum status st;

	if (m->page && m->number == number && m->page->at == m->at) {
		m->page->used = 1;
		*addr = vmfs_ptr_get(form, m->page->data + block % per_page * form->ptr_bytes);
		return ST_OK;
	}
	st = vmfs_fd_slot(n->vol, &n->fd, block, META_PEEK, &slot);
	if (st != ST_OK)
		return st;
	*addr = vmfs_map_value(n->vol, &slot);
	if (slot.page)
		*m = (struct vmfs_memo){ slot.page, slot.page->at, number };
	return ST_OK;
}

static enum status pointer(struct vmfs_node *n, uint64_t block, uint64_t *addr)
{
	const struct vmfs_layout *l = &n->vol->layout;
	const struct vmfs_form *form = l->form;
	enum status st = ST_OK;

	if (vmfs_fd_is_large(n->vol, &n->fd)) {
		st = vmfs_fd_pointer(n->vol, &n->fd, block, META_PEEK, addr);
	} else if (vmfs_fd_zla(&n->fd) == VMFS_ZLA_FB) {
		if (block >= form->ptrs)
			return ST_RANGE;
		*addr = vmfs_ptr_get(form, n->fd.page->data + n->fd.off + form->ptrs_at +
					       block * form->ptr_bytes);
	} else {
		st = leaf_pointer(n, block, addr);
	}
	if (st != ST_OK || !*addr)
		return st;
	*addr = vmfs_piece(l, *addr, block);
	return vmfs_is_block(l, *addr) && vmfs_layout_block(l, *addr) < l->blocks ? ST_OK
										  : ST_CORRUPT;
}

static int reads_zero(const struct vmfs_volume *vol, uint64_t addr)
{
	return !addr || vmfs_is_tbz(&vol->layout, addr);
}

/* How far blocks like the first one go on: contiguous ones, or ones that read as zeros. */
static uint64_t run_bytes(struct vmfs_node *n, uint64_t block, uint64_t addr, uint64_t first,
			  uint64_t want)
{
	const struct vmfs_layout *l = &n->vol->layout;
	uint64_t bytes = first, at = addr ? vmfs_layout_block(l, addr) : 0;
	int zero = reads_zero(n->vol, addr);

	for (uint64_t i = 1; bytes < want; i++) {
		uint64_t next = 0;

		if (pointer(n, block + i, &next) != ST_OK || reads_zero(n->vol, next) != zero ||
		    (!zero && vmfs_layout_block(l, next) != at + i))
			break;
		bytes += l->block_bytes;
	}
	return MIN(bytes, want);
}

/* ---- the steps of a request ------------------------------------------------------------------ */

static int is_small(const struct vmfs_node *n)
{
	uint32_t zla = vmfs_fd_zla(&n->fd);

	return zla == VMFS_ZLA_RESIDENT || zla == VMFS_ZLA_SB;
}

/* One transfer below, from the cursor on. */
static void transfer(struct io_req *req, struct vmfs_node *n, uint64_t at, uint64_t bytes)
{
	struct io_frame *f = io_top(req);

	n->inflight++;
	req->io.offset = at;
	req->io.bytes = bytes;
	req->io.skip = f->skip + f->cursor;
	req->done = transfer_done;
	lvm_submit(&n->vol->lvm, req);
}

enum next { NEXT_TRANSFER, NEXT_ZEROS, NEXT_WORKER, NEXT_FAIL };

/* What the piece at the cursor needs. */
static enum next look(struct io_req *req, struct vmfs_node *n, uint64_t *at, uint64_t *bytes,
		      enum status *st)
{
	struct io_frame *f = io_top(req);
	uint64_t offset = f->offset + f->cursor, left = f->bytes - f->cursor;
	uint64_t size = n->vol->layout.block_bytes, in_block = offset & (size - 1);
	uint64_t block = offset >> n->vol->layout.block_shift, addr = 0;
	int write = req->io.op != PORT_READ;

	if (is_small(n) || (write && f->offset + f->bytes > vmfs_fd_length(&n->fd)))
		return NEXT_WORKER;
	*st = pointer(n, block, &addr);
	if (*st == ST_BUSY)
		return NEXT_WORKER;
	if (*st == ST_OK && write && (addr & vmfs_form(n->vol)->fb_cow))
		*st = ST_REFUSED;
	block = vmfs_layout_block(&n->vol->layout, addr);
	if (*st == ST_OK && write && addr && block < n->vol->system_blocks)
		*st = ST_CORRUPT;
	if (*st != ST_OK)
		return NEXT_FAIL;
	*bytes = MIN(left, size - in_block);
	if (*bytes < left)
		*bytes = run_bytes(n, offset / size, addr, *bytes, left);
	if (reads_zero(n->vol, addr))
		return req->io.op == PORT_WRITE ? NEXT_WORKER : NEXT_ZEROS;
	*at = block * size + in_block;
	return NEXT_TRANSFER;
}

static void step(struct io_req *req, int submitting)
{
	struct io_frame *f = io_top(req);
	struct vmfs_node *n = file_of(req)->node;

	while (f->cursor < f->bytes) {
		uint64_t at = 0, bytes = 0;
		enum status st = ST_OK;

		if (req->io.op == PORT_READ && (n->vol->live.on || vmfs_live_due(n->vol))) {
			give_to_worker(n->vol, &n->vol->worker.slow, req);
			return;
		}
		if (n->frozen) {
			list_add_tail(&n->held, &req->link);
			return;
		}
		if (n->vol->failed == ST_LOST ||
		    (req->io.op != PORT_READ && n->vol->failed != ST_OK)) {
			end(req, n->vol->failed, submitting);
			return;
		}
		switch (look(req, n, &at, &bytes, &st)) {
		case NEXT_TRANSFER: transfer(req, n, at, bytes); return;
		case NEXT_WORKER: give_to_worker(n->vol, &n->vol->worker.slow, req); return;
		case NEXT_FAIL: end(req, st, submitting); return;
		case NEXT_ZEROS: break;
		}
		if (req->io.op == PORT_READ) {
			req->io.skip = f->skip + f->cursor;
			io_req_set_zero(req, 0, bytes);
		}
		f->cursor += bytes;
	}
	end(req, ST_OK, submitting);
}

/* The worker or a thaw let the request go on, or a transfer has ended. */
static void io_done(struct io_req *req)
{
	struct io_frame *f = io_top(req);

	f->cursor += req->io.bytes;
	if (req->status == ST_OK && f->cursor < f->bytes)
		step(req, 0);
	else
		end_now(req, req->status);
}

/* The gate was shut for a write, or a read may have come after the lease was over, and with it
 * another host's data: both are as if not done. Whether we are still a host, the worker finds out;
 * if so, the request is done again. */
static int came_too_late(const struct vmfs_volume *vol, const struct io_req *req)
{
	if (vol->failed != ST_OK)
		return 0;	/* step() ends what is failed */
	return req->io.op == PORT_READ ? vmfs_beat_lapsed(&vol->beat) : req->status == ST_LOST;
}

static void transfer_done(struct io_req *req)
{
	struct vmfs_node *n = file_of(req)->node;

	if (req->status == ST_RANGE)
		req->status = ST_DEVICE;	/* of a device that was cut short */
	if (--n->inflight == 0 && n->drainer)
		port_world_wake(n->drainer);
	req->done = io_done;
	if (n->vol->failed == ST_LOST)
		req->status = ST_LOST;
	if (came_too_late(n->vol, req)) {
		req->status = ST_OK;
		req->io.bytes = 0;
		give_to_worker(n->vol, &n->vol->worker.slow, req);
	} else {
		io_done(req);
	}
}

/* ---- submit ---------------------------------------------------------------------------------- */

static void flush_done(struct io_req *req) { end_now(req, req->status); }

static void submit_flush(struct vmfs_volume *vol, struct vmfs_file *f, struct io_req *req)
{
	io_push(req, flush_done, f);
	if (vmfs_journal_busy(vol))
		give_to_worker(vol, &vol->worker.flushers, req);
	else
		lvm_submit(&vol->lvm, req);
}

static enum status check_request(const struct vmfs_file *f, const struct io_req *req)
{
	uint64_t end_at = req->io.offset + req->io.bytes;

	if (req->io.op != PORT_READ && !f->writable)
		return ST_READONLY;
	if (end_at < req->io.offset)
		return ST_RANGE;
	if (req->io.op == PORT_READ)
		return end_at > vmfs_fd_length(&f->node->fd) ? ST_RANGE : ST_OK;
	return end_at > FILE_BYTES_MAX ? ST_LIMIT : f->node->vol->failed;
}

void vmfs_io_submit(struct store_file *file, struct io_req *req)
{
	struct vmfs_file *f = container_of(file, struct vmfs_file, base);
	struct vmfs_node *n = f->node;
	enum status st;

	if (req->io.op == PORT_FLUSH) {
		submit_flush(n->vol, f, req);
		return;
	}
	st = check_request(f, req);
	if (st != ST_OK || !req->io.bytes) {
		io_finish_later(req, st);
		return;
	}
	io_push(req, io_done, f)->cursor = 0;
	if (req->io.op != PORT_READ)
		n->written = 1;
	n->many_reads |= n->data_read;
	n->data_read |= req->io.op == PORT_READ;
	if (req->io.op == PORT_UNMAP)
		give_to_worker(n->vol, &n->vol->worker.slow, req);
	else
		step(req, 1);
}

/* ---- the worker's part ----------------------------------------------------------------------- */

/* Bytes of a small file, or of a file whose pointer block had to be read. */
static enum status slow_read(struct vmfs_node *n, struct io_req *req)
{
	struct io_frame *f = io_top(req);
	uint64_t offset = f->offset + f->cursor, left = f->bytes - f->cursor;
	uint64_t addr;
	uint8_t *buf;
	enum status st = ST_OK;

	if (!is_small(n))
		return vmfs_fd_pointer(n->vol, &n->fd, offset >> n->vol->layout.block_shift,
				       META_READ, &addr);
	buf = port_alloc(META_PAGE_BYTES);
	if (!buf)
		return ST_NOMEM;
	req->io.skip = f->skip + f->cursor;
	for (uint64_t at = 0; at < left && st == ST_OK;) {
		uint64_t part = MIN(left - at, META_PAGE_BYTES);

		st = vmfs_fd_read(n->vol, &n->fd, offset + at, buf, part);
		if (st == ST_OK)
			io_req_copy_in(req, at, buf, part);
		at += part;
	}
	port_free(buf);
	req->io.bytes = left;
	return st;
}

struct slow_write { struct vmfs_node *node; struct io_req *req; };

static enum status write_small(struct vmfs_volume *vol, struct slow_write *w)
{
	struct io_req *req = w->req;
	struct io_frame *f = io_top(req);
	uint64_t offset = f->offset + f->cursor, left = f->bytes - f->cursor;
	uint8_t *buf = port_alloc(left);
	enum status st;

	if (!buf)
		return ST_NOMEM;
	req->io.skip = f->skip + f->cursor;
	if (req->io.op == PORT_WRITE)
		io_req_copy_out(req, 0, buf, left);
	st = vmfs_fd_write(vol, &w->node->fd, offset, buf, left);
	port_free(buf);
	req->io.bytes = left;
	return st;
}

/* The request's own data into a block that no pointer names yet. */
static enum status write_whole(struct vmfs_volume *vol, struct io_req *req, uint64_t block)
{
	struct io_frame *f = io_top(req);
	struct io_wait w;
	enum status st;

	io_wait_begin(&w, PORT_WRITE, block * vol->layout.block_bytes, NULL,
		      vol->layout.block_bytes);
	w.req.io.vec = req->io.vec;
	w.req.io.vec_count = req->io.vec_count;
	w.req.io.skip = f->skip + f->cursor;
	lvm_submit(&vol->lvm, &w.req);
	st = io_wait_end(&w);
	if (st == ST_OK)
		req->io.bytes = vol->layout.block_bytes;
	return st;
}

/* Make the content of a block right for the moment when its pointer appears. */
static enum status settle(struct vmfs_volume *vol, struct io_req *req, uint64_t block)
{
	struct io_frame *f = io_top(req);
	uint64_t size = vol->layout.block_bytes, offset = f->offset + f->cursor;
	int whole = req->io.op == PORT_WRITE && offset % size == 0 && f->bytes - f->cursor >= size;

	if (!whole || lvm_known_zero(&vol->lvm, block * size, size))
		return vmfs_block_clean(vol, block, 1);
	return write_whole(vol, req, block);
}

static uint64_t goal_of(struct vmfs_node *n, uint64_t block)
{
	uint64_t addr = 0;

	if (!block || vmfs_fd_pointer(n->vol, &n->fd, block - 1, META_READ, &addr) != ST_OK ||
	    !addr)
		return 0;
	return vmfs_layout_block(&n->vol->layout, addr) + 1;
}

/* A block of its own for the byte at the cursor, or the end of its to-be-zeroed state. */
static enum status make_block(struct vmfs_volume *vol, struct slow_write *w)
{
	struct io_frame *f = io_top(w->req);
	const struct vmfs_fd *fd = &w->node->fd;
	uint64_t block = (f->offset + f->cursor) >> vol->layout.block_shift;
	uint64_t first = 0, count, addr, was;
	struct vmfs_slot slot;
	enum status st = vmfs_map_slot(vol, fd, block, &slot);

	if (st != ST_OK)
		return st;
	was = vmfs_map_value(vol, &slot);
	addr = vmfs_piece(&vol->layout, was, block);
	if (!reads_zero(vol, addr))
		return ST_OK;
	if (addr & vmfs_form(vol)->fb_cow)
		return ST_REFUSED;
	if (addr && vmfs_is_part_tbz(&vol->layout, addr))
		return ST_UNSUPPORTED;
	if (!addr)
		st = vmfs_alloc_blocks(vol, goal_of(w->node, block), 1, &first, &count);
	else
		first = vmfs_layout_block(&vol->layout, addr);
	if (st == ST_OK && (first >= vol->layout.blocks || first < vol->system_blocks))
		st = ST_CORRUPT;
	if (st == ST_OK)
		st = settle(vol, w->req, first);
	if (st == ST_OK)
		st = vmfs_fd_count(vol, fd, addr ? 0 : 1, addr ? -1 : 0, 0);
	if (st != ST_OK)
		return st;
	/* One of a large block goes on naming that. */
	return vmfs_map_set(vol, &slot, addr ? was & ~vmfs_form(vol)->fb_tbz
					     : vmfs_layout_block_addr(&vol->layout, first));
}

static enum status slow_write_op(struct vmfs_volume *vol, void *arg)
{
	struct slow_write *w = arg;
	struct io_frame *f = io_top(w->req);
	uint64_t end_at = f->offset + f->bytes;
	enum status st = ST_OK;

	w->req->io.bytes = 0;
	if (end_at > vmfs_fd_length(&w->node->fd))
		st = vmfs_file_grow(w->node, end_at, f->offset);
	if (st != ST_OK)
		return st;
	if (is_small(w->node))
		return write_small(vol, w);
	return w->req->io.op == PORT_WRITE ? make_block(vol, w) : ST_OK;
}

static enum status slow_write(struct vmfs_node *n, struct io_req *req)
{
	struct slow_write w = { n, req };
	struct io_frame *f = io_top(req);
	enum status st = ST_OK;

	vmfs_node_freeze(n);
	if (f->offset + f->bytes > vmfs_fd_length(&n->fd))
		st = vmfs_file_trim_beyond(n);
	if (st == ST_OK)
		st = vmfs_meta_run(n->vol, MAP_REACH_NEED, slow_write_op, &w);
	vmfs_node_thaw(n);
	return st;
}

static void serve(struct vmfs_volume *vol, struct io_req *req)
{
	struct vmfs_node *n = file_of(req)->node;
	struct io_frame *f = io_top(req);
	enum status st;

	req->io.bytes = 0;
	st = vmfs_beat_check(vol);
	if (st == ST_LOST || (st != ST_OK && req->io.op != PORT_READ)) {
		;	/* and no more */
	} else if (req->io.op == PORT_READ) {
		st = slow_read(n, req);
	} else if (req->io.op == PORT_UNMAP) {
		st = vmfs_file_punch(n, f->offset, f->bytes);
		req->io.bytes = f->bytes;
	} else {
		st = slow_write(n, req);
	}
	io_finish_later(req, st);
}

/* All flushes that wait now share one commit; it covers what ended before they came. */
static void serve_flushers(struct vmfs_volume *vol)
{
	struct list all;
	struct list *l;
	enum status st;

	if (list_empty(&vol->worker.flushers))
		return;
	list_init(&all);
	list_splice_tail(&all, &vol->worker.flushers);
	st = vmfs_journal_commit(vol);
	while ((l = list_pop(&all)))
		io_finish_later(list_entry(l, struct io_req, link), st);
}

static void work(struct vmfs_volume *vol)
{
	struct list now;
	struct list *l;

	list_init(&now);
	vmfs_enter(vol);
	list_splice_tail(&now, &vol->worker.slow);
	if (vmfs_live_due(vol) && vmfs_live_sample(vol) != ST_OK)
		vol->live.sampled_ns = port_now_ns();	/* no memory: in a second again */
	if (vol->live.on)
		vmfs_live_serve(vol, &now);
	while ((l = list_pop(&now))) {
		serve(vol, list_entry(l, struct io_req, link));
		vmfs_meta_relax(vol);
	}
	serve_flushers(vol);
	if (vol->worker.age == GROUP_OLD && vol->failed == ST_OK) {
		vmfs_file_stamp(vol);
		if (vmfs_journal_commit(vol) != ST_OK)
			log_line(LOG_ERROR, "vmfs: %s: commit failed -> read only from now on",
				 vol->store.name);
	}
	if (vol->peers.patrol)
		vmfs_peer_patrol(vol);
	vmfs_leave(vol);
}

static int work_to_do(const struct vmfs_volume *vol)
{
	const struct vmfs_worker *w = &vol->worker;

	return !list_empty(&w->slow) || !list_empty(&w->flushers) ||
	       (w->age == GROUP_OLD && vol->failed == ST_OK) ||
	       (vol->peers.patrol && !w->stopping);
}

static void worker_main(void *arg)
{
	struct vmfs_volume *vol = arg;
	struct vmfs_worker *w = &vol->worker;

	while (!w->stopping || work_to_do(vol)) {
		if (work_to_do(vol))
			work(vol);
		else
			port_world_park();
	}
	w->world = NULL;
	if (w->waiter)
		port_world_wake(w->waiter);
}

static void group_is_old(struct port_timer *timer)
{
	struct vmfs_volume *vol = container_of(timer, struct vmfs_volume, worker.timer);

	vol->worker.age = GROUP_OLD;
	vmfs_worker_wake(vol);
}

void vmfs_worker_wake(struct vmfs_volume *vol)
{
	if (vol->worker.world)
		port_world_wake(vol->worker.world);
}

enum status vmfs_worker_start(struct vmfs_volume *vol)
{
	struct vmfs_worker *w = &vol->worker;

	port_timer_init(&w->timer, group_is_old);
	w->world = port_world_start("vmfs", worker_main, vol);
	return w->world ? ST_OK : ST_NOMEM;
}

void vmfs_worker_stop(struct vmfs_volume *vol)
{
	struct vmfs_worker *w = &vol->worker;

	w->stopping = 1;
	port_timer_stop(&w->timer);
	vmfs_worker_wake(vol);
	while (w->world) {
		w->waiter = port_world_self();
		port_world_park();
	}
}
