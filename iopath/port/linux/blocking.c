/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* blocking - a whole transfer by ordinary system calls, on whatever thread can wait: the threads
 * engine for all of them, the other engines for what the kernel has no asynchronous form of. */
#include "iopath/port/linux/linux_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define VECTORS 64
#define ZEROS_BYTES (64 * KIB)

/* One preadv or pwritev; bytes moved or -errno. */
static int64_t move_once(struct port_io *io)
{
	struct iovec vec[VECTORS];
	int n = io_vectors(io, vec, VECTORS), fd = io_fd(io->disk, io);
	off_t at = (off_t)(io->offset + io->progress);
	ssize_t moved;

	if (io_is_late(io))
		return -GATE_SHUT;
	if (io->op == PORT_READ)
		moved = preadv(fd, vec, n, at);
	else
		moved = pwritev(fd, vec, n, at);
	return moved < 0 ? -errno : moved;
}

static int64_t flush(struct port_disk *disk)
{
	return fdatasync(disk->fd) == 0 ? 0 : -errno;
}

/* ---- zero ------------------------------------------------------------------------------------ */

static int64_t file_grow(struct port_io *io)
{
	uint64_t size = io->offset + io->bytes;
	struct stat st;

	if (fstat(io->disk->fd, &st) != 0)
		return -errno;
	if ((uint64_t)st.st_size >= size)
		return 0;
	if (io_is_late(io))
		return -GATE_SHUT;
	return ftruncate(io->disk->fd, (off_t)size) == 0 ? 0 : -errno;
}

static int64_t write_zeros(struct port_io *io)
{
	static const _Alignas(4096) char zeros[ZEROS_BYTES];
	int fd = io_fd(io->disk, io);

	for (uint64_t at = 0; at < io->bytes;) {
		size_t n = MIN(io->bytes - at, ZEROS_BYTES);
		ssize_t moved;

		if (io_is_late(io))
			return -GATE_SHUT;
		moved = pwrite(fd, zeros, n, (off_t)(io->offset + at));
		if (moved < 0 && errno != EINTR)
			return -errno;
		if (moved == 0)
			return -ENOSPC;
		at += moved > 0 ? (uint64_t)moved : 0;
	}
	return 0;
}

static int64_t punch(struct port_io *io)
{
	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	if (io_is_late(io))
		return -GATE_SHUT;
	return fallocate(io->disk->fd, mode, (off_t)io->offset, (off_t)io->bytes) == 0 ? 0 : -errno;
}

/* From the best way to the plainest: unwritten blocks, a hole, zeros. */
static int64_t zero(struct port_io *io)
{
	int is_device = io->disk->info.is_device;
	int mode = FALLOC_FL_ZERO_RANGE | (is_device ? FALLOC_FL_KEEP_SIZE : 0);
	int64_t result;

	if (io_is_late(io))
		return -GATE_SHUT;
	if (fallocate(io->disk->fd, mode, (off_t)io->offset, (off_t)io->bytes) == 0)
		return 0;
	if (errno != EOPNOTSUPP || is_device)
		return errno == EOPNOTSUPP ? write_zeros(io) : -errno;
	result = punch(io);
	if (result == 0)
		result = file_grow(io);
	return result == -EOPNOTSUPP ? write_zeros(io) : result;
}

/* A hole in a file reads as zeros, and so does one in a device that can write zeros by unmapping.
 * What is left is a discard, which promises nothing about the content (info.unmap_zeroes is 0). */
static int64_t unmap(struct port_io *io)
{
	uint64_t range[2] = { io->offset, io->bytes };
	int64_t result = punch(io);

	if (result != -EOPNOTSUPP || !io->disk->info.is_device)
		return result;
	if (io_is_late(io))
		return -GATE_SHUT;
	return ioctl(io->disk->fd, BLKDISCARD, range) == 0 ? 0 : -errno;
}

static int64_t run_once(struct port_io *io)
{
	if (io->disk->nbd)
		return nbd_disk_run(io);
	switch (io->op) {
	case PORT_READ:
	case PORT_WRITE:
		return move_once(io);
	case PORT_FLUSH:
		return flush(io->disk);
	case PORT_ZERO:
		return zero(io);
	case PORT_COPY:
		return copy_once(io);
	default:
		return unmap(io);
	}
}

int64_t io_run_blocking(struct port_io *io)
{
	int64_t result;

	do
		result = run_once(io);
	while (result == -EINTR);
	return result;
}
