#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# run.sh TEST...: run test programs and scripts, and print the closing line
# `N passed, N failed, N skipped`. A test ends with 0 (passed), 77 (skipped, its last line says why)
# or anything else. A program may count its cases itself with a last line `#RESULT passed failed skipped`.
# Among the tests, --title=TEXT heads a group, and --jobs=N says how many of the following run at the
# same time (1); lines come in the order of the tests all the same. Output of a failed test is shown whole.
set -u
passed=0 failed=0 skipped=0 jobs=1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM	# what runs behind & does not hear a Ctrl-C

# Test i, in the background. Its .rc appears when all else is there.
start()
{
	local i=$1 start=$SECONDS rc

	timeout -k 10 "${TEST_TIMEOUT:-900}" "$2" >"$dir/$i.out" 2>&1 </dev/null
	rc=$?
	echo "$rc $((SECONDS - start))" >"$dir/$i.new"
	mv "$dir/$i.new" "$dir/$i.rc"
}

# The line of test i, which has ended, and its place in the sums.
report()
{
	local i=$1 name=${2#build/} out=$dir/$1.out rc seconds p=0 f=0 s=0 word=ok

	read -r rc seconds <"$dir/$i.rc"
	read -r p f s < <(sed -n 's/^#RESULT \([0-9]* [0-9]* [0-9]*\)$/\1/p' "$out" | tail -1) || true
	if [ "$((${p:-0} + ${f:-0} + ${s:-0}))" -eq 0 ]; then
		p=0 f=0 s=0
		case $rc in 0) p=1 ;; 77) s=1 ;; *) f=1 ;; esac
	elif [ "$rc" -ne 0 ] && [ "$rc" -ne 77 ] && [ "$f" -eq 0 ]; then
		f=1
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	[ "$s" -gt 0 ] && [ "$p" -eq 0 ] && word=skipped
	[ "$f" -gt 0 ] && word=FAILED
	printf '%-8s %-60s %4ss\n' "$word" "$name" "$seconds"
	case $word in
	FAILED) echo "   exit $rc"; sed 's/^/   | /' "$out" | tail -60 ;;
	skipped) sed 's/^/   /' "$out" | grep -v '^   #RESULT' | tail -1 ;;
	esac
	rm -f "$out" "$dir/$i.rc"
}

tests=() first=0	# first: the first that has not been reported

report_ended()
{
	while [ -e "$dir/$first.rc" ]; do
		report "$first" "${tests[first]}"
		first=$((first + 1))
	done
}

# Until fewer than that many run.
wait_below()
{
	while [ "$(jobs -pr | wc -l)" -ge "$1" ]; do wait -n; report_ended; done
	report_ended
}

for arg in "$@"; do
	case $arg in
	--title=*) wait_below 1; echo "== ${arg#--title=}"; continue ;;
	--jobs=*) jobs=${arg#--jobs=}; continue ;;
	esac
	wait_below "$jobs"
	start "${#tests[@]}" "$arg" &
	tests+=("$arg")
done
wait_below 1
[ "$first" -eq "${#tests[@]}" ] || { echo "FAILED   ${tests[first]}: it was killed"; failed=$((failed + 1)); }
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
