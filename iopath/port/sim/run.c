/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* run - the loop of the simulator. Whatever could happen next in a real machine (a message, a
 * timer, the end of a transfer, a world's turn) happens here one at a time, in an order that the
 * seed decides where the real one would be free. When nothing can happen now, the clock jumps to
 * the next event; when there is none, the hosts have deadlocked, and that is a bug to be shown. */
#include "iopath/port/sim/sim_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define START_NS 1000000000ull			/* no clock reads 0 */
#define WALL_START_US 1735689600000000ull	/* 2025-01-01: same seed, same time stamps */

struct sim sim;

struct sched *sched_here(void)
{
	return &sim.pcpu[sim.here].sched;
}

/* A host numbers its pCPUs from 0. */
static struct sim_pcpu *pcpu_at(uint32_t pcpu)
{
	VERIFY(pcpu < host_here()->count);
	return &sim.pcpu[host_here()->first + pcpu];
}

struct sched *sched_at(uint32_t pcpu) { return &pcpu_at(pcpu)->sched; }

uint32_t port_pcpu_count(void)
{
	return host_here()->count;
}

const char *port_engine(void)
{
	return "sim";
}

uint64_t port_now_ns(void)
{
	return sim.now_ns;
}

uint64_t port_wall_us(void)
{
	return WALL_START_US + (sim.now_ns - START_NS) / 1000;
}

void port_pcpu_post(uint32_t pcpu, struct port_msg *msg)
{
	list_add_tail(&pcpu_at(pcpu)->mail, &msg->link);
}

struct port_world *pick_by_seed(struct sched *s)
{
	uint64_t n = chance_below(STREAM_SCHEDULE, s->ready_count);
	struct list *at = s->ready.next;

	while (n-- > 0)
		at = at->next;
	return list_entry(at, struct port_world, link);
}

/* ---- one turn -------------------------------------------------------------------------------- */

/* Returns 1 when anything ran. */
static int pcpu_turn(uint32_t index)
{
	struct sim_pcpu *p = &sim.pcpu[index];
	struct sim_host *h = &sim.host[p->host];
	struct list now, *link;
	int ran = 0;

	if (host_is_paused(h))
		return 0;
	sim.here = index;
	list_init(&now);
	list_splice_tail(&now, &p->mail);
	while ((link = list_pop(&now)) != NULL) {
		struct port_msg *msg = list_entry(link, struct port_msg, link);

		msg->fn(msg);
		ran = 1;
	}
	if (timers_next_ns(&p->sched) <= sim.now_ns) {
		timers_run(&p->sched, sim.now_ns);
		ran = 1;
	}
	if (!sched_is_idle(&p->sched)) {
		sched_turn(&p->sched);
		ran = 1;
	}
	if (h->state == HOST_ENDED)
		host_off(h);
	return ran;
}

static int all_turn(void)
{
	uint32_t first = (uint32_t)chance_below(STREAM_SCHEDULE, sim.pcpu_count);
	int ran = 0;

	for (uint32_t i = 0; i < sim.pcpu_count && !sim.stopping; i++)
		ran |= pcpu_turn((first + i) % sim.pcpu_count);
	return ran;
}

static uint64_t next_event_ns(void)
{
	uint64_t next = io_next_ns();

	for (uint32_t i = 0; i < sim.pcpu_count; i++) {
		const struct sim_host *h = &sim.host[sim.pcpu[i].host];

		next = MIN(next, host_is_paused(h) ? h->paused_until_ns
						   : timers_next_ns(&sim.pcpu[i].sched));
	}
	return next;
}

static void deadlock(void)
{
	fprintf(stderr,
		"cairn: sim: deadlock: no world is ready, no timer is armed, no transfer is in "
		"flight; parked:");
	for (uint32_t i = 0; i < sim.pcpu_count; i++) {
		struct port_world *w;

		list_for_each(w, &sim.pcpu[i].sched.worlds, all)
			fprintf(stderr, " %s", w->name);
	}
	fprintf(stderr, "\n");
	port_crash(__FILE__, __LINE__, "deadlock");
}

static void loop(void)
{
	while (!sim.stopping) {
		int ran = all_turn();

		if (sim.stopping)
			break;
		ran |= io_run_due() != 0;
		if (ran)
			continue;
		if (next_event_ns() == UINT64_MAX)
			deadlock();
		sim.now_ns = MAX(sim.now_ns, next_event_ns());
	}
}

/* ---- start and end --------------------------------------------------------------------------- */

struct main_call {
	void	(*fn)(void *arg);
	void	*arg;
};

static void main_of_world_0(void *arg)
{
	struct main_call *call = arg;

	call->fn(call->arg);
	sim.stopping = 1;
}

static enum status machine_init(const struct port_config *config, struct why *why)
{
	memset(&sim, 0, sizeof(sim));
	sim.seed = config->seed;
	sim.now_ns = START_NS;
	sim.log_level = config->log_level;
	sim.pcpu_count = config->pcpus ? config->pcpus : 1;
	if (sim.pcpu_count > SIM_PCPUS_MAX)
		return why_set(why, ST_LIMIT, "%u pCPUs: the simulator has at most %u",
			       sim.pcpu_count, SIM_PCPUS_MAX);
	for (uint32_t i = 0; i < sim.pcpu_count; i++) {
		sched_init(&sim.pcpu[i].sched, i, pick_by_seed);
		list_init(&sim.pcpu[i].mail);
	}
	sim.host[0] = (struct sim_host){ .count = sim.pcpu_count, .state = HOST_ON,
					 .name = "sim", .die_after = UINT64_MAX };
	sim.host_count = 1;
	list_init(&sim.in_flight);
	list_init(&sim.disks);
	list_init(&sim.inodes);
	faults_clear();
	odds_init();
	sim.root = inode_new(PORT_KIND_DIR, 0755);
	if (sim.root == NULL)
		return why_set(why, ST_NOMEM, "no memory for the simulator");
	sim.root->links = 1;
	return ST_OK;
}

enum status port_run(const struct port_config *config, void (*main_world)(void *arg), void *arg,
		     struct why *why)
{
	struct main_call call = { main_world, arg };
	enum status st = machine_init(config, why);

	if (st != ST_OK)
		return st;
	if (sched_start(&sim.pcpu[0].sched, "main", main_of_world_0, &call) == NULL)
		st = why_set(why, ST_NOMEM, "no memory for the first world");
	else
		loop();
	for (uint32_t i = 0; i < sim.pcpu_count; i++)
		sched_fini(&sim.pcpu[i].sched);
	io_free_all();
	for (uint32_t i = 1; i < sim.host_count; i++)
		(void)blocks_free_of(i);
	blocks_fini();
	memory_free_resting();
	tree_free();
	return st;
}
