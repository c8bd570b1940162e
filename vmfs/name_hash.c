/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* name_hash - where a name belongs in a hashed directory.
 *
 * Bob Jenkins' lookup8 (public domain) over 32 quads: the name, then zeros to the next quad, then a
 * constant up to byte 127, then zeros. VMware's form adds the number of quads where the original
 * adds that of bytes. The vectors of tests/unit/vmfs/test_dir_hash.c are of a genuine volume. */
#include "vmfs/dir_hash_priv.h"

#define QUADS	32u
#define FILLER	0x739A75C28E61B017ull

struct mixer { uint64_t a, b, c; };

static void mix(struct mixer *m)
{
	uint64_t a = m->a, b = m->b, c = m->c;

	a = (a - b - c) ^ c >> 43;
	b = (b - c - a) ^ a << 9;
	c = (c - a - b) ^ b >> 8;
	a = (a - b - c) ^ c >> 38;
	b = (b - c - a) ^ a << 23;
	c = (c - a - b) ^ b >> 5;
	a = (a - b - c) ^ c >> 35;
	b = (b - c - a) ^ a << 49;
	c = (c - a - b) ^ b >> 11;
	a = (a - b - c) ^ c >> 12;
	b = (b - c - a) ^ a << 18;
	c = (c - a - b) ^ b >> 22;
	*m = (struct mixer){ a, b, c };
}

uint64_t vmfs_name_hash(const char *name)
{
	struct mixer m = { 42, 42, 0x9E3779B97F4A7C13ull };
	le64 q[QUADS] = { 0 };
	size_t len = MIN(strlen(name), (size_t)VMFS_NAME_MAX);
	uint32_t i;

	memcpy(q, name, len);
	for (i = (uint32_t)(len + 1 + 7) / 8; i * 8 < 127; i++)
		le64_set(&q[i], FILLER);
	for (i = 0; i + 3 <= QUADS; i += 3) {
		m.a += le64_get(q[i]);
		m.b += le64_get(q[i + 1]);
		m.c += le64_get(q[i + 2]);
		mix(&m);
	}
	m.c += QUADS;
	m.a += le64_get(q[i]);
	m.b += le64_get(q[i + 1]);
	mix(&m);
	return m.c;
}
