/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* scratch - a place for test files on either port, and transfers that wait. */
#ifndef CAIRN_TESTS_SCRATCH_H
#define CAIRN_TESTS_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iopath/port/port.h"

static inline int on_sim(void)
{
	return strcmp(port_engine(), "sim") == 0;
}

/* A new directory; the linux port's is in $TMPDIR. */
static inline const char *scratch_make(void)
{
	static char dir[200];
	const char *base = getenv("TMPDIR");

	if (on_sim()) {
		snprintf(dir, sizeof(dir), "/scratch");
		VERIFY(port_path_mkdir(dir, 0700) == ST_OK);
	} else {
		snprintf(dir, sizeof(dir), "%s/cairn-port.XXXXXX", base ? base : "/tmp");
		VERIFY(mkdtemp(dir) != NULL);
	}
	return dir;
}

static inline int scratch_remove_one(void *arg, const char *name)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", (const char *)arg, name);
	if (port_path_remove(path) == ST_NOTEMPTY) {
		VERIFY(port_path_list(path, scratch_remove_one, path) == ST_OK);
		VERIFY(port_path_remove(path) == ST_OK);
	}
	return 0;
}

static inline void scratch_remove(const char *dir)
{
	VERIFY(port_path_list(dir, scratch_remove_one, (void *)(uintptr_t)dir) == ST_OK);
	VERIFY(port_path_remove(dir) == ST_OK);
}

/* "DIR/name" in one of a few static buffers, for short calls. */
static inline const char *in(const char *dir, const char *name)
{
	static char buf[4][500];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(buf[turn], sizeof(buf[turn]), "%s/%s", dir, name);
	return buf[turn];
}

/* ---- transfers that wait --------------------------------------------------------------------- */

struct waiting {
	struct port_io		io;
	struct port_vec		vec;
	struct port_world	*world;
	int			ended;	/* how often done() ran: must become 1 */
};

static inline void waiting_done(struct port_io *io)
{
	struct waiting *w = container_of(io, struct waiting, io);

	VERIFY(port_world_self() == NULL);	/* done() runs outside of any world */
	w->ended++;
	port_world_wake(w->world);
}

static inline void io_start(struct waiting *w, struct port_disk *disk, enum port_io_op op,
			    uint64_t offset, void *buf, uint64_t bytes)
{
	*w = (struct waiting){ .world = port_world_self() };
	w->vec = (struct port_vec){ buf, bytes };
	w->io = (struct port_io){
		.offset = offset,
		.bytes = bytes,
		.vec = &w->vec,
		.vec_count = buf != NULL,
		.op = (uint8_t)op,
		.done = waiting_done,
	};
	port_disk_submit(disk, &w->io);
	VERIFY(w->ended == 0);			/* never from inside submit */
}

static inline enum status io_finish(struct waiting *w)
{
	while (!w->ended)
		port_world_park();
	return w->io.status;
}

static inline enum status do_io(struct port_disk *disk, enum port_io_op op, uint64_t offset,
				void *buf, uint64_t bytes)
{
	struct waiting w;

	io_start(&w, disk, op, offset, buf, bytes);
	return io_finish(&w);
}

/* Bytes that tell where they belong: n and the place give each. */
static inline void pattern(unsigned char *buf, size_t bytes, uint64_t n)
{
	for (size_t i = 0; i < bytes; i++)
		buf[i] = (unsigned char)((n * 131 + i * 7 + (i >> 8)) | 1);
}

#endif
