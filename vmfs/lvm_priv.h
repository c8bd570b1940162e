/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lvm - the logical volume under a VMFS: one address space over 1..32 devices.
 * Reading verifies rules L1..L3; the map is kept as merged runs, so translation is a short search.
 *   lvm_header.c  one device: record, volume entry, metadata regions, PE records
 *   lvm.c         all devices of a volume: order, agreement, the map, locks
 *   lvm_absent.c  reading a volume of which devices are missing
 *   lvm_io.c      requests in volume offsets */
#ifndef CAIRN_VMFS_LVM_PRIV_H
#define CAIRN_VMFS_LVM_PRIV_H

#include "vaai/vaai.h"
#include "vmfs/vmfs.h"
#include "vmfs/vmfs_format.h"

#define LVM_PES_MAX	(LVM_REGIONS_MAX * LVM_MAPS_PER_REGION * LVM_PES_PER_MAP)	/* 64 TiB */

struct lvm_run {			/* logical [at, at + bytes) lies on dev at physical */
	uint64_t	at, bytes, physical;
	uint32_t	dev;
};

/* What differs between the versions of the header. LVM3, 4 and 5 have a record for each 256 MiB and
 * chain regions of them; LVM6 has one for a whole run. Offsets are relative to the header. */
struct lvm_form {
	uint32_t	major, md_alignment;
	uint32_t	volume_at, names_at;
	uint32_t	map_at, table_at, stride;	/* of the first pair; to the next */
	uint32_t	record_pes;			/* 256 MiB units that a record may cover */
};
extern const struct lvm_form lvm_form_5, lvm_form_6;

struct lvm_region {			/* a metadata region: up to 8 bitmap and table pairs */
	uint64_t	at;		/* partition offset that LVM_PE_MAP_AT() is relative to */
	uint32_t	first, pes;	/* numbers of the PE records it holds */
};

struct lvm_device {
	struct io_dev		*dev;
	const struct lvm_form	*form;
	struct lvm_device_disk	record;		/* as read */
	struct lvm_volume_disk	volume;
	uint32_t		region_count;
	struct lvm_region	region[LVM_REGIONS_MAX];
};

struct lvm {
	uint32_t		dev_count;
	struct lvm_device	dev[LVM_DEVICES_MAX];	/* in volume order */
	uint64_t		bytes;			/* logical */
	struct lvm_run		*run;			/* sorted, gapless */
	uint32_t		run_count, last_run;
	struct io_dev		absent;			/* stands for devices that are missing */
	uint8_t			locked;
};

/* ---- one device ------------------------------------------------------------------------------ */

/* Read and verify the record, volume entry and region chain of one device.
 *   ST_NOENT  no LVM header here  ST_UNSUPPORTED  LVM of another kind  ST_CORRUPT  named in why */
MUST_USE enum status lvm_device_read(struct lvm_device *d, struct io_dev *dev, struct why *why);
/* fn for the PE records 0 .. numPEs - 1, in order; in_map: its bit in the bitmap. Ends early, with
 * fn's status, when that is not ST_OK. */
MUST_USE enum status lvm_pe_walk(struct lvm_device *d,
				 enum status (*fn)(void *arg, uint32_t number,
						   const struct lvm_pe_disk *pe, int in_map),
				 void *arg, struct why *why);
/* NULL, or the field of a used PE record that is impossible on this device. */
const char *lvm_pe_check(const struct lvm_device *d, const struct lvm_pe_disk *pe, uint32_t number);
/* A byte-range lock on the LVM header: shared by all who have the volume mounted for writing,
 * exclusive for who changes what they go by. ST_BUSY: somebody of this machine has it. */
MUST_USE enum status lvm_lock_dev(struct io_dev *dev, int exclusive, struct why *why);
void lvm_unlock_dev(struct io_dev *dev);
/* header_lock.c. Put our name into the head's device record, against other machines; the devices
 * are locked against processes of this one. vmfs_header_lock_clear() takes it out.
 * ST_BUSY: another machine's is there, or the record is not any more what was read. */
MUST_USE enum status lvm_header_take(struct lvm_device *head, const struct vmfs_uuid *host,
				     struct why *why);

/* ---- the volume ------------------------------------------------------------------------------ */

/* Read the headers of all devices, put them in order, verify, build the map.
 * The volume entry of the head (first device) is binding: grow and span write it last. Other
 * devices may be ahead of it (larger generation) after an interruption; what they have more is left
 * out of the map. */
MUST_USE enum status lvm_open(struct lvm *lvm, struct io_dev *const *devs, uint32_t dev_count,
			      struct why *why);
/* The same to read what is there: devices other than the head may be missing. A line on the console
 * names each gap; requests for it end with ST_DEVICE. */
MUST_USE enum status lvm_open_partial(struct lvm *lvm, struct io_dev *const *devs,
				      uint32_t dev_count, struct why *why);
/* 1: that place in dev[] is such a gap. */
static inline int lvm_is_absent(const struct lvm *lvm, uint32_t dev)
{
	return lvm->dev[dev].dev == &lvm->absent;
}
/* lvm_absent.c: fill the gaps between devices that are in order. */
void lvm_stand_in(struct lvm *lvm);
/* Also after a failed lvm_open. Releases the locks. */
void lvm_close(struct lvm *lvm);
/* The same on all devices. ST_BUSY: nothing is held. lvm_close releases. */
MUST_USE enum status lvm_lock_devices(struct lvm *lvm, int exclusive, struct why *why);

/* ---- requests -------------------------------------------------------------------------------- */

/* The run that volume offset `at` lies in. at < lvm->bytes. */
const struct lvm_run *lvm_find(struct lvm *lvm, uint64_t at);
/* A request in volume offsets; one over a seam of two runs is done piece by piece with a frame of
 * its own. FLUSH goes to all devices, one after the other. Outside of the volume: ST_RANGE.
 * The common case changes req->io.offset *in place*: when done() runs, offset is the device's.
 * A caller that needs its own offset again has pushed a frame, and io_pop() brings it back. */
void lvm_submit(struct lvm *lvm, struct io_req *req);

/* Waiting forms. */
MUST_USE enum status lvm_read(struct lvm *lvm, uint64_t at, void *buf, uint64_t bytes);
MUST_USE enum status lvm_write(struct lvm *lvm, uint64_t at, const void *buf, uint64_t bytes);
MUST_USE enum status lvm_zero(struct lvm *lvm, uint64_t at, uint64_t bytes);
MUST_USE enum status lvm_flush(struct lvm *lvm);
/* As vaai_ats(), in volume offsets. */
struct lvm_swap { const void *old, *new; void *seen; uint32_t bytes; uint8_t exempt; };
MUST_USE enum status lvm_ats(struct lvm *lvm, uint64_t at, const struct lvm_swap *swap,
			     enum vaai_ats_result *result);
/* 1 when the range is known to read as zeros without reading it (a hole of a sparse image). */
int lvm_known_zero(struct lvm *lvm, uint64_t at, uint64_t bytes);

#endif
