/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* path - port_path_*() on the namespace of the simulator. */
#include "iopath/port/sim/sim_priv.h"

#include <stdlib.h>
#include <string.h>

static enum status find_existing(const char *path, struct place *place)
{
	enum status st = node_find(path, 0, place);

	if (st == ST_OK && place->entry == NULL && place->name[0])
		return ST_NOENT;
	return st;
}

/* The root has no entry: a path without names leads to it. */
static struct inode *inode_at(const struct place *place)
{
	return place->entry ? place->entry->inode : place->dir;
}

enum status port_path_stat(const char *path, struct port_stat *out)
{
	struct place place;
	enum status st = find_existing(path, &place);
	const struct inode *inode;

	if (st != ST_OK)
		return st;
	inode = inode_at(&place);
	*out = (struct port_stat){
		.kind = inode->kind,
		.size_bytes = inode->size_bytes,
		.allocated_bytes = inode->image.pages * PAGE_BYTES,
		.mode = inode->mode,
		.mtime_s = inode->mtime_s,
	};
	return ST_OK;
}

/* fn may change the directory: list the names first. */
enum status port_path_list(const char *dir, int (*fn)(void *arg, const char *name), void *arg)
{
	struct place place;
	enum status st = node_find(dir, 1, &place);
	struct entry *e;
	size_t count = 0, n = 0;
	char **names;
	int stop = 0;

	if (st == ST_OK && place.entry == NULL && place.name[0])
		st = ST_NOENT;
	if (st != ST_OK)
		return st;
	if (inode_at(&place)->kind != PORT_KIND_DIR)
		return ST_NOTDIR;
	list_for_each(e, &inode_at(&place)->entries, link)
		count++;
	names = calloc(count + 1, sizeof(*names));
	VERIFY(names != NULL);
	list_for_each(e, &inode_at(&place)->entries, link)
		names[n++] = strdup(e->name);
	for (size_t i = 0; i < count; i++) {
		if (!stop)
			stop = fn(arg, names[i]);
		free(names[i]);
	}
	free(names);
	return ST_OK;
}

/* Put a new inode at a path where nothing is; frees it when that fails. */
static enum status put_new(const char *path, struct inode *inode)
{
	struct place place;
	enum status st = node_find(path, 0, &place);

	if (inode == NULL)
		return ST_NOMEM;
	if (st == ST_OK)
		st = faults_of_change();
	if (st == ST_OK && (place.entry || place.name[0] == '\0'))
		st = ST_EXIST;
	if (st == ST_OK)
		st = node_add(place.dir, place.name, inode);
	inode_release(inode);	/* unless it has a name now */
	return st;
}

enum status port_path_mkdir(const char *path, uint32_t mode)
{
	return put_new(path, inode_new(PORT_KIND_DIR, mode & 07777));
}

enum status port_path_symlink(const char *target, const char *path)
{
	struct inode *inode = inode_new(PORT_KIND_LINK, 0777);

	if (inode == NULL)
		return ST_NOMEM;
	inode->target = strdup(target);
	inode->size_bytes = strlen(target);
	return put_new(path, inode);
}

enum status port_path_readlink(const char *path, char *buf, size_t size)
{
	struct place place;
	enum status st = find_existing(path, &place);

	if (st != ST_OK)
		return st;
	if (inode_at(&place)->kind != PORT_KIND_LINK)
		return ST_INVAL;
	return mem_copy_text(buf, size, inode_at(&place)->target) < size ? ST_OK : ST_RANGE;
}

enum status port_path_remove(const char *path)
{
	struct place place;
	enum status st = find_existing(path, &place);

	if (st == ST_OK)
		st = faults_of_change();
	if (st != ST_OK)
		return st;
	if (place.entry == NULL)
		return ST_BUSY;	/* the root */
	if (!list_empty(&place.entry->inode->entries))
		return ST_NOTEMPTY;
	node_remove(place.entry);
	return ST_OK;
}

enum status port_path_link(const char *old_path, const char *new_path)
{
	struct place from;
	enum status st = find_existing(old_path, &from);

	if (st != ST_OK)
		return st;
	if (inode_at(&from)->kind == PORT_KIND_DIR)
		return ST_REFUSED;
	return put_new(new_path, from.entry->inode);
}

/* May this inode take the place of that one? */
static enum status check_replace(const struct inode *moved, const struct inode *there, int replace)
{
	if (!replace)
		return ST_EXIST;
	if (there->kind == PORT_KIND_DIR && moved->kind != PORT_KIND_DIR)
		return ST_ISDIR;
	if (there->kind != PORT_KIND_DIR && moved->kind == PORT_KIND_DIR)
		return ST_NOTDIR;
	return list_empty(&there->entries) ? ST_OK : ST_NOTEMPTY;
}

/* 1 when `dir` lies in the tree below `top`, or is it. */
static int is_below(const struct inode *dir, const struct inode *top)
{
	struct entry *e;

	if (dir == top)
		return 1;
	list_for_each(e, &top->entries, link) {
		if (e->inode->kind == PORT_KIND_DIR && is_below(dir, e->inode))
			return 1;
	}
	return 0;
}

enum status port_path_rename(const char *old_path, const char *new_path, int replace)
{
	struct place from, to;
	struct inode *inode;
	enum status st = find_existing(old_path, &from);

	if (st == ST_OK)
		st = node_find(new_path, 0, &to);
	if (st == ST_OK)
		st = faults_of_change();
	if (st != ST_OK)
		return st;
	if (from.entry == NULL || to.name[0] == '\0')
		return ST_BUSY;	/* the root */
	inode = from.entry->inode;
	if (to.entry && to.entry->inode == inode)
		return replace ? ST_OK : ST_EXIST;	/* two names of one file: nothing to do */
	if (is_below(to.dir, inode))
		return ST_INVAL;
	if (to.entry)
		st = check_replace(inode, to.entry->inode, replace);
	if (st == ST_OK)
		st = node_add(to.dir, to.name, inode);
	if (st != ST_OK)
		return st;
	if (to.entry)
		node_remove(to.entry);
	node_remove(from.entry);
	return ST_OK;
}

/* Names are durable at once here; what is checked is the path. */
enum status port_path_sync_dir(const char *dir)
{
	struct place place;
	enum status st = node_find(dir, 1, &place);

	if (st == ST_OK)
		st = faults_of_change();
	if (st != ST_OK)
		return st;
	if (place.entry == NULL && place.name[0])
		return ST_NOENT;
	return inode_at(&place)->kind == PORT_KIND_DIR ? ST_OK : ST_NOTDIR;
}
