# SPDX-License-Identifier: BSD-2-Clause-Patent
iopath/base_SRCS := status.c why.c mem.c fmt.c size.c utf8.c dict.c log.c crc.c inflate.c deflate.c accel_plain.c
iopath/base_DEPS :=
