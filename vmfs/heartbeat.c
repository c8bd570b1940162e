/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* heartbeat - our slot: taken with a journal block, stamped every few seconds, given back.
 *
 * A beat that comes after another host has taken the slot away finds that out and writes
 * nothing. */
#include "vmfs/slot_priv.h"

#define TAKE_TRIES	16u

static void beat_failed(struct vmfs_volume *vol, enum status st)
{
	if (port_now_ns() - vol->beat.ok_ns >= VMFS_LEASE_NS)
		vmfs_fail(vol, ST_LOST, "no heartbeat could be written for a whole lease");
	else
		log_line(LOG_WARN, "vmfs: %s: heartbeat: %s -> trying again", vol->store.name,
			 status_text(st));
}

/* A new stamp, from the image `old`. */
static enum status stamp_slot(struct vmfs_volume *vol, const struct vmfs_hb_disk *old,
			      enum vaai_ats_result *result)
{
	struct vmfs_beat *b = &vol->beat;
	struct lvm_swap swap = { .old = old, .new = b->next, .seen = b->seen,
				 .bytes = SLOT_BYTES };

	*b->next = *old;
	le64_set(&b->next->stamp_us, vmfs_slot_stamp_now());
	return lvm_ats(&vol->lvm, b->at, &swap, result);
}

/* The slot may also hold what a beat tried whose answer never came. */
static void beat(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;
	enum vaai_ats_result result;
	enum status st;

	b->began_ns = port_now_ns();
	st = stamp_slot(vol, b->image, &result);
	if (st == ST_OK && result == VAAI_ATS_DIFFERS && !memcmp(b->seen, b->tried, SLOT_BYTES))
		st = stamp_slot(vol, b->tried, &result);
	if (st != ST_OK) {
		*b->tried = *b->next;
		beat_failed(vol, st);
	} else if (result == VAAI_ATS_DIFFERS) {
		vmfs_fail(vol, ST_LOST, "another host has taken our heartbeat slot");
	} else {
		*b->image = *b->tried = *b->next;
		b->ok_ns = b->began_ns;
	}
}

static void wake_waiter(struct vmfs_beat *b)
{
	struct port_world *w = b->waiter;

	b->waiter = NULL;
	if (w)
		port_world_wake(w);
}

static void beat_main(void *arg)
{
	struct vmfs_volume *vol = arg;
	struct vmfs_beat *b = &vol->beat;

	while (!b->stopping && vol->failed != ST_LOST) {
		if (!b->due) {
			port_world_park();
			continue;
		}
		beat(vol);
		b->due = 0;
		if (!b->stopping)
			port_timer_start(&b->timer, b->began_ns + VMFS_BEAT_NS);
		wake_waiter(b);
	}
	b->world = NULL;
	wake_waiter(b);
}

static void beat_now(struct vmfs_beat *b)
{
	b->due = 1;
	if (b->world)
		port_world_wake(b->world);
}

static void beat_timer(struct port_timer *timer)
{
	beat_now(container_of(timer, struct vmfs_beat, timer));
}

/* A process that was stopped for a while, or starved, finds out here whether its slot still
 * stands. */
enum status vmfs_beat_check(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;

	if (!b->at || port_now_ns() - b->ok_ns < VMFS_LEASE_NS - VMFS_BEAT_NS)
		return vol->failed;
	for (beat_now(b); b->world && b->due;) {
		b->waiter = port_world_self();
		port_world_park();
	}
	if (vol->failed == ST_OK && port_now_ns() - b->ok_ns >= VMFS_LEASE_NS)
		return vmfs_fail(vol, ST_LOST, "the heartbeat is late and could not be written");
	return vol->failed;
}

/* ---- begin and end --------------------------------------------------------------------------- */

/* The first free slot from a place that hangs on our UUID: first slots of a page, for that is what
 * hosts use, then any. */
static enum status choose_slot(struct vmfs_volume *vol, struct why *why)
{
	uint32_t slots = vmfs_form(vol)->hb_slots;
	uint32_t per_page = META_PAGE_BYTES / vmfs_form(vol)->md_bytes;
	uint32_t pages = slots / per_page, found = slots;
	uint32_t start =
	    port_accel()->crc32c(0, &vol->beat.host, sizeof(vol->beat.host)) % pages;
	uint8_t *region = NULL;
	enum status st = vmfs_slot_read_all(vol, &region, why);

	for (uint32_t i = 0; st == ST_OK && i < slots && found == slots; i++) {
		uint32_t n = (start + i) % pages * per_page + i / pages;
		const struct vmfs_hb_disk *slot = vmfs_slot_of(vol, region, n);

		if (le32_get(slot->state) == VMFS_HB_FREE &&
		    le64_get(slot->at) == vmfs_slot_at(vol, n))
			found = n;
	}
	if (st == ST_OK && found == slots)
		st = why_set(why, ST_LIMIT, "%s: all %u heartbeat slots are in use",
			     vol->store.name, slots);
	if (st == ST_OK) {
		*vol->beat.image = *vol->beat.next = *vmfs_slot_of(vol, region, found);
		vol->beat.at = vmfs_slot_at(vol, found);
	}
	if (region)
		port_dma_free(region, vmfs_slot_region_bytes(vol));
	return st;
}

static void fill_slot(struct vmfs_volume *vol, struct vmfs_hb_disk *s)
{
	vol->beat.gen = le64_get(s->gen) + 1;
	le32_set(&s->state, VMFS_HB_USED);
	le64_set(&s->gen, vol->beat.gen);
	le64_set(&s->stamp_us, vmfs_slot_stamp_now());
	memcpy(&s->owner, &vol->beat.host, sizeof(s->owner));
	le32_set(&s->drv_major, le32_get(vol->layout.fs.major));
	s->drv_minor = vol->layout.fs.minor;
	s->lock_impl = 3;
	vmfs_slot_address(s->ip);
}

/* Zero a free block, name it in the slot, mark it used: in this order a crash leaves no leak, for
 * recovery frees what the slot names when that is marked. */
static enum status take_journal(struct vmfs_volume *vol, struct why *why)
{
	struct vmfs_beat *b = &vol->beat;
	struct vmfs_journal *j = &vol->journal;
	uint64_t addr = 0, at = 0, size = vmfs_journal_bytes(vol);
	enum status st = vmfs_alloc_find(vol, vmfs_form(vol)->journal_res, &addr);

	if (st == ST_NOSPACE)
		return why_set(why, st,
			       "%s: no free block for a journal: mount for reading, or delete "
			       "something on the host that filled it",
			       vol->store.name);
	if (st == ST_OK)
		at = vmfs_layout_addr_at(&vol->layout, addr);
	if (st == ST_OK && vmfs_form(vol)->journal_bytes && !vmfs_layout_whole(&vol->layout, addr))
		st = ST_UNSUPPORTED;	/* .jbc.sf has been grown in pieces */
	if (st == ST_OK && !lvm_known_zero(&vol->lvm, at, size))
		st = lvm_zero(&vol->lvm, at, size);
	*b->next = *b->image;
	le32_set(&b->next->journal_fb, (uint32_t)addr);
	le64_set(&b->next->journal_at, at);
	if (st == ST_OK)
		st = lvm_flush(&vol->lvm);
	if (st == ST_OK)
		st = vmfs_slot_swap(vol, b->image);
	if (st == ST_OK)
		st = vmfs_alloc_take_now(vol, addr);
	if (st != ST_OK)
		return why_set(why, st, "%s: taking a journal block: %s", vol->store.name,
			       status_text(st));
	j->at = at;
	j->host = b->host;
	j->hb_at = b->at;
	j->hb_gen = b->gen;
	j->txn = 0;
	j->orphans = 0;
	return ST_OK;
}

/* The slot goes last: while it names the block, a recovery can still free that. */
static void give_up(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;
	enum status st = ST_OK;

	if (le64_get(b->image->journal_at))
		st = vmfs_slot_free_journal(vol, b->image);
	if (st == ST_OK)
		st = vmfs_slot_clear(vol, b->image, b->gen);
	if (st != ST_OK)
		log_line(LOG_WARN, "vmfs: %s: slot 0x%llx stays in use -> the next mount clears it",
			 vol->store.name, (unsigned long long)b->at);
	b->at = 0;
}

/* Take a free slot; of several hosts that want the same one, the others choose again. */
static enum status take_slot(struct vmfs_volume *vol, struct why *why)
{
	struct vmfs_beat *b = &vol->beat;
	enum status st = ST_BUSY;

	/* Bounded: a process that was stopped inside an ATS keeps its place busy for as long. */
	for (uint32_t i = 0; st == ST_BUSY && i < TAKE_TRIES && !port_interrupted(); i++) {
		st = choose_slot(vol, why);
		if (st != ST_OK)
			return st;
		fill_slot(vol, b->next);
		st = vmfs_slot_swap(vol, b->image);
	}
	if (st == ST_OK)
		return ST_OK;
	b->at = 0;
	return why_set(why, st, "%s: writing a heartbeat: %s", vol->store.name, status_text(st));
}

enum status vmfs_beat_start(struct vmfs_volume *vol, struct why *why)
{
	struct vmfs_beat *b = &vol->beat;
	enum status st = take_slot(vol, why);

	if (st != ST_OK)
		return st;
	st = take_journal(vol, why);
	if (st == ST_OK) {
		*b->tried = *b->image;
		b->ok_ns = b->began_ns = port_now_ns();
		b->world = port_world_start("heartbeat", beat_main, vol);
		if (!b->world)
			st = why_set(why, ST_NOMEM, "%s: no memory for the heartbeat",
				     vol->store.name);
	}
	if (st != ST_OK) {
		give_up(vol);
		return st;
	}
	port_timer_start(&b->timer, b->ok_ns + VMFS_BEAT_NS);
	return ST_OK;
}

void vmfs_beat_stop(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;

	b->stopping = 1;
	port_timer_stop(&b->timer);
	if (b->world)
		port_world_wake(b->world);
	while (b->world) {
		b->waiter = port_world_self();
		port_world_park();
	}
}

enum status vmfs_beat_end(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;
	enum status st = vmfs_beat_check(vol);

	vmfs_beat_stop(vol);
	if (st == ST_OK)
		st = vmfs_journal_clear(vol);
	if (st == ST_OK)
		st = vmfs_journal_blank(vol);
	if (st == ST_OK)
		st = vmfs_slot_free_journal(vol, b->image);
	if (st == ST_OK)
		st = vmfs_slot_clear(vol, b->image, b->gen);
	b->at = 0;
	return st;
}

enum status vmfs_beat_init(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;

	vmfs_uuid_make(&b->host);
	port_timer_init(&b->timer, beat_timer);
	b->image = port_dma_alloc(META_PAGE_BYTES);
	if (!b->image)
		return ST_NOMEM;
	b->tried = b->image + 1;
	b->next = b->image + 2;
	b->seen = b->image + 3;
	return ST_OK;
}

void vmfs_beat_fini(struct vmfs_volume *vol)
{
	if (vol->beat.image)
		port_dma_free(vol->beat.image, META_PAGE_BYTES);
	port_free(vol->foreign);
}
