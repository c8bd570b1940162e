/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* man - sections in the order that mdoc(7) wants: NAME, SYNOPSIS, DESCRIPTION with the options,
 * ENVIRONMENT, FILES, EXIT STATUS, EXAMPLES, SEE ALSO. */
#include "tools/man.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cmd.h"

#define MAN_DATE "November 25, 2026"
#define TEXT_MAX (64 * 1024)

/* ---- the hand-written text ------------------------------------------------------------------- */

/* The comment lines at its top are no text. */
static int has_description(const char *text)
{
	while (strncmp(text, ".\\\"", 3) == 0)
		text += strcspn(text, "\n") + (text[strcspn(text, "\n")] != 0);
	return *text && strncmp(text, ".Sh ", 4) != 0;
}

/* The part of the text that belongs to a section; NULL name: the part before the first one. */
static int put_text(const char *text, const char *section)
{
	const char *line = text, *end;
	int inside = section == NULL, found = 0;

	for (; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		if (strncmp(line, ".Sh ", 4) == 0) {
			size_t n = (size_t)(end - line) - 4;

			inside = section && strlen(section) == n &&
				 strncmp(line + 4, section, n) == 0;
		}
		if (!inside || strncmp(line, ".\\\"", 3) == 0)
			continue;
		printf("%.*s\n", (int)(end - line), line);
		found = 1;
	}
	return found;
}

static char *read_text(void)
{
	char *text = calloc(1, TEXT_MAX);
	size_t n = text ? fread(text, 1, TEXT_MAX - 1, stdin) : 0;

	if (text && (n == TEXT_MAX - 1 || ferror(stdin))) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- made from the table --------------------------------------------------------------------- */

/* "SOURCE ... TARGET" as .Ar, "[PATH ...]" as .Op .Ar. */
static void put_operands(const char *operands)
{
	const char *p = operands;

	while (*p) {
		size_t n;

		p += strspn(p, " ");
		if (*p == '[') {
			n = strcspn(p, "]");
			printf(".Op Ar %.*s\n", (int)n - 1, p + 1);
			p += n + (p[n] == ']');
		} else if (*p) {
			n = strcspn(p, "[");
			while (n > 0 && p[n - 1] == ' ')
				n--;
			printf(".Ar %.*s\n", (int)n, p);
			p += n;
		}
	}
}

static void put_escaped(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			printf("\\e");
		else if (*text == '-')
			printf("\\-");
		else
			putchar(*text);
	}
}

/* A word that mdoc would take for a macro or a delimiter is guarded by \&. */
static void put_argument(const struct opt *o)
{
	if (o->arg == OPT_MAYBE)
		printf(" Ns Op = Ns Ar %s", o->arg_name);
	else if (o->arg != OPT_NONE && o->arg != OPT_WORD)
		printf(" Ar %s", o->arg_name);
	else if (o->arg == OPT_WORD) {
		printf(" Ar ");
		for (const char *p = o->arg_name; *p; p++)
			if (*p == '|')
				printf(" | ");
			else
				putchar(*p);
	}
}

static void put_option(const struct verb *v, const struct opt *o)
{
	char letter = opt_letter(v, o);

	printf(".It");
	if (letter)
		printf(" Fl %c", letter);
	if (letter && o->name)
		printf(" ,");
	if (o->name)
		printf(" Fl \\-%s", o->name);
	put_argument(o);
	printf("\n");
	printf("%c", toupper((unsigned char)o->help[0]));
	put_escaped(o->help + 1);
	printf(".\n");
}

static void put_options(const struct verb *v)
{
	const struct opt *o;

	printf(".Pp\nThe options are:\n.Bl -tag -width Ds\n");
	for (size_t i = 0; (o = opt_at(v, i)) != NULL; i++)
		if (o->help)
			put_option(v, o);
	printf(".El\n");
}

static void put_environment(const struct verb *v)
{
	if (!(v->flags & VERB_DEVICES) && !(v->flags & VERB_COMPAT))
		return;
	printf(".Sh ENVIRONMENT\n.Bl -tag -width CAIRN_DEVICES\n"
	       ".It Ev CAIRN_DEVICES\nDevices that hold volumes, separated by blanks.\n"
	       ".It Ev CAIRN_ROOT\nThe directory of the configuration, in place of\n.Pa /etc/cairn "
	       ".\n.El\n");
	printf(".Sh FILES\n.Bl -tag -width /etc/cairn/cairn.conf\n.It Pa /etc/cairn/cairn.conf\n"
	       "Devices and other settings of this host; see\n.Xr cairn.conf 5 .\n.El\n");
}

static void put_exit_status(const struct verb *v)
{
	printf(".Sh EXIT STATUS\n");
	if (v->flags & VERB_COMPAT) {
		printf("0 when all was done and nothing wrong was found, 1 otherwise, 130 or 143 "
		       "after a signal.\n");
		return;
	}
	printf(".Bl -tag -width 130 -compact\n.It 0\nDone.\n.It 1\nFailed.\n"
	       ".It 2\nWrong usage or configuration; nothing was touched.\n");
	if (strcmp(v->name, "check") == 0 || strcmp(v->name, "repair") == 0)
		printf(".It 3\nProblems were found and are there still.\n");
	printf(".It 4\nIn use or locked; trying later may help.\n"
	       ".It 5\nRefused: consent or a precondition is missing.\n"
	       ".It 63\nThis format cannot do that.\n"
	       ".It 130 , 143\nInterrupted; nothing half done is left.\n.El\n");
}

#define SEE_MAX 32

struct page { char name[80]; };

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct page *)a)->name, ((const struct page *)b)->name);
}

/* The other verbs of the noun, in the order of their names. */
static void put_see_also(const struct verb *v)
{
	struct page see[SEE_MAX];
	const struct verb *o;
	size_t n = 0;

	for (size_t i = 0; (o = commands_at(i)) != NULL && n < SEE_MAX; i++)
		if (o != v && o->noun && v->noun && strcmp(o->noun, v->noun) == 0 &&
		    !(o->flags & VERB_HIDDEN))
			opt_verb_page(o, see[n++].name, sizeof(see[0].name));
	qsort(see, n, sizeof(see[0]), by_name);
	printf(".Sh SEE ALSO\n.Xr cairn 8");
	for (size_t i = 0; i < n; i++)
		printf(" ,\n.Xr %s 8", see[i].name);
	printf("\n");
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void put_head(const char *page, const char *brief)
{
	printf(".\\\" SPDX-License-Identifier: BSD-2-Clause-Patent\n"
	       ".\\\" Made from the option tables and docs/man/src; edit these.\n"
	       ".Dd %s\n.Dt ", MAN_DATE);
	for (const char *p = page; *p; p++)
		putchar(toupper((unsigned char)*p));
	printf(" 8\n.Os Cairn\n.Sh NAME\n.Nm %s\n.Nd %s\n", page, brief);
}

static void put_verb_page(const struct verb *v, const char *page, const char *text)
{
	char name[80];

	opt_verb_name(v, name, sizeof(name));
	put_head(page, v->brief);
	printf(".Sh SYNOPSIS\n.Nm %s\n.Op Ar options\n", name);
	put_operands(v->operands);
	printf(".Sh DESCRIPTION\n");
	if (v->writes)
		printf("This command writes to %s.\n", v->writes);
	else
		printf("This command writes nothing.\n");
	if (has_description(text))
		printf(".Pp\n");
	put_text(text, NULL);
	put_options(v);
	put_environment(v);
	if (!put_text(text, "EXIT STATUS"))
		put_exit_status(v);
	put_text(text, "EXAMPLES");
	put_see_also(v);
}

static void put_main_page(const char *text)
{
	const struct verb *v;
	char name[80], page[80];

	put_head("cairn", "look at, fill and check VMFS datastores and virtual disks");
	printf(".Sh SYNOPSIS\n.Nm cairn\n.Ar noun verb\n.Op Ar options\n.Op Ar operands\n");
	printf(".Sh DESCRIPTION\n");
	put_text(text, NULL);
	printf(".Ss Commands\n.Bl -tag -width \"cairn volume create\"\n");
	for (size_t i = 0; (v = commands_at(i)) != NULL; i++) {
		if (v->flags & VERB_HIDDEN)
			continue;
		opt_verb_name(v, name, sizeof(name));
		opt_verb_page(v, page, sizeof(page));
		printf(".It Nm %s\n%c%s; see\n.Xr %s 8 .\n", name,
		       toupper((unsigned char)v->brief[0]), v->brief + 1, page);
	}
	printf(".El\n");
	put_text(text, "ENVIRONMENT");
	put_text(text, "FILES");
	put_text(text, "EXIT STATUS");
	put_text(text, "EXAMPLES");
	put_text(text, "SEE ALSO");
}

int man_run(struct cmd *cmd)
{
	const char *want = cmd->args.operand[0];
	char *text = read_text(), page[80];
	const struct verb *v;
	int code = EXIT_FAILED;

	if (!text)
		return cmd_fail(cmd, want, ST_LIMIT, NULL);
	if (strcmp(want, "cairn") == 0) {
		put_main_page(text);
		code = EXIT_DONE;
	}
	for (size_t i = 0; code != EXIT_DONE && (v = commands_at(i)) != NULL; i++) {
		opt_verb_page(v, page, sizeof(page));
		if (strcmp(page, want) != 0 || v->flags & VERB_HIDDEN)
			continue;
		put_verb_page(v, page, text);
		code = EXIT_DONE;
	}
	free(text);
	return code == EXIT_DONE ? code : cmd_fail(cmd, want, ST_NOENT, NULL);
}
