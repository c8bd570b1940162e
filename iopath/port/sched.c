/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* sched - worlds: start, park, wake, end. Only the pCPU that owns a struct sched touches it, so
 * there is no lock; another pCPU sends the world's own message, once until it has arrived.
 *
 * A world is READY (in the run queue), RUNNING, PARKED, or ENDED. Waking a parked world makes it
 * ready; waking it in any other state leaves one token, which the next park takes instead of
 * sleeping. The loop has a fiber of its own: worlds switch to the loop, never to each other. */
#include "iopath/port/sched.h"

/* ---- stacks ---------------------------------------------------------------------------------- */

static void *stack_get(struct sched *s)
{
	struct list *free_stack = list_pop(&s->stacks);

	if (free_stack == NULL)
		return sched_stack_map();
	s->stack_count--;
	return free_stack;
}

static void stack_put(struct sched *s, void *stack)
{
	if (s->stack_count == WORLD_STACKS_KEPT) {
		sched_stack_unmap(stack);
		return;
	}
	list_add_head(&s->stacks, stack);
	s->stack_count++;
}

/* ---- start and end --------------------------------------------------------------------------- */

void sched_init(struct sched *s, uint32_t pcpu, struct port_world *(*pick)(struct sched *s))
{
	memset(s, 0, sizeof(*s));
	s->pcpu = pcpu;
	s->pick = pick;
	list_init(&s->ready);
	list_init(&s->worlds);
	list_init(&s->stacks);
	list_init(&s->timers);
}

void sched_fini(struct sched *s)
{
	struct port_world *w, *next;
	struct list *stack;

	list_for_each_safe(w, next, &s->worlds, all)
		sched_stack_unmap(w->fiber.stack);
	while ((stack = list_pop(&s->stacks)) != NULL)
		sched_stack_unmap(stack);
}

static void make_ready(struct port_world *w)
{
	w->state = WORLD_READY;
	list_add_tail(&w->sched->ready, &w->link);
	w->sched->ready_count++;
}

static void world_main(void *arg)
{
	struct port_world *w = arg;

	fiber_begin(&w->sched->loop);
	w->fn(w->arg);
	w->state = WORLD_ENDED;
	fiber_leave(&w->fiber, &w->sched->loop);
}

/* Build a world for s on a stack of its own; it is in no list yet. */
static struct port_world *world_make(struct sched *s, void *stack, const char *name)
{
	size_t room = round_up(sizeof(struct port_world), 64);
	struct port_world *w;

	if (stack == NULL)
		return NULL;
	w = (struct port_world *)(void *)((char *)stack + WORLD_STACK_BYTES - room);
	memset(w, 0, sizeof(*w));
	fiber_init(&w->fiber, stack, WORLD_STACK_BYTES - room, world_main, w);
	w->sched = s;
	mem_copy_text(w->name, sizeof(w->name), name);
	list_init(&w->link);
	list_init(&w->all);
	return w;
}

struct port_world *sched_start(struct sched *s, const char *name, void (*fn)(void *arg), void *arg)
{
	struct port_world *w = world_make(s, stack_get(s), name);

	if (w == NULL)
		return NULL;
	w->fn = fn;
	w->arg = arg;
	list_add_tail(&s->worlds, &w->all);
	make_ready(w);
	return w;
}

struct port_world *sched_pick_first(struct sched *s)
{
	return list_first(&s->ready, struct port_world, link);
}

static void world_free(struct port_world *w)
{
	list_del(&w->all);
	stack_put(w->sched, w->fiber.stack);
}

static void run_one(struct sched *s)
{
	struct port_world *w = s->pick(s);

	list_del(&w->link);
	s->ready_count--;
	w->state = WORLD_RUNNING;
	s->running = w;
	fiber_switch(&s->loop, &w->fiber);
	s->running = NULL;
	/* A wake that another pCPU has sent still lies in our mail: its arrival frees the world. */
	if (w->state == WORLD_ENDED && !__atomic_load_n(&w->remote_posted, __ATOMIC_ACQUIRE))
		world_free(w);
}

void sched_turn(struct sched *s)
{
	for (uint32_t n = s->ready_count; n > 0 && s->ready_count > 0; n--)
		run_one(s);
}

/* ---- port.h: worlds -------------------------------------------------------------------------- */

struct port_world *port_world_start(const char *name, void (*fn)(void *arg), void *arg)
{
	return sched_start(sched_here(), name, fn, arg);
}

static void started_remotely(struct port_msg *msg)
{
	struct port_world *w = container_of(msg, struct port_world, remote);

	__atomic_store_n(&w->remote_posted, 0, __ATOMIC_RELEASE);
	list_add_tail(&w->sched->worlds, &w->all);
	make_ready(w);
}

struct port_world *port_world_start_on(uint32_t pcpu, const char *name, void (*fn)(void *arg),
				       void *arg)
{
	struct sched *s = sched_at(pcpu);
	struct port_world *w;

	if (s == sched_here())
		return sched_start(s, name, fn, arg);
	w = world_make(s, sched_stack_map(), name);
	if (w == NULL)
		return NULL;
	w->fn = fn;
	w->arg = arg;
	/* A wake that comes before the start has arrived leaves its token. */
	w->state = WORLD_RUNNING;
	w->remote.fn = started_remotely;
	w->remote_posted = 1;
	port_pcpu_post(pcpu, &w->remote);
	return w;
}

struct port_world *port_world_self(void)
{
	return sched_here()->running;
}

static void leave_for_loop(struct port_world *w)
{
	fiber_switch(&w->fiber, &w->sched->loop);
}

void port_world_park(void)
{
	struct port_world *w = sched_here()->running;

	VERIFY(w != NULL);	/* only a world can park */
	if (w->token) {
		w->token = 0;
		return;
	}
	w->state = WORLD_PARKED;
	leave_for_loop(w);
}

static void wake_here(struct port_world *w)
{
	if (w->state == WORLD_PARKED)
		make_ready(w);
	else
		w->token = 1;
}

static void woken_remotely(struct port_msg *msg)
{
	struct port_world *w = container_of(msg, struct port_world, remote);

	__atomic_store_n(&w->remote_posted, 0, __ATOMIC_RELEASE);
	if (w->state == WORLD_ENDED)
		world_free(w);
	else
		wake_here(w);
}

void port_world_wake(struct port_world *w)
{
	if (w->sched == sched_here()) {
		wake_here(w);
		return;
	}
	if (__atomic_exchange_n(&w->remote_posted, 1, __ATOMIC_ACQ_REL))
		return;	/* the message on its way, of a start or a wake, says it already */
	w->remote.fn = woken_remotely;
	port_pcpu_post(w->sched->pcpu, &w->remote);
}

void port_world_yield(void)
{
	struct port_world *w = sched_here()->running;

	VERIFY(w != NULL);	/* only a world can yield */
	make_ready(w);
	leave_for_loop(w);
}

/* ---- sleep ----------------------------------------------------------------------------------- */

struct sleeper {
	struct port_timer	timer;
	struct port_world	*world;
	uint8_t			over;
	uint8_t			woken;	/* somebody else's wake, to be handed on */
};

static void sleep_over(struct port_timer *timer)
{
	struct sleeper *sleep = container_of(timer, struct sleeper, timer);

	sleep->over = 1;
	if (sleep->world->state == WORLD_PARKED)
		wake_here(sleep->world);
	else
		sleep->woken = 1;	/* ready already: somebody else's wake came first */
}

void port_world_sleep_ns(uint64_t ns)
{
	struct sleeper sleep = { .world = port_world_self() };
	uint64_t now = port_now_ns();

	VERIFY(sleep.world != NULL);	/* only a world can sleep */
	port_timer_init(&sleep.timer, sleep_over);
	port_timer_start(&sleep.timer, ns > UINT64_MAX - now ? UINT64_MAX - 1 : now + ns);
	while (!sleep.over) {
		port_world_park();
		sleep.woken |= !sleep.over;
	}
	sleep.world->token |= sleep.woken;
}

uint32_t port_pcpu_self(void)
{
	return sched_here()->pcpu;
}
