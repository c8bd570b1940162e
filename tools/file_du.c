/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* file_du - du and tree: what directories hold, as sums and as a drawing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/file.h"
#include "tools/live.h"

/* ---- du -------------------------------------------------------------------------------------- */

struct du {
	struct cmd		*cmd;
	struct out_table	*table;
	json_t			*items;
	uint8_t			summarize;
};

struct sum { uint64_t allocated, size, files; };

static const struct out_column du_columns[] = {
	{ "allocated", 1 }, { "size", 1 }, { "files", 1 }, { "path", 0 },
};

static enum status du_show(struct du *du, const char *shown, const struct sum *sum)
{
	char allocated[24], size[24], files[24], name[OUT_NAME_MAX];
	const char *const cells[] = { allocated, size, files, name };

	if (du->items)
		return json_array_append_new(du->items,
					     json_pack("{s:o, s:o, s:o, s:I}", "path",
						       out_json_name(shown), "allocated_bytes",
						       out_json_bytes(sum->allocated), "size_bytes",
						       out_json_bytes(sum->size), "files",
						       (json_int_t)sum->files)) == 0
			       ? ST_OK
			       : ST_NOMEM;
	out_size(allocated, sizeof(allocated), sum->allocated, du->cmd->exact);
	out_size(size, sizeof(size), sum->size, du->cmd->exact);
	snprintf(files, sizeof(files), "%llu", (unsigned long long)sum->files);
	out_name(name, sizeof(name), shown);
	return out_table_row(du->table, cells) == 0 ? ST_OK : ST_NOMEM;
}

static enum status du_add(struct du *du, struct store *s, const char *path, const char *shown,
			  const struct store_stat *st, const struct walk_level *up, struct sum *sum,
			  struct why *why);

static enum status du_dir(struct du *du, struct store *s, const char *path, const char *shown,
			  const struct walk_level *level, struct sum *sum, struct why *why)
{
	struct walk_dir d;
	enum status st = walk_read(s, path, &d, why);

	if (st != ST_OK)
		return st;
	for (size_t i = 0; st == ST_OK && i < d.count; i++) {
		char *inside = walk_path(path, d.entry[i].name);
		char *outside = walk_path(shown, d.entry[i].name);

		st = inside && outside
			     ? du_add(du, s, inside, outside, &d.entry[i].st, level, sum, why)
			     : ST_NOMEM;
		free(inside);
		free(outside);
	}
	walk_free(&d);
	return st;
}

static enum status du_add(struct du *du, struct store *s, const char *path, const char *shown,
			  const struct store_stat *st, const struct walk_level *up, struct sum *sum,
			  struct why *why)
{
	struct sum here = { st->allocated_bytes, st->size_bytes, st->kind != STORE_DIR };
	struct walk_level level;
	enum status status = ST_OK;

	if (st->kind == STORE_DIR) {
		status = walk_enter(&level, up, st, shown, why);
		if (status == ST_OK)
			status = du_dir(du, s, path, shown, &level, &here, why);
	}
	if (status == ST_OK && (!up || (st->kind == STORE_DIR && !du->summarize)))
		status = du_show(du, shown, &here);
	sum->allocated += here.allocated;
	sum->size += here.size;
	sum->files += here.files;
	return status;
}

static const char *const here[] = { "." };

static int du_print(struct du *du, json_t *doc, int code)
{
	const struct opt_args *a = &du->cmd->args;
	char bad[64];

	if (doc)
		return live_print(du->cmd, doc) == 0 ? code : EXIT_FAILED;
	if (out_table_print(du->table, stdout, opt_has(a, "-H") ? OUT_TABS : OUT_COLUMNS,
			    opt_text(a, "-o", NULL), bad) != 0)
		return cmd_usage(du->cmd, "-o: there is no column '%s'", bad);
	return code;
}

int file_du(struct cmd *cmd)
{
	const struct opt_args *a = &cmd->args;
	struct du du = { .cmd = cmd, .summarize = opt_has(a, "summarize") > 0 };
	json_t *doc = cmd->json ? out_doc(cmd->verb->schema, &du.items) : NULL;
	int code = EXIT_DONE;

	du.table = out_table_create(du_columns, ARRAY_COUNT(du_columns));
	if (!du.table)
		return cmd_fail(cmd, NULL, ST_NOMEM, NULL);
	for (size_t i = 0; i < MAX(a->operand_count, 1); i++) {
		const char *name = a->operand_count ? a->operand[i] : here[0];
		struct host_path *p = NULL;
		struct why why = { 0 };
		struct store_stat st;
		struct sum total = { 0 };
		enum status s = file_get(cmd, name, HOST_READ, 1, &p, &st, &why);

		if (s == ST_OK)
			s = du_add(&du, p->store, p->path, name, &st, NULL, &total, &why);
		if (s != ST_OK) {
			file_item_failed(cmd, name, s, &why, &code);
			if (doc)
				out_doc_fail(doc, s, name, why.text[0] ? why.text : status_text(s));
		}
		file_put(p);
	}
	code = du_print(&du, doc, code);
	out_table_destroy(du.table);
	return code;
}

/* ---- tree ------------------------------------------------------------------------------------ */

#define TREE_INDENT_MAX (WALK_DEPTH_MAX * 8)

struct tree {
	struct store	*store;
	struct out_lines lines;
	uint64_t	depth;
	uint64_t	files, dirs;
	char		indent[TREE_INDENT_MAX];
};

static enum status draw(struct tree *t, const char *path, const struct store_stat *dir,
			const struct walk_level *up, struct why *why);

static enum status draw_entry(struct tree *t, const char *path, const struct walk_entry *e,
			      int is_last, const struct walk_level *level, struct why *why)
{
	size_t indent = strlen(t->indent);
	char name[OUT_NAME_MAX], size[24];
	enum status st = ST_OK;
	char *below;

	out_name(name, sizeof(name), e->name);
	if (e->st.kind == STORE_DIR) {
		t->dirs++;
		printf("%s%s%s/\n", t->indent, is_last ? t->lines.last : t->lines.branch, name);
	} else {
		t->files++;
		printf("%s%s%s  %s\n", t->indent, is_last ? t->lines.last : t->lines.branch, name,
		       out_size(size, sizeof(size), e->st.size_bytes, 0));
	}
	if (e->st.kind != STORE_DIR || level->depth + 1 >= t->depth)
		return ST_OK;
	below = walk_path(path, e->name);
	if (!below)
		return ST_NOMEM;
	mem_copy_text(t->indent + indent, sizeof(t->indent) - indent,
		      is_last ? "   " : t->lines.bar);
	st = draw(t, below, &e->st, level, why);
	t->indent[indent] = 0;
	free(below);
	return st;
}

static enum status draw(struct tree *t, const char *path, const struct store_stat *dir,
			const struct walk_level *up, struct why *why)
{
	struct walk_level level;
	struct walk_dir d;
	enum status st = walk_enter(&level, up, dir, path, why);

	if (st == ST_OK)
		st = walk_read(t->store, path, &d, why);
	if (st != ST_OK)
		return st;
	for (size_t i = 0; st == ST_OK && i < d.count; i++)
		st = draw_entry(t, path, &d.entry[i], i + 1 == d.count, &level, why);
	walk_free(&d);
	return st;
}

int file_tree(struct cmd *cmd)
{
	const struct opt_args *a = &cmd->args;
	struct tree *t = calloc(1, sizeof(*t));
	int code = EXIT_DONE;

	if (!t)
		return cmd_fail(cmd, NULL, ST_NOMEM, NULL);
	out_lines(&t->lines);
	t->depth = opt_number(a, "depth", WALK_DEPTH_MAX);
	for (size_t i = 0; i < MAX(a->operand_count, 1); i++) {
		const char *name = a->operand_count ? a->operand[i] : here[0];
		struct host_path *p = NULL;
		struct why why = { 0 };
		struct store_stat st;
		char safe[OUT_NAME_MAX];
		enum status s = file_get(cmd, name, HOST_READ, 1, &p, &st, &why);

		if (s == ST_OK && st.kind != STORE_DIR)
			s = why_set(&why, ST_NOTDIR, "%s: is not a directory", name);
		if (s == ST_OK) {
			printf("%s\n", out_name(safe, sizeof(safe), name));
			t->store = p->store;
			s = draw(t, p->path, &st, NULL, &why);
		}
		if (s != ST_OK)
			file_item_failed(cmd, name, s, &why, &code);
		file_put(p);
	}
	printf("\n%llu directories, %llu files\n", (unsigned long long)t->dirs,
	       (unsigned long long)t->files);
	free(t);
	return code;
}
