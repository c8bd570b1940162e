#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Compare every #include "folder/..." with the DEPS of its folder's module.mk: a folder may include
# itself and what it names, nothing else; *_priv.h never crosses a folder; no OS header outside
# iopath/port, tools and tests.
cd "$(dirname "$0")/.." || exit 1
bad=0
for mk in $(git ls-files -co --exclude-standard '*module.mk'); do
	dir=$(dirname "$mk")
	[ "$dir" = tests ] && continue
	deps=$(sed -n "s|^${dir}_DEPS *:= *||p" "$mk")
	for f in "$dir"/*.[ch]; do
		[ -e "$f" ] || continue
		while read -r inc; do
			to=$(dirname "$inc")
			case $inc in *_priv.h) [ "$to" = "$dir" ] || { echo "$f includes the private $inc"; bad=1; } ;; esac
			[ "$to" = "$dir" ] && continue
			case " $deps " in *" $to "*) ;; *) echo "$f includes $inc, but $mk does not name $to"; bad=1 ;; esac
		done < <(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$f")
		case $dir in iopath/port/* | tools | tools/*) continue ;; esac
		grep -HnE '^#include <(stdio|stdlib|string|strings|errno|fcntl|unistd|time|pthread|sys/|linux/)' "$f" && bad=1
	done
done
[ $bad -eq 0 ] && echo "layers: no include points up"
exit $bad
