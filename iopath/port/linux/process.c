/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* process - port_run(): a process that is a host, with its signals. SIGINT and SIGTERM ask for the
 * end, a second SIGINT takes it, SIGUSR1 asks for a line of progress. The handlers set a flag and
 * ring pCPU 0; its loop then wakes the main world. Nothing is cleaned up on the second SIGINT: what
 * is on the disks is consistent at every moment.
 *
 * This file and no other ends a process or handles a signal: the library is linked without it. */
#include "iopath/port/linux/linux_priv.h"

#include <signal.h>
#include <unistd.h>

static struct mail *bell;	/* of pCPU 0; set while the handlers are */

static void on_signal(int number)
{
	if (number == SIGINT && port_interrupted())
		_exit(128 + SIGINT);
	asked_by_signal(number == SIGUSR1 ? 0 : number);
	mail_ring(bell);
}

static const int handled[] = { SIGINT, SIGTERM, SIGUSR1 };

static void signals_start(struct port_machine *m)
{
	/* No SA_RESTART: a sleeping engine shall return. */
	struct sigaction action = { .sa_handler = on_signal };

	asked_reset();
	bell = &m->pcpus[0].mail;
	for (size_t i = 0; i < ARRAY_COUNT(handled); i++)
		sigaction(handled[i], &action, NULL);
}

static void signals_stop(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(handled); i++)
		signal(handled[i], SIG_DFL);
}

enum status port_run(const struct port_config *config, void (*main_world)(void *arg), void *arg,
		     struct why *why)
{
	struct port_machine m = { .main_world = main_world, .main_arg = arg,
				  .signals_start = signals_start, .signals_stop = signals_stop };

	return machine_run(&m, config, why);
}
