/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts_run - one run: a formatted volume, hosts that work on it while things break, then
 * everything healed and the rest of the work done in bounded time, then (or not) a power cut,
 * and a fresh host that must find what the model says and a volume that its checker has nothing
 * to say about. */
#include "tests/sim/hosts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_DRIVE 1u
#define POLL_NS	     (20000000ull)
#define HEAL_NS	     (400 * SECOND_NS) /* faults end after this at the latest */
#define LIVE_NS	     (600 * SECOND_NS) /* and all work so much later */

/* ---- what every part uses -------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

void hash_in(struct run *run, uint64_t word)
{
	run->hash = mix(run->hash ^ word) + 0x9e3779b97f4a7c15ull;
}

uint64_t run_chance(struct run *run, uint64_t stream, uint64_t n)
{
	return n <= 1 ? 0 : mix(mix(run->config.seed + 0x9e3779b97f4a7c15ull) ^ mix(stream)) % n;
}

void trace(struct run *run, uint32_t host, const char *format, ...)
{
	va_list ap;

	if (!run->verbose)
		return;
	printf("%12.6f  host %u  ", (double)port_now_ns() / 1e9, host);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
}

void violate(struct run *run, const char *invariant, const char *format, ...)
{
	va_list ap;

	if (run->failed)
		return;
	run->failed = 1;
	mem_copy_text(run->invariant, sizeof(run->invariant), invariant);
	va_start(ap, format);
	vsnprintf(run->text, sizeof(run->text), format, ap);
	va_end(ap);
	trace(run, 0, "VIOLATION of %s: %s", invariant, run->text);
}

/* ---- hosts, on and off ----------------------------------------------------------------------- */

static void boot(struct run *run, struct host *h)
{
	trace(run, h->number, "power on");
	*h = (struct host){
	    .run = run, .number = h->number, .done = h->done, .tries = h->tries, .drawn = h->drawn};
	watch_booted(run->watch, h->number);
	VERIFY(sim_host_boot(h->number, host_main, h) == ST_OK);
}

/* Its main world has ended or it lost its power: what does the model make of that? */
static void saw_off(struct run *run, struct host *h)
{
	host_drop_names(h);
	model_host_off(&run->model, h->number);
	h->inc = 0;
	if (run->writer == h->number)
		run->writer = 0;
	if (h->finished || run->failed)
		return;
	trace(run, h->number, "power lost");
	h->boot_at_ns = port_now_ns() + (h->quick ? run_chance(run, port_now_ns(), LEASE_NS)
						  : run_chance(run, port_now_ns(), 3 * LEASE_NS));
	h->quick = 0;
}

static void tend_host(struct run *run, struct host *h)
{
	uint64_t now = port_now_ns();

	if (!sim_host_is_on(h->number)) {
		if (!h->seen_off)
			saw_off(run, h);
		h->seen_off = 1;
		if (!h->finished && !run->failed && now >= h->boot_at_ns && !run->cut_all)
			boot(run, h);
		return;
	}
	if (h->cut_until_ns && now >= h->cut_until_ns) {
		trace(run, h->number, "paths are back");
		h->cut_until_ns = 0;
		sim_host_cut(h->number, 0);
	}
}

/* The power of everything, the disk's cache included. */
static void cut_all(struct run *run)
{
	trace(run, 0, "power cut of everything");
	for (uint32_t i = 1; i <= run->config.hosts; i++)
		if (sim_host_is_on(i))
			sim_host_kill(i);
	sim_crash(run_chance(run, port_now_ns() << 8, UINT64_MAX), 1);
	run->cut_all = 0;
	watch_forget(run->watch);
}

static int all_finished(const struct run *run)
{
	for (uint32_t i = 1; i <= run->config.hosts; i++)
		if (!run->host[i].finished)
			return 0;
	return 1;
}

static uint64_t work_done(const struct run *run)
{
	uint64_t done = 0;

	for (uint32_t i = 1; i <= run->config.hosts; i++)
		done += run->host[i].done;
	return done;
}

static void heal(struct run *run)
{
	trace(run, 0, "healed");
	sim_faults_heal();
	run->healed = 1;
	run->healed_ns = port_now_ns();
	for (uint32_t i = 1; i <= run->config.hosts; i++) {
		sim_host_die_after(i, UINT64_MAX);
		run->host[i].cut_until_ns = MIN(run->host[i].cut_until_ns, port_now_ns());
	}
}

static void drive(struct run *run)
{
	uint64_t all = (uint64_t)run->config.hosts * run->config.ops;

	while (!all_finished(run) && !run->failed) {
		port_world_sleep_ns(POLL_NS);
		if (run->cut_all)
			cut_all(run);
		for (uint32_t i = 1; i <= run->config.hosts; i++)
			tend_host(run, &run->host[i]);
		if (!run->healed && (work_done(run) * 4 >= all * 3 || port_now_ns() > HEAL_NS))
			heal(run);
		if (run->healed && port_now_ns() > run->healed_ns + LIVE_NS)
			violate(run, "LOCK-5", "work does not end: %llu of %llu operations",
				(unsigned long long)work_done(run), (unsigned long long)all);
	}
}

/* ---- the end --------------------------------------------------------------------------------- */

static void finding(void *arg, const struct vmfs_finding *f)
{
	if (f->severity != VMFS_FIND_NOTE)
		violate(arg, "FS-4", "the checker: %s: %s", f->rule, f->text);
}

static void check(struct run *run)
{
	struct vmfs_check_opts opts = {.finding = finding, .arg = run};
	struct vmfs_check_result result;
	struct why why = {0};
	struct io_dev *dev;
	enum status st = io_dev_open(DISK_PATH, 0, &dev, &why);

	if (st == ST_OK) {
		st = vmfs_check(&dev, 1, &opts, &result, &why);
		io_dev_close(dev);
	}
	if (st != ST_OK)
		violate(run, "FS-4", "the checker does not run: %s", why.text);
}

static void fresh_main(void *arg)
{
	struct host *h = arg;

	for (int tries = 0; tries < 4 && host_mount(h) < 0; tries++)
		port_world_sleep_ns(LEASE_NS);
	if (!h->vol) {
		violate(h->run, "LOCK-5", "a fresh host cannot mount");
		return;
	}
	host_compare(h);
	host_unmount(h);
	h->finished = 1;
}

/* Some hosts are left as they are; a fresh one recovers what they left. */
static void judge(struct run *run)
{
	struct host *fresh = &run->host[run->config.hosts + 1];

	run->ending = 1;
	if (run->config.cut_at_end)
		cut_all(run);
	for (uint32_t i = 1; i <= run->config.hosts; i++)
		tend_host(run, &run->host[i]);
	*fresh = (struct host){.run = run, .number = run->config.hosts + 1};
	watch_booted(run->watch, fresh->number);
	VERIFY(sim_host_boot(fresh->number, fresh_main, fresh) == ST_OK);
	while (sim_host_is_on(fresh->number) && !run->failed)
		port_world_sleep_ns(POLL_NS);
	if (!run->failed)
		check(run);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void set_faults(struct run *run)
{
	const struct config *c = &run->config;

	for (uint32_t i = 0; i < FAULT_KINDS; i++) {
		sim_fault_window(i, c->from[i], c->end[i]);
		if (!(c->fault_mask >> i & 1))
			continue;
		sim_fault_set(i, c->rate[i]);
		run->totals->armed[i]++;
	}
	sim_fault_longest(SIM_FAULT_STUCK, 2 * SECOND_NS);
	sim_fault_longest(FAULT_PAUSE, 12 * SECOND_NS);
	sim_fault_longest(FAULT_APD, 3 * LEASE_NS);
}

static void count_faults(struct run *run)
{
	for (uint32_t i = 0; i < FAULT_KINDS; i++) {
		struct sim_fault_count n = sim_fault_counted(i);

		run->totals->fault[i].chances += n.chances;
		run->totals->fault[i].fired += n.fired;
	}
}

static void run_world(void *arg)
{
	struct run *run = arg;
	char name[16];

	VERIFY(sim_disk_thaw(DISK_PATH, run->base->frozen) == ST_OK);
	model_init(&run->model);
	for (uint32_t i = 1; i <= run->config.hosts + 1; i++) {
		snprintf(name, sizeof(name), "host%u", i);
		VERIFY(sim_host_add(name) == i);
		run->host[i].number = i;
	}
	sim_quiet(!run->verbose);
	run->watch = watch_start(run);
	set_faults(run);
	for (uint32_t i = 1; i <= run->config.hosts; i++)
		boot(run, &run->host[i]);
	drive(run);
	count_faults(run);
	sim_faults_heal();
	if (!run->failed)
		judge(run);
	for (uint32_t i = 1; i <= run->config.hosts + 1; i++)
		sim_host_kill(i);
	watch_stop(run->watch);
	model_fini(&run->model);
	run->totals->virtual_ns += port_now_ns();
}

void run_one(struct run *run)
{
	struct port_config config = {.seed = run->config.seed,
				     .log_level = run->verbose ? LOG_INFO : LOG_ERROR};
	struct why why = {0};

	if (port_run(&config, run_world, run, &why) != ST_OK)
		violate(run, "none", "the simulator: %s", why.text);
	run->totals->runs++;
	run->totals->hosts += run->config.hosts;
	run->totals->failed += run->failed;
}

/* ---- by seed --------------------------------------------------------------------------------- */

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

void run_seed(const struct wanted *w, struct totals *totals, struct run *run)
{
	memset(run, 0, sizeof(*run));
	config_draw(&run->config, w->seed, w);
	run->base = base_of(run->config.version);
	run->totals = totals;
	run->verbose = w->verbose;
	run->skip = w->skip;
	if (w->verbose)
		config_print(&run->config);
	run_one(run);
	if (w->verbose)
		printf("hash %016llx\n", (unsigned long long)run->hash);
}

void bases_free(void)
{
	base_free(bases[0]);
	base_free(bases[1]);
}
