/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Reading beside a host that writes. Both are mounts of this process; the simulator lets them take
 * turns at every transfer: each seed is another interleaving of their I/O. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/vmfs_priv.h"

#define VOLUME_BYTES	(320 * MIB)
#define DATA_AT		LVM_DATA_AT	/* of volume offset 0 on this disk */
#define SECOND		1000000000ull
#define NAMES		12u
#define PIECE		(64 * KIB)

static enum status check(struct store_file *f, struct why *why)
{
	*why = (struct why){ 0 };
	return f->store->ops->file_check(f, why);
}

/* ---- who is there ---------------------------------------------------------------------------- */

static int take_host(void *arg, const struct vmfs_host_slot *h)
{
	*(struct vmfs_host_slot *)arg = *h;
	return 0;
}

static void test_idle_volume_needs_no_second_look(void)
{
	struct vol v;
	struct store_stat st;
	uint64_t writes;

	vol_format(VOLUME_BYTES);
	writes = sim_write_count();
	vol_mount(&v, 0);
	CU_ASSERT_EQUAL(v.s->ops->stat(v.s, "/", &st, &v.why), ST_OK);
	CU_ASSERT_EQUAL(v.volume->live.on, 0);
	CU_ASSERT_EQUAL(vmfs_read_verdict(v.volume, &v.why), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(sim_write_count(), writes);
}

/* A beating host is told alive within a beat, a silent one after a lease, none before. */
static void test_life_is_told_by_watching(void)
{
	struct vmfs_host_slot h = { 0 };
	struct vol w, r;

	vol_format(VOLUME_BYTES);
	vol_mount(&w, 1);
	vol_mount(&r, 0);
	CU_ASSERT_EQUAL(r.volume->live.on, 1);
	CU_ASSERT_EQUAL(vmfs_hosts(r.volume, take_host, &h), ST_OK);
	CU_ASSERT(h.slot_at && !h.moved && !h.silent);
	CU_ASSERT_EQUAL(vmfs_hosts_watch(r.volume, 4 * SECOND), ST_OK);
	CU_ASSERT_EQUAL(vmfs_hosts(r.volume, take_host, &h), ST_OK);
	CU_ASSERT(h.moved && !h.silent && h.still_ns < SECOND);
	vmfs_beat_stop(w.volume);
	port_world_sleep_ns(VMFS_LEASE_NS + 2 * VMFS_BEAT_NS);
	CU_ASSERT_EQUAL(vmfs_hosts_watch(r.volume, 0), ST_OK);
	CU_ASSERT_EQUAL(vmfs_hosts(r.volume, take_host, &h), ST_OK);
	CU_ASSERT(h.silent);
	CU_ASSERT_EQUAL(vol_unmount(&r), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&w), ST_LOST);
}

/* The caller knows that the image is old: nobody is alive, and nobody has to wait for that. */
static void test_quiet_device_has_no_live_host(void)
{
	struct vmfs_mount_opts opts = { .quiet_ns = 60 * SECOND };
	struct vmfs_host_slot h = { 0 };
	struct vol w;
	struct vmfs_volume *r;

	vol_format(VOLUME_BYTES);
	vol_mount(&w, 1);
	CU_ASSERT_EQUAL_FATAL(vmfs_mount(&w.dev, 1, &opts, &r, &w.why), ST_OK);
	CU_ASSERT_EQUAL(vmfs_hosts(r, take_host, &h), ST_OK);
	CU_ASSERT(h.silent);
	CU_ASSERT_EQUAL(vmfs_unmount(r), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&w), ST_OK);
}

/* A host comes between two looks: what was read in that second is called in doubt. */
static void test_arrival_is_not_missed(void)
{
	struct store_stat st;
	struct vol w, r;

	vol_format(VOLUME_BYTES);
	vol_mount(&r, 0);
	CU_ASSERT_EQUAL(r.s->ops->stat(r.s, "/", &st, &r.why), ST_OK);
	vol_mount(&w, 1);
	CU_ASSERT_EQUAL(vmfs_read_verdict(r.volume, &r.why), ST_BUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.why.text, "began to use the volume"));
	CU_ASSERT_EQUAL(vol_unmount(&w), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&r), ST_OK);
}

/* ---- files that are open elsewhere ----------------------------------------------------------- */

static void fill(struct vol *v, const char *path, uint64_t bytes, uint32_t stamp)
{
	uint32_t *buf = port_alloc(bytes);
	struct store_file *f;

	for (uint64_t i = 0; i < bytes / 4; i++)
		buf[i] = stamp;
	f = vol_create(v, path);
	CU_ASSERT_EQUAL(store_write(f, 0, buf, bytes), ST_OK);
	vol_close(v, f);
	port_free(buf);
	CU_ASSERT_EQUAL(v->s->ops->sync(v->s), ST_OK);
}

/* It comes and goes between two looks: the slots are as free as before, and still it is noticed. */
static void test_visit_is_not_missed(void)
{
	struct store_file *wf, *rf;
	struct vol w, r;
	struct why why;
	uint32_t word = 0;

	vol_format(VOLUME_BYTES);
	vol_mount(&w, 1);
	fill(&w, "/f", 3 * MIB, 1);
	CU_ASSERT_EQUAL(vol_unmount(&w), ST_OK);
	vol_mount(&r, 0);
	rf = vol_open(&r, "/f", STORE_READ);
	CU_ASSERT_EQUAL(store_read(rf, 0, &word, 4), ST_OK);
	CU_ASSERT_EQUAL(check(rf, &why), ST_OK);
	CU_ASSERT_EQUAL(r.volume->live.on, 0);
	vol_mount(&w, 1);
	wf = vol_open(&w, "/f", STORE_WRITE);
	word = 2;
	CU_ASSERT_EQUAL(store_write(wf, 0, &word, 4), ST_OK);
	vol_close(&w, wf);
	CU_ASSERT_EQUAL(vol_unmount(&w), ST_OK);
	port_world_sleep_ns(2 * SECOND);
	CU_ASSERT_EQUAL(check(rf, &why), ST_BUSY);
	CU_ASSERT_EQUAL(store_read(rf, 0, &word, 4), ST_OK);
	CU_ASSERT_EQUAL(word, 2);
	CU_ASSERT_EQUAL(check(rf, &why), ST_OK);
	vol_close(&r, rf);
	CU_ASSERT_EQUAL(vol_unmount(&r), ST_OK);
}

static void test_open_file_is_named(void)
{
	struct store_file *wf, *rf;
	struct vmfs_lock_disk free_lock, held;
	const struct vmfs_fd *fd;
	struct vol w, r;
	struct why why;
	char byte;

	vol_format(VOLUME_BYTES);
	vol_mount(&w, 1);
	fill(&w, "/f", 3 * MIB, 1);
	vol_mount(&r, 0);
	rf = vol_open(&r, "/f", STORE_READ);
	fd = &container_of(rf, struct vmfs_file, base)->node->fd;
	CU_ASSERT_EQUAL_FATAL(vmfs_fd_lock(r.volume, fd, &free_lock), ST_OK);
	CU_ASSERT_EQUAL(le32_get(free_lock.mode), VMFS_LOCK_FREE);
	CU_ASSERT_EQUAL(check(rf, &why), ST_OK);
	wf = vol_open(&w, "/f", STORE_WRITE);
	CU_ASSERT_EQUAL(check(rf, &why), ST_BUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "open for writing on host"));
	CU_ASSERT_EQUAL_FATAL(vmfs_fd_lock(r.volume, fd, &held), ST_OK);
	CU_ASSERT_EQUAL(le32_get(held.mode), VMFS_LOCK_EXCLUSIVE);
	CU_ASSERT_EQUAL(le64_get(held.token), le64_get(free_lock.token) + 1);
	CU_ASSERT_EQUAL(le64_get(held.hb_at), w.volume->beat.at);
	vol_close(&w, wf);
	CU_ASSERT_EQUAL(w.s->ops->sync(w.s), ST_OK);
	CU_ASSERT_EQUAL(check(rf, &why), ST_OK);
	/* Read, then changed although it is free again: the token says so. */
	CU_ASSERT_EQUAL(store_read(rf, 0, &byte, 1), ST_OK);
	wf = vol_open(&w, "/f", STORE_WRITE);
	CU_ASSERT_EQUAL(store_write(wf, 0, "x", 1), ST_OK);
	vol_close(&w, wf);
	CU_ASSERT_EQUAL(w.s->ops->sync(w.s), ST_OK);
	CU_ASSERT_EQUAL(check(rf, &why), ST_BUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "changes while it is read"));
	CU_ASSERT_EQUAL(check(rf, &why), ST_OK);
	vol_close(&r, rf);
	CU_ASSERT_EQUAL(vmfs_read_verdict(r.volume, &why), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&r), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&w), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* Who reads an open file without asking is told at the end. */
static void test_verdict_without_asking(void)
{
	struct store_file *wf, *rf;
	struct vol w, r;
	char byte;

	vol_format(VOLUME_BYTES);
	vol_mount(&w, 1);
	fill(&w, "/f", 3 * MIB, 1);
	wf = vol_open(&w, "/f", STORE_WRITE);
	vol_mount(&r, 0);
	rf = vol_open(&r, "/f", STORE_READ);
	CU_ASSERT_EQUAL(store_read(rf, 0, &byte, 1), ST_OK);
	vol_close(&r, rf);
	CU_ASSERT_EQUAL(vmfs_read_verdict(r.volume, &r.why), ST_BUSY);
	CU_ASSERT_EQUAL(vol_unmount(&r), ST_OK);
	vol_close(&w, wf);
	CU_ASSERT_EQUAL(vol_unmount(&w), ST_OK);
}

static void test_removed_file_is_not_another_one(void)
{
	struct store_file *rf;
	struct vol w, r;
	struct why why;
	char byte;

	vol_format(VOLUME_BYTES);
	vol_mount(&w, 1);
	fill(&w, "/f", 3 * MIB, 1);
	vol_mount(&r, 0);
	rf = vol_open(&r, "/f", STORE_READ);
	CU_ASSERT_EQUAL(store_read(rf, 0, &byte, 1), ST_OK);
	CU_ASSERT_EQUAL(vol_remove(&w, "/f"), ST_OK);
	CU_ASSERT_EQUAL(w.s->ops->sync(w.s), ST_OK);
	fill(&w, "/g", 3 * MIB, 2);	/* in the same descriptor and blocks */
	CU_ASSERT_NOT_EQUAL(store_read(rf, 0, &byte, 1), ST_OK);
	CU_ASSERT_NOT_EQUAL(check(rf, &why), ST_OK);
	vol_close(&r, rf);
	CU_ASSERT_EQUAL(vol_unmount(&r), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&w), ST_OK);
}

/* A directory whose lock is held is not believed at once; one that stays so is. */
static void test_held_directory_is_waited_for(void)
{
	struct vmfs_hb_disk s;
	struct vmfs_lock_disk l;
	struct store_stat st;
	uint64_t start, root_at;
	struct vol r;

	vol_format(VOLUME_BYTES);
	vol_mount(&r, 0);
	root_at = vmfs_layout_addr_at(&r.volume->layout, VMFS_FD_ROOT);
	CU_ASSERT_EQUAL(vol_unmount(&r), ST_OK);
	CU_ASSERT_EQUAL(sim_disk_peek(DISK, DATA_AT + VMFS_HB_AT, &s, sizeof(s)), ST_OK);
	le32_set(&s.state, VMFS_HB_USED);
	le64_set(&s.gen, 7);
	CU_ASSERT_EQUAL(sim_disk_poke(DISK, DATA_AT + VMFS_HB_AT, &s, sizeof(s)), ST_OK);
	CU_ASSERT_EQUAL(sim_disk_peek(DISK, DATA_AT + root_at, &l, sizeof(l)), ST_OK);
	le32_set(&l.mode, VMFS_LOCK_EXCLUSIVE);
	le64_set(&l.hb_at, VMFS_HB_AT);
	le64_set(&l.hb_gen, 7);
	CU_ASSERT_EQUAL(sim_disk_poke(DISK, DATA_AT + root_at, &l, sizeof(l)), ST_OK);
	vol_mount(&r, 0);
	start = port_now_ns();
	CU_ASSERT_EQUAL(r.s->ops->stat(r.s, "/.fbb.sf", &st, &r.why), ST_OK);
	CU_ASSERT(port_now_ns() - start >= 2 * SECOND);
	start = port_now_ns();	/* known by now */
	CU_ASSERT_EQUAL(r.s->ops->stat(r.s, "/.fbb.sf", &st, &r.why), ST_OK);
	CU_ASSERT(port_now_ns() - start < SECOND);
	CU_ASSERT_EQUAL(vol_unmount(&r), ST_OK);
}

/* ---- interleavings --------------------------------------------------------------------------- */

struct play { struct vol w; struct rnd rnd; int stop, stopped; uint32_t stamp; };

static void name_of(char *path, size_t size, const char *dir, uint32_t i)
{
	fmt(path, size, "%s/file%u", dir, i);
}

/* Rewrites files in place, each time all of it with one stamp; sometimes makes one anew. */
static void rewrite(struct play *p, const char *path, uint64_t bytes)
{
	uint32_t *buf = port_alloc(PIECE), stamp = ++p->stamp;
	struct store_file *f = NULL;
	int anew = rnd(&p->rnd, 3) == 0;

	for (uint64_t i = 0; i < PIECE / 4; i++)
		buf[i] = stamp;
	if (anew)
		CU_ASSERT_EQUAL(vol_remove(&p->w, path), ST_OK);
	f = anew ? vol_create(&p->w, path) : vol_open(&p->w, path, STORE_WRITE);
	for (uint64_t at = 0; at < bytes; at += PIECE)
		CU_ASSERT_EQUAL(store_write(f, at, buf, PIECE), ST_OK);
	vol_close(&p->w, f);
	port_free(buf);
	if (rnd(&p->rnd, 2))
		CU_ASSERT_EQUAL(p->w.s->ops->sync(p->w.s), ST_OK);
	port_world_sleep_ns(rnd(&p->rnd, 40) * 1000000ull);
}

static void writer(void *arg)
{
	struct play *p = arg;
	char path[32];

	while (!p->stop) {
		name_of(path, sizeof(path), "/d", rnd(&p->rnd, NAMES));
		rewrite(p, path, 2 * MIB);
	}
	p->stopped = 1;
}

/* 1: all of one stamp. */
static int read_whole(struct store_file *f, uint64_t bytes, enum status *st)
{
	uint32_t *buf = port_alloc(PIECE), first = 0;
	int same = 1;

	*st = ST_OK;
	for (uint64_t at = 0; at < bytes && *st == ST_OK; at += PIECE) {
		*st = store_read(f, at, buf, PIECE);
		first = at ? first : buf[0];
		for (uint64_t i = 0; i < PIECE / 4; i++)
			same &= buf[i] == first;
	}
	port_free(buf);
	return same;
}

struct tries { uint32_t good, refused; };

static void read_one(struct vol *r, const char *path, struct tries *t)
{
	struct store_file *f;
	struct store_stat st;
	struct why why = { 0 };
	enum status read = ST_OK, verdict = r->s->ops->open(r->s, path, STORE_READ, &f, &why);
	int same = 0;

	if (verdict == ST_OK) {
		verdict = f->store->ops->file_stat(f, &st);
		if (verdict == ST_OK)
			same = read_whole(f, st.size_bytes, &read);
		if (verdict == ST_OK)
			verdict = check(f, &why);
		verdict = verdict == ST_OK ? read : verdict;
		vol_close(r, f);
	}
	if (verdict == ST_OK)
		CU_ASSERT(same && st.size_bytes == 2 * MIB);
	/* ST_NOENT: between remove and create, a state that was. */
	CU_ASSERT(verdict == ST_OK || verdict == ST_BUSY || verdict == ST_NOENT);
	t->good += verdict == ST_OK;
	t->refused += verdict != ST_OK;
}

/* Whatever is called good is of one moment, in every interleaving; and both ends happen. */
static void test_no_torn_file_is_called_good(void)
{
	struct tries t = { 0 };

	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct play p = { .rnd = { seed } };
		struct rnd mine = { seed * 77 };
		char path[32];
		struct vol r;

		vol_format(VOLUME_BYTES);
		vol_mount(&p.w, 1);
		CU_ASSERT_EQUAL(p.w.s->ops->mkdir(p.w.s, "/d", 0755, NULL), ST_OK);
		for (uint32_t i = 0; i < NAMES; i++) {
			name_of(path, sizeof(path), "/d", i);
			fill(&p.w, path, 2 * MIB, 0);
		}
		vol_mount(&r, 0);
		CU_ASSERT_PTR_NOT_NULL(port_world_start("writer", writer, &p));
		for (uint32_t i = 0; i < 60; i++) {
			name_of(path, sizeof(path), "/d", rnd(&mine, NAMES));
			read_one(&r, path, &t);
			port_world_sleep_ns(rnd(&mine, 15) * 1000000ull);
		}
		p.stop = 1;
		while (!p.stopped)
			port_world_sleep_ns(1000000);
		CU_ASSERT_EQUAL(vol_unmount(&r), ST_OK);
		CU_ASSERT_EQUAL(vol_unmount(&p.w), ST_OK);
	}
	printf(" %u good, %u refused;", t.good, t.refused);
	CU_ASSERT(t.good > 10 && t.refused > 10);
}

/* The writer makes a directory and removes the one it made seven steps ago, all in one group, and
 * moves a file between directories. A listing that saw half of a group would show eight of them, or
 * a name whose descriptor is not there yet or no more. */
static void mover(void *arg)
{
	struct play *p = arg;
	uint32_t at = 0, n = 0;

	while (!p->stop) {
		char from[40], to[40];
		uint32_t next = rnd(&p->rnd, 4);

		fmt(from, sizeof(from), "/d%u/token", at);
		fmt(to, sizeof(to), "/d%u/token", next);
		if (next != at)
			CU_ASSERT_EQUAL(p->w.s->ops->rename(p->w.s, from, to, 0, NULL), ST_OK);
		at = next;
		fmt(from, sizeof(from), "/d0/pair%u", n++);
		CU_ASSERT_EQUAL(p->w.s->ops->mkdir(p->w.s, from, 0755, NULL), ST_OK);
		if (n > 6) {
			fmt(from, sizeof(from), "/d0/pair%u", n - 7);
			CU_ASSERT_EQUAL(vol_remove(&p->w, from), ST_OK);
		}
		CU_ASSERT_EQUAL(p->w.s->ops->sync(p->w.s), ST_OK);
		port_world_sleep_ns(rnd(&p->rnd, 30) * 1000000ull);
	}
	p->stopped = 1;
}

struct seen { uint32_t dirs, odd, pairs; };

static int see(void *arg, const char *name, const struct store_stat *st)
{
	struct seen *s = arg;

	s->odd += st->kind == STORE_OTHER;
	s->pairs += !strncmp(name, "pair", 4);
	return 0;
}

static void test_listings_are_of_one_moment(void)
{
	uint32_t good = 0, busy = 0;

	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct play p = { .rnd = { seed } };
		struct store_file *f;
		struct vol r;

		vol_format(VOLUME_BYTES);
		vol_mount(&p.w, 1);
		for (uint32_t i = 0; i < 4; i++) {
			char path[8];

			fmt(path, sizeof(path), "/d%u", i);
			CU_ASSERT_EQUAL(p.w.s->ops->mkdir(p.w.s, path, 0755, NULL), ST_OK);
		}
		f = vol_create(&p.w, "/d0/token");
		vol_close(&p.w, f);
		CU_ASSERT_EQUAL(p.w.s->ops->sync(p.w.s), ST_OK);
		vol_mount(&r, 0);
		CU_ASSERT_PTR_NOT_NULL(port_world_start("mover", mover, &p));
		for (uint32_t i = 0; i < 150; i++) {
			struct seen s = { 0 };
			enum status st = r.s->ops->list(r.s, "/d0", see, &s, &r.why);

			CU_ASSERT(st == ST_OK || st == ST_BUSY);
			CU_ASSERT_EQUAL(s.odd, 0);
			/* In each durable state there are 0..7, and 6 or 7 from the seventh on. */
			CU_ASSERT(s.pairs <= 7);
			good += st == ST_OK;
			busy += st == ST_BUSY;
			port_world_sleep_ns(2000000);
		}
		p.stop = 1;
		while (!p.stopped)
			port_world_sleep_ns(1000000);
		CU_ASSERT_EQUAL(vol_unmount(&r), ST_OK);
		CU_ASSERT_EQUAL(vol_unmount(&p.w), ST_OK);
	}
	printf(" %u good, %u refused;", good, busy);
	CU_ASSERT(good > 100);
}

static const struct cu_case cases[] = {
	{ "an idle volume needs no second look", test_idle_volume_needs_no_second_look },
	{ "life is told by watching", test_life_is_told_by_watching },
	{ "a quiet device has no live host", test_quiet_device_has_no_live_host },
	{ "an arrival is not missed", test_arrival_is_not_missed },
	{ "a visit is not missed", test_visit_is_not_missed },
	{ "a file that is open elsewhere is named", test_open_file_is_named },
	{ "who does not ask is told at the end", test_verdict_without_asking },
	{ "a removed file is not another one", test_removed_file_is_not_another_one },
	{ "a held directory is waited for", test_held_directory_is_waited_for },
	{ "no torn file is called good", test_no_torn_file_is_called_good },
	{ "listings are of one moment", test_listings_are_of_one_moment },
};

CU_MAIN("vmfs/live", cases)
