/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check_lvm - rules L1 to L3 and D1 to D3: the parts that a mount can live with.
 * What it cannot live with, lvm_open() and vmfs_layout_read() have refused already. */
#include "vmfs/check_priv.h"

struct pe_arg {
	struct check		*c;
	struct lvm_device	*d;
	uint32_t		wrong_bits, first_wrong;
};

static enum status compare_bit(void *arg, uint32_t number, const struct lvm_pe_disk *pe, int in_map)
{
	struct pe_arg *a = arg;

	if ((pe->used == 1) != in_map && !a->wrong_bits++)
		a->first_wrong = number;
	return ST_OK;
}

/* Set all bits of the PEs of a region. */
static enum status fix_bitmaps(struct check *c, struct lvm_device *d)
{
	uint8_t *map = c->chunk;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < d->region_count; i++)
		for (uint32_t k = 0; k < d->region[i].pes && st == ST_OK; k += LVM_PES_PER_MAP) {
			uint32_t n = MIN(LVM_PES_PER_MAP, d->region[i].pes - k);

			memset(map, 0, LVM_PES_PER_MAP / 8);
			for (uint32_t b = 0; b < n; b++)
				bit_set(map, b);
			st = io_dev_write(d->dev,
					  d->region[i].at + d->form->map_at +
					      (uint64_t)(k / LVM_PES_PER_MAP) *
						  d->form->stride, map,
					  LVM_PES_PER_MAP / 8);
		}
	return st;
}

static enum status check_bitmap(struct check *c, struct lvm_device *d)
{
	struct pe_arg a = { .c = c, .d = d };
	enum status st = lvm_pe_walk(d, compare_bit, &a, c->why);

	if (st != ST_OK || !a.wrong_bits)
		return st;
	if (c->opts->fix)
		st = fix_bitmaps(c, d);
	check_report(c, c->opts->fix && st == ST_OK, VMFS_FIND_WRONG, "L1", ~0ull,
		     "%s: %u bits of the PE bitmap differ from the PE table, the first is PE %u",
		     d->dev->name, a.wrong_bits, a.first_wrong);
	return st;
}

static enum status check_record(struct check *c, struct lvm_device *d)
{
	uint32_t pes = le32_get(d->record.num_pes), last = le32_get(d->record.last_pe);
	enum status st = ST_OK;

	if (last == pes - 1)
		return ST_OK;
	if (c->opts->fix) {
		le32_set(&d->record.last_pe, pes - 1);
		st = lvm_write_record(d);
	}
	check_report(c, c->opts->fix && st == ST_OK, VMFS_FIND_WRONG, "L1", ~0ull,
		     "%s: lastPEIndex is %u, with %u PEs it must be %u", d->dev->name, last, pes,
		     pes - 1);
	return st;
}

/* A device that is ahead of the head: its part of an interrupted grow or span. Back to the head's
 * view, which is what the map was built from. */
static enum status fix_ahead(struct check *c, struct lvm_device *d)
{
	const struct lvm_volume_disk *head = &c->lvm.dev[0].volume;
	uint64_t first = le64_get(d->volume.first_pe), end = c->lvm.bytes / LVM_PE_BYTES;
	uint64_t pes = MIN(le32_get(d->volume.num_pes), end - first);

	d->volume.logical_bytes = head->logical_bytes;
	d->volume.generation = head->generation;
	d->volume.num_devs = head->num_devs;
	le32_set(&d->volume.num_pes, (uint32_t)pes);
	le64_set(&d->volume.last_pe, first + pes - 1);
	return lvm_write_volume(d);
}

static enum status check_agreement(struct check *c, struct lvm_device *d)
{
	const struct lvm_volume_disk *head = &c->lvm.dev[0].volume, *v = &d->volume;
	uint64_t bytes = le64_get(v->logical_bytes);
	uint32_t devs = le32_get(v->num_devs);
	enum status st = ST_OK;

	if (bytes == le64_get(head->logical_bytes) && devs == le32_get(head->num_devs) &&
	    le64_get(v->generation) == le64_get(head->generation))
		return ST_OK;
	if (c->opts->fix)
		st = fix_ahead(c, d);
	check_report(c, c->opts->fix && st == ST_OK, VMFS_FIND_WRONG, "L3", ~0ull,
		     "%s: says %ju bytes on %u devices, %s says %ju on %u: an interrupted grow",
		     d->dev->name, bytes, devs, c->lvm.dev[0].dev->name,
		     le64_get(head->logical_bytes), le32_get(head->num_devs));
	return st;
}

enum status check_lvm(struct check *c)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < c->lvm.dev_count && st == ST_OK; i++) {
		struct lvm_device *d = &c->lvm.dev[i];

		st = check_record(c, d);
		if (st == ST_OK)
			st = check_bitmap(c, d);
		if (st == ST_OK)
			st = check_agreement(c, d);
	}
	if (c->lvm.bytes < LVM_PE_BYTES)
		check_find(c, VMFS_FIND_NOTE, "L2", ~0ull,
			   "%s: one short PE of %ju MiB: a test volume that no ESXi host accepts",
			   c->lvm.dev[0].dev->name, (uint64_t)(c->lvm.bytes / MIB));
	return st;
}

/* ---- the descriptor -------------------------------------------------------------------------- */

static void check_identity(struct check *c)
{
	const struct vmfs_fs_disk *fs = &c->layout.fs;
	const struct lvm_volume_disk *head = &c->lvm.dev[0].volume;
	size_t label = 0;

	if (memcmp(&fs->lv_id, &head->lv_id, sizeof(fs->lv_id)))
		check_find(
		    c, VMFS_FIND_DAMAGE, "D2", VMFS_FS_AT,
		    "the descriptor was written on another logical volume than this one (a copy?)");
	else if (le32_get(fs->lv_snap_id) != le32_get(head->snap_id))
		check_find(c, VMFS_FIND_DAMAGE, "D2", VMFS_FS_AT,
			   "snapshot id %u in the descriptor, %u in the LVM header",
			   le32_get(fs->lv_snap_id), le32_get(head->snap_id));
	while (label < sizeof(fs->label) && fs->label[label])
		label++;
	if (!fmt_utf8_valid((const char *)fs->label, label))
		check_find(c, VMFS_FIND_NOTE, "D1", VMFS_FS_AT, "the label is not valid UTF-8");
}

/* pb2VolAddr and sddVolAddr follow from the FD addresses beside them. */
static int check_fd_copy(struct check *c, const char *name, le64 *at, uint32_t fd)
{
	uint64_t want = vmfs_layout_addr_at(&c->layout, fd);

	if (le64_get(*at) == 0 && fd == 0)
		return 0;
	if (VMFS_ADDR_TYPE(fd) != VMFS_ADDR_FD || want == ~0ull) {
		check_find(c, VMFS_FIND_DAMAGE, "D3", VMFS_FS_AT,
			   "%sFDAddr 0x%08x is no file descriptor", name, fd);
		return 0;
	}
	if (le64_get(*at) == want)
		return 0;
	check_report(c, c->opts->fix, VMFS_FIND_WRONG, "D3", VMFS_FS_AT,
		     "%sVolAddr is 0x%jx, its file descriptor 0x%08x is at 0x%jx", name,
		     le64_get(*at), fd, want);
	le64_set(at, want);
	return 1;
}

enum status check_descriptor(struct check *c)
{
	struct vmfs_fs_disk *fs = &c->layout.fs;
	int wrong = 0;

	check_identity(c);
	if (c->layout.version >= 5) {
		wrong = check_fd_copy(c, "pb2", &fs->pb2_at, le32_get(fs->pb2_fd));
		wrong |= check_fd_copy(c, "sdd", &fs->sdd_at, le32_get(fs->sdd_fd));
	}
	if (c->lvm.bytes - (c->layout.blocks << c->layout.block_shift) >= c->layout.block_bytes)
		check_find(
		    c, VMFS_FIND_NOTE, "R1", ~0ull,
		    "the file system uses %ju of %ju MiB: growing it was interrupted, repeat it",
		    (c->layout.blocks << c->layout.block_shift) >> 20, c->lvm.bytes >> 20);
	return wrong && c->opts->fix ? lvm_write(&c->lvm, VMFS_FS_AT, fs, sizeof(*fs)) : ST_OK;
}
