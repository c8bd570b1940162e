/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/backing.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "iopath/port/sim/sim.h"
#include "tests/sim/volume.h"

static char saved[256];		/* the kept image: a file of this machine, sparse */

static int must(enum status st, const char *what)
{
	return st == ST_OK ? 0 : complain("%s: %s", what, status_text(st));
}

int backing_create(uint64_t bytes, char uri[256])
{
	mem_copy_text(uri, 256, "/disks/model.img");
	return must(sim_disk_create(uri, bytes, 1), uri);
}

void backing_destroy(const char *uri)
{
	must(port_path_remove(uri), uri);
	if (saved[0])
		unlink(saved);
	saved[0] = 0;
}

int backing_judge(const char *uri, const struct hidden *hidden)
{
	(void)uri;
	(void)hidden;
	return 0;
}

int backing_save(const char *uri)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(saved, sizeof(saved), "%s/cairn-crash.XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(saved);
	if (fd < 0)
		return complain("%s: cannot be made", saved);
	close(fd);
	return must(sim_disk_export(uri, saved), saved);
}

int backing_restore(const char *uri)
{
	sim_stop_after_writes(UINT64_MAX);
	if (must(port_path_remove(uri), uri) < 0)
		return -1;
	return must(sim_disk_import(uri, saved), saved);
}

uint64_t backing_writes(void) { return sim_write_count(); }
void backing_stop_after(uint64_t writes) { sim_stop_after_writes(writes); }
int backing_has_stopped(void) { return sim_has_stopped(); }
void backing_crash(int drop, uint64_t seed) { sim_crash(seed, drop); }
