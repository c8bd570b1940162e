/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* pool - helper threads for what would block a pCPU. They start with the first job, take jobs from
 * one queue in order, and send each back to its pCPU as mail. */
#include "iopath/port/linux/linux_priv.h"

#include <signal.h>
#include <stdlib.h>

struct job {
	struct port_msg	msg;		/* on its way to the queue, and back */
	struct pcpu	*pcpu;
	struct port_io	*io;
	int64_t		result;
};

void pool_init(struct pool *pool)
{
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->come, NULL);
	list_init(&pool->jobs);
}

static void job_came_back(struct port_msg *msg)
{
	struct job *job = container_of(msg, struct job, msg);
	struct port_io *io = job->io;
	int64_t result = job->result;

	free(job);
	io_ended(pcpu_here(), io, result);
}

static void *pool_thread(void *arg)
{
	struct pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct list *link = list_pop(&pool->jobs);
		struct job *job;

		if (link == NULL) {
			if (pool->stopping)
				break;
			pool->idle++;
			pthread_cond_wait(&pool->come, &pool->lock);
			pool->idle--;
			continue;
		}
		job = container_of(link, struct job, msg.link);
		pthread_mutex_unlock(&pool->lock);
		job->result = io_run_blocking(job->io);
		mail_send(&job->pcpu->mail, &job->msg);
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* One more thread when none is idle. Signals are for the pCPUs. */
static void grow(struct pool *pool)
{
	sigset_t all, before;

	if (pool->threads == POOL_THREADS)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&pool->thread[pool->threads], NULL, pool_thread, pool) == 0)
		pool->threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void pool_submit(struct pcpu *p, struct port_io *io)
{
	struct pool *pool = &p->machine->pool;
	struct job *job = malloc(sizeof(*job));
	uint32_t threads;

	if (job == NULL) {
		io_fail_later(p, io, ST_NOMEM);
		return;
	}
	*job = (struct job){ .msg.fn = job_came_back, .pcpu = p, .io = io };
	pthread_mutex_lock(&pool->lock);
	list_add_tail(&pool->jobs, &job->msg.link);
	if (pool->idle == 0)
		grow(pool);
	threads = pool->threads;
	pthread_cond_signal(&pool->come);
	pthread_mutex_unlock(&pool->lock);
	VERIFY(threads > 0);	/* a process that can have no thread at all cannot do I/O */
}

void pool_stop(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stopping = 1;
	pthread_cond_broadcast(&pool->come);
	pthread_mutex_unlock(&pool->lock);
	for (uint32_t i = 0; i < pool->threads; i++)
		pthread_join(pool->thread[i], NULL);
	pthread_cond_destroy(&pool->come);
	pthread_mutex_destroy(&pool->lock);
}
