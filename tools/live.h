/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* live - what a command says of reading a volume that hosts may be using: first that nothing is
 * written and who is there, last whether what was read was of one moment. */
#ifndef CAIRN_TOOLS_LIVE_H
#define CAIRN_TOOLS_LIVE_H

#include "tools/cmd.h"

#define LIVE_WATCH_NS	3500000000ull	/* a beat (3 s) and some delay */

/* "alive", "gone", or "unknown": no beat was seen, but not for long enough. */
const char *live_word(const struct vmfs_host_slot *h);
/* Before and after a verb. live_end() returns the code the command ends with: EXIT_PARTLY (1 for
 * the compatible names) in place of 0 when something that was read may mix moments and --live does
 * not consent to that. */
void live_begin(struct cmd *cmd);
int live_end(struct cmd *cmd, int code);
/* A JSON document is about to be printed: when the verdict is bad it says so. 0; -1 as
 * out_doc_print(), which this calls. */
int live_print(struct cmd *cmd, json_t *doc);
/* Before and after the data of a file is read: ST_BUSY with the file's name in why, when a host
 * has it open or it changed. With consent: ST_OK, and a remark. */
MUST_USE enum status live_file_check(struct cmd *cmd, struct store_file *f, const char *name,
				     struct why *why);

#endif
