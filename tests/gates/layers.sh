#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause-Patent
# No #include points up.
exec make -s layers
