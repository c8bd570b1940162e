/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Source of the layouts: VMware, Virtual Disk Format 5.0 (technical note), for COWD. */
#include "tests/fuzz/delta_base.h"

#include "iopath/base/fmt.h"
#include "iopath/base/le.h"

#define COWD_GRAIN	8u	/* sectors; a table covers 16 MiB, as in SESparse */
#define TEXT_MAX	600u

static void put32(uint8_t *at, uint32_t v) { le32_set((le32 *)(void *)at, v); }
static void put64(uint8_t *at, uint64_t v) { le64_set((le64 *)(void *)at, v); }

/* Header, directory, a table, two grains, the other table with one. */
size_t base_cowd(uint8_t *buf)
{
	const uint32_t gd = 4, table[2] = { 5, 5 + 32 + 2 * COWD_GRAIN };
	const uint32_t grain[3] = { 37, 37 + COWD_GRAIN, table[1] + 32 };
	const uint32_t end = grain[2] + COWD_GRAIN;

	memset(buf, 0, BASE_MAX);
	memcpy(buf, "COWD", 4);
	put32(buf + 4, 1);
	put32(buf + 8, 3);
	put32(buf + 12, DELTA_SECTORS);
	put32(buf + 16, COWD_GRAIN);
	put32(buf + 20, gd);
	put32(buf + 24, 2);
	put32(buf + 28, end);
	for (uint32_t i = 0; i < 2; i++)
		put32(buf + gd * SECTOR_BYTES + i * 4, table[i]);
	put32(buf + table[0] * SECTOR_BYTES, grain[0]);
	put32(buf + table[0] * SECTOR_BYTES + 4, grain[1]);
	put32(buf + table[1] * SECTOR_BYTES + 9 * 4, grain[2]);
	memset(buf + grain[0] * SECTOR_BYTES, 0xc0, 2 * COWD_GRAIN * SECTOR_BYTES);
	memset(buf + grain[2] * SECTOR_BYTES, 0xc2, COWD_GRAIN * SECTOR_BYTES);
	return end * SECTOR_BYTES;
}

/* The regions lie closer together than in a file that a host made. */
size_t base_sesparse(uint8_t *buf)
{
	static const uint64_t regions[][2] = {	/* from the volatile header to the grains */
		{ 1, 1 }, { 2, 2 }, { 4, 1 }, { 5, 1 }, { 8, 128 }, { 136, 1 }, { 137, 1 },
		{ 144, DELTA_SECTORS },
	};
	uint8_t *gd = buf + 5 * SECTOR_BYTES, *gt = buf + 8 * SECTOR_BYTES;

	memset(buf, 0, BASE_MAX);
	put64(buf, 0xcafebabe);
	put64(buf + 8, 0x0000000200000001ull);
	put64(buf + 16, DELTA_SECTORS);
	put64(buf + 24, 8);
	put64(buf + 32, 64);
	for (size_t i = 0; i < ARRAY_COUNT(regions); i++) {
		put64(buf + 80 + i * 16, regions[i][0]);
		put64(buf + 88 + i * 16, regions[i][1]);
	}
	put64(buf + 512, 0xcafecafe);
	put64(buf + 520, 2);
	put64(gd, 1ull << 60 | 1);	/* tables in the order of their first use */
	put64(gd + 8, 1ull << 60);
	put64(gt + 64 * 512, 3ull << 60 | 2ull << 48);	/* grain 0 in slot 2 */
	put64(gt + 64 * 512 + 8, 2ull << 60);
	put64(gt + 64 * 512 + 16, 1ull << 60 | 1ull << 48);
	put64(gt + 7 * 8, 3ull << 60);
	memset(buf + 144 * 512, 0xe0, 3 * 8 * 512);
	return (144 + 3 * 8) * 512;
}

static size_t put_text(char *text, const char *type, const char *word, uint32_t cid,
		       uint32_t parent, const char *extent)
{
	return fmt(text, TEXT_MAX,
		   "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=%08x\n"
		   "createType=\"%s\"\n%s\nRW %u %s \"%s\"\n", cid, parent, type,
		   parent == 0xffffffffu ? "" : "parentFileNameHint=\"p.vmdk\"\n", DELTA_SECTORS,
		   word, extent);
}

void delta_input(int cowd_is_leaf, const uint8_t *data, size_t bytes)
{
	static const char *const types[2] = { "seSparse", "vmfsSparse" };
	static const char *const words[2] = { "SESPARSE", "VMFSSPARSE" };
	static uint8_t leaf[BASE_MAX], below[BASE_MAX];
	char text[TEXT_MAX];
	struct fuzz_bytes in = { data, bytes };
	unsigned flags = fuzz_u8(&in);
	size_t size = cowd_is_leaf ? base_cowd(leaf) : base_sesparse(leaf);
	size_t below_size = cowd_is_leaf ? base_sesparse(below) : base_cowd(below);
	size_t text_size = put_text(text, types[cowd_is_leaf], words[cowd_is_leaf], 2, 1,
				    "d-x.vmdk");
	struct mem_store m;

	mem_store_init(&m);
	if (flags & USE_CUT)
		size -= size * (1 + fuzz_u8(&in)) / 512;
	if (flags & USE_TEXT)
		base_patch((uint8_t *)text, text_size, &in);
	else if (!(flags & USE_RAW))
		base_patch(leaf, size, &in);
	mem_store_add(&m, "/d.vmdk", (uint8_t *)text, text_size, text_size);
	if (flags & USE_RAW)
		mem_store_add(&m, "/d-x.vmdk", in.at, in.left, in.left);
	else
		mem_store_add(&m, "/d-x.vmdk", leaf, size, size);
	text_size = put_text(text, types[!cowd_is_leaf], words[!cowd_is_leaf], 1, 0xffffffffu,
			     "p-x.vmdk");
	mem_store_add(&m, "/p.vmdk", (uint8_t *)text, text_size, text_size);
	mem_store_add(&m, "/p-x.vmdk", below, below_size, below_size);
	use_disk(&m.store, flags & ~(unsigned)USE_REPAIR);
	mem_store_fini(&m);
}
