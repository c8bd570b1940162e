/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check_fix - repairs. Each is one write of whole sectors; the drivers decide whether and in which
 * order. Nothing here guesses: values come from what was counted. */
#include "vmfs/check_priv.h"

/* 1 when some heartbeat slot is in use. */
static enum status any_slot_used(struct check *c, int *used)
{
	struct vmfs_fs_disk fs;
	const struct vmfs_form *form;
	enum status st = lvm_read(&c->lvm, VMFS_FS_AT, &fs, sizeof(fs));

	*used = 0;
	if (st != ST_OK)
		return why_set(c->why, st, "file system descriptor: %s", status_text(st));
	form = vmfs_form_of(le32_get(fs.major));
	if (!form)
		return ST_OK;	/* the check itself will name it */
	st = check_read_slots(c, form);
	for (uint32_t i = 0; i < form->hb_slots && st == ST_OK; i++)
		*used |= le32_get(c->slot[i].state) == VMFS_HB_USED;
	return st;
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
	const struct vmfs_mount_opts opts = { .write = 1, .alone = 1 };
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
	return check_write(c, vmfs_layout_addr_at(&c->layout, addr) + c->layout.form->md_bytes,
			   meta, sizeof(*meta));
}

enum status check_fix_orphan(struct check *c, uint32_t addr)
{
	const struct vmfs_form *form = c->layout.form;
	uint32_t bytes = form->fd_bytes - form->md_bytes;
	struct vmfs_fd_disk *empty = port_dma_alloc(bytes);
	enum status st;

	if (!empty)
		return why_set(c->why, ST_NOMEM, "no memory for a file descriptor");
	le32_set(&empty->fd, addr);
	le32_set(&empty->signature, form->fd_signature);
	st = check_write(c, vmfs_layout_addr_at(&c->layout, addr) + form->md_bytes, empty, bytes);
	port_dma_free(empty, bytes);
	return st;
}

/* The bitmap that a cluster should have. */
static void wanted_bits(const struct check *c, enum vmfs_res kind, uint32_t number, int release,
			uint8_t *rec)
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	const struct vmfs_cluster_form *f = &g->form->cluster;
	uint32_t total = vmfs_geom_cluster_total(g, number), bits = g->form->res[kind].bits;
	uint64_t first = check_index(g, number, 0);

	memset(rec + f->bitmap_at, 0,
	       f->bitmap_bytes ? f->bitmap_bytes : div_round_up(g->per_cluster * bits, 8));
	vmfs_field_set(rec, f->total, total);
	for (uint32_t i = 0; i < total; i++) {
		int held = bit_get(c->ref[kind], first + i) ||
			   (!release && bit_get(c->used[kind], first + i));

		vmfs_cluster_set(g, kind, rec, i, !held);
	}
	vmfs_cluster_count(g, kind, rec);
}

static enum status fix_cluster(struct check *c, enum vmfs_res kind, const struct check_cluster *k,
			       int release)
{
	uint8_t want[SECTOR_BYTES];
	enum status st = ST_OK;

	if (!check_header_ours(c, kind, k))
		return ST_OK;
	if (le64_get(k->lock->at) != k->at) {
		le64_set(&k->lock->at, k->at);
		st = check_write(c, k->at, k->lock, sizeof(*k->lock));
	}
	memcpy(want, k->rec, sizeof(want));
	wanted_bits(c, kind, k->number, release, want);
	if (st != ST_OK || !memcmp(want, k->rec, sizeof(want)))
		return st;
	if (c->layout.form->stamp)
		c->layout.form->stamp(want);
	return check_write(c, k->at + c->layout.form->md_bytes, want, sizeof(want));
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
