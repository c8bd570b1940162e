#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# What holds for every command that there is: `cairn commands --json` lists them, and a command without a
# line in example() fails here. Options are the same in the table, --help, manual and completion; JSON fits its
# schema, whatever happens; -n writes nothing; SIGUSR1 is answered; nothing escapes to a pipe; completion
# does not wait for dead devices.
cd "$(dirname "$0")/../.." && . tests/lib.sh
top=$PWD
have jq || skip_all "jq is not installed"
V=/vmfs/volumes/ds1

mkdir "$T/w" && cd "$T/w" || exit 1
cairn commands --json >"$T/commands.json"
mapfile -t commands < <(jq -r '.items[].command' "$T/commands.json")
of() { jq -r --arg c "$1" ".items[] | select(.command == \$c) | $2" "$T/commands.json"; }

# ---- something to work on ------------------------------------------------------------------------------------

truncate -s 64M lun.img spare.img second.img out.img
head -c 300000 /dev/urandom >f
mkdir out
try "a volume" vmkfstools -C vmfs5 -S ds1 lun.img
export CAIRN_DEVICES=lun.img
try "files and disks" sh -c "cairn file mkdir -p $V/dir/deep && cairn file cp f $V/ && cp f raw &&
	cairn disk create -q -O thin $V/d.vmdk 3M && cairn disk create -q -O thin $V/same.vmdk 3M &&
	cairn disk create -q -O monosparse l.vmdk 1M &&
	cairn disk convert -q --checksum image.sums -O raw $V/d.vmdk image.raw"
printf 'displayName = "m"\nscsi0:0.fileName = "d.vmdk"\nscsi0:1.fileName = "same.vmdk"\n' >m.vmx
try "a machine" cairn file cp m.vmx $V/

# A working line of each command, without what an option of its own adds below.
example()
{
	case $1 in
	"cairn volume list" | "cairn version" | "cairn commands") echo "$1" ;;
	"cairn volume show" | "cairn volume check" | "cairn volume repair" | "cairn volume grow") echo "$1 ds1" ;;
	"cairn volume create") echo "$1 -y spare.img" ;;
	"cairn volume span") echo "$1 -y ds1 second.img" ;;
	"cairn file ls" | "cairn file du" | "cairn file tree") echo "$1 $V" ;;
	"cairn file cat" | "cairn file stat") echo "$1 $V/f" ;;
	"cairn file rm") echo "$1 -r $V/dir" ;;
	"cairn file mkdir") echo "$1 $V/new" ;;
	"cairn file cp") echo "$1 f $V/g" ;;
	"cairn file mv") echo "$1 f $V/g" ;;
	"cairn disk info" | "cairn disk map" | "cairn disk check" | "cairn disk repair") echo "$1 $V/d.vmdk" ;;
	"cairn nbd") echo "$1 $V/d.vmdk --run true" ;;
	"cairn disk measure") echo "$1 -O monosparse $V/d.vmdk" ;;
	"cairn disk compare") echo "$1 $V/d.vmdk $V/same.vmdk" ;;
	"cairn disk verify") echo "$1 image.raw image.sums" ;;
	"cairn disk create") echo "$1 -O thin $V/e.vmdk 1M" ;;
	"cairn disk delete") echo "$1 $V/d.vmdk" ;;
	"cairn disk rename" | "cairn disk clone") echo "$1 $V/d.vmdk $V/e.vmdk" ;;
	"cairn disk grow") echo "$1 $V/d.vmdk 4M" ;;
	"cairn disk convert") echo "$1 -O raw $V/d.vmdk e.raw" ;;
	"cairn vm list" | "cairn vm tree" | "cairn vm check") echo "$1" ;;
	"cairn vm show") echo "$1 $V/m.vmx" ;;
	"cairn lock list") echo "$1 ds1" ;;
	"cairn lock show" | "cairn lock break") echo "$1 $V/f" ;;
	"cairn disk export") echo "$1 $V/d.vmdk e.ova" ;;
	"cairn vm export") echo "$1 $V/m.vmx m.ova" ;;
	"cairn evacuate") echo "$1 lun.img out" ;;
	vmkfstools) echo "$1 -c 1M -d thin $V/e.vmdk" ;;
	voma) echo "$1 -m vmfs -f check -d lun.img" ;;
	partedUtil) echo "$1 mklabel spare.img gpt" ;;
	esac
}

# ---- one table -------------------------------------------------------------------------------------------------

# The options of a command as each place shows them, a word each: --name, and -x for those without a name.
in_table() { of "$1" '.options[] | select(.help) | if .name then "--" + .name else "-" + .letter end'; }
in_help() { $1 --help | sed -nE 's/^  (-.,|   ) --([a-z-]+).*/--\2/p; s/^  (-[A-Za-z]) .*/\1/p'; }
in_manual()
{
	sed -n '/^The options are:/,/^\.El/p' "$top/docs/man/$(of "$1" .manual).8" |
		sed -nE '/^\.It/ { s/.*Fl \\-([A-Za-z-]+).*/--\1/p; t; s/^\.It Fl ([A-Za-z]).*/-\1/p }'
}
in_completion() { cairn __complete -- $1 -; }

for c in "${commands[@]}"; do
	in_table "$c" | sort >table
	places="manual completion"
	[ "$(of "$c" .compatible)" = true ] || places="help $places"	# those print what their users know
	for p in $places; do
		in_"$p" "$c" | sort >other
		same "$c: the options of the table and of its $p" table other
	done
done
try "cairn --help names each command" sh -c 'cairn --help >help; jq -r ".items[] | select(.noun) | .noun + \" *\" + .verb" \
	"$1" | while read -r c; do grep -q "^  $c" help || { echo "$c"; exit 1; }; done' - "$T/commands.json"

# ---- JSON --------------------------------------------------------------------------------------------------------

# fits SCHEMA RC: what lies in `json` is one document that fits the schema and agrees with the exit code.
fits()
{
	local faults

	faults=$(jq -r --slurpfile schema "$top/docs/schema/${1/\//-}.json" \
		'$schema[0] as $s | '"$(grep -v '^#' "$top/tests/interop/schema.jq")" json 2>&1)
	[ -s json ] && [ -z "$faults" ] && [ "$(jq -s length json)" = 1 ] &&
		[ "$(jq .ok json)" = "$([ "$2" -eq 0 ] && echo true || echo false)" ] && return 0
	echo "exit $2, ${faults:0:500} $(head -c 300 json)"
	return 1
}

# json_case TEXT SCHEMA WANTED-RC CMD...: WANTED-RC "any" is judged by fits() alone.
json_case()
{
	local text=$1 schema=$2 want=$3 rc=0 why

	shift 3
	"$@" >json 2>err </dev/null || rc=$?
	if ! why=$(fits "$schema" $rc); then
		fail "$text: $*: $why"
	elif [ "$want" != any ] && [ $rc -ne "$want" ]; then
		fail "$text: $*: exit $rc, wanted $want"
	else
		pass "$text: $*"
	fi
}

for c in "${commands[@]}"; do
	line=$(example "$c")
	[ -n "$line" ] || { fail "$c has no line in example()"; continue; }
	schema=$(of "$c" '.schema // empty')
	# partedUtil has JSON for one of its verbs; vmkfstools one form for each of its options.
	[ -n "$schema" ] || continue
	[ "$c" != partedUtil ] || line="partedUtil getptbl spare.img"
	dry=
	[ "$(of "$c" .writes)" = null ] || dry=-n
	json_case "JSON" "$schema" 0 $line $dry --json
	if [ "$(of "$c" .compatible)" = false ]; then
		json_case "JSON without devices" "$schema" any env CAIRN_DEVICES= $line $dry --json
		json_case "JSON of wrong usage" "$schema" 2 $c --json --no-such-option
	fi
	expect 1 "a full disk: $line" sh -c '"$@" >/dev/full' - $line $dry --json
	expect 1 "a closed standard output: $line" sh -c '"$@" >&-' - $line $dry --json
	rc=$(bash -c '"$@" 2>/dev/null | head -c 1 >/dev/null; echo ${PIPESTATUS[0]}' - $line $dry --json)
	case $rc in 0 | 1) pass "a closed pipe: $line" ;; *) fail "a closed pipe: $line: exit $rc" ;; esac
done

# ---- dry runs -----------------------------------------------------------------------------------------------------

bytes() { find . -type f -exec sha256sum {} + | sort -k 2; find . | sort; }
bytes >"$T/before"
for c in "${commands[@]}"; do
	[ "$(of "$c" .writes)" != null ] || continue
	line=$(example "$c")
	if [ "$c" = voma ]; then	# its dry run has another name: -f check
		try "$c: what it does without -f fix" $line
	elif ! in_table "$c" | grep -qx -- --dry-run; then
		fail "$c writes and has no --dry-run"
		continue
	else
		expect 0 "$line -n" $line -n
	fi
	bytes >"$T/after"
	cmp -s "$T/before" "$T/after" && pass "$line -n leaves all bytes as they were" ||
		{ fail "$line -n changed something"; diff "$T/before" "$T/after" | head -5; bytes >"$T/before"; }
done

# ---- nothing escapes ------------------------------------------------------------------------------------------------

# No escape sequence, and no carriage return of a progress line, when it is no terminal.
clean_output()
{
	"$@" >"$T/out" 2>&1 </dev/null
	if LC_ALL=C grep -q "$(printf '[\033\r]')" "$T/out"; then
		fail "escapes on a pipe: $*"
	else
		pass "no escape on a pipe: $*"
	fi
}
for c in "${commands[@]}"; do
	[ "$c" = voma ] || [ "$c" = "cairn file cat" ] && continue	# a wheel that ESXi's own shows too; bytes
	dry=
	[ "$(of "$c" .writes)" = null ] || dry=-n
	clean_output $(example "$c") $dry
	[ "$(of "$c" .compatible)" = true ] || clean_output $c --help
done

# ---- SIGUSR1 -----------------------------------------------------------------------------------------------------------

# Commands that show progress are asked while they work, slowed down where they would be too quick.
asked()
{
	local pid start waited=0

	"$@" 2>usr1 >/dev/null </dev/null &
	pid=$!
	sleep 0.4
	start=$(date +%s%N)
	kill -USR1 $pid 2>/dev/null || { fail "SIGUSR1: $*: had ended, or never began"; head -3 usr1; return; }
	while [ $waited -lt 1000 ] && ! grep -q '%' usr1; do
		sleep 0.02
		waited=$((($(date +%s%N) - start) / 1000000))
	done
	kill $pid
	wait $pid 2>/dev/null
	[ "$(grep -c '%' usr1)" -eq 1 ] && [ $waited -lt 1000 ] && pass "SIGUSR1: $*: after $waited ms" ||
		fail "SIGUSR1: $*: $(wc -l <usr1) lines in $waited ms"
}
head -c 8M /dev/urandom >big
try "something large" sh -c "cairn file cp -q big $V/big && cairn disk convert -q -f raw -O thin big $V/big.vmdk &&
	cairn disk convert -q --checksum big.sums -O raw $V/big.vmdk big.raw"
asked cairn file cp --rate 1M big $V/big2
asked cairn disk compare --rate 1M $V/big.vmdk $V/big.vmdk
asked cairn disk convert --rate 1M -O raw $V/big.vmdk big2.raw
asked cairn disk clone --rate 1M $V/big.vmdk $V/big2.vmdk
asked cairn disk verify --rate 1M big.raw big.sums
asked cairn evacuate --rate 1M lun.img out
asked vmkfstools -i $V/big.vmdk --rate 1M big3.vmdk

# ---- completion -----------------------------------------------------------------------------------------------------------

# quick TEXT DEVICES: several words, each within 200 ms; the best of five, for others use this machine too.
quick()
{
	local words ms best

	for words in "cairn v" "cairn file ls --" "cairn file ls $V/" "cairn volume show " "cairn file ls /vmfs/volumes/"; do
		best=9999
		for _ in 1 2 3 4 5; do
			ms=$(date +%s%N)
			CAIRN_DEVICES=$2 timeout 5 cairn __complete -- ${words% } "${words##* }" >"$T/out" 2>&1
			ms=$((($(date +%s%N) - ms) / 1000000))
			[ $ms -ge $best ] || best=$ms
		done
		[ $best -lt 200 ] && pass "completion of '$words', $1: $best ms" ||
			fail "completion of '$words', $1: $best ms"
		grep -qi -e "cairn:" -e error "$T/out" && fail "completion of '$words', $1, prints an error"
	done
}
quick "all well" lun.img
quick "a device that does not exist" nowhere.img
mkfifo dead && quick "a device that nobody serves" dead
if fuse_mount "$T/fuse" lun.img; then
	# A file whose server has stopped: whoever opens or reads it waits.
	server=$(pgrep -n -f "vmfs-fuse lun.img $T/fuse")
	kill -STOP "$server"
	quick "a device that hangs" "$T/fuse/big"
	kill -CONT "$server"
	umount "$T/fuse"
else
	skipped "completion with a device that hangs: no FUSE here"
fi

# The same candidates in every shell.
fish_says() { fish --no-config -c "source $top/tools/cairn.fish; complete -C '$1'"; }
zsh_says()
{
	mkdir -p "$T/zsh" && cp "$top/tools/cairn.zsh" "$T/zsh/_cairn"
	zsh -f -c 'zmodload zsh/zpty
		zpty z zsh -f -i
		zpty -w z "PS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -d $1/dump"
		zpty -w z "ask() { print; print -r -- \"<<\$BUFFER>>\" }; zle -N ask; bindkey ^I complete-word ^X ask; echo REA\"\"DY"
		zpty -r -m z out "*READY*"
		zpty -n -w z "$2"$'\''\t\C-x'\''
		zpty -r -m z out "*<<*>>*"
		print -r -- "${${out##*<<}%% #>>*}"' - "$T/zsh" "$1"
}
if have fish; then
	[ "$(fish_says 'cairn volume sp')" = span ] && pass "completion in fish" || fail "completion in fish"
else
	skipped "fish is not installed"
fi
if have zsh; then
	said=$(timeout 20 bash -c "$(declare -f zsh_says); T=$T top=$top; zsh_says 'cairn volume sp'")
	[[ $said == *"cairn volume span"* ]] && pass "completion in zsh" || fail "completion in zsh: '$said'"
else
	skipped "zsh is not installed"
fi
finish
