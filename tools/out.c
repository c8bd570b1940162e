/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* out - the three ways a command prints. Nothing here knows what it prints. */
#include "tools/out.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "iopath/base/fmt.h"
#include "iopath/port/port.h"

/* ---- JSON ------------------------------------------------------------------------------------ */

json_t *out_doc(const char *schema, json_t **items)
{
	char host[256], when[24];
	json_t *doc;

	port_host_name(host, sizeof(host));
	out_time_utc(when, sizeof(when), (int64_t)(port_wall_us() / 1000000));
	*items = json_array();
	doc = json_pack("{s:s, s:b, s:o, s:s, s:o}", "schema", schema, "ok", 1, "host",
			out_json_name(host), "time", when, "items", *items);
	return doc;
}

/* A message ends in "...; way out": what stands behind the last semicolon. */
static json_t *way_out(const char *message)
{
	const char *semicolon = strrchr(message, ';');

	if (!semicolon)
		return json_null();
	return out_json_name(semicolon + 1 + strspn(semicolon + 1, " "));
}

void out_doc_fail(json_t *doc, enum status st, const char *object, const char *message)
{
	json_t *error = json_pack("{s:s, s:o, s:o, s:[], s:o}", "status", status_word(st), "object",
				  object ? out_json_name(object) : json_null(), "message",
				  out_json_name(message), "cause", "next", way_out(message));

	json_object_set_new(doc, "ok", json_false());
	json_object_set_new(doc, "error", error);
}

int out_doc_print(json_t *doc)
{
	char *text = doc ? json_dumps(doc, JSON_INDENT(2)) : NULL;
	int bad = !text || fputs(text, stdout) == EOF || fputc('\n', stdout) == EOF;

	free(text);
	json_decref(doc);
	return bad ? -1 : 0;
}

/* Length of the valid UTF-8 character at s, 0 when it is not one. */
static size_t utf8_char(const char *s)
{
	for (size_t n = 1; n <= 4 && s[n - 1]; n++)
		if (fmt_utf8_valid(s, n))
			return n;
	return 0;
}

json_t *out_json_name(const char *name)
{
	size_t n = strlen(name), used = 0;
	json_t *text;
	char *copy;

	if (fmt_utf8_valid(name, n))
		return json_string(name);
	copy = malloc(n * 3 + 1);
	if (!copy)
		return NULL;
	while (*name) {
		size_t c = utf8_char(name);

		memcpy(copy + used, c ? name : "\xEF\xBF\xBD", c ? c : 3);
		used += c ? c : 3;
		name += c ? c : 1;
	}
	copy[used] = 0;
	text = json_string(copy);
	free(copy);
	return text;
}

json_t *out_json_bytes(uint64_t bytes)
{
	char text[24];

	if (bytes < (1ull << 53))
		return json_integer((json_int_t)bytes);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	return json_string(text);
}

/* ---- tables ---------------------------------------------------------------------------------- */

#define COLUMNS_MAX 24

struct out_table {
	const struct out_column	*columns;
	size_t			column_count;
	char			**cells;	/* row after row */
	size_t			cell_count, cell_max;
};

struct out_table *out_table_create(const struct out_column *columns, size_t count)
{
	struct out_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->columns = columns;
	t->column_count = count;
	return t;
}

void out_table_destroy(struct out_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->cell_count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

static int make_room(struct out_table *t)
{
	size_t max = t->cell_max ? t->cell_max * 2 : t->column_count * 16;
	char **cells;

	if (t->cell_count + t->column_count <= t->cell_max)
		return 0;
	cells = realloc(t->cells, max * sizeof(*cells));
	if (!cells)
		return -1;
	t->cells = cells;
	t->cell_max = max;
	return 0;
}

int out_table_row(struct out_table *t, const char *const *cells)
{
	if (make_room(t) != 0)
		return -1;
	for (size_t i = 0; i < t->column_count; i++) {
		t->cells[t->cell_count + i] = strdup(cells[i]);
		if (t->cells[t->cell_count + i])
			continue;
		while (i > 0)
			free(t->cells[t->cell_count + --i]);
		return -1;
	}
	t->cell_count += t->column_count;
	return 0;
}

/* Turn "name,size" into column numbers. */
static int choose(const struct out_table *t, const char *fields, size_t order[COLUMNS_MAX],
		  size_t *count, char bad[64])
{
	*count = 0;
	for (const char *p = fields; *p;) {
		size_t n = strcspn(p, ","), c = 0;

		while (c < t->column_count && (strlen(t->columns[c].name) != n ||
					       strncmp(t->columns[c].name, p, n) != 0))
			c++;
		if (c == t->column_count || *count == COLUMNS_MAX) {
			snprintf(bad, 64, "%.*s", (int)n, p);
			return -1;
		}
		order[(*count)++] = c;
		p += n + (p[n] == ',');
	}
	return 0;
}

/* Columns a text takes on a screen: characters, not bytes. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xC0) != 0x80;
	return n;
}

static size_t column_width(const struct out_table *t, size_t c, int heading)
{
	size_t w = heading ? strlen(t->columns[c].name) : 0;

	for (size_t i = c; i < t->cell_count; i += t->column_count)
		w = MAX(w, width_of(t->cells[i]));
	return w;
}

static void print_cell(FILE *to, const char *text, size_t width, int right, const char *gap)
{
	int last = *gap == 0;
	size_t have = width_of(text);
	int pad = have < width ? (int)(width - have) : 0;

	if (right)
		fprintf(to, "%*s%s", pad, "", text);
	else
		fprintf(to, "%s%*s", text, last ? 0 : pad, "");
	fputs(gap, to);
}

static void print_heading(const struct out_table *t, FILE *to, const size_t *order, size_t count,
			  const size_t *width)
{
	for (size_t i = 0; i < count; i++) {
		char head[64];
		size_t n = mem_copy_text(head, sizeof(head), t->columns[order[i]].name);

		for (size_t k = 0; k < n && head[k]; k++)
			if (head[k] >= 'a' && head[k] <= 'z')
				head[k] = (char)(head[k] - 32);
		print_cell(to, head, width[i], t->columns[order[i]].right,
			   i + 1 == count ? "" : "  ");
	}
	fputc('\n', to);
}

static void print_row(const struct out_table *t, FILE *to, enum out_form form, size_t row,
		      const size_t *order, const size_t *width, size_t count)
{
	const char *gap = form == OUT_TABS ? "\t" : form == OUT_PLAIN ? " " : "  ";

	for (size_t i = 0; i < count; i++)
		print_cell(to, t->cells[row + order[i]], form == OUT_TABS ? 0 : width[i],
			   t->columns[order[i]].right, i + 1 == count ? "" : gap);
	fputc('\n', to);
}

int out_table_print(struct out_table *t, FILE *to, enum out_form form, const char *fields,
		    char bad[64])
{
	size_t order[COLUMNS_MAX], width[COLUMNS_MAX], count = MIN(t->column_count, COLUMNS_MAX);

	for (size_t i = 0; i < count; i++)
		order[i] = i;
	if (fields && choose(t, fields, order, &count, bad) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		width[i] = column_width(t, order[i], form == OUT_COLUMNS);
	if (form == OUT_COLUMNS && t->cell_count)
		print_heading(t, to, order, count, width);
	for (size_t row = 0; row < t->cell_count; row += t->column_count)
		print_row(t, to, form, row, order, width, count);
	return 0;
}

/* ---- trees ----------------------------------------------------------------------------------- */

void out_lines(struct out_lines *lines)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
		*lines = (struct out_lines){ "├─ ", "└─ ", "│  " };
	else
		*lines = (struct out_lines){ "|- ", "`- ", "|  " };
}

/* ---- values ---------------------------------------------------------------------------------- */

/* The escape of one byte that must not reach a terminal. */
static size_t escape(char out[5], unsigned char c)
{
	static const char hex[] = "0123456789abcdef", plain[] = "\n\t\r\\", letters[] = "ntr\\";
	const char *found = memchr(plain, c, 4);

	out[0] = '\\';
	if (found) {
		out[1] = letters[found - plain];
		return 2;
	}
	out[1] = 'x';
	out[2] = hex[c >> 4];
	out[3] = hex[c & 15];
	return 4;
}

/* C1 controls (U+0080 .. U+009F) are valid UTF-8, and some terminals obey them. */
static int is_safe_char(const char *s, size_t n)
{
	unsigned char c = (unsigned char)s[0];

	if (n == 1)
		return c >= 32 && c != 127 && c != '\\';
	return n > 0 && !(n == 2 && c == 0xC2 && (unsigned char)s[1] < 0xA0);
}

char *out_name(char *buf, size_t size, const char *name)
{
	size_t used = 0;

	while (*name) {
		char esc[5];
		size_t n = utf8_char(name);
		const char *from = name;
		size_t bytes = n;

		if (!is_safe_char(name, n)) {
			bytes = escape(esc, (unsigned char)*name);
			from = esc;
			n = 1;
		}
		if (used + bytes >= size)
			break;
		memcpy(buf + used, from, bytes);
		used += bytes;
		name += n;
	}
	buf[used] = 0;
	return buf;
}

char *out_size(char *buf, size_t size, uint64_t bytes, int exact)
{
	if (exact)
		snprintf(buf, size, "%llu", (unsigned long long)bytes);
	else
		fmt_size(buf, size, bytes);
	return buf;
}

char *out_time(char *buf, size_t size, int64_t seconds, int exact)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (exact || !localtime_r(&t, &tm) || strftime(buf, size, "%Y-%m-%d %H:%M", &tm) == 0)
		snprintf(buf, size, "%lld", (long long)seconds);
	return buf;
}

char *out_time_utc(char *buf, size_t size, int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(buf, size, "%lld", (long long)seconds);
	return buf;
}

char *out_mode(char buf[11], char kind, uint32_t mode)
{
	buf[0] = kind;
	for (int i = 0; i < 9; i++)
		buf[1 + i] = mode & (0400u >> i) ? "rwx"[i % 3] : '-';
	if (mode & 04000)
		buf[3] = mode & 0100 ? 's' : 'S';
	if (mode & 02000)
		buf[6] = mode & 010 ? 's' : 'S';
	if (mode & 01000)
		buf[9] = mode & 01 ? 't' : 'T';
	buf[10] = 0;
	return buf;
}

int out_flush(const char *prog)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "%s: standard output: %s; nothing more was printed\n", prog,
		strerror(errno));
	return -1;
}
