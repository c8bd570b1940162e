#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# What a machine can tell of the style: a licence tag in each file, 100 columns with tabs of 8, no blank
# at the end of a line, a newline at the end of a file, nothing left to do in a comment.
cd "$(dirname "$0")/../.." || exit 1
bad=0
complain() { echo "$*"; bad=1; }

all=$(git ls-files -co --exclude-standard -- '*.c' '*.h' '*.sh' '*.mk' Makefile | while read -r f; do
	[ -f "$f" ] && echo "$f"
done)
sources=$(echo "$all" | grep '\.[ch]$')

grep -L 'SPDX-License-Identifier: BSD-2-Clause-Patent' $all | sed 's/$/: no SPDX line/' | grep . && bad=1
grep -nE '[[:space:]]$' $all | sed 's/$/<- blank at the end/' | grep . && bad=1
grep -nE '\b(TODO|FIXME|XXX)\b' $(echo "$all" | grep -v gates/style.sh) && bad=1
for f in $all; do [ -z "$(tail -c 1 "$f")" ] || complain "$f: no newline at the end"; done
awk '{
	line = ""	# tabs of 8
	n = split($0, part, "\t")
	for (i = 1; i <= n; i++) {
		line = line part[i]
		if (i < n)
			line = line substr("        ", 1 + length(line) % 8)
	}
	if (length(line) > 100) { print FILENAME ":" FNR ": " length(line) " columns"; bad = 1 }
} END { exit bad }' $sources || bad=1
[ $bad -eq 0 ] && echo "style: all files"
exit $bad
