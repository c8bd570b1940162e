#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# A messy datastore, on VMFS and in a folder: every machine, chain and fault is found, and nothing that
# is not there. Then a lost descriptor is built again; qemu-img says whether the disk is what it was.
cd "$(dirname "$0")/../.." && . tests/lib.sh
have jq || skip_all "jq is not installed"
top=$PWD
V=/vmfs/volumes/ds1

# ---- the mess ---------------------------------------------------------------------------------------

# vmx FILE NAME DISK...: a configuration with the disks at scsi0:0, scsi0:1, ...
vmx()
{
	local file=$1 name=$2 i=0

	shift 2
	{
		printf '.encoding = "UTF-8"\nconfig.version = "8"\nvirtualHW.version = "14"\n'
		printf 'displayName = "%s"\nguestOS = "debian11-64"\nmemSize = "2048"\nnumvcpus = "2"\n' "$name"
		printf 'scsi0.present = "TRUE"\nscsi0.virtualDev = "pvscsi"\n'
		for disk in "$@"; do
			printf 'scsi0:%d.present = "TRUE"\nscsi0:%d.fileName = "%s"\n' $i $i "$disk"
			printf 'scsi0:%d.deviceType = "scsi-hardDisk"\n' $i
			i=$((i + 1))
		done
	} >"$file"
}

# vmsd FILE CURRENT {UID PARENT NAME DISK}...: a snapshot list, with its .vmsn files
vmsd()
{
	local file=$1 k=0 stem=${1%.vmsd}

	printf '.encoding = "UTF-8"\nsnapshot.lastUID = "9"\nsnapshot.current = "%s"\n' "$2" >"$file"
	shift 2
	while [ $# -gt 0 ]; do
		{
			printf 'snapshot%d.uid = "%s"\nsnapshot%d.filename = "%s-Snapshot%s.vmsn"\n' \
				$k "$1" $k "${stem##*/}" "$1"
			[ "$2" = 0 ] || printf 'snapshot%d.parent = "%s"\n' $k "$2"
			printf 'snapshot%d.displayName = "%s"\nsnapshot%d.createTimeHigh = "372463"\n' $k "$3" $k
			printf 'snapshot%d.createTimeLow = "-1304201528"\nsnapshot%d.numDisks = "1"\n' $k $k
			printf 'snapshot%d.disk0.fileName = "%s"\nsnapshot%d.disk0.node = "scsi0:0"\n' $k "$4" $k
		} >>"$file"
		printf 'state' >"$stem-Snapshot$1.vmsn"
		shift 4
		k=$((k + 1))
	done
	printf 'snapshot.numSnapshots = "%d"\n' $k >>"$file"
}

# chain DIR NAME KINDS [OPTION...]: a chain of 8 MiB, its content from a seed, with .raw what it must show
seed=0
chain()
{
	local dir=$1 name=$2 kinds=$3

	shift 3
	seed=$((seed + 1))
	mkchain -n "$name" -s 8M -S $seed -k "$kinds" -e "$T/raw/$name.raw" "$@" "$dir" >/dev/null ||
		fail "mkchain $name"
}

mess()
{
	local d=$1 odd="$1/Bücher 'und' \"mehr\""

	mkdir -p "$d"/{web,clone,gone,changed,loop,nodesc,library,lost,named,garbage} "$odd" "$d/empty folder"
	# Healthy: two snapshots, the machine on the second delta; and a linked clone of the first.
	chain "$d/web" web flat,cowd,sesparse
	vmx "$d/web/web.vmx" 'Web |22eins|22 <b>' web-000002.vmdk
	vmsd "$d/web/web.vmsd" 2 1 0 'before & after' web.vmdk 2 1 '<gold>' web-000001.vmdk
	echo log >"$d/web/vmware.log"
	chain "$d/clone" clone sesparse -b "$d/web/web.vmdk" -B "$T/raw/web.raw" -H ../web/web.vmdk
	vmx "$d/clone/clone.vmx" clone clone-000001.vmdk
	# A chain whose base is gone, one whose base was written to, a loop.
	chain "$d/gone" gone flat,cowd -f gone:1
	rm -f "$d/gone/gone.vmdk" "$d/gone/gone-flat.vmdk"
	vmx "$d/gone/gone.vmx" gone gone-000001.vmdk
	chain "$d/changed" changed flat,cowd,cowd
	sed -i 's/^CID=.*/CID=0badcafe/' "$d/changed/changed-000001.vmdk"
	vmx "$d/changed/changed.vmx" changed changed-000002.vmdk
	vmsd "$d/changed/changed.vmsd" 2 1 0 one changed.vmdk 2 1 two changed-000001.vmdk
	chain "$d/loop" loop flat,cowd,cowd
	sed -i 's/^parentFileNameHint=.*/parentFileNameHint="loop-000002.vmdk"/' "$d/loop/loop-000001.vmdk"
	vmx "$d/loop/loop.vmx" loop loop-000002.vmdk
	# Three machines that lost a descriptor: of the flat base below a delta, of a COWD, of a SESparse link.
	chain "$d/nodesc" flat flat,cowd
	chain "$d/nodesc" cowd flat,cowd
	chain "$d/nodesc" se flat,sesparse
	mkdir -p "$T/kept" && mv "$d/nodesc"/{flat,cowd-000001,se-000001}.vmdk "$T/kept"
	vmx "$d/nodesc/nodesc.vmx" nodesc flat-000001.vmdk cowd-000001.vmdk se-000001.vmdk
	vmsd "$d/nodesc/nodesc.vmsd" 1 1 0 s flat.vmdk
	# The list knows what the lost SESparse link stood on; of the COWD link nothing does.
	printf 'snapshot0.disk1.fileName = "se.vmdk"\nsnapshot0.disk1.node = "scsi0:2"\n' >>"$d/nodesc/nodesc.vmsd"
	# Nobody's: a delta and its child, a flat that its descriptor does not name, a disk in a library.
	chain "$d/library" tools flat
	chain "$odd" "a b'c" flat
	vmx "$odd/x y.vmx" 'Müller & Söhne' "a b'c.vmdk" 'nowhere.vmdk'
	chain "$odd" 'ü 1' cowd,sesparse -b "$odd/a b'c.vmdk" -B "$T/raw/a b'c.raw"
	truncate -s 1M "$odd/a b'c-f001.vmdk"
	# No .vmx: with traces of a machine, and with nothing but its name; one that ransomware went over.
	chain "$d/lost" root flat,cowd
	echo '<xml/>' >"$d/lost/old.vmxf"
	chain "$d/named" named flat
	chain "$d/garbage" garbage flat
	head -c 400 /dev/urandom >"$d/garbage/garbage.vmx"
	# Left behind.
	truncate -s 2M "$d/web/web-1a2b3c.vswp"
	: >"$d/clone/clone.vmx.lck"
	echo x >"$d/library/.old.vmdk.cairn-new"
}

# What must be found: no more, no less.
cat >"$T/want" <<'END'
note lock_file /clone/clone.vmx.lck
note swap_file /web/web-1a2b3c.vswp
note temporary_file /library/.old.vmdk.cairn-new
problem chain_loop /loop/loop-000001.vmdk
problem missing_descriptor /nodesc/cowd-000001.vmdk
problem missing_descriptor /nodesc/flat.vmdk
problem missing_descriptor /nodesc/se-000001.vmdk
problem missing_disk /Bücher 'und' "mehr"/x y.vmx
problem orphan_delta /Bücher 'und' "mehr"/ü 1-000002.vmdk
problem orphan_extent /Bücher 'und' "mehr"/a b'c-f001.vmdk
problem parent_changed /changed/changed-000002.vmdk
problem parent_missing /gone/gone-000001.vmdk
problem unreadable_vmx /garbage/garbage.vmx
problem unregistered_disk /library/tools.vmdk
problem unregistered_disk /loop/loop.vmdk
problem unregistered_disk /nodesc/cowd.vmdk
problem vm_without_vmx /lost
problem vm_without_vmx /named
END

# found PLACE: what is found, in that form
found()
{
	cairn vm check --json "$1" >"$T/check.json" 2>"$T/err"
	jq -r --arg base "$1" '.items[] | .severity + " " + .kind + " " + (.path | ltrimstr($base))' \
		"$T/check.json" | sort
}

# valid SCHEMA FILE
valid()
{
	local faults

	faults=$(jq -r --slurpfile schema "$top/docs/schema/$1.json" \
		'$schema[0] as $s | '"$(grep -v '^#' "$top/tests/interop/schema.jq")" "$2" 2>&1)
	[ -s "$2" ] && [ -z "$faults" ] && pass "JSON of $1" || fail "JSON of $1: ${faults:0:1000}"
}

# judge PLACE: all of what is known of the mess
judge()
{
	local at=$1

	found "$at" >"$T/have"
	same "$at: every fault is found, and nothing else" "$T/have" "$T/want" || diff "$T/want" "$T/have"
	valid vm.check-1 "$T/check.json"
	expect 3 "$at: the exit code says so" cairn vm check "$at"
	cairn vm tree --json "$at" >"$T/tree.json"
	valid vm.tree-1 "$T/tree.json"
	cairn vm list --json "$at" >"$T/list.json"
	valid vm.list-1 "$T/list.json"
	try "$at: all machines" sh -c "jq -r '.items[].name' $T/list.json | sort | cmp - $T/names"
	try "$at: the list for scripts" sh -c "cairn vm list -H -o name,disks '$at' | grep -qxF 'Web \"eins\" <b>	1'"
	cairn vm show --json "$at/web/web.vmx" >"$T/show.json"
	valid vm.show-1 "$T/show.json"
	try "$at: a chain from the leaf to the base" jq -e '.items[0].disks[0] | .node == "scsi0:0" and
		[.chain[].create_type] == ["seSparse", "vmfsSparse", "vmfs"] and
		.chain[0].size_bytes == 8388608 and .chain[0].allocated_bytes > 0' "$T/show.json"
	try "$at: a tree of snapshots" jq -e '.items[0].snapshots | length == 2 and .[1].parent_uid == 1 and
		.[1].current and .[0].name == "before & after" and .[0].age_seconds > 0 and
		.[0].created_time == "2020-09-10T06:29:54Z"' "$T/show.json"
	# The base is the clone's too: it is unique to neither. Found in the whole place.
	try "$at: a linked clone and its parent" jq -e '.items[0].machines[] | select(.name == "clone") |
		(.clone_of | endswith("/web/web.vmx")) and .clone_point == 1 and
		.disks[0].chain[1].machines == 2 and .disks[0].chain[1].unique_bytes == 0 and
		.unique_bytes < .allocated_bytes' "$T/tree.json"
	try "$at: a machine without .vmx: its disks, and nothing else" jq -e '.items[0].machines[] |
		select(.name == "lost") | (.configuration | not) and .guest_os == null and
		[.disks[] | [.node, .file]] == [[null, "root-000001.vmdk"]] and
		(.disks[0].chain | length) == 2' "$T/tree.json"
	expect 1 "$at: a machine that is not there" cairn vm show nope "$at"
	try "$at: by its name" sh -c "cairn vm show 'Müller & Söhne' '$at' | grep -qF \"a b'c.vmdk\""
	reports "$at"
}

# reports PLACE: one file each, well formed, that points to nothing, with every name escaped
reports()
{
	local at=$1 f

	try "$at: reports" cairn vm tree --html "$T/r.html" --svg "$T/r.svg" "$at"
	for f in "$T/r.html" "$T/r.svg"; do
		if grep -qiE '(src|href|url)[[:space:]]*[=(]["'"'"' ]*[^#"'"'"' ]' "$f" || grep -qi '<script' "$f"; then
			fail "$at: ${f##*/} refers to something else"
		else
			pass "$at: ${f##*/} refers to nothing else"
		fi
		grep -qF '<b>' "$f" && fail "$at: a name is markup in ${f##*/}" || pass "$at: names are text in ${f##*/}"
	done
	grep -q '<html lang=' "$T/r.html" && grep -q '<caption>' "$T/r.html" && grep -q 'scope="row"' "$T/r.html" &&
		grep -q 'role="img"' "$T/r.svg" && grep -q '<title>' "$T/r.svg" && grep -q '<desc>' "$T/r.svg" &&
		pass "$at: reports have names for who cannot see them" || fail "$at: reports are not accessible"
	if have xmllint; then
		try "$at: the drawing is well-formed XML" xmllint --noout "$T/r.svg"
		# This parser of HTML knows neither <main> and <bdi> nor SVG; everything else counts.
		xmllint --html --noout "$T/r.html" 2>&1 | grep 'error' | grep -v 'Tag .* invalid' >"$T/out" &&
			{ fail "$at: the page"; cat "$T/out"; } || pass "$at: the page parses"
	else
		skipped "xmllint is not installed"
	fi
}

mkdir -p "$T/raw" "$T/d"
mess "$T/d"
printf '%s\n' 'Müller & Söhne' changed clone garbage gone loop lost named nodesc 'Web "eins" <b>' | sort >"$T/names"
truncate -s 700M "$T/lun.img"
try "a datastore" cairn volume create -q --label ds1 "$T/lun.img"
export CAIRN_DEVICES=$T/lun.img
for f in "$T/d"/*; do cairn file cp -r "$f" $V/ || fail "cp $f"; done
cp --sparse=always "$T/lun.img" "$T/before.img"
judge "$T/d"
judge $V
try "a folder of a datastore" sh -c "cairn vm list -H -o name $V/web | grep -qxF 'Web \"eins\" <b>'"
try "its clone's parent is found outside of it" sh -c "cairn vm show $V/clone | grep -q '^clone of .*/web/web.vmx'"
same "nothing was written" "$T/lun.img" "$T/before.img"
LC_ALL=C.UTF-8 cairn vm tree $V | grep -c '└─ of no machine' >"$T/out" && pass "lines in UTF-8" || fail "lines in UTF-8"
LC_ALL=C cairn vm tree $V | grep -c '`- of no machine' >"$T/out" && pass "lines in ASCII" || fail "lines in ASCII"
cp -r "$T/d/web" "$T/d/web2"
expect 5 "two machines of one name" cairn vm show 'Web "eins" <b>' "$T/d"
grep -q "web2/web.vmx" "$T/out" && pass "both are named" || fail "both are named: $(cat "$T/out")"
rm -r "$T/d/web2"

# The same on VMFS-6: the findings alone, the rest is the same code.
truncate -s 2G "$T/lun6.img"
try "a datastore of VMFS-6" vmkfstools -C vmfs6 -S ds6 "$T/lun6.img"
export CAIRN_DEVICES=$T/lun6.img
for f in "$T/d"/*; do cairn file cp -r "$f" /vmfs/volumes/ds6/ || fail "cp $f"; done
found /vmfs/volumes/ds6 >"$T/have"
same "VMFS-6: every fault is found, and nothing else" "$T/have" "$T/want" || diff "$T/want" "$T/have"
export CAIRN_DEVICES=$T/lun.img

# ---- lost descriptors -----------------------------------------------------------------------------------

N=$V/nodesc
# repair EXIT TEXT OPTION...
repair() { local rc=$1 text=$2; shift 2; expect "$rc" "$text" cairn disk repair --descriptor "$@"; }
# told WORDS
told() { grep -qF -- "$*" "$T/out" && pass "and it is told: $*" || { fail "not told: $*"; cat "$T/out"; }; }

repair 0 "a flat, dry" -n $N/flat-flat.vmdk
told 'RW 16384 VMFS "flat-flat.vmdk"'
same "writes nothing" "$T/lun.img" "$T/before.img"
repair 0 "a flat" $N/flat-flat.vmdk
told "is the one that its child /nodesc/flat-000001.vmdk expects"
told "adapter and geometry are of scsi0:0"
repair 0 "a SESparse link, by the name of what is lost" $N/se-000001.vmdk
told "which the current snapshot of"
repair 5 "a COWD link without a word about its parent" $N/cowd-000001-delta.vmdk
told "--parent"
try "a disk of another size" cairn disk create -O thin $V/small.vmdk 4M
repair 5 "with a parent of another size" --parent $V/small.vmdk $N/cowd-000001-delta.vmdk
told "it is not its parent"
try "is removed again" cairn disk delete $V/small.vmdk
repair 0 "with the right one" --parent $N/cowd.vmdk $N/cowd-000001-delta.vmdk
cairn file cat $N/flat.vmdk >"$T/flat.vmdk"
repair 1 "a descriptor that is there" $N/flat-flat.vmdk
try "is left alone" sh -c "cairn file cat $N/flat.vmdk | cmp - '$T/flat.vmdk'"
repair 1 "an extent that is not there" $N/nope-flat.vmdk
repair 63 "an extent of a split disk" "$V/Bücher 'und' \"mehr\"/z-f001.vmdk"
# The snapshot list does not know of the COWD link: that is true, and can be told now.
{
	grep -v '/nodesc/' "$T/want"
	echo "problem needs_consolidation /nodesc/nodesc.vmx"
} | sort >"$T/want2"
found $V >"$T/have"
same "then no descriptor is missing" "$T/have" "$T/want2" || diff "$T/want2" "$T/have"

mkdir "$T/out.d" && cairn file cp -r $N "$T/out.d/" || fail "cp out"
for c in flat cowd se; do
	try "$c: qemu-img reads the same as before" qemu-img compare -f vmdk -F raw \
		"$T/out.d/nodesc/$c-000001.vmdk" "$T/raw/$c.raw"
	try "$c: and so does cairn" cairn disk compare -f vmdk -F raw $N/$c-000001.vmdk "$T/raw/$c.raw"
done
try "the size is exactly the extent's" sh -c "cairn disk info --json $N/flat.vmdk |
	jq -e '.items[0] | .size_bytes == 8388608 and .adapter == \"lsilogic\"'"
clean_voma "the datastore is clean" "$T/lun.img"

# In a folder of this machine, a disk that no .vmx and no child knows.
rm "$T/d/library/tools.vmdk"
repair 0 "a disk in a library" "$T/d/library/tools.vmdk"
told "no child remembers its content id"
told "no .vmx has this disk: the adapter is lsilogic"
try "qemu-img reads it as before" qemu-img compare -f vmdk -F raw "$T/d/library/tools.vmdk" "$T/raw/tools.raw"

# ---- two datastores ---------------------------------------------------------------------------------------

# A machine whose disks lie on both, one of them lost: what it has on the other is not nobody's.
truncate -s 320M "$T/lun2.img"
try "a second datastore" cairn volume create -q --label ds2 --device "$T/lun2.img" "$T/lun2.img"
export CAIRN_DEVICES="$T/lun.img $T/lun2.img"
vmx "$T/far.vmx" far $V/library/tools.vmdk $V/library/gone.vmdk
try "a machine on it" cairn file cp "$T/far.vmx" /vmfs/volumes/ds2/
printf '%s\n' 'note elsewhere /far.vmx' 'problem missing_disk /far.vmx' >"$T/want3"
found /vmfs/volumes/ds2 >"$T/have"
same "its disks elsewhere are looked for" "$T/have" "$T/want3"
grep -v ' unregistered_disk /library/' "$T/want2" >"$T/want3"
found $V >"$T/have"
same "and are known there to be used" "$T/have" "$T/want3" || diff "$T/want3" "$T/have"
cairn vm list -H -o name | sort >"$T/have"
(cat "$T/names"; echo far) | sort >"$T/want3"
same "all machines of all datastores" "$T/have" "$T/want3"
finish
