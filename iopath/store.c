/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* store - the waiting forms of a store's submit, and small files read and replaced whole. */
#include "iopath/store.h"

#include "iopath/base/fmt.h"

#define PATH_MAX_BYTES	4096
#define TEMPORARY_TRIES	8

static enum status transfer(struct store_file *f, enum port_io_op op, uint64_t offset, void *buf,
			    uint64_t bytes)
{
	struct io_wait w;

	io_wait_begin(&w, op, offset, buf, bytes);
	f->store->ops->submit(f, &w.req);
	return io_wait_end(&w);
}

enum status store_read(struct store_file *f, uint64_t offset, void *buf, uint64_t bytes)
{
	return transfer(f, PORT_READ, offset, buf, bytes);
}

enum status store_write(struct store_file *f, uint64_t offset, const void *buf, uint64_t bytes)
{
	return transfer(f, PORT_WRITE, offset, (void *)buf, bytes);
}

enum status store_flush(struct store_file *f)
{
	return transfer(f, PORT_FLUSH, 0, NULL, 0);
}

/* ---- whole files ----------------------------------------------------------------------------- */

static enum status read_open_file(struct store_file *f, const char *path, uint64_t max, char **text,
				  uint64_t *bytes, struct why *why)
{
	struct store_stat ss;
	enum status st = f->store->ops->file_stat(f, &ss);

	if (st != ST_OK)
		return why_set(why, st, "%s: %s", path, status_text(st));
	if (ss.size_bytes > max)
		return why_set(why, ST_LIMIT, "%s: %llu bytes; at most %llu make sense here", path,
			       (unsigned long long)ss.size_bytes, (unsigned long long)max);
	*text = port_alloc(ss.size_bytes + 1);
	if (!*text)
		return why_set(why, ST_NOMEM, "%s: no memory for %llu bytes", path,
			       (unsigned long long)ss.size_bytes);
	if (ss.size_bytes)
		st = store_read(f, 0, *text, ss.size_bytes);
	if (st == ST_OK) {
		*bytes = ss.size_bytes;
		return ST_OK;
	}
	port_free(*text);
	*text = NULL;
	return why_set(why, st, "%s: reading failed: %s", path, status_text(st));
}

enum status store_read_all(struct store *s, const char *path, uint64_t max, char **text,
			   uint64_t *bytes, struct why *why)
{
	struct store_file *f;
	enum status st = s->ops->open(s, path, STORE_READ, &f, why), ended;

	if (st != ST_OK)
		return st;
	st = read_open_file(f, path, max, text, bytes, why);
	ended = s->ops->file_close(f);
	if (st == ST_OK && ended != ST_OK) {
		port_free(*text);
		*text = NULL;
		st = why_set(why, ended, "%s: %s", path, status_text(ended));
	}
	return st;
}

/* "/dir/name" -> "/dir/.<8 hex>.tmp": short, so that a name at the limit still has a temporary. */
static int temporary_name(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) + 1 : 0;
	uint32_t chance;

	if (dir + 16 > size)
		return -1;
	port_random(&chance, sizeof(chance));
	memcpy(out, path, dir);
	fmt(out + dir, size - dir, ".%08x.tmp", chance);
	return 0;
}

static enum status create_temporary(struct store *s, const char *path, uint32_t mode, char *name,
				    struct store_file **f, struct why *why)
{
	enum status st = ST_EXIST;

	for (int i = 0; i < TEMPORARY_TRIES && st == ST_EXIST; i++) {
		if (temporary_name(path, name, PATH_MAX_BYTES) != 0)
			return why_set(why, ST_NAME, "%.100s...: the path is too long", path);
		st = s->ops->create(s, name, mode, f, why);
	}
	return st;
}

static enum status fill(struct store_file *f, const char *path, const void *data, uint64_t bytes,
			struct why *why)
{
	enum status st = bytes ? store_write(f, 0, data, bytes) : ST_OK, ended;

	if (st == ST_OK)
		st = store_flush(f);
	ended = f->store->ops->file_close(f);
	if (st == ST_OK)
		st = ended;
	return st == ST_OK ? st : why_set(why, st, "%s: writing failed: %s", path, status_text(st));
}

enum status store_replace(struct store *s, const char *path, uint32_t mode, const void *data,
			  uint64_t bytes, struct why *why)
{
	char name[PATH_MAX_BYTES];
	struct store_file *f;
	enum status st;

	if (!s->ops->create)
		return why_set(why, ST_READONLY, "%s: %s is opened for reading", path, s->name);
	st = create_temporary(s, path, mode, name, &f, why);
	if (st != ST_OK)
		return st;
	st = fill(f, path, data, bytes, why);
	if (st == ST_OK)
		st = s->ops->rename(s, name, path, 1, why);
	if (st != ST_OK) {
		s->ops->remove(s, name, NULL);	/* the first failure is the one to tell */
		return st;
	}
	st = s->ops->sync(s);
	return st == ST_OK ? st :
			     why_set(why, st, "%s: not durable yet: %s", path, status_text(st));
}

enum status store_replace_by(struct store *s, const char *path, const char *tmp, const void *data,
			     uint64_t bytes)
{
	struct store_file *f;
	enum status st;

	if (!s->ops->create)
		return ST_READONLY;
	st = s->ops->create(s, tmp, 0600, &f, NULL);
	if (st == ST_EXIST) {
		st = s->ops->remove(s, tmp, NULL);
		if (st == ST_OK)
			st = s->ops->create(s, tmp, 0600, &f, NULL);
	}
	if (st != ST_OK)
		return st;
	st = fill(f, path, data, bytes, NULL);
	if (st == ST_OK)
		st = s->ops->rename(s, tmp, path, 1, NULL);
	if (st != ST_OK) {
		s->ops->remove(s, tmp, NULL);	/* the first failure is the one to tell */
		return st;
	}
	return s->ops->sync(s);
}
