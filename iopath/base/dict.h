/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* dict - the `name = "value"` lines of .vmx, .vmsd and cairn.conf files, one after the other.
 * Nothing is allocated and the text is not changed: what is found points into it. Whatever the
 * bytes are, a line is a pair, nothing, or malformed; there is no other failure.
 * Source: vmware/open-vm-tools, lib/dict and lib/misc/escape.c (the form, not the code). */
#ifndef CAIRN_BASE_DICT_H
#define CAIRN_BASE_DICT_H

#include <stddef.h>
#include <stdint.h>

enum dict_line {
	DICT_END,	/* no more lines */
	DICT_PAIR,	/* name and value are set */
	DICT_EMPTY,	/* blank, or a comment */
	DICT_BAD,	/* malformed: ESXi keeps such a line and ignores it */
};

enum dict_encoding {
	DICT_UTF8,		/* also without a word about it */
	DICT_WINDOWS_1252,	/* and ISO-8859-1, of which it is a superset in print */
	DICT_OPAQUE,		/* a word not known here: bytes stay what they are */
};

struct dict {
	const char		*at, *end;
	uint32_t		line;		/* of the line dict_next() found, from 1 */
	enum dict_encoding	encoding;
	/* Of a DICT_PAIR, as spelt: still escaped, in the file's encoding, no NUL behind. */
	const char		*name, *value;
	size_t			name_bytes, value_bytes;
};

/* Start on a text; its `.encoding` is looked up first, wherever it stands. */
void dict_init(struct dict *d, const char *text, size_t bytes);
enum dict_line dict_next(struct dict *d);
/* The next DICT_PAIR, past all lines that are none: 1; 0: no more. */
int dict_next_pair(struct dict *d);

/* Names compare without regard to case. */
int dict_is(const struct dict *d, const char *name);
/* What is behind the prefix, up to the name's end, or NULL. It may be empty. */
const char *dict_behind(const struct dict *d, const char *prefix);

/* The value as text: "|22" and the like are bytes again, windows-1252 becomes UTF-8. Writes at most
 * size bytes with the NUL, and returns the length of the whole text, which is at most
 * dict_text_max(). */
size_t dict_text(const struct dict *d, char *buf, size_t size);
size_t dict_text_max(const struct dict *d);
/* 1 for TRUE, yes, on, 1; 0 for FALSE, no, off, 0; else otherwise. */
int dict_bool(const struct dict *d, int otherwise);
/* A whole decimal number, with a minus sign perhaps. 1: *number is set. */
int dict_number(const struct dict *d, int64_t *number);

/* Bytes of an encoding as UTF-8 text, for names that other files spell in it. As dict_text(). */
size_t dict_decode(enum dict_encoding encoding, const char *bytes, size_t n, char *buf,
		   size_t size);
/* What the word of an `encoding` means; n bytes. */
enum dict_encoding dict_encoding_of(const char *word, size_t n);

#endif
