/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk - openings of files and devices, their length, room and holes. */
#include "iopath/port/sim/sim_priv.h"

#include <stdlib.h>

/* The inode at a path, made when the flags say so. */
static enum status find_or_make(const char *path, unsigned flags, struct inode **inode)
{
	struct place place;
	enum status st = node_find(path, 1, &place);

	if (st != ST_OK)
		return st;
	if (place.entry == NULL && place.name[0] == '\0')
		return ST_ISDIR;
	if (place.entry) {
		*inode = place.entry->inode;
		return flags & PORT_OPEN_CREATE ? ST_EXIST : ST_OK;
	}
	if (!(flags & PORT_OPEN_CREATE))
		return ST_NOENT;
	st = faults_of_change();
	if (st != ST_OK)
		return st;
	*inode = inode_new(PORT_KIND_FILE, 0600);
	if (*inode == NULL)
		return ST_NOMEM;
	st = node_add(place.dir, place.name, *inode);
	inode_release(*inode);
	return st;
}

enum status port_disk_open(const char *path, unsigned flags, struct port_disk **out,
			   struct why *why)
{
	struct inode *inode = NULL;
	enum status st = find_or_make(path, flags, &inode);
	struct port_disk *disk;

	if (st == ST_OK && inode->kind == PORT_KIND_DIR)
		st = ST_ISDIR;
	if (st != ST_OK)
		return why_set(why, st, "%s: %s", path, status_text(st));
	disk = calloc(1, sizeof(*disk));
	if (disk == NULL)
		return why_set(why, ST_NOMEM, "%s: out of memory", path);
	disk->inode = inode;
	disk->host = sim.pcpu[sim.here].host;
	disk->writable = (flags & PORT_OPEN_WRITE) != 0;
	disk->direct = !(flags & PORT_OPEN_CACHED) &&
		       (inode->kind == PORT_KIND_DEVICE || flags & PORT_OPEN_DIRECT);
	mem_copy_text(disk->name, sizeof(disk->name), path);
	inode->opens++;
	list_add_tail(&sim.disks, &disk->all);
	*out = disk;
	return ST_OK;
}

void port_disk_close(struct port_disk *disk)
{
	VERIFY(disk->in_flight == 0);
	list_del(&disk->all);
	locks_drop(disk->inode, disk);
	disk->inode->opens--;
	inode_release(disk->inode);
	free(disk);
}

void port_disk_info(struct port_disk *disk, struct port_disk_info *info)
{
	const struct inode *inode = disk->inode;

	*info = (struct port_disk_info){
		.size_bytes = inode->size_bytes,
		.block_bytes = inode->block_bytes,
		.is_device = inode->kind == PORT_KIND_DEVICE,
		.writable = disk->writable,
		.direct = disk->direct,
		.zero_is_cheap = 1,
		.unmap_zeroes = 1,
		.lock_place = inode->number,
		.allocated_bytes = inode->kind == PORT_KIND_DEVICE ? inode->size_bytes
							       : inode->image.pages * PAGE_BYTES,
	};
	mem_copy_text(info->name, sizeof(info->name), disk->name);
}

static enum status may_change_length(const struct port_disk *disk)
{
	if (disk->stale)
		return ST_DEVICE;
	if (!disk->writable)
		return ST_READONLY;
	if (disk->inode->kind == PORT_KIND_DEVICE)
		return ST_UNSUPPORTED;
	return disk_is_shut(disk) ? ST_LOST : faults_of_change();
}

enum status port_disk_resize(struct port_disk *disk, uint64_t size_bytes)
{
	struct inode *inode = disk->inode;
	enum status st = may_change_length(disk);

	if (st != ST_OK)
		return st;
	if (size_bytes > INT64_MAX)
		return ST_NOSPACE;
	if (size_bytes < inode->size_bytes) {
		/* The new length is durable at once; so then must be what it cuts off. */
		image_log_flush(&inode->image, UINT64_MAX);
		st = image_clear(&inode->image, size_bytes, inode->size_bytes - size_bytes, 0);
	}
	if (st == ST_OK)
		inode->size_bytes = size_bytes;
	return st;
}

enum status port_disk_reserve(struct port_disk *disk, uint64_t offset, uint64_t bytes)
{
	enum status st = may_change_length(disk);

	if (st == ST_OK && (offset > INT64_MAX || bytes > INT64_MAX - offset))
		st = ST_NOSPACE;
	if (st == ST_OK)
		st = image_reserve(&disk->inode->image, offset, bytes);
	if (st == ST_OK)
		disk->inode->size_bytes = MAX(disk->inode->size_bytes, offset + bytes);
	return st;
}

/* One thread runs all hosts. */
enum status port_disk_read_here(struct port_disk *disk, uint64_t offset, void *buf, uint64_t bytes)
{
	(void)disk;
	(void)offset;
	(void)buf;
	(void)bytes;
	return ST_UNSUPPORTED;
}

void port_disk_next_data(struct port_disk *disk, uint64_t offset, uint64_t *data, uint64_t *hole)
{
	uint64_t size = disk->inode->size_bytes, end = div_round_up(size, PAGE_BYTES);
	const struct image *image = &disk->inode->image;
	uint64_t page;

	*data = *hole = size;
	if (offset >= size)
		return;
	page = image_find(image, offset / PAGE_BYTES, end, WANT_DATA);
	*data = MIN(size, MAX(offset, page * PAGE_BYTES));
	if (*data < size)
		*hole = MIN(size, image_find(image, page, end, WANT_HOLE) * PAGE_BYTES);
}
