#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# What is installed: `make install` below a prefix, Debian packages, built twice and equal, in a scratch
# root, where a user who has no root runs the README's quick start, the plugin, an example and the Python module.
# What is linked is listed.
cd "$(dirname "$0")/../.." && . tests/lib.sh
top=$PWD
unset MAKEFLAGS MAKELEVEL

# ---- make install ------------------------------------------------------------------------------------------

try "make install below a prefix" make install DESTDIR="$T/a place" prefix=/opt/cairn
for f in bin/cairn bin/vmkfstools share/man/man8/cairn-file-cp.8 share/man/man5/cairn.conf.5 \
	share/bash-completion/completions/voma share/zsh/site-functions/_cairn \
	share/fish/vendor_completions.d/partedUtil.fish share/doc/cairn/LICENSE; do
	[ -e "$T/a place/opt/cairn/$f" ] || fail "make install: $f is missing"
done
try "all of it is below the prefix" sh -c "[ \"\$(ls '$T/a place')\" = opt ] && [ \"\$(ls '$T/a place/opt')\" = cairn ]"
try "the installed program starts" "$T/a place/opt/cairn/bin/cairn" --version
missing=$("$T/a place/opt/cairn/bin/cairn" commands --json | jq -r '.items[].manual' | while read -r page; do
	[ -e "$T/a place/opt/cairn/share/man/man8/$page.8" ] || echo "$page"; done)
[ -z "$missing" ] && pass "each command's manual is installed" || fail "manuals that are not installed: $missing"

# ---- make deb, twice -----------------------------------------------------------------------------------------

have dpkg-buildpackage && have dh || { skipped "packages: debhelper is not installed"; finish; }

# Elsewhere, under another name, clock zone and mask.
again=$T/elsewhere
mkdir "$again"
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$again"
(cd "$again" && umask 077 && TZ=Pacific/Auckland LC_ALL=C.UTF-8 make deb) >"$T/again.log" 2>&1 &
try "make deb" make deb
wait $! && pass "make deb in another place" || { fail "make deb in another place"; tail -20 "$T/again.log"; }
debs=$(cd build/deb && ls -- *.deb)
for d in $debs; do same "a second build of $d is equal" "build/deb/$d" "$again/build/deb/$d"; done
rm -rf "$again"
[ "$(dpkg-parsechangelog -S Version)" = "$(cairn --version | cut -d' ' -f2)" ] &&
	pass "the package's version is the program's" || fail "debian/changelog and cairn --version differ"
for p in $(awk '/^Package:/ { print $2 }' debian/control); do
	case $debs in *"${p}_"*) ;; *) fail "there is no package $p" ;; esac
done
if have lintian; then
	complaints=$(lintian -I --allow-root build/deb/*.changes 2>&1)
	[ -z "$complaints" ] && pass "lintian says nothing" || fail "lintian: $complaints"
else
	skipped "lintian is not installed"
fi

# ---- a scratch root --------------------------------------------------------------------------------------------

R=$T/root
mkdir -p "$R/var/lib/dpkg/info" "$R/var/lib/dpkg/updates"
touch "$R/var/lib/dpkg/status" "$R/var/lib/dpkg/available"
as_root=
[ "$(id -u)" -eq 0 ] || as_root=fakeroot
ours=$(echo "$debs" | grep -v dbgsym)
# Their dependencies are looked for on this machine: the scratch root has no others.
needs=$(for d in $ours; do dpkg-deb -f "build/deb/$d" Depends; done | tr ',' '\n' | sed 's/[(|:].*//; s/ //g' | sort -u)
for n in $needs; do
	case "$ours" in *"${n}_"*) continue ;; esac
	dpkg-query -W -f '${Status}' "$n" 2>/dev/null | grep -q ' installed' || fail "a package needs $n, which is not here"
done
try "dpkg installs them into a scratch root" $as_root dpkg --root="$R" --force-depends -i $(printf "build/deb/%s " $ours)
try "all are configured" sh -c "! dpkg-query --admindir='$R/var/lib/dpkg' -W -f '\${db:Status-Status}\n' | grep -v '^installed'"

# ---- the quick start ---------------------------------------------------------------------------------------------

# A user whom this machine has never seen, with an environment as after a first login.
user()
{
	local drop=

	[ "$(id -u)" -eq 0 ] && drop="setpriv --reuid=47110 --regid=47110 --clear-groups --no-new-privs"
	$drop env -i HOME="$T/home" PATH="$R/usr/bin:/usr/bin:/bin" LD_LIBRARY_PATH="$(echo "$R"/usr/lib/*-linux-gnu*)" "$@"
}
mkdir "$T/home"
[ "$(id -u)" -eq 0 ] && chown 47110:47110 "$T/home" && chmod 711 "$T"
cp tests/quick_start.sh README.md "$T/home"
try "a fresh user finds the installed program" user sh -c 'command -v cairn | grep -qx "$1/usr/bin/cairn"' - "$R"
try "a fresh user runs the quick start" user "$T/home/quick_start.sh" "$T/home/README.md" "$T/home"
# The library and the plugin of the packages, by the way of those who link with them.
plugin=$(echo "$R"/usr/lib/*/nbdkit/plugins/nbdkit-cairn-plugin.so)
if have nbdkit && have nbdcopy; then
	try "a fresh user serves the disk by the plugin" user sh -c 'cd "$HOME" && rm -f out.raw &&
		nbdkit -U - "$1" device=lun.img vm/vm.vmdk --run "nbdcopy \"\$uri\" out.raw" && cmp out.raw debian.raw' - "$plugin"
else
	skipped "nbdkit or nbdcopy is not installed"
fi
try "a fresh user builds an example" user sh -c 'cd "$HOME" && PKG_CONFIG_SYSROOT_DIR=$1 PKG_CONFIG_PATH=$2
	export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH
	cc -o list "$1/usr/share/doc/libcairn-dev/examples/list.c" $(pkg-config --cflags --libs cairn) &&
	./list lun.img | grep -q vm.vmdk' - "$R" "$(echo "$R"/usr/lib/*/pkgconfig)"
if have python3; then
	cp tools/libcairn/python/test_cairn.py "$T/home"
	chmod 644 "$T/home/test_cairn.py"
	try "a fresh user reads the disk in Python" user env PYTHONDONTWRITEBYTECODE=1 \
		PYTHONPATH="$R/usr/lib/python3/dist-packages" python3 "$T/home/test_cairn.py" \
		"$T/home/lun.img" vm/vm.vmdk "$T/home/debian.raw"
else
	skipped "python3 is not installed"
fi
try "the installed completion answers" user bash -c '
	. "$1/usr/share/bash-completion/completions/vmkfstools"
	COMP_WORDS=(cairn vol) COMP_CWORD=1; _cairn; [ "${COMPREPLY[*]}" = volume ]' - "$R"

# ---- what is linked -------------------------------------------------------------------------------------------------

# Libraries behind the port, those of the tools, and the C library with its loader (thread-local storage).
allowed=" libcairn.so.0 liburing.so.2 libaio.so.1 libisal.so.2 libdeflate.so.0 libfdisk.so.1 libjansson.so.4 libxml2.so.2 libgnutls.so.30 libnbd.so.0 libc.so.6 ld-linux-x86-64.so.2 "
programs=$(find "$R/usr" -type f \( -path '*/bin/*' -o -name '*.so*' \) -exec sh -c \
	'head -c 4 "$1" | grep -q ELF && echo "$1"' - {} \;)
[ -n "$programs" ] || fail "no program was found in the packages"
for f in $programs; do
	strange=$(readelf -d "$f" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r l; do
		case "$allowed" in *" $l "*) ;; *) echo "$l" ;; esac; done)
	[ -z "$strange" ] && pass "links of ${f#"$R"}" || fail "${f#"$R"} is linked with $strange"
done
finish
