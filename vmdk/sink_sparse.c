/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Filling hosted sparse extents. Nobody sees the file before it is complete, so nothing is flushed
 * on the way: the grains of a piece that are not zero go to the end of the file in one write, and
 * tables are kept in a window of memory that moves up with the data and is written as it goes. */
#include "vmdk/target_priv.h"

#define WINDOW_TABLES	512u	/* 1 MiB of tables: 16 GiB of disk */
#define WINDOW_BYTES	((size_t)WINDOW_TABLES * SPARSE_GTES * 4)
#define GRAIN_BYTES	(SPARSE_GRAIN_SECTORS * SECTOR_BYTES)

static enum status write_directory(struct target_extent *x, uint64_t gd_lba)
{
	uint64_t tables = sparse_tables(&x->h), bytes = sparse_gd_sectors(&x->h) * SECTOR_BYTES;
	le32 *gd = port_alloc(bytes);
	enum status st;

	if (!gd)
		return ST_NOMEM;
	for (uint64_t i = 0; i < tables; i++)
		le32_set(&gd[i], (uint32_t)(gd_lba + sparse_gd_sectors(&x->h) +
					    i * sparse_gt_sectors(&x->h)));
	st = store_write(x->file, gd_lba * SECTOR_BYTES, gd, bytes);
	port_free(gd);
	return st;
}

static enum status begin_extent(struct target *t, struct target_extent *x, int with_descriptor)
{
	struct sparse_disk header;
	enum status st;

	sparse_layout(&x->h, x->bytes / SECTOR_BYTES, with_descriptor, t->opts.zeroed_grain);
	if (x->h.overhead > UINT32_MAX)
		return ST_LIMIT;
	x->next = x->h.overhead;
	sparse_header_make(&header, &x->h);
	x->tables = port_alloc(MIN(WINDOW_BYTES, sparse_tables(&x->h) * SPARSE_GTES * 4));
	if (!x->tables)
		return ST_NOMEM;
	st = t->store->ops->file_resize(x->file, x->h.overhead * SECTOR_BYTES);
	if (st == ST_OK)
		st = store_write(x->file, 0, &header, sizeof(header));
	if (st == ST_OK && with_descriptor)
		st = desc_write_embedded(&t->desc, x->file, x->h.descriptor_lba,
					 x->h.descriptor_sectors, NULL);
	if (st == ST_OK)
		st = write_directory(x, x->h.rgd_lba);
	if (st == ST_OK)
		st = write_directory(x, x->h.gd_lba);
	return st;
}

static enum status sparse_begin(struct target *t, struct why *why)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < t->count && st == ST_OK; i++)
		st = begin_extent(t, &t->extents[i], t->opts.kind == VMDK_MONO_SPARSE);
	if (st != ST_OK)
		why_set(why, st, "%s: cannot lay out the sparse extent: %s", t->path,
			status_text(st));
	return st;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* Write the window's tables to both places, unless there is nothing in them. */
static enum status write_window(struct target_extent *x)
{
	uint64_t left = sparse_tables(&x->h) - x->window;
	uint64_t bytes = MIN(left, WINDOW_TABLES) * SPARSE_GTES * 4;
	uint64_t at =
	    (sparse_gd_sectors(&x->h) + x->window * sparse_gt_sectors(&x->h)) * SECTOR_BYTES;
	enum status st;

	if (port_accel()->is_zero(x->tables, bytes))
		return ST_OK;
	st = store_write(x->file, x->h.rgd_lba * SECTOR_BYTES + at, x->tables, bytes);
	if (st == ST_OK)
		st = store_write(x->file, x->h.gd_lba * SECTOR_BYTES + at, x->tables, bytes);
	memset(x->tables, 0, bytes);
	return st;
}

static enum status move_window(struct target_extent *x, uint64_t grain)
{
	uint64_t table = grain / SPARSE_GTES;
	enum status st;

	if (table < x->window + WINDOW_TABLES)
		return ST_OK;
	st = write_window(x);
	x->window = round_down(table, WINDOW_TABLES);
	return st;
}

static enum status sparse_finish(struct target *t)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < t->count && st == ST_OK; i++)
		st = write_window(&t->extents[i]);
	return st;
}

/* ---- grains ---------------------------------------------------------------------------------- */

/* Take the grain into the piece's vec, joined with the one before when they touch. */
static uint32_t add_grain(struct piece *p, uint32_t count, uint8_t *grain)
{
	struct port_vec *last = &p->vec[count ? count - 1 : 0];

	if (count && (uint8_t *)last->base + last->bytes == grain) {
		last->bytes += GRAIN_BYTES;
		return count;
	}
	p->vec[count] = (struct port_vec){ .base = grain, .bytes = GRAIN_BYTES };
	return count + 1;
}

static enum status sparse_put(struct target *t, struct piece *p)
{
	struct target_extent *x = target_extent_at(t, p->offset);
	uint64_t grain = (p->offset - x->start) / GRAIN_BYTES, at = x->next;
	enum status st = move_window(x, grain);
	uint32_t vecs = 0;

	for (uint32_t i = 0; i * GRAIN_BYTES < p->bytes && st == ST_OK; i++, grain++) {
		uint8_t *data = p->buf + i * GRAIN_BYTES;

		if (!t->no_sparse && port_accel()->is_zero(data, GRAIN_BYTES))
			continue;
		vecs = add_grain(p, vecs, data);
		le32_set(&x->tables[grain - x->window * SPARSE_GTES], (uint32_t)x->next);
		x->next += SPARSE_GRAIN_SECTORS;
	}
	if (st == ST_OK && x->next > UINT32_MAX)
		st = ST_LIMIT;	/* entries have 32 bits */
	if (st == ST_OK && vecs)
		piece_write(p, x->file, at * SECTOR_BYTES, (x->next - at) * SECTOR_BYTES, vecs);
	else
		piece_release(p);
	return st;
}

static void sparse_fini(struct target *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		port_free(t->extents[i].tables);
}

const struct sink_ops sink_sparse = {
	.begin = sparse_begin, .put = sparse_put, .finish = sparse_finish, .fini = sparse_fini,
};
