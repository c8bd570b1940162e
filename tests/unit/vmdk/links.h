/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* links - chains for the tests: links of every kind with known content, put into the store by hand,
 * and what the chain must show. Extents are built in memory, their regions close together. */
#ifndef CAIRN_TESTS_VMDK_LINKS_H
#define CAIRN_TESTS_VMDK_LINKS_H

#include "iopath/base/le.h"
#include "tests/unit/vmdk/disks.h"

#define LINKS_MAX	40
#define GRAIN_4K	4096u
#define LINK_FILE_MAX	(96 * MIB)

enum link_kind { LINK_FLAT, LINK_COWD, LINK_SESPARSE };
enum grain { G_NONE, G_DATA, G_ZERO, G_UNMAPPED };

struct links {
	struct disks	t;
	uint64_t	sectors, seed;
	uint8_t		*model;		/* what the chain shows */
	uint8_t		*file;		/* LINK_FILE_MAX */
	uint8_t		*what;		/* of each 4 KiB of the link that is being made */
	uint32_t	count;
	char		path[64];	/* of the latest link */
};

static inline void links_put32(uint8_t *at, uint64_t v)
{
	le32_set((le32 *)(void *)at, (uint32_t)v);
}

static inline void links_put64(uint8_t *at, uint64_t v)
{
	le64_set((le64 *)(void *)at, v);
}

static inline void links_begin(struct links *l, uint64_t sectors)
{
	memset(l, 0, sizeof(*l));
	disks_begin(&l->t);
	l->sectors = sectors;
	l->seed = 7;
	l->model = calloc(1, sectors * SECTOR_BYTES + GRAIN_4K);
	l->what = calloc(1, sectors / 8 + 1);
	l->file = calloc(1, LINK_FILE_MAX);
}

static inline void links_end(struct links *l)
{
	free(l->file);
	free(l->what);
	free(l->model);
	disks_end(&l->t);
}

/* The content that a link writes to a 4 KiB grain; not zero, and nowhere else the same. */
static inline void links_fill(uint8_t *to, uint32_t link, uint64_t grain)
{
	memset(to, (int)(link * 16 + 1), GRAIN_4K);
	for (uint32_t s = 0; s < GRAIN_4K; s += SECTOR_BYTES)
		links_put64(to + s, grain * 8 + s / SECTOR_BYTES + 1);
}

static inline uint64_t links_grains(const struct links *l) { return div_round_up(l->sectors, 8); }

/* Choose what the next link writes: runs of up to `run` grains. */
static inline void links_draw(struct links *l, uint32_t run, int zeros)
{
	for (uint64_t g = 0; g < links_grains(l); ) {
		uint32_t n = 1 + disks_random(&l->seed) % run, r = disks_random(&l->seed) % 10;
		enum grain what = r < 3 ? G_DATA : !zeros || r > 4 ? G_NONE :
				  r == 3 ? G_ZERO : G_UNMAPPED;

		for (; n && g < links_grains(l); n--)
			l->what[g++] = (uint8_t)what;
	}
}

static inline void links_apply(struct links *l)
{
	for (uint64_t g = 0; g < links_grains(l); g++) {
		if (l->what[g] == G_DATA)
			links_fill(l->model + g * GRAIN_4K, l->count, g);
		else if (l->what[g] != G_NONE)
			memset(l->model + g * GRAIN_4K, 0, GRAIN_4K);
	}
}

/* Grains in an order of writing: a walk that meets each once and looks random. */
static inline uint64_t links_order(const struct links *l, uint64_t i)
{
	uint64_t n = links_grains(l), step = n / 3 + 1;

	for (;;) {
		uint64_t a = n, b = step;

		while (b) {
			uint64_t r = a % b;

			a = b;
			b = r;
		}
		if (a == 1)
			return i * step % n;
		step++;
	}
}

/* Grains of one sector, as hosts write them; a data grain of 4 KiB is eight of those. */
static inline size_t links_cowd(struct links *l)
{
	uint64_t tables = div_round_up(l->sectors, 4096), free_lba = 4 + div_round_up(tables, 128);

	memcpy(l->file, "COWD", 4);
	links_put32(l->file + 4, 1);
	links_put32(l->file + 8, 3);
	links_put32(l->file + 12, l->sectors);
	links_put32(l->file + 16, 1);
	links_put32(l->file + 20, 4);
	links_put32(l->file + 24, tables);
	for (uint64_t i = 0; i < links_grains(l); i++) {
		uint64_t g = links_order(l, i), table = g * 8 / 4096;
		le32 *gde = (le32 *)(void *)(l->file + 4 * SECTOR_BYTES + table * 4);

		if (l->what[g] == G_NONE)
			continue;
		if (!le32_get(*gde)) {
			le32_set(gde, (uint32_t)free_lba);
			free_lba += 32;
		}
		if (l->what[g] == G_DATA)
			links_fill(l->file + free_lba * SECTOR_BYTES, l->count, g);
		for (uint64_t s = g * 8; s < MIN(g * 8 + 8, l->sectors); s++)
			links_put32(l->file + le32_get(*gde) * (uint64_t)SECTOR_BYTES +
				    s % 4096 * 4, free_lba + s % 8);
		free_lba += MIN(8, l->sectors - g * 8);
	}
	links_put32(l->file + 28, free_lba);
	return free_lba * SECTOR_BYTES;
}

static inline size_t links_sesparse(struct links *l)
{
	uint64_t tables = div_round_up(links_grains(l), 4096), gd = 8;
	uint64_t gts = gd + div_round_up(tables, 64), data = gts + tables * 64, slot = 0, used = 0;
	const uint64_t regions[][2] = {
		{ 1, 1 }, { 2, 2 }, { 4, 1 }, { gd, gts - gd }, { gts, tables * 64 }, { 5, 1 },
		{ 6, 1 }, { data, l->sectors },
	};

	links_put64(l->file, 0xcafebabe);
	links_put64(l->file + 8, 0x0000000200000001ull);
	links_put64(l->file + 16, l->sectors);
	links_put64(l->file + 24, 8);
	links_put64(l->file + 32, 64);
	for (size_t i = 0; i < ARRAY_COUNT(regions); i++) {
		links_put64(l->file + 80 + i * 16, regions[i][0]);
		links_put64(l->file + 88 + i * 16, regions[i][1]);
	}
	for (uint64_t i = 0; i < links_grains(l); i++) {
		uint64_t g = links_order(l, i), what = l->what[g], entry;
		le64 *gde = (le64 *)(void *)(l->file + gd * SECTOR_BYTES + g / 4096 * 8);

		if (what == G_NONE)
			continue;
		if (!le64_get(*gde))
			le64_set(gde, 1ull << 60 | used++);
		entry = what == G_ZERO ? 2ull << 60 :
			(what == G_DATA ? 3ull : 1ull) << 60 | (slot & 0xfff) << 48 | slot >> 12;
		links_put64(l->file + (gts + (le64_get(*gde) & 0xffffffff) * 64) * SECTOR_BYTES +
			    g % 4096 * 8, entry);
		if (what == G_ZERO)
			continue;
		if (what == G_DATA)
			links_fill(l->file + (data + slot * 8) * SECTOR_BYTES, l->count, g);
		else
			memset(l->file + (data + slot * 8) * SECTOR_BYTES, 0xee, GRAIN_4K);
		slot++;
	}
	links_put64(l->file + 512, 0xcafecafe);
	links_put64(l->file + 520, used);
	return (data + slot * 8) * SECTOR_BYTES;
}

static inline size_t links_flat(struct links *l)
{
	for (uint64_t g = 0; g < links_grains(l); g++)
		if (l->what[g] == G_DATA)
			links_fill(l->file + g * GRAIN_4K, l->count, g);
	return l->sectors * SECTOR_BYTES;
}

/* Write the text of a link; hint NULL: a base. */
static inline void links_descriptor(struct links *l, const char *path, enum link_kind kind,
				    uint32_t cid, uint32_t parent, const char *hint)
{
	static const char *const types[] = { "vmfs", "vmfsSparse", "seSparse" };
	static const char *const words[] = { "VMFS", "VMFSSPARSE", "SESPARSE" };
	char text[600];
	int n = snprintf(text, sizeof(text),
			 "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=%08x\n"
			 "createType=\"%s\"\n%s%s%s\nRW %llu %s \"%s-x\"\n", cid,
			 hint ? parent : 0xffffffffu, types[kind],
			 hint ? "parentFileNameHint=\"" : "", hint ? hint : "", hint ? "\"\n" : "",
			 (unsigned long long)l->sectors, words[kind], strrchr(path, '/') + 1);

	disks_put(&l->t, path, text, (size_t)n);
}

/* Put the link that was drawn on top of the others: "l0.vmdk", "l1.vmdk", ... */
static inline void links_add(struct links *l, enum link_kind kind)
{
	static size_t (*const makers[])(struct links *l) = {
		links_flat, links_cowd, links_sesparse,
	};
	char hint[32], extent[80];
	size_t n;

	memset(l->file, 0, LINK_FILE_MAX);
	n = makers[kind](l);
	snprintf(hint, sizeof(hint), "l%u.vmdk", l->count - 1);
	snprintf(l->path, sizeof(l->path), DIR "/l%u.vmdk", l->count);
	snprintf(extent, sizeof(extent), "%s-x", l->path);
	disks_put(&l->t, extent, l->file, n);
	links_descriptor(l, l->path, kind, 100 + l->count, 99 + l->count,
			 l->count ? hint : NULL);
	links_apply(l);
	l->count++;
}

#endif
