/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* timer - one list per pCPU, sorted. A host has tens of timers, mostly of the same few intervals,
 * so a new one belongs near the end: the search starts there. */
#include "iopath/port/sched.h"

void port_timer_init(struct port_timer *timer, void (*fn)(struct port_timer *timer))
{
	list_init(&timer->link);
	timer->fn = fn;
	timer->at_ns = 0;
}

void port_timer_start(struct port_timer *timer, uint64_t at_ns)
{
	struct sched *s = sched_here();
	struct list *after;

	list_del(&timer->link);
	timer->at_ns = at_ns;
	for (after = s->timers.prev; after != &s->timers; after = after->prev) {
		if (list_entry(after, struct port_timer, link)->at_ns <= at_ns)
			break;
	}
	list_insert(&timer->link, after, after->next);
}

void port_timer_stop(struct port_timer *timer)
{
	list_del(&timer->link);
}

/* A timer function may start and stop any timer, itself too: look at the head anew each time. What
 * it starts for now or earlier waits for the next turn of the loop, so that this one ends. */
void timers_run(struct sched *s, uint64_t now_ns)
{
	struct list due;

	list_init(&due);
	while (timers_next_ns(s) <= now_ns) {
		struct list *first = s->timers.next;

		list_del(first);
		list_add_tail(&due, first);
	}
	while (!list_empty(&due)) {
		struct port_timer *timer = list_first(&due, struct port_timer, link);

		list_del(&timer->link);
		timer->fn(timer);
	}
}
