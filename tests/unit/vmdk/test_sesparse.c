/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* sesparse - what a header and the entries of its directory and tables are taken for: every type,
 * every bit of a slot's number, regions that are too small, overlap, or wrap. */
#include "tests/unit/vmdk/disks.h"
#include "vmdk/delta_priv.h"

#define SECTORS	(3 * 8 * 4096u - 5)	/* three tables; the last grain is cut short */
#define TABLE	(64 * SECTOR_BYTES)

struct header { struct sesparse_disk d; struct sesparse_volatile_disk v; };

static void set_region(struct sesparse_region *r, uint64_t lba, uint64_t sectors)
{
	le64_set(&r->lba, lba);
	le64_set(&r->sectors, sectors);
}

static void good_header(struct header *h)
{
	*h = (struct header){ 0 };
	le64_set(&h->d.magic, SESPARSE_MAGIC);
	le64_set(&h->d.version, SESPARSE_VERSION);
	le64_set(&h->d.capacity_sectors, SECTORS);
	le64_set(&h->d.grain_sectors, 8);
	le64_set(&h->d.gt_sectors, 64);
	set_region(&h->d.volatile_header, 1, 1);
	set_region(&h->d.journal_header, 2, 2);
	set_region(&h->d.gd, 8, 1);
	set_region(&h->d.gts, 64, 3 * 64);
	set_region(&h->d.grains, 256, SECTORS);
	le64_set(&h->v.magic, SESPARSE_MAGIC_VOLATILE);
	le64_set(&h->v.free_gt, 2);
}

static const char *decode(const struct header *h, struct delta *dl, int *unsupported)
{
	*dl = (struct delta){ .ops = &sesparse_ops, .file_bytes = 64 * MIB };
	*unsupported = 0;
	return sesparse_ops.decode(dl, (const uint8_t *)h, unsupported);
}

static void good_delta(struct delta *dl)
{
	struct header h;
	int unsupported;

	good_header(&h);
	CU_ASSERT_PTR_NULL_FATAL(decode(&h, dl, &unsupported));
}

static void test_header(void)
{
	struct header h;
	struct delta dl;
	int unsupported;

	good_delta(&dl);
	CU_ASSERT_EQUAL(dl.capacity_bytes, SECTORS * 512ull);
	CU_ASSERT_EQUAL(dl.grain_bytes, 4096);
	CU_ASSERT_EQUAL(dl.table_count, 3);
	CU_ASSERT_EQUAL(dl.gd_at, 8 * 512);
	CU_ASSERT_EQUAL(dl.gts_at, 64 * 512);
	CU_ASSERT_EQUAL(dl.data_at, 256 * 512);
	CU_ASSERT_EQUAL(dl.data_end, 256 * 512 + round_up(SECTORS * 512ull, 4096));
	CU_ASSERT_EQUAL(dl.table_mark, 64 * 512 + 2 * TABLE);
	CU_ASSERT(!dl.dirty);
	good_header(&h);
	le64_set(&h.v.replay_journal, 1);
	le64_set(&h.v.free_gt, UINT64_MAX);	/* a mark, which cannot wrap */
	CU_ASSERT_PTR_NULL(decode(&h, &dl, &unsupported));
	CU_ASSERT(dl.dirty);
	CU_ASSERT(dl.table_mark > dl.gts_at);
}

#define AT(field) offsetof(struct header, field)

static void test_bad_headers(void)
{
	static const struct {
		size_t at;
		uint64_t value;
		const char *says;
		int unsupported;
	} bad[] = {
		{ AT(d.magic), 0, "magic", 0 },
		{ AT(d.magic), SESPARSE_MAGIC | 1ull << 32, "magic", 0 },
		{ AT(d.version), 0x0000000200000000ull, "version", 1 },
		{ AT(d.version), 0x0000000200000002ull, "version", 1 },
		{ AT(d.grain_sectors), 16, "grainSize", 1 },
		{ AT(d.grain_sectors), 0, "grainSize", 1 },
		{ AT(d.gt_sectors), 32, "grainTableSize", 1 },
		{ AT(d.flags), 1, "flags", 1 },
		{ AT(d.capacity_sectors), 0, "capacity", 0 },
		{ AT(d.capacity_sectors), UINT64_MAX, "capacity", 0 },
		{ AT(d.volatile_header.lba), 2, "volatile", 0 },
		{ AT(d.gd.lba), 0, "grain directory", 0 },
		{ AT(d.gd.lba), UINT64_MAX, "grain directory", 0 },
		{ AT(d.gd.sectors), 0, "grain directory", 0 },
		{ AT(d.gts.lba), 0, "grain tables", 0 },
		{ AT(d.gts.lba), 1ull << 55, "grain tables", 0 },	/* times 512 it is 0 */
		{ AT(d.gts.sectors), UINT64_MAX, "grain tables", 0 },
		{ AT(d.grains.lba), 0, "the grains", 0 },
		{ AT(d.grains.sectors), 0, "the grains", 0 },
		{ AT(d.grains.sectors), 1ull << 55, "the grains", 0 },
		{ AT(d.grains.lba), 255, "overlap", 0 },
		{ AT(d.grains.lba), 8, "overlap", 0 },
		{ AT(d.gts.sectors), 1ull << 48, "overlap", 0 },
		{ AT(v.magic), 0, "volatile", 0 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct header h;
		struct delta dl;
		const char *said;
		int unsupported;

		good_header(&h);
		le64_set((le64 *)(void *)((uint8_t *)&h + bad[i].at), bad[i].value);
		said = decode(&h, &dl, &unsupported);
		CU_ASSERT_PTR_NOT_NULL_FATAL(said);
		if (!strstr(said, bad[i].says))
			printf("\n%zu: %s\n", i, said);
		CU_ASSERT_PTR_NOT_NULL(strstr(said, bad[i].says));
		CU_ASSERT_EQUAL(unsupported, bad[i].unsupported);
	}
}

/* A directory for one table less than the capacity needs: eight bytes a table. */
static void test_directory_size(void)
{
	struct header h;
	struct delta dl;
	int unsupported;

	good_header(&h);
	le64_set(&h.d.capacity_sectors, 64ull * 8 * 4096);	/* 64 tables fill a sector */
	CU_ASSERT_PTR_NULL(decode(&h, &dl, &unsupported));
	CU_ASSERT_EQUAL(dl.table_count, 64);
	le64_set(&h.d.capacity_sectors, 64ull * 8 * 4096 + 1);
	CU_ASSERT_PTR_NOT_NULL(decode(&h, &dl, &unsupported));
}

static void test_tables(void)
{
	static const struct { uint64_t gde; enum look what; uint64_t slot; } t[] = {
		{ 0, LOOK_NONE, 0 },
		{ 1ull << 60, LOOK_DATA, 0 }, { 1ull << 60 | 2, LOOK_DATA, 2 },
		{ 1ull << 60 | 3, LOOK_BAD, 0 },		/* three there are: 0 to 2 */
		{ 1ull << 60 | UINT32_MAX, LOOK_BAD, 0 },
		{ 1, LOOK_BAD, 0 },				/* a number and no type */
		{ 2ull << 60, LOOK_BAD, 0 }, { 15ull << 60, LOOK_BAD, 0 },
		{ 1ull << 60 | 1ull << 32, LOOK_BAD, 0 },	/* bits that mean nothing */
		{ 1ull << 60 | 1ull << 59, LOOK_BAD, 0 },
	};
	struct delta dl;

	good_delta(&dl);
	for (size_t i = 0; i < ARRAY_COUNT(t); i++) {
		uint64_t at = 0;

		CU_ASSERT_EQUAL(sesparse_ops.table(&dl, t[i].gde, &at), t[i].what);
		CU_ASSERT(t[i].what != LOOK_DATA || at == dl.gts_at + t[i].slot * TABLE);
	}
}

/* The number of a slot is in two pieces; every bit of it counts. */
static uint64_t entry(uint64_t type, uint64_t slot)
{
	return type << 60 | (slot & 0xfff) << 48 | slot >> 12;
}

static void test_slot_bits(void)
{
	for (uint32_t bit = 0; bit < 60; bit++)
		CU_ASSERT_EQUAL(SESPARSE_SLOT(entry(SESPARSE_DATA, 1ull << bit)), 1ull << bit);
	CU_ASSERT_EQUAL(SESPARSE_SLOT(~0ull), (1ull << 60) - 1);
}

static void test_grains(void)
{
	uint64_t slots = div_round_up(SECTORS, 8), at;
	struct delta dl;

	good_delta(&dl);
	dl.file_bytes = dl.data_at + SECTORS * 512ull;	/* the last slot is cut short, too */
	CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, 0, 0, &at), LOOK_NONE);
	CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, 0, 7, &at), LOOK_BAD);
	CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, 0, 2ull << 60, &at), LOOK_ZERO);
	CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, 0, 1ull << 60, &at), LOOK_ZERO);
	for (uint64_t type = 4; type < 16; type++)
		CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, 0, type << 60, &at), LOOK_BAD);
	CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, 0, entry(3, 0), &at), LOOK_DATA);
	CU_ASSERT_EQUAL(at, dl.data_at);
	CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, 0, entry(3, 5000), &at), LOOK_DATA);
	CU_ASSERT_EQUAL(at, dl.data_at + 5000 * 4096);
	/* The cut slot serves the cut grain, and no whole one. */
	CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, slots - 1, entry(3, slots - 1), &at), LOOK_DATA);
	CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, 0, entry(3, slots - 1), &at), LOOK_BAD);
	CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, 0, entry(3, slots), &at), LOOK_BAD);
	CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, 0, entry(3, (1ull << 60) - 1), &at), LOOK_BAD);
	dl.file_bytes = dl.data_at + 4095;	/* and the file may end anywhere */
	CU_ASSERT_EQUAL(sesparse_ops.grain(&dl, 0, entry(3, 0), &at), LOOK_BAD);
}

static void test_held(void)
{
	uint64_t slots = div_round_up(SECTORS, 8), at;
	struct delta dl;

	good_delta(&dl);
	CU_ASSERT_EQUAL(sesparse_ops.held(&dl, 0, &at), LOOK_NONE);
	CU_ASSERT_EQUAL(sesparse_ops.held(&dl, entry(1, 0), &at), LOOK_NONE);
	CU_ASSERT_EQUAL(sesparse_ops.held(&dl, entry(2, 9), &at), LOOK_NONE);
	CU_ASSERT_EQUAL(sesparse_ops.held(&dl, entry(3, 9), &at), LOOK_NONE);
	CU_ASSERT_EQUAL(sesparse_ops.held(&dl, entry(1, 9), &at), LOOK_DATA);
	CU_ASSERT_EQUAL(at, dl.data_at + 9 * 4096);
	CU_ASSERT_EQUAL(sesparse_ops.held(&dl, entry(1, slots), &at), LOOK_BAD);
}

/* ---- attached to a file ---------------------------------------------------------------------- */

static enum status create(struct disks *t, const struct header *h, size_t bytes)
{
	struct store_file *f;
	struct delta *dl;
	uint8_t *file = calloc(1, MIB);
	enum status st;

	memcpy(file, h, sizeof(*h));
	disks_put(t, DIR "/x", file, bytes);
	free(file);
	CU_ASSERT_EQUAL_FATAL(t->s->ops->open(t->s, DIR "/x", STORE_READ, &f, NULL), ST_OK);
	t->why = (struct why){ 0 };
	st = delta_create(f, "x", DESC_SESPARSE, &dl, &t->why);
	if (st == ST_OK)
		delta_destroy(dl);
	CU_ASSERT_EQUAL(t->s->ops->file_close(f), ST_OK);
	return st;
}

static void test_short_files(void)
{
	struct disks t;
	struct header h;

	good_header(&h);
	disks_begin(&t);
	CU_ASSERT_EQUAL(create(&t, &h, 1023), ST_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.why.text, "shorter than its header"));
	CU_ASSERT_EQUAL(create(&t, &h, 1024), ST_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(t.why.text, "grain directory"));
	CU_ASSERT_EQUAL(create(&t, &h, 8 * 512 + 23), ST_CORRUPT);
	CU_ASSERT_EQUAL(create(&t, &h, 8 * 512 + 24), ST_OK);
	le64_set(&h.d.flags, 4);
	CU_ASSERT_EQUAL(create(&t, &h, 8 * 512 + 24), ST_UNSUPPORTED);
	disks_end(&t);
}

static const struct cu_case cases[] = {
	{ "a header", test_header },
	{ "bad headers", test_bad_headers },
	{ "the size of the directory", test_directory_size },
	{ "tables", test_tables },
	{ "bits of a slot", test_slot_bits },
	{ "grains", test_grains },
	{ "what keeps a slot", test_held },
	{ "short files", test_short_files },
};
CU_MAIN("vmdk/sesparse", cases)
