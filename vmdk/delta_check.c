/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Checking a COWD or SESparse extent: every entry in range, no place named twice, nothing past the
 * mark of what was given out. It only reports: a wrong entry of a delta has no second copy to take.
 *
 * Memory is bounded whatever the size: a bit for each place in a part of the file at a time, and
 * another pass over the tables for each further part. A file is filled from its start, so one pass
 * does for 1 TiB of SESparse data and 128 GiB of COWD. */
#include "vmdk/delta_priv.h"

#include "iopath/base/fmt.h"

#define PART_BITS (1ull << 28)	/* places in one pass: 32 MiB */

enum finding { F_TABLE, F_ENTRY, F_SHARED, F_MARK, F_TAIL, F_COUNT };

static const char *const finding_words[F_COUNT] = {
	"grain directory entries that lead to no table",
	"entries that are malformed or lead outside of the grains",
	"entries that name a place that another one has",
	"entries past the mark of what was given out",
	"entries behind the end of the disk",
};

/* Places that are in use, of one part. */
struct places { uint8_t *bits; uint64_t first, count; };

struct delta_checker {
	struct delta		*dl;
	const struct sparse_check_opts *opts;
	struct vmdk_check_result *result;
	struct places		grains, tables;
	uint8_t			*entries;
	uint64_t		past;		/* places behind the part: another pass is needed */
	uint64_t		claimed;
	uint8_t			first_pass;
	uint64_t		count[F_COUNT], at[F_COUNT];
};

static void note(struct delta_checker *c, enum finding what, uint64_t grain)
{
	if (c->count[what]++ == 0)
		c->at[what] = grain;
	c->result->corruptions++;
}

/* Take places [first, first + n); 0 when somebody has one of them. Others than the part's are for
 * another pass. */
static int claim(struct delta_checker *c, struct places *p, uint64_t first, uint64_t n)
{
	int alone = 1;

	for (uint64_t unit = first; unit < first + n; unit++) {
		uint64_t i = unit - p->first;

		if (unit < p->first)
			continue;
		if (i >= p->count) {
			c->past++;
		} else if (p->bits[i / 8] >> i % 8 & 1) {
			alone = 0;
		} else {
			p->bits[i / 8] |= (uint8_t)(1u << i % 8);
			c->claimed++;
		}
	}
	return alone;
}

/* Findings that do not depend on the part are told once. */
static void note_once(struct delta_checker *c, enum finding what, uint64_t grain)
{
	if (c->first_pass)
		note(c, what, grain);
}

static void check_entry(struct delta_checker *c, uint64_t grain, uint64_t gte)
{
	struct delta *dl = c->dl;
	uint64_t at = 0;
	enum look what;

	if (grain * dl->grain_bytes >= dl->capacity_bytes) {
		if (gte)
			note_once(c, F_TAIL, grain);
		return;
	}
	what = dl->ops->grain(dl, grain, gte, &at);
	if (what == LOOK_ZERO && dl->ops->held)
		what = dl->ops->held(dl, gte, &at);
	if (what == LOOK_BAD)
		note_once(c, F_ENTRY, grain);
	if (what != LOOK_DATA)
		return;
	if (!dl->dirty && at + dl->grain_bytes > dl->grain_mark)
		note_once(c, F_MARK, grain);
	if (!claim(c, &c->grains, (at - dl->place_at) / dl->place_bytes,
		   dl->grain_bytes / dl->place_bytes))
		note(c, F_SHARED, grain);
}

/* Is the table nobody else's? Where tables lie among the grains they take places there. */
static int claim_table(struct delta_checker *c, uint64_t at)
{
	struct delta *dl = c->dl;
	uint64_t bytes = (uint64_t)DELTA_GTES * dl->ops->entry_bytes;

	if (dl->gts_bytes)
		return claim(c, &c->tables, (at - dl->gts_at) / bytes, 1);
	return claim(c, &c->grains, (at - dl->place_at) / dl->place_bytes,
		     bytes / dl->place_bytes);
}

static enum status check_table(struct delta_checker *c, uint64_t table)
{
	struct delta *dl = c->dl;
	uint64_t bytes = (uint64_t)DELTA_GTES * dl->ops->entry_bytes, at = 0;
	enum look what;
	enum status st = delta_table(dl, table, &what, &at);

	if (st != ST_OK)
		return st;
	if (what == LOOK_BAD)
		note_once(c, F_TABLE, table * DELTA_GTES);
	if (what != LOOK_DATA)
		return ST_OK;
	if (!dl->dirty && at + bytes > dl->table_mark)
		note_once(c, F_MARK, table * DELTA_GTES);
	if (!claim_table(c, at)) {	/* its entries are counted where they were met first */
		note(c, F_SHARED, table * DELTA_GTES);
		return ST_OK;
	}
	st = store_read(dl->file, at, c->entries, bytes);
	for (uint32_t i = 0; i < DELTA_GTES && st == ST_OK; i++)
		check_entry(c, table * DELTA_GTES + i,
			    delta_entry(c->entries, dl->ops->entry_bytes, i));
	return st;
}

static enum status pass(struct delta_checker *c)
{
	enum status st = ST_OK;

	memset(c->grains.bits, 0, c->grains.count / 8 + 1);
	memset(c->tables.bits, 0, c->tables.count / 8 + 1);
	c->past = 0;
	for (uint64_t t = 0; t < c->dl->table_count && st == ST_OK; t++)
		st = port_interrupted() ? ST_CANCELLED : check_table(c, t);
	c->first_pass = 0;
	return st;
}

static void tell(struct delta_checker *c, const char *text)
{
	if (c->opts->finding)
		c->opts->finding(c->opts->arg, text);
}

/* Where room is given out one place after the other, what no entry names is lost, without harm. */
static void count_leaks(struct delta_checker *c)
{
	struct delta *dl = c->dl;
	uint64_t end = MIN(dl->grain_mark, dl->file_bytes), given, lost;
	char text[200];

	if (dl->gts_bytes || end < dl->data_at)
		return;
	given = (end - dl->data_at) / dl->place_bytes;
	lost = given > c->claimed ? (given - c->claimed) / (dl->grain_bytes / dl->place_bytes) : 0;
	if (!lost)
		return;
	c->result->leaks += (uint32_t)MIN(lost, UINT32_MAX);
	fmt(text, sizeof(text), "%s: %llu grains of room that nothing uses (no harm)", dl->name,
	    (unsigned long long)lost);
	tell(c, text);
}

static void report(struct delta_checker *c)
{
	char text[300];

	for (int f = 0; f < F_COUNT; f++) {
		if (!c->count[f])
			continue;
		fmt(text, sizeof(text), "%.150s: %llu %s, the first for grain %llu", c->dl->name,
		    (unsigned long long)c->count[f], finding_words[f],
		    (unsigned long long)c->at[f]);
		tell(c, text);
	}
}

static enum status make_room(struct delta_checker *c)
{
	struct delta *dl = c->dl;
	uint64_t table_bytes = (uint64_t)DELTA_GTES * dl->ops->entry_bytes;

	c->grains.count = MIN(PART_BITS, dl->file_bytes / dl->place_bytes + 1);
	c->tables.count = MIN(dl->gts_bytes, dl->file_bytes) / table_bytes + 1;
	c->grains.bits = port_alloc(c->grains.count / 8 + 1);
	c->tables.bits = port_alloc(c->tables.count / 8 + 1);
	c->entries = port_dma_alloc(table_bytes);
	return c->grains.bits && c->tables.bits && c->entries ? ST_OK : ST_NOMEM;
}

enum status delta_check(struct delta *dl, const struct sparse_check_opts *opts,
			struct vmdk_check_result *result, struct why *why)
{
	struct delta_checker c = {
		.dl = dl, .opts = opts, .result = result, .first_pass = 1, .past = 1,
	};
	enum status st = make_room(&c);

	result->dirty |= dl->dirty;
	while (st == ST_OK && c.past) {
		st = pass(&c);
		c.grains.first += c.grains.count;
	}
	if (st == ST_OK) {
		count_leaks(&c);
		report(&c);
	} else {
		why_set(why, st, "%s: the check stopped: %s", dl->name, status_text(st));
	}
	result->unrepairable += (uint32_t)MIN(c.count[F_TABLE] + c.count[F_ENTRY] +
					      c.count[F_SHARED] + c.count[F_MARK] +
					      c.count[F_TAIL], UINT32_MAX);
	if (c.entries)
		port_dma_free(c.entries, (size_t)DELTA_GTES * dl->ops->entry_bytes);
	port_free(c.tables.bits);
	port_free(c.grains.bits);
	return st;
}
