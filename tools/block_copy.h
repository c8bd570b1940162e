/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* block_copy - content into another place, block by block, hashed on the way, with a journal from
 * which a killed copy goes on where it was. Holes are neither read nor written.
 *
 * The journal has a line for each block that has arrived, in order:
 *	<SHA-256 of the block, or 0: all zeros> <block number> <the whole sum so far>
 * A block without a line, below one that has a line, is a hole. "durable" says that all above it
 * has reached the disk. A process that is killed leaves its writes in this machine's page cache,
 * so until the machine starts again every line is true; after that, those above "durable". */
#ifndef CAIRN_TOOLS_BLOCK_COPY_H
#define CAIRN_TOOLS_BLOCK_COPY_H

#include "tools/content.h"
#include "tools/lines.h"
#include "tools/sha256.h"

#define BLOCK_COPY_DEPTH 4	/* blocks in flight: what a kill can cost in reading again */

struct block_copy {
	struct content	*src, *dst;	/* dst is as long as src already */
	struct line_out	*journal;	/* NULL: none */
	/* The point from which it goes on; zeroes and sha256_init() to start. At the end: all. */
	uint64_t	next;		/* byte, a whole number of blocks */
	struct sha256	sum;
	/* Called for each block (read_bytes) or hole (0); non-zero stops with ST_CANCELLED. */
	int		(*moved)(struct block_copy *bc, uint64_t read_bytes);
	/* out, added up */
	uint64_t	bytes_read, bytes_written, bytes_skipped;
};

/* In the end, or when it is stopped or fails, the journal is written (not flushed) to the last
 * block that arrived. ST_OK: the data is durable, and the whole sum in all. */
MUST_USE enum status block_copy_run(struct block_copy *bc, char all[SHA256_TEXT]);

/* A line of the journal: 1 a block, its parts filled in; 0: something else. */
struct block_line {
	const char	*sum;		/* "0" or 64 hex digits, ended by a NUL */
	uint64_t	block;
	const char	*state;		/* for sha256_load() at the end of the block */
};
int block_line_parse(char *line, struct block_line *out);

#endif
