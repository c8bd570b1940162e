/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* volume_check - `cairn volume check` and `repair`: the checker's findings as lines or JSON. */
#include "tools/volume.h"

#include <stdio.h>

#include "tools/check.h"

/* ---- check ----------------------------------------------------------------------------------- */

struct checking {
	struct cmd	*cmd;
	struct progress	progress;
	json_t		*items;
	const char	*name;
};

static void check_finding(void *arg, const struct vmfs_finding *f)
{
	struct checking *c = arg;
	char text[OUT_NAME_MAX], at[24] = "-";

	if (f->at != ~0ull)
		snprintf(at, sizeof(at), "0x%llx", (unsigned long long)f->at);
	if (c->items) {
		json_array_append_new(
			c->items,
			json_pack("{s:s, s:s, s:o, s:o, s:b}", "severity",
				  check_severity_word(f->severity), "rule", f->rule, "at_bytes",
				  f->at == ~0ull ? json_null() : out_json_bytes(f->at), "text",
				  out_json_name(f->text), "fixed", f->fixed));
		return;
	}
	printf("%-6s %-3s at %-14s %s%s\n", check_severity_word(f->severity), f->rule, at,
	       out_name(text, sizeof(text), f->text), f->fixed ? " (repaired)" : "");
}

static void check_phase(void *arg, const char *phase)
{
	struct checking *c = arg;

	progress_phase(&c->progress, "check", phase, 0);
}

static void check_progress(void *arg, uint64_t done, uint64_t total)
{
	struct checking *c = arg;

	(void)progress_update(&c->progress, done, total); /* the check itself sees an interrupt */
}

static int check_summary(struct checking *c, const struct vmfs_check_result *r, int live)
{
	uint64_t left = r->leaks + r->wrong + r->damage;

	left -= MIN(left, r->fixed);
	if (!c->items) {
		printf("%s: %llu files, %llu directories, %llu blocks used: ", c->name,
		       (unsigned long long)r->files, (unsigned long long)r->dirs,
		       (unsigned long long)r->blocks_used);
		printf("%llu notes, %llu leaks, %llu wrong, %llu damaged; %llu repaired\n",
		       (unsigned long long)r->notes, (unsigned long long)r->leaks,
		       (unsigned long long)r->wrong, (unsigned long long)r->damage,
		       (unsigned long long)r->fixed);
	}
	if (live && left)
		cmd_note(c->cmd,
			 "a host is at work on %s: what was found may be its unfinished work",
			 c->name);
	return left ? EXIT_FOUND : EXIT_DONE;
}

static json_t *check_doc(const struct cmd *cmd, const char *name, const struct vmfs_check_result *r,
			 const struct check_liveness *live, json_t *findings, int code)
{
	json_t *items, *doc = out_doc(cmd->verb->schema, &items);
	char text[400];

	snprintf(text, sizeof(text), "%.300s: problems were found; cairn volume repair", name);
	if (code != EXIT_DONE)
		out_doc_fail(doc, ST_CORRUPT, name, text);

	json_array_append_new(
		items, json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:o}",
				 "volume", out_json_name(name), "notes", (json_int_t)r->notes,
				 "leaks", (json_int_t)r->leaks, "wrong", (json_int_t)r->wrong,
				 "damage", (json_int_t)r->damage, "fixed", (json_int_t)r->fixed,
				 "files", (json_int_t)r->files, "directories", (json_int_t)r->dirs,
				 "blocks_used", (json_int_t)r->blocks_used, "live_hosts",
				 (int)live->live, "findings", findings));
	return doc;
}

static int run_check(struct cmd *cmd, struct host_volume *v, int fix)
{
	struct checking c = { .cmd = cmd, .items = cmd->json ? json_array() : NULL,
			      .name = host_volume_name(v) };
	struct vmfs_check_opts opts = { .fix = (uint8_t)fix,
					.finding = check_finding,
					.phase = check_phase,
					.progress = check_progress,
					.arg = &c };
	struct io_dev *devs[HOST_DEVICES_MAX];
	struct vmfs_check_result r = { 0 };
	struct check_liveness live = { 0 };
	struct why why = { 0 };
	uint32_t count;
	int code;
	enum status st = host_volume_open_devices(v, IO_OPEN_DIRECT | (fix ? IO_OPEN_WRITE : 0),
						  devs, &count, &why);

	if (st == ST_OK) {
		if (check_liveness(devs, count, NULL, &live, NULL) != ST_OK)
			cmd_note(cmd, "%s: cannot tell whether a host is at work on it", c.name);
		cmd_progress(cmd, &c.progress);
		st = vmfs_check(devs, count, &opts, &r, &why);
		progress_end(&c.progress, 0);
		volume_close_devices(devs, count);
	}
	if (st != ST_OK) {
		json_decref(c.items);
		return cmd_fail(cmd, c.name, st, &why);
	}
	code = check_summary(&c, &r, live.live > 0);
	if (cmd->json && out_doc_print(check_doc(cmd, c.name, &r, &live, c.items, code)) != 0)
		return EXIT_FAILED;
	return code;
}

int volume_check(struct cmd *cmd)
{
	struct why why = { 0 };
	struct host_volume *v;
	enum status st = volume_find(cmd, &v, &why);

	return st == ST_OK ? run_check(cmd, v, 0) : cmd_fail(cmd, volume_operand(cmd), st, &why);
}

int volume_repair(struct cmd *cmd)
{
	struct why why = { 0 };
	struct host_volume *v;
	enum status st = volume_find(cmd, &v, &why);

	return st == ST_OK ? run_check(cmd, v, !cmd->dry_run) :
			     cmd_fail(cmd, volume_operand(cmd), st, &why);
}
