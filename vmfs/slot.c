/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* slot - heartbeat slots on the disk: where they are, what they say, and how one is changed.
 *
 * Every change is an ATS from the image that was read or written last, so of two hosts that want
 * one slot, or want to recover it, one has it. */
#include "vmfs/slot_priv.h"

uint32_t vmfs_slot_region_bytes(const struct vmfs_volume *vol)
{
	return vmfs_form(vol)->hb_slots * vmfs_form(vol)->md_bytes;
}

uint64_t vmfs_slot_at(const struct vmfs_volume *vol, uint32_t slot)
{
	return VMFS_HB_AT + (uint64_t)slot * vmfs_form(vol)->md_bytes;
}

struct vmfs_hb_disk *vmfs_slot_of(const struct vmfs_volume *vol, uint8_t *region, uint32_t slot)
{
	return (void *)(region + slot * vmfs_form(vol)->md_bytes);
}

/* "cairn@name", in the place of a management address. */
void vmfs_slot_address(uint8_t out[46])
{
	char name[40], text[46];

	port_host_name(name, sizeof(name));
	fmt(text, sizeof(text), "cairn@%s", name);
	memset(out, 0, 46);
	memcpy(out, text, strlen(text));
}

void vmfs_slot_describe(const struct vmfs_hb_disk *s, char *text, size_t size)
{
	char uuid[VMFS_UUID_TEXT];
	struct vmfs_uuid owner;

	memcpy(owner.b, s->owner.b, sizeof(owner.b));
	vmfs_uuid_format(&owner, uuid);
	fmt(text, size, "host %s (%.46s)", uuid, (const char *)s->ip);
}

enum status vmfs_slot_swap(struct vmfs_volume *vol, struct vmfs_hb_disk *s)
{
	struct vmfs_beat *b = &vol->beat;
	struct lvm_swap swap = { .old = s, .new = b->next, .seen = b->seen, .bytes = SLOT_BYTES };
	enum vaai_ats_result result;
	enum status st = lvm_ats(&vol->lvm, le64_get(s->at), &swap, &result);

	if (st != ST_OK || result == VAAI_ATS_DIFFERS)
		return st == ST_OK ? ST_BUSY : st;
	*s = *b->next;
	return lvm_flush(&vol->lvm);
}

enum status vmfs_slot_clear(struct vmfs_volume *vol, struct vmfs_hb_disk *s, uint64_t gen)
{
	struct vmfs_hb_disk *next = vol->beat.next;

	*next = *s;
	le32_set(&next->state, VMFS_HB_FREE);
	le64_set(&next->gen, gen);
	memset(&next->owner, 0, sizeof(next->owner));
	le32_set(&next->journal_fb, 0);
	le64_set(&next->journal_at, 0);
	memset(&next->replay_host, 0, sizeof(next->replay_host));
	le64_set(&next->replay_hb_at, 0);
	le64_set(&next->replay_hb_gen, 0);
	return vmfs_slot_swap(vol, s);
}

/* The slot names its journal twice. */
enum status vmfs_slot_free_journal(struct vmfs_volume *vol, const struct vmfs_hb_disk *s)
{
	uint32_t addr = le32_get(s->journal_fb);

	if (vmfs_addr_res(&vol->layout, addr) != vmfs_form(vol)->journal_res ||
	    vmfs_layout_addr_at(&vol->layout, addr) != le64_get(s->journal_at))
		return ST_CORRUPT;
	return vmfs_alloc_free_now(vol, addr);
}

enum status vmfs_slot_read_all(struct vmfs_volume *vol, uint8_t **region, struct why *why)
{
	enum status st;

	*region = port_dma_alloc(vmfs_slot_region_bytes(vol));
	if (!*region)
		return why_set(why, ST_NOMEM, "%s: no memory for the heartbeats", vol->store.name);
	st = lvm_read(&vol->lvm, VMFS_HB_AT, *region, vmfs_slot_region_bytes(vol));
	if (st != ST_OK)
		return why_set(why, st, "%s: reading the heartbeats: %s", vol->store.name,
			       status_text(st));
	return ST_OK;
}
