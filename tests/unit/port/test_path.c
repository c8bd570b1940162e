/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The machine's own files: names. */
#include "tests/unit/cu.h"

#include "tests/unit/port/scratch.h"

static void make_file(const char *path, uint64_t bytes)
{
	struct port_disk *disk;

	VERIFY(port_disk_open(path, PORT_OPEN_WRITE | PORT_OPEN_CREATE, &disk, NULL) == ST_OK);
	VERIFY(port_disk_resize(disk, bytes) == ST_OK);
	port_disk_close(disk);
}

static uint64_t size_of(const char *path)
{
	struct port_stat st;

	return port_path_stat(path, &st) == ST_OK ? st.size_bytes : ~0ull;
}

static int gather(void *arg, const char *name)
{
	strcat(arg, name);
	strcat(arg, " ");
	return 0;
}

static int gather_two(void *arg, const char *name)
{
	gather(arg, name);
	return strlen(arg) >= 4;
}

static void test_list_is_in_byte_order(void)
{
	const char *d = scratch_make();
	static const char *const names[] = { "b", "a", "Z", "\xc3\xa9", "10", "9", "ab" };
	char all[100] = "";

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		make_file(in(d, names[i]), 0);
	CU_ASSERT_EQUAL(port_path_list(d, gather, all), ST_OK);
	CU_ASSERT_STRING_EQUAL(all, "10 9 Z a ab b \xc3\xa9 ");
	all[0] = '\0';
	CU_ASSERT_EQUAL(port_path_list(d, gather_two, all), ST_OK);
	CU_ASSERT_STRING_EQUAL(all, "10 9 ");
	CU_ASSERT_EQUAL(port_path_list(in(d, "none"), gather, all), ST_NOENT);
	CU_ASSERT_EQUAL(port_path_list(in(d, "a"), gather, all), ST_NOTDIR);
	scratch_remove(d);
}

static void test_stat_tells_kind_and_size(void)
{
	const char *d = scratch_make();
	struct port_stat st;

	make_file(in(d, "f"), 12345);
	CU_ASSERT_EQUAL(port_path_stat(in(d, "f"), &st), ST_OK);
	CU_ASSERT_EQUAL(st.kind, PORT_KIND_FILE);
	CU_ASSERT_EQUAL(st.size_bytes, 12345);
	CU_ASSERT_EQUAL(st.mode, 0600);
	CU_ASSERT(st.mtime_s > 1700000000);
	CU_ASSERT_EQUAL(port_path_mkdir(in(d, "dir"), 0755), ST_OK);
	CU_ASSERT_EQUAL(port_path_mkdir(in(d, "dir"), 0755), ST_EXIST);
	CU_ASSERT_EQUAL(port_path_mkdir(in(d, "no/dir"), 0755), ST_NOENT);
	CU_ASSERT_EQUAL(port_path_stat(in(d, "dir"), &st), ST_OK);
	CU_ASSERT_EQUAL(st.kind, PORT_KIND_DIR);
	CU_ASSERT_EQUAL(port_path_stat(in(d, "none"), &st), ST_NOENT);
	CU_ASSERT_EQUAL(port_path_stat(in(d, "f/x"), &st), ST_NOTDIR);
	scratch_remove(d);
}

static void test_remove(void)
{
	const char *d = scratch_make();

	CU_ASSERT_EQUAL(port_path_mkdir(in(d, "dir"), 0755), ST_OK);
	make_file(in(d, "dir/f"), 1);
	CU_ASSERT_EQUAL(port_path_remove(in(d, "dir")), ST_NOTEMPTY);
	CU_ASSERT_EQUAL(port_path_remove(in(d, "dir/f")), ST_OK);
	CU_ASSERT_EQUAL(port_path_remove(in(d, "dir/f")), ST_NOENT);
	CU_ASSERT_EQUAL(port_path_remove(in(d, "dir")), ST_OK);
	CU_ASSERT_EQUAL(port_path_sync_dir(d), ST_OK);
	CU_ASSERT_EQUAL(port_path_sync_dir(in(d, "none")), ST_NOENT);
	scratch_remove(d);
}

/* A file that is removed while it is open lives until it is closed. */
static void test_remove_while_open(void)
{
	const char *d = scratch_make();
	struct port_disk *disk;
	char buf[512];

	make_file(in(d, "f"), 4096);
	CU_ASSERT_EQUAL_FATAL(port_disk_open(in(d, "f"), 0, &disk, NULL), ST_OK);
	CU_ASSERT_EQUAL(port_path_remove(in(d, "f")), ST_OK);
	CU_ASSERT_EQUAL(do_io(disk, PORT_READ, 0, buf, sizeof(buf)), ST_OK);
	port_disk_close(disk);
	scratch_remove(d);
}

static void test_rename(void)
{
	const char *d = scratch_make();

	make_file(in(d, "a"), 1);
	make_file(in(d, "b"), 2);
	CU_ASSERT_EQUAL(port_path_rename(in(d, "a"), in(d, "b"), 0), ST_EXIST);
	CU_ASSERT(size_of(in(d, "a")) == 1 && size_of(in(d, "b")) == 2);
	CU_ASSERT_EQUAL(port_path_rename(in(d, "a"), in(d, "b"), 1), ST_OK);
	CU_ASSERT(size_of(in(d, "a")) == ~0ull && size_of(in(d, "b")) == 1);
	CU_ASSERT_EQUAL(port_path_rename(in(d, "b"), in(d, "c"), 0), ST_OK);
	CU_ASSERT_EQUAL(size_of(in(d, "c")), 1);
	CU_ASSERT_EQUAL(port_path_rename(in(d, "none"), in(d, "x"), 1), ST_NOENT);
	CU_ASSERT_EQUAL(port_path_mkdir(in(d, "dir"), 0755), ST_OK);
	CU_ASSERT_EQUAL(port_path_mkdir(in(d, "dir/sub"), 0755), ST_OK);
	CU_ASSERT_EQUAL(port_path_rename(in(d, "c"), in(d, "dir"), 1), ST_ISDIR);
	CU_ASSERT_EQUAL(port_path_rename(in(d, "dir"), in(d, "c"), 1), ST_NOTDIR);
	CU_ASSERT_EQUAL(port_path_rename(in(d, "dir"), in(d, "dir/sub/x"), 1), ST_INVAL);
	CU_ASSERT_EQUAL(port_path_rename(in(d, "dir"), in(d, "moved"), 0), ST_OK);
	CU_ASSERT(size_of(in(d, "moved/sub")) != ~0ull);
	scratch_remove(d);
}

static void test_links(void)
{
	const char *d = scratch_make();
	struct port_stat st;
	char target[100];
	struct port_disk *disk;

	make_file(in(d, "f"), 7);
	CU_ASSERT_EQUAL(port_path_link(in(d, "f"), in(d, "hard")), ST_OK);
	CU_ASSERT_EQUAL(port_path_link(in(d, "f"), in(d, "hard")), ST_EXIST);
	CU_ASSERT_EQUAL(port_path_remove(in(d, "f")), ST_OK);
	CU_ASSERT_EQUAL(size_of(in(d, "hard")), 7);
	CU_ASSERT_EQUAL(port_path_symlink("hard", in(d, "soft")), ST_OK);
	CU_ASSERT_EQUAL(port_path_stat(in(d, "soft"), &st), ST_OK);
	CU_ASSERT_EQUAL(st.kind, PORT_KIND_LINK);	/* stat does not follow */
	CU_ASSERT_EQUAL(port_path_readlink(in(d, "soft"), target, sizeof(target)), ST_OK);
	CU_ASSERT_STRING_EQUAL(target, "hard");
	CU_ASSERT_EQUAL(port_path_readlink(in(d, "soft"), target, 4), ST_RANGE);
	CU_ASSERT_EQUAL(port_path_readlink(in(d, "hard"), target, sizeof(target)), ST_INVAL);
	/* open does */
	CU_ASSERT_EQUAL_FATAL(port_disk_open(in(d, "soft"), 0, &disk, NULL), ST_OK);
	port_disk_close(disk);
	CU_ASSERT_EQUAL(port_path_symlink("loop", in(d, "loop")), ST_OK);
	CU_ASSERT_EQUAL(port_disk_open(in(d, "loop"), 0, &disk, NULL), ST_LIMIT);
	scratch_remove(d);
}

static const struct cu_case cases[] = {
	{ "list is in byte order", test_list_is_in_byte_order },
	{ "stat tells kind and size", test_stat_tells_kind_and_size },
	{ "remove", test_remove },
	{ "remove while open", test_remove_while_open },
	{ "rename", test_rename },
	{ "links", test_links },
};

CU_MAIN("port/path", cases)
