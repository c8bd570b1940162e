/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vmdk_base - small undamaged disks, built by hand from the published layout and not by the code
 * under test, and what every target does with a disk once it is open. */
#ifndef CAIRN_TESTS_VMDK_BASE_H
#define CAIRN_TESTS_VMDK_BASE_H

#include "tests/fuzz/fuzz.h"

#define BASE_SECTORS	2048u	/* capacity of both: 1 MiB */
#define BASE_MAX	(256u * 1024)

/* Both return the length of the file they put into buf (BASE_MAX bytes, zeroed by them). */
size_t base_sparse(uint8_t *buf);
size_t base_stream(uint8_t *buf);

/* Change buf as the input says: which byte (three), how many (one), the bytes. */
void base_patch(uint8_t *buf, size_t size, struct fuzz_bytes *in);

enum { USE_WRITE = 1, USE_CHECK = 2, USE_REPAIR = 4, USE_RAW = 8, USE_CUT = 16 };

/* Open "/d.vmdk" of the store, look at all of it, close it; then check it. flags: USE_*. */
void use_disk(struct store *s, unsigned flags);

#endif
