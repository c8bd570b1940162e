/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mem_store - a few files in memory behind the store seam, for the targets that read disks. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

struct open_file {
	struct store_file	file;
	struct mem_file		*of;
};

static struct mem_store *of_store(struct store *s)
{
	return container_of(s, struct mem_store, store);
}

static struct mem_file *find(struct store *s, const char *path)
{
	struct mem_store *m = of_store(s);

	for (size_t i = 0; i < m->files; i++)
		if (strcmp(m->file[i].path, path) == 0)
			return &m->file[i];
	return NULL;
}

static void fill_stat(const struct mem_file *f, struct store_stat *st)
{
	*st = (struct store_stat){
		.kind = STORE_FILE, .id = (uint64_t)(uintptr_t)f, .size_bytes = f->size,
		.allocated_bytes = f->size, .block_bytes = 512, .mode = 0600, .links = 1,
	};
}

static enum status mem_stat(struct store *s, const char *path, struct store_stat *st,
			    struct why *why)
{
	const struct mem_file *f = find(s, path);

	if (strcmp(path, "/") == 0) {
		*st = (struct store_stat){ .kind = STORE_DIR, .mode = 0700, .links = 2 };
		return ST_OK;
	}
	if (!f)
		return why_set(why, ST_NOENT, "%s: no such file", path);
	fill_stat(f, st);
	return ST_OK;
}

static enum status mem_list(struct store *s, const char *dir,
			    int (*fn)(void *arg, const char *name, const struct store_stat *st),
			    void *arg, struct why *why)
{
	struct mem_store *m = of_store(s);
	struct store_stat st;

	if (strcmp(dir, "/") != 0)
		return why_set(why, ST_NOENT, "%s: no such directory", dir);
	for (size_t i = 0; i < m->files; i++) {
		fill_stat(&m->file[i], &st);
		if (fn(arg, m->file[i].path + 1, &st))
			break;
	}
	return ST_OK;
}

static enum status mem_readlink(struct store *s, const char *path, char *buf, size_t size)
{
	(void)s, (void)path, (void)buf, (void)size;
	return ST_INVAL;
}

static enum status mem_space(struct store *s, struct store_space *space)
{
	(void)s;
	*space = (struct store_space){ .total_bytes = GIB, .free_bytes = GIB, .block_bytes = 512 };
	return ST_OK;
}

static enum status mem_open(struct store *s, const char *path, unsigned flags,
			    struct store_file **file, struct why *why)
{
	struct mem_file *f = find(s, path);
	struct open_file *o;

	(void)flags;
	if (!f)
		return why_set(why, ST_NOENT, "%s: no such file", path);
	o = port_alloc(sizeof(*o));
	if (!o)
		return why_set(why, ST_NOMEM, "%s: no memory", path);
	o->file.store = s;
	o->of = f;
	of_store(s)->opened++;
	*file = &o->file;
	return ST_OK;
}

static struct mem_file *of_file(struct store_file *f)
{
	return container_of(f, struct open_file, file)->of;
}

static enum status mem_close(struct store_file *f)
{
	of_store(f->store)->opened--;
	port_free(container_of(f, struct open_file, file));
	return ST_OK;
}

static enum status mem_file_stat(struct store_file *f, struct store_stat *st)
{
	fill_stat(of_file(f), st);
	return ST_OK;
}

static enum status mem_resize(struct store_file *f, uint64_t size_bytes)
{
	struct mem_file *of = of_file(f);

	if (size_bytes > of->room)
		return ST_NOSPACE;
	if (size_bytes < of->size)
		memset(of->bytes + size_bytes, 0, of->size - size_bytes);
	of->size = size_bytes;
	return ST_OK;
}

static enum status mem_allocate(struct store_file *f, uint64_t offset, uint64_t bytes,
				enum store_alloc how)
{
	struct mem_file *of = of_file(f);

	(void)how;
	if (offset > of->room || bytes > of->room - offset)
		return ST_NOSPACE;
	of->size = MAX(of->size, offset + bytes);
	return ST_OK;
}

static enum status mem_map(struct store_file *f, uint64_t offset, struct store_run *run)
{
	const struct mem_file *of = of_file(f);

	if (offset >= of->size)
		return ST_RANGE;
	*run = (struct store_run){ offset, of->size - offset, STORE_RUN_DATA, ~0ull };
	return ST_OK;
}

static enum status transfer(struct mem_file *of, struct io_req *req)
{
	uint64_t at = req->io.offset, bytes = req->io.bytes;
	uint64_t end = req->io.op == PORT_WRITE ? of->room : of->size;

	if (req->io.op == PORT_FLUSH)
		return ST_OK;
	if (at > end || bytes > end - at)
		return req->io.op == PORT_WRITE ? ST_NOSPACE : ST_RANGE;
	if (req->io.op == PORT_READ) {
		io_req_copy_in(req, 0, of->bytes + at, bytes);
	} else if (req->io.op == PORT_WRITE) {
		io_req_copy_out(req, 0, of->bytes + at, bytes);
		of->size = MAX(of->size, at + bytes);
	} else {
		memset(of->bytes + at, 0, bytes);
	}
	return ST_OK;
}

static void mem_submit(struct store_file *f, struct io_req *req)
{
	io_finish_later(req, transfer(of_file(f), req));
}

static enum status mem_sync(struct store *s)
{
	(void)s;
	return ST_OK;
}

static const struct store_ops mem_ops = {
	.name = "memory",
	.stat = mem_stat, .list = mem_list, .readlink = mem_readlink, .space = mem_space,
	.sync = mem_sync, .close = mem_sync,
	.open = mem_open, .file_close = mem_close, .file_stat = mem_file_stat,
	.file_resize = mem_resize, .file_allocate = mem_allocate, .file_map = mem_map,
	.submit = mem_submit,
};

void mem_store_init(struct mem_store *m)
{
	*m = (struct mem_store){ .store = { .ops = &mem_ops, .name = "memory", .writable = 1 } };
}

void mem_store_add(struct mem_store *m, const char *path, const uint8_t *data, uint64_t bytes,
		   uint64_t room)
{
	struct mem_file *f = &m->file[m->files++];

	VERIFY(m->files <= MEM_FILES);
	f->path = path;
	f->size = bytes;
	f->room = MAX(room, bytes);
	f->bytes = calloc(1, f->room + 1);
	if (!f->bytes)
		abort();
	memcpy(f->bytes, data, bytes);
}

void mem_store_fini(struct mem_store *m)
{
	VERIFY(m->opened == 0);	/* every open was closed, also after an error */
	for (size_t i = 0; i < m->files; i++)
		free(m->file[i].bytes);
}
