/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Renaming a disk: its extents get names made from the new stem, then the descriptor appears under
 * the new name and the old one goes. A failure renames back what was renamed. A power cut between
 * the first and the last rename leaves the extents under new names beside the old descriptor, whose
 * text still tells what they were called. */
#include "vmdk/vmdk_priv.h"

#include "iopath/base/fmt.h"

struct renaming {
	struct vmdk_disk	*d;
	const char		*new_path;
	char			from[VMDK_PATH_MAX], to[VMDK_PATH_MAX];
};

/* "old-flat.vmdk" -> "new-flat.vmdk" beside the new descriptor. */
static enum status new_name(struct renaming *r, const char *file, char *out, size_t size,
			    struct why *why)
{
	const char *old = path_base(r->d->path), *base = path_base(r->new_path);
	size_t stem = strlen(old), new_stem = strlen(base) - 5;

	if (mem_ends_with(old, ".vmdk"))
		stem -= 5;
	if (strchr(file, '/') || strchr(file, '\\') || strncmp(file, old, stem) != 0)
		return why_set(why, ST_UNSUPPORTED,
			       "%s: the extent '%.100s' is not called after the "
			       "disk; clone it instead",
			       r->d->path, file);
	if (new_stem + strlen(file + stem) + 1 > size)
		return why_set(why, ST_NAME, "%s: the name is too long", r->new_path);
	memcpy(out, base, new_stem);
	mem_copy_text(out + new_stem, size - new_stem, file + stem);
	return ST_OK;
}

static enum status paths_of(struct renaming *r, uint32_t i, char *name, size_t size,
			    struct why *why)
{
	const char *file = r->d->desc.extents[i].file;
	enum status st = new_name(r, file, name, size, why);

	if (st == ST_OK)
		st = path_sibling(r->d->path, file, r->from, sizeof(r->from), why);
	if (st == ST_OK)
		st = path_sibling(r->new_path, name, r->to, sizeof(r->to), why);
	return st;
}

/* Rename extents [0, count), or back again. */
static enum status move_extents(struct renaming *r, uint32_t *count, struct why *why)
{
	char name[256];
	enum status st = ST_OK;

	for (*count = 0; *count < r->d->desc.extent_count; ++*count) {
		if (!r->d->desc.extents[*count].file)
			continue;
		st = paths_of(r, *count, name, sizeof(name), why);
		if (st == ST_OK)
			st = file_rename(r->d->store, r->from, r->to, why);
		if (st != ST_OK)
			break;
	}
	return st;
}

static void move_back(struct renaming *r, uint32_t count)
{
	char name[256];

	while (count-- > 0) {
		if (!r->d->desc.extents[count].file)
			continue;
		if (paths_of(r, count, name, sizeof(name), NULL) != ST_OK ||
		    file_rename(r->d->store, r->to, r->from, NULL) != ST_OK)
			log_line(LOG_ERROR,
				 "vmdk: %s: cannot rename back to %s -> rename it by hand", r->to,
				 r->from);
	}
}

/* The text of the descriptor with the new names in it. */
static enum status new_text(struct renaming *r, char **text, size_t *n, struct why *why)
{
	struct desc d;
	char name[256];
	enum status st;

	desc_init(&d);
	st = desc_parse(&d, r->d->path, r->d->text, strlen(r->d->text), why);
	for (uint32_t i = 0; i < d.extent_count && st == ST_OK; i++) {
		if (!d.extents[i].file)
			continue;
		st = new_name(r, d.extents[i].file, name, sizeof(name), why);
		if (st == ST_OK)
			st = desc_set_extent_file(&d, i, name);
	}
	*n = desc_write(&d, NULL, 0);
	*text = st == ST_OK ? port_alloc(*n + 1) : NULL;
	if (*text)
		desc_write(&d, *text, *n + 1);
	else if (st == ST_OK)
		st = ST_NOMEM;
	desc_fini(&d);
	return st;
}

static enum status rename_files(struct renaming *r, struct why *why)
{
	uint32_t count = 0;
	char *text;
	size_t n;
	enum status st = new_text(r, &text, &n, why);

	if (st != ST_OK)
		return st;
	st = move_extents(r, &count, why);
	if (st == ST_OK)
		st = file_publish(r->d->store, r->new_path, text, n, why);
	if (st == ST_OK)
		st = vmdk_file_remove(r->d->store, r->d->path, why);
	else
		move_back(r, count);
	port_free(text);
	return st == ST_OK ? store_settle(r->d->store, why) : st;
}

/* One file: the name inside is put right first; readers of such a disk do not look at it. */
static enum status rename_embedded(struct renaming *r, struct why *why)
{
	struct vmdk_disk *w;
	enum status st = ST_OK;

	if (r->d->kind == VMDK_MONO_SPARSE) {
		st = vmdk_open(r->d->store, r->d->path, VMDK_WRITE, &w, why);
		if (st != ST_OK)
			return st;
		st = desc_set_extent_file(&w->desc, 0, path_base(r->new_path));
		if (st == ST_OK)
			st = sparse_write_descriptor(&w->extents[0]);
		if (st == ST_OK)
			st = store_flush(w->extents[0].file);
		(void)vmdk_close(w);
	}
	if (st == ST_OK)
		st = file_rename(r->d->store, r->d->path, r->new_path, why);
	return st == ST_OK ? store_settle(r->d->store, why) : st;
}

static enum status check_free(struct renaming *r, struct why *why)
{
	struct vmdk_disk *open;
	enum status st = file_absent(r->d->store, r->new_path, why);

	if (st == ST_OK)
		st = disk_refuse_parent(r->d, why);
	if (st != ST_OK)
		return st;
	st = vmdk_open(r->d->store, r->d->path, r->d->kind == VMDK_STREAM ? VMDK_READ : VMDK_WRITE,
		       &open, why);
	if (st == ST_OK)
		st = vmdk_close(open);
	return st;
}

enum status vmdk_rename(struct store *s, const char *old_path, const char *new_path,
			struct why *why)
{
	struct renaming *r = port_alloc(sizeof(*r));
	enum status st;

	if (!r)
		return why_set(why, ST_NOMEM, "%s: no memory to rename", old_path);
	r->new_path = new_path;
	st = path_check_new(new_path, 0, why);
	if (st == ST_OK)
		st = disk_load(s, old_path, &r->d, why);
	if (st == ST_OK) {
		st = check_free(r, why);
		if (st == ST_OK)
			st = r->d->embedded ? rename_embedded(r, why) : rename_files(r, why);
		(void)vmdk_close(r->d);
	}
	port_free(r);
	return st;
}
