/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* heartbeat - our slot: taken with a journal block, stamped every few seconds, given back.
 *
 * A beat is an ATS from what the slot held after the last one, so a beat that comes after another
 * host has taken the slot away finds that out and writes nothing. The lease runs from the moment a
 * successful beat was *issued*: whoever watches the slot cannot have begun before that. Some time
 * before it ends the devices let no write pass any more (the gate): a host that was stopped finds
 * out before it writes, not after. Only a beat may pass, and one that succeeds proves that nobody
 * has touched the slot, so that the host may go on.
 *
 * The answer of a beat may be lost, or false. Whatever it was, the slot is read: it holds what we
 * wrote, or what was there before, or somebody else has it. For that, what was tried once and may
 * have arrived is tried again until it is known; so only two contents are ever possible. */
#include "vmfs/slot_priv.h"

#define TAKE_TRIES	16u
#define BEAT_TRIES	5u	/* of one beat, when the slot has not changed and yet it failed */
#define LEASE_MS_MIN	500u
#define LEASE_MS_MAX	600000u
#define PATROL_BEATS	5u	/* from one look at all other slots to the next */

/* ---- the lease ------------------------------------------------------------------------------- */

/* 16 s and 3 s are what hosts use; VMFS-6 has the first in its descriptor. */
enum status vmfs_beat_lease(struct vmfs_volume *vol, struct why *why)
{
	uint32_t ms = le32_get(vol->layout.fs.lease_ms);
	struct vmfs_beat *b = &vol->beat;

	int odd = ms && (ms < LEASE_MS_MIN || ms > LEASE_MS_MAX);

	b->lease_ns = ms && !odd ? ms * 1000000ull : VMFS_LEASE_NS;
	b->period_ns = b->lease_ns * 3 / 16;
	if (!odd || !vol->store.writable)
		return ST_OK;
	return why_set(why, ST_UNSUPPORTED,
		       "%s: a lease of %u ms: only %u to %u are supported; mount for reading",
		       vol->store.name, ms, LEASE_MS_MIN, LEASE_MS_MAX);
}

/* From `ns` on nothing is written; 0: no limit. */
static void set_gate(struct vmfs_volume *vol, uint64_t ns)
{
	if (PLANT(no_self_fence))
		return;
	for (uint32_t i = 0; i < vol->lvm.dev_count; i++) {
		struct io_dev *dev = vol->lvm.dev[i].dev;

		if (dev->ops->set_deadline)
			dev->ops->set_deadline(dev, ns);
	}
}

void vmfs_beat_close_gate(struct vmfs_volume *vol) { set_gate(vol, 1); }

/* The slot holds what a beat wrote that was issued then. The guard is one beat: for what is on its
 * way from the gate to the disk when that closes. */
static void beat_worked(struct vmfs_volume *vol, uint64_t issued_ns)
{
	struct vmfs_beat *b = &vol->beat;

	if (PLANT(lease_from_answer))
		issued_ns = port_now_ns();
	b->ok_ns = issued_ns;
	if (vol->failed != ST_LOST)
		set_gate(vol, issued_ns + b->lease_ns - b->period_ns);
}

static void beat_failed(struct vmfs_volume *vol, enum status st)
{
	struct vmfs_beat *b = &vol->beat;

	b->failures++;
	if (port_now_ns() - b->ok_ns >= b->lease_ns)
		vmfs_fail(vol, ST_LOST, "no heartbeat could be written for a whole lease");
	else
		log_line(LOG_WARN, "vmfs: %s: heartbeat: %s -> trying again", vol->store.name,
			 status_text(st));
}

/* ---- a beat ---------------------------------------------------------------------------------- */

static int same(const struct vmfs_hb_disk *a, const struct vmfs_hb_disk *b)
{
	return !memcmp(a, b, SLOT_BYTES);
}

/* Nobody has changed it: it is as we know it, or as we wanted it. */
static int is_known(const struct vmfs_beat *b, const struct vmfs_hb_disk *now)
{
	return same(now, b->own.image) || same(now, b->own.next);
}

/* What the slot holds. ST_LOST: another host has it. */
static enum status read_own(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;
	enum status st = lvm_read(&vol->lvm, b->at, b->own.seen, SLOT_BYTES);

	return st == ST_OK && !is_known(b, b->own.seen) ? ST_LOST : st;
}

static enum status swap_own(struct vmfs_volume *vol, enum vaai_ats_result *result)
{
	struct vmfs_slot_change *c = &vol->beat.own;
	struct lvm_swap swap = { .old = c->image, .new = c->next, .seen = c->seen,
				 .bytes = SLOT_BYTES, .exempt = 1 };

	if (PLANT(blind_beat))
		(void)!lvm_read(&vol->lvm, vol->beat.at, c->image, SLOT_BYTES);
	return lvm_ats(&vol->lvm, vol->beat.at, &swap, result);
}

static void new_stamp(struct vmfs_beat *b)
{
	*b->own.next = *b->own.image;
	le64_set(&b->own.next->stamp_us, vmfs_slot_stamp_now());
}

/* One try. ST_OK: written by this try. ST_BUSY: not yet, try again now. ST_LOST: the slot is
 * another's. Else the outcome is not known, and b->own.next is what may have arrived. */
static enum status try_beat(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;
	enum vaai_ats_result result = VAAI_ATS_DIFFERS;
	enum status st;

	/* One that is not known to have failed goes on as it was. */
	if (same(b->own.next, b->own.image))
		new_stamp(b);
	st = swap_own(vol, &result);
	if (st == ST_OK && result == VAAI_ATS_WRITTEN) {
		*b->own.image = *b->own.next;
		return ST_OK;
	}
	if (st == ST_OK)
		st = read_own(vol);
	if (st != ST_OK)
		return st;
	/* It was written, by this try or by one before: when, is not known, so once more. */
	if (same(b->own.seen, b->own.next))
		*b->own.image = *b->own.next;
	else
		b->false_misses++;
	return ST_BUSY;
}

/* The host was stopped, or this world starved: look before anything is sent. */
static enum status look_after_gap(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;
	uint64_t gap = b->began_ns - b->ended_ns;

	if (gap < 2 * b->period_ns || PLANT(blind_beat))
		return ST_OK;
	b->late++;
	log_line(LOG_WARN, "vmfs: %s: the heartbeat is %llu ms late -> looking at our slot",
		 vol->store.name, (unsigned long long)((gap - b->period_ns) / 1000000));
	return read_own(vol);
}

/* Before the slot is changed otherwise: what the last beat did is known. */
static enum status settle_own(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;
	enum status st = ST_BUSY;

	if (same(b->own.next, b->own.image))
		return ST_OK;
	for (uint32_t i = 0; i < BEAT_TRIES && st == ST_BUSY; i++)
		st = try_beat(vol);
	return st;
}

static void beat(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;
	uint64_t pause = b->period_ns / 256, issued;
	enum status st;

	io_mutex_lock(&b->own_mutex);
	b->began_ns = issued = port_now_ns();
	st = look_after_gap(vol);
	for (uint32_t i = 0; i < BEAT_TRIES && (st == ST_BUSY || i == 0) && st != ST_LOST; i++) {
		if (i)
			port_world_sleep_ns(pause << i);
		issued = port_now_ns();
		st = try_beat(vol);
	}
	io_mutex_unlock(&b->own_mutex);
	b->ended_ns = port_now_ns();
	if (st == ST_OK)
		beat_worked(vol, issued);
	else if (st == ST_LOST)
		vmfs_fail(vol, ST_LOST, "another host has taken our heartbeat slot");
	else
		beat_failed(vol, st);
}

/* ---- the world that beats -------------------------------------------------------------------- */

static void wake_waiter(struct vmfs_beat *b)
{
	struct port_world *w = b->waiter;

	b->waiter = NULL;
	if (w)
		port_world_wake(w);
}

/* The next one; sooner after one that did not work. */
static void start_timer(struct vmfs_beat *b)
{
	uint64_t in = b->ok_ns >= b->began_ns ? b->period_ns : b->period_ns / 3;

	if (!b->stopping)
		port_timer_start(&b->timer, b->began_ns + in);
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
		vmfs_recover_beat(vol);
		b->due = 0;
		start_timer(b);
		wake_waiter(b);
		if (++b->beats % PATROL_BEATS == 0)
			vmfs_peer_patrol_due(vol);
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

/* Since the last beat that worked, by the time it was issued. */
static uint64_t age_ns(const struct vmfs_beat *b) { return port_now_ns() - b->ok_ns; }

static void wait_for_beat(struct vmfs_beat *b)
{
	for (beat_now(b); b->world && b->due;) {
		b->waiter = port_world_self();
		port_world_park();
	}
}

/* A process that was stopped for a while, or starved, finds out here whether its slot still
 * stands. Who writes next has a beat until the gate closes. */
enum status vmfs_beat_check(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;

	if (!b->at || age_ns(b) < b->lease_ns - 2 * b->period_ns || PLANT(no_self_fence))
		return vol->failed;
	for (wait_for_beat(b); vol->failed == ST_OK; wait_for_beat(b)) {
		if (age_ns(b) < b->lease_ns - b->period_ns)
			break;
		if (age_ns(b) >= b->lease_ns)
			return vmfs_fail(vol, ST_LOST, "no heartbeat could be written for a lease");
		port_world_sleep_ns(b->period_ns / 8);
	}
	return vol->failed;
}

/* ---- begin and end --------------------------------------------------------------------------- */

/* The first free slot from a place that hangs on our UUID: first slots of a page, for that is what
 * hosts use, then any. It is ours to try: its byte is locked. */
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
		    le64_get(slot->at) == vmfs_slot_at(vol, n) &&
		    vmfs_slot_hold(vol, vmfs_slot_at(vol, n)) == ST_OK)
			found = n;
	}
	if (st == ST_OK && found == slots)
		st = why_set(why, ST_LIMIT, "%s: all %u heartbeat slots are in use",
			     vol->store.name, slots);
	if (st == ST_OK) {
		*vol->beat.own.image = *vol->beat.own.next = *vmfs_slot_of(vol, region, found);
		vol->beat.at = vmfs_slot_at(vol, found);
	}
	if (region)
		port_dma_free(region, vmfs_slot_region_bytes(vol));
	return st;
}

static void fill_slot(struct vmfs_volume *vol, struct vmfs_hb_disk *s)
{
	vol->beat.gen = le64_get(s->gen) + !PLANT(generation_stays);
	le32_set(&s->state, VMFS_HB_USED);
	le64_set(&s->gen, vol->beat.gen);
	le64_set(&s->stamp_us, vmfs_slot_stamp_now());
	memcpy(&s->owner, &vol->beat.host, sizeof(s->owner));
	le32_set(&s->drv_major, le32_get(vol->layout.fs.major));
	s->drv_minor = vol->layout.fs.minor;
	s->lock_impl = 3;
	vmfs_slot_address(vol, s->ip);
}

static void forget_slot(struct vmfs_volume *vol)
{
	if (vol->beat.at)
		vmfs_slot_let_go(vol, vol->beat.at);
	vol->beat.at = 0;
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
		fill_slot(vol, b->own.next);
		b->began_ns = port_now_ns();
		st = vmfs_slot_swap(vol, &b->own);
		/* An answer that was lost, or false. */
		if (st != ST_OK && read_own(vol) == ST_OK && same(b->own.seen, b->own.next)) {
			*b->own.image = *b->own.next;
			st = lvm_flush(&vol->lvm);
		}
		if (st != ST_OK)
			forget_slot(vol);
	}
	if (st == ST_OK)
		return ST_OK;
	return why_set(why, st, "%s: writing a heartbeat: %s", vol->store.name, status_text(st));
}

static void act_as_ourselves(struct vmfs_volume *vol)
{
	struct vmfs_journal *j = &vol->journal;

	j->host = vol->beat.host;
	j->hb_at = vol->beat.at;
	j->hb_gen = vol->beat.gen;
	j->txn = 0;
	j->orphans = 0;
}

enum status vmfs_beat_start(struct vmfs_volume *vol, struct why *why)
{
	struct vmfs_beat *b = &vol->beat;
	enum status st = take_slot(vol, why);

	if (st != ST_OK)
		return st;
	act_as_ourselves(vol);
	b->ended_ns = b->began_ns;
	beat_worked(vol, b->began_ns);
	b->world = port_world_start("heartbeat", beat_main, vol);
	if (!b->world) {
		vmfs_beat_give_up(vol);
		return why_set(why, ST_NOMEM, "%s: no memory for the heartbeat", vol->store.name);
	}
	port_timer_start(&b->timer, b->ok_ns + b->period_ns);
	return ST_OK;
}

static enum status name_journal(struct vmfs_volume *vol, uint64_t addr, uint64_t at)
{
	struct vmfs_slot_change *c = &vol->beat.own;
	enum status st;

	io_mutex_lock(&vol->beat.own_mutex);
	st = settle_own(vol);
	if (st == ST_OK) {
		*c->next = *c->image;
		le32_set(&c->next->journal_fb, (uint32_t)addr);
		le64_set(&c->next->stamp_us, vmfs_slot_stamp_now());
		le64_set(&c->next->journal_at, at);
		st = vmfs_slot_swap(vol, c);
	}
	io_mutex_unlock(&vol->beat.own_mutex);
	return st;
}

/* Zero a free block, name it in the slot, mark it used: in this order a crash leaves no leak, for
 * recovery frees what the slot names when that is marked. */
enum status vmfs_beat_take_journal(struct vmfs_volume *vol, struct why *why)
{
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
	if (st == ST_OK)
		st = lvm_flush(&vol->lvm);
	if (st == ST_OK)
		st = name_journal(vol, addr, at);
	if (st == ST_OK)
		st = vmfs_alloc_take_now(vol, addr);
	if (st != ST_OK)
		return why_set(why, st, "%s: taking a journal block: %s", vol->store.name,
			       status_text(st));
	j->at = at;
	return ST_OK;
}

/* The slot goes last: while it names the block, a recovery can still free that. */
static enum status give_back(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;
	enum status st = settle_own(vol);

	if (st == ST_OK && le64_get(b->own.image->journal_at))
		st = vmfs_slot_free_journal(vol, &b->own);
	if (st == ST_OK)
		st = vmfs_slot_clear(vol, &b->own, b->gen);
	forget_slot(vol);
	return st;
}

void vmfs_beat_give_up(struct vmfs_volume *vol)
{
	uint64_t at = vol->beat.at;

	vmfs_beat_stop(vol);
	if (at && give_back(vol) != ST_OK)
		log_line(LOG_WARN, "vmfs: %s: slot 0x%llx stays in use -> it will be recovered",
			 vol->store.name, (unsigned long long)at);
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
	enum status st = vmfs_beat_check(vol);

	vmfs_beat_stop(vol);
	if (st == ST_OK)
		st = vmfs_journal_clear(vol);
	if (st == ST_OK)
		st = vmfs_journal_blank(vol);
	if (st == ST_OK)
		st = give_back(vol);
	forget_slot(vol);
	return st;
}

enum status vmfs_beat_init(struct vmfs_volume *vol)
{
	struct vmfs_beat *b = &vol->beat;

	vmfs_uuid_make(&b->host);
	io_mutex_init(&b->own_mutex);
	port_timer_init(&b->timer, beat_timer);
	return vmfs_slot_change_init(&b->own);
}

void vmfs_beat_fini(struct vmfs_volume *vol)
{
	forget_slot(vol);
	set_gate(vol, 0);
	vmfs_slot_change_fini(&vol->beat.own);
}

int vmfs_beat_is_ours(const struct vmfs_volume *vol, const struct vmfs_hb_disk *s)
{
	const struct vmfs_beat *b = &vol->beat;

	return b->at && le64_get(s->at) == b->at && le64_get(s->gen) == b->gen &&
	       !memcmp(s->owner.b, b->host.b, sizeof(b->host.b));
}
