/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* grow - a larger volume: its last device has grown (vmfs_grow), or one is added (vmfs_span).
 *
 * First the logical volume: PE records and a new device's header are written where nobody looks
 * yet; the head's volume entry, one sector, is written last and makes them count. Then the file
 * system. Between the two the volume is the old one with an unused tail, and repeating the command
 * goes on from there. The volume is not mounted meanwhile; the device locks are held throughout,
 * and the head carries our name for other machines (header_lock.c).
 *
 * The file system of a VMFS-5 is changed in place and by hand (grow_fs.c). That of a VMFS-6 grows
 * by operations of the journal (res_grow.c), so it is mounted for that, afterwards; and once
 * before, for a mount knows all the reasons why a volume may not be written to. */
#include "vmfs/format_priv.h"

struct grow {
	struct io_dev	*dev[LVM_DEVICES_MAX];
	uint32_t	dev_count, locked;
	struct why	*why;
	struct lvm	lvm;
	uint64_t	now_us;
	const struct vmfs_form *form;
	struct io_dev	*named;		/* carries our name; NULL: none */
};

static enum status lock_all(struct grow *g)
{
	for (; g->locked < g->dev_count; g->locked++) {
		enum status st;

		if (!g->dev[g->locked]->writable)
			return why_set(g->why, ST_READONLY, "%s: opened for reading only",
				       g->dev[g->locked]->name);
		st = lvm_lock_dev(g->dev[g->locked], 1, g->why);
		if (st != ST_OK)
			return st;
	}
	return ST_OK;
}

/* Nobody may have it mounted, and nobody's journal may be waiting. */
static enum status refuse_mounted(struct grow *g)
{
	const size_t bytes = g->form->hb_slots * g->form->md_bytes;
	uint8_t *region = port_dma_alloc(bytes);
	enum status st;

	if (!region)
		return why_set(g->why, ST_NOMEM, "no memory for the heartbeat region");
	st = lvm_read(&g->lvm, VMFS_HB_AT, region, bytes);
	if (st != ST_OK)
		why_set(g->why, st, "heartbeat region: %s", status_text(st));
	for (uint32_t i = 0; i < g->form->hb_slots && st == ST_OK; i++) {
		const struct vmfs_hb_disk *slot =
		    (const void *)(region + i * g->form->md_bytes);

		if (le32_get(slot->state) != VMFS_HB_FREE)
			st = why_set(
			    g->why, ST_BUSY,
			    "%s: heartbeat slot %u is in use: a host has the volume "
			    "mounted, or left it without unmounting (mount and unmount it there)",
			    g->lvm.dev[0].dev->name, i);
	}
	port_dma_free(region, bytes);
	return st;
}

/* Against other machines. One that mounted it before it could see our name is seen now. */
static enum status take_name(struct grow *g)
{
	struct vmfs_uuid host;
	enum status st;

	vmfs_uuid_make(&host);
	st = lvm_header_take(&g->lvm.dev[0], &host, g->why);
	if (st != ST_OK)
		return st;
	g->named = g->lvm.dev[0].dev;
	return refuse_mounted(g);
}

/* The file system must be one that we may write before the devices are touched. */
static enum status refuse_unfit(struct grow *g)
{
	struct vmfs_layout *layout = port_alloc(sizeof(*layout));
	enum status st;

	if (!layout)
		return why_set(g->why, ST_NOMEM, "no memory for the layout");
	st = vmfs_layout_read(&g->lvm, layout, 0, g->why);
	if (st == ST_OK && layout->version < 5)
		st = why_set(g->why, ST_READONLY, "%s: a VMFS-3 volume is read only here",
			     g->lvm.dev[0].dev->name);
	g->form = layout->form;
	vmfs_layout_free(layout);
	port_free(layout);
	return st == ST_OK ? refuse_mounted(g) : st;
}

/* ---- the logical volume ---------------------------------------------------------------------- */

struct row { const struct lvm_form *form; int in_a_row; };

static enum status check_place(void *arg, uint32_t number, const struct lvm_pe_disk *pe, int in_map)
{
	struct row *row = arg;

	(void)in_map;
	row->in_a_row &= le64_get(pe->physical) == lvm_record_place(row->form, number);
	return ST_OK;
}

/* New records are put behind the old ones, so those must lie as we would have put them. */
static enum status refuse_scattered(struct grow *g, struct lvm_device *d)
{
	struct row row = { d->form, 1 };
	enum status st = lvm_pe_walk(d, check_place, &row, g->why);

	if (st == ST_OK && !row.in_a_row)
		st = why_set(g->why, ST_UNSUPPORTED,
			     "%s: its PEs do not follow each other, it cannot be grown in "
			     "place",
			     d->dev->name);
	return st;
}

static void touch(struct grow *g, struct lvm_device *d, uint64_t generation, uint64_t bytes)
{
	le64_set(&d->record.generation, generation + 1);
	le64_set(&d->record.mod_time_us, g->now_us);
	le64_set(&d->volume.generation, generation);
	le64_set(&d->volume.logical_bytes, bytes);
	le32_set(&d->volume.num_devs, g->lvm.dev_count);
	le64_set(&d->volume.mod_time_us, g->now_us);
}

/* Records may run ahead; volume entries make the change, the head's last. */
static enum status publish(struct grow *g)
{
	enum status st = lvm_flush(&g->lvm);

	for (uint32_t i = g->lvm.dev_count; i-- > 0 && st == ST_OK;)
		st = lvm_write_record(&g->lvm.dev[i]);
	if (st == ST_OK)
		st = lvm_flush(&g->lvm);
	for (uint32_t i = g->lvm.dev_count; i-- > 1 && st == ST_OK;)
		st = lvm_write_volume(&g->lvm.dev[i]);
	if (st == ST_OK)
		st = lvm_flush(&g->lvm);
	if (st == ST_OK)
		st = lvm_write_volume(&g->lvm.dev[0]);
	if (st == ST_OK)
		st = lvm_flush(&g->lvm);
	return st == ST_OK ? ST_OK : why_set(g->why, st, "%s: writing LVM headers: %s",
					     g->lvm.dev[0].dev->name, status_text(st));
}

/* Give all devices the new size and generation; `added` PEs were appended. */
static enum status publish_size(struct grow *g, uint64_t bytes, uint64_t added)
{
	uint64_t generation = le64_get(g->lvm.dev[0].volume.generation) + MAX(added, 1);

	for (uint32_t i = 0; i < g->lvm.dev_count; i++)
		touch(g, &g->lvm.dev[i], generation, bytes);
	return publish(g);
}

/* A test volume: its one PE becomes longer, up to the 256 MiB of a real one. */
static enum status grow_short_pe(struct grow *g, struct lvm_device *d, uint64_t *bytes)
{
	uint64_t room = d->dev->size_bytes - LVM_DATA_AT;

	*bytes = MIN(round_down(room, MIB), LVM_PE_BYTES);
	return *bytes > g->lvm.bytes ? lvm_write_pes(d->dev, 0, 1, 0, *bytes, g->why) : ST_OK;
}

static enum status grow_last_device(struct grow *g)
{
	struct lvm_device *d = &g->lvm.dev[g->lvm.dev_count - 1];
	uint64_t first = le64_get(d->volume.first_pe), bytes = g->lvm.bytes;
	/* By the head's size: the device itself may be ahead after an interruption. */
	uint32_t old = (uint32_t)(div_round_up(bytes, LVM_PE_BYTES) - first), pes;
	enum status st = refuse_scattered(g, d);

	if (st == ST_OK && bytes % LVM_PE_BYTES)
		st = grow_short_pe(g, d, &bytes);
	if (st != ST_OK)
		return st;
	pes = MAX(lvm_room_pes(d->form, d->dev->size_bytes), old);
	pes = (uint32_t)MIN(pes, LVM_PES_MAX - first);
	if (pes > old) {
		st = lvm_extend_pes(d, old, pes, g->why);
		bytes = (first + pes) * LVM_PE_BYTES;
	}
	if (st != ST_OK || bytes == g->lvm.bytes)
		return st;
	lvm_set_pes(d, pes);
	le64_set(&d->record.total_bytes, d->dev->size_bytes);
	return publish_size(g, bytes, pes - old);
}

/* ---- another device -------------------------------------------------------------------------- */

static enum status refuse_device(struct grow *g, struct io_dev *added, uint64_t pes)
{
	const char *head = g->lvm.dev[0].dev->name;

	if (g->lvm.bytes % LVM_PE_BYTES)
		return why_set(g->why, ST_UNSUPPORTED,
			       "%s: a test volume of less than 256 MiB cannot be spanned", head);
	if (pes == 0)
		return why_set(g->why, ST_RANGE,
			       "%s: too small: a device of a volume needs 273 MiB", added->name);
	if (g->lvm.bytes / LVM_PE_BYTES + pes > LVM_PES_MAX)
		return why_set(g->why, ST_RANGE, "%s: with it the volume would be over 64 TiB",
			       added->name);
	return ST_OK;
}

/* Everything of the new device but its record, which carries the magic. */
static enum status prepare_device(struct grow *g, struct lvm_device *d)
{
	enum status st = lvm_clear(d->dev, LVM_HEADER_AT, SECTOR_BYTES);

	if (st == ST_OK)
		st = io_dev_flush(d->dev);
	if (st == ST_OK)
		st = lvm_clear(d->dev, LVM_HEADER_AT, LVM_DATA_AT - LVM_HEADER_AT);
	if (st == ST_OK)
		st = lvm_write_device_pes(d, LVM_PE_BYTES, g->why);
	if (st == ST_OK)
		st = lvm_write_volume(d);
	if (st == ST_OK)
		st = io_dev_flush(d->dev);
	if (st == ST_OK)
		st = lvm_write_name(&g->lvm.dev[0], g->lvm.dev_count - 1, d->dev->name);
	return st == ST_OK ? ST_OK
			   : why_set(g->why, st, "%s: writing its LVM header: %s", d->dev->name,
				     status_text(st));
}

/* The last device so far may be ahead of the head; it ends where the new one begins. */
static enum status trim_last(struct grow *g, struct lvm_device *d, uint64_t end)
{
	uint64_t first = le64_get(d->volume.first_pe);

	if (le64_get(d->volume.last_pe) + 1 != end)
		lvm_set_pes(d, (uint32_t)(end - first));
	/* A record that covers a run may be ahead, though nothing else is. */
	return d->form->record_pes > 1 ? lvm_write_device_pes(d, LVM_PE_BYTES, g->why) : ST_OK;
}

static enum status add_device(struct grow *g, struct io_dev *added)
{
	struct lvm_device *d = &g->lvm.dev[g->lvm.dev_count];
	uint64_t first = g->lvm.bytes / LVM_PE_BYTES;
	uint32_t pes = lvm_room_pes(g->lvm.dev[0].form, added->size_bytes);
	struct vmfs_uuid id;
	enum status st = refuse_device(g, added, pes);

	if (st != ST_OK)
		return st;
	vmfs_uuid_make(&id);
	lvm_new_device(d, added, &id, g->now_us, "vmhba0:C0:T0:L0", g->lvm.dev[0].form);
	d->volume = g->lvm.dev[0].volume;
	le64_set(&d->volume.first_pe, first);
	lvm_set_pes(d, pes);
	st = trim_last(g, &g->lvm.dev[g->lvm.dev_count - 1], first);
	if (st != ST_OK)
		return st;
	g->lvm.dev_count++;
	touch(g, d, le64_get(d->volume.generation) + pes, (first + pes) * LVM_PE_BYTES);
	st = prepare_device(g, d);
	return st == ST_OK ? publish_size(g, (first + pes) * LVM_PE_BYTES, pes) : st;
}

/* ---- the file system, mounted ---------------------------------------------------------------- */

/* *mounted: its version grows so. What else is wrong with a device is told later. */
static enum status grows_mounted(struct io_dev *const *devs, uint32_t dev_count, int *mounted,
				 struct why *why)
{
	*mounted = 0;
	for (uint32_t i = 0; i < dev_count; i++) {
		struct vmfs_probe p;
		const struct vmfs_form *form = NULL;
		enum status st = vmfs_probe(devs[i], &p, why);

		if (st == ST_NOMEM)
			return st;
		if (st == ST_OK && p.first_pe == 0)
			form = vmfs_form_of(p.fs_major);
		if (form)
			*mounted = form->parent_of_fb != VMFS_RES_FB;
	}
	*why = (struct why){ 0 };
	return ST_OK;
}

/* added_bytes NULL: only see whether it can be written to. */
static enum status mount_and_grow(struct io_dev *const *devs, uint32_t dev_count,
				  uint64_t *added_bytes, struct why *why)
{
	struct vmfs_mount_opts opts = { .write = 1, .alone = 1 };
	struct vmfs_volume *vol;
	enum status st = vmfs_mount(devs, dev_count, &opts, &vol, why), ended;

	if (st == ST_OK && added_bytes)
		st = vmfs_blocks_grow(vol, added_bytes);
	else if (st != ST_OK)
		return st;
	if (st == ST_NOSPACE)
		why_set(why, st, "%s: no block is free to describe the new ones: remove something "
			"of 1 MiB, and repeat the command", vmfs_store(vol)->name);
	else if (st != ST_OK)
		why_set(why, st, "%s: growing the file system: %s; repeat the command",
			vmfs_store(vol)->name, status_text(st));
	ended = vmfs_unmount(vol);
	if (st == ST_OK && ended != ST_OK)
		why_set(why, ended, "unmounting after growing: %s; repeat the command",
			status_text(ended));
	return st == ST_OK ? ended : st;
}

/* ---- both ------------------------------------------------------------------------------------ */

static enum status grow_fs(struct grow *g, uint64_t *added_bytes)
{
	enum status st;

	lvm_close(&g->lvm);
	st = lvm_open(&g->lvm, g->dev, g->dev_count, g->why);
	return st == ST_OK ? vmfs_fs_grow(&g->lvm, added_bytes, g->why) : st;
}

static enum status begin(struct io_dev *const *devs, uint32_t dev_count, struct why *why,
			 struct grow **out)
{
	struct grow *g;

	if (dev_count == 0 || dev_count > LVM_DEVICES_MAX)
		return why_set(why, ST_INVAL, "a volume has 1 to 32 devices, not %u", dev_count);
	g = port_alloc(sizeof(*g));
	if (!g)
		return why_set(why, ST_NOMEM, "no memory to grow a volume");
	for (uint32_t i = 0; i < dev_count; i++)
		g->dev[i] = devs[i];
	g->dev_count = dev_count;
	g->why = why;
	g->now_us = port_wall_us();
	*out = g;
	return ST_OK;
}

static enum status end(struct grow *g, enum status st)
{
	enum status cleared = ST_OK;

	if (g->named)
		cleared = vmfs_header_lock_clear(&g->named, 1, st == ST_OK ? g->why : NULL);
	lvm_close(&g->lvm);
	while (g->locked)
		lvm_unlock_dev(g->dev[--g->locked]);
	port_free(g);
	return st == ST_OK ? cleared : st;
}

/* Look at the device again: whoever enlarged it did so behind our back. */
static enum status refresh_last(struct grow *g)
{
	struct io_dev *dev = g->lvm.dev[g->lvm.dev_count - 1].dev;
	enum status st = dev->ops->refresh ? dev->ops->refresh(dev) : ST_OK;

	return st == ST_OK
		   ? ST_OK
		   : why_set(g->why, st, "%s: reading its size: %s", dev->name, status_text(st));
}

enum status vmfs_grow(struct io_dev *const *devs, uint32_t dev_count, uint64_t *added_bytes,
		      struct why *why)
{
	int mounted;
	struct grow *g;
	enum status st = grows_mounted(devs, dev_count, &mounted, why);

	*added_bytes = 0;
	if (st == ST_OK && mounted)
		st = mount_and_grow(devs, dev_count, NULL, why);
	if (st == ST_OK)
		st = begin(devs, dev_count, why, &g);
	if (st != ST_OK)
		return st;
	st = lock_all(g);
	if (st == ST_OK)
		st = lvm_open(&g->lvm, g->dev, g->dev_count, why);
	if (st == ST_OK)
		st = refuse_unfit(g);
	if (st == ST_OK)
		st = take_name(g);
	if (st == ST_OK)
		st = refresh_last(g);
	if (st == ST_OK)
		st = grow_last_device(g);
	if (st == ST_OK && !mounted)
		st = grow_fs(g, added_bytes);
	st = end(g, st);
	return st == ST_OK && mounted ? mount_and_grow(devs, dev_count, added_bytes, why) : st;
}

enum status vmfs_span(struct io_dev *const *devs, uint32_t dev_count, struct io_dev *added,
		      struct why *why)
{
	struct io_dev *all[LVM_DEVICES_MAX + 1];
	struct grow *g;
	uint64_t ignored = 0;
	int mounted;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < MIN(dev_count, LVM_DEVICES_MAX); i++) {
		if (devs[i] == added)
			return why_set(why, ST_INVAL, "%s is a device of the volume already",
				       added->name);
		all[i] = devs[i];
	}
	all[MIN(dev_count, LVM_DEVICES_MAX)] = added;
	st = grows_mounted(devs, dev_count, &mounted, why);
	if (st == ST_OK && mounted)
		st = mount_and_grow(devs, dev_count, NULL, why);
	if (st == ST_OK)
		st = begin(devs, dev_count, why, &g);
	if (st != ST_OK)
		return st;
	st = lvm_open(&g->lvm, g->dev, g->dev_count, why);
	if (st == ST_OK && dev_count == LVM_DEVICES_MAX)
		st = why_set(why, ST_LIMIT, "%s: the volume has 32 devices already", devs[0]->name);
	if (st == ST_OK) {
		g->dev[g->dev_count++] = added;
		st = lock_all(g);
	}
	if (st == ST_OK)
		st = refuse_unfit(g);
	if (st == ST_OK)
		st = take_name(g);
	if (st == ST_OK)
		st = add_device(g, added);
	if (st == ST_OK && !mounted)
		st = grow_fs(g, &ignored);
	st = end(g, st);
	return st == ST_OK && mounted ? mount_and_grow(all, dev_count + 1, &ignored, why) : st;
}
