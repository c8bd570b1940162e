# SPDX-License-Identifier: BSD-2-Clause-Patent
tools/nbdkit_SRCS := plugin.c
tools/nbdkit_DEPS :=
