#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# demo.sh: the main job on image files, without root and without a server, one line a step. Everything it
# makes is in a private directory that is removed at the end; KEEP=1 leaves it.
#	DEMO_MIB	MiB of files on the disk that is imported (300)
cd "$(dirname "$0")/.." || exit 1
set -eu
export LC_ALL=C PATH="${CAIRN_BIN:-$PWD/build/bin}:$PATH:/usr/sbin:/sbin"
unset CAIRN_DEVICES

D=$(mktemp -d "${TMPDIR:-/tmp}/cairn-demo.XXXXXX")
export CAIRN_ROOT=$D
clean_up()
{
	rc=$?
	if [ $rc -ne 0 ]; then
		echo
		echo "the demo failed; the last command said:"
		sed 's/^/    /' "$D/log" 2>/dev/null | tail -15
	fi
	if [ -n "${KEEP:-}" ]; then echo "kept: $D"; else rm -rf "$D"; fi
	exit $rc
}
trap clean_up EXIT

n=0
say() { n=$((n + 1)); printf '%2d  %s\n' $n "$*"; }
result() { printf '      -> %s\n' "$*"; }
# do_it CMD...: show the command as a person would type it, run it, keep its output.
do_it()
{
	printf '      $ %s\n' "$(echo "$*" | sed "s|$D/||g")"
	"$@" >"$D/log" 2>&1
}
seconds() { date +%s.%N | cut -c1-14; }
since() { awk -v a="$1" -v b="$(seconds)" 'BEGIN { printf "%.1f s", b - a }'; }

cd "$D"
repository=$OLDPWD
say "Build a bootable-size Debian root disk: kernel, modules, busybox, ext4 (as if it came from elsewhere)."
"$repository/tests/data/debian_disk.sh" "$D/debian.raw" "${DEMO_MIB:-300}" 2>"$D/log"
result "$(tail -1 "$D/log" | sed 's/^debian_disk: //')"
say "Let qemu-img turn it into the VMDK that a desktop product would give you."
do_it qemu-img convert -O vmdk debian.raw debian.vmdk
result "$(du -h debian.vmdk | cut -f1) of monolithicSparse"

say "Create a datastore: a VMFS-5 volume in a sparse file of 10 GiB. It could be a LUN."
do_it truncate -s 10G lun.img
do_it vmkfstools -C vmfs5 -S ds1 lun.img
result "$(tail -1 log)"
export CAIRN_DEVICES=$D/lun.img

say "Import the disk into it, thin."
start=$(seconds)
do_it cairn file mkdir /vmfs/volumes/ds1/vm
do_it vmkfstools -i debian.vmdk /vmfs/volumes/ds1/vm/vm.vmdk -d thin
result "in $(since "$start")"

say "Make a thin, a thick and an eagerly zeroed disk."
do_it vmkfstools -c 1t -d thin /vmfs/volumes/ds1/thin.vmdk
do_it vmkfstools -c 512m -d zeroedthick /vmfs/volumes/ds1/thick.vmdk
do_it vmkfstools -c 256m -d eagerzeroedthick /vmfs/volumes/ds1/eager.vmdk

say "Clone the imported disk inside the datastore."
start=$(seconds)
do_it vmkfstools -i /vmfs/volumes/ds1/vm/vm.vmdk /vmfs/volumes/ds1/vm/clone.vmdk -d thin
result "in $(since "$start")"

say "Look at it: sizes, and the room that each really takes."
do_it cairn file ls -lR /vmfs/volumes/ds1
sed 's/^/      /' log
do_it vmkfstools -P /vmfs/volumes/ds1
result "$(sed -n 's/^Capacity/capacity/p' log | cut -c1-90)"

say "Check the volume with our checker."
do_it voma -m vmfs -f check -d lun.img
result "$(grep 'Total Errors Found' log)"
say "Ask somebody else's program, debugvmfs of vmfs-tools: are the bitmaps right, is the disk the same?"
do_it debugvmfs lun.img check_vol_bitmaps
grep -qx 'Total errors: 0' log
result "$(tail -1 log)"
printf '      $ %s\n' "debugvmfs lun.img cat /vm/vm-flat.vmdk | cmp - debian.raw"
debugvmfs lun.img cat /vm/vm-flat.vmdk 2>log | cmp - debian.raw >>log 2>&1
result "the same $(stat -c %s debian.raw) bytes"

say "Export the clone as streamOptimized, the form that travels in an OVA."
start=$(seconds)
do_it vmkfstools -i /vmfs/volumes/ds1/vm/clone.vmdk export.vmdk -d streamoptimized
result "$(du -h export.vmdk | cut -f1) in $(since "$start")"

say "Compare what came out with what went in, by qemu-img."
do_it qemu-img compare -f vmdk -F raw export.vmdk debian.raw
result "$(tail -1 log)"
echo
echo "The datastore went from nothing to four disks and back out again; every byte is the same."
