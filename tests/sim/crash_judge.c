/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* crash_judge - what may be there after the crash: see the top of crash.c. */
#include "tests/sim/crash.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_BYTES (64u * 1024)

/* The volume's names, kinds, sizes and targets as a tree without content. */
struct scan { struct volume *v; struct tree *tree; struct tree_node *dir; };

static int scan_entry(void *arg, const char *name, const struct store_stat *st)
{
	struct scan *scan = arg;
	struct tree_node *node;
	char path[TREE_PATH_MAX], target[TREE_PATH_MAX];

	if (!scan->dir->parent && mem_ends_with(name, ".sf"))
		return 0;
	node = tree_add(scan->tree, scan->dir, name, st->kind);
	node->size_bytes = st->kind == STORE_FILE ? st->size_bytes : 0;
	tree_path(node, path);
	if (st->kind == STORE_SYMLINK &&
	    scan->v->store->ops->readlink(scan->v->store, path, target, sizeof(target)) == ST_OK)
		node->target = strdup(target);
	return 0;
}

static struct tree *volume_scan(struct volume *v)
{
	struct scan scan = { v, tree_create(), NULL };
	struct why why = { 0 };
	char path[TREE_PATH_MAX];

	for (scan.dir = &scan.tree->root; scan.dir; scan.dir = tree_next(scan.tree, scan.dir)) {
		if (scan.dir->kind != STORE_DIR)
			continue;
		tree_path(scan.dir, path);
		if (v->store->ops->list(v->store, path, scan_entry, &scan, &why) != ST_OK) {
			complain("%s: %s", path, why.text);
			tree_destroy(scan.tree);
			return NULL;
		}
	}
	return scan.tree;
}

static int same_names(struct tree_node *a, struct tree_node *b)
{
	struct tree_node *child, *other;

	if (tree_child_count(a) != tree_child_count(b))
		return 0;
	list_for_each(child, &a->children, link) {
		other = tree_child(b, child->name);
		if (!other || other->kind != child->kind || !same_names(child, other))
			return 0;
		if (child->kind == STORE_SYMLINK &&
		    (!child->target || strcmp(child->target, other->target) != 0))
			return 0;
	}
	return 1;
}

/* The latest k whose names are there; -1: none. */
static int match_names(struct scenario *s, struct tree *found, const struct run *run)
{
	uint32_t last = MIN(run->ended + 1, s->count);

	for (uint32_t k = last + 1; k-- > run->synced;)
		if (same_names(&found->root, &s->state[k]->root))
			return (int)k;
	return -1;
}

/* Does the step leave the file at least as it was then? A flush that ended does; so does a rename
 * whose name is there, for the data that ended before a name is durable with it. */
static int step_keeps(const struct scenario *s, const struct run *run, uint32_t k, uint32_t names)
{
	const struct step *step = &s->step[k - 1];

	return (step->op == FLUSH && k <= run->ended) || (step->op == RENAME && k <= names);
}

/* The first state that the file may show; the names are those of state `names`. */
static uint32_t file_floor(const struct scenario *s, const struct run *run, uint32_t names,
			   uint32_t id)
{
	uint32_t k = MAX(run->ended, names);
	struct tree_node *node;

	for (; k > run->synced; k--) {
		const struct step *step = &s->step[k - 1];

		if (!step_keeps(s, run, k, names))
			continue;
		node = crash_find(s->state[k], step->op == RENAME ? step->to : step->path);
		if (node && node->id == id)
			break;
	}
	return k;
}

struct candidates { struct tree_node *node[STEPS_MAX + 1]; uint32_t count; };

static void candidates_collect(struct scenario *s, const struct run *run, uint32_t names,
			       uint32_t id, struct candidates *c)
{
	uint32_t last = MIN(run->ended + 1, s->count);

	c->count = 0;
	for (uint32_t k = file_floor(s, run, names, id); k <= last; k++) {
		struct tree_node *node = tree_by_id(s->state[k], id);

		if (node)
			c->node[c->count++] = node;
	}
}

static int size_is_known(const struct candidates *c, uint64_t size)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (c->node[i]->size_bytes == size)
			return 1;
	return 0;
}

/* Each byte of [at, at + bytes) must be that of a candidate. */
static int bytes_are_known(struct store_file *f, const char *path, const struct candidates *c,
			   uint64_t at, size_t bytes)
{
	static uint8_t got[LOOK_BYTES], want[LOOK_BYTES], known[LOOK_BYTES];
	enum status st = store_read(f, at, got, bytes);

	if (st != ST_OK)
		return complain("%s: reading at %llu: %s", path, (unsigned long long)at,
				status_text(st));
	memset(known, 0, bytes);
	for (uint32_t i = c->count; i-- > 0;) {
		tree_fill(c->node[i], at, want, bytes);
		if (memcmp(want, got, bytes) == 0)
			return 0;
		for (size_t b = 0; b < bytes; b++)
			known[b] |= want[b] == got[b];
	}
	for (size_t b = 0; b < bytes; b++)
		if (!known[b])
			return complain("%s: byte %llu is 0x%02x, which it never was", path,
					(unsigned long long)(at + b), got[b]);
	return 0;
}

/* Look at every piece of every candidate, and at all of the file blocks they lie in. */
static int file_is_known(struct volume *v, const char *path, uint64_t size,
			 const struct candidates *c)
{
	struct store_file *f;
	int bad = 0;

	if (v->store->ops->open(v->store, path, STORE_READ, &f, NULL) != ST_OK)
		return complain("%s: does not open", path);
	for (uint32_t i = 0; i < c->count && !bad; i++) {
		for (uint32_t p = 0; p < c->node[i]->piece_count && !bad; p++) {
			const struct tree_piece *piece = &c->node[i]->piece[p];
			uint64_t from = round_down(piece->at, MIB);
			uint64_t to_at = MIN(round_up(piece->at + piece->bytes, MIB), size);

			if (i > 0 && p < c->node[i - 1]->piece_count &&
			    memcmp(piece, &c->node[i - 1]->piece[p], sizeof(*piece)) == 0)
				continue;
			for (uint64_t at = from; at < to_at && !bad; at += LOOK_BYTES)
				bad = bytes_are_known(
				    f, path, c, at, (size_t)MIN(to_at - at, (uint64_t)LOOK_BYTES));
		}
	}
	if (!bad && size)
		bad = bytes_are_known(f, path, c, size - MIN(size, 4096ull),
				      (size_t)MIN(size, 4096ull));
	if (v->store->ops->file_close(f) != ST_OK)
		bad = -1;
	return bad;
}

int crash_judge(struct volume *v, struct scenario *s, const struct run *run)
{
	struct tree *found = volume_scan(v);
	struct tree_node *node, *was;
	struct candidates c;
	char path[TREE_PATH_MAX];
	int k, bad = 0;

	if (!found)
		return -1;
	k = match_names(s, found, run);
	if (k < 0)
		bad = complain("the names are not those after any of the steps %u..%u", run->synced,
			       run->ended + 1);
	for (node = &found->root; node && !bad; node = tree_next(found, node)) {
		if (node->kind != STORE_FILE)
			continue;
		tree_path(node, path);
		was = crash_find(s->state[k], path);
		candidates_collect(s, run, (uint32_t)k, was->id, &c);
		if (!size_is_known(&c, node->size_bytes))
			bad = complain("%s: %llu bytes, which it never had", path,
				       (unsigned long long)node->size_bytes);
		else
			bad = file_is_known(v, path, node->size_bytes, &c);
	}
	tree_destroy(found);
	return bad;
}
