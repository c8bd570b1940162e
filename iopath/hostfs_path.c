/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hostfs_path - names of the machine's own file system, and which directories need a sync. */
#include "iopath/hostfs_priv.h"

static enum status tell(struct why *why, enum status st, const char *full)
{
	return st == ST_OK ? st : why_set(why, st, "%s: %s", full, status_text(st));
}

enum status hostfs_path(struct hostfs *h, const char *path, char out[HOSTFS_PATH_MAX],
			struct why *why)
{
	size_t root = strlen(h->root), n = strlen(path);

	if (path[0] != '/')
		return why_set(why, ST_INVAL, "%s: not an absolute path", path);
	if (root + n >= HOSTFS_PATH_MAX)
		return why_set(why, ST_NAME, "%.100s...: the path is too long", path);
	memcpy(out, h->root, root);
	memcpy(out + root, path, n + 1);
	return ST_OK;
}

/* ---- what waits for a sync ------------------------------------------------------------------- */

static enum status sync_first(struct hostfs *h)
{
	struct hostfs_dir *d = list_entry(list_pop(&h->dirs), struct hostfs_dir, link);
	enum status st = port_path_sync_dir(d->path);

	port_free(d);
	h->dir_count--;
	return st == ST_NOENT ? ST_OK : st;	/* removed since: its parent waits here too */
}

enum status hostfs_sync_dirs(struct hostfs *h)
{
	enum status st = ST_OK;

	while (!list_empty(&h->dirs)) {
		enum status one = sync_first(h);

		if (st == ST_OK)
			st = one;
	}
	return st;
}

void hostfs_forget_dirs(struct hostfs *h)
{
	struct list *l;

	while ((l = list_pop(&h->dirs)) != NULL)
		port_free(list_entry(l, struct hostfs_dir, link));
	h->dir_count = 0;
}

static int waits(struct hostfs *h, const char *full, size_t dir_bytes)
{
	struct hostfs_dir *d;

	list_for_each(d, &h->dirs, link)
		if (strlen(d->path) == dir_bytes && memcmp(d->path, full, dir_bytes) == 0)
			return 1;
	return 0;
}

enum status hostfs_touched(struct hostfs *h, const char *full)
{
	const char *slash = strrchr(full, '/');
	size_t n = slash == full ? 1 : (size_t)(slash - full);
	struct hostfs_dir *d;

	if (waits(h, full, n))
		return ST_OK;
	d = port_alloc(sizeof(*d) + n + 1);
	if (!d)
		return ST_NOMEM;
	memcpy(d->path, full, n);
	list_add_tail(&h->dirs, &d->link);
	return ++h->dir_count > HOSTFS_DIRS_MAX ? sync_first(h) : ST_OK;
}

/* ---- looking --------------------------------------------------------------------------------- */

/* The port does not tell inode numbers: two spellings of one path are one file, hard links are
 * two. */
static uint64_t id_of(const char *full)
{
	uint64_t id = 0xCBF29CE484222325ull;	/* FNV-1a */

	for (; *full; full++)
		id = (id ^ (uint8_t)*full) * 0x100000001B3ull;
	return id;
}

static enum store_kind kind_of(enum port_kind kind)
{
	switch (kind) {
	case PORT_KIND_FILE: return STORE_FILE;
	case PORT_KIND_DIR: return STORE_DIR;
	case PORT_KIND_LINK: return STORE_SYMLINK;
	default: return STORE_OTHER;
	}
}

static enum status stat_full(const char *full, struct store_stat *st)
{
	struct port_stat ps;
	enum status ended = port_path_stat(full, &ps);

	if (ended != ST_OK)
		return ended;
	*st = (struct store_stat){
		.kind = kind_of(ps.kind),	.id = id_of(full),
		.size_bytes = ps.size_bytes,	.allocated_bytes = ps.allocated_bytes,
		.block_bytes = 4096,		.mode = ps.mode,
		.uid = ps.uid,			.gid = ps.gid,
		.links = 1,			.mtime_s = ps.mtime_s,
		.ctime_s = ps.mtime_s,		.atime_s = ps.mtime_s,
	};
	return ST_OK;
}

enum status hostfs_stat(struct store *s, const char *path, struct store_stat *st, struct why *why)
{
	char full[HOSTFS_PATH_MAX];
	enum status ended = hostfs_path(hostfs_of(s), path, full, why);

	return ended == ST_OK ? tell(why, stat_full(full, st), full) : ended;
}

struct listing {
	char		full[HOSTFS_PATH_MAX];
	size_t		dir_bytes;	/* of full, the slash included */
	int		(*fn)(void *arg, const char *name, const struct store_stat *st);
	void		*arg;
};

static int list_one(void *arg, const char *name)
{
	struct listing *l = arg;
	struct store_stat st;

	if (l->dir_bytes + strlen(name) >= sizeof(l->full))
		return 0;	/* cannot be opened by any path either */
	mem_copy_text(l->full + l->dir_bytes, sizeof(l->full) - l->dir_bytes, name);
	if (stat_full(l->full, &st) != ST_OK)
		return 0;	/* gone since the directory was read */
	return l->fn(l->arg, name, &st);
}

enum status hostfs_list(struct store *s, const char *dir,
			int (*fn)(void *arg, const char *name, const struct store_stat *st),
			void *arg, struct why *why)
{
	struct listing l = { .fn = fn, .arg = arg };
	char full[HOSTFS_PATH_MAX];
	enum status ended = hostfs_path(hostfs_of(s), dir, full, why);

	if (ended != ST_OK)
		return ended;
	l.dir_bytes = strlen(full);
	if (l.dir_bytes + 1 >= sizeof(l.full))
		return why_set(why, ST_NAME, "%.100s...: the path is too long", full);
	memcpy(l.full, full, l.dir_bytes);
	if (full[l.dir_bytes - 1] != '/')
		l.full[l.dir_bytes++] = '/';
	return tell(why, port_path_list(full, list_one, &l), full);
}

enum status hostfs_readlink(struct store *s, const char *path, char *buf, size_t size)
{
	char full[HOSTFS_PATH_MAX];
	enum status ended = hostfs_path(hostfs_of(s), path, full, NULL);

	return ended == ST_OK ? port_path_readlink(full, buf, size) : ended;
}

/* ---- changing -------------------------------------------------------------------------------- */

/* A change of names that went well: remember its directory. */
static enum status changed(struct hostfs *h, enum status st, const char *full, struct why *why)
{
	if (st == ST_OK)
		st = hostfs_touched(h, full);
	return tell(why, st, full);
}

enum status hostfs_mkdir(struct store *s, const char *path, uint32_t mode, struct why *why)
{
	char full[HOSTFS_PATH_MAX];
	enum status ended = hostfs_path(hostfs_of(s), path, full, why);

	return ended == ST_OK ? changed(hostfs_of(s), port_path_mkdir(full, mode), full, why) :
				ended;
}

enum status hostfs_symlink(struct store *s, const char *target, const char *path, struct why *why)
{
	char full[HOSTFS_PATH_MAX];
	enum status ended = hostfs_path(hostfs_of(s), path, full, why);

	return ended == ST_OK ? changed(hostfs_of(s), port_path_symlink(target, full), full, why) :
				ended;
}

enum status hostfs_remove(struct store *s, const char *path, struct why *why)
{
	char full[HOSTFS_PATH_MAX];
	enum status ended = hostfs_path(hostfs_of(s), path, full, why);

	return ended == ST_OK ? changed(hostfs_of(s), port_path_remove(full), full, why) : ended;
}

enum status hostfs_rename(struct store *s, const char *old_path, const char *new_path, int replace,
			  struct why *why)
{
	struct hostfs *h = hostfs_of(s);
	char old_full[HOSTFS_PATH_MAX], new_full[HOSTFS_PATH_MAX];
	enum status ended = hostfs_path(h, old_path, old_full, why);

	if (ended == ST_OK)
		ended = hostfs_path(h, new_path, new_full, why);
	if (ended != ST_OK)
		return ended;
	ended = port_path_rename(old_full, new_full, replace);
	if (ended == ST_EXIST)
		return tell(why, ended, new_full);
	ended = changed(h, ended, old_full, why);
	return ended == ST_OK ? changed(h, ended, new_full, why) : ended;
}
