/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* shared - files that every worker uses, one at a time.
 *
 * A *counter* is a file of equal units. Whoever opens it for writing reads its value, writes the
 * next one unit by unit from the first on, flushes, and has *told* that value. No value is told
 * twice, and what is told is never gone: two hosts that believe they hold the file would show. A
 * writer that dies on the way leaves larger values in front of smaller ones, never the other way
 * round.
 *
 * A *token* is a file that is renamed from one directory to the other by whoever comes first. */
#include "tests/torture/torture.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNTER_UNITS	16u

static uint32_t counter_stamp(uint32_t number, uint32_t value)
{
	return 0xC0000000u | number << 24 | value;
}

static void counter_path(uint32_t number, char path[64])
{
	snprintf(path, 64, "/shared%u/counter%u", number & 1, number);
}

static void token_path(uint32_t place, uint32_t number, char path[64])
{
	snprintf(path, 64, "/shared%u/token%u", place, number);
}

/* ---- counters -------------------------------------------------------------------------------- */

static enum status write_value(struct store_file *f, uint32_t number, uint32_t value)
{
	uint8_t unit[UNIT_BYTES];
	enum status st = ST_OK;

	for (uint32_t i = 0; i < COUNTER_UNITS && st == ST_OK; i++) {
		content_fill(unit, i, counter_stamp(number, value));
		st = store_write(f, (uint64_t)i * UNIT_BYTES, unit, UNIT_BYTES);
	}
	return st == ST_OK ? store_flush(f) : st;
}

/* The first unit has the value. 0; -1: a smaller one in front of a larger, or no value at all. */
static int check_counter(const uint8_t *data, uint32_t number, uint32_t *value)
{
	uint32_t last = ~0u;

	*value = 0;
	for (uint32_t i = 0; i < COUNTER_UNITS * UNIT_BYTES / SECTOR_BYTES; i++) {
		uint32_t stamp = content_stamp(data + (size_t)i * SECTOR_BYTES, i);

		if ((stamp & 0xFF000000u) != counter_stamp(number, 0) || stamp > last)
			return -1;
		if (i == 0)
			*value = stamp & 0xFFFFFFu;
		last = stamp;
	}
	return 0;
}

static int counter_read(struct store_file *f, uint32_t number, uint32_t *value, enum status *st)
{
	uint8_t *data = malloc(COUNTER_UNITS * UNIT_BYTES);
	int bad = -1;

	*st = data ? store_read(f, 0, data, COUNTER_UNITS * UNIT_BYTES) : ST_NOMEM;
	if (*st == ST_OK)
		bad = check_counter(data, number, value);
	free(data);
	return *st == ST_OK ? bad : 0;
}

static enum status count(struct worker *w, struct store_file *f, uint32_t number)
{
	uint32_t value = 0;
	enum status st;

	if (counter_read(f, number, &value, &st) < 0) {
		differ(w, "counter %u: a value that was overwritten is back", number);
		return ST_CORRUPT;
	}
	if (st != ST_OK)
		return st;
	if (value < w->seen[number]) {
		differ(w, "counter %u is %u and was %u", number, value, w->seen[number]);
		return ST_CORRUPT;
	}
	st = write_value(f, number, value + 1);
	if (st != ST_OK)
		return st;
	w->seen[number] = value + 1;
	oplog_put(&w->log, (struct log_line){ .what = LOG_COUNTER, .id = number,
					      .stamp = value + 1 });
	return ST_OK;
}

static enum status step_counter(struct worker *w)
{
	uint32_t number = chance(&w->c, COUNTERS);
	struct store_file *f;
	enum status st, closed;
	char path[64];

	counter_path(number, path);
	st = w->ss.s->ops->open(w->ss.s, path, STORE_WRITE, &f, &w->ss.why);
	if (st != ST_OK)
		return st;
	st = count(w, f, number);
	w->ss.why.text[0] = 0;
	closed = w->ss.s->ops->file_close(f);
	return st == ST_OK ? closed : st;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static enum status step_token(struct worker *w)
{
	uint32_t number = chance(&w->c, TOKENS), from = chance(&w->c, 2);
	char old_path[64], new_path[64];
	enum status st;

	token_path(from, number, old_path);
	token_path(1 - from, number, new_path);
	st = w->ss.s->ops->rename(w->ss.s, old_path, new_path, 0, &w->ss.why);
	/* Somebody else has moved it between two looks of this call: the end tells. */
	return st == ST_NOENT || st == ST_EXIST ? ST_OK : st;
}

/* ---- what others have ------------------------------------------------------------------------ */

struct peek { struct chance *c; uint32_t count; char name[64]; };

static int note(void *arg, const char *name, const struct store_stat *st)
{
	struct peek *p = arg;

	if (st->kind == STORE_FILE && chance(p->c, ++p->count) == 0)
		snprintf(p->name, sizeof(p->name), "%.60s", name);
	return 0;
}

static int read_whole(struct worker *w, struct store_file *f, const char *path, enum status *st)
{
	struct store_stat ss;
	uint8_t data[UNIT_BYTES];

	*st = w->ss.s->ops->file_stat(f, &ss);
	for (uint64_t at = 0; *st == ST_OK && at + UNIT_BYTES <= ss.size_bytes; at += UNIT_BYTES) {
		*st = store_read(f, at, data, UNIT_BYTES);
		for (uint32_t i = 0; i < UNIT_BYTES / SECTOR_BYTES && *st == ST_OK; i++)
			if (content_stamp(data + i * SECTOR_BYTES, at / SECTOR_BYTES + i) == ~0u)
				return differ(w, "%s: byte %llu was never written there", path,
					      (unsigned long long)(at + i * SECTOR_BYTES));
	}
	return 0;
}

static enum status step_peek(struct worker *w)
{
	struct peek p = { .c = &w->c };
	char dir[64], path[160];
	struct store_file *f;
	enum status st, closed;
	int bad;

	if (chance(&w->c, 2))
		snprintf(dir, sizeof(dir), "/shared%u", chance(&w->c, 2));
	else
		snprintf(dir, sizeof(dir), "/w%u", chance(&w->c, w->job->workers));
	st = w->ss.s->ops->list(w->ss.s, dir, note, &p, &w->ss.why);
	if (st != ST_OK || !p.count)
		return st;
	snprintf(path, sizeof(path), "%s/%s", dir, p.name);
	st = w->ss.s->ops->open(w->ss.s, path, STORE_READ, &f, &w->ss.why);
	if (st != ST_OK)
		return st == ST_NOENT ? ST_OK : st;
	bad = read_whole(w, f, path, &st);
	w->ss.why.text[0] = 0;
	closed = w->ss.s->ops->file_close(f);
	return bad ? ST_CORRUPT : st == ST_OK ? closed : st;
}

/* That somebody else has it now is no reason to give up the mount. */
enum status shared_step(struct worker *w)
{
	uint32_t what = chance(&w->c, 3);
	enum status st = what == 0 ? step_counter(w) : what == 1 ? step_token(w) : step_peek(w);

	w->job->total->ops += st == ST_OK;
	w->job->total->busy += st == ST_BUSY;
	return st == ST_BUSY ? ST_OK : st;
}

/* ---- begin and end --------------------------------------------------------------------------- */

static enum status make_file(struct store *s, const char *path, struct why *why)
{
	struct store_file *f;
	enum status st = s->ops->create(s, path, 0600, &f, why);

	return st == ST_OK ? s->ops->file_close(f) : st;
}

static enum status make_counter(struct store *s, uint32_t number, struct why *why)
{
	struct store_file *f;
	enum status st, closed;
	char path[64];

	counter_path(number, path);
	st = s->ops->create(s, path, 0600, &f, why);
	if (st != ST_OK)
		return st;
	st = write_value(f, number, 1);
	closed = s->ops->file_close(f);
	return st == ST_OK ? closed : st;
}

enum status shared_make(struct session *ss, uint32_t workers)
{
	struct store *s = ss->s;
	enum status st = ST_OK;
	char path[64];

	for (uint32_t i = 0; i < 2 && st == ST_OK; i++) {
		snprintf(path, sizeof(path), "/shared%u", i);
		st = s->ops->mkdir(s, path, 0755, &ss->why);
	}
	for (uint32_t i = 0; i < 2 * workers && st == ST_OK; i++) {
		snprintf(path, sizeof(path), "/w%u%s", i / 2, i & 1 ? "/sub" : "");
		st = s->ops->mkdir(s, path, 0755, &ss->why);
	}
	for (uint32_t i = 0; i < COUNTERS && st == ST_OK; i++)
		st = make_counter(s, i, &ss->why);
	for (uint32_t i = 0; i < TOKENS && st == ST_OK; i++) {
		token_path(i & 1, i, path);
		st = make_file(s, path, &ss->why);
	}
	return st;
}

int shared_token_count(struct store *s, uint32_t number)
{
	struct store_stat st;
	char path[64];
	int count = 0;

	for (uint32_t place = 0; place < 2; place++) {
		token_path(place, number, path);
		count += s->ops->stat(s, path, &st, NULL) == ST_OK;
	}
	return count;
}

enum status shared_counter_value(struct store *s, uint32_t number, uint32_t *value,
				 struct why *why)
{
	struct store_file *f;
	enum status st, closed;
	char path[64];
	int bad;

	counter_path(number, path);
	st = s->ops->open(s, path, STORE_READ, &f, why);
	if (st != ST_OK)
		return st;
	bad = counter_read(f, number, value, &st);
	closed = s->ops->file_close(f);
	if (bad)
		return why_set(why, ST_CORRUPT, "a value that was overwritten is back");
	return st == ST_OK ? closed : st;
}
