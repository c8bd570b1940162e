/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* header_lock - the management lock: whoever changes the LVM headers of a volume puts its name into
 * the head's device record first, by ATS, and takes it out last. Heartbeats do not help here:
 * growing and spanning work on a volume that nobody has mounted.
 *
 * A host that died in the middle leaves its name. If it was a process of this machine, the device
 * locks say that it is gone, and the next one takes over. If it was another machine, only people
 * know: vmkfstools -B. */
#include "vmfs/format_priv.h"

struct header {				/* of one device, for an ATS */
	struct io_dev		*dev;
	struct lvm_device_disk	*old, *new, *seen;
};

static enum status header_read(struct header *h, struct io_dev *dev)
{
	uint8_t *buf = port_dma_alloc(3 * sizeof(*h->old));

	*h = (struct header){ .dev = dev, .old = (void *)buf };
	if (!buf)
		return ST_NOMEM;
	h->new = h->old + 1;
	h->seen = h->old + 2;
	return io_dev_read(dev, LVM_HEADER_AT, h->old, sizeof(*h->old));
}

static void header_free(struct header *h)
{
	if (h->old)
		port_dma_free(h->old, 3 * sizeof(*h->old));
}

/* From what was read to the same with another name. ST_BUSY: it has changed in between. */
static enum status header_swap(struct header *h, const struct vmfs_uuid *owner, uint64_t when_us)
{
	struct io_ats ats = { .offset = LVM_HEADER_AT, .bytes = sizeof(*h->old), .old = h->old,
			      .new = h->new, .seen = h->seen };
	enum vaai_ats_result result;
	enum status st;

	*h->new = *h->old;
	memcpy(h->new->locked_by.b, owner->b, sizeof(owner->b));
	le64_set(&h->new->locked_when_us, when_us);
	st = vaai_ats(h->dev, &ats, &result);
	if (st != ST_OK)
		return st;
	return result == VAAI_ATS_WRITTEN ? io_dev_flush(h->dev) : ST_BUSY;
}

static int is_free(const struct lvm_device_disk *record)
{
	static const struct vmfs_uuid nobody;

	return !memcmp(&record->locked_by, &nobody, sizeof(nobody));
}

static enum status complain(const struct io_dev *dev, enum status st, struct why *why)
{
	return why_set(why, st, "%s: changing the lock of its LVM header: %s", dev->name,
		       status_text(st));
}

enum status vmfs_header_lock_look(struct io_dev *const *devs, uint32_t dev_count,
				  struct vmfs_header_lock *lock, struct why *why)
{
	enum status st = ST_OK;

	*lock = (struct vmfs_header_lock){ .devices = 0 };
	for (uint32_t i = 0; i < dev_count && st == ST_OK; i++) {
		struct header h;

		st = header_read(&h, devs[i]);
		if (st != ST_OK)
			why_set(why, st, "%s: reading its LVM header: %s", devs[i]->name,
				status_text(st));
		if (st == ST_OK && !is_free(h.old) && !lock->devices++) {
			memcpy(lock->owner.b, h.old->locked_by.b, sizeof(lock->owner.b));
			lock->when_us = le64_get(h.old->locked_when_us);
		}
		header_free(&h);
	}
	return st;
}

enum status vmfs_header_lock_clear(struct io_dev *const *devs, uint32_t dev_count, struct why *why)
{
	static const struct vmfs_uuid nobody;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < dev_count && st == ST_OK; i++) {
		struct header h;

		st = header_read(&h, devs[i]);
		if (st == ST_OK && !is_free(h.old))
			st = header_swap(&h, &nobody, 0);
		if (st != ST_OK)
			complain(devs[i], st, why);
		header_free(&h);
	}
	return st;
}

/* The devices are locked against processes of this machine: one that left its name here is dead. */
static int left_by_this_machine(const struct lvm_device_disk *record)
{
	uint8_t mac[6];

	port_host_mac(mac);
	return !memcmp(record->locked_by.b + 10, mac, sizeof(mac));
}

static enum status refuse_locked(const struct lvm_device *d, struct why *why)
{
	char uuid[VMFS_UUID_TEXT];
	struct vmfs_uuid owner;

	memcpy(owner.b, d->record.locked_by.b, sizeof(owner.b));
	vmfs_uuid_format(&owner, uuid);
	return why_set(why, ST_BUSY,
		       "%s: host %s is changing the volume's devices; if it died over that, break "
		       "its lock with vmkfstools -B", d->dev->name, uuid);
}

enum status lvm_header_take(struct lvm_device *d, const struct vmfs_uuid *host, struct why *why)
{
	struct header h;
	enum status st;

	if (!is_free(&d->record) && !left_by_this_machine(&d->record))
		return refuse_locked(d, why);
	st = header_read(&h, d->dev);
	/* From what the whole map was read with: nobody has changed the volume since. */
	if (st == ST_OK) {
		*h.old = d->record;
		st = header_swap(&h, host, port_wall_us());
	}
	if (st == ST_OK)
		d->record = *h.new;
	else
		complain(d->dev, st, why);
	header_free(&h);
	return st;
}
