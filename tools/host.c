/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host - devices become volumes, volumes become stores, names find them. Nothing is opened for
 * writing before somebody asks for a path to be written: looking at a LUN that other hosts use
 * must not touch it. */
#include "tools/host_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/host_names.h"

#define VOLUMES_DIR		"/vmfs/volumes"
#define LOCK_AGAIN_NS		100000000ull
#define LOCK_PATIENCE_NS	2000000000ull

/* ---- create, destroy ------------------------------------------------------------------------- */

/* The parent of a snapshot, named by the host that made it. */
static enum status find_for_store(struct store_names *names, const char *name, struct store **s,
				  char *path, size_t size)
{
	struct host *host = container_of(names, struct host, lookup);
	struct host_path at;
	enum status st = host_resolve(host, name, HOST_READ, &at, NULL);

	if (st != ST_OK)
		return st;
	*s = at.store;
	return mem_copy_text(path, size, at.path) < size ? ST_OK : ST_LIMIT;
}

enum status host_create(const struct config *config, struct host **host, struct why *why)
{
	struct host *h = calloc(1, sizeof(*h));

	if (!h)
		return why_set(why, ST_NOMEM, "no memory for the host");
	h->config = config;
	h->lookup.find = find_for_store;
	*host = h;
	return ST_OK;
}

static void close_devices(struct io_dev **dev, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		io_dev_close(dev[i]);
}

static enum status volume_unmount(struct host_volume *v, struct why *why)
{
	enum status st;

	if (!v->vol)
		return ST_OK;
	st = vmfs_unmount(v->vol);
	v->vol = NULL;
	close_devices(v->dev, v->dev_count);
	v->dev_count = 0;
	if (st != ST_OK)
		why_set(why, st, "%s: unmount: %s; run voma on it", host_volume_name(v),
			status_text(st));
	return st;
}

static void volume_free(struct host_volume *v)
{
	for (uint32_t i = 0; i < v->piece_count; i++) {
		struct host_piece *next;

		for (struct host_piece *p = v->piece[i]; p; p = next) {
			next = p->twin;
			free(p);
		}
	}
	free(v);
}

enum status host_destroy(struct host *host, struct why *why)
{
	enum status first = ST_OK;

	for (size_t i = 0; i < host->volume_count; i++) {
		struct why here = { 0 };
		enum status st = volume_unmount(host->volume[i], &here);

		if (st != ST_OK && first == ST_OK) {
			first = st;
			*why = here;
		}
		volume_free(host->volume[i]);
	}
	free(host->volume);
	if (host->files && host->files->ops->close(host->files) != ST_OK && first == ST_OK)
		first = why_set(why, ST_DEVICE, "this machine's files: the last write failed");
	host_names_destroy(host->names);
	free(host);
	return first;
}

/* ---- volumes --------------------------------------------------------------------------------- */

size_t host_volume_count(const struct host *host) { return host->volume_count; }

struct host_volume *host_volume_at(struct host *host, size_t index)
{
	return index < host->volume_count ? host->volume[index] : NULL;
}

const struct vmfs_probe *host_volume_probe(const struct host_volume *v) { return v->head; }

const char *host_volume_uuid(const struct host_volume *v) { return v->uuid; }

const char *host_volume_name(const struct host_volume *v)
{
	return v->head->first_pe == 0 && v->head->label[0] ? v->head->label : v->uuid;
}

uint32_t host_volume_devices(const struct host_volume *v) { return v->piece_count; }

const char *host_volume_device(const struct host_volume *v, uint32_t index)
{
	return v->piece[index]->uri;
}

static enum status no_twins(const struct host_volume *v, struct why *why)
{
	for (uint32_t i = 0; i < v->piece_count; i++)
		if (v->piece[i]->twin)
			return why_set(why, ST_REFUSED,
				       "%s: %s and %s hold the same piece of this volume; "
				       "name only one of them",
				       host_volume_name(v), v->piece[i]->uri,
				       v->piece[i]->twin->uri);
	return ST_OK;
}

enum status host_volume_open_devices(struct host_volume *v, unsigned flags,
				     struct io_dev *devs[HOST_DEVICES_MAX], uint32_t *count,
				     struct why *why)
{
	enum status st = no_twins(v, why);
	uint32_t n = 0;

	while (st == ST_OK && n < v->piece_count) {
		st = host_dev_open(v->host, v->piece[n]->uri, flags, &devs[n], why);
		n += st == ST_OK;
	}
	if (st != ST_OK)
		close_devices(devs, n);
	else
		*count = n;
	return st;
}

/* The kernel takes a moment to let go of a killed process that used io_uring, locks included.
 * Only an answer that came at once is asked again: one that came late has watched a live host. */
static enum status mount_patiently(struct host_volume *v, const struct vmfs_mount_opts *opts,
				   struct why *why)
{
	uint64_t start = port_now_ns();

	for (;;) {
		uint64_t asked = port_now_ns();
		enum status st = vmfs_mount(v->dev, v->dev_count, opts, &v->vol, why);

		if (st != ST_BUSY || !opts->write || port_interrupted() ||
		    port_now_ns() - asked > LOCK_AGAIN_NS ||
		    port_now_ns() - start > LOCK_PATIENCE_NS)
			return st;
		port_world_sleep_ns(LOCK_AGAIN_NS);
	}
}

enum status host_volume_mount(struct host_volume *v, enum host_access access,
			      struct vmfs_volume **vol, struct why *why)
{
	struct vmfs_mount_opts opts = { .write = access == HOST_WRITE,
					.join = v->host->config->join,
					.join_foreign = v->host->config->join_foreign,
					.quiet_ns = access == HOST_READ ? host_quiet_ns(v) : 0 };
	unsigned flags = (v->host->config->cached ? 0 : IO_OPEN_DIRECT) |
			 (access == HOST_WRITE ? IO_OPEN_WRITE : 0);
	enum status st;

	if (v->vol && v->access < access)
		return why_set(why, ST_INVAL, "%s: is mounted for reading by this command already",
			       host_volume_name(v));
	if (!v->vol) {
		st = host_volume_open_devices(v, flags, v->dev, &v->dev_count, why);
		if (st != ST_OK)
			return st;
		st = mount_patiently(v, &opts, why);
		if (st != ST_OK) {
			close_devices(v->dev, v->dev_count);
			v->dev_count = 0;
			v->vol = NULL;
			return st;
		}
		v->access = access;
		if (access == HOST_READ && v->host->on_reading)
			v->host->on_reading(v->host->on_reading_arg, v, v->vol);
	}
	*vol = v->vol;
	return ST_OK;
}

void host_on_reading(struct host *host,
		     void (*fn)(void *arg, struct host_volume *v, struct vmfs_volume *vol),
		     void *arg)
{
	host->on_reading = fn;
	host->on_reading_arg = arg;
}

enum status host_read_verdict(struct host *host, struct why *why)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < host->volume_count && st == ST_OK; i++)
		if (host->volume[i]->vol)
			st = vmfs_read_verdict(host->volume[i]->vol, why);
	return st;
}

/* ---- finding a volume by name ---------------------------------------------------------------- */

/* The first word behind /vmfs/volumes/, or the name as it is. 0 when it does not fit. */
static int volume_word(const char *name, char *word, size_t size)
{
	char normal[HOST_PATH_MAX];
	size_t n;

	if (!host_is_datastore_name(name))
		return mem_copy_text(word, size, name) < size;
	if (path_normal(name, normal, sizeof(normal)) != 0)
		return 0;
	name = normal + strlen(VOLUMES_DIR);
	name += *name == '/';
	n = strcspn(name, "/");
	if (n >= size)
		return 0;
	memcpy(word, name, n);
	word[n] = 0;
	return 1;
}

static int has_piece(const struct host_volume *v, const char *uri)
{
	for (uint32_t i = 0; i < v->piece_count; i++)
		for (const struct host_piece *p = v->piece[i]; p; p = p->twin)
			if (host_same_device(uri, p->uri, 1))
				return 1;
	return 0;
}

static int answers_to(const struct host_volume *v, const char *word, int devices)
{
	if (mem_compare_nocase(v->uuid, word) == 0)
		return 1;
	if (v->head->first_pe == 0 && strcmp(v->head->label, word) == 0)
		return 1;
	return devices && has_piece(v, word);
}

/* ST_NOENT: none; ST_REFUSED: more than one. */
static enum status pick(struct host *host, const char *word, int devices,
			struct host_volume **volume, struct why *why)
{
	struct host_volume *found = NULL;

	for (size_t i = 0; i < host->volume_count; i++) {
		struct host_volume *v = host->volume[i];

		if (!answers_to(v, word, devices))
			continue;
		if (found)
			return why_set(why, ST_REFUSED,
				       "%s: two volumes have that name, %s on %s and %s "
				       "on %s; use the UUID",
				       word, found->uuid, found->piece[0]->uri, v->uuid,
				       v->piece[0]->uri);
		found = v;
	}
	*volume = found;
	return found ? ST_OK : ST_NOENT;
}

static enum status unknown_volume(struct host *host, const char *word, struct why *why)
{
	char known[200] = "";
	size_t used = 0;

	for (size_t i = 0; i < host->volume_count && used < sizeof(known) - 1; i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%.40s",
					 i ? ", " : "", host_volume_name(host->volume[i]));
	if (known[0])
		return why_set(why, ST_NOENT, "%s: no such volume; known: %s", word, known);
	if (host->trouble.text[0])
		return why_set(why, ST_NOENT, "%s: no such volume; %.150s", word,
			       host->trouble.text);
	if (host->config->device_count)
		return why_set(why, ST_NOENT, "%s: no such volume; no device has one", word);
	return why_set(why, ST_NOENT,
		       "%s: no such volume; name a device with --device or CAIRN_DEVICES", word);
}

enum status host_volume_find(struct host *host, const char *name, struct host_volume **volume,
			     struct why *why)
{
	char word[DEVICE_NAME_MAX], uri[DEVICE_NAME_MAX];
	int device = !host_is_datastore_name(name);
	enum status st = host_scan(host, why);

	if (st != ST_OK)
		return st;
	if (!volume_word(name, word, sizeof(word)))
		return why_set(why, ST_LIMIT, "%.100s...: the name is too long", name);
	st = pick(host, word, device, volume, why);
	if (st != ST_NOENT)
		return st;
	if (!device)
		return unknown_volume(host, word, why);
	st = host_device_uri(host, name, uri, sizeof(uri), why);
	if (st != ST_OK)
		return st;
	st = host_claim(host, uri, why);
	if (st == ST_NOENT && !strchr(name, '/'))
		return unknown_volume(host, word, why);
	return st == ST_OK ? pick(host, uri, 1, volume, why) : st;
}

/* ---- paths ----------------------------------------------------------------------------------- */

int host_is_datastore_name(const char *name)
{
	char normal[HOST_PATH_MAX];

	if (name[0] != '/' || path_normal(name, normal, sizeof(normal)) != 0)
		return 0;
	return path_is_below(normal, VOLUMES_DIR);
}

static enum status resolve_file(struct host *host, struct host_path *out, struct why *why)
{
	if (path_of_host(out->name, out->path, sizeof(out->path)) != 0)
		return why_set(why, ST_LIMIT, "%.100s...: the name is too long", out->name);
	if (!host->files) {
		enum status st = hostfs_open("/", &host->files, why);

		if (st != ST_OK)
			return st;
	}
	out->store = host->files;
	host_said_note(host, out);
	out->store->names = &host->lookup;
	return ST_OK;
}

/* "/vmfs/volumes" itself: a directory that lists the volumes. */
static enum status resolve_names(struct host *host, struct host_path *out, struct why *why)
{
	enum status st = host_scan(host, why);

	if (st != ST_OK)
		return st;
	if (!host->names)
		host->names = host_names_create(host);
	if (!host->names)
		return why_set(why, ST_NOMEM, "%s: no memory", VOLUMES_DIR);
	out->store = host->names;
	return path_normal("/", out->path, sizeof(out->path)) == 0 ? ST_OK : ST_LIMIT;
}

enum status host_resolve(struct host *host, const char *name, enum host_access access,
			 struct host_path *out, struct why *why)
{
	struct vmfs_volume *vol;
	const char *inside;
	enum status st;

	*out = (struct host_path){ 0 };
	if (name[0] == 0)
		return why_set(why, ST_NAME, "an empty name names nothing");
	if (mem_copy_text(out->name, sizeof(out->name), name) >= sizeof(out->name))
		return why_set(why, ST_LIMIT, "%.100s...: the name is too long", name);
	if (!host_is_datastore_name(name))
		return resolve_file(host, out, why);
	if (path_normal(name, out->path, sizeof(out->path)) != 0)
		return why_set(why, ST_LIMIT, "%.100s...: the name is too long", name);
	if (strcmp(out->path, VOLUMES_DIR) == 0)
		return resolve_names(host, out, why);
	st = host_volume_find(host, name, &out->volume, why);
	if (st == ST_OK)
		st = host_volume_mount(out->volume, access, &vol, why);
	if (st != ST_OK)
		return st;
	inside = strchr(out->path + strlen(VOLUMES_DIR) + 1, '/');
	if (inside)
		memmove(out->path, inside, strlen(inside) + 1);
	else
		mem_copy_text(out->path, sizeof(out->path), "/");
	out->store = vmfs_store(vol);
	out->store->names = &host->lookup;
	host_said_note(host, out);
	return ST_OK;
}
