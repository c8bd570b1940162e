/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* crash - the power fails after every single device write of six scenarios.
 *
 *	SEED=1 EVERY=7 crash	every seventh write (default: each)
 *
 * A scenario is a list of steps. It runs once to the end, which gives the state of the tree after
 * each step and the number of device writes. Then it runs again for every write n: after n writes
 * the device is dead, the step under way fails, the power goes. Each point is tried twice: with all
 * n writes on the medium, and with a seeded choice of the sectors since the last flush missing.
 * The volume must mount (which replays the journal), and then:
 *	names	are those after step k, for one k from the last sync that ended to the step
 *		that failed
 *	sizes	of each file are those after such a step
 *	bytes	of each file are those after such a step, byte by byte, or zero where it had none:
 *		never what another file left there
 *	check	vmfs_check() finds no leak, no wrong count, no damage
 * At every second point the recovery itself is cut short in the same way, and must then succeed. */
#include "tests/sim/crash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/backing.h"

struct totals { uint64_t points, cut_recoveries, failures; };

struct point {
	uint64_t writes;
	int drop;
	uint64_t seed;
}; /* drop: lose sectors that were not flushed */

/* Cut the recovery itself after a few writes: mount on a device that is about to die. */
static void cut_recovery(struct volume *v, const struct point *point, struct totals *sum)
{
	backing_stop_after(point->seed % 13);
	complain_quietly(1);	/* it is meant to fail, or to end just before */
	if (volume_mount(v, 1, 0) == 0)
		volume_abandon(v);
	complain_quietly(0);
	backing_crash(point->drop, point->seed + 1);
	sum->cut_recoveries++;
}

/* Run the scenario up to the point, lose the power, recover, judge. */
static int crash_at(struct volume *v, struct scenario *s, const struct point *point,
		    struct totals *sum)
{
	struct vmfs_check_result result;
	struct run run = { 0 };
	int bad;

	if (backing_restore(v->uri) < 0 || volume_mount(v, 1, 0) < 0)
		return -1;
	backing_stop_after(point->writes);
	crash_run(v, s, s->count, &run);
	complain_quietly(1);
	volume_abandon(v);
	complain_quietly(0);
	if (!backing_has_stopped())
		return complain("all steps are done after fewer than %llu writes",
				(unsigned long long)point->writes);
	backing_crash(point->drop, point->seed);
	sum->points++;
	if (point->writes % 2 == 0)
		cut_recovery(v, point, sum);
	if (volume_mount(v, 1, 0) < 0)
		return -1;
	bad = crash_judge(v, s, &run);
	if (volume_unmount(v) < 0 || volume_check(v, &result) < 0)
		bad = -1;
	return bad;
}

/* The whole scenario once, without a crash: its states, and how many writes it takes. */
static int rehearse(struct volume *v, struct scenario *s)
{
	struct vmfs_check_result result;
	struct run run = { 0 };

	crash_prepare(s);
	if (backing_restore(v->uri) < 0 || volume_mount(v, 1, 0) < 0)
		return -1;
	s->writes = backing_writes();
	crash_run(v, s, s->count, &run);
	s->writes = backing_writes() - s->writes;
	if (run.ended < s->count)
		return complain("step %u fails without a crash: %s", run.ended,
				s->step[run.ended].path);
	if (volume_compare(v, s->state[s->count]) < 0 || volume_unmount(v) < 0)
		return -1;
	return volume_check(v, &result);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void sweep(struct volume *v, struct scenario *s, struct totals *all)
{
	uint64_t every = setting("EVERY", 1), seed = setting("SEED", 1);
	uint64_t only = setting("POINT", UINT64_MAX);
	struct totals sum = { 0 };

	if (rehearse(v, s) < 0) {
		fprintf(stderr, "crash: %s: fails without a crash\n", s->name);
		all->failures++;
		crash_forget(s);
		return;
	}
	for (uint64_t n = only == UINT64_MAX ? seed % every : only; n < s->writes; n += every) {
		for (int drop = 0; drop <= 1; drop++) {
			struct point point = { n, drop, seed * 1000003 + n };

			if (crash_at(v, s, &point, &sum) == 0)
				continue;
			volume_abandon(v);
			sum.failures++;
			fprintf(stderr, "crash: %s: SEED=%llu POINT=%llu%s failed\n", s->name,
				(unsigned long long)seed, (unsigned long long)n,
				drop ? ", sectors dropped" : "");
		}
		if (only != UINT64_MAX || sum.failures > 5)
			break;
	}
	printf("crash: %-8s %3u steps, %4llu writes, %4llu points, %3llu recoveries cut, %llu "
	       "failures\n",
	       s->name, s->count, (unsigned long long)s->writes, (unsigned long long)sum.points,
	       (unsigned long long)sum.cut_recoveries, (unsigned long long)sum.failures);
	all->points += sum.points;
	all->cut_recoveries += sum.cut_recoveries;
	all->failures += sum.failures;
	crash_forget(s);
}

static void crash_world(void *arg)
{
	const char *only = getenv("SCENARIO");
	struct totals all = { 0 };
	struct volume v;
	char uri[256];
	int failed =
	    backing_create(3 * GIB, uri) < 0 || volume_make(&v, uri) < 0 || backing_save(uri) < 0;

	if (!failed) {
		for (size_t i = 0; i < SCENARIOS; i++)
			if (!only || strcmp(only, crash_scenarios[i].name) == 0)
				sweep(&v, &crash_scenarios[i], &all);
		backing_destroy(uri);
	}
	printf("#RESULT %llu %llu 0\n",
	       (unsigned long long)(all.points - MIN(all.points, all.failures)),
	       (unsigned long long)(all.failures + (uint64_t)failed));
	*(int *)arg = failed || all.failures;
}

int main(void)
{
	struct port_config config = { .seed = setting("SEED", 1), .log_level = LOG_ERROR };
	struct why why = { 0 };
	int failed = 1;

	if (port_run(&config, crash_world, &failed, &why) != ST_OK)
		fprintf(stderr, "crash: %s\n", why.text);
	return failed;
}
