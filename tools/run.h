/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* run - from argv to an exit code. The tests call it in place of main(). */
#ifndef CAIRN_TOOLS_RUN_H
#define CAIRN_TOOLS_RUN_H

/* The name of the program chooses: a compatible name, or `cairn NOUN VERB`. */
int run_program(int argc, char **argv);

#endif
