/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vm_json - machines, links and findings as JSON: the forms of docs/schema/vm.*-1.json. */
#include <string.h>

#include "tools/host_path.h"
#include "tools/vm.h"

#define PATH_ROOM (HOST_PATH_MAX + 600)

static json_t *text_or_null(const char *text) { return text ? out_json_name(text) : json_null(); }

static json_t *path_json(const struct vm_place *p, const char *path)
{
	char buf[PATH_ROOM];

	return path ? out_json_name(vm_path(p, path, buf, sizeof(buf))) : json_null();
}

static json_t *number_or_null(uint32_t n) { return n ? json_integer(n) : json_null(); }

static json_t *bytes_or_null(uint64_t n) { return n ? out_json_bytes(n) : json_null(); }

/* ---- links ----------------------------------------------------------------------------------- */

static json_t *extents_json(const struct vm_place *p, const struct inv_link *l)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < l->extent_count; i++) {
		const struct inv_file *f = l->extents[i];

		json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "path",
						      path_json(p, f->path), "size_bytes",
						      out_json_bytes(f->size_bytes),
						      "allocated_bytes",
						      out_json_bytes(f->allocated_bytes)));
	}
	return list;
}

static json_t *cid_json(const struct inv_link *l, uint32_t cid, int known)
{
	char text[9];

	if (!known || l->state == INV_LINK_MISSING || l->state == INV_LINK_UNREADABLE)
		return json_null();
	snprintf(text, sizeof(text), "%08x", cid);
	return json_string(text);
}

static json_t *link_json(const struct vm_place *p, const struct inv_link *l)
{
	return json_pack("{s:o, s:s, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:o}",
			 "path", path_json(p, l->path), "state", inv_link_state_word(l->state),
			 "fault", text_or_null(l->fault), "create_type", vmdk_kind_word(l->kind),
			 "delta", l->is_delta, "cid", cid_json(l, l->cid, 1), "parent_cid",
			 cid_json(l, l->parent_cid, l->is_delta), "parent_hint",
			 text_or_null(l->parent_hint), "size_bytes",
			 bytes_or_null(l->capacity_bytes), "allocated_bytes",
			 out_json_bytes(l->allocated_bytes), "unique_bytes",
			 out_json_bytes(vm_unique_bytes(l)), "machines", (int)l->vms, "children",
			 (int)l->children, "extents", extents_json(p, l));
}

static json_t *chain_json(const struct vm_place *p, const struct inv_link *l)
{
	json_t *list = json_array();

	for (; l; l = l->parent)
		json_array_append_new(list, link_json(p, l));
	return list;
}

/* ---- machines -------------------------------------------------------------------------------- */

static const char *disk_state(const struct inv_disk *d)
{
	static const char *const words[] = { "ok", "missing", "elsewhere" };

	return words[d->state];
}

static json_t *disks_json(const struct vm_place *p, const struct inv_vm *vm)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < vm->disk_count; i++) {
		const struct inv_disk *d = &vm->disks[i];

		json_array_append_new(
			list, json_pack("{s:o, s:o, s:o, s:b, s:s, s:o}", "node",
					text_or_null(d->node), "file", text_or_null(d->file),
					"mode", text_or_null(d->mode), "shared", d->shared,
					"state", disk_state(d), "chain", chain_json(p, d->link)));
	}
	return list;
}

static json_t *frozen_json(const struct vm_place *p, const struct inv_snapshot *s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->disk_count; i++) {
		const struct inv_disk *d = &s->disks[i];

		json_array_append_new(list, json_pack("{s:o, s:o, s:s, s:o}", "node",
						      text_or_null(d->node), "file",
						      text_or_null(d->file), "state", disk_state(d),
						      "path", path_json(p, d->link ? d->link->path
										   : NULL)));
	}
	return list;
}

static json_t *time_json(int64_t us)
{
	char when[40];

	return us ? json_string(out_time_utc(when, sizeof(when), us / 1000000)) : json_null();
}

static json_t *age_json(int64_t us)
{
	return us ? json_integer(((int64_t)port_wall_us() - us) / 1000000) : json_null();
}

static json_t *snapshots_json(const struct vm_place *p, const struct inv_vm *vm)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < vm->snapshot_count; i++) {
		const struct inv_snapshot *s = &vm->snapshots[i];

		json_array_append_new(
			list,
			json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o}", "uid",
				  (json_int_t)s->uid, "parent_uid",
				  number_or_null(s->parent ? s->parent->uid : 0), "name",
				  text_or_null(s->name), "description",
				  text_or_null(s->description), "created_time",
				  time_json(s->created_us), "age_seconds", age_json(s->created_us),
				  "current", s->current, "quiesced", s->quiesced, "state_file",
				  text_or_null(s->state_file), "saved_memory_bytes",
				  bytes_or_null(s->memory_bytes), "disks", frozen_json(p, s)));
	}
	return list;
}

json_t *vm_json_short(const struct vm_place *p, const struct inv_vm *vm)
{
	return json_pack("{s:o, s:o, s:o, s:b, s:b, s:o, s:i, s:i, s:o, s:o, s:o, s:i}", "name",
			 out_json_name(vm->name), "path", path_json(p, vm->path), "guest_os",
			 text_or_null(vm->guest_os), "template", vm->is_template,
			 "configuration", vm->has_vmx && vm->readable, "clone_of",
			 path_json(p, vm->clone_of ? vm->clone_of->path : NULL), "disk_count",
			 (int)vm->disk_count, "snapshot_count", (int)vm->snapshot_count,
			 "provisioned_bytes", out_json_bytes(vm->provisioned_bytes),
			 "allocated_bytes", out_json_bytes(vm->allocated_bytes), "unique_bytes",
			 out_json_bytes(vm->unique_bytes), "problems", (int)vm->problems);
}

json_t *vm_json_finding(const struct vm_place *p, const struct inv_finding *f)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "kind", inv_kind_word(f->kind),
			 "severity", inv_is_note(f->kind) ? "note" : "problem", "path",
			 path_json(p, f->path), "message", out_json_name(f->text), "machine",
			 path_json(p, f->vm ? f->vm->path : NULL), "bytes",
			 bytes_or_null(f->bytes));
}

static json_t *findings_json(const struct vm_place *p, const struct inv_vm *vm)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->inv->finding_count; i++) {
		const struct inv_finding *f = p->inv->findings[i];

		if (vm ? f->vm == vm : vm_shown(p, f->path))
			json_array_append_new(list, vm_json_finding(p, f));
	}
	return list;
}

json_t *vm_json_full(const struct vm_place *p, const struct inv_vm *vm)
{
	json_t *o = vm_json_short(p, vm), *more;

	more = json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o}", "uuid",
			 text_or_null(vm->uuid), "firmware", text_or_null(vm->firmware),
			 "memory_bytes", bytes_or_null((uint64_t)vm->memory_mib * MIB), "cpus",
			 number_or_null(vm->cpus), "hardware_version",
			 number_or_null(vm->hardware_version), "suspended", vm->suspended,
			 "encrypted", vm->encrypted, "clone_point",
			 number_or_null(vm->clone_point ? vm->clone_point->uid : 0), "disks",
			 disks_json(p, vm), "snapshots", snapshots_json(p, vm), "findings",
			 findings_json(p, vm));
	json_object_update(o, more);
	json_decref(more);
	return o;
}

json_t *vm_json_place(const struct vm_place *p)
{
	json_t *machines = json_array(), *unowned = json_array();

	for (uint32_t i = 0; i < p->inv->vm_count; i++)
		if (vm_shown(p, p->inv->vms[i]->path))
			json_array_append_new(machines, vm_json_full(p, p->inv->vms[i]));
	for (uint32_t i = 0; i < p->inv->link_count; i++)
		if (vm_unowned(p->inv->links[i]) && vm_shown(p, p->inv->links[i]->path))
			json_array_append_new(unowned, link_json(p, p->inv->links[i]));
	return json_pack("{s:o, s:I, s:I, s:o, s:o, s:o}", "place", path_json(p, p->only),
			 "folders", (json_int_t)p->inv->folders, "files",
			 (json_int_t)p->inv->files, "machines", machines, "unowned", unowned,
			 "findings", findings_json(p, NULL));
}
