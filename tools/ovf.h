/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* ovf - the descriptor of an appliance: what hardware a machine has and which files are its disks.
 * Source: DMTF DSP0243 1.1, Open Virtualization Format; the words for controllers and for the
 * format of disks are those that VMware's own packages use. */
#ifndef CAIRN_TOOLS_OVF_H
#define CAIRN_TOOLS_OVF_H

#include <stddef.h>
#include <stdint.h>

struct ovf_disk {
	const char	*file;			/* name of the member */
	uint64_t	capacity_bytes;		/* what the guest sees */
	uint64_t	file_bytes;		/* of the stream */
	uint64_t	used_bytes;		/* of data in it, as far as it is known */
	const char	*controller;		/* "lsilogic", "pvscsi", "sata", ... */
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
	uint32_t		cpus, memory_mib, hardware_version;	/* 0: not said */
	const struct ovf_disk	*disk;
	size_t			disk_count;
	const struct ovf_nic	*nic;
	size_t			nic_count;
};

/* The text, in memory of the C library: free(). NULL: no memory. */
char *ovf_text(const struct ovf_machine *m);

#endif
