/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* model_names - names made, removed and renamed, and what is not there. */
#include "tests/sim/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void child_path(struct tree_node *dir, const char *name, char path[TREE_PATH_MAX])
{
	char above[TREE_PATH_MAX];

	tree_path(dir, above);
	snprintf(path, TREE_PATH_MAX, "%.880s/%s", above[1] ? above : "", name);
}

/* Compare an answer with what a new name in dir should give; 1: it was made. */
static int new_name(struct model *m, struct tree_node *dir, const char *name, const char *what,
		    enum status st)
{
	char path[TREE_PATH_MAX];
	enum status want = tree_child(dir, name) ? ST_EXIST : ST_OK;

	child_path(dir, name, path);
	if (want == ST_OK && model_is_full(m, st))
		return model_remove_some(m, 4);
	if (st != want)
		return model_wrong(m, what, path, st);
	return st == ST_OK;
}

int model_create(struct model *m)
{
	struct tree_node *dir = model_dir(m);
	char name[TREE_NAME_MAX + 1], path[TREE_PATH_MAX];
	struct store_file *f;
	enum status st;
	int made;

	model_name(m, name);
	child_path(dir, name, path);
	st = m->v.store->ops->create(m->v.store, path, 0644, &f, NULL);
	model_trace(m, "create", path, (uint64_t)st, 0);
	made = new_name(m, dir, name, "create", st);
	if (made > 0)
		tree_add(m->tree, dir, name, STORE_FILE);
	if (st == ST_OK && (st = m->v.store->ops->file_close(f)) != ST_OK)
		return model_wrong(m, "close", path, st);
	return made < 0 ? -1 : 0;
}

int model_mkdir(struct model *m)
{
	struct tree_node *dir = model_dir(m);
	char name[TREE_NAME_MAX + 1], path[TREE_PATH_MAX];
	int made;

	model_name(m, name);
	child_path(dir, name, path);
	made =
	    new_name(m, dir, name, "mkdir", m->v.store->ops->mkdir(m->v.store, path, 0755, NULL));
	if (made > 0)
		tree_add(m->tree, dir, name, STORE_DIR);
	return made < 0 ? -1 : 0;
}

int model_symlink(struct model *m)
{
	struct tree_node *dir = model_dir(m);
	char name[TREE_NAME_MAX + 1], path[TREE_PATH_MAX], target[1200];
	int made;

	memset(target, 'a' + (int)model_roll(m, 26), sizeof(target));
	target[model_roll(m, 3) ? 1 + model_roll(m, 60) : 1 + model_roll(m, 1000)] = 0;
	model_name(m, name);
	child_path(dir, name, path);
	made = new_name(m, dir, name, "symlink",
			m->v.store->ops->symlink(m->v.store, target, path, NULL));
	if (made > 0)
		tree_add(m->tree, dir, name, STORE_SYMLINK)->target = strdup(target);
	return made < 0 ? -1 : 0;
}

int model_remove(struct model *m)
{
	struct tree_node *node = model_node(m, STORE_OTHER);
	char path[TREE_PATH_MAX];
	enum status st, want;

	if (!node)
		return 0;
	tree_path(node, path);
	want = list_empty(&node->children) ? ST_OK : ST_NOTEMPTY;
	model_trace(m, "remove", path, 0, 0);
	st = m->v.store->ops->remove(m->v.store, path, NULL);
	if (st != want)
		return model_wrong(m, "remove", path, st);
	if (st == ST_OK)
		tree_remove(m->tree, node);
	return 0;
}

/* What a rename should answer; ST_COUNT: any refusal. */
static enum status rename_answer(struct tree_node *node, struct tree_node *dir,
				 struct tree_node *there, int replace)
{
	if (tree_is_below(dir, node))
		return ST_COUNT;
	if (!there)
		return ST_OK;
	if (!replace)
		return ST_EXIST;
	if (there == node)
		return ST_OK;
	if (there->kind == STORE_DIR && !list_empty(&there->children))
		return ST_COUNT;
	return (there->kind == STORE_DIR) == (node->kind == STORE_DIR) ? ST_OK : ST_COUNT;
}

int model_rename(struct model *m)
{
	struct tree_node *node = model_node(m, STORE_OTHER), *dir = model_dir(m), *there;
	char name[TREE_NAME_MAX + 1], from[TREE_PATH_MAX], to[TREE_PATH_MAX];
	int replace = (int)model_roll(m, 2);
	enum status st, want;

	if (!node)
		return 0;
	model_name(m, name);
	there = tree_child(dir, name);
	tree_path(node, from);
	child_path(dir, name, to);
	want = rename_answer(node, dir, there, replace);
	model_trace(m, "rename", from, 0, 0);
	model_trace(m, " to", to, 0, 0);
	st = m->v.store->ops->rename(m->v.store, from, to, replace, NULL);
	if (want == ST_OK && model_is_full(m, st))
		return model_remove_some(m, 4);
	if (want == ST_COUNT ? st == ST_OK || st == ST_DEVICE || st == ST_CORRUPT : st != want)
		return model_wrong(m, "rename to", to, st);
	if (st == ST_OK && there != node) {
		if (there)
			tree_remove(m->tree, there);
		tree_move(node, dir, name);
	}
	return 0;
}

int model_missing(struct model *m)
{
	struct tree_node *dir = model_dir(m);
	char path[TREE_PATH_MAX];
	struct store_file *f;
	struct store_stat stat;
	enum status st;

	child_path(dir, "missing", path);
	st = m->v.store->ops->open(m->v.store, path, STORE_READ, &f, NULL);
	if (st == ST_NOENT)
		st = m->v.store->ops->stat(m->v.store, path, &stat, NULL);
	if (st == ST_NOENT)
		st = m->v.store->ops->remove(m->v.store, path, NULL);
	return st == ST_NOENT ? 0 : model_wrong(m, "missing", path, st);
}

int model_list(struct model *m) { return volume_compare_dir(&m->v, m->tree, model_dir(m)); }
