/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lines - a buffer over a file, in each direction. */
#include "tools/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- out ------------------------------------------------------------------------------------- */

void line_out_init(struct line_out *o, struct store_file *file, uint64_t at)
{
	o->file = file;
	o->at = at;
	o->used = 0;
	o->status = ST_OK;
}

enum status line_out_write(struct line_out *o)
{
	if (o->status == ST_OK && o->used) {
		o->status = store_write(o->file, o->at, o->buf, o->used);
		o->at += o->used;
	}
	o->used = 0;
	return o->status;
}

void line_put(struct line_out *o, const char *format, ...)
{
	for (int again = 0; again < 2 && o->status == ST_OK; again++) {
		size_t room = sizeof(o->buf) - o->used;
		va_list ap;
		int n;

		va_start(ap, format);
		n = vsnprintf(o->buf + o->used, room, format, ap);
		va_end(ap);
		if (n >= 0 && (size_t)n < room) {
			o->used += (size_t)n;
			return;
		}
		if (again || o->used == 0)
			o->status = ST_LIMIT;
		else if (line_out_write(o) != ST_OK)
			return;
	}
}

/* ---- in -------------------------------------------------------------------------------------- */

enum status line_in_init(struct line_in *in, struct store_file *file)
{
	struct store_stat ss;
	enum status st = file->store->ops->file_stat(file, &ss);

	in->file = file;
	in->at = in->line_end = 0;
	in->end = st == ST_OK ? ss.size_bytes : 0;
	in->used = in->have = 0;
	in->status = st;
	return st;
}

/* Move what is left to the front and read on behind it. 0: nothing came. */
static int fill(struct line_in *in)
{
	size_t left = in->have - in->used;
	uint64_t n = MIN(sizeof(in->buf) - left, in->end - in->at);

	memmove(in->buf, in->buf + in->used, left);
	in->used = 0;
	in->have = left;
	if (n == 0) {
		if (left == sizeof(in->buf))
			in->status = ST_CORRUPT;
		return 0;
	}
	in->status = store_read(in->file, in->at, in->buf + left, n);
	if (in->status != ST_OK)
		return 0;
	in->at += n;
	in->have += n;
	return 1;
}

char *line_next(struct line_in *in)
{
	while (in->status == ST_OK) {
		char *line = in->buf + in->used;
		char *newline = memchr(line, '\n', in->have - in->used);

		if (!newline) {
			if (!fill(in))
				break;
			continue;
		}
		if (memchr(line, 0, (size_t)(newline - line))) {
			in->status = ST_CORRUPT;
			break;
		}
		*newline = 0;
		in->used += (size_t)(newline - line) + 1;
		in->line_end += (uint64_t)(newline - line) + 1;
		return line;
	}
	return NULL;
}

/* ---- words ----------------------------------------------------------------------------------- */

char *line_word(char *buf, size_t size, const char *name)
{
	size_t used = 0;

	for (; *name; name++) {
		uint8_t c = (uint8_t)*name;
		int escape = c <= ' ' || c == '%' || c == 0x7f;

		if (used + (escape ? 3 : 1) >= size)
			return NULL;
		if (escape)
			used += (size_t)snprintf(buf + used, 4, "%%%02X", c);
		else
			buf[used++] = (char)c;
	}
	buf[used] = 0;
	return buf;
}

char *line_unword(char *buf, size_t size, const char *word)
{
	size_t used = 0;

	while (*word) {
		unsigned c = (uint8_t)*word++;

		if (used + 1 >= size)
			return NULL;
		if (c == '%') {
			if (sscanf(word, "%2x", &c) != 1 || c == 0 || strlen(word) < 2)
				return NULL;
			word += 2;
		}
		buf[used++] = (char)c;
	}
	buf[used] = 0;
	return buf;
}
