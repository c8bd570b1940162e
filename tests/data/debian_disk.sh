#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# debian_disk.sh OUT DATA_MIB [SUMS]: a bootable-size Debian root disk as a raw image: an MBR, one partition
# of ext4 with a kernel, its modules, busybox with an init, and real files until DATA_MIB are in it. SUMS
# gets the SHA-256 of each file, as sha256sum writes it.
# Needs no root and mounts nothing. The kernel package is downloaded once into build/cache; without a
# network the files of this machine must do, and it says so.
set -eu
[ $# -eq 2 ] || [ $# -eq 3 ] || { echo "usage: debian_disk.sh OUT DATA_MIB [SUMS]" >&2; exit 2; }
out=$(realpath -m "$1") data_mib=$2 sums=${3:+$(realpath -m "$3")}
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin
cache=$PWD/build/cache
tree=$(mktemp -d "${TMPDIR:-/tmp}/cairn-root.XXXXXX")
trap 'rm -rf "$tree"' EXIT
mkdir -p "$cache"

# The newest kernel that the metapackage of this architecture asks for.
fetch_kernel()
{
	local meta package

	ls "$cache"/linux-image-*.deb >/dev/null 2>&1 && return
	meta=linux-image-$(dpkg --print-architecture)
	package=$(apt-cache depends "$meta" 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-[^ ]*\)$/\1/p' | head -1)
	[ -n "$package" ] && (cd "$cache" && apt-get -qq download "$package" >/dev/null 2>&1)
}
if fetch_kernel; then
	dpkg-deb -x "$(ls "$cache"/linux-image-*.deb | tail -1)" "$tree"
else
	echo "debian_disk: no kernel package can be downloaded; the files of this machine must do" >&2
fi

mkdir -p "$tree"/bin "$tree"/sbin "$tree"/dev "$tree"/proc "$tree"/sys "$tree"/etc "$tree"/root
busybox=$(command -v busybox) || { echo "debian_disk: busybox is not installed" >&2; exit 1; }
cp "$busybox" "$tree/bin/busybox"
for tool in sh ls cat mount sha256sum; do ln -s busybox "$tree/bin/$tool"; done
printf '%s\n' '#!/bin/sh' 'mount -t proc proc /proc' 'mount -t sysfs sys /sys' 'exec /bin/sh' >"$tree/sbin/init"
chmod 755 "$tree/sbin/init"
echo cairn-test >"$tree/etc/hostname"

# Real files until there are enough of them.
size_mib() { du -sm --apparent-size "$tree" | cut -f1; }
for from in /usr/bin /usr/lib/x86_64-linux-gnu /usr/lib /usr/share /usr; do
	[ "$(size_mib)" -lt "$data_mib" ] || break
	[ -d "$from" ] || continue
	need=$(((data_mib - $(size_mib)) * 1048576))
	# whole files, largest directories last, until the sum is there
	find "$from" -xdev -type f -size -40M -printf '%s %p\n' 2>/dev/null | LC_ALL=C sort -k 2 |
		awk -v need=$need '{ sum += $1; sub(/^[0-9]+ /, ""); print; if (sum >= need) exit }' |
		tar -c -P -T - 2>/dev/null | tar -x -P --transform "s|^/|$tree/|" --skip-old-files 2>/dev/null || true
done

[ -z "$sums" ] || (cd "$tree" && find . -type f -exec sha256sum {} +) >"$sums"

# The file system needs about 8 % more than its files; the disk ends on a whole MiB.
fs_mib=$(($(size_mib) * 112 / 100 + 96))
rm -f "$out"
truncate -s $((fs_mib + 2))M "$out"
echo 'start=2048, type=83, bootable' | sfdisk -q "$out"
mke2fs -q -t ext4 -d "$tree" -E offset=1048576 -L root -m 0 -F "$out" ${fs_mib}M 2>/dev/null ||
	{ echo "debian_disk: mke2fs failed" >&2; exit 1; }
echo "debian_disk: $(size_mib) MiB of files on a disk of $((fs_mib + 2)) MiB" >&2
