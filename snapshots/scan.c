/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The scan: files, then descriptors, machines, chains, who needs what, and what is wrong. Each step
 * uses all of the one before. */
#include "snapshots/snapshots_priv.h"

/* Hand the extents that were collected one by one to the public struct. */
static void publish_extents(struct scan *s)
{
	for (uint32_t i = 0; i < s->links.count; i++) {
		struct link *l = s->links.at[i];

		l->pub.extents = (const struct inv_file *const *)l->extents.at;
		l->pub.extent_count = l->extents.count;
	}
}

static enum status run(struct scan *s)
{
	enum status st = files_collect(s);

	if (st == ST_OK)
		st = links_read(s);
	if (st == ST_OK)
		st = machines_read(s);
	if (st == ST_OK)
		st = chains_join(s);
	s->closed = 1;
	if (st == ST_OK)
		st = machines_count(s);
	if (st != ST_OK)
		return st;
	publish_extents(s);
	return findings_conclude(s);
}

/* The public structs are the first members of the private ones: one array serves both. */
_Static_assert(offsetof(struct link, pub) == 0, "links are published as they are");

static void publish(struct scan *s)
{
	s->inv.vms = (struct inv_vm *const *)s->vms.at;
	s->inv.vm_count = s->vms.count;
	s->inv.links = (struct inv_link *const *)s->links.at;
	s->inv.link_count = s->links.count;
	s->inv.findings = (struct inv_finding *const *)s->findings.at;
	s->inv.finding_count = s->findings.count;
}

enum status inv_scan(struct store *store, const struct inv_opts *opts, struct inventory **inv,
		     struct why *why)
{
	struct scan *s = port_alloc(sizeof(*s));
	enum status st;

	*inv = NULL;
	if (!s)
		return why_set(why, ST_NOMEM, "%s: no memory to scan it", opts->root);
	s->store = store;
	s->opts = opts;
	s->why = why;
	st = run(s);
	if (st != ST_OK) {
		inv_free(&s->inv);
		return st;
	}
	publish(s);
	*inv = &s->inv;
	return ST_OK;
}

void inv_free(struct inventory *inv)
{
	struct scan *s = inv ? container_of(inv, struct scan, inv) : NULL;

	if (!s)
		return;
	arena_fini(&s->arena);
	port_free(s);
}

struct inv_vm *inv_find(const struct inventory *inv, const char *name_or_path, uint32_t *at)
{
	for (; *at < inv->vm_count; ++*at) {
		struct inv_vm *vm = inv->vms[*at];

		if (strcmp(vm->name, name_or_path) == 0 || strcmp(vm->path, name_or_path) == 0 ||
		    strcmp(vm->dir, name_or_path) == 0) {
			++*at;
			return vm;
		}
	}
	return NULL;
}
