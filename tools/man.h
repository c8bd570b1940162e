/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* man - a manual page in mdoc(7): the head and the option list from the table, the text from
 * standard input (docs/man/src/). What stands there before the first .Sh is the description; each
 * .Sh of the text replaces the section that would be made by itself, or is put at its place. */
#ifndef CAIRN_TOOLS_MAN_H
#define CAIRN_TOOLS_MAN_H

struct cmd;

/* `cairn __man PAGE`: PAGE is "cairn", or the page of a command: "cairn-file-cp", "voma". */
int man_run(struct cmd *cmd);

#endif
