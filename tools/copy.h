/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* copy - the data of one file to another file or to a descriptor of this process.
 * Holes are neither read nor written; pieces of 1 MiB, several in flight. Call in a world. */
#ifndef CAIRN_TOOLS_COPY_H
#define CAIRN_TOOLS_COPY_H

#include "iopath/store.h"

struct copy_job {
	/* Called for each piece; non-zero stops with ST_CANCELLED. May be NULL. */
	int		(*moved)(struct copy_job *job, uint64_t bytes);
	/* A range of the source that cannot be read: it becomes zeros, and the copy goes on. where:
	 * its place in the source's store, ~0 when unknown. NULL: the copy fails instead. */
	void		(*gap)(struct copy_job *job, uint64_t offset, uint64_t bytes,
			       uint64_t where, enum status st);
	/* out, added up over all copies of this job */
	uint64_t	bytes_read, bytes_written, bytes_skipped;
	int		fd_errno;	/* copy_to_fd: why the descriptor failed, or 0 */
	uint8_t		source_failed;	/* the copy ended because the source could not be read */
	uint64_t	source_at;	/* there */
};

/* dst is empty and open for writing; it gets the length of src. Not flushed. */
MUST_USE enum status copy_file(struct store_file *src, struct store_file *dst, uint64_t bytes,
			       struct copy_job *job);
/* The first `bytes` of src to a pipe, file or terminal. When the descriptor fails: ST_DEVICE and
 * job->fd_errno. */
MUST_USE enum status copy_to_fd(struct store_file *src, uint64_t bytes, int fd,
				struct copy_job *job);

#endif
