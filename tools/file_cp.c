/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* file_cp - cp and mv. A file is written under a hidden temporary name beside its target, made
 * durable and renamed: a reader sees the old file or the whole new one, and a copy that was
 * stopped leaves nothing under the final name. First everything is counted, so that a target that
 * is too small is refused before it is filled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/base/fmt.h"
#include "tools/copy.h"
#include "tools/file.h"
#include "tools/host_file.h"
#include "tools/live.h"

#define COPY_TRIES 3	/* of a file that changes while it is copied */

struct cp {
	struct cmd		*cmd;
	struct copy_job		job;
	struct progress		progress;
	struct host_path	*target;
	uint64_t total_bytes, moved_bytes; /* to write, as far as the sources tell */
	uint64_t		files;
	uint64_t		rate, start_ns;
	uint8_t			recursive, moving;
	uint64_t		left_out, gaps;	/* sources that could not be read; ranges of them */
	const char		*at;		/* the source that is being copied */
	enum status		source;		/* not ST_OK: what failed was reading a source */
	json_t			*items;
};

/* One end of a copy. */
struct place {
	struct store	*store;
	const char	*path;
	const char	*name;		/* for messages */
};

static int moved(struct copy_job *job, uint64_t bytes)
{
	struct cp *cp = container_of(job, struct cp, job);

	cp->moved_bytes += bytes;
	progress_hold_back(cp->start_ns, cp->moved_bytes, cp->rate);
	return progress_update(&cp->progress, cp->moved_bytes,
			       MAX(cp->total_bytes, cp->moved_bytes));
}

static void gap(struct copy_job *job, uint64_t offset, uint64_t bytes, uint64_t where,
		enum status st)
{
	struct cp *cp = container_of(job, struct cp, job);
	char place[60] = "";
	struct why why;

	cp->gaps++;
	if (where != UINT64_MAX)
		snprintf(place, sizeof(place), " (volume offset 0x%llx)",
			 (unsigned long long)where);
	why_set(&why, st, "%.200s: %llu bytes at %llu%s cannot be read: %s; the copy has zeros",
		cp->at, (unsigned long long)bytes, (unsigned long long)offset, place,
		status_text(st));
	cmd_complain(cp->cmd, cp->at, st, &why);
}

/* ---- one file -------------------------------------------------------------------------------- */

static enum status read_failed(const struct cp *cp, const struct place *src, enum status s,
			       struct why *why)
{
	if (!cp->job.source_failed)
		return why_set(why, s, "%s: the copy failed: %s", src->name, status_text(s));
	return why_set(why, s, "%s: cannot be read at byte %llu: %s", src->name,
		       (unsigned long long)cp->job.source_at, status_text(s));
}

/* The data once, as long as the file is now. */
static enum status copy_once(struct cp *cp, const struct place *src, struct store_file *from,
			     struct store_file *to, struct why *why)
{
	struct store_stat st;
	enum status s = from->store->ops->file_stat(from, &st);

	if (s == ST_OK)
		s = to->store->ops->file_resize(to, 0);
	if (s == ST_OK)
		s = copy_file(from, to, st.size_bytes, &cp->job);
	return s == ST_OK ? live_file_check(cp->cmd, from, src->name, why) : s;
}

/* A source that changed under the copy is copied again. */
static enum status copy_at_rest(struct cp *cp, const struct place *src, struct store_file *from,
				struct store_file *to, struct why *why)
{
	enum status s = live_file_check(cp->cmd, from, src->name, why);

	cp->source = s;
	for (int tries = 0; (s == ST_OK && !tries) || (s == ST_BUSY && tries && tries < COPY_TRIES);
	     tries++) {
		*why = (struct why){ 0 };
		s = copy_once(cp, src, from, to, why);
		cp->source = s == ST_BUSY || cp->job.source_failed ? s : ST_OK;
	}
	return s;
}

static enum status copy_data(struct cp *cp, const struct place *src, struct store_file *to,
			     struct why *why)
{
	const struct store_ops *ops = src->store->ops;
	struct store_file *from;
	enum status s = ops->open(src->store, src->path, STORE_READ, &from, why);

	cp->source = s;
	if (s != ST_OK)
		return s;
	cp->at = src->name;
	cp->job.source_failed = 0;
	s = copy_at_rest(cp, src, from, to, why);
	if (s == ST_OK && !to->store->ordered)
		s = store_flush(to);
	(void)ops->file_close(from);	/* opened for reading: nothing can be lost */
	if (s == ST_CANCELLED)
		return why_set(why, s, "%s: interrupted; nothing half done is left", src->name);
	if (s != ST_OK && why->text[0])
		return s;
	return s == ST_OK ? s : read_failed(cp, src, s, why);
}

/* Put the finished temporary file in place, or take it away. */
static enum status settle(const struct place *dst, const char *tmp, const struct store_stat *st,
			  enum status s, struct why *why)
{
	const struct store_ops *ops = dst->store->ops;

	if (s == ST_OK)
		s = host_file_set_attr(dst->store, tmp, st->mode & 07777, st->mtime_s);
	if (s == ST_OK)
		s = ops->rename(dst->store, tmp, dst->path, 1, why);
	if (s != ST_OK && ops->remove(dst->store, tmp, NULL) != ST_OK)
		why_at(why, s, "%s is left beside %s; remove it", path_last(tmp), dst->name);
	return s;
}

static enum status copy_regular(struct cp *cp, const struct place *src, const struct store_stat *st,
				const struct place *dst, struct why *why)
{
	const struct store_ops *ops = dst->store->ops;
	char *tmp = walk_temporary(dst->path);
	struct store_file *to;
	enum status s, closed;

	if (!tmp)
		return why_set(why, ST_NOMEM, "%s: no memory", src->name);
	s = ops->create(dst->store, tmp, 0600, &to, why);
	if (s == ST_OK) {
		s = copy_data(cp, src, to, why);
		closed = ops->file_close(to);
		s = settle(dst, tmp, st, s == ST_OK ? closed : s, why);
	}
	free(tmp);
	return s;
}

static enum status copy_link(const struct place *src, const struct store_stat *st,
			     const struct place *dst, struct why *why)
{
	const struct store_ops *ops = dst->store->ops;
	char target[HOST_PATH_MAX], *tmp = walk_temporary(dst->path);
	enum status s;

	(void)st;
	if (!tmp)
		return why_set(why, ST_NOMEM, "%s: no memory", src->name);
	s = src->store->ops->readlink(src->store, src->path, target, sizeof(target));
	if (s == ST_OK)
		s = ops->symlink(dst->store, target, tmp, why);
	if (s == ST_OK) {
		s = ops->rename(dst->store, tmp, dst->path, 1, why);
		if (s != ST_OK)
			(void)ops->remove(dst->store, tmp, NULL); /* the first failure counts */
	}
	free(tmp);
	return s;
}

/* ---- trees ----------------------------------------------------------------------------------- */

static enum status copy_tree(struct cp *cp, const struct place *src, const struct store_stat *st,
			     const struct place *dst, const struct walk_level *up, struct why *why);

static enum status copy_entry(struct cp *cp, const struct place *src, const struct walk_entry *e,
			      const struct place *dst, const struct walk_level *level,
			      struct why *why)
{
	char *from = walk_path(src->path, e->name), *to = walk_path(dst->path, e->name);
	char *name = walk_path(src->name, e->name), *to_name = walk_path(dst->name, e->name);
	enum status s = ST_NOMEM;

	if (from && to && name && to_name)
		s = copy_tree(cp, &(struct place){ src->store, from, name }, &e->st,
			      &(struct place){ dst->store, to, to_name }, level, why);
	free(from);
	free(to);
	free(name);
	free(to_name);
	return s;
}

static int may_leave_out(const struct cp *cp, enum status s)
{
	/* A move takes the source away afterwards: it is all or nothing. */
	return !cp->moving && cp->source == s && s != ST_CANCELLED && s != ST_NOMEM;
}

/* One source that cannot be read does not keep the others from being copied. */
static enum status left_out(struct cp *cp, const char *name, enum status s, struct why *why)
{
	cmd_complain(cp->cmd, name, s, why);
	cp->left_out++;
	cp->source = ST_OK;
	*why = (struct why){ 0 };
	return ST_OK;
}

static enum status copy_dir(struct cp *cp, const struct place *src, const struct store_stat *st,
			    const struct place *dst, const struct walk_level *up, struct why *why)
{
	const struct store_ops *ops = dst->store->ops;
	struct walk_level level;
	struct store_stat have;
	struct walk_dir d;
	enum status s = walk_enter(&level, up, st, src->name, why);

	if (s == ST_OK && ops->stat(dst->store, dst->path, &have, NULL) == ST_NOENT)
		s = ops->mkdir(dst->store, dst->path, 0755, why);
	if (s != ST_OK)
		return s;
	s = walk_read(src->store, src->path, &d, why);
	cp->source = s;
	if (s != ST_OK)
		return s;
	if (d.damaged != ST_OK)
		s = left_out(cp, src->name, d.damaged, why);
	for (size_t i = 0; s == ST_OK && i < d.count; i++) {
		s = copy_entry(cp, src, &d.entry[i], dst, &level, why);
		if (s != ST_OK && may_leave_out(cp, s))
			s = left_out(cp, d.entry[i].name, s, why);
	}
	walk_free(&d);
	if (s == ST_OK && strcmp(dst->path, "/") != 0)
		s = host_file_set_attr(dst->store, dst->path, st->mode & 07777, st->mtime_s);
	return s;
}

static enum status copy_tree(struct cp *cp, const struct place *src, const struct store_stat *st,
			     const struct place *dst, const struct walk_level *up, struct why *why)
{
	progress_phase_object(&cp->progress, src->name);
	switch (st->kind) {
	case STORE_DIR:
		return copy_dir(cp, src, st, dst, up, why);
	case STORE_SYMLINK:
		return copy_link(src, st, dst, why);
	case STORE_FILE:
		return copy_regular(cp, src, st, dst, why);
	case STORE_SYSTEM:
		if (!up)	/* asked for by name: its content is readable */
			return copy_regular(cp, src, st, dst, why);
		return ST_OK;	/* the file system's own: no part of a tree */
	default:
		if (file_is_lost(src->store, st)) {
			cp->source = ST_CORRUPT;
			return why_set(why, ST_CORRUPT, "%s: its descriptor is damaged or missing",
				       src->name);
		}
		cmd_note(cp->cmd, "%s: is a %s and was left out", src->name,
			 file_kind_word(st->kind));
		return ST_OK;
	}
}

/* ---- counting -------------------------------------------------------------------------------- */

static enum status count_tree(struct cp *cp, const struct place *src, const struct store_stat *st,
			      const struct walk_level *up, struct why *why)
{
	struct walk_level level;
	struct walk_dir d;
	enum status s;

	if (st->kind != STORE_DIR) {
		cp->files++;
		if (st->kind == STORE_FILE)
			cp->total_bytes += MIN(st->size_bytes, st->block_bytes ? st->allocated_bytes
									       : st->size_bytes);
		return ST_OK;
	}
	s = walk_enter(&level, up, st, src->name, why);
	if (s == ST_CORRUPT || s == ST_LIMIT)
		return ST_OK;	/* the copy will say so */
	if (s == ST_OK && walk_read(src->store, src->path, &d, NULL) != ST_OK)
		return ST_OK;
	if (s != ST_OK)
		return s;
	for (size_t i = 0; s == ST_OK && i < d.count; i++) {
		char *below = walk_path(src->path, d.entry[i].name);

		s = below ? count_tree(cp, &(struct place){ src->store, below, src->name },
				       &d.entry[i].st, &level, why)
			  : ST_NOMEM;
		free(below);
	}
	walk_free(&d);
	return s;
}

static enum status enough_room(struct cp *cp, struct why *why)
{
	struct store *to = cp->target->store;
	struct store_space space;
	char need[24], have[24];
	enum status s = host_file_space(to, cp->target->path, &space);

	if (s != ST_OK)
		return why_set(why, s, "%s: its free space cannot be read", cp->target->name);
	/* Which files are small enough is not asked: this is for copies that cannot fit at all. */
	if (cp->total_bytes <= space.free_bytes + space.small_bytes)
		return ST_OK;
	fmt_size(need, sizeof(need), cp->total_bytes);
	fmt_size(have, sizeof(have), space.free_bytes);
	return why_set(why, ST_NOSPACE, "%s: %s to copy, %s free; free some space or copy less",
		       cp->target->name, need, have);
}

/* ---- operands -------------------------------------------------------------------------------- */

/* A source with all that is decided about it. */
struct item {
	struct host_path	*src;
	struct store_stat	st;
	char			*dst_path, *dst_name;
};

static enum status check_item(const struct cp *cp, const struct item *it, int moving,
			      struct why *why)
{
	struct store *to = cp->target->store;
	struct store_stat have;
	enum status s;

	if (it->st.kind == STORE_DIR && !cp->recursive)
		return why_set(why, ST_ISDIR, "%s: is a directory; use -r", it->src->name);
	if (it->st.kind == STORE_DIR && to == it->src->store &&
	    path_is_below(it->dst_path, it->src->path))
		return why_set(why, ST_REFUSED, "%s: cannot go into itself, %s", it->src->name,
			       it->dst_name);
	s = to->ops->stat(to, it->dst_path, &have, NULL);
	if (s == ST_NOENT)
		return ST_OK;
	if (s != ST_OK)
		return s;
	if (to == it->src->store && have.id == it->st.id)
		return why_set(why, ST_REFUSED, "%s: and %s are the same file", it->src->name,
			       it->dst_name);
	if (have.kind == STORE_SYSTEM)
		return why_set(why, ST_REFUSED, "%s: belongs to the file system itself",
			       it->dst_name);
	if ((have.kind == STORE_DIR) != (it->st.kind == STORE_DIR) ||
	    (moving && have.kind == STORE_DIR))
		return why_set(why, have.kind == STORE_DIR ? ST_ISDIR : ST_NOTDIR,
			       "%s: exists and is a %s; choose another name", it->dst_name,
			       file_kind_word(have.kind));
	return ST_OK;
}

/* The name that a source gets inside a directory: the last word as it was written, so that a link
 * keeps its name; for "." and the like that of what it stands for. */
static char *name_inside(const char *dir, const struct host_path *src)
{
	size_t end = strlen(src->name), start;
	char *word, *path;

	while (end > 1 && src->name[end - 1] == '/')
		end--;
	for (start = end; start > 0 && src->name[start - 1] != '/'; start--)
		;
	word = strndup(src->name + start, end - start);
	if (word && (strcmp(word, ".") == 0 || strcmp(word, "..") == 0)) {
		free(word);
		word = strdup(path_last(src->path));
	}
	path = word ? walk_path(dir, word) : NULL;
	free(word);
	return path;
}

static enum status get_item(struct cp *cp, const char *name, int into, int moving, struct item *it,
			    struct why *why)
{
	enum host_access access = moving && !cp->cmd->dry_run ? HOST_WRITE : HOST_READ;
	enum status s =
		file_get(cp->cmd, name, access, !moving && !cp->recursive, &it->src, &it->st, why);

	if (s != ST_OK)
		return why->text[0] ? s : why_set(why, s, "%s: %s", name, status_text(s));
	it->dst_path = into ? name_inside(cp->target->path, it->src) : strdup(cp->target->path);
	it->dst_name = into ? name_inside(cp->target->name, it->src) : strdup(cp->target->name);
	if (!it->dst_path || !it->dst_name)
		return why_set(why, ST_NOMEM, "%s: no memory", name);
	s = check_item(cp, it, moving, why);
	if (s == ST_OK && !(moving && it->src->store == cp->target->store))
		s = count_tree(cp, &(struct place){ it->src->store, it->src->path, name }, &it->st,
			       NULL, why);
	return s;
}

static void put_item(struct item *it)
{
	file_put(it->src);
	free(it->dst_path);
	free(it->dst_name);
}

/* before: the counts of cp->job when the item's turn came. */
static void add_json(struct cp *cp, const struct item *it, const struct copy_job *before)
{
	json_array_append_new(
		cp->items,
		json_pack("{s:o, s:o, s:b, s:o, s:o, s:o}", "source", out_json_name(it->src->name),
			  "target", out_json_name(it->dst_name), "dry_run", cp->cmd->dry_run,
			  "read_bytes", out_json_bytes(cp->job.bytes_read - before->bytes_read),
			  "written_bytes",
			  out_json_bytes(cp->job.bytes_written - before->bytes_written),
			  "skipped_bytes",
			  out_json_bytes(cp->job.bytes_skipped - before->bytes_skipped)));
}

static enum status copy_item(struct cp *cp, const struct item *it, struct why *why)
{
	struct place src = { it->src->store, it->src->path, it->src->name };
	struct place dst = { cp->target->store, it->dst_path, it->dst_name };
	struct copy_job before = cp->job;
	enum status s = copy_tree(cp, &src, &it->st, &dst, NULL, why);
	char rd[24], wr[24], sk[24];

	if (s != ST_OK)
		return why->text[0] ? s : why_set(why, s, "%s: %s", it->src->name, status_text(s));
	if (cp->items)
		add_json(cp, it, &before);
	else if (cp->cmd->verbose)
		cmd_note(cp->cmd, "%s -> %s: %s read, %s written, %s of holes skipped",
			 it->src->name, it->dst_name,
			 out_size(rd, sizeof(rd), cp->job.bytes_read - before.bytes_read, 0),
			 out_size(wr, sizeof(wr), cp->job.bytes_written - before.bytes_written, 0),
			 out_size(sk, sizeof(sk), cp->job.bytes_skipped - before.bytes_skipped, 0));
	return ST_OK;
}

static enum status move_item(struct cp *cp, const struct item *it, struct why *why)
{
	struct store *from = it->src->store;
	enum status s;

	if (it->st.kind == STORE_SYSTEM)
		return why_set(why, ST_REFUSED, "%s: belongs to the file system itself",
			       it->src->name);
	if (from == cp->target->store) {
		s = from->ops->rename(from, it->src->path, it->dst_path, 1, why);
		if (s == ST_OK && cp->items)
			add_json(cp, it, &cp->job);
		return s;
	}
	s = copy_item(cp, it, why);
	if (s == ST_OK)
		s = cp->target->store->ops->sync(cp->target->store);
	return s == ST_OK ? file_remove_tree(from, it->src->path, &it->st, 1, why) : s;
}

static void say_plan(struct cp *cp, const struct item *it, int moving)
{
	char size[24], from[OUT_NAME_MAX], to[OUT_NAME_MAX];

	out_name(from, sizeof(from), it->src->name);
	out_name(to, sizeof(to), it->dst_name);
	if (cp->items)
		add_json(cp, it, &cp->job);
	else if (moving && it->src->store == cp->target->store)
		printf("would rename %s to %s\n", from, to);
	else
		printf("would %s %s to %s, %s of data\n", moving ? "move" : "copy", from, to,
		       out_size(size, sizeof(size), cp->total_bytes, 0));
}

/* The last operand: an existing directory takes all, anything else stands for one. */
static enum status get_target(struct cp *cp, const char *name, int *into, struct why *why)
{
	struct store_stat st;
	enum status s = file_get(cp->cmd, name, cmd_write_access(cp->cmd), 1,
				 &cp->target, &st, why);

	*into = s == ST_OK && st.kind == STORE_DIR;
	if (s == ST_NOENT && cp->target && cp->target->store) {
		char dir[HOST_PATH_MAX];
		struct store_stat up;

		*why = (struct why){ 0 };
		path_parent(cp->target->path, dir, sizeof(dir));
		s = cp->target->store->ops->stat(cp->target->store, dir, &up, NULL);
		if (s != ST_OK || up.kind != STORE_DIR)
			return why_set(why, s == ST_OK ? ST_NOTDIR : s,
				       "%s: there is no such directory; make it with mkdir -p",
				       name);
		if (mem_ends_with(name, "/"))
			return why_set(why, ST_NOENT,
				       "%s: there is no such directory; make it first", name);
	} else if (s == ST_OK && st.kind != STORE_FILE && st.kind != STORE_DIR) {
		return why_set(why, ST_REFUSED, "%s: is a %s; choose another name", name,
			       file_kind_word(st.kind));
	}
	if (s == ST_OK && !cp->cmd->dry_run)
		s = file_writable(cp->target, why);
	if (s == ST_OK && cp->cmd->args.operand_count > 2 && !*into)
		return why_set(why, ST_NOTDIR, "%s: is not a directory, and there are many sources",
			       name);
	return s;
}

/* ---- the verbs ------------------------------------------------------------------------------- */

static enum status do_items(struct cp *cp, struct item *it, size_t count, int moving,
			    struct why *why)
{
	enum status s = ST_OK;

	for (size_t i = 0; s == ST_OK && i < count; i++) {
		if (cp->cmd->dry_run)
			say_plan(cp, &it[i], moving);
		else
			s = moving ? move_item(cp, &it[i], why) : copy_item(cp, &it[i], why);
		if (s != ST_OK && count > 1 && may_leave_out(cp, s))
			s = left_out(cp, it[i].src->name, s, why);
	}
	if (!cp->cmd->dry_run) {
		enum status synced = cp->target->store->ops->sync(cp->target->store);

		if (s == ST_OK && synced != ST_OK)
			s = why_set(why, synced, "%s: what was written could not be made durable",
				    cp->target->name);
	}
	return s;
}

static enum status run_items(struct cp *cp, struct item *it, size_t count, int moving,
			     struct why *why)
{
	const char *const *names = cp->cmd->args.operand;
	int into;
	enum status s = get_target(cp, names[count], &into, why);

	for (size_t i = 0; s == ST_OK && i < count; i++)
		s = get_item(cp, names[i], into, moving, &it[i], why);
	if (s == ST_OK)
		s = enough_room(cp, why);
	if (s != ST_OK)
		return s;
	cmd_progress(cp->cmd, &cp->progress);
	progress_phase(&cp->progress, moving ? "move" : "copy", names[0], cp->total_bytes);
	cp->start_ns = port_now_ns();
	s = do_items(cp, it, count, moving, why);
	progress_end(&cp->progress, s == ST_OK && cp->total_bytes && !cp->cmd->dry_run);
	return s;
}

static int copy_or_move(struct cmd *cmd, int moving)
{
	size_t count = cmd->args.operand_count - 1;
	struct cp *cp = calloc(1, sizeof(*cp));
	struct item *it = calloc(count, sizeof(*it));
	struct why why = { 0 };
	json_t *doc;
	int partly;
	enum status s;

	if (!cp || !it) {
		free(cp);
		free(it);
		return cmd_fail(cmd, NULL, ST_NOMEM, NULL);
	}
	cp->cmd = cmd;
	cp->job.moved = moved;
	if (!moving && opt_has(&cmd->args, "rescue"))
		cp->job.gap = gap;
	cp->moving = (uint8_t)moving;
	cp->recursive = moving || opt_has(&cmd->args, "recursive") > 0;
	cp->rate = moving ? 0 : opt_number(&cmd->args, "rate", 0);
	doc = cmd->json ? out_doc(cmd->verb->schema, &cp->items) : NULL;
	s = run_items(cp, it, count, moving, &why);
	for (size_t i = 0; i < count; i++)
		put_item(&it[i]);
	file_put(cp->target);
	partly = cp->left_out || cp->gaps;
	free(it);
	free(cp);
	if (s == ST_OK && partly && doc)
		out_doc_fail(doc, ST_CORRUPT, cmd->args.operand[0],
			     "some of it could not be copied; the messages say what");
	if (s == ST_OK && doc && live_print(cmd, doc) != 0)
		return EXIT_FAILED;
	if (s == ST_OK)
		return partly ? EXIT_PARTLY : EXIT_DONE;
	json_decref(doc);
	return cmd_fail(cmd, cmd->args.operand[count], s, &why);
}

int file_cp(struct cmd *cmd) { return copy_or_move(cmd, 0); }

int file_mv(struct cmd *cmd) { return copy_or_move(cmd, 1); }
