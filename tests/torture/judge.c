/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* judge - the end: everybody has unmounted or is dead. What each worker was told is there; no value
 * of a counter was told twice, and none that was told is gone; each token has one name; the checker
 * has nothing to say. */
#include "tests/torture/torture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define VALUES_MAX (1u << 22)

struct judge {
	const struct job	*job;
	struct session		ss;
	uint8_t			*told[COUNTERS];	/* bit per value */
	uint32_t		highest[COUNTERS];
	int			bad;
};

static void bad(struct judge *j, const char *format, ...) PRINTF_LIKE(2, 3);
static void bad(struct judge *j, const char *format, ...)
{
	va_list ap;

	j->bad++;
	fputs("DIFFERENCE at the end: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* ---- workers --------------------------------------------------------------------------------- */

static void judge_worker(struct judge *j, uint32_t number)
{
	struct worker *w = calloc(1, sizeof(*w));
	struct job job = *j->job;

	job.worker = number;
	if (!w) {
		bad(j, "no memory");
		return;
	}
	w->job = &job;
	w->ss = j->ss;
	if (model_init(&w->model) < 0 || worker_read_log(w) < 0 ||
	    oplog_open(&w->log, job.dir, number) < 0 || worker_recover(w) != ST_OK)
		bad(j, "worker %u: %s", number, w->ss.why.text);
	model_fini(&w->model);
	free(w);
}

/* ---- what all use ---------------------------------------------------------------------------- */

static int note_value(void *arg, const struct log_line *l)
{
	struct judge *j = arg;
	uint8_t *told = l->id < COUNTERS ? j->told[l->id] : NULL;

	if (l->what != LOG_COUNTER || !told)
		return 0;
	if (l->stamp >= VALUES_MAX)
		return -1;
	if (told[l->stamp / 8] >> (l->stamp % 8) & 1)
		bad(j, "counter %u: two hosts were told that they made it %u", l->id, l->stamp);
	told[l->stamp / 8] |= (uint8_t)(1u << (l->stamp % 8));
	j->highest[l->id] = MAX(j->highest[l->id], l->stamp);
	return 0;
}

static void judge_counters(struct judge *j)
{
	for (uint32_t i = 0; i < COUNTERS; i++)
		j->told[i] = calloc(1, VALUES_MAX / 8);
	for (uint32_t i = 0; i < j->job->workers; i++)
		if (oplog_replay(j->job->dir, i, note_value, j) < 0)
			bad(j, "worker %u: a counter out of range", i);
	for (uint32_t i = 0; i < COUNTERS; i++) {
		uint32_t value = 0;
		struct why why = { 0 };
		enum status st = shared_counter_value(j->ss.s, i, &value, &why);

		if (st != ST_OK)
			bad(j, "counter %u: %s: %s", i, status_text(st), why.text);
		else if (value < j->highest[i])
			bad(j, "counter %u is %u, and somebody was told that it is %u", i, value,
			    j->highest[i]);
		free(j->told[i]);
	}
}

static void judge_tokens(struct judge *j)
{
	for (uint32_t i = 0; i < TOKENS; i++) {
		int places = shared_token_count(j->ss.s, i);

		if (places != 1)
			bad(j, "token %u has %d names", i, places);
	}
}

/* ---- the checker ----------------------------------------------------------------------------- */

static void finding(void *arg, const struct vmfs_finding *f)
{
	if (f->severity != VMFS_FIND_NOTE)
		bad(arg, "%s at 0x%llx: %s", f->rule, (unsigned long long)f->at, f->text);
}

static void judge_structures(struct judge *j)
{
	struct vmfs_check_opts opts = { .finding = finding, .arg = j };
	struct vmfs_check_result result;
	struct why why = { 0 };
	struct io_dev *dev;
	enum status st = io_dev_open(j->job->uri, IO_OPEN_DIRECT, &dev, &why);

	if (st == ST_OK) {
		st = vmfs_check(&dev, 1, &opts, &result, &why);
		io_dev_close(dev);
	}
	if (st != ST_OK)
		bad(j, "the checker: %s: %s", status_text(st), why.text);
}

static void main_world(void *arg)
{
	struct judge *j = arg;
	/* For writing: that recovers whoever was killed last. */
	enum status st = session_mount(&j->ss, j->job->uri, 1);

	if (st != ST_OK) {
		bad(j, "mounting: %s: %s", status_text(st), j->ss.why.text);
		return;
	}
	for (uint32_t i = 0; i < j->job->workers; i++)
		judge_worker(j, i);
	judge_counters(j);
	judge_tokens(j);
	st = session_unmount(&j->ss);
	if (st != ST_OK)
		bad(j, "unmounting: %s", status_text(st));
	judge_structures(j);
}

int judge_run(const struct job *job)
{
	struct port_config config = { .log_level = LOG_ERROR };
	struct judge j = { .job = job };
	struct why why = { 0 };

	if (port_run(&config, main_world, &j, &why) != ST_OK)
		bad(&j, "%s", why.text);
	return j.bad;
}
