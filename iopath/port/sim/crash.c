/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* crash - the power cut, and the restart: what the disks hold, and nothing else, is left. */
#include "iopath/port/sim/sim_priv.h"

void sim_crash(uint64_t seed, int drop)
{
	struct port_disk *disk;
	struct inode *inode;

	/* A machine that stopped at a chosen write had nothing in flight behind it. */
	if (drop && !sim.faults.stopped)
		io_carry_out_all();
	sim.drawn[STREAM_CRASH] = chance_hash(seed, 0);
	list_for_each(inode, &sim.inodes, all) {
		if (drop)
			image_log_cut(&inode->image, inode->block_bytes);
		else
			image_log_flush(&inode->image, UINT64_MAX);
		locks_drop(inode, NULL);
	}
	list_for_each(disk, &sim.disks, all)
		disk->stale = 1;
	sim.interrupted = 0;
	faults_clear();
}
