/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* recover - a life begins with what the last one of this number left: its log says what the disk
 * may hold, the disk says what it does. The longest prefix that fits is it. */
#include "tests/torture/torture.h"

#include <stdio.h>
#include <stdlib.h>

#define SECTORS		(UNIT_BYTES / SECTOR_BYTES)
#define FOUND_MAX	(2 * OBJECTS_MAX)
#define SETTLE_NS	20000000000ull

/* ---- the log --------------------------------------------------------------------------------- */

static int settle_from_log(struct model *m, const struct log_line *l)
{
	struct state s;

	if (l->prefix > m->window_count || model_state(m, l->prefix, &s) < 0)
		return -1;
	/* What could be several things is what the lines behind this one say. */
	for (uint32_t i = 0; i < OBJECTS_MAX; i++)
		for (uint32_t k = 0; s.object[i].unit && k < UNITS_MAX; k++)
			if (s.object[i].unit[k].count > 1)
				s.object[i].unit[k].count = 0;
	return model_settle(m, &s);
}

static int value_from_log(struct model *m, const struct log_line *l)
{
	struct state *both[] = { &m->durable, &m->now };

	for (int i = 0; i < 2; i++) {
		struct object *o = state_find(both[i], l->id);

		if (!o)
			return -1;
		if (l->what == LOG_LENGTH)
			o->least = o->most = (uint64_t)l->unit << 32 | l->stamp;
		else if (o->unit && l->unit < UNITS_MAX)
			unit_add(&o->unit[l->unit], l->stamp);
	}
	return 0;
}

static int replay_line(void *arg, const struct log_line *l)
{
	struct worker *w = arg;
	struct model *m = &w->model;

	switch (l->what) {
	case LOG_ASK:
		w->next_id = MAX(w->next_id, l->op.id + 1);
		return model_ask(m, &l->op);
	case LOG_REFUSED: return model_refused(m);
	case LOG_SYNCED: return model_synced(m);
	case LOG_SETTLED: return settle_from_log(m, l);
	case LOG_LENGTH:
	case LOG_VALUE: return value_from_log(m, l);
	default: return 0;
	}
}

int worker_read_log(struct worker *w)
{
	w->next_id = 1;
	if (oplog_replay(w->job->dir, w->job->worker, replay_line, w) == 0)
		return 0;
	return differ(w, "its log cannot be followed");
}

/* ---- the disk -------------------------------------------------------------------------------- */

struct found {
	uint32_t	name;
	uint8_t		place, is_dir;
	uint64_t	bytes;
	uint32_t	*stamp;		/* of each sector; ~0: of no sector of any file */
};

struct look {
	struct worker	*w;
	uint32_t	place, count;
	struct found	found[FOUND_MAX];
};

static int note(void *arg, const char *name, const struct store_stat *st)
{
	struct look *l = arg;
	unsigned worker, number;

	if (sscanf(name, "w%u.%u", &worker, &number) != 2 || worker != l->w->job->worker)
		return 0;
	if (l->count == FOUND_MAX)
		return 1;
	l->found[l->count++] = (struct found){ .name = number, .place = (uint8_t)l->place,
					       .is_dir = st->kind == STORE_DIR,
					       .bytes = st->size_bytes };
	return 0;
}

static enum status list_places(struct worker *w, struct look *l)
{
	enum status st = ST_OK;
	char path[128];

	for (l->place = 0; l->place < PLACES && st == ST_OK; l->place++) {
		place_path(w, l->place, path, sizeof(path));
		st = w->ss.s->ops->list(w->ss.s, path, note, l, &w->ss.why);
	}
	return st;
}

/* Stamps are judged against a file's id later: a sector of another file has no stamp here. */
static enum status read_stamps(struct worker *w, const char *path, struct found *f)
{
	uint64_t sectors = MIN(f->bytes, (uint64_t)UNITS_MAX * UNIT_BYTES) / SECTOR_BYTES;
	uint8_t *data = calloc(1, UNITS_MAX * UNIT_BYTES);
	struct store_file *file = NULL;
	enum status st;

	f->stamp = calloc(UNITS_MAX * SECTORS, sizeof(*f->stamp));
	st = data && f->stamp ? w->ss.s->ops->open(w->ss.s, path, STORE_READ, &file, &w->ss.why)
			      : ST_NOMEM;
	if (st == ST_OK && sectors)
		st = store_read(file, 0, data, sectors * SECTOR_BYTES);
	for (uint64_t i = 0; st == ST_OK && i < sectors; i++)
		f->stamp[i] = content_stamp(data + i * SECTOR_BYTES, i);
	if (file) {
		enum status closed = w->ss.s->ops->file_close(file);

		st = st == ST_OK ? closed : st;
	}
	free(data);
	return st;
}

static enum status look_at(struct worker *w, struct look *l)
{
	enum status st = list_places(w, l);
	char path[160];

	for (uint32_t i = 0; i < l->count && st == ST_OK; i++) {
		name_path(w, l->found[i].place, l->found[i].name, path, sizeof(path));
		if (!l->found[i].is_dir)
			st = read_stamps(w, path, &l->found[i]);
	}
	return st;
}

static void look_free(struct look *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		free(l->found[i].stamp);
	free(l);
}

/* ---- does it fit? ---------------------------------------------------------------------------- */

static struct found *found_of(struct look *l, const struct object *o)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (l->found[i].name == o->name && l->found[i].place == o->place)
			return &l->found[i];
	return NULL;
}

/* Why the disk is not that state; empty: it is. */
static void compare_names(struct look *l, const struct state *s, char *text, size_t size)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < OBJECTS_MAX && !text[0]; i++) {
		const struct object *o = &s->object[i];
		const struct found *f = o->id ? found_of(l, o) : NULL;

		count += o->id != 0;
		if (o->id && !f)
			snprintf(text, size, "object %u (name %u in place %u) is not there", o->id,
				 o->name, o->place);
		else if (f && f->is_dir != o->is_dir)
			snprintf(text, size, "object %u is of another kind", o->id);
		else if (f && !f->is_dir && (f->bytes < o->least || f->bytes > o->most))
			snprintf(text, size, "object %u (name %u in place %u) has %llu bytes, not "
				 "%llu to %llu", o->id, o->name, o->place,
				 (unsigned long long)f->bytes, (unsigned long long)o->least,
				 (unsigned long long)o->most);
	}
	if (!text[0] && count != l->count)
		snprintf(text, size, "there are %u names, not %u", l->count, count);
}

static void compare_data(const struct found *f, const struct object *o, char *text, size_t size)
{
	uint64_t sectors = MIN(f->bytes, (uint64_t)UNITS_MAX * UNIT_BYTES) / SECTOR_BYTES;

	for (uint64_t i = 0; i < sectors && !text[0]; i++) {
		const struct unit *u = &o->unit[i / SECTORS];

		if (f->stamp[i] != ~0u && unit_may_be(u, f->stamp[i]))
			continue;
		snprintf(text, size, "object %u (name %u in place %u), sector %llu holds stamp %d; "
			 "%u values are right, the first %u, the last %u", o->id, o->name, o->place,
			 (unsigned long long)i, (int)f->stamp[i], u->count, u->maybe[0],
			 u->maybe[MIN(u->count, MAYBE_MAX) - 1]);
	}
}

static void compare(struct look *l, const struct state *s, char *text, size_t size)
{
	text[0] = 0;
	compare_names(l, s, text, size);
	for (uint32_t i = 0; i < OBJECTS_MAX && !text[0]; i++)
		if (s->object[i].id && !s->object[i].is_dir)
			compare_data(found_of(l, &s->object[i]), &s->object[i], text, size);
}

/* ---- settle ---------------------------------------------------------------------------------- */

/* What could be several things is what was seen; the log says so. */
static void settle_units(struct worker *w, const struct found *f, struct object *o)
{
	for (uint32_t k = 0; k < UNITS_MAX; k++) {
		struct unit *u = &o->unit[k];
		int inside = (uint64_t)k * UNIT_BYTES < f->bytes;

		if (u->count == 1)
			continue;
		u->count = 0;
		for (uint32_t i = 0; i < SECTORS; i++) {
			uint32_t stamp = inside ? f->stamp[k * SECTORS + i] : 0;

			if (unit_may_be(u, stamp))
				continue;
			unit_add(u, stamp);
			oplog_put(&w->log, (struct log_line){ .what = LOG_VALUE, .id = o->id,
							      .unit = k, .stamp = stamp });
		}
	}
}

static void settle_object(struct worker *w, struct look *l, struct object *o)
{
	const struct found *f = found_of(l, o);

	if (o->is_dir)
		return;
	if (o->least != o->most) {
		o->least = o->most = f->bytes;
		oplog_put(&w->log, (struct log_line){ .what = LOG_LENGTH, .id = o->id,
						      .unit = (uint32_t)(f->bytes >> 32),
						      .stamp = (uint32_t)f->bytes });
	}
	settle_units(w, f, o);
}

static int settle(struct worker *w, struct look *l, uint32_t prefix, struct state *s)
{
	w->job->total->settled += w->model.window_count > 0;
	oplog_put(&w->log, (struct log_line){ .what = LOG_SETTLED, .prefix = prefix });
	for (uint32_t i = 0; i < OBJECTS_MAX; i++)
		if (s->object[i].id)
			settle_object(w, l, &s->object[i]);
	return model_settle(&w->model, s);
}

/* -1: it fits no state, and unless `quiet` that was said. */
static int fit(struct worker *w, struct look *l, int quiet)
{
	char first[300] = "", text[300];

	for (uint32_t prefix = w->model.window_count + 1; prefix-- > 0;) {
		struct state s;

		if (model_state(&w->model, prefix, &s) < 0)
			return differ(w, "the model cannot be built");
		compare(l, &s, text, sizeof(text));
		if (!text[0])
			return settle(w, l, prefix, &s);
		state_free(&s);
		if (!first[0])
			memcpy(first, text, sizeof(first));
	}
	return quiet ? -1
		     : differ(w, "after %u unsynced operations: with all of them %s; with none %s",
			      w->model.window_count, first, text);
}

/* One look; *fits 0: what it saw is no state. */
static enum status look_once(struct worker *w, int quiet, int *fits)
{
	struct look *l = calloc(1, sizeof(*l));
	enum status st;

	if (!l)
		return ST_NOMEM;
	l->w = w;
	st = look_at(w, l);
	*fits = st == ST_OK ? fit(w, l, quiet) == 0 : st != ST_CORRUPT;
	if (st != ST_OK && !mount_is_over(st) && st != ST_BUSY && !quiet)
		differ(w, "looking at what is there: %s: %s", status_text(st), w->ss.why.text);
	look_free(l);
	return st;
}

/* Another host may still be replaying what the last life committed: then what is seen is not of one
 * moment. Only what stays so for longer than that takes is a difference; the report counts the
 * others. */
enum status worker_recover(struct worker *w)
{
	uint64_t end_ns = port_now_ns() + SETTLE_NS;
	int fits = 0, late = 0;
	enum status st;

	for (;;) {
		int last = port_now_ns() >= end_ns;

		st = look_once(w, !last, &fits);
		if (fits || last)
			break;
		late = 1;
		port_world_sleep_ns(SETTLE_NS / 40);
	}
	w->job->total->late += late && fits;
	return st == ST_OK && !fits ? ST_CORRUPT : st;
}
