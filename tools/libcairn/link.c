/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* link - which link of a disk's chain an earlier state is: by the file name of its descriptor, by a
 * number of links towards the base, or by the name of a snapshot, as the machine's own files tell
 * which links it froze. */
#include <string.h>

#include "iopath/base/fmt.h"
#include "snapshots/snapshots.h"
#include "tools/libcairn/lib_priv.h"

/* The link with that path, or last part of its path; the count of links when there is none. */
static uint32_t by_path(struct vmdk_disk *top, const char *path)
{
	uint32_t count = vmdk_link_count(top);

	for (uint32_t i = 0; i < count; i++) {
		const char *have = vmdk_path(vmdk_link(top, i));

		if (strcmp(have, path) == 0 || strcmp(path_last(have), path) == 0)
			return i;
	}
	return count;
}

static int is_number(const char *text, uint64_t *number)
{
	return text[strspn(text, "0123456789")] == 0 && fmt_parse_u64(text, number) == ST_OK;
}

/* ---- by the name of a snapshot --------------------------------------------------------------- */

struct search {
	struct vmdk_disk	*top;
	const char		*name;
	uint32_t		link;		/* found; the count of links: none */
	uint32_t		snapshots;	/* of that name, of whatever disks */
	uint8_t			two;		/* two of them, and they froze different links */
};

static void look_at_snapshot(struct search *s, const struct inv_snapshot *snap)
{
	uint32_t none = vmdk_link_count(s->top);

	if (!snap->name || strcmp(snap->name, s->name) != 0)
		return;
	s->snapshots++;
	for (uint32_t i = 0; i < snap->disk_count; i++) {
		const struct inv_link *link = snap->disks[i].link;
		uint32_t at = link ? by_path(s->top, link->path) : none;

		if (at == none)
			continue;
		s->two |= s->link != none && s->link != at;
		s->link = at;
	}
}

static enum status by_name(struct search *s, struct store *store, struct why *why)
{
	char dir[HOST_PATH_MAX];
	struct inv_opts opts = { .root = dir, .label = store->name };
	struct inventory *inv;
	enum status st;

	path_parent(vmdk_path(s->top), dir, sizeof(dir));
	st = inv_scan(store, &opts, &inv, why);
	if (st != ST_OK)
		return st;
	for (uint32_t v = 0; v < inv->vm_count; v++)
		for (uint32_t i = 0; i < inv->vms[v]->snapshot_count; i++)
			look_at_snapshot(s, &inv->vms[v]->snapshots[i]);
	inv_free(inv);
	return ST_OK;
}

static enum status none_found(const struct search *s, struct why *why)
{
	const char *path = vmdk_path(s->top);

	if (s->two)
		return why_set(why, ST_REFUSED, "%s: two snapshots are called '%s'; name a link by "
			       "its descriptor", path, s->name);
	if (s->snapshots)
		return why_set(why, ST_NOENT, "%s: the snapshot '%s' froze no link of this disk",
			       path, s->name);
	return why_set(why, ST_NOENT, "%s: no link of its chain and no snapshot is called '%s'",
		       path, s->name);
}

/* ---- the one that is meant ------------------------------------------------------------------- */

enum status lib_link_find(struct vmdk_disk *top, const char *name, uint32_t *link, struct why *why)
{
	uint32_t count = vmdk_link_count(top);
	struct search s = { .top = top, .name = name, .link = count };
	uint64_t number;
	enum status st;

	if (is_number(name, &number)) {
		if (number >= count)
			return why_set(why, ST_NOENT, "%s: link %s: its chain has the links 0 to "
				       "%u", vmdk_path(top), name, count - 1);
		*link = (uint32_t)number;
		return ST_OK;
	}
	*link = by_path(top, name);
	if (*link < count)
		return ST_OK;
	st = by_name(&s, vmdk_store(top), why);
	if (st == ST_OK && (s.link == count || s.two))
		st = none_found(&s, why);
	*link = s.link;
	return st;
}
