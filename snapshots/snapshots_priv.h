/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What the files of snapshots/ share: the memory of a scan, its index of files, its steps. */
#ifndef CAIRN_SNAPSHOTS_PRIV_H
#define CAIRN_SNAPSHOTS_PRIV_H

#include "iopath/base/dict.h"
#include "snapshots/snapshots.h"

#define INV_PATH_MAX	2048u
#define ARENA_MAX	(512 * MIB)	/* memory of one scan */
#define TEXT_FILE_MAX	MIB		/* .vmx and .vmsd; real ones are below 100 KiB */
#define DEPTH_MAX	128u		/* folders in each other */
#define DEVICES_MAX	512u		/* disks of one machine; ESXi stops at 256 */
#define SNAPSHOTS_MAX	1024u		/* of one machine */

/* ---- arena.c: memory that is given back all at once ------------------------------------------ */

struct arena_chunk;
struct arena {
	struct arena_chunk	*last;
	uint64_t		total_bytes;
	uint8_t			full;	/* ARENA_MAX was the reason of a NULL */
};

void *arena_alloc(struct arena *a, size_t bytes);	/* zeroed; NULL: none */
char *arena_text(struct arena *a, const char *text, size_t n);
/* A formatted text of at most 600 bytes. */
char *arena_fmt(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
/* The value of a pair, as dict_text(). */
char *arena_value(struct arena *a, const struct dict *d);
void arena_fini(struct arena *a);

/* A growing array of pointers. */
struct ptrs { void **at; uint32_t count, room; };
MUST_USE enum status ptrs_add(struct arena *a, struct ptrs *p, void *item);
/* In place, without recursion; equal items come in any order. */
void ptrs_sort(struct ptrs *p, int (*compare)(const void *a, const void *b));

/* ---- files.c: the index of files ------------------------------------------------------------- */

enum role {
	ROLE_DISK,		/* .vmdk, whatever is inside */
	ROLE_VMX, ROLE_VMTX, ROLE_VMSD,
	ROLE_STATE,		/* .vmsn .vmss .vmem: of a snapshot or a suspended machine */
	ROLE_VM,		/* .vmxf .nvram vmware.log .vmx~: there was a machine here */
	ROLE_SWAP, ROLE_LOCK, ROLE_TEMPORARY, ROLE_OTHER,
};

struct folder {
	const char	*path;
	struct folder	*up;
	uint64_t	id;
	uint32_t	depth;
	uint32_t	machines;	/* .vmx and .vmtx files in it */
	uint32_t	vmsd_count;
	struct file	*vmsd;		/* the last of them */
	const char	*trace;		/* name of a file that only machines leave; NULL: none */
	uint32_t	unreadable_count;
	struct inv_vm	*unreadable;	/* the last machine whose .vmx cannot be read */
	struct inv_vm	*lost;		/* its machine without a .vmx that can be read */
};

struct link;
struct file {
	struct inv_file	pub;
	struct file	*next_hash;
	struct folder	*folder;
	struct link	*link;		/* it holds this descriptor */
	const struct link *last_user;
	uint32_t	users;		/* links that name it as extent or change tracking */
	uint8_t		role;
	uint8_t		is_rdm;
	uint8_t		is_absent;	/* a descriptor that should be there */
};

struct link {
	struct inv_link	pub;
	struct folder	*folder;
	struct ptrs	extents;	/* struct inv_file */
	enum inv_link_state extent_state;
	const char	*extent_fault;
	const void	*seen_by;	/* the machine that was counted last */
	struct inv_vm	*only_vm;	/* the first machine that reaches it */
	uint32_t	step;		/* of the walk that looks for loops */
	uint32_t	vm_children;	/* children that a machine reaches */
	uint32_t	leaf_of;	/* disks that it is the leaf of */
	uint8_t		not_shared;	/* one of those does not say multi-writer */
};

struct scan {
	struct inventory	inv;
	struct arena		arena;
	struct store		*store;
	const struct inv_opts	*opts;
	struct why		*why;
	struct ptrs		folders, files, links, vms, findings;
	struct file		**hash;
	uint32_t		hash_size;	/* a power of two */
	uint32_t		walk;		/* of struct link.step */
	struct inv_vm		others;		/* stands for all machines of other datastores */
	uint8_t			closed;		/* chains are joined: no more files and links */
};

/* ST_NOMEM or ST_LIMIT, with a text. */
enum status scan_nomem(struct scan *s);
MUST_USE enum status scan_interrupted(struct scan *s);
MUST_USE enum status files_collect(struct scan *s);
MUST_USE enum status files_add(struct scan *s, struct folder *folder, const char *path,
			       const struct store_stat *st, struct file **file);
/* NULL: no such file in the scanned folder. */
struct file *files_find(struct scan *s, const char *path);
/* The same for a file that may lie outside of the scanned folder: it is looked up in the store. */
MUST_USE enum status files_look(struct scan *s, const char *path, struct file **file);
const char *file_name(const char *path);
/* Both paths lie in the same folder. */
int same_folder(const char *a, const char *b);
/* 1 when a name like "/vmfs/volumes/X/..." is of another datastore. */
int files_elsewhere(const struct scan *s, const char *name);

/* ---- links.c, chains.c ----------------------------------------------------------------------- */

/* Read the descriptors of all files, and make links for those that are missing. */
MUST_USE enum status links_read(struct scan *s);
/* The link whose descriptor has this path; one outside is read now. *link NULL: there is none. */
MUST_USE enum status links_get(struct scan *s, const char *path, struct link **link);
static inline struct link *link_of(struct inv_link *pub)
{
	return pub ? container_of(pub, struct link, pub) : NULL;
}
/* Find the parent of each link, and what is wrong with it. */
MUST_USE enum status chains_join(struct scan *s);

/* ---- vmx.c, vmsd.c, machines.c --------------------------------------------------------------- */

/* Fill a machine from the text of its .vmx: all but the links of its disks. vm->readable: some of
 * it was understood. *fault: what was not, NULL for nothing. */
MUST_USE enum status vmx_parse(struct arena *a, const char *text, size_t bytes, struct inv_vm *vm,
			       const char **fault);

struct vmsd_result {
	uint8_t	needs_consolidation;
	void	(*fault)(void *arg, const char *text);	/* may be NULL */
	void	*arg;
};
/* Fill a machine's snapshots from the text of its .vmsd: all but the links of their disks. */
MUST_USE enum status vmsd_parse(struct arena *a, const char *text, size_t bytes,
				struct inv_vm *vm, struct vmsd_result *r);

MUST_USE enum status machines_read(struct scan *s);
/* Which machine reaches which link. */
MUST_USE enum status machines_count(struct scan *s);

/* ---- findings.c ------------------------------------------------------------------------------ */

MUST_USE enum status finding_add(struct scan *s, enum inv_kind kind, const char *path,
				 const char *text, struct inv_vm *vm, uint64_t bytes);
/* What only the whole shows: orphans, faults of chains in use, files left behind. */
MUST_USE enum status findings_conclude(struct scan *s);

#endif
