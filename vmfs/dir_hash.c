/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* dir_hash - directories of VMFS-6: entries in blocks, found through a hash table.
 *
 *	64 KiB header: counts, "." and "..", 16001 buckets
 *	blocks of 4 KiB: allocation map (what each block is) | 14 entries | 48 link groups
 *
 * A bucket is empty, or the place of the only entry of its hash, or that of a chain of link groups.
 * Blocks are used in the order of the map, for other readers stop at the first that was never
 * written. A removed entry is zeroed and its slot marked free; blocks are not given back. A block
 * is written whole when it is taken, so nothing of an old owner shows.
 *
 * Lookups go through the table. Where it is damaged, or does not know a name on a volume that is
 * only read, the entries themselves are looked through: what the table lost is still found. */
#include "vmfs/dir_hash_priv.h"
#include "vmfs/format_priv.h"
#include "vmfs/vmfs_priv.h"

#define CHAIN_MAX	(1u << 16)	/* link groups of a chain: more is a loop */

/* ---- places ---------------------------------------------------------------------------------- */

static uint32_t number_of_place(uint32_t place)
{
	return vmfs_dir_hash_number(VMFS6_PLACE_BLOCK(place), VMFS6_PLACE_SLOT(place));
}

static uint32_t block_count(const struct vmfs_fd *dir)
{
	uint64_t length = vmfs_fd_length(dir);

	return length <= VMFS6_DIR_BLOCKS_AT
		   ? 0
		   : (uint32_t)MIN((length - VMFS6_DIR_BLOCKS_AT) / VMFS6_DIR_BLOCK_BYTES,
				   (uint64_t)1 << 22);
}

uint32_t vmfs_dir_hash_system_bucket(const char *name)
{
	static const char *const file[] = { ".fbb.sf", ".fdc.sf", ".pbc.sf", ".sbc.sf", ".vh.sf",
					    ".pb2.sf", ".sdd.sf", ".jbc.sf", ".unmap.sf",
					    ".dfd.sf" };

	for (uint32_t i = 0; i < ARRAY_COUNT(file); i++)
		if (!strcmp(name, file[i]))
			return VMFS6_DIR_ROOT_BUCKETS + 1 + i;	/* its FD's number */
	return ~0u;
}

static int is_root(const struct vmfs_fd *dir) { return dir->addr == VMFS_FD_ROOT; }

static enum status get32(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint64_t at,
			 uint32_t *value)
{
	le32 raw;
	enum status st = vmfs_fd_read(vol, dir, at, &raw, sizeof(raw));

	*value = le32_get(raw);
	return st;
}

static enum status put32(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint64_t at,
			 uint32_t value)
{
	le32 raw = le32_make(value);

	return vmfs_fd_write(vol, dir, at, &raw, sizeof(raw));
}

/* ---- the header ------------------------------------------------------------------------------ */

static enum status read_head(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			     struct vmfs6_dir_head_disk *h)
{
	enum status st = vmfs_fd_read(vol, dir, 0, h, sizeof(*h));
	uint32_t version = le32_get(h->version);

	if (st != ST_OK)
		return st;
	return (version == VMFS6_DIR_VERSION || version == VMFS6_DIR_VERSION_DEBUG) &&
		       le32_get(h->maps) <= VMFS6_DIR_MAPS_MAX ? ST_OK : ST_CORRUPT;
}

static enum status add_count(struct vmfs_volume *vol, const struct vmfs_fd *dir, int delta)
{
	struct vmfs6_dir_head_disk h;
	enum status st = read_head(vol, dir, &h);

	if (st == ST_OK)
		st = put32(vol, dir, offsetof(struct vmfs6_dir_head_disk, entries),
			   le32_get(h.entries) + (uint32_t)delta);
	return st == ST_OK ? put32(vol, dir, offsetof(struct vmfs6_dir_head_disk, allocated),
				   le32_get(h.allocated) + (uint32_t)delta)
			   : st;
}

/* ---- the allocation map ---------------------------------------------------------------------- */

/* File offset of the byte with a block's nibble. ST_LIMIT: no map reaches that far. */
static enum status nibble_at(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t block,
			     uint64_t *at)
{
	struct vmfs6_dir_head_disk h;
	uint32_t map = block / VMFS6_MAP_NIBBLES;
	enum status st = read_head(vol, dir, &h);

	if (st != ST_OK)
		return st;
	if (map >= le32_get(h.maps))
		return ST_LIMIT;
	*at = vmfs_dir_hash_block_at(le32_get(h.map[map]) & 0x3FFFFF) +
	      sizeof(struct vmfs6_dir_block_disk) + block % VMFS6_MAP_NIBBLES / 2;
	return ST_OK;
}

static enum status nibble_get(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t block,
			      uint32_t *nibble)
{
	uint64_t at;
	uint8_t byte;
	enum status st = nibble_at(vol, dir, block, &at);

	if (st == ST_OK)
		st = vmfs_fd_read(vol, dir, at, &byte, 1);
	if (st == ST_OK)
		*nibble = vmfs_dir_hash_nibble(byte, block);
	return st;
}

static enum status nibble_set(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t block,
			      uint32_t nibble)
{
	uint64_t at;
	uint8_t byte;
	enum status st = nibble_at(vol, dir, block, &at);

	if (st == ST_OK)
		st = vmfs_fd_read(vol, dir, at, &byte, 1);
	if (st != ST_OK)
		return st;
	byte = (uint8_t)(block % 2 ? (byte & 0xF0) | nibble : (byte & 0x0F) | nibble << 4);
	return vmfs_fd_write(vol, dir, at, &byte, 1);
}

/* ---- blocks with slots ----------------------------------------------------------------------- */

static enum status read_block(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t block,
			      enum vmfs6_place type, struct vmfs6_dir_block_disk *b)
{
	enum status st = block < block_count(dir)
			     ? vmfs_fd_read(vol, dir, vmfs_dir_hash_block_at(block), b, sizeof(*b))
			     : ST_CORRUPT;

	return st == ST_OK && le16_get(b->type) != type ? ST_CORRUPT : st;
}

/* The first block of a type with room, or the first that was never written (*fresh). */
static enum status find_room(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			     enum vmfs6_place type, uint32_t *block, int *fresh)
{
	uint8_t byte[64];
	uint64_t at = 0;

	for (*block = 0;; ++*block) {
		uint32_t in = *block % VMFS6_MAP_NIBBLES / 2, n;
		enum status st = ST_OK;

		if (*block % VMFS6_MAP_NIBBLES == 0)
			st = nibble_at(vol, dir, *block, &at);
		if (st == ST_OK && *block % 128 == 0)	/* maps are a multiple of that long */
			st = vmfs_fd_read(vol, dir, at + in, byte, sizeof(byte));
		if (st != ST_OK)
			return st;
		n = vmfs_dir_hash_nibble(byte[in % 64], *block);
		*fresh = (n & VMFS6_NIBBLE_NEVER) != 0;
		if (*fresh || n == (type | VMFS6_NIBBLE_ROOM))
			return ST_OK;
	}
}

static enum status new_block(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t block,
			     enum vmfs6_place type)
{
	uint64_t at = vmfs_dir_hash_block_at(block), end = at + VMFS6_DIR_BLOCK_BYTES;
	uint8_t *image;
	struct vmfs6_dir_block_disk *b;
	enum status st;

	if (end > vmfs_map_reach(vol, dir))
		return ST_LIMIT;
	image = port_alloc(VMFS6_DIR_BLOCK_BYTES);
	if (!image)
		return ST_NOMEM;
	b = (void *)image;
	le16_set(&b->version, 1);
	le16_set(&b->type, (uint16_t)type);
	le16_set(&b->slots, (uint16_t)vmfs_dir_hash_slots(type));
	le16_set(&b->free, (uint16_t)vmfs_dir_hash_slots(type));
	for (uint32_t i = 0; i < vmfs_dir_hash_slots(type); i++)
		b->bitmap[i / 8] |= (uint8_t)(1u << (i % 8));
	st = vmfs_fd_write(vol, dir, at, image, VMFS6_DIR_BLOCK_BYTES);
	port_free(image);
	if (st == ST_OK)
		st = nibble_set(vol, dir, block, type | VMFS6_NIBBLE_ROOM);
	return st == ST_OK && end > vmfs_fd_length(dir) ? vmfs_fd_set_length(vol, dir, end) : st;
}

static enum status take_slot(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			     enum vmfs6_place type, uint32_t *place)
{
	struct vmfs6_dir_block_disk b;
	uint32_t block, slot = 0;
	int fresh = 0;
	enum status st = find_room(vol, dir, type, &block, &fresh);

	if (st == ST_OK && fresh)
		st = new_block(vol, dir, block, type);
	if (st == ST_OK)
		st = read_block(vol, dir, block, type, &b);
	if (st != ST_OK)
		return st;
	while (slot < vmfs_dir_hash_slots(type) && !vmfs_dir_hash_slot_free(&b, slot))
		slot++;
	if (slot == vmfs_dir_hash_slots(type) || !le16_get(b.free))
		return ST_CORRUPT;	/* the map says that it has room */
	b.bitmap[slot / 8] &= (uint8_t)~(1u << (slot % 8));
	le16_set(&b.free, (uint16_t)(le16_get(b.free) - 1));
	*place = VMFS6_PLACE(type, block, slot);
	st = vmfs_fd_write(vol, dir, vmfs_dir_hash_block_at(block), &b, sizeof(b));
	return st == ST_OK && !le16_get(b.free) ? nibble_set(vol, dir, block, type) : st;
}

static enum status give_slot(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			     enum vmfs6_place type, uint32_t block, uint32_t slot)
{
	static const uint8_t zeros[sizeof(struct vmfs6_dirent_disk)];
	uint64_t at = type == VMFS6_PLACE_ENTRY ? vmfs_dir_hash_entry_at(block, slot)
						: vmfs_dir_hash_group_at(block, slot);
	struct vmfs6_dir_block_disk b;
	enum status st = read_block(vol, dir, block, type, &b);

	if (st != ST_OK)
		return st;
	if (slot >= vmfs_dir_hash_slots(type) || vmfs_dir_hash_slot_free(&b, slot))
		return ST_CORRUPT;
	b.bitmap[slot / 8] |= (uint8_t)(1u << (slot % 8));
	le16_set(&b.free, (uint16_t)(le16_get(b.free) + 1));
	st = vmfs_fd_write(vol, dir, vmfs_dir_hash_block_at(block), &b, sizeof(b));
	if (st == ST_OK)	/* other readers take an address for an entry */
		st = vmfs_fd_write(vol, dir, at, zeros,
				   type == VMFS6_PLACE_ENTRY ? sizeof(struct vmfs6_dirent_disk)
							     : sizeof(struct vmfs6_dir_group_disk));
	return st == ST_OK ? nibble_set(vol, dir, block, type | VMFS6_NIBBLE_ROOM) : st;
}

/* ---- entries --------------------------------------------------------------------------------- */

static enum status hash_entry(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t number,
			      struct vmfs_entry *entry)
{
	struct vmfs6_dirent_disk d;
	enum status st = vmfs_fd_read(vol, dir, vmfs_dir_hash_number_at(number), &d, sizeof(d));

	if (st != ST_OK)
		return st;
	vmfs_entry_decode(&d.head, d.name, number, entry);
	return ST_OK;
}

static enum status put_entry(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t number,
			     const char *name, const struct vmfs_fd *child)
{
	const struct vmfs_fd_disk *m = vmfs_fd_meta(child);
	struct vmfs6_dirent_disk d = { 0 };

	vmfs_dirent_set(&d.head, le32_get(m->type), child->addr, le32_get(m->generation));
	le32_set(&d.hash, number > 1 ? (uint32_t)vmfs_name_hash(name) : 0);
	le64_set(&d.at, vmfs_dir_hash_number_at(number));
	memcpy(d.name, name, strlen(name));
	return vmfs_fd_write(vol, dir, vmfs_dir_hash_number_at(number), &d, sizeof(d));
}

/* The used slots of a block, from the one of *number on. ST_NOENT: no more in this block. */
static enum status next_in_block(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				 uint32_t *number, struct vmfs_entry *entry)
{
	uint32_t block = vmfs_dir_hash_block_of(*number), slot = vmfs_dir_hash_slot_of(*number);
	uint32_t nibble;
	struct vmfs6_dir_block_disk b;
	enum status st = nibble_get(vol, dir, block, &nibble);

	if (st != ST_OK)
		return st == ST_LIMIT ? ST_CORRUPT : st;
	if (nibble & VMFS6_NIBBLE_NEVER || VMFS6_NIBBLE_TYPE(nibble) != VMFS6_PLACE_ENTRY)
		return ST_NOENT;
	st = read_block(vol, dir, block, VMFS6_PLACE_ENTRY, &b);
	for (; slot < VMFS6_DIR_SLOTS && st == ST_OK; slot++) {
		if (vmfs_dir_hash_slot_free(&b, slot))
			continue;
		*number = vmfs_dir_hash_number(block, slot);
		st = hash_entry(vol, dir, *number, entry);
		if (st != ST_OK || entry->fd)
			return st;
	}
	return st == ST_OK ? ST_NOENT : st;
}

static enum status hash_next(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t *number,
			     struct vmfs_entry *entry)
{
	struct vmfs6_dir_head_disk h;
	enum status st = read_head(vol, dir, &h);

	for (; *number < 2 && st == ST_OK; ++*number) {
		st = hash_entry(vol, dir, *number, entry);
		if (st != ST_OK || entry->fd)
			return st;
	}
	while (st == ST_OK && vmfs_dir_hash_block_of(*number) < block_count(dir)) {
		st = next_in_block(vol, dir, number, entry);
		if (st != ST_NOENT)
			return st;
		st = ST_OK;
		*number = vmfs_dir_hash_number(vmfs_dir_hash_block_of(*number) + 1, 0);
	}
	return st == ST_OK ? ST_NOENT : st;
}

/* ---- chains ---------------------------------------------------------------------------------- */

static enum status read_group(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t place,
			      uint32_t bucket, struct vmfs6_dir_group_disk *g)
{
	struct vmfs6_dir_block_disk b;
	uint32_t block = VMFS6_PLACE_BLOCK(place), slot = VMFS6_PLACE_SLOT(place);
	enum status st = VMFS6_PLACE_TYPE(place) == VMFS6_PLACE_LINKS && slot < VMFS6_DIR_GROUPS
			     ? read_block(vol, dir, block, VMFS6_PLACE_LINKS, &b) : ST_CORRUPT;

	if (st == ST_OK)
		st = vmfs_fd_read(vol, dir, vmfs_dir_hash_group_at(block, slot), g, sizeof(*g));
	return st == ST_OK && le16_get(g->bucket) != bucket ? ST_CORRUPT : st;
}

static enum status write_group(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t place,
			       struct vmfs6_dir_group_disk *g)
{
	uint8_t free = 0, next = 0;

	for (uint32_t i = VMFS6_DIR_LINKS; i-- > 0;)
		if (!le32_get(g->link[i].place)) {
			free++;
			next = (uint8_t)i;
		}
	g->links = VMFS6_DIR_LINKS;
	g->free = free;
	g->next_free = next;
	return vmfs_fd_write(vol, dir,
			     vmfs_dir_hash_group_at(VMFS6_PLACE_BLOCK(place),
						    VMFS6_PLACE_SLOT(place)), g, sizeof(*g));
}

/* The entry at a place, when it has this name. */
static enum status entry_is(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t place,
			    const char *name, struct vmfs_entry *entry)
{
	uint32_t block = VMFS6_PLACE_BLOCK(place), slot = VMFS6_PLACE_SLOT(place);
	enum status st;

	if (VMFS6_PLACE_TYPE(place) != VMFS6_PLACE_ENTRY || block >= block_count(dir) ||
	    slot >= VMFS6_DIR_SLOTS)
		return ST_CORRUPT;
	st = hash_entry(vol, dir, vmfs_dir_hash_number(block, slot), entry);
	if (st != ST_OK)
		return st;
	return entry->fd && !strcmp(entry->name, name) ? ST_OK : ST_NOENT;
}

/* Where a name was found: `group` 0: the bucket names the entry itself. */
struct found { uint32_t bucket, group, before, link; };

static enum status find_in_group(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				 const struct vmfs6_dir_group_disk *g, const char *name,
				 struct vmfs_entry *entry, uint32_t *link)
{
	uint16_t hash = (uint16_t)(vmfs_name_hash(name) >> 16);

	for (*link = 0; *link < VMFS6_DIR_LINKS; ++*link) {
		uint32_t place = le32_get(g->link[*link].place);
		enum status st;

		if (!place || le16_get(g->link[*link].hash) != hash)
			continue;
		st = entry_is(vol, dir, place, name, entry);
		if (st != ST_NOENT)
			return st;
	}
	return ST_NOENT;
}

static enum status find_by_hash(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				const char *name, struct vmfs_entry *entry, struct found *f)
{
	struct vmfs6_dir_group_disk g;
	uint32_t place;
	enum status st;

	*f = (struct found){ .bucket = vmfs_dir_hash_bucket(is_root(dir), name,
							    vmfs_name_hash(name)) };
	st = get32(vol, dir, vmfs_dir_hash_bucket_at(f->bucket), &place);
	if (st != ST_OK || !place)
		return st == ST_OK ? ST_NOENT : st;
	if (VMFS6_PLACE_TYPE(place) == VMFS6_PLACE_ENTRY)
		return entry_is(vol, dir, place, name, entry);
	for (uint32_t i = 0; place && i < CHAIN_MAX; i++) {
		f->group = place;
		st = read_group(vol, dir, place, f->bucket, &g);
		if (st == ST_OK)
			st = find_in_group(vol, dir, &g, name, entry, &f->link);
		if (st != ST_NOENT)
			return st;
		f->before = place;
		place = le32_get(g.next);
	}
	return place ? ST_CORRUPT : ST_NOENT;
}

static enum status find_by_scan(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				const char *name, struct vmfs_entry *entry)
{
	enum status st;

	for (uint32_t i = 0; (st = hash_next(vol, dir, &i, entry)) == ST_OK; i++)
		if (!strcmp(entry->name, name))
			return ST_OK;
	return st;
}

static enum status hash_find(struct vmfs_volume *vol, const struct vmfs_fd *dir, const char *name,
			     struct vmfs_entry *entry)
{
	struct vmfs6_dir_head_disk h;
	struct found f;
	enum status st = read_head(vol, dir, &h);

	if (st == ST_OK)
		st = find_by_hash(vol, dir, name, entry, &f);
	if (st == ST_CORRUPT || (st == ST_NOENT && !vol->writable))
		return find_by_scan(vol, dir, name, entry);
	return st;
}

/* ---- changing -------------------------------------------------------------------------------- */

/* A new group with up to two links, before what the bucket names now (0: nothing). */
static enum status new_group(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t bucket,
			     const uint32_t place[2], const uint32_t hash[2], uint32_t next)
{
	struct vmfs6_dir_group_disk g = { 0 };
	uint32_t at;
	enum status st = take_slot(vol, dir, VMFS6_PLACE_LINKS, &at);

	if (st != ST_OK)
		return st;
	le16_set(&g.bucket, (uint16_t)bucket);
	for (uint32_t i = 0; i < 2 && place[i]; i++) {
		le32_set(&g.link[i].place, place[i]);
		le16_set(&g.link[i].hash, (uint16_t)(hash[i] >> 16));
	}
	le32_set(&g.next, next);
	st = write_group(vol, dir, at, &g);
	return st == ST_OK ? put32(vol, dir, vmfs_dir_hash_bucket_at(bucket), at) : st;
}

/* A link in the first group of the chain with room, or in a new one at its head. */
static enum status link_in_chain(struct vmfs_volume *vol, const struct vmfs_fd *dir,
				 uint32_t bucket, uint32_t first, const uint32_t place[2],
				 const uint32_t hash[2])
{
	struct vmfs6_dir_group_disk g;
	uint32_t at = first;

	for (uint32_t steps = 0; at; steps++) {
		enum status st = steps < CHAIN_MAX ? read_group(vol, dir, at, bucket, &g)
						   : ST_CORRUPT;

		if (st != ST_OK)
			return st;
		for (uint32_t i = 0; i < VMFS6_DIR_LINKS; i++) {
			if (le32_get(g.link[i].place))
				continue;
			le32_set(&g.link[i].place, place[0]);
			le16_set(&g.link[i].hash, (uint16_t)(hash[0] >> 16));
			return write_group(vol, dir, at, &g);
		}
		at = le32_get(g.next);
	}
	return new_group(vol, dir, bucket, place, hash, first);
}

static enum status add_link(struct vmfs_volume *vol, const struct vmfs_fd *dir, const char *name,
			    uint32_t place)
{
	uint64_t h = vmfs_name_hash(name);
	uint32_t bucket = vmfs_dir_hash_bucket(is_root(dir), name, h), now;
	uint32_t both[2] = { place, 0 }, hash[2] = { (uint32_t)h, 0 };
	struct vmfs_entry old;
	enum status st = get32(vol, dir, vmfs_dir_hash_bucket_at(bucket), &now);

	if (st != ST_OK)
		return st;
	if (!now)
		return put32(vol, dir, vmfs_dir_hash_bucket_at(bucket), place);
	if (VMFS6_PLACE_TYPE(now) == VMFS6_PLACE_LINKS)
		return link_in_chain(vol, dir, bucket, now, both, hash);
	if (VMFS6_PLACE_TYPE(now) != VMFS6_PLACE_ENTRY || VMFS6_PLACE_SLOT(now) >= VMFS6_DIR_SLOTS)
		return ST_CORRUPT;
	st = hash_entry(vol, dir, number_of_place(now), &old);
	both[1] = now;
	hash[1] = st == ST_OK ? (uint32_t)vmfs_name_hash(old.name) : 0;
	return st == ST_OK ? new_group(vol, dir, bucket, both, hash, 0) : st;
}

static int group_empty(const struct vmfs6_dir_group_disk *g)
{
	for (uint32_t i = 0; i < VMFS6_DIR_LINKS; i++)
		if (le32_get(g->link[i].place))
			return 0;
	return 1;
}

/* Take an empty group out of its chain. */
static enum status drop_group(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			      const struct found *f, uint32_t next)
{
	struct vmfs6_dir_group_disk g;
	enum status st;

	if (f->before) {
		st = read_group(vol, dir, f->before, f->bucket, &g);
		le32_set(&g.next, next);
		if (st == ST_OK)
			st = write_group(vol, dir, f->before, &g);
	} else {
		st = put32(vol, dir, vmfs_dir_hash_bucket_at(f->bucket), next);
	}
	return st == ST_OK ? give_slot(vol, dir, VMFS6_PLACE_LINKS, VMFS6_PLACE_BLOCK(f->group),
				       VMFS6_PLACE_SLOT(f->group))
			   : st;
}

static enum status drop_link(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			     const struct found *f)
{
	struct vmfs6_dir_group_disk g;
	enum status st;

	if (!f->group)
		return put32(vol, dir, vmfs_dir_hash_bucket_at(f->bucket), 0);
	st = read_group(vol, dir, f->group, f->bucket, &g);
	if (st != ST_OK)
		return st;
	memset(&g.link[f->link], 0, sizeof(g.link[0]));
	return group_empty(&g) ? drop_group(vol, dir, f, le32_get(g.next))
			       : write_group(vol, dir, f->group, &g);
}

static enum status hash_add(struct vmfs_volume *vol, const struct vmfs_fd *dir, const char *name,
			    const struct vmfs_fd *child)
{
	uint32_t place = 0;
	enum status st = take_slot(vol, dir, VMFS6_PLACE_ENTRY, &place);

	if (st == ST_OK)
		st = put_entry(vol, dir,
			       number_of_place(place), name,
			       child);
	if (st == ST_OK)
		st = add_link(vol, dir, name, place);
	if (st == ST_OK)
		st = add_count(vol, dir, 1);
	return st == ST_OK ? vmfs_fd_touch(vol, dir) : st;
}

static enum status hash_remove(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t number)
{
	struct vmfs_entry e, again;
	struct found f;
	enum status st = hash_entry(vol, dir, number, &e);

	if (st == ST_OK)
		st = find_by_hash(vol, dir, e.name, &again, &f);
	if (st == ST_OK && again.number != number)
		st = ST_CORRUPT;	/* the name is there twice */
	if (st == ST_OK)
		st = drop_link(vol, dir, &f);
	if (st == ST_OK)
		st = give_slot(vol, dir, VMFS6_PLACE_ENTRY, vmfs_dir_hash_block_of(number),
			       vmfs_dir_hash_slot_of(number));
	if (st == ST_OK)
		st = add_count(vol, dir, -1);
	if (st == ST_OK)
		st = vmfs_fd_touch(vol, dir);
	return st == ST_NOENT ? ST_CORRUPT : st;
}

static enum status hash_point(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t number,
			      const struct vmfs_fd *child)
{
	struct vmfs_entry e;
	enum status st = hash_entry(vol, dir, number, &e);

	return st == ST_OK ? put_entry(vol, dir, number, e.name, child) : st;
}

/* ---- new directories ------------------------------------------------------------------------- */

static void make_entry(struct vmfs6_dirent_disk *e, uint32_t type, uint32_t fd, uint32_t generation,
		       const char *name, uint64_t at)
{
	vmfs_dirent_set(&e->head, type, fd, generation);
	le64_set(&e->at, at);
	memcpy(e->name, name, strlen(name));
}

/* All blocks but the map itself were never written. */
static void make_map(uint8_t *block)
{
	struct vmfs6_dir_block_disk *b = (void *)block;

	le16_set(&b->type, VMFS6_PLACE_MAP);
	memset(block + sizeof(*b), VMFS6_NIBBLE_NEVER << 4 | VMFS6_NIBBLE_NEVER,
	       VMFS6_DIR_BLOCK_BYTES - sizeof(*b));
	block[sizeof(*b)] = VMFS6_PLACE_MAP << 4 | VMFS6_NIBBLE_NEVER;
}

void vmfs_dir_hash_make(uint8_t *image, int entries, uint32_t type, uint32_t fd,
			uint32_t generation, uint32_t parent, uint32_t parent_generation)
{
	struct vmfs6_dir_disk *d = (void *)image;
	uint8_t *map = image + VMFS6_DIR_BLOCKS_AT;
	struct vmfs6_dir_block_disk *b = (void *)(map + VMFS6_DIR_BLOCK_BYTES);

	le32_set(&d->head.version, VMFS6_DIR_VERSION);
	le32_set(&d->head.entries, 2);
	le32_set(&d->head.allocated, 2);
	le32_set(&d->head.maps, 1);
	make_entry(&d->self, type, fd, generation, ".", offsetof(struct vmfs6_dir_disk, self));
	make_entry(&d->parent, VMFS_TYPE_DIR, parent, parent_generation, "..",
		   offsetof(struct vmfs6_dir_disk, parent));
	make_map(map);
	if (!entries)
		return;
	map[sizeof(*b)] = VMFS6_PLACE_MAP << 4 | VMFS6_PLACE_ENTRY | VMFS6_NIBBLE_ROOM;
	le16_set(&b->version, 1);
	le16_set(&b->type, VMFS6_PLACE_ENTRY);
	le16_set(&b->slots, VMFS6_DIR_SLOTS);
	le16_set(&b->free, VMFS6_DIR_SLOTS);
	b->bitmap[0] = 0xFF;
	b->bitmap[1] = (1u << (VMFS6_DIR_SLOTS - 8)) - 1;
}

uint32_t vmfs_dir_hash_put(uint8_t *image, uint32_t slot, uint32_t type, uint32_t fd,
			   const char *name)
{
	struct vmfs6_dir_disk *d = (void *)image;
	struct vmfs6_dir_block_disk *b = (void *)(image + vmfs_dir_hash_block_at(1));
	uint64_t at = vmfs_dir_hash_entry_at(1, slot);

	make_entry((void *)(image + at), type, fd, 1, name, at);
	b->bitmap[slot / 8] &= (uint8_t)~(1u << (slot % 8));
	le16_set(&b->free, (uint16_t)(le16_get(b->free) - 1));
	le32_set(&d->head.entries, le32_get(d->head.entries) + 1);
	le32_set(&d->head.allocated, le32_get(d->head.allocated) + 1);
	return VMFS6_PLACE(VMFS6_PLACE_ENTRY, 1, slot);
}

/* Its sub-blocks are new and zero: only what is not zero is written. */
static enum status hash_init(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			     const struct vmfs_fd *parent)
{
	uint64_t bytes = VMFS6_DIR_BLOCKS_AT + VMFS6_DIR_BLOCK_BYTES;
	uint8_t *image = port_alloc(bytes);
	enum status st;

	if (!image)
		return ST_NOMEM;
	vmfs_dir_hash_make(image, 0, vmfs_fd_type(dir), dir->addr,
			   le32_get(vmfs_fd_meta(dir)->generation), parent->addr,
			   le32_get(vmfs_fd_meta(parent)->generation));
	st = vmfs_fd_write(vol, dir, 0, image, offsetof(struct vmfs6_dir_disk, bucket));
	if (st == ST_OK)
		st = vmfs_fd_write(vol, dir, VMFS6_DIR_BLOCKS_AT, image + VMFS6_DIR_BLOCKS_AT,
				   VMFS6_DIR_BLOCK_BYTES);
	port_free(image);
	return st == ST_OK ? vmfs_fd_set_length(vol, dir, bytes) : st;
}

const struct vmfs_dir_ops vmfs_dir_hash = {
	.find = hash_find, .entry = hash_entry, .next = hash_next, .init = hash_init,
	.add = hash_add, .remove = hash_remove, .point = hash_point,
	.check = &check_dir_hash,
};
