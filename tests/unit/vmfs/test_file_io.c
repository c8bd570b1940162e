/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The data path with many requests under way: worlds that share a file and a volume, each with a
 * range of its own to answer for. */
#include "tests/unit/vmfs/vol.h"

#define WORLDS		8u
#define RANGE		(3 * MIB - 1000)	/* ranges share blocks at their edges */
#define BASE		(254 * MIB)		/* the map gets a pointer block on the way */
#define STEPS		60u

struct worker {
	struct store_file	*f;
	struct port_world	*parent;
	uint64_t		at;		/* of its range */
	struct rnd		r;
	uint8_t			*model, *buf;
	int			ended;
};

static void check(struct worker *w, uint64_t off, uint64_t bytes)
{
	struct store_stat st;

	CU_ASSERT_EQUAL(w->f->store->ops->file_stat(w->f, &st), ST_OK);
	if (w->at + off + bytes > st.size_bytes)
		return;
	CU_ASSERT_EQUAL_FATAL(store_read(w->f, w->at + off, w->buf, bytes), ST_OK);
	if (memcmp(w->buf, w->model + off, bytes))
		fprintf(stderr, "range at %llu differs in %llu+%llu\n", (unsigned long long)w->at,
			(unsigned long long)off, (unsigned long long)bytes);
	CU_ASSERT_FATAL(!memcmp(w->buf, w->model + off, bytes));
}

static void worker_main(void *arg)
{
	struct worker *w = arg;

	for (uint32_t n = 0; n < STEPS; n++) {
		uint64_t off = rnd(&w->r, RANGE - 1),
			 bytes = 1 + rnd(&w->r, (uint32_t)MIN(RANGE - off, 2 * MIB));

		switch (rnd(&w->r, 6)) {
		case 0: case 1:
			memset(w->model + off, (int)n + 1, bytes);
			memset(w->buf, (int)n + 1, bytes);
			CU_ASSERT_EQUAL(store_write(w->f, w->at + off, w->buf, bytes), ST_OK);
			break;
		case 2:
			memset(w->model + off, 0, bytes);
			CU_ASSERT_EQUAL(vol_io(w->f, PORT_ZERO, w->at + off, bytes), ST_OK);
			break;
		case 3:
			memset(w->model + off, 0, bytes);
			CU_ASSERT_EQUAL(vol_io(w->f, PORT_UNMAP, w->at + off, bytes), ST_OK);
			break;
		case 4:
			CU_ASSERT_EQUAL(rnd(&w->r, 4)
					    ? store_flush(w->f)
					    : w->f->store->ops->file_allocate(
						  w->f, w->at + off, bytes, STORE_ALLOC_LAZY),
					ST_OK);
			break;
		default:
			check(w, off, bytes);
		}
	}
	w->ended = 1;
	port_world_wake(w->parent);
}

static void run_workers(uint64_t seed)
{
	struct worker w[WORLDS];
	struct store_file *f;
	struct vol v;

	vol_format(600 * MIB);
	vol_mount(&v, 1);
	f = vol_create(&v, "/f");
	for (uint32_t i = 0; i < WORLDS; i++) {
		w[i] = (struct worker){ f, port_world_self(), BASE + i * RANGE, { seed * 100 + i },
					calloc(1, RANGE), port_dma_alloc(3 * MIB), 0 };
		CU_ASSERT_PTR_NOT_NULL_FATAL(port_world_start("worker", worker_main, &w[i]));
	}
	for (uint32_t i = 0; i < WORLDS; i++)
		while (!w[i].ended)
			port_world_park();
	for (uint32_t i = 0; i < WORLDS; i++)
		check(&w[i], 0, RANGE);
	vol_close(&v, f);
	vol_remount(&v);
	f = vol_open(&v, "/f", STORE_READ);
	for (uint32_t i = 0; i < WORLDS; i++) {
		w[i].f = f;
		check(&w[i], 0, RANGE);
		free(w[i].model);
		port_dma_free(w[i].buf, 3 * MIB);
	}
	vol_close(&v, f);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

static void test_worlds_that_share_a_file(void)
{
	for (uint64_t seed = 1; seed <= 6; seed++)
		run_workers(seed);
}

/* ---- requests that outlive a shrinking file -------------------------------------------------- */

#define DEPTH	24u

struct load {
	struct io_req req[DEPTH];
	uint8_t *buf;
	uint32_t under_way;
	struct port_world *parent;
};

static void count_done(struct io_req *req)
{
	struct load *l = io_top(req)->ctx;

	CU_ASSERT(req->status == ST_OK || req->status == ST_RANGE);
	if (--l->under_way == 0)
		port_world_wake(l->parent);
}

/* Reads in flight while the file is cut: each sees its own data, zeros, or the end; never what
 * the next owner of the blocks writes there. */
static void test_reads_never_see_the_next_owner(void)
{
	struct load *l = port_alloc(sizeof(*l));
	uint8_t *buf = port_dma_alloc(MIB);
	struct store_file *f, *g;
	struct vol v;

	vol_format(320 * MIB);
	vol_mount(&v, 1);
	f = vol_create(&v, "/f");
	g = vol_create(&v, "/g");
	l->buf = port_dma_alloc(DEPTH * MIB);
	l->parent = port_world_self();
	memset(buf, 'f', MIB);
	for (uint64_t i = 0; i < DEPTH; i++)
		CU_ASSERT_EQUAL(store_write(f, i * MIB, buf, MIB), ST_OK);
	for (uint64_t i = 0; i < DEPTH; i++) {
		struct io_req *req = &l->req[i];

		io_req_init(req, PORT_READ, i * MIB, l->buf + i * MIB, MIB, NULL);
		io_push(req, count_done, l);
		l->under_way++;
		f->store->ops->submit(f, req);
	}
	CU_ASSERT_EQUAL(v.s->ops->file_resize(f, MIB), ST_OK);
	CU_ASSERT_EQUAL(l->under_way, 0);	/* I7: all had ended when the blocks went */
	CU_ASSERT_EQUAL(v.s->ops->sync(v.s), ST_OK);
	memset(buf, 'g', MIB);
	for (uint64_t i = 0; i < 200; i++)
		CU_ASSERT_EQUAL(store_write(g, i * MIB, buf, MIB), ST_OK);
	while (l->under_way)
		port_world_park();
	for (uint64_t i = 0; i < DEPTH * MIB; i += 512)
		CU_ASSERT_FATAL(l->buf[i] == 'f' || l->buf[i] == 0);
	vol_close(&v, f);
	vol_close(&v, g);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
	port_dma_free(l->buf, DEPTH * MIB);
	port_dma_free(buf, MIB);
	port_free(l);
}

/* Flushes that come together share a commit. */
static void test_flushes_share_a_commit(void)
{
	struct load *l = port_alloc(sizeof(*l));
	struct store_file *f;
	struct vol v;
	uint64_t txn;

	vol_format(320 * MIB);
	vol_mount(&v, 1);
	f = vol_create(&v, "/f");
	CU_ASSERT_EQUAL(store_write(f, MIB, "x", 1), ST_OK);
	l->parent = port_world_self();
	txn = sim_write_count();
	for (uint32_t i = 0; i < DEPTH; i++) {
		io_req_init(&l->req[i], PORT_FLUSH, 0, NULL, 0, NULL);
		io_push(&l->req[i], count_done, l);
		l->under_way++;
		f->store->ops->submit(f, &l->req[i]);
	}
	while (l->under_way)
		port_world_park();
	/* Records, header, and a few sectors in place: one commit, not one for each. */
	CU_ASSERT(sim_write_count() - txn < DEPTH);
	vol_close(&v, f);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	port_free(l);
}

static const struct cu_case cases[] = {
	{ "worlds that share a file", test_worlds_that_share_a_file },
	{ "reads never see the next owner", test_reads_never_see_the_next_owner },
	{ "flushes share a commit", test_flushes_share_a_commit },
};
CU_MAIN("vmfs/file_io", cases)
