/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* blocks - which memory belongs to which host, for hosts that lose power: a hash table of
 * addresses, open, with linear probing. Host 0 is not in it: what it forgets is a leak, and
 * LeakSanitizer says so. */
#include "iopath/port/sim/sim_priv.h"

#include <stdlib.h>

#define BLOCKS_FIRST 1024u	/* places of a new table; a power of two, always half empty */

static size_t place_of(const struct blocks *b, const void *p)
{
	return (size_t)chance_hash((uint64_t)(uintptr_t)p, 0) & (b->places - 1);
}

static size_t find(const struct blocks *b, const void *p)
{
	size_t i = place_of(b, p);

	while (b->block[i].p && b->block[i].p != p)
		i = (i + 1) & (b->places - 1);
	return i;
}

static void grow(struct blocks *b)
{
	struct blocks wide = { .places = b->places ? 2 * b->places : BLOCKS_FIRST,
			       .count = b->count };

	wide.block = calloc(wide.places, sizeof(*wide.block));
	VERIFY(wide.block != NULL);	/* of the test's machine, not of the simulated one */
	for (size_t i = 0; i < b->places; i++)
		if (b->block[i].p)
			wide.block[find(&wide, b->block[i].p)] = b->block[i];
	free(b->block);
	*b = wide;
}

void blocks_add(void *p, uint32_t host)
{
	struct blocks *b = &sim.blocks;

	if (2 * (b->count + 1) > b->places)
		grow(b);
	b->block[find(b, p)] = (struct block){ p, host };
	b->count++;
}

/* Take place i out and move up those that had to pass it. */
static void take_out(struct blocks *b, size_t i)
{
	size_t hole = i, at = (i + 1) & (b->places - 1);

	for (; b->block[at].p; at = (at + 1) & (b->places - 1)) {
		size_t home = place_of(b, b->block[at].p);

		if (((at - home) & (b->places - 1)) >= ((at - hole) & (b->places - 1))) {
			b->block[hole] = b->block[at];
			hole = at;
		}
	}
	b->block[hole].p = NULL;
	b->count--;
}

void blocks_remove(void *p)
{
	struct blocks *b = &sim.blocks;
	size_t i = b->places ? find(b, p) : 0;

	VERIFY(b->places && b->block[i].p == p);	/* not of port_alloc(), or freed twice */
	take_out(b, i);
}

uint64_t blocks_free_of(uint32_t host)
{
	struct blocks *b = &sim.blocks;
	uint64_t freed = 0;

	for (size_t i = 0; i < b->places;) {
		void *p = b->block[i].p;

		if (!p || b->block[i].host != host) {
			i++;
			continue;
		}
		take_out(b, i);		/* another may have come to this place: look again */
		sim.alloc_live--;
		free(p);
		freed++;
	}
	return freed;
}

void blocks_fini(void)
{
	free(sim.blocks.block);
	sim.blocks = (struct blocks){ 0 };
}
