/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* map - how the block map of a file grows and shrinks. Everything here runs in operations.
 *
 *	resident (1 KiB) -> sub-block (8 KiB) -> 256 file blocks -> 256 pointer blocks -> two levels
 *
 * A step to the right fills the new thing first and then changes the descriptor, all in one
 * operation. A map never goes back but when its file becomes empty. Trimming starts at the tail and
 * takes at most one pointer block's worth at a time, so that an operation fits the journal. */
#include "vmfs/vmfs_priv.h"

#define PTRS	((uint64_t)VMFS_PB_POINTERS)

static uint64_t unit_of(const struct vmfs_fd *fd)
{
	switch (vmfs_fd_zla(fd)) {
	case VMFS_ZLA_PB: return PTRS;
	case VMFS_ZLA_PB2: return PTRS * PTRS;
	default: return 1;
	}
}

uint64_t vmfs_map_reach(const struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	switch (vmfs_fd_zla(fd)) {
	case VMFS_ZLA_RESIDENT: return VMFS_RESIDENT_MAX;
	case VMFS_ZLA_SB:
		return vmfs_fd_type(fd) == VMFS_TYPE_FILE ? vol->sb_bytes
							  : VMFS_FD_POINTERS * vol->sb_bytes;
	default: return unit_of(fd) * VMFS_FD_POINTERS * vol->layout.block_bytes;
	}
}

/* ---- single pointers ------------------------------------------------------------------------- */

enum status vmfs_map_set(struct vmfs_volume *vol, const struct vmfs_slot *slot, uint32_t addr)
{
	le32 *p = vmfs_meta_edit(vol, slot->page, slot->off, sizeof(*p), META_RANK_OBJECT);

	if (!p)
		return ST_NOMEM;
	le32_set(p, addr);
	return ST_OK;
}

static struct vmfs_slot fd_slot(const struct vmfs_fd *fd, uint64_t index)
{
	return (struct vmfs_slot){fd->page,
				  fd->off + VMFS_FD_DATA_AT + (uint32_t)(index * sizeof(le32))};
}

/* A pointer block of zeros, or of the first `bytes` of `from`. Whole: every sector of it counts. */
static enum status new_pb(struct vmfs_volume *vol, enum vmfs_res kind, const void *from,
			  uint32_t bytes, uint32_t *addr)
{
	struct meta_page *page;
	uint8_t *data;
	enum status st = vmfs_alloc_one(vol, kind, addr);

	if (st != ST_OK)
		return st;
	st = vmfs_meta_get(vol, vmfs_layout_addr_at(&vol->layout, *addr), META_FRESH, &page);
	if (st != ST_OK)
		return st;
	data = vmfs_meta_edit(vol, page, 0, META_PAGE_BYTES, META_RANK_OBJECT);
	if (!data)
		return ST_NOMEM;
	memcpy(data, from ? from : data, bytes);
	return ST_OK;
}

/* The pointer at slot names a pointer block; make one when it is null. Then slot is inside it. */
static enum status make_level(struct vmfs_volume *vol, const struct vmfs_fd *fd, enum vmfs_res kind,
			      struct vmfs_slot *slot, uint64_t index)
{
	uint32_t addr = vmfs_map_value(slot);
	enum status st = ST_OK;
	uint64_t at;

	if (!addr) {
		st = new_pb(vol, kind, NULL, 0, &addr);
		if (st == ST_OK)
			st = vmfs_map_set(vol, slot, addr);
		if (st == ST_OK)
			st = vmfs_fd_count(vol, fd, 0, 0, 1);
	}
	at = vmfs_layout_addr_at(&vol->layout, addr);
	if (st != ST_OK)
		return st;
	if (addr & VMFS_SUB_COW)
		return ST_UNSUPPORTED;
	if ((VMFS_ADDR_TYPE(addr) != VMFS_ADDR_PB && VMFS_ADDR_TYPE(addr) != VMFS_ADDR_PB2) ||
	    at == UINT64_MAX || at % META_PAGE_BYTES)
		return ST_CORRUPT;
	slot->off = (uint32_t)(index * sizeof(le32));
	return vmfs_meta_get(vol, at, META_READ, &slot->page);
}

enum status vmfs_map_slot(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t block,
			  struct vmfs_slot *slot)
{
	uint32_t zla = vmfs_fd_zla(fd);
	enum status st = ST_OK;

	if (zla == VMFS_ZLA_RESIDENT || block / unit_of(fd) >= VMFS_FD_POINTERS)
		return ST_RANGE;
	*slot = fd_slot(fd, block / unit_of(fd));
	if (zla == VMFS_ZLA_PB2)
		st = make_level(vol, fd, VMFS_RES_PB2, slot, block / PTRS % PTRS);
	if (st == ST_OK && zla != VMFS_ZLA_FB && zla != VMFS_ZLA_SB)
		st = make_level(vol, fd, VMFS_RES_PB, slot, block % PTRS);
	return st;
}

/* ---- growing --------------------------------------------------------------------------------- */

enum status vmfs_block_clean(struct vmfs_volume *vol, uint64_t first, uint64_t count)
{
	uint64_t bytes = vol->layout.block_bytes;

	if (lvm_known_zero(&vol->lvm, first * bytes, count * bytes))
		return ST_OK;
	return lvm_zero(&vol->lvm, first * bytes, count * bytes);
}

static enum status set_shape(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint32_t zla)
{
	struct vmfs_fd_disk *m = vmfs_fd_edit(vol, fd);
	uint64_t unit = zla == VMFS_ZLA_SB || zla == VMFS_ZLA_RESIDENT ? vol->sb_bytes
								       : vol->layout.block_bytes;
	uint8_t shift = 0;

	if (!m)
		return ST_NOMEM;
	while (1ull << shift < unit)
		shift++;
	le32_set(&m->zla, zla);
	le64_set(&m->block_bytes, unit);
	m->block_shift = shift;
	return ST_OK;
}

static enum status set_pointers(struct vmfs_volume *vol, const struct vmfs_fd *fd, const le32 *ptr,
				uint32_t count)
{
	uint8_t *data = vmfs_meta_edit(vol, fd->page, fd->off + VMFS_FD_DATA_AT, VMFS_RESIDENT_MAX,
				       META_RANK_OBJECT);

	if (!data)
		return ST_NOMEM;
	memset(data, 0, VMFS_RESIDENT_MAX);
	memcpy(data, ptr, count * sizeof(le32));
	return ST_OK;
}

/* The first bytes of a small file become its first file block: written straight to its place, which
 * the commit's first flush makes durable before the pointer. */
static enum status data_to_block(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t bytes,
				 uint32_t *addr)
{
	uint64_t first, count, size = round_up(bytes, META_PAGE_BYTES);
	uint8_t *buf;
	enum status st = vmfs_alloc_blocks(vol, 0, 1, &first, &count);

	if (st != ST_OK)
		return st;
	buf = port_dma_alloc(size);
	if (!buf)
		return ST_NOMEM;
	st = vmfs_fd_read(vol, fd, 0, buf, bytes);
	if (st == ST_OK)
		st = vmfs_block_clean(vol, first, 1);
	if (st == ST_OK)
		st = lvm_write(&vol->lvm, first * vol->layout.block_bytes, buf, size);
	port_dma_free(buf, size);
	*addr = VMFS_FB_MAKE(first);
	return st;
}

static enum status free_pointers(struct vmfs_volume *vol, const struct vmfs_fd *fd, int64_t *freed)
{
	enum status st = ST_OK;

	for (uint32_t i = 0; i < VMFS_FD_POINTERS && st == ST_OK; i++) {
		uint32_t addr = le32_get(vmfs_fd_rec(fd)->ptr[i]);

		if (addr)
			st = vmfs_alloc_free(vol, addr);
		*freed += addr != 0;
	}
	return st;
}

/* A resident file whose content moves to a sub-block. */
static enum status resident_to_sb(struct vmfs_volume *vol, const struct vmfs_fd *fd,
				  uint64_t length)
{
	uint8_t copy[VMFS_RESIDENT_MAX];
	le32 none = le32_make(0);
	enum status st;

	memcpy(copy, vmfs_fd_rec(fd)->data, sizeof(copy));
	st = set_pointers(vol, fd, &none, 1);
	if (st == ST_OK)
		st = set_shape(vol, fd, VMFS_ZLA_SB);
	return st == ST_OK && length ? vmfs_fd_write(vol, fd, 0, copy, length) : st;
}

/* A small file, resident or in sub-blocks, whose content moves to a file block. */
static enum status small_to_fb(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t length)
{
	int64_t freed = 0;
	uint32_t addr = 0;
	le32 ptr;
	enum status st = ST_OK;

	if (length > vol->layout.block_bytes)
		return ST_UNSUPPORTED;	/* many sub-blocks: no known host makes such a file */
	if (length)
		st = data_to_block(vol, fd, length, &addr);
	if (st == ST_OK && vmfs_fd_zla(fd) == VMFS_ZLA_SB)
		st = free_pointers(vol, fd, &freed);
	ptr = le32_make(addr);
	if (st == ST_OK)
		st = set_pointers(vol, fd, &ptr, 1);
	if (st == ST_OK)
		st = set_shape(vol, fd, VMFS_ZLA_FB);
	return st == ST_OK ? vmfs_fd_count(vol, fd, (addr != 0) - freed, 0, 0) : st;
}

/* One level more: the descriptor's pointers move into a pointer block, which becomes its first. */
static enum status add_level(struct vmfs_volume *vol, const struct vmfs_fd *fd, enum vmfs_res kind,
			     uint32_t zla)
{
	const le32 *ptr = vmfs_fd_rec(fd)->ptr;
	uint32_t addr = 0;
	le32 first;
	enum status st;

	if (port_accel()->is_zero(ptr, VMFS_RESIDENT_MAX))
		return set_shape(vol, fd, zla);
	st = new_pb(vol, kind, ptr, VMFS_RESIDENT_MAX, &addr);
	first = le32_make(addr);
	if (st == ST_OK)
		st = set_pointers(vol, fd, &first, 1);
	if (st == ST_OK)
		st = set_shape(vol, fd, zla);
	return st == ST_OK ? vmfs_fd_count(vol, fd, 0, 0, 1) : st;
}

enum status vmfs_map_extend(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t bytes)
{
	uint64_t length = vmfs_fd_length(fd);
	enum status st = ST_OK;

	if (bytes > FILE_BYTES_MAX)
		return ST_LIMIT;
	while (st == ST_OK && vmfs_map_reach(vol, fd) < bytes) {
		switch (vmfs_fd_zla(fd)) {
		case VMFS_ZLA_RESIDENT:
			st = bytes <= vol->sb_bytes ? resident_to_sb(vol, fd, length)
						    : small_to_fb(vol, fd, length);
			break;
		case VMFS_ZLA_SB: st = small_to_fb(vol, fd, length); break;
		case VMFS_ZLA_FB: st = add_level(vol, fd, VMFS_RES_PB, VMFS_ZLA_PB); break;
		case VMFS_ZLA_PB: st = add_level(vol, fd, VMFS_RES_PB2, VMFS_ZLA_PB2); break;
		default: st = ST_LIMIT;
		}
	}
	return st;
}

/* ---- shrinking ------------------------------------------------------------------------------- */

struct tally { int64_t blocks, tbz, pbs; };

/* Free pointers [from, count) of a pointer block or descriptor. Without `keep_page` they need
 * not be set to null: the page goes too. */
static enum status free_run(struct vmfs_volume *vol, const struct vmfs_slot *first, uint32_t from,
			    uint32_t count, int keep_page, struct tally *t)
{
	enum status st = ST_OK;

	for (uint32_t i = count; i-- > from && st == ST_OK;) {
		struct vmfs_slot s = { first->page, first->off + i * (uint32_t)sizeof(le32) };
		uint32_t addr = vmfs_map_value(&s);

		if (!addr)
			continue;
		t->blocks++;
		t->tbz += VMFS_ADDR_TYPE(addr) == VMFS_ADDR_FB && (addr & VMFS_FB_TBZ);
		st = vmfs_alloc_free(vol, addr);
		if (st == ST_OK && keep_page)
			st = vmfs_map_set(vol, &s, 0);
	}
	return st;
}

/* The last pointer of `count` that is not null; count when there is none. */
static uint32_t last_used(const struct vmfs_slot *first, uint32_t count)
{
	for (uint32_t i = count; i-- > 0;) {
		struct vmfs_slot s = { first->page, first->off + i * (uint32_t)sizeof(le32) };

		if (vmfs_map_value(&s))
			return i;
	}
	return count;
}

static struct vmfs_slot slot_add(const struct vmfs_slot *first, uint32_t index)
{
	return (struct vmfs_slot){ first->page, first->off + index * (uint32_t)sizeof(le32) };
}

static enum status enter_pb(struct vmfs_volume *vol, const struct vmfs_slot *slot,
			    struct vmfs_slot *first)
{
	uint32_t addr = vmfs_map_value(slot), type = VMFS_ADDR_TYPE(addr);
	uint64_t at = vmfs_layout_addr_at(&vol->layout, addr);

	if ((type != VMFS_ADDR_PB && type != VMFS_ADDR_PB2) || at == UINT64_MAX ||
	    at % META_PAGE_BYTES)
		return ST_CORRUPT;
	first->off = 0;
	return vmfs_meta_get(vol, at, META_READ, &first->page);
}

/* Free the leaf that `slot` names from entry `keep` on, and the leaf itself when nothing is
 * kept. */
static enum status trim_leaf(struct vmfs_volume *vol, const struct vmfs_slot *slot, uint32_t keep,
			     struct tally *t)
{
	uint32_t addr = vmfs_map_value(slot);
	struct vmfs_slot first;
	enum status st = enter_pb(vol, slot, &first);

	if (st == ST_OK)
		st = free_run(vol, &first, keep, VMFS_PB_POINTERS, keep != 0, t);
	if (st != ST_OK || keep)
		return st;
	t->pbs++;
	st = vmfs_alloc_free(vol, addr);
	return st == ST_OK ? vmfs_map_set(vol, slot, 0) : st;
}

/* The last leaf below a level of pointers, when it reaches past `keep` blocks. *more: there was
 * one. */
static enum status trim_level(struct vmfs_volume *vol, const struct vmfs_slot *first,
			      uint32_t count, uint64_t keep, struct tally *t, int *more)
{
	uint32_t i = last_used(first, count);
	struct vmfs_slot slot = slot_add(first, i);
	uint64_t base = i * PTRS;

	*more = 0;
	if (i == count || base + PTRS <= keep)
		return ST_OK;
	*more = base > keep;
	return trim_leaf(vol, &slot, keep > base ? (uint32_t)(keep - base) : 0, t);
}

static enum status trim_double(struct vmfs_volume *vol, const struct vmfs_slot *fd_first,
			       uint64_t keep, struct tally *t, int *more)
{
	uint32_t i = last_used(fd_first, VMFS_FD_POINTERS);
	struct vmfs_slot slot = slot_add(fd_first, i), inner;
	uint64_t base = i * PTRS * PTRS, inner_keep = keep > base ? keep - base : 0;
	uint32_t addr;
	enum status st;

	*more = 0;
	if (i == VMFS_FD_POINTERS || base + PTRS * PTRS <= keep)
		return ST_OK;
	addr = vmfs_map_value(&slot);
	st = enter_pb(vol, &slot, &inner);
	if (st == ST_OK)
		st = trim_level(vol, &inner, VMFS_PB_POINTERS, inner_keep, t, more);
	if (st != ST_OK || inner_keep || last_used(&inner, VMFS_PB_POINTERS) < VMFS_PB_POINTERS) {
		*more |= st == ST_OK && inner_keep == 0;
		return st;
	}
	*more = base > keep;
	t->pbs++;
	st = vmfs_alloc_free(vol, addr);
	return st == ST_OK ? vmfs_map_set(vol, &slot, 0) : st;
}

enum status vmfs_map_trim(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t keep,
			  int *more)
{
	struct vmfs_slot first = fd_slot(fd, 0);
	struct tally t = { 0 };
	enum status st = ST_OK;

	*more = 0;
	switch (vmfs_fd_zla(fd)) {
	case VMFS_ZLA_RESIDENT: return ST_OK;
	case VMFS_ZLA_PB: st = trim_level(vol, &first, VMFS_FD_POINTERS, keep, &t, more); break;
	case VMFS_ZLA_PB2: st = trim_double(vol, &first, keep, &t, more); break;
	default:
		if (keep < VMFS_FD_POINTERS)
			st = free_run(vol, &first, (uint32_t)keep, VMFS_FD_POINTERS, 1, &t);
	}
	if (st != ST_OK || !(t.blocks | t.pbs))
		return st;
	return vmfs_fd_count(vol, fd, -t.blocks, -t.tbz, -t.pbs);
}

/* ---- pointers past the end ------------------------------------------------------------------- */

static enum status beyond_leaf(struct vmfs_volume *vol, const struct vmfs_slot *slot, uint64_t keep,
			       int *beyond)
{
	struct vmfs_slot first;
	uint32_t last;
	enum status st = enter_pb(vol, slot, &first);

	if (st != ST_OK)
		return st;
	last = last_used(&first, VMFS_PB_POINTERS);
	*beyond = last < VMFS_PB_POINTERS && last >= keep;
	return ST_OK;
}

enum status vmfs_map_beyond(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t keep,
			    int *beyond)
{
	struct vmfs_slot first = fd_slot(fd, 0), inner = first;
	uint64_t unit = unit_of(fd), rest;
	uint32_t last = last_used(&first, VMFS_FD_POINTERS);
	enum status st;

	*beyond = 0;
	if (vmfs_fd_zla(fd) == VMFS_ZLA_RESIDENT || last == VMFS_FD_POINTERS ||
	    (last + 1) * unit <= keep)
		return ST_OK;
	*beyond = unit == 1 || last * unit >= keep;
	if (*beyond)
		return ST_OK;
	rest = keep - last * unit;
	first = slot_add(&first, last);
	if (unit == PTRS)
		return beyond_leaf(vol, &first, rest, beyond);
	st = enter_pb(vol, &first, &inner);
	if (st != ST_OK)
		return st;
	last = last_used(&inner, VMFS_PB_POINTERS);
	if (last == VMFS_PB_POINTERS || (last + 1) * PTRS <= rest)
		return ST_OK;
	*beyond = last * PTRS >= rest;
	first = slot_add(&inner, last);
	return *beyond ? ST_OK : beyond_leaf(vol, &first, rest - last * PTRS, beyond);
}
