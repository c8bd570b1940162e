/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lock - what `cairn lock` and `vmkfstools -D` say of a lock and of those that hold it. */
#ifndef CAIRN_TOOLS_LOCK_H
#define CAIRN_TOOLS_LOCK_H

#include "tools/cmd.h"

/* "free", "exclusive", "readers", "writers", or "damaged". */
const char *lock_mode_word(const struct vmfs_lock_info *info);
/* An array with an object for each holder. */
json_t *lock_holders_json(const struct vmfs_lock_info *info);
/* A line for each holder on standard output, behind `title` the first time. */
void lock_print_holders(const struct vmfs_lock_info *info, const char *title);
/* The lock of a path; when somebody holds it, it is watched for a beat to tell who is alive. */
MUST_USE enum status lock_look(struct vmfs_volume *vol, const char *path,
			       struct vmfs_lock_info *info, struct why *why);

int lock_break(struct cmd *cmd);	/* lock_break.c */

#endif
