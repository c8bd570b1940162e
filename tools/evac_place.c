/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* evac_place - a unit whose data is durable gets its receipt and its names. Each step may have been
 * done by a run that was killed behind it. */
#include "tools/evac_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/disk_sum.h"
#include "tools/host_file.h"
#include "tools/host_path.h"

/* Copy the lines of the journal into the receipt: a section a file. */
static enum status fill_receipt(struct evac_job *j, struct disk_sum_out *o, struct line_in *in,
				int sections)
{
	uint64_t next = 0;	/* a short last block may have two lines: see take_block() */
	size_t file = 0;
	enum status st = line_in_init(in, j->journal);
	struct block_line b;
	char *line;

	disk_sum_section(o, sections ? j->u->file[0].name : NULL, j->u->file[0].bytes);
	while (st == ST_OK && file < j->u->file_count && (line = line_next(in)) != NULL) {
		if (strncmp(line, "end ", 4) == 0) {
			disk_sum_all(o, line + 4);
			next = 0;
			if (++file < j->u->file_count)
				disk_sum_section(o, j->u->file[file].name, j->u->file[file].bytes);
		} else if (block_line_parse(line, &b) && b.block >= next) {
			next = b.block + 1;
			if (strcmp(b.sum, "0") != 0)
				disk_sum_block(o, b.sum, b.block);
		}
	}
	return st == ST_OK && file < j->u->file_count ? ST_CORRUPT : st;
}

static enum status write_receipt(struct evac_job *j, struct why *why)
{
	int sections = j->u->kind == EVAC_ORPHAN || (j->u->kind == EVAC_DISK && !j->u->flat);
	char *tmp = evac_hidden_path(j->u, 0, PART_RECEIPT), *path = NULL;
	struct disk_sum_out *o = calloc(1, sizeof(*o));
	struct line_in *in = calloc(1, sizeof(*in));
	enum status st = ST_NOMEM;

	if (tmp && o && in && asprintf(&path, "%s/%s.receipt", j->u->folder->dst, j->u->name) >= 0)
		st = disk_sum_begin(o, j->dst, path, tmp, sections ? 2 : 1, why);
	if (st == ST_OK)
		st = disk_sum_end(o, fill_receipt(j, o, in, sections), why);
	free(path);
	free(tmp);
	free(o);
	free(in);
	return st;
}

/* The text of a descriptor with the name of its one extent changed, in new memory; NULL: it is not
 * there, or there is no memory. */
static char *rename_extent(const char *text, const char *from, const char *to)
{
	char *quoted, *made = NULL;
	const char *at;

	if (asprintf(&quoted, "\"%s\"", from) < 0)
		return NULL;
	at = strstr(text, quoted);
	if (at &&
	    asprintf(&made, "%.*s\"%s\"%s", (int)(at - text), text, to, at + strlen(quoted)) < 0)
		made = NULL;
	free(quoted);
	return made;
}

/* The machine's .vmx knows the leaf by a name with a number, which vmdk_rename() keeps for links:
 * so the extent and the descriptor get their names here. */
static enum status publish_collapsed(struct evac_job *j, const char *part, const char *flat,
				     struct why *why)
{
	char *path = evac_final_path(j->u, j->u->name),
	     *to = evac_final_path(j->u, j->u->file[0].name);
	char *tmp = evac_hidden_path(j->u, 0, PART_RECEIPT), *text, *made = NULL;
	uint64_t bytes;
	enum status st = path && to && tmp ? ST_OK : ST_NOMEM;

	if (st == ST_OK)
		st = store_read_all(j->dst, part, MIB, &text, &bytes, why);
	if (st == ST_OK) {
		made = rename_extent(text, path_last(flat), j->u->file[0].name);
		port_free(text);
		st = made && !strchr(j->u->name, '"') ? ST_OK : ST_NAME;
	}
	if (st == ST_OK && evac_exists(j->e, strdup(flat)))
		st = j->dst->ops->rename(j->dst, flat, to, 1, why);
	if (st == ST_OK)	/* the time says later that nobody has changed it here */
		st = host_file_set_attr(j->dst, to, ~0u, j->u->file[0].mtime_s);
	if (st == ST_OK)
		st = store_replace_by(j->dst, path, tmp, made, strlen(made));
	free(made);
	free(path);
	free(to);
	free(tmp);
	return st;
}

static enum status place_collapsed(struct evac_job *j, struct why *why)
{
	char *part = evac_hidden_path(j->u, 0, PART_DATA),
	     *flat = evac_hidden_path(j->u, 0, PART_FLAT);
	enum status st = part && flat ? ST_OK : ST_NOMEM;

	if (st == ST_OK && evac_exists(j->e, strdup(part)))
		st = publish_collapsed(j, part, flat, why);
	if (st == ST_OK)
		st = evac_remove_path(j->dst, strdup(part));
	free(part);
	free(flat);
	return st;
}

/* A part that is no longer there has its name already. */
static enum status place_file(struct evac_job *j, size_t i, struct why *why)
{
	char *part = evac_hidden_path(j->u, i, PART_DATA),
	     *path = evac_final_path(j->u, j->u->file[i].name);
	enum status st = part && path ? ST_OK : ST_NOMEM;

	if (st == ST_OK)
		st = host_file_set_attr(j->dst, part, j->u->file[i].mode, j->u->file[i].mtime_s);
	if (st == ST_OK)
		st = j->dst->ops->rename(j->dst, part, path, 1, why);
	if (st != ST_OK && evac_exists(j->e, path ? strdup(path) : NULL) &&
	    !evac_exists(j->e, part ? strdup(part) : NULL))
		st = ST_OK;
	free(part);
	free(path);
	return st;
}

enum status evac_place(struct evac_job *j, struct why *why)
{
	enum status st = evac_has_receipt(j->u) ? write_receipt(j, why) : ST_OK;

	if (j->u->kind == EVAC_COLLAPSED)
		st = st == ST_OK ? place_collapsed(j, why) : st;
	else
		for (size_t i = 0; i < j->u->file_count && st == ST_OK; i++)
			st = place_file(j, i, why);
	/* No sync of the names: if they are lost, the hidden file is made again. */
	if (st == ST_OK && j->journal) {
		evac_journal_close(j);
		st = evac_remove_path(j->dst, evac_hidden_path(j->u, 0, PART_JOURNAL));
	}
	return st;
}
