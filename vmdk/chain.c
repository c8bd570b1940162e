/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Opening a chain: from the disk down, one parent after the other, until a link has none. Each link
 * is a disk of its own that nobody writes to; the chain belongs to the uppermost. */
#include "vmdk/chain_priv.h"

#include "vmdk/sparse_priv.h"

uint32_t vmdk_link_count(const struct vmdk_disk *d)
{
	return d->chain ? d->chain->link_count : 1;
}

struct vmdk_disk *vmdk_link(struct vmdk_disk *d, uint32_t depth)
{
	if (depth >= vmdk_link_count(d))
		return NULL;
	return d->chain ? d->chain->link[depth] : d;
}

/* ---- links ----------------------------------------------------------------------------------- */

/* May d be the parent of the last of the links? */
static enum status check_link(struct vmdk_disk *const *link, uint32_t count, struct vmdk_disk *d,
			      struct why *why)
{
	struct vmdk_disk *top = link[0];

	for (uint32_t i = 0; i < count; i++)
		if (parent_is_same(link[i], d))
			return why_set(why, ST_CORRUPT,
				       "%s: the chain is a ring: '%s' is the parent of '%s' and a "
				       "child of it; its parentFileNameHint has to be corrected",
				       top->path, d->path, link[count - 1]->path);
	if (count == CHAIN_LINKS_MAX)
		return why_set(why, ST_LIMIT,
			       "%s: more than %u links; consolidate the chain on its host first",
			       top->path, CHAIN_LINKS_MAX);
	if (d->desc.sectors != top->desc.sectors)
		return why_set(why, ST_CORRUPT,
			       "%s: capacity differs: it has %llu sectors and its parent '%s' "
			       "%llu; one of them is not of this chain",
			       link[count - 1]->path, (unsigned long long)top->desc.sectors,
			       d->path, (unsigned long long)d->desc.sectors);
	return ST_OK;
}

/* The parent of the last of the links, its descriptor only. */
static enum status next_link(struct vmdk_disk *const *link, uint32_t count, unsigned flags,
			     struct vmdk_disk **parent, struct why *why)
{
	enum status st = parent_find(link[count - 1], flags, parent, why);

	if (st != ST_OK)
		return st;
	st = check_link(link, count, *parent, why);
	if (st != ST_OK)
		(void)vmdk_close(*parent);
	return st;
}

static enum status add_parent(struct chain *c, unsigned flags, struct why *why)
{
	struct vmdk_disk *d;
	enum status st = next_link(c->link, c->link_count, flags, &d, why);

	if (st != ST_OK)
		return st;
	st = disk_open_extents(d, flags, why);
	if (st == ST_OK)
		c->link[c->link_count++] = d;
	else
		(void)vmdk_close(d);
	return st;
}

/* Data of a link with a parent must be able to say "ask the parent". */
static enum status check_extents(struct vmdk_disk *d, struct why *why)
{
	for (uint32_t i = 0; i < d->extent_count; i++) {
		struct vmdk_extent *x = &d->extents[i];

		if (x->access == DESC_NOACCESS)
			return why_set(why, ST_UNSUPPORTED,
				       "%s: has an extent that nobody may read", d->path);
		if (d->desc.parent_cid != DESC_NO_PARENT && x->ops->look == flat_extent_ops.look)
			return why_set(why, ST_UNSUPPORTED,
				       "%s: has a parent, and a flat extent, which cannot be a "
				       "delta",
				       d->path);
	}
	return ST_OK;
}

static enum status make_sources(struct chain *c, struct why *why)
{
	uint32_t count = 0, n = 0;

	for (uint32_t i = 0; i < c->link_count; i++)
		count += c->link[i]->extent_count;
	if (count > CHAIN_SOURCES_MAX)
		return why_set(why, ST_LIMIT, "%s: its chain has more than %u extents",
			       c->link[0]->path, CHAIN_SOURCES_MAX);
	c->sources = port_alloc(count * sizeof(*c->sources));
	if (!c->sources)
		return ST_NOMEM;
	c->source_count = count;
	for (uint32_t i = 0; i < c->link_count; i++) {
		struct vmdk_disk *d = c->link[i];

		c->first_source[i] = n;
		for (uint32_t k = 0; k < d->extent_count; k++, n++) {
			c->sources[n].x = &d->extents[k];
			c->sources[n].through = (uint8_t)sparse_is_compressed(&d->extents[k]);
		}
	}
	return ST_OK;
}

static enum status open_links(struct chain *c, unsigned flags, struct why *why)
{
	enum status st = ST_OK;

	while (st == ST_OK && c->link[c->link_count - 1]->desc.parent_cid != DESC_NO_PARENT)
		st = add_parent(c, flags, why);
	for (uint32_t i = 0; i < c->link_count && st == ST_OK; i++)
		st = check_extents(c->link[i], why);
	if (st == ST_OK)
		st = make_sources(c, why);
	return st;
}

/* ---- open and close -------------------------------------------------------------------------- */

enum status chain_open(struct vmdk_disk *d, unsigned flags, struct why *why)
{
	struct chain *c = port_alloc(sizeof(*c));
	enum status st;

	if (!c)
		return why_set(why, ST_NOMEM, "%s: no memory for the chain", d->path);
	c->link[c->link_count++] = d;
	list_init(&c->used);
	list_init(&c->queue);
	list_init(&c->free_subs);
	io_mutex_init(&c->building);
	d->chain = c;
	st = open_links(c, flags, why);
	if (st == ST_OK)
		st = chain_read_init(c);
	return st;	/* after a failure the opener closes the disk, and the chain with it */
}

enum status chain_close(struct chain *c)
{
	enum status st = ST_OK;

	chain_read_fini(c);
	chain_windows_fini(c);
	for (uint32_t i = 1; i < c->link_count; i++) {
		enum status one = vmdk_close(c->link[i]);

		if (st == ST_OK)
			st = one;
	}
	port_free(c->sources);
	port_free(c);
	return st;
}

/* ---- looking at links ------------------------------------------------------------------------ */

enum status vmdk_chain_walk(struct store *s, const char *path, unsigned flags,
			    void (*fn)(void *arg, struct vmdk_disk *link, uint32_t depth),
			    void *arg, struct why *why)
{
	struct vmdk_disk *link[CHAIN_LINKS_MAX], *d;
	uint32_t count = 0;
	enum status st = disk_load(s, path, &d, why);

	while (st == ST_OK) {
		link[count] = d;
		fn(arg, d, count++);
		if (d->desc.parent_cid == DESC_NO_PARENT)
			break;
		st = next_link(link, count, flags, &d, why);
	}
	while (count > 0)
		(void)vmdk_close(link[--count]);
	return st;
}
