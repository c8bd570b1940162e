/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mail - messages to a pCPU. Its own go through a plain list; those of other threads through a
 * locked one, and the first that lands there rings the eventfd on which the engine sleeps. The bell
 * is not lost when it rings too early: it stays readable until it is drained. */
#include "iopath/port/linux/linux_priv.h"

#include <sys/eventfd.h>
#include <unistd.h>

void mail_init(struct mail *m)
{
	list_init(&m->here);
	list_init(&m->sent);
	pthread_mutex_init(&m->lock, NULL);
	m->waiting = 0;
	m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	VERIFY(m->event_fd >= 0);	/* a process that has no descriptor left cannot start */
}

void mail_fini(struct mail *m)
{
	close(m->event_fd);
	pthread_mutex_destroy(&m->lock);
}

void mail_ring(struct mail *m)
{
	uint64_t one = 1;
	ssize_t n = write(m->event_fd, &one, sizeof(one));

	(void)n;	/* fails only when the counter is full: then it rings already */
}

void mail_drain_event(struct mail *m)
{
	uint64_t count;
	ssize_t n = read(m->event_fd, &count, sizeof(count));

	(void)n;	/* nothing to read: somebody drained it before */
}

void mail_send(struct mail *m, struct port_msg *msg)
{
	int first;

	pthread_mutex_lock(&m->lock);
	first = list_empty(&m->sent);
	list_add_tail(&m->sent, &msg->link);
	__atomic_store_n(&m->waiting, 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&m->lock);
	if (first)
		mail_ring(m);
}

void mail_deliver(struct mail *m)
{
	struct list now;
	struct list *link;

	if (mail_is_empty(m))
		return;
	list_init(&now);
	list_splice_tail(&now, &m->here);
	if (__atomic_load_n(&m->waiting, __ATOMIC_ACQUIRE)) {
		pthread_mutex_lock(&m->lock);
		list_splice_tail(&now, &m->sent);
		__atomic_store_n(&m->waiting, 0, __ATOMIC_RELEASE);
		pthread_mutex_unlock(&m->lock);
	}
	while ((link = list_pop(&now)) != NULL) {
		struct port_msg *msg = list_entry(link, struct port_msg, link);

		msg->fn(msg);
	}
}

void port_pcpu_post(uint32_t pcpu, struct port_msg *msg)
{
	struct pcpu *target = pcpu_at(pcpu);

	if (target == pcpu_here())
		list_add_tail(&target->mail.here, &msg->link);
	else
		mail_send(&target->mail, msg);
}
