/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* show_package - `cairn vm show FILE.ova|FILE.ovf`: the machines that a package describes, its
 * files, and what does not fit together. With --verify all of it is read for its manifest. */
#include <stdio.h>
#include <string.h>

#include "tools/file.h"
#include "tools/ovf_words.h"
#include "tools/package.h"
#include "tools/vm.h"

#define SCHEMA "vm.package/1"

/* "scsi0:3", as a .vmx would call it; "-" when the controller is not known. */
static const char *node_of(char *buf, size_t size, const struct ovf_disk *d)
{
	const char *bus = d->controller;

	if (bus && ovf_family_of(bus)->type == RES_SCSI &&
	    strcmp(ovf_family_of(bus)->word, bus) == 0)
		bus = "scsi";
	if (bus)
		snprintf(buf, size, "%s%u:%u", bus, d->bus, d->unit);
	return bus ? buf : "-";
}

/* What the manifest is made of; NULL: there is none, or it is empty. */
static const char *algorithm_of(const struct package *p)
{
	return p->manifest.line_count ? manifest_word(p->manifest.line[0].kind) : NULL;
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char *safe(const char *text)
{
	static _Thread_local char buf[OUT_NAME_MAX];

	return out_name(buf, sizeof(buf), text ? text : "-");
}

static void print_disk(const struct ovf_disk *d, const char *line)
{
	char size[24], file[24], node[120];

	printf("%s%s  ", line, safe(node_of(node, sizeof(node), d)));
	printf("%s", d->file ? safe(d->file) : "(empty, made when it is deployed)");
	printf("  %s", d->controller ? safe(d->controller) : "no controller");
	if (d->capacity_bytes != OVF_NOT_SAID)
		printf(", %s", out_size(size, sizeof(size), d->capacity_bytes, 0));
	if (d->file_bytes != OVF_NOT_SAID)
		printf(", file of %s", out_size(file, sizeof(file), d->file_bytes, 0));
	putchar('\n');
}

static void print_machine(const struct ovf_machine *m)
{
	struct out_lines lines;

	out_lines(&lines);
	printf("\nname       %s\n", safe(m->name));
	printf("guest      %s", safe(m->guest_os));
	if (m->cpus)
		printf(", %u CPU%s", m->cpus, m->cpus == 1 ? "" : "s");
	if (m->memory_mib)
		printf(", %u MiB", m->memory_mib);
	if (m->firmware)
		printf(", %s", safe(m->firmware));
	if (m->hardware)
		printf(", %s", safe(m->hardware));
	putchar('\n');
	for (size_t i = 0; i < m->nic_count; i++) {
		printf("network    %s", safe(m->nic[i].network));
		printf("%s%s\n", m->nic[i].device ? ", " : "",
		       m->nic[i].device ? safe(m->nic[i].device) : "");
	}
	if (m->disk_count)
		puts("disks");
	for (size_t i = 0; i < m->disk_count; i++)
		print_disk(&m->disk[i], i + 1 == m->disk_count ? lines.last : lines.branch);
}

static void print_files(const struct package *p)
{
	static const char *const words[] = { "descriptor", "manifest", "certificate", "", "" };
	char size[24];

	puts("\nfiles");
	for (size_t i = 0; i < p->part_count; i++) {
		const struct package_part *part = &p->part[i];

		out_size(size, sizeof(size), part->bytes, 0);
		printf("%10s  %s", part->present ? size : "-", safe(part->name));
		if (words[part->use][0])
			printf("  %s", words[part->use]);
		if (part->compression)
			printf("  %s", safe(part->compression));
		puts(part->sum == PACKAGE_SAME	  ? "  as in the manifest" :
		     part->sum == PACKAGE_DIFFERS ? "  not as in the manifest" :
						    "");
	}
}

static void print_package(const struct package *p, const char *name, int verified)
{
	const char *algorithm = algorithm_of(p);

	printf("package    %s\n", safe(name));
	printf("form       %s, %s%s%s%s\n", p->is_ova ? "OVA" : "OVF",
	       algorithm ? "manifest of " : "no manifest", algorithm ? algorithm : "",
	       algorithm && !verified ? " (--verify compares it)" : "",
	       p->is_signed ? ", signed (which is not checked)" : "");
	for (size_t i = 0; i < p->ovf->machine_count; i++)
		print_machine(&p->ovf->machine[i]);
	print_files(p);
	for (size_t i = 0; i < p->finding_count; i++) {
		printf("%sproblem  %s: ", i ? "" : "\n", safe(p->finding[i].name));
		puts(safe(p->finding[i].text));
	}
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *text_json(const char *text) { return text ? out_json_name(text) : json_null(); }

static json_t *bytes_json(uint64_t bytes)
{
	return bytes == OVF_NOT_SAID ? json_null() : out_json_bytes(bytes);
}

static json_t *number_json(uint32_t n) { return n ? json_integer(n) : json_null(); }

static json_t *disks_json(const struct ovf_machine *m)
{
	json_t *list = json_array();
	char node[120];

	for (size_t i = 0; i < m->disk_count; i++) {
		const struct ovf_disk *d = &m->disk[i];

		(void)node_of(node, sizeof(node), d);
		json_array_append_new(
			list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "node",
					text_json(d->controller ? node : NULL),
					"controller", text_json(d->controller), "file",
					text_json(d->file), "format", text_json(d->format),
					"size_bytes", bytes_json(d->capacity_bytes), "file_bytes",
					bytes_json(d->file_bytes), "used_bytes",
					bytes_json(d->used_bytes)));
	}
	return list;
}

static json_t *machines_json(const struct package *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->ovf->machine_count; i++) {
		const struct ovf_machine *m = &p->ovf->machine[i];
		json_t *networks = json_array();

		for (size_t k = 0; k < m->nic_count; k++)
			json_array_append_new(networks,
					      json_pack("{s:o, s:o}", "network",
							text_json(m->nic[k].network), "device",
							text_json(m->nic[k].device)));
		json_array_append_new(
			list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
					text_json(m->name), "guest_os", text_json(m->guest_os),
					"firmware", text_json(m->firmware), "hardware",
					text_json(m->hardware), "cpus", number_json(m->cpus),
					"memory_mib", number_json(m->memory_mib), "disks",
					disks_json(m), "networks", networks));
	}
	return list;
}

static json_t *files_json(const struct package *p)
{
	static const char *const uses[] = { "descriptor", "manifest", "certificate", "file",
					    "other" };
	static const char *const sums[] = { "unlisted", "unread", "same", "differs" };
	json_t *list = json_array();

	for (size_t i = 0; i < p->part_count; i++) {
		const struct package_part *part = &p->part[i];

		json_array_append_new(
			list, json_pack("{s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:s}", "name",
					out_json_name(part->name), "use", uses[part->use],
					"present", part->present, "size_bytes",
					part->present ? out_json_bytes(part->bytes) : json_null(),
					"compression", text_json(part->compression), "algorithm",
					text_json(part->line ? manifest_word(part->line->kind)
							     : NULL),
					"sum", text_json(part->line ? part->line->hex : NULL),
					"sum_state", sums[part->sum]));
	}
	return list;
}

static json_t *findings_json(const struct package *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->finding_count; i++)
		json_array_append_new(list,
				      json_pack("{s:o, s:o}", "path",
						out_json_name(p->finding[i].name), "message",
						out_json_name(p->finding[i].text)));
	return list;
}

static json_t *package_json(const struct package *p, const char *name)
{
	return json_pack("{s:o, s:s, s:b, s:b, s:o, s:o, s:o}", "path", out_json_name(name),
			 "format", p->is_ova ? "ova" : "ovf", "signed", p->is_signed, "manifest",
			 p->has_manifest, "machines", machines_json(p), "files", files_json(p),
			 "findings", findings_json(p));
}

/* ---- the command ----------------------------------------------------------------------------- */

struct verifying { struct progress progress; uint64_t done, total; };

static int on_moved(void *arg, uint64_t bytes)
{
	struct verifying *v = arg;

	v->done += bytes;
	return progress_update(&v->progress, v->done, v->total);
}

static enum status verify(struct cmd *cmd, struct package *p, struct why *why)
{
	struct verifying v = { .total = package_listed_bytes(p) };
	enum status st;

	cmd_progress(cmd, &v.progress);
	progress_phase(&v.progress, "verify", p->last, v.total);
	st = package_verify(p, on_moved, &v, why);
	progress_end(&v.progress, st == ST_OK);
	return st;
}

static int report(struct cmd *cmd, const struct package *p, int verified)
{
	int code = verified && p->finding_count ? EXIT_FOUND : EXIT_DONE;
	const char *name = cmd->args.operand[0];
	json_t *items, *doc;
	char text[60];

	if (!cmd->json) {
		print_package(p, name, verified);
		return code;
	}
	doc = out_doc(SCHEMA, &items);
	json_array_append_new(items, package_json(p, name));
	snprintf(text, sizeof(text), "%zu problems", p->finding_count);
	if (code != EXIT_DONE)
		out_doc_fail(doc, ST_CORRUPT, name, text);
	return out_doc_print(doc) == 0 ? code : EXIT_FAILED;
}

int vm_show_package(struct cmd *cmd)
{
	const char *name = cmd->args.operand[0];
	int verified = opt_has(&cmd->args, "verify") > 0, code;
	struct package p = { 0 };
	struct host_path *at = NULL;
	struct store_stat ss;
	struct why why = { 0 };
	enum status st;

	if (cmd->args.operand_count > 1)
		return cmd_usage(cmd, "an archive is looked for at its path, not in places");
	st = file_get(cmd, name, HOST_READ, 1, &at, &ss, &why);
	if (st == ST_OK)
		st = package_open(&p, at->store, at->path, &why);
	if (st == ST_OK && verified)
		st = verify(cmd, &p, &why);
	code = st == ST_OK ? report(cmd, &p, verified) : cmd_fail(cmd, name, st, &why);
	package_close(&p);
	file_put(at);
	return code;
}
