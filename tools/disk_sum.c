/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_sum - write a manifest, and compare a disk with one, both in a single pass. Blocks of zeros
 * are summed into the whole and left out of the list, so a thin disk of 1 TiB has a short
 * manifest; holes are not read. */
#include "tools/disk_sum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/base/fmt.h"
#include "tools/walk.h"

/* ---- one pass -------------------------------------------------------------------------------- */

struct pass {
	struct content	content;
	struct vmdk_job	*job;
	/* Called for every block in order; text NULL: all zeros. */
	void		(*block)(struct pass *p, uint64_t block, const char *text);
	char		all[SHA256_TEXT];	/* out */
	uint64_t	start_ns, read_bytes;	/* for the rate */
};

static enum status read_block(struct pass *p, uint64_t at, uint64_t bytes, uint8_t *buf, int *zero)
{
	uint64_t zeros;
	enum status st = content_zeros(&p->content, at, &zeros);

	if (st == ST_OK && zeros < bytes) {
		st = content_read(&p->content, at, buf, bytes);
		p->read_bytes += bytes;
		progress_hold_back(p->start_ns, p->read_bytes, p->job->rate_bytes_per_s);
	} else if (st == ST_OK) {
		memset(buf, 0, bytes);
	}
	*zero = st == ST_OK && (zeros >= bytes || port_accel()->is_zero(buf, bytes));
	return st;
}

static enum status pass_run(struct pass *p)
{
	uint64_t total = p->content.bytes;
	uint8_t *buf = port_dma_alloc(CONTENT_BLOCK);
	struct sha256 all, one;
	enum status st = buf ? ST_OK : ST_NOMEM;

	p->start_ns = port_now_ns();
	sha256_init(&all);
	for (uint64_t at = 0; st == ST_OK && at < total; at += CONTENT_BLOCK) {
		uint64_t n = MIN(total - at, CONTENT_BLOCK);
		char text[SHA256_TEXT];
		int zero;

		st = read_block(p, at, n, buf, &zero);
		if (st != ST_OK)
			break;
		sha256_add(&all, buf, n);
		if (!zero) {
			sha256_init(&one);
			sha256_add(&one, buf, n);
			sha256_end(&one, text);
		}
		p->block(p, at / CONTENT_BLOCK, zero ? NULL : text);
		if (p->job->progress && p->job->progress(p->job, at + n, total))
			st = ST_CANCELLED;
	}
	if (buf)
		port_dma_free(buf, CONTENT_BLOCK);
	sha256_end(&all, p->all);
	return st;
}

/* ---- writing one ----------------------------------------------------------------------------- */

enum status disk_sum_begin(struct disk_sum_out *o, struct store *s, const char *path,
			   const char *tmp, int version, struct why *why)
{
	struct store_file *f;
	enum status st;

	o->store = s;
	o->path = path;
	o->tmp = tmp;
	if (!s->ops->create)
		return why_set(why, ST_READONLY, "%s: %s is open for reading", path, s->name);
	st = s->ops->remove(s, tmp, NULL);	/* of a run that was killed */
	st = st == ST_OK || st == ST_NOENT ? s->ops->create(s, tmp, 0644, &f, why) : st;
	if (st != ST_OK)
		return why && why->text[0] ? st : why_set(why, st, "%s: %s", path, status_text(st));
	line_out_init(&o->lines, f, 0);
	line_put(&o->lines, "cairn-manifest %d\n", version);
	return ST_OK;
}

void disk_sum_section(struct disk_sum_out *o, const char *file, uint64_t bytes)
{
	char word[1024];

	if (file && !line_word(word, sizeof(word), file))
		o->lines.status = ST_NAME;
	if (file)
		line_put(&o->lines, "file %s\n", word);
	line_put(&o->lines, "bytes %llu\nblock %llu\nall ", (unsigned long long)bytes,
		 (unsigned long long)CONTENT_BLOCK);
	o->all_at = o->lines.at + o->lines.used;
	line_put(&o->lines, "%064d\n", 0);	/* disk_sum_all() knows */
}

void disk_sum_block(struct disk_sum_out *o, const char *sum, uint64_t block)
{
	line_put(&o->lines, "%s %llu\n", sum, (unsigned long long)block);
}

void disk_sum_all(struct disk_sum_out *o, const char all[SHA256_TEXT])
{
	if (line_out_write(&o->lines) == ST_OK)
		o->lines.status = store_write(o->lines.file, o->all_at, all, SHA256_TEXT - 1);
}

enum status disk_sum_end(struct disk_sum_out *o, enum status st, struct why *why)
{
	struct store *s = o->store;
	enum status closed, found = st;

	if (st == ST_OK)
		st = line_out_write(&o->lines);
	if (st == ST_OK)
		st = store_flush(o->lines.file);
	closed = s->ops->file_close(o->lines.file);
	if (st == ST_OK)
		st = closed;
	if (st == ST_OK)
		st = s->ops->rename(s, o->tmp, o->path, 1, why);
	if (st != ST_OK)
		(void)s->ops->remove(s, o->tmp, NULL);	/* the first failure is the one to tell */
	if (st == ST_OK || found != ST_OK || (why && why->text[0]))
		return st;
	return why_set(why, st, "%s: cannot be written: %s", o->path, status_text(st));
}

struct writing { struct pass pass; struct disk_sum_out out; };

static void write_block(struct pass *p, uint64_t block, const char *text)
{
	struct writing *w = container_of(p, struct writing, pass);

	if (text)
		disk_sum_block(&w->out, text, block);
}

static enum status write_manifest(struct writing *w, struct host_path *at, const char *tmp,
				  struct why *why)
{
	enum status st = disk_sum_begin(&w->out, at->store, at->path, tmp, 1, why);

	if (st != ST_OK)
		return st;
	disk_sum_section(&w->out, NULL, w->pass.content.bytes);
	st = pass_run(&w->pass);
	if (st == ST_OK)
		disk_sum_all(&w->out, w->pass.all);
	else
		why_set(why, st, "reading the disk for its sums failed: %s", status_text(st));
	st = disk_sum_end(&w->out, st, why);
	return st == ST_OK ? at->store->ops->sync(at->store) : st;
}

enum status disk_sum_write(struct cmd *cmd, struct vmdk_disk *disk, const char *manifest,
			   struct vmdk_job *job, struct why *why)
{
	struct host_path at;
	enum status st = host_resolve(cmd->host, manifest, HOST_WRITE, &at, why);
	struct writing *w = calloc(1, sizeof(*w));
	char *tmp = st == ST_OK ? walk_temporary(at.path) : NULL;

	if (st == ST_OK && (!w || !tmp)) {
		st = why_set(why, ST_NOMEM, "%s: no memory", manifest);
	} else if (st == ST_OK) {
		w->pass = (struct pass){ .job = job, .block = write_block };
		content_of_disk(&w->pass.content, disk);
		st = write_manifest(w, &at, tmp, why);
	}
	free(tmp);
	free(w);
	return st;
}

/* ---- comparing with one ---------------------------------------------------------------------- */

struct checking {
	struct pass		pass;
	struct line_in		in;
	const char		*file;		/* of this section; NULL: the disk */
	struct disk_sum_result	*result;
	char			sum[SHA256_TEXT];	/* of the next line that lists a block */
	uint64_t		block;		/* its number; ~0: the section is over */
	char			head[LINE_MAX_BYTES];	/* the line behind the section */
	uint8_t			damaged, more, no_memory;
};

static void note_bad(struct checking *c, uint64_t offset, uint64_t bytes)
{
	struct disk_sum_result *r = c->result;
	struct disk_sum_range *last = r->range_count ? &r->range[r->range_count - 1] : NULL, *grown;
	int same = last && (last->file ? c->file && strcmp(last->file, c->file) == 0 : !c->file);

	r->bad++;
	if (same && last->offset + last->bytes == offset) {
		last->bytes += bytes;
		return;
	}
	grown = realloc(r->range, (r->range_count + 1) * sizeof(*grown));
	c->no_memory |= !grown;
	if (!grown)
		return;
	r->range = grown;
	grown[r->range_count] = (struct disk_sum_range){ .file = c->file ? strdup(c->file) : NULL,
							 .offset = offset, .bytes = bytes };
	c->no_memory |= c->file && !grown[r->range_count].file;
	r->range_count++;
}

/* Read on to the next line that lists a block. */
static void next_listed(struct checking *c)
{
	char *line = line_next(&c->in), *end;

	c->block = ~0ull;
	c->more = line != NULL;
	if (!line)
		return;
	if (strncmp(line, "file ", 5) == 0) {
		mem_copy_text(c->head, sizeof(c->head), line);
		return;
	}
	if (strlen(line) < SHA256_TEXT || line[SHA256_TEXT - 1] != ' ') {
		c->damaged = 1;
		return;
	}
	c->block = strtoull(line + SHA256_TEXT, &end, 10);
	c->damaged |= *end != 0;
	line[SHA256_TEXT - 1] = 0;
	mem_copy_text(c->sum, sizeof(c->sum), line);
}

static void check_block(struct pass *p, uint64_t block, const char *text)
{
	struct checking *c = container_of(p, struct checking, pass);
	int listed = c->block == block;
	int good = listed ? text && strcmp(c->sum, text) == 0 : !text;
	uint64_t at = block * CONTENT_BLOCK;

	if (listed)
		next_listed(c);
	if (!good)
		note_bad(c, at, MIN(CONTENT_BLOCK, p->content.bytes - at));
	c->result->blocks++;
}

/* A line of the head: its number, or its text when number is NULL. 0; -1: another line. */
static int head_line(struct checking *c, const char *key, uint64_t *number, char sum[SHA256_TEXT])
{
	char *line = line_next(&c->in);
	size_t n = strlen(key);

	if (!line || strncmp(line, key, n) != 0)
		return -1;
	if (number)
		return fmt_parse_u64(line + n, number) == ST_OK ? 0 : -1;
	mem_copy_text(sum, SHA256_TEXT, line + n);
	return strlen(line + n) == SHA256_TEXT - 1 ? 0 : -1;
}

static enum status check_content(struct checking *c, const char *manifest, uint64_t bytes,
				 struct why *why)
{
	struct disk_sum_result *r = c->result;
	uint64_t block, claimed, bad = r->bad;
	char want[SHA256_TEXT];
	enum status st;

	if (head_line(c, "bytes ", &claimed, NULL) != 0 ||
	    head_line(c, "block ", &block, NULL) != 0 || block != CONTENT_BLOCK ||
	    head_line(c, "all ", NULL, want) != 0)
		return why_set(why, ST_CORRUPT, "%s: not a manifest of this program", manifest);
	if (claimed != bytes)
		return why_set(why, ST_CORRUPT,
			       "%s: describes %s of %llu bytes, this one has %llu", manifest,
			       c->file ? c->file : "a disk", (unsigned long long)claimed,
			       (unsigned long long)bytes);
	next_listed(c);
	st = pass_run(&c->pass);
	if (st != ST_OK)
		return why_set(why, st, "%s: reading it failed: %s", c->file ? c->file : "the disk",
			       status_text(st));
	if (c->no_memory)
		return why_set(why, ST_NOMEM, "no memory for what differs");
	if (c->in.status != ST_OK || c->damaged || c->block != ~0ull ||
	    (r->bad == bad && strcmp(c->pass.all, want) != 0))
		return why_set(why, ST_CORRUPT, "%s: its lines do not go together", manifest);
	return ST_OK;
}

/* One file of version 2: "file NAME" is in c->head. */
static enum status check_next_file(struct checking *c, const struct host_path *disk,
				   const char *manifest, struct disk_job *job, struct why *why)
{
	char dir[HOST_PATH_MAX], *path, name[1024];
	struct store *s = disk->store;
	struct store_stat ss;
	struct store_file *f;
	enum status st;

	if (!line_unword(name, sizeof(name), c->head + 5) || strchr(name, '/'))
		return why_set(why, ST_CORRUPT, "%s: names a file that cannot be", manifest);
	path_parent(disk->path, dir, sizeof(dir));
	path = walk_path(dir, name);
	if (!path)
		return why_set(why, ST_NOMEM, "%s: no memory", name);
	c->file = name;
	progress_phase(&job->progress, "verify", name, 0);
	st = s->ops->open(s, path, STORE_READ, &f, why);
	if (st == ST_OK) {
		st = s->ops->file_stat(f, &ss);
		content_of_file(&c->pass.content, f, ss.size_bytes);
		if (st == ST_OK)
			st = check_content(c, manifest, ss.size_bytes, why);
		(void)s->ops->file_close(f);	/* opened for reading */
	}
	c->file = NULL;
	free(path);
	return st;
}

static enum status check_files(struct checking *c, struct cmd *cmd, const char *name,
			       const char *manifest, struct disk_job *job, struct why *why)
{
	struct host_path *disk = calloc(1, sizeof(*disk));
	enum status st = disk ? host_resolve(cmd->host, name, HOST_READ, disk, why) : ST_NOMEM;

	if (st == ST_OK)
		next_listed(c);
	while (st == ST_OK && c->more)
		st = check_next_file(c, disk, manifest, job, why);
	free(disk);
	return st;
}

static enum status check_disk(struct checking *c, struct cmd *cmd, const char *name, unsigned flags,
			      const char *manifest, struct why *why)
{
	struct disk *d = calloc(1, sizeof(*d));
	enum status st = d ? disk_open(cmd, name, flags, d, why) : ST_NOMEM;

	if (st == ST_OK) {
		content_of_disk(&c->pass.content, d->vmdk);
		st = check_content(c, manifest, vmdk_bytes(d->vmdk), why);
	}
	if (d)
		st = disk_close(d, st, why);
	free(d);
	return st;
}

static enum status check_open(struct checking *c, struct cmd *cmd, const char *name, unsigned flags,
			      const char *manifest, struct disk_job *job, struct why *why)
{
	uint64_t version = 0;

	c->pass = (struct pass){ .job = &job->job, .block = check_block };
	if (head_line(c, "cairn-manifest ", &version, NULL) == 0 && version == 1)
		return check_disk(c, cmd, name, flags, manifest, why);
	if (version == 2)
		return check_files(c, cmd, name, manifest, job, why);
	return why_set(why, ST_CORRUPT, "%s: not a manifest of this program", manifest);
}

enum status disk_sum_check(struct cmd *cmd, const char *disk, unsigned flags, const char *manifest,
			   struct disk_job *job, struct disk_sum_result *result, struct why *why)
{
	struct checking *c = calloc(1, sizeof(*c));
	struct host_path at;
	struct store_file *f;
	enum status st = c ? host_resolve(cmd->host, manifest, HOST_READ, &at, why) : ST_NOMEM;

	*result = (struct disk_sum_result){ 0 };
	if (st == ST_OK)
		st = at.store->ops->open(at.store, at.path, STORE_READ, &f, why);
	if (st == ST_OK) {
		c->result = result;
		st = line_in_init(&c->in, f);
		if (st == ST_OK)
			st = check_open(c, cmd, disk, flags, manifest, job, why);
		(void)at.store->ops->file_close(f);	/* opened for reading */
	}
	free(c);
	return st;
}

void disk_sum_result_free(struct disk_sum_result *r)
{
	for (size_t i = 0; i < r->range_count; i++)
		free(r->range[i].file);
	free(r->range);
	*r = (struct disk_sum_result){ 0 };
}
