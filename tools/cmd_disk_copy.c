/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_disk_copy - the verbs of `cairn disk` that write what a disk shows into another one: clone,
 * convert and export are one copy with different defaults, but for what others write. */
#include "tools/cmd_disk.h"

#include <string.h>

#include "tools/disk_sum.h"
#include "tools/export.h"

#define PATIENCE_NS 2000000000ull

static enum status copy_opts(struct cmd *cmd, const struct disk *src, struct vmdk_convert_opts *o,
			     struct why *why)
{
	const char *word = opt_text(&cmd->args, "output", cmd->otherwise),
		   *adapter = opt_text(&cmd->args, "adapter", NULL);
	const struct disk_format *f;
	struct vmdk_info info;
	enum status st;

	*o = (struct vmdk_convert_opts){ .set_adapter = adapter != NULL,
					 .verify = opt_has(&cmd->args, "verify") > 0,
					 .remains = opt_has(&cmd->args, "no-resume") ?
							    VMDK_REMAINS_ANEW :
							    VMDK_REMAINS_CONTINUE,
					 .keep = opt_has(&cmd->args, "resume") > 0,
					 .level = (int)opt_number(&cmd->args, "level", 0) };
	if (o->level > 9)
		return why_set(why, ST_INVAL, "--level takes 1 to 9");
	if (adapter)
		(void)disk_adapter_find(adapter, &o->create.adapter);
	if (!word) {	/* as the source is */
		st = vmdk_info(src->vmdk, &info);
		o->create.kind = info.kind;
		o->create.alloc = info.alloc;
		if (info.links > 1 || info.kind == VMDK_VMFS_SPARSE || info.kind == VMDK_SE_SPARSE)
			o->create.kind = VMDK_VMFS;	/* a chain becomes one disk that is thin */
		return st;
	}
	st = disk_format_of(word, &f, why);
	if (st == ST_OK) {
		o->create.kind = f->kind;
		o->create.alloc = f->alloc;
	}
	return st;
}

static void say_copied(struct cmd *cmd, const struct vmdk_job *job)
{
	char r[24], w[24], s[24];

	if (job->resumed_bytes)
		cmd_note(cmd, "went on behind the %s that an interrupted run had copied",
			 out_size(r, sizeof(r), job->resumed_bytes, 0));
	cmd_note(cmd, "%s read, %s written, %s known to be zeros",
		 out_size(r, sizeof(r), job->bytes_read, 0),
		 out_size(w, sizeof(w), job->bytes_written, 0),
		 out_size(s, sizeof(s), job->bytes_skipped, 0));
}

/* The kernel takes a moment to let go of the files of a killed process, whose copy this may be. */
static enum status convert_patiently(struct vmdk_disk *src, struct host_path *to,
				     const struct vmdk_convert_opts *o, struct vmdk_job *job,
				     struct why *why)
{
	uint64_t start = port_now_ns();
	enum status st;

	for (;;) {
		st = vmdk_convert(src, to->store, to->path, o, job, why);
		if (st != ST_BUSY || job->bytes_written || port_interrupted() ||
		    port_now_ns() - start > PATIENCE_NS)
			return st;
		port_world_sleep_ns(PATIENCE_NS / 20);
	}
}

static enum status copy(struct cmd *cmd, struct disk *src, struct host_path *to, struct disk_job *j,
			struct why *why)
{
	struct vmdk_convert_opts o;
	const char *manifest = opt_text(&cmd->args, "checksum", NULL);
	enum status st = copy_opts(cmd, src, &o, why);

	if (st != ST_OK)
		return st;
	if (cmd->dry_run) {
		cmd_plan(cmd, "copy '%s', %llu bytes, to '%s', %s", src->at.name,
			 (unsigned long long)vmdk_bytes(src->vmdk), to->name,
			 disk_format_word(o.create.kind, o.create.alloc));
		return ST_OK;
	}
	disk_job_start(cmd, j, NULL, "copy", src->at.name);
	st = convert_patiently(src->vmdk, to, &o, &j->job, why);
	if (st == ST_OK && manifest) {
		progress_phase(&j->progress, "checksum", src->at.name, vmdk_bytes(src->vmdk));
		st = disk_sum_write(cmd, src->vmdk, manifest, &j->job, why);
	}
	disk_job_end(j, st);
	if (st == ST_OK)
		say_copied(cmd, &j->job);
	return st;
}

int cmd_disk_copy(struct cmd *cmd)
{
	struct disk src = { 0 };
	struct host_path to;
	struct disk_job j = { 0 };
	struct why why = { 0 };
	enum status st =
	    host_resolve(cmd->host, cmd_disk_operand(cmd, 1), cmd_write_access(cmd), &to, &why);

	if (st == ST_OK)
		st = disk_open(cmd, cmd_disk_operand(cmd, 0), cmd_disk_flags(cmd, 0, "format"),
			       &src, &why);
	if (st == ST_OK)
		st = copy(cmd, &src, &to, &j, &why);
	st = disk_close(&src, st, &why);
	return st == ST_OK ? cmd_disk_report(cmd, cmd_disk_operand(cmd, 1), &j.job) :
			   cmd_fail(cmd, cmd_disk_operand(cmd, 0), st, &why);
}

int cmd_disk_convert(struct cmd *cmd)
{
	if (!opt_text(&cmd->args, "output", NULL))
		return cmd_usage(cmd, "-O is missing: the format of the new disk");
	return cmd_disk_copy(cmd);
}

/* ---- export ---------------------------------------------------------------------------------- */

static enum status export_one(struct cmd *cmd, const char *word, struct disk_job *j,
			      struct why *why)
{
	struct host_path to;
	enum status st;

	if (cmd->args.operand_count > 2)
		return why_set(why, ST_INVAL, "only an archive (ova) takes more than one disk");
	st = host_resolve(cmd->host, cmd_disk_operand(cmd, 1), cmd_write_access(cmd), &to, why);
	return st == ST_OK ? export_qemu(cmd, cmd_disk_operand(cmd, 0), word, &to, j, why) : st;
}

/* What we write ourselves is a conversion like any other. */
int cmd_disk_export(struct cmd *cmd)
{
	const char *target = cmd_disk_operand(cmd, cmd->args.operand_count - 1);
	const char *word = export_word(cmd, target);
	struct disk_job j = { 0 };
	struct why why = { 0 };
	enum status st;

	if (!word)
		return cmd_usage(cmd, "-O is missing, and the name %s does not tell the format",
				 target);
	if (strcmp(word, "ova") != 0 && !opt_word_in(EXPORT_QEMU_WORDS, word)) {
		if (cmd->args.operand_count > 2)
			return cmd_usage(cmd, "only an archive (ova) takes more than one disk");
		cmd->otherwise = word;
		return cmd_disk_copy(cmd);
	}
	if (strcmp(word, "ova") != 0) {	/* what was read and written qemu-img does not tell */
		st = export_one(cmd, word, &j, &why);
		return st == ST_OK ? cmd_disk_report(cmd, target, NULL) :
				   cmd_fail(cmd, cmd_disk_operand(cmd, 0), st, &why);
	}
	st = export_disks_ova(cmd, &j, &why);
	if (st == ST_OK && !cmd->dry_run)
		say_copied(cmd, &j.job);
	return st == ST_OK ? cmd_disk_report(cmd, target, &j.job) :
			   cmd_fail(cmd, cmd_disk_operand(cmd, 0), st, &why);
}
