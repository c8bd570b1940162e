/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* link - what one link of a chain says of itself, and where the files it names may be. Nothing
 * but its descriptor is read, and nothing is refused: this is for looking at what is broken. */
#include "vmdk/vmdk_priv.h"

static const char volumes_dir[] = "/vmfs/volumes/";

enum status vmdk_link_open(struct store *s, const char *path, struct vmdk_disk **link,
			   struct why *why)
{
	return disk_load(s, path, link, why);
}

void vmdk_link_info(const struct vmdk_disk *link, struct vmdk_link_info *info)
{
	const struct desc *d = &link->desc;
	int is_delta = d->parent_cid != DESC_NO_PARENT;

	*info = (struct vmdk_link_info){
		.kind = link->kind, .embedded = link->embedded, .cid = d->cid,
		.parent_cid = d->parent_cid, .bytes = d->sectors * SECTOR_BYTES,
		.extent_count = d->extent_count, .is_delta = (uint8_t)is_delta,
		.create_type = desc_get(d, "createType"),
		.adapter = desc_get(d, "ddb.adapterType"), .uuid = desc_get(d, "ddb.uuid"),
		.change_track = desc_get(d, "changeTrackPath"),
		.parent_hint = is_delta ? desc_get(d, "parentFileNameHint") : NULL,
	};
}

int vmdk_link_extent(const struct vmdk_disk *link, uint32_t index, struct vmdk_link_extent *x)
{
	const struct desc_extent *e;

	if (index >= link->desc.extent_count)
		return 0;
	e = &link->desc.extents[index];
	*x = (struct vmdk_link_extent){
		.type = desc_type_word(e->type), .file = e->file,
		.bytes = e->sectors * SECTOR_BYTES, .offset = e->offset_sectors * SECTOR_BYTES,
		.flat = e->type == DESC_FLAT || e->type == DESC_VMFS,
		.on_device = e->type == DESC_VMFSRAW || e->rest != NULL,
	};
	return 1;
}

/* ---- where a name leads ---------------------------------------------------------------------- */

int vmdk_path_volume(const char *name, char *volume, size_t size)
{
	size_t n = 0, prefix = sizeof(volumes_dir) - 1;

	if (strncmp(name, volumes_dir, prefix) != 0)
		return 0;
	name += prefix;
	while (name[n] && name[n] != '/')
		n++;
	if (n == 0 || n >= size)
		return 0;
	memcpy(volume, name, n);
	volume[n] = 0;
	return 1;
}

static int is_slash(char c) { return c == '/' || c == '\\'; }

/* Append the parts of name to the directory out (without a slash at its end); ".." takes one away.
 * 0: the result is too long, or would leave the root. */
static int append_parts(char *out, size_t size, const char *name)
{
	size_t at = strlen(out);

	while (*name) {
		size_t n = 0;

		while (name[n] && !is_slash(name[n]))
			n++;
		if (n == 2 && name[0] == '.' && name[1] == '.') {
			if (at == 0)
				return 0;
			while (out[--at] != '/')
				;
		} else if (n && !(n == 1 && name[0] == '.')) {
			if (at + n + 2 > size)
				return 0;
			out[at] = '/';
			memcpy(out + at + 1, name, n);
			at += n + 1;
		}
		out[at] = 0;
		name += n;
		name += *name != 0;
	}
	return at > 0;
}

enum status vmdk_path_at(const char *from, const char *name, char *out, size_t size)
{
	size_t dir = (size_t)(path_base(from) - from);
	char volume[256];

	if (size == 0 || dir >= size)
		return ST_NAME;
	out[0] = 0;
	if (vmdk_path_volume(name, volume, sizeof(volume)))
		name += sizeof(volumes_dir) - 1 + strlen(volume);
	else if (!is_slash(name[0]) && dir > 1) {
		memcpy(out, from, dir - 1);
		out[dir - 1] = 0;
	}
	return append_parts(out, size, name) ? ST_OK : ST_NAME;
}

/* The last part of a name, whichever slash it uses. */
static const char *last_part(const char *name, const char *end)
{
	while (end > name && !is_slash(end[-1]))
		end--;
	return end;
}

enum status vmdk_parent_path(const char *child, const char *hint, unsigned n, char *out,
			     size_t size)
{
	const char *base = last_part(hint, hint + strlen(hint)), *dir;
	char sibling[VMDK_PATH_MAX];

	if (n == 0)
		return vmdk_path_at(child, hint, out, size);
	if (n == 1)
		return vmdk_path_at(child, base, out, size);
	if (n > 2 || base == hint)
		return ST_NOENT;
	dir = last_part(hint, base - 1);
	if (dir == base - 1 || dir[0] == '.' || strlen(dir) + 4 > sizeof(sibling))
		return ST_NOENT;	/* ".." again: n = 0 was that */
	memcpy(sibling, "../", 3);
	memcpy(sibling + 3, dir, strlen(dir) + 1);
	return vmdk_path_at(child, sibling, out, size);
}

int vmdk_is_extent_name(const char *path, char *owner, size_t size)
{
	return path_is_extent(path, owner, size);
}
