#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header of common/ compiles alone, and a folder includes only itself and those before it in
# the order of dependency: base < sec < pairing < sga < gaka < mpa < sd < pre < codec < model < store
# < core < mas < bind < cap < app < cli.
# Environment: srcdir, CC, TEST_CPPFLAGS.
set -u

order="base sec pairing sga gaka mpa sd pre codec model store core mas bind cap app cli"
common=${srcdir:-.}/common
failures=0

fail()
{
	echo "FAIL: $*"
	failures=$((failures + 1))
}

# Headers of optional libraries that are absent here.
needs_absent_library()
{
	if grep -q '<rocksdb/' "$1"; then
		! grep -q '^#define HAVE_ROCKSDB 1' config.h
	else
		grep -q '<blst.h>' "$1" && ! grep -q '^#define HAVE_PAIRING 1' config.h
	fi
}

compile_alone()
{
	# The flags are words of their own.
	# shellcheck disable=SC2086
	printf '#include "config.h"\n#include "%s"\n' "${1#"$common"/}" |
		${CC:-cc} $TEST_CPPFLAGS -Wno-unused-function -fsyntax-only -x c - ||
		fail "$1 does not compile alone"
}

headers=0
for header in "$common"/*/*.h; do
	needs_absent_library "$header" && continue
	compile_alone "$header"
	headers=$((headers + 1))
done
[ $headers -gt 0 ] || fail "no header found in $common"

# A folder outside the order would escape the rule.
for folder in "$common"/*/; do
	name=$(basename "$folder")
	case " $order " in
	*" $name "*) ;;
	*) ls "$folder"*.[ch] >/dev/null 2>&1 && fail "$name has no place in the order" ;;
	esac
done

allowed=
for name in $order; do
	allowed="$allowed $name"
	for file in "$common/$name"/*.[ch]; do
		[ -f "$file" ] || continue
		for used in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$file" | sort -u); do
			case " $allowed " in
			*" $used "*) ;;
			*) fail "$file includes $used/" ;;
			esac
		done
	done
done

echo "$headers headers, $failures failures"
exit $((failures > 0))
