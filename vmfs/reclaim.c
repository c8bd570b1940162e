/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* reclaim - free file blocks go back to the device below. Each run is unmapped while the mutex
 * and the lock of their cluster are held, so nobody can take its blocks meanwhile. Between runs
 * others get their turn. The group is committed first: what it freed is then free for good. */
#include "vmfs/vmfs_priv.h"

#define UNIT_BLOCKS	200u	/* a cluster's worth, as the product's default */

static enum status unmap(struct vmfs_volume *vol, uint64_t at, uint64_t bytes)
{
	struct io_wait w;

	io_wait_begin(&w, PORT_UNMAP, at, NULL, bytes);
	lvm_submit(&vol->lvm, &w.req);
	return io_wait_end(&w);
}

/* The next run. *bytes: 0 when there is none. */
static enum status reclaim_run(struct vmfs_volume *vol, uint64_t *block, uint64_t unit,
			       uint64_t *bytes)
{
	uint64_t count = 0;
	enum status st;

	vmfs_enter(vol);
	do {
		vmfs_cover_begin(vol);
		st = vmfs_alloc_next_free(vol, block, unit, &count);
	} while (vmfs_lock_retry(vol, st));
	*bytes = count * vol->layout.block_bytes;
	if (st == ST_OK && count)
		st = unmap(vol, *block * vol->layout.block_bytes, *bytes);
	if (st == ST_OK)
		st = vmfs_journal_commit(vol);	/* releases the cluster */
	vmfs_leave(vol);
	*block += count;
	return st;
}

enum status vmfs_reclaim(struct vmfs_volume *vol, uint32_t unit_blocks,
			 int (*progress)(void *arg, uint64_t done_bytes, uint64_t total_bytes),
			 void *arg, uint64_t *reclaimed_bytes)
{
	struct vmfs_count blocks = { 0 };
	uint64_t block = 0, bytes = 1, total;
	enum status st;

	*reclaimed_bytes = 0;
	if (!vol->writable)
		return ST_READONLY;
	vmfs_enter(vol);
	st = vmfs_journal_commit(vol);
	if (st == ST_OK)
		st = vmfs_alloc_count(vol, VMFS_RES_FB, &blocks);
	vmfs_leave(vol);
	total = blocks.free * vol->layout.block_bytes;
	while (st == ST_OK && bytes) {
		st = reclaim_run(vol, &block, unit_blocks ? unit_blocks : UNIT_BLOCKS, &bytes);
		if (st != ST_OK)
			break;
		*reclaimed_bytes += bytes;
		if (progress && progress(arg, MIN(*reclaimed_bytes, total), total))
			st = ST_CANCELLED;
	}
	return st;
}
