/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mutate - damaged images: each seed changes some bytes of the metadata of a filled volume, or cuts
 * the image short, and then everything that reads is run over it.
 *
 *   no crash, no hang		the sanitizers and an alarm see to it
 *   no unbounded memory	a limit on what the process may hold
 *   what the damage did not hit still reads, with the right content
 *
 * What a file depends on is known by watching the device: the sectors that are read when the whole
 * volume is mounted, and when this file is opened and read with nothing cached. A mutation hits a
 * file when it changes one of these. MUTATIONS=n sets the number of seeds (40; CAIRN_LONG: 2000),
 * SEED=n the first one. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iopath/base/fmt.h"
#include "iopath/store.h"
#include "vmfs/vmfs.h"
#include "vmfs/vmfs_format.h"

#define VOLUME_5	(800 * MIB)	/* for its 192 descriptors; most is never touched */
#define VOLUME_6	(700 * MIB)
#define FILES_MAX	160u
#define PATCHES_MAX	8u
#define SECONDS_MAX	20u	/* of one seed; usual are milliseconds */
#define DEPTH_MAX	8u
#define VISITS_MAX	4000u
#define READ_MAX	(256 * KIB)

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "hard_rss_limit_mb=1500:allocator_may_return_null=1";
}

/* ---- a device that remembers which sectors were read ----------------------------------------- */

struct image {
	struct io_dev	dev;
	uint8_t		*bytes;
	uint64_t	full_bytes;
	uint8_t		*read;		/* bit per sector; NULL: not watched */
};

static enum status transfer(struct image *m, struct io_req *req)
{
	uint64_t at = req->io.offset, bytes = req->io.bytes;

	if (req->io.op == PORT_FLUSH)
		return ST_OK;
	if (at > m->dev.size_bytes || bytes > m->dev.size_bytes - at)
		return ST_RANGE;
	if (req->io.op != PORT_READ && !m->dev.writable)
		abort();	/* reading wrote */
	if (req->io.op == PORT_WRITE)
		io_req_copy_out(req, 0, m->bytes + at, bytes);
	else if (req->io.op != PORT_READ)
		memset(m->bytes + at, 0, bytes);
	else
		io_req_copy_in(req, 0, m->bytes + at, bytes);
	for (uint64_t s = at / SECTOR_BYTES;
	     m->read && bytes && s <= (at + bytes - 1) / SECTOR_BYTES; s++)
		m->read[s / 8] |= (uint8_t)(1u << (s % 8));
	return ST_OK;
}

static void image_submit(struct io_dev *dev, struct io_req *req)
{
	io_finish_later(req, transfer(container_of(dev, struct image, dev), req));
}

static void image_close(struct io_dev *dev) { (void)dev; }

static const struct io_dev_ops image_ops = { .submit = image_submit, .close = image_close };

static void *must_have(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (!p)
		abort();
	return p;
}

static void image_init(struct image *m, uint64_t bytes)
{
	*m = (struct image){ .full_bytes = bytes, .bytes = must_have(bytes) };
	m->dev = (struct io_dev){ .ops = &image_ops, .size_bytes = bytes, .block_bytes = 512,
				  .writable = 1, .zero_is_cheap = 1, .name = "image" };
}

/* ---- the undamaged volume -------------------------------------------------------------------- */

struct file {
	char		path[64];
	uint64_t	bytes;
	uint32_t	crc;
	uint8_t		*deps;		/* bit per sector */
};

struct bed {
	struct image	m;
	uint32_t	version;
	struct file	file[FILES_MAX];
	uint32_t	files;
	uint8_t		*mount_deps;
	uint32_t	*target;	/* sectors that hold metadata */
	uint32_t	targets;
	uint8_t		*buf;		/* READ_MAX */
};

static void must(enum status st, const char *what, const struct why *why)
{
	if (st == ST_OK)
		return;
	printf("%s: %s: %s\n", what, status_word(st), why->text);
	exit(1);
}

static void add(struct bed *b, struct store *s, const char *path, uint64_t at, uint64_t bytes)
{
	struct why why = { 0 };
	struct store_file *f;

	for (uint64_t i = 0; i < READ_MAX; i++)
		b->buf[i] = (uint8_t)(i * 7 + b->files);
	must(s->ops->create(s, path, 0644, &f, &why), path, &why);
	for (uint64_t done = 0; done < bytes; done += MIN(bytes - done, READ_MAX))
		must(store_write(f, at + done, b->buf, MIN(bytes - done, READ_MAX)), path, &why);
	must(s->ops->file_close(f), path, &why);
	mem_copy_text(b->file[b->files].path, sizeof(b->file[0].path), path);
	b->file[b->files++].bytes = at + bytes;
}

/* Every way to lay out a file, in a tree, and a directory of many entries. */
static void fill(struct bed *b, struct store *s)
{
	static const uint64_t sizes[] = { 0, 700, 1024, 1025, 8000, 8192, 9000, MIB, 3 * MIB };
	struct why why = { 0 };
	char path[64];

	for (uint32_t d = 0; d < 3; d++) {
		fmt(path, sizeof(path), "%s%s", d ? "/a" : "/b", d == 2 ? "/c" : "");
		must(s->ops->mkdir(s, path, 0755, &why), path, &why);
	}
	for (uint32_t i = 0; i < 3 * ARRAY_COUNT(sizes); i++) {
		fmt(path, sizeof(path), "%s/f%u",
		    i % 3 == 0 ? "/b" : i % 3 == 1 ? "/a" : "/a/c", i);
		add(b, s, path, 0, sizes[i / 3] > MIB ? MIB + i * KIB : sizes[i / 3]);
	}
	add(b, s, "/b/pointers", 300 * MIB, 64 * KIB);
	add(b, s, "/a/double", 3000 * GIB, 64 * KIB);
	must(s->ops->mkdir(s, "/many", 0755, &why), "/many", &why);
	for (uint32_t i = 0; i < 100; i++) {
		fmt(path, sizeof(path), "/many/a-name-of-some-length-%u", i);
		add(b, s, path, 0, i % 4 ? 300 : 3000);
	}
	must(s->ops->symlink(s, "f0", "/b/link", &why), "/b/link", &why);
}

static uint64_t heartbeat_bytes(const struct bed *b) { return b->version == 6 ? 4 * MIB : MIB; }

static void build(struct bed *b, uint64_t bytes)
{
	struct io_dev *dev = &b->m.dev;
	struct vmfs_mkfs_opts mkfs = { .label = "mutate", .version = b->version,
				       .now_us = 1600000000000000ull,
				       .fs_uuid = { { 1 } }, .lv_uuid = { { 2 } },
				       .dev_uuid = { { 3 } }, .host_uuid = { { 4 } } };
	struct vmfs_mount_opts opts = { .write = 1 };
	struct vmfs_volume *vol;
	struct vmfs_uuid uuid;
	struct why why = { 0 };

	image_init(&b->m, bytes);
	b->buf = must_have(READ_MAX);
	must(vmfs_mkfs(&dev, 1, &mkfs, &uuid, &why), "mkfs", &why);
	must(vmfs_mount(&dev, 1, &opts, &vol, &why), "mount", &why);
	fill(b, vmfs_store(vol));
	must(vmfs_unmount(vol), "unmount", &why);
	b->m.dev.writable = 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The file, but of a sparse one only what is there: its map says where that is. Of a system file,
 * some of which are 256 MiB of zeros, the beginning. */
static enum status read_file(struct bed *b, struct store *s, const char *path, uint64_t *bytes,
			     uint32_t *crc)
{
	struct store_file *f;
	struct store_stat st = { 0 };
	enum status r = s->ops->open(s, path, STORE_READ, &f, NULL);
	uint32_t steps = 0;

	if (r != ST_OK)
		return r;
	*crc = 0;
	r = s->ops->file_stat(f, &st);
	*bytes = st.size_bytes;
	if (st.kind == STORE_SYSTEM)
		st.size_bytes = MIN(st.size_bytes, 4 * MIB);
	for (uint64_t at = 0; r == ST_OK && at < st.size_bytes && steps < 4000; steps++) {
		struct store_run run;
		uint64_t n;

		r = s->ops->file_map(f, at, &run);
		if (r != ST_OK)
			break;
		n = run.bytes;
		if (run.kind == STORE_RUN_DATA) {
			n = MIN(n, READ_MAX);
			r = store_read(f, at, b->buf, n);
			*crc = port_accel()->crc32c(*crc, b->buf, n);
		}
		at += n;
	}
	if (s->ops->file_close(f) != ST_OK && r == ST_OK)
		r = ST_DEVICE;
	return r;
}

static enum status mount(struct bed *b, struct vmfs_volume **vol)
{
	struct io_dev *dev = &b->m.dev;
	struct vmfs_mount_opts opts = { .write = 0 };
	struct why why = { 0 };

	return vmfs_mount(&dev, 1, &opts, vol, &why);
}

static uint8_t *watch(struct bed *b)
{
	b->m.read = must_have(b->m.full_bytes / SECTOR_BYTES / 8 + 1);
	return b->m.read;
}

/* The slots are looked at, but nothing depends on them. */
static void forget_heartbeats(const struct bed *b, uint8_t *deps)
{
	uint64_t first = (LVM_DATA_AT + VMFS_HB_AT) / SECTOR_BYTES;

	memset(deps + first / 8, 0, heartbeat_bytes(b) / SECTOR_BYTES / 8);
}

static void learn(struct bed *b)
{
	struct vmfs_volume *vol;
	struct why why = { 0 };
	uint64_t bytes;

	b->mount_deps = watch(b);
	must(mount(b, &vol), "mount", &why);
	must(vmfs_unmount(vol), "unmount", &why);
	forget_heartbeats(b, b->mount_deps);
	for (uint32_t i = 0; i < b->files; i++) {
		struct file *f = &b->file[i];

		b->m.read = NULL;
		must(mount(b, &vol), "mount", &why);
		f->deps = watch(b);
		must(read_file(b, vmfs_store(vol), f->path, &bytes, &f->crc), f->path, &why);
		if (bytes != f->bytes)
			must(ST_CORRUPT, f->path, &why);
		must(vmfs_unmount(vol), "unmount", &why);
		forget_heartbeats(b, f->deps);
	}
	b->m.read = NULL;
}

/* The system's files come first. */
static uint64_t metadata_bytes(const struct bed *b) { return (b->version == 6 ? 480 : 24) * MIB; }

static int has(const uint8_t *bits, uint64_t sector)
{
	return bits[sector / 8] >> (sector % 8) & 1;
}

/* Metadata is what lies before the first sector of the largest file's data. */
static void find_targets(struct bed *b)
{
	uint64_t sectors = b->m.full_bytes / SECTOR_BYTES;
	static const uint8_t zeros[SECTOR_BYTES];

	b->target = must_have(sectors * sizeof(b->target[0]));
	for (uint64_t s = 0; s < sectors; s++) {
		uint64_t slot = (LVM_DATA_AT + VMFS_HB_AT) / SECTOR_BYTES;
		int beats = s >= slot + 16 && s < slot + heartbeat_bytes(b) / SECTOR_BYTES;

		/* A few slots stand for all of them. */
		if (!beats && memcmp(b->m.bytes + s * SECTOR_BYTES, zeros, SECTOR_BYTES) &&
		    s * SECTOR_BYTES < LVM_DATA_AT + metadata_bytes(b))
			b->target[b->targets++] = (uint32_t)s;
	}
}

/* ---- damage ---------------------------------------------------------------------------------- */

struct rnd { uint64_t x; };

static uint64_t rnd(struct rnd *r, uint64_t below)
{
	r->x = r->x * 6364136223846793005ull + 1442695040888963407ull;
	return (r->x >> 20) % below;
}

struct damage {
	struct { uint64_t at; uint32_t bytes; uint8_t old[4096]; } patch[PATCHES_MAX];
	uint32_t patches;
	uint64_t cut;		/* length of the image; 0: all of it */
};

static void put(struct bed *b, struct damage *d, uint64_t at, const uint8_t *bytes, uint32_t n)
{
	if (d->patches == PATCHES_MAX || at + n > b->m.full_bytes)
		return;
	d->patch[d->patches].at = at;
	d->patch[d->patches].bytes = n;
	memcpy(d->patch[d->patches++].old, b->m.bytes + at, n);
	memcpy(b->m.bytes + at, bytes, n);
}

/* Numbers that parsers get wrong. */
static uint64_t odd_number(struct rnd *r)
{
	static const uint64_t odd[] = {
		0, 1, 2, 3, 0x7f, 0xff, 0x100, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x10d0,
		0x10d1, 1ull << 40, 1ull << 63, ~0ull
	};

	return rnd(r, 3) ? odd[rnd(r, ARRAY_COUNT(odd))] : rnd(r, ~0ull >> 20);
}

static void mutate_one(struct bed *b, struct damage *d, struct rnd *r)
{
	uint64_t at = (uint64_t)b->target[rnd(r, b->targets)] * SECTOR_BYTES;
	uint8_t bytes[4096];
	uint64_t v = odd_number(r);
	uint32_t n = (uint32_t)(1 + rnd(r, 8));

	switch (rnd(r, 6)) {
	case 0:		/* a whole sector from somewhere else: a write that went astray */
		memcpy(bytes, b->m.bytes + (uint64_t)b->target[rnd(r, b->targets)] * SECTOR_BYTES,
		       SECTOR_BYTES);
		put(b, d, at, bytes, SECTOR_BYTES);
		return;
	case 1:		/* a page of zeros, or of noise: lost, or never written */
		for (uint32_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(v & 1 ? rnd(r, 256) : 0);
		put(b, d, at - at % sizeof(bytes), bytes, sizeof(bytes));
		return;
	case 2:		/* one bit */
		at += rnd(r, SECTOR_BYTES);
		bytes[0] = (uint8_t)(b->m.bytes[at] ^ (1u << rnd(r, 8)));
		put(b, d, at, bytes, 1);
		return;
	default:	/* a field, most of them in the first bytes of their sector */
		memcpy(bytes, &v, 8);
		put(b, d, at + rnd(r, rnd(r, 2) ? 128 : SECTOR_BYTES - 8), bytes, n);
	}
}

static void mutate(struct bed *b, struct damage *d, struct rnd *r)
{
	*d = (struct damage){ .cut = 0 };
	if (rnd(r, 8) == 0) {
		d->cut = rnd(r, 3) ? LVM_DATA_AT + rnd(r, metadata_bytes(b))
				   : rnd(r, b->m.full_bytes);
		b->m.dev.size_bytes = d->cut;
		return;
	}
	for (uint64_t n = 1 + rnd(r, PATCHES_MAX); n > 0; n--)
		mutate_one(b, d, r);
}

static void undo(struct bed *b, struct damage *d)
{
	while (d->patches) {
		d->patches--;
		memcpy(b->m.bytes + d->patch[d->patches].at, d->patch[d->patches].old,
		       d->patch[d->patches].bytes);
	}
	b->m.dev.size_bytes = b->m.full_bytes;
}

static int hits(const struct bed *b, const struct damage *d, const uint8_t *deps)
{
	for (uint32_t i = 0; i < d->patches; i++)
		for (uint64_t s = d->patch[i].at / SECTOR_BYTES;
		     s <= (d->patch[i].at + d->patch[i].bytes - 1) / SECTOR_BYTES; s++)
			if (has(deps, s))
				return 1;
	for (uint64_t s = d->cut / SECTOR_BYTES; d->cut && s < b->m.full_bytes / SECTOR_BYTES; s++)
		if (has(deps, s))
			return 1;
	return 0;
}

/* ---- one seed -------------------------------------------------------------------------------- */

struct walk { struct bed *b; struct store *s; char path[1024]; uint32_t depth, visits; };

static int visit(void *arg, const char *name, const struct store_stat *st)
{
	struct walk *w = arg;
	size_t n = strlen(w->path);
	char target[256];

	if (w->visits++ >= VISITS_MAX || n + strlen(name) + 2 > sizeof(w->path))
		return 1;
	fmt(w->path + n, sizeof(w->path) - n, "/%s", name);
	if (st->kind == STORE_DIR && w->depth < DEPTH_MAX) {
		w->depth++;
		(void)!w->s->ops->list(w->s, w->path, visit, w, NULL);
		w->depth--;
	} else if (st->kind == STORE_SYMLINK) {
		(void)!w->s->ops->readlink(w->s, w->path, target, sizeof(target));
	} else {
		uint64_t bytes;
		uint32_t crc;

		(void)!read_file(w->b, w->s, w->path, &bytes, &crc);
	}
	w->path[n] = 0;
	return 0;
}

/* All that reads, whatever it says. */
static void run_everything(struct bed *b, struct vmfs_volume *vol)
{
	struct walk w = { .b = b, .s = vmfs_store(vol) };
	struct vmfs_info *info = must_have(sizeof(*info));
	struct vmfs_file_meta meta;
	struct store_space space;

	(void)!w.s->ops->list(w.s, "/", visit, &w, NULL);
	(void)!vmfs_info(vol, info, NULL);
	(void)!w.s->ops->space(w.s, &space);
	(void)!vmfs_file_meta(vol, "/b/f0", &meta, NULL);
	(void)!vmfs_read_verdict(vol, NULL);
	free(info);
}

static volatile uint64_t seed_now;

struct tally { uint32_t seeds, unmountable, untouched, touched, lost, failures; };

static void judge(struct bed *b, const struct damage *d, struct vmfs_volume *vol, uint64_t seed,
		  struct tally *t)
{
	int global = hits(b, d, b->mount_deps);

	for (uint32_t i = 0; i < b->files; i++) {
		const struct file *f = &b->file[i];
		uint64_t bytes = 0;
		uint32_t crc = 0;
		enum status st = read_file(b, vmfs_store(vol), f->path, &bytes, &crc);
		int good = st == ST_OK && bytes == f->bytes && crc == f->crc;

		if (global || hits(b, d, f->deps)) {
			t->touched++;
			t->lost += !good;
			continue;
		}
		t->untouched++;
		if (good)
			continue;
		t->failures++;
		printf("FAILED  seed %llu: %s was not hit, but: %s, %llu bytes, crc %08x\n",
		       (unsigned long long)seed, f->path, status_word(st),
		       (unsigned long long)bytes, crc);
	}
}

static void take_finding(void *arg, const struct vmfs_finding *finding)
{
	(void)arg;
	(void)finding;
}

static void one_seed(struct bed *b, uint64_t seed, struct tally *t)
{
	struct rnd r = { seed * 0x9E3779B97F4A7C15ull + 1 };
	struct io_dev *dev = &b->m.dev;
	struct vmfs_check_opts check = { .finding = take_finding };
	struct vmfs_check_result result;
	struct vmfs_volume *vol;
	struct damage d;
	enum status st;

	seed_now = seed;
	alarm(SECONDS_MAX);
	mutate(b, &d, &r);
	st = mount(b, &vol);
	if (st == ST_OK) {
		judge(b, &d, vol, seed, t);
		run_everything(b, vol);
		must(vmfs_unmount(vol), "unmount", &(struct why){ 0 });
	} else {
		t->unmountable++;
		if (!hits(b, &d, b->mount_deps)) {
			t->failures++;
			printf("FAILED  seed %llu: %s, but nothing that a mount needs was hit\n",
			       (unsigned long long)seed, status_word(st));
		}
	}
	(void)!vmfs_check(&dev, 1, &check, &result, NULL);
	undo(b, &d);
	alarm(0);
	t->seeds++;
}

/* ---- main ------------------------------------------------------------------------------------ */

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

struct run { uint32_t failures, cases; };

static void run_version(struct run *run, uint32_t version, uint64_t bytes)
{
	uint64_t count = number("MUTATIONS", getenv("CAIRN_LONG") ? 2000 : 40);
	uint64_t first = number("SEED", 1);
	struct bed *b = must_have(sizeof(*b));
	struct tally t = { 0 };

	b->version = version;
	build(b, bytes);
	learn(b);
	find_targets(b);
	for (uint64_t seed = first; seed < first + count; seed++)
		one_seed(b, seed, &t);
	printf("VMFS-%u: %u seeds on %u sectors of metadata: %u not mountable; files not hit %u, "
	       "all read right; hit %u, of which %u lost; %u failures\n",
	       version, t.seeds, b->targets, t.unmountable, t.untouched, t.touched, t.lost,
	       t.failures);
	run->failures += t.failures != 0;
	run->cases++;
	for (uint32_t i = 0; i < b->files; i++)
		free(b->file[i].deps);
	free(b->mount_deps);
	free(b->target);
	free(b->m.bytes);
	free(b->buf);
	free(b);
}

static void run_world(void *arg)
{
	run_version(arg, 5, VOLUME_5);
	run_version(arg, 6, VOLUME_6);
}

/* Names the seed of a hang or a crash. */
static void on_signal(int number_of_signal)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "FAILED  seed %llu: signal %d\n",
			 (unsigned long long)seed_now, number_of_signal);

	(void)!write(STDOUT_FILENO, text, (size_t)n);
	_exit(1);
}

int main(void)
{
	struct port_config config = { .seed = 1, .log_level = LOG_ERROR };
	struct run run = { 0 };
	struct why why = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGALRM, on_signal);
	signal(SIGABRT, on_signal);
	stderr = fopen("/dev/null", "w");	/* thousands of lines about damage */
	if (port_run(&config, run_world, &run, &why) != ST_OK) {
		printf("%s\n", why.text);
		return 1;
	}
	printf("#RESULT %u %u 0\n", run.cases - run.failures, run.failures);
	return run.failures != 0;
}
