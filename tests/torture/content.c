/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* content - every sector of every file says where it belongs and which operation wrote it, under a
 * checksum: a block that another file's data got into, or an older one that came back, is seen by
 * reading it. */
#include "tests/torture/torture.h"

#include "iopath/base/le.h"

#define MAGIC 0x74726f74u
#define SECTORS (UNIT_BYTES / SECTOR_BYTES)

struct sector {
	le32	magic, unit, sector, stamp;
	uint8_t	body[SECTOR_BYTES - 20];
	le32	crc;
};

static uint32_t crc_of(const struct sector *s)
{
	return port_accel()->crc32c(0, s, sizeof(*s) - sizeof(s->crc));
}

void content_fill(void *unit, uint32_t index, uint32_t stamp)
{
	struct sector *s = unit;

	memset(unit, 0, UNIT_BYTES);
	for (uint32_t i = 0; i < SECTORS && stamp; i++) {
		le32_set(&s[i].magic, MAGIC);
		le32_set(&s[i].unit, index);
		le32_set(&s[i].sector, i);
		le32_set(&s[i].stamp, stamp);
		memset(s[i].body, (int)(stamp + i), sizeof(s[i].body));
		le32_set(&s[i].crc, crc_of(&s[i]));
	}
}

uint32_t content_stamp(const void *sector, uint64_t number)
{
	static const uint8_t zero[SECTOR_BYTES];
	const struct sector *s = sector;

	if (memcmp(sector, zero, SECTOR_BYTES) == 0)
		return 0;
	if (le32_get(s->magic) != MAGIC || le32_get(s->crc) != crc_of(s) ||
	    (uint64_t)le32_get(s->unit) * SECTORS + le32_get(s->sector) != number)
		return ~0u;
	return le32_get(s->stamp);
}

/* ---- chance ---------------------------------------------------------------------------------- */

/* splitmix64: seeds that are close to each other have nothing in common. */
static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return z ^ z >> 31;
}

uint32_t chance(struct chance *c, uint32_t below)
{
	c->x += 0x9E3779B97F4A7C15ull;
	return below ? (uint32_t)(mix(c->x) % below) : 0;
}

struct chance chance_of(uint64_t seed, uint32_t a, uint32_t b)
{
	return (struct chance){ .x = mix(mix(seed) ^ mix((uint64_t)a << 32 | b)) };
}
