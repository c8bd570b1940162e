/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* locking - how the hosts of a volume keep out of each other's way: each change of a lock is one
 * atomic test and set of the array, or a read and a write while the whole device is reserved, where
 * it has none. A volume that is *ATS only* refuses hosts whose devices can only be reserved: a
 * reservation holds up the I/O of everybody else, and with many hosts that is most of the time.
 *
 * Where hosts of the vendor keep that property is not public. Ours is in the last bytes of the file
 * system descriptor, which are zero on every volume known, under a word of our own. */
#include "vmfs/vmfs_priv.h"

void vmfs_locking_set(struct vmfs_fs_disk *fs, int ats_only)
{
	if (!ats_only)
		return;
	le32_set(&fs->ours, VMFS_FS_OURS);
	le32_set(&fs->locking, VMFS_LOCKING_ATS_ONLY);
}

int vmfs_locking_ats_only(const struct vmfs_fs_disk *fs)
{
	return le32_get(fs->ours) == VMFS_FS_OURS && le32_get(fs->locking) == VMFS_LOCKING_ATS_ONLY;
}

enum status vmfs_locking_check(struct vmfs_volume *vol, struct why *why)
{
	const struct vmfs_fs_disk *fs = &vol->layout.fs;

	if (le32_get(fs->ours) == VMFS_FS_OURS && le32_get(fs->locking) > VMFS_LOCKING_ATS_ONLY)
		return why_set(why, ST_REFUSED, "%s: its hosts lock in a way (%u) that is not "
			       "known here: mount for reading", vol->store.name,
			       le32_get(fs->locking));
	for (uint32_t i = 0; i < vol->lvm.dev_count && vmfs_locking_ats_only(fs); i++) {
		const struct io_dev *dev = vol->lvm.dev[i].dev;

		if (!dev->ops->ats && !dev->ops->lock)
			return why_set(why, ST_REFUSED,
				       "%s: is ATS only, and %s cannot compare and write: mount "
				       "for reading", vol->store.name, dev->name);
	}
	return ST_OK;
}
