/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* model - random operations on a datastore and on a tree in memory, which must stay equal.
 *
 *	SEED=1 SEEDS=20 OPS=200000 model	seeds 1..20, 10,000 operations each
 *
 * Every REMOUNT operations (1000) the volume is unmounted, judged by vmfs_check() and, on a file,
 * by fsck.vmfs, mounted again and compared byte by byte. One seed in three works on a small volume,
 * where "no space" is an answer like any other: nothing may be lost or half done then. */
#include "tests/sim/model.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/backing.h"

#define NODES_MAX 240u

struct totals { uint64_t ops, remounts, full_answers, judged; };

typedef int (*op_fn)(struct model *m);
static const op_fn ops[] = {
	model_create, model_create, model_create, model_mkdir, model_symlink, model_remove,
	model_remove, model_rename, model_rename, model_list, model_missing, model_data,
	model_data, model_data, model_data, model_data, model_data, model_data, model_data,
};

static int remount(struct model *m)
{
	struct vmfs_check_result result;
	struct store_space before, after;
	struct hidden hidden;
	int judged;

	if (m->v.store->ops->space(m->v.store, &before) != ST_OK)
		return complain("the free space is not known");
	if (volume_hidden_blocks(&m->v, m->tree, &hidden) < 0 || volume_unmount(&m->v) < 0 ||
	    volume_check(&m->v, &result) < 0)
		return -1;
	judged = backing_judge(m->v.uri, &hidden);
	if (judged < 0 || volume_mount(&m->v, 1, 0) < 0)
		return -1;
	m->judged += (uint64_t)judged;
	if (m->v.store->ops->space(m->v.store, &after) != ST_OK ||
	    before.free_bytes != after.free_bytes)
		return complain("%llu bytes were free, now %llu",
				(unsigned long long)before.free_bytes,
				(unsigned long long)after.free_bytes);
	return volume_compare(&m->v, m->tree);
}

static int run_ops(struct model *m)
{
	int bad = 0;

	while (m->op < m->ops && !bad) {
		m->op++;
		if (m->tree->node_count > NODES_MAX)
			bad = model_remove_some(m, 40);
		else
			bad = ops[model_roll(m, ARRAY_COUNT(ops))](m);
		if (!bad && (m->op % m->remount_every == 0 || m->op == m->ops))
			bad = remount(m);
	}
	return bad;
}

static int run_seed(uint64_t seed, uint64_t count, uint64_t remount_every, struct totals *sum)
{
	struct model m = {
		.seed = seed, .chance = seed * 0x9e3779b97f4a7c15ull | 1, .ops = count,
		.remount_every = remount_every, .small = seed % 3 == 0,
		.trace = getenv("TRACE") != NULL,
	};
	char uri[256];
	int bad;

	/* A VMFS-6 has 529 MiB at least, most of it the system's. */
	if (backing_create(m.small ? (volume_version() == 6 ? 600 : 320) * MIB : 6 * GIB, uri) < 0)
		return -1;
	m.buf = calloc(1, DATA_MAX + 8);
	m.tree = tree_create();
	bad = !m.buf || volume_make(&m.v, uri) < 0 || volume_mount(&m.v, 1, 0) < 0;
	if (!bad) {
		bad = run_ops(&m) < 0;
		if (m.v.vol)
			volume_abandon(&m.v);
	}
	if (bad)
		fprintf(stderr, "model: SEED=%llu failed at operation %llu\n",
			(unsigned long long)seed, (unsigned long long)m.op);
	sum->ops += m.ops;
	sum->remounts += count / remount_every;
	sum->full_answers += m.full_answers;
	sum->judged += m.judged;
	tree_destroy(m.tree);
	free(m.buf);
	if (!bad || !getenv("KEEP"))
		backing_destroy(uri);
	return bad ? -1 : 0;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void model_world(void *arg)
{
	uint64_t first = setting("SEED", 1), seeds = setting("SEEDS", 3), passed = 0;
	struct totals sum = { 0 };

	for (uint64_t seed = first; seed < first + seeds; seed++)
		passed += run_seed(seed, setting("OPS", 6000) / seeds, setting("REMOUNT", 1000),
				   &sum) == 0;
	printf("model: %s: seeds %llu..%llu: %llu operations, %llu remounts (%llu judged by "
	       "fsck.vmfs), "
	       "%llu answers \"full\"\n",
	       port_engine(), (unsigned long long)first, (unsigned long long)(first + seeds - 1),
	       (unsigned long long)sum.ops, (unsigned long long)sum.remounts,
	       (unsigned long long)sum.judged, (unsigned long long)sum.full_answers);
	printf("#RESULT %llu %llu 0\n", (unsigned long long)passed,
	       (unsigned long long)(seeds - passed));
	*(int *)arg = passed != seeds;
}

int main(void)
{
	struct port_config config = {
	    .seed = setting("SEED", 1), .engine = getenv("ENGINE"), .log_level = LOG_ERROR};
	struct why why = { 0 };
	int failed = 1;

	if (port_run(&config, model_world, &failed, &why) != ST_OK)
		fprintf(stderr, "model: %s\n", why.text);
	return failed;
}
