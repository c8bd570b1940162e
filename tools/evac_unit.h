/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* evac_unit - what the files share that bring one unit to its place; evac_unit.c tells how. */
#ifndef CAIRN_TOOLS_EVAC_UNIT_H
#define CAIRN_TOOLS_EVAC_UNIT_H

#include "tools/block_copy.h"
#include "tools/evac.h"

enum evac_part { PART_DATA, PART_JOURNAL, PART_RECEIPT, PART_FLAT };

/* A unit while it is copied. */
struct evac_job {
	struct evac		*e;
	struct evac_unit	*u;
	struct store		*src, *dst;
	struct store_file	*journal;	/* NULL: none */
	struct line_out		lines;
	/* where it goes on */
	size_t			file;
	uint64_t		next;
	char			state[SHA256_TEXT];
	/* of the file being copied */
	struct block_copy	bc;
	struct content		from, to;
};

/* ---- evac_look.c: names, and what lies there ------------------------------------------------- */

/* All paths are new memory, NULL without any; functions that take one free it. */
char *evac_final_path(const struct evac_unit *u, const char *name);
/* Ids are the file system's: no other file of the volume has them. */
char *evac_hidden_path(const struct evac_unit *u, size_t file, enum evac_part part);
int evac_has_receipt(const struct evac_unit *u);
int evac_has_journal(const struct evac_unit *u);
MUST_USE enum status evac_remove_path(struct store *s, char *path); /* gone is ST_OK */
MUST_USE enum status evac_stat_path(struct store *s, char *path, struct store_stat *ss);
int evac_exists(struct evac *e, char *path);
/* 1, and u->why: there is something under a final name that this evacuation did not put there as
 * it is. */
int evac_in_the_way(struct evac *e, struct evac_unit *u);
/* The log has it, as a copy of what the source is now. */
int evac_is_logged(const struct evac_unit *u);

/* ---- evac_journal.c -------------------------------------------------------------------------- */

/* Open the journal of a unit that has one, and set where the copy goes on. */
MUST_USE enum status evac_journal_open(struct evac_job *j, struct why *why);
void evac_journal_close(struct evac_job *j);
/* The hidden data goes. */
MUST_USE enum status evac_remove_parts(struct evac_job *j);

/* ---- evac_place.c ---------------------------------------------------------------------------- */

/* All data is there and logged: the receipt, the final names, and the journal goes. */
MUST_USE enum status evac_place(struct evac_job *j, struct why *why);

#endif
