/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* peer - does another host live?
 *
 * Only its slot tells, and only by changing. A slot is watched by our own clock, from the end of
 * the read that first showed it as it is; a change starts that again. Stamps of other machines mean
 * nothing to our clock. Unchanged for a lease, the error of two clocks and a beat, the host has
 * stopped writing by itself (heartbeat.c) and may be fenced. A process of this machine is known
 * better: as long as it has anything of its own, it holds the lock of a byte.
 *
 * A slot that some host is replaying is that host's business while it lives. When that one dies, it
 * is dealt with first. */
#include "vmfs/slot_priv.h"

#define CHAIN_MAX	32u	/* hosts that died while they replayed one another */

/* How long a slot has to stand still: clocks are off by less than a thousandth. */
static uint64_t watch_ns(const struct vmfs_volume *vol)
{
	return vol->beat.lease_ns + vol->beat.lease_ns / 1000 +
	       (PLANT(break_early) ? 0 : vol->beat.period_ns);
}

/* ---- what was seen --------------------------------------------------------------------------- */

static struct vmfs_watch *find_watch(struct vmfs_peers *p, uint64_t at)
{
	for (uint32_t i = 0; i < p->watches; i++)
		if (le64_get(p->watch[i].image.at) == at)
			return &p->watch[i];
	return NULL;
}

/* Room for one more: the one that nobody asked for the longest time goes. */
static struct vmfs_watch *new_watch(struct vmfs_peers *p)
{
	struct vmfs_watch *oldest = &p->watch[0];

	if (p->watches < PEER_WATCHES)
		return &p->watch[p->watches++];
	for (uint32_t i = 1; i < p->watches; i++)
		if (p->watch[i].asked < oldest->asked)
			oldest = &p->watch[i];
	return oldest;
}

static void forget(struct vmfs_peers *p, uint64_t at)
{
	struct vmfs_watch *w = find_watch(p, at);

	if (w)
		*w = p->watch[--p->watches];
}

/* A slot as a read that ended at now_ns has shown it. */
static struct vmfs_watch *note(struct vmfs_peers *p, const struct vmfs_hb_disk *s, uint64_t now_ns)
{
	struct vmfs_watch *w = find_watch(p, le64_get(s->at));

	if (!w) {
		w = new_watch(p);
		*w = (struct vmfs_watch){ .image = *s, .since_ns = now_ns };
	} else if (memcmp(&w->image, s, SLOT_BYTES)) {
		w->image = *s;
		w->since_ns = now_ns;
		w->moved = 1;
	}
	w->asked = ++p->clock;
	return w;
}

/* The slot as it is now; a copy, for the table changes. */
static enum status look(struct vmfs_volume *vol, uint64_t at, struct vmfs_watch *seen,
			struct why *why)
{
	struct vmfs_hb_disk *now = vol->peers.slot.seen + 1;
	enum status st = lvm_read(&vol->lvm, at, now, SLOT_BYTES);

	if (st != ST_OK)
		return why_set(why, st, "%s: reading heartbeat slot 0x%llx: %s", vol->store.name,
			       (unsigned long long)at, status_text(st));
	if (le64_get(now->at) != at)
		return why_set(why, ST_CORRUPT,
			       "%s: heartbeat slot 0x%llx names 0x%llx as its place: check the "
			       "volume",
			       vol->store.name, (unsigned long long)at,
			       (unsigned long long)le64_get(now->at));
	*seen = *note(&vol->peers, now, port_now_ns());
	return ST_OK;
}

/* ---- one host -------------------------------------------------------------------------------- */

static int names(const struct vmfs_holder *h, uint64_t at, uint64_t gen, const uint8_t host[16])
{
	return h->hb_at == at && h->hb_gen == gen && !memcmp(h->host.b, host, sizeof(h->host.b));
}

static int is_us(const struct vmfs_volume *vol, const struct vmfs_holder *h)
{
	return names(h, vol->beat.at, vol->beat.gen, vol->beat.host.b);
}

static struct vmfs_holder replayer_of(const struct vmfs_hb_disk *s)
{
	struct vmfs_holder h = { .hb_at = le64_get(s->replay_hb_at),
				 .hb_gen = le64_get(s->replay_hb_gen) };

	memcpy(h.host.b, s->replay_host.b, sizeof(h.host.b));
	return h;
}

static enum status check_holder(const struct vmfs_volume *vol, const struct vmfs_holder *h,
				struct why *why)
{
	uint64_t in = h->hb_at - VMFS_HB_AT;

	if (is_us(vol, h))
		return why_set(why, ST_CORRUPT, "%s: a lock names this very mount, which has not "
			       "taken it: check the volume", vol->store.name);
	if (in < vmfs_slot_region_bytes(vol) && in % vmfs_form(vol)->md_bytes == 0)
		return ST_OK;
	return why_set(why, ST_CORRUPT,
		       "%s: a lock names 0x%llx as a heartbeat slot, which is none: check the "
		       "volume",
		       vol->store.name, (unsigned long long)h->hb_at);
}

/* The mount that h names has this slot no more, and it was cleared behind it. */
static int is_over(const struct vmfs_hb_disk *s, const struct vmfs_holder *h)
{
	return le32_get(s->state) == VMFS_HB_FREE ||
	       (PLANT(break_before_replay) && vmfs_slot_replayed(s)) ||
	       !names(h, le64_get(s->at), le64_get(s->gen), s->owner.b);
}

/* The stamp of a process of this machine is of our clock. */
static int stamp_is_young(const struct vmfs_volume *vol, const struct vmfs_hb_disk *s)
{
	uint64_t now = vmfs_slot_stamp_now(), stamp = le64_get(s->stamp_us);

	return stamp <= now && now - stamp < 2 * vol->beat.period_ns / 1000;
}

static void describe(const struct vmfs_volume *vol, const struct vmfs_watch *w,
		     struct vmfs_peer_view *view)
{
	view->silent_ns = port_now_ns() - w->since_ns;
	view->decided = (w->moved && view->silent_ns < 2 * vol->beat.period_ns) ||
			(vmfs_slot_kin(vol, &w->image) == SLOT_NEIGHBOUR &&
			 stamp_is_young(vol, &w->image));
	vmfs_slot_describe(&w->image, view->who, sizeof(view->who));
}

static int is_dead(struct vmfs_volume *vol, const struct vmfs_watch *w)
{
	if (vmfs_slot_kin(vol, &w->image) == SLOT_NEIGHBOUR &&
	    vmfs_slot_orphaned(vol, le64_get(w->image.at)))
		return 1;
	return port_now_ns() - w->since_ns >= watch_ns(vol) && !PLANT(never_dead);
}

static enum status busy(const struct vmfs_volume *vol, const struct vmfs_peer_view *view,
			struct why *why)
{
	if (view->decided)
		return why_set(why, ST_BUSY, "%s: %s is alive", vol->store.name, view->who);
	return why_set(why, ST_BUSY, "%s: whether %s is alive is not known yet", vol->store.name,
		       view->who);
}

/* It is silent, or fenced already and nobody's any more: what its journal says decides. */
static enum status take_over(struct vmfs_volume *vol, const struct vmfs_watch *w,
			     struct vmfs_peer_view *view, struct why *why)
{
	enum journal_find find = JOURNAL_IDLE;
	enum status st = vmfs_journal_look(vol, &w->image, &find);

	if (st != ST_OK)
		return why_set(why, st, "%s: the journal of %s cannot be read: %s",
			       vol->store.name, view->who, status_text(st));
	if (vmfs_slot_kin(vol, &w->image) == SLOT_FOREIGN && find != JOURNAL_OURS) {
		view->decided = 1;	/* nothing that we could do will change it */
		if (find == JOURNAL_FOREIGN)
			return why_set(why, ST_REFUSED,
				       "%s: %s left an unfinished transaction in a foreign format: "
				       "unmount it cleanly there",
				       vol->store.name, view->who);
		return why_set(why, ST_BUSY,
			       "%s: %s, of another system, is silent and left alone",
			       vol->store.name, view->who);
	}
	*vol->peers.slot.image = w->image;
	st = vmfs_recover_slot(vol, find, why);
	if (st == ST_OK)
		forget(&vol->peers, le64_get(w->image.at));
	return st;
}

/* It writes no more, though its own recovery is not at its end: that may need a lock which it took
 * in the name of the host that it was recovering. */
static int fenced_by_us(struct vmfs_volume *vol, const struct vmfs_holder *h)
{
	struct vmfs_holder replayer;
	struct vmfs_watch w;
	struct why why = { 0 };

	if (look(vol, h->hb_at, &w, &why) != ST_OK || is_over(&w.image, h))
		return 0;
	replayer = replayer_of(&w.image);
	return is_us(vol, &replayer);
}

/* A recovery met a lock of this host and could not wait for it. */
static enum status clear_the_way(struct vmfs_volume *vol, uint32_t depth,
				 struct vmfs_peer_view *view, struct why *why);

static enum status settle(struct vmfs_volume *vol, const struct vmfs_holder *h, uint32_t depth,
			  struct vmfs_peer_view *view, struct why *why)
{
	struct vmfs_holder replayer;
	struct vmfs_watch w;
	enum status st = check_holder(vol, h, why);

	if (st == ST_OK && depth == CHAIN_MAX)
		st = why_set(why, ST_CORRUPT, "%s: hosts are said to replay each other in a ring: "
			     "check the volume", vol->store.name);
	if (st == ST_OK)
		st = look(vol, h->hb_at, &w, why);
	if (st != ST_OK)
		return st;
	if (is_over(&w.image, h)) {
		forget(&vol->peers, h->hb_at);
		return ST_OK;
	}
	describe(vol, &w, view);
	replayer = replayer_of(&w.image);
	if (!vmfs_slot_replayed(&w.image)) {
		if (!is_dead(vol, &w))
			return busy(vol, view, why);
	} else if (!is_us(vol, &replayer) && !PLANT(two_replayers)) {
		st = settle(vol, &replayer, depth + 1, view, why);
		if (st != ST_OK && !(st == ST_BUSY && fenced_by_us(vol, &replayer)))
			return st;
		/* Its stamps here came after those on its own slot. */
		if (!is_dead(vol, &w))
			return busy(vol, view, why);
	}
	st = clear_the_way(vol, depth, view, why);
	return st == ST_OK ? take_over(vol, &w, view, why) : st;
}

static enum status clear_the_way(struct vmfs_volume *vol, uint32_t depth,
				 struct vmfs_peer_view *view, struct why *why)
{
	struct vmfs_holder blocker = vol->peers.blocker;
	enum status st;

	if (!blocker.hb_at || depth)
		return ST_OK;
	vol->peers.blocker.hb_at = 0;
	st = settle(vol, &blocker, 1, view, why);
	if (st == ST_BUSY)
		vol->peers.blocker = blocker;
	return st;
}

/* In the middle of a recovery: who it is that has a lock we need. */
static enum status note_blocker(struct vmfs_volume *vol, const struct vmfs_holder *h,
				struct vmfs_peer_view *view, struct why *why)
{
	struct vmfs_watch w;
	enum status st = check_holder(vol, h, why);

	if (st == ST_OK)
		st = look(vol, h->hb_at, &w, why);
	if (st != ST_OK || is_over(&w.image, h))
		return st;
	vol->peers.blocker = *h;
	describe(vol, &w, view);
	return busy(vol, view, why);
}

enum status vmfs_peer_settle(struct vmfs_volume *vol, const struct vmfs_holder *holder,
			     struct vmfs_peer_view *view, struct why *why)
{
	enum status st = vmfs_beat_check(vol);

	*view = (struct vmfs_peer_view){ .who = "another host" };
	if (st != ST_OK)
		return why_set(why, st, "%s: %s", vol->store.name, status_text(st));
	return vol->peers.acting ? note_blocker(vol, holder, view, why)
				 : settle(vol, holder, 0, view, why);
}

/* ---- the patrol ------------------------------------------------------------------------------ */

void vmfs_peer_patrol_due(struct vmfs_volume *vol)
{
	vol->peers.patrol = 1;
	vmfs_worker_wake(vol);
}

/* Of all slots that somebody else uses: note them. The first host of ours that is dead, if any. */
static int find_dead(struct vmfs_volume *vol, uint8_t *region, uint64_t now_ns,
		     struct vmfs_holder *dead)
{
	int found = 0;

	for (uint32_t i = 0; i < vmfs_form(vol)->hb_slots; i++) {
		const struct vmfs_hb_disk *s = vmfs_slot_of(vol, region, i);
		struct vmfs_watch w;

		if (!vmfs_slot_in_use(s) || le64_get(s->at) != vmfs_slot_at(vol, i) ||
		    vmfs_beat_is_ours(vol, s))
			continue;
		w = *note(&vol->peers, s, now_ns);
		if (found || vmfs_slot_kin(vol, s) == SLOT_FOREIGN || !is_dead(vol, &w))
			continue;
		found = 1;
		*dead = (struct vmfs_holder){ le64_get(s->at), le64_get(s->gen), { { 0 } } };
		memcpy(dead->host.b, s->owner.b, sizeof(dead->host.b));
	}
	return found;
}

void vmfs_peer_patrol(struct vmfs_volume *vol)
{
	struct vmfs_peer_view view;
	struct vmfs_holder dead;
	struct why why = { 0 };
	uint8_t *region = NULL;
	enum status st;
	int found;

	vol->peers.patrol = 0;
	if (!vol->beat.at || vol->failed != ST_OK)
		return;
	st = vmfs_slot_read_all(vol, &region, &why);
	found = st == ST_OK && find_dead(vol, region, port_now_ns(), &dead);
	if (region)
		port_dma_free(region, vmfs_slot_region_bytes(vol));
	if (found)
		st = vmfs_journal_commit(vol);
	if (found && st == ST_OK)
		st = vmfs_peer_settle(vol, &dead, &view, &why);
	if (st != ST_OK && st != ST_BUSY)
		log_line(LOG_WARN, "vmfs: %s -> looking at the other hosts again later", why.text);
}

/* ---- begin and end --------------------------------------------------------------------------- */

enum status vmfs_slot_change_init(struct vmfs_slot_change *c)
{
	c->image = port_dma_alloc(META_PAGE_BYTES);
	if (!c->image)
		return ST_NOMEM;
	c->next = c->image + 1;
	c->seen = c->image + 2;
	return ST_OK;
}

void vmfs_slot_change_fini(struct vmfs_slot_change *c)
{
	if (c->image)
		port_dma_free(c->image, META_PAGE_BYTES);
}

enum status vmfs_peers_init(struct vmfs_volume *vol)
{
	struct vmfs_peers *p = &vol->peers;

	io_mutex_init(&p->slot_mutex);
	p->watch = port_alloc(PEER_WATCHES * sizeof(*p->watch));
	return p->watch ? vmfs_slot_change_init(&p->slot) : ST_NOMEM;
}

void vmfs_peers_fini(struct vmfs_volume *vol)
{
	vmfs_slot_change_fini(&vol->peers.slot);
	port_free(vol->peers.watch);
	port_free(vol->peers.stranger);
	port_free(vol->foreign);
}
