/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Checking sparse extents. No other program compares the redundant tables or looks at the dirty
 * mark, so this one does all of it: one pass over the tables with a bit for each grain of the file.
 *
 *   the two copies of an entry differ   the one inside the file that no other grain has; else the
 * table's
 *   an entry past the end, unaligned    0: the grain is lost, and said so
 *   two entries name one grain          the later virtual grain gets a copy of its own
 *   room that no entry names            told as a leak; only a shrink frees it */
#include "vmdk/sparse_priv.h"

#include "iopath/base/fmt.h"

enum finding { F_GD, F_COPIES, F_BAD, F_SHARED, F_COUNT };

static const char *const finding_words[F_COUNT] = {
	"grain directory entries outside of the file",
	"entries that differ from their redundant copy",
	"entries that point outside of the file or between grains",
	"entries that share a grain with an earlier one",
};

struct checker {
	struct sparse		*sp;
	const struct sparse_check_opts *opts;
	struct vmdk_check_result *result;
	uint8_t			*used;		/* a bit for each grain of the file */
	uint64_t		used_grains;	/* bits */
	uint64_t		referenced, metadata;
	uint64_t		count[F_COUNT], first[F_COUNT];
	le32			*gt, *rgt;
	uint8_t			table_changed, gd_changed;
};

static void note(struct checker *c, enum finding what, uint64_t grain)
{
	if (c->count[what]++ == 0)
		c->first[what] = grain;
	c->result->corruptions++;
}

static int is_used(const struct checker *c, uint64_t unit)
{
	return unit < c->used_grains && (c->used[unit / 8] >> unit % 8 & 1);
}

static void set_used(struct checker *c, uint64_t unit)
{
	if (unit < c->used_grains)
		c->used[unit / 8] |= (uint8_t)(1u << unit % 8);
}

/* May a grain of data lie there? Aligned relative to the first possible place, as all writers do.
 * */
static int is_good(const struct checker *c, uint64_t grain, uint32_t gte)
{
	enum look what = sparse_entry_kind(c->sp, grain, gte);

	if (what != LOOK_DATA)
		return what != LOOK_BAD;
	return gte % c->sp->h.grain == 0;
}

static int is_free(const struct checker *c, uint32_t gte)
{
	return gte > SPARSE_GTE_ZERO && !is_used(c, gte / c->sp->h.grain);
}

/* The entry to believe when the copies differ. */
static uint32_t choose(const struct checker *c, uint64_t grain, uint32_t gte, uint32_t copy)
{
	int gte_ok = gte && is_good(c, grain, gte) && is_free(c, gte);
	int copy_ok = copy && is_good(c, grain, copy) && is_free(c, copy);

	if (gte_ok)
		return gte;
	return copy_ok ? copy : gte;
}

static void put_entry(struct checker *c, uint64_t i, uint32_t gte)
{
	le32_set(&c->gt[i], gte);
	if (c->rgt)
		le32_set(&c->rgt[i], gte);
	c->table_changed = 1;
}

/* Give a grain that shares its place a copy of its own, at the end of the file. */
static enum status copy_grain(struct checker *c, uint32_t from, uint32_t *to)
{
	struct sparse *sp = c->sp;
	uint64_t bytes = sp->h.grain * SECTOR_BYTES;
	uint8_t *buf;
	enum status st;

	if (sp->next_free + sp->h.grain > UINT32_MAX)
		return ST_LIMIT;
	buf = port_dma_alloc(bytes);
	if (!buf)
		return ST_NOMEM;
	st = store_read(sp->file, (uint64_t)from * SECTOR_BYTES, buf,
			MIN(bytes, sp->file_bytes - (uint64_t)from * SECTOR_BYTES));
	if (st == ST_OK)
		st = store_write(sp->file, sp->next_free * SECTOR_BYTES, buf, bytes);
	port_dma_free(buf, bytes);
	if (st != ST_OK)
		return st;
	*to = (uint32_t)sp->next_free;
	sp->next_free += sp->h.grain;
	sp->file_bytes = sp->next_free * SECTOR_BYTES;
	return store_flush(sp->file);
}

static enum status check_entry(struct checker *c, uint64_t grain, uint64_t i)
{
	uint32_t gte = le32_get(c->gt[i]), copy = c->rgt ? le32_get(c->rgt[i]) : gte;
	uint64_t unit;
	enum status st = ST_OK;

	if (gte != copy) {
		note(c, F_COPIES, grain);
		gte = choose(c, grain, gte, copy);
		put_entry(c, i, gte);
	}
	if (gte == 0)
		return ST_OK;
	if (!is_good(c, grain, gte)) {
		note(c, F_BAD, grain);
		put_entry(c, i, 0);
		return ST_OK;
	}
	if (gte == SPARSE_GTE_ZERO)
		return ST_OK;
	unit = gte / c->sp->h.grain;
	if (is_used(c, unit)) {
		note(c, F_SHARED, grain);
		if (c->opts->repair) {
			st = copy_grain(c, gte, &gte);
			put_entry(c, i, gte);
		}
	} else {
		set_used(c, unit);
	}
	c->referenced++;
	return st;
}

static enum status read_table(struct checker *c, uint32_t lba, le32 *gt, int *inside)
{
	uint64_t bytes = 4ull * c->sp->h.gtes, at = (uint64_t)lba * SECTOR_BYTES;

	*inside = at && at < c->sp->file_bytes && c->sp->file_bytes - at >= bytes;
	if (!*inside) {
		memset(gt, 0, bytes);
		return ST_OK;
	}
	for (uint32_t s = 0; s < sparse_gt_sectors(&c->sp->h); s++)
		set_used(c, (lba + s) / c->sp->h.grain);
	return store_read(c->sp->file, at, gt, bytes);
}

static enum status write_tables(struct checker *c, uint32_t table)
{
	struct sparse *sp = c->sp;
	uint64_t bytes = 4ull * sp->h.gtes;
	enum status st = ST_OK;

	if (c->rgt && le32_get(sp->rgd[table]))
		st = store_write(sp->file, (uint64_t)le32_get(sp->rgd[table]) * SECTOR_BYTES,
				 c->rgt, bytes);
	if (st == ST_OK && le32_get(sp->gd[table]))
		st = store_write(sp->file, (uint64_t)le32_get(sp->gd[table]) * SECTOR_BYTES, c->gt,
				 bytes);
	return st;
}

/* A directory entry that leads nowhere: take over what the other copy says. */
static void mend_directory(struct checker *c, uint32_t table, int gt_inside, int rgt_inside)
{
	struct sparse *sp = c->sp;
	uint64_t bytes = 4ull * sp->h.gtes;
	uint32_t lba = le32_get(sp->gd[table]), copy = sp->rgd ? le32_get(sp->rgd[table]) : 0;

	if (!gt_inside && lba) {
		note(c, F_GD, (uint64_t)table * sp->h.gtes);
		le32_set(&sp->gd[table], rgt_inside ? copy : 0);
		c->gd_changed = 1;
	}
	if (sp->rgd && !rgt_inside && copy) {
		note(c, F_GD, (uint64_t)table * sp->h.gtes);
		le32_set(&sp->rgd[table], 0);
		c->gd_changed = 1;
	}
	if (!gt_inside && rgt_inside)
		memcpy(c->gt, c->rgt, bytes);
	else if (gt_inside && sp->rgd && !rgt_inside)
		memcpy(c->rgt, c->gt, bytes);
}

static enum status check_table(struct checker *c, uint32_t table)
{
	struct sparse *sp = c->sp;
	uint64_t grains = div_round_up(sp->h.capacity, sp->h.grain);
	uint64_t first = (uint64_t)table * sp->h.gtes;
	int gt_inside, rgt_inside = 0;
	enum status st = read_table(c, le32_get(sp->gd[table]), c->gt, &gt_inside);

	if (st == ST_OK && sp->rgd)
		st = read_table(c, le32_get(sp->rgd[table]), c->rgt, &rgt_inside);
	if (st != ST_OK)
		return st;
	mend_directory(c, table, gt_inside, rgt_inside);
	c->table_changed = 0;
	for (uint64_t i = 0; i < sp->h.gtes && first + i < grains && st == ST_OK; i++)
		st = check_entry(c, first + i, i);
	if (st == ST_OK && c->table_changed && c->opts->repair)
		st = write_tables(c, table);
	return st;
}

/* Tables of later ones may be where an early entry points: all tables are marked first. */
static void mark_metadata(struct checker *c)
{
	struct sparse *sp = c->sp;
	uint64_t units = div_round_up(sp->h.overhead, sp->h.grain);

	/* The header may claim more than the file has. */
	for (uint64_t unit = 0; unit < MIN(units, c->used_grains); unit++)
		set_used(c, unit);
	for (uint32_t t = 0; t < sp->table_count; t++)
		for (uint32_t s = 0; s < sparse_gt_sectors(&sp->h); s++) {
			if (le32_get(sp->gd[t]))
				set_used(c, (le32_get(sp->gd[t]) + s) / sp->h.grain);
			if (sp->rgd && le32_get(sp->rgd[t]))
				set_used(c, (le32_get(sp->rgd[t]) + s) / sp->h.grain);
		}
}

static void count_leaks(struct checker *c)
{
	uint64_t leaked = 0;

	for (uint64_t unit = 0; unit < c->used_grains; unit++)
		if (!is_used(c, unit))
			leaked++;
	c->result->leaks += (uint32_t)MIN(leaked, UINT32_MAX);
}

static void report(struct checker *c)
{
	char text[200];

	for (int f = 0; f < F_COUNT; f++) {
		if (!c->count[f] || !c->opts->finding)
			continue;
		fmt(text, sizeof(text), "%s: %llu %s, the first for grain %llu", c->sp->name,
		    (unsigned long long)c->count[f], finding_words[f],
		    (unsigned long long)c->first[f]);
		c->opts->finding(c->opts->arg, text);
	}
	if (c->result->leaks && c->opts->finding) {
		fmt(text, sizeof(text), "%s: %u grains of room that nothing uses (no harm)",
		    c->sp->name, c->result->leaks);
		c->opts->finding(c->opts->arg, text);
	}
}

/* After the tables, so that no entry leads to a table that is not written. */
static enum status finish_repair(struct checker *c)
{
	struct sparse *sp = c->sp;
	uint64_t bytes = 4ull * sp->table_count;
	enum status st = store_flush(sp->file);

	if (st == ST_OK && c->gd_changed && sp->rgd)
		st = store_write(sp->file, sp->h.rgd_lba * SECTOR_BYTES, sp->rgd, bytes);
	if (st == ST_OK && c->gd_changed)
		st = store_write(sp->file, sp->h.gd_lba * SECTOR_BYTES, sp->gd, bytes);
	if (st == ST_OK)
		st = store_flush(sp->file);
	if (st == ST_OK) {
		sp->raw.unclean = 0;
		st = sparse_write_header(sp);
	}
	if (st == ST_OK)
		c->result->repaired += c->result->corruptions;
	return st;
}

static enum status run(struct checker *c, struct why *why)
{
	struct sparse *sp = c->sp;
	enum status st = ST_OK;

	mark_metadata(c);
	for (uint32_t t = 0; t < sp->table_count && st == ST_OK; t++)
		st = check_table(c, t);
	if (st == ST_OK) {
		count_leaks(c);
		report(c);
		if (c->opts->repair && (c->result->corruptions || sp->h.unclean))
			st = finish_repair(c);
	}
	if (st != ST_OK)
		return why_set(why, st, "%s: the check stopped: %s", sp->name, status_text(st));
	return ST_OK;
}

enum status sparse_check(struct sparse *sp, const struct sparse_check_opts *opts,
			 struct vmdk_check_result *result, struct why *why)
{
	struct checker c = { .sp = sp, .opts = opts, .result = result };
	uint64_t bytes = 4ull * sp->h.gtes;
	enum status st = ST_NOMEM;

	result->dirty |= sp->h.unclean;
	if (sp->h.compressed)
		return stream_check(sp, opts, result, why);
	if (sp->file_bytes < sp->h.overhead * SECTOR_BYTES) {
		result->unrepairable++;
		return why_set(why, ST_CORRUPT, "%s: the file ends before its first grain",
			       sp->name);
	}
	c.used_grains = MIN(div_round_up(sp->file_bytes, sp->h.grain * SECTOR_BYTES), UINT32_MAX);
	c.used = port_alloc(c.used_grains / 8 + 1);
	c.gt = port_alloc(bytes);
	c.rgt = sp->rgd ? port_alloc(bytes) : NULL;
	if (c.used && c.gt && (c.rgt || !sp->rgd))
		st = run(&c, why);
	else
		why_set(why, st, "%s: no memory for the check", sp->name);
	port_free(c.rgt);
	port_free(c.gt);
	port_free(c.used);
	return st;
}
