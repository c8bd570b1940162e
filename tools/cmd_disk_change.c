/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_disk_change - the verbs of `cairn disk` that make, remove, rename or grow one disk. */
#include "tools/cmd_disk.h"

static enum status create(struct cmd *cmd, struct disk_job *j, struct why *why)
{
	const struct disk_format *f;
	struct vmdk_create_opts o = { .adapter = VMDK_LSILOGIC };
	struct host_path at;
	char size[24];
	enum status st = disk_format_of(opt_text(&cmd->args, "output", "thin"), &f, why);

	if (st == ST_OK)
		st = disk_size_of(cmd_disk_operand(cmd, 1), 1, &o.bytes, why);
	if (st == ST_OK)
		st = host_resolve(cmd->host, cmd_disk_operand(cmd, 0), cmd_write_access(cmd), &at,
				  why);
	if (st != ST_OK)
		return st;
	o.kind = f->kind;
	o.alloc = f->alloc;
	(void)disk_adapter_find(opt_text(&cmd->args, "adapter", "lsilogic"), &o.adapter);
	if (cmd->dry_run) {
		cmd_plan(cmd, "create '%s', %s, %s", at.name,
			 out_size(size, sizeof(size), o.bytes, 0), f->word);
		return ST_OK;
	}
	disk_job_start(cmd, j, NULL, "create", at.name);
	st = vmdk_create(at.store, at.path, &o, &j->job, why);
	disk_job_end(j, st);
	return st;
}

int cmd_disk_create(struct cmd *cmd)
{
	struct disk_job j = { 0 };
	struct why why = { 0 };
	enum status st = create(cmd, &j, &why);

	return st == ST_OK ? cmd_disk_report(cmd, cmd_disk_operand(cmd, 0), &j.job) :
			   cmd_fail(cmd, cmd_disk_operand(cmd, 0), st, &why);
}

int cmd_disk_delete(struct cmd *cmd)
{
	struct vmdk_job none = { 0 };
	struct host_path at;
	struct store_stat ss;
	struct why why = { 0 };
	enum status st =
	    host_resolve(cmd->host, cmd_disk_operand(cmd, 0), cmd_write_access(cmd), &at, &why);

	if (st == ST_OK && cmd->dry_run) {
		st = at.store->ops->stat(at.store, at.path, &ss, &why);
		if (st == ST_OK)
			cmd_plan(cmd, "delete '%s' and its extents", at.name);
	} else if (st == ST_OK) {
		st = vmdk_delete(at.store, at.path, opt_has(&cmd->args, "force") > 0, &why);
	}
	return st == ST_OK ? cmd_disk_report(cmd, cmd_disk_operand(cmd, 0), &none) :
			   cmd_fail(cmd, cmd_disk_operand(cmd, 0), st, &why);
}

int cmd_disk_rename(struct cmd *cmd)
{
	struct vmdk_job none = { 0 };
	struct host_path from, to;
	struct why why = { 0 };
	enum status st =
	    host_resolve(cmd->host, cmd_disk_operand(cmd, 0), cmd_write_access(cmd), &from, &why);

	if (st == ST_OK)
		st = host_resolve(cmd->host, cmd_disk_operand(cmd, 1), cmd_write_access(cmd), &to,
				  &why);
	if (st == ST_OK && from.store != to.store)
		st = why_set(&why, ST_UNSUPPORTED, "%s: on another datastore; use cairn disk clone",
			     to.name);
	if (st == ST_OK && cmd->dry_run)
		cmd_plan(cmd, "rename '%s' to '%s'", from.name, to.name);
	else if (st == ST_OK)
		st = vmdk_rename(from.store, from.path, to.path, &why);
	return st == ST_OK ? cmd_disk_report(cmd, cmd_disk_operand(cmd, 1), &none) :
			   cmd_fail(cmd, cmd_disk_operand(cmd, 0), st, &why);
}

int cmd_disk_grow(struct cmd *cmd)
{
	struct disk_job j = { 0 };
	struct host_path at;
	struct why why = { 0 };
	uint64_t bytes;
	enum status st = disk_size_of(cmd_disk_operand(cmd, 1), 1, &bytes, &why);

	if (st == ST_OK)
		st = host_resolve(cmd->host, cmd_disk_operand(cmd, 0), cmd_write_access(cmd), &at,
				  &why);
	if (st == ST_OK && cmd->dry_run) {
		cmd_plan(cmd, "grow '%s' to %llu bytes", at.name, (unsigned long long)bytes);
	} else if (st == ST_OK) {
		disk_job_start(cmd, &j, NULL, "grow", at.name);
		st = vmdk_extend(at.store, at.path, bytes, opt_has(&cmd->args, "eager") > 0, &j.job,
				 &why);
		disk_job_end(&j, st);
	}
	return st == ST_OK ? cmd_disk_report(cmd, cmd_disk_operand(cmd, 0), &j.job) :
			   cmd_fail(cmd, cmd_disk_operand(cmd, 0), st, &why);
}
