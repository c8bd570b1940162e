#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# VMFS-6 volumes that we make and fill, read by vmfs6-tools: many files in large directories, thin disks,
# thick ones with large blocks. Listing and content must be the same through debugvmfs6, vmfs6-fuse and
# our own reader. What vmfs6-tools do not do (README of vmfs/, "Limits"): blocks to be zeroed are read as
# they are, which is zeros on new images; its df and check misread .fbb.sf.
# CAIRN_LONG=1: the full numbers, and 100,000 files.
cd "$(dirname "$0")/../.." && . tests/lib.sh
for p in debugvmfs6 vmfs6-fuse; do have $p || skip_all "$p is not installed"; done

if [ -n "${CAIRN_LONG:-}" ]; then files=10000 big=5000; else files=300 big=200; fi

# A tree of `files` files: one directory of `big`, the rest in another; of all small layouts.
python3 - "$T/src" "$files" "$big" <<'PY'
import os, random, sys
top, files, big = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random.seed(6)
for i in range(files):
    d = "%s/%s" % (top, "large directory" if i < big else "dïr/deeper")
    os.makedirs(d, exist_ok=True)
    size = random.choice([0, 1, 700, 3584]) if i % 5 else random.choice([3585, 9000, 65536])
    with open("%s/file %05d-%s.vmx" % (d, i, "x" * (i % 90)), "wb") as f:
        f.write(os.urandom(size))
for name, size in (("blocks", 5000001), ("pointers", 1 << 20)):
    with open("%s/%s" % (top, name), "wb") as f:
        if name == "pointers":
            f.seek(400 << 20)	# a hole, and then behind a pointer block
        f.write(os.urandom(size))
os.symlink("dïr/deeper", top + "/link")
PY

tree_sum() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-64); }
names_of() { (cd "$1" && find . | sort | sha256sum | cut -c1-64); }
cat6() { debugvmfs6 "$2" cat "$1" | tail -c +17; }	# it says its version first

# The two readers against the tree.
read_back()
{
	local label=$1 img=$2 bad= f

	CAIRN_DEVICES=$img cairn file cp -r "/vmfs/volumes/$label/src" "$T/out.d" >/dev/null 2>&1
	[ "$(tree_sum "$T/out.d")" = "$src_sum" ] || bad="$bad content(cairn)"
	[ "$(names_of "$T/out.d")" = "$src_names" ] || bad="$bad names(cairn)"
	rm -rf "$T/out.d"
	mkdir -p "$T/mnt"
	if vmfs6-fuse "$img" "$T/mnt" 2>/dev/null; then
		[ "$(tree_sum "$T/mnt/src")" = "$src_sum" ] || bad="$bad content(vmfs6-fuse)"
		[ "$(names_of "$T/mnt/src")" = "$src_names" ] || bad="$bad names(vmfs6-fuse)"
		umount "$T/mnt"
	else
		skipped "$label: vmfs6-fuse: FUSE mounts are not allowed here"
	fi
	for f in blocks "$(cd "$T/src" && ls "large directory" | head -1 | sed 's,^,large directory/,')"; do
		[ "$(cat6 "/src/$f" "$img" | sha256sum | cut -c1-64)" = "$(sum_of "$T/src/$f")" ] ||
			bad="$bad '$f'(debugvmfs6)"
	done
	[ "$(debugvmfs6 "$img" ls "/src/large directory" | grep -c '\.vmx$')" -eq "$big" ] ||
		bad="$bad listing(debugvmfs6)"
	[ -z "$bad" ] && pass "$label: all readers agree" || fail "$label: different:$bad"
}

# Disks of each kind, with data at both ends and in the middle.
disks()
{
	local label=$1 img=$2 kind d=/vmfs/volumes/$1/vm bad=

	export CAIRN_DEVICES=$img
	try "$label: mkdir" cairn file mkdir "$d"
	for kind in thin zeroedthick eagerzeroedthick; do
		try "$label: clone to $kind" vmkfstools -i "$T/disk.vmdk" "$d/$kind.vmdk" -d $kind
		[ "$(cat6 "/vm/$kind-flat.vmdk" "$img" | sha256sum | cut -c1-64)" = "$disk_sum" ] ||
			bad="$bad $kind(debugvmfs6)"
		[ "$(cairn file cat "$d/$kind-flat.vmdk" 2>/dev/null | sha256sum | cut -c1-64)" = "$disk_sum" ] ||
			bad="$bad $kind(cairn)"
	done
	[ -z "$bad" ] && pass "$label: disks read alike" || fail "$label: disks:$bad"
	try "$label: delete a disk" vmkfstools -U "$d/eagerzeroedthick.vmdk"
	unset CAIRN_DEVICES
}

# one LABEL SIZE [disks]
one()
{
	local label=$1 size=$2 dir img free left

	dir=$(big_dir "$size") || { skipped "$label: no sparse file of $size here"; return; }
	img=$dir/$label.img
	truncate -s "$size" "$img"
	try "$label: vmkfstools -C vmfs6" vmkfstools -C vmfs6 -S "$label" "$img" || return
	try "$label: debugvmfs6 lists it" debugvmfs6 "$img" ls /
	free=$(CAIRN_DEVICES=$img cairn volume show --json 2>/dev/null | jq -c '.items[0]|[.blocks,.files,.sub_blocks]')
	[ "${3:-}" = disks ] && disks "$label" "$img"
	CAIRN_DEVICES=$img try "$label: copy $files files in" cairn file cp -r "$T/src" "/vmfs/volumes/$label/src"
	read_back "$label" "$img"
	export CAIRN_DEVICES=$img
	try "$label: remove them" cairn file rm -r "/vmfs/volumes/$label/src"
	[ "${3:-}" = disks ] && cairn file rm -r "/vmfs/volumes/$label/vm" >/dev/null 2>&1
	left=$(cairn volume show --json 2>/dev/null | jq -c '.items[0]|[.blocks,.files,.sub_blocks]')
	unset CAIRN_DEVICES
	same_room "$label" "$free" "$left"
	try "$label: debugvmfs6 still lists it" debugvmfs6 "$img" ls /
	[ "$label" = t8 ] && opening "$img" t8
	rm -f "$img"
}

# All is free again; what resource files grew by has changed sides.
same_room()
{
	[ -n "$2" ] && [ "$2" = "$3" ] && pass "$1: all space is free again" ||
		fail "$1: free space was $2, is $3"
}

# Time and memory of opening a volume and listing its root.
opening()
{
	local best=999999 rss=0 line	# the best of five: the rest is the machine's neighbours'

	for _ in 1 2 3 4 5; do
		line=$(CAIRN_DEVICES=$1 python3 - "$2" <<'PY'
import resource, subprocess, sys, time
start = time.monotonic()
subprocess.run(["cairn", "file", "ls", "/vmfs/volumes/" + sys.argv[1]], check=True,
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
r = resource.getrusage(resource.RUSAGE_CHILDREN)
print(int((time.monotonic() - start) * 1000), r.ru_maxrss)
PY
		) || { fail "$2: opening it"; return; }
		set -- "$1" "$2" $line
		[ "$3" -lt "$best" ] && best=$3
		rss=$4
	done
	echo "        opening $2: $best ms, $rss KiB"
	[ "$best" -lt 50 ] && pass "$2 opens in under 50 ms" || fail "$2 opens in $best ms"
	[ "$rss" -lt 32768 ] && pass "$2 opens in under 32 MiB" || fail "$2 needs $rss KiB"
}

# 100,000 files: the CPU time of listing them.
many()
{
	local img=$T/many.img cpu

	truncate -s 100G "$img"
	try "many: vmkfstools -C vmfs6" vmkfstools -C vmfs6 -S many "$img" || return
	python3 -c "
import os
for d in range(40):
    os.makedirs('$T/many/%02d' % d)
    for i in range(2500):
        open('$T/many/%02d/f%04d' % (d, i), 'w').write(str(i))"
	export CAIRN_DEVICES=$img
	try "many: copy 100,000 files in" cairn file cp -r "$T/many" /vmfs/volumes/many/m
	cpu=$( { TIMEFORMAT='%U %S'; time cairn file ls -lR /vmfs/volumes/many/m >"$T/list" 2>/dev/null; } 2>&1 |
		awk '{ print int(($1 + $2) * 1000) }')
	unset CAIRN_DEVICES
	echo "        listing 100,000 files: $cpu ms of CPU"
	[ "$(grep -c ' f[0-9]' "$T/list")" -eq 100000 ] && pass "many: all are listed" || fail "many: not all are listed"
	[ "$cpu" -lt 2000 ] && pass "many: in under 2 s of CPU" || fail "many: in $cpu ms of CPU"
	rm -rf "$img" "$T/many"
}

# A foreign volume: ours without the record that our mkfs leaves (in the last sector before 64 KiB of .jbc.sf).
foreign()
{
	local img=$T/foreign.img at

	truncate -s 1G "$img"
	vmkfstools -C vmfs6 -S foreign "$img" >/dev/null
	at=$(grep -abo CAIRNMK6 "$img" | head -1 | cut -d: -f1)
	dd if=/dev/zero of="$img" bs=512 seek=$((at / 512)) count=1 conv=notrunc status=none
	export CAIRN_DEVICES=$img
	expect 5 "foreign: is not written to" cairn file mkdir /vmfs/volumes/foreign/d
	grep -q join-foreign "$T/out" && pass "foreign: the refusal names the way" || fail "foreign: $(cat "$T/out")"
	try "foreign: is read" cairn file ls /vmfs/volumes/foreign
	try "foreign: --join-foreign" cairn file mkdir --join-foreign /vmfs/volumes/foreign/d
	unset CAIRN_DEVICES
	rm -f "$img"
}

# Three devices, read in any order; then without the third: what does not lie there is still read, what
# does is named. Room that disks reserve brings the files to different devices.
spanned()
{
	local d=$T/sp src=$T/sp/src bad= f lost=0 read=0

	mkdir -p "$src"
	truncate -s 600M "$d/1" "$d/3"
	truncate -s 900M "$d/2"
	try "spanned: volume create" cairn volume create -y -t vmfs6 -l sp "$d/1" "$d/2" "$d/3" || return
	export CAIRN_DEVICES="$d/3 $d/1 $d/2"
	for f in a b c d e f g h; do
		head -c 3000000 /dev/urandom >"$src/$f"
		cairn file cp "$src/$f" "/vmfs/volumes/sp/$f" >/dev/null 2>&1 || bad="$bad $f(cp)"
		vmkfstools -c 100m -d zeroedthick "/vmfs/volumes/sp/$f.vmdk" >/dev/null 2>&1 || bad="$bad $f(-c)"
	done
	for f in a b c d e f g h; do
		[ "$(our_sum "/vmfs/volumes/sp/$f")" = "$(sum_of "$src/$f")" ] || bad="$bad $f(cairn)"
		[ "$(debugvmfs6 "$d/2" "$d/3" "$d/1" cat "/$f" | tail -c +49 | sha256sum | cut -c1-64)" = \
			"$(sum_of "$src/$f")" ] || bad="$bad $f(debugvmfs6)"
	done
	[ -z "$bad" ] && pass "spanned: read in any order" || fail "spanned: different:$bad"
	clean_voma "spanned" "$d/2" "$d/3" "$d/1"
	export CAIRN_DEVICES="$d/2 $d/1"
	expect 1 "without the third: is not written to" cairn file mkdir /vmfs/volumes/sp/d
	expect 6 "without the third: copying says so" cairn file cp -r /vmfs/volumes/sp/ "$d/out"
	grep -q 'device 3 of 3 .* 0x50000000 to 0x70000000' "$T/out" &&
		pass "without the third: the gap is named" || fail "without the third: the gap: $(cat "$T/out")"
	for f in a b c d e f g h; do
		if [ -e "$d/out/$f" ]; then
			read=$((read + 1))
			cmp -s "$d/out/$f" "$src/$f" || bad="$bad $f(different)"
		else
			lost=$((lost + 1))
			grep -q "/sp/$f: cannot be read at byte" "$T/out" || bad="$bad $f(not named)"
		fi
	done
	[ -z "$bad" ] && [ $lost -gt 0 ] && [ $read -gt 0 ] && pass "without the third: the rest is read" ||
		fail "without the third: $read read, $lost lost:$bad"
	export CAIRN_DEVICES="$d/3 $d/2"
	expect 1 "without the first: nothing" cairn file ls /vmfs/volumes/sp
	unset CAIRN_DEVICES
	rm -rf "$d"
}

# Larger: its image has grown, and then another device is added.
grown()
{
	local d=$T/gr

	mkdir -p "$d"
	truncate -s 2G "$d/1"
	truncate -s 900M "$d/2"
	head -c 5000000 /dev/urandom >"$d/file"
	try "grown: volume create" cairn volume create -y -t vmfs6 -l gr "$d/1" || return
	CAIRN_DEVICES=$d/1 try "grown: a file" cairn file cp "$d/file" /vmfs/volumes/gr/file
	truncate -s 300G "$d/1"
	CAIRN_DEVICES=$d/1 try "grown: volume grow" cairn volume grow gr
	clean_voma "grown" "$d/1"
	CAIRN_DEVICES=$d/1 try "grown: volume span" cairn volume span -y gr "$d/2"
	clean_voma "grown and spanned" "$d/2" "$d/1"
	export CAIRN_DEVICES="$d/2 $d/1"
	try "grown: its blocks are all there" sh -c '[ "$(cairn volume show --json 2>/dev/null |
		jq ".items[0].blocks.total")" -eq 307712 ]'
	try "grown: a disk over what is new" vmkfstools -c 250g -d zeroedthick /vmfs/volumes/gr/t.vmdk
	unset CAIRN_DEVICES
	[ "$(debugvmfs6 "$d/1" "$d/2" cat /file | tail -c +33 | sha256sum | cut -c1-64)" = "$(sum_of "$d/file")" ] &&
		pass "grown: debugvmfs6 reads the file" || fail "grown: debugvmfs6 reads something else"
	clean_voma "grown and used" "$d/1" "$d/2"
	rm -rf "$d"
}

# The disk that is cloned: 1100 MiB, so that two large blocks and a rest are needed.
truncate -s 1100M "$T/disk-flat.vmdk"
for at in 0 511 512 777 1099; do
	dd if=/dev/urandom of="$T/disk-flat.vmdk" bs=1M seek=$at count=1 conv=notrunc status=none
done
printf '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n\nRW %d FLAT "disk-flat.vmdk" 0\n\nddb.adapterType = "lsilogic"\nddb.virtualHWVersion = "13"\n' \
	$((1100 * 2048)) >"$T/disk.vmdk"
disk_sum=$(sum_of "$T/disk-flat.vmdk") src_sum=$(tree_sum "$T/src") src_names=$(names_of "$T/src")

one t1 1G
[ -n "${CAIRN_LONG:-}" ] && one t100 100G disks
one t8 8T disks
spanned
grown
foreign
[ -n "${CAIRN_LONG:-}" ] && many
finish
