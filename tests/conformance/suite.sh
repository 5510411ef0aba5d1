#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# suite.sh DAEMON.suite: one run of the suite against the daemon per line of the file, which holds
# options of conformance. A line that begins with "long " counts with OPENSCL_LONG=1 alone.
# Environment: srcdir, builddir, PYTHON3, OPENSCL_LONG.
set -u

src=${srcdir:-.}/tests/conformance
kind=$(basename "$1" .suite)
daemon=${builddir:-.}/$kind/$kind
slow=
[ -z "${OPENSCL_LONG:-}" ] || slow=--slow
status=0

while read -r options; do
	case $options in
	'' | '#'*) continue ;;
	'long '*)
		[ -n "$slow" ] || continue
		options=${options#long }
		;;
	esac
	echo "$kind $options"
	# The options are words of their own.
	# shellcheck disable=SC2086
	"${PYTHON3:-python3}" -B "$src/conformance" --daemon "$daemon" --kind "$kind" $slow \
		--xsd-check "$src/../xsd/validate.sh" $options </dev/null || status=1
done <"$1"
exit $status
