/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_disk - `cairn disk`: virtual disks, on a datastore or in files of this machine, by the native
 * verbs. The work is vmdk's; disk_report.c has the reports, disk_sum.c the manifests. */
#include <stdio.h>
#include <string.h>

#include "iopath/base/fmt.h"
#include "tools/disk.h"
#include "tools/disk_rebuild.h"
#include "tools/disk_sum.h"
#include "tools/export.h"
#include "tools/live.h"

#define PATIENCE_NS 2000000000ull

#define FORMAT_OPT { "format", 'f', OPT_WORD, "raw|vmdk", "of the image; else its name tells" }
#define CHAIN_OPT                                                                                  \
	{ "ignore-cid", 0, OPT_NONE, NULL, "of a delta: take a parent of another content id" }
#define RATE_OPTS \
	{ "rate", 0, OPT_SIZE, "N", "bytes per second, at most" }, \
	{ "depth", 0, OPT_NUMBER, "N", "requests in flight" }
#define COPY_OPTS                                                                                  \
	{ "output", 'O', OPT_TEXT, "FORMAT", DISK_FORMAT_WORDS },                                  \
	    { "adapter", 'a', OPT_WORD, "lsilogic|buslogic|ide|legacyESX",                         \
	      "what the descriptor names" },                                                       \
	    { "level", 0, OPT_NUMBER, "1-9", "of streamoptimized: fast to small" },                \
	    { "verify", 0, OPT_NONE, NULL, "read back and compare" },                              \
	    { "checksum", 0, OPT_TEXT, "FILE", "write a manifest of SHA-256 sums, for `verify`" }, \
	    { "resume", 0, OPT_NONE, NULL, "stopped, leave what the next run can continue" },      \
	    { "no-resume", 0, OPT_NONE, NULL, "do not continue what an earlier run has left" },    \
	    FORMAT_OPT, CHAIN_OPT, RATE_OPTS

static const char *operand(struct cmd *cmd, size_t n) { return cmd->args.operand[n]; }

static unsigned flags_of(struct cmd *cmd, size_t n, const char *key)
{
	unsigned ignore = opt_has(&cmd->args, "ignore-cid") ? VMDK_IGNORE_CID : 0;

	return disk_format_flags(cmd, key, operand(cmd, n)) | ignore;
}

static int finish(struct cmd *cmd, const char *object, enum status st, const struct why *why)
{
	return st == ST_OK ? EXIT_DONE : cmd_fail(cmd, object, st, why);
}

/* One item for a verb that changed something. job NULL: nobody knows what was moved. */
static int report(struct cmd *cmd, const char *disk, const struct vmdk_job *job)
{
	json_t *items, *doc;

	if (!cmd->json)
		return EXIT_DONE;
	doc = out_doc(cmd->verb->schema, &items);
	json_array_append_new(
	    items, json_pack("{s:o, s:b, s:o, s:o, s:o}", "disk", out_json_name(disk), "dry_run",
			     cmd->dry_run, "read_bytes",
			     job ? out_json_bytes(job->bytes_read) : json_null(), "written_bytes",
			     job ? out_json_bytes(job->bytes_written) : json_null(),
			     "skipped_bytes",
			     job ? out_json_bytes(job->bytes_skipped) : json_null()));
	return live_print(cmd, doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static void plan(struct cmd *cmd, const char *format, ...) PRINTF_LIKE(2, 3);
static void plan(struct cmd *cmd, const char *format, ...)
{
	va_list ap;

	if (cmd->json)
		return;
	fputs("would ", stdout);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

static enum host_access access_of(const struct cmd *cmd)
{
	return cmd->dry_run ? HOST_READ : HOST_WRITE;
}

/* ---- looking --------------------------------------------------------------------------------- */

static int run_info(struct cmd *cmd)
{
	struct why why = { 0 };
	unsigned flags = flags_of(cmd, 0, "format");
	enum status st = disk_info(cmd, operand(cmd, 0), flags, &why);

	return st == ST_OK ? EXIT_DONE : disk_info_broken(cmd, operand(cmd, 0), flags, st, &why);
}

static int run_map(struct cmd *cmd)
{
	struct why why = { 0 };
	struct disk_map_opts opts = { .tabs = opt_has(&cmd->args, "-H") > 0, .exact = cmd->exact,
				      .fields = opt_text(&cmd->args, "-o", NULL) };
	enum status st =
	    disk_map(cmd, operand(cmd, 0), flags_of(cmd, 0, "format"), &opts, &why);

	if (st == ST_INVAL && opts.bad[0])
		return cmd_usage(cmd, "-o: there is no column '%s'", opts.bad);
	return finish(cmd, operand(cmd, 0), st, &why);
}

static int run_measure(struct cmd *cmd)
{
	const char *word = opt_text(&cmd->args, "output", NULL);
	const struct disk_format *f = NULL;
	struct why why = { 0 };
	enum status st = word ? disk_format_of(word, &f, &why) : ST_OK;

	if (st == ST_OK)
		st = disk_measure(cmd, operand(cmd, 0), flags_of(cmd, 0, "format"), f, &why);
	return finish(cmd, operand(cmd, 0), st, &why);
}

static int run_compare(struct cmd *cmd)
{
	struct why why = { 0 };
	int code = 0;
	enum status st =
	    disk_compare(cmd, operand(cmd, 0), operand(cmd, 1), flags_of(cmd, 0, "format"),
			 flags_of(cmd, 1, "format-b"), &code, &why);

	if (st == ST_OK)
		return code;
	(void)cmd_fail(cmd, operand(cmd, 0), st, &why);
	return st == ST_CANCELLED ? exit_of(st) : code;
}

/* ---- check ----------------------------------------------------------------------------------- */

struct findings { json_t *list; };

static void on_finding(void *arg, const char *text)
{
	struct findings *f = arg;
	char safe[OUT_NAME_MAX];

	if (f->list)
		json_array_append_new(f->list, out_json_name(text));
	else
		printf("%s\n", out_name(safe, sizeof(safe), text));
}

/* As qemu-img check: 0 fine, 2 corrupt, 3 leaked only; after a repair what is left. */
static int check_code(int repair, const struct vmdk_check_result *r)
{
	if (repair)
		return r->unrepairable ? 2 : 0;
	return r->corruptions ? 2 : r->leaks ? 3 : 0;
}

static int check_print(struct cmd *cmd, const struct vmdk_check_result *r, json_t *list)
{
	json_t *items, *doc;

	if (!cmd->json) {
		printf("%s: %u corruptions, %u leaks, %u repaired, %u not repairable%s\n",
		       operand(cmd, 0), r->corruptions, r->leaks, r->repaired, r->unrepairable,
		       r->dirty ? ", was not closed cleanly" : "");
		return EXIT_DONE;
	}
	doc = out_doc(cmd->verb->schema, &items);
	json_array_append_new(
	    items, json_pack("{s:o, s:i, s:i, s:i, s:i, s:b, s:o}", "disk",
			     out_json_name(operand(cmd, 0)), "corruptions", (int)r->corruptions,
			     "leaks", (int)r->leaks, "repaired", (int)r->repaired, "unrepairable",
			     (int)r->unrepairable, "dirty", r->dirty, "findings", list));
	return live_print(cmd, doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int check(struct cmd *cmd, int repair)
{
	struct findings f = { cmd->json ? json_array() : NULL };
	struct vmdk_check_result r = { 0 };
	struct host_path at;
	struct why why = { 0 };
	enum status st =
	    host_resolve(cmd->host, operand(cmd, 0), repair ? HOST_WRITE : HOST_READ, &at, &why);

	if (st == ST_OK)
		st = vmdk_check(at.store, at.path, repair, on_finding, &f, &r, &why);
	if (st != ST_OK) {
		int code = cmd_fail(cmd, operand(cmd, 0), st, &why);

		json_decref(f.list);
		return code == EXIT_FORMAT || code > EXIT_SIGNAL ? code : 1;
	}
	return check_print(cmd, &r, f.list) == EXIT_DONE ? check_code(repair, &r) : EXIT_FAILED;
}

/* The descriptor counts as the one corruption there is. */
static int rebuild(struct cmd *cmd)
{
	struct findings f = { cmd->json ? json_array() : NULL };
	struct vmdk_check_result r = { .corruptions = 1, .repaired = !cmd->dry_run };
	struct why why = { 0 };
	enum status st = disk_rebuild(cmd, operand(cmd, 0), on_finding, &f, &why);

	if (st != ST_OK) {
		json_decref(f.list);
		return cmd_fail(cmd, operand(cmd, 0), st, &why);
	}
	return check_print(cmd, &r, f.list);
}

static int run_check(struct cmd *cmd) { return check(cmd, 0); }

static int run_repair(struct cmd *cmd)
{
	if (opt_has(&cmd->args, "descriptor"))
		return rebuild(cmd);
	if (opt_has(&cmd->args, "parent"))
		return cmd_usage(cmd, "--parent is for --descriptor");
	return check(cmd, !cmd->dry_run);
}

/* ---- create, delete, rename, grow ------------------------------------------------------------ */

static enum status create(struct cmd *cmd, struct disk_job *j, struct why *why)
{
	const struct disk_format *f;
	struct vmdk_create_opts o = { .adapter = VMDK_LSILOGIC };
	struct host_path at;
	char size[24];
	enum status st = disk_format_of(opt_text(&cmd->args, "output", "thin"), &f, why);

	if (st == ST_OK)
		st = disk_size_of(operand(cmd, 1), 1, &o.bytes, why);
	if (st == ST_OK)
		st = host_resolve(cmd->host, operand(cmd, 0), access_of(cmd), &at, why);
	if (st != ST_OK)
		return st;
	o.kind = f->kind;
	o.alloc = f->alloc;
	(void)disk_adapter_find(opt_text(&cmd->args, "adapter", "lsilogic"), &o.adapter);
	if (cmd->dry_run) {
		plan(cmd, "create '%s', %s, %s", at.name, out_size(size, sizeof(size), o.bytes, 0),
		     f->word);
		return ST_OK;
	}
	disk_job_start(cmd, j, NULL, "create", at.name);
	st = vmdk_create(at.store, at.path, &o, &j->job, why);
	disk_job_end(j, st);
	return st;
}

static int run_create(struct cmd *cmd)
{
	struct disk_job j = { 0 };
	struct why why = { 0 };
	enum status st = create(cmd, &j, &why);

	return st == ST_OK ? report(cmd, operand(cmd, 0), &j.job) :
			     cmd_fail(cmd, operand(cmd, 0), st, &why);
}

static int run_delete(struct cmd *cmd)
{
	struct vmdk_job none = { 0 };
	struct host_path at;
	struct store_stat ss;
	struct why why = { 0 };
	enum status st = host_resolve(cmd->host, operand(cmd, 0), access_of(cmd), &at, &why);

	if (st == ST_OK && cmd->dry_run) {
		st = at.store->ops->stat(at.store, at.path, &ss, &why);
		if (st == ST_OK)
			plan(cmd, "delete '%s' and its extents", at.name);
	} else if (st == ST_OK) {
		st = vmdk_delete(at.store, at.path, opt_has(&cmd->args, "force") > 0, &why);
	}
	return st == ST_OK ? report(cmd, operand(cmd, 0), &none) :
			     cmd_fail(cmd, operand(cmd, 0), st, &why);
}

static int run_rename(struct cmd *cmd)
{
	struct vmdk_job none = { 0 };
	struct host_path from, to;
	struct why why = { 0 };
	enum status st = host_resolve(cmd->host, operand(cmd, 0), access_of(cmd), &from, &why);

	if (st == ST_OK)
		st = host_resolve(cmd->host, operand(cmd, 1), access_of(cmd), &to, &why);
	if (st == ST_OK && from.store != to.store)
		st = why_set(&why, ST_UNSUPPORTED, "%s: on another datastore; use cairn disk clone",
			     to.name);
	if (st == ST_OK && cmd->dry_run)
		plan(cmd, "rename '%s' to '%s'", from.name, to.name);
	else if (st == ST_OK)
		st = vmdk_rename(from.store, from.path, to.path, &why);
	return st == ST_OK ? report(cmd, operand(cmd, 1), &none) :
			     cmd_fail(cmd, operand(cmd, 0), st, &why);
}

static int run_grow(struct cmd *cmd)
{
	struct disk_job j = { 0 };
	struct host_path at;
	struct why why = { 0 };
	uint64_t bytes;
	enum status st = disk_size_of(operand(cmd, 1), 1, &bytes, &why);

	if (st == ST_OK)
		st = host_resolve(cmd->host, operand(cmd, 0), access_of(cmd), &at, &why);
	if (st == ST_OK && cmd->dry_run) {
		plan(cmd, "grow '%s' to %llu bytes", at.name, (unsigned long long)bytes);
	} else if (st == ST_OK) {
		disk_job_start(cmd, &j, NULL, "grow", at.name);
		st = vmdk_extend(at.store, at.path, bytes, opt_has(&cmd->args, "eager") > 0, &j.job,
				 &why);
		disk_job_end(&j, st);
	}
	return st == ST_OK ? report(cmd, operand(cmd, 0), &j.job) :
			     cmd_fail(cmd, operand(cmd, 0), st, &why);
}

/* ---- convert, clone -------------------------------------------------------------------------- */

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
		plan(cmd, "copy '%s', %llu bytes, to '%s', %s", src->at.name,
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

static int run_copy(struct cmd *cmd)
{
	struct disk src = { 0 };
	struct host_path to;
	struct disk_job j = { 0 };
	struct why why = { 0 };
	enum status st = host_resolve(cmd->host, operand(cmd, 1), access_of(cmd), &to, &why);

	if (st == ST_OK)
		st = disk_open(cmd, operand(cmd, 0), flags_of(cmd, 0, "format"), &src, &why);
	if (st == ST_OK)
		st = copy(cmd, &src, &to, &j, &why);
	st = disk_close(&src, st, &why);
	return st == ST_OK ? report(cmd, operand(cmd, 1), &j.job) :
			     cmd_fail(cmd, operand(cmd, 0), st, &why);
}

static int run_convert(struct cmd *cmd)
{
	if (!opt_text(&cmd->args, "output", NULL))
		return cmd_usage(cmd, "-O is missing: the format of the new disk");
	return run_copy(cmd);
}

/* ---- export ---------------------------------------------------------------------------------- */

static enum status export_one(struct cmd *cmd, const char *word, struct disk_job *j,
			      struct why *why)
{
	struct host_path to;
	enum status st;

	if (cmd->args.operand_count > 2)
		return why_set(why, ST_INVAL, "only an archive (ova) takes more than one disk");
	st = host_resolve(cmd->host, operand(cmd, 1), access_of(cmd), &to, why);
	return st == ST_OK ? export_qemu(cmd, operand(cmd, 0), word, &to, j, why) : st;
}

/* What we write ourselves is a conversion like any other. */
static int run_export(struct cmd *cmd)
{
	const char *target = operand(cmd, cmd->args.operand_count - 1);
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
		return run_copy(cmd);
	}
	if (strcmp(word, "ova") != 0) {	/* what was read and written qemu-img does not tell */
		st = export_one(cmd, word, &j, &why);
		return st == ST_OK ? report(cmd, target, NULL) :
				     cmd_fail(cmd, operand(cmd, 0), st, &why);
	}
	st = export_disks_ova(cmd, &j, &why);
	if (st == ST_OK && !cmd->dry_run)
		say_copied(cmd, &j.job);
	return st == ST_OK ? report(cmd, target, &j.job) :
			     cmd_fail(cmd, operand(cmd, 0), st, &why);
}

/* ---- verify ---------------------------------------------------------------------------------- */

static json_t *verify_ranges(const struct disk_sum_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->range_count; i++)
		json_array_append_new(
		    list, json_pack("{s:o, s:o, s:o}", "file",
				    r->range[i].file ? out_json_name(r->range[i].file) :
						       json_null(),
				    "offset_bytes", out_json_bytes(r->range[i].offset),
				    "length_bytes", out_json_bytes(r->range[i].bytes)));
	return list;
}

static int verify_json(struct cmd *cmd, const struct disk_sum_result *r)
{
	json_t *items, *doc = out_doc(cmd->verb->schema, &items);

	json_array_append_new(
	    items, json_pack("{s:o, s:I, s:I, s:o, s:o}", "disk", out_json_name(operand(cmd, 0)),
			     "blocks", (json_int_t)r->blocks, "bad_blocks", (json_int_t)r->bad,
			     "first_bad_at_bytes",
			     r->range_count ? out_json_bytes(r->range[0].offset) : json_null(),
			     "ranges", verify_ranges(r)));
	if (r->bad)
		out_doc_fail(doc, ST_CORRUPT, operand(cmd, 0),
			     "its content is not that of the manifest");
	return live_print(cmd, doc);
}

static int verify_print(struct cmd *cmd, const struct disk_sum_result *r)
{
	char name[OUT_NAME_MAX];

	if (cmd->json) {
		if (verify_json(cmd, r) != 0)
			return EXIT_FAILED;
		return r->bad ? EXIT_FOUND : EXIT_DONE;
	}
	printf("%s: %llu blocks, %llu differ\n", operand(cmd, 0), (unsigned long long)r->blocks,
	       (unsigned long long)r->bad);
	for (size_t i = 0; i < r->range_count; i++) {
		const struct disk_sum_range *x = &r->range[i];

		printf("%s%sbytes %llu to %llu differ\n",
		       x->file ? out_name(name, sizeof(name), x->file) : "", x->file ? ": " : "",
		       (unsigned long long)x->offset,
		       (unsigned long long)(x->offset + x->bytes - 1));
	}
	return r->bad ? EXIT_FOUND : EXIT_DONE;
}

static int run_verify(struct cmd *cmd)
{
	struct disk_sum_result r;
	struct disk_job j;
	struct why why = { 0 };
	enum status st;
	int code;

	disk_job_start(cmd, &j, NULL, "verify", operand(cmd, 0));
	st = disk_sum_check(cmd, operand(cmd, 0), flags_of(cmd, 0, "format"), operand(cmd, 1), &j,
			    &r, &why);
	disk_job_end(&j, st);
	code = st == ST_OK ? verify_print(cmd, &r) : cmd_fail(cmd, operand(cmd, 0), st, &why);
	disk_sum_result_free(&r);
	return code;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct opt look_opts[] = { FORMAT_OPT, CHAIN_OPT };
static const struct opt measure_opts[] = {
	{ "output", 'O', OPT_TEXT, "FORMAT", DISK_FORMAT_WORDS }, FORMAT_OPT, CHAIN_OPT,
};
static const struct opt compare_opts[] = {
	FORMAT_OPT,
	{ "format-b", 'F', OPT_WORD, "raw|vmdk", "what the second image is" },
	CHAIN_OPT,
	RATE_OPTS,
};
static const struct opt verify_opts[] = { FORMAT_OPT, CHAIN_OPT, RATE_OPTS };
static const struct opt create_opts[] = {
	{ "output", 'O', OPT_TEXT, "FORMAT", DISK_FORMAT_WORDS },
	{ "adapter", 'a', OPT_WORD, "lsilogic|buslogic|ide|legacyESX",
	  "what the descriptor names" },
	RATE_OPTS,
};
static const struct opt delete_opts[] = {
	{ "force", 0, OPT_NONE, NULL, "also what is protected, or a parent of another disk" },
};
static const struct opt repair_opts[] = {
	{ "descriptor", 0, OPT_NONE, NULL, "write the descriptor of an extent that lost it" },
	{ "parent", 0, OPT_TEXT, "DISK", "what the rebuilt delta stands on" },
};
static const struct opt grow_opts[] = {
	{ "eager", 0, OPT_NONE, NULL, "write zeros to the new room" }, RATE_OPTS,
};
static const struct opt copy_options[] = { COPY_OPTS };

#define LOOKS (VERB_DEVICES | VERB_JSON)
#define CHANGES (VERB_DEVICES | VERB_JSON | VERB_WRITES)

static const struct verb disk_verbs[] = {
	{ .noun = "disk",
	  .name = "info",
	  .operands = "DISK",
	  .operands_min = 1,
	  .operands_max = 1,
	  .flags = LOOKS,
	  .brief = "show what a virtual disk is made of",
	  VERB_OPTS(look_opts),
	  .schema = "disk.info/1",
	  .operand_kind = "path",
	  .run = run_info },
	{ .noun = "disk",
	  .name = "map",
	  .operands = "DISK",
	  .operands_min = 1,
	  .operands_max = 1,
	  .flags = LOOKS | VERB_TABLE,
	  .brief = "list the ranges of a disk and where they lie",
	  VERB_OPTS(look_opts),
	  .schema = "disk.map/1",
	  .operand_kind = "path",
	  .run = run_map },
	{ .noun = "disk",
	  .name = "measure",
	  .operands = "DISK",
	  .operands_min = 1,
	  .operands_max = 1,
	  .flags = LOOKS,
	  .brief = "say what room a disk would take in a format",
	  VERB_OPTS(measure_opts),
	  .schema = "disk.measure/1",
	  .operand_kind = "path",
	  .run = run_measure },
	{ .noun = "disk",
	  .name = "compare",
	  .operands = "DISK DISK",
	  .operands_min = 2,
	  .operands_max = 2,
	  .flags = LOOKS | VERB_PROGRESS,
	  .brief = "compare the content of two disks",
	  VERB_OPTS(compare_opts),
	  .schema = "disk.compare/1",
	  .operand_kind = "path",
	  .run = run_compare },
	{ .noun = "disk",
	  .name = "check",
	  .operands = "DISK",
	  .operands_min = 1,
	  .operands_max = 1,
	  .flags = LOOKS,
	  .brief = "check the structures of a disk",
	  .schema = "disk.check/1",
	  .operand_kind = "path",
	  .run = run_check },
	{ .noun = "disk",
	  .name = "repair",
	  .operands = "DISK",
	  .operands_min = 1,
	  .operands_max = 1,
	  .flags = CHANGES,
	  .brief = "check a disk and repair what can be",
	  VERB_OPTS(repair_opts),
	  .writes = "the disk",
	  .schema = "disk.check/1",
	  .operand_kind = "path",
	  .run = run_repair },
	{ .noun = "disk",
	  .name = "verify",
	  .operands = "DISK MANIFEST",
	  .operands_min = 2,
	  .operands_max = 2,
	  .flags = LOOKS | VERB_PROGRESS,
	  .brief = "compare a disk with a manifest of its sums",
	  VERB_OPTS(verify_opts),
	  .schema = "disk.verify/1",
	  .operand_kind = "path",
	  .run = run_verify },
	{ .noun = "disk",
	  .name = "create",
	  .operands = "DISK SIZE",
	  .operands_min = 2,
	  .operands_max = 2,
	  .flags = CHANGES | VERB_PROGRESS,
	  .brief = "make an empty disk",
	  VERB_OPTS(create_opts),
	  .writes = "a new disk",
	  .schema = "disk.create/1",
	  .operand_kind = "path",
	  .run = run_create },
	{ .noun = "disk",
	  .name = "delete",
	  .operands = "DISK",
	  .operands_min = 1,
	  .operands_max = 1,
	  .flags = CHANGES,
	  .brief = "delete a disk with all its files",
	  VERB_OPTS(delete_opts),
	  .writes = "the disk's files",
	  .schema = "disk.delete/1",
	  .operand_kind = "path",
	  .run = run_delete },
	{ .noun = "disk",
	  .name = "rename",
	  .operands = "DISK NEW",
	  .operands_min = 2,
	  .operands_max = 2,
	  .flags = CHANGES,
	  .brief = "rename a disk with all its files",
	  .writes = "the disk's names",
	  .schema = "disk.rename/1",
	  .operand_kind = "path",
	  .run = run_rename },
	{ .noun = "disk",
	  .name = "grow",
	  .operands = "DISK SIZE",
	  .operands_min = 2,
	  .operands_max = 2,
	  .flags = CHANGES | VERB_PROGRESS,
	  .brief = "make a disk longer",
	  VERB_OPTS(grow_opts),
	  .writes = "the disk",
	  .schema = "disk.grow/1",
	  .operand_kind = "path",
	  .run = run_grow },
	{ .noun = "disk",
	  .name = "clone",
	  .operands = "SOURCE TARGET",
	  .operands_min = 2,
	  .operands_max = 2,
	  .flags = CHANGES | VERB_PROGRESS,
	  .brief = "copy a disk, in its format or another",
	  VERB_OPTS(copy_options),
	  .writes = "a new disk",
	  .schema = "disk.clone/1",
	  .operand_kind = "path",
	  .run = run_copy },
	{ .noun = "disk",
	  .name = "export",
	  .operands = "SOURCE ... TARGET",
	  .operands_min = 2,
	  .operands_max = VERB_ANY,
	  .flags = CHANGES | VERB_PROGRESS,
	  .brief = "write a disk in a format that other programs take",
	  VERB_OPTS(copy_options),
	  .writes = "a new image",
	  .schema = "disk.export/1",
	  .operand_kind = "path",
	  .run = run_export },
	{ .noun = "disk",
	  .name = "convert",
	  .operands = "SOURCE TARGET",
	  .operands_min = 2,
	  .operands_max = 2,
	  .flags = CHANGES | VERB_PROGRESS,
	  .brief = "copy a disk into another format",
	  VERB_OPTS(copy_options),
	  .writes = "a new disk",
	  .schema = "disk.convert/1",
	  .operand_kind = "path",
	  .run = run_convert },
};

const struct noun noun_disk = { "disk", "virtual disks", disk_verbs, ARRAY_COUNT(disk_verbs) };
