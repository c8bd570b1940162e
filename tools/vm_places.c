/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vm_places - the datastores and folders that a command is about, scanned. A machine may have disks
 * on several datastores. Each is scanned by itself first; one that others name disks of is scanned
 * again with those names, so that what they have there is not called nobody's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/file.h"
#include "tools/vm.h"

static struct vm_place *add_place(struct vm_places *p)
{
	struct vm_place *more = realloc(p->place, (p->all + 1) * sizeof(*more));

	if (!more)
		return NULL;
	p->place = more;
	more[p->all] = (struct vm_place){ 0 };
	return &more[p->all++];
}

static void drop_last(struct vm_places *p)
{
	struct vm_place *last = &p->place[--p->all];

	inv_free(last->inv);
	free(last->base);
	free(last->only);
}

static enum status scan_place(struct vm_place *place, const char *root, const char *const *claims,
			      size_t claim_count, struct why *why)
{
	struct inv_opts o = { .root = root, .claims = claims,
			      .claim_count = (uint32_t)claim_count };

	if (place->volume) {
		o.label = host_volume_name(place->volume);
		o.uuid = host_volume_uuid(place->volume);
	}
	return inv_scan(place->store, &o, &place->inv, why);
}

static enum status add_store(struct vm_places *p, struct store *s, struct host_volume *v,
			     const char *root, const char *only, struct why *why)
{
	struct vm_place *place = add_place(p);
	char base[HOST_PATH_MAX] = "";
	enum status st;

	if (!place)
		return why_set(why, ST_NOMEM, "%s: no memory", root);
	if (v)
		snprintf(base, sizeof(base), "/vmfs/volumes/%s", host_volume_name(v));
	place->store = s;
	place->volume = v;
	place->base = strdup(base);
	place->only = strdup(only);
	st = place->base && place->only ? scan_place(place, root, NULL, 0, why) :
					  why_set(why, ST_NOMEM, "%s: no memory", root);
	if (st != ST_OK)
		drop_last(p);
	return st;
}

static enum status scan_volume(struct vm_places *p, struct host_volume *v, const char *only,
			       struct why *why)
{
	struct vmfs_volume *vol;
	enum status st = host_volume_mount(v, HOST_READ, &vol, why);

	return st == ST_OK ? add_store(p, vmfs_store(vol), v, "/", only, why) : st;
}

/* A datastore is scanned as a whole, because its chains cross folders; of this machine only the
 * folder that is named. */
static enum status scan_name(struct cmd *cmd, struct vm_places *p, const char *name,
			     struct why *why)
{
	char root[HOST_PATH_MAX];
	struct host_path *at = NULL;
	struct store_stat st;
	enum status s = file_get(cmd, name, HOST_READ, 1, &at, &st, why);

	if (s == ST_OK && at->volume) {
		s = scan_volume(p, at->volume, at->path, why);
	} else if (s == ST_OK) {
		if (st.kind == STORE_DIR)
			snprintf(root, sizeof(root), "%s", at->path);
		else
			path_parent(at->path, root, sizeof(root));
		s = add_store(p, at->store, NULL, root, at->path, why);
	}
	file_put(at);
	return s;
}

static void scan_claimed(struct cmd *cmd, struct vm_places *p)
{
	struct host_volume *v;
	struct why why = { 0 };
	enum status st = host_scan(cmd->host, &why);

	if (st == ST_OK && host_volume_count(cmd->host) == 0)
		st = why_set(&why, ST_NOENT, "no datastore is known; name one, or a folder, or "
			     "give its devices with --device or CAIRN_DEVICES");
	if (st != ST_OK)
		file_item_failed(cmd, NULL, st, &why, &p->code);
	for (size_t i = 0; st == ST_OK && (v = host_volume_at(cmd->host, i)) != NULL; i++) {
		enum status got = scan_volume(p, v, "/", &why);

		if (got != ST_OK)
			file_item_failed(cmd, host_volume_name(v), got, &why, &p->code);
	}
}

/* ---- what others have here ------------------------------------------------------------------- */

struct claims {
	const struct vm_place	*on;
	char			**path;
	size_t			count;
	int			no_memory;
};

/* A name that leads to the datastore becomes a path there. */
static void claim(struct claims *c, const char *name)
{
	char volume[256], path[HOST_PATH_MAX], **more;

	if (!name || !vmdk_path_volume(name, volume, sizeof(volume)) ||
	    (strcmp(volume, host_volume_name(c->on->volume)) != 0 &&
	     strcmp(volume, host_volume_uuid(c->on->volume)) != 0) ||
	    vmdk_path_at("/", name, path, sizeof(path)) != ST_OK)
		return;
	more = realloc(c->path, (c->count + 1) * sizeof(*more));
	if (more)
		c->path = more;
	if (!more || !(more[c->count] = strdup(path)))
		c->no_memory = 1;
	else
		c->count++;
}

static void claim_disks(struct claims *c, const struct inv_disk *disks, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (disks[i].state == INV_DISK_ELSEWHERE)
			claim(c, disks[i].file);
}

static void claim_all(struct claims *c, const struct inventory *inv)
{
	for (uint32_t i = 0; i < inv->vm_count; i++) {
		const struct inv_vm *vm = inv->vms[i];

		claim_disks(c, vm->disks, vm->disk_count);
		for (uint32_t k = 0; k < vm->snapshot_count; k++)
			claim_disks(c, vm->snapshots[k].disks, vm->snapshots[k].disk_count);
	}
	for (uint32_t i = 0; i < inv->link_count; i++)
		if (inv->links[i]->state == INV_LINK_PARENT_ELSEWHERE)
			claim(c, inv->links[i]->parent_hint);
}

/* Scan a datastore again when others name something on it. */
static void scan_with_claims(struct cmd *cmd, struct vm_places *p, struct vm_place *place)
{
	struct claims c = { .on = place };
	struct inventory *before = place->inv;
	struct why why = { 0 };
	enum status st = ST_OK;

	for (size_t i = 0; i < p->all; i++)
		if (&p->place[i] != place)
			claim_all(&c, p->place[i].inv);
	if (c.no_memory)
		st = ST_NOMEM;
	else if (c.count)
		st = scan_place(place, "/", (const char *const *)c.path, c.count, &why);
	if (st != ST_OK) {
		place->inv = before;
		file_item_failed(cmd, host_volume_name(place->volume), st, &why, &p->code);
	} else if (c.count) {
		inv_free(before);
	}
	while (c.count > 0)
		free(c.path[--c.count]);
	free(c.path);
}

static int is_scanned(const struct vm_places *p, const struct host_volume *v)
{
	for (size_t i = 0; i < p->all; i++)
		if (p->place[i].volume == v)
			return 1;
	return 0;
}

/* The claimed datastores that were not named are looked at too, but not shown. */
static void hear_others(struct cmd *cmd, struct vm_places *p)
{
	struct host_volume *v;

	for (size_t i = 0; (v = host_volume_at(cmd->host, i)) != NULL; i++)
		if (!is_scanned(p, v) && scan_volume(p, v, "/", NULL) != ST_OK)
			cmd_note(cmd, "%s cannot be looked at: what its machines have elsewhere "
				 "is taken for nobody's", host_volume_name(v));
	for (size_t i = 0; i < p->count && p->all > 1; i++)
		if (p->place[i].volume)
			scan_with_claims(cmd, p, &p->place[i]);
}

/* ---- all ------------------------------------------------------------------------------------- */

void vm_places_scan(struct cmd *cmd, size_t first, struct vm_places *p)
{
	int volumes = 0;

	*p = (struct vm_places){ 0 };
	if (first >= cmd->args.operand_count)
		scan_claimed(cmd, p);
	for (size_t i = first; i < cmd->args.operand_count; i++) {
		struct why why = { 0 };
		enum status st = scan_name(cmd, p, cmd->args.operand[i], &why);

		if (st != ST_OK)
			file_item_failed(cmd, cmd->args.operand[i], st, &why, &p->code);
	}
	p->count = p->all;
	for (size_t i = 0; i < p->count; i++)
		volumes |= p->place[i].volume != NULL;
	if (volumes)
		hear_others(cmd, p);
	if (p->code == EXIT_DONE && port_interrupted())
		p->code = exit_of(ST_CANCELLED);	/* what is shown may be wrong for it */
}

void vm_places_free(struct vm_places *p)
{
	while (p->all > 0)
		drop_last(p);
	free(p->place);
}
