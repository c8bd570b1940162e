/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* COPY: from one disk to another past our memory. What is copied, what is left alone, what is
 * refused and how; with the source in the page cache and without. A file system of the machine that
 * cannot do it at all may say so: then nothing has changed. */
#include "tests/unit/cu.h"
#include "tests/unit/port/scratch.h"

#define SOURCE_BYTES	(3u * 1024 * 1024 + 777)	/* does not end on a block */

static const char *dir;
static uint8_t *content;	/* of the source */

/* Past the page cache where the file system can: a first copy finds nothing cached. */
static void make_source(void)
{
	struct port_disk *disk;

	content = malloc(SOURCE_BYTES);
	pattern(content, SOURCE_BYTES, 5);
	VERIFY(port_disk_open(in(dir, "from"),
			      PORT_OPEN_WRITE | PORT_OPEN_CREATE | PORT_OPEN_DIRECT, &disk,
			      NULL) == ST_OK);
	VERIFY(do_io(disk, PORT_WRITE, 0, content, SOURCE_BYTES) == ST_OK);
	VERIFY(do_io(disk, PORT_FLUSH, 0, NULL, 0) == ST_OK);
	port_disk_close(disk);
}

static struct port_disk *open_file(const char *name, unsigned flags)
{
	struct port_disk *disk;

	VERIFY(port_disk_open(in(dir, name), flags, &disk, NULL) == ST_OK);
	return disk;
}

static struct port_disk *new_target(unsigned flags)
{
	(void)!port_path_remove(in(dir, "to"));
	return open_file("to", PORT_OPEN_WRITE | PORT_OPEN_CREATE | flags);
}

static void copy_start(struct waiting *w, struct port_disk *from, uint64_t from_offset,
		       struct port_disk *to, uint64_t offset, uint64_t bytes)
{
	*w = (struct waiting){ .world = port_world_self() };
	w->io = (struct port_io){ .op = PORT_COPY, .offset = offset, .bytes = bytes, .from = from,
				  .from_offset = from_offset, .done = waiting_done };
	port_disk_submit(to, &w->io);
	VERIFY(w->ended == 0);			/* never from inside submit */
}

static enum status copy(struct port_disk *from, uint64_t from_offset, struct port_disk *to,
			uint64_t offset, uint64_t bytes)
{
	struct waiting w;

	copy_start(&w, from, from_offset, to, offset, bytes);
	return io_finish(&w);
}

static uint64_t size_of(struct port_disk *disk)
{
	struct port_disk_info info;

	port_disk_info(disk, &info);
	return info.size_bytes;
}

/* ---- what is copied -------------------------------------------------------------------------- */

/* The range, at any place of either file, and not a byte beside it. */
static void check_range(struct port_disk *from, uint64_t from_offset, uint64_t offset,
			uint64_t bytes)
{
	struct port_disk *to = new_target(0);
	uint64_t room = offset + bytes + 100;
	uint8_t *got = malloc(room), before[100];
	enum status st;

	memset(got, 0xee, room);
	memset(before, 0xee, sizeof(before));
	CU_ASSERT_EQUAL(do_io(to, PORT_WRITE, 0, got, room), ST_OK);
	st = copy(from, from_offset, to, offset, bytes);
	CU_ASSERT(st == ST_OK || (st == ST_UNSUPPORTED && !on_sim()));
	CU_ASSERT_EQUAL(do_io(to, PORT_READ, 0, got, room), ST_OK);
	if (st == ST_OK)
		CU_ASSERT_EQUAL(memcmp(got + offset, content + from_offset, bytes), 0);
	for (uint64_t i = 0; i < room; i++)
		if (st != ST_OK || i < offset || i >= offset + bytes)
			CU_ASSERT_EQUAL_FATAL(got[i], 0xee);
	free(got);
	port_disk_close(to);
}

static void test_any_range(void)
{
	static const struct { uint64_t from, to, bytes; } cases[] = {
		{ 0, 0, SOURCE_BYTES }, { 0, 0, 4096 }, { 4096, 65536, 1 << 20 }, { 512, 0, 512 },
		{ 1, 4095, 2 }, { 777, 3, 100000 }, { SOURCE_BYTES - 1, 0, 1 }, { 5, 5, 0 },
	};
	struct port_disk *from = open_file("from", 0);

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		check_range(from, cases[i].from, cases[i].to, cases[i].bytes);
	port_disk_close(from);
}

/* Behind the end of the target, as a write there. */
static void test_target_grows(void)
{
	struct port_disk *from = open_file("from", 0), *to = new_target(0);
	enum status st = copy(from, 100, to, 1 << 20, 5000);
	uint8_t got[5000];

	if (st == ST_OK) {
		CU_ASSERT_EQUAL(size_of(to), (1 << 20) + 5000);
		CU_ASSERT_EQUAL(do_io(to, PORT_READ, 1 << 20, got, 5000), ST_OK);
		CU_ASSERT_EQUAL(memcmp(got, content + 100, 5000), 0);
		CU_ASSERT_EQUAL(do_io(to, PORT_READ, 4096, got, 5000), ST_OK);
		CU_ASSERT(accel_plain.is_zero(got, 5000));
	} else {
		CU_ASSERT_EQUAL(st, ST_UNSUPPORTED);
		CU_ASSERT_EQUAL(size_of(to), 0);
	}
	port_disk_close(from);
	port_disk_close(to);
}

/* Many at a time, interleaved with writes beside them: each its own bytes, and one end. */
static void test_many_at_a_time(void)
{
	enum { COUNT = 40, PIECE = 20011 };
	struct port_disk *from = open_file("from", 0), *to = new_target(0);
	struct waiting copies[COUNT], writes[COUNT];
	uint8_t *got = malloc(PIECE), *other = malloc(PIECE);

	memset(other, 0x77, PIECE);
	for (uint64_t i = 0; i < COUNT; i++) {
		copy_start(&copies[i], from, i * 70001, to, 2 * i * PIECE, PIECE);
		io_start(&writes[i], to, PORT_WRITE, (2 * i + 1) * PIECE, other, PIECE);
	}
	for (uint64_t i = 0; i < COUNT; i++) {
		enum status st = io_finish(&copies[i]);

		CU_ASSERT_EQUAL(io_finish(&writes[i]), ST_OK);
		CU_ASSERT(copies[i].ended == 1 && writes[i].ended == 1);
		CU_ASSERT_EQUAL(do_io(to, PORT_READ, 2 * i * PIECE, got, PIECE), ST_OK);
		if (st == ST_OK)
			CU_ASSERT_EQUAL(memcmp(got, content + i * 70001, PIECE), 0);
		CU_ASSERT_EQUAL(do_io(to, PORT_READ, (2 * i + 1) * PIECE, got, PIECE), ST_OK);
		CU_ASSERT_EQUAL(memcmp(got, other, PIECE), 0);
	}
	free(got);
	free(other);
	port_disk_close(from);
	port_disk_close(to);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void test_ends_of_the_source(void)
{
	struct port_disk *from = open_file("from", 0), *to = new_target(0);
	enum status st = copy(from, SOURCE_BYTES - 10, to, 0, 11);

	CU_ASSERT(st == ST_RANGE || st == ST_UNSUPPORTED);
	st = copy(from, SOURCE_BYTES, to, 0, 1);
	CU_ASSERT(st == ST_RANGE || st == ST_UNSUPPORTED);
	CU_ASSERT_EQUAL(copy(from, UINT64_MAX - 5, to, 0, 10), ST_RANGE);
	CU_ASSERT_EQUAL(copy(from, 0, to, UINT64_MAX - 5, 10), ST_RANGE);
	CU_ASSERT_EQUAL(copy(from, 0, to, 0, UINT64_MAX), ST_RANGE);
	port_disk_close(from);
	port_disk_close(to);
}

static void test_read_only_target(void)
{
	struct port_disk *from = open_file("from", 0), *to = new_target(0);

	port_disk_close(to);
	to = open_file("to", 0);
	CU_ASSERT_EQUAL(copy(from, 0, to, 0, 10), ST_READONLY);
	CU_ASSERT_EQUAL(size_of(to), 0);
	port_disk_close(from);
	port_disk_close(to);
}

/* A copy changes its target: after the deadline of that it does nothing. */
static void test_late(void)
{
	struct port_disk *from = open_file("from", 0), *to = new_target(0);

	port_disk_set_deadline(to, 1);
	CU_ASSERT_EQUAL(copy(from, 0, to, 0, 10), ST_LOST);
	CU_ASSERT_EQUAL(size_of(to), 0);
	port_disk_close(from);
	port_disk_close(to);
}

/* What goes past the page cache is not copied so, and nothing changes. (A file system that cannot
 * open it so gives the page cache: then there is nothing to refuse.) */
static void refuses_direct(struct port_disk *from, struct port_disk *to)
{
	struct port_disk_info a, b;

	port_disk_info(from, &a);
	port_disk_info(to, &b);
	if (a.direct || b.direct) {
		CU_ASSERT_EQUAL(copy(from, 0, to, 0, 4096), ST_UNSUPPORTED);
		CU_ASSERT_EQUAL(size_of(to), 0);
	}
	port_disk_close(from);
	port_disk_close(to);
}

static void test_direct_disks(void)
{
	refuses_direct(open_file("from", PORT_OPEN_DIRECT), new_target(0));
	refuses_direct(open_file("from", 0), new_target(PORT_OPEN_DIRECT));
}

static void begin(void)
{
	dir = scratch_make();
	make_source();
}

static void end(void)
{
	scratch_remove(dir);
	free(content);
}

static const struct cu_case cases[] = {
	{ "begin", begin },
	{ "any range", test_any_range },
	{ "the target grows", test_target_grows },
	{ "many at a time", test_many_at_a_time },
	{ "ends of the source", test_ends_of_the_source },
	{ "read-only target", test_read_only_target },
	{ "late", test_late },
	{ "direct disks", test_direct_disks },
	{ "end", end },
};
CU_MAIN("port/copy", cases)
