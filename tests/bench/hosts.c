/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts - what sharing a datastore costs, in virtual time: the same on every machine.
 *
 *	hosts [-j] [-s SEED] [io|create|failover]...
 *
 *	io        transfers per operation of one host that nobody disturbs
 *	create    files a second that 1 to 64 hosts make, in directories of their own and in one
 *	failover  from the death of a host to its file being open on another one, and how it splits
 *
 * -j: a JSON object a row, in place of tables. All hosts reach one array: it takes a command every
 * 5 us and answers 200 us later, moves 2 GB/s, has a cache that power cuts do not reach, so that a
 * flush is a command like others, and does a compare and write in one step. */
#include "iopath/port/sim/sim.h"
#include "vmfs/vmfs.h"
#include "vmfs/vmfs_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISK_PATH	"lun"
#define DISK_BYTES	(128 * GIB)	/* descriptors for all of these files */
#define LATENCY_NS	200000u
#define COMMAND_NS	5000u		/* 200,000 a second */
#define BYTES_PER_NS	2u
#define CACHE_BYTES	(12 * MIB)
#define HOSTS_MAX	64u
#define FILES		200u		/* that each host makes */
#define SECOND_NS	1000000000ull

struct counts { uint64_t reads, writes, ats, flushes, read_bytes, written_bytes; };

/* ---- the array ------------------------------------------------------------------------------- */

struct bench;

struct lun {			/* one host's view of it */
	struct io_dev	dev;
	struct bench	*bench;
	struct counts	counts;
	uint64_t	fenced_ns;	/* its first ATS on a slot that another host uses */
	struct vmfs_uuid self;
};

struct bench {
	uint64_t	free_ns;	/* when the array takes the next command */
	struct lun	lun[HOSTS_MAX + 1];
	int		json;
	int		bad;
	/* of a run */
	uint32_t	hosts, ready, done;
	uint8_t		go, one_directory;
	uint64_t	begin_ns, end_ns;
};

static struct bench bench;

static struct lun *lun_of(struct io_dev *dev) { return container_of(dev, struct lun, dev); }

/* When a command that is handed over now has been done. */
static uint64_t command_end(uint64_t bytes)
{
	bench.free_ns = MAX(bench.free_ns, port_now_ns()) + COMMAND_NS + bytes / BYTES_PER_NS;
	return bench.free_ns + LATENCY_NS;
}

struct command { struct port_timer timer; struct io_req *req; };

static enum status transfer(struct io_req *req)
{
	uint64_t bytes = req->io.bytes;
	uint8_t *data;
	enum status st = ST_OK;

	if (req->io.op == PORT_FLUSH || !bytes)
		return ST_OK;
	data = calloc(1, bytes);
	if (!data)
		return ST_NOMEM;
	if (req->io.op == PORT_READ) {
		st = sim_disk_peek(DISK_PATH, req->io.offset, data, bytes);
		io_req_copy_in(req, 0, data, bytes);
	} else {
		if (req->io.op == PORT_WRITE)
			io_req_copy_out(req, 0, data, bytes);
		st = sim_disk_poke(DISK_PATH, req->io.offset, data, bytes);
	}
	free(data);
	return st;
}

static void command_done(struct port_timer *timer)
{
	struct command *c = container_of(timer, struct command, timer);
	struct io_req *req = c->req;

	free(c);
	req->status = transfer(req);
	req->done(req);
}

static void count(struct counts *n, const struct io_req *req)
{
	if (req->io.op == PORT_READ) {
		n->reads++;
		n->read_bytes += req->io.bytes;
	} else if (req->io.op == PORT_FLUSH) {
		n->flushes++;
	} else {
		n->writes++;
		n->written_bytes += req->io.bytes;
	}
}

/* ZERO and UNMAP are commands of an array: no data moves. */
static void lun_submit(struct io_dev *dev, struct io_req *req)
{
	struct command *c = calloc(1, sizeof(*c));
	int moves = req->io.op == PORT_READ || req->io.op == PORT_WRITE;

	if (!c) {
		io_finish_later(req, ST_NOMEM);
		return;
	}
	count(&lun_of(dev)->counts, req);
	c->req = req;
	port_timer_init(&c->timer, command_done);
	port_timer_start(&c->timer, command_end(moves ? req->io.bytes : 0));
}

/* The moment at which a host decides that another one is dead. */
static void note_fence(struct lun *lun, const struct io_ats *ats)
{
	const struct vmfs_hb_disk *slot = ats->new;
	static const vmfs_uuid_disk nobody;

	if (ats->bytes >= sizeof(*slot) && le32_get(slot->state) == VMFS_HB_USED &&
	    memcmp(&slot->replay_host, &nobody, sizeof(nobody)) && !lun->fenced_ns)
		lun->fenced_ns = port_now_ns();
}

static enum status lun_ats(struct io_dev *dev, struct io_ats *ats)
{
	struct lun *lun = lun_of(dev);
	uint64_t end_ns = command_end(ats->bytes);
	enum status st;

	lun->counts.ats++;
	note_fence(lun, ats);
	port_world_sleep_ns(end_ns - port_now_ns());
	st = sim_disk_peek(DISK_PATH, ats->offset, ats->seen, ats->bytes);
	ats->written = st == ST_OK && !memcmp(ats->seen, ats->old, ats->bytes);
	return ats->written ? sim_disk_poke(DISK_PATH, ats->offset, ats->new, ats->bytes) : st;
}

static void lun_close(struct io_dev *dev) { (void)dev; }

static const struct io_dev_ops lun_ops = { .submit = lun_submit, .close = lun_close,
					   .ats = lun_ats };

static struct io_dev *lun_open(uint32_t host)
{
	struct lun *lun = &bench.lun[host];

	*lun = (struct lun){ .bench = &bench, .dev = { .ops = &lun_ops, .size_bytes = DISK_BYTES,
						       .block_bytes = SECTOR_BYTES, .writable = 1,
						       .is_device = 1, .zero_is_cheap = 1,
						       .unmap_zeroes = 1 } };
	mem_copy_text(lun->dev.name, sizeof(lun->dev.name), DISK_PATH);
	return &lun->dev;
}

/* ---- short forms ----------------------------------------------------------------------------- */

static int failed(const char *what, enum status st, const struct why *why)
{
	if (st == ST_OK)
		return 0;
	fprintf(stderr, "hosts: %s: %s: %s\n", what, status_text(st), why ? why->text : "");
	bench.bad = 1;
	return 1;
}

static struct store *mount_on(uint32_t host, struct vmfs_volume **vol)
{
	struct vmfs_mount_opts opts = { .write = 1, .join = 1, .cache_bytes = CACHE_BYTES };
	struct io_dev *dev = lun_open(host);
	struct why why = { 0 };

	if (failed("mount", vmfs_mount(&dev, 1, &opts, vol, &why), &why))
		return NULL;
	return vmfs_store(*vol);
}

static int create_file(struct store *s, const char *path)
{
	struct store_file *f;
	struct why why = { 0 };

	return failed(path, s->ops->create(s, path, 0600, &f, &why), &why) ||
	       failed(path, s->ops->file_close(f), NULL);
}

static void format_disk(void)
{
	struct vmfs_mkfs_opts opts = { .label = "ds1" };
	struct why why = { 0 };
	struct vmfs_uuid uuid;
	struct io_dev *dev;

	(void)!port_path_remove(DISK_PATH);
	if (failed("disk", sim_disk_create(DISK_PATH, DISK_BYTES, 1), NULL))
		return;
	bench.free_ns = 0;
	dev = lun_open(0);
	failed("mkfs", vmfs_mkfs(&dev, 1, &opts, &uuid, &why), &why);
}

/* ---- io -------------------------------------------------------------------------------------- */

struct one { struct store *s; uint32_t n; char path[64], to[64]; struct store_file *file; };

static enum status do_create(struct one *o)
{
	struct store_file *f;
	enum status st = o->s->ops->create(o->s, o->path, 0600, &f, NULL);

	return st == ST_OK ? o->s->ops->file_close(f) : st;
}

static enum status do_stat(struct one *o)
{
	struct store_stat st;

	return o->s->ops->stat(o->s, o->path, &st, NULL);
}

static enum status do_open_read(struct one *o)
{
	return o->s->ops->open(o->s, o->path, STORE_READ, &o->file, NULL);
}

static enum status do_open_write(struct one *o)
{
	return o->s->ops->open(o->s, o->path, STORE_WRITE, &o->file, NULL);
}

static enum status do_close(struct one *o) { return o->s->ops->file_close(o->file); }

static enum status do_overwrite(struct one *o)
{
	static uint8_t data[4096];

	return store_write(o->file, 0, data, sizeof(data));
}

static enum status do_rename(struct one *o)
{
	return o->s->ops->rename(o->s, o->path, o->to, 0, NULL);
}

static enum status do_remove(struct one *o) { return o->s->ops->remove(o->s, o->to, NULL); }

struct figure { const char *name, *note; enum status (*fn)(struct one *o); uint32_t count; };

static void row(const char *figure, uint32_t count, const struct counts *n)
{
	double c = count;

	if (bench.json)
		printf("{\"figure\":\"io\",\"operation\":\"%s\",\"reads\":%.2f,\"writes\":%.2f,"
		       "\"ats\":%.2f,\"flushes\":%.2f,\"transfers\":%.2f,\"written_bytes\":%.0f}\n",
		       figure, (double)n->reads / c, (double)n->writes / c, (double)n->ats / c,
		       (double)n->flushes / c,
		       (double)(n->reads + n->writes + n->ats + n->flushes) / c,
		       (double)n->written_bytes / c);
	else
		printf("%-36s %8.2f %8.2f %8.2f %8.2f %8.2f %10.0f\n", figure, (double)n->reads / c,
		       (double)n->writes / c, (double)n->ats / c, (double)n->flushes / c,
		       (double)(n->reads + n->writes + n->ats + n->flushes) / c,
		       (double)n->written_bytes / c);
}

/* `synced`: made durable one by one; else together, behind the last. */
static void measure(struct one *o, const char *name, enum status (*fn)(struct one *o),
		    uint32_t count, int synced)
{
	struct lun *lun = &bench.lun[1];
	enum status st = o->s->ops->sync(o->s);

	lun->counts = (struct counts){ 0 };
	for (uint32_t i = 0; i < count && st == ST_OK; i++) {
		snprintf(o->path, sizeof(o->path), "/d/%s%u", synced ? "s" : "f", i);
		snprintf(o->to, sizeof(o->to), "/d/%s%u.to", synced ? "s" : "f", i);
		st = fn(o);
		if (st == ST_OK && synced > 0)
			st = o->s->ops->sync(o->s);
	}
	if (st == ST_OK && synced == 0)
		st = o->s->ops->sync(o->s);
	if (!failed(name, st, NULL))
		row(name, count, &lun->counts);
}

static void measure_open_file(struct one *o)
{
	enum status st = ST_OK;

	o->n = 0;
	snprintf(o->path, sizeof(o->path), "/d/data");
	if (create_file(o->s, o->path))
		return;
	st = do_open_write(o);
	/* Beyond what lies in a sub-block: as a disk's extent. */
	if (st == ST_OK)
		st = o->s->ops->file_allocate(o->file, 0, 8 * MIB, STORE_ALLOC_EAGER);
	if (st == ST_OK)
		st = do_overwrite(o);
	if (st == ST_OK)
		st = store_flush(o->file);
	if (failed("a file with data", st, NULL))
		return;
	measure(o, "write 4 KiB into an open file", do_overwrite, 100, -1);
	failed("close", do_close(o), NULL);
}

static enum status do_lock_unlock(struct one *o)
{
	enum status st = do_open_write(o);

	return st == ST_OK ? do_close(o) : st;
}

static enum status do_read_close(struct one *o)
{
	enum status st = do_open_read(o);

	return st == ST_OK ? do_close(o) : st;
}

static void io_world(void *arg)
{
	struct vmfs_volume *vol;
	struct one o = { .s = mount_on(1, &vol) };

	(void)arg;
	if (!o.s || failed("mkdir", o.s->ops->mkdir(o.s, "/d", 0755, NULL), NULL))
		return;
	if (!bench.json)
		printf("%-36s %8s %8s %8s %8s %8s %10s\n", "transfers per operation", "reads",
		       "writes", "ATS", "flushes", "all", "bytes out");
	create_file(o.s, "/d/first");
	measure(&o, "create", do_create, FILES, 0);
	measure(&o, "create, each durable", do_create, FILES, 1);
	measure(&o, "stat, cached", do_stat, FILES, 0);
	measure(&o, "open to read and close", do_read_close, FILES, 0);
	measure(&o, "lock: open to write, and close", do_lock_unlock, FILES, 0);
	measure(&o, "lock, each durable", do_lock_unlock, FILES, 1);
	measure_open_file(&o);
	measure(&o, "rename", do_rename, FILES, 0);
	measure(&o, "rename, each durable", do_rename, FILES, 1);
	measure(&o, "remove", do_remove, FILES, 0);
	measure(&o, "remove, each durable", do_remove, FILES, 1);
	failed("unmount", vmfs_unmount(vol), NULL);
}

static void wait_off(uint32_t hosts)
{
	for (uint32_t i = 1; i <= hosts; i++)
		while (sim_host_is_on(i))
			port_world_sleep_ns(SECOND_NS / 100);
}

static void bench_io(void)
{
	format_disk();
	if (!bench.bad && !failed("boot", sim_host_boot(1, io_world, NULL), NULL))
		wait_off(1);
}

/* ---- create ---------------------------------------------------------------------------------- */

static void create_world(void *arg)
{
	uint32_t host = (uint32_t)(uintptr_t)arg;
	struct vmfs_volume *vol;
	struct store *s = mount_on(host, &vol);
	char path[64];

	if (!s)
		return;
	snprintf(path, sizeof(path), "/h%u", host);
	if (!bench.one_directory)
		failed(path, s->ops->mkdir(s, path, 0755, NULL), NULL);
	failed("sync", s->ops->sync(s), NULL);
	bench.ready++;
	while (!bench.go && !bench.bad)
		port_world_sleep_ns(SECOND_NS / 1000);
	for (uint32_t i = 0; i < FILES && !bench.bad; i++) {
		snprintf(path, sizeof(path), "/%s%u/f%u.%u", bench.one_directory ? "d" : "h",
			 bench.one_directory ? 0 : host, host, i);
		create_file(s, path);
	}
	failed("sync", s->ops->sync(s), NULL);
	bench.end_ns = MAX(bench.end_ns, port_now_ns());
	bench.done++;
	/* The others are still at work: an unmount would be in the figure. */
	while (bench.done < bench.hosts && !bench.bad)
		port_world_sleep_ns(SECOND_NS / 100);
	failed("unmount", vmfs_unmount(vol), NULL);
}

static void make_one_directory(void *arg)
{
	struct vmfs_volume *vol;
	struct store *s = mount_on(1, &vol);

	(void)arg;
	if (!s)
		return;
	failed("mkdir", s->ops->mkdir(s, "/d0", 0755, NULL), NULL);
	failed("unmount", vmfs_unmount(vol), NULL);
}

static double creates_a_second(uint32_t hosts, int one_directory)
{
	format_disk();
	bench.hosts = hosts;
	bench.ready = bench.done = 0;
	bench.go = 0;
	bench.one_directory = (uint8_t)one_directory;
	bench.end_ns = 0;
	if (failed("boot", sim_host_boot(1, make_one_directory, NULL), NULL))
		return 0;
	wait_off(1);
	for (uint32_t i = 1; i <= hosts; i++)
		failed("boot", sim_host_boot(i, create_world, (void *)(uintptr_t)i), NULL);
	while (bench.ready < hosts && !bench.bad)
		port_world_sleep_ns(SECOND_NS / 100);
	bench.begin_ns = port_now_ns();
	bench.go = 1;
	wait_off(hosts);
	return bench.bad ? 0 : (double)hosts * FILES * 1e9 /
				   (double)(bench.end_ns - bench.begin_ns);
}

static void bench_create(void)
{
	static const uint32_t hosts[] = { 1, 4, 16, 64 };
	double one[2] = { 0, 0 };

	if (!bench.json)
		printf("%-36s %12s %10s\n", "files made a second", "all hosts", "of linear");
	for (int together = 0; together < 2; together++)
		for (size_t i = 0; i < ARRAY_COUNT(hosts) && !bench.bad; i++) {
			double rate = creates_a_second(hosts[i], together);
			const char *where = together ? "one directory" : "directories of their own";

			one[together] = i ? one[together] : rate;
			if (bench.bad)
				return;
			if (bench.json)
				printf("{\"figure\":\"create\",\"hosts\":%u,\"directories\":\"%s\","
				       "\"files_per_second\":%.0f,\"of_linear\":%.3f}\n", hosts[i],
				       together ? "one" : "own", rate,
				       rate / one[together] / hosts[i]);
			else
				printf("%3u hosts, %-26s %12.0f %10.2f\n", hosts[i], where, rate,
				       rate / one[together] / hosts[i]);
		}
}

/* ---- failover -------------------------------------------------------------------------------- */

static void victim_world(void *arg)
{
	static uint8_t data[64 * 1024];
	struct vmfs_volume *vol;
	struct store *s = mount_on(1, &vol);
	struct store_file *f;
	struct why why = { 0 };

	(void)arg;
	if (!s || failed("create", s->ops->create(s, "/vm.vmdk", 0600, &f, &why), &why) ||
	    failed("sync", s->ops->sync(s), NULL))
		return;
	bench.ready = 1;
	for (uint64_t at = 0;; at += sizeof(data)) {	/* until it dies */
		char path[32];

		snprintf(path, sizeof(path), "/f%llu", (unsigned long long)at);
		if (store_write(f, at % (64 * MIB), data, sizeof(data)) != ST_OK)
			return;
		if (at % (16 * sizeof(data)) == 0)
			create_file(s, path);
		port_world_sleep_ns(SECOND_NS / 200);
	}
}

static void heir_world(void *arg)
{
	struct vmfs_volume *vol;
	struct store *s = mount_on(2, &vol);
	struct store_file *f = NULL;
	enum status st = ST_BUSY;
	struct why why = { 0 };

	(void)arg;
	if (!s)
		return;
	bench.ready = 2;
	while (!bench.go)
		port_world_sleep_ns(SECOND_NS / 1000);
	while (st == ST_BUSY) {
		st = s->ops->open(s, "/vm.vmdk", STORE_WRITE, &f, &why);
		if (st == ST_BUSY)
			port_world_sleep_ns(SECOND_NS / 10);
	}
	bench.end_ns = port_now_ns();
	if (!failed("opening a dead host's file", st, &why))
		failed("close", s->ops->file_close(f), NULL);
	failed("unmount", vmfs_unmount(vol), NULL);
}

static int wait_ready(uint32_t n)
{
	while (bench.ready < n && !bench.bad)
		port_world_sleep_ns(SECOND_NS / 100);
	return bench.bad;
}

/* One death, `late_ns` after the last beat or so. */
static void one_failover(uint64_t late_ns)
{
	double all_s, silence_s;

	format_disk();
	bench.ready = 0;
	bench.go = 0;
	if (failed("boot", sim_host_boot(1, victim_world, NULL), NULL) || wait_ready(1) ||
	    failed("boot", sim_host_boot(2, heir_world, NULL), NULL) || wait_ready(2))
		return;
	port_world_sleep_ns(7 * SECOND_NS + late_ns);
	bench.begin_ns = port_now_ns();
	sim_host_kill(1);
	bench.go = 1;
	wait_off(2);
	if (bench.bad)
		return;
	all_s = (double)(bench.end_ns - bench.begin_ns) / 1e9;
	silence_s = (double)(bench.lun[2].fenced_ns - bench.begin_ns) / 1e9;
	if (bench.json)
		printf("{\"figure\":\"failover\",\"beat_offset_ms\":%llu,\"seconds\":%.3f,"
		       "\"silence_seconds\":%.3f,\"recovery_ms\":%.2f}\n",
		       (unsigned long long)(late_ns / 1000000), all_s, silence_s,
		       (all_s - silence_s) * 1e3);
	else
		printf("death %4llu ms later %26.3f s %10.3f s %10.2f ms\n",
		       (unsigned long long)(late_ns / 1000000), all_s, silence_s,
		       (all_s - silence_s) * 1e3);
}

static void bench_failover(void)
{
	if (!bench.json)
		printf("%-36s %12s %12s %13s\n", "a dead host's file is open elsewhere", "after",
		       "of silence", "of recovery");
	for (uint64_t ms = 0; ms < 3000 && !bench.bad; ms += 600)
		one_failover(ms * 1000000);
}

/* ---- the command line ------------------------------------------------------------------------ */

static const struct { const char *name; void (*fn)(void); } parts[] = {
	{ "io", bench_io }, { "create", bench_create }, { "failover", bench_failover },
};

struct asked { char **name; int count; };

static void main_world(void *arg)
{
	const struct asked *a = arg;

	for (uint32_t i = 0; i < HOSTS_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "host%u", i + 1);
		(void)sim_host_add(name);
	}
	for (size_t k = 0; k < ARRAY_COUNT(parts) && !bench.bad; k++) {
		int wanted = a->count == 0;

		for (int i = 0; i < a->count; i++)
			wanted |= strcmp(a->name[i], parts[k].name) == 0;
		if (wanted)
			parts[k].fn();
	}
}

int main(int argc, char **argv)
{
	struct port_config config = { .seed = 1, .log_level = LOG_ERROR };
	struct why why = { 0 };
	struct asked asked;
	int opt;

	while ((opt = getopt(argc, argv, "js:")) != -1) {
		if (opt == '?') {
			fprintf(stderr, "usage: hosts [-j] [-s SEED] [io|create|failover]...\n");
			return 2;
		}
		if (opt == 'j')
			bench.json = 1;
		else
			config.seed = strtoull(optarg, NULL, 0);
	}
	asked = (struct asked){ argv + optind, argc - optind };
	if (port_run(&config, main_world, &asked, &why) != ST_OK) {
		fprintf(stderr, "hosts: %s\n", why.text);
		return 1;
	}
	return bench.bad;
}
