/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* linux_priv - one process as a host: a pthread per pCPU, each with its worlds, timers, mail,
 * buffer pool and engine. Nothing but mail, the helper pool's queue and the flags below crosses
 * threads. A set of pCPUs is a *machine*: a tool has one, a process that uses the library one per
 * handle. */
#ifndef CAIRN_PORT_LINUX_PRIV_H
#define CAIRN_PORT_LINUX_PRIV_H

#include <errno.h>
#include <pthread.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "iopath/port/linux/machine.h"
#include "iopath/port/port.h"
#include "iopath/port/sched.h"

#define PCPUS_MAX 256
#define IN_FLIGHT_MAX 1024	/* transfers of one pCPU in its engine; more wait in the backlog */

struct pcpu;

/* ---- engines: how transfers get to the kernel ------------------------------------------------ */

struct engine_ops {
	const char *name;	/* as port_config.engine spells it */

	/* Required. ST_UNSUPPORTED: this kernel or container refuses it. */
	enum status (*start)(struct pcpu *p, struct why *why);
	void (*stop)(struct pcpu *p);
	/* Required. Take one transfer, at most IN_FLIGHT_MAX at a time. It need not reach the
	 * kernel before turn(), and io_ended() is not called from here. */
	void (*submit)(struct pcpu *p, struct port_io *io);
	/* Required. Hand over all that was taken and call io_ended() for what has ended. When wait
	 * is set, sleep until something ended, mail came, a signal came, or the first timer is
	 * due. */
	void (*turn)(struct pcpu *p, int wait);
	/* Optional: make a descriptor or a piece of the buffer pool known beforehand. NULL: not
	 * needed. */
	void (*disk_opened)(struct pcpu *p, struct port_disk *disk);
	void (*disk_closed)(struct pcpu *p, struct port_disk *disk);
	/* 1: registered as buffer `index`. */
	int (*memory_added)(struct pcpu *p, uint32_t index, void *base, size_t bytes);
};

extern const struct engine_ops engine_uring, engine_aio, engine_threads;

/* ---- a pCPU ---------------------------------------------------------------------------------- */

struct dma_pool;

struct mail {
	struct list	here;		/* posted by this pCPU: no lock */
	pthread_mutex_t	lock;		/* of `sent` */
	struct list	sent;		/* posted by other threads */
	int		waiting;	/* atomic: `sent` is not empty */
	int		event_fd;	/* readable once somebody else posted, or a signal came */
};

struct pcpu {
	struct sched		sched;
	struct mail		mail;
	const struct engine_ops	*engine;
	void			*engine_state;
	uint32_t		in_flight;	/* transfers inside the engine */
	struct list		backlog;	/* transfers that wait for in_flight to fall */
	struct list		ended;		/* ended within submit: done() is to come */
	struct port_io		*flush;		/* one that io_start_flush() is still to start */
	struct dma_pool		*dma;
	pthread_t		thread;
	struct port_machine	*machine;
	uint32_t		index;
};

struct pcpu *pcpu_here(void);
struct pcpu *pcpu_at(uint32_t index);	/* of the caller's machine */

/* ---- a machine ------------------------------------------------------------------------------- */

#define POOL_THREADS 8

struct pool {				/* helper threads: pool.c */
	pthread_mutex_t	lock;
	pthread_cond_t	come;
	struct list	jobs;
	uint32_t	threads, idle;
	uint8_t		stopping;
	pthread_t	thread[POOL_THREADS];
};

struct port_machine {
	struct pcpu	*pcpus;
	uint32_t	pcpu_count;
	const struct engine_ops *engine;
	int		stopping;	/* atomic */
	void		(*main_world)(void *arg);
	void		*main_arg;
	struct port_world *main;	/* NULL once it has returned */
	/* NULL: the process's signals are not its business. */
	void		(*signals_start)(struct port_machine *m);
	void		(*signals_stop)(void);
	enum log_level	log_level;
	port_log_fn	*log;		/* NULL: standard error */
	void		*log_arg;
	struct pool	pool;
};

/* The calling thread is pCPU 0 until main_world() has returned. m: zeroed, with main_world, log and
 * the signals' functions set; frees what it allocates. */
enum status machine_run(struct port_machine *m, const struct port_config *config, struct why *why);

void mail_init(struct mail *m);
void mail_fini(struct mail *m);
/* Run what has come so far. */
void mail_deliver(struct mail *m);
static inline int mail_is_empty(const struct mail *m)
{
	return list_empty(&m->here) && !__atomic_load_n(&m->waiting, __ATOMIC_ACQUIRE);
}
void mail_send(struct mail *m, struct port_msg *msg);	/* any thread */
void mail_ring(struct mail *m); /* wake its pCPU; also from a signal handler */
void mail_drain_event(struct mail *m);			/* after event_fd was readable */

/* Free what the calling pCPU holds of the libraries behind port_accel(). */
void accel_thread_end(void);

/* What signals asked for: asked.c. number 0: a line of progress; else the end, by that signal. */
void asked_by_signal(int number);	/* in a handler */
void asked_reset(void);
/* 1, once, after each signal: the loop of pCPU 0 then wakes the main world. */
int asked_pending(void);

/* ---- the buffer pool ------------------------------------------------------------------------- */

struct dma_pool *dma_create(struct pcpu *p, uint64_t bytes);	/* NULL: no memory */
void dma_destroy(struct dma_pool *pool);
/* The registered buffer that holds [base, base + bytes), or -1. */
int dma_index(const struct dma_pool *pool, const void *base, size_t bytes);

/* ---- disks ----------------------------------------------------------------------------------- */

struct port_disk {
	struct port_disk_info info;
	int		fd;
	int		cached_fd;	/* of a regular file that is open for direct I/O; else -1 */
	int		slot;		/* the engine's handle of fd; -1 none */
	uint32_t	offset_mask;	/* a direct transfer needs (offset | bytes) & mask == 0 */
	uint32_t	memory_mask;	/* and this of its addresses */
	uint32_t	range_mask;	/* as offset_mask, for ZERO and UNMAP */
	int		read_flags;	/* of a read from the page cache: RWF_NOWAIT, or 0 */
	uint32_t	partials;	/* transfers in flight that are not aligned */
	uint8_t		cache_used;	/* some went through cached_fd since the last flush */
	uint64_t	deadline_ns;	/* atomic: nothing is changed from then on; 0: none */
	struct nbd_disk	*nbd;		/* behind an NBD server: no descriptor; else NULL */
	struct pcpu	*pcpu;
	struct list	in_flight;	/* transfers, from start to end */
	struct list	waiting;	/* transfers that an overlapping one holds back */
};

/* disk_nbd.c: disks behind an NBD server. nbd_disk_close() also after a failed open that set
 * disk->nbd. */
int nbd_is_uri(const char *path);
enum status nbd_disk_open(struct port_disk *disk, const char *uri, unsigned flags,
			  struct why *why);
void nbd_disk_close(struct port_disk *disk);
/* Any thread: 0 or -errno; a transfer: bytes moved or -errno. */
int64_t nbd_disk_read(struct port_disk *disk, uint64_t offset, void *buf, uint64_t bytes);
int64_t nbd_disk_run(struct port_io *io);

/* Ask the kernel what the disk is and can do. */
void disk_probe(struct port_disk *disk);

/* The gate: see port_disk_set_deadline(). Asked by whoever makes the system call, right before. */
static inline uint64_t disk_deadline_ns(const struct port_disk *disk)
{
	return __atomic_load_n(&disk->deadline_ns, __ATOMIC_RELAXED);
}
static inline int disk_is_shut(const struct port_disk *disk)
{
	uint64_t deadline = disk_deadline_ns(disk);

	return deadline && port_now_ns() >= deadline;
}
static inline int io_is_gated(const struct port_io *io)
{
	return io->op != PORT_READ && io->op != PORT_FLUSH && !io->exempt &&
	       disk_deadline_ns(io->disk);
}
/* Of a batch: one look at the clock for all. */
static inline int io_is_late_at(const struct port_io *io, uint64_t now_ns)
{
	return io_is_gated(io) && now_ns >= disk_deadline_ns(io->disk);
}
static inline int io_is_late(const struct port_io *io)
{
	return io_is_gated(io) && io_is_late_at(io, port_now_ns());
}
#define GATE_SHUT ECANCELED	/* what a late transfer got, as an errno */

int io_is_aligned(const struct port_disk *disk, const struct port_io *io);
/* The descriptor for the rest of a transfer. */
static inline int io_fd(const struct port_disk *disk, const struct port_io *io)
{
	return disk->cached_fd < 0 || io_is_aligned(disk, io) ? disk->fd : disk->cached_fd;
}
/* The engine's report: bytes moved, or -errno. Continues what is short, ends the rest. */
void io_ended(struct pcpu *p, struct port_io *io, int64_t result);
/* The end of a transfer, whatever it got. */
void io_ended_with(struct pcpu *p, struct port_io *io, enum status st);
/* The same for a transfer that fails while it is being submitted: done() waits for the next
 * turn. */
void io_fail_later(struct pcpu *p, struct port_io *io, enum status st);
/* done() of what ended within submit; returns their number. */
uint32_t io_deliver_ended(struct pcpu *p);
/* Start p->flush; idle: nothing else can run until it has ended. */
void io_start_flush(struct pcpu *p, int idle);
/* The rest of a transfer as at most max vectors; returns their number. */
int io_vectors(const struct port_io *io, struct iovec *vec, int max);
enum status status_of_errno(int error);
/* What an error means that a transfer got. */
enum status io_status_of(const struct port_io *io, int error);

/* copy.c: 1 when the kernel may be asked for a COPY between the two. */
int copy_is_possible(const struct port_disk *to, const struct port_disk *from);
/* The rest of a COPY, or a first part: bytes, or -errno. Any thread. */
int64_t copy_once(const struct port_io *io);
/* 1: its source lies in the page cache, as far as one look tells. */
int copy_is_cached(const struct port_io *io);

/* A transfer of a block device that is not aligned: edges read, changed, written. */
void partial_start(struct pcpu *p, struct port_io *io);

/* Carry out a transfer, or a first part of it, with ordinary system calls; any thread. Bytes moved
 * (0 for what moves none), or -errno. */
int64_t io_run_blocking(struct port_io *io);
/* Have a helper thread do that. */
void pool_submit(struct pcpu *p, struct port_io *io);
void pool_init(struct pool *pool);
void pool_stop(struct pool *pool);

#endif
