/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Deleting a disk. The descriptor is renamed first, to a hidden name: from then on there is no
 * disk, and what a crash leaves is the hidden file, which the next delete of that name takes up. */
#include "vmdk/vmdk_priv.h"

/* In use by somebody? An extent that is missing or broken does not matter. */
static enum status check_unused(struct vmdk_disk *d, const char *path, struct why *why)
{
	struct store *s = d->store;
	struct store_file *f;
	enum status st = s->ops->open(s, path, STORE_WRITE, &f, why);

	if (st == ST_BUSY)
		return why && why->text[0] ? st : why_set(why, st, "%s: is in use", path);
	if (st == ST_OK)
		(void)s->ops->file_close(f);
	return ST_OK;
}

static enum status extents_unused(struct vmdk_disk *d, struct why *why)
{
	char path[VMDK_PATH_MAX];
	enum status st = ST_OK;

	if (d->embedded)
		return check_unused(d, d->path, why);
	for (uint32_t i = 0; i < d->desc.extent_count && st == ST_OK; i++) {
		const char *file = d->desc.extents[i].file;

		if (file && path_sibling(d->path, file, path, sizeof(path), NULL) == ST_OK)
			st = check_unused(d, path, why);
	}
	return st;
}

/* ---- children -------------------------------------------------------------------------------- */

struct child_search {
	struct vmdk_disk	*disk;
	char			dir[VMDK_PATH_MAX];
	char			found[256];
};

static int names_as_parent(struct child_search *c, const char *name)
{
	char path[VMDK_PATH_MAX];
	struct vmdk_disk *other;
	const char *hint;
	int is_child;

	if (path_sibling(c->disk->path, name, path, sizeof(path), NULL) != ST_OK ||
	    disk_load(c->disk->store, path, &other, NULL) != ST_OK)
		return 0;
	hint = desc_get(&other->desc, "parentFileNameHint");
	is_child = hint && other->desc.parent_cid != DESC_NO_PARENT &&
		   strcmp(path_base(hint), path_base(c->disk->path)) == 0;
	(void)vmdk_close(other);
	return is_child;
}

static int on_name(void *arg, const char *name, const struct store_stat *st)
{
	struct child_search *c = arg;
	char owner[256];

	if (st->kind != STORE_FILE || !mem_ends_with(name, ".vmdk") ||
	    path_is_extent(name, owner, sizeof(owner)) ||
	    strcmp(name, path_base(c->disk->path)) == 0)
		return 0;
	if (!names_as_parent(c, name))
		return 0;
	mem_copy_text(c->found, sizeof(c->found), name);
	return 1;
}

enum status disk_refuse_parent(struct vmdk_disk *d, struct why *why)
{
	struct child_search *c = port_alloc(sizeof(*c));
	enum status st;

	if (!c)
		return ST_NOMEM;
	c->disk = d;
	st = path_dir(d->path, c->dir, sizeof(c->dir));
	if (st == ST_OK)
		st = d->store->ops->list(d->store, c->dir[0] ? c->dir : "/", on_name, c, why);
	if (st == ST_OK && c->found[0])
		st = why_set(why, ST_REFUSED, "%s: is the parent of %s", d->path, c->found);
	port_free(c);
	return st;
}

/* ---- delete ---------------------------------------------------------------------------------- */

static enum status allowed(struct vmdk_disk *d, int force, struct why *why)
{
	const char *deletable = desc_get(&d->desc, "ddb.deletable");
	enum status st = extents_unused(d, why);

	if (st != ST_OK || force)
		return st;
	if (deletable && mem_compare_nocase(deletable, "false") == 0)
		return why_set(why, ST_REFUSED,
			       "%s: is marked as not deletable (ddb.deletable); force "
			       "it if that is meant",
			       d->path);
	return disk_refuse_parent(d, why);
}

static enum status remove_file(struct vmdk_disk *d, const char *file, struct why *why)
{
	char path[VMDK_PATH_MAX];
	enum status st;

	if (!file || path_sibling(d->path, file, path, sizeof(path), NULL) != ST_OK)
		return ST_OK;	/* not beside the descriptor: not ours to remove */
	st = vmdk_file_remove(d->store, path, why);
	return st == ST_NOENT ? ST_OK : st;
}

static enum status remove_extents(struct vmdk_disk *d, struct why *why)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < d->desc.extent_count && !d->embedded && st == ST_OK; i++)
		st = remove_file(d, d->desc.extents[i].file, why);
	if (st == ST_OK)
		st = remove_file(d, desc_get(&d->desc, "changeTrackPath"), why);
	return st;
}

static enum status delete_disk(struct vmdk_disk *d, const char *hidden, struct why *why)
{
	enum status st = ST_OK;

	if (strcmp(d->path, hidden) != 0)
		st = file_rename(d->store, d->path, hidden, why);
	if (st == ST_OK)
		st = remove_extents(d, why);
	if (st == ST_OK)
		st = vmdk_file_remove(d->store, hidden, why);
	return st == ST_OK ? store_settle(d->store, why) : st;
}

enum status vmdk_delete(struct store *s, const char *path, int force, struct why *why)
{
	char hidden[VMDK_PATH_MAX];
	struct vmdk_disk *d;
	enum status st = path_hidden(path, "deleted", hidden, sizeof(hidden));

	if (st != ST_OK)
		return why_set(why, st, "%s: the name is too long", path);
	st = disk_load(s, path, &d, why);
	if (st == ST_NOENT)	/* cut off by a crash? */
		st = disk_load(s, hidden, &d, NULL);
	if (st != ST_OK)
		return st;
	st = s->writable ? allowed(d, force, why) :
	     why_set(why, ST_READONLY, "%s: %s is open read-only", path, s->name);
	if (st == ST_OK)
		st = delete_disk(d, hidden, why);
	(void)vmdk_close(d);
	return st;
}
