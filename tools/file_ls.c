/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* file_ls - the list as `ls -l` prints it, with the owner's numbers; names are escaped, one a
 * line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/file.h"
#include "tools/live.h"

struct ls {
	struct cmd	*cmd;
	json_t		*items;		/* --json */
	uint8_t		full, recursive, human, heading;
	uint8_t		printed;	/* something stands above: a blank line comes first */
	uint8_t		partly;		/* something is missing in what was listed */
	uint8_t		listed;		/* something was listed */
	struct why	why;
};

static const struct out_column long_columns[] = {
	{ "mode", 0 }, { "links", 1 }, { "owner", 1 }, { "group", 1 }, { "size", 1 }, { "time", 0 },
	{ "name", 0 },
};

/* ---- one entry ------------------------------------------------------------------------------- */

static enum status add_row(struct ls *ls, struct out_table *t, struct store *s, const char *path,
			   const char *name, const struct store_stat *st)
{
	char mode[11], links[12], uid[12], gid[12], size[24], when[32], target[1024] = "";
	char safe[OUT_NAME_MAX], safe_target[OUT_NAME_MAX], last[2 * OUT_NAME_MAX + 8];
	const char *const cells[] = { mode, links, uid, gid, size, when, last };

	out_mode(mode, file_kind_letter(st->kind), st->mode);
	snprintf(links, sizeof(links), "%u", st->links);
	snprintf(uid, sizeof(uid), "%u", st->uid);
	snprintf(gid, sizeof(gid), "%u", st->gid);
	out_size(size, sizeof(size), st->size_bytes, !ls->human);
	out_time(when, sizeof(when), st->mtime_s, 0);
	if (st->kind == STORE_SYMLINK)
		file_target(s, path, target, sizeof(target));
	snprintf(last, sizeof(last), "%s%s%s", out_name(safe, sizeof(safe), name),
		 target[0] ? " -> " : "", out_name(safe_target, sizeof(safe_target), target));
	return out_table_row(t, cells) == 0 ? ST_OK : ST_NOMEM;
}

static enum status show(struct ls *ls, struct out_table *t, struct store *s, const char *path,
			const char *name, const char *shown, const struct store_stat *st)
{
	char safe[OUT_NAME_MAX];

	if (ls->items)
		return json_array_append_new(ls->items, file_json(s, path, shown, st)) == 0
			       ? ST_OK
			       : ST_NOMEM;
	if (ls->full)
		return add_row(ls, t, s, path, name, st);
	printf("%s\n", out_name(safe, sizeof(safe), name));
	return ST_OK;
}

/* A name whose descriptor is gone or damaged. It is listed, and it is a gap. */
static void lost(struct ls *ls, const char *shown, const struct store_stat *st)
{
	why_set(&ls->why, ST_CORRUPT, "%.300s: its descriptor (id %llu) is damaged or missing",
		shown, (unsigned long long)st->id);
	cmd_complain(ls->cmd, shown, ST_CORRUPT, &ls->why);
	ls->partly = 1;
}

/* ---- one directory --------------------------------------------------------------------------- */

static enum status show_entries(struct ls *ls, struct store *s, const struct walk_dir *d,
				const char *path, const char *shown)
{
	struct out_table *t = out_table_create(long_columns, ARRAY_COUNT(long_columns));
	enum status st = t ? ST_OK : ST_NOMEM;
	char bad[64];

	for (size_t i = 0; st == ST_OK && i < d->count; i++) {
		char *inside = walk_path(path, d->entry[i].name);
		char *outside = walk_path(shown, d->entry[i].name);

		st = inside && outside
			     ? show(ls, t, s, inside, d->entry[i].name, outside, &d->entry[i].st)
			     : ST_NOMEM;
		if (outside && file_is_lost(s, &d->entry[i].st))
			lost(ls, outside, &d->entry[i].st);
		free(inside);
		free(outside);
	}
	if (st == ST_OK && ls->full && !ls->items)
		/* Without a field list it cannot fail. */
		(void)out_table_print(t, stdout, OUT_PLAIN, NULL, bad);
	out_table_destroy(t);
	return st;
}

static void heading(struct ls *ls, const char *shown)
{
	char safe[OUT_NAME_MAX];

	if (ls->items)
		return;
	if (ls->heading)
		printf("%s%s:\n", ls->printed ? "\n" : "", out_name(safe, sizeof(safe), shown));
	ls->printed = 1;
}

static enum status list_dir(struct ls *ls, struct store *s, const char *path, const char *shown,
			    const struct store_stat *dir, const struct walk_level *up);

static enum status list_below(struct ls *ls, struct store *s, const struct walk_dir *d,
			      const char *path, const char *shown, const struct walk_level *level)
{
	enum status first = ST_OK;

	for (size_t i = 0; i < d->count && first != ST_CANCELLED && first != ST_NOMEM; i++) {
		char *inside, *outside;
		enum status st;

		if (d->entry[i].st.kind != STORE_DIR)
			continue;
		inside = walk_path(path, d->entry[i].name);
		outside = walk_path(shown, d->entry[i].name);
		st = inside && outside ? list_dir(ls, s, inside, outside, &d->entry[i].st, level)
				       : ST_NOMEM;
		free(inside);
		free(outside);
		if (st != ST_OK)
			first = first == ST_OK || st == ST_CANCELLED ? st : first;
	}
	return first;
}

/* A damaged directory is told about and the rest is listed: partial results are the point of a
 * rescue. */
static enum status list_dir(struct ls *ls, struct store *s, const char *path, const char *shown,
			    const struct store_stat *dir, const struct walk_level *up)
{
	struct walk_level level;
	struct walk_dir d;
	struct why why = { 0 };
	enum status st = walk_enter(&level, up, dir, shown, &why);

	if (st == ST_OK)
		st = walk_read(s, path, &d, &why);
	if (st != ST_OK) {
		cmd_complain(ls->cmd, shown, st, &why);
		ls->why = why;
		return st;
	}
	if (d.damaged != ST_OK) {
		cmd_complain(ls->cmd, shown, d.damaged, &why);
		ls->why = why;
		ls->partly = 1;
	}
	ls->listed = 1;
	heading(ls, shown);
	st = show_entries(ls, s, &d, path, shown);
	if (st == ST_OK && ls->recursive)
		st = list_below(ls, s, &d, path, shown, &level);
	walk_free(&d);
	return st;
}

/* ---- the operands ---------------------------------------------------------------------------- */

static enum status list_one(struct ls *ls, const char *name)
{
	struct host_path *p = NULL;
	struct store_stat st;
	struct why why = { 0 };
	int itself = opt_has(&ls->cmd->args, "directory") > 0;
	enum status s = file_get(ls->cmd, name, HOST_READ, !itself, &p, &st, &why);

	if (s != ST_OK) {
		cmd_complain(ls->cmd, name, s, &why);
		ls->why = why;
	} else if (st.kind == STORE_DIR && !itself) {
		s = list_dir(ls, p->store, p->path, name, &st, NULL);
	} else {
		struct walk_entry e = { .name = (char *)name, .st = st };
		struct out_table *t = out_table_create(long_columns, ARRAY_COUNT(long_columns));
		char bad[64];

		s = t ? show(ls, t, p->store, p->path, e.name, name, &st) : ST_NOMEM;
		if (t && ls->full && !ls->items)
			(void)out_table_print(t, stdout, OUT_PLAIN, NULL, bad);
		out_table_destroy(t);
		ls->printed = 1;
	}
	file_put(p);
	return s;
}

int file_ls(struct cmd *cmd)
{
	static const char *const here[] = { "." };
	const struct opt_args *a = &cmd->args;
	const char *const *names = a->operand_count ? a->operand : here;
	size_t count = a->operand_count ? a->operand_count : 1;
	struct ls ls = { .cmd = cmd,
			 .full = opt_has(a, "long") > 0,
			 .recursive = opt_has(a, "recursive") > 0,
			 .human = opt_has(a, "human") > 0 };
	json_t *doc = cmd->json ? out_doc(cmd->verb->schema, &ls.items) : NULL;
	enum status first = ST_OK;

	ls.heading = ls.recursive || count > 1;
	for (size_t i = 0; i < count; i++) {
		enum status st = list_one(&ls, names[i]);

		if (st == ST_OK)
			continue;
		first = first == ST_OK ? st : first;
		if (doc)
			out_doc_fail(doc, st, names[i],
				     ls.why.text[0] ? ls.why.text : status_text(st));
	}
	if (doc && first == ST_OK && ls.partly)
		out_doc_fail(doc, ST_CORRUPT, NULL, ls.why.text);
	if (doc && live_print(cmd, doc) != 0)
		return EXIT_FAILED;
	if (first == ST_OK)
		return ls.partly ? EXIT_PARTLY : EXIT_DONE;
	/* Something was listed, something could not be. */
	if (ls.listed && (first == ST_CORRUPT || first == ST_DEVICE || first == ST_BUSY))
		return EXIT_PARTLY;
	return exit_of(first);
}
