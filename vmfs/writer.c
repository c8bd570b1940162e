/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* writer - a few large writes in flight, for bulk formatting. Order between them is nobody's
 * business: the caller flushes afterwards. */
#include "vmfs/format_priv.h"

enum status vmfs_writer_init(struct vmfs_writer *w, struct lvm *lvm, uint32_t chunk_bytes)
{
	memset(w, 0, sizeof(*w));
	w->lvm = lvm;
	w->chunk_bytes = chunk_bytes;
	for (uint32_t i = 0; i < WRITER_DEPTH; i++) {
		w->buf[i] = port_dma_alloc(chunk_bytes);
		if (!w->buf[i]) {
			w->status = ST_NOMEM;
			return vmfs_writer_fini(w);
		}
	}
	return ST_OK;
}

static void reap(struct vmfs_writer *w, uint32_t i)
{
	enum status st;

	if (!w->busy[i])
		return;
	st = io_wait_end(&w->wait[i]);
	w->busy[i] = 0;
	if (w->status == ST_OK)
		w->status = st;
}

uint8_t *vmfs_writer_buffer(struct vmfs_writer *w)
{
	reap(w, w->next);
	memset(w->buf[w->next], 0, w->chunk_bytes);
	return w->buf[w->next];
}

void vmfs_writer_put(struct vmfs_writer *w, uint64_t at, uint32_t low, uint32_t high)
{
	uint32_t i = w->next;

	ASSERT(low <= high && high <= w->chunk_bytes);
	if (low == high || w->status != ST_OK)
		return;
	io_wait_begin(&w->wait[i], PORT_WRITE, at + low, w->buf[i] + low, high - low);
	w->busy[i] = 1;
	lvm_submit(w->lvm, &w->wait[i].req);
	w->next = (i + 1) % WRITER_DEPTH;
}

enum status vmfs_writer_fini(struct vmfs_writer *w)
{
	for (uint32_t i = 0; i < WRITER_DEPTH; i++) {
		reap(w, i);
		if (w->buf[i])
			port_dma_free(w->buf[i], w->chunk_bytes);
		w->buf[i] = NULL;
	}
	return w->status;
}
