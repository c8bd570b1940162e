/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Filling flat files. Zeros are not written: a thin file keeps the hole, a lazily zeroed one its
 * reserved blocks; for an eagerly zeroed one the store zeroes the range as well as it can. */
#include "vmdk/target_priv.h"

#define EAGER_STEP	(64 * MIB)	/* zeroed between two looks at the clock */
#define LAZY_STEP	(64 * GIB)

/* Reserve a range of one file. */
static enum status allocate(struct target *t, struct target_extent *x, uint64_t offset,
			    uint64_t bytes, enum store_alloc how)
{
	uint64_t step = how == STORE_ALLOC_EAGER ? EAGER_STEP : LAZY_STEP;
	enum status st = ST_OK;

	for (uint64_t at = 0; at < bytes && st == ST_OK; at += step) {
		st = t->store->ops->file_allocate(x->file, offset + at, MIN(step, bytes - at), how);
		if (st == ST_OK && t->clock)
			st = job_step(t->clock, x->start + offset + at);
	}
	return st;
}

/* Every file gets its length, thick ones their room: a full volume shows before the copy starts. */
static enum status flat_begin(struct target *t, struct why *why)
{
	int thick = t->opts.kind != VMDK_RAW && t->opts.alloc != VMDK_THIN;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < t->count && st == ST_OK; i++) {
		struct target_extent *x = &t->extents[i];

		st = t->store->ops->file_resize(x->file, x->bytes);
		if (st == ST_OK && thick)
			st = allocate(t, x, 0, x->bytes, STORE_ALLOC_LAZY);
	}
	if (st != ST_OK)
		why_set(why, st, "%s: cannot reserve the disk's room: %s", t->path,
			status_text(st));
	return st;
}

static enum status flat_skip(struct target *t, uint64_t offset, uint64_t bytes)
{
	enum status st = ST_OK;

	if (t->opts.kind == VMDK_RAW || t->opts.alloc != VMDK_EAGER)
		return ST_OK;
	while (bytes && st == ST_OK) {
		struct target_extent *x = target_extent_at(t, offset);
		uint64_t n = MIN(bytes, x->start + x->bytes - offset);

		st = allocate(t, x, offset - x->start, n, STORE_ALLOC_EAGER);
		offset += n;
		bytes -= n;
	}
	return st;
}

static enum status flat_put(struct target *t, struct piece *p)
{
	struct target_extent *x = target_extent_at(t, p->offset);
	enum status st;

	if (!t->no_sparse && port_accel()->is_zero(p->buf, p->bytes)) {
		st = flat_skip(t, p->offset, p->bytes);
		piece_release(p);
		return st;
	}
	p->vec[0] = (struct port_vec){ .base = p->buf, .bytes = p->bytes };
	piece_write(p, x->file, p->offset - x->start, p->bytes, 1);
	return ST_OK;
}

const struct sink_ops sink_flat = {
	.begin = flat_begin, .put = flat_put, .skip = flat_skip, .in_place = 1,
};
