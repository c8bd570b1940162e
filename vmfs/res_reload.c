/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* res_reload - resource files that another host has made longer.
 *
 * Where resources lie is read at the mount and kept in memory. Files of VMFS-6 grow on demand, so
 * an address can be good that is not known here: before one is called damaged, and before this
 * host makes a file longer itself, the layout is read again. Files only grow while a volume is
 * mounted, so what is known stays right, and what is new is added to it. */
#include "vmfs/vmfs_priv.h"

#define TRIES	5u		/* another host may be in the middle of a step */
#define WAIT_NS	(2ull * 1000000)

struct lock_file { enum vmfs_res kind; struct vmfs_fd fd; };

static enum status lock_file_op(struct vmfs_volume *vol, void *arg)
{
	struct lock_file *f = arg;
	enum status st = vmfs_fd_get(vol, vmfs_res_traits[f->kind].fd, &f->fd);

	return st == ST_OK ? vmfs_lock_open(vol, &f->fd, VMFS_LOCK_EXCLUSIVE) : st;
}

enum status vmfs_res_lock(struct vmfs_volume *vol, enum vmfs_res kind)
{
	struct lock_file f = { .kind = kind };

	return vmfs_cover_look(vol, lock_file_op, &f);
}

void vmfs_res_unlock(struct vmfs_volume *vol, enum vmfs_res kind)
{
	struct vmfs_fd fd;

	if (vmfs_fd_get(vol, vmfs_res_traits[kind].fd, &fd) == ST_OK)
		vmfs_lock_close(vol, &fd);
}

/* One kind as it is in `now`, when that is more. */
static enum status take_kind(struct vmfs_volume *vol, struct vmfs_layout *now, enum vmfs_res kind,
			     int *more)
{
	struct vmfs_layout *l = &vol->layout;
	uint64_t add = now->geom[kind].count - l->geom[kind].count;
	uint32_t clusters = l->geom[kind].clusters;
	struct vmfs_sysmap old = l->map[kind];

	if (now->map[kind].block_count > old.block_count) {
		l->map[kind] = now->map[kind];
		now->map[kind] = old;		/* freed with it */
	}
	if (now->geom[kind].count <= l->geom[kind].count)
		return ST_OK;
	*more = 1;
	l->map[kind].file_bytes = MAX(l->map[kind].file_bytes, now->geom[kind].file_bytes);
	l->geom[kind] = now->geom[kind];
	return vmfs_alloc_grown(vol, kind, clusters, add);
}

enum status vmfs_res_reload(struct vmfs_volume *vol, int *more)
{
	struct vmfs_layout now;
	struct why why = { 0 };
	enum status st = ST_CORRUPT;

	*more = 0;
	for (uint32_t i = 0; st == ST_CORRUPT && i < TRIES; i++) {
		if (i)
			port_world_sleep_ns(WAIT_NS);
		st = vmfs_layout_read(&vol->lvm, &now, 0, &why);
	}
	if (st != ST_OK)
		return st;
	for (int k = 0; k < VMFS_RES_COUNT && st == ST_OK; k++)
		if (vmfs_form(vol)->growing >> k & 1)
			st = take_kind(vol, &now, (enum vmfs_res)k, more);
	vmfs_layout_free(&now);
	return st;
}
