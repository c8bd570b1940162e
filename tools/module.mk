# SPDX-License-Identifier: BSD-2-Clause-Patent
tools_SRCS := main.c run.c commands.c cmd.c opt.c out.c progress.c config.c host.c host_claim.c host_said.c host_names.c host_path.c host_file.c walk.c copy.c check.c cmd_self.c cmd_nbd.c cmd_lock.c lock_text.c lock_break.c cmd_volume.c volume_make.c volume_check.c cmd_file.c file_ls.c file_cp.c file_rm.c file_du.c live.c voma.c complete.c man.c \
	cmd_disk.c cmd_disk_look.c cmd_disk_check.c cmd_disk_change.c cmd_disk_copy.c disk_format.c disk_job.c disk_report.c disk_info.c disk_chain.c disk_map.c disk_sum.c content.c lines.c block_copy.c sha256.c \
	cmd_evacuate.c evac_plan.c evac_log.c evac_look.c evac_journal.c evac_unit.c evac_place.c evac_report.c \
	export_ova.c export_qemu.c export_vm.c ova.c ova_window.c ovf.c ovf_words.c \
	package.c manifest.c ovf_read.c tar_read.c xml_in.c show_package.c \
	cmd_vm.c vm_places.c disk_rebuild.c vm_text.c vm_json.c vm_report.c vm_svg.c \
	vmkfstools.c vmkfstools_disk.c vmkfstools_fs.c vmkfstools_look.c vmkfstools_query.c vmkfstools_lock.c \
	parted_util.c parted_write.c
# libxml2 keeps its headers in a folder of their own.
%/tools/ovf.o %/tools/ovf_read.o %/tools/xml_in.o: CSTD += -I/usr/include/libxml2
tools_DEPS := snapshots vmdk vmfs iopath iopath/port iopath/base

# Manual pages: the option tables of the program and the text of docs/man/src. They are kept in git so
# that a release has them without a build; tests/interop/tools.sh compares.
MAN_PAGES := $(patsubst docs/man/src/%.mdoc,docs/man/%.8,$(wildcard docs/man/src/*.mdoc))
man: build/bin/cairn
	@for p in $(MAN_PAGES:docs/man/%.8=%); do \
		build/bin/cairn __man $$p <docs/man/src/$$p.mdoc >docs/man/$$p.8 || exit 1; done
.PHONY: man
