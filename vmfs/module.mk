# SPDX-License-Identifier: BSD-2-Clause-Patent
vmfs_SRCS := uuid.c lvm_header.c lvm.c lvm_absent.c lvm_io.c form.c geom.c records.c layout.c probe.c \
	lvm_format.c res_format.c writer.c mkfs.c
vmfs_SRCS += meta.c journal.c alloc.c slot.c recover.c peer.c heartbeat.c fd.c map.c dir.c dir_array.c dir_hash.c name_hash.c foreign.c res_grow.c res_reload.c path.c file.c file_io.c store_vmfs.c volume.c locking.c reclaim.c live.c live_io.c lock.c lock_disk.c lock_wait.c cover.c lock_admin.c
vmfs_SRCS += check.c check_lvm.c check_hb.c check_resources.c check_files.c check_dirs.c check_dir_hash.c check_fix.c grow.c grow_fs.c header_lock.c
vmfs_DEPS := vaai iopath iopath/base
