# SPDX-License-Identifier: BSD-2-Clause-Patent
# Figures d, f, g, h: whole commands - conversions, creating disks, files a second, memory.

# ---- d: conversions -----------------------------------------------------------------------------
# In a tmpfs: the source cannot be made smaller, and a zram device would compress it in the context of
# whoever writes; cp's share would be done by the kernel's writeback and be missing from its figure.

# per_cpu BYTES SECONDS
per_cpu() { calc "$1 / 1e6 / ($2 > 0.0001 ? $2 : 0.0001)"; }

# convert_pair CASE OURS_CPU CP_CPU QEMU_CPU CP_TARGET QEMU_TARGET
convert_pair() {
	local bytes=$((CONVERT_MIB << 20))
	[ -z "$5" ] || pair d "$1, cp" "MB/cpu s" "$(per_cpu $bytes "$2")" "$(per_cpu $bytes "$3")" "$5"
	[ -z "$4" ] || pair d "$1, qemu-img" "MB/cpu s" "$(per_cpu $bytes "$2")" "$(per_cpu $bytes "$4")" "$6"
}

# Makes DESTINATION new, in memory that was in use a moment ago. A virtual machine gives pages that lie
# free back to its host; what takes them again pays for that, and would hide what the job costs.
warm() { # DESTINATION
	rm -f "$1"
	head -c "$((CONVERT_MIB * 5 << 18))" /dev/zero >"$1"
	rm -f "$1"
}

qemu_convert() { # VAR FORMAT SOURCE TO DESTINATION [OPTION...]
	local var=$1 from=$2 source=$3 to=$4 out=$5
	shift 5
	warm "$out"
	job "$var" qemu-img convert "$@" -f "$from" -O "$to" "$source" "$out"
}
ours_convert() { # VAR SOURCE DESTINATION OPTION...
	local var=$1 source=$2 out=$3
	shift 3
	warm "$out"
	job "$var" "$CAIRN/cairn" disk convert "$source" "$out" "$@"
}

figure_d() {
	local r w
	have qemu-img || { skip d "no qemu-img (package qemu-utils)"; return; }
	have openssl || { skip d "no openssl"; return; }
	w=$(mktemp -d "$RAM/cairn-bench.XXXXXX") || return
	RAMS="$RAMS $w"
	random_file "$w/raw" "$CONVERT_MIB"
	for r in $(few_rounds); do
		warm "$w/o"
		job cp cp --sparse=never --reflink=never "$w/raw" "$w/o" || return
		ours_convert ours "$w/raw" "$w/o.vmdk" -f raw -O monosparse || return
		qemu_convert qemu raw "$w/raw" vmdk "$w/q.vmdk" || return
		convert_pair "raw to sparse vmdk" "$ours_cpu" "$cp_cpu" "$qemu_cpu" ">=0.8" ">=2.5"
		ours_convert ours "$w/o.vmdk" "$w/o" -O raw || return
		qemu_convert qemu vmdk "$w/q.vmdk" raw "$w/o" || return
		convert_pair "sparse vmdk to raw" "$ours_cpu" "$cp_cpu" "$qemu_cpu" ">=0.8" ">=2.5"
		rm -f "$w"/*.vmdk "$w/o"
		ours_convert ours "$w/raw" "$w/o.vmdk" -f raw -O streamoptimized || return
		qemu_convert qemu raw "$w/raw" vmdk "$w/q.vmdk" -o subformat=streamOptimized || return
		convert_pair "raw to stream" "$ours_cpu" "" "$qemu_cpu" "" ">=6"
		pair d "size of the stream" "bytes" "$(stat -c %s "$w/o.vmdk")" "$(stat -c %s "$w/q.vmdk")" "<=1.15"
		ours_convert ours "$w/o.vmdk" "$w/o" -O raw || return
		qemu_convert qemu vmdk "$w/q.vmdk" raw "$w/o" || return
		convert_pair "stream to raw" "$ours_cpu" "" "$qemu_cpu" "" ">=2"
		rm -f "$w"/*.vmdk "$w/o"
	done
	rm -rf "$w"
}

# ---- f: creating disks --------------------------------------------------------------------------

figure_f() {
	local r z=$((10 * 1024))
	for r in $(rounds); do
		rm -f "$DISK/thin.img"
		truncate -s 20G "$DISK/thin.img"
		quiet "$CAIRN/vmkfstools" -C vmfs5 -S thin "$DISK/thin.img" || return
		job ours env CAIRN_DEVICES="$DISK/thin.img" "$CAIRN/vmkfstools" -c 1t -d thin /vmfs/volumes/thin/a.vmdk || return
		pair f "-c 1t -d thin" "cpu ms" "$(calc "$ours_cpu * 1000")" - "<=20"
		pair f "-c 1t -d thin" "wall ms" "$(calc "$ours_wall * 1000")" - ""
	done
	rm -f "$DISK/thin.img"
	for r in $(seq $((ROUNDS < 3 ? ROUNDS : 3))); do
		rm -f "$DISK"/z.*
		truncate -s 12G "$DISK/z.img"
		quiet "$CAIRN/vmkfstools" -C vmfs5 -S zero "$DISK/z.img" || return
		job ours env CAIRN_DEVICES="$DISK/z.img" "$CAIRN/vmkfstools" -c 10g -d eagerzeroedthick /vmfs/volumes/zero/a.vmdk || return
		rm -f "$DISK/z.img"
		job dd dd if=/dev/zero of="$DISK/z.raw" bs=4M count=$((z / 4)) oflag=direct conv=fsync || return
		pair f "10 GiB eager-zeroed, dd" "wall s" "$ours_wall" "$dd_wall" "<=0.02"
	done
	rm -f "$DISK"/z.*
}

# ---- g: files a second --------------------------------------------------------------------------

# meta_round WHERE DEVICE RATE-TARGET CPU-TARGET
meta_round() {
	local phase
	quiet "$CAIRN/vmkfstools" -C vmfs5 --force -S meta "$2" || return 1
	"$BIN/meta" -d "$2" "$FILES" >"$TMP/ours.json" 2>"$TMP/err" || { say "$(cat "$TMP/err")"; return 1; }
	"$BIN/meta" -k "$FAST/meta" "$FILES" >"$TMP/peer.json" || return 1
	for phase in create rename unlink; do
		pair g "$1 $phase $FILES files, ext4" "op/s" "$(grep $phase "$TMP/ours.json" | json iops)" \
			"$(grep $phase "$TMP/peer.json" | json iops)" "$3"
		pair g "$1 $phase $FILES files, ext4" "cpu us/op" "$(grep $phase "$TMP/ours.json" | json cpu_us_op)" \
			"$(grep $phase "$TMP/peer.json" | json cpu_us_op)" "$4"
	done
}

# The datastore in an image file on the ext4 that is the peer; and, without a target, on a zram device
# of its own, which takes no transfer without a worker thread of the kernel's.
figure_g() {
	local r
	[ -n "$FAST" ] || { skip g "no zram device of our own"; return; }
	mkdir -p "$FAST/meta"
	truncate -s 64G "$FAST/meta.img"
	zram_add 65536 || return
	for r in $(rounds); do
		meta_round image "$FAST/meta.img" ">=0.5" "<=2" || return
		meta_round device "$ZRAM" "" "" || return
	done
	rm -f "$FAST/meta.img"
}

# ---- h: memory of a large volume ----------------------------------------------------------------

figure_h() {
	local r i devices=
	for i in 1 2 3 4; do
		truncate -s 12544G "$DISK/big$i.img" || { skip h "the file system takes no file of 12.25 TiB"; return; }
		devices="$devices $DISK/big$i.img"
	done
	# shellcheck disable=SC2086
	quiet "$CAIRN/cairn" volume create -y -l big $devices || { skip h "no volume of 49 TiB"; return; }
	export CAIRN_DEVICES=$devices
	for i in $(seq 40); do
		quiet "$CAIRN/cairn" file mkdir -p "/vmfs/volumes/big/dir$i/sub" || return
		quiet "$CAIRN/vmkfstools" -c 100g -d thin "/vmfs/volumes/big/dir$i/sub/disk.vmdk" || return
	done
	for r in $(seq $((ROUNDS < 3 ? ROUNDS : 3))); do
		job ours "$CAIRN/cairn" file ls -lR /vmfs/volumes/big || return
		pair h "walk of 49 TiB: cairn file ls -lR" "peak MiB" "$(calc "$ours_rss / 1024")" - "<=64"
		# shellcheck disable=SC2046
		job ours "$CAIRN/voma" -m vmfs -f check $(printf ' -d %s' $devices) || return
		pair h "check of 49 TiB: voma" "peak MiB" "$(calc "$ours_rss / 1024")" - ""
		pair h "check of 49 TiB: voma" "wall s" "$ours_wall" - ""
	done
	unset CAIRN_DEVICES
	rm -f "$DISK"/big*.img
}
