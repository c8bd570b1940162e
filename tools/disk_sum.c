/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_sum - write a manifest, and compare a disk with one, both in a single pass. Blocks of zeros
 * are hashed into the whole and left out of the list, so a thin disk of 1 TiB has a short
 * manifest. */
#include "tools/disk_sum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iopath/base/fmt.h"
#include "tools/sha256.h"

#define BLOCK_BYTES	MIB
#define MANIFEST_MAX	(8 * GIB)	/* of a disk of 62 TB without a hole: 5 GiB */

/* ---- one pass -------------------------------------------------------------------------------- */

/* Called for every block; text NULL: all zeros. */
typedef enum status (*block_fn)(void *arg, uint64_t block, const char *text);

static enum status pass(struct vmdk_disk *d, struct vmdk_job *job, block_fn fn, void *arg,
			char all_text[SHA256_TEXT])
{
	uint64_t total = vmdk_bytes(d);
	uint8_t *buf = port_dma_alloc(BLOCK_BYTES);
	struct sha256 all, one;
	enum status st = buf ? ST_OK : ST_NOMEM;

	sha256_init(&all);
	for (uint64_t at = 0; st == ST_OK && at < total; at += BLOCK_BYTES) {
		uint64_t n = MIN(total - at, BLOCK_BYTES);
		char text[SHA256_TEXT];
		int zero;

		st = vmdk_read(d, at, buf, n);
		if (st != ST_OK)
			break;
		sha256_add(&all, buf, n);
		zero = port_accel()->is_zero(buf, n);
		if (!zero) {
			sha256_init(&one);
			sha256_add(&one, buf, n);
			sha256_end(&one, text);
		}
		st = fn(arg, at / BLOCK_BYTES, zero ? NULL : text);
		if (st == ST_OK && job->progress && job->progress(job, at + n, total))
			st = ST_CANCELLED;
	}
	if (buf)
		port_dma_free(buf, BLOCK_BYTES);
	sha256_end(&all, all_text);
	return st;
}

/* ---- write ----------------------------------------------------------------------------------- */

static enum status write_block(void *arg, uint64_t block, const char *text)
{
	return !text || fprintf(arg, "%s %llu\n", text, (unsigned long long)block) > 0 ? ST_OK :
											 ST_NOMEM;
}

static enum status put(struct cmd *cmd, const char *manifest, const char *data, size_t bytes,
		       struct why *why)
{
	struct host_path at;
	enum status st = host_resolve(cmd->host, manifest, HOST_WRITE, &at, why);

	return st == ST_OK ? store_replace(at.store, at.path, 0644, data, bytes, why) : st;
}

enum status disk_sum_write(struct cmd *cmd, struct vmdk_disk *disk, const char *manifest,
			   struct vmdk_job *job, struct why *why)
{
	char all[SHA256_TEXT], *text = NULL, *whole = NULL;
	size_t bytes = 0;
	int n;
	FILE *f = open_memstream(&text, &bytes);
	enum status st = f ? pass(disk, job, write_block, f, all) : ST_NOMEM;

	if (f && fclose(f) != 0 && st == ST_OK)
		st = ST_NOMEM;
	if (st == ST_OK) {
		n = asprintf(&whole, "cairn-manifest 1\nbytes %llu\nblock %llu\nall %s\n%s",
			     (unsigned long long)vmdk_bytes(disk), (unsigned long long)BLOCK_BYTES,
			     all, text);
		st = n < 0 ? ST_NOMEM : put(cmd, manifest, whole, (size_t)n, why);
	}
	free(whole);
	free(text);
	return st == ST_OK || why->text[0] ? st :
					     why_set(why, st, "%s: %s", manifest, status_text(st));
}

/* ---- check ----------------------------------------------------------------------------------- */

struct checking {
	const char		*next;	/* line of the manifest */
	struct disk_sum_result	*result;
};

/* Does the next line speak of this block? Blocks without a line are zeros. */
static int line_is_for(const char *line, uint64_t block)
{
	char *end;

	if (strlen(line) < SHA256_TEXT || line[SHA256_TEXT - 1] != ' ')
		return 0;
	return strtoull(line + SHA256_TEXT, &end, 10) == block && *end == '\n';
}

static enum status check_block(void *arg, uint64_t block, const char *text)
{
	struct checking *c = arg;
	int listed = line_is_for(c->next, block);
	int good = listed ? text && memcmp(c->next, text, SHA256_TEXT - 1) == 0 : !text;

	if (listed)
		c->next = strchr(c->next, '\n') + 1;
	if (!good && c->result->bad++ == 0)
		c->result->first_bad_at = block * BLOCK_BYTES;
	c->result->blocks++;
	return ST_OK;
}

/* The four lines at the top; what follows them, or NULL. */
static const char *parse_head(const char *text, uint64_t *bytes, char all[SHA256_TEXT])
{
	unsigned long long b, block;
	int n = 0;

	if (sscanf(text, "cairn-manifest 1\nbytes %llu\nblock %llu\nall %64[0-9a-f]\n%n", &b,
		   &block, all, &n) != 3 ||
	    n == 0 || block != BLOCK_BYTES || strlen(all) != SHA256_TEXT - 1)
		return NULL;
	*bytes = b;
	return text + n;
}

static enum status check_text(struct vmdk_disk *disk, const char *manifest, const char *text,
			      struct vmdk_job *job, struct disk_sum_result *result, struct why *why)
{
	char want[SHA256_TEXT], all[SHA256_TEXT];
	uint64_t bytes;
	struct checking c = { parse_head(text, &bytes, want), result };
	enum status st;

	if (!c.next)
		return why_set(why, ST_CORRUPT, "%s: not a manifest of this program", manifest);
	if (bytes != vmdk_bytes(disk))
		return why_set(why, ST_CORRUPT,
			       "%s: describes a disk of %llu bytes, this one has %llu", manifest,
			       (unsigned long long)bytes, (unsigned long long)vmdk_bytes(disk));
	st = pass(disk, job, check_block, &c, all);
	if (st != ST_OK)
		return why_set(why, st, "reading the disk failed: %s", status_text(st));
	if (*c.next || (result->bad == 0 && strcmp(all, want) != 0))
		return why_set(why, ST_CORRUPT, "%s: its lines do not go together", manifest);
	return ST_OK;
}

enum status disk_sum_check(struct cmd *cmd, struct vmdk_disk *disk, const char *manifest,
			   struct vmdk_job *job, struct disk_sum_result *result, struct why *why)
{
	struct host_path at;
	char *text;
	uint64_t n;
	enum status st = host_resolve(cmd->host, manifest, HOST_READ, &at, why);

	if (st == ST_OK)
		st = store_read_all(at.store, at.path, MANIFEST_MAX, &text, &n, why);
	if (st != ST_OK)
		return st;
	st = check_text(disk, manifest, text, job, result, why);
	port_free(text);
	return st;
}
