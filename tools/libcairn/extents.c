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

/* 0: there is no room for another one. */
static int add(struct cairn_extent *extents, size_t max, size_t *count,
	       const struct vmdk_place *place)
{
	enum cairn_extent_kind kind = kind_of(place->kind);

	if (*count && extents[*count - 1].kind == kind) {
		extents[*count - 1].bytes += place->bytes;
		return 1;
	}
	if (*count == max)
		return 0;
	extents[(*count)++] = (struct cairn_extent){ .offset = place->offset,
						     .bytes = place->bytes, .kind = kind };
	return 1;
}

enum cairn_status cairn_extents(struct cairn_image *image, uint64_t offset, uint64_t bytes,
				struct cairn_extent *extents, size_t max, size_t *count,
				struct cairn_error *error)
{
	uint64_t end = offset + bytes;

	*count = 0;
	if (offset > image->bytes || bytes > image->bytes - offset)
		return lib_error(error, ST_RANGE, "%s: %llu bytes at %llu: it ends at %llu",
				 image->name, (unsigned long long)bytes,
				 (unsigned long long)offset, (unsigned long long)image->bytes);
	if (max == 0)
		return lib_error(error, ST_INVAL, "%s: room for no extent", image->name);
	while (offset < end) {
		struct vmdk_place place[PLACES];
		struct why why = { 0 };
		uint32_t n;
		enum status st = lib_places_find(image, offset, end - offset, place, PLACES, &n,
						 &why);

		if (st != ST_OK)
			return lib_fail(error, st, &why);
		for (uint32_t i = 0; i < n; i++)
			if (!add(extents, max, count, &place[i]))
				return lib_ok(error);
		offset = place[n - 1].offset + place[n - 1].bytes;
	}
	return lib_ok(error);
}
