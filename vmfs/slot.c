/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* slot - heartbeat slots on the disk: where they are, what they say, and how one is changed.
 *
 * Every change is an ATS from the image that was read or written last, so of two hosts that want
 * one slot, or want to recover it, one has it. */
#include "vmfs/slot_priv.h"

#define HOLD_AT		(1ull << 62)	/* of the byte for slot 0: no device is that long */
#define NAME_MAX	22u		/* of a host's name; the rest of the field is known */
#define TAIL_CHARS	17u		/* "#", boot, place */

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

/* ---- who took it ----------------------------------------------------------------------------- */

/* "cairn@name#", then the boot and the place in hexadecimal. */
void vmfs_slot_address(const struct vmfs_volume *vol, uint8_t out[46])
{
	char name[NAME_MAX + 1], text[47];

	port_host_name(name, sizeof(name));
	fmt(text, sizeof(text), "cairn@%s#%08x%08x", name, port_host_boot(),
	    vol->lvm.dev[0].dev->lock_place);
	memset(out, 0, 46);
	memcpy(out, text, strlen(text));
}

/* Where the tail of an address of ours begins; NULL: it has none. */
static const char *tail_of(const char address[47])
{
	size_t n = strlen(address);

	return n > TAIL_CHARS && address[n - TAIL_CHARS] == '#' ? address + n - TAIL_CHARS : NULL;
}

static void take_address(const struct vmfs_hb_disk *s, char address[47])
{
	memcpy(address, s->ip, sizeof(s->ip));
	address[46] = 0;
}

void vmfs_slot_describe(const struct vmfs_hb_disk *s, char *text, size_t size)
{
	char uuid[VMFS_UUID_TEXT], address[47];
	const char *name = address, *tail;
	struct vmfs_uuid owner;

	memcpy(owner.b, s->owner.b, sizeof(owner.b));
	vmfs_uuid_format(&owner, uuid);
	take_address(s, address);
	if (!fmt_utf8_valid(address, strlen(address)))
		address[0] = 0;
	if (!strncmp(address, "cairn@", 6)) {
		name += 6;
		tail = tail_of(address);
		if (tail)
			address[tail - address] = 0;
	}
	fmt(text, size, "host %s (%s)", name[0] ? name : "without a name", uuid);
}

enum slot_kin vmfs_slot_kin(const struct vmfs_volume *vol, const struct vmfs_hb_disk *s)
{
	char theirs[47], mine[47];
	const char *tail, *own;
	uint8_t here[46];

	take_address(s, theirs);
	if (strncmp(theirs, "cairn@", 6))
		return SLOT_FOREIGN;
	vmfs_slot_address(vol, here);
	memcpy(mine, here, sizeof(here));
	mine[46] = 0;
	tail = tail_of(theirs);
	own = tail_of(mine);
	if (!tail || !port_host_boot() || memcmp(tail, own, 9))
		return SLOT_OURS;
	return vol->lvm.dev[0].dev->lock_place && !memcmp(tail, own, TAIL_CHARS) ? SLOT_NEIGHBOUR
										 : SLOT_ESTRANGED;
}

static uint64_t hold_at(const struct vmfs_volume *vol, uint64_t at)
{
	return HOLD_AT + (at - VMFS_HB_AT) / vmfs_form(vol)->md_bytes;
}

enum status vmfs_slot_hold(struct vmfs_volume *vol, uint64_t at)
{
	struct io_dev *dev = vol->lvm.dev[0].dev;

	return dev->ops->lock ? dev->ops->lock(dev, hold_at(vol, at), 1, 1) : ST_OK;
}

void vmfs_slot_let_go(struct vmfs_volume *vol, uint64_t at)
{
	struct io_dev *dev = vol->lvm.dev[0].dev;

	if (dev->ops->unlock)
		dev->ops->unlock(dev, hold_at(vol, at), 1);
}

int vmfs_slot_orphaned(struct vmfs_volume *vol, uint64_t at)
{
	struct io_dev *dev = vol->lvm.dev[0].dev;

	if (!dev->ops->lock || vmfs_slot_hold(vol, at) != ST_OK)
		return 0;
	vmfs_slot_let_go(vol, at);
	return 1;
}

/* ---- changing one ---------------------------------------------------------------------------- */

enum status vmfs_slot_swap(struct vmfs_volume *vol, struct vmfs_slot_change *c)
{
	struct lvm_swap swap = { .old = c->image, .new = c->next, .seen = c->seen,
				 .bytes = SLOT_BYTES };
	enum vaai_ats_result result;
	enum status st = lvm_ats(&vol->lvm, le64_get(c->image->at), &swap, &result);

	if (st != ST_OK || result == VAAI_ATS_DIFFERS)
		return st == ST_OK ? ST_BUSY : st;
	*c->image = *c->next;
	return lvm_flush(&vol->lvm);
}

enum status vmfs_slot_clear(struct vmfs_volume *vol, struct vmfs_slot_change *c, uint64_t gen)
{
	struct vmfs_hb_disk *next = c->next;

	*next = *c->image;
	le32_set(&next->state, VMFS_HB_FREE);
	le64_set(&next->gen, gen);
	memset(&next->owner, 0, sizeof(next->owner));
	le32_set(&next->journal_fb, 0);
	le64_set(&next->journal_at, 0);
	memset(&next->replay_host, 0, sizeof(next->replay_host));
	le64_set(&next->replay_hb_at, 0);
	le64_set(&next->replay_hb_gen, 0);
	return vmfs_slot_swap(vol, c);
}

/* First the block, then its name: a crash between the two frees it once more, and that is no harm
 * for the lock of its cluster is kept until then, so nobody else can have taken it. */
enum status vmfs_slot_free_journal(struct vmfs_volume *vol, struct vmfs_slot_change *c)
{
	uint32_t addr = le32_get(c->image->journal_fb);
	enum status st;

	if (vmfs_addr_res(&vol->layout, addr) != vmfs_form(vol)->journal_res ||
	    vmfs_layout_addr_at(&vol->layout, addr) != le64_get(c->image->journal_at))
		return ST_CORRUPT;
	st = vmfs_alloc_free_now(vol, addr);
	if (st != ST_OK)
		return st;
	*c->next = *c->image;
	/* Every image of a slot is a new one: who watches it must not take two for one. */
	le64_set(&c->next->stamp_us, vmfs_slot_stamp_now());
	le32_set(&c->next->journal_fb, 0);
	le64_set(&c->next->journal_at, 0);
	st = vmfs_slot_swap(vol, c);
	/* Nobody may have the block before its name is gone, so then the lock stays. */
	if (st != ST_OK)
		return vmfs_fail(vol, st == ST_BUSY ? ST_LOST : st, "giving a journal block back");
	return vmfs_locks_release(vol);
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
