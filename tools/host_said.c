/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host_said - the names in messages are those that people type. Below the tools a volume knows only
 * itself, and says "ds1:/vm/a.vmdk" or "/vm/a.vmdk"; typed was "/vmfs/volumes/ds1/vm/a.vmdk". The
 * second form could be a file of this machine as well: it is taken for one of a volume when a name
 * in that directory of a volume was resolved before, and none in that directory of this machine. */
#include "tools/host_priv.h"

#include <stdio.h>
#include <string.h>

void host_said_note(struct host *host, const struct host_path *at)
{
	struct host_said *s = &host->said[host->said_count % HOST_SAID_MAX];

	if (strlen(at->path) >= sizeof(s->dir))
		return;
	path_parent(at->path, s->dir, sizeof(s->dir));
	s->volume = at->volume;
	host->said_count++;
}

/* How much of the start of text is the directory, slash included; 0: it does not start so. */
static size_t starts_in(const char *text, const char *dir)
{
	size_t n = strlen(dir);

	if (strncmp(text, dir, n) != 0)
		return 0;
	return n == 1 ? 1 : text[n] == '/' ? n + 1 : 0;
}

/* The volume that "/vm/a.vmdk: ..." is about; NULL: none, or nobody can tell. */
static const struct host_volume *volume_of_path(const struct host *host, const char *text)
{
	const struct host_volume *found = NULL;
	size_t best = 0;

	for (size_t i = 0; i < MIN(host->said_count, (size_t)HOST_SAID_MAX); i++) {
		size_t n = starts_in(text, host->said[i].dir);

		if (n > best || (n && n == best && !host->said[i].volume)) {
			best = n;
			found = host->said[i].volume;
		}
	}
	return found;
}

const char *host_said(const struct host *host, const char *text, char *buf, size_t size)
{
	const struct host_volume *v = NULL;

	if (text[0] == '/' && strncmp(text, "/vmfs/", 6) != 0)
		v = volume_of_path(host, text);
	for (size_t i = 0; text[0] != '/' && i < host->volume_count && !v; i++) {
		size_t n = strlen(host_volume_name(host->volume[i]));

		if (strncmp(text, host_volume_name(host->volume[i]), n) == 0 &&
		    strncmp(text + n, ":/", 2) == 0) {
			v = host->volume[i];
			text += n + 1;
		}
	}
	if (!v)
		return text;
	snprintf(buf, size, "/vmfs/volumes/%s%s", host_volume_name(v), text);
	return buf;
}
