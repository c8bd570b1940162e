/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* zombie - processes that are stopped while they hold a file and have writes in flight, for longer
 * than a lease; another one takes their files and writes them; then they wake up.
 *
 *	zombie [-n ZOMBIES] [-m AT-ONCE] [-l LEASE-MS] [-S SEED] DEVICE
 *
 * Not one write of theirs may reach the disk after that, and each must be told ST_LOST. Every
 * sector carries the number of its round, odd for the zombie, even for the one that took over: so
 * one that came late is seen by reading. DEVICE is formatted. */
#include "tests/torture/torture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE_MAX	64u
#define FILE_UNITS	32u
#define MOUNT_TRIES	80u
#define DEPTH		8u		/* writes in flight */
#define OPEN_PATIENCE_NS 120000000000ull

struct shared {				/* of one zombie, seen by all */
	volatile uint32_t	writes;		/* that ended with ST_OK */
	volatile uint32_t	after;		/* of these, submitted after it woke up */
	volatile uint32_t	status;		/* enum status that ended it */
	volatile uint8_t	awake;		/* set by the parent just before it goes on */
};

struct run {
	const char	*uri;
	uint32_t	wanted, at_once, round;
	uint64_t	lease_ms, seed;
	struct shared	*z;
	struct chance	c;
	/* of a child */
	uint32_t	number;
	int		bad;
};

struct sums { uint32_t zombies, stray_sectors, not_told, acknowledged, nudges; };

static uint32_t zombie_stamp(const struct run *r) { return 2 * r->round + 1; }
static uint32_t taker_stamp(const struct run *r) { return 2 * r->round + 2; }

static void file_path(uint32_t number, char path[32]) { snprintf(path, 32, "/z%u", number); }

static int say(const struct run *r, const char *what, enum status st, const struct why *why)
{
	fprintf(stderr, "zombie: round %u, file %u: %s: %s: %s\n", r->round, r->number, what,
		status_text(st), why ? why->text : "");
	return -1;
}

/* ---- a zombie -------------------------------------------------------------------------------- */

struct writing {
	struct run		*r;
	struct store_file	*file;
	struct slot {
		struct io_req	req;
		struct writing	*w;
		uint8_t		*unit;
		uint8_t		after;	/* submitted when it was awake again */
	} slot[DEPTH];
	struct chance		c;
	uint32_t		inflight;
	struct port_world	*world;
	enum status		status;
};

static void submit(struct slot *s);

static void written(struct io_req *req)
{
	struct slot *s = container_of(req, struct slot, req);
	struct writing *w = s->w;
	struct shared *z = &w->r->z[w->r->number];

	w->inflight--;
	if (req->status != ST_OK && w->status == ST_OK)
		w->status = req->status;
	if (req->status == ST_OK) {
		z->writes++;
		z->after += s->after;
	}
	if (w->status == ST_OK)
		submit(s);
	else
		port_world_wake(w->world);
}

static void submit(struct slot *s)
{
	struct writing *w = s->w;
	uint32_t unit = chance(&w->c, FILE_UNITS);

	content_fill(s->unit, unit, zombie_stamp(w->r));
	s->after = w->r->z[w->r->number].awake;
	io_req_init(&s->req, PORT_WRITE, (uint64_t)unit * UNIT_BYTES, s->unit, UNIT_BYTES, written);
	w->inflight++;
	w->file->store->ops->submit(w->file, &s->req);
}

/* Write until something says no. */
static void write_on(struct writing *w)
{
	w->world = port_world_self();
	for (uint32_t i = 0; i < DEPTH; i++) {
		w->slot[i].w = w;
		w->slot[i].unit = port_dma_alloc(UNIT_BYTES);
		if (w->slot[i].unit)
			submit(&w->slot[i]);
	}
	while (w->inflight)
		port_world_park();
	for (uint32_t i = 0; i < DEPTH; i++)
		if (w->slot[i].unit)
			port_dma_free(w->slot[i].unit, UNIT_BYTES);
}

static enum status open_patiently(struct session *ss, const char *path, struct store_file **f)
{
	uint64_t end_ns = port_now_ns() + OPEN_PATIENCE_NS;
	enum status st;

	do {
		st = ss->s->ops->open(ss->s, path, STORE_WRITE, f, &ss->why);
		if (st == ST_BUSY)
			port_world_sleep_ns(50000000);
	} while (st == ST_BUSY && port_now_ns() < end_ns);
	return st;
}

/* Many mount at once, on a machine that may be too busy for a short lease. */
static enum status mount_patiently(struct session *ss, const char *uri)
{
	enum status st = ST_BUSY;

	for (uint32_t i = 0; i < MOUNT_TRIES && (st == ST_BUSY || st == ST_LOST); i++) {
		if (i)
			port_world_sleep_ns(250000000);
		st = session_mount(ss, uri, 1);
	}
	return st;
}

static void zombie_world(void *arg)
{
	struct run *r = arg;
	struct writing *w = calloc(1, sizeof(*w));
	struct session ss;
	char path[32];
	enum status st = w ? mount_patiently(&ss, r->uri) : ST_NOMEM;

	file_path(r->number, path);
	if (st == ST_OK)
		st = open_patiently(&ss, path, &w->file);
	if (st != ST_OK) {
		r->bad = say(r, "a zombie cannot begin", st, &ss.why);
		return;
	}
	w->r = r;
	w->c = chance_of(r->seed, r->round, r->number);
	write_on(w);
	r->z[r->number].status = w->status;
	(void)!ss.s->ops->file_close(w->file);
	(void)!session_unmount(&ss);
	free(w);
}

/* ---- who takes over -------------------------------------------------------------------------- */

static enum status take(struct run *r, struct session *ss, struct store_file **f)
{
	uint8_t unit[UNIT_BYTES];
	enum status st;
	char path[32];

	file_path(r->number, path);
	st = open_patiently(ss, path, f);
	for (uint32_t i = 0; i < FILE_UNITS && st == ST_OK; i++) {
		content_fill(unit, i, taker_stamp(r));
		st = store_write(*f, (uint64_t)i * UNIT_BYTES, unit, UNIT_BYTES);
	}
	return st == ST_OK ? store_flush(*f) : st;
}

/* All files, which are closed again: the zombies wake up behind it. */
static void taker_world(void *arg)
{
	struct run *r = arg;
	struct session ss;
	enum status st = mount_patiently(&ss, r->uri);

	if (st != ST_OK) {
		r->bad = say(r, "mounting beside zombies", st, &ss.why);
		return;
	}
	for (r->number = 0; r->number < r->at_once && !r->bad; r->number++) {
		struct store_file *f = NULL;

		st = take(r, &ss, &f);
		if (st != ST_OK)
			r->bad = say(r, "taking a zombie's file", st, &ss.why);
		if (f && ss.s->ops->file_close(f) != ST_OK)
			r->bad = say(r, "closing it", ST_DEVICE, NULL);
	}
	if (session_unmount(&ss) != ST_OK)
		r->bad = say(r, "unmounting", ST_DEVICE, NULL);
}

/* ---- what is on the disk --------------------------------------------------------------------- */

static uint32_t stray_sectors(struct run *r, struct session *ss)
{
	uint32_t count = 0, sectors = FILE_UNITS * UNIT_BYTES / SECTOR_BYTES;
	uint8_t *data = malloc(FILE_UNITS * UNIT_BYTES);
	struct store_file *f;
	enum status st;
	char path[32];

	file_path(r->number, path);
	st = data ? ss->s->ops->open(ss->s, path, STORE_READ, &f, &ss->why) : ST_NOMEM;
	if (st == ST_OK) {
		st = store_read(f, 0, data, FILE_UNITS * UNIT_BYTES);
		for (uint32_t i = 0; i < sectors && st == ST_OK; i++)
			count += content_stamp(data + (size_t)i * SECTOR_BYTES, i) !=
				 taker_stamp(r);
		(void)!ss->s->ops->file_close(f);
	}
	if (st != ST_OK)
		r->bad = say(r, "reading what is there", st, &ss->why);
	free(data);
	return count;
}

static void look_world(void *arg)
{
	struct run *r = arg;
	struct session ss;
	uint32_t stray = 0;

	if (session_mount(&ss, r->uri, 0) != ST_OK) {
		r->bad = say(r, "mounting for reading", ST_DEVICE, &ss.why);
		return;
	}
	for (r->number = 0; r->number < r->at_once; r->number++) {
		uint32_t n = stray_sectors(r, &ss);

		if (n)
			fprintf(stderr, "zombie: round %u: %u sectors of file %u are a zombie's\n",
				r->round, n, r->number);
		stray += n;
	}
	(void)!session_unmount(&ss);
	r->z[AT_ONCE_MAX].writes = stray;
}

static void format_world(void *arg)
{
	struct run *r = arg;
	struct session ss = { 0 };
	struct why why = { 0 };
	enum status st = session_format(r->uri, 5, (uint32_t)r->lease_ms, &why);

	if (st == ST_OK)
		st = session_mount(&ss, r->uri, 1);
	for (uint32_t i = 0; i < r->at_once && st == ST_OK; i++) {
		struct store_file *f;
		char path[32];

		file_path(i, path);
		st = ss.s->ops->create(ss.s, path, 0600, &f, &ss.why);
		if (st == ST_OK)
			st = ss.s->ops->file_allocate(f, 0, FILE_UNITS * UNIT_BYTES,
						      STORE_ALLOC_EAGER);
		if (st == ST_OK)
			st = ss.s->ops->file_close(f);
	}
	if (st == ST_OK)
		st = session_unmount(&ss);
	if (st != ST_OK)
		r->bad = say(r, "making the volume", st, &ss.why);
}

/* ---- processes ------------------------------------------------------------------------------- */

static pid_t spawn(struct run *r, void (*world)(void *arg))
{
	struct port_config config = { .log_level = getenv("TORTURE_LOG") ? LOG_INFO : LOG_ERROR };
	struct why why = { 0 };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (port_run(&config, world, r, &why) != ST_OK)
		_exit(2);
	_exit(r->bad != 0);
}

static int wait_for(pid_t pid)
{
	int status = 0;

	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ?
		       WEXITSTATUS(status) : 2;
}

static void nap_ms(uint32_t ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* Every zombie holds its file and is writing. 0; -1: one has ended. */
static int wait_until_writing(struct run *r, const pid_t *pid)
{
	for (uint32_t i = 0; i < r->at_once; i++)
		while (r->z[i].writes < DEPTH) {
			if (waitpid(pid[i], NULL, WNOHANG) != 0)
				return -1;
			nap_ms(5);
		}
	return 0;
}

static void signal_all(struct run *r, const pid_t *pid, int sig)
{
	for (uint32_t i = 0; i < r->at_once; i++) {
		if (sig == SIGCONT)
			r->z[i].awake = 1;
		kill(pid[i], sig);
		if (sig == SIGSTOP)
			nap_ms(chance(&r->c, 4));
	}
}

/* One that was stopped inside a compare and write keeps the lock of that sector of the image, which
 * a LUN would not know: nobody can take its slot away. It goes on for a moment, and is stopped
 * again. */
static void nudge(struct run *r, const pid_t *pid, struct sums *s)
{
	for (uint32_t i = 0; i < r->at_once; i++)
		kill(pid[i], SIGCONT);
	nap_ms(20);
	for (uint32_t i = 0; i < r->at_once; i++)
		kill(pid[i], SIGSTOP);
	s->nudges++;
}

static int wait_for_taker(struct run *r, pid_t taker, const pid_t *pid, struct sums *s)
{
	uint64_t patience_ms = 4 * r->lease_ms + 10000, waited_ms = 0;
	int status = 0;

	while (taker > 0 && waitpid(taker, &status, WNOHANG) == 0) {
		nap_ms(20);
		waited_ms += 20;
		if (waited_ms % patience_ms == 0)
			nudge(r, pid, s);
	}
	return taker > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static int begin_round(struct run *r, pid_t *pid)
{
	memset((void *)r->z, 0, (AT_ONCE_MAX + 1) * sizeof(*r->z));
	for (uint32_t i = 0; i < r->at_once; i++) {
		r->number = i;
		pid[i] = spawn(r, zombie_world);
	}
	return wait_until_writing(r, pid);
}

static void add_up(struct run *r, struct sums *s)
{
	for (uint32_t i = 0; i < r->at_once; i++) {
		s->zombies++;
		s->acknowledged += r->z[i].after;
		if (r->z[i].status == ST_LOST)
			continue;
		s->not_told++;
		fprintf(stderr, "zombie: round %u: file %u: its holder was told '%s'\n", r->round,
			i, status_text((enum status)r->z[i].status));
	}
	s->stray_sectors += r->z[AT_ONCE_MAX].writes;
}

static int round_of_zombies(struct run *r, struct sums *s)
{
	pid_t pid[AT_ONCE_MAX];
	int bad = begin_round(r, pid);

	if (bad == 0) {
		signal_all(r, pid, SIGSTOP);
		bad = wait_for_taker(r, spawn(r, taker_world), pid, s);
		signal_all(r, pid, SIGCONT);
	}
	for (uint32_t i = 0; i < r->at_once; i++) {
		if (bad)
			kill(pid[i], SIGKILL);
		bad |= wait_for(pid[i]);
	}
	if (!bad)
		bad = wait_for(spawn(r, look_world));
	if (!bad)
		add_up(r, s);
	return bad;
}

int main(int argc, char **argv)
{
	struct run r = { .wanted = 1000, .at_once = 20, .lease_ms = 16000, .seed = 1 };
	struct sums s = { 0 };
	int opt, bad = 0;

	while ((opt = getopt(argc, argv, "n:m:l:S:")) != -1) {
		uint64_t n = optarg ? strtoull(optarg, NULL, 0) : 0;

		switch (opt) {
		case 'n': r.wanted = (uint32_t)n; break;
		case 'm': r.at_once = (uint32_t)n; break;
		case 'l': r.lease_ms = n; break;
		case 'S': r.seed = n; break;
		default: return 2;
		}
	}
	if (optind + 1 != argc || !r.at_once || r.at_once > AT_ONCE_MAX) {
		fprintf(stderr, "usage: zombie [-n ZOMBIES] [-m AT-ONCE] [-l LEASE-MS] [-S SEED] "
			"DEVICE\n");
		return 2;
	}
	r.uri = argv[optind];
	r.c = chance_of(r.seed, 0, 0);
	r.z = mmap(NULL, (AT_ONCE_MAX + 1) * sizeof(*r.z), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r.z == MAP_FAILED || wait_for(spawn(&r, format_world)) != 0)
		return 1;
	for (; s.zombies < r.wanted && !bad; r.round++)
		bad = round_of_zombies(&r, &s);
	printf("%u zombies in %u rounds: %u sectors reached the disk late, %u writes were called "
	       "good late, %u were not told ST_LOST; %u nudges%s\n", s.zombies, r.round,
	       s.stray_sectors, s.acknowledged, s.not_told, s.nudges,
	       bad ? "; it ended early" : "");
	return bad || s.stray_sectors || s.acknowledged || s.not_told;
}
