# SPDX-License-Identifier: BSD-2-Clause-Patent
iopath/port_SRCS := fiber.c sched.c timer.c
iopath/port_DEPS := iopath/base
