/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* res_grow - a resource file of VMFS-6 gets longer: when its kind runs out, and .fbb.sf when the
 * logical volume has got larger.
 *
 * VMFS-5 fixes all counts when a volume is made. VMFS-6 starts with few and takes file blocks as it
 * needs them. A mount reads the headers and maps of resource files before it can replay a journal,
 * so they must make sense at every moment of a commit, whose sectors reach their places in any
 * order. Hence several operations, each committed before the next:
 *
 *	1. the pointers move behind a pointer block, when the descriptor has no room for more
 *	2. blocks, zeroed, and their pointers: behind the end of the file, where nobody looks
 *	3. the length: more file than its header names
 *	4. new cluster headers, a larger total in the last old one, the counts in the header
 *
 * What stops in between is gone on with the next time: blocks that are there are taken over. A
 * larger volume is many such steps; whatever interrupts them leaves one that is larger in part. */
#include "vmfs/format_priv.h"
#include "vmfs/vmfs_priv.h"

#define STEP_BLOCKS	16u	/* of 1 MiB: 256 sub-blocks, or 2,000 descriptors */
#define STEP_CLUSTERS	64u	/* of file blocks: 32 GiB */
#define GROW_NEED	256u

/* A file that gets longer. .fbb.sf has the clusters of two kinds in it: those of file blocks lie in
 * the large blocks, as their resources. */
struct growth {
	enum vmfs_res		kind[2];	/* the file's own first */
	uint32_t		kinds, now;	/* now: the one that step 4 is at */
	uint64_t		limit;		/* of its own resources */
	struct vmfs_geom	old[2], new[2];
	struct vmfs_sysmap	map;		/* the longer one */
	uint32_t		had, add;	/* blocks of the file */
};

/* As many resources as a file of so many bytes has room for. */
static struct vmfs_geom fit(const struct vmfs_geom *now, enum vmfs_res kind, uint64_t bytes)
{
	struct vmfs_geom best = *now, g = *now;

	for (uint64_t step = 1u << 20; step; step /= 2) {
		g.count = best.count + step;
		vmfs_geom_derive(&g);
		if (g.file_bytes <= bytes && g.clusters <= g.form->res[kind].clusters_max)
			best = g;
	}
	return best;
}

/* The new geometries of a file of so many blocks. */
static void plan(const struct vmfs_layout *l, struct growth *w, uint32_t blocks)
{
	struct vmfs_geom large;
	uint64_t bytes = (uint64_t)blocks << l->block_shift, most;

	if (w->kinds == 1) {
		w->new[0] = fit(&w->old[0], w->kind[0], bytes);
		return;
	}
	large = fit(&w->old[1], w->kind[1], bytes);
	most = (w->old[0].clusters + (uint64_t)STEP_CLUSTERS) * w->old[0].per_cluster;
	w->new[0] = w->old[0];
	w->new[0].count = MIN(MIN(large.count * w->old[0].per_cluster, most), w->limit);
	vmfs_geom_derive(&w->new[0]);
	w->new[1] = w->old[1];
	w->new[1].count = w->new[0].clusters;
	vmfs_geom_derive(&w->new[1]);
}

/* What there is now, and what there will be. The caller frees w->map. */
static enum status begin(struct vmfs_volume *vol, struct growth *w)
{
	struct vmfs_layout *l = &vol->layout;
	const struct vmfs_sysmap *map = &l->map[w->kind[0]];

	for (uint32_t i = 0; i < w->kinds; i++)
		w->old[i] = l->geom[w->kind[i]];
	w->map = *map;
	w->map.block = NULL;
	w->had = map->block_count;
	w->add = 0;
	plan(l, w, w->had);
	if (w->new[0].count <= w->old[0].count) {
		w->add = w->kinds == 1 ? STEP_BLOCKS : 1;
		plan(l, w, w->had + w->add);
	}
	if (w->new[0].count <= w->old[0].count)
		return ST_NOSPACE;
	w->map.block_count = w->had + w->add;
	w->map.block = port_alloc(w->map.block_count * sizeof(*w->map.block));
	if (!w->map.block)
		return ST_NOMEM;
	memcpy(w->map.block, map->block, w->had * sizeof(*map->block));
	for (uint32_t i = 0; i < w->kinds; i++)
		w->map.file_bytes = MAX(w->map.file_bytes, w->new[i].file_bytes);
	return ST_OK;
}

static enum status file_of(struct vmfs_volume *vol, const struct growth *w, struct vmfs_fd *fd)
{
	enum status st = vmfs_fd_get(vol, vmfs_res_traits[w->kind[0]].fd, fd);

	return st == ST_OK ? vmfs_fd_hold(vol, fd) : st;
}

/* ---- 1 to 3: the file ------------------------------------------------------------------------ */

static enum status level_op(struct vmfs_volume *vol, void *arg)
{
	const struct growth *w = arg;
	struct vmfs_fd fd;
	enum status st = file_of(vol, w, &fd);

	if (st != ST_OK || vmfs_fd_levels(&fd) || w->map.block_count <= vmfs_form(vol)->ptrs)
		return st;
	return vmfs_map_system_level(vol, &fd);
}

/* Block k of the file: the one that is there, or a new one. */
static enum status take_block(struct vmfs_volume *vol, struct growth *w, const struct vmfs_fd *fd,
			      uint32_t k)
{
	uint64_t first, count, addr;
	struct vmfs_slot slot;
	enum status st = vmfs_map_slot(vol, fd, k, &slot);

	if (st != ST_OK)
		return st;
	addr = vmfs_map_value(vol, &slot);
	if (addr) {
		w->map.block[k] = (uint32_t)vmfs_layout_block(&vol->layout, addr);
		return vmfs_is_block(&vol->layout, addr) && w->map.block[k] < vol->layout.blocks
			       ? ST_OK : ST_CORRUPT;
	}
	st = vmfs_alloc_blocks(vol, (uint64_t)w->map.block[k - 1] + 1, 1, &first, &count);
	if (st == ST_OK)
		st = vmfs_block_fresh(vol, first);
	if (st == ST_OK)
		st = vmfs_map_set(vol, &slot, vmfs_layout_block_addr(&vol->layout, first));
	w->map.block[k] = (uint32_t)first;
	return st == ST_OK ? vmfs_fd_count(vol, fd, 1, 0, 0) : st;
}

static enum status blocks_op(struct vmfs_volume *vol, void *arg)
{
	struct growth *w = arg;
	struct vmfs_fd fd;
	enum status st = file_of(vol, w, &fd);

	if (st == ST_OK && vmfs_fd_levels(&fd))
		st = vmfs_map_system_tidy(vol, &fd, w->map.block_count);
	for (uint32_t k = w->had; k < w->map.block_count && st == ST_OK; k++)
		st = take_block(vol, w, &fd, k);
	return st;
}

static enum status length_op(struct vmfs_volume *vol, void *arg)
{
	const struct growth *w = arg;
	struct vmfs_fd fd;
	enum status st = file_of(vol, w, &fd);

	return st == ST_OK ? vmfs_fd_set_length(vol, &fd, w->map.file_bytes) : st;
}

/* ---- 4: what is in it ------------------------------------------------------------------------ */

/* One header, lock and bitmap record, of a cluster that is new. */
static enum status put_header(struct vmfs_volume *vol, const struct growth *w, uint32_t i,
			      uint32_t cluster)
{
	const struct vmfs_geom *g = &w->new[i];
	uint32_t md = vmfs_form(vol)->md_bytes;
	uint64_t at = vmfs_layout_cluster_at(&vol->layout, w->kind[i], cluster);
	uint8_t *image = port_alloc(2 * md);
	enum status st = image ? ST_OK : ST_NOMEM;

	if (st == ST_OK)
		vmfs_cluster_make(image, g, w->kind[i], cluster, at, 0x200 + vol->dirs.op);
	for (uint32_t part = 0; part < 2 && st == ST_OK; part++) {
		struct meta_page *page;
		uint64_t to = at + (uint64_t)part * md;
		uint8_t *p = NULL;

		st = vmfs_meta_get(vol, to, META_READ, &page);
		if (st == ST_OK)
			p = vmfs_meta_edit(vol, page, (uint32_t)(to % META_PAGE_BYTES),
					   SECTOR_BYTES, META_RANK_OBJECT);
		if (st == ST_OK && !p)
			st = ST_NOMEM;
		if (st == ST_OK)
			memcpy(p, image + part * md, SECTOR_BYTES);
	}
	port_free(image);
	return st;
}

/* The old last cluster may have had less than a full one. Of large blocks none is free: all are
 * handed to the small ones, as a new record has it. */
static enum status raise_last(struct vmfs_volume *vol, const struct growth *w, uint32_t i)
{
	const struct vmfs_geom *g = &w->new[i];
	uint32_t last = w->old[i].clusters - 1, was, total;
	struct meta_page *page;
	uint64_t at, lock_at;
	int changed;
	uint8_t *rec;
	enum status st;

	if (!w->old[i].clusters)
		return ST_OK;
	was = vmfs_geom_cluster_total(&w->old[i], last);
	total = vmfs_geom_cluster_total(g, last);
	if (was == total)
		return ST_OK;
	lock_at = vmfs_layout_cluster_at(&vol->layout, w->kind[i], last);
	at = lock_at + vmfs_form(vol)->md_bytes;
	st = vmfs_lock_hold(vol, lock_at, LOCK_SHORT, &changed);	/* others allocate in it */
	if (st == ST_OK)
		st = vmfs_meta_under(vol, at, META_READ, lock_at, &page);
	if (st != ST_OK)
		return st;
	rec = vmfs_meta_edit(vol, page, (uint32_t)(at % META_PAGE_BYTES), SECTOR_BYTES,
			     META_RANK_OBJECT);
	if (!rec)
		return ST_NOMEM;
	vmfs_field_set(rec, g->form->cluster.total, total);
	if (w->kind[i] == VMFS_RES_LFB) {
		g->form->init(g, w->kind[i], rec);
		return ST_OK;
	}
	for (uint32_t k = was; k < total; k++)
		vmfs_cluster_set(g, w->kind[i], rec, k, 1);
	vmfs_cluster_count(g, w->kind[i], rec);
	return ST_OK;
}

/* Only what has grown: the rest of a header may be another system's. */
static enum status put_counts(struct vmfs_volume *vol, const struct growth *w,
			      const struct vmfs_fd *fd, uint32_t i)
{
	const struct vmfs_geom *g = &w->new[i];
	uint64_t at = vmfs_sysmap_at(&vol->layout.map[w->kind[0]],
				     vmfs_form(vol)->header_at[w->kind[i]]);
	struct vmfs6_res_disk *d;
	struct meta_page *page;
	enum status st =
	    vmfs_meta_under(vol, at, META_READ, vmfs_fd_lock_at(vol, fd), &page);

	if (st != ST_OK)
		return st;
	d = vmfs_meta_edit(vol, page, (uint32_t)(at % META_PAGE_BYTES), sizeof(*d),
			   META_RANK_OBJECT);
	if (!d)
		return ST_NOMEM;
	le32_set(&d->common.num_resources_lo, (uint32_t)g->count);
	le32_set(&d->common.num_resources_hi, (uint32_t)(g->count >> 32));
	le32_set(&d->common.num_groups, g->groups);
	if (w->kind[i] == VMFS_RES_FB)
		le32_set(&d->converted, g->clusters);
	return ST_OK;
}

static void set_geometry(struct vmfs_volume *vol, enum vmfs_res kind, const struct vmfs_geom *g)
{
	vol->layout.geom[kind] = *g;
	if (kind == VMFS_RES_FB)
		vol->layout.blocks = g->count;
}

/* In memory the geometry changes first, for the new headers are found through it. */
static enum status kind_op(struct vmfs_volume *vol, void *arg)
{
	struct growth *w = arg;
	uint32_t i = w->now;
	struct vmfs_fd fd;
	enum status st = file_of(vol, w, &fd);

	if (st != ST_OK)
		return st;
	set_geometry(vol, w->kind[i], &w->new[i]);
	st = raise_last(vol, w, i);
	for (uint32_t c = w->old[i].clusters; st == ST_OK && c < w->new[i].clusters; c++)
		st = put_header(vol, w, i, c);
	if (st == ST_OK)
		st = put_counts(vol, w, &fd, i);
	if (st != ST_OK)
		set_geometry(vol, w->kind[i], &w->old[i]);
	return st;
}

static enum status step(struct vmfs_volume *vol, struct growth *w, vmfs_op_fn *fn)
{
	enum status st = vmfs_meta_run_alone(vol, GROW_NEED, fn, w);

	return st == ST_OK ? vmfs_journal_commit(vol) : st;
}

static void take_map(struct vmfs_volume *vol, struct growth *w)
{
	struct vmfs_sysmap *map = &vol->layout.map[w->kind[0]];
	uint32_t *old = map->block;

	*map = w->map;
	w->map.block = old;
}

static enum status grow_file(struct vmfs_volume *vol, struct growth *w)
{
	enum status st = begin(vol, w);

	if (st == ST_OK && w->add)
		st = step(vol, w, level_op);
	if (st == ST_OK && w->add)
		st = step(vol, w, blocks_op);
	if (st == ST_OK)
		st = step(vol, w, length_op);
	if (st == ST_OK)
		take_map(vol, w);
	/* The large blocks first: the small ones are looked for in them. */
	for (w->now = w->kinds; w->now-- > 0 && st == ST_OK;) {
		uint32_t i = w->now;

		st = step(vol, w, kind_op);
		if (st == ST_OK)
			st = vmfs_alloc_grown(vol, w->kind[i], w->old[i].clusters,
					      i ? 0 : w->new[i].count - w->old[i].count);
	}
	port_free(w->map.block);
	return st;
}

/* ---- on demand ------------------------------------------------------------------------------- */

/* The lock of the file is held over all steps, and what others have added is found out first: then
 * there is room, and nothing to do. */
static enum status grow(struct vmfs_volume *vol, enum vmfs_res kind)
{
	struct growth w = { .kind = { kind }, .kinds = 1 };
	int more = 0;
	enum status st = vmfs_res_lock(vol, kind);

	if (st != ST_OK)
		return st;
	st = vmfs_res_reload(vol, &more);
	if (st == ST_OK && !more)
		st = grow_file(vol, &w);
	vmfs_res_unlock(vol, kind);
	if (st == ST_OK && !more)
		log_line(LOG_INFO, "vmfs: %s: %s was full -> %llu more, %u blocks",
			 vol->store.name, vmfs_res_traits[kind].file,
			 (unsigned long long)(w.new[0].count - w.old[0].count), w.add);
	return st;
}

static int can_grow(const struct vmfs_volume *vol, enum vmfs_res kind)
{
	return kind < VMFS_RES_COUNT && (vmfs_form(vol)->growing >> kind & 1);
}

enum status vmfs_res_grow(struct vmfs_volume *vol)
{
	enum vmfs_res kind = vol->alloc.wanted;
	enum status st;

	if (!can_grow(vol, kind))
		return ST_NOSPACE;
	st = grow(vol, kind);
	if (st != ST_NOSPACE || vol->alloc.wanted == kind || !can_grow(vol, vol->alloc.wanted))
		return st;
	st = grow(vol, vol->alloc.wanted);	/* a pointer block for the longer file */
	return st == ST_OK ? grow(vol, kind) : st;
}

/* ---- file blocks ----------------------------------------------------------------------------- */

static enum status grow_blocks(struct vmfs_volume *vol, uint64_t limit)
{
	struct growth w = { .kind = { VMFS_RES_FB, vmfs_form(vol)->parent_of_fb }, .kinds = 2,
			    .limit = limit };
	enum status st = grow_file(vol, &w);

	if (st != ST_NOSPACE || !can_grow(vol, vol->alloc.wanted))
		return st;
	st = grow(vol, vol->alloc.wanted);	/* a pointer block for a longer .fbb.sf */
	return st == ST_OK ? grow_file(vol, &w) : st;
}

enum status vmfs_blocks_grow(struct vmfs_volume *vol, uint64_t *added_bytes)
{
	uint64_t limit = MIN(vol->lvm.bytes >> vol->layout.block_shift, VMFS_FB_MAX);
	uint64_t before = vol->layout.blocks;
	enum status st = ST_OK;

	vmfs_enter(vol);
	while (st == ST_OK && vol->layout.blocks < limit) {
		st = grow_blocks(vol, limit);
		vmfs_meta_relax(vol);
	}
	vmfs_leave(vol);
	*added_bytes = (vol->layout.blocks - before) << vol->layout.block_shift;
	return st;
}
