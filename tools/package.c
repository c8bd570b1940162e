/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* package - first the parts that are there (members of an archive, or files of a folder), then the
 * two texts, then what each text says of each part. */
#include "tools/package.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/host_path.h"
#include "tools/tar.h"

#define PARTS_MAX	8192u
#define FINDINGS_MAX	1000u	/* more are counted by nobody */

static int ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcasecmp(name + n - m, suffix) == 0;
}

int package_is_name(const char *name) { return ends_with(name, ".ova") || ends_with(name, ".ovf"); }

/* ---- lists ----------------------------------------------------------------------------------- */

enum status package_find(struct package *p, const char *name, const char *format, ...)
{
	struct package_finding *more, *f;
	char text[400];
	va_list ap;

	if (p->finding_count == FINDINGS_MAX)
		return ST_OK;
	more = realloc(p->finding, (p->finding_count + 1) * sizeof(*more));
	if (!more)
		return ST_NOMEM;
	p->finding = more;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	f = &more[p->finding_count++];
	*f = (struct package_finding){ strdup(name), strdup(text) };
	return f->name && f->text ? ST_OK : ST_NOMEM;
}

static struct package_part *part_named(const struct package *p, const char *name)
{
	for (size_t i = 0; i < p->part_count; i++)
		if (strcmp(p->part[i].name, name) == 0)
			return &p->part[i];
	return NULL;
}

static enum package_use use_of(const char *name)
{
	return ends_with(name, ".ovf")	? PACKAGE_DESCRIPTOR :
	       ends_with(name, ".mf")	? PACKAGE_MANIFEST :
	       ends_with(name, ".cert") ? PACKAGE_CERTIFICATE :
					  PACKAGE_OTHER;
}

/* A part that is not there yet. NULL: no memory, or too many (*st). */
static struct package_part *add_part(struct package *p, const char *name, enum status *st)
{
	struct package_part *more = p->part;

	*st = p->part_count < PARTS_MAX ? ST_NOMEM : ST_LIMIT;
	if (*st == ST_LIMIT)
		return NULL;
	if ((p->part_count & (p->part_count - 1)) == 0)	/* room doubles */
		more = realloc(p->part, (p->part_count ? 2 * p->part_count : 1) * sizeof(*more));
	if (!more)
		return NULL;
	p->part = more;
	more += p->part_count;
	*more = (struct package_part){ .name = strdup(name), .use = use_of(name) };
	if (!more->name)
		return NULL;
	p->part_count++;
	*st = ST_OK;
	return more;
}

/* ---- what is there --------------------------------------------------------------------------- */

static enum status add_member(struct package *p, const struct tar_member *m)
{
	const char *name = strncmp(m->name, "./", 2) == 0 ? m->name + 2 : m->name;
	struct package_part *part;
	enum status st;

	if (part_named(p, name))
		return package_find(p, name, "is there twice; the first one is shown");
	part = add_part(p, name, &st);
	if (!part)
		return st;
	part->present = 1;
	part->is_cut = m->is_cut;
	part->at = m->at;
	part->bytes = m->bytes;
	if (m->is_cut)
		return package_find(p, name, "is cut off: the archive ends before it does");
	return part->use == PACKAGE_DESCRIPTOR && p->part_count > 1 ?
		       package_find(p, name, "is not the first file of the archive, as importers "
				    "that read a stream expect") :
		       ST_OK;
}

static enum status list_members(struct package *p, struct store_file *f, struct why *why)
{
	struct store_stat ss;
	enum status st = f->store->ops->file_stat(f, &ss);
	struct tar_in t = { .file = f, .size_bytes = ss.size_bytes };
	struct tar_member m;

	while (st == ST_OK && (st = tar_next(&t, &m, why)) == ST_OK)
		if (m.is_file)
			st = add_member(p, &m);
	if (st == ST_NOENT)
		return ST_OK;
	/* Damage behind the descriptor still leaves what came before it. */
	if (st == ST_CORRUPT && p->part_count && why) {
		st = package_find(p, p->last, "%s", why->text);
		why->text[0] = 0;
	}
	return st;
}

/* A name that stays in the folder: no URL, not absolute, nothing above. */
static int is_inside(const char *name)
{
	for (const char *at = name; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (strncmp(at, "..", 2) == 0 && (at[2] == 0 || at[2] == '/'))
			return 0;
	}
	return name[0] && name[0] != '/' && !strstr(name, "://");
}

static enum status path_of(const struct package *p, const char *name, char *path, size_t size)
{
	char dir[HOST_PATH_MAX];

	path_parent(p->path, dir, sizeof(dir));
	return path_join(dir, name, path, size) == 0 ? ST_OK : ST_NAME;
}

/* Beside a descriptor: the file of that name, when it is there. */
static enum status look_beside(struct package *p, struct package_part *part)
{
	char path[HOST_PATH_MAX];
	struct store_stat ss;
	enum status st = path_of(p, part->name, path, sizeof(path));

	if (st == ST_OK)
		st = p->store->ops->stat(p->store, path, &ss, NULL);
	if (st == ST_OK && ss.kind == STORE_FILE) {
		part->present = 1;
		part->bytes = ss.size_bytes;
	}
	return st == ST_NOENT || st == ST_NOTDIR || st == ST_NAME ? ST_OK : st;
}

/* The descriptor itself, and "name.mf" and "name.cert" when they are there. */
static enum status list_beside(struct package *p)
{
	static const char *const suffix[] = { "ovf", "mf", "cert" };
	int stem = (int)strlen(p->last) - 3;
	char name[HOST_PATH_MAX];
	enum status st = ST_OK;

	for (size_t i = 0; i < ARRAY_COUNT(suffix) && st == ST_OK; i++) {
		struct package_part *part;

		snprintf(name, sizeof(name), "%.*s%s", stem, p->last, suffix[i]);
		part = add_part(p, i ? name : p->last, &st);
		if (part)
			st = look_beside(p, part);
		if (part && !part->present && i) {
			free(part->name);
			p->part_count--;
		}
	}
	return st;
}

static enum status open_part(const struct package *p, const struct package_part *part,
			     struct store_file **f, struct why *why)
{
	char path[HOST_PATH_MAX];
	enum status st = ST_OK;

	if (!p->is_ova)
		st = path_of(p, part->name, path, sizeof(path));
	return st == ST_OK ? p->store->ops->open(p->store, p->is_ova ? p->path : path, STORE_READ,
						 f, why) : st;
}

/* A text of the package, a NUL behind it; free() it. */
static enum status read_text(const struct package *p, const struct package_part *part,
			     uint64_t max, char **text, struct why *why)
{
	struct store_file *f;
	enum status st;

	if (part->is_cut || part->bytes > max)
		return why_set(why, part->is_cut ? ST_CORRUPT : ST_LIMIT, "it is %s",
			       part->is_cut ? "cut off" : "too long");
	*text = calloc(1, part->bytes + 1);
	if (!*text)
		return ST_NOMEM;
	st = open_part(p, part, &f, why);
	if (st != ST_OK)
		goto free_text;
	if (part->bytes)
		st = store_read(f, part->at, *text, part->bytes);
	(void)f->store->ops->file_close(f);	/* opened for reading */
	if (st == ST_OK)
		return ST_OK;
free_text:
	free(*text);
	return st;
}

/* ---- what is described ----------------------------------------------------------------------- */

static struct package_part *first_of(const struct package *p, enum package_use use)
{
	for (size_t i = 0; i < p->part_count; i++)
		if (p->part[i].use == use)
			return &p->part[i];
	return NULL;
}

static enum status read_descriptor(struct package *p, struct why *why)
{
	const struct package_part *part = first_of(p, PACKAGE_DESCRIPTOR);
	enum status st;
	char *text;

	if (!part || !part->present)
		return why_set(why, ST_CORRUPT, "%s: there is no descriptor (.ovf) in it", p->last);
	st = read_text(p, part, OVF_BYTES_MAX, &text, why);
	if (st == ST_OK) {
		st = ovf_read(text, strlen(text), &p->ovf, why);
		free(text);
	}
	return st == ST_OK ? st : why_at(why, st, "%s", part->name);
}

static enum status read_manifest(struct package *p, struct why *why)
{
	const struct package_part *part = first_of(p, PACKAGE_MANIFEST);
	enum status st;
	char *text;

	p->is_signed = first_of(p, PACKAGE_CERTIFICATE) != NULL;
	if (!part)
		return ST_OK;
	p->has_manifest = 1;
	st = read_text(p, part, OVF_BYTES_MAX, &text, why);
	if (st == ST_CORRUPT || st == ST_LIMIT) {
		st = package_find(p, part->name, "cannot be used: %s", why ? why->text : "");
		if (why)
			why->text[0] = 0;
		return st;
	}
	if (st != ST_OK)
		return st;
	st = manifest_parse(&p->manifest, text) == 0 ? ST_OK : ST_NOMEM;
	free(text);
	if (st == ST_OK && p->manifest.bad_lines)
		st = package_find(p, part->name, "%u lines are no sums, line %u first",
				  p->manifest.bad_lines, p->manifest.first_bad);
	return st;
}

/* The part that should have that name, made when it is not known yet. */
static enum status want_part(struct package *p, const char *name, const struct ovf_file *f,
			     struct package_part **part)
{
	enum status st = ST_OK;

	*part = part_named(p, name);
	if (!*part) {
		*part = add_part(p, name, &st);
		if (*part && !p->is_ova)
			st = look_beside(p, *part);
	}
	if (*part && (*part)->use == PACKAGE_OTHER)
		(*part)->use = PACKAGE_FILE;
	if (*part)
		(*part)->compression = f->compression;
	return st;
}

static enum status check_whole(struct package *p, const struct ovf_file *f)
{
	struct package_part *part;
	enum status st = want_part(p, f->href, f, &part);

	if (st != ST_OK)
		return st;
	if (!part->present)
		return package_find(p, f->href, "is not there");
	if (f->bytes != OVF_NOT_SAID && f->bytes != part->bytes && !part->is_cut)
		return package_find(p, f->href, "has %llu bytes, and the descriptor says %llu",
				    (unsigned long long)part->bytes, (unsigned long long)f->bytes);
	return ST_OK;
}

/* "disk.vmdk.000000000" and on: all but the last are of one size. */
static enum status check_chunks(struct package *p, const struct ovf_file *f)
{
	uint64_t count = f->bytes == OVF_NOT_SAID ? 1 : div_round_up(f->bytes, f->chunk_bytes);
	enum status st = ST_OK;

	if (count > PARTS_MAX)
		return package_find(p, f->href, "would be in %llu chunks",
				    (unsigned long long)count);
	for (uint64_t i = 0; i < count && st == ST_OK; i++) {
		uint64_t want = MIN(f->bytes - i * f->chunk_bytes, f->chunk_bytes);
		struct package_part *part;
		char *name;

		if (asprintf(&name, "%s.%09llu", f->href, (unsigned long long)i) < 0)
			return ST_NOMEM;
		st = want_part(p, name, f, &part);
		if (st == ST_OK && !part->present)
			st = package_find(p, name, "is not there");
		else if (st == ST_OK && f->bytes != OVF_NOT_SAID && part->bytes != want)
			st = package_find(p, name, "has %llu bytes, and a chunk of %llu was "
					  "expected", (unsigned long long)part->bytes,
					  (unsigned long long)want);
		free(name);
	}
	return st;
}

static enum status check_files(struct package *p)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < p->ovf->file_count && st == ST_OK; i++) {
		const struct ovf_file *f = &p->ovf->file[i];

		if (!is_inside(f->href))
			st = package_find(p, f->href, "lies outside of the package, where nothing "
					  "is looked for");
		else
			st = f->chunk_bytes ? check_chunks(p, f) : check_whole(p, f);
	}
	for (size_t i = 0; i < p->ovf->fault_count && st == ST_OK; i++)
		st = package_find(p, first_of(p, PACKAGE_DESCRIPTOR)->name, "%s",
				  p->ovf->fault[i]);
	return st;
}

/* Which line is whose; both ways. */
static enum status check_lines(struct package *p)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < p->manifest.line_count && st == ST_OK; i++) {
		struct package_part *part = part_named(p, p->manifest.line[i].name);

		if (!part)	/* one that is described and missing was told already */
			st = package_find(p, p->manifest.line[i].name,
					  "has a sum in the manifest, and is not there");
		if (part && part->line)
			st = package_find(p, part->name, "has two lines in the manifest");
		if (part && !part->line) {
			part->line = &p->manifest.line[i];
			part->sum = PACKAGE_UNREAD;
		}
	}
	for (size_t i = 0; i < p->part_count && st == ST_OK && p->has_manifest; i++) {
		const struct package_part *part = &p->part[i];

		if (!part->line && part->present &&
		    (part->use == PACKAGE_DESCRIPTOR || part->use == PACKAGE_FILE))
			st = package_find(p, part->name, "has no sum in the manifest");
	}
	return st;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status list_parts(struct package *p, struct why *why)
{
	struct store_file *f;
	enum status st;

	if (!p->is_ova)
		return list_beside(p);
	st = p->store->ops->open(p->store, p->path, STORE_READ, &f, why);
	if (st != ST_OK)
		return st;
	st = list_members(p, f, why);
	(void)p->store->ops->file_close(f);	/* opened for reading */
	return st;
}

enum status package_open(struct package *p, struct store *s, const char *path, struct why *why)
{
	enum status st = ST_OK;

	*p = (struct package){ .store = s, .is_ova = (uint8_t)ends_with(path, ".ova") };
	p->path = strdup(path);
	p->last = strdup(path_last(path));
	if (!p->path || !p->last)
		st = ST_NOMEM;
	if (st == ST_OK)
		st = list_parts(p, why);
	if (st == ST_OK)
		st = read_descriptor(p, why);
	if (st == ST_OK)
		st = read_manifest(p, why);
	if (st == ST_OK)
		st = check_files(p);
	if (st == ST_OK)
		st = check_lines(p);
	if (st == ST_OK || (why && strncmp(why->text, path, strlen(path)) == 0))
		return st;
	return why_at(why, st, "%s", path);
}

void package_close(struct package *p)
{
	for (size_t i = 0; i < p->part_count; i++)
		free(p->part[i].name);
	for (size_t i = 0; i < p->finding_count; i++) {
		free(p->finding[i].name);
		free(p->finding[i].text);
	}
	free(p->part);
	free(p->finding);
	manifest_free(&p->manifest);
	ovf_free(p->ovf);
	free(p->path);
	free(p->last);
	*p = (struct package){ 0 };
}

/* ---- sums ------------------------------------------------------------------------------------ */

static int is_listed(const struct package_part *part)
{
	return part->line && part->present && !part->is_cut;
}

uint64_t package_listed_bytes(const struct package *p)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < p->part_count; i++)
		bytes += is_listed(&p->part[i]) ? p->part[i].bytes : 0;
	return bytes;
}

static enum status verify_part(struct package *p, struct package_part *part,
			       int (*moved)(void *arg, uint64_t bytes), void *arg, struct why *why)
{
	char hex[MANIFEST_HEX_MAX];
	struct store_file *f;
	enum status st = open_part(p, part, &f, why);

	if (st != ST_OK)
		return st;
	st = manifest_sum(part->line->kind, f, part->at, part->bytes, moved, arg, hex);
	(void)f->store->ops->file_close(f);	/* opened for reading */
	if (st != ST_OK)
		return why_set(why, st, "%s: %s: %s", p->path, part->name, status_text(st));
	part->sum = strcmp(hex, part->line->hex) == 0 ? PACKAGE_SAME : PACKAGE_DIFFERS;
	return part->sum == PACKAGE_SAME ?
		       ST_OK :
		       package_find(p, part->name, "its %s is %s, and the manifest says %s",
				    manifest_word(part->line->kind), hex, part->line->hex);
}

enum status package_verify(struct package *p, int (*moved)(void *arg, uint64_t bytes), void *arg,
			   struct why *why)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < p->part_count && st == ST_OK; i++)
		if (is_listed(&p->part[i]))
			st = verify_part(p, &p->part[i], moved, arg, why);
	if (st == ST_OK && !p->has_manifest)
		st = package_find(p, p->last, "there is no manifest, and nothing to compare with");
	return st;
}
