# SPDX-License-Identifier: BSD-2-Clause-Patent
snapshots_SRCS := arena.c files.c words.c vmx.c vmsd.c links.c chains.c machines.c findings.c scan.c
snapshots_DEPS := vmdk iopath iopath/base iopath/port
