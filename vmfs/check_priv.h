/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* check - the consistency rules L1 .. G1 (README.md), one subject a file.
 *   check.c            the driver: phases, findings, reading
 *   check_lvm.c        L1-L3, D1-D3     check_hb.c     H1-H3, journals of dead hosts
 *   check_resources.c  R1-R3, G1           check_files.c  F1-F4
 *   check_dirs.c       N1-N5               check_fix.c    repairs
 * Memory is bitmaps (a bit per resource, twice) and 24 bytes per file descriptor. What is read is
 * hostile: nothing is followed twice, every index is checked before it is used. */
#ifndef CAIRN_VMFS_CHECK_PRIV_H
#define CAIRN_VMFS_CHECK_PRIV_H

#include "vmfs/format_priv.h"
#include "vmfs/vmfs_priv.h"

#define CHECK_FDS_MAX		(1u << 21)	/* 130,000 is what hosts make */
#define CHECK_CHUNK_BYTES	(1u << 20)
#define CHECK_LEAK_RANGES	64u		/* ranges named one by one for each kind */
#define CHECK_JOURNALS		8u		/* dead hosts whose journals are read along */

enum {
	FDI_USED = 1,		/* its bit in .fdc.sf */
	FDI_VALID = 2,		/* F1 holds: its fields may be used */
	FDI_NAMED = 4,		/* an entry other than . and .. names it */
	FDI_REACHED = 8,	/* the root leads to it */
	FDI_VISITING = 16,
	FDI_ORPHAN = 32,	/* nobody names it and its linkCount is 0 */
	FDI_DIR = 64,		/* has entries: type 2, or .sdd.sf */
	FDI_WALKED = 128,	/* its entries have been counted */
};

struct fd_info {
	uint32_t	generation, links;
	uint32_t	names;		/* entries found, . and .. included */
	uint32_t	parent;		/* index of the directory that names it (if NAMED) */
	uint32_t	dotdot;		/* what its .. names; ~0: nothing usable */
	uint8_t		type, flags;
};

struct check_journal {			/* records that the next mount for writing will replay */
	uint8_t		*buf;		/* JOURNAL_BUF_BYTES; NULL: none */
	uint32_t	records, orphans;
	struct vmfs_orphan orphan[JOURNAL_ORPHANS];
};

struct check {
	struct io_dev *const		*devs;
	uint32_t			dev_count;
	const struct vmfs_check_opts	*opts;
	struct vmfs_check_result	*result;
	struct why			*why;
	struct lvm			lvm;
	struct vmfs_layout		layout;
	/* bit set: the cluster says in use */
	uint8_t				*used[VMFS_RES_COUNT];
	/* bit set: something refers to it */
	uint8_t				*ref[VMFS_RES_COUNT];
	struct fd_info			*fd;
	uint32_t			fd_count;
	uint8_t				*chunk;			/* CHECK_CHUNK_BYTES */
	struct vmfs_hb_disk		*slot;			/* form->hb_slots */
	struct check_journal		journal[CHECK_JOURNALS];
	uint32_t			journals;
	/* bit per kind: its headers need repair */
	uint8_t				recount;
};

/* ---- driver ---------------------------------------------------------------------------------- */

/* Report. at: volume offset or ~0. */
void check_find(struct check *c, enum vmfs_severity severity, const char *rule, uint64_t at,
		const char *format, ...) PRINTF_LIKE(5, 6);
/* The same; fixed: it is repaired now. */
void check_report(struct check *c, int fixed, enum vmfs_severity severity, const char *rule,
		  uint64_t at, const char *format, ...) PRINTF_LIKE(6, 7);
void check_progress(struct check *c, uint64_t done, uint64_t total);
/* Read as the volume will be after replay of the journals found. */
MUST_USE enum status check_read(struct check *c, uint64_t at, void *buf, uint64_t bytes);
/* A range of a system file, which may cross its blocks. */
MUST_USE enum status check_read_map(struct check *c, const struct vmfs_sysmap *map, uint64_t offset,
				    void *buf, uint64_t bytes);
MUST_USE enum status check_write(struct check *c, uint64_t at, const void *buf, uint64_t bytes);

static inline int bit_get(const uint8_t *map, uint64_t i) { return map[i / 8] >> (i % 8) & 1; }
static inline void bit_set(uint8_t *map, uint64_t i) { map[i / 8] |= (uint8_t)(1u << (i % 8)); }
static inline void bit_clear(uint8_t *map, uint64_t i) { map[i / 8] &= (uint8_t)~(1u << (i % 8)); }
/* Number of a resource among all of its kind. */
static inline uint64_t check_index(const struct vmfs_geom *g, uint32_t cluster, uint32_t resource)
{
	return (uint64_t)cluster * g->per_cluster + resource;
}
/* The parts of a descriptor: `fd` is form->fd_bytes as they are on the disk. */
static inline struct vmfs_lock_disk *check_fd_lock_of(uint8_t *fd) { return (void *)fd; }
static inline struct vmfs_fd_disk *check_fd_meta(const struct check *c, const uint8_t *fd)
{
	return (void *)(uintptr_t)(fd + c->layout.form->md_bytes);
}
static inline const uint8_t *check_fd_data(const struct check *c, const uint8_t *fd)
{
	return fd + c->layout.form->md_bytes + VMFS_FD_INLINE_AT;
}
static inline uint64_t check_fd_ptr(const struct check *c, const uint8_t *fd, uint64_t k)
{
	const struct vmfs_form *form = c->layout.form;

	return vmfs_ptr_get(form, fd + form->md_bytes + form->ptrs_at + k * form->ptr_bytes);
}
/* Index of a valid FD address, ~0u otherwise; and back. */
uint32_t check_fd_index(const struct check *c, uint32_t addr);
uint32_t check_fd_addr(const struct check *c, uint32_t index);

/* ---- subjects: each returns what ended the check early (I/O, memory), ST_OK otherwise -------- */

MUST_USE enum status check_lvm(struct check *c);
MUST_USE enum status check_descriptor(struct check *c);
MUST_USE enum status check_heartbeats(struct check *c);
void check_journals_free(struct check *c);
/* Mark journals of slots in use as referenced (H3). */
void check_journal_blocks(struct check *c);
MUST_USE enum status check_resources(struct check *c);
MUST_USE enum status check_fd_scan(struct check *c);	/* fills fd[] */
MUST_USE enum status check_fd_pointers(struct check *c);	/* fills ref[] */
/* An entry names a descriptor that is marked free: in use after all, when it is what the entry
 * says. */
MUST_USE enum status check_fd_revive(struct check *c, uint32_t index, uint32_t type,
				     uint32_t generation);
/* The slots, packed: form->hb_slots of them. */
MUST_USE enum status check_read_slots(struct check *c, const struct vmfs_form *form);
MUST_USE enum status check_dirs(struct check *c);
MUST_USE enum status check_links(struct check *c);
MUST_USE enum status check_global(struct check *c);

/* Resolve block `k` of an FD to a volume offset: 0 hole, ~0 broken. I/O for indirect ones. */
MUST_USE enum status check_block_at(struct check *c, const uint8_t *fd, uint64_t k, uint64_t *at);
/* Rule R3 for a lock of `what`; the slots have been read. */
void check_lock(struct check *c, const struct vmfs_lock_disk *lock, const char *what);
/* 1 when a dead host's journal says that its next recovery will free this descriptor. */
int check_is_pending_orphan(const struct check *c, uint32_t fd, uint32_t generation);

/* ---- repairs --------------------------------------------------------------------------------- */

/* Recover this machine's dead mounts by mounting and unmounting, before anything is looked at. */
MUST_USE enum status check_fix_recover(struct check *c);
/* Write sectors of an FD back: its lock, or its metadata. */
MUST_USE enum status check_fix_lock(struct check *c, uint64_t at,
				    const struct vmfs_lock_disk *lock);
MUST_USE enum status check_fix_fd(struct check *c, uint32_t addr, const struct vmfs_fd_disk *meta);
/* Make an FD that nobody names an empty one. */
MUST_USE enum status check_fix_orphan(struct check *c, uint32_t addr);
/* Bring the cluster headers of a kind in line with used[] + ref[]: right counts, nothing referenced
 * that is free. release: also free what is not referenced. */
MUST_USE enum status check_fix_clusters(struct check *c, enum vmfs_res kind, int release);

/* ---- cluster headers, many at a time --------------------------------------------------------- */

struct check_cluster {
	/* in c->chunk, until the next call */
	struct vmfs_lock_disk	*lock;
	uint8_t			*rec;		/* the bitmap record: its first sector is used */
	uint64_t		at;		/* volume offset */
	uint32_t		number;
};
MUST_USE enum status check_each_cluster(struct check *c, enum vmfs_res kind,
					enum status (*fn)(struct check *c, enum vmfs_res kind,
							  const struct check_cluster *cluster));
/* 1 when the header is that of this cluster: lock type, number and (at most) total are right. */
int check_header_ours(const struct check *c, enum vmfs_res kind,
		      const struct check_cluster *cluster);

#endif
