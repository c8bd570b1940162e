/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_nbd - `cairn nbd`: the command line of nbdkit with our plugin, and then nbdkit itself in
 * place of this process. There is one NBD server to look after, and it is not ours. */
#include "tools/cmd_nbd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLUGIN_FILE	"nbdkit-cairn-plugin.so"
#define WORDS_MAX	4096	/* of nbdkit's command line */

struct words {
	char	*word[WORDS_MAX + 1];	/* ends with NULL */
	size_t	count;
	int	failed;			/* no memory, or too many */
};

/* "key" and value put together; value NULL: the key alone. */
static void add(struct words *w, const char *key, const char *value)
{
	char *text = NULL;

	if (w->count < WORDS_MAX && asprintf(&text, "%s%s", key, value ? value : "") >= 0)
		w->word[w->count++] = text;
	else
		w->failed = 1;
}

static void words_free(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->word[i]);
	free(w);
}

/* The plugin of this build lies in ../lib; an installed one is known to nbdkit by its name. */
static void add_plugin(struct words *w)
{
	char self[HOST_PATH_MAX], dir[HOST_PATH_MAX], path[HOST_PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = 0;
		path_parent(self, dir, sizeof(dir));
		path_parent(dir, self, sizeof(self));
		if (path_join(self, "lib/" PLUGIN_FILE, path, sizeof(path)) == 0 &&
		    access(path, R_OK) == 0) {
			add(w, path, NULL);
			return;
		}
	}
	add(w, "cairn", NULL);
}

/* Names are those of every command: outside of /vmfs they are files of this machine. */
static void add_disk(struct words *w, const char *name)
{
	char path[HOST_PATH_MAX];

	if (host_is_datastore_name(name))
		add(w, "disk=", name);
	else if (path_of_host(name, path, sizeof(path)) == 0)
		add(w, "disk=", path);
	else
		w->failed = 1;
}

static void add_place(struct words *w, const struct opt_args *args)
{
	if (opt_has(args, "run"))
		add(w, "--run=", opt_text(args, "run", NULL));
	else
		add(w, "--foreground", NULL);
	if (opt_has(args, "socket")) {
		add(w, "--unix=", opt_text(args, "socket", NULL));
	} else if (opt_has(args, "port")) {
		add(w, "--ipaddr=127.0.0.1", NULL);
		add(w, "--port=", opt_text(args, "port", NULL));
	} else if (opt_has(args, "run")) {
		add(w, "--unix=-", NULL);	/* one that only the command sees */
	} else {
		add(w, "--ipaddr=127.0.0.1", NULL);
	}
}

static enum status build(struct cmd *cmd, struct words *w, struct why *why)
{
	const struct opt_args *args = &cmd->args;
	struct config config;
	enum status st = config_load(&config, why);
	const char *uri;

	if (st != ST_OK)
		return st;
	for (size_t i = 0; st == ST_OK && (uri = opt_nth(args, "device", i)) != NULL; i++)
		st = config_add_option(&config, uri);
	add(w, "nbdkit", NULL);
	add(w, "--readonly", NULL);
	if (cmd->verbose)
		add(w, "--verbose", NULL);
	add_place(w, args);
	add_plugin(w);
	for (size_t i = 0; i < config.device_count; i++)
		add(w, "device=", config.device[i].uri);
	for (size_t i = 0; i < args->operand_count; i++)
		add_disk(w, args->operand[i]);
	if (opt_has(args, "snapshot"))
		add(w, "snapshot=", opt_text(args, "snapshot", NULL));
	if (opt_has(args, "live"))
		add(w, "live=true", NULL);
	config_free(&config);
	return st == ST_OK && w->failed ? ST_NOMEM : st;
}

int cmd_nbd(struct cmd *cmd)
{
	struct words *w = calloc(1, sizeof(*w));
	struct why why = { 0 };
	enum status st;

	if (!w)
		return cmd_fail(cmd, NULL, ST_NOMEM, NULL);
	if (opt_has(&cmd->args, "socket") && opt_has(&cmd->args, "port")) {
		words_free(w);
		return cmd_usage(cmd, "--socket and --port: it listens in one place");
	}
	if (opt_has(&cmd->args, "snapshot") && cmd->args.operand_count > 1) {
		words_free(w);
		return cmd_usage(cmd, "--snapshot is of one disk; serve it alone");
	}
	st = build(cmd, w, &why);
	if (st == ST_OK) {
		/* The plugin's port asks the environment for its engine, as any port does. */
		if (opt_has(&cmd->args, "engine"))
			setenv("CAIRN_ENGINE", opt_text(&cmd->args, "engine", ""), 1);
		execvp(w->word[0], w->word);
		st = errno == ENOENT ? why_set(&why, ST_NOENT, "nbdkit is not installed; the "
					       "packages nbdkit and nbdkit-plugin-cairn have what "
					       "is needed")
				     : why_set(&why, ST_REFUSED, "nbdkit: %s", strerror(errno));
	}
	words_free(w);
	return cmd_fail(cmd, NULL, st, &why);
}
