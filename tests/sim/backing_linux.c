/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "tests/sim/backing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/sim/volume.h"

int backing_create(uint64_t bytes, char uri[256])
{
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(uri, 256, "%s/cairn-model.XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(uri);
	if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
		return complain("%s: cannot be made", uri);
	close(fd);
	return 0;
}

void backing_destroy(const char *uri) { unlink(uri); }

/* The totals at the end of what fsck.vmfs prints. */
struct totals { unsigned long long unallocated, lost, undefined, orphaned, errors; int lines; };

static void totals_read(struct totals *t, FILE *out)
{
	char line[512];

	while (fgets(line, sizeof(line), out))
		t->lines += sscanf(line, "Unallocated blocks : %llu", &t->unallocated) == 1 ||
			    sscanf(line, "Lost blocks : %llu", &t->lost) == 1 ||
			    sscanf(line, "Undefined inodes : %llu", &t->undefined) == 1 ||
			    sscanf(line, "Orphaned inodes : %llu", &t->orphaned) == 1 ||
			    sscanf(line, "Directory errors : %llu", &t->errors) == 1;
}

int backing_judge(const char *uri, const struct hidden *hidden)
{
	char command[512];
	struct totals t = { 0 };
	FILE *out;

	if (access("/usr/sbin/fsck.vmfs", X_OK) != 0)
		return 0;
	snprintf(command, sizeof(command), "/usr/sbin/fsck.vmfs '%s' 2>&1", uri);
	out = popen(command, "r");
	if (!out)
		return complain("fsck.vmfs does not start");
	totals_read(&t, out);
	pclose(out);
	if (t.lines != 5)
		return complain("fsck.vmfs printed %d of its 5 totals", t.lines);
	if (t.unallocated > hidden->bogus || t.undefined || t.orphaned || t.errors ||
	    t.lost < hidden->least || t.lost > hidden->most)
		return complain(
		    "fsck.vmfs: %llu unallocated, %llu lost (%llu..%llu expected), %llu undefined, "
		    "%llu orphaned, %llu directory errors",
		    t.unallocated, t.lost, (unsigned long long)hidden->least,
		    (unsigned long long)hidden->most, t.undefined, t.orphaned, t.errors);
	return 1;
}
