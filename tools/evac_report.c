/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* evac_report - what an evacuation says: the plan, a line a folder, before it starts; what was
 * done, at the end; with --json all units. */
#include "tools/evac.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/base/fmt.h"

/* ---- the plan -------------------------------------------------------------------------------- */

struct tally {
	size_t		files, units, kept, failed, begun;
	uint64_t	bytes, data_bytes, left_bytes;
};

/* Of one folder; NULL: of all. */
static void count(const struct evac *e, const struct evac_folder *folder, struct tally *t)
{
	*t = (struct tally){ 0 };
	for (size_t i = 0; i < e->unit_count; i++) {
		const struct evac_unit *u = &e->unit[i];

		if (folder && u->folder != folder)
			continue;
		t->units++;
		t->files += u->file_count;
		t->kept += u->state == EVAC_KEPT;
		t->failed += u->state == EVAC_FAILED;
		t->begun += u->state == EVAC_CONTINUE;
		t->left_bytes += u->state == EVAC_FAILED ? 0 : u->left_bytes;
		for (size_t k = 0; k < u->file_count; k++) {
			t->bytes += u->file[k].bytes;
			t->data_bytes += u->file[k].data_bytes;
		}
	}
}

static const char *folder_state(const struct tally *t)
{
	if (t->failed)
		return "in the way";
	if (t->kept == t->units)
		return "done";
	return t->begun || t->kept ? "continue" : "copy";
}

static void add_row(const struct evac *e, struct out_table *table, const struct evac_folder *f)
{
	char files[24], size[24], data[24], left[24], name[OUT_NAME_MAX], path[HOST_PATH_MAX];
	struct tally t;
	const char *cells[] = { files, size, data, left, NULL, name };

	count(e, f, &t);
	if (t.units == 0)
		return;
	snprintf(files, sizeof(files), "%zu", t.files);
	out_size(size, sizeof(size), t.bytes, 0);
	out_size(data, sizeof(data), t.data_bytes, 0);
	out_size(left, sizeof(left), t.left_bytes, 0);
	snprintf(path, sizeof(path), "%s%s", f->vol->name, f->path);
	out_name(name, sizeof(name), path);
	cells[4] = folder_state(&t);
	(void)out_table_row(table, cells);	/* without memory a row is missing */
}

void evac_print_plan(struct evac *e)
{
	static const struct out_column columns[] = {
		{ "files", 1 }, { "size", 1 }, { "data", 1 }, { "to copy", 1 }, { "state", 0 },
		{ "folder", 0 },
	};
	struct out_table *table = out_table_create(columns, ARRAY_COUNT(columns));
	char left[24], bad[64], name[OUT_NAME_MAX];
	struct tally t;

	for (size_t i = 0; table && i < e->folder_count; i++)
		add_row(e, table, e->folder[i]);
	if (table)
		(void)out_table_print(table, stdout, OUT_COLUMNS, NULL, bad);
	out_table_destroy(table);
	count(e, NULL, &t);
	printf("%s %s to %s, in this order\n", e->cmd->dry_run ? "would copy" : "copying",
	       out_size(left, sizeof(left), t.left_bytes, 0),
	       out_name(name, sizeof(name), e->dest.name));
	fflush(stdout);
}

/* ---- the end --------------------------------------------------------------------------------- */

void evac_print_end(struct evac *e)
{
	char r[24], w[24], s[24], again[24];
	uint64_t again_bytes = 0;
	uint32_t runs = 0;
	struct tally t;
	size_t done = 0;

	for (size_t i = 0; i < e->unit_count; i++)
		done += e->unit[i].state == EVAC_DONE;
	for (size_t i = 0; i < e->vol_count; i++) {
		again_bytes += e->vol[i].log.again_bytes;
		runs = MAX(runs, e->vol[i].log.runs);
	}
	count(e, NULL, &t);
	cmd_note(e->cmd,
		 "%zu copied, %zu there already, %zu failed; %s read, %s written, %s of holes "
		 "skipped",
		 done, t.kept, t.failed, out_size(r, sizeof(r), e->bytes_read, 0),
		 out_size(w, sizeof(w), e->bytes_written, 0),
		 out_size(s, sizeof(s), e->bytes_skipped, 0));
	if (runs)
		cmd_note(e->cmd, "run %u of this evacuation; read again because of the others: at "
				 "most %s",
			 runs + 1, out_size(again, sizeof(again), again_bytes, 0));
}

static json_t *unit_json(const struct evac *e, const struct evac_unit *u)
{
	static const char *const states[] = { "copy", "continue", "kept",
					      "copy", "done",	  "failed" };
	static const char *const kinds[] = { "file", "link", "disk", "orphan", "collapsed" };
	int whole = u->state == EVAC_DONE || u->state == EVAC_KEPT;
	json_t *files = json_array();
	char *path = evac_path(u->folder, u->name), *receipt = NULL;
	json_t *item;

	for (size_t i = 0; i < u->file_count; i++)
		json_array_append_new(
		    files, json_pack("{s:o, s:o, s:o, s:o}", "name", out_json_name(u->file[i].name),
				     "size_bytes", out_json_bytes(u->file[i].bytes), "data_bytes",
				     out_json_bytes(u->file[i].data_bytes), "sha256",
				     whole && u->file[i].all[0] ? json_string(u->file[i].all) :
								  json_null()));
	if (whole && u->kind >= EVAC_DISK &&
	    asprintf(&receipt, "%s/%s.receipt", u->folder->dst, u->name) < 0)
		receipt = NULL;
	item = json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "volume",
			 out_json_name(u->folder->vol->name), "path",
			 out_json_name(path ? path : ""), "kind", kinds[u->kind], "state",
			 states[u->state], "left_bytes",
			 out_json_bytes(u->state == EVAC_DONE ? 0 : u->left_bytes), "files", files,
			 "receipt", receipt ? out_json_name(receipt) : json_null(), "message",
			 u->state == EVAC_FAILED ? out_json_name(u->why.text) : json_null());
	free(path);
	free(receipt);
	(void)e;
	return item;
}

int evac_print_json(struct evac *e)
{
	json_t *items, *doc = out_doc(e->cmd->verb->schema, &items);
	uint64_t again = 0;
	struct tally t;

	for (size_t i = 0; i < e->unit_count; i++)
		json_array_append_new(items, unit_json(e, &e->unit[i]));
	for (size_t i = 0; i < e->vol_count; i++)
		again += e->vol[i].log.again_bytes;
	count(e, NULL, &t);
	json_object_set_new(
	    doc, "summary",
	    json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:I}", "dry_run", e->cmd->dry_run,
		      "read_bytes", out_json_bytes(e->bytes_read), "written_bytes",
		      out_json_bytes(e->bytes_written), "skipped_bytes",
		      out_json_bytes(e->bytes_skipped), "read_again_bytes_max",
		      out_json_bytes(again), "data_bytes", out_json_bytes(t.data_bytes), "failed",
		      (json_int_t)(t.failed + e->unreadable)));
	if (e->why.text[0] || t.failed || e->unreadable)
		out_doc_fail(doc, e->why.text[0] ? e->why.status : ST_DEVICE, e->dest.name,
			     e->why.text[0] ? e->why.text :
					      "some of it could not be copied; see the items");
	return out_doc_print(doc);
}
