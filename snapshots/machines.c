/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Machines: a .vmx with the .vmsd of the same name, or what is left in a folder that has none. Then
 * the other way round: which machine needs which link. */
#include "snapshots/snapshots_priv.h"

#include "iopath/base/fmt.h"

/* ---- disks to links -------------------------------------------------------------------------- */

/* A datastore that this process knows is asked whether it has the disk; of others nobody knows. */
static enum inv_disk_state elsewhere_state(struct scan *s, const char *name)
{
	struct store_names *names = s->store->names;
	struct store_stat stat;
	struct store *other;
	char path[INV_PATH_MAX];

	if (!names || names->find(names, name, &other, path, sizeof(path)) != ST_OK)
		return INV_DISK_ELSEWHERE;
	return other->ops->stat(other, path, &stat, NULL) == ST_NOENT ? INV_DISK_MISSING :
								       INV_DISK_ELSEWHERE;
}

/* from: the file that names the disk. */
static enum status find_disk(struct scan *s, const char *from, struct inv_disk *disk)
{
	char path[INV_PATH_MAX];
	struct link *l = NULL;
	enum status st = ST_OK;

	if (files_elsewhere(s, disk->file)) {
		disk->state = elsewhere_state(s, disk->file);
		return ST_OK;
	}
	if (vmdk_path_at(from, disk->file, path, sizeof(path)) == ST_OK)
		st = links_get(s, path, &l);
	if (l) {
		disk->state = INV_DISK_OK;
		disk->link = &l->pub;
	}
	return st;
}

static enum status find_disks(struct scan *s, struct inv_vm *vm, struct inv_disk *disks,
			      uint32_t count)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < count && st == ST_OK; i++)
		st = find_disk(s, vm->path, &disks[i]);
	return st;
}

/* ---- snapshots ------------------------------------------------------------------------------- */

/* The file of another kind beside the path: "/a/b.vmx", ".vmsd" -> "/a/b.vmsd". 0: too long. */
static int beside(const char *path, const char *tail, char *out, size_t size)
{
	const char *dot = strrchr(file_name(path), '.');
	size_t n = dot ? (size_t)(dot - path) : strlen(path);

	if (n + strlen(tail) + 1 > size)
		return 0;
	memcpy(out, path, n);
	memcpy(out + n, tail, strlen(tail) + 1);
	return 1;
}

/* The .vmem that belongs to a .vmsn, and whether that one is there at all. */
static enum status find_state(struct scan *s, struct inv_vm *vm, struct inv_snapshot *snap)
{
	char path[INV_PATH_MAX], memory[INV_PATH_MAX];
	struct file *f = NULL;
	enum status st = ST_OK;

	if (!snap->state_file || files_elsewhere(s, snap->state_file) ||
	    vmdk_path_at(vm->path, snap->state_file, path, sizeof(path)) != ST_OK)
		return ST_OK;
	st = files_look(s, path, &f);
	if (st == ST_OK && !f)
		return finding_add(s, INV_SNAPSHOT_FILE, path,
				   arena_fmt(&s->arena, "the state of snapshot %u is not there",
					     snap->uid), vm, 0);
	if (st == ST_OK && beside(path, ".vmem", memory, sizeof(memory)))
		st = files_look(s, memory, &f);
	if (st == ST_OK && f && mem_ends_with(f->pub.path, ".vmem"))
		snap->memory_bytes = f->pub.size_bytes;
	return st;
}

struct tree_faults {
	struct scan	*scan;
	struct inv_vm	*vm;
	const char	*path;
	enum status	status;
};

static void on_fault(void *arg, const char *text)
{
	struct tree_faults *t = arg;

	if (t->status == ST_OK)
		t->status = finding_add(t->scan, INV_SNAPSHOT_TREE, t->path,
					arena_text(&t->scan->arena, text, strlen(text)), t->vm, 0);
}

static enum status parse_tree(struct scan *s, struct inv_vm *vm, const char *path,
			      const char *text, uint64_t bytes)
{
	struct tree_faults t = { s, vm, path, ST_OK };
	struct vmsd_result r = { .fault = on_fault, .arg = &t };
	enum status st = vmsd_parse(&s->arena, text, bytes, vm, &r);

	if (st != ST_OK)
		return scan_nomem(s);
	if (t.status == ST_OK && r.needs_consolidation)
		t.status = finding_add(s, INV_NEEDS_CONSOLIDATION, vm->path,
				       "its snapshot list says that disks need consolidation", vm,
				       0);
	return t.status;
}

static enum status read_tree(struct scan *s, struct inv_vm *vm, const struct file *f)
{
	struct why why = { 0 };
	uint64_t bytes;
	char *text;
	enum status st = store_read_all(s->store, f->pub.path, TEXT_FILE_MAX, &text, &bytes, &why);

	if (st == ST_NOMEM)
		return scan_nomem(s);
	if (st != ST_OK)
		return finding_add(s, INV_SNAPSHOT_TREE, f->pub.path,
				   arena_fmt(&s->arena, "cannot be read: %s", status_text(st)), vm,
				   0);
	st = parse_tree(s, vm, f->pub.path, text, bytes);
	port_free(text);
	for (uint32_t i = 0; i < vm->snapshot_count && st == ST_OK; i++) {
		st = find_disks(s, vm, vm->snapshots[i].disks, vm->snapshots[i].disk_count);
		if (st == ST_OK)
			st = find_state(s, vm, &vm->snapshots[i]);
	}
	return st;
}

/* ---- machines with a .vmx -------------------------------------------------------------------- */

static struct inv_vm *new_vm(struct scan *s, const char *path, const char *dir)
{
	struct inv_vm *vm = arena_alloc(&s->arena, sizeof(*vm));

	if (!vm || ptrs_add(&s->arena, &s->vms, vm) != ST_OK)
		return NULL;
	vm->path = path;
	vm->dir = dir;
	return vm;
}

static enum status name_by_file(struct scan *s, struct inv_vm *vm)
{
	const char *name = file_name(vm->path), *dot = strrchr(name, '.');

	if (vm->name && vm->name[0])
		return ST_OK;
	vm->name = arena_text(&s->arena, name, vm->has_vmx && dot ? (size_t)(dot - name)
								 : strlen(name));
	return vm->name ? ST_OK : scan_nomem(s);
}

static enum status read_config(struct scan *s, struct inv_vm *vm)
{
	const char *fault = NULL;
	struct why why = { 0 };
	uint64_t bytes;
	char *text;
	enum status st = store_read_all(s->store, vm->path, TEXT_FILE_MAX, &text, &bytes, &why);

	if (st == ST_NOMEM)
		return scan_nomem(s);
	if (st != ST_OK)
		return finding_add(s, INV_UNREADABLE_VMX, vm->path,
				   arena_fmt(&s->arena, "cannot be read: %s", status_text(st)), vm,
				   0);
	st = vmx_parse(&s->arena, text, bytes, vm, &fault);
	port_free(text);
	if (st != ST_OK)
		return scan_nomem(s);
	return fault ? finding_add(s, INV_UNREADABLE_VMX, vm->path, fault, vm, 0) : ST_OK;
}

static enum status read_machine(struct scan *s, struct file *f)
{
	struct inv_vm *vm = new_vm(s, f->pub.path, f->folder->path);
	char tree[INV_PATH_MAX];
	struct file *list = NULL;
	enum status st;

	if (!vm)
		return scan_nomem(s);
	vm->has_vmx = 1;
	vm->is_template = f->role == ROLE_VMTX;
	st = read_config(s, vm);
	if (!vm->readable) {
		f->folder->unreadable = vm;
		f->folder->unreadable_count++;
	}
	if (st == ST_OK)
		st = name_by_file(s, vm);
	if (st == ST_OK)
		st = find_disks(s, vm, vm->disks, vm->disk_count);
	if (st == ST_OK && beside(vm->path, ".vmsd", tree, sizeof(tree)))
		list = files_find(s, tree);
	return st == ST_OK && list ? read_tree(s, vm, list) : st;
}

/* ---- who needs what -------------------------------------------------------------------------- */

static void reach(struct inv_vm *vm, struct link *l)
{
	for (; l && l->seen_by != vm; l = link_of(l->pub.parent)) {
		l->seen_by = vm;
		if (l->pub.vms++ == 0)
			l->only_vm = vm;
		vm->allocated_bytes += l->pub.allocated_bytes;
		if (l->pub.parent && l->pub.vms == 1)
			link_of(l->pub.parent)->vm_children++;
	}
}

static void reach_disks(struct inv_vm *vm)
{
	for (uint32_t i = 0; i < vm->disk_count; i++) {
		struct link *l = link_of(vm->disks[i].link);

		reach(vm, l);
		if (!l)
			continue;
		l->leaf_of++;
		l->not_shared |= !vm->disks[i].shared;
		vm->provisioned_bytes += l->pub.capacity_bytes;
	}
}

static void reach_all(struct inv_vm *vm)
{
	reach_disks(vm);
	for (uint32_t k = 0; k < vm->snapshot_count; k++)
		for (uint32_t i = 0; i < vm->snapshots[k].disk_count; i++) {
			struct link *l = link_of(vm->snapshots[k].disks[i].link);

			reach(vm, l);
			if (l)
				l->pub.snapshots++;
		}
}

static void reach_claims(struct scan *s)
{
	for (uint32_t i = 0; i < s->opts->claim_count; i++) {
		struct file *f = files_find(s, s->opts->claims[i]);

		if (f)
			reach(&s->others, f->link);
	}
}

/* ---- machines without a .vmx ----------------------------------------------------------------- */

/* The folder's own name is the stem of the disk: "/web/web.vmdk", "/web/web_1.vmdk". */
static int called_like_folder(const struct link *l)
{
	const char *folder = file_name(l->folder->path), *name = file_name(l->pub.path);
	size_t n = strlen(folder);

	return n && strncmp(name, folder, n) == 0 &&
	       (name[n] == '.' || name[n] == '_' || name[n] == '-');
}

/* Is this link, which nobody needs and nothing stands on, a disk of a machine whose .vmx is lost or
 * cannot be read? Only when the folder has a trace of one, and of one only. */
static int is_lost_disk(const struct link *l)
{
	const struct folder *f = l->folder;

	if (!f || l->pub.vms || l->pub.children || f->machines > f->unreadable_count)
		return 0;
	if (f->unreadable_count)
		return f->unreadable_count == 1;
	return f->trace || called_like_folder(l);
}

static enum status lost_machine(struct scan *s, struct folder *f)
{
	struct inv_vm *vm = f->unreadable ? f->unreadable : new_vm(s, f->path, f->path);
	enum status st;

	if (!vm)
		return scan_nomem(s);
	f->lost = vm;
	if (f->unreadable)
		return ST_OK;
	st = name_by_file(s, vm);
	if (st != ST_OK || f->vmsd_count != 1)
		return st;	/* of several lists nobody knows which is its */
	vm->path = f->vmsd->pub.path;	/* names in it are relative to it */
	st = read_tree(s, vm, f->vmsd);
	vm->path = f->path;
	return st;
}

/* Grow the list by one; the arena keeps the old one, and folders have few disks. */
static enum status add_lost_disk(struct scan *s, struct inv_vm *vm, struct link *l)
{
	struct inv_disk *more = arena_alloc(&s->arena, (vm->disk_count + 1) * sizeof(*more));

	if (!more)
		return scan_nomem(s);
	if (vm->disk_count)
		memcpy(more, vm->disks, vm->disk_count * sizeof(*more));
	more[vm->disk_count++] = (struct inv_disk){
		.file = file_name(l->pub.path), .state = INV_DISK_OK, .link = &l->pub,
	};
	vm->disks = more;
	return ST_OK;
}

/* What shows that there was a machine. */
static const char *lost_text(struct scan *s, const struct folder *f)
{
	uint32_t n = f->lost->disk_count;
	const char *plural = n == 1 ? "" : "s";

	if (f->trace)
		return arena_fmt(&s->arena, "no .vmx, but %u disk%s and '%s'", n, plural, f->trace);
	return arena_fmt(&s->arena, "no .vmx, but %u disk%s called like the folder", n, plural);
}

static enum status find_lost(struct scan *s)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < s->links.count && st == ST_OK; i++) {
		struct link *l = s->links.at[i];

		if (!is_lost_disk(l))
			continue;
		if (!l->folder->lost)
			st = lost_machine(s, l->folder);
		if (st == ST_OK)
			st = add_lost_disk(s, l->folder->lost, l);
	}
	for (uint32_t i = 0; i < s->folders.count && st == ST_OK; i++) {
		struct folder *f = s->folders.at[i];

		if (f->lost && f->lost->has_vmx) {
			reach_disks(f->lost);	/* its snapshots were counted with the others */
		} else if (f->lost) {
			reach_all(f->lost);
			st = finding_add(s, INV_VM_WITHOUT_VMX, f->path, lost_text(s, f), f->lost,
					 0);
		}
	}
	return st;
}

/* ---- clones ---------------------------------------------------------------------------------- */

static int reaches(const struct inv_vm *vm, const struct inv_link *l)
{
	for (uint32_t i = 0; i < vm->disk_count; i++)
		for (const struct inv_link *up = vm->disks[i].link; up; up = up->parent)
			if (up == l)
				return 1;
	for (uint32_t k = 0; k < vm->snapshot_count; k++)
		for (uint32_t i = 0; i < vm->snapshots[k].disk_count; i++)
			if (vm->snapshots[k].disks[i].link == l)
				return 1;
	return 0;
}

static const struct inv_snapshot *frozen_by(const struct inv_vm *vm, const struct inv_link *l)
{
	for (uint32_t k = 0; k < vm->snapshot_count; k++)
		for (uint32_t i = 0; i < vm->snapshots[k].disk_count; i++)
			if (vm->snapshots[k].disks[i].link == l)
				return &vm->snapshots[k];
	return NULL;
}

/* The first link above a disk that lies in another folder than the disk's leaf. */
static const struct inv_link *foreign_link(const struct inv_vm *vm)
{
	for (uint32_t i = 0; i < vm->disk_count; i++)
		for (const struct inv_link *l = vm->disks[i].link; l; l = l->parent)
			if (!same_folder(l->path, vm->disks[i].link->path))
				return l;
	return NULL;
}

static int lies_in(const char *path, const char *dir)
{
	size_t n = dir[1] ? strlen(dir) : 0;	/* of "/" the slash is the file's */

	return strncmp(path, dir, n) == 0 && file_name(path) == path + n + 1;
}

static void find_origin(struct scan *s, struct inv_vm *vm)
{
	const struct inv_link *l = foreign_link(vm);

	for (uint32_t i = 0; l && i < s->vms.count && !vm->clone_of; i++) {
		const struct inv_vm *other = s->vms.at[i];

		/* Siblings reach it too; the owner is the one whose folder it is in. */
		if (other == vm || !lies_in(l->path, other->dir) || !reaches(other, l))
			continue;
		vm->clone_of = other;
		vm->clone_point = frozen_by(other, l);
	}
}

/* ---- all ------------------------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct inv_vm *)a)->path, ((const struct inv_vm *)b)->path);
}

enum status machines_read(struct scan *s)
{
	enum status st = ST_OK;
	uint32_t count = s->files.count;

	for (uint32_t i = 0; i < count && st == ST_OK; i++) {
		struct file *f = s->files.at[i];

		if (f->folder && (f->role == ROLE_VMX || f->role == ROLE_VMTX))
			st = read_machine(s, f);
		if (st == ST_OK)
			st = scan_interrupted(s);
	}
	return st;
}

static void count_unique(struct inv_vm *vm, struct link *l)
{
	for (; l; l = link_of(l->pub.parent))
		if (l->pub.vms == 1 && l->seen_by != &l->seen_by) {
			l->seen_by = &l->seen_by;	/* counted */
			vm->unique_bytes += l->pub.allocated_bytes;
		}
}

static void count_uniques(struct inv_vm *vm)
{
	for (uint32_t i = 0; i < vm->disk_count; i++)
		count_unique(vm, link_of(vm->disks[i].link));
	for (uint32_t k = 0; k < vm->snapshot_count; k++)
		for (uint32_t i = 0; i < vm->snapshots[k].disk_count; i++)
			count_unique(vm, link_of(vm->snapshots[k].disks[i].link));
}

enum status machines_count(struct scan *s)
{
	enum status st;

	ptrs_sort(&s->vms, by_path);
	for (uint32_t i = 0; i < s->vms.count; i++)
		reach_all(s->vms.at[i]);
	reach_claims(s);
	st = find_lost(s);
	if (st != ST_OK)
		return st;
	ptrs_sort(&s->vms, by_path);
	for (uint32_t i = 0; i < s->vms.count; i++) {
		count_uniques(s->vms.at[i]);
		find_origin(s, s->vms.at[i]);
	}
	return scan_interrupted(s);
}
