/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* evac_journal - where the copy of a unit goes on. The journal has a line a block with the sum so
 * far. What a killed process wrote is in the page cache, so all of it counts as long as the machine
 * has not been started again; after that, what stands above the last "durable". */
#include "tools/evac_unit.h"

#include <stdlib.h>
#include <string.h>

#include "tools/host_file.h"

/* A place in the journal from which the copy can go on. */
struct point {
	size_t		file;
	uint64_t	next, end;	/* byte of the file; offset behind the journal's line */
	char		state[SHA256_TEXT];
};

struct reading {
	struct evac_job	*j;
	struct point	now, safe;
	char		boot[64];	/* of the run that wrote the last lines */
	uint64_t	blocks;		/* lines behind `safe` */
};

static void take_block(struct reading *r, struct block_line *b, uint64_t line_end)
{
	const struct evac_file *f = &r->j->u->file[r->now.file];
	uint64_t next = (b->block + 1) * CONTENT_BLOCK;

	/* The sum cannot go on behind a part of 64 bytes: a short last block is copied again. */
	if (next > f->bytes && f->bytes % 64)
		return;
	r->now.next = MIN(next, f->bytes);
	r->now.end = line_end;
	memcpy(r->now.state, b->state, sizeof(r->now.state));
	r->blocks++;
}

static void take_end(struct reading *r, const char *all, uint64_t line_end)
{
	mem_copy_text(r->j->u->file[r->now.file].all, SHA256_TEXT, all);
	r->now = (struct point){ .file = r->now.file + 1, .end = line_end };
	r->safe = r->now;
	r->blocks = 0;
}

/* 0: this line, and so what follows it, cannot be ours. */
static int take_line(struct reading *r, char *line, uint64_t line_end)
{
	struct block_line b;

	if (strncmp(line, "run ", 4) == 0) {
		mem_copy_text(r->boot, sizeof(r->boot), line + 4);
		r->now.end = line_end;
		return 1;
	}
	if (r->now.file >= r->j->u->file_count)
		return 0;
	if (strcmp(line, "durable") == 0) {
		r->now.end = line_end;
		r->safe = r->now;
		r->blocks = 0;
		return 1;
	}
	if (strncmp(line, "end ", 4) == 0 && strlen(line) == 4 + SHA256_TEXT - 1) {
		take_end(r, line + 4, line_end);
		return 1;
	}
	if (!block_line_parse(line, &b) || b.block > r->j->u->file[r->now.file].bytes / MIB)
		return 0;
	take_block(r, &b, line_end);
	return 1;
}

static int head_is(const char *line, const struct evac_unit *u)
{
	return line && strncmp(line, "cairn-copy 1 ", 13) == 0 &&
	       strcmp(line + 13, u->identity) == 0;
}

/* Whether the machine still is as the last run left it: what was written is there. */
static int same_boot(const struct reading *r)
{
	return strcmp(r->j->dst->ops->name, "host") == 0 && r->boot[0] &&
	       strcmp(r->boot, r->j->e->boot) == 0;
}

/* Read the journal to the point from which to go on; 0: it is of no use. */
static int read_journal(struct evac_job *j, struct line_in *in, struct point *point, uint64_t *lost)
{
	struct reading r = { .j = j };
	char *line;

	if (line_in_init(in, j->journal) != ST_OK || !head_is(line_next(in), j->u))
		return 0;
	r.now.end = r.safe.end = in->line_end;
	while ((line = line_next(in)) != NULL)
		if (!take_line(&r, line, in->line_end))
			break;
	*point = same_boot(&r) ? r.now : r.safe;
	*lost = same_boot(&r) ? 0 : r.blocks * CONTENT_BLOCK;
	return 1;
}

/* The files that the journal speaks of are there, or some have their names already. */
static int parts_are_there(struct evac_job *j, const struct point *p)
{
	if (p->file == j->u->file_count && evac_is_logged(j->u))
		return 1;
	for (size_t i = 0; i < p->file || (i == p->file && p->next); i++) {
		struct store_stat ss;

		if (i >= j->u->file_count)
			break;
		if (evac_stat_path(j->dst, evac_hidden_path(j->u, i, PART_DATA), &ss) != ST_OK)
			return 0;
		if (j->u->kind != EVAC_COLLAPSED && ss.size_bytes != j->u->file[i].bytes)
			return 0;
	}
	return 1;
}

enum status evac_remove_parts(struct evac_job *j)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < j->u->file_count && st == ST_OK; i++)
		st = evac_remove_path(j->dst, evac_hidden_path(j->u, i, PART_DATA));
	if (st == ST_OK && j->u->kind == EVAC_COLLAPSED)
		st = evac_remove_path(j->dst, evac_hidden_path(j->u, 0, PART_FLAT));
	return st;
}

/* Go on behind the point, or from the start of a journal that is of no use. */
static enum status start_lines(struct evac_job *j, const struct point *p, int usable, uint64_t lost)
{
	uint64_t ahead = 0;
	enum status st = usable ? ST_OK : evac_remove_parts(j);

	if (st == ST_OK)
		st = j->dst->ops->file_resize(j->journal, usable ? p->end : 0);
	line_out_init(&j->lines, j->journal, usable ? p->end : 0);
	if (!usable)
		line_put(&j->lines, "cairn-copy 1 %s\n", j->u->identity);
	line_put(&j->lines, "run %s\n", j->e->boot);
	if (st == ST_OK)
		st = line_out_write(&j->lines);
	if (usable && p->file < j->u->file_count)
		ahead = MIN(j->u->file[p->file].data_bytes, BLOCK_COPY_DEPTH * CONTENT_BLOCK);
	if (st == ST_OK)
		st = evac_log_again(&j->u->folder->vol->log, lost + ahead);
	if (usable) {
		j->file = p->file;
		j->next = p->next;
		memcpy(j->state, p->state, sizeof(j->state));
	}
	return st;
}

static enum status find_journal(struct evac_job *j)
{
	struct line_in *in = calloc(1, sizeof(*in));
	struct point p = { 0 };
	uint64_t lost = 0;
	int usable = in && read_journal(j, in, &p, &lost) && parts_are_there(j, &p);

	free(in);
	return start_lines(j, &p, usable, lost);
}

enum status evac_journal_open(struct evac_job *j, struct why *why)
{
	char *path = evac_hidden_path(j->u, 0, PART_JOURNAL);
	enum status st = path ? ST_OK : ST_NOMEM;

	if (!evac_has_journal(j->u)) {
		free(path);
		/* What lies there was read once already, at most. */
		if (evac_exists(j->e, evac_hidden_path(j->u, 0, PART_DATA)))
			return evac_log_again(&j->u->folder->vol->log, j->u->file[0].data_bytes);
		return ST_OK;
	}
	if (st == ST_OK)
		st = host_file_open_soon(j->dst, path, &j->journal, why);
	if (st == ST_NOENT)
		st = j->dst->ops->create(j->dst, path, 0600, &j->journal, why);
	if (st == ST_OK)
		st = find_journal(j);
	free(path);
	return st;
}

void evac_journal_close(struct evac_job *j)
{
	if (j->journal)
		(void)j->dst->ops->file_close(j->journal);	/* read, or read again later */
	j->journal = NULL;
}
