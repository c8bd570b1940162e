/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts - many seeds, each a datastore with hosts that break: see hosts.h.
 *
 *	SEED=7 RUNS=1000 HOSTS=3 OPS=100 VMFS=5 hosts [-v | -vv] [--json]
 *
 * Without HOSTS, OPS and VMFS each seed decides. OPS is of each host. -v prints what happens in
 * words, -vv every transfer too. The same seed and settings give the same run: the same trace, and
 * the same number at its end.
 *	FAULTS=0xff	only these kinds (bit per fault, in the order of the table)
 *	FROM=k:n END=k:n	of kind k only the firings from number n on, or below it
 *	SKIP=3-7,9	operations that every host leaves out
 *	BEYOND=1	also writes that are lost or misdirected: more than a volume can bear
 *
 *	hosts case.sim ...		these cases: all must hold
 *	hosts --shrink case.sim		make a failing one small: case.sim.small */
#include "tests/sim/hosts.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HANG_S	     120u
#define FAILURES_MAX 10u

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* A run that fails leaves a case behind. */
static void report(const struct wanted *w, const struct run *run)
{
	const char *dir = getenv("FAIL_DIR");
	char path[512];

	snprintf(path, sizeof(path), "%s/fail-%llu.sim", dir ? dir : "build/sim",
		 (unsigned long long)w->seed);
	if (!dir)
		(void)!mkdir("build/sim", 0777);
	printf("hosts: SEED=%llu HOSTS=%u OPS=%u VMFS=%u FAULTS=0x%llx: %s: %s\n",
	       (unsigned long long)w->seed, run->config.hosts, run->config.ops, run->config.version,
	       (unsigned long long)run->config.fault_mask, run->invariant, run->text);
	if (settings_save(path, w, run) == 0)
		printf("  make shrink F=%s\n", path);
	fflush(stdout);
}

/* Where a run does not end at all, this is the only one who can say which. */
static uint64_t seed_now;

static void hangs(int signal_number)
{
	(void)signal_number;
	printf("hosts: SEED=%llu: no end after %u s\n", (unsigned long long)seed_now, HANG_S);
	fflush(stdout);
	abort();
}

/* Each seed of a row. One in 64 runs twice: the same seed must be the same run. */
static void run_row(struct wanted *w, uint64_t runs, struct totals *totals)
{
	static struct run run, again;
	static struct totals unused;
	uint64_t first = w->seed;

	signal(SIGALRM, hangs);
	for (uint64_t i = 0; i < runs && totals->failed < FAILURES_MAX; i++) {
		w->seed = seed_now = first + i;
		alarm(HANG_S);
		run_seed(w, totals, &run);
		if (run.failed)
			report(w, &run);
		if (w->seed % 64 || w->verbose)
			continue;
		run_seed(w, &unused, &again);
		totals->twice++;
		if (again.hash == run.hash)
			continue;
		printf("hosts: SEED=%llu: two runs differ\n", (unsigned long long)w->seed);
		totals->failed++;
	}
	alarm(0);
}

/* Cases that failed once. */
static void run_cases(int count, char **paths, struct totals *totals)
{
	static struct wanted w;
	static struct run run;

	for (int i = 0; i < count; i++) {
		if (settings_load(paths[i]) < 0)
			exit(2);
		settings_read(&w);
		run_seed(&w, totals, &run);
		if (run.failed)
			printf("hosts: %s: %s: %s\n", paths[i], run.invariant, run.text);
	}
}

int main(int argc, char **argv)
{
	static struct totals totals;
	static struct wanted wanted;
	double began = now_s();
	int json = 0, at = 1;

	/* Each mount takes and frees buffers of a megabyte: keep them, page faults are dear. */
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	if (argc == 3 && !strcmp(argv[1], "--shrink"))
		return shrink_case(argv[2]);
	for (; at < argc && argv[at][0] == '-'; at++) {
		json |= !strcmp(argv[at], "--json");
		if (!strncmp(argv[at], "-v", 2))
			wanted.verbose = argv[at][2] == 'v' ? 2 : 1;
	}
	settings_read(&wanted);
	if (at < argc)
		run_cases(argc - at, argv + at, &totals);
	else
		run_row(&wanted, setting("RUNS", getenv("SEED") ? 1 : 60), &totals);
	if (json)
		figures_print_json(&totals, now_s() - began);
	else if (totals.runs > 1)
		figures_print(&totals, now_s() - began);
	bases_free();
	printf("#RESULT %llu %llu 0\n",
	       (unsigned long long)(totals.runs - MIN(totals.runs, totals.failed)),
	       (unsigned long long)totals.failed);
	return totals.failed != 0;
}
