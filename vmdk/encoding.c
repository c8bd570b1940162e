/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Descriptors that desktop products wrote on a host with windows-1252. The files themselves have
 * names in UTF-8 once they lie on a datastore, so the names in the descriptor must become that too;
 * unless files are there that are called byte for byte as it spells them. */
#include "vmdk/vmdk_priv.h"

#include "iopath/base/dict.h"

/* Replace a text by its decoded form. */
static enum status decode(char **text)
{
	size_t n = strlen(*text), size = 3 * n + 1;
	char *decoded = port_alloc(size);

	if (!decoded)
		return ST_NOMEM;
	dict_decode(DICT_WINDOWS_1252, *text, n, decoded, size);
	port_free(*text);
	*text = decoded;
	return ST_OK;
}

static int any_as_spelt(struct vmdk_disk *d)
{
	char path[VMDK_PATH_MAX];
	struct store_stat stat;

	for (uint32_t i = 0; i < d->desc.extent_count; i++) {
		const char *file = d->desc.extents[i].file;

		if (file && path_sibling(d->path, file, path, sizeof(path), NULL) == ST_OK &&
		    d->store->ops->stat(d->store, path, &stat, NULL) == ST_OK)
			return 1;
	}
	return 0;
}

enum status disk_decode_names(struct vmdk_disk *d, struct why *why)
{
	const char *encoding = desc_get(&d->desc, "encoding");
	enum status st = ST_OK;

	if (!encoding || dict_encoding_of(encoding, strlen(encoding)) != DICT_WINDOWS_1252 ||
	    any_as_spelt(d))
		return ST_OK;
	for (uint32_t i = 0; i < d->desc.extent_count && st == ST_OK; i++)
		if (d->desc.extents[i].file)
			st = decode(&d->desc.extents[i].file);
	for (uint32_t i = 0; i < d->desc.pair_count && st == ST_OK; i++)
		st = decode(&d->desc.pairs[i].value);
	if (st == ST_OK)
		st = desc_set(&d->desc, "encoding", "UTF-8");
	return st == ST_OK ? st : why_set(why, st, "%s: no memory for its names", d->path);
}
