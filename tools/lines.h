/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lines - text files of any length in a store, a line at a time: journals and receipts.
 * A line that has no newline yet does not count: it was being written when the process died. */
#ifndef CAIRN_TOOLS_LINES_H
#define CAIRN_TOOLS_LINES_H

#include "iopath/store.h"

#define LINE_MAX_BYTES 16384	/* of one line: a path of 4096 bytes, each as %XX, fits */

struct line_out {
	struct store_file	*file;		/* the caller's */
	uint64_t		at;		/* where the buffer will go */
	size_t			used;
	enum status		status;		/* of the first write that failed */
	char			buf[LINE_MAX_BYTES];
};

void line_out_init(struct line_out *o, struct store_file *file, uint64_t at);
/* Text that ends in a newline. A failure shows at line_out_write(). */
void line_put(struct line_out *o, const char *format, ...) PRINTF_LIKE(2, 3);
/* Hand what was put to the store (not to the disk: that is store_flush()). */
MUST_USE enum status line_out_write(struct line_out *o);

struct line_in {
	struct store_file	*file;		/* the caller's */
	uint64_t		at, end;	/* not in the buffer yet; the length */
	size_t			used, have;
	uint64_t		line_end;	/* offset behind the line that was given last */
	enum status		status;		/* ST_CORRUPT: a line too long, or with a NUL */
	char			buf[LINE_MAX_BYTES];
};

MUST_USE enum status line_in_init(struct line_in *in, struct store_file *file);
/* The next whole line without its newline, valid until the next call. NULL: no more; in->status. */
char *line_next(struct line_in *in);

/* Names hold any byte; a word of a line has none below '!' and no '%', which becomes %25. Both
 * return buf, or NULL when it does not fit (or the text is not one that line_word() made). */
char *line_word(char *buf, size_t size, const char *name);
char *line_unword(char *buf, size_t size, const char *word);

#endif
