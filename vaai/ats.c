/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* ats - compare and write, under a byte-range lock on exactly these bytes.
 * For image files and block devices that processes of one machine share, each process is a host.
 * The lock goes with the process, so one that is killed in the middle leaves the old bytes or the
 * new ones, and no lock. One that is stopped in the middle keeps the lock until it goes on: whoever
 * wants the place hears ST_BUSY. */
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

static enum status lock(struct io_dev *dev, uint64_t offset, uint64_t bytes)
{
	uint64_t end = port_now_ns() + PATIENCE_NS, wait = TRY_FIRST_NS;
	enum status st;

	for (;;) {
		st = dev->ops->lock(dev, offset, bytes, 1);
		if (st != ST_BUSY || port_now_ns() >= end)
			return st;
		back_off(wait);
		wait = MIN(2 * wait, (uint64_t)TRY_LAST_NS);
	}
}

enum status vaai_ats(struct io_dev *dev, uint64_t offset, uint32_t bytes, const void *old,
		     const void *new, void *seen, enum vaai_ats_result *result)
{
	/* Whole blocks: a write of less is a read and a write of all of it. */
	uint64_t first = round_down(offset, dev->block_bytes);
	uint64_t locked = round_up(offset + bytes, dev->block_bytes) - first;
	enum status st = dev->ops->lock ? lock(dev, first, locked) : ST_OK;

	VERIFY(bytes && bytes <= VAAI_ATS_MAX);
	if (st != ST_OK)
		return st;
	*result = VAAI_ATS_DIFFERS;
	st = io_dev_read(dev, offset, seen, bytes);
	if (st == ST_OK && memcmp(seen, old, bytes) == 0) {
		*result = VAAI_ATS_WRITTEN;
		st = io_dev_write(dev, offset, new, bytes);
	}
	if (dev->ops->unlock)
		dev->ops->unlock(dev, first, locked);
	return st;
}
