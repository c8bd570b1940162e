/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disks - what the tests of disks share: a store on the simulated machine, a pattern with every
 * kind of piece in it, and short forms of calls that must succeed. */
#ifndef CAIRN_TESTS_VMDK_DISKS_H
#define CAIRN_TESTS_VMDK_DISKS_H

#include <string.h>

#include "iopath/port/sim/sim.h"
#include "tests/unit/cu.h"
#include "vmdk/vmdk.h"

/* 7 MiB and an unaligned tail: the last grain, block and table are not full. */
#define PATTERN_BYTES (7 * MIB + 37 * SECTOR_BYTES)
#define DIR "/d"

static const struct { enum vmdk_kind kind; enum vmdk_alloc alloc;
} all_kinds[] = {
    {VMDK_VMFS, VMDK_THIN},	    {VMDK_VMFS, VMDK_LAZY},	   {VMDK_VMFS, VMDK_EAGER},
    {VMDK_MONO_FLAT, VMDK_THIN},    {VMDK_MONO_SPARSE, VMDK_THIN}, {VMDK_SPLIT_FLAT, VMDK_THIN},
    {VMDK_SPLIT_SPARSE, VMDK_THIN}, {VMDK_STREAM, VMDK_THIN},	   {VMDK_RAW, VMDK_THIN},
};

struct disks {
	struct store	*s;
	struct why	why;
	uint8_t		*pattern;	/* PATTERN_BYTES */
};

static inline uint32_t disks_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

static inline void disks_noise(uint8_t *to, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)disks_random(&seed) | 1;
}

/* Full pieces, one sector in a grain, text that compresses, holes of a grain, a block and more. */
static inline void disks_make_pattern(uint8_t *p)
{
	disks_noise(p, 70000, 1);
	disks_noise(p + 3 * 65536 + 1024, SECTOR_BYTES, 2);
	memset(p + MIB, 'x', 300000);
	disks_noise(p + 3 * MIB - 4096, MIB + 8192, 3);
	disks_noise(p + PATTERN_BYTES - 700, 700, 4);
}

static inline void disks_begin(struct disks *t)
{
	memset(t, 0, sizeof(*t));
	CU_ASSERT_EQUAL_FATAL(hostfs_open("/", &t->s, &t->why), ST_OK);
	if (t->s->ops->mkdir(t->s, DIR, 0700, NULL) != ST_OK)
		CU_FAIL_FATAL("mkdir");
	t->pattern = calloc(1, PATTERN_BYTES);
	disks_make_pattern(t->pattern);
}

static inline int disks_count_one(void *arg, const char *name, const struct store_stat *st)
{
	(void)st;
	if (getenv("SHOW"))
		printf("  left: %s\n", name);
	++*(int *)arg;
	return 0;
}

/* Blocks in use, without what the store remembers until the next sync. */
static inline uint64_t disks_live(struct disks *t)
{
	CU_ASSERT_EQUAL(t->s->ops->sync(t->s), ST_OK);
	return sim_alloc_live();
}

/* Files in the directory: what an operation has left there. */
static inline int disks_files(struct disks *t)
{
	int n = 0;

	CU_ASSERT_EQUAL(t->s->ops->list(t->s, DIR, disks_count_one, &n, NULL), ST_OK);
	return n;
}

static inline int disks_remove_one(void *arg, const char *name, const struct store_stat *st)
{
	struct store *s = arg;
	char path[300];

	(void)st;
	snprintf(path, sizeof(path), DIR "/%s", name);
	(void)!s->ops->remove(s, path, NULL);
	return 0;
}

static inline void disks_clear(struct disks *t)
{
	for (int i = 0; i < 100 && disks_files(t); i++)
		CU_ASSERT_EQUAL(t->s->ops->list(t->s, DIR, disks_remove_one, t->s, NULL), ST_OK);
}

static inline void disks_end(struct disks *t)
{
	disks_clear(t);
	CU_ASSERT_EQUAL(t->s->ops->remove(t->s, DIR, NULL), ST_OK);
	CU_ASSERT_EQUAL(t->s->ops->close(t->s), ST_OK);
	free(t->pattern);
}

static inline unsigned disks_flags(enum vmdk_kind kind)
{
	return kind == VMDK_RAW ? VMDK_FORMAT_RAW : VMDK_READ;
}

static inline struct vmdk_disk *disks_open(struct disks *t, const char *path, unsigned flags)
{
	struct vmdk_disk *d = NULL;
	enum status st = vmdk_open(t->s, path, flags, &d, &t->why);

	CU_ASSERT_EQUAL(st, ST_OK);
	if (st != ST_OK) {
		printf("\n%s\n", t->why.text);
		CU_FAIL_FATAL("open");
	}
	return d;
}

/* A file with these bytes; what was there is replaced. */
static inline void disks_put(struct disks *t, const char *path, const void *data, size_t n)
{
	CU_ASSERT_EQUAL_FATAL(store_replace(t->s, path, 0600, data, n, &t->why), ST_OK);
}

/* A raw image of the pattern. */
static inline void disks_put_raw(struct disks *t, const char *path)
{
	disks_put(t, path, t->pattern, PATTERN_BYTES);
}

static inline enum status disks_convert(struct disks *t, const char *from, unsigned flags,
					const char *to, enum vmdk_kind kind, enum vmdk_alloc alloc)
{
	struct vmdk_convert_opts opts = { .create = { .kind = kind, .alloc = alloc } };
	struct vmdk_disk *src;
	enum status st = vmdk_open(t->s, from, flags, &src, &t->why);

	if (st != ST_OK)
		return st;
	st = vmdk_convert(src, t->s, to, &opts, NULL, &t->why);
	(void)vmdk_close(src);
	return st;
}

/* 1 when all of the disk equals the bytes. */
static inline int disks_equal(struct disks *t, const char *path, unsigned flags,
			      const uint8_t *want, uint64_t bytes)
{
	struct vmdk_disk *d = disks_open(t, path, flags);
	uint8_t *got = calloc(1, bytes);
	int equal = vmdk_bytes(d) == bytes && vmdk_read(d, 0, got, bytes) == ST_OK &&
		    memcmp(got, want, bytes) == 0;

	(void)vmdk_close(d);
	free(got);
	return equal;
}

#endif
