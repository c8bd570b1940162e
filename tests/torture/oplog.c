/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* oplog - what a worker asked for and was told, in a file outside of the volume. Each line is one
 * write(2), so it outlives the process that is killed behind it; the checksum finds one that was
 * not written whole. */
#include "tests/torture/torture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint32_t check_of(const struct log_line *l)
{
	return port_accel()->crc32c(0, l, offsetof(struct log_line, check));
}

static void log_path(char *path, size_t size, const char *dir, uint32_t worker)
{
	snprintf(path, size, "%s/worker%u.log", dir, worker);
}

/* Where the last whole line ends: what a killed process left behind it is cut off. */
static off_t whole_bytes(int fd)
{
	struct log_line l;
	off_t at = 0;

	while (pread(fd, &l, sizeof(l), at) == (ssize_t)sizeof(l) && l.check == check_of(&l))
		at += (off_t)sizeof(l);
	return at;
}

int oplog_open(struct oplog *log, const char *dir, uint32_t worker)
{
	char path[512];

	log_path(path, sizeof(path), dir, worker);
	log->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (log->fd < 0 || ftruncate(log->fd, whole_bytes(log->fd)) != 0 ||
	    lseek(log->fd, 0, SEEK_END) < 0) {
		perror(path);
		return -1;
	}
	return 0;
}

void oplog_put(struct oplog *log, struct log_line line)
{
	struct log_line l;

	/* No byte between the fields may differ: the checksum is over them too. */
	memset(&l, 0, sizeof(l));
	l.what = line.what;
	l.op.kind = line.op.kind;
	l.op.place = line.op.place;
	l.op.stamp = line.op.stamp;
	l.op.id = line.op.id;
	l.op.over = line.op.over;
	l.op.unit = line.op.unit;
	l.op.units = line.op.units;
	l.id = line.id;
	l.unit = line.unit;
	l.stamp = line.stamp;
	l.prefix = line.prefix;
	l.check = check_of(&l);
	if (write(log->fd, &l, sizeof(l)) != (ssize_t)sizeof(l)) {
		perror("torture: the log cannot be written");
		_exit(2);
	}
}

int oplog_replay(const char *dir, uint32_t worker, int (*fn)(void *arg, const struct log_line *l),
		 void *arg)
{
	char path[512];
	struct log_line l;
	FILE *f;
	int bad = 0;

	log_path(path, sizeof(path), dir, worker);
	f = fopen(path, "re");
	if (!f)
		return 0;	/* its first life */
	while (!bad && fread(&l, sizeof(l), 1, f) == 1 && l.check == check_of(&l))
		bad = fn(arg, &l);
	fclose(f);
	return bad;
}
