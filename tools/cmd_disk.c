/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_disk - `cairn disk`: virtual disks, on a datastore or in files of this machine, by the native
 * verbs. Here is their table, and what they share; the work is vmdk's. */
#include "tools/cmd_disk.h"

#include "tools/live.h"

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

unsigned cmd_disk_flags(struct cmd *cmd, size_t n, const char *key)
{
	unsigned ignore = opt_has(&cmd->args, "ignore-cid") ? VMDK_IGNORE_CID : 0;

	return disk_format_flags(cmd, key, cmd_disk_operand(cmd, n)) | ignore;
}

int cmd_disk_finish(struct cmd *cmd, const char *object, enum status st, const struct why *why)
{
	return st == ST_OK ? EXIT_DONE : cmd_fail(cmd, object, st, why);
}

int cmd_disk_report(struct cmd *cmd, const char *disk, const struct vmdk_job *job)
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
	  .run = cmd_disk_info },
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
	  .run = cmd_disk_map },
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
	  .run = cmd_disk_measure },
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
	  .run = cmd_disk_compare },
	{ .noun = "disk",
	  .name = "check",
	  .operands = "DISK",
	  .operands_min = 1,
	  .operands_max = 1,
	  .flags = LOOKS,
	  .brief = "check the structures of a disk",
	  .schema = "disk.check/1",
	  .operand_kind = "path",
	  .run = cmd_disk_check },
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
	  .run = cmd_disk_repair },
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
	  .run = cmd_disk_verify },
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
	  .run = cmd_disk_create },
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
	  .run = cmd_disk_delete },
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
	  .run = cmd_disk_rename },
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
	  .run = cmd_disk_grow },
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
	  .run = cmd_disk_copy },
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
	  .run = cmd_disk_export },
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
	  .run = cmd_disk_convert },
};

const struct noun noun_disk = { "disk", "virtual disks", disk_verbs, ARRAY_COUNT(disk_verbs) };
