/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* progress - how long work shows that it is alive: bytes done of bytes to process, rate, time left.
 *	cr	one line, rewritten, for a terminal
 *	lines	a line per percent or second, and at least every 5 s, saying what it waits for
 *	json	the same as JSON lines
 *	none	silent, but SIGUSR1 prints one line
 * A compatible command shows "<Word>: <n>% done." instead, on standard output. */
#ifndef CAIRN_TOOLS_PROGRESS_H
#define CAIRN_TOOLS_PROGRESS_H

#include "iopath/port/port.h"

#include <stdio.h>

enum progress_mode { PROGRESS_NONE, PROGRESS_CR, PROGRESS_LINES, PROGRESS_JSON };

struct progress {
	enum progress_mode	mode;
	FILE			*to;
	const char		*esx_word;	/* "Clone": print ESXi's line; NULL: ours */
	char			phase[32];	/* "copy" */
	char			object[256];
	uint64_t		done, total;
	uint64_t		start_ns, print_ns, moved_ns;
	int			percent;	/* last shown; -1: none */
	uint32_t		asked;		/* SIGUSR1 seen so far */
	struct port_timer	timer;
	uint8_t			running, line_open;
};

/* mode of the word after --progress=; unknown or NULL: `otherwise`. */
enum progress_mode progress_mode(const char *word, enum progress_mode otherwise);
/* Call in a world; ends with progress_end(). esx_word as above. */
void progress_start(struct progress *p, enum progress_mode mode, FILE *to, const char *esx_word);
/* A new phase or object: counts from 0 again. total 0: not known yet. */
void progress_phase(struct progress *p, const char *phase, const char *object, uint64_t total);
/* The same phase works on another object now: the count goes on. */
void progress_phase_object(struct progress *p, const char *object);
/* Never goes back. Cheap: call it as often as you like. Returns non-zero once the user asked to
 * stop: end with ST_CANCELLED at the next safe point. */
int progress_update(struct progress *p, uint64_t done, uint64_t total);
/* Sleep until done_bytes since start_ns are no more than the rate (0: none) allows, or the user
 * asks to stop. In a world. */
void progress_hold_back(uint64_t start_ns, uint64_t done_bytes, uint64_t rate);
/* complete 1: shows 100 %. Ends an open line. Stops the timer. */
void progress_end(struct progress *p, int complete);

#endif
