/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* evac_plan - what there is to evacuate: folders in the order of their names; in each the disks
 * first, then the other files, the .vmx last, so that a machine whose .vmx has arrived is complete.
 *
 * Descriptors are read to learn which files are extents of which disk. What cannot be read, a
 * damaged descriptor, is copied all the same: as files. */
#include "tools/evac.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/walk.h"

/* A disk of a folder, as its descriptor tells. */
struct found_disk {
	const struct walk_entry	*entry;		/* the descriptor */
	uint32_t		cid;
	uint64_t		bytes;
	uint8_t			delta;		/* it has a parent */
	uint8_t			flat;		/* the one extent is what it shows */
	size_t			*extent;	/* indexes of entries; of extents that are there */
	size_t			extent_count;
};

struct planning {
	struct evac		*e;
	struct evac_volume	*v;
	struct evac_folder	*folder;
	struct walk_dir		dir;
	uint8_t			*taken;		/* entries that belong to a disk */
	uint8_t			*is_parent;	/* entries that another disk of the folder names */
	struct found_disk	*disk;
	size_t			disk_count;
};

char *evac_path(const struct evac_folder *f, const char *name)
{
	return f->path[1] ? walk_path(f->path + 1, name) : strdup(name);
}

char *evac_unit_path(const struct evac_unit *u)
{
	char *name, *path;

	if (u->kind < EVAC_DISK)
		return evac_path(u->folder, u->name);
	if (asprintf(&name, "%s.receipt", u->name) < 0)
		return NULL;
	path = evac_path(u->folder, name);
	free(name);
	return path;
}

static int is_vmx(const char *name)
{
	return mem_ends_with(name, ".vmx") || mem_ends_with(name, ".vmtx");	/* a template's */
}

/* ---- units ----------------------------------------------------------------------------------- */

static enum status add_file(struct evac_unit *u, const char *name, const struct store_stat *ss)
{
	struct evac_file *grown = realloc(u->file, (u->file_count + 1) * sizeof(*grown));

	if (!grown)
		return ST_NOMEM;
	u->file = grown;
	grown += u->file_count;
	*grown = (struct evac_file){ .id = ss->id, .bytes = ss->size_bytes,
				     .data_bytes = ss->size_bytes, .mtime_s = ss->mtime_s,
				     .mode = ss->mode & 07777 };
	if (ss->block_bytes)	/* else the data lies in the inode */
		grown->data_bytes = MIN(ss->size_bytes, ss->allocated_bytes);
	grown->name = strdup(name);
	u->file_count++;
	return grown->name ? ST_OK : ST_NOMEM;
}

static struct evac_unit *add_unit(struct evac *e, struct evac_folder *folder, const char *name,
				  enum evac_kind kind)
{
	struct evac_unit *grown = e->unit;

	if (e->unit_count == e->unit_max) {
		e->unit_max = e->unit_max ? 2 * e->unit_max : 64;
		grown = realloc(e->unit, e->unit_max * sizeof(*grown));
		if (!grown)
			return NULL;
		e->unit = grown;
	}
	grown += e->unit_count++;
	*grown = (struct evac_unit){ .folder = folder, .kind = kind, .name = strdup(name) };
	return grown->name ? grown : NULL;
}

/* Everything that would be another if the source were another. */
static void seal(struct evac_unit *u, uint32_t cid)
{
	const char *uuid = host_volume_uuid(u->folder->vol->volume);
	struct sha256 sum;
	char text[160];

	sha256_init(&sum);
	sha256_add(&sum, text, (size_t)snprintf(text, sizeof(text), "%s %d %08x\n", uuid,
						(int)u->kind, cid));
	for (size_t i = 0; i < u->file_count; i++)
		sha256_add(&sum, text,
			   (size_t)snprintf(text, sizeof(text), "%llx %llu %lld\n",
					    (unsigned long long)u->file[i].id,
					    (unsigned long long)u->file[i].bytes,
					    (long long)u->file[i].mtime_s));
	sha256_end(&sum, u->identity);
}

static enum status add_plain(struct planning *p, const struct walk_entry *entry)
{
	int vmdk = mem_ends_with(entry->name, ".vmdk") && entry->st.size_bytes >= MIB;
	enum evac_kind kind = entry->st.kind == STORE_SYMLINK ? EVAC_LINK :
			      vmdk			      ? EVAC_ORPHAN :
								EVAC_FILE;
	struct evac_unit *u = add_unit(p->e, p->folder, entry->name, kind);
	enum status st = u ? add_file(u, entry->name, &entry->st) : ST_NOMEM;

	if (st != ST_OK)
		return st;
	u->last = (uint8_t)is_vmx(entry->name);
	seal(u, 0);
	return ST_OK;
}

static enum status add_disk(struct planning *p, const struct found_disk *d)
{
	struct evac_unit *u = add_unit(p->e, p->folder, d->entry->name, EVAC_DISK);
	enum status st = u ? ST_OK : ST_NOMEM;

	for (size_t i = 0; i < d->extent_count && st == ST_OK; i++) {
		const struct walk_entry *x = &p->dir.entry[d->extent[i]];

		st = add_file(u, x->name, &x->st);
	}
	if (st != ST_OK)
		return st;
	u->flat = d->flat;
	seal(u, d->cid);
	return ST_OK;
}

/* The one file is the flat extent of the new disk; its id is the descriptor's, its time that of the
 * last write to the leaf: what lies below a leaf does not change. */
static enum status add_collapsed(struct planning *p, const struct found_disk *d)
{
	struct evac_unit *u = add_unit(p->e, p->folder, d->entry->name, EVAC_COLLAPSED);
	struct store_stat ss = d->entry->st;
	uint64_t data = 0;
	char *name;
	enum status st = u ? ST_OK : ST_NOMEM;

	for (size_t i = 0; i < d->extent_count; i++) {
		const struct store_stat *x = &p->dir.entry[d->extent[i]].st;

		data += x->allocated_bytes;
		ss.mtime_s = MAX(ss.mtime_s, x->mtime_s);
	}
	if (st != ST_OK || asprintf(&name, "%.*s-flat.vmdk", (int)strlen(d->entry->name) - 5,
				    d->entry->name) < 0)
		return ST_NOMEM;
	ss.size_bytes = d->bytes;
	ss.allocated_bytes = MAX(data, 1);
	ss.block_bytes = MIB;
	st = add_file(u, name, &ss);
	free(name);
	seal(u, d->cid);
	return st;
}

/* ---- the disks of a folder ------------------------------------------------------------------- */

static int entry_named(const struct planning *p, const char *name, size_t *index)
{
	for (size_t i = 0; i < p->dir.count; i++)
		if (strcmp(p->dir.entry[i].name, name) == 0) {
			*index = i;
			return 1;
		}
	return 0;
}

static enum status note_extents(struct planning *p, struct found_disk *d,
				const struct vmdk_disk *link, uint32_t count)
{
	d->extent = calloc(count + 1, sizeof(*d->extent));
	if (!d->extent)
		return ST_NOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct vmdk_link_extent x;
		size_t at;

		if (!vmdk_link_extent(link, i, &x) || !x.file || x.on_device ||
		    !entry_named(p, x.file, &at) || p->taken[at])
			continue;	/* one file may hold two extents */
		p->taken[at] = 1;
		d->extent[d->extent_count++] = at;
		d->flat = count == 1 && x.flat && x.offset == 0 &&
			  p->dir.entry[at].st.size_bytes == d->bytes;
	}
	return ST_OK;
}

/* Where the parent is, if it is in this folder: 1, and its entry. */
static int parent_here(struct planning *p, const char *path, const char *hint, size_t *parent)
{
	char at[HOST_PATH_MAX], dir[HOST_PATH_MAX];

	for (unsigned n = 0; vmdk_parent_path(path, hint, n, at, sizeof(at)) == ST_OK; n++) {
		struct store_stat ss;

		path_parent(at, dir, sizeof(dir));
		if (p->v->src->ops->stat(p->v->src, at, &ss, NULL) == ST_OK)
			return strcmp(dir, p->folder->path) == 0 &&
			       entry_named(p, path_last(at), parent);
	}
	return 0;
}

static enum status note_disk(struct planning *p, const struct walk_entry *entry, const char *path,
			     const struct vmdk_disk *link)
{
	struct found_disk *grown = realloc(p->disk, (p->disk_count + 1) * sizeof(*grown));
	struct vmdk_link_info info;
	size_t parent;

	if (!grown)
		return ST_NOMEM;
	p->disk = grown;
	grown += p->disk_count++;
	vmdk_link_info(link, &info);
	*grown = (struct found_disk){ .entry = entry, .cid = info.cid, .bytes = info.bytes,
				      .delta = info.is_delta };
	if (info.parent_hint && parent_here(p, path, info.parent_hint, &parent))
		p->is_parent[parent] = 1;
	return note_extents(p, grown, link, info.extent_count);
}

/* A failure to open is no failure of the evacuation: see above. */
static enum status find_disk(struct planning *p, const struct walk_entry *entry)
{
	char *path = walk_path(p->folder->path, entry->name);
	struct vmdk_disk *link;
	enum status st = path ? ST_OK : ST_NOMEM;

	if (st == ST_OK && vmdk_link_open(p->v->src, path, &link, NULL) == ST_OK) {
		st = note_disk(p, entry, path, link);
		(void)vmdk_close(link);	/* nothing was written */
	}
	free(path);
	return st;
}

static enum status find_disks(struct planning *p)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < p->dir.count && st == ST_OK; i++) {
		const struct walk_entry *entry = &p->dir.entry[i];

		if (entry->st.kind == STORE_FILE && mem_ends_with(entry->name, ".vmdk"))
			st = find_disk(p, entry);
	}
	return st;
}

/* Is it the disk of a machine, wherever that one lies and however its .vmx spells the name? */
static int is_of_machine(const struct planning *p, const char *name)
{
	const struct inventory *inv = p->v->inv;
	char path[HOST_PATH_MAX];

	if (path_join(p->folder->path, name, path, sizeof(path)) != 0)
		return 1;	/* too long to be told: kept */
	for (uint32_t i = 0; i < inv->vm_count; i++)
		for (uint32_t k = 0; k < inv->vms[i]->disk_count; k++) {
			const struct inv_link *leaf = inv->vms[i]->disks[k].link;

			if (leaf && strcmp(leaf->path, path) == 0)
				return 1;
		}
	return 0;
}

/* ---- one folder ------------------------------------------------------------------------------ */

/* Locks, memory swapped out, our own journals: nothing that a copy could use. */
static int of_no_use(struct planning *p, const struct walk_entry *entry)
{
	int snapshots =
	    mem_ends_with(entry->name, ".vmsd") || mem_ends_with(entry->name, ".vmsn");
	const char *word = NULL;

	if (mem_ends_with(entry->name, ".vswp") || mem_ends_with(entry->name, ".lck") ||
	    strncmp(entry->name, ".cairn-", 7) == 0 || (p->e->collapse && snapshots)) {
		p->v->skipped++;
		return 1;
	}
	if (entry->st.kind == STORE_RDM)
		word = "a raw device mapping";
	else if (entry->st.kind == STORE_OTHER)
		word = "no file";
	if (word) {
		cmd_note(p->e->cmd, "%s/%s: is %s and is left out", p->folder->path, entry->name,
			 word);
		p->v->skipped++;
	}
	return word || entry->st.kind == STORE_SYSTEM || entry->st.kind == STORE_DIR;
}

static enum status plan_disks(struct planning *p)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < p->disk_count && st == ST_OK; i++) {
		const struct found_disk *d = &p->disk[i];
		size_t self = (size_t)(d->entry - p->dir.entry);
		int wanted = !p->e->collapse || !p->is_parent[self] ||
			     is_of_machine(p, d->entry->name);

		if (!p->e->collapse || !d->delta) {
			if (d->extent_count && wanted)
				st = add_disk(p, d);
			else if (d->extent_count)
				p->taken[self] = 1;	/* its data is in the disks above it */
			continue;
		}
		p->taken[self] = 1;
		if (wanted)
			st = add_collapsed(p, d);
	}
	return st;
}

static enum status plan_files(struct planning *p)
{
	enum status st = ST_OK;

	for (int last = 0; last < 2; last++)
		for (size_t i = 0; i < p->dir.count && st == ST_OK; i++) {
			const struct walk_entry *entry = &p->dir.entry[i];

			if (p->taken[i] || is_vmx(entry->name) != last ||
			    (!last && of_no_use(p, entry)))
				continue;
			st = add_plain(p, entry);
		}
	return st;
}

static void planning_free(struct planning *p)
{
	for (size_t i = 0; i < p->disk_count; i++)
		free(p->disk[i].extent);
	free(p->disk);
	free(p->taken);
	free(p->is_parent);
	walk_free(&p->dir);
}

static struct evac_folder *add_folder(struct evac *e, struct evac_volume *v, const char *path,
				      const struct store_stat *ss)
{
	struct evac_folder **grown = realloc(e->folder, (e->folder_count + 1) * sizeof(*grown));
	struct evac_folder *f = calloc(1, sizeof(*f));

	if (grown)
		e->folder = grown;
	if (!grown || !f) {
		free(f);
		return NULL;
	}
	*f = (struct evac_folder){ .vol = v, .path = strdup(path), .mode = ss->mode & 07777,
				   .mtime_s = ss->mtime_s,
				   .dst = path[1] ? walk_path(v->dst, path + 1) : strdup(v->dst) };
	grown[e->folder_count++] = f;
	return f->path && f->dst ? f : NULL;
}

static enum status plan_folder(struct evac *e, struct evac_volume *v, const char *path,
			       const struct store_stat *ss, const struct walk_level *up,
			       struct why *why);

/* The file system's own directory at the root is no part of what people keep there. */
static int is_system_dir(const struct planning *p, const struct walk_entry *entry)
{
	return p->folder->path[1] == 0 && mem_ends_with(entry->name, ".sf");
}

static enum status plan_below(struct planning *p, const struct walk_level *level, struct why *why)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < p->dir.count && st == ST_OK; i++) {
		const struct walk_entry *entry = &p->dir.entry[i];
		char *path;

		if (entry->st.kind != STORE_DIR || is_system_dir(p, entry))
			continue;
		path = walk_path(p->folder->path, entry->name);
		st = path ? plan_folder(p->e, p->v, path, &entry->st, level, why) : ST_NOMEM;
		free(path);
	}
	return st;
}

static enum status plan_folder(struct evac *e, struct evac_volume *v, const char *path,
			       const struct store_stat *ss, const struct walk_level *up,
			       struct why *why)
{
	struct planning p = { .e = e, .v = v };
	struct walk_level level;
	enum status st = walk_enter(&level, up, ss, path, why);

	if (st == ST_OK)
		st = walk_read(v->src, path, &p.dir, why);
	if (st != ST_OK && up && st != ST_NOMEM && st != ST_CANCELLED) {
		cmd_complain(e->cmd, path, st, why);	/* the others can still be saved */
		*why = (struct why){ 0 };
		e->unreadable++;
		return ST_OK;
	}
	if (st != ST_OK)
		return st;
	p.folder = add_folder(e, v, path, ss);
	p.taken = calloc(p.dir.count + 1, 1);
	p.is_parent = calloc(p.dir.count + 1, 1);
	st = p.folder && p.taken && p.is_parent ? find_disks(&p) : ST_NOMEM;
	if (st == ST_OK)
		st = plan_disks(&p);
	if (st == ST_OK)
		st = plan_files(&p);
	if (st == ST_OK)
		st = plan_below(&p, &level, why);
	planning_free(&p);
	return st;
}

/* Which links are disks of machines, and so are not only what others stand on. */
static enum status find_machines(struct evac_volume *v, struct why *why)
{
	const struct inv_opts opts = { .root = "/", .label = host_volume_name(v->volume),
				       .uuid = host_volume_uuid(v->volume) };

	return inv_scan(v->src, &opts, &v->inv, why);
}

enum status evac_plan(struct evac *e, struct evac_volume *v, struct why *why)
{
	struct store_stat ss;
	enum status st = v->src->ops->stat(v->src, "/", &ss, why);

	if (st == ST_OK && e->collapse)
		st = find_machines(v, why);
	if (st == ST_OK)
		st = plan_folder(e, v, "/", &ss, NULL, why);
	inv_free(v->inv);
	v->inv = NULL;
	return st == ST_OK || why->text[0] ? st :
					     why_set(why, st, "%s: %s", v->name, status_text(st));
}

void evac_plan_free(struct evac *e)
{
	for (size_t i = 0; i < e->unit_count; i++) {
		for (size_t k = 0; k < e->unit[i].file_count; k++)
			free(e->unit[i].file[k].name);
		free(e->unit[i].file);
		free(e->unit[i].name);
	}
	free(e->unit);
	for (size_t i = 0; i < e->folder_count; i++) {
		free(e->folder[i]->path);
		free(e->folder[i]->dst);
		free(e->folder[i]);
	}
	free(e->folder);
}
