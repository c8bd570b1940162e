/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* file_lock - the lock of a file that this host has open for writing.
 *
 * Other hosts learn from it that the content may change although no metadata does. It is exclusive
 * from the open to the close, and names our slot and its generation, so it falls with them: when a
 * dead host's slot is cleared, the lock is stale and the next one takes it.
 *
 * The lock sector travels with the running group. A lock must be on the disk before the first
 * write of data, so taking it commits; not for a file that the same group makes, which nobody sees
 * before, and not when the release of the last open has not left memory yet. */
#include "vmfs/vmfs_priv.h"

static struct vmfs_lock_disk *edit(struct vmfs_volume *vol, const struct vmfs_slot *where)
{
	return vmfs_meta_edit(vol, where->page, where->off, sizeof(struct vmfs_lock_disk),
			      META_RANK_OBJECT);
}

struct take { struct vmfs_fd fd; int pending; };

static enum status take_op(struct vmfs_volume *vol, void *arg)
{
	struct take *t = arg;
	struct vmfs_lock_disk *l;
	struct vmfs_slot where;
	enum status st = vmfs_fd_lock_slot(vol, &t->fd, &where);

	if (st != ST_OK)
		return st;
	t->pending = where.page->dirty >> (where.off / SECTOR_BYTES) & 1;
	l = edit(vol, &where);
	if (!l)
		return ST_NOMEM;
	le64_set(&l->hb_at, vol->beat.at);
	le64_set(&l->hb_gen, vol->beat.gen);
	le64_set(&l->token, le64_get(l->token) + 1);
	le32_set(&l->mode, VMFS_LOCK_EXCLUSIVE);
	memcpy(&l->owner, &vol->beat.host, sizeof(l->owner));
	le64_set(&l->mtime, 0x200 + vol->dirs.op);
	/* What a stale lock says of its holders ends here. */
	le32_set(&l->num_holders, 0);
	memset(l->holders, 0, sizeof(l->holders));
	return ST_OK;
}

enum status vmfs_lock_take(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	struct take t = { .fd = *fd };
	enum status st = vmfs_meta_run(vol, 1, take_op, &t);

	return st == ST_OK && !t.pending ? vmfs_journal_commit(vol) : st;
}

enum status vmfs_lock_release(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	struct vmfs_lock_disk *l;
	struct vmfs_slot where;
	enum status st = vmfs_fd_lock_slot(vol, fd, &where);

	if (st != ST_OK)
		return st;
	l = edit(vol, &where);
	if (!l)
		return ST_NOMEM;
	le64_set(&l->token, le64_get(l->token) + 1);
	le32_set(&l->mode, VMFS_LOCK_FREE);
	memset(&l->owner, 0, sizeof(l->owner));
	le64_set(&l->mtime, 0x200 + vol->dirs.op);
	return ST_OK;
}
