/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmkfstools_disk - the main options that make and change virtual disks. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iopath/base/fmt.h"
#include "tools/vmkfstools.h"

/* ---- shared ---------------------------------------------------------------------------------- */

/* Options of -c and -i: format and adapter. */
static enum status create_opts(struct cmd *cmd, struct vmdk_create_opts *o,
			       const struct disk_format **f, struct why *why)
{
	enum status st = disk_format_of(opt_text(&cmd->args, "diskformat", "zeroedthick"), f, why);

	if (st != ST_OK)
		return st;
	*o = (struct vmdk_create_opts){ .kind = (*f)->kind, .alloc = (*f)->alloc,
					.adapter = VMDK_LSILOGIC };
	if (vmk_arg(cmd, "adaptertype"))
		(void)disk_adapter_find(vmk_arg(cmd, "adaptertype"),
					&o->adapter); /* checked before */
	return ST_OK;
}

static enum status target_path(struct cmd *cmd, struct host_path *at, struct why *why)
{
	return host_resolve(cmd->host, vmk_target(cmd), cmd_write_access(cmd), at, why);
}

static enum status absent(const struct host_path *at, struct why *why)
{
	struct store_stat ss;
	enum status st = at->store->ops->stat(at->store, at->path, &ss, NULL);

	if (st == ST_OK)
		return why_set(why, ST_EXIST, "%s", at->name);
	return st == ST_NOENT ? ST_OK : why_set(why, st, "%s: %s", at->name, status_text(st));
}

/* ---- -c -------------------------------------------------------------------------------------- */

static enum status create(struct cmd *cmd, struct disk_job *j, struct why *why)
{
	const struct disk_format *f;
	struct vmdk_create_opts o;
	struct host_path at;
	char size[24];
	enum status st = create_opts(cmd, &o, &f, why);

	if (st == ST_OK)
		st = disk_size_of(vmk_arg(cmd, "createvirtualdisk"), 1, &o.bytes, why);
	if (st == ST_OK && f->kind != VMDK_VMFS && strcmp(f->word, "2gbsparse") == 0)
		st = why_set(why, ST_INVAL,
			     "2gbsparse is a format of copies; make a disk as thin instead");
	if (st == ST_OK)
		st = target_path(cmd, &at, why);
	if (st != ST_OK)
		return st;
	if (cmd->dry_run) {
		cmd_plan(cmd, "create '%s', %s, %s", at.name,
			 out_size(size, sizeof(size), o.bytes, 0), f->shown);
		return absent(&at, why);
	}
	disk_job_start(cmd, j, "Create", "create", at.name);
	st = vmdk_create(at.store, at.path, &o, &j->job, why);
	disk_job_end(j, st);
	return st;
}

int vmk_create(struct cmd *cmd)
{
	struct disk_job j = { 0 };
	struct why why = { 0 };
	enum status st = create(cmd, &j, &why);

	return st == ST_OK ? vmk_done(cmd, "create", &j.job) :
			     vmk_fail(cmd, "create virtual disk", NULL, st, &why);
}

/* ---- -i -------------------------------------------------------------------------------------- */

static enum status clone_open(struct cmd *cmd, const struct disk_format *f, struct disk *src,
			      const struct vmdk_convert_opts *o, struct host_path *to,
			      struct why *why)
{
	struct disk_job j;
	enum status st;

	if (!cmd->json) {
		printf("Destination disk format: %s\nCloning disk '%s'...\n", f->shown,
		       vmk_arg(cmd, "clonevirtualdisk"));
		fflush(stdout);
	}
	disk_job_start(cmd, &j, "Clone", "clone", src->at.name);
	st = vmdk_convert(src->vmdk, to->store, to->path, o, &j.job, why);
	disk_job_end(&j, st);
	if (st == ST_OK && vmk_verbose(cmd) > 0 && !cmd->json)
		printf("%llu bytes read, %llu written, %llu known to be zeros.\n",
		       (unsigned long long)j.job.bytes_read,
		       (unsigned long long)j.job.bytes_written,
		       (unsigned long long)j.job.bytes_skipped);
	return st == ST_OK && cmd->json && vmk_done(cmd, "clone", &j.job) != EXIT_DONE ? ST_DEVICE :
											 st;
}

static enum status clone_plan(struct cmd *cmd, const struct disk_format *f, struct disk *src,
			      struct host_path *to, struct why *why)
{
	struct vmdk_info info;
	char size[24], used[24];
	enum status st = absent(to, why);

	if (st == ST_OK)
		st = vmdk_info(src->vmdk, &info);
	if (st != ST_OK)
		return st;
	cmd_plan(cmd, "copy '%s', %s of which %s are allocated, to '%s', %s", src->at.name,
		 out_size(size, sizeof(size), info.bytes, 0),
		 out_size(used, sizeof(used), info.allocated_bytes, 0), to->name, f->shown);
	return vmk_done(cmd, "clone", NULL) == EXIT_DONE ? ST_OK : ST_DEVICE;
}

int vmk_clone(struct cmd *cmd)
{
	const char *from = vmk_arg(cmd, "clonevirtualdisk");
	struct vmdk_convert_opts o = { .set_adapter = vmk_arg(cmd, "adaptertype") != NULL,
				       .verify = opt_has(&cmd->args, "verify") > 0,
				       .keep = opt_has(&cmd->args, "resume") > 0 };
	const struct disk_format *f;
	struct disk src = { 0 };
	struct host_path to;
	struct why why = { 0 };
	enum status st = create_opts(cmd, &o.create, &f, &why);

	o.remains = o.keep ? VMDK_REMAINS_CONTINUE : VMDK_REMAINS_REFUSE;
	if (st == ST_OK)
		st = target_path(cmd, &to, &why);	/* first: it is the one that is written */
	if (st != ST_OK)
		return vmk_fail(cmd, "clone disk", NULL, st, &why);
	st = disk_open(cmd, from, disk_format_flags(cmd, "format", from), &src, &why);
	if (st != ST_OK)
		return vmk_fail(cmd, "open", from, st, &why);
	st = cmd->dry_run ? clone_plan(cmd, f, &src, &to, &why) :
			    clone_open(cmd, f, &src, &o, &to, &why);
	st = disk_close(&src, st, &why);
	return st == ST_OK ? EXIT_DONE : vmk_fail(cmd, "clone disk", NULL, st, &why);
}

/* ---- -U, -E ---------------------------------------------------------------------------------- */

int vmk_delete(struct cmd *cmd)
{
	struct host_path at;
	struct store_stat ss;
	struct why why = { 0 };
	enum status st = target_path(cmd, &at, &why);

	if (st == ST_OK && cmd->dry_run) {
		st = at.store->ops->stat(at.store, at.path, &ss, &why);
		if (st == ST_OK)
			cmd_plan(cmd, "delete '%s' and its extents", at.name);
	} else if (st == ST_OK) {
		st = vmdk_delete(at.store, at.path, opt_has(&cmd->args, "force") > 0, &why);
	}
	return st == ST_OK ? vmk_done(cmd, "delete", NULL) :
			     vmk_fail(cmd, "delete virtual disk", vmk_target(cmd), st, &why);
}

static enum status rename_disk(struct cmd *cmd, struct why *why)
{
	const char *old = vmk_arg(cmd, "renamevirtualdisk");
	struct host_path from, to;
	struct store_stat ss;
	enum status st = target_path(cmd, &to, why);

	if (st == ST_OK)
		st =
		    host_resolve(cmd->host, old, cmd_write_access(cmd), &from, why);
	if (st != ST_OK)
		return st;
	if (from.store != to.store)
		return why_set(why, ST_UNSUPPORTED,
			       "'%s' lies on another datastore; copy it there with -i", old);
	if (!cmd->dry_run)
		return vmdk_rename(from.store, from.path, to.path, why);
	st = from.store->ops->stat(from.store, from.path, &ss, why);
	if (st == ST_OK)
		st = absent(&to, why);
	if (st == ST_OK)
		cmd_plan(cmd, "rename '%s' to '%s'", from.name, to.name);
	return st;
}

int vmk_rename(struct cmd *cmd)
{
	struct why why = { 0 };
	enum status st = rename_disk(cmd, &why);

	return st == ST_OK ? vmk_done(cmd, "rename", NULL) :
			     vmk_fail(cmd, "rename virtual disk", vmk_arg(cmd, "renamevirtualdisk"),
				      st, &why);
}

/* ---- -X -------------------------------------------------------------------------------------- */

static int has_suffix(const char *text)
{
	size_t n = strlen(text);

	return n && (text[n - 1] < '0' || text[n - 1] > '9') && text[n - 1] != '.';
}

static enum status current_bytes(struct cmd *cmd, uint64_t *bytes, struct why *why)
{
	struct disk d = { 0 };
	enum status st = disk_open(cmd, vmk_target(cmd), VMDK_READ, &d, why);

	if (st == ST_OK)
		*bytes = vmdk_bytes(d.vmdk);
	return disk_close(&d, st, why);
}

static enum status extend(struct cmd *cmd, struct disk_job *j, int *shrinks, struct why *why)
{
	const char *text = vmk_arg(cmd, "extendvirtualdisk"), *format = vmk_arg(cmd, "diskformat");
	int eager = format && mem_compare_nocase(format, "eagerzeroedthick") == 0;
	struct host_path at;
	uint64_t bytes, now = 0;
	char size[24];
	enum status st = disk_size_of(text, 1024, &bytes, why);

	if (st == ST_OK && format && !eager)
		st = why_set(why, ST_INVAL, "-X takes only -d eagerzeroedthick");
	if (st == ST_OK)
		st = target_path(cmd, &at, why);
	if (st == ST_OK)
		st = current_bytes(cmd, &now, why);
	if (st != ST_OK)
		return st;
	if (!has_suffix(text))
		cmd_note(cmd, "'%s' has no suffix and is taken as kilobytes: %s", text,
			 out_size(size, sizeof(size), bytes, 0));
	*shrinks = bytes < now;
	if (*shrinks)
		return why_set(why, ST_REFUSED, "%s has %llu bytes already; a disk cannot shrink",
			       at.name, (unsigned long long)now);
	if (cmd->dry_run) {
		cmd_plan(cmd, "grow '%s' from %llu to %llu bytes", at.name, (unsigned long long)now,
			 (unsigned long long)bytes);
		return ST_OK;
	}
	disk_job_start(cmd, j, "Grow", "grow", at.name);
	st = vmdk_extend(at.store, at.path, bytes, eager, &j->job, why);
	disk_job_end(j, st);
	return st;
}

int vmk_extend(struct cmd *cmd)
{
	struct disk_job j = { 0 };
	struct why why = { 0 };
	int shrinks = 0;
	enum status st = extend(cmd, &j, &shrinks, &why);

	if (st == ST_OK)
		return vmk_done(cmd, "extend", &j.job);
	if (!shrinks)
		return vmk_fail(cmd, "extend disk", vmk_target(cmd), st, &why);
	fprintf(stderr, "Failed to extend disk '%s': The disk cannot shrink: %s (34).\n",
		vmk_target(cmd), why.text);
	return EXIT_FAILED;
}

/* ---- -j, -k, -K, -w -------------------------------------------------------------------------- */

static const struct fill {
	enum vmdk_fill	what;
	const char	*verb, *word;
} fills[] = {
	{ VMDK_INFLATE, "inflate", "Inflate" },
	{ VMDK_EAGER_ZERO, "eagerly zero", "Eagerly zeroing" },
	{ VMDK_PUNCH_ZERO, "punch zeros of", "Hole Punching" },
	{ VMDK_WRITE_ZEROS, "write zeros to", "Write zeros" },
};

struct usage { uint64_t bytes, allocated; enum vmdk_kind kind; };

static enum status usage_of(struct cmd *cmd, unsigned flags, struct usage *u, struct why *why)
{
	struct disk d = { 0 };
	struct vmdk_info info = { 0 };
	enum status st = disk_open(cmd, vmk_target(cmd), flags, &d, why);

	if (st == ST_OK)
		st = vmdk_info(d.vmdk, &info);
	*u = (struct usage){ info.bytes, info.allocated_bytes, info.kind };
	return disk_close(&d, st, why);
}

static void say_freed(struct cmd *cmd, const struct usage *before, const struct usage *after)
{
	uint64_t freed =
	    before->allocated > after->allocated ? before->allocated - after->allocated : 0;

	if (!cmd->json && vmk_verbose(cmd) > 0)
		printf("%llu blocks examined, %llu freed, %llu still allocated.\n",
		       (unsigned long long)div_round_up(before->bytes, MIB),
		       (unsigned long long)(freed / MIB),
		       (unsigned long long)div_round_up(after->allocated, MIB));
}

static enum status fill(struct cmd *cmd, const struct fill *f, struct disk_job *j, struct why *why)
{
	struct usage before, after;
	struct host_path at;
	enum status st = target_path(cmd, &at, why);

	if (st == ST_OK)
		st = usage_of(cmd, VMDK_READ, &before, why);
	if (st != ST_OK)
		return st;
	if (cmd->dry_run) {
		cmd_plan(cmd, "%s '%s', %llu bytes", f->verb, at.name,
			 (unsigned long long)before.bytes);
		return ST_OK;
	}
	if (f->what == VMDK_PUNCH_ZERO && !cmd->json)
		printf("vmfsDisk: %d, rdmDisk: 0, blockSize: 1048576\n", before.kind == VMDK_VMFS);
	disk_job_start(cmd, j, f->word, f->verb, at.name);
	st = vmdk_fill(at.store, at.path, f->what, &j->job, why);
	disk_job_end(j, st);
	if (st == ST_OK && f->what == VMDK_PUNCH_ZERO)
		st = usage_of(cmd, VMDK_READ, &after, why);
	if (st == ST_OK && f->what == VMDK_PUNCH_ZERO)
		say_freed(cmd, &before, &after);
	return st;
}

static int run_fill(struct cmd *cmd, enum vmdk_fill what)
{
	const struct fill *f = &fills[what];
	struct disk_job j = { 0 };
	struct why why = { 0 };
	char verb[40];
	enum status st = fill(cmd, f, &j, &why);

	if (st == ST_OK)
		return vmk_done(cmd, f->verb, &j.job);
	snprintf(verb, sizeof(verb), "%s disk", f->verb);
	return vmk_fail(cmd, verb, vmk_target(cmd), st, &why);
}

int vmk_inflate(struct cmd *cmd) { return run_fill(cmd, VMDK_INFLATE); }
int vmk_eagerzero(struct cmd *cmd) { return run_fill(cmd, VMDK_EAGER_ZERO); }
int vmk_punch(struct cmd *cmd) { return run_fill(cmd, VMDK_PUNCH_ZERO); }

int vmk_writezeros(struct cmd *cmd)
{
	char question[OUT_NAME_MAX + 80], name[OUT_NAME_MAX];

	snprintf(question, sizeof(question),
		 "All data on '%s' will be overwritten with zeros. Go on?",
		 out_name(name, sizeof(name), vmk_target(cmd)));
	if (!vmk_ask(cmd, question))
		return EXIT_FAILED;
	return run_fill(cmd, VMDK_WRITE_ZEROS);
}

/* ---- -M -------------------------------------------------------------------------------------- */

int vmk_migrate(struct cmd *cmd)
{
	struct disk d = { 0 };
	struct why why = { 0 };
	enum status st = disk_open(cmd, vmk_target(cmd), VMDK_READ, &d, &why);

	st = disk_close(&d, st, &why);
	if (st != ST_OK)
		return vmk_fail(cmd, "migrate virtual disk", vmk_target(cmd), st, &why);
	if (!cmd->json)
		printf("Disk '%s' needs no migration.\n", vmk_target(cmd));
	return vmk_done(cmd, "migrate", NULL);
}
