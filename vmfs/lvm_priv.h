/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lvm - the logical volume under a VMFS: one address space over 1..32 devices.
 * Reading verifies rules L1..L3; the map is kept as merged runs, so translation is a short search. */
#ifndef CAIRN_VMFS_LVM_PRIV_H
#define CAIRN_VMFS_LVM_PRIV_H

#include "vmfs/vmfs.h"
#include "vmfs/vmfs_format.h"

struct lvm_run {			/* logical [at, at + bytes) lies on dev at physical */
	uint64_t	at, bytes, physical;
	uint32_t	dev;
};

struct lvm_device {
	struct io_dev		*dev;
	struct lvm_device_disk	record;		/* as read */
	struct lvm_volume_disk	volume;
};

struct lvm {
	uint32_t		dev_count;
	struct lvm_device	dev[LVM_DEVICES_MAX];	/* in volume order */
	uint64_t		bytes;			/* logical */
	struct lvm_run		*run;			/* sorted, gapless */
	uint32_t		run_count, last_run;
};

/* Read the headers of all devices, put them in order, verify, build the map. */
MUST_USE enum status lvm_open(struct lvm *lvm, struct io_dev *const *devs, uint32_t dev_count,
			      struct why *why);
void lvm_close(struct lvm *lvm);
/* Exclude other writers of this machine from all devices (byte-range locks on the LVM headers).
 * ST_BUSY: somebody has them; nothing is held. lvm_close releases. */
MUST_USE enum status lvm_lock_devices(struct lvm *lvm, struct why *why);

/* Where volume offset `at` lies and how many bytes from there are contiguous below. at < lvm->bytes. */
const struct lvm_run *lvm_find(struct lvm *lvm, uint64_t at);
/* A request in volume offsets; a request over a seam is done piece by piece. Never writes below
 * VMFS_FS_AT unless the caller asks for it. FLUSH goes to all devices. */
void lvm_submit(struct lvm *lvm, struct io_req *req);

/* Waiting forms. */
MUST_USE enum status lvm_read(struct lvm *lvm, uint64_t at, void *buf, uint64_t bytes);
MUST_USE enum status lvm_write(struct lvm *lvm, uint64_t at, const void *buf, uint64_t bytes);
MUST_USE enum status lvm_zero(struct lvm *lvm, uint64_t at, uint64_t bytes);
MUST_USE enum status lvm_flush(struct lvm *lvm);
/* 1 when the range is known to read as zeros without reading it (a hole of a sparse image). */
int lvm_known_zero(struct lvm *lvm, uint64_t at, uint64_t bytes);

#endif
