#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# report.sh PAGE: run the suite against each daemon in terms of both releases, and over CoAP, and write
# the page.
# Environment: srcdir, builddir, PYTHON3.
set -u

src=${srcdir:-.}/tests/conformance
build=${builddir:-.}
run="${PYTHON3:-python3} -B $src/conformance"
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
status=0

# one KIND RELEASE TRANSPORT: the output comes when it is over, as several run at a time.
one()
{
	log=$results/$1-$2-$3
	$run --daemon "$build/$1/$1" --kind "$1" --release "$2" --transport "$3" --engine lmdb --slow \
		--concurrency 8 --results "$log.json" >"$log.log" 2>&1
	rc=$?
	echo "$1, release $2, $3"
	cat "$log.log"
	return $rc
}

for kind in nscl gscl dscl; do
	one $kind 2 http &
	other=$!
	one $kind 1 http || status=1
	wait $other || status=1
	one $kind 2 coap || status=1
done
$run --write-report "$1" "$results"/*.json || status=1
exit $status
