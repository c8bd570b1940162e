/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* node - the namespace: directories of entries, entries of inodes. Every path starts at the one
 * root, with or without a slash in front, so "sim:a" and "/tmp/x" are ordinary names here. */
#include "iopath/port/sim/sim_priv.h"

#include <stdlib.h>

#define LINKS_MAX 16	/* symbolic links followed in one path */
#define PATH_MAX_BYTES 4096

/* ---- inodes ---------------------------------------------------------------------------------- */

struct inode *inode_new(enum port_kind kind, uint32_t mode)
{
	struct inode *inode = calloc(1, sizeof(*inode));

	if (inode == NULL)
		return NULL;
	inode->number = ++sim.inodes_made;
	inode->kind = kind;
	inode->mode = mode;
	inode->block_bytes = SECTOR_BYTES;
	inode->mtime_s = (int64_t)(port_wall_us() / 1000000);
	image_init(&inode->image);
	list_init(&inode->entries);
	list_init(&inode->locks);
	list_add_tail(&sim.inodes, &inode->all);
	return inode;
}

static void inode_free(struct inode *inode)
{
	list_del(&inode->all);
	locks_drop(inode, NULL);
	image_fini(&inode->image);
	free(inode->target);
	free(inode);
}

void inode_release(struct inode *inode)
{
	if (inode->links == 0 && inode->opens == 0)
		inode_free(inode);
}

/* ---- entries --------------------------------------------------------------------------------- */

static struct entry *find_entry(const struct inode *dir, const char *name)
{
	struct entry *e;

	list_for_each(e, &dir->entries, link) {
		int order = strcmp(e->name, name);

		if (order == 0)
			return e;
		if (order > 0)
			break;
	}
	return NULL;
}

enum status node_add(struct inode *dir, const char *name, struct inode *inode)
{
	size_t len = strlen(name) + 1;
	struct entry *e = malloc(sizeof(*e) + len), *after;

	if (e == NULL)
		return ST_NOMEM;
	memcpy(e->name, name, len);
	e->inode = inode;
	inode->links++;
	list_for_each(after, &dir->entries, link) {
		if (strcmp(after->name, name) > 0)
			break;
	}
	list_insert(&e->link, after->link.prev, &after->link);
	return ST_OK;
}

void node_remove(struct entry *e)
{
	struct inode *inode = e->inode;

	list_del(&e->link);
	free(e);
	inode->links--;
	inode_release(inode);
}

static void free_entries(struct inode *dir)
{
	while (!list_empty(&dir->entries)) {
		struct entry *e = list_first(&dir->entries, struct entry, link);

		if (e->inode->kind == PORT_KIND_DIR)
			free_entries(e->inode);
		node_remove(e);
	}
}

void tree_free(void)
{
	free_entries(sim.root);
	inode_free(sim.root);
	/* Openings that the run left. */
	while (!list_empty(&sim.disks)) {
		struct port_disk *disk = list_first(&sim.disks, struct port_disk, all);

		disk->in_flight = 0;
		port_disk_close(disk);
	}
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* The next name of a path; 0 at its end. */
static int next_name(const char **path, char *name, size_t size)
{
	size_t len = 0;

	while (**path == '/')
		(*path)++;
	while ((*path)[len] && (*path)[len] != '/')
		len++;
	if (len == 0)
		return 0;
	mem_copy_text(name, MIN(size, len + 1), *path);
	*path += len;
	while (**path == '/')
		(*path)++;
	return len < size ? 1 : -1;
}

/* A link's target replaces the path up to here; a relative one is taken from the directory of the
 * link, by a walk that starts there. */
static enum status walk(struct inode *dir, const char *path, int follow, struct place *place,
			int links)
{
	int more;

	place->dir = dir;
	place->entry = NULL;
	mem_copy_text(place->name, sizeof(place->name), "");
	while ((more = next_name(&path, place->name, sizeof(place->name))) != 0) {
		struct entry *e;

		if (more < 0)
			return ST_NAME;
		if (place->dir->kind != PORT_KIND_DIR)
			return ST_NOTDIR;
		if (strcmp(place->name, ".") == 0)
			continue;
		e = find_entry(place->dir, place->name);
		if (e && e->inode->kind == PORT_KIND_LINK && (*path || follow)) {
			char rest[PATH_MAX_BYTES];
			const char *target = e->inode->target;
			size_t len = mem_copy_text(rest, sizeof(rest), target);

			if (links == LINKS_MAX || len + strlen(path) + 2 > sizeof(rest))
				return ST_LIMIT;
			rest[len] = '/';
			mem_copy_text(rest + len + 1, sizeof(rest) - len - 1, path);
			return walk(target[0] == '/' ? sim.root : place->dir, rest, follow, place,
				    links + 1);
		}
		place->entry = e;
		if (*path == '\0')
			return ST_OK;
		if (e == NULL)
			return ST_NOENT;
		place->dir = e->inode;
		place->entry = NULL;
	}
	return ST_OK;
}

enum status node_find(const char *path, int follow, struct place *place)
{
	return walk(sim.root, path, follow, place, 0);
}

struct inode *node_file(const char *path)
{
	struct place place;

	if (node_find(path, 1, &place) != ST_OK || place.entry == NULL ||
	    (place.entry->inode->kind != PORT_KIND_FILE &&
	     place.entry->inode->kind != PORT_KIND_DEVICE))
		return NULL;
	return place.entry->inode;
}

enum status node_make_parents(const char *path)
{
	char name[256];
	struct inode *dir = sim.root;
	int more;

	while ((more = next_name(&path, name, sizeof(name))) > 0 && *path) {
		struct entry *e = find_entry(dir, name);
		struct inode *made;
		enum status st;

		if (e) {
			dir = e->inode;
			continue;
		}
		made = inode_new(PORT_KIND_DIR, 0755);
		if (made == NULL)
			return ST_NOMEM;
		st = node_add(dir, name, made);
		if (st != ST_OK) {
			inode_release(made);
			return st;
		}
		dir = made;
	}
	return more < 0 ? ST_NAME : ST_OK;
}
