#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# deps.sh [build] [demo] [check] [package] [bench] [guest]: install the Debian packages that a set needs
# (default: build demo check package). Says nothing when all are there, so a builder without root needs it only once.
# The one list of packages is here. --list prints the names and installs nothing.
set -eu

build="gcc make libc6-dev libaio-dev liburing-dev libisal-dev libdeflate-dev libnbd-dev libfdisk-dev libjansson-dev
	libxml2-dev libgnutls28-dev nbdkit-plugin-dev pkg-config"
demo="e2fsprogs fdisk qemu-utils vmfs-tools busybox-static"
check="git libcunit1-dev clang-14 libclang-rt-14-dev clang-format-14 libvmdk-utils 7zip mandoc jq vmfs6-tools
	nbdkit libnbd-bin binutils python3 strace
	gzip xz-utils util-linux mount procps time"
package="debhelper build-essential dpkg-dev fakeroot lintian"
bench="nbdkit libnbd-bin openssl fio xfsprogs kmod linux-perf"
# Of make check-long: guests of libguestfs, and the kernel that they run.
guest="libguestfs-tools virt-v2v linux-image-cloud-$(dpkg --print-architecture)"

list=0 sets=
for arg in "$@"; do
	case $arg in
	--list) list=1 ;;
	build | demo | check | package | bench | guest) sets="$sets $arg" ;;
	*)
		echo "usage: tests/deps.sh [--list] [build] [demo] [check] [package] [bench] [guest]" >&2
		exit 2
		;;
	esac
done
packages=
for set in ${sets:-build demo check package}; do packages="$packages ${!set}"; done
if [ $list -eq 1 ]; then
	printf '%s\n' $packages
	exit 0
fi

missing=
for package in $packages; do
	case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true) in
	*' installed') ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "deps: these Debian packages are missing, and only root can install them:" >&2
	echo "  sudo apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "deps: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get -q update && apt-get -q -y install --no-install-recommends $missing; } >"$log" 2>&1; then
	tail -20 "$log" >&2
	echo "deps: apt-get failed; its last lines are above" >&2
	exit 1
fi
