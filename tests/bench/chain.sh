# SPDX-License-Identifier: BSD-2-Clause-Patent
# Figure k: a chain of eight links, read from start to end, against its content in one flat file. All
# in a tmpfs and through the page cache: what a device would add to both sides is not in the figure.

# chain_files DIR ORDER GRAINS: a flat base and seven SESparse links, each with 60 % of the disk, in
# runs of up to GRAINS grains of 4 KiB that lie in that order; and flat.vmdk with the same content.
chain_files() {
	mkdir -p "$1" &&
		"$BIN/../data/mkchain" -k "flat$(printf ',sesparse%.0s' 1 2 3 4 5 6 7)" -s "${CHAIN_MIB}M" -d 60 -z 0 -u 0 \
			-l "$2" -r "$3" -e "$1/f-flat.vmdk" "$1" >/dev/null &&
		sed 's/vm-flat/f-flat/' "$1/vm.vmdk" >"$1/flat.vmdk"
}
CHAIN_MIB=512

read_host() { measure "$1" "$BIN/engine" -H -C -n "$2" -s -1 -b 1048576 -q 4; }
serve() { job "$1" nbdkit -U - "$PLUGIN" "$2" --run 'nbdcopy --no-extents "$uri" null:'; }
convert() { CONVERT_MIB=$CHAIN_MIB ours_convert "$1" "$2" "$w/o" -O raw; }

# job_pair CASE TARGET: CPU and wall seconds of two jobs
job_pair() {
	pair k "$1" "cpu s" "$ours_cpu" "$flat_cpu" "$2"
	pair k "$1" "wall s" "$ours_wall" "$flat_wall" "$2"
}

figure_k() {
	local r w c
	PLUGIN=$TOP/build/lib/nbdkit-cairn-plugin.so
	w=$(mktemp -d "$RAM/cairn-bench.XXXXXX") || return
	RAMS="$RAMS $w"
	chain_files "$w/runs" runs 16 && chain_files "$w/single" grains 1 || return
	for r in $(few_rounds); do
		for c in runs single; do
			set -- "$w/$c/vm-000007.vmdk" "$w/$c/flat.vmdk"
			in_turn "$r" "convert ours $1" "convert flat $2" || return
			job_pair "chain of 8, $c, convert" "$([ $c = runs ] && echo "<=1.3")"
			in_turn "$r" "read_host ours $1" "read_host flat $2" || return
			pair k "chain of 8, $c, read alone" "cpu us/MiB" "$ours_cpu" "$flat_cpu" ""
			have nbdkit && have nbdcopy && [ -e "$PLUGIN" ] || continue
			in_turn "$r" "serve ours $1" "serve flat $2" || return
			job_pair "chain of 8, $c, nbdkit to nbdcopy" "$([ $c = runs ] && echo "<=1.3")"
		done
	done
	have nbdkit && have nbdcopy || skip "k nbdkit" "no nbdkit or nbdcopy (packages nbdkit, libnbd-bin)"
	rm -rf "$w"
}
