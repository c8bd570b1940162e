/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Hosted sparse extents, the worker's side: straight-line code.
 *
 * The order of writes, so that a power cut leaves at worst room that nobody uses:
 *   1. before the first write: unclean = 1, flush (then the disk stores its new CID)
 *   2. grains of a batch of requests, appended; one flush for all of them
 *   3. the entries: redundant table, then table; a new table's directory entry after a flush
 *   4. done() of the batch
 *   5. at close: flush, unclean = 0, flush */
#include "vmdk/sparse_priv.h"

/* ---- tables out ------------------------------------------------------------------------------ */

static enum status write_table(struct sparse *sp, struct gt_slot *s)
{
	uint64_t bytes = 4ull * sp->h.gtes;
	enum status st = ST_OK;

	if (sp->rgd && le32_get(sp->rgd[s->table]))
		st = store_write(sp->file, (uint64_t)le32_get(sp->rgd[s->table]) * SECTOR_BYTES,
				 s->entries, bytes);
	if (st == ST_OK)
		st = store_write(sp->file, (uint64_t)le32_get(sp->gd[s->table]) * SECTOR_BYTES,
				 s->entries, bytes);
	return st;
}

static enum status write_directories(struct sparse *sp)
{
	uint64_t bytes = 4ull * sp->table_count;
	enum status st = store_flush(sp->file);

	if (st == ST_OK && sp->rgd)
		st = store_write(sp->file, sp->h.rgd_lba * SECTOR_BYTES, sp->rgd, bytes);
	if (st == ST_OK)
		st = store_write(sp->file, sp->h.gd_lba * SECTOR_BYTES, sp->gd, bytes);
	return st;
}

/* On failure what is dirty stays so: the next commit tries again. */
enum status sparse_commit(struct sparse *sp)
{
	enum status st;

	if (list_empty(&sp->dirty))
		return ST_OK;
	st = store_flush(sp->file);
	while (st == ST_OK && !list_empty(&sp->dirty)) {
		struct gt_slot *s = list_first(&sp->dirty, struct gt_slot, dirty);

		st = write_table(sp, s);
		if (st == ST_OK)
			list_del(&s->dirty);
	}
	if (st == ST_OK && sp->gd_dirty) {
		st = write_directories(sp);
		if (st == ST_OK)
			sp->gd_dirty = 0;
	}
	sp->x->written = 1;
	return st;
}

static void set_entry(struct sparse *sp, struct gt_slot *s, uint64_t grain, uint32_t gte)
{
	le32_set(&s->entries[grain % sp->h.gtes], gte);
	if (list_empty(&s->dirty))
		list_add_tail(&sp->dirty, &s->dirty);
}

/* ---- room ------------------------------------------------------------------------------------ */

static enum status take_room(struct sparse *sp, uint64_t sectors, uint32_t *lba)
{
	if (sp->next_free + sectors > UINT32_MAX)
		return ST_LIMIT;	/* entries have 32 bits */
	*lba = (uint32_t)sp->next_free;
	sp->next_free += round_up(sectors, sp->h.grain);
	return ST_OK;
}

/* Other programs leave tables out until they are needed. */
static enum status need_table(struct sparse *sp, struct gt_slot *s)
{
	uint32_t gt_sectors = sparse_gt_sectors(&sp->h), lba;
	enum status st;

	if (le32_get(sp->gd[s->table]))
		return ST_OK;
	st = take_room(sp, 2 * gt_sectors, &lba);
	if (st != ST_OK)
		return st;
	le32_set(&sp->gd[s->table], lba);
	if (sp->rgd)
		le32_set(&sp->rgd[s->table], lba + gt_sectors);
	sp->gd_dirty = 1;
	return ST_OK;
}

/* ---- writes ---------------------------------------------------------------------------------- */

/* A grain of which the request has only a part: zeros around it. */
static enum status write_padded(struct sparse *sp, struct io_req *req, uint64_t at,
				uint64_t in_grain, uint64_t bytes)
{
	uint64_t grain_bytes = sp->h.grain * SECTOR_BYTES;
	struct io_frame *f = io_top(req);
	uint8_t *buf = port_dma_alloc(grain_bytes);
	enum status st;

	if (!buf)
		return ST_NOMEM;
	req->io.skip = f->skip;
	io_req_copy_out(req, f->cursor, buf + in_grain, bytes);
	st = store_write(sp->file, at, buf, grain_bytes);
	port_dma_free(buf, grain_bytes);
	return st;
}

/* New grains for the start of what is left of the request: as many whole ones as lie in one table
 * and are all missing, or one that is written in part. */
static enum status write_new(struct sparse *sp, struct io_req *req, struct gt_slot *s,
			     uint64_t bytes)
{
	uint64_t grain_bytes = sp->h.grain * SECTOR_BYTES;
	struct io_frame *f = io_top(req);
	uint64_t offset = f->offset + f->cursor, grain = offset / grain_bytes;
	uint64_t in_grain = offset % grain_bytes;
	uint64_t count = MIN(bytes / grain_bytes, sp->h.gtes - grain % sp->h.gtes);
	enum status st = need_table(sp, s);
	uint32_t lba;

	if (in_grain || count == 0) {
		count = 1;
		bytes = MIN(bytes, grain_bytes - in_grain);
	} else {
		bytes = count * grain_bytes;
	}
	if (st == ST_OK)
		st = take_room(sp, count * sp->h.grain, &lba);
	if (st != ST_OK)
		return st;
	if (bytes < grain_bytes)
		st = write_padded(sp, req, (uint64_t)lba * SECTOR_BYTES, in_grain, bytes);
	else
		st = worker_transfer(sp->x->disk, sp->file, req, (uint64_t)lba * SECTOR_BYTES,
				     bytes, f->skip + f->cursor);
	if (st != ST_OK)
		return st;	/* the room is lost until the next check */
	sp->file_bytes = MAX(sp->file_bytes, ((uint64_t)lba + count * sp->h.grain) * SECTOR_BYTES);
	for (uint64_t i = 0; i < count; i++)
		set_entry(sp, s, grain + i, (uint32_t)(lba + i * sp->h.grain));
	f->cursor += bytes;
	return ST_OK;
}

/* Zeros over data: whole grains become zero entries where the format has them. */
static enum status zero_present(struct sparse *sp, struct io_req *req, struct gt_slot *s,
				const struct look_run *run)
{
	uint64_t grain_bytes = sp->h.grain * SECTOR_BYTES;
	struct io_frame *f = io_top(req);
	uint64_t offset = f->offset + f->cursor;
	uint64_t bytes = MIN(run->bytes, grain_bytes - offset % grain_bytes);
	enum status st = ST_OK;

	if (bytes == grain_bytes && (sp->h.flags & SPARSE_ZERO_GRAINS))
		set_entry(sp, s, offset / grain_bytes, SPARSE_GTE_ZERO);
	else
		st = file_zero(sp->file, run->where, bytes);
	f->cursor += bytes;
	return st;
}

static enum status write_in_place(struct sparse *sp, struct io_req *req, const struct look_run *run)
{
	struct io_frame *f = io_top(req);
	enum status st = worker_transfer(sp->x->disk, sp->file, req, run->where, run->bytes,
					 f->skip + f->cursor);

	f->cursor += run->bytes;
	return st;
}

static enum status change(struct sparse *sp, struct io_req *req)
{
	struct io_frame *f = io_top(req);
	enum status st = ST_OK;

	while (st == ST_OK && f->cursor < f->bytes) {
		uint64_t offset = f->offset + f->cursor;
		struct gt_slot *slot;
		struct look_run run;

		st = sparse_load(sp, offset, &slot);
		if (st != ST_OK)
			break;
		sparse_look(sp, offset, f->bytes - f->cursor, &run);
		if (run.what == LOOK_BAD)
			st = ST_CORRUPT;
		else if (req->io.op == PORT_WRITE)
			st = run.what == LOOK_DATA ? write_in_place(sp, req, &run) :
						     write_new(sp, req, slot, run.bytes);
		else if (run.what == LOOK_DATA)
			st = zero_present(sp, req, slot, &run);
		else
			f->cursor += run.bytes;
	}
	return st;
}

static void end_later(struct io_req *req, enum status st)
{
	io_pop(req);
	io_finish_later(req, st);
}

static void read_on(struct sparse *sp, struct io_req *req)
{
	struct io_frame *f = io_top(req);
	struct gt_slot *slot;
	enum status st;

	if (sp->h.compressed) {
		end_later(req, stream_read(sp, req));
		return;
	}
	st = sparse_load(sp, f->offset + f->cursor, &slot);
	if (st != ST_OK)
		end_later(req, st);
	else
		sparse_step(req, 1);
}

void sparse_work(struct vmdk_extent *x, struct list *reqs)
{
	struct sparse *sp = x->state;
	struct list written, *n;
	enum status st;

	list_init(&written);
	while ((n = list_pop(reqs)) != NULL) {
		struct io_req *req = list_entry(n, struct io_req, link);

		if (req->io.op == PORT_READ) {
			read_on(sp, req);
			continue;
		}
		st = change(sp, req);
		if (st != ST_OK)
			end_later(req, st);
		else
			list_add_tail(&written, &req->link);
	}
	st = sparse_commit(sp);
	while ((n = list_pop(&written)) != NULL)
		end_later(list_entry(n, struct io_req, link), st);
}

/* ---- the unclean mark ------------------------------------------------------------------------ */

enum status sparse_write_header(struct sparse *sp)
{
	enum status st = store_write(sp->file, 0, &sp->raw, sizeof(sp->raw));

	return st == ST_OK ? store_flush(sp->file) : st;
}

enum status sparse_first_write(struct vmdk_extent *x)
{
	struct sparse *sp = x->state;
	enum status st;

	if (x->marked)
		return ST_OK;
	sp->raw.unclean = 1;
	st = sparse_write_header(sp);
	if (st == ST_OK)
		x->marked = 1;
	return st;
}

enum status sparse_close(struct vmdk_extent *x)
{
	struct sparse *sp = x->state;
	enum status st = ST_OK;

	if (x->marked) {
		st = sparse_commit(sp);
		if (st == ST_OK)
			st = store_flush(sp->file);
		if (st == ST_OK) {
			sp->raw.unclean = 0;
			st = sparse_write_header(sp);
		}
	}
	sparse_destroy_state(sp);
	x->state = NULL;
	return st;
}
