/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host_names - the directory /vmfs/volumes as a read-only store: a directory per volume, named by
 * its UUID, and a symbolic link per label, as on ESXi. */
#ifndef CAIRN_TOOLS_HOST_NAMES_H
#define CAIRN_TOOLS_HOST_NAMES_H

#include "iopath/store.h"

struct host;

struct store *host_names_create(struct host *host);	/* NULL: no memory */
void host_names_destroy(struct store *store);		/* NULL is fine */

#endif
