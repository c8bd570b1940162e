/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* disk_chain - the links of a chain for a report, also of one that is broken: what their
 * descriptors say and what of their files is there. */
#ifndef CAIRN_TOOLS_DISK_CHAIN_H
#define CAIRN_TOOLS_DISK_CHAIN_H

#include "tools/disk.h"

#define DISK_LINKS_MAX 33	/* what a walk shows, and one more to be sure */

struct disk_link {
	char		name[HOST_PATH_MAX];	/* as a command takes it */
	char		create_type[64], hint[1024], missing[256];	/* "" for none */
	enum vmdk_kind	kind;
	uint32_t	cid, parent_cid;
	uint64_t	bytes, file_bytes, allocated_bytes;
	int64_t		changed_s;	/* of the extent written last; INT64_MIN: unknown */
};

struct disk_chain {
	struct disk_link	*link;		/* DISK_LINKS_MAX */
	uint32_t		count;
	struct why		fault;		/* ST_OK: the chain is whole */
};

/* Never fails for what lies on the disk: that goes to chain->fault. */
MUST_USE enum status disk_chain_look(const struct host_path *at, unsigned flags,
				     struct disk_chain *chain, struct why *why);
void disk_chain_free(struct disk_chain *chain);
/* A name of a file of a store, as a command takes it. */
char *disk_store_name(const struct store *s, const char *path, char *buf, size_t size);

void disk_chain_print(const struct disk_chain *chain);
/* The list for "chain"; NULL: no memory. */
json_t *disk_chain_json(const struct disk_chain *chain);

#endif
