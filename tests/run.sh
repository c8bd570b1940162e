#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# run.sh TEST...: run test programs and scripts, one after the other, and print the closing line
# `N passed, N failed, N skipped`. A test ends with 0 (passed), 77 (skipped, its last line says why)
# or anything else. A program may count its cases itself with a last line `#RESULT passed failed skipped`.
# Arguments of the form --title=TEXT head a group. Output of a failed test is shown whole.
set -u
passed=0 failed=0 skipped=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for t in "$@"; do
	case $t in --title=*) echo "== ${t#--title=}"; continue ;; esac
	start=$SECONDS
	timeout -k 10 "${TEST_TIMEOUT:-900}" "$t" >"$out" 2>&1 </dev/null
	rc=$?
	p=0 f=0 s=0
	read -r p f s < <(sed -n 's/^#RESULT \([0-9]* [0-9]* [0-9]*\)$/\1/p' "$out" | tail -1) || true
	if [ "$((${p:-0} + ${f:-0} + ${s:-0}))" -eq 0 ]; then
		p=0 f=0 s=0
		case $rc in 0) p=1 ;; 77) s=1 ;; *) f=1 ;; esac
	elif [ $rc -ne 0 ] && [ $rc -ne 77 ] && [ "$f" -eq 0 ]; then
		f=1
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	word=ok
	[ "$s" -gt 0 ] && [ "$p" -eq 0 ] && word=skipped
	[ "$f" -gt 0 ] && word=FAILED
	name=${t#build/}
	printf '%-8s %-60s %4ss\n' "$word" "$name" "$((SECONDS - start))"
	case $word in
	FAILED) echo "   exit $rc"; sed 's/^/   | /' "$out" | tail -60 ;;
	skipped) sed 's/^/   /' "$out" | grep -v '^   #RESULT' | tail -1 ;;
	esac
done
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
