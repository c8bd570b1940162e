/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* read_here - reads by threads that are no pCPU: a system call on the thread that wants the data,
 * into its own buffer. Nothing of the disk changes: descriptors and masks are as at its opening, so
 * there is nothing to lock.
 *
 * A device is read past the page cache, which other machines' writes do not reach. Where the
 * caller's range or memory is not aligned for that, the bytes go through a buffer that is. */
#include "iopath/port/linux/linux_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOUNCE_BYTES (256 * KIB)	/* stays in the second-level cache */
#define ALIGN_BYTES 4096u

/* One pread that is repeated when a signal cuts it off; bytes, or -errno. */
static int64_t read_once(int fd, void *buf, uint64_t bytes, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(fd, buf, bytes, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* All of it, piece by piece where the kernel stops early; 0 or -errno, -ENODATA at the end. */
static int64_t read_all(int fd, char *buf, uint64_t bytes, uint64_t offset)
{
	uint64_t done = 0;

	while (done < bytes) {
		int64_t n = read_once(fd, buf + done, bytes - done, offset + done);

		if (n <= 0)
			return n < 0 ? n : -ENODATA;
		done += (uint64_t)n;
	}
	return 0;
}

/* Whole units around the range, through an aligned buffer. */
static int64_t read_bounced(const struct port_disk *disk, char *buf, uint64_t bytes,
			    uint64_t offset)
{
	uint64_t unit = disk->offset_mask + 1ull, size = MAX(BOUNCE_BYTES, unit);
	char *bounce = aligned_alloc(MAX(ALIGN_BYTES, unit), size);
	int64_t error = bounce ? 0 : -ENOMEM;

	while (bytes > 0 && error == 0) {
		uint64_t start = round_down(offset, unit), lead = offset - start;
		uint64_t n = MIN(bytes, size - lead);

		error = read_all(disk->fd, bounce, round_up(lead + n, unit), start);
		if (error != 0)
			break;
		memcpy(buf, bounce + lead, n);
		buf += n;
		offset += n;
		bytes -= n;
	}
	free(bounce);
	return error;
}

enum status port_disk_read_here(struct port_disk *disk, uint64_t offset, void *buf, uint64_t bytes)
{
	struct port_vec vec = { buf, bytes };
	struct port_io io = { .op = PORT_READ, .offset = offset, .bytes = bytes, .vec = &vec,
			      .vec_count = 1, .disk = disk };
	int64_t error;

	if (offset > INT64_MAX || bytes > INT64_MAX - offset)
		return ST_RANGE;
	if (disk->nbd)
		error = nbd_disk_read(disk, offset, buf, bytes);
	else if (disk->cached_fd < 0 && !io_is_aligned(disk, &io))
		error = read_bounced(disk, buf, bytes, offset);
	else
		error = read_all(io_fd(disk, &io), buf, bytes, offset);
	if (error == 0)
		return ST_OK;
	return error == -ENODATA ? ST_RANGE : io_status_of(&io, (int)-error);
}
