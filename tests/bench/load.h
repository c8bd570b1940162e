/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* load - the work that the measuring programs share: the same options, the same offsets in the same
 * order, the same line of output. What differs between two programs is then only what they measure.
 *
 *	-b BYTES   of one transfer (4096)	-w  write (read)
 *	-q DEPTH   transfers in flight (1)	-s  one by one in order (random)
 *	-m MIB     span from the start (all)	-1  once over the span, then stop
 *	-t SECS    how long (1)			-p PID  a server: its CPU counts too
 *
 * CPU is user and system time of the process, kernel threads of its rings included, over the loop
 * alone: opening, mounting and filling maps come before it. */
#ifndef CAIRN_BENCH_LOAD_H
#define CAIRN_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

#define LOAD_DEPTH_MAX 256
#define LOAD_PATTERN 0xa5 /* one repeated byte: a page of it costs a zram device next to nothing */

struct load {
	size_t		bytes;		/* of one transfer */
	uint32_t	depth;
	uint64_t	span;		/* bytes; load_start() takes the target's size when 0 */
	double		seconds;
	int		write, sequential, once, server;
	/* the walk */
	uint64_t	chance, cursor, left;
	/* the clock */
	double		wall_s, cpu_s;
	uint64_t	ops;
};

/* One of the options above: 1 when it was one. extra: the program's own, as for getopt(). */
int load_option(struct load *load, int opt, const char *arg);
#define LOAD_OPTIONS "b:q:m:t:p:ws1"
#define LOAD_DEFAULTS { .bytes = 4096, .depth = 1, .seconds = 1 }

/* The target is that large: settle the span and begin to count. 0, or -1 when it is too small. */
int load_start(struct load *load, uint64_t target_bytes);
/* Where the next transfer goes; 0 when the whole span was done and -1 was given. */
int load_next(struct load *load, uint64_t *offset);
/* Wall seconds since load_start(). */
double load_elapsed(const struct load *load);
/* End of the loop: print one JSON object for `name`. */
void load_report(struct load *load, const char *name);

double load_wall_s(void);
double load_cpu_s(void);		/* of this process */
double load_server_cpu_s(int pid);	/* of another one; 0 when there is no such process */

#endif
