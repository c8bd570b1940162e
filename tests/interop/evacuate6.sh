#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# evacuate.sh again, out of VMFS-6: the copying is the same, what it stands on is not.
cd "$(dirname "$0")/../.." || exit 1
[ -n "${CAIRN_LONG:-}" ] || { echo "evacuate.sh has run on VMFS-5; here too with CAIRN_LONG=1"; exit 77; }
VMFS=6 exec tests/interop/evacuate.sh
