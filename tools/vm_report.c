/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vm_report - what datastores hold, as one file that somebody can be sent: no script, no image, no
 * style from elsewhere. Every text from a disk goes through vm_xml_text(). Tables have headings and
 * captions, problems are words and not only colours. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/host_path.h"
#include "tools/vm.h"

struct report {
	FILE			*to;
	const struct vm_place	*place;
	char			path[HOST_PATH_MAX + 600];
};

static void put(struct report *r, const char *html) { fputs(html, r->to); }

/* <bdi>: whatever is written from right to left ends with the name. */
static void put_text(struct report *r, const char *text)
{
	put(r, "<bdi>");
	vm_xml_text(r->to, text ? text : "-");
	put(r, "</bdi>");
}

static void put_path(struct report *r, const char *path)
{
	put_text(r, vm_path(r->place, path, r->path, sizeof(r->path)));
}

static void put_path_cell(struct report *r, const char *path)
{
	put(r, "<td class=\"p\">");
	put_path(r, path);
	put(r, "</td>");
}

static void put_size(struct report *r, uint64_t bytes)
{
	char size[24];

	fprintf(r->to, "<td class=\"n\" title=\"%llu bytes\">%s</td>", (unsigned long long)bytes,
		out_size(size, sizeof(size), bytes, 0));
}

/* ---- machines -------------------------------------------------------------------------------- */

static void put_list(struct report *r)
{
	const struct inventory *inv = r->place->inv;

	put(r, "<table><caption>Machines</caption><thead><tr><th scope=\"col\">Name</th>"
	       "<th scope=\"col\">Guest</th><th scope=\"col\">Disks</th>"
	       "<th scope=\"col\">Snapshots</th><th scope=\"col\">Size</th>"
	       "<th scope=\"col\">Used</th><th scope=\"col\">Unique</th>"
	       "<th scope=\"col\">Problems</th><th scope=\"col\">Path</th></tr></thead><tbody>\n");
	for (uint32_t i = 0; i < inv->vm_count; i++) {
		const struct inv_vm *vm = inv->vms[i];

		if (!vm_shown(r->place, vm->path))
			continue;
		fprintf(r->to, "<tr><th scope=\"row\"><a href=\"#m%u\">", i);
		put_text(r, vm->name);
		put(r, "</a></th><td>");
		put_text(r, vm->guest_os);
		fprintf(r->to, "</td><td class=\"n\">%u</td><td class=\"n\">%u</td>",
			vm->disk_count, vm->snapshot_count);
		put_size(r, vm->provisioned_bytes);
		put_size(r, vm->allocated_bytes);
		put_size(r, vm->unique_bytes);
		fprintf(r->to, "<td class=\"n%s\">%u</td>", vm->problems ? " bad" : "",
			vm->problems);
		put_path_cell(r, vm->path);
		put(r, "</tr>\n");
	}
	put(r, "</tbody></table>\n");
}

static void put_link(struct report *r, const struct inv_link *l)
{
	put(r, "<tr>");
	put_path_cell(r, l->path);
	fprintf(r->to, "<td class=\"k\">%s</td>", vmdk_kind_word(l->kind));
	put_size(r, l->capacity_bytes);
	put_size(r, l->allocated_bytes);
	put_size(r, vm_unique_bytes(l));
	fprintf(r->to, "<td class=\"n\">%u</td><td%s>", l->vms, l->fault ? " class=\"bad\"" : "");
	put_text(r, l->fault ? l->fault : "ok");
	put(r, "</td></tr>\n");
}

#define LINK_HEAD                                                                                  \
	"<thead><tr><th scope=\"col\">Link</th><th scope=\"col\">Kind</th>"                       \
	"<th scope=\"col\">Size</th><th scope=\"col\">Used</th><th scope=\"col\">Unique</th>"     \
	"<th scope=\"col\">Machines</th><th scope=\"col\">State</th></tr></thead><tbody>\n"

static void put_disk_name(struct report *r, const struct inv_disk *d)
{
	put(r, "Disk ");
	put_text(r, d->node ? d->node : "");
	put(r, " ");
	put_text(r, d->file);
}

static void put_disk(struct report *r, const struct inv_disk *d)
{
	if (!d->link) {
		put(r, "<p class=\"bad\">");
		put_disk_name(r, d);
		put(r, d->state == INV_DISK_ELSEWHERE ? " is on another datastore</p>\n" :
							" is not there</p>\n");
		return;
	}
	put(r, "<table><caption>");
	put_disk_name(r, d);
	put(r, ": from the leaf to the base</caption>" LINK_HEAD);
	for (const struct inv_link *l = d->link; l; l = l->parent)
		put_link(r, l);
	put(r, "</tbody></table>\n");
}

static void put_snapshots(struct report *r, const struct inv_vm *vm)
{
	char when[40], age[32];

	put(r, "<table><caption>Snapshots</caption><thead><tr><th scope=\"col\">Number</th>"
	       "<th scope=\"col\">Stands on</th><th scope=\"col\">Name</th>"
	       "<th scope=\"col\">Made</th><th scope=\"col\">Age</th>"
	       "<th scope=\"col\">Description</th></tr></thead><tbody>\n");
	for (uint32_t i = 0; i < vm->snapshot_count; i++) {
		const struct inv_snapshot *s = &vm->snapshots[i];

		fprintf(r->to, "<tr><td class=\"n\">%u</td><td class=\"n\">", s->uid);
		if (s->parent)
			fprintf(r->to, "%u", s->parent->uid);
		put(r, "</td><td>");
		put_text(r, s->name);
		fprintf(r->to, "%s</td><td>%s</td><td>%s</td><td>",
			s->current ? " <strong>(you are here)</strong>" : "",
			s->created_us ? out_time_utc(when, sizeof(when), s->created_us / 1000000)
				      : "-",
			vm_age(age, sizeof(age), s->created_us));
		put_text(r, s->description ? s->description : "");
		put(r, "</td></tr>\n");
	}
	put(r, "</tbody></table>\n");
}

static void put_machine(struct report *r, const struct inv_vm *vm, uint32_t number)
{
	fprintf(r->to, "<section id=\"m%u\"><h3>", number);
	put_text(r, vm->name);
	put(r, "</h3>\n<p>");
	put_path(r, vm->path);
	put(r, !vm->has_vmx ? " (no .vmx)" : !vm->readable ? " (cannot be read)" : "");
	put(r, "; guest ");
	put_text(r, vm->guest_os);
	if (vm->clone_of) {
		put(r, "; a linked clone of ");
		put_path(r, vm->clone_of->path);
	}
	put(r, "</p>\n");
	for (uint32_t i = 0; i < vm->disk_count; i++)
		put_disk(r, &vm->disks[i]);
	if (vm->snapshot_count)
		put_snapshots(r, vm);
	put(r, "</section>\n");
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static void put_findings(struct report *r)
{
	const struct inventory *inv = r->place->inv;

	put(r, "<table><caption>Problems and notes</caption><thead><tr>"
	       "<th scope=\"col\">What</th><th scope=\"col\">Kind</th><th scope=\"col\">Where</th>"
	       "<th scope=\"col\">Why</th></tr></thead><tbody>\n");
	for (uint32_t i = 0; i < inv->finding_count; i++) {
		const struct inv_finding *f = inv->findings[i];

		if (!vm_shown(r->place, f->path))
			continue;
		put(r, inv_is_note(f->kind) ? "<tr><td class=\"k\">note" :
					      "<tr><td class=\"k bad\">problem");
		fprintf(r->to, "</td><td class=\"k\">%s</td>", inv_kind_word(f->kind));
		put_path_cell(r, f->path);
		put(r, "<td>");
		put_text(r, f->text);
		put(r, "</td></tr>\n");
	}
	put(r, "</tbody></table>\n");
}

static void put_unowned(struct report *r)
{
	const struct inventory *inv = r->place->inv;

	put(r, "<table><caption>Links that no machine needs</caption>" LINK_HEAD);
	for (uint32_t i = 0; i < inv->link_count; i++)
		if (vm_unowned(inv->links[i]) && vm_shown(r->place, inv->links[i]->path))
			put_link(r, inv->links[i]);
	put(r, "</tbody></table>\n");
}

/* ---- the page -------------------------------------------------------------------------------- */

static enum status put_place(struct report *r)
{
	enum status st;

	put(r, "<h2>");
	put_path(r, r->place->only);
	put(r, "</h2>\n");
	put_list(r);
	put_findings(r);
	put_unowned(r);
	put(r, "<h3>Chains</h3>\n");
	st = vm_svg_draw(r->to, r->place, 0);
	for (uint32_t i = 0; i < r->place->inv->vm_count; i++)
		if (vm_shown(r->place, r->place->inv->vms[i]->path))
			put_machine(r, r->place->inv->vms[i], i);
	return st;
}

static const char page_head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	"style-src 'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<title>Virtual machines</title>\n<style>body{font:15px sans-serif;margin:2em;color:#111;"
	"background:#fff}table{border-collapse:collapse;margin:1em 0}caption{text-align:left;"
	"font-weight:bold}th,td{border:1px solid #999;padding:.2em .5em;text-align:left;"
	"vertical-align:top}.n{text-align:right}.bad{font-weight:bold;color:#a00}"
	/* Whatever is long is broken where it must be; numbers and headings never. */
	"th,td,caption,h2,h3,p{overflow-wrap:anywhere}td{min-width:6.5em}tbody th{min-width:10em}"
	".n,.k,thead th{white-space:nowrap;min-width:0}.p{min-width:18em}"
	"svg{display:block;max-width:100%;height:auto}"
	"@media print{body{font-size:9pt;margin:0}a{color:inherit;text-decoration:none}"
	"tr,svg{break-inside:avoid}h2,h3,caption{break-after:avoid}}"
	VM_SVG_STYLE "</style></head><body>\n<main>\n<h1>Virtual machines</h1>\n";

static enum status write_html(FILE *to, const struct vm_places *p)
{
	enum status st = ST_OK;
	char when[40];

	fputs(page_head, to);
	fprintf(to, "<p>Seen at %s by cairn %s, without a write.</p>\n",
		out_time_utc(when, sizeof(when), (int64_t)(port_wall_us() / 1000000)),
		CAIRN_VERSION);
	for (size_t i = 0; i < p->count && st == ST_OK; i++) {
		struct report r = { .to = to, .place = &p->place[i] };

		st = put_place(&r);
	}
	fputs("</main></body></html>\n", to);
	return st;
}

static enum status write_svg(FILE *to, const struct vm_places *p)
{
	enum status st = ST_OK;
	int y = 0, height = 0;

	for (size_t i = 0; i < p->count; i++)
		height += vm_svg_height(&p->place[i]);
	fprintf(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\">\n"
		"<style>%s</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
		VM_SVG_WIDTH, height, VM_SVG_STYLE);
	for (size_t i = 0; i < p->count && st == ST_OK; i++) {
		st = vm_svg_draw(to, &p->place[i], y);
		y += vm_svg_height(&p->place[i]);
	}
	fputs("</svg>\n", to);
	return st;
}

/* ---- the file -------------------------------------------------------------------------------- */

static enum status write_file(const struct vm_places *p, const char *file,
			      enum status (*write)(FILE *to, const struct vm_places *p),
			      struct why *why)
{
	char name[HOST_PATH_MAX];
	enum status st = ST_DEVICE;
	FILE *to = NULL;
	int fd = -1;

	if (snprintf(name, sizeof(name), "%s.XXXXXX", file) < (int)sizeof(name))
		fd = mkstemp(name);
	if (fd >= 0)
		to = fdopen(fd, "w");
	if (to && fchmod(fd, 0644) == 0)
		st = write(to, p);
	if (st == ST_OK && ferror(to))
		st = ST_DEVICE;
	if (to ? fclose(to) != 0 : fd >= 0 && close(fd) != 0)
		st = ST_DEVICE;
	if (st == ST_OK && rename(name, file) == 0)
		return ST_OK;
	why_set(why, st == ST_OK ? ST_DEVICE : st, "%s: the report cannot be written: %s", file,
		st == ST_NOMEM ? status_text(st) : strerror(errno));
	if (fd >= 0)
		(void)unlink(name);
	return st == ST_OK ? ST_DEVICE : st;
}

enum status vm_report_html(const struct vm_places *p, const char *file, struct why *why)
{
	return write_file(p, file, write_html, why);
}

enum status vm_report_svg(const struct vm_places *p, const char *file, struct why *why)
{
	return write_file(p, file, write_svg, why);
}
