/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* le - little-endian integers as they lie on a disk.
 * Structs of bytes: they cannot be used without a getter, and they have no alignment, so
 * on-disk structs need no `packed` and have no padding. */
#ifndef CAIRN_BASE_LE_H
#define CAIRN_BASE_LE_H

#include <stddef.h>
#include <stdint.h>

typedef struct { uint8_t b[2]; } le16;
typedef struct { uint8_t b[4]; } le32;
typedef struct { uint8_t b[8]; } le64;

/* memcpy, not a byte loop: both compilers make it one load. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LE_SWAP(bits, v) (v)
#else
#define LE_SWAP(bits, v) __builtin_bswap##bits(v)
#endif

#define LE_DEFINE(bits)                                                                            \
	static inline uint##bits##_t le##bits##_get(le##bits v)                                    \
	{                                                                                          \
		uint##bits##_t n;                                                                  \
		__builtin_memcpy(&n, v.b, sizeof(n));                                              \
		return LE_SWAP(bits, n);                                                           \
	}                                                                                          \
	static inline le##bits le##bits##_make(uint##bits##_t n)                                   \
	{                                                                                          \
		le##bits v;                                                                        \
		n = LE_SWAP(bits, n);                                                              \
		__builtin_memcpy(v.b, &n, sizeof(n));                                              \
		return v;                                                                          \
	}                                                                                          \
	static inline void le##bits##_set(le##bits *v, uint##bits##_t n)                           \
	{                                                                                          \
		*v = le##bits##_make(n);                                                           \
	}

LE_DEFINE(16)
LE_DEFINE(32)
LE_DEFINE(64)

/* Layout checks that stand below each on-disk struct. */
#define DISK_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " is not " #bytes)
#define DISK_AT(type, field, off)                                                                  \
	_Static_assert(offsetof(type, field) == (off), #type "." #field " is not at " #off)

#endif
