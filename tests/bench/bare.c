/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* bare - the least that one transfer can cost from user space on this kernel: a loop with a ring,
 * registered buffers and a registered file, and nothing else. No clock per transfer, no statistics.
 * What a datastore costs above this is the datastore's.
 *
 *	bare [-e ring|pread] [-c] LOAD-OPTIONS FILE
 *
 * -e pread: one system call a transfer, for files that a ring cannot serve well (FUSE).
 * -c: through the page cache (default: O_DIRECT). */
#include "tests/bench/load.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

static struct iovec buffers[LOAD_DEPTH_MAX];
static struct io_uring ring;

static void die(const char *what, int err)
{
	fprintf(stderr, "bare: %s: %s\n", what, strerror(err));
	exit(1);
}

/* In one piece of large pages where the kernel has them: with 4 KiB pages a transfer of 1 MiB is
 * cut into more pieces below, and it is not the ring that is then slow. */
static void make_buffers(const struct load *load)
{
	size_t bytes = (load->bytes * load->depth + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	char *base = aligned_alloc(HUGE_PAGE, bytes);

	if (!base)
		die("buffers", ENOMEM);
	madvise(base, bytes, MADV_HUGEPAGE);
	memset(base, LOAD_PATTERN, bytes);
	for (uint32_t i = 0; i < load->depth; i++)
		buffers[i] = (struct iovec){ base + i * load->bytes, load->bytes };
}

static void make_ring(const struct load *load, int fd)
{
	int err = io_uring_queue_init(load->depth, &ring, 0);

	if (err < 0)
		die("io_uring", -err);
	err = io_uring_register_buffers(&ring, buffers, load->depth);
	if (err < 0)
		die("registering buffers", -err);
	err = io_uring_register_files(&ring, &fd, 1);
	if (err < 0)
		die("registering the file", -err);
}

static void prepare(const struct load *load, uint32_t buffer, uint64_t offset)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	void *base = buffers[buffer].iov_base;

	if (load->write)
		io_uring_prep_write_fixed(sqe, 0, base, (unsigned)load->bytes, offset, (int)buffer);
	else
		io_uring_prep_read_fixed(sqe, 0, base, (unsigned)load->bytes, offset, (int)buffer);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->user_data = buffer;
}

/* Put the buffers of all completions that are there into idle[]; returns how many. */
static uint32_t reap(const struct load *load, uint32_t *idle)
{
	struct io_uring_cqe *cqe;
	unsigned head;
	uint32_t seen = 0;

	io_uring_for_each_cqe(&ring, head, cqe) {
		if (cqe->res != (int)load->bytes)
			die("transfer", cqe->res < 0 ? -cqe->res : EIO);
		idle[seen++] = (uint32_t)cqe->user_data;
	}
	io_uring_cq_advance(&ring, seen);
	return seen;
}

static void ring_loop(struct load *load)
{
	uint32_t idle[LOAD_DEPTH_MAX], idle_count = load->depth, flying = 0;
	uint64_t offset;
	int stop = 0;

	for (uint32_t i = 0; i < load->depth; i++)
		idle[i] = i;
	while (!stop || flying) {
		while (!stop && idle_count) {
			if (!load_next(load, &offset)) {
				stop = 1;
				break;
			}
			prepare(load, idle[--idle_count], offset);
			flying++;
		}
		if (flying == 0)
			break;
		int err = io_uring_submit_and_wait(&ring, 1);

		if (err < 0 && err != -EINTR)
			die("submit", -err);
		uint32_t seen = reap(load, idle + idle_count);

		idle_count += seen;
		flying -= seen;
		load->ops += seen;
		if (!stop && !load->once && load_elapsed(load) >= load->seconds)
			stop = 1;
	}
}

static void pread_loop(struct load *load, int fd)
{
	uint64_t offset;

	while (load_next(load, &offset)) {
		void *base = buffers[0].iov_base;
		ssize_t n = load->write ? pwrite(fd, base, load->bytes, (off_t)offset)
					: pread(fd, base, load->bytes, (off_t)offset);

		if (n != (ssize_t)load->bytes)
			die("transfer", n < 0 ? errno : EIO);
		if (++load->ops % 16 == 0 && !load->once && load_elapsed(load) >= load->seconds)
			break;
	}
}

int main(int argc, char **argv)
{
	struct load load = LOAD_DEFAULTS;
	int opt, fd, use_pread = 0, cached = 0;

	while ((opt = getopt(argc, argv, "e:c" LOAD_OPTIONS)) != -1) {
		if (opt == 'e')
			use_pread = strcmp(optarg, "pread") == 0;
		else if (opt == 'c')
			cached = 1;
		else if (!load_option(&load, opt, optarg))
			return 2;
	}
	if (argc - optind != 1) {
		fprintf(stderr, "usage: bare [-e ring|pread] [-c] LOAD-OPTIONS FILE\n");
		return 2;
	}
	fd = open(argv[optind], (load.write ? O_RDWR : O_RDONLY) | (cached ? 0 : O_DIRECT));
	if (fd < 0)
		die(argv[optind], errno);
	if (load.depth > LOAD_DEPTH_MAX)
		die("depth", ERANGE);
	make_buffers(&load);
	if (!use_pread)
		make_ring(&load, fd);
	if (load_start(&load, (uint64_t)lseek(fd, 0, SEEK_END)) < 0)
		die(argv[optind], EINVAL);
	if (use_pread)
		pread_loop(&load, fd);
	else
		ring_loop(&load);
	load_report(&load, use_pread ? "pread" : "bare");
	return 0;
}
