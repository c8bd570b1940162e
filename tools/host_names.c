/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host_names - nothing is stored: each call looks at the host's list of volumes. */
#include "tools/host_names.h"

#include <stdlib.h>
#include <string.h>

#include "tools/host.h"

struct names {
	struct store	store;
	struct host	*host;
};

static void fill(struct store_stat *st, enum store_kind kind, uint64_t id)
{
	*st = (struct store_stat){ .kind = kind, .id = id, .links = 1,
				   .mode = kind == STORE_DIR ? 0755 : 0777 };
}

/* The volume that a name in this directory stands for; *is_label tells which of its two names. */
static struct host_volume *lookup(struct names *n, const char *name, int *is_label, size_t *index)
{
	struct host_volume *v;

	for (size_t i = 0; (v = host_volume_at(n->host, i)) != NULL; i++) {
		*index = i;
		*is_label = strcmp(host_volume_uuid(v), name) != 0;
		if (!*is_label || strcmp(host_volume_name(v), name) == 0)
			return v;
	}
	return NULL;
}

static enum status names_stat(struct store *s, const char *path, struct store_stat *st,
			      struct why *why)
{
	struct names *n = container_of(s, struct names, store);
	int is_label;
	size_t index;

	if (strcmp(path, "/") == 0) {
		fill(st, STORE_DIR, 0);
		return ST_OK;
	}
	if (!lookup(n, path + 1, &is_label, &index))
		return why_set(why, ST_NOENT, "/vmfs/volumes%s: no such volume", path);
	fill(st, is_label ? STORE_SYMLINK : STORE_DIR, 1 + index * 2 + (size_t)is_label);
	return ST_OK;
}

static enum status names_list(struct store *s, const char *dir,
			      int (*fn)(void *arg, const char *name, const struct store_stat *st),
			      void *arg, struct why *why)
{
	struct names *n = container_of(s, struct names, store);
	struct host_volume *v;

	if (strcmp(dir, "/") != 0)
		return why_set(why, ST_NOENT, "/vmfs/volumes%s: name it as /vmfs/volumes%s/", dir,
			       dir);
	for (size_t i = 0; (v = host_volume_at(n->host, i)) != NULL; i++) {
		const char *uuid = host_volume_uuid(v), *label = host_volume_name(v);
		struct store_stat st;

		fill(&st, STORE_DIR, 1 + i * 2);
		if (fn(arg, uuid, &st))
			return ST_OK;
		fill(&st, STORE_SYMLINK, 2 + i * 2);
		if (strcmp(label, uuid) != 0 && fn(arg, label, &st))
			return ST_OK;
	}
	return ST_OK;
}

static enum status names_readlink(struct store *s, const char *path, char *buf, size_t size)
{
	struct names *n = container_of(s, struct names, store);
	int is_label;
	size_t index;
	struct host_volume *v = lookup(n, path + 1, &is_label, &index);

	if (!v || !is_label)
		return v ? ST_INVAL : ST_NOENT;
	return mem_copy_text(buf, size, host_volume_uuid(v)) < size ? ST_OK : ST_RANGE;
}

static enum status names_space(struct store *s, struct store_space *space)
{
	(void)s;
	*space = (struct store_space){ 0 };
	return ST_OK;
}

static enum status names_sync(struct store *s)
{
	(void)s;
	return ST_OK;
}

static enum status names_open(struct store *s, const char *path, unsigned flags,
			      struct store_file **file, struct why *why)
{
	(void)s;
	(void)flags;
	(void)file;
	return why_set(why, ST_ISDIR, "/vmfs/volumes%s: is a directory", path);
}

static const struct store_ops names_ops = {
	.name = "volumes", .stat = names_stat, .list = names_list, .readlink = names_readlink,
	.space = names_space, .sync = names_sync, .open = names_open,
};

struct store *host_names_create(struct host *host)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->host = host;
	n->store.ops = &names_ops;
	mem_copy_text(n->store.name, sizeof(n->store.name), "/vmfs/volumes");
	return &n->store;
}

void host_names_destroy(struct store *store)
{
	if (store)
		free(container_of(store, struct names, store));
}
