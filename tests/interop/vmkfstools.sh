#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# vmkfstools and partedUtil as scripts use them: command lines found in the wild, the words they match,
# every number that a failure can have, and what is left after a failure or a signal: nothing.
cd "$(dirname "$0")/../.." && . tests/lib.sh
top=$PWD
V=/vmfs/volumes/ds1
cd "$T" || exit 1

# says TEXT EXIT WORDS CMD...: the exit code, and words in what it prints.
says()
{
	local text=$1 want=$2 words=$3

	shift 3
	expect "$want" "$text" "$@" || return
	tr '\r' '\n' <"$T/out" | grep -qF -- "$words" && pass "$text: its words" ||
		{ fail "$text: no '$words' in:"; head -c 2000 "$T/out"; }
}
# lines TEXT FILE CMD...: exactly these lines, '#' standing for any number.
lines()
{
	local text=$1 want=$2

	shift 2
	"$@" 2>&1 | tr '\r' '\n' | sed 's/[0-9][0-9]*/#/g' >have
	diff "$want" have >diff.out && pass "$text" || { fail "$text"; cat diff.out; }
}
listing() { cairn file ls -l "$1" | grep -v ' \.[a-z0-9]*\.sf$'; }
# nothing_left TEXT: the directories are as they were.
remember() { listing $V >before; }
nothing_left()
{
	listing $V >after
	diff before after >diff.out && pass "$1: nothing is left" || { fail "$1: left behind"; cat diff.out; }
}

# ---- file systems ------------------------------------------------------------------------------------

truncate -s 600M lun.img
says "-C" 0 "Successfully created new volume: " vmkfstools -C vmfs5 -b 1m -S ds1 lun.img
export CAIRN_DEVICES=lun.img
says "-C vmfs6 over a volume" 1 "(39)" vmkfstools -C vmfs6 -S x lun.img
says "-C without a type is explained" 1 "-C vmfs5" vmkfstools -C lun.img lun.img
says "-C vmfs3" 1 "not made" vmkfstools -C vmfs3 lun.img
says "-C over a volume" 1 "(39)" vmkfstools -C vmfs5 lun.img
says "-C with 8m blocks" 1 "(1)" vmkfstools -C vmfs5 -b 8m lun.img
says "-C with a label that ends in a blank" 1 "(1)" vmkfstools -C vmfs5 -S "x " lun.img
cat >want <<'END'
VMFS-#.# (Raw Major Version: #) file system spanning # partitions.
File system label (if any): ds#
Mode: public
Capacity # (# file blocks * #), # (# blocks) avail, max supported file size #
UUID: X
Partitions spanned (on "lvm"):
	lun.img
Is Native Snapshot Capable: YES
END
lines "-P" want sh -c "vmkfstools -P $V | sed 's/^UUID: .*/UUID: X/'"
says "-Ph -v 1" 0 "file block size 1 MB, max supported file size" vmkfstools -Ph -v 1 $V
says "-Ph -v 1: files" 0 "Files (max/free): " vmkfstools -Ph -v 1 $V
says "-P of a host's path" 0 "POSIX-1.00" vmkfstools -P .
says "-P of nothing" 1 "(25)" vmkfstools -P $V/nope
says "--activehosts" 0 "Found 0 actively heartbeating hosts on volume '$V'" vmkfstools --activehosts $V
says "-T" 1 "(36)" vmkfstools -T $V
says "-L" 1 "(36)" vmkfstools -L reserve lun.img
says "-B without a lock" 0 "not locked" vmkfstools -B lun.img
# What another machine leaves when it dies over -G or -Z: its host UUID in the LVM device record.
printf '\1\2\3\4\5\6\7\10\11\12\252\273\0\0\0\1' | dd of=lun.img bs=1 seek=$((0x1000a2)) conv=notrunc status=none
says "-G beside another machine" 1 "04030201-08070605-0a09-aabb00000001" vmkfstools -G lun.img lun.img
says "-B" 0 "Successfully broke" vmkfstools -B lun.img
try "-G after -B" vmkfstools -G lun.img lun.img

# A partition that grows, and a second one that joins.
truncate -s 1G disk.img
truncate -s 700M more.img
try "mklabel" partedUtil mklabel disk.img gpt
says "getUsableSectors" 0 "34 2097118" partedUtil getUsableSectors disk.img
try "setptbl" partedUtil setptbl disk.img gpt "1 2048 1048576 AA31E02A400F11DB9590000C2911D1B8 0"
cat >want <<'END'
gpt
130 255 63 2097152
1 2048 1048576 AA31E02A400F11DB9590000C2911D1B8 vmfs 0
END
partedUtil getptbl disk.img >have
same "getptbl" want have
[ "$(sfdisk -d disk.img 2>/dev/null | sed -n 's/.*start= *\([0-9]*\), size= *\([0-9]*\),.*/\1 \2/p')" = "2048 1046529" ] &&
	pass "sfdisk reads the same" || fail "sfdisk reads: $(sfdisk -d disk.img 2>&1 | tail -1)"
dd if=/dev/zero of=disk.img bs=512 seek=1 count=1 conv=notrunc status=none
says "getptbl from the copy at the end" 0 "the copy at the end" partedUtil getptbl disk.img
partedUtil setptbl disk.img gpt "1 2048 1048576 AA31E02A400F11DB9590000C2911D1B8 0" >/dev/null
try "-C on a partition" vmkfstools -C vmfs5 -S big disk.img:1
says "-C over partitions" 1 "--force" vmkfstools -C vmfs5 disk.img
export CAIRN_DEVICES=disk.img:1
head -c 3M /dev/urandom >file && cairn file cp file /vmfs/volumes/big/
says "-G with nothing to take" 0 "fills its partition already" vmkfstools -G disk.img:1 disk.img:1
partedUtil setptbl disk.img gpt "1 2048 2097118 AA31E02A400F11DB9590000C2911D1B8 0" >/dev/null
says "-G" 0 "Successfully grew" vmkfstools -G disk.img:1 disk.img:1
try "-Z" vmkfstools -Z more.img disk.img:1
export CAIRN_DEVICES="disk.img:1 more.img"
says "both are there" 0 "spanning 2 partitions" vmkfstools -P /vmfs/volumes/big
try "the file is as it was" sh -c "cairn file cat /vmfs/volumes/big/file | cmp - file"
clean_voma "after -G and -Z" disk.img:1 more.img
says "setptbl beyond the end" 1 "usable sectors" partedUtil setptbl disk.img gpt "1 64 2097119 AA31E02A400F11DB9590000C2911D1B8 0"
says "setptbl with an overlap" 1 "overlap" partedUtil setptbl disk.img gpt "1 64 100 AA31E02A400F11DB9590000C2911D1B8 0" "2 100 200 AA31E02A400F11DB9590000C2911D1B8 0"
truncate -s 64M dos.img
try "setptbl msdos" partedUtil setptbl dos.img msdos "1 128 1000 251 128"
says "getptbl msdos" 0 "1 128 1000 251 128" partedUtil getptbl dos.img
says "getptbl without a table" 0 "unknown" partedUtil getptbl more.img
says "showGuids" 0 "vmfs                 AA31E02A400F11DB9590000C2911D1B8" partedUtil showGuids
expect 1 "partedUtil alone" partedUtil
export CAIRN_DEVICES=lun.img

# ---- command lines from scripts ------------------------------------------------------------------------

says "-c thin" 0 "Create: 100% done." vmkfstools -c 5G -d thin $V/thin.vmdk
says "--createvirtualdisk" 0 "Create: 100% done." vmkfstools --createvirtualdisk 66G --diskformat thin -a lsilogic $V/long.vmdk
try "-c zeroedthick" vmkfstools -c 10m $V/zero.vmdk
says "-c eagerzeroedthick" 0 "Create: 100% done." vmkfstools -c 10m -d eagerzeroedthick $V/eager.vmdk
head -c 12M /dev/urandom >raw && truncate -s 20M raw
try "--format raw" vmkfstools -i raw --format raw -d thin $V/src.vmdk
head -c 3M /dev/urandom >full
try "a thin disk without a hole" vmkfstools -i full --format raw -d thin $V/full.vmdk
says "and it is thin" 0 "format      thin" vmkfstools --info $V/full.vmdk
try "delete it" vmkfstools -U $V/full.vmdk
printf 'Destination disk format: VMFS thin-provisioned\nCloning disk '"'$V/src.vmdk'"'...\n' >want
vmkfstools -i $V/src.vmdk $V/dst.vmdk -d thin >out.raw
tr '\r' '\n' <out.raw | head -2 >have
same "-i: its first lines" want have
[ "$(tail -1 out.raw | tr -d '\n' | tr '\r' '\n' | tail -1)" = "Clone: 100% done." ] && pass "-i: its last line" ||
	fail "-i: its last line: $(tail -1 out.raw | od -c | tail -3)"
tail -n +3 out.raw | grep -q $'done\\.\r' && pass "-i: carriage returns" || fail "-i: no carriage return"
cairn disk compare -F raw $V/dst.vmdk raw >/dev/null && pass "-i: the content" || fail "-i: the content"
says "--progress=lines" 0 "Clone: 100% done." vmkfstools -i $V/src.vmdk $V/dst2.vmdk -d thin --progress=lines
grep -q $'\r' "$T/out" && fail "--progress=lines has a carriage return" || pass "--progress=lines has none"
says "-X 30M" 0 "Grow: 100% done." vmkfstools -X 30M $V/dst.vmdk
says "-X without a suffix" 0 "taken as kilobytes: 40.0 MiB" vmkfstools -X 40960 $V/dst.vmdk
try "-X 0.05G" vmkfstools -X 0.05G $V/dst.vmdk
says "-X rounds up to a sector" 0 '"size_bytes": 53687296' vmkfstools --info --json $V/dst.vmdk
truncate -s 53687296 raw
cairn disk compare -F raw $V/dst.vmdk raw >/dev/null && pass "-X: the content" || fail "-X: the content"
says "-K: its first line" 0 "vmfsDisk: 1, rdmDisk: 0, blockSize: 1048576" vmkfstools -K -v 1 $V/dst.vmdk
says "--punchzero of a thick disk" 0 "Hole Punching: 100% done." vmkfstools --punchzero $V/eager.vmdk
says "and it is thin" 0 "format      thin" vmkfstools --info $V/eager.vmdk
says "-j" 0 "Inflate: 100% done." vmkfstools --inflatedisk $V/eager.vmdk
says "and it is eager" 0 "format      eagerzeroedthick" vmkfstools --info $V/eager.vmdk
says "-k" 0 "Eagerly zeroing: 100% done." vmkfstools --eagerzero $V/zero.vmdk
says "-k of a thin disk" 1 "-j" vmkfstools -k $V/dst.vmdk
try "-w" vmkfstools -w $V/dst2.vmdk
truncate -s 20M zeros
cairn disk compare -F raw $V/dst2.vmdk zeros >/dev/null && pass "-w: zeros" || fail "-w: zeros"
expect 0 "-E is silent" vmkfstools -E $V/dst.vmdk $V/moved.vmdk
[ ! -s "$T/out" ] && pass "-E: no word" || fail "-E says: $(cat "$T/out")"
cairn disk compare -F raw $V/moved.vmdk raw >/dev/null && pass "-E: the content" || fail "-E: the content"
says "-e" 0 "Disk chain is consistent." vmkfstools -e $V/moved.vmdk
says "-x check" 0 "Disk is error free" vmkfstools -x check $V/moved.vmdk
says "-x repair" 0 "Disk is error free" vmkfstools -x repair $V/moved.vmdk
says "-g" 0 "Geometry information C/H/S is " vmkfstools -g $V/moved.vmdk
says "-q" 1 "is not a raw device mapping" vmkfstools -q $V/moved.vmdk
says "-M" 0 "needs no migration" vmkfstools -M $V/moved.vmdk
says "-D" 0 "tbz 0, cow 0, newSinceEpoch" vmkfstools -D $V/moved-flat.vmdk
says "-t0 of a thin disk" 0 "NOMP" vmkfstools -t0 $V/thin.vmdk
says "-t0 of a lazily zeroed disk" 0 "VMFS Z -- " sh -c "vmkfstools -c 5m $V/z5.vmdk && vmkfstools -t0 $V/z5.vmdk"
expect 0 "-v1 --deletevirtualdisk" vmkfstools -v1 --deletevirtualdisk $V/moved.vmdk
[ ! -s "$T/out" ] && pass "-U: no word" || fail "-U says: $(cat "$T/out")"
for d in thin long zero eager src dst2 z5; do vmkfstools -U $V/$d.vmdk || fail "-U $d"; done
[ -z "$(listing $V)" ] && pass "all is deleted" || { fail "-U leaves"; listing $V; }
clean_voma "after all of it" lun.img
before=$(du -k lun.img | cut -f1)
says "-y" 0 "given back" vmkfstools -y $V --reclaimBlocksUnit 100
after=$(du -k lun.img | cut -f1)
[ $after -lt $((before - 20000)) ] && pass "-y: the image is smaller" || fail "-y: $before KiB before, $after KiB after"
clean_voma "after -y" lun.img

# A mapping as ESXi leaves it: a descriptor, and a file of type 6 whose body is the device's identity.
printf '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="vmfsPassthroughRawDeviceMap"\nRW 2048 VMFSRDM "r-rdmp.vmdk"\n' >r.vmdk
python3 -c 'import sys; sys.stdout.buffer.write(bytes([1, 16, 3, 0, 0, 5]) + b"VENDOR  " + b"MODEL           " + b"REV " + b"0123456789abcdef".ljust(44, b"\0"))' >body
cp --sparse=always lun.img rdm.img
export CAIRN_DEVICES=rdm.img
cairn file cp r.vmdk body $V/ && cairn file mv $V/body $V/r-rdmp.vmdk
at=$(vmkfstools -D $V/r-rdmp.vmdk | sed -n 's/^Lock .* offset \([0-9]*\) v.*/\1/p')
python3 - $((0x1100000 + at + 0x20c)) <<'END'
import re, sys
with open("rdm.img", "r+b") as f:
    f.seek(int(sys.argv[1]))
    f.write(b"\x06")				# the type in the descriptor
    f.seek(0)
    data = f.read()
    for m in re.finditer(rb"r-rdmp\.vmdk\0", data):	# and in the directory's entry
        if data[m.start() - 12:m.start() - 8] == b"\x03\0\0\0":
            f.seek(m.start() - 12)
            f.write(b"\x06")
END
says "-q of a mapping" 0 "Disk $V/r.vmdk is a Passthrough Raw Device Mapping" vmkfstools -q $V/r.vmdk
says "-q: the device" 0 "Maps to: vml.020000000030313233343536373839616263646566" vmkfstools -q $V/r.vmdk
have jq && try "-q --json" sh -c "vmkfstools -q --json $V/r.vmdk | jq -e '.items[0].passthrough and .items[0].identifier == \"0123456789abcdef\"'"
says "a mapping is not cloned" 1 "(36)" vmkfstools -i $V/r.vmdk $V/x.vmdk
export CAIRN_DEVICES=lun.img

# ---- formats, judged by others ---------------------------------------------------------------------------

truncate -s 20M raw
vmkfstools -i raw --format raw -d zeroedthick $V/src.vmdk >/dev/null
for f in 2gbsparse 2gbflat monosparse monoflat streamoptimized raw zeroedthick thin eagerzeroedthick; do
	try "-i -d $f" vmkfstools -i $V/src.vmdk out.vmdk -d $f --verify
	case $f in
	raw) same "-d $f: the content" out.vmdk raw ;;
	zeroedthick | thin | eagerzeroedthick) same "-d $f: the content" out-flat.vmdk raw ;;
	*) have qemu-img && try "-d $f: qemu-img compare" qemu-img compare -q -f vmdk -F raw out.vmdk raw ;;
	esac
	[ $f = raw ] || try "-d $f: back" vmkfstools -i out.vmdk $V/back.vmdk
	[ $f = raw ] || try "-d $f: and equal" vmkfstools --compare $V/back.vmdk $V/src.vmdk
	[ $f = raw ] || vmkfstools -U $V/back.vmdk
	rm -f out*.vmdk
done

# fits SCHEMA EXIT CMD...: one document and nothing else on standard output, as docs/schema has it.
fits()
{
	local schema=$1 want=$2 rc=0 faults

	shift 2
	"$@" >json 2>err || rc=$?
	faults=$(jq -r --slurpfile schema "$top/docs/schema/$schema.json" '$schema[0] as $s | '"$(grep -v '^#' "$top/tests/interop/schema.jq")" json 2>&1)
	[ $rc -eq "$want" ] && [ -s json ] && [ -z "$faults" ] && pass "JSON of $*" ||
		fail "JSON of $*: exit $rc, wanted $want; ${faults:0:600}"
}
if have jq; then
	truncate -s 600M j.img j2.img
	fits vmkfstools.createfs-1 0 vmkfstools --json -C vmfs5 -S j j.img
	export CAIRN_DEVICES="lun.img j.img"
	fits vmkfstools-1 0 vmkfstools --json -Z j2.img j.img
	export CAIRN_DEVICES="lun.img j.img j2.img"
	fits vmkfstools-1 0 vmkfstools --json -G j.img j.img
	fits vmkfstools-1 0 vmkfstools --json -y /vmfs/volumes/j
	fits vmkfstools.queryfs-1 0 vmkfstools --json -P $V
	fits vmkfstools.queryfs-1 0 vmkfstools --json -P .
	fits vmkfstools.activehosts-1 0 vmkfstools --json --activehosts $V
	fits vmkfstools.dumpmetadata-1 0 vmkfstools --json -D $V/src.vmdk
	fits vmkfstools.geometry-1 0 vmkfstools --json -g $V/src.vmdk
	fits vmkfstools.chain-1 0 vmkfstools --json -e $V/src.vmdk
	fits vmkfstools.fix-1 0 vmkfstools --json -x check $V/src.vmdk
	fits vmkfstools.fix-1 0 vmkfstools --json -x repair $V/src.vmdk
	fits disk.info-1 0 vmkfstools --json --info $V/src.vmdk
	fits disk.map-1 0 vmkfstools --json --map $V/src.vmdk
	fits disk.map-1 0 vmkfstools --json -t0 $V/src.vmdk
	fits disk.measure-1 0 vmkfstools --json --measure -d monosparse $V/src.vmdk
	fits disk.compare-1 0 vmkfstools --json --compare $V/src.vmdk $V/src.vmdk
	fits vmkfstools-1 0 vmkfstools --json -c 1m $V/j.vmdk
	fits vmkfstools-1 0 vmkfstools --json -i $V/j.vmdk $V/j2.vmdk
	fits vmkfstools-1 0 vmkfstools --json -X 2m $V/j.vmdk
	fits vmkfstools-1 0 vmkfstools --json -k $V/j.vmdk
	fits vmkfstools-1 0 vmkfstools --json -K $V/j.vmdk
	fits vmkfstools-1 0 vmkfstools --json -j $V/j.vmdk
	fits vmkfstools-1 0 vmkfstools --json -w $V/j.vmdk
	fits vmkfstools-1 0 vmkfstools --json -M $V/j.vmdk
	fits vmkfstools-1 0 vmkfstools --json -E $V/j.vmdk $V/j3.vmdk
	fits vmkfstools-1 0 vmkfstools --json -U $V/j3.vmdk
	fits vmkfstools-1 0 vmkfstools --json -U $V/j2.vmdk
	fits vmkfstools-1 1 vmkfstools --json --info $V/nope.vmdk
	fits vmkfstools-1 1 vmkfstools --json -C vmfs4 j.img
	fits partedutil.getptbl-1 0 partedUtil --json getptbl disk.img
	fits partedutil.getptbl-1 0 partedUtil --json getptbl dos.img
	vmkfstools --map --json $V/src.vmdk >json
	jq -e '.ok and (.items | map(.length) | add) == 20971520 and .items[0].start == 0' json >/dev/null &&
		pass "--map --json covers the disk" || fail "--map --json: $(head -c 500 json)"
	export CAIRN_DEVICES=lun.img
else
	skipped "JSON: jq is not installed"
fi

# ---- failures: the number, and nothing left ----------------------------------------------------------------

remember
says "1: a size" 1 "(1)" vmkfstools -c 1k $V/x.vmdk
says "1: beyond 62 TB" 1 "(1)" vmkfstools -c 63t $V/x.vmdk
says "1: a name" 1 "(1)" vmkfstools -c 1m $V/x
says "1: a name of an extent" 1 "(1)" vmkfstools -c 1m $V/x-flat.vmdk
says "1: a delta cannot be created" 1 "(36)" vmkfstools -c 1m -d sesparse $V/x.vmdk
says "1: nor 2gbsparse" 1 "(1)" vmkfstools -c 1m -d 2gbsparse $V/x.vmdk
says "13: create" 1 "(13)" vmkfstools -c 5g $V/x.vmdk
says "13: eager" 1 "(13)" vmkfstools -c 5g -d eagerzeroedthick $V/x.vmdk
head -c 500M /dev/zero | tr '\0' 'x' >big
says "13: clone" 1 "(13)" vmkfstools -i big --format raw -d thin $V/x.vmdk
rm big
cp raw noise.vmdk
says "15: no disk" 1 "(15)" vmkfstools -i noise.vmdk $V/x.vmdk
says "15: the option goes before the name" 1 "(15)" vmkfstools -i raw --format vmdk $V/x.vmdk
rm noise.vmdk
says "1: an extent, not the descriptor" 1 "src.vmdk" vmkfstools -i $V/src-flat.vmdk $V/x.vmdk
says "25: no source" 1 "Failed to open 'nope.vmdk'" vmkfstools -i nope.vmdk $V/x.vmdk
says "25: no directory" 1 "(25)" vmkfstools -c 1m -d thin $V/nope/x.vmdk
says "25: delete" 1 "(25)" vmkfstools -U $V/nope.vmdk
says "34: shrink" 1 "(34)" vmkfstools -X 10m $V/src.vmdk
says "36: device mapping" 1 "(36)" vmkfstools -r lun.img $V/x.vmdk
says "36: across datastores" 1 "(36)" vmkfstools -E $V/src.vmdk x.vmdk
says "39: create" 1 "(39)" vmkfstools -c 1m -d thin $V/src.vmdk
says "39: clone" 1 "(39)" vmkfstools -i $V/src.vmdk $V/src.vmdk
vmkfstools -c 1m -d thin $V/y.vmdk >/dev/null
says "39: rename" 1 "(39)" vmkfstools -E $V/src.vmdk $V/y.vmdk
vmkfstools -U $V/y.vmdk
printf '# Disk DescriptorFile\nversion=9\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 40960 FLAT "raw" 0\n' >v9.vmdk
says "24: a version" 1 "(24)" vmkfstools -i v9.vmdk $V/x.vmdk
cp /dev/null empty.vmdk
says "15: an empty file" 1 "(15)" vmkfstools -i empty.vmdk $V/x.vmdk
says "16392: in use" 1 "(16392)" flock -n . sh -c "exec 9<>raw; python3 -c '
import fcntl, os, subprocess, sys
f = os.open(\"raw\", os.O_RDWR)
fcntl.fcntl(f, 37, __import__(\"struct\").pack(\"hhqqi4x\", fcntl.F_WRLCK, 0, 0, 0, 0))
sys.exit(subprocess.call([\"vmkfstools\", \"-i\", \"raw\", \"--format\", \"raw\", \"$V/x.vmdk\"]))'"
nothing_left "after every failure"
clean_voma "after every failure" lun.img
cp --sparse=always lun.img copy.img && chmod 0444 copy.img

# ---- dry runs ------------------------------------------------------------------------------------------------

cp --sparse=always lun.img before.img
for c in "-c 1g $V/n.vmdk" "-i $V/src.vmdk $V/n.vmdk" "-E $V/src.vmdk $V/n.vmdk" "-U $V/src.vmdk" "-X 100m $V/src.vmdk" \
	"-K $V/src.vmdk" "-w $V/src.vmdk" "-x repair $V/src.vmdk" "-C vmfs5 --force lun.img" "-Z more.img lun.img" \
	"-G lun.img lun.img" "-y $V"; do
	try "--dry-run $c" vmkfstools --dry-run $c
	cmp -s lun.img before.img && pass "--dry-run $c: nothing written" || fail "--dry-run $c: the volume changed"
done
for c in "-P $V" "-D $V/src.vmdk" "-t0 $V/src.vmdk" "-g $V/src.vmdk" "-e $V/src.vmdk" "-x check $V/src.vmdk" "--info $V/src.vmdk"; do
	vmkfstools $c >/dev/null 2>&1 || fail "$c"
	cmp -s lun.img before.img && pass "$c writes nothing" || fail "$c writes"
done

# ---- signals ---------------------------------------------------------------------------------------------------

head -c 64M /dev/urandom >long
remember
for s in INT:130 TERM:143; do
	vmkfstools -i long --format raw -d thin --rate 8M $V/long.vmdk >sig.out 2>&1 &
	pid=$!
	sleep 1.5
	kill -${s%:*} $pid
	rc=0
	wait $pid || rc=$?
	[ $rc -eq ${s#*:} ] && pass "SIG${s%:*} ends with $rc" || { fail "SIG${s%:*} ends with $rc"; cat sig.out; }
	nothing_left "SIG${s%:*}"
done
vmkfstools -i long --format raw -d monosparse --rate 8M host.vmdk >sig.out 2>&1 &
pid=$!
sleep 1.5
kill -INT $pid
wait $pid
[ -z "$(ls | grep '^host')" ] && pass "SIGINT on this machine's files: nothing is left" || fail "left: $(ls | grep host)"
clean_voma "after signals" lun.img

# ---- usage ------------------------------------------------------------------------------------------------------

says "an unknown option" 1 "unknown option" vmkfstools --nope
says "a missing argument" 1 "needs an argument" vmkfstools -c
says "two main options" 1 "only one main option" vmkfstools -U -g $V/src.vmdk
says "a missing target" 1 "target is missing" vmkfstools -U
expect 1 "nothing at all" vmkfstools
says "-h" 0 "OPTIONS FOR VIRTUAL DISKS:" vmkfstools -h
says "-H" 0 "OPTIONS FOR DEVICES:" vmkfstools -H
[ -z "$(vmkfstools -h 2>/dev/null)" ] && pass "usage goes to standard error" || fail "usage on standard output"
vmkfstools -h 2>&1 | grep -e --adaptertype | grep -q deprecated && pass "what ghettoVCB greps for" || fail "no deprecated --adaptertype"
says "a prefix of a long name" 0 "Disk chain is consistent." vmkfstools --chain $V/src.vmdk
finish
