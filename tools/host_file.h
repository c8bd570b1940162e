/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host_file - what the port does not tell of this machine's own files, and a store therefore
 * answers with ST_UNSUPPORTED: their times and permission bits, the room that is left. */
#ifndef CAIRN_TOOLS_HOST_FILE_H
#define CAIRN_TOOLS_HOST_FILE_H

#include "iopath/store.h"

/* As store_ops.set_attr. */
MUST_USE enum status host_file_set_attr(struct store *s, const char *path, uint32_t mode,
				       int64_t mtime_s);
/* As store_ops.space, for the file system that holds path (which may not exist yet). */
MUST_USE enum status host_file_space(struct store *s, const char *path, struct store_space *space);

#endif
