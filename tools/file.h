/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* file - what the verbs of `cairn file` share. Each verb is one function, by its name. */
#ifndef CAIRN_TOOLS_FILE_H
#define CAIRN_TOOLS_FILE_H

#include "tools/cmd.h"
#include "tools/walk.h"

int file_ls(struct cmd *cmd);		/* file_ls.c */
int file_cp(struct cmd *cmd);		/* file_cp.c */
int file_mv(struct cmd *cmd);
int file_rm(struct cmd *cmd);		/* file_rm.c */
int file_du(struct cmd *cmd);		/* file_du.c */
int file_tree(struct cmd *cmd);

/* Resolve a name and look at it. follow: also through symbolic links, up to 16.
 * On the heap, because a host_path is large; file_put() frees it. */
MUST_USE enum status file_get(struct cmd *cmd, const char *name, enum host_access access,
			      int follow, struct host_path **path, struct store_stat *st,
			      struct why *why);
void file_put(struct host_path *path);
/* An error of one of several operands: complain, and keep the worst exit code. */
void file_item_failed(struct cmd *cmd, const char *name, enum status st, const struct why *why,
		      int *code);

/* With --json: one operand was dealt with, and how the document of all of them ends. items and doc
 * NULL: no --json. */
void file_item_done(struct cmd *cmd, json_t *items, const char *name);
int file_items_end(json_t *doc, int code);

/* As ls spells it: - d l, r for a raw device mapping, ? for what is none of these. */
char file_kind_letter(enum store_kind kind);
const char *file_kind_word(enum store_kind kind);
/* The item of --json for one file. */
json_t *file_json(struct store *s, const char *path, const char *shown,
		  const struct store_stat *st);
/* Where a link points, "" when it cannot be read. */
void file_target(struct store *s, const char *path, char *buf, size_t size);

/* 1 for a name on a datastore whose descriptor could not be read. */
int file_is_lost(const struct store *s, const struct store_stat *st);
/* ST_READONLY unless the store can be written. */
MUST_USE enum status file_writable(const struct host_path *path, struct why *why);
/* Remove a file, or with recursive a directory and all below it. */
MUST_USE enum status file_remove_tree(struct store *s, const char *path,
				      const struct store_stat *st, int recursive, struct why *why);
#endif
