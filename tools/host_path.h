/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host_path - names as people write them, made absolute and normal. Pure text, but path_of_host. */
#ifndef CAIRN_TOOLS_HOST_PATH_H
#define CAIRN_TOOLS_HOST_PATH_H

#include <stddef.h>

#define HOST_PATH_MAX 4096

/* All return 0, or -1 when the result does not fit. */

/* "a//b/../c/" -> "/a/c"; never above "/". */
int path_normal(const char *name, char *out, size_t size);
int path_join(const char *dir, const char *name, char *out, size_t size);
/* Absolute path of a file of this machine; what lies behind the last directory need not exist. */
int path_of_host(const char *name, char *out, size_t size);

const char *path_last(const char *path);	/* behind the last slash */
void path_parent(const char *path, char *out, size_t size);	/* "/a/b" -> "/a", "/a" -> "/" */
int path_is_below(const char *path, const char *dir);	/* or equal */

#endif
