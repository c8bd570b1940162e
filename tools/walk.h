/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* walk - directories of a store as lists, and the guard of everything that descends: a damaged
 * volume may have a directory inside itself. */
#ifndef CAIRN_TOOLS_WALK_H
#define CAIRN_TOOLS_WALK_H

#include "iopath/store.h"

#define WALK_DEPTH_MAX 128	/* directories in each other; ours stop at far fewer */

struct walk_entry {
	char			*name;
	struct store_stat	st;
};

struct walk_dir {
	struct walk_entry	*entry;		/* in byte order of the names */
	size_t			count, max;
	enum status		damaged;	/* not ST_OK: some entries could not be read */
};

/* Read all names first, so that the walk may change the directory. walk_free() after success.
 * A damaged directory is success when names were read: `damaged` and why tell what is missing. */
MUST_USE enum status walk_read(struct store *s, const char *dir, struct walk_dir *d,
			      struct why *why);
void walk_free(struct walk_dir *d);

/* One level of a descent, on the stack of the function that descends. */
struct walk_level {
	const struct walk_level	*up;		/* NULL at the top */
	uint64_t		id;
	unsigned		depth;
};
/* ST_CORRUPT: the directory is inside itself; ST_LIMIT: too deep; ST_CANCELLED: interrupted. */
MUST_USE enum status walk_enter(struct walk_level *level, const struct walk_level *up,
				const struct store_stat *dir, const char *path, struct why *why);
/* "dir/name" in new memory (free()); NULL: none. */
char *walk_path(const char *dir, const char *name);
/* A hidden name beside path, by chance, for a file that is being written; free() it. */
char *walk_temporary(const char *path);

#endif
