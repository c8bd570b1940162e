/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* mem_dev - a device in memory that returns to a kept state by copying only the pages that changed:
 * a fuzzer changes a few bytes of 64 MiB some thousand times a second. Both are mappings, so that
 * what nobody has written costs nothing; behind each is a page that nobody may touch. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096u

static void touch(struct mem_dev *m, uint64_t at, uint64_t bytes)
{
	for (uint64_t page = at / PAGE; bytes > 0 && page <= (at + bytes - 1) / PAGE; page++)
		m->touched[page] = 1;
}

/* Zeros; whole pages are given back, for most of a volume's metadata is zeros. */
static void clear(uint8_t *memory, uint64_t at, uint64_t bytes)
{
	uint64_t first = round_up(at, PAGE), end = round_down(at + bytes, PAGE);

	if (first >= end) {
		memset(memory + at, 0, bytes);
		return;
	}
	memset(memory + at, 0, first - at);
	memset(memory + end, 0, at + bytes - end);
	if (madvise(memory + first, end - first, MADV_DONTNEED) != 0)
		abort();
}

static int is_zero(const uint8_t *page)
{
	return port_accel()->is_zero(page, PAGE);
}

static enum status transfer(struct mem_dev *m, struct io_req *req)
{
	uint64_t at = req->io.offset, bytes = req->io.bytes;

	if (req->io.op == PORT_FLUSH)
		return ST_OK;
	if (at > m->dev.size_bytes || bytes > m->dev.size_bytes - at)
		return ST_RANGE;
	if (req->io.op == PORT_READ) {
		io_req_copy_in(req, 0, m->bytes + at, bytes);
		return ST_OK;
	}
	touch(m, at, bytes);
	if (req->io.op == PORT_WRITE)
		io_req_copy_out(req, 0, m->bytes + at, bytes);
	else
		clear(m->bytes, at, bytes);
	return ST_OK;
}

static void mem_dev_submit(struct io_dev *dev, struct io_req *req)
{
	io_finish_later(req, transfer(container_of(dev, struct mem_dev, dev), req));
}

static void mem_dev_close(struct io_dev *dev)
{
	(void)dev;
}

static const struct io_dev_ops mem_dev_ops = { .submit = mem_dev_submit, .close = mem_dev_close };

static uint8_t *must_have(size_t bytes)
{
	size_t whole = round_up(bytes, PAGE);
	uint8_t *p = mmap(NULL, whole + PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED || mprotect(p + whole, PAGE, PROT_NONE) != 0)
		abort();
	/* A byte here and there must not cost 2 MiB each. Kernels without huge pages say no. */
	(void)madvise(p, whole, MADV_NOHUGEPAGE);
	return p;
}

void mem_dev_init(struct mem_dev *m, uint64_t size_bytes)
{
	m->dev = (struct io_dev){
		.ops = &mem_dev_ops, .size_bytes = size_bytes, .block_bytes = 512, .writable = 1,
		.zero_is_cheap = 1, .unmap_zeroes = 1, .name = "memory",
	};
	m->bytes = must_have(size_bytes);
	m->touched = must_have(size_bytes / PAGE);
	m->base = NULL;
}

void mem_dev_keep(struct mem_dev *m)
{
	m->base = must_have(m->dev.size_bytes);
	for (uint64_t page = 0; page < m->dev.size_bytes / PAGE; page++)
		if (m->touched[page] && !is_zero(m->bytes + page * PAGE))
			memcpy(m->base + page * PAGE, m->bytes + page * PAGE, PAGE);
	memset(m->touched, 0, m->dev.size_bytes / PAGE);
}

void mem_dev_restore(struct mem_dev *m)
{
	for (uint64_t page = 0; page < m->dev.size_bytes / PAGE; page++) {
		if (!m->touched[page])
			continue;
		if (!is_zero(m->base + page * PAGE))
			memcpy(m->bytes + page * PAGE, m->base + page * PAGE, PAGE);
		else if (!is_zero(m->bytes + page * PAGE))
			clear(m->bytes, page * PAGE, PAGE);
		m->touched[page] = 0;
	}
}

void mem_dev_patch(struct mem_dev *m, uint64_t at, const void *data, size_t bytes)
{
	touch(m, at, bytes);
	memcpy(m->bytes + at, data, bytes);
}
