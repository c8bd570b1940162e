/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* store_vmfs - a mounted volume as a place for files.
 * Each call is one bracket of the volume's mutex. */
#include "vmfs/vmfs_priv.h"

static struct vmfs_volume *enter(struct store *s)
{
	struct vmfs_volume *vol = vmfs_of(s);

	vmfs_enter(vol);
	return vol;
}

static enum status leave(struct vmfs_volume *vol, enum status st)
{
	vmfs_leave(vol);
	return st;
}

static struct vmfs_node *node_of(struct store_file *f)
{
	return container_of(f, struct vmfs_file, base)->node;
}

/* ---- looking --------------------------------------------------------------------------------- */

/* A look that never saw the same twice has left no reason yet. On a volume that is mounted for
 * writing it is a lock that kept it; or the file is open here, which the look has told. */
static enum status looked(struct vmfs_volume *vol, const char *path, enum status st,
			  struct why *why)
{
	int told = vol->writable && vol->locks.again != AGAIN_CHANGED;

	if (st == ST_BUSY && vol->writable && vol->locks.again == AGAIN_HELD)
		st = vmfs_lock_say(vol, path, why);
	vmfs_leave(vol);
	if (st != ST_BUSY || told)
		return st;
	return why_set(why, st, "%s:%s: changes while it is read: a host keeps changing it; try "
		       "again", vol->store.name, path);
}

struct ask { const char *path; struct store_stat *out; struct why *why; };

static enum status stat_op(struct vmfs_volume *vol, void *arg)
{
	const struct ask *a = arg;
	struct vmfs_fd fd;
	enum status st = vmfs_path_fd(vol, a->path, &fd, a->why);

	if (st == ST_OK)
		vmfs_fd_stat(vol, &fd, a->out);
	return st;
}

static enum status v_stat(struct store *s, const char *path, struct store_stat *out,
			  struct why *why)
{
	struct vmfs_volume *vol = enter(s);
	struct ask a = { path, out, why };

	return looked(vol, path, vmfs_look(vol, stat_op, &a), why);
}

/* Entries of a damaged directory that are passed over; then it is given up. */
#define GAPS_MAX	4096u

/* A directory as it was at one moment. fn may change what is being listed, so all is copied. */
struct listing {
	const char		*path;
	struct why		*why;
	struct vmfs_entry	*e;
	struct store_stat	*st;
	uint32_t		count, max;
	uint32_t		gaps, gap_first;	/* entries that could not be read */
	enum status		gap;
};

static void listing_free(struct listing *l)
{
	port_free(l->e);
	port_free(l->st);
	l->e = NULL;
	l->st = NULL;
	l->count = l->max = l->gaps = 0;
	l->gap = ST_OK;
}

/* Room for one more. Every entry names a descriptor of this volume: more is no directory. */
static enum status listing_room(const struct vmfs_volume *vol, struct listing *l)
{
	uint32_t max = l->max ? 2 * l->max : 64;
	struct vmfs_entry *bigger;

	if (l->count < l->max)
		return ST_OK;
	if (l->count > 2 * vol->layout.geom[VMFS_RES_FD].count + 1024)
		return ST_CORRUPT;
	bigger = port_alloc(max * sizeof(*bigger));
	if (!bigger)
		return ST_NOMEM;
	if (l->count)
		memcpy(bigger, l->e, l->count * sizeof(*bigger));
	port_free(l->e);
	l->e = bigger;
	l->max = max;
	return ST_OK;
}

static enum status copy_entries(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				struct listing *l)
{
	enum status st = listing_room(vol, l);

	for (uint32_t i = 0; st == ST_OK; i++) {
		struct vmfs_entry *e = &l->e[l->count];

		st = vmfs_dir_next(vol, dir, &i, e);
		if (st == ST_NOENT)
			return ST_OK;
		if (st != ST_OK && st != ST_NOMEM) {
			l->gap_first = l->gaps++ ? l->gap_first : i;
			l->gap = st;
			if (l->gaps == GAPS_MAX)
				return ST_OK;
			st = ST_OK;
			continue;
		}
		l->count += st == ST_OK && strcmp(e->name, ".") && strcmp(e->name, "..");
		if (st == ST_OK)
			st = listing_room(vol, l);
	}
	return st;
}

static enum status read_entries(struct vmfs_volume *vol, struct listing *l)
{
	struct vmfs_fd fd;
	enum status st = vmfs_path_fd(vol, l->path, &fd, l->why);

	if (st != ST_OK)
		return st;
	if (!vmfs_is_dir(&fd))
		return why_set(l->why, ST_NOTDIR, "%s:%s: not a directory", vol->store.name,
			       l->path);
	vmfs_live_dir(vol, &fd);
	st = copy_entries(vol, &fd, l);
	l->st = st == ST_OK ? port_alloc((size_t)l->count * sizeof(*l->st) + 1) : NULL;
	if (st == ST_OK && !l->st)
		st = ST_NOMEM;
	return st == ST_OK ? st : why_set(l->why, st, "%s:%s: %s", vol->store.name, l->path,
					  status_text(st));
}

/* What an entry names; kind OTHER when that is no descriptor of its generation. */
static void entry_stat(struct vmfs_volume *vol, const struct vmfs_entry *e, struct store_stat *out)
{
	struct vmfs_fd fd;
	enum status st = vmfs_fd_get(vol, e->fd, &fd);

	if (st == ST_OK && le32_get(vmfs_fd_meta(&fd)->generation) == e->generation)
		vmfs_fd_stat(vol, &fd, out);
	else
		*out = (struct store_stat){ .kind = STORE_OTHER, .id = e->fd };
}

static enum status list_op(struct vmfs_volume *vol, void *arg)
{
	struct listing *l = arg;
	enum status st;

	listing_free(l);	/* of the look before */
	st = read_entries(vol, l);
	vmfs_meta_relax(vol);
	for (uint32_t i = 0; i < l->count && st == ST_OK; i++) {
		entry_stat(vol, &l->e[i], &l->st[i]);
		vmfs_meta_relax(vol);	/* more descriptors than the cache has pages */
	}
	return st;
}

static enum status v_list(struct store *s, const char *dir,
			  int (*fn)(void *arg, const char *name, const struct store_stat *st),
			  void *arg, struct why *why)
{
	struct vmfs_volume *vol = enter(s);
	struct listing l = { .path = dir, .why = why };
	enum status st = looked(vol, dir, vmfs_look(vol, list_op, &l), why);

	for (uint32_t i = 0; i < l.count && st == ST_OK; i++)
		if (fn(arg, l.e[i].name, &l.st[i]))
			break;
	if (st == ST_OK && l.gap != ST_OK)
		st = why_set(why, l.gap, "%s:%s: %u entries from number %u on cannot be read: %s",
			     vol->store.name, dir, l.gaps, l.gap_first, status_text(l.gap));
	listing_free(&l);
	return st;
}

struct link { const char *path; char *buf; size_t size; };

static enum status readlink_op(struct vmfs_volume *vol, void *arg)
{
	const struct link *l = arg;
	struct vmfs_fd fd;
	uint64_t n;
	enum status st = vmfs_path_fd(vol, l->path, &fd, NULL);

	if (st == ST_OK && vmfs_fd_type(&fd) != VMFS_TYPE_SYMLINK)
		st = ST_INVAL;
	if (st != ST_OK)
		return st;
	n = vmfs_fd_length(&fd);
	if (n >= l->size)
		return ST_RANGE;
	l->buf[n] = 0;
	return vmfs_fd_read(vol, &fd, 0, l->buf, n);
}

static enum status v_readlink(struct store *s, const char *path, char *buf, size_t size)
{
	struct vmfs_volume *vol = enter(s);
	struct link l = { path, buf, size };

	return leave(vol, vmfs_look(vol, readlink_op, &l));
}

static enum status space_op(struct vmfs_volume *vol, void *arg)
{
	struct store_space *space = arg;
	struct vmfs_count count, sbs = { 0 }, fds = { 0 };
	enum status st = vmfs_alloc_count(vol, VMFS_RES_FB, &count);

	if (st == ST_OK)
		st = vmfs_alloc_count(vol, VMFS_RES_SB, &sbs);
	if (st == ST_OK)
		st = vmfs_alloc_count(vol, VMFS_RES_FD, &fds);
	if (st == ST_OK)
		*space = (struct store_space){
			.total_bytes = count.total * vol->layout.block_bytes,
			.free_bytes = count.free * vol->layout.block_bytes,
			.small_bytes = sbs.free * vol->sb_bytes +
				       fds.free * vmfs_form(vol)->resident_max,
			.block_bytes = vol->layout.block_bytes,
		};
	return st;
}

static enum status v_space(struct store *s, struct store_space *space)
{
	struct vmfs_volume *vol = enter(s);

	return leave(vol, vmfs_look(vol, space_op, space));
}

/* ---- names ----------------------------------------------------------------------------------- */

static enum status v_create(struct store *s, const char *path, uint32_t mode,
			    struct store_file **file, struct why *why)
{
	struct vmfs_volume *vol = enter(s);
	struct vmfs_file *f = NULL;
	uint32_t fd = 0;
	enum status st = vmfs_path_make(vol, path, VMFS_TYPE_FILE, mode, NULL, &fd, why);

	if (st == ST_OK) {
		st = vmfs_file_open(vol, fd, STORE_WRITE, &f);
		if (st != ST_OK)
			why_set(why, st, "%s:%s: %s", vol->store.name, path, status_text(st));
	}
	if (st == ST_OK)
		*file = &f->base;
	else if (fd && vmfs_path_remove(vol, path, NULL) != ST_OK)
		log_line(LOG_WARN, "vmfs: %s:%s: an empty file stays", vol->store.name, path);
	return leave(vol, st);
}

static enum status v_mkdir(struct store *s, const char *path, uint32_t mode, struct why *why)
{
	struct vmfs_volume *vol = enter(s);

	return leave(vol, vmfs_path_make(vol, path, VMFS_TYPE_DIR, mode, NULL, NULL, why));
}

static enum status v_symlink(struct store *s, const char *target, const char *path, struct why *why)
{
	struct vmfs_volume *vol = enter(s);

	return leave(vol, vmfs_path_make(vol, path, VMFS_TYPE_SYMLINK, 0777, target, NULL, why));
}

static enum status v_remove(struct store *s, const char *path, struct why *why)
{
	struct vmfs_volume *vol = enter(s);

	return leave(vol, vmfs_path_remove(vol, path, why));
}

static enum status v_rename(struct store *s, const char *old_path, const char *new_path,
			    int replace, struct why *why)
{
	struct vmfs_volume *vol = enter(s);

	return leave(vol, vmfs_path_rename(vol, old_path, new_path, replace, why));
}

struct attr { const char *path; uint32_t mode; int64_t mtime_s; };

static enum status attr_op(struct vmfs_volume *vol, void *arg)
{
	const struct attr *a = arg;
	struct vmfs_fd_disk *m;
	struct vmfs_fd fd;
	enum status st = vmfs_path_fd(vol, a->path, &fd, NULL);

	if (st == ST_OK && vmfs_fd_type(&fd) == VMFS_TYPE_SYSTEM)
		st = ST_REFUSED;
	if (st == ST_OK)
		st = vmfs_fd_hold(vol, &fd);
	if (st != ST_OK)
		return st;
	m = vmfs_fd_edit(vol, &fd);
	if (!m)
		return ST_NOMEM;
	if (a->mode != ~0u)
		le32_set(&m->mode, (le32_get(m->mode) & ~07777u) | (a->mode & 07777));
	if (a->mtime_s != INT64_MIN)
		le32_set(&m->mtime, (uint32_t)MIN(MAX(a->mtime_s, 0), (int64_t)UINT32_MAX));
	le32_set(&m->ctime, vmfs_now_s());
	return ST_OK;
}

static enum status v_set_attr(struct store *s, const char *path, uint32_t mode, int64_t mtime_s)
{
	struct vmfs_volume *vol = enter(s);
	struct attr a = { path, mode, mtime_s };

	return leave(vol, vmfs_meta_run(vol, 1, attr_op, &a));
}

static enum status v_sync(struct store *s)
{
	struct vmfs_volume *vol = enter(s);

	vmfs_file_stamp(vol);
	return leave(vol, vmfs_journal_commit(vol));
}

static enum status v_sync_nothing(struct store *s)
{
	(void)s;
	return ST_OK;
}

static enum status v_close(struct store *s) { return vmfs_unmount(vmfs_of(s)); }

/* ---- files ----------------------------------------------------------------------------------- */

struct opening {
	const char		*path;
	unsigned		flags;
	struct vmfs_file	*file;
	struct why		*why;
};

static enum status open_op(struct vmfs_volume *vol, void *arg)
{
	struct opening *o = arg;
	struct vmfs_fd fd;
	enum status st;

	if (o->file)	/* of the look before: nothing was read through it, so nothing can fail */
		(void)vmfs_file_close(o->file);
	o->file = NULL;
	st = vmfs_path_fd(vol, o->path, &fd, o->why);
	if (st != ST_OK)
		return st;
	st = vmfs_file_open(vol, fd.addr, o->flags, &o->file);
	return st == ST_OK ? st : why_set(o->why, st, "%s:%s: %s", vol->store.name, o->path,
					  status_text(st));
}

static enum status v_open(struct store *s, const char *path, unsigned flags,
			  struct store_file **file, struct why *why)
{
	struct vmfs_volume *vol = enter(s);
	struct opening o = { .path = path, .flags = flags, .why = why };
	enum status st = vmfs_look(vol, open_op, &o);

	if (st == ST_OK)
		*file = &o.file->base;
	else if (o.file)
		(void)vmfs_file_close(o.file);
	return looked(vol, path, st, why);
}

static enum status v_file_close(struct store_file *f)
{
	struct vmfs_volume *vol = enter(f->store);

	return leave(vol, vmfs_file_close(container_of(f, struct vmfs_file, base)));
}

struct file_ask { struct vmfs_node *node; uint64_t offset; void *out; };

static enum status file_stat_op(struct vmfs_volume *vol, void *arg)
{
	const struct file_ask *a = arg;
	struct vmfs_fd fd;
	enum status st = vmfs_live_fd(vol, a->node, &fd);

	if (st == ST_OK)
		vmfs_fd_stat(vol, &fd, a->out);
	return st;
}

static enum status v_file_stat(struct store_file *f, struct store_stat *out)
{
	struct vmfs_volume *vol = enter(f->store);
	struct file_ask a = { .node = node_of(f), .out = out };

	return leave(vol, vmfs_look(vol, file_stat_op, &a));
}

/* The path is not known here; who asks knows it and puts it in front. */
static enum status v_file_check(struct store_file *f, struct why *why)
{
	struct vmfs_volume *vol = enter(f->store);

	return leave(vol, vmfs_live_settled(node_of(f), why));
}

static enum status may_write(struct store_file *f)
{
	return container_of(f, struct vmfs_file, base)->writable ? ST_OK : ST_READONLY;
}

static enum status v_file_resize(struct store_file *f, uint64_t size_bytes)
{
	struct vmfs_volume *vol = enter(f->store);
	enum status st = may_write(f);

	return leave(vol, st == ST_OK ? vmfs_file_resize(node_of(f), size_bytes) : st);
}

static enum status v_file_allocate(struct store_file *f, uint64_t offset, uint64_t bytes,
				   enum store_alloc how)
{
	struct vmfs_volume *vol = enter(f->store);
	enum status st = may_write(f);

	return leave(vol, st == ST_OK ? vmfs_file_allocate(node_of(f), offset, bytes, how) : st);
}

/* Where a run lies on its device; one that goes over a seam of the LVM ends there. */
static void find_device(struct vmfs_volume *vol, struct store_run *run)
{
	const struct lvm_run *r;
	uint64_t in;

	run->dev = NULL;
	/* Beside a live host only a look reads what surely belongs to the file. */
	if (run->kind != STORE_RUN_DATA || run->where >= vol->lvm.bytes || vol->live.on)
		return;
	r = lvm_find(&vol->lvm, run->where);
	in = run->where - r->at;
	run->bytes = MIN(run->bytes, r->bytes - in);
	if (lvm_is_absent(&vol->lvm, r->dev))
		return;
	run->dev = vol->lvm.dev[r->dev].dev;
	run->dev_offset = r->physical + in;
}

static enum status map_op(struct vmfs_volume *vol, void *arg)
{
	const struct file_ask *a = arg;

	(void)vol;
	return vmfs_file_map(a->node, a->offset, a->out);
}

static enum status v_file_map(struct store_file *f, uint64_t offset, struct store_run *run)
{
	struct vmfs_volume *vol = enter(f->store);
	struct file_ask a = { node_of(f), offset, run };
	enum status st = vmfs_look(vol, map_op, &a);

	if (st == ST_OK)
		find_device(vol, run);
	/* Who has an address reads by itself, and is told later whether that was good. */
	if (st == ST_OK && run->dev)
		node_of(f)->data_read = node_of(f)->many_reads = 1;
	return leave(vol, st);
}

/* ---- the tables ------------------------------------------------------------------------------ */

const struct store_ops vmfs_store_ops = {
	.name = "vmfs",
	.stat = v_stat, .list = v_list, .readlink = v_readlink, .space = v_space,
	.create = v_create, .mkdir = v_mkdir, .symlink = v_symlink, .remove = v_remove,
	.rename = v_rename, .set_attr = v_set_attr, .sync = v_sync, .close = v_close,
	.open = v_open, .file_close = v_file_close, .file_stat = v_file_stat,
	.file_resize = v_file_resize, .file_allocate = v_file_allocate, .file_map = v_file_map,
	.file_check = v_file_check,
	.submit = vmfs_io_submit,
};

const struct store_ops vmfs_store_read_ops = {
	.name = "vmfs",
	.stat = v_stat, .list = v_list, .readlink = v_readlink, .space = v_space,
	.sync = v_sync_nothing, .close = v_close,
	.open = v_open, .file_close = v_file_close, .file_stat = v_file_stat,
	.file_resize = v_file_resize, .file_allocate = v_file_allocate, .file_map = v_file_map,
	.file_check = v_file_check,
	.submit = vmfs_io_submit,
};
