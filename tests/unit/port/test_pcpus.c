/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Several pCPUs: what crosses from one to another. */
#define CU_PCPUS 3
#include "tests/unit/cu.h"

struct visit {
	struct port_world	*from;
	uint32_t		pcpu;		/* where it ran */
	int			ended;		/* atomic */
};

static void visiting_world(void *arg)
{
	struct visit *v = arg;
	struct port_world *from = v->from;

	v->pcpu = port_pcpu_self();
	port_world_sleep_ns(1000000);
	__atomic_store_n(&v->ended, 1, __ATOMIC_RELEASE);
	port_world_wake(from);	/* `v` may be gone by now */
}

static void test_a_world_runs_where_it_was_started(void)
{
	CU_ASSERT_EQUAL(port_pcpu_count(), 3);
	for (uint32_t i = 0; i < 30; i++) {
		struct visit v = { .from = port_world_self(), .pcpu = ~0u };

		CU_ASSERT_PTR_NOT_NULL(port_world_start_on(i % 3, "visit", visiting_world, &v));
		while (!__atomic_load_n(&v.ended, __ATOMIC_ACQUIRE))
			port_world_park();
		CU_ASSERT_EQUAL(v.pcpu, i % 3);
	}
	CU_ASSERT_EQUAL(port_pcpu_self(), 0);
}

/* ---- ping-pong: each wake must arrive, or the test hangs ------------------------------------- */

struct rally { struct port_world *world[2]; int ball; };

static void player(struct rally *r, int me)
{
	for (int n = 0; n < 2000; n++) {
		while (__atomic_load_n(&r->ball, __ATOMIC_ACQUIRE) % 2 != me)
			port_world_park();
		__atomic_add_fetch(&r->ball, 1, __ATOMIC_ACQ_REL);
		port_world_wake(r->world[1 - me]);
	}
}

static void other_player(void *arg)
{
	player(arg, 1);
}

static void test_no_wake_between_pcpus_is_lost(void)
{
	struct rally r = { .world[0] = port_world_self() };

	r.world[1] = port_world_start_on(1, "player", other_player, &r);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r.world[1]);
	player(&r, 0);
	while (__atomic_load_n(&r.ball, __ATOMIC_ACQUIRE) < 4000)
		port_world_park();
	port_world_sleep_ns(2000000);	/* its last wake still names this frame's world */
	CU_ASSERT_EQUAL(r.ball, 4000);
}

/* ---- messages -------------------------------------------------------------------------------- */

struct ring_msg { struct port_msg msg; struct port_world *home; int hops; uint32_t seen[3]; };

static void hop(struct port_msg *msg)
{
	struct ring_msg *m = container_of(msg, struct ring_msg, msg);

	m->seen[port_pcpu_self()]++;
	if (++m->hops == 300)
		port_world_wake(m->home);
	else
		port_pcpu_post((port_pcpu_self() + 1) % 3, msg);
}

static void test_a_message_goes_round_all_pcpus(void)
{
	struct ring_msg m = { .msg.fn = hop, .home = port_world_self() };

	port_pcpu_post(0, &m.msg);
	while (__atomic_load_n(&m.hops, __ATOMIC_ACQUIRE) < 300)
		port_world_park();
	CU_ASSERT(m.seen[0] == 100 && m.seen[1] == 100 && m.seen[2] == 100);
}

static const struct cu_case cases[] = {
	{ "a world runs where it was started", test_a_world_runs_where_it_was_started },
	{ "no wake between pCPUs is lost", test_no_wake_between_pcpus_is_lost },
	{ "a message goes round all pCPUs", test_a_message_goes_round_all_pcpus },
};

CU_MAIN("port/pcpus", cases)
