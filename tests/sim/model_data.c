/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* model_data - what is done to the content of one open file. */
#include "tests/sim/model.h"

#include <string.h>

#define BURST_MAX 8u

/* A write ended with "no space": each sector of its range must hold the old or the new bytes, and
 * the file must not be longer than `end`. Make the tree equal to what is there. */
static int adopt_to(struct model *m, struct store_file *f, struct tree_node *file,
		    struct tree_piece p, uint64_t end)
{
	static uint8_t got[512], was[512], becomes[512];
	struct store_stat stat;
	enum status st = f->store->ops->file_stat(f, &stat);

	if (st != ST_OK || stat.size_bytes < file->size_bytes ||
	    stat.size_bytes > MAX(file->size_bytes, end))
		return complain("operation %llu: a full volume left a file of %llu bytes",
				(unsigned long long)m->op, (unsigned long long)stat.size_bytes);
	tree_resize(file, stat.size_bytes);
	for (uint64_t at = p.at; at < MIN(p.at + p.bytes, stat.size_bytes);) {
		size_t n = (size_t)MIN(512 - at % 512, MIN(p.at + p.bytes, stat.size_bytes) - at);

		tree_fill(file, at, was, n);
		tree_pattern(p.stamp, at, becomes, n);
		if (store_read(f, at, got, n) != ST_OK)
			return complain("a full volume left what cannot be read");
		if (memcmp(got, becomes, n) == 0)
			tree_write(file, at, n, p.stamp);
		else if (memcmp(got, was, n) != 0)
			return complain("operation %llu: a full volume left wrong bytes at %llu",
					(unsigned long long)m->op, (unsigned long long)at);
		at += n;
	}
	return 1;
}

static int adopt(struct model *m, struct store_file *f, struct tree_node *file, struct tree_piece p)
{
	return adopt_to(m, f, file, p, p.at + p.bytes);
}

static int data_write(struct model *m, struct store_file *f, struct tree_node *file)
{
	struct tree_piece p = { model_offset(m, file->size_bytes), model_length(m), ++m->stamp };
	uint8_t *buf = m->buf + model_roll(m, 8);
	enum status st;

	model_trace(m, "write", file->name, p.at, p.bytes);
	tree_pattern(p.stamp, p.at, buf, p.bytes);
	st = store_write(f, p.at, buf, p.bytes);
	if (model_is_full(m, st))
		return adopt(m, f, file, p);
	if (st != ST_OK)
		return model_wrong(m, "write", file->name, st);
	tree_write(file, p.at, p.bytes, p.stamp);
	return 0;
}

/* Several neighbours in flight at once. */
static int data_burst(struct model *m, struct store_file *f, struct tree_node *file)
{
	static struct io_wait wait[BURST_MAX];
	uint64_t unit = model_roll(m, 2) ? 4096 : 1 + model_roll(m, 100000),
		 at = model_offset(m, file->size_bytes);
	struct tree_piece failed[BURST_MAX];
	uint32_t failures = 0;

	if (model_roll(m, 2))
		at = round_down(at, 4096);
	model_trace(m, "burst", file->name, at, unit);
	for (uint32_t i = 0; i < BURST_MAX; i++) {
		uint8_t *buf = m->buf + i * unit;

		tree_pattern(m->stamp + 1 + i, at + i * unit, buf, unit);
		io_wait_begin(&wait[i], PORT_WRITE, at + i * unit, buf, unit);
		f->store->ops->submit(f, &wait[i].req);
	}
	for (uint32_t i = 0; i < BURST_MAX; i++) {
		struct tree_piece p = { at + i * unit, unit, ++m->stamp };
		enum status st = io_wait_end(&wait[i]);

		if (st == ST_OK)
			tree_write(file, p.at, p.bytes, p.stamp);
		else if (model_is_full(m, st))
			failed[failures++] = p;
		else
			return model_wrong(m, "burst", file->name, st);
	}
	for (uint32_t i = 0; i < failures; i++)
		if (adopt_to(m, f, file, failed[i], at + BURST_MAX * unit) < 0)
			return -1;
	return failures != 0;
}

static int data_resize(struct model *m, struct store_file *f, struct tree_node *file)
{
	uint64_t size = model_roll(m, 4) == 0 ? 0 : model_offset(m, file->size_bytes);
	enum status st;

	model_trace(m, "resize", file->name, file->size_bytes, size);
	st = f->store->ops->file_resize(f, size);
	if (model_is_full(m, st))
		return 1;
	if (st != ST_OK)
		return model_wrong(m, "resize", file->name, st);
	tree_resize(file, size);
	return 0;
}

static int data_allocate(struct model *m, struct store_file *f, struct tree_node *file)
{
	uint64_t at = model_offset(m, file->size_bytes), bytes = 1 + model_roll(m, 6 * MIB);
	enum store_alloc how = model_roll(m, 3) ? STORE_ALLOC_LAZY : STORE_ALLOC_EAGER;
	enum status st;

	model_trace(m, how == STORE_ALLOC_LAZY ? "lazy" : "eager", file->name, at, bytes);
	st = f->store->ops->file_allocate(f, at, bytes, how);
	if (model_is_full(m, st))
		return adopt(m, f, file, (struct tree_piece){ at, bytes, 0 });
	if (st != ST_OK)
		return model_wrong(m, "allocate", file->name, st);
	tree_resize(file, MAX(file->size_bytes, at + bytes));
	return 0;
}

static int data_clear(struct model *m, struct store_file *f, struct tree_node *file)
{
	enum port_io_op op = model_roll(m, 2) ? PORT_ZERO : PORT_UNMAP;
	struct io_wait wait;
	uint64_t at, bytes;
	enum status st;

	if (file->size_bytes == 0)
		return 0;
	at = model_inside(m, file->size_bytes);
	bytes = 1 + model_roll(m, 2) * model_length(m) + model_roll(m, 2) * model_roll(m, 5 * MIB);
	bytes = MIN(bytes, file->size_bytes - at);
	model_trace(m, op == PORT_ZERO ? "zero" : "unmap", file->name, at, bytes);
	io_wait_begin(&wait, op, at, NULL, bytes);
	f->store->ops->submit(f, &wait.req);
	st = io_wait_end(&wait);
	if (model_is_full(m, st))
		return adopt(m, f, file, (struct tree_piece){ at, bytes, 0 });
	if (st != ST_OK)
		return model_wrong(m, op == PORT_ZERO ? "zero" : "unmap", file->name, st);
	tree_write(file, at, bytes, 0);
	return 0;
}

static int data_read(struct model *m, struct store_file *f, struct tree_node *file)
{
	static uint8_t want[DATA_MAX];
	uint64_t at, bytes;
	enum status st;

	if (file->size_bytes == 0)
		return 0;
	at = model_inside(m, file->size_bytes);
	bytes = model_length(m);
	bytes = MIN(bytes, file->size_bytes - at);
	st = store_read(f, at, m->buf, bytes);
	if (st != ST_OK)
		return complain(
		    "seed %llu, operation %llu: read of %llu bytes at %llu of %s (%llu): %s",
		    (unsigned long long)m->seed, (unsigned long long)m->op,
		    (unsigned long long)bytes, (unsigned long long)at, file->name,
		    (unsigned long long)file->size_bytes, status_text(st));
	tree_fill(file, at, want, bytes);
	if (memcmp(want, m->buf, bytes) != 0)
		return complain(
		    "seed %llu, operation %llu: read of %llu bytes at %llu of %s is wrong",
		    (unsigned long long)m->seed, (unsigned long long)m->op,
		    (unsigned long long)bytes, (unsigned long long)at, file->name);
	return 0;
}

static int data_flush(struct model *m, struct store_file *f, struct tree_node *file)
{
	enum status st = store_flush(f);

	return st == ST_OK || model_is_full(m, st) ? 0 : model_wrong(m, "flush", file->name, st);
}

typedef int (*data_fn)(struct model *m, struct store_file *f, struct tree_node *file);
static const data_fn data_ops[] = {
	data_write, data_write, data_write, data_write, data_burst, data_read, data_read,
	data_resize, data_allocate, data_clear, data_clear, data_flush,
};

int model_data(struct model *m)
{
	struct tree_node *file = model_node(m, STORE_FILE);
	char path[TREE_PATH_MAX];
	struct store_file *f;
	enum status st;
	int rc = 0;

	if (!file)
		return model_create(m);
	tree_path(file, path);
	st = m->v.store->ops->open(m->v.store, path, STORE_WRITE, &f, NULL);
	if (st != ST_OK)
		return model_wrong(m, "open", path, st);
	for (uint64_t n = 1 + model_roll(m, 3); n && rc == 0; n--)
		rc = data_ops[model_roll(m, ARRAY_COUNT(data_ops))](m, f, file);
	st = f->store->ops->file_close(f);
	if (st != ST_OK)
		return model_wrong(m, "close", path, st);
	return rc > 0 ? model_remove_some(m, 4) : rc;
}
