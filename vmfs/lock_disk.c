/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lock_disk - one lock sector: what it says, how it looks when it is taken, left or given back, and
 * the atomic test and set that makes it so. What changes it is prepared in locks.next. */
#include "vmfs/vmfs_priv.h"

#define TRIES		16u		/* of an ATS: others came first, or the device said so */
#define FIRST_NS	200000u

static int names_us(const struct vmfs_volume *vol, le64 hb_at, le64 hb_gen,
		    const vmfs_uuid_disk *host)
{
	const struct vmfs_journal *j = &vol->journal;

	return le64_get(hb_at) == j->hb_at && le64_get(hb_gen) == j->hb_gen &&
	       !memcmp(host, &j->host, sizeof(*host));
}

int vmfs_lock_is_ours(const struct vmfs_volume *vol, const struct vmfs_lock_disk *l)
{
	return le32_get(l->mode) == VMFS_LOCK_EXCLUSIVE &&
	       names_us(vol, l->hb_at, l->hb_gen, &l->owner);
}

const char *vmfs_lock_bad(const struct vmfs_lock_disk *l, uint64_t at)
{
	if (le32_get(l->type) >> 8 != VMFS_LOCK_TYPE_BASE >> 8)
		return "not a lock";
	if (le64_get(l->at) != at)
		return "names another place";
	if (le32_get(l->mode) > VMFS_LOCK_MULTI_WRITER ||
	    le32_get(l->num_holders) > ARRAY_COUNT(l->holders))
		return "mode or holders out of range";
	return NULL;
}

/* ATS of a lock sector from its cached image to locks.next. SWAP_OTHER: others changed it, and the
 * page is as it is now. An answer that is false, late or lost is no answer: what the disk holds
 * decides. */
enum status vmfs_lock_swap(struct vmfs_volume *vol, struct meta_page *page, uint32_t off,
			enum vmfs_swap *how)
{
	struct vmfs_locks *l = &vol->locks;
	uint32_t bytes = vmfs_form(vol)->md_bytes;
	uint64_t at = page->at + off;
	struct lvm_swap s = { .old = page->data + off, .new = l->next, .seen = l->seen,
			      .bytes = bytes };
	enum vaai_ats_result result = VAAI_ATS_DIFFERS;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < TRIES; i++) {
		st = lvm_ats(&vol->lvm, at, &s, &result);
		if (st == ST_LOST || st == ST_READONLY)
			return st;
		if (st != ST_OK) {
			enum status seen_st = lvm_read(&vol->lvm, at, l->seen, bytes);

			if (seen_st != ST_OK)
				return st;
			result = VAAI_ATS_DIFFERS;
		}
		if (result == VAAI_ATS_WRITTEN || !memcmp(l->seen, l->next, bytes)) {
			memcpy(page->data + off, l->next, bytes);
			*how = SWAP_DONE;
			return ST_OK;
		}
		if (memcmp(l->seen, s.old, bytes)) {
			*how = SWAP_OTHER;
			l->met_ns = port_now_ns();
			l->strangers++;
			return vmfs_page_refresh(vol, page);
		}
		port_world_sleep_ns(FIRST_NS << MIN(i, 8u));
	}
	return st == ST_OK ? ST_BUSY : st;
}

/* 1 when `mode` cannot be had beside what the lock says. */
int vmfs_lock_blocks(const struct vmfs_lock_disk *l, uint32_t mode)
{
	uint32_t now = le32_get(l->mode);

	if (now == VMFS_LOCK_FREE || (PLANT(readers_ignored) && now == VMFS_LOCK_READ_ONLY))
		return 0;
	return now != mode || mode == VMFS_LOCK_EXCLUSIVE ||
	       le32_get(l->num_holders) >= ARRAY_COUNT(l->holders);
}

struct vmfs_lock_disk *vmfs_lock_next(struct vmfs_volume *vol, const struct meta_page *page,
					 uint32_t off)
{
	struct vmfs_lock_disk *n = (void *)vol->locks.next;

	memcpy(n, page->data + off, vmfs_form(vol)->md_bytes);
	le64_set(&n->token, le64_get(n->token) + 1);
	le64_set(&n->mtime, 0x200 + vol->dirs.op);
	return n;
}

static void name_holder(const struct vmfs_volume *vol, le64 *hb_at, le64 *hb_gen,
			vmfs_uuid_disk *host)
{
	le64_set(hb_at, vol->journal.hb_at);
	le64_set(hb_gen, vol->journal.hb_gen);
	memcpy(host, &vol->journal.host, sizeof(*host));
}

/* Of modes 2 and 3, `owner` is the first holder. What a free lock says of holders is old. */
void vmfs_lock_taken(struct vmfs_volume *vol, const struct meta_page *page, uint32_t off,
		  uint32_t mode)
{
	struct vmfs_lock_disk *n = vmfs_lock_next(vol, page, off);

	if (le32_get(n->mode) == VMFS_LOCK_FREE) {
		name_holder(vol, &n->hb_at, &n->hb_gen, &n->owner);
		le32_set(&n->num_holders, 0);
		memset(n->holders, 0, sizeof(n->holders));
	}
	le32_set(&n->mode, mode);
	if (mode != VMFS_LOCK_EXCLUSIVE) {
		uint32_t i = le32_get(n->num_holders);

		name_holder(vol, &n->holders[i].hb_at, &n->holders[i].hb_gen,
			    &n->holders[i].host);
		le32_set(&n->num_holders, i + 1);
	}
}

/* Holder i goes; the last one frees the lock. */
void vmfs_lock_leave(struct vmfs_lock_disk *n, uint32_t i)
{
	uint32_t left = le32_get(n->num_holders) - 1;

	n->holders[i] = n->holders[left];
	memset(&n->holders[left], 0, sizeof(n->holders[left]));
	le32_set(&n->num_holders, left);
	if (left) {
		n->hb_at = n->holders[0].hb_at;
		n->hb_gen = n->holders[0].hb_gen;
		memcpy(&n->owner, &n->holders[0].host, sizeof(n->owner));
		return;
	}
	le32_set(&n->mode, VMFS_LOCK_FREE);
	memset(&n->owner, 0, sizeof(n->owner));
}

void vmfs_lock_freed(struct vmfs_volume *vol, const struct meta_page *page, uint32_t off)
{
	struct vmfs_lock_disk *n = vmfs_lock_next(vol, page, off);
	uint32_t count = MIN(le32_get(n->num_holders), (uint32_t)ARRAY_COUNT(n->holders));

	if (le32_get(n->mode) == VMFS_LOCK_EXCLUSIVE) {
		le32_set(&n->mode, VMFS_LOCK_FREE);
		memset(&n->owner, 0, sizeof(n->owner));
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		if (names_us(vol, n->holders[i].hb_at, n->holders[i].hb_gen,
			     &n->holders[i].host)) {
			vmfs_lock_leave(n, i);
			return;
		}
}

/* A process that was stopped inside an ATS of this sector keeps it busy. Nobody but the holder
 * changes an exclusive lock, and that ATS can only find that it lost; so it is not waited for. */
enum status vmfs_lock_write_over(struct vmfs_volume *vol, struct meta_page *page, uint32_t off,
			      enum vmfs_swap *how)
{
	uint32_t bytes = vmfs_form(vol)->md_bytes;
	enum status st = lvm_write(&vol->lvm, page->at + off, vol->locks.next, bytes);

	if (st == ST_OK)
		memcpy(page->data + off, vol->locks.next, bytes);
	*how = SWAP_DONE;
	return st;
}
