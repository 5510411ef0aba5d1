#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the pinned release of blst must not be used for, and by whom: no call of what has known
# defects in it (products of many powers, conversion of many points, unchecked_mult: mended in
# 0.3.15 and 0.3.16), and no file but pairing_blst*.[ch] includes its header.
# Arguments: directories to look in; without any, all sources. Environment: srcdir.
set -u

src=${srcdir:-.}
[ $# -gt 0 ] || set -- "$src/common" "$src/nscl" "$src/gscl" "$src/dscl" "$src/docs" "$src/tests"
forbidden='blst_p[12]s_(mult|tile|to_affine)|blst_p[12]_unchecked_mult'
failures=0

# found WHAT LINES
found()
{
	[ -n "$2" ] || return
	echo "FAIL: $1:"
	echo "$2"
	failures=$((failures + 1))
}

sources()
{
	find "$@" -name '*.[chS]' -type f
}

count=$(sources "$@" | wc -l)
[ "$count" -gt 0 ] || found "no source" "$*"
found "forbidden with this release of blst" \
	"$(sources "$@" | xargs grep -nE "$forbidden" /dev/null)"
found "only pairing_blst*.[ch] includes blst.h" \
	"$(sources "$@" | grep -v '/common/pairing/pairing_blst[a-z_]*\.[ch]$' |
		xargs grep -nE '#[[:space:]]*include.*blst(_aux)?\.h' /dev/null)"

echo "$count sources, $failures failures"
exit $((failures > 0))
