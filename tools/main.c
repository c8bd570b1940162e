/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* main - find the command that was meant, read its command line, run it as the main world. */
#include <signal.h>

#include "tools/run.h"

int main(int argc, char **argv)
{
	/* A closed pipe is an error of the write, which every command reports with exit 1. */
	signal(SIGPIPE, SIG_IGN);
	return run_program(argc, argv);
}
