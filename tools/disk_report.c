/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_report - how much room a disk would take in other formats, and whether two disks show the
 * same. */
#include <stdio.h>
#include <string.h>

#include "tools/disk.h"
#include "tools/live.h"

#define GRAIN_BYTES	(64 * KIB)	/* what sparse kinds allocate */
#define BLOCK_BYTES	MIB		/* what thin and raw disks leave out */
#define COMPARE_UNOPENED 2		/* exit codes of qemu-img compare */
#define COMPARE_UNREAD	4

void disk_on_finding(void *list, const char *text)
{
	char safe[OUT_NAME_MAX];

	if (list)
		json_array_append_new(list, out_json_name(text));
	else
		printf("%s\n", out_name(safe, sizeof(safe), text));
}

enum status disk_print_one(struct cmd *cmd, const char *schema, json_t *item)
{
	json_t *items, *doc = out_doc(schema, &items);

	json_array_append_new(items, item);
	return live_print(cmd, doc) == 0 ? ST_OK : ST_DEVICE;
}

/* ---- measure --------------------------------------------------------------------------------- */

/* Units in which formats allocate, or which a copy leaves out when they are zeros. */
enum unit { UNIT_GRAIN, UNIT_BLOCK, UNIT_COUNT };
static const uint64_t unit_bytes[UNIT_COUNT] = { GRAIN_BYTES, BLOCK_BYTES };

struct measure {
	uint64_t	last[UNIT_COUNT];	/* the unit counted last, + 1 */
	uint64_t	units[UNIT_COUNT];
};

/* Runs come in order, so a unit that two of them share is counted once. */
static enum status measure_run(void *arg, const struct vmdk_run *r)
{
	struct measure *m = arg;

	if (!r->present || r->zero)
		return ST_OK;
	for (int u = 0; u < UNIT_COUNT; u++) {
		uint64_t first = MAX(r->offset / unit_bytes[u], m->last[u]);
		uint64_t end = div_round_up(r->offset + r->bytes, unit_bytes[u]);

		if (end > first) {
			m->units[u] += end - first;
			m->last[u] = end;
		}
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
	enum unit u = is_sparse(f->kind) ? UNIT_GRAIN : UNIT_BLOCK;
	uint64_t data = MIN(m->units[u] * unit_bytes[u], round_up(i->bytes, unit_bytes[u]));

	*full = i->bytes;
	if (is_sparse(f->kind)) {
		*required = sparse_tables(i->bytes) + data;
		*full = sparse_tables(i->bytes) + round_up(i->bytes, GRAIN_BYTES);
	} else {
		*required = f->alloc == VMDK_THIN ? MIN(data, i->bytes) : i->bytes;
	}
}

static json_t *measure_json(const struct disk_format *f, uint64_t required, uint64_t full)
{
	return json_pack("{s:s, s:o, s:o}", "format", f->word, "required_bytes",
			 out_json_bytes(required), "fully_allocated_bytes", out_json_bytes(full));
}

static enum status measure_one(struct cmd *cmd, const struct disk_format *f,
			       const struct vmdk_info *info, const struct measure *m)
{
	uint64_t required, full;
	char a[24], b[24];

	measure_totals(f, info, m, &required, &full);
	if (cmd->json)
		return disk_print_one(cmd, "disk.measure/1", measure_json(f, required, full));
	printf("format           %s\nrequired         %llu (%s)\nfully allocated  %llu (%s)\n",
	       f->word, (unsigned long long)required, out_size(a, sizeof(a), required, 0),
	       (unsigned long long)full, out_size(b, sizeof(b), full, 0));
	return ST_OK;
}

/* Every format that a disk can be converted to. */
static enum status measure_each(struct cmd *cmd, const struct vmdk_info *info,
				const struct measure *m)
{
	char words[] = DISK_FORMAT_WORDS, *save = NULL, a[24], b[24];
	json_t *items, *doc = cmd->json ? out_doc("disk.measure/1", &items) : NULL;
	uint64_t required, full;

	if (!doc)
		printf("%-18s %12s %16s\n", "FORMAT", "REQUIRED", "FULLY ALLOCATED");
	for (char *w = strtok_r(words, "|", &save); w; w = strtok_r(NULL, "|", &save)) {
		const struct disk_format *f = disk_format_find(w);

		measure_totals(f, info, m, &required, &full);
		if (doc)
			json_array_append_new(items, measure_json(f, required, full));
		else
			printf("%-18s %12s %16s\n", f->word, out_size(a, sizeof(a), required, 0),
			       out_size(b, sizeof(b), full, 0));
	}
	return !doc || live_print(cmd, doc) == 0 ? ST_OK : ST_DEVICE;
}

enum status disk_measure(struct cmd *cmd, const char *name, unsigned flags,
			 const struct disk_format *f, struct why *why)
{
	struct measure m = { 0 };
	struct disk d = { 0 };
	struct vmdk_info info;
	enum status st = disk_open(cmd, name, flags, &d, why);

	if (st == ST_OK)
		st = vmdk_info(d.vmdk, &info);
	if (st == ST_OK)
		st = disk_each_run(d.vmdk, measure_run, &m);
	if (st == ST_OK)
		st = f ? measure_one(cmd, f, &info, &m) : measure_each(cmd, &info, &m);
	return disk_close(&d, st, why);
}

/* ---- compare --------------------------------------------------------------------------------- */

static enum status compare_print(struct cmd *cmd, int different, uint64_t at)
{
	if (cmd->json)
		return disk_print_one(cmd, "disk.compare/1",
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
			 unsigned b_flags, int *code, struct why *why)
{
	struct disk a = { 0 }, b = { 0 };
	struct disk_job j;
	uint64_t at = 0;
	int different = 0;
	enum status st = disk_open(cmd, a_name, a_flags, &a, why);

	if (st == ST_OK)
		st = disk_open(cmd, b_name, b_flags, &b, why);
	*code = st == ST_OK ? COMPARE_UNREAD : COMPARE_UNOPENED;
	if (st == ST_OK) {
		disk_job_start(cmd, &j, NULL, "compare", a_name);
		st = vmdk_compare(a.vmdk, b.vmdk, &j.job, &different, &at, why);
		disk_job_end(&j, st);
	}
	if (st == ST_OK)
		st = compare_print(cmd, different, at);
	if (st == ST_OK)
		*code = different ? 1 : 0;
	st = disk_close(&b, st, why);
	return disk_close(&a, st, why);
}
