/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* vm_svg - the chains of a datastore as a drawing: a row for each link, under the link it stands
 * on, with its name, what it takes, and a bar as long as that. Bases are on the left; a linked
 * clone is seen as a branch that goes to another machine. It reads without colour: what is wrong
 * has a word, and the title and description tell the whole to a screen reader. Names are cut at
 * their front: those of a chain differ at their end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/base/fmt.h"
#include "tools/host_path.h"
#include "tools/vm.h"

#define ROW		22
#define DROP		5	/* of a row, below the line that its letters stand on */
#define STEP		18	/* to the right for each link above */
#define LEVELS_MAX	20u	/* drawn no deeper to the right */
#define NAME_AT		20
#define BAR_AT		680
#define BAR_WIDTH	200
#define CHARACTER	7	/* width of one, about */

/* ---- text ------------------------------------------------------------------------------------ */

/* Length of the character at s; 0: not UTF-8. */
static size_t char_length(const char *s)
{
	for (size_t n = 1; n <= 4 && s[n - 1]; n++)
		if (fmt_utf8_valid(s, n))
			return n;
	return 0;
}

static uint32_t code_point(const char *s, size_t n)
{
	uint32_t c = (unsigned char)s[0];

	if (n > 1)
		c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3f);
	return c;
}

/* XML has no way to write a control character; bidirectional ones would make a name look like
 * another, also outside of it. */
static int is_shown(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xfffe || c == 0xffff)
		return 0;
	return !(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069) && c != 0x200e &&
	       c != 0x200f && c != 0x061c;
}

void vm_xml_text(FILE *to, const char *text)
{
	while (*text) {
		size_t n = char_length(text);

		if (!n || !is_shown(code_point(text, n)))
			fputs("&#xFFFD;", to);
		else if (strchr("<>&\"'", *text))
			fprintf(to, "&#%d;", *text);
		else
			fwrite(text, 1, n, to);
		text += n ? n : 1;
	}
}

static size_t char_count(const char *text)
{
	size_t count = 0;

	for (; *text; count++)
		text += MAX(char_length(text), 1);
	return count;
}

/* At most max characters: the last ones. */
static void put_end(FILE *to, const char *text, size_t max)
{
	size_t left = char_count(text);

	if (left > max)
		fputs("&#x2026;", to);
	for (; left > max; left--)
		text += MAX(char_length(text), 1);
	vm_xml_text(to, text);
}

/* ---- the forest ------------------------------------------------------------------------------ */

struct row {
	const struct inv_link	*link;
	uint32_t		depth;
	int			y, parent_y;	/* parent_y < 0: a base */
};

struct forest {
	const struct vm_place	*place;
	struct row		*row;
	size_t			count;
	uint64_t		largest;	/* allocated bytes of a link */
};

static uint32_t depth_of(const struct inv_link *l)
{
	uint32_t n = 0;

	for (l = l->parent; l; l = l->parent)
		n++;
	return n;
}

/* Is it in the drawing: shown, or below a link that is? Links outside are drawn with those. */
static int is_drawn(const struct vm_place *p, const struct inv_link *l)
{
	return vm_shown(p, l->path) || l->outside;
}

/* Bases by path, and each link behind the one it stands on: where two chains part, seen from the
 * base, their paths decide. */
static int in_forest(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	const struct inv_link *lx = x->link, *ly = y->link;
	uint32_t dx = x->depth, dy = y->depth;

	for (; dx > dy; dx--)
		lx = lx->parent;
	for (; dy > dx; dy--)
		ly = ly->parent;
	if (lx == ly)
		return x->depth < y->depth ? -1 : x->depth > y->depth;
	while (lx->parent != ly->parent) {
		lx = lx->parent;
		ly = ly->parent;
	}
	return strcmp(lx->path, ly->path);
}

static int plant(struct forest *f)
{
	const struct inventory *inv = f->place->inv;

	f->row = calloc((size_t)inv->link_count + 1, sizeof(*f->row));
	if (!f->row)
		return -1;
	for (uint32_t i = 0; i < inv->link_count; i++)
		if (is_drawn(f->place, inv->links[i])) {
			f->row[f->count].link = inv->links[i];
			f->row[f->count++].depth = depth_of(inv->links[i]);
			f->largest = MAX(f->largest, inv->links[i]->allocated_bytes);
		}
	qsort(f->row, f->count, sizeof(*f->row), in_forest);
	for (size_t i = 0; i < f->count; i++) {
		struct row *r = &f->row[i];

		r->y = (int)(i + 1) * ROW;
		r->parent_y = -1;
		for (size_t k = r->link->parent ? i : 0; k-- > 0 && r->parent_y < 0;)
			if (f->row[k].link == r->link->parent)
				r->parent_y = f->row[k].y;
	}
	return 0;
}

/* ---- drawing --------------------------------------------------------------------------------- */

static const char *state_text(const struct inv_link *l)
{
	if (l->state != INV_LINK_OK)
		return l->state == INV_LINK_MISSING ? "no descriptor" :
						      inv_link_state_word(l->state);
	return vm_unowned(l) ? "of no machine" : "";
}

/* Where its parent is in the same folder, the name alone. */
static const char *short_name(const struct inv_link *l, const char *path)
{
	const char *last = path_last(l->path);
	size_t dir = (size_t)(last - l->path);

	if (l->parent && strncmp(l->parent->path, l->path, dir) == 0 &&
	    !strchr(l->parent->path + dir, '/'))
		return last;
	return path;
}

static void draw_row(FILE *to, const struct forest *f, const struct row *r)
{
	const struct inv_link *l = r->link;
	int x = NAME_AT + (int)MIN(r->depth, LEVELS_MAX) * STEP, bar = 0;
	const char *state = state_text(l);
	char size[24], path[5000];

	if (f->largest)
		bar = (int)((double)l->allocated_bytes / (double)f->largest * BAR_WIDTH);
	if (r->parent_y >= 0)
		fprintf(to, "<path class=\"line\" d=\"M%d %dV%dH%d\"/>\n", x - STEP + 4,
			r->parent_y + 4, r->y - 4, x - 3);
	vm_path(f->place, l->path, path, sizeof(path));
	fputs("<g><title>", to);
	vm_xml_text(to, path);
	fprintf(to, "</title><text x=\"%d\" y=\"%d\">", x, r->y);
	put_end(to, short_name(l, path), (size_t)(BAR_AT - x) / CHARACTER - strlen(state) - 4);
	if (r->depth > LEVELS_MAX)	/* it is not a sibling of the one above, as it looks */
		fprintf(to, " (level %u)", r->depth);
	if (*state) {
		fputs(" <tspan class=\"bad\">[", to);
		vm_xml_text(to, state);
		fputs("]</tspan>", to);
	}
	fprintf(to, "</text>\n<rect class=\"bar\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"12\"/>\n",
		BAR_AT, r->y - 11, bar + 1);
	fprintf(to, "<text x=\"%d\" y=\"%d\">%s</text></g>\n", BAR_AT + bar + 8, r->y,
		out_size(size, sizeof(size), l->allocated_bytes, 0));
}

int vm_svg_height(const struct vm_place *p)
{
	int rows = 0;

	for (uint32_t i = 0; i < p->inv->link_count; i++)
		rows += is_drawn(p, p->inv->links[i]);
	return rows * ROW;
}

/* Rows [first, end): a base and all that stands on it, as a drawing of its own, so that a printer
 * can turn the page between two. */
static void draw_tree(FILE *to, const struct forest *f, size_t first, size_t end, int y)
{
	int top = f->row[first].y - ROW + DROP, height = (int)(end - first) * ROW;
	char path[5000];

	fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" y=\"%d\" "
		"width=\"%d\" height=\"%d\" viewBox=\"0 %d %d %d\">\n<title>", y + top,
		VM_SVG_WIDTH, height, top, VM_SVG_WIDTH, height);
	vm_xml_text(to, vm_path(f->place, f->row[first].link->path, path, sizeof(path)));
	fprintf(to, "</title>\n<desc>%zu links. Each row is a disk or a link of a chain, below the "
		"one it stands on, with the space it takes.</desc>\n", end - first);
	for (size_t i = first; i < end; i++)
		draw_row(to, f, &f->row[i]);
	fputs("</svg>\n", to);
}

enum status vm_svg_draw(FILE *to, const struct vm_place *p, int y)
{
	struct forest f = { .place = p };

	if (plant(&f) != 0)
		return ST_NOMEM;
	for (size_t first = 0, end; first < f.count; first = end) {
		for (end = first + 1; end < f.count && f.row[end].parent_y >= 0; end++)
			;
		draw_tree(to, &f, first, end, y);
	}
	free(f.row);
	return ST_OK;
}
