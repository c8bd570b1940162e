/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cmd_evacuate - `cairn evacuate DEVICE... DEST`: the way out of a datastore. The plan first, then
 * several units at a time, each in a world of its own. The sources are mounted for reading only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/base/fmt.h"
#include "tools/evac.h"
#include "tools/host_file.h"
#include "tools/host_path.h"
#include "tools/walk.h"

#define JOBS_DEFAULT	2
#define JOBS_MAX	16

/* ---- what from, what to ---------------------------------------------------------------------- */

/* The machine's start, as the kernel names it; empty when it does not tell. */
static void read_boot_id(char *boot, size_t size)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (f && !fgets(boot, (int)size, f))
		boot[0] = 0;
	if (f)
		fclose(f);
	boot[strcspn(boot, "\n")] = 0;
}

static int is_folder_name(const char *name)
{
	return name[0] && name[0] != '.' && !strchr(name, '/');
}

static int has_volume(const struct evac *e, const struct host_volume *volume)
{
	for (size_t i = 0; i < e->vol_count; i++)
		if (e->vol[i].volume == volume)
			return 1;
	return 0;
}

/* By label, unless two have the same. */
static void name_volume(struct evac *e, struct evac_volume *v)
{
	mem_copy_text(v->name, sizeof(v->name), host_volume_name(v->volume));
	for (size_t i = 0; i < e->vol_count; i++)
		if (&e->vol[i] != v && strcmp(e->vol[i].name, v->name) == 0)
			v->name[0] = 0;
	if (!is_folder_name(v->name))
		mem_copy_text(v->name, sizeof(v->name), host_volume_uuid(v->volume));
}

/* A name below /vmfs/volumes must be the volume, not a folder of it. */
static enum status whole_volume(const char *name, struct why *why)
{
	char normal[HOST_PATH_MAX];
	const char *inside;

	if (!host_is_datastore_name(name) || path_normal(name, normal, sizeof(normal)) != 0)
		return ST_OK;
	inside = strchr(normal + strlen("/vmfs/volumes/"), '/');
	return inside ? why_set(why, ST_INVAL,
				"%s: is a folder; evacuate takes whole volumes, cairn file cp -r "
				"copies a folder",
				name) :
			ST_OK;
}

/* All devices are claimed before one volume is mounted: they may be pieces of one. */
static enum status find_volumes(struct evac *e, struct why *why)
{
	const struct opt_args *args = &e->cmd->args;
	enum status st = ST_OK;

	e->vol = calloc(args->operand_count, sizeof(*e->vol));
	if (!e->vol)
		return why_set(why, ST_NOMEM, "no memory");
	for (size_t i = 0; i + 1 < args->operand_count && st == ST_OK; i++) {
		struct host_volume *volume;

		st = whole_volume(args->operand[i], why);
		if (st == ST_OK)
			st = host_volume_find(e->cmd->host, args->operand[i], &volume, why);
		if (st == ST_OK && !has_volume(e, volume))
			e->vol[e->vol_count++].volume = volume;
	}
	for (size_t i = 0; i < e->vol_count; i++)	/* its head may be the last device */
		name_volume(e, &e->vol[i]);
	return st;
}

static enum status open_volume(struct evac *e, struct evac_volume *v, struct why *why)
{
	struct vmfs_volume *vol;
	enum status st;

	if (e->dest.volume == v->volume)
		return why_set(why, ST_REFUSED, "%s: is on the volume that is to be evacuated",
			       e->dest.name);
	v->dst = walk_path(e->dest.path, v->name);
	if (!v->dst)
		return why_set(why, ST_NOMEM, "no memory");
	st = host_volume_mount(v->volume, HOST_READ, &vol, why);
	if (st == ST_OK)
		v->src = vmfs_store(vol);
	return st;
}

/* ---- the plan -------------------------------------------------------------------------------- */

static enum status make_dir(struct evac *e, const char *path, struct why *why)
{
	enum status st = e->dest.store->ops->mkdir(e->dest.store, path, 0755, why);

	return st == ST_EXIST ? ST_OK : st;
}

/* Folders come from the top down. */
static enum status make_folders(struct evac *e, struct why *why)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < e->folder_count && st == ST_OK; i++)
		st = make_dir(e, e->folder[i]->dst, why);
	return st;
}

/* The destination, made if only its last name is missing. */
static enum status find_dest(struct evac *e, struct why *why)
{
	const struct opt_args *args = &e->cmd->args;
	enum host_access access = cmd_write_access(e->cmd);
	struct store *s;
	struct store_stat ss;
	char up[HOST_PATH_MAX];
	enum status st = host_resolve(e->cmd->host, args->operand[args->operand_count - 1], access,
				      &e->dest, why);

	if (st != ST_OK)
		return st;
	s = e->dest.store;
	st = s->ops->stat(s, e->dest.path, &ss, NULL);
	if (st == ST_OK && ss.kind != STORE_DIR)
		return why_set(why, ST_NOTDIR, "%s: is no directory", e->dest.name);
	if (st == ST_OK)
		return ST_OK;
	path_parent(e->dest.path, up, sizeof(up));
	if (s->ops->stat(s, up, &ss, NULL) != ST_OK || ss.kind != STORE_DIR)
		return why_set(why, ST_NOENT, "%s: there is no such directory; make it first", up);
	return e->cmd->dry_run ? ST_OK : make_dir(e, e->dest.path, why);
}

static enum status plan_volume(struct evac *e, struct evac_volume *v, struct why *why)
{
	enum status st = open_volume(e, v, why);

	if (st == ST_OK && !e->cmd->dry_run)
		st = make_dir(e, v->dst, why);
	if (st == ST_OK)
		st = evac_log_open(e, v, why);
	return st == ST_OK ? evac_plan(e, v, why) : st;
}

static void look(struct evac *e)
{
	for (size_t i = 0; i < e->unit_count; i++) {
		struct evac_unit *u = &e->unit[i];

		evac_unit_look(e, u);
		if (u->state == EVAC_COPY || u->state == EVAC_CONTINUE) {
			e->todo_bytes += u->left_bytes;
			u->folder->left += !u->last;
		} else if (u->state == EVAC_FAILED && !e->cmd->json) {
			cmd_complain(e->cmd, u->name, ST_EXIST, &u->why);
		}
	}
}

static enum status enough_room(struct evac *e, struct why *why)
{
	struct store_space space;
	char need[24], have[24];
	enum status st = host_file_space(e->dest.store, e->dest.path, &space);

	if (st != ST_OK)
		return why_set(why, st, "%s: its free space cannot be read", e->dest.name);
	fmt_size(need, sizeof(need), e->todo_bytes);
	fmt_size(have, sizeof(have), space.free_bytes);
	if (e->todo_bytes > space.free_bytes)
		return why_set(why, ST_NOSPACE,
			       "%s: %s to copy, %s free; free some space, or name another place",
			       e->dest.name, need, have);
	if (!e->cmd->json && !e->cmd->quiet)
		printf("%s needed, %s free\n", need, have);
	return ST_OK;
}

static enum status plan(struct evac *e, struct why *why)
{
	enum status st = find_volumes(e, why);

	if (st == ST_OK)
		st = find_dest(e, why);
	for (size_t i = 0; i < e->vol_count && st == ST_OK; i++)
		st = plan_volume(e, &e->vol[i], why);
	if (st != ST_OK)
		return st;
	look(e);
	if (!e->cmd->json && !e->cmd->quiet)
		evac_print_plan(e);
	return enough_room(e, why);
}

/* ---- the work -------------------------------------------------------------------------------- */

struct crew {
	struct evac		*e;
	struct port_world	*boss;
	uint32_t		workers;
};

/* In order; a .vmx waits for the rest of its folder. */
static struct evac_unit *next_unit(struct evac *e, int *wait)
{
	*wait = 0;
	for (size_t i = 0; i < e->unit_count && !e->stop; i++) {
		struct evac_unit *u = &e->unit[i];

		if (u->state != EVAC_COPY && u->state != EVAC_CONTINUE)
			continue;
		if (!u->last || u->folder->left == 0)
			return u;
		*wait = 1;
	}
	return NULL;
}

/* What ends the whole, and not only one unit. */
static int ends_all(enum status st)
{
	return st == ST_CANCELLED || st == ST_NOSPACE || st == ST_READONLY || st == ST_LOST;
}

static void stop_all(struct evac *e, const struct why *why)
{
	if (!e->stop && why->status == ST_CANCELLED)
		why_set(&e->why, ST_CANCELLED, "interrupted; the same command goes on");
	else if (!e->stop)
		e->why = *why;
	e->stop = 1;
}

static void run_unit(struct evac *e, struct evac_unit *u)
{
	evac_unit_run(e, u);
	u->folder->left -= !u->last;
	if (u->state != EVAC_FAILED)
		return;
	if (u->why.status == ST_CANCELLED)
		u->state = EVAC_CONTINUE;
	else
		cmd_complain(e->cmd, u->name, u->why.status, &u->why);
	if (ends_all(u->why.status))
		stop_all(e, &u->why);
}

static void worker(void *arg)
{
	struct crew *crew = arg;
	struct evac *e = crew->e;
	struct evac_unit *u;
	int wait;

	while ((u = next_unit(e, &wait)) != NULL || wait) {
		if (port_interrupted())
			stop_all(e, &(struct why){ .status = ST_CANCELLED });
		if (u && !e->stop)
			run_unit(e, u);
		else
			port_world_sleep_ns(10000000);	/* for another worker to finish */
	}
	crew->workers--;
	port_world_wake(crew->boss);
}

static enum status run_crew(struct evac *e, struct why *why)
{
	uint64_t jobs = MIN(MAX(opt_number(&e->cmd->args, "jobs", JOBS_DEFAULT), 1), JOBS_MAX);
	struct crew crew = { .e = e, .boss = port_world_self() };

	for (; crew.workers < jobs; crew.workers++)
		if (!port_world_start("evacuate", worker, &crew))
			break;
	if (crew.workers == 0)
		return why_set(why, ST_NOMEM, "no memory to start");
	while (crew.workers)
		port_world_park();
	return ST_OK;
}

static enum status work(struct evac *e, struct why *why)
{
	enum status st = make_folders(e, why);

	if (st != ST_OK)
		return st;
	cmd_progress(e->cmd, &e->progress);
	progress_phase(&e->progress, "evacuate", "", e->todo_bytes);
	e->start_ns = port_now_ns();
	st = run_crew(e, why);
	progress_end(&e->progress, st == ST_OK && !e->stop);
	return st;
}

/* ---- the command ----------------------------------------------------------------------------- */

static enum status close_logs(struct evac *e, enum status st, struct why *why)
{
	for (size_t i = 0; i < e->vol_count; i++) {
		struct why mine = { 0 };
		enum status closed = evac_log_close(e, &e->vol[i], &mine);

		if (st == ST_OK && closed != ST_OK)
			*why = mine;
		st = st == ST_OK ? closed : st;
	}
	return st;
}

static void evac_free(struct evac *e)
{
	evac_plan_free(e);
	for (size_t i = 0; i < e->vol_count; i++) {
		free(e->vol[i].dst);
		evac_log_free(&e->vol[i].log);
	}
	free(e->vol);
	free(e);
}

static int code_of(const struct evac *e)
{
	size_t failed = e->unreadable, whole = 0;

	if (e->why.status != ST_OK)
		return exit_of(e->why.status);
	for (size_t i = 0; i < e->unit_count; i++) {
		failed += e->unit[i].state == EVAC_FAILED;
		whole += e->unit[i].state == EVAC_DONE || e->unit[i].state == EVAC_KEPT;
	}
	return !failed ? EXIT_DONE : whole ? EXIT_PARTLY : EXIT_FAILED;
}

static int finish(struct evac *e)
{
	int code = code_of(e);

	if (e->cmd->json)
		return evac_print_json(e) == 0 ? code : EXIT_FAILED;
	if (!e->cmd->dry_run)
		evac_print_end(e);
	if (e->why.status == ST_CANCELLED)
		cmd_complain(e->cmd, NULL, ST_CANCELLED, &e->why);
	return code;
}

int cmd_evacuate(struct cmd *cmd)
{
	struct evac *e = calloc(1, sizeof(*e));
	struct why why = { 0 };
	enum status st;
	int code;

	if (!e)
		return cmd_fail(cmd, NULL, ST_NOMEM, &why);
	e->cmd = cmd;
	e->collapse = (uint8_t)(opt_has(&cmd->args, "collapse") > 0);
	e->rate = opt_number(&cmd->args, "rate", 0);
	read_boot_id(e->boot, sizeof(e->boot));
	st = plan(e, &why);
	if (st == ST_OK && !cmd->dry_run)
		st = work(e, &why);
	st = close_logs(e, st, &why);
	code = st == ST_OK ? finish(e) : cmd_fail(cmd, NULL, st, &why);
	evac_free(e);
	return code;
}
