/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check_files - rules F1 to F4: file descriptors and their block maps.
 * Two passes over .fdc.sf: the first notes what each descriptor claims to be, so that directories
 * can be checked against it; the second follows all pointers, once it is known who is named. A
 * pointer block that two files share is followed once, so crossed links cost no time. */
#include "vmfs/check_priv.h"

#define SYSTEM_FDS 8u

/* ---- walking .fdc.sf ------------------------------------------------------------------------- */

typedef enum status (*fd_fn)(struct check *c, uint32_t index, struct vmfs_fd_record *fd);

/* fn for the FDs of one cluster that have any of `flags`; they are in c->chunk meanwhile. */
static enum status each_in_cluster(struct check *c, uint32_t cluster, uint8_t flags, fd_fn fn)
{
	const struct vmfs_geom *g = &c->layout.geom[VMFS_RES_FD];
	uint32_t base = (uint32_t)check_index(g, cluster, 0),
		 total = vmfs_geom_cluster_total(g, cluster);
	uint32_t low = total, high = 0;
	enum status st;

	for (uint32_t i = 0; i < total; i++)
		if (c->fd[base + i].flags & flags) {
			low = MIN(low, i);
			high = i + 1;
		}
	if (low >= high)
		return ST_OK;
	st = check_read_map(c, &c->layout.map[VMFS_RES_FD], vmfs_geom_resource_at(g, cluster, low),
			    c->chunk, (uint64_t)(high - low) * VMFS_FD_BYTES);
	for (uint32_t i = low; i < high && st == ST_OK; i++)
		if (c->fd[base + i].flags & flags)
			st = fn(c, base + i,
				(struct vmfs_fd_record *)(c->chunk + (i - low) * VMFS_FD_BYTES));
	return st;
}

static enum status each_fd(struct check *c, uint8_t flags, fd_fn fn)
{
	const struct vmfs_geom *g = &c->layout.geom[VMFS_RES_FD];
	enum status st = ST_OK;

	_Static_assert(VMFS_CLUSTER_RESOURCES_MAX * VMFS_FD_BYTES <= CHECK_CHUNK_BYTES,
		       "FDs of a cluster fit");
	for (uint32_t i = 0; i < g->clusters && st == ST_OK; i++) {
		if (port_interrupted())
			return why_set(c->why, ST_CANCELLED, "the check was interrupted");
		st = each_in_cluster(c, i, flags, fn);
		check_progress(c, i + 1, g->clusters);
	}
	return st;
}

/* ---- F1: what a descriptor says of itself ---------------------------------------------------- */

/* How many blocks the pointers of a ZLA can name. */
static uint64_t reach_blocks(uint32_t zla)
{
	switch (zla) {
	case VMFS_ZLA_PB:
		return (uint64_t)VMFS_FD_POINTERS * VMFS_PB_POINTERS;
	case VMFS_ZLA_PB2:
		return (uint64_t)VMFS_FD_POINTERS * VMFS_PB_POINTERS * VMFS_PB_POINTERS;
	default:
		return VMFS_FD_POINTERS;
	}
}

/* NULL, or why the way of addressing cannot be right for this file. */
static const char *addressing_check(const struct check *c, const struct vmfs_fd_disk *m)
{
	uint32_t zla = le32_get(m->zla), type = le32_get(m->type);
	uint64_t block = le64_get(m->block_bytes);

	if (type == VMFS_TYPE_RDM || zla == VMFS_ZLA_RESIDENT)
		return NULL;
	if (block != (zla == VMFS_ZLA_SB ? c->layout.sub_block_bytes : c->layout.block_bytes))
		return "blockSize does not fit zeroLevelAddrType";
	if (div_round_up(le64_get(m->length), block) > reach_blocks(zla))
		return "the length is more than its pointers can name";
	return NULL;
}

static enum status check_fd_lock(struct check *c, uint32_t addr, struct vmfs_fd_record *fd)
{
	uint64_t at = vmfs_layout_addr_at(&c->layout, addr);
	uint32_t type = VMFS_LOCK_TYPE_BASE + VMFS_LOCK_FD;
	char what[48];

	fmt(what, sizeof(what), "file descriptor 0x%08x", addr);
	if (le32_get(fd->lock.type) != type || le64_get(fd->lock.at) != at) {
		check_report(c, c->opts->fix, VMFS_FIND_WRONG, "F1", at,
			     "%s: lock type 0x%08x and address 0x%jx instead of 0x%08x and 0x%jx",
			     what, le32_get(fd->lock.type), le64_get(fd->lock.at), type, at);
		le32_set(&fd->lock.type, type);
		le64_set(&fd->lock.at, at);
		if (c->opts->fix)
			return check_fix_lock(c, at, &fd->lock);
	}
	check_lock(c, &fd->lock, what);
	return ST_OK;
}

/* VMFS-3 leaves the shift 0, VMFS-5 does not. */
static enum status check_shift(struct check *c, uint32_t addr, struct vmfs_fd_disk *m)
{
	uint32_t want;

	if (c->layout.version < 5 || m->block_shift)
		return ST_OK;
	want = vmfs_fd_shift(m);
	check_report(c, c->opts->fix, VMFS_FIND_WRONG, "F1", vmfs_layout_addr_at(&c->layout, addr),
		     "file descriptor 0x%08x: blockOffsetShift is 0 instead of %u", addr, want);
	m->block_shift = (uint8_t)want;
	return c->opts->fix ? check_fix_fd(c, addr, m) : ST_OK;
}

static enum status scan_fd(struct check *c, uint32_t index, struct vmfs_fd_record *fd)
{
	uint32_t addr = check_fd_addr(c, index);
	struct fd_info *info = &c->fd[index];
	const char *bad = vmfs_fd_check(c->layout.form, &fd->meta, addr);
	enum status st;

	if (!bad)
		bad = addressing_check(c, &fd->meta);
	if (bad) {
		check_find(c, VMFS_FIND_DAMAGE, "F1", vmfs_layout_addr_at(&c->layout, addr),
			   "file descriptor 0x%08x: %s (type %u, length %ju, blockSize %ju, "
			   "addressing 0x%x)",
			   addr, bad, le32_get(fd->meta.type), le64_get(fd->meta.length),
			   le64_get(fd->meta.block_bytes), le32_get(fd->meta.zla));
		return ST_OK;
	}
	info->flags |= FDI_VALID;
	info->type = (uint8_t)le32_get(fd->meta.type);
	info->generation = le32_get(fd->meta.generation);
	info->links = le32_get(fd->meta.links);
	info->dotdot = ~0u;
	if (info->type == VMFS_TYPE_DIR || addr == le32_get(c->layout.fs.sdd_fd))
		info->flags |= FDI_DIR;
	st = check_fd_lock(c, addr, fd);
	return st == ST_OK ? check_shift(c, addr, &fd->meta) : st;
}

/* The system's own are in use whatever their bits say; a bit that is missing is G1's to find. */
static void scan_fixed(struct check *c)
{
	const uint32_t fixed[] = {
		VMFS_FD_ROOT, VMFS_FD_FBB, VMFS_FD_FDC, VMFS_FD_PBC, VMFS_FD_SBC, VMFS_FD_VH,
		le32_get(c->layout.fs.pb2_fd), le32_get(c->layout.fs.sdd_fd),
	};

	for (size_t i = 0; i < ARRAY_COUNT(fixed); i++) {
		uint32_t index = check_fd_index(c, fixed[i]);

		if (index != ~0u)
			c->fd[index].flags = FDI_USED;
	}
}

enum status check_fd_scan(struct check *c)
{
	scan_fixed(c);
	for (uint32_t i = 0; i < c->fd_count; i++)
		if (bit_get(c->used[VMFS_RES_FD], i))
			c->fd[i].flags = FDI_USED;
	return each_fd(c, FDI_USED, scan_fd);
}

enum status check_fd_revive(struct check *c, uint32_t index, uint32_t type, uint32_t generation)
{
	struct vmfs_fd_record *fd = port_dma_alloc(sizeof(*fd));
	uint32_t addr = check_fd_addr(c, index);
	enum status st;

	if (!fd)
		return why_set(c->why, ST_NOMEM, "no memory for a file descriptor");
	st = check_read(c, vmfs_layout_addr_at(&c->layout, addr), fd, sizeof(*fd));
	if (st == ST_OK && !vmfs_fd_check(c->layout.form, &fd->meta, addr) &&
	    le32_get(fd->meta.links) &&
	    le32_get(fd->meta.type) == type && le32_get(fd->meta.generation) == generation) {
		c->fd[index].flags = FDI_USED;
		st = scan_fd(c, index, fd);
	}
	port_dma_free(fd, sizeof(*fd));
	return st;
}

/* ---- F2 to F4: pointers ---------------------------------------------------------------------- */

struct tally {
	uint64_t	blocks, tbz, pbs;
	uint64_t	limit;			/* blocks within the length */
	uint64_t	past;			/* blocks behind it */
	uint64_t	bad, bad_block, shared, shared_block;
	uint32_t	bad_addr, shared_addr;
	uint8_t		type;			/* enum vmfs_addr_type of the data */
	uint8_t		refer;			/* count what is met as referenced */
	le32		*pb[2];			/* a buffer for each level */
};

static void bad_pointer(struct tally *t, uint64_t block, uint32_t addr)
{
	if (!t->bad++) {
		t->bad_block = block;
		t->bad_addr = addr;
	}
}

/* Count a reference. 0: the address names nothing. *again: somebody else refers to it, too. */
static int refer(struct check *c, struct tally *t, enum vmfs_res kind, uint32_t addr,
		 uint64_t block, int *again)
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	uint32_t cluster, resource, cow = kind == VMFS_RES_FB ? VMFS_FB_COW : VMFS_SUB_COW;
	uint64_t index;

	*again = 0;
	if (!vmfs_geom_split(g, kind, addr, c->layout.dense_sb, &cluster, &resource)) {
		bad_pointer(t, block, addr);
		return 0;
	}
	index = check_index(g, cluster, resource);
	if (!t->refer)
		return 1;
	*again = bit_get(c->ref[kind], index);
	if (*again && !(addr & cow) && !t->shared++) {
		t->shared_block = block;
		t->shared_addr = addr;
	}
	bit_set(c->ref[kind], index);
	return 1;
}

/* A pointer to data, block number `block` of the file. */
static void data_pointer(struct check *c, struct tally *t, uint32_t addr, uint64_t block)
{
	int again;

	if (!addr)
		return;
	if (VMFS_ADDR_TYPE(addr) != t->type) {
		bad_pointer(t, block, addr);
		return;
	}
	if (!refer(c, t, t->type == VMFS_ADDR_SB ? VMFS_RES_SB : VMFS_RES_FB, addr, block, &again))
		return;
	t->blocks++;
	t->tbz += t->type == VMFS_ADDR_FB && (addr & VMFS_FB_TBZ);
	t->past += block >= t->limit;
}

/* A pointer to a pointer block with `level` levels below it (0: it holds data pointers). */
static enum status indirect(struct check *c, struct tally *t, uint32_t addr, uint64_t block,
			    int level)
{
	uint64_t step = level ? VMFS_PB_POINTERS : 1;
	enum vmfs_res kind = VMFS_ADDR_TYPE(addr) == VMFS_ADDR_PB2 ? VMFS_RES_PB2 : VMFS_RES_PB;
	int again;
	enum status st;

	if (!addr)
		return ST_OK;
	if (VMFS_ADDR_TYPE(addr) != VMFS_ADDR_PB && VMFS_ADDR_TYPE(addr) != VMFS_ADDR_PB2) {
		bad_pointer(t, block, addr);
		return ST_OK;
	}
	if (!refer(c, t, kind, addr, block, &again))
		return ST_OK;
	t->pbs++;
	if (again)
		return ST_OK;	/* it has been followed; once is enough */
	if (port_interrupted())
		return why_set(c->why, ST_CANCELLED, "the check was interrupted");
	st = check_read(c, vmfs_layout_addr_at(&c->layout, addr), t->pb[level], VMFS_PB_BYTES);
	for (uint32_t k = 0; k < VMFS_PB_POINTERS && st == ST_OK; k++) {
		uint32_t next = le32_get(t->pb[level][k]);

		if (level)
			st = indirect(c, t, next, block + k * step, level - 1);
		else
			data_pointer(c, t, next, block + k);
	}
	return st;
}

/* .fbb.sf when growing it over 256 blocks was interrupted: its first pointer is ahead of its
 * ZLA. */
static int grow_interrupted(const struct vmfs_fd_record *fd)
{
	return le32_get(fd->meta.fd) == VMFS_FD_FBB && le32_get(fd->meta.zla) == VMFS_ZLA_FB &&
	       VMFS_ADDR_TYPE(le32_get(fd->ptr[0])) == VMFS_ADDR_PB;
}

static enum status walk(struct check *c, struct tally *t, const struct vmfs_fd_record *fd)
{
	uint32_t zla = le32_get(fd->meta.zla);
	enum status st = ST_OK;

	if (grow_interrupted(fd)) {
		t->type = VMFS_ADDR_FB;
		t->limit = VMFS_PB_POINTERS;
		return indirect(c, t, le32_get(fd->ptr[0]), 0, 0);
	}

	if (zla == VMFS_ZLA_RESIDENT || le32_get(fd->meta.type) == VMFS_TYPE_RDM)
		return ST_OK;
	t->type = zla == VMFS_ZLA_SB ? VMFS_ADDR_SB : VMFS_ADDR_FB;
	t->limit = div_round_up(le64_get(fd->meta.length), le64_get(fd->meta.block_bytes));
	for (uint64_t k = 0; k < VMFS_FD_POINTERS && st == ST_OK; k++) {
		uint32_t addr = le32_get(fd->ptr[k]);

		if (zla == VMFS_ZLA_PB)
			st = indirect(c, t, addr, k * VMFS_PB_POINTERS, 0);
		else if (zla == VMFS_ZLA_PB2)
			st = indirect(c, t, addr, k * VMFS_PB_POINTERS * VMFS_PB_POINTERS, 1);
		else
			data_pointer(c, t, addr, k);
	}
	return st;
}

/* One count of the descriptor against what was counted. */
static int wrong_count(struct check *c, uint32_t addr, const char *what, uint64_t is,
		       uint64_t counted)
{
	if (is == counted)
		return 0;
	check_report(c, c->opts->fix, VMFS_FIND_WRONG, "F3", vmfs_layout_addr_at(&c->layout, addr),
		     "file descriptor 0x%08x: %s is %ju, counted %ju", addr, what, is, counted);
	return 1;
}

static enum status compare_counts(struct check *c, uint32_t addr, struct vmfs_fd_disk *m,
				  const struct tally *t)
{
	uint64_t tbz = (uint64_t)le32_get(m->tbz_hi) << 32 | le32_get(m->tbz_lo);
	int wrong = wrong_count(c, addr, "numBlocks", le64_get(m->num_blocks), t->blocks);

	wrong |= wrong_count(c, addr, "numTBZBlocks", tbz, t->tbz);
	if (c->layout.version >= 5)
		wrong |= wrong_count(c, addr, "numPointerBlocks", le32_get(m->num_pbs), t->pbs);
	if (!wrong || !c->opts->fix)
		return ST_OK;
	le64_set(&m->num_blocks, t->blocks);
	le32_set(&m->tbz_lo, (uint32_t)t->tbz);
	le32_set(&m->tbz_hi, (uint32_t)(t->tbz >> 32));
	if (c->layout.version >= 5)
		le32_set(&m->num_pbs, (uint32_t)t->pbs);
	return check_fix_fd(c, addr, m);
}

static void report_pointers(struct check *c, uint32_t addr, const struct tally *t)
{
	uint64_t at = vmfs_layout_addr_at(&c->layout, addr);

	if (t->bad)
		check_find(
		    c, VMFS_FIND_DAMAGE, "F2", at,
		    "file descriptor 0x%08x: %ju bad pointers, the first is 0x%08x for block %ju",
		    addr, t->bad, t->bad_addr, t->bad_block);
	if (t->shared)
		check_find(c, VMFS_FIND_DAMAGE, "F2", at,
			   "file descriptor 0x%08x: %ju blocks belong to another file or place, "
			   "too; the first is "
			   "0x%08x for block %ju",
			   addr, t->shared, t->shared_addr, t->shared_block);
	if (t->past)
		check_find(c, VMFS_FIND_NOTE, "F4", at,
			   "file descriptor 0x%08x: %ju blocks lie past its length (reserved, or "
			   "left by an "
			   "interrupted truncation)",
			   addr, t->past);
}

/* What nobody names and has no links: about to be freed when its host died. 1 when it is one. */
static enum status check_orphan(struct check *c, uint32_t index, int *orphan)
{
	struct fd_info *info = &c->fd[index];
	uint32_t addr = check_fd_addr(c, index);

	*orphan = 0;
	if (index < SYSTEM_FDS || info->links || info->flags & FDI_NAMED)
		return ST_OK;
	if (check_is_pending_orphan(c, addr, info->generation)) {
		check_find(c, VMFS_FIND_NOTE, "N5", vmfs_layout_addr_at(&c->layout, addr),
			   "file descriptor 0x%08x is being removed; the next mount for writing "
			   "finishes it",
			   addr);
		return ST_OK;
	}
	*orphan = 1;
	info->flags |= FDI_ORPHAN;
	check_report(c, c->opts->fix && !c->result->damage, VMFS_FIND_LEAK, "N5",
		     vmfs_layout_addr_at(&c->layout, addr),
		     "file descriptor 0x%08x: no directory names it and its linkCount is 0", addr);
	return c->opts->fix && !c->result->damage ? check_fix_orphan(c, addr) : ST_OK;
}

static enum status follow_fd(struct check *c, uint32_t index, struct vmfs_fd_record *fd)
{
	uint32_t addr = check_fd_addr(c, index);
	struct tally t = { .refer = 1 };
	int orphan;
	enum status st;

	if (!(c->fd[index].flags & FDI_VALID)) {
		bit_set(c->ref[VMFS_RES_FD], index);
		return ST_OK;
	}
	st = check_orphan(c, index, &orphan);
	if (st != ST_OK || orphan)
		return st;
	bit_set(c->ref[VMFS_RES_FD], index);
	if (c->fd[index].type == VMFS_TYPE_DIR)
		c->result->dirs++;
	else if (c->fd[index].type != VMFS_TYPE_SYSTEM)
		c->result->files++;
	for (int i = 0; i < 2; i++) {
		t.pb[i] = port_dma_alloc(VMFS_PB_BYTES);
		if (!t.pb[i])
			st = why_set(c->why, ST_NOMEM, "no memory for a pointer block");
	}
	if (st == ST_OK)
		st = walk(c, &t, fd);
	if (st == ST_OK) {
		report_pointers(c, addr, &t);
		if (grow_interrupted(fd))
			check_find(c, VMFS_FIND_NOTE, "F2", vmfs_layout_addr_at(&c->layout, addr),
				   ".fbb.sf: growing the volume was interrupted, repeat it");
		else if (!t.bad && !t.shared)
			st = compare_counts(c, addr, &fd->meta, &t);
	}
	for (int i = 0; i < 2; i++)
		if (t.pb[i])
			port_dma_free(t.pb[i], VMFS_PB_BYTES);
	return st;
}

enum status check_fd_pointers(struct check *c)
{
	return each_fd(c, FDI_USED, follow_fd);
}

/* ---- for directories ------------------------------------------------------------------------- */

static enum status entry_of(struct check *c, uint32_t pb, uint64_t k, uint32_t *addr)
{
	uint64_t at = vmfs_layout_addr_at(&c->layout, pb);
	le32 raw = { { 0 } };
	enum status st = ST_OK;

	if (pb && (VMFS_ADDR_TYPE(pb) == VMFS_ADDR_PB || VMFS_ADDR_TYPE(pb) == VMFS_ADDR_PB2) &&
	    at != ~0ull)
		st = check_read(c, at + k * sizeof(raw), &raw, sizeof(raw));
	else if (pb)
		raw = le32_make(~0u);
	*addr = le32_get(raw);
	return st;
}

enum status check_block_at(struct check *c, const struct vmfs_fd_record *fd, uint64_t k,
			   uint64_t *at)
{
	uint32_t zla = le32_get(fd->meta.zla), addr = 0;
	enum status st = ST_OK;

	*at = ~0ull;
	if (k >= reach_blocks(zla))
		return ST_OK;
	if (zla == VMFS_ZLA_FB || zla == VMFS_ZLA_SB) {
		addr = le32_get(fd->ptr[k]);
	} else if (zla == VMFS_ZLA_PB) {
		st = entry_of(c, le32_get(fd->ptr[k / VMFS_PB_POINTERS]), k % VMFS_PB_POINTERS,
			      &addr);
	} else {
		uint64_t top = k / VMFS_PB_POINTERS;

		st = entry_of(c, le32_get(fd->ptr[top / VMFS_PB_POINTERS]), top % VMFS_PB_POINTERS,
			      &addr);
		if (st == ST_OK)
			st = entry_of(c, addr, k % VMFS_PB_POINTERS, &addr);
	}
	if (st != ST_OK)
		return st;
	if (addr == 0 || (VMFS_ADDR_TYPE(addr) == VMFS_ADDR_FB && addr & VMFS_FB_TBZ))
		*at = 0;
	else if (VMFS_ADDR_TYPE(addr) == VMFS_ADDR_FB || VMFS_ADDR_TYPE(addr) == VMFS_ADDR_SB)
		*at = vmfs_layout_addr_at(&c->layout, addr);
	return ST_OK;
}
