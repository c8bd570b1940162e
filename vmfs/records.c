/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* records - x_check of the records that more than one file reads: NULL, or the field that is bad.
 * Only what would make later arithmetic or writing wrong; the checker looks at the rest. */
#include "vmfs/geom_priv.h"

static int is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

const char *vmfs_fs_check(const struct vmfs_fs_disk *fs)
{
	const struct vmfs_form *form = vmfs_form_of(le32_get(fs->major));
	uint32_t sb = le32_get(fs->sub_block_bytes);
	uint64_t block = le64_get(fs->file_block_bytes);

	if (le32_get(fs->magic) != VMFS_FS_MAGIC)
		return "the magic is wrong";
	if (!form)
		return "the version is none of VMFS-3 (4), VMFS-5 (14) and VMFS-6 (24)";
	if (le32_get(fs->disk_block_bytes) != SECTOR_BYTES)
		return "diskBlockSize is not 512";
	if (!is_power_of_two(block) || block < MIB || block > 8 * MIB)
		return "fileBlockSize is not 1, 2, 4 or 8 MiB";
	if (sb != form->res[VMFS_RES_SB].resource_bytes &&
	    sb != form->res[VMFS_RES_SB].resource_bytes_old)
		return "subBlockSize is not 8 or 64 KiB";
	if (form->md_bytes > SECTOR_BYTES &&
	    (le32_get(fs->md_alignment) != form->md_bytes ||
	     le64_get(fs->file_block_bytes) << MIN(le16_get(fs->sfb_to_lfb_shift), 63) !=
		 VMFS6_BLOCK_BYTES << VMFS6_LFB_SHIFT))
		return "mdAlignment is not 4096, or a large file block not 512 MiB";
	if (le32_get(fs->fdc_group_offset) != VMFS_RES_GROUP_AT)
		return "fdcClusterGroupOffset is not 0x10000";
	if (le32_get(fs->fdc_clusters_per_group) == 0 ||
	    le32_get(fs->fdc_clusters_per_group) > VMFS_GROUP_CLUSTERS_MAX)
		return "fdcClustersPerGroup is out of range";
	return NULL;
}

static int zla_known(const struct vmfs_form *form, uint32_t zla)
{
	return (zla < 8 && form->zlas >> zla & 1) || zla == VMFS_ZLA_PB2 ||
	       zla == VMFS_ZLA_RESIDENT;
}

const char *vmfs_fd_check(const struct vmfs_form *form, const struct vmfs_fd_disk *fd,
			  uint32_t addr)
{
	uint32_t type = le32_get(fd->type), zla = le32_get(fd->zla);
	uint64_t block = le64_get(fd->block_bytes);

	if (le32_get(fd->fd) != addr)
		return "descAddr is another address";
	if (type < VMFS_TYPE_VOLUME || type > VMFS_TYPE_RDM)
		return "the type is unknown";
	if (!zla_known(form, zla))
		return "zeroLevelAddrType is unknown";
	if (!is_power_of_two(block) || block < SECTOR_BYTES ||
	    block > (form->piece ? 512 * MIB : 8 * MIB))
		return "blockSize is no power of two from 512 to a file block";
	if (fd->block_shift && (fd->block_shift > 29 || 1ull << fd->block_shift != block))
		return "blockOffsetShift is not log2(blockSize)";
	if (le64_get(fd->length) > VMFS_LENGTH_MAX)
		return "the length is out of range";
	if (zla == VMFS_ZLA_RESIDENT && type != VMFS_TYPE_RDM &&
	    le64_get(fd->length) > form->resident_max)
		return "resident data is longer than a descriptor has room for";
	return NULL;
}

uint32_t vmfs_fd_shift(const struct vmfs_fd_disk *fd)
{
	uint64_t block = le64_get(fd->block_bytes);

	if (fd->block_shift)
		return fd->block_shift;
	return block ? 63u - (uint32_t)__builtin_clzll(block) : 0;
}

/* By arithmetic: the compiler's builtin calls a library where the processor has no instruction. */
uint32_t vmfs_count_bits(const uint8_t *bytes, size_t n)
{
	uint32_t count = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t v = bytes[i];

		v = v - (v >> 1 & 0x55);
		v = (v & 0x33) + (v >> 2 & 0x33);
		count += (v + (v >> 4)) & 0x0F;
	}
	return count;
}

/* ---- bitmap records -------------------------------------------------------------------------- */

uint32_t vmfs_cluster_total(const struct vmfs_geom *g, const void *rec)
{
	return vmfs_field_get(rec, g->form->cluster.total);
}

uint32_t vmfs_cluster_free(const struct vmfs_geom *g, const void *rec)
{
	return vmfs_field_get(rec, g->form->cluster.free);
}

/* The code of a resource: one or more bits, the lowest first, which may cross a byte. */
uint32_t vmfs_code_get(const uint8_t *map, uint32_t bits, uint32_t resource)
{
	uint32_t code = 0;

	for (uint32_t i = 0, at = resource * bits; i < bits; i++, at++)
		code |= (uint32_t)(map[at / 8] >> (at % 8) & 1) << i;
	return code;
}

void vmfs_code_set(uint8_t *map, uint32_t bits, uint32_t resource, uint32_t code)
{
	for (uint32_t i = 0, at = resource * bits; i < bits; i++, at++) {
		map[at / 8] &= (uint8_t)~(1u << (at % 8));
		map[at / 8] |= (uint8_t)((code >> i & 1) << (at % 8));
	}
}

static uint32_t map_bytes(const struct vmfs_geom *g)
{
	return g->form->cluster.bitmap_bytes ? g->form->cluster.bitmap_bytes
					     : (uint32_t)div_round_up(g->per_cluster, 8);
}

static const uint8_t *map_of(const struct vmfs_geom *g, const void *rec)
{
	return (const uint8_t *)rec + g->form->cluster.bitmap_at;
}

int vmfs_cluster_is_free(const struct vmfs_geom *g, enum vmfs_res kind, const void *rec,
			 uint32_t resource)
{
	const struct vmfs_res_limits *r = &g->form->res[kind];

	return vmfs_code_get(map_of(g, rec), r->bits, resource) == r->free_code;
}

void vmfs_cluster_set(const struct vmfs_geom *g, enum vmfs_res kind, void *rec, uint32_t resource,
		      int free)
{
	const struct vmfs_res_limits *r = &g->form->res[kind];

	vmfs_code_set((uint8_t *)rec + g->form->cluster.bitmap_at, r->bits, resource,
		 free ? r->free_code : 0);
}

uint32_t vmfs_cluster_lowest(const struct vmfs_geom *g, enum vmfs_res kind, const void *rec)
{
	const uint8_t *map = map_of(g, rec);
	uint32_t total = vmfs_cluster_total(g, rec), bits = g->form->res[kind].bits;

	for (uint32_t r = 0; r < total; r++) {
		if (bits == 1 && !map[r / 8])
			r |= 7;		/* none of these eight */
		else if (vmfs_cluster_is_free(g, kind, rec, r))
			return r;
	}
	return 0;
}

uint32_t vmfs_cluster_popcount(const struct vmfs_geom *g, enum vmfs_res kind, const void *rec)
{
	uint32_t n = 0, total = vmfs_cluster_total(g, rec);

	if (g->form->res[kind].bits == 1)
		return vmfs_count_bits(map_of(g, rec), map_bytes(g));
	for (uint32_t r = 0; r < total; r++)
		n += (uint32_t)vmfs_cluster_is_free(g, kind, rec, r);
	return n;
}

void vmfs_cluster_set_free(const struct vmfs_geom *g, enum vmfs_res kind, void *rec, uint32_t free)
{
	const struct vmfs_cluster_form *f = &g->form->cluster;

	vmfs_field_set(rec, f->free, free);
	vmfs_field_set(rec, f->next_free, free ? vmfs_cluster_lowest(g, kind, rec) : 0);
}

void vmfs_cluster_count(const struct vmfs_geom *g, enum vmfs_res kind, void *rec)
{
	uint32_t total = vmfs_cluster_total(g, rec), r = 0, n = 0;

	if (g->form->res[kind].bits == 1) {	/* bits past the total do not count */
		r = total - total % 8;
		n = vmfs_count_bits(map_of(g, rec), r / 8);
	}
	for (; r < total; r++)
		n += (uint32_t)vmfs_cluster_is_free(g, kind, rec, r);
	vmfs_cluster_set_free(g, kind, rec, n);
}

static int bit_past(const struct vmfs_geom *g, enum vmfs_res kind, const void *rec)
{
	const uint8_t *map = map_of(g, rec);
	uint32_t end = map_bytes(g) * 8;

	if (g->form->res[kind].bits != 1)
		return 0;	/* what other codes mean past the end is not known */
	for (uint32_t i = vmfs_cluster_total(g, rec); i < end; i++)
		if (map[i / 8] >> (i % 8) & 1)
			return 1;
	return 0;
}

static const char *cluster_lock_check(const struct vmfs_lock_disk *lock, enum vmfs_res kind,
				      uint64_t at)
{
	if (le32_get(lock->type) != VMFS_LOCK_TYPE_BASE + vmfs_res_traits[kind].lock)
		return "its lock has another type";
	if (le64_get(lock->at) != at)
		return "its lock carries another address";
	return NULL;
}

const char *vmfs_cluster_check(const struct vmfs_geom *g, enum vmfs_res kind,
			       const struct vmfs_lock_disk *lock, const void *rec, uint64_t at,
			       uint32_t number)
{
	const struct vmfs_cluster_form *f = &g->form->cluster;
	const char *bad = lock ? cluster_lock_check(lock, kind, at) : NULL;

	if (bad)
		return bad;
	if (f->signature.bytes && vmfs_field_get(rec, f->signature) != f->signed_as)
		return "its bitmap record has another signature";
	if (vmfs_field_get(rec, f->number) != number)
		return "it carries another cluster number";
	/* Fewer: growing the volume was interrupted; what is missing counts as used. */
	if (vmfs_cluster_total(g, rec) > vmfs_geom_cluster_total(g, number))
		return "totalResources does not fit the geometry";
	if (bit_past(g, kind, rec))
		return "bits past totalResources are set";
	if (vmfs_cluster_free(g, rec) != vmfs_cluster_popcount(g, kind, rec))
		return "freeResources is not the number of set bits";
	return NULL;
}
