/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Parsing and holding a descriptor. It is a handful of lines, so everything is a plain array; the
 * text is at most 1 MiB, which bounds all of it. */
#include "vmdk/descriptor_priv.h"

#include "iopath/base/fmt.h"
#include "iopath/port/port.h"

static const char *const access_words[] = { "RW", "RDONLY", "NOACCESS" };
static const char *const type_words[DESC_TYPE_COUNT] = {
    "FLAT", "SPARSE", "ZERO", "VMFS", "VMFSSPARSE", "SESPARSE", "VMFSRDM", "VMFSRAW", "VSANSPARSE",
};

const char *desc_access_word(enum desc_access access) { return access_words[access]; }
const char *desc_type_word(enum desc_type type) { return type_words[type]; }

/* ---- the arrays ------------------------------------------------------------------------------ */

void desc_init(struct desc *d)
{
	*d = (struct desc){ .version = 1, .cid = DESC_CID_NEW, .parent_cid = DESC_NO_PARENT };
}

void desc_fini(struct desc *d)
{
	for (uint32_t i = 0; i < d->pair_count; i++) {
		port_free(d->pairs[i].name);
		port_free(d->pairs[i].value);
	}
	for (uint32_t i = 0; i < d->extent_count; i++) {
		port_free(d->extents[i].file);
		port_free(d->extents[i].rest);
	}
	port_free(d->pairs);
	port_free(d->extents);
	desc_init(d);
}

/* Room for one more element; the array may move. */
static enum status grow(void **array, uint32_t count, uint32_t *room, size_t element)
{
	uint32_t want = *room ? *room * 2 : 16;
	void *bigger;

	if (count < *room)
		return ST_OK;
	bigger = port_alloc(want * element);
	if (!bigger)
		return ST_NOMEM;
	if (count)
		memcpy(bigger, *array, count * element);
	port_free(*array);
	*array = bigger;
	*room = want;
	return ST_OK;
}

static char *copy_text(const char *text, size_t n)
{
	char *copy = port_alloc(n + 1);

	if (copy)
		memcpy(copy, text, n);
	return copy;
}

static struct desc_pair *find(const struct desc *d, const char *name)
{
	for (uint32_t i = 0; i < d->pair_count; i++)
		if (mem_compare_nocase(d->pairs[i].name, name) == 0)
			return &d->pairs[i];
	return NULL;
}

const char *desc_get(const struct desc *d, const char *name)
{
	struct desc_pair *p = find(d, name);

	return p ? p->value : NULL;
}

static enum status add_pair(struct desc *d, const char *name, size_t name_n, const char *value,
			    size_t value_n, int quoted)
{
	struct desc_pair p = { .quoted = (uint8_t)quoted };
	enum status st = grow((void **)&d->pairs, d->pair_count, &d->pair_room, sizeof(p));

	if (st != ST_OK || d->pair_count >= DESC_PAIRS_MAX)
		return st != ST_OK ? st : ST_LIMIT;
	p.name = copy_text(name, name_n);
	p.value = copy_text(value, value_n);
	if (!p.name || !p.value) {
		port_free(p.name);
		port_free(p.value);
		return ST_NOMEM;
	}
	d->pairs[d->pair_count++] = p;
	return ST_OK;
}

enum status desc_set(struct desc *d, const char *name, const char *value)
{
	struct desc_pair *p = find(d, name);
	char *copy;

	if (!p)
		return add_pair(d, name, strlen(name), value, strlen(value), 1);
	copy = copy_text(value, strlen(value));
	if (!copy)
		return ST_NOMEM;
	port_free(p->value);
	p->value = copy;
	return ST_OK;
}

void desc_unset(struct desc *d, const char *name)
{
	struct desc_pair *p = find(d, name);

	if (!p)
		return;
	port_free(p->name);
	port_free(p->value);
	d->pair_count--;
	memmove(p, p + 1, (size_t)(d->pairs + d->pair_count - p) * sizeof(*p));
}

enum status desc_add_extent(struct desc *d, enum desc_access access, enum desc_type type,
			    uint64_t sectors, const char *file)
{
	struct desc_extent x = { .access = access, .type = type, .sectors = sectors };
	enum status st = grow((void **)&d->extents, d->extent_count, &d->extent_room, sizeof(x));

	if (st != ST_OK)
		return st;
	if (file) {
		x.file = copy_text(file, strlen(file));
		if (!x.file)
			return ST_NOMEM;
	}
	d->extents[d->extent_count++] = x;
	d->sectors += sectors;
	return ST_OK;
}

enum status desc_set_extent_file(struct desc *d, uint32_t index, const char *file)
{
	char *copy = copy_text(file, strlen(file));

	if (!copy)
		return ST_NOMEM;
	port_free(d->extents[index].file);
	d->extents[index].file = copy;
	return ST_OK;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* What is left of the current line. */
struct scan { const char *at, *end; };

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

static void skip_blanks(struct scan *s)
{
	while (s->at < s->end && is_blank(*s->at))
		s->at++;
}

static struct scan next_word(struct scan *s)
{
	struct scan w;

	skip_blanks(s);
	w.at = s->at;
	while (s->at < s->end && !is_blank(*s->at))
		s->at++;
	w.end = s->at;
	return w;
}

static int word_is(struct scan w, const char *text)
{
	char word[16];
	size_t n = (size_t)(w.end - w.at);

	if (n >= sizeof(word))
		return 0;
	memcpy(word, w.at, n);
	word[n] = 0;
	return mem_compare_nocase(word, text) == 0;
}

static int word_in(struct scan w, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (word_is(w, words[i]))
			return (int)i;
	return -1;
}

/* A decimal number that is the whole word. */
static int word_number(struct scan w, uint64_t *number)
{
	uint64_t n = 0;

	if (w.at == w.end)
		return 0;
	for (; w.at < w.end; w.at++) {
		unsigned digit = (unsigned)(*w.at - '0');

		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return 0;
		n = n * 10 + digit;
	}
	*number = n;
	return 1;
}

/* One to eight hex digits: QEMU writes no leading zeros. */
static int parse_cid(const char *text, uint32_t *cid)
{
	uint32_t n = 0;
	size_t digits = strlen(text);

	if (digits < 1 || digits > 8)
		return 0;
	for (; *text; text++) {
		unsigned c = (unsigned char)*text | 0x20;

		if (c >= '0' && c <= '9')
			n = n << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (c - 'a' + 10);
		else
			return 0;
	}
	*cid = n;
	return 1;
}

/* "text" in double quotes; 0 when it does not start or end. */
static int quoted(struct scan *s, struct scan *text)
{
	skip_blanks(s);
	if (s->at == s->end || *s->at != '"')
		return 0;
	text->at = ++s->at;
	while (s->at < s->end && *s->at != '"')
		s->at++;
	if (s->at == s->end)
		return 0;
	text->end = s->at++;
	return 1;
}

/* ---- lines ----------------------------------------------------------------------------------- */

struct parse {
	struct desc	*d;
	const char	*name;
	uint32_t	line;
	struct why	*why;
};

static enum status bad(struct parse *p, const char *what)
{
	return why_set(p->why, ST_CORRUPT, "%s: descriptor line %u: %s", p->name, p->line, what);
}

/* What may follow the file of an extent: an offset, then a partition uuid and a device id. */
static enum status parse_extent_tail(struct parse *p, struct scan s, struct desc_extent *x)
{
	struct scan w = next_word(&s);

	if (w.at == w.end)
		return x->type == DESC_FLAT ? bad(p, "a FLAT extent without its offset") : ST_OK;
	if (!word_number(w, &x->offset_sectors))
		return bad(p, "the extent's offset is not a number");
	if (x->type != DESC_FLAT && x->type != DESC_VMFSRAW && x->offset_sectors)
		return bad(p, "only a FLAT extent can have an offset");
	if (x->offset_sectors > UINT64_MAX / SECTOR_BYTES - DESC_SECTORS_MAX)
		return bad(p, "the extent's offset is out of range");
	skip_blanks(&s);
	while (s.end > s.at && is_blank(s.end[-1]))
		s.end--;
	if (s.at == s.end)
		return ST_OK;
	x->rest = copy_text(s.at, (size_t)(s.end - s.at));
	return x->rest ? ST_OK : ST_NOMEM;
}

static enum status parse_extent(struct parse *p, struct scan s, enum desc_access access)
{
	struct desc *d = p->d;
	struct scan sectors_word = next_word(&s), type_word = next_word(&s), file;
	int type = word_in(type_word, type_words, DESC_TYPE_COUNT);
	struct desc_extent *x;
	uint64_t sectors;
	enum status st;

	if (!word_number(sectors_word, &sectors) || sectors == 0)
		return bad(p, "the extent's number of sectors is missing or 0");
	if (sectors > DESC_SECTORS_MAX || d->sectors + sectors > DESC_SECTORS_MAX)
		return bad(p, "the extents are larger than 128 TiB together");
	if (type < 0)
		return why_set(p->why, ST_UNSUPPORTED,
			       "%s: descriptor line %u: the extent type '%.*s' "
			       "is not known",
			       p->name, p->line, (int)MIN(type_word.end - type_word.at, 40),
			       type_word.at);
	st = desc_add_extent(d, access, (enum desc_type)type, sectors, NULL);
	if (st != ST_OK)
		return st;
	x = &d->extents[d->extent_count - 1];
	if (!quoted(&s, &file)) {
		skip_blanks(&s);
		return s.at == s.end && type == DESC_ZERO ? ST_OK :
		       bad(p, "the extent's file name is missing or its quotes do not close");
	}
	if (file.at == file.end)
		return bad(p, "the extent's file name is empty");
	x->file = copy_text(file.at, (size_t)(file.end - file.at));
	if (!x->file)
		return ST_NOMEM;
	return parse_extent_tail(p, s, x);
}

/* A second one of these cannot be told from the first: an error. */
static int must_be_single(const char *name)
{
	return mem_compare_nocase(name, "CID") == 0 || mem_compare_nocase(name, "parentCID") == 0 ||
	       mem_compare_nocase(name, "createType") == 0 ||
	       mem_compare_nocase(name, "version") == 0 || strncmp(name, "ddb.", 4) == 0;
}

static enum status parse_pair(struct parse *p, struct scan s, const char *equal)
{
	struct scan name = { s.at, equal }, value = { equal + 1, s.end }, text;
	struct desc_pair *added;
	enum status st;
	int in_quotes;

	while (name.end > name.at && is_blank(name.end[-1]))
		name.end--;
	if (name.end == name.at || name.end - name.at > 255)
		return bad(p, "a key without a name, or one of more than 255 bytes");
	skip_blanks(&value);
	while (value.end > value.at && is_blank(value.end[-1]))
		value.end--;
	in_quotes = value.at < value.end && *value.at == '"';
	if (in_quotes) {
		if (!quoted(&value, &text) || value.at != value.end)
			return bad(p, "the quotes of a value do not close at its end");
		value = text;
	}
	st = add_pair(p->d, name.at, (size_t)(name.end - name.at), value.at,
		      (size_t)(value.end - value.at), in_quotes);
	if (st != ST_OK)
		return st;
	added = &p->d->pairs[p->d->pair_count - 1];
	if (must_be_single(added->name) && find(p->d, added->name) != added)
		return why_set(p->why, ST_CORRUPT, "%s: descriptor line %u: a second '%s'", p->name,
			       p->line, added->name);
	return ST_OK;
}

static enum status parse_line(struct parse *p, struct scan s)
{
	struct scan rest, word;
	const char *equal;
	int access;

	skip_blanks(&s);
	if (s.at == s.end || *s.at == '#')
		return ST_OK;
	rest = s;
	word = next_word(&rest);
	access = word_in(word, access_words, ARRAY_COUNT(access_words));
	for (equal = s.at; equal < s.end && *equal != '='; )
		equal++;
	if (access >= 0 && rest.at < rest.end) {
		struct scan peek = rest;
		struct scan second = next_word(&peek);

		if (second.at < second.end && *second.at != '=')
			return parse_extent(p, rest, (enum desc_access)access);
	}
	if (equal == s.end)
		return bad(p, "neither a key with a value nor an extent");
	return parse_pair(p, s, equal);
}

/* ---- the fields everybody needs -------------------------------------------------------------- */

static enum status take_version(struct parse *p)
{
	const char *text = desc_get(p->d, "version");
	uint64_t version;

	if (!text || !word_number((struct scan){ text, text + strlen(text) }, &version))
		return why_set(p->why, ST_CORRUPT,
			       "%s: the descriptor's version is missing or not a "
			       "number",
			       p->name);
	if (version < 1 || version > 3)
		return why_set(p->why, ST_UNSUPPORTED,
			       "%s: descriptor version %llu; versions 1 to 3 "
			       "are known",
			       p->name, (unsigned long long)version);
	p->d->version = (uint32_t)version;
	return ST_OK;
}

static enum status take_ids(struct parse *p)
{
	const char *cid = desc_get(p->d, "CID"), *parent = desc_get(p->d, "parentCID");

	if (!cid || !parse_cid(cid, &p->d->cid))
		return why_set(p->why, ST_CORRUPT,
			       "%s: the descriptor's CID is missing or not 1 to 8 "
			       "hex digits",
			       p->name);
	if (parent && !parse_cid(parent, &p->d->parent_cid))
		return why_set(p->why, ST_CORRUPT,
			       "%s: the descriptor's parentCID is not 1 to 8 hex "
			       "digits",
			       p->name);
	if (!desc_get(p->d, "createType"))
		return why_set(p->why, ST_CORRUPT, "%s: the descriptor has no createType", p->name);
	if (p->d->extent_count == 0)
		return why_set(p->why, ST_CORRUPT, "%s: the descriptor names no extent", p->name);
	return ST_OK;
}

static size_t text_length(const char *text, size_t bytes)
{
	size_t n = 0;

	while (n < bytes && text[n])
		n++;
	return n;
}

enum status desc_parse(struct desc *d, const char *name, const char *text, size_t bytes,
		       struct why *why)
{
	struct parse p = { .d = d, .name = name, .why = why };
	const char *end = text + text_length(text, bytes);
	enum status st = ST_OK;

	while (text < end && st == ST_OK) {
		const char *eol = text;

		while (eol < end && *eol != '\n')
			eol++;
		p.line++;
		st = parse_line(&p, (struct scan){ text, eol });
		text = eol + 1;
	}
	if (st == ST_OK)
		st = take_version(&p);
	if (st == ST_OK)
		st = take_ids(&p);
	if (st == ST_NOMEM)
		why_set(why, st, "%s: no memory for the descriptor", name);
	if (st == ST_LIMIT)
		why_set(why, st, "%s: the descriptor has more than %u keys", name, DESC_PAIRS_MAX);
	return st;
}

int desc_probe(const char *text, size_t bytes)
{
	static const char first_line[] = "# Disk Descriptor";
	struct scan s = { text, text + text_length(text, bytes) };

	if ((size_t)(s.end - s.at) >= sizeof(first_line) - 1 &&
	    strncmp(text, first_line, sizeof(first_line) - 1) == 0)
		return 1;
	while (s.at < s.end) {
		while (s.at < s.end && (is_blank(*s.at) || *s.at == '\n'))
			s.at++;
		if (s.at < s.end && *s.at != '#')
			break;
		while (s.at < s.end && *s.at != '\n')
			s.at++;
	}
	for (const char *p = s.at; p < s.end && *p != '\n' && *p != '='; p++)
		s.at = p + 1;
	return s.at < s.end && *s.at == '=';
}
