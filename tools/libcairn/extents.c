/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* extents - what lies where, as a client that skips zeros wants to know it. */
#include "tools/libcairn/lib_priv.h"

#define PLACES 64u

static enum cairn_extent_kind kind_of(enum vmdk_place_kind kind)
{
	switch (kind) {
	case VMDK_PLACE_HOLE:
		return CAIRN_HOLE;
	case VMDK_PLACE_ZERO:
		return CAIRN_ZERO;
	default:
		return CAIRN_DATA;
	}
}

struct extents { struct cairn_extent *extent; size_t count, max; };

/* 0: there is no room for another one. */
static int add(struct extents *to, const struct vmdk_place *place)
{
	enum cairn_extent_kind kind = kind_of(place->kind);

	if (to->count && to->extent[to->count - 1].kind == kind) {
		to->extent[to->count - 1].bytes += place->bytes;
		return 1;
	}
	if (to->count == to->max)
		return 0;
	to->extent[to->count++] = (struct cairn_extent){ .offset = place->offset,
							 .bytes = place->bytes, .kind = kind };
	return 1;
}

static enum status walk(struct cairn_image *image, uint64_t offset, uint64_t end,
			struct extents *to, struct why *why)
{
	while (offset < end) {
		struct vmdk_place place[PLACES];
		uint32_t n;
		enum status st = lib_places_find(image, offset, end - offset, place, PLACES, &n,
						 why);

		if (st != ST_OK)
			return st;
		for (uint32_t i = 0; i < n; i++)
			if (!add(to, &place[i]))
				return ST_OK;
		offset = place[n - 1].offset + place[n - 1].bytes;
	}
	return ST_OK;
}

enum cairn_status cairn_extents(struct cairn_image *image, uint64_t offset, uint64_t bytes,
				struct cairn_extent *extents, size_t max, size_t *count,
				struct cairn_error *error)
{
	struct extents to = { .extent = extents, .max = max };
	struct why why = { 0 };
	enum status st;

	*count = 0;
	if (offset > image->bytes || bytes > image->bytes - offset)
		return lib_error(error, ST_RANGE, "%s: %llu bytes at %llu: it ends at %llu",
				 image->name, (unsigned long long)bytes,
				 (unsigned long long)offset, (unsigned long long)image->bytes);
	if (max == 0)
		return lib_error(error, ST_INVAL, "%s: room for no extent", image->name);
	st = lib_read_begin(image, &why);
	if (st == ST_OK) {
		st = walk(image, offset, offset + bytes, &to, &why);
		lib_read_end(image);
	}
	if (st == ST_OK)
		*count = to.count;
	return lib_fail(error, st, &why);
}
