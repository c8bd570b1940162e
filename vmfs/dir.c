/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* dir - directories, whatever shape their file has (dir_array.c, dir_hash.c). */
#include "vmfs/vmfs_priv.h"

/* .sdd.sf is a directory though its type says system file. */
int vmfs_is_dir(const struct vmfs_fd *fd)
{
	return vmfs_fd_type(fd) == VMFS_TYPE_DIR || fd->addr == VMFS_FD_SDD;
}

void vmfs_entry_decode(const struct vmfs_dirent_head *d, const uint8_t *name, uint32_t number,
		       struct vmfs_entry *entry)
{
	entry->number = number;
	entry->type = le32_get(d->type);
	entry->fd = le32_get(d->fd);
	entry->generation = le32_get(d->generation);
	memcpy(entry->name, name, VMFS_NAME_MAX);
	entry->name[VMFS_NAME_MAX] = 0;
}

enum status vmfs_dir_find(struct vmfs_volume *vol, const struct vmfs_fd *dir, const char *name,
			  struct vmfs_entry *entry)
{
	return vmfs_is_dir(dir) ? vmfs_form(vol)->dir->find(vol, dir, name, entry) : ST_NOTDIR;
}

enum status vmfs_dir_entry(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t number,
			   struct vmfs_entry *entry)
{
	return vmfs_form(vol)->dir->entry(vol, dir, number, entry);
}

enum status vmfs_dir_next(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t *number,
			  struct vmfs_entry *entry)
{
	return vmfs_form(vol)->dir->next(vol, dir, number, entry);
}

enum status vmfs_dir_empty(struct vmfs_volume *vol, const struct vmfs_fd *dir, int *empty)
{
	struct vmfs_entry e;
	enum status st;

	*empty = 0;
	for (uint32_t i = 0; (st = vmfs_dir_next(vol, dir, &i, &e)) == ST_OK; i++)
		if (strcmp(e.name, ".") && strcmp(e.name, ".."))
			return ST_OK;
	*empty = st == ST_NOENT;
	return *empty ? ST_OK : st;
}

enum status vmfs_dir_init(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t parent)
{
	struct vmfs_fd up;
	enum status st = vmfs_fd_get(vol, parent, &up);

	return st == ST_OK ? vmfs_form(vol)->dir->init(vol, dir, &up) : st;
}

/* VMFS-6: a descriptor knows the directory that names it. */
static enum status set_parent(struct vmfs_volume *vol, const struct vmfs_fd *dir,
			      const struct vmfs_fd *child)
{
	struct vmfs_fd_disk *m;

	if (!vmfs_form(vol)->fd_signature || le32_get(vmfs_fd_meta(child)->parent_fd) == dir->addr)
		return ST_OK;
	m = vmfs_fd_edit(vol, child);
	if (!m)
		return ST_NOMEM;
	le32_set(&m->parent_fd, dir->addr);
	return ST_OK;
}

enum status vmfs_dir_add(struct vmfs_volume *vol, const struct vmfs_fd *dir, const char *name,
			 const struct vmfs_fd *child)
{
	enum status st = vmfs_form(vol)->dir->add(vol, dir, name, child);

	return st == ST_OK ? set_parent(vol, dir, child) : st;
}

enum status vmfs_dir_remove(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t number)
{
	return vmfs_form(vol)->dir->remove(vol, dir, number);
}

enum status vmfs_dir_point(struct vmfs_volume *vol, const struct vmfs_fd *dir, uint32_t number,
			   const struct vmfs_fd *child)
{
	enum status st = vmfs_form(vol)->dir->point(vol, dir, number, child);

	return st == ST_OK && number > 1 ? set_parent(vol, dir, child) : st;
}
