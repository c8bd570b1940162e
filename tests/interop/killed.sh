#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# The long verbs, killed at random: the same command run again ends with what an undisturbed run makes,
# and nothing else is left. Each answers SIGUSR1 within a second. CAIRN_LONG=1: a hundred kills for each
# verb, else three. (Evacuation has a script of its own.)
cd "$(dirname "$0")/../.." && . tests/lib.sh
cd "$T" || exit 1
kills=${KILLS:-${CAIRN_LONG:+100}}
kills=${kills:-3}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "SEED=$SEED"
disk_mib=40 data_mib=24
rate=40M	# about 0.6 s for the whole

truncate -s 400M lun.img
vmkfstools -C vmfs5 -S ds1 lun.img >/dev/null || skip_all "cannot make a volume"
export CAIRN_DEVICES=lun.img
ds=/vmfs/volumes/ds1
truncate -s ${disk_mib}M src.raw
dd if=/dev/urandom of=src.raw bs=1M count=$((data_mib / 2)) seek=2 conv=notrunc status=none
dd if=/dev/urandom of=src.raw bs=1M count=$((data_mib / 2)) seek=$((disk_mib - data_mib / 2)) conv=notrunc status=none
cairn file mkdir $ds/src $ds/dst
cairn disk convert -q -f raw -O thin src.raw $ds/src/src.vmdk || fail "making the source"
cairn disk clone -q -O raw --checksum sums $ds/src/src.vmdk calm.raw || fail "an undisturbed copy"
same "an undisturbed copy" calm.raw src.raw

# killed NAME JUDGE CLEAN CMD...: run CMD, kill it somewhere on its way, run it again. JUDGE looks at what
# it made, CLEAN takes it away.
killed()
{
	local name=$1 judge=$2 clean=$3 i pid bad=0 cut=0

	shift 3
	for i in $(seq $kills); do
		"$@" --rate $rate >k.out 2>&1 </dev/null &
		pid=$!
		sleep 0.$(printf '%03d' $((RANDOM % 700)))
		kill -KILL $pid 2>/dev/null && cut=$((cut + 1))
		wait $pid 2>/dev/null
		if ! "$@" >again.out 2>&1 </dev/null; then
			# Killed behind its very end: all is there, and nothing is left to do.
			grep -q 'already exists' again.out || { bad=1; cat again.out; }
		fi
		$judge >judge.out 2>&1 || { bad=1; tail -3 judge.out; }
		$clean >clean.out 2>&1 || { bad=1; tail -3 clean.out; }
		[ $bad -eq 0 ] || break
	done
	[ $bad -eq 0 ] && pass "$name: killed $cut times of $kills, gone on with, the same content, nothing left" || fail "$name, kill $i"
}

only() { local d=$1; shift; [ "$(ls -A "$d" | tr '\n' ' ' | sed 's/ $//')" = "$*" ] || { echo "$d has: $(ls -A "$d")"; return 1; }; }
mkdir made

judge_clone() { cairn disk verify $ds/dst/c.vmdk sums && [ "$(cairn file ls $ds/dst | tr '\n' ' ')" = "c-flat.vmdk c.vmdk " ]; }
clean_clone() { cairn disk delete $ds/dst/c.vmdk; }
killed "clone into a datastore" judge_clone clean_clone cairn disk clone $ds/src/src.vmdk $ds/dst/c.vmdk
clean_volume_check() { voma -m vmfs -f check -d lun.img | grep -q '^Total Errors Found: *0$'; }
try "the datastore is sound after that" clean_volume_check

judge_raw() { cmp made/c.raw calm.raw && only made c.raw; }
clean_out() { rm -f made/*; only made; }
killed "convert to raw" judge_raw clean_out cairn disk convert -O raw $ds/src/src.vmdk made/c.raw
judge_vmdk() { cairn disk verify made/c.vmdk sums && cairn disk check made/c.vmdk && only made "$@"; }
judge_flat() { judge_vmdk c-flat.vmdk c.vmdk; }
judge_split() { judge_vmdk c-s001.vmdk c.vmdk; }
judge_one() { judge_vmdk c.vmdk; }
killed "convert to monoflat" judge_flat clean_out cairn disk convert -O monoflat $ds/src/src.vmdk made/c.vmdk
killed "convert to 2gbsparse" judge_split clean_out cairn disk convert -O 2gbsparse $ds/src/src.vmdk made/c.vmdk
killed "convert to monosparse" judge_one clean_out cairn disk convert -O monosparse $ds/src/src.vmdk made/c.vmdk
killed "convert to streamoptimized" judge_one clean_out cairn disk convert -O streamoptimized $ds/src/src.vmdk made/c.vmdk
judge_import() { judge_clone; }
killed "import of a raw image" judge_import clean_clone cairn disk convert -f raw -O thin src.raw $ds/dst/c.vmdk

# ---- SIGUSR1 ---------------------------------------------------------------------------------------------

asked()
{
	local name=$1 pid

	shift
	"$@" >u.out 2>u.err </dev/null &
	pid=$!
	sleep 0.5
	kill -USR1 $pid
	sleep 1
	kill -INT $pid
	wait $pid
	[ "$(grep -c '%, ' u.err)" -eq 1 ] && pass "$name: one line for SIGUSR1" || fail "$name: SIGUSR1 gives $(cat u.err)"
}
asked clone cairn disk clone --rate 8M $ds/src/src.vmdk $ds/dst/c.vmdk
asked convert cairn disk convert --rate 8M -O streamoptimized $ds/src/src.vmdk made/c.vmdk
asked compare cairn disk compare --rate 8M $ds/src/src.vmdk calm.raw
asked verify cairn disk verify --rate 8M $ds/src/src.vmdk sums
asked "file cp" cairn file cp --rate 8M src.raw $ds/dst/
only made && pass "interrupted: nothing is left" || fail "interrupted: there is $(ls -A made)"

# ---- what remains and what does not ------------------------------------------------------------------------

cairn disk convert --rate 8M -O raw --resume $ds/src/src.vmdk made/c.raw >r.out 2>&1 </dev/null &
pid=$!
sleep 0.7
kill -INT $pid
wait $pid
[ -n "$(ls -A made)" ] && pass "--resume: stopped, it leaves what it has" || fail "--resume left nothing: $(cat r.out)"
expect 1 "a compatible name does not continue by itself" vmkfstools -i $ds/src/src.vmdk made/c.raw -d raw
try "--no-resume starts anew" cairn disk convert --no-resume -O raw $ds/src/src.vmdk made/c.raw
judge_raw >/dev/null && pass "and ends with the same" || fail "--no-resume: $(ls -A made)"
finish
