/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmkfstools - private to the vmkfstools files: one function per main option, and how it fails. */
#ifndef CAIRN_TOOLS_VMKFSTOOLS_H
#define CAIRN_TOOLS_VMKFSTOOLS_H

#include "tools/disk.h"

/* "Failed to <what>[ '<path>']: <reason> (<code>)." on standard error, and with --json the error
 * document. what: "clone disk"; path NULL: none. Returns the exit code. */
int vmk_fail(struct cmd *cmd, const char *what, const char *path, enum status st,
	     const struct why *why);
/* The end of an option that changes something: with --json one item, else nothing. job NULL: no
 * data was copied. Returns the exit code. */
int vmk_done(struct cmd *cmd, const char *verb, const struct vmdk_job *job);
/* A question on a terminal; without one the answer is yes, as scripts expect. */
int vmk_ask(struct cmd *cmd, const char *question);
/* The argument of main option `key`, and the operand. */
static inline const char *vmk_arg(struct cmd *cmd, const char *key)
{
	return opt_text(&cmd->args, key, NULL);
}
static inline const char *vmk_target(struct cmd *cmd) { return cmd->args.operand[0]; }
uint64_t vmk_verbose(struct cmd *cmd);

/* vmkfstools_fs.c */
int vmk_createfs(struct cmd *cmd);
int vmk_spanfs(struct cmd *cmd);
int vmk_growfs(struct cmd *cmd);
int vmk_upgradefs(struct cmd *cmd);
int vmk_reclaim(struct cmd *cmd);
/* vmkfstools_query.c */
int vmk_queryfs(struct cmd *cmd);
int vmk_dump(struct cmd *cmd);
int vmk_activehosts(struct cmd *cmd);
/* vmkfstools_lock.c */
int vmk_breaklock(struct cmd *cmd);
/* vmkfstools_disk.c */
int vmk_create(struct cmd *cmd);
int vmk_delete(struct cmd *cmd);
int vmk_rename(struct cmd *cmd);
int vmk_clone(struct cmd *cmd);
int vmk_extend(struct cmd *cmd);
int vmk_inflate(struct cmd *cmd);
int vmk_eagerzero(struct cmd *cmd);
int vmk_punch(struct cmd *cmd);
int vmk_writezeros(struct cmd *cmd);
int vmk_migrate(struct cmd *cmd);
/* vmkfstools_look.c */
int vmk_queryrdm(struct cmd *cmd);
int vmk_geometry(struct cmd *cmd);
int vmk_fix(struct cmd *cmd);
int vmk_chain(struct cmd *cmd);
int vmk_unique(struct cmd *cmd);
int vmk_blockmap(struct cmd *cmd);
int vmk_info(struct cmd *cmd);
int vmk_map(struct cmd *cmd);
int vmk_compare(struct cmd *cmd);
int vmk_measure(struct cmd *cmd);

#endif
