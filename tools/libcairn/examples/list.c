/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* list DEVICE... - every file on every volume of these devices: kind, size, path.
 * An example of libcairn: volumes, directories, and how an error is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cairn.h>

#define DEPTH_MAX 64	/* a damaged volume may have a directory inside of itself */

static int complain(const struct cairn_error *error)
{
	fprintf(stderr, "list: %s (%s)\n", error->text, cairn_status_word(error->status));
	return 1;
}

static char letter(enum cairn_kind kind)
{
	switch (kind) {
	case CAIRN_DIR:
		return 'd';
	case CAIRN_SYMLINK:
		return 'l';
	case CAIRN_RDM:
		return 'r';
	case CAIRN_SYSTEM:
		return 's';
	case CAIRN_FILE:
		return '-';
	default:
		return '?';
	}
}

static int list_dir(struct cairn *c, const char *path, int depth)
{
	struct cairn_entry *entry;
	struct cairn_error error;
	size_t count;
	int failed = 0;

	if (cairn_list(c, path, &entry, &count, &error) != CAIRN_OK)
		return complain(&error);
	for (size_t i = 0; i < count; i++) {
		char below[4096];

		if ((size_t)snprintf(below, sizeof(below), "%s/%s", path, entry[i].name) >=
		    sizeof(below))
			continue;
		printf("%c %14llu %s\n", letter(entry[i].stat.kind),
		       (unsigned long long)entry[i].stat.size_bytes, below);
		if (entry[i].stat.kind == CAIRN_DIR && depth < DEPTH_MAX)
			failed |= list_dir(c, below, depth + 1);
	}
	cairn_free(entry);
	return failed;
}

static int list_all(struct cairn *c)
{
	struct cairn_volume *volume;
	struct cairn_error error;
	size_t count;
	int failed = 0;

	if (cairn_volumes(c, &volume, &count, &error) != CAIRN_OK)
		return complain(&error);
	for (size_t i = 0; i < count; i++) {
		char path[80];

		printf("%s VMFS-%u %s\n", volume[i].label, volume[i].version, volume[i].uuid);
		snprintf(path, sizeof(path), "/vmfs/volumes/%s", volume[i].uuid);
		failed |= list_dir(c, path, 0);
	}
	cairn_free(volume);
	return failed;
}

int main(int argc, char **argv)
{
	struct cairn_error error;
	struct cairn *c = cairn_create(NULL, &error);
	enum cairn_status st = c ? CAIRN_OK : error.status;
	int failed;

	for (int i = 1; st == CAIRN_OK && i < argc; i++)
		st = cairn_add_device(c, argv[i], &error);
	if (st == CAIRN_OK)
		st = cairn_start(c, &error);
	failed = st == CAIRN_OK ? list_all(c) : complain(&error);
	cairn_destroy(c);
	return failed;
}
