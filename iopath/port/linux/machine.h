/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* machine - pCPUs inside of somebody else's process: what a library needs instead of port_run().
 * The calling thread stays the caller's, signals are neither handled nor received, lines go to the
 * caller's function, and any number of machines live side by side. Linux only: no other port has
 * threads that are not its pCPUs.
 *
 * The caller must not fork() while one runs and go on using it in the child: threads do not
 * follow. */
#ifndef CAIRN_PORT_MACHINE_H
#define CAIRN_PORT_MACHINE_H

#include "iopath/port/port.h"

struct port_machine;

/* Where lines of the log go; on a pCPU's thread. NULL: standard error. */
typedef void port_log_fn(void *arg, enum log_level level, const char *line);

/* Start the pCPUs; they idle until something is posted. Errors as port_run(). */
MUST_USE enum status port_machine_start(const struct port_config *config, port_log_fn *log,
					void *log_arg, struct port_machine **machine,
					struct why *why);
/* Run msg->fn(msg) on pCPU 0, outside of any world. Any thread, at any rate: the messages of one
 * turn of the loop share one wake. */
void port_machine_post(struct port_machine *machine, struct port_msg *msg);
/* Everything that was started on it must have ended. Any thread but its own. */
void port_machine_stop(struct port_machine *machine);

#endif
