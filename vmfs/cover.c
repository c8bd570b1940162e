/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* cover - how far cached metadata may be believed beside other hosts that write.
 *
 * A page is protected by a lock. If we hold that, the page stands. If not, the lock's own page is
 * read once in each look; and what it protects stands as long as the token is what it was, or only
 * this host has raised it. What a look had to read from the disk while it did not hold the lock is
 * checked once more at its end: had another host changed it meanwhile, the token tells, and the
 * look runs anew. So an unchanged token makes a look cost one read for each object, and nothing
 * for what is in it. */
#include "vmfs/vmfs_priv.h"

#define KNOWN	4096u

static uint64_t token_in(const struct meta_page *page, uint64_t lock_at)
{
	return le64_get(vmfs_lock_in(page, (uint32_t)(lock_at % META_PAGE_BYTES))->token);
}

static struct vmfs_known *known_of(const struct vmfs_volume *vol, uint64_t at)
{
	return &vol->locks.known[(at / SECTOR_BYTES * 0x9E3779B97F4A7C15ull) >> 52 & (KNOWN - 1)];
}

void vmfs_cover_raised(struct vmfs_volume *vol, uint64_t at, uint64_t from, uint64_t to)
{
	struct vmfs_known *k = known_of(vol, at);

	if (k->at != at || k->token != from)
		*k = (struct vmfs_known){ .at = at, .since = from };
	k->token = to;
}

enum status vmfs_cover_again(struct vmfs_volume *vol)
{
	vol->locks.again = AGAIN_CHANGED;
	return ST_BUSY;
}

void vmfs_cover_begin(struct vmfs_volume *vol)
{
	vol->locks.look++;
	vol->locks.checks = 0;
	vol->locks.again = AGAIN_NOT;
}

enum status vmfs_page_refresh(struct vmfs_volume *vol, struct meta_page *page)
{
	uint8_t *fill = vol->locks.fill;
	enum status st = lvm_read(&vol->lvm, page->at, fill, META_PAGE_BYTES);

	if (st != ST_OK)
		return st == ST_RANGE ? ST_DEVICE : st;
	for (uint32_t s = 0; s < META_PAGE_SECTORS; s++)
		if (!(page->dirty >> s & 1))
			memcpy(page->data + s * SECTOR_BYTES, fill + s * SECTOR_BYTES,
			       SECTOR_BYTES);
	page->fresh = vol->locks.look;
	return ST_OK;
}

enum status vmfs_cover(struct vmfs_volume *vol, uint64_t lock_at)
{
	struct meta_page *page;
	uint64_t token;
	enum status st = vmfs_meta_get(vol, lock_at, META_READ, &page);

	if (st != ST_OK || !vol->writable ||
	    vmfs_lock_owned(page, (uint32_t)(lock_at % META_PAGE_BYTES)) ||
	    page->fresh == vol->locks.look)
		return st;
	token = token_in(page, lock_at);
	st = vmfs_page_refresh(vol, page);
	if (st == ST_OK && token_in(page, lock_at) != token) {
		vol->locks.met_ns = port_now_ns();
		vol->locks.strangers++;
	}
	return st;
}

uint64_t vmfs_cover_token(const struct vmfs_volume *vol, uint64_t lock_at)
{
	struct meta_page *page = vmfs_meta_peek((struct vmfs_volume *)(uintptr_t)vol, lock_at);

	return page ? token_in(page, lock_at) : 0;
}

int vmfs_cover_stands(const struct vmfs_volume *vol, uint64_t lock_at, uint64_t token)
{
	uint64_t now = vmfs_cover_token(vol, lock_at);
	const struct vmfs_known *k = known_of(vol, lock_at);
	uint64_t since = k->at == lock_at && k->token == now ? k->since : now;

	return (since <= token && token <= now) || PLANT(token_ignored);
}

/* One more that the end of the look has to look at again. */
static enum status note(struct vmfs_volume *vol, uint64_t at)
{
	struct vmfs_locks *l = &vol->locks;
	struct meta_page *page = vmfs_meta_peek(vol, at);

	if (!page || vmfs_lock_owned(page, (uint32_t)(at % META_PAGE_BYTES)))
		return ST_OK;
	if (l->checks && l->check[l->checks - 1].at == at)
		return ST_OK;
	if (l->checks == l->checks_max) {
		uint32_t max = l->checks_max ? 2 * l->checks_max : 64;
		struct vmfs_read_under *c = port_alloc(max * sizeof(*c));

		if (!c)
			return ST_NOMEM;
		if (l->checks)
			memcpy(c, l->check, l->checks * sizeof(*c));
		port_free(l->check);
		l->check = c;
		l->checks_max = max;
	}
	l->check[l->checks++] = (struct vmfs_read_under){ at, vmfs_cover_token(vol, at) };
	return ST_OK;
}

enum status vmfs_meta_under(struct vmfs_volume *vol, uint64_t at, enum meta_how how,
			    uint64_t lock_at, struct meta_page **page)
{
	int was_here = vol->writable && vmfs_meta_peek(vol, at) != NULL, read;
	enum status st = vmfs_meta_get(vol, at, how, page);

	if (st != ST_OK || !vol->writable || at / META_PAGE_BYTES == lock_at / META_PAGE_BYTES)
		return st;
	read = !was_here || (*page)->fresh == vol->locks.look;
	if (how != META_FRESH && !read &&
	    ((*page)->owner != lock_at || !vmfs_cover_stands(vol, lock_at, (*page)->token))) {
		if (how == META_PEEK)
			return ST_BUSY;
		st = vmfs_page_refresh(vol, *page);
		read = 1;
	}
	if (st != ST_OK || how == META_PEEK)
		return st;
	(*page)->owner = lock_at;
	(*page)->token = vmfs_cover_token(vol, lock_at);
	return read && how != META_FRESH ? note(vol, lock_at) : ST_OK;
}

enum status vmfs_cover_end(struct vmfs_volume *vol)
{
	struct vmfs_locks *l = &vol->locks;
	enum status st = ST_OK;

	for (uint32_t i = 0; i < l->checks && st == ST_OK; i++) {
		uint64_t at = l->check[i].at;
		struct vmfs_lock_disk now;
		struct meta_page *page = vmfs_meta_peek(vol, at);

		/* Taken since, from the image that the look had seen. */
		if (page && vmfs_lock_owned(page, (uint32_t)(at % META_PAGE_BYTES)))
			continue;
		st = lvm_read(&vol->lvm, at, &now, sizeof(now));
		if (st == ST_OK && le64_get(now.token) != l->check[i].token)
			return vmfs_cover_again(vol);
	}
	return st;
}

#define DOUBTS		3u
#define DOUBT_NS	(2ull * 1000000)
#define LOOK_TRIES	200u

int vmfs_cover_doubts(struct vmfs_volume *vol, enum status st)
{
	int more = 0;

	if (st != ST_CORRUPT || !vol->locks.met_ns || vol->locks.doubts >= DOUBTS)
		return 0;
	vol->locks.doubts++;
	/* It may name what another host has just added. */
	if (vmfs_form(vol)->growing && vmfs_res_reload(vol, &more) == ST_OK && more)
		return 1;
	port_world_sleep_ns(DOUBT_NS);
	return 1;
}

enum status vmfs_cover_look(struct vmfs_volume *vol, vmfs_op_fn *fn, void *arg)
{
	enum status st = ST_OK;

	vol->locks.doubts = 0;
	for (uint32_t tries = 0; st == ST_OK && tries < LOOK_TRIES; tries++) {
		enum status end, ours;

		vmfs_meta_relax(vol);
		vmfs_cover_begin(vol);
		ours = fn(vol, arg);
		if (vol->locks.again == AGAIN_HELD) {
			st = vmfs_lock_wait(vol);
			tries = 0;
			continue;
		}
		if (vol->locks.again == AGAIN_CHANGED)
			continue;
		end = vmfs_cover_end(vol);
		if (end == ST_OK && !vmfs_cover_doubts(vol, ours))
			return ours;
		if (end != ST_OK && vol->locks.again == AGAIN_NOT)
			return end;
	}
	return st == ST_OK ? ST_BUSY : st;
}

enum status vmfs_locks_init(struct vmfs_volume *vol)
{
	struct vmfs_locks *l = &vol->locks;

	l->known = port_alloc(KNOWN * sizeof(*l->known));
	l->next = port_dma_alloc(META_PAGE_BYTES);
	l->seen = port_dma_alloc(META_PAGE_BYTES);
	l->fill = port_dma_alloc(META_PAGE_BYTES);
	l->look = 1;
	return l->known && l->next && l->seen && l->fill ? ST_OK : ST_NOMEM;
}

void vmfs_locks_fini(struct vmfs_volume *vol)
{
	struct vmfs_locks *l = &vol->locks;

	port_free(l->held);
	port_free(l->known);
	port_free(l->check);
	for (int i = 0; i < 3; i++) {
		uint8_t *buf = i == 0 ? l->next : i == 1 ? l->seen : l->fill;

		if (buf)
			port_dma_free(buf, META_PAGE_BYTES);
	}
}
