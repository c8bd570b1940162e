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
};

/* How many bytes of headers follow each other in the file from cluster `number` on. */
static uint64_t headers_ahead(const struct vmfs_geom *g, uint32_t number)
{
	uint64_t in_group = g->clusters_per_group - number % g->clusters_per_group;
	uint64_t left = g->clusters - number;

	if (g->resource_bytes == 0)	/* .fbb.sf is nothing but headers */
		in_group = left;
	return MIN(MIN(in_group, left) * VMFS_CLUSTER_BYTES, CHECK_CHUNK_BYTES);
}

enum status check_each_cluster(struct check *c, enum vmfs_res kind,
			       enum status (*fn)(struct check *c, enum vmfs_res kind,
						 const struct check_cluster *cluster))
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	struct check_cluster k = { 0 };
	enum status st = ST_OK;

	while (k.number < g->clusters && st == ST_OK) {
		uint64_t bytes = headers_ahead(g, k.number);

		if (port_interrupted())
			return why_set(c->why, ST_CANCELLED, "the check was interrupted");
		st = check_read_map(c, &c->layout.map[kind], vmfs_geom_cluster_at(g, k.number),
				    c->chunk, bytes);
		for (uint64_t in = 0; in < bytes && st == ST_OK;
		     in += VMFS_CLUSTER_BYTES, k.number++) {
			k.header = (struct vmfs_cluster_header *)(c->chunk + in);
			k.at = vmfs_layout_cluster_at(&c->layout, kind, k.number);
			st = fn(c, kind, &k);
		}
		check_progress(c, k.number, g->clusters);
	}
	return st;
}

int check_header_ours(const struct check *c, enum vmfs_res kind, const struct check_cluster *k)
{
	return le32_get(k->header->lock.type) == VMFS_LOCK_TYPE_BASE + vmfs_res_traits[kind].lock &&
	       le32_get(k->header->meta.cluster) == k->number &&
	       le32_get(k->header->meta.total) <=
		   vmfs_geom_cluster_total(&c->layout.geom[kind], k->number) &&
	       le32_get(k->header->meta.total) > 0;
}

static void note_used(struct check *c, enum vmfs_res kind, const struct check_cluster *k)
{
	const struct vmfs_geom *g = &c->layout.geom[kind];
	const uint8_t *free = k->header->meta.bitmap;
	uint64_t first = check_index(g, k->number, 0);
	uint32_t total = le32_get(k->header->meta.total);

	for (uint32_t i = 0; i < total; i++) {
		if (i % 8 == 0 && free[i / 8] == 0xff)	/* most of a large volume */
			i += 7;
		else if (!bit_get(free, i))
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
		   "resources instead of "
		   "0x%08x, %u, %u)",
		   vmfs_res_traits[kind].file, k->number, le32_get(k->header->lock.type),
		   le32_get(k->header->meta.cluster), le32_get(k->header->meta.total),
		   VMFS_LOCK_TYPE_BASE + vmfs_res_traits[kind].lock, k->number, total);
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

static int stray_bits(const struct vmfs_cluster_disk *meta)
{
	uint32_t total = le32_get(meta->total), whole = div_round_up(total, 8);
	int count = (int)vmfs_count_bits(meta->bitmap + whole, sizeof(meta->bitmap) - whole);

	for (uint32_t i = total; i < whole * 8; i++)
		count += bit_get(meta->bitmap, i);
	return count;
}

/* The lowest free resource on the VMFS-5 volume that was seen; a VMFS-3 of an ESX host has a higher
 * one here and there, so it is a hint: only one that is no resource at all is wrong. */
static void check_next_free(struct check *c, enum vmfs_res kind, const struct check_cluster *k,
			    uint32_t lowest)
{
	uint32_t is = le32_get(k->header->meta.next_free);

	if (is == lowest)
		return;
	if (is >= le32_get(k->header->meta.total)) {
		wrong(c, kind, k, "nextFreeIdx", is, lowest);
		return;
	}
	c->recount |= (uint8_t)(1u << kind);
	check_report(c, c->opts->fix, VMFS_FIND_NOTE, "R2", k->at,
		     "%s cluster %u: nextFreeIdx is %u, the lowest free "
		     "resource is %u",
		     vmfs_res_traits[kind].file, k->number, is, lowest);
}

static enum status check_cluster(struct check *c, enum vmfs_res kind, const struct check_cluster *k)
{
	struct vmfs_cluster_disk counted = k->header->meta;
	char what[64];
	uint32_t total;
	int stray;

	if (!check_header_ours(c, kind, k)) {
		lost_header(c, kind, k);
		return ST_OK;
	}
	total = vmfs_geom_cluster_total(&c->layout.geom[kind], k->number);
	note_used(c, kind, k);
	if (le32_get(counted.total) != total)	/* as an interrupted grow leaves it */
		wrong(c, kind, k, "totalResources", le32_get(counted.total), total);
	if (le64_get(k->header->lock.at) != k->at)
		wrong(c, kind, k, "the address in its lock", le64_get(k->header->lock.at), k->at);
	stray = stray_bits(&counted);
	if (stray)
		wrong(c, kind, k, "the number of bits past its resources", (uint64_t)stray, 0);
	vmfs_cluster_count(&c->layout.geom[kind], kind, &counted);
	if (le32_get(counted.free) != le32_get(k->header->meta.free))
		wrong(c, kind, k, "freeResources", le32_get(k->header->meta.free),
		      le32_get(counted.free));
	check_next_free(c, kind, k, le32_get(counted.next_free));
	if (le32_get(k->header->lock.mode)) {
		fmt(what, sizeof(what), "%s cluster %u", vmfs_res_traits[kind].file, k->number);
		check_lock(c, &k->header->lock, what);
	}
	return ST_OK;
}

static void check_length(struct check *c, enum vmfs_res kind)
{
	uint64_t is = c->layout.map[kind].file_bytes, need = c->layout.geom[kind].file_bytes;
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
		if (c->layout.map[kind].block_count == 0)
			continue;	/* .pb2.sf of a VMFS-3 */
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

enum status check_global(struct check *c)
{
	uint64_t leaks[VMFS_RES_COUNT] = { 0 };
	int may_release;
	enum status st = ST_OK;

	check_journal_blocks(c);
	/* Leaks are freed only when everything that could own them was readable. */
	may_release = c->result->damage == 0;
	c->result->blocks_used = count_bits(c->used[VMFS_RES_FB], c->layout.blocks);
	for (enum vmfs_res kind = 0; kind < VMFS_RES_COUNT && st == ST_OK; kind++)
		st = compare_kind(c, kind, may_release, &leaks[kind]);
	if (st == ST_OK && c->opts->fix)
		st = lvm_flush(&c->lvm);
	for (enum vmfs_res kind = 0; kind < VMFS_RES_COUNT && st == ST_OK; kind++)
		if (c->opts->fix && may_release && leaks[kind])
			st = check_fix_clusters(c, kind, 1);
	return st;
}
