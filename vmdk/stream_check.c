/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Checking a stream: every block in file order, every grain inflated, the set of grains seen
 * compared with the tables. Nothing can be repaired: what is wrong was made so by a transfer. */
#include "vmdk/sparse_priv.h"

#include "iopath/base/fmt.h"

struct stream_checker {
	struct stream_walk	walk;
	struct sparse		*sp;
	const struct sparse_check_opts *opts;
	struct vmdk_check_result *result;
	uint8_t			*grain;		/* inflated */
	uint64_t		seen;
};

static void tell(struct stream_checker *c, const char *what, uint64_t at)
{
	char text[200];

	c->result->corruptions++;
	c->result->unrepairable++;
	if (!c->opts->finding || c->result->corruptions > 10)
		return;
	fmt(text, sizeof(text), "%s: %s (byte %llu)", c->sp->name, what, (unsigned long long)at);
	c->opts->finding(c->opts->arg, text);
}

static enum status on_grain(struct stream_walk *w, uint64_t lba, uint64_t at, const uint8_t *data,
			    uint32_t bytes)
{
	struct stream_checker *c = container_of(w, struct stream_checker, walk);
	struct sparse *sp = c->sp;
	size_t got;
	struct gt_slot *slot;
	enum status st;

	c->seen++;
	if (lba % sp->h.grain || lba >= sp->h.capacity) {
		tell(c, "a grain's sector is unaligned or past the end of the disk", at);
		return ST_OK;
	}
	if (port_accel()->inflate(data, bytes, c->grain, sp->h.grain * SECTOR_BYTES, &got) != ST_OK)
		tell(c, "a grain does not inflate", at);
	st = sparse_load(sp, lba * SECTOR_BYTES, &slot);
	if (st != ST_OK && st != ST_CORRUPT)
		return st;
	if (st == ST_CORRUPT ||
	    (uint64_t)le32_get(slot->entries[lba / sp->h.grain % sp->h.gtes]) * SECTOR_BYTES != at)
		tell(c, "the tables do not lead to a grain of the stream", at);
	return ST_OK;
}

static enum status count_entries(struct sparse *sp, uint64_t *entries)
{
	uint64_t grains = div_round_up(sp->h.capacity, sp->h.grain);
	struct gt_slot *slot;

	*entries = 0;
	for (uint64_t g = 0; g < grains; g++) {
		enum status st = g % sp->h.gtes ? ST_OK :
				 sparse_load(sp, g * sp->h.grain * SECTOR_BYTES, &slot);

		if (st != ST_OK)
			return st;
		if (le32_get(slot->entries[g % sp->h.gtes]) > SPARSE_GTE_ZERO)
			++*entries;
	}
	return ST_OK;
}

enum status stream_check(struct sparse *sp, const struct sparse_check_opts *opts,
			 struct vmdk_check_result *result, struct why *why)
{
	struct stream_checker c = {
		.walk = { .grain = on_grain, .why = why }, .sp = sp, .opts = opts, .result = result,
	};
	uint64_t entries = 0;
	enum status st;

	if (!(sp->h.flags & SPARSE_MARKERS))
		return why_set(why, ST_UNSUPPORTED,
			       "%s: a stream without markers cannot be checked", sp->name);
	c.grain = port_alloc(sp->h.grain * SECTOR_BYTES);
	if (!c.grain)
		return why_set(why, ST_NOMEM, "%s: no memory for the check", sp->name);
	st = stream_walk(sp, &c.walk);
	if (st == ST_OK)
		st = count_entries(sp, &entries);
	if (st == ST_CORRUPT) {
		tell(&c, why && why->text[0] ? why->text : "a table lies outside of the file", 0);
		st = ST_OK;
	} else if (st == ST_OK && entries != c.seen) {
		tell(&c, "the tables name another number of grains than the stream has", 0);
	}
	port_free(c.grain);
	return st;
}
