/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* path - names: walking, making, removing, renaming.
 *
 * Link counts are the number of entries that name a descriptor: a file has one, a directory its
 * entry, its "." and the ".." of each of its directories. System files and what another host has
 * open are never changed. Every operation walks its path itself, for it may run again after other
 * hosts have changed what lies on the way; it holds the locks of all that it changes. */
#include "vmfs/vmfs_priv.h"

/* ---- walking --------------------------------------------------------------------------------- */

static enum status check_name(const char *name, size_t n)
{
	if (n > VMFS_NAME_MAX || !n || !fmt_utf8_valid(name, n))
		return ST_NAME;
	if ((n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.'))
		return ST_NAME;
	return ST_OK;
}

static enum status say(const struct vmfs_volume *vol, struct why *why, enum status st,
		       const char *path)
{
	if (st == ST_NAME)
		return why_set(why, st, "%s:%s: a name has 1 to %u bytes of UTF-8 and no slash",
			       vol->store.name, path, VMFS_NAME_MAX);
	if (st == ST_LIMIT)
		return why_set(why, st,
			       "%s:%s: the directory is full: it cannot grow past %u sub-blocks",
			       vol->store.name, path, vmfs_form(vol)->ptrs);
	if (st == ST_BUSY && vol->locks.again == AGAIN_HELD && vol->locks.who[0])
		return vmfs_lock_say(vol, path, why);
	return why_set(why, st, "%s:%s: %s", vol->store.name, path, status_text(st));
}

/* The descriptor an entry names, checked against it. */
static enum status enter(struct vmfs_volume *vol, const struct vmfs_entry *e, struct vmfs_fd *fd)
{
	enum status st = vmfs_fd_get(vol, e->fd, fd);

	if (st != ST_OK)
		return st;
	return le32_get(vmfs_fd_meta(fd)->generation) == e->generation &&
	       vmfs_fd_type(fd) == e->type ? ST_OK : ST_CORRUPT;
}

static enum status step(struct vmfs_volume *vol, const struct vmfs_fd *dir, const char *name,
			struct vmfs_fd *fd)
{
	struct vmfs_entry e;
	enum status st;

	vmfs_live_dir(vol, dir);
	st = vmfs_dir_find(vol, dir, name, &e);
	return st == ST_OK ? enter(vol, &e, fd) : st;
}

static size_t skip_slashes(const char *p)
{
	size_t n = 0;

	while (p[n] == '/')
		n++;
	return n;
}

static size_t name_length(const char *p)
{
	size_t n = 0;

	while (p[n] && p[n] != '/')
		n++;
	return n;
}

static enum status walk(struct vmfs_volume *vol, const char *p, struct vmfs_path *out)
{
	enum status st = vmfs_fd_get(vol, VMFS_FD_ROOT, &out->dir);

	out->name[0] = 0;
	for (p += skip_slashes(p); st == ST_OK && *p;) {
		size_t n = name_length(p);

		if (out->name[0])
			st = step(vol, &out->dir, out->name, &out->dir);
		if (st == ST_OK && !vmfs_is_dir(&out->dir))
			st = ST_NOTDIR;
		if (st == ST_OK)
			st = check_name(p, n);
		if (st != ST_OK)
			return st;
		memcpy(out->name, p, n);
		out->name[n] = 0;
		p += n;
		p += skip_slashes(p);
	}
	return st;
}

enum status vmfs_path_fd(struct vmfs_volume *vol, const char *path, struct vmfs_fd *fd,
			 struct why *why)
{
	struct vmfs_path p;
	enum status st = walk(vol, path, &p);

	if (st == ST_OK)
		st = p.name[0] ? step(vol, &p.dir, p.name, fd) : vmfs_fd_get(vol, VMFS_FD_ROOT, fd);
	return st == ST_OK ? ST_OK : say(vol, why, st, path);
}

/* ---- what all changes share ------------------------------------------------------------------ */

static enum status add_links(struct vmfs_volume *vol, const struct vmfs_fd *fd, int delta)
{
	struct vmfs_fd_disk *m = vmfs_fd_edit(vol, fd);

	if (!m)
		return ST_NOMEM;
	le32_set(&m->links, le32_get(m->links) + (uint32_t)delta);
	le32_set(&m->ctime, vmfs_now_s());
	return ST_OK;
}

/* Hold a descriptor to change it. ST_REFUSED: of the system. ST_BUSY: open, here or elsewhere. */
static enum status may_change(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	if (vmfs_fd_type(fd) == VMFS_TYPE_SYSTEM || vmfs_fd_type(fd) == VMFS_TYPE_VOLUME ||
	    fd->addr == VMFS_FD_ROOT)
		return ST_REFUSED;
	if (vmfs_fd_is_large(vol, fd))
		return ST_UNSUPPORTED;
	if (vmfs_node_find(vol, fd->addr))
		return ST_BUSY;
	return vmfs_fd_hold(vol, fd);
}

/* Walk to the directory of a name that is to change, and hold it. */
static enum status walk_to_change(struct vmfs_volume *vol, const char *path, struct vmfs_path *p)
{
	enum status st = walk(vol, path, p);

	if (st == ST_OK && p->name[0] && vmfs_fd_type(&p->dir) != VMFS_TYPE_DIR)
		st = ST_REFUSED;
	return st == ST_OK ? vmfs_fd_hold(vol, &p->dir) : st;
}

/* ---- make ------------------------------------------------------------------------------------ */

struct make {
	const char		*full;
	struct vmfs_path	path;
	enum vmfs_type		type;
	uint32_t		mode, fd;
	const char		*target;
};

static enum status make_content(struct vmfs_volume *vol, struct make *m, const struct vmfs_fd *fd)
{
	enum status st = ST_OK;

	if (m->type == VMFS_TYPE_DIR) {
		st = vmfs_dir_init(vol, fd, m->path.dir.addr);
		if (st == ST_OK)
			st = add_links(vol, fd, 1);
		if (st == ST_OK)
			st = add_links(vol, &m->path.dir, 1);
	} else if (m->type == VMFS_TYPE_SYMLINK) {
		st = vmfs_fd_write(vol, fd, 0, m->target, strlen(m->target));
		if (st == ST_OK)
			st = vmfs_fd_set_length(vol, fd, strlen(m->target));
	}
	return st;
}

static enum status make_op(struct vmfs_volume *vol, void *arg)
{
	struct make *m = arg;
	struct vmfs_entry e;
	struct vmfs_fd fd;
	enum status st = walk_to_change(vol, m->full, &m->path);

	if (st != ST_OK)	/* ST_NOENT: of a directory on the way */
		return st;
	st = m->path.name[0] ? vmfs_dir_find(vol, &m->path.dir, m->path.name, &e) : ST_OK;
	if (st != ST_NOENT)
		return st == ST_OK ? ST_EXIST : st;
	st = vmfs_fd_make(vol, m->type, m->mode, &fd);
	if (st == ST_OK)
		st = make_content(vol, m, &fd);
	if (st == ST_OK)
		st = vmfs_dir_add(vol, &m->path.dir, m->path.name, &fd);
	m->fd = fd.addr;
	return st;
}

/* A link's text is where vmfs_fd_make() puts it. */
static uint64_t link_max(const struct vmfs_volume *vol)
{
	return vmfs_form(vol)->fd_signature ? vmfs_form(vol)->resident_max : vol->sb_bytes;
}

enum status vmfs_path_make(struct vmfs_volume *vol, const char *path, enum vmfs_type type,
			   uint32_t mode, const char *target, uint32_t *fd, struct why *why)
{
	struct make m = { .full = path, .type = type, .mode = mode, .target = target };
	enum status st = ST_OK;

	if (target && (!target[0] || strlen(target) > link_max(vol)))
		st = ST_NAME;
	if (st == ST_OK)
		st = vmfs_meta_run(vol, DIR_NEED, make_op, &m);
	if (st != ST_OK)
		return say(vol, why, st, path);
	if (fd)
		*fd = m.fd;
	return ST_OK;
}

/* ---- remove ---------------------------------------------------------------------------------- */

struct removal {
	const char		*full;
	struct vmfs_path	path;
	struct vmfs_fd		fd;
	int			orphan;		/* its blocks are freed by further operations */
};

/* Files with pointer blocks may hold more than one operation can free. */
static int is_big(const struct vmfs_fd *fd)
{
	return vmfs_fd_levels(fd) > 0;
}

/* The descriptor has lost its last name. Small: all is freed now. Big: it becomes an orphan. */
static enum status release(struct vmfs_volume *vol, const struct vmfs_fd *fd, int *orphan)
{
	uint32_t generation = le32_get(vmfs_fd_meta(fd)->generation);
	struct vmfs_fd_disk *m = vmfs_fd_edit(vol, fd);
	enum status st;
	int more;

	if (!m)
		return ST_NOMEM;
	le32_set(&m->links, 0);
	*orphan = is_big(fd);
	if (*orphan)
		return vmfs_journal_add_orphan(vol, fd->addr, generation);
	st = vmfs_fd_type(fd) == VMFS_TYPE_RDM ? ST_OK : vmfs_map_trim(vol, fd, 0, &more);
	return st == ST_OK ? vmfs_fd_clear(vol, fd) : st;
}

static enum status remove_op(struct vmfs_volume *vol, void *arg)
{
	struct removal *r = arg;
	struct vmfs_entry e;
	enum status st = walk_to_change(vol, r->full, &r->path);
	int empty = 1;

	if (st == ST_OK)
		st = r->path.name[0] ? vmfs_dir_find(vol, &r->path.dir, r->path.name, &e)
				     : ST_REFUSED;
	if (st == ST_OK)
		st = enter(vol, &e, &r->fd);
	if (st == ST_OK)
		st = may_change(vol, &r->fd);
	if (st == ST_OK && e.type == VMFS_TYPE_DIR)
		st = vmfs_dir_empty(vol, &r->fd, &empty);
	if (st == ST_OK && !empty)
		st = ST_NOTEMPTY;
	if (st == ST_OK)
		st = vmfs_dir_remove(vol, &r->path.dir, e.number);
	if (st == ST_OK && e.type == VMFS_TYPE_DIR)
		st = add_links(vol, &r->path.dir, -1);
	if (st == ST_OK && e.type != VMFS_TYPE_DIR && le32_get(vmfs_fd_meta(&r->fd)->links) > 1)
		return add_links(vol, &r->fd, -1);
	return st == ST_OK ? release(vol, &r->fd, &r->orphan) : st;
}

enum status vmfs_path_remove(struct vmfs_volume *vol, const char *path, struct why *why)
{
	struct removal r = { .full = path };
	enum status st =
	    vmfs_meta_run(vol, 2 * vmfs_form(vol)->ptrs + DIR_NEED, remove_op, &r);

	if (st == ST_OK && r.orphan)
		st = vmfs_file_trim(vol, r.fd.addr);
	return st == ST_OK ? ST_OK : say(vol, why, st, path);
}

/* ---- rename ---------------------------------------------------------------------------------- */

struct renaming {
	const char		*old_path, *new_path;
	const char		*at;		/* which of them an error is about */
	struct vmfs_path	from, to;
	int			replace;
	struct vmfs_fd		victim;		/* what lost its name */
	int			orphan;
};

/* 1 when `dir` is `top` or below it. Directories of a loop end at the step limit. */
static enum status is_below(struct vmfs_volume *vol, struct vmfs_fd dir, uint32_t top, int *below)
{
	*below = 0;
	for (uint32_t steps = 0; dir.addr != VMFS_FD_ROOT; steps++) {
		struct vmfs_entry e;
		enum status st;

		if (dir.addr == top) {
			*below = 1;
			return ST_OK;
		}
		if (steps > 4096)
			return ST_CORRUPT;
		st = vmfs_dir_entry(vol, &dir, 1, &e);
		if (st == ST_OK)
			st = strcmp(e.name, "..") ? ST_CORRUPT : vmfs_fd_get(vol, e.fd, &dir);
		if (st != ST_OK)
			return st;
	}
	*below = top == VMFS_FD_ROOT;
	return ST_OK;
}

/* What the new name means now must be gone or may go. *there: it exists. */
static enum status check_target(struct vmfs_volume *vol, struct renaming *r,
				const struct vmfs_fd *fd, struct vmfs_entry *e, int *there)
{
	enum status st = vmfs_dir_find(vol, &r->to.dir, r->to.name, e);
	int empty = 1;

	*there = st == ST_OK;
	if (st != ST_OK)
		return st == ST_NOENT ? ST_OK : st;
	if (!r->replace)
		return ST_EXIST;
	st = enter(vol, e, &r->victim);
	if (st == ST_OK && r->victim.addr == fd->addr)
		return ST_OK;	/* onto itself: nothing to do, be it a full directory */
	if (st == ST_OK)
		st = may_change(vol, &r->victim);
	if (st != ST_OK)
		return st;
	if (e->type == VMFS_TYPE_DIR && vmfs_fd_type(fd) != VMFS_TYPE_DIR)
		return ST_ISDIR;
	if (e->type != VMFS_TYPE_DIR && vmfs_fd_type(fd) == VMFS_TYPE_DIR)
		return ST_NOTDIR;
	if (e->type == VMFS_TYPE_DIR)
		st = vmfs_dir_empty(vol, &r->victim, &empty);
	return st == ST_OK && !empty ? ST_NOTEMPTY : st;
}

static enum status move_parent(struct vmfs_volume *vol, struct renaming *r,
			       const struct vmfs_fd *fd)
{
	enum status st;

	if (vmfs_fd_type(fd) != VMFS_TYPE_DIR || r->from.dir.addr == r->to.dir.addr)
		return ST_OK;
	st = vmfs_dir_point(vol, fd, 1, &r->to.dir);
	if (st == ST_OK)
		st = add_links(vol, &r->from.dir, -1);
	return st == ST_OK ? add_links(vol, &r->to.dir, 1) : st;
}

/* The new name first: removing the old one may move entries. */
static enum status set_target(struct vmfs_volume *vol, struct renaming *r, const struct vmfs_fd *fd,
			      const struct vmfs_entry *old, int there)
{
	enum status st;

	if (!there)
		return vmfs_dir_add(vol, &r->to.dir, r->to.name, fd);
	st = vmfs_dir_point(vol, &r->to.dir, old->number, fd);
	if (st == ST_OK)
		st = vmfs_fd_touch(vol, &r->to.dir);
	if (st == ST_OK && old->type == VMFS_TYPE_DIR)
		st = add_links(vol, &r->to.dir, -1);
	if (st != ST_OK)
		return st;
	if (old->type != VMFS_TYPE_DIR && le32_get(vmfs_fd_meta(&r->victim)->links) > 1)
		return add_links(vol, &r->victim, -1);
	return release(vol, &r->victim, &r->orphan);
}

static enum status walk_both(struct vmfs_volume *vol, struct renaming *r)
{
	enum status st;

	r->orphan = 0;
	r->at = r->old_path;
	st = walk_to_change(vol, r->old_path, &r->from);
	if (st == ST_OK && !r->from.name[0])
		st = ST_REFUSED;
	if (st != ST_OK)
		return st;
	r->at = r->new_path;
	st = walk_to_change(vol, r->new_path, &r->to);
	return st == ST_OK && !r->to.name[0] ? ST_EXIST : st;
}

static enum status rename_op(struct vmfs_volume *vol, void *arg)
{
	struct renaming *r = arg;
	struct vmfs_entry from, to;
	struct vmfs_fd fd;
	int there = 0, below = 0;
	enum status st = walk_both(vol, r);

	if (st == ST_OK)
		st = vmfs_dir_find(vol, &r->from.dir, r->from.name, &from);
	if (st == ST_OK)
		st = enter(vol, &from, &fd);
	if (st == ST_OK)
		st = may_change(vol, &fd);
	if (st == ST_OK && from.type == VMFS_TYPE_DIR)
		st = is_below(vol, r->to.dir, fd.addr, &below);
	if (st == ST_OK && below)
		st = ST_INVAL;
	if (st == ST_OK)
		st = check_target(vol, r, &fd, &to, &there);
	if (st != ST_OK || (there && r->victim.addr == fd.addr))
		return st;
	st = set_target(vol, r, &fd, &to, there);
	if (st == ST_OK)
		st = vmfs_dir_find(vol, &r->from.dir, r->from.name, &from);
	if (st == ST_OK)
		st = vmfs_dir_remove(vol, &r->from.dir, from.number);
	return st == ST_OK ? move_parent(vol, r, &fd) : st;
}

enum status vmfs_path_rename(struct vmfs_volume *vol, const char *old_path, const char *new_path,
			     int replace, struct why *why)
{
	struct renaming r = { .old_path = old_path, .new_path = new_path, .replace = replace,
			      .at = new_path };
	enum status st =
	    vmfs_meta_run(vol, 2 * vmfs_form(vol)->ptrs + 2 * DIR_NEED, rename_op, &r);

	if (st == ST_OK && r.orphan)
		st = vmfs_file_trim(vol, r.victim.addr);
	return st == ST_OK ? ST_OK : say(vol, why, st, r.at);
}
