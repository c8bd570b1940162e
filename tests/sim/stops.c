/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* stops - a host stops after each of its device writes, and another host takes over.
 *
 *	STATES=64 SEED=1 CASE=rename stops	(CAIRN_LONG=1: 1,024 states at each point)
 *
 * For each operation: one host mounts, prepares, and does it. It runs once to the end, to count its
 * writes; then again for each of them, and stops right after it. What the disk's cache had not
 * flushed may have arrived or not, sector by sector: up to STATES contents that may be there are
 * each tried, all of them when they are no more, else as many as the seed draws; equal ones once.
 * On each a second host mounts. It must be in after a lease and a beat and its own transfers, find
 * the names, lengths and bytes that the steps allow (crash_judge.c), and leave a volume of which
 * the checker says nothing. */
#include "tests/sim/crash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/port/sim/sim.h"

#define DISK	     "/disks/lun"
#define COPY_OF	     "/disks/copy"
#define VOLUME_BYTES (96 * MIB)
#define GROWN_BYTES  (160 * MIB)
#define POLL_NS	     10000000ull
#define SECOND_NS    1000000000ull
#define TAKEOVER_NS  (20 * SECOND_NS) /* a lease, a beat, and a second of transfers */
#define SEEN_MAX     4096u

enum what { /* what is cut, after the steps that prepare it */
	    WHAT_STEPS,
	    WHAT_MOUNT,
	    WHAT_UNMOUNT,
	    WHAT_BREAK, /* the steps open what a dead host had open */
	    WHAT_GROW,
};

struct stop_case {
	const char *name;
	enum what what;
	uint32_t prepare; /* of the steps */
	const struct step *step;
	uint32_t count;
};

#define STEPS(array) .step = array, .count = ARRAY_COUNT(array)

static const struct step create_steps[] = {
    {MKDIR, "/d"}, {CREATE, "/d/a"}, {SYNC, "/"}, {CREATE, "/d/b"}, {SYNC, "/"},
};
static const struct step extend_steps[] = {
    {CREATE, "/a"},
    {WRITE, "/a", .bytes = 700},
    {SYNC, "/"},
    {WRITE, "/a", .at = 700, .bytes = 5000},
    {WRITE, "/a", .at = 5700, .bytes = 30000},
    {WRITE, "/a", .at = MIB - 512, .bytes = 4096},
    {SYNC, "/"},
};
static const struct step punch_steps[] = {
    {CREATE, "/a"}, {WRITE, "/a", .bytes = 3 * MIB},
    {SYNC, "/"},    {UNMAP, "/a", .at = MIB / 2, .bytes = 2 * MIB},
    {SYNC, "/"},
};
static const struct step unlink_steps[] = {
    {CREATE, "/a"}, {WRITE, "/a", .bytes = 2 * MIB}, {CREATE, "/b"}, {SYNC, "/"}, {REMOVE, "/a"},
    {SYNC, "/"},
};
static const struct step rename_steps[] = {
    {MKDIR, "/d"},
    {CREATE, "/a"},
    {WRITE, "/a", .bytes = 20000},
    {CREATE, "/d/b"},
    {WRITE, "/d/b", .bytes = 9000},
    {SYNC, "/"},
    {RENAME, "/a", "/d/b"},
    {SYNC, "/"},
};
static const struct step mkdir_steps[] = {
    {MKDIR, "/d"},
    {SYNC, "/"},
    {MKDIR, "/d/e"},
    {SYNC, "/"},
};
static const struct step clone_steps[] = {
    {CREATE, "/a"}, {WRITE, "/a", .bytes = MIB + 70000}, {CREATE, "/b"},
    {SYNC, "/"},    {COPY, "/a", "/b", 0, MIB + 70000},	 {SYNC, "/"},
};
/* Several groups, each over the records of the one before. */
static const struct step wrap_steps[] = {
    {MKDIR, "/d"},    {SYNC, "/"},	{CREATE, "/d/a"},
    {SYNC, "/"},      {CREATE, "/d/b"}, {RENAME, "/d/a", "/c"},
    {SYNC, "/"},      {REMOVE, "/d/b"}, {SYNC, "/"},
    {CREATE, "/d/a"}, {SYNC, "/"},
};
static const struct step mount_steps[] = {
    {CREATE, "/a"},
    {WRITE, "/a", .bytes = 9000},
    {SYNC, "/"},
};
static const struct step unmount_steps[] = {
    {CREATE, "/a"},
    {WRITE, "/a", .bytes = 9000},
    {SYNC, "/"},
    {CREATE, "/b"},
};
static const struct step break_steps[] = {
    {CREATE, "/held"},
    {SYNC, "/"},
    {WRITE, "/held", .at = 512, .bytes = 1024},
    {SYNC, "/"},
};

static const struct stop_case cases[] = {
    {"create", WHAT_STEPS, 3, STEPS(create_steps)},
    {"extend", WHAT_STEPS, 3, STEPS(extend_steps)},
    {"punch", WHAT_STEPS, 3, STEPS(punch_steps)},
    {"unlink", WHAT_STEPS, 4, STEPS(unlink_steps)},
    {"rename", WHAT_STEPS, 6, STEPS(rename_steps)},
    {"mkdir", WHAT_STEPS, 2, STEPS(mkdir_steps)},
    {"clone", WHAT_STEPS, 4, STEPS(clone_steps)},
    {"grow", WHAT_GROW, 3, STEPS(mount_steps)},
    {"wrap", WHAT_STEPS, 2, STEPS(wrap_steps)},
    {"break", WHAT_BREAK, 2, STEPS(break_steps)},
    {"mount", WHAT_MOUNT, 3, STEPS(mount_steps)},
    {"unmount", WHAT_UNMOUNT, 4, STEPS(unmount_steps)},
};

/* ---- one run --------------------------------------------------------------------------------- */

struct point {
	const struct stop_case *c;
	struct scenario s;
	struct run run;
	struct sim_frozen *base; /* prepared */
	uint64_t stop_after;	 /* of the first host's writes; 0: it goes on to its end */
	uint64_t writes;	 /* of its operation */
	struct volume a, b;
	uint32_t host_a, host_b;
	uint8_t bad, done;
	uint64_t began_ns, took_ns;
};

struct figures {
	uint64_t writes, states, distinct, failures, slowest_ns;
};

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static void wait_off(uint32_t host)
{
	while (sim_host_is_on(host))
		port_world_sleep_ns(POLL_NS);
}

/* after_death: whoever was at it before is known to be gone. */
static int grow(struct volume *v, int after_death)
{
	uint64_t added;
	struct why why = {0};
	enum status st = io_dev_open(v->uri, IO_OPEN_WRITE, &v->dev, &why);

	if (st != ST_OK)
		return complain("%s: %s", v->uri, why.text);
	if (after_death)
		st = vmfs_header_lock_clear(&v->dev, 1, &why);
	if (st == ST_OK)
		st = vmfs_grow(&v->dev, 1, &added, &why);
	io_dev_close(v->dev);
	v->dev = NULL;
	return st == ST_OK ? 0 : complain("grow: %s", why.text);
}

/* The steps that prepare, before anything is counted: a world of host A. */
static void prepare_main(void *arg)
{
	struct point *p = arg;

	p->bad = volume_make(&p->a, DISK) < 0 || volume_mount(&p->a, 1, 1) < 0;
	if (p->bad)
		return;
	crash_run(&p->a, &p->s, p->c->prepare, &p->run);
	if (p->run.ended < p->c->prepare)
		p->bad = 1;
	if (p->c->what == WHAT_BREAK) {
		struct store_file *f;

		p->bad |=
		    p->a.store->ops->open(p->a.store, "/held", STORE_WRITE, &f, NULL) != ST_OK ||
		    p->a.store->ops->sync(p->a.store) != ST_OK;
		p->done = 1;
		port_world_park(); /* until its power is cut: its lock stays on the disk */
	}
	p->bad |= volume_unmount(&p->a) < 0;
}

/* What is cut. Counting starts when `began_ns` is set. */
static void operate_main(void *arg)
{
	struct point *p = arg;
	uint64_t before;

	mem_copy_text(p->a.uri, sizeof(p->a.uri), DISK);
	if (p->c->what == WHAT_MOUNT || p->c->what == WHAT_GROW || p->c->what == WHAT_BREAK) {
		before = sim_host_writes(p->host_a);
		if (p->stop_after)
			sim_host_die_after(p->host_a, p->stop_after);
		p->bad =
		    p->c->what == WHAT_GROW ? grow(&p->a, 0) < 0 : volume_mount(&p->a, 1, 1) < 0;
	} else {
		p->bad = volume_mount(&p->a, 1, 1) < 0;
		if (p->c->what == WHAT_UNMOUNT && !p->bad)
			crash_run(&p->a, &p->s, p->s.count, &p->run);
		before = sim_host_writes(p->host_a);
		if (p->stop_after)
			sim_host_die_after(p->host_a, p->stop_after);
	}
	if (p->c->what == WHAT_STEPS || p->c->what == WHAT_BREAK)
		crash_run(&p->a, &p->s, p->s.count, &p->run);
	if (p->c->what == WHAT_UNMOUNT)
		p->bad |= volume_unmount(&p->a) < 0;
	p->writes = sim_host_writes(p->host_a) - before;
	p->bad |= p->run.ended < p->s.count;
	p->done = 1;
	if (p->a.vol)
		p->bad |= volume_unmount(&p->a) < 0;
}

/* The other host, on one content of the disk. */
static void take_over_main(void *arg)
{
	struct point *p = arg;

	p->began_ns = port_now_ns();
	if (p->c->what == WHAT_GROW && grow(&p->b, 1) < 0)
		return;
	if (volume_take_over(&p->b) < 0)
		return;
	p->took_ns = port_now_ns() - p->began_ns;
	p->bad = crash_judge(&p->b, &p->s, &p->run) < 0;
	p->bad |= volume_unmount(&p->b) < 0;
	p->done = 1;
}

/* ---- the states at one point ----------------------------------------------------------------- */

static int judge_copy(struct point *p, struct figures *sum)
{
	struct vmfs_check_result result;

	memset(&p->b, 0, sizeof(p->b));
	mem_copy_text(p->b.uri, sizeof(p->b.uri), COPY_OF);
	p->done = 0;
	if (sim_host_boot(p->host_b, take_over_main, p) != ST_OK)
		return -1;
	wait_off(p->host_b);
	if (!p->done || p->bad)
		return complain("the other host does not take over");
	sum->slowest_ns = MAX(sum->slowest_ns, p->took_ns);
	if (p->took_ns > TAKEOVER_NS)
		return complain("taking over took %.3f s", (double)p->took_ns / 1e9);
	return volume_check(&p->b, &result);
}

/* 1 when a disk with this content was judged before. */
static int seen_before(uint64_t *seen, uint32_t *count, uint64_t hash)
{
	for (uint32_t i = 0; i < *count; i++)
		if (seen[i] == hash)
			return 1;
	if (*count < SEEN_MAX)
		seen[(*count)++] = hash;
	return 0;
}

static void each_state(struct point *p, struct figures *sum)
{
	uint64_t all = sim_disk_states(DISK),
		 most = setting("STATES", getenv("CAIRN_LONG") ? 1024 : 6);
	uint64_t seen[SEEN_MAX], n = MIN(all, most);
	uint32_t count = 0;

	for (uint64_t k = 0; k < n; k++) {
		VERIFY(sim_disk_copy(DISK, COPY_OF) == ST_OK);
		if (all <= most)
			sim_disk_cut_to(COPY_OF, k);
		else
			sim_disk_cut(COPY_OF,
				     setting("SEED", 1) * 1000003 + p->stop_after * 4099 + k);
		sum->states++;
		if (!seen_before(seen, &count, sim_disk_hash(COPY_OF))) {
			sum->distinct++;
			if (judge_copy(p, sum) < 0) {
				sum->failures++;
				fprintf(stderr, "stops: %s: write %llu, state %llu of %llu\n",
					p->c->name, (unsigned long long)p->stop_after,
					(unsigned long long)k, (unsigned long long)all);
			}
		}
		VERIFY(port_path_remove(COPY_OF) == ST_OK);
	}
}

/* ---- worlds of the test ---------------------------------------------------------------------- */

static void add_hosts(struct point *p)
{
	p->host_a = sim_host_add("alpha");
	p->host_b = sim_host_add("beta");
}

static void prepare_world(void *arg)
{
	struct point *p = arg;

	add_hosts(p);
	VERIFY(sim_disk_create(DISK, VOLUME_BYTES, 1) == ST_OK);
	VERIFY(sim_host_boot(p->host_a, prepare_main, p) == ST_OK);
	while (sim_host_is_on(p->host_a) && !p->done)
		port_world_sleep_ns(POLL_NS);
	sim_host_kill(p->host_a);
	if (p->c->what == WHAT_GROW)
		VERIFY(sim_disk_poke(DISK, GROWN_BYTES - 1, "", 1) == ST_OK);
	p->base = sim_disk_freeze(DISK);
}

struct stop {
	struct point *p;
	struct figures *sum;
};

static void stop_world(void *arg)
{
	struct stop *stop = arg;
	struct point *p = stop->p;

	add_hosts(p);
	VERIFY(sim_disk_thaw(DISK, p->base) == ST_OK);
	p->host_a = p->c->what == WHAT_BREAK ? sim_host_add("gamma") : p->host_a;
	VERIFY(sim_host_boot(p->host_a, operate_main, p) == ST_OK);
	wait_off(p->host_a);
	p->bad &= !p->stop_after; /* a host that stops leaves it undone */
	if (p->stop_after && !p->done)
		each_state(p, stop->sum);
}

static void in_simulator(void (*world)(void *arg), void *arg, uint64_t seed)
{
	struct port_config config = {.seed = seed, .log_level = LOG_ERROR};
	struct why why = {0};

	VERIFY(port_run(&config, world, arg, &why) == ST_OK);
}

static void no_steps(struct scenario *s)
{
	(void)s;
}

static void sweep(const struct stop_case *c, struct figures *all)
{
	static struct point p;
	struct figures sum = {0};
	struct run prepared;
	struct stop stop = {&p, &sum};

	memset(&p, 0, sizeof(p));
	p.c = c;
	p.s = (struct scenario){.name = c->name, .steps = no_steps, .count = c->count};
	memcpy(p.s.step, c->step, c->count * sizeof(p.s.step[0]));
	crash_prepare(&p.s);
	in_simulator(prepare_world, &p, 1);
	prepared = p.run;
	sum.failures += p.bad;
	p.done = 0;
	in_simulator(stop_world, &stop, 1); /* to the end, to count */
	sum.failures += p.bad || !p.done;
	sum.writes = p.writes;
	for (uint64_t n = 1; n <= sum.writes && sum.failures < 5; n++) {
		p.run = prepared;
		p.stop_after = n;
		p.done = p.bad = 0;
		in_simulator(stop_world, &stop, 1);
	}
	printf("stops: %-8s %3llu writes, %6llu states, %6llu of them different, another host in "
	       "after "
	       "at most %.3f s, %llu failures\n",
	       c->name, (unsigned long long)sum.writes, (unsigned long long)sum.states,
	       (unsigned long long)sum.distinct, (double)sum.slowest_ns / 1e9,
	       (unsigned long long)sum.failures);
	all->distinct += sum.distinct;
	all->failures += sum.failures;
	crash_forget(&p.s);
	sim_frozen_free(p.base);
}

int main(void)
{
	const char *only = getenv("CASE");
	struct figures all = {0};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		if (!only || !strcmp(only, cases[i].name))
			sweep(&cases[i], &all);
	printf("#RESULT %llu %llu 0\n",
	       (unsigned long long)(all.distinct - MIN(all.distinct, all.failures)),
	       (unsigned long long)all.failures);
	return all.failures != 0;
}
