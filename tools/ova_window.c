/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* ova_window - names mean nothing here: there is one file, and it is there once it was created.
 * What conversions never ask of a stream's file answers ST_UNSUPPORTED. */
#include "tools/ova_window.h"

#include <stdlib.h>

#define READ_BYTES MIB

static struct ova_window *window_of(struct store *s)
{
	return container_of(s, struct ova_window, store);
}

/* ---- transfers ------------------------------------------------------------------------------- */

static void sum_request(struct ova_window *w, const struct io_req *req)
{
	uint64_t skip = req->io.skip, left = req->io.bytes;

	for (uint32_t i = 0; i < req->io.vec_count && left; i++) {
		const struct port_vec *v = &req->io.vec[i];
		uint64_t n;

		if (skip >= v->bytes) {
			skip -= v->bytes;
			continue;
		}
		n = MIN(v->bytes - skip, left);
		sha256_add(&w->sum, (const uint8_t *)v->base + skip, n);
		left -= n;
		skip = 0;
	}
	w->summed += req->io.bytes;
}

static void transfer_done(struct io_req *req)
{
	io_pop(req);
	req->done(req);
}

static void window_submit(struct store_file *f, struct io_req *req)
{
	struct ova_window *w = window_of(f->store);

	if (req->io.op == PORT_WRITE) {
		if (req->io.offset == w->summed)
			sum_request(w, req);
		w->bytes = MAX(w->bytes, req->io.offset + req->io.bytes);
	}
	io_push(req, transfer_done, w);
	req->io.offset += w->start;
	w->under->store->ops->submit(w->under, req);
}

static enum status read_again(struct ova_window *w)
{
	uint8_t *buf = malloc(READ_BYTES);
	enum status st = buf ? ST_OK : ST_NOMEM;

	sha256_init(&w->sum);
	for (uint64_t at = 0; at < w->bytes && st == ST_OK; at += READ_BYTES) {
		uint64_t n = MIN(READ_BYTES, w->bytes - at);

		st = store_read(w->under, w->start + at, buf, n);
		if (st == ST_OK)
			sha256_add(&w->sum, buf, n);
	}
	free(buf);
	return st;
}

enum status ova_window_sum(struct ova_window *w, char text[SHA256_TEXT])
{
	enum status st = w->summed == w->bytes ? ST_OK : read_again(w);

	if (st == ST_OK)
		sha256_end(&w->sum, text);
	return st;
}

/* ---- names ----------------------------------------------------------------------------------- */

static enum status window_stat(struct store *s, const char *path, struct store_stat *st,
			       struct why *why)
{
	struct ova_window *w = window_of(s);

	(void)path;
	(void)why;
	*st = (struct store_stat){ .kind = STORE_FILE, .size_bytes = w->bytes };
	return w->exists ? ST_OK : ST_NOENT;
}

static enum status window_create(struct store *s, const char *path, uint32_t mode,
				 struct store_file **file, struct why *why)
{
	struct ova_window *w = window_of(s);

	(void)mode;
	if (w->exists)
		return why_set(why, ST_EXIST, "%s: an archive's window has one file", path);
	w->exists = 1;
	*file = &w->file;
	return ST_OK;
}

static enum status window_open(struct store *s, const char *path, unsigned flags,
			       struct store_file **file, struct why *why)
{
	(void)s;
	(void)flags;
	(void)file;
	return why_set(why, ST_NOENT, "%s: not in an archive's window", path);
}

static enum status window_remove(struct store *s, const char *path, struct why *why)
{
	(void)path;
	(void)why;
	window_of(s)->exists = 0;	/* its bytes are the archive's, which ends it as a whole */
	return ST_OK;
}

/* Only the hidden name becomes the final one: both are this file's. */
static enum status window_rename(struct store *s, const char *old_path, const char *new_path,
				 int replace, struct why *why)
{
	(void)s;
	(void)old_path;
	(void)new_path;
	(void)replace;
	(void)why;
	return ST_OK;
}

static enum status window_sync(struct store *s)
{
	return store_flush(window_of(s)->under);
}

static enum status window_file_close(struct store_file *f)
{
	return store_flush(window_of(f->store)->under);
}

static enum status window_file_stat(struct store_file *f, struct store_stat *st)
{
	return window_stat(f->store, "", st, NULL);
}

static enum status window_file_resize(struct store_file *f, uint64_t size_bytes)
{
	(void)f;
	(void)size_bytes;
	return ST_UNSUPPORTED;
}

static const struct store_ops window_ops = {
	.name = "archive", .stat = window_stat, .create = window_create, .open = window_open,
	.remove = window_remove, .rename = window_rename, .sync = window_sync,
	.file_close = window_file_close, .file_stat = window_file_stat,
	.file_resize = window_file_resize, .submit = window_submit,
};

void ova_window_init(struct ova_window *w, struct store_file *under, uint64_t start)
{
	*w = (struct ova_window){ .store = { .ops = &window_ops, .writable = 1 }, .under = under,
				  .start = start };
	w->file.store = &w->store;
	mem_copy_text(w->store.name, sizeof(w->store.name), "archive");
	sha256_init(&w->sum);
}
