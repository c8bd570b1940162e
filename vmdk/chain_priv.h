/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* chain - a delta with all that lies below it: link 0 is the disk itself, the last link its base.
 * What the disk shows is held as one merged map, a window of CHAIN_WINDOW bytes at a time: runs of
 * sectors, each with the file and the place it is read from. */
#ifndef CAIRN_VMDK_CHAIN_PRIV_H
#define CAIRN_VMDK_CHAIN_PRIV_H

#include "vmdk/vmdk_priv.h"

#define CHAIN_LINKS_MAX		32u	/* as hosts allow, the base included */
#define CHAIN_SOURCES_MAX	UINT16_MAX
#define CHAIN_RUNS_MAX		(4u << 20)	/* of all windows together: 64 MiB */
#define CHAIN_SLOTS_MAX		16384u		/* windows: 256 GiB of disk */

/* A file that runs are read from: one extent of one link. */
struct chain_source {
	struct vmdk_extent	*x;
	uint8_t			through;	/* not by place in the file: it is compressed */
};

/* Sectors from `start` of the window to the next run's start. */
struct chain_run {
	uint64_t	where;		/* LOOK_DATA: byte in the file, or of the extent */
	uint32_t	start;
	uint16_t	source;		/* LOOK_DATA */
	uint8_t		what;		/* enum look */
	uint8_t		depth;		/* of the link that says so */
};

struct chain_window {
	struct list		link;		/* chain.used, the latest last */
	uint64_t		index;
	uint32_t		count, sectors;
	struct chain_run	runs[];
};

struct chain_sub;

struct chain {
	struct vmdk_disk	*link[CHAIN_LINKS_MAX];
	uint32_t		link_count;
	struct chain_source	*sources;
	uint32_t		source_count;
	uint32_t		first_source[CHAIN_LINKS_MAX];

	/* The map: windows in slots by their number. */
	struct chain_window	**slots;
	uint32_t		slot_count;
	struct list		used;
	uint64_t		runs;		/* in all windows */
	struct chain_run	*scratch;	/* the window that is being made */
	uint32_t		scratch_count;
	struct io_mutex		building;
	uint64_t		current;	/* index of the window read last */
	uint64_t		ahead;		/* one to make before it is needed; 0: none */

	/* Requests in order of arrival; of the first, so much is under way or done. */
	struct list		queue;
	uint64_t		planned;
	struct chain_sub	*subs;
	struct list		free_subs;
	uint32_t		free_count;
	struct piece		*pieces, *sorted;
	uint8_t			*junk;
};

/* chain_map.c */
/* The window that has a byte; NULL: not here now. Never parks. */
struct chain_window *chain_window_find(struct chain *c, uint64_t offset);
/* Make it; in a world. It stays until others are made. */
MUST_USE enum status chain_window_load(struct chain *c, uint64_t offset, struct chain_window **w);
/* The run that has a byte of the window, by its index. */
uint32_t chain_run_at(const struct chain_window *w, uint64_t offset);
void chain_windows_fini(struct chain *c);

/* chain_read.c */
MUST_USE enum status chain_read_init(struct chain *c);
void chain_read_fini(struct chain *c);

#endif
