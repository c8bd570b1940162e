/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* run - the pCPUs and their loop. One turn: mail, timers, the worlds that are ready, then the
 * engine: all transfers of the turn go to the kernel together, in the call that also sleeps when
 * there is nothing else to do. */
#include "iopath/port/linux/linux_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Which pCPU the thread is: the one thing of this port that hangs off nothing. */
static __thread struct pcpu *here;

/* In order of preference. */
static const struct engine_ops *const engines[] = { &engine_uring, &engine_aio, &engine_threads };

struct pcpu *pcpu_here(void)
{
	return here;
}

struct pcpu *pcpu_at(uint32_t index)
{
	VERIFY(index < here->machine->pcpu_count);
	return &here->machine->pcpus[index];
}

struct sched *sched_here(void)
{
	return &here->sched;
}

struct sched *sched_at(uint32_t pcpu)
{
	return &pcpu_at(pcpu)->sched;
}

uint32_t port_pcpu_count(void)
{
	return here->machine->pcpu_count;
}

const char *port_engine(void)
{
	return here ? here->machine->engine->name : "";
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void run_due_timers(struct pcpu *p)
{
	if (!list_empty(&p->sched.timers))
		timers_run(&p->sched, port_now_ns());
}

/* Only a transfer, mail or a timer can make work now. */
static int is_idle(const struct pcpu *p)
{
	return sched_is_idle(&p->sched) && list_empty(&p->ended) && mail_is_empty(&p->mail);
}

static void pcpu_loop(struct pcpu *p)
{
	struct port_machine *m = p->machine;

	while (!__atomic_load_n(&m->stopping, __ATOMIC_ACQUIRE)) {
		mail_deliver(&p->mail);
		run_due_timers(p);
		sched_turn(&p->sched);
		if (p->index == 0 && m->signals_start && asked_pending() && m->main)
			port_world_wake(m->main);
		io_deliver_ended(p);
		if (p->flush)
			io_start_flush(p, is_idle(p));
		p->engine->turn(p, is_idle(p) && p->flush == NULL);
	}
}

static void stop_all(struct port_machine *m)
{
	__atomic_store_n(&m->stopping, 1, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < m->pcpu_count; i++)
		mail_ring(&m->pcpus[i].mail);
}

static void main_of_world_0(void *arg)
{
	struct port_machine *m = arg;

	m->main_world(m->main_arg);
	m->main = NULL;
	stop_all(m);
}

/* ---- one pCPU -------------------------------------------------------------------------------- */

static enum status pcpu_start(struct pcpu *p, uint32_t index, uint64_t dma_bytes, struct why *why)
{
	enum status st;

	p->index = index;
	sched_init(&p->sched, index, sched_pick_first);
	list_init(&p->backlog);
	list_init(&p->ended);
	p->engine = p->machine->engine;
	mail_init(&p->mail);
	st = p->engine->start(p, why);
	if (st != ST_OK)
		goto fini_mail;
	p->dma = dma_create(p, dma_bytes);
	if (p->dma == NULL) {
		st = why_set(why, ST_NOMEM, "no memory for the buffers of pCPU %u", index);
		goto stop_engine;
	}
	return ST_OK;
stop_engine:
	p->engine->stop(p);
fini_mail:
	mail_fini(&p->mail);
	return st;
}

/* Once its thread has ended, and no helper can send it mail any more. */
static void pcpu_stop(struct pcpu *p)
{
	p->engine->stop(p);
	dma_destroy(p->dma);
	mail_fini(&p->mail);
	sched_fini(&p->sched);
}

/* An engine may want to be started by the thread that will use it. */
struct starting {
	struct pcpu		*pcpu;
	uint32_t		index;
	uint64_t		dma_bytes;
	struct why		*why;
	enum status		status;
	pthread_barrier_t	started;
};

static void *pcpu_thread(void *arg)
{
	struct starting *start = arg;
	struct pcpu *p = start->pcpu;

	here = p;
	start->status = pcpu_start(p, start->index, start->dma_bytes, start->why);
	if (start->status != ST_OK) {
		pthread_barrier_wait(&start->started);
		return NULL;
	}
	pthread_barrier_wait(&start->started);	/* `start` is gone after this */
	pcpu_loop(p);
	accel_thread_end();
	return NULL;
}

static enum status thread_start(struct port_machine *m, uint32_t index, uint64_t dma_bytes,
				struct why *why)
{
	struct starting start = { .pcpu = &m->pcpus[index], .index = index,
				  .dma_bytes = dma_bytes, .why = why };
	int error;

	pthread_barrier_init(&start.started, NULL, 2);
	error = pthread_create(&start.pcpu->thread, NULL, pcpu_thread, &start);
	if (error != 0) {
		start.status = why_set(why, ST_NOMEM, "no thread for pCPU %u: %s", index,
				       strerror(error));
	} else {
		pthread_barrier_wait(&start.started);
		if (start.status != ST_OK)
			pthread_join(start.pcpu->thread, NULL);
	}
	pthread_barrier_destroy(&start.started);
	return start.status;
}

/* ---- the choice of engine -------------------------------------------------------------------- */

static const struct engine_ops *engine_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(engines); i++) {
		if (strcmp(engines[i]->name, name) == 0)
			return engines[i];
	}
	return NULL;
}

/* Start pCPU 0 with the engine that was asked for, or with the first that this kernel accepts. */
static enum status start_first_pcpu(struct port_machine *m, const char *wanted,
				    uint64_t dma_bytes, struct why *why)
{
	struct pcpu *p = &m->pcpus[0];
	enum status st = ST_UNSUPPORTED;

	here = p;
	if (wanted != NULL) {
		m->engine = engine_named(wanted);
		if (m->engine == NULL)
			return why_set(why, ST_INVAL,
				       "I/O engine \"%s\": not io_uring, libaio, threads", wanted);
		return pcpu_start(p, 0, dma_bytes, why);
	}
	for (size_t i = 0; i < ARRAY_COUNT(engines); i++) {
		m->engine = engines[i];
		st = pcpu_start(p, 0, dma_bytes, why);
		if (st != ST_UNSUPPORTED)
			break;
		log_line(LOG_INFO, "I/O engine %s -> trying the next",
			 why ? why->text : engines[i]->name);
	}
	if (st == ST_OK && why)
		*why = (struct why){ 0 };
	return st;
}

static void stop_pcpus(struct port_machine *m, uint32_t count)
{
	stop_all(m);
	for (uint32_t i = 1; i < count; i++)
		pthread_join(m->pcpus[i].thread, NULL);
	accel_thread_end();
	pool_stop(&m->pool);
	for (uint32_t i = 0; i < count; i++)
		pcpu_stop(&m->pcpus[i]);
}

/* With pCPU 0 started: start the others, run, stop all. */
static enum status run_pcpus(struct port_machine *m, uint64_t dma_bytes, struct why *why)
{
	enum status st = ST_OK;
	uint32_t started = 1;

	for (; started < m->pcpu_count; started++) {
		st = thread_start(m, started, dma_bytes, why);
		if (st != ST_OK)
			break;
	}
	if (st == ST_OK) {
		m->main = port_world_start("main", main_of_world_0, m);
		if (m->main == NULL)
			st = why_set(why, ST_NOMEM, "no memory for the first world");
	}
	if (st == ST_OK) {
		if (m->signals_start)
			m->signals_start(m);
		pcpu_loop(&m->pcpus[0]);
		if (m->signals_stop)
			m->signals_stop();
	}
	stop_pcpus(m, started);
	return st;
}

enum status machine_run(struct port_machine *m, const struct port_config *config, struct why *why)
{
	const char *engine = config->engine ? config->engine : getenv("CAIRN_ENGINE");
	uint64_t dma_bytes = config->dma_bytes ? config->dma_bytes : 64 * MIB;
	uint32_t count = config->pcpus ? config->pcpus : 1;
	enum status st;

	if (count > PCPUS_MAX)
		return why_set(why, ST_LIMIT, "%u pCPUs: at most %u", count, PCPUS_MAX);
	m->pcpus = calloc(count, sizeof(*m->pcpus));
	if (m->pcpus == NULL)
		return why_set(why, ST_NOMEM, "no memory for %u pCPUs", count);
	m->pcpu_count = count;
	for (uint32_t i = 0; i < count; i++)
		m->pcpus[i].machine = m;
	m->log_level = config->log_level;
	pool_init(&m->pool);
	st = start_first_pcpu(m, engine && *engine ? engine : NULL, dma_bytes, why);
	if (st == ST_OK)
		st = run_pcpus(m, dma_bytes, why);
	free(m->pcpus);
	here = NULL;
	return st;
}
