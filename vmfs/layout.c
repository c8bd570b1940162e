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

static enum status bad_pointer(uint64_t fd_at, uint32_t k, uint32_t addr, struct why *why)
{
	return why_set(why, ST_CORRUPT,
		       "system file at 0x%jx: pointer %u is 0x%08x, no block of the volume", fd_at,
		       k, addr);
}

/* Decode `count` block pointers into map->block[first...]. */
static enum status take_pointers(struct lvm *lvm, struct vmfs_sysmap *map, uint32_t first,
				 const le32 *pointer, uint32_t count, uint64_t fd_at,
				 struct why *why)
{
	for (uint32_t k = 0; k < count; k++) {
		uint32_t addr = le32_get(pointer[k]);
		uint64_t block = VMFS_FB_BLOCK(addr);

		if (VMFS_ADDR_TYPE(addr) != VMFS_ADDR_FB ||
		    (block + 1) << map->block_shift > lvm->bytes)
			return bad_pointer(fd_at, first + k, addr, why);
		map->block[first + k] = (uint32_t)block;
	}
	return ST_OK;
}

/* ZLA 3: through pointer blocks, which .pbc.sf locates. */
static enum status take_indirect(struct lvm *lvm, struct vmfs_sysmap *map,
				 const struct vmfs_fd_record *fd, const struct vmfs_sysmap *pbc,
				 const struct vmfs_geom *pbc_geom, uint64_t fd_at, struct why *why)
{
	le32 *entry = port_dma_alloc(VMFS_PB_BYTES);
	enum status st = ST_OK;

	if (!entry)
		return why_set(why, ST_NOMEM, "no memory for a pointer block");
	for (uint32_t done = 0; done < map->block_count && st == ST_OK; done += VMFS_PB_POINTERS) {
		uint32_t addr = le32_get(fd->ptr[done / VMFS_PB_POINTERS]), cluster, resource;
		uint64_t at = ~0ull;

		if (vmfs_geom_split(pbc_geom, VMFS_RES_PB, addr, 0, &cluster, &resource))
			at =
			    vmfs_sysmap_at(pbc, vmfs_geom_resource_at(pbc_geom, cluster, resource));
		if (at == ~0ull) {
			st = bad_pointer(fd_at, done / VMFS_PB_POINTERS, addr, why);
			break;
		}
		st = lvm_read(lvm, at, entry, VMFS_PB_BYTES);
		if (st != ST_OK) {
			why_set(why, st, "pointer block at 0x%jx: %s", at, status_text(st));
			break;
		}
		st = take_pointers(lvm, map, done, entry,
				   MIN(VMFS_PB_POINTERS, map->block_count - done), fd_at, why);
	}
	port_dma_free(entry, VMFS_PB_BYTES);
	return st;
}

/* ZLA 3; or a ZLA of 1 whose first pointer names a pointer block: .fbb.sf, when growing it over 256
 * blocks was interrupted between two sectors (grow_fs.c). */
static int is_indirect(const struct vmfs_fd_record *fd)
{
	return le32_get(fd->meta.zla) == VMFS_ZLA_PB ||
	       VMFS_ADDR_TYPE(le32_get(fd->ptr[0])) == VMFS_ADDR_PB;
}

static const char *sysfile_check(const struct vmfs_fd_record *fd, uint32_t block_bytes,
				 int indirect_ok)
{
	const char *bad = vmfs_fd_check(&fd->meta, le32_get(fd->meta.fd));
	uint32_t zla = le32_get(fd->meta.zla);
	uint64_t length = le64_get(fd->meta.length), blocks = div_round_up(length, block_bytes);

	if (bad)
		return bad;
	if (VMFS_ADDR_TYPE(le32_get(fd->meta.fd)) != VMFS_ADDR_FD)
		return "descAddr is no FD address";
	if (le32_get(fd->meta.type) != VMFS_TYPE_SYSTEM)
		return "the type is not 5 (system file)";
	if (le64_get(fd->meta.block_bytes) != block_bytes)
		return "blockSize is not the volume's";
	if (zla != VMFS_ZLA_FB && zla != VMFS_ZLA_PB)
		return "zeroLevelAddrType is neither 1 (FB) nor 3 (PB)";
	if (is_indirect(fd) && !indirect_ok)
		return "it needs pointer blocks before they can be located";
	if (length == 0 ||
	    blocks > (uint64_t)VMFS_FD_POINTERS * (zla == VMFS_ZLA_PB ? VMFS_PB_POINTERS : 1))
		return "the length does not fit its pointers";
	return NULL;
}

enum status vmfs_sysmap_read(struct lvm *lvm, uint64_t fd_at, uint32_t block_bytes,
			     const struct vmfs_sysmap *pbc, const struct vmfs_geom *pbc_geom,
			     struct vmfs_sysmap *map, struct why *why)
{
	struct vmfs_fd_record *fd = port_dma_alloc(sizeof(*fd));
	const char *bad;
	enum status st;

	memset(map, 0, sizeof(*map));
	if (!fd)
		return why_set(why, ST_NOMEM, "no memory for a file descriptor");
	st = lvm_read(lvm, fd_at, fd, sizeof(*fd));
	if (st != ST_OK) {
		why_set(why, st, "system file at 0x%jx: %s", fd_at, status_text(st));
		goto free_fd;
	}
	bad = sysfile_check(fd, block_bytes, pbc != NULL);
	if (bad) {
		st = why_set(why, ST_CORRUPT, "system file at 0x%jx: %s", fd_at, bad);
		goto free_fd;
	}
	map->file_bytes = le64_get(fd->meta.length);
	map->block_count = (uint32_t)div_round_up(map->file_bytes, block_bytes);
	map->block_shift = (uint32_t)__builtin_ctz(block_bytes);
	map->block = port_alloc(map->block_count * sizeof(*map->block));
	if (!map->block)
		st = why_set(why, ST_NOMEM, "no memory for the map of a system file");
	else if (!is_indirect(fd))
		st = take_pointers(lvm, map, 0, fd->ptr, map->block_count, fd_at, why);
	else
		st = take_indirect(lvm, map, fd, pbc, pbc_geom, fd_at, why);
	if (st != ST_OK)
		vmfs_sysmap_free(map);
free_fd:
	port_dma_free(fd, sizeof(*fd));
	return st;
}

/* ---- the whole layout ------------------------------------------------------------------------ */

static enum status read_descriptor(struct lvm *lvm, struct vmfs_layout *l, struct why *why)
{
	enum status st = lvm_read(lvm, VMFS_FS_AT, &l->fs, sizeof(l->fs));
	const char *bad;

	if (st != ST_OK)
		return why_set(why, st, "file system descriptor at 0x200000: %s", status_text(st));
	if (le32_get(l->fs.magic) == VMFS_FS_MAGIC && le32_get(l->fs.major) >= VMFS_MAJOR_6)
		return why_set(why, ST_UNSUPPORTED,
			       "VMFS-6 (raw major version %u): this version reads "
			       "VMFS-3 and VMFS-5",
			       le32_get(l->fs.major));
	bad = vmfs_fs_check(&l->fs);
	if (bad)
		return why_set(why, ST_CORRUPT, "file system descriptor at 0x200000: %s", bad);
	l->version = le32_get(l->fs.major) == VMFS_MAJOR_3 ? 3 : 5;
	l->block_bytes = (uint32_t)le64_get(l->fs.file_block_bytes);
	l->block_shift = (uint32_t)__builtin_ctz(l->block_bytes);
	l->sub_block_bytes = le32_get(l->fs.sub_block_bytes);
	l->dense_sb = (le32_get(l->fs.config) & VMFS_CONFIG_DENSE_SB) != 0;
	l->fdc_base = round_up(VMFS_FDC_MIN_AT, l->block_bytes);
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

	if (g->resource_bytes == 0 ||
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
	bad = vmfs_geom_decode(&header, kind, &l->geom[kind]);
	if (bad)
		return bad_header(kind, bad, why);
	if (kind == VMFS_RES_SB && l->geom[kind].resource_bytes != l->sub_block_bytes)
		return bad_header(kind, "resourceSize is not the descriptor's subBlockSize", why);
	if (kind == VMFS_RES_SB && !l->dense_sb && l->geom[kind].per_cluster > 16)
		return bad_header(
		    kind, "more than 16 resources per cluster without dense addresses", why);
	return ST_OK;
}

/* Map and header of one resource file whose FD is at fd_at. */
static enum status read_file(struct lvm *lvm, struct vmfs_layout *l, enum vmfs_res kind,
			     uint64_t fd_at, struct why *why)
{
	const struct vmfs_sysmap *pbc = kind == VMFS_RES_PB ? NULL : &l->map[VMFS_RES_PB];
	struct vmfs_sysmap *map = &l->map[kind];
	enum status st;

	st = vmfs_sysmap_read(lvm, fd_at, l->block_bytes, pbc, &l->geom[VMFS_RES_PB], map, why);
	if (st != ST_OK)
		return why_at(why, st, "%s", vmfs_res_traits[kind].file);
	st = read_header(lvm, l, kind, vmfs_sysmap_at(map, 0), why);
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
	    bootstrap_at(l, VMFS_FD_SDD) + VMFS_FD_BYTES > l->fdc_base + l->block_bytes)
		return bad_header(VMFS_RES_FD, "no room for the system files in its first block",
				  why);
	return ST_OK;
}

/* pb2VolAddr may be 0: an upgraded VMFS-3 has no .pb2.sf until it needs one. */
static enum status read_pb2(struct lvm *lvm, struct vmfs_layout *l, struct why *why)
{
	uint64_t at = le64_get(l->fs.pb2_at);

	if (l->version == 3 || at == 0)
		return ST_OK;
	if (at % SECTOR_BYTES || at > lvm->bytes || lvm->bytes - at < VMFS_FD_BYTES)
		return why_set(why, ST_CORRUPT,
			       "descriptor: pb2VolAddr 0x%jx is outside of the volume", at);
	return read_file(lvm, l, VMFS_RES_PB2, at, why);
}

enum status vmfs_layout_read(struct lvm *lvm, struct vmfs_layout *l, struct why *why)
{
	static const enum vmfs_res order[] = { VMFS_RES_PB, VMFS_RES_FB, VMFS_RES_FD, VMFS_RES_SB };
	enum status st;

	memset(l, 0, sizeof(*l));
	st = read_descriptor(lvm, l, why);
	if (st == ST_OK)
		st = bootstrap(lvm, l, why);
	for (size_t i = 0; i < ARRAY_COUNT(order) && st == ST_OK; i++)
		st =
		    read_file(lvm, l, order[i], bootstrap_at(l, vmfs_res_traits[order[i]].fd), why);
	if (st == ST_OK)
		st = read_pb2(lvm, l, why);
	l->blocks = l->geom[VMFS_RES_FB].count;
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

uint64_t vmfs_layout_addr_at(const struct vmfs_layout *l, uint32_t addr)
{
	static const enum vmfs_res kinds[] = {
		[VMFS_ADDR_NULL] = VMFS_RES_COUNT, [VMFS_ADDR_FB] = VMFS_RES_FB,
		[VMFS_ADDR_SB] = VMFS_RES_SB, [VMFS_ADDR_PB] = VMFS_RES_PB,
		[VMFS_ADDR_FD] = VMFS_RES_FD, [VMFS_ADDR_PB2] = VMFS_RES_PB2,
	};
	uint32_t type = VMFS_ADDR_TYPE(addr), cluster, resource;
	enum vmfs_res kind = type < ARRAY_COUNT(kinds) ? kinds[type] : VMFS_RES_COUNT;

	if (kind == VMFS_RES_COUNT ||
	    !vmfs_geom_split(&l->geom[kind], kind, addr, l->dense_sb, &cluster, &resource))
		return ~0ull;
	if (kind == VMFS_RES_FB)
		return (uint64_t)VMFS_FB_BLOCK(addr) << l->block_shift;
	return vmfs_sysmap_at(&l->map[kind],
			      vmfs_geom_resource_at(&l->geom[kind], cluster, resource));
}

uint64_t vmfs_layout_cluster_at(const struct vmfs_layout *l, enum vmfs_res kind, uint32_t cluster)
{
	if (cluster >= l->geom[kind].clusters)
		return ~0ull;
	return vmfs_sysmap_at(&l->map[kind], vmfs_geom_cluster_at(&l->geom[kind], cluster));
}
