/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host_claim - from the name of a device to the volume that it is a piece of. A device is
 * opened without write permission: looking at a LUN that other hosts use must not touch it. */
#include "tools/host_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "iopath/part.h"

#define SCAN_PARTITIONS		128	/* as many as a GPT usually has room for */

static const char *const disk_dirs[] = { "/vmfs/devices/disks/", "/dev/disks/" };

/* ---- device names ---------------------------------------------------------------------------- */

/* A URI that names a partition already: "disk:3". */
static int names_partition(const char *uri) { return io_dev_names_partition(uri); }

static size_t base_length(const char *uri)
{
	return names_partition(uri) ? (size_t)(strrchr(uri, ':') - uri) : strlen(uri);
}

int host_same_device(const char *a, const char *b, int whole)
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

uint64_t host_quiet_ns(const struct host_volume *v)
{
	uint64_t quiet = UINT64_MAX;

	for (uint32_t i = 0; i < v->piece_count; i++) {
		const char *uri = v->piece[i]->uri;
		char file[DEVICE_NAME_MAX];
		struct timespec now;
		struct stat st;
		int64_t age_s;

		snprintf(file, sizeof(file), "%.*s", (int)base_length(uri), uri);
		if ((stat(uri, &st) != 0 && stat(file, &st) != 0) || !S_ISREG(st.st_mode) ||
		    clock_gettime(CLOCK_REALTIME, &now) != 0)
			return 0;
		age_s = (int64_t)now.tv_sec - (int64_t)st.st_mtim.tv_sec - 1;
		quiet = MIN(quiet, age_s > 0 ? (uint64_t)age_s * 1000000000 : 0);
	}
	return v->piece_count ? quiet : 0;
}

enum status host_dev_open(struct host *host, const char *uri, unsigned flags, struct io_dev **dev,
			  struct why *why)
{
	const struct config *c = host->config;

	return c->open_dev ? c->open_dev(c->arg, uri, flags, dev, why)
			   : io_dev_open(uri, flags, dev, why);
}

static void remark(const struct host *host, const char *line)
{
	if (host->config->remark)
		host->config->remark(host->config->arg, line);
	else
		fprintf(stderr, "cairn: %s; the device is left out\n", line);
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
		if (host_same_device(v->piece[i]->uri, piece->uri, 0)) {
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
static enum status look_at(struct host *host, const char *uri, struct vmfs_probe *probe,
			   struct why *why)
{
	struct io_dev *dev;
	enum status st = host_dev_open(host, uri, 0, &dev, why);

	if (st != ST_OK)
		return st;
	st = vmfs_probe(dev, probe, why);
	io_dev_close(dev);
	return st;
}

/* The numbers of the partitions of a device; 0 when it has none or cannot be read. */
static uint32_t list_partitions(struct host *host, const char *uri,
				uint32_t number[SCAN_PARTITIONS])
{
	struct part_table t;
	struct io_dev *dev;
	uint32_t n = 0;

	if (host_dev_open(host, uri, 0, &dev, NULL) != ST_OK)
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
	uint32_t number[SCAN_PARTITIONS], count = list_partitions(host, uri, number);
	enum status result = ST_NOENT;
	struct vmfs_probe probe;

	for (uint32_t i = 0; i < count; i++) {
		char part[DEVICE_NAME_MAX];

		if ((size_t)snprintf(part, sizeof(part), "%s:%u", uri, number[i]) >= sizeof(part))
			return why_set(why, ST_LIMIT, "%s: the name is too long", uri);
		if (look_at(host, part, &probe, NULL) != ST_OK)
			continue;
		result = fn(host, part, &probe, why);
		if (result != ST_OK)
			return result;
	}
	return result;
}

enum status host_claim(struct host *host, const char *uri, struct why *why)
{
	struct vmfs_probe probe;
	enum status st = look_at(host, uri, &probe, why);

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
		enum status st = host_claim(host, uri, &trouble);

		if (st == ST_OK)
			continue;
		if (!trouble.text[0])
			why_set(&trouble, st, "%s: %s", uri, status_text(st));
		if (st == ST_NOMEM)
			return why_set(why, st, "%s", trouble.text);
		remark(host, trouble.text);
		if (!host->trouble.text[0])
			host->trouble = trouble;
	}
	return ST_OK;
}
enum status host_device_uri(struct host *host, const char *name, char *uri, size_t size,
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

/* ---- devices --------------------------------------------------------------------------------- */

enum status host_open_device(struct host *host, const char *name, unsigned flags,
			     struct io_dev **dev, struct why *why)
{
	char uri[DEVICE_NAME_MAX];
	enum status st = host_device_uri(host, name, uri, sizeof(uri), why);

	return st == ST_OK ? host_dev_open(host, uri, flags, dev, why) : st;
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
	enum status st = host_device_uri(host, name, uri, sizeof(uri), why);

	if (st != ST_OK)
		return st;
	st = look_at(host, uri, &probe, why);
	if (st == ST_NOENT && !names_partition(uri) &&
	    each_partition(host, uri, take_first, &part) == ST_EXIST)
		return host_dev_open(host, part.text, flags, dev, why);
	if (st != ST_OK && st != ST_CORRUPT)
		return st;
	return host_dev_open(host, uri, flags, dev, why);
}
