/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Names made absolute and normal. */
#include "tests/unit/cu.h"

#include <string.h>
#include <unistd.h>

#include "tools/host.h"

static void test_normal(void)
{
	static const char *const pairs[][2] = {
		{ "/", "/" },
		{ "", "/" },
		{ "//a///b/", "/a/b" },
		{ "/a/./b/../c", "/a/c" },
		{ "/../../a", "/a" },
		{ "a/b", "/a/b" },
		{ "/a/..", "/" },
		{ "/a/..b/.c", "/a/..b/.c" },
		{ "/ab/../cd/../..", "/" },
	};
	char out[64], small[6];

	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
		CU_ASSERT_EQUAL(path_normal(pairs[i][0], out, sizeof(out)), 0);
		CU_ASSERT_STRING_EQUAL(out, pairs[i][1]);
	}
	CU_ASSERT_EQUAL(path_normal("/abcd", small, sizeof(small)), 0);
	CU_ASSERT_EQUAL(path_normal("/abcde", small, sizeof(small)), -1);
}

static void test_parts(void)
{
	char out[16];

	CU_ASSERT_STRING_EQUAL(path_last("/a/b"), "b");
	CU_ASSERT_STRING_EQUAL(path_last("b"), "b");
	path_parent("/a/b", out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "/a");
	path_parent("/a", out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "/");
	path_parent("/", out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "/");
	CU_ASSERT(path_is_below("/a/b", "/a"));
	CU_ASSERT(path_is_below("/a", "/a"));
	CU_ASSERT(!path_is_below("/ab", "/a"));
	CU_ASSERT(path_is_below("/x", "/"));
	CU_ASSERT_EQUAL(path_join("/", "a", out, sizeof(out)), 0);
	CU_ASSERT_STRING_EQUAL(out, "/a");
	CU_ASSERT_EQUAL(path_join("/0123456789", "abcd", out, sizeof(out)), -1);
}

/* Text alone would say link/.. is where the link is; the kernel says it is where it points. */
static void test_host_names_follow_the_kernel(void)
{
	char base[] = "/tmp/cairn-path.XXXXXX", name[128], want[128], out[HOST_PATH_MAX];

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(base));
	snprintf(name, sizeof(name), "%s/link", base);
	CU_ASSERT_EQUAL(symlink("/usr/bin", name), 0);
	snprintf(name, sizeof(name), "%s/link/../file", base);
	CU_ASSERT_EQUAL(path_of_host(name, out, sizeof(out)), 0);
	CU_ASSERT_STRING_EQUAL(out, "/usr/file");
	snprintf(name, sizeof(name), "%s/none/../file", base);
	snprintf(want, sizeof(want), "%s/file", base);
	CU_ASSERT_EQUAL(path_of_host(name, out, sizeof(out)), 0);
	CU_ASSERT_STRING_EQUAL(out, want);
	snprintf(name, sizeof(name), "%s/link", base);
	CU_ASSERT_EQUAL(unlink(name), 0);
	CU_ASSERT_EQUAL(rmdir(base), 0);
}

static void test_datastore_names(void)
{
	CU_ASSERT(host_is_datastore_name("/vmfs/volumes"));
	CU_ASSERT(host_is_datastore_name("/vmfs/volumes/ds1/a"));
	CU_ASSERT(host_is_datastore_name("/vmfs//volumes/../volumes/ds1"));
	CU_ASSERT(!host_is_datastore_name("/vmfs/volumes/../devices"));
	CU_ASSERT(!host_is_datastore_name("/vmfs/volumesx"));
	CU_ASSERT(!host_is_datastore_name("vmfs/volumes/ds1"));
}

static const struct cu_case cases[] = {
	{ "normal form", test_normal },
	{ "parts of a path", test_parts },
	{ "names of the host follow the kernel", test_host_names_follow_the_kernel },
	{ "datastore names", test_datastore_names },
};
CU_MAIN("tools/host_path", cases)
