/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The snapshot tree of a machine. Keys are "snapshot.current" and "snapshotK.parent"; the numbers K
 * are positions in the file, parents are named by uid. Everything that does not fit together is
 * told, and what fits is still shown: a link of the tree that is wrong is left out of it. */
#include "snapshots/snapshots_priv.h"

#include "iopath/base/fmt.h"

#define FAULTS_MAX 16	/* told of one file; more say nothing new */

struct entry_disk {
	uint32_t	index;
	const char	*file, *node;
};

struct entry {
	struct inv_snapshot	snap;
	uint32_t		index, parent_uid;
	uint32_t		high, low;	/* of createTime */
	uint8_t			has_uid;
	struct inv_snapshot	*made;
	struct ptrs		disks;		/* struct entry_disk */
};

struct vmsd {
	struct arena		*arena;
	struct vmsd_result	*result;
	struct ptrs		entries;
	struct entry		*last;		/* keys of one entry stand together */
	uint32_t		current, faults;
	int64_t			count;		/* numSnapshots; -1: not said */
};

static void fault(struct vmsd *v, const char *format, ...) PRINTF_LIKE(2, 3);
static void fault(struct vmsd *v, const char *format, ...)
{
	char text[400];
	va_list ap;

	if (v->faults++ >= FAULTS_MAX || !v->result->fault)
		return;
	va_start(ap, format);
	fmt_v(text, sizeof(text), format, ap);
	va_end(ap);
	v->result->fault(v->result->arg, text);
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* What is left of a key's name. */
struct key { const char *at, *end; };

static int key_is(struct key k, const char *word)
{
	struct dict d = { .name = k.at, .name_bytes = (size_t)(k.end - k.at) };

	return dict_is(&d, word);
}

/* Digits and a dot: "12.displayName". */
static int key_index(struct key *k, uint32_t *index)
{
	const char *start = k->at;
	uint32_t n = 0;

	for (; k->at < k->end && *k->at >= '0' && *k->at <= '9' && n < 100000; k->at++)
		n = n * 10 + (uint32_t)(*k->at - '0');
	*index = n;
	return k->at > start && k->at < k->end && *k->at++ == '.';
}

static uint32_t uid_of(const struct dict *d)
{
	int64_t n;

	return dict_number(d, &n) && n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* Half of a time: a signed 32-bit number, of which the bits count. */
static uint32_t half_of(const struct dict *d)
{
	int64_t n;

	return dict_number(d, &n) && n >= INT32_MIN && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static enum status set_text(struct vmsd *v, const char **field, const struct dict *d)
{
	*field = arena_value(v->arena, d);
	return *field ? ST_OK : ST_NOMEM;
}

static enum status disk_key(struct vmsd *v, struct entry *e, struct key k, const struct dict *d)
{
	struct entry_disk *disk = e->disks.count ? e->disks.at[e->disks.count - 1] : NULL;
	uint32_t index;

	if (!key_index(&k, &index))
		return ST_OK;
	for (uint32_t i = 0; i < e->disks.count && (!disk || disk->index != index); i++)
		disk = e->disks.at[i];
	if (!disk || disk->index != index) {
		if (e->disks.count >= DEVICES_MAX)
			return ST_OK;
		disk = arena_alloc(v->arena, sizeof(*disk));
		if (!disk || ptrs_add(v->arena, &e->disks, disk) != ST_OK)
			return ST_NOMEM;
		disk->index = index;
	}
	if (key_is(k, "fileName"))
		return set_text(v, &disk->file, d);
	return key_is(k, "node") ? set_text(v, &disk->node, d) : ST_OK;
}

static enum status entry_key(struct vmsd *v, struct entry *e, struct key k, const struct dict *d)
{
	struct inv_snapshot *s = &e->snap;

	if (key_is(k, "uid")) {
		s->uid = uid_of(d);
		e->has_uid = s->uid != 0;
	} else if (key_is(k, "parent")) {
		e->parent_uid = uid_of(d);
	} else if (key_is(k, "createTimeHigh")) {
		e->high = half_of(d);
	} else if (key_is(k, "createTimeLow")) {
		e->low = half_of(d);
	} else if (key_is(k, "quiesced")) {
		s->quiesced = (uint8_t)dict_bool(d, 0);
	} else if (key_is(k, "displayName")) {
		return set_text(v, &s->name, d);
	} else if (key_is(k, "description")) {
		return set_text(v, &s->description, d);
	} else if (key_is(k, "filename")) {
		return set_text(v, &s->state_file, d);
	} else if (k.end - k.at > 4 && key_is((struct key){ k.at, k.at + 4 }, "disk")) {
		return disk_key(v, e, (struct key){ k.at + 4, k.end }, d);
	}
	return ST_OK;
}

/* NULL: no memory (*st), or more than SNAPSHOTS_MAX. */
static struct entry *get_entry(struct vmsd *v, uint32_t index, enum status *st)
{
	struct entry *e = v->last;

	for (uint32_t i = 0; i < v->entries.count && (!e || e->index != index); i++)
		e = v->entries.at[i];
	if (!e || e->index != index) {
		if (v->entries.count >= SNAPSHOTS_MAX) {
			fault(v, "describes more than %u snapshots", SNAPSHOTS_MAX);
			return NULL;
		}
		e = arena_alloc(v->arena, sizeof(*e));
		if (!e || ptrs_add(v->arena, &v->entries, e) != ST_OK) {
			*st = ST_NOMEM;
			return NULL;
		}
		e->index = index;
	}
	v->last = e;
	return e;
}

static enum status take_pair(struct vmsd *v, const struct dict *d)
{
	const char *behind = dict_behind(d, "snapshot");
	struct key k = { behind, d->name + d->name_bytes };
	enum status st = ST_OK;
	struct entry *e;
	uint32_t index;
	int64_t n;

	if (!behind || k.at == k.end)
		return ST_OK;
	if (key_is(k, ".current"))
		v->current = uid_of(d);
	else if (key_is(k, ".numSnapshots"))
		v->count = dict_number(d, &n) && n >= 0 ? n : -1;
	else if (key_is(k, ".needConsolidate"))
		v->result->needs_consolidation = (uint8_t)dict_bool(d, 0);
	else if (key_index(&k, &index)) {
		e = get_entry(v, index, &st);
		return e ? entry_key(v, e, k, d) : st;
	}
	return ST_OK;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static int by_index(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

static struct inv_snapshot *by_uid(struct inv_vm *vm, uint32_t uid)
{
	for (uint32_t i = 0; i < vm->snapshot_count; i++)
		if (vm->snapshots[i].uid == uid)
			return &vm->snapshots[i];
	return NULL;
}

static enum status copy_disks(struct vmsd *v, const struct entry *e, struct inv_snapshot *s)
{
	s->disks = arena_alloc(v->arena, e->disks.count * sizeof(*s->disks));
	if (!s->disks)
		return ST_NOMEM;
	for (uint32_t i = 0; i < e->disks.count; i++) {
		const struct entry_disk *disk = e->disks.at[i];

		if (!disk->file)
			continue;
		s->disks[s->disk_count++] = (struct inv_disk){
			.node = disk->node, .file = disk->file, .state = INV_DISK_MISSING,
		};
	}
	return ST_OK;
}

/* Entries with a uid of their own become snapshots; only then can parents be found. */
static enum status make_snapshots(struct vmsd *v, struct inv_vm *vm)
{
	enum status st = ST_OK;

	ptrs_sort(&v->entries, by_index);
	vm->snapshots = arena_alloc(v->arena, v->entries.count * sizeof(*vm->snapshots));
	if (!vm->snapshots)
		return ST_NOMEM;
	for (uint32_t i = 0; i < v->entries.count && st == ST_OK; i++) {
		struct entry *e = v->entries.at[i];
		struct inv_snapshot *s = &vm->snapshots[vm->snapshot_count];

		if (!e->has_uid) {
			fault(v, "snapshot%u has no uid", e->index);
		} else if (by_uid(vm, e->snap.uid)) {
			fault(v, "two snapshots have the uid %u", e->snap.uid);
		} else {
			*s = e->snap;
			e->made = s;
			s->created_us = (int64_t)((uint64_t)e->high << 32 | e->low);
			vm->snapshot_count++;
			st = copy_disks(v, e, s);
			if (!s->state_file)
				fault(v, "the snapshot of uid %u names no .vmsn file", s->uid);
		}
	}
	return st;
}

/* 1 when s is above itself. Parents that were set before end in a root. */
static int closes_a_loop(const struct inv_snapshot *s, const struct inv_snapshot *parent)
{
	for (; parent; parent = parent->parent)
		if (parent == s)
			return 1;
	return 0;
}

static void join_parents(struct vmsd *v, struct inv_vm *vm)
{
	for (uint32_t i = 0; i < v->entries.count; i++) {
		const struct entry *e = v->entries.at[i];
		struct inv_snapshot *s = e->made, *parent;

		if (!s || !e->parent_uid)
			continue;
		parent = by_uid(vm, e->parent_uid);
		if (!parent)
			fault(v, "the snapshot of uid %u has the parent %u, which is not there",
			      s->uid, e->parent_uid);
		else if (closes_a_loop(s, parent))
			fault(v, "the snapshot of uid %u is its own ancestor", s->uid);
		else
			s->parent = parent;
	}
}

static void mark_current(struct vmsd *v, struct inv_vm *vm)
{
	struct inv_snapshot *s = v->current ? by_uid(vm, v->current) : NULL;

	if (s)
		s->current = 1;
	else if (v->current)
		fault(v, "the current snapshot has the uid %u, which is not there", v->current);
	if (v->count >= 0 && v->count != v->entries.count)
		fault(v, "counts %lld snapshots and describes %u", (long long)v->count,
		      v->entries.count);
}

enum status vmsd_parse(struct arena *a, const char *text, size_t bytes, struct inv_vm *vm,
		       struct vmsd_result *r)
{
	struct vmsd v = { .arena = a, .result = r, .count = -1 };
	enum status st = ST_OK;
	struct dict d;

	dict_init(&d, text, bytes);
	while (st == ST_OK && dict_next_pair(&d))
		st = take_pair(&v, &d);
	if (st == ST_OK)
		st = make_snapshots(&v, vm);
	if (st != ST_OK)
		return st;
	join_parents(&v, vm);
	mark_current(&v, vm);
	return ST_OK;
}
