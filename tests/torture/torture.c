/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* torture - the parent: makes a volume, starts the workers, kills them and stops them at random,
 * starts them again, and judges at the end.
 *
 *	torture [-s SECONDS] [-p PROCESSES] [-k MS] [-z MS] [-f WRITES] [-l MS] [-S SEED] DEVICE DIR
 *	torture -j [-p PROCESSES] DEVICE DIR	judge what an earlier run has left
 *
 * -k: mean time between two kills; -z: between two that are stopped for longer than a lease, 0:
 * none; -f: the device of each mount fails with one of its first WRITES writes, and goes on
 * failing; -l: the lease of the volume. DEVICE is formatted. DIR holds the logs. SEED decides the
 * operations; when a kill comes is the machine's doing, so a run does not repeat exactly. */
#include "tests/torture/torture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX	64u
#define PATIENCE_MS	120000u		/* for a worker to end by itself */

struct child {
	pid_t		pid;		/* 0: none */
	uint32_t	life;
	uint64_t	wake_ms;	/* 0: it runs */
	uint8_t		ended;		/* by itself, at the end of the time */
};

struct parent {
	struct job	job;
	struct child	child[WORKERS_MAX];
	struct total	*total;
	struct chance	c;
	uint32_t	seconds, kill_ms, stop_ms, lease_ms;
	uint64_t	next_kill_ms, next_stop_ms;
	uint64_t	kills, stops;
	uint8_t		only_judge;
	int		bad;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- a volume -------------------------------------------------------------------------------- */

static void format_world(void *arg)
{
	struct parent *p = arg;
	const char *version = getenv("VMFS");
	struct session ss;
	struct why why = { 0 };
	enum status st = session_format(p->job.uri, version ? (uint32_t)atoi(version) : 5,
					p->lease_ms, &why);

	p->bad = 1;
	if (st == ST_OK)
		st = session_mount(&ss, p->job.uri, 1);
	if (st == ST_OK) {
		enum status made = shared_make(&ss, p->job.workers);

		why = ss.why;
		st = session_unmount(&ss);
		st = made == ST_OK ? st : made;
	}
	if (st == ST_OK)
		p->bad = 0;
	else
		fprintf(stderr, "torture: making the volume: %s: %s\n", status_text(st), why.text);
}

static int format_run(void *arg)
{
	struct port_config config = { .log_level = LOG_ERROR };
	struct parent *p = arg;
	struct why why = { 0 };

	if (port_run(&config, format_world, p, &why) != ST_OK)
		p->bad = 1;
	return p->bad;
}

/* The I/O core lives in children only: its threads would not survive a fork. */
static int in_a_child(int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(fn(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int judge(void *arg)
{
	return judge_run(&((struct parent *)arg)->job) != 0;
}

/* ---- children -------------------------------------------------------------------------------- */

static void start(struct parent *p, uint32_t number)
{
	struct child *c = &p->child[number];
	struct job job = p->job;

	job.worker = number;
	job.life = c->life++;
	job.total = &p->total[number];
	c->wake_ms = 0;
	c->pid = fork();
	if (c->pid == 0)
		_exit(worker_run(&job));
	if (c->pid < 0) {
		perror("torture: fork");
		p->bad = 1;
		c->pid = 0;
	}
}

static void ended(struct parent *p, uint32_t number, int status)
{
	struct child *c = &p->child[number];
	int killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

	c->pid = 0;
	c->wake_ms = 0;
	if (killed)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		c->ended = 1;
		return;
	}
	fprintf(stderr, "torture: worker %u life %u ended with status 0x%x\n", number, c->life - 1,
		status);
	p->bad = 1;
}

static uint32_t reap(struct parent *p)
{
	uint32_t alive = 0;

	for (uint32_t i = 0; i < p->job.workers; i++) {
		struct child *c = &p->child[i];
		int status;

		if (c->pid && waitpid(c->pid, &status, WNOHANG) == c->pid)
			ended(p, i, status);
		alive += c->pid != 0;
	}
	return alive;
}

/* ---- what is done to them -------------------------------------------------------------------- */

static uint64_t after(struct parent *p, uint32_t mean_ms)
{
	return now_ms() + mean_ms / 4 + chance(&p->c, mean_ms + mean_ms / 2);
}

static struct child *victim(struct parent *p)
{
	struct child *c = &p->child[chance(&p->c, p->job.workers)];

	return c->pid && !c->wake_ms ? c : NULL;
}

static void kill_one(struct parent *p)
{
	struct child *c = victim(p);

	p->next_kill_ms = after(p, p->kill_ms);
	if (c && kill(c->pid, SIGKILL) == 0)
		p->kills++;
}

/* For longer than a lease and a beat, mostly: then somebody may have taken its place. */
static void stop_one(struct parent *p)
{
	struct child *c = victim(p);

	p->next_stop_ms = after(p, p->stop_ms);
	if (!c || kill(c->pid, SIGSTOP) != 0)
		return;
	p->stops++;
	c->wake_ms = now_ms() + p->lease_ms / 2 + chance(&p->c, 2 * p->lease_ms);
}

static void wake(struct parent *p, int all)
{
	for (uint32_t i = 0; i < p->job.workers; i++) {
		struct child *c = &p->child[i];

		if (!c->pid || !c->wake_ms || (!all && now_ms() < c->wake_ms))
			continue;
		kill(c->pid, SIGCONT);
		c->wake_ms = 0;
	}
}

static void nap(void)
{
	struct timespec t = { .tv_nsec = 5000000 };

	nanosleep(&t, NULL);
}

static void run(struct parent *p)
{
	p->next_kill_ms = after(p, p->kill_ms);
	p->next_stop_ms = after(p, p->stop_ms);
	while (!p->bad && now_ms() < p->job.end_ms) {
		reap(p);
		for (uint32_t i = 0; i < p->job.workers && !p->bad; i++)
			if (!p->child[i].pid && now_ms() + 1000 < p->job.end_ms)
				start(p, i);
		if (p->kill_ms && now_ms() >= p->next_kill_ms)
			kill_one(p);
		if (p->stop_ms && now_ms() >= p->next_stop_ms)
			stop_one(p);
		wake(p, 0);
		nap();
	}
}

/* TORTURE_HUNG of the environment: a command that is given the process, to look at it. */
static void look_at_hung(uint32_t worker, pid_t pid)
{
	const char *how = getenv("TORTURE_HUNG");
	char command[300];

	fprintf(stderr, "torture: worker %u does not end\n", worker);
	if (!how)
		return;
	snprintf(command, sizeof(command), "%.200s %d", how, (int)pid);
	if (system(command) != 0)
		fprintf(stderr, "torture: %s: failed\n", command);
}

/* All end by themselves; one that does not is a finding, too. */
static void finish(struct parent *p)
{
	uint64_t last_ms = now_ms() + (p->bad ? 0 : PATIENCE_MS);

	wake(p, 1);
	while (reap(p) && now_ms() < last_ms)
		nap();
	for (uint32_t i = 0; i < p->job.workers; i++) {
		if (!p->child[i].pid)
			continue;
		if (!p->bad)
			look_at_hung(i, p->child[i].pid);
		p->bad = 1;
		kill(p->child[i].pid, SIGKILL);
		waitpid(p->child[i].pid, NULL, 0);
	}
}

static void report(const struct parent *p)
{
	struct total sum = { 0 };
	uint64_t lives = 0;

	for (uint32_t i = 0; i < p->job.workers; i++) {
		sum.ops += p->total[i].ops;
		sum.busy += p->total[i].busy;
		sum.lost += p->total[i].lost;
		sum.settled += p->total[i].settled;
		sum.late += p->total[i].late;
		lives += p->child[i].life;
	}
	printf("%u processes, %u s: %llu lives, %llu kill -9, %llu stops, %llu operations told, "
	       "%llu refused, %llu mounts lost, %llu states settled after one of these, %llu of "
	       "them at a second look: %s\n",
	       p->job.workers, p->seconds, (unsigned long long)lives,
	       (unsigned long long)p->kills, (unsigned long long)p->stops,
	       (unsigned long long)sum.ops, (unsigned long long)sum.busy,
	       (unsigned long long)sum.lost, (unsigned long long)sum.settled,
	       (unsigned long long)sum.late,
	       p->bad ? "DIFFERENT" : "no difference");
}

/* ---- the command line ------------------------------------------------------------------------ */

static int usage(void)
{
	fprintf(stderr, "usage: torture [-s SECONDS] [-p PROCESSES] [-k MS] [-z MS] [-f WRITES] "
		"[-l MS] [-S SEED] [-j] DEVICE DIR\n");
	return 2;
}

static int parse(struct parent *p, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "s:p:k:z:f:l:S:j")) != -1) {
		uint64_t n = optarg ? strtoull(optarg, NULL, 0) : 0;

		switch (opt) {
		case 's': p->seconds = (uint32_t)n; break;
		case 'p': p->job.workers = (uint32_t)n; break;
		case 'k': p->kill_ms = (uint32_t)n; break;
		case 'z': p->stop_ms = (uint32_t)n; break;
		case 'f': p->job.faults = (uint32_t)n; break;
		case 'l': p->lease_ms = (uint32_t)n; break;
		case 'S': p->job.seed = n; break;
		case 'j': p->only_judge = 1; break;
		default: return -1;
		}
	}
	if (optind + 2 != argc || !p->job.workers || p->job.workers > WORKERS_MAX)
		return -1;
	p->job.uri = argv[optind];
	p->job.dir = argv[optind + 1];
	return 0;
}

int main(int argc, char **argv)
{
	struct parent p = { .job = { .workers = 8, .seed = 1 }, .seconds = 30, .kill_ms = 400,
			    .stop_ms = 4000, .lease_ms = 2000 };

	if (parse(&p, argc, argv) < 0)
		return usage();
	p.total = mmap(NULL, WORKERS_MAX * sizeof(*p.total), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p.total == MAP_FAILED)
		return 2;
	p.job.total = p.total;
	p.c = chance_of(p.job.seed, WORKERS_MAX, 0);
	if (p.only_judge)
		return in_a_child(judge, &p);
	if (in_a_child(format_run, &p) != 0)
		return 1;
	p.job.end_ms = now_ms() + (uint64_t)p.seconds * 1000;
	run(&p);
	finish(&p);
	if (!p.bad && in_a_child(judge, &p) != 0)
		p.bad = 1;
	report(&p);
	return p.bad;
}
