/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* copy - from one regular file to another without passing through our memory: copy_file_range(2).
 * A file system that can shares the blocks; others copy from the page cache of one file into that
 * of the other, once, where a read and a write are two copies: a tenth of the processor time of
 * both.
 *
 * Only between files that go through the page cache. Past it the kernel would make pages to read
 * into, for each call, which is what our own buffers spare. */
#include "iopath/port/linux/linux_priv.h"

#include <errno.h>
#include <unistd.h>

static int is_cached_file(const struct port_disk *disk)
{
	return !disk->nbd && !disk->info.is_device && !disk->info.direct;
}

int copy_is_possible(const struct port_disk *to, const struct port_disk *from)
{
	return is_cached_file(to) && is_cached_file(from);
}

int64_t copy_once(const struct port_io *io)
{
	off_t from = (off_t)(io->from_offset + io->progress);
	off_t to = (off_t)(io->offset + io->progress);
	ssize_t moved;

	if (io_is_late(io))
		return -GATE_SHUT;
	moved = copy_file_range(io->from->fd, &from, io->disk->fd, &to,
				io->bytes - io->progress, 0);
	return moved < 0 ? -errno : moved;
}

/* The last byte is looked at: what reads files in order has read the rest before, and where it has
 * not, this thread waits for the device as it would for the kernel to clean pages. */
int copy_is_cached(const struct port_io *io)
{
	char byte;
	struct iovec vec = { &byte, 1 };

	return preadv2(io->from->fd, &vec, 1, (off_t)(io->from_offset + io->bytes - 1),
		       io->from->read_flags) == 1;
}
