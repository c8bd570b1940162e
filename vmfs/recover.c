/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* recover - what a dead host had begun is brought to its end.
 *
 * First it is fenced: an ATS on its slot says who replays for it. From then on its own beat finds
 * the slot changed, so it stops by itself, and of several hosts that want to recover it one does.
 * Then this host acts *as* the dead one: with its journal block and under its name, so its locks
 * count as ours, until the journal is empty and its block freed. So a full volume can be recovered,
 * and when this host dies in the middle, the next one starts over with the same journal. The slot
 * goes last; while it is in use, no lock of the dead host may be broken.
 *
 * At a mount, hosts of another system are watched for a lease and a beat. If one moves, its host
 * lives and the volume is busy. If it does not, its journal decides: an idle one is left alone,
 * slot and all; one with something in it refuses us. Hosts of our kind are welcome. Those that are
 * known to be dead are recovered at once, others when one of their locks is met (peer.c). */
#include "vmfs/slot_priv.h"

#define POLL_NS		(500ull * 1000000)
#define ROUNDS		5u	/* of hosts that died while they recovered each other */

/* ---- one host -------------------------------------------------------------------------------- */

/* The slot of peers.slot, whatever a swap said of it: 1 when it is now as we wanted it. */
static int arrived(struct vmfs_volume *vol)
{
	struct vmfs_slot_change *c = &vol->peers.slot;

	if (lvm_read(&vol->lvm, le64_get(c->image->at), c->seen, SLOT_BYTES) != ST_OK ||
	    memcmp(c->seen, c->next, SLOT_BYTES))
		return 0;
	*c->image = *c->next;
	return 1;
}

/* The slot says that we replay it, and when we did last. ST_BUSY: it is not as it was. */
static enum status stamp_dead(struct vmfs_volume *vol)
{
	struct vmfs_slot_change *c = &vol->peers.slot;
	enum status st;

	*c->next = *c->image;
	le64_set(&c->next->stamp_us, vmfs_slot_stamp_now());
	memcpy(&c->next->replay_host, &vol->beat.host, sizeof(c->next->replay_host));
	le64_set(&c->next->replay_hb_at, vol->beat.at);
	le64_set(&c->next->replay_hb_gen, vol->beat.gen);
	st = vmfs_slot_swap(vol, c);
	return st != ST_OK && st != ST_LOST && arrived(vol) ? lvm_flush(&vol->lvm) : st;
}

/* As long as our own slot stands, nobody takes this one from us. */
void vmfs_recover_beat(struct vmfs_volume *vol)
{
	struct vmfs_peers *p = &vol->peers;
	enum status st;

	if (!p->acting || p->slot_mutex.owner || vol->failed != ST_OK)
		return;
	io_mutex_lock(&p->slot_mutex);
	st = stamp_dead(vol);
	if (st == ST_BUSY && !memcmp(p->slot.seen, p->slot.image, SLOT_BYTES))
		st = ST_OK;	/* a place that was busy for a moment */
	io_mutex_unlock(&p->slot_mutex);
	if (st == ST_BUSY)
		vmfs_fail(vol, ST_LOST, "another host recovers the one that we were recovering");
}

static void act_as(struct vmfs_journal *j, const struct vmfs_hb_disk *s)
{
	j->at = le64_get(s->journal_at);
	memcpy(&j->host, &s->owner, sizeof(j->host));
	j->hb_at = le64_get(s->at);
	j->hb_gen = le64_get(s->gen);
	j->orphans = 0;
}

static enum status replay_as(struct vmfs_volume *vol, const struct vmfs_hb_disk *s)
{
	enum status st = vmfs_journal_replay(vol, s), end;

	vmfs_meta_forget(vol);
	if (st != ST_OK)
		return st;
	st = vmfs_file_finish_orphans(vol);
	end = vmfs_journal_commit(vol);	/* of what could be done, in any case */
	st = st == ST_OK ? end : st;
	return st == ST_OK ? vmfs_journal_clear(vol) : st;
}

/* The end of its slot. The beat leaves it alone meanwhile. */
static enum status bury(struct vmfs_volume *vol)
{
	struct vmfs_peers *p = &vol->peers;
	struct vmfs_slot_change *c = &p->slot;
	enum status st = vmfs_beat_check(vol);

	io_mutex_lock(&p->slot_mutex);
	if (st == ST_OK && le64_get(c->image->journal_at))
		st = vmfs_slot_free_journal(vol, c);
	if (st == ST_OK)
		st = vmfs_slot_clear(vol, c, le64_get(c->image->gen) + 1);
	io_mutex_unlock(&p->slot_mutex);
	return st;
}

/* What was read before may not be true any more. */
static void forget_cached(struct vmfs_volume *vol)
{
	if (vol->meta.sectors)
		return;		/* a commit has failed: the volume is only read from now on */
	vmfs_meta_forget(vol);
	vmfs_dir_fini(vol);
	for (int k = 0; k < VMFS_RES_COUNT; k++) {
		struct vmfs_pool *pool = &vol->alloc.pool[k];

		pool->counted = 0;
		memset(pool->full, 0, vol->layout.geom[k].clusters / 8 + 1);
	}
}

enum status vmfs_recover_slot(struct vmfs_volume *vol, enum journal_find find, struct why *why)
{
	struct vmfs_peers *p = &vol->peers;
	struct vmfs_journal self = vol->journal;
	enum status st;
	char who[128];

	VERIFY(!p->acting && !vol->meta.sectors && !vol->meta.in_op);
	vmfs_slot_describe(p->slot.image, who, sizeof(who));
	st = stamp_dead(vol);
	if (PLANT(journal_freed_first) && le64_get(p->slot.image->journal_at))
		(void)!vmfs_alloc_free_now(vol, le32_get(p->slot.image->journal_fb));
	if (st == ST_BUSY)
		return why_set(why, st, "%s: %s lives, or another host recovers it",
			       vol->store.name, who);
	log_line(LOG_INFO, "vmfs: %s: %s left without unmounting -> %s", vol->store.name, who,
		 find == JOURNAL_OURS ? "replaying its journal" : "its journal is empty");
	p->acting = 1;
	act_as(&vol->journal, p->slot.image);
	/* Its locks count as ours, so nothing would tell that it changed what is cached here. */
	forget_cached(vol);
	/* His locks count as ours, without an ATS that would prove what we have cached. */
	forget_cached(vol);
	if (st == ST_OK && find == JOURNAL_OURS && !PLANT(no_replay)) {
		struct vmfs_hb_disk dead = *p->slot.image;

		st = replay_as(vol, &dead);
	}
	if (st == ST_OK)
		st = bury(vol);
	p->acting = 0;
	vol->journal = self;
	forget_cached(vol);
	if (st != ST_OK)
		return why_set(why, st, "%s: recovery of %s failed: %s", vol->store.name, who,
			       status_text(st));
	p->recovered++;
	return ST_OK;
}

/* ---- at a mount: who is there ---------------------------------------------------------------- */

/* Wait until a slot that others left has changed, or a lease and a beat have passed. */
static enum status watch(struct vmfs_volume *vol, const struct vmfs_hb_disk *old, uint32_t count,
			 struct why *why)
{
	uint64_t wait = vol->beat.lease_ns + vol->beat.lease_ns / 1000 +
			(PLANT(break_early) ? 0 : vol->beat.period_ns);
	uint64_t end = port_now_ns() + wait;
	struct vmfs_hb_disk now;
	char who[128];

	vmfs_slot_describe(&old[0], who, sizeof(who));
	log_line(LOG_WARN, "vmfs: %s: %s has a heartbeat slot -> watching it for %llu s",
		 vol->store.name, who, (unsigned long long)(wait / 1000000000));
	while (port_now_ns() < end) {
		port_world_sleep_ns(MIN(POLL_NS, vol->beat.period_ns));
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
			vmfs_slot_describe(&old[i], who, sizeof(who));
			return why_set(why, ST_BUSY,
				       "%s is alive on %s: unmount it there, or mount for reading",
				       who, vol->store.name);
		}
	}
	return ST_OK;
}

static enum status look_into(struct vmfs_volume *vol, const struct vmfs_hb_disk *s,
			     enum journal_find *find, struct why *why)
{
	enum status st = vmfs_journal_look(vol, s, find);
	char who[128];

	if (st == ST_OK)
		return ST_OK;
	vmfs_slot_describe(s, who, sizeof(who));
	return why_set(why, st, "%s: the journal of %s cannot be read: mount for reading",
		       vol->store.name, who);
}

/* A host of another system that is silent: its journal decides. */
static enum status judge(struct vmfs_volume *vol, const struct vmfs_hb_disk *s, struct why *why)
{
	enum journal_find find = JOURNAL_IDLE;
	enum status st = look_into(vol, s, &find, why);
	char who[128];

	if (st != ST_OK)
		return st;
	vmfs_slot_describe(s, who, sizeof(who));
	if (find == JOURNAL_OURS || vmfs_slot_kin(vol, s) != SLOT_FOREIGN)
		return ST_OK;
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

/* Is this one to be watched before we may write? Not ours are, and who uses this disk by another
 * name, for his locks and ours do not meet. */
static int is_stranger(const struct vmfs_volume *vol, const struct vmfs_hb_disk *s)
{
	enum slot_kin kin = vmfs_slot_kin(vol, s);

	return vol->alone || kin == SLOT_FOREIGN || kin == SLOT_ESTRANGED;
}

static int is_orphan(struct vmfs_volume *vol, const struct vmfs_hb_disk *s)
{
	return vmfs_slot_kin(vol, s) == SLOT_NEIGHBOUR &&
	       vmfs_slot_orphaned(vol, le64_get(s->at));
}

static enum status find_strangers(struct vmfs_volume *vol, uint8_t *region, struct why *why)
{
	enum journal_find find = JOURNAL_IDLE;
	struct vmfs_peers *p = &vol->peers;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < vmfs_form(vol)->hb_slots; i++) {
		const struct vmfs_hb_disk *slot = vmfs_slot_of(vol, region, i);

		if (!vmfs_slot_in_use(slot))
			continue;
		if (le64_get(slot->at) != vmfs_slot_at(vol, i))
			return why_set(why, ST_CORRUPT,
				       "%s: heartbeat slot %u names 0x%llx as its place: check the "
				       "volume",
				       vol->store.name, i,
				       (unsigned long long)le64_get(slot->at));
		if (is_orphan(vol, slot))
			st = look_into(vol, slot, &find, why);
		else if (is_stranger(vol, slot))
			p->stranger[p->strangers++] = *slot;
		if (st != ST_OK)
			return st;
	}
	return ST_OK;
}

enum status vmfs_recover_look(struct vmfs_volume *vol, struct why *why)
{
	size_t bytes = vmfs_form(vol)->hb_slots * sizeof(struct vmfs_hb_disk);
	struct vmfs_peers *p = &vol->peers;
	uint8_t *region = NULL;
	enum status st;

	p->stranger = port_alloc(bytes);
	vol->foreign = p->stranger ? port_alloc(bytes) : NULL;
	st = vol->foreign ? vmfs_slot_read_all(vol, &region, why)
			  : why_set(why, ST_NOMEM, "no memory for the heartbeats");
	if (st == ST_OK)
		st = find_strangers(vol, region, why);
	if (region)
		port_dma_free(region, vmfs_slot_region_bytes(vol));
	if (st == ST_OK && p->strangers)
		st = watch(vol, p->stranger, p->strangers, why);
	for (uint32_t i = 0; i < p->strangers && st == ST_OK; i++)
		st = judge(vol, &p->stranger[i], why);
	return st;
}

/* ---- at a mount: who is dead ----------------------------------------------------------------- */

static int is_in(const struct vmfs_hb_disk *list, uint32_t count, const struct vmfs_hb_disk *s)
{
	for (uint32_t i = 0; i < count; i++)
		if (!memcmp(&list[i], s, SLOT_BYTES))
			return 1;
	return 0;
}

/* Some host replays this slot and is neither over nor fenced by us: then it might still write. */
static int has_replayer(struct vmfs_volume *vol, uint8_t *region, const struct vmfs_hb_disk *s)
{
	uint64_t at = le64_get(s->replay_hb_at), in = at - VMFS_HB_AT;
	const struct vmfs_hb_disk *r;

	if (!vmfs_slot_replayed(s) || in >= vmfs_slot_region_bytes(vol) ||
	    in % vmfs_form(vol)->md_bytes)
		return 0;
	r = (const void *)(region + in);
	return vmfs_slot_in_use(r) && le64_get(r->gen) == le64_get(s->replay_hb_gen) &&
	       !memcmp(&r->owner, &s->replay_host, sizeof(r->owner)) &&
	       !vmfs_beat_is_ours(vol, r) && le64_get(r->replay_hb_at) != vol->beat.at;
}

/* A slot in use that is not our own. Of those that were watched, the ones that were not left alone
 * are of our kind, or have a journal of our kind. */
static enum status deal_with(struct vmfs_volume *vol, const struct vmfs_hb_disk *s,
			     struct why *why)
{
	struct vmfs_peers *p = &vol->peers;
	enum journal_find find = JOURNAL_IDLE;
	enum status st;

	if (is_in(vol->foreign, vol->foreign_slots, s))
		return ST_OK;
	if (le64_get(s->replay_hb_at) != vol->beat.at && !is_orphan(vol, s) &&
	    !is_in(p->stranger, p->strangers, s))
		return is_stranger(vol, s) ? why_set(why, ST_BUSY,
						     "%s: another host has just begun to use it",
						     vol->store.name)
					   : ST_OK;
	st = look_into(vol, s, &find, why);
	if (st != ST_OK)
		return st;
	*p->slot.image = *s;
	st = vmfs_recover_slot(vol, find, why);
	return st;
}

/* All that is dead and can be dealt with now. *left: somebody is in the way of somebody, and it may
 * be another dead one. */
static enum status one_round(struct vmfs_volume *vol, int *left, struct why *why)
{
	uint8_t *region = NULL;
	enum status st = vmfs_slot_read_all(vol, &region, why);

	*left = 0;
	for (uint32_t i = 0; i < vmfs_form(vol)->hb_slots && st == ST_OK; i++) {
		const struct vmfs_hb_disk *slot = vmfs_slot_of(vol, region, i);

		if (!vmfs_slot_in_use(slot) || vmfs_beat_is_ours(vol, slot))
			continue;
		st = has_replayer(vol, region, slot) ? ST_BUSY : deal_with(vol, slot, why);
		*left |= st == ST_BUSY;
		if (st == ST_BUSY && vol->failed == ST_OK)
			st = ST_OK;
	}
	if (region)
		port_dma_free(region, vmfs_slot_region_bytes(vol));
	return st;
}

/* A host that died while it recovered another goes first, or at least is fenced first. */
enum status vmfs_recover_dead(struct vmfs_volume *vol, struct why *why)
{
	struct vmfs_peers *p = &vol->peers;
	enum status st = ST_OK;
	int left = 1;

	for (uint32_t i = 0; i < ROUNDS && left && st == ST_OK; i++)
		st = one_round(vol, &left, why);
	port_free(p->stranger);
	p->stranger = NULL;
	p->strangers = 0;
	/* Beside others, what is left goes on by itself. */
	if (st == ST_OK && left && vol->alone)
		return why->status == ST_BUSY
			   ? ST_BUSY
			   : why_set(why, ST_BUSY, "%s: a host that is dead is being recovered by "
						   "another one", vol->store.name);
	return st;
}
