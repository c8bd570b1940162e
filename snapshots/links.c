/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Which of the .vmdk files are descriptors, and which extents belong to them.
 *
 * The name decides what is opened as a descriptor, not the content: the first sectors of a flat
 * extent are the guest's, who could write a descriptor there. Files called like an extent are only
 * tried when no descriptor names them and they are too small to be a disk. What is left then has
 * lost its descriptor: a link is made for that, so that machines and children that need it find
 * what is there of it. */
#include "snapshots/snapshots_priv.h"

#define DESCRIPTOR_SIZE_USUAL (64 * KIB)	/* real ones are below 2 KiB; disks above 1 MiB */

/* The file that a descriptor names. *file NULL: there is none. */
static enum status look_up(struct scan *s, const char *from, const char *name, struct file **file)
{
	char path[INV_PATH_MAX];

	*file = NULL;
	if (vmdk_path_at(from, name, path, sizeof(path)) != ST_OK)
		return ST_OK;
	return files_look(s, path, file);
}

/* A text of a descriptor that is kept. *copy NULL: absent. */
static enum status keep(struct scan *s, const char *text, const char **copy)
{
	*copy = text ? arena_text(&s->arena, text, strlen(text)) : NULL;
	return *copy || !text ? ST_OK : scan_nomem(s);
}

/* ---- extents --------------------------------------------------------------------------------- */

static enum status extent_fault(struct scan *s, struct link *l, enum inv_link_state state,
				const char *text)
{
	if (!text)
		return scan_nomem(s);
	if (l->extent_state == INV_LINK_OK) {
		l->extent_state = state;
		l->extent_fault = text;
	}
	return ST_OK;
}

/* f belongs to l; a file that is named several times is counted once. */
static enum status own_file(struct scan *s, struct link *l, struct file *f)
{
	if (f->last_user == l)
		return ST_OK;
	f->last_user = l;
	f->users++;
	if (f->link != l)
		l->pub.allocated_bytes += f->pub.allocated_bytes;
	return ptrs_add(&s->arena, &l->extents, &f->pub) == ST_OK ? ST_OK : scan_nomem(s);
}

static enum status take_extent(struct scan *s, struct link *l, const struct vmdk_link_extent *x)
{
	const char *name = x->file;
	struct file *f;
	enum status st;

	if (!x->file || x->on_device)
		return ST_OK;
	st = look_up(s, l->pub.path, name, &f);
	if (st != ST_OK)
		return st;
	if (!f || f->is_absent)
		return extent_fault(s, l, INV_LINK_EXTENT_MISSING,
				    arena_fmt(&s->arena, "the extent '%s' is not there", name));
	if (x->flat && (f->pub.size_bytes < x->offset ||
			f->pub.size_bytes - x->offset < x->bytes)) {
		st = extent_fault(s, l, INV_LINK_EXTENT_SHORT,
				  arena_fmt(&s->arena, "the extent '%s' has %llu bytes where the "
					    "descriptor needs %llu", name,
					    (unsigned long long)f->pub.size_bytes,
					    (unsigned long long)(x->offset + x->bytes)));
	}
	return st == ST_OK ? own_file(s, l, f) : st;
}

static enum status take_extents(struct scan *s, struct link *l, struct vmdk_disk *d,
				const struct vmdk_link_info *i)
{
	struct vmdk_link_extent x;
	struct file *track = NULL;
	enum status st = ST_OK;

	/* The first extent of a monolithic disk is the file itself, whatever name it had once. */
	if (i->embedded)
		st = own_file(s, l, files_find(s, l->pub.path));
	for (uint32_t n = i->embedded; st == ST_OK && vmdk_link_extent(d, n, &x); n++)
		st = take_extent(s, l, &x);
	if (st == ST_OK && i->change_track)
		st = look_up(s, l->pub.path, i->change_track, &track);
	if (track)
		track->users++;
	return st;
}

/* ---- one link -------------------------------------------------------------------------------- */

static struct link *new_link(struct scan *s, struct file *f)
{
	struct link *l = arena_alloc(&s->arena, sizeof(*l));

	if (!l || ptrs_add(&s->arena, &s->links, l) != ST_OK)
		return NULL;
	l->pub.path = f->pub.path;
	l->pub.kind = VMDK_OTHER;
	l->pub.outside = f->folder == NULL;
	l->folder = f->folder;
	if (!f->is_absent) {
		l->pub.file = &f->pub;
		l->pub.allocated_bytes = f->pub.allocated_bytes;
	}
	f->link = l;
	return l;
}

static enum status fill_link(struct scan *s, struct link *l, struct vmdk_disk *d)
{
	struct vmdk_link_info i;
	enum status st;

	vmdk_link_info(d, &i);
	l->pub.kind = i.kind;
	l->pub.is_delta = i.is_delta;
	l->pub.cid = i.cid;
	l->pub.parent_cid = i.parent_cid;
	l->pub.capacity_bytes = i.bytes;
	st = keep(s, i.adapter, &l->pub.adapter);
	if (st == ST_OK)
		st = keep(s, i.parent_hint, &l->pub.parent_hint);
	return st == ST_OK ? take_extents(s, l, d, &i) : st;
}

/* ST_OK also when the file is no descriptor: then optional links are not made at all. */
static enum status read_link(struct scan *s, struct file *f, int optional)
{
	struct vmdk_disk *d = NULL;
	struct why why = { 0 };
	struct link *l;
	enum status st = vmdk_link_open(s->store, f->pub.path, &d, &why);

	if (st == ST_NOMEM)
		return scan_nomem(s);
	if (st != ST_OK && optional)
		return ST_OK;
	l = new_link(s, f);
	if (!l) {
		st = scan_nomem(s);
	} else if (!d) {
		const char *text = why.text[0] ? why.text : status_text(st);

		if (strncmp(text, f->pub.path, strlen(f->pub.path)) == 0)
			text += strlen(f->pub.path) + 2;	/* "path: what" */
		l->pub.state = INV_LINK_UNREADABLE;
		l->pub.fault = arena_text(&s->arena, text, strlen(text));
		st = l->pub.fault ? ST_OK : scan_nomem(s);
	} else {
		st = fill_link(s, l, d);
	}
	if (d)
		(void)vmdk_close(d);
	return st;
}

enum status links_get(struct scan *s, const char *path, struct link **link)
{
	struct file *f;
	enum status st = files_look(s, path, &f);

	*link = NULL;
	if (st == ST_OK && f && !f->link && !f->folder && f->role == ROLE_DISK && !f->users)
		st = read_link(s, f, 0);
	if (st == ST_OK && f)
		*link = f->link;
	return st;
}

/* ---- what has no descriptor ------------------------------------------------------------------ */

static int is_change_track(const char *path) { return mem_ends_with(path, "-ctk.vmdk"); }

static enum vmdk_kind kind_of_tail(const char *path)
{
	static const struct { const char *tail; enum vmdk_kind kind; } tails[] = {
		{ "-flat.vmdk", VMDK_VMFS }, { "-delta.vmdk", VMDK_VMFS_SPARSE },
		{ "-sesparse.vmdk", VMDK_SE_SPARSE }, { "-rdm.vmdk", VMDK_RDM },
		{ "-rdmp.vmdk", VMDK_RDMP },
	};

	for (size_t i = 0; i < ARRAY_COUNT(tails); i++)
		if (mem_ends_with(path, tails[i].tail))
			return tails[i].kind;
	return VMDK_OTHER;
}

/* A link for the descriptor `owner` that is not there. */
static enum status new_missing(struct scan *s, struct file *extent, const char *owner,
			       struct link **link)
{
	struct store_stat none = { .kind = STORE_FILE };
	struct file *f;
	struct link *l;
	enum status st = files_add(s, extent->folder, owner, &none, &f);

	if (st != ST_OK)
		return st;
	f->is_absent = 1;
	l = new_link(s, f);
	if (!l)
		return scan_nomem(s);
	l->pub.state = INV_LINK_MISSING;
	l->pub.kind = kind_of_tail(extent->pub.path);
	l->pub.is_delta = l->pub.kind == VMDK_VMFS_SPARSE || l->pub.kind == VMDK_SE_SPARSE;
	l->pub.fault = arena_fmt(&s->arena, "no descriptor; its extent '%s' is there",
				 file_name(extent->pub.path));
	*link = l;
	return l->pub.fault ? ST_OK : scan_nomem(s);
}

static enum status take_leftover(struct scan *s, struct file *f)
{
	char owner_path[INV_PATH_MAX];
	struct file *owner;
	struct link *l;
	enum status st;

	if (!vmdk_is_extent_name(f->pub.path, owner_path, sizeof(owner_path)))
		return ST_OK;
	owner = files_find(s, owner_path);
	l = owner ? owner->link : NULL;
	if (owner && (!l || (l->pub.state != INV_LINK_MISSING &&
			     l->pub.state != INV_LINK_UNREADABLE)))
		return ST_OK;	/* the descriptor is there and does not want it: an orphan */
	if (!owner) {
		st = new_missing(s, f, owner_path, &l);
		if (st != ST_OK)
			return st;
	}
	if (l->pub.state == INV_LINK_MISSING && l->pub.kind == VMDK_VMFS)
		l->pub.capacity_bytes += f->pub.size_bytes;
	return own_file(s, l, f);
}

/* ---- all ------------------------------------------------------------------------------------- */

/* A descriptor that could not be read may be an extent with an unusual name. */
static void drop_used_as_extent(struct scan *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->links.count; i++) {
		struct link *l = s->links.at[i];
		struct file *f = files_find(s, l->pub.path);

		if (l->pub.state == INV_LINK_UNREADABLE && f->users)
			f->link = NULL;
		else
			s->links.at[kept++] = l;
	}
	s->links.count = kept;
}

static enum status each_disk_file(struct scan *s, enum status (*fn)(struct scan *s, struct file *f))
{
	enum status st = ST_OK;
	uint32_t count = s->files.count;	/* not those that fn adds */

	for (uint32_t i = 0; i < count && st == ST_OK; i++) {
		struct file *f = s->files.at[i];

		if (f->role == ROLE_DISK && f->folder && !f->is_absent)
			st = fn(s, f);
		if (st == ST_OK)
			st = scan_interrupted(s);
	}
	return st;
}

static enum status read_by_name(struct scan *s, struct file *f)
{
	char owner[INV_PATH_MAX];

	if (f->is_rdm || vmdk_is_extent_name(f->pub.path, owner, sizeof(owner)))
		return ST_OK;
	return read_link(s, f, 0);
}

static enum status read_unnamed(struct scan *s, struct file *f)
{
	if (f->link || f->users || f->is_rdm || f->pub.size_bytes >= DESCRIPTOR_SIZE_USUAL)
		return ST_OK;
	return read_link(s, f, 1);
}

static enum status read_leftover(struct scan *s, struct file *f)
{
	return f->link || f->users || is_change_track(f->pub.path) ? ST_OK : take_leftover(s, f);
}

enum status links_read(struct scan *s)
{
	enum status st = each_disk_file(s, read_by_name);

	if (st == ST_OK)
		st = each_disk_file(s, read_unnamed);
	if (st != ST_OK)
		return st;
	drop_used_as_extent(s);
	return each_disk_file(s, read_leftover);
}
