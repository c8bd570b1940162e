/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* live_io - file data beside a host that has the volume open: many requests at once, of every
 * layout, each with its own end. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/vmfs_priv.h"

#define VOLUME_BYTES	(400 * MIB)
#define REQUESTS	40u		/* two batches and a rest */
#define BLOCKS		90u		/* of a file in as many pieces; 64 go side by side */

struct pair { struct vol w, r; };	/* who writes, and who reads beside it */

/* A file of BLOCKS blocks that do not follow each other on the device, each with its number. */
static void make_scattered(struct vol *w, const char *path)
{
	struct store_file *f = vol_create(w, path), *between = vol_create(w, "/between");
	uint32_t *buf = port_alloc(MIB);

	for (uint32_t b = 0; b < BLOCKS; b++) {
		for (uint32_t i = 0; i < MIB / 4; i++)
			buf[i] = b << 20 | (i & 0xFFFFF);
		CU_ASSERT_EQUAL_FATAL(store_write(f, b * MIB, buf, MIB), ST_OK);
		CU_ASSERT_EQUAL_FATAL(store_write(between, b * MIB, "x", 1), ST_OK);
	}
	port_free(buf);
	vol_close(w, f);
	vol_close(w, between);
	CU_ASSERT_EQUAL(vol_remove(w, "/between"), ST_OK);
}

static void setup(struct pair *p)
{
	struct store_file *f;
	char text[5000];

	for (uint32_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	vol_format(VOLUME_BYTES);
	vol_mount(&p->w, 1);
	make_scattered(&p->w, "/scattered");
	f = vol_create(&p->w, "/resident");
	CU_ASSERT_EQUAL(store_write(f, 0, text, 900), ST_OK);
	vol_close(&p->w, f);
	f = vol_create(&p->w, "/sub");		/* in a sub-block, over two pages of the cache */
	CU_ASSERT_EQUAL(store_write(f, 0, text, sizeof(text)), ST_OK);
	vol_close(&p->w, f);
	f = vol_create(&p->w, "/holes");	/* data, a hole, room that reads as zeros */
	CU_ASSERT_EQUAL(store_write(f, 0, text, sizeof(text)), ST_OK);
	CU_ASSERT_EQUAL(p->w.s->ops->file_allocate(f, 4 * MIB, 2 * MIB, STORE_ALLOC_LAZY), ST_OK);
	CU_ASSERT_EQUAL(store_write(f, 7 * MIB, text, 1000), ST_OK);
	vol_close(&p->w, f);
	CU_ASSERT_EQUAL(p->w.s->ops->sync(p->w.s), ST_OK);
	vol_mount(&p->r, 0);
	CU_ASSERT_EQUAL_FATAL(p->r.volume->live.on, 1);
}

static void teardown(struct pair *p)
{
	CU_ASSERT_EQUAL(vol_unmount(&p->r), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&p->w), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* ---- many at once ---------------------------------------------------------------------------- */

struct many {
	struct io_wait	wait[REQUESTS];
	uint32_t	*buf[REQUESTS];
	uint64_t	at[REQUESTS];
	enum status	st[REQUESTS];
};

/* Requests over two blocks each, all under way together. */
static void read_many(struct store_file *f, struct many *m)
{
	for (uint32_t i = 0; i < REQUESTS; i++) {
		m->at[i] = (uint64_t)(i * 7 % (BLOCKS - 2)) * MIB + MIB / 2;
		m->buf[i] = port_alloc(MIB);
		io_wait_begin(&m->wait[i], PORT_READ, m->at[i], m->buf[i], MIB);
		f->store->ops->submit(f, &m->wait[i].req);
		CU_ASSERT(!m->wait[i].ended);	/* never from inside the call */
	}
	for (uint32_t i = 0; i < REQUESTS; i++)
		m->st[i] = io_wait_end(&m->wait[i]);
}

/* How many came back well, with the right words. */
static uint32_t judge_many(struct many *m)
{
	uint32_t good = 0;

	for (uint32_t i = 0; i < REQUESTS; i++) {
		uint32_t wrong = 0;

		for (uint64_t k = 0; k < MIB / 4; k++) {
			uint64_t word = m->at[i] / 4 + k;
			uint32_t want = (uint32_t)(word / (MIB / 4)) << 20 | word % (MIB / 4);

			wrong += m->buf[i][k] != want;
		}
		CU_ASSERT(m->st[i] != ST_OK || wrong == 0);
		good += m->st[i] == ST_OK;
		port_free(m->buf[i]);
	}
	return good;
}

static void test_many_requests(void)
{
	struct many *m = port_alloc(sizeof(*m));
	struct store_file *f;
	struct pair p;

	setup(&p);
	f = vol_open(&p.r, "/scattered", STORE_READ);
	read_many(f, m);
	CU_ASSERT_EQUAL(judge_many(m), REQUESTS);
	vol_close(&p.r, f);
	teardown(&p);
	port_free(m);
}

/* One request of more pieces than go side by side. */
static void test_many_pieces(void)
{
	uint32_t *buf = port_alloc(BLOCKS * MIB), wrong = 0;
	struct store_file *f;
	struct pair p;

	setup(&p);
	f = vol_open(&p.r, "/scattered", STORE_READ);
	CU_ASSERT_EQUAL(store_read(f, 0, buf, BLOCKS * MIB), ST_OK);
	for (uint64_t k = 0; k < BLOCKS * (MIB / 4); k++)
		wrong += buf[k] != (uint32_t)((k / (MIB / 4)) << 20 | k % (MIB / 4));
	CU_ASSERT_EQUAL(wrong, 0);
	vol_close(&p.r, f);
	teardown(&p);
	port_free(buf);
}

/* A transfer that fails is the end of its request, and of no other in the batch. */
static void test_one_fails(void)
{
	struct many *m = port_alloc(sizeof(*m));
	uint32_t alone = 0;
	struct pair p;

	setup(&p);
	for (uint64_t n = 1; n < 60; n += 7) {
		struct store_file *f = vol_open(&p.r, "/scattered", STORE_READ);
		uint32_t good, device = 0;

		sim_fail_io(PORT_READ, n, ST_DEVICE);
		read_many(f, m);
		sim_fail_io(PORT_READ, 0, ST_OK);
		for (uint32_t i = 0; i < REQUESTS; i++)
			device += m->st[i] == ST_DEVICE;
		good = judge_many(m);
		CU_ASSERT_EQUAL(good + device, REQUESTS);
		CU_ASSERT(device <= 1 || n < 4);	/* metadata is read first: all need it */
		alone += device == 1;
		vol_close(&p.r, f);
	}
	CU_ASSERT(alone > 3);
	teardown(&p);
	port_free(m);
}

/* The n-th allocation fails: ST_NOMEM, or not at all, and nothing leaks. */
static void test_no_memory(void)
{
	static const char *const path[] = { "/scattered", "/sub", "/resident" };
	int failed = 1;
	struct pair p;

	setup(&p);
	for (uint64_t n = 1; failed; n++) {
		failed = 0;
		for (size_t i = 0; i < ARRAY_COUNT(path); i++) {
			struct store_file *f = vol_open(&p.r, path[i], STORE_READ);
			uint64_t live = sim_alloc_live();
			char byte[4];
			enum status st;
			int here;

			sim_fail_alloc(n);
			st = store_read(f, 100, byte, sizeof(byte));
			here = sim_alloc_failed();
			sim_fail_alloc(0);
			CU_ASSERT(st == ST_OK || (here && st == ST_NOMEM));
			CU_ASSERT_EQUAL(store_read(f, 100, byte, sizeof(byte)), ST_OK);
			CU_ASSERT(sim_alloc_live() <= live + 8);	/* cached pages stay */
			vol_close(&p.r, f);
			failed |= here;
		}
		CU_ASSERT_FATAL(n < 100);
	}
	teardown(&p);
}

/* ---- layouts --------------------------------------------------------------------------------- */

static uint32_t text_wrong(const char *buf, uint64_t at, uint64_t bytes)
{
	uint32_t wrong = 0;

	for (uint64_t i = 0; i < bytes; i++)
		wrong += buf[i] != (char)('a' + (at + i) % 23);
	return wrong;
}

/* Content in the descriptor and in a sub-block: whole, a part, up to the end and past it. */
static void test_small_files(void)
{
	static const struct { const char *path; uint64_t bytes; } t[] = {
		{ "/resident", 900 }, { "/sub", 5000 },
	};
	char buf[8192];
	struct pair p;

	setup(&p);
	for (size_t i = 0; i < ARRAY_COUNT(t); i++) {
		struct store_file *f = vol_open(&p.r, t[i].path, STORE_READ);
		uint64_t n = t[i].bytes;

		CU_ASSERT_EQUAL(store_read(f, 0, buf, n), ST_OK);
		CU_ASSERT_EQUAL(text_wrong(buf, 0, n), 0);
		CU_ASSERT_EQUAL(store_read(f, n - 777, buf, 777), ST_OK);
		CU_ASSERT_EQUAL(text_wrong(buf, n - 777, 777), 0);
		CU_ASSERT_EQUAL(store_read(f, n - 1, buf, 1), ST_OK);
		CU_ASSERT_EQUAL(store_read(f, n - 1, buf, 2), ST_RANGE);
		CU_ASSERT_EQUAL(store_read(f, n + 1, buf, 1), ST_RANGE);
		CU_ASSERT_EQUAL(store_read(f, UINT64_MAX, buf, 2), ST_RANGE);
		vol_close(&p.r, f);
	}
	teardown(&p);
}

/* Several buffers and a skip, over data, a hole, room to be zeroed and data again. */
static void test_holes_and_buffers(void)
{
	uint64_t bytes = 7 * MIB + 1000;
	char *buf = port_alloc(bytes);
	struct port_vec vec[3] = { { buf, 3000 }, { buf + 3000, 5 * MIB }, { 0 } };
	struct store_file *f;
	struct io_wait w;
	struct pair p;

	setup(&p);
	memset(buf, 0x55, bytes);
	vec[2] = (struct port_vec){ buf + 3000 + 5 * MIB, bytes - 3000 - 5 * MIB };
	f = vol_open(&p.r, "/holes", STORE_READ);
	io_wait_begin(&w, PORT_READ, 1000, NULL, bytes - 1000);
	w.req.io.vec = vec;
	w.req.io.vec_count = 3;
	w.req.io.skip = 1000;
	f->store->ops->submit(f, &w.req);
	CU_ASSERT_EQUAL(io_wait_end(&w), ST_OK);
	CU_ASSERT_EQUAL(w.req.depth, 0);
	CU_ASSERT_EQUAL(buf[999], 0x55);
	CU_ASSERT_EQUAL(text_wrong(buf + 1000, 1000, 4000), 0);
	CU_ASSERT(port_accel()->is_zero(buf + 5000, 7 * MIB - 5000));
	CU_ASSERT_EQUAL(text_wrong(buf + 7 * MIB, 0, 1000), 0);
	vol_close(&p.r, f);
	teardown(&p);
	port_free(buf);
}

/* ---- what changes underneath ----------------------------------------------------------------- */

/* Open here, and then cut short, or gone, over there: never old bytes as if nothing were. */
static void test_cut_and_removed(void)
{
	struct store_file *f, *wf;
	struct pair p;
	struct why why = { 0 };
	char buf[64];

	setup(&p);
	f = vol_open(&p.r, "/scattered", STORE_READ);
	CU_ASSERT_EQUAL(store_read(f, 80 * MIB, buf, sizeof(buf)), ST_OK);
	wf = vol_open(&p.w, "/scattered", STORE_WRITE);
	CU_ASSERT_EQUAL(p.w.s->ops->file_resize(wf, 10 * MIB), ST_OK);
	vol_close(&p.w, wf);
	CU_ASSERT_EQUAL(p.w.s->ops->sync(p.w.s), ST_OK);
	CU_ASSERT_NOT_EQUAL(store_read(f, 80 * MIB, buf, sizeof(buf)), ST_OK);
	CU_ASSERT_EQUAL(p.r.s->ops->file_check(f, &why), ST_BUSY);
	CU_ASSERT_EQUAL(store_read(f, 9 * MIB, buf, sizeof(buf)), ST_OK);
	CU_ASSERT_EQUAL(vol_remove(&p.w, "/scattered"), ST_OK);
	CU_ASSERT_EQUAL(p.w.s->ops->sync(p.w.s), ST_OK);
	CU_ASSERT_EQUAL(store_read(f, 9 * MIB, buf, sizeof(buf)), ST_BUSY);
	CU_ASSERT_EQUAL(p.r.s->ops->file_check(f, &why), ST_BUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "was removed while it was read"));
	vol_close(&p.r, f);
	teardown(&p);
}

/* A file of the file system is never at rest while somebody uses that. */
static void test_system_file(void)
{
	struct store_file *f;
	struct pair p;
	struct why why = { 0 };
	char buf[64];

	setup(&p);
	f = vol_open(&p.r, "/.fbb.sf", STORE_READ);
	CU_ASSERT_EQUAL(store_read(f, 0, buf, sizeof(buf)), ST_OK);
	CU_ASSERT_EQUAL(p.r.s->ops->file_check(f, &why), ST_BUSY);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "belongs to the file system"));
	vol_close(&p.r, f);
	teardown(&p);
}

static const struct cu_case cases[] = {
	{ "many requests", test_many_requests },
	{ "many pieces", test_many_pieces },
	{ "one fails", test_one_fails },
	{ "no memory", test_no_memory },
	{ "small files", test_small_files },
	{ "holes and buffers", test_holes_and_buffers },
	{ "cut short and removed", test_cut_and_removed },
	{ "a system file", test_system_file },
};
CU_MAIN("vmfs/live_io", cases)
