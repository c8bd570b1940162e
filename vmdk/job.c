/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* How long work reports, slows down and is stopped. */
#include "vmdk/vmdk_priv.h"

#define REPORT_NS 100000000ull	/* ten times a second */

void job_begin(struct job_clock *c, struct vmdk_job *job, uint64_t total)
{
	*c = (struct job_clock){ .job = job, .start_ns = port_now_ns(), .total = total };
}

static enum status report(struct job_clock *c, uint64_t done)
{
	if (!c->job || !c->job->progress)
		return ST_OK;
	return c->job->progress(c->job, done, c->total) ? ST_CANCELLED : ST_OK;
}

/* Sleep until what was done is not more than the rate allows; in short naps, so that the user can
 * still stop the work. */
static enum status hold_back(struct job_clock *c, uint64_t done)
{
	uint64_t rate = c->job ? c->job->rate_bytes_per_s : 0, due;
	enum status st = ST_OK;

	if (!rate)
		return ST_OK;
	due =
	    c->start_ns + done / rate * 1000000000ull + done % rate * 1000000000ull / MAX(rate, 1);
	while (st == ST_OK && port_now_ns() < due) {
		port_world_sleep_ns(MIN(due - port_now_ns(), REPORT_NS));
		st = report(c, done);
	}
	return st;
}

enum status job_step(struct job_clock *c, uint64_t done)
{
	uint64_t now = port_now_ns();
	enum status st = ST_OK;

	if (now >= c->next_ns) {
		c->next_ns = now + REPORT_NS;
		st = report(c, done);
	}
	return st == ST_OK ? hold_back(c, done) : st;
}

enum status job_end(struct job_clock *c) { return report(c, c->total); }
