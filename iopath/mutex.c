/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mutex - a lock between worlds of one pCPU. The unlocking world hands it to the one that waits
 * longest, so nobody can overtake and nobody starves. */
#include "iopath/iopath.h"

struct waiter {
	struct list		link;
	struct port_world	*world;
};

void io_mutex_init(struct io_mutex *m)
{
	m->owner = NULL;
	list_init(&m->waiters);
}

/* Apart from io_mutex_lock() because gcc 12 takes a list node on the stack for a dangling pointer,
 * although the loop below only ends when the node has been taken out. */
static __attribute__((noinline)) void queue(struct io_mutex *m, struct waiter *w)
{
	list_add_tail(&m->waiters, &w->link);
}

void io_mutex_lock(struct io_mutex *m)
{
	struct waiter w = { .world = port_world_self() };

	ASSERT(m->owner != w.world);	/* it would wait for itself */
	if (!m->owner) {
		m->owner = w.world;
		return;
	}
	queue(m, &w);
	while (m->owner != w.world)
		port_world_park();
}

void io_mutex_unlock(struct io_mutex *m)
{
	struct list *next = list_pop(&m->waiters);

	ASSERT(m->owner == port_world_self());
	m->owner = next ? list_entry(next, struct waiter, link)->world : NULL;
	if (m->owner)
		port_world_wake(m->owner);
}
