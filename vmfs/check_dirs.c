/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check_dirs - rules N1 to N5: entries, names, the tree they make, and link counts.
 * Each directory is read once, whether or not the tree reaches it, so a loop is no danger; what the
 * root does not reach is found afterwards by following parents. */
#include "vmfs/check_dirs_priv.h"

#include <stdarg.h>

#define ENTRY_BYTES	((uint32_t)sizeof(struct vmfs_dirent_disk))
#define BATCH		468u		/* entries read at a time, just under 64 KiB */
#define NAMES_MAX	(1u << 21)	/* entries of a directory that are looked at */

/* ---- reading a directory --------------------------------------------------------------------- */

enum status check_dir_read(struct dir_walk *w, uint64_t offset, void *buf, uint64_t bytes)
{
	const struct vmfs_fd_disk *m = check_fd_meta(w->c, w->fd);
	uint64_t block = le64_get(m->block_bytes);
	uint8_t *to = buf;
	enum status st = ST_OK;

	if (le32_get(m->zla) == VMFS_ZLA_RESIDENT) {	/* no longer than that: F1 */
		if (offset + bytes > w->c->layout.form->resident_max)
			memset(to, 0, bytes);
		else
			memcpy(to, check_fd_data(w->c, w->fd) + offset, bytes);
		return ST_OK;
	}
	for (uint64_t n; bytes && st == ST_OK; offset += n, to += n, bytes -= n) {
		uint64_t at;

		n = MIN(bytes, block - offset % block);
		st = check_block_at(w->c, w->fd, offset / block, &at);
		if (st != ST_OK)
			return st;
		if (at == 0 || at == ~0ull)
			memset(to, 0, n);	/* no entries there; F2 tells of a bad pointer */
		else
			st = check_read(w->c, at + offset % block, to, n);
	}
	return st;
}

void check_dir_find(struct dir_walk *w, const char *rule, const char *format, ...)
{
	char text[240];
	va_list ap;

	va_start(ap, format);
	fmt_v(text, sizeof(text), format, ap);
	va_end(ap);
	check_find(w->c, VMFS_FIND_DAMAGE, rule, vmfs_layout_addr_at(&w->c->layout, w->addr),
		   "directory 0x%08x%s", w->addr, text);
}

/* ---- entries --------------------------------------------------------------------------------- */

static uint64_t hash_name(const char *name, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ull;	/* FNV-1a */

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3ull;
	return h;
}

/* NULL, or what is wrong with a name. */
static const char *name_check(const struct check_entry *e, size_t *len)
{
	const char *name = (const char *)e->name;

	for (*len = 0; *len < e->room && name[*len]; ++*len)
		if (name[*len] == '/')
			return "has a slash in its name";
	if (*len == 0)
		return "has no name";
	if (*len > VMFS_NAME_MAX)
		return "has a name without an end";
	if (!fmt_utf8_valid(name, *len))
		return "has a name that is not UTF-8";
	return NULL;
}

static void bad_entry(struct dir_walk *w, const char *rule, const struct check_entry *e,
		      const char *bad)
{
	const char *name = (const char *)e->name;
	int plain = fmt_utf8_valid(name, strlen(name));

	check_dir_find(w, rule, ", entry %u \"%.128s\" (type %u, 0x%08x, generation %u): %s",
		       e->number, plain ? name : "?", e->type, e->fd, e->generation, bad);
}

/* What an entry names, ~0u when that is nothing valid (reported). */
static enum status entry_target(struct dir_walk *w, const struct check_entry *e, uint32_t *target)
{
	struct check *c = w->c;
	uint32_t index = check_fd_index(c, e->fd);
	enum status st = ST_OK;

	*target = ~0u;
	if (index == ~0u) {
		bad_entry(w, "N2", e, "names no file descriptor");
		return ST_OK;
	}
	if (!(c->fd[index].flags & FDI_USED))
		st = check_fd_revive(c, index, e->type, e->generation);
	if (st != ST_OK)
		return st;
	if (!(c->fd[index].flags & FDI_USED))
		bad_entry(w, "N2", e, "names a free file descriptor");
	else if (c->fd[index].flags & FDI_VALID)
		*target = index;
	return ST_OK;
}

static void compare_target(struct dir_walk *w, const struct check_entry *e,
			   const struct fd_info *info)
{
	char text[80];

	if (e->type != info->type) {
		fmt(text, sizeof(text), "the file descriptor is of type %u", info->type);
		bad_entry(w, "N2", e, text);
	}
	if (e->generation != info->generation) {
		fmt(text, sizeof(text), "the file descriptor has generation %u", info->generation);
		bad_entry(w, "N2", e, text);
	}
}

/* N1: the first two entries. */
static void dot_entry(struct dir_walk *w, const struct check_entry *e,
		      uint32_t target)
{
	const char *want = e->number ? ".." : ".";

	if (strcmp((const char *)e->name, want))
		bad_entry(w, "N1", e, e->number ? "is not \"..\"" : "is not \".\"");
	else if (e->number == 0 && target != w->index)
		bad_entry(w, "N1", e, "does not name its own directory");
	else if (e->number == 1)
		w->c->fd[w->index].dotdot = target;
}

static void named_entry(struct dir_walk *w, const struct check_entry *e,
			uint32_t target)
{
	struct fd_info *info = &w->c->fd[target];

	if ((info->flags & (FDI_DIR | FDI_NAMED)) == (FDI_DIR | FDI_NAMED))
		bad_entry(w, "N1", e, "names a directory that another entry names, too");
	else if (info->flags & FDI_DIR || !(info->flags & FDI_NAMED))
		info->parent = w->index;
	info->flags |= FDI_NAMED;
}

/* Room for one more name; ST_OK also when there are too many to be compared. */
static enum status note_name(struct dir_walk *w, uint64_t hash, uint32_t number)
{
	uint32_t max = w->names_max ? 2 * w->names_max : 256;
	struct check_name *bigger;

	if (w->names == NAMES_MAX)
		return ST_OK;
	if (w->names == w->names_max) {
		bigger = port_alloc(max * sizeof(*bigger));
		if (!bigger)
			return why_set(w->c->why, ST_NOMEM,
				       "no memory for the names of a directory");
		if (w->names)
			memcpy(bigger, w->name, w->names * sizeof(*bigger));
		port_free(w->name);
		w->name = bigger;
		w->names_max = max;
	}
	w->name[w->names++] = (struct check_name){ hash, number };
	return ST_OK;
}

enum status check_take_entry(struct dir_walk *w, const struct check_entry *e)
{
	uint32_t target;
	const char *bad;
	size_t len;
	enum status st;

	if (e->fd == 0) {
		if (e->number < 2)
			bad_entry(w, "N1", e, "is empty");
		return ST_OK;
	}
	st = entry_target(w, e, &target);
	if (st != ST_OK)
		return st;
	if (target != ~0u) {
		compare_target(w, e, &w->c->fd[target]);
		w->c->fd[target].names++;
	}
	if (e->number < 2) {
		dot_entry(w, e, target);
		return ST_OK;
	}
	if (target != ~0u)
		named_entry(w, e, target);
	bad = name_check(e, &len);
	if (bad)
		bad_entry(w, "N3", e, bad);
	return bad ? ST_OK : note_name(w, hash_name((const char *)e->name, len), e->number);
}

/* ---- N3: no name twice ----------------------------------------------------------------------- */

static void sift(struct check_name *h, uint32_t root, uint32_t count)
{
	for (uint32_t child; (child = 2 * root + 1) < count; root = child) {
		struct check_name swap = h[root];

		if (child + 1 < count && h[child].hash < h[child + 1].hash)
			child++;
		if (h[root].hash >= h[child].hash)
			return;
		h[root] = h[child];
		h[child] = swap;
	}
}

static void sort_names(struct check_name *h, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sift(h, i, count);
	for (uint32_t n = count; n > 1; n--) {
		struct check_name swap = h[0];

		h[0] = h[n - 1];
		h[n - 1] = swap;
		sift(h, 0, n - 1);
	}
}

/* Equal hashes: read both entries and compare. */
static enum status compare_names(struct dir_walk *w, const struct check_dir_shape *shape,
				 const struct check_name *a, const struct check_name *b)
{
	struct check_entry one, two;
	enum status st = shape->read(w, a->number, &one);

	if (st == ST_OK)
		st = shape->read(w, b->number, &two);
	if (st == ST_OK && !strcmp((const char *)one.name, (const char *)two.name))
		bad_entry(w, "N3", &two, "has the name of another entry");
	return st;
}

static enum status check_duplicates(struct dir_walk *w, const struct check_dir_shape *shape)
{
	enum status st = ST_OK;

	sort_names(w->name, w->names);
	for (uint32_t i = 1; i < w->names && st == ST_OK; i++)
		if (w->name[i].hash == w->name[i - 1].hash)
			st = compare_names(w, shape, &w->name[i - 1], &w->name[i]);
	return st;
}

void check_decode_entry(const struct vmfs_dirent_head *d, const uint8_t *name, uint32_t room,
			struct check_entry *e)
{
	*e = (struct check_entry){ .type = le32_get(d->type), .fd = le32_get(d->fd),
				   .generation = le32_get(d->generation), .room = room };
	memcpy(e->name, name, room);
}

/* ---- an array of entries --------------------------------------------------------------------- */

static void decode(const struct vmfs_dirent_disk *d, uint32_t number, struct check_entry *e)
{
	check_decode_entry(&d->head, d->name, sizeof(d->name), e);
	e->number = number;
}

/* The length decides how many entries there are; a hole of a hostile directory may hide that most
 * of them do not exist, so the number is limited. */
static void measure(struct dir_walk *w)
{
	uint64_t length = le64_get(check_fd_meta(w->c, w->fd)->length);
	uint64_t entries = length / ENTRY_BYTES;

	if (length % ENTRY_BYTES || entries < 2)
		check_dir_find(w, "N1", ": a length of %ju bytes is not that of 2 or more entries "
			       "of 140", length);
	if (entries > NAMES_MAX)
		check_dir_find(w, "N3", ": %ju entries; only %u are looked at", entries,
			       NAMES_MAX);
	w->entries = (uint32_t)MIN(entries, NAMES_MAX);
}

static enum status walk_array(struct dir_walk *w)
{
	const struct vmfs_dirent_disk *batch = (const void *)w->buf;
	struct check_entry e;
	enum status st = ST_OK;

	_Static_assert(BATCH * sizeof(*batch) <= CHECK_DIR_BYTES, "a batch fits");
	measure(w);
	for (uint32_t first = 0, n; first < w->entries && st == ST_OK; first += n) {
		n = MIN(BATCH, w->entries - first);
		if (port_interrupted())
			return why_set(w->c->why, ST_CANCELLED, "the check was interrupted");
		st = check_dir_read(w, (uint64_t)first * ENTRY_BYTES, w->buf, n * ENTRY_BYTES);
		for (uint32_t i = 0; i < n && st == ST_OK; i++) {
			decode(&batch[i], first + i, &e);
			st = check_take_entry(w, &e);
		}
	}
	return st;
}

static enum status read_array(struct dir_walk *w, uint32_t number, struct check_entry *e)
{
	struct vmfs_dirent_disk d;
	enum status st = check_dir_read(w, (uint64_t)number * ENTRY_BYTES, &d, sizeof(d));

	if (st == ST_OK)
		decode(&d, number, e);
	return st;
}

const struct check_dir_shape check_dir_array = { .walk = walk_array, .read = read_array };

/* ---- one directory --------------------------------------------------------------------------- */

static enum status walk_dir(struct check *c, uint32_t index)
{
	const struct check_dir_shape *shape = c->layout.form->dir->check;
	struct dir_walk w = { .c = c, .index = index, .addr = check_fd_addr(c, index) };
	uint32_t fd_bytes = c->layout.form->fd_bytes;
	enum status st = ST_OK;

	w.fd = port_dma_alloc(fd_bytes);
	w.buf = port_dma_alloc(CHECK_DIR_BYTES);
	if (!w.fd || !w.buf)
		st = why_set(c->why, ST_NOMEM, "no memory for a directory");
	if (st == ST_OK)
		st = check_read(c, vmfs_layout_addr_at(&c->layout, w.addr), w.fd, fd_bytes);
	if (st == ST_OK)
		st = shape->walk(&w);
	if (st == ST_OK)
		st = check_duplicates(&w, shape);
	port_free(w.name);
	if (w.buf)
		port_dma_free(w.buf, CHECK_DIR_BYTES);
	if (w.fd)
		port_dma_free(w.fd, fd_bytes);
	return st;
}

/* ---- the tree -------------------------------------------------------------------------------- */

/* Follow parents up to the root, something reached, or a loop; mark the way. */
static void reach(struct check *c, uint32_t index)
{
	uint32_t i = index;
	int good;

	while (!(c->fd[i].flags & (FDI_REACHED | FDI_VISITING)) && c->fd[i].flags & FDI_NAMED) {
		c->fd[i].flags |= FDI_VISITING;
		i = c->fd[i].parent;
	}
	good = c->fd[i].flags & FDI_REACHED;
	for (i = index; c->fd[i].flags & FDI_VISITING; i = c->fd[i].parent) {
		c->fd[i].flags &= (uint8_t)~FDI_VISITING;
		if (good)
			c->fd[i].flags |= FDI_REACHED;
	}
}

static void check_tree(struct check *c)
{
	uint32_t root = check_fd_index(c, VMFS_FD_ROOT);

	c->fd[root].flags |= FDI_REACHED | FDI_NAMED;
	c->fd[root].parent = root;
	for (uint32_t i = 0; i < c->fd_count; i++) {
		const struct fd_info *d = &c->fd[i];
		uint32_t addr = check_fd_addr(c, i);

		if (!(d->flags & FDI_DIR))
			continue;
		reach(c, i);
		if (d->flags & FDI_NAMED && !(d->flags & FDI_REACHED))
			check_find(c, VMFS_FIND_DAMAGE, "N5", vmfs_layout_addr_at(&c->layout, addr),
				   "directory 0x%08x is in a tree that the root does not reach",
				   addr);
		if (d->flags & FDI_NAMED && d->dotdot != d->parent)
			check_find(
			    c, VMFS_FIND_DAMAGE, "N1", vmfs_layout_addr_at(&c->layout, addr),
			    "directory 0x%08x: \"..\" names 0x%08x, but it is an entry of 0x%08x",
			    addr, d->dotdot == ~0u ? 0 : check_fd_addr(c, d->dotdot),
			    check_fd_addr(c, d->parent));
	}
}

enum status check_dirs(struct check *c)
{
	uint32_t root = check_fd_index(c, VMFS_FD_ROOT), found;
	enum status st = ST_OK;

	if (!(c->fd[root].flags & FDI_DIR)) {
		check_find(c, VMFS_FIND_DAMAGE, "N1", vmfs_layout_addr_at(&c->layout, VMFS_FD_ROOT),
			   "the root directory is not there: no name can be checked");
		return ST_CORRUPT;
	}
	do {	/* again: an entry may have brought a directory back that was marked free */
		found = 0;
		for (uint32_t i = 0; i < c->fd_count && st == ST_OK; i++) {
			check_progress(c, i + 1, c->fd_count);
			if ((c->fd[i].flags & (FDI_DIR | FDI_WALKED)) != FDI_DIR)
				continue;
			c->fd[i].flags |= FDI_WALKED;
			found++;
			st = walk_dir(c, i);
		}
	} while (found && st == ST_OK);
	if (st == ST_OK)
		check_tree(c);
	return st;
}

/* ---- N4, N5 ---------------------------------------------------------------------------------- */

static enum status fix_links(struct check *c, uint32_t addr, uint32_t links)
{
	uint64_t at = vmfs_layout_addr_at(&c->layout, addr) + c->layout.form->md_bytes;
	struct vmfs_fd_disk *m = port_dma_alloc(sizeof(*m));
	enum status st;

	if (!m)
		return why_set(c->why, ST_NOMEM, "no memory for a file descriptor");
	st = check_read(c, at, m, sizeof(*m));
	le32_set(&m->links, links);
	if (st == ST_OK)
		st = check_fix_fd(c, addr, m);
	port_dma_free(m, sizeof(*m));
	return st;
}

enum status check_links(struct check *c)
{
	int may_fix = c->opts->fix && c->result->damage == 0;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < c->fd_count && st == ST_OK; i++) {
		const struct fd_info *f = &c->fd[i];
		uint32_t addr = check_fd_addr(c, i);
		uint64_t at = vmfs_layout_addr_at(&c->layout, addr);

		if (!(f->flags & FDI_VALID) || f->flags & FDI_ORPHAN)
			continue;
		if (!(f->flags & FDI_NAMED)) {
			if (f->links)
				check_find(c, VMFS_FIND_DAMAGE, "N5", at,
					   "file descriptor 0x%08x (type %u, %u links): no "
					   "directory names it",
					   addr, f->type, f->links);
			continue;
		}
		if (f->links == f->names)
			continue;
		check_report(c, may_fix, VMFS_FIND_WRONG, "N4", at,
			     "file descriptor 0x%08x: linkCount is %u, %u entries name it", addr,
			     f->links, f->names);
		if (may_fix)
			st = fix_links(c, addr, f->names);
	}
	return st;
}
