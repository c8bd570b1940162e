/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* heartbeat - our slot, and the slots that others left behind.
 *
 * The devices of the volume are locked against other processes of this machine before anything
 * here runs. So a slot in use that carries this machine's MAC and name belongs to a process that
 * died: it is recovered at once. Any other slot in use is watched for a lease and a beat. If it
 * moves, its host lives and the volume is busy. If it does not, its journal decides: ours is
 * fenced and replayed; an idle one is left alone, slot and all; a foreign one with something in
 * it refuses us.
 *
 * To recover, this host acts *as* the dead one: with its journal block, under its name, until
 * that is empty and freed. So a full volume can be recovered, and a crash in the middle starts
 * over.
 *
 * Every change of a slot is an ATS from the image that was read or written last, so of two hosts
 * that want one slot, or want to recover it, one has it; and a beat that comes after another host
 * has taken the slot away finds that out and writes nothing. */
#include "vmfs/vmfs_priv.h"

#define SLOT_BYTES	((uint32_t)sizeof(struct vmfs_hb_disk))	/* of a slot, what has a meaning */
#define POLL_NS		(500ull * 1000000)

static uint64_t stamp_now(void) { return port_now_ns() / 1000; }

static uint32_t region_bytes(const struct vmfs_volume *vol)
{
	return vmfs_form(vol)->hb_slots * vmfs_form(vol)->md_bytes;
}

static uint64_t slot_at(const struct vmfs_volume *vol, uint32_t slot)
{
	return VMFS_HB_AT + (uint64_t)slot * vmfs_form(vol)->md_bytes;
}

static struct vmfs_hb_disk *slot_of(const struct vmfs_volume *vol, uint8_t *region, uint32_t slot)
{
	return (void *)(region + slot * vmfs_form(vol)->md_bytes);
}

static int in_use(const struct vmfs_hb_disk *s) { return le32_get(s->state) == VMFS_HB_USED; }

/* "cairn@name", in the place of a management address. */
static void our_address(uint8_t out[46])
{
	char name[40], text[46];

	port_host_name(name, sizeof(name));
	fmt(text, sizeof(text), "cairn@%s", name);
	memset(out, 0, 46);
	memcpy(out, text, strlen(text));
}

static int left_by_us(const struct vmfs_hb_disk *s)
{
	uint8_t mac[6], address[46];

	port_host_mac(mac);
	our_address(address);
	return !memcmp(s->owner.b + 10, mac, sizeof(mac)) &&
	       !memcmp(s->ip, address, sizeof(address));
}

/* "host <uuid> (<address>)" */
static void describe(const struct vmfs_hb_disk *s, char *text, size_t size)
{
	char uuid[VMFS_UUID_TEXT];
	struct vmfs_uuid owner;

	memcpy(owner.b, s->owner.b, sizeof(owner.b));
	vmfs_uuid_format(&owner, uuid);
	fmt(text, size, "host %s (%.46s)", uuid, (const char *)s->ip);
}

/* From the image `s` to beat.next, which then is the image. ST_BUSY: the slot has changed. */
static enum status swap_slot(struct vmfs_volume *vol, struct vmfs_hb_disk *s)
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

/* ---- recovery -------------------------------------------------------------------------------- */

/* From here on a beat of the dead host miscompares (14.6 step 5). */
static enum status fence(struct vmfs_volume *vol, struct vmfs_hb_disk *s)
{
	struct vmfs_hb_disk *next = vol->beat.next;

	*next = *s;
	le64_set(&next->stamp_us, stamp_now());
	memcpy(&next->replay_host, &vol->beat.host, sizeof(next->replay_host));
	return swap_slot(vol, s);
}

static enum status clear_slot(struct vmfs_volume *vol, struct vmfs_hb_disk *s, uint64_t gen)
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
	return swap_slot(vol, s);
}

static enum status replay_as(struct vmfs_volume *vol, const struct vmfs_hb_disk *s)
{
	enum status st = vmfs_journal_replay(vol, s);

	vmfs_meta_forget(vol);
	if (st == ST_OK)
		st = vmfs_file_finish_orphans(vol);
	if (st == ST_OK)
		st = vmfs_journal_commit(vol);
	return st == ST_OK ? vmfs_journal_clear(vol) : st;
}

/* The slot names its journal twice. */
static enum status free_journal(struct vmfs_volume *vol, const struct vmfs_hb_disk *s)
{
	uint32_t addr = le32_get(s->journal_fb);

	if (vmfs_addr_res(&vol->layout, addr) != vmfs_form(vol)->journal_res ||
	    vmfs_layout_addr_at(&vol->layout, addr) != le64_get(s->journal_at))
		return ST_CORRUPT;
	return vmfs_alloc_free_now(vol, addr);
}

static enum status recover(struct vmfs_volume *vol, struct vmfs_hb_disk *s, enum journal_find find,
			   struct why *why)
{
	uint64_t at = le64_get(s->journal_at);
	enum status st = fence(vol, s);
	char who[128];

	describe(s, who, sizeof(who));
	log_line(LOG_INFO, "vmfs: %s: %s left without unmounting -> %s", vol->store.name, who,
		 find == JOURNAL_OURS ? "replaying its journal" : "its journal is empty");
	if (st == ST_OK && find == JOURNAL_OURS)
		st = replay_as(vol, s);
	if (st == ST_OK && at)
		st = free_journal(vol, s);
	if (st == ST_OK)
		st = clear_slot(vol, s, le64_get(s->gen) + 1);
	vol->journal.at = 0;
	if (st != ST_OK)
		return why_set(why, st, "%s: recovery of %s failed: %s", vol->store.name, who,
			       status_text(st));
	return ST_OK;
}

/* ---- the watch ------------------------------------------------------------------------------- */

/* Wait until a slot that others left has changed, or a lease and a beat have passed. */
static enum status watch(struct vmfs_volume *vol, const struct vmfs_hb_disk *old, uint32_t count,
			 struct why *why)
{
	uint64_t end = port_now_ns() + VMFS_LEASE_NS + VMFS_BEAT_NS;
	struct vmfs_hb_disk now;
	char who[128];

	describe(&old[0], who, sizeof(who));
	log_line(LOG_WARN, "vmfs: %s: %s has a heartbeat slot -> watching it for %llu s",
		 vol->store.name, who,
		 (unsigned long long)((VMFS_LEASE_NS + VMFS_BEAT_NS) / 1000000000));
	while (port_now_ns() < end) {
		port_world_sleep_ns(POLL_NS);
		if (port_interrupted())
			return why_set(why, ST_CANCELLED, "%s: stopped while watching heartbeats",
				       vol->store.name);
		for (uint32_t i = 0; i < count; i++) {
			enum status st =
			    lvm_read(&vol->lvm, le64_get(old[i].at), &now, sizeof(now));

			if (st != ST_OK)
				return why_set(why, st, "%s: reading the heartbeats: %s",
					       vol->store.name, status_text(st));
			if (!memcmp(&now, &old[i], sizeof(now)))
				continue;
			describe(&old[i], who, sizeof(who));
			return why_set(why, ST_BUSY,
				       "%s is alive on %s: unmount it there, or mount for reading",
				       who, vol->store.name);
		}
	}
	return ST_OK;
}

/* A slot that did not move: its journal decides. */
static enum status silent(struct vmfs_volume *vol, struct vmfs_hb_disk *s, struct why *why)
{
	enum journal_find find = JOURNAL_IDLE;
	enum status st = vmfs_journal_look(vol, s, &find);
	char who[128];

	describe(s, who, sizeof(who));
	if (st != ST_OK)
		return why_set(why, st, "%s: the journal of %s cannot be read: mount for reading",
			       vol->store.name, who);
	if (find == JOURNAL_OURS)
		return recover(vol, s, find, why);
	if (find == JOURNAL_FOREIGN)
		return why_set(why, ST_REFUSED,
			       "%s: %s left an unfinished transaction in a foreign format: mount "
			       "for reading, or unmount it cleanly there",
			       vol->store.name, who);
	log_line(LOG_WARN, "vmfs: %s: %s is silent, its journal idle -> slot 0x%llx left alone",
		 vol->store.name, who, (unsigned long long)le64_get(s->at));
	vol->foreign[vol->foreign_slots++] = *s;
	return ST_OK;
}

/* ---- all slots ------------------------------------------------------------------------------- */

static enum status read_region(struct vmfs_volume *vol, uint8_t **region, struct why *why)
{
	enum status st;

	*region = port_dma_alloc(region_bytes(vol));
	if (!*region)
		return why_set(why, ST_NOMEM, "%s: no memory for the heartbeats", vol->store.name);
	st = lvm_read(&vol->lvm, VMFS_HB_AT, *region, region_bytes(vol));
	if (st != ST_OK)
		return why_set(why, st, "%s: reading the heartbeats: %s", vol->store.name,
			       status_text(st));
	return ST_OK;
}

static enum status recover_ours(struct vmfs_volume *vol, struct vmfs_hb_disk *s, struct why *why)
{
	enum journal_find find = JOURNAL_IDLE;
	enum status st = vmfs_journal_look(vol, s, &find);

	/* What is not our header is the block before we used it. */
	if (st != ST_OK)
		return why_set(why, st, "%s: the journal of slot 0x%llx cannot be read: %s",
			       vol->store.name, (unsigned long long)le64_get(s->at),
			       status_text(st));
	return recover(vol, s, find, why);
}

static enum status recover_all(struct vmfs_volume *vol, uint8_t *region,
			       struct vmfs_hb_disk *others, struct why *why)
{
	uint32_t count = 0;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < vmfs_form(vol)->hb_slots && st == ST_OK; i++) {
		struct vmfs_hb_disk *slot = slot_of(vol, region, i);

		if (!in_use(slot))
			continue;
		if (le64_get(slot->at) != slot_at(vol, i))
			return why_set(why, ST_CORRUPT,
				       "%s: heartbeat slot %u names 0x%llx as its place: check the "
				       "volume",
				       vol->store.name, i,
				       (unsigned long long)le64_get(slot->at));
		if (left_by_us(slot))
			st = recover_ours(vol, slot, why);
		else
			others[count++] = *slot;
	}
	if (st == ST_OK && count)
		st = watch(vol, others, count, why);
	for (uint32_t i = 0; i < count && st == ST_OK; i++)
		st = silent(vol, &others[i], why);
	return st;
}

enum status vmfs_beat_recover(struct vmfs_volume *vol, struct why *why)
{
	size_t bytes = vmfs_form(vol)->hb_slots * sizeof(struct vmfs_hb_disk);
	struct vmfs_hb_disk *others = port_dma_alloc(bytes);
	uint8_t *region = NULL;
	enum status st;

	vol->foreign = others ? port_alloc(bytes) : NULL;
	st = vol->foreign ? read_region(vol, &region, why)
			  : why_set(why, ST_NOMEM, "no memory for the heartbeats");
	if (st == ST_OK)
		st = recover_all(vol, region, others, why);
	if (region)
		port_dma_free(region, region_bytes(vol));
	if (others)
		port_dma_free(others, bytes);
	return st;
}

int vmfs_beat_holds(const struct vmfs_volume *vol, const struct vmfs_lock_disk *lock)
{
	for (uint32_t i = 0; i < vol->foreign_slots; i++) {
		const struct vmfs_hb_disk *s = &vol->foreign[i];

		if (le64_get(s->at) == le64_get(lock->hb_at) &&
		    le64_get(s->gen) == le64_get(lock->hb_gen) &&
		    !memcmp(&s->owner, &lock->owner, sizeof(s->owner)))
			return 1;
	}
	return 0;
}

int vmfs_beat_is_ours(const struct vmfs_volume *vol, const struct vmfs_hb_disk *s)
{
	return !memcmp(s->owner.b, vol->beat.host.b, sizeof(vol->beat.host.b));
}

/* ---- the beat -------------------------------------------------------------------------------- */

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
	le64_set(&b->next->stamp_us, stamp_now());
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
	enum status st = read_region(vol, &region, why);

	for (uint32_t i = 0; st == ST_OK && i < slots && found == slots; i++) {
		uint32_t n = (start + i) % pages * per_page + i / pages;
		const struct vmfs_hb_disk *slot = slot_of(vol, region, n);

		if (le32_get(slot->state) == VMFS_HB_FREE && le64_get(slot->at) == slot_at(vol, n))
			found = n;
	}
	if (st == ST_OK && found == slots)
		st = why_set(why, ST_LIMIT, "%s: all %u heartbeat slots are in use",
			     vol->store.name, slots);
	if (st == ST_OK) {
		*vol->beat.image = *vol->beat.next = *slot_of(vol, region, found);
		vol->beat.at = slot_at(vol, found);
	}
	if (region)
		port_dma_free(region, region_bytes(vol));
	return st;
}

static void fill_slot(struct vmfs_volume *vol, struct vmfs_hb_disk *s)
{
	vol->beat.gen = le64_get(s->gen) + 1;
	le32_set(&s->state, VMFS_HB_USED);
	le64_set(&s->gen, vol->beat.gen);
	le64_set(&s->stamp_us, stamp_now());
	memcpy(&s->owner, &vol->beat.host, sizeof(s->owner));
	le32_set(&s->drv_major, le32_get(vol->layout.fs.major));
	s->drv_minor = vol->layout.fs.minor;
	s->lock_impl = 3;
	our_address(s->ip);
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
		st = swap_slot(vol, b->image);
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
		st = free_journal(vol, b->image);
	if (st == ST_OK)
		st = clear_slot(vol, b->image, b->gen);
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

	while (st == ST_BUSY) {
		st = choose_slot(vol, why);
		if (st != ST_OK)
			return st;
		fill_slot(vol, b->next);
		st = swap_slot(vol, b->image);
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
		st = free_journal(vol, b->image);
	if (st == ST_OK)
		st = clear_slot(vol, b->image, b->gen);
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
