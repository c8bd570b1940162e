/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* evac_look - the names that a unit has on its way, and what of it lies at the destination: kept,
 * begun, in the way of something that we did not put there, or nothing. */
#include "tools/evac_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/walk.h"

#define JOURNAL_BYTES_MIN (4 * MIB)	/* smaller files without a receipt are just copied again */

char *evac_final_path(const struct evac_unit *u, const char *name)
{
	return walk_path(u->folder->dst, name);
}

char *evac_hidden_path(const struct evac_unit *u, size_t file, enum evac_part part)
{
	static const char *const suffix[] = { ".part", ".sums", ".receipt", "-flat.vmdk" };
	uint64_t id = u->file[part == PART_DATA ? file : 0].id;
	char name[64];

	snprintf(name, sizeof(name), ".cairn-%llx%s", (unsigned long long)id,
		 u->kind == EVAC_COLLAPSED && part == PART_DATA ? ".vmdk" : suffix[part]);
	return walk_path(u->folder->dst, name);
}

int evac_has_receipt(const struct evac_unit *u)
{
	return u->kind == EVAC_DISK || u->kind == EVAC_ORPHAN || u->kind == EVAC_COLLAPSED;
}

int evac_has_journal(const struct evac_unit *u)
{
	return evac_has_receipt(u) ||
	       (u->kind == EVAC_FILE && u->file[0].data_bytes >= JOURNAL_BYTES_MIN);
}

enum status evac_remove_path(struct store *s, char *path)
{
	enum status st = path ? s->ops->remove(s, path, NULL) : ST_NOMEM;

	free(path);
	return st == ST_NOENT ? ST_OK : st;
}

enum status evac_stat_path(struct store *s, char *path, struct store_stat *ss)
{
	enum status st = path ? s->ops->stat(s, path, ss, NULL) : ST_NOMEM;

	free(path);
	return st;
}

int evac_exists(struct evac *e, char *path)
{
	struct store_stat ss;

	return evac_stat_path(e->dest.store, path, &ss) == ST_OK;
}

/* The file under its final name is the one that the log tells of: nobody has touched it. */
static int is_as_logged(struct evac *e, const struct evac_unit *u, struct evac_file *f,
			int same_source)
{
	char *path = evac_path(u->folder, f->name);
	const struct evac_entry *entry = path ? evac_log_find(&u->folder->vol->log, path, 0) : NULL;
	struct store_stat ss;

	free(path);
	if (!entry || evac_stat_path(e->dest.store, evac_final_path(u, f->name), &ss) != ST_OK)
		return 0;
	if (same_source) {
		memcpy(f->all, entry->sum, sizeof(f->all));
		return ss.size_bytes == entry->bytes;
	}
	return ss.size_bytes == entry->bytes && ss.mtime_s == entry->mtime_s;
}

static int is_kept(struct evac *e, struct evac_unit *u)
{
	for (size_t i = 0; i < u->file_count; i++)
		if (!is_as_logged(e, u, &u->file[i], 1))
			return 0;
	return 1;
}

int evac_in_the_way(struct evac *e, struct evac_unit *u)
{
	for (size_t i = 0; i < u->file_count; i++)
		if (evac_exists(e, evac_final_path(u, u->file[i].name)) &&
		    !is_as_logged(e, u, &u->file[i], 0)) {
			why_set(&u->why, ST_EXIST,
				"%s/%s: is there already and is not what an earlier run "
				"left; move it away, or choose another destination",
				u->folder->dst, u->file[i].name);
			return 1;
		}
	return 0;
}

int evac_is_logged(const struct evac_unit *u)
{
	char *path = evac_unit_path(u);
	const struct evac_entry *entry = path ? evac_log_find(&u->folder->vol->log, path, 1) : NULL;

	free(path);
	return entry && strcmp(entry->sum, u->identity) == 0;
}

/* How much of it is there, as the room tells that its hidden files take. */
static uint64_t part_bytes(struct evac *e, const struct evac_unit *u)
{
	enum evac_part part = u->kind == EVAC_COLLAPSED ? PART_FLAT : PART_DATA;
	uint64_t sum = 0;

	for (size_t i = 0; i < u->file_count; i++) {
		struct store_stat ss;

		if (evac_stat_path(e->dest.store, evac_hidden_path(u, i, part), &ss) == ST_OK)
			sum += ss.allocated_bytes;
	}
	return sum;
}

void evac_unit_look(struct evac *e, struct evac_unit *u)
{
	int begun = evac_has_journal(u) && evac_exists(e, evac_hidden_path(u, 0, PART_JOURNAL));

	for (size_t i = 0; i < u->file_count; i++)
		u->left_bytes += u->file[i].data_bytes;
	if (u->kind == EVAC_LINK)
		u->state = evac_exists(e, evac_final_path(u, u->name)) ? EVAC_KEPT : EVAC_COPY;
	else if (!begun && evac_is_logged(u) && is_kept(e, u))
		u->state = EVAC_KEPT;
	else if (!evac_is_logged(u) && evac_in_the_way(e, u))
		u->state = EVAC_FAILED;
	else
		u->state = begun ? EVAC_CONTINUE : EVAC_COPY;
	if (begun)
		u->left_bytes -= MIN(u->left_bytes, part_bytes(e, u));
	else if (u->state != EVAC_COPY)
		u->left_bytes = 0;
}
