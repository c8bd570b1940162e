#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Volumes that ESX and ESXi wrote: what we list and read must be what vmfs-tools lists and reads, the
# checker must find nothing wrong, and writing into a copy must leave no trace but the file.
cd "$(dirname "$0")/../.." && . tests/lib.sh
genuine_dir >/dev/null || skip_all "the genuine images are not here (tests/data/README.md)"
for p in debugvmfs fsck.vmfs; do have $p || skip_all "$p is not installed"; done

genuine_image 3 "$T/a.img" || fail "unpacking the VMFS-3 image"
genuine_image 5 "$T/b.img" || fail "unpacking the VMFS-5 image"
chmod 444 "$T/a.img" "$T/b.img"

# Every path of a volume, directories with a slash behind, as debugvmfs walks them.
judge_walk()
{
	local image=$1 dir=$2

	debugvmfs "$image" ls -l "$dir" 2>/dev/null | while read -r mode _ _ _ _ _ _ name _; do
		case $name in . | ..) continue ;; esac
		case $mode in
		d*) echo "$dir$name/"; judge_walk "$image" "$dir$name/" ;;
		*) echo "$dir$name" ;;
		esac
	done
}

# mode, size and name of each entry but . and .., in byte order.
judge_list() { debugvmfs "$1" ls -l "$2" 2>/dev/null | awk '$8 != "." && $8 != ".." { print $1, $5, $8 }' | sort; }
our_list() { cairn file ls -al "$1" | awk '{ sub(/ -> .*/, ""); print $1, $5, $NF }' | sort; }

compare_volume()
{
	local image=$1 label=$2 version=$3 path files=0 bad=0

	export CAIRN_DEVICES=$image
	try "$version: ls -lR" cairn file ls -lR "/vmfs/volumes/$label"
	judge_walk "$image" / >"$T/walk"
	(echo /; grep '/$' "$T/walk") | while read -r path; do
		judge_list "$image" "$path" >"$T/judge.list"
		our_list "/vmfs/volumes/$label$path" >"$T/our.list"
		cmp -s "$T/judge.list" "$T/our.list" || { echo "$path"; diff "$T/judge.list" "$T/our.list"; }
	done >"$T/differences"
	if [ -s "$T/differences" ]; then
		fail "$version: the listing is not what debugvmfs lists"; head -20 "$T/differences"
	else
		pass "$version: the listing is what debugvmfs lists"
	fi
	for path in $(grep -v '/$' "$T/walk"); do
		files=$((files + 1))
		[ "$(our_sum "/vmfs/volumes/$label$path")" = "$(judge_sum "$path" "$image")" ] && continue
		bad=$((bad + 1))
		echo "differs: $path"
	done
	if [ $bad -eq 0 ] && [ $files -gt 5 ]; then
		pass "$version: SHA-256 of $files files as debugvmfs reads them"
	else
		fail "$version: $bad of $files files differ"
	fi
	unset CAIRN_DEVICES
}

compare_fuse()
{
	local image=$1 label=$2 version=$3 path files=0 bad=0

	if ! fuse_mount "$T/mnt" "$image"; then
		skipped "$version through vmfs-fuse: FUSE mounts are not allowed here"
		return
	fi
	export CAIRN_DEVICES=$image
	# vmfs-fuse shows the directory .sdd.sf as a file that it cannot open.
	while read -r path; do
		files=$((files + 1))
		[ "$(our_sum "/vmfs/volumes/$label/$path")" = "$(sum_of "$T/mnt/$path")" ] && continue
		bad=$((bad + 1))
		echo "differs: $path"
	done < <(cd "$T/mnt" && find . -type f ! -name .sdd.sf -printf '%P\n')
	umount "$T/mnt"
	unset CAIRN_DEVICES
	if [ $bad -eq 0 ] && [ $files -gt 3 ]; then
		pass "$version: SHA-256 of $files files as vmfs-fuse reads them"
	else
		fail "$version: $bad of $files files differ from vmfs-fuse"
	fi
}

# The image was taken from a running host. While its heartbeat (slot 984, volume offset 0x37b000) moves,
# nobody else may write; that host is played here by changing the time stamp of its slot.
refuse_live_host()
{
	local copy=$T/live.img stamp=$((0x1100000 + 0x37b000 + 0x14)) beating

	cp --sparse=always "$T/b.img" "$copy"
	chmod 644 "$copy"
	(
		for i in $(seq 100); do
			printf '%08d' "$i" | dd of="$copy" bs=1 seek=$stamp conv=notrunc status=none
			sleep 1
		done
	) &
	beating=$!
	expect 4 "VMFS-5: a volume of a live host is not written to" \
		cairn file cp --join --device "$copy" tests/lib.sh "/vmfs/volumes/VMFS5 Test/directory/new"
	grep -q 10.199.5.140 "$T/out" && pass "VMFS-5: the refusal names the host" || fail "VMFS-5: the refusal does not name the host"
	kill $beating
	wait $beating 2>/dev/null
	dd if="$T/b.img" of="$copy" bs=1 skip=$stamp seek=$stamp count=8 conv=notrunc status=none
	same "VMFS-5: the refused write wrote nothing" "$copy" "$T/b.img"
	rm -f "$copy"
}

# Once it is silent for a lease, a writer takes a slot of its own and leaves that one alone.
write_into_copy()
{
	local copy=$T/copy.img v="/vmfs/volumes/VMFS5 Test"

	cp --sparse=always "$T/b.img" "$copy"
	chmod 644 "$copy"
	fsck_summary "$copy" >"$T/fsck.before"
	voma -m vmfs -f check -d "$copy" >"$T/voma.before" 2>&1
	head -c 3000000 /dev/urandom >"$T/new"
	try "VMFS-5: copy a file into a copy" cairn file cp --join --device "$copy" "$T/new" "$v/directory/new"
	[ "$(judge_sum /directory/new "$copy")" = "$(sum_of "$T/new")" ] && pass "VMFS-5: debugvmfs reads the new file" ||
		fail "VMFS-5: debugvmfs does not read the new file back"
	clean_voma "VMFS-5 with the new file" "$copy"
	try "VMFS-5: remove it again" cairn file rm --join --device "$copy" "$v/directory/new"
	fsck_summary "$copy" >"$T/fsck.after"
	voma -m vmfs -f check -d "$copy" >"$T/voma.after" 2>&1
	same "VMFS-5: fsck.vmfs says what it said before" "$T/fsck.before" "$T/fsck.after"
	same "VMFS-5: voma says what it said before" "$T/voma.before" "$T/voma.after"
}

compare_volume "$T/a.img" toto VMFS-3
compare_volume "$T/b.img" "VMFS5 Test" VMFS-5
compare_fuse "$T/a.img" toto VMFS-3
compare_fuse "$T/b.img" "VMFS5 Test" VMFS-5
clean_voma VMFS-3 "$T/a.img"
clean_voma VMFS-5 "$T/b.img"
refuse_live_host
write_into_copy
finish
