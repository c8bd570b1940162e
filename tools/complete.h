/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* complete - `cairn __complete -- WORD ...`: what the last word could become, one a line. The
 * words are those of the command line, the program's name first. Answers within 200 ms or not at
 * all, prints no errors. The line "@files" asks the shell for its own file names. */
#ifndef CAIRN_TOOLS_COMPLETE_H
#define CAIRN_TOOLS_COMPLETE_H

struct cmd;

int complete_run(struct cmd *cmd);
/* `cairn __candidates`, which it starts: the same without a limit of time. */
int complete_candidates(struct cmd *cmd);

#endif
