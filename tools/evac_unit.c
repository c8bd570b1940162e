/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* evac_unit - one file or disk on its way. Each step can be the last one of a killed run:
 *
 *	1 the data, under a hidden name, with a journal of its blocks (block_copy.h)
 *	2 "done" in the log, the data being durable
 *	3 the receipt, out of the journal
 *	4 the final names
 *	5 the journal goes
 *
 * Found without "done", the journal tells where 1 goes on; found with "done", 3 to 5 are done
 * again. A journal starts with what it is a copy of; of anything else it is thrown away. */
#include "tools/evac.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/block_copy.h"
#include "tools/disk_sum.h"
#include "tools/host_file.h"
#include "tools/host_path.h"
#include "tools/walk.h"

#define JOURNAL_BYTES_MIN (4 * MIB)	/* smaller files without a receipt are just copied again */

enum part { PART_DATA, PART_JOURNAL, PART_RECEIPT, PART_FLAT };

/* A unit while it is copied. */
struct job {
	struct evac		*e;
	struct evac_unit	*u;
	struct store		*src, *dst;
	struct store_file	*journal;	/* NULL: none */
	struct line_out		lines;
	/* where it goes on */
	size_t			file;
	uint64_t		next;
	char			state[SHA256_TEXT];
	/* of the file being copied */
	struct block_copy	bc;
	struct content		from, to;
};

static char *final_path(const struct evac_unit *u, const char *name)
{
	return walk_path(u->folder->dst, name);
}

/* Ids are the file system's: no other file of the volume has them. */
static char *hidden_path(const struct evac_unit *u, size_t file, enum part part)
{
	static const char *const suffix[] = { ".part", ".sums", ".receipt", "-flat.vmdk" };
	uint64_t id = u->file[part == PART_DATA ? file : 0].id;
	char name[64];

	snprintf(name, sizeof(name), ".cairn-%llx%s", (unsigned long long)id,
		 u->kind == EVAC_COLLAPSED && part == PART_DATA ? ".vmdk" : suffix[part]);
	return walk_path(u->folder->dst, name);
}

static int has_receipt(const struct evac_unit *u)
{
	return u->kind == EVAC_DISK || u->kind == EVAC_ORPHAN || u->kind == EVAC_COLLAPSED;
}

static int has_journal(const struct evac_unit *u)
{
	return has_receipt(u) ||
	       (u->kind == EVAC_FILE && u->file[0].data_bytes >= JOURNAL_BYTES_MIN);
}

static enum status no_memory(struct job *j, struct why *why)
{
	return why_set(why, ST_NOMEM, "%s: no memory", j->u->name);
}

/* fn of the store on a path in new memory. */
static enum status remove_path(struct store *s, char *path)
{
	enum status st = path ? s->ops->remove(s, path, NULL) : ST_NOMEM;

	free(path);
	return st == ST_NOENT ? ST_OK : st;
}

static enum status stat_path(struct store *s, char *path, struct store_stat *ss)
{
	enum status st = path ? s->ops->stat(s, path, ss, NULL) : ST_NOMEM;

	free(path);
	return st;
}

/* ---- what lies there ------------------------------------------------------------------------- */

static int exists(struct evac *e, char *path)
{
	struct store_stat ss;

	return stat_path(e->dest.store, path, &ss) == ST_OK;
}

/* The file under its final name is the one that the log tells of: nobody has touched it. */
static int is_as_logged(struct evac *e, const struct evac_unit *u, struct evac_file *f,
			int same_source)
{
	char *path = evac_path(u->folder, f->name);
	const struct evac_entry *entry =
	    path ? evac_log_find(&u->folder->vol->log, path, 0) : NULL;
	struct store_stat ss;

	free(path);
	if (!entry || stat_path(e->dest.store, final_path(u, f->name), &ss) != ST_OK)
		return 0;
	if (same_source) {
		memcpy(f->all, entry->sum, sizeof(f->all));
		return ss.size_bytes == entry->bytes;
	}
	return ss.size_bytes == entry->bytes && ss.mtime_s == entry->mtime_s;
}

static int is_kept(struct evac *e, struct evac_unit *u)
{
	for (size_t i = 0; i < u->file_count; i++)
		if (!is_as_logged(e, u, &u->file[i], 1))
			return 0;
	return 1;
}

/* 1: there is something under a final name that this evacuation did not put there as it is. */
static int in_the_way(struct evac *e, struct evac_unit *u)
{
	for (size_t i = 0; i < u->file_count; i++)
		if (exists(e, final_path(u, u->file[i].name)) &&
		    !is_as_logged(e, u, &u->file[i], 0)) {
			why_set(&u->why, ST_EXIST,
				"%s/%s: is there already and is not what an earlier run "
				"left; move it away, or choose another destination",
				u->folder->dst, u->file[i].name);
			return 1;
		}
	return 0;
}

static int is_logged(const struct evac_unit *u)
{
	char *path = evac_unit_path(u);
	const struct evac_entry *entry =
	    path ? evac_log_find(&u->folder->vol->log, path, 1) : NULL;

	free(path);
	return entry && strcmp(entry->sum, u->identity) == 0;
}

/* How much of it is there, as the room tells that its hidden files take. */
static uint64_t part_bytes(struct evac *e, const struct evac_unit *u)
{
	enum part part = u->kind == EVAC_COLLAPSED ? PART_FLAT : PART_DATA;
	uint64_t sum = 0;

	for (size_t i = 0; i < u->file_count; i++) {
		struct store_stat ss;

		if (stat_path(e->dest.store, hidden_path(u, i, part), &ss) == ST_OK)
			sum += ss.allocated_bytes;
	}
	return sum;
}

void evac_unit_look(struct evac *e, struct evac_unit *u)
{
	int begun = has_journal(u) && exists(e, hidden_path(u, 0, PART_JOURNAL));

	for (size_t i = 0; i < u->file_count; i++)
		u->left_bytes += u->file[i].data_bytes;
	if (u->kind == EVAC_LINK)
		u->state = exists(e, final_path(u, u->name)) ? EVAC_KEPT : EVAC_COPY;
	else if (!begun && is_logged(u) && is_kept(e, u))
		u->state = EVAC_KEPT;
	else if (!is_logged(u) && in_the_way(e, u))
		u->state = EVAC_FAILED;
	else
		u->state = begun ? EVAC_CONTINUE : EVAC_COPY;
	if (begun)
		u->left_bytes -= MIN(u->left_bytes, part_bytes(e, u));
	else if (u->state != EVAC_COPY)
		u->left_bytes = 0;
}

/* ---- the journal ----------------------------------------------------------------------------- */

/* A place in the journal from which the copy can go on. */
struct point {
	size_t		file;
	uint64_t	next, end;	/* byte of the file; offset behind the journal's line */
	char		state[SHA256_TEXT];
};

struct reading {
	struct job	*j;
	struct point	now, safe;
	char		boot[64];	/* of the run that wrote the last lines */
	uint64_t	blocks;		/* lines behind `safe` */
};

static void take_block(struct reading *r, struct block_line *b, uint64_t line_end)
{
	const struct evac_file *f = &r->j->u->file[r->now.file];
	uint64_t next = (b->block + 1) * CONTENT_BLOCK;

	/* The sum cannot go on behind a part of 64 bytes: a short last block is copied again. */
	if (next > f->bytes && f->bytes % 64)
		return;
	r->now.next = MIN(next, f->bytes);
	r->now.end = line_end;
	memcpy(r->now.state, b->state, sizeof(r->now.state));
	r->blocks++;
}

static void take_end(struct reading *r, const char *all, uint64_t line_end)
{
	mem_copy_text(r->j->u->file[r->now.file].all, SHA256_TEXT, all);
	r->now = (struct point){ .file = r->now.file + 1, .end = line_end };
	r->safe = r->now;
	r->blocks = 0;
}

/* 0: this line, and so what follows it, cannot be ours. */
static int take_line(struct reading *r, char *line, uint64_t line_end)
{
	struct block_line b;

	if (strncmp(line, "run ", 4) == 0) {
		mem_copy_text(r->boot, sizeof(r->boot), line + 4);
		r->now.end = line_end;
		return 1;
	}
	if (r->now.file >= r->j->u->file_count)
		return 0;
	if (strcmp(line, "durable") == 0) {
		r->now.end = line_end;
		r->safe = r->now;
		r->blocks = 0;
		return 1;
	}
	if (strncmp(line, "end ", 4) == 0 && strlen(line) == 4 + SHA256_TEXT - 1) {
		take_end(r, line + 4, line_end);
		return 1;
	}
	if (!block_line_parse(line, &b) || b.block > r->j->u->file[r->now.file].bytes / MIB)
		return 0;
	take_block(r, &b, line_end);
	return 1;
}

static int head_is(const char *line, const struct evac_unit *u)
{
	return line && strncmp(line, "cairn-copy 1 ", 13) == 0 &&
	       strcmp(line + 13, u->identity) == 0;
}

/* Whether the machine still is as the last run left it: what was written is there. */
static int same_boot(const struct reading *r)
{
	return strcmp(r->j->dst->ops->name, "host") == 0 && r->boot[0] &&
	       strcmp(r->boot, r->j->e->boot) == 0;
}

/* Read the journal to the point from which to go on; 0: it is of no use. */
static int read_journal(struct job *j, struct line_in *in, struct point *point, uint64_t *lost)
{
	struct reading r = { .j = j };
	char *line;

	if (line_in_init(in, j->journal) != ST_OK || !head_is(line_next(in), j->u))
		return 0;
	r.now.end = r.safe.end = in->line_end;
	while ((line = line_next(in)) != NULL)
		if (!take_line(&r, line, in->line_end))
			break;
	*point = same_boot(&r) ? r.now : r.safe;
	*lost = same_boot(&r) ? 0 : r.blocks * CONTENT_BLOCK;
	return 1;
}

/* The files that the journal speaks of are there, or some have their names already. */
static int parts_are_there(struct job *j, const struct point *p)
{
	if (p->file == j->u->file_count && is_logged(j->u))
		return 1;
	for (size_t i = 0; i < p->file || (i == p->file && p->next); i++) {
		struct store_stat ss;

		if (i >= j->u->file_count)
			break;
		if (stat_path(j->dst, hidden_path(j->u, i, PART_DATA), &ss) != ST_OK)
			return 0;
		if (j->u->kind != EVAC_COLLAPSED && ss.size_bytes != j->u->file[i].bytes)
			return 0;
	}
	return 1;
}

static enum status remove_parts(struct job *j)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < j->u->file_count && st == ST_OK; i++)
		st = remove_path(j->dst, hidden_path(j->u, i, PART_DATA));
	if (st == ST_OK && j->u->kind == EVAC_COLLAPSED)
		st = remove_path(j->dst, hidden_path(j->u, 0, PART_FLAT));
	return st;
}

/* Go on behind the point, or from the start of a journal that is of no use. */
static enum status start_lines(struct job *j, const struct point *p, int usable, uint64_t lost)
{
	uint64_t ahead = 0;
	enum status st = usable ? ST_OK : remove_parts(j);

	if (st == ST_OK)
		st = j->dst->ops->file_resize(j->journal, usable ? p->end : 0);
	line_out_init(&j->lines, j->journal, usable ? p->end : 0);
	if (!usable)
		line_put(&j->lines, "cairn-copy 1 %s\n", j->u->identity);
	line_put(&j->lines, "run %s\n", j->e->boot);
	if (st == ST_OK)
		st = line_out_write(&j->lines);
	if (usable && p->file < j->u->file_count)
		ahead = MIN(j->u->file[p->file].data_bytes, BLOCK_COPY_DEPTH * CONTENT_BLOCK);
	if (st == ST_OK)
		st = evac_log_again(&j->u->folder->vol->log, lost + ahead);
	if (usable) {
		j->file = p->file;
		j->next = p->next;
		memcpy(j->state, p->state, sizeof(j->state));
	}
	return st;
}

static enum status find_journal(struct job *j)
{
	struct line_in *in = calloc(1, sizeof(*in));
	struct point p = { 0 };
	uint64_t lost = 0;
	int usable = in && read_journal(j, in, &p, &lost) && parts_are_there(j, &p);

	free(in);
	return start_lines(j, &p, usable, lost);
}

static enum status open_journal(struct job *j, struct why *why)
{
	char *path = hidden_path(j->u, 0, PART_JOURNAL);
	enum status st = path ? ST_OK : ST_NOMEM;

	if (!has_journal(j->u)) {
		free(path);
		/* What lies there was read once already, at most. */
		if (exists(j->e, hidden_path(j->u, 0, PART_DATA)))
			return evac_log_again(&j->u->folder->vol->log, j->u->file[0].data_bytes);
		return ST_OK;
	}
	if (st == ST_OK)
		st = host_file_open_soon(j->dst, path, &j->journal, why);
	if (st == ST_NOENT)
		st = j->dst->ops->create(j->dst, path, 0600, &j->journal, why);
	if (st == ST_OK)
		st = find_journal(j);
	free(path);
	return st;
}

static void close_journal(struct job *j)
{
	if (j->journal)
		(void)j->dst->ops->file_close(j->journal);	/* read, or read again later */
	j->journal = NULL;
}

/* ---- the data -------------------------------------------------------------------------------- */

static int on_moved(struct block_copy *bc, uint64_t read_bytes)
{
	struct job *j = container_of(bc, struct job, bc);
	struct evac *e = j->e;

	e->moved_bytes += read_bytes;
	progress_hold_back(e->start_ns, e->moved_bytes, e->rate);
	progress_phase_object(&e->progress, j->u->name);
	return progress_update(&e->progress, e->moved_bytes, MAX(e->todo_bytes, e->moved_bytes)) ||
	       e->stop;
}

/* from and to are set: copy, from where the journal says. */
static enum status copy_content(struct job *j, char all[SHA256_TEXT])
{
	enum status st;

	j->bc = (struct block_copy){ .src = &j->from, .dst = &j->to, .moved = on_moved,
				     .journal = j->journal ? &j->lines : NULL, .next = j->next };
	if (!j->next || sha256_load(&j->bc.sum, j->state, j->next) != 0) {
		sha256_init(&j->bc.sum);
		j->bc.next = 0;
	}
	st = block_copy_run(&j->bc, all);
	j->e->bytes_read += j->bc.bytes_read;
	j->e->bytes_written += j->bc.bytes_written;
	j->e->bytes_skipped += j->bc.bytes_skipped;
	j->next = 0;
	return st;
}

static enum status open_part(struct job *j, const char *path, uint64_t bytes,
			     struct store_file **f, struct why *why)
{
	enum status st = ST_NOENT;

	if (j->next)
		return host_file_open_soon(j->dst, path, f, why);
	st = j->dst->ops->remove(j->dst, path, NULL);
	if (st == ST_OK || st == ST_NOENT)
		st = j->dst->ops->create(j->dst, path, 0600, f, why);
	if (st == ST_OK && bytes) {
		st = j->dst->ops->file_resize(*f, bytes);
		if (st != ST_OK)
			(void)j->dst->ops->file_close(*f);
	}
	return st;
}

/* The source is closed; has it changed since the plan was made? */
static enum status source_unchanged(struct job *j, const char *path, const struct evac_file *f,
				    struct why *why)
{
	struct store_stat ss;
	enum status st = j->src->ops->stat(j->src, path, &ss, why);

	if (st == ST_OK && (ss.size_bytes != f->bytes || ss.mtime_s != f->mtime_s))
		st = why_set(why, ST_BUSY,
			     "%s: changed while it was copied; shut its machine down and run "
			     "this again",
			     path);
	return st;
}

static enum status copy_open_file(struct job *j, struct evac_file *f, struct store_file *from,
				  const char *path, struct why *why)
{
	char *part = hidden_path(j->u, (size_t)(f - j->u->file), PART_DATA);
	struct store_file *to;
	enum status st = part ? open_part(j, part, f->bytes, &to, why) : ST_NOMEM, closed;

	free(part);
	if (st != ST_OK)
		return st;
	content_of_file(&j->from, from, f->bytes);
	content_of_file(&j->to, to, f->bytes);
	st = copy_content(j, f->all);
	closed = j->dst->ops->file_close(to);
	if (st == ST_OK)
		st = closed;
	return st == ST_OK ? source_unchanged(j, path, f, why) : st;
}

static enum status copy_one_file(struct job *j, struct evac_file *f, struct why *why)
{
	char *path = walk_path(j->u->folder->path, f->name);
	struct store_file *from;
	enum status st = path ? j->src->ops->open(j->src, path, STORE_READ, &from, why) : ST_NOMEM;

	if (st == ST_OK) {
		st = copy_open_file(j, f, from, path, why);
		(void)j->src->ops->file_close(from);	/* opened for reading */
	}
	free(path);
	return st;
}

static enum status copy_chain_to(struct job *j, struct vmdk_disk *chain, const char *part,
				 struct why *why)
{
	struct vmdk_create_opts opts = { .kind = VMDK_VMFS, .alloc = VMDK_THIN,
					 .bytes = vmdk_bytes(chain) };
	struct vmdk_disk *to;
	enum status st = ST_OK, closed;

	if (!j->next) {
		st = remove_parts(j);
		if (st == ST_OK)
			st = vmdk_create(j->dst, part, &opts, NULL, why);
	}
	if (st == ST_OK)
		st = vmdk_open(j->dst, part, VMDK_WRITE, &to, why);
	if (st != ST_OK)
		return st;
	content_of_disk(&j->from, chain);
	content_of_disk(&j->to, to);
	st = copy_content(j, j->u->file[0].all);
	closed = vmdk_close(to);
	return st == ST_OK ? closed : st;
}

static enum status copy_chain(struct job *j, struct why *why)
{
	char *path = walk_path(j->u->folder->path, j->u->name);
	char *part = hidden_path(j->u, 0, PART_DATA);
	struct vmdk_disk *chain;
	enum status st = path && part ? vmdk_open(j->src, path, VMDK_READ, &chain, why) : ST_NOMEM;

	if (st == ST_OK) {
		st = copy_chain_to(j, chain, part, why);
		(void)vmdk_close(chain);	/* opened for reading */
	}
	free(path);
	free(part);
	return st;
}

static enum status copy_link(struct job *j, struct why *why)
{
	char *path = walk_path(j->u->folder->path, j->u->name);
	char *to = final_path(j->u, j->u->name), target[HOST_PATH_MAX];
	enum status st = path && to ? ST_OK : ST_NOMEM;

	if (st == ST_OK)
		st = j->src->ops->readlink(j->src, path, target, sizeof(target));
	if (st == ST_OK)
		st = j->dst->ops->symlink(j->dst, target, to, why);
	free(path);
	free(to);
	return st;
}

static enum status copy_files(struct job *j, struct why *why)
{
	enum status st = ST_OK;

	for (; j->file < j->u->file_count && st == ST_OK; j->file++) {
		struct evac_file *f = &j->u->file[j->file];

		st = j->u->kind == EVAC_COLLAPSED ? copy_chain(j, why) : copy_one_file(j, f, why);
		if (st == ST_OK && j->journal) {
			line_put(&j->lines, "end %s\n", f->all);
			st = line_out_write(&j->lines);
		}
	}
	return st;
}

/* ---- whole ----------------------------------------------------------------------------------- */

/* Copy the lines of the journal into the receipt: a section a file. */
static enum status fill_receipt(struct job *j, struct disk_sum_out *o, struct line_in *in,
				int sections)
{
	uint64_t next = 0;	/* a short last block may have two lines: see take_block() */
	size_t file = 0;
	enum status st = line_in_init(in, j->journal);
	struct block_line b;
	char *line;

	disk_sum_section(o, sections ? j->u->file[0].name : NULL, j->u->file[0].bytes);
	while (st == ST_OK && file < j->u->file_count && (line = line_next(in)) != NULL) {
		if (strncmp(line, "end ", 4) == 0) {
			disk_sum_all(o, line + 4);
			next = 0;
			if (++file < j->u->file_count)
				disk_sum_section(o, j->u->file[file].name, j->u->file[file].bytes);
		} else if (block_line_parse(line, &b) && b.block >= next) {
			next = b.block + 1;
			if (strcmp(b.sum, "0") != 0)
				disk_sum_block(o, b.sum, b.block);
		}
	}
	return st == ST_OK && file < j->u->file_count ? ST_CORRUPT : st;
}

static enum status write_receipt(struct job *j, struct why *why)
{
	int sections = j->u->kind == EVAC_ORPHAN || (j->u->kind == EVAC_DISK && !j->u->flat);
	char *tmp = hidden_path(j->u, 0, PART_RECEIPT), *path = NULL;
	struct disk_sum_out *o = calloc(1, sizeof(*o));
	struct line_in *in = calloc(1, sizeof(*in));
	enum status st = ST_NOMEM;

	if (tmp && o && in && asprintf(&path, "%s/%s.receipt", j->u->folder->dst, j->u->name) >= 0)
		st = disk_sum_begin(o, j->dst, path, tmp, sections ? 2 : 1, why);
	if (st == ST_OK)
		st = disk_sum_end(o, fill_receipt(j, o, in, sections), why);
	free(path);
	free(tmp);
	free(o);
	free(in);
	return st;
}

/* The text of a descriptor with the name of its one extent changed, in new memory; NULL: it is not
 * there, or there is no memory. */
static char *rename_extent(const char *text, const char *from, const char *to)
{
	char *quoted, *made = NULL;
	const char *at;

	if (asprintf(&quoted, "\"%s\"", from) < 0)
		return NULL;
	at = strstr(text, quoted);
	if (at && asprintf(&made, "%.*s\"%s\"%s", (int)(at - text), text, to,
			   at + strlen(quoted)) < 0)
		made = NULL;
	free(quoted);
	return made;
}

/* The machine's .vmx knows the leaf by a name with a number, which vmdk_rename() keeps for links:
 * so the extent and the descriptor get their names here. */
static enum status publish_collapsed(struct job *j, const char *part, const char *flat,
				     struct why *why)
{
	char *path = final_path(j->u, j->u->name), *to = final_path(j->u, j->u->file[0].name);
	char *tmp = hidden_path(j->u, 0, PART_RECEIPT), *text, *made = NULL;
	uint64_t bytes;
	enum status st = path && to && tmp ? ST_OK : ST_NOMEM;

	if (st == ST_OK)
		st = store_read_all(j->dst, part, MIB, &text, &bytes, why);
	if (st == ST_OK) {
		made = rename_extent(text, path_last(flat), j->u->file[0].name);
		port_free(text);
		st = made && !strchr(j->u->name, '"') ? ST_OK : ST_NAME;
	}
	if (st == ST_OK && exists(j->e, strdup(flat)))
		st = j->dst->ops->rename(j->dst, flat, to, 1, why);
	if (st == ST_OK)	/* the time says later that nobody has changed it here */
		st = host_file_set_attr(j->dst, to, ~0u, j->u->file[0].mtime_s);
	if (st == ST_OK)
		st = store_replace_by(j->dst, path, tmp, made, strlen(made));
	free(made);
	free(path);
	free(to);
	free(tmp);
	return st;
}

static enum status place_collapsed(struct job *j, struct why *why)
{
	char *part = hidden_path(j->u, 0, PART_DATA), *flat = hidden_path(j->u, 0, PART_FLAT);
	enum status st = part && flat ? ST_OK : ST_NOMEM;

	if (st == ST_OK && exists(j->e, strdup(part)))
		st = publish_collapsed(j, part, flat, why);
	if (st == ST_OK)
		st = remove_path(j->dst, strdup(part));
	free(part);
	free(flat);
	return st;
}

/* A part that is no longer there has its name already. */
static enum status place_file(struct job *j, size_t i, struct why *why)
{
	char *part = hidden_path(j->u, i, PART_DATA), *path = final_path(j->u, j->u->file[i].name);
	enum status st = part && path ? ST_OK : ST_NOMEM;

	if (st == ST_OK)
		st = host_file_set_attr(j->dst, part, j->u->file[i].mode, j->u->file[i].mtime_s);
	if (st == ST_OK)
		st = j->dst->ops->rename(j->dst, part, path, 1, why);
	if (st != ST_OK && exists(j->e, path ? strdup(path) : NULL) &&
	    !exists(j->e, part ? strdup(part) : NULL))
		st = ST_OK;
	free(part);
	free(path);
	return st;
}

static enum status place(struct job *j, struct why *why)
{
	enum status st = has_receipt(j->u) ? write_receipt(j, why) : ST_OK;

	if (j->u->kind == EVAC_COLLAPSED)
		st = st == ST_OK ? place_collapsed(j, why) : st;
	else
		for (size_t i = 0; i < j->u->file_count && st == ST_OK; i++)
			st = place_file(j, i, why);
	/* No sync of the names: if they are lost, the hidden file is made again. */
	if (st == ST_OK && j->journal) {
		close_journal(j);
		st = remove_path(j->dst, hidden_path(j->u, 0, PART_JOURNAL));
	}
	return st;
}

/* ---- the unit -------------------------------------------------------------------------------- */

static enum status run_job(struct job *j, struct why *why)
{
	struct evac_unit *u = j->u;
	enum status st;

	if (u->kind == EVAC_LINK)
		return copy_link(j, why);
	if (!is_logged(u) && in_the_way(j->e, u)) {
		*why = u->why;
		return ST_EXIST;
	}
	st = open_journal(j, why);
	if (st == ST_OK)
		st = copy_files(j, why);
	if (st == ST_OK)
		st = evac_log_done(&u->folder->vol->log, u);
	return st == ST_OK ? place(j, why) : st;
}

void evac_unit_run(struct evac *e, struct evac_unit *u)
{
	struct job *j = calloc(1, sizeof(*j));
	struct why why = { 0 };
	enum status st = ST_NOMEM;

	u->state = EVAC_RUNNING;
	if (j) {
		*j = (struct job){ .e = e, .u = u, .src = u->folder->vol->src,
				   .dst = e->dest.store };
		st = run_job(j, &why);
		if (st == ST_NOMEM && !why.text[0])
			st = no_memory(j, &why);
		close_journal(j);
	}
	free(j);
	u->state = st == ST_OK ? EVAC_DONE : EVAC_FAILED;
	if (st != ST_OK && !why.text[0])
		why_set(&why, st, "%s/%s: %s", u->folder->path, u->name, status_text(st));
	u->why = why;
	u->why.status = st;
}
