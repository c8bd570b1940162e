/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* torture - real processes on one datastore, killed and stopped at random, judged by what they were
 * told.
 *
 * Each worker is a process that mounts the volume for writing and works on names of its own, in a
 * directory of its own and in directories that all share; and on files that all share, one at a
 * time. Before a call it writes an intent to a log outside of the volume, behind the call what it
 * was told. When it is killed, the next process of that number reads the log: what is on the disk
 * must be the state after some prefix of its operations that is no older than the last sync it was
 * told of, and each piece of a file must hold what was acknowledged last, or something that was
 * written since.
 *
 *	content.c  data that says where it belongs and when it was written
 *	model.c    the operations, and the states that the disk may be in
 *	oplog.c    the log
 *	session.c  a mount on a device that can be made to fail
 *	worker.c   one life of a worker
 *	recover.c  from log and disk to the state a life begins with
 *	shared.c   counters and tokens that all workers use
 *	judge.c    the end: everything is looked at once more
 *	torture.c  the parent: starts, kills, stops */
#ifndef CAIRN_TESTS_TORTURE_H
#define CAIRN_TESTS_TORTURE_H

#include "vmfs/vmfs.h"

#include <stdint.h>

/* ---- content --------------------------------------------------------------------------------- */

#define UNIT_BYTES	4096u		/* of a file, what the model keeps apart */
#define UNITS_MAX	600u		/* of a file: beyond one file block */

/* Unit `index` of a file as operation `stamp` of a worker writes it (0: zeros). Stamps of workers
 * differ, so they say whose file it is, too. */
void content_fill(void *unit, uint32_t index, uint32_t stamp);
/* The stamp of sector `number` of a file: 0 zeros, ~0: it is not what any operation wrote there. */
uint32_t content_stamp(const void *sector, uint64_t number);

/* ---- chance ---------------------------------------------------------------------------------- */

struct chance { uint64_t x; };
uint32_t chance(struct chance *c, uint32_t below);
struct chance chance_of(uint64_t seed, uint32_t a, uint32_t b);

/* ---- the model ------------------------------------------------------------------------------- */

#define OBJECTS_MAX	40u		/* that one worker has at a time */
#define WINDOW_MAX	64u		/* operations between two syncs */
#define PLACES		4u		/* directories: two of its own, two that all share */
#define MAYBE_MAX	7u		/* values that a unit may have */

enum op_kind {
	OP_CREATE, OP_MKDIR, OP_WRITE, OP_RESIZE, OP_PUNCH, OP_ALLOCATE, OP_RENAME, OP_REMOVE,
	OP_KINDS,
};

struct op {
	uint8_t		kind;		/* enum op_kind */
	uint8_t		place;		/* CREATE, MKDIR; RENAME: the new one */
	uint32_t	stamp;		/* worker and number; what it writes carries it */
	uint32_t	id, over;	/* the object; RENAME: the one that it replaces, 0: none */
	uint32_t	unit, units;	/* WRITE, PUNCH, ALLOCATE: the range; RESIZE: new length */
};

/* Values that a unit may have on the disk; count over MAYBE_MAX: any of its file. */
struct unit { uint32_t maybe[MAYBE_MAX]; uint8_t count; };

struct object {
	uint32_t	id;		/* 0: not in use */
	uint8_t		is_dir, place;
	uint32_t	name;		/* stamp of the operation that named it: part of the name */
	uint64_t	least, most;	/* its length in bytes */
	struct unit	*unit;		/* UNITS_MAX of them; of a file */
};

struct state { struct object object[OBJECTS_MAX]; };

/* A worker's objects: as they were durable, and what was asked for since, told or not. */
struct model {
	struct state	durable, now;	/* now: with the whole window */
	struct op	window[WINDOW_MAX];
	uint32_t	window_count;
	uint32_t	stamp;		/* of the last operation */
};

int model_init(struct model *m);
void model_fini(struct model *m);
struct object *state_find(struct state *s, uint32_t id);
void state_free(struct state *s);
/* An operation is about to be asked for: it stands in the window until it has failed. */
int model_ask(struct model *m, const struct op *op);
/* The last one was refused: nothing happened. */
int model_refused(struct model *m);
/* The state when the disk stopped in the operation behind the first `prefix` of the window: names
 * and lengths, and every value that a unit may have. 0; -1: no memory. */
int model_state(const struct model *m, uint32_t prefix, struct state *s);
/* This is what the disk holds, for good. The model takes the state over. */
int model_settle(struct model *m, struct state *s);
/* All that was told is durable. */
int model_synced(struct model *m);
int unit_may_be(const struct unit *u, uint32_t stamp);
void unit_add(struct unit *u, uint32_t stamp);

/* ---- the log --------------------------------------------------------------------------------- */

enum log_what {
	LOG_ASK,		/* op: about to be called */
	LOG_REFUSED,		/* the last one: nothing happened */
	LOG_TOLD,		/* the last one: ST_OK */
	LOG_SYNCED,
	LOG_SETTLED,		/* after a crash: prefix; then VALUE lines for what was open */
	LOG_LENGTH,		/* id, stamp: units in bytes */
	LOG_VALUE,		/* id, unit, stamp */
	LOG_COUNTER,		/* id: its number, stamp: its value, told durable */
};

struct log_line {
	uint32_t	what;		/* enum log_what */
	struct op	op;
	uint32_t	id, unit, stamp, prefix;
	uint32_t	check;		/* of the line: one that was being written does not count */
};

struct oplog { int fd; };
int oplog_open(struct oplog *log, const char *dir, uint32_t worker);
void oplog_put(struct oplog *log, struct log_line line);
/* fn for each whole line from the first on, until it does not return 0. */
int oplog_replay(const char *dir, uint32_t worker, int (*fn)(void *arg, const struct log_line *l),
		 void *arg);

/* ---- a mount --------------------------------------------------------------------------------- */

struct session {
	struct io_dev		*disk;		/* the real one */
	struct io_dev		wrap;		/* in front of it */
	struct io_dev_ops	ops;
	uint32_t		fail_in;	/* writes until one fails; 0: never */
	uint8_t			failing;	/* from then on all do, as of a dead path */
	struct vmfs_volume	*vol;
	struct store		*s;
	struct why		why;
};

/* A new volume, with a lease of its own (0: the usual one). */
enum status session_format(const char *uri, uint32_t version, uint32_t lease_ms, struct why *why);
enum status session_mount(struct session *ss, const char *uri, int write);
enum status session_unmount(struct session *ss);

/* ---- workers --------------------------------------------------------------------------------- */

/* Operations done, and refused; mounts that were over; states settled after these, and how many of
 * them were seen only at a second look. */
struct total { uint64_t ops, busy, lost, settled, late; };

struct job {			/* what a worker process is told */
	const char	*uri, *dir;	/* the device; a directory for logs */
	uint32_t	worker, workers, life;
	uint64_t	seed;
	uint64_t	end_ms;		/* of the monotonic clock: then it unmounts */
	uint32_t	faults;		/* a device fails with one of that many writes; 0: never */
	struct total	*total;		/* of this worker, in memory that the parent sees */
};

struct worker {
	const struct job	*job;
	struct session		ss;
	struct model		model;
	struct oplog		log;
	struct chance		c;
	uint32_t		next_id;
	uint32_t		seen[8];	/* COUNTERS: the highest value met */
	int			bad;
};

/* One life, to its end. The exit code of the process: 0, or 1 after it has said what is wrong. */
int worker_run(const struct job *job);
/* What the log of its predecessors says, into the model. 0; -1. */
int worker_read_log(struct worker *w);
/* Compare with the disk, and let the model be what is there. ST_CORRUPT: it is in no state that it
 * may be in, and that was said. */
enum status worker_recover(struct worker *w);
void place_path(const struct worker *w, uint32_t place, char *path, size_t size);
void name_path(const struct worker *w, uint32_t place, uint32_t name, char *path, size_t size);
/* A difference: one line. Returns -1. */
int differ(const struct worker *w, const char *format, ...) PRINTF_LIKE(2, 3);
/* ST_LOST, ST_DEVICE: this mount is over, as after a crash. */
int mount_is_over(enum status st);

/* ---- what all use ---------------------------------------------------------------------------- */

#define COUNTERS	6u
#define TOKENS		6u

/* The directories of all workers, the counters and the tokens. */
enum status shared_make(struct session *ss, uint32_t workers);
/* One step on a counter, a token or another's directory. What the mount said is returned. */
enum status shared_step(struct worker *w);
/* In how many places it is: one. */
int shared_token_count(struct store *s, uint32_t number);
/* What the counter says. ST_CORRUPT: a smaller value stands before a larger. */
enum status shared_counter_value(struct store *s, uint32_t number, uint32_t *value,
				 struct why *why);

/* ---- the end --------------------------------------------------------------------------------- */

/* Everybody has unmounted, or is dead: all logs against the disk, counters, tokens, the checker.
 * The number of differences. */
int judge_run(const struct job *job);

#endif
