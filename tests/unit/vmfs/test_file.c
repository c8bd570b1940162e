/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Files: random operations against a model in memory, every size of map, reservations, punching,
 * faults in the middle. */
#include "tests/unit/vmfs/vol.h"

#define FILES		3u
#define FILE_MAX	(300 * MIB)

struct model { uint8_t *data; uint64_t length; struct store_file *f; };

static uint8_t *io_buf(void)
{
	uint8_t *p = port_dma_alloc(4 * MIB);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	return p;
}

static void must(enum status st, const char *what, uint64_t at, uint64_t bytes)
{
	if (st == ST_OK)
		return;
	fprintf(stderr, "%s %llu+%llu: %s\n", what, (unsigned long long)at,
		(unsigned long long)bytes, status_word(st));
	CU_FAIL_FATAL("an operation failed");
}

/* Offsets near the places where maps change. */
static uint64_t some_offset(struct rnd *r)
{
	static const uint64_t edge[] = { 0, 512, 1024, 8192, MIB, 3 * MIB, 256 * MIB };
	uint64_t e = edge[rnd(r, ARRAY_COUNT(edge))];
	uint64_t by = rnd(r, rnd(r, 3) ? 4096 : 2 * MIB);

	return rnd(r, 2) ? e + by : e - MIN(e, by);
}

static uint64_t some_bytes(struct rnd *r)
{
	static const uint32_t upto[] = { 16, 600, 9000, 70000, 3 * MIB };

	return 1 + rnd(r, upto[rnd(r, ARRAY_COUNT(upto))]);
}

static void check_range(struct model *m, uint8_t *buf, uint64_t at, uint64_t bytes)
{
	if (at >= m->length)
		return;
	bytes = MIN(bytes, m->length - at);
	CU_ASSERT_EQUAL(store_read(m->f, at, buf, bytes), ST_OK);
	if (memcmp(buf, m->data + at, bytes)) {
		uint64_t i = 0;

		while (buf[i] == m->data[at + i])
			i++;
		fprintf(stderr, "differs at %llu: %u not %u (read %llu+%llu)\n",
			(unsigned long long)(at + i), buf[i], m->data[at + i],
			(unsigned long long)at, (unsigned long long)bytes);
		CU_FAIL_FATAL("data differs");
	}
}

static void do_write(struct model *m, struct rnd *r, uint8_t *buf)
{
	uint64_t at = some_offset(r), bytes = some_bytes(r);

	for (uint64_t i = 0; i < bytes; i++)
		buf[i] = (uint8_t)(r->x >> (i % 5 * 8)) + (uint8_t)i;
	must(store_write(m->f, at, buf, bytes), "write", at, bytes);
	memcpy(m->data + at, buf, bytes);
	m->length = MAX(m->length, at + bytes);
}

static void do_zero(struct model *m, struct rnd *r, enum port_io_op op)
{
	uint64_t at = some_offset(r), bytes = some_bytes(r) * (1 + rnd(r, 2));

	if (op == PORT_UNMAP)
		bytes = at < m->length ? MIN(bytes, m->length - at) : 0;
	bytes = MIN(bytes, FILE_MAX - at);
	must(vol_io(m->f, op, at, bytes), op == PORT_ZERO ? "zero" : "unmap", at, bytes);
	memset(m->data + at, 0, bytes);
	if (bytes)
		m->length = MAX(m->length, at + bytes);
}

static void do_resize(struct vol *v, struct model *m, struct rnd *r)
{
	uint64_t to = rnd(r, 5) ? some_offset(r) : 0;

	must(v->s->ops->file_resize(m->f, to), "resize", to, 0);
	if (to < m->length)
		memset(m->data + to, 0, m->length - to);
	m->length = to;
}

static void do_allocate(struct vol *v, struct model *m, struct rnd *r)
{
	uint64_t at = some_offset(r), bytes = some_bytes(r);
	enum store_alloc how = rnd(r, 2) ? STORE_ALLOC_LAZY : STORE_ALLOC_EAGER;

	must(v->s->ops->file_allocate(m->f, at, bytes, how), "allocate", at, bytes);
	m->length = MAX(m->length, at + bytes);
}

static void random_step(struct vol *v, struct model *m, struct rnd *r, uint8_t *buf)
{
	switch (rnd(r, 10)) {
	case 0: case 1: case 2: case 3: do_write(m, r, buf); break;
	case 4: do_zero(m, r, PORT_ZERO); break;
	case 5: do_zero(m, r, PORT_UNMAP); break;
	case 6: do_resize(v, m, r); break;
	case 7: do_allocate(v, m, r); break;
	case 8: CU_ASSERT_EQUAL(vol_io(m->f, PORT_FLUSH, 0, 0), ST_OK); break;
	default: check_range(m, buf, some_offset(r), some_bytes(r));
	}
}

static void check_all(struct model *m, uint8_t *buf)
{
	for (uint64_t at = 0; at < m->length;) {
		struct store_run run;

		CU_ASSERT_EQUAL_FATAL(m->f->store->ops->file_map(m->f, at, &run), ST_OK);
		CU_ASSERT_FATAL(run.bytes > 0 && run.offset == at);
		for (uint64_t o = 0; o < run.bytes && run.kind == STORE_RUN_DATA; o += 4 * MIB)
			check_range(m, buf, at + o, MIN(run.bytes - o, 4 * MIB));
		if (run.kind != STORE_RUN_DATA) {
			check_range(m, buf, at, MIN(run.bytes, 4096));
			check_range(m, buf, at + run.bytes - MIN(run.bytes, 4096), 4096);
		}
		at += run.bytes;
	}
	CU_ASSERT_EQUAL(m->f->store->ops->file_stat(m->f, &(struct store_stat){ 0 }), ST_OK);
}

static const char *const names[FILES] = { "/a", "/b", "/c" };

static void run_model(uint64_t seed, uint32_t steps)
{
	struct model m[FILES];
	struct rnd r = { seed };
	struct vmfs_info before, after;
	uint8_t *buf = io_buf();
	struct vol v;

	vol_format(2 * GIB);
	vol_mount(&v, 1);
	vol_info(&v, &before);
	for (uint32_t i = 0; i < FILES; i++)
		m[i] = (struct model){ calloc(1, FILE_MAX + 8 * MIB), 0, vol_create(&v, names[i]) };
	for (uint32_t n = 0; n < steps; n++) {
		random_step(&v, &m[rnd(&r, FILES)], &r, buf);
		if (n % 200 != 199)
			continue;
		for (uint32_t i = 0; i < FILES; i++)
			vol_close(&v, m[i].f);
		vol_remount(&v);
		for (uint32_t i = 0; i < FILES; i++) {
			m[i].f = vol_open(&v, names[i], STORE_WRITE);
			check_all(&m[i], buf);
		}
	}
	for (uint32_t i = 0; i < FILES; i++) {
		check_all(&m[i], buf);
		vol_close(&v, m[i].f);
		CU_ASSERT_EQUAL(vol_remove(&v, names[i]), ST_OK);
		free(m[i].data);
	}
	vol_info(&v, &after);
	CU_ASSERT_EQUAL(before.blocks.free, after.blocks.free);
	CU_ASSERT_EQUAL(before.sub_blocks.free, after.sub_blocks.free);
	CU_ASSERT_EQUAL(before.fds.free, after.fds.free);
	CU_ASSERT_EQUAL(before.pbs.free, after.pbs.free);
	CU_ASSERT_EQUAL(before.pb2s.free, after.pb2s.free);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	port_dma_free(buf, 4 * MIB);
}

/* Any order of writes, zeros, punches, resizes and reservations reads back as in memory, over
 * remounts, and everything comes back when the files go. */
static void test_random_operations_match_a_model(void)
{
	for (uint64_t seed = 1; seed <= 2; seed++)
		run_model(seed, 600);
}

static const struct cu_case cases[] = {
	{ "random operations match a model", test_random_operations_match_a_model },
};
CU_MAIN("vmfs/file", cases)
