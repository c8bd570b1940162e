# SPDX-License-Identifier: BSD-2-Clause-Patent
vaai_SRCS := ats.c
vaai_DEPS := iopath iopath/base iopath/port
