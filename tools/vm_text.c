/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vm_text - machines and datastores for people. A chain is a list from the leaf to the base, not a
 * tree: it may be long, and what matters is the order. Snapshots are a tree. */
#include <stdio.h>
#include <string.h>

#include "tools/host_path.h"
#include "tools/vm.h"

#define INDENT_MAX 400	/* bytes: some 40 levels; deeper ones are not indented any further */

/* One drawing, with room for one name at a time. */
struct drawing {
	const struct vm_place	*place;
	struct out_lines	lines;
	char			indent[INDENT_MAX];
	char			name[OUT_NAME_MAX], path[HOST_PATH_MAX + 600];
};

static const char *safe(struct drawing *d, const char *text)
{
	return out_name(d->name, sizeof(d->name), text ? text : "-");
}

static const char *safe_path(struct drawing *d, const char *path)
{
	return safe(d, vm_path(d->place, path, d->path, sizeof(d->path)));
}

/* Begin a line of the tree. */
static void branch(struct drawing *d, int is_last)
{
	printf("%s%s", d->indent, is_last ? d->lines.last : d->lines.branch);
}

/* One level deeper; what it was comes back with shallower(). */
static size_t deeper(struct drawing *d, int below_last)
{
	size_t n = strlen(d->indent);
	const char *bar = below_last ? "   " : d->lines.bar;

	if (n + strlen(bar) < sizeof(d->indent))
		mem_copy_text(d->indent + n, sizeof(d->indent) - n, bar);
	return n;
}

static void shallower(struct drawing *d, size_t n) { d->indent[n] = 0; }

/* ---- links ----------------------------------------------------------------------------------- */

static void print_link(struct drawing *d, const struct inv_link *l, const char *dir)
{
	char size[24], used[24];
	int here = strncmp(l->path, dir, strlen(dir)) == 0 && l->path[strlen(dir)] == '/';

	printf("%s", here ? safe(d, l->path + strlen(dir) + 1) : safe_path(d, l->path));
	printf("  %s", l->state == INV_LINK_MISSING ? "no descriptor" :
			l->state == INV_LINK_UNREADABLE ? "unreadable" : vmdk_kind_word(l->kind));
	if (l->capacity_bytes)
		printf(", %s", out_size(size, sizeof(size), l->capacity_bytes, 0));
	printf(", %s used", out_size(used, sizeof(used), l->allocated_bytes, 0));
	if (l->vms > 1)
		printf(", of %u machines", l->vms);
	if (l->fault)
		printf("  [%s]", safe(d, l->fault));
	putchar('\n');
}

static void print_chain(struct drawing *d, const struct inv_link *l, const char *dir)
{
	for (; l; l = l->parent) {
		branch(d, !l->parent);
		print_link(d, l, dir);
	}
}

static void print_disk(struct drawing *d, const struct inv_vm *vm, const struct inv_disk *disk,
		       int is_last)
{
	size_t n;

	branch(d, is_last);
	printf("%s  ", disk->node ? disk->node : "disk");
	printf("%s%s", safe(d, disk->file), disk->shared ? ", shared" : "");
	if (disk->mode && strcmp(disk->mode, "persistent") != 0)
		printf(", %s", safe(d, disk->mode));
	puts(disk->state == INV_DISK_MISSING ? "  [not there]" :
	     disk->state == INV_DISK_ELSEWHERE ? "  [on another datastore]" : "");
	n = deeper(d, is_last);
	print_chain(d, disk->link, vm->dir);
	shallower(d, n);
}

/* ---- snapshots ------------------------------------------------------------------------------- */

static void print_snapshot(struct drawing *d, const struct inv_snapshot *s)
{
	char when[40], age[32], memory[24];

	printf("%s", safe(d, s->name ? s->name : "(no name)"));
	if (s->created_us)
		printf("  %s, %s ago", out_time(when, sizeof(when), s->created_us / 1000000, 0),
		       vm_age(age, sizeof(age), s->created_us));
	if (s->memory_bytes)
		printf(", with memory of %s", out_size(memory, sizeof(memory), s->memory_bytes, 0));
	printf("%s%s\n", s->quiesced ? ", quiesced" : "", s->current ? "  <- you are here" : "");
}

static const struct inv_snapshot *next_sibling(const struct inv_vm *vm,
					       const struct inv_snapshot *parent, uint32_t from)
{
	for (uint32_t i = from; i < vm->snapshot_count; i++)
		if (vm->snapshots[i].parent == parent)
			return &vm->snapshots[i];
	return NULL;
}

static const struct inv_snapshot *sibling_of(const struct inv_vm *vm, const struct inv_snapshot *s)
{
	return next_sibling(vm, s->parent, (uint32_t)(s - vm->snapshots) + 1);
}

/* The bars of all that s stands on, the root first. */
static void indent_for(struct drawing *d, const struct inv_vm *vm, const struct inv_snapshot *s)
{
	uint32_t depth = 0;

	for (const struct inv_snapshot *up = s ? s->parent : NULL; up; up = up->parent)
		depth++;
	for (; depth > 0; depth--) {
		const struct inv_snapshot *up = s;

		for (uint32_t i = 0; i < depth; i++)
			up = up->parent;
		(void)deeper(d, !sibling_of(vm, up));
	}
}

/* Each before its children, without recursion: a file may say that a thousand stand on each
 * other, and a world's stack is small. */
static void print_snapshots(struct drawing *d, const struct inv_vm *vm)
{
	const struct inv_snapshot *s = next_sibling(vm, NULL, 0), *child;
	size_t at = strlen(d->indent);

	while (s) {
		int is_last = !sibling_of(vm, s);

		branch(d, is_last);
		print_snapshot(d, s);
		child = next_sibling(vm, s, 0);
		if (child) {
			(void)deeper(d, is_last);
			s = child;
			continue;
		}
		while (s && !sibling_of(vm, s))
			s = s->parent;
		if (s)
			s = sibling_of(vm, s);
		shallower(d, at);
		indent_for(d, vm, s);
	}
	shallower(d, at);
}

/* ---- one machine ----------------------------------------------------------------------------- */

void vm_text_finding(const struct vm_place *p, const struct inv_finding *f)
{
	char path[HOST_PATH_MAX + 600], name[OUT_NAME_MAX], text[OUT_NAME_MAX];

	printf("%-7s  %-21s  %s: %s\n", inv_is_note(f->kind) ? "note" : "problem",
	       inv_kind_word(f->kind),
	       out_name(name, sizeof(name), vm_path(p, f->path, path, sizeof(path))),
	       out_name(text, sizeof(text), f->text));
}

static void print_findings(const struct vm_place *p, const struct inv_vm *vm)
{
	int any = 0;

	for (uint32_t i = 0; i < p->inv->finding_count; i++) {
		const struct inv_finding *f = p->inv->findings[i];

		if (vm ? f->vm != vm : !vm_shown(p, f->path))
			continue;
		if (!any++)
			putchar('\n');
		vm_text_finding(p, f);
	}
}

static void print_origin(struct drawing *d, const struct inv_vm *vm)
{
	printf("%s", safe_path(d, vm->clone_of->path));
	if (vm->clone_point)
		printf(", at its snapshot '%s'", safe(d, vm->clone_point->name));
	putchar('\n');
}

static void print_facts(struct drawing *d, const struct inv_vm *vm)
{
	char size[24], used[24], unique[24];

	printf("name       %s%s\n", safe(d, vm->name), vm->is_template ? "  (template)" : "");
	printf("path       %s%s\n", safe_path(d, vm->path), !vm->has_vmx ? "  (no .vmx)" :
	       !vm->readable ? "  (cannot be read)" : "");
	printf("guest      %s", safe(d, vm->guest_os));
	if (vm->cpus)
		printf(", %u CPU%s", vm->cpus, vm->cpus == 1 ? "" : "s");
	if (vm->memory_mib)
		printf(", %u MiB", vm->memory_mib);
	if (vm->firmware)
		printf(", %s", safe(d, vm->firmware));
	printf("%s%s\n", vm->suspended ? ", suspended" : "", vm->encrypted ? ", encrypted" : "");
	printf("space      %s in disks, %s used, %s of that by nobody else\n",
	       out_size(size, sizeof(size), vm->provisioned_bytes, 0),
	       out_size(used, sizeof(used), vm->allocated_bytes, 0),
	       out_size(unique, sizeof(unique), vm->unique_bytes, 0));
	if (vm->clone_of) {
		printf("clone of   ");
		print_origin(d, vm);
	}
}

static void begin(struct drawing *d, const struct vm_place *p)
{
	d->place = p;
	d->indent[0] = 0;
	out_lines(&d->lines);
}

void vm_text_show(const struct vm_place *p, const struct inv_vm *vm)
{
	struct drawing d;

	begin(&d, p);
	print_facts(&d, vm);
	if (vm->disk_count)
		printf("\ndisks\n");
	for (uint32_t i = 0; i < vm->disk_count; i++)
		print_disk(&d, vm, &vm->disks[i], i + 1 == vm->disk_count);
	if (vm->snapshot_count)
		printf("\nsnapshots\n");
	print_snapshots(&d, vm);
	print_findings(p, vm);
}

/* ---- a datastore ----------------------------------------------------------------------------- */

static void print_machine(struct drawing *d, const struct inv_vm *vm, int is_last)
{
	size_t n, m;

	branch(d, is_last);
	printf("%s", safe(d, vm->name));
	printf("  (%s)%s%s\n", safe_path(d, vm->path), vm->is_template ? ", template" : "",
	       !vm->has_vmx ? ", no .vmx" : !vm->readable ? ", cannot be read" : "");
	n = deeper(d, is_last);
	for (uint32_t i = 0; i < vm->disk_count; i++)
		print_disk(d, vm, &vm->disks[i],
			   i + 1 == vm->disk_count && !vm->snapshot_count && !vm->clone_of);
	if (vm->clone_of) {
		branch(d, !vm->snapshot_count);
		printf("linked clone of ");
		print_origin(d, vm);
	}
	if (vm->snapshot_count) {
		branch(d, 1);
		puts("snapshots");
		m = deeper(d, 1);
		print_snapshots(d, vm);
		shallower(d, m);
	}
	shallower(d, n);
}

static uint32_t count_unowned(const struct vm_place *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->inv->link_count; i++)
		n += vm_unowned(p->inv->links[i]) && vm_shown(p, p->inv->links[i]->path);
	return n;
}

static void print_unowned(struct drawing *d, const struct vm_place *p, uint32_t left)
{
	size_t n;

	if (!left)
		return;
	branch(d, 1);
	puts("of no machine");
	n = deeper(d, 1);
	for (uint32_t i = 0; i < p->inv->link_count; i++) {
		const struct inv_link *l = p->inv->links[i];

		if (!vm_unowned(l) || !vm_shown(p, l->path))
			continue;
		branch(d, --left == 0);
		print_link(d, l, p->only[1] ? p->only : "");
	}
	shallower(d, n);
}

void vm_text_tree(const struct vm_place *p)
{
	uint32_t unowned = count_unowned(p), left = 0;
	struct drawing d;

	begin(&d, p);
	printf("%s\n", safe_path(&d, p->only));
	for (uint32_t i = 0; i < p->inv->vm_count; i++)
		left += vm_shown(p, p->inv->vms[i]->path);
	for (uint32_t i = 0; i < p->inv->vm_count; i++)
		if (vm_shown(p, p->inv->vms[i]->path))
			print_machine(&d, p->inv->vms[i], --left == 0 && !unowned);
	print_unowned(&d, p, unowned);
	print_findings(p, NULL);
}
