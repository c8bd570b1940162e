/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* out - what commands print: aligned tables for people, tabs for scripts, JSON for programs.
 *
 * JSON: {"schema":"volume.list/1","ok":true,"host":"h","time":"2026-01-01T00:00:00Z","items":[]}
 * Keys are snake_case and end in their unit; numbers are numbers, values that can pass 2^53
 * (UUID, generation) are strings; what is known to be absent is null, a key is never left out. A
 * document is built first and written in one piece: a reader never sees half of one. docs/schema/
 * has each form. */
#ifndef CAIRN_TOOLS_OUT_H
#define CAIRN_TOOLS_OUT_H

#include "iopath/base/why.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* ---- JSON ------------------------------------------------------------------------------------ */

/* A document with an empty "items" array, its reference in *items. NULL: no memory. */
json_t *out_doc(const char *schema, json_t **items);
/* "ok": false and the error object. Consumes nothing; the document may have items already. */
void out_doc_fail(json_t *doc, enum status st, const char *object, const char *message);
/* Write it with a newline and drop the reference. 0; -1: standard output failed. */
int out_doc_print(json_t *doc);
/* Text of a name: as it is when it is UTF-8, else each bad byte as U+FFFD. */
json_t *out_json_name(const char *name);
json_t *out_json_bytes(uint64_t bytes);		/* a number; past 2^53 a string */

/* ---- tables ---------------------------------------------------------------------------------- */

struct out_column {
	const char	*name;		/* of -o, and the heading in capitals */
	uint8_t		right;		/* aligned to the right: numbers */
};

struct out_table;

/* NULL: no memory. */
struct out_table *out_table_create(const struct out_column *columns, size_t count);
/* One text per column; copied. 0; -1: no memory. */
int out_table_row(struct out_table *t, const char *const *cells);
enum out_form {
	OUT_COLUMNS,	/* a heading, aligned, two blanks between columns */
	OUT_TABS,	/* -H: no heading, one tab between cells */
	OUT_PLAIN,	/* no heading, aligned, one blank */
};
/* fields: -o list of names, NULL for all. 0; -1: a field that does not exist, its name in bad[]. */
int out_table_print(struct out_table *t, FILE *to, enum out_form form, const char *fields,
		    char bad[64]);
void out_table_destroy(struct out_table *t);

/* ---- trees ----------------------------------------------------------------------------------- */

/* What a tree is drawn with: lines where the locale is UTF-8, else ASCII. */
struct out_lines {
	const char	*branch, *last;	/* before an entry, and before the last one */
	const char	*bar;		/* below an entry; below the last one three blanks */
};
void out_lines(struct out_lines *lines);

/* ---- values ---------------------------------------------------------------------------------- */

#define OUT_NAME_MAX 1100

/* A name that may hold anything, made safe for a terminal: control bytes, bad UTF-8 and the
 * backslash as \n, \t, \\ or \x1b. Returns buf. */
char *out_name(char *buf, size_t size, const char *name);
/* "1.5 GiB", or the exact number when exact is set. Returns buf. */
char *out_size(char *buf, size_t size, uint64_t bytes, int exact);
/* "2026-01-01 00:00" local time; exact: seconds since 1970. Returns buf. */
char *out_time(char *buf, size_t size, int64_t seconds, int exact);
/* "2026-01-01T00:00:00Z". Returns buf. */
char *out_time_utc(char *buf, size_t size, int64_t seconds);
/* "drwxr-xr-x" for enum store_kind letters: '-', 'd', 'l', 'r' and the permission bits. */
char *out_mode(char buf[11], char kind, uint32_t mode);
/* Flush standard output. 0, or -1 with the reason on standard error. */
int out_flush(const char *prog);

#endif
