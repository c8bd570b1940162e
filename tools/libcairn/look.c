/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* look - volumes, directories, what a name is. Answers are copied into memory of the caller's: no
 * function of the caller runs in the middle of our work. */
#include <stdlib.h>
#include <string.h>

#include "tools/libcairn/lib_priv.h"

void cairn_free(void *p) { free(p); }

/* ---- volumes --------------------------------------------------------------------------------- */

struct volumes_call { struct lib_call call; struct cairn_volume *volume; size_t count; };

static uint32_t version_of(const struct vmfs_probe *p)
{
	switch (p->first_pe ? 0 : p->fs_major) {
	case 4:
		return 3;
	case 14:
		return 5;
	case 24:
		return 6;
	default:
		return 0;
	}
}

static void fill_volume(const struct host_volume *v, struct cairn_volume *out)
{
	const struct vmfs_probe *p = host_volume_probe(v);

	if (p->first_pe == 0)
		mem_copy_text(out->label, sizeof(out->label), p->label);
	mem_copy_text(out->uuid, sizeof(out->uuid), host_volume_uuid(v));
	out->version = version_of(p);
	out->devices = p->num_devs;
	out->devices_found = host_volume_devices(v);
	out->size_bytes = p->logical_bytes;
}

static enum status volumes_fn(struct lib_call *call)
{
	struct volumes_call *v = container_of(call, struct volumes_call, call);
	struct host *host = call->c->host;

	v->count = host_volume_count(host);
	v->volume = calloc(v->count ? v->count : 1, sizeof(*v->volume));
	if (!v->volume)
		return ST_NOMEM;
	for (size_t i = 0; i < v->count; i++)
		fill_volume(host_volume_at(host, i), &v->volume[i]);
	return ST_OK;
}

enum cairn_status cairn_volumes(struct cairn *c, struct cairn_volume **volumes, size_t *count,
				struct cairn_error *error)
{
	struct volumes_call v = { .call.fn = volumes_fn };
	enum status st = lib_call(c, &v.call);

	*volumes = v.volume;
	*count = st == ST_OK ? v.count : 0;
	return lib_fail(error, st, &v.call.why);
}

/* ---- names ----------------------------------------------------------------------------------- */

static enum cairn_kind kind_of(enum store_kind kind)
{
	switch (kind) {
	case STORE_FILE:
		return CAIRN_FILE;
	case STORE_DIR:
		return CAIRN_DIR;
	case STORE_SYMLINK:
		return CAIRN_SYMLINK;
	case STORE_RDM:
		return CAIRN_RDM;
	case STORE_SYSTEM:
		return CAIRN_SYSTEM;
	default:
		return CAIRN_OTHER;
	}
}

static void fill_stat(const struct store_stat *st, struct cairn_stat *out)
{
	*out = (struct cairn_stat){
		.kind = kind_of(st->kind), .mode = st->mode & 07777, .uid = st->uid, .gid = st->gid,
		.size_bytes = st->size_bytes, .allocated_bytes = st->allocated_bytes,
		.mtime_s = st->mtime_s, .id = st->id,
	};
}

struct stat_call { struct lib_call call; const char *path; struct cairn_stat *out; };

static enum status stat_fn(struct lib_call *call)
{
	struct stat_call *s = container_of(call, struct stat_call, call);
	struct host_path at;
	struct store_stat st;
	enum status status = lib_resolve(call->c, s->path, &at, &call->why);

	if (status == ST_OK)
		status = at.store->ops->stat(at.store, at.path, &st, &call->why);
	if (status == ST_OK)
		fill_stat(&st, s->out);
	return status;
}

enum cairn_status cairn_stat(struct cairn *c, const char *path, struct cairn_stat *st,
			     struct cairn_error *error)
{
	struct stat_call s = { .call.fn = stat_fn, .path = path, .out = st };
	enum status status = lib_call(c, &s.call);

	return lib_fail(error, status, &s.call.why);
}

/* ---- directories ----------------------------------------------------------------------------- */

struct list_call {
	struct lib_call		call;
	const char		*path;
	struct cairn_entry	*entry;
	size_t			count, room;
	enum status		trouble;
};

static int add_entry(void *arg, const char *name, const struct store_stat *st)
{
	struct list_call *l = arg;
	struct cairn_entry *e;

	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 64;

		e = realloc(l->entry, room * sizeof(*e));
		if (!e) {
			l->trouble = ST_NOMEM;
			return 1;
		}
		l->entry = e;
		l->room = room;
	}
	e = &l->entry[l->count++];
	if (mem_copy_text(e->name, sizeof(e->name), name) >= sizeof(e->name)) {
		l->trouble = why_set(&l->call.why, ST_LIMIT, "%s: a name of %zu bytes", l->path,
				     strlen(name));
		return 1;
	}
	fill_stat(st, &e->stat);
	return 0;
}

static enum status list_fn(struct lib_call *call)
{
	struct list_call *l = container_of(call, struct list_call, call);
	struct host_path at;
	enum status st = lib_resolve(call->c, l->path, &at, &call->why);

	if (st == ST_OK)
		st = at.store->ops->list(at.store, at.path, add_entry, l, &call->why);
	return st == ST_OK ? l->trouble : st;
}

enum cairn_status cairn_list(struct cairn *c, const char *path, struct cairn_entry **entries,
			     size_t *count, struct cairn_error *error)
{
	struct list_call l = { .call.fn = list_fn, .path = path };
	enum status st = lib_call(c, &l.call);

	if (st != ST_OK) {
		free(l.entry);
		l.entry = NULL;
		l.count = 0;
	}
	*entries = l.entry;
	*count = l.count;
	return lib_fail(error, st, &l.call.why);
}

/* ---- symbolic links -------------------------------------------------------------------------- */

struct readlink_call { struct lib_call call; const char *path; char *buf; size_t size; };

static enum status readlink_fn(struct lib_call *call)
{
	struct readlink_call *r = container_of(call, struct readlink_call, call);
	struct host_path at;
	enum status st = lib_resolve(call->c, r->path, &at, &call->why);

	return st == ST_OK ? at.store->ops->readlink(at.store, at.path, r->buf, r->size) : st;
}

enum cairn_status cairn_readlink(struct cairn *c, const char *path, char *buf, size_t size,
				 struct cairn_error *error)
{
	struct readlink_call r = { .call.fn = readlink_fn, .path = path, .buf = buf, .size = size };
	enum status st = lib_call(c, &r.call);

	if (st != ST_OK && !r.call.why.text[0])
		return lib_error(error, st, "%s: %s", path, status_text(st));
	return lib_fail(error, st, &r.call.why);
}
