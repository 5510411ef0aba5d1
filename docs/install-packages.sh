#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install-packages.sh [build|test|ci]: installs the Debian packages that a build needs, with test
# also those of the tests, with ci also those of the analyses. What is there stays as it is; without
# anything to install, neither root nor a network is needed.
set -eu

build="gcc make libc6-dev autoconf automake pkg-config libmicrohttpd-dev libgnutls28-dev
	libcurl4-openssl-dev libxml2-dev libjson-c-dev libcbor-dev libssl-dev liblmdb-dev zlib1g-dev
	libconfig-dev libcoap3-dev libsystemd-dev librocksdb-dev"
test="check python3 libxml2-utils openssl curl jose gnutls-bin sslscan testssl.sh bind9-dnsutils
	libcoap3-bin spin"
# npm fetches the sources of the pairing; a nodejs of another origin than Debian brings it.
command -v npm >/dev/null || build="$build npm"
command -v node >/dev/null || test="$test nodejs"
ci="clang clang-tidy llvm cppcheck valgrind git xz-utils"

case ${1:-build} in
build) wanted="$build curl" ;;
test) wanted="$build $test" ;;
ci) wanted="$build $test $ci" ;;
*)
	echo "usage: $0 [build|test|ci]" >&2
	exit 2
	;;
esac

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || state=
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	as_root=sudo
	command -v sudo >/dev/null || {
		echo "$0: as root, run: apt-get install$missing" >&2
		exit 1
	}
fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# The names are words of their own.
# shellcheck disable=SC2086
$as_root apt-get install -q -y --no-install-recommends $missing
