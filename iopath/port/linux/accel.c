/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* accel - isa-l and libdeflate behind struct accel. */
#include "iopath/port/linux/linux_priv.h"

#include <isa-l/crc.h>
#include <isa-l/mem_routines.h>
#include <libdeflate.h>

/* isa-l's iSCSI CRC neither starts nor ends with the complement of RFC 3720: it is added here. */
static uint32_t crc32c_isal(uint32_t crc, const void *data, size_t bytes)
{
	const unsigned char *p = data;

	crc = ~crc;
	while (bytes > 0) {
		int n = (int)MIN(bytes, (size_t)1 << 30);

		crc = crc32_iscsi((unsigned char *)(uintptr_t)p, n, crc);
		p += n;
		bytes -= (size_t)n;
	}
	return ~crc;
}

/* The library's call has a fixed cost that short and mostly non-zero buffers need not pay. */
static int is_zero_isal(const void *data, size_t bytes)
{
	uint64_t word;

	if (bytes < 64)
		return accel_plain.is_zero(data, bytes);
	memcpy(&word, data, sizeof(word));
	return word == 0 && isal_zero_detect((void *)(uintptr_t)data, bytes) == 0;
}

/* ---- libdeflate: a compressor is 300 KiB or more, so each pCPU keeps one per level ---------------- */

enum { LEVEL_MAX = 12 };

static __thread struct libdeflate_compressor *compressors[LEVEL_MAX + 1];
static __thread struct libdeflate_decompressor *decompressor;

static size_t deflate_library(int level, const void *in, size_t in_bytes, void *out, size_t out_max)
{
	level = MAX(1, MIN(level, LEVEL_MAX));
	if (compressors[level] == NULL)
		compressors[level] = libdeflate_alloc_compressor(level);
	if (compressors[level] == NULL)
		return accel_plain.deflate(level, in, in_bytes, out, out_max);
	return libdeflate_zlib_compress(compressors[level], in, in_bytes, out, out_max);
}

static enum status inflate_library(const void *in, size_t in_bytes, void *out, size_t out_max,
				   size_t *out_bytes)
{
	size_t in_used;

	*out_bytes = 0;
	if (decompressor == NULL)
		decompressor = libdeflate_alloc_decompressor();
	if (decompressor == NULL)
		return accel_plain.inflate(in, in_bytes, out, out_max, out_bytes);
	switch (libdeflate_zlib_decompress_ex(decompressor, in, in_bytes, out, out_max, &in_used,
					      out_bytes)) {
	case LIBDEFLATE_SUCCESS:
		return ST_OK;
	case LIBDEFLATE_INSUFFICIENT_SPACE:
		return ST_RANGE;
	default:
		return ST_CORRUPT;
	}
}

void accel_thread_end(void)
{
	for (int i = 0; i <= LEVEL_MAX; i++) {
		libdeflate_free_compressor(compressors[i]);
		compressors[i] = NULL;
	}
	libdeflate_free_decompressor(decompressor);
	decompressor = NULL;
}

const struct accel *port_accel(void)
{
	static const struct accel table = {
		.name = "isa-l+libdeflate",
		.crc32c = crc32c_isal,
		.is_zero = is_zero_isal,
		.deflate = deflate_library,
		.inflate = inflate_library,
	};

	return &table;
}
