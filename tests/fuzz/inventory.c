/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/fuzz/inventory.h"

#include "snapshots/snapshots.h"

static size_t use_text(const char *text) { return text ? strlen(text) : 0; }

/* A chain without an end would never come back from here. */
static size_t use_chain(const struct inv_link *l)
{
	size_t n = 0;

	for (; l; l = l->parent) {
		n += use_text(l->path) + use_text(l->fault) + use_text(l->parent_hint);
		for (uint32_t i = 0; i < l->extent_count; i++)
			n += use_text(l->extents[i]->path);
	}
	return n;
}

static size_t use_disks(const struct inv_disk *disks, uint32_t count)
{
	size_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		n += use_text(disks[i].node) + use_text(disks[i].file) + use_chain(disks[i].link);
	return n;
}

static size_t use_vm(const struct inv_vm *vm)
{
	size_t n = use_text(vm->name) + use_text(vm->path) + use_text(vm->guest_os);

	n += use_disks(vm->disks, vm->disk_count);
	for (uint32_t i = 0; i < vm->snapshot_count; i++) {
		const struct inv_snapshot *s = &vm->snapshots[i];

		n += use_text(s->name) + use_text(s->description) + use_text(s->state_file);
		n += use_disks(s->disks, s->disk_count);
		for (; s; s = s->parent)
			n++;
	}
	return n;
}

void use_inventory(struct store *s)
{
	static const struct inv_opts opts = { .root = "/", .label = "ds1" };
	struct inventory *inv;
	struct why why = { 0 };
	size_t n = 0;

	if (inv_scan(s, &opts, &inv, &why) != ST_OK)
		return;
	for (uint32_t i = 0; i < inv->vm_count; i++)
		n += use_vm(inv->vms[i]);
	for (uint32_t i = 0; i < inv->link_count; i++)
		n += use_chain(inv->links[i]);
	for (uint32_t i = 0; i < inv->finding_count; i++)
		n += use_text(inv->findings[i]->path) + use_text(inv->findings[i]->text) +
		     use_text(inv_kind_word(inv->findings[i]->kind));
	VERIFY(n < SIZE_MAX);	/* so that the reads are not left out */
	inv_free(inv);
}
