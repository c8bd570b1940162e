/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check_files - rules F1 to F4: file descriptors and their block maps.
 * Two passes over .fdc.sf: the first notes what each descriptor claims to be, so that directories
 * can be checked against it; the second follows all pointers, once it is known who is named. A
 * pointer block that two files share is followed once, so crossed links cost no time. */
#include "vmfs/check_priv.h"

static uint32_t system_fds(const struct check *c)
{
	return c->layout.geom[VMFS_RES_JB].count ? 9 : 8;
}

/* ---- walking .fdc.sf ------------------------------------------------------------------------- */

typedef enum status (*fd_fn)(struct check *c, uint32_t index, uint8_t *fd);

/* fn for those of the FDs from..to of a cluster that have any of `flags`; they are in c->chunk
 * meanwhile. */
static enum status each_between(struct check *c, uint32_t cluster, uint32_t from, uint32_t to,
				uint8_t flags, fd_fn fn)
{
	const struct vmfs_geom *g = &c->layout.geom[VMFS_RES_FD];
	uint32_t base = (uint32_t)check_index(g, cluster, 0), one = g->form->fd_bytes;
	uint32_t low = to, high = from;
	enum status st;

	for (uint32_t i = from; i < to; i++)
		if (c->fd[base + i].flags & flags) {
			low = MIN(low, i);
			high = i + 1;
		}
	if (low >= high)
		return ST_OK;
	st = check_read_map(c, &c->layout.map[VMFS_RES_FD], vmfs_geom_resource_at(g, cluster, low),
			    c->chunk, (uint64_t)(high - low) * one);
	for (uint32_t i = low; i < high && st == ST_OK; i++)
		if (c->fd[base + i].flags & flags)
			st = fn(c, base + i, c->chunk + (i - low) * one);
	return st;
}

static enum status each_in_cluster(struct check *c, uint32_t cluster, uint8_t flags, fd_fn fn)
{
	const struct vmfs_geom *g = &c->layout.geom[VMFS_RES_FD];
	uint32_t total = vmfs_geom_cluster_total(g, cluster);
	uint32_t step = CHECK_CHUNK_BYTES / g->form->fd_bytes;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < total && st == ST_OK; i += step)
		st = each_between(c, cluster, i, MIN(i + step, total), flags, fn);
	return st;
}

static enum status each_fd(struct check *c, uint8_t flags, fd_fn fn)
{
	const struct vmfs_geom *g = &c->layout.geom[VMFS_RES_FD];
	enum status st = ST_OK;

	for (uint32_t i = 0; i < g->clusters && st == ST_OK; i++) {
		if (port_interrupted())
			return why_set(c->why, ST_CANCELLED, "the check was interrupted");
		st = each_in_cluster(c, i, flags, fn);
		check_progress(c, i + 1, g->clusters);
	}
	return st;
}

/* ---- F1: what a descriptor says of itself ---------------------------------------------------- */

/* Levels of pointer blocks of a ZLA. */
static uint32_t levels_of(uint32_t zla)
{
	return zla == VMFS_ZLA_PB2 ? 2 : zla == VMFS_ZLA_PB || zla == VMFS_ZLA_SYS ? 1 : 0;
}

/* How many blocks a pointer with that many levels below it can name. */
static uint64_t span_of(const struct check *c, uint32_t levels)
{
	uint64_t n = 1;

	while (levels-- > 0)
		n *= c->layout.form->pb_ptrs;
	return n;
}

static uint64_t reach_blocks(const struct check *c, uint32_t zla)
{
	return c->layout.form->ptrs * span_of(c, levels_of(zla));
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
	if (div_round_up(le64_get(m->length), block) > reach_blocks(c, zla))
		return "the length is more than its pointers can name";
	return NULL;
}

static enum status check_fd_lock(struct check *c, uint32_t addr, struct vmfs_lock_disk *lock)
{
	uint64_t at = vmfs_layout_addr_at(&c->layout, addr);
	uint32_t type = VMFS_LOCK_TYPE_BASE + VMFS_LOCK_FD;
	char what[48];

	fmt(what, sizeof(what), "file descriptor 0x%08x", addr);
	if (le32_get(lock->type) != type || le64_get(lock->at) != at) {
		check_report(c, c->opts->fix, VMFS_FIND_WRONG, "F1", at,
			     "%s: lock type 0x%08x and address 0x%jx instead of 0x%08x and 0x%jx",
			     what, le32_get(lock->type), le64_get(lock->at), type, at);
		le32_set(&lock->type, type);
		le64_set(&lock->at, at);
		if (c->opts->fix)
			return check_fix_lock(c, at, lock);
	}
	check_lock(c, lock, what);
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

/* NULL, or why the record is none of this version. */
static const char *signature_check(const struct check *c, const struct vmfs_fd_disk *m)
{
	return le32_get(m->signature) == c->layout.form->fd_signature ? NULL
								      : "its signature is wrong";
}

static enum status scan_fd(struct check *c, uint32_t index, uint8_t *fd)
{
	uint32_t addr = check_fd_addr(c, index);
	struct fd_info *info = &c->fd[index];
	struct vmfs_fd_disk *m = check_fd_meta(c, fd);
	const char *bad = vmfs_fd_check(c->layout.form, m, addr);
	enum status st;

	if (!bad && c->layout.form->fd_signature)
		bad = signature_check(c, m);
	if (!bad)
		bad = addressing_check(c, m);
	if (bad) {
		check_find(c, VMFS_FIND_DAMAGE, "F1", vmfs_layout_addr_at(&c->layout, addr),
			   "file descriptor 0x%08x: %s (type %u, length %ju, blockSize %ju, "
			   "addressing 0x%x)",
			   addr, bad, le32_get(m->type), le64_get(m->length),
			   le64_get(m->block_bytes), le32_get(m->zla));
		return ST_OK;
	}
	info->flags |= FDI_VALID;
	info->type = (uint8_t)le32_get(m->type);
	info->generation = le32_get(m->generation);
	info->links = le32_get(m->links);
	info->dotdot = ~0u;
	if (info->type == VMFS_TYPE_DIR || addr == le32_get(c->layout.fs.sdd_fd))
		info->flags |= FDI_DIR;
	st = check_fd_lock(c, addr, check_fd_lock_of(fd));
	return st == ST_OK ? check_shift(c, addr, m) : st;
}

/* The system's own are in use whatever their bits say; a bit that is missing is G1's to find. */
static void scan_fixed(struct check *c)
{
	const uint32_t fixed[] = {
		VMFS_FD_ROOT, VMFS_FD_FBB, VMFS_FD_FDC, VMFS_FD_PBC, VMFS_FD_SBC, VMFS_FD_VH,
		le32_get(c->layout.fs.pb2_fd), le32_get(c->layout.fs.sdd_fd),
		c->layout.geom[VMFS_RES_JB].count ? VMFS_FD_JBC : VMFS_FD_ROOT,
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
	uint32_t addr = check_fd_addr(c, index), bytes = c->layout.form->fd_bytes;
	uint8_t *fd = port_dma_alloc(bytes);
	const struct vmfs_fd_disk *m;
	enum status st;

	if (!fd)
		return why_set(c->why, ST_NOMEM, "no memory for a file descriptor");
	m = check_fd_meta(c, fd);
	st = check_read(c, vmfs_layout_addr_at(&c->layout, addr), fd, bytes);
	if (st == ST_OK && !vmfs_fd_check(c->layout.form, m, addr) && le32_get(m->links) &&
	    le32_get(m->type) == type && le32_get(m->generation) == generation) {
		c->fd[index].flags = FDI_USED;
		st = scan_fd(c, index, fd);
	}
	port_dma_free(fd, bytes);
	return st;
}

/* ---- F2 to F4: pointers ---------------------------------------------------------------------- */

struct tally {
	uint64_t	blocks, tbz, pbs, large;
	uint8_t		whole;			/* the pointers are of large blocks only */
	uint64_t	limit;			/* blocks within the length */
	uint64_t	past;			/* blocks behind it */
	uint64_t	bad, bad_block, shared, shared_block;
	uint64_t	bad_addr, shared_addr;
	enum vmfs_res	kind;			/* of the data */
	uint8_t		refer;			/* count what is met as referenced */
	uint8_t		*pb[2];			/* a buffer for each level */
};

static void bad_pointer(struct tally *t, uint64_t block, uint64_t addr)
{
	if (!t->bad++) {
		t->bad_block = block;
		t->bad_addr = addr;
	}
}

/* A large block is 512 small ones of one cluster, which has its number. */
static int is_large(const struct check *c, uint64_t addr)
{
	return c->layout.geom[VMFS_RES_LFB].count && VMFS_ADDR_TYPE(addr) == VMFS_ADDR_LFB;
}

/* The number of what an address names among its kind; 0: it names nothing. */
static int locate(const struct check *c, enum vmfs_res *kind, uint64_t addr, uint64_t *index)
{
	const struct vmfs_geom *g = &c->layout.geom[*kind];
	uint32_t cluster, resource;

	if (!vmfs_geom_split(g, *kind, addr, c->layout.dense_sb, &cluster, &resource))
		return 0;
	*index = check_index(g, cluster, resource);
	if (!is_large(c, addr))
		return 1;
	*kind = VMFS_RES_LFB;
	*index = cluster;
	return cluster < c->layout.geom[VMFS_RES_LFB].count;
}

/* Count a reference. 0: the address names nothing. *again: somebody else refers to it, too. */
static int refer(struct check *c, struct tally *t, enum vmfs_res kind, uint64_t addr,
		 uint64_t block, int *again)
{
	const struct vmfs_form *form = c->layout.form;
	uint64_t cow = kind == VMFS_RES_FB ? form->fb_cow : form->sub_cow, index = 0;

	*again = 0;
	if (!locate(c, &kind, addr, &index)) {
		bad_pointer(t, block, addr);
		return 0;
	}
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
static void data_pointer(struct check *c, struct tally *t, uint64_t addr, uint64_t block)
{
	int again;

	if (!addr)
		return;
	if (vmfs_addr_res(&c->layout, addr) != t->kind) {
		bad_pointer(t, block, addr);
		return;
	}
	if (!t->whole)	/* each pointer of such a file means its own part of a large block */
		addr = vmfs_piece(&c->layout, addr, block);
	if (!refer(c, t, t->kind, addr, block, &again))
		return;
	t->blocks++;
	t->large += (uint64_t)is_large(c, addr);
	t->tbz += (uint64_t)(vmfs_is_tbz(&c->layout, addr) != 0);
	t->past += block >= t->limit;
}

/* A pointer to a pointer block with `level` levels below it (0: it holds data pointers). */
static enum status indirect(struct check *c, struct tally *t, uint64_t addr, uint64_t block,
			    uint32_t level)
{
	const struct vmfs_form *form = c->layout.form;
	uint64_t step = span_of(c, level);
	int again;
	enum status st;

	if (!addr)
		return ST_OK;
	if (!vmfs_is_pb(&c->layout, addr)) {
		bad_pointer(t, block, addr);
		return ST_OK;
	}
	if (!refer(c, t, vmfs_addr_res(&c->layout, addr), addr, block, &again))
		return ST_OK;
	t->pbs++;
	if (again)
		return ST_OK;	/* it has been followed; once is enough */
	if (port_interrupted())
		return why_set(c->why, ST_CANCELLED, "the check was interrupted");
	st = check_read(c, vmfs_layout_addr_at(&c->layout, addr), t->pb[level], form->pb_bytes);
	for (uint32_t k = 0; k < form->pb_ptrs && st == ST_OK; k++) {
		uint64_t next = vmfs_ptr_get(form, t->pb[level] + k * form->ptr_bytes);

		if (level)
			st = indirect(c, t, next, block + k * step, level - 1);
		else
			data_pointer(c, t, next, block + k);
	}
	return st;
}

/* .fbb.sf when growing it over what its descriptor points to was interrupted: its first pointer is
 * ahead of its ZLA. */
static int grow_interrupted(const struct check *c, const uint8_t *fd)
{
	const struct vmfs_fd_disk *m = check_fd_meta(c, fd);

	return le32_get(m->fd) == VMFS_FD_FBB && le32_get(m->zla) == VMFS_ZLA_FB &&
	       vmfs_is_pb(&c->layout, check_fd_ptr(c, fd, 0));
}

static enum status walk(struct check *c, struct tally *t, const uint8_t *fd)
{
	const struct vmfs_fd_disk *m = check_fd_meta(c, fd);
	uint32_t zla = le32_get(m->zla), levels = levels_of(zla);
	enum status st = ST_OK;

	t->kind = zla == VMFS_ZLA_SB ? VMFS_RES_SB : VMFS_RES_FB;
	if (grow_interrupted(c, fd)) {
		t->limit = span_of(c, 1);
		return indirect(c, t, check_fd_ptr(c, fd, 0), 0, 0);
	}
	if (zla == VMFS_ZLA_RESIDENT || le32_get(m->type) == VMFS_TYPE_RDM)
		return ST_OK;
	t->limit = div_round_up(le64_get(m->length), le64_get(m->block_bytes));
	t->whole = le64_get(m->block_bytes) > c->layout.block_bytes;
	for (uint64_t k = 0; k < c->layout.form->ptrs && st == ST_OK; k++) {
		uint64_t addr = check_fd_ptr(c, fd, k);

		if (levels)
			st = indirect(c, t, addr, k * span_of(c, levels), levels - 1);
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
		    "file descriptor 0x%08x: %ju bad pointers, the first is 0x%08jx for block %ju",
		    addr, t->bad, t->bad_addr, t->bad_block);
	if (t->shared)
		check_find(c, VMFS_FIND_DAMAGE, "F2", at,
			   "file descriptor 0x%08x: %ju blocks belong to another file or place, "
			   "too; the first is "
			   "0x%08jx for block %ju",
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
	if (index < system_fds(c) || info->links || info->flags & FDI_NAMED)
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

static enum status alloc_levels(struct check *c, struct tally *t)
{
	for (int i = 0; i < 2; i++) {
		t->pb[i] = port_dma_alloc(c->layout.form->pb_bytes);
		if (!t->pb[i])
			return why_set(c->why, ST_NOMEM, "no memory for a pointer block");
	}
	return ST_OK;
}

static void count_file(struct check *c, uint32_t index)
{
	if (c->fd[index].type == VMFS_TYPE_DIR)
		c->result->dirs++;
	else if (c->fd[index].type != VMFS_TYPE_SYSTEM)
		c->result->files++;
}

static enum status tally_fd(struct check *c, uint32_t addr, const uint8_t *fd, struct tally *t)
{
	enum status st = walk(c, t, fd);

	if (st != ST_OK)
		return st;
	report_pointers(c, addr, t);
	if (grow_interrupted(c, fd))
		check_find(c, VMFS_FIND_NOTE, "F2", vmfs_layout_addr_at(&c->layout, addr),
			   ".fbb.sf: growing the volume was interrupted, repeat it");
	else if (!t->bad && !t->shared && !t->large)	/* how large ones count is not known */
		return compare_counts(c, addr, check_fd_meta(c, fd), t);
	return ST_OK;
}

static enum status follow_fd(struct check *c, uint32_t index, uint8_t *fd)
{
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
	count_file(c, index);
	st = alloc_levels(c, &t);
	if (st == ST_OK)
		st = tally_fd(c, check_fd_addr(c, index), fd, &t);
	for (int i = 0; i < 2; i++)
		if (t.pb[i])
			port_dma_free(t.pb[i], c->layout.form->pb_bytes);
	return st;
}

enum status check_fd_pointers(struct check *c)
{
	return each_fd(c, FDI_USED, follow_fd);
}

/* ---- for directories ------------------------------------------------------------------------- */

static enum status entry_of(struct check *c, uint64_t pb, uint64_t k, uint64_t *addr)
{
	const struct vmfs_form *form = c->layout.form;
	uint64_t at = vmfs_layout_addr_at(&c->layout, pb);
	uint8_t raw[sizeof(le64)] = { 0 };
	enum status st = ST_OK;

	if (pb && vmfs_is_pb(&c->layout, pb) && at != ~0ull)
		st = check_read(c, at + k * form->ptr_bytes, raw, form->ptr_bytes);
	else if (pb)
		memset(raw, 0xff, sizeof(raw));
	*addr = vmfs_ptr_get(form, raw);
	return st;
}

enum status check_block_at(struct check *c, const uint8_t *fd, uint64_t k, uint64_t *at)
{
	uint32_t zla = le32_get(check_fd_meta(c, fd)->zla), levels = levels_of(zla);
	uint64_t addr;
	enum status st = ST_OK;

	*at = ~0ull;
	if (k >= reach_blocks(c, zla))
		return ST_OK;
	addr = check_fd_ptr(c, fd, k / span_of(c, levels));
	while (levels-- > 0 && st == ST_OK)
		st = entry_of(c, addr, k / span_of(c, levels) % c->layout.form->pb_ptrs, &addr);
	if (st != ST_OK)
		return st;
	if (addr == 0 || vmfs_is_tbz(&c->layout, addr))
		*at = 0;
	else if (vmfs_is_block(&c->layout, addr) ||
		 vmfs_addr_res(&c->layout, addr) == VMFS_RES_SB)
		*at = vmfs_layout_addr_at(&c->layout, addr);
	return ST_OK;
}
