/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* foreign - is a VMFS-6 only ours?
 *
 * Not all of VMFS-6 is public: what the codes of a free small block and of a large one in use are,
 * how a journal block is written, when clusters are handed from one kind to the other. On our own
 * volumes our choices hold (FORMAT.md); on one that ESXi made, or has used, they are guesses. Two
 * things tell: a record that our mkfs leaves where the format has nothing, at the end of the header
 * of .jbc.sf; and the heartbeat slots, for a host that gives one back leaves its name in it. */
#include "vmfs/format_priv.h"
#include "vmfs/vmfs_priv.h"

#define MARK_MAGIC	0x364B4D4E52494143ull	/* "CAIRNMK6" */

struct mark_disk {
	le64		magic;
	le32		version;	/* 1 */
	vmfs_uuid_disk	fs_uuid;
	uint8_t		zero[0x1FC - 28];
	le32		crc;		/* of the sector with this field 0 */
};
DISK_SIZE(struct mark_disk, SECTOR_BYTES);

static void make_mark(const vmfs_uuid_disk *fs_uuid, struct mark_disk *m)
{
	memset(m, 0, sizeof(*m));
	le64_set(&m->magic, MARK_MAGIC);
	le32_set(&m->version, 1);
	m->fs_uuid = *fs_uuid;
	le32_set(&m->crc, port_accel()->crc32c(0, m, sizeof(*m)));
}

static uint64_t mark_at(const struct vmfs_layout *l)
{
	return vmfs_sysmap_at(&l->map[VMFS_RES_JB], VMFS_RES_GROUP_AT - SECTOR_BYTES);
}

enum status vmfs_mark_write(struct lvm *lvm, const struct vmfs_layout *l,
			    const struct vmfs_uuid *fs_uuid)
{
	struct mark_disk m;
	vmfs_uuid_disk uuid;

	memcpy(&uuid, fs_uuid, sizeof(uuid));
	make_mark(&uuid, &m);
	return lvm_write(lvm, mark_at(l), &m, sizeof(m));
}

static enum status has_mark(struct vmfs_volume *vol, int *ours)
{
	struct mark_disk is, should;
	uint64_t at = mark_at(&vol->layout);
	enum status st = at == UINT64_MAX ? ST_OK : lvm_read(&vol->lvm, at, &is, sizeof(is));

	make_mark(&vol->layout.fs.uuid, &should);
	*ours = st == ST_OK && at != UINT64_MAX && !memcmp(&is, &should, sizeof(is));
	return st;
}

struct guests { uint32_t count; char address[47]; };

static int note_guest(void *arg, const struct vmfs_host_slot *slot)
{
	struct guests *g = arg;

	if (slot->generation && strncmp(slot->address, "cairn@", 6)) {
		if (!g->count++)
			mem_copy_text(g->address, sizeof(g->address), slot->address);
	}
	return 0;
}

enum status vmfs_foreign_check(struct vmfs_volume *vol, int join_foreign, struct why *why)
{
	struct guests guests = { 0 };
	int ours = 0;
	enum status st;

	if (!vmfs_form(vol)->fd_signature || join_foreign)
		return ST_OK;
	st = has_mark(vol, &ours);
	if (st == ST_OK)
		st = vmfs_slots(vol, 1, note_guest, &guests);
	if (st != ST_OK)
		return why_set(why, st, "%s: looking for other systems' traces: %s",
			       vol->store.name, status_text(st));
	if (ours && !guests.count)
		return ST_OK;
	return why_set(why, ST_REFUSED,
		       "%s: a VMFS-6 that %s%.46s: how it marks free blocks and writes its journal "
		       "is not public. Read it, or write with --join-foreign, and then never mount "
		       "it on ESXi again",
		       vol->store.name, ours ? "was used by " : "another system made",
		       ours ? guests.address : "");
}
