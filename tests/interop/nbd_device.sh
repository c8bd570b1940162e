#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# A datastore inside a qcow2 image, read through an NBD server: whole and as a partition, with one
# connection and several, and what happens when the server is not there, goes away, or ends too early.
. tests/lib.sh
have qemu-nbd || skip_all "qemu-nbd is not installed"
have qemu-img || skip_all "qemu-img is not installed"
have nbdkit || skip_all "nbdkit is not installed"
cd "$T" || exit 1
V=/vmfs/volumes/ds1
server=

serve()		# SOCKET CMD...: wait until it listens
{
	local socket=$1

	shift
	"$@" >server.out 2>&1 &
	server=$!
	for _ in $(seq 100); do [ -S "$socket" ] && return; sleep 0.1; done
	fail "the server does not come up: $(head -c 300 server.out)"
}
stop_server() { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; }
trap 'stop_server; clean_up' EXIT

truncate -s 600M disk.img
partedUtil mklabel "$T/disk.img" gpt >/dev/null 2>&1
try "a partition" partedUtil setptbl "$T/disk.img" gpt "1 2048 1226751 AA31E02A400F11DB9590000C2911D1B8 0"
try "a volume in it" vmkfstools -C vmfs5 -S ds1 disk.img:1
head -c 9000000 /dev/urandom >data
CAIRN_DEVICES=disk.img:1 cairn file cp -q data $V/data || fail "filling it"
CAIRN_DEVICES=disk.img:1 cairn file mkdir -q $V/dir
qemu-img convert -O qcow2 disk.img disk.qcow2 || fail "qemu-img convert"

# ---- qemu-nbd, one connection after the other and several -----------------------------------------
for share in 1 8; do
	rm -f sock
	serve sock qemu-nbd -r -t -e $share -k "$T/sock" disk.qcow2
	U="nbd+unix:///?socket=$T/sock"
	rm -f got
	try "list the volume, $share connections" cairn file ls -q --device "$U" $V
	grep -q '^data$' out || fail "its file is not listed"
	try "copy a file out" cairn file cp -q --device "$U" $V/data got
	same "the copy" got data
	try "by its partition" cairn file ls -q --device "$U:1" $V
	expect 1 "a partition that is not there" cairn file ls -q --device "$U:3" $V
	try "check it" cairn volume check -q --device "$U" ds1
	expect 63 "writing is refused" cairn file cp -q --device "$U" data $V/new
	stop_server
done

# ---- over TCP: the port is no partition -----------------------------------------------------------
port=$((20000 + RANDOM % 20000))
qemu-nbd -r -t -e 4 -b 127.0.0.1 -p $port disk.qcow2 >server.out 2>&1 &
server=$!
for _ in $(seq 50); do nbdinfo --size nbd://127.0.0.1:$port >/dev/null 2>&1 && break; sleep 0.1; done
try "over TCP" cairn file ls -q --device nbd://127.0.0.1:$port $V
try "over TCP, a partition behind the port" cairn file ls -q --device nbd://127.0.0.1:$port:1 $V
try "over TCP, a partition behind the path" cairn file ls -q --device nbd://127.0.0.1:$port/:1 $V
stop_server

# ---- trouble --------------------------------------------------------------------------------------
expect 1 "nobody listens" cairn file ls -q --device "nbd+unix:///?socket=$T/nowhere" $V
grep -q 'no NBD server answers' "$T/out" || fail "the message does not say so: $(head -c 200 "$T/out")"
rm -f sock
serve sock nbdkit -r -f -U "$T/sock" --filter=error --filter=partition file disk.img partition=1 \
	error-pread=EIO error-pread-rate=1 error-file="$T/break"
U="nbd+unix:///?socket=$T/sock"
try "a filtered disk" cairn file ls -q --device "$U" $V
touch break
expect 1 "every read fails" cairn file ls -q --device "$U" $V
stop_server
# An image that ends in the middle of the file's data: the rest is listed and copied, the gap is told.
truncate -s 400M disk.img
where=$(CAIRN_DEVICES=disk.img:1 cairn file ls -q $V 2>/dev/null | grep -c .)
[ "$where" -gt 5 ] && pass "a shortened image is listed" || fail "a shortened image cannot be listed"
finish
