/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* model - random operations on a datastore and on a tree in memory, which must stay equal.
 *
 *	SEED=1 SEEDS=20 OPS=200000 model	seeds 1..20, 10,000 operations each
 *
 * Every REMOUNT operations (1000) the volume is unmounted, judged by vmfs_check() and, on a file, by
 * fsck.vmfs, mounted again and compared byte by byte. One seed in four works on a small volume, where
 * "no space" is an answer like any other: nothing may be lost or half done then. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/backing.h"
#include "tests/sim/volume.h"

#define NODES_MAX	240u
#define DATA_MAX	(3u * 1024 * 1024)	/* of one write */
#define BURST_MAX	8u

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

struct totals { uint64_t ops, remounts, full_answers, judged; };

/* ---- chance ------------------------------------------------------------------------------------ */

static uint64_t roll(struct model *m, uint64_t below)
{
	m->chance ^= m->chance << 13;
	m->chance ^= m->chance >> 7;
	m->chance ^= m->chance << 17;
	return (uint64_t)((unsigned __int128)(m->chance * 0x2545f4914f6cdd1dull) * below >> 64);
}

/* Where the map of a file changes its shape, and what lies around. */
static const uint64_t edges[] = {
	0, 1024, 8192, 65536, MIB, 2 * MIB, 256 * MIB, GIB, 2 * GIB, 256 * GIB, 257 * GIB, 1280 * GIB,
};

static uint64_t roll_offset(struct model *m, uint64_t size)
{
	uint64_t edge, back;

	switch (roll(m, 8)) {
	case 0: case 1: case 2:
		return size ? roll(m, size) : 0;
	case 3:
		return size;
	case 4:
		return roll(m, 64 * KIB);
	case 5:
		return roll(m, 8 * MIB);
	case 6:
		return roll(m, 16) * MIB;
	default:
		edge = edges[roll(m, m->small ? 6 : ARRAY_COUNT(edges))];
		back = roll(m, 3) * 700;
		return edge + roll(m, 3) * 512 - MIN(edge, back);
	}
}

static uint64_t roll_inside(struct model *m, uint64_t size)
{
	uint64_t at = roll_offset(m, size);

	return MIN(at, size - 1);
}

static uint64_t roll_length(struct model *m)
{
	switch (roll(m, 8)) {
	case 0: return 1 + roll(m, 16);
	case 1: return 1 + roll(m, 1100);
	case 2: return 512 * (1 + roll(m, 64));
	case 3: return 4096 * (1 + roll(m, 32));
	case 4: return 65536;
	case 5: return 1 + roll(m, 300000);
	case 6: return MIB - 3 + roll(m, 6);
	default: return 1 + roll(m, 9000);
	}
}

static void roll_name(struct model *m, char name[TREE_NAME_MAX + 1])
{
	uint64_t n = roll(m, 48);

	if (n == 0)
		snprintf(name, TREE_NAME_MAX + 1, "%0*d", TREE_NAME_MAX, 7);
	else if (n < 4)
		snprintf(name, TREE_NAME_MAX + 1, "\xc3\xbc\xe2\x82\xac %llu", (unsigned long long)n);
	else
		snprintf(name, TREE_NAME_MAX + 1, "n%llu", (unsigned long long)n);
}

/* A node of that kind; NULL when the tree has none. STORE_OTHER: any kind, but not the root. */
static struct tree_node *roll_node(struct model *m, enum store_kind kind)
{
	struct tree_node *node, *pick = NULL;
	uint64_t seen = 0;

	for (node = &m->tree->root; node; node = tree_next(m->tree, node)) {
		if (kind == STORE_OTHER ? node->parent != NULL : node->kind == kind)
			if (roll(m, ++seen) == 0)
				pick = node;
	}
	return pick;
}

static struct tree_node *roll_dir(struct model *m)
{
	struct tree_node *dir = roll_node(m, STORE_DIR);
	uint32_t depth = 0;

	for (struct tree_node *n = dir; n->parent; n = n->parent)
		depth++;
	return depth > 5 ? &m->tree->root : dir;
}

/* TRACE=1: every operation on a line, to find where a difference came from. */
static void trace(struct model *m, const char *what, const char *path, uint64_t at, uint64_t bytes)
{
	if (m->trace)
		fprintf(stderr, "%6llu %-9s %s %llu %llu\n", (unsigned long long)m->op, what, path,
			(unsigned long long)at, (unsigned long long)bytes);
}

/* ---- answers ----------------------------------------------------------------------------------- */

static int wrong(struct model *m, const char *what, const char *path, enum status st)
{
	return complain("seed %llu, operation %llu: %s %s: %s", (unsigned long long)m->seed,
			(unsigned long long)m->op, what, path, status_text(st));
}

/* 1: the volume is full, which is allowed. */
static int is_full(struct model *m, enum status st)
{
	if (st != ST_NOSPACE && st != ST_LIMIT)
		return 0;
	m->full_answers++;
	return 1;
}

static int remove_some(struct model *m, uint32_t count)
{
	struct tree_node *node;
	char path[TREE_PATH_MAX];
	enum status st;

	while (count-- && (node = roll_node(m, STORE_FILE)) != NULL) {
		tree_path(node, path);
		st = m->v.store->ops->remove(m->v.store, path, NULL);
		if (st != ST_OK)
			return wrong(m, "remove", path, st);
		tree_remove(m->tree, node);
	}
	return 0;
}

/* ---- names ------------------------------------------------------------------------------------- */

static void child_path(struct tree_node *dir, const char *name, char path[TREE_PATH_MAX])
{
	char above[TREE_PATH_MAX];

	tree_path(dir, above);
	snprintf(path, TREE_PATH_MAX, "%.880s/%s", above[1] ? above : "", name);
}

/* Compare an answer with what a new name in dir should give; 1: it was made. */
static int new_name(struct model *m, struct tree_node *dir, const char *name, const char *what, enum status st)
{
	char path[TREE_PATH_MAX];
	enum status want = tree_child(dir, name) ? ST_EXIST : ST_OK;

	child_path(dir, name, path);
	if (want == ST_OK && is_full(m, st))
		return remove_some(m, 4);
	if (st != want)
		return wrong(m, what, path, st);
	return st == ST_OK;
}

static int op_create(struct model *m)
{
	struct tree_node *dir = roll_dir(m);
	char name[TREE_NAME_MAX + 1], path[TREE_PATH_MAX];
	struct store_file *f;
	enum status st;
	int made;

	roll_name(m, name);
	child_path(dir, name, path);
	st = m->v.store->ops->create(m->v.store, path, 0644, &f, NULL);
	trace(m, "create", path, (uint64_t)st, 0);
	made = new_name(m, dir, name, "create", st);
	if (made > 0)
		tree_add(m->tree, dir, name, STORE_FILE);
	if (st == ST_OK && (st = m->v.store->ops->file_close(f)) != ST_OK)
		return wrong(m, "close", path, st);
	return made < 0 ? -1 : 0;
}

static int op_mkdir(struct model *m)
{
	struct tree_node *dir = roll_dir(m);
	char name[TREE_NAME_MAX + 1], path[TREE_PATH_MAX];
	int made;

	roll_name(m, name);
	child_path(dir, name, path);
	made = new_name(m, dir, name, "mkdir", m->v.store->ops->mkdir(m->v.store, path, 0755, NULL));
	if (made > 0)
		tree_add(m->tree, dir, name, STORE_DIR);
	return made < 0 ? -1 : 0;
}

static int op_symlink(struct model *m)
{
	struct tree_node *dir = roll_dir(m);
	char name[TREE_NAME_MAX + 1], path[TREE_PATH_MAX], target[1200];
	int made;

	memset(target, 'a' + (int)roll(m, 26), sizeof(target));
	target[roll(m, 3) ? 1 + roll(m, 60) : 1 + roll(m, 1000)] = 0;
	roll_name(m, name);
	child_path(dir, name, path);
	made = new_name(m, dir, name, "symlink", m->v.store->ops->symlink(m->v.store, target, path, NULL));
	if (made > 0)
		tree_add(m->tree, dir, name, STORE_SYMLINK)->target = strdup(target);
	return made < 0 ? -1 : 0;
}

static int op_remove(struct model *m)
{
	struct tree_node *node = roll_node(m, STORE_OTHER);
	char path[TREE_PATH_MAX];
	enum status st, want;

	if (!node)
		return 0;
	tree_path(node, path);
	want = list_empty(&node->children) ? ST_OK : ST_NOTEMPTY;
	trace(m, "remove", path, 0, 0);
	st = m->v.store->ops->remove(m->v.store, path, NULL);
	if (st != want)
		return wrong(m, "remove", path, st);
	if (st == ST_OK)
		tree_remove(m->tree, node);
	return 0;
}

/* What a rename should answer; ST_COUNT: any refusal. */
static enum status rename_answer(struct tree_node *node, struct tree_node *dir, struct tree_node *there, int replace)
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

static int op_rename(struct model *m)
{
	struct tree_node *node = roll_node(m, STORE_OTHER), *dir = roll_dir(m), *there;
	char name[TREE_NAME_MAX + 1], from[TREE_PATH_MAX], to[TREE_PATH_MAX];
	int replace = (int)roll(m, 2);
	enum status st, want;

	if (!node)
		return 0;
	roll_name(m, name);
	there = tree_child(dir, name);
	tree_path(node, from);
	child_path(dir, name, to);
	want = rename_answer(node, dir, there, replace);
	trace(m, "rename", from, 0, 0);
	trace(m, " to", to, 0, 0);
	st = m->v.store->ops->rename(m->v.store, from, to, replace, NULL);
	if (want == ST_OK && is_full(m, st))
		return remove_some(m, 4);
	if (want == ST_COUNT ? st == ST_OK || st == ST_DEVICE || st == ST_CORRUPT : st != want)
		return wrong(m, "rename to", to, st);
	if (st == ST_OK && there != node) {
		if (there)
			tree_remove(m->tree, there);
		tree_move(node, dir, name);
	}
	return 0;
}

static int op_missing(struct model *m)
{
	struct tree_node *dir = roll_dir(m);
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
	return st == ST_NOENT ? 0 : wrong(m, "missing", path, st);
}

static int op_list(struct model *m) { return volume_compare_dir(&m->v, m->tree, roll_dir(m)); }

/* ---- content: on an open file ------------------------------------------------------------------ */

/* A write ended with "no space": each sector of its range must hold the old or the new bytes, and the
 * file must not be longer than `end`. Make the tree equal to what is there. */
static int adopt_to(struct model *m, struct store_file *f, struct tree_node *file, struct tree_piece p,
		    uint64_t end)
{
	static uint8_t got[512], was[512], becomes[512];
	struct store_stat stat;
	enum status st = f->store->ops->file_stat(f, &stat);

	if (st != ST_OK || stat.size_bytes < file->size_bytes ||
	    stat.size_bytes > MAX(file->size_bytes, end))
		return complain("operation %llu: a full volume left a file of %llu bytes", (unsigned long long)m->op,
				(unsigned long long)stat.size_bytes);
	tree_resize(file, stat.size_bytes);
	for (uint64_t at = p.at; at < MIN(p.at + p.bytes, stat.size_bytes);) {
		size_t n = (size_t)MIN(512 - at % 512, MIN(p.at + p.bytes, stat.size_bytes) - at);

		tree_fill(file, at, was, n);
		tree_pattern(p.stamp, at, becomes, n);
		if (store_read(f, at, got, n) != ST_OK)
			return complain("a full volume left what cannot be read");
		if (memcmp(got, becomes, n) == 0)
			tree_write(file, at, n, p.stamp);
		else if (memcmp(got, was, n) != 0)
			return complain("operation %llu: a full volume left wrong bytes at %llu",
					(unsigned long long)m->op, (unsigned long long)at);
		at += n;
	}
	return 1;
}

static int adopt(struct model *m, struct store_file *f, struct tree_node *file, struct tree_piece p)
{
	return adopt_to(m, f, file, p, p.at + p.bytes);
}

static int data_write(struct model *m, struct store_file *f, struct tree_node *file)
{
	struct tree_piece p = { roll_offset(m, file->size_bytes), roll_length(m), ++m->stamp };
	uint8_t *buf = m->buf + roll(m, 8);
	enum status st;

	trace(m, "write", file->name, p.at, p.bytes);
	tree_pattern(p.stamp, p.at, buf, p.bytes);
	st = store_write(f, p.at, buf, p.bytes);
	if (is_full(m, st))
		return adopt(m, f, file, p);
	if (st != ST_OK)
		return wrong(m, "write", file->name, st);
	tree_write(file, p.at, p.bytes, p.stamp);
	return 0;
}

/* Several neighbours in flight at once. */
static int data_burst(struct model *m, struct store_file *f, struct tree_node *file)
{
	static struct io_wait wait[BURST_MAX];
	uint64_t unit = roll(m, 2) ? 4096 : 1 + roll(m, 100000), at = roll_offset(m, file->size_bytes);
	struct tree_piece failed[BURST_MAX];
	uint32_t failures = 0;

	if (roll(m, 2))
		at = round_down(at, 4096);
	trace(m, "burst", file->name, at, unit);
	for (uint32_t i = 0; i < BURST_MAX; i++) {
		uint8_t *buf = m->buf + i * unit;

		tree_pattern(m->stamp + 1 + i, at + i * unit, buf, unit);
		io_wait_begin(&wait[i], PORT_WRITE, at + i * unit, buf, unit);
		f->store->ops->submit(f, &wait[i].req);
	}
	for (uint32_t i = 0; i < BURST_MAX; i++) {
		struct tree_piece p = { at + i * unit, unit, ++m->stamp };
		enum status st = io_wait_end(&wait[i]);

		if (st == ST_OK)
			tree_write(file, p.at, p.bytes, p.stamp);
		else if (is_full(m, st))
			failed[failures++] = p;
		else
			return wrong(m, "burst", file->name, st);
	}
	for (uint32_t i = 0; i < failures; i++)
		if (adopt_to(m, f, file, failed[i], at + BURST_MAX * unit) < 0)
			return -1;
	return failures != 0;
}

static int data_resize(struct model *m, struct store_file *f, struct tree_node *file)
{
	uint64_t size = roll(m, 4) == 0 ? 0 : roll_offset(m, file->size_bytes);
	enum status st;

	trace(m, "resize", file->name, file->size_bytes, size);
	st = f->store->ops->file_resize(f, size);
	if (is_full(m, st))
		return 1;
	if (st != ST_OK)
		return wrong(m, "resize", file->name, st);
	tree_resize(file, size);
	return 0;
}

static int data_allocate(struct model *m, struct store_file *f, struct tree_node *file)
{
	uint64_t at = roll_offset(m, file->size_bytes), bytes = 1 + roll(m, 6 * MIB);
	enum store_alloc how = roll(m, 3) ? STORE_ALLOC_LAZY : STORE_ALLOC_EAGER;
	enum status st;

	trace(m, how == STORE_ALLOC_LAZY ? "lazy" : "eager", file->name, at, bytes);
	st = f->store->ops->file_allocate(f, at, bytes, how);
	if (is_full(m, st))
		return adopt(m, f, file, (struct tree_piece){ at, bytes, 0 });
	if (st != ST_OK)
		return wrong(m, "allocate", file->name, st);
	tree_resize(file, MAX(file->size_bytes, at + bytes));
	return 0;
}

static int data_clear(struct model *m, struct store_file *f, struct tree_node *file)
{
	enum port_io_op op = roll(m, 2) ? PORT_ZERO : PORT_UNMAP;
	struct io_wait wait;
	uint64_t at, bytes;
	enum status st;

	if (file->size_bytes == 0)
		return 0;
	at = roll_inside(m, file->size_bytes);
	bytes = 1 + roll(m, 2) * roll_length(m) + roll(m, 2) * roll(m, 5 * MIB);
	bytes = MIN(bytes, file->size_bytes - at);
	trace(m, op == PORT_ZERO ? "zero" : "unmap", file->name, at, bytes);
	io_wait_begin(&wait, op, at, NULL, bytes);
	f->store->ops->submit(f, &wait.req);
	st = io_wait_end(&wait);
	if (is_full(m, st))
		return adopt(m, f, file, (struct tree_piece){ at, bytes, 0 });
	if (st != ST_OK)
		return wrong(m, op == PORT_ZERO ? "zero" : "unmap", file->name, st);
	tree_write(file, at, bytes, 0);
	return 0;
}

static int data_read(struct model *m, struct store_file *f, struct tree_node *file)
{
	static uint8_t want[DATA_MAX];
	uint64_t at, bytes;
	enum status st;

	if (file->size_bytes == 0)
		return 0;
	at = roll_inside(m, file->size_bytes);
	bytes = roll_length(m);
	bytes = MIN(bytes, file->size_bytes - at);
	st = store_read(f, at, m->buf, bytes);
	if (st != ST_OK)
		return complain("seed %llu, operation %llu: read of %llu bytes at %llu of %s (%llu): %s",
				(unsigned long long)m->seed, (unsigned long long)m->op, (unsigned long long)bytes,
				(unsigned long long)at, file->name, (unsigned long long)file->size_bytes,
				status_text(st));
	tree_fill(file, at, want, bytes);
	if (memcmp(want, m->buf, bytes) != 0)
		return complain("seed %llu, operation %llu: read of %llu bytes at %llu of %s is wrong",
				(unsigned long long)m->seed, (unsigned long long)m->op, (unsigned long long)bytes,
				(unsigned long long)at, file->name);
	return 0;
}

static int data_flush(struct model *m, struct store_file *f, struct tree_node *file)
{
	enum status st = store_flush(f);

	return st == ST_OK || is_full(m, st) ? 0 : wrong(m, "flush", file->name, st);
}

typedef int (*data_fn)(struct model *m, struct store_file *f, struct tree_node *file);
static const data_fn data_ops[] = {
	data_write, data_write, data_write, data_write, data_burst, data_read, data_read,
	data_resize, data_allocate, data_clear, data_clear, data_flush,
};

static int op_data(struct model *m)
{
	struct tree_node *file = roll_node(m, STORE_FILE);
	char path[TREE_PATH_MAX];
	struct store_file *f;
	enum status st;
	int rc = 0;

	if (!file)
		return op_create(m);
	tree_path(file, path);
	st = m->v.store->ops->open(m->v.store, path, STORE_WRITE, &f, NULL);
	if (st != ST_OK)
		return wrong(m, "open", path, st);
	for (uint64_t n = 1 + roll(m, 3); n && rc == 0; n--)
		rc = data_ops[roll(m, ARRAY_COUNT(data_ops))](m, f, file);
	st = f->store->ops->file_close(f);
	if (st != ST_OK)
		return wrong(m, "close", path, st);
	return rc > 0 ? remove_some(m, 4) : rc;
}

/* ---- the run ----------------------------------------------------------------------------------- */

typedef int (*op_fn)(struct model *m);
static const op_fn ops[] = {
	op_create, op_create, op_create, op_mkdir, op_symlink, op_remove, op_remove, op_rename, op_rename,
	op_list, op_missing, op_data, op_data, op_data, op_data, op_data, op_data, op_data, op_data,
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
	if (m->v.store->ops->space(m->v.store, &after) != ST_OK || before.free_bytes != after.free_bytes)
		return complain("%llu bytes were free, now %llu", (unsigned long long)before.free_bytes,
				(unsigned long long)after.free_bytes);
	return volume_compare(&m->v, m->tree);
}

static int run_ops(struct model *m)
{
	int bad = 0;

	while (m->op < m->ops && !bad) {
		m->op++;
		if (m->tree->node_count > NODES_MAX)
			bad = remove_some(m, 40);
		else
			bad = ops[roll(m, ARRAY_COUNT(ops))](m);
		if (!bad && (m->op % m->remount_every == 0 || m->op == m->ops))
			bad = remount(m);
	}
	return bad;
}

static int run_seed(uint64_t seed, uint64_t count, uint64_t remount_every, struct totals *sum)
{
	struct model m = { .seed = seed, .chance = seed * 0x9e3779b97f4a7c15ull | 1, .ops = count,
			   .remount_every = remount_every, .small = seed % 4 == 0, .trace = getenv("TRACE") != NULL };
	char uri[256];
	int bad;

	if (backing_create(m.small ? 320 * MIB : 6 * GIB, uri) < 0)
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
		fprintf(stderr, "model: SEED=%llu failed at operation %llu\n", (unsigned long long)seed,
			(unsigned long long)m.op);
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
		passed += run_seed(seed, setting("OPS", 6000) / seeds, setting("REMOUNT", 1000), &sum) == 0;
	printf("model: %s: seeds %llu..%llu: %llu operations, %llu remounts (%llu judged by fsck.vmfs), "
	       "%llu answers \"full\"\n", port_engine(), (unsigned long long)first,
	       (unsigned long long)(first + seeds - 1), (unsigned long long)sum.ops,
	       (unsigned long long)sum.remounts, (unsigned long long)sum.judged,
	       (unsigned long long)sum.full_answers);
	printf("#RESULT %llu %llu 0\n", (unsigned long long)passed, (unsigned long long)(seeds - passed));
	*(int *)arg = passed != seeds;
}

int main(void)
{
	struct port_config config = { .seed = setting("SEED", 1), .engine = getenv("ENGINE"), .log_level = LOG_ERROR };
	struct why why = { 0 };
	int failed = 1;

	if (port_run(&config, model_world, &failed, &why) != ST_OK)
		fprintf(stderr, "model: %s\n", why.text);
	return failed;
}
