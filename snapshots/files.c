/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The index: every file below the root that belongs to disks or machines, found by its path.
 * Folders are walked by a list, not by recursion: a world's stack is small, and a damaged volume
 * may have a folder inside itself. */
#include "snapshots/snapshots_priv.h"

#include "iopath/base/fmt.h"

#define HASH_START 1024u

const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int same_folder(const char *a, const char *b)
{
	size_t n = (size_t)(file_name(a) - a);

	return n == (size_t)(file_name(b) - b) && memcmp(a, b, n) == 0;
}

int files_elsewhere(const struct scan *s, const char *name)
{
	const struct inv_opts *o = s->opts;
	char volume[256];

	if (!vmdk_path_volume(name, volume, sizeof(volume)))
		return 0;
	return !(o->label && strcmp(o->label, volume) == 0) &&
	       !(o->uuid && mem_compare_nocase(o->uuid, volume) == 0);
}

enum status scan_nomem(struct scan *s)
{
	if (s->arena.full)
		return why_set(s->why, ST_LIMIT, "%s: more files than one scan can hold; scan a "
			       "folder of it", s->opts->root);
	return why_set(s->why, ST_NOMEM, "%s: no memory to scan it", s->opts->root);
}

enum status scan_interrupted(struct scan *s)
{
	if (!port_interrupted())
		return ST_OK;
	return why_set(s->why, ST_CANCELLED, "%s: the scan was interrupted", s->opts->root);
}

/* ---- what a name means ----------------------------------------------------------------------- */

static int ends_nocase(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n >= t && mem_compare_nocase(name + n - t, tail) == 0;
}

static int starts(const char *name, const char *head)
{
	return strncmp(name, head, strlen(head)) == 0;
}

/* Made by us or by ESXi beside a file that is being replaced. */
static int is_temporary(const char *name)
{
	if (name[0] != '.')
		return ends_nocase(name, ".tmp");
	for (const char *p = name; *p; p++)
		if (starts(p, ".cairn-"))
			return 1;
	return mem_ends_with(name, ".tmp");
}

static enum role role_of(const char *name)
{
	static const struct { const char *tail; enum role role; } tails[] = {
		{ ".vmdk", ROLE_DISK }, { ".vmx", ROLE_VMX }, { ".vmtx", ROLE_VMTX },
		{ ".vmsd", ROLE_VMSD }, { ".vmsn", ROLE_STATE }, { ".vmss", ROLE_STATE },
		{ ".vmem", ROLE_STATE }, { ".vmxf", ROLE_VM }, { ".nvram", ROLE_VM },
		{ ".vmx~", ROLE_VM }, { ".vswp", ROLE_SWAP }, { ".lck", ROLE_LOCK },
	};

	if (is_temporary(name))
		return ROLE_TEMPORARY;
	for (size_t i = 0; i < ARRAY_COUNT(tails); i++)
		if (ends_nocase(name, tails[i].tail))
			return tails[i].role;
	if (starts(name, "vmware") && mem_ends_with(name, ".log"))
		return ROLE_VM;
	return starts(name, ".lck-") ? ROLE_LOCK : ROLE_OTHER;
}

/* ---- the index ------------------------------------------------------------------------------- */

static uint32_t hash_of(const char *path)
{
	uint32_t h = 2166136261u;	/* FNV-1a */

	for (; *path; path++)
		h = (h ^ (unsigned char)*path) * 16777619u;
	return h;
}

static void hash_put(struct scan *s, struct file *f)
{
	struct file **slot = &s->hash[hash_of(f->pub.path) & (s->hash_size - 1)];

	f->next_hash = *slot;
	*slot = f;
}

static enum status hash_grow(struct scan *s)
{
	uint32_t size = s->hash_size ? s->hash_size * 2 : HASH_START;
	struct file **bigger;

	if (s->files.count < s->hash_size)
		return ST_OK;
	bigger = arena_alloc(&s->arena, size * sizeof(struct file *));
	if (!bigger)
		return scan_nomem(s);
	s->hash = bigger;
	s->hash_size = size;
	for (uint32_t i = 0; i < s->files.count; i++)
		hash_put(s, s->files.at[i]);
	return ST_OK;
}

struct file *files_find(struct scan *s, const char *path)
{
	struct file *f = s->hash_size ? s->hash[hash_of(path) & (s->hash_size - 1)] : NULL;

	while (f && strcmp(f->pub.path, path) != 0)
		f = f->next_hash;
	return f;
}

enum status files_add(struct scan *s, struct folder *folder, const char *path,
		      const struct store_stat *st, struct file **file)
{
	struct file *f = arena_alloc(&s->arena, sizeof(*f));
	enum status got = hash_grow(s);

	if (got != ST_OK)
		return got;
	if (!f || !(f->pub.path = arena_text(&s->arena, path, strlen(path))))
		return scan_nomem(s);
	f->pub.size_bytes = st->size_bytes;
	f->pub.allocated_bytes = st->allocated_bytes;
	f->pub.mtime_s = st->mtime_s;
	f->folder = folder;
	f->role = (uint8_t)role_of(file_name(path));
	f->is_rdm = st->kind == STORE_RDM;
	if (ptrs_add(&s->arena, &s->files, f) != ST_OK)
		return scan_nomem(s);
	hash_put(s, f);
	*file = f;
	return ST_OK;
}

enum status files_look(struct scan *s, const char *path, struct file **file)
{
	struct store_stat st;

	*file = files_find(s, path);
	if (*file || s->closed || s->store->ops->stat(s->store, path, &st, NULL) != ST_OK)
		return ST_OK;
	if (st.kind != STORE_FILE && st.kind != STORE_RDM)
		return ST_OK;
	return files_add(s, NULL, path, &st, file);
}

/* ---- the walk -------------------------------------------------------------------------------- */

struct listing {
	struct scan	*scan;
	struct folder	*folder;
	enum status	status;
};

static enum status add_folder(struct scan *s, const char *path, uint64_t id, struct folder *up)
{
	struct folder *f = arena_alloc(&s->arena, sizeof(*f));

	if (!f || !(f->path = arena_text(&s->arena, path, strlen(path))))
		return scan_nomem(s);
	f->id = id;
	f->up = up;
	f->depth = up ? up->depth + 1 : 0;
	return ptrs_add(&s->arena, &s->folders, f) == ST_OK ? ST_OK : scan_nomem(s);
}

/* A folder that is its own ancestor, or lies too deep, is told about and not entered. */
static enum status enter(struct scan *s, const char *path, uint64_t id, struct folder *up)
{
	for (const struct folder *f = up; f; f = f->up)
		if (f->id == id)
			return finding_add(s, INV_UNREADABLE_FOLDER, path,
					   "this folder is inside itself", NULL, 0);
	if (up->depth + 1 >= DEPTH_MAX)
		return finding_add(s, INV_UNREADABLE_FOLDER, path,
				   "more than 128 folders in each other", NULL, 0);
	return add_folder(s, path, id, up);
}

static enum status take(struct scan *s, struct folder *folder, const char *name,
			const struct store_stat *st)
{
	enum role role = role_of(name);
	char path[INV_PATH_MAX];
	struct file *f;
	enum status got;

	s->inv.files += st->kind != STORE_DIR;
	if (st->kind != STORE_DIR && (st->kind == STORE_SYSTEM || role == ROLE_OTHER))
		return ST_OK;
	if (st->kind != STORE_DIR && st->kind != STORE_FILE && st->kind != STORE_RDM)
		return ST_OK;	/* a symbolic link is found where it leads */
	if (fmt(path, sizeof(path), "%s/%s", folder->path[1] ? folder->path : "", name) >=
	    sizeof(path))
		return finding_add(s, INV_UNREADABLE_FOLDER, folder->path,
				   "a path below it is longer than 2047 bytes", NULL, 0);
	if (st->kind == STORE_DIR && role != ROLE_LOCK)
		return enter(s, path, st->id, folder);
	/* A lock of a desktop product is a folder; what is in it says no more. */
	got = files_add(s, folder, path, st, &f);
	if (got != ST_OK)
		return got;
	if (role == ROLE_VMX || role == ROLE_VMTX)
		folder->machines++;
	if (role == ROLE_VMSD) {
		folder->vmsd_count++;
		folder->vmsd = f;
	}
	if (!folder->trace && (role == ROLE_VM || role == ROLE_VMSD || role == ROLE_STATE))
		folder->trace = file_name(f->pub.path);
	return ST_OK;
}

static int on_name(void *arg, const char *name, const struct store_stat *st)
{
	struct listing *l = arg;

	l->status = take(l->scan, l->folder, name, st);
	return l->status != ST_OK;
}

static enum status list_folder(struct scan *s, struct folder *f)
{
	struct listing l = { s, f, ST_OK };
	struct why why = { 0 };
	enum status st = scan_interrupted(s);

	if (st != ST_OK)
		return st;
	st = s->store->ops->list(s->store, f->path, on_name, &l, &why);
	s->inv.folders++;
	if (l.status != ST_OK || st == ST_OK)
		return l.status;
	/* Damage here leaves the rest as it is, except at the root: then there is no rest. */
	if (f->depth == 0)
		return why_set(s->why, st, "%s", why.text[0] ? why.text : status_text(st));
	return finding_add(s, INV_UNREADABLE_FOLDER, f->path,
			   arena_text(&s->arena, why.text[0] ? why.text : status_text(st),
				      strlen(why.text[0] ? why.text : status_text(st))), NULL, 0);
}

enum status files_collect(struct scan *s)
{
	struct store_stat st;
	enum status got = s->store->ops->stat(s->store, s->opts->root, &st, s->why);

	if (got != ST_OK)
		return got;
	if (st.kind != STORE_DIR)
		return why_set(s->why, ST_NOTDIR, "%s: is not a folder", s->opts->root);
	got = add_folder(s, s->opts->root, st.id, NULL);
	/* Later folders are added behind while this goes through them. */
	for (uint32_t i = 0; i < s->folders.count && got == ST_OK; i++)
		got = list_folder(s, s->folders.at[i]);
	return got;
}
