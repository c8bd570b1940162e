#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# bench.sh: measure ourselves next to our peers, in pairs within one run, and print the ratios.
# tests/bench/README.md tells how to read them.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
ROUNDS=20 SECS=0.3 MIB=1024 CONVERT_MIB=2048 FILES=10000
DIR=${TMPDIR:-/tmp} RAM=/dev/shm FIGURES="a b c d e f g h k n" OUT=
CAIRN=$TOP/build/bin BIN=$TOP/build/release/tests/bench

usage() {
	cat >&2 <<-END
	usage: bench.sh [-f "a b ..."] [-r ROUNDS] [-t SECS] [-m MIB] [-M MIB] [-d DIR] [-c CPUS] [-o OUT]
	  -f  figures to measure (all): a 4 KiB transfers, b against QEMU, c first writes, d conversions,
	      e sequential reads and vmfs-fuse, f creating disks, g files a second, h memory, n NBD,
	      k snapshot chains
	  -r  rounds of each pair ($ROUNDS)         -t  seconds of one measurement of transfers ($SECS)
	  -m  size of the disk ($MIB)        -M  size of the disk converted ($CONVERT_MIB)
	  -d  a directory on the disk ($DIR)    -c  run everything on these processors
	  -o  add the pairs to this file, tab-separated
	END
	exit 2
}

while getopts f:r:t:m:M:d:c:o: opt; do
	case $opt in
	f) FIGURES=$OPTARG ;; r) ROUNDS=$OPTARG ;; t) SECS=$OPTARG ;; m) MIB=$OPTARG ;; M) CONVERT_MIB=$OPTARG ;;
	d) DIR=$OPTARG ;; c) taskset -cp "$OPTARG" $$ >/dev/null || exit 2 ;; o) OUT=$OPTARG ;;
	*) usage ;;
	esac
done
[ $# -ge $OPTIND ] && usage
. "$HERE/lib.sh"
. "$HERE/io.sh"
. "$HERE/jobs.sh"
. "$HERE/nbd.sh"
. "$HERE/chain.sh"

for p in "$CAIRN/cairn" "$BIN/bare" "$BIN/engine" "$BIN/meta" "$BIN/cost"; do
	[ -x "$p" ] || die "$p is not built: make bench builds and runs"
done
bench_begin
fast_begin || say "no zram device of our own (needs root): the cases in memory are skipped"
for figure in $FIGURES; do
	case $figure in [a-hkn]) ;; *) usage ;; esac
	say "figure $figure"
	"figure_$figure" || skip "$figure" "it failed; see above"
done
echo "$(uname -srm), $(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg), $ROUNDS rounds"
table
