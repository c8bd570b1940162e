/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Reading stream-optimized extents. Grains are found through the tables, those of the footer or, as
 * qemu-img writes them, those at the front; they are read through a window, so that a copy in
 * order reads the file once, in large pieces, and inflates each grain once. stream_walk() goes
 * through the blocks of the file without the tables. */
#include "vmdk/sparse_priv.h"

#define WINDOW_AHEAD MIB

static uint64_t grain_bytes(const struct sparse *sp) { return sp->h.grain * SECTOR_BYTES; }
static uint64_t window_room(const struct sparse *sp) { return WINDOW_AHEAD + 2 * grain_bytes(sp); }
/* deflate makes what it cannot compress a little longer. */
static uint64_t packed_max(const struct sparse *sp)
{
	return grain_bytes(sp) + grain_bytes(sp) / 8 + 1024;
}

/* `need` bytes of the file in memory; ST_RANGE past its end. Reads ahead when the reader moves on
 * from where it was, little when it jumps. */
static enum status fetch(struct sparse *sp, uint64_t offset, uint64_t need, const uint8_t **data)
{
	struct stream_window *w = &sp->window;
	uint64_t end = w->offset + w->bytes, bytes;
	enum status st;

	if (offset > sp->file_bytes || need > sp->file_bytes - offset)
		return ST_RANGE;
	if (offset >= w->offset && offset + need <= end) {
		*data = w->buf + (offset - w->offset);
		return ST_OK;
	}
	if (!w->buf)
		w->buf = port_alloc(window_room(sp));
	if (!w->buf)
		return ST_NOMEM;
	bytes = offset >= w->offset && offset <= end + grain_bytes(sp) ? window_room(sp) :
									 packed_max(sp);
	bytes = MIN(MAX(bytes, need), sp->file_bytes - offset);
	w->bytes = 0;
	st = store_read(sp->file, offset, w->buf, bytes);
	if (st != ST_OK)
		return st;
	w->offset = offset;
	w->bytes = bytes;
	*data = w->buf;
	return ST_OK;
}

/* ---- one grain ------------------------------------------------------------------------------- */

/* Where a grain's compressed data lies in memory. */
static enum status fetch_grain(struct sparse *sp, uint64_t grain, uint64_t at, const uint8_t **data,
			       uint32_t *bytes)
{
	int markers = (sp->h.flags & SPARSE_MARKERS) != 0;
	uint32_t head = markers ? MARKER_GRAIN_HEAD : 4;
	le64 lba;
	le32 len;
	enum status st = fetch(sp, at, head, data);

	if (st != ST_OK)
		return st == ST_RANGE ? ST_CORRUPT : st;
	if (markers) {
		memcpy(&lba, *data, sizeof(lba));
		if (le64_get(lba) != grain * sp->h.grain)
			return ST_CORRUPT;
	}
	memcpy(&len, *data + head - 4, sizeof(len));
	*bytes = le32_get(len);
	if (*bytes == 0 || *bytes > packed_max(sp))
		return ST_CORRUPT;
	st = fetch(sp, at, head + *bytes, data);
	*data += head;
	return st == ST_RANGE ? ST_CORRUPT : st;
}

static enum status inflate_to(struct sparse *sp, uint64_t grain, uint64_t at, uint8_t *out)
{
	const uint8_t *data;
	uint32_t bytes;
	size_t got = 0;
	enum status st = fetch_grain(sp, grain, at, &data, &bytes);

	if (st != ST_OK)
		return st;
	st = port_accel()->inflate(data, bytes, out, grain_bytes(sp), &got);
	if (st != ST_OK)
		return ST_CORRUPT;
	memset(out + got, 0, grain_bytes(sp) - got);	/* a shorter last grain */
	return ST_OK;
}

/* The grain that was inflated last is kept: small reads in order inflate it once. */
static enum status inflate_kept(struct sparse *sp, uint64_t grain, uint64_t at)
{
	enum status st;

	if (sp->grain_at == grain)
		return ST_OK;
	if (!sp->grain_buf)
		sp->grain_buf = port_alloc(grain_bytes(sp));
	if (!sp->grain_buf)
		return ST_NOMEM;
	sp->grain_at = ~0ull;
	st = inflate_to(sp, grain, at, sp->grain_buf);
	if (st == ST_OK)
		sp->grain_at = grain;
	return st;
}

static enum status read_grain(struct sparse *sp, struct io_req *req, uint64_t offset,
			      uint64_t bytes, uint64_t at)
{
	struct io_frame *f = io_top(req);
	uint64_t grain = offset / grain_bytes(sp);
	enum status st;

	if (bytes == grain_bytes(sp) && req->io.vec_count == 1) {
		uint8_t *to = (uint8_t *)req->io.vec[0].base + f->skip + f->cursor;

		return inflate_to(sp, grain, at, to);
	}
	st = inflate_kept(sp, grain, at);
	if (st == ST_OK) {
		req->io.skip = f->skip;
		io_req_copy_in(req, f->cursor, sp->grain_buf + offset % grain_bytes(sp), bytes);
	}
	return st;
}

enum status stream_read(struct sparse *sp, struct io_req *req)
{
	struct io_frame *f = io_top(req);
	enum status st = ST_OK;

	while (st == ST_OK && f->cursor < f->bytes) {
		uint64_t offset = f->offset + f->cursor;
		struct gt_slot *slot;
		struct look_run run;

		st = sparse_load(sp, offset, &slot);
		if (st != ST_OK)
			break;
		sparse_look(sp, offset, f->bytes - f->cursor, &run);
		if (run.what == LOOK_BAD)
			return ST_CORRUPT;
		if (run.what == LOOK_DATA) {
			st = read_grain(sp, req, offset, run.bytes, run.where);
		} else {
			req->io.skip = f->skip;
			io_req_set_zero(req, f->cursor, run.bytes);
		}
		f->cursor += run.bytes;
	}
	return st;
}

/* ---- the blocks in file order ---------------------------------------------------------------- */

static enum status walk_grain(struct sparse *sp, struct stream_walk *w, uint64_t *at,
			      uint32_t bytes)
{
	const uint8_t *data;
	le64 lba;
	enum status st;

	if (bytes > packed_max(sp))
		return why_set(w->why, ST_CORRUPT,
			       "%s: the grain at byte %llu claims %u compressed "
			       "bytes",
			       sp->name, (unsigned long long)*at, bytes);
	st = fetch(sp, *at, MARKER_GRAIN_HEAD + bytes, &data);
	if (st != ST_OK)
		return st;
	memcpy(&lba, data, sizeof(lba));
	if (w->grain)
		st = w->grain(w, le64_get(lba), *at, data + MARKER_GRAIN_HEAD, bytes);
	*at += round_up(MARKER_GRAIN_HEAD + bytes, SECTOR_BYTES);
	return st;
}

static enum status walk_meta(struct sparse *sp, struct stream_walk *w, uint64_t *at,
			     const struct stream_marker *m)
{
	uint64_t sectors = le64_get(m->value);
	uint32_t type = le32_get(m->type);
	enum status st = ST_OK;

	if (type > MARKER_PROGRESS || sectors > sp->file_bytes / SECTOR_BYTES)
		return why_set(w->why, ST_CORRUPT,
			       "%s: the marker at byte %llu has the unknown type %u "
			       "or is longer than the file",
			       sp->name, (unsigned long long)*at, type);
	if (w->meta)
		st = w->meta(w, type, *at + SECTOR_BYTES, sectors);
	*at += SECTOR_BYTES + sectors * SECTOR_BYTES;
	return st;
}

enum status stream_walk(struct sparse *sp, struct stream_walk *w)
{
	uint64_t at = sp->h.overhead * SECTOR_BYTES;
	int needs_end = le64_get(sp->raw.gd_lba) == SPARSE_GD_IN_FOOTER;
	enum status st = ST_OK;

	if (sp->h.overhead == 0 || sp->h.overhead > UINT32_MAX)
		return why_set(w->why, ST_CORRUPT, "%s: overHead is out of range", sp->name);
	while (st == ST_OK) {
		struct stream_marker m;
		const uint8_t *data;

		st = fetch(sp, at, SECTOR_BYTES, &data);
		if (st == ST_RANGE && !needs_end)
			return ST_OK;	/* tables at the front: the last grain ends the file */
		if (st != ST_OK)
			break;
		memcpy(&m, data, sizeof(m));
		if (le32_get(m.bytes))
			st = walk_grain(sp, w, &at, le32_get(m.bytes));
		else if (le32_get(m.type) == MARKER_EOS && le64_get(m.value) == 0)
			return ST_OK;
		else
			st = walk_meta(sp, w, &at, &m);
	}
	if (st == ST_RANGE)
		return why_set(w->why, ST_CORRUPT, "%s: the stream ends at byte %llu, before its "
			       "end-of-stream marker: the file is cut short", sp->name,
			       (unsigned long long)sp->file_bytes);
	return st;
}

/* ---- the footer ------------------------------------------------------------------------------ */

/* Equal to the header but for the place of the directory. */
static int take_footer(struct sparse *sp, const struct sparse_disk *footer)
{
	struct sparse_header h;
	int unsupported;

	if (le32_get(footer->magic) != SPARSE_MAGIC ||
	    sparse_header_check(footer, &h, &unsupported))
		return 0;
	if (h.capacity != sp->h.capacity || h.grain != sp->h.grain || h.gtes != sp->h.gtes ||
	    h.flags != sp->h.flags || h.gd_lba == SPARSE_GD_IN_FOOTER)
		return 0;
	sp->h.gd_lba = h.gd_lba;
	return 1;
}

struct footer_walk {
	struct stream_walk	walk;
	struct sparse		*sp;
	int			found;
};

static enum status on_meta(struct stream_walk *w, uint32_t type, uint64_t at, uint64_t sectors)
{
	struct footer_walk *f = container_of(w, struct footer_walk, walk);
	const uint8_t *data;
	struct sparse_disk footer;
	enum status st;

	if (type != MARKER_FOOTER || sectors == 0)
		return ST_OK;
	st = fetch(f->sp, at, SECTOR_BYTES, &data);
	if (st != ST_OK)
		return st;
	memcpy(&footer, data, sizeof(footer));
	f->found = take_footer(f->sp, &footer);
	return ST_OK;
}

/* Two sectors before the end; where other bytes follow the stream, by walking through it. */
enum status stream_find_footer(struct sparse *sp, struct why *why)
{
	struct footer_walk f = { .walk = { .meta = on_meta, .why = why }, .sp = sp };
	struct sparse_disk footer;
	enum status st = ST_OK;

	if (sp->file_bytes >= 3 * SECTOR_BYTES) {
		uint64_t at = round_down(sp->file_bytes, SECTOR_BYTES) - 2 * SECTOR_BYTES;

		st = store_read(sp->file, at, &footer, sizeof(footer));
		if (st != ST_OK)
			return st;
		if (take_footer(sp, &footer))
			return ST_OK;
	}
	if (!(sp->h.flags & SPARSE_MARKERS))
		return why_set(why, ST_CORRUPT,
			       "%s: the grain directory should be in a footer, but "
			       "there is none",
			       sp->name);
	st = stream_walk(sp, &f.walk);
	if (st == ST_OK && !f.found)
		return why_set(why, ST_CORRUPT, "%s: the stream has no footer that fits its header",
			       sp->name);
	return st;
}
