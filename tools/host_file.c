/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host_file - ask the store first; only this machine's own (its root is "/") is asked past it. */
#include "tools/host_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "tools/host_path.h"

static int is_machine(const struct store *s) { return strcmp(s->ops->name, "host") == 0; }

#define AGAIN_NS	100000000ull
#define PATIENCE_NS	2000000000ull

/* The kernel takes a moment to let go of the files of a killed process. */
enum status host_file_open_soon(struct store *s, const char *path, struct store_file **f,
				struct why *why)
{
	uint64_t start = port_now_ns();
	enum status st;

	while ((st = s->ops->open(s, path, STORE_WRITE, f, why)) == ST_BUSY &&
	       port_now_ns() - start < PATIENCE_NS && !port_interrupted())
		port_world_sleep_ns(AGAIN_NS);
	return st;
}

enum status host_file_remove_left(struct store *s, const char *path, struct why *why)
{
	struct store_file *f;
	enum status st = host_file_open_soon(s, path, &f, NULL);

	if (st == ST_NOENT)
		return ST_OK;
	if (st == ST_BUSY)
		return why_set(why, st, "%s: another process is writing it", path);
	if (st == ST_OK)
		(void)s->ops->file_close(f);	/* nothing was written to it */
	return s->ops->remove(s, path, why);
}

enum status host_file_set_attr(struct store *s, const char *path, uint32_t mode, int64_t mtime_s)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)mtime_s } };
	enum status st = s->ops->set_attr(s, path, mode, mtime_s);

	if (st != ST_UNSUPPORTED || !is_machine(s))
		return st;
	if (mode != ~0u && chmod(path, mode) != 0)
		return ST_REFUSED;
	if (mtime_s != INT64_MIN && utimensat(AT_FDCWD, path, times, 0) != 0)
		return ST_REFUSED;
	return ST_OK;
}

enum status host_file_space(struct store *s, const char *path, struct store_space *space)
{
	char dir[HOST_PATH_MAX];
	struct statvfs v;
	enum status st = s->ops->space(s, space);

	if (st != ST_UNSUPPORTED || !is_machine(s))
		return st;
	path_parent(path, dir, sizeof(dir));
	if (statvfs(path, &v) != 0 && statvfs(dir, &v) != 0)
		return ST_NOENT;
	*space = (struct store_space){ .total_bytes = (uint64_t)v.f_blocks * v.f_frsize,
				       .free_bytes = (uint64_t)v.f_bavail * v.f_frsize,
				       .block_bytes = (uint32_t)v.f_frsize };
	return ST_OK;
}
