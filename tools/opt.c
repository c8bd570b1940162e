/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* opt - parse a command line by its table. Shared options stand in tables of their own; a letter of
 * the command's own table hides the shared one (`file ls -h` is human sizes, --help stays). */
#include "tools/opt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/base/assert.h"
#include "iopath/base/fmt.h"
#include "iopath/base/mem.h"

static const struct opt shared_always[] = {
	{ "help", 'h', OPT_NONE, NULL, "print this help" },
	{ "version", 'V', OPT_NONE, NULL, "print the version" },
	{ "quiet", 'q', OPT_NONE, NULL, "no remarks on standard error" },
	{ "verbose", 'v', OPT_NONE, NULL, "say more; may be repeated" },
};
static const struct opt shared_devices[] = {
	{ "device", 0, OPT_TEXT, "URI", "a device that holds volumes; may be repeated" },
	{ "engine", 0, OPT_WORD, "io_uring|libaio|threads", "how I/O reaches the kernel" },
	{ "live", 0, OPT_NONE, NULL, "also read files that a host has open and may be changing" },
};
static const struct opt shared_writes[] = {
	{ "dry-run", 'n', OPT_NONE, NULL, "say what would be done, write nothing" },
	{ "join", 0, OPT_NONE, NULL, "accepted for a later release: no effect yet" },
	{ "join-foreign", 0, OPT_NONE, NULL,
	  "write to a VMFS-6 volume that another system made: what is not public is guessed" },
};
static const struct opt shared_asks[] = {
	{ "yes", 'y', OPT_NONE, NULL, "do not ask" },
};
static const struct opt shared_json[] = {
	{ "json", 'j', OPT_MAYBE, "1", "print one JSON document" },
};
static const struct opt shared_progress[] = {
	{ "progress", 0, OPT_WORD, "cr|lines|json|none", "how progress is shown" },
};
static const struct opt shared_table[] = {
	{ NULL, 'H', OPT_NONE, NULL, "no heading, one tab between columns" },
	{ NULL, 'p', OPT_NONE, NULL, "exact numbers: bytes and seconds" },
	{ NULL, 'o', OPT_TEXT, "FIELDS", "only these columns, in this order" },
};

struct shared {
	unsigned		flag;	/* 0: every command */
	const struct opt	*opts;
	size_t			count;
};
#define SHARED(flag, table) { flag, table, sizeof(table) / sizeof((table)[0]) }
static const struct shared shared[] = {
	SHARED(VERB_TABLE, shared_table),	SHARED(VERB_WRITES, shared_writes),
	SHARED(VERB_ASKS, shared_asks),		SHARED(VERB_PROGRESS, shared_progress),
	SHARED(VERB_JSON, shared_json),		SHARED(VERB_DEVICES, shared_devices),
	SHARED(0, shared_always),
};

/* ---- the table ------------------------------------------------------------------------------- */

static int takes(const struct verb *verb, const struct shared *s)
{
	if (s->flag == 0)
		return !(verb->flags & VERB_COMPAT);
	return (verb->flags & s->flag) != 0;
}

/* The command's own table says something else about this name. */
static int overridden(const struct verb *verb, const struct opt *shared_opt)
{
	for (size_t i = 0; i < verb->opt_count; i++) {
		const struct opt *own = &verb->opts[i];

		if (own->name && shared_opt->name && strcmp(own->name, shared_opt->name) == 0)
			return 1;
		if (!shared_opt->name && own->letter == shared_opt->letter)
			return 1;
	}
	return 0;
}

const struct opt *opt_at(const struct verb *verb, size_t index)
{
	if (index < verb->opt_count)
		return &verb->opts[index];
	index -= verb->opt_count;
	for (size_t s = 0; s < ARRAY_COUNT(shared); s++) {
		if (!takes(verb, &shared[s]))
			continue;
		for (size_t i = 0; i < shared[s].count; i++)
			if (!overridden(verb, &shared[s].opts[i]) && index-- == 0)
				return &shared[s].opts[i];
	}
	return NULL;
}

char opt_letter(const struct verb *verb, const struct opt *o)
{
	for (size_t i = 0; o->letter && i < verb->opt_count; i++)
		if (verb->opts[i].letter == o->letter && &verb->opts[i] != o)
			return 0;
	return o->letter;
}

static const struct opt *by_letter(const struct verb *verb, char letter)
{
	const struct opt *o;

	for (size_t i = 0; (o = opt_at(verb, i)) != NULL; i++)
		if (opt_letter(verb, o) == letter)
			return o;
	return NULL;
}

/* NULL with *many > 1: an ambiguous prefix. */
static const struct opt *by_name(const struct verb *verb, const char *name, size_t n, int *many)
{
	const struct opt *o, *found = NULL;

	*many = 0;
	for (size_t i = 0; (o = opt_at(verb, i)) != NULL; i++) {
		if (!o->name || strncmp(o->name, name, n) != 0)
			continue;
		if (o->name[n] == 0)
			return o;
		if (verb->flags & VERB_COMPAT) {
			found = o;
			(*many)++;
		}
	}
	return *many == 1 ? found : NULL;
}

static int key_is(const struct opt *o, const char *key)
{
	if (key[0] == '-' && key[1] && !key[2])
		return o->letter == key[1];
	return o->name && strcmp(o->name, key) == 0;
}

/* ---- words ----------------------------------------------------------------------------------- */

int opt_word_in(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
		if (n && strncmp(p, word, n) == 0 && (p[n] == 0 || p[n] == '|'))
			return 1;
	return 0;
}

#define WORD_MAX 32

size_t opt_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	size_t d[WORD_MAX + 1][WORD_MAX + 1];

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= n; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++)
		for (size_t j = 1; j <= m; j++) {
			d[i][j] = MIN(d[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
				      MIN(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = MIN(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[n][m];
}

static const char *nearest_option(const struct verb *verb, const char *name)
{
	const char *best = NULL;
	size_t best_distance = 3;	/* further away it is a guess, not a help */
	const struct opt *o;

	for (size_t i = 0; (o = opt_at(verb, i)) != NULL; i++) {
		size_t d;

		if (!o->name || !o->help)
			continue;
		d = opt_distance(name, o->name);
		if (d < best_distance) {
			best_distance = d;
			best = o->name;
		}
	}
	return best;
}

/* ---- parsing --------------------------------------------------------------------------------- */

struct parse {
	struct opt_args	*args;
	int		argc, next;
	char		**argv;
};

static int parse_fail(struct opt_args *args, const char *format, ...) PRINTF_LIKE(2, 3);
static int parse_fail(struct opt_args *args, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(args->error, sizeof(args->error), format, ap);
	va_end(ap);
	return -1;
}

static int unknown_option(struct opt_args *args, const char *text)
{
	const char *near = nearest_option(args->verb, text);

	if (near)
		return parse_fail(args, "unknown option --%.60s; did you mean --%s?", text, near);
	return parse_fail(args, "unknown option --%.60s", text);
}

/* How messages call an option. */
static const char *shown(const struct opt *o, char buf[40])
{
	if (o->name)
		snprintf(buf, 40, "--%s", o->name);
	else
		snprintf(buf, 40, "-%c", o->letter);
	return buf;
}

static int convert(struct opt_args *args, struct opt_given *g)
{
	char name[40];

	switch (g->opt->arg) {
	case OPT_SIZE:
		if (fmt_parse_size(g->text, 1, &g->number) == ST_OK)
			return 0;
		return parse_fail(args, "%s: '%.60s' is not a size; write 512, 4k, 1.5G or 3TiB",
				  shown(g->opt, name), g->text);
	case OPT_NUMBER:
		if (fmt_parse_u64(g->text, &g->number) == ST_OK)
			return 0;
		return parse_fail(args, "%s: '%.60s' is not a number", shown(g->opt, name),
				  g->text);
	case OPT_WORD:
		if (opt_word_in(g->opt->arg_name, g->text))
			return 0;
		return parse_fail(args, "%s: '%.60s' is none of %s", shown(g->opt, name), g->text,
				  g->opt->arg_name);
	default:
		return 0;
	}
}

/* text: the attached argument, NULL when there is none. */
static int give(struct parse *p, const struct opt *o, const char *text)
{
	struct opt_args *args = p->args;
	struct opt_given *g = &args->given[args->given_count];
	char name[40];

	if (o->arg == OPT_NONE && text)
		return parse_fail(args, "%s takes no argument", shown(o, name));
	if (o->arg != OPT_NONE && o->arg != OPT_MAYBE && !text) {
		if (p->next >= p->argc)
			return parse_fail(args, "%s needs an argument: %s", shown(o, name),
					  o->arg_name);
		text = p->argv[p->next++];
	}
	*g = (struct opt_given){ .opt = o, .text = text };
	args->given_count++;
	return convert(args, g);
}

static int parse_long(struct parse *p, const char *word)
{
	const char *eq = strchr(word, '=');
	size_t n = eq ? (size_t)(eq - word) : strlen(word);
	char name[64];
	int many;
	const struct opt *o = by_name(p->args->verb, word, n, &many);

	snprintf(name, sizeof(name), "%.*s", (int)n, word);
	if (!o && many > 1)
		return parse_fail(p->args, "--%s could be more than one option; write it out",
				  name);
	if (!o)
		return unknown_option(p->args, name);
	return give(p, o, eq ? eq + 1 : NULL);
}

/* "-lR", "-ofields": letters until one takes an argument; the rest of the word is it. */
static int parse_letters(struct parse *p, const char *letters)
{
	while (*letters) {
		const struct opt *o = by_letter(p->args->verb, *letters);
		const char *rest = letters + 1;

		if (!o)
			return parse_fail(p->args, "unknown option -%c", *letters);
		if (o->arg == OPT_NONE || o->arg == OPT_MAYBE) {
			if (give(p, o, NULL) != 0)
				return -1;
			letters = rest;
			continue;
		}
		return give(p, o, *rest ? rest : NULL);
	}
	return 0;
}

static int asks_for_help(const struct opt_args *args)
{
	const struct opt *last = args->given_count ? args->given[args->given_count - 1].opt : NULL;

	return last && !last->arg && last->name &&
	       (strcmp(last->name, "help") == 0 || strcmp(last->name, "version") == 0);
}

static int check_operands(struct opt_args *args)
{
	const struct verb *verb = args->verb;

	if (args->operand_count < verb->operands_min)
		return parse_fail(args, "something is missing: %s", verb->operands);
	if (args->operand_count > verb->operands_max && verb->operands_max == 0)
		return parse_fail(args, "'%.80s' is one word too many: no operand is taken",
				  args->operand[0]);
	if (args->operand_count > verb->operands_max)
		return parse_fail(args, "'%.80s' is one word too many: %s",
				  args->operand[verb->operands_max], verb->operands);
	return 0;
}

int opt_parse(const struct verb *verb, int argc, char **argv, struct opt_args *args)
{
	struct parse p = { args, argc, 0, argv };
	size_t letters = 0;
	int ended = 0;

	*args = (struct opt_args){ .verb = verb };
	for (int i = 0; i < argc; i++)
		letters += strlen(argv[i]) + 1;	/* more options than that cannot be given */
	args->given = calloc(letters + 1, sizeof(*args->given));
	args->operand = calloc((size_t)argc + 1, sizeof(*args->operand));
	if (!args->given || !args->operand)
		return parse_fail(args, "no memory");
	while (p.next < argc) {
		char *word = argv[p.next++];
		int bad = 0;

		if (ended || word[0] != '-' || word[1] == 0)
			args->operand[args->operand_count++] = word;
		else if (strcmp(word, "--") == 0)
			ended = 1;
		else if (word[1] == '-')
			bad = parse_long(&p, word + 2);
		else
			bad = parse_letters(&p, word + 1);
		if (bad)
			return -1;
		if (asks_for_help(args))
			return 0;
	}
	return check_operands(args);
}

void opt_free(struct opt_args *args)
{
	free(args->given);
	free(args->operand);
	args->given = NULL;
	args->operand = NULL;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void must_exist(const struct verb *verb, const char *key)
{
	const struct opt *o;

	for (size_t i = 0; (o = opt_at(verb, i)) != NULL; i++)
		if (key_is(o, key))
			return;
	port_crash(__FILE__, __LINE__, key);
}

size_t opt_has(const struct opt_args *args, const char *key)
{
	size_t n = 0;

	must_exist(args->verb, key);
	for (size_t i = 0; i < args->given_count; i++)
		n += (size_t)key_is(args->given[i].opt, key);
	return n;
}

static const struct opt_given *last_given(const struct opt_args *args, const char *key)
{
	must_exist(args->verb, key);
	for (size_t i = args->given_count; i > 0; i--)
		if (key_is(args->given[i - 1].opt, key))
			return &args->given[i - 1];
	return NULL;
}

const char *opt_text(const struct opt_args *args, const char *key, const char *otherwise)
{
	const struct opt_given *g = last_given(args, key);

	return g ? g->text : otherwise;
}

uint64_t opt_number(const struct opt_args *args, const char *key, uint64_t otherwise)
{
	const struct opt_given *g = last_given(args, key);

	return g ? g->number : otherwise;
}

const char *opt_nth(const struct opt_args *args, const char *key, size_t n)
{
	must_exist(args->verb, key);
	for (size_t i = 0; i < args->given_count; i++)
		if (key_is(args->given[i].opt, key) && n-- == 0)
			return args->given[i].text;
	return NULL;
}

/* ---- help ------------------------------------------------------------------------------------ */

void opt_verb_name(const struct verb *verb, char *buf, size_t size)
{
	if (verb->flags & VERB_COMPAT)
		snprintf(buf, size, "%s", verb->name);
	else
		snprintf(buf, size, "cairn %s%s%s", verb->noun ? verb->noun : "",
			 verb->noun ? " " : "", verb->name);
}

void opt_verb_page(const struct verb *verb, char *buf, size_t size)
{
	opt_verb_name(verb, buf, size);
	for (char *p = buf; *p; p++)
		if (*p == ' ')
			*p = '-';
}

#define HELP_INDENT	29
#define HELP_COLUMNS	100

/* Print text, broken at blanks and behind '|' where the line is full. */
static void wrap(FILE *to, const char *text)
{
	size_t column = HELP_INDENT;

	while (*text) {
		size_t n = strcspn(text, " |");

		n += text[n] != 0;
		if (column + n > HELP_COLUMNS) {
			fprintf(to, "\n%*s", HELP_INDENT, "");
			column = HELP_INDENT;
		}
		fprintf(to, "%.*s", (int)n, text);
		column += n;
		text += n;
	}
	fputc('\n', to);
}

static void help_option(const struct verb *verb, const struct opt *o, FILE *to)
{
	char left[64] = "", right[300];
	char letter = opt_letter(verb, o);
	const char *arg = o->arg == OPT_NONE || o->arg == OPT_WORD ? "" : o->arg_name;
	const char *words = o->arg == OPT_WORD ? o->arg_name : "";

	if (o->name)
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s%s", letter ? '-' : ' ',
			 letter ? letter : ' ', letter ? "," : " ", o->name,
			 o->arg == OPT_MAYBE ? "[=" : *arg ? " " : "", arg,
			 o->arg == OPT_MAYBE ? "]" : "");
	else
		snprintf(left, sizeof(left), "-%c %s", letter, arg);
	snprintf(right, sizeof(right), "%s%s%s", o->help, *words ? ": " : "", words);
	fprintf(to, "  %-26s ", left);
	wrap(to, right);
}

void opt_help(const struct verb *verb, FILE *to)
{
	char name[80], page[80];
	const struct opt *o;

	opt_verb_name(verb, name, sizeof(name));
	opt_verb_page(verb, page, sizeof(page));
	fprintf(to, "Usage: %s [options]%s%s\n", name, *verb->operands ? " " : "", verb->operands);
	fprintf(to, "%c%s.\n\n", toupper((unsigned char)verb->brief[0]), verb->brief + 1);
	for (size_t i = 0; (o = opt_at(verb, i)) != NULL; i++)
		if (o->help)
			help_option(verb, o, to);
	fprintf(to, "\nManual: man %s\n", page);
}
