/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* opt - one const table describes a command: parsing, --help, the manual's option list,
 * completion and `cairn commands --json` are all made from it, so they cannot disagree. GNU
 * rules: -x, -xARG, -x ARG, --name=ARG, --name ARG; options may follow operands; -- ends them. */
#ifndef CAIRN_TOOLS_OPT_H
#define CAIRN_TOOLS_OPT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum opt_arg {
	OPT_NONE,	/* a flag */
	OPT_TEXT,	/* any text */
	OPT_SIZE,	/* 512, 4k, 1.5G, 10s: number holds bytes */
	OPT_NUMBER,	/* decimal or 0x: number holds it */
	OPT_WORD,	/* one of arg_name: "cr|lines|json|none" */
	OPT_MAYBE,	/* text, only in the form --name=TEXT; NULL when it is absent */
};

struct opt {
	const char	*name;		/* long name; NULL: only the letter */
	char		letter;		/* 0: only the long name */
	enum opt_arg	arg;
	const char	*arg_name;	/* as --help shows it: "SIZE", "FILE", "cr|lines" */
	const char	*help;		/* one line; NULL: accepted and not shown */
};

enum verb_flags {		/* the shared options a command takes, and how it is parsed */
	VERB_DEVICES = 1,	/* --device --engine */
	VERB_WRITES = 2,	/* -n --dry-run, --join */
	VERB_ASKS = 4,		/* -y --yes */
	VERB_JSON = 8,		/* -j --json */
	VERB_PROGRESS = 16,	/* --progress */
	VERB_TABLE = 32,	/* -H -p -o */
	VERB_COMPAT = 64,	/* a compatible name: long names may be shortened */
	VERB_HIDDEN = 128,	/* not in help and manuals */
	VERB_NO_PORT = 256,	/* runs without the I/O core: cmd->host is NULL */
	VERB_AGAIN = 512,	/* a quick query: run anew when what it read mixes moments */
};

struct cmd;

struct verb {
	const char		*noun;		/* "file"; NULL: stands alone ("version", "voma") */
	const char		*name;		/* "cp" */
	const char		*operands;	/* of the synopsis: "SOURCE ... TARGET"; or "" */
	uint16_t		operands_min, operands_max;	/* max 0xffff: any number */
	unsigned		flags;		/* VERB_* */
	const char		*brief;		/* one line, no full stop, under 70 characters */
	const struct opt	*opts;		/* its own; a letter here hides the shared one */
	size_t			opt_count;
	const char		*writes;	/* what it may write; NULL: nothing */
	const char		*schema;	/* of --json: "volume.list/1"; NULL without */
	const char		*operand_kind;	/* for completion: "path", "volume", "device" */
	int			(*run)(struct cmd *cmd);	/* returns the exit code */
	/* Optional: a compatible name prints its own usage on -h, and on errors. */
	void			(*usage)(FILE *to);
};

#define VERB_OPTS(table) .opts = (table), .opt_count = sizeof(table) / sizeof((table)[0])
#define VERB_ANY 0xffff

struct opt_given {
	const struct opt	*opt;
	const char		*text;		/* NULL for a flag */
	uint64_t		number;		/* OPT_SIZE, OPT_NUMBER */
};

struct opt_args {
	const struct verb	*verb;
	struct opt_given	*given;		/* in the order of the command line */
	size_t			given_count;
	const char		**operand;
	size_t			operand_count;
	char			error[240];	/* one line when opt_parse fails */
};

/* Parse argv (without the names of program, noun and verb). 0; -1: args->error says what to change.
 * --help and --version end the parse at once, so that they work beside anything. */
int opt_parse(const struct verb *verb, int argc, char **argv, struct opt_args *args);
void opt_free(struct opt_args *args);

/* key: the long name, or "-x" for an option that has only a letter. A key that the command does not
 * have is a bug and ends the program. */
size_t opt_has(const struct opt_args *args, const char *key);	/* how often it was given */
/* The last one given. */
const char *opt_text(const struct opt_args *args, const char *key, const char *otherwise);
uint64_t opt_number(const struct opt_args *args, const char *key, uint64_t otherwise);
/* The n-th (from 0) text of a repeatable option; NULL past the end. */
const char *opt_nth(const struct opt_args *args, const char *key, size_t n);

/* Every option the command takes, its own first, in order: index 0, 1, ...; NULL past the end. */
const struct opt *opt_at(const struct verb *verb, size_t index);

/* Its letter in this command: 0 when the command's own table has that letter. */
char opt_letter(const struct verb *verb, const struct opt *o);

/* "cairn file cp" or "voma". */
void opt_verb_name(const struct verb *verb, char *buf, size_t size);
/* "cairn-file-cp", the name of its manual page. */
void opt_verb_page(const struct verb *verb, char *buf, size_t size);
/* Synopsis, one line per option, the page's name. */
void opt_help(const struct verb *verb, FILE *to);
/* 1 when `word` is one of "a|b|c". */
int opt_word_in(const char *words, const char *word);
/* How far two words are apart (insert, delete, change, swap each cost one). */
size_t opt_distance(const char *a, const char *b);

#endif
