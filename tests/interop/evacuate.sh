#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# The way out of a datastore: everything arrives with its receipts, whatever kills the command on the
# way, and what was read is not read again. The block layer counts the bytes that were read.
# CAIRN_LONG=1: 20 machines of 512 MiB, killed ten times; else 4 machines of 96 MiB, killed four times.
# VMFS=6: out of a VMFS-6 volume, as evacuate6.sh runs it.
cd "$(dirname "$0")/../.." && . tests/lib.sh
top=$PWD
cd "$T" || exit 1
if [ -n "${CAIRN_LONG:-}" ]; then
	vms=20 disk_mib=512 data_mib=150 kills=10 rate=150M lun=6G
else
	vms=4 disk_mib=96 data_mib=36 kills=4 rate=28M lun=700M
fi
fs=vmfs${VMFS:-5}
[ $fs = vmfs5 ] || [ $lun != 700M ] || lun=2G	# the system files of VMFS-6 take most of 700 MiB
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "SEED=$SEED, $fs"

# ---- a datastore ---------------------------------------------------------------------------------------

truncate -s $lun lun.img
vmkfstools -C $fs -S ds1 lun.img >/dev/null || skip_all "cannot make a volume"
ds=/vmfs/volumes/ds1
export CAIRN_DEVICES=lun.img

# Data with holes around it: half near the start, half further on.
make_disk()
{
	rm -f disk.raw
	truncate -s ${disk_mib}M disk.raw
	dd if=/dev/urandom of=disk.raw bs=1M count=$((data_mib / 2)) seek=3 conv=notrunc status=none
	dd if=/dev/urandom of=disk.raw bs=1M count=$((data_mib / 2)) seek=$((disk_mib - data_mib)) conv=notrunc status=none
}

for i in $(seq $vms); do
	vm="vm $i"
	cairn file mkdir "$ds/$vm"
	make_disk
	kind=thin
	[ $((i % 4)) -eq 2 ] && kind=monosparse
	[ $((i % 4)) -eq 3 ] && kind=2gbsparse
	cairn disk convert -q -f raw -O $kind disk.raw "$ds/$vm/$vm.vmdk" || fail "making $vm"
	printf 'displayName = "%s"\nscsi0:0.fileName = "%s.vmdk"\n' "$vm" "$vm" >"$vm.vmx"
	head -c 8684 /dev/urandom >"$vm.nvram"
	head -c $((300000 + RANDOM)) /dev/urandom >vmware.log
	cairn file cp "$vm.vmx" "$vm.nvram" vmware.log "$ds/$vm/"
done
rm -f disk.raw vm*
unset CAIRN_DEVICES

# A loop device tells how much is read from it; without root the tool's own figure has to do.
source=lun.img
loop=$(losetup -f --show lun.img 2>/dev/null) && source=$loop
sectors_read() { [ -n "$loop" ] && awk '{ print $3 }' "/sys/block/${loop#/dev/}/stat" || echo 0; }

# What an independent reader finds at a path; the one for VMFS-6 says its version first.
judge()
{
	[ $fs = vmfs5 ] && judge_sum "$1" lun.img && return
	debugvmfs6 lun.img cat "$1" 2>/dev/null | tail -c +17 | sha256sum | cut -c1-64
}

same_tree() { diff -r -x '.cairn*' "$@"; }

sectors_written() { awk '{ print $7 }' "/sys/block/${loop#/dev/}/stat" 2>/dev/null; }

# Every receipt below a directory, against the copy and against the datastore.
receipts()
{
	local r name bad=0 n=0

	while IFS= read -r r; do
		name=${r%.receipt}
		name=${name#"$1/ds1/"}
		cairn disk verify "$1/ds1/$name" "$r" >v.out 2>&1 || { bad=1; cat v.out; }
		cairn disk verify --device "$source" "$ds/$name" "$r" >v.out 2>&1 || { bad=1; cat v.out; }
		n=$((n + 1))
	done < <(find "$1" -name '*.receipt')
	[ $n -eq $vms ] && [ $bad -eq 0 ]
}

# ---- without disturbance ---------------------------------------------------------------------------------

mkdir calm
written=$(sectors_written)
try "-n" cairn evacuate -n "$source" calm
[ -z "$(ls -A calm)" ] && pass "-n writes nothing" || fail "-n left $(ls -A calm)"
at=$(sectors_read)
try "undisturbed" cairn evacuate "$source" calm
calm_read=$(($(sectors_read) - at))
if [ -n "$loop" ]; then
	[ "$(sectors_written)" = "$written" ] && pass "nothing is written to the datastore" || fail "the datastore is written to"
else
	skipped "no loop device: the device's own count of what is written"
fi
try "sha256sum reads our list" sh -c 'cd calm/ds1 && sha256sum --quiet -c cairn-evacuate.sha256'
try "receipts hold on both sides" receipts calm
for i in 1 2 3 4; do
	vm="vm $i"
	[ "$(judge "/$vm/$vm.vmdk")" = "$(sum_of "calm/ds1/$vm/$vm.vmdk")" ] &&
		pass "$vm: the other reader finds the same descriptor" || fail "$vm: its descriptor"
done
# vm 4 is a flat file with holes; vmfs6-tools read zeros from the first hole of such a file on.
whole="vm 4/vm 4-flat.vmdk"
[ $fs = vmfs5 ] || whole="vm 2/vm 2.vmdk"
[ "$(judge "/$whole")" = "$(sum_of "calm/ds1/$whole")" ] && pass "the other reader finds the same data" ||
	fail "$whole is another than the other reader finds"
[ "$(du -k "calm/ds1/vm 4/vm 4-flat.vmdk" | cut -f1)" -lt $((data_mib * 1024 + 4096)) ] && pass "thin stays sparse" ||
	fail "a thin disk takes $(du -k "calm/ds1/vm 4/vm 4-flat.vmdk" | cut -f1) KiB"
at=$(sectors_read)
try "once more" cairn evacuate "$source" calm
plan_read=$((($(sectors_read) - at) * 512))	# mounting, looking, and nothing else
grep -q ': 0 copied, .* 0 failed; 0 B read' "$T/out" && pass "what is there is not copied again" || fail "once more: $(tail -2 "$T/out")"

# ---- killed ------------------------------------------------------------------------------------------------

# kill_after SECONDS CMD...: SIGKILL, no chance to say good-bye.
kill_after()
{
	local after=$1 pid

	shift
	"$@" >k.out 2>&1 </dev/null &
	pid=$!
	sleep "$after"
	kill -KILL $pid 2>/dev/null || echo "it had ended: $(tail -1 k.out)"
	wait $pid 2>/dev/null
}

# Runs live between 0.3 and 1.3 s; the rate makes the whole take longer than all of them.
mkdir torn
at=$(sectors_read)
for i in $(seq $kills); do
	kill_after $((RANDOM % 2)).$((3 + RANDOM % 7)) cairn evacuate --rate $rate "$source" torn
	while IFS= read -r f; do
		[ -z "$(find "${f%/*}" -name '.cairn*.part')" ] || fail "$f is there, its machine is not whole"
	done < <(find torn -name '*.vmx')
done
try "after $kills kills" cairn evacuate --json "$source" torn
torn_read=$(($(sectors_read) - at))
cp "$T/out" json
jq -r '"killed: read again at most \(.summary.read_again_bytes_max) of \(.summary.data_bytes) bytes"' json
[ -z "$(find torn -name '.cairn-*.*' ! -name .cairn-evacuate.log)" ] && pass "nothing half done is left" ||
	fail "left: $(find torn -name '.cairn-*.*')"
try "the same files, with the same content" same_tree calm torn
try "killed: receipts hold on both sides" receipts torn
if have jq; then
	faults=$(jq -r --slurpfile schema "$top/docs/schema/evacuate-1.json" '$schema[0] as $s | '"$(grep -v '^#' "$top/tests/interop/schema.jq")" json 2>&1)
	[ -z "$faults" ] && pass "the JSON fits its schema" || fail "JSON: ${faults:0:1000}"
fi
# A kill costs what is in flight: 4 MiB of each of two files, or files too small for a journal. A run
# costs its mounting and planning too, which the device counts.
bound=$((kills * 9 * 1048576))
data=$(jq .summary.data_bytes json)
[ -n "${CAIRN_LONG:-}" ] && bound=$((data / 20))
[ "$(jq .summary.read_again_bytes_max json)" -le $bound ] && pass "by its own count at most $((bound * 100 / data)) % are read again" ||
	fail "its own count: $(jq -c .summary json), the bound is $bound"
if [ -n "$loop" ]; then
	again=$(((torn_read - calm_read) * 512))
	echo "killed: $((torn_read / 2048)) MiB read from the device, undisturbed $((calm_read / 2048)) MiB, to plan $((plan_read >> 20)) MiB," \
		"$((again * 1000 / (calm_read * 512))) per mille more"
	# Mounting VMFS-6 reads its 4 MiB of heartbeats several times, which is not the data's fault.
	[ -n "${CAIRN_LONG:-}" ] && [ $fs = vmfs5 ] || bound=$((bound + kills * plan_read))
	[ $again -le $bound ] && pass "by the device's at most $((bound * 100 / data)) %" ||
		fail "$again bytes are read again, the bound is $bound"
else
	skipped "no loop device: the device's own count of what is read"
fi

# ---- what changes in between ---------------------------------------------------------------------------------

[ -n "$loop" ] && losetup -d "$loop"
source=lun.img loop=
printf 'memSize = "1024"\n' >>"torn/ds1/vm 1/vm 1.vmx"
cp "torn/ds1/vm 1/vm 1.vmx" mine
printf 'displayName = "new"\n' >new.vmx
sleep 1.1
cairn file cp --device lun.img new.vmx "$ds/vm 1/vm 1.vmx"
cairn file cp --device lun.img new.vmx "$ds/vm 2/vm 2.vmx"
expect 6 "a copy that somebody uses is not written over" cairn evacuate lun.img torn
same "it is as it was" "torn/ds1/vm 1/vm 1.vmx" mine
same "what changed on the datastore is copied again" "torn/ds1/vm 2/vm 2.vmx" new.vmx

printf 'garbage' | dd of="torn/ds1/vm 4/vm 4-flat.vmdk" bs=1 seek=$((5 * 1048576 + 9)) conv=notrunc status=none
expect 3 "a damaged copy" cairn disk verify "torn/ds1/vm 4/vm 4.vmdk" "torn/ds1/vm 4/vm 4.vmdk.receipt"
grep -qx 'bytes 5242880 to 6291455 differ' "$T/out" && pass "verify says where" || fail "verify: $(cat "$T/out")"
expect 3 "a damaged extent" sh -c 'printf x | dd of="torn/ds1/vm 3/vm 3-s001.vmdk" bs=1 seek=3000000 conv=notrunc status=none
	cairn disk verify "torn/ds1/vm 3/vm 3.vmdk" "torn/ds1/vm 3/vm 3.vmdk.receipt"'
grep -qx 'vm 3-s001.vmdk: bytes 2097152 to 3145727 differ' "$T/out" && pass "verify names the file" || fail "verify: $(cat "$T/out")"

# ---- signals ----------------------------------------------------------------------------------------------------

mkdir slow
cairn evacuate --rate 8M lun.img slow >s.out 2>s.err </dev/null &
pid=$!
sleep 1
kill -USR1 $pid
sleep 1
grep -q '^evacuate .*%, ' s.err && pass "SIGUSR1 is answered within a second" || fail "SIGUSR1: $(cat s.err)"
kill -INT $pid
wait $pid
rc=$?
[ $rc -eq 130 ] && grep -q 'the same command goes on' s.err && pass "SIGINT ends it with 130" || fail "SIGINT: $rc, $(tail -1 s.err)"
try "and the same command goes on" cairn evacuate lun.img slow
try "to the same files" same_tree -x 'vm [12].vmx' -x cairn-evacuate.sha256 slow calm

# ---- snapshot chains ------------------------------------------------------------------------------------------

mkdir chain links one
leaf=$(cd "$top" && mkchain -k flat,cowd,sesparse -s 20481k -e "$T/shown.raw" "$T/chain") || fail "mkchain"
leaf=${leaf##*/}
printf 'scsi0:0.fileName = "%s"\n' "$leaf" >chain/vm.vmx
printf 'snapshot.numSnapshots = "2"\n' >chain/vm.vmsd
truncate -s 300M chains
cairn volume create --label c chains >/dev/null 2>&1
cairn file mkdir --device chains /vmfs/volumes/c/vm
cairn file cp --device chains chain/* /vmfs/volumes/c/vm/
try "a chain, link by link" cairn evacuate chains links
try "its leaf shows the same" cairn disk compare "links/c/vm/$leaf" shown.raw
for r in links/c/vm/*.receipt; do
	try "${r##*/} holds" cairn disk verify "${r%.receipt}" "$r"
	try "${r##*/} holds on the datastore" cairn disk verify --device chains "/vmfs/volumes/c/vm/$(basename "$r" .receipt)" "$r"
done
kill_after 0.2 cairn evacuate --rate 20M --collapse chains one
try "a chain, collapsed" cairn evacuate --collapse chains one
try "the one disk shows the same" cairn disk compare "one/c/vm/$leaf" shown.raw
try "and so does its receipt" cairn disk verify "one/c/vm/$leaf" "one/c/vm/$leaf.receipt"
try "also for the chain on the datastore" cairn disk verify --device chains "/vmfs/volumes/c/vm/$leaf" "one/c/vm/$leaf.receipt"
have qemu-img && try "qemu-img reads it" qemu-img compare -q -f vmdk -F raw "one/c/vm/$leaf" shown.raw
[ "$(ls one/c/vm | tr '\n' ' ')" = "${leaf%.vmdk}-flat.vmdk $leaf $leaf.receipt vm.vmx " ] &&
	pass "the links below it and the records of the snapshots stay" || fail "there are: $(ls one/c/vm | tr '\n' ' ')"
try "collapsed once more" cairn evacuate --collapse chains one
grep -q ': 0 copied, .* 0 failed; 0 B read' "$T/out" && pass "nothing is collapsed again" || fail "once more: $(tail -2 "$T/out")"

# A base that is also a machine's own disk stays: named in another encoding, and from another folder.
mkdir two
(cd "$top" && mkchain -n 'bäse' -k flat,cowd -s 8M "$T/two" >/dev/null) || fail "mkchain"
(cd "$top" && mkchain -n far -k flat,cowd -s 8M "$T/two" >/dev/null) || fail "mkchain"
printf '.encoding = "UTF-8"\nscsi0:0.fileName = "bäse-000001.vmdk"\nscsi0:1.fileName = "far-000001.vmdk"\n' >two/clone.vmx
printf '.encoding = "windows-1252"\nscsi0:0.fileName = "b\344se.vmdk"\n' >two/own.vmx
printf 'scsi0:0.fileName = "../two/far.vmdk"\n' >other.vmx
truncate -s 300M bases
cairn volume create --label b bases >/dev/null 2>&1
cairn file mkdir --device bases /vmfs/volumes/b/two /vmfs/volumes/b/other
cairn file cp --device bases two/* /vmfs/volumes/b/two/
cairn file cp --device bases other.vmx /vmfs/volumes/b/other/
try "bases that are disks too, collapsed" cairn evacuate --collapse bases kept
for d in bäse far; do
	for disk in $d $d-000001; do
		try "$disk arrives" cairn disk compare "two/$disk.vmdk" "kept/b/two/$disk.vmdk"
	done
done

# ---- several devices -----------------------------------------------------------------------------------------------

truncate -s 300M p1 p2 other
cairn volume create --label spanned p1 >/dev/null 2>&1
try "a second device for a volume" cairn volume span -y spanned p2 --device p1
cairn volume create --label ds1 other >/dev/null 2>&1
cairn file cp --device other new.vmx "$ds/only.here"
cairn file cp --device p1 --device p2 mine /vmfs/volumes/spanned/file
mkdir several
try "a spanned volume, pieces in any order, and another one" cairn evacuate p2 other p1 several
same "a file of the one" several/spanned/file mine
same "a file of the other" several/ds1/only.here new.vmx
expect 1 "half a spanned volume" cairn evacuate p2 several
finish
