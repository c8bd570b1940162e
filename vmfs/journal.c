/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* journal - the running group becomes durable at once.
 *
 *	records -> flush -> header, state 1 -> flush -> every sector to its place -> flush
 *
 * The first flush also makes file data durable that ended before, so a pointer never arrives
 * without what it points to. The header stays in state 1 until the next group overwrites the
 * records: their CRC fails from the first changed byte on, and until then replaying them once more
 * changes nothing. Nothing that a group frees is reused before its header is overwritten (I5), so a
 * late replay never meets newer data.
 *
 * The first 0x350 bytes stay zero and the records have the shape that ESXi uses; the header lies in
 * the last 4 KiB, where a foreign host does not look. FORMAT.md has both. */
#include "vmfs/vmfs_priv.h"

#define RECORDS_FROM	0x200u	/* first byte written: records start in this sector, after zeros */
#define LOCKS_ROOM	(1600u * sizeof(struct vmfs_journal_lock_disk))

static uint64_t header_at(const struct vmfs_volume *vol, uint64_t journal_at)
{
	return journal_at + vmfs_journal_bytes(vol) - VMFS_JOURNAL_TAIL_BYTES;
}

static uint32_t records_crc(const uint8_t *buf, uint32_t end)
{
	return port_accel()->crc32c(0, buf + VMFS_JOURNAL_RECORDS_AT,
				    end - VMFS_JOURNAL_RECORDS_AT);
}

/* ---- the header ------------------------------------------------------------------------------ */

static void journal_seal(struct vmfs_journal_disk *h)
{
	le32_set(&h->crc, 0);
	le32_set(&h->crc, port_accel()->crc32c(0, h, sizeof(*h)));
}

/* NULL, or what is wrong with it. */
static const char *journal_check(const struct vmfs_journal_disk *disk)
{
	struct vmfs_journal_disk h = *disk;

	if (le64_get(h.magic) != JOURNAL_MAGIC)
		return "magic";
	journal_seal(&h);
	if (le32_get(h.crc) != le32_get(disk->crc))
		return "checksum";
	if (le32_get(h.version) != 1)
		return "version";
	if (le32_get(h.orphans) > JOURNAL_ORPHANS)
		return "number of orphans";
	if (le32_get(h.end) < VMFS_JOURNAL_RECORDS_AT ||
	    le32_get(h.end) > JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES)
		return "end of the records";
	return NULL;
}

static void encode_header(const struct vmfs_journal *j, uint32_t state, uint32_t records,
			  uint32_t end, struct vmfs_journal_disk *h)
{
	memset(h, 0, sizeof(*h));
	le64_set(&h->magic, JOURNAL_MAGIC);
	le32_set(&h->version, 1);
	le32_set(&h->state, state);
	memcpy(&h->host, &j->host, sizeof(h->host));
	le64_set(&h->hb_at, j->hb_at);
	le64_set(&h->hb_gen, j->hb_gen);
	le64_set(&h->txn, j->txn);
	le32_set(&h->records, records);
	le32_set(&h->end, end);
	le32_set(&h->records_crc, records ? records_crc(j->buf, end) : 0);
	le32_set(&h->orphans, j->orphans);
	for (uint32_t i = 0; i < j->orphans; i++) {
		le32_set(&h->orphan[i].fd, j->orphan[i].fd);
		le32_set(&h->orphan[i].generation, j->orphan[i].generation);
	}
	journal_seal(h);
}

static enum status write_header(struct vmfs_volume *vol, uint32_t state, uint32_t records,
				uint32_t end)
{
	struct vmfs_journal *j = &vol->journal;
	struct vmfs_journal_disk *h =
	    (void *)(j->buf + JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES);
	enum status st;

	encode_header(j, state, records, end, h);
	VERIFY(journal_check(h) == NULL);
	st = lvm_write(&vol->lvm, header_at(vol, j->at), h, sizeof(*h));
	return st == ST_OK && !PLANT(header_not_flushed) ? lvm_flush(&vol->lvm) : st;
}

enum status vmfs_journal_clear(struct vmfs_volume *vol)
{
	return write_header(vol, 0, 0, VMFS_JOURNAL_RECORDS_AT);
}

/* A block of .jbc.sf is taken again as it was left; a file block of VMFS-5 is just a free one. */
enum status vmfs_journal_blank(struct vmfs_volume *vol)
{
	uint64_t at = vol->journal.at, last = header_at(vol, at);
	enum status st;

	if (!vmfs_form(vol)->journal_bytes)
		return ST_OK;
	st = lvm_zero(&vol->lvm, at, VMFS_JOURNAL_TAIL_BYTES);
	return st == ST_OK ? lvm_zero(&vol->lvm, last, VMFS_JOURNAL_TAIL_BYTES) : st;
}

/* ---- commit ---------------------------------------------------------------------------------- */

static void copy_run(const struct vmfs_meta *m, const struct meta_run *run, uint8_t *to)
{
	uint32_t off = run->first_sector * SECTOR_BYTES, page = run->first_page;

	for (uint32_t left = run->bytes; left; page++, off = 0) {
		uint32_t part = MIN(left, META_PAGE_BYTES - off);

		memcpy(to, m->list[page]->data + off, part);
		to += part;
		left -= part;
	}
}

/* The locks that the group holds, as the first record. Returns where it ends. */
static uint32_t build_locks(struct vmfs_volume *vol)
{
	struct vmfs_journal_rec_disk *rec = (void *)(vol->journal.buf + VMFS_JOURNAL_RECORDS_AT);
	uint8_t *data = (uint8_t *)(rec + 1);
	uint32_t bytes = vmfs_locks_record(vol, data, LOCKS_ROOM);

	if (!bytes || PLANT(locks_not_recorded))
		return VMFS_JOURNAL_RECORDS_AT;
	memset(rec, 0, sizeof(*rec));
	le32_set(&rec->type, VMFS_JOURNAL_LOCKS);
	le64_set(&rec->bytes, bytes);
	return VMFS_JOURNAL_RECORDS_AT + (uint32_t)sizeof(*rec) + bytes;
}

/* The locks and the sorted dirty sectors as records. Returns their number. */
static uint32_t build_records(struct vmfs_volume *vol, uint32_t *end)
{
	uint32_t page = 0, sector = 0, at = build_locks(vol);
	uint32_t records = at > VMFS_JOURNAL_RECORDS_AT;
	uint8_t *buf = vol->journal.buf;
	struct meta_run run;

	while (vmfs_meta_next_run(&vol->meta, &page, &sector, &run)) {
		struct vmfs_journal_rec_disk *rec = (void *)(buf + at);

		VERIFY(at + sizeof(*rec) + run.bytes <=
		       JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES);
		memset(rec, 0, sizeof(*rec));
		le32_set(&rec->type, VMFS_JOURNAL_WRITE);
		le64_set(&rec->at, run.at);
		le64_set(&rec->bytes, run.bytes);
		copy_run(&vol->meta, &run, buf + at + sizeof(*rec));
		at += (uint32_t)sizeof(*rec) + run.bytes;
		records++;
	}
	*end = at;
	return records - (PLANT(record_forgotten) && records > 1);
}

static enum status write_records(struct vmfs_volume *vol, uint32_t end)
{
	struct vmfs_journal *j = &vol->journal;
	uint32_t to = (uint32_t)round_up(end, SECTOR_BYTES);
	enum status st;

	memset(j->buf + end, 0, to - end);
	st = lvm_write(&vol->lvm, j->at + RECORDS_FROM, j->buf + RECORDS_FROM, to - RECORDS_FROM);
	return st == ST_OK ? lvm_flush(&vol->lvm) : st;
}

static enum status commit_steps(struct vmfs_volume *vol)
{
	uint32_t records, end;
	enum status st;

	vmfs_meta_sort(vol);
	records = build_records(vol, &end);
	st = write_records(vol, end);
	if (st == ST_OK)
		st = vmfs_beat_check(vol);
	if (st != ST_OK)
		return st;
	vol->journal.txn++;
	if (PLANT(places_first))
		(void)!vmfs_meta_write_back(vol);
	st = write_header(vol, 1, records, end);
	if (st == ST_OK)
		st = vmfs_meta_write_back(vol);
	return st == ST_OK && !PLANT(places_not_flushed) ? lvm_flush(&vol->lvm) : st;
}

enum status vmfs_journal_commit(struct vmfs_volume *vol)
{
	struct vmfs_journal *j = &vol->journal;
	enum status st;

	if (vol->failed != ST_OK)
		return vol->failed;
	VERIFY(!vol->meta.in_op);
	vmfs_alloc_apply(vol);
	vol->worker.age = GROUP_NONE;
	port_timer_stop(&vol->worker.timer);
	if (!vol->meta.sectors) {
		st = vmfs_locks_release(vol);
		return st == ST_OK ? lvm_flush(&vol->lvm) : st;
	}
	j->committing = 1;
	st = vmfs_beat_check(vol);
	if (st == ST_OK && PLANT(released_before_commit))
		st = vmfs_locks_release(vol);
	if (st == ST_OK)
		st = commit_steps(vol);
	j->committing = 0;
	if (st != ST_OK)
		return vmfs_fail(vol, st, "writing metadata");
	vmfs_meta_group_done(vol);
	return vmfs_locks_release(vol);
}

int vmfs_journal_busy(const struct vmfs_volume *vol)
{
	return vol->journal.committing || vol->meta.sectors || vol->alloc.pendings;
}

/* ---- orphans --------------------------------------------------------------------------------- */

void vmfs_journal_op_begin(struct vmfs_volume *vol)
{
	struct vmfs_journal *j = &vol->journal;

	j->orphans_saved = j->orphans;
	memcpy(j->saved, j->orphan, j->orphans * sizeof(j->saved[0]));
}

void vmfs_journal_op_abort(struct vmfs_volume *vol)
{
	struct vmfs_journal *j = &vol->journal;

	j->orphans = j->orphans_saved;
	memcpy(j->orphan, j->saved, j->orphans * sizeof(j->saved[0]));
}

enum status vmfs_journal_add_orphan(struct vmfs_volume *vol, uint32_t fd, uint32_t generation)
{
	struct vmfs_journal *j = &vol->journal;

	if (PLANT(orphan_forgotten))
		return ST_OK;
	if (j->orphans == JOURNAL_ORPHANS)
		return ST_LIMIT;
	j->orphan[j->orphans++] = (struct vmfs_orphan){ fd, generation };
	return ST_OK;
}

void vmfs_journal_drop_orphan(struct vmfs_volume *vol, uint32_t fd)
{
	struct vmfs_journal *j = &vol->journal;

	for (uint32_t i = 0; i < j->orphans; i++) {
		if (j->orphan[i].fd == fd) {
			j->orphan[i] = j->orphan[--j->orphans];
			return;
		}
	}
}

/* ---- after a crash --------------------------------------------------------------------------- */

static int names_block(const struct vmfs_volume *vol, const struct vmfs_hb_disk *slot)
{
	uint64_t at = le64_get(slot->journal_at), size = vmfs_journal_bytes(vol);

	return !(at % MIN(size, META_PAGE_BYTES)) && at >= vol->layout.fdc_base &&
	       at <= vol->lvm.bytes - size;
}

enum status vmfs_journal_head(struct vmfs_volume *vol, const struct vmfs_hb_disk *slot,
			      struct vmfs_journal_disk *h, int *ours)
{
	enum status st;

	*ours = 0;
	if (!names_block(vol, slot))
		return ST_CORRUPT;
	st = lvm_read(&vol->lvm, header_at(vol, le64_get(slot->journal_at)), h, sizeof(*h));
	*ours = st == ST_OK && !journal_check(h) &&
		!memcmp(&h->host, &slot->owner, sizeof(h->host)) &&
		le64_get(h->hb_at) == le64_get(slot->at) &&
		le64_get(h->hb_gen) == le64_get(slot->gen);
	return st;
}

/* Header and records of a slot's journal into the buffer. */
static enum status load(struct vmfs_volume *vol, const struct vmfs_hb_disk *slot, int *ours)
{
	uint8_t *buf = vol->journal.buf;
	struct vmfs_journal_disk *h = (void *)(buf + JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES);
	enum status st = vmfs_journal_head(vol, slot, h, ours);

	return st == ST_OK ? lvm_read(&vol->lvm, le64_get(slot->journal_at), buf,
				      JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES) : st;
}

enum status vmfs_journal_look(struct vmfs_volume *vol, const struct vmfs_hb_disk *slot,
			      enum journal_find *find)
{
	int ours = 0;
	enum status st;

	*find = JOURNAL_IDLE;
	if (!le64_get(slot->journal_at))
		return ST_OK;
	st = load(vol, slot, &ours);
	if (st != ST_OK)
		return st;
	if (ours)
		*find = JOURNAL_OURS;
	else if (!port_accel()->is_zero(vol->journal.buf, VMFS_JOURNAL_RECORDS_AT))
		*find = JOURNAL_FOREIGN;
	return ST_OK;
}

/* One record, checked: it lies in the buffer and names sectors of the volume, past the
 * heartbeats. */
static int record_ok(struct vmfs_volume *vol, uint32_t at, uint32_t end)
{
	const struct vmfs_journal_rec_disk *rec = (const void *)(vol->journal.buf + at);
	uint64_t to, bytes;

	if (end - at < sizeof(*rec))
		return 0;
	to = le64_get(rec->at);
	bytes = le64_get(rec->bytes);
	if (!bytes || bytes > end - at - sizeof(*rec))
		return 0;
	if (le32_get(rec->type) == VMFS_JOURNAL_LOCKS)
		return !to && bytes % sizeof(struct vmfs_journal_lock_disk) == 0;
	return le32_get(rec->type) == VMFS_JOURNAL_WRITE && !((to | bytes) % SECTOR_BYTES) &&
	       to >= vol->layout.fdc_base && to < vol->lvm.bytes && bytes <= vol->lvm.bytes - to;
}

typedef enum status record_fn(struct vmfs_volume *vol, uint64_t at, const uint8_t *data,
			      uint64_t bytes);

static struct vmfs_journal_disk *header_in(struct vmfs_volume *vol)
{
	return (void *)(vol->journal.buf + JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES);
}

/* fn for each record of that type. The records were checked as a whole by their CRC. */
static enum status walk_records(struct vmfs_volume *vol, uint32_t type, record_fn *fn)
{
	uint8_t *buf = vol->journal.buf;
	const struct vmfs_journal_disk *h = header_in(vol);
	uint32_t at = VMFS_JOURNAL_RECORDS_AT, end = le32_get(h->end);
	enum status st = ST_OK;

	for (uint32_t i = 0; i < le32_get(h->records) && st == ST_OK; i++) {
		const struct vmfs_journal_rec_disk *rec = (const void *)(buf + at);

		if (!record_ok(vol, at, end))
			return ST_CORRUPT;
		if (le32_get(rec->type) == type)
			st = fn(vol, le64_get(rec->at), buf + at + sizeof(*rec),
				le64_get(rec->bytes));
		at += (uint32_t)(sizeof(*rec) + le64_get(rec->bytes));
	}
	return st;
}

/* ST_BUSY: the host of the header has that lock no more. */
static enum status check_lock(struct lvm *lvm, const struct vmfs_journal_disk *h,
			      const struct vmfs_journal_lock_disk *entry)
{
	uint64_t at = le64_get(entry->at);
	struct vmfs_lock_disk lock;
	enum status st;

	if (at % SECTOR_BYTES || at > lvm->bytes - SECTOR_BYTES)
		return ST_CORRUPT;
	st = lvm_read(lvm, at, &lock, sizeof(lock));
	if (st != ST_OK)
		return st;
	return le32_get(lock.mode) == VMFS_LOCK_EXCLUSIVE &&
	       le64_get(lock.token) == le64_get(entry->token) &&
	       le64_get(lock.hb_at) == le64_get(h->hb_at) &&
	       le64_get(lock.hb_gen) == le64_get(entry->hb_gen) &&
	       le64_get(lock.hb_gen) == le64_get(h->hb_gen) &&
	       !memcmp(&lock.owner, &h->host, sizeof(h->host)) ? ST_OK : ST_BUSY;
}

enum status vmfs_journal_locks_stand(struct lvm *lvm, const struct vmfs_journal_disk *h,
				     const uint8_t *data, uint64_t bytes)
{
	enum status st = ST_OK;

	for (uint64_t i = 0; i < bytes && st == ST_OK; i += sizeof(struct vmfs_journal_lock_disk))
		st = check_lock(lvm, h, (const void *)(data + i));
	return st;
}

static enum status check_locks(struct vmfs_volume *vol, uint64_t at, const uint8_t *data,
			       uint64_t bytes)
{
	(void)at;
	return vmfs_journal_locks_stand(&vol->lvm, header_in(vol), data, bytes);
}

/* fn for each sector run of a transaction that is committed and not over. It is over when one of
 * its locks was given back: all was in its place by then, and others may have changed it since. */
static enum status for_each_record(struct vmfs_volume *vol, record_fn *fn)
{
	const struct vmfs_journal_disk *h = header_in(vol);
	enum status st;

	if (le32_get(h->state) != 1 ||
	    (records_crc(vol->journal.buf, le32_get(h->end)) != le32_get(h->records_crc) &&
	     !PLANT(replay_unchecked)))
		return ST_OK;
	st = PLANT(locks_unchecked) ? ST_OK : walk_records(vol, VMFS_JOURNAL_LOCKS, check_locks);
	if (st != ST_OK)
		return st == ST_BUSY ? ST_OK : st;
	return walk_records(vol, VMFS_JOURNAL_WRITE, fn);
}

static enum status write_record(struct vmfs_volume *vol, uint64_t at, const uint8_t *data,
				uint64_t bytes)
{
	return lvm_write(&vol->lvm, at, data, bytes);
}

static void adopt(struct vmfs_journal *j, const struct vmfs_hb_disk *slot)
{
	const struct vmfs_journal_disk *h =
	    (void *)(j->buf + JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES);

	j->at = le64_get(slot->journal_at);
	memcpy(&j->host, &slot->owner, sizeof(j->host));
	j->hb_at = le64_get(slot->at);
	j->hb_gen = le64_get(slot->gen);
	j->txn = le64_get(h->txn);
	j->orphans = le32_get(h->orphans);
	for (uint32_t i = 0; i < j->orphans; i++)
		j->orphan[i] = (struct vmfs_orphan){ le32_get(h->orphan[i].fd),
						     le32_get(h->orphan[i].generation) };
}

enum status vmfs_journal_replay(struct vmfs_volume *vol, const struct vmfs_hb_disk *slot)
{
	int ours = 0;
	enum status st = load(vol, slot, &ours);

	if (st == ST_OK && !ours)
		st = ST_CORRUPT;
	if (st == ST_OK)
		st = for_each_record(vol, write_record);
	if (st == ST_OK)
		st = lvm_flush(&vol->lvm);
	if (st != ST_OK)
		return st;
	adopt(&vol->journal, slot);
	return vmfs_journal_clear(vol);
}

static enum status lay_over(struct vmfs_volume *vol, uint64_t at, const uint8_t *data,
			    uint64_t bytes)
{
	return vmfs_live_record(vol, at, data, bytes);
}

enum status vmfs_journal_overlay(struct vmfs_volume *vol, const struct vmfs_hb_disk *slot,
				 const struct vmfs_journal_disk *head)
{
	uint8_t *buf = vol->journal.buf;
	enum status st;

	memcpy(buf + JOURNAL_BUF_BYTES - VMFS_JOURNAL_TAIL_BYTES, head, sizeof(*head));
	st = lvm_read(&vol->lvm, le64_get(slot->journal_at), buf, le32_get(head->end));
	return st == ST_OK ? for_each_record(vol, lay_over) : st;
}

/* ---- begin and end --------------------------------------------------------------------------- */

enum status vmfs_journal_init(struct vmfs_volume *vol)
{
	vol->journal.buf = port_dma_alloc(JOURNAL_BUF_BYTES);
	return vol->journal.buf ? ST_OK : ST_NOMEM;
}

void vmfs_journal_fini(struct vmfs_volume *vol)
{
	if (vol->journal.buf)
		port_dma_free(vol->journal.buf, JOURNAL_BUF_BYTES);
}
