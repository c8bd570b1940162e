/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What is wrong, told once and at its cause: a child whose parent lost its descriptor is not told
 * about, the parent is; a chain that nobody needs is one orphan, whatever else is wrong in it. */
#include "snapshots/snapshots_priv.h"

#include "iopath/base/fmt.h"

enum status finding_add(struct scan *s, enum inv_kind kind, const char *path, const char *text,
			struct inv_vm *vm, uint64_t bytes)
{
	struct inv_finding *f = arena_alloc(&s->arena, sizeof(*f));
	char *copy = arena_text(&s->arena, path, strlen(path));

	if (!f || !copy || !text || ptrs_add(&s->arena, &s->findings, f) != ST_OK)
		return scan_nomem(s);
	*f = (struct inv_finding){ .kind = kind, .path = copy, .text = text, .vm = vm,
				   .bytes = bytes };
	if (inv_is_note(kind))
		return ST_OK;
	s->inv.problem_count++;
	if (vm)
		vm->problems++;
	return ST_OK;
}

/* The machine of a link, when there is exactly one and it is of this datastore. */
static struct inv_vm *vm_of(const struct link *l)
{
	return l->pub.vms == 1 && l->only_vm->path ? l->only_vm : NULL;
}

/* ---- links ----------------------------------------------------------------------------------- */

static enum inv_kind kind_of(enum inv_link_state state)
{
	switch (state) {
	case INV_LINK_MISSING: return INV_MISSING_DESCRIPTOR;
	case INV_LINK_UNREADABLE: return INV_UNREADABLE_DESCRIPTOR;
	case INV_LINK_PARENT_MISSING: return INV_PARENT_MISSING;
	case INV_LINK_PARENT_CHANGED: return INV_PARENT_CHANGED;
	case INV_LINK_PARENT_SIZE: return INV_PARENT_SIZE;
	case INV_LINK_LOOP: return INV_CHAIN_LOOP;
	case INV_LINK_EXTENT_MISSING: return INV_MISSING_EXTENT;
	case INV_LINK_EXTENT_SHORT: return INV_SHORT_EXTENT;
	default: return INV_ELSEWHERE;
	}
}

/* Nobody needs it and nothing stands on it: the tip of an orphaned chain. */
static int is_tip(const struct link *l) { return !l->pub.vms && !l->pub.children; }

/* The first fault from this link up; NULL: none. */
static const struct inv_link *first_fault(const struct inv_link *l)
{
	while (l && l->state == INV_LINK_OK)
		l = l->parent;
	return l;
}

static uint64_t orphan_bytes(const struct link *l)
{
	uint64_t bytes = 0;

	for (const struct inv_link *up = &l->pub; up && !up->vms; up = up->parent)
		bytes += up->allocated_bytes;
	return bytes;
}

static enum status tell_orphan(struct scan *s, const struct link *l)
{
	const struct inv_link *bad = first_fault(&l->pub), *base = &l->pub;
	const char *fault = bad ? bad->fault : NULL;
	char where[300] = "";

	while (base->parent)
		base = base->parent;
	if (bad && bad != &l->pub)
		fmt(where, sizeof(where), "'%s': ", file_name(bad->path));
	return finding_add(s, l->pub.is_delta ? INV_ORPHAN_DELTA : INV_UNREGISTERED_DISK,
			   l->pub.path,
			   arena_fmt(&s->arena, "%s%s%s%s%s%s", l->pub.is_delta ?
				     "no machine and no snapshot needs this delta" :
				     "no machine has this disk",
				     base != &l->pub ? "; it stands on '" : "",
				     base != &l->pub ? base->path : "",
				     base != &l->pub ? "'" : "", fault ? "; " : "",
				     fault ? arena_fmt(&s->arena, "%s%s", where, fault) : ""),
			   NULL, orphan_bytes(l));
}

static enum status tell_missing(struct scan *s, const struct link *l)
{
	const struct inv_file *x = l->pub.extent_count ? l->pub.extents[0] : NULL;

	return finding_add(s, INV_MISSING_DESCRIPTOR, l->pub.path,
			   arena_fmt(&s->arena, "no descriptor for '%s', %llu bytes%s",
				     x ? file_name(x->path) : "?",
				     x ? (unsigned long long)x->size_bytes : 0,
				     l->pub.extent_count > 1 ? " and more extents" : ""),
			   vm_of(l), l->pub.allocated_bytes);
}

static enum status tell_link(struct scan *s, struct link *l)
{
	enum inv_link_state state = l->pub.state;
	enum status st = ST_OK;

	if (l->pub.outside && !l->pub.vms)
		return ST_OK;
	if (state == INV_LINK_MISSING)
		return tell_missing(s, l);
	if (state != INV_LINK_UNREADABLE && is_tip(l) && !l->pub.outside)
		return tell_orphan(s, l);
	/* In the middle of an orphaned chain: its tip tells. A loop has no tip. */
	if (state != INV_LINK_OK && (l->pub.vms || state == INV_LINK_UNREADABLE ||
				     state == INV_LINK_LOOP))
		st = finding_add(s, kind_of(state), l->pub.path, l->pub.fault, vm_of(l), 0);
	if (st == ST_OK && l->extent_state != INV_LINK_OK && state != l->extent_state &&
	    l->pub.vms)
		st = finding_add(s, kind_of(l->extent_state), l->pub.path, l->extent_fault,
				 vm_of(l), 0);
	if (st == ST_OK && l->leaf_of > 1 && l->not_shared)
		st = finding_add(s, INV_SHARED_DISK, l->pub.path,
				 arena_fmt(&s->arena, "%u machines have this disk, and not all of "
					   "them share it", l->leaf_of), NULL, 0);
	return st;
}

/* ---- machines -------------------------------------------------------------------------------- */

static enum status tell_disks(struct scan *s, struct inv_vm *vm, const struct inv_disk *disks,
			      uint32_t count, const struct inv_snapshot *snap)
{
	enum status st = ST_OK;
	char of[40] = "";

	if (snap)
		fmt(of, sizeof(of), " of snapshot %u", snap->uid);
	for (uint32_t i = 0; i < count && st == ST_OK; i++) {
		const struct inv_disk *d = &disks[i];
		const char *node = d->node ? d->node : "";

		if (d->state == INV_DISK_MISSING)
			st = finding_add(s, snap ? INV_SNAPSHOT_FILE : INV_MISSING_DISK, vm->path,
					 arena_fmt(&s->arena, "the disk %s%s '%s' is not there",
						   node, of, d->file), vm, 0);
		else if (d->state == INV_DISK_ELSEWHERE)
			st = finding_add(s, INV_ELSEWHERE, vm->path,
					 arena_fmt(&s->arena, "the disk %s%s '%s' is on another "
						   "datastore", node, of, d->file), vm, 0);
	}
	return st;
}

/* A frozen link of the machine's own that no snapshot froze, and that only one child needs: a
 * snapshot was removed from the list, and its data was not merged. */
static int is_left_over(const struct link *l)
{
	return !l->pub.snapshots && l->vm_children < 2 && l->leaf_of == 0 &&
	       l->pub.state != INV_LINK_MISSING;
}

static enum status tell_consolidation(struct scan *s, struct inv_vm *vm)
{
	for (uint32_t i = 0; i < vm->disk_count; i++) {
		const struct inv_link *leaf = vm->disks[i].link, *l = leaf;

		if (first_fault(leaf))
			continue;	/* that is to be mended first */
		while (l && (l = l->parent) != NULL)
			if (same_folder(l->path, leaf->path) &&
			    is_left_over(container_of(l, struct link, pub)))
				return finding_add(s, INV_NEEDS_CONSOLIDATION, vm->path,
						   arena_fmt(&s->arena, "its disk %s stands on "
							     "'%s', which no snapshot froze",
							     vm->disks[i].node,
							     file_name(l->path)), vm, 0);
	}
	return ST_OK;
}

static int told_already(const struct scan *s, enum inv_kind kind, const struct inv_vm *vm)
{
	for (uint32_t i = 0; i < s->findings.count; i++) {
		const struct inv_finding *f = s->findings.at[i];

		if (f->kind == kind && f->vm == vm)
			return 1;
	}
	return 0;
}

static enum status tell_machine(struct scan *s, struct inv_vm *vm)
{
	enum status st = tell_disks(s, vm, vm->disks, vm->disk_count, NULL);

	for (uint32_t i = 0; i < vm->snapshot_count && st == ST_OK; i++)
		st = tell_disks(s, vm, vm->snapshots[i].disks, vm->snapshots[i].disk_count,
				&vm->snapshots[i]);
	if (st == ST_OK && vm->has_vmx && !told_already(s, INV_NEEDS_CONSOLIDATION, vm))
		st = tell_consolidation(s, vm);
	return st;
}

/* ---- files ----------------------------------------------------------------------------------- */

static enum status tell_file(struct scan *s, struct file *f)
{
	static const struct { enum role role; enum inv_kind kind; const char *text; } notes[] = {
		{ ROLE_SWAP, INV_SWAP_FILE, "swap of a machine that runs, or did not end well" },
		{ ROLE_LOCK, INV_LOCK_FILE, "a program has the file open, or did not end well" },
		{ ROLE_TEMPORARY, INV_TEMPORARY_FILE, "made while a file is replaced or copied; "
		  "left over unless that still goes on" },
	};
	char owner[INV_PATH_MAX];

	if (!f->folder || f->is_absent)
		return ST_OK;
	for (size_t i = 0; i < ARRAY_COUNT(notes); i++)
		if (f->role == notes[i].role)
			return finding_add(s, notes[i].kind, f->pub.path, notes[i].text, NULL,
					   f->pub.allocated_bytes);
	if (f->role != ROLE_DISK || f->link || f->users ||
	    !vmdk_is_extent_name(f->pub.path, owner, sizeof(owner)))
		return ST_OK;
	if (mem_ends_with(f->pub.path, "-ctk.vmdk"))
		return finding_add(s, INV_TEMPORARY_FILE, f->pub.path,
				   "change tracking that no disk names", NULL,
				   f->pub.allocated_bytes);
	return finding_add(s, INV_ORPHAN_EXTENT, f->pub.path,
			   arena_fmt(&s->arena, "'%s' is there and does not name it",
				     file_name(owner)), NULL, f->pub.allocated_bytes);
}

/* ---- all ------------------------------------------------------------------------------------- */

static int by_path_and_kind(const void *a, const void *b)
{
	const struct inv_finding *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	if (order == 0)
		order = (int)x->kind - (int)y->kind;
	return order ? order : strcmp(x->text, y->text);
}

enum status findings_conclude(struct scan *s)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < s->links.count && st == ST_OK; i++)
		st = tell_link(s, s->links.at[i]);
	for (uint32_t i = 0; i < s->vms.count && st == ST_OK; i++)
		st = tell_machine(s, s->vms.at[i]);
	for (uint32_t i = 0; i < s->files.count && st == ST_OK; i++)
		st = tell_file(s, s->files.at[i]);
	ptrs_sort(&s->findings, by_path_and_kind);
	return st;
}
