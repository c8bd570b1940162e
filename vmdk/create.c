/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Creating an empty disk. */
#include "vmdk/target_priv.h"

/* What the sink does for an empty disk: zeros from start to end. */
static enum status fill_empty(struct target *t, struct vmdk_job *job, struct why *why)
{
	struct job_clock clock;
	enum status st = ST_OK;

	job_begin(&clock, job, t->opts.bytes);
	t->clock = &clock;
	if (t->sink->skip)
		st = t->sink->skip(t, 0, t->opts.bytes);
	if (st == ST_OK && t->sink->finish)
		st = t->sink->finish(t);
	if (st == ST_OK)
		st = job_end(&clock);
	t->clock = NULL;
	if (st != ST_OK)
		why_set(why, st, "%s: cannot create the disk: %s", t->path, status_text(st));
	return st;
}

enum status vmdk_create(struct store *s, const char *path, const struct vmdk_create_opts *opts,
			struct vmdk_job *job, struct why *why)
{
	struct target t = { .store = s, .path = path, .opts = *opts };
	enum status st = ST_OK;

	desc_init(&t.desc);
	if (opts->kind != VMDK_RAW && opts->bytes < VMDK_BYTES_MIN)
		st = why_set(why, ST_INVAL, "%s: a virtual disk has at least 1 MiB", path);
	if (st == ST_OK)
		st = target_plan(&t, why);
	if (st == ST_OK)
		st = target_begin(&t, why);
	if (st == ST_OK)
		st = fill_empty(&t, job, why);
	if (st == ST_OK)
		st = target_commit(&t, why);
	if (st != ST_OK)
		target_abort(&t);
	target_fini(&t);
	return st;
}
