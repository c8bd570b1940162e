/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* export - ways out that need more than a conversion: archives of whole machines, and the formats
 * that qemu-img writes. */
#ifndef CAIRN_TOOLS_EXPORT_H
#define CAIRN_TOOLS_EXPORT_H

#include "tools/disk.h"
#include "tools/ovf.h"

/* What qemu-img is asked for; we write none of them ourselves. */
#define EXPORT_QEMU_WORDS "qcow2|vdi|vhdx|vpc"

/* The format of an export: what -O says, else what the target's name ends in. NULL: neither. */
const char *export_word(struct cmd *cmd, const char *target);

/* ---- export_ova.c ---- */

/* An archive of the machine with what its disks show; disk[i] belongs to m->disk[i], whose file and
 * sizes are filled in here. A dry run says what it would do. */
MUST_USE enum status export_ova(struct cmd *cmd, struct ovf_machine *m, struct ovf_disk *disks,
				struct vmdk_disk *const *disk, const struct host_path *to,
				struct disk_job *j, struct why *why);
/* `disk export SOURCE ... TARGET.ova`: a machine of these disks, and otherwise of defaults. */
MUST_USE enum status export_disks_ova(struct cmd *cmd, struct disk_job *j, struct why *why);

/* ---- export_qemu.c ---- */

/* Hand the disk to qemu-img over NBD. source: as the operator spelt it.
 *   ST_UNSUPPORTED  nbdkit, our plugin or qemu-img is not installed: named, with its package */
MUST_USE enum status export_qemu(struct cmd *cmd, const char *source, const char *format,
				 const struct host_path *to, struct disk_job *j, struct why *why);

/* ---- export_vm.c ---- */
int export_vm(struct cmd *cmd);		/* `vm export VM TARGET` */

#endif
