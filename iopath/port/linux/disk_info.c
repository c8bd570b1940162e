/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_info - what the kernel says about a disk: size, units of direct transfers, what is cheap. */
#include "iopath/port/linux/linux_priv.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef STATX_DIOALIGN	/* Linux 6.1; the kernel may be newer than the headers */
#define STATX_DIOALIGN 0x2000U
#endif

/* The tail of struct statx since Linux 6.1: two words behind stx_dev_minor and stx_mnt_id. */
static void direct_alignment(int fd, uint32_t *memory, uint32_t *offset)
{
	struct statx sx = { 0 };
	const uint32_t *words = (const uint32_t *)(const void *)&sx;

	*memory = *offset = 0;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) != 0 ||
	    !(sx.stx_mask & STATX_DIOALIGN))
		return;
	*memory = words[0x98 / 4];
	*offset = words[0x9c / 4];
}

static uint64_t queue_limit(int fd, const char *name)
{
	struct stat st;
	char path[96];
	unsigned long long value = 0;

	if (fstat(fd, &st) != 0)
		return 0;
	/* A partition has no queue of its own: its disk's lies one level up. */
	for (int up = 0; up < 2; up++) {
		FILE *f;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/%s", major(st.st_rdev),
			 minor(st.st_rdev), up ? "../" : "", name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		if (fscanf(f, "%llu", &value) != 1)
			value = 0;
		fclose(f);
		break;
	}
	return value;
}

static void probe_device(struct port_disk *disk)
{
	int logical = 0;

	if (ioctl(disk->fd, BLKSSZGET, &logical) != 0 || logical < (int)SECTOR_BYTES ||
	    (logical & (logical - 1)) != 0)
		logical = SECTOR_BYTES;
	disk->info.block_bytes = (uint32_t)logical;
	disk->info.zero_is_cheap = queue_limit(disk->fd, "write_zeroes_max_bytes") > 0;
	/* PORT_UNMAP there is a "zero, and unmap if you like": see blocking.c. */
	disk->info.unmap_zeroes = disk->info.zero_is_cheap;
	disk->offset_mask = disk->memory_mask = disk->range_mask = (uint32_t)logical - 1;
}

/* Punch where nothing is, well behind the end: that changes nothing, and tells. */
static int can_punch(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	       fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)(round_up((uint64_t)st.st_size, GIB) + GIB), 4096) == 0;
}

/* A file system in memory has no "not cached yet" and refuses the flag. */
static int read_flags(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC))
		return 0;
	return RWF_NOWAIT;
}

static void probe_file(struct port_disk *disk)
{
	uint32_t memory, offset;

	direct_alignment(disk->fd, &memory, &offset);
	/* Kernels before 6.1 do not tell: a page is enough for every file system there is. */
	if (offset == 0 || (offset & (offset - 1)) != 0)
		offset = 4096;
	/* Memory aligned like the offsets, even where the kernel asks for less: zram (Linux 6.18)
	 * says 512, and stores pages of garbage from buffers that cross a page. */
	if (memory < offset || (memory & (memory - 1)) != 0)
		memory = offset;
	disk->info.block_bytes = disk->info.direct ? offset : SECTOR_BYTES;
	if (disk->info.direct) {
		disk->offset_mask = disk->range_mask = offset - 1;
		disk->memory_mask = memory - 1;
	}
	disk->info.zero_is_cheap = disk->info.unmap_zeroes =
		disk->info.writable && can_punch(disk->fd);
}

/* The kernel keeps locks with the inode of the name that was opened: two device nodes of one disk
 * have none in common. */
static uint32_t lock_place(int fd)
{
	struct stat st;
	uint64_t id[2];

	if (fstat(fd, &st) != 0)
		return 0;
	id[0] = (uint64_t)st.st_dev;
	id[1] = (uint64_t)st.st_ino;
	return accel_plain.crc32c(0, id, sizeof(id)) | 1;
}

void disk_probe(struct port_disk *disk)
{
	disk->info.lock_place = lock_place(disk->fd);
	disk->read_flags = read_flags(disk->fd);
	if (disk->info.is_device)
		probe_device(disk);
	else
		probe_file(disk);
	if (!disk->info.direct)
		disk->offset_mask = disk->memory_mask = 0;
}

void port_disk_info(struct port_disk *disk, struct port_disk_info *info)
{
	struct stat st = { 0 };
	uint64_t bytes = 0;

	*info = disk->info;
	if (disk->nbd)
		return;
	if (info->is_device) {
		if (ioctl(disk->fd, BLKGETSIZE64, &bytes) != 0)
			bytes = 0;
		info->size_bytes = info->allocated_bytes = bytes;
		return;
	}
	if (fstat(disk->fd, &st) == 0) {
		info->size_bytes = (uint64_t)st.st_size;
		info->allocated_bytes = (uint64_t)st.st_blocks * 512;
	}
}
