/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Names of a disk's files. An extent lies in the directory of its descriptor or below: what a
 * descriptor names elsewhere is refused, so that a hostile one cannot show or change other files.
 * */
#include "vmdk/path_priv.h"

#include "iopath/base/fmt.h"

#define FILE_MODE 0600

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

enum status path_dir(const char *path, char *dir, size_t size)
{
	size_t n = (size_t)(path_base(path) - path);

	if (n > 1)
		n--;	/* the slash, but not that of the root */
	if (n >= size)
		return ST_NAME;
	memcpy(dir, path, n);
	dir[n] = 0;
	return ST_OK;
}

/* Each part between slashes: not empty, not "..". */
static int parts_stay_inside(const char *name)
{
	while (*name) {
		size_t n = 0;

		while (name[n] && name[n] != '/')
			n++;
		if (n == 0 || (n == 2 && name[0] == '.' && name[1] == '.'))
			return 0;
		name += n;
		if (*name == '/' && !*++name)
			return 0;
	}
	return 1;
}

enum status path_sibling(const char *path, const char *name, char *out, size_t size,
			 struct why *why)
{
	size_t dir = (size_t)(path_base(path) - path);
	size_t n = strlen(name);

	if (name[0] == '/' || name[0] == '\\' || (n > 1 && name[1] == ':'))
		return why_set(why, ST_REFUSED, "%s: names the extent '%s' by an absolute path; "
			       "only files beside the descriptor are opened", path, name);
	if (dir + n + 1 > size)
		return why_set(why, ST_NAME, "%s: the extent name '%.60s...' is too long", path,
			       name);
	memcpy(out, path, dir);
	for (size_t i = 0; i <= n; i++)
		out[dir + i] = name[i] == '\\' ? '/' : name[i];
	while (out[dir] == '.' && out[dir + 1] == '/')
		memmove(out + dir, out + dir + 2, strlen(out + dir + 2) + 1);
	if (!out[dir] || !parts_stay_inside(out + dir))
		return why_set(why, ST_REFUSED,
			       "%s: names the extent '%s' outside of its directory; "
			       "only files beside the descriptor are opened",
			       path, name);
	return ST_OK;
}

static size_t stem_length(const char *path)
{
	size_t n = strlen(path);

	return n > 5 && mem_compare_nocase(path + n - 5, ".vmdk") == 0 ? n - 5 : n;
}

enum status path_extent(const char *path, const char *suffix, char *out, size_t size)
{
	size_t n = stem_length(path);

	if (n + strlen(suffix) + sizeof(".vmdk") > size)
		return ST_NAME;
	memcpy(out, path, n);
	fmt(out + n, size - n, "%s.vmdk", suffix);
	return ST_OK;
}

enum status path_hidden(const char *path, const char *tag, char *out, size_t size)
{
	const char *base = path_base(path);
	size_t dir = (size_t)(base - path);

	if (dir + strlen(base) + strlen(tag) + sizeof("..cairn-") > size)
		return ST_NAME;
	memcpy(out, path, dir);
	fmt(out + dir, size - dir, ".%s.cairn-%s", base, tag);
	return ST_OK;
}

static int is_digits(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] < '0' || text[i] > '9')
			return 0;
	return 1;
}

/* Length of the stem before "-f001", "-s001"; 0 when it does not end so. */
static size_t before_split_number(const char *stem, size_t n)
{
	size_t digits = 0;

	while (digits < n && is_digits(stem + n - digits - 1, 1))
		digits++;
	if (digits < 3 || n < digits + 3 || stem[n - digits - 2] != '-')
		return 0;
	if (stem[n - digits - 1] != 's' && stem[n - digits - 1] != 'f')
		return 0;
	return n - digits - 2;
}

int path_is_extent(const char *path, char *owner, size_t size)
{
	static const char *const tails[] = {
		"-flat", "-delta", "-sesparse", "-rdm", "-rdmp", "-ctk",
	};
	size_t n = stem_length(path), keep = 0;

	if (!path[n])
		return 0;
	for (size_t i = 0; i < ARRAY_COUNT(tails) && !keep; i++) {
		size_t t = strlen(tails[i]);

		if (n > t && strncmp(path + n - t, tails[i], t) == 0)
			keep = n - t;
	}
	if (!keep)
		keep = before_split_number(path, n);
	if (!keep || path[keep - 1] == '/' || keep + sizeof(".vmdk") > size)
		return 0;
	memcpy(owner, path, keep);
	memcpy(owner + keep, ".vmdk", sizeof(".vmdk"));
	return 1;
}

/* "-000001" is the name of a delta link. */
static int is_delta_name(const char *path)
{
	size_t n = stem_length(path);

	return n > 7 && path[n - 7] == '-' && is_digits(path + n - 6, 6);
}

enum status path_check_new(const char *path, int raw, struct why *why)
{
	const char *base = path_base(path);
	char owner[VMDK_PATH_MAX];

	if (path[0] != '/' || !*base)
		return why_set(why, ST_NAME, "'%s': not the name of a file", path);
	if (strlen(path) > VMDK_PATH_MAX - 64)
		return why_set(why, ST_NAME, "%.60s...: the path is too long", path);
	for (const char *p = base; *p; p++)
		if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ')
			return why_set(why, ST_NAME, "%s: a disk's name cannot have a quote, a "
				       "backslash or a control character", path);
	if (raw)
		return ST_OK;
	if (!mem_ends_with(base, ".vmdk") || strlen(base) == 5)
		return why_set(why, ST_NAME, "%s: the name of a virtual disk must end in .vmdk",
			       path);
	if (path_is_extent(path, owner, sizeof(owner)))
		return why_set(why, ST_NAME, "%s: this is how an extent of %s is called; "
			       "choose another name", path, path_base(owner));
	if (is_delta_name(path))
		return why_set(why, ST_NAME, "%s: a dash and six digits are kept for snapshots; "
			       "choose another name", path);
	return ST_OK;
}

/* ---- control calls --------------------------------------------------------------------------- */

static enum status read_only(struct store *s, const char *path, struct why *why)
{
	return why_set(why, ST_READONLY, "%s: %s is open read-only", path, s->name);
}

/* Keep the text a store gave; give one when it did not. */
static enum status explain(enum status st, const char *path, const char *verb, struct why *why)
{
	if (st != ST_OK && why && (why->status != st || !why->text[0]))
		return why_set(why, st, "%s: cannot %s: %s", path, verb, status_text(st));
	return st;
}

enum status file_create(struct store *s, const char *path, struct store_file **file,
			struct why *why)
{
	enum status st;

	*file = NULL;
	if (!s->ops->create || !s->writable)
		return read_only(s, path, why);
	st = s->ops->create(s, path, FILE_MODE, file, why);
	if (st != ST_OK)
		*file = NULL;
	return explain(st, path, "create", why);
}

enum status vmdk_file_open(struct store *s, const char *path, unsigned flags,
			   struct store_file **file, struct why *why)
{
	enum status st;

	*file = NULL;
	if (flags & STORE_WRITE && !s->writable)
		return read_only(s, path, why);
	st = s->ops->open(s, path, flags, file, why);
	if (st != ST_OK)
		*file = NULL;
	return explain(st, path, "open", why);
}

enum status vmdk_file_remove(struct store *s, const char *path, struct why *why)
{
	if (!s->ops->remove || !s->writable)
		return read_only(s, path, why);
	return explain(s->ops->remove(s, path, why), path, "remove", why);
}

void file_discard(struct store *s, const char *path)
{
	enum status st = vmdk_file_remove(s, path, NULL);

	if (st != ST_OK && st != ST_NOENT)
		log_line(LOG_WARN, "vmdk: %s: cannot remove after a failure: %s -> left behind",
			 path, status_text(st));
}

enum status file_rename(struct store *s, const char *from, const char *to, struct why *why)
{
	if (!s->ops->rename || !s->writable)
		return read_only(s, from, why);
	return explain(s->ops->rename(s, from, to, 0, why), from, "rename", why);
}

enum status file_absent(struct store *s, const char *path, struct why *why)
{
	struct store_stat st;
	enum status got = s->ops->stat(s, path, &st, NULL);

	if (got == ST_NOENT)
		return ST_OK;
	if (got == ST_OK)
		return why_set(why, ST_EXIST, "%s: already exists", path);
	return why_set(why, got, "%s: %s", path, status_text(got));
}

enum status store_settle(struct store *s, struct why *why)
{
	enum status st = s->ops->sync ? s->ops->sync(s) : ST_READONLY;

	if (st != ST_OK)
		return why_set(why, st, "%s: cannot make the change durable: %s", s->name,
			       status_text(st));
	return ST_OK;
}

static enum status range_op(struct store_file *f, enum port_io_op op, uint64_t offset,
			    uint64_t bytes)
{
	struct io_wait w;

	io_wait_begin(&w, op, offset, NULL, bytes);
	f->store->ops->submit(f, &w.req);
	return io_wait_end(&w);
}

enum status file_zero(struct store_file *f, uint64_t offset, uint64_t bytes)
{
	return range_op(f, PORT_ZERO, offset, bytes);
}

enum status file_unmap(struct store_file *f, uint64_t offset, uint64_t bytes)
{
	return range_op(f, PORT_UNMAP, offset, bytes);
}

enum status file_publish(struct store *s, const char *path, const void *data, uint64_t bytes,
			 struct why *why)
{
	char temp[VMDK_PATH_MAX];
	struct store_file *f;
	enum status st, closed;

	st = path_hidden(path, "new", temp, sizeof(temp));
	if (st != ST_OK)
		return why_set(why, st, "%s: the name is too long", path);
	st = file_create(s, temp, &f, why);
	if (st == ST_EXIST)
		return why_set(why, st, "%s: is of another operation on this disk; when that was "
			       "killed, remove the file", temp);
	if (st != ST_OK)
		return st;
	st = store_write(f, 0, data, bytes);
	if (st == ST_OK)
		st = store_flush(f);
	closed = s->ops->file_close(f);
	if (st == ST_OK)
		st = closed;
	if (st != ST_OK)
		why_set(why, st, "%s: cannot write: %s", path, status_text(st));
	else
		st = file_rename(s, temp, path, why);
	if (st != ST_OK)
		file_discard(s, temp);
	return st == ST_OK ? store_settle(s, why) : st;
}
