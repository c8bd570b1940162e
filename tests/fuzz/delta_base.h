/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* delta_base - a chain of two small deltas, one COWD and one SESparse, built by hand from the
 * published layout and from what qemu-img reads, and not by the code under test. */
#ifndef CAIRN_TESTS_DELTA_BASE_H
#define CAIRN_TESTS_DELTA_BASE_H

#include "tests/fuzz/vmdk_base.h"

#define DELTA_SECTORS	40960u	/* capacity of both: 20 MiB, two grain tables each */

/* Both return the length of the file they put into buf (BASE_MAX bytes, zeroed by them). */
size_t base_cowd(uint8_t *buf);
size_t base_sesparse(uint8_t *buf);

/* One input: a byte of flags, then patches of the leaf's extent (with USE_RAW: all of it), or with
 * USE_TEXT of its descriptor. The leaf is COWD over SESparse, or the other way round. */
void delta_input(int cowd_is_leaf, const uint8_t *data, size_t bytes);
#define USE_TEXT 32

#endif
