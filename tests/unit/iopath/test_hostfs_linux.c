/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The machine's files as a store, and the helpers that replace small files whole. */
#include "iopath/store.h"

#include "tests/unit/cu.h"
#include "tests/unit/iopath/tmp_dir.h"

struct fixture { struct tmp_dir d; struct store *s; };

static void begin(struct fixture *f)
{
	tmp_dir_make(&f->d);
	VERIFY(hostfs_open(f->d.path, &f->s, NULL) == ST_OK);
}

static void end(struct fixture *f)
{
	CU_ASSERT_EQUAL(f->s->ops->close(f->s), ST_OK);
	tmp_dir_remove(&f->d);
}

static struct store_file *make(struct fixture *f, const char *path)
{
	struct store_file *file = NULL;

	CU_ASSERT_EQUAL_FATAL(f->s->ops->create(f->s, path, 0600, &file, NULL), ST_OK);
	return file;
}

static void close_file(struct store_file *file)
{
	CU_ASSERT_EQUAL(file->store->ops->file_close(file), ST_OK);
}

static int count_one(void *arg, const char *name, const struct store_stat *st)
{
	(void)name;
	(void)st;
	++*(int *)arg;
	return 0;
}

static int names_in_root(struct fixture *f)
{
	int n = 0;

	CU_ASSERT_EQUAL(f->s->ops->list(f->s, "/", count_one, &n, NULL), ST_OK);
	return n;
}

static void data_goes_in_and_comes_back(void)
{
	struct fixture f;
	struct store_file *file;
	struct store_stat st;
	char buf[16] = { 0 };

	begin(&f);
	file = make(&f, "/a");
	CU_ASSERT_EQUAL(store_write(file, 10, "hello", 5), ST_OK);
	CU_ASSERT_EQUAL(store_flush(file), ST_OK);
	CU_ASSERT_EQUAL(f.s->ops->file_stat(file, &st), ST_OK);
	CU_ASSERT_EQUAL(st.size_bytes, 15);
	CU_ASSERT_EQUAL(store_read(file, 9, buf, 6), ST_OK);
	CU_ASSERT(memcmp(buf, "\0hello", 6) == 0);
	CU_ASSERT_EQUAL(store_read(file, 10, buf, 6), ST_RANGE);
	close_file(file);
	CU_ASSERT_EQUAL(f.s->ops->create(f.s, "/a", 0600, &file, NULL), ST_EXIST);
	CU_ASSERT_EQUAL(f.s->ops->open(f.s, "/b", STORE_READ, &file, NULL), ST_NOENT);
	end(&f);
}

static void writer_keeps_others_out(void)
{
	struct fixture f;
	struct store_file *a, *b;
	struct why why = { 0 };

	begin(&f);
	a = make(&f, "/a");
	CU_ASSERT_EQUAL(f.s->ops->open(f.s, "/a", STORE_WRITE, &b, &why), ST_BUSY);
	CU_ASSERT(strstr(why.text, "/a") != NULL);
	CU_ASSERT_EQUAL(f.s->ops->open(f.s, "/a", STORE_READ, &b, &why), ST_BUSY);
	close_file(a);
	CU_ASSERT_EQUAL_FATAL(f.s->ops->open(f.s, "/a", STORE_READ, &a, &why), ST_OK);
	CU_ASSERT_EQUAL_FATAL(f.s->ops->open(f.s, "/a", STORE_READ, &b, &why), ST_OK);
	close_file(a);
	CU_ASSERT_EQUAL(f.s->ops->open(f.s, "/a", STORE_WRITE, &a, &why), ST_BUSY);
	close_file(b);
	CU_ASSERT_EQUAL_FATAL(f.s->ops->open(f.s, "/a", STORE_WRITE, &a, &why), ST_OK);
	close_file(a);
	end(&f);
}

static void allocation_keeps_data_and_extends(void)
{
	static const enum store_alloc how[] = { STORE_ALLOC_LAZY, STORE_ALLOC_EAGER };

	for (size_t i = 0; i < ARRAY_COUNT(how); i++) {
		struct fixture f;
		struct store_file *file;
		struct store_stat st;
		uint8_t buf[4096];
		int wrong = 0;

		begin(&f);
		file = make(&f, "/a");
		memset(buf, 7, sizeof(buf));
		CU_ASSERT_EQUAL(store_write(file, 65536, buf, sizeof(buf)), ST_OK);
		CU_ASSERT_EQUAL(f.s->ops->file_allocate(file, 0, 1 * MIB, how[i]), ST_OK);
		CU_ASSERT_EQUAL(f.s->ops->file_stat(file, &st), ST_OK);
		CU_ASSERT_EQUAL(st.size_bytes, 1 * MIB);
		CU_ASSERT(st.allocated_bytes >= 1 * MIB);
		CU_ASSERT_EQUAL(store_read(file, 65536, buf, sizeof(buf)), ST_OK);
		for (size_t k = 0; k < sizeof(buf); k++)
			wrong += buf[k] != 7;
		CU_ASSERT_EQUAL(store_read(file, 1 * MIB - 4096, buf, sizeof(buf)), ST_OK);
		for (size_t k = 0; k < sizeof(buf); k++)
			wrong += buf[k] != 0;
		CU_ASSERT_EQUAL(wrong, 0);
		CU_ASSERT_EQUAL(f.s->ops->file_allocate(file, ~0ull - 5, 100, how[i]), ST_RANGE);
		close_file(file);
		end(&f);
	}
}

static void map_tells_holes_from_data(void)
{
	struct fixture f;
	struct store_file *file;
	struct store_run run;
	uint8_t buf[65536];

	begin(&f);
	file = make(&f, "/a");
	memset(buf, 7, sizeof(buf));
	CU_ASSERT_EQUAL(store_write(file, 1 * MIB, buf, sizeof(buf)), ST_OK);
	CU_ASSERT_EQUAL(f.s->ops->file_resize(file, 4 * MIB), ST_OK);
	CU_ASSERT_EQUAL(f.s->ops->file_map(file, 0, &run), ST_OK);
	CU_ASSERT_EQUAL(run.kind, STORE_RUN_HOLE);
	CU_ASSERT_EQUAL(run.bytes, 1 * MIB);
	CU_ASSERT_EQUAL(f.s->ops->file_map(file, 1 * MIB + 5, &run), ST_OK);
	CU_ASSERT_EQUAL(run.kind, STORE_RUN_DATA);
	CU_ASSERT_EQUAL(run.offset + run.bytes, 1 * MIB + sizeof(buf));
	CU_ASSERT_EQUAL(f.s->ops->file_map(file, 2 * MIB, &run), ST_OK);
	CU_ASSERT_EQUAL(run.offset + run.bytes, 4 * MIB);
	CU_ASSERT_EQUAL(f.s->ops->file_map(file, 4 * MIB, &run), ST_RANGE);
	close_file(file);
	end(&f);
}

static void replace_shows_the_whole_new_content_and_no_leftover(void)
{
	struct fixture f;
	char *text;
	uint64_t n;

	begin(&f);
	CU_ASSERT_EQUAL(store_replace(f.s, "/x", 0600, "first", 5, NULL), ST_OK);
	CU_ASSERT_EQUAL(store_replace(f.s, "/x", 0600, "2", 1, NULL), ST_OK);
	CU_ASSERT_EQUAL_FATAL(store_read_all(f.s, "/x", 100, &text, &n, NULL), ST_OK);
	CU_ASSERT_STRING_EQUAL(text, "2");
	CU_ASSERT_EQUAL(n, 1);
	port_free(text);
	CU_ASSERT_EQUAL(store_replace(f.s, "/x", 0600, NULL, 0, NULL), ST_OK);
	CU_ASSERT_EQUAL_FATAL(store_read_all(f.s, "/x", 100, &text, &n, NULL), ST_OK);
	CU_ASSERT_EQUAL(n, 0);
	port_free(text);
	CU_ASSERT_EQUAL(names_in_root(&f), 1);
	/* a target that cannot be replaced: no temporary stays behind */
	CU_ASSERT_EQUAL(f.s->ops->mkdir(f.s, "/dir", 0755, NULL), ST_OK);
	CU_ASSERT_NOT_EQUAL(store_replace(f.s, "/dir", 0600, "x", 1, NULL), ST_OK);
	CU_ASSERT_EQUAL(names_in_root(&f), 2);
	end(&f);
}

static void read_all_has_a_limit(void)
{
	struct fixture f;
	struct why why = { 0 };
	char *text = NULL;
	uint64_t n;

	begin(&f);
	tmp_file(&f.d, "big", "0123456789", 10);
	CU_ASSERT_EQUAL(store_read_all(f.s, "/big", 9, &text, &n, &why), ST_LIMIT);
	CU_ASSERT_PTR_NULL(text);
	CU_ASSERT_EQUAL_FATAL(store_read_all(f.s, "/big", 10, &text, &n, &why), ST_OK);
	CU_ASSERT_STRING_EQUAL(text, "0123456789");
	port_free(text);
	end(&f);
}

static void names_are_made_renamed_and_removed(void)
{
	struct fixture f;
	struct store_stat st;
	char link[100];

	begin(&f);
	for (int i = 0; i < 40; i++) {	/* more directories than may wait for a sync */
		char path[40];

		snprintf(path, sizeof(path), "/d%d", i);
		CU_ASSERT_EQUAL(f.s->ops->mkdir(f.s, path, 0755, NULL), ST_OK);
		strcat(path, "/x");
		close_file(make(&f, path));
	}
	CU_ASSERT_EQUAL(f.s->ops->sync(f.s), ST_OK);
	CU_ASSERT_EQUAL(f.s->ops->remove(f.s, "/d0", NULL), ST_NOTEMPTY);
	CU_ASSERT_EQUAL(f.s->ops->rename(f.s, "/d0/x", "/d1/x", 0, NULL), ST_EXIST);
	CU_ASSERT_EQUAL(f.s->ops->rename(f.s, "/d0/x", "/d1/x", 1, NULL), ST_OK);
	CU_ASSERT_EQUAL(f.s->ops->remove(f.s, "/d0", NULL), ST_OK);
	CU_ASSERT_EQUAL(f.s->ops->sync(f.s), ST_OK);
	CU_ASSERT_EQUAL(f.s->ops->symlink(f.s, "d1/x", "/l", NULL), ST_OK);
	CU_ASSERT_EQUAL(f.s->ops->readlink(f.s, "/l", link, sizeof(link)), ST_OK);
	CU_ASSERT_STRING_EQUAL(link, "d1/x");
	CU_ASSERT_EQUAL(f.s->ops->stat(f.s, "/l", &st, NULL), ST_OK);
	CU_ASSERT_EQUAL(st.kind, STORE_SYMLINK);
	CU_ASSERT_EQUAL(f.s->ops->stat(f.s, "/d0", &st, NULL), ST_NOENT);
	CU_ASSERT_EQUAL(f.s->ops->stat(f.s, "d1", &st, NULL), ST_INVAL);
	end(&f);
}

struct syncing { struct fixture f; struct port_world *boss; int left; };

static void sync_world(void *arg)
{
	struct syncing *s = arg;

	for (int i = 0; i < 50; i++)
		CU_ASSERT_EQUAL(s->f.s->ops->sync(s->f.s), ST_OK);
	s->left--;
	port_world_wake(s->boss);
}

/* One world flushes all files while another closes them: neither may lose its file to the other. */
static void worlds_sync_and_close_at_once(void)
{
	struct syncing s = { .boss = port_world_self(), .left = 2 };

	begin(&s.f);
	for (int i = 0; i < 2; i++)
		CU_ASSERT_PTR_NOT_NULL_FATAL(port_world_start("sync", sync_world, &s));
	for (int i = 0; i < 50; i++) {
		struct store_file *file = make(&s.f, "/a");

		CU_ASSERT_EQUAL(store_write(file, 0, "data", 4), ST_OK);
		port_world_yield();
		close_file(file);
		CU_ASSERT_EQUAL(s.f.s->ops->remove(s.f.s, "/a", NULL), ST_OK);
	}
	while (s.left)
		port_world_park();
	end(&s.f);
}

static const struct cu_case cases[] = {
	{ "data goes in and comes back", data_goes_in_and_comes_back },
	{ "a writer keeps others out", writer_keeps_others_out },
	{ "allocation keeps data and extends", allocation_keeps_data_and_extends },
	{ "the map tells holes from data", map_tells_holes_from_data },
	{ "replace shows the whole new content",
	  replace_shows_the_whole_new_content_and_no_leftover },
	{ "read_all has a limit", read_all_has_a_limit },
	{ "worlds sync and close at once", worlds_sync_and_close_at_once },
	{ "names are made, renamed and removed", names_are_made_renamed_and_removed },
};
CU_MAIN("iopath/hostfs", cases)
