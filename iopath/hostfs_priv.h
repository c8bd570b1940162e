/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hostfs - private: the store and its files, and the half that works on names (hostfs_path.c). */
#ifndef CAIRN_IOPATH_HOSTFS_PRIV_H
#define CAIRN_IOPATH_HOSTFS_PRIV_H

#include "iopath/store.h"

#define HOSTFS_PATH_MAX	4096
#define HOSTFS_DIRS_MAX	32	/* directories that wait for a sync; one more syncs the oldest */

struct hostfs {
	struct store	store;
	struct list	files;		/* open ones */
	struct io_mutex	walk;		/* held to flush one of them, and to unlink one */
	struct list	dirs;		/* struct hostfs_dir that wait for a sync, oldest first */
	uint32_t	dir_count;
	char		root[HOSTFS_PATH_MAX];	/* without a slash at its end: "" for all */
};

struct hostfs_dir {
	struct list	link;
	char		path[];
};

struct hostfs_file {
	struct store_file	file;
	struct port_disk	*disk;
	struct io_dev		dev;	/* the same disk, for store_run */
	struct list		link;
	struct store_stat	stat;	/* as it was when opened, but for the sizes */
	uint8_t			dirty;	/* written since the last flush */
};

static inline struct hostfs *hostfs_of(struct store *s)
{
	return container_of(s, struct hostfs, store);
}

/* The machine's path of a path in the store. */
MUST_USE enum status hostfs_path(struct hostfs *h, const char *path, char out[HOSTFS_PATH_MAX],
				 struct why *why);
/* The names in the directory of this machine's path changed. */
MUST_USE enum status hostfs_touched(struct hostfs *h, const char *full);
MUST_USE enum status hostfs_sync_dirs(struct hostfs *h);
void hostfs_forget_dirs(struct hostfs *h);

/* Slots of store_ops. */
enum status hostfs_stat(struct store *s, const char *path, struct store_stat *st, struct why *why);
enum status hostfs_list(struct store *s, const char *dir,
			int (*fn)(void *arg, const char *name, const struct store_stat *st),
			void *arg, struct why *why);
enum status hostfs_readlink(struct store *s, const char *path, char *buf, size_t size);
enum status hostfs_mkdir(struct store *s, const char *path, uint32_t mode, struct why *why);
enum status hostfs_symlink(struct store *s, const char *target, const char *path, struct why *why);
enum status hostfs_remove(struct store *s, const char *path, struct why *why);
enum status hostfs_rename(struct store *s, const char *old_path, const char *new_path, int replace,
			  struct why *why);

#endif
