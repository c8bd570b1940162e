/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* tar_read - one header after the other. A long name or a large size may come in a member of its
 * own before the one that it is about; those are taken in on the way and never shown. */
#include "tools/tar.h"

#include <stdlib.h>

#define EXTRA_MAX	(64 * KIB)	/* of a long name; real ones are below 1 KiB */
#define EXTRAS_MAX	8		/* in front of one member */

/* What members before it say of a member. */
struct extra {
	char		name[TAR_NAME_MAX];	/* empty: nothing */
	uint64_t	bytes;			/* UINT64_MAX: nothing */
};

/* 0; -1: it is no number, or a negative one. */
static int number_of(const char *field, size_t n, uint64_t *number)
{
	size_t i = 0;

	*number = 0;
	if ((uint8_t)field[0] == 0x80) {	/* 0xff begins a negative one */
		for (i = 1; i < n - 8; i++)
			if (field[i])
				return -1;
		for (; i < n; i++)
			*number = *number << 8 | (uint8_t)field[i];
		return 0;
	}
	while (i < n && field[i] == ' ')
		i++;
	for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
		*number = *number << 3 | (uint64_t)(field[i] - '0');	/* 12 digits are 36 bits */
	return i == n || field[i] == 0 || field[i] == ' ' ? 0 : -1;
}

static int is_zero(const struct tar_header *h)
{
	const char *p = (const char *)h;

	for (size_t i = 0; i < sizeof(*h); i++)
		if (p[i])
			return 0;
	return 1;
}

static enum status read_header(struct tar_in *t, struct tar_header *h, struct why *why)
{
	uint64_t sum;
	enum status st;

	if (t->next > t->size_bytes || t->size_bytes - t->next < TAR_BLOCK)
		return ST_NOENT;
	st = store_read(t->file, t->next, h, sizeof(*h));
	if (st != ST_OK)
		return why_set(why, st, "cannot be read at %llu: %s", (unsigned long long)t->next,
			       status_text(st));
	if (is_zero(h))
		return ST_NOENT;
	if (number_of(h->checksum, sizeof(h->checksum), &sum) != 0 || sum != tar_sum(h))
		return why_set(why, ST_CORRUPT, "no header of a member is at %llu",
			       (unsigned long long)t->next);
	return ST_OK;
}

static void take_name(struct tar_member *m, const struct tar_header *h)
{
	size_t at = 0;

	/* The old GNU format has times where ustar has the prefix. No field need end in a NUL. */
	if (h->prefix[0] && memcmp(h->magic, "ustar", 6) == 0) {
		at = strnlen(h->prefix, sizeof(h->prefix));
		memcpy(m->name, h->prefix, at);
		m->name[at++] = '/';
	}
	memcpy(m->name + at, h->name, strnlen(h->name, sizeof(h->name)));	/* zeros follow */
}

/* Fill m from the header at t->next, and go behind its data. */
static enum status take_header(struct tar_in *t, const struct tar_header *h, const struct extra *x,
			       struct tar_member *m, struct why *why)
{
	uint64_t left;

	*m = (struct tar_member){ .at = t->next + TAR_BLOCK };
	take_name(m, h);
	if (x->name[0])
		mem_copy_text(m->name, sizeof(m->name), x->name);
	if (number_of(h->size, sizeof(h->size), &m->bytes) != 0)
		return why_set(why, ST_CORRUPT, "the size of the member at %llu is no number",
			       (unsigned long long)t->next);
	if (x->bytes != UINT64_MAX)
		m->bytes = x->bytes;
	m->is_file = h->type == '0' || h->type == 0 || h->type == '7';
	if (h->type >= '1' && h->type <= '6')
		m->bytes = 0;	/* links and folders have no data, whatever they say */
	left = t->size_bytes - m->at;
	m->is_cut = m->bytes > left;
	t->next = m->is_cut || left - m->bytes < TAR_BLOCK ? t->size_bytes :
							     m->at + round_up(m->bytes, TAR_BLOCK);
	return ST_OK;
}

/* "27 path=a/long/name\n": the length counts all of it. What is malformed ends the list. */
static void take_pax(struct extra *x, char *text, uint64_t bytes)
{
	char *end = text + bytes, *rest;

	while (text < end) {
		unsigned long n = strtoul(text, &rest, 10);

		if (rest == text || *rest != ' ' || n < 5 || n > (size_t)(end - text) ||
		    rest + 1 >= text + n || text[n - 1] != '\n')
			return;
		text[n - 1] = 0;
		if (strncmp(rest + 1, "path=", 5) == 0)
			mem_copy_text(x->name, sizeof(x->name), rest + 6);
		else if (strncmp(rest + 1, "size=", 5) == 0 && rest[6] >= '0' && rest[6] <= '9')
			x->bytes = MIN(strtoull(rest + 6, NULL, 10), UINT64_MAX - 1);
		text += n;
	}
}

/* The data of a member that is about the next one. */
static enum status take_extra(struct tar_in *t, char type, const struct tar_member *m,
			      struct extra *x, struct why *why)
{
	char *text;
	enum status st;

	if (m->is_cut || m->bytes > EXTRA_MAX)
		return why_set(why, ST_CORRUPT, "the long name at %llu is cut off, or too long",
			       (unsigned long long)m->at);
	text = calloc(1, m->bytes + 1);
	if (!text)
		return why_set(why, ST_NOMEM, "no memory");
	st = m->bytes ? store_read(t->file, m->at, text, m->bytes) : ST_OK;
	if (st == ST_OK && type == 'L')
		mem_copy_text(x->name, sizeof(x->name), text);
	else if (st == ST_OK && type == 'x')
		take_pax(x, text, m->bytes);
	free(text);
	return st == ST_OK ? st : why_set(why, st, "cannot be read at %llu: %s",
					  (unsigned long long)m->at, status_text(st));
}

enum status tar_next(struct tar_in *t, struct tar_member *m, struct why *why)
{
	struct extra x = { .bytes = UINT64_MAX }, none = { .bytes = UINT64_MAX };
	struct tar_header h;

	for (int i = 0; i <= EXTRAS_MAX; i++) {
		enum status st = read_header(t, &h, why);
		int about_next;

		if (st != ST_OK)
			return st;
		if (h.type == 'S')
			return why_set(why, ST_UNSUPPORTED, "the member at %llu is a sparse file",
				       (unsigned long long)t->next);
		about_next = h.type == 'L' || h.type == 'K' || h.type == 'x' || h.type == 'g';
		st = take_header(t, &h, about_next ? &none : &x, m, why);
		if (st != ST_OK || !about_next)
			return st;
		st = take_extra(t, h.type, m, &x, why);
		if (st != ST_OK)
			return st;
	}
	return why_set(why, ST_CORRUPT, "too many extra headers are before %llu",
		       (unsigned long long)t->next);
}
