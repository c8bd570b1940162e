/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The plain twins against their definition, against the library behind port_accel(), and against
 * hostile input. */
#include "tests/unit/cu.h"

#include "iopath/base/accel.h"

static uint32_t rng = 1;

static uint32_t draw(uint32_t below)
{
	rng = rng * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)rng * below >> 32);
}

static unsigned char repeat(const unsigned char *buf, size_t at)
{
	return at > 300 && draw(40) ? buf[at - 1 - draw(300)] : (unsigned char)draw(256);
}

/* Kinds of content: noise, few letters, zeros, repeats with errors, ramps. */
static void fill(unsigned char *buf, size_t bytes)
{
	uint32_t kind = draw(5);

	for (size_t i = 0; i < bytes; i++) {
		switch (kind) {
		case 0: buf[i] = (unsigned char)draw(256); break;
		case 1: buf[i] = (unsigned char)('a' + draw(3)); break;
		case 2: buf[i] = 0; break;
		case 3: buf[i] = repeat(buf, i); break;
		default: buf[i] = (unsigned char)(i >> 4); break;
		}
	}
}

/* ---- crc and zero ---------------------------------------------------------------------------- */

static uint32_t crc_by_definition(uint32_t crc, const unsigned char *p, size_t bytes)
{
	crc = ~crc;
	while (bytes-- > 0) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

/* RFC 3720, B.4, and the usual check value. */
static void test_crc_vectors(void)
{
	const struct accel *both[] = { &accel_plain, port_accel() };
	unsigned char buf[32];

	for (size_t k = 0; k < 2; k++) {
		CU_ASSERT_EQUAL(both[k]->crc32c(0, "123456789", 9), 0xe3069283);
		memset(buf, 0, 32);
		CU_ASSERT_EQUAL(both[k]->crc32c(0, buf, 32), 0x8a9136aa);
		memset(buf, 0xff, 32);
		CU_ASSERT_EQUAL(both[k]->crc32c(0, buf, 32), 0x62a8ab43);
		for (int i = 0; i < 32; i++)
			buf[i] = (unsigned char)i;
		CU_ASSERT_EQUAL(both[k]->crc32c(0, buf, 32), 0x46dd794e);
		for (int i = 0; i < 32; i++)
			buf[i] = (unsigned char)(31 - i);
		CU_ASSERT_EQUAL(both[k]->crc32c(0, buf, 32), 0x113fdb5c);
		CU_ASSERT_EQUAL(both[k]->crc32c(0, NULL, 0), 0);
	}
}

/* Each length, alignment and split gives the same sum in all three. */
static void test_crc_of_each_length_and_split(void)
{
	unsigned char buf[300];

	fill(buf, sizeof(buf));
	for (size_t from = 0; from < 9; from++) {
		for (size_t n = 0; n < 280; n++) {
			uint32_t want = crc_by_definition(0, buf + from, n);
			size_t cut = n ? draw((uint32_t)n) : 0;
			uint32_t first = accel_plain.crc32c(0, buf + from, cut);

			CU_ASSERT_EQUAL(accel_plain.crc32c(0, buf + from, n), want);
			CU_ASSERT_EQUAL(port_accel()->crc32c(0, buf + from, n), want);
			CU_ASSERT_EQUAL(accel_plain.crc32c(first, buf + from + cut, n - cut), want);
			CU_ASSERT_EQUAL(port_accel()->crc32c(first, buf + from + cut, n - cut),
					want);
		}
	}
}

/* A single bit anywhere is seen, none outside of the range is. */
static void test_is_zero_sees_each_bit(void)
{
	unsigned char buf[700] = { 0 };

	for (size_t n = 0; n < 600; n += 1 + n / 20) {
		for (size_t from = 0; from < 10; from += 3) {
			buf[from + n] = 1;
			CU_ASSERT(accel_plain.is_zero(buf + from, n) &&
				  port_accel()->is_zero(buf + from, n));
			buf[from + n] = 0;
			for (size_t i = 0; i < n; i++) {
				buf[from + i] = (unsigned char)(1 << i % 8);
				CU_ASSERT(!accel_plain.is_zero(buf + from, n));
				CU_ASSERT(!port_accel()->is_zero(buf + from, n));
				buf[from + i] = 0;
			}
		}
	}
}

/* ---- deflate: each way round ----------------------------------------------------------------- */

enum { ROOM = 1 << 18 };

static void round_trip(const struct accel *out, const struct accel *in, int level,
		       const unsigned char *data, size_t bytes)
{
	unsigned char *packed = port_alloc(ROOM), *back = port_alloc(bytes + 1), *tight;
	size_t len = out->deflate(level, data, bytes, packed, ROOM), room = len - 1, got = 0;

	CU_ASSERT(len > 0 && len <= bytes + bytes / 1000 + 100);
	CU_ASSERT_EQUAL(in->inflate(packed, len, back, bytes, &got), ST_OK);
	CU_ASSERT_EQUAL(got, bytes);
	CU_ASSERT_EQUAL(memcmp(back, data, bytes), 0);
	/* Trailing bytes do not matter; one byte less of input or room does. */
	packed[len] = 0xaa;
	CU_ASSERT_EQUAL(in->inflate(packed, len + 1, back, bytes, &got), ST_OK);
	CU_ASSERT_NOT_EQUAL(in->inflate(packed, len - 1, back, bytes, &got), ST_OK);
	if (bytes)
		CU_ASSERT_EQUAL(in->inflate(packed, len, back, bytes - 1, &got), ST_RANGE);
	/* A wrong checksum is seen. */
	packed[len - 1] ^= 1;
	CU_ASSERT_EQUAL(in->inflate(packed, len, back, bytes, &got), ST_CORRUPT);
	/* Less room: nothing, or (a stored block may be shorter) a stream that fits. */
	tight = port_alloc(room);
	len = out->deflate(level, data, bytes, tight, room);
	CU_ASSERT(len <= room);
	if (len > 0)
		CU_ASSERT(in->inflate(tight, len, back, bytes, &got) == ST_OK && got == bytes);
	CU_ASSERT_EQUAL(out->deflate(level, data, bytes, tight, 5), 0);
	port_free(tight);
	port_free(packed);
	port_free(back);
}

static void test_deflate_and_inflate_each_way_round(void)
{
	const struct accel *both[] = { &accel_plain, port_accel() };
	unsigned char *data = port_alloc(200000);

	for (int i = 0; i < 200; i++) {
		size_t bytes = i < 20 ? (size_t)i : draw(i % 10 ? 3000 : 150000);

		fill(data, bytes);
		for (size_t k = 0; k < 4; k++)
			round_trip(both[k & 1], both[k >> 1], 1 + i % 9, data, bytes);
	}
	port_free(data);
}

/* The twin must be worth its name: within a quarter of the library's fastest level on text. */
static void test_the_plain_deflate_compresses(void)
{
	unsigned char *data = port_alloc(65536), *packed = port_alloc(ROOM);
	size_t len = 0, plain, library;

	while (len < 65536 - 40)
		len += (size_t)snprintf((char *)data + len, 40, "line %u of %s\n", draw(1000),
					draw(2) ? "a virtual disk" : "the datastore");
	plain = accel_plain.deflate(1, data, len, packed, ROOM);
	library = port_accel()->deflate(1, data, len, packed, ROOM);
	CU_ASSERT(plain > 0 && plain * 4 <= library * 5);
	port_free(data);
	port_free(packed);
}

/* ---- hostile input --------------------------------------------------------------------------- */

/* Whatever the bytes: no read or write outside (the sanitizer watches exact-sized blocks), an end,
 * and what the twin accepts the library accepts too, with the same bytes. (Not the other way round:
 * libdeflate lets some codes pass that RFC 1951 forbids, as 286 in a fixed block; zlib does
 * not.) */
static void try_hostile(const unsigned char *bytes, size_t n, size_t out_max)
{
	unsigned char *in = port_alloc(n), *a = port_alloc(out_max), *b = port_alloc(out_max);
	size_t got_a = 0, got_b = 0;
	enum status st_a, st_b;

	memcpy(in, bytes, n);
	st_a = accel_plain.inflate(in, n, a, out_max, &got_a);
	st_b = port_accel()->inflate(in, n, b, out_max, &got_b);
	CU_ASSERT(st_a == ST_OK || st_a == ST_CORRUPT || st_a == ST_RANGE);
	if (st_a == ST_OK)
		CU_ASSERT(st_b == ST_OK && got_a == got_b && memcmp(a, b, got_a) == 0);
	port_free(in);
	port_free(a);
	port_free(b);
}

static void test_inflate_survives_damaged_streams(void)
{
	unsigned char *data = port_alloc(5000), *packed = port_alloc(ROOM), keep;

	for (int i = 0; i < 60; i++) {
		size_t bytes = 1 + draw(4000), len;

		fill(data, bytes);
		len = (i & 1 ? &accel_plain : port_accel())
			  ->deflate(1 + i % 9, data, bytes, packed, ROOM);
		for (int k = 0; k < 200; k++) {
			size_t at = draw((uint32_t)len);

			keep = packed[at];
			packed[at] = (unsigned char)(k & 1 ? keep ^ (1u << draw(8)) : draw(256));
			try_hostile(packed, len, bytes);
			packed[at] = keep;
		}
		for (size_t cut = 0; cut < MIN(len, (size_t)100); cut++)
			try_hostile(packed, cut, bytes);
	}
	port_free(data);
	port_free(packed);
}

static void test_inflate_survives_noise(void)
{
	unsigned char noise[300];

	for (int i = 0; i < 20000; i++) {
		size_t n = draw(sizeof(noise));

		for (size_t k = 0; k < n; k++)
			noise[k] = (unsigned char)draw(256);
		noise[0] = 0x78;
		noise[1] = 0x01;
		/* Each block type. */
		noise[2] = (unsigned char)((noise[2] & ~7) | (i % 3) << 1);
		try_hostile(noise, n, 2000);
	}
}

/* Streams that are wrong in one chosen way. */
static void test_inflate_refuses_by_name(void)
{
	static const struct { const char *bytes; size_t n; } bad[] = {
		{ "\x78\x01", 2 },				/* no block */
		{ "\x79\x01\x03\x00\x00\x00\x00\x01", 8 },	/* method 9, header check wrong */
		{ "\x78\x02\x03\x00\x00\x00\x00\x01", 8 },	/* header check */
		{ "\x78\xbb\x03\x00\x00\x00\x00\x01", 8 },	/* preset dictionary */
		{ "\x78\x01\x07\x00\x00\x00\x00\x01", 8 },	/* block type 3 */
		{ "\x78\x01\x01\x05\x00\xfb\xff" "abcd", 11 },	/* stored, cut short */
		{ "\x78\x01\x01\x05\x00\xfa\xff" "abcde", 12 },	/* stored, length check */
		{ "\x78\x01\x4b\x04\x12\x00\x00\x00\x00\x01", 10 },	/* distance too far */
	};
	static const unsigned char empty[] = { 0x78, 0x01, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01 };
	const struct accel *library = port_accel();
	unsigned char out[64];
	size_t got = 9;

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		CU_ASSERT_EQUAL(accel_plain.inflate(bad[i].bytes, bad[i].n, out, sizeof(out), &got),
				ST_CORRUPT);
		CU_ASSERT_EQUAL(library->inflate(bad[i].bytes, bad[i].n, out, sizeof(out), &got),
				ST_CORRUPT);
	}
	CU_ASSERT_EQUAL(accel_plain.inflate(empty, sizeof(empty), out, 0, &got), ST_OK);
	CU_ASSERT_EQUAL(got, 0);
}

static const struct cu_case cases[] = {
	{ "crc vectors", test_crc_vectors },
	{ "crc of each length and split", test_crc_of_each_length_and_split },
	{ "is_zero sees each bit", test_is_zero_sees_each_bit },
	{ "deflate and inflate each way round", test_deflate_and_inflate_each_way_round },
	{ "the plain deflate compresses", test_the_plain_deflate_compresses },
	{ "inflate survives damaged streams", test_inflate_survives_damaged_streams },
	{ "inflate survives noise", test_inflate_survives_noise },
	{ "inflate refuses by name", test_inflate_refuses_by_name },
};

CU_MAIN("base/accel", cases)
