#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Real processes on one datastore: killed, stopped for longer than the lease, given devices that fail; then
# zombies, which hold a file while they are stopped. Judged by what the processes were told, by voma, and
# by fsck.vmfs. SECS, PROCS and SEED say how long, how many, and which operations; the full form is
# SECS=1800 with over 1,000 kills. On an image file, and as root on a loop device too.
cd "$(dirname "$0")/../.." && . tests/lib.sh
SECS=${SECS:-${CAIRN_LONG:+1800}}
SECS=${SECS:-9}
PROCS=${PROCS:-8}
SEED=${SEED:-$RANDOM}
ZOMBIES=${ZOMBIES:-${CAIRN_LONG:+1000}}
ZOMBIES=${ZOMBIES:-16}
LEASE=${LEASE:-2000}
bin=${TORTURE_BIN:-build/asan/tests/torture}
[ -x "$bin/torture" ] || skip_all "tests/torture is not built"
echo "SEED=$SEED"
mkdir "$T/logs"

judges()
{
	clean_voma "$1" "$2"
	if have fsck.vmfs; then
		# Lazily zeroed blocks are "lost" to it; voma has counted the blocks.
		fsck.vmfs "$2" >"$T/fsck" 2>&1
		grep -cE '^(Undefined inodes|Orphaned inodes|Directory errors) *: *0$' "$T/fsck" | grep -qx 3 &&
			pass "$1: fsck.vmfs" || { fail "$1: fsck.vmfs"; tail -8 "$T/fsck"; }
	fi
}

# torture_on TEXT DEVICE SECONDS OPTION...
torture_on()
{
	local text=$1 dev=$2 secs=$3

	rm -rf "$T/logs" && mkdir "$T/logs"
	shift 3
	if "$bin/torture" -s "$secs" -l "$LEASE" -S "$SEED" "$@" "$dev" "$T/logs" >"$T/out" 2>"$T/err"; then
		pass "$text: $(tail -1 "$T/out")"
	else
		fail "$text: $(tail -1 "$T/out")"
		grep -v 'nothing is written any more' "$T/err" | head -20
		[ -n "${TORTURE_KEEP:-}" ] && cp -r --sparse=always "$dev" "$T/logs" "$T/err" "$TORTURE_KEEP"
	fi
	judges "$text" "$dev"
}

kills=${KILL_MS:-$((SECS > 60 ? 1200 : 300))}
truncate -s 2G "$T/t.img"
torture_on "$PROCS processes, killed and stopped" "$T/t.img" "$SECS" -p "$PROCS" -k "$kills" -z 3000
torture_on "devices that fail" "$T/t.img" $((SECS / 3)) -p 2 -k 0 -z 0 -f 300
torture_on "everything at once" "$T/t.img" $((SECS / 3)) -p "$PROCS" -k "$kills" -z 3000 -f 3000
if [ "$(id -u)" -eq 0 ] && loop=$(losetup -f --show "$T/t.img" 2>/dev/null); then
	torture_on "the same on a loop device" "$loop" $((SECS / 3)) -p "$PROCS" -k "$kills" -z 3000 -f 3000
	losetup -d "$loop"
else
	skipped "a loop device needs root"
fi

try "zombies" "$bin/zombie" -n "$ZOMBIES" -m "$((ZOMBIES < 20 ? ZOMBIES : 20))" -l "$LEASE" -S "$SEED" "$T/t.img"
tail -1 "$T/out"
judges "after the zombies" "$T/t.img"
finish
