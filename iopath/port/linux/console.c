/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* console - lines for the operator on standard error, and the end of a process that has found a bug
 * in itself. */
#include "iopath/port/linux/linux_priv.h"

#include <stdio.h>
#include <stdlib.h>

static enum log_level shown = LOG_WARN;

void console_set_level(enum log_level level)
{
	shown = level;
}

void port_console(enum log_level level, const char *line)
{
	if (level <= shown)
		fprintf(stderr, "cairn: %s\n", line);
}

void port_crash(const char *file, int line, const char *text)
{
	fprintf(stderr, "cairn: bug: %s:%d: %s\n", file, line, text);
	abort();
}
