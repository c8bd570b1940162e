/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* path - the names of a disk's files, and the store's control calls with a text for each failure.
 * */
#ifndef CAIRN_VMDK_PATH_H
#define CAIRN_VMDK_PATH_H

#include "iopath/store.h"

#define VMDK_PATH_MAX 2048

/* "/a/b.vmdk" -> "b.vmdk". */
const char *path_base(const char *path);
/* The directory of path, "/" for a file in the root. */
MUST_USE enum status path_dir(const char *path, char *dir, size_t size);
/* `name`, a relative name without "..", in the directory of `path`; either slash separates. */
MUST_USE enum status path_sibling(const char *path, const char *name, char *out, size_t size,
				  struct why *why);
/* The file of a disk whose descriptor is path: "/a/d.vmdk", "-flat" -> "/a/d-flat.vmdk". */
MUST_USE enum status path_extent(const char *path, const char *suffix, char *out, size_t size);
/* A hidden neighbour: "/a/d.vmdk", "new" -> "/a/.d.vmdk.cairn-new". */
MUST_USE enum status path_hidden(const char *path, const char *tag, char *out, size_t size);
/* May a new disk be called so? vmdk kinds: ends in .vmdk, not like an extent; no double quote. */
MUST_USE enum status path_check_new(const char *path, int raw, struct why *why);
/* 1 when the name looks like an extent of another disk ("-flat.vmdk", "-s001.vmdk", ...); the name
 * of that disk's descriptor goes to owner. */
int path_is_extent(const char *path, char *owner, size_t size);

/* ST_READONLY in a store that cannot be changed. A failure leaves *file NULL and a text. */
MUST_USE enum status file_create(struct store *s, const char *path, struct store_file **file,
				 struct why *why);
MUST_USE enum status vmdk_file_open(struct store *s, const char *path, unsigned flags,
				    struct store_file **file, struct why *why);
MUST_USE enum status vmdk_file_remove(struct store *s, const char *path, struct why *why);
/* Remove what a failed operation made; nothing more can be done when that fails too. */
void file_discard(struct store *s, const char *path);
MUST_USE enum status file_rename(struct store *s, const char *from, const char *to,
				 struct why *why);
/* ST_EXIST with a text when path exists, ST_OK when it does not. */
MUST_USE enum status file_absent(struct store *s, const char *path, struct why *why);
MUST_USE enum status store_settle(struct store *s, struct why *why);
MUST_USE enum status file_zero(struct store_file *f, uint64_t offset, uint64_t bytes);
MUST_USE enum status file_unmap(struct store_file *f, uint64_t offset, uint64_t bytes);
/* A new small file that appears whole under its name, or not at all. ST_EXIST when it is there. */
MUST_USE enum status file_publish(struct store *s, const char *path, const void *data,
				  uint64_t bytes, struct why *why);

#endif
