/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* file - the machine's own files and directories. */
#include "iopath/port/linux/linux_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status result_of(int result)
{
	return result == 0 ? ST_OK : status_of_errno(errno);
}

static enum port_kind kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return PORT_KIND_FILE;
	if (S_ISDIR(mode))
		return PORT_KIND_DIR;
	if (S_ISLNK(mode))
		return PORT_KIND_LINK;
	return S_ISBLK(mode) ? PORT_KIND_DEVICE : PORT_KIND_OTHER;
}

enum status port_path_stat(const char *path, struct port_stat *out)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return status_of_errno(errno);
	*out = (struct port_stat){
		.kind = kind_of(st.st_mode),
		.size_bytes = (uint64_t)st.st_size,
		.allocated_bytes = (uint64_t)st.st_blocks * 512,
		.mode = st.st_mode & 07777,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.mtime_s = st.st_mtim.tv_sec,
	};
	return ST_OK;
}

/* ---- list ------------------------------------------------------------------------------------ */

static int is_entry(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* By bytes, not by the locale as alphasort() does. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

enum status port_path_list(const char *dir, int (*fn)(void *arg, const char *name), void *arg)
{
	struct dirent **entries;
	int count = scandir(dir, &entries, is_entry, by_bytes), stop = 0;

	if (count < 0)
		return status_of_errno(errno);
	for (int i = 0; i < count; i++) {
		if (!stop)
			stop = fn(arg, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return ST_OK;
}

/* ---- change ---------------------------------------------------------------------------------- */

enum status port_path_mkdir(const char *path, uint32_t mode)
{
	return result_of(mkdir(path, (mode_t)mode));
}

enum status port_path_remove(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return status_of_errno(errno);
	return result_of(S_ISDIR(st.st_mode) ? rmdir(path) : unlink(path));
}

/* Where the file system cannot rename without replacing, a hard link does the same in one step. */
static enum status rename_new(const char *old_path, const char *new_path)
{
	if (renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, RENAME_NOREPLACE) == 0)
		return ST_OK;
	if (errno != EINVAL && errno != ENOSYS)
		return status_of_errno(errno);
	if (link(old_path, new_path) != 0)
		return errno == EPERM ? ST_UNSUPPORTED : status_of_errno(errno);
	return result_of(unlink(old_path));
}

enum status port_path_rename(const char *old_path, const char *new_path, int replace)
{
	return replace ? result_of(rename(old_path, new_path)) : rename_new(old_path, new_path);
}

enum status port_path_link(const char *old_path, const char *new_path)
{
	return result_of(link(old_path, new_path));
}

enum status port_path_symlink(const char *target, const char *path)
{
	return result_of(symlink(target, path));
}

enum status port_path_readlink(const char *path, char *buf, size_t size)
{
	ssize_t n = readlink(path, buf, size);

	if (n < 0)
		return status_of_errno(errno);
	if ((size_t)n >= size)
		return ST_RANGE;
	buf[n] = '\0';
	return ST_OK;
}

enum status port_path_sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status st;

	if (fd < 0)
		return status_of_errno(errno);
	st = result_of(fsync(fd));
	close(fd);
	/* A file system that cannot sync a directory has nothing to sync it to (some in memory). */
	return st == ST_INVAL ? ST_OK : st;
}
