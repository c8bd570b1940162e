# SPDX-License-Identifier: BSD-2-Clause-Patent
tools_SRCS := main.c run.c commands.c cmd.c opt.c out.c progress.c config.c host.c host_names.c host_path.c walk.c copy.c check.c cmd_self.c cmd_volume.c cmd_file.c file_ls.c file_cp.c file_rm.c file_du.c voma.c complete.c man.c
tools_DEPS := vmdk vmfs iopath iopath/port iopath/base
