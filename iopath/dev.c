/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* dev - a disk of the port, whole or one partition of it, as an io_dev.
 * The whole disk is the hot path: the request's own port_io goes down as it is, and one function
 * carries the completion up. A partition adds its start to the offset, in a frame, and takes it off
 * again. Both refuse what lies outside before the port sees it. */
#include "iopath/dev_priv.h"
#include "iopath/part.h"

struct disk_dev {
	struct io_dev		dev;
	struct port_disk	*disk;
	uint64_t		start;		/* of the partition; 0 for the whole disk */
	uint32_t		number;		/* of the partition; 0: the whole disk */
};

static struct disk_dev *disk_of(struct io_dev *dev)
{
	return container_of(dev, struct disk_dev, dev);
}

/* ---- transfers ------------------------------------------------------------------------------- */

static void whole_done(struct port_io *io)
{
	struct io_req *req = container_of(io, struct io_req, io);

	req->status = io->status;
	req->done(req);
}

static inline int inside(const struct io_dev *dev, const struct io_req *req)
{
	return req->io.op == PORT_FLUSH || (req->io.bytes <= dev->size_bytes &&
					    req->io.offset <= dev->size_bytes - req->io.bytes);
}

static void whole_submit(struct io_dev *dev, struct io_req *req)
{
	if (__builtin_expect(!inside(dev, req), 0)) {
		io_finish_later(req, ST_RANGE);
		return;
	}
	req->io.done = whole_done;
	port_disk_submit(disk_of(dev)->disk, &req->io);
}

static void window_done(struct port_io *io)
{
	struct io_req *req = container_of(io, struct io_req, io);

	req->status = io->status;
	io_pop(req);
	req->done(req);
}

static void window_submit(struct io_dev *dev, struct io_req *req)
{
	struct disk_dev *d = disk_of(dev);

	if (__builtin_expect(!inside(dev, req), 0)) {
		io_finish_later(req, ST_RANGE);
		return;
	}
	io_push(req, req->done, d);
	req->io.offset += d->start;
	req->io.done = window_done;
	port_disk_submit(d->disk, &req->io);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void disk_close(struct io_dev *dev)
{
	struct disk_dev *d = disk_of(dev);

	port_disk_close(d->disk);
	port_free(d);
}

static void disk_next_data(struct io_dev *dev, uint64_t offset, uint64_t *data, uint64_t *hole)
{
	struct disk_dev *d = disk_of(dev);

	if (offset >= dev->size_bytes) {
		*data = *hole = dev->size_bytes;
		return;
	}
	port_disk_next_data(d->disk, d->start + offset, data, hole);
	*data = MIN(*data - d->start, dev->size_bytes);
	*hole = MIN(*hole - d->start, dev->size_bytes);
}

static enum status disk_lock(struct io_dev *dev, uint64_t offset, uint64_t bytes, int exclusive)
{
	struct disk_dev *d = disk_of(dev);

	return port_disk_lock(d->disk, d->start + offset, bytes, exclusive);
}

static void disk_unlock(struct io_dev *dev, uint64_t offset, uint64_t bytes)
{
	struct disk_dev *d = disk_of(dev);

	port_disk_unlock(d->disk, d->start + offset, bytes);
}

static void disk_set_deadline(struct io_dev *dev, uint64_t ns)
{
	port_disk_set_deadline(disk_of(dev)->disk, ns);
}

/* start is 0 for a whole disk. size_bytes changes in a refresh only: of devices being written. */
static enum status disk_read_here(struct io_dev *dev, uint64_t offset, void *buf, uint64_t bytes)
{
	struct disk_dev *d = disk_of(dev);

	if (offset > dev->size_bytes || bytes > dev->size_bytes - offset)
		return ST_RANGE;
	return port_disk_read_here(d->disk, d->start + offset, buf, bytes);
}

static struct port_disk *disk_port_disk(struct io_dev *dev, uint64_t *start)
{
	struct disk_dev *d = disk_of(dev);

	*start = d->start;
	return d->disk;
}

static void take_info(struct disk_dev *d, const struct port_disk_info *info)
{
	d->dev.size_bytes = info->size_bytes;
	d->dev.block_bytes = info->block_bytes;
	d->dev.writable = info->writable;
	d->dev.is_device = info->is_device;
	d->dev.zero_is_cheap = info->zero_is_cheap;
	d->dev.unmap_zeroes = info->unmap_zeroes;
	d->dev.lock_place = info->lock_place;
}

static enum status whole_refresh(struct io_dev *dev)
{
	struct disk_dev *d = disk_of(dev);
	struct port_disk_info info;

	port_disk_info(d->disk, &info);
	take_info(d, &info);
	return ST_OK;
}

static enum status window_refresh(struct io_dev *dev);

static const struct io_dev_ops whole_ops = {
	.submit = whole_submit, .close = disk_close, .next_data = disk_next_data,
	.lock = disk_lock, .unlock = disk_unlock, .read_here = disk_read_here,
	.set_deadline = disk_set_deadline,
	.refresh = whole_refresh, .port_disk = disk_port_disk,
};

static const struct io_dev_ops window_ops = {
	.submit = window_submit, .close = disk_close, .next_data = disk_next_data,
	.lock = disk_lock, .unlock = disk_unlock, .read_here = disk_read_here,
	.set_deadline = disk_set_deadline,
	.refresh = window_refresh, .port_disk = disk_port_disk,
};

enum status dev_disk_open(const char *path, unsigned flags, struct io_dev **dev, struct why *why)
{
	struct disk_dev *d = port_alloc(sizeof(*d));
	struct port_disk_info info;
	enum status st;

	if (!d)
		return why_set(why, ST_NOMEM, "%s: no memory", path);
	st = port_disk_open(path, flags, &d->disk, why);
	if (st != ST_OK) {
		port_free(d);
		return st;
	}
	port_disk_info(d->disk, &info);
	take_info(d, &info);
	d->dev.ops = &whole_ops;
	mem_copy_text(d->dev.name, sizeof(d->dev.name), path);
	*dev = &d->dev;
	return ST_OK;
}

/* ---- one partition --------------------------------------------------------------------------- */

static enum status no_such_partition(struct io_dev *dev, const struct part_table *t,
				     uint32_t number, struct why *why)
{
	if (t->scheme == PART_NONE)
		return why_set(why, ST_NOENT,
			       "%s: no partition table, so no partition %u; leave ':%u' out",
			       dev->name, number, number);
	return why_set(why, ST_NOENT, "%s: the %s table has %u partitions, none is number %u",
		       dev->name, part_scheme_word(t->scheme), t->count, number);
}

enum status dev_disk_narrow(struct io_dev *dev, uint32_t number, struct why *why)
{
	struct disk_dev *d = disk_of(dev);
	struct part_table t;
	const struct part *p;
	enum status st = part_table_read(dev, &t, why);

	if (st != ST_OK)
		return st;
	p = part_find(&t, number);
	if (!p) {
		st = no_such_partition(dev, &t, number, why);
	} else if (p->start >= dev->size_bytes ||
		   (p->bytes > dev->size_bytes - p->start && dev->writable)) {
		st = why_set(why, ST_CORRUPT,
			     "%s: partition %u ends at byte %llu, the device at %llu: "
			     "a cut-off image?",
			     dev->name, number, (unsigned long long)(p->start + p->bytes),
			     (unsigned long long)dev->size_bytes);
	} else {
		d->start = p->start;
		d->number = number;
		/* Of a cut-off image that is only read, what is there. */
		dev->size_bytes = MIN(p->bytes, dev->size_bytes - p->start);
		dev->ops = &window_ops;
	}
	part_table_free(&t);
	return st;
}

/* Find the partition again, through a copy of this device that is the whole disk meanwhile. */
static enum status window_refresh(struct io_dev *dev)
{
	struct disk_dev *d = disk_of(dev);
	struct disk_dev whole = *d;
	struct why why;
	enum status st;

	whole.start = 0;
	whole.dev.ops = &whole_ops;
	st = whole_refresh(&whole.dev);
	if (st == ST_OK)
		st = dev_disk_narrow(&whole.dev, d->number, &why);
	if (st != ST_OK)
		return st;
	if (whole.start != d->start || whole.dev.size_bytes < dev->size_bytes)
		return ST_REFUSED;	/* moved or shrunk under us: keep what was opened */
	dev->size_bytes = whole.dev.size_bytes;
	return ST_OK;
}
