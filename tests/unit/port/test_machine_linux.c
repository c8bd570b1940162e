/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Machines beside the one that runs the test, fed by threads that are no pCPU. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "iopath/port/linux/machine.h"
#include "tests/unit/cu.h"

#define SENDERS	4
#define EACH	2000

struct letter { struct port_msg msg; struct counter *to; };

struct counter {
	struct port_machine	*machine;
	pthread_t		thread;		/* that the first letter came on */
	uint64_t		letters, strangers;
	sem_t			all;
};

static void letter_came(struct port_msg *msg)
{
	struct counter *c = container_of(msg, struct letter, msg)->to;

	if (c->letters++ == 0)
		c->thread = pthread_self();
	c->strangers += !pthread_equal(c->thread, pthread_self()) || port_pcpu_self() != 0;
	if (c->letters == SENDERS * EACH)
		sem_post(&c->all);
}

static void *send(void *arg)
{
	struct letter *l = arg;

	for (int i = 0; i < EACH; i++)
		port_machine_post(l[i].to->machine, &l[i].msg);
	return NULL;
}

static void start(struct counter *c)
{
	struct port_config config = { .log_level = LOG_ERROR, .engine = getenv("ENGINE") };
	struct why why = { 0 };

	memset(c, 0, sizeof(*c));
	sem_init(&c->all, 0, 0);
	VERIFY(port_machine_start(&config, NULL, NULL, &c->machine, &why) == ST_OK);
}

/* A lost wake leaves letters behind and hangs the test; one machine's letters on the other's thread
 * are strangers. */
static void test_two_machines_get_their_own_letters(void)
{
	struct counter c[2];
	struct letter *letters = calloc(2 * SENDERS * EACH, sizeof(*letters));
	pthread_t thread[2 * SENDERS];

	start(&c[0]);
	start(&c[1]);
	for (int i = 0; i < 2 * SENDERS * EACH; i++)
		letters[i] = (struct letter){ { .fn = letter_came }, &c[i / (SENDERS * EACH)] };
	for (int i = 0; i < 2 * SENDERS; i++)
		VERIFY(pthread_create(&thread[i], NULL, send, letters + i * EACH) == 0);
	for (int i = 0; i < 2 * SENDERS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < 2; i++) {
		sem_wait(&c[i].all);
		port_machine_stop(c[i].machine);
		CU_ASSERT_EQUAL(c[i].letters, SENDERS * EACH);
		CU_ASSERT_EQUAL(c[i].strangers, 0);
	}
	CU_ASSERT_FALSE(pthread_equal(c[0].thread, c[1].thread));
	free(letters);
}

/* ---- worlds ---------------------------------------------------------------------------------- */

struct sleeper { struct port_msg msg; sem_t over; int slept; };

static void sleep_a_bit(void *arg)
{
	struct sleeper *s = arg;

	port_world_sleep_ns(1000000);
	s->slept = port_world_self() != NULL;
	sem_post(&s->over);
}

static void start_world(struct port_msg *msg)
{
	struct sleeper *s = container_of(msg, struct sleeper, msg);

	VERIFY(port_world_start("sleeper", sleep_a_bit, s) != NULL);
}

static void test_a_letter_starts_a_world_that_parks(void)
{
	struct sleeper s = { .msg.fn = start_world };
	struct counter c;

	start(&c);
	sem_init(&s.over, 0, 0);
	port_machine_post(c.machine, &s.msg);
	sem_wait(&s.over);
	CU_ASSERT_EQUAL(s.slept, 1);
	port_machine_stop(c.machine);
}

/* ---- what it must leave alone ---------------------------------------------------------------- */

static void note_line(void *arg, enum log_level level, const char *line)
{
	(void)level;
	*(int *)arg += line[0] != 0;
}

struct speaker { struct port_msg msg; sem_t said; };

static void speak(struct port_msg *msg)
{
	log_line(LOG_WARN, "a line of the library");
	log_line(LOG_DEBUG, "one below the level");
	sem_post(&container_of(msg, struct speaker, msg)->said);
}

static void test_lines_go_to_the_caller_and_handlers_stay(void)
{
	struct port_config config = { .log_level = LOG_WARN, .engine = getenv("ENGINE") };
	struct speaker s = { .msg.fn = speak };
	struct sigaction before, during;
	struct port_machine *m;
	struct why why = { 0 };
	int lines = 0;

	sigaction(SIGTERM, NULL, &before);
	sem_init(&s.said, 0, 0);
	VERIFY(port_machine_start(&config, note_line, &lines, &m, &why) == ST_OK);
	port_machine_post(m, &s.msg);
	sem_wait(&s.said);
	sigaction(SIGTERM, NULL, &during);
	CU_ASSERT_PTR_EQUAL(before.sa_handler, during.sa_handler);
	port_machine_stop(m);
	sigaction(SIGTERM, NULL, &during);
	CU_ASSERT_PTR_EQUAL(before.sa_handler, during.sa_handler);
	CU_ASSERT_EQUAL(lines, 1);
}

static void test_a_wrong_engine_is_an_error_not_a_machine(void)
{
	struct port_config config = { .engine = "steam" };
	struct port_machine *m = NULL;
	struct why why = { 0 };

	CU_ASSERT_EQUAL(port_machine_start(&config, NULL, NULL, &m, &why), ST_INVAL);
	CU_ASSERT_PTR_NULL(m);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "steam"));
}

static const struct cu_case cases[] = {
	{ "two machines get their own letters", test_two_machines_get_their_own_letters },
	{ "a letter starts a world that parks", test_a_letter_starts_a_world_that_parks },
	{ "lines go to the caller, handlers stay", test_lines_go_to_the_caller_and_handlers_stay },
	{ "a wrong engine is an error", test_a_wrong_engine_is_an_error_not_a_machine },
};
CU_MAIN("port/machine", cases)
