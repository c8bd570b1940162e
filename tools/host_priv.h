/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host_priv - what host.c, host_claim.c and host_said.c share, and nobody else sees. */
#ifndef CAIRN_TOOLS_HOST_PRIV_H
#define CAIRN_TOOLS_HOST_PRIV_H

#include "tools/host.h"

#define DEVICE_NAME_MAX		256	/* as in struct io_dev */

struct host_piece {			/* one device of a volume */
	char			uri[DEVICE_NAME_MAX];
	struct vmfs_probe	probe;
	struct host_piece	*twin;	/* another device that claims to be the same one */
};

struct host_volume {
	struct host		*host;
	struct host_piece	*piece[HOST_DEVICES_MAX];
	uint32_t		piece_count;
	const struct vmfs_probe	*head;
	char			uuid[VMFS_UUID_TEXT];
	struct vmfs_volume	*vol;		/* NULL: not mounted */
	enum host_access	access;
	struct io_dev		*dev[HOST_DEVICES_MAX];
	uint32_t		dev_count;
};

#define HOST_SAID_MAX 8
struct host_said {			/* host_said.c: a directory in which a name was resolved */
	struct host_volume	*volume;	/* NULL: of this machine */
	char			dir[1024];
};

struct host {
	const struct config	*config;
	struct store		*files;		/* this machine's own, opened at first use */
	struct store		*names;		/* the directory /vmfs/volumes */
	struct store_names	lookup;		/* for stores: names that lead into others */
	struct host_volume	**volume;
	size_t			volume_count;
	uint8_t			scanned;
	struct why		trouble;	/* of the first device that cannot be read */
	void			(*on_reading)(void *arg, struct host_volume *v,
					      struct vmfs_volume *vol);
	void			*on_reading_arg;
	struct host_said	said[HOST_SAID_MAX];	/* a ring */
	size_t			said_count;
};

void host_said_note(struct host *host, const struct host_path *at);

/* "lun.img:1" and "./lun.img:1" are one device: two spellings of one file. whole: the name `a`
 * without a partition stands for all of them. */
int host_same_device(const char *a, const char *b, int whole);
/* As io_dev_open(), or as the configuration says. */
MUST_USE enum status host_dev_open(struct host *host, const char *uri, unsigned flags,
				   struct io_dev **dev, struct why *why);
/* For how long nobody has changed any of these image files; 0: not known, they are no files. */
uint64_t host_quiet_ns(const struct host_volume *v);
/* Take the device, or those of its partitions that hold a VMFS. ST_NOENT: nothing there. */
MUST_USE enum status host_claim(struct host *host, const char *uri, struct why *why);
/* /vmfs/devices/disks/NAME[:N] of a claimed device becomes its URI; anything else stays. */
MUST_USE enum status host_device_uri(struct host *host, const char *name, char *uri, size_t size,
				     struct why *why);

#endif
