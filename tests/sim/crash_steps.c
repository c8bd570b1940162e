/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* crash_steps - a step on the tree, and the same step on the volume. */
#include "tests/sim/crash.h"

#include <stdlib.h>
#include <string.h>

struct tree_node *crash_find(struct tree *tree, const char *path)
{
	struct tree_node *node;
	char text[TREE_PATH_MAX];

	for (node = &tree->root; node; node = tree_next(tree, node)) {
		tree_path(node, text);
		if (strcmp(text, path) == 0)
			return node;
	}
	return NULL;
}

/* The directory and the last name of a path. */
static struct tree_node *parent_of(struct tree *tree, const char *path, const char **name)
{
	char dir[80];
	const char *slash = strrchr(path, '/');

	mem_copy_text(dir, sizeof(dir), path);
	dir[slash == path ? 1 : slash - path] = 0;
	*name = slash + 1;
	return crash_find(tree, dir);
}

static void tree_make(struct tree *tree, const struct step *step, enum store_kind kind)
{
	const char *name;
	struct tree_node *dir = parent_of(tree, step->path, &name);
	struct tree_node *node = tree_add(tree, dir, name, kind);

	if (kind == STORE_SYMLINK)
		node->target = strdup(step->to);
}

static void tree_rename(struct tree *tree, const struct step *step)
{
	struct tree_node *node = crash_find(tree, step->path), *there = crash_find(tree, step->to),
			 *dir;
	const char *name;

	if (there)
		tree_remove(tree, there);
	dir = parent_of(tree, step->to, &name);
	tree_move(node, dir, name);
}

static void tree_copy(struct tree *tree, const struct step *step)
{
	struct tree_node *from = crash_find(tree, step->path), *to = crash_find(tree, step->to);

	tree_write(to, step->at, step->bytes, 0);
	for (uint32_t i = 0; i < from->piece_count; i++) {
		const struct tree_piece *p = &from->piece[i];
		uint64_t at = MAX(p->at, step->at);
		uint64_t end = MIN(p->at + p->bytes, step->at + step->bytes);

		if (at < end)
			tree_write(to, at, end - at, p->stamp);
	}
}

static void tree_step(struct tree *tree, const struct step *step, uint64_t stamp)
{
	struct tree_node *node = crash_find(tree, step->path);

	switch (step->op) {
	case CREATE: tree_make(tree, step, STORE_FILE); break;
	case MKDIR: tree_make(tree, step, STORE_DIR); break;
	case SYMLINK: tree_make(tree, step, STORE_SYMLINK); break;
	case REMOVE: tree_remove(tree, node); break;
	case RENAME: tree_rename(tree, step); break;
	case WRITE: tree_write(node, step->at, step->bytes, stamp); break;
	case RESIZE: tree_resize(node, step->bytes); break;
	case LAZY:
	case EAGER: tree_resize(node, MAX(node->size_bytes, step->at + step->bytes)); break;
	case UNMAP: case ZERO: tree_write(node, step->at, step->bytes, 0); break;
	case COPY: tree_copy(tree, step); break;
	case FLUSH: case SYNC: break;
	}
}

static enum status file_write(struct store_file *f, const struct step *step, uint64_t stamp)
{
	uint8_t *buf = port_alloc(step->bytes);
	enum status st;

	tree_pattern(stamp, step->at, buf, step->bytes);
	st = store_write(f, step->at, buf, step->bytes);
	port_free(buf);
	return st;
}

static enum status file_clear(struct store_file *f, const struct step *step)
{
	struct io_wait wait;

	io_wait_begin(&wait, step->op == ZERO ? PORT_ZERO : PORT_UNMAP, step->at, NULL,
		      step->bytes);
	f->store->ops->submit(f, &wait.req);
	return io_wait_end(&wait);
}

static enum status file_copy(struct store *store, struct store_file *from, const struct step *step)
{
	uint8_t *buf = port_alloc(step->bytes);
	struct store_file *to;
	enum status st = store->ops->open(store, step->to, STORE_WRITE, &to, NULL), closed;

	if (st == ST_OK) {
		st = store_read(from, step->at, buf, step->bytes);
		if (st == ST_OK)
			st = store_write(to, step->at, buf, step->bytes);
		closed = store->ops->file_close(to);
		st = st == ST_OK ? closed : st;
	}
	port_free(buf);
	return st;
}

static enum status file_step(struct store *store, const struct step *step, uint64_t stamp)
{
	struct store_file *f;
	enum status st, closed;

	st = store->ops->open(store, step->path, STORE_WRITE, &f, NULL);
	if (st != ST_OK)
		return st;
	switch (step->op) {
	case WRITE: st = file_write(f, step, stamp); break;
	case RESIZE: st = store->ops->file_resize(f, step->bytes); break;
	case LAZY:
		st = store->ops->file_allocate(f, step->at, step->bytes, STORE_ALLOC_LAZY);
		break;
	case EAGER:
		st = store->ops->file_allocate(f, step->at, step->bytes, STORE_ALLOC_EAGER);
		break;
	case FLUSH: st = store_flush(f); break;
	case COPY: st = file_copy(store, f, step); break;
	default: st = file_clear(f, step); break;
	}
	closed = store->ops->file_close(f);
	return st == ST_OK ? closed : st;
}

static enum status volume_step(struct store *store, const struct step *step, uint64_t stamp)
{
	struct store_file *f;
	enum status st;

	switch (step->op) {
	case CREATE:
		st = store->ops->create(store, step->path, 0644, &f, NULL);
		return st == ST_OK ? store->ops->file_close(f) : st;
	case MKDIR: return store->ops->mkdir(store, step->path, 0755, NULL);
	case SYMLINK: return store->ops->symlink(store, step->to, step->path, NULL);
	case REMOVE: return store->ops->remove(store, step->path, NULL);
	case RENAME: return store->ops->rename(store, step->path, step->to, 1, NULL);
	case SYNC: return store->ops->sync(store);
	default: return file_step(store, step, stamp);
	}
}

void crash_run(struct volume *v, const struct scenario *s, uint32_t until, struct run *run)
{
	while (run->ended < until) {
		const struct step *step = &s->step[run->ended];

		if (volume_step(v->store, step, run->ended + 1) != ST_OK)
			return;
		run->ended++;
		if (step->op == SYNC)
			run->synced = run->ended;
	}
}

/* ---- the states ------------------------------------------------------------------------------ */

void crash_prepare(struct scenario *s)
{
	s->steps(s);
	s->state[0] = tree_create();
	for (uint32_t k = 0; k < s->count; k++) {
		s->state[k + 1] = tree_clone(s->state[k]);
		tree_step(s->state[k + 1], &s->step[k], k + 1);
	}
}

void crash_forget(struct scenario *s)
{
	for (uint32_t k = 0; k <= s->count; k++)
		if (s->state[k])
			tree_destroy(s->state[k]);
}
