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
 * again. A journal starts with what it is a copy of; of anything else it is thrown away.
 * 1 and 2 are here; evac_look.c and evac_journal.c tell where to go on, evac_place.c is 3 to 5. */
#include "tools/evac_unit.h"

#include <stdlib.h>
#include <string.h>

#include "tools/host_file.h"
#include "tools/walk.h"

static int on_moved(struct block_copy *bc, uint64_t read_bytes)
{
	struct evac_job *j = container_of(bc, struct evac_job, bc);
	struct evac *e = j->e;

	e->moved_bytes += read_bytes;
	progress_hold_back(e->start_ns, e->moved_bytes, e->rate);
	progress_phase_object(&e->progress, j->u->name);
	return progress_update(&e->progress, e->moved_bytes, MAX(e->todo_bytes, e->moved_bytes)) ||
	       e->stop;
}

/* from and to are set: copy, from where the journal says. */
static enum status copy_content(struct evac_job *j, char all[SHA256_TEXT])
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

static enum status open_part(struct evac_job *j, const char *path, uint64_t bytes,
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
static enum status source_unchanged(struct evac_job *j, const char *path, const struct evac_file *f,
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

static enum status copy_open_file(struct evac_job *j, struct evac_file *f, struct store_file *from,
				  const char *path, struct why *why)
{
	char *part = evac_hidden_path(j->u, (size_t)(f - j->u->file), PART_DATA);
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

static enum status copy_one_file(struct evac_job *j, struct evac_file *f, struct why *why)
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

static enum status copy_chain_to(struct evac_job *j, struct vmdk_disk *chain, const char *part,
				 struct why *why)
{
	struct vmdk_create_opts opts = { .kind = VMDK_VMFS, .alloc = VMDK_THIN,
					 .bytes = vmdk_bytes(chain) };
	struct vmdk_disk *to;
	enum status st = ST_OK, closed;

	if (!j->next) {
		st = evac_remove_parts(j);
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

static enum status copy_chain(struct evac_job *j, struct why *why)
{
	char *path = walk_path(j->u->folder->path, j->u->name);
	char *part = evac_hidden_path(j->u, 0, PART_DATA);
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

static enum status copy_link(struct evac_job *j, struct why *why)
{
	char *path = walk_path(j->u->folder->path, j->u->name);
	char *to = evac_final_path(j->u, j->u->name), target[HOST_PATH_MAX];
	enum status st = path && to ? ST_OK : ST_NOMEM;

	if (st == ST_OK)
		st = j->src->ops->readlink(j->src, path, target, sizeof(target));
	if (st == ST_OK)
		st = j->dst->ops->symlink(j->dst, target, to, why);
	free(path);
	free(to);
	return st;
}

static enum status copy_files(struct evac_job *j, struct why *why)
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

/* ---- the unit -------------------------------------------------------------------------------- */

static enum status no_memory(struct evac_job *j, struct why *why)
{
	return why_set(why, ST_NOMEM, "%s: no memory", j->u->name);
}

static enum status run_job(struct evac_job *j, struct why *why)
{
	struct evac_unit *u = j->u;
	enum status st;

	if (u->kind == EVAC_LINK)
		return copy_link(j, why);
	if (!evac_is_logged(u) && evac_in_the_way(j->e, u)) {
		*why = u->why;
		return ST_EXIST;
	}
	st = evac_journal_open(j, why);
	if (st == ST_OK)
		st = copy_files(j, why);
	if (st == ST_OK)
		st = evac_log_done(&u->folder->vol->log, u);
	return st == ST_OK ? evac_place(j, why) : st;
}

void evac_unit_run(struct evac *e, struct evac_unit *u)
{
	struct evac_job *j = calloc(1, sizeof(*j));
	struct why why = { 0 };
	enum status st = ST_NOMEM;

	u->state = EVAC_RUNNING;
	if (j) {
		*j = (struct evac_job){ .e = e, .u = u, .src = u->folder->vol->src,
					.dst = e->dest.store };
		st = run_job(j, &why);
		if (st == ST_NOMEM && !why.text[0])
			st = no_memory(j, &why);
		evac_journal_close(j);
	}
	free(j);
	u->state = st == ST_OK ? EVAC_DONE : EVAC_FAILED;
	if (st != ST_OK && !why.text[0])
		why_set(&why, st, "%s/%s: %s", u->folder->path, u->name, status_text(st));
	u->why = why;
	u->why.status = st;
}
