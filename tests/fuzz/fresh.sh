#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fresh.sh SECONDS TARGET...: fresh inputs for the targets (libFuzzer), which share the time; one
# target per processor runs at a time. An input that a target fails on stays in the current
# directory.
# Environment: srcdir.
set -u

corpus=${srcdir:-$(dirname "$0")/../..}/tests/fuzz/corpus

# fuzz SECONDS TARGET WORK-DIR
fuzz()
{
	name=${2##*/fuzz_}
	# New inputs go to the first directory.
	mkdir "$3/$name"
	if "$2" -max_total_time="$1" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="./$name-" "$3/$name" "$corpus/$name" >"$3/$name.log" 2>&1; then
		echo ok >"$3/$name.result"
		sed -n "s/^stat::number_of_executed_units: */$name: inputs: /p" "$3/$name.log"
	else
		tail -n 40 "$3/$name.log"
		echo "FAIL: fuzz_$name"
	fi
}

if [ "$1" = --one ]; then
	fuzz "$2" "$4" "$3"
	exit
fi

seconds=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

printf '%s\n' "$@" |
	xargs -n 1 -P "$(nproc)" sh "$0" --one $((seconds / $#)) "$work"
passed=$(find "$work" -name '*.result' | wc -l)
echo "$passed passed, $(($# - passed)) failed"
[ "$passed" -eq $# ]
