# SPDX-License-Identifier: BSD-2-Clause-Patent
iopath_SRCS := req.c wait.c mutex.c dev.c dev_uri.c part.c part_gpt.c store.c hostfs.c hostfs_path.c
iopath_DEPS := iopath/port iopath/base
