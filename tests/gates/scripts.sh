#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Shell scripts parse, and can be started.
cd "$(dirname "$0")/../.." || exit 1
bad=0
for f in $(git ls-files -co --exclude-standard '*.sh' .ci/run); do
	[ -f "$f" ] || continue
	bash -n "$f" || bad=1
	head -1 "$f" | grep -q '^#!' && [ ! -x "$f" ] && { echo "$f: not executable"; bad=1; }
done
exit $bad
