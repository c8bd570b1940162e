/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* model - the parts of the model test: model_chance.c decides, model_names.c and model_data.c do
 * one operation on the volume and on the tree, model.c runs them. */
#ifndef CAIRN_TESTS_MODEL_H
#define CAIRN_TESTS_MODEL_H

#include "tests/sim/volume.h"

#define DATA_MAX (3u * 1024 * 1024)	/* of one write */

struct model {
	struct volume	v;
	struct tree	*tree;
	uint64_t	seed, chance;
	uint64_t	op, ops, remount_every;
	uint64_t	stamp;
	int		small;			/* a volume that gets full */
	int		trace;
	uint64_t	full_answers, judged;
	uint8_t		*buf;			/* DATA_MAX + 8 */
};

uint64_t model_roll(struct model *m, uint64_t below);	/* 0 .. below - 1 */
/* An offset anywhere, or where the map of a file changes its shape; the second: inside the file. */
uint64_t model_offset(struct model *m, uint64_t size);
uint64_t model_inside(struct model *m, uint64_t size);
uint64_t model_length(struct model *m);
void model_name(struct model *m, char name[TREE_NAME_MAX + 1]);
/* A node of that kind; NULL when the tree has none. STORE_OTHER: any kind, but not the root. */
struct tree_node *model_node(struct model *m, enum store_kind kind);
struct tree_node *model_dir(struct model *m);
/* TRACE=1: every operation on a line, to find where a difference came from. */
void model_trace(struct model *m, const char *what, const char *path, uint64_t at, uint64_t bytes);

/* An answer that must not be: printed. Returns -1. */
int model_wrong(struct model *m, const char *what, const char *path, enum status st);
/* 1: the volume is full, which is allowed. */
int model_is_full(struct model *m, enum status st);
int model_remove_some(struct model *m, uint32_t count);

/* The operations: 0, or -1 after printing what is wrong. */
int model_create(struct model *m);
int model_mkdir(struct model *m);
int model_symlink(struct model *m);
int model_remove(struct model *m);
int model_rename(struct model *m);
int model_missing(struct model *m);
int model_list(struct model *m);
int model_data(struct model *m);

#endif
