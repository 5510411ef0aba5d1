#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The case files are sound, there is one for every method of every resource, and docs/conformance.md
# lists them all.
# Environment: srcdir, builddir, PYTHON3.
set -u

src=${srcdir:-.}/tests/conformance
run="${PYTHON3:-python3} -B $src/conformance"
types=$(mktemp)
trap 'rm -f "$types"' EXIT
status=0

"${builddir:-.}/nscl/nscl" --types >"$types" || status=1
$run --check --xsd-check "$src/../xsd/validate.sh" --types "$types" || status=1
$run --check-report "$src/../../docs/conformance.md" || {
	echo "docs/conformance.md is out of date: make conformance-report"
	status=1
}
exit $status
