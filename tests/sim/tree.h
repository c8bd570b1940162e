/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* tree - what a datastore should hold: names, kinds, sizes and every byte, in memory.
 * The content of a file is a list of pieces, each written with one stamp; a byte is a function of
 * its stamp and its offset, and what no piece covers reads as zero. So files of terabytes cost
 * nothing, and a byte that turns up in the wrong file, place or time is told apart. */
#ifndef CAIRN_TESTS_TREE_H
#define CAIRN_TESTS_TREE_H

#include "iopath/store.h"

#define TREE_NAME_MAX	127
#define TREE_PATH_MAX	1024

struct tree_piece { uint64_t at, bytes, stamp; };

struct tree_node {
	struct list link; /* of the parent's children, in the order they came */
	struct tree_node	*parent;
	struct list		children;
	enum store_kind		kind;		/* STORE_FILE, STORE_DIR or STORE_SYMLINK */
	uint32_t		id;		/* never used twice in a tree and its clones */
	char			name[TREE_NAME_MAX + 1];
	char			*target;	/* of a symlink */
	uint64_t		size_bytes;
	struct tree_piece	*piece;		/* sorted, apart from each other */
	uint32_t		piece_count, piece_room;
};

struct tree {
	struct tree_node	root;
	uint32_t		next_id, node_count;
};

struct tree *tree_create(void);
struct tree *tree_clone(const struct tree *tree);	/* with the same ids */
void tree_destroy(struct tree *tree);

struct tree_node *tree_add(struct tree *tree, struct tree_node *dir, const char *name,
			   enum store_kind kind);
void tree_remove(struct tree *tree, struct tree_node *node);
void tree_move(struct tree_node *node, struct tree_node *dir, const char *name);
struct tree_node *tree_child(struct tree_node *dir, const char *name);	/* NULL: none */
struct tree_node *tree_by_id(struct tree *tree, uint32_t id);
/* The next node in the order of the names' coming, depth first; NULL at the end. The first one is
 * the root. */
struct tree_node *tree_next(struct tree *tree, struct tree_node *node);
int tree_is_below(const struct tree_node *node, const struct tree_node *dir);	/* or the same */
void tree_path(const struct tree_node *node, char path[TREE_PATH_MAX]);
uint32_t tree_child_count(const struct tree_node *dir);

/* Content. stamp 0: zeros. A write or allocation past the end makes the file longer. */
void tree_write(struct tree_node *file, uint64_t at, uint64_t bytes, uint64_t stamp);
void tree_resize(struct tree_node *file, uint64_t size_bytes);
/* What a read must give; past the end: zeros. */
void tree_fill(const struct tree_node *file, uint64_t at, uint8_t *buf, size_t bytes);
/* What a write with this stamp writes. */
void tree_pattern(uint64_t stamp, uint64_t at, uint8_t *buf, size_t bytes);

#endif
