/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* probe - what one device says of itself; nothing is mounted, nothing written. */
#include "vmfs/geom_priv.h"

struct find_zero {
	uint64_t	physical;
	uint8_t		found;
};

static enum status find_zero(void *arg, uint32_t number, const struct lvm_pe_disk *pe, int in_map)
{
	struct find_zero *z = arg;

	(void)number;
	(void)in_map;
	if (z->found || !pe->used || le64_get(pe->logical) != 0)
		return ST_OK;
	z->physical = le64_get(pe->physical);
	z->found = 1;
	return ST_OK;
}

/* The descriptor stands 2 MiB behind volume offset 0, in the same PE. */
static enum status probe_fs(struct lvm_device *d, struct vmfs_probe *p, struct why *why)
{
	struct find_zero z = { 0 };
	struct vmfs_fs_disk fs;
	enum status st = lvm_pe_walk(d, find_zero, &z, why);

	if (st != ST_OK)
		return st;
	if (!z.found || z.physical > d->dev->size_bytes ||
	    d->dev->size_bytes - z.physical < VMFS_FS_AT + sizeof(fs))
		return why_set(why, ST_CORRUPT,
			       "%s: the start of its logical volume is not on the device",
			       d->dev->name);
	st = io_dev_read(d->dev, z.physical + VMFS_FS_AT, &fs, sizeof(fs));
	if (st != ST_OK)
		return why_set(why, st, "%s: file system descriptor: %s", d->dev->name,
			       status_text(st));
	if (le32_get(fs.magic) != VMFS_FS_MAGIC)
		return why_set(why, ST_CORRUPT,
			       "%s: a logical volume without a VMFS descriptor (making or "
			       "formatting it was interrupted?)",
			       d->dev->name);
	p->fs_major = le32_get(fs.major);
	p->fs_minor = fs.minor;
	memcpy(&p->fs_uuid, &fs.uuid, sizeof(p->fs_uuid));
	p->ats_only = (uint8_t)vmfs_locking_ats_only(&fs);
	memcpy(p->label, fs.label, sizeof(fs.label));
	p->label[sizeof(fs.label)] = 0;
	return ST_OK;
}

/* Enough of an LVM6 header to name the volume; its tables are laid out differently. */
static void probe_record(const struct lvm_device *d, struct vmfs_probe *p)
{
	p->lvm_major = le32_get(d->record.major);
	memcpy(&p->dev_uuid, &d->record.dev_id, sizeof(p->dev_uuid));
	p->device_bytes = le64_get(d->record.total_bytes);
}

enum status vmfs_probe(struct io_dev *dev, struct vmfs_probe *p, struct why *why)
{
	struct lvm_device d;
	enum status st;

	memset(p, 0, sizeof(*p));
	st = lvm_device_read(&d, dev, why);
	if (st == ST_UNSUPPORTED)
		probe_record(&d, p);
	if (st != ST_OK)
		return st;
	probe_record(&d, p);
	memcpy(&p->lv_uuid, &d.volume.lv_id, sizeof(p->lv_uuid));
	p->snap_id = le32_get(d.volume.snap_id);
	p->logical_bytes = le64_get(d.volume.logical_bytes);
	p->num_devs = le32_get(d.volume.num_devs);
	p->first_pe = le64_get(d.volume.first_pe);
	return p->first_pe == 0 ? probe_fs(&d, p, why) : ST_OK;
}
