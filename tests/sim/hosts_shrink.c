/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts_shrink - a failing run made small: what can be left out, while the same invariant still
 * fails, is left out. In this order: hosts, whole kinds of faults, kinds of operations, operations
 * (halves, then quarters, ...), single faults. Each attempt is a process of its own, for a run may
 * also end in an assertion or not at all. */
#include "tests/sim/hosts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ATTEMPT_S 20u

struct shrink {
	struct wanted best;
	struct run run; /* of `best`: what failed, and what it drew */
	uint32_t attempts, kept;
};

/* The child's answer: the run, without what only its own memory explains. */
static int attempt(const struct wanted *w, struct run *out)
{
	int fd[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(fd) < 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		static struct totals totals;
		static struct run run;

		alarm(ATTEMPT_S);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		close(fd[0]);
		run_seed(w, &totals, &run);
		n = write(fd[1], &run, sizeof(run));
		_exit(n == sizeof(run) ? 0 : 1);
	}
	close(fd[1]);
	n = 0;
	for (ssize_t got = 1; got > 0 && n < (ssize_t)sizeof(*out); n += got)
		got = read(fd[0], (char *)out + n, sizeof(*out) - (size_t)n);
	close(fd[0]);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && n == (ssize_t)sizeof(*out))
		return 0;
	out->failed = 1;
	snprintf(out->invariant, sizeof(out->invariant), "signal %d", WTERMSIG(status));
	return 0;
}

/* Keep what `w` leaves out, if it fails in the same way. */
static int keep(struct shrink *s, const struct wanted *w)
{
	static struct run run;

	run = s->run;
	s->attempts++;
	if (attempt(w, &run) < 0 || !run.failed || strcmp(run.invariant, s->run.invariant) != 0)
		return 0;
	s->best = *w;
	s->run = run;
	s->kept++;
	return 1;
}

static void fewer_hosts(struct shrink *s)
{
	for (uint32_t n = 1; n < s->run.config.hosts; n++) {
		struct wanted w = s->best;

		w.hosts = n;
		if (keep(s, &w))
			return;
	}
}

static void fewer_bits(struct shrink *s, uint64_t *mask, const uint64_t *drawn, uint32_t bits)
{
	*mask = *drawn;
	for (uint32_t i = 0; i < bits; i++) {
		struct wanted w = s->best;
		uint64_t *of = (uint64_t *)(void *)((char *)&w + ((char *)mask - (char *)&s->best));

		if (!(*of >> i & 1))
			continue;
		*of &= ~(1ull << i);
		keep(s, &w);
	}
}

static void fewer_operations(struct shrink *s)
{
	uint32_t ops = MIN(s->run.config.ops, SKIP_MAX);

	for (uint32_t part = (ops + 1) / 2; part; part = part > 1 ? (part + 1) / 2 : 0) {
		for (uint32_t at = 0; at < ops; at += part) {
			struct wanted w = s->best;

			memset(w.skip + at, 1, MIN(part, ops - at));
			if (memcmp(w.skip, s->best.skip, SKIP_MAX) != 0)
				keep(s, &w);
		}
	}
}

/* Of each kind: from which firing on, and up to which. */
static void fewer_faults(struct shrink *s)
{
	for (uint32_t kind = 0; kind < FAULT_KINDS; kind++) {
		if (!(s->run.config.fault_mask >> kind & 1))
			continue;
		for (uint64_t step = 1024; step; step /= 2) {
			struct wanted w = s->best;

			w.from[kind] += step;
			keep(s, &w);
			w = s->best;
			w.end[kind] = MIN(w.end[kind], s->best.from[kind] + step);
			if (w.end[kind] != s->best.end[kind])
				keep(s, &w);
		}
	}
}

int shrink_case(const char *path)
{
	static struct shrink s;
	char out[1024];

	if (settings_load(path) < 0) {
		fprintf(stderr, "hosts: %s: cannot be read\n", path);
		return 2;
	}
	settings_read(&s.best);
	if (attempt(&s.best, &s.run) < 0 || !s.run.failed) {
		printf("hosts: %s: does not fail\n", path);
		return 1;
	}
	fewer_hosts(&s);
	fewer_bits(&s, &s.best.fault_mask, &s.run.config.fault_mask, FAULT_KINDS);
	fewer_bits(&s, &s.best.op_mask, &s.run.config.op_mask, OP_KINDS);
	fewer_operations(&s);
	fewer_faults(&s);
	fewer_hosts(&s);
	snprintf(out, sizeof(out), "%s.small", path);
	if (settings_save(out, &s.best, &s.run) < 0)
		return 2;
	printf("hosts: %s: %u attempts, %u steps smaller: %u hosts, %s: %s\n", out, s.attempts,
	       s.kept, s.run.config.hosts, s.run.invariant, s.run.text);
	return 0;
}
