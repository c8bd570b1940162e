/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_map - where the content of a disk lies: each run with the link of the chain that has it, the
 * file, and the place in the file. A map can have millions of runs: text is printed as it comes. */
#include <stdio.h>
#include <string.h>

#include "tools/disk_chain.h"
#include "tools/live.h"

enum status disk_each_run(struct vmdk_disk *d, disk_run_fn *fn, void *arg)
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

enum map_column { MAP_OFFSET, MAP_LENGTH, MAP_DEPTH, MAP_AT, MAP_STATE, MAP_FILE, MAP_COLUMNS };

static const struct out_column map_columns[MAP_COLUMNS] = {
	{ "offset", 0 }, { "length", 0 }, { "depth", 0 },
	{ "at", 0 },	 { "state", 0 },  { "file", 0 },
};
static const int map_widths[MAP_COLUMNS] = { 16, 16, 5, 16, 8, 0 };

struct mapping {
	struct vmdk_disk	*d;
	json_t			*items;
	struct out_table	*table;		/* only when columns are chosen */
	uint8_t			tabs, exact;
};

static const char *state_of(const struct vmdk_run *r)
{
	if (!r->present)
		return "absent";
	if (r->zero || r->compressed)
		return r->zero ? "zero" : "deflate";
	return r->where == ~0ull ? "damaged" : "data";
}

/* The file a run lies in, as a command takes it; the name in its descriptor is relative. */
static enum status file_of(struct mapping *m, const struct vmdk_run *r, char *name, size_t size)
{
	struct vmdk_disk *link = vmdk_link(m->d, r->depth);
	struct vmdk_extent_info x;
	char path[HOST_PATH_MAX];

	if (!link || vmdk_extent_info(link, r->extent, &x) != ST_OK)
		return ST_CORRUPT;
	if (r->depth == 0 || !x.file[0] ||
	    vmdk_path_at(vmdk_path(link), x.file, path, sizeof(path)) != ST_OK)
		snprintf(name, size, "%s", x.file);
	else if (vmdk_store(link) == vmdk_store(m->d))
		snprintf(name, size, "%s", x.file);
	else
		disk_store_name(vmdk_store(link), path, name, size);
	return ST_OK;
}

static void number(const struct mapping *m, char buf[24], uint64_t n)
{
	snprintf(buf, 24, m->exact ? "%llu" : "%#llx", (unsigned long long)n);
}

static void print_row(const struct mapping *m, const char *const *cells)
{
	for (int i = 0; i < MAP_COLUMNS; i++)
		if (m->tabs)
			printf("%s%s", i ? "\t" : "", cells[i]);
		else
			printf("%s%-*s", i ? " " : "", map_widths[i], cells[i]);
	putchar('\n');
}

static enum status map_text(void *arg, const struct vmdk_run *r)
{
	struct mapping *m = arg;
	char offset[24], length[24], depth[24], at[24] = "-", file[HOST_PATH_MAX];
	char safe[OUT_NAME_MAX] = "-";
	const char *cells[MAP_COLUMNS] = { offset, length, depth, at, state_of(r), safe };
	enum status st = file_of(m, r, file, sizeof(file));

	if (st != ST_OK)
		return st;
	number(m, offset, r->offset);
	number(m, length, r->bytes);
	snprintf(depth, sizeof(depth), "%u", r->depth);
	if (r->where != ~0ull)
		number(m, at, r->where);
	if (r->present && file[0])
		out_name(safe, sizeof(safe), file);
	if (!m->table) {
		print_row(m, cells);
		return ST_OK;
	}
	return out_table_row(m->table, cells) == 0 ? ST_OK : ST_NOMEM;
}

static enum status map_json(void *arg, const struct vmdk_run *r)
{
	struct mapping *m = arg;
	char file[HOST_PATH_MAX];
	int placed = r->present && r->where != ~0ull && !r->compressed;
	enum status st = file_of(m, r, file, sizeof(file));

	if (st != ST_OK)
		return st;
	json_array_append_new(
	    m->items, json_pack("{s:o, s:o, s:i, s:b, s:b, s:b, s:b, s:o, s:o}", "start",
				out_json_bytes(r->offset), "length", out_json_bytes(r->bytes),
				"depth", (int)r->depth, "present", r->present, "zero",
				r->zero || !r->present, "data", r->present && !r->zero,
				"compressed", r->compressed, "offset",
				placed ? out_json_bytes(r->where) : json_null(), "filename",
				r->present && file[0] ? out_json_name(file) : json_null()));
	return ST_OK;
}

static enum status print_json(struct cmd *cmd, struct mapping *m)
{
	json_t *doc = out_doc("disk.map/1", &m->items);
	enum status st = disk_each_run(m->d, map_json, m);

	if (st == ST_OK)
		return live_print(cmd, doc) == 0 ? ST_OK : ST_DEVICE;
	json_decref(doc);
	return st;
}

static enum status print_text(struct mapping *m, struct disk_map_opts *o)
{
	static const char *const heading[MAP_COLUMNS] = {
		"OFFSET", "LENGTH", "DEPTH", "AT", "STATE", "FILE",
	};
	enum status st;

	m->tabs = o->tabs;
	m->exact = o->exact || o->tabs;
	if (o->fields) {
		m->table = out_table_create(map_columns, MAP_COLUMNS);
		if (!m->table)
			return ST_NOMEM;
	} else if (!m->tabs) {
		print_row(m, heading);
	}
	st = disk_each_run(m->d, map_text, m);
	if (st == ST_OK && m->table &&
	    out_table_print(m->table, stdout, m->tabs ? OUT_TABS : OUT_COLUMNS, o->fields,
			    o->bad) != 0)
		st = ST_INVAL;
	if (m->table)
		out_table_destroy(m->table);
	return st;
}

enum status disk_map(struct cmd *cmd, const char *name, unsigned flags,
		     struct disk_map_opts *opts, struct why *why)
{
	struct disk d = { 0 };
	struct mapping m = { 0 };
	enum status st = disk_open(cmd, name, flags, &d, why);

	m.d = d.vmdk;
	if (st == ST_OK)
		st = cmd->json ? print_json(cmd, &m) : print_text(&m, opts);
	return disk_close(&d, st, why);
}
