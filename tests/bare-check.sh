#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# bare-check.sh OBJECT...: link everything above the port and fail on any undefined symbol that
# port.h (with the base headers it includes) does not declare.
set -eu
cd "$(dirname "$0")/.."
ld -r -o build/bare/core.o "$@"
printf '#include "iopath/port/port.h"\n' >build/bare/decl.c
gcc -std=gnu11 -I. -fsyntax-only -aux-info build/bare/decl.txt build/bare/decl.c
# The name is the first word before a " (": later ones belong to parameters that are functions.
declared=$(grep -oP '^[^(]*[ *]\K[a-z_0-9]+(?= \()' build/bare/decl.txt | sort -u)
undefined=$(nm -u build/bare/core.o | awk '{print $2}' | sort -u)
missing=$(comm -23 <(echo "$undefined") <(echo "$declared"))
if [ -n "$missing" ]; then
	echo "bare-check: undefined and not declared by port.h:" $missing
	exit 1
fi
echo "bare-check: $(echo "$undefined" | wc -l) symbols from the port, all declared"
