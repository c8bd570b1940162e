/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* ova - headers are written when their member is whole, and the file has a hidden name until all
 * are: whoever finds the name finds an archive. */
#include "tools/ova.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/host_file.h"
#include "tools/host_path.h"
#include "tools/ova_window.h"
#include "tools/tar.h"
#include "tools/walk.h"

#define NAME_MAX_BYTES	80u

/* What ustar cannot say GNU tar says in binary, the top bit set; every reader knows that. */
static void put_number(char field[12], uint64_t number)
{
	if (number <= TAR_OCTAL_MAX) {
		snprintf(field, 12, "%011llo", (unsigned long long)number);
		return;
	}
	field[0] = (char)0x80;
	for (int i = 0; i < 8; i++)
		field[11 - i] = (char)(number >> 8 * i);
}

static void put_checksum(struct tar_header *h)
{
	/* a NUL, then the blank */
	memset(h->checksum, ' ', sizeof(h->checksum));
	snprintf(h->checksum, sizeof(h->checksum), "%06o", tar_sum(h));
}

static enum status put_header(struct ova *o, uint64_t at, const char *name, uint64_t bytes)
{
	struct tar_header h = { .mode = "0000644", .uid = "0000000", .gid = "0000000", .type = '0',
				.magic = "ustar", .version = { '0', '0' } };

	snprintf(h.name, sizeof(h.name), "%s", name);
	put_number(h.size, bytes);
	put_number(h.mtime, port_wall_us() / 1000000);
	put_checksum(&h);
	return store_write(o->file, at, &h, sizeof(h));
}

/* A header, the data, and zeros to the end of the block. */
static uint64_t room_of(uint64_t bytes) { return TAR_BLOCK + round_up(bytes, TAR_BLOCK); }

static enum status put_text(struct ova *o, uint64_t at, const char *name, const char *text)
{
	enum status st = put_header(o, at, name, strlen(text));

	return st == ST_OK ? store_write(o->file, at + TAR_BLOCK, text, strlen(text)) : st;
}

char *ova_pad(const char *text, uint64_t bytes)
{
	size_t n = strlen(text);
	char *padded = n <= bytes ? malloc(bytes + 1) : NULL;

	if (!padded)
		return NULL;
	memcpy(padded, text, n);
	memset(padded + n, '\n', bytes - n);
	padded[bytes] = 0;
	return padded;
}

/* ---- begin and end --------------------------------------------------------------------------- */

/* What a killed run has left goes, unless its process is still there. */
static enum status create_file(struct ova *o, struct why *why)
{
	struct store *s = o->store;
	struct store_stat ss;
	enum status st;

	if (!s->ops->create)
		return why_set(why, ST_READONLY, "%s: %s is open for reading", o->path, s->name);
	if (s->ops->stat(s, o->path, &ss, NULL) == ST_OK)
		return why_set(why, ST_EXIST, "%s: already exists", o->path);
	st = host_file_remove_left(s, o->tmp, why);
	return st == ST_OK ? s->ops->create(s, o->tmp, 0644, &o->file, why) : st;
}

static void free_names(struct ova *o)
{
	free(o->path);
	free(o->tmp);
	free(o->ovf_name);
	free(o->mf_name);
}

static enum status make_names(struct ova *o, const char *path, const char *name, struct why *why)
{
	char dir[HOST_PATH_MAX];

	if (strlen(name) > NAME_MAX_BYTES)
		return why_set(why, ST_NAME, "%s: the name is too long for an archive", name);
	path_parent(path, dir, sizeof(dir));
	o->path = strdup(path);
	if (!o->path ||
	    asprintf(&o->tmp, "%s%s.%s.part", dir, dir[1] ? "/" : "", path_last(path)) < 0 ||
	    asprintf(&o->ovf_name, "%s.ovf", name) < 0 || asprintf(&o->mf_name, "%s.mf", name) < 0)
		return why_set(why, ST_NOMEM, "%s: no memory", path);
	return ST_OK;
}

enum status ova_begin(struct ova *o, struct store *s, const char *path, const char *name,
		      uint64_t ovf_bytes, uint64_t mf_bytes, struct why *why)
{
	enum status st;

	*o = (struct ova){ .store = s, .ovf_bytes = ovf_bytes, .mf_bytes = mf_bytes };
	o->at = room_of(ovf_bytes) + room_of(mf_bytes);
	st = make_names(o, path, name, why);
	if (st == ST_OK)
		st = create_file(o, why);
	if (st == ST_OK)
		return ST_OK;
	free_names(o);
	return why && why->text[0] ? st : why_set(why, st, "%s: %s", path, status_text(st));
}

static enum status publish(struct ova *o, const char *ovf, const char *mf)
{
	static const char zeros[2 * TAR_BLOCK];
	enum status st = put_text(o, 0, o->ovf_name, ovf);

	if (st == ST_OK)
		st = put_text(o, room_of(o->ovf_bytes), o->mf_name, mf);
	if (st == ST_OK)	/* two blocks of zeros end an archive */
		st = store_write(o->file, o->at, zeros, sizeof(zeros));
	return st == ST_OK ? store_flush(o->file) : st;
}

enum status ova_end(struct ova *o, const char *ovf, const char *mf, enum status st, struct why *why)
{
	struct store *s = o->store;
	enum status found = st, closed;

	if (st == ST_OK)
		st = publish(o, ovf, mf);
	closed = s->ops->file_close(o->file);
	if (st == ST_OK)
		st = closed;
	if (st == ST_OK)
		st = s->ops->rename(s, o->tmp, o->path, 0, why);
	if (st == ST_OK)
		st = s->ops->sync(s);
	else
		(void)s->ops->remove(s, o->tmp, NULL);	/* the first failure is the one to tell */
	if (st != ST_OK && found == ST_OK && !(why && why->text[0]))
		why_set(why, st, "%s: cannot be written: %s", o->path, status_text(st));
	free_names(o);
	return st;
}

enum status ova_add_disk(struct ova *o, struct vmdk_disk *disk, const char *name, int level,
			 struct vmdk_job *job, uint64_t *bytes, char sum[SHA256_TEXT],
			 struct why *why)
{
	struct vmdk_convert_opts opts = { .create = { .kind = VMDK_STREAM, .alloc = VMDK_THIN },
					  .remains = VMDK_REMAINS_NONE, .level = level };
	struct ova_window *w = malloc(sizeof(*w));
	char path[NAME_MAX_BYTES + 40];
	enum status st;

	if (!w)
		return why_set(why, ST_NOMEM, "%s: no memory", name);
	snprintf(path, sizeof(path), "/%s", name);
	ova_window_init(w, o->file, o->at + TAR_BLOCK);
	st = vmdk_convert(disk, &w->store, path, &opts, job, why);
	if (st == ST_OK) {
		*bytes = w->bytes;
		st = ova_window_sum(w, sum);
		if (st == ST_OK)
			st = put_header(o, o->at, name, w->bytes);
		o->at += room_of(w->bytes);
		if (st != ST_OK)
			why_set(why, st, "%s: %s", o->path, status_text(st));
	}
	free(w);
	return st;
}
