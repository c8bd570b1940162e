/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts_dev - a LUN of an array as one host sees it: transfers are the simulator's, and it has a
 * compare and write of its own that errs as arrays on record have: it reports a miscompare for one
 * that it did, or for one that it should have done, answers late, not at all, or does it after it
 * was given up. */
#include "tests/sim/hosts.h"

#define GIVE_UP_NS    SECOND_NS		  /* the caller hears of a time-out after at most this */
#define LATE_NS	      (3 * SECOND_NS / 2) /* and it is done at most so much later */
#define SLOW_LEAST_NS (8 * SECOND_NS)
#define SLOW_MOST_NS  (30 * SECOND_NS)

struct lun {
	struct io_dev dev;
	struct port_disk *disk;
	uint32_t late;
};

static struct lun *lun_of(struct io_dev *dev)
{
	return container_of(dev, struct lun, dev);
}

static void ended(struct port_io *io)
{
	struct io_req *req = container_of(io, struct io_req, io);

	req->status = io->status;
	req->done(req);
}

static void lun_submit(struct io_dev *dev, struct io_req *req)
{
	req->io.done = ended;
	port_disk_submit(lun_of(dev)->disk, &req->io);
}

static void lun_close(struct io_dev *dev)
{
	while (lun_of(dev)->late)
		port_world_sleep_ns(LATE_NS / 10);
	port_disk_close(lun_of(dev)->disk);
	port_free(lun_of(dev));
}

static void lun_next_data(struct io_dev *dev, uint64_t offset, uint64_t *data, uint64_t *hole)
{
	port_disk_next_data(lun_of(dev)->disk, offset, data, hole);
}

/* ---- compare and write ----------------------------------------------------------------------- */

struct attempt {
	struct sim_ats ats;
	struct port_world *world;
	uint8_t ended;
};

static void attempt_ended(struct port_io *io)
{
	struct attempt *a = container_of(container_of(io, struct sim_ats, io), struct attempt, ats);

	a->ended = 1;
	port_world_wake(a->world);
}

static enum status carry_out(struct io_dev *dev, struct io_ats *what)
{
	struct attempt a = {.ats = {.old = what->old, .new = what->new, .seen = what->seen},
			    .world = port_world_self()};

	a.ats.io.offset = what->offset;
	a.ats.io.bytes = what->bytes;
	a.ats.io.exempt = what->exempt;
	a.ats.io.done = attempt_ended;
	sim_ats_submit(lun_of(dev)->disk, &a.ats);
	while (!a.ended)
		port_world_park();
	what->written = a.ats.written;
	return a.ats.io.status;
}

/* Given up, and done all the same. The images are copies: the caller's are gone by then. */
struct late {
	struct sim_ats ats;
	struct lun *lun;
	uint8_t *copy;
};

static void late_ended(struct port_io *io)
{
	struct late *l = container_of(container_of(io, struct sim_ats, io), struct late, ats);

	l->lun->late--;
	port_dma_free(l->copy, 3 * l->ats.io.bytes);
	port_free(l);
}

static enum status carry_out_late(struct io_dev *dev, const struct io_ats *what)
{
	uint64_t give_up = sim_fault_choice(FAULT_ATS_LATE, GIVE_UP_NS);
	uint64_t late = sim_fault_choice(FAULT_ATS_LATE, LATE_NS);
	struct late *l = port_alloc(sizeof(*l));
	uint8_t *copy = port_dma_alloc(3 * what->bytes);

	VERIFY(l && copy); /* memory is none of this run's faults */
	memcpy(copy, what->old, what->bytes);
	memcpy(copy + what->bytes, what->new, what->bytes);
	l->ats = (struct sim_ats){
	    .old = copy, .new = copy + what->bytes, .seen = copy + 2 * what->bytes};
	l->ats.io.offset = what->offset;
	l->ats.io.bytes = what->bytes;
	l->ats.io.exempt = what->exempt;
	l->ats.io.done = late_ended;
	l->copy = copy;
	l->lun = lun_of(dev);
	l->lun->late++;
	l->ats.delay_ns = give_up + late;
	sim_ats_submit(l->lun->disk, &l->ats);
	port_world_sleep_ns(give_up);
	return ST_DEVICE;
}

/* "Miscompare": what is there tells a read, as it would tell a host. */
static enum status says_no(struct io_dev *dev, struct io_ats *what)
{
	what->written = 0;
	return io_dev_read(dev, what->offset, what->seen, what->bytes);
}

static enum status lun_ats(struct io_dev *dev, struct io_ats *what)
{
	enum status st;

	if (sim_fault_now(FAULT_ATS_REFUSES))
		return says_no(dev, what);
	if (sim_fault_now(FAULT_ATS_LATE))
		return carry_out_late(dev, what);
	st = carry_out(dev, what);
	if (sim_fault_now(FAULT_ATS_SLOW))
		port_world_sleep_ns(SLOW_LEAST_NS +
				    sim_fault_choice(FAULT_ATS_SLOW, SLOW_MOST_NS - SLOW_LEAST_NS));
	if (st != ST_OK || !what->written)
		return st;
	if (sim_fault_now(FAULT_ATS_NO_ANSWER))
		return ST_DEVICE;
	return sim_fault_now(FAULT_ATS_SAYS_NO) ? says_no(dev, what) : ST_OK;
}

static void lun_set_deadline(struct io_dev *dev, uint64_t ns)
{
	port_disk_set_deadline(lun_of(dev)->disk, ns);
}

static const struct io_dev_ops lun_ops = {
    .set_deadline = lun_set_deadline,
    .submit = lun_submit,
    .close = lun_close,
    .next_data = lun_next_data,
    .ats = lun_ats,
};

enum status dev_open(struct io_dev **dev)
{
	struct lun *lun = port_alloc(sizeof(*lun));
	struct port_disk_info info;
	enum status st;

	if (!lun)
		return ST_NOMEM;
	st = port_disk_open(DISK_PATH, PORT_OPEN_WRITE, &lun->disk, NULL);
	if (st != ST_OK) {
		port_free(lun);
		return st;
	}
	port_disk_info(lun->disk, &info);
	lun->dev = (struct io_dev){.ops = &lun_ops,
				   .size_bytes = info.size_bytes,
				   .block_bytes = info.block_bytes,
				   .writable = 1,
				   .is_device = 1,
				   .zero_is_cheap = 1,
				   .unmap_zeroes = 1};
	mem_copy_text(lun->dev.name, sizeof(lun->dev.name), DISK_PATH);
	*dev = &lun->dev;
	return ST_OK;
}
