/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* model_chance - what the next operation is done to, and which answers it may get. */
#include "tests/sim/model.h"

#include <stdio.h>

uint64_t model_roll(struct model *m, uint64_t below)
{
	m->chance ^= m->chance << 13;
	m->chance ^= m->chance >> 7;
	m->chance ^= m->chance << 17;
	return (uint64_t)((unsigned __int128)(m->chance * 0x2545f4914f6cdd1dull) * below >> 64);
}

/* Where the map of a file changes its shape, and what lies around. */
static const uint64_t edges[] = {
	0, 1024, 8192, 65536, MIB, 2 * MIB, 256 * MIB, GIB, 2 * GIB, 256 * GIB, 257 * GIB,
	1280 * GIB,
};

uint64_t model_offset(struct model *m, uint64_t size)
{
	uint64_t edge, back;

	switch (model_roll(m, 8)) {
	case 0: case 1: case 2:
		return size ? model_roll(m, size) : 0;
	case 3:
		return size;
	case 4:
		return model_roll(m, 64 * KIB);
	case 5:
		return model_roll(m, 8 * MIB);
	case 6:
		return model_roll(m, 16) * MIB;
	default:
		edge = edges[model_roll(m, m->small ? 6 : ARRAY_COUNT(edges))];
		back = model_roll(m, 3) * 700;
		return edge + model_roll(m, 3) * 512 - MIN(edge, back);
	}
}

uint64_t model_inside(struct model *m, uint64_t size)
{
	uint64_t at = model_offset(m, size);

	return MIN(at, size - 1);
}

uint64_t model_length(struct model *m)
{
	switch (model_roll(m, 8)) {
	case 0: return 1 + model_roll(m, 16);
	case 1: return 1 + model_roll(m, 1100);
	case 2: return 512 * (1 + model_roll(m, 64));
	case 3: return 4096 * (1 + model_roll(m, 32));
	case 4: return 65536;
	case 5: return 1 + model_roll(m, 300000);
	case 6: return MIB - 3 + model_roll(m, 6);
	default: return 1 + model_roll(m, 9000);
	}
}

void model_name(struct model *m, char name[TREE_NAME_MAX + 1])
{
	uint64_t n = model_roll(m, 48);

	if (n == 0)
		snprintf(name, TREE_NAME_MAX + 1, "%0*d", TREE_NAME_MAX, 7);
	else if (n < 4)
		snprintf(name, TREE_NAME_MAX + 1, "\xc3\xbc\xe2\x82\xac %llu",
			 (unsigned long long)n);
	else
		snprintf(name, TREE_NAME_MAX + 1, "n%llu", (unsigned long long)n);
}

struct tree_node *model_node(struct model *m, enum store_kind kind)
{
	struct tree_node *node, *pick = NULL;
	uint64_t seen = 0;

	for (node = &m->tree->root; node; node = tree_next(m->tree, node)) {
		if (kind == STORE_OTHER ? node->parent != NULL : node->kind == kind)
			if (model_roll(m, ++seen) == 0)
				pick = node;
	}
	return pick;
}

struct tree_node *model_dir(struct model *m)
{
	struct tree_node *dir = model_node(m, STORE_DIR);
	uint32_t depth = 0;

	for (struct tree_node *n = dir; n->parent; n = n->parent)
		depth++;
	return depth > 5 ? &m->tree->root : dir;
}

void model_trace(struct model *m, const char *what, const char *path, uint64_t at, uint64_t bytes)
{
	if (m->trace)
		fprintf(stderr, "%6llu %-9s %s %llu %llu\n", (unsigned long long)m->op, what, path,
			(unsigned long long)at, (unsigned long long)bytes);
}

/* ---- answers --------------------------------------------------------------------------------- */

int model_wrong(struct model *m, const char *what, const char *path, enum status st)
{
	return complain("seed %llu, operation %llu: %s %s: %s", (unsigned long long)m->seed,
			(unsigned long long)m->op, what, path, status_text(st));
}

int model_is_full(struct model *m, enum status st)
{
	if (st != ST_NOSPACE && st != ST_LIMIT)
		return 0;
	m->full_answers++;
	return 1;
}

int model_remove_some(struct model *m, uint32_t count)
{
	struct tree_node *node;
	char path[TREE_PATH_MAX];
	enum status st;

	while (count-- && (node = model_node(m, STORE_FILE)) != NULL) {
		tree_path(node, path);
		st = m->v.store->ops->remove(m->v.store, path, NULL);
		if (st != ST_OK)
			return model_wrong(m, "remove", path, st);
		tree_remove(m->tree, node);
	}
	return 0;
}
