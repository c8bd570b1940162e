/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A text of a few lines: the identity of source and destination, then how many bytes are safe. It
 * is written only after the data is durable, replaced in one step, and believed only when every
 * line of the identity is what this run would write. */
#include "vmdk/journal_priv.h"

#include "iopath/base/fmt.h"

static enum status add_files(struct vmdk_disk *d, uint64_t *bytes, uint64_t *mtime, uint64_t *id)
{
	for (uint32_t i = 0; i < d->extent_count; i++) {
		struct store_stat st;

		if (!d->extents[i].file)
			continue;
		if (d->store->ops->file_stat(d->extents[i].file, &st) != ST_OK)
			return ST_DEVICE;
		*bytes += st.size_bytes;
		*mtime = MAX(*mtime, (uint64_t)st.mtime_s);
		*id ^= st.id;
	}
	return ST_OK;
}

/* Size, times and content id of the source, its chain included: a source that changed gives another
 * text. */
static enum status describe(struct journal *j, struct target *t, struct vmdk_disk *src)
{
	const char *uuid = desc_get(&src->desc, "ddb.uuid");
	uint64_t bytes = 0, mtime = 0, id = 0;

	for (uint32_t i = 0; i < vmdk_link_count(src); i++) {
		enum status got = add_files(vmdk_link(src, i), &bytes, &mtime, &id);

		if (got != ST_OK)
			return got;
	}
	fmt(j->identity, sizeof(j->identity),
	    "cairn copy 1\nsource bytes=%llu cid=%08x uuid=%.60s files=%llu mtime=%llu id=%llx\n"
	    "destination kind=%u alloc=%u bytes=%llu\n",
	    (unsigned long long)src->bytes, src->desc.cid, uuid ? uuid : "none",
	    (unsigned long long)bytes, (unsigned long long)mtime, (unsigned long long)id,
	    (unsigned)t->opts.kind, (unsigned)t->opts.alloc, (unsigned long long)t->opts.bytes);
	return ST_OK;
}

enum status journal_init(struct journal *j, struct target *t, struct vmdk_disk *src,
			 struct why *why)
{
	enum status st;

	*j = (struct journal){ .store = t->store };
	st = path_hidden(t->path, "copy", j->path, sizeof(j->path));
	if (st == ST_OK)
		st = path_hidden(t->path, "note", j->temp, sizeof(j->temp));
	if (st == ST_OK)
		st = describe(j, t, src);
	if (st != ST_OK)
		why_set(why, st, "%s: cannot keep a journal: %s", t->path, status_text(st));
	return st;
}

enum journal_found journal_read(struct journal *j, uint64_t *copied)
{
	size_t n = strlen(j->identity);
	enum journal_found found = JOURNAL_OTHER;
	char *text, *end;
	uint64_t bytes;

	*copied = 0;
	if (store_read_all(j->store, j->path, JOURNAL_TEXT_MAX * 2, &text, &bytes, NULL) != ST_OK)
		return JOURNAL_NONE;
	j->written = 1;
	if (strncmp(text, j->identity, n) == 0 && strncmp(text + n, "copied=", 7) == 0) {
		end = strchr(text + n + 7, '\n');
		if (end)
			*end = 0;
		if (end && fmt_parse_u64(text + n + 7, copied) == ST_OK)
			found = JOURNAL_SAME;
	}
	port_free(text);
	return found;
}

enum status journal_write(struct journal *j, uint64_t copied)
{
	char text[JOURNAL_TEXT_MAX + 40];
	size_t n =
	    fmt(text, sizeof(text), "%scopied=%llu\n", j->identity, (unsigned long long)copied);
	enum status st = store_replace_by(j->store, j->path, j->temp, text, n);

	if (st == ST_OK)
		j->written = 1;
	return st;
}

void journal_remove(struct journal *j)
{
	if (j->written) {
		file_discard(j->store, j->path);
		/* A run that was killed while it wrote may have left this one. */
		(void)j->store->ops->remove(j->store, j->temp, NULL);
	}
	j->written = 0;
}
