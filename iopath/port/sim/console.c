/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* console - lines with the virtual time in front; the end of a run that has found a bug, with the
 * seed that finds it again. */
#include "iopath/port/sim/sim_priv.h"

#include <stdio.h>
#include <stdlib.h>

void port_console(enum log_level level, const char *line)
{
	if (level <= sim.log_level && !sim.quiet)
		fprintf(stderr, "cairn: [%llu.%06llu] %s%s%s\n",
			(unsigned long long)(sim.now_ns / 1000000000),
			(unsigned long long)(sim.now_ns / 1000 % 1000000),
			sim.host_count > 1 ? host_here()->name : "",
			sim.host_count > 1 ? ": " : "", line);
}

void port_crash(const char *file, int line, const char *text)
{
	fprintf(stderr, "cairn: bug: %s:%d: %s (sim seed %llu)\n", file, line, text,
		(unsigned long long)sim.seed);
	abort();
}
