/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* status - how every operation ends. Few codes, cut by what the caller does next. */
#ifndef CAIRN_BASE_STATUS_H
#define CAIRN_BASE_STATUS_H

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

enum status {
	ST_OK = 0,
	ST_INVAL,	/* the caller's argument is wrong; nothing was touched */
	ST_NOENT,	/* no such object */
	ST_EXIST,	/* the object exists already */
	ST_NOTDIR,	/* a directory was needed */
	ST_ISDIR,	/* a directory cannot be used here */
	ST_NOTEMPTY,	/* the directory has entries */
	ST_NAME,	/* the name is too long or has a forbidden byte */
	ST_NOSPACE,	/* the volume or file system below is full; free some and retry */
	ST_NOMEM,	/* no memory; nothing half done */
	ST_LIMIT,	/* a named limit of the format or of a queue is reached */
	ST_RANGE,	/* outside of the object */
	ST_BUSY,	/* in use or locked by somebody alive; later may help */
	ST_REFUSED,	/* consent, precondition or policy; trying again will not help */
	ST_READONLY,	/* opened for reading, or the device refuses writes */
	ST_UNSUPPORTED,	/* this object cannot do that: use the fallback */
	ST_CORRUPT,	/* what is on the disk is wrong; never retry, nothing was written */
	ST_PATH,	/* this path failed: try another */
	ST_DEVICE,	/* the device failed the I/O: its effect is unknown */
	ST_LOST,	/* our lease is gone: stop writing */
	ST_CANCELLED,	/* the user or the owner stopped it; cleaned up */
	ST_COUNT
};

/* A short lower-case word, as JSON and logs spell it: "ok", "nospace", ... Never NULL. */
const char *status_word(enum status st);
/* A short phrase for people: "no space left on the volume". Never NULL. */
const char *status_text(enum status st);

#endif
