/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* walk - read a directory into memory, sorted; never descend for ever. */
#include "tools/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/host_path.h"

struct reading {
	struct walk_dir	*dir;
	enum status	status;
};

static int add(void *arg, const char *name, const struct store_stat *st)
{
	struct reading *r = arg;
	struct walk_dir *d = r->dir;

	if (d->count == d->max) {
		size_t max = d->max ? d->max * 2 : 32;
		struct walk_entry *grown = realloc(d->entry, max * sizeof(*grown));

		if (!grown) {
			r->status = ST_NOMEM;
			return 1;
		}
		d->entry = grown;
		d->max = max;
	}
	d->entry[d->count].st = *st;
	d->entry[d->count].name = strdup(name);
	if (!d->entry[d->count].name) {
		r->status = ST_NOMEM;
		return 1;
	}
	d->count++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct walk_entry *)a)->name, ((const struct walk_entry *)b)->name);
}

enum status walk_read(struct store *s, const char *dir, struct walk_dir *d, struct why *why)
{
	struct reading r = { .dir = d, .status = ST_OK };
	enum status st;

	*d = (struct walk_dir){ 0 };
	st = s->ops->list(s, dir, add, &r, why);
	if (st != ST_OK && st != ST_NOMEM && d->count) {
		d->damaged = st;
		st = ST_OK;
	}
	if (st == ST_OK && r.status != ST_OK)
		st = why_set(why, r.status, "%s: no memory for its list of names", dir);
	if (st != ST_OK)
		walk_free(d);
	else if (d->count)
		qsort(d->entry, d->count, sizeof(*d->entry), by_name);
	return st;
}

void walk_free(struct walk_dir *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->entry[i].name);
	free(d->entry);
	*d = (struct walk_dir){ 0 };
}

enum status walk_enter(struct walk_level *level, const struct walk_level *up,
		       const struct store_stat *dir, const char *path, struct why *why)
{
	*level = (struct walk_level){ .up = up, .id = dir->id, .depth = up ? up->depth + 1 : 0 };
	if (port_interrupted())
		return why_set(why, ST_CANCELLED, "interrupted at %s", path);
	for (const struct walk_level *l = up; l; l = l->up)
		if (l->id == dir->id)
			return why_set(why, ST_CORRUPT, "%s: this directory is inside itself",
				       path);
	if (level->depth >= WALK_DEPTH_MAX)
		return why_set(why, ST_LIMIT, "%s: more than %d directories in each other", path,
			       WALK_DEPTH_MAX);
	return ST_OK;
}

char *walk_path(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s%s%s", dir, mem_ends_with(dir, "/") ? "" : "/", name) < 0)
		return NULL;
	return path;
}

char *walk_temporary(const char *path)
{
	char dir[HOST_PATH_MAX], name[32];
	uint32_t chance;

	port_random(&chance, sizeof(chance));
	snprintf(name, sizeof(name), ".cairn-%08x.tmp", chance);
	path_parent(path, dir, sizeof(dir));
	return walk_path(dir, name);
}
