/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* engine_threads - preads and pwrites on the helper pool: for kernels and containers that refuse
 * the asynchronous interfaces. */
#include "iopath/port/linux/linux_priv.h"

#include <poll.h>
#include <time.h>

static enum status threads_start(struct pcpu *p, struct why *why)
{
	(void)p;
	(void)why;
	return ST_OK;
}

static void threads_stop(struct pcpu *p)
{
	(void)p;
}

/* Sleep until mail comes or the first timer is due. */
static void threads_turn(struct pcpu *p, int wait)
{
	struct pollfd fd = { .fd = p->mail.event_fd, .events = POLLIN };
	uint64_t due = timers_next_ns(&p->sched), now;
	struct timespec ts = { 0 };

	if (!wait)
		return;
	if (due != UINT64_MAX) {
		now = port_now_ns();
		due = due > now ? due - now : 0;
		ts.tv_sec = (time_t)(due / 1000000000u);
		ts.tv_nsec = (long)(due % 1000000000u);
	}
	if (ppoll(&fd, 1, timers_next_ns(&p->sched) == UINT64_MAX ? NULL : &ts, NULL) > 0)
		mail_drain_event(&p->mail);
}

const struct engine_ops engine_threads = {
	.name = "threads",
	.start = threads_start,
	.stop = threads_stop,
	.submit = pool_submit,
	.turn = threads_turn,
};
