/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* image - open a file or a virtual disk, say what it is, close it. */
#include <stdlib.h>
#include <string.h>

#include "tools/libcairn/lib_priv.h"

/* Windows of the cache of places: large where a place is a block of a file system at least, small
 * where it may be a grain. */
#define FLAT_SHIFT	28u	/* 256 MiB: up to some 256 places */
#define SPARSE_SHIFT	22u	/* 4 MiB: up to 8192 */

/* ---- open ------------------------------------------------------------------------------------ */

struct open_call {
	struct lib_call		call;
	const char		*path, *snapshot;
	uint8_t			as_disk;
	struct cairn_image	*image;
};

static enum status open_file(struct cairn_image *image, const struct host_path *at,
			     struct why *why)
{
	unsigned flags = image->c->opts.direct ? STORE_DIRECT : STORE_READ;
	struct store_stat st;
	enum status status = at->store->ops->open(at->store, at->path, flags, &image->file, why);

	if (status != ST_OK)
		return status;
	status = image->file->store->ops->file_stat(image->file, &st);
	if (status == ST_OK && st.kind == STORE_RDM)
		status = why_set(why, ST_UNSUPPORTED, "%s: is a raw device mapping; its data is "
				 "another device's", at->name);
	if (status != ST_OK) {
		(void)image->file->store->ops->file_close(image->file);
		return status;
	}
	image->bytes = st.size_bytes;
	image->block_bytes = MAX(st.block_bytes, (uint32_t)SECTOR_BYTES);
	lib_places_init(&image->places, FLAT_SHIFT);
	return ST_OK;
}

static int is_flat(enum vmdk_kind kind)
{
	return kind == VMDK_VMFS || kind == VMDK_MONO_FLAT || kind == VMDK_SPLIT_FLAT;
}

/* Open that link of the chain in place of the disk itself. */
static enum status go_to_link(struct cairn_image *image, const char *snapshot, unsigned flags,
			      struct why *why)
{
	struct vmdk_disk *top = image->disk;
	uint32_t link;
	enum status st = lib_link_find(top, snapshot, &link, why);

	if (st == ST_OK && link == 0)
		return ST_OK;
	if (st == ST_OK) {
		struct vmdk_disk *at = vmdk_link(top, link);

		st = vmdk_open(vmdk_store(at), vmdk_path(at), flags, &image->disk, why);
	}
	(void)vmdk_close(top);
	return st;
}

static enum status open_disk(struct cairn_image *image, const struct host_path *at,
			     const char *snapshot, struct why *why)
{
	unsigned flags = image->c->opts.direct ? VMDK_DIRECT : VMDK_READ;
	enum status st = vmdk_open(at->store, at->path, flags, &image->disk, why);

	if (st == ST_OK && snapshot)
		st = go_to_link(image, snapshot, flags, why);
	if (st != ST_OK)
		return st;
	image->bytes = vmdk_bytes(image->disk);
	image->block_bytes = is_flat(vmdk_kind(image->disk)) ? 1u << 20 : 1u << 16;
	lib_places_init(&image->places,
			is_flat(vmdk_kind(image->disk)) ? FLAT_SHIFT : SPARSE_SHIFT);
	return ST_OK;
}

/* In a call. Opened for reading: there is nothing that could be lost. */
static void let_go(struct cairn_image *image)
{
	if (image->disk)
		(void)vmdk_close(image->disk);
	else
		(void)image->file->store->ops->file_close(image->file);
	lib_places_fini(&image->places);
	lib_moment_fini(image);
}

static void image_free(struct cairn_image *image)
{
	free(image->name);
	free(image);
}

static enum status open_fn(struct lib_call *call)
{
	struct open_call *o = container_of(call, struct open_call, call);
	struct cairn_image *image = o->image;
	struct host_path at;
	enum status st = lib_resolve(call->c, o->path, &at, &call->why);

	if (st != ST_OK)
		return st;
	st = o->as_disk ? open_disk(image, &at, o->snapshot, &call->why)
			: open_file(image, &at, &call->why);
	if (st != ST_OK)
		return st;
	lib_moment_init(image);
	st = lib_moment_ask(image, &call->why);
	if (st != ST_OK)
		let_go(image);
	return st;
}

static enum cairn_status open_image(struct cairn *c, struct open_call *o,
				    struct cairn_image **image, struct cairn_error *error)
{
	enum status st;

	*image = NULL;
	o->call.fn = open_fn;
	o->image = calloc(1, sizeof(*o->image));
	if (!o->image)
		return lib_fail(error, ST_NOMEM, NULL);
	o->image->c = c;
	o->image->name = strdup(o->path);
	st = o->image->name ? lib_call(c, &o->call) : ST_NOMEM;
	if (st != ST_OK) {
		image_free(o->image);
		return lib_fail(error, st, &o->call.why);
	}
	__atomic_add_fetch(&c->images, 1, __ATOMIC_ACQ_REL);
	*image = o->image;
	return lib_ok(error);
}

enum cairn_status cairn_open_file(struct cairn *c, const char *path, struct cairn_image **image,
				  struct cairn_error *error)
{
	struct open_call o = { .path = path };

	return open_image(c, &o, image, error);
}

enum cairn_status cairn_open_disk(struct cairn *c, const char *path, const char *snapshot,
				  struct cairn_image **image, struct cairn_error *error)
{
	struct open_call o = { .path = path, .snapshot = snapshot, .as_disk = 1 };

	return open_image(c, &o, image, error);
}

/* ---- close ----------------------------------------------------------------------------------- */

struct image_call { struct lib_call call; struct cairn_image *image; struct cairn_info *info; };

static enum status close_fn(struct lib_call *call)
{
	let_go(container_of(call, struct image_call, call)->image);
	return ST_OK;
}

void cairn_close(struct cairn_image *image)
{
	struct image_call close = { .call.fn = close_fn, .image = image };
	struct cairn *c;

	if (!image)
		return;
	c = image->c;
	(void)lib_call(c, &close.call);
	image_free(image);
	__atomic_sub_fetch(&c->images, 1, __ATOMIC_ACQ_REL);
}

/* ---- information ----------------------------------------------------------------------------- */

uint64_t cairn_size(const struct cairn_image *image) { return image->bytes; }

static enum status file_info(struct cairn_image *image, struct cairn_info *info)
{
	struct store_stat st;
	enum status status = image->file->store->ops->file_stat(image->file, &st);

	if (status != ST_OK)
		return status;
	mem_copy_text(info->kind, sizeof(info->kind), "file");
	info->allocated_bytes = st.allocated_bytes;
	info->links = 1;
	return ST_OK;
}

static enum status disk_info(struct cairn_image *image, struct cairn_info *info)
{
	struct vmdk_info v;
	enum status st = ST_OK;

	info->links = vmdk_link_count(image->disk);
	for (uint32_t i = info->links; i-- > 0 && st == ST_OK;) {
		st = vmdk_info(vmdk_link(image->disk, i), &v);
		info->allocated_bytes += v.allocated_bytes;
	}
	if (st != ST_OK)
		return st;
	/* The last one asked is the disk itself. */
	mem_copy_text(info->kind, sizeof(info->kind), v.create_type);
	mem_copy_text(info->name, sizeof(info->name), vmdk_path(image->disk));
	info->cid = v.cid;
	return ST_OK;
}

static enum status info_fn(struct lib_call *call)
{
	struct image_call *i = container_of(call, struct image_call, call);
	struct cairn_info *info = i->info;

	*info = (struct cairn_info){ .size_bytes = i->image->bytes,
				     .block_bytes = i->image->block_bytes };
	mem_copy_text(info->name, sizeof(info->name), i->image->name);
	return i->image->disk ? disk_info(i->image, info) : file_info(i->image, info);
}

enum cairn_status cairn_info(struct cairn_image *image, struct cairn_info *info,
			     struct cairn_error *error)
{
	struct image_call i = { .call.fn = info_fn, .image = image, .info = info };
	enum status st = lib_call(image->c, &i.call);

	return lib_fail(error, st, &i.call.why);
}
