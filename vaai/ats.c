/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* ats - compare and write: by the device where it can, else under a lock that keeps others out.
 *
 * An array does it in one step (COMPARE AND WRITE). One that cannot is reserved as a whole for as
 * long as a read, a compare and a write take: every host of the volume must then do so, for a
 * reservation does not hold up an array's own ATS.
 *
 * For image files and block devices that processes of one machine share, each process is a host.
 * The lock goes with the process, so one that is killed in the middle leaves the old bytes or the
 * new ones, and no lock. One that is stopped in the middle keeps the lock until it goes on: whoever
 * wants the place hears ST_BUSY. The lock is on exactly the bytes, in whole blocks. */
#include "vaai/vaai.h"

#define TRY_FIRST_NS	20000u		/* about as long as the other one needs */
#define TRY_LAST_NS	1000000u
#define PATIENCE_NS	(1000000000ull)

/* A random part of `ns`, so that hosts that met once do not meet again. */
static void back_off(uint64_t ns)
{
	uint32_t chance;

	port_random(&chance, sizeof(chance));
	port_world_sleep_ns(ns / 2 + chance % (ns / 2));
}

/* The one way that this device has to keep others out of a range. */
static enum status try_lock(struct io_dev *dev, uint64_t offset, uint64_t bytes)
{
	if (dev->ops->lock)
		return dev->ops->lock(dev, offset, bytes, 1);
	return dev->ops->reserve ? dev->ops->reserve(dev) : ST_OK;
}

static void unlock(struct io_dev *dev, uint64_t offset, uint64_t bytes)
{
	if (dev->ops->lock)
		dev->ops->unlock(dev, offset, bytes);
	else if (dev->ops->reserve)
		dev->ops->release(dev);
}

static enum status lock(struct io_dev *dev, uint64_t offset, uint64_t bytes)
{
	uint64_t end = port_now_ns() + PATIENCE_NS, wait = TRY_FIRST_NS;
	enum status st;

	for (;;) {
		st = try_lock(dev, offset, bytes);
		if (st != ST_BUSY || port_now_ns() >= end)
			return st;
		back_off(wait);
		wait = MIN(2 * wait, (uint64_t)TRY_LAST_NS);
	}
}

static enum status write_new(struct io_dev *dev, const struct io_ats *ats)
{
	struct io_wait w;

	io_wait_begin(&w, PORT_WRITE, ats->offset, (void *)(uintptr_t)ats->new, ats->bytes);
	w.req.io.exempt = ats->exempt;
	io_dev_submit(dev, &w.req);
	return io_wait_end(&w);
}

static enum status stand_in(struct io_dev *dev, struct io_ats *ats)
{
	/* Whole blocks: a write of less is a read and a write of all of it. */
	uint64_t first = round_down(ats->offset, dev->block_bytes);
	uint64_t locked = round_up(ats->offset + ats->bytes, dev->block_bytes) - first;
	enum status st = lock(dev, first, locked);

	if (st != ST_OK)
		return st;
	st = io_dev_read(dev, ats->offset, ats->seen, ats->bytes);
	if (st == ST_OK && memcmp(ats->seen, ats->old, ats->bytes) == 0) {
		ats->written = 1;
		st = write_new(dev, ats);
	}
	unlock(dev, first, locked);
	return st;
}

enum status vaai_ats(struct io_dev *dev, struct io_ats *ats, enum vaai_ats_result *result)
{
	enum status st;

	VERIFY(ats->bytes && ats->bytes <= VAAI_ATS_MAX);
	ats->written = 0;
	st = dev->ops->ats ? dev->ops->ats(dev, ats) : stand_in(dev, ats);
	*result = ats->written ? VAAI_ATS_WRITTEN : VAAI_ATS_DIFFERS;
	return st;
}
