/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* res_grow - a resource file of VMFS-6 gets longer when its kind runs out.
 *
 * VMFS-5 fixes all counts when a volume is made. VMFS-6 starts with few and takes file blocks as it
 * needs them. One operation does all of it: blocks for the file, zeroed; its pointers and length;
 * new cluster headers, and a larger total in the last old one; the counts in its header. So a crash
 * leaves the old file or the new one. In memory geometry and map change first, for the new headers
 * are found through them, and go back when the operation fails. */
#include "vmfs/format_priv.h"
#include "vmfs/vmfs_priv.h"

#define STEP_BLOCKS	16u	/* of 1 MiB: 256 sub-blocks, or 2,000 descriptors */
#define GROW_NEED	256u

struct growth {
	enum vmfs_res		kind;
	struct vmfs_geom	old;
	struct vmfs_sysmap	old_map;
	uint32_t		add;		/* blocks */
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

/* The new map and geometry in place of the old; growth keeps those. */
static enum status stretch(struct vmfs_volume *vol, struct growth *w)
{
	struct vmfs_layout *l = &vol->layout;
	struct vmfs_sysmap *map = &l->map[w->kind];
	struct vmfs_geom g = fit(&l->geom[w->kind], w->kind,
				 (uint64_t)map->block_count << l->block_shift);
	uint32_t *block;

	w->old = l->geom[w->kind];
	w->old_map = *map;
	w->add = g.count > w->old.count ? 0 : STEP_BLOCKS;
	if (w->add)
		g = fit(&w->old, w->kind, (uint64_t)(map->block_count + w->add) << l->block_shift);
	if (g.count == w->old.count)
		return ST_NOSPACE;
	block = port_alloc((map->block_count + w->add) * sizeof(*block));
	if (!block)
		return ST_NOMEM;
	memcpy(block, map->block, map->block_count * sizeof(*block));
	map->block = block;
	map->block_count += w->add;
	map->file_bytes = g.file_bytes;
	l->geom[w->kind] = g;
	return ST_OK;
}

static void shrink_back(struct vmfs_volume *vol, struct growth *w)
{
	struct vmfs_sysmap *map = &vol->layout.map[w->kind];

	if (map->block == w->old_map.block)
		return;
	port_free(map->block);
	*map = w->old_map;
	vol->layout.geom[w->kind] = w->old;
}

/* Blocks for the end of the file, zeroed, and their pointers. */
static enum status take_blocks(struct vmfs_volume *vol, struct growth *w, const struct vmfs_fd *fd)
{
	struct vmfs_sysmap *map = &vol->layout.map[w->kind];
	uint32_t k = w->old_map.block_count;
	uint64_t goal = (uint64_t)map->block[k - 1] + 1, first = 0, count = 0;
	struct vmfs_slot slot;
	enum status st = ST_OK;

	if (map->block_count > vmfs_form(vol)->ptrs && !vmfs_fd_levels(fd))
		st = vmfs_map_system_level(vol, fd);
	for (; k < map->block_count && st == ST_OK; k++) {
		if (!count)
			st = vmfs_alloc_blocks(vol, goal, map->block_count - k, &first, &count);
		if (st == ST_OK)
			st = vmfs_block_fresh(vol, first);
		if (st == ST_OK)
			st = vmfs_map_slot(vol, fd, k, &slot);
		if (st == ST_OK)
			st = vmfs_map_set(vol, &slot, vmfs_layout_block_addr(&vol->layout, first));
		map->block[k] = (uint32_t)first;
		goal = ++first;
		count -= count != 0;
	}
	return st == ST_OK && w->add ? vmfs_fd_count(vol, fd, w->add, 0, 0) : st;
}

/* One header, lock and bitmap record, of a cluster that is new. */
static enum status put_header(struct vmfs_volume *vol, const struct growth *w, uint32_t cluster)
{
	const struct vmfs_geom *g = &vol->layout.geom[w->kind];
	uint32_t md = vmfs_form(vol)->md_bytes;
	uint64_t at = vmfs_layout_cluster_at(&vol->layout, w->kind, cluster);
	uint8_t *image = port_alloc(2 * md);
	enum status st = image ? ST_OK : ST_NOMEM;

	if (st == ST_OK)
		vmfs_cluster_make(image, g, w->kind, cluster, at, 0x200 + vol->dirs.op);
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

/* The old last cluster may have had less than a full one. */
static enum status raise_last(struct vmfs_volume *vol, const struct growth *w)
{
	const struct vmfs_geom *g = &vol->layout.geom[w->kind];
	uint32_t last = w->old.clusters - 1, was = vmfs_geom_cluster_total(&w->old, last);
	uint32_t total = vmfs_geom_cluster_total(g, last);
	uint64_t at =
	    vmfs_layout_cluster_at(&vol->layout, w->kind, last) + vmfs_form(vol)->md_bytes;
	struct meta_page *page;
	uint8_t *rec;
	enum status st;

	if (!w->old.clusters || was == total)
		return ST_OK;
	st = vmfs_meta_get(vol, at, META_READ, &page);
	if (st != ST_OK)
		return st;
	rec = vmfs_meta_edit(vol, page, (uint32_t)(at % META_PAGE_BYTES), SECTOR_BYTES,
			     META_RANK_OBJECT);
	if (!rec)
		return ST_NOMEM;
	vmfs_field_set(rec, g->form->cluster.total, total);
	for (uint32_t i = was; i < total; i++)
		vmfs_cluster_set(g, w->kind, rec, i, 1);
	vmfs_cluster_count(g, w->kind, rec);
	return ST_OK;
}

static enum status put_counts(struct vmfs_volume *vol, const struct growth *w)
{
	const struct vmfs_geom *g = &vol->layout.geom[w->kind];
	uint64_t at = vmfs_sysmap_at(&vol->layout.map[w->kind], vmfs_form(vol)->header_at[w->kind]);
	struct vmfs_res_disk *d;
	struct meta_page *page;
	enum status st = vmfs_meta_get(vol, at, META_READ, &page);

	if (st != ST_OK)
		return st;
	d = vmfs_meta_edit(vol, page, (uint32_t)(at % META_PAGE_BYTES), sizeof(*d),
			   META_RANK_OBJECT);
	if (!d)
		return ST_NOMEM;
	le32_set(&d->num_resources_lo, (uint32_t)g->count);
	le32_set(&d->num_resources_hi, (uint32_t)(g->count >> 32));
	le32_set(&d->num_groups, g->groups);
	return ST_OK;
}

static enum status grow_op(struct vmfs_volume *vol, void *arg)
{
	struct growth *w = arg;
	struct vmfs_fd fd;
	enum status st = vmfs_fd_get(vol, vmfs_res_traits[w->kind].fd, &fd);

	if (st == ST_OK)
		st = vmfs_fd_hold(vol, &fd);
	if (st == ST_OK)
		st = stretch(vol, w);
	if (st == ST_OK)
		st = take_blocks(vol, w, &fd);
	if (st == ST_OK)
		st = vmfs_fd_set_length(vol, &fd, vol->layout.map[w->kind].file_bytes);
	if (st == ST_OK)
		st = raise_last(vol, w);
	for (uint32_t c = w->old.clusters; st == ST_OK && c < vol->layout.geom[w->kind].clusters;
	     c++)
		st = put_header(vol, w, c);
	if (st == ST_OK)
		st = put_counts(vol, w);
	if (st != ST_OK)
		shrink_back(vol, w);
	return st;
}

static enum status grow(struct vmfs_volume *vol, enum vmfs_res kind)
{
	struct growth w = { .kind = kind };
	enum status st = vmfs_meta_run_once(vol, GROW_NEED, grow_op, &w);

	if (st != ST_OK)
		return st;
	st = vmfs_alloc_grown(vol, kind, w.old.clusters,
			      vol->layout.geom[kind].count - w.old.count);
	port_free(w.old_map.block);
	log_line(LOG_INFO, "vmfs: %s: %s was full -> %llu more, %u blocks", vol->store.name,
		 vmfs_res_traits[kind].file,
		 (unsigned long long)(vol->layout.geom[kind].count - w.old.count), w.add);
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
