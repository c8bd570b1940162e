/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* host - the one place that wires: devices, volumes and names of this process. Devices come from
 * --device, then CAIRN_DEVICES, then the configuration; they are looked at when the first name
 * below /vmfs is used, opened without write permission, and grouped into volumes by their LV
 * UUID. A volume is mounted when a path on it is resolved, and unmounted by host_destroy().
 *
 *	/vmfs/volumes/<label or UUID>/...	a file on a volume
 *	/vmfs/devices/disks/<name>[:N]		a claimed device, or a partition of it
 *	anything else				a file or device of this machine */
#ifndef CAIRN_TOOLS_HOST_H
#define CAIRN_TOOLS_HOST_H

#include "iopath/store.h"
#include "tools/config.h"
#include "tools/host_path.h"
#include "vmfs/vmfs.h"

#define HOST_DEVICES_MAX 32	/* of one volume */

struct host;
struct host_volume;

/* config outlives the host. Touches no device. */
MUST_USE enum status host_create(const struct config *config, struct host **host, struct why *why);
/* Unmounts everything. Also frees when it fails; the status is that of the first failed unmount. */
MUST_USE enum status host_destroy(struct host *host, struct why *why);

/* ---- paths ----------------------------------------------------------------------------------- */

enum host_access { HOST_READ = 0, HOST_WRITE = 1 };

struct host_path {
	struct store		*store;		/* the volume's, or hostfs of "/" */
	struct host_volume	*volume;	/* NULL: this machine's own file */
	char			path[HOST_PATH_MAX];	/* in the store: absolute, normal */
	char			name[HOST_PATH_MAX];	/* as the operator spelt it, for messages */
};

/* Find the store of a name and mount it. The file itself need not exist.
 * A volume that this process has mounted for reading is not mounted again for writing: resolve the
 * path that will be written first.
 *   ST_NOENT    no such volume (known ones are named)     ST_LIMIT  the name is too long
 *   ST_REFUSED  two volumes have that label, or two devices hold the same piece of it
 *   and what vmfs_mount() says */
MUST_USE enum status host_resolve(struct host *host, const char *name, enum host_access access,
				  struct host_path *out, struct why *why);
/* 1 for names below /vmfs/volumes: they never touch the machine's own file system. */
int host_is_datastore_name(const char *name);

/* The text of a message, a name at its start in the form in which people type it: buf, or text when
 * there is nothing to change. */
const char *host_said(const struct host *host, const char *text, char *buf, size_t size);

/* ---- devices --------------------------------------------------------------------------------- */

/* Open what a command line calls a device: "/vmfs/devices/disks/NAME[:N]", "/dev/disks/NAME[:N]",
 * or a URI of io_dev_open(). flags: enum io_open. The caller closes it. */
MUST_USE enum status host_open_device(struct host *host, const char *name, unsigned flags,
				      struct io_dev **dev, struct why *why);
/* The same for what should hold a piece of a VMFS: when the device itself does not and one of its
 * partitions does, that partition is opened. */
MUST_USE enum status host_open_vmfs_device(struct host *host, const char *name, unsigned flags,
					   struct io_dev **dev, struct why *why);

/* ---- volumes --------------------------------------------------------------------------------- */

/* Look at all devices now (once). A device that cannot be opened or read is told about on standard
 * error and left out. */
MUST_USE enum status host_scan(struct host *host, struct why *why);
size_t host_volume_count(const struct host *host);
/* In the order of the devices; NULL past the end. */
struct host_volume *host_volume_at(struct host *host, size_t index);
/* By label, UUID, "/vmfs/volumes/X[/...]", or a device that holds a piece of it: a device that
 * was not claimed before is claimed for this process. */
MUST_USE enum status host_volume_find(struct host *host, const char *name,
				      struct host_volume **volume, struct why *why);

/* Of its head, or of any device when the head is missing. */
const struct vmfs_probe *host_volume_probe(const struct host_volume *volume);
/* The label, or the UUID when it has none. */
const char *host_volume_name(const struct host_volume *volume);
const char *host_volume_uuid(const struct host_volume *volume);
/* Those that were found (probe->num_devs exist), and their URIs. */
uint32_t host_volume_devices(const struct host_volume *volume);
const char *host_volume_device(const struct host_volume *volume, uint32_t index);
/* Mount it, unless that is done, and give it as a place for files and as a volume. */
MUST_USE enum status host_volume_mount(struct host_volume *volume, enum host_access access,
				       struct vmfs_volume **vol, struct why *why);
/* Called for each volume that is mounted for reading, before anything is read from it; NULL: none.
 * What it says comes first. */
void host_on_reading(struct host *host,
		     void (*fn)(void *arg, struct host_volume *v, struct vmfs_volume *vol),
		     void *arg);
/* vmfs_read_verdict() of everything that was read so far; the first bad one. */
MUST_USE enum status host_read_verdict(struct host *host, struct why *why);
/* The devices of an unmounted volume, opened with IO_OPEN_* flags, for check, grow and span. The
 * caller closes each with io_dev_close(). */
MUST_USE enum status host_volume_open_devices(struct host_volume *volume, unsigned flags,
					      struct io_dev *devs[HOST_DEVICES_MAX],
					      uint32_t *count, struct why *why);

#endif
