#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# quick_start.sh README DIR: run the quick start of the README, line by line as it is printed there, in DIR
# and with the programs that are in the PATH. What a reader would have at hand, a disk and an ISO, is made.
set -eu
readme=$(realpath "$1")
cd "$2"
unset CAIRN_DEVICES
export CAIRN_ROOT=$PWD

commands=$(awk '/^## / { on = $0 == "## Quick start" } on && /^    / && !/export PATH/ { print substr($0, 5) }' "$readme")
[ "$(echo "$commands" | wc -l)" -ge 8 ] || { echo "the quick start of $readme is not found"; exit 1; }
head -c 3000000 /dev/urandom >a.iso
head -c 5000000 /dev/urandom >debian.raw && truncate -s 64M debian.raw
cairn disk convert -q -f raw -O monosparse debian.raw debian.vmdk

while IFS= read -r line; do
	echo "\$ $line"
	eval "$line" >out </dev/null || { echo "exit $?"; cat out; exit 1; }
	head -c 2000 out | head -20 | tr -cd '[:print:]\t\n'
done <<<"$commands"

# They did what they say.
cairn file cat /vmfs/volumes/ds1/a.iso | cmp - a.iso
cairn disk convert -q -O raw out.vmdk out.raw && cmp out.raw debian.raw
tail -3 out | grep -q '^Total Errors Found: *0$'
