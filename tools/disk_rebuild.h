/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_rebuild - a lost descriptor is written again: vmdk_rebuild() with what other files know. */
#ifndef CAIRN_TOOLS_DISK_REBUILD_H
#define CAIRN_TOOLS_DISK_REBUILD_H

#include "tools/cmd.h"

/* name: an extent, or the descriptor that is missing. finding: a line each for what was written and
 * where it comes from. */
MUST_USE enum status disk_rebuild(struct cmd *cmd, const char *name,
				  void (*finding)(void *arg, const char *text), void *arg,
				  struct why *why);

#endif
