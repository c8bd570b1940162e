/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* transfer - disks made, shaped, damaged, and carried between the simulator and host files. */
#define _FILE_OFFSET_BITS 64
#include "iopath/port/sim/sim_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE_BYTES (1024 * 1024)

enum status sim_disk_create(const char *path, uint64_t size_bytes, int is_device)
{
	struct place place;
	struct inode *inode;
	enum status st = node_make_parents(path);

	if (st == ST_OK)
		st = node_find(path, 1, &place);
	if (st == ST_OK && (place.entry || place.name[0] == '\0'))
		st = ST_EXIST;
	if (st != ST_OK)
		return st;
	inode = inode_new(is_device ? PORT_KIND_DEVICE : PORT_KIND_FILE, 0600);
	if (inode == NULL)
		return ST_NOMEM;
	inode->size_bytes = size_bytes;
	st = node_add(place.dir, place.name, inode);
	inode_release(inode);
	return st;
}

enum status sim_disk_set_block_bytes(const char *path, uint32_t block_bytes)
{
	struct inode *inode = node_file(path);

	if (inode == NULL)
		return ST_NOENT;
	inode->block_bytes = block_bytes;
	return ST_OK;
}

enum status sim_disk_limit_bytes(const char *path, uint64_t bytes)
{
	struct inode *inode = node_file(path);

	if (inode == NULL)
		return ST_NOENT;
	inode->image.limit_pages = bytes ? bytes / PAGE_BYTES : UINT64_MAX;
	return ST_OK;
}

uint64_t sim_disk_bytes_written(const char *path)
{
	const struct inode *inode = node_file(path);

	return inode ? inode->bytes_written : 0;
}

enum status sim_disk_poke(const char *path, uint64_t offset, const void *data, size_t bytes)
{
	struct inode *inode = node_file(path);
	enum status st = inode ? image_write(&inode->image, offset, data, bytes, 0) : ST_NOENT;

	if (st == ST_OK)
		inode->size_bytes = MAX(inode->size_bytes, offset + bytes);
	return st;
}

enum status sim_disk_peek(const char *path, uint64_t offset, void *data, size_t bytes)
{
	struct inode *inode = node_file(path);

	if (inode == NULL)
		return ST_NOENT;
	if (offset > inode->size_bytes || bytes > inode->size_bytes - offset)
		return ST_RANGE;
	image_read(&inode->image, offset, data, bytes);
	return ST_OK;
}

/* ---- import and export ----------------------------------------------------------------------- */

static enum status copy_in(int fd, struct inode *inode, uint8_t *piece)
{
	off_t at = 0;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		ssize_t n = pread(fd, piece, PIECE_BYTES, at);
		enum status st;

		if (n <= 0)
			return n < 0 ? ST_DEVICE : ST_OK;
		st = image_write(&inode->image, (uint64_t)at, piece, (uint64_t)n, 0);
		if (st != ST_OK)
			return st;
		at += n;
	}
	return ST_OK;	/* ENXIO: no data behind `at` */
}

enum status sim_disk_import(const char *path, const char *host_path)
{
	int fd = open(host_path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	uint8_t *piece = malloc(PIECE_BYTES);
	enum status st = ST_NOENT;

	if (piece == NULL)
		st = ST_NOMEM;
	else if (size >= 0)
		st = sim_disk_create(path, (uint64_t)size, 0);
	if (st == ST_OK)
		st = copy_in(fd, node_file(path), piece);
	free(piece);
	if (fd >= 0)
		close(fd);
	return st;
}

static enum status copy_out(const struct inode *inode, int fd, uint8_t *piece)
{
	uint64_t end = div_round_up(inode->size_bytes, PAGE_BYTES), page = 0;

	while ((page = image_find(&inode->image, page, end, WANT_DATA)) < end) {
		uint64_t at = page * PAGE_BYTES, hole;
		size_t n;

		hole = image_find(&inode->image, page, end, WANT_HOLE) * PAGE_BYTES;
		n = MIN(MIN(hole, inode->size_bytes) - at, (uint64_t)PIECE_BYTES);
		image_read(&inode->image, at, piece, n);
		if (pwrite(fd, piece, n, (off_t)at) != (ssize_t)n)
			return ST_NOSPACE;
		page += div_round_up(n, PAGE_BYTES);
	}
	return ST_OK;
}

enum status sim_disk_export(const char *path, const char *host_path)
{
	const struct inode *inode = node_file(path);
	uint8_t *piece = malloc(PIECE_BYTES);
	enum status st = ST_NOENT;
	int fd = -1;

	if (piece == NULL)
		st = ST_NOMEM;
	else if (inode != NULL)
		fd = open(host_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0) {
		st = ftruncate(fd, (off_t)inode->size_bytes) == 0 ? copy_out(inode, fd, piece)
								   : ST_NOSPACE;
		close(fd);
	}
	free(piece);
	return st;
}
