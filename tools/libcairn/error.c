/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* error - the numbers that are kept, from those inside, and the line for people. */
#include <stdarg.h>

#include "iopath/base/fmt.h"
#include "tools/libcairn/lib_priv.h"

static enum cairn_status number_of(enum status st)
{
	switch (st) {
	case ST_OK:
		return CAIRN_OK;
	case ST_INVAL:
	case ST_NAME:
		return CAIRN_INVALID;
	case ST_NOENT:
		return CAIRN_NOT_FOUND;
	case ST_NOTDIR:
		return CAIRN_NOT_A_DIRECTORY;
	case ST_ISDIR:
		return CAIRN_IS_A_DIRECTORY;
	case ST_NOMEM:
		return CAIRN_NO_MEMORY;
	case ST_LIMIT:
		return CAIRN_LIMIT;
	case ST_RANGE:
		return CAIRN_RANGE;
	case ST_BUSY:
		return CAIRN_BUSY;
	case ST_REFUSED:
		return CAIRN_REFUSED;
	case ST_UNSUPPORTED:
		return CAIRN_UNSUPPORTED;
	case ST_CORRUPT:
		return CAIRN_CORRUPT;
	case ST_PATH:
	case ST_DEVICE:
	case ST_LOST:
		return CAIRN_IO;
	default:
		return CAIRN_FAILED;
	}
}

const char *cairn_status_word(enum cairn_status status)
{
	static const char *const word[] = {
		[CAIRN_OK] = "ok", [CAIRN_FAILED] = "failed", [CAIRN_INVALID] = "invalid",
		[CAIRN_NOT_FOUND] = "not-found", [CAIRN_NOT_A_DIRECTORY] = "not-a-directory",
		[CAIRN_IS_A_DIRECTORY] = "is-a-directory", [CAIRN_NO_MEMORY] = "no-memory",
		[CAIRN_LIMIT] = "limit", [CAIRN_RANGE] = "range", [CAIRN_BUSY] = "busy",
		[CAIRN_REFUSED] = "refused", [CAIRN_UNSUPPORTED] = "unsupported",
		[CAIRN_CORRUPT] = "corrupt", [CAIRN_IO] = "io",
	};

	return (size_t)status < ARRAY_COUNT(word) ? word[status] : "failed";
}

enum cairn_status lib_fail(struct cairn_error *error, enum status st, const struct why *why)
{
	const char *text = why && why->text[0] ? why->text : status_text(st);

	if (st == ST_OK)
		return lib_ok(error);
	return lib_error(error, st, "%s", text);
}

enum cairn_status lib_error(struct cairn_error *error, enum status st, const char *format, ...)
{
	va_list ap;

	if (error) {
		error->status = number_of(st);
		va_start(ap, format);
		fmt_v(error->text, sizeof(error->text), format, ap);
		va_end(ap);
	}
	return number_of(st);
}
