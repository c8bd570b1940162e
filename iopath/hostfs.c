/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hostfs - the machine's own files as a store.
 * A transfer goes down in the request's own port_io. A file that is open for writing holds a lock
 * on all its bytes, one that is open for reading shares one, so other processes that ask the same
 * way are kept out. Names become durable at sync(), data at FLUSH, at sync() and when the file is
 * closed. Holes can be told from data, reserved room cannot: such runs are holes here. */
#include "iopath/hostfs_priv.h"

#define LOCK_BYTES (1ull << 62)

static struct hostfs_file *file_of(struct store_file *f)
{
	return container_of(f, struct hostfs_file, file);
}

/* ---- transfers ------------------------------------------------------------------------------- */

static void file_done(struct port_io *io)
{
	struct io_req *req = container_of(io, struct io_req, io);

	req->status = io->status;
	req->done(req);
}

static void file_submit(struct store_file *f, struct io_req *req)
{
	struct hostfs_file *hf = file_of(f);

	hf->dirty |= req->io.op != PORT_READ && req->io.op != PORT_FLUSH;
	req->io.done = file_done;
	port_disk_submit(hf->disk, &req->io);
}

/* What is written while this flush is under way is still dirty when it ends. */
static enum status flush_file(struct hostfs_file *hf)
{
	enum status st;

	if (!hf->dirty)
		return ST_OK;
	hf->dirty = 0;
	st = store_flush(&hf->file);
	if (st != ST_OK)
		hf->dirty = 1;
	return st;
}

/* Take back what this call made; the failure that led here is the one to tell. */
static void unmake(const char *full)
{
	enum status st = port_path_remove(full);

	if (st != ST_OK)
		log_line(LOG_WARN, "host: %s: %s -> left behind", full, status_text(st));
}

/* The file as a device, for readers that go there by themselves. */
static void dev_submit(struct io_dev *dev, struct io_req *req)
{
	struct hostfs_file *hf = container_of(dev, struct hostfs_file, dev);

	file_submit(&hf->file, req);
}

static enum status dev_read_here(struct io_dev *dev, uint64_t offset, void *buf, uint64_t bytes)
{
	struct hostfs_file *hf = container_of(dev, struct hostfs_file, dev);

	return port_disk_read_here(hf->disk, offset, buf, bytes);
}

static struct port_disk *dev_port_disk(struct io_dev *dev, uint64_t *start)
{
	*start = 0;
	return container_of(dev, struct hostfs_file, dev)->disk;
}

static void dev_close_nothing(struct io_dev *dev) { (void)dev; }	/* goes with its file */

static const struct io_dev_ops file_dev_ops = {
	.submit = dev_submit, .close = dev_close_nothing, .read_here = dev_read_here,
	.port_disk = dev_port_disk,
};

/* ---- open and close -------------------------------------------------------------------------- */

/* A file system without locks has nobody who could be asked: that is not an error. */
static enum status lock_file(struct hostfs_file *hf, int write, const char *full, struct why *why)
{
	enum status st = port_disk_lock(hf->disk, 0, LOCK_BYTES, write);

	if (st == ST_OK || st == ST_UNSUPPORTED)
		return ST_OK;
	if (st == ST_BUSY)
		return why_set(why, st, "%s: in use by another process%s", full,
			       write ? "" : ", which writes to it");
	return why_set(why, st, "%s: cannot lock it: %s", full, status_text(st));
}

static enum status open_full(struct hostfs *h, const char *full, unsigned port_flags,
			     struct store_file **file, struct why *why)
{
	struct hostfs_file *hf = port_alloc(sizeof(*hf));
	enum status st;

	if (!hf)
		return why_set(why, ST_NOMEM, "%s: no memory", full);
	st = port_disk_open(full, port_flags, &hf->disk, why);
	if (st != ST_OK)
		goto free_file;
	st = lock_file(hf, port_flags & PORT_OPEN_WRITE, full, why);
	if (st != ST_OK)
		goto close_disk;
	st = hostfs_stat(&h->store, full + strlen(h->root), &hf->stat, why);
	if (st != ST_OK)
		goto close_disk;
	hf->file.store = &h->store;
	hf->dev.ops = &file_dev_ops;
	hf->dev.size_bytes = hf->stat.size_bytes;
	mem_copy_text(hf->dev.name, sizeof(hf->dev.name), full);
	list_add_tail(&h->files, &hf->link);
	*file = &hf->file;
	return ST_OK;

close_disk:
	port_disk_close(hf->disk);
	if (port_flags & PORT_OPEN_CREATE)
		unmake(full);
free_file:
	port_free(hf);
	return st;
}

static enum status host_open(struct store *s, const char *path, unsigned flags,
			     struct store_file **file, struct why *why)
{
	char full[HOSTFS_PATH_MAX];
	unsigned port_flags = (flags & STORE_WRITE ? PORT_OPEN_WRITE : 0u) |
			      (flags & STORE_DIRECT ? PORT_OPEN_DIRECT : 0u);
	enum status st = hostfs_path(hostfs_of(s), path, full, why);

	return st == ST_OK ? open_full(hostfs_of(s), full, port_flags, file, why) : st;
}

/* A sync that another world has started may be flushing this very file: it ends first. */
static enum status host_file_close(struct store_file *f)
{
	struct hostfs_file *hf = file_of(f);
	struct hostfs *h = hostfs_of(f->store);
	enum status st;

	io_mutex_lock(&h->walk);
	st = flush_file(hf);
	list_del(&hf->link);
	io_mutex_unlock(&h->walk);
	port_disk_close(hf->disk);
	port_free(hf);
	return st;
}

/* The port makes files of mode 0600, which is what virtual disks have; other modes are the umask's
 * business of whoever needs them, and there is no call for them. */
static enum status host_create(struct store *s, const char *path, uint32_t mode,
			       struct store_file **file, struct why *why)
{
	struct hostfs *h = hostfs_of(s);
	char full[HOSTFS_PATH_MAX];
	struct store_file *made;
	enum status st = hostfs_path(h, path, full, why);

	(void)mode;
	if (st == ST_OK)
		st = open_full(h, full, PORT_OPEN_WRITE | PORT_OPEN_CREATE, &made, why);
	if (st != ST_OK)
		return st;
	st = hostfs_touched(h, full);
	if (st == ST_OK) {
		*file = made;
		return ST_OK;
	}
	host_file_close(made);
	unmake(full);
	return why_set(why, st, "%s: %s", full, status_text(st));
}

/* ---- open files ------------------------------------------------------------------------------ */

static enum status host_file_stat(struct store_file *f, struct store_stat *st)
{
	struct hostfs_file *hf = file_of(f);
	struct port_disk_info info;

	port_disk_info(hf->disk, &info);
	*st = hf->stat;
	st->size_bytes = info.size_bytes;
	st->allocated_bytes = info.allocated_bytes;
	return ST_OK;
}

static enum status host_file_resize(struct store_file *f, uint64_t size_bytes)
{
	file_of(f)->dirty = 1;
	return port_disk_resize(file_of(f)->disk, size_bytes);
}

static enum status zero_range(struct store_file *f, uint64_t offset, uint64_t bytes)
{
	struct io_wait w;

	io_wait_begin(&w, PORT_ZERO, offset, NULL, bytes);
	file_submit(f, &w.req);
	return io_wait_end(&w);
}

/* Zero what is a hole now; what has data keeps it. */
static enum status zero_holes(struct store_file *f, uint64_t offset, uint64_t end)
{
	enum status st = ST_OK;

	while (offset < end && st == ST_OK) {
		uint64_t data, hole;

		port_disk_next_data(file_of(f)->disk, offset, &data, &hole);
		if (data >= end || data < offset || hole <= data)
			return zero_range(f, offset, end - offset);
		if (data > offset)
			st = zero_range(f, offset, data - offset);
		offset = hole;
	}
	return st;
}

static enum status host_file_allocate(struct store_file *f, uint64_t offset, uint64_t bytes,
				      enum store_alloc how)
{
	struct hostfs_file *hf = file_of(f);

	if (bytes == 0 || offset + bytes < offset)
		return bytes ? ST_RANGE : ST_OK;
	hf->dirty = 1;
	if (how == STORE_ALLOC_LAZY)
		return port_disk_reserve(hf->disk, offset, bytes);
	return zero_holes(f, offset, offset + bytes);
}

static enum status host_file_map(struct store_file *f, uint64_t offset, struct store_run *run)
{
	struct port_disk_info info;
	uint64_t data, hole;

	port_disk_info(file_of(f)->disk, &info);
	if (offset >= info.size_bytes)
		return ST_RANGE;
	port_disk_next_data(file_of(f)->disk, offset, &data, &hole);
	run->offset = offset;
	run->kind = data > offset ? STORE_RUN_HOLE : STORE_RUN_DATA;
	run->bytes = MIN(data > offset ? data : hole, info.size_bytes) - offset;
	run->where = ~0ull;
	run->dev = run->kind == STORE_RUN_DATA ? &file_of(f)->dev : NULL;
	run->dev_offset = offset;
	return run->bytes ? ST_OK : ST_DEVICE;
}

/* ---- the store ------------------------------------------------------------------------------- */

static enum status host_space(struct store *s, struct store_space *space)
{
	(void)s;
	(void)space;
	return ST_UNSUPPORTED;	/* the port does not tell */
}

static enum status host_set_attr(struct store *s, const char *path, uint32_t mode, int64_t mtime_s)
{
	(void)s;
	(void)path;
	/* The port has no call for either. */
	return mode == ~0u && mtime_s == INT64_MIN ? ST_OK : ST_UNSUPPORTED;
}

static enum status host_sync(struct store *s)
{
	struct hostfs *h = hostfs_of(s);
	enum status st = ST_OK, one;
	struct hostfs_file *hf;

	io_mutex_lock(&h->walk);
	list_for_each(hf, &h->files, link) {
		one = flush_file(hf);
		if (st == ST_OK)
			st = one;
	}
	io_mutex_unlock(&h->walk);
	one = hostfs_sync_dirs(h);
	return st == ST_OK ? one : st;
}

static enum status host_close(struct store *s)
{
	struct hostfs *h = hostfs_of(s);
	enum status st = host_sync(s);

	VERIFY(list_empty(&h->files));	/* a file would point to freed memory */
	hostfs_forget_dirs(h);
	port_free(h);
	return st;
}

static const struct store_ops hostfs_ops = {
	.name = "host",
	.stat = hostfs_stat,
	.list = hostfs_list,
	.readlink = hostfs_readlink,
	.space = host_space,
	.create = host_create,
	.mkdir = hostfs_mkdir,
	.symlink = hostfs_symlink,
	.remove = hostfs_remove,
	.rename = hostfs_rename,
	.set_attr = host_set_attr,
	.sync = host_sync,
	.close = host_close,
	.open = host_open,
	.file_close = host_file_close,
	.file_stat = host_file_stat,
	.file_resize = host_file_resize,
	.file_allocate = host_file_allocate,
	.file_map = host_file_map,
	.submit = file_submit,
	.copy = file_submit,
};

enum status hostfs_open(const char *root, struct store **store, struct why *why)
{
	struct hostfs *h = port_alloc(sizeof(*h));
	size_t n = strlen(root);

	if (!h)
		return why_set(why, ST_NOMEM, "%s: no memory", root);
	while (n && root[n - 1] == '/')
		n--;
	if (n >= sizeof(h->root)) {
		port_free(h);
		return why_set(why, ST_NAME, "%.100s...: the path is too long", root);
	}
	memcpy(h->root, root, n);
	list_init(&h->files);
	io_mutex_init(&h->walk);
	list_init(&h->dirs);
	h->store.ops = &hostfs_ops;
	h->store.writable = 1;
	mem_copy_text(h->store.name, sizeof(h->store.name), n ? h->root : "/");
	*store = &h->store;
	return ST_OK;
}
