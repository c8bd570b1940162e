/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Looking up what a delta extent says of a range: a page of the directory, then the entries of the
 * range, all its tables at once. The chain asks for one window after the other. */
#include "vmdk/delta_priv.h"

uint64_t delta_entry(const uint8_t *entries, uint32_t entry_bytes, uint64_t i)
{
	const uint8_t *at = entries + i * entry_bytes;

	return entry_bytes == 4 ? le32_get(*(const le32 *)(const void *)at) :
				  le64_get(*(const le64 *)(const void *)at);
}

/* ---- the directory --------------------------------------------------------------------------- */

static enum status load_gd_page(struct delta *dl, uint64_t page_at)
{
	uint64_t all = dl->table_count * dl->ops->gd_entry_bytes;
	enum status st;

	if (dl->gd_page_at == page_at)
		return ST_OK;
	dl->gd_page_at = ~0ull;
	st = store_read(dl->file, dl->gd_at + page_at, dl->gd_page,
			MIN(all - page_at, DELTA_GD_PAGE));
	if (st == ST_OK)
		dl->gd_page_at = page_at;
	return st;
}

enum status delta_table(struct delta *dl, uint64_t table, enum look *what, uint64_t *at)
{
	uint32_t each = dl->ops->gd_entry_bytes;
	uint64_t byte = table * each, page_at = round_down(byte, DELTA_GD_PAGE);
	enum status st = load_gd_page(dl, page_at);
	uint64_t bytes = (uint64_t)DELTA_GTES * dl->ops->entry_bytes;

	if (st != ST_OK)
		return st;
	*what = dl->ops->table(dl, delta_entry(dl->gd_page, each, (byte - page_at) / each), at);
	if (*what == LOOK_DATA && (*at >= dl->file_bytes || dl->file_bytes - *at < bytes))
		*what = LOOK_BAD;
	return ST_OK;
}

/* ---- a range --------------------------------------------------------------------------------- */

/* Room for the entries of a range; it only grows. */
static enum status make_room(struct delta *dl, uint64_t count)
{
	size_t want = count * dl->ops->entry_bytes;

	if (want <= dl->entries_room)
		return ST_OK;
	if (dl->entries)
		port_dma_free(dl->entries, dl->entries_room);
	dl->entries_room = 0;
	dl->entries = port_dma_alloc(want);
	if (!dl->entries)
		return ST_NOMEM;
	dl->entries_room = want;
	return ST_OK;
}

/* Start reading the entries of grains [from, to), all of one table. */
static enum status read_entries(struct delta *dl, uint64_t from, uint64_t to)
{
	uint64_t table = from / DELTA_GTES, at = 0;
	uint32_t each = dl->ops->entry_bytes, n = (uint32_t)(table - dl->first_table);
	uint8_t *buf = dl->entries + (from - dl->first) * each;
	struct io_wait *w = &dl->wait[dl->waiting];
	enum status st = delta_table(dl, table, &dl->table[n], &at);

	if (st != ST_OK || dl->table[n] != LOOK_DATA)
		return st;
	io_wait_begin(w, PORT_READ, at + from % DELTA_GTES * each, buf, (to - from) * each);
	dl->waiting++;
	dl->file->store->ops->submit(dl->file, &w->req);
	return ST_OK;
}

static enum status delta_look_end(struct vmdk_extent *x)
{
	struct delta *dl = x->state;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < dl->waiting; i++) {
		enum status one = io_wait_end(&dl->wait[i]);

		if (st == ST_OK)
			st = one;
	}
	dl->waiting = 0;
	if (st != ST_OK)
		dl->count = 0;
	return st;
}

static enum status delta_look_begin(struct vmdk_extent *x, uint64_t offset, uint64_t bytes)
{
	struct delta *dl = x->state;
	uint64_t end, at;
	enum status st;

	dl->first = offset / dl->grain_bytes;
	end = div_round_up(offset + bytes, dl->grain_bytes);
	dl->count = 0;
	dl->first_table = dl->first / DELTA_GTES;
	ASSERT((end - 1) / DELTA_GTES - dl->first_table < DELTA_TABLES_MAX);
	st = make_room(dl, end - dl->first);
	for (at = dl->first; at < end && st == ST_OK; ) {
		uint64_t to = MIN(end, round_up(at + 1, DELTA_GTES));

		st = read_entries(dl, at, to);
		at = to;
	}
	if (st == ST_OK)
		dl->count = end - dl->first;
	else
		(void)delta_look_end(x);
	return st;
}

static enum look look_grain(struct delta *dl, uint64_t grain, uint64_t *at)
{
	enum look what = dl->table[grain / DELTA_GTES - dl->first_table];

	if (what != LOOK_DATA)
		return what;
	return dl->ops->grain(
	    dl, grain, delta_entry(dl->entries, dl->ops->entry_bytes, grain - dl->first), at);
}

static enum status delta_look(struct vmdk_extent *x, uint64_t offset, uint64_t bytes,
			      struct look_run *run)
{
	struct delta *dl = x->state;
	uint64_t grain = offset / dl->grain_bytes, within = offset % dl->grain_bytes, at = 0, last;

	ASSERT(grain >= dl->first);
	ASSERT((offset + bytes - 1) / dl->grain_bytes < dl->first + dl->count);
	run->what = look_grain(dl, grain, &at);
	run->where = at + within;
	run->bytes = dl->grain_bytes - within;
	for (last = at; run->bytes < bytes; last = at, run->bytes += dl->grain_bytes) {
		if (look_grain(dl, ++grain, &at) != run->what)
			break;
		if (run->what == LOOK_DATA && at != last + dl->grain_bytes)
			break;
	}
	run->bytes = MIN(run->bytes, bytes);
	return ST_OK;
}

/* ---- open ------------------------------------------------------------------------------------ */

void delta_destroy(struct delta *dl)
{
	if (dl->entries)
		port_dma_free(dl->entries, dl->entries_room);
	if (dl->gd_page)
		port_dma_free(dl->gd_page, DELTA_GD_PAGE);
	port_free(dl);
}

static enum status read_header(struct delta *dl, struct why *why)
{
	uint8_t *buf = port_dma_alloc(DELTA_HEADER_MAX);
	int unsupported = 0;
	const char *bad = "shorter than its header";
	enum status st = ST_OK;

	if (!buf)
		return why_set(why, ST_NOMEM, "%s: no memory", dl->name);
	if (dl->file_bytes >= dl->ops->header_bytes) {
		st = store_read(dl->file, 0, buf, dl->ops->header_bytes);
		if (st == ST_OK)
			bad = dl->ops->decode(dl, buf, &unsupported);
	}
	port_dma_free(buf, DELTA_HEADER_MAX);
	if (st != ST_OK)
		return why_set(why, st, "%s: cannot read the %s header: %s", dl->name,
			       dl->ops->name, status_text(st));
	if (bad)
		return why_set(why, unsupported ? ST_UNSUPPORTED : ST_CORRUPT, "%s: %s header: %s",
			       dl->name, dl->ops->name, bad);
	return ST_OK;
}

static enum status check_ranges(struct delta *dl, struct why *why)
{
	uint64_t gd_bytes = dl->table_count * dl->ops->gd_entry_bytes;

	if (dl->gd_at >= dl->file_bytes || dl->file_bytes - dl->gd_at < gd_bytes)
		return why_set(why, ST_CORRUPT,
			       "%s: the grain directory lies past the end of the file", dl->name);
	return ST_OK;
}

enum status delta_create(struct store_file *file, const char *name, enum desc_type type,
			 struct delta **out, struct why *why)
{
	struct delta *dl = port_alloc(sizeof(*dl));
	struct store_stat stat;
	enum status st = ST_NOMEM;

	*out = NULL;
	if (!dl)
		return why_set(why, ST_NOMEM, "%s: no memory", name);
	dl->ops = type == DESC_VMFSSPARSE ? &cowd_ops : &sesparse_ops;
	dl->file = file;
	dl->name = name;
	dl->gd_page_at = ~0ull;
	dl->gd_page = port_dma_alloc(DELTA_GD_PAGE);
	if (dl->gd_page)
		st = file->store->ops->file_stat(file, &stat);
	if (st != ST_OK) {
		delta_destroy(dl);
		return why_set(why, st, "%s: %s", name, status_text(st));
	}
	dl->file_bytes = stat.size_bytes;
	st = read_header(dl, why);
	if (st == ST_OK)
		st = check_ranges(dl, why);
	if (st != ST_OK) {
		delta_destroy(dl);
		return st;
	}
	*out = dl;
	return ST_OK;
}

static enum status delta_close(struct vmdk_extent *x)
{
	delta_destroy(x->state);
	x->state = NULL;
	return ST_OK;
}

static const struct vmdk_extent_ops delta_extent_ops = {
	.name = "delta", .look_begin = delta_look_begin, .look_end = delta_look_end,
	.look = delta_look, .close = delta_close,
};

/* A COWD extent writes data before the entry that names it, so what its tables say holds. The
 * tables of SESparse may be older than a journal that only its writer knows: they are believed
 * when they agree with themselves, and that is said. */
static enum status accept_dirty(struct delta *dl, struct why *why)
{
	struct vmdk_check_result result = { 0 };
	struct sparse_check_opts quiet = { 0 };
	enum status st = ST_OK;

	if (dl->ops == &sesparse_ops)
		st = delta_check(dl, &quiet, &result, why);
	if (st != ST_OK)
		return st;
	if (result.corruptions)
		return why_set(why, ST_CORRUPT,
			       "%s: was not closed cleanly, its journal cannot be replayed here, "
			       "and %u of its entries are wrong (see cairn disk check)",
			       dl->name, result.corruptions);
	log_line(LOG_WARN,
		 "vmdk: %s: was not closed cleanly -> its last writes may be missing; the host "
		 "that wrote it can replay them",
		 dl->name);
	return ST_OK;
}

enum status delta_open(struct vmdk_extent *x, enum desc_type type, struct why *why)
{
	struct delta *dl;
	enum status st = delta_create(x->file, x->name, type, &dl, why);

	if (st != ST_OK)
		return st;
	if (dl->capacity_bytes < x->bytes)
		st = why_set(why, ST_CORRUPT,
			     "%s: the extent has %llu sectors, the descriptor says %llu", x->name,
			     (unsigned long long)(dl->capacity_bytes / SECTOR_BYTES),
			     (unsigned long long)(x->bytes / SECTOR_BYTES));
	else if (dl->dirty)
		st = accept_dirty(dl, why);
	if (st != ST_OK) {
		delta_destroy(dl);
		return st;
	}
	x->state = dl;
	x->data_at = dl->data_at;
	x->ops = &delta_extent_ops;
	return ST_OK;
}
