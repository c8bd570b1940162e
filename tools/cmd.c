/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd - how a command ends and what it says: one line `prog: object: what; way out`. */
#include "tools/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int exit_of(enum status st)
{
	switch (st) {
	case ST_OK:		return EXIT_DONE;
	case ST_BUSY:		return EXIT_BUSY;
	case ST_REFUSED:
	case ST_READONLY:	return EXIT_REFUSED;
	case ST_PATH:		return EXIT_UNREACHABLE;
	case ST_UNSUPPORTED:	return EXIT_FORMAT;
	case ST_CANCELLED:	return EXIT_SIGNAL + (port_interrupted() ? port_interrupted() : 2);
	default:		return EXIT_FAILED;
	}
}

/* The usual way out of a status, for messages that do not name one. */
static const char *way_out(enum status st)
{
	switch (st) {
	case ST_NOSPACE:	return "free some space and try again";
	case ST_BUSY:		return "try again when it is free";
	case ST_READONLY:	return "nothing was written";
	case ST_CORRUPT:	return "run voma on the volume";
	case ST_DEVICE:		return "check the device";
	case ST_CANCELLED:	return "nothing half done is left";
	case ST_ISDIR:		return "name a file, or use -r where there is one";
	case ST_NOTEMPTY:	return "remove its entries first, or use -r";
	case ST_EXIST:		return "choose another name";
	case ST_NAME:		return "choose another name";
	default:		return NULL;
	}
}

const char *cmd_said(const struct cmd *cmd, const struct why *why, char *buf, size_t size)
{
	return cmd->host ? host_said(cmd->host, why->text, buf, size) : why->text;
}

static void message(const struct cmd *cmd, char *buf, size_t size, const char *object,
		    enum status st, const struct why *why)
{
	const char *out = way_out(st);
	char text[WHY_TEXT_MAX + 200];
	char safe[600];

	if (why && why->text[0])
		snprintf(text, sizeof(text), "%s", cmd_said(cmd, why, safe, sizeof(safe)));
	else
		snprintf(text, sizeof(text), "%.300s%s%s", object ? object : "", object ? ": " : "",
			 status_text(st));
	out_name(safe, sizeof(safe), text);
	snprintf(buf, size, "%s%s%s", safe, out && !strchr(safe, ';') ? "; " : "",
		 out && !strchr(safe, ';') ? out : "");
}

void cmd_complain(struct cmd *cmd, const char *object, enum status st, const struct why *why)
{
	char text[800];

	message(cmd, text, sizeof(text), object, st, why);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", cmd->prog, text);
}

int cmd_fail(struct cmd *cmd, const char *object, enum status st, const struct why *why)
{
	char text[800];
	json_t *items, *doc;

	cmd_complain(cmd, object, st, why);
	if (!cmd->json)
		return exit_of(st);
	message(cmd, text, sizeof(text), object, st, why);
	doc = out_doc(cmd->verb->schema, &items);
	out_doc_fail(doc, st, object, text);
	return out_doc_print(doc) == 0 ? exit_of(st) : EXIT_FAILED;
}

void cmd_note(struct cmd *cmd, const char *format, ...)
{
	va_list ap;

	if (cmd->quiet)
		return;
	fflush(stdout);
	fprintf(stderr, "%s: ", cmd->prog);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void cmd_plan(struct cmd *cmd, const char *format, ...)
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

int cmd_usage(struct cmd *cmd, const char *format, ...)
{
	char text[300], name[80];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	opt_verb_name(cmd->verb, name, sizeof(name));
	fprintf(stderr, "%s: %s; see %s --help\n", cmd->prog, text, name);
	if (cmd->json) {
		json_t *items, *doc = out_doc(cmd->verb->schema, &items);

		out_doc_fail(doc, ST_INVAL, NULL, text);
		if (out_doc_print(doc) != 0)
			return EXIT_FAILED;
	}
	return EXIT_USAGE;
}

int cmd_consent(struct cmd *cmd, const char *question)
{
	char answer[16] = "";
	struct why why = { 0 };

	if (cmd->yes)
		return 1;
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
		fprintf(stderr, "%s [y/N] ", question);
		fflush(stderr);
		if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
			return 1;
	}
	why_set(&why, ST_REFUSED, "%s Not without consent; give it with -y", question);
	cmd_fail(cmd, NULL, ST_REFUSED, &why);
	return 0;
}

void cmd_progress(struct cmd *cmd, struct progress *p)
{
	enum progress_mode usual =
		isatty(STDERR_FILENO) && !cmd->quiet ? PROGRESS_CR : PROGRESS_NONE;

	progress_start(p, progress_mode(opt_text(&cmd->args, "progress", NULL), usual), stderr,
		       NULL);
}
