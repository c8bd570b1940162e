/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* file - open files, and the control calls that change their size and map.
 *
 * All opens of a descriptor share a node, whose descriptor page is pinned. A control call freezes
 * the node, so that requests are held back, and drains it before it takes blocks away: no transfer
 * below can then touch a block that changes its owner (I7). What a call makes visible to the data
 * path it changes without parking, after everything that can fail. */
#include "vmfs/vmfs_priv.h"

/* ---- nodes ----------------------------------------------------------------------------------- */

struct vmfs_node *vmfs_node_find(struct vmfs_volume *vol, uint32_t fd)
{
	struct vmfs_node *n;

	list_for_each(n, &vol->nodes, link)
		if (n->fd.addr == fd)
			return n;
	return NULL;
}

void vmfs_node_freeze(struct vmfs_node *node) { node->frozen++; }

void vmfs_node_drain(struct vmfs_node *node)
{
	VERIFY(node->frozen);
	while (node->inflight) {
		node->drainer = port_world_self();
		port_world_park();
	}
	node->drainer = NULL;
}

void vmfs_node_thaw(struct vmfs_node *node)
{
	struct list *l;

	if (--node->frozen)
		return;
	memset(node->memo, 0, sizeof(node->memo));	/* pointer blocks may be others now */
	while ((l = list_pop(&node->held)))
		vmfs_io_resume(list_entry(l, struct io_req, link));
}

static enum status node_get(struct vmfs_volume *vol, uint32_t addr, struct vmfs_node **out)
{
	struct vmfs_node *n = vmfs_node_find(vol, addr);
	enum status st;

	if (n) {
		n->refs++;
		*out = n;
		return ST_OK;
	}
	n = port_alloc(sizeof(*n));
	if (!n)
		return ST_NOMEM;
	st = vmfs_fd_get(vol, addr, &n->fd);
	if (st != ST_OK) {
		port_free(n);
		return st;
	}
	n->vol = vol;
	n->refs = 1;
	n->fd.page->pins++;
	list_init(&n->held);
	list_add_tail(&vol->nodes, &n->link);
	*out = n;
	return ST_OK;
}

static void node_put(struct vmfs_node *n)
{
	if (--n->refs)
		return;
	VERIFY(!n->inflight && list_empty(&n->held));
	n->fd.page->pins--;
	list_del(&n->link);
	port_free(n);
}

/* ---- open and close -------------------------------------------------------------------------- */

static enum status may_open(struct vmfs_volume *vol, struct vmfs_node *n, unsigned flags)
{
	const struct vmfs_fd_disk *m = vmfs_fd_meta(&n->fd);
	uint32_t type = vmfs_fd_type(&n->fd);

	if (type == VMFS_TYPE_DIR)
		return ST_ISDIR;
	if (type == VMFS_TYPE_RDM)
		return ST_UNSUPPORTED;	/* its data is a device's */
	if (!(flags & STORE_WRITE))
		return ST_OK;
	if (!vol->writable)
		return ST_READONLY;
	if (type != VMFS_TYPE_FILE || le32_get(m->cow_lo) || le32_get(m->cow_hi))
		return ST_REFUSED;
	if (vmfs_fd_is_large(vol, &n->fd))
		return ST_UNSUPPORTED;
	return n->refs > 1 ? ST_BUSY : ST_OK;
}

/* The first opening here takes the lock, for all. Who writes locks everybody out; readers let in
 * other readers. System files are not locked to be read. */
static enum status lock_node(struct vmfs_node *n, unsigned flags)
{
	uint32_t mode = flags & STORE_WRITE ? VMFS_LOCK_EXCLUSIVE : VMFS_LOCK_READ_ONLY;
	enum status st;

	if (n->refs > 1 || vmfs_fd_type(&n->fd) == VMFS_TYPE_SYSTEM)
		return ST_OK;
	st = vmfs_lock_open(n->vol, &n->fd, mode);
	n->locked = st == ST_OK;
	return st;
}

enum status vmfs_file_open(struct vmfs_volume *vol, uint32_t fd, unsigned flags,
			   struct vmfs_file **file)
{
	struct vmfs_file *f = port_alloc(sizeof(*f));
	enum status st;

	if (!f)
		return ST_NOMEM;
	st = node_get(vol, fd, &f->node);
	if (st != ST_OK) {
		port_free(f);
		return st;
	}
	st = may_open(vol, f->node, flags);
	if (st != ST_OK) {
		node_put(f->node);
		port_free(f);
		return st;
	}
	if (vol->writable)
		st = lock_node(f->node, flags);
	else if (f->node->refs == 1)
		st = vmfs_live_mark(f->node);
	if (st != ST_OK) {
		node_put(f->node);
		port_free(f);
		return st;
	}
	f->base.store = &vol->store;
	f->writable = (flags & STORE_WRITE) != 0;
	f->node->writers += f->writable;
	*file = f;
	return ST_OK;
}

static enum status stamp_op(struct vmfs_volume *vol, void *arg)
{
	struct vmfs_node *n = arg;

	return vmfs_fd_touch(vol, &n->fd);
}

/* Data was written: that shows in mtime when the group is committed or the file is closed. */
void vmfs_file_stamp(struct vmfs_volume *vol)
{
	struct vmfs_node *n;

	list_for_each(n, &vol->nodes, link) {
		if (n->written && vmfs_meta_run(vol, 1, stamp_op, n) == ST_OK)
			n->written = 0;
	}
}

/* Of a file that was only read: was it at rest? Who asked before knows already. */
static void judge_reads(struct vmfs_node *n)
{
	struct why what = { 0 }, why = { 0 };
	enum status st = n->data_read ? vmfs_live_settled(n, &what) : ST_OK;

	if (st == ST_OK)
		return;
	why_set(&why, st, "%s: a file (descriptor 0x%08x) %s", n->vol->store.name, n->fd.addr,
		what.text);
	vmfs_live_doubt(n->vol, &why);
}

enum status vmfs_file_close(struct vmfs_file *f)
{
	struct vmfs_node *n = f->node;
	struct vmfs_volume *vol = n->vol;
	enum status st = ST_OK;

	if (!f->writable)
		judge_reads(n);
	else if (n->written)
		st = vmfs_meta_run(vol, 1, stamp_op, n);
	if (f->writable)
		n->written = 0;
	n->writers -= f->writable;
	if (n->refs == 1 && n->locked)
		vmfs_lock_close(vol, &n->fd);
	node_put(n);
	port_free(f);
	return st;
}

/* ---- growing --------------------------------------------------------------------------------- */

/* What lies between the old end and `to` in the last block becomes visible: it must read 0. */
static enum status zero_tail(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint64_t from,
			     uint64_t to)
{
	uint64_t bytes = le64_get(vmfs_fd_meta(fd)->block_bytes), addr = 0;
	static const uint8_t zeros[META_PAGE_BYTES];
	enum status st = ST_OK;

	to = MIN(to, round_up(from, bytes));
	if (from >= to)
		return ST_OK;
	if (vmfs_fd_zla(fd) == VMFS_ZLA_RESIDENT) {
		to = MIN(to, vmfs_form(vol)->resident_max);
		return vmfs_fd_write(vol, fd, from, zeros, to - from);
	}
	st = vmfs_fd_pointer(vol, fd, from / bytes, META_READ, &addr);
	if (st != ST_OK || !addr)
		return st;
	if (vmfs_fd_zla(fd) == VMFS_ZLA_SB) {
		while (st == ST_OK && from < to) {
			uint64_t n = MIN(to - from, sizeof(zeros));

			st = vmfs_fd_write(vol, fd, from, zeros, n);
			from += n;
		}
		return st;
	}
	if (vmfs_is_tbz(&vol->layout, addr))
		return ST_OK;
	return lvm_zero(&vol->lvm, vmfs_layout_block(&vol->layout, addr) * bytes + from % bytes,
			to - from);
}

enum status vmfs_file_grow(struct vmfs_node *node, uint64_t bytes, uint64_t written)
{
	struct vmfs_volume *vol = node->vol;
	uint64_t length = vmfs_fd_length(&node->fd);
	enum status st;

	VERIFY(bytes > length);
	st = zero_tail(vol, &node->fd, length, MAX(written, length));
	if (st == ST_OK)
		st = vmfs_map_extend(vol, &node->fd, bytes);
	return st == ST_OK ? vmfs_fd_set_length(vol, &node->fd, bytes) : st;
}

struct sizing {
	struct vmfs_node *node;
	uint64_t	bytes;
	int		more;
};

static enum status grow_op(struct vmfs_volume *vol, void *arg)
{
	struct sizing *s = arg;

	(void)vol;
	return vmfs_file_grow(s->node, s->bytes, s->bytes);
}

/* ---- shrinking ------------------------------------------------------------------------------- */

static uint64_t blocks_of(const struct vmfs_fd *fd, uint64_t bytes)
{
	return div_round_up(bytes, 1ull << vmfs_fd_shift(vmfs_fd_meta(fd)));
}

/* An empty map becomes that of a new file. */
static enum status make_empty(struct vmfs_volume *vol, const struct vmfs_fd *fd)
{
	struct vmfs_fd_disk *m = vmfs_fd_edit(vol, fd);
	uint32_t bytes = vmfs_form(vol)->resident_max;
	uint8_t *data = vmfs_meta_edit(vol, fd->page, fd->off + VMFS_FD_INLINE_AT, bytes,
				       META_RANK_OBJECT);

	if (!m || !data)
		return ST_NOMEM;
	memset(data, 0, bytes);
	le32_set(&m->zla, VMFS_ZLA_RESIDENT);
	le64_set(&m->block_bytes, vol->sb_bytes);
	m->block_shift = 0;
	while (1ull << m->block_shift < vol->sb_bytes)
		m->block_shift++;
	return ST_OK;
}

struct trim { uint32_t addr; int more; };

/* One step; the last one ends what the orphan table says of this file. */
static enum status trim_op(struct vmfs_volume *vol, void *arg)
{
	struct trim *t = arg;
	struct vmfs_fd fd;
	uint32_t links = 0;
	uint64_t keep = 0;
	enum status st = vmfs_fd_get(vol, t->addr, &fd);

	t->more = 0;
	if (st == ST_OK)
		st = vmfs_fd_hold(vol, &fd);
	if (st != ST_OK)
		return st;
	links = le32_get(vmfs_fd_meta(&fd)->links);
	if (links)
		keep = blocks_of(&fd, vmfs_fd_length(&fd));
	st = vmfs_map_trim(vol, &fd, keep, &t->more);
	if (st != ST_OK || t->more)
		return st;
	vmfs_journal_drop_orphan(vol, t->addr);
	if (!links)
		return vmfs_fd_clear(vol, &fd);
	return keep ? vmfs_fd_touch(vol, &fd) : make_empty(vol, &fd);
}

enum status vmfs_file_trim(struct vmfs_volume *vol, uint32_t fd)
{
	struct trim t = { .addr = fd, .more = 1 };
	enum status st = ST_OK;

	while (st == ST_OK && t.more) {
		st = vmfs_meta_run(vol, MAP_TRIM_NEED, trim_op, &t);
		vmfs_meta_relax(vol);
	}
	return st;
}

struct orphan_look { struct vmfs_orphan o; int stands; };

/* A descriptor that was cleared is none any more. One that cannot be read is not known to be. */
static enum status orphan_op(struct vmfs_volume *vol, void *arg)
{
	struct orphan_look *l = arg;
	struct vmfs_fd fd;
	enum status st = vmfs_fd_get(vol, l->o.fd, &fd);

	l->stands = st == ST_OK && le32_get(vmfs_fd_meta(&fd)->generation) == l->o.generation;
	return st == ST_CORRUPT ? ST_OK : st;
}

enum status vmfs_file_finish_orphans(struct vmfs_volume *vol)
{
	struct vmfs_journal *j = &vol->journal;
	enum status st = ST_OK;

	while (st == ST_OK && j->orphans) {
		struct orphan_look l = { .o = j->orphan[0] };

		log_line(LOG_INFO, "vmfs: %s: descriptor 0x%08x was being freed -> finishing",
			 vol->store.name, l.o.fd);
		st = vmfs_look(vol, orphan_op, &l);
		if (st == ST_OK && l.stands)
			st = vmfs_file_trim(vol, l.o.fd);
		else if (st == ST_OK)
			vmfs_journal_drop_orphan(vol, l.o.fd);
		if (st != ST_CORRUPT)
			continue;
		/* A map that is damaged will never be freed: no reason to keep the volume shut. */
		log_line(LOG_ERROR, "vmfs: %s: descriptor 0x%08x is damaged and cannot be freed -> "
			 "check the volume", vol->store.name, l.o.fd);
		vmfs_journal_drop_orphan(vol, l.o.fd);
		st = ST_OK;
	}
	return st;
}

/* Small maps are trimmed in the same operation; the rest follows, remembered as an orphan. */
static enum status shrink_op(struct vmfs_volume *vol, void *arg)
{
	struct sizing *s = arg;
	const struct vmfs_fd *fd = &s->node->fd;
	int big = vmfs_fd_levels(fd) > 0;
	uint32_t generation = le32_get(vmfs_fd_meta(fd)->generation);
	enum status st = vmfs_fd_set_length(vol, fd, s->bytes);

	s->more = big;
	if (st == ST_OK && big)
		return vmfs_journal_add_orphan(vol, fd->addr, generation);
	if (st == ST_OK)
		st = vmfs_map_trim(vol, fd, blocks_of(fd, s->bytes), &s->more);
	s->more = 0;
	return st == ST_OK && !s->bytes ? make_empty(vol, fd) : st;
}

static enum status shrink(struct vmfs_node *node, uint64_t bytes)
{
	struct sizing s = { node, bytes, 0 };
	enum status st;

	vmfs_node_drain(node);
	st = vmfs_meta_run(node->vol, vmfs_form(node->vol)->ptrs + MAP_REACH_NEED, shrink_op, &s);
	return st == ST_OK && s.more ? vmfs_file_trim(node->vol, node->fd.addr) : st;
}

/* Blocks past the end may be old: before the file grows over them they go. Once per open. */
enum status vmfs_file_trim_beyond(struct vmfs_node *node)
{
	struct vmfs_volume *vol = node->vol;
	int beyond = 0;
	enum status st = ST_OK;

	if (!node->trimmed)
		st = vmfs_map_beyond(vol, &node->fd,
				     blocks_of(&node->fd, vmfs_fd_length(&node->fd)), &beyond);
	if (st == ST_OK && beyond) {
		vmfs_node_drain(node);
		st = vmfs_file_trim(vol, node->fd.addr);
	}
	node->trimmed |= st == ST_OK;
	return st;
}

enum status vmfs_file_resize(struct vmfs_node *node, uint64_t bytes)
{
	uint64_t length = vmfs_fd_length(&node->fd);
	struct sizing s = { node, bytes, 0 };
	enum status st = ST_OK;

	if (bytes > FILE_BYTES_MAX)
		return ST_LIMIT;
	vmfs_node_freeze(node);
	if (bytes < length) {
		st = shrink(node, bytes);
	} else if (bytes > length) {
		st = vmfs_file_trim_beyond(node);
		if (st == ST_OK)
			st = vmfs_meta_run(node->vol, MAP_REACH_NEED, grow_op, &s);
	}
	vmfs_node_thaw(node);
	return st;
}

/* ---- reserving ------------------------------------------------------------------------------- */

#define STEP	((uint64_t)MAP_STEP)

/* One operation of a reservation: at most a step of the map, blocks [at, end). */
struct reserve {
	struct vmfs_node	*node;
	uint64_t		at, end;
	enum store_alloc	how;
	uint64_t		goal;		/* where the next block would be best */
	uint64_t		taken;		/* blocks that this step added */
};

/* How many pointers from `at` on are null (or, eager, TBZ when the first one is). */
static enum status same_run(struct vmfs_volume *vol, const struct reserve *r, uint64_t at,
			    uint64_t *run, uint64_t *addr)
{
	enum status st = vmfs_fd_pointer(vol, &r->node->fd, at, META_READ, addr);
	uint64_t next = 0;

	for (*run = 1; st == ST_OK && at + *run < r->end; ++*run) {
		st = vmfs_fd_pointer(vol, &r->node->fd, at + *run, META_READ, &next);
		if (st == ST_OK && (*addr || next))
			break;
	}
	return st;
}

static enum status set_run(struct vmfs_volume *vol, const struct reserve *r, uint64_t at,
			   uint64_t first, uint64_t count)
{
	uint64_t flag = r->how == STORE_ALLOC_LAZY ? vmfs_form(vol)->fb_tbz : 0;
	enum status st = ST_OK;

	for (uint64_t i = 0; i < count && st == ST_OK; i++) {
		struct vmfs_slot slot;

		st = vmfs_map_slot(vol, &r->node->fd, at + i, &slot);
		if (st == ST_OK)
			st = vmfs_map_set(vol, &slot,
					  vmfs_layout_block_addr(&vol->layout, first + i) | flag);
	}
	return st;
}

/* Blocks for a hole of `want`. *count: as many as lay together. */
static enum status fill_run(struct vmfs_volume *vol, struct reserve *r, uint64_t at, uint64_t want,
			    uint64_t *count)
{
	uint64_t first = 0;
	int lazy = r->how == STORE_ALLOC_LAZY;
	enum status st = vmfs_alloc_blocks(vol, r->goal, want, &first, count);

	if (st != ST_OK)
		return st;
	r->goal = first + *count;
	if (!lazy)
		st = lvm_zero(&vol->lvm, first * vol->layout.block_bytes,
			      *count * vol->layout.block_bytes);
	if (st == ST_OK)
		st = set_run(vol, r, at, first, *count);
	r->taken += *count;
	return st == ST_OK ? vmfs_fd_count(vol, &r->node->fd, (int64_t)*count,
					   lazy ? (int64_t)*count : 0, 0)
			   : st;
}

/* One large block for the hole at an aligned place, all pointers to it. *count 0: there is none. */
static enum status fill_large(struct vmfs_volume *vol, struct reserve *r, uint64_t at,
			      uint64_t *count)
{
	const struct vmfs_form *form = vmfs_form(vol);
	uint64_t blocks = vmfs_large_blocks(&vol->layout), first = 0;
	int lazy = r->how == STORE_ALLOC_LAZY;
	enum status st = vmfs_alloc_large(vol, r->goal, &first);

	*count = 0;
	if (st != ST_OK)
		return st == ST_NOSPACE ? ST_OK : st;
	if (!lazy)
		st = vmfs_block_clean(vol, first, blocks);
	for (uint64_t i = 0; i < blocks && st == ST_OK; i++) {
		struct vmfs_slot slot;

		st = vmfs_map_slot(vol, &r->node->fd, at + i, &slot);
		if (st == ST_OK)
			st = vmfs_map_set(vol, &slot, form->large_addr(&vol->layout, first) |
						      (lazy ? form->fb_tbz : 0));
	}
	*count = blocks;
	r->goal = first + blocks;
	r->taken += blocks;
	if (st == ST_OK)
		st = vmfs_fd_count_large(vol, &r->node->fd, 1);
	return st == ST_OK ? vmfs_fd_count(vol, &r->node->fd, (int64_t)blocks,
					   lazy ? (int64_t)blocks : 0, 0)
			   : st;
}

/* A block that is there: an eager reservation zeroes one that is to be zeroed. */
static enum status settle_one(struct vmfs_volume *vol, struct reserve *r, uint64_t at,
			      uint64_t addr)
{
	uint64_t block = vmfs_layout_block(&vol->layout, addr);
	struct vmfs_slot slot;
	enum status st;

	r->goal = block + 1;
	if (!vmfs_is_tbz(&vol->layout, addr) || r->how == STORE_ALLOC_LAZY)
		return ST_OK;
	if (vmfs_is_part_tbz(&vol->layout, addr))
		return ST_UNSUPPORTED;
	st = vmfs_block_clean(vol, block, 1);
	if (st == ST_OK)
		st = vmfs_map_slot(vol, &r->node->fd, at, &slot);
	if (st == ST_OK)
		st = vmfs_map_set(vol, &slot,
				  vmfs_map_value(vol, &slot) & ~vmfs_form(vol)->fb_tbz);
	return st == ST_OK ? vmfs_fd_count(vol, &r->node->fd, 0, -1, 0) : st;
}

static enum status reserve_op(struct vmfs_volume *vol, void *arg)
{
	struct reserve *r = arg;
	uint64_t run = 0, count = 0, addr = 0, large = vmfs_large_blocks(&vol->layout);
	enum status st = ST_OK;

	r->taken = 0;
	for (uint64_t at = r->at; at < r->end && st == ST_OK; at += count) {
		st = same_run(vol, r, at, &run, &addr);
		count = 0;
		if (st == ST_OK && !addr && large && at % large == 0 && run >= large)
			st = fill_large(vol, r, at, &count);
		if (st != ST_OK || count)
			continue;
		count = 1;
		if (addr)
			st = settle_one(vol, r, at, addr);
		else	/* up to the next place for a large block */
			st = fill_run(vol, r, at,
				      large ? MIN(run, large - at % large) : run, &count);
	}
	return st;
}

/* Where the file's last block before `block` lies: the next one is best. */
static uint64_t goal_for(struct vmfs_node *node, uint64_t block)
{
	uint64_t addr = 0;

	if (!block || vmfs_fd_pointer(node->vol, &node->fd, block - 1, META_READ, &addr) != ST_OK ||
	    !addr)
		return 0;
	return vmfs_layout_block(&node->vol->layout, addr) + 1;
}

/* The holes that a reservation filled, to be given back when it cannot be completed. */
struct holes {
	struct { uint64_t at, count; } *run;
	uint32_t used, max;
};

static enum status note_hole(struct holes *h, uint64_t at)
{
	if (h->used && h->run[h->used - 1].at + h->run[h->used - 1].count == at) {
		h->run[h->used - 1].count++;
		return ST_OK;
	}
	if (h->used == h->max) {
		uint32_t max = h->max ? 2 * h->max : 64;
		void *p = port_alloc(max * sizeof(h->run[0]));

		if (!p)
			return ST_NOMEM;
		if (h->used)
			memcpy(p, h->run, h->used * sizeof(h->run[0]));
		port_free(h->run);
		h->run = p;
		h->max = max;
	}
	h->run[h->used].at = at;
	h->run[h->used++].count = 1;
	return ST_OK;
}

static enum status note_holes(struct holes *h, const struct vmfs_node *node, uint64_t at,
			      uint64_t end)
{
	enum status st = ST_OK;

	for (; at < end && st == ST_OK; at++) {
		uint64_t addr = 0;

		st = vmfs_fd_pointer(node->vol, &node->fd, at, META_READ, &addr);
		if (st == ST_OK && !addr)
			st = note_hole(h, at);
	}
	return st;
}

struct give_back { struct vmfs_node *node; uint64_t at, end; };

static enum status free_range_op(struct vmfs_volume *vol, void *arg)
{
	const struct give_back *g = arg;
	const struct vmfs_fd *fd = &g->node->fd;
	int64_t freed = 0, tbz = 0, large = 0;
	enum status st = vmfs_map_split(vol, fd, g->at);

	if (st == ST_OK)
		st = vmfs_map_split(vol, fd, g->end);
	for (uint64_t at = g->at; at < g->end && st == ST_OK; at++) {
		struct vmfs_slot slot;
		uint64_t addr;

		st = vmfs_fd_slot(vol, fd, at, META_READ, &slot);
		addr = st == ST_OK ? vmfs_map_value(vol, &slot) : 0;
		if (!addr)
			continue;
		large += vmfs_is_large(&vol->layout, addr) &&
			 at % vmfs_large_blocks(&vol->layout) == 0;
		st = vmfs_alloc_free(vol, vmfs_piece(&vol->layout, addr, at));
		if (st == ST_OK)
			st = vmfs_map_set(vol, &slot, 0);
		freed++;
		tbz += vmfs_is_tbz(&vol->layout, addr);
	}
	if (st == ST_OK && large)
		st = vmfs_fd_count_large(vol, fd, -large);
	return st == ST_OK && freed ? vmfs_fd_count(vol, fd, -freed, -tbz, 0) : st;
}

/* Free blocks [at, end), a step at a time. The node is drained. */
static enum status free_range(struct vmfs_node *node, uint64_t at, uint64_t end)
{
	enum status st = ST_OK;

	while (at < end && st == ST_OK) {
		struct give_back g = { node, at, MIN(end, (at / STEP + 1) * STEP) };

		st = vmfs_meta_run(node->vol, MAP_TRIM_NEED, free_range_op, &g);
		vmfs_meta_relax(node->vol);
		at = g.end;
	}
	return st;
}

static void undo_reserve(struct vmfs_node *node, const struct holes *h)
{
	vmfs_node_drain(node);
	for (uint32_t i = h->used; i-- > 0;) {
		enum status st = free_range(node, h->run[i].at, h->run[i].at + h->run[i].count);

		if (st != ST_OK)
			log_line(LOG_WARN,
				 "vmfs: %s: descriptor 0x%08x: giving blocks back: %s -> the file "
				 "keeps them",
				 node->vol->store.name, node->fd.addr, status_text(st));
	}
}

static enum status reserve_all(struct vmfs_node *node, uint64_t at, uint64_t end,
			       enum store_alloc how, struct holes *holes)
{
	struct reserve r = { .node = node, .how = how, .goal = goal_for(node, at) };
	enum status st = ST_OK;

	while (at < end && st == ST_OK) {
		r.at = at;
		r.end = MIN(end, (at / STEP + 1) * STEP);
		st = note_holes(holes, node, r.at, r.end);
		if (st == ST_OK)
			st = vmfs_meta_run(node->vol, MAP_TRIM_NEED, reserve_op, &r);
		vmfs_meta_relax(node->vol);
		at = r.end;
	}
	return st;
}

static enum status to_blocks_op(struct vmfs_volume *vol, void *arg)
{
	struct sizing *s = arg;

	/* A reservation is of file blocks, however small it is. */
	return vmfs_map_extend(vol, &s->node->fd, MAX(s->bytes, vol->sb_bytes + 1));
}

enum status vmfs_file_allocate(struct vmfs_node *node, uint64_t offset, uint64_t bytes,
			       enum store_alloc how)
{
	struct vmfs_volume *vol = node->vol;
	uint64_t end = offset + bytes, length = vmfs_fd_length(&node->fd),
		 size = vol->layout.block_bytes;
	struct sizing s = { node, end, 0 };
	struct holes holes = { 0 };
	enum status st;

	if (end < offset || end > FILE_BYTES_MAX)
		return ST_LIMIT;
	if (!bytes)
		return ST_OK;
	vmfs_node_freeze(node);
	vmfs_node_drain(node);
	st = vmfs_file_trim_beyond(node);
	if (st == ST_OK)
		st = vmfs_meta_run(vol, MAP_REACH_NEED, to_blocks_op, &s);
	if (st == ST_OK)
		st = reserve_all(node, offset / size, div_round_up(end, size), how, &holes);
	if (st == ST_OK && end > length)
		st = vmfs_meta_run(vol, MAP_REACH_NEED, grow_op, &s);
	if (st != ST_OK)
		undo_reserve(node, &holes);
	vmfs_node_thaw(node);
	port_free(holes.run);
	return st;
}

/* ---- punching -------------------------------------------------------------------------------- */

/* Zero a part of one block, as a write would. */
static enum status zero_edge(struct vmfs_node *node, uint64_t offset, uint64_t bytes)
{
	struct vmfs_volume *vol = node->vol;
	uint64_t size = vol->layout.block_bytes, addr = 0;
	enum status st;

	if (!bytes)
		return ST_OK;
	st = vmfs_fd_pointer(vol, &node->fd, offset / size, META_READ, &addr);
	if (st != ST_OK || !addr || vmfs_is_tbz(&vol->layout, addr))
		return st;
	return lvm_zero(&vol->lvm, vmfs_layout_block(&vol->layout, addr) * size + offset % size,
			bytes);
}

struct blank { struct vmfs_node *node; uint64_t offset, bytes; };

static enum status blank_op(struct vmfs_volume *vol, void *arg)
{
	struct blank *b = arg;
	uint8_t zeros[SECTOR_BYTES] = { 0 };
	enum status st = ST_OK;

	for (uint64_t at = b->offset, end = b->offset + b->bytes; at < end && st == ST_OK;) {
		uint64_t n = MIN(sizeof(zeros), end - at);

		st = vmfs_fd_write(vol, &b->node->fd, at, zeros, n);
		at += n;
	}
	return st;
}

enum status vmfs_file_punch(struct vmfs_node *node, uint64_t offset, uint64_t bytes)
{
	struct vmfs_volume *vol = node->vol;
	uint64_t size = vol->layout.block_bytes, length = vmfs_fd_length(&node->fd), end, first,
		 last;
	uint32_t zla = vmfs_fd_zla(&node->fd);
	enum status st = ST_OK;

	if (offset >= length || !bytes)
		return ST_OK;
	end = MIN(offset + MIN(bytes, length), length);
	if (zla == VMFS_ZLA_RESIDENT || zla == VMFS_ZLA_SB) {
		struct blank b = { node, offset, end - offset };

		return vmfs_meta_run(vol, MAP_REACH_NEED, blank_op, &b);
	}
	first = round_up(offset, size);
	last = end == length ? round_up(end, size) : round_down(end, size);
	vmfs_node_freeze(node);
	vmfs_node_drain(node);
	if (first > last || first >= end) {
		st = zero_edge(node, offset, MIN(end, first) - offset);
	} else {
		st = zero_edge(node, offset, first - offset);
		if (st == ST_OK && last < end)
			st = zero_edge(node, last, end - last);
		if (st == ST_OK)
			st = free_range(node, first / size, last / size);
	}
	node->written = 1;
	vmfs_node_thaw(node);
	return st;
}

/* ---- the map --------------------------------------------------------------------------------- */

#define MAP_STEPS	4096u	/* pointers, or null pointer blocks, that one answer looks at */

static enum status look(struct vmfs_node *node, uint64_t block, struct store_run *run,
			uint64_t *addr)
{
	uint64_t at;
	enum status st = vmfs_fd_pointer(node->vol, &node->fd, block, META_READ, addr);

	if (st != ST_OK)
		return st;
	run->where = UINT64_MAX;
	run->kind = STORE_RUN_HOLE;
	if (!*addr)
		return ST_OK;
	at = vmfs_layout_addr_at(&node->vol->layout, *addr);
	run->kind = vmfs_is_tbz(&node->vol->layout, *addr) ? STORE_RUN_ZERO : STORE_RUN_DATA;
	run->where = at;
	return at == UINT64_MAX ? ST_CORRUPT : ST_OK;
}

/* A null pointer block makes a hole of all that it could name at once. */
static enum status hole_leaf(struct vmfs_node *node, uint64_t block, int *whole)
{
	struct vmfs_slot slot;
	enum status st = vmfs_fd_slot(node->vol, &node->fd, block, META_READ, &slot);

	*whole = st == ST_OK && !slot.page;
	return st;
}

/* The block after `next` and all that are surely like it. */
static enum status step_over(struct vmfs_node *node, const struct store_run *run, uint64_t *next)
{
	uint64_t leaf = vmfs_form(node->vol)->pb_ptrs;
	int whole = 0;
	enum status st = ST_OK;

	if (run->kind == STORE_RUN_HOLE)
		st = hole_leaf(node, *next, &whole);
	*next = whole ? (*next / leaf + 1) * leaf : *next + 1;
	return st;
}

static int continues(const struct store_run *run, const struct store_run *now, uint64_t distance)
{
	return now->kind == run->kind &&
	       (run->kind == STORE_RUN_HOLE || now->where == run->where + distance);
}

enum status vmfs_file_map(struct vmfs_node *node, uint64_t offset, struct store_run *run)
{
	uint64_t length = vmfs_fd_length(&node->fd), size, next, addr = 0;
	struct store_run now;
	enum status st;

	if (offset >= length)
		return ST_RANGE;
	if (vmfs_fd_zla(&node->fd) == VMFS_ZLA_RESIDENT) {
		*run = (struct store_run){ .offset = offset, .bytes = length - offset,
					   .kind = STORE_RUN_DATA, .where = UINT64_MAX };
		return ST_OK;
	}
	size = 1ull << vmfs_fd_block_shift(node->vol, &node->fd);
	next = offset / size;
	st = look(node, next, run, &addr);
	if (st != ST_OK)
		return st;
	/* A pointer that cannot be read ends the run: what comes before it is good. */
	for (uint32_t steps = 0; steps < MAP_STEPS; steps++) {
		if (step_over(node, run, &next) != ST_OK || next * size >= length)
			break;
		if (look(node, next, &now, &addr) != ST_OK ||
		    !continues(run, &now, (next - offset / size) * size))
			break;
	}
	run->offset = offset;
	run->bytes = MIN(next * size, length) - offset;
	if (run->where != UINT64_MAX)
		run->where += offset % size;
	return ST_OK;
}
