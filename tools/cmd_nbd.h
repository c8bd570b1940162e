/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_nbd - `cairn nbd`, a verb without a noun. */
#ifndef CAIRN_TOOLS_CMD_NBD_H
#define CAIRN_TOOLS_CMD_NBD_H

#include "tools/cmd.h"

/* Runs without the I/O core: the process becomes nbdkit. */
int cmd_nbd(struct cmd *cmd);

#endif
