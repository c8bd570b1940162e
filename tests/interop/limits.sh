#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# The ends of the format: a 62 TiB thin disk, 100,000 files, 10,000 names in one directory, a full volume
# in the middle of every kind of operation, the longest names.
#	CAIRN_LONG=1	100,000 files; else 10,000
cd "$(dirname "$0")/../.." && . tests/lib.sh

avail() { vmkfstools -P "/vmfs/volumes/$1" | sed -n 's/^Capacity .*), [0-9]* (\([0-9]*\) blocks) avail.*/\1/p'; }

# quiet_file TEXT FILE: fsck.vmfs takes the first word of a small file for an address; let it be none.
quiet_file() { printf '\0\0\0\0%s\n' "$1" >"$2"; }

# ---- a disk as long as the format goes ---------------------------------------------------------------
huge_disk()
{
	local dir size=62T v=/vmfs/volumes/huge at

	if ! dir=$(big_dir $size); then
		skipped "62 TiB disk: no file system here holds so long a file to import"
		return
	fi
	truncate -s 1G "$T/huge.img"
	try "62 TiB disk: volume of 1 GiB" vmkfstools -C vmfs5 -S huge "$T/huge.img" || return
	export CAIRN_DEVICES=$T/huge.img
	try "62 TiB disk: create" vmkfstools -c $size -d thin $v/big.vmdk
	expect 1 "62 TiB disk: 63 TiB are refused" vmkfstools -c 63t -d thin $v/more.vmdk
	clean_voma "62 TiB disk, empty" "$T/huge.img"
	# The same length as a sparse file with data at its start, middle and end.
	truncate -s $size "$dir/raw"
	head -c 3000000 /dev/urandom >"$T/piece"
	for at in 0 $((31 << 40)) $(((62 << 40) - 3000320)); do
		dd if="$T/piece" of="$dir/raw" bs=64K seek=$at oflag=seek_bytes conv=notrunc status=none
	done
	printf '%s\n' '# Disk DescriptorFile' version=1 CID=00000001 parentCID=ffffffff \
		'createType="monolithicFlat"' "RW $((62 << 31)) FLAT \"raw\" 0" >"$dir/raw.vmdk"
	try "62 TiB disk: import one with data at start, middle and end" \
		vmkfstools -i "$dir/raw.vmdk" $v/copy.vmdk -d thin
	try "62 TiB disk: it reads back the same" cairn disk compare "$dir/raw.vmdk" $v/copy.vmdk
	[ "$(avail huge)" -gt 700 ] && pass "62 TiB disk: holes took no room" || fail "62 TiB disk: $(avail huge) blocks left"
	clean_voma "62 TiB disk, with data" "$T/huge.img"
	try "62 TiB disk: delete both" sh -c "vmkfstools -U $v/copy.vmdk && vmkfstools -U $v/big.vmdk"
	clean_voma "62 TiB disk, deleted" "$T/huge.img"
	clean_judges "62 TiB disk, deleted" "$T/huge.img"
	unset CAIRN_DEVICES
	rm -rf "$dir/raw" "$dir/raw.vmdk" "$T/huge.img"
}

# ---- many files ------------------------------------------------------------------------------------------
many_files()
{
	local dirs=10 v=/vmfs/volumes/many i before count

	[ "${CAIRN_LONG:-0}" = 1 ] && dirs=100
	truncate -s 1T "$T/many.img"
	try "many files: volume of 1 TiB" vmkfstools -C vmfs5 -S many "$T/many.img" || return
	export CAIRN_DEVICES=$T/many.img
	before=$(avail many)
	for i in $(seq $dirs); do
		mkdir -p "$T/tree/$i"
		seq -f "$T/tree/$i/file-%04g" 1000 | xargs touch
		quiet_file "$i" "$T/tree/$i/file-0500"
	done
	try "many files: copy ${dirs}000 in" cairn file cp -r "$T/tree" $v/tree
	count=$(cairn file ls -R $v/tree | grep -c '^file-')
	[ "$count" -eq $((dirs * 1000)) ] && pass "many files: all are listed" || fail "many files: $count are listed"
	[ "$(our_sum "$v/tree/$dirs/file-0500")" = "$(sum_of "$T/tree/$dirs/file-0500")" ] && pass "many files: content" || fail "many files: content"
	clean_voma "many files" "$T/many.img"
	clean_judges "many files" "$T/many.img"
	# One directory of 10,000 names, twice as many as fit in its first blocks.
	mkdir "$T/one"
	seq -f "$T/one/name-%05g" 10000 | xargs touch
	try "10,000 names: copy in" cairn file cp -r "$T/one" $v/one
	[ "$(cairn file ls $v/one | wc -l)" -eq 10000 ] && pass "10,000 names: all are listed" || fail "10,000 names are not listed"
	[ "$(debugvmfs "$T/many.img" ls /one | grep -c '^name-')" -eq 10000 ] &&
		pass "10,000 names: debugvmfs lists them" || fail "10,000 names: debugvmfs does not list them"
	clean_voma "10,000 names" "$T/many.img"
	clean_judges "10,000 names" "$T/many.img"
	try "many files: remove all" cairn file rm -r $v/tree $v/one
	[ "$(avail many)" -eq "$before" ] && pass "many files: all room is back" ||
		fail "many files: $before blocks became $(avail many)"
	clean_voma "many files, removed" "$T/many.img"
	clean_judges "many files, removed" "$T/many.img"
	unset CAIRN_DEVICES
	rm -rf "$T/many.img" "$T/tree" "$T/one"
}

# ---- a full volume -----------------------------------------------------------------------------------------
# no_room TEXT CMD...: must fail, say so, and leave the volume as it was.
no_room()
{
	local text=$1 blocks listing rc=0

	shift
	blocks=$(avail full)
	listing=$(cairn file ls -lR /vmfs/volumes/full | grep -v '^total')
	"$@" >"$T/out" 2>&1 </dev/null || rc=$?
	if [ $rc -ne 1 ] || ! grep -qi 'space\|full\|no room\|file descriptors' "$T/out"; then
		fail "full volume: $text: exit $rc: $(tail -1 "$T/out")"
		return
	fi
	[ "$(avail full)" = "$blocks" ] || { fail "full volume: $text: $blocks blocks became $(avail full)"; return; }
	[ "$(cairn file ls -lR /vmfs/volumes/full | grep -v '^total')" = "$listing" ] ||
		{ fail "full volume: $text: something was left behind"; return; }
	voma -m vmfs -f check -d "$T/full.img" >"$T/out" 2>&1 || { fail "full volume: $text: voma"; tail -5 "$T/out"; return; }
	pass "full volume: $text"
}

full_volume()
{
	local v=/vmfs/volumes/full before i

	truncate -s 300M "$T/full.img"
	try "full volume: create" vmkfstools -C vmfs5 -S full "$T/full.img" || return
	export CAIRN_DEVICES=$T/full.img
	before=$(avail full)
	head -c 400000000 /dev/urandom >"$T/large"
	no_room "copy a file that is too large" cairn file cp "$T/large" $v/large
	no_room "eager disk" vmkfstools -c 400m -d eagerzeroedthick $v/eager.vmdk
	no_room "thick disk" vmkfstools -c 400m -d zeroedthick $v/thick.vmdk
	printf '%s\n' '# Disk DescriptorFile' version=1 CID=00000001 parentCID=ffffffff \
		'createType="monolithicFlat"' "RW 781250 FLAT \"large\" 0" >"$T/large.vmdk"
	no_room "clone to a thin disk" vmkfstools -i "$T/large.vmdk" $v/clone.vmdk -d thin
	no_room "clone to a sparse disk" vmkfstools -i "$T/large.vmdk" $v/clone.vmdk -d monosparse
	try "full volume: a disk that fits" vmkfstools -c 50m -d zeroedthick $v/small.vmdk
	no_room "extend a disk" vmkfstools -X 500m $v/small.vmdk
	try "full volume: a thin disk larger than the volume" vmkfstools -c 1g -d thin $v/thin.vmdk
	expect 1 "full volume: inflating it ends with an error" vmkfstools -j $v/thin.vmdk
	clean_voma "full volume: after inflating" "$T/full.img"
	try "full volume: delete the half inflated disk" vmkfstools -U $v/thin.vmdk
	# Small files until the file descriptors are gone: 64 of them at this size.
	mkdir "$T/small"
	for i in $(seq 100); do quiet_file $i "$T/small/$i"; done
	rm -f "$T/out"
	cairn file cp -r "$T/small" $v/small >"$T/out" 2>&1
	i=$?
	[ $i -ne 0 ] && [ $i -lt 128 ] && pass "full volume: no file descriptor left: $(tail -1 "$T/out" | cut -c1-90)" ||
		fail "full volume: 100 files on 64 descriptors ended with $i"
	clean_voma "full volume: no file descriptor left" "$T/full.img"
	no_room "mkdir without a descriptor" cairn file mkdir $v/directory
	try "full volume: remove the files" cairn file rm -r $v/small
	# A block short: fill up to the last block, then ask for one more.
	head -c $((($(avail full) - 1) * 1048576)) "$T/large" >"$T/fill"
	try "full volume: fill it up to the last block" cairn file cp "$T/fill" $v/fill
	head -c 3000000 "$T/large" >"$T/three"
	no_room "copy a file of 3 MB" cairn file cp "$T/three" $v/three
	no_room "cp within the volume" cairn file cp $v/fill $v/fill2
	[ "$(our_sum $v/fill)" = "$(sum_of "$T/fill")" ] && pass "full volume: nothing of the file is lost" ||
		fail "full volume: the file has changed"
	TBZ=50 clean_judges "full volume" "$T/full.img"
	try "full volume: remove all" sh -c "cairn file rm $v/fill && vmkfstools -U $v/small.vmdk"
	[ "$(avail full)" -eq "$before" ] && pass "full volume: all room is back" ||
		fail "full volume: $before blocks became $(avail full)"
	clean_voma "full volume, emptied" "$T/full.img"
	clean_judges "full volume, emptied" "$T/full.img"
	unset CAIRN_DEVICES
	rm -rf "$T/full.img" "$T/large" "$T/fill" "$T/small"
}

# ---- names ---------------------------------------------------------------------------------------------------
names()
{
	local v=/vmfs/volumes/names n127 n128 utf8

	n127=$(printf 'n%.0s' $(seq 127))
	n128=n$n127
	utf8="Ünïcødé 名前 🗻 with spaces"
	truncate -s 300M "$T/names.img"
	try "names: create" vmkfstools -C vmfs5 -S names "$T/names.img" || return
	export CAIRN_DEVICES=$T/names.img
	quiet_file content "$T/file"
	try "names: 127 bytes" cairn file cp "$T/file" "$v/$n127"
	expect 1 "names: 128 bytes are refused" cairn file cp "$T/file" "$v/$n128"
	expect 1 "names: a directory of 128 bytes is refused" cairn file mkdir "$v/$n128"
	try "names: UTF-8" cairn file cp "$T/file" "$v/$utf8"
	expect 1 "names: what is not UTF-8 is refused" cairn file cp "$T/file" "$v/$(printf 'a\377b')"
	try "names: a move to UTF-8" cairn file mv "$v/$n127" "$v/$utf8 2"
	cairn file ls $v | grep -v '\.sf$' >"$T/list"
	[ "$(cat "$T/list")" = "$utf8
$utf8 2" ] && pass "names: both are listed" || { fail "names: listed as"; cat "$T/list"; }
	[ "$(judge_sum "/$utf8 2" "$T/names.img")" = "$(sum_of "$T/file")" ] && pass "names: debugvmfs finds it" ||
		fail "names: debugvmfs does not find it"
	clean_voma names "$T/names.img"
	clean_judges names "$T/names.img"
	unset CAIRN_DEVICES
}

names
full_volume
huge_disk
many_files
finish
