/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_disk - what the verbs of `cairn disk` share, and the verbs: each returns its exit code. */
#ifndef CAIRN_TOOLS_CMD_DISK_H
#define CAIRN_TOOLS_CMD_DISK_H

#include "tools/disk.h"

static inline const char *cmd_disk_operand(struct cmd *cmd, size_t n)
{
	return cmd->args.operand[n];
}
/* How to open operand n: what the option `key` says of its format, and --ignore-cid. */
unsigned cmd_disk_flags(struct cmd *cmd, size_t n, const char *key);
int cmd_disk_finish(struct cmd *cmd, const char *object, enum status st, const struct why *why);
/* One item for a verb that changed something. job NULL: nobody knows what was moved. */
int cmd_disk_report(struct cmd *cmd, const char *disk, const struct vmdk_job *job);

/* ---- cmd_disk_look.c: verbs that only read --------------------------------------------------- */
int cmd_disk_info(struct cmd *cmd);
int cmd_disk_map(struct cmd *cmd);
int cmd_disk_measure(struct cmd *cmd);
int cmd_disk_compare(struct cmd *cmd);
int cmd_disk_verify(struct cmd *cmd);

/* ---- cmd_disk_check.c ------------------------------------------------------------------------ */
int cmd_disk_check(struct cmd *cmd);
int cmd_disk_repair(struct cmd *cmd);

/* ---- cmd_disk_change.c: one disk ------------------------------------------------------------- */
int cmd_disk_create(struct cmd *cmd);
int cmd_disk_delete(struct cmd *cmd);
int cmd_disk_rename(struct cmd *cmd);
int cmd_disk_grow(struct cmd *cmd);

/* ---- cmd_disk_copy.c: from one disk to another ----------------------------------------------- */
int cmd_disk_copy(struct cmd *cmd);
int cmd_disk_convert(struct cmd *cmd);
int cmd_disk_export(struct cmd *cmd);

#endif
