/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check_dirs - what the checker's walks over the two shapes of a directory share.
 *   check_dirs.c      the rules N1 to N5, arrays of entries
 *   check_dir_hash.c  hashed directories, N6 */
#ifndef CAIRN_VMFS_CHECK_DIRS_PRIV_H
#define CAIRN_VMFS_CHECK_DIRS_PRIV_H

#include "vmfs/check_priv.h"

#define CHECK_NAME_BYTES	256u	/* room for a name in an entry, of any version */

struct check_entry {
	uint32_t	number;		/* 0: ".", 1: ".."; else in its directory's own way */
	uint32_t	type, fd, generation;
	uint32_t	room;		/* bytes of name that the entry has */
	uint8_t		name[CHECK_NAME_BYTES + 1];	/* a NUL is behind the room */
};

struct check_name { uint64_t hash; uint32_t number; };

struct dir_walk {
	struct check		*c;
	uint32_t		index;		/* of the directory in c->fd */
	uint32_t		addr;
	uint8_t			*fd;		/* form->fd_bytes */
	uint8_t			*buf;		/* CHECK_DIR_BYTES */
	struct check_name	*name;
	uint32_t		names, names_max;
	uint32_t		entries;	/* of an array */
};

#define CHECK_DIR_BYTES	65536u

struct check_dir_shape {
	/* check_take_entry() for each entry, "." and ".." first; shape and length are judged. */
	enum status (*walk)(struct dir_walk *w);
	/* One that the walk gave, again. */
	enum status (*read)(struct dir_walk *w, uint32_t number, struct check_entry *e);
};

/* Bytes of the directory's file; holes read 0. */
MUST_USE enum status check_dir_read(struct dir_walk *w, uint64_t offset, void *to, uint64_t bytes);
/* All of an entry but its number; its name has `room` bytes, at most CHECK_NAME_BYTES. */
void check_decode_entry(const struct vmfs_dirent_head *d, const uint8_t *name, uint32_t room,
			struct check_entry *e);
/* Rules N1 to N4 of one entry. fd 0: it is none. */
MUST_USE enum status check_take_entry(struct dir_walk *w, const struct check_entry *e);
/* A finding at the directory's descriptor. */
void check_dir_find(struct dir_walk *w, const char *rule, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif
