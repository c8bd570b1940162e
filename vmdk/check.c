/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Checking a disk: each extent by its kind. It is opened without vmdk_open(), which would refuse
 * what is to be repaired. */
#include "vmdk/delta_priv.h"
#include "vmdk/sparse_priv.h"

#include "iopath/base/fmt.h"

struct disk_checker {
	struct vmdk_disk	*d;
	struct sparse_check_opts opts;
	struct vmdk_check_result *result;
};

static void tell(struct disk_checker *c, const char *path, const char *what)
{
	char text[WHY_TEXT_MAX + 100];

	c->result->corruptions++;
	c->result->unrepairable++;
	if (!c->opts.finding)
		return;
	fmt(text, sizeof(text), "%s: %s", path, what);
	c->opts.finding(c->opts.arg, text);
}

static enum status check_sparse(struct disk_checker *c, struct vmdk_extent *x, const char *path,
				uint64_t sectors, struct why *why)
{
	struct sparse *sp;
	enum status st = sparse_create_state(x, path, &sp, why);

	if (st == ST_CORRUPT) {
		tell(c, path, why && why->text[0] ? why->text : "the header is damaged");
		return ST_OK;
	}
	if (st != ST_OK)
		return st;
	if (sp->h.capacity < sectors)
		tell(c, path, "the extent is smaller than the descriptor says");
	st = sparse_check(sp, &c->opts, c->result, why);
	if (st == ST_CORRUPT) {
		tell(c, path, why && why->text[0] ? why->text : "damaged beyond repair");
		st = ST_OK;
	}
	sparse_destroy_state(sp);
	return st;
}

static enum status check_delta(struct disk_checker *c, struct vmdk_extent *x, const char *path,
			       const struct desc_extent *e, struct why *why)
{
	struct delta *dl;
	enum status st = delta_create(x->file, path, e->type, &dl, why);

	if (st == ST_CORRUPT) {
		tell(c, path, why && why->text[0] ? why->text : "the header is damaged");
		return ST_OK;
	}
	if (st != ST_OK)
		return st;
	if (dl->capacity_bytes / SECTOR_BYTES < e->sectors)
		tell(c, path, "the extent is smaller than the descriptor says");
	st = delta_check(dl, &c->opts, c->result, why);
	delta_destroy(dl);
	return st;
}

static enum status check_flat(struct disk_checker *c, struct vmdk_extent *x, const char *path,
			      const struct desc_extent *e)
{
	struct store_stat stat;
	enum status st = x->file->store->ops->file_stat(x->file, &stat);

	if (st == ST_OK && stat.size_bytes / SECTOR_BYTES < e->offset_sectors + e->sectors)
		tell(c, path, "truncated extent: the file is shorter than the descriptor says");
	return st;
}

static enum status check_extent(struct disk_checker *c, uint32_t i, struct why *why)
{
	const struct desc_extent *e = &c->d->desc.extents[i];
	struct vmdk_extent x = { .disk = c->d };
	struct store *s = c->d->store;
	int is_delta = e->type == DESC_VMFSSPARSE || e->type == DESC_SESPARSE;
	unsigned how = c->opts.repair && c->d->kind != VMDK_STREAM && !is_delta ? STORE_WRITE :
										   STORE_READ;
	char path[VMDK_PATH_MAX];
	enum status st = ST_OK;

	if (e->type == DESC_ZERO)
		return ST_OK;
	if (!e->file || e->type > DESC_SESPARSE || e->rest)
		return why_set(why, ST_UNSUPPORTED, "%s: extents of type %s cannot be checked yet",
			       c->d->path, desc_type_word(e->type));
	if (i == 0 && c->d->embedded)
		mem_copy_text(path, sizeof(path), c->d->path);
	else
		st = path_sibling(c->d->path, e->file, path, sizeof(path), why);
	if (st == ST_OK)
		st = s->ops->open(s, path, how, &x.file, why);
	if (st == ST_NOENT) {
		tell(c, path, "the extent is missing");
		return ST_OK;
	}
	if (st != ST_OK)
		return st;
	st = e->type == DESC_SPARSE ? check_sparse(c, &x, path, e->sectors, why) :
	     is_delta		    ? check_delta(c, &x, path, e, why) :
				      check_flat(c, &x, path, e);
	(void)s->ops->file_close(x.file);
	return st;
}

static void skip_link(void *arg, struct vmdk_disk *link, uint32_t depth)
{
	(void)arg;
	(void)link;
	(void)depth;
}

/* What lies below a delta belongs to it: a parent that is missing or does not fit is a fault. Its
 * own structures are checked by its own name. */
static enum status check_chain(struct disk_checker *c, struct why *why)
{
	struct why fault = { 0 };
	enum status st;

	if (c->d->desc.parent_cid == DESC_NO_PARENT)
		return ST_OK;
	st = vmdk_chain_walk(c->d->store, c->d->path, VMDK_READ, skip_link, NULL, &fault);
	if (st == ST_NOMEM || st == ST_DEVICE)
		return why_set(why, st, "%s", fault.text);
	if (st != ST_OK)
		tell(c, "chain", fault.text);
	return ST_OK;
}

static enum status check_once(struct vmdk_disk *d, const struct sparse_check_opts *opts,
			      struct vmdk_check_result *result, struct why *why)
{
	struct disk_checker c = { .d = d, .opts = *opts, .result = result };
	enum status st = ST_OK;

	for (uint32_t i = 0; i < d->desc.extent_count && st == ST_OK; i++)
		st = check_extent(&c, i, why);
	return st == ST_OK ? check_chain(&c, why) : st;
}

enum status vmdk_check(struct store *s, const char *path, int repair,
		       void (*finding)(void *arg, const char *text), void *arg,
		       struct vmdk_check_result *result, struct why *why)
{
	struct sparse_check_opts opts = { .repair = repair, .finding = finding, .arg = arg };
	struct vmdk_check_result again = { 0 };
	struct vmdk_disk *d;
	enum status st;

	*result = (struct vmdk_check_result){ 0 };
	if (repair && !s->writable)
		return why_set(why, ST_READONLY, "%s: %s is open read-only", path, s->name);
	st = disk_load(s, path, &d, why);
	if (st != ST_OK)
		return st;
	st = check_once(d, &opts, result, why);
	if (st == ST_OK && repair && result->repaired) {
		opts = (struct sparse_check_opts){ 0 };
		st = check_once(d, &opts, &again, why);
		result->corruptions = again.corruptions;
		result->unrepairable = again.corruptions;
		result->leaks = again.leaks;
	}
	(void)vmdk_close(d);
	return st;
}
