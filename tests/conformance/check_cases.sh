#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The case files are sound, and CONFORMANCE.md tells what they test.
# Environment: srcdir, PYTHON3.
set -u

src=${srcdir:-.}/tests/conformance
run="${PYTHON3:-python3} -B $src/run"
status=0

$run --check --xsd-check "$src/../xsd/validate.sh" || status=1
$run --list-clauses | diff -u "$src/CONFORMANCE.md" - || {
	echo "CONFORMANCE.md is out of date: $src/run --list-clauses >$src/CONFORMANCE.md"
	status=1
}
exit $status
