/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Names: limits, link counts, renames of every kind, large directories, faults in the middle. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/vmfs_priv.h"

#define VOLUME_BYTES	(320 * MIB)

static enum status mkdir_at(struct vol *v, const char *path)
{
	return v->s->ops->mkdir(v->s, path, 0755, &v->why);
}

static enum status rename_to(struct vol *v, const char *from, const char *to, int replace)
{
	return v->s->ops->rename(v->s, from, to, replace, &v->why);
}

static void touch(struct vol *v, const char *path) { vol_close(v, vol_create(v, path)); }

static struct store_stat stat_of(struct vol *v, const char *path)
{
	struct store_stat st = { 0 };

	CU_ASSERT_EQUAL(v->s->ops->stat(v->s, path, &st, &v->why), ST_OK);
	return st;
}

static enum status look(struct vol *v, const char *path)
{
	struct store_stat st;

	return v->s->ops->stat(v->s, path, &st, NULL);
}

static void test_names_of_127_bytes_and_not_more(void)
{
	char path[140] = "/";
	struct store_file *f;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	memset(path + 1, 'n', 127);
	touch(&v, path);
	CU_ASSERT_EQUAL(look(&v, path), ST_OK);
	path[128] = 'n';
	CU_ASSERT_EQUAL(v.s->ops->create(v.s, path, 0644, &f, &v.why), ST_NAME);
	CU_ASSERT_EQUAL(v.s->ops->create(v.s, "/a\xFF", 0644, &f, &v.why), ST_NAME);
	CU_ASSERT_EQUAL(v.s->ops->create(v.s, "/..", 0644, &f, &v.why), ST_NAME);
	CU_ASSERT_EQUAL(v.s->ops->create(v.s, "/", 0644, &f, &v.why), ST_EXIST);
	touch(&v, "/\xC3\xBC\xE2\x82\xAC");
	CU_ASSERT_EQUAL(look(&v, "/\xC3\xBC\xE2\x82\xAC"), ST_OK);
	CU_ASSERT_EQUAL(look(&v, "/none/x"), ST_NOENT);
	CU_ASSERT_EQUAL(v.s->ops->mkdir(v.s, "/none/x", 0755, &v.why), ST_NOENT);
	CU_ASSERT_EQUAL(look(&v, "/\xC3\xBC\xE2\x82\xAC/x"), ST_NOTDIR);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* A directory has its entry, its "." and the ".." of each directory in it. */
static void test_link_counts(void)
{
	uint32_t root;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	root = stat_of(&v, "/").links;
	CU_ASSERT_EQUAL(mkdir_at(&v, "/d"), ST_OK);
	CU_ASSERT_EQUAL(mkdir_at(&v, "/d/e"), ST_OK);
	CU_ASSERT_EQUAL(mkdir_at(&v, "/d/f"), ST_OK);
	touch(&v, "/d/file");
	CU_ASSERT_EQUAL(stat_of(&v, "/").links, root + 1);
	CU_ASSERT_EQUAL(stat_of(&v, "/d").links, 4);
	CU_ASSERT_EQUAL(stat_of(&v, "/d/file").links, 1);
	CU_ASSERT_EQUAL(rename_to(&v, "/d/e", "/e", 0), ST_OK);
	CU_ASSERT_EQUAL(stat_of(&v, "/d").links, 3);
	CU_ASSERT_EQUAL(stat_of(&v, "/").links, root + 2);
	CU_ASSERT_EQUAL(vol_remove(&v, "/d"), ST_NOTEMPTY);
	CU_ASSERT_EQUAL(vol_remove(&v, "/e"), ST_OK);
	CU_ASSERT_EQUAL(stat_of(&v, "/").links, root + 1);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

static void test_renames(void)
{
	struct store_file *f;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(mkdir_at(&v, "/d"), ST_OK);
	CU_ASSERT_EQUAL(mkdir_at(&v, "/d/e"), ST_OK);
	touch(&v, "/f");
	touch(&v, "/g");
	CU_ASSERT_EQUAL(rename_to(&v, "/d", "/d/e/x", 0), ST_INVAL);
	CU_ASSERT_EQUAL(rename_to(&v, "/f", "/g", 0), ST_EXIST);
	CU_ASSERT_EQUAL(rename_to(&v, "/f", "/d", 1), ST_ISDIR);
	CU_ASSERT_EQUAL(rename_to(&v, "/d/e", "/f", 1), ST_NOTDIR);
	CU_ASSERT_EQUAL(rename_to(&v, "/f", "/f", 1), ST_OK);
	CU_ASSERT_EQUAL(rename_to(&v, "/none", "/x", 0), ST_NOENT);
	CU_ASSERT_EQUAL(rename_to(&v, "/.fbb.sf", "/x", 0), ST_REFUSED);
	CU_ASSERT_EQUAL(rename_to(&v, "/f", "/.fbb.sf", 1), ST_REFUSED);
	CU_ASSERT_EQUAL(vol_remove(&v, "/.sdd.sf"), ST_REFUSED);
	f = vol_open(&v, "/g", STORE_READ);
	CU_ASSERT_EQUAL(rename_to(&v, "/f", "/g", 1), ST_BUSY);
	CU_ASSERT_EQUAL(vol_remove(&v, "/g"), ST_BUSY);
	vol_close(&v, f);
	CU_ASSERT_EQUAL(rename_to(&v, "/f", "/g", 1), ST_OK);
	CU_ASSERT_EQUAL(look(&v, "/f"), ST_NOENT);
	CU_ASSERT_EQUAL(rename_to(&v, "/g", "/d/e/g", 0), ST_OK);
	CU_ASSERT_EQUAL(look(&v, "/d/e/g"), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

static void test_symlink_keeps_its_target(void)
{
	char buf[64];
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(v.s->ops->symlink(v.s, "some/where", "/l", &v.why), ST_OK);
	vol_remount(&v);
	CU_ASSERT_EQUAL(v.s->ops->readlink(v.s, "/l", buf, sizeof(buf)), ST_OK);
	CU_ASSERT_STRING_EQUAL(buf, "some/where");
	CU_ASSERT_EQUAL(v.s->ops->readlink(v.s, "/l", buf, 10), ST_RANGE);
	CU_ASSERT_EQUAL(stat_of(&v, "/l").size_bytes, 10);
	CU_ASSERT_EQUAL(vol_remove(&v, "/l"), ST_OK);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* ---- many entries ---------------------------------------------------------------------------- */

#define MANY	400u

struct seen { uint32_t count; uint8_t number[MANY]; };

static int see(void *arg, const char *name, const struct store_stat *st)
{
	struct seen *s = arg;

	CU_ASSERT_EQUAL(st->kind, STORE_FILE);
	s->number[atoi(name)]++;
	s->count++;
	return 0;
}

static void check_names(struct vol *v, const uint8_t *there)
{
	struct seen s = { 0 };
	uint32_t count = 0;

	CU_ASSERT_EQUAL(v->s->ops->list(v->s, "/d", see, &s, &v->why), ST_OK);
	for (uint32_t i = 0; i < MANY; i++) {
		CU_ASSERT_EQUAL(s.number[i], there[i]);
		count += there[i];
	}
	CU_ASSERT_EQUAL(s.count, count);
}

/* Random creates, removals and renames in one directory: it has the names it should, each once. */
static void test_random_names_match_a_model(void)
{
	uint8_t there[MANY] = { 0 };
	struct rnd r = { 7 };
	struct vol v;

	vol_format(2 * GIB);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(mkdir_at(&v, "/d"), ST_OK);
	for (uint32_t n = 0; n < 4000; n++) {
		uint32_t a = rnd(&r, MANY), b = rnd(&r, MANY);
		char from[32], to[32];

		snprintf(from, sizeof(from), "/d/%u", a);
		snprintf(to, sizeof(to), "/d/%u", b);
		if (!there[a]) {
			touch(&v, from);
			there[a] = 1;
		} else if (rnd(&r, 3)) {
			CU_ASSERT_EQUAL(rename_to(&v, from, to, 1), ST_OK);
			there[a] = 0;
			there[b] = 1;
		} else {
			CU_ASSERT_EQUAL(vol_remove(&v, from), ST_OK);
			there[a] = 0;
		}
		if (n % 1000 == 999) {
			vol_remount(&v);
			check_names(&v, there);
		}
	}
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* Descriptors run out: a clean error, and all comes back. */
static void test_no_descriptor_left(void)
{
	struct vmfs_info before, after;
	struct store_file *f;
	enum status st = ST_OK;
	uint32_t made = 0;
	char path[32];
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	vol_info(&v, &before);
	while (st == ST_OK) {
		snprintf(path, sizeof(path), "/%u", made);
		st = v.s->ops->create(v.s, path, 0644, &f, &v.why);
		if (st == ST_OK)
			vol_close(&v, f);
		made += st == ST_OK;
	}
	CU_ASSERT_EQUAL(st, ST_NOSPACE);
	CU_ASSERT_EQUAL(made, before.fds.free);
	CU_ASSERT_EQUAL(mkdir_at(&v, "/dir"), ST_NOSPACE);
	CU_ASSERT_EQUAL(vol_remove(&v, "/3"), ST_OK);
	CU_ASSERT_EQUAL(mkdir_at(&v, "/dir"), ST_OK);
	CU_ASSERT_EQUAL(vol_remove(&v, "/dir"), ST_OK);
	for (uint32_t i = 0; i < made; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		CU_ASSERT_EQUAL(vol_remove(&v, path), i == 3 ? ST_NOENT : ST_OK);
	}
	vol_info(&v, &after);
	CU_ASSERT_EQUAL(after.fds.free, before.fds.free);
	CU_ASSERT_EQUAL(after.sub_blocks.free, before.sub_blocks.free);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* The parent chain of a directory made a loop by damage: renaming ends, with an error. */
static void test_loop_of_directories_ends(void)
{
	struct vmfs_fd top, d;
	struct vol v;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(mkdir_at(&v, "/d"), ST_OK);
	CU_ASSERT_EQUAL(mkdir_at(&v, "/d/e"), ST_OK);
	CU_ASSERT_EQUAL(mkdir_at(&v, "/x"), ST_OK);
	vmfs_enter(v.volume);
	CU_ASSERT_EQUAL(vmfs_path_fd(v.volume, "/d", &top, NULL), ST_OK);
	CU_ASSERT_EQUAL(vmfs_path_fd(v.volume, "/d/e", &d, NULL), ST_OK);
	{
		struct vmfs_slot slot;
		struct meta_page *page;
		struct vmfs_dirent_disk *e;
		uint64_t at;

		/* In memory only: the ".." of /d now names /d/e. */
		CU_ASSERT_EQUAL(vmfs_fd_slot(v.volume, &top, 0, META_READ, &slot), ST_OK);
		at = vmfs_layout_addr_at(&v.volume->layout, vmfs_map_value(v.volume, &slot));
		CU_ASSERT_EQUAL(vmfs_meta_get(v.volume, at, META_READ, &page), ST_OK);
		e = (void *)(page->data + at % META_PAGE_BYTES);
		le32_set(&e[1].head.fd, d.addr);
	}
	vmfs_leave(v.volume);
	CU_ASSERT_EQUAL(rename_to(&v, "/x", "/d/e/x", 0), ST_CORRUPT);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

static const struct cu_case cases[] = {
	{ "names of 127 bytes and not more", test_names_of_127_bytes_and_not_more },
	{ "link counts", test_link_counts },
	{ "renames", test_renames },
	{ "a symlink keeps its target", test_symlink_keeps_its_target },
	{ "random names match a model", test_random_names_match_a_model },
	{ "no descriptor left", test_no_descriptor_left },
	{ "a loop of directories ends", test_loop_of_directories_ends },
};
CU_MAIN("vmfs/dir", cases)
