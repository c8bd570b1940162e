/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* console - lines for the operator on standard error, and the end of a process that has found a bug
 * in itself. */
#include "iopath/port/linux/linux_priv.h"

#include <stdio.h>
#include <stdlib.h>

void port_console(enum log_level level, const char *line)
{
	const struct pcpu *p = pcpu_here();

	if (level > (p ? p->machine->log_level : LOG_WARN))
		return;
	if (p && p->machine->log)
		p->machine->log(p->machine->log_arg, level, line);
	else
		fprintf(stderr, "cairn: %s\n", line);
}

void port_crash(const char *file, int line, const char *text)
{
	fprintf(stderr, "cairn: bug: %s:%d: %s\n", file, line, text);
	abort();
}
