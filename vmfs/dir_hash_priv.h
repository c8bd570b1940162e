/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* dir_hash - arithmetic of hashed directories, shared by dir_hash.c and whoever checks them. */
#ifndef CAIRN_VMFS_DIR_HASH_PRIV_H
#define CAIRN_VMFS_DIR_HASH_PRIV_H

#include "vmfs/form_priv.h"

/* The 64-bit hash of a name. Its low half is in the entry, bits 16 to 31 of it in the link. */
uint64_t vmfs_name_hash(const char *name);

/* Where a system file is in the root: its bucket is not hashed to. ~0: it is none. */
uint32_t vmfs_dir_hash_system_bucket(const char *name);

/* The bucket of a name in a directory. */
static inline uint32_t vmfs_dir_hash_bucket(int root, const char *name, uint64_t hash)
{
	uint32_t fixed = root ? vmfs_dir_hash_system_bucket(name) : ~0u;

	if (fixed != ~0u)
		return fixed;
	return (uint32_t)(hash % (root ? VMFS6_DIR_ROOT_BUCKETS : VMFS6_DIR_BUCKETS));
}

/* File offsets of a block, an entry, a link group and a bucket. */
static inline uint64_t vmfs_dir_hash_block_at(uint32_t block)
{
	return VMFS6_DIR_BLOCKS_AT + (uint64_t)block * VMFS6_DIR_BLOCK_BYTES;
}
static inline uint64_t vmfs_dir_hash_entry_at(uint32_t block, uint32_t slot)
{
	return vmfs_dir_hash_block_at(block) + sizeof(struct vmfs6_dir_block_disk) +
	       slot * sizeof(struct vmfs6_dirent_disk);
}
static inline uint64_t vmfs_dir_hash_group_at(uint32_t block, uint32_t slot)
{
	return vmfs_dir_hash_block_at(block) + sizeof(struct vmfs6_dir_block_disk) +
	       slot * sizeof(struct vmfs6_dir_group_disk);
}
static inline uint64_t vmfs_dir_hash_bucket_at(uint32_t bucket)
{
	return offsetof(struct vmfs6_dir_disk, bucket) + bucket * sizeof(le32);
}

#endif
