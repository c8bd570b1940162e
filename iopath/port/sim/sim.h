/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* sim - what a test can do to the simulated machine, besides using it through port.h.
 * One thread, one seed, virtual time. Files, directories and disks are in memory, in one namespace;
 * port_run() starts with an empty one and frees it at its end.
 *
 * A write lands in the disk's volatile cache when it ends; a flush makes what ended before it
 * durable. Names and lengths are durable at once. Call everything here from a world. */
#ifndef CAIRN_PORT_SIM_H
#define CAIRN_PORT_SIM_H

#include "iopath/port/port.h"

/* ---- disks ----------------------------------------------------------------------------------- */

/* Make a file of this length, all a hole, and its directories. is_device: a block device of fixed
 * size. ST_EXIST, ST_NOMEM. */
MUST_USE enum status sim_disk_create(const char *path, uint64_t size_bytes, int is_device);
/* Logical block size (512), also the unit in which a power cut tears. ST_NOENT. */
MUST_USE enum status sim_disk_set_block_bytes(const char *path, uint32_t block_bytes);
/* At most that many bytes stored: a write, zero or reserve beyond is ST_NOSPACE. 0: no limit. */
MUST_USE enum status sim_disk_limit_bytes(const char *path, uint64_t bytes);
/* Copy a host file in (created, holes kept) or out (sparse). */
MUST_USE enum status sim_disk_import(const char *path, const char *host_path);
MUST_USE enum status sim_disk_export(const char *path, const char *host_path);
/* Put bytes into a file without any transfer (the file grows), and look at them: for tests that
 * damage a disk. Neither counts as a device write; what is put is durable. */
MUST_USE enum status sim_disk_poke(const char *path, uint64_t offset, const void *data,
				   size_t bytes);
MUST_USE enum status sim_disk_peek(const char *path, uint64_t offset, void *data, size_t bytes);
/* Bytes of all WRITE, ZERO and UNMAP transfers since it was made; 0 when there is no such file. */
uint64_t sim_disk_bytes_written(const char *path);

/* The content of a disk, kept beyond the end of port_run(), and disks made from it, which share its
 * pages until they write to them. NULL: no such disk, or no memory. */
struct sim_frozen;
struct sim_frozen *sim_disk_freeze(const char *path);
MUST_USE enum status sim_disk_thaw(const char *path, const struct sim_frozen *frozen);
void sim_frozen_free(struct sim_frozen *frozen);

/* A copy of a disk, with what is not flushed; ST_NOENT, ST_EXIST, ST_NOMEM. */
MUST_USE enum status sim_disk_copy(const char *path, const char *new_path);
/* How many different contents a power cut of this disk alone may leave (UINT64_MAX: that or more).
 * Cut it: content number `state` of them, or as `seed` decides; its openings go on. */
uint64_t sim_disk_states(const char *path);
void sim_disk_cut_to(const char *path, uint64_t state);
void sim_disk_cut(const char *path, uint64_t seed);
/* Equal hashes: disks of one frozen disk hold the same. */
uint64_t sim_disk_hash(const char *path);

/* ---- hosts ----------------------------------------------------------------------------------- */

/* port_run()'s world and whatever it starts are host 0. More hosts share its disks and its clock
 * and nothing else; each has one pCPU, a name and a MAC of its own. Call these from host 0. */

/* A host, off. Returns its number (1 ... 64). */
uint32_t sim_host_add(const char *name);
/* Switch it on: fn runs as its first world, and when it returns the host is switched off.
 * It must be off. ST_NOMEM. */
MUST_USE enum status sim_host_boot(uint32_t host, void (*fn)(void *arg), void *arg);
int sim_host_is_on(uint32_t host);
/* Its power is gone, now: worlds, timers, memory, openings and locks. Of each of its transfers in
 * flight all may have arrived, a part from the start, or nothing. The disks keep their power, and
 * what was not flushed with it. */
void sim_host_kill(uint32_t host);
/* The same after n more of its WRITE, ZERO and UNMAP transfers have been carried out, before it
 * hears of the last. UINT64_MAX: never. */
void sim_host_die_after(uint32_t host, uint64_t n);
uint64_t sim_host_writes(uint32_t host);
/* For that long none of its code runs. Its transfers in flight go on; it hears of them then. */
void sim_host_pause(uint32_t host, uint64_t ns);
/* cut 1: its transfers fail with ST_DEVICE and do nothing, as long as it is cut. */
void sim_host_cut(uint32_t host, int cut);
/* Blocks of memory that it had when it was switched off last: 0 after an orderly end. */
uint64_t sim_host_blocks_left(uint32_t host);

/* ---- faults ---------------------------------------------------------------------------------- */

#define SIM_ANY_OP (-1)

/* WRITE, ZERO and UNMAP transfers carried out, on all disks, since port_run(). */
uint64_t sim_write_count(void);
/* The machine stops after n more such transfers: from then on each transfer, resize and change of a
 * name fails with ST_DEVICE and nothing reaches a disk, until sim_crash(). UINT64_MAX: never. */
void sim_stop_after_writes(uint64_t n);
/* 1 once the machine has stopped. */
int sim_has_stopped(void);
/* Power cut and restart. drop 0: all that was written is kept. drop 1: of the unflushed versions of
 * each block any one survives, or none, and so does each block of a transfer in flight; `seed`
 * decides, also whether much is lost, little, or all from one moment on. All openings and locks are
 * gone (an old port_disk is good for port_disk_close() only), transfers in flight end with
 * ST_DEVICE, every fault set here is cleared. */
void sim_crash(uint64_t seed, int drop);
/* The n-th (1: the next) transfer of that op (enum port_io_op, or SIM_ANY_OP) ends with st and does
 * nothing. n 0 takes the fault away. */
void sim_fail_io(int op, uint64_t n, enum status st);
/* The n-th (1: the next) port_alloc() or port_dma_alloc() gives NULL. n 0 takes the fault away. */
void sim_fail_alloc(uint64_t n);
/* 1 when the fault that was set last has happened: sweeps end when it has not. */
int sim_io_failed(void);
int sim_alloc_failed(void);
/* Blocks of port_alloc() and port_dma_alloc() that are not freed. */
uint64_t sim_alloc_live(void);

/* ---- faults by chance: odds.c ---------------------------------------------------------------- */

/* Kinds that the disks know; a test numbers its own from SIM_FAULT_OWN on. They befall the
 * transfers of hosts, never those of host 0. */
enum sim_fault {
	SIM_FAULT_SLOW,		/* the transfer takes up to a thousand times as long */
	SIM_FAULT_STUCK,	/* it ends after up to sim_fault_longest() */
	SIM_FAULT_ERROR,	/* not done, ST_DEVICE */
	SIM_FAULT_NO_ANSWER,	/* done, and ST_DEVICE all the same */
	SIM_FAULT_LOST,		/* a write: ST_OK, not done */
	SIM_FAULT_MISDIRECTED,	/* a write: ST_OK, done at another place */
	SIM_FAULT_OWN,
	SIM_FAULTS_MAX = 40,
};

struct sim_fault_count { uint64_t chances, fired; };

/* How often per million chances; 0 (the default): never. */
void sim_fault_set(uint32_t fault, uint32_t per_million);
/* Of its firings in this run only those from number `from` up to `end` happen (default: all). */
void sim_fault_window(uint32_t fault, uint64_t from, uint64_t end);
/* The longest that one lasts; default 1 s. */
void sim_fault_longest(uint32_t fault, uint64_t ns);
/* All rates are 0 from now on. */
void sim_faults_heal(void);
/* Here one could happen: does it? */
int sim_fault_now(uint32_t fault);
/* What the fault that fired last leaves open: 0 ... n - 1; and how long it lasts. */
uint64_t sim_fault_choice(uint32_t fault, uint64_t n);
uint64_t sim_fault_length_ns(uint32_t fault);
struct sim_fault_count sim_fault_counted(uint32_t fault);

/* ---- compare and write ----------------------------------------------------------------------- */

/* One step of the disk, as an array's ATS: when the bytes at io.offset equal `old`, `new` is
 * written over them. Fill in io.offset, io.bytes and io.done, and submit; it is on the disk as a
 * write is, and never torn. */
struct sim_ats {
	struct port_io	io;
	const void	*old, *new;
	void		*seen;		/* what was there */
	uint64_t	delay_ns;	/* on its way for so much longer, whatever its host does */
	uint8_t		written;	/* out */
};
void sim_ats_submit(struct port_disk *disk, struct sim_ats *ats);
#define SIM_OP_ATS 32		/* its io.op */

/* ---- looking on ------------------------------------------------------------------------------ */

/* A transfer takes effect: called just before it does (done 0; not for reads) and just after. */
struct sim_event {
	uint32_t	host;
	uint8_t		op, done;
	uint8_t		changed;	/* done 1: the disk was written; of a compare, if equal */
	enum status	status;		/* of what the disk did, done 1 */
	uint64_t	offset, bytes, submitted_ns;
	const struct port_disk *disk;
};
typedef void sim_watch_fn(void *arg, const struct sim_event *event);
/* NULL: nobody looks on. fn must not park. */
void sim_watch(sim_watch_fn *fn, void *arg);
/* What the disk of an event holds now. */
void sim_event_read(const struct sim_event *event, uint64_t offset, void *buf, size_t bytes);

/* ---- the rest -------------------------------------------------------------------------------- */

/* 1: log lines are dropped, errors too: they are what the test is about. */
void sim_quiet(int quiet);
/* As if a signal had come: port_interrupted() gives the number; 0 takes it back. */
void sim_interrupt(int signal_number);

#endif
