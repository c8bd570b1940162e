/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* why - one line for a person, cut to the size of struct why at a whole UTF-8 character. */
#include "iopath/base/why.h"

#include <stdarg.h>

#include "iopath/base/fmt.h"
#include "iopath/base/mem.h"

/* A cut text must not end within a character, and must not hold a line break: file names may. */
static void tidy(char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' || text[i] == '\r')
			text[i] = ' ';
	}
	if (len < WHY_TEXT_MAX - 1)
		return;
	for (int cut = 0; cut < 3 && !fmt_utf8_valid(text, len); cut++)
		text[--len] = '\0';
}

enum status why_set(struct why *why, enum status st, const char *format, ...)
{
	va_list ap;

	if (why == NULL)
		return st;
	why->status = st;
	va_start(ap, format);
	fmt_v(why->text, sizeof(why->text), format, ap);
	va_end(ap);
	tidy(why->text);
	return st;
}

enum status why_at(struct why *why, enum status st, const char *format, ...)
{
	char was[WHY_TEXT_MAX];
	size_t len;
	va_list ap;

	if (why == NULL)
		return st;
	mem_copy_text(was, sizeof(was), why->text[0] ? why->text : status_text(st));
	va_start(ap, format);
	len = MIN(fmt_v(why->text, sizeof(why->text), format, ap), sizeof(why->text) - 1);
	va_end(ap);
	fmt(why->text + len, sizeof(why->text) - len, ": %s", was);
	why->status = st;
	tidy(why->text);
	return st;
}
