/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* inflate - RFC 1950 and 1951 backwards, from one buffer into another. The input is hostile: every
 * bit is counted, a code that is over-subscribed or that the stream uses without defining it is
 * ST_CORRUPT, a distance never reaches in front of the output, and a copy never past its end.
 *
 * A code is decoded from its canonical form: count[n] codes of n bits, and the symbols in the order
 * of their codes. Codes of up to FAST_BITS are found by one look into fast[]. All of it lies on the
 * stack: about 4 KiB. */
#include "iopath/base/accel_priv.h"

#define FAST_BITS 9

struct huffman {
	uint16_t fast[1 << FAST_BITS];	/* symbol << 4 | length; 0: longer, or no such code */
	uint16_t count[DEFLATE_BITS_MAX + 1];
	uint16_t symbol[DEFLATE_LITLEN_MAX];
};

struct inflate {
	const uint8_t	*in, *in_end;
	uint64_t	bits;		/* the lowest comes first */
	unsigned	bit_count;
	uint8_t		*out;
	size_t		len, max;
	struct huffman	litlen, dist;
};

const struct deflate_base deflate_lengths[29] = {
	{ 3, 0 },  { 4, 0 },  { 5, 0 },  { 6, 0 },  { 7, 0 },	{ 8, 0 },   { 9, 0 },	{ 10, 0 },
	{ 11, 1 }, { 13, 1 }, { 15, 1 }, { 17, 1 }, { 19, 2 },	{ 23, 2 },  { 27, 2 },	{ 31, 2 },
	{ 35, 3 }, { 43, 3 }, { 51, 3 }, { 59, 3 }, { 67, 4 },	{ 83, 4 },  { 99, 4 },	{ 115, 4 },
	{ 131, 5 }, { 163, 5 }, { 195, 5 }, { 227, 5 }, { 258, 0 },
};

const struct deflate_base deflate_distances[DEFLATE_DIST_MAX] = {
	{ 1, 0 },      { 2, 0 },      { 3, 0 },	     { 4, 0 },	    { 5, 1 },	   { 7, 1 },
	{ 9, 2 },      { 13, 2 },     { 17, 3 },     { 25, 3 },	    { 33, 4 },	   { 49, 4 },
	{ 65, 5 },     { 97, 5 },     { 129, 6 },    { 193, 6 },    { 257, 7 },	   { 385, 7 },
	{ 513, 8 },    { 769, 8 },    { 1025, 9 },   { 1537, 9 },   { 2049, 10 },  { 3073, 10 },
	{ 4097, 11 },  { 6145, 11 },  { 8193, 12 },  { 12289, 12 }, { 16385, 13 }, { 24577, 13 },
};

const uint8_t deflate_code_order[19] = { 16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
					 11, 4,	 12, 3, 13, 2, 14, 1, 15 };

/* ---- bits ------------------------------------------------------------------------------------ */

/* At least 48 bits, or all that is left. */
static void refill(struct inflate *z)
{
	while (z->bit_count <= 56 && z->in < z->in_end) {
		z->bits |= (uint64_t)*z->in++ << z->bit_count;
		z->bit_count += 8;
	}
}

static void drop(struct inflate *z, unsigned n)
{
	z->bits >>= n;
	z->bit_count -= n;
}

/* n <= 16. ST_CORRUPT: the input ends before. */
static enum status take(struct inflate *z, unsigned n, unsigned *value)
{
	if (z->bit_count < n)
		refill(z);
	if (z->bit_count < n)
		return ST_CORRUPT;
	*value = (unsigned)(z->bits & ((1u << n) - 1));
	drop(z, n);
	return ST_OK;
}

/* ---- codes ----------------------------------------------------------------------------------- */

static unsigned reversed(unsigned code, unsigned bits)
{
	unsigned r = 0;

	while (bits-- > 0) {
		r = r << 1 | (code & 1);
		code >>= 1;
	}
	return r;
}

/* Is the set of code lengths usable? Over-subscribed never; incomplete only as a single code of one
 * bit or none at all, which encoders write when a block has at most one distance. */
static enum status check_lengths(const struct huffman *h, unsigned used)
{
	int left = 1;

	for (unsigned n = 1; n <= DEFLATE_BITS_MAX; n++) {
		left = left * 2 - h->count[n];
		if (left < 0)
			return ST_CORRUPT;
	}
	if (left > 0 && (used > 1 || used != h->count[1]))
		return ST_CORRUPT;
	return ST_OK;
}

static enum status build(struct huffman *h, const uint8_t *length, unsigned symbols)
{
	uint16_t next[DEFLATE_BITS_MAX + 2] = { 0 };	/* index of the first symbol of a length */
	unsigned code[DEFLATE_BITS_MAX + 2] = { 0 };	/* the next code of a length */
	unsigned used = 0;
	enum status st;

	memset(h->count, 0, sizeof(h->count));
	memset(h->fast, 0, sizeof(h->fast));
	for (unsigned s = 0; s < symbols; s++) {
		h->count[length[s]]++;
		used += length[s] != 0;
	}
	h->count[0] = 0;
	st = check_lengths(h, used);
	if (st != ST_OK)
		return st;
	for (unsigned n = 1; n <= DEFLATE_BITS_MAX; n++) {
		next[n + 1] = (uint16_t)(next[n] + h->count[n]);
		code[n + 1] = (code[n] + h->count[n]) << 1;
	}
	for (unsigned s = 0; s < symbols; s++) {
		unsigned n = length[s];

		if (n == 0)
			continue;
		h->symbol[next[n]++] = (uint16_t)s;
		for (unsigned i = reversed(code[n]++, n); n <= FAST_BITS && i < 1u << FAST_BITS;
		     i += 1u << n)
			h->fast[i] = (uint16_t)(s << 4 | n);
	}
	return ST_OK;
}

/* The canonical walk, one bit at a time: for long codes and the end of the input. */
static enum status decode_slow(struct inflate *z, const struct huffman *h, unsigned *symbol)
{
	unsigned code = 0, first = 0, index = 0;

	for (unsigned n = 1; n <= DEFLATE_BITS_MAX && n <= z->bit_count; n++) {
		code |= (unsigned)(z->bits >> (n - 1)) & 1;
		if (code < first + h->count[n]) {
			*symbol = h->symbol[index + code - first];
			drop(z, n);
			return ST_OK;
		}
		index += h->count[n];
		first = (first + h->count[n]) << 1;
		code <<= 1;
	}
	return ST_CORRUPT;
}

static enum status decode(struct inflate *z, const struct huffman *h, unsigned *symbol)
{
	unsigned entry;

	if (z->bit_count < DEFLATE_BITS_MAX)
		refill(z);
	entry = h->fast[z->bits & ((1u << FAST_BITS) - 1)];
	if (entry == 0 || (entry & 15) > z->bit_count)
		return decode_slow(z, h, symbol);
	drop(z, entry & 15);
	*symbol = entry >> 4;
	return ST_OK;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static enum status stored_block(struct inflate *z)
{
	size_t len, check;

	drop(z, z->bit_count % 8);
	z->in -= z->bit_count / 8;	/* whole bytes that refill() took too early */
	z->bits = 0;
	z->bit_count = 0;
	if (z->in_end - z->in < 4)
		return ST_CORRUPT;
	len = z->in[0] | (size_t)z->in[1] << 8;
	check = z->in[2] | (size_t)z->in[3] << 8;
	z->in += 4;
	if ((len ^ check) != 0xffff || (size_t)(z->in_end - z->in) < len)
		return ST_CORRUPT;
	if (z->max - z->len < len)
		return ST_RANGE;
	memcpy(z->out + z->len, z->in, len);
	z->in += len;
	z->len += len;
	return ST_OK;
}

/* Base plus extra bits of a length or distance symbol. */
static enum status extended(struct inflate *z, const struct deflate_base *b, size_t *value)
{
	unsigned extra;
	enum status st = take(z, b->extra_bits, &extra);

	*value = st == ST_OK ? b->base + (size_t)extra : 0;
	return st;
}

static enum status copy_match(struct inflate *z, unsigned symbol)
{
	size_t len, distance;
	unsigned d;
	enum status st;

	symbol -= DEFLATE_END + 1;
	if (symbol >= ARRAY_COUNT(deflate_lengths))
		return ST_CORRUPT;
	st = extended(z, &deflate_lengths[symbol], &len);
	if (st == ST_OK)
		st = decode(z, &z->dist, &d);
	if (st == ST_OK && d >= DEFLATE_DIST_MAX)
		st = ST_CORRUPT;
	if (st == ST_OK)
		st = extended(z, &deflate_distances[d], &distance);
	if (st != ST_OK)
		return st;
	if (distance > z->len)
		return ST_CORRUPT;
	if (len > z->max - z->len)
		return ST_RANGE;
	/* Byte by byte when source and destination overlap: that repeats the pattern. */
	if (distance >= len) {
		memcpy(z->out + z->len, z->out + z->len - distance, len);
		z->len += len;
		return ST_OK;
	}
	for (; len > 0; len--, z->len++)
		z->out[z->len] = z->out[z->len - distance];
	return ST_OK;
}

static enum status coded_block(struct inflate *z)
{
	for (;;) {
		unsigned symbol;
		enum status st = decode(z, &z->litlen, &symbol);

		if (st != ST_OK)
			return st;
		if (symbol == DEFLATE_END)
			return ST_OK;
		if (symbol > DEFLATE_END) {
			st = copy_match(z, symbol);
			if (st != ST_OK)
				return st;
			continue;
		}
		if (z->len == z->max)
			return ST_RANGE;
		z->out[z->len++] = (uint8_t)symbol;
	}
}

static enum status fixed_codes(struct inflate *z)
{
	uint8_t length[DEFLATE_LITLEN_MAX];
	enum status st;

	memset(length, 8, 144);
	memset(length + 144, 9, 112);
	memset(length + 256, 7, 24);
	memset(length + 280, 8, 8);
	st = build(&z->litlen, length, DEFLATE_LITLEN_MAX);
	memset(length, 5, 32);		/* 30 and 31 complete the code and never occur */
	return st == ST_OK ? build(&z->dist, length, 32) : st;
}

/* Code lengths are themselves coded, with repeats: 16 the last one, 17 and 18 zero. */
static enum status read_lengths(struct inflate *z, uint8_t *length, unsigned total)
{
	static const struct { uint8_t bits, base; } repeats[] = { { 2, 3 }, { 3, 3 }, { 7, 11 } };

	for (unsigned n = 0; n < total;) {
		unsigned symbol, extra;
		uint8_t value = 0;
		enum status st = decode(z, &z->litlen, &symbol);

		if (st != ST_OK)
			return st;
		if (symbol < 16) {
			length[n++] = (uint8_t)symbol;
			continue;
		}
		if (symbol == 16) {
			if (n == 0)
				return ST_CORRUPT;
			value = length[n - 1];
		}
		st = take(z, repeats[symbol - 16].bits, &extra);
		if (st != ST_OK)
			return st;
		extra += repeats[symbol - 16].base;
		if (extra > total - n)
			return ST_CORRUPT;
		memset(length + n, value, extra);
		n += extra;
	}
	return ST_OK;
}

static enum status dynamic_codes(struct inflate *z)
{
	uint8_t length[DEFLATE_LITLEN_MAX + 32], order[19] = { 0 };
	unsigned litlens, dists, codes, n = 0;
	enum status st;

	if (take(z, 5, &litlens) != ST_OK || take(z, 5, &dists) != ST_OK ||
	    take(z, 4, &codes) != ST_OK)
		return ST_CORRUPT;
	litlens += 257;
	dists += 1;
	if (litlens > 286 || dists > DEFLATE_DIST_MAX)
		return ST_CORRUPT;
	for (unsigned i = 0; i < codes + 4; i++) {
		if (take(z, 3, &n) != ST_OK)
			return ST_CORRUPT;
		order[deflate_code_order[i]] = (uint8_t)n;
	}
	st = build(&z->litlen, order, ARRAY_COUNT(order));
	if (st == ST_OK)
		st = read_lengths(z, length, litlens + dists);
	if (st == ST_OK && length[DEFLATE_END] == 0)
		st = ST_CORRUPT;	/* the block could not end */
	if (st == ST_OK)
		st = build(&z->litlen, length, litlens);
	if (st == ST_OK)
		st = build(&z->dist, length + litlens, dists);
	return st;
}

static enum status one_block(struct inflate *z, unsigned *last)
{
	unsigned type;
	enum status st;

	if (take(z, 1, last) != ST_OK || take(z, 2, &type) != ST_OK)
		return ST_CORRUPT;
	switch (type) {
	case 0: return stored_block(z);
	case 1: st = fixed_codes(z); break;
	case 2: st = dynamic_codes(z); break;
	default: return ST_CORRUPT;
	}
	return st == ST_OK ? coded_block(z) : st;
}

/* RFC 1950: method 8, a window of at most 32 KiB, no preset dictionary. */
static int header_is_good(const uint8_t *in)
{
	return (in[0] & 15) == 8 && in[0] >> 4 <= 7 && (in[0] * 256 + in[1]) % 31 == 0 &&
	       (in[1] & 0x20) == 0;
}

enum status inflate_plain(const void *in, size_t in_bytes, void *out, size_t out_max,
			  size_t *out_bytes)
{
	struct inflate z = { .in = in, .out = out, .max = out_max };
	unsigned last = 0;
	const uint8_t *sum;

	*out_bytes = 0;
	if (in_bytes < 2 || !header_is_good(in))
		return ST_CORRUPT;
	z.in_end = z.in + in_bytes;
	z.in += 2;
	while (!last) {
		enum status st = one_block(&z, &last);

		if (st != ST_OK)
			return st;
	}
	sum = z.in - z.bit_count / 8;
	if (z.in_end - sum < 4 ||
	    adler32_plain(1, out, z.len) != ((uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 |
					     (uint32_t)sum[2] << 8 | sum[3]))
		return ST_CORRUPT;
	*out_bytes = z.len;
	return ST_OK;
}
