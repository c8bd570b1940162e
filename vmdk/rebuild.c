/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A descriptor that was lost, written again from its extent. What the extent says is exact: its
 * kind and its size. What only the descriptor knew is gone: the content ids, which the caller may
 * know from a child or the parent, and the uuid, which is a new one. Nothing is replaced, and the
 * extent is not written to, so whatever is wrong can be undone by removing the new file. */
#include "vmdk/delta_priv.h"
#include "vmdk/vmdk_priv.h"

#include "iopath/base/fmt.h"

static const struct {
	const char	*tail, *create_type;
	enum desc_type	type;
	enum vmdk_kind	kind;
} tails[] = {
	{ "-flat.vmdk", "vmfs", DESC_VMFS, VMDK_VMFS },
	{ "-delta.vmdk", "vmfsSparse", DESC_VMFSSPARSE, VMDK_VMFS_SPARSE },
	{ "-sesparse.vmdk", "seSparse", DESC_SESPARSE, VMDK_SE_SPARSE },
};

struct rebuild {
	struct store			*store;
	const char			*extent;
	const struct vmdk_rebuild_opts	*opts;
	struct vmdk_rebuilt		*out;
	struct why			*why;
	size_t				tail;	/* index in tails */
	struct desc			desc;
};

/* ---- the extent ------------------------------------------------------------------------------ */

static int find_tail(const char *path, size_t *index)
{
	for (*index = 0; *index < ARRAY_COUNT(tails); ++*index)
		if (mem_ends_with(path, tails[*index].tail))
			return 1;
	return 0;
}

/* A descriptor's name stands for the one extent that is called as if it was there. */
static enum status choose_extent(struct rebuild *r, char *path, size_t size)
{
	char owner[VMDK_PATH_MAX], at[VMDK_PATH_MAX];
	struct store_stat stat;
	unsigned found = 0;

	if (path_is_extent(r->extent, owner, sizeof(owner))) {
		if (!find_tail(r->extent, &r->tail))
			return why_set(r->why, ST_UNSUPPORTED,
				       "%s: only descriptors of one flat, COWD or SESparse extent "
				       "are rebuilt", r->extent);
		mem_copy_text(path, size, r->extent);
		mem_copy_text(r->out->path, sizeof(r->out->path), owner);
		return ST_OK;
	}
	mem_copy_text(r->out->path, sizeof(r->out->path), r->extent);
	for (size_t i = 0; i < ARRAY_COUNT(tails); i++) {
		char tail[16];

		mem_copy_text(tail, strlen(tails[i].tail) - 4, tails[i].tail);
		if (path_extent(r->extent, tail, at, sizeof(at)) != ST_OK ||
		    r->store->ops->stat(r->store, at, &stat, NULL) != ST_OK)
			continue;
		found++;
		r->tail = i;
		mem_copy_text(path, size, at);
	}
	if (found == 1)
		return ST_OK;
	return why_set(r->why, found ? ST_REFUSED : ST_NOENT, found ?
		       "%s: more than one extent is called like it; name the extent" :
		       "%s: no extent is called like it: no -flat, -delta or -sesparse file",
		       r->extent);
}

static enum status size_of_flat(struct rebuild *r, struct store_file *f, const char *path)
{
	struct store_stat stat;
	enum status st = f->store->ops->file_stat(f, &stat);

	if (st != ST_OK)
		return why_set(r->why, st, "%s: %s", path, status_text(st));
	if (stat.kind == STORE_RDM)
		return why_set(r->why, ST_UNSUPPORTED, "%s: is a raw device mapping", path);
	if (stat.size_bytes == 0 || stat.size_bytes % SECTOR_BYTES ||
	    stat.size_bytes / SECTOR_BYTES > DESC_SECTORS_MAX)
		return why_set(r->why, ST_CORRUPT,
			       "%s: has %llu bytes, which is not the size of a disk: not a whole "
			       "number of sectors", path, (unsigned long long)stat.size_bytes);
	r->out->bytes = stat.size_bytes;
	/* Thin or not is in the blocks; the descriptor only repeats it. */
	r->out->thin = stat.allocated_bytes < stat.size_bytes;
	return ST_OK;
}

static enum status size_of_delta(struct rebuild *r, struct store_file *f, const char *path)
{
	struct delta *dl;
	enum status st = delta_create(f, path, tails[r->tail].type, &dl, r->why);

	if (st != ST_OK)
		return st;
	r->out->bytes = dl->capacity_bytes;
	delta_destroy(dl);
	return ST_OK;
}

static enum status look_at_extent(struct rebuild *r, const char *path)
{
	struct store_file *f;
	enum status st = vmdk_file_open(r->store, path, STORE_READ, &f, r->why);

	if (st != ST_OK)
		return st;
	r->out->kind = tails[r->tail].kind;
	st = r->out->kind == VMDK_VMFS ? size_of_flat(r, f, path) : size_of_delta(r, f, path);
	(void)r->store->ops->file_close(f);
	return st;
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* The parent's place as the child names it: from its own directory, so that both can be moved. */
static enum status relative(const char *from, const char *to, char *out, size_t size)
{
	size_t common = 0, at = 0;

	for (size_t i = 0; from[i] && from[i] == to[i]; i++)
		if (from[i] == '/')
			common = i + 1;
	for (const char *p = from + common; *p; p++)
		if (*p == '/')
			at += fmt(out + MIN(at, size), size - MIN(at, size), "../");
	at += fmt(out + MIN(at, size), size - MIN(at, size), "%s", to + common);
	return at < size ? ST_OK : ST_NAME;
}

static enum status join_parent(struct rebuild *r)
{
	const char *parent = r->opts->parent;
	char hint[VMDK_PATH_MAX];
	struct vmdk_disk *p;
	enum status st;

	if (r->out->kind == VMDK_VMFS)
		return parent ? why_set(r->why, ST_INVAL, "%s: a flat extent has no parent",
					r->extent) : ST_OK;
	if (!parent)
		return why_set(r->why, ST_REFUSED,
			       "%s: is a delta, and nothing tells which disk it stands on; name "
			       "its parent", r->extent);
	st = disk_load(r->store, parent, &p, r->why);
	if (st != ST_OK)
		return st;
	r->out->parent_cid = p->desc.cid;
	if (p->desc.sectors * SECTOR_BYTES != r->out->bytes)
		st = why_set(r->why, ST_REFUSED,
			     "%s: has %llu bytes, and %s %llu: it is not its parent", r->extent,
			     (unsigned long long)r->out->bytes, parent,
			     (unsigned long long)(p->desc.sectors * SECTOR_BYTES));
	(void)vmdk_close(p);
	if (st == ST_OK)
		st = relative(r->out->path, parent, hint, sizeof(hint));
	return st == ST_OK ? desc_set(&r->desc, "parentFileNameHint", hint) : st;
}

/* ---- the text -------------------------------------------------------------------------------- */

static enum status set_base(struct rebuild *r)
{
	struct desc *d = &r->desc;
	char version[12];
	enum status st = desc_set(d, "ddb.adapterType", ident_adapter_word(r->opts->adapter));

	if (st == ST_OK)
		st = ident_set_geometry(d, r->opts->adapter);
	if (st == ST_OK)
		st = ident_set_uuid(d, 0);
	if (st == ST_OK && r->out->thin)
		st = desc_set(d, "ddb.thinProvisioned", "1");
	if (st == ST_OK && r->opts->hardware_version) {
		fmt(version, sizeof(version), "%u", r->opts->hardware_version);
		st = desc_set(d, "ddb.virtualHWVersion", version);
	}
	return st;
}

static enum status fill_desc(struct rebuild *r, const char *extent)
{
	struct desc *d = &r->desc;
	enum status st;

	r->out->cid = r->opts->set_cid ? r->opts->cid : ident_new_cid(0);
	d->cid = r->out->cid;
	d->parent_cid = r->out->parent_cid;
	st = desc_set(d, "encoding", "UTF-8");
	if (st == ST_OK)
		st = desc_set(d, "createType", tails[r->tail].create_type);
	if (st == ST_OK)
		st = desc_add_extent(d, DESC_RW, tails[r->tail].type, r->out->bytes / SECTOR_BYTES,
				     path_base(extent));
	if (st == ST_OK)
		st = ident_set_long_id(d, 0);
	if (st == ST_OK && r->out->kind == VMDK_SE_SPARSE)
		st = desc_set(d, "ddb.grain", "8");
	return st == ST_OK && r->out->kind == VMDK_VMFS ? set_base(r) : st;
}

static enum status put(struct rebuild *r)
{
	size_t n = desc_write(&r->desc, r->out->text, sizeof(r->out->text));

	if (n >= sizeof(r->out->text))
		return why_set(r->why, ST_LIMIT, "%s: the descriptor would be too long",
			       r->out->path);
	return r->opts->dry_run ? ST_OK :
				  file_publish(r->store, r->out->path, r->out->text, n, r->why);
}

enum status vmdk_rebuild(struct store *s, const char *extent, const struct vmdk_rebuild_opts *opts,
			 struct vmdk_rebuilt *out, struct why *why)
{
	struct rebuild r = { .store = s, .extent = extent, .opts = opts, .out = out, .why = why };
	char path[VMDK_PATH_MAX];
	enum status st;

	*out = (struct vmdk_rebuilt){ .parent_cid = DESC_NO_PARENT };
	if (strlen(extent) >= VMDK_PATH_MAX - 64)
		return why_set(why, ST_NAME, "%.60s...: the path is too long", extent);
	desc_init(&r.desc);
	st = choose_extent(&r, path, sizeof(path));
	if (st == ST_OK)
		st = file_absent(s, out->path, why);
	if (st == ST_OK)
		st = look_at_extent(&r, path);
	if (st == ST_OK)
		st = join_parent(&r);
	if (st == ST_OK)
		st = fill_desc(&r, path);
	if (st == ST_OK)
		st = put(&r);
	desc_fini(&r.desc);
	return st;
}
