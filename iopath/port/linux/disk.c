/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk - open, close, and the calls that answer at once: length, room, holes, locks.
 *
 * A regular file that is opened for direct I/O gets a second descriptor, through the page cache,
 * for transfers that are not aligned. Within one machine the two see the same bytes: the kernel
 * writes dirty pages back before a direct transfer and drops them after a direct write. What that
 * leaves open, a write of each kind in one page at one moment, io.c puts in order within the
 * process; and no two hosts write into one page of a shared file except in whole units of the
 * direct size. The cached descriptor reads nothing ahead: that would fill pages that direct writes
 * drop again, and make large folios in which the two kinds of pages meet. */
#include "iopath/port/linux/linux_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status status_of_errno(int error)
{
	switch (error) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return ST_NOENT;
	case EEXIST:
		return ST_EXIST;
	case ENOTDIR:
		return ST_NOTDIR;
	case EISDIR:
		return ST_ISDIR;
	case ENOTEMPTY:
		return ST_NOTEMPTY;
	case ENAMETOOLONG:
	case EILSEQ:
		return ST_NAME;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ST_NOSPACE;
	case ENOMEM:
		return ST_NOMEM;
	case EMFILE:
	case ENFILE:
	case EMLINK:
	case ELOOP:
		return ST_LIMIT;
	case EBUSY:
	case EAGAIN:
	case EACCES:
	case ETXTBSY:
		return error == EACCES ? ST_REFUSED : ST_BUSY;
	case EPERM:
		return ST_REFUSED;
	case EROFS:
	case EBADF:
		return ST_READONLY;
	case EOPNOTSUPP:
	case ENOSYS:
	case ENOTTY:
	case EXDEV:
		return ST_UNSUPPORTED;
	case EINVAL:
		return ST_INVAL;
	default:
		return ST_DEVICE;
	}
}

/* ---- open ------------------------------------------------------------------------------------ */

static int open_flags(unsigned flags)
{
	int f = O_CLOEXEC | (flags & PORT_OPEN_WRITE ? O_RDWR : O_RDONLY);

	if (flags & PORT_OPEN_CREATE)
		f |= O_CREAT | O_EXCL;
	return f;
}

/* A file system without direct I/O answers EINVAL: then the page cache has to do. */
static int open_direct(const char *path, int flags)
{
	int fd = open(path, flags | O_DIRECT, 0600);

	if (fd < 0 && errno == EINVAL)
		fd = open(path, flags & ~O_EXCL, 0600);
	return fd;
}

/* Never wait for a FIFO, a tape or a modem: look at what it is first. */
static enum status check_kind(const char *path, int *is_device, struct why *why)
{
	struct stat st;

	*is_device = 0;
	if (stat(path, &st) != 0)
		return errno == ENOENT ? ST_OK
				       : why_set(why, status_of_errno(errno), "%s: %s", path,
						 strerror(errno));
	*is_device = S_ISBLK(st.st_mode);
	if (S_ISDIR(st.st_mode))
		return why_set(why, ST_ISDIR, "%s: is a directory", path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return why_set(why, ST_INVAL, "%s: neither a file nor a block device", path);
	return ST_OK;
}

static enum status open_fds(struct port_disk *disk, const char *path, unsigned flags,
			    struct why *why)
{
	int f = open_flags(flags), is_device;
	enum status st;

	if (nbd_is_uri(path))
		return nbd_disk_open(disk, path, flags, why);
	st = check_kind(path, &is_device, why);
	if (st != ST_OK)
		return st;
	if (!(flags & PORT_OPEN_CACHED) && (is_device || flags & PORT_OPEN_DIRECT)) {
		disk->fd = open_direct(path, f);
		disk->info.direct = 1;
	} else {
		disk->fd = open(path, f, 0600);
	}
	if (disk->fd < 0)
		return why_set(why, status_of_errno(errno), "%s: %s", path, strerror(errno));
	disk->info.is_device = (uint8_t)is_device;
	disk->info.direct = disk->info.direct && fcntl(disk->fd, F_GETFL) & O_DIRECT;
	disk->info.writable = (flags & PORT_OPEN_WRITE) != 0;
	if (!disk->info.direct || is_device)
		return ST_OK;
	disk->cached_fd = open(path, f & ~(O_CREAT | O_EXCL));
	if (disk->cached_fd < 0)
		return why_set(why, status_of_errno(errno), "%s: %s", path, strerror(errno));
	posix_fadvise(disk->cached_fd, 0, 0, POSIX_FADV_RANDOM);
	return ST_OK;
}

static void close_fds(struct port_disk *disk)
{
	if (disk->nbd)
		nbd_disk_close(disk);
	if (disk->cached_fd >= 0)
		close(disk->cached_fd);
	if (disk->fd >= 0)
		close(disk->fd);
}

enum status port_disk_open(const char *path, unsigned flags, struct port_disk **out,
			   struct why *why)
{
	struct port_disk *disk = calloc(1, sizeof(*disk));
	enum status st;

	if (disk == NULL)
		return why_set(why, ST_NOMEM, "%s: out of memory", path);
	disk->fd = disk->cached_fd = disk->slot = -1;
	disk->pcpu = pcpu_here();
	list_init(&disk->in_flight);
	list_init(&disk->waiting);
	mem_copy_text(disk->info.name, sizeof(disk->info.name), path);
	st = open_fds(disk, path, flags, why);
	if (st != ST_OK)
		goto close_fds;
	if (!disk->nbd)
		disk_probe(disk);
	if (!disk->nbd && disk->pcpu->engine->disk_opened)
		disk->pcpu->engine->disk_opened(disk->pcpu, disk);
	*out = disk;
	return ST_OK;
close_fds:
	close_fds(disk);
	free(disk);
	return st;
}

void port_disk_close(struct port_disk *disk)
{
	VERIFY(list_empty(&disk->in_flight));
	if (!disk->nbd && disk->pcpu->engine->disk_closed)
		disk->pcpu->engine->disk_closed(disk->pcpu, disk);
	close_fds(disk);
	free(disk);
}

/* ---- length and room ------------------------------------------------------------------------- */

enum status port_disk_resize(struct port_disk *disk, uint64_t size_bytes)
{
	if (!disk->info.writable)
		return ST_READONLY;
	if (disk->info.is_device)
		return ST_UNSUPPORTED;
	if (size_bytes > INT64_MAX)
		return ST_NOSPACE;
	if (disk_is_shut(disk))
		return ST_LOST;
	return ftruncate(disk->fd, (off_t)size_bytes) == 0 ? ST_OK : status_of_errno(errno);
}

enum status port_disk_reserve(struct port_disk *disk, uint64_t offset, uint64_t bytes)
{
	int result;

	if (!disk->info.writable)
		return ST_READONLY;
	if (disk->info.is_device)
		return ST_UNSUPPORTED;
	if (offset > INT64_MAX || bytes > INT64_MAX - offset)
		return ST_NOSPACE;
	if (bytes == 0)
		return ST_OK;
	if (disk_is_shut(disk))
		return ST_LOST;
	do
		result = fallocate(disk->fd, 0, (off_t)offset, (off_t)bytes);
	while (result != 0 && errno == EINTR);
	return result == 0 ? ST_OK : status_of_errno(errno);
}

void port_disk_set_deadline(struct port_disk *disk, uint64_t ns)
{
	__atomic_store_n(&disk->deadline_ns, ns, __ATOMIC_RELAXED);
}

void port_disk_next_data(struct port_disk *disk, uint64_t offset, uint64_t *data, uint64_t *hole)
{
	struct port_disk_info info;
	off_t at;

	port_disk_info(disk, &info);
	*data = MIN(offset, info.size_bytes);
	*hole = info.size_bytes;
	if (info.is_device || offset >= info.size_bytes)
		return;
	at = lseek(disk->fd, (off_t)offset, SEEK_DATA);
	if (at < 0) {
		if (errno == ENXIO)
			*data = info.size_bytes;
		return;
	}
	*data = MIN((uint64_t)at, info.size_bytes);
	at = lseek(disk->fd, at, SEEK_HOLE);
	if (at >= 0)
		*hole = MIN((uint64_t)at, info.size_bytes);
}

/* ---- locks ----------------------------------------------------------------------------------- */

/* Locks of the open file description: they belong to this opening, not to the process, and go with
 * it (fcntl(2), "Open file description locks"). A shared lock needs only a readable descriptor. */
static enum status set_lock(struct port_disk *disk, uint64_t offset, uint64_t bytes, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)offset,
			      .l_len = (off_t)bytes };

	if (fcntl(disk->fd, F_OFD_SETLK, &lock) == 0)
		return ST_OK;
	return errno == EAGAIN || errno == EACCES ? ST_BUSY : status_of_errno(errno);
}

enum status port_disk_lock(struct port_disk *disk, uint64_t offset, uint64_t bytes, int exclusive)
{
	if (exclusive && !disk->info.writable)
		return ST_READONLY;
	return disk->nbd ? ST_OK : set_lock(disk, offset, bytes, exclusive ? F_WRLCK : F_RDLCK);
}

void port_disk_unlock(struct port_disk *disk, uint64_t offset, uint64_t bytes)
{
	VERIFY(disk->nbd || set_lock(disk, offset, bytes, F_UNLCK) == ST_OK);
}
