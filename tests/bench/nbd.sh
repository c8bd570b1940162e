# SPDX-License-Identifier: BSD-2-Clause-Patent
# Figure n: a flat disk on a datastore through our nbdkit plugin, against nbdkit's own plugin for files on
# the extracted flat file, and against vmfs-fuse on the same datastore.

NBD_PASSES=4	# of the whole disk in one measurement: CPU is counted in hundredths of a second

# nbd_up PLUGIN PARAMETER...: a server on TMP/nbd.sock, its process in NBD
nbd_up() {
	NBD=
	rm -f "$TMP/nbd.sock" "$TMP/nbd.pid"
	quiet nbdkit -U "$TMP/nbd.sock" -P "$TMP/nbd.pid" -r "$@" || return 1
	for _ in $(seq 50); do	# it writes the file when it is in the background already
		[ -s "$TMP/nbd.pid" ] && break
		sleep 0.1
	done
	NBD=$(cat "$TMP/nbd.pid" 2>/dev/null) && [ -n "$NBD" ]
}
nbd_down() {
	[ -n "$NBD" ] || return
	kill "$NBD"
	while [ -d "/proc/$NBD" ]; do sleep 0.02; done
}
# CPU seconds of a process until now.
cpu_of() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }

# nbd_read VAR PASSES: sequential passes by nbdcopy: VAR_mbs, VAR_server and VAR_all (CPU us per MiB).
# All bytes cross the socket, also those of a plugin that says that they are zeros.
nbd_read() {
	local var=$1 passes=$2 before after
	before=$(cpu_of "$NBD")
	# shellcheck disable=SC2016
	job client sh -c 'for i in $(seq "$2"); do nbdcopy --no-extents "nbd+unix:///?socket=$1" null: || exit 1; done' - "$TMP/nbd.sock" "$passes" || return 1
	after=$(cpu_of "$NBD")
	eval "${var}_mbs=$(calc "$MIB * 1048576 * $passes / 1e6 / $client_wall")
		${var}_server=$(calc "($after - $before) * 1e6 / $MIB / $passes")
		${var}_all=$(calc "($after - $before + $client_cpu) * 1e6 / $MIB / $passes")"
}
nbd_ours() { # DIRECTORY [PASSES [PARAMETER...]]
	local dir=$1 passes=${2:-$NBD_PASSES}
	shift $(($# < 2 ? $# : 2))
	nbd_up "$TOP/build/lib/nbdkit-cairn-plugin.so" device="$dir/ds.img" bench.vmdk "$@" && nbd_read ours "$passes"
	nbd_down
}
nbd_file() { nbd_up file "$1/raw.img" && nbd_read file "$NBD_PASSES"; nbd_down; }
# No file behind it and nothing read: what the protocol and the socket cost by themselves.
nbd_null() { nbd_up null "${MIB}M" && nbd_read null "$NBD_PASSES"; nbd_down; }

# Out of the page cache with it, once it is on the disk.
uncache() { dd of="$1" oflag=nocache conv=notrunc,fdatasync count=0 status=none; }
# fuse_read DIRECTORY: 1 MiB reads of the flat file, FUSE's server and the reader: fuse_cpu, us per MiB
fuse_read() {
	fuse_up "$1/ds.img" || { skip "n vmfs-fuse" "it does not mount"; return 1; }
	measure fuse "$BIN/bare" -e pread -c -s -1 -m "$MIB" -b 1048576 -p "$FUSE" "$TMP/fuse/bench-flat.vmdk" || return
	fuse_down
}

# The image in a tmpfs, and on the disk with nothing of it in memory. In the latter the disk's driver
# is on both sides, and on a virtual machine most of it.
vmfs_fuse_pairs() { # DIRECTORY
	local r cold=$DISK/n
	mkdir -p "$cold" && cp --sparse=always "$1/ds.img" "$cold" || return
	for r in $(few_rounds); do
		fuse_read "$1" || return
		nbd_ours "$1" || return
		nbd_null || return
		pair n "warm, server and client, vmfs-fuse" "cpu us/MiB" "$ours_all" "$fuse_cpu" "<=0.2"
		pair n "nbdkit null (socket only), vmfs-fuse" "cpu us/MiB" "$null_all" "$fuse_cpu" ""
		uncache "$cold/ds.img"
		fuse_read "$cold" || return
		uncache "$cold/ds.img"
		nbd_ours "$cold" 1 || return
		pair n "cold, server and client, vmfs-fuse" "cpu us/MiB" "$ours_all" "$fuse_cpu" ""
		uncache "$cold/ds.img"
		nbd_ours "$cold" 1 direct=true || return
		pair n "cold, direct=true, vmfs-fuse" "cpu us/MiB" "$ours_all" "$fuse_cpu" ""
	done
	rm -rf "$cold"
}

figure_n() {
	local r w
	have nbdkit && have nbdcopy || { skip n "no nbdkit or nbdcopy (packages nbdkit, libnbd-bin)"; return; }
	w=$(mktemp -d "$RAM/cairn-bench.XXXXXX") || return
	RAMS="$RAMS $w"
	random_file "$w/raw.img" "$MIB"
	truncate -s "$((MIB + 512))M" "$w/ds.img"
	quiet "$CAIRN/vmkfstools" -C vmfs5 -S bench "$w/ds.img" || return
	CAIRN_DEVICES=$w/ds.img quiet "$CAIRN/vmkfstools" -i "$w/raw.img" /vmfs/volumes/bench/bench.vmdk -d zeroedthick || return
	for r in $(rounds); do
		in_turn "$r" "nbd_ours $w" "nbd_file $w" || return
		pair n "flat disk by nbdcopy, nbdkit file" "MB/s" "$ours_mbs" "$file_mbs" ">=0.9"
		pair n "flat disk by nbdcopy, nbdkit file" "server us/MiB" "$ours_server" "$file_server" "<=1.1"
	done
	if have vmfs-fuse && [ -c /dev/fuse ]; then
		vmfs_fuse_pairs "$w" || return
	else
		skip "n vmfs-fuse" "no vmfs-fuse (package vmfs-tools) or no /dev/fuse"
	fi
	rm -rf "$w"
}
