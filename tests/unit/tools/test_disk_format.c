/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Words and sizes of the disk commands. */
#include "tools/disk.h"

#include "tests/unit/cu.h"

static void sizes_are_read_as_the_manual_says(void)
{
	static const struct { const char *text; uint64_t unit, bytes;
	} good[] = {
		{ "1048576", 1, MIB },	      { "1024", 1024, MIB },
		{ "1m", 1024, MIB },	      { "1M", 1, MIB },
		{ "2048s", 1, MIB },	      { "2048S", 1, MIB },
		{ "1048576b", 1024, MIB },    { "1.5G", 1, 1536 * MIB },
		{ "62t", 1, VMDK_BYTES_MAX }, { "5G", 1, 5 * GIB },
		{ "1048577", 1, MIB + 512 },  { "1048575b", 1, MIB }, /* up to a sector */
		{ "0.05G", 1, 53687296 }, /* 53687091.2 bytes */
	};
	uint64_t bytes;

	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		CU_ASSERT_EQUAL(disk_size_of(good[i].text, good[i].unit, &bytes, NULL), ST_OK);
		CU_ASSERT_EQUAL(bytes, good[i].bytes);
	}
}

static void sizes_that_no_disk_has_are_refused_by_name(void)
{
	static const char *const bad[] = {
		"",
		"x",
		"-1m",
		"1x",
		"1 m",
		"1mm",
		"0",
		"1023k",
		"62.1t",
		"63t",
		"99999999999999999999",
		"18446744073709551615",
		"17000000t",
		"1e9",
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct why why = { 0 };
		uint64_t bytes;

		CU_ASSERT_EQUAL(disk_size_of(bad[i], 1, &bytes, &why), ST_INVAL);
		CU_ASSERT(strstr(why.text, bad[i]) != NULL);
	}
}

static void formats_have_the_words_people_know(void)
{
	static const struct {
		const char *word;
		enum vmdk_kind kind;
		enum vmdk_alloc alloc;
	} known[] = {
		{ "zeroedthick", VMDK_VMFS, VMDK_LAZY },
		{ "thick", VMDK_VMFS, VMDK_LAZY },
		{ "eagerzeroedthick", VMDK_VMFS, VMDK_EAGER },
		{ "THIN", VMDK_VMFS, VMDK_THIN },
		{ "2gbsparse", VMDK_SPLIT_SPARSE, VMDK_THIN },
		{ "monosparse", VMDK_MONO_SPARSE, VMDK_THIN },
		{ "streamOptimized", VMDK_STREAM, VMDK_THIN },
		{ "monolithicFlat", VMDK_MONO_FLAT, VMDK_LAZY },
		{ "raw", VMDK_RAW, VMDK_THIN },
	};
	const struct disk_format *f;

	for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
		CU_ASSERT_EQUAL_FATAL(disk_format_of(known[i].word, &f, NULL), ST_OK);
		CU_ASSERT_EQUAL(f->kind, known[i].kind);
		CU_ASSERT_EQUAL(f->alloc, known[i].alloc);
	}
	CU_ASSERT_STRING_EQUAL(disk_format_find("thin")->shown, "VMFS thin-provisioned");
	CU_ASSERT_STRING_EQUAL(disk_format_word(VMDK_VMFS, VMDK_EAGER), "eagerzeroedthick");
	CU_ASSERT_STRING_EQUAL(disk_format_word(VMDK_SPLIT_SPARSE, VMDK_THIN), "2gbsparse");
}

/* Each word of the usage exists, and no word says two things. */
static void usage_lists_only_what_exists(void)
{
	char words[] = DISK_FORMAT_WORDS;

	for (char *w = strtok(words, "|"); w; w = strtok(NULL, "|"))
		CU_ASSERT_PTR_NOT_NULL(disk_format_find(w));
}

static void formats_of_later_releases_are_told_apart_from_typing_errors(void)
{
	const struct disk_format *f;
	struct why why = { 0 };

	CU_ASSERT_EQUAL(disk_format_of("sesparse", &f, &why), ST_UNSUPPORTED);
	CU_ASSERT_EQUAL(disk_format_of("sesparse:base.vmdk", &f, &why), ST_UNSUPPORTED);
	CU_ASSERT_EQUAL(disk_format_of("rdm:/dev/sdb", &f, &why), ST_UNSUPPORTED);
	CU_ASSERT_EQUAL(disk_format_of("rdmp:/dev/sdb", &f, &why), ST_UNSUPPORTED);
	CU_ASSERT_EQUAL(disk_format_of("thinn", &f, &why), ST_INVAL);
	CU_ASSERT_EQUAL(disk_format_of("", &f, &why), ST_INVAL);
}

static void adapters_of_newer_hosts_are_stored_as_lsilogic(void)
{
	enum vmdk_adapter a;

	CU_ASSERT_EQUAL(disk_adapter_find("pvscsi", &a), 0);
	CU_ASSERT_EQUAL(a, VMDK_LSILOGIC);
	CU_ASSERT_EQUAL(disk_adapter_find("lsisas", &a), 0);
	CU_ASSERT_EQUAL(a, VMDK_LSILOGIC);
	CU_ASSERT_EQUAL(disk_adapter_find("ide", &a), 0);
	CU_ASSERT_EQUAL(a, VMDK_IDE);
	CU_ASSERT_EQUAL(disk_adapter_find("nvme", &a), -1);
}

static const struct cu_case cases[] = {
	{ "sizes are read as the manual says", sizes_are_read_as_the_manual_says },
	{ "sizes that no disk has are refused by name",
	  sizes_that_no_disk_has_are_refused_by_name },
	{ "formats have the words people know", formats_have_the_words_people_know },
	{ "usage lists only what exists", usage_lists_only_what_exists },
	{ "formats of later releases are told apart",
	  formats_of_later_releases_are_told_apart_from_typing_errors },
	{ "adapters of newer hosts are stored as lsilogic",
	  adapters_of_newer_hosts_are_stored_as_lsilogic },
};
CU_MAIN("tools/disk_format", cases)
