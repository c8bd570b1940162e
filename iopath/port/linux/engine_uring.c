/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* engine_uring - io_uring. All entries of a turn are handed over by the one io_uring_enter() that
 * also sleeps when nothing else is to be done. Disks are registered files, the buffer pool's chunks
 * registered buffers, and task work is cooperative: completions are gathered when we enter the
 * kernel anyway, without an interrupt of whatever runs. (Deferred task work, which a single issuer
 * can have, wakes a waiting loop at the first completion: on a disk with 32 transfers in flight
 * ten went to a call instead of thirty, for a fifth more CPU each.) Older kernels go without.
 *
 * Two entries besides the transfers keep the loop awake: a multishot poll of the mail's eventfd,
 * and one timeout for the first timer, moved forward when an earlier one is started. A timer that
 * was stopped or put off leaves it alone: waking once for nothing is cheaper than moving it each
 * time. */
#include "iopath/port/linux/linux_priv.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SQ_ENTRIES 256
#define CQ_ENTRIES (2 * IN_FLIGHT_MAX)
#define FILE_SLOTS 256		/* disks beyond are used by their plain descriptors */
#define BUFFER_SLOTS 4096
#define PIECE_MAX (1ul << 30)	/* an entry's length has 32 bits */
#define VECTORS 512		/* of the transfers that are not yet handed over */
#define VECTORS_EACH 128	/* of one entry; a longer list continues where that ended */

/* user_data of what is not a transfer; those are pointers, hence even. */
enum { TAG_MAIL = 1, TAG_TIMEOUT = 3, TAG_TIMEOUT_MOVED = 5 };
#define TAG_LATE 2u	/* in the pointer to a transfer: its entry does nothing any more */

struct uring {
	struct io_uring	ring;
	uint8_t		files, buffers;		/* registered tables exist */
	uint8_t		buffers_tried;
	uint8_t		timeout_armed;
	uint64_t	timeout_ns;		/* where it is armed */
	struct __kernel_timespec timeout;
	uint32_t	gated;		/* entries in the ring: writes to disks with a deadline */
	uint32_t	vector_count;
	struct iovec	vector[VECTORS];
	uint64_t	slots_used[FILE_SLOTS / 64];
};

/* ---- start and stop -------------------------------------------------------------------------- */

/* The best set of flags that this kernel knows; it answers EINVAL to one it does not. */
static int ring_init(struct io_uring *ring)
{
	static const unsigned flags[] = {
		IORING_SETUP_COOP_TASKRUN,
		0,
	};
	int error = -EINVAL;

	for (size_t i = 0; i < ARRAY_COUNT(flags) && error == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
			.cq_entries = CQ_ENTRIES,
		};

		error = io_uring_queue_init_params(SQ_ENTRIES, ring, &params);
	}
	return error;
}

/* Of the entries that the kernel does not have yet, those come to nothing whose deadline is over.
 * A loop that was stopped between their making and now goes through here. */
static void neutralise_late(struct uring *u)
{
	const struct io_uring_sq *sq = &u->ring.sq;
	uint64_t now = u->gated ? port_now_ns() : 0;

	for (unsigned i = *sq->khead; u->gated && i != sq->sqe_tail; i++) {
		struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];
		uint64_t data = sqe->user_data;

		if (data & (TAG_MAIL | TAG_LATE) ||
		    !io_is_late_at((const struct port_io *)(uintptr_t)data, now))
			continue;
		io_uring_prep_nop(sqe);
		sqe->rw_flags = 0;
		sqe->flags = 0;
		sqe->buf_index = 0;
		sqe->user_data = data | TAG_LATE;
	}
}

static void handed_over(struct uring *u)
{
	if (io_uring_sq_ready(&u->ring) == 0)
		u->vector_count = u->gated = 0;
}

/* Hand over without waiting. What the kernel cannot take yet stays in the ring. */
static void hand_over(struct uring *u)
{
	neutralise_late(u);
	io_uring_submit(&u->ring);
	handed_over(u);
}

static struct io_uring_sqe *next_sqe(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	while (sqe == NULL) {
		hand_over(u);
		sqe = io_uring_get_sqe(&u->ring);
	}
	return sqe;
}

static void poll_mail(struct pcpu *p)
{
	struct io_uring_sqe *sqe = next_sqe(p->engine_state);

	io_uring_prep_poll_multishot(sqe, p->mail.event_fd, POLLIN);
	sqe->user_data = TAG_MAIL;
}

static enum status uring_start(struct pcpu *p, struct why *why)
{
	struct uring *u = calloc(1, sizeof(*u));
	int error;

	if (u == NULL)
		return why_set(why, ST_NOMEM, "io_uring: out of memory");
	error = ring_init(&u->ring);
	if (error < 0) {
		free(u);
		/* ENOMEM: the rings count against RLIMIT_MEMLOCK, of all processes of the user. */
		return why_set(why, ST_UNSUPPORTED, "io_uring: %s%s", strerror(-error),
			       error == -ENOMEM ? " (RLIMIT_MEMLOCK?)" : "");
	}
	u->files = io_uring_register_files_sparse(&u->ring, FILE_SLOTS) == 0;
	io_uring_register_ring_fd(&u->ring);	/* saves a look-up per call, where it is known */
	p->engine_state = u;
	poll_mail(p);
	return ST_OK;
}

static void uring_stop(struct pcpu *p)
{
	struct uring *u = p->engine_state;

	io_uring_queue_exit(&u->ring);
	free(u);
	p->engine_state = NULL;
}

/* ---- files and buffers ----------------------------------------------------------------------- */

static void uring_disk_opened(struct pcpu *p, struct port_disk *disk)
{
	struct uring *u = p->engine_state;

	for (int slot = 0; u->files && slot < FILE_SLOTS; slot++) {
		uint64_t bit = 1ull << (slot % 64);

		if (u->slots_used[slot / 64] & bit)
			continue;
		if (io_uring_register_files_update(&u->ring, (unsigned)slot, &disk->fd, 1) == 1) {
			u->slots_used[slot / 64] |= bit;
			disk->slot = slot;
		}
		return;
	}
}

static void uring_disk_closed(struct pcpu *p, struct port_disk *disk)
{
	struct uring *u = p->engine_state;
	int none = -1;

	if (disk->slot < 0)
		return;
	io_uring_register_files_update(&u->ring, (unsigned)disk->slot, &none, 1);
	u->slots_used[disk->slot / 64] &= ~(1ull << (disk->slot % 64));
	disk->slot = -1;
}

static int uring_memory_added(struct pcpu *p, uint32_t index, void *base, size_t bytes)
{
	struct uring *u = p->engine_state;
	struct iovec iov = { base, bytes };
	__u64 tag = 0;

	if (!u->buffers_tried) {
		u->buffers_tried = 1;
		u->buffers = io_uring_register_buffers_sparse(&u->ring, BUFFER_SLOTS) == 0;
	}
	return u->buffers &&
	       io_uring_register_buffers_update_tag(&u->ring, index, &iov, &tag, 1) == 1;
}

/* ---- submit ---------------------------------------------------------------------------------- */

static void prep_file(struct io_uring_sqe *sqe, const struct port_disk *disk,
		      const struct port_io *io)
{
	/* Whether it is aligned need be asked only while something is not, or of a remainder. */
	if (disk->cached_fd >= 0 && (disk->partials || io->progress) && !io_is_aligned(disk, io)) {
		sqe->fd = disk->cached_fd;
	} else if (disk->slot >= 0) {
		sqe->fd = disk->slot;
		sqe->flags = IOSQE_FIXED_FILE;
	} else {
		sqe->fd = disk->fd;
	}
}

/* One buffer: by its number when it lies in the pool. */
static void prep_single(struct pcpu *p, struct io_uring_sqe *sqe, const struct port_io *io)
{
	char *base = (char *)io->vec[0].base + io->skip + io->progress;
	size_t bytes = MIN(io->bytes - io->progress, PIECE_MAX);
	int index = dma_index(p->dma, base, bytes);

	sqe->addr = (uintptr_t)base;
	sqe->len = (uint32_t)bytes;
	if (index >= 0) {
		sqe->opcode = io->op == PORT_READ ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
		sqe->buf_index = (uint16_t)index;
	} else {
		sqe->opcode = io->op == PORT_READ ? IORING_OP_READ : IORING_OP_WRITE;
	}
}

/* The kernel copies the list when the entry is handed over. */
static void prep_list(struct uring *u, struct io_uring_sqe *sqe, const struct port_io *io)
{
	struct iovec *vec = u->vector + u->vector_count;
	int count = io_vectors(io, vec, VECTORS_EACH);

	u->vector_count += (uint32_t)count;
	sqe->opcode = io->op == PORT_READ ? IORING_OP_READV : IORING_OP_WRITEV;
	sqe->addr = (uintptr_t)vec;
	sqe->len = (uint32_t)count;
}

static void uring_submit(struct pcpu *p, struct port_io *io)
{
	struct uring *u = p->engine_state;
	struct io_uring_sqe *sqe;

	if (io->op > PORT_FLUSH) {
		pool_submit(p, io);	/* several system calls, or what the ring does not know */
		return;
	}
	while (io->vec_count > 1 && VECTORS - u->vector_count < VECTORS_EACH)
		hand_over(u);
	sqe = next_sqe(u);
	io_uring_prep_rw(IORING_OP_NOP, sqe, -1, NULL, 0, io->offset + io->progress);
	prep_file(sqe, io->disk, io);
	sqe->user_data = (uintptr_t)io;
	/* The kernel has threads for writes that would wait. They stop when the process is stopped,
	 * and go on with it, behind the gate: such a write comes back, and a helper does it. */
	if (io_is_gated(io)) {
		u->gated++;
		sqe->rw_flags = RWF_NOWAIT;
	}
	if (io->op == PORT_FLUSH) {
		sqe->opcode = IORING_OP_FSYNC;
		sqe->fsync_flags = IORING_FSYNC_DATASYNC;
	} else if (io->vec_count == 1) {
		prep_single(p, sqe, io);
	} else {
		prep_list(u, sqe, io);
	}
}

/* ---- turn ------------------------------------------------------------------------------------ */

/* Arm the timeout for the first timer, or move it forward. */
static void arm_timeout(struct pcpu *p, struct uring *u)
{
	uint64_t due = timers_next_ns(&p->sched), now, left;
	struct io_uring_sqe *sqe;

	if (due == UINT64_MAX || (u->timeout_armed && due >= u->timeout_ns))
		return;
	sqe = next_sqe(u);
	u->timeout_ns = due;
	now = port_now_ns();
	left = due > now ? due - now : 0;
	u->timeout.tv_sec = (long long)(left / 1000000000u);
	u->timeout.tv_nsec = (long long)(left % 1000000000u);
	if (u->timeout_armed) {
		io_uring_prep_timeout_update(sqe, &u->timeout, TAG_TIMEOUT, 0);
		sqe->user_data = TAG_TIMEOUT_MOVED;
		return;
	}
	io_uring_prep_timeout(sqe, &u->timeout, 0, 0);
	sqe->user_data = TAG_TIMEOUT;
	u->timeout_armed = 1;
}

static void handle_tag(struct pcpu *p, struct uring *u, const struct io_uring_cqe *cqe)
{
	switch (cqe->user_data) {
	case TAG_MAIL:
		mail_drain_event(&p->mail);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			poll_mail(p);
		break;
	case TAG_TIMEOUT:
		u->timeout_armed = 0;
		break;
	default:
		break;	/* moved; or, too late, not found: then it has just fired */
	}
}

static void end_transfer(struct pcpu *p, uint64_t data, int result)
{
	struct port_io *io = (struct port_io *)(uintptr_t)(data & ~(uint64_t)TAG_LATE);

	if (data & TAG_LATE)
		io_ended_with(p, io, ST_LOST);
	else if (io->op == PORT_WRITE && (result == -EAGAIN || result == -EOPNOTSUPP))
		pool_submit(p, io);
	else
		io_ended(p, io, result);
}

/* Only what is there now: done() may submit, and what ends at once must not keep us here for
 * ever. */
static void reap(struct pcpu *p, struct uring *u)
{
	unsigned ready = io_uring_cq_ready(&u->ring), seen = 0, head;
	struct io_uring_cqe *cqe;

	io_uring_for_each_cqe(&u->ring, head, cqe) {
		if (seen++ == ready)
			break;
		if (cqe->user_data & 1)
			handle_tag(p, u, cqe);
		else
			end_transfer(p, cqe->user_data, cqe->res);
	}
	io_uring_cq_advance(&u->ring, ready);
}

static void uring_turn(struct pcpu *p, int wait)
{
	struct uring *u = p->engine_state;

	arm_timeout(p, u);
	neutralise_late(u);
	if (wait && io_uring_cq_ready(&u->ring) == 0)
		io_uring_submit_and_wait(&u->ring, 1);
	else if (p->in_flight > 0 || io_uring_sq_ready(&u->ring) > 0)
		io_uring_submit_and_get_events(&u->ring);
	handed_over(u);
	reap(p, u);
}

const struct engine_ops engine_uring = {
	.name = "io_uring",
	.start = uring_start,
	.stop = uring_stop,
	.submit = uring_submit,
	.turn = uring_turn,
	.disk_opened = uring_disk_opened,
	.disk_closed = uring_disk_closed,
	.memory_added = uring_memory_added,
};
