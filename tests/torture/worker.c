/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* worker - one life: mount, see what the last one left, then operations by chance until the time is
 * over, the mount is, or the parent kills the process. */
#include "tests/torture/torture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WRITE_UNITS_MAX	300u	/* more than a file block now and then */
#define MOUNT_TRIES	60u

int differ(const struct worker *w, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "DIFFERENCE worker %u life %u: ", w->job->worker, w->job->life);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

int mount_is_over(enum status st) { return st == ST_LOST || st == ST_DEVICE; }

void place_path(const struct worker *w, uint32_t place, char *path, size_t size)
{
	if (place < 2)
		snprintf(path, size, "/w%u%s", w->job->worker, place ? "/sub" : "");
	else
		snprintf(path, size, "/shared%u", place - 2);
}

void name_path(const struct worker *w, uint32_t place, uint32_t name, char *path, size_t size)
{
	char dir[96];

	place_path(w, place, dir, sizeof(dir));
	snprintf(path, size, "%s/w%u.%u", dir, w->job->worker, name);
}

static void object_path(const struct worker *w, const struct object *o, char *path, size_t size)
{
	name_path(w, o->place, o->name, path, size);
}

/* ---- one operation --------------------------------------------------------------------------- */

static enum status with_file(struct worker *w, const char *path,
			     enum status (*fn)(struct store_file *f, const struct op *op),
			     const struct op *op)
{
	const struct store_ops *ops = w->ss.s->ops;
	struct store_file *f;
	enum status st = ops->open(w->ss.s, path, STORE_WRITE, &f, &w->ss.why), closed;

	if (st != ST_OK)
		return st;
	st = fn(f, op);
	if (st == ST_BUSY)
		st = ST_NOSPACE;	/* some of it may have been done */
	closed = ops->file_close(f);
	return st == ST_OK ? closed : st;
}

static enum status write_units(struct store_file *f, const struct op *op)
{
	uint64_t bytes = (uint64_t)op->units * UNIT_BYTES;
	uint8_t *data = malloc(bytes);
	enum status st = data ? ST_OK : ST_NOMEM;

	for (uint32_t i = 0; data && i < op->units; i++)
		content_fill(data + (uint64_t)i * UNIT_BYTES, op->unit + i, op->stamp);
	if (st == ST_OK)
		st = store_write(f, (uint64_t)op->unit * UNIT_BYTES, data, bytes);
	free(data);
	return st;
}

static enum status resize(struct store_file *f, const struct op *op)
{
	return f->store->ops->file_resize(f, (uint64_t)op->units * UNIT_BYTES);
}

static enum status punch(struct store_file *f, const struct op *op)
{
	struct io_wait wait;

	io_wait_begin(&wait, op->stamp & 1 ? PORT_UNMAP : PORT_ZERO,
		      (uint64_t)op->unit * UNIT_BYTES, NULL, (uint64_t)op->units * UNIT_BYTES);
	f->store->ops->submit(f, &wait.req);
	return io_wait_end(&wait);
}

static enum status allocate(struct store_file *f, const struct op *op)
{
	return f->store->ops->file_allocate(f, (uint64_t)op->unit * UNIT_BYTES,
					    (uint64_t)op->units * UNIT_BYTES,
					    op->stamp & 1 ? STORE_ALLOC_LAZY : STORE_ALLOC_EAGER);
}

static enum status create(struct worker *w, const char *path)
{
	struct store_file *f;
	enum status st = w->ss.s->ops->create(w->ss.s, path, 0600, &f, &w->ss.why);

	return st == ST_OK ? w->ss.s->ops->file_close(f) : st;
}

/* The call. o: its object before it, for all but CREATE and MKDIR; over: what a rename replaces. */
static enum status perform(struct worker *w, const struct op *op, const struct object *o,
			   const struct object *over)
{
	const struct store_ops *ops = w->ss.s->ops;
	char path[160], to[160];

	if (o)
		object_path(w, o, path, sizeof(path));
	else
		name_path(w, op->place, op->stamp, path, sizeof(path));
	switch (op->kind) {
	case OP_CREATE: return create(w, path);
	case OP_MKDIR: return ops->mkdir(w->ss.s, path, 0700, &w->ss.why);
	case OP_WRITE: return with_file(w, path, write_units, op);
	case OP_RESIZE: return with_file(w, path, resize, op);
	case OP_PUNCH: return with_file(w, path, punch, op);
	case OP_ALLOCATE: return with_file(w, path, allocate, op);
	case OP_REMOVE: return ops->remove(w->ss.s, path, &w->ss.why);
	default: break;
	}
	if (over)
		object_path(w, over, to, sizeof(to));
	else
		name_path(w, op->place, op->stamp, to, sizeof(to));
	return ops->rename(w->ss.s, path, to, over != NULL, &w->ss.why);
}

/* ---- which one ------------------------------------------------------------------------------- */

static struct object *pick(struct worker *w, int want_dir)
{
	struct object *o = w->model.now.object;
	uint32_t start = chance(&w->c, OBJECTS_MAX);

	for (uint32_t i = 0; i < OBJECTS_MAX; i++) {
		struct object *one = &o[(start + i) % OBJECTS_MAX];

		if (one->id && (want_dir < 0 || one->is_dir == want_dir))
			return one;
	}
	return NULL;
}

static void pick_range(struct worker *w, struct op *op)
{
	uint32_t most = chance(&w->c, 12) ? 20 : WRITE_UNITS_MAX;

	op->units = 1 + chance(&w->c, most);
	op->unit = chance(&w->c, chance(&w->c, 4) ? 24 : UNITS_MAX);
	op->unit = MIN(op->unit, UNITS_MAX - op->units);
}

/* Into what is there; 0: nothing is. */
static int shorten(struct op *op, uint64_t length)
{
	if (!length)
		return 0;
	op->unit = (uint32_t)(op->unit % length);
	op->units = (uint32_t)MIN(op->units, length - op->unit);
	return 1;
}

/* The kinds by how often they come. */
static enum op_kind pick_kind(struct worker *w)
{
	static const uint8_t kinds[] = {
		OP_CREATE, OP_CREATE, OP_CREATE, OP_MKDIR, OP_WRITE, OP_WRITE, OP_WRITE, OP_WRITE,
		OP_WRITE, OP_WRITE, OP_RESIZE, OP_PUNCH, OP_ALLOCATE, OP_RENAME, OP_RENAME,
		OP_RENAME, OP_REMOVE, OP_REMOVE };

	return (enum op_kind)kinds[chance(&w->c, ARRAY_COUNT(kinds))];
}

/* 0: there is nothing to do it to. */
static int choose(struct worker *w, struct op *op, struct object **o, struct object **over)
{
	int is_new = op->kind == OP_CREATE || op->kind == OP_MKDIR;
	int any = op->kind == OP_RENAME || op->kind == OP_REMOVE;

	*over = NULL;
	*o = is_new ? NULL : pick(w, any ? -1 : 0);
	if (is_new ? !state_find(&w->model.now, 0) : !*o)
		return 0;
	op->id = is_new ? w->next_id++ : (*o)->id;
	op->place = (uint8_t)chance(&w->c, PLACES);
	pick_range(w, op);
	if (op->kind == OP_PUNCH && !shorten(op, (*o)->least / UNIT_BYTES))
		return 0;
	if (op->kind == OP_RESIZE)
		op->units = chance(&w->c, 3) ? chance(&w->c, 40) : chance(&w->c, UNITS_MAX);
	if (op->kind == OP_RENAME && chance(&w->c, 2))
		*over = pick(w, (*o)->is_dir);
	if (*over == *o)
		*over = NULL;
	if (*over) {
		op->over = (*over)->id;
		op->place = (*over)->place;
	}
	return 1;
}

static uint32_t next_stamp(struct worker *w)
{
	uint32_t number = (w->model.stamp & 0xFFFFFFu) + 1;

	return (w->job->worker + 1) << 24 | number;
}

/* Only an answer that says that nothing happened takes it out of the window. */
static enum status finish(struct worker *w, enum status st)
{
	if (st == ST_OK) {
		oplog_put(&w->log, (struct log_line){ .what = LOG_TOLD });
		w->job->total->ops++;
		return ST_OK;
	}
	if (st != ST_BUSY)
		return st;
	w->job->total->busy++;
	oplog_put(&w->log, (struct log_line){ .what = LOG_REFUSED });
	return model_refused(&w->model) < 0 ? ST_NOMEM : ST_OK;
}

static enum status one_operation(struct worker *w)
{
	struct op op = { .kind = (uint8_t)pick_kind(w) };
	struct object *o, *over, before, replaced;

	if (w->model.window_count == WINDOW_MAX || !choose(w, &op, &o, &over))
		return ST_OK;
	op.stamp = next_stamp(w);
	before = o ? *o : (struct object){ 0 };
	replaced = over ? *over : (struct object){ 0 };
	oplog_put(&w->log, (struct log_line){ .what = LOG_ASK, .op = op });
	if (model_ask(&w->model, &op) < 0)
		return ST_NOMEM;
	return finish(w, perform(w, &op, o ? &before : NULL, over ? &replaced : NULL));
}

static enum status sync_all(struct worker *w)
{
	enum status st = w->ss.s->ops->sync(w->ss.s);

	if (st != ST_OK)
		return st;
	oplog_put(&w->log, (struct log_line){ .what = LOG_SYNCED });
	return model_synced(&w->model) < 0 ? ST_NOMEM : ST_OK;
}

/* ---- a life ---------------------------------------------------------------------------------- */

static int time_is_over(const struct worker *w)
{
	return port_now_ns() / 1000000 >= w->job->end_ms;
}

/* Others may be in the way for a while: a recovery, a process that was stopped inside an ATS. */
static enum status mount_again(struct worker *w)
{
	enum status st = ST_BUSY;

	for (uint32_t i = 0; i < MOUNT_TRIES && st != ST_OK; i++) {
		if (i)
			port_world_sleep_ns(250000000);
		st = session_mount(&w->ss, w->job->uri, 1);
		if (st != ST_OK && st != ST_BUSY && !mount_is_over(st))
			break;
	}
	if (st != ST_OK) {
		differ(w, "mounting: %s: %s", status_text(st), w->ss.why.text);
		w->bad = 1;
	}
	return st;
}

/* From a mount to what is there. */
static enum status begin(struct worker *w)
{
	enum status st = mount_again(w);

	if (st != ST_OK)
		return st;
	st = worker_recover(w);
	if (st == ST_OK && w->job->faults)
		w->ss.fail_in = 1 + chance(&w->c, w->job->faults);
	return st;
}

static enum status step(struct worker *w)
{
	uint32_t what = chance(&w->c, 100);

	if (what < 12 || w->model.window_count == WINDOW_MAX)
		return sync_all(w);
	return what < 40 ? shared_step(w) : one_operation(w);
}

/* The mount was over: what is on the disk is as after a crash. */
static void start_over(struct worker *w)
{
	w->job->total->lost++;
	(void)!session_unmount(&w->ss);
}

static void live(struct worker *w)
{
	enum status st = begin(w);

	while (!w->bad && !time_is_over(w)) {
		if (st == ST_OK)
			st = step(w);
		if (st == ST_OK)
			continue;
		if (!mount_is_over(st) && st != ST_NOSPACE && st != ST_BUSY) {
			w->bad = 1;
			if (st != ST_CORRUPT || w->ss.why.text[0])
				differ(w, "%s: %s", status_text(st), w->ss.why.text);
			break;
		}
		start_over(w);
		st = begin(w);
	}
	if (st == ST_OK && !w->bad)
		st = sync_all(w);
	if (session_unmount(&w->ss) != ST_OK && st == ST_OK)
		fprintf(stderr, "worker %u life %u: the last unmount failed\n", w->job->worker,
			w->job->life);
}

static void main_world(void *arg)
{
	struct worker *w = arg;

	w->bad = model_init(&w->model) < 0 || worker_read_log(w) < 0 ||
		 oplog_open(&w->log, w->job->dir, w->job->worker) < 0;
	if (!w->bad)
		live(w);
	model_fini(&w->model);
}

int worker_run(const struct job *job)
{
	struct port_config config = { .log_level = getenv("TORTURE_LOG") ? LOG_INFO : LOG_ERROR,
				      .engine = getenv("ENGINE") };
	struct worker *w = calloc(1, sizeof(*w));
	struct why why = { 0 };
	int bad = 1;

	if (!w)
		return 1;
	w->job = job;
	w->c = chance_of(job->seed, job->worker, job->life);
	if (port_run(&config, main_world, w, &why) == ST_OK)
		bad = w->bad;
	else
		fprintf(stderr, "worker %u: %s\n", job->worker, why.text);
	free(w);
	return bad;
}
