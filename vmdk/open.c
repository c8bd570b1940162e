/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Opening a disk: find out what the path is, parse its descriptor, refuse with a reason what is not
 * read yet, open each extent. */
#include "vmdk/delta_priv.h"
#include "vmdk/sparse_priv.h"

static enum status make_disk(struct store *s, const char *path, unsigned flags,
			     struct vmdk_disk **out, struct why *why)
{
	struct vmdk_disk *d;

	if (strlen(path) >= VMDK_PATH_MAX - 64)
		return why_set(why, ST_NAME, "%.60s...: the path is too long", path);
	d = port_alloc(sizeof(*d));
	if (!d)
		return why_set(why, ST_NOMEM, "%s: no memory to open the disk", path);
	d->store = s;
	d->writable = (flags & VMDK_WRITE) != 0;
	mem_copy_text(d->path, sizeof(d->path), path);
	desc_init(&d->desc);
	list_init(&d->worker.unstamped);
	list_init(&d->worker.flushes);
	*out = d;
	return ST_OK;
}

static enum status close_extent(struct vmdk_extent *x, enum status st)
{
	enum status got = ST_OK;

	if (x->ops && x->ops->close && x->state)
		got = x->ops->close(x);
	if (st == ST_OK)
		st = got;
	if (x->file) {
		got = x->file->store->ops->file_close(x->file);
		if (st == ST_OK)
			st = got;
	}
	port_free(x->name);
	return st;
}

/* What has been set up so far. */
static enum status tear_down(struct vmdk_disk *d)
{
	enum status st = d->chain ? chain_close(d->chain) : ST_OK;

	for (uint32_t i = 0; i < d->extent_count; i++)
		st = close_extent(&d->extents[i], st);
	port_free(d->extents);
	desc_fini(&d->desc);
	port_free(d->text);
	port_free(d);
	return st;
}

static enum status flush_written(struct vmdk_disk *d)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < d->extent_count && d->stamped; i++) {
		enum status got = d->extents[i].file ? store_flush(d->extents[i].file) : ST_OK;

		if (st == ST_OK)
			st = got;
	}
	return st;
}

enum status vmdk_close(struct vmdk_disk *disk)
{
	enum status st, closed;

	worker_stop(disk);
	st = flush_written(disk);
	closed = tear_down(disk);
	return st == ST_OK ? closed : st;
}

/* ---- extents --------------------------------------------------------------------------------- */

static enum status make_extents(struct vmdk_disk *d, uint32_t count)
{
	d->extents = port_alloc(count * sizeof(*d->extents));
	if (!d->extents)
		return ST_NOMEM;
	d->extent_count = count;
	for (uint32_t i = 0; i < count; i++) {
		d->extents[i].disk = d;
		list_init(&d->extents[i].slow);
	}
	return ST_OK;
}

static enum status open_file(struct vmdk_extent *x, const char *path, unsigned flags,
			     struct why *why)
{
	unsigned how = flags & VMDK_WRITE && x->access == DESC_RW ? STORE_WRITE : STORE_READ;
	size_t n = strlen(path);

	x->name = port_alloc(n + 1);
	if (!x->name)
		return ST_NOMEM;
	memcpy(x->name, path, n);
	return vmdk_file_open(x->disk->store, path, how | (flags & VMDK_DIRECT ? STORE_DIRECT : 0),
			      &x->file, why);
}

static enum status open_flat(struct vmdk_extent *x, const struct desc_extent *e, struct why *why)
{
	struct store_stat stat;
	enum status st = x->file->store->ops->file_stat(x->file, &stat);

	if (st != ST_OK)
		return why_set(why, st, "%s: %s", x->name, status_text(st));
	x->ops = &flat_extent_ops;
	x->file_offset = e->offset_sectors * SECTOR_BYTES;
	if (stat.kind == STORE_RDM)
		return why_set(why, ST_UNSUPPORTED, "%s: is a raw device mapping", x->name);
	if (stat.size_bytes < x->file_offset || stat.size_bytes - x->file_offset < x->bytes)
		return why_set(why, ST_CORRUPT,
			       "%s: truncated extent: %llu bytes where the descriptor "
			       "needs %llu",
			       x->name, (unsigned long long)stat.size_bytes,
			       (unsigned long long)(x->file_offset + x->bytes));
	return ST_OK;
}

static enum status open_extent(struct vmdk_disk *d, uint32_t i, unsigned flags, struct why *why)
{
	struct vmdk_extent *x = &d->extents[i];
	const struct desc_extent *e = &d->desc.extents[i];
	char path[VMDK_PATH_MAX];
	enum status st = ST_OK;

	x->access = e->access;
	x->start = d->bytes;
	x->bytes = e->sectors * SECTOR_BYTES;
	d->bytes += x->bytes;
	if (e->type == DESC_ZERO) {
		x->ops = &zero_extent_ops;
		return ST_OK;
	}
	if (i == 0 && d->embedded)
		mem_copy_text(path, sizeof(path), d->path);
	else
		st = path_sibling(d->path, e->file, path, sizeof(path), why);
	if (st == ST_OK)
		st = open_file(x, path, flags, why);
	if (st != ST_OK)
		return st;
	if (e->type == DESC_SPARSE)
		return sparse_open(x, x->name, flags & VMDK_WRITE && x->access == DESC_RW, why);
	if (e->type == DESC_VMFSSPARSE || e->type == DESC_SESPARSE)
		return delta_open(x, e->type, why);
	return open_flat(x, e, why);
}

static enum status open_extents(struct vmdk_disk *d, unsigned flags, struct why *why)
{
	enum status st = make_extents(d, d->desc.extent_count);

	for (uint32_t i = 0; i < d->desc.extent_count && st == ST_OK; i++)
		st = open_extent(d, i, flags, why);
	if (st == ST_OK && d->extent_count == 1 && d->extents[0].ops == &flat_extent_ops &&
	    d->extents[0].file_offset == 0 && d->extents[0].access == DESC_RW)
		d->direct = d->extents[0].file;
	return st;
}

/* ---- what is not read yet -------------------------------------------------------------------- */

static enum status refuse_extents(struct vmdk_disk *d, struct why *why)
{
	for (uint32_t i = 0; i < d->desc.extent_count; i++) {
		const struct desc_extent *e = &d->desc.extents[i];

		if (e->type > DESC_SESPARSE)
			return why_set(why, ST_UNSUPPORTED,
				       "%s: the extent type %s is not supported yet", d->path,
				       desc_type_word(e->type));
		if (e->rest)
			return why_set(why, ST_UNSUPPORTED,
				       "%s: the extent '%.100s' lies on a physical "
				       "device",
				       d->path, e->file);
		if (e->type != DESC_ZERO && !e->file)
			return why_set(why, ST_CORRUPT, "%s: an extent without a file", d->path);
	}
	return ST_OK;
}

static enum status refuse_kind(struct vmdk_disk *d, struct why *why)
{
	const char *type = desc_get(&d->desc, "createType");
	const char *native = desc_get(&d->desc, "isNativeSnapshot");

	if (!ident_kind(type, &d->kind))
		return why_set(why, ST_UNSUPPORTED,
			       "%s: disks of createType '%.60s' are not supported", d->path, type);
	if (d->kind == VMDK_RDM || d->kind == VMDK_RDMP)
		return why_set(why, ST_UNSUPPORTED, "%s: is a raw device mapping; its data is the "
			       "device's, which is not followed yet", d->path);
	if (native && mem_compare_nocase(native, "yes") == 0)
		return why_set(why, ST_UNSUPPORTED, "%s: is a snapshot kept by the storage array",
			       d->path);
	return refuse_extents(d, why);
}

/* Deltas are read through their chain, whatever they are called: an extent tells. */
static int needs_chain(const struct vmdk_disk *d)
{
	for (uint32_t i = 0; i < d->desc.extent_count; i++)
		if (d->desc.extents[i].type == DESC_VMFSSPARSE ||
		    d->desc.extents[i].type == DESC_SESPARSE)
			return 1;
	return d->desc.parent_cid != DESC_NO_PARENT;
}

enum status disk_open_extents(struct vmdk_disk *d, unsigned flags, struct why *why)
{
	enum status st = refuse_kind(d, why);

	return st == ST_OK ? open_extents(d, flags, why) : st;
}

static enum status take_text(struct vmdk_disk *d, char *text, uint64_t bytes, struct why *why)
{
	d->text = text;
	return desc_parse(&d->desc, d->path, text, bytes, why);
}

/* ---- what a path may be ---------------------------------------------------------------------- */

static enum status open_raw(struct vmdk_disk *d, unsigned flags, struct why *why)
{
	struct store_stat stat;
	struct vmdk_extent *x;
	enum status st = make_extents(d, 1);

	if (st != ST_OK)
		return st;
	d->kind = VMDK_RAW;
	d->no_descriptor = 1;
	x = d->extents;
	x->access = DESC_RW;
	st = open_file(x, d->path, flags, why);
	if (st == ST_OK)
		st = x->file->store->ops->file_stat(x->file, &stat);
	if (st != ST_OK)
		return st;
	if (stat.size_bytes == 0)
		return why_set(why, ST_INVAL, "%s: the image is empty", d->path);
	x->ops = &raw_extent_ops;
	x->file_bytes = stat.size_bytes;
	x->bytes = d->bytes = round_up(stat.size_bytes, SECTOR_BYTES);
	if (x->bytes == x->file_bytes)
		d->direct = x->file;
	d->text = port_alloc(1);
	return d->text ? ST_OK : ST_NOMEM;
}

static enum status not_a_disk(struct vmdk_disk *d, struct why *why)
{
	char owner[VMDK_PATH_MAX];
	struct store_stat stat;

	if (path_is_extent(d->path, owner, sizeof(owner)) &&
	    d->store->ops->stat(d->store, owner, &stat, NULL) == ST_OK)
		return why_set(why, ST_INVAL, "%s: is an extent; the disk is %s", d->path, owner);
	return why_set(why, ST_CORRUPT,
		       "%s: not a virtual disk: neither a descriptor nor a sparse header", d->path);
}

/* A sparse file that has the descriptor inside. */
static enum status open_embedded(struct vmdk_disk *d, struct store_file *f, const void *head,
				 struct why *why)
{
	struct sparse_header h;
	int unsupported;
	const char *bad = sparse_header_check(head, &h, &unsupported);
	uint64_t bytes;
	char *text;
	enum status st;

	if (bad)
		return why_set(why, unsupported ? ST_UNSUPPORTED : ST_CORRUPT,
			       "%s: sparse header: %s", d->path, bad);
	if (!h.descriptor_lba)
		return not_a_disk(d, why);
	bytes = h.descriptor_sectors * SECTOR_BYTES;
	text = port_alloc(bytes + 1);
	if (!text)
		return ST_NOMEM;
	st = store_read(f, h.descriptor_lba * SECTOR_BYTES, text, bytes);
	if (st != ST_OK) {
		port_free(text);
		return why_set(why, st == ST_RANGE ? ST_CORRUPT : st,
			       "%s: cannot read the embedded descriptor: %s", d->path,
			       status_text(st));
	}
	d->embedded = 1;
	st = take_text(d, text, bytes, why);
	if (st == ST_OK && d->desc.extents[0].type != DESC_SPARSE)
		st = why_set(why, ST_CORRUPT,
			     "%s: the embedded descriptor does not start with a SPARSE "
			     "extent",
			     d->path);
	return st;
}

static enum status identify(struct vmdk_disk *d, struct store_file *f, uint64_t size,
			    struct why *why)
{
	uint8_t head[SECTOR_BYTES] = { 0 };
	le32 magic;
	char *text;
	uint64_t bytes = MIN(size, sizeof(head));
	enum status st = store_read(f, 0, head, bytes);

	if (st != ST_OK)
		return why_set(why, st, "%s: cannot read: %s", d->path, status_text(st));
	memcpy(&magic, head, sizeof(magic));
	if (le32_get(magic) == SPARSE_MAGIC || le32_get(magic) == SPARSE_MAGIC_UNFINISHED)
		return open_embedded(d, f, head, why);
	if (le32_get(magic) == COWD_MAGIC || le32_get(magic) == (uint32_t)SESPARSE_MAGIC)
		return why_set(why, ST_INVAL,
			       "%s: is the extent of a snapshot, not a disk: open the descriptor "
			       "that names it",
			       d->path);
	if (size > DESC_TEXT_MAX || !desc_probe((const char *)head, bytes))
		return not_a_disk(d, why);
	st = store_read_all(d->store, d->path, DESC_TEXT_MAX, &text, &bytes, why);
	return st == ST_OK ? take_text(d, text, bytes, why) : st;
}

/* Read and parse the descriptor, wherever it lies. */
static enum status load(struct vmdk_disk *d, struct why *why)
{
	struct store *s = d->store;
	struct store_file *f;
	struct store_stat stat;
	enum status st = vmdk_file_open(s, d->path, STORE_READ, &f, why);

	if (st != ST_OK)
		return st;
	st = s->ops->file_stat(f, &stat);
	if (st == ST_OK && stat.kind == STORE_RDM)
		st = why_set(why, ST_UNSUPPORTED, "%s: is a raw device mapping", d->path);
	if (st == ST_OK)
		st = identify(d, f, stat.size_bytes, why);
	(void)s->ops->file_close(f);
	return st == ST_OK ? disk_decode_names(d, why) : st;
}

static enum status open_vmdk(struct vmdk_disk *d, unsigned flags, struct why *why)
{
	enum status st = load(d, why);

	if (st == ST_OK && flags & VMDK_WRITE && needs_chain(d))
		st = why_set(why, ST_READONLY,
			     "%s: is a delta, and chains are only read; convert it first", d->path);
	if (st == ST_OK)
		st = disk_open_extents(d, flags, why);
	return st == ST_OK && needs_chain(d) ? chain_open(d, flags, why) : st;
}

/* Give up an opening, with a text for its status. */
static enum status abandon(struct vmdk_disk *d, const char *path, enum status st, struct why *why)
{
	(void)tear_down(d);
	if (why && (why->status != st || !why->text[0]))
		why_set(why, st, "%s: %s", path, status_text(st));
	return st;
}

enum status disk_load(struct store *s, const char *path, struct vmdk_disk **disk, struct why *why)
{
	struct vmdk_disk *d = NULL;
	enum status st;

	*disk = NULL;
	st = make_disk(s, path, VMDK_READ, &d, why);
	if (st != ST_OK)
		return st;
	st = load(d, why);
	if (st == ST_OK && !ident_kind(desc_get(&d->desc, "createType"), &d->kind))
		d->kind = VMDK_OTHER;
	if (st != ST_OK)
		return abandon(d, path, st, why);
	*disk = d;
	return ST_OK;
}

enum status vmdk_open(struct store *s, const char *path, unsigned flags, struct vmdk_disk **disk,
		      struct why *why)
{
	struct vmdk_disk *d = NULL;
	enum status st = make_disk(s, path, flags, &d, why);

	*disk = NULL;
	if (st != ST_OK)
		return st;
	st = flags & VMDK_FORMAT_RAW ? open_raw(d, flags, why) : open_vmdk(d, flags, why);
	if (st != ST_OK)
		return abandon(d, path, st, why);
	*disk = d;
	return ST_OK;
}

uint64_t vmdk_bytes(const struct vmdk_disk *disk) { return disk->bytes; }
const char *vmdk_path(const struct vmdk_disk *disk) { return disk->path; }
struct store *vmdk_store(const struct vmdk_disk *disk) { return disk->store; }
enum vmdk_kind vmdk_kind(const struct vmdk_disk *disk) { return disk->kind; }
const char *vmdk_descriptor_text(const struct vmdk_disk *disk) { return disk->text; }
