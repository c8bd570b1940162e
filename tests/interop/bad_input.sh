#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Damaged volumes and disks. Every field of every structure of a small volume is set to zeros, to ones and
# to chance, one at a time; images are cut short; sectors are filled with chance; directories and pointer
# blocks lead back to themselves. Whatever is on the disk: the listing and the checker end in time and
# within their memory, with an exit code of the documented ones, an error is one line that names the
# object, and nothing is written.
#	CAIRN_LONG=1	all three values and more rounds; else zeros and chance
cd "$(dirname "$0")/../.." && . tests/lib.sh

MEMORY_KIB=$((1024 * 1024))
SECONDS_MAX=20
long=${CAIRN_LONG:-0}
gcc -std=gnu11 -I. -O1 -o "$T/fields" tests/data/fields.c || skip_all "gcc is needed to build tests/data/fields.c"

poke() { dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }		# stdin: the bytes
peek() { dd if="$1" bs=1 skip="$2" count="$3" status=none; }
# word N: four bytes, little-endian
word() { printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"; }

# run NAME CMD...: one command on a damaged image. Complains when it breaks one of the rules.
run()
{
	local name=$1 rc=0 lines

	shift
	(ulimit -v $MEMORY_KIB; exec timeout $SECONDS_MAX "$@") >"$T/stdout" 2>"$T/stderr" </dev/null || rc=$?
	runs=$((runs + 1))
	case $rc in
	0) return ;;
	[1-7] | 63) ;;
	124) broken "$name: no end after $SECONDS_MAX s: $*"; return ;;
	*) broken "$name: exit $rc: $*"; return ;;
	esac
	[ "$1" = voma ] && [ ! -s "$T/stderr" ] && grep -q 'Total Errors Found' "$T/stdout" && return
	lines=$(wc -l <"$T/stderr")
	if [ "$lines" -eq 0 ]; then
		broken "$name: exit $rc without a word: $*"
	elif grep -qvE "^(cairn|voma|vmkfstools): .*[a-zA-Z0-9/]|^Failed to " "$T/stderr"; then
		broken "$name: not an error line: $(grep -vE '^(cairn|voma|vmkfstools): ' "$T/stderr" | head -1)"
	elif [ "$(wc -L <"$T/stderr")" -gt 1000 ]; then
		broken "$name: a line of $(wc -L <"$T/stderr") characters"
	fi
}
broken() { problems=$((problems + 1)); [ $problems -le 15 ] && echo "    $*"; }

# examine NAME IMAGE: what people do with a volume they do not know. A write would change the time.
examine()
{
	local before after

	before=$(stat -c %y "$2")
	run "$1" cairn file ls -lR --device "$2" "/vmfs/volumes/$LABEL"
	run "$1" voma -m vmfs -f check -d "$2"
	after=$(stat -c %y "$2")
	[ "$before" = "$after" ] || broken "$1: the image was written to"
}

# group TEXT FUNCTION ARG...: one case made of many runs.
group()
{
	local text=$1

	shift
	problems=0 runs=0
	"$@"
	[ $problems -eq 0 ] && pass "$text: $runs runs" || fail "$text: $problems of $runs runs"
}

mutate_fields()
{
	local image=$1 pattern=$2 name at bytes kind

	while read -r name at bytes; do
		peek "$image" "$at" "$bytes" >"$T/kept"
		for kind in $pattern; do
			case $kind in
			zeros) head -c "$bytes" /dev/zero ;;
			ones) head -c "$bytes" /dev/zero | tr '\0' '\377' ;;
			chance) head -c "$bytes" /dev/urandom ;;
			esac | tee "$T/put" | poke "$image" "$at"
			cmp -s "$T/kept" "$T/put" || examine "$name=$kind" "$image"
		done
		poke "$image" "$at" <"$T/kept"
	done < <("$T/fields" "$image" | grep -E "$3")
}

truncate_image()
{
	local size

	for size in 0 1 512 1048575 1048576 1048577 1049088 2097152 17825791 17825792 19922944 19923456 \
		20971520 22020096 23068672 23069000 24117248 30000000 40000001; do
		[ "$size" -lt "$(stat -c %s "$1")" ] || continue
		cp --sparse=always "$1" "$T/cut.img"
		truncate -s $size "$T/cut.img"
		examine "cut to $size" "$T/cut.img"
	done
	rm -f "$T/cut.img"
}

random_sectors()
{
	local i sector

	for i in $(seq $((long ? 300 : 60))); do
		# the metadata of the first 32 MiB of the volume, and the LVM header
		[ $((i % 5)) -eq 0 ] && sector=$((2048 + RANDOM % 1100)) || sector=$((34816 + (RANDOM << 15 | RANDOM) % 65536))
		peek "$1" $((sector * 512)) 512 >"$T/kept"
		head -c 512 /dev/urandom | poke "$1" $((sector * 512))
		examine "sector $sector" "$1"
		poke "$1" $((sector * 512)) <"$T/kept"
	done
}

field() { "$T/fields" "$1" | awk -v n="$2" '$1 == n { print $2 }'; }

# redirect IMAGE NAME VALUE: set one word, examine, set it back.
redirect()
{
	local at

	at=$(field "$1" "$2")
	[ -n "$at" ] || { broken "no field $2"; return; }
	peek "$1" "$at" 4 >"$T/kept"
	word "$3" | poke "$1" "$at"
	examine "$2 -> $3" "$1"
	run "$2 -> $3" cairn file cat --device "$1" "/vmfs/volumes/$LABEL/pointers"
	run "$2 -> $3" cairn file du --device "$1" "/vmfs/volumes/$LABEL"
	poke "$1" "$at" <"$T/kept"
}
value() { peek "$1" "$(field "$1" "$2")" 4 | od -An -tu4 | tr -d ' '; }

loops()
{
	local image=$1 d

	d=$(value "$image" dirent:/d.fd)
	redirect "$image" dirent:/d/e.fd "$d"			# a directory that holds itself
	redirect "$image" dirent:/d/e.fd 4			# and the root
	redirect "$image" dirent:/d/resident.fd "$d"		# under the name of a file
	redirect "$image" fd:/d/e.pointer0 "$(value "$image" fd:/d.pointer0)"	# the data of its parent
	redirect "$image" fd:/d.pointer0 "$(value "$image" fd:root.pointer0)"
	# A pointer block that names itself, and one that names its parent.
	redirect_pointer_block "$image" "$(value "$image" fd:/pointers.pointer0)"
	redirect "$image" fd:/pointers.zla $((0x10d0))		# one level read as two
	redirect "$image" fd:/pointers.zla 1			# and as none
	redirect "$image" fd:/d/resident.zla $((0x10d0))
	redirect "$image" fd:.fbb.sf.pointer0 "$(value "$image" fd:.pbc.sf.pointer0)"
	redirect "$image" fd:.pbc.sf.zla 3			# needs itself to be read
}

# Fill the pointer block at a file's first pointer with that very pointer.
redirect_pointer_block()
{
	local image=$1 pb=$2 head cluster at i

	# .pbc.sf: headers of 64 clusters from 0x10000, then 16 blocks of 4 KiB a cluster
	head=$((0x1100000 + ($(value "$image" fd:.pbc.sf.pointer0) >> 6) * 1048576))
	cluster=$((pb >> 6 & 0x3fffff))
	at=$((head + 0x10000 + $(value "$image" header:pbc.clusters_per_group) * 1024 + (cluster * 16 + (pb >> 28)) * 4096))
	peek "$image" $at 4096 >"$T/kept.pb"
	for i in $(seq 1024); do word "$pb"; done | poke "$image" $at
	examine "a pointer block that names itself" "$image"
	run "a pointer block that names itself" cairn file cat --device "$image" "/vmfs/volumes/$LABEL/pointers"
	poke "$image" $at <"$T/kept.pb"
}

# ---- a small volume of ours, with a file of each layout ------------------------------------------------
LABEL=bad
image=$T/bad.img
truncate -s 320M "$image"
vmkfstools -C vmfs5 -S $LABEL "$image" >/dev/null || { fail "vmkfstools -C"; finish; }
export CAIRN_DEVICES=$image
# fsck.vmfs takes the first word of a file in its descriptor for a block address: let it be none.
(head -c 4 /dev/zero; head -c 696 /dev/urandom) >"$T/resident"
head -c 8000 /dev/urandom >"$T/sub-block"
head -c 3000000 /dev/urandom >"$T/blocks"
head -c 100000 /dev/urandom >"$T/pointers"; truncate -s 300M "$T/pointers"
cairn file mkdir "/vmfs/volumes/$LABEL/d" && cairn file mkdir "/vmfs/volumes/$LABEL/d/e" &&
	cairn file cp "$T/resident" "$T/sub-block" "/vmfs/volumes/$LABEL/d" &&
	cairn file cp "$T/blocks" "/vmfs/volumes/$LABEL/d/e" &&
	cairn file cp "$T/pointers" "/vmfs/volumes/$LABEL/" || { fail "filling the volume"; finish; }
unset CAIRN_DEVICES
cp --sparse=always "$image" "$T/pristine"

patterns="zeros chance"
[ "$long" = 1 ] && patterns="zeros ones chance chance"
group "fields of LVM and the descriptor" mutate_fields "$image" "zeros ones chance" '^(device|volume|pe|descriptor|heartbeat)\.'
group "fields of the resource files" mutate_fields "$image" "zeros ones chance" '^(header|cluster|cluster-lock):'
group "fields of system file descriptors" mutate_fields "$image" "$patterns" '^(lock|fd):(root|\.[a-z0-9]*\.sf)\.'
group "fields of file descriptors" mutate_fields "$image" "$patterns" '^(lock|fd):/'
group "fields of directories" mutate_fields "$image" "$patterns" '^dirent:'
group "loops" loops "$image"
group "truncated images" truncate_image "$image"
group "sectors of chance" random_sectors "$image"
same "the image is what it was before" "$image" "$T/pristine"

# ---- the genuine volume: files of a real host -------------------------------------------------------
if genuine_image 5 "$T/b.img"; then
	# Its heartbeat slot is freed: the checker would watch it for a lease, a thousand times.
	word $((0xabcdef01)) | poke "$T/b.img" $((0x1100000 + 0x37b000))
	LABEL="VMFS5 Test"
	pattern='^(device|volume|pe|descriptor|heartbeat|header:.*|cluster:.*|fd:root|fd:/directory/?.*)\.'
	[ "$long" = 1 ] && pattern=.
	group "fields of the genuine VMFS-5 volume" mutate_fields "$T/b.img" "chance" "$pattern"
else
	skipped "the genuine VMFS-5 volume is not here (tests/data/README.md)"
fi

# ---- things that are no volume ---------------------------------------------------------------------------
strange()
{
	LABEL=bad
	head -c 2000000 /dev/urandom >"$T/noise"
	examine "noise" "$T/noise"
	truncate -s 64M "$T/zeros"
	examine "zeros" "$T/zeros"
	run "no such device" cairn file ls --device "$T/nothing" /vmfs/volumes/bad
	run "a directory as a device" cairn file ls --device "$T" /vmfs/volumes/bad
	run "no such volume" cairn file ls --device "$image" /vmfs/volumes/other
	run "no such file" cairn file cat --device "$image" /vmfs/volumes/bad/none
	run "noise as a disk" cairn disk info "$T/noise"
	# Noise as a source is a raw disk; what starts like a VMDK and goes on as noise is not.
	(printf 'KDMV'; head -c 100000 /dev/urandom) >"$T/noise.vmdk"
	expect 1 "half a VMDK is no source" vmkfstools -i "$T/noise.vmdk" "$T/out.vmdk"
	[ ! -e "$T/out.vmdk" ] || broken "a destination was left behind"
}
group "things that are no volume" strange
finish
