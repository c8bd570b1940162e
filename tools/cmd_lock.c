/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_lock - `cairn lock`: who holds the lock of a file, and every lock that is held on a volume.
 * A lock knows the number of its file, not the name: names are looked for in the whole tree, and
 * only when there is a lock to name. */
#include "tools/lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/file.h"
#include "tools/live.h"
#include "tools/volume.h"

struct held { struct vmfs_lock_info info; char *path; };

struct locks { struct held *lock; size_t count, max; uint8_t no_memory; };

/* ---- names ----------------------------------------------------------------------------------- */

/* 1: some file lock has no name yet. */
static int some_nameless(const struct locks *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->lock[i].info.fd && !l->lock[i].path)
			return 1;
	return 0;
}

static void note_name(struct locks *l, uint64_t id, const char *path)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->lock[i].info.fd && l->lock[i].info.fd == id && !l->lock[i].path)
			l->lock[i].path = strdup(path);
}

/* What cannot be read has no name for us: the number of the file is told then. */
static enum status name_below(struct store *s, struct locks *l, const char *dir,
			      const struct store_stat *st, const struct walk_level *up)
{
	struct walk_level level;
	struct why why = { 0 };
	struct walk_dir d;
	enum status status = walk_enter(&level, up, st, dir, &why);

	if (status == ST_OK)
		status = walk_read(s, dir, &d, &why);
	if (status != ST_OK)
		return status == ST_CANCELLED ? status : ST_OK;
	for (size_t i = 0; status == ST_OK && i < d.count && some_nameless(l); i++) {
		char *path = walk_path(dir, d.entry[i].name);

		if (!path) {
			status = ST_NOMEM;
			break;
		}
		note_name(l, d.entry[i].st.id, path);
		if (d.entry[i].st.kind == STORE_DIR)
			status = name_below(s, l, path, &d.entry[i].st, &level);
		free(path);
	}
	walk_free(&d);
	return status;
}

static enum status find_names(struct store *s, struct locks *l, struct why *why)
{
	struct store_stat root;
	enum status st = some_nameless(l) ? s->ops->stat(s, "/", &root, why) : ST_NOENT;

	if (st != ST_OK)
		return st == ST_NOENT ? ST_OK : st;
	note_name(l, root.id, "/");
	return name_below(s, l, "/", &root, NULL);
}

/* ---- one lock in words ----------------------------------------------------------------------- */

static void object_text(const struct held *h, char *buf, size_t size)
{
	if (h->path)
		out_name(buf, size, h->path);
	else if (h->info.fd)
		snprintf(buf, size, "file descriptor 0x%08x", h->info.fd);
	else
		snprintf(buf, size, "%s cluster %u", h->info.file, h->info.cluster);
}

static json_t *lock_json(const struct host_volume *v, const struct held *h)
{
	const struct vmfs_lock_info *i = &h->info;
	char token[24];

	snprintf(token, sizeof(token), "%llu", (unsigned long long)i->token);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o}", "volume",
			 out_json_name(host_volume_name(v)), "path",
			 h->path ? out_json_name(h->path) : json_null(), "file_id",
			 i->fd ? json_integer(i->fd) : json_null(), "resource_file",
			 i->fd ? json_null() : json_string(i->file), "cluster",
			 i->fd ? json_null() : json_integer(i->cluster), "at_bytes",
			 out_json_bytes(i->at), "mode", lock_mode_word(i), "token", token,
			 "holders", lock_holders_json(i));
}

/* ---- list ------------------------------------------------------------------------------------ */

static const struct out_column list_columns[] = {
	{ "mode", 0 },	 { "state", 0 }, { "host", 0 },
	{ "age", 1 },	 { "token", 1 }, { "uuid", 0 },
	{ "object", 0 },
};

static int take_lock(void *arg, const struct vmfs_lock_info *info)
{
	struct locks *l = arg;

	if (l->count == l->max) {
		size_t max = l->max ? 2 * l->max : 64;
		struct held *grown = realloc(l->lock, max * sizeof(*grown));

		if (!grown) {
			l->no_memory = 1;
			return 1;
		}
		l->lock = grown;
		l->max = max;
	}
	l->lock[l->count++] = (struct held){ .info = *info };
	return 0;
}

static void locks_free(struct locks *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->lock[i].path);
	free(l->lock);
}

/* The age is that of the holder's mount: the disk does not say when a lock was taken. */
static void age_text(struct cmd *cmd, const struct vmfs_lock_holder *holder, char *buf, size_t size)
{
	uint64_t now_s = port_wall_us() / 1000000;

	if (!holder->started_s || holder->started_s > now_s)
		snprintf(buf, size, "-");
	else
		snprintf(buf, size, "%llu%s", (unsigned long long)(now_s - holder->started_s),
			 cmd->exact ? "" : " s");
}

static int list_row(struct cmd *cmd, struct out_table *t, const struct held *h)
{
	static const struct vmfs_lock_holder nobody;
	const struct vmfs_lock_info *i = &h->info;
	char host[OUT_NAME_MAX], age[24] = "-", token[24], uuid[VMFS_UUID_TEXT] = "-",
		object[OUT_NAME_MAX];
	/* Readers and writers may be several: a row for each, the same object in all. */
	for (uint32_t n = 0; n < MAX(i->holder_count, 1u); n++) {
		const struct vmfs_lock_holder *one = i->holder_count ? &i->holder[n] : &nobody;
		const char *const cells[] = { lock_mode_word(i),
					      i->holder_count ? vmfs_life_word(one->life) : "-",
					      host, age, token, uuid, object };

		out_name(host, sizeof(host), one->host.address[0] ? one->host.address : "-");
		if (i->holder_count) {
			age_text(cmd, one, age, sizeof(age));
			vmfs_uuid_format(&one->host.owner, uuid);
		}
		snprintf(token, sizeof(token), "%llu", (unsigned long long)i->token);
		object_text(h, object, sizeof(object));
		if (out_table_row(t, cells) != 0)
			return -1;
	}
	return 0;
}

static int print_table(struct cmd *cmd, const struct locks *l)
{
	struct out_table *t = out_table_create(list_columns, ARRAY_COUNT(list_columns));
	int code = t ? EXIT_DONE : cmd_fail(cmd, NULL, ST_NOMEM, NULL);
	char bad[64];

	for (size_t i = 0; i < l->count && code == EXIT_DONE; i++)
		if (list_row(cmd, t, &l->lock[i]) != 0)
			code = cmd_fail(cmd, NULL, ST_NOMEM, NULL);
	if (code == EXIT_DONE &&
	    out_table_print(t, stdout, opt_has(&cmd->args, "-H") ? OUT_TABS : OUT_COLUMNS,
			    opt_text(&cmd->args, "-o", NULL), bad) != 0)
		code = cmd_usage(cmd, "-o: there is no column '%s'", bad);
	out_table_destroy(t);
	return code;
}

static int print_locks(struct cmd *cmd, struct host_volume *v, const struct locks *l)
{
	json_t *items, *doc;

	if (!cmd->json)
		return print_table(cmd, l);
	doc = out_doc(cmd->verb->schema, &items);
	for (size_t i = 0; i < l->count; i++)
		json_array_append_new(items, lock_json(v, &l->lock[i]));
	return live_print(cmd, doc) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int lock_list(struct cmd *cmd)
{
	struct why why = { 0 };
	struct locks l = { 0 };
	struct host_volume *v;
	struct vmfs_volume *vol;
	enum status st = volume_find(cmd, &v, &why);
	int code;

	if (st == ST_OK)
		st = host_volume_mount(v, HOST_READ, &vol, &why);
	if (st == ST_OK)
		st = vmfs_hosts_watch(vol, LIVE_WATCH_NS);
	if (st == ST_OK)
		st = vmfs_lock_each(vol, take_lock, &l, &why);
	if (st == ST_OK && l.no_memory)
		st = ST_NOMEM;
	if (st == ST_OK)
		st = find_names(vmfs_store(vol), &l, &why);
	code = st == ST_OK ? print_locks(cmd, v, &l)
			   : cmd_fail(cmd, volume_operand(cmd), st, &why);
	locks_free(&l);
	return code;
}

/* ---- show ------------------------------------------------------------------------------------ */

static void print_lock(const char *name, const struct vmfs_lock_info *info)
{
	char safe[OUT_NAME_MAX];

	printf("file         %s\nlock         %s, token %llu, at 0x%llx\n",
	       out_name(safe, sizeof(safe), name), lock_mode_word(info),
	       (unsigned long long)info->token, (unsigned long long)info->at);
	lock_print_holders(info, "held by");
}

static enum status show(struct cmd *cmd, struct host_path *at, struct held *h, struct why *why)
{
	struct vmfs_volume *vol;
	enum status st = host_resolve(cmd->host, cmd->args.operand[0], HOST_READ, at, why);

	if (st == ST_OK && !at->volume)
		st = why_set(why, ST_UNSUPPORTED, "%s: not on a VMFS volume", at->name);
	if (st == ST_OK)
		st = host_volume_mount(at->volume, HOST_READ, &vol, why);
	if (st == ST_OK)
		st = lock_look(vol, at->path, &h->info, why);
	h->path = at->path;
	return st;
}

static int lock_show(struct cmd *cmd)
{
	struct host_path *at = calloc(1, sizeof(*at));
	struct why why = { 0 };
	struct held h = { 0 };
	enum status st = at ? show(cmd, at, &h, &why) : ST_NOMEM;
	json_t *items, *doc;
	int code = EXIT_DONE;

	if (st != ST_OK) {
		code = cmd_fail(cmd, cmd->args.operand[0], st, &why);
	} else if (cmd->json) {
		doc = out_doc(cmd->verb->schema, &items);
		json_array_append_new(items, lock_json(at->volume, &h));
		code = live_print(cmd, doc) == 0 ? EXIT_DONE : EXIT_FAILED;
	} else {
		print_lock(at->name, &h.info);
	}
	free(at);
	return code;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct verb lock_verbs[] = {
	{ .noun = "lock", .name = "list", .operands = "[VOLUME]", .operands_max = 1,
	  .flags = VERB_DEVICES | VERB_AGAIN | VERB_JSON | VERB_TABLE,
	  .brief = "list the locks that are held on a volume, with their holders",
	  .schema = "lock.list/1", .operand_kind = "volume", .run = lock_list },
	{ .noun = "lock", .name = "show", .operands = "FILE", .operands_min = 1, .operands_max = 1,
	  .flags = VERB_DEVICES | VERB_AGAIN | VERB_JSON,
	  .brief = "show who holds the lock of a file or directory", .schema = "lock.show/1",
	  .operand_kind = "path", .run = lock_show },
	{ .noun = "lock", .name = "break", .operands = "FILE", .operands_min = 1,
	  .operands_max = 1, .flags = VERB_DEVICES | VERB_JSON | VERB_WRITES,
	  .brief = "free a lock whose holder is gone", .writes = "the volume of the file",
	  .schema = "lock.break/1", .operand_kind = "path", .run = lock_break },
};

const struct noun noun_lock = { "lock", "locks between hosts", lock_verbs,
				ARRAY_COUNT(lock_verbs) };
