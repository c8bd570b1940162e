# SPDX-License-Identifier: BSD-2-Clause-Patent
# lib.sh - common parts of the test scripts, sourced from the top of the repository: . tests/lib.sh
#
#	$T			a private directory, removed at the end with whatever is mounted in it
#	try TEXT CMD...		one case: passes when CMD ends with 0, else its output is shown
#	expect N TEXT CMD...	the same for exit code N
#	pass, fail, skipped TEXT	count a case that was judged by hand
#	skip_all REASON		end the script: nothing in it can run here
#	finish			the closing #RESULT line, which tests/run.sh adds up
#
# A judge is somebody else's program (vmfs-tools, qemu-img): what it says of our bytes counts.
set -u
export LC_ALL=C
export PATH="${CAIRN_BIN:-$PWD/build/bin}:$PATH:/usr/sbin:/sbin"	# CAIRN_BIN: another build

T=$(mktemp -d "${TMPDIR:-/tmp}/cairn-test.XXXXXX")
T_SHM=/dev/shm/${T##*/}	# made by big_dir
unset CAIRN_DEVICES
export CAIRN_ROOT="$T"	# no configuration of this machine takes part
passed=0 failed=0 skips=0

clean_up()
{
	local m l

	for m in $(awk -v t="$T/" 'index($2, t) == 1 { print $2 }' /proc/mounts | sort -r); do
		umount "$m" 2>/dev/null || umount -l "$m"
	done
	for l in $(losetup -nO NAME,BACK-FILE 2>/dev/null | awk -v t="$T/" 'index($2, t) == 1 { print $1 }'); do
		losetup -d "$l"
	done
	rm -rf "$T" "$T_SHM"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

have() { command -v "$1" >/dev/null 2>&1; }
pass() { passed=$((passed + 1)); echo "ok      $*"; }
fail() { failed=$((failed + 1)); echo "FAILED  $*"; }
skipped() { skips=$((skips + 1)); echo "skipped $*"; }
skip_all() { echo "$*"; exit 77; }
finish()
{
	echo "#RESULT $passed $failed $skips"
	[ "$failed" -eq 0 ]
	exit
}

# The output of the last case stays in $T/out.
expect()
{
	local want=$1 text=$2 rc=0

	shift 2
	"$@" >"$T/out" 2>&1 </dev/null || rc=$?
	if [ $rc -eq "$want" ]; then
		pass "$text"
		return 0
	fi
	fail "$text: exit $rc, wanted $want: $*"
	head -c 4000 "$T/out" | sed 's/^/    /'
	return 1
}
try() { expect 0 "$@"; }

# same TEXT FILE FILE
same() { try "$1" cmp "$2" "$3"; }
sum_of() { sha256sum "$1" | cut -c1-64; }

# ---- images ---------------------------------------------------------------------------------------

# Where the genuine volumes are; tests/data/README.md tells where they come from.
genuine_dir()
{
	local d

	for d in "${CAIRN_TEST_DATA:-}" tests/data/genuine ../shared/data/vmfs; do
		[ -n "$d" ] && [ -e "$d/vmfs3.vmfsimg" ] && [ -e "$d/vmfs5.bin.gz" ] && echo "$d" && return 0
	done
	return 1
}

# genuine_image 3|5 OUT: a private, sparse copy.
genuine_image()
{
	local d

	d=$(genuine_dir) || return 1
	case $1 in
	3)
		gcc -O2 -std=gnu11 -D_GNU_SOURCE -o "$T/unpack" tests/data/unpack_vmfsimg.c &&
			"$T/unpack" "$d/vmfs3.vmfsimg" "$2"
		;;
	5) zcat "$d/vmfs5.bin.gz" | cp --sparse=always /dev/stdin "$2" ;;
	esac
}

# mkchain OPTION... DIR: a snapshot chain, see tests/data/mkchain.c; prints the leaf's name.
mkchain()
{
	[ -x "$T/mkchain" ] || gcc -O2 -std=gnu11 -D_GNU_SOURCE -o "$T/mkchain" tests/data/mkchain.c || return 1
	"$T/mkchain" "$@"
}

# big_dir BYTES: a directory in which a sparse file of that length can be made. ext4 ends at 16 TiB,
# a tmpfs does not.
big_dir()
{
	local d

	for d in "$T" "$T_SHM"; do
		mkdir -p "$d" 2>/dev/null || continue
		if truncate -s "$1" "$d/probe" 2>/dev/null; then
			rm -f "$d/probe"
			echo "$d"
			return 0
		fi
	done
	return 1
}

# ---- judges ---------------------------------------------------------------------------------------

# voma counts nothing wrong. clean_voma TEXT DEVICE...
clean_voma()
{
	local text=$1 args=() d

	shift
	for d in "$@"; do args+=(-d "$d"); done
	try "$text: voma" voma -m vmfs -f check "${args[@]}" &&
		{ grep -q '^Total Errors Found: *0$' "$T/out" || fail "$text: voma does not say 0 errors: $(tail -1 "$T/out")"; }
}

# fsck.vmfs counts nothing wrong, and the bitmaps agree with their counts. clean_judges TEXT DEVICE...
# Two things it does not know are allowed for, exactly: the first word of a disk's descriptor, which lies
# in the file descriptor, is taken for the address of a block ("# Di", once a volume), and blocks that are
# reserved but not yet zeroed are called lost (TBZ=N says how many there are).
clean_judges()
{
	local text=$1 lost unallocated others

	shift
	if ! fsck.vmfs "$@" >"$T/fsck" 2>&1; then
		fail "$text: fsck.vmfs cannot read it: $(tail -1 "$T/fsck")"
		return 1
	fi
	lost=$(sed -n 's/^Lost blocks *: *//p' "$T/fsck")
	unallocated=$(sed -n 's/^Unallocated blocks *: *//p' "$T/fsck")
	others=$(grep -cE '^(Undefined inodes|Orphaned inodes|Directory errors) *: *0$' "$T/fsck")
	if [ "$lost" = "${TBZ:-0}" ] && [ "$others" -eq 3 ] &&
		[ "$unallocated" = "$(grep -c '^Block 0x69442023 is used but not allocated' "$T/fsck")" ]; then
		pass "$text: fsck.vmfs"
	else
		fail "$text: fsck.vmfs"
		grep -v 'is lost' "$T/fsck" | tail -12 | sed 's/^/    /'
	fi
	try "$text: debugvmfs check_vol_bitmaps" sh -c '"$@" | grep -qx "Total errors: 0"' - \
		debugvmfs "$@" check_vol_bitmaps
}

# What fsck.vmfs says without what it only counts: to compare a volume with itself later.
fsck_summary() { fsck.vmfs "$1" 2>&1 | grep -E 'used but not allocated|is lost|Unallocated|Lost|Undefined|Orphaned|Directory errors'; }

# fuse_mount DIR DEVICE...: vmfs-fuse, where this machine lets us.
fuse_mount()
{
	local dir=$1

	shift
	[ -w /dev/fuse ] || return 1
	mkdir -p "$dir"
	vmfs-fuse "$@" "$dir" >/dev/null 2>&1 && grep -q " $dir fuse" /proc/mounts
}

# judge_sum PATH DEVICE...: SHA-256 of a file as vmfs-tools reads it.
judge_sum()
{
	local path=$1

	shift
	debugvmfs "$@" cat "$path" 2>/dev/null | sha256sum | cut -c1-64
}

# our_sum VOLUME-PATH: SHA-256 of a file as we read it.
our_sum() { cairn file cat "$1" 2>/dev/null | sha256sum | cut -c1-64; }
