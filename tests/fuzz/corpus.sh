#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every target over its corpus. With libFuzzer, that is a run without new inputs.
# Environment: srcdir, builddir.
set -u

corpus=${srcdir:-.}/tests/fuzz/corpus
build=${builddir:-.}/tests/fuzz
passed=0
failed=0

for dir in "$corpus"/*/; do
	name=$(basename "$dir")
	target=$build/fuzz_$name
	runs=
	grep -q 'ERROR: libFuzzer' "$target" && runs=-runs=0
	if "$target" $runs "$dir"; then
		passed=$((passed + 1))
	else
		echo "FAIL: fuzz_$name"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
