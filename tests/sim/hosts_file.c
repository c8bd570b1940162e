/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts_file - content that says where it belongs: each sector carries the number of its file, its
 * own place, the stamp of the write, and a checksum. So a sector that turns up in the wrong file or
 * place, or a mix of two, says so itself.
 *
 * Of a file only some sectors are written, in runs around the places where its map changes shape:
 * content in the descriptor, in a sub-block, in file blocks, behind a pointer block. */
#include "tests/sim/hosts.h"

#include <stdio.h>
#include <string.h>

#define CELL_MAGIC 0x4C4C4543u /* "CELL" */

static const struct {
	uint32_t first;
	uint64_t sector;
} cell_runs[] = {
    {0, 0}, {4, 14}, {8, 2046}, {12, 3 * 2048}, {16, 256 * 2048 - 2}, {CELLS, 0},
};

#define RUNS (ARRAY_COUNT(cell_runs) - 1)

static uint32_t run_of(uint32_t cell)
{
	uint32_t r = 0;

	while (r + 1 < RUNS && cell_runs[r + 1].first <= cell)
		r++;
	return r;
}

uint64_t cell_at(uint32_t cell)
{
	uint32_t r = run_of(cell);

	return 512 * (cell_runs[r].sector + (cell - cell_runs[r].first));
}

void cell_run(uint32_t cell, uint32_t *first, uint32_t *end)
{
	uint32_t r = run_of(cell);

	*first = cell_runs[r].first;
	*end = cell_runs[r + 1].first;
}

struct cell_sector {
	uint32_t magic, file, cell, crc;
	uint64_t stamp;
	uint64_t filler[61];
};

static void make(struct cell_sector *s, uint32_t file, uint32_t cell, uint64_t stamp)
{
	s->magic = CELL_MAGIC;
	s->file = file;
	s->cell = cell;
	s->crc = 0;
	s->stamp = stamp;
	for (uint32_t i = 0; i < ARRAY_COUNT(s->filler); i++)
		s->filler[i] = stamp * 0x9e3779b97f4a7c15ull + i;
	s->crc = (uint32_t)(stamp * 2654435761u) ^ file << 8 ^ cell;
}

void sector_fill(uint8_t sector[512], uint32_t file, uint32_t cell, uint64_t stamp)
{
	struct cell_sector s;

	make(&s, file, cell, stamp);
	memcpy(sector, &s, sizeof(s));
}

uint64_t sector_read(const uint8_t sector[512], uint32_t file, uint32_t cell, char *text,
		     size_t size)
{
	static const uint8_t zeros[512];
	struct cell_sector s, want;

	if (!memcmp(sector, zeros, sizeof(zeros)))
		return 0;
	memcpy(&s, sector, sizeof(s));
	make(&want, s.file, s.cell, s.stamp);
	if (s.magic != CELL_MAGIC)
		snprintf(text, size, "nobody's bytes %02x %02x %02x %02x", sector[0], sector[1],
			 sector[2], sector[3]);
	else if (memcmp(&s, &want, sizeof(s)) != 0)
		snprintf(text, size, "a mix, file %u, cell %u", s.file, s.cell);
	else if (s.file != file || s.cell != cell)
		snprintf(text, size, "cell %u of file %u (stamp %llx)", s.cell, s.file,
			 (unsigned long long)s.stamp);
	else
		return s.stamp;
	return ~0ull;
}
