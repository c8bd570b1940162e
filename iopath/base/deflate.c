/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* deflate - RFC 1950 and 1951 forwards, from one buffer into another: greedy LZ77 with one
 * candidate a position, then the smallest of a dynamic, a fixed and a stored block. The level is
 * not used: this is the twin for where no library is, and its ratio lies near zlib's level 1.
 *
 * A block is at most TOKENS_MAX tokens, so that the state (about 36 KiB) fits a world's stack. */
#include "iopath/base/accel_priv.h"

#define HASH_BITS 12
#define TOKENS_MAX 4096
#define MATCH_MIN 4
#define MATCH_MAX 258
#define STORED_MAX 65535

struct code {
	uint16_t bits[DEFLATE_LITLEN_MAX];	/* reversed: the first bit is the lowest */
	uint8_t	 length[DEFLATE_LITLEN_MAX];
	uint16_t count[DEFLATE_LITLEN_MAX];	/* how often the block has the symbol */
};

struct deflate {
	const uint8_t	*in;
	size_t		in_bytes, at, block_start;
	uint8_t		*out;
	size_t		len, max;
	int		full;			/* out_max was reached: the result is 0 */
	uint64_t	bits;
	unsigned	bit_count;
	uint32_t	head[1 << HASH_BITS];	/* position + 1 of the last such four bytes */
	uint32_t	token[TOKENS_MAX];	/* a byte, or length << 16 | distance */
	unsigned	tokens;
	struct code	litlen, dist;
};

/* ---- bits ------------------------------------------------------------------------------------ */

static void put_byte(struct deflate *z, uint8_t byte)
{
	if (z->len == z->max) {
		z->full = 1;
		return;
	}
	z->out[z->len++] = byte;
}

static void put_bits(struct deflate *z, unsigned value, unsigned n)
{
	z->bits |= (uint64_t)value << z->bit_count;
	z->bit_count += n;
	for (; z->bit_count >= 8; z->bit_count -= 8, z->bits >>= 8)
		put_byte(z, (uint8_t)z->bits);
}

static void align_byte(struct deflate *z)
{
	if (z->bit_count > 0)
		put_bits(z, 0, 8 - z->bit_count);
}

/* ---- codes ----------------------------------------------------------------------------------- */

/* The symbol whose range holds a value: the last base that is not greater. */
static unsigned symbol_of(const struct deflate_base *table, unsigned count, unsigned value)
{
	unsigned low = 0, high = count;

	while (high - low > 1) {
		unsigned mid = (low + high) / 2;

		if (table[mid].base <= value)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static unsigned length_symbol(unsigned length)
{
	return symbol_of(deflate_lengths, ARRAY_COUNT(deflate_lengths), length);
}

static unsigned distance_symbol(unsigned distance)
{
	return symbol_of(deflate_distances, DEFLATE_DIST_MAX, distance);
}

/* Canonical codes from lengths (RFC 1951, 3.2.2). */
static void assign_codes(struct code *c, unsigned symbols)
{
	unsigned per_length[DEFLATE_BITS_MAX + 1] = { 0 }, next[DEFLATE_BITS_MAX + 2] = { 0 };

	for (unsigned s = 0; s < symbols; s++)
		per_length[c->length[s]]++;
	per_length[0] = 0;
	for (unsigned n = 1; n <= DEFLATE_BITS_MAX; n++)
		next[n + 1] = (next[n] + per_length[n]) << 1;
	for (unsigned s = 0; s < symbols; s++) {
		unsigned n = c->length[s], code = n ? next[n]++ : 0, r = 0;

		for (unsigned i = 0; i < n; i++)
			r |= (code >> i & 1) << (n - 1 - i);
		c->bits[s] = (uint16_t)r;
	}
}

/* A subtree that is not yet hung up: its weight and its node number. */
struct heap {
	uint32_t weight[DEFLATE_LITLEN_MAX];
	uint16_t node[DEFLATE_LITLEN_MAX];
	unsigned n;
};

static void heap_set(struct heap *h, unsigned i, const struct heap *from, unsigned k)
{
	h->weight[i] = from->weight[k];
	h->node[i] = from->node[k];
}

static void heap_push(struct heap *h, uint32_t weight, uint16_t node)
{
	unsigned i = h->n++;

	for (; i > 0 && h->weight[(i - 1) / 2] > weight; i = (i - 1) / 2)
		heap_set(h, i, h, (i - 1) / 2);
	h->weight[i] = weight;
	h->node[i] = node;
}

static uint16_t heap_pop(struct heap *h, uint32_t *weight)
{
	uint16_t top = h->node[0];
	uint32_t last = h->weight[--h->n];
	unsigned i = 0;

	*weight = h->weight[0];
	for (;;) {
		unsigned child = 2 * i + 1;

		if (child + 1 < h->n && h->weight[child + 1] < h->weight[child])
			child++;
		if (child >= h->n || h->weight[child] >= last)
			break;
		heap_set(h, i, h, child);
		i = child;
	}
	heap_set(h, i, h, h->n);
	return top;
}

/* Huffman's tree; returns the longest length. Nodes below `symbols` are leaves, and a node is made
 * after its children: so one walk from the last node down gives every depth. */
static unsigned tree_lengths(struct code *c, unsigned symbols)
{
	struct heap h = { .n = 0 };
	uint16_t parent[2 * DEFLATE_LITLEN_MAX];
	uint8_t depth[2 * DEFLATE_LITLEN_MAX];
	unsigned node = symbols, longest = 0;

	for (unsigned s = 0; s < symbols; s++) {
		c->length[s] = 0;
		if (c->count[s])
			heap_push(&h, c->count[s], (uint16_t)s);
	}
	while (h.n > 1) {
		uint32_t a, b;

		parent[heap_pop(&h, &a)] = (uint16_t)node;
		parent[heap_pop(&h, &b)] = (uint16_t)node;
		heap_push(&h, a + b, (uint16_t)node++);
	}
	depth[node - 1] = 0;
	for (unsigned i = node - 1; i-- > symbols;)
		depth[i] = (uint8_t)(depth[parent[i]] + 1);
	for (unsigned s = 0; s < symbols; s++) {
		if (c->count[s] == 0)
			continue;
		c->length[s] = (uint8_t)(depth[parent[s]] + 1);
		longest = MAX(longest, c->length[s]);
	}
	return longest;
}

/* Lengths of at most bits_max: while the tree is too deep, make the rare symbols less rare. A code
 * gets at least two symbols: decoders differ on codes with one. */
static void make_code(struct code *c, unsigned symbols, unsigned bits_max)
{
	unsigned used = 0;

	for (unsigned s = 0; s < symbols; s++)
		used += c->count[s] != 0;
	for (unsigned s = 0; used < 2; s++) {
		if (c->count[s] == 0) {
			c->count[s] = 1;
			used++;
		}
	}
	while (tree_lengths(c, symbols) > bits_max) {
		for (unsigned s = 0; s < symbols; s++) {
			if (c->count[s])
				c->count[s] = (uint16_t)(c->count[s] / 2 + 1);
		}
	}
	assign_codes(c, symbols);
}

static void make_fixed_code(struct deflate *z)
{
	memset(z->litlen.length, 8, 144);
	memset(z->litlen.length + 144, 9, 112);
	memset(z->litlen.length + 256, 7, 24);
	memset(z->litlen.length + 280, 8, 8);
	memset(z->dist.length, 5, DEFLATE_DIST_MAX);
	assign_codes(&z->litlen, DEFLATE_LITLEN_MAX);
	assign_codes(&z->dist, DEFLATE_DIST_MAX);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void count_tokens(struct deflate *z)
{
	memset(z->litlen.count, 0, sizeof(z->litlen.count));
	memset(z->dist.count, 0, sizeof(z->dist.count));
	for (unsigned i = 0; i < z->tokens; i++) {
		uint32_t t = z->token[i];

		if (t < 256) {
			z->litlen.count[t]++;
			continue;
		}
		z->litlen.count[DEFLATE_END + 1 + length_symbol(t >> 16)]++;
		z->dist.count[distance_symbol(t & 0xffff)]++;
	}
	z->litlen.count[DEFLATE_END] = 1;
}

/* Bits of the tokens under a code of these lengths. */
static uint64_t coded_bits(const struct deflate *z, const uint8_t *litlen, const uint8_t *dist)
{
	uint64_t bits = 0;

	for (unsigned s = 0; s < 286; s++) {
		bits += (uint64_t)z->litlen.count[s] *
			(litlen[s] +
			 (s > DEFLATE_END ? deflate_lengths[s - DEFLATE_END - 1].extra_bits : 0u));
	}
	for (unsigned s = 0; s < DEFLATE_DIST_MAX; s++)
		bits += (uint64_t)z->dist.count[s] * (dist[s] + deflate_distances[s].extra_bits);
	return bits;
}

static void put_symbol(struct deflate *z, const struct code *c, unsigned symbol)
{
	put_bits(z, c->bits[symbol], c->length[symbol]);
}

static void put_extended(struct deflate *z, const struct deflate_base *b, unsigned value)
{
	put_bits(z, value - b->base, b->extra_bits);
}

static void put_tokens(struct deflate *z)
{
	for (unsigned i = 0; i < z->tokens && !z->full; i++) {
		uint32_t t = z->token[i];
		unsigned symbol;

		if (t < 256) {
			put_symbol(z, &z->litlen, t);
			continue;
		}
		symbol = length_symbol(t >> 16);
		put_symbol(z, &z->litlen, DEFLATE_END + 1 + symbol);
		put_extended(z, &deflate_lengths[symbol], t >> 16);
		symbol = distance_symbol(t & 0xffff);
		put_symbol(z, &z->dist, symbol);
		put_extended(z, &deflate_distances[symbol], t & 0xffff);
	}
	put_symbol(z, &z->litlen, DEFLATE_END);
}

/* The code lengths of a dynamic block, run-length coded: symbol | repeat << 8. */
static unsigned pack_lengths(const struct deflate *z, uint16_t *packed, unsigned litlens,
			     unsigned dists)
{
	unsigned total = litlens + dists, count = 0;
	uint8_t all[DEFLATE_LITLEN_MAX + DEFLATE_DIST_MAX];

	memcpy(all, z->litlen.length, litlens);
	memcpy(all + litlens, z->dist.length, dists);
	for (unsigned i = 0; i < total;) {
		unsigned run = 1, n;

		while (i + run < total && all[i + run] == all[i])
			run++;
		if (all[i] == 0 && run >= 3) {
			n = MIN(run, 138u);
			packed[count++] =
			    (uint16_t)(n >= 11 ? 18 | (n - 11) << 8 : 17 | (n - 3) << 8);
		} else if (i > 0 && all[i] == all[i - 1] && run >= 3) {
			n = MIN(run, 6u);
			packed[count++] = (uint16_t)(16 | (n - 3) << 8);
		} else {
			n = 1;
			packed[count++] = all[i];
		}
		i += n;
	}
	return count;
}

static unsigned used_symbols(const uint8_t *length, unsigned symbols, unsigned least)
{
	while (symbols > least && length[symbols - 1] == 0)
		symbols--;
	return symbols;
}

/* The header of a dynamic block, ready to be written. */
struct plan {
	uint16_t	packed[DEFLATE_LITLEN_MAX + DEFLATE_DIST_MAX];
	unsigned	packed_count, litlens, dists, orders;
	uint64_t	bits;
	struct code	code;		/* of the code lengths */
};

static unsigned repeat_bits(unsigned symbol)
{
	return symbol == 16 ? 2 : symbol == 17 ? 3 : symbol == 18 ? 7 : 0;
}

static void plan_dynamic(struct deflate *z, struct plan *p)
{
	make_code(&z->litlen, 286, DEFLATE_BITS_MAX);
	make_code(&z->dist, DEFLATE_DIST_MAX, DEFLATE_BITS_MAX);
	p->litlens = used_symbols(z->litlen.length, 286, 257);
	p->dists = used_symbols(z->dist.length, DEFLATE_DIST_MAX, 1);
	p->packed_count = pack_lengths(z, p->packed, p->litlens, p->dists);
	memset(p->code.count, 0, sizeof(p->code.count));
	for (unsigned i = 0; i < p->packed_count; i++)
		p->code.count[p->packed[i] & 0xff]++;
	make_code(&p->code, 19, 7);
	for (p->orders = 19; p->orders > 4; p->orders--) {
		if (p->code.length[deflate_code_order[p->orders - 1]])
			break;
	}
	p->bits = 14 + 3 * p->orders;
	for (unsigned i = 0; i < p->packed_count; i++) {
		unsigned symbol = p->packed[i] & 0xff;

		p->bits += p->code.length[symbol] + repeat_bits(symbol);
	}
}

static void put_plan(struct deflate *z, const struct plan *p)
{
	put_bits(z, p->litlens - 257, 5);
	put_bits(z, p->dists - 1, 5);
	put_bits(z, p->orders - 4, 4);
	for (unsigned i = 0; i < p->orders; i++)
		put_bits(z, p->code.length[deflate_code_order[i]], 3);
	for (unsigned i = 0; i < p->packed_count; i++) {
		unsigned symbol = p->packed[i] & 0xff;

		put_symbol(z, &p->code, symbol);
		put_bits(z, p->packed[i] >> 8, repeat_bits(symbol));
	}
}

static void put_stored(struct deflate *z, const uint8_t *data, size_t bytes, int last)
{
	do {
		size_t n = MIN(bytes, (size_t)STORED_MAX);

		put_bits(z, last && n == bytes, 3);
		align_byte(z);
		put_bits(z, (unsigned)n, 16);
		put_bits(z, (unsigned)n ^ 0xffff, 16);
		if (n > z->max - z->len) {
			z->full = 1;
			return;
		}
		memcpy(z->out + z->len, data, n);
		z->len += n;
		data += n;
		bytes -= n;
	} while (bytes > 0);
}

static void end_block(struct deflate *z, int last)
{
	size_t bytes = z->at - z->block_start;
	uint8_t fixed_dist[DEFLATE_DIST_MAX], fixed_litlen[DEFLATE_LITLEN_MAX];
	uint64_t fixed_bits, dynamic_bits, stored_bits;
	struct plan plan;

	count_tokens(z);
	make_fixed_code(z);
	memcpy(fixed_litlen, z->litlen.length, sizeof(fixed_litlen));
	memcpy(fixed_dist, z->dist.length, sizeof(fixed_dist));
	fixed_bits = coded_bits(z, fixed_litlen, fixed_dist);
	plan_dynamic(z, &plan);
	dynamic_bits = plan.bits + coded_bits(z, z->litlen.length, z->dist.length);
	stored_bits = 8 * bytes + (bytes / STORED_MAX + 1) * 40;

	if (stored_bits < MIN(fixed_bits, dynamic_bits)) {
		put_stored(z, z->in + z->block_start, bytes, last);
	} else if (dynamic_bits < fixed_bits) {
		put_bits(z, (unsigned)last | 2 << 1, 3);
		put_plan(z, &plan);
		put_tokens(z);
	} else {
		make_fixed_code(z);
		put_bits(z, (unsigned)last | 1 << 1, 3);
		put_tokens(z);
	}
	z->tokens = 0;
	z->block_start = z->at;
}

/* ---- matches --------------------------------------------------------------------------------- */

static uint32_t four_bytes(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static unsigned match_length(const uint8_t *a, const uint8_t *b, size_t max)
{
	unsigned n = 0;

	max = MIN(max, (size_t)MATCH_MAX);
	while (n < max && a[n] == b[n])
		n++;
	return n;
}

/* Remember position `at`; the candidate before it, if it matches, as length << 16 | distance. */
static uint32_t find_match(struct deflate *z, size_t at)
{
	uint32_t word = four_bytes(z->in + at);
	uint32_t slot = word * 2654435761u >> (32 - HASH_BITS);
	size_t before = z->head[slot];

	z->head[slot] = (uint32_t)(at + 1);
	if (before == 0 || at - (before - 1) >= DEFLATE_WINDOW ||
	    four_bytes(z->in + before - 1) != word)
		return 0;
	before--;
	return match_length(z->in + before, z->in + at, z->in_bytes - at) << 16 |
	       (uint32_t)(at - before);
}

static void next_token(struct deflate *z)
{
	uint32_t match = 0;
	size_t end;

	if (z->in_bytes - z->at >= MATCH_MIN)
		match = find_match(z, z->at);
	if (match == 0) {
		z->token[z->tokens++] = z->in[z->at++];
		return;
	}
	z->token[z->tokens++] = match;
	end = z->at + (match >> 16);
	/* Every other position inside a match is enough to find the next one. */
	for (z->at += 2; z->at + MATCH_MIN <= MIN(end, z->in_bytes); z->at += 2)
		z->head[four_bytes(z->in + z->at) * 2654435761u >> (32 - HASH_BITS)] =
			(uint32_t)(z->at + 1);
	z->at = end;
}

size_t deflate_plain(int level, const void *in, size_t in_bytes, void *out, size_t out_max)
{
	struct deflate z;
	uint32_t sum;

	(void)level;
	if (in_bytes >= UINT32_MAX)	/* positions are 32 bits wide */
		return 0;
	memset(z.head, 0, sizeof(z.head));
	z.in = in;
	z.in_bytes = in_bytes;
	z.at = z.block_start = z.len = 0;
	z.out = out;
	z.max = out_max;
	z.full = 0;
	z.bits = 0;
	z.bit_count = z.tokens = 0;
	put_byte(&z, 0x78);	/* deflate, 32 KiB window; check bits for "fastest" */
	put_byte(&z, 0x01);
	while (z.at < in_bytes && !z.full) {
		next_token(&z);
		if (z.tokens == TOKENS_MAX && z.at < in_bytes)
			end_block(&z, 0);
	}
	if (!z.full)
		end_block(&z, 1);
	align_byte(&z);
	sum = adler32_plain(1, in, in_bytes);
	for (int shift = 24; shift >= 0; shift -= 8)
		put_byte(&z, (uint8_t)(sum >> shift));
	return z.full ? 0 : z.len;
}
