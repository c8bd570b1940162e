/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* places - where the bytes of an image lie, kept per window of it, so that a read of what was
 * touched before asks nobody. A window is looked up by one division, and its places by binary
 * search, under a lock that is held for some hundred instructions; the answer is a copy.
 *
 * What is missing is worked out by the handle's thread, from the first byte wanted to the end of
 * the window. The cache is bounded twice: by its slots, which windows share modulo their number,
 * and by the places in all of them; when these are too many, all are dropped. */
#include <stdlib.h>

#include "tools/libcairn/lib_priv.h"

#include "iopath/base/search.h"

#define KEPT_MAX	(512u * 1024)	/* places of one image: 20 MiB */
#define SLOT_MAX	16384u		/* of one slot: then the slot ends within its window */

void lib_places_init(struct lib_places *p, uint32_t window_shift)
{
	p->window_shift = window_shift;
	pthread_mutex_init(&p->lock, NULL);
	io_mutex_init(&p->resolving);
}

static void drop(struct lib_places *p, struct lib_slot *slot)
{
	free(slot->place);
	p->kept -= slot->count;
	*slot = (struct lib_slot){ 0 };
}

static void drop_all(struct lib_places *p)
{
	for (size_t i = 0; i < LIB_SLOTS; i++)
		drop(p, &p->slot[i]);
}

void lib_places_forget(struct lib_places *p)
{
	pthread_mutex_lock(&p->lock);
	drop_all(p);
	pthread_mutex_unlock(&p->lock);
}

void lib_places_fini(struct lib_places *p)
{
	drop_all(p);
	pthread_mutex_destroy(&p->lock);
}

/* ---- looking up ------------------------------------------------------------------------------ */

static struct lib_slot *slot_of(struct lib_places *p, uint64_t offset)
{
	return &p->slot[(offset >> p->window_shift) % LIB_SLOTS];
}

/* The last place that starts at or before offset; offset is inside of the slot. */
static uint32_t search(const struct lib_slot *slot, uint64_t offset)
{
	return search_border(i, slot->count, slot->place[i].offset <= offset) - 1;
}

/* Cut the front of a place off. */
static void cut_front(struct vmdk_place *place, uint64_t offset)
{
	uint64_t n = offset - place->offset;

	place->offset += n;
	place->bytes -= n;
	place->dev_offset += place->kind == VMDK_PLACE_DEVICE ? n : 0;
}

/* Copy what is known; 0: nothing. */
static uint32_t look_up(struct lib_places *p, uint64_t offset, uint64_t bytes,
			struct vmdk_place *place, uint32_t max)
{
	struct lib_slot *slot = slot_of(p, offset);
	uint64_t end = offset + bytes;
	uint32_t count = 0;

	pthread_mutex_lock(&p->lock);
	if (offset >= slot->start && offset < slot->end)
		for (uint32_t i = search(slot, offset); i < slot->count && count < max; i++) {
			if (slot->place[i].offset >= end)
				break;
			place[count++] = slot->place[i];
		}
	pthread_mutex_unlock(&p->lock);
	if (count == 0)
		return 0;
	cut_front(&place[0], offset);
	place[count - 1].bytes = MIN(place[count - 1].bytes, end - place[count - 1].offset);
	return count;
}

/* ---- working out ----------------------------------------------------------------------------- */

struct resolve_call {
	struct lib_call		call;
	struct cairn_image	*image;
	uint64_t		offset;
	/* what has been found */
	struct vmdk_place	*place;
	uint32_t		count, room;
};

static enum status file_place(struct store_file *f, uint64_t offset, struct vmdk_place *place)
{
	struct store_run r;
	enum status st = f->store->ops->file_map(f, offset, &r);

	if (st != ST_OK)
		return st;
	*place = (struct vmdk_place){ .offset = offset, .bytes = r.offset + r.bytes - offset };
	if (r.kind == STORE_RUN_HOLE)
		place->kind = VMDK_PLACE_HOLE;
	else if (r.kind == STORE_RUN_ZERO)
		place->kind = VMDK_PLACE_ZERO;
	else
		place->kind = r.dev ? VMDK_PLACE_DEVICE : VMDK_PLACE_DISK;
	place->dev = r.dev;
	place->dev_offset = r.dev_offset;
	return ST_OK;
}

/* Does b go on where a ends, as one thing? */
static int continues(const struct vmdk_place *a, const struct vmdk_place *b)
{
	return a->kind == b->kind &&
	       (a->kind != VMDK_PLACE_DEVICE ||
		(a->dev == b->dev && a->dev_offset + a->bytes == b->dev_offset));
}

static enum status append(struct resolve_call *r, const struct vmdk_place *place)
{
	struct vmdk_place *grown;

	if (r->count && continues(&r->place[r->count - 1], place)) {
		r->place[r->count - 1].bytes += place->bytes;
		return ST_OK;
	}
	if (r->count == r->room) {
		r->room = r->room ? r->room * 2 : 16;
		grown = realloc(r->place, r->room * sizeof(*grown));
		if (!grown)
			return ST_NOMEM;
		r->place = grown;
	}
	r->place[r->count++] = *place;
	return ST_OK;
}

static enum status walk(struct resolve_call *r, uint64_t end)
{
	struct cairn_image *image = r->image;
	uint64_t at = r->offset;
	enum status st = ST_OK;

	while (st == ST_OK && at < end && r->count < SLOT_MAX) {
		struct vmdk_place place;

		st = image->disk ? vmdk_place(image->disk, at, &place)
				 : file_place(image->file, at, &place);
		if (st != ST_OK)
			break;
		if (place.bytes == 0)
			return ST_CORRUPT;	/* a map that does not go on */
		place.bytes = MIN(place.bytes, end - at);
		st = append(r, &place);
		at += place.bytes;
	}
	return st;
}

static void keep(struct resolve_call *r)
{
	struct lib_places *p = &r->image->places;
	struct lib_slot *slot = slot_of(p, r->offset);
	struct vmdk_place *last = &r->place[r->count - 1];

	pthread_mutex_lock(&p->lock);
	drop(p, slot);
	if (p->kept + r->count > KEPT_MAX)
		drop_all(p);
	*slot = (struct lib_slot){ r->offset, last->offset + last->bytes, r->count, r->place };
	p->kept += r->count;
	pthread_mutex_unlock(&p->lock);
	r->place = NULL;
}

/* In a world, one at a time: several readers that come to a window together resolve it once. */
static enum status resolve_fn(struct lib_call *call)
{
	struct resolve_call *r = container_of(call, struct resolve_call, call);
	struct lib_places *p = &r->image->places;
	uint64_t window = 1ull << p->window_shift;
	uint64_t end = MIN(round_down(r->offset, window) + window, r->image->bytes);
	struct vmdk_place one;
	enum status st = ST_OK;

	io_mutex_lock(&p->resolving);
	if (look_up(p, r->offset, 1, &one, 1) == 0) {
		st = walk(r, end);
		if (st == ST_OK)
			keep(r);
	}
	io_mutex_unlock(&p->resolving);
	free(r->place);
	if (st != ST_OK)
		why_set(&call->why, st, "%s: where byte %llu lies: %s", r->image->name,
			(unsigned long long)r->offset, status_text(st));
	return st;
}

enum status lib_places_find(struct cairn_image *image, uint64_t offset, uint64_t bytes,
			    struct vmdk_place *place, uint32_t max, uint32_t *count,
			    struct why *why)
{
	for (;;) {
		struct resolve_call r = { .call = { .fn = resolve_fn, .shared = 1 },
					  .image = image, .offset = offset };
		enum status st;

		*count = look_up(&image->places, offset, bytes, place, max);
		if (*count)
			return ST_OK;
		st = lib_call(image->c, &r.call);
		if (st != ST_OK) {
			*why = r.call.why;
			return st;
		}
		/* Found; another window that shares the slot may push it out before we look. */
	}
}
