#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Images for other programs: archives (OVA) that tar, 7-Zip, xmllint, sha256sum and qemu-img take apart,
# qcow2 and its like through NBD and qemu-img, and what is left when an export is killed or interrupted.
cd "$(dirname "$0")/../.." && . tests/lib.sh
top=$PWD
cd "$T" || exit 1
kills=${KILLS:-${CAIRN_LONG:+100}}
kills=${kills:-3}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "SEED=$SEED"

truncate -s 600M lun.img
vmkfstools -C vmfs5 -S ds1 lun.img >/dev/null || skip_all "cannot make a volume"
export CAIRN_DEVICES=lun.img
vm="/vmfs/volumes/ds1/my vm"
cairn file mkdir "$vm"
truncate -s 64M a.raw
truncate -s $((33 * 1024 * 1024 + 512)) b.raw
dd if=/dev/urandom of=a.raw bs=1M seek=3 count=10 conv=notrunc status=none
yes 'text that compresses' | head -c 3000000 | dd of=a.raw bs=1M seek=40 conv=notrunc status=none
dd if=/dev/urandom of=b.raw bs=1000 seek=9000 count=700 conv=notrunc status=none
cairn disk convert -q -f raw -O thin a.raw "$vm/a.vmdk" || fail "making a disk"
cairn disk convert -q -f raw -O thin b.raw "$vm/b.vmdk" || fail "making a disk"
cat >vm.vmx <<'X'
.encoding = "UTF-8"
displayName = "My <VM> & friends ä"
guestOS = "debian10-64"
firmware = "efi"
numvcpus = "2"
memSize = "2048"
virtualHW.version = "14"
sata0.present = "TRUE"
sata0:1.present = "TRUE"
sata0:1.fileName = "b.vmdk"
scsi0.present = "TRUE"
scsi0.virtualDev = "pvscsi"
scsi0:3.present = "TRUE"
scsi0:3.fileName = "a.vmdk"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "vmxnet3"
ethernet0.networkName = "Prod & Test"
ethernet1.present = "FALSE"
X
cairn file cp vm.vmx "$vm/vm.vmx"

# valid SCHEMA FILE
valid()
{
	local faults

	have jq || { skipped "JSON of $1: jq is not installed"; return; }
	faults=$(jq -r --slurpfile schema "$top/docs/schema/$1.json" '$schema[0] as $s | '"$(grep -v '^#' "$top/tests/interop/schema.jq")" "$2" 2>&1)
	[ -z "$faults" ] && pass "JSON of $1" || fail "JSON of $1: ${faults:0:1000}"
}

# ---- a machine -------------------------------------------------------------------------------------------

try "vm export -n" cairn vm export -n "$vm/vm.vmx" out.ova
[ ! -e out.ova ] && pass "-n writes nothing" || fail "-n wrote out.ova"
cairn vm export --json "$vm/vm.vmx" out.ova >json 2>err || fail "vm export: $(cat err)"
valid vm.export-1 json
mkdir e
try "tar takes it apart" tar xf out.ova -C e
[ "$(tar tf out.ova | tr '\n' ' ')" = "out.ovf out.mf out-disk1.vmdk out-disk2.vmdk " ] && pass "in the order that the standard wants" ||
	fail "the order: $(tar tf out.ova | tr '\n' ' ')"
have 7zz && try "7-Zip finds no fault" 7zz t out.ova
sed 's/^SHA256(\(.*\))= \(.*\)$/\2  \1/' e/out.mf >e/sums
try "the manifest is true" sh -c 'cd e && sha256sum --strict -c sums && [ $(wc -l <sums) -eq 3 ]'
have qemu-img && for d in a:1 b:2; do
	try "qemu-img reads disk ${d#*:}" qemu-img compare -q -f vmdk -F raw "e/out-disk${d#*:}.vmdk" "${d%:*}.raw"
done
try "our check of a member" cairn disk check e/out-disk1.vmdk
for d in 1 2; do
	grep -q "ovf:href=\"out-disk$d.vmdk\" ovf:id=\"file$d\" ovf:size=\"$(stat -c %s e/out-disk$d.vmdk)\"" e/out.ovf &&
		pass "the descriptor knows the size of disk $d" || fail "the size of disk $d: $(grep out-disk$d e/out.ovf)"
done
if have xmllint; then
	try "the descriptor is XML" xmllint --nonet --noout e/out.ovf
	at() { xmllint --nonet --xpath "string($1)" e/out.ovf; }
	item() { echo "//*[local-name()='Item'][*[local-name()='$1']='$2']/*[local-name()='$3']"; }
	is() { [ "$(at "$2")" = "$3" ] && pass "$1: $3" || fail "$1: '$(at "$2")', not '$3'"; }
	is "its name" "//*[local-name()='Name']" "My <VM> & friends ä"
	is "its processors" "$(item ResourceType 3 VirtualQuantity)" 2
	is "its memory" "$(item ResourceType 4 VirtualQuantity)" 2048
	is "its SCSI controller" "$(item ResourceType 6 ResourceSubType)" VirtualSCSI
	is "the disk on it comes first" "$(item ElementName 'Hard disk 1' AddressOnParent)" 3
	is "its network" "$(item ResourceType 10 Connection)" "Prod & Test"
	is "its guest" "//*[local-name()='OperatingSystemSection']/@*[local-name()='osType']" debian10_64Guest
	is "its firmware" "//*[local-name()='Config'][@*[local-name()='key']='firmware']/@*[local-name()='value']" efi
	is "the capacity of its first disk" "//*[local-name()='Disk'][1]/@*[local-name()='capacity']" $((64 * 1048576))
else
	skipped "xmllint is not installed"
fi
if have virt-v2v; then
	try "virt-v2v reads it" virt-v2v -i ova out.ova --print-source
	grep -q 'memory: 2147483648 ' "$T/out" && pass "virt-v2v: its memory" || fail "virt-v2v: $(cat "$T/out")"
else
	skipped "virt-v2v is not installed"
fi
expect 1 "an archive that is there is not written over" cairn vm export "$vm/vm.vmx" out.ova
cairn file mkdir "$vm/broken"
sed 's/a\.vmdk/gone.vmdk/' vm.vmx >broken.vmx
cairn file cp broken.vmx "$vm/broken/broken.vmx"
expect 1 "a machine without one of its disks" cairn vm export "$vm/broken/broken.vmx" broken.ova
[ ! -e broken.ova ] && pass "is not exported in part" || fail "broken.ova is there"

# ---- disks ------------------------------------------------------------------------------------------------

try "two disks in an archive" cairn disk export "$vm/a.vmdk" "$vm/b.vmdk" two.ova
[ "$(tar tf two.ova | wc -l)" -eq 4 ] && pass "has four members" || fail "two.ova has $(tar tf two.ova)"
for o in vmdk:streamOptimized raw:; do
	try "export to .${o%:*}" cairn disk export "$vm/a.vmdk" "x.${o%:*}"
done
have qemu-img && try "the .vmdk" qemu-img compare -q -f vmdk -F raw x.vmdk a.raw
same "the .raw" x.raw a.raw
try "-O wins over the name" cairn disk export -O monosparse "$vm/a.vmdk" mono.vmdk
grep -aq 'monolithicSparse' mono.vmdk && pass "and names the format" || fail "mono.vmdk is something else"
expect 2 "a name that says nothing" cairn disk export "$vm/a.vmdk" x
expect 2 "two disks in one image" cairn disk export "$vm/a.vmdk" "$vm/b.vmdk" y.raw

qemu=
if have nbdkit && have qemu-img; then
	qemu=1
	cairn disk export --json "$vm/a.vmdk" q.qcow2 >json 2>err || fail "export to qcow2: $(cat err)"
	valid disk.export-1 json
	for f in qcow2 vdi vhdx; do
		[ -e q.$f ] || try "export to $f" cairn disk export "$vm/a.vmdk" "q.$f"
		try "$f: qemu-img compares it" qemu-img compare -q -f $f -F raw q.$f a.raw
	done
	try "qcow2 from a disk of this machine, an odd name" cairn disk export mono.vmdk 'it'\''s "$(q)".qcow2'
	try "the odd one" qemu-img compare -q -f qcow2 -F raw 'it'\''s "$(q)".qcow2' a.raw
	[ "$(du -k q.qcow2 | cut -f1)" -lt 20000 ] && pass "holes stay holes" || fail "q.qcow2 takes $(du -k q.qcow2)"
	try "qcow2 -n" cairn disk export -n "$vm/a.vmdk" n.qcow2
	[ ! -e n.qcow2 ] && pass "writes nothing" || fail "n.qcow2 is there"
	expect 1 "an image that is there is not written over" cairn disk export "$vm/a.vmdk" q.qcow2
	mkdir bin
	ln -s "$(command -v qemu-img)" bin/
	expect 63 "without nbdkit" env PATH="$T/bin" "$(command -v cairn)" disk export "$vm/a.vmdk" without.qcow2
	grep -q 'the package is nbdkit' "$T/out" && pass "the package is named" || fail "without nbdkit: $(cat "$T/out")"
else
	skipped "nbdkit or qemu-img is not installed: qcow2"
fi

# ---- killed and interrupted -----------------------------------------------------------------------------------

mkdir made
left() { ls -A made | tr '\n' ' '; }
judge_ova()
{
	rm -rf t && mkdir t && tar xf made/k.ova -C t &&
		(cd t && sed 's/^SHA256(\(.*\))= \(.*\)$/\2  \1/' k.mf | sha256sum --quiet -c) && cairn disk compare t/k-disk1.vmdk a.raw
}
judge_qcow2() { qemu-img compare -q -f qcow2 -F raw made/k.qcow2 a.raw; }

# killed FORMAT: exported, killed on its way, exported again
killed()
{
	local f=$1 i pid bad=0

	for i in $(seq $kills); do
		cairn disk export --rate 60M "$vm/a.vmdk" made/k.$f >k.out 2>&1 </dev/null &
		pid=$!
		sleep 0.$(printf '%03d' $((RANDOM % 600)))
		kill -KILL $pid 2>/dev/null
		wait $pid 2>/dev/null
		if ! cairn disk export "$vm/a.vmdk" made/k.$f >again.out 2>&1 </dev/null; then
			grep -q 'already exists' again.out || { bad=1; cat again.out; }
		fi
		judge_$f >judge.out 2>&1 || { bad=1; tail -3 judge.out; }
		[ "$(left)" = "k.$f " ] || { bad=1; echo "left: $(left)"; }
		rm -f made/k.$f
		[ $bad -eq 0 ] || break
	done
	[ $bad -eq 0 ] && pass "$f: killed $kills times, run again, the same content" || fail "$f, kill $i"
}
killed ova
[ -z "$qemu" ] || killed qcow2

asked()
{
	local f=$1 pid rc

	cairn disk export --rate 6M "$vm/a.vmdk" made/u.$f >u.out 2>u.err </dev/null &
	pid=$!
	sleep 0.6
	kill -USR1 $pid
	sleep 1
	kill -INT $pid
	wait $pid
	rc=$?
	[ "$(grep -c '^export .*%, ' u.err)" -eq 1 ] && pass "$f: one line for SIGUSR1" || fail "$f: SIGUSR1 gives $(cat u.err)"
	[ $rc -eq 130 ] && [ -z "$(left)" ] && pass "$f: interrupted, nothing is left" || fail "$f: SIGINT gives $rc and leaves $(left)"
}
asked ova
[ -z "$qemu" ] || asked qcow2
finish
