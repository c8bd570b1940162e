/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* live_io - file data beside hosts that write.
 *
 * A block can leave its file and become another one's while it is read. So a request for data is a
 * look as well: find the blocks, read them, and believe it when descriptor and pointers are still
 * the same. The worker takes all requests that wait at once, so that one verification serves many
 * and the device sees them side by side.
 *
 * That makes every request true, not a file: what a host writes into blocks that are there changes
 * no metadata. The lock of the file tells. Who writes takes it, and its token grows; so a file was
 * at rest when its descriptor, lock included, is the same at the end as at the open and nobody
 * holds it. */
#include "vmfs/vmfs_priv.h"

#define BATCH	16u		/* requests of one look */
#define PIECES	64u		/* transfers side by side */

struct batch {
	struct io_req	*req[BATCH];
	enum status	st[BATCH];
	uint32_t	count, pieces;
	struct io_wait	wait[PIECES];
	uint32_t	owner[PIECES];		/* index of the request */
};

static struct vmfs_node *node_of(const struct io_req *req)
{
	return ((const struct vmfs_file *)req->frame[req->depth - 1].ctx)->node;
}

static int is_small(const struct vmfs_fd *fd)
{
	return vmfs_fd_zla(fd) == VMFS_ZLA_RESIDENT || vmfs_fd_zla(fd) == VMFS_ZLA_SB;
}

/* ---- a batch of requests --------------------------------------------------------------------- */

static void drain(struct batch *b)
{
	for (uint32_t i = 0; i < b->pieces; i++) {
		enum status st = io_wait_end(&b->wait[i]);

		if (st != ST_OK)	/* ST_RANGE: of a device that was cut short */
			b->st[b->owner[i]] = st == ST_RANGE ? ST_DEVICE : st;
	}
	b->pieces = 0;
}

/* Into the request's buffers, from its byte `at` on. */
static void transfer(struct vmfs_volume *vol, struct batch *b, uint32_t i, uint64_t at,
		     const struct store_run *run)
{
	struct io_req *req = b->req[i];
	struct io_wait *w;

	if (b->pieces == PIECES)
		drain(b);
	b->owner[b->pieces] = i;
	w = &b->wait[b->pieces++];
	io_wait_begin(w, PORT_READ, run->where, NULL, run->bytes);
	w->req.io.vec = req->io.vec;
	w->req.io.vec_count = req->io.vec_count;
	w->req.io.skip = io_top(req)->skip + at;
	lvm_submit(&vol->lvm, &w->req);
}

static enum status read_small(struct vmfs_volume *vol, struct io_req *req, const struct vmfs_fd *fd)
{
	struct io_frame *f = io_top(req);
	uint8_t *buf = port_alloc(META_PAGE_BYTES);
	enum status st = buf ? ST_OK : ST_NOMEM;

	req->io.skip = f->skip;
	for (uint64_t at = 0; at < f->bytes && st == ST_OK;) {
		uint64_t part = MIN(f->bytes - at, META_PAGE_BYTES);

		st = vmfs_fd_read(vol, fd, f->offset + at, buf, part);
		if (st == ST_OK)
			io_req_copy_in(req, at, buf, part);
		at += part;
	}
	port_free(buf);
	return st;
}

static enum status read_runs(struct vmfs_volume *vol, struct batch *b, uint32_t i)
{
	struct io_req *req = b->req[i];
	struct io_frame *f = io_top(req);
	enum status st = ST_OK;

	for (uint64_t at = 0; at < f->bytes && st == ST_OK;) {
		struct store_run run;

		st = vmfs_file_map(node_of(req), f->offset + at, &run);
		if (st != ST_OK)
			break;
		run.bytes = MIN(run.bytes, f->bytes - at);
		if (run.kind == STORE_RUN_DATA) {
			transfer(vol, b, i, at, &run);
		} else {
			req->io.skip = f->skip + at;
			io_req_set_zero(req, 0, run.bytes);
		}
		at += run.bytes;
	}
	return st;
}

/* A descriptor of type 0 is nobody's: a file that is removed leaves it so; that is no damage. */
enum status vmfs_live_fd(struct vmfs_volume *vol, const struct vmfs_node *n, struct vmfs_fd *fd)
{
	int complained = vol->live.complaint[0] != 0;
	enum status st;

	fd->page = NULL;
	st = vmfs_fd_get(vol, n->fd.addr, fd);
	if (st == ST_CORRUPT && vol->live.on && fd->page && vmfs_fd_type(fd) == 0) {
		if (!complained)
			vol->live.complaint[0] = 0;
		return ST_BUSY;
	}
	if (st != ST_OK || !vol->live.reading)
		return st;
	return le32_get(vmfs_fd_meta(fd)->generation) == n->generation ? ST_OK : ST_BUSY;
}

static enum status read_one(struct vmfs_volume *vol, struct batch *b, uint32_t i)
{
	struct io_req *req = b->req[i];
	struct io_frame *f = io_top(req);
	struct vmfs_fd fd;
	enum status st = vmfs_live_fd(vol, node_of(req), &fd);

	if (st != ST_OK)
		return st;
	if (f->offset + f->bytes > vmfs_fd_length(&fd))
		return ST_BUSY;		/* it was longer when the request was made */
	return is_small(&fd) ? read_small(vol, req, &fd) : read_runs(vol, b, i);
}

static enum status read_batch(struct vmfs_volume *vol, void *arg)
{
	struct batch *b = arg;

	for (uint32_t i = 0; i < b->count; i++) {
		enum status st;

		b->st[i] = ST_OK;
		st = read_one(vol, b, i);
		if (st != ST_OK)
			b->st[i] = st;
	}
	drain(b);
	return ST_OK;
}

static void finish(struct batch *b, enum status all)
{
	for (uint32_t i = 0; i < b->count; i++) {
		struct io_frame *f = io_top(b->req[i]);

		f->cursor = 0;
		b->req[i]->io.bytes = f->bytes;
		io_finish_later(b->req[i], all == ST_OK ? b->st[i] : all);
	}
}

void vmfs_live_serve(struct vmfs_volume *vol, struct list *requests)
{
	struct batch *b = port_alloc(sizeof(*b));
	struct list *l;

	while (b && !list_empty(requests)) {
		for (b->count = 0; b->count < BATCH && (l = list_pop(requests));)
			b->req[b->count++] = list_entry(l, struct io_req, link);
		finish(b, vmfs_look(vol, read_batch, b));
		vmfs_meta_relax(vol);
	}
	while ((l = list_pop(requests)))
		io_finish_later(list_entry(l, struct io_req, link), ST_NOMEM);
	port_free(b);
}

/* ---- a whole file ---------------------------------------------------------------------------- */

/* Descriptor, lock included, with the pointers or the content in it. */
static enum status mark_of(struct vmfs_volume *vol, const struct vmfs_fd *fd, uint32_t *mark)
{
	struct vmfs_lock_disk lock;
	enum status st = vmfs_fd_lock(vol, fd, &lock);

	if (st != ST_OK)
		return st;
	*mark = port_accel()->crc32c(0, &lock, sizeof(lock));
	*mark = port_accel()->crc32c(*mark, vmfs_fd_meta(fd),
				     VMFS_FD_INLINE_AT + vmfs_form(vol)->resident_max);
	return ST_OK;
}

enum status vmfs_live_mark(struct vmfs_node *n)
{
	n->generation = le32_get(vmfs_fd_meta(&n->fd)->generation);
	n->data_read = n->many_reads = 0;
	return mark_of(n->vol, &n->fd, &n->mark);
}

struct settling {
	struct vmfs_node	*node;
	struct vmfs_fd		fd;
	uint32_t		mark;
	int			gone, still;	/* still: nothing says that it is being written */
	struct vmfs_peer	holder;
	int			held;
};

static enum status settle_op(struct vmfs_volume *vol, void *arg)
{
	struct settling *s = arg;
	const struct vmfs_peer *p;
	struct vmfs_lock_disk lock;
	enum status st = vmfs_live_fd(vol, s->node, &s->fd);

	s->gone = st == ST_BUSY;
	if (st != ST_OK)
		return s->gone ? ST_OK : st;
	st = mark_of(vol, &s->fd, &s->mark);
	if (st == ST_OK)
		st = vmfs_fd_lock(vol, &s->fd, &lock);
	if (st != ST_OK)
		return st;
	p = vmfs_live_holder(vol, &lock);
	s->held = p != NULL;
	if (p)
		s->holder = *p;
	return ST_OK;
}

static enum status held_by(const struct vmfs_peer *p, struct why *why)
{
	char uuid[VMFS_UUID_TEXT];
	struct vmfs_uuid owner;

	memcpy(owner.b, p->slot.owner.b, sizeof(owner.b));
	vmfs_uuid_format(&owner, uuid);
	return why_set(why, ST_BUSY,
		       "is open for writing on host %s (%.46s): its content may be from different "
		       "moments", uuid, (const char *)p->slot.ip);
}

static enum status judge(struct vmfs_node *n, const struct settling *s, struct why *why)
{
	uint32_t type = vmfs_fd_type(&n->fd);

	if (s->gone)
		return why_set(why, ST_BUSY, "was removed while it was read");
	if (n->data_read && s->mark != n->mark)
		return why_set(why, ST_BUSY, "changes while it is read");
	if ((type == VMFS_TYPE_SYSTEM || type == VMFS_TYPE_VOLUME) && vmfs_live_any(n->vol))
		return why_set(why, ST_BUSY, "belongs to the file system, which a host changes");
	/* One request for a small file is one look: all of it is of one moment. */
	if (s->held && (!is_small(&s->fd) || n->many_reads))
		return held_by(&s->holder, why);
	return ST_OK;
}

enum status vmfs_live_settled(struct vmfs_node *n, struct why *why)
{
	struct vmfs_volume *vol = n->vol;
	struct settling s = { .node = n };
	enum status st = ST_OK;

	if (!vol->live.reading)
		return ST_OK;
	if (!vol->live.on && vmfs_live_due(vol))
		st = vmfs_live_sample(vol);
	if (st != ST_OK || !vol->live.on)
		return st;
	st = vmfs_look(vol, settle_op, &s);
	if (st == ST_BUSY)
		return why_set(why, st, "changes while it is read");
	if (st != ST_OK)
		return why_set(why, st, "cannot be looked at again: %s", status_text(st));
	st = judge(n, &s, why);
	n->mark = s.mark;
	n->data_read = n->many_reads = 0;
	return st;
}
