/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* io - transfers: each gets a time of its end from the seed, so they end in any order, and takes
 * effect at that moment. */
#include "iopath/port/sim/sim_priv.h"

#include <stdlib.h>

struct event {
	struct list	link;		/* in sim.in_flight, by at_ns */
	uint64_t	at_ns;
	uint64_t	submitted_ns;
	uint64_t	mark;		/* FLUSH: what had ended when it was submitted */
	struct port_io	*io;
	uint32_t	pcpu;
	uint8_t		late;		/* the disk was never given it */
	uint8_t		ended;		/* done on the disk; its host, paused, does not know yet */
};

static struct sim_host *host_of(const struct event *e)
{
	return &sim.host[sim.pcpu[e->pcpu].host];
}

/* ---- submit ---------------------------------------------------------------------------------- */

static uint64_t latency_ns(const struct port_io *io)
{
	uint64_t base = io->op == PORT_FLUSH ? 200000 : 20000;

	return base + chance_below(STREAM_DISK, 4 * base) + io->bytes / 2;	/* about 2 GB/s */
}

/* What chance adds to it. */
static uint64_t delay_ns(uint64_t latency)
{
	uint64_t delay = 0;

	if (host_here() == &sim.host[0])
		return 0;
	if (sim_fault_now(SIM_FAULT_SLOW))
		delay += latency * (1 + sim_fault_choice(SIM_FAULT_SLOW, 1000));
	if (sim_fault_now(SIM_FAULT_STUCK))
		delay += sim_fault_length_ns(SIM_FAULT_STUCK);
	return delay;
}

static void insert(struct event *e)
{
	struct list *after = sim.in_flight.prev;

	while (after != &sim.in_flight && list_entry(after, struct event, link)->at_ns > e->at_ns)
		after = after->prev;
	list_insert(&e->link, after, after->next);
}

void port_disk_set_deadline(struct port_disk *disk, uint64_t ns) { disk->deadline_ns = ns; }

int disk_is_shut(const struct port_disk *disk)
{
	return disk->deadline_ns && sim.now_ns >= disk->deadline_ns;
}

static int is_late(const struct port_io *io)
{
	return io->op != PORT_READ && io->op != PORT_FLUSH && !io->exempt && disk_is_shut(io->disk);
}

void port_disk_submit(struct port_disk *disk, struct port_io *io)
{
	struct event *e = calloc(1, sizeof(*e));

	VERIFY(e != NULL);	/* of the test's machine, not of the simulated one */
	io->disk = disk;
	io->progress = 0;
	io->status = ST_OK;
	disk->in_flight++;
	e->io = io;
	e->pcpu = sim.here;
	e->mark = disk->inode->image.log_seq;
	e->submitted_ns = sim.now_ns;
	e->late = (uint8_t)is_late(io);
	e->at_ns = latency_ns(io);
	e->at_ns += sim.now_ns + delay_ns(e->at_ns);
	if (io->op == SIM_OP_ATS)
		e->at_ns += container_of(io, struct sim_ats, io)->delay_ns;
	insert(e);
}

void sim_ats_submit(struct port_disk *disk, struct sim_ats *ats)
{
	ats->io.op = SIM_OP_ATS;
	ats->written = 0;
	port_disk_submit(disk, &ats->io);
}

void sim_watch(sim_watch_fn *fn, void *arg)
{
	sim.watch = fn;
	sim.watch_arg = arg;
}

void sim_event_read(const struct sim_event *event, uint64_t offset, void *buf, size_t bytes)
{
	image_read(&event->disk->inode->image, offset, buf, bytes);
}

uint64_t io_next_ns(void)
{
	return list_empty(&sim.in_flight) ? UINT64_MAX
					  : list_first(&sim.in_flight, struct event, link)->at_ns;
}

/* ---- carry out ------------------------------------------------------------------------------- */

/* Call fn for each piece of the caller's memory, in order. */
static enum status for_each_piece(struct port_io *io,
				  enum status (*fn)(struct port_io *io, void *base, uint64_t bytes))
{
	uint64_t skip = io->skip;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < io->vec_count && st == ST_OK && io->progress < io->bytes; i++) {
		uint64_t n;

		if (skip >= io->vec[i].bytes) {
			skip -= io->vec[i].bytes;
			continue;
		}
		n = MIN(io->vec[i].bytes - skip, io->bytes - io->progress);
		st = fn(io, (char *)io->vec[i].base + skip, n);
		io->progress += n;
		skip = 0;
	}
	VERIFY(st != ST_OK || io->progress == io->bytes);	/* vec holds less than bytes says */
	return st;
}

static enum status read_piece(struct port_io *io, void *base, uint64_t bytes)
{
	image_read(&io->disk->inode->image, io->offset + io->progress, base, bytes);
	return ST_OK;
}

static enum status write_piece(struct port_io *io, void *base, uint64_t bytes)
{
	return image_write(&io->disk->inode->image, io->offset + io->progress, base, bytes, 1);
}

/* The source as it is at this moment, block by block. */
static enum status copy_blocks(struct port_io *io)
{
	uint8_t block[4096];
	enum status st = ST_OK;

	while (io->progress < io->bytes && st == ST_OK) {
		uint64_t n = MIN(sizeof(block), io->bytes - io->progress);

		image_read(&io->from->inode->image, io->from_offset + io->progress, block, n);
		st = image_write(&io->disk->inode->image, io->offset + io->progress, block, n, 1);
		io->progress += n;
	}
	return st;
}

static enum status change(struct port_io *io)
{
	struct inode *inode = io->disk->inode;
	uint64_t end = io->offset + io->bytes, inside;
	enum status st;

	if (inode->kind == PORT_KIND_DEVICE && end > inode->size_bytes)
		return ST_RANGE;
	inside = MIN(end, MAX(inode->size_bytes, io->offset)) - io->offset;
	if (io->op == PORT_WRITE)
		st = for_each_piece(io, write_piece);
	else if (io->op == PORT_COPY)
		st = copy_blocks(io);
	else
		st = image_clear(&inode->image, io->offset, inside, 1);
	if (st == ST_OK && io->op != PORT_UNMAP)
		inode->size_bytes = MAX(inode->size_bytes, end);
	inode->mtime_s = (int64_t)(port_wall_us() / 1000000);
	inode->bytes_written += io->bytes;
	faults_count_write();
	host_count_write(&sim.host[io->disk->host]);
	return st;
}

static int is_cached_file(const struct port_disk *disk)
{
	return disk->inode->kind == PORT_KIND_FILE && !disk->direct;
}

static enum status check_copy(const struct port_io *io)
{
	const struct port_disk *from = io->from;

	if (from->stale)
		return ST_DEVICE;
	if (!is_cached_file(from) || !is_cached_file(io->disk))
		return ST_UNSUPPORTED;	/* as a system that copies through its page cache */
	if (io->from_offset > from->inode->size_bytes ||
	    io->bytes > from->inode->size_bytes - io->from_offset)
		return ST_RANGE;
	return ST_OK;
}

static enum status check(const struct port_io *io)
{
	const struct port_disk *disk = io->disk;

	if (disk->stale || sim.host[disk->host].cut)
		return ST_DEVICE;
	if (io->op != PORT_READ && io->op != PORT_FLUSH && !disk->writable)
		return ST_READONLY;
	if (io->op == PORT_FLUSH)
		return ST_OK;
	if (io->offset > INT64_MAX || io->bytes > INT64_MAX - io->offset)
		return ST_RANGE;
	if (io->op == PORT_READ && io->bytes && io->offset + io->bytes > disk->inode->size_bytes)
		return ST_RANGE;
	return io->op == PORT_COPY ? check_copy(io) : ST_OK;
}

static enum status compare_and_write(struct port_io *io)
{
	struct sim_ats *ats = container_of(io, struct sim_ats, io);
	struct image *image = &io->disk->inode->image;

	image_read(image, io->offset, ats->seen, io->bytes);
	ats->written = !memcmp(ats->seen, ats->old, io->bytes);
	if (!ats->written)
		return ST_OK;
	faults_count_write();
	host_count_write(&sim.host[io->disk->host]);
	return image_write(image, io->offset, ats->new, io->bytes, 1);
}

static enum status take_effect(struct port_io *io)
{
	if (io->op == PORT_READ)
		return for_each_piece(io, read_piece);
	if (io->op == SIM_OP_ATS)
		return compare_and_write(io);
	return io->op == PORT_FLUSH ? ST_OK : change(io);
}

static void show(const struct event *e, enum status st, int done)
{
	const struct port_io *io = e->io;
	struct sim_event event = { .host = io->disk->host, .op = io->op, .done = (uint8_t)done,
				   .status = st, .offset = io->offset, .bytes = io->bytes,
				   .submitted_ns = e->submitted_ns, .disk = io->disk };

	event.changed = done && io->op != PORT_READ && io->op != PORT_FLUSH;
	if (done && io->op == SIM_OP_ATS)
		event.changed = container_of(e->io, struct sim_ats, io)->written;
	if (sim.watch && (done || io->op != PORT_READ))
		sim.watch(sim.watch_arg, &event);
}

static enum status carry_out(const struct event *e)
{
	struct port_io *io = e->io;
	enum status st = check(io);

	if (st == ST_OK)
		st = faults_of_io(io);
	if (st != ST_OK || (io->op != PORT_FLUSH && io->bytes == 0))
		return st;
	show(e, ST_OK, 0);
	st = take_effect(io);
	show(e, st, 1);
	return st;
}

/* A write that is acknowledged and not where it should be. */
static int goes_astray(const struct event *e)
{
	struct port_io *io = e->io;
	uint64_t right = io->offset, pages = io->disk->inode->size_bytes / PAGE_BYTES;
	enum status st;

	if (io->op != PORT_WRITE)
		return 0;
	if (sim_fault_now(SIM_FAULT_LOST))
		return 1;
	if (!sim_fault_now(SIM_FAULT_MISDIRECTED))
		return 0;
	io->offset = PAGE_BYTES * sim_fault_choice(SIM_FAULT_MISDIRECTED, pages);
	st = carry_out(e);
	(void)st;	/* past the end of the disk: then it is just lost */
	io->offset = right;
	return 1;
}

static enum status carry_out_by_chance(const struct event *e)
{
	enum status st;

	if (e->io->disk->host == 0)
		return carry_out(e);
	if (sim_fault_now(SIM_FAULT_ERROR))
		return ST_DEVICE;
	if (goes_astray(e))
		return ST_OK;
	st = carry_out(e);
	return st == ST_OK && sim_fault_now(SIM_FAULT_NO_ANSWER) ? ST_DEVICE : st;
}

/* What the disk does. */
static void end_on_disk(struct event *e)
{
	struct port_io *io = e->io;

	io->status = e->late ? ST_LOST : carry_out_by_chance(e);
	if (io->op == PORT_FLUSH && io->status == ST_OK)
		image_log_flush(&io->disk->inode->image, e->mark);
	e->ended = 1;
}

/* What the host hears of it. */
static void tell(struct event *e)
{
	struct port_io *io = e->io;

	io->disk->in_flight--;
	sim.here = e->pcpu;
	free(e);
	io->done(io);
}

/* Ends those that are due, one after the other; the one whose done() submits more ends first. */
uint32_t io_run_due(void)
{
	uint32_t count = 0;

	while (io_next_ns() <= sim.now_ns) {
		struct event *e = list_first(&sim.in_flight, struct event, link);
		struct sim_host *h = host_of(e);

		list_del(&e->link);
		if (!e->ended)
			end_on_disk(e);
		if (h->state == HOST_DYING) {
			free(e);
			host_off(h);
		} else if (host_is_paused(h)) {
			e->at_ns = h->paused_until_ns;
			insert(e);
		} else {
			tell(e);
		}
		count++;
	}
	return count;
}

/* A part of a write, in whole blocks from its start. */
static void arrive_in_part(const struct event *e)
{
	struct port_io *io = e->io;
	uint64_t blocks = io->bytes / io->disk->inode->block_bytes;
	uint64_t whole = io->bytes;
	enum status st;

	if (io->op == PORT_READ || io->op == PORT_FLUSH || blocks == 0 || e->late)
		return;
	io->bytes = chance_below(STREAM_CRASH, blocks + 1) * io->disk->inode->block_bytes;
	if (io->op == SIM_OP_ATS && io->bytes < whole)
		io->bytes = 0;
	st = io->bytes ? carry_out(e) : ST_OK;
	(void)st;	/* nobody will hear of it: the host is off */
	io->bytes = whole;
	io->progress = 0;
}

void io_abandon(uint32_t pcpu)
{
	struct event *e, *next;

	list_for_each_safe(e, next, &sim.in_flight, link) {
		if (e->pcpu != pcpu)
			continue;
		if (!e->ended)
			arrive_in_part(e);
		list_del(&e->link);
		free(e);
	}
}

void io_carry_out_all(void)
{
	struct event *e;

	list_for_each(e, &sim.in_flight, link) {
		enum status st = e->io->op == PORT_READ || e->late ? ST_OK : carry_out(e);

		(void)st;	/* nobody will hear of it: the machine loses power now */
		e->io->progress = 0;
	}
}

void io_free_all(void)
{
	struct list *link;

	while ((link = list_pop(&sim.in_flight)) != NULL)
		free(list_entry(link, struct event, link));
}
