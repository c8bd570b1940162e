/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Hosted sparse extents, the data path: reads, and writes to grains that exist, straight from the
 * cached grain tables. Everything else (a table that is not cached, a new grain, compressed
 * grains) goes to the worker, sparse_alloc.c.
 *
 *   byte -> grain = byte / grain size -> table = grain / 512, entry = grain % 512
 *   entry 0: zeros; 1: zeros (when the header says so); else the sector of the grain */
#include "vmdk/sparse_priv.h"

static struct gt_slot *slot_of(struct sparse *sp, uint64_t table)
{
	return &sp->slots[table % sp->slot_count];
}

static int slot_has(const struct gt_slot *s, uint64_t table)
{
	return s->loaded && s->table == table;
}

enum look sparse_entry_kind(const struct sparse *sp, uint64_t grain, uint32_t gte)
{
	uint64_t grain_bytes = sp->h.grain * SECTOR_BYTES;
	uint64_t used = MIN(grain_bytes, sp->h.capacity * SECTOR_BYTES - grain * grain_bytes);

	if (gte == 0)
		return LOOK_NONE;
	if (gte == SPARSE_GTE_ZERO)
		return sp->h.flags & SPARSE_ZERO_GRAINS ? LOOK_ZERO : LOOK_BAD;
	if (gte < sp->h.overhead)
		return LOOK_BAD;
	if (sp->h.compressed)
		return (uint64_t)gte * SECTOR_BYTES < sp->file_bytes ? LOOK_DATA : LOOK_BAD;
	return (uint64_t)gte * SECTOR_BYTES + used <= sp->file_bytes ? LOOK_DATA : LOOK_BAD;
}

/* One grain; LOOK_MISS when its table is not here. */
static enum look look_grain(struct sparse *sp, uint64_t grain, uint32_t *gte)
{
	uint64_t table = grain / sp->h.gtes;
	struct gt_slot *s = slot_of(sp, table);

	if (!slot_has(s, table))
		return LOOK_MISS;
	*gte = le32_get(s->entries[grain % sp->h.gtes]);
	return sparse_entry_kind(sp, grain, *gte);
}

void sparse_look(struct sparse *sp, uint64_t offset, uint64_t bytes, struct look_run *run)
{
	uint64_t grain_bytes = sp->h.grain * SECTOR_BYTES, grain = offset / grain_bytes;
	uint32_t first = 0, gte;

	run->what = look_grain(sp, grain, &first);
	run->where = (uint64_t)first * SECTOR_BYTES;
	if (!sp->h.compressed)
		run->where += offset % grain_bytes;
	run->bytes = grain_bytes - offset % grain_bytes;
	while (run->bytes < bytes && run->what <= LOOK_DATA) {
		if (look_grain(sp, ++grain, &gte) != run->what)
			break;
		if (run->what == LOOK_DATA && (sp->h.compressed || gte != first + sp->h.grain))
			break;
		first = gte;
		run->bytes += grain_bytes;
	}
	run->bytes = MIN(run->bytes, bytes);
}

enum status sparse_load(struct sparse *sp, uint64_t offset, struct gt_slot **slot)
{
	uint64_t table = offset / (sp->h.grain * SECTOR_BYTES) / sp->h.gtes;
	struct gt_slot *s = slot_of(sp, table);
	uint64_t lba = le32_get(sp->gd[table]), bytes = 4ull * sp->h.gtes;
	enum status st = ST_OK;

	*slot = s;
	if (slot_has(s, table))
		return ST_OK;
	if (!list_empty(&s->dirty))
		st = sparse_commit(sp);
	if (st != ST_OK)
		return st;
	if (!s->entries)
		s->entries = port_alloc(bytes);
	if (!s->entries)
		return ST_NOMEM;
	s->loaded = 0;
	if (lba &&
	    (lba * SECTOR_BYTES >= sp->file_bytes || sp->file_bytes - lba * SECTOR_BYTES < bytes))
		return ST_CORRUPT;
	if (lba)
		st = store_read(sp->file, lba * SECTOR_BYTES, s->entries, bytes);
	else
		memset(s->entries, 0, bytes);
	if (st == ST_OK) {
		s->table = (uint32_t)table;
		s->loaded = 1;
	}
	return st;
}

/* ---- the path of a request ------------------------------------------------------------------- */

static void end(struct io_req *req, enum status st, int inside_submit)
{
	io_pop(req);
	if (inside_submit) {
		io_finish_later(req, st);
		return;
	}
	req->status = st;
	req->done(req);
}

static void transfer_done(struct io_req *req) { sparse_step(req, 0); }

/* Pass a piece on to the file. */
static void pass(struct sparse *sp, struct io_req *req, const struct look_run *run)
{
	struct io_frame *f = io_top(req);

	req->io.offset = run->where;
	req->io.bytes = run->bytes;
	req->io.skip = f->skip + f->cursor;
	f->cursor += run->bytes;
	sp->file->store->ops->submit(sp->file, req);
}

void sparse_step(struct io_req *req, int inside_submit)
{
	struct io_frame *f = io_top(req);
	struct vmdk_extent *x = f->ctx;
	struct sparse *sp = x->state;
	struct look_run run;

	while (req->status == ST_OK && f->cursor < f->bytes) {
		sparse_look(sp, f->offset + f->cursor, f->bytes - f->cursor, &run);
		if (run.what == LOOK_BAD) {
			req->status = ST_CORRUPT;
			break;
		}
		if (run.what == LOOK_DATA && !sp->h.compressed && req->io.op <= PORT_WRITE) {
			pass(sp, req, &run);
			return;
		}
		if (run.what == LOOK_MISS || run.what == LOOK_DATA || req->io.op == PORT_WRITE) {
			disk_defer(x, req);
			return;
		}
		if (req->io.op == PORT_READ) {
			req->io.skip = f->skip;
			io_req_set_zero(req, f->cursor, run.bytes);
		}
		f->cursor += run.bytes;
	}
	end(req, req->status, inside_submit);
}

static void sparse_submit(struct vmdk_extent *x, struct io_req *req)
{
	io_push(req, transfer_done, x)->cursor = 0;
	req->status = ST_OK;
	sparse_step(req, 1);
}

static enum status sparse_map(struct vmdk_extent *x, struct vmdk_run *run)
{
	struct sparse *sp = x->state;
	struct gt_slot *slot;
	struct look_run r;
	enum status st = sparse_load(sp, run->offset, &slot);

	if (st != ST_OK)
		return st;
	sparse_look(sp, run->offset, x->bytes - run->offset, &r);
	if (r.what == LOOK_BAD)
		return ST_CORRUPT;
	run->bytes = r.bytes;
	run->present = r.what != LOOK_NONE;
	run->zero = r.what != LOOK_DATA;
	run->compressed = r.what == LOOK_DATA && sp->h.compressed;
	run->where = r.what == LOOK_DATA ? r.where : ~0ull;
	return ST_OK;
}

/* The place of compressed data is not one that can be read from. */
static enum status sparse_extent_look(struct vmdk_extent *x, uint64_t offset, uint64_t bytes,
				      struct look_run *run)
{
	struct sparse *sp = x->state;
	struct gt_slot *slot;
	enum status st = sparse_load(sp, offset, &slot);

	if (st != ST_OK)
		return st;
	sparse_look(sp, offset, bytes, run);
	if (sp->h.compressed)
		run->where = offset;
	return ST_OK;
}

static const struct vmdk_extent_ops sparse_extent_ops = {
	.name = "sparse", .submit = sparse_submit, .map = sparse_map, .look = sparse_extent_look,
	.first_write = sparse_first_write, .work = sparse_work, .close = sparse_close,
};

/* ---- open ------------------------------------------------------------------------------------ */

static enum status read_directory(struct sparse *sp, uint64_t lba, le32 **gd, struct why *why)
{
	uint64_t bytes = 4ull * sp->table_count;

	if (lba * SECTOR_BYTES >= sp->file_bytes || sp->file_bytes - lba * SECTOR_BYTES < bytes)
		return why_set(why, ST_CORRUPT,
			       "%s: the grain directory at sector %llu is past the end "
			       "of the file",
			       sp->name, (unsigned long long)lba);
	*gd = port_alloc(bytes);
	if (!*gd)
		return ST_NOMEM;
	return store_read(sp->file, lba * SECTOR_BYTES, *gd, bytes);
}

static enum status read_header(struct sparse *sp, struct why *why)
{
	const char *bad;
	int unsupported;
	enum status st;

	if (sp->file_bytes < SECTOR_BYTES)
		return why_set(why, ST_CORRUPT, "%s: too short for a sparse extent", sp->name);
	st = store_read(sp->file, 0, &sp->raw, sizeof(sp->raw));
	if (st != ST_OK)
		return why_set(why, st, "%s: cannot read the sparse header: %s", sp->name,
			       status_text(st));
	bad = sparse_header_check(&sp->raw, &sp->h, &unsupported);
	if (bad)
		return why_set(why, unsupported ? ST_UNSUPPORTED : ST_CORRUPT,
			       "%s: sparse header: %s", sp->name, bad);
	if (sp->h.gd_lba == SPARSE_GD_IN_FOOTER)
		return stream_find_footer(sp, why);
	return ST_OK;
}

static enum status make_slots(struct sparse *sp)
{
	sp->slot_count = MIN(sp->table_count, SPARSE_SLOTS_MAX);
	sp->slots = port_alloc(sp->slot_count * sizeof(*sp->slots));
	if (!sp->slots)
		return ST_NOMEM;
	for (uint32_t i = 0; i < sp->slot_count; i++)
		list_init(&sp->slots[i].dirty);
	return ST_OK;
}

void sparse_destroy_state(struct sparse *sp)
{
	for (uint32_t i = 0; sp->slots && i < sp->slot_count; i++)
		port_free(sp->slots[i].entries);
	port_free(sp->slots);
	port_free(sp->gd);
	port_free(sp->rgd);
	port_free(sp->window.buf);
	port_free(sp->grain_buf);
	port_free(sp);
}

enum status sparse_create_state(struct vmdk_extent *x, const char *name, struct sparse **out,
				struct why *why)
{
	struct store_stat stat;
	struct sparse *sp = port_alloc(sizeof(*sp));
	enum status st;

	if (!sp)
		return ST_NOMEM;
	sp->x = x;
	sp->file = x->file;
	sp->name = name;
	sp->grain_at = ~0ull;
	list_init(&sp->dirty);
	st = sp->file->store->ops->file_stat(sp->file, &stat);
	if (st == ST_OK) {
		sp->file_bytes = stat.size_bytes;
		st = read_header(sp, why);
	}
	if (st == ST_OK) {
		sp->table_count = (uint32_t)sparse_tables(&sp->h);
		sp->next_free = round_up(div_round_up(sp->file_bytes, SECTOR_BYTES), sp->h.grain);
		st = make_slots(sp);
	}
	if (st == ST_OK)
		st = read_directory(sp, sp->h.gd_lba, &sp->gd, why);
	if (st == ST_OK && (sp->h.flags & SPARSE_REDUNDANT) && !sp->h.compressed)
		st = read_directory(sp, sp->h.rgd_lba, &sp->rgd, why);
	if (st != ST_OK) {
		sparse_destroy_state(sp);
		sp = NULL;
	}
	*out = sp;
	return st;
}

/* A dirty extent that is opened for writing is checked first: a lost grain must not be given out a
 * second time. */
static enum status check_unclean(struct sparse *sp, struct why *why)
{
	struct vmdk_check_result result = { 0 };
	struct sparse_check_opts opts = { 0 };
	enum status st = sparse_check(sp, &opts, &result, why);

	if (st != ST_OK)
		return st;
	if (result.corruptions || result.unrepairable)
		return why_set(why, ST_CORRUPT,
			       "%s: was not closed cleanly and has %u wrong entries; "
			       "repair it first (vmkfstools -x repair)",
			       sp->name, result.corruptions);
	return ST_OK;
}

enum status sparse_open(struct vmdk_extent *x, const char *name, int writable, struct why *why)
{
	struct sparse *sp;
	enum status st = sparse_create_state(x, name, &sp, why);

	if (st != ST_OK)
		return why && why->text[0] ? st : why_set(why, st, "%s: %s", name, status_text(st));
	x->ops = &sparse_extent_ops;
	x->state = sp;
	if (sp->h.compressed && !(sp->h.flags & SPARSE_MARKERS))
		log_line(LOG_WARN,
			 "vmdk: %s: compressed grains without markers, which programs read in "
			 "different ways -> compare the result",
			 name);
	if (sp->h.capacity * SECTOR_BYTES < x->bytes)	/* larger: an extend that was cut off */
		st = why_set(why, ST_CORRUPT,
			     "%s: the extent has %llu sectors, the descriptor says "
			     "%llu",
			     name, (unsigned long long)sp->h.capacity,
			     (unsigned long long)(x->bytes / SECTOR_BYTES));
	else if (writable && sp->h.compressed)
		st = why_set(why, ST_READONLY,
			     "%s: a stream-optimized disk cannot be written; convert "
			     "it first",
			     name);
	else if (writable && sp->h.version == 3)
		st = why_set(why, ST_READONLY,
			     "%s: a sparse extent of version 3 with change tracking is "
			     "only read; convert it first",
			     name);
	else if (writable && sp->h.unclean)
		st = check_unclean(sp, why);
	if (st != ST_OK) {
		sparse_destroy_state(sp);
		x->state = NULL;
	}
	return st;
}

int sparse_is_compressed(const struct vmdk_extent *x)
{
	return x->ops == &sparse_extent_ops && ((struct sparse *)x->state)->h.compressed;
}

enum status sparse_write_descriptor(struct vmdk_extent *x)
{
	struct sparse *sp = x->state;

	return desc_write_embedded(&x->disk->desc, sp->file, sp->h.descriptor_lba,
				   sp->h.descriptor_sectors, NULL);
}
