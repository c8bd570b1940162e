/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* ovf - the descriptor of an appliance: what hardware a machine has and which files are its disks.
 * Written for one machine; read from whoever wrote it, several machines and all.
 * Source: DMTF DSP0243 1.1 and 2.1, Open Virtualization Format; the words for controllers and for
 * the format of disks are those that VMware's own packages use. */
#ifndef CAIRN_TOOLS_OVF_H
#define CAIRN_TOOLS_OVF_H

#include <stddef.h>
#include <stdint.h>

#include "iopath/base/why.h"

#define OVF_NOT_SAID UINT64_MAX		/* of bytes */
#define OVF_BYTES_MAX (4u << 20)	/* of one that is read; real ones are below 1 MiB */

struct ovf_disk {
	const char	*file;			/* name of the member; NULL: made empty later */
	uint64_t	capacity_bytes;		/* what the guest sees */
	uint64_t	file_bytes;		/* of the stream */
	uint64_t	used_bytes;		/* of data in it, as far as it is known */
	const char	*format;		/* read: as spelt, a URL; NULL: not said */
	const char	*controller;		/* "lsilogic", "sata", ...; NULL: not said */
	unsigned	bus, unit;		/* of the controllers of that family; place on it */
};

struct ovf_nic {
	const char	*device;		/* "e1000", "vmxnet3", ...; NULL: not said */
	const char	*network;		/* NULL: not said */
};

struct ovf_machine {
	const char		*name;
	const char		*guest_os;	/* as in a .vmx: "debian10-64"; NULL: not said */
	const char		*firmware;	/* "efi"; NULL: BIOS */
	const char		*hardware;	/* read: "vmx-13"; NULL: not said */
	uint32_t		cpus, memory_mib, hardware_version;	/* 0: not said */
	const struct ovf_disk	*disk;
	size_t			disk_count;
	const struct ovf_nic	*nic;
	size_t			nic_count;
};

/* ---- ovf.c: writing -------------------------------------------------------------------------- */

/* The text, in memory of the C library: free(). NULL: no memory. */
char *ovf_text(const struct ovf_machine *m);

/* ---- ovf_read.c ------------------------------------------------------------------------------ */

/* A file that the descriptor refers to; chunk_bytes: it is cut into "href.000000000" and so on. */
struct ovf_file {
	const char	*href, *compression;	/* "gzip"; NULL: none */
	uint64_t	bytes;			/* OVF_NOT_SAID */
	uint64_t	chunk_bytes;		/* 0: it is whole */
};

struct ovf_package {
	const struct ovf_machine *machine;
	const struct ovf_file	*file;
	const char		*const *fault;	/* what does not fit together; a line each */
	size_t			machine_count, file_count, fault_count;
};

/* Everything in *package lives until ovf_free(). Bytes that are not said are OVF_NOT_SAID. No file
 * and no network is touched: whatever the text names is only told.
 *   ST_CORRUPT  it is not XML, has a document type, or describes no machine
 *   ST_LIMIT    too long, or too many machines, disks or files */
MUST_USE enum status ovf_read(const char *text, size_t bytes, struct ovf_package **package,
			      struct why *why);
void ovf_free(struct ovf_package *package);

#endif
