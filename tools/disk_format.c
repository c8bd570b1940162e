/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_format - the words people know: formats, adapters, sizes. */
#include <string.h>

#include "iopath/base/fmt.h"
#include "tools/disk.h"

static const struct disk_format formats[] = {
	{ "zeroedthick", VMDK_VMFS, VMDK_LAZY, "VMFS zeroedthick" },
	{ "thick", VMDK_VMFS, VMDK_LAZY, "VMFS zeroedthick" },
	{ "eagerzeroedthick", VMDK_VMFS, VMDK_EAGER, "VMFS eagerzeroedthick" },
	{ "thin", VMDK_VMFS, VMDK_THIN, "VMFS thin-provisioned" },
	{ "2gbsparse", VMDK_SPLIT_SPARSE, VMDK_THIN, "sparse with 2GB maximum extent size" },
	{ "2gbflat", VMDK_SPLIT_FLAT, VMDK_LAZY, "twoGbMaxExtentFlat" },
	{ "monosparse", VMDK_MONO_SPARSE, VMDK_THIN, "monolithicSparse" },
	{ "monoflat", VMDK_MONO_FLAT, VMDK_LAZY, "monolithicFlat" },
	{ "streamoptimized", VMDK_STREAM, VMDK_THIN, "streamOptimized" },
	{ "raw", VMDK_RAW, VMDK_THIN, "raw" },
	/* createType spellings, for `cairn disk convert -O` */
	{ "vmfs", VMDK_VMFS, VMDK_LAZY, "VMFS zeroedthick" },
	{ "twoGbMaxExtentSparse", VMDK_SPLIT_SPARSE, VMDK_THIN,
	  "sparse with 2GB maximum extent size" },
	{ "twoGbMaxExtentFlat", VMDK_SPLIT_FLAT, VMDK_LAZY, "twoGbMaxExtentFlat" },
	{ "monolithicSparse", VMDK_MONO_SPARSE, VMDK_THIN, "monolithicSparse" },
	{ "monolithicFlat", VMDK_MONO_FLAT, VMDK_LAZY, "monolithicFlat" },
};

const struct disk_format *disk_format_find(const char *word)
{
	for (size_t i = 0; i < ARRAY_COUNT(formats); i++)
		if (mem_compare_nocase(formats[i].word, word) == 0)
			return &formats[i];
	return NULL;
}

const char *disk_format_word(enum vmdk_kind kind, enum vmdk_alloc alloc)
{
	for (size_t i = 0; i < ARRAY_COUNT(formats); i++)
		if (formats[i].kind == kind && (kind != VMDK_VMFS || formats[i].alloc == alloc))
			return formats[i].word;
	return vmdk_kind_word(kind);
}

static int starts(const char *word, const char *head)
{
	return strncmp(word, head, strlen(head)) == 0;
}

enum status disk_format_of(const char *word, const struct disk_format **format, struct why *why)
{
	*format = disk_format_find(word);
	if (*format)
		return ST_OK;
	if (starts(word, "rdm:") || starts(word, "rdmp:"))
		return why_set(why, ST_UNSUPPORTED,
			       "%.100s: raw device mappings are not written by this "
			       "release",
			       word);
	if (starts(word, "sesparse"))
		return why_set(why, ST_UNSUPPORTED,
			       "%.100s: delta formats are not written by this release", word);
	return why_set(why, ST_INVAL, "'%.60s' is not a disk format; choose one of %s", word,
		       DISK_FORMAT_WORDS);
}

int disk_adapter_find(const char *word, enum vmdk_adapter *adapter)
{
	static const struct { const char *word; enum vmdk_adapter adapter; } adapters[] = {
		{ "lsilogic", VMDK_LSILOGIC }, { "buslogic", VMDK_BUSLOGIC }, { "ide", VMDK_IDE },
		{ "lsisas", VMDK_LSILOGIC }, { "pvscsi", VMDK_LSILOGIC },
		{ "legacyESX", VMDK_LEGACY_ESX },
	};

	for (size_t i = 0; i < ARRAY_COUNT(adapters); i++)
		if (mem_compare_nocase(adapters[i].word, word) == 0) {
			*adapter = adapters[i].adapter;
			return 0;
		}
	return -1;
}

enum status disk_size_of(const char *text, uint64_t bare_unit, uint64_t *bytes, struct why *why)
{
	if (fmt_parse_size(text, bare_unit, bytes) != ST_OK || *bytes > VMDK_BYTES_MAX * 1024)
		return why_set(why, ST_INVAL, "'%.60s' is not a size; write a number and one of "
			       "bBsSkKmMgGtT", text);
	*bytes = round_up(*bytes, SECTOR_BYTES);
	if (*bytes < VMDK_BYTES_MIN)
		return why_set(why, ST_INVAL, "'%.60s' is %llu bytes; a disk has at least 1 MiB",
			       text, (unsigned long long)*bytes);
	if (*bytes > VMDK_BYTES_MAX)
		return why_set(why, ST_INVAL,
			       "'%.60s' is more than 62 TB, the most a disk can have", text);
	return ST_OK;
}

unsigned disk_format_flags(struct cmd *cmd, const char *key, const char *name)
{
	const char *format = opt_text(&cmd->args, key, NULL);
	size_t n = strlen(name);

	if (format)
		return strcmp(format, "raw") == 0 ? VMDK_FORMAT_RAW : VMDK_READ;
	return n >= 5 && mem_compare_nocase(name + n - 5, ".vmdk") == 0 ? VMDK_READ :
									 VMDK_FORMAT_RAW;
}
