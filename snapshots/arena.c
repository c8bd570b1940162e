/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The memory of a scan. It is made of thousands of small texts that all end together, so they are
 * cut from large pieces: no free in the middle, and one place that knows how much it is. */
#include "snapshots/snapshots_priv.h"

#include "iopath/base/fmt.h"

#define CHUNK_BYTES (64 * KIB)
#define FMT_MAX 600

struct arena_chunk {
	struct arena_chunk	*before;
	size_t			used, size;
	uint8_t			data[];
};

static struct arena_chunk *new_chunk(struct arena *a, size_t bytes)
{
	size_t size = MAX(bytes, CHUNK_BYTES - sizeof(struct arena_chunk));
	struct arena_chunk *c;

	if (size > ARENA_MAX - a->total_bytes) {
		a->full = 1;
		return NULL;
	}
	c = port_alloc(sizeof(*c) + size);
	if (!c)
		return NULL;
	c->size = size;
	c->before = a->last;
	a->last = c;
	a->total_bytes += size;
	return c;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	struct arena_chunk *c = a->last;
	void *p;

	bytes = round_up(bytes, sizeof(uint64_t));
	if (!c || bytes > c->size - c->used)
		c = new_chunk(a, bytes);
	if (!c)
		return NULL;
	p = c->data + c->used;
	c->used += bytes;
	return p;
}

char *arena_text(struct arena *a, const char *text, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (copy)
		memcpy(copy, text, n);
	return copy;
}

char *arena_fmt(struct arena *a, const char *format, ...)
{
	char buf[FMT_MAX];
	va_list ap;
	size_t n;

	va_start(ap, format);
	n = fmt_v(buf, sizeof(buf), format, ap);
	va_end(ap);
	return arena_text(a, buf, MIN(n, sizeof(buf) - 1));
}

char *arena_value(struct arena *a, const struct dict *d)
{
	size_t size = dict_text_max(d) + 1;
	char *text = arena_alloc(a, size);

	if (text)
		dict_text(d, text, size);
	return text;
}

void arena_fini(struct arena *a)
{
	while (a->last) {
		struct arena_chunk *c = a->last;

		a->last = c->before;
		port_free(c);
	}
}

/* ---- arrays of pointers ---------------------------------------------------------------------- */

enum status ptrs_add(struct arena *a, struct ptrs *p, void *item)
{
	if (p->count == p->room) {
		uint32_t room = p->room ? p->room * 2 : 4;
		void **bigger = arena_alloc(a, room * sizeof(*bigger));

		if (!bigger)
			return ST_NOMEM;
		if (p->count)
			memcpy(bigger, p->at, p->count * sizeof(*bigger));
		p->at = bigger;		/* the old one stays in the arena: at most as much again */
		p->room = room;
	}
	p->at[p->count++] = item;
	return ST_OK;
}

static void sift(void **at, uint32_t root, uint32_t count,
		 int (*compare)(const void *a, const void *b))
{
	for (;;) {
		uint32_t child = 2 * root + 1;
		void *item = at[root];

		if (child >= count)
			return;
		if (child + 1 < count && compare(at[child], at[child + 1]) < 0)
			child++;
		if (compare(item, at[child]) >= 0)
			return;
		at[root] = at[child];
		at[child] = item;
		root = child;
	}
}

void ptrs_sort(struct ptrs *p, int (*compare)(const void *a, const void *b))
{
	for (uint32_t i = p->count / 2; i-- > 0;)
		sift(p->at, i, p->count, compare);
	for (uint32_t end = p->count; end-- > 1;) {
		void *largest = p->at[0];

		p->at[0] = p->at[end];
		p->at[end] = largest;
		sift(p->at, 0, end, compare);
	}
}
