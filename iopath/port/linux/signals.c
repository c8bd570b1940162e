/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* signals - SIGINT and SIGTERM ask for the end, a second SIGINT takes it, SIGUSR1 asks for a line
 * of progress. The handlers set a flag and ring pCPU 0; its loop then wakes the main world. Nothing
 * is cleaned up on the second SIGINT: what is on the disks is consistent at every moment. */
#include "iopath/port/linux/linux_priv.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t progress_asked;
static volatile sig_atomic_t pending;
static struct mail *bell;	/* of pCPU 0; set while the handlers are */

static void on_signal(int number)
{
	if (number == SIGUSR1) {
		progress_asked = progress_asked + 1;
	} else {
		if (number == SIGINT && interrupted)
			_exit(128 + SIGINT);
		interrupted = number;
	}
	pending = 1;
	mail_ring(bell);
}

static const int handled[] = { SIGINT, SIGTERM, SIGUSR1 };

void signals_start(struct port_machine *m)
{
	/* No SA_RESTART: a sleeping engine shall return. */
	struct sigaction action = { .sa_handler = on_signal };

	interrupted = 0;
	progress_asked = 0;
	bell = &m->pcpus[0].mail;
	for (size_t i = 0; i < ARRAY_COUNT(handled); i++)
		sigaction(handled[i], &action, NULL);
}

void signals_stop(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(handled); i++)
		signal(handled[i], SIG_DFL);
}

int signals_pending(void)
{
	if (!pending)
		return 0;
	pending = 0;
	return 1;
}

int port_interrupted(void)
{
	return interrupted;
}

uint32_t port_progress_asked(void)
{
	return (uint32_t)progress_asked;
}
