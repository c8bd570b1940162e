/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* run - dispatch by program name, noun and verb; then configuration, I/O core, host, command, and
 * the way back: a failed unmount or a full standard output is a failed command. */
#include "tools/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cmd.h"
#include "tools/live.h"

struct run {
	struct cmd	cmd;
	struct config	config;
	int		code;
};

/* ---- in the main world ----------------------------------------------------------------------- */

#define TRIES	6u

static void run_once(struct run *run)
{
	struct why why = { 0 };
	enum status st = host_create(&run->config, &run->cmd.host, &why);

	if (st != ST_OK) {
		run->code = cmd_fail(&run->cmd, NULL, st, &why);
		return;
	}
	live_begin(&run->cmd);
	run->code = run->cmd.verb->run(&run->cmd);
	run->code = live_end(&run->cmd, run->code);
	st = host_destroy(run->cmd.host, &why);
	run->cmd.host = NULL;
	if (st != ST_OK) {
		cmd_complain(&run->cmd, NULL, st, &why);
		if (run->code == EXIT_DONE)
			run->code = EXIT_FAILED;
	}
}

/* With what it prints kept back. 1: nothing came between, and it is printed. */
static int run_unseen(struct run *run)
{
	FILE *to_all = stdout;
	char *text = NULL;
	size_t bytes = 0;
	int stands;

	stdout = open_memstream(&text, &bytes);
	if (!stdout) {
		stdout = to_all;
		return 0;
	}
	run->cmd.more_tries = 1;
	run->cmd.doubted = 0;
	run_once(run);
	fclose(stdout);
	stdout = to_all;
	stands = !run->cmd.doubted || run->code == exit_of(ST_CANCELLED);
	if (stands)
		fwrite(text, 1, bytes, stdout);
	free(text);
	return stands;
}

/* A volume on which hosts come and go: what a query has read while one came may mix two moments. It
 * reads again then, and only the last time it says so. */
static void run_world(void *arg)
{
	struct run *run = arg;
	uint8_t quiet = run->cmd.quiet;
	int again = run->cmd.verb->flags & VERB_AGAIN && !run->cmd.live;

	for (uint32_t i = 1; i < TRIES && again; i++) {
		if (run_unseen(run))
			return;
		run->cmd.quiet = 1;	/* what it remarks has been remarked */
	}
	run->cmd.more_tries = run->cmd.doubted = 0;
	run_once(run);
	run->cmd.quiet = quiet;
}

/* ---- before it ------------------------------------------------------------------------------- */

static int has_key(const struct verb *verb, const char *name)
{
	const struct opt *o;

	for (size_t i = 0; (o = opt_at(verb, i)) != NULL; i++)
		if (o->name && strcmp(o->name, name) == 0)
			return 1;
	return 0;
}

static int given(const struct opt_args *args, const char *name)
{
	return has_key(args->verb, name) && opt_has(args, name) > 0;
}

static void set_flags(struct cmd *cmd)
{
	const struct opt_args *args = &cmd->args;

	cmd->json = (uint8_t)given(args, "json");
	cmd->quiet = (uint8_t)given(args, "quiet");
	cmd->verbose = (uint8_t)(cmd->verb->flags & VERB_COMPAT ? 0 : opt_has(args, "verbose"));
	cmd->dry_run = (uint8_t)given(args, "dry-run");
	cmd->yes = (uint8_t)given(args, "yes");
	cmd->live = (uint8_t)given(args, "live");
	cmd->exact = (uint8_t)(cmd->verb->flags & VERB_TABLE && opt_has(args, "-p"));
}

static enum status add_options(struct run *run)
{
	const struct opt_args *args = &run->cmd.args;
	enum status st = ST_OK;
	const char *uri;

	if (given(args, "join"))
		run->config.join = 1;
	if (given(args, "live"))
		run->config.live = 1;
	if (given(args, "join-foreign"))
		run->config.join_foreign = 1;
	if (!(args->verb->flags & VERB_DEVICES))
		return ST_OK;	/* voma's --device is something else */
	for (size_t i = 0; st == ST_OK && (uri = opt_nth(args, "device", i)) != NULL; i++)
		st = config_add_option(&run->config, uri);
	return st;
}

static int start(struct run *run)
{
	struct why why = { 0 };
	struct port_config port = { .log_level = run->cmd.verbose ? LOG_DEBUG :
						 run->cmd.quiet ? LOG_ERROR : LOG_WARN };
	enum status st = config_load(&run->config, &why);

	if (st == ST_OK)
		st = add_options(run);
	if (st != ST_OK) {
		cmd_fail(&run->cmd, NULL, st, &why);
		return EXIT_USAGE;
	}
	port.engine = run->config.engine;
	if (has_key(run->cmd.verb, "engine"))
		port.engine = opt_text(&run->cmd.args, "engine", run->config.engine);
	st = port_run(&port, run_world, run, &why);
	config_free(&run->config);
	return st == ST_OK ? run->code : cmd_fail(&run->cmd, NULL, st, &why);
}

/* The command line that could not be parsed asks for JSON. */
static int wants_json(const struct verb *verb, int argc, char **argv)
{
	for (int i = 0; verb->flags & VERB_JSON && i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strncmp(argv[i], "--json", 6) == 0 || strcmp(argv[i], "-j") == 0)
			return 1;
	return 0;
}

static int usage_json(const struct verb *verb, const char *text)
{
	json_t *items, *doc = out_doc(verb->schema, &items);

	out_doc_fail(doc, ST_INVAL, NULL, text);
	return out_doc_print(doc) == 0 ? EXIT_USAGE : EXIT_FAILED;
}

static int usage_error(const struct verb *verb, const char *prog, const char *text)
{
	char name[80];

	if (verb->usage) {
		fprintf(stderr, "%s: %s\n", prog, text);
		verb->usage(stderr);
		return EXIT_FAILED;
	}
	opt_verb_name(verb, name, sizeof(name));
	if (mem_ends_with(text, "?"))	/* it says already what would be right */
		fprintf(stderr, "%s: %s\n", prog, text);
	else
		fprintf(stderr, "%s: %s; see %s --help\n", prog, text, name);
	return verb->flags & VERB_COMPAT ? EXIT_FAILED : EXIT_USAGE;
}

static int run_verb(const struct verb *verb, const char *prog, int argc, char **argv)
{
	struct run run = { .cmd = { .prog = prog, .verb = verb } };
	struct cmd *cmd = &run.cmd;
	int code;

	if (opt_parse(verb, argc, argv, &cmd->args) != 0) {
		code = usage_error(verb, prog, cmd->args.error);
		if (wants_json(verb, argc, argv) && usage_json(verb, cmd->args.error) != EXIT_USAGE)
			code = EXIT_FAILED;
	} else if (given(&cmd->args, "help") && !(verb->flags & VERB_COMPAT)) {
		opt_help(verb, stdout);
		code = EXIT_DONE;
	} else if (given(&cmd->args, "version") && !(verb->flags & VERB_COMPAT)) {
		printf("cairn %s\n", CAIRN_VERSION);
		code = EXIT_DONE;
	} else {
		set_flags(cmd);
		code = verb->flags & VERB_NO_PORT ? verb->run(cmd) : start(&run);
	}
	opt_free(&cmd->args);
	if (out_flush(prog) != 0 && code == EXIT_DONE)
		code = EXIT_FAILED;
	return code;
}

/* ---- which command --------------------------------------------------------------------------- */

static void help_noun(const struct noun *noun, FILE *to)
{
	for (size_t i = 0; i < noun->verb_count; i++) {
		const struct verb *v = &noun->verbs[i];

		if (!(v->flags & VERB_HIDDEN))
			fprintf(to, "  %-8s %-10s %s\n", noun->name, v->name, v->brief);
	}
}

static void help_all(FILE *to)
{
	fprintf(to, "Usage: cairn NOUN VERB [options] [operands]\n"
		    "Look at, fill and check VMFS datastores and the virtual disks on them.\n\n");
	for (size_t i = 0; commands_nouns[i]; i++)
		help_noun(commands_nouns[i], to);
	fprintf(to, "\nCompatible names:");
	for (size_t i = 0; commands_programs[i]; i++)
		fprintf(to, "%s %s", i ? "," : "", commands_programs[i]->name);
	fprintf(to, "\nManual: man cairn\n");
}

static const struct noun *noun_by_name(const char *name)
{
	for (size_t i = 0; commands_nouns[i]; i++)
		if (strcmp(commands_nouns[i]->name, name) == 0 && *name)
			return commands_nouns[i];
	return NULL;
}

/* The word nearest to what was typed, among nouns and verbs without one, or a noun's verbs. */
static const char *nearest(const struct noun *noun, const char *word)
{
	const char *best = NULL;
	size_t best_distance = 3;

	for (size_t i = 0; !noun && commands_nouns[i]; i++)
		if (*commands_nouns[i]->name &&
		    opt_distance(word, commands_nouns[i]->name) < best_distance) {
			best = commands_nouns[i]->name;
			best_distance = opt_distance(word, best);
		}
	if (!noun)
		noun = &noun_cairn;
	for (size_t i = 0; i < noun->verb_count; i++) {
		const struct verb *v = &noun->verbs[i];

		if (!(v->flags & VERB_HIDDEN) && opt_distance(word, v->name) < best_distance) {
			best = v->name;
			best_distance = opt_distance(word, best);
		}
	}
	return best;
}

static int unknown(const char *kind, const struct noun *noun, const char *word)
{
	const char *near = nearest(noun, word);
	char safe[80];

	out_name(safe, sizeof(safe), word);
	fprintf(stderr, "cairn: unknown %s '%s'; ", kind, safe);
	if (near)
		fprintf(stderr, "did you mean '%s'?\n", near);
	else
		fprintf(stderr, "see cairn %s%s--help\n", noun ? noun->name : "", noun ? " " : "");
	return EXIT_USAGE;
}

static int run_noun(const struct noun *noun, int argc, char **argv)
{
	const struct verb *verb;

	if (argc < 1) {
		fprintf(stderr, "cairn: %s: a verb is missing; these exist:\n", noun->name);
		help_noun(noun, stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
		printf("%s: %s\n\n", noun->name, noun->brief);
		help_noun(noun, stdout);
		printf("\nManual: man cairn\n");
		return EXIT_DONE;
	}
	verb = commands_find(noun->name, argv[0]);
	return verb ? run_verb(verb, "cairn", argc - 1, argv + 1) : unknown("verb", noun, argv[0]);
}

static int run_cairn(int argc, char **argv)
{
	const struct noun *noun;
	const struct verb *verb;

	if (argc < 1) {
		help_all(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0 ||
	    strcmp(argv[0], "help") == 0) {
		help_all(stdout);
		return out_flush("cairn") == 0 ? EXIT_DONE : EXIT_FAILED;
	}
	if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0) {
		printf("cairn %s\n", CAIRN_VERSION);
		return out_flush("cairn") == 0 ? EXIT_DONE : EXIT_FAILED;
	}
	noun = noun_by_name(argv[0]);
	if (noun)
		return run_noun(noun, argc - 1, argv + 1);
	verb = commands_find(NULL, argv[0]);
	return verb ? run_verb(verb, verb->flags & VERB_COMPAT ? verb->name : "cairn", argc - 1,
			       argv + 1)
		    : unknown("command", NULL, argv[0]);
}

int run_program(int argc, char **argv)
{
	const char *name = argc > 0 ? path_last(argv[0]) : "cairn";

	for (size_t i = 0; commands_programs[i]; i++)
		if (strcmp(commands_programs[i]->name, name) == 0)
			return run_verb(commands_programs[i], name, argc - 1, argv + 1);
	return run_cairn(argc - 1, argv + 1);
}
