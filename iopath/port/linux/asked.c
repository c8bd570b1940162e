/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* asked - what the user has asked this process for by signals, set by the handlers of process.c. */
#include "iopath/port/linux/linux_priv.h"

#include <signal.h>

static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t progress_asked;
static volatile sig_atomic_t pending;

void asked_reset(void)
{
	interrupted = 0;
	progress_asked = 0;
}

void asked_by_signal(int number)
{
	if (number == 0)
		progress_asked = progress_asked + 1;
	else
		interrupted = number;
	pending = 1;
}

int asked_pending(void)
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
