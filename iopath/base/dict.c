/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The lines of a dictionary. The grammar, as its writers use it:
 *
 *	line  = ws [ "#" any ]  /  ws name ws "=" ws [ value ws ] [ "#" any ]
 *	name  = 1*( not blank, not "#", not "=" )	value = word / DQUOTE text DQUOTE
 *
 * A value has no way to hold a quote, so its writer puts "|22"; that escape, a bar and two hex
 * digits, stands for any byte. A bar before anything else is a bar. */
#include "iopath/base/dict.h"

#include "iopath/base/mem.h"

struct span { const char *at, *end; };

static int is_blank(char c) { return c == ' ' || c == '\t'; }

static void skip_blanks(struct span *s)
{
	while (s->at < s->end && is_blank(*s->at))
		s->at++;
}

/* The line at d->at, without its end; moves d->at behind it. */
static struct span take_line(struct dict *d)
{
	struct span s = { d->at, d->at };

	while (s.end < d->end && *s.end != '\n')
		s.end++;
	d->at = s.end < d->end ? s.end + 1 : s.end;
	if (s.end > s.at && s.end[-1] == '\r')
		s.end--;
	return s;
}

static int has_nul(struct span s)
{
	while (s.at < s.end)
		if (*s.at++ == 0)
			return 1;
	return 0;
}

/* Nothing but blanks and a comment is left. */
static int at_end(struct span s)
{
	skip_blanks(&s);
	return s.at == s.end || *s.at == '#';
}

static enum dict_line take_value(struct dict *d, struct span s)
{
	int quoted = s.at < s.end && *s.at == '"';

	if (quoted)
		s.at++;
	d->value = s.at;
	while (s.at < s.end && (quoted ? *s.at != '"' : !is_blank(*s.at) && *s.at != '#'))
		s.at++;
	d->value_bytes = (size_t)(s.at - d->value);
	if (quoted && s.at++ == s.end)
		return DICT_BAD;	/* the quotes do not close */
	return at_end(s) ? DICT_PAIR : DICT_BAD;
}

enum dict_line dict_next(struct dict *d)
{
	struct span s;

	if (d->at == d->end)
		return DICT_END;
	s = take_line(d);
	d->line++;
	if (at_end(s))
		return DICT_EMPTY;
	if (has_nul(s))
		return DICT_BAD;
	skip_blanks(&s);
	d->name = s.at;
	while (s.at < s.end && !is_blank(*s.at) && *s.at != '#' && *s.at != '=')
		s.at++;
	d->name_bytes = (size_t)(s.at - d->name);
	skip_blanks(&s);
	if (!d->name_bytes || s.at == s.end || *s.at != '=')
		return DICT_BAD;
	s.at++;
	skip_blanks(&s);
	return take_value(d, s);
}

int dict_next_pair(struct dict *d)
{
	enum dict_line line;

	while ((line = dict_next(d)) != DICT_END)
		if (line == DICT_PAIR)
			return 1;
	return 0;
}

/* ---- words ----------------------------------------------------------------------------------- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c; }

/* The n bytes are the word, case ignored. */
static int same_word(const char *bytes, size_t n, const char *word)
{
	for (; n && *word && lower(*bytes) == lower(*word); n--, bytes++)
		word++;
	return n == 0 && *word == 0;
}

static int in_list(const char *bytes, size_t n, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (same_word(bytes, n, words[i]))
			return 1;
	return 0;
}

int dict_is(const struct dict *d, const char *name)
{
	return same_word(d->name, d->name_bytes, name);
}

const char *dict_behind(const struct dict *d, const char *prefix)
{
	size_t n = strlen(prefix);

	return d->name_bytes >= n && same_word(d->name, n, prefix) ? d->name + n : NULL;
}

int dict_bool(const struct dict *d, int otherwise)
{
	static const char *const yes[] = { "true", "yes", "on", "1" };
	static const char *const no[] = { "false", "no", "off", "0" };

	if (in_list(d->value, d->value_bytes, yes, ARRAY_COUNT(yes)))
		return 1;
	return in_list(d->value, d->value_bytes, no, ARRAY_COUNT(no)) ? 0 : otherwise;
}

int dict_number(const struct dict *d, int64_t *number)
{
	const char *s = d->value, *end = s + d->value_bytes;
	int minus = s < end && *s == '-';
	int64_t n = 0;

	s += minus;
	if (s == end)
		return 0;
	for (; s < end; s++)
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_sub_overflow(n, *s - '0', &n))
			return 0;	/* counted downwards: the least number has no positive */
	if (!minus && __builtin_sub_overflow(0, n, &n))
		return 0;
	*number = n;
	return 1;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* 0x80 to 0x9f of windows-1252; 0 where it has nothing. Source: the Unicode consortium's table
 * CP1252.TXT. The rest of it is the first 256 characters of Unicode. */
static const uint16_t high_1252[32] = {
	0x20ac, 0,	0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,	0x017d, 0,
	0,	0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,	0x017e, 0x0178,
};

struct text { char *buf; size_t size, length; };

static void put_byte(struct text *t, unsigned c)
{
	if (t->length + 1 < t->size)
		t->buf[t->length] = (char)c;
	t->length++;
}

static void put_1252(struct text *t, unsigned char c)
{
	unsigned u = c >= 0x80 && c < 0xa0 ? high_1252[c - 0x80] : c;

	if (u == 0)
		u = 0xfffd;	/* "replacement character": there is none to be meant */
	if (u < 0x80) {
		put_byte(t, u);
	} else if (u < 0x800) {
		put_byte(t, 0xc0 | u >> 6);
		put_byte(t, 0x80 | (u & 0x3f));
	} else {
		put_byte(t, 0xe0 | u >> 12);
		put_byte(t, 0x80 | (u >> 6 & 0x3f));
		put_byte(t, 0x80 | (u & 0x3f));
	}
}

static void put(struct text *t, enum dict_encoding encoding, unsigned char c)
{
	if (encoding == DICT_WINDOWS_1252)
		put_1252(t, c);
	else
		put_byte(t, c);
}

static size_t finish(struct text *t)
{
	if (t->size)
		t->buf[MIN(t->length, t->size - 1)] = 0;
	return t->length;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "|XY" at s stands for; -1: it is no escape. A NUL cannot be part of a text, so
 * "|00" is not one either and stays as it is spelt. */
static int escaped(const char *s, const char *end)
{
	int high, low;

	if (*s != '|' || end - s < 3)
		return -1;
	high = hex(s[1]);
	low = hex(s[2]);
	return high < 0 || low < 0 || (high | low) == 0 ? -1 : high << 4 | low;
}

size_t dict_text(const struct dict *d, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	const char *end = d->value + d->value_bytes;

	for (const char *s = d->value; s < end; s++) {
		int byte = escaped(s, end);

		put(&t, d->encoding, (unsigned char)(byte < 0 ? *s : byte));
		if (byte >= 0)
			s += 2;
	}
	return finish(&t);
}

size_t dict_text_max(const struct dict *d)
{
	return d->encoding == DICT_WINDOWS_1252 ? 3 * d->value_bytes : d->value_bytes;
}

size_t dict_decode(enum dict_encoding encoding, const char *bytes, size_t n, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	for (size_t i = 0; i < n; i++)
		put(&t, encoding, (unsigned char)bytes[i]);
	return finish(&t);
}

enum dict_encoding dict_encoding_of(const char *word, size_t n)
{
	static const char *const utf8[] = { "UTF-8", "UTF8", "US-ASCII" };
	static const char *const latin[] = { "windows-1252", "ISO-8859-1", "cp1252" };

	if (in_list(word, n, utf8, ARRAY_COUNT(utf8)))
		return DICT_UTF8;
	return in_list(word, n, latin, ARRAY_COUNT(latin)) ? DICT_WINDOWS_1252 : DICT_OPAQUE;
}

void dict_init(struct dict *d, const char *text, size_t bytes)
{
	static const char bom[] = "\xef\xbb\xbf";
	enum dict_encoding encoding = DICT_UTF8;
	enum dict_line kind;
	struct dict look;

	*d = (struct dict){ .at = text, .end = text + bytes };
	if (bytes >= 3 && memcmp(text, bom, 3) == 0)
		d->at += 3;
	look = *d;
	while ((kind = dict_next(&look)) != DICT_END)
		if (kind == DICT_PAIR && dict_is(&look, ".encoding"))
			encoding = dict_encoding_of(look.value, look.value_bytes);
	d->encoding = encoding;
}
