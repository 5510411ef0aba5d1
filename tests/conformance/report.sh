#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# report.sh PAGE: run the suite against each daemon in terms of both releases and write the page.
# Environment: srcdir, builddir, PYTHON3.
set -u

src=${srcdir:-.}/tests/conformance
build=${builddir:-.}
run="${PYTHON3:-python3} -B $src/conformance"
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
status=0

for kind in nscl gscl dscl; do
	for release in 2 1; do
		echo "$kind, release $release"
		$run --daemon "$build/$kind/$kind" --kind "$kind" --release "$release" --engine lmdb \
			--slow --concurrency 16 --results "$results/$kind-$release.json" || status=1
	done
done
$run --write-report "$1" "$results"/*.json || status=1
exit $status
