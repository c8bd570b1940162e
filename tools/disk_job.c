/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_job - a disk by its name, and long work on it that shows progress and can be stopped. */
#include <stdio.h>
#include <unistd.h>

#include "tools/disk.h"

enum status disk_open(struct cmd *cmd, const char *name, unsigned flags, struct disk *disk,
		      struct why *why)
{
	enum host_access access = flags & VMDK_WRITE ? HOST_WRITE : HOST_READ;
	enum status st = host_resolve(cmd->host, name, access, &disk->at, why);

	disk->vmdk = NULL;
	return st == ST_OK ? vmdk_open(disk->at.store, disk->at.path, flags, &disk->vmdk, why) : st;
}

enum status disk_close(struct disk *disk, enum status st, struct why *why)
{
	enum status ended = disk->vmdk ? vmdk_close(disk->vmdk) : ST_OK;

	disk->vmdk = NULL;
	if (st != ST_OK || ended == ST_OK)
		return st;
	return why_set(why, ended, "%s: closing failed: %s", disk->at.name, status_text(ended));
}

static int on_progress(struct vmdk_job *job, uint64_t done_bytes, uint64_t total_bytes)
{
	struct disk_job *j = container_of(job, struct disk_job, job);

	return progress_update(&j->progress, done_bytes, total_bytes);
}

void disk_progress(struct cmd *cmd, struct progress *p, const char *word, const char *phase,
		   const char *object)
{
	int quiet = cmd->json || cmd->quiet || (!word && !isatty(STDERR_FILENO));
	enum progress_mode usual = quiet ? PROGRESS_NONE : PROGRESS_CR;

	/* A JSON document has standard output for itself. */
	progress_start(p, progress_mode(opt_text(&cmd->args, "progress", NULL), usual),
		       word && !cmd->json ? stdout : stderr, word);
	progress_phase(p, phase, object, 0);
}

void disk_job_start(struct cmd *cmd, struct disk_job *j, const char *word, const char *phase,
		    const char *object)
{
	*j = (struct disk_job){ .job = { .progress = on_progress,
					 .rate_bytes_per_s = opt_number(&cmd->args, "rate", 0),
					 .depth = (uint32_t)opt_number(&cmd->args, "depth", 0) } };
	disk_progress(cmd, &j->progress, word, phase, object);
}

void disk_job_end(struct disk_job *j, enum status st)
{
	progress_end(&j->progress, st == ST_OK);
}
