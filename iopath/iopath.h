/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* iopath - the I/O core: one request object, devices, partitions, waiting, copying.
 * A request travels down (vmdk -> store -> device -> port) and its completion up. Each layer pushes
 * a frame into the request and pops it on the way back: no allocation, no copy, no thread hop. */
#ifndef CAIRN_IOPATH_H
#define CAIRN_IOPATH_H

#include "iopath/port/port.h"

/* ---- requests -------------------------------------------------------------------------------- */

#define IO_FRAMES 8	/* layers that may sit between a client and the port */

struct io_req;

struct io_frame {
	void		(*done)(struct io_req *req);	/* what the layer above wants called */
	void		*ctx;				/* the pushing layer's own */
	uint64_t	offset, bytes, skip;		/* as they were when the frame was pushed */
	uint64_t	cursor;				/* the pushing layer's own */
};

/* Fields `io.offset, bytes, vec, vec_count, skip, op` say what is asked of the layer the request is
 * submitted to, in that layer's address space; `status` is set when `done` runs. See port_io for
 * the ops and for who calls done() when: the same rules hold at every layer. */
struct io_req {
	struct port_io	io;		/* the lowest layer's, and what is asked for */
	enum status	status;		/* out */
	void		(*done)(struct io_req *req);
	struct port_msg	msg;		/* for io_finish_later() */
	struct list	link;		/* of the layer that holds the request back */
	uint8_t		depth;
	struct io_frame	frame[IO_FRAMES];
	struct port_vec	one;		/* vec of the common case of a single buffer */
};

/* Fill in a request of one buffer (buf NULL for FLUSH, ZERO, UNMAP). */
static inline void io_req_init(struct io_req *req, enum port_io_op op, uint64_t offset, void *buf,
			       uint64_t bytes, void (*done)(struct io_req *req))
{
	req->one = (struct port_vec){ .base = buf, .bytes = bytes };
	req->io.offset = offset;
	req->io.bytes = bytes;
	req->io.vec = &req->one;
	req->io.vec_count = buf ? 1 : 0;
	req->io.op = (uint8_t)op;
	req->io.exempt = 0;
	req->io.skip = 0;
	req->done = done;
	req->depth = 0;
	req->status = ST_OK;
}

/* Save the request's description and the caller's done; from now on done is called instead. The
 * pushing layer may then change offset, bytes and skip freely. */
static inline struct io_frame *io_push(struct io_req *req, void (*done)(struct io_req *req),
				       void *ctx)
{
	struct io_frame *f = &req->frame[req->depth++];

	ASSERT(req->depth <= IO_FRAMES);
	f->done = req->done;
	f->ctx = ctx;
	f->offset = req->io.offset;
	f->bytes = req->io.bytes;
	f->skip = req->io.skip;
	req->done = done;
	return f;
}

static inline struct io_frame *io_top(struct io_req *req) { return &req->frame[req->depth - 1]; }

/* Restore what io_push saved. The caller then ends the request with req->done(req). */
static inline void io_pop(struct io_req *req)
{
	struct io_frame *f = &req->frame[--req->depth];

	req->io.offset = f->offset;
	req->io.bytes = f->bytes;
	req->io.skip = f->skip;
	req->done = f->done;
}

/* End a request with a status from inside a submit function: done() runs on the next turn, never
 * within the submitting call. */
void io_finish_later(struct io_req *req, enum status st);

/* Copy between a request's buffers and memory, from byte `at` of the request on. */
void io_req_copy_in(struct io_req *req, uint64_t at, const void *src, uint64_t bytes);
void io_req_copy_out(const struct io_req *req, uint64_t at, void *dst, uint64_t bytes);
void io_req_set_zero(struct io_req *req, uint64_t at, uint64_t bytes);

/* ---- devices --------------------------------------------------------------------------------- */

struct io_dev;

/* A compare and write that the device does in one step. */
struct io_ats {
	uint64_t	offset;
	uint32_t	bytes;
	const void	*old, *new;
	void		*seen;		/* out: what was there, when `written` is 0 */
	uint8_t		written;	/* out, with ST_OK */
	uint8_t		exempt;		/* as of a port_io */
};

struct io_dev_ops {
	void (*submit)(struct io_dev *dev, struct io_req *req);
	void (*close)(struct io_dev *dev);
	/* Optional: as port_disk_next_data. NULL: all is data. */
	void (*next_data)(struct io_dev *dev, uint64_t offset, uint64_t *data, uint64_t *hole);
	/* Optional: as port_disk_lock/unlock. NULL: there is nobody to lock out. */
	enum status (*lock)(struct io_dev *dev, uint64_t offset, uint64_t bytes, int exclusive);
	void (*unlock)(struct io_dev *dev, uint64_t offset, uint64_t bytes);
	/* Optional: in a world. An answer other than ST_OK says nothing about the disk. NULL: vaai
	 * stands in for it, by lock(), else by reserve(). */
	enum status (*ats)(struct io_dev *dev, struct io_ats *ats);
	/* Optional: in a world. The whole device is this host's alone until release(), or until the
	 * device is reset. ST_BUSY: another host has it. NULL: it knows no reservations. */
	enum status (*reserve)(struct io_dev *dev);
	void (*release)(struct io_dev *dev);
	/* Optional: as port_disk_read_here, inside the device. NULL: submit instead. */
	enum status (*read_here)(struct io_dev *dev, uint64_t offset, void *buf, uint64_t bytes);
	/* Optional: as port_disk_set_deadline. NULL: what was submitted cannot be stopped. */
	void (*set_deadline)(struct io_dev *dev, uint64_t ns);
	/* Optional: the device below may have grown: look again and update size_bytes. */
	enum status (*refresh)(struct io_dev *dev);
	/* Optional: the port's disk below, and where this device starts on it. NULL: it is not one
	 * range of one disk. */
	struct port_disk *(*port_disk)(struct io_dev *dev, uint64_t *start);
};

/* A linear range of bytes: a disk, a partition of one, later a PSA device. Belongs to the pCPU that
 * opened it. */
struct io_dev {
	const struct io_dev_ops	*ops;
	uint64_t		size_bytes;
	uint32_t		block_bytes;
	uint8_t			writable;
	uint8_t			is_device;
	uint8_t			zero_is_cheap;
	uint8_t			unmap_zeroes;
	uint32_t		lock_place;	/* as of port_disk_info; 0: no locks to see */
	char			name[256];	/* as the operator spelt it, ":N" included */
};

static inline void io_dev_submit(struct io_dev *dev, struct io_req *req)
{
	dev->ops->submit(dev, req);
}

/* Make a request that was filled in for a COPY take its bytes from `offset` of a device: for
 * store_ops.copy.
 *   ST_UNSUPPORTED  not from this device: read it
 *   ST_RANGE        not wholly inside it */
MUST_USE enum status io_req_copy_from(struct io_req *req, struct io_dev *dev, uint64_t offset);

enum io_open {
	IO_OPEN_WRITE = PORT_OPEN_WRITE,
	IO_OPEN_DIRECT = PORT_OPEN_DIRECT,
	IO_OPEN_CACHED = PORT_OPEN_CACHED,
};

/* Open a device URI: a path, a block device, or nbd://, nbd+unix:// (to read), with ":N" for
 * partition N of its GPT or MBR. (iSCSI and others come with psa.) A path that itself ends in
 * ":<digits>" and exists wins over the partition. */
MUST_USE enum status io_dev_open(const char *uri, unsigned flags, struct io_dev **dev,
				 struct why *why);
/* 1 when the URI ends in the number of a partition: "disk:3", "nbd://host/export:1". */
int io_dev_names_partition(const char *uri);
void io_dev_close(struct io_dev *dev);

/* ---- waiting --------------------------------------------------------------------------------- */
/* The one helper that turns an asynchronous call into a waiting one. */

struct io_wait {
	struct io_req		req;
	struct port_world	*world;
	uint8_t			ended;
};

void io_wait_begin(struct io_wait *w, enum port_io_op op, uint64_t offset, void *buf,
		   uint64_t bytes);
/* Park until the request that was submitted as &w->req has ended; returns its status. */
MUST_USE enum status io_wait_end(struct io_wait *w);

MUST_USE enum status io_dev_read(struct io_dev *dev, uint64_t offset, void *buf, uint64_t bytes);
MUST_USE enum status io_dev_write(struct io_dev *dev, uint64_t offset, const void *buf,
				  uint64_t bytes);
MUST_USE enum status io_dev_flush(struct io_dev *dev);
/* Make a range read as zeros: PORT_ZERO, or written zeros where the device cannot. */
MUST_USE enum status io_dev_zero(struct io_dev *dev, uint64_t offset, uint64_t bytes);

/* A lock between worlds of one pCPU; first come, first served. */
struct io_mutex {
	struct port_world	*owner;
	struct list		waiters;
};
void io_mutex_init(struct io_mutex *m);
void io_mutex_lock(struct io_mutex *m);
void io_mutex_unlock(struct io_mutex *m);

#endif
