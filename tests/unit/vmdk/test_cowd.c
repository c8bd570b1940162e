/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cowd - what a header and the entries of tables are taken for, up to the last value of each field:
 * no place before the data, none past the end, no sum that wraps. */
#include "tests/unit/vmdk/disks.h"
#include "vmdk/delta_priv.h"

#define SECTORS	10000u

static void good_header(struct cowd_disk *d)
{
	*d = (struct cowd_disk){ 0 };
	le32_set(&d->magic, COWD_MAGIC);
	le32_set(&d->version, 1);
	le32_set(&d->flags, 3);
	le32_set(&d->capacity_sectors, SECTORS);
	le32_set(&d->grain_sectors, 1);
	le32_set(&d->gd_lba, 4);
	le32_set(&d->gd_entries, 3);
	le32_set(&d->free_lba, 5);
}

static const char *decode(const struct cowd_disk *d, struct delta *dl, int *unsupported)
{
	*dl = (struct delta){ .ops = &cowd_ops, .file_bytes = 64 * MIB };
	*unsupported = 0;
	return cowd_ops.decode(dl, (const uint8_t *)d, unsupported);
}

static void test_header(void)
{
	struct cowd_disk d;
	struct delta dl;
	int unsupported;

	good_header(&d);
	CU_ASSERT_PTR_NULL(decode(&d, &dl, &unsupported));
	CU_ASSERT_EQUAL(dl.capacity_bytes, SECTORS * SECTOR_BYTES);
	CU_ASSERT_EQUAL(dl.grain_bytes, SECTOR_BYTES);
	CU_ASSERT_EQUAL(dl.table_count, 3);
	CU_ASSERT_EQUAL(dl.gd_at, 4 * SECTOR_BYTES);
	CU_ASSERT_EQUAL(dl.data_at, 5 * SECTOR_BYTES);
	CU_ASSERT_EQUAL(dl.grain_mark, 5 * SECTOR_BYTES);
	CU_ASSERT(!dl.dirty);
	le32_set(&d.unclean, 1);
	CU_ASSERT_PTR_NULL(decode(&d, &dl, &unsupported));
	CU_ASSERT(dl.dirty);
}

static void test_bad_headers(void)
{
	static const struct {
		size_t at;
		uint32_t value;
		const char *says;
		int unsupported;
	} bad[] = {
		{ offsetof(struct cowd_disk, magic), 0, "magic", 0 },
		{ offsetof(struct cowd_disk, version), 0, "version", 1 },
		{ offsetof(struct cowd_disk, version), 2, "version", 1 },
		{ offsetof(struct cowd_disk, capacity_sectors), 0, "numSectors", 0 },
		{ offsetof(struct cowd_disk, grain_sectors), 0, "grainSize", 0 },
		{ offsetof(struct cowd_disk, grain_sectors), 3, "grainSize", 0 },
		{ offsetof(struct cowd_disk, grain_sectors), 4096, "grainSize", 0 },
		{ offsetof(struct cowd_disk, grain_sectors), 1u << 31, "grainSize", 0 },
		{ offsetof(struct cowd_disk, gd_lba), 0, "gdOffset", 0 },
		{ offsetof(struct cowd_disk, gd_lba), 3, "gdOffset", 0 },
		{ offsetof(struct cowd_disk, gd_entries), 2, "numGDEntries", 0 },
		{ offsetof(struct cowd_disk, gd_entries), 0, "numGDEntries", 0 },
		{ offsetof(struct cowd_disk, capacity_sectors), 3 * 4096 + 1, "numGDEntries", 0 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct cowd_disk d;
		struct delta dl;
		const char *said;
		int unsupported;

		good_header(&d);
		le32_set((le32 *)(void *)((uint8_t *)&d + bad[i].at), bad[i].value);
		said = decode(&d, &dl, &unsupported);
		CU_ASSERT_PTR_NOT_NULL_FATAL(said);
		CU_ASSERT_PTR_NOT_NULL(strstr(said, bad[i].says));
		CU_ASSERT_EQUAL(unsupported, bad[i].unsupported);
	}
}

/* The largest value that each field can have. */
static void test_largest(void)
{
	struct cowd_disk d;
	struct delta dl;
	int unsupported;

	good_header(&d);
	le32_set(&d.capacity_sectors, UINT32_MAX);
	le32_set(&d.gd_lba, UINT32_MAX);
	le32_set(&d.gd_entries, UINT32_MAX);
	le32_set(&d.free_lba, UINT32_MAX);
	CU_ASSERT_PTR_NULL(decode(&d, &dl, &unsupported));
	CU_ASSERT_EQUAL(dl.capacity_bytes, UINT32_MAX * 512ull);
	CU_ASSERT_EQUAL(dl.table_count, 1u << 20);
	CU_ASSERT_EQUAL(dl.gd_at, UINT32_MAX * 512ull);
	CU_ASSERT_EQUAL(dl.data_at, UINT32_MAX * 512ull + 4 * MIB);
	le32_set(&d.grain_sectors, COWD_GRAIN_MAX);
	CU_ASSERT_PTR_NULL(decode(&d, &dl, &unsupported));
	CU_ASSERT_EQUAL(dl.table_count, 512);
}

static void test_tables(void)
{
	static const struct { uint64_t gde; enum look what; uint64_t at; } t[] = {
		{ 0, LOOK_NONE, 0 }, { 1, LOOK_BAD, 0 },  { 4, LOOK_BAD, 0 },	/* the directory */
		{ 5, LOOK_DATA, 5 * 512 }, { UINT32_MAX, LOOK_DATA, UINT32_MAX * 512ull },
	};
	struct cowd_disk d;
	struct delta dl;
	int unsupported;

	good_header(&d);
	CU_ASSERT_PTR_NULL(decode(&d, &dl, &unsupported));
	for (size_t i = 0; i < ARRAY_COUNT(t); i++) {
		uint64_t at = 1;

		CU_ASSERT_EQUAL(cowd_ops.table(&dl, t[i].gde, &at), t[i].what);
		CU_ASSERT(t[i].what != LOOK_DATA || at == t[i].at);
	}
}

/* Grains up to the last byte of the file and not one further; the last grain of the disk needs only
 * what the disk has of it. */
static void test_grains(void)
{
	struct cowd_disk d;
	struct delta dl;
	int unsupported;
	uint64_t at, last;

	good_header(&d);
	le32_set(&d.grain_sectors, 8);
	le32_set(&d.capacity_sectors, SECTORS - 3);	/* 1249 grains and 5 sectors */
	CU_ASSERT_PTR_NULL(decode(&d, &dl, &unsupported));
	last = (SECTORS - 3) / 8;
	dl.file_bytes = 100 * SECTOR_BYTES;
	CU_ASSERT_EQUAL(cowd_ops.grain(&dl, 0, 0, &at), LOOK_NONE);
	CU_ASSERT_EQUAL(cowd_ops.grain(&dl, 0, 1, &at), LOOK_BAD);
	CU_ASSERT_EQUAL(cowd_ops.grain(&dl, 0, 4, &at), LOOK_BAD);
	CU_ASSERT_EQUAL(cowd_ops.grain(&dl, 0, 5, &at), LOOK_DATA);
	CU_ASSERT_EQUAL(at, 5 * SECTOR_BYTES);
	CU_ASSERT_EQUAL(cowd_ops.grain(&dl, 0, 92, &at), LOOK_DATA);
	CU_ASSERT_EQUAL(cowd_ops.grain(&dl, 0, 93, &at), LOOK_BAD);
	CU_ASSERT_EQUAL(cowd_ops.grain(&dl, last, 95, &at), LOOK_DATA);
	CU_ASSERT_EQUAL(cowd_ops.grain(&dl, last, 96, &at), LOOK_BAD);
	CU_ASSERT_EQUAL(cowd_ops.grain(&dl, 0, UINT32_MAX, &at), LOOK_BAD);
}

/* ---- attached to a file ---------------------------------------------------------------------- */

static enum status create(struct disks *t, size_t bytes)
{
	struct cowd_disk d;
	struct store_file *f;
	struct delta *dl;
	uint8_t *file = calloc(1, 8192);
	enum status st;

	good_header(&d);
	memcpy(file, &d, sizeof(d));
	disks_put(t, DIR "/x", file, bytes);
	free(file);
	CU_ASSERT_EQUAL_FATAL(t->s->ops->open(t->s, DIR "/x", STORE_READ, &f, NULL), ST_OK);
	t->why = (struct why){ 0 };
	st = delta_create(f, "x", DESC_VMFSSPARSE, &dl, &t->why);
	if (st == ST_OK)
		delta_destroy(dl);
	else
		CU_ASSERT_PTR_NULL(dl);
	CU_ASSERT_EQUAL(t->s->ops->file_close(f), ST_OK);
	return st;
}

static void test_short_files(void)
{
	struct disks t;

	disks_begin(&t);
	CU_ASSERT_EQUAL(create(&t, 0), ST_CORRUPT);
	CU_ASSERT_EQUAL(create(&t, 2047), ST_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.why.text, "shorter than its header"));
	CU_ASSERT_EQUAL(create(&t, 2048 + 11), ST_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.why.text, "grain directory"));
	CU_ASSERT_EQUAL(create(&t, 2048 + 12), ST_OK);
	disks_end(&t);
}

static void test_create_fails(void)
{
	struct disks t;
	int failed = 1;

	disks_begin(&t);
	CU_ASSERT_EQUAL(create(&t, 4096), ST_OK);
	for (uint64_t n = 1; failed; n++) {
		struct store_file *f;
		struct delta *dl;
		uint64_t live;
		enum status st;

		CU_ASSERT_EQUAL_FATAL(t.s->ops->open(t.s, DIR "/x", STORE_READ, &f, NULL), ST_OK);
		live = sim_alloc_live();
		sim_fail_alloc(n);
		st = delta_create(f, "x", DESC_VMFSSPARSE, &dl, &t.why);
		failed = sim_alloc_failed();
		sim_fail_alloc(0);
		CU_ASSERT_EQUAL(st, failed ? ST_NOMEM : ST_OK);
		if (st == ST_OK)
			delta_destroy(dl);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		sim_fail_io(PORT_READ, 1, ST_DEVICE);
		CU_ASSERT_EQUAL(delta_create(f, "x", DESC_VMFSSPARSE, &dl, &t.why), ST_DEVICE);
		CU_ASSERT_EQUAL(sim_alloc_live(), live);
		CU_ASSERT_EQUAL(t.s->ops->file_close(f), ST_OK);
	}
	disks_end(&t);
}

static const struct cu_case cases[] = {
	{ "a header", test_header },
	{ "bad headers", test_bad_headers },
	{ "the largest values", test_largest },
	{ "tables", test_tables },
	{ "grains", test_grains },
	{ "short files", test_short_files },
	{ "attaching fails", test_create_fails },
};
CU_MAIN("vmdk/cowd", cases)
