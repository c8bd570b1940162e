/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Do two disks show the same bytes? What both maps call zeros is not read. */
#include "vmdk/vmdk_priv.h"

#define STEP_BYTES MIB

struct pair {
	struct vmdk_disk	*disk[2];
	uint8_t			*buf[2];
	struct vmdk_run		run[2];
};

/* How far the disk reads as zeros from an offset; past its end that is for ever. */
static enum status zeros(struct pair *p, int i, uint64_t at, uint64_t *bytes)
{
	struct vmdk_run *run = &p->run[i];
	enum status st = ST_OK;

	*bytes = UINT64_MAX;
	if (at >= p->disk[i]->bytes)
		return ST_OK;
	if (at >= run->offset + run->bytes || at < run->offset)
		st = vmdk_map(p->disk[i], at, run);
	*bytes = st == ST_OK && run->zero ? run->offset + run->bytes - at : 0;
	return st;
}

static enum status read_padded(struct pair *p, int i, uint64_t at, uint64_t bytes)
{
	uint64_t left = at < p->disk[i]->bytes ? MIN(bytes, p->disk[i]->bytes - at) : 0;

	memset(p->buf[i] + left, 0, bytes - left);
	return left ? vmdk_read(p->disk[i], at, p->buf[i], left) : ST_OK;
}

static enum status compare_step(struct pair *p, uint64_t at, uint64_t *bytes, int *different,
				uint64_t *where)
{
	uint64_t za, zb;
	enum status st = zeros(p, 0, at, &za);

	if (st == ST_OK)
		st = zeros(p, 1, at, &zb);
	if (st != ST_OK)
		return st;
	if (za && zb) {
		*bytes = MIN(*bytes, MIN(za, zb));
		return ST_OK;
	}
	*bytes = MIN(*bytes, STEP_BYTES);
	st = read_padded(p, 0, at, *bytes);
	if (st == ST_OK)
		st = read_padded(p, 1, at, *bytes);
	if (st != ST_OK || memcmp(p->buf[0], p->buf[1], *bytes) == 0)
		return st;
	*different = 1;
	for (*where = 0; p->buf[0][*where] == p->buf[1][*where]; )
		++*where;
	*where += at;
	return ST_OK;
}

static enum status compare(struct pair *p, struct vmdk_job *job, int *different, uint64_t *where)
{
	uint64_t total = MAX(p->disk[0]->bytes, p->disk[1]->bytes), at = 0;
	struct job_clock clock;
	enum status st = ST_OK;

	job_begin(&clock, job, total);
	while (at < total && st == ST_OK && !*different) {
		uint64_t bytes = total - at;

		st = compare_step(p, at, &bytes, different, where);
		at += bytes;
		if (st == ST_OK)
			st = job_step(&clock, at);
	}
	return st == ST_OK ? job_end(&clock) : st;
}

enum status vmdk_compare(struct vmdk_disk *a, struct vmdk_disk *b, struct vmdk_job *job,
			 int *different, uint64_t *at, struct why *why)
{
	struct pair p = { .disk = { a, b } };
	enum status st = ST_NOMEM;

	*different = 0;
	*at = 0;
	p.buf[0] = port_dma_alloc(STEP_BYTES);
	p.buf[1] = port_dma_alloc(STEP_BYTES);
	if (p.buf[0] && p.buf[1])
		st = compare(&p, job, different, at);
	if (p.buf[0])
		port_dma_free(p.buf[0], STEP_BYTES);
	if (p.buf[1])
		port_dma_free(p.buf[1], STEP_BYTES);
	if (st != ST_OK)
		why_set(why, st, "cannot compare %s with %s: %s", a->path, b->path,
			status_text(st));
	return st;
}
