#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Virtual disks against other people's programs: qemu-img, libvmdk and 7-Zip read each kind that we
# write; we read each kind that qemu-img writes, and disks made by hand the way other programs do; a
# thick disk of this machine's file system gives its room back when zeros are punched out of it.
cd "$(dirname "$0")/../.." && . tests/lib.sh
have qemu-img || skip_all "qemu-img is needed (make deps)"
cd "$T" || exit 1

# 20 MiB with random data, text, grains and blocks of zeros, and a tail that fills no grain.
make_pattern()
{
	head -c 300000 /dev/urandom
	head -c 1797152 /dev/zero
	yes 'text that compresses well' | head -c 1048576
	head -c 4000000 /dev/zero
	head -c 5000000 /dev/urandom
	head -c 8839724 /dev/zero
	head -c 5012 /dev/urandom
}
make_pattern >all.raw
truncate -s $((20 * 1024 * 1024 + 37 * 512)) all.raw
reads() { qemu-img compare -f vmdk -F raw "$1" all.raw; }

# ---- what we write ---------------------------------------------------------------------------------

for kind in thin zeroedthick eagerzeroedthick monoflat monosparse 2gbsparse streamoptimized; do
	try "$kind: made from raw" cairn disk convert -f raw -O $kind all.raw "$kind.vmdk"
	try "$kind: qemu-img reads it" reads $kind.vmdk
	if have 7zz; then
		7zz x -so -tVMDK $kind.vmdk >7z.raw 2>7z.err
		same "$kind: 7-Zip reads it" 7z.raw all.raw
	else
		skipped "$kind: 7-Zip is not installed"
	fi
	if have vmdkinfo; then
		try "$kind: libvmdk knows it" vmdkinfo $kind.vmdk
		grep -q "$(stat -c %s all.raw) bytes" "$T/out" && pass "$kind: libvmdk's size" ||
			fail "$kind: libvmdk sees another size"
	else
		skipped "$kind: vmdkinfo is not installed"
	fi
	try "$kind: our check" vmkfstools -x check $kind.vmdk
done
try "stream: 7-Zip finds no fault" 7zz t -tVMDK streamoptimized.vmdk
grep -qi warning "$T/out" && fail "stream: 7-Zip warns" || pass "stream: 7-Zip does not warn"

# ---- what qemu-img writes -----------------------------------------------------------------------------

for sub in monolithicSparse monolithicFlat twoGbMaxExtentSparse twoGbMaxExtentFlat streamOptimized; do
	qemu-img convert -q -f raw -O vmdk -o subformat=$sub all.raw q-$sub.vmdk || fail "qemu-img makes $sub"
	try "qemu-img's $sub: read" vmkfstools -i q-$sub.vmdk q.vmdk -d monosparse
	try "qemu-img's $sub: the content" reads q.vmdk
	vmkfstools -U q.vmdk
done
qemu-img create -q -f vmdk -o zeroed_grain=on zg.vmdk 20M
qemu-io -f vmdk -c 'write -P 7 1M 128k' -c 'write -z 1M 64k' zg.vmdk >/dev/null
try "zero grains: read" vmkfstools -i zg.vmdk zg2.vmdk -d thin
try "zero grains: the content" qemu-img compare -f vmdk -F vmdk zg.vmdk zg2.vmdk

# ---- what other programs write ---------------------------------------------------------------------------

head_of='version=1\nCID=1a2\nparentCID=ffffffff\n'
cp all.raw f.raw
sectors=$(($(stat -c %s f.raw) / 512))
by_hand()
{
	local text=$1 body=$2

	printf "$body" >hand.vmdk
	try "$text: read" vmkfstools -i hand.vmdk hand2.vmdk -d monosparse
	try "$text: the content" reads hand2.vmdk
	vmkfstools -U hand2.vmdk
}
by_hand "VMFS with a trailing 0" "# Disk DescriptorFile\n${head_of}createType=\"vmfs\"\nRW $sectors VMFS \"f.raw\" 0\n"
by_hand "vmfsThin" "# Disk DescriptorFile\n${head_of}createType=\"vmfsThin\"\nRW $sectors VMFS \"f.raw\"\n"
by_hand "two extents in one file" "# Disk DescriptorFile\n${head_of}createType=\"custom\"\nRW 1000 FLAT \"f.raw\" 0\nRW $((sectors - 1000)) FLAT \"f.raw\" 1000\n"
by_hand "CR LF, blanks, capitals" "# Disk DescriptorFile\r\nVERSION = 1\r\nCID = 1A2\r\nPARENTCID = FFFFFFFF\r\nCREATETYPE = \"VMFS\"\r\nrw $sectors vmfs \"f.raw\"\r\n"
by_hand "only RDONLY extents" "# Disk DescriptorFile\n${head_of}createType=\"monolithicFlat\"\nRDONLY $sectors FLAT \"f.raw\" 0\n"
printf "# Disk DescriptorFile\n${head_of}createType=\"vmfs\"\nRW $sectors VMFS \"$T/f.raw\"\n" >out.vmdk
expect 1 "a path out of the directory is refused" vmkfstools -i out.vmdk x.vmdk -d thin
[ -e x.vmdk ] || [ -e x-flat.vmdk ] && fail "a refused import left files" || pass "a refused import leaves nothing"

# ---- room on this file system -----------------------------------------------------------------------------

vmkfstools -c 64m -d zeroedthick room.vmdk >/dev/null
full=$(du -k room-flat.vmdk | cut -f1)
vmkfstools -K room.vmdk >/dev/null
less=$(du -k room-flat.vmdk | cut -f1)
[ "$full" -ge 65536 ] && [ "$less" -lt 1024 ] && pass "punching gives reserved room back: $full to $less KiB" ||
	fail "punching: $full KiB before, $less after"
vmkfstools -j room.vmdk >/dev/null
full=$(du -k room-flat.vmdk | cut -f1)
[ "$full" -ge 65536 ] && pass "inflating takes it again" || fail "inflating: only $full KiB"
finish
