#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Snapshot chains: COWD and SESparse links in any mix over every kind of base, read as qemu-img reads
# them and as the generator says they must be; broken chains, each told for what it is.
cd "$(dirname "$0")/../.." && . tests/lib.sh
have qemu-img || skip_all "qemu-img is not here"
C=$T/c

# chain OPTION...: a new one in $C, its content in $T/exp.raw; its leaf is $L.
chain()
{
	rm -rf "$C"
	mkdir -p "$C"
	L=$(mkchain -e "$T/exp.raw" "$@" "$C") || fail "mkchain $*"
}

# reads TEXT: the chain $L shows what it must, by us and by qemu-img, and its map is the same.
reads()
{
	rm -f "$T/out.raw"
	try "$1: convert" cairn disk convert -O raw "$L" "$T/out.raw" && same "$1: content" "$T/out.raw" "$T/exp.raw"
	try "$1: compare with its content" cairn disk compare "$L" "$T/exp.raw"
	try "$1: qemu-img compare with ours" qemu-img compare -q -f vmdk -F raw "$L" "$T/out.raw"
}

# Data runs as "start length depth place", neighbours joined: of our map, of qemu-img's.
runs='[.[] | select(.data and (.zero | not))] | reduce .[] as $r ([];
	if length > 0 and (.[-1] | .start + .length == $r.start and .depth == $r.depth and .offset + .length == $r.offset)
	then .[-1].length += $r.length else . + [$r] end) | .[] | "\(.start) \(.length) \(.depth) \(.offset)"'
same_map()
{
	cairn disk map --json "$L" | jq -r ".items | $runs" >"$T/ours.map"
	qemu-img map -f vmdk --output=json "$L" | jq -r "$runs" >"$T/theirs.map"
	[ -s "$T/ours.map" ] || fail "$1: an empty map"
	same "$1: the map is qemu-img's" "$T/ours.map" "$T/theirs.map"
}

# valid SCHEMA CODE COMMAND...: the JSON it prints is of that schema, and it ends with CODE.
valid()
{
	local s=$1 want=$2 rc=0

	shift 2
	"$@" >"$T/doc" 2>/dev/null || rc=$?
	[ $rc -eq "$want" ] || fail "$*: exit $rc, wanted $want"
	jq -r --argjson s "$(cat "docs/schema/$s.json")" -f tests/interop/schema.jq "$T/doc" >"$T/faults" 2>&1 &&
		[ ! -s "$T/faults" ] &&
		pass "$*: fits $s" || fail "$*: $(head -3 "$T/faults")"
}

# ---- mixes ---------------------------------------------------------------------------------------
seed=1
for mix in flat,cowd flat,sesparse flat,cowd,cowd,cowd,cowd flat,sesparse,sesparse,sesparse,sesparse \
	flat,cowd,sesparse,cowd,sesparse cowd sesparse,cowd; do
	for order in order runs grains; do
		seed=$((seed + 1))
		[ -n "${CAIRN_LONG:-}" ] || [ $((seed % 3)) -eq 0 ] || [ $mix = flat,cowd ] || continue
		chain -k $mix -l $order -S $seed -s 20481k -g $((1 << seed % 4))
		reads "$mix in $order"
		try "$mix in $order: check" cairn disk check "$L"
		same_map "$mix in $order"
	done
done
chain -k "flat$(printf ',sesparse,cowd%.0s' $(seq 15)),sesparse" -s 4M -r 3
reads "32 links"
chain -k "flat$(printf ',cowd%.0s' $(seq 32))" -s 1M
expect 1 "33 links are refused" cairn disk info "$L"

# ---- bases ---------------------------------------------------------------------------------------
head -c 7000000 /dev/urandom >"$T/base.raw"
truncate -s 20M "$T/base.raw"
for kind in monosparse 2gbsparse 2gbflat monoflat streamoptimized thin; do
	rm -rf "$C"
	mkdir -p "$C/base"
	cairn disk convert -q -O $kind "$T/base.raw" "$C/base/b.vmdk" || fail "make $kind"
	L=$(mkchain -b "$C/base/b.vmdk" -B "$T/base.raw" -H base/b.vmdk -k cowd,sesparse -e "$T/exp.raw" "$C")
	reads "over $kind"
done
rm -rf "$C"
mkdir -p "$C"
cp "$T/base.raw" "$T/exp.raw"
qemu-img convert -O vmdk "$T/base.raw" "$C/b.vmdk"
for n in 1 2 3; do	# deltas of hosted products are sparse extents with a parent
	qemu-img create -q -f vmdk -b "$([ $n = 1 ] && echo b || echo d$((n - 1))).vmdk" -F vmdk "$C/d$n.vmdk" 2>"$T/err" ||
		fail "qemu-img create: $(cat "$T/err")"
	qemu-io -f vmdk -c "write -P $n ${n}M 300k" -c "write -P 7 $((n * 5))M 64k" "$C/d$n.vmdk" >/dev/null
done
L=$C/d3.vmdk
qemu-img convert -f vmdk -O raw "$L" "$T/exp.raw"
reads "deltas that qemu-img made"

# ---- what is said of a chain ----------------------------------------------------------------------
chain -k flat,cowd,sesparse -S 7
valid disk.info-1 0 cairn disk info --json "$L"
valid disk.map-1 0 cairn disk map --json "$L"
valid disk.measure-1 0 cairn disk measure --json "$L"
try "info: three links" sh -c 'test "$(cairn disk info --json "$1" | jq ".items[0].chain | length")" = 3' - "$L"
try "map -H: the runs cover the disk" sh -c \
	'test "$(cairn disk map -H "$1" | awk -F "\t" "{ if (\$1 != at) exit 1; at += \$2 } END { print at }")" = 20971520' - "$L"
expect 2 "map -o of no column" cairn disk map -o nonsense "$L"
truncate -s 21M "$T/longer.raw"
expect 1 "compare: different" cairn disk compare "$L" "$T/longer.raw"
expect 2 "compare: cannot be opened" cairn disk compare "$L" "$T/none.raw"
cairn disk convert -q -O raw "$L" "$T/measured.raw"
cairn disk convert -q -O monosparse "$L" "$T/measured.vmdk"
for f in raw:measured.raw monosparse:measured.vmdk; do	# an upper bound, and not far from it
	want=$(cairn disk measure --json -O ${f%:*} "$L" | jq '.items[0].required_bytes')
	have=$(($(stat -c %b "$T/${f#*:}") * 512))
	[ "$have" -le $((want + 4096)) ] && [ $((have * 10)) -ge $((want * 8)) ] &&
		pass "measure ${f%:*}: $have of $want" || fail "measure ${f%:*}: $have taken, $want said"
done
rm -f "$T"/measured.*
mv "$C/vm.vmdk" "$C/gone"
valid disk.info-1 1 cairn disk info --json "$L"
try "info: of a broken chain the links that are there" sh -c \
	'cairn disk info --json "$1" 2>/dev/null | jq -e ".items[0] | (.chain | length) == 2 and (.chain_fault | length) > 0"' - "$L"
expect 2 "check: of a broken chain" cairn disk check "$L"

# ---- into every format ---------------------------------------------------------------------------
chain -k flat,cowd,sesparse -S 77
for kind in thin eagerzeroedthick monosparse 2gbsparse 2gbflat streamoptimized; do
	rm -f "$T"/o*.vmdk
	try "a chain into $kind" cairn disk convert -O $kind --verify "$L" "$T/o.vmdk"
	try "a chain into $kind: qemu-img" qemu-img compare -q -f vmdk -F raw "$T/o.vmdk" "$T/exp.raw"
done
rm -f "$T"/o*.vmdk
try "vmkfstools -i of a chain" vmkfstools -i "$L" "$T/o.vmdk"
try "vmkfstools -i of a chain: qemu-img" qemu-img compare -q -f vmdk -F raw "$T/o.vmdk" "$T/exp.raw"
rm -f "$T"/o*.vmdk
try "a clone of a chain is one disk" cairn disk clone -q "$L" "$T/o.vmdk"
try "a clone of a chain: content" cairn disk compare "$T/o.vmdk" "$T/exp.raw"

# ---- on a datastore, across datastores, moved ----------------------------------------------------
truncate -s 300M "$T/a.img" "$T/b.img"
for ds in a b; do
	vmkfstools -C vmfs5 -S ds$ds "$T/$ds.img" >/dev/null || fail "make a datastore"
done
export CAIRN_DEVICES="$T/a.img $T/b.img"
V=/vmfs/volumes
cairn file mkdir $V/dsa/vm $V/dsb/clone || fail "mkdir"
try "copy a chain to a datastore" cairn file cp "$C"/* $V/dsa/vm/
try "read it there" cairn disk compare $V/dsa/vm/vm-000002.vmdk "$T/exp.raw"
rm -rf "$T/clone"
mkdir "$T/clone"
mkchain -n clone -b "$C/vm-000001.vmdk" -B /dev/null -H $V/dsa/vm/vm-000001.vmdk -k sesparse "$T/clone" >/dev/null
cairn file cp "$T"/clone/* $V/dsb/clone/ || fail "copy the clone"
try "a linked clone finds its parent by the other volume's label" cairn disk info $V/dsb/clone/clone-000001.vmdk
try "and shows the same as beside it" sh -c 'cp "$1"/clone/* "$2"/ &&
	cairn disk compare /vmfs/volumes/dsb/clone/clone-000001.vmdk "$2/clone-000001.vmdk"' - "$T" "$C"
unset CAIRN_DEVICES
try "copied out, the hint leads nowhere: it is found beside the child" cairn disk info "$C/clone-000001.vmdk"
mkdir -p "$T/moved"
mv "$C" "$T/moved/vm"
mv "$T/clone" "$T/moved/clone"
try "or in a directory of its last name beside the child's" cairn disk info "$T/moved/clone/clone-000001.vmdk"

# ---- broken --------------------------------------------------------------------------------------
# broken FAULT TEXT: the chain cannot be opened, and the message says TEXT.
broken()
{
	chain -k flat,cowd,sesparse -f "$1"
	expect "${3:-1}" "$1 is refused" cairn disk convert -O raw "$L" "$T/none.raw" || return
	grep -q -- "$2" "$T/out" && pass "$1: the message says: $2" || fail "$1: $(cat "$T/out")"
}
broken cid:1 "content id mismatch" 5
try "cid:1: read all the same when told to" cairn disk compare --ignore-cid "$L" "$T/exp.raw"
broken cid:2 "content id mismatch" 5
broken gone:1 "gone.vmdk"
broken loop:1 "content id mismatch" 5
expect 1 "loop:1: a ring is seen when ids are ignored" cairn disk info --ignore-cid "$L" &&
	{ grep -q ring "$T/out" && pass "loop:1: and told" || fail "loop:1: $(cat "$T/out")"; }
broken size:1 "capacity differs"
broken version:1 "version" 63
broken version:2 "version" 63
for fault in gte:1 gte:2 gde:1 gde:2; do
	chain -k flat,cowd,sesparse -f $fault
	expect 1 "$fault: what is wrong is not read as data" cairn disk convert -O raw "$L" "$T/none.raw"
	expect 4 "$fault: compare cannot read it" cairn disk compare "$L" "$T/exp.raw"
	try "$fault: the map shows it" sh -c 'cairn disk map "$1" | grep -q damaged' - "$L"
	expect 2 "$fault: check finds it" cairn disk check "$C/vm-00000${fault#*:}.vmdk"
done
for link in 1 2; do
	chain -k flat,cowd,sesparse -f dirty:$link
	reads_out=$(cairn disk compare "$L" "$T/exp.raw" 2>&1) && pass "dirty:$link is read" || fail "dirty:$link: $reads_out"
	case $reads_out in *"not closed cleanly"*) pass "dirty:$link is told" ;; *) fail "dirty:$link is not told" ;; esac
done
expect 5 "a delta is not written to" cairn disk grow "$L" 40M
finish
