/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check_hb - rules H1 to H3: heartbeat slots, and the journals of hosts that left without
 * unmounting. A journal of ours that was committed but not applied is read along (check_read), so
 * that the rest of the check sees the volume as the next mount will leave it. */
#include "vmfs/check_priv.h"

static int slot_used(const struct vmfs_hb_disk *s)
{
	return le32_get(s->state) == VMFS_HB_USED;
}

static uint64_t slot_place(const struct check *c, uint32_t i)
{
	return VMFS_HB_AT + (uint64_t)i * c->layout.form->md_bytes;
}

enum status check_read_slots(struct check *c, const struct vmfs_form *form)
{
	uint32_t per_chunk = CHECK_CHUNK_BYTES / form->md_bytes;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < form->hb_slots && st == ST_OK; i += per_chunk) {
		uint32_t n = MIN(per_chunk, form->hb_slots - i);

		st = lvm_read(&c->lvm, VMFS_HB_AT + (uint64_t)i * form->md_bytes, c->chunk,
			      (uint64_t)n * form->md_bytes);
		for (uint32_t k = 0; k < n && st == ST_OK; k++)
			memcpy(&c->slot[i + k], c->chunk + (uint64_t)k * form->md_bytes,
			       sizeof(c->slot[0]));
	}
	return st == ST_OK ? ST_OK : why_set(c->why, st, "heartbeat region: %s", status_text(st));
}

static void describe(const struct vmfs_hb_disk *s, char *text, size_t size)
{
	char uuid[VMFS_UUID_TEXT], ip[sizeof(s->ip) + 1] = { 0 };
	struct vmfs_uuid owner;

	memcpy(&owner, &s->owner, sizeof(owner));
	memcpy(ip, s->ip, sizeof(s->ip));
	vmfs_uuid_format(&owner, uuid);
	fmt(text, size, "host %s%s%s%s", uuid, ip[0] ? " (" : "",
	    fmt_utf8_valid(ip, strlen(ip)) ? ip : "", ip[0] ? ")" : "");
}

static enum status check_slot(struct check *c, uint32_t i)
{
	struct vmfs_hb_disk *s = &c->slot[i];
	uint32_t state = le32_get(s->state);
	uint64_t at = le64_get(s->at);

	if (state != VMFS_HB_FREE && state != VMFS_HB_USED)
		check_find(c, VMFS_FIND_DAMAGE, "H1", slot_place(c, i),
			   "heartbeat slot %u: unknown state 0x%08x", i, state);
	if (at == slot_place(c, i))
		return ST_OK;
	check_report(c, c->opts->fix, VMFS_FIND_WRONG, "H1", slot_place(c, i),
		     "heartbeat slot %u: carries address 0x%jx instead of 0x%jx", i, at,
		     slot_place(c, i));
	le64_set(&s->at, slot_place(c, i));
	return c->opts->fix ? check_write(c, slot_place(c, i), s, sizeof(*s)) : ST_OK;
}

static uint64_t journal_bytes(const struct check *c)
{
	uint32_t own = c->layout.form->journal_bytes;

	return own ? own : c->layout.block_bytes;
}

/* H3 as far as the slot alone tells. */
static int journal_place_ok(const struct check *c, const struct vmfs_hb_disk *s)
{
	uint32_t addr = le32_get(s->journal_fb);
	uint64_t at = le64_get(s->journal_at);

	return vmfs_addr_res(&c->layout, addr) == c->layout.form->journal_res &&
	       vmfs_layout_addr_at(&c->layout, addr) == at && at >= c->layout.fdc_base &&
	       at <= c->lvm.bytes - journal_bytes(c);
}

/* Which resource of its kind the journal is; its place is right. */
static uint64_t journal_index(const struct check *c, const struct vmfs_hb_disk *s)
{
	const struct vmfs_geom *g = &c->layout.geom[c->layout.form->journal_res];
	uint32_t cluster = 0, resource = 0;

	vmfs_geom_split(g, c->layout.form->journal_res, le32_get(s->journal_fb),
			c->layout.dense_sb, &cluster, &resource);
	return check_index(g, cluster, resource);
}

static int has_journal(const struct vmfs_hb_disk *s)
{
	return le32_get(s->journal_fb) || le64_get(s->journal_at);
}

/* Slots in use, against each other and with their journals. */
static void check_active(struct check *c, uint32_t i)
{
	const struct vmfs_hb_disk *s = &c->slot[i];
	char who[128];

	describe(s, who, sizeof(who));
	check_find(c, VMFS_FIND_NOTE, "H1", slot_place(c, i),
		   "heartbeat slot %u is in use by %s, generation %ju", i, who, le64_get(s->gen));
	for (uint32_t k = 0; k < i; k++)
		if (slot_used(&c->slot[k]) &&
		    !memcmp(&c->slot[k].owner, &s->owner, sizeof(s->owner)))
			check_find(c, VMFS_FIND_DAMAGE, "H2", slot_place(c, i),
				   "heartbeat slots %u and %u are in use by the same host", k, i);
	if (has_journal(s) && !journal_place_ok(c, s))
		check_find(
		    c, VMFS_FIND_DAMAGE, "H3", slot_place(c, i),
		    "heartbeat slot %u: journal block 0x%08x and journal offset 0x%jx do not agree",
		    i, le32_get(s->journal_fb), le64_get(s->journal_at));
}

void check_journal_blocks(struct check *c)
{
	enum vmfs_res kind = c->layout.form->journal_res;

	for (uint32_t i = 0; i < c->layout.form->hb_slots; i++) {
		const struct vmfs_hb_disk *s = &c->slot[i];
		uint64_t block;

		if (!slot_used(s) || !has_journal(s) || !journal_place_ok(c, s))
			continue;
		block = journal_index(c, s);
		if (bit_get(c->ref[kind], block))
			check_find(c, VMFS_FIND_DAMAGE, "H3", slot_place(c, i),
				   "heartbeat slot %u: its journal block %ju belongs to a file, "
				   "too", i, block);
		else if (bit_get(c->used[kind], block))
			check_find(c, VMFS_FIND_NOTE, "H3", le64_get(s->journal_at),
				   "block %ju is the journal of heartbeat slot %u", block, i);
		bit_set(c->ref[kind], block);
	}
}

/* ---- journals -------------------------------------------------------------------------------- */

static int header_ok(const struct vmfs_journal_disk *h, const struct vmfs_hb_disk *s)
{
	struct vmfs_journal_disk copy = *h;

	le32_set(&copy.crc, 0);
	return le64_get(h->magic) == JOURNAL_MAGIC && le32_get(h->version) == 1 &&
	       port_accel()->crc32c(0, &copy, sizeof(copy)) == le32_get(h->crc) &&
	       le32_get(h->orphans) <= JOURNAL_ORPHANS &&
	       !memcmp(&h->host, &s->owner, sizeof(h->host)) &&
	       le64_get(h->hb_at) == le64_get(s->at) && le64_get(h->hb_gen) == le64_get(s->gen);
}

/* 1 when all records lie within [.., end) and name sectors of the volume. */
static int records_ok(const struct check *c, const uint8_t *buf, uint32_t count, uint32_t end)
{
	uint32_t at = VMFS_JOURNAL_RECORDS_AT;

	for (uint32_t i = 0; i < count; i++) {
		const struct vmfs_journal_rec_disk *rec = (const void *)(buf + at);
		uint64_t to, bytes;

		if (end < at || end - at < sizeof(*rec))
			return 0;
		to = le64_get(rec->at);
		bytes = le64_get(rec->bytes);
		if (bytes > end - at - sizeof(*rec))
			return 0;
		if (le32_get(rec->type) == VMFS_JOURNAL_LOCKS
			? bytes % sizeof(struct vmfs_journal_lock_disk)
			: le32_get(rec->type) != VMFS_JOURNAL_WRITE || to > c->lvm.bytes ||
			      bytes > c->lvm.bytes - to || (to | bytes) % SECTOR_BYTES)
			return 0;
		at += (uint32_t)(sizeof(*rec) + bytes);
	}
	return 1;
}

/* 1 when some record is not on the disk yet. An applied transaction stays in the journal until the
 * next one overwrites it. */
static enum status unapplied(struct check *c, const struct vmfs_journal_disk *h, const uint8_t *buf,
			     uint32_t count, int *differs)
{
	uint32_t at = VMFS_JOURNAL_RECORDS_AT;

	*differs = 0;
	for (uint32_t i = 0; i < count && !*differs; i++) {
		const struct vmfs_journal_rec_disk *rec = (const void *)(buf + at);
		uint64_t bytes = le64_get(rec->bytes);
		enum status st;

		if (le32_get(rec->type) == VMFS_JOURNAL_LOCKS) {
			st = vmfs_journal_locks_stand(&c->lvm, h, (const void *)(rec + 1), bytes);
		} else {
			st = lvm_read(&c->lvm, le64_get(rec->at), c->chunk, bytes);
			*differs = st == ST_OK && memcmp(c->chunk, rec + 1, bytes) != 0;
		}
		if (st != ST_OK)
			return st;
		at += (uint32_t)(sizeof(*rec) + bytes);
	}
	return ST_OK;
}

static enum status take_records(struct check *c, uint32_t i, struct check_journal *j,
				const struct vmfs_journal_disk *h)
{
	uint32_t end = le32_get(h->end), count = le32_get(h->records);
	int differs = 0;
	enum status st;

	if (le32_get(h->state) != 1 || end < VMFS_JOURNAL_RECORDS_AT ||
	    end > JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES ||
	    port_accel()->crc32c(0, j->buf + VMFS_JOURNAL_RECORDS_AT,
				 end - VMFS_JOURNAL_RECORDS_AT) != le32_get(h->records_crc))
		return ST_OK;
	if (!records_ok(c, j->buf, count, end)) {
		check_find(c, VMFS_FIND_DAMAGE, "H3", le64_get(c->slot[i].journal_at),
			   "journal of heartbeat slot %u: a committed record is impossible", i);
		return ST_OK;
	}
	st = unapplied(c, h, j->buf, count, &differs);
	if (st == ST_BUSY)
		return ST_OK;	/* over: its locks were given back */
	if (st == ST_OK && differs) {
		j->records = count;
		check_find(c, VMFS_FIND_WRONG, "H3", le64_get(c->slot[i].journal_at),
			   "journal of slot %u holds a finished transaction that was not applied: "
			   "mount for "
			   "writing, or -f fix",
			   i);
	}
	return st;
}

/* A foreign journal: ESXi leaves the part before the records zero when it is idle. */
static void check_foreign(struct check *c, uint32_t i, const uint8_t *buf)
{
	/* Theirs of VMFS-6 is never zero once it was used, and its format is not known. */
	if (c->layout.version >= 6)
		check_find(c, VMFS_FIND_NOTE, "H3", le64_get(c->slot[i].journal_at),
			   "journal of slot %u is not one of ours: what it holds is not known", i);
	else if (!port_accel()->is_zero(buf, VMFS_JOURNAL_RECORDS_AT))
		check_find(c, VMFS_FIND_DAMAGE, "H3", le64_get(c->slot[i].journal_at),
			   "journal of slot %u may hold an unfinished transaction of an ESXi host: "
			   "let that "
			   "host mount the volume",
			   i);
}

static enum status load_journal(struct check *c, uint32_t i)
{
	struct check_journal *j = &c->journal[c->journals];
	uint64_t at = le64_get(c->slot[i].journal_at);
	const struct vmfs_journal_disk *h;
	enum status st;

	if (c->journals == CHECK_JOURNALS) {
		check_find(c, VMFS_FIND_NOTE, "H3", at,
			   "journal of slot %u: not looked at, there are more than %u", i,
			   CHECK_JOURNALS);
		return ST_OK;
	}
	j->buf = port_dma_alloc(JOURNAL_BUF_BYTES);
	if (!j->buf)
		return why_set(c->why, ST_NOMEM, "no memory for a journal");
	h = (const void *)(j->buf + JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES);
	st = lvm_read(&c->lvm, at, j->buf, JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES);
	if (st == ST_OK)
		st = lvm_read(&c->lvm, at + journal_bytes(c) - VMFS_JOURNAL_TAIL_BYTES,
			      j->buf + JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES, SECTOR_BYTES);
	if (st == ST_OK && !header_ok(h, &c->slot[i])) {
		check_foreign(c, i, j->buf);
	} else if (st == ST_OK) {
		st = take_records(c, i, j, h);
		j->orphans = le32_get(h->orphans);
		for (uint32_t k = 0; k < j->orphans; k++)
			j->orphan[k] = (struct vmfs_orphan){ le32_get(h->orphan[k].fd),
							     le32_get(h->orphan[k].generation) };
	}
	if (st == ST_OK && (j->records || j->orphans)) {
		c->journals++;
		return ST_OK;
	}
	port_dma_free(j->buf, JOURNAL_BUF_BYTES);
	*j = (struct check_journal){ 0 };
	return st == ST_OK ? ST_OK
			   : why_set(c->why, st, "journal of slot %u: %s", i, status_text(st));
}

void check_journals_free(struct check *c)
{
	for (uint32_t i = 0; i < c->journals; i++)
		port_dma_free(c->journal[i].buf, JOURNAL_BUF_BYTES);
	c->journals = 0;
}

int check_is_pending_orphan(const struct check *c, uint32_t fd, uint32_t generation)
{
	for (uint32_t i = 0; i < c->journals; i++)
		for (uint32_t k = 0; k < c->journal[i].orphans; k++)
			if (c->journal[i].orphan[k].fd == fd &&
			    c->journal[i].orphan[k].generation == generation)
				return 1;
	return 0;
}

enum status check_heartbeats(struct check *c)
{
	enum status st = check_read_slots(c, c->layout.form);

	for (uint32_t i = 0; i < c->layout.form->hb_slots && st == ST_OK; i++) {
		st = check_slot(c, i);
		if (st != ST_OK || !slot_used(&c->slot[i]))
			continue;
		check_active(c, i);
		if (c->layout.version >= 5 && has_journal(&c->slot[i]) &&
		    journal_place_ok(c, &c->slot[i]))
			st = load_journal(c, i);
	}
	for (uint32_t i = 0; i < c->journals && st == ST_OK; i++)
		if (c->opts->fix && c->journal[i].records)
			st = why_set(c->why, ST_REFUSED,
				     "a host of another machine left a finished transaction "
				     "that is not applied: mount the volume there first");
	return st;
}

/* ---- locks ----------------------------------------------------------------------------------- */

void check_lock(struct check *c, const struct vmfs_lock_disk *lock, const char *what)
{
	uint64_t hb = le64_get(lock->hb_at), at = le64_get(lock->at);
	uint32_t mode = le32_get(lock->mode);
	const struct vmfs_hb_disk *s;
	uint32_t slot;

	if (mode == 0)
		return;
	if (mode > 3) {
		check_find(c, VMFS_FIND_DAMAGE, "R3", at, "%s: unknown lock mode %u", what, mode);
		return;
	}
	if (hb < VMFS_HB_AT || hb >= slot_place(c, c->layout.form->hb_slots) ||
	    hb % c->layout.form->md_bytes) {
		check_find(c, VMFS_FIND_DAMAGE, "R3", at,
			   "%s: locked, but its heartbeat address 0x%jx is no slot", what, hb);
		return;
	}
	slot = (uint32_t)((hb - VMFS_HB_AT) / c->layout.form->md_bytes);
	s = &c->slot[slot];
	if (slot_used(s) && le64_get(s->gen) == le64_get(lock->hb_gen) &&
	    (mode != 1 || !memcmp(&s->owner, &lock->owner, sizeof(s->owner))))
		check_find(c, VMFS_FIND_NOTE, "R3", at,
			   "%s: locked by the host of heartbeat slot %u", what, slot);
	else
		check_find(c, VMFS_FIND_NOTE, "R3", at,
			   "%s: locked by a host that is gone; the next writer breaks the lock",
			   what);
}
