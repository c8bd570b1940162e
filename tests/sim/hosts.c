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
 *	BEYOND=1	also writes that are lost or misdirected: more than a volume can bear */
#include "tests/sim/hosts.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static void window(const char *name, uint64_t of[FAULT_KINDS])
{
	const char *text = getenv(name);
	char *end;

	while (text && *text) {
		uint64_t kind = strtoull(text, &end, 0);

		if (*end != ':' || kind >= FAULT_KINDS)
			break;
		of[kind] = strtoull(end + 1, &end, 0);
		text = *end == ',' ? end + 1 : NULL;
	}
}

static void read_settings(struct wanted *w)
{
	w->hosts = (uint32_t)setting("HOSTS", UINT32_MAX);
	w->ops = (uint32_t)setting("OPS", UINT32_MAX);
	w->version = (uint32_t)setting("VMFS", UINT32_MAX);
	w->op_mask = setting("KINDS", UINT64_MAX);
	w->fault_mask = setting("FAULTS", UINT64_MAX);
	w->beyond = (uint8_t)setting("BEYOND", 0);
	w->cover = (uint8_t)setting("COVER", 0);
	w->alone = (uint8_t)setting("ALONE", 1);
	for (uint32_t i = 0; i < FAULT_KINDS; i++)
		w->end[i] = UINT64_MAX;
	window("FROM", w->from);
	window("END", w->end);
	if (w->hosts != UINT32_MAX && (w->hosts == 0 || w->hosts >= HOSTS_MAX)) {
		fprintf(stderr, "hosts: HOSTS is 1 to %u\n", HOSTS_MAX - 1);
		exit(2);
	}
}

/* ---- the figures ----------------------------------------------------------------------------- */

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_table(const struct totals *t, double seconds)
{
	uint64_t faults = 0;

	printf("%-20s %10s %14s %10s\n", "fault", "runs armed", "chances", "fired");
	for (uint32_t i = 0; i < FAULT_KINDS; i++) {
		faults += t->fault[i].fired;
		if (t->armed[i])
			printf("%-20s %10llu %14llu %10llu\n", fault_name[i],
			       (unsigned long long)t->armed[i],
			       (unsigned long long)t->fault[i].chances,
			       (unsigned long long)t->fault[i].fired);
	}
	printf("%-20s %10s %14s\n", "operation", "done", "refused");
	for (uint32_t i = 0; i < OP_KINDS; i++)
		printf("%-20s %10llu %14llu\n", op_name[i], (unsigned long long)t->op[i],
		       (unsigned long long)t->op_refused[i]);
	printf(
	    "hosts: %llu runs, %.1f hosts, %.0f operations, %.1f faults a run; %llu mounts, %llu "
	    "lost; %.0f s of virtual time; %.1f s, %.0f runs/s; %llu failed\n",
	    (unsigned long long)t->runs, (double)t->hosts / (double)t->runs,
	    (double)t->ops / (double)t->runs, (double)faults / (double)t->runs,
	    (unsigned long long)t->mounts, (unsigned long long)t->lost, (double)t->virtual_ns / 1e9,
	    seconds, (double)t->runs / seconds, (unsigned long long)t->failed);
}

static void print_json(const struct totals *t, double seconds)
{
	printf(
	    "{\"runs\": %llu, \"failed\": %llu, \"hosts\": %llu, \"operations\": %llu, "
	    "\"mounts\": %llu, \"lost\": %llu, \"virtual_s\": %.0f, \"cpu_s\": %.2f, \"faults\": {",
	    (unsigned long long)t->runs, (unsigned long long)t->failed,
	    (unsigned long long)t->hosts, (unsigned long long)t->ops, (unsigned long long)t->mounts,
	    (unsigned long long)t->lost, (double)t->virtual_ns / 1e9, seconds);
	for (uint32_t i = 0; i < FAULT_KINDS; i++)
		printf("%s\"%s\": {\"armed\": %llu, \"chances\": %llu, \"fired\": %llu}",
		       i ? ", " : "", fault_name[i], (unsigned long long)t->armed[i],
		       (unsigned long long)t->fault[i].chances,
		       (unsigned long long)t->fault[i].fired);
	printf("}}\n");
}

/* ---- runs ------------------------------------------------------------------------------------ */

static struct base *bases[2];

static const struct base *base_of(uint32_t version)
{
	struct base **b = &bases[version == 6];

	if (!*b)
		*b = base_make(version == 6 ? 6 : 5);
	if (!*b)
		exit(2);
	return *b;
}

/* 0, or 1 when an invariant did not hold. */
static int run_seed(uint64_t seed, const struct wanted *w, struct totals *totals)
{
	static struct run run;

	memset(&run, 0, sizeof(run));
	config_draw(&run.config, seed, w);
	run.base = base_of(run.config.version);
	run.totals = totals;
	run.verbose = w->verbose;
	if (w->verbose)
		config_print(&run.config);
	run_one(&run);
	if (w->verbose)
		printf("hash %016llx\n", (unsigned long long)run.hash);
	if (!run.failed)
		return 0;
	printf("hosts: SEED=%llu HOSTS=%u OPS=%u VMFS=%u FAULTS=0x%llx: %s: %s\n",
	       (unsigned long long)seed, run.config.hosts, run.config.ops, run.config.version,
	       (unsigned long long)run.config.fault_mask, run.invariant, run.text);
	return 1;
}

int main(int argc, char **argv)
{
	uint64_t first = setting("SEED", 1), runs = setting("RUNS", getenv("SEED") ? 1 : 200);
	struct totals totals = {0};
	struct wanted wanted = {0};
	double began = now_s();
	int json = 0;

	/* Each mount takes and frees buffers of a megabyte: keep them, page faults are dear. */
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	for (int i = 1; i < argc; i++) {
		json |= !strcmp(argv[i], "--json");
		if (!strncmp(argv[i], "-v", 2))
			wanted.verbose = argv[i][2] == 'v' ? 2 : 1;
	}
	read_settings(&wanted);
	for (uint64_t i = 0; i < runs && totals.failed < 10; i++)
		run_seed(first + i, &wanted, &totals);
	if (json)
		print_json(&totals, now_s() - began);
	else if (runs > 1)
		print_table(&totals, now_s() - began);
	base_free(bases[0]);
	base_free(bases[1]);
	printf("#RESULT %llu %llu 0\n", (unsigned long long)(totals.runs - totals.failed),
	       (unsigned long long)totals.failed);
	return totals.failed != 0;
}
