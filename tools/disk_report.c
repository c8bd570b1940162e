/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_report - what a disk is made of, where its data lies, how much room it would take elsewhere,
 * and whether two disks show the same. */
#include <stdio.h>
#include <string.h>

#include "tools/disk.h"
#include "tools/live.h"

#define GRAIN_BYTES	(64 * KIB)	/* what sparse kinds allocate */
#define BLOCK_BYTES	MIB		/* what thin disks allocate */

static enum status print_one(struct cmd *cmd, json_t *item)
{
	json_t *items, *doc = out_doc(cmd->verb->schema, &items);

	json_array_append_new(items, item);
	return live_print(cmd, doc) == 0 ? ST_OK : ST_DEVICE;
}

/* ---- info ------------------------------------------------------------------------------------ */

static const char *alloc_word(const struct vmdk_info *i)
{
	static const char *const words[] = { "thin", "zeroedthick", "eagerzeroedthick" };

	return (size_t)i->alloc < ARRAY_COUNT(words) ? words[i->alloc] : "?";
}

static void cid_text(char buf[9], uint32_t cid) { snprintf(buf, 9, "%08x", cid); }

static void info_text(struct disk *d, const struct vmdk_info *i)
{
	char name[OUT_NAME_MAX], size[24], used[24];
	struct vmdk_extent_info x;

	printf("disk        %s\n", out_name(name, sizeof(name), d->at.name));
	printf("format      %s\n", disk_format_word(i->kind, i->alloc));
	if (i->kind != VMDK_RAW)
		printf("create type %s\nadapter     %s\nids         %08x, parent %08x\n"
		       "uuid        %s\n",
		       out_name(name, sizeof(name), i->create_type),
		       i->adapter[0] ? i->adapter : "-", i->cid, i->parent_cid,
		       i->uuid[0] ? i->uuid : "-");
	printf("size        %s (%llu bytes)\n", out_size(size, sizeof(size), i->bytes, 0),
	       (unsigned long long)i->bytes);
	printf("allocated   %s, %s\n", out_size(used, sizeof(used), i->allocated_bytes, 0),
	       alloc_word(i));
	if (i->kind != VMDK_RAW)
		printf("geometry    %u/%u/%u\n", i->cylinders, i->heads, i->sectors);
	if (i->dirty)
		printf("state       not closed cleanly: check it before use\n");
	for (uint32_t n = 0; n < i->extent_count; n++)
		if (vmdk_extent_info(d->vmdk, n, &x) == ST_OK)
			printf("%-11s %s %llu sectors, %s, '%s'\n", n ? "" : "extents", x.access,
			       (unsigned long long)x.sectors, x.type,
			       out_name(name, sizeof(name), x.file));
}

static json_t *extents_json(struct vmdk_disk *d, uint32_t count)
{
	json_t *list = json_array();
	struct vmdk_extent_info x;

	for (uint32_t n = 0; n < count; n++)
		if (vmdk_extent_info(d, n, &x) == ST_OK)
			json_array_append_new(
			    list, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "access", x.access,
					    "type", x.type, "size_bytes",
					    out_json_bytes(x.sectors * SECTOR_BYTES), "file",
					    out_json_name(x.file), "file_bytes",
					    out_json_bytes(x.file_bytes), "allocated_bytes",
					    out_json_bytes(x.allocated_bytes)));
	return list;
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? out_json_name(text) : json_null();
}

static json_t *info_json(struct disk *d, const struct vmdk_info *i)
{
	char cid[9], parent[9];

	cid_text(cid, i->cid);
	cid_text(parent, i->parent_cid);
	return json_pack(
	    "{s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I}, s:b, s:b, s:o}",
	    "disk", out_json_name(d->at.name), "format", disk_format_word(i->kind, i->alloc),
	    "create_type", text_or_null(i->create_type), "allocation", alloc_word(i), "size_bytes",
	    out_json_bytes(i->bytes), "allocated_bytes", out_json_bytes(i->allocated_bytes), "cid",
	    i->kind == VMDK_RAW ? json_null() : json_string(cid), "parent_cid",
	    i->kind == VMDK_RAW ? json_null() : json_string(parent), "adapter",
	    text_or_null(i->adapter), "uuid", text_or_null(i->uuid), "geometry", "cylinders",
	    (json_int_t)i->cylinders, "heads", (json_int_t)i->heads, "sectors",
	    (json_int_t)i->sectors, "thin_flag", i->thin_flag, "dirty", i->dirty, "extents",
	    extents_json(d->vmdk, i->extent_count));
}

enum status disk_info(struct cmd *cmd, const char *name, unsigned flags, struct why *why)
{
	struct disk d = { 0 };
	struct vmdk_info info;
	enum status st = disk_open(cmd, name, flags, &d, why);

	if (st == ST_OK)
		st = vmdk_info(d.vmdk, &info);
	if (st == ST_OK && cmd->json)
		st = print_one(cmd, info_json(&d, &info));
	else if (st == ST_OK)
		info_text(&d, &info);
	return disk_close(&d, st, why);
}

/* ---- map ------------------------------------------------------------------------------------- */

static enum status each_run(struct vmdk_disk *d,
			    enum status (*fn)(void *arg, const struct vmdk_run *r), void *arg)
{
	struct vmdk_run r;
	enum status st = ST_OK;

	for (uint64_t at = 0; st == ST_OK && at < vmdk_bytes(d); at += r.bytes) {
		if (port_interrupted())
			return ST_CANCELLED;
		st = vmdk_map(d, at, &r);
		if (st == ST_OK)
			st = fn(arg, &r);
	}
	return st;
}

struct mapping { struct vmdk_disk *d; json_t *items; };

static enum status map_text(void *arg, const struct vmdk_run *r)
{
	struct mapping *m = arg;
	struct vmdk_extent_info x;
	char name[OUT_NAME_MAX], where[24] = "-";

	if (vmdk_extent_info(m->d, r->extent, &x) != ST_OK)
		return ST_CORRUPT;
	if (r->where != ~0ull)
		snprintf(where, sizeof(where), "%#llx", (unsigned long long)r->where);
	printf("%#-16llx %#-16llx %-14s %-8s %s\n", (unsigned long long)r->offset,
	       (unsigned long long)r->bytes, where,
	       !r->present   ? "absent" :
	       r->zero	     ? "zero" :
	       r->compressed ? "deflate" :
			       "data",
	       r->present ? out_name(name, sizeof(name), x.file) : "-");
	return ST_OK;
}

static enum status map_json(void *arg, const struct vmdk_run *r)
{
	struct mapping *m = arg;
	struct vmdk_extent_info x;
	int placed = r->present && r->where != ~0ull && !r->compressed;

	if (vmdk_extent_info(m->d, r->extent, &x) != ST_OK)
		return ST_CORRUPT;
	json_array_append_new(
	    m->items, json_pack("{s:o, s:o, s:i, s:b, s:b, s:b, s:b, s:o, s:o}", "start",
				out_json_bytes(r->offset), "length", out_json_bytes(r->bytes),
				"depth", 0, "present", r->present, "zero", r->zero || !r->present,
				"data", r->present && !r->zero, "compressed", r->compressed,
				"offset", placed ? out_json_bytes(r->where) : json_null(),
				"filename", r->present ? out_json_name(x.file) : json_null()));
	return ST_OK;
}

enum status disk_map(struct cmd *cmd, const char *name, unsigned flags, struct why *why)
{
	struct disk d = { 0 };
	struct mapping m = { 0 };
	json_t *doc = NULL;
	enum status st = disk_open(cmd, name, flags, &d, why);

	m.d = d.vmdk;
	if (st == ST_OK && cmd->json) {
		doc = out_doc("disk.map/1", &m.items);
		st = each_run(d.vmdk, map_json, &m);
	} else if (st == ST_OK) {
		printf("%-16s %-16s %-14s %-8s %s\n", "OFFSET", "LENGTH", "AT", "STATE", "FILE");
		st = each_run(d.vmdk, map_text, &m);
	}
	if (st == ST_OK && doc)
		st = live_print(cmd, doc) == 0 ? ST_OK : ST_DEVICE;
	else
		json_decref(doc);
	return disk_close(&d, st, why);
}

/* ---- measure --------------------------------------------------------------------------------- */

struct measure {
	uint64_t	unit;		/* of allocation */
	uint64_t	last;		/* the unit counted last, + 1 */
	uint64_t	units;
};

/* Runs come in order, so a unit that two of them share is counted once. */
static enum status measure_run(void *arg, const struct vmdk_run *r)
{
	struct measure *m = arg;
	uint64_t first = r->offset / m->unit, end = div_round_up(r->offset + r->bytes, m->unit);

	if (!r->present || r->zero)
		return ST_OK;
	first = MAX(first, m->last);
	if (end > first) {
		m->units += end - first;
		m->last = end;
	}
	return ST_OK;
}

static int is_sparse(enum vmdk_kind kind)
{
	return kind == VMDK_MONO_SPARSE || kind == VMDK_SPLIT_SPARSE || kind == VMDK_STREAM;
}

/* Header, descriptor and both sets of tables: 4 bytes for each grain, twice, and as much for each
 * table; an upper bound for a stream, whose data may be compressed. */
static uint64_t sparse_tables(uint64_t bytes)
{
	uint64_t grains = div_round_up(bytes, GRAIN_BYTES), tables = div_round_up(grains, 512);

	return 64 * KIB + 2 * (tables * 2048 + round_up(tables * 4, SECTOR_BYTES));
}

static void measure_totals(const struct disk_format *f, const struct vmdk_info *i,
			   const struct measure *m, uint64_t *required, uint64_t *full)
{
	uint64_t data = MIN(m->units * m->unit, round_up(i->bytes, m->unit));

	*full = i->bytes;
	if (is_sparse(f->kind)) {
		*required = sparse_tables(i->bytes) + data;
		*full = sparse_tables(i->bytes) + round_up(i->bytes, GRAIN_BYTES);
	} else {
		*required = f->alloc == VMDK_THIN ? MIN(data, i->bytes) : i->bytes;
	}
}

static enum status measure_print(struct cmd *cmd, const struct disk_format *f, uint64_t required,
				 uint64_t full)
{
	char a[24], b[24];

	if (cmd->json)
		return print_one(cmd,
				 json_pack("{s:s, s:o, s:o}", "format", f->word, "required_bytes",
					   out_json_bytes(required), "fully_allocated_bytes",
					   out_json_bytes(full)));
	printf("format           %s\nrequired         %llu (%s)\nfully allocated  %llu (%s)\n",
	       f->word, (unsigned long long)required, out_size(a, sizeof(a), required, 0),
	       (unsigned long long)full, out_size(b, sizeof(b), full, 0));
	return ST_OK;
}

enum status disk_measure(struct cmd *cmd, const char *name, unsigned flags,
			 const struct disk_format *f, struct why *why)
{
	struct measure m = { .unit = is_sparse(f->kind)	 ? GRAIN_BYTES :
				     f->kind == VMDK_RAW ? 4096 :
							   BLOCK_BYTES };
	struct disk d = { 0 };
	struct vmdk_info info;
	uint64_t required, full;
	enum status st = disk_open(cmd, name, flags, &d, why);

	if (st == ST_OK)
		st = vmdk_info(d.vmdk, &info);
	if (st == ST_OK)
		st = each_run(d.vmdk, measure_run, &m);
	if (st == ST_OK) {
		measure_totals(f, &info, &m, &required, &full);
		st = measure_print(cmd, f, required, full);
	}
	return disk_close(&d, st, why);
}

/* ---- compare --------------------------------------------------------------------------------- */

static enum status compare_print(struct cmd *cmd, int different, uint64_t at)
{
	if (cmd->json)
		return print_one(cmd,
				 json_pack("{s:b, s:o}", "equal", !different,
					   "first_difference_bytes",
					   different ? out_json_bytes(at) : json_null()));
	if (different)
		printf("The disks differ; the first difference is at byte %llu (sector %llu)\n",
		       (unsigned long long)at, (unsigned long long)(at / SECTOR_BYTES));
	else
		printf("The disks are identical\n");
	return ST_OK;
}

enum status disk_compare(struct cmd *cmd, const char *a_name, const char *b_name, unsigned a_flags,
			 unsigned b_flags, int *different, struct why *why)
{
	struct disk a = { 0 }, b = { 0 };
	struct disk_job j;
	uint64_t at = 0;
	enum status st = disk_open(cmd, a_name, a_flags, &a, why);

	if (st == ST_OK)
		st = disk_open(cmd, b_name, b_flags, &b, why);
	if (st == ST_OK) {
		disk_job_start(cmd, &j, NULL, "compare", a_name);
		st = vmdk_compare(a.vmdk, b.vmdk, &j.job, different, &at, why);
		disk_job_end(&j, st);
	}
	if (st == ST_OK)
		st = compare_print(cmd, *different, at);
	st = disk_close(&b, st, why);
	return disk_close(&a, st, why);
}
