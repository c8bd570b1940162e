/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd - one run of one command: what was asked, on which host, and how it ends.
 * A verb's run() is called in the main world. Everything it says goes through here and out.h. */
#ifndef CAIRN_TOOLS_CMD_H
#define CAIRN_TOOLS_CMD_H

#include "iopath/base/why.h"
#include "tools/exit.h"
#include "tools/host.h"
#include "tools/opt.h"
#include "tools/out.h"
#include "tools/progress.h"
#include "tools/version.h"

#define CAIRN_FIRST_VERSION "0.1"	/* every option is as old as the first release */

struct cmd {
	const char		*prog;		/* starts each message: "cairn", "voma" */
	const struct verb	*verb;
	struct opt_args		args;
	struct host		*host;
	const char		*otherwise;	/* the format when -O is not given; NULL: none */
	uint8_t			json;		/* --json: one document on standard output */
	uint8_t			quiet, verbose, dry_run, yes, exact, live;
	uint8_t			doubted;	/* the reads' verdict was told: live.h */
	uint8_t			more_tries;	/* a bad one is not told: the verb runs anew */
};

/* End with an error: the line "prog: <why>" on standard error, and with --json the error document.
 * object: what was asked for, as the operator spelt it. Returns the exit code of the status. */
int cmd_fail(struct cmd *cmd, const char *object, enum status st, const struct why *why);
/* The same line without ending: for one item of many. */
void cmd_complain(struct cmd *cmd, const char *object, enum status st, const struct why *why);
/* What why says, with the names that people type; buf, or the text as it is. */
const char *cmd_said(const struct cmd *cmd, const struct why *why, char *buf, size_t size);
/* A remark on standard error, unless --quiet. */
void cmd_note(struct cmd *cmd, const char *format, ...) PRINTF_LIKE(2, 3);
/* "would <text>" on standard output, of a dry run; nothing when the answer is JSON. */
void cmd_plan(struct cmd *cmd, const char *format, ...) PRINTF_LIKE(2, 3);
/* How to resolve what the command writes: a dry run only looks at it. */
static inline enum host_access cmd_write_access(const struct cmd *cmd)
{
	return cmd->dry_run ? HOST_READ : HOST_WRITE;
}
/* Wrong usage found after parsing: one line that ends with the way to the help; EXIT_USAGE. */
int cmd_usage(struct cmd *cmd, const char *format, ...) PRINTF_LIKE(2, 3);
/* Ask on a terminal; 1: yes. Without one, or on "no", ends with an error that names -y. */
int cmd_consent(struct cmd *cmd, const char *question);
/* Start progress as --progress says, on standard error. */
void cmd_progress(struct cmd *cmd, struct progress *p);

/* ---- the commands, listed by hand ------------------------------------------------------------ */

struct noun {
	const char		*name, *brief;
	const struct verb	*verbs;
	size_t			verb_count;
};

extern const struct noun noun_volume;		/* cmd_volume.c */
extern const struct noun noun_file;		/* cmd_file.c */
extern const struct noun noun_disk;		/* cmd_disk.c */
int cmd_evacuate(struct cmd *cmd);		/* cmd_evacuate.c */
extern const struct noun noun_vm;		/* cmd_vm.c */
extern const struct noun noun_lock;		/* cmd_lock.c */
extern const struct noun noun_cairn;		/* cmd_self.c: verbs without a noun */
extern const struct verb verb_voma;		/* voma.c */
extern const struct verb verb_vmkfstools;	/* vmkfstools.c */
extern const struct verb verb_partedutil;	/* parted_util.c */

extern const struct noun *const commands_nouns[];	/* commands.c; ends with NULL */
extern const struct verb *const commands_programs[];	/* the links; ends with NULL */
/* Every verb, links included: index 0, 1, ...; NULL past the end. */
const struct verb *commands_at(size_t index);
const struct verb *commands_find(const char *noun, const char *name);

#endif
