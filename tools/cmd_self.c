/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_self - the program about itself: version, the table of commands as JSON, completion,
 * manuals. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cmd.h"
#include "tools/cmd_nbd.h"
#include "tools/complete.h"
#include "tools/man.h"

/* ---- version --------------------------------------------------------------------------------- */

static json_t *words(const char *const *list)
{
	json_t *a = json_array();

	for (; *list; list++)
		json_array_append_new(a, json_string(*list));
	return a;
}

static json_t *json_version(void)
{
	static const char *const volumes_read[] = { "VMFS-3", "VMFS-5", NULL };
	static const char *const volumes_written[] = { "VMFS-5", NULL };
	static const char *const disks[] = { "vmfs", "monolithicFlat", "monolithicSparse",
					     "twoGbMaxExtentFlat", "twoGbMaxExtentSparse",
					     "streamOptimized", "raw", NULL };

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:[{s:s, s:s}]}", "version", CAIRN_VERSION,
			 "volumes_read", words(volumes_read), "volumes_written",
			 words(volumes_written), "disks_read", words(disks), "disks_written",
			 words(disks), "accelerator", port_accel()->name, "libraries", "name",
			 "jansson", "version", jansson_version_str());
}

static int self_version(struct cmd *cmd)
{
	json_t *items, *doc;

	if (!cmd->json) {
		printf("cairn %s\n", CAIRN_VERSION);
		return EXIT_DONE;
	}
	doc = out_doc(cmd->verb->schema, &items);
	json_array_append_new(items, json_version());
	return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* ---- commands -------------------------------------------------------------------------------- */

static const char *arg_word(enum opt_arg arg)
{
	static const char *const names[] = { "none", "text", "size", "number", "word", "maybe" };

	return names[arg];
}

static json_t *or_null(const char *text) { return text ? json_string(text) : json_null(); }

static json_t *json_option(const struct verb *v, const struct opt *o)
{
	char letter[2] = { opt_letter(v, o), 0 };

	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:s}", "name", or_null(o->name), "letter",
			 letter[0] ? json_string(letter) : json_null(), "argument",
			 arg_word(o->arg), "argument_name",
			 or_null(o->arg == OPT_NONE ? NULL : o->arg_name), "help", or_null(o->help),
			 "since", CAIRN_FIRST_VERSION);
}

static json_t *json_verb(const struct verb *v)
{
	json_t *options = json_array();
	char name[80], page[80];
	const struct opt *o;

	for (size_t i = 0; (o = opt_at(v, i)) != NULL; i++)
		json_array_append_new(options, json_option(v, o));
	opt_verb_name(v, name, sizeof(name));
	opt_verb_page(v, page, sizeof(page));
	return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "command", name,
			 "noun", or_null(v->noun), "verb", v->name, "brief", v->brief, "operands",
			 v->operands, "manual", page, "compatible", (v->flags & VERB_COMPAT) != 0,
			 "writes", or_null(v->writes), "schema", or_null(v->schema), "options",
			 options);
}

static int self_commands(struct cmd *cmd)
{
	json_t *items, *doc = cmd->json ? out_doc(cmd->verb->schema, &items) : NULL;
	const struct verb *v;
	char name[80];

	for (size_t i = 0; (v = commands_at(i)) != NULL; i++) {
		if (v->flags & VERB_HIDDEN)
			continue;
		opt_verb_name(v, name, sizeof(name));
		if (doc)
			json_array_append_new(items, json_verb(v));
		else
			printf("%-20s %s\n", name, v->brief);
	}
	return !doc || out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct opt evacuate_opts[] = {
	{ "jobs", 0, OPT_NUMBER, "N", "files copied at a time (2)" },
	{ "rate", 0, OPT_SIZE, "N", "bytes per second, at most" },
	{ "collapse", 0, OPT_NONE, NULL, "make one thin disk of each snapshot chain" },
};

static const struct opt nbd_opts[] = {
	{ "socket", 0, OPT_TEXT, "PATH", "listen on a Unix socket" },
	{ "port", 0, OPT_NUMBER, "N", "listen on that port of this machine only; else on 10809" },
	{ "run", 0, OPT_TEXT, "COMMAND", "serve that shell command, which finds us in $uri" },
	{ "snapshot", 0, OPT_TEXT, "NAME", "the disk at an earlier state: a link or a snapshot" },
};

static const struct verb self_verbs[] = {
	{ .name = "nbd", .operands = "DISK ...", .operands_min = 1, .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES | VERB_NO_PORT,
	  .brief = "serve virtual disks over NBD, read only", VERB_OPTS(nbd_opts),
	  .operand_kind = "path", .run = cmd_nbd },
	{ .name = "evacuate", .operands = "DEVICE ... TARGET", .operands_min = 2,
	  .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES | VERB_WRITES | VERB_JSON | VERB_PROGRESS,
	  .brief = "copy whole datastores out, and go on after an interruption",
	  VERB_OPTS(evacuate_opts), .writes = "files below TARGET", .schema = "evacuate/1",
	  .operand_kind = "device", .run = cmd_evacuate },
	{ .name = "version", .operands = "", .flags = VERB_JSON | VERB_NO_PORT,
	  .brief = "print the version, and with --json what it reads and writes",
	  .schema = "version/1",
	  .run = self_version },
	{ .name = "commands", .operands = "", .flags = VERB_JSON | VERB_NO_PORT,
	  .brief = "list every command, and with --json its options", .schema = "commands/1",
	  .run = self_commands },
	{ .name = "__complete", .operands = "WORD ...", .operands_max = VERB_ANY,
	  .flags = VERB_HIDDEN | VERB_NO_PORT,
	  .brief = "candidates for the last word of a command line, in time or not at all",
	  .run = complete_run },
	{ .name = "__candidates", .operands = "WORD ...", .operands_max = VERB_ANY,
	  .flags = VERB_HIDDEN,
	  .brief = "the same, however long it takes", .run = complete_candidates },
	{ .name = "__man", .operands = "PAGE", .operands_min = 1, .operands_max = 1,
	  .flags = VERB_HIDDEN | VERB_NO_PORT,
	  .brief = "a manual page; its text comes from standard input",
	  .run = man_run },
};

const struct noun noun_cairn = { "", "the program itself", self_verbs, ARRAY_COUNT(self_verbs) };
