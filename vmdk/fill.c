/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Changing what a disk's blocks are without changing what it shows: inflate, zero eagerly, punch
 * out zeros; and writing zeros over all of it. Each step is complete by itself, so that work that
 * was stopped can be started again. The thin flag goes at the end of inflating and comes before the
 * first hole is punched: it never promises room that is not there. */
#include "vmdk/vmdk_priv.h"

#define STEP_BYTES (64 * MIB)

struct filling {
	struct vmdk_disk	*d;
	struct vmdk_job		*job;
	struct job_clock	clock;
	uint8_t			*buf;		/* BLOCK_BYTES */
};

static int is_thin(const struct vmdk_disk *d)
{
	return desc_get(&d->desc, "ddb.thinProvisioned") != NULL;
}

static enum status set_thin(struct vmdk_disk *d, int thin, struct why *why)
{
	enum status st = ST_OK;

	if (is_thin(d) == thin)
		return ST_OK;
	if (thin)
		st = desc_set(&d->desc, "ddb.thinProvisioned", "1");
	else
		desc_unset(&d->desc, "ddb.thinProvisioned");
	return st == ST_OK ? disk_write_descriptor(d, why) : st;
}

/* ---- inflate, eager zero --------------------------------------------------------------------- */

static enum status allocate_all(struct filling *f)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < f->d->extent_count && st == ST_OK; i++) {
		struct vmdk_extent *x = &f->d->extents[i];

		for (uint64_t at = 0; at < x->bytes && st == ST_OK; at += STEP_BYTES) {
			uint64_t bytes = MIN(STEP_BYTES, x->bytes - at);

			st = f->d->store->ops->file_allocate(x->file, x->file_offset + at, bytes,
							     STORE_ALLOC_EAGER);
			if (st == ST_OK)
				st = job_step(&f->clock, x->start + at + bytes);
		}
		if (st == ST_OK)
			st = store_flush(x->file);
	}
	return st;
}

static enum status inflate(struct filling *f, struct why *why)
{
	enum status st = allocate_all(f);

	return st == ST_OK ? set_thin(f->d, 0, why) : st;
}

static enum status eager_zero(struct filling *f, struct why *why)
{
	if (is_thin(f->d))
		return why_set(why, ST_REFUSED, "%s: is thin: inflate it instead (vmkfstools -j)",
			       f->d->path);
	return allocate_all(f);
}

/* ---- punch ----------------------------------------------------------------------------------- */

/* Some stores cannot tell room that is reserved but unwritten from a hole: then the file takes more
 * room than its map shows, and holes are given back too. */
static enum status holes_take_room(struct vmdk_extent *x, int *yes)
{
	struct store_stat stat;
	uint64_t present = 0;
	enum status st = x->file->store->ops->file_stat(x->file, &stat);

	for (uint64_t at = 0; at < x->bytes && st == ST_OK; ) {
		struct vmdk_run run = { .offset = at };

		st = x->ops->map(x, &run);
		present += run.present ? run.bytes : 0;
		at += run.bytes;
	}
	*yes = st == ST_OK && stat.allocated_bytes >= present + BLOCK_BYTES;
	return st;
}

static enum status free_range(struct filling *f, struct vmdk_extent *x, uint64_t at, uint64_t bytes)
{
	if (f->job)
		f->job->bytes_skipped += bytes;
	return file_unmap(x->file, x->file_offset + at, bytes);
}

/* One block in which there is data: free it when all of that is zeros. */
static enum status punch_block(struct filling *f, struct vmdk_extent *x, uint64_t at,
			       uint64_t bytes)
{
	enum status st = store_read(x->file, x->file_offset + at, f->buf, bytes);

	if (f->job)
		f->job->bytes_read += bytes;
	if (st != ST_OK || !port_accel()->is_zero(f->buf, bytes))
		return st;
	return free_range(f, x, at, bytes);
}

/* From a block's start on: a whole run of zeros, or one block. *bytes: how far that went. */
static enum status punch_at(struct filling *f, struct vmdk_extent *x, uint64_t at, int free_holes,
			    uint64_t *bytes)
{
	struct vmdk_run run = { .offset = at };
	uint64_t block = MIN(BLOCK_BYTES, x->bytes - at);
	enum status st = x->ops->map(x, &run);

	*bytes = block;
	if (st != ST_OK)
		return st;
	if (!run.zero || run.bytes < block)
		return punch_block(f, x, at, block);
	if (at + run.bytes < x->bytes)
		run.bytes = round_down(run.bytes, BLOCK_BYTES);
	*bytes = MIN(run.bytes, STEP_BYTES);
	if (!run.present && !free_holes) {
		*bytes = run.bytes;
		return ST_OK;
	}
	return free_range(f, x, at, *bytes);
}

static enum status punch_extent(struct filling *f, struct vmdk_extent *x)
{
	uint64_t bytes = 0;
	int free_holes;
	enum status st = holes_take_room(x, &free_holes);

	for (uint64_t at = 0; at < x->bytes && st == ST_OK; at += bytes) {
		st = punch_at(f, x, at, free_holes, &bytes);
		if (st == ST_OK)
			st = job_step(&f->clock, x->start + at);
	}
	return st == ST_OK ? store_flush(x->file) : st;
}

static enum status punch(struct filling *f, struct why *why)
{
	enum status st = set_thin(f->d, 1, why);

	for (uint32_t i = 0; i < f->d->extent_count && st == ST_OK; i++)
		st = punch_extent(f, &f->d->extents[i]);
	return st;
}

/* ---- zeros ----------------------------------------------------------------------------------- */

static enum status disk_op(struct vmdk_disk *d, enum port_io_op op, uint64_t offset, uint64_t bytes)
{
	struct io_wait w;

	io_wait_begin(&w, op, offset, NULL, bytes);
	vmdk_submit(d, &w.req);
	return io_wait_end(&w);
}

static enum status write_zeros(struct filling *f)
{
	enum status st = ST_OK;

	for (uint64_t at = 0; at < f->d->bytes && st == ST_OK; at += STEP_BYTES) {
		st = disk_op(f->d, PORT_ZERO, at, MIN(STEP_BYTES, f->d->bytes - at));
		if (st == ST_OK)
			st = job_step(&f->clock, at);
	}
	return st == ST_OK ? disk_op(f->d, PORT_FLUSH, 0, 0) : st;
}

/* ---- all ------------------------------------------------------------------------------------- */

static enum status allowed(struct vmdk_disk *d, enum vmdk_fill what, struct why *why)
{
	if (what == VMDK_WRITE_ZEROS)
		return disk_refuse_parent(d, why);
	if (d->kind != VMDK_VMFS)
		return why_set(why, ST_UNSUPPORTED,
			       "%s: only disks of kind vmfs can be changed so, not "
			       "%s",
			       d->path, vmdk_kind_word(d->kind));
	if (what == VMDK_INFLATE && !is_thin(d))
		return why_set(why, ST_REFUSED, "%s: is not thin", d->path);
	return ST_OK;
}

static enum status fill(struct filling *f, enum vmdk_fill what, struct why *why)
{
	enum status st = allowed(f->d, what, why);

	if (st != ST_OK)
		return st;
	job_begin(&f->clock, f->job, f->d->bytes);
	switch (what) {
	case VMDK_INFLATE: st = inflate(f, why); break;
	case VMDK_EAGER_ZERO: st = eager_zero(f, why); break;
	case VMDK_PUNCH_ZERO: st = punch(f, why); break;
	case VMDK_WRITE_ZEROS: st = write_zeros(f); break;
	}
	return st == ST_OK ? job_end(&f->clock) : st;
}

enum status vmdk_fill(struct store *s, const char *path, enum vmdk_fill what, struct vmdk_job *job,
		      struct why *why)
{
	struct filling f = { .job = job };
	enum status st = vmdk_open(s, path, VMDK_WRITE, &f.d, why), closed;

	if (st != ST_OK)
		return st;
	f.buf = port_dma_alloc(BLOCK_BYTES);
	st = f.buf ? fill(&f, what, why) : ST_NOMEM;
	if (f.buf)
		port_dma_free(f.buf, BLOCK_BYTES);
	closed = vmdk_close(f.d);
	if (st == ST_OK)
		st = closed;
	if (st != ST_OK && why && !why->text[0])
		why_set(why, st, "%s: %s", path, status_text(st));
	return st;
}
