/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* content - bytes that are read and written in blocks of 1 MiB: a file of a store as it lies there,
 * or what a virtual disk shows. Sums and evacuation work on either. Call in a world. */
#ifndef CAIRN_TOOLS_CONTENT_H
#define CAIRN_TOOLS_CONTENT_H

#include "iopath/store.h"
#include "vmdk/vmdk.h"

#define CONTENT_BLOCK MIB

struct content {
	struct store_file	*file;		/* one of the two; the caller's, who closes it */
	struct vmdk_disk	*disk;
	uint64_t		bytes;
	/* what was found last, from run_at to run_end */
	uint64_t		run_at, run_end;
	uint8_t			run_zero;
};

void content_of_disk(struct content *c, struct vmdk_disk *disk);
void content_of_file(struct content *c, struct store_file *file, uint64_t bytes);

void content_submit(struct content *c, struct io_req *req);
MUST_USE enum status content_read(struct content *c, uint64_t offset, void *buf, uint64_t bytes);
/* How many bytes from offset on are known to be zeros, without reading them; not past the end. */
MUST_USE enum status content_zeros(struct content *c, uint64_t offset, uint64_t *bytes);

#endif
