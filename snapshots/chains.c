/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* From link to parent. A child knows its parent by a name, which a copy or a rename may have made
 * wrong, and by the CID, which any write to the parent makes wrong. So: of the places where the
 * parent may be, the first that has a link with the right CID; when there is none, the first that
 * has a link at all, and the child is told about. */
#include "snapshots/snapshots_priv.h"

static enum status set_fault(struct scan *s, struct link *l, enum inv_link_state state,
			     const char *text)
{
	l->pub.state = state;
	l->pub.fault = text;
	return text ? ST_OK : scan_nomem(s);
}

static int has_cid(const struct link *l)
{
	return l->pub.state != INV_LINK_MISSING && l->pub.state != INV_LINK_UNREADABLE;
}

static enum status search(struct scan *s, struct link *l, struct link **found)
{
	int elsewhere = files_elsewhere(s, l->pub.parent_hint);
	char path[INV_PATH_MAX];
	struct link *at;
	enum status st;

	*found = NULL;
	for (unsigned n = elsewhere; n <= 2; n++) {
		if (vmdk_parent_path(l->pub.path, l->pub.parent_hint, n, path, sizeof(path)) !=
		    ST_OK)
			continue;
		st = links_get(s, path, &at);
		if (st != ST_OK)
			return st;
		if (at == l && n > 0)
			continue;	/* a clone may be called like its parent elsewhere */
		if (at && at != l && has_cid(at) && at->pub.cid == l->pub.parent_cid) {
			*found = at;
			return ST_OK;
		}
		if (at && !*found)
			*found = at;	/* also l itself: that is a loop */
	}
	return ST_OK;
}

static enum status not_found(struct scan *s, struct link *l)
{
	const char *hint = l->pub.parent_hint;

	if (hint && files_elsewhere(s, hint))
		return set_fault(s, l, INV_LINK_PARENT_ELSEWHERE,
				 arena_fmt(&s->arena, "its parent '%s' is on another datastore",
					   hint));
	return set_fault(s, l, INV_LINK_PARENT_MISSING, hint ?
			 arena_fmt(&s->arena, "its parent '%s' is not there", hint) :
			 arena_fmt(&s->arena, "it has a parent of CID %08x and does not name it",
				   l->pub.parent_cid));
}

static enum status join(struct scan *s, struct link *l)
{
	struct link *parent = NULL;
	enum status st = l->pub.parent_hint ? search(s, l, &parent) : ST_OK;

	if (st != ST_OK)
		return st;
	if (!parent)
		return not_found(s, l);
	l->pub.parent = &parent->pub;
	if (!has_cid(parent))
		return ST_OK;	/* told at the parent */
	if (parent->pub.cid != l->pub.parent_cid)
		return set_fault(s, l, INV_LINK_PARENT_CHANGED,
				 arena_fmt(&s->arena, "content ID mismatch: it was made on CID "
					   "%08x, and its parent '%s' has %08x now",
					   l->pub.parent_cid, parent->pub.path, parent->pub.cid));
	if (parent->pub.capacity_bytes != l->pub.capacity_bytes)
		return set_fault(s, l, INV_LINK_PARENT_SIZE,
				 arena_fmt(&s->arena, "capacity differs: %llu bytes, and %llu in "
					   "its parent '%s'",
					   (unsigned long long)l->pub.capacity_bytes,
					   (unsigned long long)parent->pub.capacity_bytes,
					   parent->pub.path));
	return ST_OK;
}

/* Walk up until a link that an earlier walk has passed; one of this walk means a loop, and the
 * chain is cut there, so that everybody else may follow parents without care. */
static enum status cut_loop(struct scan *s, struct link *l)
{
	uint32_t walk = ++s->walk;

	for (struct link *up; l && !l->step; l = up) {
		l->step = walk;
		up = link_of(l->pub.parent);
		if (!up || up->step != walk)
			continue;
		l->pub.parent = NULL;
		return set_fault(s, l, INV_LINK_LOOP,
				 arena_fmt(&s->arena, "the chain is a loop: its parent '%s' stands "
					   "on it", up->pub.path));
	}
	return ST_OK;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct link *)a)->pub.path, ((const struct link *)b)->pub.path);
}

static void cut_loops_of(struct scan *s, const struct inv_disk *disks, uint32_t count,
			 enum status *st)
{
	for (uint32_t i = 0; i < count && *st == ST_OK; i++)
		*st = cut_loop(s, link_of(disks[i].link));
}

/* From the disks of machines first: a loop is then cut as far from them as can be, and what they
 * reach stays theirs. */
static enum status cut_loops(struct scan *s)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < s->vms.count; i++) {
		const struct inv_vm *vm = s->vms.at[i];

		cut_loops_of(s, vm->disks, vm->disk_count, &st);
		for (uint32_t k = 0; k < vm->snapshot_count; k++)
			cut_loops_of(s, vm->snapshots[k].disks, vm->snapshots[k].disk_count, &st);
	}
	for (uint32_t i = 0; i < s->links.count && st == ST_OK; i++)
		st = cut_loop(s, s->links.at[i]);
	return st;
}

enum status chains_join(struct scan *s)
{
	enum status st = ST_OK;

	/* Links outside of the scanned folder are added behind while this goes through them. */
	for (uint32_t i = 0; i < s->links.count && st == ST_OK; i++) {
		struct link *l = s->links.at[i];

		if (l->pub.is_delta && has_cid(l))
			st = join(s, l);
	}
	ptrs_sort(&s->links, by_path);
	if (st == ST_OK)
		st = cut_loops(s);
	for (uint32_t i = 0; i < s->links.count && st == ST_OK; i++) {
		struct link *l = s->links.at[i];

		if (l->pub.parent)
			l->pub.parent->children++;
		if (l->pub.state == INV_LINK_OK && l->extent_state != INV_LINK_OK) {
			l->pub.state = l->extent_state;
			l->pub.fault = l->extent_fault;
		}
	}
	return st;
}
