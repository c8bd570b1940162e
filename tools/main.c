/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* main - find the command that was meant, read its command line, run it as the main world. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "tools/run.h"

/* Where a standard stream is closed, the next file to be opened would take its number, and messages
 * would go into a disk. Opened for reading only, it still makes printing fail. */
static void fill_standard_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	fill_standard_streams();
	/* A closed pipe is an error of the write, which every command reports with exit 1. */
	signal(SIGPIPE, SIG_IGN);
	return run_program(argc, argv);
}
