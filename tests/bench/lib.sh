# SPDX-License-Identifier: BSD-2-Clause-Patent
# Common parts of the bench: places to measure in, things to measure on, and the table.
# Everything made here is removed by bench_end, whatever ends the run.

say() { echo "bench: $*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
rounds() { seq "$ROUNDS"; }
# The same for jobs of many seconds: a tenth of the rounds, at least 3.
few_rounds() { seq "$((ROUNDS / 10 > 3 ? ROUNDS / 10 : ROUNDS < 3 ? ROUNDS : 3))"; }

# ---- places ------------------------------------------------------------------------------------
# DISK: a directory on the disk. FAST: ext4 on a zram device of our own, which answers in the
# caller's own context, so that nobody else's thread is in a figure. A page of one repeated byte
# costs it next to nothing; that is why everything but the conversions holds one byte.
TMP= FAST= ZRAMS= MOUNTS= RAMS=

bench_begin() {
	TMP=$(mktemp -d "$DIR/cairn-bench.XXXXXX") || exit 1
	trap bench_end EXIT
	trap 'exit 130' INT TERM HUP
	DISK=$TMP/disk
	mkdir "$DISK"
	: >"$TMP/pairs"
	: >"$TMP/skipped"
}

bench_end() {
	trap '' INT TERM HUP
	cd /
	for m in $MOUNTS; do unmount "$m"; done
	for z in $ZRAMS; do zram_remove "$z"; done
	# shellcheck disable=SC2086
	rm -rf "$TMP" $RAMS
}

unmount() {
	for _ in $(seq 50); do
		umount "$1" 2>/dev/null && return
		sleep 0.1
	done
	umount -l "$1"
}

# zram_add MIB: a device of our own in ZRAM; fails where there is none or we may not.
zram_add() {
	[ "$(id -u)" = 0 ] && [ -r /sys/class/zram-control/hot_add ] || return 1
	local n
	n=$(cat /sys/class/zram-control/hot_add) || return 1
	ZRAMS="$ZRAMS $n"
	echo "${1}M" >"/sys/block/zram$n/disksize" || return 1
	ZRAM=/dev/zram$n
	for _ in $(seq 50); do [ -b "$ZRAM" ] && return 0; sleep 0.05; done
	return 1
}

zram_remove() {
	for _ in $(seq 100); do
		echo 1 2>/dev/null >"/sys/block/zram$1/reset" && break
		sleep 0.1
	done
	echo "$1" >/sys/class/zram-control/hot_remove
}

# ext4_on DEVICE DIRECTORY
ext4_on() {
	mkfs.ext4 -q -F -m 0 -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$1" >/dev/null 2>&1 || return 1
	mkdir -p "$2"
	mount -t ext4 "$1" "$2" || return 1
	MOUNTS="$2 $MOUNTS"
}

fast_begin() {
	zram_add "$((MIB * 6 + 12288))" && ext4_on "$ZRAM" "$TMP/fast" && FAST=$TMP/fast
}

# ---- things ------------------------------------------------------------------------------------

# pattern_file PATH MIB: one repeated byte, not zero; written past the page cache, for pages left there
# would have to be dropped by each direct write that is measured
pattern_file() {
	rm -f "$1"
	truncate -s "${2}M" "$1"
	quiet "$BIN/bare" -w -s -1 -b 1048576 -q 4 "$1"
}
# random_file PATH MIB: what no format makes smaller
random_file() {
	openssl enc -aes-128-ctr -nosalt -K 000102030405060708090a0b0c0d0e0f \
		-iv 00000000000000000000000000000000 -in /dev/zero 2>/dev/null | head -c "$(($2 << 20))" >"$1"
}

# datastore IMAGE MIB: a new sparse image with a datastore and a thin disk bench.vmdk of MIB in it
datastore() {
	rm -f "$1"
	truncate -s "$(($2 + 512))M" "$1"
	quiet "$CAIRN/vmkfstools" -C vmfs5 -S bench "$1" || return 1
	CAIRN_DEVICES=$1 quiet "$CAIRN/vmkfstools" -c "${2}m" -d thin /vmfs/volumes/bench/bench.vmdk
}

quiet() { "$@" >"$TMP/out" 2>&1 || { say "$*: $(tail -1 "$TMP/out")"; return 1; }; }

# ---- measuring ---------------------------------------------------------------------------------

# json FIELD: of the one-line object on standard input
json() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"; }

# measure VAR PROGRAM...: bare, engine: VAR_cpu (us/op), VAR_iops, VAR_mbs
measure() {
	local var=$1 line
	shift
	line=$("$@" 2>"$TMP/err") || { say "$*: $(tail -1 "$TMP/err")"; return 1; }
	eval "${var}_cpu=$(json cpu_us_op <<<"$line") ${var}_iops=$(json iops <<<"$line") ${var}_mbs=$(json mb_s <<<"$line")"
}

# job VAR COMMAND...: a whole command: VAR_wall, VAR_cpu (seconds), VAR_rss (KiB)
job() {
	local var=$1
	shift
	"$BIN/cost" "$@" >"$TMP/out" 2>&1 3>"$TMP/cost" || { say "$*: $(tail -1 "$TMP/out")"; return 1; }
	read -r "${var}_wall" "${var}_cpu" "${var}_rss" <"$TMP/cost"
}

# calc EXPRESSION
calc() { awk "BEGIN { printf \"%.6g\", $1 }"; }

# ---- the table ---------------------------------------------------------------------------------

# pair FIGURE CASE WHAT OURS PEER TARGET: one round's two figures; TARGET (">=0.97", "<=1.1") is for
# their ratio. PEER "-": the target is for OURS itself.
pair() {
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$TMP/pairs"
	[ -z "$OUT" ] || printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$OUT"
}
skip() { printf '%s\t%s\n' "$1" "$2" >>"$TMP/skipped"; say "$1 skipped: $2"; }

# Medians, the ratio of each round with its least and most, and the verdict.
table() {
	awk -F '\t' '
	function median(list, n,    i, j, t) {
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && list[j - 1] > list[j]; j--) {
				t = list[j]; list[j] = list[j - 1]; list[j - 1] = t
			}
		least = list[1]; most = list[n]
		return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
	}
	{
		key = $1 FS $2 FS $3 FS $6
		if (!(key in count))
			order[++keys] = key
		n = ++count[key]
		ours[key, n] = $4; peer[key, n] = $5
	}
	END {
		printf "%-3s %-38s %-9s %12s %12s %8s %17s %8s %6s\n", "", "case", "what", "ours", "peer",
			"ratio", "least..most", "target", "rounds"
		for (k = 1; k <= keys; k++) {
			key = order[k]; n = count[key]
			split(key, part, FS)
			alone = peer[key, 1] == "-"
			for (i = 1; i <= n; i++) {
				a[i] = ours[key, i] + 0; b[i] = peer[key, i] + 0
				r[i] = alone ? a[i] : b[i] ? a[i] / b[i] : 0
			}
			mine = median(a, n); other = median(b, n); ratio = median(r, n)
			limit = substr(part[4], 3) + 0
			met = part[4] == "" ? "" : (substr(part[4], 1, 1) == "<" ? ratio <= limit : ratio >= limit) ? "met" : "MISSED"
			printf "%-3s %-38s %-9s %12.5g %12s %8.3g %8.3g..%-7.3g %8s %6d %s\n", part[1], part[2], part[3], mine,
				alone ? "-" : sprintf("%.5g", other), ratio, least, most, part[4], n, met
			if (met == "met") good++
			if (met == "MISSED") bad++
		}
		printf "\n%d targets met, %d missed\n", good, bad
	}' "$TMP/pairs"
	sed 's/^/skipped /' "$TMP/skipped"
}
