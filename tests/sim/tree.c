/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "tree: no memory\n");
		exit(2);
	}
	return p;
}

/* ---- names ----------------------------------------------------------------------------------- */

struct tree *tree_create(void)
{
	struct tree *tree = must(calloc(1, sizeof(*tree)));

	tree->root.kind = STORE_DIR;
	list_init(&tree->root.children);
	list_init(&tree->root.link);
	tree->next_id = 1;
	return tree;
}

static struct tree_node *node_make(struct tree_node *dir, const char *name, enum store_kind kind)
{
	struct tree_node *node = must(calloc(1, sizeof(*node)));

	node->parent = dir;
	node->kind = kind;
	list_init(&node->children);
	mem_copy_text(node->name, sizeof(node->name), name);
	list_add_tail(&dir->children, &node->link);
	return node;
}

struct tree_node *tree_add(struct tree *tree, struct tree_node *dir, const char *name,
			   enum store_kind kind)
{
	struct tree_node *node = node_make(dir, name, kind);

	node->id = tree->next_id++;
	tree->node_count++;
	return node;
}

static void node_free(struct tree_node *node)
{
	struct tree_node *child, *next;

	list_for_each_safe(child, next, &node->children, link) {
		node_free(child);
		free(child);
	}
	free(node->target);
	free(node->piece);
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
	list_del(&node->link);
	node_free(node);
	free(node);
	tree->node_count--;
}

void tree_destroy(struct tree *tree)
{
	node_free(&tree->root);
	free(tree);
}

static void clone_children(struct tree_node *to, const struct tree_node *from)
{
	struct tree_node *child, *copy;

	list_for_each(child, &from->children, link) {
		copy = node_make(to, child->name, child->kind);
		copy->id = child->id;
		copy->size_bytes = child->size_bytes;
		if (child->target)
			copy->target = must(strdup(child->target));
		if (child->piece_count) {
			copy->piece = must(calloc(child->piece_count, sizeof(*copy->piece)));
			memcpy(copy->piece, child->piece,
			       child->piece_count * sizeof(*copy->piece));
			copy->piece_count = copy->piece_room = child->piece_count;
		}
		clone_children(copy, child);
	}
}

struct tree *tree_clone(const struct tree *tree)
{
	struct tree *copy = tree_create();

	copy->next_id = tree->next_id;
	copy->node_count = tree->node_count;
	clone_children(&copy->root, &tree->root);
	return copy;
}

void tree_move(struct tree_node *node, struct tree_node *dir, const char *name)
{
	list_del(&node->link);
	mem_copy_text(node->name, sizeof(node->name), name);
	node->parent = dir;
	list_add_tail(&dir->children, &node->link);
}

struct tree_node *tree_child(struct tree_node *dir, const char *name)
{
	struct tree_node *child;

	list_for_each(child, &dir->children, link)
		if (strcmp(child->name, name) == 0)
			return child;
	return NULL;
}

struct tree_node *tree_next(struct tree *tree, struct tree_node *node)
{
	if (!list_empty(&node->children))
		return list_first(&node->children, struct tree_node, link);
	while (node != &tree->root) {
		if (node->link.next != &node->parent->children)
			return list_entry(node->link.next, struct tree_node, link);
		node = node->parent;
	}
	return NULL;
}

struct tree_node *tree_by_id(struct tree *tree, uint32_t id)
{
	struct tree_node *node = &tree->root;

	while (node && node->id != id)
		node = tree_next(tree, node);
	return node;
}

int tree_is_below(const struct tree_node *node, const struct tree_node *dir)
{
	for (; node; node = node->parent)
		if (node == dir)
			return 1;
	return 0;
}

void tree_path(const struct tree_node *node, char path[TREE_PATH_MAX])
{
	char above[TREE_PATH_MAX];

	if (!node->parent) {
		mem_copy_text(path, TREE_PATH_MAX, "/");
		return;
	}
	tree_path(node->parent, above);
	snprintf(path, TREE_PATH_MAX, "%.800s/%s", above[1] ? above : "", node->name);
}

uint32_t tree_child_count(const struct tree_node *dir)
{
	const struct tree_node *child;
	uint32_t count = 0;

	list_for_each(child, &dir->children, link)
		count++;
	return count;
}

/* ---- content --------------------------------------------------------------------------------- */

static void piece_insert(struct tree_node *file, uint32_t index, struct tree_piece piece)
{
	if (file->piece_count == file->piece_room) {
		file->piece_room = file->piece_room ? 2 * file->piece_room : 4;
		file->piece = must(realloc(file->piece, file->piece_room * sizeof(*file->piece)));
	}
	memmove(file->piece + index + 1, file->piece + index,
		(file->piece_count - index) * sizeof(*file->piece));
	file->piece[index] = piece;
	file->piece_count++;
}

static void piece_delete(struct tree_node *file, uint32_t index)
{
	file->piece_count--;
	memmove(file->piece + index, file->piece + index + 1,
		(file->piece_count - index) * sizeof(*file->piece));
}

/* Take [at, end) out of all pieces; returns the index where a piece at `at` belongs. */
static uint32_t pieces_cut(struct tree_node *file, uint64_t at, uint64_t end)
{
	uint32_t i = 0;

	while (i < file->piece_count && file->piece[i].at + file->piece[i].bytes <= at)
		i++;
	while (i < file->piece_count && file->piece[i].at < end) {
		struct tree_piece old = file->piece[i];
		struct tree_piece tail = { end, old.at + old.bytes - end, old.stamp };

		if (old.at + old.bytes > end)
			piece_insert(file, i + 1, tail);
		if (old.at < at)
			file->piece[i++].bytes = at - old.at;
		else
			piece_delete(file, i);
		if (old.at + old.bytes > end)
			break;
	}
	return i;
}

void tree_write(struct tree_node *file, uint64_t at, uint64_t bytes, uint64_t stamp)
{
	uint32_t index;

	if (bytes == 0)
		return;
	index = pieces_cut(file, at, at + bytes);
	if (stamp)
		piece_insert(file, index, (struct tree_piece){ at, bytes, stamp });
	file->size_bytes = MAX(file->size_bytes, at + bytes);
}

void tree_resize(struct tree_node *file, uint64_t size_bytes)
{
	if (size_bytes < file->size_bytes)
		pieces_cut(file, size_bytes, UINT64_MAX);
	file->size_bytes = size_bytes;
}

/* Eight bytes of a stamp: the finaliser of MurmurHash3 over both numbers. */
static uint64_t mix(uint64_t stamp, uint64_t word)
{
	uint64_t x = stamp * 0x9e3779b97f4a7c15ull + word;

	x = (x ^ x >> 33) * 0xff51afd7ed558ccdull;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ull;
	return x ^ x >> 33;
}

void tree_pattern(uint64_t stamp, uint64_t at, uint8_t *buf, size_t bytes)
{
	for (size_t i = 0; i < bytes;) {
		uint64_t word = mix(stamp, (at + i) / 8);
		size_t from = (at + i) % 8, n = MIN(8 - from, bytes - i);

		memcpy(buf + i, (uint8_t *)&word + from, n);
		i += n;
	}
	/* The first four bytes of a file are zero: fsck.vmfs takes those of a file that lies in its
	 * descriptor for a block pointer, and reports it. */
	for (size_t i = 0; i < bytes && at + i < 4; i++)
		buf[i] = 0;
}

void tree_fill(const struct tree_node *file, uint64_t at, uint8_t *buf, size_t bytes)
{
	memset(buf, 0, bytes);
	for (uint32_t i = 0; i < file->piece_count; i++) {
		const struct tree_piece *p = &file->piece[i];
		uint64_t from = MAX(p->at, at), to = MIN(p->at + p->bytes, at + bytes);

		if (from < to)
			tree_pattern(p->stamp, from, buf + (from - at), to - from);
	}
}
