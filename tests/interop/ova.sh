#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Archives of machines as others write them, shown and verified: built here by tar, gzip, split and
# openssl in the ways of VMware's and VirtualBox's tools; and what our own export writes, read back.
cd "$(dirname "$0")/../.." && . tests/lib.sh
for p in jq tar gzip split sha256sum sha1sum sha512sum; do have $p || skip_all "$p is not installed"; done
top=$PWD
cd "$T" || exit 1

# shows TEXT RC JQ-CONDITION FILE [OPTION]: the JSON fits its schema, the exit code, and what it says
shows()
{
	local text=$1 want=$2 condition=$3 rc=0 faults

	shift 3
	cairn vm show --json "$@" >json 2>err </dev/null || rc=$?
	faults=$(jq -r --slurpfile schema "$top/docs/schema/vm.package-1.json" \
		'$schema[0] as $s | '"$(grep -v '^#' "$top/tests/interop/schema.jq")" json 2>&1)
	if [ $rc -eq "$want" ] && [ -z "$faults" ] && jq -e "$condition" json >/dev/null; then
		pass "$text"
	else
		fail "$text: exit $rc, ${faults:0:300} $(cat err) $(jq -c '.items[0] // .error' json)"
	fi
}
finds() { printf '.items[0].findings | length == 1 and (.[0].path == "%s") and (.[0].message | test("%s"))' "$1" "$2"; }
none='.items[0].findings == []'

# manifest ALGORITHM FORMAT FILE...: sums as openssl dgst -FORMAT writes them
manifest()
{
	local algorithm=$1 word=$2 f

	shift 2
	for f in "$@"; do printf '%s(%s)= %s\n' "$word" "$f" "$(${algorithm}sum "$f" | cut -d' ' -f1)"; done
}

# ---- ours ----------------------------------------------------------------------------------------------

truncate -s 300M lun.img
vmkfstools -C vmfs5 -S ds1 lun.img >/dev/null || skip_all "cannot make a volume"
vm=/vmfs/volumes/ds1/vm
export CAIRN_DEVICES=$T/lun.img
cairn file mkdir $vm
head -c 3000000 /dev/urandom >a.raw
truncate -s 20M a.raw
truncate -s 7M b.raw
cairn disk convert -q -f raw -O thin a.raw $vm/a.vmdk
cairn disk convert -q -f raw -O thin b.raw $vm/b.vmdk
cat >vm.vmx <<'X'
.encoding = "UTF-8"
displayName = "Übung <&> |22x|22"
guestOS = "windows9-64"
firmware = "efi"
numvcpus = "6"
memSize = "3000"
virtualHW.version = "17"
scsi1.virtualDev = "lsisas1068"
scsi1:9.fileName = "a.vmdk"
nvme0.present = "TRUE"
nvme0:2.fileName = "b.vmdk"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "e1000e"
ethernet0.networkName = "Büro & Co"
X
cairn file cp vm.vmx $vm/vm.vmx
try "export" cairn vm export $vm/vm.vmx ours.ova
shows "what vm export writes is read back" 0 "$none"' and (.items[0].machines[0] | .name == "Übung <&> \"x\"" and
	.guest_os == "windows9-64" and .cpus == 6 and .memory_mib == 3000 and
	.firmware == "efi" and .hardware == "vmx-17" and [.disks[].node] == ["scsi1:9", "nvme0:2"] and
	[.disks[].controller] == ["lsisas1068", "nvme"] and [.disks[].size_bytes] == [20971520, 7340032] and
	.networks == [{ network: "Büro & Co", device: "e1000e" }])' ours.ova
shows "and its manifest is true" 0 "$none"' and [.items[0].files[].sum_state] == ["same", "unlisted", "same", "same"]' \
	ours.ova --verify
cairn disk export -q $vm/a.vmdk bare.ova
shows "an archive of a disk alone" 0 "$none"' and .items[0].machines[0].disks[0].file == "bare-disk1.vmdk"' bare.ova --verify
cairn file cp ours.ova $vm/ours.ova
shows "on a datastore" 0 "$none and .items[0].path == \"$vm/ours.ova\"" $vm/ours.ova --verify
mkdir apart
tar xf ours.ova -C apart
shows "taken apart" 0 "$none"' and .items[0].format == "ovf"' apart/ours.ovf --verify
try "in words" cairn vm show --verify ours.ova
grep -q '^problem' "$T/out" && fail "in words: $(cat "$T/out")"

# ---- VMware's way: SHA-1 or SHA-512, a certificate, gzip or chunks -----------------------------------------

mkdir vmware
cd vmware || exit 1
cp ../apart/ours-disk1.vmdk d1.vmdk
gzip -c ../apart/ours-disk2.vmdk >d2.vmdk.gz
sed -e 's/ours-disk1/d1/; s/ours-disk2.vmdk/d2.vmdk.gz/; s/ovf:size="[0-9]*"/ovf:size="SIZE"/' \
	-e 's/ovf:id="file2"/ovf:id="file2" ovf:compression="gzip"/' ../apart/ours.ovf >web.ovf
for f in d1.vmdk d2.vmdk.gz; do sed -i "/href=\"$f\"/s/SIZE/$(stat -c %s $f)/" web.ovf; done
manifest sha1 SHA1 web.ovf d1.vmdk d2.vmdk.gz >web.mf
printf 'SHA1(web.mf)= 00\n-----BEGIN CERTIFICATE-----\n' >web.cert
tar --format=ustar -cf ../web.ova web.ovf web.mf web.cert d1.vmdk d2.vmdk.gz
shows "SHA-1, signed, gzip" 0 "$none"' and .items[0].signed and .items[0].files[4].compression == "gzip" and
	.items[0].files[3].algorithm == "SHA-1"' ../web.ova --verify
manifest sha512 SHA2-512 web.ovf d1.vmdk d2.vmdk.gz | sed 's/$/\r/' >web.mf
shows "SHA-512 in the words of OpenSSL 3, line ends of DOS, beside the descriptor" 0 "$none" web.ovf --verify
tar --format=gnu -cf ../gnu.ova ./web.ovf ./web.mf ./d1.vmdk ./d2.vmdk.gz
shows "names that begin with ./" 0 "$none" ../gnu.ova --verify
split -b 1000000 -d -a 9 d1.vmdk d1.vmdk.
sed -i '/href="d1/s/ovf:id=/ovf:chunkSize="1000000" ovf:id=/' web.ovf
mv d1.vmdk ..
manifest sha256 SHA256 web.ovf d1.vmdk.0* d2.vmdk.gz >web.mf
tar -cf ../chunks.ova web.ovf web.mf d1.vmdk.0* d2.vmdk.gz
shows "chunks" 0 "$none"' and ([.items[0].files[].name] | index("d1.vmdk.000000001"))' ../chunks.ova --verify
tar -cf ../chunks.ova web.ovf web.mf d1.vmdk.00000000[023] d2.vmdk.gz
shows "a chunk is missing" 3 "$(finds d1.vmdk.000000001 'is not there')" ../chunks.ova --verify
truncate -s 999999 d1.vmdk.000000001
shows "a chunk is short" 3 '[.items[0].findings[].message] | length == 2 and (.[0] | test("chunk of 1000000")) and
	(.[1] | test("its SHA-256 is"))' web.ovf --verify
cd ..

# ---- VirtualBox's way ------------------------------------------------------------------------------------

mkdir vbox
cat >vbox/box.ovf <<'X'
<?xml version="1.0"?>
<Envelope ovf:version="1.0" xml:lang="en-US" xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vbox="http://www.virtualbox.org/ovf/machine">
  <References>
    <File ovf:id="file1" ovf:href="box-disk001.vmdk"/>
  </References>
  <DiskSection>
    <Info>List of the virtual disks used in the package</Info>
    <Disk ovf:capacity="20971520" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized" vbox:uuid="1f3ab0aa"/>
  </DiskSection>
  <NetworkSection><Info>n</Info><Network ovf:name="NAT"><Description>d</Description></Network></NetworkSection>
  <VirtualSystem ovf:id="my box">
    <Info>A virtual machine</Info>
    <OperatingSystemSection ovf:id="96">
      <Info>The kind of installed guest operating system</Info>
      <Description>Debian_64</Description>
      <vbox:OSType ovf:required="false">Debian_64</vbox:OSType>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware requirements for a virtual machine</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>my box</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>virtualbox-2.2</vssd:VirtualSystemType>
      </System>
      <Item><rasd:Caption>1 virtual CPU</rasd:Caption><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>1</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>MegaBytes</rasd:AllocationUnits><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>1024</rasd:VirtualQuantity></Item>
      <Item><rasd:Address>0</rasd:Address><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>AHCI</rasd:ResourceSubType><rasd:ResourceType>20</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:Caption>disk1</rasd:Caption><rasd:HostResource>/disk/vmdisk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:AutomaticAllocation>true</rasd:AutomaticAllocation><rasd:Connection>NAT</rasd:Connection><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceSubType>E1000</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
X
cp apart/ours-disk1.vmdk vbox/box-disk001.vmdk
(cd vbox && manifest sha1 SHA1 box.ovf box-disk001.vmdk >box.mf && tar --format=posix -cf ../box.ova box.ovf box-disk001.vmdk box.mf)
shows "VirtualBox's descriptor, manifest last, pax" 0 "$none"' and (.items[0].machines[0] | .name == "my box" and
	.guest_os == "Debian_64" and .hardware == "virtualbox-2.2" and .memory_mib == 1024 and .disks[0].node == "sata0:0" and
	.disks[0].size_bytes == 20971520 and .networks[0] == { network: "NAT", device: "e1000" })' box.ova --verify

# ---- damaged, and hostile ------------------------------------------------------------------------------------

cp web.ova bad.ova
at=$(grep -abo 'KDMV' bad.ova | head -1 | cut -d: -f1)
printf x | dd of=bad.ova bs=1 seek=$((at + 5000)) conv=notrunc status=none
shows "a changed byte" 3 "$(finds d1.vmdk 'its SHA-1 is .* and the manifest says')" bad.ova --verify
shows "is not seen without --verify" 0 "$none" bad.ova
head -c $((at + 100000)) web.ova >cut.ova
shows "an archive cut off: what is there is shown" 0 '.items[0].machines[0].name and
	(.items[0].findings | map(.message) | any(test("cut off")) and any(test("is not there")))' cut.ova
(cd apart && rm ours-disk2.vmdk && sed -i '1!d' ours.mf)
shows "a file and lines that are missing" 3 '[.items[0].findings[] | .path + ": " + .message] == ["ours-disk2.vmdk: is not there",
	"ours-disk1.vmdk: has no sum in the manifest"]' apart/ours.ovf --verify
rm apart/ours.mf
shows "no manifest" 3 '.items[0].findings | any(.message | test("there is no manifest"))' apart/ours.ovf --verify
expect 1 "an archive that is not there" cairn vm show gone.ova
tar -cf none.ova a.raw
expect 1 "an archive without a descriptor" cairn vm show none.ova
grep -q 'no descriptor' "$T/out" || fail "it says: $(cat "$T/out")"
head -c 100000 /dev/urandom >noise.ova
expect 1 "noise" cairn vm show noise.ova
printf '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Envelope><VirtualSystem id="&x;"/></Envelope>' >entity.ovf
expect 1 "an entity that names a file" cairn vm show entity.ovf
grep -q 'document type' "$T/out" || fail "it says: $(cat "$T/out")"
echo secret >secret
mkdir hostile
sed 's,box-disk001.vmdk,../secret,' vbox/box.ovf >hostile/up.ovf
printf 'SHA256(../secret)= %064d\n' 0 >hostile/up.mf
shows "a file above the folder is not looked for" 3 '.items[0].findings[0] == { path: "../secret", message:
	"lies outside of the package, where nothing is looked for" } and ([.items[0].files[].name] | index("../secret") | not)' \
	hostile/up.ovf --verify
expect 2 "--verify of a machine" cairn vm show --verify $vm/vm.vmx
expect 2 "an archive and a place" cairn vm show ours.ova $vm
if have strace; then
	strace -f -qq -o trace -e trace=open,openat,openat2,connect cairn vm show --verify hostile/up.ovf >/dev/null 2>&1
	grep -q secret trace && fail "it is opened: $(grep secret trace)" || pass "and not opened"
fi
finish
