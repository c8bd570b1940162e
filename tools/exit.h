/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* exit - the exit codes of every native command. The compatible names keep what their scripts know:
 * vmkfstools, voma and partedUtil use 0 and 1, `compare` and image checks those of qemu-img. */
#ifndef CAIRN_TOOLS_EXIT_H
#define CAIRN_TOOLS_EXIT_H

#include "iopath/base/status.h"

enum exit_code {
	EXIT_DONE = 0,		/* done; healthy */
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,		/* wrong usage or configuration; nothing was touched */
	EXIT_FOUND = 3,		/* finished; found the problems it was asked to look for */
	EXIT_BUSY = 4,		/* locked by a live host or in use; trying later may help */
	EXIT_REFUSED = 5,	/* consent, precondition or policy; trying again will not help */
	EXIT_PARTLY = 6,	/* partly done; the messages say which items */
	EXIT_UNREACHABLE = 7,	/* no path, no host */
	EXIT_FORMAT = 63,	/* this format cannot do that */
	EXIT_SIGNAL = 128,	/* plus the number of the signal: 130, 143; cleaned up */
};

/* The exit code that tells a script what to do about a status. */
int exit_of(enum status st);

#endif
