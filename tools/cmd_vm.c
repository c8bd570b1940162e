/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_vm - `cairn vm`: which machines there are, what each is made of, and what is wrong. Nothing
 * here can write to a datastore. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/export.h"
#include "tools/package.h"
#include "tools/vm.h"

/* ---- shared ---------------------------------------------------------------------------------- */

int vm_shown(const struct vm_place *p, const char *path) { return path_is_below(path, p->only); }

const char *vm_path(const struct vm_place *p, const char *path, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s", p->base, path[1] || !p->base[0] ? path : "");
	return buf;
}

const char *vm_age(char *buf, size_t size, int64_t created_us)
{
	static const struct { int64_t seconds; const char *word; } units[] = {
		{ 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" },
	};
	int64_t age = ((int64_t)port_wall_us() - created_us) / 1000000;

	snprintf(buf, size, created_us && age < 0 ? "in the future" : "-");
	for (size_t i = 0; created_us && i < ARRAY_COUNT(units); i++)
		if (age >= units[i].seconds) {
			long long n = (long long)(age / units[i].seconds);

			snprintf(buf, size, "%lld %s%s", n, units[i].word, n == 1 ? "" : "s");
			break;
		}
	return buf;
}

/* ---- list ------------------------------------------------------------------------------------ */

static const struct out_column list_columns[] = {
	{ "name", 0 },	{ "guest", 0 },	    { "disks", 1 },    { "snapshots", 1 }, { "size", 1 },
	{ "used", 1 },	{ "unique", 1 },    { "problems", 1 }, { "path", 0 },
};

static int list_row(struct cmd *cmd, struct out_table *t, const struct vm_place *p,
		    const struct inv_vm *vm)
{
	char name[OUT_NAME_MAX], guest[80], disks[16], snapshots[16], size[24], used[24],
		unique[24], problems[16], path[HOST_PATH_MAX + 600], safe[OUT_NAME_MAX];
	const char *const cells[] = { name, guest, disks, snapshots, size, used, unique, problems,
				      safe };

	out_name(name, sizeof(name), vm->name);
	out_name(guest, sizeof(guest), vm->guest_os ? vm->guest_os : "-");
	snprintf(disks, sizeof(disks), "%u", vm->disk_count);
	snprintf(snapshots, sizeof(snapshots), "%u", vm->snapshot_count);
	snprintf(problems, sizeof(problems), "%u", vm->problems);
	out_size(size, sizeof(size), vm->provisioned_bytes, cmd->exact);
	out_size(used, sizeof(used), vm->allocated_bytes, cmd->exact);
	out_size(unique, sizeof(unique), vm->unique_bytes, cmd->exact);
	out_name(safe, sizeof(safe), vm_path(p, vm->path, path, sizeof(path)));
	return out_table_row(t, cells);
}

/* With --json, a place that failed makes the document an error; the others are in it. */
static int print_doc(json_t *doc, int code)
{
	if (code != EXIT_DONE && !json_object_get(doc, "error"))
		out_doc_fail(doc, ST_INVAL, NULL, "not every datastore could be scanned; the "
			     "messages on standard error say why");
	return out_doc_print(doc) == 0 ? code : EXIT_FAILED;
}

static int print_table(struct cmd *cmd, struct out_table *t, int code)
{
	const struct opt_args *a = &cmd->args;
	char bad[64];

	if (out_table_print(t, stdout, opt_has(a, "-H") ? OUT_TABS : OUT_COLUMNS,
			    opt_text(a, "-o", NULL), bad) != 0)
		return cmd_usage(cmd, "-o: there is no column '%s'", bad);
	return code;
}

static int vm_list(struct cmd *cmd)
{
	struct out_table *t = out_table_create(list_columns, ARRAY_COUNT(list_columns));
	json_t *items, *doc = cmd->json ? out_doc(cmd->verb->schema, &items) : NULL;
	struct vm_places p;
	int bad = !t;

	vm_places_scan(cmd, 0, &p);
	for (size_t i = 0; i < p.count && !bad; i++)
		for (uint32_t k = 0; k < p.place[i].inv->vm_count && !bad; k++) {
			const struct inv_vm *vm = p.place[i].inv->vms[k];

			if (!vm_shown(&p.place[i], vm->path))
				continue;
			bad = doc ? json_array_append_new(items, vm_json_short(&p.place[i], vm)) :
				    list_row(cmd, t, &p.place[i], vm);
		}
	if (bad) {
		json_decref(doc);
		p.code = cmd_fail(cmd, NULL, ST_NOMEM, NULL);
	} else {
		p.code = doc ? print_doc(doc, p.code) : print_table(cmd, t, p.code);
	}
	out_table_destroy(t);
	vm_places_free(&p);
	return p.code;
}

/* ---- show ------------------------------------------------------------------------------------ */

struct found { const struct vm_place *place; const struct inv_vm *vm; };

/* A path needs no list of places: it says where to look. */
static int is_path(const char *text)
{
	return strchr(text, '/') || mem_ends_with(text, ".vmx") || mem_ends_with(text, ".vmtx");
}

/* By its name, or by its path as it is shown. */
static int is_called(const struct vm_place *p, const struct inv_vm *vm, const char *text)
{
	char path[HOST_PATH_MAX + 600];

	return strcmp(vm->name, text) == 0 ||
	       strcmp(vm_path(p, vm->path, path, sizeof(path)), text) == 0 ||
	       strcmp(vm_path(p, vm->dir, path, sizeof(path)), text) == 0;
}

/* name NULL: all that are shown. Finds at most max. */
static size_t find_machines(const struct vm_places *p, const char *name, struct found *found,
			    size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++)
		for (uint32_t k = 0; k < p->place[i].inv->vm_count && n < max; k++) {
			const struct inv_vm *vm = p->place[i].inv->vms[k];

			if (vm_shown(&p->place[i], vm->path) &&
			    (!name || is_called(&p->place[i], vm, name)))
				found[n++] = (struct found){ &p->place[i], vm };
		}
	return n;
}

static enum status only_one(const char *name, const struct found *found, size_t n, struct why *why)
{
	char a[HOST_PATH_MAX + 600], b[HOST_PATH_MAX + 600];

	if (n == 1)
		return ST_OK;
	if (n == 0)
		return why_set(why, ST_NOENT, "%s: there is no machine of that name or path; "
			       "cairn vm list shows all", name);
	return why_set(why, ST_REFUSED, "%s: two machines are meant, %.140s and %.140s; name one "
		       "by its path", name,
		       vm_path(found[0].place, found[0].vm->path, a, sizeof(a)),
		       vm_path(found[1].place, found[1].vm->path, b, sizeof(b)));
}

static int show_found(struct cmd *cmd, const struct found *f)
{
	json_t *items, *doc;

	if (!cmd->json) {
		vm_text_show(f->place, f->vm);
		return EXIT_DONE;
	}
	doc = out_doc(cmd->verb->schema, &items);
	json_array_append_new(items, vm_json_full(f->place, f->vm));
	return out_doc_print(doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int vm_show(struct cmd *cmd)
{
	const char *name = cmd->args.operand[0];
	int by_path = is_path(name) && cmd->args.operand_count == 1;
	struct found found[2];
	struct vm_places p;
	struct why why = { 0 };
	enum status st = ST_OK;
	size_t n;

	if (package_is_name(name))
		return vm_show_package(cmd);
	if (opt_has(&cmd->args, "verify"))
		return cmd_usage(cmd, "--verify is for .ova and .ovf files; '%s' is none", name);
	vm_places_scan(cmd, by_path ? 0 : 1, &p);
	n = find_machines(&p, by_path ? NULL : name, found, 2);
	if (n || p.code == EXIT_DONE)
		st = only_one(name, found, n, &why);
	if (st != ST_OK)
		p.code = cmd_fail(cmd, name, st, &why);
	else if (n)
		p.code = show_found(cmd, &found[0]);
	else if (cmd->json)	/* what was complained about is the error */
		p.code = cmd_fail(cmd, name, ST_NOENT, NULL);
	vm_places_free(&p);
	return p.code;
}

/* ---- tree ------------------------------------------------------------------------------------ */

static enum status write_reports(struct cmd *cmd, const struct vm_places *p, const char **file,
				 struct why *why)
{
	const char *html = opt_text(&cmd->args, "html", NULL), *svg = opt_text(&cmd->args, "svg",
									       NULL);
	enum status st = ST_OK;

	if (html) {
		*file = html;
		st = vm_report_html(p, html, why);
	}
	if (st == ST_OK && svg) {
		*file = svg;
		st = vm_report_svg(p, svg, why);
	}
	return st;
}

static int vm_tree(struct cmd *cmd)
{
	json_t *items, *doc = cmd->json ? out_doc(cmd->verb->schema, &items) : NULL;
	int report = opt_has(&cmd->args, "html") || opt_has(&cmd->args, "svg");
	const char *file = NULL;
	struct vm_places p;
	struct why why = { 0 };
	enum status st;

	vm_places_scan(cmd, 0, &p);
	st = p.count ? write_reports(cmd, &p, &file, &why) : ST_OK;
	for (size_t i = 0; i < p.count; i++) {
		if (doc)
			json_array_append_new(items, vm_json_place(&p.place[i]));
		else if (!report)
			vm_text_tree(&p.place[i]);
	}
	if (st != ST_OK) {
		json_decref(doc);
		p.code = cmd_fail(cmd, file, st, &why);
	} else if (doc) {
		p.code = print_doc(doc, p.code);
	}
	vm_places_free(&p);
	return p.code;
}

/* ---- check ----------------------------------------------------------------------------------- */

struct count { uint32_t problems, notes; };

static void check_place(struct cmd *cmd, const struct vm_place *p, json_t *items, struct count *c)
{
	for (uint32_t i = 0; i < p->inv->finding_count; i++) {
		const struct inv_finding *f = p->inv->findings[i];

		if (!vm_shown(p, f->path))
			continue;
		c->problems += !inv_is_note(f->kind);
		c->notes += inv_is_note(f->kind);
		if (cmd->json)
			json_array_append_new(items, vm_json_finding(p, f));
		else
			vm_text_finding(p, f);
	}
}

static int vm_check(struct cmd *cmd)
{
	json_t *items, *doc = cmd->json ? out_doc(cmd->verb->schema, &items) : NULL;
	struct count c = { 0 };
	struct vm_places p;
	char text[120];

	vm_places_scan(cmd, 0, &p);
	for (size_t i = 0; i < p.count; i++)
		check_place(cmd, &p.place[i], items, &c);
	snprintf(text, sizeof(text), "%u problems and %u notes", c.problems, c.notes);
	if (!doc && p.count)
		printf("%s%s\n", c.problems + c.notes ? "\n" : "", text);
	if (p.code == EXIT_DONE && c.problems)
		p.code = EXIT_FOUND;
	if (doc && p.code == EXIT_FOUND)
		out_doc_fail(doc, ST_CORRUPT, NULL, text);
	if (doc)
		p.code = print_doc(doc, p.code);
	vm_places_free(&p);
	return p.code;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct opt tree_opts[] = {
	{ "html", 0, OPT_TEXT, "FILE", "write a report of one file for a browser" },
	{ "svg", 0, OPT_TEXT, "FILE", "write a drawing of the chains" },
};

static const struct opt show_opts[] = {
	{ "verify", 0, OPT_NONE, NULL, "of an archive: read all of it and compare its manifest" },
};

static const struct opt export_opts[] = {
	{ "level", 0, OPT_NUMBER, "1-9", "of the compression: fast to small" },
	{ "rate", 0, OPT_SIZE, "N", "bytes per second, at most" },
	{ "depth", 0, OPT_NUMBER, "N", "requests in flight" },
};

static const struct verb vm_verbs[] = {
	{ .noun = "vm", .name = "export", .operands = "VM TARGET.ova", .operands_min = 2,
	  .operands_max = 2,
	  .flags = VERB_DEVICES | VERB_WRITES | VERB_JSON | VERB_PROGRESS,
	  .brief = "write a machine into an archive (OVA)", VERB_OPTS(export_opts),
	  .writes = "a new archive", .schema = "vm.export/1", .operand_kind = "path",
	  .run = export_vm },
	{ .noun = "vm", .name = "list", .operands = "[PLACE ...]", .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES | VERB_JSON | VERB_TABLE,
	  .brief = "list the virtual machines of datastores", .schema = "vm.list/1",
	  .operand_kind = "path", .run = vm_list },
	{ .noun = "vm", .name = "show", .operands = "VM|FILE.ova|FILE.ovf [PLACE ...]",
	  .operands_min = 1, .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES | VERB_JSON | VERB_PROGRESS,
	  .brief = "show a machine or an archive of machines: disks, chains, snapshots",
	  VERB_OPTS(show_opts), .schema = "vm.show/1",
	  .operand_kind = "path", .run = vm_show },
	{ .noun = "vm", .name = "tree", .operands = "[PLACE ...]", .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES | VERB_JSON,
	  .brief = "draw what datastores hold: machines, chains, orphans", VERB_OPTS(tree_opts),
	  .schema = "vm.tree/1", .operand_kind = "path", .run = vm_tree },
	{ .noun = "vm", .name = "check", .operands = "[PLACE ...]", .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES | VERB_JSON,
	  .brief = "find broken chains, orphans and what else does not fit",
	  .schema = "vm.check/1", .operand_kind = "path", .run = vm_check },
};

const struct noun noun_vm = { "vm", "virtual machines on datastores", vm_verbs,
			      ARRAY_COUNT(vm_verbs) };
