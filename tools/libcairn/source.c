/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* source - a device whose bytes the caller brings. Readers of data call its function on their own
 * threads. For metadata the handle's thread does, outside of any world: that is on the stack of the
 * thread, which is as large as the caller's functions expect, and it waits meanwhile. */
#include <stdlib.h>

#include "iopath/base/fmt.h"
#include "iopath/part.h"
#include "tools/libcairn/lib_priv.h"

struct source_dev {
	struct io_dev		dev;
	const struct lib_source	*src;
	uint64_t		start;		/* of the partition; 0: the whole source */
	struct list		queue;		/* requests, in order */
	struct port_msg		serve;
	uint8_t			posted;
};

static struct source_dev *source_of(struct io_dev *dev)
{
	return container_of(dev, struct source_dev, dev);
}

static enum status read_source(const struct source_dev *d, uint64_t offset, void *buf,
			       uint64_t bytes)
{
	if (offset > d->dev.size_bytes || bytes > d->dev.size_bytes - offset)
		return ST_RANGE;
	if (bytes == 0)
		return ST_OK;
	return d->src->s.read(d->src->s.arg, buf, bytes, d->start + offset) == 0 ? ST_OK
										  : ST_DEVICE;
}

/* A request, buffer by buffer. */
static enum status carry_out(const struct source_dev *d, const struct io_req *req)
{
	const struct port_io *io = &req->io;
	uint64_t skip = io->skip, done = 0;
	enum status st = ST_OK;

	if (io->op == PORT_FLUSH)
		return ST_OK;
	if (io->op != PORT_READ)
		return ST_READONLY;
	for (uint32_t i = 0; i < io->vec_count && done < io->bytes && st == ST_OK; i++) {
		uint64_t n;

		if (skip >= io->vec[i].bytes) {
			skip -= io->vec[i].bytes;
			continue;
		}
		n = MIN(io->vec[i].bytes - skip, io->bytes - done);
		st = read_source(d, io->offset + done, (char *)io->vec[i].base + skip, n);
		done += n;
		skip = 0;
	}
	return st;
}

static void serve(struct port_msg *msg)
{
	struct source_dev *d = container_of(msg, struct source_dev, serve);
	struct list now, *link;

	list_init(&now);
	list_splice_tail(&now, &d->queue);
	d->posted = 0;
	while ((link = list_pop(&now)) != NULL) {
		struct io_req *req = list_entry(link, struct io_req, link);

		req->status = carry_out(d, req);
		req->done(req);
	}
}

static void source_submit(struct io_dev *dev, struct io_req *req)
{
	struct source_dev *d = source_of(dev);

	list_add_tail(&d->queue, &req->link);
	if (d->posted)
		return;
	d->posted = 1;
	port_pcpu_post(port_pcpu_self(), &d->serve);
}

static enum status source_read_here(struct io_dev *dev, uint64_t offset, void *buf, uint64_t bytes)
{
	return read_source(source_of(dev), offset, buf, bytes);
}

static void source_close(struct io_dev *dev)
{
	free(source_of(dev));
}

static const struct io_dev_ops source_ops = {
	.submit = source_submit, .close = source_close, .read_here = source_read_here,
};

/* ---- opening --------------------------------------------------------------------------------- */

/* Narrow to a partition of the table that lies in the source. */
static enum status narrow(struct source_dev *d, uint64_t number, struct why *why)
{
	struct part_table t;
	const struct part *p;
	enum status st = part_table_read(&d->dev, &t, why);

	if (st != ST_OK)
		return st;
	p = number <= UINT32_MAX ? part_find(&t, (uint32_t)number) : NULL;
	if (!p) {
		st = why_set(why, ST_NOENT, "%s: no partition %llu: the table has %u", d->dev.name,
			     (unsigned long long)number, t.count);
	} else if (p->start > d->dev.size_bytes || p->bytes > d->dev.size_bytes - p->start) {
		st = why_set(why, ST_CORRUPT, "%s: partition %u ends behind the source",
			     d->dev.name, p->number);
	} else {
		d->start = p->start;
		d->dev.size_bytes = p->bytes;
	}
	part_table_free(&t);
	return st;
}

static enum status open_source(const struct lib_source *src, const char *uri, uint64_t partition,
			       struct io_dev **dev, struct why *why)
{
	struct source_dev *d = calloc(1, sizeof(*d));
	enum status st = ST_OK;

	if (!d)
		return why_set(why, ST_NOMEM, "%s: no memory", uri);
	d->src = src;
	d->dev.ops = &source_ops;
	d->dev.size_bytes = src->s.size_bytes;
	d->dev.block_bytes = MAX(src->s.block_bytes, (uint32_t)SECTOR_BYTES);
	mem_copy_text(d->dev.name, sizeof(d->dev.name), uri);
	list_init(&d->queue);
	d->serve.fn = serve;
	if (partition)
		st = narrow(d, partition, why);
	if (st != ST_OK)
		free(d);
	else
		*dev = &d->dev;
	return st;
}

/* The number behind "NAME:", 0 for NAME alone, ~0 when it is another name. */
static uint64_t partition_in(const char *uri, const char *name)
{
	size_t n = strlen(name);
	uint64_t number;

	if (strncmp(uri, name, n) != 0)
		return ~0ull;
	if (uri[n] == 0)
		return 0;
	if (uri[n] != ':' || fmt_parse_u64(uri + n + 1, &number) != ST_OK || number == 0)
		return ~0ull;
	return number;
}

enum status lib_open_dev(void *arg, const char *uri, unsigned flags, struct io_dev **dev,
			 struct why *why)
{
	const struct cairn *c = arg;

	for (size_t i = 0; i < c->source_count; i++) {
		uint64_t partition = partition_in(uri, c->source[i]->name);

		if (partition != ~0ull)
			return open_source(c->source[i], uri, partition, dev, why);
	}
	return io_dev_open(uri, flags, dev, why);
}
