#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# "Read-only means zero": every command of the option table that does not say that it writes is run on a
# datastore; the device is opened for reading only and is afterwards, to the byte, what it was. Then the
# same beside a host that keeps writing: nothing torn is ever presented as good.
. tests/lib.sh
have strace || skip_all "strace is not installed"
have python3 || skip_all "python3 is not installed"
cd "$T" || exit 1
V=/vmfs/volumes/ds1

truncate -s 700M lun.img
export CAIRN_DEVICES=$T/lun.img
vmkfstools -C vmfs5 -S ds1 lun.img >/dev/null || exit 1
head -c 3000000 /dev/urandom >data
cairn file mkdir -q $V/vm $V/d
cairn file cp -q data $V/d/file
cairn file cp -q data $V/d/other
vmkfstools -c 20m -d thin $V/vm/vm.vmdk >/dev/null
cairn disk clone -q $V/vm/vm.vmdk $V/vm/copy.vmdk
cairn disk convert -q -O monolithicSparse --checksum sums $V/vm/vm.vmdk "$T/raw.vmdk" >/dev/null 2>&1
printf 'displayName = "vm"\nscsi0:0.fileName = "vm.vmdk"\nguestOS = "debian12-64"\n' >vm.vmx
cairn file cp -q vm.vmx $V/vm/vm.vmx
printf '#!/bin/sh\nexec qemu-img convert -O raw "$1" served.raw\n' >client
chmod +x client

# ---- each command ---------------------------------------------------------------------------------

# What to run for a command of the table; a command that is new and not here fails the test.
# DEVICES: no operand is needed. SKIP: it has nothing to do with a device.
arguments_of()
{
	case $1 in
	"cairn volume list"|"cairn volume show"|"cairn volume check") echo "" ;;
	"cairn file ls") echo "-lR $V" ;;
	"cairn file cat"|"cairn file stat") echo "$V/d/file" ;;
	"cairn file du"|"cairn file tree") echo "$V" ;;
	"cairn disk compare") echo "$V/vm/vm.vmdk $V/vm/copy.vmdk" ;;
	"cairn disk verify") echo "$V/vm/vm.vmdk $T/sums" ;;
	"cairn disk "*) echo "$V/vm/vm.vmdk" ;;
	"cairn vm list"|"cairn vm tree"|"cairn vm check") echo "$V" ;;
	"cairn vm show") echo "$V/vm/vm.vmx" ;;
	"cairn lock list") echo "ds1" ;;
	"cairn lock show") echo "$V/d/file" ;;
	# one word here, two in the shell that nbdkit starts
	"cairn nbd") echo "--run ./client\$IFS\$uri $V/vm/vm.vmdk" ;;
	"cairn version"|"cairn commands"|"cairn config"*|"cairn __"*) echo SKIP ;;
	*) return 1 ;;
	esac
}

# The device is never opened for writing, and afterwards no byte and no time of it has changed.
reads_only()
{
	local text=$1 before after bad

	shift
	before=$(stat -c '%y %z %s' lun.img)
	strace -f -qq -o trace -e trace=open,openat,openat2 "$@" >out 2>err </dev/null
	local rc=$?
	after=$(stat -c '%y %z %s' lun.img)
	bad=$(grep 'lun\.img' trace | grep -E 'O_RDWR|O_WRONLY|O_TRUNC|O_CREAT' | head -1)
	# 3: a check found what it was asked to look for
	if [ $rc -ne 0 ] && [ $rc -ne 3 ] && [ "${ANY_CODE:-0}" = 0 ]; then
		fail "$text: exit $rc: $(head -c 300 err)"
	elif [ -n "$bad" ]; then
		fail "$text: opens the device for writing: $bad"
	elif [ "$before" != "$after" ]; then
		fail "$text: the device was $before and is $after"
	elif ! grep -q 'lun\.img' trace; then
		fail "$text: never looks at the device: the case tests nothing"
	else
		pass "$text"
	fi
}

sum=$(sum_of lun.img)
cairn commands --json | python3 -c '
import json, sys
for c in json.load(sys.stdin)["items"]:
    if c["writes"] is None and not c["compatible"]:
        print(c["command"] + "\t" + ("j" if c["schema"] else ""))' >readers
while IFS=$'\t' read -r command json; do
	args=$(arguments_of "$command") || {
		fail "$command: is new and says that it writes nothing: add a case to this test"
		continue
	}
	[ "$args" = SKIP ] && continue
	# shellcheck disable=SC2086
	reads_only "$command" $command $args
	# shellcheck disable=SC2086
	[ -n "$json" ] && reads_only "$command --json" $command --json $args
done <readers
# A writing command that is only asked what it would do, one that reads from here, and the links.
reads_only "file cp out" cairn file cp -q $V/d/file "$T/got"
same "what it copied" got data
reads_only "file cp -n in" cairn file cp -n -q data $V/new
reads_only "file rm -n" cairn file rm -n -q $V/d/file
reads_only "disk convert out" cairn disk convert -q -O monolithicSparse $V/vm/vm.vmdk "$T/raw2.vmdk"
reads_only "vmkfstools -P" vmkfstools -P $V
reads_only "vmkfstools -D" vmkfstools -D $V/d/file
reads_only "vmkfstools --activehosts" vmkfstools --activehosts $V
reads_only "vmkfstools -B --dry-run" vmkfstools -B --dry-run "$T/lun.img"
reads_only "vmkfstools -g" vmkfstools -g $V/vm/vm.vmdk
reads_only "vmkfstools -x check" vmkfstools -x check $V/vm/vm.vmdk
reads_only "vmkfstools -i out" vmkfstools -i $V/vm/vm.vmdk "$T/out.vmdk" -d monosparse
reads_only "voma -f check" voma -m vmfs -f check -d lun.img
reads_only "partedUtil getptbl" partedUtil getptbl "$T/lun.img"
ANY_CODE=1 reads_only "a name that is not there" cairn file cat $V/nope
[ "$(sum_of lun.img)" = "$sum" ] && pass "0 bytes were written: the image is as it was" ||
	fail "the image has changed"

# ---- beside a host that writes --------------------------------------------------------------------

# Files that tell on themselves: a name and a number in each line, and the checksum of all above it.
make_file()
{
	{ yes "$1 $2" | head -n "$3"; } >body
	{ cat body; sha256sum <body | cut -c1-64; } >new
}

writer()
{
	local i n

	for ((i = 1; ; i++)); do
		[ -e stop ] && return
		n=$((i % 5))
		make_file "name$n" "$i" $((i % 3 ? 40 : 200000))
		cairn file cp -q new $V/w/name$n || echo "writer: cp failed: $?" >>writer.err
		[ $((i % 4)) -eq 0 ] && cairn file mv -q $V/w/name$n $V/w/name$(((n + 1) % 5))
		[ $((i % 7)) -eq 0 ] && cairn file rm -q $V/w/name$n 2>/dev/null
	done
}

# 1: the file's last line is the checksum of the others, and all of them are the same.
whole()
{
	[ "$(head -n -1 "$1" | sha256sum | cut -c1-64)" = "$(tail -n 1 "$1")" ] &&
		[ "$(head -n -1 "$1" | sort -u | wc -l)" -eq 1 ]
}

cairn file mkdir -q $V/w
# One long command keeps a slot and beats; it is copied in slowly while others are refused their turn.
rounds=${CAIRN_LONG:+400}
rounds=${rounds:-20}
mkdir -p w
(cd w && ln -s ../lun.img . && writer) &
writer=$!
good=0 refused=0 torn=0 lists=0
for ((r = 0; r < rounds; r++)); do
	n=name$((r % 5))
	if cairn file cat -q $V/w/$n >seen 2>cat.err; then
		if whole seen; then good=$((good + 1)); else torn=$((torn + 1)); cp seen torn.$r; fi
	else
		refused=$((refused + 1))
	fi
	rm -f copied
	if cairn file cp -q $V/w/$n copied 2>cp.err; then
		if whole copied; then good=$((good + 1)); else torn=$((torn + 1)); fi
	else
		refused=$((refused + 1))
	fi
	if cairn file ls -q -l $V/w >listing 2>ls.err; then
		lists=$((lists + 1))
		grep -q '^?' listing && torn=$((torn + 1))
	fi
done
touch w/stop
wait $writer
[ $torn -eq 0 ] && pass "beside a writer: $good files read whole, $refused refused, $lists listings, none torn" ||
	fail "beside a writer: $torn torn results were presented as good"
[ $good -gt 3 ] && pass "beside a writer: reading gets somewhere" || fail "beside a writer: only $good good reads"
try "the volume afterwards" voma -m vmfs -f check -d lun.img
finish
