#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh: the models of the SGA, each run in which the claims must hold and each in which they must
# not. Spin looks at every order of events within the bounds that a model states; nothing is said
# beyond them. OPENSCL_LONG=1: also with three runs of a party. Skipped without spin.
# Environment: srcdir, CC, OPENSCL_LONG.
set -u

models=$(cd "${srcdir:-.}/tests/model" && pwd) || exit 1
cc=${CC:-cc}
memory=4000 # MB at most
depth=10000 # steps; the models end after less than 100
optimise=-O0
passed=0
failed=0

command -v spin >/dev/null || {
	echo "spin is missing"
	exit 77
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

ok()
{
	echo "ok - $*"
	passed=$((passed + 1))
}

not_ok()
{
	echo "not ok - $*"
	failed=$((failed + 1))
}

# search MODEL DEFINITIONS...: every state; the report of the verifier is in $work/report.
search()
{
	model=$1
	shift
	rm -f "$work"/*
	# Compiler and flags are words of their own; most searches are shorter than an optimisation.
	# shellcheck disable=SC2086
	(cd "$work" && spin "$@" -a "$models/$model" &&
		$cc $optimise -w -DSAFETY -DCOLLAPSE -DMEMLIM=$memory -o pan pan.c &&
		./pan -E -n -m$depth) >"$work/report" 2>&1
}

# verdict: "holds", "violated" or "?", by a search that has seen all or found something.
verdict()
{
	if grep -q 'max search depth too small\|out of memory\|VECTORSZ\|Search not completed' \
		"$work/report"; then
		grep -q 'assertion violated' "$work/report" && echo violated && return
		echo "?"
	elif grep -q 'errors: 0$' "$work/report"; then
		echo holds
	elif grep -q 'assertion violated' "$work/report"; then
		echo violated
	else
		echo "?"
	fi
}

# row EXPECTED WHAT MODEL DEFINITIONS...
row()
{
	expected=$1
	what=$2
	shift 2
	search "$@"
	found=$(verdict)
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/report")
	if [ "$found" = "$expected" ]; then
		ok "$what: $found, ${states:-no} states ($*)"
	else
		not_ok "$what: $found instead of $expected ($*)"
		tail -n 20 "$work/report"
	fi
}

# What the paper says. Without an intruder all is well, so the claims are fair.
row violated "literal: never do both devices have the key" literal.pml -DREACH -DQUIET
row holds "literal: without an intruder" literal.pml -DQUIET -DW3 -DW4_A -DW4_B -DW8
row violated "literal: W3, a key that the peer has not chosen" literal.pml -DW3
row violated "literal: W4, an invitation again" literal.pml -DW4_A -DREPLAYS
row violated "literal: W4, a session of old messages" literal.pml -DW4_B -DREPLAYS
row holds "literal: B6 to an outsider" literal.pml -DW8
row violated "literal: W8 and W9, B6 made by the peer" literal.pml -DW8 -DINSIDER
row violated "literal: W15, a key that the peer has not" literal.pml -DW15

# What is shipped, and what each part of it is for.
row violated "shipped: never do both devices have the key" shipped.pml -DREACH
row holds "shipped" shipped.pml
row violated "shipped without freshness" shipped.pml -DNO_FRESH
row violated "shipped without proofs in A1 and A3" shipped.pml -DNO_PROOF
row violated "shipped without confirmation" shipped.pml -DNO_CONF
row violated "shipped without names" shipped.pml -DNO_NAMES -DONLY_K
# Hashes are the second line: where sessions are fresh, an honest gateway does not need them;
# where they are not, it is they that keep phase B to one session.
row holds "shipped without hashes, all else in place" shipped.pml -DNO_CHAIN
row holds "shipped without freshness, phase B" shipped.pml -DNO_FRESH -DONLY_G
row violated "shipped without freshness and hashes, phase B" \
	shipped.pml -DNO_FRESH -DNO_CHAIN -DONLY_G
row holds "shipped without freshness and hashes, the key" shipped.pml -DNO_FRESH -DNO_CHAIN -DONLY_K
row violated "shipped without freshness, hashes, confirmation, the key" \
	shipped.pml -DNO_FRESH -DNO_CHAIN -DNO_CONF -DONLY_K

# A gateway that cheats.
row holds "gateway that only reads" gateway.pml -DREADS
row violated "W13: gateway that cheats" gateway.pml
row holds "gateway that cheats, devices that sign" gateway.pml -DE2E
row violated "gateway that cheats, devices that sign, without hashes" gateway.pml -DE2E -DNO_CHAIN

if [ "${OPENSCL_LONG:-0}" = 1 ]; then
	optimise=-O2
	row holds "shipped, three runs" shipped.pml -DNJ=3 -DNG=3
	row holds "shipped without hashes, three" shipped.pml -DNG=3 -DNO_CHAIN
	row holds "shipped without freshness, phase B, three" shipped.pml -DNG=3 -DNO_FRESH -DONLY_G
fi

echo "$passed passed, $failed failed"
exit $((failed > 0))
