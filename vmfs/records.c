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
	uint32_t major = le32_get(fs->major), sb = le32_get(fs->sub_block_bytes);
	uint64_t block = le64_get(fs->file_block_bytes);

	if (le32_get(fs->magic) != VMFS_FS_MAGIC)
		return "the magic is wrong";
	if (major != VMFS_MAJOR_3 && major != VMFS_MAJOR_5)
		return "the version is neither VMFS-3 (4) nor VMFS-5 (14)";
	if (le32_get(fs->disk_block_bytes) != SECTOR_BYTES)
		return "diskBlockSize is not 512";
	if (!is_power_of_two(block) || block < MIB || block > 8 * MIB)
		return "fileBlockSize is not 1, 2, 4 or 8 MiB";
	if (sb != VMFS_SB_BYTES && sb != VMFS_SB_BYTES_OLD)
		return "subBlockSize is not 8 or 64 KiB";
	if (le32_get(fs->fdc_group_offset) != VMFS_RES_GROUP_AT)
		return "fdcClusterGroupOffset is not 0x10000";
	if (le32_get(fs->fdc_clusters_per_group) == 0 ||
	    le32_get(fs->fdc_clusters_per_group) > VMFS_GROUP_CLUSTERS_MAX)
		return "fdcClustersPerGroup is out of range";
	return NULL;
}

static int zla_known(uint32_t zla)
{
	return (zla >= VMFS_ZLA_FB && zla <= VMFS_ZLA_PB) || zla == VMFS_ZLA_PB2 ||
	       zla == VMFS_ZLA_RESIDENT;
}

const char *vmfs_fd_check(const struct vmfs_fd_disk *fd, uint32_t addr)
{
	uint32_t type = le32_get(fd->type), zla = le32_get(fd->zla);
	uint64_t block = le64_get(fd->block_bytes);

	if (le32_get(fd->fd) != addr)
		return "descAddr is another address";
	if (type < VMFS_TYPE_VOLUME || type > VMFS_TYPE_RDM)
		return "the type is unknown";
	if (!zla_known(zla))
		return "zeroLevelAddrType is unknown";
	if (!is_power_of_two(block) || block < SECTOR_BYTES || block > 8 * MIB)
		return "blockSize is no power of two from 512 to 8 MiB";
	if (fd->block_shift && (fd->block_shift > 23 || 1ull << fd->block_shift != block))
		return "blockOffsetShift is not log2(blockSize)";
	if (le64_get(fd->length) > VMFS_LENGTH_MAX)
		return "the length is out of range";
	if (zla == VMFS_ZLA_RESIDENT && type != VMFS_TYPE_RDM &&
	    le64_get(fd->length) > VMFS_RESIDENT_MAX)
		return "resident data is longer than 1024 bytes";
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

static int bit_past(const struct vmfs_cluster_disk *c, uint32_t total)
{
	for (uint32_t i = total; i < VMFS_CLUSTER_RESOURCES_MAX; i++)
		if (c->bitmap[i / 8] >> (i % 8) & 1)
			return 1;
	return 0;
}

const char *vmfs_cluster_check(const struct vmfs_lock_disk *lock,
			       const struct vmfs_cluster_disk *cluster, uint64_t at,
			       enum vmfs_res kind, uint32_t number, uint32_t total)
{
	if (le32_get(lock->type) != VMFS_LOCK_TYPE_BASE + vmfs_res_traits[kind].lock)
		return "its lock has another type";
	if (le64_get(lock->at) != at)
		return "its lock carries another address";
	if (le32_get(cluster->cluster) != number)
		return "it carries another cluster number";
	/* Fewer: growing the volume was interrupted; what is missing counts as used. */
	if (le32_get(cluster->total) > total)
		return "totalResources does not fit the geometry";
	if (bit_past(cluster, le32_get(cluster->total)))
		return "bits past totalResources are set";
	if (le32_get(cluster->free) != vmfs_count_bits(cluster->bitmap, sizeof(cluster->bitmap)))
		return "freeResources is not the number of set bits";
	return NULL;
}
