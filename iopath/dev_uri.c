/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* dev_uri - what an operator may call a device, and opening it. */
#include "iopath/dev_priv.h"

#define NUMBER_MAX 1024u	/* partitions: more than any table here holds */

/* Of "scheme://host:port/...": where the place for a partition number begins. Behind the host there
 * may be a port, so ":N" counts only behind that, or behind a path. */
static const char *number_from(const char *uri)
{
	const char *p = uri, *colon;

	if (!dev_uri_scheme(uri))
		return uri;
	while (*p != ':')
		p++;
	p += 3;
	if (*p == '[')		/* an IPv6 address */
		while (*p && *p != ']')
			p++;
	for (colon = NULL; *p && *p != '/'; p++)
		if (*p == ':' && !colon)
			colon = p;
	return *p || !colon ? p : colon + 1;
}

int io_dev_names_partition(const char *uri)
{
	size_t path_bytes;
	uint32_t number;

	return dev_uri_split(uri, &path_bytes, &number);
}

int dev_uri_scheme(const char *uri)
{
	const char *p = uri;

	while ((*p >= 'a' && *p <= 'z') || *p == '+')
		p++;
	return p > uri && p[0] == ':' && p[1] == '/' && p[2] == '/';
}

int dev_uri_split(const char *uri, size_t *path_bytes, uint32_t *number)
{
	const char *colon = strrchr(number_from(uri), ':');
	uint32_t n = 0;

	if (!colon || colon == uri || !colon[1])
		return 0;
	for (const char *p = colon + 1; *p; p++) {
		if (*p < '0' || *p > '9')
			return 0;
		n = n * 10 + (uint32_t)(*p - '0');
		if (n > NUMBER_MAX)
			return 0;
	}
	*path_bytes = (size_t)(colon - uri);
	*number = n;
	return 1;
}

static enum status open_partition(const char *uri, size_t path_bytes, uint32_t number,
				  unsigned flags, struct io_dev **dev, struct why *why)
{
	char path[sizeof((*dev)->name)];
	enum status st;

	if (number == 0)
		return why_set(why, ST_INVAL,
			       "%s: partitions are counted from 1; the whole device is "
			       "named without ':0'",
			       uri);
	memcpy(path, uri, path_bytes);
	path[path_bytes] = 0;
	st = dev_disk_open(path, flags, dev, why);
	if (st != ST_OK)
		return st;
	st = dev_disk_narrow(*dev, number, why);
	if (st != ST_OK)
		io_dev_close(*dev);
	else
		mem_copy_text((*dev)->name, sizeof((*dev)->name), uri);
	return st;
}

enum status io_dev_open(const char *uri, unsigned flags, struct io_dev **dev, struct why *why)
{
	struct port_stat ps;
	size_t path_bytes;
	uint32_t number;

	if (dev_uri_scheme(uri) && strncmp(uri, "nbd", 3) != 0)
		return why_set(why, ST_UNSUPPORTED,
			       "%s: this release opens files, block devices and NBD only", uri);
	if (!*uri || strlen(uri) >= sizeof((*dev)->name))
		return why_set(why, ST_NAME, "%.60s: a device name has 1 to %zu bytes", uri,
			       sizeof((*dev)->name) - 1);
	if (dev_uri_split(uri, &path_bytes, &number) && port_path_stat(uri, &ps) != ST_OK)
		return open_partition(uri, path_bytes, number, flags, dev, why);
	return dev_disk_open(uri, flags, dev, why);
}

void io_dev_close(struct io_dev *dev)
{
	dev->ops->close(dev);
}
