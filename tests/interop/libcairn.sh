#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# libcairn as its users have it: installed into a directory of its own, found by pkg-config, used by the
# example programs; what it exports, links, and leaves alone.
cd "$(dirname "$0")/../.." && . tests/lib.sh
for p in pkg-config nm readelf make; do have $p || skip_all "$p is not installed"; done
so=$PWD/build/lib/libcairn.so.0 examples=$PWD/build/examples

# ---- the shared object -----------------------------------------------------------------------------
nm -D --defined-only "$so" | awk '{ print $3 }' | sed 's/@.*//' | sort >"$T/exported"
grep -o '^[a-z].* \**cairn_[a-z_]*(' tools/libcairn/cairn.h | grep -o 'cairn_[a-z_]*(' | tr -d '(' | sort >"$T/declared"
grep -v '^CAIRN_0$' "$T/exported" >"$T/names"
same "it exports what cairn.h declares, and nothing else" "$T/declared" "$T/names"
try "every name has a version" sh -c '! nm -D --defined-only "$1" | grep " T " | grep -v "@@CAIRN_0$"' - "$so"
try "its soname" sh -c 'readelf -d "$1" | grep -q "SONAME.*\[libcairn\.so\.0\]"' - "$so"
try "it calls nothing that ends a process or touches its signals" sh -c \
	'! nm -D --undefined-only "$1" | grep -wE "exit|_exit|signal|setenv|setlocale"' - "$so"

# ---- installed, and used from there ----------------------------------------------------------------
try "make install-libcairn install-libcairn-dev" make -s install-libcairn install-libcairn-dev \
	DESTDIR="$T/root" prefix=/usr || finish
export PKG_CONFIG_PATH=$T/root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$T/root
for e in list copy; do
	try "$e.c compiles against the installed library" sh -c \
		'gcc -std=c11 -D_GNU_SOURCE -Wall -Werror -o "$1" "$2" $(pkg-config --cflags --libs cairn)' - \
		"$T/$e" tools/libcairn/examples/$e.c
done
echo '#include <cairn.h>' >"$T/alone.c"
try "cairn.h stands alone in C99" gcc -std=c99 -pedantic -Wall -Wextra -Werror -Itools/libcairn -fsyntax-only "$T/alone.c"
if have g++; then
	try "cairn.h stands alone in C++" g++ -x c++ -Wall -Wextra -Werror -Itools/libcairn -fsyntax-only "$T/alone.c"
fi
try "the installed copy finds its library" env LD_LIBRARY_PATH="$T/root/usr/lib" "$T/list" || finish

# ---- volumes and files -----------------------------------------------------------------------------
truncate -s 1G "$T/a.img"
truncate -s 512M "$T/b.img"
try "create a datastore over two devices" cairn volume create -y -l lib "$T/a.img" "$T/b.img" || finish
export CAIRN_DEVICES="$T/a.img $T/b.img"
v=/vmfs/volumes/lib
head -c 20000000 /dev/urandom >"$T/random"
head -c 9000000 "$T/random" >"$T/raw"
truncate -s 300M "$T/raw"
dd if=/dev/urandom of="$T/raw" bs=4096 seek=60001 count=33 conv=notrunc status=none
try "directories" cairn file mkdir -p "$v/vm with blanks/ä/b" || finish
for n in 1 600 9000 70000 3000001; do head -c $n "$T/random" >"$T/f$n"; try "a file of $n bytes" cairn file cp "$T/f$n" "$v/vm with blanks/"; done
for d in thin zeroedthick eagerzeroedthick; do
	try "a disk: $d" vmkfstools -i "$T/raw" "$v/$d.vmdk" -d $d
done
for d in monosparse streamoptimized; do
	try "a disk: $d" cairn disk convert -f raw -O $d "$T/raw" "$v/$d.vmdk"
done
sum_of "$T/a.img" >"$T/before"

"$examples/list" "$T/b.img" "$T/a.img" >"$T/listed" 2>&1 || fail "list: $(tail -1 "$T/listed")"
sed -n 's,^. *[0-9]* /vmfs/volumes/[^/]*/,,p' "$T/listed" | sort >"$T/ours"
cairn file ls -R "$v" >"$T/ls" 2>&1
while read -r name; do
	grep -qF "${name##*/}" "$T/ls" || fail "list shows $name, cairn file ls does not"
done <"$T/ours"
try "list shows 5 files with their sizes" sh -c '[ "$(grep -cE "^- +(1|600|9000|70000|3000001) .*/vm with blanks/f[0-9]+$" "$1")" -eq 5 ]' - "$T/listed"

# ---- disks, through functions of the caller and threads --------------------------------------------
# copy has one source; the other device comes with the volume's first half only when it is not needed.
truncate -s 1G "$T/one.img"
try "a datastore on one device" vmkfstools -C vmfs5 -S one "$T/one.img" || finish
for d in thin zeroedthick eagerzeroedthick monosparse streamoptimized; do
	CAIRN_DEVICES="$T/one.img" try "import $d" cairn disk convert -f raw -O $d "$T/raw" /vmfs/volumes/one/d.vmdk || continue
	for threads in 1 8; do
		try "copy $d with $threads threads" "$examples/copy" "$T/one.img" d.vmdk "$T/out.raw" $threads &&
			same "copy $d with $threads threads: the same bytes" "$T/raw" "$T/out.raw"
	done
	CAIRN_DEVICES="$T/one.img" try "remove $d again" cairn disk delete /vmfs/volumes/one/d.vmdk
done
try "zeros were left out" sh -c '[ "$(stat -c %b "$1")" -lt 400000 ]' - "$T/out.raw"
sum_of "$T/a.img" >"$T/after"
same "reading wrote nothing" "$T/before" "$T/after"

# ---- Python ----------------------------------------------------------------------------------------
# The same from Python, and a device that fails at its first, second, ... n-th read.
if have python3; then
	head -c 24M "$T/raw" >"$T/small"
	truncate -s 24M "$T/small"
	CAIRN_DEVICES="$T/one.img" try "a small disk" cairn disk convert -f raw -O thin "$T/small" /vmfs/volumes/one/s.vmdk
	try "the Python module" env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tools/libcairn/python CAIRN_LIBRARY="$so" \
		python3 tools/libcairn/python/test_cairn.py "$T/one.img" s.vmdk "$T/small"
else
	skipped "the Python module: python3 is not installed"
fi

# ---- errors ----------------------------------------------------------------------------------------
# says TEXT EXIT PATTERN CMD...
says()
{
	local text=$1 want=$2 pattern=$3

	shift 3
	expect "$want" "$text" "$@" && { grep -q "$pattern" "$T/out" || fail "$text: it says: $(cat "$T/out")"; }
}
says "a device that is not there" 1 "$T/none.*No such file" "$examples/list" "$T/none"
says "a file without VMFS" 1 "raw: no VMFS here" "$examples/list" "$T/raw"
says "one device of two" 1 "device" "$examples/list" "$T/b.img"
says "a device named twice" 1 "is named twice" "$examples/list" "$T/a.img" "$T/a.img"
says "a disk that is not there" 1 "no.vmdk" "$examples/copy" "$T/one.img" no.vmdk "$T/x"
head -c 1M "$T/one.img" >"$T/cut.img"
says "an image that was cut off" 1 "image: too small for a VMFS" "$examples/copy" "$T/cut.img" d.vmdk "$T/x"
finish
