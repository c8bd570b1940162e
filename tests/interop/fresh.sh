#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Volumes of every size that we make, read by vmfs-tools: sparse images from 64 MiB to 49 TiB, on whole
# devices and on a GPT partition, over two and three extents, and grown. Files of each kind of layout
# (in the descriptor, in a sub-block, in blocks, behind pointer blocks) must read back alike.
cd "$(dirname "$0")/../.." && . tests/lib.sh
for p in debugvmfs fsck.vmfs; do have $p || skip_all "$p is not installed"; done

# fsck.vmfs takes the first word of a file in its descriptor for a block address: let it be none.
(head -c 4 /dev/zero; head -c 696 /dev/urandom) >"$T/resident"
head -c 8000 /dev/urandom >"$T/sub-block"
head -c 5000001 /dev/urandom >"$T/blocks"

# Files in, read by us and by debugvmfs. fill LABEL DEVICE...
fill()
{
	local label=$1 name devices

	shift
	devices="$*"
	export CAIRN_DEVICES=$devices
	try "$label: mkdir" cairn file mkdir "/vmfs/volumes/$label/d"
	for name in resident sub-block blocks; do
		try "$label: copy $name in" cairn file cp "$T/$name" "/vmfs/volumes/$label/d/$name"
	done
	unset CAIRN_DEVICES
	read_back "$label" "$@"
}

read_back()
{
	local label=$1 name bad=

	shift
	for name in resident sub-block blocks; do
		[ "$(judge_sum "/d/$name" "$@")" = "$(sum_of "$T/$name")" ] || bad="$bad $name(debugvmfs)"
		[ "$(CAIRN_DEVICES="$*" our_sum "/vmfs/volumes/$label/d/$name")" = "$(sum_of "$T/$name")" ] ||
			bad="$bad $name(cairn)"
	done
	if fuse_mount "$T/mnt" "$@"; then
		for name in resident sub-block blocks; do
			cmp -s "$T/mnt/d/$name" "$T/$name" || bad="$bad $name(vmfs-fuse)"
		done
		umount "$T/mnt"
	else
		skipped "$label: vmfs-fuse: FUSE mounts are not allowed here"
	fi
	[ -z "$bad" ] && pass "$label: all readers agree on all files" || fail "$label: wrong content:$bad"
}

# A volume on one device. one LABEL SIZE
one()
{
	local dir

	if ! dir=$(big_dir "$2"); then
		skipped "$1: no file system here holds a sparse file of $2"
		return
	fi
	truncate -s "$2" "$dir/$1.img"
	try "$1: vmkfstools -C" vmkfstools -C vmfs5 -S "$1" "$dir/$1.img" || return
	clean_voma "$1, empty" "$dir/$1.img"
	clean_judges "$1, empty" "$dir/$1.img"
	fill "$1" "$dir/$1.img"
	clean_voma "$1, with files" "$dir/$1.img"
	clean_judges "$1, with files" "$dir/$1.img"
	rm -f "$dir/$1.img"
}

# vmfs-tools do not know GPT: they get the partition through a loop device.
on_gpt()
{
	local disk=$T/gpt.img loop sectors=$((4 << 30)) last

	last=$((sectors - 34))
	truncate -s 2T "$disk"
	try "GPT: partedUtil setptbl" partedUtil setptbl "$disk" gpt \
		"1 2048 $last AA31E02A400F11DB9590000C2911D1B8 0" || return
	try "GPT: sfdisk accepts the table" sfdisk -V "$disk"
	try "GPT: vmkfstools -C" vmkfstools -C vmfs5 -S gpt "$disk:1" || return
	clean_voma "GPT, empty" "$disk:1"
	if ! loop=$(losetup -f --show -o $((2048 * 512)) --sizelimit $(((last - 2047) * 512)) "$disk" 2>/dev/null); then
		skipped "GPT: judges: loop devices do not work here"
		CAIRN_DEVICES="$disk:1" try "GPT: copy a file in" cairn file cp "$T/blocks" /vmfs/volumes/gpt/blocks
		return
	fi
	clean_judges "GPT, empty" "$loop"
	CAIRN_DEVICES="$disk:1" try "GPT: copy a file in" cairn file cp "$T/blocks" /vmfs/volumes/gpt/blocks
	clean_voma "GPT, with a file" "$disk:1"
	blockdev --flushbufs "$loop"
	clean_judges "GPT, with a file" "$loop"
	[ "$(judge_sum /blocks "$loop")" = "$(sum_of "$T/blocks")" ] &&
		pass "GPT: debugvmfs reads the file" || fail "GPT: debugvmfs reads the file"
	losetup -d "$loop"
	rm -f "$disk"
}

# spans LABEL SIZE...: the head gets the files, then each further device is added.
spans()
{
	local label=$1 dir=$T size i=0 devices=()

	shift
	for size in "$@"; do
		i=$((i + 1))
		dir=$(big_dir "$size") || { skipped "$label: no sparse file of $size here"; return; }
		truncate -s "$size" "$dir/$label.$i"
		if [ $i -eq 1 ]; then
			try "$label: vmkfstools -C" vmkfstools -C vmfs5 -S "$label" "$dir/$label.1" || return
			devices=("$dir/$label.1")
			fill "$label" "${devices[@]}"
		else
			export CAIRN_DEVICES="${devices[*]}"
			try "$label: vmkfstools -Z of device $i" vmkfstools -Z "$dir/$label.$i" "${devices[0]}" || return
			unset CAIRN_DEVICES
			devices+=("$dir/$label.$i")
		fi
		clean_voma "$label, $i devices" "${devices[@]}"
		clean_judges "$label, $i devices" "${devices[@]}"
		read_back "$label" "${devices[@]}"
	done
	rm -f "${devices[@]}"
}

grow()
{
	local disk=$T/grow.img before after

	truncate -s 1G "$disk"
	try "grow: vmkfstools -C" vmkfstools -C vmfs5 -S grow "$disk" || return
	fill grow "$disk"
	before=$(blocks_of "$disk" grow)
	truncate -s 3G "$disk"
	try "grow: vmkfstools -G" vmkfstools -G "$disk" "$disk"
	after=$(blocks_of "$disk" grow)
	[ "$after" -eq $((before + 2048)) ] && pass "grow: 2 GiB more" || fail "grow: $before blocks became $after"
	clean_voma "grown" "$disk"
	clean_judges "grown" "$disk"
	read_back grow "$disk"
}

blocks_of() { CAIRN_DEVICES=$1 vmkfstools -P "/vmfs/volumes/$2" | sed -n 's/^Capacity [0-9]* (\([0-9]*\) file blocks.*/\1/p'; }

one v64m 64M
one v256m 256M
one v1g 1G
one v100g 100G
on_gpt
if [ "${1:-}" != short ]; then
	one v15t 15T
	# vmfs-tools follow one metadata region a device, 16 TiB: 49 TiB for them are four devices.
	spans v49t 12544G 12544G 12544G 12544G
	if dir=$(big_dir 49T); then
		truncate -s 49T "$dir/one.img"
		try "49 TiB on one device: vmkfstools -C" vmkfstools -C vmfs5 -S one "$dir/one.img"
		export CAIRN_DEVICES="$dir/one.img"
		try "49 TiB on one device: copy a file in" cairn file cp "$T/blocks" /vmfs/volumes/one/blocks
		[ "$(our_sum /vmfs/volumes/one/blocks)" = "$(sum_of "$T/blocks")" ] &&
			pass "49 TiB on one device: read back" || fail "49 TiB on one device: read back"
		unset CAIRN_DEVICES
		clean_voma "49 TiB on one device" "$dir/one.img"
		rm -f "$dir/one.img"
	else
		skipped "49 TiB on one device: no file system here holds so long a file"
	fi
fi
spans span2 1G 2G
spans span3 600M 1G 700M
grow
finish
