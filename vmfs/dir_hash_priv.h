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

/* The number of an entry is its block and slot. 0 is ".", 1 is "..": block 0 is a map, and has no
 * entries. */
#define DIR_HASH_SLOT_BITS	4u
static inline uint32_t vmfs_dir_hash_number(uint32_t block, uint32_t slot)
{
	return block << DIR_HASH_SLOT_BITS | slot;
}
static inline uint32_t vmfs_dir_hash_block_of(uint32_t number)
{
	return number >> DIR_HASH_SLOT_BITS;
}
static inline uint32_t vmfs_dir_hash_slot_of(uint32_t number)
{
	return number & ((1u << DIR_HASH_SLOT_BITS) - 1);
}

/* Slots of a block of this type, of entries or of link groups. */
static inline uint32_t vmfs_dir_hash_slots(uint32_t type)
{
	return type == VMFS6_PLACE_ENTRY ? VMFS6_DIR_SLOTS : VMFS6_DIR_GROUPS;
}
static inline int vmfs_dir_hash_slot_free(const struct vmfs6_dir_block_disk *b, uint32_t slot)
{
	return b->bitmap[slot / 8] >> (slot % 8) & 1;
}
/* A block's nibble in its byte of the allocation map: the high one comes first. */
static inline uint32_t vmfs_dir_hash_nibble(uint8_t byte, uint32_t block)
{
	return block % 2 ? byte & 15u : byte >> 4;
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
static inline uint64_t vmfs_dir_hash_number_at(uint32_t number)
{
	if (number < 2)
		return number ? offsetof(struct vmfs6_dir_disk, parent)
			      : offsetof(struct vmfs6_dir_disk, self);
	return vmfs_dir_hash_entry_at(vmfs_dir_hash_block_of(number),
				      vmfs_dir_hash_slot_of(number));
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
