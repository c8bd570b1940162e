/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* sha256 - the secure hash of FIPS 180-4, section 6.2, written after its text; and the same with
 * the SHA instructions of x86-64 where the processor has them, six times as fast: what sums
 * everything twice, by blocks and as a whole, is then still bound by its disks. */
#include "tools/sha256.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static inline uint32_t ror(uint32_t v, int n) { return v >> n | v << (32 - n); }

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void schedule(uint32_t w[64], const uint8_t *p)
{
	for (int t = 0; t < 16; t++)
		w[t] = be32(p + 4 * t);
	for (int t = 16; t < 64; t++) {
		uint32_t s0 = ror(w[t - 15], 7) ^ ror(w[t - 15], 18) ^ w[t - 15] >> 3;
		uint32_t s1 = ror(w[t - 2], 17) ^ ror(w[t - 2], 19) ^ w[t - 2] >> 10;

		w[t] = w[t - 16] + s0 + w[t - 7] + s1;
	}
}

static void compress_plain(uint32_t h[8], const uint8_t *p)
{
	uint32_t w[64], v[8];

	schedule(w, p);
	memcpy(v, h, sizeof(v));
	for (int t = 0; t < 64; t++) {
		uint32_t s1 = ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25);
		uint32_t ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t t1 = v[7] + s1 + ch + k[t] + w[t];
		uint32_t s0 = ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22);
		uint32_t maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + s0 + maj;
	}
	for (int i = 0; i < 8; i++)
		h[i] += v[i];
}

#if defined(__x86_64__)

/* CPUID leaf 7: EBX bit 29 is SHA; leaf 1: ECX bit 9 is SSSE3, bit 19 SSE4.1. */
static int has_sha_instructions(void)
{
	unsigned a, b, c, d, ssse3_and_sse41 = 1u << 9 | 1u << 19;

	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & ssse3_and_sse41) != ssse3_and_sse41)
		return 0;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 29 & 1;
}

/* The instructions keep the eight words as ABEF and CDGH, and do two rounds each. */
__attribute__((target("sha,sse4.1"))) static void compress_sha(uint32_t h[8], const uint8_t *p,
							       size_t blocks)
{
	const __m128i big = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)h), 0xB1);
	__m128i efgh =
	    _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(h + 4)), 0x1B);
	__m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);

	for (; blocks; blocks--, p += 64) {
		__m128i w[4], abef0 = abef, cdgh0 = cdgh;

#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			__m128i *now = &w[i & 3], *last = &w[(i + 3) & 3], wk;

			if (i < 4)	/* the block itself */
				*now = _mm_shuffle_epi8(
				    _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)),
				    big);
			else		/* the message schedule, four words */
				*now = _mm_sha256msg2_epu32(
				    _mm_add_epi32(_mm_sha256msg1_epu32(*now, w[(i + 1) & 3]),
						  _mm_alignr_epi8(*last, w[(i + 2) & 3], 4)),
				    *last);
			wk = _mm_add_epi32(
			    *now, _mm_loadu_si128((const __m128i *)(const void *)(k + 4 * i)));
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0E));
		}
		abef = _mm_add_epi32(abef, abef0);
		cdgh = _mm_add_epi32(cdgh, cdgh0);
	}
	cdab = _mm_shuffle_epi32(abef, 0x1B);	/* FEBA, and back */
	efgh = _mm_shuffle_epi32(cdgh, 0xB1);
	_mm_storeu_si128((__m128i *)(void *)h, _mm_blend_epi16(cdab, efgh, 0xF0));
	_mm_storeu_si128((__m128i *)(void *)(h + 4), _mm_alignr_epi8(efgh, cdab, 8));
}

static void compress(const struct sha256 *s, uint32_t h[8], const uint8_t *p, size_t blocks)
{
	if (s->instructions) {
		compress_sha(h, p, blocks);
		return;
	}
	for (; blocks; blocks--, p += 64)
		compress_plain(h, p);
}

#else

static int has_sha_instructions(void) { return 0; }

static void compress(const struct sha256 *s, uint32_t h[8], const uint8_t *p, size_t blocks)
{
	(void)s;
	for (; blocks; blocks--, p += 64)
		compress_plain(h, p);
}

#endif

void sha256_init(struct sha256 *s)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(s->h, start, sizeof(start));
	s->bytes = 0;
	s->instructions = (uint8_t)has_sha_instructions();
}

void sha256_add(struct sha256 *s, const void *data, size_t bytes)
{
	const uint8_t *p = data;
	size_t have = s->bytes % 64;

	s->bytes += bytes;
	if (have) {
		size_t n = bytes < 64 - have ? bytes : 64 - have;

		memcpy(s->block + have, p, n);
		p += n;
		bytes -= n;
		if (have + n < 64)
			return;
		compress(s, s->h, s->block, 1);
	}
	compress(s, s->h, p, bytes / 64);
	memcpy(s->block, p + bytes / 64 * 64, bytes % 64);
}

void sha256_end(struct sha256 *s, char text[SHA256_TEXT])
{
	uint64_t bits = s->bytes * 8;
	uint8_t tail[72] = { 0x80 };
	size_t pad = (s->bytes % 64 < 56 ? 56 : 120) - s->bytes % 64;

	for (int i = 0; i < 8; i++)
		tail[pad + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
	sha256_add(s, tail, pad + 8);
	for (int i = 0; i < 8; i++)
		snprintf(text + 8 * i, 9, "%08x", s->h[i]);
}

void sha256_save(const struct sha256 *s, char text[SHA256_TEXT])
{
	for (int i = 0; i < 8; i++)
		snprintf(text + 8 * i, 9, "%08x", s->h[i]);
}

int sha256_load(struct sha256 *s, const char *text, uint64_t bytes)
{
	sha256_init(s);
	if (bytes % 64 || strspn(text, "0123456789abcdef") < SHA256_TEXT - 1)
		return -1;
	for (int i = 0; i < 8; i++)
		if (sscanf(text + 8 * i, "%8x", &s->h[i]) != 1)
			return -1;
	s->bytes = bytes;
	return 0;
}
