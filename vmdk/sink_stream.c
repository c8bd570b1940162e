/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Writing a stream-optimized disk in one pass:
 *
 *   header  descriptor  { marker+grain ... GT marker, GT } ...  GD marker, GD
 *   footer marker, footer  end-of-stream marker
 *
 * Grains of zeros are left out; a table without grains has no place. libvmdk wants the extent's
 * name to be the file's own, 7-Zip wants the table markers, importers want ascending sectors.
 *
 * Compression is all of the work: pieces go round the pCPUs, each is packed where it lands and
 * comes back as a message; they are written in order by the pCPU that owns the file. */
#include "vmdk/target_priv.h"

#define STREAM_OVERHEAD	128u
#define GRAIN_BYTES	(SPARSE_GRAIN_SECTORS * SECTOR_BYTES)
#define PACKED_MAX	(GRAIN_BYTES + 4096u)	/* what does not compress grows a little */
#define DEFAULT_LEVEL	1

struct stream_out {
	struct list	fifo;		/* pieces in order, packing or packed */
	uint64_t	at;		/* sector: where the next block goes */
	le32		*gd;
	le32		gt[SPARSE_GTES];
	uint64_t	table;		/* which */
	uint32_t	next_pcpu, owner;
	uint8_t		gt_used;
	struct port_world *world;
};

/* ---- blocks ---------------------------------------------------------------------------------- */

/* A marker and the sectors that follow it, in one write. */
static enum status put_meta(struct target *t, enum stream_marker_type type, const void *data,
			    uint64_t sectors)
{
	struct stream_out *o = t->state;
	uint64_t bytes = (1 + sectors) * SECTOR_BYTES;
	struct stream_marker *m = port_alloc(bytes);
	enum status st;

	if (!m)
		return ST_NOMEM;
	le64_set(&m->value, sectors);
	le32_set(&m->type, type);
	if (sectors)
		memcpy(m + 1, data, sectors * SECTOR_BYTES);
	st = store_write(t->extents[0].file, o->at * SECTOR_BYTES, m, bytes);
	port_free(m);
	o->at += 1 + sectors;
	return st;
}

static enum status put_table(struct target *t)
{
	struct stream_out *o = t->state;

	if (!o->gt_used)
		return ST_OK;
	le32_set(&o->gd[o->table], (uint32_t)(o->at + 1));
	o->gt_used = 0;
	return put_meta(t, MARKER_GT, o->gt, sizeof(o->gt) / SECTOR_BYTES);
}

static enum status stream_finish(struct target *t)
{
	struct stream_out *o = t->state;
	struct sparse_header *h = &t->extents[0].h;
	struct sparse_disk footer;
	enum status st = put_table(t);

	h->gd_lba = o->at + 1;
	if (st == ST_OK)
		st = put_meta(t, MARKER_GD, o->gd, sparse_gd_sectors(h));
	sparse_header_make(&footer, h);
	if (st == ST_OK)
		st = put_meta(t, MARKER_FOOTER, &footer, 1);
	if (st == ST_OK)
		st = put_meta(t, MARKER_EOS, NULL, 0);
	return st == ST_OK && o->at > UINT32_MAX ? ST_LIMIT : st;
}

static enum status write_front(struct target *t)
{
	struct target_extent *x = &t->extents[0];
	uint64_t bytes = STREAM_OVERHEAD * SECTOR_BYTES;
	uint8_t *front = port_alloc(bytes);
	enum status st = ST_LIMIT;

	if (!front)
		return ST_NOMEM;
	sparse_header_make((struct sparse_disk *)(void *)front, &x->h);
	if (desc_write(&t->desc, (char *)front + SECTOR_BYTES,
		       DESC_EMBEDDED_SECTORS * SECTOR_BYTES) < DESC_EMBEDDED_SECTORS * SECTOR_BYTES)
		st = store_write(x->file, 0, front, bytes);
	port_free(front);
	return st;
}

static enum status stream_begin(struct target *t, struct why *why)
{
	struct target_extent *x = &t->extents[0];
	struct stream_out *o = port_alloc(sizeof(*o));
	enum status st = ST_NOMEM;

	t->state = o;
	x->h = (struct sparse_header){
		.version = 3, .gtes = SPARSE_GTES, .capacity = x->bytes / SECTOR_BYTES,
		.flags = SPARSE_NEWLINES_VALID | SPARSE_COMPRESSED | SPARSE_MARKERS,
		.grain = SPARSE_GRAIN_SECTORS, .descriptor_lba = 1, .compressed = 1,
		.descriptor_sectors = DESC_EMBEDDED_SECTORS, .gd_lba = SPARSE_GD_IN_FOOTER,
		.overhead = STREAM_OVERHEAD,
	};
	if (o) {
		list_init(&o->fifo);
		o->at = STREAM_OVERHEAD;
		o->owner = port_pcpu_self();
		o->world = port_world_self();
		o->gd = port_alloc(sparse_gd_sectors(&x->h) * SECTOR_BYTES);
	}
	if (o && o->gd)
		st = write_front(t);
	if (st != ST_OK)
		why_set(why, st, "%s: cannot start the stream: %s", t->path, status_text(st));
	return st;
}

/* ---- packing, on any pCPU -------------------------------------------------------------------- */

static uint32_t pack_grain(struct piece *p, uint32_t i, uint64_t lba, uint8_t *out)
{
	struct stream_marker *m = (struct stream_marker *)(void *)out;
	const uint8_t *grain = p->buf + i * GRAIN_BYTES;
	int level = p->target->level ? p->target->level : DEFAULT_LEVEL;
	size_t n =
	    port_accel()->deflate(level, grain, GRAIN_BYTES, out + MARKER_GRAIN_HEAD, PACKED_MAX);
	uint64_t bytes = MARKER_GRAIN_HEAD + n, padded = round_up(bytes, SECTOR_BYTES);

	le64_set(&m->value, lba);
	le32_set(&m->bytes, (uint32_t)n);
	memset(out + bytes, 0, padded - bytes);
	return n ? (uint32_t)(padded / SECTOR_BYTES) : 0;
}

/* packed_bytes ~0: a grain did not fit, which deflate never does. */
static void pack(struct piece *p)
{
	p->packed_bytes = 0;
	for (uint32_t i = 0; i < PIECE_GRAINS; i++) {
		const uint8_t *grain = p->buf + i * GRAIN_BYTES;

		p->grain_sectors[i] = 0;
		if (i * GRAIN_BYTES >= p->bytes ||
		    (!p->target->no_sparse && port_accel()->is_zero(grain, GRAIN_BYTES)))
			continue;
		p->grain_sectors[i] = pack_grain(p, i, (p->offset + i * GRAIN_BYTES) / SECTOR_BYTES,
						 p->packed + p->packed_bytes);
		if (!p->grain_sectors[i]) {
			p->packed_bytes = ~0u;
			return;
		}
		p->packed_bytes += p->grain_sectors[i] * SECTOR_BYTES;
	}
}

static void pack_returns(struct port_msg *msg)
{
	struct piece *p = container_of(msg, struct piece, msg);
	struct stream_out *o = p->target->state;

	p->state = PIECE_PACKED;
	port_world_wake(o->world);
}

static void pack_message(struct port_msg *msg)
{
	struct piece *p = container_of(msg, struct piece, msg);
	struct stream_out *o = p->target->state;

	pack(p);
	p->msg.fn = pack_returns;
	port_pcpu_post(o->owner, &p->msg);
}

static void start_packing(struct stream_out *o, struct piece *p)
{
	uint32_t count = port_pcpu_count(), pcpu = o->next_pcpu++ % count;

	p->state = PIECE_PACKING;
	if (count == 1) {
		pack(p);
		p->state = PIECE_PACKED;
		return;
	}
	p->msg.fn = pack_message;
	port_pcpu_post(pcpu, &p->msg);
}

/* ---- in order -------------------------------------------------------------------------------- */

static enum status write_packed(struct target *t, struct piece *p)
{
	struct stream_out *o = t->state;
	uint64_t grain = p->offset / GRAIN_BYTES, start = o->at;
	enum status st = ST_OK;

	if (p->packed_bytes == 0 || p->packed_bytes == ~0u) {
		st = p->packed_bytes ? ST_LIMIT : ST_OK;
		piece_release(p);
		return st;
	}
	if (o->gt_used && grain / SPARSE_GTES != o->table)
		st = put_table(t);
	if (!o->gt_used) {
		memset(o->gt, 0, sizeof(o->gt));
		o->table = grain / SPARSE_GTES;
		o->gt_used = 1;
	}
	start = o->at;
	for (uint32_t i = 0; i < PIECE_GRAINS; i++) {
		if (!p->grain_sectors[i])
			continue;
		le32_set(&o->gt[(grain + i) % SPARSE_GTES], (uint32_t)o->at);
		o->at += p->grain_sectors[i];
	}
	if (st == ST_OK && o->at > UINT32_MAX)
		st = ST_LIMIT;
	if (st != ST_OK) {
		piece_release(p);
		return st;
	}
	p->vec[0] = (struct port_vec){ .base = p->packed, .bytes = p->packed_bytes };
	piece_write(p, t->extents[0].file, start * SECTOR_BYTES, p->packed_bytes, 1);
	return ST_OK;
}

/* Write what is packed at the head of the queue; all: wait for the rest too. */
static enum status write_heads(struct target *t, int all)
{
	struct stream_out *o = t->state;
	enum status st = ST_OK;

	while (!list_empty(&o->fifo)) {
		struct piece *p = list_first(&o->fifo, struct piece, link);

		if (p->state == PIECE_PACKING && !all)
			break;
		while (p->state == PIECE_PACKING)
			port_world_park();
		list_del(&p->link);
		if (st != ST_OK) {
			piece_release(p);
			continue;
		}
		st = write_packed(t, p);
	}
	return st;
}

static enum status stream_put(struct target *t, struct piece *p)
{
	struct stream_out *o = t->state;

	if (!p->packed)
		p->packed = port_alloc(PIECE_GRAINS * (size_t)(PACKED_MAX + SECTOR_BYTES));
	if (!p->packed) {
		piece_release(p);
		return ST_NOMEM;
	}
	list_add_tail(&o->fifo, &p->link);
	start_packing(o, p);
	return write_heads(t, 0);
}

static void stream_fini(struct target *t)
{
	struct stream_out *o = t->state;

	if (!o)
		return;
	port_free(o->gd);
	port_free(o);
	t->state = NULL;
}

const struct sink_ops sink_stream = {
	.begin = stream_begin, .put = stream_put, .drain = write_heads, .finish = stream_finish,
	.fini = stream_fini,
};
