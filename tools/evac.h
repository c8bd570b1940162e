/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* evac - what the files of `cairn evacuate` share: everything on a datastore copied to another
 * place, as it is or with its chains collapsed, and gone on with after any interruption.
 *
 *	DEST/<volume>/...			the files, each under its own name once it is whole
 *	DEST/<volume>/.../<disk>.vmdk.receipt	sums of a disk, for `cairn disk verify`
 *	DEST/<volume>/cairn-evacuate.sha256	of every file, for `sha256sum -c`
 *	DEST/<volume>/.cairn-evacuate.log	what is finished, and what it was a copy of
 *	.cairn-<id>.part, .cairn-<id>.sums	beside a file on its way: its data and its journal
 *
 * A *unit* is what is copied and finished together: a file, or all extents of one disk. */
#ifndef CAIRN_TOOLS_EVAC_H
#define CAIRN_TOOLS_EVAC_H

#include "snapshots/snapshots.h"
#include "tools/cmd.h"
#include "tools/lines.h"
#include "tools/sha256.h"
#include "vmdk/vmdk.h"

struct evac_file {
	char		*name;		/* in the folder */
	uint64_t	id, bytes, data_bytes;
	int64_t		mtime_s;
	uint32_t	mode;
	char		all[SHA256_TEXT];	/* once it is copied */
};

enum evac_state {
	EVAC_COPY,	/* to be copied from the start */
	EVAC_CONTINUE,	/* an interrupted copy lies there */
	EVAC_KEPT,	/* copied earlier, and nothing has changed since */
	EVAC_RUNNING,
	EVAC_DONE,
	EVAC_FAILED,	/* the reason is in why */
};

enum evac_kind {
	EVAC_FILE,
	EVAC_LINK,	/* a symbolic link */
	EVAC_DISK,	/* the extents of one disk; the descriptor is a file of its own */
	EVAC_ORPHAN,	/* data of a disk whose descriptor is missing, or cannot be read */
	EVAC_COLLAPSED,	/* what a chain shows, into one thin disk */
};

struct evac_unit {
	struct evac_folder	*folder;
	char			*name;		/* of the file or the descriptor */
	enum evac_kind		kind;
	struct evac_file	*file;
	size_t			file_count;
	uint8_t			flat;		/* EVAC_DISK: the file is what the disk shows */
	uint8_t			last;		/* when the rest of the folder is there: .vmx */
	char			identity[SHA256_TEXT];	/* what it is a copy of */
	uint64_t		left_bytes;	/* of data, as far as can be told */
	enum evac_state		state;
	struct why		why;
};

struct evac_folder {
	struct evac_volume	*vol;
	char			*path;		/* in the volume: "/" or "/web" */
	char			*dst;		/* in the destination's store */
	uint32_t		mode;
	int64_t			mtime_s;
	size_t			left;		/* units to do but for the last ones */
};

/* What the log says of one file or unit. */
struct evac_entry {
	char		*path;
	char		sum[SHA256_TEXT];	/* of a file: of its content; a unit: identity */
	uint64_t	bytes;
	int64_t		mtime_s;
	size_t		age;		/* which line it was */
	uint8_t		unit;
};

struct evac_log {
	struct store_file	*file;		/* NULL: not there, or a dry run */
	struct line_out		out;
	struct io_mutex		mutex;
	struct evac_entry	*entry;		/* sorted; of equals the newest is last */
	size_t			entry_count, entry_max;
	uint64_t		end;
	uint32_t		runs;		/* that were started before this one */
	uint64_t		again_bytes;	/* read twice at most, by interruptions */
};

struct evac_volume {
	struct host_volume	*volume;
	struct store		*src;
	char			name[160];	/* of the folder below DEST */
	char			*dst;
	struct evac_log		log;
	uint32_t		skipped;	/* files that are of no use elsewhere */
	struct inventory	*inv;		/* while chains to be collapsed are planned */
};

struct evac {
	struct cmd		*cmd;
	struct host_path	dest;
	struct evac_volume	*vol;
	size_t			vol_count;
	struct evac_folder	**folder;
	size_t			folder_count;
	struct evac_unit	*unit;
	size_t			unit_count, unit_max;
	uint32_t		unreadable;	/* folders that could not be looked into */
	uint8_t			collapse, stop;
	char			boot[64];	/* names this start of the machine */
	uint64_t		rate, start_ns;
	struct progress		progress;
	uint64_t		todo_bytes, moved_bytes;
	uint64_t		bytes_read, bytes_written, bytes_skipped;
	struct why		why;		/* what ended the whole */
};

/* ---- evac_plan.c ---- */
/* Every folder and unit of the volume, in the order in which they will be copied. */
MUST_USE enum status evac_plan(struct evac *e, struct evac_volume *v, struct why *why);
void evac_plan_free(struct evac *e);
/* "/web" + "web.vmx" as the log spells them: "web/web.vmx". free() it. */
char *evac_path(const struct evac_folder *f, const char *name);
/* How the log names a unit: a disk by its receipt, for the descriptor is a unit of its own. */
char *evac_unit_path(const struct evac_unit *u);

/* ---- evac_log.c ---- */
/* Read the log and, unless it is a dry run, open it for this run. ST_BUSY: another one is at it. */
MUST_USE enum status evac_log_open(struct evac *e, struct evac_volume *v, struct why *why);
const struct evac_entry *evac_log_find(const struct evac_log *log, const char *path, int unit);
/* A unit is whole: its sums, then what it is a copy of, durable when this returns. */
MUST_USE enum status evac_log_done(struct evac_log *log, const struct evac_unit *u);
MUST_USE enum status evac_log_again(struct evac_log *log, uint64_t bytes);
/* The list of sums; closes the log. */
MUST_USE enum status evac_log_close(struct evac *e, struct evac_volume *v, struct why *why);
void evac_log_free(struct evac_log *log);

/* ---- evac_look.c ---- */
/* Look what of it lies at the destination: sets state and why. */
void evac_unit_look(struct evac *e, struct evac_unit *u);

/* ---- evac_unit.c ---- */
/* Copy it; sets state and why. */
void evac_unit_run(struct evac *e, struct evac_unit *u);

/* ---- evac_report.c ---- */
void evac_print_plan(struct evac *e);
MUST_USE int evac_print_json(struct evac *e);	/* 0; -1: standard output failed */
void evac_print_end(struct evac *e);

#endif
