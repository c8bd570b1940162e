/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* plants - is the simulator of many hosts sharp enough? Each planted mistake
 * (iopath/base/plant.def) is switched on in turn, and seeds are run until one fails.
 *
 *	SEEDS=3000 SEED=1 plants [name ...]
 *
 * Every one must be caught; the table says by which seed, after how many, and by which
 * invariant. The seeds run in a child, for a mistake may also end in an assertion, or never. */
#include "tests/sim/hosts.h"
#include "iopath/base/plant.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HANG_S 20u

static const struct {
	const char *name, *text;
} plants[PLANTS] = {
    {"none", ""},
#define PLANTED(name, text) {#name, text},
#include "iopath/base/plant.def"
#undef PLANTED
};

static enum plant chosen;

enum plant plant_chosen(void)
{
	return chosen;
}

/* What the child says of itself, also when it dies. */
struct progress {
	uint64_t runs, seed;
	int caught;
	char invariant[16], text[400];
};

static void run_seeds(struct progress *p, uint64_t first, uint64_t most)
{
	static struct wanted wanted;
	static struct totals totals;
	static struct run run;

	settings_read(&wanted);
	for (uint64_t i = 0; i < most && !p->caught; i++) {
		wanted.seed = p->seed = first + i;
		p->runs = i + 1;
		alarm(HANG_S);
		run_seed(&wanted, &totals, &run);
		if (!run.failed)
			continue;
		memcpy(p->invariant, run.invariant, sizeof(p->invariant));
		memcpy(p->text, run.text, sizeof(p->text));
		p->caught = 1;
	}
}

/* The base volumes are made before the mistake is switched on. */
static void child(struct progress *p, enum plant plant, uint64_t first, uint64_t most)
{
	static struct wanted clean;
	static struct totals totals;
	static struct run run;

	settings_read(&clean);
	clean.fault_mask = 0;
	clean.hosts = clean.ops = 1;
	for (clean.version = 5; clean.version <= 6; clean.version++)
		run_seed(&clean, &totals, &run);
	chosen = plant;
	if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
		_exit(2);
	run_seeds(p, first, most);
	_exit(0);
}

static int try_plant(enum plant plant, struct progress *p)
{
	uint64_t first = setting("SEED", 1), most = setting("SEEDS", 3000);
	struct timespec from, to;
	int status = 0;
	pid_t pid;

	memset(p, 0, sizeof(*p));
	clock_gettime(CLOCK_MONOTONIC, &from);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		child(p, plant, first, most);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	if (WIFSIGNALED(status)) {
		p->caught = 1;
		snprintf(p->invariant, sizeof(p->invariant),
			 WTERMSIG(status) == 14 ? "no end" : "assertion");
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("plants: %-24s %s", plants[plant].name, p->caught ? "" : "NOT CAUGHT");
	if (p->caught)
		printf("%5llu seeds, %6.1f s, seed %llu: %s: %.90s", (unsigned long long)p->runs,
		       (double)(to.tv_sec - from.tv_sec) +
			   (double)(to.tv_nsec - from.tv_nsec) / 1e9,
		       (unsigned long long)p->seed, p->invariant, p->text);
	printf("\n");
	return p->caught ? 0 : -1;
}

static int is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc < 2;
}

int main(int argc, char **argv)
{
	struct progress *p =
	    mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned caught = 0, missed = 0;

	if (p == MAP_FAILED)
		return 2;
	for (enum plant i = PLANT_none + 1; i < PLANTS; i++) {
		if (!is_wanted(plants[i].name, argc, argv))
			continue;
		if (try_plant(i, p) == 0)
			caught++;
		else
			missed++;
	}
	printf("#RESULT %u %u 0\n", caught, missed);
	return missed != 0;
}
