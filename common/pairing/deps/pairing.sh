#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sources of the pairing: blst 0.3.12, as the npm package c-kzg 4.1.0 carries it. Nothing of it is
# in this repository; what comes from elsewhere is compared with the sums below before it is used.
#
# pairing.sh describe FILE.tgz|DIR   checks, prints provider and version
# pairing.sh fetch npm|FILE.tgz      puts the sources below ./deps and checks them
# pairing.sh check DIR               compares with the sources that are known
set -eu

package="c-kzg 4.1.0"
version="blst 0.3.12"
tarball_sha512=7a588e041d862a84f9364e0bc0de35f0ef2459f5c2c1ea478f791deb3d332abc\
c87496ebcb463c2033d8cc4e43c70fdfb37f3a3c63bacd046acbc2d256d479b5
manifest_files=64
manifest_sha256=53275b53a465500b6d0fdf614ed7b3ccc7f8c6f17ef0b8126240be0735a1fd4f
npm_seconds=300

here=$(cd "$(dirname "$0")" && pwd)
LC_ALL=C
export LC_ALL

die()
{
	echo "pairing.sh: $*" >&2
	exit 1
}

# manifest DIR: what is compiled, what that includes, and the licence, with their sums.
manifest()
{
	(cd "$1" && find LICENSE src build/assembly.S build/elf bindings/blst.h bindings/blst_aux.h \
		-type f ! -path 'src/asm/*' | sort | xargs sha256sum)
}

known()
{
	files=$(manifest "$1" 2>/dev/null) || return 1
	[ "$(echo "$files" | wc -l)" -eq $manifest_files ] &&
		[ "$(echo "$files" | sha256sum | cut -d ' ' -f 1)" = $manifest_sha256 ]
}

check()
{
	known "$1" || die "the sources in $1 are not those of $version"
}

check_tarball()
{
	[ -r "$1" ] || die "cannot read $1"
	[ "$(sha512sum <"$1" | cut -d ' ' -f 1)" = $tarball_sha512 ] ||
		die "$1 is not the npm package $package"
}

# What sources that are not pinned say of themselves.
told_version()
{
	if [ -e "$1/.git" ] && git -C "$1" describe --tags 2>/dev/null; then
		return
	fi
	sed -n 's/^version = "\(.*\)"$/\1/p' "$1/bindings/rust/Cargo.toml" 2>/dev/null | grep . ||
		echo "of unknown version"
}

describe()
{
	if [ -f "$1" ]; then
		check_tarball "$1"
		echo "$version ($package)"
		return
	fi
	for file in src/server.c build/assembly.S bindings/blst.h LICENSE; do
		[ -r "$1/$file" ] || die "no $file in $1"
	done
	if known "$1"; then
		echo "$version"
	else
		echo "blst $(told_version "$1"), untested sources"
	fi
}

# npm needs both files in its prefix, and asks nothing.
fetch_npm()
{
	for file in package.json package-lock.json; do
		cmp -s deps/$file "$here/$file" || {
			rm -f deps/$file
			cp "$here/$file" deps/
		}
	done
	timeout --foreground $npm_seconds npm ci --prefix deps --ignore-scripts --omit=dev --no-audit \
		--no-fund --no-update-notifier --fetch-timeout=60000 --fetch-retry-maxtimeout=20000 \
		</dev/null || die "npm did not get $package. Without a network: configure with
    --with-pairing=FILE.tgz (of npm pack c-kzg@4.1.0), or
    --with-pairing=DIR (sources of blst), or --without-pairing"
	check deps/node_modules/c-kzg/deps/blst
}

fetch_tarball()
{
	check_tarball "$1"
	rm -rf deps/package
	tar -xzf "$1" -C deps package/deps/blst
	check deps/package/deps/blst
}

case "$#,${1:-},${2:-}" in
2,describe,*) describe "$2" ;;
2,check,*) check "$2" ;;
2,fetch,npm) mkdir -p deps && fetch_npm ;;
2,fetch,*) mkdir -p deps && fetch_tarball "$2" ;;
*) die "describe FILE.tgz|DIR, fetch npm|FILE.tgz, or check DIR" ;;
esac
