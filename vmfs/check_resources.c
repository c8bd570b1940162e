/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check_resources - rules R1 to R3: the headers of resource files and of their clusters; and G1:
 * what the clusters say is in use against what files refer to. */
#include "vmfs/check_priv.h"

static const char *const kind_name[VMFS_RES_COUNT] = {
	[VMFS_RES_FB] = "file block",
	[VMFS_RES_FD] = "file descriptor",
	[VMFS_RES_SB] = "sub-block",
	[VMFS_RES_PB] = "pointer block",
	[VMFS_RES_PB2] = "secondary pointer block",
	[VMFS_RES_JB] = "journal block",
	[VMFS_RES_LFB] = "large file block",
};

/* How many bytes of headers follow each other in the file from cluster `number` on. */
static uint64_t headers_ahead(const struct check *c, enum vmfs_res kind, uint32_t number)
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	uint64_t one = vmfs_header_bytes(g->form), bytes = one;
	uint64_t at = vmfs_layout_header_at(&c->layout, kind, number);

	for (uint32_t i = number + 1; i < g->clusters && bytes + one <= CHECK_CHUNK_BYTES; i++) {
		if (vmfs_layout_header_at(&c->layout, kind, i) != at + bytes)
			break;
		bytes += one;
	}
	return bytes;
}

enum status check_each_cluster(struct check *c, enum vmfs_res kind,
			       enum status (*fn)(struct check *c, enum vmfs_res kind,
						 const struct check_cluster *cluster))
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	struct check_cluster k = { 0 };
	enum status st = ST_OK;

	while (k.number < g->clusters && st == ST_OK) {
		uint64_t bytes = headers_ahead(c, kind, k.number);

		if (port_interrupted())
			return why_set(c->why, ST_CANCELLED, "the check was interrupted");
		st = check_read_map(c, vmfs_layout_map(&c->layout, kind),
				    vmfs_layout_header_at(&c->layout, kind, k.number), c->chunk,
				    bytes);
		for (uint64_t in = 0; in < bytes && st == ST_OK;
		     in += vmfs_header_bytes(g->form), k.number++) {
			k.lock = (struct vmfs_lock_disk *)(c->chunk + in);
			k.rec = c->chunk + in + g->form->md_bytes;
			k.at = vmfs_layout_cluster_at(&c->layout, kind, k.number);
			st = fn(c, kind, &k);
		}
		check_progress(c, k.number, g->clusters);
	}
	return st;
}

static uint32_t number_of(const struct vmfs_geom *g, const struct check_cluster *k)
{
	return vmfs_field_get(k->rec, g->form->cluster.number);
}

static int is_signed(const struct vmfs_geom *g, const struct check_cluster *k)
{
	const struct vmfs_cluster_form *f = &g->form->cluster;

	return !f->signature.bytes || vmfs_field_get(k->rec, f->signature) == f->signed_as;
}

int check_header_ours(const struct check *c, enum vmfs_res kind, const struct check_cluster *k)
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	uint32_t total = vmfs_cluster_total(g, k->rec);

	return le32_get(k->lock->type) == VMFS_LOCK_TYPE_BASE + vmfs_res_traits[kind].lock &&
	       is_signed(g, k) && number_of(g, k) == k->number && total > 0 &&
	       total <= vmfs_geom_cluster_total(g, k->number);
}

static void note_used(struct check *c, enum vmfs_res kind, const struct check_cluster *k)
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	const uint8_t *map = k->rec + g->form->cluster.bitmap_at;
	uint64_t first = check_index(g, k->number, 0);
	uint32_t total = vmfs_cluster_total(g, k->rec);
	int plain = g->form->res[kind].bits == 1;

	for (uint32_t i = 0; i < total; i++) {
		/* most of a large volume is free */
		if (plain && i % 8 == 0 && map[i / 8] == 0xff)
			i += 7;
		else if (!vmfs_cluster_is_free(g, kind, k->rec, i))
			bit_set(c->used[kind], first + i);
	}
}

/* A header that is not this cluster's says nothing about its resources: all count as used, but
 * for file descriptors, which would be read. */
static void lost_header(struct check *c, enum vmfs_res kind, const struct check_cluster *k)
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	uint32_t total = vmfs_geom_cluster_total(g, k->number);

	check_find(c, VMFS_FIND_DAMAGE, "R2", k->at,
		   "%s cluster %u: its header is not there (lock type 0x%08x, number %u, %u "
		   "resources instead of 0x%08x, %u, %u%s)",
		   vmfs_res_traits[kind].file, k->number, le32_get(k->lock->type),
		   number_of(g, k), vmfs_cluster_total(g, k->rec),
		   VMFS_LOCK_TYPE_BASE + vmfs_res_traits[kind].lock, k->number, total,
		   is_signed(g, k) ? "" : "; its signature is wrong");
	for (uint32_t i = 0; i < total && kind != VMFS_RES_FD; i++)
		bit_set(c->used[kind], check_index(g, k->number, i));
}

static void wrong(struct check *c, enum vmfs_res kind, const struct check_cluster *k,
		  const char *what, uint64_t is, uint64_t should)
{
	c->recount |= (uint8_t)(1u << kind);
	check_report(c, c->opts->fix, VMFS_FIND_WRONG, "R2", k->at,
		     "%s cluster %u: %s is 0x%jx instead of 0x%jx", vmfs_res_traits[kind].file,
		     k->number, what, is, should);
}

/* Codes behind the last resource that are not 0. */
static int stray_bits(const struct vmfs_geom *g, enum vmfs_res kind, const uint8_t *rec)
{
	const struct vmfs_cluster_form *f = &g->form->cluster;
	uint32_t bits = g->form->res[kind].bits, total = vmfs_cluster_total(g, rec);
	uint32_t room = f->bitmap_bytes ? f->bitmap_bytes * 8 / bits : g->per_cluster;
	int count = 0;

	for (uint32_t i = total; i < room; i++)
		count += vmfs_code_get(rec + f->bitmap_at, bits, i) != 0;
	return count;
}

/* The lowest free resource on the VMFS-5 volume that was seen; a VMFS-3 of an ESX host has a higher
 * one here and there, so it is a hint: only one that is no resource at all is wrong. */
static void check_next_free(struct check *c, enum vmfs_res kind, const struct check_cluster *k,
			    uint32_t lowest)
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	uint32_t is = vmfs_field_get(k->rec, g->form->cluster.next_free);

	if (is == lowest)
		return;
	/* Behind the last one: genuine VMFS-6 volumes have that where nothing is free. */
	if (is > vmfs_cluster_total(g, k->rec) ||
	    (is == vmfs_cluster_total(g, k->rec) && c->layout.version < 6)) {
		wrong(c, kind, k, "nextFreeIdx", is, lowest);
		return;
	}
	c->recount |= (uint8_t)(1u << kind);
	check_report(c, c->opts->fix, VMFS_FIND_NOTE, "R2", k->at,
		     "%s cluster %u: nextFreeIdx is %u, the lowest free "
		     "resource is %u",
		     vmfs_res_traits[kind].file, k->number, is, lowest);
}

static void check_counts(struct check *c, enum vmfs_res kind, const struct check_cluster *k)
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	uint32_t total = vmfs_geom_cluster_total(g, k->number);
	uint32_t free = vmfs_cluster_popcount(g, kind, k->rec);
	int stray = stray_bits(g, kind, k->rec);

	if (vmfs_cluster_total(g, k->rec) != total)	/* as an interrupted grow leaves it */
		wrong(c, kind, k, "totalResources", vmfs_cluster_total(g, k->rec), total);
	if (stray)
		wrong(c, kind, k, "the number of bits past its resources", (uint64_t)stray, 0);
	if (vmfs_cluster_free(g, k->rec) != free)
		wrong(c, kind, k, "freeResources", vmfs_cluster_free(g, k->rec), free);
	check_next_free(c, kind, k, vmfs_cluster_lowest(g, kind, k->rec));
}

static enum status check_cluster(struct check *c, enum vmfs_res kind, const struct check_cluster *k)
{
	char what[64];

	if (!check_header_ours(c, kind, k)) {
		lost_header(c, kind, k);
		return ST_OK;
	}
	note_used(c, kind, k);
	if (le64_get(k->lock->at) != k->at)
		wrong(c, kind, k, "the address in its lock", le64_get(k->lock->at), k->at);
	/* What a large block's codes mean is known of "given to the small pool" only. */
	if (kind != VMFS_RES_LFB)
		check_counts(c, kind, k);
	if (le32_get(k->lock->mode)) {
		fmt(what, sizeof(what), "%s cluster %u", vmfs_res_traits[kind].file, k->number);
		check_lock(c, k->lock, what);
	}
	return ST_OK;
}

static void check_length(struct check *c, enum vmfs_res kind)
{
	enum vmfs_res holder = kind == VMFS_RES_FB ? c->layout.form->parent_of_fb : kind;
	uint64_t is = c->layout.map[kind].file_bytes, need = c->layout.geom[holder].file_bytes;
	uint64_t at = vmfs_layout_addr_at(&c->layout, vmfs_res_traits[kind].fd);

	if (is == need ||
	    (kind == VMFS_RES_FD && need < c->layout.block_bytes && is == c->layout.block_bytes))
		return;
	check_find(c, kind == VMFS_RES_FB ? VMFS_FIND_NOTE : VMFS_FIND_DAMAGE, "R1", at,
		   "%s is %ju bytes long, its header needs %ju%s", vmfs_res_traits[kind].file, is,
		   need,
		   kind == VMFS_RES_FB ? ": growing the volume was interrupted, repeat it" : "");
}

enum status check_resources(struct check *c)
{
	enum status st = ST_OK;

	for (enum vmfs_res kind = 0; kind < VMFS_RES_COUNT && st == ST_OK; kind++) {
		if (vmfs_layout_map(&c->layout, kind)->block_count == 0)
			continue;	/* .pb2.sf of a VMFS-3 */
		if (kind != VMFS_RES_LFB)
			check_length(c, kind);
		st = check_each_cluster(c, kind, check_cluster);
	}
	return st;
}

/* ---- G1 -------------------------------------------------------------------------------------- */

struct range { uint64_t first, count; };

static uint64_t place(const struct check *c, enum vmfs_res kind, uint64_t index)
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	uint64_t addr = vmfs_geom_addr(kind, g, (uint32_t)(index / g->per_cluster),
				       (uint32_t)(index % g->per_cluster));

	return vmfs_layout_addr_at(&c->layout, addr);
}

static void report_range(struct check *c, enum vmfs_res kind, const struct range *r, int leak,
			 int fixed)
{
	const char *what =
	    leak ? "marked used, but nothing refers to it" : "referred to, but marked free";
	enum vmfs_severity severity = leak ? VMFS_FIND_LEAK : VMFS_FIND_WRONG;
	uint64_t at = place(c, kind, r->first);

	if (r->count == 1)
		check_report(c, fixed, severity, "G1", at, "%s %ju: %s", kind_name[kind], r->first,
			     what);
	else
		check_report(c, fixed, severity, "G1", at, "%ss %ju to %ju: %s", kind_name[kind],
			     r->first, r->first + r->count - 1, what);
}

/* Ranges of bits that are set in a and not in b. The first CHECK_LEAK_RANGES are named one by
 * one. */
static uint64_t report_difference(struct check *c, enum vmfs_res kind, const uint8_t *a,
				  const uint8_t *b, int leak, int fixed)
{
	uint64_t count = c->layout.geom[kind].count, total = 0, ranges = 0, more = 0;
	struct range r = { 0 };

	for (uint64_t i = 0; i <= count; i++) {
		if (i % 8 == 0 && i + 8 <= count && !r.count && !(a[i / 8] & ~b[i / 8])) {
			i += 7;
			continue;
		}
		if (i < count && bit_get(a, i) && !bit_get(b, i)) {
			if (!r.count++)
				r.first = i;
			total++;
			continue;
		}
		if (r.count && ranges++ < CHECK_LEAK_RANGES)
			report_range(c, kind, &r, leak, fixed);
		else
			more += r.count;
		r.count = 0;
	}
	if (more)
		check_report(c, fixed, leak ? VMFS_FIND_LEAK : VMFS_FIND_WRONG, "G1", ~0ull,
			     "%ju %ss more: %s", more, kind_name[kind],
			     leak ? "marked used, but nothing refers to them"
				  : "referred to, but marked free");
	return total;
}

static uint64_t count_bits(const uint8_t *map, uint64_t count)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < div_round_up(count, 8); i++)
		n += vmfs_count_bits(&map[i], 1);
	return n;
}

/* Report one kind; set what is missing at once. Returns through *leaks what is to be freed
 * later. */
static enum status compare_kind(struct check *c, enum vmfs_res kind, int may_release,
				uint64_t *leaks)
{
	uint64_t missing = report_difference(c, kind, c->ref[kind], c->used[kind], 0, c->opts->fix);

	*leaks = report_difference(c, kind, c->used[kind], c->ref[kind], 1,
				   c->opts->fix && may_release);
	if (c->opts->fix && (missing || c->recount >> kind & 1))
		return check_fix_clusters(c, kind, 0);
	return ST_OK;
}

/* Blocks of a large one that is a file's own, and not in the small pool, have no bits of their own
 * that count. */
static void leave_large_blocks(struct check *c)
{
	const struct vmfs_geom *lfb = &c->layout.geom[VMFS_RES_LFB], *fb;

	fb = &c->layout.geom[VMFS_RES_FB];
	for (uint64_t i = 0; i < lfb->count; i++) {
		uint64_t first = check_index(fb, (uint32_t)i, 0);

		if (!bit_get(c->ref[VMFS_RES_LFB], i) || !bit_get(c->used[VMFS_RES_LFB], i))
			continue;
		for (uint64_t k = first; k < MIN(first + fb->per_cluster, fb->count); k++)
			if (bit_get(c->used[VMFS_RES_FB], k))
				bit_set(c->ref[VMFS_RES_FB], k);
			else
				bit_clear(c->ref[VMFS_RES_FB], k);
	}
}

enum status check_global(struct check *c)
{
	uint64_t leaks[VMFS_RES_COUNT] = { 0 };
	int may_release;
	enum status st = ST_OK;

	check_journal_blocks(c);
	leave_large_blocks(c);
	/* Leaks are freed only when everything that could own them was readable. */
	may_release = c->result->damage == 0;
	c->result->blocks_used = count_bits(c->used[VMFS_RES_FB], c->layout.blocks);
	for (enum vmfs_res kind = 0; kind < VMFS_RES_LFB && st == ST_OK; kind++)
		st = compare_kind(c, kind, may_release, &leaks[kind]);
	if (st == ST_OK && c->opts->fix)
		st = lvm_flush(&c->lvm);
	for (enum vmfs_res kind = 0; kind < VMFS_RES_LFB && st == ST_OK; kind++)
		if (c->opts->fix && may_release && leaks[kind])
			st = check_fix_clusters(c, kind, 1);
	return st;
}
