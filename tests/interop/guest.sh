#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# A Debian root disk on a datastore, in the hands of those who take guests over: a guest of libguestfs
# mounts the file system over NBD, in an exported image and in the stream of an exported archive, and must
# find each file that the disk was made from; virt-v2v must understand what is exported.
#	CAIRN_LONG=1	else skipped: the guest is emulated, which takes minutes
# Packages: tests/deps.sh guest. The guest runs without KVM, so that every machine does the same.
cd "$(dirname "$0")/../.." && . tests/lib.sh
[ -n "${CAIRN_LONG:-}" ] || skip_all "an emulated guest takes minutes: CAIRN_LONG=1"
for p in guestfish virt-v2v nbdkit qemu-img busybox mke2fs sfdisk; do have $p || skip_all "$p is not installed"; done
ls /boot/vmlinuz-* >/dev/null 2>&1 || skip_all "libguestfs needs a kernel in /boot"
export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg
export LIBGUESTFS_CACHEDIR=$T TMPDIR=$T
top=$PWD

# timed TEXT CMD...: a case, and how long it took
timed()
{
	local start=$SECONDS text=$1

	try "$@" && echo "        $text: $((SECONDS - start)) s"
}

try "build the disk" tests/data/debian_disk.sh "$T/disk.raw" 1100 "$T/made" || finish
tail -1 "$T/out"
cd "$T" || exit 1
LC_ALL=C sort -k 2 made >want
truncate -s 8G ds.img
try "create the datastore" vmkfstools -C vmfs5 -S ds1 ds.img || finish
export CAIRN_DEVICES=$T/ds.img
vm=/vmfs/volumes/ds1/debian
cairn file mkdir $vm
try "import the disk" vmkfstools -i disk.raw $vm/debian.vmdk -d thin || finish
rm disk.raw
cat >vm.vmx <<'X'
.encoding = "UTF-8"
displayName = "Débian <root> & friends"
guestOS = "debian10-64"
firmware = "efi"
numvcpus = "3"
memSize = "1536"
scsi0.present = "TRUE"
scsi0.virtualDev = "pvscsi"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "debian.vmdk"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "vmxnet3"
ethernet0.networkName = "Prod & Test"
X
cairn file cp vm.vmx $vm/debian.vmx
timed "export the disk as raw" cairn disk export $vm/debian.vmdk raw.raw
timed "export the disk as qcow2" cairn disk export $vm/debian.vmdk disk.qcow2
timed "export the machine" cairn vm export $vm/debian.vmx debian.ova
timed "export the disk as a machine of defaults" cairn disk export $vm/debian.vmdk bare.ova
try "tar takes the archive apart" tar xf debian.ova debian-disk1.vmdk

# ---- the files, as a guest sees them ---------------------------------------------------------------------

# One guest with one drive for each way; each drive's file system gives its sums.
guest='guestfish --ro --format=raw -a "nbd://?socket=$unixsocket" --format=qcow2 -a disk.qcow2 \
	--format=vmdk -a debian-disk1.vmdk <<-G
	run
	mount-ro /dev/sda1 /
	checksums-out sha256 / nbd.sums
	umount-all
	mount-ro /dev/sdb1 /
	checksums-out sha256 / qcow2.sums
	umount-all
	mount-ro /dev/sdc1 /
	checksums-out sha256 / ova.sums
G'
timed "a guest hashes the files over NBD, in the qcow2 and in the archive's stream" \
	cairn nbd $vm/debian.vmdk --run "$guest"
for way in nbd qcow2 ova; do
	LC_ALL=C sort -k 2 $way.sums >got
	same "$way: the $(wc -l <want) files that the disk was made from" want got
done

# ---- virt-v2v --------------------------------------------------------------------------------------------

# says PATTERN: what virt-v2v said of the source
says() { grep -qE -- "$1" "$T/out" && pass "it finds: $1" || fail "not found: $1, in $(cat "$T/out")"; }

timed "virt-v2v -i ova, a machine" virt-v2v -i ova debian.ova --print-source
for what in 'source name: Débian <root> & friends$' 'memory: 1610612736 ' 'nr vCPUs: 3$' 'firmware: uefi$' \
	'^[[:space:]]*0 \[scsi\]' '"Prod & Test" \[vmxnet3\]'; do says "$what"; done
timed "virt-v2v -i ova, a disk alone" virt-v2v -i ova bare.ova --print-source
says 'source name: bare$'
says '^[[:space:]]*0 \[scsi\]'
mkdir apart
tar xf debian.ova -C apart
timed "virt-v2v -i ova, the archive taken apart" virt-v2v -i ova apart --print-source
timed "virt-v2v -i disk, the raw image" virt-v2v -i disk raw.raw --print-source
says 'source name: raw$'
printf 'x' | dd of=apart/debian-disk1.vmdk bs=1 seek=3000000 conv=notrunc status=none
expect 1 "virt-v2v believes our manifest: a changed disk is refused" virt-v2v -i ova apart --print-source
finish
