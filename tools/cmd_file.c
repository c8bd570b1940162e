/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_file - `cairn file`: files on a datastore as files. The table, the small verbs, and what
 * all of them share; ls, cp, rm and du have files of their own. */
#include "tools/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/copy.h"
#include "tools/live.h"

#define LINKS_MAX 16

/* ---- shared ---------------------------------------------------------------------------------- */

/* Replace a link's path by what it points to. */
static enum status follow_one(struct cmd *cmd, struct host_path *p, enum host_access access,
			      struct why *why)
{
	char target[HOST_PATH_MAX], dir[HOST_PATH_MAX], joined[2 * HOST_PATH_MAX];
	enum status st = p->store->ops->readlink(p->store, p->path, target, sizeof(target));

	if (st != ST_OK)
		return why_set(why, st, "%s: the link cannot be read", p->name);
	if (target[0] == '/' && !p->volume)
		return host_resolve(cmd->host, target, access, p, why);
	if (target[0] == '/') { /* of the host: only a datastore name means the same there */
		if (!host_is_datastore_name(target))
			return why_set(why, ST_NOENT, "%s: links to %s of the host", p->name,
				       target);
		return host_resolve(cmd->host, target, access, p, why);
	}
	path_parent(p->path, dir, sizeof(dir));
	if (path_join(dir, target, joined, sizeof(joined)) != 0 ||
	    path_normal(joined, p->path, sizeof(p->path)) != 0)
		return why_set(why, ST_LIMIT, "%s: the link is too long", p->name);
	return ST_OK;
}

static enum status get(struct cmd *cmd, const char *name, enum host_access access, int follow,
		       struct host_path *p, struct store_stat *st, struct why *why)
{
	enum status s = host_resolve(cmd->host, name, access, p, why);

	for (int links = 0; s == ST_OK; links++) {
		s = p->store->ops->stat(p->store, p->path, st, why);
		if (s != ST_OK || !follow || st->kind != STORE_SYMLINK)
			return s;
		if (links == LINKS_MAX)
			return why_set(why, ST_LIMIT, "%s: more than %d links in a row", name,
				       LINKS_MAX);
		if (strcmp(p->store->ops->name, "volumes") == 0)	/* a label */
			return ST_OK;
		s = follow_one(cmd, p, access, why);
	}
	return s;
}

enum status file_get(struct cmd *cmd, const char *name, enum host_access access, int follow,
		     struct host_path **path, struct store_stat *st, struct why *why)
{
	struct host_path *p = calloc(1, sizeof(*p));
	enum status s;

	if (!p)
		return why_set(why, ST_NOMEM, "%s: no memory", name);
	s = get(cmd, name, access, follow, p, st, why);
	if (s == ST_OK || s == ST_NOENT)
		*path = p;	/* a missing file still has a place */
	else
		free(p);
	return s;
}

void file_put(struct host_path *path) { free(path); }

void file_item_failed(struct cmd *cmd, const char *name, enum status st, const struct why *why,
		      int *code)
{
	cmd_complain(cmd, name, st, why);
	*code = *code == EXIT_DONE ? exit_of(st) : *code;
}

void file_item_done(struct cmd *cmd, json_t *items, const char *name)
{
	if (items)
		json_array_append_new(items, json_pack("{s:o, s:b}", "path", out_json_name(name),
						       "dry_run", cmd->dry_run));
}

int file_items_end(json_t *doc, int code)
{
	if (!doc)
		return code;
	if (code != EXIT_DONE)
		out_doc_fail(doc, ST_INVAL, NULL, "not all of it could be done; the messages on "
			     "standard error say why");
	return out_doc_print(doc) == 0 ? code : EXIT_FAILED;
}

char file_kind_letter(enum store_kind kind)
{
	static const char letters[] = "-dlr-?";

	return (size_t)kind < sizeof(letters) - 1 ? letters[kind] : '?';
}

int file_is_lost(const struct store *s, const struct store_stat *st)
{
	return st->kind == STORE_OTHER && strcmp(s->ops->name, "vmfs") == 0;
}

const char *file_kind_word(enum store_kind kind)
{
	static const char *const words[] = { "file", "directory", "symlink",
					     "rdm",  "system",	  "other" };

	return (size_t)kind < ARRAY_COUNT(words) ? words[kind] : "other";
}

void file_target(struct store *s, const char *path, char *buf, size_t size)
{
	if (s->ops->readlink(s, path, buf, size) != ST_OK)
		buf[0] = 0;
}

static json_t *json_time(int64_t seconds)
{
	char when[24];

	return json_string(out_time_utc(when, sizeof(when), seconds));
}

json_t *file_json(struct store *s, const char *path, const char *shown, const struct store_stat *st)
{
	char target[1024] = "", mode[8], id[24];

	if (st->kind == STORE_SYMLINK)
		file_target(s, path, target, sizeof(target));
	snprintf(mode, sizeof(mode), "%04o", st->mode & 07777);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)st->id);
	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:s, s:i, s:i, s:i, s:o, s:o, s:o, s:o}",
			 "path", out_json_name(shown), "kind", file_kind_word(st->kind), "id", id,
			 "size_bytes", out_json_bytes(st->size_bytes), "allocated_bytes",
			 out_json_bytes(st->allocated_bytes), "block_bytes",
			 st->block_bytes ? json_integer(st->block_bytes) : json_null(), "mode",
			 mode, "uid", (int)st->uid, "gid", (int)st->gid, "links", (int)st->links,
			 "modified_time", json_time(st->mtime_s), "changed_time",
			 json_time(st->ctime_s), "accessed_time", json_time(st->atime_s), "target",
			 st->kind == STORE_SYMLINK ? out_json_name(target) : json_null());
}

enum status file_writable(const struct host_path *path, struct why *why)
{
	if (path->store->ops->create && path->store->writable)
		return ST_OK;
	return why_set(why, ST_READONLY, "%s: is on a store that is open for reading", path->name);
}

/* ---- cat ------------------------------------------------------------------------------------- */

static enum status cat_one(struct cmd *cmd, const char *name, struct why *why)
{
	struct copy_job job = { 0 };
	struct host_path *p = NULL;
	struct store_file *f;
	struct store_stat st;
	enum status s = file_get(cmd, name, HOST_READ, 1, &p, &st, why);

	if (s == ST_OK && st.kind == STORE_DIR)
		s = why_set(why, ST_ISDIR, "%s: is a directory; name a file", name);
	if (s == ST_OK)
		s = p->store->ops->open(p->store, p->path, STORE_READ, &f, why);
	if (s != ST_OK) {
		file_put(p);
		return s;
	}
	s = live_file_check(cmd, f, name, why);
	if (s == ST_OK)
		s = f->store->ops->file_stat(f, &st);
	if (s == ST_OK) {
		s = copy_to_fd(f, st.size_bytes, STDOUT_FILENO, &job);
		if (s == ST_OK)
			s = live_file_check(cmd, f, name, why);
		if (job.fd_errno)
			why_set(why, s, "standard output: %s; %llu bytes of %s were written",
				strerror(job.fd_errno), (unsigned long long)job.bytes_written,
				name);
	}
	(void)p->store->ops->file_close(f); /* opened for reading: nothing can be lost */
	file_put(p);
	return s;
}

static int file_cat(struct cmd *cmd)
{
	int code = EXIT_DONE;

	for (size_t i = 0; i < cmd->args.operand_count && !port_interrupted(); i++) {
		struct why why = { 0 };
		enum status st = cat_one(cmd, cmd->args.operand[i], &why);

		if (st != ST_OK)
			file_item_failed(cmd, cmd->args.operand[i], st, &why, &code);
	}
	return port_interrupted() ? exit_of(ST_CANCELLED) : code;
}

/* ---- mkdir ----------------------------------------------------------------------------------- */

/* Make one directory; with `parents` those above it too, and an existing one is fine. */
static enum status make_dir(struct store *s, const char *path, int parents, struct why *why)
{
	char dir[HOST_PATH_MAX];
	struct store_stat st;
	enum status status;

	if (parents && s->ops->stat(s, path, &st, NULL) == ST_OK && st.kind == STORE_DIR)
		return ST_OK;
	status = s->ops->mkdir(s, path, 0755, parents ? NULL : why);
	if (status != ST_NOENT || !parents || strcmp(path, "/") == 0)
		return status == ST_OK || !parents ? status : s->ops->mkdir(s, path, 0755, why);
	path_parent(path, dir, sizeof(dir));
	status = make_dir(s, dir, 1, why);
	return status == ST_OK ? s->ops->mkdir(s, path, 0755, why) : status;
}

static enum status mkdir_one(struct cmd *cmd, const char *name, json_t *items, struct why *why)
{
	struct host_path *p = NULL;
	struct store_stat st;
	int parents = opt_has(&cmd->args, "parents") > 0;
	enum status s = file_get(cmd, name, cmd_write_access(cmd), 0, &p, &st, why);

	if (s == ST_OK)
		s = parents && st.kind == STORE_DIR ? ST_OK :
		    why_set(why, ST_EXIST, "%s: exists already; choose another name", name);
	else if (s == ST_NOENT && p && p->store && cmd->dry_run)
		s = ST_OK;
	else if (s == ST_NOENT && p && p->store) {
		*why = (struct why){ 0 };
		s = file_writable(p, why);
		if (s == ST_OK)
			s = make_dir(p->store, p->path, parents, why);
		if (s == ST_OK)
			s = p->store->ops->sync(p->store);
	}
	if (s == ST_OK)
		file_item_done(cmd, items, name);
	if (s == ST_OK && !items && (cmd->dry_run || cmd->verbose))
		printf("%s directory %s\n", cmd->dry_run ? "would make" : "made", name);
	file_put(p);
	return s;
}

static int file_mkdir(struct cmd *cmd)
{
	json_t *items = NULL, *doc = cmd->json ? out_doc(cmd->verb->schema, &items) : NULL;
	int code = EXIT_DONE;

	for (size_t i = 0; i < cmd->args.operand_count; i++) {
		struct why why = { 0 };
		enum status st = mkdir_one(cmd, cmd->args.operand[i], items, &why);

		if (st != ST_OK)
			file_item_failed(cmd, cmd->args.operand[i], st, &why, &code);
	}
	return file_items_end(doc, code);
}

/* ---- stat ------------------------------------------------------------------------------------ */

static void print_stat(struct host_path *p, const struct store_stat *st)
{
	char name[OUT_NAME_MAX], target[1024] = "";
	char size[24], alloc[24], unit[24], mode[11], when[32];

	printf("%s\n", out_name(name, sizeof(name), p->name));
	if (st->kind == STORE_SYMLINK)
		file_target(p->store, p->path, target, sizeof(target));
	printf("  kind       %s%s%s\n", file_kind_word(st->kind), target[0] ? " to " : "",
	       out_name(name, sizeof(name), target));
	printf("  size       %llu bytes (%s)\n", (unsigned long long)st->size_bytes,
	       out_size(size, sizeof(size), st->size_bytes, 0));
	printf("  allocated  %llu bytes (%s)%s%s\n", (unsigned long long)st->allocated_bytes,
	       out_size(alloc, sizeof(alloc), st->allocated_bytes, 0),
	       st->block_bytes ? ", in blocks of " : ", in the inode",
	       st->block_bytes ? out_size(unit, sizeof(unit), st->block_bytes, 0) : "");
	printf("  mode       %s (%04o), owner %u, group %u, links %u\n",
	       out_mode(mode, file_kind_letter(st->kind), st->mode), st->mode & 07777, st->uid,
	       st->gid, st->links);
	printf("  modified   %s\n", out_time(when, sizeof(when), st->mtime_s, 0));
	printf("  changed    %s\n", out_time(when, sizeof(when), st->ctime_s, 0));
	printf("  accessed   %s\n", out_time(when, sizeof(when), st->atime_s, 0));
	printf("  id         %llu on %s\n", (unsigned long long)st->id,
	       out_name(name, sizeof(name), p->store->name));
}

static int file_stat(struct cmd *cmd)
{
	json_t *items = NULL, *doc = cmd->json ? out_doc(cmd->verb->schema, &items) : NULL;
	int code = EXIT_DONE;

	for (size_t i = 0; i < cmd->args.operand_count; i++) {
		const char *name = cmd->args.operand[i];
		struct host_path *p = NULL;
		struct why why = { 0 };
		struct store_stat st;
		enum status s = file_get(cmd, name, HOST_READ, 0, &p, &st, &why);

		if (s != ST_OK) {
			file_item_failed(cmd, name, s, &why, &code);
			if (doc)
				out_doc_fail(doc, s, name, why.text[0] ? why.text : status_text(s));
		} else if (doc) {
			json_array_append_new(items, file_json(p->store, p->path, name, &st));
		} else {
			print_stat(p, &st);
		}
		file_put(p);
	}
	if (doc && live_print(cmd, doc) != 0)
		return EXIT_FAILED;
	return code;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct opt ls_opts[] = {
	{ "long", 'l', OPT_NONE, NULL, "mode, links, owner, group, size and time too" },
	{ "recursive", 'R', OPT_NONE, NULL, "directories below, too" },
	{ "human", 'h', OPT_NONE, NULL, "sizes with a unit" },
	{ "directory", 'd', OPT_NONE, NULL, "a directory itself, not its entries" },
	{ "all", 'a', OPT_NONE, NULL, "accepted: names with a dot are always listed" },
};
static const struct opt cp_opts[] = {
	{ "recursive", 'r', OPT_NONE, NULL, "directories with all below them" },
	{ "rate", 0, OPT_SIZE, "BYTES", "at most that many bytes per second" },
	{ "rescue", 0, OPT_NONE, NULL, "zeros for what cannot be read, each range told; exit 6" },
};
static const struct opt mkdir_opts[] = {
	{ "parents", 'p', OPT_NONE, NULL, "directories above it too; no error when it exists" },
};
static const struct opt rm_opts[] = {
	{ "recursive", 'r', OPT_NONE, NULL, "directories with all below them" },
	{ "force", 'f', OPT_NONE, NULL, "no error when a name does not exist" },
};
static const struct opt mv_opts[] = {
	{ "force", 'f', OPT_NONE, NULL, "accepted: a file that exists is replaced" },
};
static const struct opt du_opts[] = {
	{ "summarize", 's', OPT_NONE, NULL, "only a total per operand" },
	{ "human", 'h', OPT_NONE, NULL, "accepted: sizes have a unit unless -p is given" },
};
static const struct opt tree_opts[] = {
	{ "depth", 'L', OPT_NUMBER, "N", "not deeper than N directories" },
};

static const struct verb file_verbs[] = {
	{ .noun = "file", .name = "ls", .operands = "[PATH ...]", .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES | VERB_AGAIN | VERB_JSON, .brief = "list files and directories",
	  VERB_OPTS(ls_opts),
	  .schema = "file.ls/1", .operand_kind = "path", .run = file_ls },
	{ .noun = "file", .name = "cat", .operands = "PATH ...", .operands_min = 1,
	  .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES, .brief = "write files to standard output", .operand_kind = "path",
	  .run = file_cat },
	{ .noun = "file", .name = "cp", .operands = "SOURCE ... TARGET", .operands_min = 2,
	  .operands_max = VERB_ANY, .flags = VERB_DEVICES | VERB_JSON | VERB_WRITES | VERB_PROGRESS,
	  .brief = "copy files into, out of, within and between datastores", VERB_OPTS(cp_opts),
	  .writes = "the target", .schema = "file.cp/1", .operand_kind = "path", .run = file_cp },
	{ .noun = "file", .name = "mv", .operands = "SOURCE ... TARGET", .operands_min = 2,
	  .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES | VERB_WRITES | VERB_JSON | VERB_PROGRESS,
	  .brief = "rename or move files and directories", VERB_OPTS(mv_opts),
	  .writes = "source and target", .schema = "file.mv/1",
	  .operand_kind = "path", .run = file_mv },
	{ .noun = "file", .name = "rm", .operands = "PATH ...", .operands_min = 1,
	  .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES | VERB_WRITES | VERB_JSON,
	  .brief = "remove files and directories", VERB_OPTS(rm_opts),
	  .writes = "the directories named", .schema = "file.rm/1",
	  .operand_kind = "path", .run = file_rm },
	{ .noun = "file", .name = "mkdir", .operands = "PATH ...", .operands_min = 1,
	  .operands_max = VERB_ANY, .flags = VERB_DEVICES | VERB_WRITES | VERB_JSON,
	  .brief = "make directories", VERB_OPTS(mkdir_opts),
	  .writes = "the directory above", .schema = "file.mkdir/1", .operand_kind = "path",
	  .run = file_mkdir },
	{ .noun = "file", .name = "stat", .operands = "PATH ...", .operands_min = 1,
	  .operands_max = VERB_ANY, .flags = VERB_DEVICES | VERB_AGAIN | VERB_JSON,
	  .brief = "show all about a file",
	  .schema = "file.stat/1", .operand_kind = "path", .run = file_stat },
	{ .noun = "file", .name = "du", .operands = "[PATH ...]", .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES | VERB_AGAIN | VERB_JSON | VERB_TABLE,
	  .brief = "show how much room directories take", VERB_OPTS(du_opts), .schema = "file.du/1",
	  .operand_kind = "path", .run = file_du },
	{ .noun = "file", .name = "tree", .operands = "[PATH ...]", .operands_max = VERB_ANY,
	  .flags = VERB_DEVICES | VERB_AGAIN, .brief = "draw directories as a tree",
	  VERB_OPTS(tree_opts),
	  .operand_kind = "path", .run = file_tree },
};

const struct noun noun_file = { "file", "files and directories on datastores", file_verbs,
				ARRAY_COUNT(file_verbs) };
