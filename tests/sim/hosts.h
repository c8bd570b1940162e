/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* hosts - many hosts on one datastore, in one process, from one seed. hosts_config.c draws what
 * a run is like, hosts_run.c drives it, hosts_work.c has the operations of one host,
 * hosts_model.c and hosts_file.c know what must come of them, hosts_watch.c judges each write to
 * the disk, hosts_dev.c is the disk as a host sees it, hosts.c runs many seeds. */
#ifndef CAIRN_TESTS_HOSTS_H
#define CAIRN_TESTS_HOSTS_H

#include "iopath/port/sim/sim.h"
#include "iopath/store.h"
#include "vmfs/vmfs.h"

#define HOSTS_MAX	64u
#define DIRS		8u	/* the first SHARED of them belong to all */
#define SHARED_DIRS	2u
#define NAMES		6u	/* in a directory */
#define OPEN_MAX	3u	/* files that a host keeps open */
#define VERSIONS_MAX	12u
#define INCS_MAX	1024u
#define SLOTS_MAX	2048u
#define CELLS		20u	/* sectors of a file that are looked at */
#define SECOND_NS	1000000000ull
#define LEASE_NS	(16 * SECOND_NS)
#define BEAT_NS		(3 * SECOND_NS)

/* ---- faults that the runner adds to those of the disks --------------------------------------- */

enum own_fault {
	FAULT_ATS_SAYS_NO = SIM_FAULT_OWN,	/* done, and reported as a miscompare */
	FAULT_ATS_REFUSES,	/* equal, not done, reported as a miscompare */
	FAULT_ATS_NO_ANSWER,	/* done, and a time-out is reported */
	FAULT_ATS_LATE,		/* a time-out is reported, and it is done after that */
	FAULT_ATS_SLOW,		/* answers after 8 to 30 s */
	FAULT_POWER,		/* the host loses power, and comes back after a while */
	FAULT_QUICK,		/* the same, back within a lease */
	FAULT_PAUSE,		/* it stops for less than a lease */
	FAULT_ZOMBIE,		/* it stops for longer than a lease, then wakes up */
	FAULT_APD,		/* no path to the disk for a while */
	FAULT_ALL_OFF,		/* power cut of everything, disk cache included */
	FAULT_KINDS
};
extern const char *const fault_name[FAULT_KINDS];

/* ---- operations ------------------------------------------------------------------------------ */

enum op_kind {
	OP_CREATE, OP_WRITE, OP_READ, OP_TRUNCATE, OP_PUNCH, OP_ALLOCATE, OP_UNLINK, OP_RENAME,
	OP_MKDIR, OP_RMDIR, OP_LIST, OP_STAT, OP_SYNC, OP_FLUSH, OP_CLOSE, OP_REMOUNT, OP_CLONE,
	OP_CONTEND,	/* open what another host has open for writing */
	OP_KINDS
};
extern const char *const op_name[OP_KINDS];

/* ---- what a run is like ---------------------------------------------------------------------- */

struct config {
	uint64_t	seed;
	uint32_t	hosts, ops;		/* ops: of each host */
	uint32_t	version;		/* 5 or 6 */
	uint64_t	op_mask;		/* bit per enum op_kind */
	uint64_t	fault_mask;		/* bit per fault */
	uint32_t	rate[FAULT_KINDS];	/* per million chances */
	uint64_t	from[FAULT_KINDS], end[FAULT_KINDS];	/* which firings: for shrinking */
	uint64_t	think_ns;		/* longest pause between two operations */
	uint8_t		cut_at_end, leave_dead, beyond, cover, alone;
};

#define SKIP_MAX	512u

/* What the caller of the program has fixed; ~0: the seed decides. */
struct wanted {
	uint64_t	seed;
	uint32_t	hosts, ops, version;
	uint64_t	op_mask, fault_mask;
	uint64_t	from[FAULT_KINDS], end[FAULT_KINDS];
	uint8_t		alone;			/* one mount at a time */
	uint8_t		beyond;			/* also lose and misdirect writes */
	uint8_t		cover;
	uint8_t		verbose;
	uint8_t		skip[SKIP_MAX];		/* operations that every host leaves out */
};

void config_draw(struct config *c, uint64_t seed, const struct wanted *wanted);
void config_print(const struct config *c);

/* ---- the model ------------------------------------------------------------------------------- */

/* One mount of one host. What it did since its last commit is lost with it from some operation on:
 * `low` is known to have survived, `high` is known to be lost. */
struct inc {
	uint32_t	host, seq, low, high;
	uint32_t	partly;		/* operation that ended for want of room */
	uint8_t		broken;		/* it is off, or its slot was taken from it */
	uint8_t		off;
	uint8_t		live;		/* mounted, as far as the host knows */
	uint64_t	slot_at, slot_gen;
};

struct version { uint32_t inc, seq; uint64_t value; };

/* What one thing (a name, a length, a sector) may be: version[0] for certain survives, the last one
 * is what its host sees. All later ones are of one inc. */
struct reg {
	uint8_t		n;
	struct version	v[VERSIONS_MAX];
};

struct file {
	uint32_t	id;
	uint32_t	owner;		/* the inc that looked at its content last, or changed it */
	uint8_t		written;	/* its content was ever changed */
	uint64_t	identity;	/* descriptor and generation; 0: not known */
	struct reg	size;
	struct reg	cell[CELLS];
};

/* Values of a name's register. */
#define NAME_NONE	0ull
#define NAME_DIR	1ull
#define NAME_FILE	2ull	/* + the file's id */

struct name {
	struct reg	reg;
	uint8_t		busy;		/* an operation of somebody is at it */
	uint32_t	open_by;	/* host number, 0: nobody */
	uint32_t	changes;	/* operations that were at it */
	char		path[24];
};

struct model {
	struct name	name[DIRS * NAMES];
	struct file	**file;		/* by id */
	uint32_t	files, files_max;
	struct inc	inc[INCS_MAX];	/* 0: the time before the run */
	uint32_t	incs;
};

void model_init(struct model *m);
void model_fini(struct model *m);
struct file *model_file(struct model *m, uint64_t id);
struct file *model_new_file(struct model *m);
/* A host has mounted. */
uint32_t model_inc(struct model *m, uint32_t host);

void reg_init(struct reg *r, uint64_t value);
int reg_is_full(const struct reg *r);
/* What its host sees. */
uint64_t reg_now(const struct reg *r);
void reg_add(struct reg *r, uint32_t inc, uint32_t seq, uint64_t value);
/* The operation was refused: take back what it added. */
void reg_undo(struct reg *r, uint32_t inc, uint32_t seq);
/* What this inc did up to seq is durable. */
void reg_settle(struct reg *r, uint32_t inc, uint32_t seq);
/* Inc `by` has seen this value. data: it changes in place, without the journal. 0: that cannot
 * be. */
int reg_seen(struct model *m, struct reg *r, uint32_t by, uint64_t value, int data);
/* More than one value is possible. */
int reg_in_doubt(const struct model *m, const struct reg *r, uint32_t by);
/* "5 (inc 3, op 12) or 0" */
void reg_text(const struct reg *r, char *text, size_t size);
/* Everything that an inc did up to seq is durable: names, lengths and data. */
void model_settle(struct model *m, uint32_t inc, uint32_t seq);
/* What it did after seq can have come to nothing only. */
void model_forget(struct model *m, uint32_t inc, uint32_t seq);
/* The power of all is gone, or of one: what it had open is closed, its operation is in doubt. */
void model_host_off(struct model *m, uint32_t host);

/* ---- content that describes itself: hosts_file.c --------------------------------------------- */

uint64_t cell_at(uint32_t cell);		/* its offset in the file */
/* The run of neighbouring cells that one lies in. */
void cell_run(uint32_t cell, uint32_t *first, uint32_t *end);
void sector_fill(uint8_t sector[512], uint32_t file, uint32_t cell, uint64_t stamp);
/* The stamp, 0 for zeros; ~0 when it is of no or of another place: text says what. */
uint64_t sector_read(const uint8_t sector[512], uint32_t file, uint32_t cell, char *text,
		     size_t size);

/* ---- the run --------------------------------------------------------------------------------- */

struct handle { struct store_file *f; uint32_t name; };

struct host {
	struct run	*run;
	uint32_t	number;		/* of the port */
	uint32_t	inc;		/* 0: not mounted */
	uint32_t	done, tries;
	uint64_t	drawn;
	uint64_t	cut_until_ns, boot_at_ns, slot_at, slot_gen;
	uint8_t		finished, seen_off, quick;
	uint8_t		doubt;		/* its last operation failed: done or not */
	uint32_t	busy[2];	/* names under its operation, + 1 */
	struct handle	open[OPEN_MAX];
	struct why	why;		/* of its last operation that failed */
	struct io_dev	*dev;
	struct vmfs_volume *vol;
	struct store	*store;
};

struct totals {
	uint64_t	runs, failed, hosts, ops, refused, mounts, virtual_ns, events, lost;
	uint64_t	twice;			/* runs done again, to compare */
	uint64_t	op[OP_KINDS], op_refused[OP_KINDS];
	struct sim_fault_count fault[FAULT_KINDS];
	uint64_t	armed[FAULT_KINDS];	/* runs in which it was on */
};

struct base;

struct run {
	struct config	config;
	const struct base *base;
	struct model	model;
	struct host	host[HOSTS_MAX + 2];	/* by port number; 0: the test */
	struct watch	*watch;
	struct totals	*totals;
	const uint8_t	*skip;
	uint64_t	hash, healed_ns;
	uint32_t	writer;		/* with config.alone: the host that may mount */
	uint8_t		verbose, healed, cut_all, failed, ending;
	char		invariant[16], text[400];
};

#define DISK_PATH	"/disks/lun"

/* The invariant does not hold: the first one is kept. */
void violate(struct run *run, const char *invariant, const char *format, ...) PRINTF_LIKE(3, 4);
void trace(struct run *run, uint32_t host, const char *format, ...) PRINTF_LIKE(3, 4);
void hash_in(struct run *run, uint64_t word);
uint64_t run_chance(struct run *run, uint64_t stream, uint64_t n);	/* by hash */

/* hosts_run.c */
void run_one(struct run *run);

/* hosts_work.c: the main world of a host. */
void host_main(void *arg);
/* No operation of it is under way any more. */
void host_drop_names(struct host *h);
/* Everything the model knows, against what this host sees. */
void host_compare(struct host *h);
int host_mount(struct host *h);
void host_unmount(struct host *h);

/* hosts_dev.c */
MUST_USE enum status dev_open(struct io_dev **dev);

/* ---- where things lie: hosts_base.c ---------------------------------------------------------- */

enum place_kind {
	PLACE_OTHER,		/* unused, headers of system files, LVM */
	PLACE_SLOT,		/* number: of the heartbeat slot */
	PLACE_CLUSTER_LOCK,	/* number: of the cluster, in base.cluster */
	PLACE_BITMAP,
	PLACE_FD_LOCK,		/* number: of the descriptor, in base.fd */
	PLACE_FD,
	PLACE_SMALL,		/* a sub-block or pointer block; number: in base.small */
	PLACE_BLOCK,		/* number: of the file block */
};

struct place { uint8_t kind; uint32_t number; };	/* of one sector of the volume */

struct cluster_place { uint64_t lock_at; uint8_t res; };
struct small_place { uint64_t at, addr; uint32_t cluster; };
struct fd_place { uint64_t lock_at; uint32_t addr, cluster; };

/* A formatted volume, frozen. */
struct base {
	struct sim_frozen	*frozen;
	struct vmfs_layout	*layout;
	uint64_t		volume_at;	/* on the disk; the volume is one piece of it */
	uint64_t		sectors, blocks;
	struct place		*place;
	struct cluster_place	*cluster;
	struct small_place	*small;
	struct fd_place		*fd;
	uint32_t		clusters, smalls, fds, first_cluster[8];
};

/* NULL: it cannot be made. Call outside of port_run(). */
struct base *base_make(uint32_t version);
void base_free(struct base *b);

/* ---- the program ----------------------------------------------------------------------------- */

/* hosts_run.c: draw and run; the outcome is in *run. What it formats is kept for the next. */
void run_seed(const struct wanted *w, struct totals *totals, struct run *run);
void bases_free(void);
/* hosts_settings.c: from the environment; a case into the environment; a case from a failed run. */
uint64_t setting(const char *name, uint64_t otherwise);
void settings_read(struct wanted *w);
int settings_load(const char *path);
int settings_save(const char *path, const struct wanted *w, const struct run *run);
/* hosts_shrink.c: the program's exit status. */
int shrink_case(const char *path);
/* hosts_figures.c */
void figures_print(const struct totals *t, double seconds);
void figures_print_json(const struct totals *t, double seconds);

/* ---- each write, judged: hosts_watch.c ------------------------------------------------------- */

struct watch *watch_start(struct run *run);
void watch_stop(struct watch *w);
/* The slots are as they are on the disk: after a power cut. */
void watch_forget(struct watch *w);
/* A host has been switched on: it is nobody yet. */
void watch_booted(struct watch *w, uint32_t host);
/* Its mount is over: what its slot says now is a dead host's. */
void watch_unmounted(struct watch *w, uint32_t host);
/* 1 when the slot that this host took last was taken from it. */
int watch_is_fenced(const struct watch *w, uint32_t host);

#endif
