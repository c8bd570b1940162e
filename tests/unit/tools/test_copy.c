/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The copy on files of this machine: content, holes, what is counted, and stopping. */
#include "tests/unit/cu.h"

#include <string.h>
#include <unistd.h>

#include "tools/copy.h"

static char dir[] = "/tmp/cairn-copy.XXXXXX";

static struct store_file *make(struct store *s, const char *path)
{
	struct store_file *f = NULL;

	CU_ASSERT_EQUAL_FATAL(s->ops->create(s, path, 0600, &f, NULL), ST_OK);
	return f;
}

/* Data at the start, in the middle across a piece border, and at an odd end; holes between. */
#define FILE_BYTES (20 * MIB + 777)
static const struct { uint64_t at, bytes; } data[] = {
	{ 0, 5000 }, { 7 * MIB - 100, 3 * MIB + 200 }, { FILE_BYTES - 1000, 1000 },
};

static struct store_file *make_source(struct store *s)
{
	struct store_file *f = make(s, "/src");
	unsigned char *buf = malloc(4 * MIB);

	CU_ASSERT_EQUAL(s->ops->file_resize(f, FILE_BYTES), ST_OK);
	for (size_t i = 0; i < ARRAY_COUNT(data); i++) {
		for (uint64_t k = 0; k < data[i].bytes; k++)
			buf[k] = (unsigned char)((data[i].at + k) * 7 / 3 + 1);
		CU_ASSERT_EQUAL(store_write(f, data[i].at, buf, data[i].bytes), ST_OK);
	}
	free(buf);
	return f;
}

static void compare(struct store_file *a, struct store_file *b)
{
	unsigned char *x = malloc(MIB), *y = malloc(MIB);

	for (uint64_t at = 0; at < FILE_BYTES; at += MIB) {
		uint64_t n = MIN(MIB, FILE_BYTES - at);

		CU_ASSERT_EQUAL(store_read(a, at, x, n), ST_OK);
		CU_ASSERT_EQUAL(store_read(b, at, y, n), ST_OK);
		CU_ASSERT_EQUAL(memcmp(x, y, n), 0);
	}
	free(x);
	free(y);
}

struct counting { struct copy_job job; uint64_t moved; unsigned calls, stop_at; };

static int count(struct copy_job *job, uint64_t bytes)
{
	struct counting *c = container_of(job, struct counting, job);

	c->moved += bytes;
	return ++c->calls == c->stop_at;
}

static void test_sparse_copy(void)
{
	struct counting c = { .job.moved = count };
	struct store_file *src, *dst;
	struct store_stat st;
	struct store *s;

	CU_ASSERT_EQUAL_FATAL(hostfs_open(dir, &s, NULL), ST_OK);
	src = make_source(s);
	dst = make(s, "/dst");
	CU_ASSERT_EQUAL(copy_file(src, dst, FILE_BYTES, &c.job), ST_OK);
	compare(src, dst);
	CU_ASSERT_EQUAL(s->ops->file_stat(dst, &st), ST_OK);
	CU_ASSERT_EQUAL(st.size_bytes, FILE_BYTES);
	CU_ASSERT_EQUAL(c.job.bytes_read, c.job.bytes_written);
	CU_ASSERT_EQUAL(c.job.bytes_read + c.job.bytes_skipped, FILE_BYTES);
	CU_ASSERT_EQUAL(c.moved, c.job.bytes_written);
	CU_ASSERT(c.job.bytes_skipped >= 10 * MIB);	/* else the file system knows no holes */
	CU_ASSERT_EQUAL(s->ops->file_close(src), ST_OK);
	CU_ASSERT_EQUAL(s->ops->file_close(dst), ST_OK);
	CU_ASSERT_EQUAL(s->ops->close(s), ST_OK);
}

/* Stop at the 1st, 2nd, ... report: always cancelled, nothing in flight afterwards, no leak. */
static void test_stopping_anywhere(void)
{
	struct store_file *src, *dst;
	struct store *s;
	enum status st = ST_CANCELLED;

	CU_ASSERT_EQUAL_FATAL(hostfs_open(dir, &s, NULL), ST_OK);
	CU_ASSERT_EQUAL_FATAL(s->ops->open(s, "/src", STORE_READ, &src, NULL), ST_OK);
	for (unsigned n = 1; n < 100 && st == ST_CANCELLED; n++) {
		struct counting c = { .job.moved = count, .stop_at = n };

		dst = make(s, "/stopped");
		st = copy_file(src, dst, FILE_BYTES, &c.job);
		CU_ASSERT(st == ST_CANCELLED || c.calls < n);
		CU_ASSERT_EQUAL(s->ops->file_close(dst), ST_OK);
		CU_ASSERT_EQUAL(s->ops->remove(s, "/stopped", NULL), ST_OK);
	}
	CU_ASSERT_EQUAL(st, ST_OK);		/* the sweep reached the end */
	CU_ASSERT_EQUAL(s->ops->file_close(src), ST_OK);
	CU_ASSERT_EQUAL(s->ops->close(s), ST_OK);
}

static void test_to_a_descriptor(void)
{
	struct copy_job job = { 0 };
	struct store_file *src, *copy;
	struct store *s;
	char path[64];
	FILE *f;

	CU_ASSERT_EQUAL_FATAL(hostfs_open(dir, &s, NULL), ST_OK);
	CU_ASSERT_EQUAL_FATAL(s->ops->open(s, "/src", STORE_READ, &src, NULL), ST_OK);
	snprintf(path, sizeof(path), "%s/out", dir);
	f = fopen(path, "w");
	CU_ASSERT_EQUAL(copy_to_fd(src, FILE_BYTES, fileno(f), &job), ST_OK);
	fclose(f);
	CU_ASSERT_EQUAL(job.bytes_written, FILE_BYTES);
	CU_ASSERT_EQUAL_FATAL(s->ops->open(s, "/out", STORE_READ, &copy, NULL), ST_OK);
	compare(src, copy);
	CU_ASSERT_EQUAL(s->ops->file_close(copy), ST_OK);

	f = fopen("/dev/full", "w");
	CU_ASSERT_EQUAL(copy_to_fd(src, FILE_BYTES, fileno(f), &job), ST_DEVICE);
	CU_ASSERT_NOT_EQUAL(job.fd_errno, 0);
	fclose(f);
	CU_ASSERT_EQUAL(s->ops->file_close(src), ST_OK);
	CU_ASSERT_EQUAL(s->ops->remove(s, "/src", NULL), ST_OK);
	CU_ASSERT_EQUAL(s->ops->remove(s, "/dst", NULL), ST_OK);
	CU_ASSERT_EQUAL(s->ops->remove(s, "/out", NULL), ST_OK);
	CU_ASSERT_EQUAL(s->ops->close(s), ST_OK);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static void test_make_directory(void) { CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir)); }

static const struct cu_case cases[] = {
	{ "a directory for the files", test_make_directory },
	{ "a sparse copy is equal and stays sparse", test_sparse_copy },
	{ "a copy can be stopped anywhere", test_stopping_anywhere },
	{ "to a descriptor, and one that is full", test_to_a_descriptor },
};
CU_MAIN("tools/copy", cases)
