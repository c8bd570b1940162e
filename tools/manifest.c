/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* manifest - lines are taken apart from behind: a file's name may hold blanks and brackets, a sum
 * cannot. The sums are GnuTLS's: three algorithms, and speed does not matter beside the disk. */
#include "tools/manifest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <gnutls/crypto.h>

#define PIECE_BYTES	MIB
#define LINES_MAX	16384u	/* a disk may be in many chunks */

static const struct algorithm {
	const char			*word, *names[3];
	gnutls_digest_algorithm_t	id;
	size_t				hex_chars;
} algorithms[] = {
	[MANIFEST_SHA1] = { "SHA-1", { "SHA1" }, GNUTLS_DIG_SHA1, 40 },
	[MANIFEST_SHA256] = { "SHA-256", { "SHA256", "SHA2-256" }, GNUTLS_DIG_SHA256, 64 },
	[MANIFEST_SHA384] = { "SHA-384", { "SHA384", "SHA2-384" }, GNUTLS_DIG_SHA384, 96 },
	[MANIFEST_SHA512] = { "SHA-512", { "SHA512", "SHA2-512" }, GNUTLS_DIG_SHA512, 128 },
};

const char *manifest_word(enum manifest_kind kind) { return algorithms[kind].word; }

/* ---- lines ----------------------------------------------------------------------------------- */

static int kind_of(const char *text, size_t n, enum manifest_kind *kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(algorithms); i++)
		for (size_t k = 0; algorithms[i].names[k]; k++)
			if (strlen(algorithms[i].names[k]) == n &&
			    strncasecmp(algorithms[i].names[k], text, n) == 0) {
				*kind = (enum manifest_kind)i;
				return 0;
			}
	return -1;
}

/* The hex digits at the end of [text, end); where they begin. */
static const char *sum_start(const char *text, const char *end)
{
	while (end > text && isxdigit((unsigned char)end[-1]))
		end--;
	return end;
}

static const char *back_over_blanks(const char *text, const char *end)
{
	while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	return end;
}

/* A line without its end: 1, it is a sum; 0, it is none; -1, no memory. */
static int parse_line(struct manifest_line *l, const char *text, const char *end)
{
	const char *sum_end = back_over_blanks(text, end), *sum = sum_start(text, sum_end);
	const char *name_end = back_over_blanks(text, sum), *open = text;

	while (open < end && *open != '(')
		open++;

	if (name_end == text || name_end[-1] != '=')
		return 0;
	name_end = back_over_blanks(text, name_end - 1);
	if (name_end == text || *--name_end != ')' || open + 1 >= name_end)
		return 0;
	if (kind_of(text, (size_t)(back_over_blanks(text, open) - text), &l->kind) != 0 ||
	    (size_t)(sum_end - sum) != algorithms[l->kind].hex_chars)
		return 0;
	for (size_t i = 0; i < (size_t)(sum_end - sum); i++)
		l->hex[i] = (char)tolower((unsigned char)sum[i]);
	l->hex[sum_end - sum] = 0;
	l->name = strndup(open + 1, (size_t)(name_end - open - 1));
	return l->name ? 1 : -1;
}

static int add_line(struct manifest *mf, const struct manifest_line *l)
{
	if ((mf->line_count & (mf->line_count - 1)) == 0) {	/* room doubles */
		size_t room = mf->line_count ? 2 * mf->line_count : 1;
		struct manifest_line *more = realloc(mf->line, room * sizeof(*more));

		if (!more)
			return -1;
		mf->line = more;
	}
	mf->line[mf->line_count++] = *l;
	return 0;
}

int manifest_parse(struct manifest *mf, const char *text)
{
	uint32_t number = 0;

	*mf = (struct manifest){ 0 };
	for (const char *end; *text && number < LINES_MAX; text = *end ? end + 1 : end) {
		struct manifest_line l;
		int found;

		end = strchr(text, '\n') ?: text + strlen(text);
		number++;
		if (back_over_blanks(text, end) == text)
			continue;
		found = parse_line(&l, text, end);
		if (found == 0 && mf->bad_lines++ == 0)
			mf->first_bad = number;
		if (found < 0)
			return -1;
		if (found && add_line(mf, &l) != 0) {
			free(l.name);
			return -1;
		}
	}
	return 0;
}

void manifest_free(struct manifest *mf)
{
	for (size_t i = 0; i < mf->line_count; i++)
		free(mf->line[i].name);
	free(mf->line);
	*mf = (struct manifest){ 0 };
}

const struct manifest_line *manifest_find(const struct manifest *mf, const char *name)
{
	for (size_t i = 0; i < mf->line_count; i++)
		if (strcmp(mf->line[i].name, name) == 0)
			return &mf->line[i];
	return NULL;
}

/* ---- sums ------------------------------------------------------------------------------------ */

static void to_hex(const uint8_t *digest, size_t chars, char hex[MANIFEST_HEX_MAX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < chars; i++)
		hex[i] = digits[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
	hex[chars] = 0;
}

enum status manifest_sum(enum manifest_kind kind, struct store_file *f, uint64_t at, uint64_t bytes,
			 int (*moved)(void *arg, uint64_t bytes), void *arg,
			 char hex[MANIFEST_HEX_MAX])
{
	const struct algorithm *a = &algorithms[kind];
	uint8_t digest[64], *buf = malloc(PIECE_BYTES);
	gnutls_hash_hd_t hash;
	enum status st = ST_OK;

	if (!buf || gnutls_hash_init(&hash, a->id) != 0) {
		free(buf);
		return ST_NOMEM;
	}
	for (uint64_t n; bytes && st == ST_OK; at += n, bytes -= n) {
		n = MIN(bytes, PIECE_BYTES);
		st = store_read(f, at, buf, n);
		if (st == ST_OK && gnutls_hash(hash, buf, n) != 0)
			st = ST_NOMEM;
		if (st == ST_OK && moved(arg, n))
			st = ST_CANCELLED;
	}
	gnutls_hash_deinit(hash, digest);
	if (st == ST_OK)
		to_hex(digest, a->hex_chars, hex);
	free(buf);
	return st;
}
