/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* tmp_dir - a private directory for tests on the machine's own files. */
#ifndef CAIRN_TESTS_TMP_DIR_H
#define CAIRN_TESTS_TMP_DIR_H

#include <stdio.h>
#include <stdlib.h>

#include "iopath/port/port.h"

struct tmp_dir { char path[200]; };

static inline void tmp_dir_make(struct tmp_dir *d)
{
	const char *base = getenv("TMPDIR");

	snprintf(d->path, sizeof(d->path), "%s/cairn-unit.XXXXXX", base ? base : "/tmp");
	VERIFY(mkdtemp(d->path) != NULL);
}

static inline void tmp_dir_remove(struct tmp_dir *d)
{
	char cmd[300];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", d->path);
	VERIFY(system(cmd) == 0);
}

/* "DIR/name" in one of a few static buffers, for short calls. */
static inline const char *tmp_in(const struct tmp_dir *d, const char *name)
{
	static char buf[4][400];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(buf[turn], sizeof(buf[turn]), "%s/%s", d->path, name);
	return buf[turn];
}

/* A file of that size, or the bytes given. */
static inline void tmp_file(const struct tmp_dir *d, const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(tmp_in(d, name), "wb");

	VERIFY(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

#endif
