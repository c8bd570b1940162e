/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* fd - file descriptors, and the bytes of small files.
 *
 * A descriptor is a lock, a metadata record, and room that is either the file itself or pointers.
 * Record and room lie inside one page of the cache. Pointers are looked up where they lie, in the
 * descriptor or in a cached pointer block; there is no second copy of a block map in memory. */
#include "vmfs/vmfs_priv.h"

/* Pointers of whole large blocks, as other systems may write them: such files are read only. */
static int unit_is_large(const struct vmfs_volume *vol, const struct vmfs_fd_disk *m)
{
	uint64_t large = vmfs_large_blocks(&vol->layout) << vol->layout.block_shift;

	return large && le64_get(m->block_bytes) == large && le32_get(m->zla) != VMFS_ZLA_SB &&
	       le32_get(m->zla) != VMFS_ZLA_RESIDENT;
}

int vmfs_fd_is_large(const struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	return unit_is_large(vol, vmfs_fd_meta(fd));
}

uint32_t vmfs_fd_block_shift(const struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	uint32_t shift = vmfs_fd_shift(vmfs_fd_meta(fd));

	return vmfs_fd_is_large(vol, fd) ? vol->layout.block_shift : shift;
}

/* The unit of the pointers is what the volume has: later arithmetic relies on it. */
static const char *shape_check(const struct vmfs_volume *vol, const struct vmfs_fd_disk *m)
{
	uint64_t unit = le64_get(m->block_bytes);

	switch (le32_get(m->zla)) {
	case VMFS_ZLA_RESIDENT: return NULL;
	case VMFS_ZLA_SB:
		return unit == vol->sb_bytes ? NULL : "blockSize is not the volume's sub-block";
	default:
		return unit == vol->layout.block_bytes || unit_is_large(vol, m)
			   ? NULL : "blockSize is not the volume's file block";
	}
}

/* Volume offset of the metadata record of an FD address; ~0: none. */
static uint64_t meta_at(const struct vmfs_volume *vol, uint32_t addr)
{
	uint64_t at = VMFS_ADDR_TYPE(addr) == VMFS_ADDR_FD ? vmfs_layout_addr_at(&vol->layout, addr)
							   : UINT64_MAX;

	return at == UINT64_MAX ? at : at + vmfs_form(vol)->md_bytes;
}

/* A directory whose lock another host holds is in the middle of a change. */
static enum status check_still(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	struct vmfs_slot where;
	const struct vmfs_lock_disk *lock;
	enum status st = vol->writable && vmfs_fd_type(fd) == VMFS_TYPE_DIR
			     ? vmfs_fd_lock_slot(vol, fd, &where) : ST_NOENT;

	if (st != ST_OK)
		return st == ST_NOENT ? ST_OK : st;
	lock = (const void *)(where.page->data + where.off);
	if (vmfs_lock_owned(where.page, where.off) ||
	    le32_get(lock->mode) != VMFS_LOCK_EXCLUSIVE || vmfs_lock_is_ours(vol, lock))
		return ST_OK;
	return vmfs_lock_met(vol, lock);
}

enum status vmfs_fd_get(struct vmfs_volume *vol, uint32_t addr, struct vmfs_fd *fd)
{
	uint64_t at = meta_at(vol, addr), lock_at = at - vmfs_form(vol)->md_bytes;
	const char *bad;
	enum status st;

	if (at == UINT64_MAX)
		return ST_CORRUPT;
	st = vmfs_cover(vol, lock_at);
	if (st == ST_OK)
		st = vmfs_meta_under(vol, at, META_READ, lock_at, &fd->page);
	if (st != ST_OK)
		return st;
	fd->off = (uint32_t)(at % META_PAGE_BYTES);
	fd->addr = addr;
	bad = vmfs_fd_check(vmfs_form(vol), vmfs_fd_meta(fd), addr);
	if (!bad && vmfs_fd_type(fd) != VMFS_TYPE_RDM)
		bad = shape_check(vol, vmfs_fd_meta(fd));
	if (!bad)
		return check_still(vol, fd);
	vmfs_complain(vol, "descriptor 0x%08x at 0x%llx: %s -> check the volume", addr,
		      (unsigned long long)(at - vmfs_form(vol)->md_bytes), bad);
	return ST_CORRUPT;
}

uint64_t vmfs_fd_lock_at(const struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	return fd->page->at + fd->off - vmfs_form(vol)->md_bytes;
}

enum status vmfs_fd_lock_slot(struct vmfs_volume *vol, const struct vmfs_fd *fd,
			      struct vmfs_slot *where)
{
	uint64_t at = vmfs_fd_lock_at(vol, fd);

	where->off = (uint32_t)(at % META_PAGE_BYTES);
	return vmfs_meta_get(vol, at, META_READ, &where->page);
}

enum status vmfs_fd_lock(struct vmfs_volume *vol, const struct vmfs_fd *fd,
			 struct vmfs_lock_disk *lock)
{
	struct vmfs_slot where;
	enum status st = vmfs_fd_lock_slot(vol, fd, &where);

	if (st == ST_OK)
		memcpy(lock, where.page->data + where.off, sizeof(*lock));
	return st;
}

/* ---- pointers -------------------------------------------------------------------------------- */

uint32_t vmfs_fd_levels(const struct vmfs_fd *fd)
{
	switch (vmfs_fd_zla(fd)) {
	case VMFS_ZLA_PB:
	case VMFS_ZLA_SYS: return 1;
	case VMFS_ZLA_PB2: return 2;
	default: return 0;
	}
}

uint64_t vmfs_fd_unit(const struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	uint64_t unit = 1;

	for (uint32_t i = vmfs_fd_levels(fd); i > 0; i--)
		unit *= vmfs_form(vol)->pb_ptrs;
	return unit;
}

/* From a slot that names a pointer block to one inside of it. */
static enum status follow(struct vmfs_volume *vol, const struct vmfs_fd *fd,
			  struct vmfs_slot *slot, uint64_t index, enum meta_how how)
{
	uint64_t addr = vmfs_map_value(vol, slot), in = index * vmfs_form(vol)->ptr_bytes, at;

	slot->off = (uint32_t)(in % META_PAGE_BYTES);
	slot->page = NULL;
	if (!addr)
		return ST_OK;
	at = vmfs_is_pb(&vol->layout, addr) ? vmfs_layout_addr_at(&vol->layout, addr) : UINT64_MAX;
	if (at == UINT64_MAX || at % META_PAGE_BYTES)
		return ST_CORRUPT;
	return vmfs_meta_under(vol, at + in, how, vmfs_fd_lock_at(vol, fd), &slot->page);
}

enum status vmfs_fd_slot(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t block,
			 enum meta_how how, struct vmfs_slot *slot)
{
	const struct vmfs_form *form = vmfs_form(vol);
	uint64_t unit = vmfs_fd_unit(vol, fd);
	enum status st = ST_OK;

	if (vmfs_fd_is_large(vol, fd))
		block >>= vol->layout.lfb_shift;
	if (vmfs_fd_zla(fd) == VMFS_ZLA_RESIDENT || block / unit >= form->ptrs)
		return ST_RANGE;
	slot->page = fd->page;
	slot->off = fd->off + form->ptrs_at + (uint32_t)(block / unit) * form->ptr_bytes;
	while (unit > 1 && slot->page && st == ST_OK) {
		unit /= form->pb_ptrs;
		st = follow(vol, fd, slot, block / unit % form->pb_ptrs, how);
	}
	return st;
}

/* What the pointers of this file must be. */
static int pointer_ok(const struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t addr)
{
	const struct vmfs_layout *l = &vol->layout;

	if (!addr)
		return 1;
	if (vmfs_fd_zla(fd) == VMFS_ZLA_SB)
		return vmfs_addr_res(l, addr) == VMFS_RES_SB;
	return vmfs_is_block(l, addr) && vmfs_layout_block(l, addr) < l->blocks;
}

enum status vmfs_fd_pointer(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t block,
			    enum meta_how how, uint64_t *addr)
{
	struct vmfs_slot slot;
	enum status st = vmfs_fd_slot(vol, fd, block, how, &slot);

	if (st != ST_OK)
		return st;
	*addr = vmfs_piece(&vol->layout, vmfs_map_value(vol, &slot), block);
	return pointer_ok(vol, fd, *addr) ? ST_OK : ST_CORRUPT;
}

/* ---- bytes through the cache ----------------------------------------------------------------- */

/* Where byte `at` lies in the cache, and how many follow it in the same page. page NULL: zeros. */
static enum status locate(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t at,
			  struct vmfs_slot *where, uint64_t *run)
{
	uint64_t addr = 0, in_block, volume_at;
	uint32_t shift;
	enum status st;

	if (vmfs_fd_zla(fd) == VMFS_ZLA_RESIDENT) {
		*where = (struct vmfs_slot){ fd->page,
					     fd->off + VMFS_FD_INLINE_AT + (uint32_t)at };
		*run = vmfs_form(vol)->resident_max - at;
		return at < vmfs_form(vol)->resident_max ? ST_OK : ST_CORRUPT;
	}
	shift = vmfs_fd_block_shift(vol, fd);
	st = vmfs_fd_pointer(vol, fd, at >> shift, META_READ, &addr);
	if (st != ST_OK)
		return st;
	in_block = at & ((1ull << shift) - 1);
	*run = MIN((1ull << shift) - in_block, META_PAGE_BYTES - at % META_PAGE_BYTES);
	where->page = NULL;
	if (!addr || vmfs_is_tbz(&vol->layout, addr))
		return ST_OK;
	volume_at = vmfs_layout_addr_at(&vol->layout, addr);
	if (volume_at == UINT64_MAX)
		return ST_CORRUPT;
	where->off = (uint32_t)((volume_at + in_block) % META_PAGE_BYTES);
	*run = MIN(*run, META_PAGE_BYTES - where->off);
	return vmfs_meta_under(vol, volume_at + in_block, META_READ, vmfs_fd_lock_at(vol, fd),
			       &where->page);
}

enum status vmfs_fd_read(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t at, void *buf,
			 uint64_t bytes)
{
	uint8_t *to = buf;

	while (bytes) {
		struct vmfs_slot where;
		uint64_t run;
		enum status st = locate(vol, fd, at, &where, &run);

		if (st != ST_OK)
			return st;
		run = MIN(run, bytes);
		if (where.page)
			memcpy(to, where.page->data + where.off, run);
		else
			memset(to, 0, run);
		to += run;
		at += run;
		bytes -= run;
	}
	return ST_OK;
}

/* Sectors that only the cache calls zero would come back from the disk with what another file left
 * there. So all of it is changed to zeros, through the journal; or, where it is too long for that,
 * zeroed on the disk: nothing freed is given again before its old owner is gone for good (I5). */
enum status vmfs_fresh(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t at,
		       uint64_t bytes)
{
	int small = bytes <= 2 * META_PAGE_BYTES;
	struct meta_page *page;
	enum status st = ST_OK;

	if (!small && !lvm_known_zero(&vol->lvm, at, bytes))
		st = lvm_zero(&vol->lvm, at, bytes);
	for (uint64_t o = 0; o < bytes && st == ST_OK; o += META_PAGE_BYTES) {
		st = vmfs_meta_under(vol, at + o, META_FRESH, vmfs_fd_lock_at(vol, fd), &page);
		if (st == ST_OK && small &&
		    !vmfs_meta_edit(vol, page, 0, META_PAGE_BYTES, META_RANK_OBJECT))
			st = ST_NOMEM;
	}
	return st;
}

/* A file block has more pages than should be cached for it: zeroed on the disk, and in pages that
 * are still here from its last owner. */
enum status vmfs_block_fresh(struct vmfs_volume *vol, uint64_t block)
{
	uint64_t bytes = vol->layout.block_bytes;
	struct meta_page *page;

	for (uint64_t at = block * bytes; at < (block + 1) * bytes; at += META_PAGE_BYTES) {
		page = vmfs_meta_peek(vol, at);
		if (page)
			memset(page->data, 0, META_PAGE_BYTES);
	}
	return vmfs_block_clean(vol, block, 1);
}

/* Give a hole of a small file or directory its block, all zeros. */
static enum status fill_hole(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t block)
{
	int small = vmfs_fd_zla(fd) == VMFS_ZLA_SB;
	uint64_t first = 0, count, addr;
	struct vmfs_slot slot;
	enum status st;

	if (small) {
		st = vmfs_alloc_one(vol, VMFS_RES_SB, &addr);
	} else {
		st = vmfs_alloc_blocks(vol, 0, 1, &first, &count);
		addr = st == ST_OK ? vmfs_layout_block_addr(&vol->layout, first) : 0;
	}
	if (st != ST_OK)
		return st;
	st = small ? vmfs_fresh(vol, fd, vmfs_layout_addr_at(&vol->layout, addr), vol->sb_bytes)
		   : vmfs_block_fresh(vol, first);
	if (st == ST_OK)
		st = vmfs_map_slot(vol, fd, block, &slot);
	if (st == ST_OK)
		st = vmfs_map_set(vol, &slot, addr);
	return st == ST_OK ? vmfs_fd_count(vol, fd, 1, 0, 0) : st;
}

enum status vmfs_fd_write(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t at,
			  const void *buf, uint64_t bytes)
{
	const uint8_t *from = buf;

	vmfs_fd_used(vol, fd);
	while (bytes) {
		struct vmfs_slot where;
		uint64_t run;
		uint8_t *to;
		enum status st = locate(vol, fd, at, &where, &run);

		if (st == ST_OK && !where.page) {
			st = fill_hole(vol, fd, at >> vmfs_fd_shift(vmfs_fd_meta(fd)));
			if (st == ST_OK)
				st = locate(vol, fd, at, &where, &run);
		}
		if (st != ST_OK)
			return st;
		run = MIN(run, bytes);
		to = where.page ? vmfs_meta_edit(vol, where.page, where.off, (uint32_t)run,
						 META_RANK_OBJECT) : NULL;
		if (!to)
			return where.page ? ST_NOMEM : ST_CORRUPT;
		memcpy(to, from, run);
		from += run;
		at += run;
		bytes -= run;
	}
	return ST_OK;
}

/* ---- changing the metadata sector ------------------------------------------------------------ */

struct vmfs_fd_disk *vmfs_fd_edit(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	vmfs_fd_used(vol, fd);
	return vmfs_meta_edit(vol, fd->page, fd->off, SECTOR_BYTES, META_RANK_OBJECT);
}

enum status vmfs_fd_touch(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	struct vmfs_fd_disk *m = vmfs_fd_edit(vol, fd);

	if (!m)
		return ST_NOMEM;
	le32_set(&m->mtime, vmfs_now_s());
	m->ctime = m->mtime;
	return ST_OK;
}

enum status vmfs_fd_set_length(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t length)
{
	struct vmfs_fd_disk *m = vmfs_fd_edit(vol, fd);

	if (!m)
		return ST_NOMEM;
	le64_set(&m->length, length);
	le32_set(&m->mtime, vmfs_now_s());
	m->ctime = m->mtime;
	return ST_OK;
}

static void add_split(le32 *lo, le32 *hi, int64_t delta)
{
	uint64_t v = (((uint64_t)le32_get(*hi) << 32) | le32_get(*lo)) + (uint64_t)delta;

	le32_set(lo, (uint32_t)v);
	le32_set(hi, (uint32_t)(v >> 32));
}

/* newSinceEpoch follows numBlocks, as on the volumes that were seen. */
enum status vmfs_fd_count(struct vmfs_volume *vol, const struct vmfs_fd *fd, int64_t blocks,
			  int64_t tbz, int64_t pbs)
{
	struct vmfs_fd_disk *m = vmfs_fd_edit(vol, fd);

	if (!m)
		return ST_NOMEM;
	le64_set(&m->num_blocks, le64_get(m->num_blocks) + (uint64_t)blocks);
	add_split(&m->new_lo, &m->new_hi, blocks);
	add_split(&m->tbz_lo, &m->tbz_hi, tbz);
	le32_set(&m->num_pbs, le32_get(m->num_pbs) + (uint32_t)pbs);
	return ST_OK;
}

enum status vmfs_fd_count_large(struct vmfs_volume *vol, const struct vmfs_fd *fd, int64_t large)
{
	struct vmfs_fd_disk *m = vmfs_fd_edit(vol, fd);

	if (!m)
		return ST_NOMEM;
	le32_set(&m->large_blocks, le32_get(m->large_blocks) + (uint32_t)large);
	return ST_OK;
}

/* ---- making and clearing --------------------------------------------------------------------- */

/* The lock of a new descriptor: free. Its token starts at the generation, as hosts have it, but
 * never goes back: an old token must not become true again for who remembers it. */
static enum status make_lock(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint32_t generation)
{
	struct vmfs_slot where;
	struct vmfs_lock_disk *l;
	uint64_t token;
	enum status st = vmfs_fd_lock_slot(vol, fd, &where);

	if (st != ST_OK)
		return st;
	l = vmfs_meta_edit(vol, where.page, where.off, sizeof(*l), META_RANK_OBJECT);
	if (!l)
		return ST_NOMEM;
	token = MAX(le64_get(l->token) + 1, (uint64_t)generation);
	memset(l, 0, sizeof(*l));
	le32_set(&l->type, VMFS_LOCK_TYPE_BASE + VMFS_LOCK_FD);
	le64_set(&l->at, where.page->at + where.off);
	le64_set(&l->token, token);
	le64_set(&l->mtime, 0x200 + vol->dirs.op);
	return ST_OK;
}

static void make_meta(const struct vmfs_volume *vol, struct vmfs_fd_disk *m,
		      const struct vmfs_fd *fd, enum vmfs_type type, uint32_t mode)
{
	const struct vmfs_form *form = vmfs_form(vol);
	int resident = type == VMFS_TYPE_FILE ||
		       (type == VMFS_TYPE_SYMLINK && form->fd_signature); /* VMFS-6: links */
	uint32_t shift = 0;

	memset(m, 0, sizeof(*m));
	while (1ull << shift < vol->sb_bytes)
		shift++;
	le32_set(&m->fd, fd->addr);
	le32_set(&m->links, 1);
	le32_set(&m->type, type);
	le64_set(&m->block_bytes, vol->sb_bytes);
	le32_set(&m->mtime, vmfs_now_s());
	m->ctime = m->atime = m->mtime;
	le32_set(&m->mode, mode & 07777);
	le32_set(&m->zla, resident ? VMFS_ZLA_RESIDENT : VMFS_ZLA_SB);
	le32_set(&m->signature, form->fd_signature);
	le32_set(&m->affinity_fd, fd->addr);
	le32_set(&m->tbz_shift, type == VMFS_TYPE_DIR && !form->fd_signature
				    ? shift : vol->layout.block_shift);
	m->block_shift = (uint8_t)shift;
}

/* Old pointers in a cleared descriptor would mislead readers that do not know the ZLA. */
static enum status make_data(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	uint32_t bytes = vmfs_form(vol)->resident_max;
	void *data;

	if (port_accel()->is_zero(vmfs_fd_inline(fd), bytes))
		return ST_OK;
	data = vmfs_meta_edit(vol, fd->page, fd->off + VMFS_FD_INLINE_AT, bytes, META_RANK_OBJECT);
	if (!data)
		return ST_NOMEM;
	memset(data, 0, bytes);
	return ST_OK;
}

/* A page of a descriptor that was free until now, with those that will be wanted next. Nobody else
 * makes descriptors of this cluster since we hold its lock; what was read before may be old. */
static enum status get_free(struct vmfs_volume *vol, uint32_t addr, uint64_t at,
			    struct meta_page **page)
{
	uint64_t cluster =
	    vmfs_layout_cluster_at(&vol->layout, VMFS_RES_FD, VMFS_FD_CLUSTER(addr));
	enum status st = vmfs_meta_get(vol, at, META_WALK, page);

	if (st == ST_OK)
		st = vmfs_meta_get(vol, at, META_READ, page);
	if (st == ST_OK && (*page)->fresh < vmfs_lock_since(vol, cluster))
		st = vmfs_page_refresh(vol, *page);
	return st;
}

enum status vmfs_fd_make(struct vmfs_volume *vol, enum vmfs_type type, uint32_t mode,
			 struct vmfs_fd *fd)
{
	uint32_t generation = 0;
	struct vmfs_fd_disk *m;
	uint64_t at, addr = 0;
	enum status st = vmfs_alloc_one(vol, VMFS_RES_FD, &addr);

	fd->addr = (uint32_t)addr;
	if (st == ST_OK)
		st = vmfs_alloc_generation(vol, fd->addr, &generation);
	if (st != ST_OK)
		return st;
	at = meta_at(vol, fd->addr);
	st = get_free(vol, fd->addr, at - vmfs_form(vol)->md_bytes, &fd->page);
	if (st == ST_OK)
		st = get_free(vol, fd->addr, at, &fd->page);
	if (st != ST_OK)
		return st;
	fd->off = (uint32_t)(at % META_PAGE_BYTES);
	st = make_lock(vol, fd, generation);
	m = st == ST_OK ? vmfs_fd_edit(vol, fd) : NULL;
	if (!m)
		return st == ST_OK ? ST_NOMEM : st;
	make_meta(vol, m, fd, type, mode);
	le32_set(&m->generation, generation);
	return make_data(vol, fd);
}

enum status vmfs_fd_clear(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	struct vmfs_fd_disk *m = vmfs_fd_edit(vol, fd);

	if (!m)
		return ST_NOMEM;
	memset(m, 0, sizeof(*m));
	le32_set(&m->fd, fd->addr);
	return vmfs_alloc_free(vol, fd->addr);
}

/* ---- looking --------------------------------------------------------------------------------- */

/* .sdd.sf is a directory, though its type says system file: its mode tells. */
static enum store_kind kind_of(uint32_t type, uint32_t mode)
{
	if (type == VMFS_TYPE_SYSTEM && (mode & 0170000) == 0040000)
		return STORE_DIR;
	switch (type) {
	case VMFS_TYPE_FILE: return STORE_FILE;
	case VMFS_TYPE_DIR: return STORE_DIR;
	case VMFS_TYPE_SYMLINK: return STORE_SYMLINK;
	case VMFS_TYPE_RDM: return STORE_RDM;
	case VMFS_TYPE_SYSTEM: return STORE_SYSTEM;
	default: return STORE_OTHER;
	}
}

void vmfs_fd_stat(const struct vmfs_volume *vol, const struct vmfs_fd *fd, struct store_stat *st)
{
	const struct vmfs_fd_disk *m = vmfs_fd_meta(fd);
	int resident = le32_get(m->zla) == VMFS_ZLA_RESIDENT;

	(void)vol;
	*st = (struct store_stat){
		.kind = kind_of(le32_get(m->type), le32_get(m->mode)),
		.id = fd->addr,
		.size_bytes = le64_get(m->length),
		.allocated_bytes = le64_get(m->num_blocks) * le64_get(m->block_bytes),
		.block_bytes = resident ? 0 : (uint32_t)le64_get(m->block_bytes),
		.mode = le32_get(m->mode) & 07777,
		.uid = le32_get(m->uid),
		.gid = le32_get(m->gid),
		.links = le32_get(m->links),
		.mtime_s = le32_get(m->mtime),
		.ctime_s = le32_get(m->ctime),
		.atime_s = le32_get(m->atime),
	};
	if (st->kind == STORE_RDM)
		st->allocated_bytes = 0;
}
