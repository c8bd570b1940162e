/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check_dir_hash - directories of VMFS-6: the header, the allocation map, blocks of entries and of
 * links; and rule N6: each name is found through the hash table, and the counts are right.
 *
 * The map says what a block is, and readers stop at the first that was never written. Each entry is
 * looked up by its own name: the bucket names it, or a chain of link groups does. A chain is
 * followed for as many groups as a directory of its size can have. */
#include "vmfs/check_dirs_priv.h"
#include "vmfs/dir_hash_priv.h"



struct hash_walk {
	struct dir_walk	*w;
	uint32_t	blocks;		/* behind the header */
	uint32_t	maps, map[VMFS6_DIR_MAPS_MAX];
	uint64_t	entries;	/* found, "." and ".." too */
	int		root;
	uint8_t		nibbles[VMFS6_DIR_BLOCK_BYTES];	/* the map block that was read last */
	uint32_t	nibbles_of;	/* its number + 1; 0: none */
};

/* ---- the header ------------------------------------------------------------------------------ */

/* 0: it cannot be walked (reported). */
static int head_ok(struct hash_walk *h, const struct vmfs6_dir_head_disk *d)
{
	uint64_t length = le64_get(check_fd_meta(h->w->c, h->w->fd)->length);
	uint32_t version = le32_get(d->version), maps = le32_get(d->maps);
	uint64_t least = VMFS6_DIR_BLOCKS_AT + VMFS6_DIR_BLOCK_BYTES;

	if (length < least || length % VMFS6_DIR_BLOCK_BYTES) {
		check_dir_find(h->w, "N1", ": a length of %ju bytes is not that of a header and "
			       "blocks of 4096", length);
		return 0;
	}
	if (version != VMFS6_DIR_VERSION && version != VMFS6_DIR_VERSION_DEBUG) {
		check_dir_find(h->w, "N1", ": unknown version 0x%08x", version);
		return 0;
	}
	if (maps == 0 || maps > VMFS6_DIR_MAPS_MAX) {
		check_dir_find(h->w, "N6", ": %u allocation map blocks", maps);
		return 0;
	}
	h->maps = maps;
	h->blocks = (uint32_t)MIN((length - VMFS6_DIR_BLOCKS_AT) / VMFS6_DIR_BLOCK_BYTES,
				  (uint64_t)maps * VMFS6_MAP_NIBBLES);
	for (uint32_t i = 0; i < maps; i++)
		h->map[i] = le32_get(d->map[i]) & 0x3FFFFFu;
	return 1;
}

/* ---- entries --------------------------------------------------------------------------------- */

static void decode(const struct vmfs6_dirent_disk *d, uint32_t number, struct check_entry *e)
{
	check_decode_entry(&d->head, d->name, sizeof(d->name), e);
	e->number = number;
}

static enum status read_hash(struct dir_walk *w, uint32_t number, struct check_entry *e)
{
	struct vmfs6_dirent_disk d;
	enum status st = check_dir_read(w, vmfs_dir_hash_number_at(number), &d, sizeof(d));

	if (st == ST_OK)
		decode(&d, number, e);
	return st;
}

/* ---- the hash table -------------------------------------------------------------------------- */

static enum status read_place(struct hash_walk *h, uint64_t at, uint32_t *place)
{
	le32 raw;
	enum status st = check_dir_read(h->w, at, &raw, sizeof(raw));

	*place = le32_get(raw);
	return st;
}

/* One group of a chain; *next 0 ends it. */
static enum status look_in_group(struct hash_walk *h, uint32_t group, uint32_t bucket,
				 uint32_t place, uint16_t hash, int *found, uint32_t *next)
{
	struct vmfs6_dir_group_disk g;
	uint32_t block = VMFS6_PLACE_BLOCK(group), slot = VMFS6_PLACE_SLOT(group);
	enum status st = ST_OK;

	*next = 0;
	if (VMFS6_PLACE_TYPE(group) != VMFS6_PLACE_LINKS || block >= h->blocks ||
	    slot >= VMFS6_DIR_GROUPS)
		return ST_OK;
	st = check_dir_read(h->w, vmfs_dir_hash_group_at(block, slot), &g, sizeof(g));
	if (st != ST_OK || le16_get(g.bucket) != bucket)
		return st;
	for (uint32_t i = 0; i < VMFS6_DIR_LINKS; i++)
		*found |= le32_get(g.link[i].place) == place && le16_get(g.link[i].hash) == hash;
	*next = le32_get(g.next);
	return ST_OK;
}

/* N6 of one entry: its own hash and offset, and the way to it. */
static enum status check_lookup(struct hash_walk *h, const struct vmfs6_dirent_disk *d,
				uint32_t block, uint32_t slot)
{
	char name[sizeof(d->name) + 1] = { 0 };
	uint32_t place = VMFS6_PLACE(VMFS6_PLACE_ENTRY, block, slot), at = 0, bucket;
	uint64_t hash;
	int found = 0;
	enum status st;

	memcpy(name, d->name, sizeof(d->name));
	if (strlen(name) > VMFS_NAME_MAX)
		return ST_OK;	/* N3 */
	hash = vmfs_name_hash(name);
	bucket = vmfs_dir_hash_bucket(h->root, name, hash);
	if (le32_get(d->hash) != (uint32_t)hash && !(h->root && bucket >= VMFS6_DIR_ROOT_BUCKETS))
		check_dir_find(h->w, "N6", ", block %u slot %u: hash 0x%08x instead of 0x%08x",
			       block, slot, le32_get(d->hash), (uint32_t)hash);
	if (le64_get(d->at) != vmfs_dir_hash_entry_at(block, slot))
		check_dir_find(h->w, "N6", ", block %u slot %u: carries offset 0x%jx instead of "
			       "0x%jx", block, slot, le64_get(d->at),
			       vmfs_dir_hash_entry_at(block, slot));
	st = read_place(h, vmfs_dir_hash_bucket_at(bucket), &at);
	if (st == ST_OK && at == place)
		return ST_OK;
	for (uint32_t n = 0; st == ST_OK && at && !found &&
	     n <= h->blocks * VMFS6_DIR_GROUPS; n++)
		st = look_in_group(h, at, bucket, place, (uint16_t)(hash >> 16), &found, &at);
	if (st == ST_OK && !found)
		check_dir_find(h->w, "N6", ", block %u slot %u: bucket %u of the hash table does "
			       "not lead to it", block, slot, bucket);
	return st;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static enum status nibble_of(struct hash_walk *h, uint32_t block, uint32_t *nibble)
{
	uint32_t map = block / VMFS6_MAP_NIBBLES, in = block % VMFS6_MAP_NIBBLES;
	enum status st = ST_OK;

	if (h->nibbles_of != map + 1) {
		st = check_dir_read(h->w, vmfs_dir_hash_block_at(h->map[map]), h->nibbles,
				    sizeof(h->nibbles));
		h->nibbles_of = map + 1;
	}
	*nibble = vmfs_dir_hash_nibble(h->nibbles[sizeof(struct vmfs6_dir_block_disk) + in / 2],
				       in);
	return st;
}

/* The head of a block of entries or links against its bitmap and its nibble. 0: it is another. */
static int block_ok(struct hash_walk *h, uint32_t block, uint32_t nibble,
		    const struct vmfs6_dir_block_disk *b)
{
	uint32_t type = VMFS6_NIBBLE_TYPE(nibble), free = 0, slots = vmfs_dir_hash_slots(type);

	if (le16_get(b->type) != type || le16_get(b->slots) != slots) {
		check_dir_find(h->w, "N6", ", block %u: type %u with %u slots, the allocation map "
			       "says type %u", block, le16_get(b->type), le16_get(b->slots), type);
		return 0;
	}
	for (uint32_t i = 0; i < slots; i++)
		free += (uint32_t)vmfs_dir_hash_slot_free(b, i);
	if (le16_get(b->free) != free)
		check_dir_find(h->w, "N6", ", block %u: %u free slots, counted %u", block,
			       le16_get(b->free), free);
	if (!(nibble & VMFS6_NIBBLE_ROOM) != !free)
		check_dir_find(h->w, "N6", ", block %u: the allocation map says that it has %s, "
			       "%u slots are free", block,
			       nibble & VMFS6_NIBBLE_ROOM ? "room" : "none", free);
	return 1;
}

static enum status walk_slots(struct hash_walk *h, uint32_t block)
{
	const struct vmfs6_dir_block_disk *b = (const void *)h->w->buf;
	enum status st = ST_OK;

	for (uint32_t slot = 0; slot < VMFS6_DIR_SLOTS && st == ST_OK; slot++) {
		const struct vmfs6_dirent_disk *d = (const void *)(
		    h->w->buf + sizeof(*b) + slot * sizeof(*d));
		struct check_entry e;

		if (vmfs_dir_hash_slot_free(b, slot))
			continue;
		decode(d, vmfs_dir_hash_number(block, slot), &e);
		if (!e.fd) {
			check_dir_find(h->w, "N6", ", block %u slot %u: in use and empty", block,
				       slot);
			continue;
		}
		h->entries++;
		st = check_take_entry(h->w, &e);
		if (st == ST_OK)
			st = check_lookup(h, d, block, slot);
	}
	return st;
}

static enum status walk_block(struct hash_walk *h, uint32_t block, uint32_t nibble)
{
	uint32_t type = VMFS6_NIBBLE_TYPE(nibble);
	enum status st;

	if (type != VMFS6_PLACE_ENTRY && type != VMFS6_PLACE_LINKS)
		return ST_OK;
	st = check_dir_read(h->w, vmfs_dir_hash_block_at(block), h->w->buf, VMFS6_DIR_BLOCK_BYTES);
	if (st != ST_OK || !block_ok(h, block, nibble, (const void *)h->w->buf))
		return st;
	return type == VMFS6_PLACE_ENTRY ? walk_slots(h, block) : ST_OK;
}

static enum status walk_blocks(struct hash_walk *h)
{
	uint32_t nibble;
	enum status st = nibble_of(h, 0, &nibble);

	if (st == ST_OK && (VMFS6_NIBBLE_TYPE(nibble) != VMFS6_PLACE_MAP || h->map[0] != 0)) {
		check_dir_find(h->w, "N6", ": block 0 is not its first allocation map");
		return ST_OK;
	}
	for (uint32_t block = 1; block < h->blocks && st == ST_OK; block++) {
		if (port_interrupted())
			return why_set(h->w->c->why, ST_CANCELLED, "the check was interrupted");
		st = nibble_of(h, block, &nibble);
		if (st != ST_OK || nibble & VMFS6_NIBBLE_NEVER)
			break;
		st = walk_block(h, block, nibble);
	}
	return st;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status walk_dots(struct hash_walk *h)
{
	struct check_entry e;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < 2 && st == ST_OK; i++) {
		st = read_hash(h->w, i, &e);
		h->entries += st == ST_OK && e.fd;
		if (st == ST_OK)
			st = check_take_entry(h->w, &e);
	}
	return st;
}

static enum status walk_all(struct hash_walk *h)
{
	const struct vmfs6_dir_head_disk *d = (const void *)h->w->buf;
	uint32_t entries;
	enum status st = check_dir_read(h->w, 0, h->w->buf, sizeof(*d));

	if (st != ST_OK || !head_ok(h, d))
		return st;
	entries = le32_get(d->entries);
	st = walk_dots(h);
	if (st == ST_OK)
		st = walk_blocks(h);
	if (st == ST_OK && entries != h->entries)
		check_dir_find(h->w, "N6", ": numEntries is %u, counted %ju", entries, h->entries);
	return st;
}

static enum status walk_hash(struct dir_walk *w)
{
	struct hash_walk *h = port_alloc(sizeof(*h));
	enum status st;

	if (!h)
		return why_set(w->c->why, ST_NOMEM, "no memory for a directory");
	h->w = w;
	h->root = w->addr == VMFS_FD_ROOT;
	st = walk_all(h);
	port_free(h);
	return st;
}

const struct check_dir_shape check_dir_hash = { .walk = walk_hash, .read = read_hash };
