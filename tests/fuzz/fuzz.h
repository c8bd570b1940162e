/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* fuzz - what the fuzz targets share: one input runs in one world of the sim port.
 * A target is one file that defines fuzz_input(); it links with libFuzzer (libfuzzer.c, clang) or
 * with the replay main (replay.c, gcc), which runs the inputs that are kept in corpus/. */
#ifndef CAIRN_TESTS_FUZZ_H
#define CAIRN_TESTS_FUZZ_H

#include "iopath/store.h"

/* Called in a world, once an input. Whatever the bytes are, it must come back: a crash, a hang, a
 * leak or too much memory is the finding. */
void fuzz_input(const uint8_t *data, size_t bytes);
/* Called once, in a world, before the first input. */
void fuzz_setup(void);

/* Run fn(data, bytes) in a world of a fresh sim port; a fixed seed. */
void fuzz_in_world(void (*fn)(const uint8_t *data, size_t bytes), const uint8_t *data,
		   size_t bytes);

/* Bytes of the input, taken one after the other; zeros when there are no more. */
struct fuzz_bytes { const uint8_t *at; size_t left; };
uint8_t fuzz_u8(struct fuzz_bytes *b);
uint16_t fuzz_u16(struct fuzz_bytes *b);

/* ---- a device in memory ----------------------------------------------------------------- */

struct mem_dev {
	struct io_dev	dev;
	uint8_t		*bytes;		/* what is on it now */
	uint8_t		*base;		/* what mem_dev_restore() brings back; NULL: nothing */
	uint8_t		*touched;	/* for each page of 4 KiB: may differ from base */
};

/* Zeroed memory of that size, in whole pages of 4 KiB; it lives as long as the process. */
void mem_dev_init(struct mem_dev *m, uint64_t size_bytes);
/* Remember the present content, and bring it back. */
void mem_dev_keep(struct mem_dev *m);
void mem_dev_restore(struct mem_dev *m);
void mem_dev_patch(struct mem_dev *m, uint64_t at, const void *data, size_t bytes);

/* ---- a store in memory ------------------------------------------------------------------ */

#define MEM_FILES 8

struct mem_file { const char *path; uint8_t *bytes; uint64_t size, room; };

/* A directory of at most MEM_FILES files, which can be read and written, not made or removed. */
struct mem_store {
	struct store	store;
	struct mem_file	file[MEM_FILES];
	size_t		files, opened;
};

void mem_store_init(struct mem_store *m);
/* room: how far writes may let it grow. */
void mem_store_add(struct mem_store *m, const char *path, const uint8_t *data, uint64_t bytes,
		   uint64_t room);
void mem_store_fini(struct mem_store *m);

#endif
