/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* slot - what heartbeat.c and recover.c do with slots on the disk. */
#ifndef CAIRN_VMFS_SLOT_PRIV_H
#define CAIRN_VMFS_SLOT_PRIV_H

#include "vmfs/vmfs_priv.h"

#define SLOT_BYTES	((uint32_t)sizeof(struct vmfs_hb_disk))	/* of a slot, what has a meaning */

static inline uint64_t vmfs_slot_stamp_now(void) { return port_now_ns() / 1000; }

static inline int vmfs_slot_in_use(const struct vmfs_hb_disk *s)
{
	return le32_get(s->state) == VMFS_HB_USED;
}

uint32_t vmfs_slot_region_bytes(const struct vmfs_volume *vol);
uint64_t vmfs_slot_at(const struct vmfs_volume *vol, uint32_t slot);
/* In a buffer that holds all of them. */
struct vmfs_hb_disk *vmfs_slot_of(const struct vmfs_volume *vol, uint8_t *region, uint32_t slot);
/* All slots into a port_dma_alloc() buffer of vmfs_slot_region_bytes(), the caller's also when this
 * fails (NULL: none). */
MUST_USE enum status vmfs_slot_read_all(struct vmfs_volume *vol, uint8_t **region,
					struct why *why);
/* What our slots carry in the place of a management address. */
void vmfs_slot_address(uint8_t out[46]);
/* "host <uuid> (<address>)" */
void vmfs_slot_describe(const struct vmfs_hb_disk *s, char *text, size_t size);

/* On the disk, durable: from the image `s` to beat.next, which then is the image. ST_BUSY: the slot
 * has changed. */
MUST_USE enum status vmfs_slot_swap(struct vmfs_volume *vol, struct vmfs_hb_disk *s);
/* The same to a free slot of that generation. */
MUST_USE enum status vmfs_slot_clear(struct vmfs_volume *vol, struct vmfs_hb_disk *s,
				     uint64_t gen);
/* Give back the journal block that a slot names. ST_CORRUPT: its two names for it differ. */
MUST_USE enum status vmfs_slot_free_journal(struct vmfs_volume *vol, const struct vmfs_hb_disk *s);

#endif
