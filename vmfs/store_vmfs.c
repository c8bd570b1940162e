/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* store_vmfs - a mounted volume as a place for files.
 * Each call is one bracket of the volume's mutex. */
#include "vmfs/vmfs_priv.h"

/* Directory data that a list copies at once: all names the descriptors of a volume can have. */
#define LIST_BYTES_MAX	(64 * MIB)

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

static enum status v_stat(struct store *s, const char *path, struct store_stat *out,
			  struct why *why)
{
	struct vmfs_volume *vol = enter(s);
	struct vmfs_fd fd;
	enum status st = vmfs_path_fd(vol, path, &fd, why);

	if (st == ST_OK)
		vmfs_fd_stat(vol, &fd, out);
	return leave(vol, st);
}

/* The entries of a directory, copied: fn may change what is being listed. */
static enum status snapshot(struct vmfs_volume *vol, const char *path,
			    struct vmfs_dirent_disk **out, uint32_t *count, struct why *why)
{
	struct vmfs_fd fd;
	enum status st = vmfs_path_fd(vol, path, &fd, why);

	if (st != ST_OK)
		return st;
	if (vmfs_fd_type(&fd) != VMFS_TYPE_DIR && fd.addr != VMFS_FD_SDD)
		return why_set(why, ST_NOTDIR, "%s:%s: not a directory", vol->store.name, path);
	if (vmfs_fd_length(&fd) > LIST_BYTES_MAX)
		return why_set(why, ST_CORRUPT,
			       "%s:%s: a directory of %llu bytes: check the volume",
			       vol->store.name, path, (unsigned long long)vmfs_fd_length(&fd));
	*count = vmfs_dir_count(&fd);
	*out = port_alloc((size_t)*count * sizeof(**out) + 1);
	if (!*out)
		return why_set(why, ST_NOMEM, "%s:%s: no memory for its entries", vol->store.name,
			       path);
	st = vmfs_fd_read(vol, &fd, 0, *out, (uint64_t)*count * sizeof(**out));
	if (st == ST_OK)
		return ST_OK;
	port_free(*out);
	return why_set(why, st, "%s:%s: %s", vol->store.name, path, status_text(st));
}

/* 0: passed over, for it is none, or it is gone by now. */
static int entry_stat(struct vmfs_volume *vol, struct vmfs_dirent_disk *e, struct store_stat *out)
{
	struct vmfs_fd fd;
	enum status st;

	e->name[VMFS_NAME_MAX] = 0;
	if (!le32_get(e->fd) || !strcmp((char *)e->name, ".") || !strcmp((char *)e->name, ".."))
		return 0;
	vmfs_enter(vol);
	st = vmfs_fd_get(vol, le32_get(e->fd), &fd);
	if (st == ST_OK && le32_get(vmfs_fd_rec(&fd)->meta.generation) == le32_get(e->generation))
		vmfs_fd_stat(vol, &fd, out);
	else
		*out = (struct store_stat){ .kind = STORE_OTHER, .id = le32_get(e->fd) };
	vmfs_leave(vol);
	return 1;
}

static enum status v_list(struct store *s, const char *dir,
			  int (*fn)(void *arg, const char *name, const struct store_stat *st),
			  void *arg, struct why *why)
{
	struct vmfs_volume *vol = enter(s);
	struct vmfs_dirent_disk *e = NULL;
	uint32_t count = 0;
	enum status st = leave(vol, snapshot(vol, dir, &e, &count, why));

	if (st != ST_OK)
		return st;
	for (uint32_t i = 0; i < count; i++) {
		struct store_stat one;

		if (entry_stat(vol, &e[i], &one) && fn(arg, (char *)e[i].name, &one))
			break;
	}
	port_free(e);
	return ST_OK;
}

static enum status v_readlink(struct store *s, const char *path, char *buf, size_t size)
{
	struct vmfs_volume *vol = enter(s);
	struct vmfs_fd fd;
	uint64_t n;
	enum status st = vmfs_path_fd(vol, path, &fd, NULL);

	if (st == ST_OK && vmfs_fd_type(&fd) != VMFS_TYPE_SYMLINK)
		st = ST_INVAL;
	if (st != ST_OK)
		return leave(vol, st);
	n = vmfs_fd_length(&fd);
	if (n >= size)
		return leave(vol, ST_RANGE);
	st = vmfs_fd_read(vol, &fd, 0, buf, n);
	buf[n] = 0;
	return leave(vol, st);
}

static enum status v_space(struct store *s, struct store_space *space)
{
	struct vmfs_volume *vol = enter(s);
	struct vmfs_count count;
	enum status st = vmfs_alloc_count(vol, VMFS_RES_FB, &count);

	if (st == ST_OK)
		*space = (struct store_space){
			.total_bytes = count.total * vol->layout.block_bytes,
			.free_bytes = count.free * vol->layout.block_bytes,
			.block_bytes = vol->layout.block_bytes,
		};
	return leave(vol, st);
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

struct attr { struct vmfs_fd fd; uint32_t mode; int64_t mtime_s; };

static enum status attr_op(struct vmfs_volume *vol, void *arg)
{
	const struct attr *a = arg;
	struct vmfs_fd_disk *m;

	if (vmfs_fd_type(&a->fd) == VMFS_TYPE_SYSTEM)
		return ST_REFUSED;
	m = vmfs_fd_edit(vol, &a->fd);
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
	struct attr a = { .mode = mode, .mtime_s = mtime_s };
	enum status st = vmfs_path_fd(vol, path, &a.fd, NULL);

	return leave(vol, st == ST_OK ? vmfs_meta_run(vol, 1, attr_op, &a) : st);
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

static enum status v_open(struct store *s, const char *path, unsigned flags,
			  struct store_file **file, struct why *why)
{
	struct vmfs_volume *vol = enter(s);
	struct vmfs_file *f = NULL;
	struct vmfs_fd fd;
	enum status st = vmfs_path_fd(vol, path, &fd, why);

	if (st != ST_OK)
		return leave(vol, st);
	st = vmfs_file_open(vol, fd.addr, flags, &f);
	if (st == ST_OK)
		*file = &f->base;
	else
		why_set(why, st, "%s:%s: %s", vol->store.name, path, status_text(st));
	return leave(vol, st);
}

static enum status v_file_close(struct store_file *f)
{
	struct vmfs_volume *vol = enter(f->store);

	return leave(vol, vmfs_file_close(container_of(f, struct vmfs_file, base)));
}

static enum status v_file_stat(struct store_file *f, struct store_stat *out)
{
	struct vmfs_volume *vol = enter(f->store);

	vmfs_fd_stat(vol, &node_of(f)->fd, out);
	return leave(vol, ST_OK);
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
	if (run->kind != STORE_RUN_DATA || run->where >= vol->lvm.bytes)
		return;
	r = lvm_find(&vol->lvm, run->where);
	in = run->where - r->at;
	run->bytes = MIN(run->bytes, r->bytes - in);
	run->dev = vol->lvm.dev[r->dev].dev;
	run->dev_offset = r->physical + in;
}

static enum status v_file_map(struct store_file *f, uint64_t offset, struct store_run *run)
{
	struct vmfs_volume *vol = enter(f->store);
	enum status st = vmfs_file_map(node_of(f), offset, run);

	if (st == ST_OK)
		find_device(vol, run);
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
	.submit = vmfs_io_submit,
};

const struct store_ops vmfs_store_read_ops = {
	.name = "vmfs",
	.stat = v_stat, .list = v_list, .readlink = v_readlink, .space = v_space,
	.sync = v_sync_nothing, .close = v_close,
	.open = v_open, .file_close = v_file_close, .file_stat = v_file_stat,
	.file_resize = v_file_resize, .file_allocate = v_file_allocate, .file_map = v_file_map,
	.submit = vmfs_io_submit,
};
