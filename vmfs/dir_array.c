/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* dir_array - directories of VMFS-3 and -5: an array of 140-byte entries, "." first, ".." second.
 *
 * A removed entry is overwritten by the last one and the file gets shorter, so an array never
 * has holes of ours; entries with descriptor 0 (others may leave some) are passed over. The
 * names of the directories asked last are hashed in memory: entry number by name. An index is
 * built by one walk, follows every change, and is dropped when an operation that changed it
 * fails. */
#include "vmfs/vmfs_priv.h"

#define ENTRY_BYTES	sizeof(struct vmfs_dirent_disk)
#define INDEX_NONE	UINT32_MAX

static uint32_t hash_name(const char *name)
{
	uint32_t h = 2166136261u;

	while (*name)
		h = (h ^ (uint8_t)*name++) * 16777619u;
	return h;
}

static uint32_t count_of(const struct vmfs_fd *dir)
{
	return (uint32_t)MIN(vmfs_fd_length(dir) / ENTRY_BYTES, (uint64_t)UINT32_MAX - 1);
}

static enum status array_entry(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t number,
			       struct vmfs_entry *entry)
{
	struct vmfs_dirent_disk d;
	enum status st = vmfs_fd_read(vol, dir, (uint64_t)number * ENTRY_BYTES, &d, sizeof(d));

	if (st != ST_OK)
		return st;
	vmfs_entry_decode(&d.head, d.name, number, entry);
	return ST_OK;
}

/* ---- the index ------------------------------------------------------------------------------- */

static void index_drop(struct vmfs_dir_index *x)
{
	port_free(x->head);
	port_free(x->next);
	port_free(x->hash);
	memset(x, 0, sizeof(*x));
}

static void index_put(struct vmfs_dir_index *x, uint32_t number, uint32_t hash)
{
	uint32_t *head = &x->head[hash & x->mask];

	x->hash[number] = hash;
	x->next[number] = *head;
	*head = number;
	x->count = MAX(x->count, number + 1);
}

static void index_take(struct vmfs_dir_index *x, uint32_t number)
{
	uint32_t *at = &x->head[x->hash[number] & x->mask];

	while (*at != number && *at != INDEX_NONE)
		at = &x->next[*at];
	if (*at == number)
		*at = x->next[number];
}

/* Room for `max` entries, hashed anew. */
static enum status index_resize(struct vmfs_dir_index *x, uint32_t max)
{
	struct vmfs_dir_index n = *x;

	n.max = max;
	for (n.mask = 64; n.mask < max; n.mask *= 2)
		;
	n.head = port_alloc(n.mask * sizeof(uint32_t));
	n.next = port_alloc(max * sizeof(uint32_t));
	n.hash = port_alloc(max * sizeof(uint32_t));
	if (!n.head || !n.next || !n.hash) {
		port_free(n.head);
		port_free(n.next);
		port_free(n.hash);
		return ST_NOMEM;
	}
	memset(n.head, 0xFF, n.mask * sizeof(uint32_t));
	n.mask--;
	for (uint32_t i = 0; i < x->count; i++)
		index_put(&n, i, x->hash[i]);
	port_free(x->head);
	port_free(x->next);
	port_free(x->hash);
	*x = n;
	return ST_OK;
}

/* Every entry names a descriptor of this volume, but for the ".." of sub-directories. */
static uint32_t count_max(const struct vmfs_volume *vol)
{
	return (uint32_t)MIN(2 * (uint64_t)vol->layout.geom[VMFS_RES_FD].count + 1024,
			     (uint64_t)UINT32_MAX - 1);
}

static enum status index_build(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			       struct vmfs_dir_index *x)
{
	uint32_t count = MIN(count_of(dir), count_max(vol));
	enum status st;

	if (count < count_of(dir) && vol->writable)
		return ST_CORRUPT;
	x->gap = count < count_of(dir) ? ST_CORRUPT : ST_OK;
	st = index_resize(x, count + count / 2 + 32);
	for (uint32_t i = 0; i < count && st == ST_OK; i++) {
		struct vmfs_entry e;

		st = array_entry(vol, dir, i, &e);
		if (st == ST_OK)
			index_put(x, i, hash_name(e.name));
		/* A reader finds the others; a name that is not found may have been here. */
		if (st == ST_OK || vol->writable || st == ST_NOMEM)
			continue;
		x->gap = st;
		st = ST_OK;
	}
	x->count = count_of(dir);
	return st;
}

/* The index of a directory, built when it is not there: in place of the one not used longest. */
static enum status index_of(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			    struct vmfs_dir_index **out)
{
	struct vmfs_dirs *dirs = &vol->dirs;
	uint32_t generation = le32_get(vmfs_fd_meta(dir)->generation);
	struct vmfs_dir_index *x = NULL, *old = &dirs->index[0];
	enum status st = ST_OK;

	for (uint32_t i = 0; i < DIR_INDEXES; i++) {
		struct vmfs_dir_index *c = &dirs->index[i];

		if (c->fd == dir->addr && c->generation == generation)
			x = c;
		if (c->used < old->used)
			old = c;
	}
	if (!x || x->count != count_of(dir) ||
	    (vol->writable && !vmfs_cover_stands(vol, vmfs_fd_lock_at(vol, dir), x->token))) {
		x = x ? x : old;
		index_drop(x);
		st = index_build(vol, dir, x);
		if (st != ST_OK) {
			index_drop(x);
			return st;
		}
		x->fd = dir->addr;
		x->generation = generation;
		x->token = vmfs_cover_token(vol, vmfs_fd_lock_at(vol, dir));
	}
	x->used = ++dirs->clock;
	*out = x;
	return st;
}

void vmfs_dir_op_abort(struct vmfs_volume *vol)
{
	for (uint32_t i = 0; i < DIR_INDEXES; i++)
		if (vol->dirs.index[i].op == vol->dirs.op)
			index_drop(&vol->dirs.index[i]);
}

void vmfs_dir_fini(struct vmfs_volume *vol)
{
	for (uint32_t i = 0; i < DIR_INDEXES; i++)
		index_drop(&vol->dirs.index[i]);
}

/* ---- looking --------------------------------------------------------------------------------- */

static enum status array_find(struct vmfs_volume *vol, const struct vmfs_fd *dir, const char *name,
			      struct vmfs_entry *entry)
{
	uint32_t hash = hash_name(name);
	struct vmfs_dir_index *x;
	enum status st;

	st = index_of(vol, dir, &x);
	if (st != ST_OK)
		return st;
	for (uint32_t i = x->head[hash & x->mask]; i != INDEX_NONE; i = x->next[i]) {
		if (x->hash[i] != hash)
			continue;
		st = array_entry(vol, dir, i, entry);
		if (st != ST_OK || (entry->fd && !strcmp(entry->name, name)))
			return st;
	}
	return x->gap == ST_OK ? ST_NOENT : x->gap;
}

static enum status array_next(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t *number,
			      struct vmfs_entry *entry)
{
	uint32_t count = MIN(count_of(dir), count_max(vol));

	for (; *number < count; ++*number) {
		enum status st = array_entry(vol, dir, *number, entry);

		if (st != ST_OK || entry->fd)
			return st;
	}
	return count < count_of(dir) ? ST_CORRUPT : ST_NOENT;
}

/* ---- changing -------------------------------------------------------------------------------- */

static enum status put_entry(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t number,
			     const char *name, const struct vmfs_fd *child)
{
	const struct vmfs_fd_disk *m = vmfs_fd_meta(child);
	struct vmfs_dirent_disk d = { 0 };

	vmfs_dirent_set(&d.head, le32_get(m->type), child->addr, le32_get(m->generation));
	memcpy(d.name, name, strlen(name));
	return vmfs_fd_write(vol, dir, (uint64_t)number * ENTRY_BYTES, &d, sizeof(d));
}

static enum status array_init(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			      const struct vmfs_fd *parent)
{
	enum status st = put_entry(vol, dir, 0, ".", dir);

	if (st == ST_OK)
		st = put_entry(vol, dir, 1, "..", parent);
	return st == ST_OK ? vmfs_fd_set_length(vol, dir, 2 * ENTRY_BYTES) : st;
}

static enum status array_add(struct vmfs_volume *vol, const struct vmfs_fd *dir, const char *name,
			     const struct vmfs_fd *child)
{
	uint32_t number = count_of(dir);
	uint64_t length = ((uint64_t)number + 1) * ENTRY_BYTES;
	struct vmfs_dir_index *x;
	enum status st;

	if (length > vmfs_map_reach(vol, dir))
		return ST_LIMIT;
	st = index_of(vol, dir, &x);
	if (st == ST_OK && number >= x->max)
		st = index_resize(x, number + number / 2 + 32);
	if (st == ST_OK)
		st = put_entry(vol, dir, number, name, child);
	if (st == ST_OK)
		st = vmfs_fd_set_length(vol, dir, length);
	if (st != ST_OK)
		return st;
	index_put(x, number, hash_name(name));
	x->op = vol->dirs.op;
	return ST_OK;
}

/* The last entry moves to the place of the removed one. */
static enum status array_remove(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t number)
{
	uint32_t last = count_of(dir) - 1;
	uint32_t shift = vmfs_fd_shift(vmfs_fd_meta(dir));
	struct vmfs_dirent_disk d;
	struct vmfs_dir_index *x;
	int more;
	enum status st = index_of(vol, dir, &x);

	if (st == ST_OK && number != last) {
		st = vmfs_fd_read(vol, dir, (uint64_t)last * ENTRY_BYTES, &d, sizeof(d));
		if (st == ST_OK)
			st = vmfs_fd_write(vol, dir, (uint64_t)number * ENTRY_BYTES, &d, sizeof(d));
	}
	if (st == ST_OK)
		st = vmfs_fd_set_length(vol, dir, (uint64_t)last * ENTRY_BYTES);
	if (st == ST_OK)
		st = vmfs_map_trim(
		    vol, dir, div_round_up((uint64_t)last * ENTRY_BYTES, 1ull << shift), &more);
	if (st != ST_OK)
		return st;
	x->op = vol->dirs.op;
	index_take(x, number);
	if (number != last) {
		index_take(x, last);
		index_put(x, number, x->hash[last]);
	}
	x->count = last;
	return ST_OK;
}

static enum status array_point(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t number,
			       const struct vmfs_fd *child)
{
	struct vmfs_entry e;
	enum status st = array_entry(vol, dir, number, &e);

	return st == ST_OK ? put_entry(vol, dir, number, e.name, child) : st;
}

const struct vmfs_dir_ops vmfs_dir_array = {
	.find = array_find, .entry = array_entry, .next = array_next, .init = array_init,
	.add = array_add, .remove = array_remove, .point = array_point,
	.check = &check_dir_array,
};
