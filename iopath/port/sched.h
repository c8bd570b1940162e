/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* sched - the worlds and timers of one pCPU: what the ports share. A port owns a struct sched for
 * each pCPU, calls sched_turn() and timers_run() from its loop, and brings the hooks at the end. */
#ifndef CAIRN_PORT_SCHED_H
#define CAIRN_PORT_SCHED_H

#include "iopath/port/fiber.h"
#include "iopath/port/port.h"

#define WORLD_STACK_BYTES (256 * 1024)	/* struct port_world lies at its top */
#define WORLD_STACKS_KEPT 16		/* free stacks a pCPU holds for the next worlds */

enum world_state { WORLD_READY, WORLD_RUNNING, WORLD_PARKED, WORLD_ENDED };

struct port_world {
	struct list	link;		/* in sched.ready while READY */
	struct list	all;		/* in sched.worlds from start to end */
	struct fiber	fiber;
	struct sched	*sched;
	void		(*fn)(void *arg);
	void		*arg;
	struct port_msg	remote;		/* a start or wake from another pCPU */
	int		remote_posted;	/* atomic: the message is on its way */
	uint8_t		state;		/* enum world_state */
	uint8_t		token;		/* woken while it was not parked */
	char		name[30];
};

struct sched {
	uint32_t	pcpu;
	struct port_world *running;	/* NULL: the loop runs */
	struct fiber	loop;
	struct list	ready, worlds;
	uint32_t	ready_count;
	struct list	stacks;		/* free stacks, linked at their lowest bytes */
	uint32_t	stack_count;
	struct list	timers;		/* by at_ns, then in the order of their starts */
	/* Policy: which ready world runs next. Never called when there is none. */
	struct port_world *(*pick)(struct sched *s);
};

void sched_init(struct sched *s, uint32_t pcpu, struct port_world *(*pick)(struct sched *s));
/* Unmaps all stacks, those of parked worlds included. */
void sched_fini(struct sched *s);
struct port_world *sched_start(struct sched *s, const char *name, void (*fn)(void *arg), void *arg);
/* First come, first served: the policy of the linux port. */
struct port_world *sched_pick_first(struct sched *s);
/* Run as many worlds as are ready now; one that yields waits for the next turn. */
void sched_turn(struct sched *s);

static inline int sched_is_idle(const struct sched *s) { return s->ready_count == 0; }

/* When the first timer is due; UINT64_MAX: none is armed. */
static inline uint64_t timers_next_ns(const struct sched *s)
{
	return list_empty(&s->timers) ? UINT64_MAX
				      : list_first(&s->timers, struct port_timer, link)->at_ns;
}
/* Fire all that are due at now_ns. */
void timers_run(struct sched *s, uint64_t now_ns);

/* ---- what a port brings ---------------------------------------------------------------------- */

struct sched *sched_here(void);			/* of the calling pCPU */
struct sched *sched_at(uint32_t pcpu);
/* A stack with an unmapped page below it; NULL when there is no memory. */
void *sched_stack_map(void);
void sched_stack_unmap(void *stack);

#endif
