/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* file_rm - remove: from the leaves up, each entry one crash-safe step of the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/file.h"

static enum status remove_tree(struct store *s, const char *path, const struct store_stat *st,
			       const struct walk_level *up, struct why *why)
{
	struct walk_level level;
	struct walk_dir d;
	enum status status;

	if (st->kind != STORE_DIR)
		return s->ops->remove(s, path, why);
	status = walk_enter(&level, up, st, path, why);
	if (status == ST_OK)
		status = walk_read(s, path, &d, why);
	if (status != ST_OK)
		return status;
	for (size_t i = 0; status == ST_OK && i < d.count; i++) {
		char *below = walk_path(path, d.entry[i].name);

		status = below ? remove_tree(s, below, &d.entry[i].st, &level, why) : ST_NOMEM;
		free(below);
		if (status == ST_OK && port_interrupted())
			status = why_set(why, ST_CANCELLED,
					 "%s: interrupted; the rest is still there", path);
	}
	walk_free(&d);
	return status == ST_OK ? s->ops->remove(s, path, why) : status;
}

enum status file_remove_tree(struct store *s, const char *path, const struct store_stat *st,
			     int recursive, struct why *why)
{
	if (st->kind == STORE_SYSTEM)
		return why_set(why, ST_REFUSED, "%s: belongs to the file system itself", path);
	if (strcmp(path, "/") == 0)
		return why_set(why, ST_REFUSED, "the root of a store cannot be removed");
	if (st->kind == STORE_DIR && !recursive)
		return why_set(why, ST_ISDIR, "%s: is a directory; use -r", path);
	return remove_tree(s, path, st, NULL, why);
}

static enum status rm_one(struct cmd *cmd, const char *name, json_t *items, struct why *why)
{
	int recursive = opt_has(&cmd->args, "recursive") > 0,
	    force = opt_has(&cmd->args, "force") > 0;
	struct host_path *p = NULL;
	struct store_stat st;
	enum status s = file_get(cmd, name, cmd_write_access(cmd), 0, &p, &st, why);

	if (s == ST_NOENT && p && p->store && force)
		s = ST_OK;
	else if (s == ST_OK && cmd->dry_run)
		cmd_plan(cmd, "remove %s%s", name,
			 st.kind == STORE_DIR ? " and all below it" : "");
	else if (s == ST_OK) {
		s = file_writable(p, why);
		if (s == ST_OK)
			s = file_remove_tree(p->store, p->path, &st, recursive, why);
		if (s == ST_OK)
			s = p->store->ops->sync(p->store);
		if (s == ST_OK && cmd->verbose && !items)
			printf("removed %s\n", name);
	}
	if (s == ST_OK)
		file_item_done(cmd, items, name);
	file_put(p);
	return s;
}

int file_rm(struct cmd *cmd)
{
	json_t *items = NULL, *doc = cmd->json ? out_doc(cmd->verb->schema, &items) : NULL;
	int code = EXIT_DONE;

	for (size_t i = 0; i < cmd->args.operand_count && !port_interrupted(); i++) {
		struct why why = { 0 };
		enum status st = rm_one(cmd, cmd->args.operand[i], items, &why);

		if (st != ST_OK)
			file_item_failed(cmd, cmd->args.operand[i], st, &why, &code);
	}
	return file_items_end(doc, port_interrupted() ? exit_of(ST_CANCELLED) : code);
}
