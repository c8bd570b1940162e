/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lock - byte-range locks between openings, with the rules of OFD locks: a new lock of the same
 * owner replaces what it overlaps, and goes with the opening. */
#include "iopath/port/sim/sim_priv.h"

#include <stdlib.h>

static uint64_t end_of(uint64_t offset, uint64_t bytes)
{
	return bytes == 0 || bytes > UINT64_MAX - offset ? UINT64_MAX : offset + bytes;
}

static void unlink_lock(struct range_lock *lock)
{
	list_del(&lock->link);
	free(lock);
}

static enum status add_lock(struct inode *inode, const struct port_disk *owner, uint64_t first,
			    uint64_t end, int exclusive)
{
	struct range_lock *lock = calloc(1, sizeof(*lock));

	if (lock == NULL)
		return ST_NOMEM;
	lock->owner = owner;
	lock->first = first;
	lock->end = end;
	lock->exclusive = (uint8_t)exclusive;
	list_add_tail(&inode->locks, &lock->link);
	return ST_OK;
}

/* Cut a range out of the owner's locks. One that is cut in the middle becomes two. */
static void cut(struct port_disk *disk, uint64_t first, uint64_t end)
{
	struct range_lock *lock, *next;

	list_for_each_safe(lock, next, &disk->inode->locks, link) {
		if (lock->owner != disk || lock->first >= end || first >= lock->end)
			continue;
		if (lock->end > end)
			VERIFY(add_lock(disk->inode, disk, end, lock->end, lock->exclusive) ==
			       ST_OK);
		if (lock->first < first)
			lock->end = first;
		else
			unlink_lock(lock);
	}
}

enum status port_disk_lock(struct port_disk *disk, uint64_t offset, uint64_t bytes, int exclusive)
{
	uint64_t end = end_of(offset, bytes);
	struct range_lock *lock;

	if (disk->stale)
		return ST_DEVICE;
	if (exclusive && !disk->writable)
		return ST_READONLY;
	list_for_each(lock, &disk->inode->locks, link) {
		if (lock->owner != disk && lock->first < end && offset < lock->end &&
		    (exclusive || lock->exclusive))
			return ST_BUSY;
	}
	cut(disk, offset, end);
	return add_lock(disk->inode, disk, offset, end, exclusive);
}

void port_disk_unlock(struct port_disk *disk, uint64_t offset, uint64_t bytes)
{
	cut(disk, offset, end_of(offset, bytes));
}

void locks_drop(struct inode *inode, const struct port_disk *owner)
{
	struct range_lock *lock, *next;

	list_for_each_safe(lock, next, &inode->locks, link) {
		if (owner == NULL || lock->owner == owner)
			unlink_lock(lock);
	}
}
