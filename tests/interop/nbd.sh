#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Virtual disks over NBD: nbdkit with our plugin serves every kind of disk, and qemu-img, nbdcopy and
# nbdinfo must see in it what the disk was made from.
# (guest.sh boots a guest on a real root disk.)
cd "$(dirname "$0")/../.." && . tests/lib.sh
for p in nbdkit nbdcopy nbdinfo qemu-img qemu-io jq; do have $p || skip_all "$p is not installed"; done
plugin=$PWD/build/lib/nbdkit-cairn-plugin.so

# nbd TEXT SHELL-COMMAND PLUGIN-PARAMETER...: the command runs beside the server, which $uri names.
nbd()
{
	local text=$1 command=$2

	shift 2
	try "$text" nbdkit -U - "$plugin" "$@" --run "$command"
}
# refused TEXT PATTERN PLUGIN-PARAMETER...: the server does not start, and says why.
refused()
{
	local text=$1 pattern=$2

	shift 2
	expect 1 "$text" nbdkit -U - "$plugin" "$@" --run true && { grep -q -- "$pattern" "$T/out" || fail "$text: it says: $(cat "$T/out")"; }
}

head -c 20000000 /dev/urandom >"$T/raw"
truncate -s 80M "$T/raw"
dd if="$T/raw" of="$T/raw" bs=512 skip=100 seek=120007 count=77 conv=notrunc status=none
truncate -s 1G "$T/ds.img"
try "create the datastore" vmkfstools -C vmfs5 -S nbd "$T/ds.img" || finish
export CAIRN_DEVICES=$T/ds.img
V=/vmfs/volumes/nbd
try "a folder with blanks" cairn file mkdir "$V/a vm" || finish

# ---- every kind of disk --------------------------------------------------------------------------
# serves TEXT RAW PARAMETER...: what is served is RAW, by four programs and in one and eight connections.
serves()
{
	local text=$1 raw=$2

	shift 2
	nbd "$text: qemu-img compare" "qemu-img compare -f raw -F raw \"\$uri\" '$raw'" "$@"
	rm -f "$T/out.raw"
	nbd "$text: nbdcopy" "nbdcopy --connections=8 --requests=16 \"\$uri\" '$T/out.raw'" "$@" && same "$text: nbdcopy: the same bytes" "$raw" "$T/out.raw"
	rm -f "$T/out.raw"
	# Without extents every byte is read.
	nbd "$text: nbdcopy of all" "nbdcopy --allocated --no-extents --connections=1 \"\$uri\" '$T/out.raw'" "$@" && same "$text: nbdcopy of all: the same bytes" "$raw" "$T/out.raw"
	nbd "$text: nbdinfo --map" "nbdinfo --map --json \"\$uri\"" "$@" && map_is_right "$text" "$raw" "$T/out"
}
# The map has no gap, and what it calls zero is zero.
map_is_right()
{
	jq -e --argjson size "$(stat -c %s "$2")" '[.[] | .length] | add == $size' "$3" >/dev/null || fail "$1: the map does not cover the disk: $(head -c 300 "$3")"
	jq -r '.[] | select((.type / 2 | floor) % 2 == 1) | "\(.offset) \(.length)"' "$3" >"$T/zeros"
	while read -r offset length; do
		cmp -s -n "$length" -i "$offset:0" "$2" /dev/zero || { fail "$1: $length bytes at $offset are called zero, and are not"; return; }
	done <"$T/zeros"
	pass "$1: the map is right ($(wc -l <"$T/zeros") ranges of zeros)"
}

for d in thin zeroedthick eagerzeroedthick; do
	try "import $d" vmkfstools -i "$T/raw" "$V/a vm/$d.vmdk" -d $d
	serves "flat $d" "$T/raw" device="$T/ds.img" disk="$V/a vm/$d.vmdk"
done
for d in monosparse 2gbsparse streamoptimized; do
	try "import $d" cairn disk convert -f raw -O $d "$T/raw" "$V/a vm/$d.vmdk"
	serves "$d" "$T/raw" "a vm/$d.vmdk"
done
cairn disk convert -q -f raw -O monosparse "$T/raw" "$T/local.vmdk" || fail "make a local disk"
CAIRN_DEVICES= serves "a disk of this machine" "$T/raw" "$T/local.vmdk"

nbd "thin: holes are told" 'nbdinfo --map "$uri" | grep -q hole' "a vm/thin.vmdk"
nbd "what a client is told" 'nbdinfo --json "$uri"' "a vm/thin.vmdk"
try "read only, several connections, extents" jq -e '.exports[0] | .is_read_only and .can_multi_conn and (.contexts | index("base:allocation"))' "$T/out"
nbd "past the page cache" "qemu-img compare -f raw -F raw \"\$uri\" '$T/raw'" direct=true "a vm/thin.vmdk"

# ---- chains --------------------------------------------------------------------------------------
chains=0
for mix in flat,cowd,cowd,cowd,cowd flat,sesparse,sesparse,sesparse,sesparse flat,sesparse,cowd,sesparse; do
	chains=$((chains + 1))
	rm -rf "$T/c"
	mkdir "$T/c"
	leaf=$(mkchain -e "$T/exp.raw" -k $mix -S $chains -s 20481k -l grains "$T/c") || { fail "mkchain $mix"; continue; }
	try "copy the chain $mix to the datastore" cairn file cp -r "$T/c" "$V/c$chains"
	serves "chain $mix" "$T/exp.raw" device="$T/ds.img" disk="$V/c$chains/${leaf##*/}"
	for link in 1 2 3; do
		below=$T/c/vm-00000$(($(ls "$T"/c/vm-00000?.vmdk | wc -l) - link)).vmdk
		[ -e "$below" ] || below=$T/c/vm.vmdk
		cairn disk convert -q -O raw "$below" "$T/link.raw" || fail "link $link"
		nbd "chain $mix: snapshot=$link" "qemu-img compare -f raw -F raw \"\$uri\" '$T/link.raw'" "c$chains/${leaf##*/}" snapshot=$link
		rm -f "$T/link.raw"
	done
done
cairn disk convert -q -O raw "$T/c/vm-000001.vmdk" "$T/link.raw" || fail "link 000001"
nbd "a link by the name of its descriptor" "qemu-img compare -f raw -F raw \"\$uri\" '$T/link.raw'" c3/vm-000003.vmdk snapshot=vm-000001.vmdk
cat >"$T/vm.vmx" <<-'VMX'
	displayName = "a machine"
	scsi0:0.present = "TRUE"
	scsi0:0.fileName = "vm-000003.vmdk"
VMX
cat >"$T/vm.vmsd" <<-'VMSD'
	.encoding = "UTF-8"
	snapshot.lastUID = "2"
	snapshot.current = "2"
	snapshot.numSnapshots = "2"
	snapshot0.uid = "1"
	snapshot0.displayName = "before"
	snapshot0.numDisks = "1"
	snapshot0.disk0.fileName = "vm.vmdk"
	snapshot0.disk0.node = "scsi0:0"
	snapshot1.uid = "2"
	snapshot1.parent = "1"
	snapshot1.displayName = "before the update"
	snapshot1.numDisks = "1"
	snapshot1.disk0.fileName = "vm-000001.vmdk"
	snapshot1.disk0.node = "scsi0:0"
VMSD
try "a machine's own files" cairn file cp "$T/vm.vmx" "$T/vm.vmsd" "$V/c3/"
nbd "a link by the name of its snapshot" "qemu-img compare -f raw -F raw \"\$uri\" '$T/link.raw'" c3/vm-000003.vmdk snapshot="before the update"
refused "a link that is not there" "links 0 to 3" c3/vm-000003.vmdk snapshot=4
refused "a snapshot that is not there" "is called 'after'" c3/vm-000003.vmdk snapshot=after

# ---- several disks, several clients --------------------------------------------------------------
nbd "two disks are two exports" 'nbdinfo --list --json "$uri"' "a vm/thin.vmdk" "c1/vm-000004.vmdk"
try "by the names they were given" jq -e '[.exports[]."export-name"] == ["a vm/thin.vmdk", "c1/vm-000004.vmdk"]' "$T/out"
nbd "the second one" "qemu-img info --output=json \"nbd+unix:///c1/vm-000004.vmdk?socket=\$unixsocket\"" "a vm/thin.vmdk" "c1/vm-000004.vmdk"
try "has its own size" jq -e '."virtual-size" == 20972544' "$T/out"
nbd "an export that is not there" '! nbdinfo "nbd+unix:///none?socket=$unixsocket"' "a vm/thin.vmdk"

# A server in the background: it has forked, and goes on from another directory.
(cd "$T" && nbdkit -U nbd.sock -P nbd.pid "$plugin" device=ds.img "a vm/thin.vmdk") || fail "a server in the background"
for n in 1 2 3 4; do
	nbdcopy --connections=2 "nbd+unix:///?socket=$T/nbd.sock" "$T/par$n.raw" &
done
wait
for n in 1 2 3 4; do same "four clients at once: $n" "$T/raw" "$T/par$n.raw"; done
rm -f "$T"/par?.raw
kill "$(cat "$T/nbd.pid")"

# ---- a host changes the disk meanwhile -----------------------------------------------------------
truncate -s 300M "$T/busy.img"
vmkfstools -C vmfs5 -S busy "$T/busy.img" >/dev/null || fail "make a datastore"
CAIRN_DEVICES=$T/busy.img vmkfstools -c 40m -d thin /vmfs/volumes/busy/b.vmdk >/dev/null || fail "make a disk"
nbdkit -U "$T/busy.sock" -P "$T/busy.pid" "$plugin" device="$T/busy.img" b.vmdk || fail "a server"
qemu-img create -q -f vmdk -o subformat=monolithicFlat "$T/new.vmdk" 40M
head -c 40M /dev/urandom >"$T/new-flat.vmdk"
# One connection stays open and reads now and then; in between the disk's file is replaced.
mkfifo "$T/go"
qemu-io -r -f raw "nbd+unix:///?socket=$T/busy.sock" <"$T/go" >"$T/io" 2>&1 &
exec 9>"$T/go"
echo "read -P 0 1M 64k" >&9
for _ in $(seq 100); do grep -q "read 65536" "$T/io" && break; sleep 0.1; done
CAIRN_DEVICES=$T/busy.img cairn file cp "$T/new-flat.vmdk" /vmfs/volumes/busy/b-flat.vmdk >/dev/null 2>"$T/err" || fail "replace: $(cat "$T/err")"
sleep 1.2
echo "read 2M 64k" >&9
echo "read 3M 64k" >&9
echo quit >&9
exec 9>&-
wait $!
try "a connection that was there before a host changed the disk gets errors" sh -c 'cat "$1"; [ "$(grep -c "read failed" "$1")" -eq 2 ]' - "$T/io"
try "the next one reads the new state" qemu-img compare -f raw -F raw "nbd+unix:///?socket=$T/busy.sock" "$T/new-flat.vmdk"
kill "$(cat "$T/busy.pid")"

# ---- cairn nbd -----------------------------------------------------------------------------------
try "cairn nbd --run" cairn nbd "$V/a vm/thin.vmdk" --run "qemu-img compare -f raw -F raw \"\$uri\" '$T/raw'"
try "cairn nbd of a file of this machine" cairn nbd "$T/local.vmdk" --run "qemu-img compare -f raw -F raw \"\$uri\" '$T/raw'"
try "cairn nbd --snapshot" cairn nbd --snapshot "before the update" "$V/c3/vm-000003.vmdk" --run "qemu-img compare -f raw -F raw \"\$uri\" '$T/link.raw'"
cairn nbd --socket "$T/own.sock" "$V/a vm/thin.vmdk" >"$T/own" 2>&1 &
for _ in $(seq 100); do [ -S "$T/own.sock" ] && break; sleep 0.1; done
try "cairn nbd --socket" qemu-img compare -f raw -F raw "nbd+unix:///?socket=$T/own.sock" "$T/raw"
kill $!
wait $!
expect 2 "cairn nbd with two places to listen" cairn nbd --socket x --port 1 "$V/a vm/thin.vmdk"
expect 1 "cairn nbd without nbdkit" env PATH="$PWD/build/bin" cairn nbd "$V/a vm/thin.vmdk" &&
	{ grep -q "nbdkit is not installed" "$T/out" || fail "cairn nbd without nbdkit: $(cat "$T/out")"; }

# ---- refused, before anything is served ----------------------------------------------------------
refused "no disk" "name a disk" device="$T/ds.img"
refused "a disk that is not there" "none.vmdk" "a vm/none.vmdk"
refused "a device that is not there" "No such file" device="$T/none.img" a.vmdk
refused "an extent" "the disk is" "a vm/thin-flat.vmdk"
refused "a parameter that is not there" "unknown parameter 'dsik'" dsik=x

# ---- what was read is as it was ------------------------------------------------------------------
sum_of "$T/ds.img" >"$T/before"
nbd "read all" 'nbdcopy "$uri" null:' "a vm/thin.vmdk"
sum_of "$T/ds.img" >"$T/after"
same "serving wrote nothing" "$T/before" "$T/after"
finish
