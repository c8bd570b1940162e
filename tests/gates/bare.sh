#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Everything above the port compiles and links without an operating system.
exec make -s bare-check
