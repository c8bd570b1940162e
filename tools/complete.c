/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* complete - candidates from the option tables, volumes and directories. */
#include "tools/complete.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/file.h"

#define ANSWER_MS 100	/* of 200: the rest is the start of two processes, on a busy machine */

/* A candidate when it continues what was typed. */
static void offer(const char *word, const char *candidate, const char *tail)
{
	if (strncmp(candidate, word, strlen(word)) == 0)
		printf("%s%s\n", candidate, tail);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void offer_datastores(struct cmd *cmd, const char *word)
{
	struct host_volume *v;
	char path[HOST_PATH_MAX];

	if (host_scan(cmd->host, NULL) != ST_OK)
		return;
	for (size_t i = 0; (v = host_volume_at(cmd->host, i)) != NULL; i++) {
		snprintf(path, sizeof(path), "/vmfs/volumes/%s", host_volume_name(v));
		offer(word, path, "/");
	}
}

/* Entries of the directory that the word names so far. */
static void offer_entries(struct cmd *cmd, const char *word)
{
	char *dir = strdup(word), *slash = dir ? strrchr(dir, '/') : NULL;
	struct host_path *p = NULL;
	struct store_stat st;
	struct walk_dir d;

	if (slash)
		slash[1] = 0;
	if (slash && file_get(cmd, dir, HOST_READ, 1, &p, &st, NULL) == ST_OK &&
	    st.kind == STORE_DIR && walk_read(p->store, p->path, &d, NULL) == ST_OK) {
		for (size_t i = 0; i < d.count; i++) {
			char *path = walk_path(dir, d.entry[i].name);

			if (path)
				offer(word, path, d.entry[i].st.kind == STORE_DIR ? "/" : "");
			free(path);
		}
		walk_free(&d);
	}
	file_put(p);
	free(dir);
}

static void offer_volumes(struct cmd *cmd, const char *word)
{
	struct host_volume *v;

	if (host_scan(cmd->host, NULL) != ST_OK)
		return;
	for (size_t i = 0; (v = host_volume_at(cmd->host, i)) != NULL; i++) {
		offer(word, host_volume_name(v), "");
		offer(word, host_volume_uuid(v), "");
	}
}

static void offer_operand(struct cmd *cmd, const char *kind, const char *word)
{
	static const char root[] = "/vmfs/volumes/";

	if (!kind)
		return;
	if (strcmp(kind, "volume") == 0)
		offer_volumes(cmd, word);
	if (strcmp(kind, "path") != 0) {
		printf("@files\n");
		return;
	}
	if (strncmp(word, root, sizeof(root) - 1) == 0 && strchr(word + sizeof(root) - 1, '/'))
		offer_entries(cmd, word);
	else if (*word == '/' && strncmp(word, root, MIN(strlen(word), sizeof(root) - 1)) == 0)
		offer_datastores(cmd, word);
	if (strncmp(word, root, sizeof(root) - 1) != 0)
		printf("@files\n");
}

/* ---- options --------------------------------------------------------------------------------- */

static void offer_options(const struct verb *verb, const char *word)
{
	const struct opt *o;

	for (size_t i = 0; (o = opt_at(verb, i)) != NULL; i++) {
		char text[80];

		if (!o->help)
			continue;
		if (o->name)
			snprintf(text, sizeof(text), "--%s", o->name);
		else
			snprintf(text, sizeof(text), "-%c", o->letter);
		offer(word, text, "");
	}
}

static void offer_words(const char *words, const char *word)
{
	char *copy = strdup(words), *rest = copy, *one;

	while (copy && (one = strsep(&rest, "|")) != NULL)
		offer(word, one, "");
	free(copy);
}

/* The option that the word before wants an argument for; NULL: none. */
static const struct opt *waiting(const struct verb *verb, const char *before)
{
	const struct opt *o;

	if (before[0] != '-')
		return NULL;
	for (size_t i = 0; (o = opt_at(verb, i)) != NULL; i++) {
		if (o->arg == OPT_NONE || o->arg == OPT_MAYBE)
			continue;
		if (before[1] == '-' ? o->name && strcmp(o->name, before + 2) == 0 :
				       before[1] && !before[2] && opt_letter(verb, o) == before[1])
			return o;
	}
	return NULL;
}

static void offer_for_verb(struct cmd *cmd, const struct verb *verb, const char *before,
			   const char *word)
{
	const struct opt *o = waiting(verb, before);

	if (o && o->arg == OPT_WORD)
		offer_words(o->arg_name, word);
	else if (o && o->arg == OPT_TEXT)
		printf("@files\n");
	else if (!o && word[0] == '-')
		offer_options(verb, word);
	else if (!o)
		offer_operand(cmd, verb->operand_kind, word);
}

/* ---- which command --------------------------------------------------------------------------- */

static void offer_nouns(const char *word)
{
	for (size_t i = 0; commands_nouns[i]; i++) {
		const struct noun *n = commands_nouns[i];

		if (*n->name)
			offer(word, n->name, "");
		for (size_t k = 0; !*n->name && k < n->verb_count; k++)
			if (!(n->verbs[k].flags & VERB_HIDDEN))
				offer(word, n->verbs[k].name, "");
	}
}

static void offer_verbs(const char *noun, const char *word)
{
	const struct verb *v;

	for (size_t i = 0; (v = commands_at(i)) != NULL; i++)
		if (v->noun && strcmp(v->noun, noun) == 0 && !(v->flags & VERB_HIDDEN))
			offer(word, v->name, "");
}

int complete_candidates(struct cmd *cmd)
{
	const char *const *w = cmd->args.operand;
	size_t count = cmd->args.operand_count;
	const struct verb *verb;

	if (count < 2)
		return EXIT_DONE;
	verb = commands_find(NULL, path_last(w[0]));
	if (verb && verb->flags & VERB_COMPAT)
		offer_for_verb(cmd, verb, w[count - 2], w[count - 1]);
	else if (count == 2)
		offer_nouns(w[1]);
	else if ((verb = commands_find(NULL, w[1])) != NULL)
		offer_for_verb(cmd, verb, w[count - 2], w[count - 1]);
	else if (count == 3)
		offer_verbs(w[1], w[2]);
	else if ((verb = commands_find(w[1], w[2])) != NULL)
		offer_for_verb(cmd, verb, w[count - 2], w[count - 1]);
	return EXIT_DONE;
}

/* ---- in time --------------------------------------------------------------------------------- */

/* `cairn __candidates -- WORD ...` in place of this process. */
static void become_candidates(const struct opt_args *args, int to)
{
	const char **argv = calloc(args->operand_count + 4, sizeof(*argv));

	if (!argv || dup2(to, STDOUT_FILENO) < 0 || !freopen("/dev/null", "w", stderr))
		_exit(1);
	argv[0] = "cairn";
	argv[1] = "__candidates";
	argv[2] = "--";
	memcpy(&argv[3], args->operand, args->operand_count * sizeof(*argv));
	execv("/proc/self/exe", (char **)argv);
	_exit(1);
}

/* All that comes until the end; NULL when it does not come in time. */
static char *read_in_time(int from)
{
	uint64_t end = port_now_ns() + ANSWER_MS * 1000000ull;
	char *text = NULL;
	size_t used = 0;

	for (;;) {
		uint64_t now = port_now_ns();
		struct pollfd p = { .fd = from, .events = POLLIN };
		char *more = realloc(text, used + 4096);
		ssize_t n;

		if (!more)
			break;
		text = more;
		if (now >= end || poll(&p, 1, (int)((end - now) / 1000000) + 1) != 1)
			break;
		n = read(from, text + used, 4095);
		if (n < 0)
			break;
		used += (size_t)n;
		text[used] = 0;
		if (n == 0)
			return text;
	}
	free(text);
	return NULL;
}

/* A device whose paths are all dead keeps whoever opens it, and not even a signal brings him back.
 * So a child looks, and has nothing of ours that the shell waits for. */
int complete_run(struct cmd *cmd)
{
	char *text;
	pid_t child;
	int fd[2];

	if (pipe(fd) != 0)
		return EXIT_FAILED;
	child = fork();
	if (child == 0) {
		close(fd[0]);
		become_candidates(&cmd->args, fd[1]);
	}
	close(fd[1]);
	text = child > 0 ? read_in_time(fd[0]) : NULL;
	close(fd[0]);
	if (text)
		fputs(text, stdout);
	else if (child > 0)
		kill(child, SIGKILL);
	free(text);
	return EXIT_DONE;
}
