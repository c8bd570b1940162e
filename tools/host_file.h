/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host_file - what the port does not tell of this machine's own files, and a store therefore
 * answers with ST_UNSUPPORTED: their times and permission bits, the room that is left. And files
 * that a killed process has left. */
#ifndef CAIRN_TOOLS_HOST_FILE_H
#define CAIRN_TOOLS_HOST_FILE_H

#include "iopath/store.h"

/* Open for writing what a process may still hold that was just killed: a file that is busy is asked
 * for again for two seconds. */
MUST_USE enum status host_file_open_soon(struct store *s, const char *path, struct store_file **f,
					 struct why *why);
/* Remove what a killed run has left under a hidden name. ST_BUSY: its process is alive. */
MUST_USE enum status host_file_remove_left(struct store *s, const char *path, struct why *why);
/* As store_ops.set_attr. */
MUST_USE enum status host_file_set_attr(struct store *s, const char *path, uint32_t mode,
				       int64_t mtime_s);
/* As store_ops.space, for the file system that holds path (which may not exist yet). */
MUST_USE enum status host_file_space(struct store *s, const char *path, struct store_space *space);

#endif
