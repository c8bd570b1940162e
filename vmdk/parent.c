/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Finding the parent of a delta. Its descriptor says where the parent was when the snapshot was
 * made; since then a folder may have been moved or copied out, a datastore may have got another
 * name. So it is looked for, in this order:
 *
 *   the hint as written	"/vmfs/volumes/<label or UUID>/..." by whoever knows the volumes,
 *				else below the root of the child's own store
 *   its last name		beside the child
 *   its last directory		beside the child's directory
 *
 * The first whose content id is the one the child expects is it: the id, not the name, proves that
 * a file is the parent. Where files are found and none has it, that is what is told. */
#include "vmdk/vmdk_priv.h"

struct search {
	struct vmdk_disk	*child;
	const char		*hint;
	unsigned		flags;
	struct vmdk_disk	*found;
	struct why		why;		/* of the first file that was there */
	char			path[VMDK_PATH_MAX];
};

/* ---- one candidate --------------------------------------------------------------------------- */

static enum status wrong_id(struct search *s, const struct vmdk_disk *parent)
{
	return why_set(&s->why, ST_REFUSED,
		       "%s: content id mismatch: it expects a parent with %08x, and '%s' has %08x: "
		       "one of the two was changed after the snapshot; --ignore-cid reads on all "
		       "the same",
		       s->child->path, s->child->desc.parent_cid, parent->path,
		       parent->desc.cid);
}

/* 1: found. What was there and is not it leaves its reason, the first one. */
static int try_path(struct search *s, struct store *store, const char *path)
{
	struct vmdk_disk *d;
	struct why why = { 0 };
	enum status st;

	if (store == s->child->store && strcmp(path, s->child->path) == 0)
		return 0;	/* a clone may have its parent's name, in another directory */
	st = disk_load(store, path, &d, &why);
	if (st != ST_OK) {
		if (st != ST_NOENT && st != ST_NOTDIR && s->why.status == ST_OK)
			s->why = why;
		return 0;
	}
	if (d->desc.cid == s->child->desc.parent_cid || s->flags & VMDK_IGNORE_CID) {
		s->found = d;
		return 1;
	}
	if (s->why.status == ST_OK)
		(void)wrong_id(s, d);
	(void)vmdk_close(d);
	return 0;
}

/* ---- the order ------------------------------------------------------------------------------- */

/* A name on a volume that this process knows. */
static int try_volumes(struct search *s)
{
	struct store *store = s->child->store;
	char volume[256];

	return vmdk_path_volume(s->hint, volume, sizeof(volume)) && store->names &&
	       store->names->find(store->names, s->hint, &store, s->path, sizeof(s->path)) ==
		       ST_OK &&
	       try_path(s, store, s->path);
}

static int try_beside(struct search *s)
{
	for (unsigned n = 0; ; n++) {
		enum status st =
		    vmdk_parent_path(s->child->path, s->hint, n, s->path, sizeof(s->path));

		if (st == ST_NOENT)
			return 0;
		if (st == ST_OK && try_path(s, s->child->store, s->path))
			return 1;
	}
}

static enum status not_found(struct search *s, struct why *why)
{
	if (s->why.status == ST_OK)
		return why_set(why, ST_NOENT,
			       "%s: its parent '%.200s' is not there, nor beside it: put the "
			       "parent's files into the same directory",
			       s->child->path, s->hint);
	return why_set(why, s->why.status, "%s", s->why.text);
}

enum status parent_find(struct vmdk_disk *child, unsigned flags, struct vmdk_disk **parent,
			struct why *why)
{
	const char *hint = desc_get(&child->desc, "parentFileNameHint");
	struct search *s;
	enum status st = ST_OK;

	*parent = NULL;
	if (!hint || !*hint)
		return why_set(why, ST_CORRUPT,
			       "%s: has a parent, content id %08x, and does not say which "
			       "(parentFileNameHint)",
			       child->path, child->desc.parent_cid);
	s = port_alloc(sizeof(*s));
	if (!s)
		return why_set(why, ST_NOMEM, "%s: no memory to look for its parent", child->path);
	s->child = child;
	s->flags = flags;
	s->hint = hint;
	if (try_volumes(s) || try_beside(s))
		*parent = s->found;
	else
		st = not_found(s, why);
	port_free(s);
	return st;
}

int parent_is_same(struct vmdk_disk *a, struct vmdk_disk *b)
{
	struct store_stat x, y;

	if (a->store != b->store)
		return 0;
	if (a->store->ops->stat(a->store, a->path, &x, NULL) != ST_OK ||
	    b->store->ops->stat(b->store, b->path, &y, NULL) != ST_OK)
		return strcmp(a->path, b->path) == 0;
	return x.id == y.id;
}
