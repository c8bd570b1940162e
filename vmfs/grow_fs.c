/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* grow_fs - more file blocks: a longer .fbb.sf.
 *
 * Only the number of file blocks grows; the other counts are fixed when a VMFS-5 is made. The
 * order:
 *	1. take blocks and pointer blocks for the file out of the old space: at worst a leak
 *	2. zero them, write the new cluster headers into them: nobody looks there
 *	3. the file's pointers, then its length: more file than its header names
 *	4. the header: the new blocks exist
 *	5. the old last cluster, which was partial: until then its new blocks count as used
 * Each step ends with a flush. Step 4 before 5, and not after: a cluster that claims more blocks
 * than the header knows would be handed out past the end; one that claims fewer only wastes them.
 *
 * When the file crosses 256 blocks its pointers move into a pointer block. pointer[0] then changes
 * its meaning with the sector beside it, so there is a moment with addressing "FB" whose first
 * pointer names a pointer block; vmfs_layout_read() and the checker know it. */
#include "vmfs/format_priv.h"

#define FBB_MTIME	0x202u	/* of cluster 0 when mkfs made it */

struct fs_grow {
	struct lvm		*lvm;
	struct why		*why;
	struct vmfs_layout	old, new;	/* new: borrows all maps but .fbb.sf's from old */
	uint32_t		have, need;	/* file blocks of .fbb.sf */
	uint32_t		adopted;	/* behind those it has, of an interrupted grow */
	uint32_t		pbs_have, pbs_need;
	uint32_t		*pb;		/* addresses, pbs_need of them */
	struct vmfs_fd_record	*fd;		/* of .fbb.sf */
	uint64_t		fd_at;
};

static enum status io_failed(struct fs_grow *g, enum status st, const char *what)
{
	return st == ST_OK
		   ? ST_OK
		   : why_set(g->why, st, "growing the file system: %s: %s", what, status_text(st));
}

/* ---- plan ------------------------------------------------------------------------------------ */

static int is_indirect(const struct vmfs_fd_record *fd)
{
	return le32_get(fd->meta.zla) == VMFS_ZLA_PB ||
	       VMFS_ADDR_TYPE(le32_get(fd->ptr[0])) == VMFS_ADDR_PB;
}

static enum status plan_pointers(struct fs_grow *g)
{
	g->pbs_have = is_indirect(g->fd) ? (uint32_t)div_round_up(g->have, VMFS_PB_POINTERS) : 0;
	g->pbs_need = g->need > VMFS_FD_POINTERS || g->pbs_have ?
		(uint32_t)div_round_up(g->need, VMFS_PB_POINTERS) : 0;
	if (g->pbs_need > VMFS_FD_POINTERS)
		return why_set(g->why, ST_RANGE, ".fbb.sf would need %u blocks", g->need);
	g->pb = port_alloc((g->pbs_need + 1) * sizeof(*g->pb));
	if (!g->pb)
		return why_set(g->why, ST_NOMEM, "no memory to grow .fbb.sf");
	for (uint32_t i = 0; i < g->pbs_have; i++)
		g->pb[i] = le32_get(g->fd->ptr[i]);
	return ST_OK;
}

/* ---- what an interrupted grow left ----------------------------------------------------------- */

/* Pointer k of the file, which may lie past its length. */
static enum status pointer_at(struct fs_grow *g, uint32_t k, uint32_t *addr)
{
	le32 raw = { { 0 } };
	enum status st = ST_OK;

	if (!is_indirect(g->fd))
		raw = k < VMFS_FD_POINTERS ? g->fd->ptr[k] : raw;
	else if (k / VMFS_PB_POINTERS < g->pbs_have)
		st = lvm_read(g->lvm, vmfs_layout_addr_at(&g->old, g->pb[k / VMFS_PB_POINTERS]) +
			      k % VMFS_PB_POINTERS * sizeof(raw), &raw, sizeof(raw));
	*addr = le32_get(raw);
	return st;
}

static enum status is_used(struct fs_grow *g, uint32_t addr, int *used)
{
	struct vmfs_cluster_disk meta;
	uint32_t cluster, resource;
	enum status st;

	*used = 0;
	if (!vmfs_geom_split(&g->old.geom[VMFS_RES_FB], VMFS_RES_FB, addr, 0, &cluster, &resource))
		return ST_OK;
	st = lvm_read(g->lvm, vmfs_layout_cluster_at(&g->old, VMFS_RES_FB, cluster) + SECTOR_BYTES,
		      &meta, sizeof(meta));
	*used = st == ST_OK && !(meta.bitmap[resource / 8] >> (resource % 8) & 1);
	return st;
}

/* Step 3 stopped between pointers and length: the blocks are the file's already, go on with
 * them. */
static enum status adopt(struct fs_grow *g)
{
	uint32_t *block = g->new.map[VMFS_RES_FB].block;
	enum status st = ST_OK;

	for (uint32_t k = g->have; k < g->need && st == ST_OK; k++) {
		uint32_t addr;
		int used = 0;

		st = pointer_at(g, k, &addr);
		if (st == ST_OK)
			st = is_used(g, addr, &used);
		if (st != ST_OK || !used)
			break;
		block[k] = VMFS_FB_BLOCK(addr);
		g->adopted++;
	}
	return io_failed(g, st, "reading .fbb.sf");
}

static enum status plan(struct fs_grow *g, uint64_t blocks)
{
	struct vmfs_geom *geom = &g->new.geom[VMFS_RES_FB];
	struct vmfs_sysmap *map = &g->new.map[VMFS_RES_FB];
	enum status st;

	g->new = g->old;
	geom->count = blocks;
	vmfs_geom_derive(geom);
	g->new.blocks = blocks;
	g->have = g->old.map[VMFS_RES_FB]
		      .block_count; /* more than the header needs after an interruption */
	g->need = (uint32_t)MAX(div_round_up(geom->file_bytes, g->old.block_bytes), g->have);
	map->file_bytes = MAX(geom->file_bytes, map->file_bytes);
	map->block_count = g->need;
	map->block = port_alloc(g->need * sizeof(*map->block));
	if (!map->block)
		return why_set(g->why, ST_NOMEM, "no memory to grow .fbb.sf");
	memcpy(map->block, g->old.map[VMFS_RES_FB].block, g->have * sizeof(*map->block));
	g->fd_at = vmfs_layout_addr_at(&g->old, VMFS_FD_FBB);
	st = lvm_read(g->lvm, g->fd_at, g->fd, sizeof(*g->fd));
	if (st != ST_OK)
		return io_failed(g, st, "reading .fbb.sf");
	st = plan_pointers(g);
	return st == ST_OK ? adopt(g) : st;
}

/* ---- 1: take --------------------------------------------------------------------------------- */

/* Take up to `want` free resources of one cluster; their numbers within the kind go to out. */
static enum status take_in_cluster(struct fs_grow *g, enum vmfs_res kind, uint32_t cluster,
				   uint32_t want, uint32_t *out, uint32_t *got)
{
	const struct vmfs_geom *geom = &g->old.geom[kind];
	uint64_t at = vmfs_layout_cluster_at(&g->old, kind, cluster);
	uint32_t total = vmfs_geom_cluster_total(geom, cluster);
	struct vmfs_cluster_header h;
	const char *bad;
	enum status st = lvm_read(g->lvm, at, &h, sizeof(h));

	*got = 0;
	if (st != ST_OK)
		return io_failed(g, st, "reading a bitmap");
	bad = vmfs_cluster_check(geom, kind, &h.lock, &h.meta, at, cluster);
	if (bad)
		return why_set(g->why, ST_CORRUPT, "%s cluster %u: %s", vmfs_res_traits[kind].file,
			       cluster, bad);
	for (uint32_t i = 0; i < total && *got < want; i++)
		if (h.meta.bitmap[i / 8] >> (i % 8) & 1) {
			out[(*got)++] = cluster * geom->per_cluster + i;
			vmfs_cluster_take(geom, kind, &h.meta, i, 1);
		}
	return *got ? io_failed(g, lvm_write(g->lvm, at + sizeof(h.lock), &h.meta, sizeof(h.meta)),
				"writing a bitmap") : ST_OK;
}

static enum status take(struct fs_grow *g, enum vmfs_res kind, uint32_t want, uint32_t *out)
{
	enum status st = ST_OK;

	for (uint32_t c = 0, got; c < g->old.geom[kind].clusters && want && st == ST_OK; c++) {
		st = take_in_cluster(g, kind, c, want, out, &got);
		out += got;
		want -= got;
	}
	if (st == ST_OK && want)
		st = why_set(g->why, ST_NOSPACE,
			     "no room in the old part of the volume for a longer .fbb.sf: delete "
			     "something first");
	return st;
}

/* Enough room first, so that running out takes nothing. */
static enum status count_free(struct fs_grow *g, enum vmfs_res kind, uint64_t *free)
{
	*free = 0;
	for (uint32_t c = 0; c < g->old.geom[kind].clusters && *free < g->need; c++) {
		struct vmfs_cluster_disk meta;
		enum status st =
		    lvm_read(g->lvm, vmfs_layout_cluster_at(&g->old, kind, c) + SECTOR_BYTES, &meta,
			     sizeof(meta));

		if (st != ST_OK)
			return io_failed(g, st, "reading a bitmap");
		*free += le32_get(meta.free);
	}
	return ST_OK;
}

static enum status take_all(struct fs_grow *g)
{
	uint32_t have = g->have + g->adopted, pbs = g->pbs_need - g->pbs_have;
	uint32_t *block = g->new.map[VMFS_RES_FB].block + have;
	uint64_t free_fbs, free_pbs;
	enum status st = count_free(g, VMFS_RES_FB, &free_fbs);

	if (st == ST_OK)
		st = count_free(g, VMFS_RES_PB, &free_pbs);
	if (st == ST_OK && (free_fbs < g->need - have || free_pbs < pbs))
		st =
		    why_set(g->why, ST_NOSPACE,
			    "no room in the old part of the volume for a longer .fbb.sf (%u blocks "
			    "and %u pointer blocks): delete something first",
			    g->need - have, pbs);
	if (st == ST_OK)
		st = take(g, VMFS_RES_FB, g->need - have, block);
	if (st == ST_OK)
		st = take(g, VMFS_RES_PB, pbs, g->pb + g->pbs_have);
	for (uint32_t i = g->pbs_have; i < g->pbs_need && st == ST_OK; i++) {
		const struct vmfs_geom *geom = &g->old.geom[VMFS_RES_PB];

		g->pb[i] = VMFS_PB_MAKE(g->pb[i] / geom->per_cluster, g->pb[i] % geom->per_cluster);
	}
	return st == ST_OK ? io_failed(g, lvm_flush(g->lvm), "flushing") : st;
}

/* ---- 2: fill --------------------------------------------------------------------------------- */

static enum status fill(struct fs_grow *g)
{
	const struct vmfs_sysmap *map = &g->new.map[VMFS_RES_FB];
	struct vmfs_res_fill f = { .layout = &g->new, .kind = VMFS_RES_FB, .mtime = FBB_MTIME,
				   .first_cluster = g->old.geom[VMFS_RES_FB].clusters };
	uint64_t first_at = vmfs_geom_cluster_at(&g->new.geom[VMFS_RES_FB], f.first_cluster);
	struct vmfs_writer *w = port_alloc(sizeof(*w));
	enum status st = ST_OK;

	if (!w)
		return why_set(g->why, ST_NOMEM, "no memory to grow .fbb.sf");
	for (uint32_t k = g->have; k < g->need && st == ST_OK; k++)
		st = lvm_zero(g->lvm, (uint64_t)map->block[k] << map->block_shift,
			      g->old.block_bytes);
	if (st == ST_OK)
		st = vmfs_writer_init(w, g->lvm, g->old.block_bytes);
	if (st == ST_OK) {
		for (uint32_t k = (uint32_t)(first_at >> map->block_shift); k < g->need; k++) {
			uint32_t low, high;

			vmfs_res_fill_block(&f, k, vmfs_writer_buffer(w), &low, &high);
			vmfs_writer_put(w, (uint64_t)map->block[k] << map->block_shift, low, high);
		}
		st = vmfs_writer_fini(w);
	}
	port_free(w);
	if (st == ST_OK)
		st = lvm_flush(g->lvm);
	return io_failed(g, st, "writing cluster headers");
}

/* ---- 3: the file ----------------------------------------------------------------------------- */

static enum status write_pbs(struct fs_grow *g)
{
	const struct vmfs_sysmap *map = &g->new.map[VMFS_RES_FB];
	le32 *entry = port_dma_alloc(VMFS_PB_BYTES);
	enum status st = ST_OK;

	if (!entry)
		return ST_NOMEM;
	for (uint32_t i = 0; i < g->pbs_need && st == ST_OK; i++) {
		memset(entry, 0, VMFS_PB_BYTES);
		for (uint32_t k = 0; k < VMFS_PB_POINTERS && i * VMFS_PB_POINTERS + k < g->need;
		     k++)
			le32_set(&entry[k], VMFS_FB_MAKE(map->block[i * VMFS_PB_POINTERS + k]));
		st =
		    lvm_write(g->lvm, vmfs_layout_addr_at(&g->old, g->pb[i]), entry, VMFS_PB_BYTES);
	}
	port_dma_free(entry, VMFS_PB_BYTES);
	return st;
}

/* Write one of the two sectors of pointers, durably. */
static enum status write_pointers(struct fs_grow *g, uint32_t sector)
{
	uint32_t off = VMFS_FD_DATA_AT + sector * SECTOR_BYTES;
	enum status st = lvm_write(g->lvm, g->fd_at + off, (uint8_t *)g->fd + off, SECTOR_BYTES);

	return st == ST_OK ? lvm_flush(g->lvm) : st;
}

static void set_pointers(struct fs_grow *g)
{
	const struct vmfs_sysmap *map = &g->new.map[VMFS_RES_FB];

	memset(g->fd->ptr, 0, sizeof(g->fd->ptr));
	for (uint32_t i = 0; i < g->pbs_need; i++)
		le32_set(&g->fd->ptr[i], g->pb[i]);
	for (uint32_t k = 0; k < g->need && !g->pbs_need; k++)
		le32_set(&g->fd->ptr[k], VMFS_FB_MAKE(map->block[k]));
}

static enum status write_length(struct fs_grow *g)
{
	struct vmfs_fd_disk *m = &g->fd->meta;
	enum status st;

	le64_set(&m->length, g->new.map[VMFS_RES_FB].file_bytes);
	le64_set(&m->num_blocks, g->need);
	le32_set(&m->new_lo, g->need);
	le32_set(&m->zla, g->pbs_need ? VMFS_ZLA_PB : VMFS_ZLA_FB);
	le32_set(&m->num_pbs, g->pbs_need);
	le32_set(&m->mtime, (uint32_t)(port_wall_us() / 1000000));
	st = lvm_write(g->lvm, g->fd_at + VMFS_FD_META_AT, m, sizeof(*m));
	return st == ST_OK ? lvm_flush(g->lvm) : st;
}

/* The sector with pointer[0] goes first: if that names a pointer block from now on, the others are
 * not looked at any more. */
static enum status extend_file(struct fs_grow *g)
{
	enum status st = write_pbs(g);

	if (st == ST_OK)
		st = lvm_flush(g->lvm);
	set_pointers(g);
	if (st == ST_OK)
		st = write_pointers(g, 0);
	if (st == ST_OK)
		st = write_pointers(g, 1);
	if (st == ST_OK)
		st = write_length(g);
	return io_failed(g, st, "extending .fbb.sf");
}

/* ---- 4 and 5: the blocks exist --------------------------------------------------------------- */

static enum status write_header(struct fs_grow *g)
{
	struct vmfs_res_disk *header = port_dma_alloc(SECTOR_BYTES);
	uint64_t at = vmfs_sysmap_at(&g->new.map[VMFS_RES_FB], 0);
	enum status st;

	if (!header)
		return ST_NOMEM;
	st = lvm_read(g->lvm, at, header, SECTOR_BYTES);
	vmfs_geom_encode(&g->new.geom[VMFS_RES_FB], VMFS_RES_FB, header);
	if (st == ST_OK)
		st = lvm_write(g->lvm, at, header, SECTOR_BYTES);
	port_dma_free(header, SECTOR_BYTES);
	return st == ST_OK ? lvm_flush(g->lvm) : st;
}

/* A cluster as it was read; written back when it lacks resources that the header has. */
static enum status raise_cluster(struct fs_grow *g, uint32_t cluster,
				 struct vmfs_cluster_disk *meta)
{
	uint64_t at = vmfs_layout_cluster_at(&g->new, VMFS_RES_FB, cluster) + SECTOR_BYTES;
	uint32_t total = vmfs_geom_cluster_total(&g->new.geom[VMFS_RES_FB], cluster);

	for (uint32_t i = le32_get(meta->total); i < total; i++)
		meta->bitmap[i / 8] |= (uint8_t)(1u << (i % 8));
	le32_set(&meta->total, total);
	vmfs_cluster_count(&g->new.geom[VMFS_RES_FB], VMFS_RES_FB, meta);
	return lvm_write(g->lvm, at, meta, sizeof(*meta));
}

/* All clusters in one file block of .fbb.sf, which holds nothing but their headers. */
static enum status raise_in_block(struct fs_grow *g, uint32_t k, uint8_t *buf)
{
	const struct vmfs_geom *geom = &g->new.geom[VMFS_RES_FB];
	uint64_t start = (uint64_t)k << g->new.block_shift, first = MAX(start, VMFS_RES_GROUP_AT);
	uint32_t c = (uint32_t)((first - VMFS_RES_GROUP_AT) / VMFS_CLUSTER_BYTES);
	enum status st = lvm_read(g->lvm, vmfs_sysmap_at(&g->new.map[VMFS_RES_FB], start), buf,
				  g->new.block_bytes);

	for (uint64_t in = first - start;
	     in < g->new.block_bytes &&c < geom->clusters &&st == ST_OK;
	     in += VMFS_CLUSTER_BYTES, c++) {
		struct vmfs_cluster_header *h = (struct vmfs_cluster_header *)(buf + in);

		if (le32_get(h->meta.cluster) == c &&
		    le32_get(h->meta.total) < vmfs_geom_cluster_total(geom, c))
			st = raise_cluster(g, c, &h->meta);
	}
	return st;
}

/* Only the last cluster of a header may be partial. With an earlier grow that stopped before its
 * step 5 it can be any, so all are looked at. */
static enum status raise_all(struct fs_grow *g)
{
	uint8_t *buf = port_dma_alloc(g->new.block_bytes);
	enum status st = ST_OK;

	if (!buf)
		return why_set(g->why, ST_NOMEM, "no memory to grow .fbb.sf");
	for (uint32_t k = 0; k < g->need && st == ST_OK; k++)
		st = raise_in_block(g, k, buf);
	if (st == ST_OK)
		st = lvm_flush(g->lvm);
	port_dma_free(buf, g->new.block_bytes);
	return io_failed(g, st, "completing clusters");
}

static enum status run(struct fs_grow *g, uint64_t blocks)
{
	enum status st = plan(g, blocks);

	if (st == ST_OK && blocks > g->old.blocks) {
		st = take_all(g);
		if (st == ST_OK)
			st = fill(g);
		if (st == ST_OK)
			st = extend_file(g);
		if (st == ST_OK)
			st = io_failed(g, write_header(g), "writing the header of .fbb.sf");
	}
	return st == ST_OK ? raise_all(g) : st;
}

enum status vmfs_fs_grow(struct lvm *lvm, uint64_t *added_bytes, struct why *why)
{
	struct fs_grow *g = port_alloc(sizeof(*g));
	uint64_t blocks;
	enum status st;

	*added_bytes = 0;
	if (!g)
		return why_set(why, ST_NOMEM, "no memory to grow the file system");
	g->lvm = lvm;
	g->why = why;
	g->fd = port_dma_alloc(sizeof(*g->fd));
	st = g->fd ? vmfs_layout_read(lvm, &g->old, 0, why)
		   : why_set(why, ST_NOMEM, "no memory to grow .fbb.sf");
	if (st == ST_OK) {
		blocks = MIN(lvm->bytes >> g->old.block_shift, VMFS_FB_MAX);
		st = run(g, blocks);
		if (st == ST_OK)
			*added_bytes = (blocks - g->old.blocks) << g->old.block_shift;
	}
	port_free(g->new.map[VMFS_RES_FB].block);
	vmfs_layout_free(&g->old);
	port_free(g->pb);
	if (g->fd)
		port_dma_free(g->fd, sizeof(*g->fd));
	port_free(g);
	return st;
}
