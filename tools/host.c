/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host - devices become volumes, volumes become stores, names find them. Nothing is opened for
 * writing before somebody asks for a path to be written: looking at a LUN that other hosts use
 * must not touch it. */
#include "tools/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "iopath/part.h"
#include "tools/host_names.h"

#define DEVICE_NAME_MAX		256	/* as in struct io_dev */
#define SCAN_PARTITIONS		128	/* as many as a GPT usually has room for */
#define VOLUMES_DIR		"/vmfs/volumes"
#define LOCK_AGAIN_NS		100000000ull
#define LOCK_PATIENCE_NS	2000000000ull

static const char *const disk_dirs[] = { "/vmfs/devices/disks/", "/dev/disks/" };

struct host_piece {			/* one device of a volume */
	char			uri[DEVICE_NAME_MAX];
	struct vmfs_probe	probe;
	struct host_piece	*twin;	/* another device that claims to be the same one */
};

struct host_volume {
	struct host		*host;
	struct host_piece	*piece[HOST_DEVICES_MAX];
	uint32_t		piece_count;
	const struct vmfs_probe	*head;
	char			uuid[VMFS_UUID_TEXT];
	struct vmfs_volume	*vol;		/* NULL: not mounted */
	enum host_access	access;
	struct io_dev		*dev[HOST_DEVICES_MAX];
	uint32_t		dev_count;
};

struct host {
	const struct config	*config;
	struct store		*files;		/* this machine's own, opened at first use */
	struct store		*names;		/* the directory /vmfs/volumes */
	struct host_volume	**volume;
	size_t			volume_count;
	uint8_t			scanned;
	struct why trouble; /* of the first device that could not be looked at */
};

/* ---- device names ---------------------------------------------------------------------------- */

/* A URI that names a partition already: "disk:3". */
static int names_partition(const char *uri)
{
	const char *colon = strrchr(uri, ':');

	return colon && colon[1] && colon[1 + strspn(colon + 1, "0123456789")] == 0;
}

static size_t base_length(const char *uri)
{
	return names_partition(uri) ? (size_t)(strrchr(uri, ':') - uri) : strlen(uri);
}

/* "lun.img:1" and "./lun.img:1" are one device: two spellings of one file. whole: the name `a`
 * without a partition stands for all of them. */
static int same_device(const char *a, const char *b, int whole)
{
	size_t na = base_length(a), nb = base_length(b);
	char fa[DEVICE_NAME_MAX], fb[DEVICE_NAME_MAX];
	struct stat sa, sb;

	if (!(whole && a[na] == 0) && strcmp(a + na, b + nb) != 0)
		return 0;
	snprintf(fa, sizeof(fa), "%.*s", (int)na, a);
	snprintf(fb, sizeof(fb), "%.*s", (int)nb, b);
	if (strcmp(fa, fb) == 0)
		return 1;
	if (stat(fa, &sa) != 0 || stat(fb, &sb) != 0)
		return 0;
	if (S_ISBLK(sa.st_mode) && S_ISBLK(sb.st_mode))
		return sa.st_rdev == sb.st_rdev;
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* ---- claiming devices ------------------------------------------------------------------------ */

static int same_uuid(const struct vmfs_uuid *a, const struct vmfs_uuid *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static struct host_volume *volume_of(struct host *host, const struct vmfs_probe *probe)
{
	struct host_volume **grown, *v;

	for (size_t i = 0; i < host->volume_count; i++) {
		v = host->volume[i];
		if (same_uuid(&v->head->lv_uuid, &probe->lv_uuid) &&
		    v->head->snap_id == probe->snap_id)
			return v;
	}
	grown = realloc(host->volume, (host->volume_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	host->volume = grown;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->host = host;
	host->volume[host->volume_count++] = v;
	return v;
}

/* A device that says it is one that we have: two spellings of its name are one device; a copy is a
 * twin, and then a mount is refused, because nobody knows which of the two is meant. */
static int note_twin(struct host_volume *v, struct host_piece *piece)
{
	for (uint32_t i = 0; i < v->piece_count; i++) {
		if (!same_uuid(&v->piece[i]->probe.dev_uuid, &piece->probe.dev_uuid))
			continue;
		if (same_device(v->piece[i]->uri, piece->uri, 0)) {
			free(piece);
			return 1;
		}
		piece->twin = v->piece[i]->twin;
		v->piece[i]->twin = piece;
		return 1;
	}
	return 0;
}

static enum status claim_piece(struct host *host, const char *uri, const struct vmfs_probe *probe,
			       struct why *why)
{
	struct host_piece *piece = calloc(1, sizeof(*piece));
	struct host_volume *v = piece ? volume_of(host, probe) : NULL;

	if (!v) {
		free(piece);
		return why_set(why, ST_NOMEM, "%s: no memory", uri);
	}
	mem_copy_text(piece->uri, sizeof(piece->uri), uri);
	piece->probe = *probe;
	if (v->piece_count > 0 && note_twin(v, piece))
		return ST_OK;
	if (v->piece_count == HOST_DEVICES_MAX) {
		free(piece);
		return why_set(why, ST_LIMIT, "%s: more devices than a volume has", uri);
	}
	v->piece[v->piece_count++] = piece;
	if (!v->head || probe->first_pe == 0)
		v->head = &piece->probe;
	vmfs_uuid_format(v->head->first_pe == 0 ? &v->head->fs_uuid : &v->head->lv_uuid, v->uuid);
	return ST_OK;
}

/* Probe one device or partition. ST_NOENT: there is no VMFS on it. */
static enum status look_at(const char *uri, struct vmfs_probe *probe, struct why *why)
{
	struct io_dev *dev;
	enum status st = io_dev_open(uri, 0, &dev, why);

	if (st != ST_OK)
		return st;
	st = vmfs_probe(dev, probe, why);
	io_dev_close(dev);
	return st;
}

/* The numbers of the partitions of a device; 0 when it has none or cannot be read. */
static uint32_t list_partitions(const char *uri, uint32_t number[SCAN_PARTITIONS])
{
	struct part_table t;
	struct io_dev *dev;
	uint32_t n = 0;

	if (io_dev_open(uri, 0, &dev, NULL) != ST_OK)
		return 0;
	if (part_table_read(dev, &t, NULL) == ST_OK) {
		for (; n < t.count && n < SCAN_PARTITIONS; n++)
			number[n] = t.part[n].number;
		part_table_free(&t);
	}
	io_dev_close(dev);
	return n;
}

/* fn for each partition that holds a VMFS; ST_NOENT when none does. */
static enum status each_partition(struct host *host, const char *uri,
				  enum status (*fn)(struct host *host, const char *uri,
						    const struct vmfs_probe *probe,
						    struct why *why),
				  struct why *why)
{
	uint32_t number[SCAN_PARTITIONS], count = list_partitions(uri, number);
	enum status result = ST_NOENT;
	struct vmfs_probe probe;

	for (uint32_t i = 0; i < count; i++) {
		char part[DEVICE_NAME_MAX];

		if ((size_t)snprintf(part, sizeof(part), "%s:%u", uri, number[i]) >= sizeof(part))
			return why_set(why, ST_LIMIT, "%s: the name is too long", uri);
		if (look_at(part, &probe, NULL) != ST_OK)
			continue;
		result = fn(host, part, &probe, why);
		if (result != ST_OK)
			return result;
	}
	return result;
}

/* Take the device, or those of its partitions that hold a VMFS. ST_NOENT: nothing there. */
static enum status claim_device(struct host *host, const char *uri, struct why *why)
{
	struct vmfs_probe probe;
	enum status st = look_at(uri, &probe, why);

	if (st == ST_OK)
		return claim_piece(host, uri, &probe, why);
	if (st != ST_NOENT || names_partition(uri))
		return st;
	return each_partition(host, uri, claim_piece, NULL) == ST_OK ? ST_OK : st;
}

enum status host_scan(struct host *host, struct why *why)
{
	(void)why;
	if (host->scanned)
		return ST_OK;
	host->scanned = 1;
	for (size_t i = 0; i < host->config->device_count; i++) {
		const char *uri = host->config->device[i].uri;
		struct why trouble = { 0 };
		enum status st = claim_device(host, uri, &trouble);

		if (st == ST_OK)
			continue;
		if (!trouble.text[0])
			why_set(&trouble, st, "%s: %s", uri, status_text(st));
		if (st == ST_NOMEM)
			return why_set(why, st, "%s", trouble.text);
		fprintf(stderr, "cairn: %s; the device is left out\n", trouble.text);
		if (!host->trouble.text[0])
			host->trouble = trouble;
	}
	return ST_OK;
}

/* ---- create, destroy ------------------------------------------------------------------------- */

enum status host_create(const struct config *config, struct host **host, struct why *why)
{
	struct host *h = calloc(1, sizeof(*h));

	if (!h)
		return why_set(why, ST_NOMEM, "no memory for the host");
	h->config = config;
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
		st = io_dev_open(v->piece[n]->uri, flags, &devs[n], why);
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
					.join = v->host->config->join };
	unsigned flags = IO_OPEN_DIRECT | (access == HOST_WRITE ? IO_OPEN_WRITE : 0);
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
	}
	*vol = v->vol;
	return ST_OK;
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
			if (same_device(uri, p->uri, 1))
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

/* /vmfs/devices/disks/NAME[:N] of a claimed device becomes its URI; anything else stays. */
static enum status device_uri(struct host *host, const char *name, char *uri, size_t size,
			      struct why *why)
{
	const char *word = NULL, *tail;
	size_t n;
	const char *found = NULL;

	for (size_t i = 0; i < ARRAY_COUNT(disk_dirs); i++)
		if (strncmp(name, disk_dirs[i], strlen(disk_dirs[i])) == 0)
			word = name + strlen(disk_dirs[i]);
	if (!word)
		return mem_copy_text(uri, size, name) < size ? ST_OK :
		       why_set(why, ST_LIMIT, "%.100s...: the name is too long", name);
	tail = names_partition(word) ? strrchr(word, ':') : word + strlen(word);
	n = (size_t)(tail - word);
	for (size_t i = 0; i < host->config->device_count; i++) {
		const char *have = host->config->device[i].uri, *last = path_last(have);

		if (strlen(last) != n || strncmp(last, word, n) != 0)
			continue;
		if (found)
			return why_set(why, ST_REFUSED, "%s: is %s and %s; use one of these", name,
				       found, have);
		found = have;
	}
	if (!found)
		return why_set(why, ST_NOENT,
			       "%s: no such device; --device or CAIRN_DEVICES name devices", name);
	if ((size_t)snprintf(uri, size, "%s%s", found, tail) >= size)
		return why_set(why, ST_LIMIT, "%s: the name is too long", name);
	return ST_OK;
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
	st = device_uri(host, name, uri, sizeof(uri), why);
	if (st != ST_OK)
		return st;
	st = claim_device(host, uri, why);
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
	return ST_OK;
}

/* ---- devices --------------------------------------------------------------------------------- */

enum status host_open_device(struct host *host, const char *name, unsigned flags,
			     struct io_dev **dev, struct why *why)
{
	char uri[DEVICE_NAME_MAX];
	enum status st = device_uri(host, name, uri, sizeof(uri), why);

	return st == ST_OK ? io_dev_open(uri, flags, dev, why) : st;
}

/* each_partition() stops at the first one by a status of its own; the name comes back in why. */
static enum status take_first(struct host *host, const char *uri, const struct vmfs_probe *probe,
			      struct why *why)
{
	(void)host;
	(void)probe;
	return why_set(why, ST_EXIST, "%s", uri);
}

enum status host_open_vmfs_device(struct host *host, const char *name, unsigned flags,
				  struct io_dev **dev, struct why *why)
{
	char uri[DEVICE_NAME_MAX];
	struct vmfs_probe probe;
	struct why part = { 0 };
	enum status st = device_uri(host, name, uri, sizeof(uri), why);

	if (st != ST_OK)
		return st;
	st = look_at(uri, &probe, why);
	if (st == ST_NOENT && !names_partition(uri) &&
	    each_partition(host, uri, take_first, &part) == ST_EXIST)
		return io_dev_open(part.text, flags, dev, why);
	if (st != ST_OK && st != ST_CORRUPT)
		return st;
	return io_dev_open(uri, flags, dev, why);
}
