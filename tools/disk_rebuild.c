/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_rebuild - `cairn disk repair --descriptor`: what only the lost descriptor knew is looked up
 * in the files that are left. A child remembers the content id; the .vmx knows the controller; the
 * snapshot list knows which link a delta stands on. What nobody knows is said, not made up. */
#include "tools/disk_rebuild.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snapshots/snapshots.h"

struct rebuilding {
	struct cmd		*cmd;
	struct host_path	at;
	struct inventory	*inv;
	const struct inv_link	*lost;		/* NULL: the scan did not find it */
	char			owner[HOST_PATH_MAX];
	char			parent[HOST_PATH_MAX];
	struct vmdk_rebuild_opts opts;
	void			(*say)(void *arg, const char *text);
	void			*arg;
};

static void say(struct rebuilding *r, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(struct rebuilding *r, const char *format, ...)
{
	char text[900];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	r->say(r->arg, text);
}

/* ---- the inventory --------------------------------------------------------------------------- */

static enum status scan(struct rebuilding *r, struct why *why)
{
	struct inv_opts o = { .root = "/" };
	char folder[HOST_PATH_MAX];
	enum status st;

	if (r->at.volume) {
		o.label = host_volume_name(r->at.volume);
		o.uuid = host_volume_uuid(r->at.volume);
	} else {	/* of this machine only the folder: a chain may still lead out of it */
		path_parent(r->at.path, folder, sizeof(folder));
		o.root = folder;
	}
	st = inv_scan(r->at.store, &o, &r->inv, why);
	if (st != ST_OK)
		return st;
	if (!vmdk_is_extent_name(r->at.path, r->owner, sizeof(r->owner)))
		snprintf(r->owner, sizeof(r->owner), "%s", r->at.path);
	for (uint32_t i = 0; i < r->inv->link_count; i++)
		if (strcmp(r->inv->links[i]->path, r->owner) == 0)
			r->lost = r->inv->links[i];
	return ST_OK;
}

/* ---- content ids ----------------------------------------------------------------------------- */

/* All children must agree: two that remember different ids cannot both be right. */
static void find_cid(struct rebuilding *r)
{
	const struct inv_link *child = NULL;

	for (uint32_t i = 0; i < r->inv->link_count; i++) {
		const struct inv_link *l = r->inv->links[i];

		if (!r->lost || l->parent != r->lost)
			continue;
		if (child && child->parent_cid != l->parent_cid) {
			r->opts.set_cid = 0;
			say(r, "its children remember different content ids; it gets a new one, "
			       "and their chains stay broken");
			return;
		}
		child = l;
		r->opts.set_cid = 1;
		r->opts.cid = l->parent_cid;
	}
	if (child)
		say(r, "its content id is the one that its child %s expects; whether the data "
		       "was changed since the child was made, nobody can tell", child->path);
	else
		say(r, "no child remembers its content id; it gets a new one");
}

/* ---- adapter --------------------------------------------------------------------------------- */

static enum vmdk_adapter adapter_of(const struct inv_disk *d)
{
	if (strncmp(d->node, "ide", 3) == 0)
		return VMDK_IDE;
	return d->controller && strcmp(d->controller, "buslogic") == 0 ? VMDK_BUSLOGIC :
									 VMDK_LSILOGIC;
}

static int stands_on(const struct inv_disk *d, const struct inv_link *l)
{
	const struct inv_link *up = d->link;

	while (up && up != l)
		up = up->parent;
	return up != NULL;
}

/* The disk of a machine whose chain goes through the link. */
static const struct inv_disk *disk_of(const struct rebuilding *r, const struct inv_vm **vm)
{
	for (uint32_t i = 0; r->lost && i < r->inv->vm_count; i++) {
		*vm = r->inv->vms[i];
		for (uint32_t k = 0; k < (*vm)->disk_count; k++)
			if ((*vm)->disks[k].node && stands_on(&(*vm)->disks[k], r->lost))
				return &(*vm)->disks[k];
	}
	return NULL;
}

static void find_adapter(struct rebuilding *r)
{
	const struct inv_vm *vm = NULL;
	const struct inv_disk *d = disk_of(r, &vm);

	r->opts.adapter = VMDK_LSILOGIC;
	if (d) {
		r->opts.adapter = adapter_of(d);
		r->opts.hardware_version = vm->hardware_version;
		say(r, "adapter and geometry are of %s in %s", d->node, vm->path);
	} else {
		say(r, "no .vmx has this disk: the adapter is lsilogic, as of most");
	}
}

/* ---- the parent of a delta ------------------------------------------------------------------- */

/* What the snapshot list says: the link that the current snapshot froze at the node where the
 * machine has this delta now. */
static const struct inv_link *frozen_below(const struct rebuilding *r, const struct inv_vm *vm,
					   const struct inv_disk *disk)
{
	if (disk->link != r->lost)
		return NULL;	/* not the leaf: the current snapshot froze something above it */
	for (uint32_t i = 0; i < vm->snapshot_count; i++) {
		const struct inv_snapshot *s = &vm->snapshots[i];

		for (uint32_t k = 0; s->current && k < s->disk_count; k++)
			if (s->disks[k].node && strcmp(s->disks[k].node, disk->node) == 0 &&
			    s->disks[k].link != r->lost)
				return s->disks[k].link;
	}
	return NULL;
}

static enum status given_parent(struct rebuilding *r, const char *name, struct why *why)
{
	struct host_path *p = calloc(1, sizeof(*p));
	enum status st = p ? host_resolve(r->cmd->host, name, HOST_READ, p, why) : ST_NOMEM;

	if (st == ST_OK && p->store != r->at.store)
		st = why_set(why, ST_REFUSED, "%s: is on another datastore than its child", name);
	if (st == ST_OK)
		snprintf(r->parent, sizeof(r->parent), "%s", p->path);
	free(p);
	r->opts.parent = r->parent;
	return st;
}

static enum status find_parent(struct rebuilding *r, const char *name, struct why *why)
{
	const struct inv_vm *vm = NULL;
	const struct inv_disk *d = disk_of(r, &vm);
	const struct inv_link *below = d ? frozen_below(r, vm, d) : NULL;

	if (name)
		return given_parent(r, name, why);
	if (!below)
		return why_set(why, ST_REFUSED, "%s: is a delta, and no snapshot list tells which "
			       "disk it stands on; name its descriptor with --parent", r->owner);
	snprintf(r->parent, sizeof(r->parent), "%s", below->path);
	r->opts.parent = r->parent;
	say(r, "its parent is %s, which the current snapshot of %s froze", r->parent, vm->path);
	return ST_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

static void tell_result(struct rebuilding *r, const struct vmdk_rebuilt *out)
{
	const char *line = out->text;

	say(r, "%s %s: %s, %llu bytes", r->cmd->dry_run ? "would write" : "wrote", out->path,
	    vmdk_kind_word(out->kind), (unsigned long long)out->bytes);
	while (r->cmd->dry_run && *line) {
		size_t n = strcspn(line, "\n");

		if (n)
			say(r, "    %.*s", (int)n, line);
		line += n + (line[n] != 0);
	}
}

static enum status rebuild(struct rebuilding *r, const char *parent, struct vmdk_rebuilt *out,
			   struct why *why)
{
	enum status st = scan(r, why);

	if (st != ST_OK)
		return st;
	find_cid(r);
	if (r->lost && r->lost->is_delta)
		st = find_parent(r, parent, why);
	else if (parent)
		st = given_parent(r, parent, why);
	else
		find_adapter(r);
	r->opts.dry_run = r->cmd->dry_run;
	if (st == ST_OK)
		st = vmdk_rebuild(r->at.store, r->at.path, &r->opts, out, why);
	if (st == ST_OK)
		tell_result(r, out);
	return st;
}

enum status disk_rebuild(struct cmd *cmd, const char *name,
			 void (*finding)(void *arg, const char *text), void *arg, struct why *why)
{
	struct rebuilding *r = calloc(1, sizeof(*r));
	struct vmdk_rebuilt *out = calloc(1, sizeof(*out));
	enum status st = ST_NOMEM;

	if (r && out) {
		r->cmd = cmd;
		r->say = finding;
		r->arg = arg;
		st = host_resolve(cmd->host, name, cmd_write_access(cmd), &r->at,
				  why);
		if (st == ST_OK)
			st = rebuild(r, opt_text(&cmd->args, "parent", NULL), out, why);
		inv_free(r->inv);
	}
	free(out);
	free(r);
	return st;
}
