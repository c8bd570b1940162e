/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Disks: open, transfers of every alignment and size, room, holes, locks. Each test runs on a file
 * that is open for direct transfers, and again through the page cache. */
#include "tests/unit/cu.h"

#include "tests/unit/port/scratch.h"

static const char *dir;

static struct port_disk *new_disk(unsigned flags)
{
	struct port_disk *disk;

	(void)!port_path_remove(in(dir, "disk"));
	VERIFY(port_disk_open(in(dir, "disk"), PORT_OPEN_WRITE | PORT_OPEN_CREATE | flags, &disk,
			      NULL) == ST_OK);
	return disk;
}

static uint64_t size_of(struct port_disk *disk)
{
	struct port_disk_info info;

	port_disk_info(disk, &info);
	return info.size_bytes;
}

/* ---- open ------------------------------------------------------------------------------------ */

static void test_open(void)
{
	struct port_disk *disk = new_disk(0), *again;
	struct port_disk_info info;
	struct why why = { 0 };

	CU_ASSERT_EQUAL(
		port_disk_open(in(dir, "disk"), PORT_OPEN_WRITE | PORT_OPEN_CREATE, &again, &why),
		ST_EXIST);
	CU_ASSERT_EQUAL(why.status, ST_EXIST);
	CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "disk"));	/* names the object */
	CU_ASSERT_EQUAL(port_disk_open(in(dir, "none"), 0, &again, &why), ST_NOENT);
	CU_ASSERT_EQUAL(port_disk_open(dir, 0, &again, &why), ST_ISDIR);
	CU_ASSERT_EQUAL(
		port_disk_open(in(dir, "none/x"), PORT_OPEN_CREATE | PORT_OPEN_WRITE, &again, NULL),
		ST_NOENT);
	port_disk_info(disk, &info);
	CU_ASSERT(info.writable && !info.is_device && info.size_bytes == 0);
	CU_ASSERT(info.block_bytes >= 512);
	CU_ASSERT_PTR_NOT_NULL(strstr(info.name, "/disk"));
	port_disk_close(disk);
}

/* A disk that was not opened for writing refuses each way to change it. */
static void test_read_only(void)
{
	struct port_disk *disk = new_disk(0);
	char buf[512] = "";

	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 0, buf, 512), ST_OK);
	port_disk_close(disk);
	CU_ASSERT_EQUAL_FATAL(port_disk_open(in(dir, "disk"), 0, &disk, NULL), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 0, buf, 512), ST_READONLY);
	CU_ASSERT_EQUAL(do_io(disk, PORT_ZERO, 0, NULL, 512), ST_READONLY);
	CU_ASSERT_EQUAL(do_io(disk, PORT_UNMAP, 0, NULL, 512), ST_READONLY);
	CU_ASSERT_EQUAL(port_disk_resize(disk, 0), ST_READONLY);
	CU_ASSERT_EQUAL(port_disk_reserve(disk, 0, 512), ST_READONLY);
	CU_ASSERT_EQUAL(port_disk_lock(disk, 0, 1, 1), ST_READONLY);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, 512), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_FLUSH, 0, NULL, 0), ST_OK);
	port_disk_close(disk);
}

/* ---- transfers ------------------------------------------------------------------------------- */

static void round_trip(struct port_disk *disk, uint64_t offset, size_t bytes, size_t buffer_skew)
{
	size_t room = bytes + 4096;
	unsigned char *out = port_dma_alloc(room), *back = port_dma_alloc(room);

	VERIFY(out != NULL && back != NULL);
	pattern(out + buffer_skew, bytes, offset);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, offset, out + buffer_skew, bytes), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, offset, back + buffer_skew, bytes), ST_OK);
	CU_ASSERT_EQUAL(memcmp(out + buffer_skew, back + buffer_skew, bytes), 0);
	port_dma_free(out, room);
	port_dma_free(back, room);
}

static void any_alignment(unsigned flags)
{
	static const struct { uint64_t offset; size_t bytes, skew; } cases[] = {
		{ 0, 4096, 0 }, { 4096, 65536, 0 }, { 512, 512, 0 }, { 0, 512, 512 },
		{ 1536, 4096, 0 }, { 1, 1, 0 }, { 4095, 2, 0 }, { 100, 10000, 3 },
		{ 0, 3 << 20, 0 }, { 777, (1 << 20) + 1, 1 }, { 8192, 4096, 1 },
		{ 1ull << 40, 4096, 0 }, { (1ull << 40) + 5, 17, 0 },
	};
	struct port_disk *disk = new_disk(flags);

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		round_trip(disk, cases[i].offset, cases[i].bytes, cases[i].skew);
	CU_ASSERT_EQUAL(size_of(disk), (1ull << 40) + 4096);
	port_disk_close(disk);
}

static void test_any_alignment(void)
{
	any_alignment(PORT_OPEN_DIRECT);
	any_alignment(PORT_OPEN_CACHED);
}

/* A small write in the middle of a page leaves its neighbours alone, whichever descriptor took
 * them. */
static void test_small_writes_keep_their_neighbours(void)
{
	struct port_disk *disk = new_disk(PORT_OPEN_DIRECT);
	unsigned char *buf = port_dma_alloc(8192), small[100];

	memset(buf, 0x11, 8192);
	memset(small, 0x22, sizeof(small));
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 0, buf, 8192), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 4050, small, 100), ST_OK);
	memset(buf, 0, 8192);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, 8192), ST_OK);
	for (int i = 0; i < 8192; i++)
		CU_ASSERT_EQUAL_FATAL(buf[i], i >= 4050 && i < 4150 ? 0x22 : 0x11);
	port_dma_free(buf, 8192);
	port_disk_close(disk);
}

static void test_ends_of_the_file(void)
{
	struct port_disk *disk = new_disk(PORT_OPEN_DIRECT);
	unsigned char *buf = port_dma_alloc(8192);

	memset(buf, 0x33, 8192);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 0, buf, 1000), ST_OK);
	CU_ASSERT_EQUAL(size_of(disk), 1000);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, 1000), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, 1001), ST_RANGE);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, 4096), ST_RANGE);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 4096, buf, 4096), ST_RANGE);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 1000, buf, 0), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, UINT64_MAX - 10, buf, 4096), ST_RANGE);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, UINT64_MAX - 10, buf, 4096), ST_RANGE);
	/* Extended far behind the end: what lies between reads as zeros. */
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 100000, buf, 1), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 50000, buf, 8192), ST_OK);
	CU_ASSERT(accel_plain.is_zero(buf, 8192));
	port_dma_free(buf, 8192);
	port_disk_close(disk);
}

/* ---- lists of buffers ------------------------------------------------------------------------ */

/* Many pieces of odd and even sizes, with skip in the middle of one: written from the list, read
 * back as one, and the other way round. */
static void vectors(unsigned flags, size_t piece, uint32_t count, uint64_t skip)
{
	struct port_disk *disk = new_disk(flags);
	uint64_t total = piece * count, bytes = total - skip - piece / 2;
	unsigned char *list = port_dma_alloc(total), *flat = port_dma_alloc(total);
	struct port_vec *vec = port_alloc(count * sizeof(*vec));
	struct waiting w = { .world = port_world_self() };

	VERIFY(list != NULL && flat != NULL && vec != NULL);
	pattern(list, total, piece);
	/* Backwards in memory, so that neighbours in the list are none in memory. */
	for (uint32_t i = 0; i < count; i++)
		vec[i] = (struct port_vec){ list + (count - 1 - i) * piece, piece };
	w.io = (struct port_io){ .offset = 8192, .bytes = bytes, .vec = vec, .vec_count = count,
				 .op = PORT_WRITE, .skip = skip, .done = waiting_done };
	port_disk_submit(disk, &w.io);
	CU_ASSERT_EQUAL(io_finish(&w), ST_OK);
	CU_ASSERT_EQUAL(size_of(disk), 8192 + bytes);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 8192, flat, bytes), ST_OK);
	for (uint64_t i = 0; i < bytes; i++) {
		uint64_t at = skip + i;

		CU_ASSERT_EQUAL_FATAL(flat[i], list[(count - 1 - at / piece) * piece + at % piece]);
	}
	memset(list, 0, total);
	w.io.op = PORT_READ;
	w.ended = 0;
	port_disk_submit(disk, &w.io);
	CU_ASSERT_EQUAL(io_finish(&w), ST_OK);
	for (uint64_t i = 0; i < bytes; i++) {
		uint64_t at = skip + i;

		CU_ASSERT_EQUAL_FATAL(flat[i], list[(count - 1 - at / piece) * piece + at % piece]);
	}
	port_free(vec);
	port_dma_free(list, total);
	port_dma_free(flat, total);
	port_disk_close(disk);
}

static void test_lists_of_buffers(void)
{
	static const unsigned flags[] = { PORT_OPEN_DIRECT, PORT_OPEN_CACHED };

	for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
		vectors(flags[i], 8192, 2, 0);
		vectors(flags[i], 8192, 7, 8192 + 4096);
		vectors(flags[i], 8192, 1500, 0);	/* more than one call takes */
		vectors(flags[i], 1000, 9, 1234);
		vectors(flags[i], 3, 500, 7);
	}
}

/* ---- many at once ---------------------------------------------------------------------------- */

/* More than an engine holds at a time: all must end, once, with the right bytes. */
static void test_three_thousand_in_flight(void)
{
	enum { COUNT = 3000, BYTES = 4096 };
	struct port_disk *disk = new_disk(PORT_OPEN_DIRECT);
	unsigned char *buf = port_dma_alloc((size_t)COUNT * BYTES);
	struct waiting *w = port_alloc(COUNT * sizeof(*w));

	VERIFY(buf != NULL && w != NULL);
	for (int op = PORT_WRITE; op >= PORT_READ; op--) {
		for (size_t i = 0; i < COUNT; i++) {
			if (op == PORT_WRITE)
				pattern(buf + i * BYTES, BYTES, i);
			else
				memset(buf + i * BYTES, 0, BYTES);
			io_start(&w[i], disk, op, i * BYTES, buf + i * BYTES, BYTES);
		}
		for (size_t i = 0; i < COUNT; i++) {
			CU_ASSERT_EQUAL(io_finish(&w[i]), ST_OK);
			CU_ASSERT_EQUAL(w[i].ended, 1);
		}
	}
	for (size_t i = 0; i < COUNT; i++) {
		unsigned char want[BYTES];

		pattern(want, BYTES, i);
		CU_ASSERT_EQUAL_FATAL(memcmp(buf + i * BYTES, want, BYTES), 0);
	}
	port_free(w);
	port_dma_free(buf, (size_t)COUNT * BYTES);
	port_disk_close(disk);
}

/* Writes of disjoint small ranges of the same pages, all in flight at once: one that read its page
 * before a neighbour's write and wrote it back after would undo that. */
static void disjoint_small_writes(unsigned flags, size_t piece)
{
	enum { COUNT = 200 };
	struct port_disk *disk = new_disk(flags);
	unsigned char *out = port_dma_alloc(COUNT * piece), *back = port_dma_alloc(COUNT * piece);
	struct waiting *w = port_alloc(COUNT * sizeof(*w));

	for (int round = 0; round < 10; round++) {
		pattern(out, COUNT * piece, (uint64_t)round);
		for (size_t i = 0; i < COUNT; i++) {
			size_t at = i * 37 % COUNT * piece;

			io_start(&w[i], disk, PORT_WRITE, at, out + at, piece);
		}
		for (size_t i = 0; i < COUNT; i++)
			CU_ASSERT_EQUAL(io_finish(&w[i]), ST_OK);
		CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, back, COUNT * piece), ST_OK);
		CU_ASSERT_EQUAL_FATAL(memcmp(out, back, COUNT * piece), 0);
	}
	port_free(w);
	port_dma_free(out, COUNT * piece);
	port_dma_free(back, COUNT * piece);
	port_disk_close(disk);
}

static void test_disjoint_small_writes_at_once(void)
{
	disjoint_small_writes(PORT_OPEN_DIRECT, 512);
	disjoint_small_writes(PORT_OPEN_DIRECT, 100);
	disjoint_small_writes(PORT_OPEN_DIRECT, 1536 + 7);
	disjoint_small_writes(PORT_OPEN_CACHED, 100);
}

/* ---- zero, unmap, room, holes ---------------------------------------------------------------- */

static void fill(struct port_disk *disk, unsigned char *buf, size_t bytes)
{
	memset(buf, 0x55, bytes);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 0, buf, bytes), ST_OK);
}

static void check_zeroed(struct port_disk *disk, unsigned char *buf, size_t bytes, size_t from,
			 size_t end)
{
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, bytes), ST_OK);
	for (size_t i = 0; i < bytes; i++)
		CU_ASSERT_EQUAL_FATAL(buf[i], i >= from && i < end ? 0 : 0x55);
}

static void zero_and_unmap(unsigned flags)
{
	enum { BYTES = 1 << 20 };
	static const struct { size_t from, end; } ranges[] = {
		{ 0, 65536 }, { 4096, 8192 }, { 512, 1024 }, { 100, 200 }, { 4000, 70001 },
		{ 0, BYTES },
	};
	struct port_disk *disk = new_disk(flags);
	unsigned char *buf = port_dma_alloc(BYTES);
	struct port_disk_info info;

	port_disk_info(disk, &info);
	for (size_t i = 0; i < ARRAY_COUNT(ranges); i++) {
		size_t from = ranges[i].from, end = ranges[i].end;
		enum status st;

		fill(disk, buf, BYTES);
		CU_ASSERT_EQUAL(do_io(disk, PORT_ZERO, from, NULL, end - from), ST_OK);
		check_zeroed(disk, buf, BYTES, from, end);
		fill(disk, buf, BYTES);
		st = do_io(disk, PORT_UNMAP, from, NULL, end - from);
		CU_ASSERT(st == ST_OK || st == ST_UNSUPPORTED);
		if (st == ST_OK && info.unmap_zeroes)
			check_zeroed(disk, buf, BYTES, from, end);
	}
	/* As a write, ZERO extends the file; UNMAP does not. */
	CU_ASSERT_EQUAL(do_io(disk, PORT_ZERO, 2 * BYTES, NULL, 4096), ST_OK);
	CU_ASSERT_EQUAL(size_of(disk), 2 * BYTES + 4096);
	if (info.unmap_zeroes)
		CU_ASSERT_EQUAL(do_io(disk, PORT_UNMAP, 8 * BYTES, NULL, 4096), ST_OK);
	CU_ASSERT_EQUAL(size_of(disk), 2 * BYTES + 4096);
	port_dma_free(buf, BYTES);
	port_disk_close(disk);
}

static void test_zero_and_unmap(void)
{
	zero_and_unmap(PORT_OPEN_DIRECT);
	zero_and_unmap(PORT_OPEN_CACHED);
}

static void test_resize_and_reserve(void)
{
	struct port_disk *disk = new_disk(PORT_OPEN_DIRECT);
	unsigned char *buf = port_dma_alloc(65536);
	enum status st;

	fill(disk, buf, 65536);
	CU_ASSERT_EQUAL(port_disk_resize(disk, 5000), ST_OK);
	CU_ASSERT_EQUAL(port_disk_resize(disk, 65536), ST_OK);
	check_zeroed(disk, buf, 65536, 5000, 65536);	/* what was cut off does not come back */
	st = port_disk_reserve(disk, 65536, 1 << 20);
	CU_ASSERT(st == ST_OK || st == ST_UNSUPPORTED);
	if (st == ST_OK) {
		struct port_disk_info info;

		port_disk_info(disk, &info);
		CU_ASSERT_EQUAL(info.size_bytes, 65536 + (1 << 20));
		CU_ASSERT(info.allocated_bytes >= 1 << 20);
		CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 1 << 20, buf, 65536), ST_OK);
		CU_ASSERT(accel_plain.is_zero(buf, 65536));
	}
	CU_ASSERT_EQUAL(port_disk_resize(disk, UINT64_MAX), ST_NOSPACE);
	port_dma_free(buf, 65536);
	port_disk_close(disk);
}

static void test_holes(void)
{
	struct port_disk *disk = new_disk(0);
	unsigned char *buf = port_dma_alloc(1 << 20);
	uint64_t data, hole;

	memset(buf, 0x77, 1 << 20);
	port_disk_next_data(disk, 0, &data, &hole);
	CU_ASSERT(data == 0 && hole == 0);
	CU_ASSERT_EQUAL(port_disk_resize(disk, 1ull << 41), ST_OK);
	port_disk_next_data(disk, 0, &data, &hole);
	CU_ASSERT(data == 1ull << 41 && hole == 1ull << 41);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 1ull << 40, buf, 1 << 20), ST_OK);
	port_disk_next_data(disk, 0, &data, &hole);
	CU_ASSERT_EQUAL(data, 1ull << 40);
	CU_ASSERT_EQUAL(hole, (1ull << 40) + (1 << 20));
	port_disk_next_data(disk, (1ull << 40) + 5000, &data, &hole);
	CU_ASSERT_EQUAL(data, (1ull << 40) + 5000);
	port_disk_next_data(disk, (1ull << 40) + (1 << 20), &data, &hole);
	CU_ASSERT(data == 1ull << 41 && hole == 1ull << 41);
	port_disk_next_data(disk, 1ull << 50, &data, &hole);
	CU_ASSERT(data == 1ull << 41 && hole == 1ull << 41);
	port_dma_free(buf, 1 << 20);
	port_disk_close(disk);
}

/* ---- locks ----------------------------------------------------------------------------------- */

static void test_locks_between_openings(void)
{
	struct port_disk *a = new_disk(PORT_OPEN_DIRECT), *b;

	CU_ASSERT_EQUAL_FATAL(port_disk_open(in(dir, "disk"), PORT_OPEN_WRITE, &b, NULL), ST_OK);
	CU_ASSERT_EQUAL(port_disk_lock(a, 0, 100, 1), ST_OK);
	CU_ASSERT_EQUAL(port_disk_lock(b, 50, 100, 1), ST_BUSY);
	CU_ASSERT_EQUAL(port_disk_lock(b, 50, 100, 0), ST_BUSY);
	CU_ASSERT_EQUAL(port_disk_lock(b, 100, 100, 1), ST_OK);	/* beside it */
	CU_ASSERT_EQUAL(port_disk_lock(a, 0, 100, 0), ST_OK);		/* downgrade */
	CU_ASSERT_EQUAL(port_disk_lock(b, 50, 10, 0), ST_OK);		/* shared with shared */
	CU_ASSERT_EQUAL(port_disk_lock(a, 0, 100, 1), ST_BUSY);
	port_disk_unlock(b, 50, 10);
	CU_ASSERT_EQUAL(port_disk_lock(a, 0, 100, 1), ST_OK);
	port_disk_unlock(a, 40, 20);					/* a hole in the middle */
	CU_ASSERT_EQUAL(port_disk_lock(b, 40, 20, 1), ST_OK);
	CU_ASSERT_EQUAL(port_disk_lock(b, 39, 1, 1), ST_BUSY);
	port_disk_close(a);						/* takes its locks along */
	CU_ASSERT_EQUAL(port_disk_lock(b, 0, 100, 1), ST_OK);
	port_disk_close(b);
}

/* ---- a model --------------------------------------------------------------------------------- */

static uint64_t model_rng;

static uint64_t draw(uint64_t below)
{
	model_rng ^= model_rng << 13;
	model_rng ^= model_rng >> 7;
	model_rng ^= model_rng << 17;
	return model_rng % below;
}

enum { MODEL_BYTES = 300000, MODEL_BATCH = 16 };

/* Offsets and lengths of all kinds, often aligned. */
static void draw_range(uint64_t *offset, uint64_t *bytes)
{
	static const uint64_t units[] = { 1, 512, 4096, 4096 };
	uint64_t unit = units[draw(4)];

	*offset = draw(MODEL_BYTES / 2) / unit * unit;
	*bytes = MAX((1 + draw(draw(8) ? 9000 : MODEL_BYTES / 2)) / unit * unit, unit);
}

/* A batch of random transfers that do not overlap, all in flight together, then the whole content
 * compared with a plain array. */
static void model_batch(struct port_disk *disk, unsigned char *model, unsigned char *buf)
{
	struct waiting w[MODEL_BATCH];
	uint64_t from[MODEL_BATCH], end[MODEL_BATCH], room = 0;
	int count = 0;

	for (int i = 0; i < MODEL_BATCH; i++) {
		uint64_t offset, bytes;
		int op = (int)draw(10), clash = 0;

		draw_range(&offset, &bytes);
		for (int k = 0; k < count; k++)
			clash |= offset < end[k] && from[k] < offset + bytes;
		if (clash)
			continue;
		from[count] = offset;
		end[count] = offset + bytes;
		op = op < 7 ? PORT_WRITE : op < 9 ? PORT_ZERO : PORT_READ;
		if (op == PORT_WRITE)
			pattern(buf + room, bytes, draw(1000));
		if (op != PORT_READ)
			memcpy(model + offset, buf + room, op == PORT_WRITE ? bytes : 0);
		if (op == PORT_ZERO)
			memset(model + offset, 0, bytes);
		io_start(&w[count++], disk, op, offset, op == PORT_ZERO ? NULL : buf + room, bytes);
		room += round_up(bytes, draw(2) ? 4096 : 1);
	}
	for (int i = 0; i < count; i++)
		CU_ASSERT_EQUAL(io_finish(&w[i]), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, MODEL_BYTES), ST_OK);
	CU_ASSERT_EQUAL_FATAL(memcmp(buf, model, MODEL_BYTES), 0);
}

static void model_run(unsigned flags, uint64_t seed)
{
	struct port_disk *disk = new_disk(flags);
	size_t room = MODEL_BATCH * (MODEL_BYTES + 4096);
	unsigned char *model = port_alloc(MODEL_BYTES), *buf = port_dma_alloc(room);

	VERIFY(model != NULL && buf != NULL);
	model_rng = seed * 0x9e3779b97f4a7c15ull + 1;
	CU_ASSERT_EQUAL(port_disk_resize(disk, MODEL_BYTES), ST_OK);
	for (int i = 0; i < 60; i++)
		model_batch(disk, model, buf);
	port_free(model);
	port_dma_free(buf, room);
	port_disk_close(disk);
}

static void test_random_transfers_against_a_model(void)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		model_run(PORT_OPEN_DIRECT, seed);
		model_run(PORT_OPEN_CACHED, seed);
	}
}

/* ---- the deadline ---------------------------------------------------------------------------- */

#define LONG_AGO	1u
#define FAR_AWAY	(UINT64_MAX / 2)
#define GATE_BYTES	(64 * KIB)

static void expect_content(struct port_disk *disk, unsigned char *buf, uint64_t n)
{
	unsigned char *want = port_alloc(GATE_BYTES);

	pattern(want, GATE_BYTES, n);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, GATE_BYTES), ST_OK);
	CU_ASSERT(!memcmp(buf, want, GATE_BYTES));
	port_free(want);
}

/* After it nothing changes the disk, in any alignment; what changes nothing goes on, and so does
 * who is exempt. */
static void deadline(unsigned flags)
{
	static const uint64_t place[][2] = { { 0, GATE_BYTES }, { 4096, 512 }, { 5000, 3000 } };
	struct port_disk *disk = new_disk(flags);
	unsigned char *buf = port_dma_alloc(GATE_BYTES);
	struct waiting w = { .world = port_world_self() };

	pattern(buf, GATE_BYTES, 1);
	port_disk_set_deadline(disk, FAR_AWAY);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 0, buf, GATE_BYTES), ST_OK);
	port_disk_set_deadline(disk, LONG_AGO);
	for (size_t i = 0; i < ARRAY_COUNT(place); i++) {
		memset(buf, 0xEE, GATE_BYTES);
		CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, place[i][0], buf, place[i][1]), ST_LOST);
		CU_ASSERT_EQUAL(do_io(disk, PORT_ZERO, place[i][0], NULL, place[i][1]), ST_LOST);
		CU_ASSERT_EQUAL(do_io(disk, PORT_UNMAP, place[i][0], NULL, place[i][1]), ST_LOST);
	}
	CU_ASSERT_EQUAL(port_disk_resize(disk, 0), ST_LOST);
	CU_ASSERT_EQUAL(port_disk_reserve(disk, 0, 2 * GATE_BYTES), ST_LOST);
	CU_ASSERT_EQUAL(do_io(disk, PORT_FLUSH, 0, NULL, 0), ST_OK);
	expect_content(disk, buf, 1);
	CU_ASSERT_EQUAL(size_of(disk), GATE_BYTES);
	pattern(buf, GATE_BYTES, 2);
	w.vec = (struct port_vec){ buf, GATE_BYTES };
	w.io = (struct port_io){ .bytes = GATE_BYTES, .vec = &w.vec, .vec_count = 1,
				 .op = PORT_WRITE, .exempt = 1, .done = waiting_done };
	port_disk_submit(disk, &w.io);
	CU_ASSERT_EQUAL(io_finish(&w), ST_OK);
	expect_content(disk, buf, 2);
	port_disk_set_deadline(disk, 0);
	CU_ASSERT_EQUAL(do_io(disk, PORT_WRITE, 0, buf, 512), ST_OK);
	port_dma_free(buf, GATE_BYTES);
	port_disk_close(disk);
}

static void test_deadline(void)
{
	deadline(PORT_OPEN_DIRECT);
	deadline(PORT_OPEN_CACHED);
}

#define GATE_WRITES	64u

/* Writes that are queued in time and not handed over: the world keeps its thread past the deadline,
 * as a process does that is stopped there. Each is refused and absent, or done and present. */
static void queued_past_the_deadline(unsigned flags, int *refused)
{
	struct port_disk *disk = new_disk(flags);
	unsigned char *buf = port_dma_alloc(GATE_WRITES * 4096), *is = port_dma_alloc(4096);
	static struct waiting w[GATE_WRITES];
	uint64_t until;

	CU_ASSERT_EQUAL(port_disk_resize(disk, GATE_WRITES * 4096), ST_OK);
	until = port_now_ns() + 2000000;
	port_disk_set_deadline(disk, until);
	for (uint64_t i = 0; i < GATE_WRITES; i++) {
		pattern(buf + i * 4096, 4096, i);
		io_start(&w[i], disk, PORT_WRITE, i * 4096, buf + i * 4096, 4096);
	}
	while (!on_sim() && port_now_ns() < until)
		;
	for (uint64_t i = 0; i < GATE_WRITES; i++) {
		enum status st = io_finish(&w[i]);

		CU_ASSERT(st == ST_OK || st == ST_LOST);
		CU_ASSERT_EQUAL(do_io(disk, PORT_READ, i * 4096, is, 4096), ST_OK);
		CU_ASSERT_EQUAL(!memcmp(is, buf + i * 4096, 4096), st == ST_OK);
		*refused += st == ST_LOST;
	}
	port_dma_free(buf, GATE_WRITES * 4096);
	port_dma_free(is, 4096);
	port_disk_close(disk);
}

static void test_queued_past_the_deadline(void)
{
	int refused = 0;

	queued_past_the_deadline(PORT_OPEN_DIRECT, &refused);
	/* Helper threads may have been as fast as the loop; others hand over nothing before it. */
	if (!on_sim() && strcmp(port_engine(), "threads"))
		CU_ASSERT_EQUAL(refused, (int)GATE_WRITES);
	queued_past_the_deadline(PORT_OPEN_CACHED, &refused);
}

/* ---- all, in a directory of their own -------------------------------------------------------- */

static void test_begin(void)
{
	dir = scratch_make();
	printf("engine %s ", port_engine());
}

static void test_end(void)
{
	scratch_remove(dir);
}

static const struct cu_case cases[] = {
	{ "begin", test_begin },
	{ "open", test_open },
	{ "read only", test_read_only },
	{ "any alignment", test_any_alignment },
	{ "small writes keep their neighbours", test_small_writes_keep_their_neighbours },
	{ "ends of the file", test_ends_of_the_file },
	{ "lists of buffers", test_lists_of_buffers },
	{ "three thousand in flight", test_three_thousand_in_flight },
	{ "disjoint small writes at once", test_disjoint_small_writes_at_once },
	{ "zero and unmap", test_zero_and_unmap },
	{ "resize and reserve", test_resize_and_reserve },
	{ "holes", test_holes },
	{ "locks between openings", test_locks_between_openings },
	{ "deadline", test_deadline },
	{ "queued past the deadline", test_queued_past_the_deadline },
	{ "random transfers against a model", test_random_transfers_against_a_model },
	{ "end", test_end },
};

CU_MAIN("port/disk", cases)
