/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host_path - names as people write them, made absolute and normal. */
#include "tools/host_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iopath/base/mem.h"

int path_normal(const char *name, char *out, size_t size)
{
	size_t used = 0;

	while (*name) {
		size_t n;

		name += strspn(name, "/");
		n = strcspn(name, "/");
		if (n == 0)
			break;
		if (n == 2 && name[0] == '.' && name[1] == '.') {
			while (used > 0 && out[--used] != '/')
				;
		} else if (!(n == 1 && name[0] == '.')) {
			if (used + n + 2 > size)
				return -1;
			out[used++] = '/';
			memcpy(out + used, name, n);
			used += n;
		}
		name += n;
	}
	if (used == 0)
		out[used++] = '/';
	out[used] = 0;
	return 0;
}

int path_join(const char *dir, const char *name, char *out, size_t size)
{
	int n = snprintf(out, size, "%s%s%s", dir, strcmp(dir, "/") == 0 ? "" : "/", name);

	return n < 0 || (size_t)n >= size ? -1 : 0;
}

const char *path_last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void path_parent(const char *path, char *out, size_t size)
{
	const char *last = path_last(path);
	size_t n = (size_t)(last - path);

	n -= n > 1;		/* the slash, unless it is the root */
	n = MIN(n, size - 1);
	memcpy(out, path, n);
	out[n] = 0;
}

int path_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return 1;
	return strncmp(path, dir, n) == 0 && (path[n] == 0 || path[n] == '/');
}

/* The kernel resolves ".." after a symbolic link differently than text does, so for this machine's
 * own files the directory is asked for its real path when it exists. */
int path_of_host(const char *name, char *out, size_t size)
{
	char absolute[2 * HOST_PATH_MAX], dir[2 * HOST_PATH_MAX], cwd[HOST_PATH_MAX];
	const char *last;
	char *real;
	int bad;

	if (strlen(name) >= HOST_PATH_MAX || !getcwd(cwd, sizeof(cwd)))
		return -1;
	snprintf(absolute, sizeof(absolute), "%s%s%s", name[0] == '/' ? "" : cwd,
		 name[0] == '/' ? "" : "/", name);
	last = path_last(absolute);
	if (*last == 0 || strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
		real = realpath(absolute, NULL);
		last = "";
	} else {
		path_parent(absolute, dir, sizeof(dir));
		real = realpath(dir, NULL);
	}
	if (!real)
		return path_normal(absolute, out, size);
	bad = path_join(real, last, absolute, sizeof(absolute)) || path_normal(absolute, out, size);
	free(real);
	return bad;
}
