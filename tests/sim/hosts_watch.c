/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts_watch - every write to the disk, judged when it takes effect, by what the disk holds alone.
 *
 *	LOCK-1	a lock changes hands only when its holder's mount is over
 *	LOCK-3	a host whose slot was taken from it writes nothing
 *	LOCK-5	a slot is taken from its host only after it stood still for a lease and a beat
 *	LOCK-7	a slot that is taken gets a generation that it never had
 *	LOCK-2	metadata is written under the lock that covers it
 *	JNL-2	a journal is written by its host, or by the one that replays it
 * It also counts what befalls hosts between two transfers: see own_fault in hosts.h. */
#include "tests/sim/hosts.h"
#include "vmfs/geom_priv.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 64u /* lock and slot sectors in one write */

struct slot {
	uint64_t gen, changed_ns, journal_at;
	uint32_t owner, fencer; /* hosts of the port; fencer 0: nobody */
	uint32_t fencer_boot;	/* one that restarts is not the replayer any more */
	uint32_t fencer_slot;	/* and its slot then */
	uint64_t fencer_gen;
	uint8_t used;
	vmfs_uuid_disk uuid;
};

struct kept {
	uint64_t sector;
	uint8_t was[512];
};

struct watch {
	struct run *run;
	const struct base *base;
	struct slot slot[SLOTS_MAX];
	uint32_t mine[HOSTS_MAX + 2]; /* number of its slot + 1 */
	uint32_t boots[HOSTS_MAX + 2];
	uint32_t lost[HOSTS_MAX + 2]; /* to whom, while that mount goes on */
	struct kept kept[KEPT_MAX];
	uint32_t kept_count;
	uint32_t *small_owner; /* index in base.fd, + 1 */
};

/* ---- what befalls hosts ---------------------------------------------------------------------- */

static void lose_power(struct host *h, enum own_fault fault)
{
	sim_host_die_after(h->number, 1 + sim_fault_choice(fault, 4));
	h->quick = fault == FAULT_QUICK;
}

static void befall(struct run *run, struct host *h)
{
	if (sim_fault_now(FAULT_POWER))
		lose_power(h, FAULT_POWER);
	if (sim_fault_now(FAULT_QUICK))
		lose_power(h, FAULT_QUICK);
	if (sim_fault_now(FAULT_PAUSE)) {
		trace(run, h->number, "stops for a while");
		sim_host_pause(h->number, sim_fault_length_ns(FAULT_PAUSE));
	}
	if (sim_fault_now(FAULT_ZOMBIE)) {
		trace(run, h->number, "stops for longer than a lease");
		if (run->writer == h->number)
			run->writer = 0; /* the next one may come */
		sim_host_pause(h->number, LEASE_NS + sim_fault_choice(FAULT_ZOMBIE, 2 * LEASE_NS));
	}
	if (sim_fault_now(FAULT_APD)) {
		trace(run, h->number, "all paths down");
		sim_host_cut(h->number, 1);
		h->cut_until_ns = port_now_ns() + sim_fault_length_ns(FAULT_APD);
	}
	if (!run->cut_all && sim_fault_now(FAULT_ALL_OFF)) {
		run->cut_all = 1;
		sim_stop_after_writes(0);
	}
}

/* ---- slots ----------------------------------------------------------------------------------- */

static uint64_t slot_place(const struct watch *w, uint32_t number)
{
	return VMFS_HB_AT + (uint64_t)number * w->base->layout->form->md_bytes;
}

/* The slot that a lock names, if the mount that took it goes on by what the disk says; else
 * NULL. */
static const struct slot *holder(const struct watch *w, uint64_t hb_at, uint64_t gen)
{
	uint32_t md = w->base->layout->form->md_bytes;
	uint64_t number = (hb_at - VMFS_HB_AT) / md;

	if (hb_at < VMFS_HB_AT || number >= w->base->layout->form->hb_slots ||
	    !w->slot[number].used || w->slot[number].gen != gen)
		return NULL;
	return &w->slot[number];
}

/* May this host do what only that mount may do? */
static int acts_for(const struct watch *w, const struct slot *s, uint32_t host)
{
	if (s->fencer)
		return s->fencer == host && s->fencer_boot == w->boots[host];
	return w->mine[host] && &w->slot[w->mine[host] - 1] == s;
}

static void mark_broken(struct watch *w, uint32_t number)
{
	struct model *m = &w->run->model;

	for (uint32_t i = m->incs; i-- > 1;) {
		struct inc *inc = &m->inc[i];

		if (inc->slot_at == slot_place(w, number) && inc->slot_gen == w->slot[number].gen)
			inc->broken = 1;
	}
}

static void slot_taken(struct watch *w, uint32_t number, const struct vmfs_hb_disk *now,
		       uint32_t host)
{
	struct slot *s = &w->slot[number];

	if (le64_get(now->gen) <= s->gen)
		violate(w->run, "LOCK-7",
			"host %u takes slot %u with generation %llu, which was %llu", host, number,
			(unsigned long long)le64_get(now->gen), (unsigned long long)s->gen);
	s->owner = host;
	s->fencer = 0;
	w->mine[host] = number + 1;
	w->lost[host] = 0;
	w->run->host[host].slot_at = slot_place(w, number);
	w->run->host[host].slot_gen = le64_get(now->gen);
}

/* Whose replayer's own mount has ended, or was fenced, is nobody's. */
static int replayer_is_over(const struct watch *w, const struct slot *s)
{
	const struct slot *own = s->fencer_slot ? &w->slot[s->fencer_slot - 1] : NULL;

	return s->fencer && (!own || !own->used || own->gen != s->fencer_gen || own->fencer);
}

static void slot_fenced(struct watch *w, uint32_t number, uint32_t host)
{
	struct slot *s = &w->slot[number];
	uint64_t still = port_now_ns() - s->changed_ns;

	trace(w->run, host, "fences slot %u of host %u", number, s->owner);
	/* A host may clear at once what it left itself, before its last restart. */
	if (still < LEASE_NS + BEAT_NS && host != s->owner && !replayer_is_over(w, s))
		violate(w->run, "LOCK-5",
			"host %u takes slot %u from host %u, which wrote it %llu ms "
			"ago",
			host, number, s->owner, (unsigned long long)(still / 1000000));
	if (host == s->owner && w->mine[host] == number + 1 && !s->fencer)
		violate(w->run, "LOCK-7", "host %u takes slot %u, which is its own", host, number);
	if (w->mine[s->owner] == number + 1)
		w->lost[s->owner] = host;
	s->fencer = host;
	s->fencer_boot = w->boots[host];
	s->fencer_slot = w->mine[host];
	s->fencer_gen = w->mine[host] ? w->slot[w->mine[host] - 1].gen : 0;
	mark_broken(w, number);
}

static void slot_changed(struct watch *w, uint32_t number, const struct vmfs_hb_disk *was,
			 const struct vmfs_hb_disk *now, uint32_t host)
{
	static const vmfs_uuid_disk nobody;
	struct slot *s = &w->slot[number];
	int used = le32_get(now->state) == VMFS_HB_USED;
	int same = !memcmp(&was->owner, &now->owner, sizeof(was->owner));

	s->gen = s->gen ? s->gen : le64_get(was->gen);
	if (!s->used && used)
		slot_taken(w, number, now, host);
	else if (s->used && used && !same)
		violate(w->run, "LOCK-7", "host %u puts its name into slot %u of host %u", host,
			number, s->owner);
	else if (s->used && used && memcmp(&now->replay_host, &nobody, sizeof(nobody)) != 0 &&
		 (s->fencer != host || s->fencer_boot != w->boots[host]))
		slot_fenced(w, number, host);
	else if (s->used && !acts_for(w, s, host))
		violate(w->run, "LOCK-3", "host %u writes slot %u, which is that of host %u", host,
			number, s->fencer ? s->fencer : s->owner);
	if (!used && s->used && w->mine[s->owner] == number + 1)
		w->mine[s->owner] = 0;
	s->used = (uint8_t)used;
	s->gen = le64_get(now->gen);
	s->uuid = now->owner;
	s->journal_at = used ? le64_get(now->journal_at) : 0;
	s->changed_ns = port_now_ns();
}

int watch_is_fenced(const struct watch *w, uint32_t host)
{
	return w->lost[host] != 0;
}

/* ---- locks ----------------------------------------------------------------------------------- */

/* Is the mount named there going on, and none that this host may act for? */
static const struct slot *foreign(const struct watch *w, uint64_t hb_at, uint64_t gen,
				  uint32_t host)
{
	const struct slot *s = holder(w, hb_at, gen);

	return s && !acts_for(w, s, host) ? s : NULL;
}

static int still_holds(const struct vmfs_lock_disk *lock, const struct vmfs_holder_disk *who)
{
	uint32_t mode = le32_get(lock->mode), n = MIN(le32_get(lock->num_holders), 8u);

	for (uint32_t i = 0; i < n && mode >= VMFS_LOCK_READ_ONLY; i++)
		if (!memcmp(&lock->holders[i], who, sizeof(*who)))
			return 1;
	return 0;
}

static void lock_broken(struct watch *w, uint64_t at, const struct slot *s, uint32_t host)
{
	violate(w->run, "LOCK-1", "host %u changes the lock at 0x%llx, which host %u holds%s", host,
		(unsigned long long)at, s->owner,
		s->fencer ? " (its journal is being replayed)" : "");
}

static void lock_changed(struct watch *w, const struct vmfs_lock_disk *was,
			 const struct vmfs_lock_disk *now, uint32_t host)
{
	uint32_t old_mode = le32_get(was->mode), mode = le32_get(now->mode);
	uint64_t at = le64_get(now->at);
	const struct slot *s;

	if (old_mode == VMFS_LOCK_EXCLUSIVE &&
	    (s = foreign(w, le64_get(was->hb_at), le64_get(was->hb_gen), host)) != NULL)
		lock_broken(w, at, s, host);
	for (uint32_t i = 0;
	     old_mode >= VMFS_LOCK_READ_ONLY && i < MIN(le32_get(was->num_holders), 8u); i++) {
		const struct vmfs_holder_disk *who = &was->holders[i];

		s = foreign(w, le64_get(who->hb_at), le64_get(who->hb_gen), host);
		if (s && (mode == VMFS_LOCK_EXCLUSIVE || !still_holds(now, who)))
			lock_broken(w, at, s, host);
	}
	if (mode != VMFS_LOCK_EXCLUSIVE)
		return;
	s = holder(w, le64_get(now->hb_at), le64_get(now->hb_gen));
	if (s && !acts_for(w, s, host))
		violate(w->run, "LOCK-1", "host %u gives the lock at 0x%llx to host %u", host,
			(unsigned long long)at, s->owner);
}

/* ---- is a write covered? --------------------------------------------------------------------- */

static int holds(const struct watch *w, const struct sim_event *e, uint64_t lock_at)
{
	struct vmfs_lock_disk lock;
	const struct slot *s;

	sim_event_read(e, w->base->volume_at + lock_at, &lock, sizeof(lock));
	if (le32_get(lock.mode) != VMFS_LOCK_EXCLUSIVE)
		return 0;
	s = holder(w, le64_get(lock.hb_at), le64_get(lock.hb_gen));
	return s && acts_for(w, s, e->host);
}

static int holds_cluster(const struct watch *w, const struct sim_event *e, uint32_t cluster)
{
	return holds(w, e, w->base->cluster[cluster].lock_at);
}

static int is_covered(const struct watch *w, const struct sim_event *e, const struct place *p)
{
	const struct base *b = w->base;
	uint32_t owner;

	switch (p->kind) {
	case PLACE_BITMAP:
		return holds_cluster(w, e, p->number);
	case PLACE_FD:
		return holds(w, e, b->fd[p->number].lock_at) ||
		       holds_cluster(w, e, b->fd[p->number].cluster);
	case PLACE_SMALL:
		owner = w->small_owner[p->number];
		return !owner || holds(w, e, b->fd[owner - 1].lock_at) ||
		       holds_cluster(w, e, b->small[p->number].cluster);
	default:
		return 1;
	}
}

/* Whose a sub-block or pointer block is, told by the descriptor that names it. What a pointer block
 * names is not known. */
static void learn_owner(struct watch *w, const struct sim_event *e, uint32_t fd)
{
	const struct vmfs_layout *l = w->base->layout;
	const struct vmfs_form *form = l->form;
	uint64_t meta_at = w->base->volume_at + w->base->fd[fd].lock_at + form->md_bytes;
	uint8_t ptrs[512 * 8];
	struct vmfs_fd_disk meta;

	sim_event_read(e, meta_at, &meta, sizeof(meta));
	if (!le32_get(meta.links) || le32_get(meta.zla) == VMFS_ZLA_RESIDENT)
		return;
	VERIFY(form->ptrs * form->ptr_bytes <= sizeof(ptrs));
	sim_event_read(e, meta_at + form->ptrs_at, ptrs, form->ptrs * form->ptr_bytes);
	for (uint32_t i = 0; i < form->ptrs; i++) {
		uint64_t addr = vmfs_ptr_get(form, ptrs + i * form->ptr_bytes), at;
		const struct place *p;

		at = addr ? vmfs_layout_addr_at(l, addr) : ~0ull;
		p = at / 512 < w->base->sectors ? &w->base->place[at / 512] : NULL;
		if (p && p->kind == PLACE_SMALL)
			w->small_owner[p->number] = fd + 1;
	}
}

/* ---- writes ---------------------------------------------------------------------------------- */

static void block_written(struct watch *w, const struct sim_event *e, uint64_t at)
{
	for (uint32_t i = 1; i <= w->run->config.hosts + 1; i++) {
		const struct slot *s = w->mine[i] ? &w->slot[w->mine[i] - 1] : NULL;

		if (s && s->journal_at && at >= s->journal_at &&
		    at < s->journal_at + w->base->layout->block_bytes && !acts_for(w, s, e->host))
			violate(w->run, "JNL-2", "host %u writes into the journal of host %u",
				e->host, i);
	}
}

static void sector_written(struct watch *w, const struct sim_event *e, uint64_t sector)
{
	const struct place *p = &w->base->place[sector];

	if (p->kind == PLACE_BLOCK)
		block_written(w, e, sector * 512);
	if (p->kind == PLACE_FD && w->run->config.cover)
		learn_owner(w, e, p->number);
	if (w->run->config.cover && !is_covered(w, e, p))
		violate(w->run, "LOCK-2",
			"host %u writes 0x%llx (kind %u, number %u) without its lock", e->host,
			(unsigned long long)sector * 512, p->kind, p->number);
}

static void kept_changed(struct watch *w, const struct sim_event *e, const struct kept *k)
{
	const struct place *p = &w->base->place[k->sector];
	uint8_t now[512];

	sim_event_read(e, w->base->volume_at + 512 * k->sector, now, sizeof(now));
	if (!memcmp(now, k->was, sizeof(now)))
		return;
	if (p->kind == PLACE_SLOT)
		slot_changed(w, p->number, (const void *)k->was, (const void *)now, e->host);
	else
		lock_changed(w, (const void *)k->was, (const void *)now, e->host);
}

static void keep(struct watch *w, const struct sim_event *e, uint64_t sector)
{
	enum place_kind kind = w->base->place[sector].kind;
	struct kept *k = &w->kept[w->kept_count];

	if (kind != PLACE_SLOT && kind != PLACE_CLUSTER_LOCK && kind != PLACE_FD_LOCK)
		return;
	VERIFY(w->kept_count < KEPT_MAX);
	w->kept_count++;
	k->sector = sector;
	sim_event_read(e, w->base->volume_at + 512 * sector, k->was, sizeof(k->was));
}

static void judge_write(struct watch *w, const struct sim_event *e)
{
	uint64_t first = (e->offset - w->base->volume_at) / 512;
	uint64_t end = MIN(first + e->bytes / 512, w->base->sectors);

	if (e->offset < w->base->volume_at || e->op == PORT_FLUSH)
		return;
	if (!e->done) {
		w->kept_count = 0;
		for (uint64_t s = first; s < end; s++)
			keep(w, e, s);
		return;
	}
	if (!e->changed)
		return;
	if (watch_is_fenced(w, e->host))
		violate(w->run, "LOCK-3", "host %u, whose slot host %u has taken, writes 0x%llx",
			e->host, w->lost[e->host], (unsigned long long)(first * 512));
	for (uint32_t i = 0; i < w->kept_count; i++)
		kept_changed(w, e, &w->kept[i]);
	for (uint64_t s = first; s < end; s++)
		sector_written(w, e, s);
}

static const char *op_text(uint8_t op)
{
	static const char *const text[] = {"read", "write", "flush", "zero", "unmap"};

	return op == SIM_OP_ATS ? "ats" : text[op];
}

static void on_event(void *arg, const struct sim_event *e)
{
	struct watch *w = arg;
	struct run *run = w->run;

	if (e->host == 0)
		return;
	if (e->done) {
		hash_in(run, port_now_ns() ^ (uint64_t)e->host << 56);
		hash_in(run, (uint64_t)e->op << 56 ^ e->offset << 20 ^ e->bytes ^
				 (uint64_t)e->status << 48);
		run->totals->events++;
		if (run->verbose > 1)
			trace(run, e->host, "  %s 0x%llx +%llu: %s", op_text(e->op),
			      (unsigned long long)(e->offset - w->base->volume_at),
			      (unsigned long long)e->bytes, status_word(e->status));
	}
	if (e->op == PORT_READ || run->failed)
		return;
	if (!e->done && !run->healed && e->host <= run->config.hosts)
		befall(run, &run->host[e->host]);
	judge_write(w, e);
}

void watch_unmounted(struct watch *w, uint32_t host)
{
	w->mine[host] = 0;
	w->lost[host] = 0;
}

void watch_booted(struct watch *w, uint32_t host)
{
	watch_unmounted(w, host);
	w->boots[host]++;
}

/* ---- begin and end --------------------------------------------------------------------------- */

void watch_forget(struct watch *w)
{
	uint8_t sector[512];

	for (uint32_t i = 0; i < w->base->layout->form->hb_slots; i++) {
		struct slot *s = &w->slot[i];
		const struct vmfs_hb_disk *hb = (const void *)sector;

		if (!s->gen)
			continue; /* nobody was ever there */
		VERIFY(sim_disk_peek(DISK_PATH, w->base->volume_at + slot_place(w, i), sector,
				     sizeof(sector)) == ST_OK);
		s->used = le32_get(hb->state) == VMFS_HB_USED;
		s->gen = le64_get(hb->gen);
		s->journal_at = s->used ? le64_get(hb->journal_at) : 0;
	}
}

struct watch *watch_start(struct run *run)
{
	struct watch *w = calloc(1, sizeof(*w));

	VERIFY(w);
	w->run = run;
	w->base = run->base;
	w->small_owner = calloc(run->base->smalls + 1, sizeof(*w->small_owner));
	VERIFY(w->small_owner);
	sim_watch(on_event, w);
	return w;
}

void watch_stop(struct watch *w)
{
	sim_watch(NULL, NULL);
	free(w->small_owner);
	free(w);
}
