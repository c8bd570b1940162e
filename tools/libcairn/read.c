/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* read - bytes of an image. What lies on a device as it is, is read here and now, on the caller's
 * thread and into its buffer; the rest is a request to the disk or the store on the handle's
 * thread, many of which are under way at a time.
 *
 * Many small places on a device that has no page cache in front would be as many waits, one after
 * the other: these too go to the handle's thread, which hands them to the device together. */
#include <stdlib.h>
#include <string.h>

#include "tools/libcairn/lib_priv.h"

#define PLACES		32u		/* looked up at once */
#define SCATTERED	4u		/* more places than that are scattered */
#define BOUNCE_BYTES	(256 * KIB)

/* ---- by the handle's thread ------------------------------------------------------------------ */

struct lib_read {
	struct port_msg		msg;
	struct io_req		req;
	struct cairn_image	*image;
	sem_t			over;
};

static void read_done(struct io_req *req)
{
	sem_post(&container_of(req, struct lib_read, req)->over);
}

static void read_came(struct port_msg *msg)
{
	struct lib_read *r = container_of(msg, struct lib_read, msg);

	if (r->image->disk)
		vmdk_submit(r->image->disk, &r->req);
	else
		r->image->file->store->ops->submit(r->image->file, &r->req);
}

static enum status read_there(struct cairn_image *image, uint64_t offset, void *buf,
			      uint64_t bytes)
{
	struct lib_read r = { .msg.fn = read_came, .image = image };
	enum status st;

	io_req_init(&r.req, PORT_READ, offset, buf, bytes, read_done);
	sem_init(&r.over, 0, 0);
	port_machine_post(image->c->machine, &r.msg);
	while (sem_wait(&r.over) != 0)
		;			/* a signal handler of the caller's ran */
	st = r.req.status;
	sem_destroy(&r.over);
	return st;
}

/* Virtual disks are read in whole sectors. */
static enum status read_sectors(struct cairn_image *image, uint64_t offset, char *buf,
				uint64_t bytes)
{
	char *bounce;
	enum status st = ST_OK;

	if (image->file || (offset | bytes) % SECTOR_BYTES == 0)
		return read_there(image, offset, buf, bytes);
	bounce = malloc(BOUNCE_BYTES);
	if (!bounce)
		return ST_NOMEM;
	while (bytes > 0 && st == ST_OK) {
		uint64_t lead = offset % SECTOR_BYTES, n = MIN(bytes, BOUNCE_BYTES - lead);

		st = read_there(image, offset - lead, bounce, round_up(lead + n, SECTOR_BYTES));
		if (st == ST_OK)
			memcpy(buf, bounce + lead, n);
		buf += n;
		offset += n;
		bytes -= n;
	}
	free(bounce);
	return st;
}

/* ---- here ------------------------------------------------------------------------------------ */

static enum status read_place(struct cairn_image *image, const struct vmdk_place *p, char *buf)
{
	enum status st = ST_UNSUPPORTED;

	if (p->kind == VMDK_PLACE_HOLE || p->kind == VMDK_PLACE_ZERO) {
		memset(buf, 0, p->bytes);
		return ST_OK;
	}
	if (p->kind == VMDK_PLACE_DEVICE && p->dev->ops->read_here)
		st = p->dev->ops->read_here(p->dev, p->dev_offset, buf, p->bytes);
	return st == ST_UNSUPPORTED ? read_sectors(image, p->offset, buf, p->bytes) : st;
}

/* 1: better done by the handle's thread, as one request. */
static int is_scattered(const struct cairn_image *image, const struct vmdk_place *place,
			uint32_t count)
{
	if (count <= SCATTERED)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		if (place[i].kind == VMDK_PLACE_DEVICE)
			return image->c->opts.direct || place[i].dev->is_device;
	return 0;
}

/* The first part of a range; *done: its bytes. */
static enum status read_part(struct cairn_image *image, uint64_t offset, char *buf, uint64_t bytes,
			     uint64_t *done, struct why *why)
{
	struct vmdk_place place[PLACES];
	uint32_t count;
	enum status st = lib_places_find(image, offset, bytes, place, PLACES, &count, why);

	*done = 0;
	if (st != ST_OK)
		return st;
	if (is_scattered(image, place, count)) {
		*done = bytes;
		return read_sectors(image, offset, buf, bytes);
	}
	for (uint32_t i = 0; i < count && st == ST_OK; i++) {
		st = read_place(image, &place[i], buf + *done);
		*done += place[i].bytes;
		if (st != ST_OK && place[i].kind == VMDK_PLACE_DEVICE)
			why_set(why, st, "%s: byte %llu, on %s at %llu: %s", image->name,
				(unsigned long long)place[i].offset, place[i].dev->name,
				(unsigned long long)place[i].dev_offset, status_text(st));
	}
	return st;
}

static enum status read_all(struct cairn_image *image, char *to, uint64_t bytes, uint64_t offset,
			    struct why *why)
{
	while (bytes > 0) {
		uint64_t done;
		enum status st = read_part(image, offset, to, bytes, &done, why);

		if (st != ST_OK && !why->text[0])
			why_set(why, st, "%s: %llu bytes at %llu: %s", image->name,
				(unsigned long long)bytes, (unsigned long long)offset,
				status_text(st));
		if (st != ST_OK)
			return st;
		to += done;
		offset += done;
		bytes -= done;
	}
	return ST_OK;
}

enum cairn_status cairn_read(struct cairn_image *image, void *buf, size_t bytes, uint64_t offset,
			     struct cairn_error *error)
{
	struct why why = { 0 };
	enum status st;

	if (offset > image->bytes || bytes > image->bytes - offset)
		return lib_error(error, ST_RANGE, "%s: %zu bytes at %llu: it ends at %llu",
				 image->name, bytes, (unsigned long long)offset,
				 (unsigned long long)image->bytes);
	st = lib_read_begin(image, &why);
	if (st == ST_OK) {
		st = read_all(image, buf, bytes, offset, &why);
		lib_read_end(image);
	}
	return lib_fail(error, st, &why);
}
