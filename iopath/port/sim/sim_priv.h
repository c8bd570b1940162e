/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* sim_priv - the one simulated machine of this process. */
#ifndef CAIRN_PORT_SIM_PRIV_H
#define CAIRN_PORT_SIM_PRIV_H

#include "iopath/port/sched.h"
#include "iopath/port/sim/sim.h"

#define SIM_PCPUS_MAX 16	/* of host 0 */
#define SIM_HOSTS_MAX 65	/* host 0, the test, included */
#define PAGE_BYTES 4096u	/* of an image */

/* ---- chance: each choice is a hash of (seed, stream, how many the stream made before) -------- */

enum stream { STREAM_SCHEDULE, STREAM_DISK, STREAM_CRASH, STREAM_RANDOM, STREAM_COUNT };

uint64_t chance(enum stream stream);
uint64_t chance_below(enum stream stream, uint64_t n);	/* 0 ... n - 1 */
uint64_t chance_hash(uint64_t a, uint64_t b);

/* ---- images: sparse content, and the log of what is not flushed ------------------------------ */

struct image_node;

/* What a page held before an unflushed change. */
struct undo {
	struct list	link;		/* in image.log, oldest first */
	uint64_t	seq;
	uint64_t	page;
	uint32_t	from, bytes;	/* the changed range in the page */
	uint8_t		*before;	/* bytes of content; NULL: a hole */
};

struct image {
	struct image_node *root;
	uint64_t	pages;		/* stored or reserved */
	uint64_t	limit_pages;	/* UINT64_MAX: none */
	struct list	log;
	uint64_t	log_seq;	/* of the newest undo */
	uint64_t	log_bytes;
	const uint8_t	*shared, *shared_end;	/* pages of a frozen disk */
};

void image_init(struct image *image);
void image_fini(struct image *image);
void image_read(const struct image *image, uint64_t offset, void *buf, uint64_t bytes);
/* logged: a power cut may take it back. ST_NOSPACE, ST_NOMEM: part of it may be done. */
enum status image_write(struct image *image, uint64_t offset, const void *buf, uint64_t bytes,
			int logged);
enum status image_clear(struct image *image, uint64_t offset, uint64_t bytes, int logged);
enum status image_reserve(struct image *image, uint64_t offset, uint64_t bytes);
enum image_want { WANT_HOLE, WANT_DATA, WANT_PRESENT /* data, or reserved */ };
/* First such page at or after `page` and below `end`; `end` when there is none. */
uint64_t image_find(const struct image *image, uint64_t page, uint64_t end, enum image_want want);

/* One page of the tree; NULL: a hole. Private to image.c and image_log.c. */
uint8_t **image_slot(struct image *image, uint64_t page, int create);
int image_slot_has_data(uint8_t *const *slot);
void image_slot_clear(struct image *image, uint8_t **slot);
enum status image_slot_fill(struct image *image, uint8_t **slot);

/* Remember what the range of the page holds. */
enum status image_log_before(struct image *image, uint64_t page, uint32_t from, uint32_t bytes);
/* All up to seq is durable. */
void image_log_flush(struct image *image, uint64_t seq);
/* Power cut: choose a version for each unit of each page that the log knows; the log is empty
 * then. */
void image_log_cut(struct image *image, uint32_t unit_bytes);
/* How many contents a cut may leave (UINT64_MAX: that or more), and number `state` of them. */
uint64_t image_log_states(struct image *image, uint32_t unit_bytes);
void image_log_cut_to(struct image *image, uint32_t unit_bytes, uint64_t state);
enum status image_log_copy(const struct image *from, struct image *to);
/* Content and log of `end` pages into an empty image. */
enum status image_copy(const struct image *from, struct image *to, uint64_t end);
/* Of the pages that are not a frozen disk's. */
uint64_t image_hash(const struct image *image, uint64_t end);

/* ---- the namespace --------------------------------------------------------------------------- */

struct inode {
	struct list	all;
	enum port_kind	kind;
	uint32_t	number;		/* from 1 on */
	uint32_t	links, opens;
	uint32_t	mode;
	uint64_t	size_bytes;
	uint32_t	block_bytes;
	int64_t		mtime_s;
	uint64_t	bytes_written;
	struct image	image;		/* FILE, DEVICE */
	struct list	entries;	/* DIR: struct entry, by name */
	struct list	locks;
	char		*target;	/* LINK */
};

struct entry {
	struct list	link;
	struct inode	*inode;
	char		name[];
};

/* Where a path leads: the directory, the entry in it (NULL: there is none), the last name. */
struct place {
	struct inode	*dir;
	struct entry	*entry;
	char		name[256];
};

struct inode *inode_new(enum port_kind kind, uint32_t mode);	/* NULL: no memory */
/* Free it when neither a name nor an opening is left. */
void inode_release(struct inode *inode);
/* follow: a symbolic link at the end is followed too. ST_NOENT only for a missing directory. */
enum status node_find(const char *path, int follow, struct place *place);
enum status node_add(struct inode *dir, const char *name, struct inode *inode);
void node_remove(struct entry *entry);
enum status node_make_parents(const char *path);
/* The file or device at a path; NULL when there is none. */
struct inode *node_file(const char *path);
void tree_free(void);

/* ---- disks, locks, transfers ----------------------------------------------------------------- */

struct port_disk {
	struct list	all;
	struct inode	*inode;
	uint32_t	host;
	uint8_t		writable, direct;
	uint8_t		stale;		/* of a machine that had a power cut */
	uint32_t	in_flight;
	uint64_t	deadline_ns;	/* nothing is changed from then on; 0: none */
	char		name[256];
};

struct range_lock {
	struct list		link;
	const struct port_disk	*owner;
	uint64_t		first, end;
	uint8_t			exclusive;
};

int disk_is_shut(const struct port_disk *disk);	/* its deadline is over */
void locks_drop(struct inode *inode, const struct port_disk *owner);	/* NULL: of everybody */

/* End the transfers that are due; returns their number. */
uint32_t io_run_due(void);
uint64_t io_next_ns(void);	/* UINT64_MAX: none in flight */
/* Let all writes in flight reach the caches now, though none is acknowledged. */
void io_carry_out_all(void);
/* The pCPU's host has lost power: of each transfer in flight all arrives, a part, or nothing. */
void io_abandon(uint32_t pcpu);
void io_free_all(void);		/* at the end of a run */

/* ---- the machine ----------------------------------------------------------------------------- */

struct faults {
	uint64_t	stop_after;		/* write_count at which the machine stops */
	uint64_t	io_countdown, alloc_countdown;
	int		io_op;
	enum status	io_status;
	uint8_t		stopped, io_failed, alloc_failed;
};

struct odds {			/* of one kind of fault: odds.c */
	uint32_t	per_million;
	uint64_t	from, end;		/* of its firings, those that happen */
	uint64_t	longest_ns;
	uint64_t	drawn;			/* firings, those outside the window too */
	uint64_t	last, choices;
	struct sim_fault_count count;
};

struct sim_pcpu {
	struct sched	sched;
	struct list	mail;
	uint32_t	host;
};

enum host_state {
	HOST_OFF,
	HOST_ON,
	HOST_ENDED,	/* its main world has returned; switched off in its next turn */
	HOST_DYING,	/* its last write is done; switched off before it hears of it */
};

struct sim_host {
	uint32_t	first, count;		/* its pCPUs */
	enum host_state	state;
	char		name[32];
	void		(*fn)(void *arg);
	void		*arg;
	uint64_t	paused_until_ns;
	uint64_t	writes, die_after;
	uint32_t	boots;
	uint64_t	blocks_left;
	uint8_t		cut;			/* no path to any disk */
};

/* ---- memory of hosts: blocks.c --------------------------------------------------------------- */

struct block { void *p; uint32_t host; };
struct blocks { struct block *block; size_t places, count; };

void blocks_add(void *p, uint32_t host);
void blocks_remove(void *p);
uint64_t blocks_free_of(uint32_t host);		/* returns how many there were */
void blocks_fini(void);

#define DMA_RESTING_MAX 64
struct dma_resting { void *p; size_t bytes; };	/* memory.c; p NULL: an empty place */

struct sim {
	uint64_t	seed, drawn[STREAM_COUNT];
	uint64_t	now_ns;
	enum log_level	log_level;
	struct sim_pcpu	pcpu[SIM_PCPUS_MAX + SIM_HOSTS_MAX];
	uint32_t	pcpu_count, here;	/* here: the pCPU whose code runs */
	struct sim_host	host[SIM_HOSTS_MAX];
	uint32_t	host_count;
	struct blocks	blocks;
	uint8_t		stopping, quiet;
	struct list	in_flight;	/* transfers, by the time of their end */
	struct list	disks;		/* all openings */
	struct list	inodes;
	uint32_t	inodes_made;
	struct inode	*root;
	uint64_t	write_count, alloc_live;
	struct dma_resting dma[DMA_RESTING_MAX];	/* freed buffers, the oldest first */
	int		interrupted;
	struct faults	faults;
	struct odds	odds[SIM_FAULTS_MAX];
	sim_watch_fn	*watch;
	void		*watch_arg;
};

extern struct sim sim;

struct port_world *pick_by_seed(struct sched *s);
struct sim_host *host_here(void);
int host_is_paused(const struct sim_host *h);
void host_off(struct sim_host *h);
void host_count_write(struct sim_host *h);

void odds_init(void);
void memory_free_resting(void);

void faults_clear(void);
/* Does this transfer fail by order? ST_OK: no. */
enum status faults_of_io(const struct port_io *io);
/* ST_DEVICE once the machine has stopped. */
enum status faults_of_change(void);
void faults_count_write(void);

#endif
