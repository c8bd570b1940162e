#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# What a machine can tell of the style: a licence tag in each file, 100 columns with tabs of 8, no blank
# at the end of a line, a newline at the end of a file, nothing left to do in a comment.
cd "$(dirname "$0")/../.." || exit 1
bad=0
complain() { echo "$*"; bad=1; }

for f in $(git ls-files -co --exclude-standard -- '*.c' '*.h' '*.sh' '*.mk' Makefile); do
	[ -f "$f" ] || continue
	head -3 "$f" | grep -q 'SPDX-License-Identifier: BSD-2-Clause-Patent' || complain "$f: no SPDX line"
	[ -z "$(tail -c 1 "$f")" ] || complain "$f: no newline at the end"
	grep -nE '[[:space:]]$' "$f" | sed "s|^|$f: blank at the end of line |" | cut -c1-120 | grep . && bad=1
	case $f in tests/gates/style.sh) ;; *)
		grep -nE '\b(TODO|FIXME|XXX)\b' "$f" | sed "s|^|$f: |" | grep . && bad=1 ;;
	esac
	case $f in *.c | *.h)
		expand -t 8 "$f" | awk -v f="$f" 'length > 100 { print f ":" NR ": " length " columns"; bad = 1 } END { exit bad }' || bad=1 ;;
	esac
done
[ $bad -eq 0 ] && echo "style: all files"
exit $bad
