/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* slot - what heartbeat.c, recover.c and peer.c do with slots on the disk. */
#ifndef CAIRN_VMFS_SLOT_PRIV_H
#define CAIRN_VMFS_SLOT_PRIV_H

#include "vmfs/vmfs_priv.h"

#define SLOT_BYTES	((uint32_t)sizeof(struct vmfs_hb_disk))	/* of a slot, what has a meaning */

static inline uint64_t vmfs_slot_stamp_now(void) { return port_now_ns() / 1000; }

static inline int vmfs_slot_in_use(const struct vmfs_hb_disk *s)
{
	return le32_get(s->state) == VMFS_HB_USED;
}

static inline int vmfs_slot_replayed(const struct vmfs_hb_disk *s)
{
	return le64_get(s->replay_hb_at) != 0;
}

uint32_t vmfs_slot_region_bytes(const struct vmfs_volume *vol);
uint64_t vmfs_slot_at(const struct vmfs_volume *vol, uint32_t slot);
/* In a buffer that holds all of them. */
struct vmfs_hb_disk *vmfs_slot_of(const struct vmfs_volume *vol, uint8_t *region, uint32_t slot);
/* All slots into a port_dma_alloc() buffer of vmfs_slot_region_bytes(), the caller's also when this
 * fails (NULL: none). */
MUST_USE enum status vmfs_slot_read_all(struct vmfs_volume *vol, uint8_t **region,
					struct why *why);

/* ---- who took it ----------------------------------------------------------------------------- */

/* What our slots carry in the place of a management address: a name, the boot of the machine, and
 * where the locks of the volume's first device lie. */
void vmfs_slot_address(const struct vmfs_volume *vol, uint8_t out[46]);
/* "host <name> (<uuid>)" */
void vmfs_slot_describe(const struct vmfs_hb_disk *s, char *text, size_t size);

enum slot_kin {
	SLOT_FOREIGN,		/* another system */
	SLOT_OURS,		/* of our kind, on any machine */
	SLOT_NEIGHBOUR,		/* this machine, since its last boot: we see its lock */
	SLOT_ESTRANGED,		/* the same, by another name of the disk: we do not */
};
enum slot_kin vmfs_slot_kin(const struct vmfs_volume *vol, const struct vmfs_hb_disk *s);

/* Whoever has a slot holds the lock of one byte, far behind the end of the first device, from
 * before it takes the slot until its process is gone with all that it had asked of the disk. */
MUST_USE enum status vmfs_slot_hold(struct vmfs_volume *vol, uint64_t at);
void vmfs_slot_let_go(struct vmfs_volume *vol, uint64_t at);
/* Of a neighbour: 1 when its process is gone. */
int vmfs_slot_orphaned(struct vmfs_volume *vol, uint64_t at);

/* ---- changing one ---------------------------------------------------------------------------- */

/* On the disk, durable: from c->image to c->next, which then is the image. ST_BUSY: the slot has
 * changed. */
MUST_USE enum status vmfs_slot_swap(struct vmfs_volume *vol, struct vmfs_slot_change *c);
/* The same to a free slot of that generation. */
MUST_USE enum status vmfs_slot_clear(struct vmfs_volume *vol, struct vmfs_slot_change *c,
				     uint64_t gen);
/* Give back the journal block that a slot names, and then its name. The slot stays in use.
 * ST_CORRUPT: its two names for it differ. */
MUST_USE enum status vmfs_slot_free_journal(struct vmfs_volume *vol, struct vmfs_slot_change *c);

/* ---- recover.c ------------------------------------------------------------------------------- */

/* The host of peer.slot.image is dead: fence it, do what it had begun, free its slot. Ours, or one
 * whose journal is idle. The mutex is held; no operation and no group runs.
 * ST_BUSY: it is not dead, or another host was faster, or somebody holds a lock that this needs. */
MUST_USE enum status vmfs_recover_slot(struct vmfs_volume *vol, enum journal_find find,
				       struct why *why);
/* A beat of ours while we recover another host: its slot gets a stamp, too. */
void vmfs_recover_beat(struct vmfs_volume *vol);

#endif
