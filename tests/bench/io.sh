# SPDX-License-Identifier: BSD-2-Clause-Patent
# Figures a, b, c, e: transfers through VMFS and a thin VMDK, in this process, against a bare ring on
# a raw file, QEMU's block drivers, and vmfs-fuse.

# fill PLACE: a raw file and a datastore with a full thin disk of MIB there
fill() {
	[ -e "$1/raw.img" ] || pattern_file "$1/raw.img" "$MIB" || return 1
	if [ ! -e "$1/ds.img" ]; then
		datastore "$1/ds.img" "$MIB" || return 1
		quiet "$BIN/engine" -d "$1/ds.img" -w -s -1 -b 1048576 -q 4 || return 1
	fi
	sync -f "$1"
}

# PLACE WRITE(-w or nothing) DEPTH
ours_4k() { measure ours "$BIN/engine" -d "$1/ds.img" -t "$SECS" -q "$3" $2; }
bare_4k() { measure bare "$BIN/bare" -t "$SECS" -q "$3" $2 "$1/raw.img"; }

# The two programs of a round change places from round to round, so that a drift of the machine
# meets both.
in_turn() {
	if [ $(($1 % 2)) = 0 ]; then eval "$2" && eval "$3"; else eval "$3" && eval "$2"; fi
}

figure_a() {
	local place p w word q r
	for place in zram disk; do
		case $place in zram) p=$FAST ;; disk) p=$DISK ;; esac
		[ -n "$p" ] || { skip "a zram" "no zram device of our own (needs root and the zram module)"; continue; }
		fill "$p" || { skip "a $place" "no full disk"; continue; }
		for r in $(rounds); do
			for w in "" -w; do
				word=read; [ -z "$w" ] || word=write
				for q in 1 32; do
					in_turn "$r" "ours_4k $p '$w' $q" "bare_4k $p '$w' $q" || return
					pair a "$place 4k rand$word qd$q" "cpu us/op" "$ours_cpu" "$bare_cpu" \
						"$([ $place = zram ] && echo "<=1.10")"
					pair a "$place 4k rand$word qd$q" "op/s" "$ours_iops" "$bare_iops" \
						"$([ $place = disk ] && echo ">=0.97")"
				done
			done
		done
	done
}

# ---- QEMU ---------------------------------------------------------------------------------------

# qemu VAR FORMAT FILE BYTES DEPTH STRIDE [-w]: qemu-img bench for about SECS, less what it costs to
# start; VAR_cpu (us/op), VAR_iops. A stride that is odd in blocks touches every block once, in an
# order that looks random (qemu-img bench has no random).
qemu() {
	local var=$1 format=$2 file=$3 bytes=$4 depth=$5 stride=$6 write=${7-} n=$((QEMU_OPS)) sec start
	set -- qemu-img bench -f "$format" -t none -i io_uring -d "$depth" -s "$bytes" -S "$stride" \
		${write:+-w --pattern=165}
	job q "$@" -c 1 "$file" || return 1
	start=$q_cpu
	[ "$depth" = 1 ] && n=$((n / 4))
	[ "$bytes" = 65536 ] && n=$((MIB * 16))
	job q timeout 120 "$@" -c "$n" "$file" || return 1
	sec=$(sed -n 's/.*completed in \([0-9.]*\) seconds.*/\1/p' "$TMP/out")
	eval "${var}_cpu=$(calc "($q_cpu - $start) * 1e6 / $n") ${var}_iops=$(calc "$n / $sec")"
}
QEMU_OPS=${QEMU_OPS:-40000}

stride_4k() { echo $(((MIB * 256 * 155 / 1000 / 2 * 2 + 1) * 4096)); }

figure_b() {
	local w word q r
	have qemu-img || { skip b "no qemu-img (package qemu-utils)"; return; }
	[ -n "$FAST" ] || { skip b "no zram device of our own"; return; }
	fill "$FAST" || { skip b "no full disk"; return; }
	for r in qcow2 vmdk; do
		quiet qemu-img convert -t none -T none -f raw -O "$r" "$FAST/raw.img" "$FAST/qemu.$r" || return
	done
	for r in $(rounds); do
		for w in "" -w; do
			word=read; [ -z "$w" ] || word=write
			for q in 1 32; do
				ours_4k "$FAST" "$w" "$q" || return
				qemu qcow2 qcow2 "$FAST/qemu.qcow2" 4096 "$q" "$(stride_4k)" $w || return
				pair b "4k $word qd$q, qcow2" "cpu us/op" "$ours_cpu" "$qcow2_cpu" "<=0.40"
				[ "$q" = 32 ] || continue
				qemu vmdk vmdk "$FAST/qemu.vmdk" 4096 "$q" "$(stride_4k)" $w || return
				pair b "4k $word qd$q, QEMU's vmdk" "op/s" "$ours_iops" "$vmdk_iops" ">=3"
			done
		done
	done
	rm -f "$FAST"/qemu.*
}

# ---- first writes -------------------------------------------------------------------------------

figure_c() {
	local r
	[ -n "$FAST" ] || { skip c "no zram device of our own"; return; }
	for r in $(rounds); do
		rm -f "$FAST/new.raw"
		truncate -s "${MIB}M" "$FAST/new.raw"
		datastore "$FAST/new.img" "$MIB" || return
		in_turn "$r" 'measure ours "$BIN/engine" -d "$FAST/new.img" -w -s -1 -b 65536 -q 8' \
			'measure bare "$BIN/bare" -w -s -1 -b 65536 -q 8 "$FAST/new.raw"' || return
		pair c "64k first writes qd8, sparse raw" "cpu us/op" "$ours_cpu" "$bare_cpu" "<=1.05"
		rm -f "$FAST/new.raw" "$FAST/new.img"
		have qemu-img || continue
		quiet qemu-img create -q -f vmdk "$FAST/new.vmdk" "${MIB}M"
		qemu vmdk vmdk "$FAST/new.vmdk" 65536 8 65536 -w || return
		pair c "64k first writes qd8, QEMU's vmdk" "op/s" "$ours_iops" "$vmdk_iops" ">=5"
		rm -f "$FAST/new.vmdk"
	done
}

# ---- vmfs-fuse ----------------------------------------------------------------------------------

# fuse_up IMAGE: mounted at TMP/fuse, the server's process in FUSE
fuse_up() {
	mkdir -p "$TMP/fuse"
	vmfs-fuse "$1" "$TMP/fuse" 2>"$TMP/err" || { say "vmfs-fuse: $(tail -1 "$TMP/err")"; return 1; }
	MOUNTS="$TMP/fuse $MOUNTS"
	FUSE=
	local p
	for p in /proc/[0-9]*; do
		[ "$(cat "$p/cmdline" 2>/dev/null | tr '\0' ' ')" = "vmfs-fuse $1 $TMP/fuse " ] && FUSE=${p#/proc/}
	done
	[ -n "$FUSE" ]
}
fuse_down() {
	unmount "$TMP/fuse"
	MOUNTS=${MOUNTS#"$TMP/fuse "}
}

seq_ours() { measure ours "$BIN/engine" -d "$1/ds.img" -s -t "$SECS" -b 1048576 -q 4; }
seq_raw() { measure raw "$BIN/bare" -s -t "$SECS" -b 1048576 -q 4 "$1/raw.img"; }

figure_e() {
	local r place p
	for place in zram disk; do
		case $place in zram) p=$FAST ;; disk) p=$DISK ;; esac
		[ -n "$p" ] || { skip "e zram" "no zram device of our own"; continue; }
		fill "$p" || { skip "e $place" "no full disk"; continue; }
		for r in $(rounds); do
			in_turn "$r" "seq_ours $p" "seq_raw $p" || return
			pair e "$place 1m seq read qd4, raw image" "MB/s" "$ours_mbs" "$raw_mbs" ">=0.95"
			pair e "$place 1m seq read qd4, raw image" "cpu us/op" "$ours_cpu" "$raw_cpu" ""
		done
	done
	have vmfs-fuse || { skip "e vmfs-fuse" "no vmfs-fuse (package vmfs-tools)"; return; }
	[ -c /dev/fuse ] || { skip "e vmfs-fuse" "no /dev/fuse"; return; }
	[ -n "$FAST" ] || return
	for r in $(rounds); do
		fuse_up "$FAST/ds.img" || { skip "e vmfs-fuse" "it does not mount"; return; }
		measure fuse "$BIN/bare" -e pread -c -s -1 -m 256 -b 1048576 "$TMP/fuse/bench-flat.vmdk" || return
		measure ours "$BIN/engine" -d "$FAST/ds.img" -s -t "$SECS" -b 1048576 -q 1 || return
		pair e "zram 1m seq read qd1, vmfs-fuse" "MB/s" "$ours_mbs" "$fuse_mbs" ">=3.5"
		fuse_down
		fuse_up "$FAST/ds.img" || return
		measure fuse "$BIN/bare" -e pread -t "$SECS" -p "$FUSE" "$TMP/fuse/bench-flat.vmdk" || return
		ours_4k "$FAST" "" 1 || return
		pair e "zram 4k randread qd1, vmfs-fuse" "cpu us/op" "$ours_cpu" "$fuse_cpu" "<=0.25"
		fuse_down
	done
}
