/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* dev - private: how the pieces of io_dev_open() hang together. */
#ifndef CAIRN_IOPATH_DEV_PRIV_H
#define CAIRN_IOPATH_DEV_PRIV_H

#include "iopath/iopath.h"

/* A whole disk of the port. */
MUST_USE enum status dev_disk_open(const char *path, unsigned flags, struct io_dev **dev,
				   struct why *why);
/* Narrow a device of dev_disk_open() to partition `number` of its table. */
MUST_USE enum status dev_disk_narrow(struct io_dev *dev, uint32_t number, struct why *why);

/* "path:7" -> the length of "path" and 7; 0 when there is no ":<digits>" behind a name. */
int dev_uri_split(const char *uri, size_t *path_bytes, uint32_t *number);
/* "iscsi://..." -> 1: a scheme, not a path. */
int dev_uri_scheme(const char *uri);

#endif
