/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* engine_aio - Linux AIO: asynchronous for direct transfers only. What goes through the page cache
 * would block inside io_submit(), and what is no transfer has no reliable form here: both go to the
 * helper pool. The mail's eventfd is watched by a poll request in the same context. */
#include "iopath/port/linux/linux_priv.h"

#include <errno.h>
#include <libaio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VECTORS 32	/* of one request; a longer list continues where that ended */
#define EVENTS 64	/* taken by one call */

struct request {
	struct iocb	iocb;
	struct iovec	vec[VECTORS];
	struct request	*next_free;
};

struct aio {
	io_context_t	context;
	struct request	*free;
	struct iocb	mail;
	uint32_t	queued;
	uint32_t	gated;		/* of those: writes to disks with a deadline */
	struct iocb	*queue[IN_FLIGHT_MAX];	/* not yet handed over */
	struct request	request[IN_FLIGHT_MAX];
};

/* Watch the mail: one shot, armed again each time it rang. */
static int poll_mail(struct pcpu *p)
{
	struct aio *a = p->engine_state;
	struct iocb *one = &a->mail;

	io_prep_poll(&a->mail, p->mail.event_fd, POLLIN);
	return io_submit(a->context, 1, &one);
}

static void aio_stop(struct pcpu *p)
{
	struct aio *a = p->engine_state;

	io_destroy(a->context);
	free(a);
	p->engine_state = NULL;
}

static enum status aio_start(struct pcpu *p, struct why *why)
{
	struct aio *a = calloc(1, sizeof(*a));
	int error;

	if (a == NULL)
		return why_set(why, ST_NOMEM, "libaio: out of memory");
	error = io_setup(IN_FLIGHT_MAX + 1, &a->context);
	if (error < 0) {
		free(a);
		return why_set(why, ST_UNSUPPORTED, "libaio: %s", strerror(-error));
	}
	for (int i = 0; i < IN_FLIGHT_MAX; i++) {
		a->request[i].next_free = a->free;
		a->free = &a->request[i];
	}
	p->engine_state = a;
	error = poll_mail(p);
	if (error < 0) {	/* Linux before 4.18 */
		aio_stop(p);
		return why_set(why, ST_UNSUPPORTED, "libaio: no poll request: %s",
			       strerror(-error));
	}
	return ST_OK;
}

static void aio_submit(struct pcpu *p, struct port_io *io)
{
	struct aio *a = p->engine_state;
	int fd = io_fd(io->disk, io), count;
	struct request *r;

	if (io->op > PORT_WRITE || !io->disk->info.direct || fd != io->disk->fd) {
		pool_submit(p, io);
		return;
	}
	r = a->free;
	VERIFY(r != NULL);	/* io.c keeps to IN_FLIGHT_MAX */
	a->free = r->next_free;
	count = io_vectors(io, r->vec, VECTORS);
	if (io->op == PORT_READ)
		io_prep_preadv(&r->iocb, fd, r->vec, count, (long long)(io->offset + io->progress));
	else
		io_prep_pwritev(&r->iocb, fd, r->vec, count,
				(long long)(io->offset + io->progress));
	r->iocb.data = io;
	a->queue[a->queued++] = &r->iocb;
	a->gated += io_is_gated(io) != 0;
}

/* The request of a failed or ended transfer becomes free before the transfer is told. */
static void request_ended(struct pcpu *p, struct iocb *iocb, int64_t result)
{
	struct aio *a = p->engine_state;
	struct request *r = container_of(iocb, struct request, iocb);
	struct port_io *io = iocb->data;

	r->next_free = a->free;
	a->free = r;
	io_ended(p, io, result);
}

/* Late writes end here; returns how many requests are left. */
static uint32_t refuse_late(struct pcpu *p, struct iocb **now, uint32_t count)
{
	uint64_t now_ns = port_now_ns();
	uint32_t left = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (io_is_late_at(now[i]->data, now_ns))
			request_ended(p, now[i], -GATE_SHUT);
		else
			now[left++] = now[i];
	}
	return left;
}

/* The call stops at the first request that the kernel refuses; that one alone fails. */
static void hand_over(struct pcpu *p, struct aio *a)
{
	struct iocb *now[IN_FLIGHT_MAX];
	uint32_t count = a->queued, at = 0, gated = a->gated;

	memcpy(now, a->queue, count * sizeof(now[0]));
	a->queued = a->gated = 0;
	while (at < count) {
		int n;

		if (gated)
			count = at + refuse_late(p, now + at, count - at);
		if (at == count)
			return;
		n = io_submit(a->context, (long)(count - at), now + at);
		if (n > 0) {
			at += (uint32_t)n;
		} else if (n == -EINTR) {
			continue;
		} else if (n == -EAGAIN) {
			/* No room now: what is in flight makes some. */
			memcpy(a->queue + a->queued, now + at, (count - at) * sizeof(now[0]));
			a->queued += count - at;
			a->gated += gated;
			return;
		} else {
			request_ended(p, now[at++], n);
		}
	}
}

/* The time to the first timer; NULL: no limit. */
static struct timespec *time_left(const struct pcpu *p, struct timespec *ts)
{
	uint64_t due = timers_next_ns(&p->sched), now;

	if (due == UINT64_MAX)
		return NULL;
	now = port_now_ns();
	due = due > now ? due - now : 0;
	ts->tv_sec = (time_t)(due / 1000000000u);
	ts->tv_nsec = (long)(due % 1000000000u);
	return ts;
}

static void aio_turn(struct pcpu *p, int wait)
{
	struct aio *a = p->engine_state;
	struct io_event event[EVENTS];
	struct timespec ts = { 0 };
	int count;

	hand_over(p, a);
	if (!wait && p->in_flight == 0)
		return;
	/* A transfer that failed at once has made work: look, but do not sleep. */
	wait = wait && list_empty(&p->ended) && sched_is_idle(&p->sched) && mail_is_empty(&p->mail);
	count = io_getevents(a->context, wait, EVENTS, event, wait ? time_left(p, &ts) : &ts);
	for (int i = 0; i < count; i++) {
		if (event[i].obj == &a->mail) {
			mail_drain_event(&p->mail);
			VERIFY(poll_mail(p) == 1);
		} else {
			request_ended(p, event[i].obj, (int64_t)event[i].res);
		}
	}
}

const struct engine_ops engine_aio = {
	.name = "libaio",
	.start = aio_start,
	.stop = aio_stop,
	.submit = aio_submit,
	.turn = aio_turn,
};
