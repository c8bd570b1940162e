/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Resources: one owner each, nothing lost, freed ones stay away until that is durable. */
#include "tests/unit/vmfs/vol.h"
#include "vmfs/vmfs_priv.h"

#define VOLUME_BYTES	(600 * MIB)

struct take {
	enum vmfs_res	kind;
	uint64_t	goal, want, first, count;
	uint64_t	addr;
	enum status	end;
};

static enum status take_op(struct vmfs_volume *vol, void *arg)
{
	struct take *t = arg;
	enum status st;

	if (t->kind == VMFS_RES_FB)
		st = vmfs_alloc_blocks(vol, t->goal, t->want, &t->first, &t->count);
	else
		st = vmfs_alloc_one(vol, t->kind, &t->addr);
	return st == ST_OK ? t->end : st;
}

static enum status free_op(struct vmfs_volume *vol, void *arg)
{
	return vmfs_alloc_free(vol, *(uint64_t *)arg);
}

static enum status run(struct vol *v, vmfs_op_fn *fn, void *arg)
{
	enum status st;

	vmfs_enter(v->volume);
	st = vmfs_meta_run(v->volume, 4, fn, arg);
	vmfs_leave(v->volume);
	return st;
}

static uint64_t free_of(struct vol *v, enum vmfs_res kind)
{
	struct vmfs_count count = { 0 };

	vmfs_enter(v->volume);
	CU_ASSERT_EQUAL(vmfs_alloc_count(v->volume, kind, &count), ST_OK);
	vmfs_leave(v->volume);
	return count.free;
}

static void test_each_resource_is_given_once(void)
{
	static const enum vmfs_res kinds[] = {VMFS_RES_SB, VMFS_RES_PB, VMFS_RES_PB2, VMFS_RES_FD};

	for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
		struct take t = { .kind = kinds[k] };
		uint64_t room, n = 0;
		uint64_t *got;
		struct vol v;

		vol_format(VOLUME_BYTES);
		vol_mount(&v, 1);
		room = free_of(&v, kinds[k]);
		got = calloc(room + 1, sizeof(*got));
		while (run(&v, take_op, &t) == ST_OK && n <= room) {
			for (uint64_t i = 0; i < n; i++)
				CU_ASSERT_FATAL(got[i] != t.addr);
			got[n++] = t.addr;
		}
		CU_ASSERT_EQUAL(n, room);
		CU_ASSERT_EQUAL(free_of(&v, kinds[k]), 0);
		while (n)
			CU_ASSERT_EQUAL(run(&v, free_op, &got[--n]), ST_OK);
		CU_ASSERT_EQUAL(run(&v, free_op, &got[0]), ST_CORRUPT);
		CU_ASSERT_EQUAL(free_of(&v, kinds[k]), room);
		CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
		CU_ASSERT_EQUAL(vol_finding_count(), 0);
		free(got);
	}
}

static void test_blocks_follow_the_goal(void)
{
	struct take t = { .kind = VMFS_RES_FB, .want = 10 };
	struct vol v;
	uint64_t first;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(run(&v, take_op, &t), ST_OK);
	first = t.first + t.count;
	t.goal = first;
	CU_ASSERT_EQUAL(run(&v, take_op, &t), ST_OK);
	CU_ASSERT_EQUAL(t.first, first);
	CU_ASSERT(t.count >= 1 && t.count <= 10);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

static void test_failed_operation_gives_back(void)
{
	struct take t = { .kind = VMFS_RES_FB, .want = 50, .end = ST_LIMIT };
	struct vol v;
	uint64_t free;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	free = free_of(&v, VMFS_RES_FB);
	CU_ASSERT_EQUAL(run(&v, take_op, &t), ST_LIMIT);
	CU_ASSERT_EQUAL(free_of(&v, VMFS_RES_FB), free);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
	CU_ASSERT_EQUAL(vol_finding_count(), 0);
}

/* I5: what the running group freed is not given again before it is committed. */
static void test_freed_is_not_given_before_the_commit(void)
{
	struct take t = { .kind = VMFS_RES_PB2 };
	uint64_t addr, last;
	struct vol v;
	uint64_t txn;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	CU_ASSERT_EQUAL(run(&v, take_op, &t), ST_OK);
	addr = t.addr;
	CU_ASSERT_EQUAL(run(&v, free_op, &addr), ST_OK);
	txn = v.volume->journal.txn;
	do {
		CU_ASSERT_EQUAL_FATAL(run(&v, take_op, &t), ST_OK);
		last = t.addr;
		CU_ASSERT(last != addr || v.volume->journal.txn > txn);
	} while (last != addr);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

/* A header that lies is found before anything is taken from it. */
static void test_damaged_cluster_is_corrupt(void)
{
	struct take t = { .kind = VMFS_RES_PB2 };
	struct vol v;
	uint64_t at;
	uint8_t junk = 0x77;

	vol_format(VOLUME_BYTES);
	vol_mount(&v, 1);
	at = vmfs_layout_cluster_at(&v.volume->layout, VMFS_RES_PB2, 0);
	CU_ASSERT_EQUAL(sim_disk_poke(DISK, LVM_DATA_AT + at + 512 + 8, &junk, 1), ST_OK);
	v.volume->alloc.pool[VMFS_RES_PB2].rover = 0;
	CU_ASSERT_EQUAL(run(&v, take_op, &t), ST_CORRUPT);
	CU_ASSERT_EQUAL(vol_unmount(&v), ST_OK);
}

static const struct cu_case cases[] = {
	{ "each resource is given once", test_each_resource_is_given_once },
	{ "blocks follow the goal", test_blocks_follow_the_goal },
	{ "a failed operation gives back", test_failed_operation_gives_back },
	{ "freed is not given before the commit", test_freed_is_not_given_before_the_commit },
	{ "a damaged cluster is corrupt", test_damaged_cluster_is_corrupt },
};
CU_MAIN("vmfs/alloc", cases)
