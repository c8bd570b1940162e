# SPDX-License-Identifier: BSD-2-Clause-Patent
iopath/port/sim_SRCS := run.c chance.c memory.c console.c fault.c image.c image_log.c node.c path.c disk.c \
	lock.c io.c crash.c transfer.c host.c blocks.c odds.c freeze.c
iopath/port/sim_DEPS := iopath/port iopath/base
