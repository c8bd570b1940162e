/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* accel - kernels that a library does faster: one table, filled with isa-l and libdeflate by the
 * linux port and with the plain C twins below by the others. The tests compare the two.
 * All functions are pure: no state but the caller's, any pCPU. */
#ifndef CAIRN_BASE_ACCEL_H
#define CAIRN_BASE_ACCEL_H

#include <stddef.h>
#include <stdint.h>

#include "iopath/base/status.h"

struct accel {
	const char *name;	/* "plain", "isa-l+libdeflate" */

	/* CRC-32C (Castagnoli, reflected, initial value and final xor all ones; so a running sum is
	 * continued by passing the last result). Start with 0. Source: RFC 3720 appendix B.4. */
	uint32_t (*crc32c)(uint32_t crc, const void *data, size_t bytes);
	/* 1 when all bytes are zero. */
	int (*is_zero)(const void *data, size_t bytes);
	/* RFC 1950 zlib stream. level 1 fast ... 9 small. Returns the compressed length, or 0 when
	 * it does not fit out_max. */
	size_t (*deflate)(int level, const void *in, size_t in_bytes, void *out, size_t out_max);
	/* RFC 1950 zlib stream back. *out_bytes gets the length. ST_CORRUPT: bad stream or
	 * checksum, ST_RANGE: does not fit out_max. Trailing bytes after the stream are ignored. */
	enum status (*inflate)(const void *in, size_t in_bytes, void *out, size_t out_max,
			       size_t *out_bytes);
};

/* The plain C twins. */
extern const struct accel accel_plain;

/* Each port has this one. */
const struct accel *port_accel(void);

#endif
