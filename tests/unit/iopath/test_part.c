/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Partition tables: good ones, broken ones, and ones made to hurt. */
#include "iopath/part.h"
#include "tests/unit/iopath/mem_dev.h"

#include "iopath/base/le.h"

#include "tests/unit/cu.h"

#define DISK_BYTES (2 * MIB)

static void put16(uint8_t *p, uint16_t v) { le16 x = le16_make(v); memcpy(p, &x, 2); }
static void put32(uint8_t *p, uint32_t v) { le32 x = le32_make(v); memcpy(p, &x, 4); }
static void put64(uint8_t *p, uint64_t v) { le64 x = le64_make(v); memcpy(p, &x, 8); }

static void seal_header(uint8_t *h)
{
	put32(h + 16, 0);
	put32(h + 16, part_crc32(0, h, 92));
}

/* One header and its entries (128 of 128 bytes) at `lba`, `entries`. */
static void put_gpt(struct mem_dev *m, uint32_t sector, uint64_t lba, uint64_t other,
		    uint64_t entries)
{
	uint8_t *h = m->bytes + lba * sector, *e = m->bytes + entries * sector;
	uint64_t last = m->dev.size_bytes / sector - 1;

	memset(e, 0, 128 * 128);
	memset(e, 0xAA, 16);			/* entry 1 */
	memset(e + 16, 0xBB, 16);
	put64(e + 32, 64);
	put64(e + 40, 127);
	put64(e + 48, 1ull << 60);
	put16(e + 56, 'V');
	put16(e + 58, 0xE9);			/* e acute */
	memset(e + 4 * 128, 0xCC, 16);		/* entry 5 */
	put64(e + 4 * 128 + 32, 128);
	put64(e + 4 * 128 + 40, 128);
	memset(h, 0, sector);
	memcpy(h, "EFI PART", 8);
	put32(h + 8, 0x10000);
	put32(h + 12, 92);
	put64(h + 24, lba);
	put64(h + 32, other);
	put64(h + 40, 34);
	put64(h + 48, last - 33);
	memset(h + 56, 0xDD, 16);
	put64(h + 72, entries);
	put32(h + 80, 128);
	put32(h + 84, 128);
	put32(h + 88, part_crc32(0, e, 128 * 128));
	seal_header(h);
}

static void put_mbr_entry(uint8_t *sector, int i, uint8_t type, uint32_t start, uint32_t count)
{
	uint8_t *e = sector + 446 + 16 * i;

	e[4] = type;
	put32(e + 8, start);
	put32(e + 12, count);
	put16(sector + 510, 0xAA55);
}

static void make_gpt(struct mem_dev *m, uint32_t sector)
{
	uint64_t last = DISK_BYTES / sector - 1;
	uint64_t array = 128 * 128 / sector;

	mem_dev_init(m, DISK_BYTES);
	put_mbr_entry(m->bytes, 0, 0xEE, 1, 0xFFFFFFFF);
	put_gpt(m, sector, 1, last, 2);
	put_gpt(m, sector, last, 1, last - array);
}

static void check_good(struct mem_dev *m, uint32_t sector, int from_backup)
{
	struct part_table t;
	struct why why = { 0 };
	const struct part *p;

	CU_ASSERT_EQUAL_FATAL(part_table_read(&m->dev, &t, &why), ST_OK);
	CU_ASSERT_EQUAL(t.scheme, PART_GPT);
	CU_ASSERT_EQUAL(t.sector_bytes, sector);
	CU_ASSERT_EQUAL(t.from_backup, from_backup);
	CU_ASSERT_EQUAL_FATAL(t.count, 2);
	p = part_find(&t, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL(p->start, 64ull * sector);
	CU_ASSERT_EQUAL(p->bytes, 64ull * sector);
	CU_ASSERT_EQUAL(p->attributes, 1ull << 60);
	CU_ASSERT_STRING_EQUAL(p->name, "V\xC3\xA9");
	CU_ASSERT_PTR_NOT_NULL(part_find(&t, 5));
	CU_ASSERT_PTR_NULL(part_find(&t, 2));
	part_table_free(&t);
}

static void gpt_is_read_with_both_sector_sizes(void)
{
	struct mem_dev m;

	make_gpt(&m, 512);
	check_good(&m, 512, 0);
	mem_dev_fini(&m);
	make_gpt(&m, 4096);
	check_good(&m, 4096, 0);
	mem_dev_fini(&m);
}

/* Every single byte of the first header and of the used entries is covered by a checksum. */
static void any_broken_byte_of_the_first_gpt_leads_to_the_copy(void)
{
	struct mem_dev m;

	make_gpt(&m, 512);
	for (size_t i = 0; i < 92; i++) {
		m.bytes[512 + i] ^= 0x10;
		check_good(&m, 512, 1);
		m.bytes[512 + i] ^= 0x10;
	}
	for (size_t i = 0; i < 5 * 128; i++) {
		m.bytes[1024 + i] ^= 0x01;
		check_good(&m, 512, 1);
		m.bytes[1024 + i] ^= 0x01;
	}
	check_good(&m, 512, 0);
	mem_dev_fini(&m);
}

static enum status read_status(struct mem_dev *m, enum part_scheme *scheme)
{
	struct part_table t;
	struct why why = { 0 };
	enum status st = part_table_read(&m->dev, &t, &why);

	*scheme = t.scheme;
	if (st == ST_OK)
		part_table_free(&t);
	else
		CU_ASSERT(why.text[0] != 0);
	return st;
}

/* Checksums are right, values are not: sizes that would overflow, overrun or exhaust memory. */
static void hostile_gpt_fields_are_refused(void)
{
	static const struct { int at, bytes; uint64_t value; } bad[] = {
		{ 80, 4, 0 }, { 80, 4, 0xFFFFFFFF }, { 80, 4, 1025 },
		{ 84, 4, 0 }, { 84, 4, 127 }, { 84, 4, 132 + 1 }, { 84, 4, 0xFFFFFFF8 },
		{ 72, 8, ~0ull }, { 72, 8, 1ull << 55 }, { 72, 8, DISK_BYTES / 512 - 1 },
		{ 12, 4, 91 }, { 12, 4, 513 }, { 12, 4, 0xFFFFFFFF }, { 24, 8, 2 },
	};
	struct mem_dev m;
	enum part_scheme scheme;
	uint64_t last = DISK_BYTES / 512 - 1;

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		make_gpt(&m, 512);
		memset(m.bytes + last * 512, 0, 512);
		if (bad[i].bytes == 4)
			put32(m.bytes + 512 + bad[i].at, (uint32_t)bad[i].value);
		else
			put64(m.bytes + 512 + bad[i].at, bad[i].value);
		seal_header(m.bytes + 512);
		CU_ASSERT_EQUAL(read_status(&m, &scheme), ST_CORRUPT);
		mem_dev_fini(&m);
	}
}

/* An entry that ends before it starts, and one whose end is no byte offset. */
static void hostile_gpt_entries_are_refused(void)
{
	static const uint64_t last_lba[] = { 63, ~0ull, 1ull << 62 };
	struct mem_dev m;
	enum part_scheme scheme;

	for (size_t i = 0; i < ARRAY_COUNT(last_lba); i++) {
		make_gpt(&m, 512);
		memset(m.bytes + DISK_BYTES - 512, 0, 512);
		put64(m.bytes + 1024 + 40, last_lba[i]);
		put32(m.bytes + 512 + 88, part_crc32(0, m.bytes + 1024, 128 * 128));
		seal_header(m.bytes + 512);
		CU_ASSERT_EQUAL(read_status(&m, &scheme), ST_CORRUPT);
		mem_dev_fini(&m);
	}
}

static void gpt_lost_at_both_ends_is_told(void)
{
	struct mem_dev m;
	enum part_scheme scheme;

	make_gpt(&m, 512);
	memset(m.bytes + 512, 0, 512);
	memset(m.bytes + DISK_BYTES - 512, 0, 512);
	CU_ASSERT_EQUAL(read_status(&m, &scheme), ST_CORRUPT);
	memset(m.bytes, 0, 512); /* and without the protective MBR there is nothing to tell */
	CU_ASSERT_EQUAL(read_status(&m, &scheme), ST_OK);
	CU_ASSERT_EQUAL(scheme, PART_NONE);
	mem_dev_fini(&m);
}

static void no_table_is_no_error(void)
{
	struct mem_dev m;
	enum part_scheme scheme;

	mem_dev_init(&m, DISK_BYTES);
	CU_ASSERT_EQUAL(read_status(&m, &scheme), ST_OK);
	CU_ASSERT_EQUAL(scheme, PART_NONE);
	memset(m.bytes, 0x5A, 510); /* a boot sector: the magic, and code where entries would be */
	put16(m.bytes + 510, 0xAA55);
	CU_ASSERT_EQUAL(read_status(&m, &scheme), ST_OK);
	CU_ASSERT_EQUAL(scheme, PART_NONE);
	m.dev.size_bytes = 512;
	CU_ASSERT_EQUAL(read_status(&m, &scheme), ST_OK);
	CU_ASSERT_EQUAL(scheme, PART_NONE);
	mem_dev_fini(&m);
}

/* ---- MBR ------------------------------------------------------------------------------------- */

static void mbr_with_logical_partitions(void)
{
	struct mem_dev m;
	struct part_table t;

	mem_dev_init(&m, DISK_BYTES);
	put_mbr_entry(m.bytes, 0, 0xFB, 64, 100);
	m.bytes[446] = 0x80;
	put_mbr_entry(m.bytes, 2, 0x05, 1000, 2000);
	put_mbr_entry(m.bytes + 1000 * 512, 0, 0x83, 10, 20);
	put_mbr_entry(m.bytes + 1000 * 512, 1, 0x05, 500, 100);
	put_mbr_entry(m.bytes + 1500 * 512, 0, 0x82, 10, 30);
	CU_ASSERT_EQUAL_FATAL(part_table_read(&m.dev, &t, NULL), ST_OK);
	CU_ASSERT_EQUAL(t.scheme, PART_MBR);
	CU_ASSERT_EQUAL_FATAL(t.count, 4);
	CU_ASSERT_EQUAL(part_find(&t, 1)->start, 64 * 512);
	CU_ASSERT_EQUAL(part_find(&t, 1)->active, 1);
	CU_ASSERT_EQUAL(part_find(&t, 1)->mbr_type, 0xFB);
	CU_ASSERT_EQUAL(part_find(&t, 5)->start, 1010 * 512);
	CU_ASSERT_EQUAL(part_find(&t, 6)->start, 1510 * 512);
	CU_ASSERT_EQUAL(part_find(&t, 6)->bytes, 30 * 512);
	part_table_free(&t);
	mem_dev_fini(&m);
}

/* Links that point back, to themselves, and behind the device: reading ends, soon. */
static void loops_of_logical_partitions_end(void)
{
	static const uint32_t next[] = { 0, 100, 1, 0xFFFFFFFF };

	for (size_t i = 0; i < ARRAY_COUNT(next); i++) {
		struct mem_dev m;
		struct part_table t;

		mem_dev_init(&m, DISK_BYTES);
		put_mbr_entry(m.bytes, 0, 0x05, 1000, 2000);
		put_mbr_entry(m.bytes + 1000 * 512, 1, 0x05, 100, 100);
		put_mbr_entry(m.bytes + 1100 * 512, 1, 0x05, next[i], 100);
		CU_ASSERT_EQUAL(part_table_read(&m.dev, &t, NULL), ST_OK);
		CU_ASSERT(m.reads < 10);
		part_table_free(&t);
		mem_dev_fini(&m);
	}
}

static void guid_is_printed_as_people_write_it(void)
{
	static const uint8_t vmfs[16] = { 0x2A, 0xE0, 0x31, 0xAA, 0x0F, 0x40, 0xDB, 0x11,
					  0x95, 0x90, 0x00, 0x0C, 0x29, 0x11, 0xD1, 0xB8 };
	char text[PART_GUID_TEXT];

	part_guid_format(vmfs, text);
	CU_ASSERT_STRING_EQUAL(text, "AA31E02A-400F-11DB-9590-000C2911D1B8");
	CU_ASSERT_EQUAL(part_crc32(0, "123456789", 9), 0xCBF43926);
}

static const struct cu_case cases[] = {
	{ "a GPT is read with both sector sizes", gpt_is_read_with_both_sector_sizes },
	{ "any broken byte leads to the copy", any_broken_byte_of_the_first_gpt_leads_to_the_copy },
	{ "hostile GPT fields are refused", hostile_gpt_fields_are_refused },
	{ "hostile GPT entries are refused", hostile_gpt_entries_are_refused },
	{ "a GPT lost at both ends is told", gpt_lost_at_both_ends_is_told },
	{ "no table is no error", no_table_is_no_error },
	{ "an MBR with logical partitions", mbr_with_logical_partitions },
	{ "loops of logical partitions end", loops_of_logical_partitions_end },
	{ "a GUID is printed as people write it", guid_is_printed_as_people_write_it },
};
CU_MAIN("iopath/part", cases)
