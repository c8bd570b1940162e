/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* live - reading beside hosts that write.
 *
 * A volume mounted for reading takes no lock, so what it reads may change under it. A *look* is one
 * call that reads metadata. It notes each page it used, with a checksum; when it is done, all of
 * them are read again. Two equal collections mean that there was a moment, between the last read of
 * the first and the first read of the second, in which the disk held all of that at once. Else the
 * cached pages are refreshed and the look starts over, for some seconds at most.
 *
 * A moment of the disk is not yet a state of the file system: a host writes the sectors of one
 * transaction one after the other. For hosts of ours the journal closes that gap. Its records are
 * laid over the pages, and as long as its header is the same at both ends of a look, the pages show
 * the state behind that transaction: in place or not yet, the record covers the sector. For foreign
 * hosts, whose journal is not known, the lock of a directory tells: while a host holds it, a look
 * through that directory is not believed, unless it stays so and nothing moves.
 *
 * Slots are sampled once a second. A host that comes in between is found afterwards, and then what
 * was read in that second is called in doubt (vmfs_read_verdict). */
#include "vmfs/slot_priv.h"

#include "iopath/base/search.h"

#include <stdarg.h>

#define SAMPLE_NS	(1000ull * 1000000)	/* how old the picture of the slots may be */
#define PATIENCE_NS	(8000ull * 1000000)	/* for a look that never sees the same twice */
#define HELD_NS		(2000ull * 1000000)	/* a transaction takes milliseconds */
#define PAUSE_NS	(2ull * 1000000)
#define PAUSE_MAX_NS	(64ull * 1000000)
#define WATCH_NS	(250ull * 1000000)	/* between two samples of somebody who waits */
#define SEEN_MAX	(1u << 20)		/* pages of one look: 4 GiB of metadata */
#define REREAD_BYTES	(256u * 1024)

/* ---- the journals of peers, over the pages --------------------------------------------------- */

static void drop_overlays(struct vmfs_live *l)
{
	for (uint32_t i = 0; i < l->overlays; i++)
		port_free(l->overlay[i].data);
	port_free(l->overlay);
	l->overlay = NULL;
	l->overlays = l->overlays_max = 0;
}

static enum status more_overlays(struct vmfs_live *l)
{
	uint32_t max = l->overlays_max ? 2 * l->overlays_max : 64;
	struct vmfs_overlay *o = port_alloc(max * sizeof(*o));

	if (!o)
		return ST_NOMEM;
	if (l->overlays)
		memcpy(o, l->overlay, l->overlays * sizeof(*o));
	port_free(l->overlay);
	l->overlay = o;
	l->overlays_max = max;
	return ST_OK;
}

/* A committed record; kept sorted by place. Records come in runs, so they go near the end. */
enum status vmfs_live_record(struct vmfs_volume *vol, uint64_t at, const uint8_t *data,
			     uint64_t bytes)
{
	struct vmfs_live *l = &vol->live;
	enum status st = l->overlays == l->overlays_max ? more_overlays(l) : ST_OK;
	uint32_t i = l->overlays;
	uint8_t *copy = st == ST_OK ? port_alloc(bytes) : NULL;

	if (!copy)
		return ST_NOMEM;
	memcpy(copy, data, bytes);
	for (; i && l->overlay[i - 1].at > at; i--)
		l->overlay[i] = l->overlay[i - 1];
	l->overlay[i] = (struct vmfs_overlay){ at, bytes, copy };
	l->overlays++;
	return ST_OK;
}

/* The first record that ends behind `at`. Records of one group do not overlap. */
static uint32_t first_overlay(const struct vmfs_live *l, uint64_t at)
{
	return search_border(i, l->overlays, l->overlay[i].at + l->overlay[i].bytes <= at);
}

void vmfs_live_overlay(const struct vmfs_volume *vol, uint64_t at, uint8_t *data, uint64_t bytes)
{
	const struct vmfs_live *l = &vol->live;

	for (uint32_t i = first_overlay(l, at); i < l->overlays; i++) {
		const struct vmfs_overlay *o = &l->overlay[i];
		uint64_t from = MAX(at, o->at), to = MIN(at + bytes, o->at + o->bytes);

		if (o->at >= at + bytes)
			return;
		if (from < to)
			memcpy(data + (from - at), o->data + (from - o->at), to - from);
	}
}

static enum status load_overlays(struct vmfs_volume *vol)
{
	struct vmfs_live *l = &vol->live;
	enum status st = ST_OK;

	drop_overlays(l);
	for (uint32_t i = 0; i < l->peers && st == ST_OK; i++)
		if (l->peer[i].journal)
			st = vmfs_journal_overlay(vol, &l->peer[i].slot, &l->peer[i].head);
	/* A record that is wrong inside of a right checksum: its host made it so; go without. */
	if (st == ST_CORRUPT) {
		log_line(LOG_WARN, "vmfs: %s: a journal is damaged -> read without it",
			 vol->store.name);
		st = ST_OK;
	}
	return st;
}

/* ---- slots ----------------------------------------------------------------------------------- */

static int in_use(const struct vmfs_hb_disk *s)
{
	return le32_get(s->state) != VMFS_HB_FREE && le32_get(s->state) != 0;
}

static struct vmfs_peer *peer_at(struct vmfs_live *l, uint64_t at)
{
	for (uint32_t i = 0; i < l->peers; i++)
		if (le64_get(l->peer[i].slot.at) == at)
			return &l->peer[i];
	return NULL;
}

static int same_mount(const struct vmfs_hb_disk *a, const struct vmfs_hb_disk *b)
{
	return le64_get(a->gen) == le64_get(b->gen) &&
	       le64_get(a->journal_at) == le64_get(b->journal_at) &&
	       !memcmp(&a->owner, &b->owner, sizeof(a->owner));
}

static void meet(struct vmfs_volume *vol, const struct vmfs_hb_disk *s)
{
	struct vmfs_live *l = &vol->live;
	struct vmfs_peer *p;

	if (l->peers == LIVE_PEERS_MAX) {
		if (!l->crowded)
			log_line(LOG_WARN, "vmfs: %s: more than %u hosts -> only these are watched",
				 vol->store.name, LIVE_PEERS_MAX);
		l->crowded = 1;
		return;
	}
	p = &l->peer[l->peers++];
	*p = (struct vmfs_peer){ .slot = *s, .met = l->sample };
	/* What was already there when we came may have been silent for as long as the device. */
	p->since_ns = (int64_t)port_now_ns() - (int64_t)(l->samples ? 0 : l->quiet_ns);
	p->moved = l->samples != 0;
	l->stale = 1;
	if (l->samples && l->looks)
		l->arrived = 1;
}

static void meet_again(struct vmfs_live *l, struct vmfs_peer *p, const struct vmfs_hb_disk *s)
{
	p->met = l->sample;
	if (!memcmp(&p->slot, s, sizeof(*s)))
		return;
	if (!same_mount(&p->slot, s)) {
		l->stale = 1;
		l->arrived |= l->looks != 0;
	}
	p->slot = *s;
	p->since_ns = (int64_t)port_now_ns();
	p->moved = 1;
}

static void forget_gone(struct vmfs_live *l)
{
	for (uint32_t i = 0; i < l->peers;) {
		if (l->peer[i].met == l->sample) {
			i++;
			continue;
		}
		l->peer[i] = l->peer[--l->peers];
		l->stale = 1;
	}
}

/* A host that came and went between two samples has left its slot with another generation. */
static void notice_visit(struct vmfs_live *l, const void *region, size_t bytes)
{
	uint32_t crc = port_accel()->crc32c(0, region, bytes);

	if (l->samples && crc != l->region_crc) {
		l->arrived |= !l->on && l->looks;
		l->visited = 1;
	}
	l->region_crc = crc;
}

enum status vmfs_live_sample(struct vmfs_volume *vol)
{
	struct vmfs_live *l = &vol->live;
	uint32_t md = vmfs_form(vol)->md_bytes, slots = vmfs_form(vol)->hb_slots;
	uint8_t *region = port_dma_alloc(slots * md);
	enum status st = region ? lvm_read(&vol->lvm, VMFS_HB_AT, region, slots * md) : ST_NOMEM;

	if (st != ST_OK && region) {	/* a damaged region does not keep anybody from reading */
		if (!l->blind)
			log_line(LOG_WARN, "vmfs: %s: the heartbeats cannot be read (%s) -> read "
				 "as if there were none", vol->store.name, status_text(st));
		l->blind = 1;
		l->sampled_ns = port_now_ns();
		port_dma_free(region, slots * md);
		return ST_OK;
	}
	if (region)
		notice_visit(l, region, slots * md);
	l->sample++;
	for (uint32_t i = 0; i < slots && st == ST_OK; i++) {
		const struct vmfs_hb_disk *slot = (const void *)(region + i * md);
		uint64_t at = VMFS_HB_AT + (uint64_t)i * md;
		struct vmfs_peer *p;

		/* A slot that does not know its place is damaged, and nobody's. */
		if (!in_use(slot) || le64_get(slot->at) != at)
			continue;
		p = vmfs_beat_is_ours(vol, slot) ? NULL : peer_at(l, at);
		if (p)
			meet_again(l, p, slot);
		else if (!vmfs_beat_is_ours(vol, slot))
			meet(vol, slot);
	}
	if (region)
		port_dma_free(region, slots * md);
	if (st != ST_OK)
		return st;
	forget_gone(l);
	l->samples++;
	l->looks = 0;
	l->sampled_ns = port_now_ns();
	l->on = l->reading && (l->peers || l->visited);
	return ST_OK;
}

int vmfs_live_silent(const struct vmfs_volume *vol, const struct vmfs_peer *p)
{
	return (int64_t)port_now_ns() - p->since_ns >=
	       (int64_t)(vol->beat.lease_ns + vol->beat.period_ns);
}

int vmfs_live_any(const struct vmfs_volume *vol)
{
	for (uint32_t i = 0; i < vol->live.peers; i++)
		if (!vmfs_live_silent(vol, &vol->live.peer[i]))
			return 1;
	return 0;
}

static int names(const struct vmfs_peer *p, le64 hb_at, le64 hb_gen)
{
	return le64_get(p->slot.at) == le64_get(hb_at) && le64_get(p->slot.gen) == le64_get(hb_gen);
}

/* In a mode that lets it write. Of a multi-writer lock, `owner` is the first of the holders. */
static int holds(const struct vmfs_peer *p, const struct vmfs_lock_disk *lock, uint32_t mode)
{
	uint32_t n = MIN(le32_get(lock->num_holders), (uint32_t)ARRAY_COUNT(lock->holders));

	if (mode == VMFS_LOCK_EXCLUSIVE)
		return names(p, lock->hb_at, lock->hb_gen);
	for (uint32_t i = 0; mode == VMFS_LOCK_MULTI_WRITER && i < n; i++)
		if (names(p, lock->holders[i].hb_at, lock->holders[i].hb_gen))
			return 1;
	return 0;
}

const struct vmfs_peer *vmfs_live_holder(const struct vmfs_volume *vol,
					 const struct vmfs_lock_disk *lock)
{
	uint32_t mode = le32_get(lock->mode);

	for (uint32_t i = 0; i < vol->live.peers; i++) {
		const struct vmfs_peer *p = &vol->live.peer[i];

		if (holds(p, lock, mode) && !vmfs_live_silent(vol, p))
			return p;
	}
	return NULL;
}

int vmfs_live_due(const struct vmfs_volume *vol)
{
	return vol->live.reading && port_now_ns() - vol->live.sampled_ns >= SAMPLE_NS;
}

/* ---- the two ends of a look ------------------------------------------------------------------ */

/* The headers of the journals, as they are now. *moved: one is not as it was. */
static enum status read_heads(struct vmfs_volume *vol, int *moved)
{
	struct vmfs_live *l = &vol->live;
	enum status st = ST_OK;

	*moved = 0;
	for (uint32_t i = 0; i < l->peers && st == ST_OK; i++) {
		struct vmfs_peer *p = &l->peer[i];
		struct vmfs_journal_disk head = { 0 };
		int ours = 0;

		st = vmfs_journal_head(vol, &p->slot, &head, &ours);
		if (st != ST_NOMEM)	/* a slot that names no block, or one that cannot be read */
			st = ST_OK;
		if (st != ST_OK || !memcmp(&head, &p->head, sizeof(head)))
			continue;
		*moved = 1;
		/* Unmounted, or mounted anew: the slots tell. */
		if (p->journal && !ours)
			l->sampled_ns = 0;
		p->head = head;
		p->journal = (uint8_t)ours;
	}
	return st;
}

/* What was computed from pages that a look saw before is not verified by this one. */
static void forget_computed(struct vmfs_volume *vol)
{
	vmfs_dir_fini(vol);
	for (int k = 0; k < VMFS_RES_COUNT; k++)
		vol->alloc.pool[k].counted = 0;
}

static enum status begin(struct vmfs_volume *vol)
{
	struct vmfs_live *l = &vol->live;
	enum status st = ST_OK;
	int moved = 0;

	l->look++;
	l->seen_count = 0;
	l->held = l->lost = 0;
	l->complaint[0] = 0;
	if (port_now_ns() - l->sampled_ns >= SAMPLE_NS || !l->sampled_ns)
		st = vmfs_live_sample(vol);
	if (st == ST_OK && l->on) {
		forget_computed(vol);
		st = read_heads(vol, &moved);
	}
	if (st == ST_OK && (moved || l->stale)) {
		st = load_overlays(vol);
		l->stale = st != ST_OK;
	}
	return st;
}

void vmfs_live_seen(struct vmfs_volume *vol, struct meta_page *page)
{
	struct vmfs_live *l = &vol->live;

	if (page->look == l->look)
		return;
	page->look = l->look;
	if (l->seen_count == l->seen_max) {
		uint32_t max = l->seen_max ? 2 * l->seen_max : 256;
		struct vmfs_seen *s = max <= SEEN_MAX ? port_alloc(max * sizeof(*s)) : NULL;

		l->lost |= !s;
		if (!s)
			return;
		if (l->seen_count)
			memcpy(s, l->seen, l->seen_count * sizeof(*s));
		port_free(l->seen);
		l->seen = s;
		l->seen_max = max;
	}
	l->seen[l->seen_count++] = (struct vmfs_seen){
	    page->at, port_accel()->crc32c(0, page->data, META_PAGE_BYTES) };
}

/* One page as it is now against what the look saw. */
static void compare(struct vmfs_volume *vol, const struct vmfs_seen *s, uint8_t *now, int *changed)
{
	struct meta_page *page;

	vmfs_live_overlay(vol, s->at, now, META_PAGE_BYTES);
	if (port_accel()->crc32c(0, now, META_PAGE_BYTES) == s->crc)
		return;
	*changed = 1;
	page = vmfs_meta_peek(vol, s->at);
	if (!page)
		return;
	memcpy(page->data, now, META_PAGE_BYTES);
	vol->live.epoch++;
}

/* How many of the pages from `i` on follow each other. */
static uint32_t run_of(const struct vmfs_live *l, uint32_t i)
{
	uint32_t n = 1;

	while (i + n < l->seen_count && n < REREAD_BYTES / META_PAGE_BYTES &&
	       l->seen[i + n].at == l->seen[i].at + (uint64_t)n * META_PAGE_BYTES)
		n++;
	return n;
}

static enum status collect_again(struct vmfs_volume *vol, int *changed)
{
	struct vmfs_live *l = &vol->live;
	uint8_t *buf = port_dma_alloc(REREAD_BYTES);
	enum status st = buf ? ST_OK : ST_NOMEM;

	for (uint32_t i = 0, n; i < l->seen_count && st == ST_OK; i += n) {
		n = run_of(l, i);
		st = lvm_read(&vol->lvm, l->seen[i].at, buf, (uint64_t)n * META_PAGE_BYTES);
		for (uint32_t k = 0; k < n && st == ST_OK; k++)
			compare(vol, &l->seen[i + k], buf + k * META_PAGE_BYTES, changed);
	}
	if (buf)
		port_dma_free(buf, REREAD_BYTES);
	return st;
}

/* Pages first, headers last: a header that stands says that no later transaction had begun to go
 * to its places when the pages were read. */
static enum status end(struct vmfs_volume *vol, int *changed)
{
	enum status st = vol->live.lost ? ST_NOMEM : collect_again(vol, changed);
	int moved = 0;

	if (st == ST_OK)
		st = read_heads(vol, &moved);
	vol->live.stale |= moved != 0;
	*changed |= moved;
	return st;
}

/* ---- damage that a look met ------------------------------------------------------------------ */

void vmfs_complain(struct vmfs_volume *vol, const char *format, ...)
{
	struct vmfs_live *l = &vol->live;
	char text[200];
	va_list ap;

	va_start(ap, format);
	fmt_v(text, sizeof(text), format, ap);
	va_end(ap);
	if (vol->locks.met_ns && vol->locks.doubts < 3)
		return;		/* it will be looked at again (cover.c) */
	if (!l->on)
		log_line(LOG_ERROR, "vmfs: %s: %s", vol->store.name, text);
	else if (!l->complaint[0])
		mem_copy_text(l->complaint, sizeof(l->complaint), text);
}

static enum status believe(struct vmfs_volume *vol, enum status st)
{
	if (vol->live.complaint[0])
		log_line(LOG_ERROR, "vmfs: %s: %s", vol->store.name, vol->live.complaint);
	return st;
}

/* ---- the look -------------------------------------------------------------------------------- */

void vmfs_live_dir(struct vmfs_volume *vol, const struct vmfs_fd *dir)
{
	struct vmfs_live *l = &vol->live;
	const struct vmfs_peer *holder;
	struct vmfs_lock_disk lock;

	/* A lock that cannot be read is held by nobody that we could name. */
	if (!l->on || vmfs_fd_lock(vol, dir, &lock) != ST_OK ||
	    le32_get(lock.mode) != VMFS_LOCK_EXCLUSIVE)
		return;
	holder = vmfs_live_holder(vol, &lock);
	/* One of ours changes nothing but through its journal, which lies over what is read. */
	if (!holder || vmfs_slot_kin(vol, &holder->slot) != SLOT_FOREIGN)
		return;
	if (le64_get(lock.at) != l->bore_at || le64_get(lock.token) != l->bore_token)
		l->held = 1;
	l->held_at = le64_get(lock.at);
	l->held_token = le64_get(lock.token);
}

/* A transaction that is half in its place can stand still between two looks, and look like damage.
 * The same bytes for longer than any transaction lasts: the damage is one, and a lock is held for
 * another reason. */
static int bear(struct vmfs_live *l, enum status st, uint64_t still_ns)
{
	if (!l->held && st != ST_CORRUPT)
		return 1;
	if (port_now_ns() - still_ns < HELD_NS)
		return 0;
	if (l->held) {
		l->bore_at = l->held_at;
		l->bore_token = l->held_token;
	}
	return 1;
}

enum status vmfs_look(struct vmfs_volume *vol, vmfs_op_fn *fn, void *arg)
{
	uint64_t start = port_now_ns(), still = start, pause = PAUSE_NS;

	/* What is cached was ours to keep only as long as our slot is. */
	if (!vol->live.reading)
		return vmfs_beat_check(vol) == ST_LOST ? ST_LOST : vmfs_cover_look(vol, fn, arg);
	for (;;) {
		int changed = 0;
		enum status st = begin(vol), end_st;

		if (st == ST_OK)
			st = fn(vol, arg);
		vol->live.looks = 1;
		if (!vol->live.on || st == ST_NOMEM)
			return st;
		end_st = end(vol, &changed);
		if (end_st != ST_OK)
			return end_st;
		if (!changed && bear(&vol->live, st, still))
			return believe(vol, st);
		if (changed)
			still = port_now_ns();
		if (port_interrupted())
			return ST_CANCELLED;
		if (changed && port_now_ns() - start >= PATIENCE_NS)
			return ST_BUSY;
		vmfs_meta_relax(vol);
		port_world_sleep_ns(pause);
		pause = MIN(2 * pause, PAUSE_MAX_NS);
	}
}

enum status vmfs_hosts_watch(struct vmfs_volume *vol, uint64_t max_ns)
{
	uint64_t end_ns = port_now_ns() + max_ns;

	for (;;) {
		enum status st;
		uint32_t still = 0;

		vmfs_enter(vol);
		st = vmfs_live_sample(vol);
		for (uint32_t i = 0; i < vol->live.peers; i++)
			still += !vol->live.peer[i].moved &&
				 !vmfs_live_silent(vol, &vol->live.peer[i]);
		vmfs_leave(vol);
		if (st != ST_OK || !still || port_now_ns() >= end_ns)
			return st;
		if (port_interrupted())
			return ST_CANCELLED;
		port_world_sleep_ns(WATCH_NS);
	}
}

/* ---- the verdict on what was read ------------------------------------------------------------ */

void vmfs_live_doubt(struct vmfs_volume *vol, const struct why *why)
{
	if (!vol->live.doubts++)
		vol->live.doubt = *why;
}

enum status vmfs_read_verdict(struct vmfs_volume *vol, struct why *why)
{
	struct vmfs_live *l = &vol->live;
	enum status st = ST_OK;

	if (!l->reading)
		return ST_OK;
	vmfs_enter(vol);
	if (l->looks)
		st = vmfs_live_sample(vol);
	vmfs_leave(vol);
	if (st != ST_OK)
		return why_set(why, st, "%s: the heartbeats cannot be read again: %s",
			       vol->store.name, status_text(st));
	if (l->doubts) {
		*why = l->doubt;
		return ST_BUSY;
	}
	if (l->arrived)
		return why_set(why, ST_BUSY, "%s: a host began to use the volume while it was "
			       "read: what was read may mix two moments; read it again",
			       vol->store.name);
	return ST_OK;
}

/* ---- begin and end of a mount ---------------------------------------------------------------- */

enum status vmfs_live_start(struct vmfs_volume *vol, uint64_t quiet_ns, struct why *why)
{
	enum status st;

	vol->live.reading = 1;
	vol->live.quiet_ns = quiet_ns;
	st = begin(vol);
	return st == ST_OK ? ST_OK
			   : why_set(why, st, "%s: reading the heartbeats: %s", vol->store.name,
				     status_text(st));
}

void vmfs_live_fini(struct vmfs_volume *vol)
{
	drop_overlays(&vol->live);
	port_free(vol->live.seen);
	port_free(vol->live.peer);
}
