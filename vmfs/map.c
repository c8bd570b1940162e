/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* map - how the block map of a file grows and shrinks. Everything here runs in operations.
 *
 *	resident -> one sub-block -> file blocks -> pointer blocks -> two levels of them
 *
 * A step to the right fills the new thing first and then changes the descriptor, all in one
 * operation. A map never goes back but when its file becomes empty. Trimming starts at the tail and
 * takes at most MAP_STEP pointers at a time, so that an operation fits the journal. */
#include "vmfs/vmfs_priv.h"

uint64_t vmfs_map_reach(const struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	const struct vmfs_form *form = vmfs_form(vol);

	switch (vmfs_fd_zla(fd)) {
	case VMFS_ZLA_RESIDENT: return form->resident_max;
	case VMFS_ZLA_SB:
		return vmfs_fd_type(fd) == VMFS_TYPE_FILE ? vol->sb_bytes
							  : form->ptrs * vol->sb_bytes;
	default: return vmfs_fd_unit(vol, fd) * form->ptrs * vol->layout.block_bytes;
	}
}

/* ---- tables of pointers ---------------------------------------------------------------------- */

/* Those of a descriptor, or of a pointer block of it at a volume offset (0: the descriptor's). */
struct table {
	const struct vmfs_fd	*fd;
	uint64_t		at;
	uint32_t		count;
};

static struct table fd_table(const struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	return (struct table){ .fd = fd, .count = vmfs_form(vol)->ptrs };
}

static enum status table_slot(struct vmfs_volume *vol, const struct table *t, uint32_t index,
			      struct vmfs_slot *slot)
{
	const struct vmfs_form *form = vmfs_form(vol);
	uint64_t at = t->at + (uint64_t)index * form->ptr_bytes;

	if (!t->at) {
		slot->page = t->fd->page;
		slot->off = t->fd->off + form->ptrs_at + index * form->ptr_bytes;
		return ST_OK;
	}
	slot->off = (uint32_t)(at % META_PAGE_BYTES);
	if (slot->page && slot->page->at == at - slot->off)
		return ST_OK;	/* as the caller's last one */
	return vmfs_meta_under(vol, at, META_READ, vmfs_fd_lock_at(vol, t->fd), &slot->page);
}

/* The pointer block that a pointer names. */
static enum status enter_pb(const struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t addr,
			    struct table *t)
{
	uint64_t at = vmfs_is_pb(&vol->layout, addr) ? vmfs_layout_addr_at(&vol->layout, addr)
						     : UINT64_MAX;

	*t = (struct table){ .fd = fd, .at = at, .count = vmfs_form(vol)->pb_ptrs };
	return at == UINT64_MAX || at % META_PAGE_BYTES ? ST_CORRUPT : ST_OK;
}

enum status vmfs_map_set(struct vmfs_volume *vol, const struct vmfs_slot *slot, uint64_t addr)
{
	const struct vmfs_form *form = vmfs_form(vol);
	void *p = vmfs_meta_edit(vol, slot->page, slot->off, form->ptr_bytes, META_RANK_OBJECT);

	if (!p)
		return ST_NOMEM;
	vmfs_ptr_set(form, p, addr);
	return ST_OK;
}

/* A pointer block of zeros, or of the first `bytes` of `from`. */
static enum status new_pb(struct vmfs_volume *vol, const struct vmfs_fd *fd, enum vmfs_res kind,
			  const void *from, uint32_t bytes, uint64_t *addr)
{
	struct meta_page *page;
	uint64_t at;
	uint8_t *data;
	enum status st = vmfs_alloc_one(vol, kind, addr);

	if (st != ST_OK)
		return st;
	at = vmfs_layout_addr_at(&vol->layout, *addr);
	st = vmfs_fresh(vol, fd, at, vmfs_form(vol)->pb_bytes);
	if (st != ST_OK || !bytes)
		return st;
	st = vmfs_meta_under(vol, at, META_READ, vmfs_fd_lock_at(vol, fd), &page);
	data = st == ST_OK ? vmfs_meta_edit(vol, page, 0, bytes, META_RANK_OBJECT) : NULL;
	if (!data)
		return st == ST_OK ? ST_NOMEM : st;
	memcpy(data, from, bytes);
	return ST_OK;
}

/* The pointer at slot names a pointer block; make one when it is null. Then slot is inside it. */
static enum status make_level(struct vmfs_volume *vol, const struct vmfs_fd *fd, enum vmfs_res kind,
			      struct vmfs_slot *slot, uint32_t index)
{
	uint64_t addr = vmfs_map_value(vol, slot);
	struct table t;
	enum status st = ST_OK;

	if (!addr) {
		st = new_pb(vol, fd, kind, NULL, 0, &addr);
		if (st == ST_OK)
			st = vmfs_map_set(vol, slot, addr);
		if (st == ST_OK)
			st = vmfs_fd_count(vol, fd, 0, 0, 1);
	}
	if (st != ST_OK)
		return st;
	if (addr & vmfs_form(vol)->sub_cow)
		return ST_UNSUPPORTED;
	st = enter_pb(vol, fd, addr, &t);
	return st == ST_OK ? table_slot(vol, &t, index, slot) : st;
}

/* What a pointer block of this file is made of: those of sub-blocks cannot lie in sub-blocks. */
static enum vmfs_res level_res(const struct vmfs_form *form, const struct vmfs_fd *fd, int upper)
{
	if (vmfs_fd_zla(fd) == VMFS_ZLA_SYS)
		return VMFS_RES_PB2;
	return upper ? form->upper_res : form->leaf_res;
}

enum status vmfs_map_slot(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t block,
			  struct vmfs_slot *slot)
{
	const struct vmfs_form *form = vmfs_form(vol);
	uint64_t unit = vmfs_fd_unit(vol, fd), top = block / unit;
	struct table t = fd_table(vol, fd);
	enum status st;

	if (vmfs_fd_zla(fd) == VMFS_ZLA_RESIDENT || top >= form->ptrs)
		return ST_RANGE;
	st = table_slot(vol, &t, (uint32_t)top, slot);
	while (unit > 1 && st == ST_OK) {
		unit /= form->pb_ptrs;
		st = make_level(vol, fd, level_res(form, fd, unit > 1), slot,
				(uint32_t)(block / unit % form->pb_ptrs));
	}
	return st;
}

/* ---- growing --------------------------------------------------------------------------------- */

enum status vmfs_block_clean(struct vmfs_volume *vol, uint64_t first, uint64_t count)
{
	uint64_t bytes = vol->layout.block_bytes;

	if (PLANT(block_not_zeroed) || lvm_known_zero(&vol->lvm, first * bytes, count * bytes))
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

/* The descriptor's room holds nothing but one pointer, or none (0). */
static enum status set_first(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t addr)
{
	const struct vmfs_form *form = vmfs_form(vol);
	uint8_t *data = vmfs_meta_edit(vol, fd->page, fd->off + VMFS_FD_INLINE_AT,
				       form->resident_max, META_RANK_OBJECT);

	if (!data)
		return ST_NOMEM;
	memset(data, 0, form->resident_max);
	vmfs_ptr_set(form, data + (form->ptrs_at - VMFS_FD_INLINE_AT), addr);
	return ST_OK;
}

/* The first bytes of a small file become its first file block: written straight to its place, which
 * the commit's first flush makes durable before the pointer. */
static enum status data_to_block(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t bytes,
				 uint64_t *addr)
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
	*addr = vmfs_layout_block_addr(&vol->layout, first);
	return st;
}

static enum status free_pointers(struct vmfs_volume *vol, const struct vmfs_fd *fd, int64_t *freed)
{
	struct table t = fd_table(vol, fd);
	struct vmfs_slot slot = { 0 };
	enum status st = ST_OK;

	for (uint32_t i = 0; i < t.count && st == ST_OK; i++) {
		uint64_t addr;

		st = table_slot(vol, &t, i, &slot);
		addr = vmfs_map_value(vol, &slot);
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
	uint8_t copy[META_PAGE_BYTES];
	enum status st;

	memcpy(copy, vmfs_fd_inline(fd), vmfs_form(vol)->resident_max);
	st = set_first(vol, fd, 0);
	if (st == ST_OK)
		st = set_shape(vol, fd, VMFS_ZLA_SB);
	return st == ST_OK && length ? vmfs_fd_write(vol, fd, 0, copy, length) : st;
}

/* A small file, resident or in sub-blocks, whose content moves to a file block. */
static enum status small_to_fb(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t length)
{
	int64_t freed = 0;
	uint64_t addr = 0;
	enum status st = ST_OK;

	if (length > vol->layout.block_bytes)
		return ST_UNSUPPORTED;	/* many sub-blocks: no known host makes such a file */
	if (length)
		st = data_to_block(vol, fd, length, &addr);
	if (st == ST_OK && vmfs_fd_zla(fd) == VMFS_ZLA_SB)
		st = free_pointers(vol, fd, &freed);
	if (st == ST_OK)
		st = set_first(vol, fd, addr);
	if (st == ST_OK)
		st = set_shape(vol, fd, VMFS_ZLA_FB);
	return st == ST_OK ? vmfs_fd_count(vol, fd, (addr != 0) - freed, 0, 0) : st;
}

/* One level more: the descriptor's pointers move into a pointer block, which becomes its first. */
static enum status add_level(struct vmfs_volume *vol, const struct vmfs_fd *fd, enum vmfs_res kind,
			     uint32_t zla)
{
	const struct vmfs_form *form = vmfs_form(vol);
	const uint8_t *ptr = fd->page->data + fd->off + form->ptrs_at;
	uint32_t bytes = form->ptrs * form->ptr_bytes;
	uint64_t addr = 0;
	enum status st;

	if (port_accel()->is_zero(ptr, bytes))
		return set_shape(vol, fd, zla);
	st = new_pb(vol, fd, kind, ptr, bytes, &addr);
	if (st == ST_OK)
		st = set_first(vol, fd, addr);
	if (st == ST_OK)
		st = set_shape(vol, fd, zla);
	return st == ST_OK ? vmfs_fd_count(vol, fd, 0, 0, 1) : st;
}

/* The other pointers stay: whoever mounts after a power cut, with these sectors in their places in
 * part, finds the old map or the new one. */
enum status vmfs_map_system_level(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	const struct vmfs_form *form = vmfs_form(vol);
	uint32_t at = fd->off + form->ptrs_at;
	uint64_t addr = 0;
	uint8_t *first;
	enum status st = new_pb(vol, fd, VMFS_RES_PB2, fd->page->data + at,
				form->ptrs * form->ptr_bytes, &addr);

	if (st != ST_OK)
		return st;
	first = vmfs_meta_edit(vol, fd->page, at, form->ptr_bytes, META_RANK_OBJECT);
	if (!first)
		return ST_NOMEM;
	vmfs_ptr_set(form, first, addr);
	st = set_shape(vol, fd, VMFS_ZLA_SYS);
	return st == ST_OK ? vmfs_fd_count(vol, fd, 0, 0, 1) : st;
}

enum status vmfs_map_system_tidy(struct vmfs_volume *vol, const struct vmfs_fd *fd,
				 uint64_t blocks)
{
	const struct vmfs_form *form = vmfs_form(vol);
	uint32_t used = (uint32_t)div_round_up(blocks, form->pb_ptrs) * form->ptr_bytes;
	uint32_t at = fd->off + form->ptrs_at + used, bytes = form->ptrs * form->ptr_bytes - used;
	uint8_t *rest;

	if (port_accel()->is_zero(fd->page->data + at, bytes))
		return ST_OK;
	rest = vmfs_meta_edit(vol, fd->page, at, bytes, META_RANK_OBJECT);
	if (!rest)
		return ST_NOMEM;
	memset(rest, 0, bytes);
	return ST_OK;
}

enum status vmfs_map_extend(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t bytes)
{
	const struct vmfs_form *form = vmfs_form(vol);
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
		case VMFS_ZLA_FB: st = add_level(vol, fd, form->leaf_res, VMFS_ZLA_PB); break;
		case VMFS_ZLA_PB: st = add_level(vol, fd, form->upper_res, VMFS_ZLA_PB2); break;
		default: st = ST_LIMIT;
		}
	}
	return st;
}

/* ---- shrinking ------------------------------------------------------------------------------- */

struct tally { int64_t blocks, tbz, pbs, large; };

/* What the pointer of block k gives back. The first one of a large block stands for it. */
static uint64_t given(const struct vmfs_volume *vol, uint64_t addr, uint64_t k, struct tally *t)
{
	t->large += vmfs_is_large(&vol->layout, addr) && k % vmfs_large_blocks(&vol->layout) == 0;
	return vmfs_piece(&vol->layout, addr, k);
}

/* The last `want` pointers of [from, count) that are not null are freed; without keep_page they
 * need not be set to null, for the page goes, too. */
static enum status free_run(struct vmfs_volume *vol, const struct table *tab, uint32_t from,
			    uint32_t want, int keep_page, struct tally *t)
{
	struct vmfs_slot s = { 0 };
	enum status st = ST_OK;

	for (uint32_t i = tab->count; i-- > from && want && st == ST_OK;) {
		uint64_t addr;

		st = table_slot(vol, tab, i, &s);
		addr = vmfs_map_value(vol, &s);
		if (st != ST_OK || !addr)
			continue;
		want--;
		t->blocks++;
		t->tbz += vmfs_is_tbz(&vol->layout, addr);
		/* Pointer blocks hold whole large blocks: the index says as much as the block. */
		st = vmfs_alloc_free(vol, given(vol, addr, i, t));
		if (st == ST_OK && keep_page)
			st = vmfs_map_set(vol, &s, 0);
	}
	return st;
}

/* How many pointers of [from, count) are not null, and the last of them (count: none). */
static enum status look_back(struct vmfs_volume *vol, const struct table *tab, uint32_t from,
			     uint32_t *used, uint32_t *last)
{
	struct vmfs_slot s = { 0 };
	enum status st = ST_OK;

	*used = 0;
	*last = tab->count;
	for (uint32_t i = tab->count; i-- > from && st == ST_OK;) {
		st = table_slot(vol, tab, i, &s);
		if (st != ST_OK || !vmfs_map_value(vol, &s))
			continue;
		if (!(*used)++)
			*last = i;
	}
	return st;
}

/* The last pointer that is not null; count when there is none. */
static enum status last_used(struct vmfs_volume *vol, const struct table *tab, uint32_t *last)
{
	struct vmfs_slot s = { 0 };
	enum status st = ST_OK;

	for (*last = tab->count; *last > 0 && st == ST_OK; --*last) {
		st = table_slot(vol, tab, *last - 1, &s);
		if (st == ST_OK && vmfs_map_value(vol, &s)) {
			--*last;
			return ST_OK;
		}
	}
	*last = tab->count;
	return st;
}

/* Free the leaf that `slot` names from entry `keep` on, at most a step of it; and the leaf itself
 * when nothing is kept. */
static enum status trim_leaf(struct vmfs_volume *vol, const struct vmfs_fd *fd,
			     const struct vmfs_slot *slot, uint32_t keep, struct tally *t,
			     int *more)
{
	uint64_t addr = vmfs_map_value(vol, slot);
	uint32_t used = 0, last;
	struct table leaf;
	int whole;
	enum status st = enter_pb(vol, fd, addr, &leaf);

	if (st == ST_OK)
		st = look_back(vol, &leaf, keep, &used, &last);
	if (st != ST_OK)
		return st;
	whole = !keep && used <= MAP_STEP;
	*more |= used > MAP_STEP;
	st = free_run(vol, &leaf, keep, MAP_STEP, !whole, t);
	if (st != ST_OK || !whole)
		return st;
	t->pbs++;
	st = vmfs_alloc_free(vol, addr);
	return st == ST_OK ? vmfs_map_set(vol, slot, 0) : st;
}

/* The last leaf below a level of pointers, when it reaches past `keep` blocks. *more: there was
 * one, or a part of it is left. */
static enum status trim_level(struct vmfs_volume *vol, const struct table *tab, uint64_t keep,
			      struct tally *t, int *more)
{
	uint64_t ptrs = vmfs_form(vol)->pb_ptrs, base;
	struct vmfs_slot slot = { 0 };
	uint32_t i;
	enum status st = last_used(vol, tab, &i);

	*more = 0;
	base = i * ptrs;
	if (st != ST_OK || i == tab->count || base + ptrs <= keep)
		return st;
	st = table_slot(vol, tab, i, &slot);
	*more = base > keep;
	return st == ST_OK ? trim_leaf(vol, tab->fd, &slot,
				       keep > base ? (uint32_t)(keep - base) : 0, t, more)
			   : st;
}

/* The same two levels up. */
static enum status trim_double(struct vmfs_volume *vol, const struct table *tab, uint64_t keep,
			       struct tally *t, int *more)
{
	uint64_t ptrs = vmfs_form(vol)->pb_ptrs, base, inner_keep, addr;
	struct vmfs_slot slot = { 0 };
	struct table inner;
	uint32_t i, left = 0;
	enum status st = last_used(vol, tab, &i);

	*more = 0;
	base = i * ptrs * ptrs;
	inner_keep = keep > base ? keep - base : 0;
	if (st != ST_OK || i == tab->count || base + ptrs * ptrs <= keep)
		return st;
	st = table_slot(vol, tab, i, &slot);
	addr = vmfs_map_value(vol, &slot);
	if (st == ST_OK)
		st = enter_pb(vol, tab->fd, addr, &inner);
	if (st == ST_OK)
		st = trim_level(vol, &inner, inner_keep, t, more);
	if (st == ST_OK)
		st = last_used(vol, &inner, &left);
	if (st != ST_OK || inner_keep || left < inner.count) {
		*more |= st == ST_OK && inner_keep == 0;
		return st;
	}
	*more = base > keep;
	t->pbs++;
	st = vmfs_alloc_free(vol, addr);
	return st == ST_OK ? vmfs_map_set(vol, &slot, 0) : st;
}

enum status vmfs_map_split(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t at)
{
	const struct vmfs_layout *l = &vol->layout;
	uint64_t blocks = vmfs_large_blocks(l), first, addr;
	struct vmfs_slot slot;
	enum status st = ST_OK;

	if (!blocks || at % blocks == 0 || vmfs_fd_zla(fd) == VMFS_ZLA_SB ||
	    vmfs_fd_slot(vol, fd, at, META_READ, &slot) != ST_OK ||
	    !vmfs_is_large(l, vmfs_map_value(vol, &slot)))
		return ST_OK;
	first = round_down(at, blocks);
	for (uint64_t k = first; k < first + blocks && st == ST_OK; k++) {
		st = vmfs_fd_slot(vol, fd, k, META_READ, &slot);
		addr = st == ST_OK ? vmfs_map_value(vol, &slot) : 0;
		if (vmfs_is_large(l, addr))
			st = vmfs_map_set(vol, &slot, vmfs_piece(l, addr, k));
	}
	return st == ST_OK ? vmfs_fd_count_large(vol, fd, -1) : st;
}

enum status vmfs_map_trim(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t keep,
			  int *more)
{
	struct table first = fd_table(vol, fd);
	struct tally t = { 0 };
	enum status st = ST_OK;

	*more = 0;
	if (vmfs_fd_zla(fd) == VMFS_ZLA_RESIDENT)
		return ST_OK;
	if (keep)
		st = vmfs_map_split(vol, fd, keep);
	if (st != ST_OK)
		return st;
	switch (vmfs_fd_levels(fd)) {
	case 2: st = trim_double(vol, &first, keep, &t, more); break;
	case 1: st = trim_level(vol, &first, keep, &t, more); break;
	default:
		if (keep < first.count)
			st = free_run(vol, &first, (uint32_t)keep, first.count, 1, &t);
	}
	if (st == ST_OK && t.large)
		st = vmfs_fd_count_large(vol, fd, -t.large);
	if (st != ST_OK || !(t.blocks | t.pbs))
		return st;
	return vmfs_fd_count(vol, fd, -t.blocks, -t.tbz, -t.pbs);
}

/* ---- pointers past the end ------------------------------------------------------------------- */

enum status vmfs_map_beyond(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t keep,
			    int *beyond)
{
	uint64_t unit = vmfs_fd_unit(vol, fd);
	struct table t = fd_table(vol, fd);
	struct vmfs_slot slot = { 0 };
	enum status st = ST_OK;

	*beyond = 0;
	if (vmfs_fd_zla(fd) == VMFS_ZLA_RESIDENT)
		return ST_OK;
	for (;;) {
		uint32_t last;

		st = last_used(vol, &t, &last);
		if (st != ST_OK || last == t.count || (last + 1) * unit <= keep)
			return st;
		*beyond = unit == 1 || last * unit >= keep;
		if (*beyond)
			return ST_OK;
		keep -= last * unit;
		unit /= vmfs_form(vol)->pb_ptrs;
		st = table_slot(vol, &t, last, &slot);
		if (st == ST_OK)
			st = enter_pb(vol, fd, vmfs_map_value(vol, &slot), &t);
		if (st != ST_OK)
			return st;
		slot.page = NULL;
	}
}
