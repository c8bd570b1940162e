#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# A Debian root disk goes round: qemu-img makes each format that it can, vmkfstools imports each into a
# datastore and exports it again in each format, and qemu-img, 7-Zip and the kernel's ext4 must find the
# same content.
#	CAIRN_LONG=1	at least 1 GiB of files on it; else the kernel package alone
cd "$(dirname "$0")/../.." && . tests/lib.sh
for p in qemu-img busybox mke2fs sfdisk; do have $p || skip_all "$p is not installed"; done

mib=100
[ "${CAIRN_LONG:-0}" = 1 ] && mib=1100
try "build the disk" tests/data/debian_disk.sh "$T/disk.raw" $mib || finish
tail -1 "$T/out"
raw=$T/disk.raw
v=/vmfs/volumes/real

# SHA-256 of every file in the disk's file system, one sum over the sorted list.
tree_sum()
{
	local dir=$T/mnt sum

	mkdir -p "$dir"
	mount -o loop,ro,offset=1048576 "$1" "$dir" 2>/dev/null || return 1
	sum=$(cd "$dir" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-64)
	umount "$dir"
	echo "$sum"
}

truncate -s 20G "$T/ds.img"
try "create the datastore" vmkfstools -C vmfs5 -S real "$T/ds.img" || finish
export CAIRN_DEVICES=$T/ds.img

# export_as FORMAT EXTRA-CHECK: the disk on the datastore, out again, judged.
export_as()
{
	local format=$1 from=$2 out=$T/export/$1.vmdk

	mkdir -p "$T/export"
	try "export $from as $format" vmkfstools -i "$v/$from.vmdk" "$out" -d "$format" || return
	try "export $from as $format: qemu-img compare" qemu-img compare -f vmdk -F raw "$out" "$raw"
	case $format in
	monosparse | 2gbsparse | streamoptimized)
		try "export $from as $format: qemu-img check" qemu-img check -q -f vmdk "$out" ;;
	esac
	case $format in
	streamoptimized)
		if have 7zz; then
			try "export $from as $format: 7-Zip tests it" 7zz t -tVMDK "$out"
			try "export $from as $format: 7-Zip extracts the same" \
				sh -c '7zz x -so -tVMDK "$1" 2>/dev/null | cmp - "$2"' - "$out" "$raw"
		else
			skipped "7-Zip is not installed"
		fi
		;;
	esac
	have vmdkinfo && try "export $from as $format: vmdkinfo reads it" vmdkinfo "$out"
	rm -rf "$T/export"
}

for format in monolithicSparse streamOptimized twoGbMaxExtentSparse monolithicFlat; do
	mkdir -p "$T/in"
	try "qemu-img makes $format" qemu-img convert -O vmdk -o subformat=$format "$raw" "$T/in/$format.vmdk" || continue
	try "import $format" vmkfstools -i "$T/in/$format.vmdk" "$v/$format.vmdk" -d thin
	rm -rf "$T/in"
	try "import $format: equal to the raw disk" sh -c 'cairn file cat "$1" | cmp - "$2"' - "$v/$format-flat.vmdk" "$raw"
done
try "import raw" vmkfstools -i "$raw" "$v/raw.vmdk" -d thin
try "import raw: equal to the raw disk" sh -c 'cairn file cat "$1" | cmp - "$2"' - "$v/raw-flat.vmdk" "$raw"
clean_voma "the datastore with five disks" "$T/ds.img"
clean_judges "the datastore with five disks" "$T/ds.img"

export_as monosparse streamOptimized
export_as 2gbsparse monolithicSparse
export_as streamoptimized twoGbMaxExtentSparse
export_as streamoptimized monolithicFlat
export_as monoflat raw
try "export raw as raw" cairn disk convert -O raw "$v/raw.vmdk" "$T/back.raw"
same "export raw as raw: the same bytes" "$raw" "$T/back.raw"
if want=$(tree_sum "$raw") && have=$(tree_sum "$T/back.raw"); then
	[ "$want" = "$have" ] && pass "every file in the exported file system has its hash" || fail "the file systems differ"
else
	skipped "mount and hash: loop mounts are not allowed here"
fi
finish
