/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* layout - from the descriptor to the place of every resource.
 *
 * What is found with what: the descriptor is at 2 MiB; it tells where the first block of .fdc.sf is
 * and how its first cluster group begins; there lie the FDs of all system files; their pointers
 * give the maps through which the other resource files are read. .pbc.sf comes first of those, for
 * another system file may be so long that it needs pointer blocks. */
#include "vmfs/geom_priv.h"

/* ---- maps of system files -------------------------------------------------------------------- */

void vmfs_sysmap_free(struct vmfs_sysmap *map)
{
	port_free(map->block);
	memset(map, 0, sizeof(*map));
}

uint64_t vmfs_sysmap_at(const struct vmfs_sysmap *map, uint64_t file_offset)
{
	uint64_t k = file_offset >> map->block_shift;
	uint64_t in_block = file_offset & ((1ull << map->block_shift) - 1);

	if (file_offset >= map->file_bytes || k >= map->block_count)
		return ~0ull;
	return ((uint64_t)map->block[k] << map->block_shift) + in_block;
}

static enum status bad_pointer(uint64_t fd_at, uint32_t k, uint64_t addr, struct why *why)
{
	return why_set(why, ST_CORRUPT,
		       "system file at 0x%jx: pointer %u is 0x%08jx, no block of the volume", fd_at,
		       k, addr);
}

/* Decode `count` block pointers into map->block[first...]. */
static enum status take_pointers(struct lvm *lvm, const struct vmfs_layout *l,
				 struct vmfs_sysmap *map, uint32_t first, const uint8_t *pointer,
				 uint32_t count, uint64_t fd_at, struct why *why)
{
	for (uint32_t k = 0; k < count; k++) {
		uint64_t addr = vmfs_ptr_get(l->form, pointer + k * l->form->ptr_bytes);
		uint64_t block = vmfs_layout_block(l, addr);

		if (!vmfs_is_block(l, addr) || block >= lvm->bytes >> map->block_shift)
			return bad_pointer(fd_at, first + k, addr, why);
		map->block[first + k] = (uint32_t)block;
	}
	return ST_OK;
}

static uint64_t fd_pointer(const struct vmfs_layout *l, const uint8_t *fd, uint32_t k)
{
	return vmfs_ptr_get(l->form, fd + l->form->md_bytes + l->form->ptrs_at +
				     k * l->form->ptr_bytes);
}

/* One level of pointer blocks, which lie in a resource file that has been read. */
static enum status take_indirect(struct lvm *lvm, const struct vmfs_layout *l,
				 struct vmfs_sysmap *map, const uint8_t *fd, uint64_t fd_at,
				 struct why *why)
{
	const struct vmfs_form *form = l->form;
	uint8_t *entry = port_dma_alloc(form->pb_bytes);
	enum status st = ST_OK;

	if (!entry)
		return why_set(why, ST_NOMEM, "no memory for a pointer block");
	for (uint32_t done = 0; done < map->block_count && st == ST_OK; done += form->pb_ptrs) {
		uint64_t addr = fd_pointer(l, fd, done / form->pb_ptrs);
		uint64_t at = vmfs_is_pb(l, addr) ? vmfs_layout_addr_at(l, addr) : ~0ull;

		if (at == ~0ull) {
			st = bad_pointer(fd_at, done / form->pb_ptrs, addr, why);
			break;
		}
		st = lvm_read(lvm, at, entry, form->pb_bytes);
		if (st != ST_OK) {
			why_set(why, st, "pointer block at 0x%jx: %s", at, status_text(st));
			break;
		}
		st = take_pointers(lvm, l, map, done, entry,
				   MIN(form->pb_ptrs, map->block_count - done), fd_at, why);
	}
	port_dma_free(entry, form->pb_bytes);
	return st;
}

static const struct vmfs_fd_disk *meta_of(const struct vmfs_layout *l, const uint8_t *fd)
{
	return (const void *)(fd + l->form->md_bytes);
}

/* The first pointer tells, not the ZLA, which lies in another sector: growing the file over its
 * direct pointers may have been interrupted between the two (grow_fs.c, res_grow.c). */
static int is_indirect(const struct vmfs_layout *l, const uint8_t *fd)
{
	return vmfs_is_pb(l, fd_pointer(l, fd, 0));
}

static const char *sysfile_check(const struct vmfs_layout *l, const uint8_t *fd, int indirect_ok)
{
	const struct vmfs_fd_disk *m = meta_of(l, fd);
	const char *bad = vmfs_fd_check(l->form, m, le32_get(m->fd));
	uint64_t length = le64_get(m->length), blocks = div_round_up(length, l->block_bytes);
	uint64_t reach = l->form->ptrs;
	uint32_t zla = le32_get(m->zla);

	if (bad)
		return bad;
	if (VMFS_ADDR_TYPE(le32_get(m->fd)) != VMFS_ADDR_FD)
		return "descAddr is no FD address";
	if (le32_get(m->type) != VMFS_TYPE_SYSTEM)
		return "the type is not 5 (system file)";
	if (le64_get(m->block_bytes) != l->block_bytes)
		return "blockSize is not the volume's";
	if (zla != VMFS_ZLA_FB && zla != VMFS_ZLA_PB && zla != VMFS_ZLA_SYS)
		return "zeroLevelAddrType is none of a system file";
	if (is_indirect(l, fd) && !indirect_ok)
		return "it needs pointer blocks before they can be located";
	if (zla != VMFS_ZLA_FB)
		reach *= l->form->pb_ptrs;
	if (length == 0 || blocks > reach)
		return "the length does not fit its pointers";
	return NULL;
}

/* The map of the system file whose FD is at fd_at. indirect_ok: what its pointer blocks lie in has
 * been read. */
static enum status sysmap_read(struct lvm *lvm, const struct vmfs_layout *l, uint64_t fd_at,
			       int indirect_ok, struct vmfs_sysmap *map, struct why *why)
{
	uint8_t *fd = port_dma_alloc(l->form->fd_bytes);
	const char *bad;
	enum status st;

	memset(map, 0, sizeof(*map));
	if (!fd)
		return why_set(why, ST_NOMEM, "no memory for a file descriptor");
	st = lvm_read(lvm, fd_at, fd, l->form->fd_bytes);
	if (st != ST_OK) {
		why_set(why, st, "system file at 0x%jx: %s", fd_at, status_text(st));
		goto free_fd;
	}
	bad = sysfile_check(l, fd, indirect_ok);
	if (bad) {
		st = why_set(why, ST_CORRUPT, "system file at 0x%jx: %s", fd_at, bad);
		goto free_fd;
	}
	map->file_bytes = le64_get(meta_of(l, fd)->length);
	map->block_count = (uint32_t)div_round_up(map->file_bytes, l->block_bytes);
	map->block_shift = l->block_shift;
	map->block = port_alloc(map->block_count * sizeof(*map->block));
	if (!map->block)
		st = why_set(why, ST_NOMEM, "no memory for the map of a system file");
	else if (!is_indirect(l, fd))
		st = take_pointers(lvm, l, map, 0, fd + l->form->md_bytes + l->form->ptrs_at,
				   map->block_count, fd_at, why);
	else
		st = take_indirect(lvm, l, map, fd, fd_at, why);
	if (st != ST_OK)
		vmfs_sysmap_free(map);
free_fd:
	port_dma_free(fd, l->form->fd_bytes);
	return st;
}

/* ---- the whole layout ------------------------------------------------------------------------ */

static enum status read_descriptor(struct lvm *lvm, struct vmfs_layout *l, struct why *why)
{
	enum status st = lvm_read(lvm, VMFS_FS_AT, &l->fs, sizeof(l->fs));
	const char *bad;

	if (st != ST_OK)
		return why_set(why, st, "file system descriptor at 0x200000: %s", status_text(st));
	if (le32_get(l->fs.magic) == VMFS_FS_MAGIC && le32_get(l->fs.major) > VMFS_MAJOR_6)
		return why_set(why, ST_UNSUPPORTED,
			       "raw major version %u: this version reads VMFS-3, VMFS-5 and VMFS-6",
			       le32_get(l->fs.major));
	bad = vmfs_fs_check(&l->fs);
	if (bad)
		return why_set(why, ST_CORRUPT, "file system descriptor at 0x200000: %s", bad);
	l->form = vmfs_form_of(le32_get(l->fs.major));
	l->version = le32_get(l->fs.major) == VMFS_MAJOR_3 ? 3 :
		     le32_get(l->fs.major) == VMFS_MAJOR_5 ? 5 : 6;
	l->lfb_shift = l->version == 6 ? (uint8_t)le16_get(l->fs.sfb_to_lfb_shift) : 0;
	l->block_bytes = (uint32_t)le64_get(l->fs.file_block_bytes);
	l->block_shift = (uint32_t)__builtin_ctz(l->block_bytes);
	l->sub_block_bytes = le32_get(l->fs.sub_block_bytes);
	l->dense_sb = (le32_get(l->fs.config) & VMFS_CONFIG_DENSE_SB) != 0;
	l->fdc_base = round_up(VMFS_HB_AT + l->form->hb_slots * l->form->md_bytes, l->block_bytes);
	return ST_OK;
}

static enum status bad_header(enum vmfs_res kind, const char *bad, struct why *why)
{
	return why_set(why, ST_CORRUPT, "%s header: %s", vmfs_res_traits[kind].file, bad);
}

/* A sub-block of a VMFS-3 may straddle two file blocks of .sbc.sf. One volume offset then still
 * means it, as long as the two follow each other on the volume. */
static int straddles_apart(const struct vmfs_geom *g, const struct vmfs_sysmap *map)
{
	uint64_t first = vmfs_geom_resource_at(g, 0, 0);

	if (g->resource_bytes == 0 || g->resource_bytes > 1u << map->block_shift ||
	    (first % g->resource_bytes == 0 && g->group_bytes % g->resource_bytes == 0))
		return 0;
	for (uint32_t k = 1; k < map->block_count; k++)
		if (map->block[k] != map->block[k - 1] + 1)
			return 1;
	return 0;
}

static enum status read_header(struct lvm *lvm, struct vmfs_layout *l, enum vmfs_res kind,
			       uint64_t at, struct why *why)
{
	struct vmfs_res_disk header;
	enum status st = lvm_read(lvm, at, &header, sizeof(header));
	const char *bad;

	if (st != ST_OK)
		return why_set(why, st, "%s header at 0x%jx: %s", vmfs_res_traits[kind].file, at,
			       status_text(st));
	bad = vmfs_geom_decode(l->form, &header, kind, &l->geom[kind]);
	if (bad)
		return bad_header(kind, bad, why);
	if (kind == VMFS_RES_SB && l->geom[kind].resource_bytes != l->sub_block_bytes)
		return bad_header(kind, "resourceSize is not the descriptor's subBlockSize", why);
	if (kind == VMFS_RES_SB && !l->dense_sb && l->geom[kind].per_cluster > 16)
		return bad_header(
		    kind, "more than 16 resources per cluster without dense addresses", why);
	return ST_OK;
}

/* The large file blocks, whose header comes first in .fbb.sf: their resources are the cluster
 * headers of the small ones. */
static enum status read_parent(struct lvm *lvm, struct vmfs_layout *l, struct why *why)
{
	enum vmfs_res kind = l->form->parent_of_fb;
	const struct vmfs_geom *small = &l->geom[VMFS_RES_FB], *large = &l->geom[kind];
	enum status st = read_header(lvm, l, kind, vmfs_sysmap_at(&l->map[VMFS_RES_FB], 0), why);

	if (st != ST_OK)
		return st;
	if (small->per_cluster != 1u << l->lfb_shift)
		return bad_header(VMFS_RES_FB, "its clusters are not large blocks", why);
	if (large->count < small->clusters)
		return bad_header(kind, "fewer large blocks than the small ones need", why);
	if (large->file_bytes > l->map[VMFS_RES_FB].file_bytes)
		return bad_header(kind, "names more large blocks than the file has room for", why);
	return ST_OK;
}

/* Map and header of one resource file whose FD is at fd_at. */
static enum status read_file(struct lvm *lvm, struct vmfs_layout *l, enum vmfs_res kind,
			     uint64_t fd_at, struct why *why)
{
	struct vmfs_sysmap *map = &l->map[kind];
	enum status st;

	st = sysmap_read(lvm, l, fd_at, kind != (enum vmfs_res)l->form->read_order[0], map, why);
	if (st != ST_OK)
		return why_at(why, st, "%s", vmfs_res_traits[kind].file);
	if (l->form->header_at[kind] + SECTOR_BYTES > map->file_bytes)
		return bad_header(kind, "the file ends before it", why);
	st = read_header(lvm, l, kind, vmfs_sysmap_at(map, l->form->header_at[kind]), why);
	if (st == ST_OK && kind == VMFS_RES_FB && l->form->parent_of_fb != kind)
		st = read_parent(lvm, l, why);
	if (st != ST_OK)
		return st;
	if (l->geom[kind].file_bytes > map->file_bytes)
		return bad_header(kind, "names more resources than the file has room for", why);
	if (straddles_apart(&l->geom[kind], map))
		return why_set(why, ST_UNSUPPORTED,
			       "%s: a sub-block straddles two file blocks that do not "
			       "follow each other",
			       vmfs_res_traits[kind].file);
	return ST_OK;
}

/* Volume offset of an FD of cluster 0, before .fdc.sf can be read: all are in its first block. */
static uint64_t bootstrap_at(const struct vmfs_layout *l, uint32_t fd)
{
	return l->fdc_base + vmfs_geom_resource_at(&l->geom[VMFS_RES_FD], 0, VMFS_FD_RESOURCE(fd));
}

static enum status bootstrap(struct lvm *lvm, struct vmfs_layout *l, struct why *why)
{
	struct vmfs_geom *g = &l->geom[VMFS_RES_FD];
	enum status st;

	if (l->fdc_base + l->block_bytes > lvm->bytes)
		return why_set(why, ST_CORRUPT, "the volume of %ju bytes ends before .fdc.sf",
			       lvm->bytes);
	st = read_header(lvm, l, VMFS_RES_FD, l->fdc_base, why);
	if (st != ST_OK)
		return st;
	if (g->clusters_per_group != le32_get(l->fs.fdc_clusters_per_group))
		return why_set(why, ST_CORRUPT,
			       "fdcClustersPerGroup is %u in the descriptor and %u in the "
			       ".fdc.sf header",
			       le32_get(l->fs.fdc_clusters_per_group), g->clusters_per_group);
	if (g->count < 8 || g->per_cluster < 8 ||
	    bootstrap_at(l, VMFS_FD_SDD) + l->form->fd_bytes > l->fdc_base + l->block_bytes)
		return bad_header(VMFS_RES_FD, "no room for the system files in its first block",
				  why);
	return ST_OK;
}

/* .pb2.sf is where the descriptor says: on an upgraded VMFS-3 it may be anywhere, or not there
 * (*at 0) until it is needed. */
static enum status pb2_fd_at(struct lvm *lvm, const struct vmfs_layout *l, uint64_t *at,
			     struct why *why)
{
	*at = l->version == 3 ? 0 : le64_get(l->fs.pb2_at);
	if (*at % SECTOR_BYTES || *at > lvm->bytes || lvm->bytes - *at < l->form->fd_bytes)
		return why_set(why, ST_CORRUPT,
			       "descriptor: pb2VolAddr 0x%jx is outside of the volume", *at);
	return ST_OK;
}

/* A volume that is only read does without a resource file: what lies in it is damaged, the rest is
 * not. Without descriptors there is no volume. */
static enum status do_without(struct lvm *lvm, struct vmfs_layout *l, enum vmfs_res kind,
			      enum status st, struct why *why)
{
	if (st == ST_NOMEM || kind == VMFS_RES_FD)
		return st;
	log_line(LOG_WARN, "vmfs: %s: %s -> read without it", lvm->dev[0].dev->name,
		 why && why->text[0] ? why->text : vmfs_res_traits[kind].file);
	vmfs_sysmap_free(&l->map[kind]);
	memset(&l->geom[kind], 0, sizeof(l->geom[kind]));
	if (why)
		*why = (struct why){ 0 };
	return ST_OK;
}

static enum status read_files(struct lvm *lvm, struct vmfs_layout *l, int lenient, struct why *why)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < l->form->read_count && st == ST_OK; i++) {
		enum vmfs_res kind = (enum vmfs_res)l->form->read_order[i];
		uint64_t at = bootstrap_at(l, vmfs_res_traits[kind].fd);

		if (kind == VMFS_RES_PB2)
			st = pb2_fd_at(lvm, l, &at, why);
		if (st == ST_OK && at)
			st = read_file(lvm, l, kind, at, why);
		if (st != ST_OK && lenient)
			st = do_without(lvm, l, kind, st, why);
	}
	return st;
}

enum status vmfs_layout_read(struct lvm *lvm, struct vmfs_layout *l, int lenient,
			     struct why *why)
{
	enum status st;

	memset(l, 0, sizeof(*l));
	st = read_descriptor(lvm, l, why);
	if (st == ST_OK)
		st = bootstrap(lvm, l, why);
	if (st == ST_OK)
		st = read_files(lvm, l, lenient, why);
	l->blocks = l->geom[VMFS_RES_FB].count;
	if (lenient && !l->blocks)
		l->blocks = lvm->bytes >> l->block_shift;
	if (lenient)
		l->blocks = MIN(l->blocks, lvm->bytes >> l->block_shift);
	if (st == ST_OK && l->blocks << l->block_shift > lvm->bytes)
		st = why_set(why, ST_CORRUPT,
			     ".fbb.sf header: %ju blocks of %u bytes, but the volume has "
			     "%ju bytes",
			     l->blocks, l->block_bytes, lvm->bytes);
	if (st == ST_OK && l->map[VMFS_RES_FD].block[0] != l->fdc_base >> l->block_shift)
		st = why_set(why, ST_CORRUPT, ".fdc.sf: its first block is %u, not %ju",
			     l->map[VMFS_RES_FD].block[0], l->fdc_base >> l->block_shift);
	if (st != ST_OK) {
		vmfs_layout_free(l);
		return why_at(why, st, "%s", lvm->dev[0].dev->name);
	}
	return ST_OK;
}

void vmfs_layout_free(struct vmfs_layout *l)
{
	for (int kind = 0; kind < VMFS_RES_COUNT; kind++)
		vmfs_sysmap_free(&l->map[kind]);
	memset(l, 0, sizeof(*l));
}

uint64_t vmfs_layout_addr_at(const struct vmfs_layout *l, uint64_t addr)
{
	enum vmfs_res kind = vmfs_addr_res(l, addr);
	uint32_t cluster, resource;

	if (kind == VMFS_RES_COUNT ||
	    !vmfs_geom_split(&l->geom[kind], kind, addr, l->dense_sb, &cluster, &resource))
		return ~0ull;
	if (kind == VMFS_RES_FB)
		return vmfs_layout_block(l, addr) << l->block_shift;
	return vmfs_sysmap_at(&l->map[kind],
			      vmfs_geom_resource_at(&l->geom[kind], cluster, resource));
}

int vmfs_layout_whole(const struct vmfs_layout *l, uint64_t addr)
{
	enum vmfs_res kind = vmfs_addr_res(l, addr);
	uint64_t at = vmfs_layout_addr_at(l, addr), in, bytes = l->geom[kind].resource_bytes;
	uint32_t cluster, resource;

	if (at == ~0ull || !vmfs_geom_split(&l->geom[kind], kind, addr, 0, &cluster, &resource))
		return 0;
	in = vmfs_geom_resource_at(&l->geom[kind], cluster, resource);
	for (uint64_t o = 0; o < bytes; o += MIN(bytes - o, l->block_bytes))
		if (vmfs_sysmap_at(&l->map[kind], in + o) != at + o)
			return 0;
	return vmfs_sysmap_at(&l->map[kind], in + bytes - 1) == at + bytes - 1;
}

uint64_t vmfs_layout_header_at(const struct vmfs_layout *l, enum vmfs_res kind, uint32_t cluster)
{
	const struct vmfs_geom *parent;

	if (kind != VMFS_RES_FB || l->form->parent_of_fb == kind)
		return vmfs_geom_cluster_at(&l->geom[kind], cluster);
	parent = &l->geom[l->form->parent_of_fb];
	return vmfs_geom_resource_at(parent, cluster / parent->per_cluster,
				     cluster % parent->per_cluster);
}

uint64_t vmfs_layout_cluster_at(const struct vmfs_layout *l, enum vmfs_res kind, uint32_t cluster)
{
	if (cluster >= l->geom[kind].clusters)
		return ~0ull;
	return vmfs_sysmap_at(vmfs_layout_map(l, kind), vmfs_layout_header_at(l, kind, cluster));
}
