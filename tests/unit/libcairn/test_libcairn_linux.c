/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* libcairn from threads: many on one image, many on handles of their own, images that come and go
 * meanwhile; and with memory and devices that fail at each step. The same program is built with
 * ThreadSanitizer, so that what two threads touch without an order is found.
 *
 * The image is made by this process in its first seconds, as a host; after that it is a user of the
 * library like any other. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cu.h"
#include "tools/libcairn/cairn.h"
#include "vmdk/vmdk.h"
#include "vmfs/vmfs.h"

#define DISK_BYTES	(24 * MIB + 5 * SECTOR_BYTES)
#define FILE_BYTES	(3 * MIB + 777)
#define THREADS		8
#define READ_MAX	(192 * KIB)

static char image_path[200];

/* liburing maps its rings by system calls that the sanitizer does not see: the ring of a handle
 * that is gone and a new one at the same address look like one to it. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) { return "race_top:io_uring_*\n"; }

/* ---- what the image holds -------------------------------------------------------------------- */

/* Each byte of the disk from its place. Every third MiB is a hole. */
static uint8_t byte_at(uint64_t offset)
{
	uint64_t x = offset / 8 * 0x9E3779B97F4A7C15ull;

	return offset / MIB % 3 == 2 ? 0 : (uint8_t)(x >> (offset % 8 * 8) | 1);
}

static int is_right(const uint8_t *buf, uint64_t offset, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++)
		if (buf[i] != byte_at(offset + i))
			return 0;
	return 1;
}

static void fill_disk(struct store *s, const char *path, enum vmdk_kind kind)
{
	struct vmdk_create_opts opts = { .kind = kind, .alloc = VMDK_THIN, .bytes = DISK_BYTES };
	uint8_t *buf = malloc(MIB);
	struct vmdk_disk *d;
	struct why why = { 0 };

	VERIFY(vmdk_create(s, path, &opts, NULL, &why) == ST_OK);
	VERIFY(vmdk_open(s, path, VMDK_WRITE, &d, &why) == ST_OK);
	for (uint64_t at = 0; at < DISK_BYTES; at += MIB) {
		uint64_t n = MIN(MIB, DISK_BYTES - at);

		for (uint64_t i = 0; i < n; i++)
			buf[i] = byte_at(at + i);
		VERIFY(at / MIB % 3 == 2 || vmdk_write(d, at, buf, n) == ST_OK);
	}
	VERIFY(vmdk_close(d) == ST_OK);
	free(buf);
}

static void fill_file(struct store *s)
{
	uint8_t *buf = malloc(FILE_BYTES);
	struct store_file *f;

	for (uint64_t i = 0; i < FILE_BYTES; i++)
		buf[i] = byte_at(i);
	VERIFY(s->ops->create(s, "/file", 0644, &f, NULL) == ST_OK);
	VERIFY(store_write(f, 0, buf, FILE_BYTES) == ST_OK);
	VERIFY(s->ops->file_close(f) == ST_OK);
	free(buf);
}

static void make_image(void *arg)
{
	struct vmfs_mkfs_opts mkfs = { .label = "lib" };
	struct vmfs_mount_opts mount = { .write = 1 };
	struct vmfs_volume *vol;
	struct io_dev *dev;
	struct why why = { 0 };

	(void)arg;
	VERIFY(io_dev_open(image_path, IO_OPEN_WRITE, &dev, &why) == ST_OK);
	VERIFY(vmfs_mkfs(&dev, 1, &mkfs, NULL, &why) == ST_OK);
	VERIFY(vmfs_mount(&dev, 1, &mount, &vol, &why) == ST_OK);
	fill_disk(vmfs_store(vol), "/flat.vmdk", VMDK_VMFS);
	fill_disk(vmfs_store(vol), "/sparse.vmdk", VMDK_MONO_SPARSE);
	fill_file(vmfs_store(vol));
	VERIFY(vmfs_unmount(vol) == ST_OK);
	io_dev_close(dev);
}

/* ---- using it -------------------------------------------------------------------------------- */

static const char *const disks[] = { "flat.vmdk", "sparse.vmdk" };

static struct cairn *start(void)
{
	struct cairn_error error;
	struct cairn *c = cairn_create(NULL, &error);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL_FATAL(cairn_add_device(c, image_path, &error), CAIRN_OK);
	CU_ASSERT_EQUAL_FATAL(cairn_start(c, &error), CAIRN_OK);
	return c;
}

struct reader {
	pthread_t		thread;
	struct cairn		*c;
	struct cairn_image	*image;
	uint64_t		seed;
	const char		*wrong;		/* first; CUnit is for one thread */
	char			said[200];
};

static void check(struct reader *r, int right, const char *what, const struct cairn_error *error)
{
	if (right || r->wrong)
		return;
	r->wrong = what;
	snprintf(r->said, sizeof(r->said), "%.199s", error->text);
}

static uint64_t chance(struct reader *r, uint64_t below)
{
	r->seed = r->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (r->seed >> 33) % below;
}

/* Extents of a random range: without a gap, and zeros are zeros. */
static void check_extents(struct reader *r)
{
	uint64_t size = cairn_size(r->image), at = chance(r, size);
	uint64_t bytes = MIN(size - at, 5 * MIB), next = at;
	struct cairn_extent e[16];
	struct cairn_error error;
	size_t count = 0;

	check(r, cairn_extents(r->image, at, bytes, e, 16, &count, &error) == CAIRN_OK, "extents",
	      &error);
	for (size_t i = 0; i < count; i++) {
		check(r, e[i].offset == next, "a gap", &error);
		check(r, e[i].kind == CAIRN_DATA || byte_at(e[i].offset) == 0, "no zeros", &error);
		next += e[i].bytes;
	}
	check(r, count && next <= at + bytes, "the end", &error);
}

static void read_some(struct reader *r, uint32_t rounds)
{
	uint8_t *buf = malloc(READ_MAX);
	uint64_t size = cairn_size(r->image);
	struct cairn_error error;

	for (uint32_t i = 0; i < rounds; i++) {
		uint64_t at = chance(r, size);
		uint64_t most = 1 + chance(r, i % 4 ? 5000 : READ_MAX - 1);
		uint64_t bytes = MIN(most, size - at);

		check(r, cairn_read(r->image, buf, bytes, at, &error) == CAIRN_OK, "read", &error);
		check(r, is_right(buf, at, bytes), "content", &error);
		if (i % 8 == 0)
			check_extents(r);
		if (i % 16 == 0)
			check(r, cairn_check(r->image, &error) == CAIRN_OK, "check", &error);
	}
	free(buf);
}

static void run_readers(struct reader *r, uint32_t count, void *(*fn)(void *))
{
	for (uint32_t i = 0; i < count; i++) {
		r[i].seed = i * 1000003 + 17;
		VERIFY(pthread_create(&r[i].thread, NULL, fn, &r[i]) == 0);
	}
	for (uint32_t i = 0; i < count; i++) {
		pthread_join(r[i].thread, NULL);
		if (r[i].wrong)
			printf("\nthread %u: %s: %s\n", i, r[i].wrong, r[i].said);
		CU_ASSERT_PTR_NULL(r[i].wrong);
	}
}

static void *read_image(void *arg)
{
	read_some(arg, 60);
	return NULL;
}

static void test_many_on_one_disk(void)
{
	struct cairn *c = start();

	for (size_t k = 0; k < ARRAY_COUNT(disks); k++) {
		struct reader r[THREADS] = { 0 };
		struct cairn_error error;
		struct cairn_image *image;

		CU_ASSERT_EQUAL_FATAL(cairn_open_disk(c, disks[k], NULL, &image, &error), CAIRN_OK);
		CU_ASSERT_EQUAL(cairn_size(image), DISK_BYTES);
		for (int i = 0; i < THREADS; i++)
			r[i].image = image;
		run_readers(r, THREADS, read_image);
		cairn_close(image);
	}
	cairn_destroy(c);
}

/* Open, look, read, close, again and again, beside others that do the same. */
static void *come_and_go(void *arg)
{
	struct reader *r = arg;
	struct cairn_error error;

	for (uint32_t i = 0; i < 6; i++) {
		enum cairn_status st =
		    i % 3 == 2 ? cairn_open_file(r->c, "file", &r->image, &error)
			       : cairn_open_disk(r->c, disks[i % 3], NULL, &r->image, &error);
		struct cairn_entry *entries;
		struct cairn_info info;
		size_t count;

		check(r, st == CAIRN_OK, "open", &error);
		if (st != CAIRN_OK)
			break;
		read_some(r, 8);
		check(r, cairn_info(r->image, &info, &error) == CAIRN_OK && info.links == 1, "info",
		      &error);
		cairn_close(r->image);
		st = cairn_list(r->c, "/vmfs/volumes/lib", &entries, &count, &error);
		check(r, st == CAIRN_OK && count >= 3, "list", &error);
		if (st == CAIRN_OK)
			cairn_free(entries);
	}
	return NULL;
}

static void test_images_come_and_go(void)
{
	struct reader r[THREADS] = { 0 };
	struct cairn *c = start();

	for (int i = 0; i < THREADS; i++)
		r[i].c = c;
	run_readers(r, THREADS, come_and_go);
	cairn_destroy(c);
}

static void *own_handle(void *arg)
{
	struct reader *r = arg;
	struct cairn_error error;

	for (int i = 0; i < 2; i++) {
		r->c = cairn_create(NULL, &error);
		if (!r->c || cairn_add_device(r->c, image_path, &error) != CAIRN_OK ||
		    cairn_start(r->c, &error) != CAIRN_OK)
			check(r, 0, "start", &error);
		else
			come_and_go(r);
		cairn_destroy(r->c);
	}
	return NULL;
}

/* Handles share nothing: each thread has its own, all at once. */
static void test_many_handles(void)
{
	struct reader r[4] = { 0 };

	run_readers(r, 4, own_handle);
}

/* ---- a device of the caller's ---------------------------------------------------------------- */

struct source { int fd; long fail_at; long reads; int failed, closed; };

/* Called by several threads: what it counts is atomic. */
static int source_read(void *arg, void *buf, size_t bytes, uint64_t offset)
{
	struct source *s = arg;

	if (__atomic_add_fetch(&s->reads, 1, __ATOMIC_RELAXED) == s->fail_at) {
		__atomic_store_n(&s->failed, 1, __ATOMIC_RELAXED);
		return EIO;
	}
	return pread(s->fd, buf, bytes, (off_t)offset) == (ssize_t)bytes ? 0 : EIO;
}

static void source_close(void *arg) { ((struct source *)arg)->closed++; }

static enum cairn_status add_source(struct cairn *c, struct source *s, struct cairn_error *error)
{
	struct stat st;
	struct cairn_source source = { .size = sizeof(source), .name = "mine",
				       .read = source_read, .close = source_close, .arg = s };

	VERIFY(fstat(s->fd, &st) == 0);
	source.size_bytes = (uint64_t)st.st_size;
	return cairn_add_source(c, &source, error);
}

static void test_many_on_a_source(void)
{
	struct source s = { .fd = open(image_path, O_RDONLY) };
	struct reader r[THREADS] = { 0 };
	struct cairn_error error;
	struct cairn *c = cairn_create(NULL, &error);

	CU_ASSERT_EQUAL_FATAL(add_source(c, &s, &error), CAIRN_OK);
	CU_ASSERT_EQUAL_FATAL(cairn_start(c, &error), CAIRN_OK);
	for (int i = 0; i < THREADS; i++)
		r[i].c = c;
	run_readers(r, THREADS, come_and_go);
	cairn_destroy(c);
	CU_ASSERT_EQUAL(s.closed, 1);
	close(s.fd);
}

/* All that a user does once, in one thread. The first thing that fails ends it. */
static enum cairn_status use_once(struct source *s, struct cairn_error *error)
{
	static uint8_t buf[READ_MAX];
	struct cairn_image *image = NULL;
	struct cairn_extent e[8];
	struct cairn_info info;
	size_t count;
	struct cairn *c = cairn_create(NULL, error);
	enum cairn_status st = c ? add_source(c, s, error) : error->status;

	if (st == CAIRN_OK)
		st = cairn_start(c, error);
	for (size_t k = 0; k < ARRAY_COUNT(disks) && st == CAIRN_OK; k++) {
		st = cairn_open_disk(c, disks[k], NULL, &image, error);
		if (st == CAIRN_OK)
			st = cairn_read(image, buf, 70000, MIB - 1001, error);
		if (st == CAIRN_OK)
			CU_ASSERT(is_right(buf, MIB - 1001, 70000));
		if (st == CAIRN_OK)
			st = cairn_extents(image, 0, DISK_BYTES, e, 8, &count, error);
		if (st == CAIRN_OK)
			st = cairn_info(image, &info, error);
		if (st == CAIRN_OK)
			st = cairn_check(image, error);
		cairn_close(image);
		image = NULL;
	}
	cairn_destroy(c);
	return st;
}

/* Its first, second, ... n-th read fails: said with a reason, or of no matter. */
static void test_source_fails(void)
{
	int failed = 1;

	for (long n = 1; failed; n += 1 + n / 20) {
		struct source s = { .fd = open(image_path, O_RDONLY), .fail_at = n };
		struct cairn_error error = { 0 };
		enum cairn_status st = use_once(&s, &error);

		failed = s.failed;
		CU_ASSERT_EQUAL(st, error.status);
		CU_ASSERT((st == CAIRN_OK) == (error.text[0] == 0));
		CU_ASSERT(st == CAIRN_OK || failed);
		CU_ASSERT_EQUAL(s.closed, 1);
		close(s.fd);
	}
}

/* ---- without memory -------------------------------------------------------------------------- */
/* The linker sends the library's calls here (Makefile, LIBCAIRN_WRAP). */

static long alloc_fails_at, allocs;

static int alloc_fails(void)
{
	long at = __atomic_load_n(&alloc_fails_at, __ATOMIC_RELAXED);

	return at && __atomic_add_fetch(&allocs, 1, __ATOMIC_RELAXED) == at;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *p, size_t bytes);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t bytes) { return alloc_fails() ? NULL : __real_malloc(bytes); }
void *__wrap_calloc(size_t n, size_t bytes)
{
	return alloc_fails() ? NULL : __real_calloc(n, bytes);
}
void *__wrap_realloc(void *p, size_t bytes)
{
	return alloc_fails() ? NULL : __real_realloc(p, bytes);
}
char *__wrap_strdup(const char *s) { return alloc_fails() ? NULL : __real_strdup(s); }

/* The n-th allocation fails, for every n: nothing crashes, and what is not freed the sanitizer
 * tells at the end. */
static void test_every_allocation_may_fail(void)
{
	int failed = 1;

	for (long n = 1; failed; n++) {
		struct source s = { .fd = open(image_path, O_RDONLY) };
		struct cairn_error error = { 0 };
		enum cairn_status st;

		__atomic_store_n(&allocs, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&alloc_fails_at, n, __ATOMIC_RELAXED);
		st = use_once(&s, &error);
		__atomic_store_n(&alloc_fails_at, 0, __ATOMIC_RELAXED);
		failed = __atomic_load_n(&allocs, __ATOMIC_RELAXED) >= n;
		CU_ASSERT_EQUAL(st, error.status);
		CU_ASSERT(st == CAIRN_OK || failed);
		CU_ASSERT(st == CAIRN_OK || error.text[0]);
		close(s.fd);
		CU_ASSERT_FATAL(n < 5000);
	}
}

static const struct cu_case cases[] = {
	{ "many threads on one disk", test_many_on_one_disk },
	{ "images come and go", test_images_come_and_go },
	{ "many handles", test_many_handles },
	{ "many threads on a source", test_many_on_a_source },
	{ "a source that fails", test_source_fails },
	{ "every allocation may fail", test_every_allocation_may_fail },
};

int main(void)
{
	struct cu_run run = { "libcairn", cases, ARRAY_COUNT(cases), 1 };
	struct port_config config = { .log_level = LOG_ERROR };
	const char *tmp = getenv("TMPDIR");
	struct why why = { 0 };
	int fd;

	snprintf(image_path, sizeof(image_path), "%.150s/libcairn.XXXXXX", tmp ? tmp : "/tmp");
	fd = mkstemp(image_path);
	if (fd < 0 || ftruncate(fd, 400 * MIB) != 0) {
		perror(image_path);
		return 1;
	}
	close(fd);
	if (port_run(&config, make_image, NULL, &why) == ST_OK)
		cu_world(&run);
	else
		fprintf(stderr, "%s\n", why.text);
	unlink(image_path);
	return run.failed;
}
