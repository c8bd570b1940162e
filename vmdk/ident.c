/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What makes a disk known: content ids, the uuid, geometry. */
#include "vmdk/vmdk_priv.h"

#include "iopath/base/fmt.h"

static const struct { const char *word; enum vmdk_kind kind; } kind_words[] = {
	{ "vmfs", VMDK_VMFS }, { "monolithicFlat", VMDK_MONO_FLAT },
	{ "monolithicSparse", VMDK_MONO_SPARSE }, { "twoGbMaxExtentFlat", VMDK_SPLIT_FLAT },
	{ "twoGbMaxExtentSparse", VMDK_SPLIT_SPARSE }, { "streamOptimized", VMDK_STREAM },
	{ "vmfsSparse", VMDK_VMFS_SPARSE }, { "seSparse", VMDK_SE_SPARSE },
	{ "vmfsRawDeviceMap", VMDK_RDM }, { "vmfsPassthroughRawDeviceMap", VMDK_RDMP },
	{ "raw", VMDK_RAW }, { "custom", VMDK_OTHER },
	/* Other spellings of the same. */
	{ "vmfsThin", VMDK_VMFS }, { "vmfsPreallocated", VMDK_VMFS },
	{ "vmfsEagerZeroedThick", VMDK_VMFS }, { "vmfsThick", VMDK_VMFS },
	{ "2GbMaxExtentFlat", VMDK_SPLIT_FLAT }, { "2GbMaxExtentSparse", VMDK_SPLIT_SPARSE },
	{ "vmfsSeSparse", VMDK_SE_SPARSE }, { "vmfsRDM", VMDK_RDM }, { "vmfsRDMP", VMDK_RDMP },
};

const char *vmdk_kind_word(enum vmdk_kind kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(kind_words); i++)
		if (kind_words[i].kind == kind)
			return kind_words[i].word;
	return "unknown";
}

int ident_kind(const char *create_type, enum vmdk_kind *kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(kind_words); i++)
		if (kind_words[i].kind != VMDK_RAW &&
		    mem_compare_nocase(create_type, kind_words[i].word) == 0) {
			*kind = kind_words[i].kind;
			return 1;
		}
	return 0;
}

uint32_t ident_new_cid(uint32_t old)
{
	uint32_t cid;

	do
		port_random(&cid, sizeof(cid));
	while (cid == DESC_NO_PARENT || cid == DESC_CID_NEW || cid == old);
	return cid;
}

/* 24 random digits, then the CID's. */
enum status ident_set_long_id(struct desc *d, int reproducible)
{
	uint32_t words[3] = { 0 };
	char text[33];

	if (!reproducible)
		port_random(words, sizeof(words));
	fmt(text, sizeof(text), "%08x%08x%08x%08x", words[0], words[1], words[2], d->cid);
	return desc_set(d, "ddb.longContentID", text);
}

/* An NAA-6 identifier with VMware's OUI: 6 000C29 and 25 random digits. */
enum status ident_set_uuid(struct desc *d, int reproducible)
{
	uint8_t b[16] = { 0 };
	char text[48];
	size_t at = 0;

	if (!reproducible)
		port_random(b, sizeof(b));
	b[0] = 0x60;
	b[1] = 0x00;
	b[2] = 0xc2;
	b[3] = 0x90 | (b[3] & 0x0f);
	for (int i = 0; i < 16; i++)
		at += fmt(text + at, sizeof(text) - at, "%s%02x", i == 0 ? "" : i == 8 ? "-" : " ",
			  b[i]);
	return desc_set(d, "ddb.uuid", text);
}

static const char *const adapter_words[] = { "lsilogic", "buslogic", "ide", "legacyESX" };

const char *ident_adapter_word(enum vmdk_adapter adapter) { return adapter_words[adapter]; }

enum vmdk_adapter ident_adapter(const char *word)
{
	for (size_t i = 0; word && i < ARRAY_COUNT(adapter_words); i++)
		if (mem_compare_nocase(word, adapter_words[i]) == 0)
			return (enum vmdk_adapter)i;
	return VMDK_LSILOGIC;
}

static enum status set_number(struct desc *d, const char *key, uint64_t number)
{
	char text[24];

	fmt(text, sizeof(text), "%llu", (unsigned long long)number);
	return desc_set(d, key, text);
}

/* Readers treat it as advice: the capacity comes from the extents. */
enum status ident_set_geometry(struct desc *d, enum vmdk_adapter adapter)
{
	uint64_t heads = 255, sectors = 63, cylinders;
	enum status st;

	if (adapter == VMDK_IDE) {
		heads = 16;
	} else if (d->sectors < 2 * GIB / SECTOR_BYTES) {
		heads = d->sectors < GIB / SECTOR_BYTES ? 64 : 128;
		sectors = 32;
	}
	cylinders = MAX(d->sectors / (heads * sectors), 1);
	if (adapter == VMDK_IDE)
		cylinders = MIN(cylinders, 16383);
	st = set_number(d, "ddb.geometry.cylinders", cylinders);
	if (st == ST_OK)
		st = set_number(d, "ddb.geometry.heads", heads);
	if (st == ST_OK)
		st = set_number(d, "ddb.geometry.sectors", sectors);
	return st;
}
