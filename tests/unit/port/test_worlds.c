/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Worlds, messages and timers of one pCPU. */
#include "tests/unit/cu.h"

#define MS 1000000ull

struct chain { struct port_world *main; int started, ended; char order[16]; size_t len; };

static void note(struct chain *c, char what)
{
	if (c->len + 1 < sizeof(c->order))
		c->order[c->len++] = what;
}

static void counting_world(void *arg)
{
	struct chain *c = arg;

	c->started++;
	port_world_yield();
	c->ended++;
	port_world_wake(c->main);
}

/* If a world were run at its start, or lost at a yield, the counts would differ. */
static void test_worlds_run_after_their_start_and_end(void)
{
	struct chain c = { .main = port_world_self() };

	for (int i = 0; i < 40; i++)
		CU_ASSERT_PTR_NOT_NULL(port_world_start("count", counting_world, &c));
	CU_ASSERT_EQUAL(c.started, 0);
	while (c.ended < 40)
		port_world_park();
	CU_ASSERT_EQUAL(c.started, 40);
}

/* Stacks are used again: a thousand short worlds one after the other, and deep use of each
 * stack. */
static void deep_world(void *arg)
{
	volatile char room[100 * 1024];

	memset((void *)(uintptr_t)room, 1, sizeof(room));
	counting_world(arg);
}

static void test_a_thousand_worlds_with_deep_stacks(void)
{
	struct chain c = { .main = port_world_self() };

	for (int i = 0; i < 1000; i++) {
		CU_ASSERT_PTR_NOT_NULL(port_world_start("deep", deep_world, &c));
		while (c.ended <= i)
			port_world_park();
	}
	CU_ASSERT_EQUAL(c.ended, 1000);
}

/* A wake before the park is one token: the first park returns at once, the second needs a new
 * wake. */
static void test_a_wake_that_came_first_is_not_lost(void)
{
	struct chain c = { .main = port_world_self() };

	port_world_wake(port_world_self());
	port_world_wake(port_world_self());
	port_world_park();
	CU_ASSERT_PTR_NOT_NULL(port_world_start("count", counting_world, &c));
	port_world_park();	/* would return early if two wakes were two tokens */
	CU_ASSERT_EQUAL(c.ended, 1);
}

static void test_self_is_the_running_world(void)
{
	struct port_world *me = port_world_self();

	CU_ASSERT_PTR_NOT_NULL(me);
	port_world_yield();
	CU_ASSERT_PTR_EQUAL(port_world_self(), me);
	CU_ASSERT_EQUAL(port_pcpu_self(), 0);
	CU_ASSERT_EQUAL(port_pcpu_count(), 1);
}

/* ---- sleep ----------------------------------------------------------------------------------- */

static void test_sleep_lasts_at_least_as_long_as_asked(void)
{
	for (uint64_t ns = 1; ns <= 16 * MS; ns *= 16) {
		uint64_t before = port_now_ns();

		port_world_sleep_ns(ns);
		CU_ASSERT(port_now_ns() - before >= ns);
	}
}

static void waking_world(void *arg)
{
	port_world_wake(arg);
}

/* A wake in the middle of a sleep neither ends it nor gets lost. */
static void test_a_wake_during_sleep_is_kept_for_the_next_park(void)
{
	uint64_t before = port_now_ns();

	CU_ASSERT_PTR_NOT_NULL(port_world_start("wake", waking_world, port_world_self()));
	port_world_sleep_ns(5 * MS);
	CU_ASSERT(port_now_ns() - before >= 5 * MS);
	port_world_park();	/* hangs if the wake was swallowed */
}

/* ---- messages -------------------------------------------------------------------------------- */

struct counted_msg { struct port_msg msg; struct chain *chain; char what; };

static void msg_ran(struct port_msg *msg)
{
	struct counted_msg *m = container_of(msg, struct counted_msg, msg);

	CU_ASSERT_PTR_NULL(port_world_self());
	note(m->chain, m->what);
	port_world_wake(m->chain->main);
}

static void test_messages_run_later_in_order_outside_of_worlds(void)
{
	struct chain c = { .main = port_world_self() };
	struct counted_msg m[3];

	for (int i = 0; i < 3; i++) {
		m[i] = (struct counted_msg){ { .fn = msg_ran }, &c, (char)('a' + i) };
		port_pcpu_post(0, &m[i].msg);
	}
	CU_ASSERT_EQUAL(c.len, 0);
	while (c.len < 3)
		port_world_park();
	CU_ASSERT_STRING_EQUAL(c.order, "abc");
}

/* ---- timers ---------------------------------------------------------------------------------- */

struct test_timer { struct port_timer timer; struct chain *chain; char what; uint64_t fired_ns; };

static void timer_ran(struct port_timer *timer)
{
	struct test_timer *t = container_of(timer, struct test_timer, timer);

	CU_ASSERT_PTR_NULL(port_world_self());
	t->fired_ns = port_now_ns();
	note(t->chain, t->what);
	port_world_wake(t->chain->main);
}

static void start_timer(struct test_timer *t, struct chain *c, char what, uint64_t at_ns)
{
	*t = (struct test_timer){ .chain = c, .what = what };
	port_timer_init(&t->timer, timer_ran);
	port_timer_start(&t->timer, at_ns);
}

static void test_timers_fire_by_time_not_by_start(void)
{
	struct chain c = { .main = port_world_self() };
	uint64_t now = port_now_ns();
	struct test_timer t[4];

	start_timer(&t[0], &c, 'd', now + 8 * MS);
	start_timer(&t[1], &c, 'b', now + 2 * MS);
	start_timer(&t[2], &c, 'c', now + 4 * MS);
	start_timer(&t[3], &c, 'a', 0);		/* long past: fires, on the next turn */
	CU_ASSERT_EQUAL(c.len, 0);
	while (c.len < 4)
		port_world_park();
	CU_ASSERT_STRING_EQUAL(c.order, "abcd");
	CU_ASSERT(t[0].fired_ns >= now + 8 * MS);
	CU_ASSERT(t[1].fired_ns >= now + 2 * MS);
}

static void test_a_stopped_timer_stays_silent_and_a_moved_one_fires_once(void)
{
	struct chain c = { .main = port_world_self() };
	uint64_t now = port_now_ns();
	struct test_timer t[3];

	start_timer(&t[0], &c, 'x', now + 1 * MS);
	start_timer(&t[1], &c, 'm', now + 1 * MS);
	start_timer(&t[2], &c, 'e', now + 20 * MS);
	port_timer_stop(&t[0].timer);
	port_timer_stop(&t[0].timer);			/* twice is harmless */
	port_timer_start(&t[1].timer, now + 10 * MS);	/* later */
	port_timer_start(&t[2].timer, now + 5 * MS);	/* earlier */
	while (c.len < 2)
		port_world_park();
	port_world_sleep_ns(20 * MS);
	CU_ASSERT_STRING_EQUAL(c.order, "em");
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void test_clocks_and_identity(void)
{
	uint8_t a[6], b[6], zero[32] = { 0 }, r1[32] = { 0 }, r2[32] = { 0 };
	char name[64] = "";
	uint64_t t1 = port_now_ns();

	port_host_mac(a);
	port_host_mac(b);
	CU_ASSERT_EQUAL(memcmp(a, b, 6), 0);
	CU_ASSERT_EQUAL(a[0] & 3, 2);		/* unicast, locally administered */
	port_host_name(name, sizeof(name));
	CU_ASSERT(name[0] != '\0');
	port_host_name(name, 3);
	CU_ASSERT(strlen(name) <= 2);
	port_random(r1, sizeof(r1));
	port_random(r2, sizeof(r2));
	CU_ASSERT(memcmp(r1, r2, 32) != 0 && memcmp(r1, zero, 32) != 0);
	CU_ASSERT(port_wall_us() > 1700000000000000ull);
	CU_ASSERT(port_now_ns() >= t1);
	CU_ASSERT_EQUAL(port_interrupted(), 0);
}

static const struct cu_case cases[] = {
	{ "worlds run after their start and end", test_worlds_run_after_their_start_and_end },
	{ "a thousand worlds with deep stacks", test_a_thousand_worlds_with_deep_stacks },
	{ "a wake that came first is not lost", test_a_wake_that_came_first_is_not_lost },
	{ "self is the running world", test_self_is_the_running_world },
	{ "sleep lasts as long as asked", test_sleep_lasts_at_least_as_long_as_asked },
	{ "a wake during sleep is kept", test_a_wake_during_sleep_is_kept_for_the_next_park },
	{ "messages run later, in order", test_messages_run_later_in_order_outside_of_worlds },
	{ "timers fire by time", test_timers_fire_by_time_not_by_start },
	{ "stop and move of timers", test_a_stopped_timer_stays_silent_and_a_moved_one_fires_once },
	{ "clocks and identity", test_clocks_and_identity },
};

CU_MAIN("port/worlds", cases)
