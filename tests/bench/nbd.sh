# SPDX-License-Identifier: BSD-2-Clause-Patent
# Figure n: a flat disk on a datastore through our nbdkit plugin, against nbdkit's own plugin for files on
# the extracted flat file, and against vmfs-fuse on the same datastore.

NBD_PASSES=4	# of the whole disk in one measurement: CPU is counted in hundredths of a second

# nbd_up PLUGIN PARAMETER...: a server on TMP/nbd.sock, its process in NBD
nbd_up() {
	rm -f "$TMP/nbd.sock" "$TMP/nbd.pid"
	quiet nbdkit -U "$TMP/nbd.sock" -P "$TMP/nbd.pid" -r "$@" || return 1
	NBD=$(cat "$TMP/nbd.pid")
}
nbd_down() {
	kill "$NBD"
	while [ -d "/proc/$NBD" ]; do sleep 0.02; done
}
# CPU seconds of a process until now.
cpu_of() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }

# nbd_read VAR: sequential passes by nbdcopy: VAR_mbs, VAR_server and VAR_all (CPU us per MiB)
nbd_read() {
	local var=$1 before after
	before=$(cpu_of "$NBD")
	# shellcheck disable=SC2016
	job client sh -c 'for i in $(seq "$2"); do nbdcopy "nbd+unix:///?socket=$1" null: || exit 1; done' - "$TMP/nbd.sock" "$NBD_PASSES" || return 1
	after=$(cpu_of "$NBD")
	eval "${var}_mbs=$(calc "$MIB * 1048576 * $NBD_PASSES / 1e6 / $client_wall")
		${var}_server=$(calc "($after - $before) * 1e6 / $MIB / $NBD_PASSES")
		${var}_all=$(calc "($after - $before + $client_cpu) * 1e6 / $MIB / $NBD_PASSES")"
}
nbd_ours() { nbd_up "$TOP/build/lib/nbdkit-cairn-plugin.so" device="$1/ds.img" bench.vmdk && nbd_read ours; nbd_down; }
nbd_file() { nbd_up file "$1/raw.img" && nbd_read file; nbd_down; }

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
		for r in $(few_rounds); do
			fuse_up "$w/ds.img" || { skip "n vmfs-fuse" "it does not mount"; return; }
			measure fuse "$BIN/bare" -e pread -c -s -1 -m 128 -b 1048576 -p "$FUSE" "$TMP/fuse/bench-flat.vmdk" || return
			fuse_down
			nbd_ours "$w" || return
			pair n "server and client, vmfs-fuse" "cpu us/MiB" "$ours_all" "$fuse_cpu" "<=0.2"
		done
	else
		skip "n vmfs-fuse" "no vmfs-fuse (package vmfs-tools) or no /dev/fuse"
	fi
	rm -rf "$w"
}
