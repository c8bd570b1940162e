/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* lib - what the files of libcairn share. A handle has one machine (a thread with worlds: see
 * machine.h) on which a struct host lives, the same that the commands use. Callers' threads post
 * calls to it and wait; the data of images they mostly read by themselves:
 *
 *	caller's thread					the handle's thread
 *	cairn_stat, _list, _open ...	-- call.c -->	a world per call, one at a time
 *	cairn_read, cairn_extents
 *	    places.c: where is it?	-- a miss -->	a world reads the maps for a window
 *	    read.c: on a device:	pread into the caller's buffer, nothing crosses
 *		    anything else	-- submit -->	vmdk or store, many in flight
 *
 * What the handle's thread owns is marked; all else is set before cairn_start(), or has a lock. */
#ifndef CAIRN_LIBCAIRN_LIB_PRIV_H
#define CAIRN_LIBCAIRN_LIB_PRIV_H

#include <pthread.h>
#include <semaphore.h>

#include "iopath/port/linux/machine.h"
#include "tools/host.h"
#include "tools/libcairn/cairn.h"
#include "vmdk/vmdk.h"

/* ---- a handle -------------------------------------------------------------------------------- */

struct lib_source {
	struct cairn_source	s;
	char			*name;	/* s.name is ours */
};

struct cairn {
	struct cairn_options	opts;
	char			*engine;
	struct config		config;
	struct lib_source	**source;
	size_t			source_count;
	struct port_machine	*machine;	/* NULL: not started */
	uint32_t		images;		/* open ones; atomic */

	/* of the handle's thread */
	struct host		*host;
	struct io_mutex		mutex;		/* a call that uses the host, at a time */
	struct why		trouble;	/* with a device, at the start */
};

/* ---- errors ---------------------------------------------------------------------------------- */

/* Fill *error (may be NULL) from a status; why's text where it has one. Returns what it stored. */
enum cairn_status lib_fail(struct cairn_error *error, enum status st, const struct why *why);
/* The same with a text of one's own. */
enum cairn_status lib_error(struct cairn_error *error, enum status st, const char *format, ...)
	PRINTF_LIKE(3, 4);
static inline enum cairn_status lib_ok(struct cairn_error *error)
{
	if (error) {
		error->status = CAIRN_OK;
		error->text[0] = 0;
	}
	return CAIRN_OK;
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Work for a world of the handle's thread; the caller's memory, as part of a struct with the
 * arguments and results. */
struct lib_call {
	struct port_msg	msg;
	struct cairn	*c;
	enum status	(*fn)(struct lib_call *call);
	uint8_t		shared;		/* does not touch the host: calls beside it are fine */
	enum status	status;		/* out */
	struct why	why;		/* out */
	sem_t		over;
};
/* Run call->fn in a world and wait for its end. Any thread but the handle's. */
enum status lib_call(struct cairn *c, struct lib_call *call);

/* Find the store of a path as cairn.h spells paths; in a call. */
MUST_USE enum status lib_resolve(struct cairn *c, const char *path, struct host_path *out,
				 struct why *why);

/* Which link of an open chain a snapshot= means.
 * ST_NOENT; ST_REFUSED: two snapshots of that name. */
MUST_USE enum status lib_link_find(struct vmdk_disk *top, const char *name, uint32_t *link,
				   struct why *why);

/* ---- sources --------------------------------------------------------------------------------- */

/* config.open_dev of a handle: a source by its name, or what io_dev_open() opens. */
enum status lib_open_dev(void *arg, const char *uri, unsigned flags, struct io_dev **dev,
			 struct why *why);

/* ---- images ---------------------------------------------------------------------------------- */

#define LIB_SLOTS 1024

/* The places of a part of a window: [start, end) of the image, in order, without gaps. */
struct lib_slot {
	uint64_t		start, end;	/* equal: empty */
	uint32_t		count;
	struct vmdk_place	*place;
};

struct lib_places {
	pthread_mutex_t		lock;		/* of the slots */
	uint64_t		kept;		/* places in all slots */
	uint32_t		window_shift;
	struct lib_slot		slot[LIB_SLOTS];	/* window number modulo LIB_SLOTS */
	struct io_mutex		resolving;	/* of the handle's thread */
};

struct cairn_image {
	struct cairn		*c;
	struct store_file	*file;		/* of a file; or */
	struct vmdk_disk	*disk;
	uint64_t		bytes;
	uint32_t		block_bytes;
	char			*name;		/* for messages */
	struct lib_places	places;
	pthread_rwlock_t	reading;	/* held by reads; for writing by a check */
	uint64_t		checked_ns;	/* the last good one; atomic */
	struct why		spoilt;		/* by a check that was not good */
};

void lib_places_init(struct lib_places *p, uint32_t window_shift);
void lib_places_fini(struct lib_places *p);
void lib_places_forget(struct lib_places *p);	/* all of them */
/* The places of [offset, offset + bytes), or of a first part of it: at most max, at least one. */
MUST_USE enum status lib_places_find(struct cairn_image *image, uint64_t offset, uint64_t bytes,
				     struct vmdk_place *place, uint32_t max, uint32_t *count,
				     struct why *why);

/* ---- one moment: moment.c -------------------------------------------------------------------- */

void lib_moment_init(struct cairn_image *image);
void lib_moment_fini(struct cairn_image *image);
/* In a call: was what was read so far good, and may be read on? */
MUST_USE enum status lib_moment_ask(struct cairn_image *image, struct why *why);
/* Bracket of everything that reads or maps; checks first, once a second. */
MUST_USE enum status lib_read_begin(struct cairn_image *image, struct why *why);
void lib_read_end(struct cairn_image *image);

#endif
