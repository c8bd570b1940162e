/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* image - the content of a file or disk: a radix tree of pages, so that 64 TiB with a few sectors
 * in it costs a few pages, and holes are found without looking at each. A slot holds NULL (a hole),
 * a page, or RESERVED: room that counts against the limit and reads as zeros. */
#include "iopath/port/sim/sim_priv.h"

#include <stdlib.h>

#define FAN_BITS 9
#define FAN (1u << FAN_BITS)
#define LEVELS 6	/* 6 x 9 bits of page number and 12 of offset: more than a file can have */

struct image_node {
	void *slot[FAN];	/* struct image_node, or pages on the last level */
};

static uint8_t reserved_page;
#define RESERVED (&reserved_page)

void image_init(struct image *image)
{
	memset(image, 0, sizeof(*image));
	image->limit_pages = UINT64_MAX;
	list_init(&image->log);
}

/* Of a frozen disk: nobody's to change or to free. */
static int is_shared(const struct image *image, const uint8_t *page)
{
	return page >= image->shared && page < image->shared_end;
}

static void page_free(const struct image *image, uint8_t *page)
{
	if (page != RESERVED && !is_shared(image, page))
		free(page);
}

static void free_level(const struct image *image, struct image_node *node, int level)
{
	if (node == NULL)
		return;
	for (uint32_t i = 0; i < FAN; i++) {
		if (level > 1)
			free_level(image, node->slot[i], level - 1);
		else
			page_free(image, node->slot[i]);
	}
	free(node);
}

void image_fini(struct image *image)
{
	image_log_flush(image, UINT64_MAX);
	free_level(image, image->root, LEVELS);
	image->root = NULL;
}

/* ---- slots ----------------------------------------------------------------------------------- */

uint8_t **image_slot(struct image *image, uint64_t page, int create)
{
	struct image_node **at = &image->root;

	for (int level = LEVELS; level > 0; level--) {
		uint32_t i = page >> (FAN_BITS * (level - 1)) & (FAN - 1);

		if (*at == NULL && create)
			*at = calloc(1, sizeof(**at));
		if (*at == NULL)
			return NULL;
		if (level == 1)
			return (uint8_t **)&(*at)->slot[i];
		at = (struct image_node **)&(*at)->slot[i];
	}
	return NULL;
}

int image_slot_has_data(uint8_t *const *slot)
{
	return slot != NULL && *slot != NULL && *slot != RESERVED;
}

void image_slot_clear(struct image *image, uint8_t **slot)
{
	if (slot == NULL || *slot == NULL)
		return;
	page_free(image, *slot);
	*slot = NULL;
	image->pages--;
}

/* Make the slot a page that may be changed; a new one is zero. */
enum status image_slot_fill(struct image *image, uint8_t **slot)
{
	uint8_t *page;

	if (image_slot_has_data(slot) && !is_shared(image, *slot))
		return ST_OK;
	if (*slot == NULL && image->pages >= image->limit_pages)
		return ST_NOSPACE;
	page = calloc(1, PAGE_BYTES);
	if (page == NULL)
		return ST_NOMEM;
	if (image_slot_has_data(slot))
		memcpy(page, *slot, PAGE_BYTES);
	image->pages += *slot == NULL;
	*slot = page;
	return ST_OK;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

/* Looking does not change: with create 0, image_slot() leaves the tree as it is. */
static uint8_t **slot_of(const struct image *image, uint64_t page)
{
	return image_slot((struct image *)(uintptr_t)image, page, 0);
}

void image_read(const struct image *image, uint64_t offset, void *buf, uint64_t bytes)
{
	uint8_t *out = buf;

	while (bytes > 0) {
		uint32_t from = offset % PAGE_BYTES;
		uint64_t n = MIN(bytes, (uint64_t)PAGE_BYTES - from);
		uint8_t **slot = slot_of(image, offset / PAGE_BYTES);

		if (image_slot_has_data(slot))
			memcpy(out, *slot + from, n);
		else
			memset(out, 0, n);
		out += n;
		offset += n;
		bytes -= n;
	}
}

static enum status write_page(struct image *image, uint64_t page, uint32_t from, const void *data,
			      uint32_t bytes, int logged)
{
	uint8_t **slot = image_slot(image, page, 1);
	enum status st = slot ? ST_OK : ST_NOMEM;

	if (st == ST_OK && logged)
		st = image_log_before(image, page, from, bytes);
	if (st == ST_OK)
		st = image_slot_fill(image, slot);
	if (st == ST_OK)
		memcpy(*slot + from, data, bytes);
	return st;
}

enum status image_write(struct image *image, uint64_t offset, const void *buf, uint64_t bytes,
			int logged)
{
	const uint8_t *in = buf;

	while (bytes > 0) {
		uint32_t from = offset % PAGE_BYTES;
		uint32_t n = (uint32_t)MIN(bytes, (uint64_t)PAGE_BYTES - from);
		enum status st = write_page(image, offset / PAGE_BYTES, from, in, n, logged);

		if (st != ST_OK)
			return st;
		in += n;
		offset += n;
		bytes -= n;
	}
	return ST_OK;
}

/* Part of a page becomes zeros, a whole one a hole. Holes stay: so a sparse range costs its
 * pages. */
static enum status clear_page(struct image *image, uint64_t page, uint32_t from, uint32_t bytes,
			      int logged)
{
	uint8_t **slot = image_slot(image, page, 0);
	enum status st;

	if (slot == NULL || *slot == NULL)
		return ST_OK;
	st = logged ? image_log_before(image, page, from, bytes) : ST_OK;
	if (st != ST_OK)
		return st;
	if (bytes == PAGE_BYTES) {
		image_slot_clear(image, slot);
	} else if (image_slot_has_data(slot)) {
		st = image_slot_fill(image, slot);
		if (st == ST_OK)
			memset(*slot + from, 0, bytes);
	}
	return st;
}

enum status image_clear(struct image *image, uint64_t offset, uint64_t bytes, int logged)
{
	uint64_t end = offset + bytes;

	while (offset < end) {
		uint64_t page = offset / PAGE_BYTES;
		uint32_t from = offset % PAGE_BYTES;
		uint32_t n = (uint32_t)MIN(end - offset, (uint64_t)PAGE_BYTES - from);
		enum status st = clear_page(image, page, from, n, logged);

		if (st != ST_OK)
			return st;
		offset += n;
		/* Jump over holes: the next page that is there at all. */
		if (offset % PAGE_BYTES == 0 && offset < end)
			offset = MAX(offset, PAGE_BYTES * image_find(image, offset / PAGE_BYTES,
								     div_round_up(end, PAGE_BYTES),
								     WANT_PRESENT));
	}
	return ST_OK;
}

enum status image_reserve(struct image *image, uint64_t offset, uint64_t bytes)
{
	uint64_t end = div_round_up(offset + bytes, PAGE_BYTES);

	for (uint64_t page = offset / PAGE_BYTES; page < end; page++) {
		uint8_t **slot = image_slot(image, page, 1);

		if (slot == NULL)
			return ST_NOMEM;
		if (*slot != NULL)
			continue;
		if (image->pages >= image->limit_pages)
			return ST_NOSPACE;
		*slot = RESERVED;
		image->pages++;
	}
	return ST_OK;
}

enum status image_copy(const struct image *from, struct image *to, uint64_t end)
{
	to->shared = from->shared;
	to->shared_end = from->shared_end;
	for (uint64_t page = 0; (page = image_find(from, page, end, WANT_DATA)) < end; page++) {
		uint8_t *data = *slot_of(from, page), **slot = image_slot(to, page, 1);

		if (slot == NULL)
			return ST_NOMEM;
		*slot = is_shared(from, data) ? data : malloc(PAGE_BYTES);
		if (*slot == NULL)
			return ST_NOMEM;
		if (*slot != data)
			memcpy(*slot, data, PAGE_BYTES);
		to->pages++;
	}
	return image_log_copy(from, to);
}

uint64_t image_hash(const struct image *image, uint64_t end)
{
	uint64_t hash = 0, word;

	for (uint64_t page = 0; (page = image_find(image, page, end, WANT_DATA)) < end; page++) {
		const uint8_t *data = *slot_of(image, page);

		if (is_shared(image, data))
			continue;
		for (uint32_t i = 0; i < PAGE_BYTES; i += sizeof(word)) {
			memcpy(&word, data + i, sizeof(word));
			if (word)
				hash = chance_hash(hash ^ word, page << 12 | i);
		}
	}
	return hash;
}

/* ---- search ---------------------------------------------------------------------------------- */

static int matches(uint8_t *const *slot, enum image_want want)
{
	if (want == WANT_PRESENT)
		return slot != NULL && *slot != NULL;
	return image_slot_has_data(slot) == (want == WANT_DATA);
}

/* How many pages from `page` on have no node: all of them are holes. 0: the leaf is there. */
static uint64_t missing_pages(const struct image *image, uint64_t page)
{
	const struct image_node *node = image->root;

	for (int level = LEVELS; level > 0; level--) {
		uint64_t span = 1ull << (FAN_BITS * level);

		if (node == NULL)
			return span - page % span;
		if (level > 1)
			node = node->slot[page >> (FAN_BITS * (level - 1)) & (FAN - 1)];
	}
	return 0;
}

uint64_t image_find(const struct image *image, uint64_t page, uint64_t end,
		    enum image_want want)
{
	while (page < end) {
		uint64_t missing = missing_pages(image, page);

		if (missing > 0 && want == WANT_HOLE)
			return page;
		if (missing > 0) {
			page += missing;
			continue;
		}
		if (matches(slot_of(image, page), want))
			return page;
		page++;
	}
	return end;
}
