/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* content - one face for files and disks. The last run is kept: whoever asks goes upwards. */
#include "tools/content.h"

void content_of_disk(struct content *c, struct vmdk_disk *disk)
{
	*c = (struct content){ .disk = disk, .bytes = vmdk_bytes(disk) };
}

void content_of_file(struct content *c, struct store_file *file, uint64_t bytes)
{
	*c = (struct content){ .file = file, .bytes = bytes };
}

void content_submit(struct content *c, struct io_req *req)
{
	if (c->disk)
		vmdk_submit(c->disk, req);
	else
		c->file->store->ops->submit(c->file, req);
}

enum status content_read(struct content *c, uint64_t offset, void *buf, uint64_t bytes)
{
	return c->disk ? vmdk_read(c->disk, offset, buf, bytes) :
			 store_read(c->file, offset, buf, bytes);
}

static enum status find_run(struct content *c, uint64_t offset)
{
	struct store_run file_run;
	struct vmdk_run disk_run;
	enum status st;

	if (c->disk) {
		st = vmdk_map(c->disk, offset, &disk_run);
		c->run_zero = disk_run.zero;
		c->run_end = disk_run.offset + disk_run.bytes;
	} else {
		st = c->file->store->ops->file_map(c->file, offset, &file_run);
		c->run_zero = file_run.kind != STORE_RUN_DATA;
		c->run_end = file_run.offset + file_run.bytes;
	}
	c->run_at = offset;
	if (st == ST_OK && c->run_end <= offset)	/* no progress: a damaged map */
		st = ST_CORRUPT;
	if (st != ST_OK)
		c->run_at = c->run_end = 0;
	return st;
}

enum status content_zeros(struct content *c, uint64_t offset, uint64_t *bytes)
{
	uint64_t at = offset;

	*bytes = 0;
	while (at < c->bytes) {
		if (at < c->run_at || at >= c->run_end) {
			enum status st = find_run(c, at);

			if (st != ST_OK)
				return st;
		}
		if (!c->run_zero)
			break;
		at = MIN(c->run_end, c->bytes);
	}
	*bytes = at - offset;
	return ST_OK;
}
