/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* model - what a worker's part of the volume may look like.
 *
 * A mount makes its operations durable in their order, so behind a crash the disk holds the state
 * after some prefix of the window, perhaps with the next operation done in part. Data is not
 * ordered with that: what was written later may be there already, in blocks that the file had. */
#include "tests/torture/torture.h"

#include <stdlib.h>

/* ---- units ----------------------------------------------------------------------------------- */

int unit_may_be(const struct unit *u, uint32_t stamp)
{
	if (u->count > MAYBE_MAX)
		return 1;
	for (uint32_t i = 0; i < u->count; i++)
		if (u->maybe[i] == stamp)
			return 1;
	return 0;
}

void unit_add(struct unit *u, uint32_t stamp)
{
	if (unit_may_be(u, stamp))
		return;
	if (u->count < MAYBE_MAX)
		u->maybe[u->count] = stamp;
	u->count++;
}

static void unit_set(struct unit *u, uint32_t stamp)
{
	u->count = 1;
	u->maybe[0] = stamp;
}

/* ---- states ---------------------------------------------------------------------------------- */

struct object *state_find(struct state *s, uint32_t id)
{
	for (uint32_t i = 0; i < OBJECTS_MAX; i++)
		if (s->object[i].id == id)
			return &s->object[i];
	return NULL;
}

static void object_drop(struct object *o)
{
	free(o->unit);
	*o = (struct object){ 0 };
}

void state_free(struct state *s)
{
	for (uint32_t i = 0; i < OBJECTS_MAX; i++)
		object_drop(&s->object[i]);
}

static struct unit *units_new(void)
{
	struct unit *u = malloc(UNITS_MAX * sizeof(*u));

	for (uint32_t i = 0; u && i < UNITS_MAX; i++)
		unit_set(&u[i], 0);
	return u;
}

static int state_copy(struct state *to, const struct state *from)
{
	*to = *from;
	for (uint32_t i = 0; i < OBJECTS_MAX; i++)
		to->object[i].unit = NULL;
	for (uint32_t i = 0; i < OBJECTS_MAX; i++) {
		if (!from->object[i].unit)
			continue;
		to->object[i].unit = malloc(UNITS_MAX * sizeof(struct unit));
		if (!to->object[i].unit) {
			state_free(to);
			return -1;
		}
		memcpy(to->object[i].unit, from->object[i].unit, UNITS_MAX * sizeof(struct unit));
	}
	return 0;
}

/* ---- operations ------------------------------------------------------------------------------ */

static uint64_t end_of(const struct op *op)
{
	return (uint64_t)(op->unit + op->units) * UNIT_BYTES;
}

static int make(struct state *s, const struct op *op)
{
	struct object *o = state_find(s, 0);

	if (!o)
		return -1;
	*o = (struct object){ .id = op->id, .is_dir = op->kind == OP_MKDIR, .place = op->place,
			      .name = op->stamp };
	if (!o->is_dir)
		o->unit = units_new();
	return o->is_dir || o->unit ? 0 : -1;
}

static void set_range(struct object *o, uint32_t from, uint32_t to, uint32_t stamp)
{
	for (uint32_t i = from; i < MIN(to, UNITS_MAX); i++)
		unit_set(&o->unit[i], stamp);
}

static void resize(struct object *o, const struct op *op)
{
	o->least = o->most = (uint64_t)op->units * UNIT_BYTES;
	set_range(o, op->units, UNITS_MAX, 0);
}

static void rename_object(struct state *s, struct object *o, const struct op *op)
{
	struct object *over = op->over ? state_find(s, op->over) : NULL;

	o->place = op->place;
	o->name = over ? over->name : op->stamp;
	/* The name of what is replaced: the object behind it is another one now. */
	if (over)
		object_drop(over);
}

/* The operation was done, whole. */
static int apply(struct state *s, const struct op *op)
{
	struct object *o = state_find(s, op->id);

	if (op->kind == OP_CREATE || op->kind == OP_MKDIR)
		return make(s, op);
	if (!o)
		return -1;
	switch (op->kind) {
	case OP_WRITE:
		set_range(o, op->unit, op->unit + op->units, op->stamp);
		o->least = MAX(o->least, end_of(op));
		o->most = MAX(o->most, end_of(op));
		break;
	case OP_ALLOCATE:
		o->least = MAX(o->least, end_of(op));
		o->most = MAX(o->most, end_of(op));
		break;
	case OP_PUNCH:
		set_range(o, op->unit, op->unit + op->units, 0);
		break;
	case OP_RESIZE:
		resize(o, op);
		break;
	case OP_RENAME:
		rename_object(s, o, op);
		break;
	default:
		object_drop(o);
	}
	return 0;
}

/* Its data may be on the disk although it is not part of the state. */
static void leak(struct state *s, const struct op *op)
{
	struct object *o = state_find(s, op->id);
	uint32_t from = op->kind == OP_RESIZE ? op->units : op->unit;
	uint32_t to = op->kind == OP_RESIZE ? UNITS_MAX : op->unit + op->units;

	if (!o || (op->kind != OP_WRITE && op->kind != OP_PUNCH && op->kind != OP_RESIZE))
		return;
	for (uint32_t i = from; i < MIN(to, UNITS_MAX); i++)
		unit_add(&o->unit[i], op->kind == OP_WRITE ? op->stamp : 0);
}

/* Of an operation that was stopped in the middle: the length is on its way. */
static void stretch(struct state *s, const struct op *op)
{
	struct object *o = state_find(s, op->id);
	uint64_t to = op->kind == OP_RESIZE ? (uint64_t)op->units * UNIT_BYTES : end_of(op);

	if (!o || (op->kind != OP_WRITE && op->kind != OP_ALLOCATE && op->kind != OP_RESIZE))
		return;
	if (op->kind == OP_RESIZE)
		o->least = MIN(o->least, to);
	o->most = MAX(o->most, to);
}

/* ---- the model ------------------------------------------------------------------------------- */

int model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
	return 0;
}

void model_fini(struct model *m)
{
	state_free(&m->durable);
	state_free(&m->now);
}

static int rebuild_now(struct model *m)
{
	state_free(&m->now);
	if (state_copy(&m->now, &m->durable) < 0)
		return -1;
	for (uint32_t i = 0; i < m->window_count; i++)
		if (apply(&m->now, &m->window[i]) < 0)
			return -1;
	return 0;
}

int model_ask(struct model *m, const struct op *op)
{
	if (m->window_count == WINDOW_MAX)
		return -1;
	m->window[m->window_count++] = *op;
	m->stamp = op->stamp;
	return apply(&m->now, op);
}

int model_refused(struct model *m)
{
	if (m->window_count)
		m->window_count--;
	return rebuild_now(m);
}

int model_state(const struct model *m, uint32_t prefix, struct state *s)
{
	if (state_copy(s, &m->durable) < 0)
		return -1;
	for (uint32_t i = 0; i < prefix; i++)
		if (apply(s, &m->window[i]) < 0)
			return -1;
	if (prefix < m->window_count)
		stretch(s, &m->window[prefix]);
	for (uint32_t i = prefix; i < m->window_count; i++)
		leak(s, &m->window[i]);
	return 0;
}

int model_settle(struct model *m, struct state *s)
{
	state_free(&m->durable);
	m->durable = *s;
	memset(s, 0, sizeof(*s));
	m->window_count = 0;
	return rebuild_now(m);
}

int model_synced(struct model *m)
{
	state_free(&m->durable);
	m->window_count = 0;
	return state_copy(&m->durable, &m->now);
}
