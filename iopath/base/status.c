/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* status - the words and phrases of enum status, one row a code. */
#include "iopath/base/status.h"

#include <stddef.h>

struct row {
	const char *word;
	const char *text;
};

static const struct row rows[ST_COUNT] = {
	[ST_OK] = { "ok", "success" },
	[ST_INVAL] = { "inval", "invalid argument" },
	[ST_NOENT] = { "noent", "no such file or object" },
	[ST_EXIST] = { "exist", "it exists already" },
	[ST_NOTDIR] = { "notdir", "not a directory" },
	[ST_ISDIR] = { "isdir", "it is a directory" },
	[ST_NOTEMPTY] = { "notempty", "the directory is not empty" },
	[ST_NAME] = { "name", "the name is too long or has a forbidden byte" },
	[ST_NOSPACE] = { "nospace", "no space left" },
	[ST_NOMEM] = { "nomem", "out of memory" },
	[ST_LIMIT] = { "limit", "a limit of the format is reached" },
	[ST_RANGE] = { "range", "outside of the object" },
	[ST_BUSY] = { "busy", "in use or locked by somebody else" },
	[ST_REFUSED] = { "refused", "refused" },
	[ST_READONLY] = { "readonly", "read only" },
	[ST_UNSUPPORTED] = { "unsupported", "not supported by this object" },
	[ST_CORRUPT] = { "corrupt", "what is on the disk is wrong" },
	[ST_PATH] = { "path", "the path to the device failed" },
	[ST_DEVICE] = { "device", "the device failed the transfer" },
	[ST_LOST] = { "lost", "our lease is gone" },
	[ST_CANCELLED] = { "cancelled", "interrupted" },
};

static const struct row *row_of(enum status st)
{
	static const struct row unknown = { "unknown", "unknown status" };

	if ((unsigned)st >= ST_COUNT || rows[st].word == NULL)
		return &unknown;
	return &rows[st];
}

const char *status_word(enum status st)
{
	return row_of(st)->word;
}

const char *status_text(enum status st)
{
	return row_of(st)->text;
}
