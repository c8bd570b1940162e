/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_nbd - a disk behind an NBD server: nbd://host[:port]/export, nbd+unix:///export?socket=PATH,
 * and the other forms that libnbd knows. So whatever qemu-nbd or nbdkit opens can be looked into:
 * a qcow2 image, a compressed one, one on another machine.
 *
 * It is read only: what locks a datastore against other writers of this machine has no counterpart
 * there. A transfer waits for its answer on a helper thread. A connection carries one transfer at
 * a time, so there are several where the server allows that; one that fails is not used again. */
#include "iopath/port/linux/linux_priv.h"

#include <errno.h>
#include <libnbd.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS	4
#define ANSWER_MS	30000	/* of a server to one step or one request */
#define PIECE_BYTES	(8 * MIB)	/* servers refuse requests of more than 32 MiB */

struct line {
	struct nbd_handle	*nbd;
	uint8_t			busy, dead;
};

struct nbd_disk {
	pthread_mutex_t		lock;		/* of the lines' flags */
	pthread_cond_t		freed;
	struct line		line[CONNECTIONS];
	uint32_t		lines;
};

int nbd_is_uri(const char *path)
{
	return strncmp(path, "nbd://", 6) == 0 || strncmp(path, "nbds://", 7) == 0 ||
	       strncmp(path, "nbd+unix://", 11) == 0 || strncmp(path, "nbds+unix://", 12) == 0;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static enum status no_answer(const char *uri, struct nbd_handle *h, struct why *why)
{
	const char *text = nbd_get_error();
	int error = nbd_get_errno();

	(void)h;
	return why_set(why, error == EINVAL ? ST_NAME : ST_PATH, "%s: no NBD server answers: %s",
		       uri, text ? text : "it is silent");
}

static enum status connect_line(const char *uri, struct nbd_handle **out, struct why *why)
{
	struct nbd_handle *h = nbd_create();
	int step = 1;

	if (!h)
		return why_set(why, ST_NOMEM, "%s: out of memory", uri);
	if (nbd_aio_connect_uri(h, uri) == -1)
		step = -1;
	while (step > 0 && nbd_aio_is_connecting(h))
		step = nbd_poll(h, ANSWER_MS);
	if (step <= 0 || !nbd_aio_is_ready(h)) {
		enum status st = no_answer(uri, h, why);

		nbd_close(h);
		return st;
	}
	*out = h;
	return ST_OK;
}

enum status nbd_disk_open(struct port_disk *disk, const char *uri, unsigned flags, struct why *why)
{
	struct nbd_disk *n;
	int64_t size;
	enum status st;

	if (flags & PORT_OPEN_WRITE)
		return why_set(why, ST_UNSUPPORTED, "%s: over NBD disks are only read", uri);
	n = calloc(1, sizeof(*n));
	if (!n)
		return why_set(why, ST_NOMEM, "%s: out of memory", uri);
	disk->nbd = n;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->freed, NULL);
	st = connect_line(uri, &n->line[0].nbd, why);
	if (st != ST_OK)
		return st;
	n->lines = 1;
	size = nbd_get_size(n->line[0].nbd);
	if (size < 0)
		return why_set(why, ST_DEVICE, "%s: the server does not tell a size", uri);
	/* Further ones are for speed: without them it is slower. */
	while (n->lines < CONNECTIONS && nbd_can_multi_conn(n->line[0].nbd) == 1 &&
	       connect_line(uri, &n->line[n->lines].nbd, NULL) == ST_OK)
		n->lines++;
	disk->info.size_bytes = disk->info.allocated_bytes = (uint64_t)size;
	disk->info.block_bytes = SECTOR_BYTES;
	disk->info.is_device = disk->info.direct = 1;
	return ST_OK;
}

void nbd_disk_close(struct port_disk *disk)
{
	struct nbd_disk *n = disk->nbd;

	for (uint32_t i = 0; i < n->lines; i++) {
		if (!n->line[i].dead)
			(void)nbd_shutdown(n->line[i].nbd, 0);	/* politeness */
		nbd_close(n->line[i].nbd);
	}
	pthread_cond_destroy(&n->freed);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

/* ---- transfers ------------------------------------------------------------------------------- */

/* NULL: all connections have failed. */
static struct line *take_line(struct nbd_disk *n)
{
	struct line *found = NULL;

	pthread_mutex_lock(&n->lock);
	while (!found) {
		uint32_t dead = 0;

		for (uint32_t i = 0; i < n->lines && !found; i++) {
			dead += n->line[i].dead;
			if (!n->line[i].busy && !n->line[i].dead)
				found = &n->line[i];
		}
		if (!found && dead == n->lines)
			break;
		if (!found)
			pthread_cond_wait(&n->freed, &n->lock);
	}
	if (found)
		found->busy = 1;
	pthread_mutex_unlock(&n->lock);
	return found;
}

static void put_line(struct nbd_disk *n, struct line *l, int dead)
{
	pthread_mutex_lock(&n->lock);
	l->busy = 0;
	l->dead |= (uint8_t)dead;
	pthread_cond_broadcast(&n->freed);
	pthread_mutex_unlock(&n->lock);
}

/* 0, or an errno; *dead: the connection is of no use any more. */
static int read_piece(struct nbd_handle *h, void *buf, uint64_t bytes, uint64_t offset, int *dead)
{
	int64_t cookie = nbd_aio_pread(h, buf, bytes, offset, NBD_NULL_COMPLETION, 0);
	int done = 0;

	*dead = 0;
	while (cookie > 0 && done == 0) {
		int step = nbd_poll(h, ANSWER_MS);

		if (step <= 0) {	/* the buffer is the caller's: nothing may arrive later */
			*dead = 1;
			return ETIMEDOUT;
		}
		done = nbd_aio_command_completed(h, (uint64_t)cookie);
	}
	if (done > 0)
		return 0;
	*dead = nbd_aio_is_dead(h) || nbd_aio_is_closed(h);
	return nbd_get_errno() ? nbd_get_errno() : EIO;
}

static int read_range(struct nbd_disk *n, char *buf, uint64_t bytes, uint64_t offset)
{
	int error = 0;

	while (bytes > 0 && error == 0) {
		uint64_t part = MIN(bytes, PIECE_BYTES);
		struct line *l = take_line(n);
		int dead;

		if (!l)
			return EIO;
		error = read_piece(l->nbd, buf, part, offset, &dead);
		put_line(n, l, dead);
		if (dead)	/* another connection may do */
			error = 0;
		else
			buf += part, bytes -= part, offset += part;
	}
	return error;
}

int64_t nbd_disk_read(struct port_disk *disk, uint64_t offset, void *buf, uint64_t bytes)
{
	if (offset > disk->info.size_bytes || bytes > disk->info.size_bytes - offset)
		return -ENXIO;
	return -(int64_t)read_range(disk->nbd, buf, bytes, offset);
}

int64_t nbd_disk_run(struct port_io *io)
{
	struct iovec vec[64];
	uint64_t at = io->offset + io->progress;
	int64_t moved = 0;
	int count;

	if (io->op == PORT_FLUSH)
		return 0;	/* nothing was written */
	count = io_vectors(io, vec, (int)ARRAY_COUNT(vec));
	for (int i = 0; i < count; i++) {
		int64_t error = nbd_disk_read(io->disk, at, vec[i].iov_base, vec[i].iov_len);

		if (error != 0)
			return error;
		at += vec[i].iov_len;
		moved += (int64_t)vec[i].iov_len;
	}
	return moved;
}
