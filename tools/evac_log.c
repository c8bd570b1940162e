/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* evac_log - the memory of an evacuation, a text file that only grows:
 *	cairn-evacuate 1
 *	start <boot id> <seconds>			a run began
 *	again <bytes>					read twice at most, by an interruption
 *	file <SHA-256> <bytes> <mtime> <path>		of a file of the unit below
 *	done <identity> <path>				a unit is whole: its place is its own name
 * "done" is written before the names change: a run that finds it changes those that were not. */
#include "tools/evac.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/base/search.h"
#include "tools/host_file.h"
#include "tools/walk.h"

#define LOG_NAME	".cairn-evacuate.log"
#define SUMS_NAME	"cairn-evacuate.sha256"
#define SUMS_TMP	".cairn-evacuate.new"
#define LOG_HEAD	"cairn-evacuate 1"

/* ---- reading --------------------------------------------------------------------------------- */

static int add_entry(struct evac_log *log, const struct evac_entry *entry, const char *word)
{
	char path[HOST_PATH_MAX];
	struct evac_entry *grown = log->entry;

	if (!line_unword(path, sizeof(path), word))
		return 0;	/* not ours: as if it were not there */
	if (log->entry_count == log->entry_max) {
		log->entry_max = log->entry_max ? 2 * log->entry_max : 64;
		grown = realloc(log->entry, log->entry_max * sizeof(*grown));
		if (!grown)
			return -1;
		log->entry = grown;
	}
	grown[log->entry_count] = *entry;
	grown[log->entry_count].age = log->entry_count;
	grown[log->entry_count].path = strdup(path);
	return grown[log->entry_count++].path ? 0 : -1;
}

/* 0; -1: no memory. Lines that make no sense tell nothing. */
static int take_line(struct evac_log *log, const char *line)
{
	struct evac_entry entry = { 0 };
	unsigned long long bytes;
	long long mtime;
	int n = 0;

	if (sscanf(line, "file %64[0-9a-f] %llu %lld %n", entry.sum, &bytes, &mtime, &n) == 3 &&
	    n) {
		entry.bytes = bytes;
		entry.mtime_s = mtime;
		return add_entry(log, &entry, line + n);
	}
	if (sscanf(line, "done %64[0-9a-f] %n", entry.sum, &n) == 1 && n) {
		entry.unit = 1;
		return add_entry(log, &entry, line + n);
	}
	if (sscanf(line, "again %llu", &bytes) == 1)
		log->again_bytes += bytes;
	log->runs += strncmp(line, "start ", 6) == 0;
	return 0;
}

static int compare_key(const struct evac_entry *e, int unit, const char *path)
{
	return e->unit != unit ? e->unit - unit : strcmp(e->path, path);
}

static int compare(const void *a, const void *b)
{
	const struct evac_entry *x = a, *y = b;
	int d = compare_key(x, y->unit, y->path);

	return d ? d : x->age < y->age ? -1 : 1;
}

/* The last of equals is the newest. */
const struct evac_entry *evac_log_find(const struct evac_log *log, const char *path, int unit)
{
	size_t behind =
	    search_border(i, log->entry_count, compare_key(&log->entry[i], unit, path) <= 0);

	if (behind == 0 || compare_key(&log->entry[behind - 1], unit, path) != 0)
		return NULL;
	return &log->entry[behind - 1];
}

static enum status read_lines(struct evac_log *log, struct line_in *in, const char *path,
			      struct why *why)
{
	char *line = line_next(in);

	if (!line || strcmp(line, LOG_HEAD) != 0)
		return in->end == 0 ? ST_OK :
				      why_set(why, ST_CORRUPT,
					      "%s: not the log of an evacuation; remove it, or "
					      "choose another destination",
					      path);
	while ((line = line_next(in)) != NULL)
		if (take_line(log, line) != 0)
			return why_set(why, ST_NOMEM, "%s: no memory", path);
	log->end = in->line_end;
	return in->status == ST_DEVICE ? why_set(why, ST_DEVICE, "%s: cannot be read", path) :
					 ST_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum status open_file(struct evac *e, struct evac_log *log, const char *path,
			     struct why *why)
{
	struct store *s = e->dest.store;
	struct store_file *f;
	enum status st;

	if (e->cmd->dry_run)
		st = s->ops->open(s, path, STORE_READ, &log->file, why);
	else
		st = host_file_open_soon(s, path, &log->file, why);
	if (st == ST_BUSY)
		return why_set(why, st, "%s: another evacuation is under way there", path);
	if (st != ST_NOENT || e->cmd->dry_run)
		return st == ST_NOENT ? ST_OK : st;
	st = s->ops->create(s, path, 0644, &f, why);
	if (st == ST_OK)
		log->file = f;
	return st;
}

static enum status read_file(struct evac_log *log, const char *path, struct why *why)
{
	struct line_in *in = calloc(1, sizeof(*in));
	enum status st = in ? line_in_init(in, log->file) : ST_NOMEM;

	if (st == ST_OK)
		st = read_lines(log, in, path, why);
	free(in);
	if (log->entry_count)
		qsort(log->entry, log->entry_count, sizeof(*log->entry), compare);
	return st;
}

/* What a killed run has not finished writing goes; then this run says that it is here. */
static enum status begin(struct evac *e, struct evac_log *log)
{
	enum status st = log->file->store->ops->file_resize(log->file, log->end);

	line_out_init(&log->out, log->file, log->end);
	if (log->end == 0)
		line_put(&log->out, LOG_HEAD "\n");
	line_put(&log->out, "start %s %lld\n", e->boot, (long long)(port_wall_us() / 1000000));
	return st == ST_OK ? line_out_write(&log->out) : st;
}

enum status evac_log_open(struct evac *e, struct evac_volume *v, struct why *why)
{
	char *path = walk_path(v->dst, LOG_NAME);
	enum status st = path ? ST_OK : ST_NOMEM;

	io_mutex_init(&v->log.mutex);
	if (st == ST_OK)
		st = open_file(e, &v->log, path, why);
	if (st == ST_OK && v->log.file)
		st = read_file(&v->log, path, why);
	if (st == ST_OK && v->log.file && !e->cmd->dry_run)
		st = begin(e, &v->log);
	if (st != ST_OK && !why->text[0])
		why_set(why, st, "%s: %s", path ? path : v->dst, status_text(st));
	free(path);
	return st;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_file(struct evac_log *log, const struct evac_unit *u, const struct evac_file *f)
{
	char *path = evac_path(u->folder, f->name), word[3 * HOST_PATH_MAX];

	if (!path || !line_word(word, sizeof(word), path))
		log->out.status = path ? ST_NAME : ST_NOMEM;
	else
		line_put(&log->out, "file %s %llu %lld %s\n", f->all, (unsigned long long)f->bytes,
			 (long long)f->mtime_s, word);
	free(path);
}

enum status evac_log_done(struct evac_log *log, const struct evac_unit *u)
{
	char *path = evac_unit_path(u), word[3 * HOST_PATH_MAX];
	int fits = path && line_word(word, sizeof(word), path) != NULL;
	enum status st;

	free(path);
	if (!fits)
		return ST_NAME;
	io_mutex_lock(&log->mutex);
	for (size_t i = 0; i < u->file_count; i++)
		put_file(log, u, &u->file[i]);
	line_put(&log->out, "done %s %s\n", u->identity, word);
	st = line_out_write(&log->out);
	if (st == ST_OK)
		st = store_flush(log->file);
	io_mutex_unlock(&log->mutex);
	return st;
}

enum status evac_log_again(struct evac_log *log, uint64_t bytes)
{
	enum status st;

	if (bytes == 0)
		return ST_OK;
	io_mutex_lock(&log->mutex);
	log->again_bytes += bytes;
	line_put(&log->out, "again %llu\n", (unsigned long long)bytes);
	st = line_out_write(&log->out);
	io_mutex_unlock(&log->mutex);
	return st;
}

/* ---- the list of sums ------------------------------------------------------------------------ */

/* As sha256sum writes and reads it: a name with a newline or a backslash is escaped, and the line
 * starts with a backslash. */
static void print_sum(FILE *to, const char *sum, const char *path)
{
	int escape = strpbrk(path, "\n\\") != NULL;

	fprintf(to, "%s%s  ", escape ? "\\" : "", sum);
	for (; *path; path++)
		if (*path == '\n')
			fputs("\\n", to);
		else if (*path == '\\')
			fputs("\\\\", to);
		else
			fputc(*path, to);
	fputc('\n', to);
}

static void print_unit(FILE *to, const struct evac_unit *u)
{
	if (u->kind == EVAC_LINK || (u->state != EVAC_DONE && u->state != EVAC_KEPT))
		return;
	for (size_t i = 0; i < u->file_count; i++) {
		char *path = evac_path(u->folder, u->file[i].name);

		if (path)
			print_sum(to, u->file[i].all, path);
		free(path);
	}
}

static enum status write_sums(struct evac *e, struct evac_volume *v, struct why *why)
{
	char *path = walk_path(v->dst, SUMS_NAME), *tmp = walk_path(v->dst, SUMS_TMP);
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = path && tmp ? open_memstream(&text, &bytes) : NULL;
	enum status st = ST_NOMEM;

	if (f) {
		for (size_t i = 0; i < e->unit_count; i++)
			if (e->unit[i].folder->vol == v)
				print_unit(f, &e->unit[i]);
		if (fclose(f) == 0)	/* syncs all names with its own */
			st = store_replace_by(e->dest.store, path, tmp, text, bytes);
	}
	free(text);
	free(path);
	free(tmp);
	return st == ST_OK ? st : why_set(why, st, "%s/%s: %s", v->dst, SUMS_NAME, status_text(st));
}

enum status evac_log_close(struct evac *e, struct evac_volume *v, struct why *why)
{
	struct evac_log *log = &v->log;
	enum status st = ST_OK, closed;

	if (!log->file)
		return ST_OK;
	if (!e->cmd->dry_run)
		st = write_sums(e, v, why);
	closed = log->file->store->ops->file_close(log->file);
	log->file = NULL;
	if (st == ST_OK && closed != ST_OK)
		st = why_set(why, closed, "%s/%s: %s", v->dst, LOG_NAME, status_text(closed));
	return st;
}

void evac_log_free(struct evac_log *log)
{
	for (size_t i = 0; i < log->entry_count; i++)
		free(log->entry[i].path);
	free(log->entry);
	*log = (struct evac_log){ 0 };
}
