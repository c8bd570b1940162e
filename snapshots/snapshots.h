/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* snapshots - which virtual machines a datastore holds: their disks, chains and snapshot trees, and
 * what is wrong with them. One scan of a store gives an inventory: plain structs that are read, not
 * changed, until inv_free(). Nothing is ever written, and nothing is guessed: what no file says is
 * NULL, 0 or a finding. README.md tells which file says what.
 * Paths are paths in the store; names and texts are UTF-8 unless the disk holds something else. */
#ifndef CAIRN_SNAPSHOTS_H
#define CAIRN_SNAPSHOTS_H

#include "vmdk/vmdk.h"

struct inv_vm;

/* A file that belongs to disks or machines. */
struct inv_file {
	const char	*path;
	uint64_t	size_bytes, allocated_bytes;
	int64_t		mtime_s;
};

/* ---- links ----------------------------------------------------------------------------------- */

enum inv_link_state {		/* of the way from this link to its parent, or of itself */
	INV_LINK_OK,
	INV_LINK_MISSING,		/* no descriptor; extents are called as if it was */
	INV_LINK_UNREADABLE,		/* not a descriptor: fault tells why */
	INV_LINK_PARENT_MISSING,
	INV_LINK_PARENT_ELSEWHERE,	/* on another datastore */
	INV_LINK_PARENT_CHANGED,	/* its CID is not the one the child remembers */
	INV_LINK_PARENT_SIZE,		/* it is not as large as the child */
	INV_LINK_LOOP,			/* the chain comes back to this link */
	INV_LINK_EXTENT_MISSING,	/* the link names a file that is not there */
	INV_LINK_EXTENT_SHORT,		/* or one that is too short */
};
/* "ok", "parent_missing", ... as JSON spells them. Never NULL. */
const char *inv_link_state_word(enum inv_link_state state);

/* A descriptor, which is a whole disk or a link of a chain. */
struct inv_link {
	const char		*path;		/* of the descriptor */
	enum inv_link_state	state;
	const char		*fault;		/* one line; NULL when state is INV_LINK_OK */
	enum vmdk_kind		kind;
	uint8_t			is_delta;
	uint32_t		cid, parent_cid;
	uint64_t		capacity_bytes;		/* 0: no descriptor that says it */
	uint64_t		allocated_bytes;	/* of descriptor and extents */
	const char		*adapter;		/* NULL: not said */
	const char		*parent_hint;		/* as spelt; NULL: a base */
	/* NULL: a base, or the chain ends here by a fault. Following it always ends. */
	struct inv_link		*parent;
	const struct inv_file	*file;			/* NULL: INV_LINK_MISSING */
	const struct inv_file	*const *extents;	/* those that are there */
	uint32_t		extent_count;
	uint32_t		children;	/* links that have this one as parent */
	uint32_t		vms;		/* machines whose chains reach it */
	uint32_t		snapshots;	/* snapshots that froze it */
	uint8_t			outside;	/* not below the scanned folder: found by a chain */
};

/* ---- machines -------------------------------------------------------------------------------- */

enum inv_disk_state { INV_DISK_OK, INV_DISK_MISSING, INV_DISK_ELSEWHERE };

struct inv_disk {
	const char		*node;		/* "scsi0:0"; NULL: no .vmx says it */
	const char		*file;		/* as the configuration spells it */
	const char		*mode;		/* "persistent", ...; NULL: not said */
	const char		*controller;	/* "pvscsi", "lsilogic", ...; NULL: not said */
	uint8_t			shared;		/* more than one machine may write */
	enum inv_disk_state	state;
	struct inv_link		*link;		/* the leaf of its chain; NULL unless INV_DISK_OK */
};

struct inv_snapshot {
	uint32_t		uid;
	struct inv_snapshot	*parent;	/* NULL: a root. Following it always ends. */
	const char		*name, *description;	/* NULL: not said */
	int64_t			created_us;	/* since 1970; 0: not said */
	uint8_t			current;	/* "you are here" */
	uint8_t			quiesced;
	const char		*state_file;	/* .vmsn as spelt; NULL: not said */
	uint64_t		memory_bytes;	/* of the .vmem beside it */
	struct inv_disk		*disks;		/* links frozen by it */
	uint32_t		disk_count;
};

struct inv_vm {
	const char		*path;		/* of the .vmx; without one, of the folder */
	const char		*dir;
	uint8_t			has_vmx, readable, is_template, suspended, encrypted;
	const char		*name;		/* displayName, else the file's or folder's name */
	const char		*guest_os, *uuid, *firmware;	/* NULL: not said */
	uint32_t		memory_mib, cpus, hardware_version;	/* 0: not said */
	struct inv_disk		*disks;		/* in the order of controllers and units */
	uint32_t		disk_count;
	struct inv_snapshot	*snapshots;	/* in the order of their creation */
	uint32_t		snapshot_count;
	const struct inv_vm	*clone_of;	/* whose frozen links it stands on; NULL: none */
	const struct inv_snapshot *clone_point;	/* that snapshot of clone_of; NULL: not known */
	uint64_t		provisioned_bytes;	/* its disks at their full size */
	uint64_t		allocated_bytes;	/* all links of its disks and snapshots */
	uint64_t		unique_bytes;	/* of those links that no other machine needs */
	uint32_t		problems;	/* findings about it */
};

/* ---- findings -------------------------------------------------------------------------------- */

enum inv_kind {
	/* Problems: */
	INV_VM_WITHOUT_VMX, INV_UNREADABLE_VMX, INV_MISSING_DISK, INV_MISSING_DESCRIPTOR,
	INV_UNREADABLE_DESCRIPTOR, INV_MISSING_EXTENT, INV_SHORT_EXTENT, INV_PARENT_MISSING,
	INV_PARENT_CHANGED, INV_PARENT_SIZE, INV_CHAIN_LOOP, INV_ORPHAN_DELTA, INV_ORPHAN_EXTENT,
	INV_UNREGISTERED_DISK, INV_SNAPSHOT_TREE, INV_SNAPSHOT_FILE, INV_NEEDS_CONSOLIDATION,
	INV_UNREADABLE_FOLDER,
	/* Notes, from here on: */
	INV_ELSEWHERE, INV_SHARED_DISK, INV_SWAP_FILE, INV_LOCK_FILE, INV_TEMPORARY_FILE,
	INV_KIND_COUNT,
};
const char *inv_kind_word(enum inv_kind kind);	/* "orphan_delta", ... Never NULL. */
static inline int inv_is_note(enum inv_kind kind) { return kind >= INV_ELSEWHERE; }

/* One thing that is wrong, told once, at its cause. */
struct inv_finding {
	enum inv_kind		kind;
	const char		*path;		/* the file or folder it is about */
	const char		*text;		/* what of it; one line */
	const struct inv_vm	*vm;		/* whose; NULL: nobody's, or several */
	uint64_t		bytes;		/* space that it holds; 0: none, or not known */
};

/* ---- the scan -------------------------------------------------------------------------------- */

struct inventory {
	struct inv_vm *const	*vms;		/* by path */
	struct inv_link *const	*links;		/* by path */
	struct inv_finding *const *findings;	/* by path, then kind */
	uint32_t		vm_count, link_count, finding_count, problem_count;
	uint64_t		folders, files;		/* looked at */
};

struct inv_opts {
	const char	*root;		/* folder to scan, "/" for all of the store */
	/* Names of this datastore in absolute paths; NULL: not known. */
	const char	*label, *uuid;
	/* Paths of disks and parents that machines of other datastores have here. */
	const char	*const *claims;
	uint32_t	claim_count;
};

/* Scan the folder and all below it. Must run in a world. Memory grows with the files that belong
 * to machines, some 200 bytes each, and ends at a limit.
 *   ST_NOENT ST_NOTDIR  the root          ST_CANCELLED  the user stopped it
 *   ST_LIMIT            too much for one scan: scan a folder of it
 * What cannot be read below the root is a finding, not a failure. */
MUST_USE enum status inv_scan(struct store *s, const struct inv_opts *opts, struct inventory **inv,
			      struct why *why);
void inv_free(struct inventory *inv);

/* The machine of that name, or whose .vmx or folder is this path in the store, from index *at on;
 * *at is moved behind it, so that a second one can be found. NULL: no more. */
struct inv_vm *inv_find(const struct inventory *inv, const char *name_or_path, uint32_t *at);

#endif
