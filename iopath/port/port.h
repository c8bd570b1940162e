/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* port - the only door to an operating system.
 * Three ports fill it: linux/ (a process), sim/ (one thread, one seed, virtual time) and later
 * bare/ (the VMkernel image). All pass tests/unit/port. No system header is included here; the
 * functions that base itself needs (port_crash, port_console, port_accel) are declared there.
 *
 * A *pCPU* is a thread (linux) or a turn of the loop (sim). A *world* is a stackful context that
 * one pCPU runs until it parks, yields or ends; it never moves. Unless a comment says "any pCPU", a
 * call is for the pCPU that owns the object. Times are ns of port_now_ns(). */
#ifndef CAIRN_PORT_H
#define CAIRN_PORT_H

#include "iopath/base/accel.h"
#include "iopath/base/assert.h"
#include "iopath/base/list.h"
#include "iopath/base/log.h"
#include "iopath/base/mem.h"
#include "iopath/base/status.h"
#include "iopath/base/why.h"

/* ---- start and end ---------------------------------------------------------------------- */

struct port_config {
	const char	*engine;	/* "io_uring", "libaio", "threads"; NULL: what works best */
	uint32_t	pcpus;		/* 0: one */
	uint64_t	seed;		/* sim: decides every choice; linux: ignored */
	uint64_t	dma_bytes;	/* size of the I/O buffer pool; 0: 64 MiB of addresses */
	enum log_level	log_level;	/* lines above this level are dropped */
};

/* Start the pCPUs, run main_world(arg) as a world on pCPU 0, stop when it returns. */
MUST_USE enum status port_run(const struct port_config *config, void (*main_world)(void *arg),
			      void *arg, struct why *why);
/* The engine in use, as port_config spells it; "sim" in the simulator. */
const char *port_engine(void);
/* 1 once the user asked the process to stop (SIGINT, SIGTERM): long work ends at its next safe
 * point with ST_CANCELLED. Any pCPU. The number of the signal, 0 for none. A signal also wakes the
 * main world, so that it may park until one comes. */
int port_interrupted(void);
/* Counts SIGUSR1 (SIGINFO): a long verb prints one progress line when the number has grown. */
uint32_t port_progress_asked(void);

/* ---- memory ------------------------------------------------------------------------------ */

/* Any pCPU. Zeroed; NULL when there is none (or the test makes it fail). */
void *port_alloc(size_t bytes);
void port_free(void *p);
/* Buffers for disk I/O: aligned to 4096, zeroed, from a pool the engine has registered while that
 * lasts, ordinary memory afterwards. NULL when there is none. bytes at the free as at the alloc. */
void *port_dma_alloc(size_t bytes);
void port_dma_free(void *p, size_t bytes);

/* ---- time, chance, identity --------------------------------------------------------------- */

uint64_t port_now_ns(void);		/* monotonic, also over a suspend; any pCPU */
uint64_t port_wall_us(void);		/* microseconds since 1970, UTC; any pCPU */
void port_random(void *buf, size_t bytes);
void port_host_mac(uint8_t mac[6]);	/* six bytes that name this machine, steady over restarts */
void port_host_name(char *buf, size_t size);
/* A number for this boot of the machine, the same in all its processes; 0: not known. */
uint32_t port_host_boot(void);

/* ---- worlds and pCPUs ---------------------------------------------------------------------- */

struct port_world;

/* A world on this pCPU, ready to run. NULL: no memory. It frees itself when fn returns. */
struct port_world *port_world_start(const char *name, void (*fn)(void *arg), void *arg);
/* The same on another pCPU (0 .. port_pcpu_count() - 1). */
struct port_world *port_world_start_on(uint32_t pcpu, const char *name, void (*fn)(void *arg),
				       void *arg);
struct port_world *port_world_self(void);
/* Sleep until somebody wakes this world. A wake that came first is not lost: it is counted as one
 * token, so callers loop on their condition. */
void port_world_park(void);
void port_world_wake(struct port_world *world);		/* any pCPU */
void port_world_yield(void);
void port_world_sleep_ns(uint64_t ns);

uint32_t port_pcpu_count(void);
uint32_t port_pcpu_self(void);

struct port_msg {
	struct list	link;
	void		(*fn)(struct port_msg *msg);
};
/* Run msg->fn(msg) on that pCPU, outside of any world: it must not park. Any pCPU. */
void port_pcpu_post(uint32_t pcpu, struct port_msg *msg);

struct port_timer {
	struct list	link;		/* the port's */
	uint64_t	at_ns;
	/* outside of worlds: must not park */
	void		(*fn)(struct port_timer *timer);
};
/* One shot on this pCPU; starting an armed timer moves it. init once before the first start. */
void port_timer_init(struct port_timer *timer, void (*fn)(struct port_timer *timer));
void port_timer_start(struct port_timer *timer, uint64_t at_ns);
void port_timer_stop(struct port_timer *timer);

/* ---- disks: block devices and regular files ------------------------------------------------ */

struct port_disk;

enum port_open {
	PORT_OPEN_WRITE = 1,	/* else every write, zero, unmap and resize is ST_READONLY */
	PORT_OPEN_CREATE = 2,	/* a new regular file, ST_EXIST when it is there; mode 0600 */
	PORT_OPEN_DIRECT = 4,	/* past the page cache, if the file system can (devices always) */
	PORT_OPEN_CACHED = 8,	/* through the page cache, block devices too (tests) */
};

struct port_disk_info {
	uint64_t	size_bytes;
	uint32_t	block_bytes;	/* logical block: the least unit of a direct transfer */
	uint8_t		is_device;	/* a block device, not a regular file */
	uint8_t		writable;
	uint8_t		direct;		/* transfers go past the page cache */
	uint8_t		zero_is_cheap;	/* PORT_ZERO does not write the zeros one by one */
	uint8_t		unmap_zeroes;	/* after PORT_UNMAP the range reads as zeros */
	uint64_t	allocated_bytes;/* room it takes below; size_bytes when unknown */
	/* Two openings on one machine see each other's locks when this is equal, and not 0. */
	uint32_t	lock_place;
	char		name[256];	/* as the caller spelt it */
};

MUST_USE enum status port_disk_open(const char *path, unsigned flags, struct port_disk **disk,
				    struct why *why);
/* No I/O may be outstanding. */
void port_disk_close(struct port_disk *disk);
void port_disk_info(struct port_disk *disk, struct port_disk_info *info);
/* Set the length of a regular file; growing makes a hole. ST_UNSUPPORTED for a block device. */
MUST_USE enum status port_disk_resize(struct port_disk *disk, uint64_t size_bytes);
/* Reserve room for a range of a regular file so that later writes cannot fail for space; it reads
 * as zeros. ST_UNSUPPORTED when the file system cannot. */
MUST_USE enum status port_disk_reserve(struct port_disk *disk, uint64_t offset, uint64_t bytes);
/* Where data and the hole after it start, at or after offset; both are the size when there is no
 * more data. A disk that cannot tell says that all is data. Cheap: for regular files one or two
 * system calls. */
void port_disk_next_data(struct port_disk *disk, uint64_t offset, uint64_t *data, uint64_t *hole);
/* Read on the calling thread and wait for it there: for threads that are no pCPU, any number at
 * once on one disk. Total, and with any alignment, as a PORT_READ.
 * ST_UNSUPPORTED: this port has no such threads; submit it. */
MUST_USE enum status port_disk_read_here(struct port_disk *disk, uint64_t offset, void *buf,
					 uint64_t bytes);
/* An advisory lock on a byte range against other processes of this machine (OFD lock; sim: other
 * openings), until unlock or close. ST_BUSY: somebody else has it. Never waits. */
MUST_USE enum status port_disk_lock(struct port_disk *disk, uint64_t offset, uint64_t bytes,
				    int exclusive);
void port_disk_unlock(struct port_disk *disk, uint64_t offset, uint64_t bytes);

enum port_io_op { PORT_READ, PORT_WRITE, PORT_FLUSH, PORT_ZERO, PORT_UNMAP, PORT_COPY };

struct port_vec {
	void	*base;
	size_t	bytes;
};

/* One transfer. The caller's memory until done() runs: once, later, on the pCPU that submitted,
 * outside of any world, never from inside port_disk_submit(). Any offset and length are accepted;
 * what is not aligned to block_bytes costs more. Success is total: a short transfer is continued,
 * a read past the end of a regular file is ST_RANGE, a write there extends the file.
 *   ST_OK  FLUSH: all that ended before it was submitted is durable.
 *   ST_LOST  the deadline of the disk came before its turn: this part of it did nothing
 *   ST_NOSPACE, ST_DEVICE, ST_READONLY, ST_RANGE, ST_UNSUPPORTED (UNMAP, COPY)
 * COPY takes the bytes from another disk, past the memory of the caller: the system copies them, or
 * shares the blocks. ST_UNSUPPORTED: not between these two, and nothing was copied. Any other
 * failure leaves open which of the two it is about; reading and writing the range tells. */
struct port_io {
	uint64_t		offset;		/* bytes */
	uint64_t		bytes;		/* READ, WRITE: from vec, after skip */
	const struct port_vec	*vec;		/* READ, WRITE */
	uint32_t		vec_count;
	uint8_t			op;		/* enum port_io_op */
	uint8_t			exempt;		/* 1: passes after the disk's deadline, too */
	uint64_t		skip;		/* bytes of vec before the first one meant */
	struct port_disk	*from;		/* COPY: open until done() */
	uint64_t		from_offset;	/* COPY: of bytes that lie in `from` */
	enum status		status;		/* out */
	void			(*done)(struct port_io *io);
	struct list		link;		/* the port's from submit to done */
	struct port_disk	*disk;		/* the port's */
	uint64_t		progress;	/* the port's */
};
/* Queued; all of one turn of the loop go to the kernel together. */
void port_disk_submit(struct port_disk *disk, struct port_io *io);
/* From that time of port_now_ns() on nothing of this opening changes the disk (0: no such time).
 * What is looked at is the clock in the last step before the kernel, or the simulated disk, has a
 * WRITE, ZERO or UNMAP, behind all queues; resize and reserve count, too. READ and FLUSH pass. */
void port_disk_set_deadline(struct port_disk *disk, uint64_t ns);

/* ---- the machine's own files (bare: ST_UNSUPPORTED) ------------------------------------------ */

enum port_kind { PORT_KIND_FILE, PORT_KIND_DIR, PORT_KIND_LINK, PORT_KIND_DEVICE, PORT_KIND_OTHER };

struct port_stat {
	enum port_kind	kind;
	uint64_t	size_bytes;
	uint64_t	allocated_bytes;
	uint32_t	mode;		/* permission bits */
	uint32_t	uid, gid;
	int64_t		mtime_s;
};

MUST_USE enum status port_path_stat(const char *path, struct port_stat *st);
/* Calls fn for each name but . and .., in byte order of the names; a fn that returns non-zero ends
 * the walk. */
MUST_USE enum status port_path_list(const char *dir, int (*fn)(void *arg, const char *name),
				    void *arg);
MUST_USE enum status port_path_mkdir(const char *path, uint32_t mode);
MUST_USE enum status port_path_remove(const char *path);	/* a file or an empty directory */
/* replace 0: ST_EXIST when new_path exists (checked and done in one step). */
MUST_USE enum status port_path_rename(const char *old_path, const char *new_path, int replace);
MUST_USE enum status port_path_link(const char *old_path, const char *new_path);
MUST_USE enum status port_path_symlink(const char *target, const char *path);
MUST_USE enum status port_path_readlink(const char *path, char *buf, size_t size);
/* Make renames, creations and removals in a directory durable. */
MUST_USE enum status port_path_sync_dir(const char *dir);

#endif
