#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Many processes on one datastore, as people use them: two import and clone disks while a third lists and a
# fourth asks for locks; what is locked by another host says by whom; a holder that is killed is replaced.
cd "$(dirname "$0")/../.." && . tests/lib.sh
cd "$T" || exit 1
V=/vmfs/volumes/ds1

truncate -s 3G lun.img
export CAIRN_DEVICES=$T/lun.img
vmkfstools -C vmfs5 -S ds1 lun.img >/dev/null || skip_all "cannot make a volume"
truncate -s 40M src.raw
dd if=/dev/urandom of=src.raw bs=1M count=20 seek=5 conv=notrunc status=none
cairn file mkdir -q $V/a && cairn file mkdir -q $V/b

# ---- two write, others look ------------------------------------------------------------------------

# What one user does; whatever it prints on standard error is kept.
user()
{
	local d=$1 i

	for i in 1 2 3 ${CAIRN_LONG:+4 5 6 7 8 9 10}; do
		cairn disk convert -q -f raw -O thin src.raw $V/$d/i$i.vmdk || echo "import $i: exit $?"
		vmkfstools -i $V/$d/i$i.vmdk $V/$d/c$i.vmdk -d thin >/dev/null || echo "clone $i: exit $?"
		cairn file cp -q src.raw $V/$d/f$i || echo "cp $i: exit $?"
		cairn file mv -q $V/$d/f$i $V/$d/g$i || echo "mv $i: exit $?"
		[ "$i" -eq 1 ] || vmkfstools -U $V/$d/c$((i - 1)).vmdk || echo "delete $i: exit $?"
	done
}
lister()
{
	while [ ! -e stop ]; do
		cairn file ls -q -lR $V >listing || echo "ls: exit $?"
		grep -q '^?' listing && echo "ls: a file that cannot be read"
		cairn volume list -q >/dev/null || echo "list: exit $?"
		lists=$((lists + 1))
		echo $lists >lists
	done
}
user a >a.out 2>&1 &
pa=$!
user b >b.out 2>&1 &
pb=$!
lists=0
lister >ls.out 2>&1 &
pl=$!
sleep 1
cairn lock list -q --json >locks.json 2>lock.err || fail "lock list beside writers: $(cat lock.err)"
wait $pa $pb
touch stop
wait $pl
# Waiting is told, a refusal is a failure.
for who in a b ls; do
	[ -s $who.out ] && { fail "user $who sees: $(head -5 $who.out)"; continue; }
	pass "user $who sees no error"
done
[ "$(cat lists 2>/dev/null || echo 0)" -ge 1 ] && pass "$(cat lists) listings meanwhile" || fail "listing got nowhere"
for d in a b; do
	for i in 1 2 3; do
		try "$d: import $i has its content" cairn disk compare -q $V/$d/i$i.vmdk src.raw
	done
	same "$d: a file has its content" <(cairn file cat -q $V/$d/g3) src.raw
done
clean_voma "after that" lun.img

# ---- locked by another host --------------------------------------------------------------------------

# A copy that takes its time holds its file and a disk.
cairn disk create -q -O thin $V/big.vmdk 40M
cairn disk convert -q --rate 300k -f raw -O thin src.raw $V/slow.vmdk &
slow=$!
wait_for_lock()
{
	local i

	for i in $(seq 100); do
		cairn lock list -q -H -o mode,object ds1 2>/dev/null | grep -q "^exclusive	$1" && return 0
		kill -0 $slow 2>/dev/null || return 1
	done
	return 1
}
wait_for_lock "/" || fail "no lock is listed while a copy runs"
file=$(cairn lock list -q -H -o mode,object ds1 | sed -n 's/^exclusive	\(\/.*\)$/\1/p' | head -1)
holder=$(cairn lock list -q --json ds1 | jq -r '[.items[] | select(.path == "'"$file"'")][0].holders[0].uuid')
try "lock show names the holder" sh -c "cairn lock show -q '$V$file' | grep -q \"$holder\""
try "and says that it is alive" sh -c "cairn lock show -q '$V$file' | grep -q alive"
try "vmkfstools -D, too" sh -c "vmkfstools -D '$V$file' | grep -q '$holder'"
# names TEXT EXIT CMD...: refused, and the message names the host.
names()
{
	local text=$1 want=$2

	shift 2
	expect "$want" "$text" "$@" || return
	grep -q "$holder" "$T/out" && pass "$text: the message names the host" || { fail "$text: the host is not named"; cat "$T/out"; }
}
names "rm of a locked file" 4 cairn file rm $V"$file"
names "cp over a locked file" 4 cairn file cp src.raw $V"$file"
names "lock break beside a live holder" 4 cairn lock break $V"$file"
expect 1 "voma -f fix beside a live host" voma -m vmfs -f fix -d lun.img
try "voma -f check is advisory" sh -c "voma -m vmfs -f check -d lun.img | grep -q 'results are advisory'"
try "vmkfstools --activehosts" sh -c "vmkfstools --activehosts $V | grep -qE 'Found [1-9][0-9]* actively'"

# ---- a holder that is killed ---------------------------------------------------------------------------

kill -KILL $slow
wait $slow 2>/dev/null
start=$(date +%s%N)
try "the next one takes over" cairn file rm -q $V"$file"
took=$((($(date +%s%N) - start) / 1000000))
[ $took -lt 10000 ] && pass "at once: in $took ms" || fail "only after $took ms"
clean_voma "after the kill" lun.img
finish
