/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_disk_look - the verbs of `cairn disk` that show or compare. disk_info.c, disk_map.c and
 * disk_report.c have the reports, disk_sum.c the manifests. */
#include "tools/cmd_disk.h"

#include <stdio.h>

#include "tools/disk_sum.h"
#include "tools/live.h"

int cmd_disk_info(struct cmd *cmd)
{
	struct why why = { 0 };
	unsigned flags = cmd_disk_flags(cmd, 0, "format");
	enum status st = disk_info(cmd, cmd_disk_operand(cmd, 0), flags, &why);

	return st == ST_OK ? EXIT_DONE :
			   disk_info_broken(cmd, cmd_disk_operand(cmd, 0), flags, st, &why);
}

int cmd_disk_map(struct cmd *cmd)
{
	struct why why = { 0 };
	struct disk_map_opts opts = {.tabs = opt_has(&cmd->args, "-H") > 0,
				     .exact = cmd->exact,
				     .fields = opt_text(&cmd->args, "-o", NULL)};
	enum status st =
	    disk_map(cmd, cmd_disk_operand(cmd, 0), cmd_disk_flags(cmd, 0, "format"), &opts, &why);

	if (st == ST_INVAL && opts.bad[0])
		return cmd_usage(cmd, "-o: there is no column '%s'", opts.bad);
	return cmd_disk_finish(cmd, cmd_disk_operand(cmd, 0), st, &why);
}

int cmd_disk_measure(struct cmd *cmd)
{
	const char *word = opt_text(&cmd->args, "output", NULL);
	const struct disk_format *f = NULL;
	struct why why = { 0 };
	enum status st = word ? disk_format_of(word, &f, &why) : ST_OK;

	if (st == ST_OK)
		st = disk_measure(cmd, cmd_disk_operand(cmd, 0), cmd_disk_flags(cmd, 0, "format"),
				  f, &why);
	return cmd_disk_finish(cmd, cmd_disk_operand(cmd, 0), st, &why);
}

int cmd_disk_compare(struct cmd *cmd)
{
	struct why why = { 0 };
	int code = 0;
	enum status st = disk_compare(cmd, cmd_disk_operand(cmd, 0), cmd_disk_operand(cmd, 1),
				      cmd_disk_flags(cmd, 0, "format"),
				      cmd_disk_flags(cmd, 1, "format-b"), &code, &why);

	if (st == ST_OK)
		return code;
	(void)cmd_fail(cmd, cmd_disk_operand(cmd, 0), st, &why);
	return st == ST_CANCELLED ? exit_of(st) : code;
}

/* ---- verify ---------------------------------------------------------------------------------- */

static json_t *verify_ranges(const struct disk_sum_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->range_count; i++)
		json_array_append_new(
		    list,
		    json_pack("{s:o, s:o, s:o}", "file",
			      r->range[i].file ? out_json_name(r->range[i].file) : json_null(),
			      "offset_bytes", out_json_bytes(r->range[i].offset), "length_bytes",
			      out_json_bytes(r->range[i].bytes)));
	return list;
}

static int verify_json(struct cmd *cmd, const struct disk_sum_result *r)
{
	json_t *items, *doc = out_doc(cmd->verb->schema, &items);

	json_array_append_new(
	    items,
	    json_pack("{s:o, s:I, s:I, s:o, s:o}", "disk", out_json_name(cmd_disk_operand(cmd, 0)),
		      "blocks", (json_int_t)r->blocks, "bad_blocks", (json_int_t)r->bad,
		      "first_bad_at_bytes",
		      r->range_count ? out_json_bytes(r->range[0].offset) : json_null(), "ranges",
		      verify_ranges(r)));
	if (r->bad)
		out_doc_fail(doc, ST_CORRUPT, cmd_disk_operand(cmd, 0),
			     "its content is not that of the manifest");
	return live_print(cmd, doc);
}

static int verify_print(struct cmd *cmd, const struct disk_sum_result *r)
{
	char name[OUT_NAME_MAX];

	if (cmd->json) {
		if (verify_json(cmd, r) != 0)
			return EXIT_FAILED;
		return r->bad ? EXIT_FOUND : EXIT_DONE;
	}
	printf("%s: %llu blocks, %llu differ\n", cmd_disk_operand(cmd, 0),
	       (unsigned long long)r->blocks, (unsigned long long)r->bad);
	for (size_t i = 0; i < r->range_count; i++) {
		const struct disk_sum_range *x = &r->range[i];

		printf("%s%sbytes %llu to %llu differ\n",
		       x->file ? out_name(name, sizeof(name), x->file) : "", x->file ? ": " : "",
		       (unsigned long long)x->offset,
		       (unsigned long long)(x->offset + x->bytes - 1));
	}
	return r->bad ? EXIT_FOUND : EXIT_DONE;
}

int cmd_disk_verify(struct cmd *cmd)
{
	struct disk_sum_result r;
	struct disk_job j;
	struct why why = { 0 };
	enum status st;
	int code;

	disk_job_start(cmd, &j, NULL, "verify", cmd_disk_operand(cmd, 0));
	st = disk_sum_check(cmd, cmd_disk_operand(cmd, 0), cmd_disk_flags(cmd, 0, "format"),
			    cmd_disk_operand(cmd, 1), &j, &r, &why);
	disk_job_end(&j, st);
	code =
	    st == ST_OK ? verify_print(cmd, &r) : cmd_fail(cmd, cmd_disk_operand(cmd, 0), st, &why);
	disk_sum_result_free(&r);
	return code;
}
