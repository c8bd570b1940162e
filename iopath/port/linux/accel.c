/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* accel - isa-l and libdeflate behind struct accel. */
#include "iopath/port/linux/linux_priv.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <isa-l/mem_routines.h>
#include <libdeflate.h>
#include <stdlib.h>

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

/* ---- deflate --------------------------------------------------------------------------------
 * Level 1 is isa-l's: on 64 KiB pieces of disk images it is two to five times as fast as
 * libdeflate's level 1, and its result 0.98 to 1.08 times that of zlib's level 6 (pure text: 1.2).
 * From level 2 on libdeflate, whose every level is smaller and two to three times as fast as
 * zlib's. The states are large, so each pCPU keeps its own from the first use on. */

enum { LEVEL_MAX = 12, ISAL_LEVEL = 2 };

struct isal_state {
	struct isal_zstream	stream;
	uint8_t			level_buf[ISAL_DEF_LVL2_LARGE];
};

static __thread struct isal_state *isal;
static __thread struct libdeflate_compressor *compressors[LEVEL_MAX + 1];
static __thread struct libdeflate_decompressor *decompressor;

static size_t deflate_isal(const void *in, size_t in_bytes, void *out, size_t out_max)
{
	struct isal_zstream *z = &isal->stream;

	isal_deflate_stateless_init(z);
	z->level = ISAL_LEVEL;
	z->level_buf = isal->level_buf;
	z->level_buf_size = sizeof(isal->level_buf);
	z->gzip_flag = IGZIP_ZLIB;
	z->end_of_stream = 1;
	z->next_in = (uint8_t *)(uintptr_t)in;
	z->avail_in = (uint32_t)in_bytes;
	z->next_out = out;
	z->avail_out = (uint32_t)MIN(out_max, (size_t)UINT32_MAX);
	return isal_deflate_stateless(z) == COMP_OK ? z->total_out : 0;
}

static size_t deflate_library(int level, const void *in, size_t in_bytes, void *out, size_t out_max)
{
	level = MAX(1, MIN(level, LEVEL_MAX));
	if (level == 1 && in_bytes <= UINT32_MAX / 2) {
		if (isal == NULL)
			isal = calloc(1, sizeof(*isal));
		if (isal != NULL)
			return deflate_isal(in, in_bytes, out, out_max);
	}
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
	free(isal);
	isal = NULL;
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
