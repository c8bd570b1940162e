/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* image_log - the volatile cache of a simulated disk. The image holds the newest content; the log
 * holds, for each change since the last flush, what it replaced. So the versions of a block are,
 * from the durable one on, its `before` in each undo that covers it, and then the image.
 *
 * A power cut leaves each block with any one of its versions, independent of its neighbours: torn
 * transfers and any order of arrival are among the outcomes. With an even chance for each block,
 * though, a long transfer would hardly ever arrive whole while an older one is missing; so each cut
 * first draws the habit of its device. */
#include "iopath/port/sim/sim_priv.h"

#include <stdlib.h>

#define LOG_BYTES_MAX (512 * MIB)	/* then the cache writes its oldest out by itself */

static void undo_free(struct image *image, struct undo *u)
{
	list_del(&u->link);
	image->log_bytes -= u->before ? u->bytes : 0;
	free(u->before);
	free(u);
}

enum status image_log_before(struct image *image, uint64_t page, uint32_t from, uint32_t bytes)
{
	uint8_t **slot = image_slot(image, page, 0);
	struct undo *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return ST_NOMEM;
	if (image_slot_has_data(slot)) {
		u->before = malloc(bytes);
		if (u->before == NULL) {
			free(u);
			return ST_NOMEM;
		}
		memcpy(u->before, *slot + from, bytes);
		image->log_bytes += bytes;
	}
	u->seq = ++image->log_seq;
	u->page = page;
	u->from = from;
	u->bytes = bytes;
	list_add_tail(&image->log, &u->link);
	while (image->log_bytes > LOG_BYTES_MAX)
		undo_free(image, list_first(&image->log, struct undo, link));
	return ST_OK;
}

void image_log_flush(struct image *image, uint64_t seq)
{
	while (!list_empty(&image->log)) {
		struct undo *oldest = list_first(&image->log, struct undo, link);

		if (oldest->seq > seq)
			break;
		undo_free(image, oldest);
	}
}

/* ---- the power cut --------------------------------------------------------------------------- */

/* A page that the log knows, and for each of its units how many versions there are and which one
 * survives: 0 the durable one, versions the newest. */
struct torn_page {
	uint64_t	page;
	uint16_t	versions[PAGE_BYTES / SECTOR_BYTES];
	uint16_t	survives[PAGE_BYTES / SECTOR_BYTES];
};

static int by_page(const void *a, const void *b)
{
	const struct torn_page *x = a, *y = b;

	return x->page < y->page ? -1 : x->page > y->page;
}

/* All pages of the log, each once, by number. */
static struct torn_page *pages_of_log(struct image *image, size_t *count)
{
	struct torn_page *t;
	struct undo *u;
	size_t n = 0, kept = 0;

	list_for_each(u, &image->log, link)
		n++;
	t = calloc(n ? n : 1, sizeof(*t));
	VERIFY(t != NULL);	/* the test machine has no memory left: the test proves nothing */
	n = 0;
	list_for_each(u, &image->log, link)
		t[n++].page = u->page;
	qsort(t, n, sizeof(*t), by_page);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || t[kept - 1].page != t[i].page)
			t[kept++].page = t[i].page;
	}
	*count = kept;
	return t;
}

static struct torn_page *find_page(struct torn_page *t, size_t count, uint64_t page)
{
	struct torn_page key = { .page = page };

	return bsearch(&key, t, count, sizeof(*t), by_page);
}

/* Units that an undo touches; a write smaller than a unit still tears as a whole. */
static void units_of(const struct undo *u, uint32_t unit_bytes, uint32_t *first, uint32_t *end)
{
	*first = u->from / unit_bytes;
	*end = (uint32_t)div_round_up(u->from + u->bytes, unit_bytes);
}

enum habit {
	ANY_VERSION,
	LOSES_FEW,	/* nearly all is the newest, with gaps in older transfers */
	KEEPS_FEW,	/* nearly all is the durable one */
	IN_ORDER,	/* what came before one moment */
	HABITS,
};

#define FEW	16	/* one block in so many */

/* Count the versions of each block; in `survives`, those that are not newer than `moment`. */
static void count_versions(struct image *image, struct torn_page *t, size_t count,
			   uint32_t unit_bytes, uint64_t moment)
{
	uint32_t first, end;
	struct undo *u;

	list_for_each(u, &image->log, link) {
		struct torn_page *page = find_page(t, count, u->page);

		units_of(u, unit_bytes, &first, &end);
		for (uint32_t i = first; i < end; i++) {
			page->versions[i]++;
			page->survives[i] += u->seq < moment;
		}
	}
}

static uint16_t draw_survivor(enum habit habit, uint16_t versions)
{
	int common = habit != ANY_VERSION && chance_below(STREAM_CRASH, FEW) != 0;

	if (common)
		return habit == LOSES_FEW ? versions : 0;
	return (uint16_t)chance_below(STREAM_CRASH, versions + 1ull);
}

static void choose_survivors(struct image *image, struct torn_page *t, size_t count,
			     uint32_t unit_bytes)
{
	enum habit habit = (enum habit)chance_below(STREAM_CRASH, HABITS);
	struct undo *oldest = count ? list_first(&image->log, struct undo, link) : NULL;
	uint64_t span = oldest ? image->log_seq - oldest->seq + 2 : 1;
	uint64_t moment = (oldest ? oldest->seq : 0) + chance_below(STREAM_CRASH, span);

	count_versions(image, t, count, unit_bytes, moment);
	if (habit == IN_ORDER)
		return;
	for (size_t k = 0; k < count; k++)
		for (uint32_t i = 0; i < PAGE_BYTES / unit_bytes; i++)
			t[k].survives[i] = draw_survivor(habit, t[k].versions[i]);
}

/* Put back what one undo holds of one unit. */
static void put_back(struct image *image, const struct undo *u, uint32_t from, uint32_t end)
{
	uint8_t **slot = image_slot(image, u->page, 1);

	from = MAX(from, u->from);
	end = MIN(end, u->from + u->bytes);
	if (u->before == NULL && !image_slot_has_data(slot))
		return;
	VERIFY(image_slot_fill(image, slot) == ST_OK);
	if (u->before)
		memcpy(*slot + from, u->before + (from - u->from), end - from);
	else
		memset(*slot + from, 0, end - from);
}

/* From the newest change back: a version that is newer than the survivor is taken back. */
static void take_back(struct image *image, struct torn_page *t, size_t count, uint32_t unit_bytes)
{
	uint64_t limit = image->limit_pages;

	image->limit_pages = UINT64_MAX;	/* what was stored before fits again */
	for (struct list *at = image->log.prev; at != &image->log; at = at->prev) {
		struct undo *u = list_entry(at, struct undo, link);
		struct torn_page *page = find_page(t, count, u->page);
		uint32_t first, end;

		units_of(u, unit_bytes, &first, &end);
		for (uint32_t i = first; i < end; i++) {
			if (page->versions[i]-- > page->survives[i])
				put_back(image, u, i * unit_bytes, (i + 1) * unit_bytes);
		}
	}
	image->limit_pages = limit;
	image_log_flush(image, UINT64_MAX);
}

void image_log_cut(struct image *image, uint32_t unit_bytes)
{
	size_t count;
	struct torn_page *t = pages_of_log(image, &count);

	unit_bytes = MIN(unit_bytes, PAGE_BYTES);
	choose_survivors(image, t, count, unit_bytes);
	take_back(image, t, count, unit_bytes);
	free(t);
}

/* ---- one after the other --------------------------------------------------------------------- */

/* The units are the digits of a number, each as large as it has versions, the durable one
 * included. NULL: only count the numbers. */
static uint64_t digits(struct torn_page *t, size_t count, uint32_t per_page, uint64_t *number)
{
	uint64_t states = 1;

	for (size_t k = 0; k < count; k++) {
		for (uint32_t i = 0; i < per_page; i++) {
			uint64_t base = t[k].versions[i] + 1ull;

			states = states > UINT64_MAX / base ? UINT64_MAX : states * base;
			if (!number)
				continue;
			t[k].survives[i] = (uint16_t)(*number % base);
			*number /= base;
		}
	}
	return states;
}

uint64_t image_log_states(struct image *image, uint32_t unit_bytes)
{
	size_t count;
	struct torn_page *t = pages_of_log(image, &count);
	uint64_t states;

	unit_bytes = MIN(unit_bytes, PAGE_BYTES);
	count_versions(image, t, count, unit_bytes, 0);
	states = digits(t, count, PAGE_BYTES / unit_bytes, NULL);
	free(t);
	return states;
}

void image_log_cut_to(struct image *image, uint32_t unit_bytes, uint64_t state)
{
	size_t count;
	struct torn_page *t = pages_of_log(image, &count);

	unit_bytes = MIN(unit_bytes, PAGE_BYTES);
	count_versions(image, t, count, unit_bytes, 0);
	(void)digits(t, count, PAGE_BYTES / unit_bytes, &state);
	take_back(image, t, count, unit_bytes);
	free(t);
}

/* ---- a copy ---------------------------------------------------------------------------------- */

enum status image_log_copy(const struct image *from, struct image *to)
{
	struct undo *u, *copy;

	list_for_each(u, &from->log, link) {
		copy = malloc(sizeof(*copy));
		if (!copy)
			return ST_NOMEM;
		*copy = *u;
		copy->before = u->before ? malloc(u->bytes) : NULL;
		if (u->before && !copy->before) {
			free(copy);
			return ST_NOMEM;
		}
		if (u->before)
			memcpy(copy->before, u->before, u->bytes);
		list_add_tail(&to->log, &copy->link);
	}
	to->log_seq = from->log_seq;
	to->log_bytes = from->log_bytes;
	return ST_OK;
}
