/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* io - the life of a transfer: submitted, perhaps held back, started in the engine, continued when
 * it was short, ended.
 *
 * Aligned transfers go straight to the engine: that is the data path, and it allocates, locks and
 * measures nothing. Partial ones (not aligned to what the direct descriptor needs) change pages or
 * blocks that others may be writing, so two writes of which one is partial never overlap in flight,
 * counted in whole units: the later one waits in disk->waiting. Reads need no such order. */
#include "iopath/port/linux/linux_priv.h"

#include <errno.h>
#include <fcntl.h>

#define COPY_VECTORS 64
#define UNIT_BYTES 4096u	/* what a partial write can touch around it: a page, or a block */

static inline int moves_data(const struct port_io *io)
{
	return io->op <= PORT_WRITE;
}

/* What ends short goes on. */
static inline int has_progress(const struct port_io *io)
{
	return moves_data(io) || io->op == PORT_COPY;
}

static inline int changes_data(const struct port_io *io)
{
	return io->op != PORT_READ && io->op != PORT_FLUSH;
}

/* ---- vectors --------------------------------------------------------------------------------- */

int io_vectors(const struct port_io *io, struct iovec *vec, int max)
{
	uint64_t skip = io->skip + io->progress, left = io->bytes - io->progress;
	int n = 0;

	for (uint32_t i = 0; i < io->vec_count && left > 0 && n < max; i++) {
		uint64_t bytes;

		if (skip >= io->vec[i].bytes) {
			skip -= io->vec[i].bytes;
			continue;
		}
		bytes = MIN(io->vec[i].bytes - skip, left);
		vec[n].iov_base = (char *)io->vec[i].base + skip;
		vec[n++].iov_len = bytes;
		left -= bytes;
		skip = 0;
	}
	return n;
}

static int vectors_are_aligned(const struct port_disk *disk, const struct port_io *io)
{
	uint64_t skip = io->skip + io->progress, left = io->bytes - io->progress;

	for (uint32_t i = 0; i < io->vec_count && left > 0; i++) {
		uint64_t bytes;

		if (skip >= io->vec[i].bytes) {
			skip -= io->vec[i].bytes;
			continue;
		}
		bytes = MIN(io->vec[i].bytes - skip, left);
		if (((uintptr_t)io->vec[i].base + skip) & disk->memory_mask ||
		    bytes & disk->offset_mask)
			return 0;
		left -= bytes;
		skip = 0;
	}
	return 1;
}

int io_is_aligned(const struct port_disk *disk, const struct port_io *io)
{
	uint64_t place = (io->offset + io->progress) | (io->bytes - io->progress);

	if (!moves_data(io))
		return !(place & disk->range_mask);
	if (place & disk->offset_mask)
		return 0;
	if (io->vec_count == 1)
		return !(((uintptr_t)io->vec[0].base + io->skip + io->progress) &
			 disk->memory_mask);
	return vectors_are_aligned(disk, io);
}

/* ---- order ----------------------------------------------------------------------------------- */

static int is_partial(const struct port_io *io)
{
	return io->op != PORT_FLUSH && !io_is_aligned(io->disk, io);
}

static int overlap(const struct port_io *a, const struct port_io *b)
{
	uint64_t unit = MAX(UNIT_BYTES, a->disk->info.block_bytes);

	return round_down(a->offset, unit) < b->offset + b->bytes + unit - 1 &&
	       round_down(b->offset, unit) < a->offset + a->bytes + unit - 1;
}

/* Is there a write in flight that must end before this one starts? */
static int is_held_back(const struct port_disk *disk, const struct port_io *io, int partial)
{
	const struct port_io *other;

	if (!changes_data(io))
		return 0;
	list_for_each(other, &disk->in_flight, link) {
		if (changes_data(other) && (partial || is_partial(other)) && overlap(io, other))
			return 1;
	}
	return 0;
}

/* ---- submit ---------------------------------------------------------------------------------- */

static void end_later(struct pcpu *p, struct port_io *io, enum status st)
{
	io->status = st;
	list_add_tail(&p->ended, &io->link);
}

uint32_t io_deliver_ended(struct pcpu *p)
{
	struct list now, *link;
	uint32_t count = 0;

	if (list_empty(&p->ended))
		return 0;
	list_init(&now);
	list_splice_tail(&now, &p->ended);
	while ((link = list_pop(&now)) != NULL) {
		struct port_io *io = list_entry(link, struct port_io, link);

		io->done(io);
		count++;
	}
	return count;
}

/* A transfer through the page cache is a copy: done here and now it costs the least. (io_uring
 * gives cached writes of most file systems to a worker thread, and so do our helpers.) A read only
 * takes what is cached already, and so does a COPY; a write may wait for the kernel to clean pages,
 * and then so do we: nobody can copy into memory that is not there. Returns 1 when all of it is
 * done. */
static int copy_now(struct pcpu *p, struct port_io *io)
{
	struct iovec vec[COPY_VECTORS];
	int count = io_vectors(io, vec, COPY_VECTORS), fd = io->disk->fd;
	int64_t moved;

	if (io_is_late(io)) {
		end_later(p, io, ST_LOST);
		return 1;
	}
	if (io->op == PORT_COPY)
		moved = copy_is_cached(io) ? copy_once(io) : 0;
	else if (io->op == PORT_READ)
		moved = preadv2(fd, vec, count, (off_t)io->offset, io->disk->read_flags);
	else
		moved = pwritev(fd, vec, count, (off_t)io->offset);
	if (moved <= 0)
		return 0;	/* not cached, the end, or an error: the engine finds out */
	io->progress = (uint64_t)moved;
	if (io->progress < io->bytes)
		return 0;
	end_later(p, io, ST_OK);
	return 1;
}

/* What has no descriptor waits on a helper thread, whatever the engine. */
static void submit(struct pcpu *p, struct port_io *io)
{
	if (io->disk->nbd)
		pool_submit(p, io);
	else
		p->engine->submit(p, io);
}

static void start(struct pcpu *p, struct port_io *io)
{
	if (!io->disk->info.direct && has_progress(io) && copy_now(p, io))
		return;
	list_add_tail(&io->disk->in_flight, &io->link);
	p->in_flight++;
	if (io->op == PORT_FLUSH && !io->disk->info.is_device && p->flush == NULL)
		p->flush = io;
	else
		submit(p, io);
}

/* A flush of a file that nothing else is going on beside is carried out here: a worker thread would
 * do nothing more, and costs two switches. A device's flush never is: a device may hang, and timers
 * have to notice. */
void io_start_flush(struct pcpu *p, int idle)
{
	struct port_io *io = p->flush;

	p->flush = NULL;
	if (idle && p->in_flight == 1)
		io_ended(p, io, io_run_blocking(io));
	else
		submit(p, io);
}

/* The rare cases: no room in the engine, or a partial transfer about. */
static void start_or_wait(struct pcpu *p, struct port_io *io)
{
	struct port_disk *disk = io->disk;
	int partial = is_partial(io);

	if (p->in_flight >= IN_FLIGHT_MAX) {
		list_add_tail(&p->backlog, &io->link);
		return;
	}
	if (is_held_back(disk, io, partial)) {
		list_add_tail(&disk->waiting, &io->link);
		return;
	}
	disk->partials += (uint32_t)partial;
	disk->cache_used |= partial && disk->cached_fd >= 0;
	if (partial && disk->info.is_device) {
		list_add_tail(&disk->in_flight, &io->link);
		p->in_flight++;
		partial_start(p, io);
	} else {
		start(p, io);
	}
}

static enum status refusal(const struct port_disk *disk, const struct port_io *io)
{
	if (changes_data(io) && !disk->info.writable)
		return ST_READONLY;
	if (io->offset > INT64_MAX || io->bytes > INT64_MAX - io->offset)
		return ST_RANGE;
	if (io->op != PORT_COPY)
		return ST_OK;
	if (io->from_offset > INT64_MAX || io->bytes > INT64_MAX - io->from_offset)
		return ST_RANGE;
	return copy_is_possible(disk, io->from) ? ST_OK : ST_UNSUPPORTED;
}

void port_disk_submit(struct port_disk *disk, struct port_io *io)
{
	struct pcpu *p = disk->pcpu;
	enum status st = refusal(disk, io);

	io->disk = disk;
	io->progress = 0;
	io->status = ST_OK;
	if (io->op == PORT_FLUSH)
		io->offset = io->bytes = 0;
	if (st != ST_OK || (io->bytes == 0 && io->op != PORT_FLUSH)) {
		end_later(p, io, st);
		return;
	}
	if (disk->partials == 0 && p->in_flight < IN_FLIGHT_MAX && io_is_aligned(disk, io))
		start(p, io);
	else
		start_or_wait(p, io);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Start again, in their order, all that waited: those that still cannot go back to their lists. */
static void restart(struct pcpu *p, struct list *held)
{
	struct list now, *link;

	list_init(&now);
	list_splice_tail(&now, held);
	while ((link = list_pop(&now)) != NULL)
		start_or_wait(p, list_entry(link, struct port_io, link));
}

/* Take a transfer out of the books; what waited for it may start. */
static void leave(struct pcpu *p, struct port_io *io)
{
	struct port_disk *disk = io->disk;

	list_del(&io->link);
	p->in_flight--;
	if (disk->partials) {
		io->progress = 0;	/* partial or not was decided from the start */
		disk->partials -= (uint32_t)is_partial(io);
	}
	if (!list_empty(&disk->waiting))
		restart(p, &disk->waiting);
	if (!list_empty(&p->backlog))
		restart(p, &p->backlog);
}

void io_ended_with(struct pcpu *p, struct port_io *io, enum status st)
{
	leave(p, io);
	io->status = st;
	io->done(io);
}

void io_fail_later(struct pcpu *p, struct port_io *io, enum status st)
{
	leave(p, io);
	end_later(p, io, st);
}

static int is_beyond_device(const struct port_io *io)
{
	struct port_disk_info info;

	port_disk_info(io->disk, &info);
	return info.is_device && io->offset + io->bytes > info.size_bytes;
}

/* Of a transfer the kernel means other things by some errors than of a name. */
enum status io_status_of(const struct port_io *io, int error)
{
	switch (error) {
	case ENOSPC:	/* of a device: the end of it, unless it is a thin one that is full */
		return is_beyond_device(io) ? ST_RANGE : ST_NOSPACE;
	case EPERM:
	case EACCES:
		return ST_READONLY;
	case GATE_SHUT:
		return ST_LOST;
	case EINVAL:
	case ENXIO:
	case ENODEV:
		return is_beyond_device(io) ? ST_RANGE : ST_DEVICE;
	default:
		return status_of_errno(error);
	}
}

/* Pages that partial transfers left in the cache, clean now, go: as long as a file has one, the
 * kernel looks for pages to drop at each direct write, a twentieth of its cost. */
static void drop_cached_pages(struct port_disk *disk)
{
	if (!disk->cache_used || disk->partials)
		return;
	disk->cache_used = 0;
	posix_fadvise(disk->cached_fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* Nothing moved: the end of the file, or of the device; a COPY is also ended so by file systems
 * that cannot do it and do not say so. */
static enum status nothing_moved(const struct port_io *io)
{
	struct port_disk_info from;

	if (io->op != PORT_COPY)
		return io->op == PORT_READ ? ST_RANGE : ST_NOSPACE;
	port_disk_info(io->from, &from);
	return io->from_offset + io->bytes > from.size_bytes ? ST_RANGE : ST_UNSUPPORTED;
}

void io_ended(struct pcpu *p, struct port_io *io, int64_t result)
{
	if (result >= 0 && has_progress(io)) {
		io->progress += (uint64_t)result;
		if (io->progress == io->bytes) {
			io_ended_with(p, io, ST_OK);
		} else if (result == 0) {
			io_ended_with(p, io, nothing_moved(io));
		} else {
			submit(p, io);
		}
		return;
	}
	if (result == -EINTR || result == -EAGAIN) {
		submit(p, io);
		return;
	}
	if (io->op == PORT_FLUSH && result >= 0)
		drop_cached_pages(io->disk);
	io_ended_with(p, io, result >= 0 ? ST_OK : io_status_of(io, (int)-result));
}
