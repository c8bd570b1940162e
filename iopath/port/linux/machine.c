/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* machine - a thread that is pCPU 0 of a machine of its own. Its main world only waits for the end:
 * all work comes as messages. */
#include "iopath/port/linux/machine.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/port/linux/linux_priv.h"

struct embedded {
	struct port_machine	machine;	/* first: what the caller holds points to both */
	struct port_config	config;
	pthread_t		thread;
	struct port_msg		end;
	uint8_t			ended;		/* the message has come; pCPU 0's */

	/* The start: told once, by the thread. */
	pthread_mutex_t		lock;
	pthread_cond_t		told;
	uint8_t			is_told;
	enum status		status;
	struct why		why;
};

static struct embedded *embedded_of(struct port_machine *m)
{
	return container_of(m, struct embedded, machine);
}

static void tell(struct embedded *e, enum status st)
{
	pthread_mutex_lock(&e->lock);
	e->status = st;
	e->is_told = 1;
	pthread_cond_signal(&e->told);
	pthread_mutex_unlock(&e->lock);
}

static void wait_for_end(void *arg)
{
	struct embedded *e = arg;

	tell(e, ST_OK);
	while (!e->ended)
		port_world_park();
}

static void end_came(struct port_msg *msg)
{
	struct embedded *e = container_of(msg, struct embedded, end);

	e->ended = 1;
	port_world_wake(e->machine.main);
}

static void *machine_thread(void *arg)
{
	struct embedded *e = arg;
	enum status st = machine_run(&e->machine, &e->config, &e->why);

	if (st != ST_OK)
		tell(e, st);	/* it fails before its main world has run, or not at all */
	return NULL;
}

/* Signals are the caller's business: none may pick this thread, nor those that it starts. */
static int start_thread(struct embedded *e)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&e->thread, NULL, machine_thread, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

static void embedded_free(struct embedded *e)
{
	pthread_cond_destroy(&e->told);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

enum status port_machine_start(const struct port_config *config, port_log_fn *log, void *log_arg,
			       struct port_machine **machine, struct why *why)
{
	struct embedded *e = calloc(1, sizeof(*e));
	enum status st;
	int error;

	if (e == NULL)
		return why_set(why, ST_NOMEM, "no memory for a machine");
	e->config = *config;
	e->machine.main_world = wait_for_end;
	e->machine.main_arg = e;
	e->machine.log = log;
	e->machine.log_arg = log_arg;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->told, NULL);
	error = start_thread(e);
	if (error != 0) {
		embedded_free(e);
		return why_set(why, ST_NOMEM, "no thread for pCPU 0: %s", strerror(error));
	}
	pthread_mutex_lock(&e->lock);
	while (!e->is_told)
		pthread_cond_wait(&e->told, &e->lock);
	st = e->status;
	pthread_mutex_unlock(&e->lock);
	if (st == ST_OK) {
		*machine = &e->machine;
		return ST_OK;
	}
	pthread_join(e->thread, NULL);
	why_set(why, st, "%s", e->why.text);
	embedded_free(e);
	return st;
}

void port_machine_post(struct port_machine *m, struct port_msg *msg)
{
	mail_send(&m->pcpus[0].mail, msg);
}

void port_machine_stop(struct port_machine *m)
{
	struct embedded *e = embedded_of(m);

	e->end.fn = end_came;
	port_machine_post(m, &e->end);
	pthread_join(e->thread, NULL);
	embedded_free(e);
}
