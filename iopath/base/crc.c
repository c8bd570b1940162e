/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* crc - CRC-32C eight bytes at a time ("slicing by 8": Kounavis and Berry, 2005).
 * table[k][b] is what byte b does to the sum when k more zero bytes follow. A CRC is linear over
 * XOR, so each table of 256 follows from its entries for the eight single bits; the compiler
 * expands them. tests/unit/base/test_crc.c compares with the one-bit-at-a-time definition. */
#include "iopath/base/accel_priv.h"
#include "iopath/base/le.h"

#define BIT(n, i, v) ((n) >> (i)&1 ? (v) : 0u)
#define ENTRY(n, a, b, c, d, e, f, g, h)                                                           \
	(BIT(n, 0, a) ^ BIT(n, 1, b) ^ BIT(n, 2, c) ^ BIT(n, 3, d) ^ BIT(n, 4, e) ^ BIT(n, 5, f) ^ \
	 BIT(n, 6, g) ^ BIT(n, 7, h))
#define ENTRY4(n, ...)                                                                             \
	ENTRY(n, __VA_ARGS__), ENTRY(n + 1, __VA_ARGS__), ENTRY(n + 2, __VA_ARGS__),               \
		ENTRY(n + 3, __VA_ARGS__)
#define ENTRY16(n, ...)                                                                            \
	ENTRY4(n, __VA_ARGS__), ENTRY4(n + 4, __VA_ARGS__), ENTRY4(n + 8, __VA_ARGS__),            \
		ENTRY4(n + 12, __VA_ARGS__)
#define ENTRY64(n, ...)                                                                            \
	ENTRY16(n, __VA_ARGS__), ENTRY16(n + 16, __VA_ARGS__), ENTRY16(n + 32, __VA_ARGS__),       \
		ENTRY16(n + 48, __VA_ARGS__)
#define TABLE(...)                                                                                 \
	{                                                                                          \
		ENTRY64(0, __VA_ARGS__), ENTRY64(64, __VA_ARGS__), ENTRY64(128, __VA_ARGS__),      \
			ENTRY64(192, __VA_ARGS__)                                                  \
	}

static const uint32_t table[8][256] = {
	TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf,
	      0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
	TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8,
	      0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
	TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5,
	      0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
	TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6,
	      0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
	TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91,
	      0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
	TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f,
	      0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
	TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53,
	      0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
	TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da,
	      0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};

static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	return crc >> 8 ^ table[0][(crc ^ byte) & 0xff];
}

uint32_t crc32c_plain(uint32_t crc, const void *data, size_t bytes)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; bytes >= 8; p += 8, bytes -= 8) {
		le64 raw;
		uint64_t n;

		memcpy(&raw, p, sizeof(raw));
		n = le64_get(raw) ^ crc;
		crc = table[7][n & 0xff] ^ table[6][n >> 8 & 0xff] ^ table[5][n >> 16 & 0xff] ^
		      table[4][n >> 24 & 0xff] ^ table[3][n >> 32 & 0xff] ^
		      table[2][n >> 40 & 0xff] ^ table[1][n >> 48 & 0xff] ^ table[0][n >> 56];
	}
	while (bytes-- > 0)
		crc = crc_byte(crc, *p++);
	return ~crc;
}

uint32_t adler32_plain(uint32_t adler, const void *data, size_t bytes)
{
	/* The longest run whose sums cannot overflow 32 bits before the modulo (RFC 1950). */
	enum { RUN_MAX = 5552, MODULO = 65521 };
	const uint8_t *p = data;
	uint32_t a = adler & 0xffff, b = adler >> 16;

	while (bytes > 0) {
		size_t run = MIN(bytes, (size_t)RUN_MAX);

		bytes -= run;
		while (run-- > 0) {
			a += *p++;
			b += a;
		}
		a %= MODULO;
		b %= MODULO;
	}
	return b << 16 | a;
}
