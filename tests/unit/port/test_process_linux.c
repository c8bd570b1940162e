/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The process around the port: which engine it takes, signals, the guard pages of stacks. Each case
 * is a child that runs a port of its own; its exit code tells. */
#include "tests/unit/cu.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Run a port in a child; `prepare` may change the child and its config. The world's arg points to
 * the writing end of a pipe, the reading end of which is returned. */
static int run_child(void (*prepare)(struct port_config *config), void (*world)(void *arg),
		     pid_t *pid)
{
	struct port_config config = { .log_level = LOG_ERROR };
	struct why why = { 0 };
	int fds[2];

	VERIFY(pipe(fds) == 0);
	*pid = fork();
	if (*pid == 0) {
		if (prepare)
			prepare(&config);
		_exit(port_run(&config, world, &fds[1], &why) == ST_OK ? 0 : why.status);
	}
	close(fds[1]);
	return fds[0];
}

/* Its end: the exit code, or 1000 and the signal. */
static int end_of(pid_t pid)
{
	int status;

	VERIFY(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int run_to_end(void (*prepare)(struct port_config *config), void (*world)(void *arg))
{
	pid_t pid;

	close(run_child(prepare, world, &pid));
	return end_of(pid);
}

static void say(void *arg, char c)
{
	VERIFY(write(*(int *)arg, &c, 1) == 1);
}

static char hear(int fd)
{
	char c = 0;

	return read(fd, &c, 1) == 1 ? c : '!';
}

/* ---- engines --------------------------------------------------------------------------------- */

static void ask_unknown(struct port_config *config)
{
	config->engine = "windmill";
}

static void ask_threads_by_variable(struct port_config *config)
{
	(void)config;
	setenv("CAIRN_ENGINE", "threads", 1);
}

/* Neither rings nor buffers may be pinned: only the superuser is exempt. */
static void forbid_pinning(struct port_config *config)
{
	struct rlimit none = { 0, 0 };

	(void)config;
	unsetenv("CAIRN_ENGINE");
	VERIFY(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
	VERIFY(getuid() != 0 || setuid(65534) == 0);
}

static void expect_threads(void *arg)
{
	(void)arg;
	_exit(strcmp(port_engine(), "threads") == 0 ? 7 : 8);
}

/* Whichever engine it is: buffers must be there, and sleeping must work. */
static void use_any_engine(void *arg)
{
	char *buf = port_dma_alloc(1 << 20);

	(void)arg;
	VERIFY(buf != NULL);
	port_world_sleep_ns(1000000);
	port_dma_free(buf, 1 << 20);
}

static void test_the_engine_is_the_one_asked_for_or_one_that_works(void)
{
	CU_ASSERT_EQUAL(run_to_end(ask_unknown, use_any_engine), ST_INVAL);
	CU_ASSERT_EQUAL(run_to_end(ask_threads_by_variable, expect_threads), 7);
	CU_ASSERT_EQUAL(run_to_end(forbid_pinning, use_any_engine), 0);
}

/* ---- signals --------------------------------------------------------------------------------- */

static void wait_for_interrupt(void *arg)
{
	say(arg, 'r');
	while (!port_interrupted())
		port_world_park();	/* the signal wakes the main world */
	say(arg, 'i');
	_exit(port_interrupted());
}

static void never_stop(void *arg)
{
	say(arg, 'r');
	while (!port_interrupted())
		port_world_park();
	say(arg, 'i');
	for (;;)
		port_world_park();
}

static void wait_for_progress(void *arg)
{
	uint32_t before = port_progress_asked();

	say(arg, 'r');
	while (port_progress_asked() == before)
		port_world_park();
	CU_ASSERT_EQUAL(port_interrupted(), 0);
}

static void test_sigterm_and_sigint_ask_for_the_end(void)
{
	static const int numbers[] = { SIGTERM, SIGINT };

	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		pid_t pid;
		int fd = run_child(NULL, wait_for_interrupt, &pid);

		CU_ASSERT_EQUAL(hear(fd), 'r');
		kill(pid, numbers[i]);
		CU_ASSERT_EQUAL(hear(fd), 'i');
		CU_ASSERT_EQUAL(end_of(pid), numbers[i]);
		close(fd);
	}
}

static void test_a_second_sigint_ends_at_once(void)
{
	pid_t pid;
	int fd = run_child(NULL, never_stop, &pid);

	CU_ASSERT_EQUAL(hear(fd), 'r');
	kill(pid, SIGINT);
	CU_ASSERT_EQUAL(hear(fd), 'i');
	kill(pid, SIGINT);
	CU_ASSERT_EQUAL(end_of(pid), 130);
	close(fd);
}

static void test_sigusr1_asks_for_progress(void)
{
	pid_t pid;
	int fd = run_child(NULL, wait_for_progress, &pid);

	CU_ASSERT_EQUAL(hear(fd), 'r');
	kill(pid, SIGUSR1);
	CU_ASSERT_EQUAL(end_of(pid), 0);
	close(fd);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static int sink;

static int recurse(volatile int depth)
{
	volatile char frame[1024];

	frame[0] = (char)depth;
	return depth ? recurse(depth - 1) + frame[0] : 0;
}

static void overflow(void *arg)
{
	(void)arg;
	close(2);			/* the sanitizer's report is expected */
	sink = recurse(1 << 20);
}

static void shallow(void *arg)
{
	(void)arg;
	sink = recurse(60);
}

/* A world that runs over its stack must die there, not in a neighbour's. */
static void test_a_stack_overflow_hits_the_guard(void)
{
	CU_ASSERT_EQUAL(run_to_end(NULL, shallow), 0);
	CU_ASSERT_NOT_EQUAL(run_to_end(NULL, overflow), 0);
}

static const struct cu_case cases[] = {
	{ "the choice of engine", test_the_engine_is_the_one_asked_for_or_one_that_works },
	{ "SIGTERM and SIGINT ask for the end", test_sigterm_and_sigint_ask_for_the_end },
	{ "a second SIGINT ends at once", test_a_second_sigint_ends_at_once },
	{ "SIGUSR1 asks for progress", test_sigusr1_asks_for_progress },
	{ "a stack overflow hits the guard", test_a_stack_overflow_hits_the_guard },
};

/* No port_run() here: the children have theirs. */
int main(void)
{
	const char *engine = getenv("ENGINE");
	struct cu_run run = { "port/process", cases, ARRAY_COUNT(cases), 1 };

	if (engine)
		setenv("CAIRN_ENGINE", engine, 1);
	cu_world(&run);
	return run.failed;
}
