#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fresh.sh SECONDS TARGET...: fresh inputs for the targets (libFuzzer), which share the time. An
# input that a target fails on stays in the current directory.
set -u

seconds=$1
shift
corpus=${srcdir:-$(dirname "$0")/../..}/tests/fuzz/corpus
share=$((seconds / $#))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

for target; do
	name=${target##*/fuzz_}
	# New inputs go to the first directory.
	mkdir "$work/$name"
	if "$target" -max_total_time=$share -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="./$name-" "$work/$name" "$corpus/$name" >"$work/log" 2>&1; then
		grep 'number_of_executed_units' "$work/log" | sed "s/^/$name: /"
		passed=$((passed + 1))
	else
		tail -n 40 "$work/log"
		echo "FAIL: fuzz_$name"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
