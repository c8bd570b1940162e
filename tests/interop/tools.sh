#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# The commands as their users see them: the pinned command lines, exit codes, JSON against its schemas,
# dry runs that write nothing, copies that are stopped, manuals that are up to date and whose examples
# run, completion. Contents of volumes are judged by fresh.sh and genuine.sh.
cd "$(dirname "$0")/../.." && . tests/lib.sh
top=$PWD
V=/vmfs/volumes/ds1

cd "$T" || exit 1
truncate -s 320M lun.img
truncate -s 512M new.img
head -c 3000000 /dev/urandom >a.iso
try "volume create" cairn volume create --label ds1 lun.img
export CAIRN_DEVICES=lun.img
try "cp in" cairn file cp a.iso $V/
try "mkdir" cairn file mkdir -p $V/vm/deep/er
try "cp within" cairn file cp $V/a.iso $V/vm/b
head -c 4M /dev/urandom >raw && truncate -s 64M raw
try "a virtual disk" cairn disk convert -f raw -O thin raw $V/vm/disk.vmdk
# The first word of a small file lies where fsck.vmfs looks for an address; it knows that of a descriptor.
printf '# Disks of a machine\ndisplayName = "vm"\nscsi0:0.fileName = "disk.vmdk"\n' >vm.vmx
try "a machine" cairn file cp vm.vmx $V/vm/
clean_voma "after that the volume is clean" lun.img

# ---- help and errors --------------------------------------------------------------------------------

# says TEXT EXIT WORDS CMD...: the exit code, and the words on standard error.
says()
{
	local text=$1 want=$2 words=$3

	shift 3
	expect "$want" "$text" "$@" || return
	grep -qF -- "$words" "$T/out" && pass "$text: the message" || { fail "$text: no '$words' in:"; cat "$T/out"; }
}

says "an unknown noun is told the nearest" 2 "did you mean 'volume'" cairn volme list
says "an unknown verb is told the nearest" 2 "did you mean 'list'" cairn volume lst
says "an unknown option is told the nearest" 2 "did you mean --json" cairn volume list --jsn
says "a bad size is named" 2 "'4x' is not a size" cairn file cp --rate 4x a b
says "a missing operand is named" 2 "something is missing" cairn file cp a
says "no such volume" 1 "known: ds1" cairn file ls /vmfs/volumes/nope
says "no such file" 1 "nope" cairn file cat $V/nope
says "a directory needs -r" 1 "use -r" cairn file cp $V/vm x
says "a directory cannot go into itself" 5 "into itself" cairn file cp -r $V/vm $V/vm/deep
says "a file cannot be copied to itself" 5 "same file" cairn file cp $V/a.iso $V/./a.iso
says "the file system's own files stay" 5 "belongs to the file system" cairn file rm $V/.fbb.sf
says "the root stays" 5 "root" cairn file rm -r $V
says "over a volume only with consent" 5 "give it with -y" cairn volume create --label x lun.img
says "a column that is not there" 2 "no column 'nope'" cairn volume list -o nope
expect 1 "a full standard output" sh -c "cairn file ls -l $V >/dev/full"
expect 1 "a full standard output, JSON" sh -c "cairn file ls --json $V >/dev/full"
expect 1 "a closed pipe" bash -c "cairn file cat $V/a.iso 2>err | true; exit \${PIPESTATUS[0]}"
try "help of everything" sh -c 'cairn --help && cairn file --help && voma -h'

# Two labels alike: both are named, the UUID chooses.
truncate -s 512M twin.img
cairn volume create -q --label ds1 twin.img >/dev/null
CAIRN_DEVICES="lun.img twin.img" says "two volumes of one label" 5 "use the UUID" cairn file ls $V
# Two spellings of one device are one device; a copy of it is not.
try "two spellings of a device" env CAIRN_DEVICES="lun.img ./lun.img $T/lun.img" cairn file ls $V
cp --sparse=always lun.img copy.img
CAIRN_DEVICES="lun.img copy.img" says "a copy of a device" 5 "same piece" cairn file ls $V

# ---- names ---------------------------------------------------------------------------------------------

printf 'x' >"$(printf 'e\033[2Jvil\n')"
try "a name with control bytes goes in" cairn file cp "$(printf 'e\033[2Jvil\n')" $V/
cairn file ls $V >"$T/out" 2>&1
if LC_ALL=C grep -q "$(printf '\033')" "$T/out"; then
	fail "an escape sequence reaches the terminal"
else
	grep -qF 'e\x1b[2Jvil' "$T/out" && pass "control bytes are shown escaped" || fail "the escaped name is missing"
fi
cairn file rm "$V/$(printf 'e\033[2Jvil\n')"
try "a copy keeps its time" sh -c "touch -d 2001-02-03 t && cairn file cp t $V/t &&
	cairn file stat --json $V/t | jq -e '.items[0].modified_time | startswith(\"2001-02-03\")'"
cairn file rm $V/t
try "the list of volumes" sh -c "cairn file ls /vmfs/volumes | grep -qx ds1"
try "a link is followed by cat" sh -c "ln -s a.iso link && cairn file cat link | cmp - a.iso"
try "cp -r out and back" sh -c "cairn file cp -r $V/vm tree && cmp tree/b a.iso && cairn file cp -r tree $V/ &&
	cairn file cat $V/tree/b | cmp - a.iso && cairn file rm -r $V/tree"
try "mv to this machine and back" sh -c "cairn file mv $V/vm/b moved && cmp moved a.iso &&
	! cairn file stat $V/vm/b && cairn file mv moved $V/vm/b"

# Holes: neither read nor written, on either side.
truncate -s 200M sparse && dd if=a.iso of=sparse bs=1M seek=100 conv=notrunc status=none
try "a sparse copy in" sh -c "cairn file cp --json sparse $V/sparse | jq -e '.items[0].written_bytes < 5000000'"
try "a sparse copy out" sh -c "cairn file cp $V/sparse sparse2 && cmp sparse sparse2 &&
	[ \$(du -k sparse2 | cut -f1) -lt 8000 ]"
cairn file rm $V/sparse
says "a target without room is refused first" 1 "free some space" sh -c "head -c 330M /dev/zero >big; cairn file cp big $V/big"
rm -f big
expect 1 "and nothing is left of it" cairn file stat $V/big

# ---- JSON ------------------------------------------------------------------------------------------------

# valid SCHEMA EXIT CMD...
valid()
{
	local schema=$1 want=$2 rc=0 faults

	shift 2
	"$@" >json 2>err || rc=$?
	faults=$(jq -r --slurpfile schema "$top/docs/schema/$schema.json" '$schema[0] as $s | '"$(grep -v '^#' "$top/tests/interop/schema.jq")" json 2>&1)
	if [ $rc -eq "$want" ] && [ -s json ] && [ -z "$faults" ]; then
		pass "JSON of $*"
	else
		fail "JSON of $*: exit $rc, wanted $want; ${faults:0:1000}"
	fi
	# ok and the exit code agree
	[ "$(jq .ok json)" = "$([ "$rc" -eq 0 ] && echo true || echo false)" ] ||
		fail "JSON of $*: ok is $(jq .ok json), exit $rc"
}

if have jq; then
	valid volume.list-1 0 cairn volume list --json
	valid volume.show-1 0 cairn volume show --json ds1
	valid volume.show-1 1 cairn volume show --json nope
	valid volume.check-1 0 cairn volume check --json ds1
	valid file.ls-1 0 cairn file ls --json -R $V
	valid file.ls-1 1 cairn file ls --json $V $V/nope
	valid file.stat-1 0 cairn file stat --json $V $V/a.iso
	valid file.stat-1 1 cairn file stat --json $V/nope
	valid file.du-1 0 cairn file du --json $V
	valid file.cp-1 0 cairn file cp --json a.iso $V/vm/
	valid file.cp-1 1 cairn file cp --json nope $V/vm/
	D=$V/vm/disk.vmdk
	valid disk.info-1 0 cairn disk info --json $D
	valid disk.info-1 1 cairn disk info --json $V/vm/nope.vmdk
	valid disk.map-1 0 cairn disk map --json $D
	valid disk.measure-1 0 cairn disk measure --json -O monosparse $D
	valid disk.compare-1 0 cairn disk compare --json $D $D
	valid disk.check-1 0 cairn disk check --json $D
	valid disk.clone-1 0 cairn disk clone --json $D $V/vm/clone.vmdk
	valid disk.grow-1 0 cairn disk grow --json $V/vm/clone.vmdk 65M
	valid disk.rename-1 0 cairn disk rename --json $V/vm/clone.vmdk $V/vm/renamed.vmdk
	valid disk.delete-1 0 cairn disk delete --json $V/vm/renamed.vmdk
	valid disk.create-1 0 cairn disk create --json -O thin $V/vm/new.vmdk 1M
	valid disk.delete-1 0 cairn disk delete --json $V/vm/new.vmdk
	valid disk.convert-1 0 cairn disk convert --json -O raw $D raw2
	same "convert to raw and back" raw raw2
	valid partedutil.getptbl-1 0 partedUtil getptbl --json new.img
	valid volume.create-1 5 cairn volume create --json lun.img
	valid lock.list-1 0 cairn lock list --json
	valid lock.show-1 0 cairn lock show --json $V/vm/disk.vmdk
	valid lock.show-1 1 cairn lock show --json $V/nope
	valid lock.break-1 0 cairn lock break --json $V/vm/disk.vmdk
	valid vm.list-1 0 cairn vm list --json
	valid vm.show-1 0 cairn vm show --json vm
	valid vm.show-1 1 cairn vm show --json nope
	valid vm.tree-1 0 cairn vm tree --json
	valid vm.check-1 0 cairn vm check --json
	valid version-1 0 cairn version --json
	valid commands-1 0 cairn commands --json
else
	skipped "JSON: jq is not installed"
fi

# ---- dry runs: every byte stays ----------------------------------------------------------------------------

cp --sparse=always lun.img before
unchanged() { cmp -s lun.img before; }
dry()
{
	try "$* -n" "$@" -n
	unchanged || fail "$* -n: changed the volume"
	[ "$(du -k new.img | cut -f1)" -eq 0 ] || fail "$* -n: wrote to new.img"
}
dry cairn file cp a.iso $V/c
dry cairn file cp -r $V/vm $V/vm2
dry cairn file mv $V/a.iso $V/c
dry cairn file rm -r $V/vm
dry cairn file mkdir -p $V/p/q
dry cairn volume create --label x new.img
dry cairn volume create --label x lun.img
dry cairn volume grow ds1
dry cairn volume span ds1 new.img
dry cairn volume repair ds1
dry cairn disk create -O thin $V/vm/new.vmdk 1M
dry cairn disk clone $V/vm/disk.vmdk $V/vm/clone.vmdk
dry cairn disk grow $V/vm/disk.vmdk 128M
dry cairn disk rename $V/vm/disk.vmdk $V/vm/other.vmdk
dry cairn disk delete $V/vm/disk.vmdk
dry cairn disk repair $V/vm/disk.vmdk
# Reading commands do not even move a time stamp.
for c in "file ls -lR $V" "file cat $V/a.iso" "file du $V" "file tree $V" "volume list" "volume show" "volume check" \
	"vm list" "vm show vm" "vm tree" "vm check" \
	"disk info $V/vm/disk.vmdk" "disk map $V/vm/disk.vmdk" "disk check $V/vm/disk.vmdk" \
	"disk compare $V/vm/disk.vmdk $V/vm/disk.vmdk"; do
	cairn $c >/dev/null 2>&1 || fail "cairn $c"
	unchanged && pass "cairn $c writes nothing" || fail "cairn $c changed the volume"
done
voma -d lun.img >/dev/null && unchanged && pass "voma writes nothing" || fail "voma changed the volume"

# ---- voma --------------------------------------------------------------------------------------------------

try "voma's literal text" sh -c "voma -m vmfs -f check -d lun.img | grep -qF 'Total Errors Found: 0'"
voma -m vmfs -f check -d lun.img -s voma.log >voma.out
same "voma's log" voma.log voma.out
cat >want <<-'END'
	Phase 1: Checking VMFS header and resource files
	Phase 2: Checking VMFS heartbeat region
	Phase 3: Checking all file descriptors
	Phase 4: Checking pathname and connectivity
	Phase 5: Checking resource reference counts
END
grep ^Phase voma.out >have
same "voma's phases" have want
grep -qE "^   Detected VMFS-5\.[0-9]+ file system \(labeled:'ds1'\) with UUID:[0-9a-f-]{35}, Version 5:[0-9]+$" voma.out &&
	pass "voma's line about the volume" || fail "voma's line about the volume: $(grep Detected voma.out)"
for o in "-f query" "-m lvm -d lun.img" "-v" "-h" "-d /vmfs/volumes/ds1" "-d lun.img,"; do
	try "voma $o" voma $o
done
expect 1 "voma -f advfix is refused" voma -f advfix -d lun.img
expect 1 "voma without a device" voma -m vmfs -f check
expect 1 "voma on what is no volume" voma -d a.iso
truncate -s 600M disk.img
printf 'label: gpt\nstart=2048, type=AA31E02A-400F-11DB-9590-000C2911D1B8\n' | sfdisk -q disk.img >/dev/null 2>&1
try "a volume on a partition" cairn volume create --label ds3 disk.img:1
try "voma finds the only volume of a disk" voma -d disk.img
try "voma -m ptbl" voma -m ptbl -d disk.img
try "the partition is found by itself" env CAIRN_DEVICES=disk.img cairn file ls /vmfs/volumes/ds3

# A block that is marked used and is nobody's: the highest bit of the first bitmap of .fbb.sf, and its
# count of free blocks one less. The checkers find it, fix frees it, and a dry run of that does not.
at=$(LC_ALL=C grep -aboP -m1 '\x02\x00\xc0\x10' lun.img | head -1 | cut -d: -f1)
cp --sparse=always lun.img leak.img
poke() { printf "\\$(printf %o "$2")" | dd of=leak.img bs=1 seek="$1" conv=notrunc status=none; }
peek() { od -An -tu1 -j "$1" -N 1 leak.img | tr -d ' '; }
poke $((at + 0x208)) $(($(peek $((at + 0x208))) - 1))
poke $((at + 0x210 + 24)) 127
cp --sparse=always leak.img before-fix
export CAIRN_DEVICES=leak.img	# a copy: not beside lun.img
says "volume check tells a leak by its exit code" 3 "leak" cairn volume check leak.img
expect 3 "its repair, dry" cairn volume repair -n leak.img
same "writes nothing" leak.img before-fix
expect 1 "voma counts it" voma -d leak.img
grep -qx 'Total Errors Found: 1' "$T/out" && grep -q '^   ON-DISK ERROR: rule ' "$T/out" && pass "voma names it" ||
	{ fail "voma does not name it"; cat "$T/out"; }
have jq && valid volume.check-1 3 cairn volume check --json leak.img
try "voma -f fix" voma -f fix -d leak.img
grep -qx 'Total Errors Fixed: 1' "$T/out" && pass "and it says so" || fail "voma -f fix: $(tail -2 "$T/out")"
export CAIRN_DEVICES=lun.img
try "then the volume is as before" sh -c 'voma -d leak.img | grep -qx "Total Errors Found: 0"'

# ---- signals -----------------------------------------------------------------------------------------------

head -c 64M /dev/urandom >long
cairn file cp --rate 4M --progress=none long $V/long 2>err &
pid=$!
sleep 1
kill -USR1 $pid
sleep 1.2
[ "$(grep -c '^copy long: ' err)" -eq 1 ] && pass "SIGUSR1 prints one line" || fail "SIGUSR1: $(cat err)"
kill -INT $pid
rc=0
wait $pid || rc=$?
[ $rc -eq 130 ] && pass "an interrupted copy ends with 130" || fail "an interrupted copy ends with $rc"
expect 1 "it leaves nothing under the final name" cairn file stat $V/long
[ -z "$(cairn file ls $V | grep '^\.cairn-')" ] && pass "nor a temporary one" || fail "a temporary file is left"
clean_voma "and a clean volume" lun.img
cairn file cp --rate 4M long $V/long 2>err &
pid=$!
sleep 0.7
kill -TERM $pid
rc=0
wait $pid || rc=$?
[ $rc -eq 143 ] && pass "SIGTERM ends with 143" || fail "SIGTERM ends with $rc"
cairn file cp --progress=json long $V/long 2>progress.json
if have jq; then
	faults=$(jq -r --slurpfile schema "$top/docs/schema/progress-1.json" '$schema[0] as $s | '"$(grep -v '^#' "$top/tests/interop/schema.jq")" progress.json 2>&1)
	[ -s progress.json ] && [ -z "$faults" ] && pass "progress lines fit their schema" || fail "progress lines: $faults"
fi
cairn file rm $V/long

# Killed at some point: the next writer recovers, and nothing has the final name.
for delay in 0.1 0.3 0.6 0.9; do
	cairn file cp --rate 20M long $V/long 2>err &
	pid=$!
	sleep $delay
	kill -KILL $pid
	wait $pid 2>/dev/null
	try "a writer after a kill at $delay s" cairn file mkdir -p $V/killed-$delay
	expect 1 "a copy killed at $delay s has no final name" cairn file stat $V/long
	clean_voma "a copy killed at $delay s" lun.img
done
for name in $(cairn file ls $V | grep '^\.cairn-'); do cairn file rm "$V/$name"; done

# ---- configuration -----------------------------------------------------------------------------------------

unset CAIRN_DEVICES
printf '# devices\ndevice0 = "%s/lun.img"\n' "$T" >cairn.conf
try "devices from the configuration" cairn file ls $V
try "a device by the last part of its name" sh -c "voma -d /vmfs/devices/disks/lun.img"
mkdir -p cairn.conf.d && echo 'nonsense' >cairn.conf.d/x.conf
expect 2 "a bad configuration stops all" cairn file ls $V
rm -r cairn.conf cairn.conf.d
try "--device" cairn file ls --device lun.img $V
says "without any device" 1 "CAIRN_DEVICES" cairn file ls $V
try "a device as the name of its volume" cairn volume show lun.img
export CAIRN_DEVICES=lun.img

# ---- manuals -----------------------------------------------------------------------------------------------

for text in "$top"/docs/man/src/*.mdoc; do
	page=$(basename "$text" .mdoc)
	cairn __man "$page" <"$text" >page 2>err && cmp -s page "$top/docs/man/$page.8" && pass "$page.8 is up to date" ||
		fail "$page.8 differs from the option table; run make man"
done
for page in $(cairn commands --json | jq -r '.items[].manual'); do
	[ -e "$top/docs/man/$page.8" ] || fail "$page has no manual page"
done
if have mandoc; then
	try "mandoc finds nothing" sh -c "mandoc -Tlint -Wwarning $top/docs/man/*.[58] >lint; cat lint; [ ! -s lint ]"
else
	skipped "mandoc is not installed"
fi

# The examples of all pages run as they stand. What they name beside the above: a chain of two snapshots,
# here and on the volume, and a place for what is rescued.
mkdir rescued
(cd "$top" && mkchain -n vm -k flat,cowd,sesparse -s 2M "$T" >/dev/null)
try "a chain" sh -c "cairn file cp vm.vmdk vm-flat.vmdk vm-00000* $V/vm/"
for page in "$top"/docs/man/cairn-*.8 "$top"/docs/man/v*.8 "$top"/docs/man/partedUtil.8; do
	rm -f new.img && truncate -s 512M new.img
	while read -r line; do
		try "example: $line" sh -c "$line"
	done < <(sed -n 's/^\.Dl //p' "$page" | sed 's/\\(dq/"/g')
done

# ---- completion --------------------------------------------------------------------------------------------

# completes "CANDIDATES" WORD...
completes()
{
	local want=$1 have

	shift
	have=$(cairn __complete -- "$@" | tr '\n' ' ')
	[ "$have" = "$want" ] && pass "completion of $*" || fail "completion of $*: '$have', wanted '$want'"
}
completes "volume vm version " cairn v
completes "create check " cairn volume c
completes "--progress " cairn file cp --pr
completes "cr lines json none " cairn file cp --progress ""
completes "/vmfs/volumes/ds1/ " cairn file ls /vmfs/volumes/d
completes "/vmfs/volumes/ds1/vm/ " cairn file ls $V/v
completes "ds1 @files " cairn volume show d
completes "vmfs lvm ptbl " voma -m ""
completes "@files " voma -d lu
completes "" cairn nope x
start=$(date +%s%N)
cairn __complete -- cairn file ls $V/ >/dev/null
ms=$((($(date +%s%N) - start) / 1000000))
[ $ms -lt 200 ] && pass "completion answers in time" || fail "completion took $ms ms"
if bash -c ". $top/tools/cairn.bash && COMP_WORDS=(cairn file tre) COMP_CWORD=2 && _cairn && [ \"\${COMPREPLY[*]}\" = tree ]"; then
	pass "completion in bash"
else
	fail "completion in bash"
fi

clean_voma "in the end the volume is clean" lun.img
have fsck.vmfs && clean_judges "in the end" lun.img
finish
