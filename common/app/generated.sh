#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manual pages and sample configurations come from the rows of options.def, told by the daemons.
# Without --update: fails when a committed one differs from what its daemon says.
# usage: generated.sh [--update] SOURCE-DIR BUILD-DIR
set -eu

update=no
if [ "${1:-}" = --update ]; then
	update=yes
	shift
fi
src=${1:-${srcdir:-.}}
build=${2:-.}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

# Lines that begin with @daemon: are for that daemon alone.
make_page() {
	"$build/$1/$1" --man-options >"$tmp/options"
	sed -n -e "s/^@$1://" -e '/^@[a-z]*:/d' -e "s/@name@/$1/g" \
		-e "s/@NAME@/$(echo "$1" | tr a-z A-Z)/g" -e p "$src/common/app/daemon.8.in" |
		sed -e "/^@OPTIONS@\$/{" -e "r $tmp/options" -e 'd' -e '}'
}

agree() {
	if [ $update = yes ]; then
		cp "$1" "$2"
	elif ! diff -u "$2" "$1"; then
		echo "$2 is out of date: make update-generated" >&2
		status=1
	fi
}

for name in nscl gscl dscl; do
	make_page $name >"$tmp/page"
	agree "$tmp/page" "$src/$name/$name.8"
	"$build/$name/$name" --sample-config >"$tmp/conf"
	agree "$tmp/conf" "$src/$name/$name.conf"
	"$build/$name/$name" -c "$src/$name/$name.conf" --check-config || status=1
done
exit $status
