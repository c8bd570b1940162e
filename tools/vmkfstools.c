/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmkfstools - the administrator's tool, as scripts know it: one main option, one target, its
 * messages, its exit codes 0 and 1. This file has the options, the usage, and the way to the
 * function of each main option; what is asked for beyond the original are long options. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/vmkfstools.h"

#define SIZE_ARG "#[bBsSkKmMgGtT]"

static const struct opt file_system_opts_and_more[] = {
	/* file systems */
	{ "createfs", 'C', OPT_TEXT, "vmfs5|vmfs6", "make a file system" },
	{ "blocksize", 'b', OPT_TEXT, "#[mMkK]", "size of a file block: 1m" },
	{ "setfsname", 'S', OPT_TEXT, "NAME", "label of the new file system" },
	{ "unmapGranularity", 'Y', OPT_TEXT, SIZE_ARG, "VMFS-6 only" },
	{ "unmapPriority", 'O', OPT_TEXT, "none|low|medium|high", "VMFS-6 only" },
	{ "spanfs", 'Z', OPT_TEXT, "span-partition",
	  "add a partition to a file system; it is erased" },
	{ "growfs", 'G', OPT_TEXT, "partition", "take the room that the last partition has got" },
	{ "queryfs", 'P', OPT_NONE, NULL, "what file system a path is on" },
	{ "humanreadable", 'h', OPT_NONE, NULL, "with -P: sizes with units" },
	{ "upgradevmfs", 'T', OPT_NONE, NULL, "VMFS-3 to VMFS-5: not supported" },
	{ "reclaimBlocks", 'y', OPT_TEXT, "volume", "give free blocks back to the device" },
	{ "reclaimBlocksUnit", 0, OPT_NUMBER, "#", "blocks at a time" },
	{ "dumpmetadata", 'D', OPT_NONE, NULL, "lock and descriptor of a file" },
	{ "activehosts", 0, OPT_NONE, NULL, "hosts that beat on a volume" },
	/* virtual disks */
	{ "createvirtualdisk", 'c', OPT_TEXT, SIZE_ARG, "make a disk; without a suffix, bytes" },
	{ "deletevirtualdisk", 'U', OPT_NONE, NULL, "delete a disk with all its files" },
	{ "renamevirtualdisk", 'E', OPT_TEXT, "oldDisk", "rename a disk with all its files" },
	{ "clonevirtualdisk", 'i', OPT_TEXT, "srcDisk", "copy or convert a disk" },
	{ "migratevirtualdisk", 'M', OPT_NONE, NULL, "convert a disk of ESX 2" },
	{ "extendvirtualdisk", 'X', OPT_TEXT, SIZE_ARG, "new size; without a suffix, kilobytes" },
	{ "inflatedisk", 'j', OPT_NONE, NULL, "thin to eagerly zeroed thick" },
	{ "eagerzero", 'k', OPT_NONE, NULL, "zero every block not written yet" },
	{ "punchzero", 'K', OPT_NONE, NULL, "give back blocks that hold zeros" },
	{ "writezeros", 'w', OPT_NONE, NULL, "overwrite the whole disk with zeros" },
	{ "createrdm", 'r', OPT_TEXT, "device", "map a raw device: not supported" },
	{ "createrdmpassthru", 'z', OPT_TEXT, "device", "map a raw device: not supported" },
	{ "queryrdm", 'q', OPT_NONE, NULL, "which device a mapping stands for" },
	{ "geometry", 'g', OPT_NONE, NULL, "cylinders, heads, sectors" },
	{ "fix", 'x', OPT_WORD, "check|repair", "check a disk, or repair it" },
	{ "chainConsistent", 'e', OPT_NONE, NULL, "check the ids along a chain" },
	{ "uniqueblocks", 0, OPT_TEXT, "childDisk", "blocks only the child has" },
	{ NULL, 'Q', OPT_TEXT, "name", "object query: not supported" },
	{ NULL, 't', OPT_TEXT, "0", "block map" },
	{ "diskformat", 'd', OPT_TEXT, DISK_FORMAT_WORDS, "with -c, -i, -X: the format" },
	{ "adaptertype", 'a', OPT_TEXT, "buslogic|lsilogic|ide|lsisas|pvscsi",
	  "deprecated; with -c, -i: what the descriptor names" },
	{ "objecttype", 'W', OPT_TEXT, "file", "only files" },
	{ "policyFile", 0, OPT_TEXT, "FILE", "not supported" },
	{ "avoidnativeclone", 'N', OPT_NONE, NULL, "with -i: read and write, no offload" },
	/* devices */
	{ "lock", 'L', OPT_WORD, "reserve|release|lunreset|targetreset|busreset|readkeys|readresv",
	  "reservations: not supported" },
	{ "breaklock", 'B', OPT_NONE, NULL,
	  "break the lock that a host which died over -G or -Z left on a volume" },
	{ "verbose", 'v', OPT_NUMBER, "#", "0 to 10" },
	{ "help", 'H', OPT_NONE, NULL, "this text" },
	/* ours */
	{ "info", 0, OPT_NONE, NULL, "what a disk is made of" },
	{ "map", 0, OPT_NONE, NULL, "which ranges are there, and where" },
	{ "compare", 0, OPT_TEXT, "otherDisk", "content of two disks; 1 when it differs" },
	{ "measure", 0, OPT_NONE, NULL, "room the disk would take in format -d" },
	{ "format", 0, OPT_WORD, "raw|vmdk", "of the source; else its name tells" },
	{ "verify", 0, OPT_NONE, NULL, "with -i: read back and compare" },
	{ "resume", 0, OPT_NONE, NULL, "with -i: continue a copy that was interrupted" },
	{ "rate", 0, OPT_SIZE, "N", "bytes per second, at most" },
	{ "depth", 0, OPT_NUMBER, "N", "requests in flight" },
	{ "force", 0, OPT_NONE, NULL, "override what protects a disk or a volume" },
};
#define OPTS file_system_opts_and_more

/* ---- usage ----------------------------------------------------------------------------------- */

static const struct { const char *title; const char *first; } blocks[] = {
	{ "OPTIONS FOR FILE SYSTEMS:", "createfs" },
	{ "OPTIONS FOR VIRTUAL DISKS:", "createvirtualdisk" },
	{ "OPTIONS FOR DEVICES:", "lock" },
	{ "OPTIONS OF THIS VERSION:", "info" },
};

static void usage_option(const struct opt *o, FILE *to)
{
	fputs("          ", to);
	if (o->letter)
		fprintf(to, "-%c%s", o->letter, o->name ? " " : "");
	if (o->name)
		fprintf(to, "--%s", o->name);
	if (o->arg_name)
		fprintf(to, " %s", o->arg_name);
	if (o->name && strcmp(o->name, "adaptertype") == 0)
		fputs(" (deprecated)", to);
	fputc('\n', to);
}

static void usage(FILE *to)
{
	size_t block = 0;

	fprintf(to, "\nvmkfstools <option> [argument] [sub-options] <target>\n");
	for (size_t i = 0; i < ARRAY_COUNT(OPTS); i++) {
		if (block < ARRAY_COUNT(blocks) && OPTS[i].name &&
		    strcmp(OPTS[i].name, blocks[block].first) == 0)
			fprintf(to, "\n%s\n\n", blocks[block++].title);
		usage_option(&OPTS[i], to);
	}
	fprintf(to, "          --json --progress cr|lines|json|none --dry-run --device URI\n"
		    "\nManual: man vmkfstools\n");
}

/* ---- refusals -------------------------------------------------------------------------------- */

static int refuse(struct cmd *cmd, const char *what, const char *text)
{
	struct why why = { 0 };

	why_set(&why, ST_UNSUPPORTED, "%s", text);
	return vmk_fail(cmd, what, cmd->args.operand_count ? vmk_target(cmd) : NULL, ST_UNSUPPORTED,
			&why);
}

static int refuse_lock(struct cmd *cmd)
{
	return refuse(cmd, "change the reservation of",
		      "SCSI reservations and resets come with a later release");
}

static int refuse_rdm(struct cmd *cmd)
{
	return refuse(cmd, "create virtual disk",
		      "raw device mappings can be read, not made, by this release");
}

static int refuse_object(struct cmd *cmd)
{
	return refuse(cmd, "query", "there are only files on this datastore");
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static const struct main_option {
	const char	*key;
	int		(*run)(struct cmd *cmd);
	uint8_t		no_target;
} mains[] = {
	{ "createfs", vmk_createfs, 0 },	{ "spanfs", vmk_spanfs, 0 },
	{ "growfs", vmk_growfs, 0 },		{ "queryfs", vmk_queryfs, 0 },
	{ "upgradevmfs", vmk_upgradefs, 0 },	{ "reclaimBlocks", vmk_reclaim, 1 },
	{ "dumpmetadata", vmk_dump, 0 },	{ "activehosts", vmk_activehosts, 0 },
	{ "createvirtualdisk", vmk_create, 0 },	{ "deletevirtualdisk", vmk_delete, 0 },
	{ "renamevirtualdisk", vmk_rename, 0 },	{ "clonevirtualdisk", vmk_clone, 0 },
	{ "migratevirtualdisk", vmk_migrate, 0 }, { "extendvirtualdisk", vmk_extend, 0 },
	{ "inflatedisk", vmk_inflate, 0 },	{ "eagerzero", vmk_eagerzero, 0 },
	{ "punchzero", vmk_punch, 0 },		{ "writezeros", vmk_writezeros, 0 },
	{ "createrdm", refuse_rdm, 0 },		{ "createrdmpassthru", refuse_rdm, 0 },
	{ "queryrdm", vmk_queryrdm, 0 },	{ "geometry", vmk_geometry, 0 },
	{ "fix", vmk_fix, 0 },			{ "chainConsistent", vmk_chain, 0 },
	{ "uniqueblocks", vmk_unique, 0 },	{ "-Q", refuse_object, 1 },
	{ "-t", vmk_blockmap, 0 },		{ "lock", refuse_lock, 0 },
	{ "breaklock", vmk_breaklock, 0 },	{ "info", vmk_info, 0 },
	{ "map", vmk_map, 0 },			{ "compare", vmk_compare, 0 },
	{ "measure", vmk_measure, 0 },
};

static int wrong(struct cmd *cmd, const char *format, ...) PRINTF_LIKE(2, 3);
static int wrong(struct cmd *cmd, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", cmd->prog);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	usage(stderr);
	return EXIT_FAILED;
}

/* NULL: none or more than one, and the usage has been printed. */
static const struct main_option *the_main_option(struct cmd *cmd)
{
	const struct main_option *found = NULL;

	for (size_t i = 0; i < ARRAY_COUNT(mains); i++) {
		size_t n = opt_has(&cmd->args, mains[i].key);

		if (n == 0)
			continue;
		if (found || n > 1) {
			wrong(cmd, "only one main option at a time");
			return NULL;
		}
		found = &mains[i];
	}
	if (!found)
		wrong(cmd, "what shall be done? A main option is missing");
	return found;
}

static int check_sub_options(struct cmd *cmd)
{
	const char *type = vmk_arg(cmd, "objecttype"), *adapter = vmk_arg(cmd, "adaptertype");
	enum vmdk_adapter a;
	struct why why = { 0 };

	if (type && strcmp(type, "file") != 0) {
		why_set(&why, ST_UNSUPPORTED,
			"object type '%.40s' is not supported on this datastore", type);
		return vmk_fail(cmd, "create virtual disk", NULL, ST_UNSUPPORTED, &why);
	}
	if (vmk_arg(cmd, "policyFile")) {
		why_set(&why, ST_UNSUPPORTED,
			"storage policies are not supported on this datastore");
		return vmk_fail(cmd, "create virtual disk", NULL, ST_UNSUPPORTED, &why);
	}
	if (vmk_verbose(cmd) > 10)
		return wrong(cmd, "-v takes 0 to 10");
	if (adapter && disk_adapter_find(adapter, &a) != 0)
		return wrong(cmd, "'%.40s' is not an adapter type", adapter);
	return EXIT_DONE;
}

static int run(struct cmd *cmd)
{
	const struct main_option *m;
	int code;

	if (opt_has(&cmd->args, "help") ||
	    (opt_has(&cmd->args, "humanreadable") && cmd->args.given_count == 1)) {
		usage(stderr);
		return EXIT_DONE;
	}
	m = the_main_option(cmd);
	if (!m)
		return EXIT_FAILED;
	if (!m->no_target && cmd->args.operand_count == 0)
		return wrong(cmd, "the target is missing");
	code = check_sub_options(cmd);
	if (code == EXIT_DONE)
		code = m->run(cmd);
	/* Scripts know zero and not zero; what a signal ended says which one. */
	return code == EXIT_DONE || code > EXIT_SIGNAL ? code : EXIT_FAILED;
}

const struct verb verb_vmkfstools = {
	.name = "vmkfstools",
	.operands = "[TARGET]",
	.operands_max = 1,
	.flags = VERB_COMPAT | VERB_DEVICES | VERB_WRITES | VERB_JSON | VERB_PROGRESS | VERB_ASKS,
	.brief = "make, copy, change and check virtual disks and file systems",
	VERB_OPTS(OPTS),
	.writes =
	    "the disk or the volume that the main option names; queries (-P, -q, -g, -e, -D, -t, "
	    "-x check, --info, --map, --compare, --measure, --activehosts) write nothing",
	.schema = "vmkfstools/1",
	.operand_kind = "path",
	.run = run,
	.usage = usage,
};

/* ---- ending and asking ----------------------------------------------------------------------- */

/* The first line that fits. word: only when the text of the failure has it, where one status
 * stands for two of the original's numbers. */
static const struct {
	enum status st;
	int code;
	const char *reason;
	const char *word;
} reasons[] = {
	{ ST_CORRUPT, 15, "The file specified is not a virtual disk", "not a virtual disk" },
	{ ST_UNSUPPORTED, 24, "The version of the virtual disk is not supported",
	  "descriptor version" },
	{ ST_UNSUPPORTED, 24, "The version of the virtual disk is not supported",
	  "version is above" },
	{ ST_INVAL, 1, "One of the parameters supplied is invalid" },
	{ ST_NAME, 1, "One of the parameters supplied is invalid" },
	{ ST_NOSPACE, 13, "There is not enough space for the file operation" },
	{ ST_CORRUPT, 14, "The disk needs repair" },
	{ ST_RANGE, 20, "The requested range is outside of the object" },
	{ ST_LIMIT, 20, "A limit is reached" },
	{ ST_NOENT, 25, "The system cannot find the file specified" },
	{ ST_NOTDIR, 25, "The system cannot find the file specified" },
	{ ST_UNSUPPORTED, 36, "The called function cannot be performed on this object" },
	{ ST_EXIST, 39, "The destination file already exists" },
	{ ST_READONLY, 41, "Insufficient permission to access the file" },
	{ ST_REFUSED, 41, "The operation is not permitted" },
	{ ST_ISDIR, 15, "The file specified is not a virtual disk" },
	{ ST_BUSY, 16392, "Failed to lock the file" },
	{ ST_NOMEM, 2, "Not enough memory" },
	{ ST_CANCELLED, 3, "The operation was cancelled" },
	{ ST_DEVICE, 4, "Input or output error" },
};

static const char *reason_of(enum status st, const char *text, int *code)
{
	for (size_t i = 0; i < ARRAY_COUNT(reasons); i++)
		if (reasons[i].st == st &&
		    (!reasons[i].word || (text && strstr(text, reasons[i].word)))) {
			*code = reasons[i].code;
			return reasons[i].reason;
		}
	*code = 4;
	return status_text(st);
}

int vmk_fail(struct cmd *cmd, const char *what, const char *path, enum status st,
	     const struct why *why)
{
	int code;
	char name[OUT_NAME_MAX], detail[OUT_NAME_MAX], line[3 * OUT_NAME_MAX];
	const char *text = why && why->text[0] ? cmd_said(cmd, why, name, sizeof(name)) : NULL;
	const char *reason = reason_of(st, text, &code);

	if (text)
		text = out_name(detail, sizeof(detail), text);
	snprintf(line, sizeof(line), "Failed to %s%s%s%s: %s%s%s (%d).", what, path ? " '" : "",
		 path ? out_name(name, sizeof(name), path) : "", path ? "'" : "", reason,
		 text ? ": " : "", text ? text : "", code);
	fflush(stdout);
	fprintf(stderr, "%s\n", line);
	if (cmd->json) {
		json_t *items, *doc = out_doc(cmd->verb->schema, &items);

		out_doc_fail(doc, st, path, line);
		if (out_doc_print(doc) != 0)
			return EXIT_FAILED;
	}
	return st == ST_CANCELLED ? exit_of(st) : EXIT_FAILED;
}

int vmk_done(struct cmd *cmd, const char *verb, const struct vmdk_job *job)
{
	static const struct vmdk_job none;
	const char *target = cmd->args.operand_count ? vmk_target(cmd) :
						       vmk_arg(cmd, "reclaimBlocks");
	json_t *items, *doc;

	if (!cmd->json)
		return EXIT_DONE;
	job = job ? job : &none;
	doc = out_doc(cmd->verb->schema, &items);
	json_array_append_new(items,
			      json_pack("{s:s, s:o, s:b, s:o, s:o, s:o}", "verb", verb, "target",
					out_json_name(target), "dry_run", cmd->dry_run,
					"read_bytes", out_json_bytes(job->bytes_read),
					"written_bytes", out_json_bytes(job->bytes_written),
					"skipped_bytes", out_json_bytes(job->bytes_skipped)));
	return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

int vmk_ask(struct cmd *cmd, const char *question)
{
	char answer[16] = "";

	if (cmd->yes || cmd->dry_run || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return 1;
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	return fgets(answer, sizeof(answer), stdin) && tolower((unsigned char)answer[0]) == 'y';
}

uint64_t vmk_verbose(struct cmd *cmd)
{
	return opt_number(&cmd->args, "verbose", 0);
}
