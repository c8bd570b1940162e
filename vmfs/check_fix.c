/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check_fix - repairs. Each is one write of whole sectors; the drivers decide whether and in which
 * order. Nothing here guesses: values come from what was counted. */
#include "vmfs/check_priv.h"

/* 1 when some heartbeat slot is in use. */
static enum status any_slot_used(struct check *c, int *used)
{
	enum status st = lvm_read(&c->lvm, VMFS_HB_AT, c->slot, VMFS_HB_SLOTS * sizeof(*c->slot));

	*used = 0;
	for (uint32_t i = 0; i < VMFS_HB_SLOTS && st == ST_OK; i++)
		*used |= le32_get(c->slot[i].state) == VMFS_HB_USED;
	return st == ST_OK ? ST_OK : why_set(c->why, st, "heartbeat region: %s", status_text(st));
}

static enum status refuse_old(struct check *c)
{
	struct vmfs_fs_disk fs;
	enum status st = lvm_read(&c->lvm, VMFS_FS_AT, &fs, sizeof(fs));

	if (st == ST_OK && le32_get(fs.magic) == VMFS_FS_MAGIC &&
	    le32_get(fs.major) == VMFS_MAJOR_3)
		return why_set(c->why, ST_READONLY,
			       "%s: a VMFS-3 volume is read only here: check without fix",
			       c->devs[0]->name);
	return st == ST_OK ? ST_OK
			   : why_set(c->why, st, "file system descriptor: %s", status_text(st));
}

/* A dead mount is recovered by the code that every mount uses: its journal is replayed, its
 * half-removed files go, its slot and journal block are freed. A live one makes this ST_BUSY. */
enum status check_fix_recover(struct check *c)
{
	const struct vmfs_mount_opts opts = { .write = 1, .join = 1 };
	struct vmfs_volume *vol;
	int used = 0;
	enum status st;

	for (uint32_t i = 0; i < c->dev_count; i++)
		if (!c->devs[i]->writable)
			return why_set(c->why, ST_READONLY, "%s: opened for reading only",
				       c->devs[i]->name);
	st = lvm_open(&c->lvm, c->devs, c->dev_count, c->why);
	if (st == ST_OK)
		st = refuse_old(c);
	if (st == ST_OK)
		st = any_slot_used(c, &used);
	lvm_close(&c->lvm);
	if (st == ST_CORRUPT)
		return ST_OK;	/* the check itself will name it */
	if (st != ST_OK || !used)
		return st;
	st = vmfs_mount(c->devs, c->dev_count, &opts, &vol, c->why);
	if (st != ST_OK)
		return why_at(c->why, st, "recovering the hosts that left without unmounting");
	st = vmfs_unmount(vol);
	return st == ST_OK ? ST_OK
			   : why_set(c->why, st, "unmounting after recovery: %s", status_text(st));
}

enum status check_fix_lock(struct check *c, uint64_t at, const struct vmfs_lock_disk *lock)
{
	return check_write(c, at, lock, sizeof(*lock));
}

enum status check_fix_fd(struct check *c, uint32_t addr, const struct vmfs_fd_disk *meta)
{
	return check_write(c, vmfs_layout_addr_at(&c->layout, addr) + VMFS_FD_META_AT, meta,
			   sizeof(*meta));
}

enum status check_fix_orphan(struct check *c, uint32_t addr)
{
	struct vmfs_fd_record empty = { 0 };

	le32_set(&empty.meta.fd, addr);
	return check_write(c, vmfs_layout_addr_at(&c->layout, addr) + VMFS_FD_META_AT, &empty.meta,
			   VMFS_FD_BYTES - VMFS_FD_META_AT);
}

/* The bitmap that a cluster should have. */
static void wanted_bits(const struct check *c, enum vmfs_res kind, uint32_t number, int release,
			struct vmfs_cluster_disk *meta)
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	uint32_t total = vmfs_geom_cluster_total(g, number);
	uint64_t first = check_index(g, number, 0);

	memset(meta->bitmap, 0, sizeof(meta->bitmap));
	le32_set(&meta->total, total);
	for (uint32_t i = 0; i < total; i++) {
		int held = bit_get(c->ref[kind], first + i) ||
			   (!release && bit_get(c->used[kind], first + i));

		if (!held)
			bit_set(meta->bitmap, i);
	}
	vmfs_cluster_count(g, kind, meta);
}

static enum status fix_cluster(struct check *c, enum vmfs_res kind, const struct check_cluster *k,
			       int release)
{
	struct vmfs_cluster_header want = *k->header;

	if (!check_header_ours(c, kind, k))
		return ST_OK;
	le64_set(&want.lock.at, k->at);
	wanted_bits(c, kind, k->number, release, &want.meta);
	if (!memcmp(&want, k->header, sizeof(want)))
		return ST_OK;
	return check_write(c, k->at, &want, sizeof(want));
}

static enum status fix_keep(struct check *c, enum vmfs_res kind, const struct check_cluster *k)
{
	return fix_cluster(c, kind, k, 0);
}

static enum status fix_release(struct check *c, enum vmfs_res kind, const struct check_cluster *k)
{
	return fix_cluster(c, kind, k, 1);
}

enum status check_fix_clusters(struct check *c, enum vmfs_res kind, int release)
{
	return check_each_cluster(c, kind, release ? fix_release : fix_keep);
}
