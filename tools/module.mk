# SPDX-License-Identifier: BSD-2-Clause-Patent
tools_SRCS := opt.c progress.c out.c
tools_DEPS := vmdk vmfs iopath iopath/port iopath/base
