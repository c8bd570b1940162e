#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# Manual pages have no warnings.
cd "$(dirname "$0")/../.." || exit 1
pages=$(git ls-files -co --exclude-standard '*.[1-9]')
[ -n "$pages" ] || { echo "there are no manual pages"; exit 1; }
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 77; }
mandoc -Tlint -Wwarning $pages
