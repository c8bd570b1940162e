/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* move - pieces that need not pass through our memory. Where a piece of the source lies in one
 * range of a device, and the files of the target hold the bytes of the disk as they are, the
 * target's store may be able to copy it by itself (store_ops.copy).
 *
 * Holes stay holes: the first page is looked at, and only a piece that does not begin with zeros is
 * moved. All others are read, and so is one that could not be copied, whatever the reason: the
 * read, or the write that follows it, then tells whose fault it is, as ever. */
#include "vmdk/target_priv.h"

#define LOOK_BYTES 4096u

static void moved(struct io_req *req)
{
	struct piece *p = container_of(req, struct piece, req);

	if (req->status == ST_UNSUPPORTED)
		p->target->no_moves = 1;
	p->moved = req->status == ST_OK;
	if (p->moved)
		piece_arrived(p);
	else
		piece_read(p);
}

static void looked_at(struct io_req *req)
{
	struct piece *p = container_of(req, struct piece, req);
	struct target_extent *x = target_extent_at(p->target, p->offset);
	uint64_t bytes = req->io.bytes;
	enum status st = req->status;

	io_req_init(req, PORT_COPY, p->offset - x->start, NULL, p->bytes, moved);
	if (st == ST_OK)
		st = io_req_copy_from(req, p->from, p->from_offset);
	if (st != ST_OK || (!p->target->no_sparse && port_accel()->is_zero(p->buf, bytes)))
		piece_read(p);
	else
		x->file->store->ops->copy(x->file, req);
}

/* 1: all of the piece lies in one range of a device. The question may be a walk through tables as
 * far as they tell one thing, so an answer serves as many pieces as it covers. */
static int find_place(struct piece *p, struct vmdk_disk *src, struct vmdk_place *known)
{
	uint64_t in;

	if (p->offset < known->offset || p->offset - known->offset >= known->bytes)
		if (vmdk_place(src, p->offset, known) != ST_OK)
			known->bytes = 0;
	in = p->offset - known->offset;
	if (known->bytes == 0 || known->kind != VMDK_PLACE_DEVICE || known->bytes - in < p->bytes)
		return 0;
	p->from = known->dev;
	p->from_offset = known->dev_offset + in;
	return 1;
}

int piece_move(struct piece *p, struct vmdk_disk *src, struct vmdk_place *known)
{
	struct target *t = p->target;

	p->moved = 0;
	if (!t->sink->in_place || !t->store->ops->copy || t->no_moves || !find_place(p, src, known))
		return 0;
	io_req_init(&p->req, PORT_READ, p->offset, p->buf, MIN(LOOK_BYTES, p->bytes), looked_at);
	vmdk_submit(src, &p->req);
	return 1;
}
