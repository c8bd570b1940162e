# SPDX-License-Identifier: BSD-2-Clause-Patent
iopath/port/linux_SRCS := run.c machine.c mail.c process.c asked.c memory.c dma.c clock.c identity.c console.c accel.c \
	disk.c disk_nbd.c disk_info.c io.c partial.c copy.c blocking.c read_here.c pool.c engine_uring.c engine_aio.c engine_threads.c file.c
iopath/port/linux_DEPS := iopath/port iopath/base
