/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* crash - the power fails after every single device write of five scenarios.
 *
 *	SEED=1 EVERY=7 crash	every seventh write (default: each)
 *
 * A scenario is a list of steps. It runs once to the end, which gives the state of the tree after
 * each step and the number of device writes. Then it runs again for every write n: after n writes
 * the device is dead, the step under way fails, the power goes. Each point is tried twice: with all
 * n writes on the medium, and with a seeded choice of the sectors since the last flush missing.
 * The volume must mount (which replays the journal), and then:
 *	names	are those after step k, for one k from the last sync that ended to the step that failed
 *	sizes	of each file are those after such a step
 *	bytes	of each file are those after such a step, byte by byte, or zero where it had none: never
 *		what another file left there
 *	check	vmfs_check() finds no leak, no wrong count, no damage
 * At every second point the recovery itself is cut short in the same way, and must then succeed. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/backing.h"
#include "tests/sim/volume.h"

#define STEPS_MAX	400
#define LOOK_BYTES	(64u * 1024)

enum step_op {
	CREATE, MKDIR, SYMLINK, REMOVE, RENAME, WRITE, RESIZE, LAZY, EAGER, UNMAP, ZERO, FLUSH, SYNC,
};

struct step {
	enum step_op	op;
	char		path[80], to[80];	/* to: the new name of RENAME, the target of SYMLINK */
	uint64_t	at, bytes;
};

struct scenario {
	const char	*name;
	void		(*steps)(struct scenario *s);
	struct step	step[STEPS_MAX];
	uint32_t	count;
	struct tree	*state[STEPS_MAX + 1];	/* [k]: after k steps */
	uint64_t	writes;
};

struct run {				/* how far one run came */
	uint32_t	ended;		/* steps that ended well */
	uint32_t	synced;		/* of those, up to the last SYNC */
};

struct totals { uint64_t points, cut_recoveries, failures; };

/* ---- steps ------------------------------------------------------------------------------------- */

static struct step *add(struct scenario *s, enum step_op op, const char *format, ...) PRINTF_LIKE(3, 4);
static struct step *add(struct scenario *s, enum step_op op, const char *format, ...)
{
	struct step *step = &s->step[s->count++];
	va_list ap;

	VERIFY(s->count <= STEPS_MAX);
	step->op = op;
	va_start(ap, format);
	vsnprintf(step->path, sizeof(step->path), format, ap);
	va_end(ap);
	return step;
}

static void range(struct step *step, uint64_t at, uint64_t bytes)
{
	step->at = at;
	step->bytes = bytes;
}

static void to(struct step *step, const char *text) { mem_copy_text(step->to, sizeof(step->to), text); }

/* Many names in three directories, removed and made again. */
static void names_steps(struct scenario *s)
{
	for (int d = 0; d < 3; d++)
		add(s, MKDIR, "/d%d", d);
	for (int i = 0; i < 36; i++) {
		add(s, CREATE, "/d%d/f%d", i % 3, i);
		if (i % 3 == 0)
			range(add(s, WRITE, "/d0/f%d", i), 0, 300 + 700 * (uint64_t)(i % 4));
		if (i % 12 == 11)
			add(s, SYNC, "/");
	}
	for (int i = 0; i < 36; i += 2)
		add(s, REMOVE, "/d%d/f%d", i % 3, i);
	add(s, SYNC, "/");
	for (int i = 0; i < 36; i += 4)
		add(s, CREATE, "/d%d/f%d", i % 3, i);
	for (int i = 1; i < 36; i += 2)
		add(s, REMOVE, "/d%d/f%d", i % 3, i);
	add(s, SYNC, "/");
}

/* Files and directories renamed: away, over others, and into other directories. */
static void rename_steps(struct scenario *s)
{
	add(s, MKDIR, "/a");
	add(s, MKDIR, "/b");
	for (int i = 0; i < 8; i++) {
		add(s, CREATE, "/a/f%d", i);
		range(add(s, WRITE, "/a/f%d", i), 0, 900 + 1500 * (uint64_t)i);
		add(s, CREATE, "/b/g%d", i);
		range(add(s, WRITE, "/b/g%d", i), 0, 12000);
	}
	add(s, SYNC, "/");
	for (int i = 0; i < 8; i += 2) {
		to(add(s, RENAME, "/a/f%d", i), "/b/g0");
		to(add(s, RENAME, "/b/g0"), "/a/g0");
		add(s, CREATE, "/b/g0");
		range(add(s, WRITE, "/b/g0"), 4096, 4096);
		if (i == 4)
			add(s, SYNC, "/");
	}
	add(s, MKDIR, "/a/sub");
	add(s, CREATE, "/a/sub/x");
	to(add(s, RENAME, "/a/sub"), "/b/sub");
	to(add(s, RENAME, "/b"), "/a/b");
	add(s, SYNC, "/");
	to(add(s, RENAME, "/a/b/sub/x"), "/a/f1");
	to(add(s, RENAME, "/a/b/sub"), "/sub");
	add(s, REMOVE, "/sub");
	add(s, SYNC, "/");
}

/* A file that grows through every shape of its map, and back; another beside it. */
static void grow_steps(struct scenario *s)
{
	static const struct { uint64_t at, bytes; } write[] = {
		{ 0, 100 }, { 100, 900 }, { 1000, 3000 }, { 4000, 5000 }, { 9000, 200000 },
		{ MIB - 1000, 2000 }, { 3 * MIB, 4096 }, { 255 * MIB, 65536 }, { 256 * MIB, 8192 },
		{ 1024 * MIB - 512, 1024 }, { 3000 * MIB, 4096 }, { 255 * GIB, 4096 },
		{ 256 * GIB, 4096 }, { 300 * GIB, 70000 }, { 10, 2000 },
	};

	add(s, CREATE, "/big");
	add(s, CREATE, "/side");
	for (size_t i = 0; i < ARRAY_COUNT(write); i++) {
		range(add(s, WRITE, "/big"), write[i].at, write[i].bytes);
		range(add(s, WRITE, "/side"), i * 5000, 5000);
		if (i % 3 == 1)
			add(s, SYNC, "/");
		if (i % 3 == 2)
			add(s, FLUSH, "/big");
	}
	range(add(s, RESIZE, "/big"), 0, 2000 * MIB);
	range(add(s, WRITE, "/side"), 100, 50);
	range(add(s, RESIZE, "/big"), 0, 5 * MIB);
	add(s, SYNC, "/");
	range(add(s, RESIZE, "/big"), 0, 500);
	range(add(s, WRITE, "/big"), 2000, 10);
	range(add(s, RESIZE, "/side"), 0, 0);
	add(s, SYNC, "/");
}

/* Disks, lazily and eagerly allocated, written into, punched, cut and made longer. */
static void disk_steps(struct scenario *s)
{
	add(s, CREATE, "/lazy");
	range(add(s, LAZY, "/lazy"), 0, 12 * MIB);
	add(s, CREATE, "/eager");
	range(add(s, EAGER, "/eager"), 0, 3 * MIB);
	add(s, SYNC, "/");
	for (uint64_t i = 0; i < 10; i++)
		range(add(s, WRITE, "/lazy"), i * MIB + i * 5000, i % 3 ? 4096 : 9000);
	range(add(s, WRITE, "/eager"), MIB - 4096, 8192);
	add(s, SYNC, "/");
	range(add(s, UNMAP, "/lazy"), 2 * MIB - 4096, 3 * MIB);
	range(add(s, WRITE, "/lazy"), 3 * MIB + 4096, 4096);
	range(add(s, ZERO, "/lazy"), 6 * MIB, 2 * MIB);
	range(add(s, WRITE, "/lazy"), 7 * MIB, 512);
	add(s, FLUSH, "/lazy");
	range(add(s, RESIZE, "/lazy"), 0, 4 * MIB + 100);
	range(add(s, RESIZE, "/lazy"), 0, 8 * MIB);
	range(add(s, WRITE, "/lazy"), 5 * MIB, 3000);
	add(s, SYNC, "/");
	range(add(s, LAZY, "/lazy"), 0, 300 * MIB);
	range(add(s, WRITE, "/lazy"), 299 * MIB, 4096);
	add(s, SYNC, "/");
	range(add(s, UNMAP, "/lazy"), 0, 299 * MIB);
	range(add(s, UNMAP, "/eager"), 0, 3 * MIB);
	add(s, SYNC, "/");
}

/* A tree of directories and links comes and goes; then a file of over a thousand blocks is removed,
 * which takes several transactions. */
static void tree_steps(struct scenario *s)
{
	for (int i = 0; i < 6; i++) {
		add(s, MKDIR, "/t%d", i);
		add(s, MKDIR, "/t%d/in", i);
		to(add(s, SYMLINK, "/t%d/link", i), "../somewhere/else");
		add(s, CREATE, "/t%d/in/file", i);
	}
	add(s, SYNC, "/");
	for (int i = 0; i < 6; i += 2) {
		add(s, REMOVE, "/t%d/in/file", i);
		add(s, REMOVE, "/t%d/in", i);
		add(s, REMOVE, "/t%d/link", i);
		add(s, REMOVE, "/t%d", i);
	}
	add(s, CREATE, "/huge");
	range(add(s, LAZY, "/huge"), 0, 1300 * MIB);
	range(add(s, WRITE, "/huge"), 1200 * MIB, 4096);
	add(s, SYNC, "/");
	add(s, REMOVE, "/huge");
	add(s, MKDIR, "/after");
	add(s, CREATE, "/after/one");
	range(add(s, WRITE, "/after/one"), 0, 20000);
	add(s, SYNC, "/");
	add(s, REMOVE, "/t1/link");
	add(s, SYNC, "/");
}

/* ---- doing a step, on the tree and on the volume ----------------------------------------------- */

static struct tree_node *find(struct tree *tree, const char *path)
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
	return find(tree, dir);
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
	struct tree_node *node = find(tree, step->path), *there = find(tree, step->to), *dir;
	const char *name;

	if (there)
		tree_remove(tree, there);
	dir = parent_of(tree, step->to, &name);
	tree_move(node, dir, name);
}

static void tree_step(struct tree *tree, const struct step *step, uint64_t stamp)
{
	struct tree_node *node = find(tree, step->path);

	switch (step->op) {
	case CREATE: tree_make(tree, step, STORE_FILE); break;
	case MKDIR: tree_make(tree, step, STORE_DIR); break;
	case SYMLINK: tree_make(tree, step, STORE_SYMLINK); break;
	case REMOVE: tree_remove(tree, node); break;
	case RENAME: tree_rename(tree, step); break;
	case WRITE: tree_write(node, step->at, step->bytes, stamp); break;
	case RESIZE: tree_resize(node, step->bytes); break;
	case LAZY: case EAGER: tree_resize(node, MAX(node->size_bytes, step->at + step->bytes)); break;
	case UNMAP: case ZERO: tree_write(node, step->at, step->bytes, 0); break;
	case FLUSH: case SYNC: break;
	}
}

static enum status file_write(struct store_file *f, const struct step *step, uint64_t stamp)
{
	uint8_t *buf = malloc(step->bytes);
	enum status st;

	tree_pattern(stamp, step->at, buf, step->bytes);
	st = store_write(f, step->at, buf, step->bytes);
	free(buf);
	return st;
}

static enum status file_clear(struct store_file *f, const struct step *step)
{
	struct io_wait wait;

	io_wait_begin(&wait, step->op == ZERO ? PORT_ZERO : PORT_UNMAP, step->at, NULL, step->bytes);
	f->store->ops->submit(f, &wait.req);
	return io_wait_end(&wait);
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
	case LAZY: st = store->ops->file_allocate(f, step->at, step->bytes, STORE_ALLOC_LAZY); break;
	case EAGER: st = store->ops->file_allocate(f, step->at, step->bytes, STORE_ALLOC_EAGER); break;
	case FLUSH: st = store_flush(f); break;
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

/* All steps in order until one fails. */
static struct run run_steps(struct volume *v, const struct scenario *s)
{
	struct run run = { 0 };

	while (run.ended < s->count) {
		const struct step *step = &s->step[run.ended];

		if (volume_step(v->store, step, run.ended + 1) != ST_OK)
			break;
		run.ended++;
		if (step->op == SYNC)
			run.synced = run.ended;
	}
	return run;
}

/* ---- what may be there after the crash --------------------------------------------------------- */

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
	if (st->kind == STORE_SYMLINK && scan->v->store->ops->readlink(scan->v->store, path, target, sizeof(target)) == ST_OK)
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
		if (child->kind == STORE_SYMLINK && (!child->target || strcmp(child->target, other->target) != 0))
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

/* The first state that the file may show: a flush of it that ended counts like a sync. */
static uint32_t file_floor(const struct scenario *s, const struct run *run, uint32_t id)
{
	uint32_t k = run->ended;
	struct tree_node *node;

	for (; k > run->synced; k--) {
		if (s->step[k - 1].op != FLUSH)
			continue;
		node = find(s->state[k], s->step[k - 1].path);
		if (node && node->id == id)
			break;
	}
	return k;
}

struct candidates { struct tree_node *node[STEPS_MAX + 1]; uint32_t count; };

static void candidates_collect(struct scenario *s, const struct run *run, uint32_t id, struct candidates *c)
{
	uint32_t last = MIN(run->ended + 1, s->count);

	c->count = 0;
	for (uint32_t k = file_floor(s, run, id); k <= last; k++) {
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
static int bytes_are_known(struct store_file *f, const char *path, const struct candidates *c, uint64_t at,
			   size_t bytes)
{
	static uint8_t got[LOOK_BYTES], want[LOOK_BYTES], known[LOOK_BYTES];
	enum status st = store_read(f, at, got, bytes);

	if (st != ST_OK)
		return complain("%s: reading at %llu: %s", path, (unsigned long long)at, status_text(st));
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
static int file_is_known(struct volume *v, const char *path, uint64_t size, const struct candidates *c)
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
				bad = bytes_are_known(f, path, c, at, (size_t)MIN(to_at - at, (uint64_t)LOOK_BYTES));
		}
	}
	if (!bad && size)
		bad = bytes_are_known(f, path, c, size - MIN(size, 4096ull), (size_t)MIN(size, 4096ull));
	if (v->store->ops->file_close(f) != ST_OK)
		bad = -1;
	return bad;
}

static int judge_state(struct volume *v, struct scenario *s, const struct run *run)
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
		bad = complain("the names are not those after any of the steps %u..%u", run->synced, run->ended + 1);
	for (node = &found->root; node && !bad; node = tree_next(found, node)) {
		if (node->kind != STORE_FILE)
			continue;
		tree_path(node, path);
		was = find(s->state[k], path);
		candidates_collect(s, run, was->id, &c);
		if (!size_is_known(&c, node->size_bytes))
			bad = complain("%s: %llu bytes, which it never had", path, (unsigned long long)node->size_bytes);
		else
			bad = file_is_known(v, path, node->size_bytes, &c);
	}
	tree_destroy(found);
	return bad;
}

/* ---- the sweep --------------------------------------------------------------------------------- */

struct point { uint64_t writes; int drop; uint64_t seed; };	/* drop: lose sectors that were not flushed */

/* Cut the recovery itself after a few writes: mount on a device that is about to die. */
static void cut_recovery(struct volume *v, const struct point *point, struct totals *sum)
{
	backing_stop_after(point->seed % 13);
	complain_quietly(1);	/* it is meant to fail, or to end just before */
	if (volume_mount(v, 1, 0) == 0)
		volume_abandon(v);
	complain_quietly(0);
	backing_crash(point->drop, point->seed + 1);
	sum->cut_recoveries++;
}

/* Run the scenario up to the point, lose the power, recover, judge. */
static int crash_at(struct volume *v, struct scenario *s, const struct point *point, struct totals *sum)
{
	struct vmfs_check_result result;
	struct run run;
	int bad;

	if (backing_restore(v->uri) < 0 || volume_mount(v, 1, 0) < 0)
		return -1;
	backing_stop_after(point->writes);
	run = run_steps(v, s);
	complain_quietly(1);
	volume_abandon(v);
	complain_quietly(0);
	if (!backing_has_stopped())
		return complain("all steps are done after fewer than %llu writes", (unsigned long long)point->writes);
	backing_crash(point->drop, point->seed);
	sum->points++;
	if (point->writes % 2 == 0)
		cut_recovery(v, point, sum);
	if (volume_mount(v, 1, 0) < 0)
		return -1;
	bad = judge_state(v, s, &run);
	if (volume_unmount(v) < 0 || volume_check(v, &result) < 0)
		bad = -1;
	return bad;
}

/* The whole scenario once, without a crash: its states, and how many writes it takes. */
static int rehearse(struct volume *v, struct scenario *s)
{
	struct vmfs_check_result result;
	struct run run;

	s->steps(s);
	s->state[0] = tree_create();
	for (uint32_t k = 0; k < s->count; k++) {
		s->state[k + 1] = tree_clone(s->state[k]);
		tree_step(s->state[k + 1], &s->step[k], k + 1);
	}
	if (backing_restore(v->uri) < 0 || volume_mount(v, 1, 0) < 0)
		return -1;
	s->writes = backing_writes();
	run = run_steps(v, s);
	s->writes = backing_writes() - s->writes;
	if (run.ended < s->count)
		return complain("step %u fails without a crash: %s", run.ended, s->step[run.ended].path);
	if (volume_compare(v, s->state[s->count]) < 0 || volume_unmount(v) < 0)
		return -1;
	return volume_check(v, &result);
}

static void forget(struct scenario *s)
{
	for (uint32_t k = 0; k <= s->count; k++)
		if (s->state[k])
			tree_destroy(s->state[k]);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void sweep(struct volume *v, struct scenario *s, struct totals *all)
{
	uint64_t every = setting("EVERY", 1), seed = setting("SEED", 1);
	uint64_t only = setting("POINT", UINT64_MAX);
	struct totals sum = { 0 };

	if (rehearse(v, s) < 0) {
		fprintf(stderr, "crash: %s: fails without a crash\n", s->name);
		all->failures++;
		forget(s);
		return;
	}
	for (uint64_t n = only == UINT64_MAX ? seed % every : only; n < s->writes; n += every) {
		for (int drop = 0; drop <= 1; drop++) {
			struct point point = { n, drop, seed * 1000003 + n };

			if (crash_at(v, s, &point, &sum) == 0)
				continue;
			volume_abandon(v);
			sum.failures++;
			fprintf(stderr, "crash: %s: SEED=%llu POINT=%llu%s failed\n", s->name,
				(unsigned long long)seed, (unsigned long long)n, drop ? ", sectors dropped" : "");
		}
		if (only != UINT64_MAX || sum.failures > 5)
			break;
	}
	printf("crash: %-8s %3u steps, %4llu writes, %4llu points, %3llu recoveries cut, %llu failures\n", s->name,
	       s->count, (unsigned long long)s->writes, (unsigned long long)sum.points,
	       (unsigned long long)sum.cut_recoveries, (unsigned long long)sum.failures);
	all->points += sum.points;
	all->cut_recoveries += sum.cut_recoveries;
	all->failures += sum.failures;
	forget(s);
}

static struct scenario scenarios[] = {
	{ .name = "names", .steps = names_steps }, { .name = "rename", .steps = rename_steps },
	{ .name = "grow", .steps = grow_steps }, { .name = "disk", .steps = disk_steps },
	{ .name = "tree", .steps = tree_steps },
};

static void crash_world(void *arg)
{
	const char *only = getenv("SCENARIO");
	struct totals all = { 0 };
	struct volume v;
	char uri[256];
	int failed = backing_create(3 * GIB, uri) < 0 || volume_make(&v, uri) < 0 || backing_save(uri) < 0;

	if (!failed) {
		for (size_t i = 0; i < ARRAY_COUNT(scenarios); i++)
			if (!only || strcmp(only, scenarios[i].name) == 0)
				sweep(&v, &scenarios[i], &all);
		backing_destroy(uri);
	}
	printf("#RESULT %llu %llu 0\n", (unsigned long long)(all.points - MIN(all.points, all.failures)),
	       (unsigned long long)(all.failures + (uint64_t)failed));
	*(int *)arg = failed || all.failures;
}

int main(void)
{
	struct port_config config = { .seed = setting("SEED", 1), .log_level = LOG_ERROR };
	struct why why = { 0 };
	int failed = 1;

	if (port_run(&config, crash_world, &failed, &why) != ST_OK)
		fprintf(stderr, "crash: %s\n", why.text);
	return failed;
}
