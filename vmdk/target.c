/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The files of a new disk: named, created, published, or taken away again. */
#include "vmdk/target_priv.h"

#include "iopath/base/fmt.h"

#define HW_VERSION "13"

static int is_embedded(enum vmdk_kind kind)
{
	return kind == VMDK_MONO_SPARSE || kind == VMDK_STREAM;
}
static int is_single_file(enum vmdk_kind kind) { return is_embedded(kind) || kind == VMDK_RAW; }

/* ---- the plan -------------------------------------------------------------------------------- */

static uint64_t split_bytes(enum vmdk_kind kind)
{
	if (kind == VMDK_SPLIT_FLAT)
		return (uint64_t)SPLIT_FLAT_SECTORS * SECTOR_BYTES;
	if (kind == VMDK_SPLIT_SPARSE)
		return (uint64_t)SPLIT_SPARSE_SECTORS * SECTOR_BYTES;
	return UINT64_MAX;
}

static enum status extent_path(struct target *t, uint32_t i, char *path, size_t size)
{
	char suffix[16];

	if (is_single_file(t->opts.kind))
		return path_hidden(t->path, "new", path, size);
	if (split_bytes(t->opts.kind) == UINT64_MAX)
		return path_extent(t->path, "-flat", path, size);
	fmt(suffix, sizeof(suffix), "-%c%03u", t->opts.kind == VMDK_SPLIT_FLAT ? 'f' : 's', i + 1);
	return path_extent(t->path, suffix, path, size);
}

static enum desc_type extent_type(enum vmdk_kind kind)
{
	if (kind == VMDK_VMFS)
		return DESC_VMFS;
	return kind == VMDK_MONO_FLAT || kind == VMDK_SPLIT_FLAT ? DESC_FLAT : DESC_SPARSE;
}

static enum status plan_extent(struct target *t, uint32_t i, uint64_t start, uint64_t bytes)
{
	struct target_extent *x = &t->extents[i];
	char path[VMDK_PATH_MAX];
	enum status st = extent_path(t, i, path, sizeof(path));

	if (st != ST_OK)
		return st;
	x->start = start;
	x->bytes = bytes;
	x->path = port_alloc(strlen(path) + 1);
	if (!x->path)
		return ST_NOMEM;
	memcpy(x->path, path, strlen(path));
	return desc_add_extent(&t->desc, DESC_RW, extent_type(t->opts.kind), bytes / SECTOR_BYTES,
			       path_base(is_embedded(t->opts.kind) ? t->path : path));
}

static enum status plan_extents(struct target *t)
{
	uint64_t piece = split_bytes(t->opts.kind), start = 0;
	uint64_t count = div_round_up(t->opts.bytes, piece);
	enum status st = ST_OK;

	t->extents = port_alloc(count * sizeof(*t->extents));
	if (!t->extents)
		return ST_NOMEM;
	t->count = (uint32_t)count;
	for (uint32_t i = 0; i < t->count && st == ST_OK; i++) {
		st = plan_extent(t, i, start, MIN(piece, t->opts.bytes - start));
		start += piece;
	}
	return st;
}

static enum status plan_database(struct target *t)
{
	struct desc *d = &t->desc;
	enum status st = desc_set(d, "createType", vmdk_kind_word(t->opts.kind));

	if (st == ST_OK)
		st = desc_set(d, "encoding", "UTF-8");
	if (st == ST_OK)
		st = desc_set(d, "ddb.adapterType", ident_adapter_word(t->opts.adapter));
	if (st == ST_OK)
		st = desc_set(d, "ddb.virtualHWVersion", HW_VERSION);
	if (st == ST_OK)
		st = ident_set_geometry(d, t->opts.adapter);
	if (st == ST_OK)
		st = ident_set_uuid(d, t->opts.reproducible);
	if (st == ST_OK)
		st = ident_set_long_id(d, t->opts.reproducible);
	if (st == ST_OK && t->opts.kind == VMDK_VMFS)
		st = desc_set(d, "ddb.deletable", "true");
	if (st == ST_OK && t->opts.kind == VMDK_VMFS && t->opts.alloc == VMDK_THIN)
		st = desc_set(d, "ddb.thinProvisioned", "1");
	return st;
}

static enum status check_size(struct target *t, struct why *why)
{
	if (t->opts.bytes == 0 || t->opts.bytes % SECTOR_BYTES)
		return why_set(why, ST_INVAL, "%s: the size must be a multiple of 512 bytes",
			       t->path);
	if (t->opts.bytes > VMDK_BYTES_MAX && t->opts.kind != VMDK_RAW)
		return why_set(why, ST_INVAL, "%s: a virtual disk has at most 62 TB", t->path);
	return ST_OK;
}

enum status target_plan(struct target *t, struct why *why)
{
	enum status st = path_check_new(t->path, t->opts.kind == VMDK_RAW, why);

	if (st == ST_OK && t->opts.kind > VMDK_STREAM)
		st = why_set(why, ST_UNSUPPORTED, "%s: disks of kind %s cannot be made yet",
			     t->path, vmdk_kind_word(t->opts.kind));
	if (st == ST_OK)
		st = check_size(t, why);
	if (st != ST_OK)
		return st;
	t->sink = t->opts.kind == VMDK_STREAM ? &sink_stream
		  : extent_type(t->opts.kind) == DESC_SPARSE && t->opts.kind != VMDK_RAW
		      ? &sink_sparse
		      : &sink_flat;
	st = plan_extents(t);
	if (st == ST_OK)
		st = plan_database(t);
	if (st != ST_OK)
		why_set(why, st, "%s: cannot plan the disk: %s", t->path, status_text(st));
	return st;
}

/* ---- the files ------------------------------------------------------------------------------- */

static enum status make_file(struct target *t, struct target_extent *x, struct why *why)
{
	struct store *s = t->store;
	enum status st;

	if (t->reopen) {
		x->made = 1;
		return vmdk_file_open(s, x->path, STORE_WRITE, &x->file, why);
	}
	st = file_create(s, x->path, &x->file, why);
	x->made = st == ST_OK;
	return st;
}

/* A hidden file that an interrupted run left behind belongs to nobody, unless somebody has it open.
 * */
static enum status remove_leftover(struct target *t, struct why *why)
{
	struct store_file *f;
	enum status st;

	if (!is_single_file(t->opts.kind) || t->reopen)
		return ST_OK;
	st = t->store->ops->open(t->store, t->extents[0].path, STORE_WRITE, &f, NULL);
	if (st == ST_NOENT)
		return ST_OK;
	if (st == ST_BUSY)
		return why_set(why, st, "%s: another program is making this disk", t->path);
	if (st == ST_OK)
		(void)t->store->ops->file_close(f);
	return vmdk_file_remove(t->store, t->extents[0].path, why);
}

enum status target_begin(struct target *t, struct why *why)
{
	enum status st = file_absent(t->store, t->path, why);

	if (st == ST_OK && !t->store->writable)
		st = why_set(why, ST_READONLY, "%s: %s is open read-only", t->path, t->store->name);
	if (st == ST_OK)
		st = remove_leftover(t, why);
	for (uint32_t i = 0; i < t->count && st == ST_OK; i++)
		st = make_file(t, &t->extents[i], why);
	if (st == ST_OK)
		st = t->sink->begin(t, why);
	if (st != ST_OK && why && (why->status != st || !why->text[0]))
		why_set(why, st, "%s: %s", t->path, status_text(st));
	return st;
}

enum status target_flush(struct target *t)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < t->count && st == ST_OK; i++)
		st = store_flush(t->extents[i].file);
	return st;
}

static enum status close_files(struct target *t)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < t->count; i++) {
		enum status got = ST_OK;

		if (t->extents[i].file)
			got = t->store->ops->file_close(t->extents[i].file);
		t->extents[i].file = NULL;
		if (st == ST_OK)
			st = got;
	}
	return st;
}

static enum status publish_descriptor(struct target *t, struct why *why)
{
	size_t n = desc_write(&t->desc, NULL, 0);
	char *text;
	enum status st;

	if (n > DESC_TEXT_MAX)
		return why_set(why, ST_LIMIT, "%s: the descriptor would be larger than 1 MiB",
			       t->path);
	text = port_alloc(n + 1);
	if (!text)
		return ST_NOMEM;
	desc_write(&t->desc, text, n + 1);
	st = file_publish(t->store, t->path, text, n, why);
	port_free(text);
	return st;
}

enum status target_commit(struct target *t, struct why *why)
{
	enum status st = target_flush(t), closed = close_files(t);

	if (st == ST_OK)
		st = closed;
	if (st != ST_OK)
		return why_set(why, st, "%s: cannot make the data durable: %s", t->path,
			       status_text(st));
	if (!is_single_file(t->opts.kind))
		return publish_descriptor(t, why);
	st = file_rename(t->store, t->extents[0].path, t->path, why);
	if (st != ST_OK)
		return st;
	t->extents[0].made = 0;
	st = store_settle(t->store, why);
	if (st != ST_OK)
		file_discard(t->store, t->path);
	return st;
}

void target_abort(struct target *t)
{
	(void)close_files(t);
	for (uint32_t i = 0; i < t->count && !t->keep; i++)
		if (t->extents[i].made)
			file_discard(t->store, t->extents[i].path);
}

void target_fini(struct target *t)
{
	if (t->sink && t->sink->fini)
		t->sink->fini(t);
	(void)close_files(t);
	for (uint32_t i = 0; i < t->count; i++)
		port_free(t->extents[i].path);
	port_free(t->extents);
	desc_fini(&t->desc);
}

struct target_extent *target_extent_at(struct target *t, uint64_t offset)
{
	return &t->extents[t->count == 1 ? 0 : offset / split_bytes(t->opts.kind)];
}
