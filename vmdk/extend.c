/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Making a disk larger. The file grows before the descriptor says so: a longer file than described
 * is legal, so a power cut leaves the disk at its old size. */
#include "vmdk/sparse_priv.h"

#define STEP_BYTES (64 * MIB)

struct extension {
	struct vmdk_disk	*d;
	uint64_t		bytes;		/* the new size */
	int			eager;
	struct vmdk_job		*job;
};

static enum status grow_flat(struct extension *e)
{
	struct vmdk_extent *x = &e->d->extents[0];
	uint64_t total = e->bytes - e->d->bytes, end = x->file_offset + x->bytes;
	int thin = desc_get(&e->d->desc, "ddb.thinProvisioned") != NULL;
	struct job_clock clock;
	enum status st = ST_OK;

	job_begin(&clock, e->job, total);
	/* A file that is longer already has somebody's old bytes there: cut them off. */
	st = e->d->store->ops->file_resize(x->file, end);
	if (st == ST_OK)
		st = e->d->store->ops->file_resize(x->file, end + total);
	for (uint64_t at = 0; at < total && st == ST_OK && !(thin && !e->eager); at += STEP_BYTES) {
		st = e->d->store->ops->file_allocate(x->file, end + at, MIN(STEP_BYTES, total - at),
						     e->eager ? STORE_ALLOC_EAGER
							      : STORE_ALLOC_LAZY);
		if (st == ST_OK)
			st = job_step(&clock, at);
	}
	if (st == ST_OK)
		st = store_flush(x->file);
	if (st != ST_OK)
		(void)e->d->store->ops->file_resize(x->file, end);
	return st == ST_OK ? job_end(&clock) : st;
}

/* ---- sparse ---------------------------------------------------------------------------------- */

/* A longer directory at the end of the file; new tables come when they are needed. */
static enum status write_longer(struct sparse *sp, const le32 *gd, uint64_t sectors, uint64_t lba)
{
	le32 *copy = port_alloc(sectors * SECTOR_BYTES);
	enum status st;

	if (!copy)
		return ST_NOMEM;
	memcpy(copy, gd, 4ull * sp->table_count);
	st = store_write(sp->file, lba * SECTOR_BYTES, copy, sectors * SECTOR_BYTES);
	port_free(copy);
	return st;
}

static enum status move_directories(struct sparse *sp, struct sparse_header *h)
{
	uint64_t sectors = sparse_gd_sectors(h), lba = sp->next_free;
	enum status st = write_longer(sp, sp->gd, sectors, lba);

	if (st == ST_OK && sp->rgd)
		st = write_longer(sp, sp->rgd, sectors, lba + sectors);
	if (st == ST_OK && lba + 2 * sectors > UINT32_MAX)
		st = ST_LIMIT;
	h->gd_lba = lba;
	if (sp->rgd)
		h->rgd_lba = lba + sectors;
	return st;
}

/* The directories move in every case: the sectors behind the old one may not be zero. */
static enum status grow_sparse(struct extension *e)
{
	struct sparse *sp = e->d->extents[0].state;
	struct sparse_header h = sp->h;
	enum status st = ST_OK;

	h.capacity = e->bytes / SECTOR_BYTES;
	if (4 * sparse_tables(&h) > SPARSE_GD_BYTES_MAX)
		return ST_LIMIT;
	if (sparse_tables(&h) > sp->table_count)
		st = move_directories(sp, &h);
	if (st == ST_OK)
		st = store_flush(sp->file);
	if (st != ST_OK)
		return st;
	h.unclean = 0;
	sparse_header_make(&sp->raw, &h);
	return sparse_write_header(sp);
}

/* ---- the descriptor -------------------------------------------------------------------------- */

static enum status write_size(struct extension *e, struct why *why)
{
	struct desc *d = &e->d->desc;
	enum status st;

	d->extents[0].sectors = e->bytes / SECTOR_BYTES;
	d->sectors = d->extents[0].sectors;
	st = ident_set_geometry(d, ident_adapter(desc_get(d, "ddb.adapterType")));
	if (st != ST_OK)
		return st;
	if (!e->d->embedded)
		return disk_write_descriptor(e->d, why);
	st = sparse_write_descriptor(&e->d->extents[0]);
	return st == ST_OK ? store_flush(e->d->extents[0].file) : st;
}

static enum status extend(struct extension *e, struct why *why)
{
	struct vmdk_disk *d = e->d;
	enum status st;

	if (d->extent_count != 1 || (!d->extents[0].state && d->kind != VMDK_VMFS &&
				     d->kind != VMDK_MONO_FLAT))
		return why_set(why, ST_UNSUPPORTED,
			       "%s: a disk of kind %s cannot be extended; clone it "
			       "to another kind first",
			       d->path, vmdk_kind_word(d->kind));
	if (e->bytes < d->bytes)
		return why_set(why, ST_INVAL,
			       "%s: has %llu bytes already; a disk cannot be made smaller", d->path,
			       (unsigned long long)d->bytes);
	if (e->bytes == d->bytes)
		return ST_OK;
	st = disk_refuse_parent(d, why);
	if (st != ST_OK)
		return st;
	st = d->extents[0].state ? grow_sparse(e) : grow_flat(e);
	if (st == ST_OK)
		st = write_size(e, why);
	if (st != ST_OK && why && !why->text[0])
		why_set(why, st, "%s: cannot extend: %s", d->path, status_text(st));
	return st;
}

enum status vmdk_extend(struct store *s, const char *path, uint64_t bytes, int eager,
			struct vmdk_job *job, struct why *why)
{
	struct extension e = { .bytes = bytes, .eager = eager, .job = job };
	enum status st, closed;

	if (bytes % SECTOR_BYTES || bytes < VMDK_BYTES_MIN || bytes > VMDK_BYTES_MAX)
		return why_set(why, ST_INVAL,
			       "%s: the size must be a multiple of 512 bytes from 1 MiB to "
			       "62 TB",
			       path);
	st = vmdk_open(s, path, VMDK_WRITE, &e.d, why);
	if (st != ST_OK)
		return st;
	st = extend(&e, why);
	closed = vmdk_close(e.d);
	return st == ST_OK ? closed : st;
}
