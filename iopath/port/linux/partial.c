/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* partial - transfers of a block device that are not aligned to its blocks, in steps of aligned
 * ones: an edge block is read, changed and written back; what lies between goes through a bounce
 * buffer (the caller's memory may be the part that is not aligned) or, for ZERO and UNMAP, straight
 * on. io.c lets no other write into these blocks meanwhile. */
#include "iopath/port/linux/linux_priv.h"

#include <stdlib.h>

#define BOUNCE_BYTES (256 * KIB)

struct partial {
	struct port_io	step;		/* the aligned transfer under way */
	struct port_vec	vec;
	struct port_io	*whole;		/* whole->progress: bytes that are finished */
	struct pcpu	*pcpu;
	uint64_t	bytes;		/* of `whole` in this step */
	uint64_t	lead;		/* bytes of the block in front of them */
	uint8_t		writing;	/* the edge block was read and changed */
};

static void copy_out(const struct port_io *io, const char *src, uint64_t bytes)
{
	struct iovec vec;
	struct port_io rest = *io;

	for (; bytes > 0 && io_vectors(&rest, &vec, 1) == 1;) {
		size_t n = MIN(vec.iov_len, bytes);

		memcpy(vec.iov_base, src, n);
		src += n;
		bytes -= n;
		rest.progress += n;
	}
}

static void copy_in(const struct port_io *io, char *dst, uint64_t bytes)
{
	struct iovec vec;
	struct port_io rest = *io;

	for (; bytes > 0 && io_vectors(&rest, &vec, 1) == 1;) {
		size_t n = MIN(vec.iov_len, bytes);

		memcpy(dst, vec.iov_base, n);
		dst += n;
		bytes -= n;
		rest.progress += n;
	}
}

static void next_step(struct partial *part);

static void finish(struct partial *part, enum status st)
{
	struct port_io *whole = part->whole;
	struct pcpu *p = part->pcpu;

	port_dma_free(part->vec.base, BOUNCE_BYTES);
	free(part);
	io_ended_with(p, whole, st);
}

/* Steps are not in disk->in_flight: the whole transfer stands there for them. */
static void submit_step(struct partial *part, enum port_io_op op, uint64_t offset, uint64_t bytes)
{
	part->step.op = (uint8_t)op;
	part->step.offset = offset;
	part->step.bytes = bytes;
	part->step.vec = &part->vec;
	part->step.vec_count = op == PORT_READ || op == PORT_WRITE;
	part->step.skip = part->step.progress = 0;
	part->step.disk = part->whole->disk;
	list_init(&part->step.link);
	part->pcpu->in_flight++;
	part->pcpu->engine->submit(part->pcpu, &part->step);
}

static void change_edge(struct partial *part)
{
	char *at = (char *)part->vec.base + part->lead;

	if (part->whole->op == PORT_WRITE)
		copy_in(part->whole, at, part->bytes);
	else
		memset(at, 0, part->bytes);
	part->writing = 1;
	submit_step(part, PORT_WRITE, part->step.offset, part->step.bytes);
}

static void step_done(struct port_io *step)
{
	struct partial *part = container_of(step, struct partial, step);
	struct port_io *whole = part->whole;
	int is_edge = part->lead || part->bytes % whole->disk->info.block_bytes;

	if (step->status != ST_OK) {
		finish(part, step->status);
		return;
	}
	if (is_edge && whole->op != PORT_READ && !part->writing) {
		change_edge(part);
		return;
	}
	if (whole->op == PORT_READ)
		copy_out(whole, (char *)part->vec.base + part->lead, part->bytes);
	whole->progress += part->bytes;
	next_step(part);
}

static void next_step(struct partial *part)
{
	struct port_io *whole = part->whole;
	uint64_t block = whole->disk->info.block_bytes;
	uint64_t at = whole->offset + whole->progress, left = whole->bytes - whole->progress;

	if (left == 0) {
		finish(part, ST_OK);
		return;
	}
	part->writing = 0;
	part->lead = at % block;
	if (part->lead || left < block) {
		part->bytes = MIN(left, block - part->lead);
		submit_step(part, PORT_READ, at - part->lead, block);
		return;
	}
	part->bytes = round_down(left, block);
	if (whole->op == PORT_READ || whole->op == PORT_WRITE)
		part->bytes = MIN(part->bytes, BOUNCE_BYTES);
	if (whole->op == PORT_WRITE)
		copy_in(whole, part->vec.base, part->bytes);
	submit_step(part, whole->op, at, part->bytes);
}

void partial_start(struct pcpu *p, struct port_io *io)
{
	struct partial *part = calloc(1, sizeof(*part));
	void *bounce = part ? port_dma_alloc(BOUNCE_BYTES) : NULL;

	if (bounce == NULL) {
		free(part);
		io_fail_later(p, io, ST_NOMEM);
		return;
	}
	part->whole = io;
	part->pcpu = p;
	part->vec = (struct port_vec){ bounce, BOUNCE_BYTES };
	part->step.done = step_done;
	part->step.exempt = io->exempt;
	next_step(part);
}
