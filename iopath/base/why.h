/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* why - the one line that tells a person what went wrong.
 * Control paths take a `struct why *` (NULL: the caller does not care). The function that finds
 * the fault names the object as the operator knows it; callers above may put their own object in
 * front, nobody replaces the text. */
#ifndef CAIRN_BASE_WHY_H
#define CAIRN_BASE_WHY_H

#include "iopath/base/status.h"

#define WHY_TEXT_MAX 400

struct why {
	enum status	status;
	char		text[WHY_TEXT_MAX];	/* no newline; empty when status is ST_OK */
};

/* Store status and text, return the status: `return why_set(why, ST_CORRUPT, "%s: ...", name);` */
enum status why_set(struct why *why, enum status st, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Put "prefix: " in front of the text that is there (or of status_text). Returns st. */
enum status why_at(struct why *why, enum status st, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
