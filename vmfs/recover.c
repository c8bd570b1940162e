/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* recover - the slots that others left behind.
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
 * over. */
#include "vmfs/slot_priv.h"

#define POLL_NS		(500ull * 1000000)

static int left_by_us(const struct vmfs_hb_disk *s)
{
	uint8_t mac[6], address[46];

	port_host_mac(mac);
	vmfs_slot_address(address);
	return !memcmp(s->owner.b + 10, mac, sizeof(mac)) &&
	       !memcmp(s->ip, address, sizeof(address));
}

/* From here on a beat of the dead host miscompares (14.6 step 5). */
static enum status fence(struct vmfs_volume *vol, struct vmfs_hb_disk *s)
{
	struct vmfs_hb_disk *next = vol->beat.next;

	*next = *s;
	le64_set(&next->stamp_us, vmfs_slot_stamp_now());
	memcpy(&next->replay_host, &vol->beat.host, sizeof(next->replay_host));
	return vmfs_slot_swap(vol, s);
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

static enum status recover(struct vmfs_volume *vol, struct vmfs_hb_disk *s, enum journal_find find,
			   struct why *why)
{
	uint64_t at = le64_get(s->journal_at);
	enum status st = fence(vol, s);
	char who[128];

	vmfs_slot_describe(s, who, sizeof(who));
	log_line(LOG_INFO, "vmfs: %s: %s left without unmounting -> %s", vol->store.name, who,
		 find == JOURNAL_OURS ? "replaying its journal" : "its journal is empty");
	if (st == ST_OK && find == JOURNAL_OURS)
		st = replay_as(vol, s);
	if (st == ST_OK && at)
		st = vmfs_slot_free_journal(vol, s);
	if (st == ST_OK)
		st = vmfs_slot_clear(vol, s, le64_get(s->gen) + 1);
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

	vmfs_slot_describe(&old[0], who, sizeof(who));
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
			vmfs_slot_describe(&old[i], who, sizeof(who));
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

	vmfs_slot_describe(s, who, sizeof(who));
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
		struct vmfs_hb_disk *slot = vmfs_slot_of(vol, region, i);

		if (!vmfs_slot_in_use(slot))
			continue;
		if (le64_get(slot->at) != vmfs_slot_at(vol, i))
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
	st = vol->foreign ? vmfs_slot_read_all(vol, &region, why)
			  : why_set(why, ST_NOMEM, "no memory for the heartbeats");
	if (st == ST_OK)
		st = recover_all(vol, region, others, why);
	if (region)
		port_dma_free(region, vmfs_slot_region_bytes(vol));
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
